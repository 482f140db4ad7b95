//! `tproxy`: packets for others, given to a socket of this machine.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use nftlink::datum::{L4Proto, Port};
use nftlink::field::{ip, ip6, meta, tcp, udp};
use nftlink::{RuleBuilder, TproxyTarget};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

pub(super) fn pairs() -> Vec<Pair> {
    all([transparent(), transparent_in_ip(), transparent_in_ip6()])
}

fn of_tcp() -> RuleBuilder {
    Rule::new().when(meta::l4proto().eq(L4Proto::TCP))
}

fn transparent() -> Vec<Pair> {
    vec![
        does("meta l4proto tcp tproxy to :50080", of_tcp().tproxy(50080)),
        does("udp dport 53 tproxy to :5353 accept", {
            Rule::new().when(udp::dport().eq(53)).tproxy(Port::new(5353)).accept()
        }),
        does(
            "meta l4proto { tcp, udp } tproxy to :50080 meta mark set 0x00000001 accept",
            Rule::new()
                .when(meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP]))
                .tproxy(50080)
                .set(meta::mark(), 1)
                .accept(),
        ),
        // A port that is no constant nft sends, and does not list.
        does("meta l4proto tcp tproxy to :tcp sport", of_tcp().tproxy(tcp::sport()))
            .listed_as("meta l4proto tcp tproxy to"),
        does(
            "meta l4proto tcp tproxy to :tcp dport map { 80 : 8080 }",
            of_tcp().tproxy(tcp::dport().map::<Port>([(80, 8080)])),
        )
        .listed_as("meta l4proto tcp tproxy to"),
    ]
}

fn transparent_in_ip() -> Vec<Pair> {
    let web = || Rule::new().when(tcp::dport().eq(80));
    let mapped = || ip::daddr().map::<Ipv4Addr>([(A, B)]);
    // In a table of one family nft leaves the word out.
    let does = |text: &str, rule: RuleBuilder| {
        does(text, rule).listed_in(Family::IP, text.replace("tproxy ip to", "tproxy to"))
    };
    vec![
        does("tcp dport 80 tproxy ip to 10.0.0.1", web().tproxy(A)),
        does("tcp dport 80 tproxy ip to 10.0.0.1:50080", web().tproxy(SocketAddrV4::new(A, 50080))),
        does("tcp dport 80 tproxy ip to 10.0.0.2:50080", web().tproxy(SocketAddr::from((B, 50080)))),
        does("meta l4proto tcp tproxy ip to ip daddr", of_tcp().tproxy(ip::daddr())),
        does(
            "meta l4proto tcp tproxy ip to ip daddr:50080",
            of_tcp().tproxy(TproxyTarget::from(ip::daddr()).port(50080)),
        ),
        does("meta l4proto tcp tproxy ip to ip daddr map { 10.0.0.1 : 10.0.0.2 }", of_tcp().tproxy(mapped())),
        does(
            "meta l4proto tcp tproxy ip to ip daddr map { 10.0.0.1 : 10.0.0.2 }:50080",
            of_tcp().tproxy(TproxyTarget::from(mapped()).port(50080)),
        ),
        super::does(
            "meta l4proto tcp tproxy ip to ip daddr map { 10.0.0.1 : 10.0.0.2 }:tcp dport map { 80 : 8080 }",
            of_tcp().tproxy(TproxyTarget::from(mapped()).port(tcp::dport().map([(80, 8080)]))),
        )
        .listed_as("meta l4proto tcp tproxy ip to ip daddr map { 10.0.0.1 : 10.0.0.2 }")
        .listed_in(Family::IP, "meta l4proto tcp tproxy to ip daddr map { 10.0.0.1 : 10.0.0.2 }"),
        does(
            "meta l4proto tcp tproxy ip to meta mark map { 0x00000001 : 10.0.0.2 }:50080",
            of_tcp().tproxy(TproxyTarget::from(meta::mark().map::<Ipv4Addr>([(1, B)])).port(50080)),
        ),
        does("udp dport 53 tproxy ip to :5353", {
            Rule::new().when(udp::dport().eq(53)).tproxy(TproxyTarget::from(5353).ip())
        }),
        does("ip protocol tcp tproxy ip to :50080", {
            Rule::new().when(ip::protocol().eq(L4Proto::TCP)).tproxy(50080)
        }),
        does("ip daddr 0.0.0.0/0 meta l4proto tcp tproxy ip to :50080", {
            let anywhere = ip::daddr().in_prefix(Ipv4Addr::UNSPECIFIED, 0);
            Rule::new().when(anywhere).when(meta::l4proto().eq(L4Proto::TCP)).tproxy(50080)
        }),
        // A rule for IPv4 says so to the statement, too.
        does(
            "ip saddr 10.0.0.1 tcp dport 80 tproxy ip to :50080",
            Rule::new().when(ip::saddr().eq(A)).when(tcp::dport().eq(80)).tproxy(50080),
        ),
    ]
}

fn transparent_in_ip6() -> Vec<Pair> {
    let web = || Rule::new().when(tcp::dport().eq(80));
    let mapped = || ip6::daddr().map::<Ipv6Addr>([(A6, B6)]);
    // In a table of one family nft leaves the word out.
    let does = |text: &str, rule: RuleBuilder| {
        does(text, rule).listed_in(Family::IP6, text.replace("tproxy ip6 to", "tproxy to"))
    };
    vec![
        does("tcp dport 80 tproxy ip6 to [fd00::1]", web().tproxy(A6)),
        does("tcp dport 80 tproxy ip6 to [fd00::1]:50080", web().tproxy(SocketAddrV6::new(A6, 50080, 0, 0))),
        does("meta l4proto tcp tproxy ip6 to ip6 daddr map { fd00::1 : fd00::2 }", of_tcp().tproxy(mapped())),
        does(
            "meta l4proto tcp tproxy ip6 to ip6 daddr map { fd00::1 : fd00::2 }:50080",
            of_tcp().tproxy(TproxyTarget::from(mapped()).port(50080)),
        ),
        does("udp dport 53 tproxy ip6 to :5353", {
            Rule::new().when(udp::dport().eq(53)).tproxy(TproxyTarget::from(5353).ip6())
        }),
        does(
            "ip6 saddr fd00::1 tcp dport 80 tproxy ip6 to :50080",
            Rule::new().when(ip6::saddr().eq(A6)).when(tcp::dport().eq(80)).tproxy(50080),
        ),
    ]
}
