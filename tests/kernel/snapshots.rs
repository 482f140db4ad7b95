//! Many readings at one generation, beside somebody who commits without a pause.

use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::{Mark, Port};
use nftlink::object::{Counter, Quota};
use nftlink::{Batch, Conn, ElementSource, Error, Generation, Interval, Policy, Rule, Set, Table, object};

use crate::{append, comments, commit, conn, fw, input, rule};

/// How long it may take until all that was to be read is read.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the writer, also when a reader panics.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Commits `states` in turn, without a pause, while `read` is called with the state that belongs to
/// a generation. Returns how many commits there were.
fn beside_a_writer(states: &[Batch], read: impl FnOnce(&mut Conn, &dyn Fn(Generation) -> usize)) -> u64 {
    let mut conn = conn();
    for state in states {
        conn.commit(state).unwrap();
    }
    // The last state is there; nobody else commits.
    let first = conn.generation().unwrap();
    let state_of = |generation: Generation| {
        (generation.get().wrapping_sub(first.get()) as usize + states.len() - 1) % states.len()
    };
    let (stop, commits) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut conn = self::conn();
            while !stop.load(Ordering::Relaxed) {
                for state in states {
                    conn.commit(state).unwrap();
                    commits.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let _stop = Stop(&stop);
        read(&mut conn, &state_of);
    });
    commits.into_inner()
}

/// Takes `count` snapshots, each of which is the state of its generation.
fn snapshots<T: PartialEq + Debug>(
    states: &[Batch],
    count: usize,
    mut read: impl FnMut(&mut Conn) -> Result<T, Error>,
) {
    let mut conn = conn();
    let mut expected = Vec::new();
    for state in states {
        conn.commit(state).unwrap();
        expected.push(read(&mut conn).unwrap());
    }
    assert!(expected.windows(2).all(|pair| pair[0] != pair[1]));
    let (mut taken, mut seen, mut given_up, mut begun) = (0, vec![0_u64; states.len()], 0, 0);
    let begin = Instant::now();
    let commits = beside_a_writer(states, |conn, state_of| {
        while taken < count {
            assert!(begin.elapsed() < PATIENCE, "{taken} of {count} snapshots, {given_up} given up");
            let result = conn.snapshot(|conn| {
                begun += 1;
                read(conn)
            });
            match result {
                Ok((found, generation)) => {
                    let state = state_of(generation);
                    assert_eq!(found, expected[state], "torn: generation {generation} is state {state}");
                    (taken, seen[state]) = (taken + 1, seen[state] + 1);
                }
                // The writer was faster each time.
                Err(Error::Inconsistent { .. }) => given_up += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
    });
    eprintln!(
        "{count} snapshots in {:?}: begun {begun}, given up {given_up}, {commits} commits, seen {seen:?}",
        begin.elapsed()
    );
    assert!(commits > 100 && seen.iter().all(|seen| *seen > 0), "{commits} commits, {seen:?}");
}

fn other() -> Table {
    Table::ip("other")
}

fn marks() -> Set<Mark> {
    Set::new(fw(), "marks")
}

fn ranges() -> Set<Interval<Ipv4Addr>> {
    Set::new(fw(), "ranges")
}

fn pairs() -> Set<(Interval<Ipv4Addr>, Port)> {
    Set::new(other(), "pairs")
}

fn marks_of(state: u32, count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(move |n| n * 4 + state)
}

fn ranges_of(state: u32, count: u32) -> impl Iterator<Item = std::ops::RangeInclusive<Ipv4Addr>> {
    (0..count).map(move |n| Ipv4Addr::from(n * 16 + state)..=Ipv4Addr::from(n * 16 + state + 7))
}

fn pairs_of(state: u32, count: u32) -> impl Iterator<Item = (std::ops::RangeInclusive<Ipv4Addr>, Port)> {
    ranges_of(state, count).zip(0..).map(move |(range, n)| (range, Port::from(n as u16 % 50)))
}

/// States in which everything is different: rules of two tables, elements of sets of each kind, the policies of
/// chains, what objects hold.
fn small_states() -> Vec<Batch> {
    let prepared = || {
        let mut batch = Batch::new();
        batch.add(&fw()).add(&other()).add(&marks()).add(&ranges()).add(&pairs());
        batch
    };
    (0..4)
        .map(|state: u32| {
            let mut batch = prepared();
            let policy = if state % 2 == 0 { Policy::ACCEPT } else { Policy::DROP };
            let (one, two) = (input().policy(policy), other().chain("two"));
            batch.add(&one).add(&two).flush(&one).flush(&two).flush(&marks()).flush(&ranges()).flush(&pairs());
            append(&mut batch, &vec![["a", "b", "c", "d"][state as usize]; 3 + state as usize]);
            batch.append(&two, Rule::new().counter().comment(format!("state {state}")));
            batch.add_elements(&marks(), marks_of(state, 8)).add_elements(&ranges(), ranges_of(state, 8));
            batch.add_elements(&pairs(), pairs_of(state, 8));
            batch.add(&Quota::new(1000 + u64::from(state)).named(fw(), "quota"));
            batch
        })
        .collect()
}

fn keys<S: ElementSource<Key: Clone + Debug>>(conn: &mut Conn, set: &S) -> Result<Vec<S::Key>, Error> {
    let mut keys: Vec<_> = conn.elements(set)?.iter().filter_map(|element| element.key().cloned()).collect();
    keys.sort_by_cached_key(|key| format!("{key:?}"));
    Ok(keys)
}

pub(crate) fn snapshots_beside_a_writer_are_each_one_of_its_states() {
    snapshots(&small_states(), 10_000, |conn| {
        let texts = |rules: Vec<nftlink::RuleInfo>| -> Vec<_> {
            rules.iter().map(|rule| rule.comment().unwrap_or_default().to_owned()).collect()
        };
        let rules = (texts(conn.rules(&input())?), texts(conn.rules(&other())?));
        let elements = (keys(conn, &marks())?, keys(conn, &ranges())?, keys(conn, &pairs())?);
        let quota: Quota = conn.object_value(Quota::new(0).named(fw(), "quota"))?;
        Ok((rules, elements, conn.chain(input())?.policy(), quota.bytes))
    });
}
