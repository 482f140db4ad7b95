//! Load: eight threads that commit, list, stream, watch and send packets in one network namespace.
//!
//! It takes `NFTLINK_LOAD_SECONDS`, a few unless that is set. What each thread changes it keeps a model of, which the
//! ruleset has to be at any time, and in the end; nothing may fail but what others have overtaken, and that seldom.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use nftlink::Conn;

#[macro_use]
mod support;
#[path = "kernel_load/own.rs"]
mod own;
#[path = "kernel_load/packets.rs"]
mod packets;
#[path = "kernel_load/reader.rs"]
mod reader;
#[path = "kernel_load/shared.rs"]
mod shared;
#[path = "kernel_load/watch.rs"]
mod watch;

use support::Stop;
use support::random::{Random, seed};

/// How long it takes, in seconds.
const SECONDS: &str = "NFTLINK_LOAD_SECONDS";
/// How long it takes at most until each kind of work has succeeded once, when it was to be over.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes that a kind of thread may hold more in the end than after the first third; those whose models are not always
/// of one size, and all in an emulated machine, where that third is too short for what grows once.
const MORE_HELD: i64 = 32 << 10;
const MORE_HELD_BY_MODELS: i64 = 128 << 10;
const MORE_HELD_EMULATED: i64 = 4 << 20;
/// Bytes of memory that the process may have more by then: what is freed does not all go back to the system.
const MORE_RSS: u64 = 32 << 20;
/// Descriptors that it may have more: a stream has one of its own.
const MORE_DESCRIPTORS: usize = 4;

fn main() -> ExitCode {
    support::main(&[test!(eight_threads_leave_what_they_meant_to_and_hold_no_more_memory)])
}

/// What others may overtake, which is no fault of the library's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A commit at a generation, which may be over by then.
    CommitAt,
    /// Shared elements, which may be there already, or gone.
    Create,
    Delete,
    /// What reads and commits, which others may disturb 64 times, as all the listings.
    Merge,
    Load,
    Generation,
    Rules,
    Elements,
    Element,
    Ruleset,
    Snapshot,
    Plural,
    Resync,
    /// Streams to the end, and the first of them, which may be of no one state.
    RuleStream,
    ElementStream,
    FirstRules,
    FirstElements,
    /// Events that the thread commits itself which hands them to a writer, unless the writer's own was awake before.
    Events,
    /// A traced packet with the rule that decided on it.
    Trace,
}

impl Kind {
    /// All that come in each load. Events are not always lost, and only then there is a resync.
    const SURE: [Self; 18] = [
        Self::CommitAt,
        Self::Create,
        Self::Delete,
        Self::Merge,
        Self::Load,
        Self::Generation,
        Self::Rules,
        Self::Elements,
        Self::Element,
        Self::Ruleset,
        Self::Snapshot,
        Self::Plural,
        Self::RuleStream,
        Self::ElementStream,
        Self::FirstRules,
        Self::FirstElements,
        Self::Events,
        Self::Trace,
    ];

    /// How often others may overtake what was done so often, or a few times more: several times what they do on two
    /// processors that have other work as well.
    const fn most(self, done: u64) -> u64 {
        const FEW: u64 = 10;
        FEW + match self {
            Self::Generation | Self::Rules | Self::Elements | Self::Element | Self::Plural | Self::Trace => done / 10,
            Self::Create | Self::Delete | Self::Merge | Self::Load | Self::Snapshot | Self::Resync => done / 2,
            Self::RuleStream | Self::FirstRules | Self::Ruleset => done,
            // They are read twice, while others change them.
            Self::ElementStream | Self::FirstElements => done * 4,
            // With more processors there is always one who is committing, or awake.
            Self::CommitAt | Self::Events => done * 10,
        }
    }
}

/// How often something was done, and how often others had overtaken it.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    done: u64,
    overtaken: u64,
}

/// What the threads have done, and what they are to know of each other.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    /// The warm-up is over.
    measuring: AtomicBool,
    commits: AtomicU64,
    checks: AtomicU64,
    listings: AtomicU64,
    streams: AtomicU64,
    events: AtomicU64,
    overruns: AtomicU64,
    packets: AtomicU64,
    /// Bytes that each kind of thread holds more since the warm-up was over, and how many parts of its work were
    /// counted.
    held: Mutex<BTreeMap<&'static str, (i64, u64)>>,
    tallies: Mutex<BTreeMap<Kind, Tally>>,
    /// How many commits that changed something each connection made, by its port.
    made: Mutex<BTreeMap<u32, u64>>,
}

impl Load {
    /// Whether each kind of work has succeeded.
    fn has_done_all(&self) -> bool {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        Kind::SURE.iter().all(|kind| tallies.get(kind).is_some_and(|tally| tally.done > 0))
    }

    fn done(&self, kind: Kind) {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default().done += 1;
    }

    fn overtaken(&self, kind: Kind) {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default().overtaken += 1;
    }

    /// Notes a commit that has changed something.
    fn committed(&self, conn: &Conn) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        *self.made.lock().unwrap_or_else(PoisonError::into_inner).entry(conn.port_id().get()).or_default() += 1;
    }

    /// Does a part of the work again and again until all are to stop, and counts what it leaves behind, if it says that
    /// no other thread had a hand in it. One that panics stops all.
    fn repeat(&self, who: &'static str, mut part: impl FnMut() -> bool) {
        let mut stop = Some(Stop(&self.stop));
        while !self.stop.load(Ordering::Relaxed) {
            let measuring = self.measuring.load(Ordering::Relaxed);
            let mut counts = false;
            let left = measure(|| counts = part()).bytes_current;
            if measuring && counts {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                let (bytes, parts) = held.entry(who).or_default();
                (*bytes, *parts) = (*bytes + left, *parts + 1);
            }
        }
        drop(stop.take());
    }
}

