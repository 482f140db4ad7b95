//! Monitors beside writers: nothing is missing, or that is said.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::Mark;
use nftlink::monitor::{Commit, Event, Monitor, Notice};
use nftlink::{Batch, Conn, Ruleset, Set, Table};

use crate::support::{Stop, times};
use crate::{PATIENCE, commit, conn, fw, monitor, next, next_commit};

fn marks() -> Set<Mark> {
    Set::new(fw(), "marks")
}

/// How far a writer may be ahead of the monitor, so that its events fit even the small receive
/// buffer that a user without privileges has.
const AHEAD: u32 = 100;

pub(super) fn hundred_thousand_commits_are_told_once_and_in_order() {
    let commits = times(100_000) as u32;
    let (mut conn, mut monitor) = (conn(), monitor());
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()));
    let mut last = next_commit(&mut monitor).generation().get();
    let (told, stop) = (AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let _ends = Stop(&stop);
        scope.spawn(|| {
            let (mut conn, mut batch) = (crate::conn(), Batch::new());
            for n in 0..commits {
                batch.clear();
                match n % 2 {
                    0 => batch.add_elements(&marks(), [n]),
                    _ => batch.delete_elements(&marks(), [n - 1]),
                };
                conn.commit(&batch).unwrap();
                while n.saturating_sub(told.load(Ordering::Relaxed)) > AHEAD && !stop.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
            }
        });
        for n in 0..commits {
            let commit = next_commit(&mut monitor);
            assert_eq!(commit.generation().get(), last + 1);
            last += 1;
            let key = |event: &Event| match event {
                Event::NewElement(added) if n % 2 == 0 => added.element().key().cloned(),
                Event::DeletedElement(removed) if n % 2 == 1 => removed.element().key().cloned(),
                other => panic!("{n}: {other}"),
            };
            let keys: Vec<_> = commit.events().iter().map(key).collect();
            assert_eq!(keys.len(), 1);
            assert_eq!(keys[0].as_ref().unwrap().as_bytes(), (n - n % 2).to_ne_bytes());
            told.store(n, Ordering::Relaxed);
        }
    });
    assert_eq!(conn.generation().unwrap().get(), last);
    crate::assert_silence(&mut monitor);
}

/// The marks that there are, kept by what a monitor tells.
struct Model {
    marks: BTreeSet<u32>,
    tables: BTreeSet<String>,
}

impl Model {
    fn read(ruleset: &Ruleset) -> Self {
        let tables = ruleset.tables().iter().map(|table| table.info().name().to_string()).collect();
        let entries = ruleset.table(fw()).unwrap().sets().iter().flat_map(|set| set.entries());
        let marks = entries.map(|entry| number(entry.key().unwrap().as_bytes())).collect();
        Self { marks, tables }
    }

