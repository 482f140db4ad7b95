//! What it costs to encode a rule: by hand, by the low-level API, by the typed language.
//!
//! The rule is `meta l4proto tcp tcp dport 80 counter drop`: six expressions. All ways write the
//! same bytes, which is checked first. Criterion's figures are followed by a table of ratios to the
//! writer by hand, each from one interleaved run, and of allocations.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use nftlink::expr::{Base, Cmp, CmpOp, Counter, Expr, Immediate, Meta, MetaKey, Payload, Reg, Verdict};
use nftlink::field::tcp;
use nftlink::{Batch, Chain, Rule, Table};

/// Rules in each batch: as many as keep the batch's memory in the cache.
const RULES: u32 = 100;

/// The writer by hand: one pass, every length known beforehand but those of the nests.
mod by_hand {
    fn attr(out: &mut Vec<u8>, number: u16, value: &[u8]) {
        let len = 4 + value.len();
        out.extend_from_slice(&(len as u16).to_ne_bytes());
        out.extend_from_slice(&number.to_ne_bytes());
        out.extend_from_slice(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }

    fn u32(out: &mut Vec<u8>, number: u16, value: u32) {
        let mut bytes = [0; 8];
        bytes[..2].copy_from_slice(&8u16.to_ne_bytes());
        bytes[2..4].copy_from_slice(&number.to_ne_bytes());
        bytes[4..].copy_from_slice(&value.to_be_bytes());
        out.extend_from_slice(&bytes);
    }

    fn nest(out: &mut Vec<u8>, number: u16, content: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&(number | 0x8000).to_ne_bytes());
        content(out);
        let len = (out.len() - start) as u16;
        out[start..start + 2].copy_from_slice(&len.to_ne_bytes());
    }

    fn expr(out: &mut Vec<u8>, name: &[u8], content: impl FnOnce(&mut Vec<u8>)) {
        nest(out, 1, |out| {
            attr(out, 1, name);
            nest(out, 2, content);
        });
    }

    pub(super) fn rule(out: &mut Vec<u8>, sequence: u32, chain: (&[u8], &[u8]), protocol: u8, port: u16) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&0x0a06u16.to_ne_bytes());
        out.extend_from_slice(&0x0c01u16.to_ne_bytes());
        out.extend_from_slice(&sequence.to_ne_bytes());
        out.extend_from_slice(&[0, 0, 0, 0, 1, 0, 0, 0]);
        attr(out, 1, chain.0);
        attr(out, 2, chain.1);
        nest(out, 4, |out| {
            expr(out, b"meta\0", |out| {
                u32(out, 2, 16);
                u32(out, 1, 1);
            });
            expr(out, b"cmp\0", |out| {
                u32(out, 1, 1);
                u32(out, 2, 0);
                nest(out, 3, |out| attr(out, 1, &[protocol]));
            });
            expr(out, b"payload\0", |out| {
                u32(out, 1, 1);
                u32(out, 2, 2);
                u32(out, 3, 2);
                u32(out, 4, 2);
            });
            expr(out, b"cmp\0", |out| {
                u32(out, 1, 1);
                u32(out, 2, 0);
                nest(out, 3, |out| attr(out, 1, &port.to_be_bytes()));
            });
            expr(out, b"counter\0", |_| {});
            expr(out, b"immediate\0", |out| {
                u32(out, 1, 0);
                nest(out, 2, |out| nest(out, 2, |out| u32(out, 1, 0)));
            });
        });
        let len = (out.len() - start) as u32;
        out[start..start + 4].copy_from_slice(&len.to_ne_bytes());
    }
}

/// The writer by hand does not know beforehand what the rule is.
fn one_by_hand(out: &mut Vec<u8>, sequence: u32) {
    let (chain, protocol, port) = black_box(((&b"fw\0"[..], &b"input\0"[..]), 6, 80));
    by_hand::rule(out, sequence, chain, protocol, port);
}

fn low_level() -> [Expr; 6] {
    [
        Meta::load(MetaKey::L4PROTO, Reg::R1).into(),
        Cmp::new(CmpOp::EQ, Reg::R1, [6]).into(),
        Payload::load(Base::TRANSPORT, 2, 2, Reg::R1).into(),
        Cmp::new(CmpOp::EQ, Reg::R1, [0, 80]).into(),
        Counter::default().into(),
        Immediate::verdict(Verdict::DROP).into(),
    ]
}

