//! `comp`: compressed payload.

use nftlink::datum::L4Proto;
use nftlink::field::comp;

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([
        ordered("comp flags", comp::flags(), two!(0x1, 0x23)),
        ordered("comp cpi", comp::cpi(), two!(2, 300)),
        next(),
        set(),
    ])
}

/// nft 1.0.6 crashes where the field is compared for equality.
fn next() -> Vec<Pair> {
    vec![
        is("comp nexthdr != tcp", comp::nexthdr().ne(L4Proto::TCP)),
        is("comp nexthdr 6-17", comp::nexthdr().in_range(6..=17)),
    ]
}

fn set() -> Vec<Pair> {
    vec![
        does("comp nexthdr set tcp", Rule::new().set(comp::nexthdr(), L4Proto::TCP)).typed("comp nexthdr set 6"),
        does("comp flags set 0x1", Rule::new().set(comp::flags(), 1)),
        does("comp cpi set 2", Rule::new().set(comp::cpi(), 2)),
    ]
}
