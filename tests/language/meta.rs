//! `meta`: what the kernel knows of a packet beside its bytes.

use std::time::{Duration, SystemTime};

use nftlink::Interval;
use nftlink::datum::{ClassId, Day, EtherType, Hour, IfName, IfType, L4Proto, PktType};
use nftlink::field::{Field, concat, meta};

use super::comparisons::*;
use super::ether::NO_SUCH;
use super::*;

const USELESS: &str = "it tells nothing, and is no mistake";

pub(super) fn pairs() -> Vec<Pair> {
    let mut protocols = of_protocols();
    for text in ["meta protocol ip", "meta protocol { ip }"] {
        protocols = but(protocols, text, |pair| pair.not_in(Family::IP6, NO_SUCH).not_in(Family::ARP, NO_SUCH));
    }
    let families = each(of_families(), |pair| pair.also_in(Family::IP, USELESS));
    // Where nothing but IPv6 is seen, IPv4 is a contradiction.
    let is_possible = |pair: &Pair| !["meta nfproto ipv4", "meta nfproto { ipv4 }"].contains(&pair.nft());
    let families = each(families, |pair| if is_possible(&pair) { pair.also_in(Family::IP6, USELESS) } else { pair });
    all([of_packets(), of_bridges(), of_vrfs(), of_times(), protocols, families, set()])
}

