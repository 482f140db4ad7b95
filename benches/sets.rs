//! What it costs to put intervals in order, to merge them, and to make sets that a rule has to itself.
//!
//! Intervals that come in order are the same bytes as those that do not, which is checked. The counterpart by hand
//! sorts pairs of numbers and writes what is left of them.

mod common;

use std::hint::black_box;
use std::net::Ipv4Addr;

use common::{BY_HAND, Group, Meter, Way, by_hand};
use nftlink::field::tcp;
use nftlink::{Batch, Interval, Rule, Set, Table};

const INTERVALS: u32 = 100_000;
const PORTS: u32 = 1000;
/// For lists that grow, and for each message: not for each interval.
const A_FEW: u64 = 150;
/// As many pairs of entries as the list of one message holds.
const PER_MESSAGE: usize = 1638;

type Prefix = Interval<Ipv4Addr>;

fn set() -> Set<Prefix> {
    Set::new(Table::ip("fw"), "s")
}

/// Where an interval begins, and the length of its prefix.
type Bounds = (u32, u8);

/// Every second /24 from 16.0.0.0 on: none touches another.
fn apart() -> Vec<Bounds> {
    (0..INTERVALS).map(|n| (0x1000_0000 + (n << 9), 24)).collect()
}

/// The same, one in four of them in a /22 that is there, too.
fn overlapping() -> Vec<Bounds> {
    let wide = |(n, prefix): (usize, Bounds)| if n % 4 == 0 { (prefix.0 & !0x3ff, 22) } else { prefix };
    apart().into_iter().enumerate().map(wide).collect()
}

/// In an order that is always the same, and looks like none.
fn shuffled<T>(mut values: Vec<T>) -> Vec<T> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for n in (1..values.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        values.swap(n, (state % (n as u64 + 1)) as usize);
    }
    values
}

fn added(name: &'static str, set: Set<Prefix>, all: Vec<Bounds>) -> Way {
    let mut batch = Batch::new();
    Way::new(name, move |meter: &mut Meter| {
        meter.measure(|| {
            batch.clear();
            let prefix = |&(start, len): &Bounds| Interval::prefix(Ipv4Addr::from_bits(start), len);
            black_box(&mut batch).add_elements(&set, all.iter().map(prefix));
        });
        assert!(batch.mistake().is_none(), "{name}: {:?}", batch.mistake());
        meter.outcome(batch.as_bytes());
    })
}

/// Sorts, merges and writes what does not fit [`Set`]'s types and needs no errors.
fn by_numbers(all: Vec<Bounds>) -> Way {
    let (mut out, mut bounds) = (Vec::new(), Vec::new());
    Way::new(BY_HAND, move |meter: &mut Meter| {
        meter.measure(|| {
            out.clear();
            bounds.clear();
            // Where each begins, and where the first address after it is.
            bounds.extend(black_box(&all).iter().map(|&(start, len)| (start, start + (1 << (32 - len)))));
            bounds.sort_unstable();
            bounds.dedup_by(|next, last| {
                let joins = next.0 <= last.1;
                if joins {
                    last.1 = last.1.max(next.1);
                }
                joins
            });
            for (n, some) in bounds.chunks(PER_MESSAGE).enumerate() {
                by_hand::elements(&mut out, n as u32 + 1, (b"fw\0", b"s\0"), |out| {
                    let write = |&(start, after): &(u32, u32)| {
                        by_hand::interval(out, Ipv4Addr::from_bits(start), Ipv4Addr::from_bits(after));
                    };
                    some.iter().for_each(write);
                });
            }
        });
        meter.outcome(&out);
    })
}

fn rules(name: &'static str, ports: Vec<u16>) -> Way {
    let (chain, mut batch) = (Table::ip("fw").chain("input"), Batch::new());
    Way::new(name, move |meter: &mut Meter| {
        meter.measure(|| {
            batch.clear();
            let rule = Rule::new().when(tcp::dport().one_of(ports.iter().copied())).accept();
            black_box(&mut batch).append(&chain, rule);
        });
        assert!(batch.mistake().is_none(), "{name}: {:?}", batch.mistake());
        meter.outcome(&[u8::from(batch.as_bytes().len() > 16 * ports.len())]);
    })
}

fn ranges(name: &'static str, ranges: Vec<u16>) -> Way {
    let (chain, mut batch) = (Table::ip("fw").chain("input"), Batch::new());
    Way::new(name, move |meter: &mut Meter| {
        meter.measure(|| {
            batch.clear();
            let all = ranges.iter().map(|&start| start..=start + 9);
            black_box(&mut batch).append(&chain, Rule::new().when(tcp::dport().one_of(all)).accept());
        });
        assert!(batch.mistake().is_none(), "{name}: {:?}", batch.mistake());
        meter.outcome(batch.as_bytes());
    })
}

fn main() {
    let merged = || set().auto_merge();
    let ports = || (1..=PORTS as u16).collect::<Vec<u16>>();
    let starts = || (0..PORTS as u16).map(|n| 1 + n * 20).collect::<Vec<u16>>();
    common::run(vec![
        Group::new(
            "interval",
            INTERVALS,
            vec![
                by_numbers(shuffled(apart())),
                added("in order", set(), apart()).allocations(A_FEW),
                added("in no order", set(), shuffled(apart())).allocations(A_FEW),
            ],
        ),
        Group::new(
            "interval, auto-merge",
            INTERVALS,
            vec![
                by_numbers(shuffled(apart())),
                added("in order", merged(), apart()).allocations(A_FEW),
                added("in no order", merged(), shuffled(apart())).allocations(A_FEW),
            ],
        ),
        Group::new(
            "overlapping interval, auto-merge",
            INTERVALS,
            vec![
                by_numbers(shuffled(overlapping())),
                added("in order", merged(), overlapping()).allocations(A_FEW),
                added("in no order", merged(), shuffled(overlapping())).allocations(A_FEW),
            ],
        ),
        Group::new(
            "port of a rule's own set",
            PORTS,
            vec![
                rules("in order", ports()).allocations(A_FEW),
                rules("in no order", shuffled(ports())).allocations(A_FEW),
            ],
        ),
        Group::new(
            "range of a rule's own set",
            PORTS,
            vec![
                ranges("in order", starts()).allocations(A_FEW),
                ranges("in no order", shuffled(starts())).allocations(A_FEW),
            ],
        ),
    ]);
}
