//! Every field, and every comparison.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use nftlink::Interval;
use nftlink::datum::{
    Address, ArpOp, BitMask, CtDirection, CtState, CtStatus, Datum, Day, EtherAddr, EtherType, Hour, IcmpCode,
    IcmpType, Icmpv6Code, Icmpv6Type, IfType, L4Proto, Ordered, PktType, TcpFlags,
};
use nftlink::field::{Field, arp, ct, ether, icmp, icmpv6, ip, ip6, meta, tcp, th, udp};

use super::*;

/// Two values of a type, and their spellings in nft.
type Two<V> = [(&'static str, V); 2];

macro_rules! two {
    ($one:literal, $other:literal) => {
        [(stringify!($one), $one.into()), (stringify!($other), $other.into())]
    };
}

/// Comparisons that all types have.
fn plain<V: Datum, A>(name: &str, field: Field<V, A>, [(a, one), (b, other)]: Two<V>) -> Vec<Pair> {
    vec![
        is(format!("{name} {a}"), field.eq(&one)),
        is(format!("{name} != {b}"), field.ne(&other)),
        is(format!("{name} {{ {a}, {b} }}"), field.one_of([&one, &other])),
        is(format!("{name} != {{ {a}, {b} }}"), field.none_of([&one, &other])),
        is(format!("{name} {a}"), field.one_of([&one])).typed(format!("{name} {{ {a} }}")),
        is(format!("{name} != {a}"), field.none_of([&one])).typed(format!("{name} != {{ {a} }}")),
    ]
}

/// Comparisons of sets of bits as a whole. A set of one is not compared: nft looks then whether the bit is there.
fn masks<V: BitMask, A>(name: &str, field: Field<V, A>, [(a, one), (b, other)]: Two<V>) -> Vec<Pair> {
    vec![
        is(format!("{name} == {a}"), field.eq(&one)),
        is(format!("{name} != {b}"), field.ne(&other)),
        is(format!("{name} {{ {a}, {b} }}"), field.one_of([&one, &other])),
        is(format!("{name} != {{ {a}, {b} }}"), field.none_of([&one, &other])),
    ]
}

/// Comparisons that make sense behind another one.
fn behind<V: Ordered, A>(
    before: &str,
    first: &Match,
    name: &str,
    field: Field<V, A>,
    [(a, one), (b, other)]: Two<V>,
) -> Vec<Pair> {
    let does = |text: String, matching| {
        does(format!("{before} {name} {text}"), Rule::new().when(first.clone()).when(matching))
    };
    vec![
        does(a.to_owned(), field.eq(&one)),
        does(format!("!= {a}"), field.ne(&one)),
        does(format!("< {b}"), field.lt(&other)),
        does(format!("{a}-{b}"), field.in_range(one.clone()..=other.clone())),
        does(format!("!= {a}-{b}"), field.not_in_range(one.clone()..=other.clone())),
        does(format!("{{ {a}, {b} }}"), field.one_of([&one, &other])),
        does(format!("!= {{ {a}, {b} }}"), field.none_of([&one, &other])),
    ]
}

/// Comparisons of types with an order.
fn ordered<V: Ordered, A>(name: &str, field: Field<V, A>, two: Two<V>) -> Vec<Pair> {
    let [(a, _), (b, _)] = two;
    ordered_as(name, field, two, [a, b])
}

/// [`ordered`], where nft spells the values otherwise in ranges: it takes no words there.
fn ordered_as<V: Ordered, A>(name: &str, field: Field<V, A>, two: Two<V>, [from, to]: [&str; 2]) -> Vec<Pair> {
    let [(a, one), (b, other)] = two.clone();
    let mut pairs = plain(name, field.clone(), two);
    let range = || one.clone()..=other.clone();
    pairs.extend([
        is(format!("{name} < {b}"), field.lt(&other)),
        is(format!("{name} <= {b}"), field.le(&other)),
        is(format!("{name} > {a}"), field.gt(&one)),
        is(format!("{name} >= {a}"), field.ge(&one)),
        is(format!("{name} {from}-{to}"), field.in_range(range())),
        is(format!("{name} != {from}-{to}"), field.not_in_range(range())),
        is(format!("{name} {from}-{to}"), field.one_of([range()])).typed(format!("{name} {{ {from}-{to} }}")),
        is(format!("{name} != {from}-{to}"), field.none_of([range()])).typed(format!("{name} != {{ {from}-{to} }}")),
    ]);
    pairs
}

/// The same pairs, where nft's listing names the field otherwise.
fn listed_as(listed: &str, name: &str, pairs: Vec<Pair>) -> Vec<Pair> {
    let rename = |pair: Pair| Pair {
        typed: Some(pair.typed.unwrap_or_else(|| pair.text.clone())),
        text: pair.text.replacen(name, listed, 1),
        ..pair
    };
    pairs.into_iter().map(rename).collect()
}

/// Comparisons of addresses.
fn addresses<V: Address, A>(name: &str, field: Field<V, A>, two: Two<V>) -> Vec<Pair> {
    let (a, one) = two[0].clone();
    let mut pairs = ordered(name, field.clone(), two);
    // Whole bytes, and parts of one.
    for len in [8, V::BITS - 1, 9] {
        let prefix = Interval::prefix(one.clone(), len);
        let text = format!("{}/{len}", masked(prefix.start()));
        pairs.extend([
            is(format!("{name} {text}"), field.in_prefix(&one, len)),
            is(format!("{name} != {text}"), field.not_in_prefix(&one, len)),
            is(format!("{name} {text}"), field.one_of([prefix])).typed(format!("{name} {{ {text} }}")),
        ]);
    }
    pairs.push(is(format!("{name} {a}"), field.in_prefix(&one, V::BITS)));
    pairs
}

fn masked(address: &impl Datum) -> String {
    let data = address.to_data().unwrap();
    match *data.as_bytes() {
        [a, b, c, d] => Ipv4Addr::from([a, b, c, d]).to_string(),
        ref bytes => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap()).to_string(),
    }
}

fn of_ip() -> Vec<Pair> {
    let [low, high] = [Ipv4Addr::new(10, 1, 2, 3), Ipv4Addr::new(10, 128, 0, 9)];
    let two = [("10.1.2.3", low), ("10.128.0.9", high)];
    let protocols = [("icmp", L4Proto::ICMP), ("udp", L4Proto::UDP)];
    [
        ordered("ip length", ip::length(), two!(20, 1500)),
        ordered("ip id", ip::id(), two!(0, 65535)),
        ordered("ip ttl", ip::ttl(), two!(1, 255)),
        ordered_as("ip protocol", ip::protocol(), protocols, ["1", "17"]),
        ordered("ip checksum", ip::checksum(), two!(1, 256)),
        addresses("ip saddr", ip::saddr(), two),
        addresses("ip daddr", ip::daddr(), two),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_ip6() -> Vec<Pair> {
    let two = [
        ("fd00:8000::1", Ipv6Addr::new(0xfd00, 0x8000, 0, 0, 0, 0, 0, 1)),
        ("fe80::2", Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
    ];
    [
        ordered("ip6 length", ip6::length(), two!(20, 1500)),
        ordered_as("ip6 nexthdr", ip6::nexthdr(), [("icmp", L4Proto::ICMP), ("udp", L4Proto::UDP)], ["1", "17"]),
        ordered("ip6 hoplimit", ip6::hoplimit(), two!(1, 255)),
        addresses("ip6 saddr", ip6::saddr(), two),
        addresses("ip6 daddr", ip6::daddr(), two),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_transport() -> Vec<Pair> {
    let flags = [("syn", TcpFlags::SYN), ("ack", TcpFlags::ACK)];
    [
        ordered("tcp sport", tcp::sport(), two!(22, 1024)),
        ordered("tcp dport", tcp::dport(), two!(22, 1024)),
        ordered("tcp sequence", tcp::sequence(), two!(0, 4294967295)),
        ordered("tcp ackseq", tcp::ackseq(), two!(1, 65536)),
        masks("tcp flags", tcp::flags(), flags),
        ordered("tcp window", tcp::window(), two!(1, 1024)),
        ordered("tcp checksum", tcp::checksum(), two!(1, 1024)),
        ordered("tcp urgptr", tcp::urgptr(), two!(1, 1024)),
        ordered("udp sport", udp::sport(), two!(22, 1024)),
        ordered("udp dport", udp::dport(), two!(22, 1024)),
        ordered("udp length", udp::length(), two!(8, 1024)),
        ordered("udp checksum", udp::checksum(), two!(0, 1024)),
        ordered("th sport", th::sport(), two!(22, 1024)),
        ordered("th dport", th::dport(), two!(22, 1024)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// nft tests for echoes before the number of one, if the rule does not.
fn of_icmp() -> Vec<Pair> {
    let (types, codes) =
        ([IcmpType::ECHO_REPLY, IcmpType::ECHO_REQUEST], [IcmpCode::NET_UNREACHABLE, IcmpCode::PORT_UNREACHABLE]);
    let echo = icmp::icmp_type().eq(IcmpType::ECHO_REQUEST);
    let behind_echo = |name: &str, field| behind("icmp type echo-request", &echo, name, field, two!(1, 1024));
    [
        ordered_as("icmp type", icmp::icmp_type(), [("echo-reply", types[0]), ("echo-request", types[1])], ["0", "8"]),
        ordered_as(
            "icmp code",
            icmp::code(),
            [("net-unreachable", codes[0]), ("port-unreachable", codes[1])],
            ["0", "3"],
        ),
        behind_echo("icmp id", icmp::id()),
        behind_echo("icmp sequence", icmp::sequence()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_icmpv6() -> Vec<Pair> {
    let (types, codes) =
        ([Icmpv6Type::PACKET_TOO_BIG, Icmpv6Type::ND_REDIRECT], [Icmpv6Code::NO_ROUTE, Icmpv6Code::ADDR_UNREACHABLE]);
    let echo = icmpv6::icmpv6_type().eq(Icmpv6Type::ECHO_REQUEST);
    let behind_echo = |name: &str, field| behind("icmpv6 type echo-request", &echo, name, field, two!(1, 1024));
    [
        ordered_as(
            "icmpv6 type",
            icmpv6::icmpv6_type(),
            [("packet-too-big", types[0]), ("nd-redirect", types[1])],
            ["2", "137"],
        ),
        ordered_as("icmpv6 code", icmpv6::code(), [("no-route", codes[0]), ("addr-unreachable", codes[1])], ["0", "3"]),
        behind_echo("icmpv6 id", icmpv6::id()),
        behind_echo("icmpv6 sequence", icmpv6::sequence()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(in super::super) fn header_fields() {
    compare(Family::IP, vec![], [of_ip(), of_transport(), of_icmp()].into_iter().flatten().collect());
    compare(Family::IP6, vec![], [of_ip6(), of_transport(), of_icmpv6()].into_iter().flatten().collect());
    for family in [Family::INET, Family::BRIDGE, Family::NETDEV] {
        compare(
            family,
            vec![],
            [of_ip(), of_ip6(), of_transport(), of_icmp(), of_icmpv6()].into_iter().flatten().collect(),
        );
    }
}

fn of_ether() -> Vec<Pair> {
    let two =
        [("00:01:02:03:04:05", EtherAddr::new([0, 1, 2, 3, 4, 5])), ("ff:ff:ff:ff:ff:ff", EtherAddr::new([255; 6]))];
    let mut pairs = ordered("ether saddr", ether::saddr(), two);
    pairs.extend(ordered("ether daddr", ether::daddr(), two));
    pairs
}

fn of_ether_types() -> Vec<Pair> {
    let two = [("ip", EtherType::IP), ("ip6", EtherType::IP6)];
    ordered_as("ether type", ether::ether_type(), two, ["0x0800", "0x86dd"])
}

fn of_arp() -> Vec<Pair> {
    let macs =
        [("00:01:02:03:04:05", EtherAddr::new([0, 1, 2, 3, 4, 5])), ("ff:ff:ff:ff:ff:ff", EtherAddr::new([255; 6]))];
    let ips = [("10.1.2.3", Ipv4Addr::new(10, 1, 2, 3)), ("10.128.0.9", Ipv4Addr::new(10, 128, 0, 9))];
    [
        ordered("arp htype", arp::htype(), two!(1, 256)),
        ordered_as("arp ptype", arp::ptype(), [("ip", EtherType::IP), ("ip6", EtherType::IP6)], ["0x0800", "0x86dd"]),
        ordered("arp hlen", arp::hlen(), two!(6, 8)),
        ordered("arp plen", arp::plen(), two!(4, 16)),
        ordered_as(
            "arp operation",
            arp::operation(),
            [("request", ArpOp::REQUEST), ("inrequest", ArpOp::INREQUEST)],
            ["1", "8"],
        ),
        ordered("arp saddr ether", arp::saddr_ether(), macs),
        addresses("arp saddr ip", arp::saddr_ip(), ips),
        ordered("arp daddr ether", arp::daddr_ether(), macs),
        addresses("arp daddr ip", arp::daddr_ip(), ips),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(in super::super) fn fields_of_frames_and_arp() {
    compare(Family::ARP, vec![], of_arp());
    for family in [Family::BRIDGE, Family::NETDEV] {
        compare(family, vec![], [of_ether(), of_ether_types(), of_arp()].into_iter().flatten().collect());
    }
    compare(Family::INET, vec![], [of_ether(), of_ether_types()].into_iter().flatten().collect());
    for family in [Family::IP, Family::IP6, Family::ARP] {
        compare(family, vec![], of_ether());
    }
}

fn names(name: &str, field: Field<nftlink::datum::IfName>) -> Vec<Pair> {
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

pub(in super::super) fn what_the_kernel_knows() {
    for family in [Family::IP, Family::IP6, Family::INET, Family::ARP, Family::BRIDGE, Family::NETDEV] {
        compare(family, vec![], of_packets());
    }
    for family in [Family::INET, Family::BRIDGE, Family::NETDEV] {
        compare(family, vec![], of_protocols());
    }
    compare(Family::INET, vec![], of_families());
}

fn of_connections() -> Vec<Pair> {
    let states = [("established", CtState::ESTABLISHED), ("new", CtState::NEW)];
    let statuses = [("assured", CtStatus::ASSURED), ("dnat", CtStatus::DNAT)];
    let times = [("1m", Duration::from_secs(60).into()), ("1h", Duration::from_secs(3600).into())];
    [
        plain("ct direction", ct::direction(), [("original", CtDirection::ORIGINAL), ("reply", CtDirection::REPLY)]),
        masks("ct state", ct::state(), states),
        masks("ct status", ct::status(), statuses),
        ordered("ct mark", ct::mark(), [("0x00000005", 5.into()), ("0x00000100", 0x100.into())]),
        ordered_as("ct expiration", ct::expiration(), times, ["60s", "3600s"]),
        ordered("ct zone", ct::zone(), two!(5, 256)),
        ordered("ct id", ct::id(), two!(5, 256)),
        ordered("ct packets", ct::packets(), two!(5, 256)),
        ordered("ct bytes", ct::bytes(), two!(5, 256)),
        ordered("ct avgpkt", ct::avgpkt(), two!(5, 256)),
        listed_as(
            "ct l3proto",
            "ct original l3proto",
            ordered_as(
                "ct original l3proto",
                ct::original::l3proto(),
                [("ipv4", Family::IP), ("ipv6", Family::IP6)],
                ["2", "10"],
            ),
        ),
        listed_as(
            "ct protocol",
            "ct original protocol",
            ordered_as(
                "ct original protocol",
                ct::original::protocol(),
                [("icmp", L4Proto::ICMP), ("udp", L4Proto::UDP)],
                ["1", "17"],
            ),
        ),
        ordered("ct original zone", ct::original::zone(), two!(5, 256)),
        ordered("ct original packets", ct::original::packets(), two!(5, 256)),
        ordered("ct original bytes", ct::original::bytes(), two!(5, 256)),
        ordered("ct original avgpkt", ct::original::avgpkt(), two!(5, 256)),
        listed_as(
            "ct l3proto",
            "ct reply l3proto",
            ordered_as(
                "ct reply l3proto",
                ct::reply::l3proto(),
                [("ipv4", Family::IP), ("ipv6", Family::IP6)],
                ["2", "10"],
            ),
        ),
        listed_as(
            "ct protocol",
            "ct reply protocol",
            ordered_as(
                "ct reply protocol",
                ct::reply::protocol(),
                [("icmp", L4Proto::ICMP), ("udp", L4Proto::UDP)],
                ["1", "17"],
            ),
        ),
        ordered("ct reply zone", ct::reply::zone(), two!(5, 256)),
        ordered("ct reply packets", ct::reply::packets(), two!(5, 256)),
        ordered("ct reply bytes", ct::reply::bytes(), two!(5, 256)),
        ordered("ct reply avgpkt", ct::reply::avgpkt(), two!(5, 256)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_directions4() -> Vec<Pair> {
    let two = [("10.1.2.3", Ipv4Addr::new(10, 1, 2, 3)), ("10.128.0.9", Ipv4Addr::new(10, 128, 0, 9))];
    [
        addresses("ct original ip saddr", ct::original::ip_saddr(), two),
        addresses("ct original ip daddr", ct::original::ip_daddr(), two),
        addresses("ct reply ip saddr", ct::reply::ip_saddr(), two),
        addresses("ct reply ip daddr", ct::reply::ip_daddr(), two),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_directions6() -> Vec<Pair> {
    let two = [
        ("fd00:8000::1", Ipv6Addr::new(0xfd00, 0x8000, 0, 0, 0, 0, 0, 1)),
        ("fe80::2", Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
    ];
    [
        addresses("ct original ip6 saddr", ct::original::ip6_saddr(), two),
        addresses("ct original ip6 daddr", ct::original::ip6_daddr(), two),
        addresses("ct reply ip6 saddr", ct::reply::ip6_saddr(), two),
        addresses("ct reply ip6 daddr", ct::reply::ip6_daddr(), two),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// nft wants the protocol told before, and does not know any more what it is where it lists a set.
fn of_ports() -> Vec<Pair> {
    let tcp = meta::l4proto().eq(L4Proto::TCP);
    let behind_tcp = |name: &str, field| behind("meta l4proto tcp", &tcp, name, field, two!(22, 1024));
    let pairs = [
        behind_tcp("ct original proto-src", ct::original::proto_src()),
        behind_tcp("ct original proto-dst", ct::original::proto_dst()),
        behind_tcp("ct reply proto-src", ct::reply::proto_src()),
        behind_tcp("ct reply proto-dst", ct::reply::proto_dst()),
    ];
    let listed = |pair: Pair| {
        let typed = pair.text.clone();
        Pair { text: pair.text.replace("{ 22, 1024 }", "{ 0x16 [invalid type], 0x400 [invalid type] }"), ..pair }
            .typed(typed)
    };
    pairs.into_iter().flatten().map(listed).collect()
}

pub(in super::super) fn connections() {
    for family in [Family::IP, Family::IP6, Family::INET, Family::BRIDGE] {
        let mut pairs = of_connections();
        pairs.extend(of_ports());
        if family != Family::IP6 {
            pairs.extend(of_directions4());
        }
        if family != Family::IP {
            pairs.extend(of_directions6());
        }
        // Only few kernels track the connections of bridges.
        if family == Family::BRIDGE {
            compare_messages(family, pairs);
        } else {
            compare(family, vec![], pairs);
        }
    }
}

pub(in super::super) fn bits() {
    use TcpFlags as F;
    let pairs = || {
        vec![
            is("ct state established,related", ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)),
            is("ct state invalid", ct::state().has(CtState::INVALID)),
            is("ct state ! invalid", ct::state().has_none(CtState::INVALID)),
            is("ct status dnat", ct::status().has(CtStatus::DNAT)),
            is("ct status assured,dnat / assured,dnat", ct::status().has(CtStatus::ASSURED | CtStatus::DNAT)),
            is("tcp flags syn", tcp::flags().has(F::SYN)),
            is("tcp flags syn,ack", tcp::flags().has_any(F::SYN | F::ACK)),
            is("tcp flags ! syn,ack", tcp::flags().has_none(F::SYN | F::ACK)),
            is("tcp flags syn,ack / syn,ack", tcp::flags().has(F::SYN | F::ACK)),
            is("tcp flags syn / fin,syn", tcp::flags().masked(F::FIN | F::SYN).eq(F::SYN)),
            is("tcp flags != syn / fin,syn", tcp::flags().masked(F::FIN | F::SYN).ne(F::SYN)),
            is("tcp flags == 0x0", tcp::flags().eq(F::empty())),
            is("meta mark & 0x000000ff == 0x00000010", meta::mark().and(0xff).eq(0x10)),
            is("meta mark & 0x000000ff != 0x00000010", meta::mark().and(0xff).ne(0x10)),
            is("meta mark | 0x00000010 == 0x00000011", meta::mark().or(0x10).eq(0x11)),
            is("meta mark & 0x000000ff < 0x00000010", meta::mark().and(0xff).lt(0x10)),
            is("ct mark & 0x000000ff == 0x00000010", ct::mark().and(0xff).eq(0x10)),
            is("meta mark & 0x000000ff == { 0x00000010, 0x00000020 }", meta::mark().and(0xff).one_of([0x10, 0x20])),
            is("tcp dport & 1 == 1", tcp::dport().and(1).eq(1)),
            is(
                "ip saddr & 0.0.0.255 == 0.0.0.1",
                ip::saddr().and(Ipv4Addr::new(0, 0, 0, 255)).eq(Ipv4Addr::new(0, 0, 0, 1)),
            ),
        ]
    };
    for family in [Family::IP, Family::INET] {
        compare(family, vec![], pairs());
    }
}

/// nft 1.0.6 loads fields of one word at once that are side by side, and compares them once.
pub(in super::super) fn fields_side_by_side() {
    let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 9));
    let both = |one, other| Rule::new().when(one).when(other);
    let pairs = vec![
        does("tcp sport 1 tcp dport 2", both(tcp::sport().eq(1), tcp::dport().eq(2))),
        does(
            "icmp type echo-request icmp code 0",
            both(icmp::icmp_type().eq(IcmpType::ECHO_REQUEST), icmp::code().eq(0)),
        )
        .listed_as("icmp type echo-request icmp code net-unreachable"),
        // Not in one word, not side by side, or compared otherwise.
        does("ip saddr 10.0.0.1 ip daddr 10.0.0.9", both(ip::saddr().eq(a), ip::daddr().eq(b))),
        does("ip ttl 1 ip daddr 10.0.0.9", both(ip::ttl().eq(1), ip::daddr().eq(b))),
        does("tcp sport != 1 tcp dport 2", both(tcp::sport().ne(1), tcp::dport().eq(2))),
        // What tells less than it seems to.
        does("meta protocol ip ip saddr 10.0.0.1", both(meta::protocol().eq(EtherType::IP), ip::saddr().eq(a))),
        does(
            "ip6 nexthdr ipv6-frag tcp dport 5",
            both(ip6::nexthdr().eq(nftlink::datum::L4Proto::from_raw(44)), tcp::dport().eq(5)),
        ),
    ];
    compare(Family::INET, vec![], pairs);
}
