//! How often a warm batch allocates: not at all.

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use nftlink::datum::{CtState, Port};
use nftlink::expr::{Base, Cmp, CmpOp, Counter, Expr, Meta, MetaKey, Payload, Reg, Verdict};
use nftlink::field::{ct, ip, meta, tcp};
use nftlink::{Batch, Chain, Element, Interval, IntoElement, Key, Map, Mapped, Rule, Set, Table};

const TIMES: u64 = 100;

/// Allocations of `add`, done [`TIMES`] times into a batch that has done it before.
fn allocations(mut add: impl FnMut(&mut Batch, u32)) -> u64 {
    let mut batch = Batch::new();
    let mut fill = |batch: &mut Batch| {
        batch.clear();
        (0..TIMES as u32).for_each(|n| add(batch, n));
    };
    fill(&mut batch);
    assert!(batch.mistake().is_none());
    allocation_counter::measure(|| fill(black_box(&mut batch))).count_total
}

fn chain() -> Chain {
    Table::inet("fw").chain("input")
}

#[test]
fn the_kernels_expressions_are_written_without_allocation() {
    let chain = chain();
    let anew = allocations(|batch, n| {
        let parts = (
            Meta::load(MetaKey::L4PROTO, Reg::R1),
            Cmp::new(CmpOp::EQ, Reg::R1, [6]),
            Payload::load(Base::TRANSPORT, 2, 2, Reg::R1),
            Cmp::new(CmpOp::EQ, Reg::R1, (n as u16).to_be_bytes()),
            Counter::default(),
            Verdict::DROP,
        );
        batch.append(&chain, parts);
    });
    assert_eq!(anew, 0);
    let kept: [Expr; 2] = [Counter::default().into(), Verdict::DROP.into()];
    assert_eq!(allocations(|batch, _| _ = batch.append(&chain, &kept)), 0);
}

#[test]
fn a_typed_rule_that_is_built_anew_is_written_without_allocation() {
    let (chain, blocked) = (chain(), Set::<Interval<Ipv4Addr>>::new(Table::inet("fw"), "blocked"));
    let anew =
        |n| Rule::new().when(ip::saddr().eq(Ipv4Addr::from_bits(n))).when(tcp::dport().eq(n as u16)).counter().drop();
    assert_eq!(allocations(|batch, n| _ = batch.append(&chain, anew(n))), 0);
    // The steps of one rule are the memory of the next.
    let longer = |n| {
        Rule::new()
            .when(meta::iifname().eq("eth0"))
            .when(ip::saddr().in_prefix(Ipv4Addr::from_bits(n << 8), 24))
            .when(ip::daddr().not_in_set(&blocked))
            .when(tcp::dport().in_range(1..=1024))
            .counter()
            .drop()
    };
    assert_eq!(allocations(|batch, n| _ = batch.append(&chain, longer(n)).append(&chain, anew(n))), 0);
}

#[test]
fn a_kept_rule_is_written_without_allocation() {
    let chain = chain();
    let kept = Rule::new().when(ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)).counter().accept();
    assert_eq!(allocations(|batch, _| _ = batch.append(&chain, &kept)), 0);
}

/// Each element is an operation of its own, and all are one.
fn element_allocations<K: Key, V: Mapped, E: IntoElement<K, V>>(set: &Set<K, V>, element: impl Fn(u32) -> E) -> u64 {
    allocations(|batch, n| _ = batch.add_elements(set, [element(n)]))
        + allocations(|batch, _| _ = batch.add_elements(set, (0..50).map(&element)))
        + allocations(|batch, n| _ = batch.delete_elements(set, [element(n)]))
}

#[test]
fn elements_are_written_without_allocation() {
    let fw = Table::inet("fw");
    let (address, address6) = (Ipv4Addr::from_bits, |n| Ipv6Addr::from_bits(u128::from(n)));
    let plain = Set::<Ipv4Addr>::new(&fw, "plain");
    assert_eq!(element_allocations(&plain, address), 0);
    assert_eq!(element_allocations(&Set::<Ipv6Addr>::new(&fw, "plain6"), address6), 0);
    let concatenation = Set::<(Ipv4Addr, Port)>::new(&fw, "concatenation");
    assert_eq!(element_allocations(&concatenation, |n| (address(n), n as u16)), 0);
    let concatenation = Set::<(Ipv6Addr, Port)>::new(&fw, "concatenation6");
    assert_eq!(element_allocations(&concatenation, |n| (address6(n), n as u16)), 0);
    let map = Map::<Ipv4Addr, Verdict>::new(&fw, "map");
    assert_eq!(element_allocations(&map, |n| (address(n), Verdict::DROP)), 0);
}

#[test]
fn intervals_are_written_without_allocation() {
    let fw = Table::inet("fw");
    let intervals = Set::<Interval<Ipv4Addr>>::new(&fw, "intervals");
    let prefix = |n: u32| Interval::prefix(Ipv4Addr::from_bits(n << 8), 24);
    assert_eq!(element_allocations(&intervals, prefix), 0);
    assert_eq!(element_allocations(&intervals, Ipv4Addr::from_bits), 0);
    let intervals6 = Set::<Interval<Ipv6Addr>>::new(&fw, "intervals6");
    let prefix6 = |n: u32| Interval::prefix(Ipv6Addr::from_bits(u128::from(n) << 64), 64);
    assert_eq!(element_allocations(&intervals6, prefix6), 0);
    let ports = Set::<Interval<Port>>::new(&fw, "ports");
    assert_eq!(element_allocations(&ports, |n| Port::new(n as u16)..=Port::new(n as u16 + 1)), 0);
    let map = Map::<Interval<Ipv4Addr>, Verdict>::new(&fw, "map");
    assert_eq!(element_allocations(&map, |n| (prefix(n), Verdict::DROP)), 0);
    let ranges6 = Set::<(Interval<Ipv6Addr>, Interval<Port>)>::new(&fw, "ranges6");
    assert_eq!(element_allocations(&ranges6, |n| (prefix6(n), Interval::value(n as u16))), 0);
    let ranges = Set::<(Interval<Ipv4Addr>, Port)>::new(&fw, "ranges");
    assert_eq!(element_allocations(&ranges, |n| (prefix(n), n as u16)), 0);
}

#[test]
fn timeouts_and_shared_comments_are_written_without_allocation() {
    let fw = Table::inet("fw");
    let (timeout, comment) = (Duration::from_secs(600), Arc::<str>::from("scans ports"));
    let plain = Set::<Ipv4Addr>::new(&fw, "plain").timeouts();
    let intervals = Set::<Interval<Ipv4Addr>>::new(&fw, "intervals").timeouts();
    let address = Ipv4Addr::from_bits;
    assert_eq!(element_allocations(&plain, |n| Element::new(address(n)).timeout(timeout)), 0);
    assert_eq!(element_allocations(&intervals, |n| Element::new(address(n)).timeout(timeout)), 0);
    assert_eq!(element_allocations(&plain, |n| Element::new(address(n)).comment(comment.clone())), 0);
}
