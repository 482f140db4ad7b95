//! Values that are computed, or that a map has, and concatenations with intervals and a rest.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::datum::{ClassId, CtState, EtherAddr, IfIndex, L4Proto, Mark};
use nftlink::expr::Verdict;
use nftlink::field::{concat, ct, ether, ip, ip6, meta, tcp};
use nftlink::{Element, Interval};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const MAC: EtherAddr = EtherAddr::new([0, 1, 2, 3, 4, 5]);

fn net(network: u8) -> Interval<Ipv4Addr> {
    Interval::prefix(Ipv4Addr::new(10, network, 0, 0), 16)
}

fn everywhere(other: &nftlink::Chain) -> Vec<Pair> {
    let pair = || concat((ip::saddr(), tcp::dport()));
    vec![
        does(
            "meta mark set ip saddr map { 10.0.0.1 : 0x00000005, * : 0x00000007 }",
            Rule::new()
                .set(meta::mark(), ip::saddr().map([Element::<Interval<_>>::new(A).to(5), Element::catch_all().to(7)])),
        ),
        does(
            "meta mark set ip saddr map { 10.1.0.0/16 : 0x00000005, * : 0x00000007 }",
            Rule::new().set(meta::mark(), ip::saddr().map([Element::of(net(1)).to(5), Element::catch_all().to(7)])),
        ),
        does(
            "meta mark set ip saddr . tcp dport map { 10.1.0.0/16 . 80-90 : 0x00000005 }",
            Rule::new().set(meta::mark(), pair().map([((net(1), 80..=90), 5)])),
        ),
        does(
            "meta mark set ip saddr . tcp dport map { 10.0.0.1 . 80 : 0x00000005, * : 0x00000007 }",
            Rule::new().set(
                meta::mark(),
                pair().map([Element::<(Interval<_>, Interval<_>)>::new((A, 80)).to(5), Element::catch_all().to(7)]),
            ),
        ),
        does(
            "meta mark set iifname map { \"eth0\" : 0x00000001, \"wan*\" : 0x00000002 }",
            Rule::new().set(
                meta::mark(),
                meta::iifname().map([(Interval::value("eth0"), 1), (Interval::starting_with("wan"), 2)]),
            ),
        ),
        does(
            "meta mark set meta mark & 0x000000ff map { 0x00000001 : 0x00000002 }",
            Rule::new().set(meta::mark(), meta::mark().and(0xff).map([(1, 2)])),
        ),
        does(
            "meta priority set ip saddr map { 10.0.0.1 : 1:2, 10.0.0.9 : 0:5 }",
            Rule::new().set(meta::priority(), ip::saddr().map([(A, ClassId::of(1, 2)), (B, ClassId::of(0, 5))])),
        ),
        does(
            "meta priority set meta priority | 0:5",
            Rule::new().set(meta::priority(), meta::priority().or(ClassId::of(0, 5))),
        ),
        does(
            "tcp dport set meta mark map { 0x00000001 : 80, * : 81 }",
            Rule::new().set(
                tcp::dport(),
                meta::mark().map([Element::<Interval<_>>::new(1).to(80), Element::catch_all().to(81)]),
            ),
        ),
        does("tcp dport set tcp dport | 1", Rule::new().set(tcp::dport(), tcp::dport().or(1))),
        does("ip saddr set ip daddr & 255.255.0.1 | 0.0.0.1", {
            let network = ip::daddr().and(Ipv4Addr::new(255, 255, 0, 0));
            Rule::new().set(ip::saddr(), network.or(Ipv4Addr::new(0, 0, 0, 1)))
        })
        .typed("ip saddr set ip daddr & 255.255.0.0 | 0.0.0.1"),
        does(
            "ip daddr set ip saddr . tcp dport map { 10.0.0.1 . 80 : 10.0.0.9 }",
            Rule::new().set(ip::daddr(), pair().map([((A, 80), B)])),
        ),
        // What is computed.
        does(
            "meta mark set (meta mark & 0x000000ff) << 8",
            Rule::new().set(meta::mark(), meta::mark().and(0xff).shl(8)),
        ),
        does("meta mark set meta mark << 4 | 0x00000005", Rule::new().set(meta::mark(), meta::mark().shl(4).or(5))),
        does("meta mark set meta cgroup", Rule::new().set(meta::mark(), meta::cgroup().typed::<Mark>())),
        // Verdicts.
        does(
            "ip saddr . tcp dport vmap { 10.1.0.0/16 . 80-90 : accept, 10.2.0.0/16 . 22 : jump other }",
            Rule::new().vmap(
                pair(),
                [
                    ((net(1), Interval::range(80..=90)), Verdict::ACCEPT),
                    ((net(2), Interval::value(22)), Verdict::jump(other)),
                ],
            ),
        ),
        does(
            "tcp dport vmap { 22 : accept, * : goto other }",
            Rule::new().vmap(
                tcp::dport(),
                [Element::<Interval<_>>::new(22).to(Verdict::ACCEPT), Element::catch_all().to(Verdict::goto(other))],
            ),
        ),
        does(
            "ip saddr . tcp dport vmap { 10.0.0.1 . 80 : return, * : drop }",
            Rule::new().vmap(
                pair(),
                [
                    Element::<(Interval<_>, Interval<_>)>::new((A, 80)).to(Verdict::RETURN),
                    Element::catch_all().to(Verdict::DROP),
                ],
            ),
        ),
        is("ip saddr { 10.0.0.1, * }", ip::saddr().one_of([Element::<Interval<_>>::new(A), Element::catch_all()])),
    ]
}

