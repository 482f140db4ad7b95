//! `vlan`: tags behind the header of a frame.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::datum::{ArpOp, EtherAddr, EtherType, IcmpType, Integer8, Integer16};
use nftlink::field::{arp, concat, ether, icmp, icmpv6, ip, ip6, tcp, udp, vlan};
use nftlink::{RejectWith, Set};

use super::comparisons::*;
use super::*;

use super::ether::NO_SUCH;
use super::icmp::NOT_THERE;

const NO_TAG: &str = "nft knows of no tags beside other fields of a frame there";
const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const MAC: EtherAddr = EtherAddr::new([2, 0, 0, 0, 0, 1]);

pub(super) fn declarations() -> Vec<Declaration> {
    vec![
        declare("set ids { typeof vlan id; }", |table, batch| {
            batch.add(&ids(table));
        }),
        declare("set priorities { typeof vlan pcp . vlan dei; }", |table, batch| {
            batch.add(&priorities(table));
        }),
        declare("set places { typeof vlan id . ip saddr; }", |table, batch| {
            batch.add(&places(table));
        }),
    ]
}

fn ids(table: &Table) -> Set<Integer16> {
    Set::new(table, "ids").typeof_key(&vlan::id())
}

fn priorities(table: &Table) -> Set<(Integer8, Integer8)> {
    Set::new(table, "priorities").typeof_key(&concat((vlan::pcp(), vlan::dei())))
}

fn places(table: &Table) -> Set<(Integer16, Ipv4Addr)> {
    Set::new(table, "places").typeof_key(&concat((vlan::id(), ip::saddr())))
}

pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    all([
        ordered("vlan id", vlan::id(), two!(1, 4094)),
        ordered("vlan pcp", vlan::pcp(), two!(1, 7)),
        plain("vlan dei", vlan::dei(), two!(0, 1)),
        behind_tags(),
        each(stacked(), without_types),
        sets(table),
        set(),
    ])
}

fn tagged() -> RuleBuilder {
    Rule::new().when(vlan::id().eq(1))
}

/// What is behind a tag is told by the tag.
fn behind_tags() -> Vec<Pair> {
    vec![
        does("vlan id 1 ip saddr 10.0.0.1", tagged().when(ip::saddr().eq(A))),
        does("vlan id 1 ip saddr 10.0.0.0/23", tagged().when(ip::saddr().in_prefix(A, 23))),
        does("vlan id 1 ip6 saddr ::1", tagged().when(ip6::saddr().eq(Ipv6Addr::LOCALHOST))),
        does("vlan id 1 arp operation request", tagged().when(arp::operation().eq(ArpOp::REQUEST)))
            .not_in(Family::INET, NO_SUCH),
        does("vlan id 1 tcp dport 22", tagged().when(tcp::dport().eq(22))),
        does("vlan id 1 ip saddr 10.0.0.1 udp dport 53", tagged().when(ip::saddr().eq(A)).when(udp::dport().eq(53))),
        does(
            "ether type 8021q ip saddr 10.0.0.1",
            Rule::new().when(ether::ether_type().eq(EtherType::VLAN)).when(ip::saddr().eq(A)),
        ),
        does("vlan id 1 icmp type echo-request", tagged().when(icmp::icmp_type().eq(IcmpType::ECHO_REQUEST)))
            .not_in(Family::IP6, NOT_THERE),
        does("vlan id 1 icmp type { echo-reply, echo-request } icmp id 4", tagged().when(icmp::id().eq(4)))
            .typed("vlan id 1 icmp id 4")
            .not_in(Family::IP6, NOT_THERE),
        does("vlan id 1 icmpv6 mtu 1400", tagged().when(icmpv6::mtu().eq(1400))).not_in(Family::IP, NOT_THERE),
        does("vlan id 1 ip saddr 10.0.0.1 vlan pcp 3", tagged().when(ip::saddr().eq(A)).when(vlan::pcp().eq(3))),
        does(
            "ether saddr 02:00:00:00:00:01 vlan id 1",
            Rule::new().when(ether::saddr().eq(MAC)).when(vlan::id().eq(1)),
        )
        .also_in(Family::IP, NO_TAG)
        .also_in(Family::IP6, NO_TAG)
        .also_in(Family::ARP, NO_TAG),
    ]
}

