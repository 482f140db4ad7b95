//! `ct`: what connection tracking knows of a packet's connection.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::datum::{CtDirection, CtEvents, CtLabel, CtState, CtStatus, L4Proto};
use nftlink::expr::Verdict;
use nftlink::field::{concat, ct, meta, tcp};

use super::comparisons::*;
use super::*;

const NEVER: &str = "no packet of the table has such addresses, and none matches";

pub(super) fn pairs() -> Vec<Pair> {
    let addresses4 = each(of_directions4(), |pair| pair.also_in(Family::IP6, NEVER));
    let addresses6 = each(of_directions6(), |pair| pair.also_in(Family::IP, NEVER));
    all([of_connections(), labels(), helpers(), addresses4, addresses6, of_ports(), of_protocols(), together(), set()])
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
        ordered_as("ct l3proto", ct::l3proto(), [("ipv4", Family::IP), ("ipv6", Family::IP6)], ["2", "10"]),
        ordered_as("ct protocol", ct::protocol(), [("icmp", L4Proto::ICMP), ("udp", L4Proto::UDP)], ["1", "17"]),
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

/// nft has names for labels that it finds in a file of its user's; the kernel has numbers.
fn labels() -> Vec<Pair> {
    let (five, both) = (CtLabel::new(5), CtLabel::new(5) | CtLabel::new(127));
    vec![
        is("ct label 5", ct::label().has(five)),
        is("ct label 127", ct::label().has_any(CtLabel::new(127))),
        is("ct label ! 5", ct::label().has_none(five)),
        is("ct label 5,127", ct::label().has_any(both)),
        is("ct label == 5", ct::label().eq(five)),
        is("ct label != 5", ct::label().ne(5)),
        is("ct label & 5 == 5", ct::label().masked(five).eq(five)),
        does("ct label set 5", Rule::new().set(ct::label(), 5)),
        does("ct label set 127", Rule::new().set(ct::label(), CtLabel::new(127))),
    ]
}

fn helpers() -> Vec<Pair> {
    let mut pairs = plain("ct helper", ct::helper(), [("\"sip\"", "sip".into()), ("\"ftp\"", "ftp".into())]);
    pairs.extend([
        is("ct helper \"ft*\"", ct::helper().starts_with("ft")),
        is("ct helper != \"ft*\"", ct::helper().not_starts_with("ft")),
        does("ct helper vmap { \"ftp\" : drop }", Rule::new().vmap(ct::helper(), [("ftp", Verdict::DROP)])),
        does(
            "ct helper \"ftp\" ct state related accept",
            Rule::new().when(ct::helper().eq("ftp")).when(ct::state().has(CtState::RELATED)).accept(),
        ),
    ]);
    pairs
}

/// The connection's protocol says that it has ports, and not that the packet has them: an error that ICMP tells is of
/// the connection, too. In families ip and ip6 nft forgets that, and sends no test for the packet's protocol.
fn of_protocols() -> Vec<Pair> {
    let udp = || Rule::new().when(ct::protocol().eq(L4Proto::UDP));
    vec![
        does("ct protocol udp ct reply proto-src 53", udp().when(ct::reply::proto_src().eq(53))),
        does(
            "ct protocol tcp ct original proto-dst 22",
            Rule::new().when(ct::original::protocol().eq(L4Proto::TCP)).when(ct::original::proto_dst().eq(22)),
        )
        .typed("ct original protocol tcp ct original proto-dst 22"),
        does(
            "ct protocol udp ct reply proto-src 53",
            Rule::new()
                .when(meta::nfproto().eq(Family::IP))
                .when(ct::protocol().eq(L4Proto::UDP))
                .when(ct::reply::proto_src().eq(53)),
        )
        .typed("meta nfproto ipv4 ct protocol udp ct reply proto-src 53")
        .also_in(Family::IP, "it tells nothing, and is no mistake"),
        does(
            "ct protocol tcp tcp dport 22",
            Rule::new().when(ct::protocol().eq(L4Proto::TCP)).when(tcp::dport().eq(22)),
        )
        .typed("ct protocol tcp meta l4proto tcp tcp dport 22"),
    ]
}

fn together() -> Vec<Pair> {
    vec![
        is(
            "ct direction . ct mark { original . 0x00000005 }",
            concat((ct::direction(), ct::mark())).one_of([(CtDirection::ORIGINAL, 5)]),
        ),
        is(
            "ct original zone . ct mark { 5 . 0x00000005 }",
            concat((ct::original::zone(), ct::mark())).one_of([(5, 5)]),
        ),
        is(
            "ct original ip saddr . ct reply ip saddr { 10.1.2.3 . 10.3.2.1 }",
            concat((ct::original::ip_saddr(), ct::reply::ip_saddr()))
                .one_of([(Ipv4Addr::new(10, 1, 2, 3), Ipv4Addr::new(10, 3, 2, 1))]),
        )
        .also_in(Family::IP6, NEVER),
        does(
            "ct state vmap { invalid : drop, established : accept }",
            Rule::new().vmap(ct::state(), [(CtState::INVALID, Verdict::DROP), (CtState::ESTABLISHED, Verdict::ACCEPT)]),
        ),
        does("ct status vmap { snat : drop }", Rule::new().vmap(ct::status(), [(CtStatus::SNAT, Verdict::DROP)])),
        is("ct status snat,dnat", ct::status().has_any(CtStatus::SNAT | CtStatus::DNAT)),
        is("ct state ! invalid", ct::state().has_none(CtState::INVALID)),
    ]
}

fn set() -> Vec<Pair> {
    vec![
        does("meta mark set ct zone", Rule::new().set(meta::mark(), ct::zone())),
        does(
            "ct zone set meta mark map { 0x00000001 : 1, 0x00000002 : 2 }",
            Rule::new().set(ct::zone(), meta::mark().map([(1, 1), (2, 2)])),
        ),
        does("ct secmark set meta secmark", Rule::new().set(ct::secmark(), meta::secmark())),
        does("meta secmark set ct secmark", Rule::new().set(meta::secmark(), ct::secmark())),
        does("ct mark set 0x00000001", Rule::new().set(ct::mark(), 1)),
        does("ct mark set meta mark", Rule::new().set(ct::mark(), meta::mark())),
        does("meta mark set ct mark", Rule::new().set(meta::mark(), ct::mark())),
        does("ct mark set meta mark | 0x00000010", Rule::new().set(ct::mark(), meta::mark().or(0x10))),
        does("ct mark set ct mark | 0x00000010", Rule::new().set(ct::mark(), ct::mark().or(0x10))),
        does("ct zone set 5", Rule::new().set(ct::zone(), 5)),
        does("ct original zone set 5", Rule::new().set(ct::original::zone(), 5)),
        does("ct reply zone set 5", Rule::new().set(ct::reply::zone(), 5)),
        does("ct event set new", Rule::new().set(ct::event(), CtEvents::NEW)),
        does("ct event set new,destroy", Rule::new().set(ct::event(), CtEvents::NEW | CtEvents::DESTROY)),
    ]
}
