//! A table that several change: who comes too late is told.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

use nftlink::datum::Mark;
use nftlink::{Batch, Conn, Interval, Set, Table};

use crate::support::random::Random;
use crate::{Kind, Load, conn, undisturbed};

/// How many keys those who share them quarrel about.
pub(crate) const KEYS: u32 = 64;
/// The keys of the set that is merged.
const MERGED: u32 = 4096;

pub(crate) fn both() -> Set<Mark> {
    Set::new(Table::inet("shared"), "both")
}

pub(crate) fn merged() -> Set<Interval<Mark>> {
    Set::new(Table::inet("shared"), "merged")
}

pub(crate) fn make(conn: &mut Conn) {
    let mut batch = Batch::new();
    conn.commit(batch.add(&Table::inet("shared")).add(&both()).add(&merged())).unwrap();
}

/// What the table should have.
pub(crate) struct Shared {
    /// How often each key was created, less how often it was deleted: once or not at all.
    balance: [AtomicI32; KEYS as usize],
    /// The keys that were merged. Who merges has it to itself, so that it is known what is there after each.
    merged: Mutex<Vec<bool>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { balance: [const { AtomicI32::new(0) }; KEYS as usize], merged: Mutex::new(vec![false; MERGED as usize]) }
    }
}

impl Shared {
    /// The keys that should be there.
    pub(crate) fn keys(&self) -> Vec<u32> {
        let balance = self.balance.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert!(balance.iter().all(|count| matches!(count, 0 | 1)), "{balance:?}");
        (0..KEYS).filter(|key| balance[*key as usize] == 1).collect()
    }

    pub(crate) fn finish(&self) {
        let mut conn = conn();
        let mut keys: Vec<u32> = conn.elements(&both()).unwrap().iter().map(|key| key.key().unwrap().get()).collect();
        keys.sort_unstable();
        assert_eq!(keys, self.keys());
        let mut found = vec![false; MERGED as usize];
        for interval in conn.elements(&merged()).unwrap() {
            let (first, last) = (interval.key().unwrap().start().get(), interval.key().unwrap().end().get());
            found[first as usize..=last as usize].fill(true);
        }
        assert!(found == *self.merged.lock().unwrap());
    }
}

/// One who changes it.
pub(crate) struct Committer<'a> {
    shared: &'a Shared,
    conn: Conn,
    merger: Conn,
    random: Random,
    batch: Batch,
}

impl<'a> Committer<'a> {
    pub(crate) fn new(shared: &'a Shared, random: Random) -> Self {
        Self { shared, conn: conn(), merger: conn(), random, batch: Batch::new() }
    }

    pub(crate) fn go_on(&mut self, load: &Load) {
        if self.random.one_in(20) {
            return self.merge(load);
        }
        let key = self.random.below(KEYS);
        // Most of the time what it was last: the kernel takes its time to refuse something.
        let is_there = self.shared.balance[key as usize].load(Ordering::Relaxed) == 1;
        let creates = is_there == self.random.one_in(10);
        self.batch.clear();
        match creates {
            true => self.batch.create_elements(&both(), [key]),
            false => self.batch.delete_elements(&both(), [key]),
        };
        let kind = if creates { Kind::Create } else { Kind::Delete };
        match self.conn.commit(&self.batch) {
            Ok(()) => {
                load.committed(&self.conn);
                load.done(kind);
                let change = if creates { 1 } else { -1 };
                self.shared.balance[key as usize].fetch_add(change, Ordering::Relaxed);
            }
            Err(error) if creates && error.is_exists() => load.overtaken(kind),
            Err(error) if !creates && error.is_not_found() => load.overtaken(kind),
            Err(error) => panic!("{error:?}"),
        }
    }

    /// The other one may be at it, too, and all others disturb it.
    fn merge(&mut self, load: &Load) {
        let first = self.random.below(MERGED - 40);
        let keys = first..=first + self.random.below(40);
        let range = [Interval::range(Mark::from(*keys.start())..=Mark::from(*keys.end()))];
        let adds = !self.random.one_in(3);
        let mut model = self.shared.merged.lock().unwrap();
        let done = match adds {
            true => self.merger.add_merged(&merged(), range),
            false => self.merger.delete_merged(&merged(), range),
        };
        if undisturbed(load, Kind::Merge, done).is_some() {
            load.commits.fetch_add(1, Ordering::Relaxed);
            model[*keys.start() as usize..=*keys.end() as usize].fill(adds);
        }
    }
}
