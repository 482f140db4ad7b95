//! Fields of some bits of a byte, of extension headers, and numbers that are made.

use std::net::Ipv4Addr;

use nftlink::Interval;
use nftlink::datum::{Dscp, Ecn, L4Proto};
use nftlink::field::{concat, ct, exthdr, frag, hash, ip, ip6, meta, numgen, tcp};

use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([bits(), numbers()])
}

fn bits() -> Vec<Pair> {
    vec![
        is("ip dscp cs1", ip::dscp().eq(Dscp::CS1)),
        is("ip dscp != cs1", ip::dscp().ne(Dscp::CS1)),
        is("ip dscp { cs1, cs2 }", ip::dscp().one_of([Dscp::CS1, Dscp::CS2])),
        is("ip dscp 0x08-0x15", ip::dscp().in_range(8..=0x15)),
        is("ip dscp < cs1", ip::dscp().lt(Dscp::CS1)),
        is("ip dscp { 0x08, 0x0a-0x15 }", ip::dscp().one_of([Interval::value(8), Interval::range(10..=0x15)]))
            .listed_as("ip dscp { cs1, 0x0a-0x15 }"),
        does("ip dscp set cs1", Rule::new().set(ip::dscp(), Dscp::CS1)),
        does("ip ecn set ce", Rule::new().set(ip::ecn(), Ecn::CE)),
        is("ip ecn ce", ip::ecn().eq(Ecn::CE)),
        does(
            "meta mark set ip dscp map { cs1 : 0x00000005 }",
            Rule::new().set(meta::mark(), ip::dscp().map([(Dscp::CS1, 5)])),
        ),
        is("ip version 4", ip::version().eq(4)),
        is("ip6 version 6", ip6::version().eq(6)),
        is("ip6 ecn ce", ip6::ecn().eq(Ecn::CE)),
        is("tcp reserved 1", tcp::reserved().eq(1)),
        is("frag nexthdr icmp", frag::nexthdr().eq(L4Proto::ICMP)),
        is("frag reserved 1", frag::reserved().eq(1)),
        is("frag reserved2 1", frag::reserved2().eq(1)),
        is("ip hdrlength 5", ip::hdrlength().eq(5)),
        is("tcp doff 5", tcp::doff().eq(5)),
        is("tcp doff 5-10", tcp::doff().in_range(5..=10)),
        is("ip frag-off & 8191 != 0", ip::frag_off().and(8191).ne(0)),
        is("ip6 dscp cs1", ip6::dscp().eq(Dscp::CS1)),
        is("ip6 flowlabel 5", ip6::flowlabel().eq(5)),
        is("ip6 flowlabel { 5, 6 }", ip6::flowlabel().one_of([5, 6])),
        does("ip6 flowlabel set 5", Rule::new().set(ip6::flowlabel(), 5)),
        does("ip6 dscp set cs1", Rule::new().set(ip6::dscp(), Dscp::CS1)),
        is("frag frag-off 5", frag::frag_off().eq(5)),
        is("frag frag-off { 5, 6 }", frag::frag_off().one_of([5, 6])),
        is("frag more-fragments 1", frag::more_fragments().eq(true)),
        is("frag id 5", frag::id().eq(5)),
        is("exthdr frag exists", exthdr::frag().exists()),
        is("exthdr frag missing", exthdr::frag().missing()),
        is(
            "ip dscp >> 2 . ip saddr { cs1 . 1.1.1.1 }",
            concat((ip::dscp(), ip::saddr())).one_of([(Dscp::CS1, Ipv4Addr::new(1, 1, 1, 1))]),
        )
        .typed("ip dscp . ip saddr { cs1 . 1.1.1.1 }"),
    ]
}

fn numbers() -> Vec<Pair> {
    let addresses = || concat((ip::saddr(), ip::daddr()));
    vec![
        does(
            "ct mark set jhash ip saddr . ip daddr mod 2 seed 0xdeadbeef",
            Rule::new().set(ct::mark(), hash::jhash_with_seed(addresses(), 0..2, 0xdeadbeef)),
        ),
        does(
            "ct mark set jhash ip saddr mod 2 offset 100",
            Rule::new().set(ct::mark(), hash::jhash(ip::saddr(), 100..102)),
        ),
        does("ct mark set symhash mod 2 offset 100", Rule::new().set(ct::mark(), hash::symhash(100..102))),
        does("ct mark set numgen inc mod 2 offset 100", Rule::new().set(ct::mark(), numgen::inc(100..102))),
        is("numgen random mod 10 < 5", numgen::random(0..10).lt(5)),
        is("numgen inc mod 10 0", numgen::inc(0..10).eq(0)).typed("numgen inc mod 10 == 0"),
        does(
            "meta mark set numgen inc mod 2 map { 0 : 0x00000001, 1 : 0x00000002 }",
            Rule::new().set(meta::mark(), numgen::inc(0..2).map([(0, 1), (1, 2)])),
        ),
        does(
            "meta mark set jhash ip saddr . tcp dport mod 2 map { 0 : 0x00000001, 1 : 0x00000002 }",
            Rule::new().set(meta::mark(), hash::jhash(concat((ip::saddr(), tcp::dport())), 0..2).map([(0, 1), (1, 2)])),
        ),
    ]
}
