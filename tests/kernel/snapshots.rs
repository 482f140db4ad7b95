//! Many readings at one generation, beside somebody who commits without a pause.

use std::env;
use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::{Mark, Port};
use nftlink::object::Quota;
use nftlink::{
    Batch, ChainInfo, Conn, ElementSource, Error, Generation, Hook, Interval, IntoElement, Key, Policy, Priority, Rule,
    RuleInfo, Set, Table, object,
};

use crate::support::{Stop, is_emulated, times};
use crate::{append, comments, commit, conn, fw, input};

/// How long it may take until all that was to be read is read.
const PATIENCE: Duration = Duration::from_secs(300);

/// How many commits there are at least.
const COMMITS: u64 = 10;

/// Commits `states` in turn, without a pause (with some for an emulated machine, of up to four times `pause`), while
/// `read` is called with the state that belongs to a generation, and how many commits there were.
fn beside_a_writer(
    states: &[Batch],
    pause: Duration,
    read: impl FnOnce(&mut Conn, &AtomicU64, &dyn Fn(Generation) -> usize),
) {
    let mut conn = conn();
    for state in states {
        conn.commit(state).unwrap();
    }
    // The last state is there; nobody else commits.
    let first = conn.generation().unwrap();
    let state_of = |generation: Generation| {
        (generation.get().wrapping_sub(first.get()) as usize + states.len() - 1) % states.len()
    };
    let (stop, commits, emulated) = (AtomicBool::new(false), AtomicU64::new(0), is_emulated());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut conn = self::conn();
            while !stop.load(Ordering::Relaxed) {
                for state in states {
                    conn.commit(state).unwrap();
                    let number = commits.fetch_add(1, Ordering::Relaxed);
                    if emulated {
                        thread::sleep(pause * (number % 5) as u32);
                    }
                }
            }
        });
        let _stop = Stop(&stop);
        read(&mut conn, &commits, &state_of);
    });
}

