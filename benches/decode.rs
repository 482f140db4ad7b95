//! What it costs to decode what the kernel says: a rule's expressions, and listings as they come.
//!
//! The listings come from a [`Recording`], which has them ready in the kernel's datagrams before the measurement
//! begins: measured is what the library does with them, and the copying of each datagram. The expressions of a rule and
//! plain addresses are read by a plain reader by hand, too; it trusts what it reads.

mod common;

use std::hint::black_box;
use std::net::Ipv4Addr;

use common::{BY_HAND, Group, Meter, Way, by_hand};
use nftlink::datum::Port;
use nftlink::expr::{Expr, Verdict};
use nftlink::field::{ip, tcp};
use nftlink::{
    Batch, Chain, Conn, ElementSource, Interval, Key, Map, Mapped, Recording, Rule, RuleInfo, Set, Streamed, Table,
};

const RULES: u32 = 1000;
const ELEMENTS: u32 = 10_000;
/// For a whole listing, however long it is.
const A_FEW: u64 = 5;

fn fw() -> Table {
    Table::ip("fw")
}

fn chain() -> Chain {
    fw().chain("input")
}

/// Rules `ip saddr A tcp dport N counter drop`.
fn rules() -> Recording {
    let mut batch = Batch::new();
    batch.add(&fw()).add(&chain());
    for n in 0..RULES {
        let rule = Rule::new().when(ip::saddr().eq(address(n))).when(tcp::dport().eq(80)).counter().drop();
        batch.append(chain(), rule);
    }
    Recording::with(&batch).expect("rules")
}

fn elements<K: Key, V: Mapped>(set: &Set<K, V>, fill: impl FnOnce(&mut Batch)) -> Recording {
    let mut batch = Batch::new();
    batch.add(&fw()).add(set);
    fill(&mut batch);
    Recording::with(&batch).expect("elements")
}

fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + n)
}

/// A way that counts what it reads.
fn counting(name: &'static str, mut read: impl FnMut(&mut Meter) -> usize + 'static) -> Way {
    Way::new(name, move |meter| {
        let count = read(meter);
        meter.outcome(&count.to_ne_bytes());
    })
}

/// Reads a stream to its end.
fn count<T>(stream: Streamed<'_, T>) -> usize {
    stream.fold(0, |count, one| {
        black_box(one.expect("what makes sense"));
        count + 1
    })
}

fn expressions() -> Group {
    let rules: Vec<RuleInfo> = rules().conn().rules(&chain()).expect("rules");
    let same = rules.clone();
    let ways = vec![
        counting(BY_HAND, move |meter| {
            let read = |rule: &RuleInfo| by_hand::exprs(black_box(rule.raw())).map(black_box).count();
            meter.measure(|| rules.iter().map(read).sum())
        }),
        counting("RuleInfo::exprs", move |meter| {
            let read = |rule: &RuleInfo| {
                let exprs = black_box(rule).exprs().map(|expr| black_box(expr.expect("an expression")));
                exprs.filter(|expr| !matches!(expr.get(), Expr::Unknown(_))).count()
            };
            meter.measure(|| same.iter().map(read).sum())
        })
        .allocations(8 * u64::from(RULES)),
    ];
    Group::new("expressions of a rule", RULES, ways)
}

fn listed_rules() -> Group {
    fn reading(read: impl Fn(&mut Conn, &mut Meter) -> usize + 'static) -> impl FnMut(&mut Meter) -> usize {
        let mut conn = rules().conn();
        move |meter| read(&mut conn, meter)
    }
    let heads = reading(|conn, meter| {
        let stream = conn.stream_rule_heads(&chain()).expect("a stream");
        meter.measure(|| count(stream))
    });
    let stream = reading(|conn, meter| {
        let stream = conn.stream_rules(&chain()).expect("a stream");
        meter.measure(|| count(stream))
    });
    let ways = vec![
        counting("only where they are", heads).allocations(A_FEW),
        // Each has its own copy of the kernel's bytes.
        counting("whole", stream).allocations(u64::from(RULES) + A_FEW),
    ];
    Group::new("rule of a listing", RULES, ways)
}

fn streamed<S: ElementSource + 'static>(set: S, recording: &Recording) -> Way {
    let mut conn = recording.conn();
    counting("as they come", move |meter| {
        let stream = conn.stream_elements(&set).expect("a stream");
        meter.measure(|| count(stream))
    })
    .allocations(A_FEW)
}

fn listed_addresses() -> Group {
    let set = Set::<Ipv4Addr>::new(fw(), "s");
    let recording = elements(&set, |batch| _ = batch.add_elements(&set, (0..ELEMENTS).map(address)));
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for from in (0..ELEMENTS).step_by(4000) {
        let mut message = Vec::new();
        let all = from..ELEMENTS.min(from + 4000);
        by_hand::elements(&mut message, 1, (b"fw\0", b"s\0"), |out| {
            all.for_each(|n| by_hand::element(out, &address(n).octets()))
        });
        messages.push(message);
    }
    let ways = vec![
        counting(BY_HAND, move |meter| {
            let read = |message: &Vec<u8>| by_hand::addresses(black_box(&message[20..])).map(black_box).count();
            meter.measure(|| messages.iter().map(read).sum())
        }),
        streamed(set, &recording),
    ];
    Group::new("address of a listing", ELEMENTS, ways)
}

fn listed(name: &'static str, way: Way) -> Group {
    Group::new(name, ELEMENTS, vec![way])
}

fn main() {
    let prefixes = Set::<Interval<Ipv4Addr>>::new(fw(), "s");
    let all = (0..ELEMENTS).map(|n| Interval::prefix(address(n << 9), 24));
    let of_prefixes = elements(&prefixes, |batch| _ = batch.add_elements(&prefixes, all));
    let concatenations = Set::<(Ipv4Addr, Port)>::new(fw(), "s");
    let all = (0..ELEMENTS).map(|n| (address(n), n as u16));
    let of_concatenations = elements(&concatenations, |batch| _ = batch.add_elements(&concatenations, all));
    let verdicts = Map::<Ipv4Addr, Verdict>::new(fw(), "s");
    let all = (0..ELEMENTS).map(|n| (address(n), Verdict::DROP));
    let of_verdicts = elements(&verdicts, |batch| _ = batch.add_elements(&verdicts, all));
    common::run(vec![
        expressions(),
        listed_rules(),
        listed_addresses(),
        listed("prefix of a listing", streamed(prefixes, &of_prefixes)),
        listed("address . port of a listing", streamed(concatenations, &of_concatenations)),
        listed("address : verdict of a listing", streamed(verdicts, &of_verdicts)),
    ]);
}