/// Work that no other thread has a hand in.
fn alone(mut part: impl FnMut()) -> impl FnMut() -> bool {
    move || {
        part();
        true
    }
}

/// What a listing says, unless others have disturbed it too often.
#[track_caller]
fn undisturbed<T>(load: &Load, kind: Kind, result: Result<T, nftlink::Error>) -> Option<T> {
    let value = unless_disturbed(load, kind, result)?;
    load.done(kind);
    Some(value)
}

/// The same of what is not all that it takes.
#[track_caller]
fn unless_disturbed<T>(load: &Load, kind: Kind, result: Result<T, nftlink::Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(nftlink::Error::Inconsistent { .. }) => {
            load.overtaken(kind);
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// Bytes of memory that the process has.
fn rss() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn conn() -> Conn {
    Conn::open().expect("a netlink socket")
}

fn eight_threads_leave_what_they_meant_to_and_hold_no_more_memory() {
    // An emulated machine does some commits a second.
    let emulated = support::is_emulated();
    let few = if emulated { 30 } else { 4 };
    let seconds: u64 = env::var(SECONDS).map_or(few, |told| told.parse().expect("NFTLINK_LOAD_SECONDS is a number"));
    let (seed, load, begin) = (seed(), Load::default(), Instant::now());
    println!("seed {seed}, {seconds} seconds");
    let before = descriptors();
    let random = |thread: u64| Random::new(seed.wrapping_add(thread));
    shared::make(&mut conn());
    packets::make(&mut conn());
    let shared = shared::Shared::default();
    let mut own = [1, 2].map(|n| own::Own::new(n, random(n.into())));
    let mut written = own::Written::new(random(3));
    let mut committers = [4, 5].map(|n| shared::Committer::new(&shared, random(n)));
    let (mut reader, mut packets) = (reader::Reader::new(random(0)), packets::Packets::new());
    let mut watch = watch::Watch::new();

    let (warm, end) = thread::scope(|scope| {
        let stop = Stop(&load.stop);
        let load = &load;
        own.iter_mut().for_each(|own| _ = scope.spawn(move || load.repeat("own", alone(|| own.go_on(load)))));
        scope.spawn(|| load.repeat("written", || written.go_on(load)));
        committers.iter_mut().for_each(|one| _ = scope.spawn(move || load.repeat("shared", alone(|| one.go_on(load)))));
        scope.spawn(|| load.repeat("reader", alone(|| reader.go_on(load))));
        scope.spawn(|| load.repeat("watch", alone(|| watch.go_on(load))));
        scope.spawn(|| load.repeat("packets", alone(|| packets.go_on(load))));
        let until = |part: u64| {
            let end = begin + Duration::from_secs(seconds) * part as u32 / 3;
            while Instant::now() < end && !load.stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20));
            }
        };
        until(1);
        load.measuring.store(true, Ordering::Relaxed);
        let warm = (rss(), descriptors());
        until(3);
        let late = Instant::now() + PATIENCE;
        while !emulated && !load.has_done_all() && Instant::now() < late && !load.stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        let end = (rss(), descriptors());
        drop(stop);
        (warm, end)
    });

    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let held = load.held.lock().unwrap().clone();
    let tallies = load.tallies.lock().unwrap().clone();
    println!(
        "load: {seconds} seconds: {} commits, {} checks, {} listings, {} streams, {} events, {} overruns, {} packets, \
         {tallies:?}, held {held:?}, RSS {} KiB then {} KiB, {} then {} descriptors, seed {seed}",
        count(&load.commits),
        count(&load.checks),
        count(&load.listings),
        count(&load.streams),
        count(&load.events),
        count(&load.overruns),
        count(&load.packets),
        warm.0 >> 10,
        end.0 >> 10,
        warm.1,
        end.1,
    );
    own.into_iter().for_each(|own| own.finish());
    written.finish();
    watch.finish(&load, &shared);
    shared.finish();
    packets.finish(&load);
    drop((reader, committers));
    for done in [&load.commits, &load.listings, &load.events, &load.packets] {
        assert!(count(done) > 0, "a thread has done nothing");
    }
    was_seldom_overtaken(&tallies, emulated);
    assert!(emulated || load.has_done_all(), "each kind of work succeeds: {tallies:?}");
    for (who, (bytes, parts)) in &held {
        let most = match *who {
            _ if emulated => MORE_HELD_EMULATED,
            "own" => MORE_HELD_BY_MODELS,
            _ => MORE_HELD,
        };
        assert!(*bytes < most, "after {parts} parts of the work {bytes} bytes more are held by {who}");
    }
    assert!(end.0 < warm.0 + MORE_RSS, "the process has {} KiB, and had {}", end.0 >> 10, warm.0 >> 10);
    assert!(end.1 <= warm.1 + MORE_DESCRIPTORS, "{} descriptors, and there were {}", end.1, warm.1);
    assert_eq!(descriptors(), before, "each is closed again");
}

fn was_seldom_overtaken(tallies: &BTreeMap<Kind, Tally>, emulated: bool) {
    // An emulated machine does so few of some kinds that nothing is to be said of each.
    for (kind, tally) in tallies.iter().filter(|_| !emulated) {
        assert!(tally.overtaken <= kind.most(tally.done), "{kind:?} was overtaken too often: {tally:?}");
    }
    // There are too many packets for all else to matter beside them.
    let others = tallies.iter().filter(|(kind, _)| **kind != Kind::Trace).map(|(_, tally)| tally);
    let (done, overtaken) =
        others.fold((0, 0), |(done, overtaken), tally| (done + tally.done, overtaken + tally.overtaken));
    assert!(done > overtaken, "what was done {done} times was overtaken {overtaken} times");
}
