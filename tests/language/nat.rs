//! Translations of addresses and ports.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::Map;
use nftlink::datum::Port;
use nftlink::field::{ip, tcp};

use super::sets::net;
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);

/// Translations to what a map has.
/// The family is told where the table does not.
pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    let short = |pair: Pair| match pair.text.contains(" . 80") || pair.text.contains("@sockets") {
        // An address beside its port always comes with it.
        true => pair,
        false => {
            let [ip, ip6] = [" ip to ", " ip6 to "].map(|family| pair.text.replace(family, " to "));
            pair.listed_in(Family::IP, ip).listed_in(Family::IP6, ip6)
        }
    };
    each(translations(table), short)
}

fn translations(table: &Table) -> Vec<Pair> {
    vec![
        does(
            "dnat ip to tcp dport map { 22 : 10.0.0.1, 80 : 10.0.0.9 }",
            Rule::new().dnat(tcp::dport().map::<Ipv4Addr>([(22, A), (80, B)])),
        ),
        does(
            "dnat ip to tcp dport map { 22 : 10.0.0.1 }:80",
            Rule::new().dnat(nftlink::NatTarget::from(tcp::dport().map::<Ipv4Addr>([(22, A)])).ports(80..=80)),
        ),
        does(
            "dnat ip to tcp dport map { 22 : 10.0.0.1 . 80 }",
            Rule::new().dnat(tcp::dport().map::<(Ipv4Addr, Port)>([(22, (A, 80))])),
        ),
        does("dnat ip6 to tcp dport map { 22 : fd00::1 }", Rule::new().dnat(tcp::dport().map::<Ipv6Addr>([(22, V6)]))),
        does(
            "dnat ip6 to tcp dport map { 22 : fd00::1 . 80 }",
            Rule::new().dnat(tcp::dport().map::<(Ipv6Addr, Port)>([(22, (V6, 80))])),
        ),
        does(
            "snat ip to ip saddr map { 10.0.0.1 : 10.0.0.9 }",
            Rule::new().snat(ip::saddr().map::<Ipv4Addr>([(A, B)])),
        ),
        does(
            "snat ip to ip saddr map { 10.0.0.0/8 : 10.0.0.9 }",
            Rule::new().snat(ip::saddr().map::<Ipv4Addr>([(net(10, 0, 8), B)])),
        ),
        does("dnat ip to tcp dport map @servers", Rule::new().dnat(tcp::dport().map(&servers(table)))),
        does("dnat ip to tcp dport map @sockets", Rule::new().dnat(tcp::dport().map(&sockets(table)))),
    ]
}

fn servers(table: &Table) -> Map<Port, Ipv4Addr> {
    Map::new(table, "servers")
}

fn sockets(table: &Table) -> Map<Port, (Ipv4Addr, Port)> {
    Map::new(table, "sockets")
}

pub(super) fn declarations() -> Vec<Declaration> {
    vec![
        declare("map servers { type inet_service : ipv4_addr; }", |t, b| _ = b.add(&servers(t))),
        declare("element servers { 22 : 10.0.0.1 }", |t, b| _ = b.add_elements(&servers(t), [(22, A)])),
        declare("map sockets { type inet_service : ipv4_addr . inet_service; }", |t, b| _ = b.add(&sockets(t))),
        declare("element sockets { 22 : 10.0.0.1 . 80 }", |t, b| {
            _ = b.add_elements(&sockets(t), [(22, (A, Port::new(80)))])
        }),
    ]
}
