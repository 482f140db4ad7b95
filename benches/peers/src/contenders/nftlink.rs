//! nftlink.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::{Result, ensure};
use nftlink::expr::{Base, Cmp, CmpOp, Counter, Meta, MetaKey, Payload, Reg, Verdict};
use nftlink::field::{ip, tcp};
use nftlink::{Batch, Chain, Conn, Interval, Loader, Recording, Rule, RuleInfo, Set, Streamed};
use peers_work::{CHAIN, LOADED, PER_MESSAGE, PER_PASS, Report, Stopwatch, Task, What, values};

use super::floor::repeats;
use crate::setup;

/// Which part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    Typed,
    LowLevel,
    Kept,
    Streaming,
    Checked,
}

pub fn run(task: Task, api: Api) -> Result<Report> {
    match task.what {
        What::EncodeRules | What::EncodeElements => return Ok(encode(task, api)),
        What::DecodeRules => return decode(task),
        What::GrowRules | What::GrowElements => return Ok(grow(task, api)),
        _ => {}
    }
    let mut conn = Conn::open()?;
    match task.what {
        What::Split => split(&mut conn, task.n),
        What::Loaded => load(&mut conn, &setup::addresses(), task.n),
        What::LoadedSized => load(&mut conn, &setup::addresses().size(task.n as u32), task.n),
        What::ListRules => list_rules(&mut conn, api),
        What::ListElements => list_elements(&mut conn, api),
        What::AddOne => add_one(&mut conn, task.n),
        _ => {
            let mut batch = Batch::new();
            if api == Api::Kept {
                fill(&mut batch, task, api);
                batch.clear();
            }
            let watch = Stopwatch::start();
            fill(&mut batch, task, api);
            conn.commit(&batch)?;
            let report = watch.stop();
            Ok(Report { bytes: Some(batch.as_bytes().len() as u64), ..report })
        }
    }
}

fn chain() -> Chain {
    setup::table().chain(CHAIN)
}

#[inline]
fn typed(batch: &mut Batch, chain: &Chain, n: u64) {
    let rule = Rule::new().when(ip::saddr().eq(values::address(n))).when(tcp::dport().eq(values::port(n)));
    batch.append(chain, rule.counter().drop());
}

#[inline]
fn low_level(batch: &mut Batch, chain: &Chain, n: u64) {
    let rule = (
        Payload::load(Base::NETWORK, 12, 4, Reg::R1),
        Cmp::new(CmpOp::EQ, Reg::R1, values::address(n).octets()),
        Meta::load(MetaKey::L4PROTO, Reg::R1),
        Cmp::new(CmpOp::EQ, Reg::R1, [6]),
        Payload::load(Base::TRANSPORT, 2, 2, Reg::R1),
        Cmp::new(CmpOp::EQ, Reg::R1, values::port(n).to_be_bytes()),
        Counter::default(),
        Verdict::DROP,
    );
    batch.append(chain, rule);
}

/// Adds what the task says, as nftlink's typed part has it.
pub fn add_to(batch: &mut Batch, task: Task) {
    fill(batch, task, Api::Typed);
}

fn fill(batch: &mut Batch, task: Task, api: Api) {
    let all = 0..task.n;
    match task.what {
        What::Rules | What::GrowRules => {
            let chain = chain();
            match api {
                Api::LowLevel => all.for_each(|n| low_level(batch, &chain, n)),
                Api::Typed | Api::Kept | Api::Streaming | Api::Checked => all.for_each(|n| typed(batch, &chain, n)),
            }
        }
        What::Intervals => {
            let prefixes = all.map(|n| Interval::prefix(values::prefix(n), 24));
            batch.add_elements(&setup::intervals(), prefixes);
        }
        What::Concatenation => {
            batch.add_elements(&setup::concatenation(), all.map(|n| (values::address(n), values::port(n))));
        }
        What::VerdictMap => {
            let verdict = |n| if values::accepts(n) { Verdict::ACCEPT } else { Verdict::DROP };
            batch.add_elements(&setup::verdict_map(), all.map(|n| (values::address(n), verdict(n))));
        }
        _ => {
            batch.add_elements(&setup::addresses(), all.map(values::address));
        }
    }
}

fn split(conn: &mut Conn, n: u64) -> Result<Report> {
    let watch = Stopwatch::start();
    let (set, mut batch) = (setup::addresses(), Batch::new());
    for from in (0..n).step_by(PER_MESSAGE as usize) {
        batch.clear();
        batch.add_elements(&set, (from..n.min(from + PER_MESSAGE)).map(values::address));
        conn.commit(&batch)?;
    }
    Ok(watch.stop())
}

fn load(conn: &mut Conn, set: &Set<Ipv4Addr>, n: u64) -> Result<Report> {
    let watch = Stopwatch::start();
    let live = Loader::new(set).load(conn, (0..n).map(values::address))?;
    let report = watch.stop();
    ensure!(live.at().name().as_str() == Some(LOADED), "{} was loaded, and not {LOADED}", live.at());
    Ok(report)
}

