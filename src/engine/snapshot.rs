//! Snapshots: many readings at one generation.

use super::{Link, Transport};
use crate::error::Error;
use crate::table::TableHandle;

/// A snapshot that is being read.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The generation that all of it has to be of.
    pub(super) generation: u32,
    /// The tables that have to be there still in the end.
    mortal: Vec<TableHandle>,
    /// Whether something in it is known not to be.
    torn: bool,
    /// Dumps of which it is not known yet whether they are.
    open: u32,
}

impl<T: Transport> Link<T> {
    /// Begins a snapshot, and returns its generation; none if commits follow too fast.
    pub(crate) fn begin_snapshot(&mut self) -> Result<Option<u32>, Error> {
        let Some(generation) = self.begin_reading()? else { return Ok(None) };
        let Some(mortal) = self.mortal()? else { return Ok(None) };
        self.snapshot = Some(Snapshot { generation, mortal, torn: false, open: 0 });
        Ok(Some(generation))
    }

    /// Ends a snapshot, and returns whether all of it was of its generation.
    pub(crate) fn end_snapshot(&mut self) -> Result<bool, Error> {
        match self.snapshot.take() {
            Some(Snapshot { generation, mortal, torn, open }) => {
                Ok(self.end_reading(generation)? && !torn && open == 0 && self.are_there(&mortal)?)
            }
            None => Ok(false),
        }
    }

    /// Gives a snapshot up, if one is being read.
    pub(crate) fn leave_snapshot(&mut self) {
        self.snapshot = None;
    }

    /// Returns the generation of the snapshot that is being read, if one is.
    pub(crate) fn in_snapshot(&self) -> Option<u32> {
        self.snapshot.as_ref().map(|snapshot| snapshot.generation)
    }

    /// Notes that the snapshot is not of one generation, and returns an error that says so.
    pub(crate) fn tear(&mut self) -> Error {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.torn = true;
        }
        Error::Inconsistent { attempts: 1 }
    }

    /// Notes that of a dump it is not known whether it is of one generation, and returns whether
    /// that matters.
    pub(super) fn leave_open(&mut self) -> bool {
        let snapshot = self.snapshot.as_mut();
        snapshot.map(|snapshot| snapshot.open += 1).is_some()
    }

    /// Notes that it is known by now.
    pub(super) fn close(&mut self) {
        if let Some(snapshot) = &mut self.snapshot {
            snapshot.open = snapshot.open.saturating_sub(1);
        }
    }

    /// Refuses what changes something where it might be done many times.
    pub(crate) fn changes(&self) -> Result<(), Error> {
        match self.snapshot {
            Some(_) => Err(Error::InSnapshot),
            None => Ok(()),
        }
    }
}
