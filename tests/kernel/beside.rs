//! Many connections at once: readers beside writers.

use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use nftlink::datum::Mark;
use nftlink::{Batch, Conn, Interval, Rule, RuleInfo, Set, Table};

use crate::support::Stop;
use crate::{comments, commit, conn, fw, input, rule};

/// How long a reader reads, at least.
const LONG: Duration = Duration::from_millis(1200);
/// How long it may take until it has seen each state.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// What the other connection does with its batches.
#[derive(Clone, Copy, PartialEq)]
enum Writer {
    Commits,
    /// The kernel goes all the way to a commit, and then back: for a refused batch it does the same.
    Checks,
}

/// Sends one batch after the other until told to stop, at times without a pause, at times with one in which
/// somebody who reads for the length of `reading` comes through. Counts them in `sent`.
fn write<'scope>(
    scope: &'scope Scope<'scope, '_>,
    batches: &'scope [Batch],
    writer: Writer,
    reading: Duration,
    stop: &'scope AtomicBool,
    sent: &'scope AtomicU32,
) -> ScopedJoinHandle<'scope, ()> {
    scope.spawn(move || {
        let mut conn = conn();
        while !stop.load(Ordering::Relaxed) {
            for batch in batches {
                match writer {
                    Writer::Commits => conn.commit(batch).unwrap(),
                    Writer::Checks => conn.check(batch).unwrap(),
                }
                thread::sleep(reading * (sent.fetch_add(1, Ordering::Relaxed) % 5));
            }
        }
    })
}

/// Reads while another connection sends two batches in turn, each of which makes a state of its own: what is read is
/// always one of these states, in the end both if the batches are committed, and only one if not, however many.
fn read_beside_a_writer<T: PartialEq + Debug>(states: [Batch; 2], writer: Writer, read: impl Fn(&mut Conn) -> Vec<T>) {
    let mut conn = conn();
    let expected = states.each_ref().map(|state| {
        conn.commit(state).unwrap();
        read(&mut conn)
    });
    assert_ne!(expected[0], expected[1]);
    let committing = writer == Writer::Commits;
    let begin = Instant::now();
    read(&mut conn);
    let (reading, stop, sent) = (begin.elapsed(), AtomicBool::new(false), AtomicU32::new(0));
    let seen = thread::scope(|scope| {
        let writer = write(scope, &states, writer, reading, &stop, &sent);
        let stop = Stop(&stop);
        let (begin, mut seen) = (Instant::now(), [0; 2]);
        let is_enough = |seen: &[i32; 2]| sent.load(Ordering::Relaxed) > 2 && (!committing || !seen.contains(&0));
        while begin.elapsed() < LONG || (!is_enough(&seen) && begin.elapsed() < PATIENCE) {
            let found = read(&mut conn);
            let Some(state) = expected.iter().position(|state| *state == found) else {
                let of = |state: &[T]| found.iter().filter(|one| state.contains(one)).count();
                let [one, other] = expected.each_ref().map(|state| (of(state), state.len()));
                panic!("torn: of {} listed ones {one:?} are of the one, {other:?} of the other state", found.len());
            };
            seen[state] += 1;
        }
        drop(stop);
        join(writer);
        seen
    });
    assert!(sent.into_inner() > 2);
    assert_eq!(committing, !seen.contains(&0), "{seen:?}");
}

fn rule_states() -> [Batch; 2] {
    [("old", 900), ("new", 1100)].map(|(name, count)| {
        let mut batch = Batch::new();
        batch.add(&fw()).add(&input()).flush(&input());
        (0..count).for_each(|_| _ = batch.append(input(), rule(name)));
        batch
    })
}

fn read_rules(conn: &mut Conn) -> Vec<String> {
    comments(conn, &input())
}

/// Rules in as many chains: each datagram of a listing begins with a chain.
fn chain_states() -> [Batch; 2] {
    [("old", 500), ("new", 700)].map(|(name, count)| {
        let mut batch = Batch::new();
        batch.reset(&fw());
        for n in 0..count {
            let chain = fw().chain(format!("chain {n}"));
            batch.add(&chain).append(&chain, rule(name));
        }
        batch
    })
}

fn read_chains(conn: &mut Conn) -> Vec<String> {
    let text = |rule: &RuleInfo| format!("{} {}", rule.chain().name(), rule.comment().unwrap_or_default());
    conn.rules(&fw()).unwrap().iter().map(text).collect()
}

fn marks() -> Set<Mark> {
    Set::new(fw(), "marks")
}

fn element_states() -> [Batch; 2] {
    [0..3000, 10_000..13_000].map(|values| {
        let mut batch = Batch::new();
        batch.add(&fw()).add(&marks()).flush(&marks()).add_elements(&marks(), values);
        batch
    })
}

fn read_elements(conn: &mut Conn) -> Vec<Mark> {
    let mut keys: Vec<_> = conn.elements(&marks()).unwrap().iter().map(|element| *element.key().unwrap()).collect();
    keys.sort_unstable();
    keys
}

fn ranges() -> Set<Interval<Ipv4Addr>> {
    Set::new(fw(), "ranges")
}

