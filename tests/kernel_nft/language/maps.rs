//! Maps as values, and sets and maps that are said by fields.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::datum::{
    ClassId, CtState, EtherAddr, IcmpType, IfIndex, IfName, IntoKey, L4Proto, Mark, PktType, Port, TcpFlags,
};
use nftlink::expr::Verdict;
use nftlink::field::{concat, ct, ether, icmp, ip, ip6, meta, tcp};
use nftlink::{Element, Interval, Map, MapValue, Set};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const MAC: EtherAddr = EtherAddr::new([0, 1, 2, 3, 4, 5]);

fn net(network: u8) -> Interval<Ipv4Addr> {
    Interval::prefix(Ipv4Addr::new(10, network, 0, 0), 16)
}

fn everywhere(other: &nftlink::Chain) -> Vec<Pair> {
    let pair = || concat((ip::saddr(), tcp::dport()));
    vec![
        does(
            "meta mark set ip saddr map { 10.0.0.1 : 0x00000005, * : 0x00000007 }",
            Rule::new()
                .set(meta::mark(), ip::saddr().map([Element::<Interval<_>>::new(A).to(5), Element::catch_all().to(7)])),
        ),
        does(
            "meta mark set ip saddr map { 10.1.0.0/16 : 0x00000005, * : 0x00000007 }",
            Rule::new().set(meta::mark(), ip::saddr().map([Element::of(net(1)).to(5), Element::catch_all().to(7)])),
        ),
        does(
            "meta mark set ip saddr . tcp dport map { 10.1.0.0/16 . 80-90 : 0x00000005 }",
            Rule::new().set(meta::mark(), pair().map([((net(1), 80..=90), 5)])),
        ),
        does(
            "meta mark set ip saddr . tcp dport map { 10.0.0.1 . 80 : 0x00000005, * : 0x00000007 }",
            Rule::new().set(
                meta::mark(),
                pair().map([Element::<(Interval<_>, Interval<_>)>::new((A, 80)).to(5), Element::catch_all().to(7)]),
            ),
        ),
        does(
            "meta mark set iifname map { \"eth0\" : 0x00000001, \"wan*\" : 0x00000002 }",
            Rule::new().set(
                meta::mark(),
                meta::iifname().map([(Interval::value("eth0"), 1), (Interval::starting_with("wan"), 2)]),
            ),
        ),
        does(
            "meta mark set meta mark & 0x000000ff map { 0x00000001 : 0x00000002 }",
            Rule::new().set(meta::mark(), meta::mark().and(0xff).map([(1, 2)])),
        ),
        does(
            "meta priority set ip saddr map { 10.0.0.1 : 1:2, 10.0.0.9 : 0:5 }",
            Rule::new().set(meta::priority(), ip::saddr().map([(A, ClassId::of(1, 2)), (B, ClassId::of(0, 5))])),
        ),
        does(
            "meta priority set meta priority | 0:5",
            Rule::new().set(meta::priority(), meta::priority().or(ClassId::of(0, 5))),
        ),
        does(
            "tcp dport set meta mark map { 0x00000001 : 80, * : 81 }",
            Rule::new().set(
                tcp::dport(),
                meta::mark().map([Element::<Interval<_>>::new(1).to(80), Element::catch_all().to(81)]),
            ),
        ),
        does("tcp dport set tcp dport | 1", Rule::new().set(tcp::dport(), tcp::dport().or(1))),
        does("ip saddr set ip daddr & 255.255.0.1 | 0.0.0.1", {
            let network = ip::daddr().and(Ipv4Addr::new(255, 255, 0, 0));
            Rule::new().set(ip::saddr(), network.or(Ipv4Addr::new(0, 0, 0, 1)))
        })
        .typed("ip saddr set ip daddr & 255.255.0.0 | 0.0.0.1"),
        does(
            "ip daddr set ip saddr . tcp dport map { 10.0.0.1 . 80 : 10.0.0.9 }",
            Rule::new().set(ip::daddr(), pair().map([((A, 80), B)])),
        ),
        // What is computed.
        does(
            "meta mark set (meta mark & 0x000000ff) << 8",
            Rule::new().set(meta::mark(), meta::mark().and(0xff).shl(8)),
        ),
        does("meta mark set meta mark << 4 | 0x00000005", Rule::new().set(meta::mark(), meta::mark().shl(4).or(5))),
        does("meta mark set meta cgroup", Rule::new().set(meta::mark(), meta::cgroup().typed::<Mark>())),
        // Verdicts.
        does(
            "ip saddr . tcp dport vmap { 10.1.0.0/16 . 80-90 : accept, 10.2.0.0/16 . 22 : jump other }",
            Rule::new().vmap(
                pair(),
                [
                    ((net(1), Interval::range(80..=90)), Verdict::ACCEPT),
                    ((net(2), Interval::value(22)), Verdict::jump(other)),
                ],
            ),
        ),
        does(
            "tcp dport vmap { 22 : accept, * : goto other }",
            Rule::new().vmap(
                tcp::dport(),
                [Element::<Interval<_>>::new(22).to(Verdict::ACCEPT), Element::catch_all().to(Verdict::goto(other))],
            ),
        ),
        does(
            "ip saddr . tcp dport vmap { 10.0.0.1 . 80 : return, * : drop }",
            Rule::new().vmap(
                pair(),
                [
                    Element::<(Interval<_>, Interval<_>)>::new((A, 80)).to(Verdict::RETURN),
                    Element::catch_all().to(Verdict::DROP),
                ],
            ),
        ),
        is("ip saddr { 10.0.0.1, * }", ip::saddr().one_of([Element::<Interval<_>>::new(A), Element::catch_all()])),
    ]
}