/// Where nft sees packets of one network protocol, it leaves out what is before.
fn without_types(pair: Pair) -> Pair {
    let tests = ["ether type 8021ad ", "ether type 8021q ", "vlan type 8021q ", "meta l4proto tcp "];
    let text = tests.iter().fold(pair.text.clone(), |text, test| text.replace(test, ""));
    [Family::IP, Family::IP6, Family::ARP].into_iter().fold(pair, |pair, family| pair.listed_in(family, &*text))
}

/// Tags behind tags: each type tells of the next.
fn stacked() -> Vec<Pair> {
    let outer = || Rule::new().when(ether::ether_type().eq(EtherType::VLAN_AD)).when(vlan::id().eq(10));
    let inner = || outer().when(vlan::vlan_type().eq(EtherType::VLAN)).when(vlan::id().eq(20));
    vec![
        does("ether type 8021ad vlan id 10", outer()),
        does("ether type 8021ad vlan id 10 vlan type 8021q vlan id 20", inner()),
        does("ether type 8021ad vlan id 10 ip saddr 10.0.0.1", outer().when(ip::saddr().eq(A))),
        does(
            "ether type 8021ad vlan id 10 vlan type 8021q vlan id 20 ip saddr 10.0.0.1",
            inner().when(ip::saddr().eq(A)),
        ),
        does(
            "ether type 8021ad vlan id 10 vlan type 8021q vlan id 20 vlan type ip",
            inner().when(vlan::vlan_type().eq(EtherType::IP)),
        )
        .not_in(Family::IP6, NO_SUCH)
        .not_in(Family::ARP, NO_SUCH),
        is("vlan id 5", vlan::id().eq(5)).typed("ether type vlan vlan id 5"),
        does("vlan id 1 vlan type ip", tagged().when(vlan::vlan_type().eq(EtherType::IP)))
            .not_in(Family::IP6, NO_SUCH)
            .not_in(Family::ARP, NO_SUCH),
        does("ether type 8021q vlan type != ip", Rule::new().when(vlan::vlan_type().ne(EtherType::IP)))
            .typed("vlan type != ip"),
        is("vlan type { ip, ip6 }", vlan::vlan_type().one_of([EtherType::IP, EtherType::IP6])),
        does("meta l4proto tcp vlan id 1 reject with tcp reset", tagged().reject_with(RejectWith::TcpReset))
            .typed("vlan id 1 reject with tcp reset"),
    ]
}

fn sets(table: &Table) -> Vec<Pair> {
    vec![
        is("vlan id @ids", vlan::id().in_set(&ids(table))),
        is("vlan id . ip saddr @places", concat((vlan::id(), ip::saddr())).in_set(&places(table))),
        is("vlan id . ip saddr { 1 . 10.0.0.1 }", concat((vlan::id(), ip::saddr())).one_of([(1, A)])),
        is("ether saddr . vlan id { 02:00:00:00:00:01 . 1 }", concat((ether::saddr(), vlan::id())).one_of([(MAC, 1)]))
            .also_in(Family::IP, NO_TAG)
            .also_in(Family::IP6, NO_TAG)
            .also_in(Family::ARP, NO_TAG),
    ]
}

fn set() -> Vec<Pair> {
    vec![
        does("vlan id set 5", Rule::new().set(vlan::id(), 5)),
        does("vlan id 1 vlan id set 2", tagged().set(vlan::id(), 2)),
        does("vlan pcp set 3", Rule::new().set(vlan::pcp(), 3)),
        does("vlan dei set 1", Rule::new().set(vlan::dei(), 1)),
        does("vlan type set ip", Rule::new().set(vlan::vlan_type(), EtherType::IP)),
    ]
}