/// Takes `count` snapshots (fewer in an emulated machine), each of which is the state of its generation.
fn snapshots<T: PartialEq + Debug>(
    states: &[Batch],
    count: usize,
    mut read: impl FnMut(&mut Conn) -> Result<T, Error>,
) {
    let (count, mut conn) = (times(count), conn());
    let mut expected = Vec::new();
    for state in states {
        conn.commit(state).unwrap();
        expected.push(read(&mut conn).unwrap());
    }
    assert!(expected.windows(2).all(|pair| pair[0] != pair[1]));
    let (mut taken, mut seen, mut given_up) = (0, vec![0_u64; states.len()], 0);
    let begin = Instant::now();
    read(&mut conn).unwrap();
    let pause = begin.elapsed();
    beside_a_writer(states, pause, |conn, commits, state_of| {
        while taken < count || seen.contains(&0) || commits.load(Ordering::Relaxed) < COMMITS {
            assert!(
                begin.elapsed() < PATIENCE,
                "{taken} of {count} snapshots, {given_up} given up, {commits:?} commits"
            );
            match conn.snapshot(&mut read) {
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

fn quota(bytes: u64) -> object::Named<Quota> {
    Quota::new(bytes).named(fw(), "quota")
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
            batch.add(&quota(1000 + u64::from(state)));
            batch
        })
        .collect()
}

/// The keys in the kernel's order, which for one state of a tree is always the same.
fn keys<S: ElementSource<Key: Clone>>(conn: &mut Conn, set: &S) -> Result<Vec<S::Key>, Error> {
    Ok(conn.elements(set)?.iter().filter_map(|element| element.key().cloned()).collect())
}

/// The keys of a hash, which has no order.
fn sorted<S: ElementSource<Key: Clone + Ord>>(conn: &mut Conn, set: &S) -> Result<Vec<S::Key>, Error> {
    let mut keys = keys(conn, set)?;
    keys.sort();
    Ok(keys)
}

pub(crate) fn snapshots_beside_a_writer_are_each_one_of_its_states() {
    // ci/long.sh takes 10,000.
    let count = env::var("NFTLINK_SNAPSHOTS").map_or(3_000, |count| count.parse().expect("it is a number"));
    snapshots(&small_states(), count, |conn| {
        let texts = |rules: Vec<RuleInfo>| -> Vec<_> {
            rules.iter().map(|rule| rule.comment().unwrap_or_default().to_owned()).collect()
        };
        let rules = (texts(conn.rules(&input())?), texts(conn.rules(&other())?));
        let elements = (sorted(conn, &marks())?, keys(conn, &ranges())?, keys(conn, &pairs())?);
        let quota: Quota = conn.object_value(quota(0))?;
        Ok((rules, elements, conn.chain(input())?.policy(), quota.bytes))
    });
}

/// States that the kernel takes a while to go from one to the other of: when it says that it is there it has
/// only begun.
fn long_commits(change: impl Fn(&mut Batch, u32, bool)) -> Vec<Batch> {
    (0..2)
        .map(|state| {
            let mut batch = Batch::new();
            batch.add(&fw()).add(&other()).add(&marks());
            change(&mut batch, state, false);
            batch.flush(&marks()).add_elements(&marks(), marks_of(state, 10_000));
            change(&mut batch, state, true);
            batch
        })
        .collect()
}

pub(crate) fn policies_changed_by_a_long_commit_are_listed_as_they_were_at_one_generation() {
    let states = long_commits(|batch, state, late| {
        let policy = if state == 0 { Policy::ACCEPT } else { Policy::DROP };
        batch
            .add(&fw().chain(if late { "late" } else { "early" }).filter(Hook::INPUT, Priority::FILTER).policy(policy));
    });
    let read = |conn: &mut Conn| Ok(conn.chains(&fw())?.iter().map(ChainInfo::policy).collect::<Vec<_>>());
    snapshots(&states, 1_000, read);
}

pub(crate) fn concatenated_intervals_changed_by_a_long_commit_are_listed_as_they_were_at_one_generation() {
    let states = long_commits(|batch, state, late| {
        if !late {
            batch.add(&pairs()).flush(&pairs()).add_elements(&pairs(), pairs_of(state, 8));
        }
    });
    snapshots(&states, 1_000, |conn| keys(conn, &pairs()));
}

pub(crate) fn intervals_changed_by_a_commit_that_rewrites_many_are_listed_as_they_were_at_one_generation() {
    // Newer kernels take out of the sets what a commit deletes, and rewrite what is left, before they tell its
    // generation; what the commit adds is seen afterwards.
    let many = Set::<Interval<Ipv4Addr>>::new(fw(), "many");
    let states = long_commits(|batch, state, late| {
        if late {
            batch.add(&many).flush(&many).add_elements(&many, ranges_of(state, 20_000));
        } else {
            batch.add(&ranges()).flush(&ranges()).add_elements(&ranges(), ranges_of(state, 8));
            batch.add(&pairs()).flush(&pairs()).add_elements(&pairs(), pairs_of(state, 8));
        }
    });
    snapshots(&states, 1_000, |conn| Ok((keys(conn, &ranges())?, keys(conn, &pairs())?)));
}

pub(crate) fn a_generation_is_told_when_its_commit_is_over() {
    // What is read after it, and committed at it, is of it.
    let states = long_commits(|batch, state, late| {
        if late {
            batch.add(&quota(u64::from(state) + 1));
        }
    });
    let nothing = {
        let mut batch = Batch::new();
        batch.add(&fw());
        batch
    };
    beside_a_writer(&states, Duration::ZERO, |conn, commits, state_of| {
        let (mut counted, begin) = (0, Instant::now());
        while counted < 20 || commits.load(Ordering::Relaxed) < COMMITS {
            assert!(begin.elapsed() < PATIENCE, "{counted}");
            let generation = conn.generation().unwrap();
            let seen: Quota = conn.object_value(quota(0)).unwrap();
            // Nothing came between.
            if conn.generation().unwrap() == generation {
                conn.check(&nothing).unwrap();
                assert_eq!(seen.bytes, state_of(generation) as u64 + 1, "{generation}");
                counted += 1;
            }
        }
    });
}

pub(crate) fn what_is_in_a_snapshot_is_begun_again_with_it() {
    let mut conn = conn();
    commit(&mut conn, |batch| append(batch.add(&fw()).add(&input()), &["a", "b"]));
    let mut writer = self::conn();
    let mut begun = 0;
    let (found, generation) = conn
        .snapshot(|conn| {
            begun += 1;
            let before = conn.rules(&input())?.len();
            if begun < 4 {
                commit(&mut writer, |batch| append(batch, &["c"]));
            }
            // A snapshot within is of the same generation, or of none.
            let (inner, generation) = conn.snapshot(|conn| Ok(conn.rules(&input())?.len()))?;
            assert_eq!(generation, conn.generation()?);
            Ok((before, inner))
        })
        .unwrap();
    assert_eq!((begun, found), (4, (5, 5)));
    // It can be committed at, and the connection is as before.
    let mut batch = Batch::new();
    append(&mut batch, &["d"]);
    conn.commit_at(generation, &batch).unwrap();
    assert_eq!(conn.generation().unwrap().get(), generation.get() + 1);
}

pub(crate) fn snapshot_of_what_changes_for_ever_is_given_up() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    let (mut writer, mut begun) = (self::conn(), 0);
    let error = conn
        .snapshot(|_| {
            begun += 1;
            commit(&mut writer, |batch| append(batch, &["a"]));
            Ok(())
        })
        .unwrap_err();
    assert!(matches!(error, Error::Inconsistent { attempts: 64 }) && begun == 64, "{error:?} {begun}");
    assert_eq!(conn.rules(&input()).unwrap().len(), 64);
}

pub(crate) fn snapshot_refuses_to_change_anything() {
    let mut conn = conn();
    commit(&mut conn, |batch| append(batch.add(&fw()).add(&input()).add(&quota(7)), &["a"]));
    let mut batch = Batch::new();
    append(&mut batch, &["b"]);
    let generation = conn.generation().unwrap();
    conn.snapshot(|conn| {
        let errors = [
            conn.commit(&batch).unwrap_err(),
            conn.commit_with_handles(&batch).unwrap_err(),
            conn.commit_at(generation, &batch).unwrap_err(),
            conn.add_merged(&ranges(), [Ipv4Addr::LOCALHOST]).unwrap_err(),
            conn.reset_rules(..).unwrap_err(),
            conn.reset_objects(..).unwrap_err(),
            conn.reset_object(quota(0)).unwrap_err(),
        ];
        for error in &errors[..3] {
            assert!(matches!(error, Error::InSnapshot), "{error:?}");
        }
        assert!(errors[3].is_not_found(), "the set is read before");
        assert!(errors[4..].iter().all(|error| matches!(error, Error::InSnapshot)), "{errors:?}");
        conn.check(&batch)
    })
    .unwrap();
    assert_eq!((conn.generation().unwrap(), comments(&mut conn, &input())), (generation, vec!["a".to_owned()]));
}

pub(crate) fn snapshot_that_fails_or_panics_leaves_the_connection_usable() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()));
    let error = conn.snapshot(|conn| conn.chain(input())).unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    let panic =
        catch_unwind(AssertUnwindSafe(|| conn.snapshot(|_| -> Result<(), Error> { resume_unwind(Box::new(7)) })));
    assert!(panic.unwrap_err().is::<i32>());
    commit(&mut conn, |batch| batch.add(&input()));
    assert_eq!(conn.chains(&fw()).unwrap().len(), 1);
}

