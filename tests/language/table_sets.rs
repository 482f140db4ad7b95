//! Sets and maps of the table's: `@blocked`.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::{HostInteger16, HostInteger32, IfName, Mark, Port};
use nftlink::expr::{Counter, Limit, Verdict};
use nftlink::field::{concat, ct, ip, meta, tcp, th, udp};
use nftlink::{Conn, Element, Interval, Map, Set, SetPolicy};

use super::sets::{net, range};
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

type Allowed = (Interval<Ipv4Addr>, Interval<Port>);

fn hosts(table: &Table) -> Set<(Ipv4Addr, Port)> {
    Set::<(Ipv4Addr, Port)>::new(table, "hosts")
}

fn allowed(table: &Table) -> Set<Allowed> {
    Set::<Allowed>::new(table, "allowed").comment("each its range")
}

fn marks(table: &Table) -> Set<(Interval<Mark>, IfName)> {
    Set::<(Interval<Mark>, IfName)>::new(table, "marks")
}

fn ranges(table: &Table) -> Set<Interval<Mark>> {
    Set::<Interval<Mark>>::new(table, "ranges")
}

fn doors(table: &Table) -> Map<Port, Verdict> {
    Map::<Port, Verdict>::new(table, "doors")
}

fn zones(table: &Table) -> Map<Interval<Ipv4Addr>, Mark> {
    Map::<Interval<Ipv4Addr>, Mark>::new(table, "zones")
}

fn routes(table: &Table) -> Map<(Ipv4Addr, Port), Mark> {
    Map::<(Ipv4Addr, Port), Mark>::new(table, "routes")
}

fn counted(table: &Table) -> Set<Ipv4Addr> {
    Set::<Ipv4Addr>::new(table, "counted").counters()
}

fn limited(table: &Table) -> Set<Ipv4Addr> {
    Set::<Ipv4Addr>::new(table, "limited").stateful(Limit::packets(5, Limit::SECOND)).stateful(Counter::default())
}

fn counted_ranges(table: &Table) -> Set<Interval<Ipv4Addr>> {
    Set::<Interval<Ipv4Addr>>::new(table, "counted_ranges").counters()
}

fn merging(table: &Table) -> Set<Interval<Port>> {
    Set::<Interval<Port>>::new(table, "merging").auto_merge()
}

fn lasting(table: &Table) -> Set<Ipv4Addr> {
    Set::<Ipv4Addr>::new(table, "lasting")
        .timeout(Duration::from_secs(60))
        .gc_interval(Duration::from_secs(10))
        .size(100)
}

fn fixed(table: &Table) -> Set<Port> {
    Set::<Port>::new(table, "fixed").constant()
}

fn small(table: &Table) -> Set<Port> {
    Set::<Port>::new(table, "small").policy(SetPolicy::MEMORY)
}

pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    vec![
        is("ip saddr . tcp dport @hosts", concat((ip::saddr(), tcp::dport())).in_set(&hosts(table))),
        is("ip saddr . tcp dport != @hosts", concat((ip::saddr(), tcp::dport())).not_in_set(&hosts(table))),
        is("ip daddr . udp sport @allowed", concat((ip::daddr(), udp::sport())).in_set(&allowed(table))),
        is("meta mark . iifname @marks", concat((meta::mark(), meta::iifname())).in_set(&marks(table))),
        is("meta mark @ranges", meta::mark().in_set(&ranges(table))),
        is("meta mark != @ranges", meta::mark().not_in_set(&ranges(table))),
        is("ip saddr @counted", ip::saddr().in_set(&counted(table))),
        is("ip saddr @limited", ip::saddr().in_set(&limited(table))),
        is("ip saddr @counted_ranges", ip::saddr().in_set(&counted_ranges(table))),
        does("tcp dport vmap @doors", Rule::new().vmap(tcp::dport(), &doors(table))),
        does("meta mark set ip saddr map @zones", Rule::new().set(meta::mark(), ip::saddr().map(&zones(table)))),
        does(
            "meta mark set ip saddr . tcp dport map @routes",
            Rule::new().set(meta::mark(), concat((ip::saddr(), tcp::dport())).map(&routes(table))),
        ),
    ]
}