fn of_packets() -> Vec<Pair> {
    let date = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let dates = [
        ("\"2024-02-03 04:05:06\"", date(1_706_933_106).into()),
        ("\"2024-02-04 04:05:06\"", date(1_707_019_506).into()),
    ];
    [
        ordered("meta length", meta::length(), two!(20, 1024)),
        ordered("meta priority", meta::priority(), [("1:2", 0x0001_0002.into()), ("abcd:0", 0xabcd_0000.into())]),
        ordered("meta mark", meta::mark(), [("0x00000005", 5.into()), ("0x00000100", 0x100.into())]),
        ordered("iif", meta::iif(), [("\"lo\"", 1.into()), ("5", 5.into())]),
        ordered("oif", meta::oif(), [("\"lo\"", 1.into()), ("5", 5.into())]),
        names("iifname", meta::iifname()),
        names("oifname", meta::oifname()),
        plain("meta iiftype", meta::iiftype(), [("ether", IfType::ETHER), ("loopback", IfType::LOOPBACK)]),
        plain("meta oiftype", meta::oiftype(), [("ether", IfType::ETHER), ("loopback", IfType::LOOPBACK)]),
        names("meta iifkind", meta::iifkind()),
        names("meta oifkind", meta::oifkind()),
        vec![is("meta ipsec exists", meta::ipsec().exists()), is("meta ipsec missing", meta::ipsec().missing())],
        ordered("meta skuid", meta::skuid(), two!(12345, 54321)),
        ordered("meta skgid", meta::skgid(), two!(12345, 54321)),
        ordered("meta rtclassid", meta::rtclassid(), two!(5, 256)),
        ordered_as("meta l4proto", meta::l4proto(), [("icmp", L4Proto::ICMP), ("udp", L4Proto::UDP)], ["1", "17"]),
        plain("meta pkttype", meta::pkttype(), [("host", PktType::HOST), ("multicast", PktType::MULTICAST)]),
        ordered("meta cpu", meta::cpu(), two!(0, 256)),
        ordered("iifgroup", meta::iifgroup(), two!(5, 256)),
        ordered("oifgroup", meta::oifgroup(), two!(5, 256)),
        ordered("meta cgroup", meta::cgroup(), two!(5, 256)),
        ordered("meta random", meta::random(), two!(5, 256)),
        ordered("meta time", meta::time(), dates),
        ordered_as("meta day", meta::day(), [("\"Monday\"", Day::MONDAY), ("\"Friday\"", Day::FRIDAY)], ["1", "5"]),
        ordered(
            "meta hour",
            meta::hour(),
            [("\"09:00\"", Hour::new(9, 0)), ("\"17:30:01\"", Hour::with_seconds(17, 30, 1))],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// No chain that has a hook takes these in other families.
fn of_vrfs() -> Vec<Pair> {
    let mut pairs = ordered("meta sdif", meta::sdif(), [("\"lo\"", 1.into()), ("5", 5.into())]);
    pairs.extend(names("meta sdifname", meta::sdifname()));
    pairs.push(is(
        "meta sdif . meta sdifname { 5 . \"vrf0\" }",
        concat((meta::sdif(), meta::sdifname())).one_of([(5, "vrf0")]),
    ));
    [Family::ARP, Family::BRIDGE, Family::NETDEV]
        .into_iter()
        .fold(pairs, |pairs, family| each(pairs, |pair| pair.not_in(family, "only chains without a hook take it")))
}

/// nft sends this in all families, and no kernel takes it but in this one.
fn of_bridges() -> Vec<Pair> {
    [
        names("meta ibrname", meta::ibrname()),
        names("meta obrname", meta::obrname()),
        ordered("meta ibrpvid", meta::ibrpvid(), two!(5, 256)),
        plain("meta ibrvproto", meta::ibrvproto(), [("8021q", EtherType::VLAN), ("8021ad", EtherType::VLAN_AD)]),
        vec![is(
            "meta ibrpvid . meta ibrname { 5 . \"br0\" }",
            concat((meta::ibrpvid(), meta::ibrname())).one_of([(5, "br0")]),
        )],
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Nights begin on one day and end on the next. nft's `"22:00"-"06:00"` lacks the first second and the last.
fn of_times() -> Vec<Pair> {
    let night = || Hour::new(22, 0)..=Hour::new(6, 0);
    vec![
        is("meta hour != \"06:00:01\"-\"21:59:59\"", meta::hour().in_range(night())),
        is("meta hour \"06:00:01\"-\"21:59:59\"", meta::hour().not_in_range(night())),
        is(
            "meta day . meta hour { \"Monday\" . \"09:00\" }",
            concat((meta::day(), meta::hour())).one_of([(Day::MONDAY, Hour::new(9, 0))]),
        ),
        is("meta priority none", meta::priority().eq(ClassId::NONE)),
        is("meta priority root", meta::priority().eq(ClassId::ROOT)),
    ]
}

/// What only tables of several protocols can ask.
fn of_protocols() -> Vec<Pair> {
    ordered_as(
        "meta protocol",
        meta::protocol(),
        [("ip", EtherType::IP), ("ip6", EtherType::IP6)],
        ["0x0800", "0x86dd"],
    )
}

/// nft takes this in family inet alone.
fn of_families() -> Vec<Pair> {
    ordered_as("meta nfproto", meta::nfproto(), [("ipv4", Family::IP), ("ipv6", Family::IP6)], ["2", "10"])
}

fn names(name: &str, field: Field<IfName>) -> Vec<Pair> {
    let mut pairs =
        plain(name, field.clone(), [("\"eth0\"", "eth0".into()), ("\"a-name-of-15-by\"", "a-name-of-15-by".into())]);
    pairs.extend([
        is(format!("{name} \"eth*\""), field.starts_with("eth")),
        is(format!("{name} != \"eth*\""), field.not_starts_with("eth")),
        is(format!("{name} \"eth*\""), field.one_of([Interval::starting_with("eth")]))
            .typed(format!("{name} {{ \"eth*\" }}")),
        is(format!("{name} != \"eth*\""), field.none_of([Interval::starting_with("eth")]))
            .typed(format!("{name} != {{ \"eth*\" }}")),
        is(
            format!("{name} {{ \"eth*\", \"lo\" }}"),
            field.one_of([Interval::starting_with("eth"), Interval::value("lo")]),
        ),
        is(
            format!("{name} != {{ \"eth*\", \"wlan*\" }}"),
            field.none_of([Interval::starting_with("eth"), Interval::starting_with("wlan")]),
        ),
    ]);
    pairs
}

fn set() -> Vec<Pair> {
    vec![
        does("meta mark set 0x00000001", Rule::new().set(meta::mark(), 1)),
        does("meta mark set meta mark & 0x000000ff", Rule::new().set(meta::mark(), meta::mark().and(0xff))),
        does("meta mark set meta mark | 0x00000010", Rule::new().set(meta::mark(), meta::mark().or(0x10))),
        does("meta mark set meta mark ^ 0x00000010", Rule::new().set(meta::mark(), meta::mark().xor(0x10))),
        does(
            "meta mark set meta mark & 0x000001ff | 0x00000100",
            Rule::new().set(meta::mark(), meta::mark().and(0xff).or(0x100)),
        )
        .typed("meta mark set meta mark & 0xff | 0x100"),
        does("meta mark set meta mark << 4", Rule::new().set(meta::mark(), meta::mark().shl(4))),
        does("meta mark set meta mark >> 4", Rule::new().set(meta::mark(), meta::mark().shr(4))),
        does("meta priority set 1:2", Rule::new().set(meta::priority(), ClassId::of(1, 2))),
        does("meta priority set root", Rule::new().set(meta::priority(), ClassId::ROOT)),
        does("meta pkttype set host", Rule::new().set(meta::pkttype(), PktType::UNICAST)),
        does("meta nftrace set 1", Rule::new().set(meta::nftrace(), 1)),
    ]
}
