//! One who watches all the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use nftlink::monitor::{Monitor, Notice};
use nftlink::{Conn, Error};

use crate::shared::{Shared, both};
use crate::{Kind, Load, conn, undisturbed};

pub(crate) struct Watch {
    conn: Conn,
    monitor: Monitor,
    /// A copy of the shared set, as far as the monitor has told.
    copy: BTreeSet<u32>,
    /// The generation up to which all is told, and something since was lost, as has been told.
    last: u32,
    lost: bool,
    /// How many commits each connection has made, as long as nothing was lost.
    told: BTreeMap<u32, u64>,
    ever_lost: bool,
}

fn read(conn: &mut Conn) -> Result<BTreeSet<u32>, Error> {
    Ok(conn.elements(&both())?.iter().map(|key| key.key().unwrap().get()).collect())
}

impl Watch {
    pub(crate) fn new() -> Self {
        let (mut conn, mut monitor) = (conn(), Monitor::open().unwrap());
        let (copy, generation) = monitor.resync(&mut conn, read).unwrap();
        let (told, last) = (BTreeMap::new(), generation.get());
        Self { conn, monitor, copy, last, lost: false, told, ever_lost: false }
    }

    pub(crate) fn go_on(&mut self, load: &Load) {
        let notice = self.monitor.receive_timeout(Duration::from_millis(20)).unwrap();
        if let Some(notice) = notice {
            self.note(load, notice);
        }
    }

    fn note(&mut self, load: &Load, notice: Notice) {
        let commit = match notice {
            Notice::Commit(commit) => commit,
            Notice::Overrun(overrun) => {
                assert_eq!(overrun.last_complete().map(|last| last.get()), Some(self.last));
                (self.lost, self.ever_lost) = (true, true);
                load.overruns.fetch_add(1, Ordering::Relaxed);
                // If it is disturbed, another overrun is told.
                if let Some((copy, generation)) =
                    undisturbed(load, Kind::Resync, self.monitor.resync(&mut self.conn, read))
                {
                    (self.copy, self.last, self.lost) = (copy, generation.get(), false);
                }
                return;
            }
            other => panic!("{other:?}"),
        };
        load.events.fetch_add(commit.events().len() as u64, Ordering::Relaxed);
        if !commit.is_complete() {
            assert!(self.lost, "something is missing in {commit}, and nothing was told");
            return;
        }
        let generation = commit.generation().get();
        assert!(self.lost || generation == self.last + 1, "{generation} follows {}", self.last);
        *self.told.entry(commit.port_id().get()).or_default() += 1;
        if !self.lost {
            for gone in commit.removed(&both()).unwrap() {
                assert!(self.copy.remove(&gone.key().unwrap().get()), "{commit}");
            }
            for new in commit.added(&both()).unwrap() {
                assert!(self.copy.insert(new.key().unwrap().get()), "{commit}");
            }
        }
        self.last = generation;
    }

    pub(crate) fn finish(mut self, load: &Load, shared: &Shared) {
        let end = self.conn.generation().unwrap().get();
        while let Some(notice) = self.monitor.try_receive().unwrap() {
            self.note(load, notice);
        }
        assert!(!self.lost, "a resync that nobody disturbs succeeds");
        assert_eq!(self.last, end, "all is told");
        assert!(self.copy.iter().copied().eq(shared.keys()), "the copy has followed");
        if !self.ever_lost {
            for (port, made) in load.made.lock().unwrap().iter() {
                assert_eq!(self.told.get(port), Some(made), "of connection {port}");
            }
        }
    }
}
