//! Translations: to addresses, ports, networks, and to what fields and maps have.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use nftlink::datum::{IfName, L4Proto, Port};
use nftlink::field::{concat, ct, ip, ip6, meta, tcp, th, udp};
use nftlink::{Conn, Element, Interval, Map, NatTarget, PortTarget, RuleBuilder};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9);

fn net(network: u8) -> Interval<Ipv4Addr> {
    Interval::prefix(Ipv4Addr::new(10, network, 0, 0), 16)
}

fn net6(network: u16) -> Interval<Ipv6Addr> {
    Interval::prefix(Ipv6Addr::new(0xfd00, network, 0, 0, 0, 0, 0, 0), 32)
}

fn tcp() -> RuleBuilder {
    Rule::new().when(meta::l4proto().eq(L4Proto::TCP))
}

fn to(address: impl Into<NatTarget>) -> NatTarget {
    address.into()
}

/// Where there is but one family, nft leaves it out, but not before intervals and concatenations.
fn short(pair: Pair) -> Pair {
    let [ip, ip6] = [("nat ip ", Family::IP), ("nat ip6 ", Family::IP6)]
        .map(|(words, family)| (family, pair.text.replace(words, "nat ")));
    pair.listed_in(ip.0, ip.1).listed_in(ip6.0, ip6.1)
}

fn without_addresses() -> Vec<Pair> {
    vec![
        does("meta l4proto tcp dnat to :80", tcp().dnat(NatTarget::port(80))),
        does("meta l4proto tcp snat to :80-90", tcp().snat(NatTarget::port(80..=90))),
        does("meta l4proto tcp dnat to :80 random", tcp().dnat(NatTarget::port(80).random())),
        does("meta l4proto tcp dnat to :80-90 persistent", tcp().dnat(NatTarget::port(80..=90).persistent())),
        does(
            "tcp dport 1 dnat to :tcp sport",
            Rule::new().when(tcp::dport().eq(1)).dnat(NatTarget::port(tcp::sport())),
        ),
        does(
            "meta l4proto tcp dnat to :tcp dport map { 80 : 8080, 81 : 8081 }",
            Rule::new().dnat(tcp::dport().map::<Port>([(80, 8080), (81, 8081)])),
        ),
    ]
}

fn masquerades_and_redirections() -> Vec<Pair> {
    let mut pairs = vec![
        does("masquerade", Rule::new().masquerade()),
        does("redirect", Rule::new().redirect()),
        does("meta l4proto tcp masquerade to :1024-2048", tcp().masquerade_to(1024..=2048)),
        does("meta l4proto tcp masquerade to :1024", tcp().masquerade_to(1024)),
        does("meta l4proto tcp redirect to :3128", tcp().redirect_to(3128)),
        does("meta l4proto tcp redirect to :3128-3130", tcp().redirect_to(3128..=3130)),
        does(
            "meta l4proto tcp redirect to :3128 fully-random,persistent",
            tcp().redirect_to(PortTarget::from(3128).fully_random().persistent()),
        ),
        does(
            "udp dport 53 masquerade to :5-10 random,fully-random,persistent",
            Rule::new()
                .when(udp::dport().eq(53))
                .masquerade_to(PortTarget::from(5..=10).random().fully_random().persistent()),
        ),
        does("tcp dport 80 redirect to :tcp sport", Rule::new().when(tcp::dport().eq(80)).redirect_to(tcp::sport())),
        does(
            "meta l4proto tcp redirect to :tcp dport map { 22 : 8000, 80 : 8080 }",
            tcp().redirect_to(tcp::dport().map::<Port>([(22, 8000), (80, 8080)])),
        ),
        does(
            "meta l4proto tcp masquerade to :tcp dport map { 22 : 8000, 1024-65535 : 8080 }",
            tcp().masquerade_to(
                tcp::dport().map::<Port>([(Interval::value(22), 8000), (Interval::range(1024..=65535), 8080)]),
            ),
        ),
        does(
            "meta l4proto { tcp, udp } redirect to :th dport map { 53 : 5353, * : 5354 }",
            Rule::new().when(meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP])).redirect_to(
                th::dport().map::<Port>([Element::<Interval<Port>>::new(53).to(5353), Element::catch_all().to(5354)]),
            ),
        ),
    ];
    let flags = [
        ("random", PortTarget::any().random()),
        ("fully-random", PortTarget::any().fully_random()),
        ("persistent", PortTarget::any().persistent()),
        ("random,fully-random", PortTarget::any().random().fully_random()),
        ("random,persistent", PortTarget::any().random().persistent()),
        ("fully-random,persistent", PortTarget::any().fully_random().persistent()),
        ("random,fully-random,persistent", PortTarget::any().random().fully_random().persistent()),
    ];
    for (words, target) in flags {
        pairs.push(does(format!("masquerade {words}"), Rule::new().masquerade_to(target.clone())));
        pairs.push(does(format!("redirect {words}"), Rule::new().redirect_to(target)));
    }
    pairs
}