/// Reads a stream to its end.
fn drain<T>(mut stream: Streamed<'_, T>, api: Api) -> Result<u64> {
    let mut done = 0;
    for one in &mut stream {
        black_box(one?);
        done += 1;
    }
    if api == Api::Checked {
        stream.consistency()?;
    }
    Ok(done)
}

fn list_rules(conn: &mut Conn, api: Api) -> Result<Report> {
    let chain = chain();
    let watch = Stopwatch::start();
    if matches!(api, Api::Streaming | Api::Checked) {
        let done = drain(conn.stream_rules(&chain)?, api)?;
        return Ok(Report { done: Some(done), ..watch.stop() });
    }
    let rules = conn.rules(&chain)?;
    let report = watch.stop();
    Ok(Report { done: Some(rules.len() as u64), ..report })
}

fn list_elements(conn: &mut Conn, api: Api) -> Result<Report> {
    let set = setup::addresses();
    let watch = Stopwatch::start();
    if matches!(api, Api::Streaming | Api::Checked) {
        let done = drain(conn.stream_elements(&set)?, api)?;
        return Ok(Report { done: Some(done), ..watch.stop() });
    }
    let elements = conn.elements(&set)?;
    let report = watch.stop();
    ensure!(elements.iter().all(|element| element.key().is_some()), "an element without a key");
    Ok(Report { done: Some(elements.len() as u64), ..report })
}

fn add_one(conn: &mut Conn, n: u64) -> Result<Report> {
    let (set, mut batch, mut latencies) = (setup::addresses(), Batch::new(), Vec::with_capacity(n as usize));
    let watch = Stopwatch::start();
    for address in (0..n).map(values::address) {
        let start = Instant::now();
        batch.clear();
        batch.add_elements(&set, [address]);
        conn.commit(&batch)?;
        latencies.push(start.elapsed().as_nanos() as u64);
    }
    Ok(watch.stop().with_latencies(latencies))
}

fn encode(task: Task, api: Api) -> Report {
    let (chain, set, mut batch) = (chain(), setup::addresses(), Batch::new());
    let mut pass = |from: u64| {
        batch.clear();
        let all = from..from + PER_PASS;
        match (task.what, api) {
            (What::EncodeElements, _) => _ = batch.add_elements(&set, all.map(values::address)),
            (_, Api::LowLevel) => all.for_each(|n| low_level(&mut batch, black_box(&chain), n)),
            _ => all.for_each(|n| typed(&mut batch, black_box(&chain), n)),
        }
        black_box(&batch);
    };
    pass(0);
    let watch = Stopwatch::start();
    (0..task.n).step_by(PER_PASS as usize).for_each(pass);
    Report { done: Some(task.n), ..watch.stop() }
}

/// The expressions of rules that a recording has, which were read before.
fn decode(task: Task) -> Result<Report> {
    let (mut batch, chain) = (Batch::new(), chain());
    batch.add(&setup::table()).add(&chain);
    (0..PER_PASS).for_each(|n| typed(&mut batch, &chain, n));
    let rules = Recording::with(&batch)?.conn().rules(&chain)?;
    let exprs = |rule: &RuleInfo| black_box(rule).exprs().map(black_box).filter(Result::is_ok).count();
    let pass = || rules.iter().map(exprs).sum::<usize>();
    ensure!(pass() == 8 * rules.len(), "an expression is missing");
    let watch = Stopwatch::start();
    (0..task.n).step_by(PER_PASS as usize).for_each(|_| _ = black_box(pass()));
    Ok(Report { done: Some(task.n), ..watch.stop() })
}

/// As many as the task says, into memory that a pass before has touched.
fn grow(task: Task, api: Api) -> Report {
    let (repeats, mut batch) = (repeats(task), Batch::new());
    let mut pass = || {
        batch.clear();
        fill(&mut batch, task, api);
        black_box(&batch);
    };
    pass();
    let watch = Stopwatch::start();
    (0..repeats).for_each(|_| pass());
    Report { done: Some(task.n * repeats), ..watch.stop() }
}

/// Whether nftlink writes the floor's own bytes: else there would be two works.
pub fn check_same_bytes() -> Result<()> {
    let chain = chain();
    let mut hand = Vec::new();
    (0..2).for_each(|n| crate::wire::nth_rule(&mut hand, n));
    for (api, append) in [("low-level", low_level as fn(&mut Batch, &Chain, u64)), ("typed", typed)] {
        let mut batch = Batch::new();
        (0..2).for_each(|n| append(&mut batch, &chain, n));
        ensure!(batch.as_bytes() == hand, "the {api} rule is not that of the floor");
    }
    hand.clear();
    crate::wire::elements(&mut hand, 1, 0, 100);
    let mut batch = Batch::new();
    batch.add_elements(&setup::addresses(), (0..100).map(values::address).collect::<Vec<Ipv4Addr>>());
    ensure!(batch.as_bytes() == hand, "the elements are not those of the floor");
    Ok(())
}