fn of_connections() -> Vec<Pair> {
    vec![
        does(
            "ct mark set ip saddr . tcp dport map { 10.0.0.1 . 80 : 0x00000005 }",
            Rule::new().set(ct::mark(), concat((ip::saddr(), tcp::dport())).map([((A, 80), 5)])),
        ),
        does(
            "ct mark set ct mark & 0x000000ff | 0x00000010",
            Rule::new().set(ct::mark(), ct::mark().and(0xff).or(0x10)),
        )
        .typed("ct mark set ct mark and 0xff or 0x10"),
        does("ct mark set ct mark ^ 0x00000010", Rule::new().set(ct::mark(), ct::mark().xor(0x10))),
        does("ct mark set ct mark << 8", Rule::new().set(ct::mark(), ct::mark().shl(8))),
        does("meta mark set ct mark >> 8", Rule::new().set(meta::mark(), ct::mark().shr(8))),
        does(
            "ct zone set iif map { \"lo\" : 5 }",
            Rule::new().set(ct::zone(), meta::iif().map([(IfIndex::new(1), 5)])),
        ),
        does(
            "ct original zone set meta mark map { 0x00000001 : 5 }",
            Rule::new().set(ct::original::zone(), meta::mark().map([(1, 5)])),
        ),
        does(
            "meta mark set ct state map { established : 0x00000001 }",
            Rule::new().set(meta::mark(), ct::state().map([(CtState::ESTABLISHED, 1)])),
        ),
        does(
            "ct mark set meta l4proto . ct state map { tcp . new : 0x00000001 }",
            Rule::new()
                .set(ct::mark(), concat((meta::l4proto(), ct::state())).map([((L4Proto::TCP, CtState::NEW), 1)])),
        ),
    ]
}

fn of_frames() -> Vec<Pair> {
    vec![
        does(
            "ether saddr set ip saddr map { 10.0.0.1 : 00:01:02:03:04:05 }",
            Rule::new().set(ether::saddr(), ip::saddr().map([(A, MAC)])),
        ),
        does(
            "meta mark set ether saddr . ip6 saddr map { 00:01:02:03:04:05 . fd00::1 : 0x00000005 }",
            Rule::new().set(meta::mark(), concat((ether::saddr(), ip6::saddr())).map([((MAC, A6), 5)])),
        ),
    ]
}

pub(in super::super) fn maps_as_values() {
    for family in [Family::IP, Family::INET, Family::BRIDGE, Family::NETDEV] {
        let other = table(family).chain("other");
        let mut pairs = everywhere(&other);
        if matches!(family, Family::IP | Family::INET) {
            pairs.extend(of_connections());
        }
        if family != Family::IP {
            pairs.extend(of_frames());
        }
        compare(family, vec![], pairs);
    }
}