fn interval_states() -> [Batch; 2] {
    [0, 3].map(|shift| {
        let range = |n: u32| Ipv4Addr::from(n * 8 + shift)..=Ipv4Addr::from(n * 8 + shift + 4);
        let mut batch = Batch::new();
        batch.add(&fw()).add(&ranges()).flush(&ranges()).add_elements(&ranges(), (0..1500).map(range));
        batch
    })
}

fn read_intervals(conn: &mut Conn) -> Vec<Interval<Ipv4Addr>> {
    conn.elements(&ranges()).unwrap().iter().map(|element| *element.key().unwrap()).collect()
}

pub(crate) fn rules_listed_beside_a_writer_are_never_torn() {
    read_beside_a_writer(rule_states(), Writer::Commits, read_rules);
}

pub(crate) fn elements_listed_beside_a_writer_are_never_torn() {
    read_beside_a_writer(element_states(), Writer::Commits, read_elements);
}

pub(crate) fn intervals_listed_beside_a_writer_are_never_torn() {
    read_beside_a_writer(interval_states(), Writer::Commits, read_intervals);
}

pub(crate) fn rules_listed_beside_batches_that_are_not_applied_are_never_torn() {
    read_beside_a_writer(rule_states(), Writer::Checks, read_rules);
}

/// What such a batch puts before the rules is counted by the kernel's listings, and then gone.
pub(crate) fn rules_listed_beside_insertions_that_are_not_applied_are_never_torn() {
    let [old, _] = rule_states();
    let mut inserted = Batch::new();
    (0..700).for_each(|_| _ = inserted.insert(input(), rule("new")));
    read_beside_a_writer([old, inserted], Writer::Checks, read_rules);
}

pub(crate) fn rules_of_many_chains_listed_beside_a_writer_are_never_torn() {
    read_beside_a_writer(chain_states(), Writer::Commits, read_chains);
}

pub(crate) fn rules_of_many_chains_listed_beside_batches_that_are_not_applied_are_never_torn() {
    let [old, _] = chain_states();
    let mut inserted = Batch::new();
    (0..500).for_each(|n| _ = inserted.insert(fw().chain(format!("chain {}", n / 10)), rule("new")));
    read_beside_a_writer([old, inserted], Writer::Checks, read_chains);
}

pub(crate) fn elements_listed_beside_batches_that_are_not_applied_are_never_torn() {
    read_beside_a_writer(element_states(), Writer::Checks, read_elements);
}

pub(crate) fn intervals_listed_beside_batches_that_are_not_applied_are_never_torn() {
    read_beside_a_writer(interval_states(), Writer::Checks, read_intervals);
}

pub(crate) fn eight_connections_read_what_they_asked_for_while_others_write() {
    let tables: Vec<Table> = (0..8).map(|n| Table::inet(format!("reader{n}"))).collect();
    let own = |table: &Table, n: usize| -> Batch {
        let (chain, set) = (table.chain("c"), Set::<Mark>::new(table, "marks"));
        let mut batch = Batch::new();
        batch.reset(table).add(&chain).add(&set).add_elements(&set, 0..100 * n as u32 + 1);
        (0..=n * 10).for_each(|m| _ = batch.append(&chain, Rule::new().counter().comment(format!("{n} {m}"))));
        batch
    };
    let mut conn = conn();
    for (n, table) in tables.iter().enumerate() {
        conn.commit(&own(table, n)).unwrap();
    }
    let read = |conn: &mut Conn, n: usize| {
        let table = &tables[n];
        assert_eq!(conn.table(table).unwrap().at(), table.as_ref());
        let rules = conn.rules(table).unwrap();
        let comments: Vec<_> = rules.iter().map(|rule| rule.comment().unwrap_or_default().to_owned()).collect();
        assert_eq!(comments, (0..=n * 10).map(|m| format!("{n} {m}")).collect::<Vec<_>>());
        assert_eq!(conn.elements(&Set::<Mark>::new(table, "marks")).unwrap().len(), 100 * n + 1);
    };
    let begin = Instant::now();
    read(&mut conn, 7);
    // Eight of them share the processors.
    let (reading, stop) = (begin.elapsed() * 8, AtomicBool::new(false));
    let sent = [AtomicU32::new(0), AtomicU32::new(0)];
    let others =
        [8, 9].map(|n| [own(&Table::ip(format!("writer{n}")), n), own(&Table::ip(format!("writer{n}")), n + 3)]);
    thread::scope(|scope| {
        let writers = others.iter().zip(&sent);
        let writers: Vec<_> =
            writers.map(|(batches, sent)| write(scope, batches, Writer::Commits, reading, &stop, sent)).collect();
        let stop = Stop(&stop);
        let readers: Vec<_> = (0..8)
            .map(|n| {
                scope.spawn(move || {
                    let mut conn = self::conn();
                    (0..30).for_each(|_| read(&mut conn, n));
                })
            })
            .collect();
        readers.into_iter().for_each(join);
        drop(stop);
        writers.into_iter().for_each(join);
    });
    assert!(sent.into_iter().all(|sent| sent.into_inner() > 1));
    commit(&mut conn, |batch| batch.flush_ruleset());
}
