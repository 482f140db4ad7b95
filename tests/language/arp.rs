//! `arp`: who has which address.

use std::net::Ipv4Addr;

use nftlink::datum::{ArpOp, EtherAddr, EtherType};
use nftlink::field::arp;

use super::comparisons::*;
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

pub(super) fn pairs() -> Vec<Pair> {
    all([fields(), set()])
}

fn fields() -> Vec<Pair> {
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

fn set() -> Vec<Pair> {
    let address = EtherAddr::new([0, 1, 2, 3, 4, 5]);
    vec![
        does("arp htype set 1", Rule::new().set(arp::htype(), 1)),
        does("arp ptype set ip", Rule::new().set(arp::ptype(), EtherType::IP)),
        does("arp hlen set 6", Rule::new().set(arp::hlen(), 6)),
        does("arp plen set 4", Rule::new().set(arp::plen(), 4)),
        does("arp operation set reply", Rule::new().set(arp::operation(), ArpOp::REPLY)),
        does("arp saddr ether set 00:01:02:03:04:05", Rule::new().set(arp::saddr_ether(), address)),
        does("arp saddr ip set 10.0.0.1", Rule::new().set(arp::saddr_ip(), A)),
        does("arp daddr ether set 00:01:02:03:04:05", Rule::new().set(arp::daddr_ether(), address)),
        does("arp daddr ip set 10.0.0.1", Rule::new().set(arp::daddr_ip(), A)),
    ]
}
