//! How often a warm batch allocates: not at all, but for a typed rule's own vector.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::expr::{Base, Cmp, CmpOp, Counter, Expr, Meta, MetaKey, Payload, Reg, Verdict};
use nftlink::field::{ip, tcp};
use nftlink::{Batch, Chain, Element, Interval, Rule, Set, Table};

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
fn a_typed_rule_allocates_its_own_vector_and_nothing_if_it_is_kept() {
    let (chain, blocked) = (chain(), Set::<Interval<Ipv4Addr>>::new(Table::inet("fw"), "blocked"));
    let rule = |n: u32| {
        Rule::new()
            .when(ip::saddr().eq(Ipv4Addr::from(n)))
            .when(ip::daddr().not_in_set(&blocked))
            .when(tcp::dport().in_range(1..=1024))
            .counter()
            .drop()
    };
    assert_eq!(allocations(|batch, n| _ = batch.append(&chain, rule(n))), TIMES);
    let kept = rule(1);
    assert_eq!(allocations(|batch, _| _ = batch.append(&chain, &kept)), 0);
}

#[test]
fn elements_are_written_without_allocation() {
    let plain = Set::<Ipv4Addr>::new(Table::inet("fw"), "plain");
    let intervals = Set::<Interval<Ipv4Addr>>::new(Table::inet("fw"), "intervals").timeouts();
    let timeout = Duration::from_secs(600);
    assert_eq!(allocations(|batch, n| _ = batch.add_elements(&plain, [Ipv4Addr::from(n)])), 0);
    let ban = |n| Element::new(Ipv4Addr::from(n)).timeout(timeout);
    assert_eq!(allocations(|batch, n| _ = batch.add_elements(&intervals, [ban(n)])), 0);
    assert_eq!(allocations(|batch, n| _ = batch.delete_elements(&intervals, [Ipv4Addr::from(n)])), 0);
    assert_eq!(allocations(|batch, _| _ = batch.add_elements(&plain, (0..50).map(Ipv4Addr::from_bits))), 0);
}
