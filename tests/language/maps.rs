//! Maps of a rule's own: `{ 22 : accept }`.

use std::net::Ipv4Addr;

use nftlink::datum::{ClassId, CtState, IcmpType, L4Proto, Port};
use nftlink::expr::Verdict;
use nftlink::field::{concat, ct, icmp, ip, meta, tcp, th};
use nftlink::{Element, Interval};

use super::icmp::NOT_THERE;
use super::sets::{net, range};
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    all([own_maps(table), of_connections()])
}

pub(super) fn declarations() -> Vec<Declaration> {
    Vec::new()
}

fn own_maps(table: &Table) -> Vec<Pair> {
    let other = table.chain("other");
    vec![
        does(
            "tcp dport vmap { 22 : accept, 80 : drop }",
            Rule::new().vmap(tcp::dport(), [(22, Verdict::ACCEPT), (80, Verdict::DROP)]),
        ),
        does(
            "tcp dport vmap { 22 : jump other, 80 : goto other, 90 : return, 100 : continue }",
            Rule::new().vmap(
                tcp::dport(),
                [
                    (22, Verdict::jump(&other)),
                    (80, Verdict::goto(&other)),
                    (90, Verdict::RETURN),
                    (100, Verdict::CONTINUE),
                ],
            ),
        ),
        does(
            "tcp dport vmap { 22 : accept, 80-90 : drop }",
            Rule::new()
                .vmap(tcp::dport(), [(Interval::<Port>::value(22), Verdict::ACCEPT), (range(80, 90), Verdict::DROP)]),
        ),
        does(
            "tcp dport vmap { 0-21 : accept, 22-65535 : drop }",
            Rule::new().vmap(tcp::dport(), [(range(0, 21), Verdict::ACCEPT), (range(22, 65535), Verdict::DROP)]),
        ),
        does(
            "icmp type vmap { echo-request : accept }",
            Rule::new().vmap(icmp::icmp_type(), [(IcmpType::ECHO_REQUEST, Verdict::ACCEPT)]),
        )
        .not_in(Family::IP6, NOT_THERE),
        does(
            "meta l4proto vmap { tcp : accept, udp : drop }",
            Rule::new().vmap(meta::l4proto(), [(L4Proto::TCP, Verdict::ACCEPT), (L4Proto::UDP, Verdict::DROP)]),
        ),
        does(
            "ip protocol vmap { tcp : accept, udp : drop }",
            Rule::new().vmap(ip::protocol(), [(L4Proto::TCP, Verdict::ACCEPT), (L4Proto::UDP, Verdict::DROP)]),
        ),
        does(
            "meta l4proto . th dport vmap { tcp . 22 : accept }",
            Rule::new().vmap(concat((meta::l4proto(), th::dport())), [((L4Proto::TCP, 22), Verdict::ACCEPT)]),
        ),
        does(
            "meta priority set tcp dport map { 22 : 1:2 }",
            Rule::new().set(meta::priority(), tcp::dport().map([(22, ClassId::of(1, 2))])),
        ),
        does(
            "meta mark & 0x000000ff vmap { 0x00000010 : accept }",
            Rule::new().vmap(meta::mark().and(0xff), [(0x10, Verdict::ACCEPT)]),
        ),
        does(
            "iifname vmap { \"lo\" : accept, \"eth0\" : drop }",
            Rule::new().vmap(meta::iifname(), [("lo", Verdict::ACCEPT), ("eth0", Verdict::DROP)]),
        ),
        does(
            "iifname vmap { \"eth*\" : drop, \"lo\" : accept }",
            Rule::new().vmap(
                meta::iifname(),
                [(Interval::value("lo"), Verdict::ACCEPT), (Interval::starting_with("eth"), Verdict::DROP)],
            ),
        ),
        does(
            "tcp dport vmap { 22 : accept, * : drop }",
            Rule::new().vmap(
                tcp::dport(),
                vec![
                    Element::<Interval<Port>>::new(22).to(Verdict::ACCEPT),
                    Element::<Interval<Port>>::catch_all().to(Verdict::DROP),
                ],
            ),
        ),
        does(
            "tcp dport vmap { 22 : accept, 80-90 : jump other, * : drop }",
            Rule::new().vmap(
                tcp::dport(),
                vec![
                    Element::<Interval<Port>>::new(22).to(Verdict::ACCEPT),
                    Element::<Interval<Port>>::new(80..=90).to(Verdict::jump(&other)),
                    Element::<Interval<Port>>::catch_all().to(Verdict::DROP),
                ],
            ),
        ),
        does(
            "ip saddr . tcp dport vmap { 10.0.0.1 . 22 : accept }",
            Rule::new().vmap(concat((ip::saddr(), tcp::dport())), [((A, 22), Verdict::ACCEPT)]),
        ),
        does(
            "ip saddr . tcp dport vmap { 10.0.0.0/8 . 22-30 : accept }",
            Rule::new().vmap(concat((ip::saddr(), tcp::dport())), [((net(10, 0, 8), range(22, 30)), Verdict::ACCEPT)]),
        ),
        does(
            "meta mark set tcp dport map { 22 : 0x00000001, 80 : 0x00000002 }",
            Rule::new().set(meta::mark(), tcp::dport().map([(22, 1), (80, 2)])),
        ),
        does(
            "meta mark set tcp dport map { 22 : 0x00000001, 80-90 : 0x00000002 }",
            Rule::new().set(meta::mark(), tcp::dport().map([(Interval::<Port>::value(22), 1), (range(80, 90), 2)])),
        ),
        does(
            "meta mark set ip saddr . tcp dport map { 10.0.0.1 . 22 : 0x00000001 }",
            Rule::new().set(meta::mark(), concat((ip::saddr(), tcp::dport())).map([((A, 22), 1)])),
        ),
    ]
}

fn of_connections() -> Vec<Pair> {
    vec![
        does(
            "ct state vmap { established : accept, related : accept }",
            Rule::new()
                .vmap(ct::state(), [(CtState::ESTABLISHED, Verdict::ACCEPT), (CtState::RELATED, Verdict::ACCEPT)]),
        )
        .typed("ct state vmap { established : accept, related : accept }"),
        does(
            "ct mark set meta mark map { 0x00000001 : 0x00000002 }",
            Rule::new().set(ct::mark(), meta::mark().map([(1, 2)])),
        ),
    ]
}