pub(crate) fn connection_moved_between_threads_gets_its_own_replies() {
    let tables: Vec<Table> = (0..8).map(|n| Table::inet(format!("mover{n}"))).collect();
    let mut conn = conn();
    for table in &tables {
        commit(&mut conn, |batch| batch.add(table).add(&table.chain("c")));
    }
    // Eight threads with a connection each, and one more that is handed round, each asking for its own table.
    let shared = Mutex::new(conn);
    thread::scope(|scope| {
        for (n, table) in tables.iter().enumerate() {
            let shared = &shared;
            scope.spawn(move || {
                let mut own = self::conn();
                for round in 0..100 {
                    let ask = |conn: &mut Conn| {
                        assert_eq!(conn.table(table).unwrap().at(), table.as_ref());
                        let (chains, _) = conn.snapshot(|conn| conn.chains(table)).unwrap();
                        assert_eq!(chains.iter().map(ChainInfo::at).collect::<Vec<_>>(), [table.chain("c").as_ref()]);
                        // Left half-way at times, by whoever had it before.
                        let mut stream = conn.stream_chains(table).unwrap();
                        if round % 2 == n % 2 {
                            assert_eq!(stream.next().unwrap().unwrap().at(), table.chain("c").as_ref());
                        }
                        if round % 10 == 0 {
                            std::mem::forget(stream);
                        }
                    };
                    ask(&mut own);
                    ask(&mut shared.lock().unwrap());
                }
            });
        }
    });
}

/// States of one set.
fn element_states<K: Key, E: IntoElement<K>, I: Iterator<Item = E>>(
    set: &Set<K>,
    elements: fn(u32, u32) -> I,
    count: u32,
) -> Vec<Batch> {
    (0..3)
        .map(|state| {
            let mut batch = Batch::new();
            batch.add(&fw()).add(&other()).add(set).flush(set).add_elements(set, elements(state, count + state));
            batch
        })
        .collect()
}

/// Elements that fit a datagram, and how often they are listed.
const FEW: (u32, usize) = (40, 3_400);
/// How often those that do not are listed.
const MANY: usize = 12;

pub(crate) fn few_elements_of_a_hash_are_listed_as_they_were_at_one_generation() {
    snapshots(&element_states(&marks(), marks_of, FEW.0), FEW.1, |conn| sorted(conn, &marks()));
}

pub(crate) fn few_intervals_are_listed_as_they_were_at_one_generation() {
    snapshots(&element_states(&ranges(), ranges_of, FEW.0), FEW.1, |conn| keys(conn, &ranges()));
}

pub(crate) fn few_concatenated_intervals_are_listed_as_they_were_at_one_generation() {
    snapshots(&element_states(&pairs(), pairs_of, FEW.0), FEW.1, |conn| keys(conn, &pairs()));
}

pub(crate) fn many_elements_of_a_hash_are_listed_as_they_were_at_one_generation() {
    snapshots(&element_states(&marks(), marks_of, 2_300), MANY, |conn| sorted(conn, &marks()));
}

pub(crate) fn many_intervals_are_listed_as_they_were_at_one_generation() {
    snapshots(&element_states(&ranges(), ranges_of, 1_000), MANY, |conn| keys(conn, &ranges()));
}

pub(crate) fn many_concatenated_intervals_are_listed_as_they_were_at_one_generation() {
    snapshots(&element_states(&pairs(), pairs_of, 800), MANY, |conn| keys(conn, &pairs()));
}
