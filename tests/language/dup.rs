//! `dup` and `fwd`: copies of packets, and other ways out.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::datum::IfIndex;
use nftlink::field::{ip, ip6, meta, tcp};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const B6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
/// The device `lo`.
const LO: IfIndex = IfIndex::new(1);

pub(super) fn pairs() -> Vec<Pair> {
    all([copies_in_ip(), copies_in_ip6(), forwards()])
}

fn copies_in_ip() -> Vec<Pair> {
    let hosts = || ip::saddr().map::<Ipv4Addr>([(A, B)]);
    let devices = || tcp::dport().map([(80, LO)]);
    vec![
        does("dup to 10.0.0.1", Rule::new().dup(A)),
        does("dup to 10.0.0.1 device \"lo\"", Rule::new().dup_via(A, LO)),
        does("dup to 10.0.0.1 device iif", Rule::new().dup_via(A, meta::iif())),
        does("dup to 10.0.0.1 device tcp dport map { 80 : \"lo\" }", Rule::new().dup_via(A, devices())),
        does("dup to ip saddr", Rule::new().dup(ip::saddr())),
        does("dup to ip saddr map { 10.0.0.1 : 10.0.0.2 }", Rule::new().dup(hosts())),
        does("dup to ip saddr map { 10.0.0.1 : 10.0.0.2 } device \"lo\"", Rule::new().dup_via(hosts(), 1)),
        does(
            "dup to ip saddr map { 10.0.0.1 : 10.0.0.2 } device tcp dport map { 80 : \"lo\" } drop",
            Rule::new().dup_via(hosts(), devices()).drop(),
        ),
        does(
            "dup to tcp dport map { 80 : 10.0.0.1 } device ip saddr map { 10.0.0.1 : \"lo\" }",
            Rule::new().dup_via(tcp::dport().map::<Ipv4Addr>([(80, A)]), ip::saddr().map([(A, LO)])),
        ),
    ]
}

fn copies_in_ip6() -> Vec<Pair> {
    let hosts = || ip6::saddr().map::<Ipv6Addr>([(A6, B6)]);
    vec![
        does("dup to fd00::1", Rule::new().dup(A6)),
        does("dup to fd00::1 device \"lo\"", Rule::new().dup_via(A6, LO)),
        does("dup to ip6 saddr map { fd00::1 : fd00::2 }", Rule::new().dup(hosts())),
        does("dup to ip6 saddr map { fd00::1 : fd00::2 } device \"lo\"", Rule::new().dup_via(hosts(), LO)),
    ]
}

fn forwards() -> Vec<Pair> {
    let by_mark = || meta::mark().map([(1, LO)]);
    vec![
        does("dup to \"lo\"", Rule::new().dup_to_device(LO)),
        does("dup to \"lo\" drop", Rule::new().dup_to_device(1).drop()),
        does("dup to iif", Rule::new().dup_to_device(meta::iif())),
        does("dup to meta mark map { 0x00000001 : \"lo\" }", Rule::new().dup_to_device(by_mark())),
        does(
            "dup to tcp dport map { 80 : \"lo\" } accept",
            Rule::new().dup_to_device(tcp::dport().map([(80, LO)])).accept(),
        ),
        does("fwd to \"lo\"", Rule::new().fwd(LO)),
        does("fwd to iif", Rule::new().fwd(meta::iif())),
        does("fwd to meta mark map { 0x00000001 : \"lo\" }", Rule::new().fwd(by_mark())),
        does("fwd to ip saddr map { 10.0.0.1 : \"lo\" }", Rule::new().fwd(ip::saddr().map([(A, LO)]))),
        does("fwd ip to 10.0.0.1 device \"lo\"", Rule::new().fwd_via(A, LO)),
        does("fwd ip6 to fd00::1 device \"lo\"", Rule::new().fwd_via(A6, LO)),
        does("fwd ip to ip daddr device \"lo\"", Rule::new().fwd_via(ip::daddr(), LO)),
        does(
            "fwd ip6 to ip6 daddr map { fd00::1 : fd00::2 } device \"lo\"",
            Rule::new().fwd_via(ip6::daddr().map::<Ipv6Addr>([(A6, B6)]), LO),
        ),
        does(
            "fwd ip to 10.0.0.1 device ip saddr map { 10.0.0.2 : \"lo\" }",
            Rule::new().fwd_via(A, ip::saddr().map([(B, LO)])),
        ),
        // The device is looked up first.
        does(
            "fwd ip to tcp dport map { 80 : 10.0.0.1 } device meta mark map { 0x00000001 : \"lo\" }",
            Rule::new().fwd_via(tcp::dport().map::<Ipv4Addr>([(80, A)]), by_mark()),
        ),
        does("ip saddr 10.0.0.2 fwd ip to 10.0.0.1 device \"lo\"", {
            Rule::new().when(ip::saddr().eq(B)).fwd_via(A, LO)
        }),
    ]
}
