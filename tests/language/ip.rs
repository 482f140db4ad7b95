//! `ip`: the header of IPv4.

use std::net::Ipv4Addr;

use nftlink::datum::L4Proto;
use nftlink::field::{ip, tcp};

use super::comparisons::*;
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

pub(super) fn pairs() -> Vec<Pair> {
    all([fields(), set()])
}

fn fields() -> Vec<Pair> {
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

fn set() -> Vec<Pair> {
    vec![
        does("ip length set 100", Rule::new().set(ip::length(), 100)),
        does("ip id set 100", Rule::new().set(ip::id(), 100)),
        does("ip ttl set 64", Rule::new().set(ip::ttl(), 64)),
        does("ip protocol set tcp", Rule::new().set(ip::protocol(), L4Proto::TCP)).typed("ip protocol set 6"),
        does("ip checksum set 100", Rule::new().set(ip::checksum(), 100)),
        does("ip saddr set 10.0.0.1", Rule::new().set(ip::saddr(), A)),
        does("ip daddr set ip saddr", Rule::new().set(ip::daddr(), ip::saddr())),
        does("ip daddr set tcp dport map { 22 : 10.0.0.1 }", Rule::new().set(ip::daddr(), tcp::dport().map([(22, A)]))),
    ]
}
