//! `reject`: a refusal that its sender is told of.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::RejectWith;
use nftlink::datum::{IcmpCode, Icmpv6Code, IcmpxCode, L4Proto, TcpFlags};
use nftlink::expr::Log;
use nftlink::field::{ip, ip6, meta, tcp, udp};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

pub(super) fn pairs() -> Vec<Pair> {
    all([plainly(), of_what_is_known(), with_icmp(), with_icmpv6(), with_icmpx()])
}

fn plainly() -> Vec<Pair> {
    vec![
        does("reject", Rule::new().reject()),
        does("meta l4proto tcp reject with tcp reset", Rule::new().reject_with(RejectWith::TcpReset))
            .typed("reject with tcp reset")
            .listed_in(Family::IP, "reject with tcp reset")
            .listed_in(Family::IP6, "reject with tcp reset"),
        does(
            "tcp dport 22 reject with tcp reset",
            Rule::new().when(tcp::dport().eq(22)).reject_with(RejectWith::TcpReset),
        ),
        // What the packet is decides how its sender is told.
        does("ip saddr 10.0.0.1 reject with icmp port-unreachable", Rule::new().when(ip::saddr().eq(A)).reject())
            .typed("ip saddr 10.0.0.1 reject")
            .listed_in(Family::IP, "ip saddr 10.0.0.1 reject"),
        does(
            "ip saddr 10.0.0.1 reject with icmp host-unreachable",
            Rule::new().when(ip::saddr().eq(A)).reject_with(RejectWith::Icmp(IcmpCode::HOST_UNREACHABLE)),
        ),
    ]
}

/// What the rule says before decides how the sender is told.
fn of_what_is_known() -> Vec<Pair> {
    let icmpx = |code| RejectWith::Icmpx(code);
    vec![
        does("meta l4proto tcp meta mark 0x0000000c reject with tcp reset", {
            Rule::new().when(meta::mark().eq(12)).reject_with(RejectWith::TcpReset)
        })
        .typed("meta mark 12 reject with tcp reset")
        .listed_in(Family::IP, "meta mark 0x0000000c reject with tcp reset")
        .listed_in(Family::IP6, "meta mark 0x0000000c reject with tcp reset"),
        does("tcp flags syn reject with tcp reset", {
            Rule::new().when(tcp::flags().has(TcpFlags::SYN)).reject_with(RejectWith::TcpReset)
        }),
        does("ip protocol tcp reject with tcp reset", {
            Rule::new().when(ip::protocol().eq(L4Proto::TCP)).reject_with(RejectWith::TcpReset)
        })
        .listed_in(Family::IP, "reject with tcp reset"),
        does("ip6 saddr fd00::1 reject with icmpv6 port-unreachable", {
            Rule::new().when(ip6::saddr().eq("fd00::1".parse::<Ipv6Addr>().unwrap())).reject()
        })
        .typed("ip6 saddr fd00::1 reject")
        .listed_in(Family::IP6, "ip6 saddr fd00::1 reject"),
        does("udp dport 53 reject with icmpx admin-prohibited", {
            Rule::new().when(udp::dport().eq(53)).reject_with(icmpx(IcmpxCode::ADMIN_PROHIBITED))
        }),
        does("tcp dport 22 ip saddr 10.0.0.1 reject with icmp port-unreachable", {
            Rule::new().when(tcp::dport().eq(22)).when(ip::saddr().eq(A)).reject()
        })
        .typed("tcp dport 22 ip saddr 10.0.0.1 reject with icmp 3")
        .listed_in(Family::IP, "tcp dport 22 ip saddr 10.0.0.1 reject"),
        does("counter packets 0 bytes 0 log reject with icmpx host-unreachable", {
            Rule::new().counter().log(Log::new()).reject_with(icmpx(IcmpxCode::HOST_UNREACHABLE))
        }),
    ]
}

fn with_icmp() -> Vec<Pair> {
    let codes = [
        ("net-unreachable", IcmpCode::NET_UNREACHABLE),
        ("host-unreachable", IcmpCode::HOST_UNREACHABLE),
        ("prot-unreachable", IcmpCode::PROT_UNREACHABLE),
        ("net-prohibited", IcmpCode::NET_PROHIBITED),
        ("host-prohibited", IcmpCode::HOST_PROHIBITED),
        ("admin-prohibited", IcmpCode::ADMIN_PROHIBITED),
    ];
    let of = |(word, code)| does(format!("reject with icmp {word}"), Rule::new().reject_with(RejectWith::Icmp(code)));
    let mut pairs: Vec<_> = codes.map(of).into();
    let port = Rule::new().reject_with(RejectWith::Icmp(IcmpCode::PORT_UNREACHABLE));
    // The usual way is not told where there is but one.
    pairs.push(does("reject with icmp port-unreachable", port).listed_in(Family::IP, "reject"));
    pairs
}

fn with_icmpv6() -> Vec<Pair> {
    let codes = [
        ("no-route", Icmpv6Code::NO_ROUTE),
        ("admin-prohibited", Icmpv6Code::ADMIN_PROHIBITED),
        ("addr-unreachable", Icmpv6Code::ADDR_UNREACHABLE),
        ("policy-fail", Icmpv6Code::POLICY_FAIL),
        ("reject-route", Icmpv6Code::REJECT_ROUTE),
    ];
    let of =
        |(word, code)| does(format!("reject with icmpv6 {word}"), Rule::new().reject_with(RejectWith::Icmpv6(code)));
    let mut pairs: Vec<_> = codes.map(of).into();
    let port = Rule::new().reject_with(RejectWith::Icmpv6(Icmpv6Code::PORT_UNREACHABLE));
    pairs.push(does("reject with icmpv6 port-unreachable", port).listed_in(Family::IP6, "reject"));
    pairs
}

/// By the packet's own protocol, whichever that is.
fn with_icmpx() -> Vec<Pair> {
    let codes = [
        ("no-route", IcmpxCode::NO_ROUTE),
        ("host-unreachable", IcmpxCode::HOST_UNREACHABLE),
        ("admin-prohibited", IcmpxCode::ADMIN_PROHIBITED),
    ];
    let of = |(word, code)| does(format!("reject with icmpx {word}"), Rule::new().reject_with(RejectWith::Icmpx(code)));
    let mut pairs: Vec<_> = codes.map(of).into();
    let port = Rule::new().reject_with(RejectWith::Icmpx(IcmpxCode::PORT_UNREACHABLE));
    pairs.push(does("reject", port).typed("reject with icmpx port-unreachable"));
    pairs
}
