//! Whole rules of a host's and a router's firewall, as people write them.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::datum::{CtState, CtStatus, EtherType, IcmpType, Icmpv6Type, L4Proto, PktType, TcpFlags};
use nftlink::expr::{Connlimit, Limit, Log, LogLevel, Verdict};
use nftlink::field::{arp, concat, ct, ether, icmp, icmpv6, ip, ip6, meta, tcp, th, udp};
use nftlink::{Interval, RejectWith};

use super::icmp::NOT_THERE;
use super::sets::{net, range};
use super::*;

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);

pub(super) fn pairs() -> Vec<Pair> {
    all([a_host(), neighbours(), a_router(), a_bridge(), scans()])
}

fn a_host() -> Vec<Pair> {
    vec![
        does("iif \"lo\" accept", Rule::new().when(meta::iif().eq(1)).accept()),
        does("iif != \"lo\" ip daddr 127.0.0.0/8 drop", {
            let loopback = ip::daddr().in_prefix(Ipv4Addr::LOCALHOST, 8);
            Rule::new().when(meta::iif().ne(1)).when(loopback).drop()
        }),
        does(
            "ct state vmap { invalid : drop, established : accept, related : accept }",
            Rule::new().vmap(
                ct::state(),
                [
                    (CtState::INVALID, Verdict::DROP),
                    (CtState::ESTABLISHED, Verdict::ACCEPT),
                    (CtState::RELATED, Verdict::ACCEPT),
                ],
            ),
        ),
        does(
            "ct state established,related counter packets 0 bytes 0 accept",
            Rule::new().when(ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)).counter().accept(),
        ),
        does(
            "ct state new tcp dport { 22, 80, 443 } accept",
            Rule::new().when(ct::state().has(CtState::NEW)).when(tcp::dport().one_of([22, 80, 443])).accept(),
        ),
        does(
            "ct state new tcp dport 22 limit rate 3/minute burst 10 packets accept",
            Rule::new()
                .when(ct::state().has(CtState::NEW))
                .when(tcp::dport().eq(22))
                .limit(Limit::packets(3, Limit::MINUTE).burst(10))
                .accept(),
        ),
        does(
            "tcp dport 22 ip saddr 192.0.2.0/24 accept",
            Rule::new().when(tcp::dport().eq(22)).when(ip::saddr().in_prefix(SERVER, 24)).accept(),
        ),
        does(
            "tcp dport 22 ip saddr != { 10.0.0.0/8, 192.168.0.0/16 } log prefix \"ssh: \" drop",
            Rule::new()
                .when(tcp::dport().eq(22))
                .when(ip::saddr().none_of([net(10, 0, 8), net(192, 168, 16)]))
                .log("ssh: ")
                .drop(),
        ),
        does(
            "udp sport 67 udp dport 68 accept",
            Rule::new().when(udp::sport().eq(67)).when(udp::dport().eq(68)).accept(),
        ),
        does(
            "meta l4proto { tcp, udp } th dport { 53, 853 } accept",
            Rule::new()
                .when(meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP]))
                .when(th::dport().one_of([53, 853]))
                .accept(),
        ),
        does(
            "meta skuid 1000 tcp dport != { 80, 443 } reject with tcp reset",
            Rule::new()
                .when(meta::skuid().eq(1000))
                .when(tcp::dport().none_of([80, 443]))
                .reject_with(RejectWith::TcpReset),
        ),
        does(
            "tcp dport 25 ct count over 10 drop",
            Rule::new().when(tcp::dport().eq(25)).connlimit(Connlimit::new(10).over()).drop(),
        ),
        does(
            "meta pkttype { broadcast, multicast } drop",
            Rule::new().when(meta::pkttype().one_of([PktType::BROADCAST, PktType::MULTICAST])).drop(),
        ),
        does(
            "limit rate 5/minute log prefix \"dropped: \" level debug",
            Rule::new().limit(Limit::packets(5, Limit::MINUTE)).log(Log::prefixed("dropped: ").level(LogLevel::DEBUG)),
        ),
        does("counter packets 0 bytes 0 drop comment \"the rest\"", Rule::new().counter().drop().comment("the rest")),
    ]
}