/// A map to values of some type, and an element of it.
fn valued<V: MapValue + IntoKey<V> + 'static>(
    table: &Table,
    text: &'static str,
    name: &'static str,
    element: &'static str,
    value: impl Fn() -> V + 'static,
) -> [Declaration; 2] {
    let map = Map::<Ipv4Addr, V>::new(table, name);
    let same = map.clone();
    [
        declare(text, move |b| _ = b.add(&map)),
        declare(element, move |b| _ = b.add_elements(&same, [Element::of(A).to::<V>(value())])),
    ]
}

pub(in super::super) fn maps_to_values_of_all_types() {
    let table = table(Family::INET);
    let mut declarations = Vec::new();
    macro_rules! values {
        ($($name:ident: $kind:literal, $text:literal => $value:expr;)*) => {$(
            declarations.extend(valued(
                &table,
                concat!("map ", stringify!($name), " { type ipv4_addr : ", $kind, "; }"),
                stringify!($name),
                concat!("element ", stringify!($name), " { 10.0.0.1 : ", $text, " }"),
                || $value,
            ));
        )*};
    }
    values! {
        addresses: "ipv4_addr", "10.0.0.9" => B;
        addresses6: "ipv6_addr", "fd00::1" => A6;
        macs: "ether_addr", "00:01:02:03:04:05" => MAC;
        ports: "inet_service", "80" => Port::new(80);
        protocols: "inet_proto", "tcp" => L4Proto::TCP;
        names: "ifname", "\"eth0\"" => IfName::new("eth0");
        marks: "mark", "0x5" => Mark::new(5);
        classes: "classid", "1:2" => ClassId::of(1, 2);
        states: "ct_state", "new" => CtState::NEW;
        types: "icmp_type", "echo-request" => IcmpType::ECHO_REQUEST;
        flag_sets: "tcp_flag", "syn" => TcpFlags::SYN;
        packets: "pkt_type", "host" => PktType::HOST;
        verdicts: "verdict", "accept" => Verdict::ACCEPT;
        sockets: "ipv4_addr . inet_service", "10.0.0.9 . 80" => (B, Port::new(80));
        frames: "ifname . ether_addr . mark", "\"eth0\" . 00:01:02:03:04:05 . 0x5" => (IfName::new("eth0"), MAC, Mark::new(5));
        networks: "interval ipv4_addr", "10.1.0.0/16" => net(1);
        networks6: "interval ipv6_addr", "fd00::/16" => Interval::prefix(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0), 16);
        pools: "interval ipv4_addr . inet_service", "10.0.0.1-10.0.0.9 . 80-90" => (Interval::range(A..=B), Interval::<Port>::range(80..=90));
    }
    compare(Family::INET, declarations, vec![]);
}

