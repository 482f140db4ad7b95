//! Load: eight threads that commit, list, stream, watch and send packets in one network namespace.
//!
//! It takes `NFTLINK_LOAD_SECONDS`, a few unless that is set. What each thread changes it keeps a model of, which the
//! ruleset has to be at any time, and in the end; nothing may fail but what others have overtaken, which is counted.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
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
/// Bytes that the threads may hold more in the end than after the first third: their models and copies are not always
/// of one size.
const MORE_HELD: i64 = 4 << 20;
/// Bytes of memory that the process may have more by then: what is freed does not all go back to the system.
const MORE_RSS: u64 = 32 << 20;
/// Descriptors that it may have more: a stream has one of its own.
const MORE_DESCRIPTORS: usize = 4;

fn main() -> ExitCode {
    support::main(&[test!(eight_threads_leave_what_they_meant_to_and_hold_no_more_memory)])
}

/// What others may have done before, which is no fault of the library's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Race {
    /// A commit at a generation that was over.
    Stale,
    /// A listing, a merge or a load that others disturbed 64 times.
    Inconsistent,
    /// A shared element was there already.
    Exists,
    /// A shared element was gone.
    Absent,
    /// A stream that was not of one state.
    Torn,
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
    /// Bytes that are held more since the warm-up was over.
    held: AtomicI64,
    races: Mutex<BTreeMap<Race, u64>>,
    /// How many commits that changed something each connection made, by its port.
    made: Mutex<BTreeMap<u32, u64>>,
}

impl Load {
    fn race(&self, race: Race) {
        *self.races.lock().unwrap_or_else(PoisonError::into_inner).entry(race).or_default() += 1;
    }

    /// Notes a commit that has changed something.
    fn committed(&self, conn: &Conn) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        *self.made.lock().unwrap_or_else(PoisonError::into_inner).entry(conn.port_id().get()).or_default() += 1;
    }

    /// Does a part of the work again and again until all are to stop, and counts what it leaves behind. One that panics
    /// stops all.
    fn repeat(&self, counted: bool, mut part: impl FnMut()) {
        let mut stop = Some(Stop(&self.stop));
        while !self.stop.load(Ordering::Relaxed) {
            let measuring = self.measuring.load(Ordering::Relaxed);
            let left = measure(&mut part).bytes_current;
            if measuring && counted {
                self.held.fetch_add(left, Ordering::Relaxed);
            }
        }
        drop(stop.take());
    }
}

/// What a listing says, unless others have disturbed it too often.
#[track_caller]
fn undisturbed<T>(load: &Load, result: Result<T, nftlink::Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(nftlink::Error::Inconsistent { .. }) => {
            load.race(Race::Inconsistent);
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
    let few = if support::is_emulated() { 30 } else { 4 };
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
        own.iter_mut().for_each(|own| _ = scope.spawn(|| load.repeat(true, || own.go_on(load))));
        // What the writer is handed, its own thread throws away: it is not counted here.
        scope.spawn(|| load.repeat(false, || written.go_on(load)));
        committers.iter_mut().for_each(|one| _ = scope.spawn(|| load.repeat(true, || one.go_on(load))));
        scope.spawn(|| load.repeat(true, || reader.go_on(load)));
        scope.spawn(|| load.repeat(true, || watch.go_on(load)));
        scope.spawn(|| load.repeat(true, || packets.go_on(load)));
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
        let end = (rss(), descriptors());
        drop(stop);
        (warm, end)
    });

    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let held = load.held.load(Ordering::Relaxed);
    println!(
        "load: {seconds} seconds: {} commits, {} checks, {} listings, {} streams, {} events, {} overruns, {} packets, \
         races {:?}, held {held:+} bytes, RSS {} KiB then {} KiB, {} then {} descriptors, seed {seed}",
        count(&load.commits),
        count(&load.checks),
        count(&load.listings),
        count(&load.streams),
        count(&load.events),
        count(&load.overruns),
        count(&load.packets),
        load.races.lock().unwrap(),
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
    assert!(held < MORE_HELD, "the threads hold {held} bytes more");
    assert!(end.0 < warm.0 + MORE_RSS, "the process has {} KiB, and had {}", end.0 >> 10, warm.0 >> 10);
    assert!(end.1 <= warm.1 + MORE_DESCRIPTORS, "{} descriptors, and there were {}", end.1, warm.1);
    assert_eq!(descriptors(), before, "each is closed again");
}