fn of_ip() -> Vec<Pair> {
    let does = |text: &str, rule: Rule| short(super::does(text, rule));
    let dport = || Rule::new().when(tcp::dport().eq(1));
    vec![
        does("dnat ip to 10.0.0.1", Rule::new().dnat(A)),
        does("snat ip to 10.0.0.1", Rule::new().snat(A)),
        does("dnat ip to 10.0.0.1-10.0.0.9", Rule::new().dnat(A..=B)),
        does("snat ip to 10.1.0.0/16", Rule::new().snat(net(1))),
        does("dnat ip to 10.0.0.1 random", Rule::new().dnat(to(A).random())),
        does(
            "snat ip to 10.0.0.1-10.0.0.9 random,fully-random,persistent",
            Rule::new().snat(to(A..=B).random().fully_random().persistent()),
        ),
        does("tcp dport 1 dnat ip to 10.0.0.1:80", dport().dnat(SocketAddrV4::new(A, 80))),
        does("tcp dport 1 dnat ip to 10.0.0.1:80-90", dport().dnat(to(A).ports(80..=90))),
        does("tcp dport 1 dnat ip to 10.0.0.1-10.0.0.9:80", dport().dnat(to(A..=B).ports(80))),
        does(
            "tcp dport 1 dnat ip to 10.0.0.1-10.0.0.9:80-90 persistent",
            dport().dnat(to(A..=B).ports(80..=90).persistent()),
        ),
        does("snat ip prefix to 10.1.0.0/16", Rule::new().snat(NatTarget::prefix(net(1)))),
    ]
}

fn of_ip6() -> Vec<Pair> {
    let does = |text: &str, rule: Rule| short(super::does(text, rule));
    let dport = || Rule::new().when(tcp::dport().eq(1));
    vec![
        does("dnat ip6 to fd00::1", Rule::new().dnat(A6)),
        does("snat ip6 to fd00::1-fd00::9", Rule::new().snat(A6..=B6)),
        does("snat ip6 to fd00:1::/32", Rule::new().snat(net6(1))),
        does("tcp dport 1 dnat ip6 to [fd00::1]:80", dport().dnat(SocketAddrV6::new(A6, 80, 0, 0))),
        does("tcp dport 1 dnat ip6 to [fd00::1]-[fd00::9]:80-90", dport().dnat(to(A6..=B6).ports(80..=90))),
        does("tcp dport 1 dnat ip6 to [fd00::1]:80 fully-random", dport().dnat(to(A6).ports(80).fully_random())),
        does("snat ip6 prefix to fd00:1::/32", Rule::new().snat(NatTarget::prefix(net6(1)))),
    ]
}