pub(in super::super) fn sets_and_maps_said_by_fields() {
    for family in [Family::INET, Family::IP, Family::BRIDGE] {
        let table = table(family);
        let pair = || concat((ip::saddr(), tcp::dport()));
        let blocked = Set::of(&table, "blocked", ip::saddr());
        let banned = Set::intervals_of(&table, "banned", ip::saddr()).auto_merge();
        let allowed = Set::of(&table, "allowed", pair());
        let spans = Set::intervals_of(&table, "spans", pair());
        let lengths = Set::intervals_of(&table, "lengths", meta::length());
        let seen = Set::of(&table, "seen", ip::saddr()).dynamic().timeout(Duration::from_secs(60)).size(100);
        let owners = Map::of(&table, "owners", ip::saddr()).to(meta::mark());
        let marks = Map::intervals_of(&table, "marks", pair()).to(meta::mark());
        let doors = Map::of(&table, "doors", tcp::dport()).to_verdicts();
        let gates = Map::intervals_of(&table, "gates", pair()).to_verdicts();
        let learned =
            Map::of(&table, "learned", ip::saddr()).to(concat((ip::daddr(), tcp::dport()))).dynamic().size(100);
        // Of one byte, for which nft notes an order.
        let kinds = Set::of(&table, "kinds", meta::pkttype());
        let protocols = Map::of(&table, "protocols", ip::protocol()).to(ip::ttl());
        let layers = Map::of(&table, "layers", meta::l4proto()).to(meta::pkttype());
        let messages = Set::<IcmpType>::new(&table, "messages");
        let pairs = vec![
            is("meta pkttype @kinds", meta::pkttype().in_set(&kinds)),
            is("icmp type @messages", icmp::icmp_type().in_set(&messages)),
            is("ip saddr @blocked", ip::saddr().in_set(&blocked)),
            is("ip daddr @banned", ip::daddr().in_set(&banned)),
            is("ip saddr . tcp dport @allowed", pair().in_set(&allowed)),
            is("ip saddr . tcp dport != @spans", pair().not_in_set(&spans)),
            is("meta length @lengths", meta::length().in_set(&lengths)),
            does("add @seen { ip saddr }", Rule::new().add_to(&seen, ip::saddr())),
            does("meta mark set ip saddr map @owners", Rule::new().set(meta::mark(), ip::saddr().map(&owners))),
            does("meta mark set ip saddr . tcp dport map @marks", Rule::new().set(meta::mark(), pair().map(&marks))),
            does("tcp dport vmap @doors", Rule::new().vmap(tcp::dport(), &doors)),
            does("ip saddr . tcp dport vmap @gates", Rule::new().vmap(pair(), &gates)),
            does(
                "add @learned { ip saddr : ip daddr . tcp dport }",
                Rule::new().add_to(&learned, ip::saddr().element().to(concat((ip::daddr(), tcp::dport())))),
            ),
            does(
                "tcp dport 80 update @learned { ip saddr : 10.0.0.1 . 80 }",
                Rule::new().when(tcp::dport().eq(80)).update_in(&learned, ip::saddr().element().to((A, 80))),
            ),
            does(
                "update @learned { ip saddr : 10.0.0.1 . tcp dport }",
                Rule::new().update_in(&learned, ip::saddr().element().to((A, tcp::dport()))),
            ),
        ];
        let (owners_e, gates_e) = (owners.clone(), gates.clone());
        let declarations = vec![
            declare("set kinds { typeof meta pkttype; }", move |b| _ = b.add(&kinds)),
            declare("map protocols { typeof ip protocol : ip ttl; }", move |b| _ = b.add(&protocols)),
            declare("map layers { typeof meta l4proto : meta pkttype; }", move |b| _ = b.add(&layers)),
            declare("set messages { type icmp_type; }", move |b| _ = b.add(&messages)),
            declare("set blocked { typeof ip saddr; }", move |b| _ = b.add(&blocked)),
            declare("set banned { typeof ip saddr; flags interval; auto-merge; }", move |b| _ = b.add(&banned)),
            declare("set allowed { typeof ip saddr . tcp dport; }", move |b| _ = b.add(&allowed)),
            declare("set spans { typeof ip saddr . tcp dport; flags interval; }", move |b| _ = b.add(&spans)),
            declare("set lengths { typeof meta length; flags interval; }", move |b| _ = b.add(&lengths)),
            declare("set seen { typeof ip saddr; flags dynamic,timeout; timeout 1m; size 100; }", move |b| {
                _ = b.add(&seen)
            }),
            declare("map owners { typeof ip saddr : meta mark; }", move |b| _ = b.add(&owners)),
            declare("element owners { 10.0.0.1 : 0x5 }", move |b| _ = b.add_elements(&owners_e, [(A, 5)])),
            declare("map marks { typeof ip saddr . tcp dport : meta mark; flags interval; }", move |b| {
                _ = b.add(&marks)
            }),
            declare("map doors { typeof tcp dport : verdict; }", move |b| _ = b.add(&doors)),
            declare("map gates { typeof ip saddr . tcp dport : verdict; flags interval; }", move |b| _ = b.add(&gates)),
            declare("element gates { 10.1.0.0/16 . 80-90 : accept }", move |b| {
                _ = b.add_elements(&gates_e, [((net(1), 80..=90), Verdict::ACCEPT)])
            }),
            declare("map learned { typeof ip saddr : ip daddr . tcp dport; flags dynamic; size 100; }", move |b| {
                _ = b.add(&learned)
            }),
        ];
        compare(family, declarations, pairs);
    }
}