/// What IPv6 does not live without, and what a host is asked.
fn neighbours() -> Vec<Pair> {
    vec![
        does(
            "icmp type echo-request limit rate 5/second accept",
            Rule::new()
                .when(icmp::icmp_type().eq(IcmpType::ECHO_REQUEST))
                .limit(Limit::packets(5, Limit::SECOND))
                .accept(),
        )
        .not_in(Family::IP6, NOT_THERE),
        does(
            "icmp type { destination-unreachable, time-exceeded, parameter-problem } accept",
            Rule::new()
                .when(icmp::icmp_type().one_of([
                    IcmpType::DESTINATION_UNREACHABLE,
                    IcmpType::TIME_EXCEEDED,
                    IcmpType::PARAMETER_PROBLEM,
                ]))
                .accept(),
        )
        .not_in(Family::IP6, NOT_THERE),
        does(
            "icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept",
            Rule::new()
                .when(icmpv6::icmpv6_type().one_of([
                    Icmpv6Type::ND_ROUTER_ADVERT,
                    Icmpv6Type::ND_NEIGHBOR_SOLICIT,
                    Icmpv6Type::ND_NEIGHBOR_ADVERT,
                ]))
                .accept(),
        )
        .not_in(Family::IP, NOT_THERE),
        does(
            "ip6 hoplimit 255 icmpv6 type nd-router-advert accept",
            Rule::new()
                .when(ip6::hoplimit().eq(255))
                .when(icmpv6::icmpv6_type().eq(Icmpv6Type::ND_ROUTER_ADVERT))
                .accept(),
        ),
        does(
            "ip6 saddr fe80::/10 udp dport 546 accept",
            Rule::new().when(ip6::saddr().in_prefix(LINK_LOCAL, 10)).when(udp::dport().eq(546)).accept(),
        ),
        does(
            "ip protocol igmp ip daddr 224.0.0.0/4 accept",
            Rule::new()
                .when(ip::protocol().eq(L4Proto::IGMP))
                .when(ip::daddr().in_prefix(Ipv4Addr::new(224, 0, 0, 0), 4))
                .accept(),
        ),
    ]
}

