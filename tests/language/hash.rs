//! `jhash`, `symhash`, `numgen`: numbers that are made of a packet, or for it.

use nftlink::Interval;
use nftlink::expr::Verdict;
use nftlink::field::{concat, ct, ether, hash, ip, ip6, meta, numgen, tcp, udp};

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([
        ordered("numgen inc mod 10", numgen::inc(0..10), two!(2, 5)),
        ordered("numgen random mod 10", numgen::random(0..10), two!(2, 5)),
        ordered("symhash mod 10", hash::symhash(0..10), two!(2, 5)),
        ordered("jhash ip saddr mod 10", hash::jhash(ip::saddr(), 0..10), two!(2, 5)),
        of_fields(),
        in_maps(),
    ])
}

fn of_fields() -> Vec<Pair> {
    let tcp_ports = || concat((tcp::sport(), tcp::dport()));
    vec![
        does(
            "ct mark set jhash tcp sport . tcp dport mod 4 seed 0x5",
            Rule::new().set(ct::mark(), hash::jhash_with_seed(tcp_ports(), 0..4, 5)),
        ),
        does(
            "ct mark set jhash tcp sport . tcp dport mod 4 seed 0x0 offset 3",
            Rule::new().set(ct::mark(), hash::jhash_with_seed(tcp_ports(), 3..7, 0)),
        ),
        does(
            "meta mark set jhash udp sport . udp dport . ip saddr mod 2",
            Rule::new().set(meta::mark(), hash::jhash(concat((udp::sport(), udp::dport(), ip::saddr())), 0..2)),
        ),
        does(
            "ct mark set jhash ip6 saddr . tcp dport mod 16",
            Rule::new().set(ct::mark(), hash::jhash(concat((ip6::saddr(), tcp::dport())), 0..16)),
        ),
        does("meta mark set jhash ether saddr mod 5", Rule::new().set(meta::mark(), hash::jhash(ether::saddr(), 0..5))),
        does("meta mark set symhash mod 4 offset 10", Rule::new().set(meta::mark(), hash::symhash(10..14))),
        does("meta mark set numgen random mod 4 offset 5", Rule::new().set(meta::mark(), numgen::random(5..9))),
    ]
}

fn in_maps() -> Vec<Pair> {
    let drop = |range| (Interval::range(range), Verdict::DROP);
    vec![
        does(
            "numgen inc mod 10 vmap { 0 : drop, 1-9 : accept }",
            Rule::new().vmap(
                numgen::inc(0..10),
                [(Interval::value(0), Verdict::DROP), (Interval::range(1..=9), Verdict::ACCEPT)],
            ),
        ),
        does("symhash mod 8 vmap { 0-3 : drop }", Rule::new().vmap(hash::symhash(0..8), [drop(0..=3)])),
        does(
            "jhash ip saddr mod 8 seed 0x7 vmap { 0-3 : drop }",
            Rule::new().vmap(hash::jhash_with_seed(ip::saddr(), 0..8, 7), [drop(0..=3)]),
        ),
        does(
            "meta mark set jhash ip saddr mod 8 map { 0-3 : 0x00000001, 4-7 : 0x00000002 }",
            Rule::new().set(
                meta::mark(),
                hash::jhash(ip::saddr(), 0..8).map([(Interval::range(0..=3), 1), (Interval::range(4..=7), 2)]),
            ),
        ),
    ]
}