fn loaded_in_ip() -> Vec<Pair> {
    let does = |text: &str, rule: Rule| short(super::does(text, rule));
    let mapped = |text: &str, rule: Rule| super::does(text, rule);
    let dport = || Rule::new().when(tcp::dport().eq(1));
    let pair = || concat((ip::saddr(), tcp::dport()));
    vec![
        does("dnat ip to ip saddr", Rule::new().dnat(ip::saddr())),
        does("tcp dport 1 dnat ip to ip saddr:80", dport().dnat(to(ip::saddr()).ports(80))),
        does("tcp dport 1 dnat ip to ip saddr:tcp sport", dport().dnat(to(ip::saddr()).ports(tcp::sport()))),
        does("dnat ip to ip daddr & 255.255.0.9 | 0.0.0.9", {
            let network = ip::daddr().and(Ipv4Addr::new(255, 255, 0, 0));
            Rule::new().dnat(network.or(Ipv4Addr::new(0, 0, 0, 9)))
        })
        .typed("dnat ip to ip daddr & 255.255.0.0 | 0.0.0.9"),
        does(
            "dnat ip to ip daddr map { 10.0.0.1 : 10.0.0.9 }",
            Rule::new().dnat(ip::daddr().map::<Ipv4Addr>([(A, B)])),
        ),
        does(
            "dnat ip to ip daddr map { 10.1.0.0/16 : 10.0.0.1, * : 10.0.0.9 }",
            Rule::new().dnat(ip::daddr().map::<Ipv4Addr>([Element::of(net(1)).to(A), Element::catch_all().to(B)])),
        ),
        does(
            "snat ip to ct mark map { 0x00000014 : 10.0.0.1 } persistent",
            Rule::new().snat(to(ct::mark().map::<Ipv4Addr>([(0x14, A)])).persistent()),
        ),
        does(
            "dnat ip to ct mark . ip daddr map { 0x00000014 . 10.0.0.1 : 10.0.0.9 }",
            Rule::new().dnat(concat((ct::mark(), ip::daddr())).map::<Ipv4Addr>([((0x14, A), B)])),
        ),
        does(
            "tcp dport 1 dnat ip to ip daddr map { 10.0.0.1 : 10.0.0.9 }:8080",
            dport().dnat(to(ip::daddr().map::<Ipv4Addr>([(A, B)])).ports(8080)),
        ),
        does(
            "tcp dport 1 dnat ip to ip daddr map { 10.0.0.1 : 10.0.0.9 }:8080-8090 random",
            dport().dnat(to(ip::daddr().map::<Ipv4Addr>([(A, B)])).ports(8080..=8090).random()),
        ),
        does(
            "tcp dport 1 dnat ip to 10.0.0.1:tcp dport map { 80 : 81 }",
            dport().dnat(to(A).ports(tcp::dport().map::<Port>([(80, 81)]))),
        ),
        does(
            "tcp dport 1 dnat ip to 10.0.0.1-10.0.0.9:tcp dport map { 80 : 81 }",
            dport().dnat(to(A..=B).ports(tcp::dport().map::<Port>([(80, 81)]))),
        ),
        // Two maps of one rule.
        does(
            "tcp dport 1 dnat ip to ip daddr map { 10.0.0.1 : 10.0.0.9 }:tcp dport map { 80 : 81 }",
            dport().dnat(to(ip::daddr().map::<Ipv4Addr>([(A, B)])).ports(tcp::dport().map::<Port>([(80, 81)]))),
        ),
        // An address and a port from one.
        mapped(
            "dnat ip to tcp dport map { 80 : 10.0.0.1 . 8080, 443 : 10.0.0.9 . 8443 }",
            Rule::new().dnat(tcp::dport().map::<(Ipv4Addr, Port)>([(80, (A, 8080)), (443, (B, 8443))])),
        ),
        mapped(
            "dnat ip to iifname . tcp dport map { \"eth0\" . 80 : 10.0.0.1 . 8080 }",
            Rule::new()
                .dnat(concat((meta::iifname(), tcp::dport())).map::<(Ipv4Addr, Port)>([(("eth0", 80), (A, 8080))])),
        ),
        mapped(
            "dnat ip to ip saddr . tcp dport map { 10.0.0.1 . 80 : 10.0.0.9 . 8080 }",
            Rule::new().dnat(pair().map::<(Ipv4Addr, Port)>([((A, 80), (B, 8080))])),
        ),
        mapped(
            "dnat ip to ip saddr . tcp dport map { 10.1.0.0/16 . 80-90 : 10.0.0.9 . 8080 }",
            Rule::new().dnat(pair().map::<(Ipv4Addr, Port)>([((net(1), 80..=90), (B, 8080))])),
        ),
        mapped(
            "meta l4proto { tcp, udp } snat ip to ip saddr . th dport map { 10.0.0.1 . 20 : 10.0.0.9 . 80 } random",
            Rule::new()
                .when(meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP]))
                .snat(to(concat((ip::saddr(), th::dport())).map::<(Ipv4Addr, Port)>([((A, 20), (B, 80))])).random()),
        ),
        // Intervals from a map.
        mapped(
            "snat ip to ip saddr map { 10.0.0.1 : 10.0.0.5-10.0.0.9 }",
            Rule::new().snat(ip::saddr().map::<Interval<Ipv4Addr>>([(A, Ipv4Addr::new(10, 0, 0, 5)..=B)])),
        ),
        mapped(
            "snat ip to ip saddr map { 10.1.0.0/16 : 10.2.0.0/16 }",
            Rule::new().snat(ip::saddr().map::<Interval<Ipv4Addr>>([(net(1), net(2))])),
        ),
        mapped(
            "tcp dport 1 dnat ip to ip saddr map { 10.0.0.1 : 10.2.0.0/16 }:80-90",
            dport().dnat(to(ip::saddr().map::<Interval<Ipv4Addr>>([(A, net(2))])).ports(80..=90)),
        )
        .listed_as("tcp dport 1 dnat ip to ip saddr map { 10.0.0.1 : 10.2.0.0/16 }"),
        mapped(
            "dnat ip to ip saddr . tcp dport map { 10.0.0.1 . 80 : 10.0.0.9 . 8888-8999 }",
            Rule::new().dnat(pair().map::<(Ipv4Addr, Interval<Port>)>([((A, 80), (B, 8888..=8999))])),
        ),
        mapped(
            "dnat ip to ip saddr . tcp dport map { 10.0.0.1 . 80 : 10.2.0.0/16 . 80 }",
            Rule::new().dnat(pair().map::<(Interval<Ipv4Addr>, Port)>([((A, 80), (net(2), 80))])),
        ),
        mapped(
            "dnat ip to ip saddr . tcp dport map { 10.0.0.1 . 80 : 10.2.0.0/16 . 8888-8999 } fully-random",
            Rule::new().dnat(
                to(pair().map::<(Interval<Ipv4Addr>, Interval<Port>)>([((A, 80), (net(2), 8888..=8999))]))
                    .fully_random(),
            ),
        ),
        // Networks mapped to networks.
        mapped(
            "dnat ip prefix to ip daddr map { 10.1.0.0/16 : 10.2.0.0/16, 10.3.0.0/16 : 10.4.0.0/16 }",
            Rule::new()
                .dnat(NatTarget::prefix(ip::daddr().map::<Interval<Ipv4Addr>>([(net(1), net(2)), (net(3), net(4))]))),
        ),
        mapped(
            "snat ip prefix to ip saddr map { 10.1.0.0/16 : 10.2.0.0/16, * : 10.4.0.0/16 }",
            Rule::new().snat(NatTarget::prefix(
                ip::saddr()
                    .map::<Interval<Ipv4Addr>>([Element::of(net(1)).to(net(2)), Element::catch_all().to(net(4))]),
            )),
        ),
    ]
}