    /// Applies a commit; each event has to fit what there is.
    fn apply(&mut self, commit: &Commit) {
        for event in commit.events() {
            let fits = match event {
                Event::NewElement(event) => self.marks.insert(number(event.element().key().unwrap().as_bytes())),
                Event::DeletedElement(event) => self.marks.remove(&number(event.element().key().unwrap().as_bytes())),
                Event::NewTable(table) => self.tables.insert(table.name().to_string()),
                Event::DeletedTable(table) => self.tables.remove(&table.at().name().to_string()),
                other => panic!("{other}"),
            };
            assert!(fits, "{event} in {commit}");
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_ne_bytes(bytes.try_into().unwrap())
}

/// Changes marks and tables until told to stop: each change is one that an event tells.
fn write_at_random(stop: &AtomicBool, commits: &AtomicU32, pause: Duration, mut seed: u64) {
    let (mut conn, mut batch) = (conn(), Batch::new());
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let (mut there, mut table_there) = (BTreeSet::new(), false);
    while !stop.load(Ordering::Relaxed) {
        batch.clear();
        for mark in (0..1 + random() % 8).map(|_| (random() % 100) as u32).collect::<BTreeSet<_>>() {
            match there.insert(mark) {
                true => batch.add_elements(&marks(), [mark]),
                false => {
                    there.remove(&mark);
                    batch.delete_elements(&marks(), [mark])
                }
            };
        }
        if random() % 16 == 0 {
            table_there = !table_there;
            let table = Table::ip("sometimes");
            if table_there {
                batch.add(&table)
            } else {
                batch.delete(&table)
            };
        }
        conn.commit(&batch).unwrap();
        if commits.fetch_add(1, Ordering::Relaxed) % 64 == 63 {
            // Somebody who reads all there is has to come through.
            thread::sleep(pause);
        }
    }
}

/// A monitor with the least buffer: what the system gives everybody.
fn small() -> Monitor {
    Conn::options().receive_buffer(0).monitor().unwrap()
}

/// Follows a monitor's events beside a writer as fast as may be, resyncing after each overrun, and compares with the
/// ruleset in the end. Returns how many overruns there were.
fn follow(mut monitor: Monitor, notices: u32, pause: impl Fn(u32, &AtomicU32)) -> u32 {
    let mut conn = conn();
    // As large as it gets: a reading must come through while the writer pauses.
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()).add_elements(&marks(), 0..100));
    let begin = Instant::now();
    conn.ruleset(..).unwrap();
    let reading = begin.elapsed();
    commit(&mut conn, |batch| batch.flush(&marks()));
    let (stop, commits, mut overruns) = (AtomicBool::new(false), AtomicU32::new(0), 0);
    let mut model = Model::read(&monitor.resync(&mut conn, |conn| conn.ruleset(..)).unwrap().0);
    let mut apply = |monitor: &mut Monitor, conn: &mut Conn, notice| match notice {
        Notice::Commit(commit) => {
            assert!(commit.is_complete());
            model.apply(&commit);
        }
        Notice::Overrun(_) => {
            overruns += 1;
            model = Model::read(&monitor.resync(conn, |conn| conn.ruleset(..)).unwrap().0);
        }
        other => panic!("{other:?}"),
    };
    thread::scope(|scope| {
        let ends = Stop(&stop);
        let writer = scope.spawn(|| write_at_random(&stop, &commits, reading * 3, 88172645463325252));
        for n in 0..notices {
            let notice = next(&mut monitor);
            apply(&mut monitor, &mut conn, notice);
            pause(n, &commits);
        }
        drop(ends);
        writer.join().unwrap();
        // What is still in the queue.
        while let Some(notice) = monitor.try_receive().unwrap() {
            apply(&mut monitor, &mut conn, notice);
        }
    });
    let there = Model::read(&conn.ruleset(..).unwrap());
    assert_eq!((model.marks, model.tables), (there.marks, there.tables));
    overruns
}

pub(super) fn model_that_follows_the_events_is_the_ruleset() {
    follow(monitor(), 3000, |_, _| ());
}

pub(super) fn overrun_is_told_and_a_resync_goes_on_from_there() {
    // At times the reader does something else for so long that the queue has no room for what is written meanwhile.
    let overruns = follow(small(), 1000, |n, commits| {
        let before = commits.load(Ordering::Relaxed);
        while n % 100 == 0 && commits.load(Ordering::Relaxed) < before + 400 {
            thread::yield_now();
        }
    });
    assert!(overruns > 3, "{overruns}");
}

pub(super) fn monitor_that_nobody_reads_keeps_nothing() {
    let (mut conn, mut monitor) = (conn(), small());
    let mut batch = Batch::new();
    batch.add(&fw()).delete(&fw());
    let first = conn.generation().unwrap().get();
    (0..1000).for_each(|_| conn.commit(&batch).unwrap());
    // What the small queue had room for, and that it was not all.
    let Notice::Overrun(overrun) = next(&mut monitor) else { panic!("an overrun first: the kernel says so at once") };
    assert_eq!(overrun.last_complete(), None);
    let mut told = 0;
    while let Some(Notice::Commit(commit)) = monitor.try_receive().unwrap() {
        told += 1;
        assert_eq!(commit.generation().get(), first + told);
        assert!(!commit.is_complete());
    }
    assert!(told < 900, "{told}");
    // There is room again; the first commit is behind a gap.
    (0..3).for_each(|_| conn.commit(&batch).unwrap());
    let complete: Vec<bool> = (0..3)
        .map(|_| match monitor.receive_timeout(PATIENCE).unwrap() {
            Some(Notice::Commit(commit)) => commit.is_complete(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(complete, [false, true, true]);
}
