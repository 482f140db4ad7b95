//! What the benches share: ways to do the same work, measured beside each other by time and by allocations.
//!
//! Criterion measures each by itself. Then a table tells what an item takes in interleaved rounds, the ratio to the
//! counterpart by hand of the same round, where there is one, and how often an item allocates. All is asserted but the
//! times: that the ways have the same outcome, and that they allocate no more than they may.

#![allow(dead_code, reason = "each bench uses a part")]

pub(crate) mod by_hand;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};

/// Measures what of a pass is to be measured: its time, its allocations, or what comes out of it.
pub(crate) enum Meter {
    Time(Duration),
    Allocations(u64),
    Outcome(Vec<u8>),
}

impl Meter {
    /// Does what is measured. What it returns is dropped later.
    #[inline]
    pub(crate) fn measure<T>(&mut self, work: impl FnOnce() -> T) -> T {
        match self {
            Self::Time(sum) => {
                let start = Instant::now();
                let done = black_box(work());
                *sum += start.elapsed();
                done
            }
            Self::Allocations(sum) => {
                let mut done = None;
                *sum += allocation_counter::measure(|| done = Some(black_box(work()))).count_total;
                done.expect("it was measured")
            }
            Self::Outcome(_) => work(),
        }
    }

    /// Tells what came out of the pass: all ways of a group have to tell the same.
    pub(crate) fn outcome(&mut self, of: &[u8]) {
        if let Self::Outcome(kept) = self {
            of.clone_into(kept);
        }
    }
}

/// A pass: what [`Meter::measure`] is given is measured, all else prepares it.
type Pass = Box<dyn FnMut(&mut Meter)>;

/// One way to do the work of a group.
pub(crate) struct Way {
    name: &'static str,
    /// What the ratio to the first way of the group is meant to be.
    goal: Option<f64>,
    /// How often a pass may allocate.
    allocations: u64,
    pass: Pass,
}

impl Way {
    /// A way that does not allocate.
    pub(crate) fn new(name: &'static str, pass: impl FnMut(&mut Meter) + 'static) -> Self {
        Self { name, goal: None, allocations: 0, pass: Box::new(pass) }
    }

    pub(crate) fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// How often a pass allocates at most, instead of not at all.
    pub(crate) fn allocations(self, allocations: u64) -> Self {
        Self { allocations, ..self }
    }

    fn time(&mut self, passes: u64) -> Duration {
        let mut meter = Meter::Time(Duration::ZERO);
        (0..passes).for_each(|_| (self.pass)(&mut meter));
        match meter {
            Meter::Time(sum) => sum,
            _ => Duration::ZERO,
        }
    }

    fn count(&mut self) -> u64 {
        let mut meter = Meter::Allocations(0);
        (self.pass)(&mut meter);
        match meter {
            Meter::Allocations(sum) => sum,
            _ => 0,
        }
    }

    fn outcome(&mut self) -> Vec<u8> {
        let mut meter = Meter::Outcome(Vec::new());
        (self.pass)(&mut meter);
        match meter {
            Meter::Outcome(outcome) => outcome,
            _ => Vec::new(),
        }
    }
}

/// Ways to do the same.
pub(crate) struct Group {
    name: &'static str,
    /// How many items a pass does.
    items: u32,
    ways: Vec<Way>,
}

/// The first way of a group, if others are compared with it.
pub(crate) const BY_HAND: &str = "by hand";

impl Group {
    pub(crate) fn new(name: &'static str, items: u32, ways: Vec<Way>) -> Self {
        Self { name, items, ways }
    }

    /// Checks that all ways do the same, and how often they allocate; returns what is wrong.
    fn check(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut first: Option<Vec<u8>> = None;
        for way in &mut self.ways {
            let outcome = way.outcome();
            // It is warm now.
            let (name, count, most) = (way.name, way.count(), way.allocations);
            let mut tell = |what: String| wrong.push(format!("{}, {name}: {what}", self.name));
            if outcome.is_empty() {
                tell("it does not tell what it has done".to_owned());
            }
            if count > most {
                tell(format!("{count} allocations instead of {most}"));
            }
            if *first.get_or_insert_with(|| outcome.clone()) != outcome {
                tell("it does other work than the first".to_owned());
            }
        }
        wrong
    }

    fn criterion(&mut self, criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group(self.name);
        group.throughput(Throughput::Elements(self.items.into()));
        for way in &mut self.ways {
            group.bench_function(way.name, |bencher| bencher.iter_custom(|passes| way.time(passes)));
        }
        group.finish();
    }

    /// Times and ratios, each from `rounds` rounds that begin with one way after the other.
    fn table(&mut self, trial: bool) {
        let passes: Vec<u64> = self.ways.iter_mut().map(|way| if trial { 1 } else { passes(way) }).collect();
        let slowest = self.ways.iter_mut().map(|way| way.time(1)).max().unwrap_or_default();
        let rounds = match (trial, slowest > Duration::from_millis(5)) {
            (true, _) => 1,
            (false, true) => 10,
            (false, false) => 100,
        };
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); self.ways.len()];
        for round in 0..rounds {
            for n in 0..self.ways.len() {
                let at = (n + round) % self.ways.len();
                let nanos = self.ways[at].time(passes[at]).as_nanos() as f64;
                times[at].push(nanos / (passes[at] as f64 * f64::from(self.items)));
            }
        }
        println!("{:34} {:>10} {:>7} {:>6} {:>12}", self.name, "ns each", "ratio", "goal", "allocations");
        let compares = self.ways.first().is_some_and(|way| way.name == BY_HAND);
        for (n, way) in self.ways.iter_mut().enumerate() {
            let ratio = median(times[n].iter().zip(&times[0]).map(|(own, hand)| own / hand));
            let ratio = if compares { format!("{ratio:.2}") } else { String::new() };
            let goal = way.goal.map(|goal| format!("{goal:.2}")).unwrap_or_default();
            let allocations = way.count() as f64 / f64::from(self.items);
            let nanos = median(times[n].iter().copied());
            println!("  {:32} {nanos:>10.1} {ratio:>7} {goal:>6} {allocations:>12.3}", way.name);
        }
        println!();
    }
}

/// As many passes as take a millisecond.
fn passes(way: &mut Way) -> u64 {
    let one = way.time(3).as_nanos().max(3) / 3;
    u64::try_from(1_000_000 / one).unwrap_or(1).clamp(1, 1000)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Checks and measures; with `--test` each is done a few times only.
pub(crate) fn run(mut groups: Vec<Group>) {
    let wrong: Vec<String> = groups.iter_mut().flat_map(Group::check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let trial = std::env::args().any(|argument| argument == "--test");
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    groups.iter_mut().for_each(|group| group.criterion(&mut criterion));
    criterion.final_summary();
    println!();
    groups.iter_mut().for_each(|group| group.table(trial));
}