fn loaded_in_ip6() -> Vec<Pair> {
    let does = |text: &str, rule: Rule| short(super::does(text, rule));
    let mapped = |text: &str, rule: Rule| super::does(text, rule);
    let dport = || Rule::new().when(tcp::dport().eq(1));
    let pair = || concat((ip6::saddr(), tcp::dport()));
    vec![
        does("dnat ip6 to ip6 saddr", Rule::new().dnat(ip6::saddr())),
        does("tcp dport 1 dnat ip6 to ip6 saddr:tcp sport", dport().dnat(to(ip6::saddr()).ports(tcp::sport()))),
        does(
            "dnat ip6 to ip6 daddr map { fd00::1 : fd00::9 }",
            Rule::new().dnat(ip6::daddr().map::<Ipv6Addr>([(A6, B6)])),
        ),
        does(
            "tcp dport 1 dnat ip6 to [fd00::1]-[fd00::9]:tcp dport map { 80 : 81 }",
            dport().dnat(to(A6..=B6).ports(tcp::dport().map::<Port>([(80, 81)]))),
        ),
        mapped(
            "dnat ip6 to ip6 saddr . tcp dport map { fd00::1 . 80 : fd00::9 . 8080 }",
            Rule::new().dnat(pair().map::<(Ipv6Addr, Port)>([((A6, 80), (B6, 8080))])),
        ),
        mapped(
            "snat ip6 to ip6 saddr map { fd00::1 : fd00::5-fd00::9 }",
            Rule::new()
                .snat(ip6::saddr().map::<Interval<Ipv6Addr>>([(A6, Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 5)..=B6)])),
        ),
        mapped(
            "dnat ip6 prefix to ip6 daddr map { fd00:1::/32 : fd00:2::/32 }",
            Rule::new().dnat(NatTarget::prefix(ip6::daddr().map::<Interval<Ipv6Addr>>([(net6(1), net6(2))]))),
        ),
    ]
}

pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    all([
        without_addresses(),
        masquerades_and_redirections(),
        of_ip(),
        of_ip6(),
        loaded_in_ip(),
        loaded_in_ip6(),
        of_the_tables_maps(table),
    ])
}

type Pool = (Interval<Ipv4Addr>, Interval<Port>);

fn hosts(table: &Table) -> Map<Port, Ipv4Addr> {
    Map::new(table, "hosts")
}

fn ports(table: &Table) -> Map<Port, Port> {
    Map::of(table, "ports", tcp::dport()).to(tcp::dport())
}

fn services(table: &Table) -> Map<(IfName, Port), (Ipv4Addr, Port)> {
    Map::new(table, "services")
}

fn networks(table: &Table) -> Map<Interval<Ipv4Addr>, Interval<Ipv4Addr>> {
    Map::new(table, "networks")
}

fn shares(table: &Table) -> Map<Ipv4Addr, Pool> {
    Map::of(table, "shares", ip::saddr()).to_intervals_of(concat((ip::daddr(), tcp::dport())))
}

fn forwards(table: &Table) -> Map<Pool, Pool> {
    Map::new(table, "forwards")
}

fn of_the_tables_maps(table: &Table) -> Vec<Pair> {
    let dport = || Rule::new().when(tcp::dport().eq(1));
    vec![
        short(does("dnat ip to tcp dport map @hosts", Rule::new().dnat(tcp::dport().map(&hosts(table))))),
        short(does(
            "tcp dport 1 dnat ip to tcp dport map @hosts:80",
            dport().dnat(to(tcp::dport().map(&hosts(table))).ports(80)),
        )),
        short(does(
            "tcp dport 1 dnat ip to tcp dport map @hosts:tcp dport map @ports",
            dport().dnat(to(tcp::dport().map(&hosts(table))).ports(tcp::dport().map(&ports(table)))),
        )),
        does("tcp dport 1 redirect to :tcp dport map @ports", dport().redirect_to(tcp::dport().map(&ports(table)))),
        does(
            "dnat ip to iifname . tcp dport map @services",
            Rule::new().dnat(concat((meta::iifname(), tcp::dport())).map(&services(table))),
        ),
        does("snat ip to ip saddr map @networks", Rule::new().snat(ip::saddr().map(&networks(table)))),
        does(
            "dnat ip prefix to ip daddr map @networks",
            Rule::new().dnat(NatTarget::prefix(ip::daddr().map(&networks(table)))),
        ),
        does("meta l4proto tcp dnat ip to ip saddr map @shares", tcp().dnat(ip::saddr().map(&shares(table)))),
        does(
            "meta l4proto { tcp, udp } dnat ip to ip daddr . th dport map @forwards",
            Rule::new()
                .when(meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP]))
                .dnat(concat((ip::daddr(), th::dport())).map(&forwards(table))),
        ),
    ]
}

