//! `ipsec`: what was done to a packet, or will be.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::Interval;
use nftlink::expr::Verdict;
use nftlink::field::{concat, ipsec};

use super::comparisons::*;
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);

pub(super) fn pairs() -> Vec<Pair> {
    let two4 = [("10.1.2.3", A), ("10.128.0.9", Ipv4Addr::new(10, 128, 0, 9))];
    let two6 = [
        ("fd00:8000::1", Ipv6Addr::new(0xfd00, 0x8000, 0, 0, 0, 0, 0, 1)),
        ("fe80::2", Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
    ];
    all([
        ordered("ipsec in reqid", ipsec::ipsec_in().reqid(), two!(5, 256)),
        ordered("ipsec out spnum 2 reqid", ipsec::out().spnum(2).reqid(), two!(5, 256)),
        ordered("ipsec out spi", ipsec::out().spi(), two!(5, 256)),
        addresses("ipsec in ip saddr", ipsec::ipsec_in().ip_saddr(), two4),
        addresses("ipsec out ip daddr", ipsec::out().ip_daddr(), two4),
        addresses("ipsec out ip6 saddr", ipsec::out().ip6_saddr(), two6),
        addresses("ipsec in spnum 1 ip6 daddr", ipsec::ipsec_in().spnum(1).ip6_daddr(), two6),
        vec![
            is("ipsec in reqid 1", ipsec::ipsec_in().spnum(0).reqid().eq(1)).typed("ipsec in spnum 0 reqid 1"),
            is("ipsec in spi & 5 == 5", ipsec::ipsec_in().spi().and(5).eq(5)),
            does("ipsec in reqid vmap { 5 : drop }", Rule::new().vmap(ipsec::ipsec_in().reqid(), [(5, Verdict::DROP)])),
            is(
                "ipsec out spnum 2 ip saddr { 10.1.2.3, 10.6.0.0/16 }",
                ipsec::out()
                    .spnum(2)
                    .ip_saddr()
                    .one_of([Interval::value(A), Interval::prefix(Ipv4Addr::new(10, 6, 0, 0), 16)]),
            ),
            is(
                "ipsec in ip saddr . ipsec in reqid { 10.1.2.3 . 5 }",
                concat((ipsec::ipsec_in().ip_saddr(), ipsec::ipsec_in().reqid())).one_of([(A, 5)]),
            ),
        ],
    ])
}
