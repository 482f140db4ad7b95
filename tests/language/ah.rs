//! `ah`: IPsec's authentication header.

use nftlink::datum::L4Proto;
use nftlink::field::ah;

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([fields(), next(), set()])
}

fn fields() -> Vec<Pair> {
    all([
        ordered("ah hdrlength", ah::hdrlength(), two!(4, 6)),
        ordered("ah reserved", ah::reserved(), two!(1, 300)),
        ordered("ah spi", ah::spi(), two!(256, 70000)),
        ordered("ah sequence", ah::sequence(), two!(1, 4294967295)),
    ])
}

/// nft 1.0.6 crashes where the field is compared for equality.
fn next() -> Vec<Pair> {
    vec![
        is("ah nexthdr != tcp", ah::nexthdr().ne(L4Proto::TCP)),
        is("ah nexthdr != { tcp, udp }", ah::nexthdr().none_of([L4Proto::TCP, L4Proto::UDP])),
        is("ah nexthdr 6-17", ah::nexthdr().in_range(6..=17)),
    ]
}

fn set() -> Vec<Pair> {
    vec![
        does("ah nexthdr set tcp", Rule::new().set(ah::nexthdr(), L4Proto::TCP)).typed("ah nexthdr set 6"),
        does("ah hdrlength set 4", Rule::new().set(ah::hdrlength(), 4)),
        does("ah reserved set 1", Rule::new().set(ah::reserved(), 1)),
        does("ah spi set 7", Rule::new().set(ah::spi(), 7)),
        does("ah sequence set 9", Rule::new().set(ah::sequence(), 9)),
    ]
}