fn a_router() -> Vec<Pair> {
    let names = || concat((meta::iifname(), meta::oifname()));
    vec![
        does(
            "iifname \"lan0\" oifname \"wan0\" accept",
            Rule::new().when(meta::iifname().eq("lan0")).when(meta::oifname().eq("wan0")).accept(),
        ),
        does(
            "iifname . oifname vmap { \"lan0\" . \"wan0\" : accept, \"lan0\" . \"dmz0\" : accept }",
            Rule::new().vmap(names(), [(("lan0", "wan0"), Verdict::ACCEPT), (("lan0", "dmz0"), Verdict::ACCEPT)]),
        ),
        does(
            "iifname . oifname { \"wan0\" . \"dmz0\" } tcp dport { 80, 443 } accept",
            Rule::new().when(names().one_of([("wan0", "dmz0")])).when(tcp::dport().one_of([80, 443])).accept(),
        ),
        does("ct status dnat accept", Rule::new().when(ct::status().has(CtStatus::DNAT)).accept()),
        does(
            "iifname \"wan0\" ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } drop",
            Rule::new()
                .when(meta::iifname().eq("wan0"))
                .when(ip::saddr().one_of([
                    net(10, 0, 8),
                    Interval::prefix(Ipv4Addr::new(172, 16, 0, 0), 12),
                    net(192, 168, 16),
                ]))
                .drop(),
        ),
        does(
            "iifname \"wan0\" tcp dport { 8000-8099, 9000 } counter packets 0 bytes 0 drop",
            Rule::new()
                .when(meta::iifname().eq("wan0"))
                .when(tcp::dport().one_of([range(8000, 8099), Interval::value(9000)]))
                .counter()
                .drop(),
        ),
        does(
            "oifname \"wan0\" meta mark set ct mark",
            Rule::new().when(meta::oifname().eq("wan0")).set(meta::mark(), ct::mark()),
        ),
        does(
            "meta mark 0x00000000 iifname \"vpn*\" meta mark set 0x00000007 ct mark set meta mark",
            Rule::new()
                .when(meta::mark().eq(0))
                .when(meta::iifname().starts_with("vpn"))
                .set(meta::mark(), 7)
                .set(ct::mark(), meta::mark()),
        ),
        does(
            "oifname \"wan0\" ip saddr 192.168.0.0/16 masquerade",
            Rule::new()
                .when(meta::oifname().eq("wan0"))
                .when(ip::saddr().in_prefix(Ipv4Addr::new(192, 168, 0, 0), 16))
                .masquerade(),
        ),
        does(
            "iifname \"wan0\" tcp dport 443 dnat ip to 192.0.2.10",
            Rule::new().when(meta::iifname().eq("wan0")).when(tcp::dport().eq(443)).dnat(SERVER),
        )
        .listed_in(Family::IP, "iifname \"wan0\" tcp dport 443 dnat to 192.0.2.10"),
        does("ip ttl < 2 drop", Rule::new().when(ip::ttl().lt(2)).drop()),
    ]
}

fn a_bridge() -> Vec<Pair> {
    vec![
        does(
            "ether type != { ip, arp, ip6 } drop",
            Rule::new().when(ether::ether_type().none_of([EtherType::IP, EtherType::ARP, EtherType::IP6])).drop(),
        ),
        does(
            "arp saddr ip 192.0.2.10 arp saddr ether != 02:00:00:00:00:0a drop",
            Rule::new().when(arp::saddr_ip().eq(SERVER)).when(arp::saddr_ether().ne([2, 0, 0, 0, 0, 10])).drop(),
        ),
        does(
            "ether saddr . arp saddr ip != { 02:00:00:00:00:0a . 192.0.2.10 } drop",
            Rule::new().when(concat((ether::saddr(), arp::saddr_ip())).none_of([([2, 0, 0, 0, 0, 10], SERVER)])).drop(),
        )
        .not_in(Family::INET, "tables of that family see no ARP"),
    ]
}

/// Segments of TCP that nobody sends who means well.
fn scans() -> Vec<Pair> {
    use TcpFlags as F;
    let all = F::FIN | F::SYN | F::RST | F::PSH | F::ACK | F::URG;
    let nobody = |flags| Rule::new().when(tcp::flags().masked(all).eq(flags)).drop();
    vec![
        does("tcp flags ! fin,syn,rst,psh,ack,urg drop", Rule::new().when(tcp::flags().has_none(all)).drop()),
        does("tcp flags fin,psh,urg / fin,syn,rst,psh,ack,urg drop", nobody(F::FIN | F::PSH | F::URG)),
        does("tcp flags syn,rst / syn,rst drop", Rule::new().when(tcp::flags().has(F::SYN | F::RST)).drop()),
        does(
            "tcp flags != syn / fin,syn,rst,ack ct state new drop",
            Rule::new()
                .when(tcp::flags().masked(F::FIN | F::SYN | F::RST | F::ACK).ne(F::SYN))
                .when(ct::state().has(CtState::NEW))
                .drop(),
        ),
        does(
            "tcp dport 22 tcp flags syn / fin,syn,rst,ack accept",
            Rule::new()
                .when(tcp::dport().eq(22))
                .when(tcp::flags().masked(F::FIN | F::SYN | F::RST | F::ACK).eq(F::SYN))
                .accept(),
        ),
    ]
}
