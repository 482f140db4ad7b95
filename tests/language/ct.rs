//! `ct`: what connection tracking knows of a packet's connection.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::datum::{CtDirection, CtEvents, CtState, CtStatus, L4Proto};
use nftlink::field::{ct, meta};

use super::comparisons::*;
use super::*;

const NEVER: &str = "no packet of the table has such addresses, and none matches";

pub(super) fn pairs() -> Vec<Pair> {
    let addresses4 = each(of_directions4(), |pair| pair.also_in(Family::IP6, NEVER));
    let addresses6 = each(of_directions6(), |pair| pair.also_in(Family::IP, NEVER));
    all([of_connections(), addresses4, addresses6, of_ports(), set()])
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

fn set() -> Vec<Pair> {
    vec![
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