pub(super) fn declarations() -> Vec<Declaration> {
    vec![
        declare("set hosts { type ipv4_addr . inet_service; }", |t, b| _ = b.add(&hosts(t))),
        declare("element hosts { 10.0.0.1 . 22, 10.0.0.9 . 80 }", |t, b| {
            _ = b.add_elements(&hosts(t), [(A, 22), (B, 80)])
        }),
        declare(
            "set allowed { type ipv4_addr . inet_service; flags interval; comment \"each its range\"; }",
            |t, b| _ = b.add(&allowed(t)),
        ),
        declare("element allowed { 10.0.0.0/8 . 22-30 }", |t, b| {
            _ = b.add_elements(&allowed(t), [(net(10, 0, 8), range(22, 30))])
        }),
        declare("set marks { type mark . ifname; flags interval; }", |t, b| _ = b.add(&marks(t))),
        declare("element marks { 0x1-0x100 . \"eth0\" }", |t, b| _ = b.add_elements(&marks(t), [(1..=0x100, "eth0")])),
        declare("set ranges { type mark; flags interval; }", |t, b| _ = b.add(&ranges(t))),
        declare("map doors { type inet_service : verdict; }", |t, b| _ = b.add(&doors(t))),
        declare("element doors { 22 : accept, 80 : jump other }", |t, b| {
            _ = b.add_elements(&doors(t), [(22, Verdict::ACCEPT), (80, Verdict::jump(&t.chain("other")))])
        }),
        declare("element doors { * : drop }", |t, b| {
            _ = b.add_elements(&doors(t), [Element::<Port>::catch_all().to(Verdict::DROP)])
        }),
        declare("map zones { type ipv4_addr : mark; flags interval; }", |t, b| _ = b.add(&zones(t))),
        declare("element zones { 10.0.0.0/8 : 0x1 }", |t, b| _ = b.add_elements(&zones(t), [(net(10, 0, 8), 1)])),
        declare("map routes { type ipv4_addr . inet_service : mark; }", |t, b| _ = b.add(&routes(t))),
        declare("set counted { type ipv4_addr; counter; }", |t, b| _ = b.add(&counted(t))),
        declare("set limited { type ipv4_addr; limit rate 5/second counter; }", |t, b| _ = b.add(&limited(t))),
        declare("set counted_ranges { type ipv4_addr; flags interval; counter; }", |t, b| {
            _ = b.add(&counted_ranges(t))
        }),
        declare("set merging { type inet_service; flags interval; auto-merge; }", |t, b| _ = b.add(&merging(t))),
        declare("element merging { 10-20, 15-30, 31 }", |t, b| {
            b.add_elements(&merging(t), [range(10, 20), range(15, 30), Interval::value(31)]);
        }),
        declare("set lasting { type ipv4_addr; timeout 1m; gc-interval 10s; size 100; }", |t, b| {
            _ = b.add(&lasting(t))
        }),
        declare("set fixed { type inet_service; flags constant; }", |t, b| _ = b.add(&fixed(t))),
        declare("set small { type inet_service; policy memory; }", |t, b| _ = b.add(&small(t))),
    ]
}

/// Which nft can only say of a field, and not list.
pub(super) fn plain_numbers_are_turned_round_for_sets_of_intervals() {
    let table = table(Family::INET);
    let (plain, lengths) =
        (Set::<HostInteger32>::new(&table, "plain"), Set::<Interval<HostInteger32>>::new(&table, "lengths"));
    let zones = Set::<(Interval<HostInteger16>, Port)>::new(&table, "zones");
    let rules = [
        (
            Rule::new().when(meta::length().in_set(&plain)),
            "  [ meta load len => reg 1 ]\n  [ lookup reg 1 set plain 0x0 ]\n",
        ),
        (
            Rule::new().when(meta::length().in_set(&lengths)),
            "  [ meta load len => reg 1 ]\n  [ byteorder reg 1 = hton(reg 1, 4, 4) ]\n  [ lookup reg 1 set lengths 0x0 ]\n",
        ),
        (
            Rule::new().when(concat((ct::zone(), th::dport())).in_set(&zones)),
            "  [ ct load zone => reg 1 ]\n  [ byteorder reg 1 = hton(reg 1, 2, 2) ]\n\
             \x20 [ payload load 2b @ transport header + 2 => reg 9 ]\n  [ lookup reg 1 set zones 0x0 ]\n",
        ),
    ];
    let (mut conn, mut batch) = (Conn::open().unwrap(), Batch::new());
    let chain = table.chain(CHAIN);
    batch.add(&table).add(&chain).add(&plain).add(&lengths).add(&zones);
    batch.add_elements(&lengths, [5..=256]);
    rules.iter().for_each(|(rule, _)| _ = batch.append(&chain, rule));
    conn.commit(&batch).unwrap();
    let read = conn.rules(&chain).unwrap();
    let bytecode: Vec<String> = read.iter().map(|rule| rule.bytecode().to_string()).collect();
    assert_eq!(bytecode, rules.map(|(_, bytecode)| bytecode));
}