fn of_connections() -> Vec<Pair> {
    vec![
        does(
            "ct mark set ip saddr . tcp dport map { 10.0.0.1 . 80 : 0x00000005 }",
            Rule::new().set(ct::mark(), concat((ip::saddr(), tcp::dport())).map([((A, 80), 5)])),
        ),
        does(
            "ct mark set ct mark & 0x000000ff | 0x00000010",
            Rule::new().set(ct::mark(), ct::mark().and(0xff).or(0x10)),
        )
        .typed("ct mark set ct mark and 0xff or 0x10"),
        does("ct mark set ct mark ^ 0x00000010", Rule::new().set(ct::mark(), ct::mark().xor(0x10))),
        does("ct mark set ct mark << 8", Rule::new().set(ct::mark(), ct::mark().shl(8))),
        does("meta mark set ct mark >> 8", Rule::new().set(meta::mark(), ct::mark().shr(8))),
        does(
            "ct zone set iif map { \"lo\" : 5 }",
            Rule::new().set(ct::zone(), meta::iif().map([(IfIndex::new(1), 5)])),
        ),
        does(
            "ct original zone set meta mark map { 0x00000001 : 5 }",
            Rule::new().set(ct::original::zone(), meta::mark().map([(1, 5)])),
        ),
        does(
            "meta mark set ct state map { established : 0x00000001 }",
            Rule::new().set(meta::mark(), ct::state().map([(CtState::ESTABLISHED, 1)])),
        ),
        does(
            "ct mark set meta l4proto . ct state map { tcp . new : 0x00000001 }",
            Rule::new()
                .set(ct::mark(), concat((meta::l4proto(), ct::state())).map([((L4Proto::TCP, CtState::NEW), 1)])),
        ),
    ]
}

fn of_frames() -> Vec<Pair> {
    vec![
        does(
            "ether saddr set ip saddr map { 10.0.0.1 : 00:01:02:03:04:05 }",
            Rule::new().set(ether::saddr(), ip::saddr().map([(A, MAC)])),
        ),
        does(
            "meta mark set ether saddr . ip6 saddr map { 00:01:02:03:04:05 . fd00::1 : 0x00000005 }",
            Rule::new().set(meta::mark(), concat((ether::saddr(), ip6::saddr())).map([((MAC, A6), 5)])),
        ),
    ]
}

pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    all([everywhere(&table.chain("other")), of_connections(), of_frames()])
}

pub(super) fn declarations() -> Vec<Declaration> {
    Vec::new()
}
