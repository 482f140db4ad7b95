//! Translations: to addresses, ports, networks, and to what fields and maps have.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use nftlink::datum::{IfName, L4Proto, Port};
use nftlink::field::{concat, ct, ip, ip6, meta, tcp, th, udp};
use nftlink::{Element, Interval, Map, NatTarget, PortTarget};

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

/// What nft makes of the words for the family of an address: where there is but one it leaves them out.
fn spelled(family: Family, rule: &str) -> String {
    if family == Family::INET { rule.to_owned() } else { rule.replace("nat ip6 ", "nat ").replace("nat ip ", "nat ") }
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

fn of_ip(family: Family) -> Vec<Pair> {
    let does = |text: &str, rule: Rule| does(spelled(family, text), rule).typed(text);
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

fn of_ip6(family: Family) -> Vec<Pair> {
    let does = |text: &str, rule: Rule| does(spelled(family, text), rule).typed(text);
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

fn loaded_in_ip(family: Family) -> Vec<Pair> {
    let does = |text: &str, rule: Rule| does(spelled(family, text), rule).typed(text);
    let mapped = |text: &str, rule: Rule| super::does(text, rule);
    let dport = || Rule::new().when(tcp::dport().eq(1));
    let pair = || concat((ip::saddr(), tcp::dport()));
    vec![
        does("dnat ip to ip saddr", Rule::new().dnat(ip::saddr())),
        does("tcp dport 1 dnat ip to ip saddr:80", dport().dnat(to(ip::saddr()).ports(80))),
        does("tcp dport 1 dnat ip to ip saddr:tcp sport", dport().dnat(to(ip::saddr()).ports(tcp::sport()))),
        does("dnat ip to ip daddr & 255.255.0.0 | 0.0.0.9", {
            let network = ip::daddr().and(Ipv4Addr::new(255, 255, 0, 0));
            Rule::new().dnat(network.or(Ipv4Addr::new(0, 0, 0, 9)))
        })
        .listed_as(spelled(family, "dnat ip to ip daddr & 255.255.0.9 | 0.0.0.9")),
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

fn loaded_in_ip6(family: Family) -> Vec<Pair> {
    let does = |text: &str, rule: Rule| does(spelled(family, text), rule).typed(text);
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

pub(in super::super) fn translations() {
    for family in [Family::IP, Family::IP6, Family::INET] {
        compare(family, vec![], without_addresses());
        compare(family, vec![], masquerades_and_redirections());
        if family != Family::IP6 {
            compare(family, vec![], of_ip(family));
            compare(family, vec![], loaded_in_ip(family));
        }
        if family != Family::IP {
            compare(family, vec![], of_ip6(family));
            compare(family, vec![], loaded_in_ip6(family));
        }
    }
}

pub(in super::super) fn translations_to_what_maps_of_the_table_have() {
    for family in [Family::IP, Family::INET] {
        let table = table(family);
        let servers = Map::<Port, Ipv4Addr>::new(&table, "servers");
        let ports = Map::of(&table, "ports", tcp::dport()).to(tcp::dport());
        let sockets = Map::<(IfName, Port), (Ipv4Addr, Port)>::new(&table, "sockets");
        let pools = Map::<Interval<Ipv4Addr>, Interval<Ipv4Addr>>::new(&table, "pools");
        let shares = Map::of(&table, "shares", ip::saddr()).to_intervals_of(concat((ip::daddr(), tcp::dport())));
        let forwards =
            Map::<(Interval<Ipv4Addr>, Interval<Port>), (Interval<Ipv4Addr>, Interval<Port>)>::new(&table, "forwards");
        let dport = || Rule::new().when(tcp::dport().eq(1));
        let spelled = |text| spelled(family, text);
        let pairs = vec![
            does(spelled("dnat ip to tcp dport map @servers"), Rule::new().dnat(tcp::dport().map(&servers))),
            does(
                spelled("tcp dport 1 dnat ip to tcp dport map @servers:80"),
                dport().dnat(to(tcp::dport().map(&servers)).ports(80)),
            ),
            does(
                spelled("tcp dport 1 dnat ip to tcp dport map @servers:tcp dport map @ports"),
                dport().dnat(to(tcp::dport().map(&servers)).ports(tcp::dport().map(&ports))),
            ),
            does("tcp dport 1 redirect to :tcp dport map @ports", dport().redirect_to(tcp::dport().map(&ports))),
            does(
                "dnat ip to iifname . tcp dport map @sockets",
                Rule::new().dnat(concat((meta::iifname(), tcp::dport())).map(&sockets)),
            ),
            does("snat ip to ip saddr map @pools", Rule::new().snat(ip::saddr().map(&pools))),
            does("dnat ip prefix to ip daddr map @pools", Rule::new().dnat(NatTarget::prefix(ip::daddr().map(&pools)))),
            does("meta l4proto tcp dnat ip to ip saddr map @shares", tcp().dnat(ip::saddr().map(&shares))),
            does(
                "meta l4proto { tcp, udp } dnat ip to ip daddr . th dport map @forwards",
                Rule::new()
                    .when(meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP]))
                    .dnat(concat((ip::daddr(), th::dport())).map(&forwards)),
            ),
        ];
        let (pools_e, shares_e, forwards_e, sockets_e) =
            (pools.clone(), shares.clone(), forwards.clone(), sockets.clone());
        let declarations = vec![
            declare("map servers { type inet_service : ipv4_addr; }", move |b| _ = b.add(&servers)),
            declare("map ports { typeof tcp dport : tcp dport; }", move |b| _ = b.add(&ports)),
            declare("map sockets { type ifname . inet_service : ipv4_addr . inet_service; }", move |b| {
                _ = b.add(&sockets)
            }),
            declare("element sockets { \"eth0\" . 80 : 10.0.0.1 . 8080 }", move |b| {
                _ = b.add_elements(&sockets_e, [(("eth0", 80), (A, 8080))])
            }),
            declare("map pools { type ipv4_addr : interval ipv4_addr; flags interval; }", move |b| _ = b.add(&pools)),
            declare("element pools { 10.0.0.1 : 10.0.0.1-10.0.0.9, 10.1.0.0/16 : 10.2.0.0/16 }", move |b| {
                _ = b.add_elements(&pools_e, [(Interval::value(A), Interval::range(A..=B)), (net(1), net(2))])
            }),
            declare("map shares { typeof ip saddr : interval ip daddr . tcp dport; }", move |b| _ = b.add(&shares)),
            declare("element shares { 10.0.0.1 : 10.2.0.0/16 . 80-90 }", move |b| {
                _ = b.add_elements(&shares_e, [(A, (net(2), 80..=90))])
            }),
            declare(
                "map forwards { type ipv4_addr . inet_service : interval ipv4_addr . inet_service; flags interval; }",
                move |b| _ = b.add(&forwards),
            ),
            declare("element forwards { 10.0.0.1 . 1000-2000 : 10.0.0.9 . 3000-4000 }", move |b| {
                _ = b.add_elements(&forwards_e, [((A, 1000..=2000), (B, 3000..=4000))])
            }),
        ];
        compare(family, declarations, pairs);
    }
}

/// What nft 1.0.6 takes and sends as something else, or sends and the kernel refuses. Most of it it cannot list either.
pub(in super::super) fn what_nft_gets_wrong_is_sent_right() {
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
        assert_eq!(bytecode.lines().last().unwrap().trim(), format!("[ {last} ]"));
        batch.append(&chain, rule);
    }
    Conn::open().unwrap().commit(&batch).unwrap();
}
