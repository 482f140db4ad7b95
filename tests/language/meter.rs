//! `meter`: a set of a rule's own that packets fill, with a statement for each element.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::Meter;
use nftlink::expr::{Connlimit, Counter, Limit, Quota};
use nftlink::field::{concat, ip, meta, tcp};

use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    let limit = || Limit::packets(10, Limit::SECOND);
    let seconds = Duration::from_secs;
    vec![
        does("meter m0 size 65535 { ip saddr limit rate over 10/second } drop", {
            Rule::new().meter(Meter::new("m0", ip::saddr(), limit().over())).drop()
        })
        .typed("meter m0 { ip saddr limit rate over 10/second } drop"),
        does("meter m1 size 1000 { ip saddr limit rate 10/second burst 20 packets }", {
            Rule::new().meter(Meter::new("m1", ip::saddr(), limit().burst(20)).size(1000))
        }),
        does("meter m2 size 1000 { ip saddr timeout 10s limit rate 10/second }", {
            Rule::new().meter(Meter::new("m2", ip::saddr().timeout(seconds(10)), limit()).size(1000))
        }),
        does("meter m3 size 1000 { ip saddr . tcp dport timeout 1m counter }", {
            let pair = concat((ip::saddr(), tcp::dport())).timeout(seconds(60));
            Rule::new().meter(Meter::new("m3", pair, Counter::default()).size(1000))
        }),
        does("tcp dport 25 meter m4 size 100 { ip daddr quota over 1 mbytes } drop", {
            let each = Meter::new("m4", ip::daddr(), Quota::new(1 << 20).over()).size(100);
            Rule::new().when(tcp::dport().eq(25)).meter(each).drop()
        }),
        does("meter m5 size 100 { meta mark limit rate 1 mbytes/second }", {
            let each = Limit::bytes(1 << 20, Limit::SECOND);
            Rule::new().meter(Meter::new("m5", meta::mark(), each).size(100))
        }),
        does("meter m6 size 100 { iifname . tcp dport counter } accept", {
            let pair = concat((meta::iifname(), tcp::dport())).element();
            Rule::new().meter(Meter::new("m6", pair, Counter::default()).size(100)).accept()
        }),
        does("meter m7 size 100 { ip saddr & 255.255.255.0 counter }", {
            let net = ip::saddr().and(Ipv4Addr::new(255, 255, 255, 0));
            Rule::new().meter(Meter::new("m7", net.element(), Counter::default()).size(100))
        }),
        does("tcp dport 22 meter m8 size 100 { ip saddr ct count over 3 } drop", {
            let each = Meter::new("m8", ip::saddr(), Connlimit::new(3).over()).size(100);
            Rule::new().when(tcp::dport().eq(22)).meter(each).drop()
        }),
    ]
}