pub(super) fn declarations() -> Vec<Declaration> {
    vec![
        declare("map hosts { type inet_service : ipv4_addr; }", |t, b| _ = b.add(&hosts(t))),
        declare("map ports { typeof tcp dport : tcp dport; }", |t, b| _ = b.add(&ports(t))),
        declare("map services { type ifname . inet_service : ipv4_addr . inet_service; }", |t, b| {
            _ = b.add(&services(t))
        }),
        declare("element services { \"eth0\" . 80 : 10.0.0.1 . 8080 }", |t, b| {
            _ = b.add_elements(&services(t), [(("eth0", 80), (A, 8080))])
        }),
        declare("map networks { type ipv4_addr : interval ipv4_addr; flags interval; }", |t, b| {
            _ = b.add(&networks(t))
        }),
        declare("element networks { 10.0.0.1 : 10.0.0.1-10.0.0.9, 10.1.0.0/16 : 10.2.0.0/16 }", |t, b| {
            b.add_elements(&networks(t), [(Interval::value(A), Interval::range(A..=B)), (net(1), net(2))]);
        }),
        declare("map shares { typeof ip saddr : interval ip daddr . tcp dport; }", |t, b| _ = b.add(&shares(t))),
        declare("element shares { 10.0.0.1 : 10.2.0.0/16 . 80-90 }", |t, b| {
            _ = b.add_elements(&shares(t), [(A, (net(2), 80..=90))])
        }),
        declare(
            "map forwards { type ipv4_addr . inet_service : interval ipv4_addr . inet_service; flags interval; }",
            |t, b| _ = b.add(&forwards(t)),
        ),
        declare("element forwards { 10.0.0.1 . 1000-2000 : 10.0.0.9 . 3000-4000 }", |t, b| {
            _ = b.add_elements(&forwards(t), [((A, 1000..=2000), (B, 3000..=4000))])
        }),
    ]
}

/// What nft 1.0.6 takes and sends as something else, or sends and the kernel refuses. Most of it it cannot list either.
pub(super) fn what_nft_gets_wrong_is_sent_right() {
    let table = table(Family::INET);
    let chain = table.chain(CHAIN);
    let dport = || Rule::new().when(tcp::dport().eq(1));
    let pair = || concat((ip6::saddr(), tcp::dport()));
    let rules = [
        // dnat ip prefix to 10.1.0.0/16 persistent: for any other flag nft forgets that of the prefix.
        (
            Rule::new().dnat(NatTarget::prefix(net(1)).persistent()),
            "nat dnat ip addr_min reg 1 addr_max reg 2 flags 0x48",
        ),
        // redirect to :tcp dport map { 80 : 81-90 }: nft sends the first port for all of them.
        (
            dport().redirect_to(tcp::dport().map::<Interval<Port>>([(80, 81..=90)])),
            "redir proto_min reg 1 proto_max reg 9 flags 0x2",
        ),
        // dnat ip6 to ip6 saddr map { fd00::1 : fd00:2::/32 }:80-90: nft loads the port over the second address.
        (
            dport().dnat(to(ip6::saddr().map::<Interval<Ipv6Addr>>([(A6, net6(2))])).ports(80..=90)),
            "nat dnat ip6 addr_min reg 1 addr_max reg 2 proto_min reg 3 proto_max reg 4 flags 0x2",
        ),
        // dnat ip6 to ip6 saddr . tcp dport map { fd00::1 . 80 : fd00:2::/32 . 80-90 }: nft takes the bounds for
        // places at multiples of 16 bytes, and the kernel refuses what is in none of them.
        (
            Rule::new().dnat(pair().map::<(Interval<Ipv6Addr>, Interval<Port>)>([((A6, 80), (net6(2), 80..=90))])),
            "nat dnat ip6 addr_min reg 1 addr_max reg 13 proto_min reg 2 proto_max reg 17",
        ),
        // snat ip to ip saddr map { 10.0.0.1 : 10.0.0.5-10.0.0.9, 10.0.0.2 : 10.0.0.1 }: nft sends one bound for the
        // single address, which the kernel refuses.
        (
            Rule::new().snat(ip::saddr().map::<Interval<Ipv4Addr>>([
                (A, Interval::range(Ipv4Addr::new(10, 0, 0, 5)..=B)),
                (Ipv4Addr::new(10, 0, 0, 2), Interval::value(A)),
            ])),
            "nat snat ip addr_min reg 1 addr_max reg 9",
        ),
    ];
    let mut batch = Batch::new();
    batch.add(&table).add(&chain);
    for (rule, last) in rules {
        let bytecode = rule.bytecode(&chain).unwrap().to_string();
        assert_eq!(bytecode.lines().next_back().unwrap().trim(), format!("[ {last} ]"));
        batch.append(&chain, rule);
    }
    Conn::open().unwrap().commit(&batch).unwrap();
}
