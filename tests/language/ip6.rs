//! `ip6`: the header of IPv6.

use std::net::Ipv6Addr;

use nftlink::datum::L4Proto;
use nftlink::field::ip6;

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([fields(), set()])
}

fn fields() -> Vec<Pair> {
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

fn set() -> Vec<Pair> {
    let address = "fd00::1".parse::<std::net::Ipv6Addr>().unwrap();
    vec![
        does("ip6 length set 100", Rule::new().set(ip6::length(), 100)),
        does("ip6 nexthdr set tcp", Rule::new().set(ip6::nexthdr(), L4Proto::TCP)).typed("ip6 nexthdr set 6"),
        does("ip6 hoplimit set 64", Rule::new().set(ip6::hoplimit(), 64)),
        does("ip6 saddr set fd00::1", Rule::new().set(ip6::saddr(), address)),
        does("ip6 daddr set ip6 saddr", Rule::new().set(ip6::daddr(), ip6::saddr())),
    ]
}
