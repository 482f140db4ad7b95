//! Translations of addresses and ports.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use nftlink::datum::Port;
use nftlink::field::{ip, tcp};
use nftlink::{Map, NatTarget, PortTarget};

use super::sets::net;
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);

/// Translations to what a map has.
pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    all([each(with_family(table), short), ports()])
}

/// The family is told where the table does not.
fn short(pair: Pair) -> Pair {
    // An address beside its port in a map always comes with it.
    if pair.text.contains(" . 80") || pair.text.contains("@sockets") {
        return pair;
    }
    let [ip, ip6] = [" ip to ", " ip6 to "].map(|family| pair.text.replace(family, " to "));
    pair.listed_in(Family::IP, ip).listed_in(Family::IP6, ip6)
}

fn with_family(table: &Table) -> Vec<Pair> {
    all([to_addresses(), to_maps(table)])
}

fn to_addresses() -> Vec<Pair> {
    let web = || Rule::new().when(tcp::dport().eq(8080));
    vec![
        does("dnat ip to 10.0.0.1", Rule::new().dnat(A)),
        does("dnat ip6 to fd00::1", Rule::new().dnat(V6)),
        does("snat ip to 10.0.0.1-10.0.0.9", Rule::new().snat(A..=B)),
        does("tcp dport 8080 dnat ip to 10.0.0.1:80", web().dnat(SocketAddrV4::new(A, 80))),
        does("tcp dport 8080 dnat ip6 to [fd00::1]:80", web().dnat(SocketAddrV6::new(V6, 80, 0, 0))),
        does("tcp dport 8080 dnat ip to 10.0.0.1-10.0.0.9:80-90", web().dnat(NatTarget::from(A..=B).ports(80..=90))),
        does("snat ip to 10.0.0.1 random", Rule::new().snat(NatTarget::from(A).random())),
        does("snat ip to 10.0.0.1 fully-random", Rule::new().snat(NatTarget::from(A).fully_random())),
        does(
            "snat ip to 10.0.0.1-10.0.0.9 random,persistent",
            Rule::new().snat(NatTarget::from(A..=B).random().persistent()),
        ),
    ]
}

/// The packet's own address, or that of a device.
fn ports() -> Vec<Pair> {
    let web = || Rule::new().when(tcp::dport().eq(80));
    vec![
        does("tcp dport 80 dnat to :8080", web().dnat(NatTarget::port(8080))),
        does("masquerade", Rule::new().masquerade()),
        does("masquerade random", Rule::new().masquerade_to(PortTarget::any().random())),
        does(
            "masquerade fully-random,persistent",
            Rule::new().masquerade_to(PortTarget::any().fully_random().persistent()),
        ),
        does("tcp dport 80 masquerade to :1024-65535", web().masquerade_to(1024..=65535)),
        does("redirect", Rule::new().redirect()),
        does("tcp dport 80 redirect to :3128", web().redirect_to(3128)),
        does("tcp dport 80 redirect to :8000-8010 random", web().redirect_to(PortTarget::from(8000..=8010).random())),
    ]
}

fn to_maps(table: &Table) -> Vec<Pair> {
    vec![
        does(
            "dnat ip to tcp dport map { 22 : 10.0.0.1, 80 : 10.0.0.9 }",
            Rule::new().dnat(tcp::dport().map([(22, A), (80, B)])),
        ),
        does(
            "dnat ip to tcp dport map { 22 : 10.0.0.1 }:80",
            Rule::new().dnat(NatTarget::from(tcp::dport().map([(22, A)])).ports(80..=80)),
        ),
        does(
            "dnat ip to tcp dport map { 22 : 10.0.0.1 . 80 }",
            Rule::new().dnat(tcp::dport().map([(22, SocketAddrV4::new(A, 80))])),
        ),
        does("dnat ip6 to tcp dport map { 22 : fd00::1 }", Rule::new().dnat(tcp::dport().map([(22, V6)]))),
        does(
            "dnat ip6 to tcp dport map { 22 : fd00::1 . 80 }",
            Rule::new().dnat(tcp::dport().map::<(Ipv6Addr, Port)>([(22, (V6, 80))])),
        ),
        does("snat ip to ip saddr map { 10.0.0.1 : 10.0.0.9 }", Rule::new().snat(ip::saddr().map([(A, B)]))),
        does(
            "snat ip to ip saddr map { 10.0.0.0/8 : 10.0.0.9 }",
            Rule::new().snat(ip::saddr().map([(net(10, 0, 8), B)])),
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
            _ = b.add_elements(&sockets(t), [(22, SocketAddrV4::new(A, 80))])
        }),
    ]
}
