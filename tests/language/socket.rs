//! `socket`: the socket here that a packet belongs to.

use nftlink::expr::Verdict;
use nftlink::field::{concat, ct, meta, socket};

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    let mut pairs = plain("socket transparent", socket::transparent(), two!(0, 1));
    pairs.extend(plain("socket wildcard", socket::wildcard(), two!(0, 1)));
    pairs.extend(ordered("socket mark", socket::mark(), [("0x00000005", 5.into()), ("0x00000100", 0x100.into())]));
    pairs.extend([
        is("socket mark & 0x000000ff == 0x00000005", socket::mark().and(0xff).eq(5)),
        does("meta mark set socket mark", Rule::new().set(meta::mark(), socket::mark())),
        does("ct mark set socket mark", Rule::new().set(ct::mark(), socket::mark())),
        does("meta mark set socket mark | 0x00000005", Rule::new().set(meta::mark(), socket::mark().or(5))),
        does(
            "meta mark set socket mark map { 0x00000005 : 0x00000006 }",
            Rule::new().set(meta::mark(), socket::mark().map([(5, 6)])),
        ),
        does("socket mark vmap { 0x00000001 : drop }", Rule::new().vmap(socket::mark(), [(1, Verdict::DROP)])),
        is(
            "socket wildcard . socket mark { 1 . 0x00000005 }",
            concat((socket::wildcard(), socket::mark())).one_of([(1, 5)]),
        ),
    ]);
    pairs
}
