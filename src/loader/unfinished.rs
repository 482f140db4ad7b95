//! A set that is being filled.

use std::mem;

use super::members::{Members, describe, mark};
use super::rules::references;
use crate::batch::{Batch, Filling};
use crate::chain::ChainRef;
use crate::conn::Conn;
use crate::engine::ATTEMPTS;
use crate::error::{Errno, Error};
use crate::object::{Counter, Named};
use crate::rule::{Rule, RuleHandle};
use crate::set::{Element, Key, Mapped, Set, SetFlags, SetRef};

/// How the elements are divided into batches.
#[derive(Debug, Clone, Copy)]
struct Portions {
    /// How many elements a batch has at first.
    first: usize,
    /// The part of the elements that are there already which a batch may add, if that is more.
    share: usize,
    /// The most bytes of a batch, if the send buffer may be as large.
    bytes: usize,
}

/// A table of hashes grows between batches, and cannot before one is over: the first are small. Of concatenated
/// intervals the kernel makes a copy for each batch: later ones are larger.
const PORTIONS: Portions = Portions { first: 4095, share: 8, bytes: 1024 * 1024 };
/// Of intervals Linux 6.18, as its stable updates made it, writes all anew for each batch, and nothing has to grow:
/// there are few, each as large as what is there.
const OF_INTERVALS: Portions = Portions { first: 65_536, share: 1, bytes: 16 * 1024 * 1024 };

impl Portions {
    fn of<K: Key>() -> Self {
        if SetFlags::has_ends(K::FLAGS) { OF_INTERVALS } else { PORTIONS }
    }

    /// How many elements the next batch may have.
    fn most(self, loaded: usize) -> usize {
        self.first.max(loaded / self.share)
    }
}

/// A set that is being filled, with its mark. Both go when it is dropped before it is finished.
pub(super) struct Unfinished<'c> {
    conn: &'c mut Conn,
    at: SetRef,
    mark: Named<Counter>,
    batch: Batch,
    finished: bool,
}