fn typed() -> Rule {
    Rule::new().when(tcp::dport().eq(80)).counter().drop()
}

/// One way to write [`RULES`] rules into memory that is warm.
struct Way {
    name: &'static str,
    /// What the ratio to the writer by hand, and the allocations per rule, are meant to be.
    goal: (f64, u64),
    write: Box<dyn FnMut()>,
}

fn ways() -> Vec<Way> {
    let chain: &'static Chain = Box::leak(Box::new(Table::inet("fw").chain("input")));
    let mut hand = Vec::new();
    let by_hand = move || {
        hand.clear();
        (1..=RULES).for_each(|sequence| one_by_hand(black_box(&mut hand), sequence));
    };
    fn batch(mut append: impl FnMut(&mut Batch) + 'static) -> Box<dyn FnMut()> {
        let mut batch = Batch::new();
        Box::new(move || {
            batch.clear();
            (0..RULES).for_each(|_| append(black_box(&mut batch)));
        })
    }
    let (kept_exprs, kept_rule) = (low_level(), typed());
    vec![
        Way { name: "by hand", goal: (1.0, 0), write: Box::new(by_hand) },
        Way {
            name: "low level, a tuple",
            goal: (1.3, 0),
            write: batch(move |batch| {
                let [protocol, port] = black_box([6, 80]);
                batch.append(
                    chain,
                    (
                        Meta::load(MetaKey::L4PROTO, Reg::R1),
                        Cmp::new(CmpOp::EQ, Reg::R1, [protocol]),
                        Payload::load(Base::TRANSPORT, 2, 2, Reg::R1),
                        Cmp::new(CmpOp::EQ, Reg::R1, [0, port]),
                        Counter::default(),
                        Verdict::DROP,
                    ),
                );
            }),
        },
        Way {
            name: "low level, an array",
            goal: (1.3, 0),
            write: batch(move |batch| {
                batch.append(chain, low_level());
            }),
        },
        Way {
            name: "low level, kept",
            goal: (1.3, 0),
            write: batch(move |batch| {
                batch.append(chain, &kept_exprs);
            }),
        },
        Way {
            name: "typed, built anew",
            goal: (3.0, 1),
            write: batch(move |batch| {
                batch.append(chain, typed());
            }),
        },
        Way {
            name: "typed, kept",
            goal: (3.0, 0),
            write: batch(move |batch| {
                batch.append(chain, &kept_rule);
            }),
        },
    ]
}

fn check_same_bytes() {
    let chain = Table::inet("fw").chain("input");
    let mut hand = Vec::new();
    (1..=2).for_each(|sequence| one_by_hand(&mut hand, sequence));
    let mut batch = Batch::new();
    batch.append(&chain, low_level()).append(&chain, typed());
    assert_eq!(batch.as_bytes(), hand, "all ways have to do the same work");
    println!("a rule is {} bytes", hand.len() / 2);
}

fn ratios(rounds: usize) {
    let mut ways = ways();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    for round in 0..rounds + 2 {
        for n in 0..ways.len() {
            // Each round begins with another way.
            let at = (n + round) % ways.len();
            let start = Instant::now();
            (0..100).for_each(|_| (ways[at].write)());
            let nanos = start.elapsed().as_nanos() as f64 / f64::from(100 * RULES);
            if round >= 2 {
                times[at].push(nanos);
            }
        }
    }
    println!("\n{:24} {:>9} {:>7} {:>6} {:>12} {:>6}", "", "ns a rule", "ratio", "goal", "allocations", "goal");
    for (n, way) in ways.iter_mut().enumerate() {
        let ratio = median(times[n].iter().zip(&times[0]).map(|(own, hand)| own / hand));
        let allocations = allocation_counter::measure(|| (way.write)()).count_total as f64 / f64::from(RULES);
        let nanos = median(times[n].iter().copied());
        println!("{:24} {nanos:>9.1} {ratio:>7.2} {:>6.2} {allocations:>12.2} {:>6}", way.name, way.goal.0, way.goal.1);
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    check_same_bytes();
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("six-expression rule");
    group.throughput(Throughput::Elements(RULES.into()));
    for mut way in ways() {
        group.bench_function(way.name, |bencher| bencher.iter(|| (way.write)()));
    }
    group.finish();
    criterion.final_summary();
    let trial = std::env::args().any(|argument| argument == "--test");
    ratios(if trial { 1 } else { 100 });
}
