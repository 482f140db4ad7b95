//! `rt`: the packet's route.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::field::{concat, meta, rt, tcp};

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    const NO_ROUTE: &str = "no packet of the table has one";
    let pairs = all([of_routes(), of_ip(), of_ip6()]);
    let clamp = does("tcp option maxseg size set rt mtu", Rule::new().set(tcp::option::maxseg::size(), rt::mtu()));
    let pairs = all([pairs, vec![clamp]]);
    each(pairs, |pair| pair.not_in(Family::ARP, NO_ROUTE).not_in(Family::NETDEV, NO_ROUTE))
}

fn of_routes() -> Vec<Pair> {
    let mut pairs = ordered("rt classid", rt::classid(), two!(5, 256));
    pairs.extend(ordered("rt mtu", rt::mtu(), two!(1280, 1460)));
    pairs.extend([
        is("rt ipsec exists", rt::ipsec().exists()),
        is("rt ipsec missing", rt::ipsec().missing()),
        does("meta mark set rt mtu", Rule::new().set(meta::mark(), rt::mtu())),
        does(
            "meta mark set rt classid map { 5 : 0x00000006 }",
            Rule::new().set(meta::mark(), rt::classid().map([(5, 6)])),
        ),
    ]);
    pairs
}

/// nft knows what makes no sense in families ip and ip6 only.
fn of_ip() -> Vec<Pair> {
    let two = [("10.1.2.3", Ipv4Addr::new(10, 1, 2, 3)), ("10.128.0.9", Ipv4Addr::new(10, 128, 0, 9))];
    let mut pairs = addresses("rt ip nexthop", rt::ip_nexthop(), two);
    pairs.push(is(
        "rt ip nexthop . rt classid { 10.1.2.3 . 5 }",
        concat((rt::ip_nexthop(), rt::classid())).one_of([(two[0].1, 5)]),
    ));
    each(pairs, |pair| pair.not_in(Family::BRIDGE, "the kernel knows it of IPv4 packets of hosts and routers only"))
}

fn of_ip6() -> Vec<Pair> {
    let two = [
        ("fd00:8000::1", Ipv6Addr::new(0xfd00, 0x8000, 0, 0, 0, 0, 0, 1)),
        ("fe80::2", Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
    ];
    let pairs = addresses("rt ip6 nexthop", rt::ip6_nexthop(), two);
    each(pairs, |pair| pair.not_in(Family::BRIDGE, "the kernel knows it of IPv6 packets of hosts and routers only"))
}