impl<'c> Unfinished<'c> {
    /// Deletes what was left, and makes the set that `make` says with its mark, in one step.
    pub(super) fn begin<K: Key, V: Mapped>(
        conn: &'c mut Conn,
        of: &SetRef,
        make: impl Fn(&Members) -> Result<Set<K, V>, Error>,
    ) -> Result<(Set<K, V>, Self), Error> {
        let (mut attempts, mut batch) = (0, Batch::new());
        loop {
            let (members, _) = conn.snapshot(|conn| Members::read(conn, of))?;
            let set = make(&members)?;
            let mark = mark(of.table(), set.at().name(), conn.port_id());
            batch.clear();
            members.unfinished.iter().for_each(|left| _ = batch.delete(left));
            members.marks.iter().for_each(|left| _ = batch.delete(left));
            batch.create(&set).create(&mark);
            attempts += 1;
            match conn.commit(&batch) {
                Ok(()) => {
                    let at = set.at().clone();
                    return Ok((set, Self { conn, at, mark, batch, finished: false }));
                }
                // Another loader was faster: what it has made is there, what it has deleted is not.
                Err(error) if attempts < ATTEMPTS && is_of_another(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Adds the elements, batch by batch.
    pub(super) fn fill<K: Key, V: Mapped>(
        &mut self,
        set: &SetRef,
        mut elements: impl Iterator<Item = Element<K, V>>,
    ) -> Result<(), Error> {
        let mut filling = Filling::default();
        let portions = Portions::of::<K>();
        let bytes = self.conn.room(portions.bytes);
        let mut loaded = 0;
        loop {
            self.begin_batch();
            let most = portions.most(loaded);
            let mut added = 0;
            loop {
                let count = self.batch.fill(set, &mut elements, &mut filling, (most - added, bytes));
                added += count;
                if count == 0 || added >= most || filling.is_full() {
                    break;
                }
            }
            if added == 0 {
                return Ok(());
            }
            self.commit()?;
            loaded += added;
        }
    }

    /// Begins a batch that is refused if the mark is gone: then the set is, too, and there may be another one of its
    /// name.
    fn begin_batch(&mut self) {
        self.batch.clear();
        self.batch.delete(&self.mark).create(&self.mark);
    }

    fn commit(&mut self) -> Result<(), Error> {
        let done = self.conn.commit(&self.batch);
        done.map_err(|error| self.explain(error))
    }

    /// Says that somebody has deleted the set, if that is why a batch was refused.
    fn explain(&mut self, error: Error) -> Error {
        let first = error.rejections().next();
        let gone = first.is_some_and(|first| first.op().index() == 0 && first.errno() == Errno::ENOENT);
        // Without the table nobody can have begun anew.
        if gone && self.conn.table(self.at.table()).is_ok() {
            return Error::Superseded { set: describe(&self.at) };
        }
        error
    }

    /// Replaces the rules, deletes all other sets of the name, and takes the mark away, in one step. Rules that are
    /// not given are found.
    pub(super) fn finish(mut self, of: &SetRef, given: Vec<(ChainRef, RuleHandle, Rule)>) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let ((members, found), generation) = self.conn.snapshot(|conn| {
                let members = Members::read(conn, of)?;
                let old: Vec<_> = members.finished().map(|set| set.name().clone()).collect();
                let found = match given.is_empty() && !old.is_empty() {
                    true => references(conn, of.table(), &old, self.at.name())?,
                    false => Vec::new(),
                };
                Ok((members, found))
            })?;
            self.batch.clear();
            self.batch.delete(&self.mark);
            for (chain, handle, rule) in given.iter().chain(&found) {
                self.batch.replace(chain, *handle, rule);
            }
            members.finished().for_each(|old| _ = self.batch.delete(old));
            let done = match given.is_empty() {
                true => self.conn.commit_at(generation, &self.batch),
                // A rule that was not given keeps the old set, and so the batch from being applied.
                false => self.conn.commit(&self.batch),
            };
            match done {
                Err(error) if error.is_stale() => {}
                Err(error @ Error::FateUnknown { .. }) => return self.find_out(of, error),
                Err(error) => return Err(self.explain(error)),
                Ok(()) => {
                    self.finished = true;
                    return Ok(());
                }
            }
        }
        Err(Error::Inconsistent { attempts: ATTEMPTS })
    }

    /// Finds out whether a batch was applied to which the answer was lost.
    fn find_out(&mut self, of: &SetRef, error: Error) -> Result<(), Error> {
        let Ok((members, _)) = self.conn.snapshot(|conn| Members::read(conn, of)) else { return Err(error) };
        self.finished = members.finished().any(|set| set.at() == &self.at);
        if self.finished { Ok(()) } else { Err(error) }
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !mem::replace(&mut self.finished, true) {
            // If the mark is gone, so is the set, and one of its name is another's.
            self.batch.clear();
            self.batch.delete(&self.at).delete(&self.mark);
            let _ = self.conn.commit(&self.batch);
        }
    }
}

/// Whether something was missing, or there, that was not when it was looked for.
fn is_of_another(error: &Error) -> bool {
    is_race(error.rejections().map(|rejection| rejection.errno()))
}

/// A set whose mark is gone may be in use by now, and cannot be deleted. One that is in use and has its mark is no
/// matter of time.
fn is_race(mut errnos: impl Iterator<Item = Errno> + Clone) -> bool {
    let moved = |errno: Errno| matches!(errno, Errno::ENOENT | Errno::EEXIST);
    errnos.clone().any(moved) && errnos.all(|errno| moved(errno) || errno == Errno::EBUSY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftover_that_was_put_into_use_meanwhile_is_a_race() {
        let race = |errnos: &[Errno]| is_race(errnos.iter().copied());
        assert!(race(&[Errno::ENOENT]) && race(&[Errno::EEXIST]) && race(&[Errno::EBUSY, Errno::ENOENT]));
        assert!(!race(&[]) && !race(&[Errno::EBUSY]) && !race(&[Errno::ENOENT, Errno::EPERM]));
    }
}
