//! What changes the ruleset: events, grouped by the commit that made them.
//!
//! A [`Monitor`] tells of each commit of anybody in its network namespace: what it changed, which
//! generation it made, and which process did it. A program that keeps a copy of something, or
//! guards it, reads it and goes on from there by [`Monitor::resync`].
//!
//! ```no_run
//! use nftlink::monitor::{Monitor, Notice};
//!
//! let mut monitor = Monitor::open()?;
//! loop {
//!     match monitor.receive()? {
//!         Notice::Commit(commit) => println!("{commit}"),
//!         Notice::Overrun(_) => println!("some events were lost"),
//!         _ => {}
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), nftlink::Error>(())
//! ```
//!
//! # To keep a copy of a set
//!
//! ```no_run
//! use std::collections::BTreeSet;
//! use std::net::Ipv4Addr;
//! use nftlink::monitor::{Event, EventFilter, EventKinds, Monitor, Notice};
//! use nftlink::{Conn, Error, Set, Table};
//!
//! fn read(conn: &mut Conn, set: &Set<Ipv4Addr>) -> Result<BTreeSet<Ipv4Addr>, Error> {
//!     match conn.elements(set) {
//!         Err(error) if error.is_not_found() => Ok(BTreeSet::new()),
//!         elements => Ok(elements?.iter().filter_map(|element| element.key().copied()).collect()),
//!     }
//! }
//!
//! let blocked = Set::<Ipv4Addr>::new(Table::inet("fw"), "blocked");
//! let kinds = EventKinds::SET | EventKinds::ELEMENT;
//! let (mut conn, monitor) = (Conn::open()?, Monitor::open()?);
//! let mut monitor = monitor.filter(EventFilter::new().table(&Table::inet("fw")).kinds(kinds));
//! let (mut copy, _) = monitor.resync(&mut conn, |conn| read(conn, &blocked))?;
//! loop {
//!     let whole = match monitor.receive()? {
//!         Notice::Commit(commit) => {
//!             if commit.events().iter().any(|event| matches!(event, Event::DeletedSet(gone) if gone.at() == blocked.at())) {
//!                 copy.clear();
//!             }
//!             match (commit.removed(&blocked), commit.added(&blocked)) {
//!                 (Ok(removed), Ok(added)) if commit.is_complete() => {
//!                     removed.iter().filter_map(|element| element.key()).for_each(|key| _ = copy.remove(key));
//!                     copy.extend(added.iter().filter_map(|element| element.key()));
//!                     true
//!                 }
//!                 _ => false,
//!             }
//!         }
//!         Notice::Overrun(_) => false,
//!         _ => true,
//!     };
//!     if !whole {
//!         (copy, _) = monitor.resync(&mut conn, |conn| read(conn, &blocked))?;
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), nftlink::Error>(())
//! ```
//!
//! The program's own commits come as all others do, in their place among them: a copy follows them, too, and does
//! not change when `commit` returns. What is only to react to others leaves those out whose
//! [`port_id`](Commit::port_id) is the connection's. Where elements have timeouts, the program lets them expire.
//!
//! # What the kernel does not tell
//!
//! - That the time of an element was up, or what rules did to sets, counters and quotas; but for a quota that
//!   is used up ([`Notice::Depleted`]).
//! - That a table [went with its owner](crate::TableFlags::OWNER), or lost it: there is no commit, and the generation
//!   stays.
//! - That a device went away, and with it the chains' attachment to it.
//! - Resets of counters and quotas.
//! - What was deleted together with its set: its elements.

mod commits;
mod elements;
mod event;
mod filter;
pub(crate) mod socket;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use commits::Commits;
pub use commits::{Commit, Notice, Overrun};
pub use event::{Deleted, ElementEvent, Event, EventKinds, RulePlace, UnknownEvent};
pub use filter::EventFilter;
use socket::{Datagram, EventSocket, Wait};

use crate::conn::{Conn, ConnOptions, logged};
use crate::error::Error;
use crate::ruleset::Generation;

/// The multicast group of changes to the ruleset (`NFNLGRP_NFTABLES`).
const NFNLGRP_NFTABLES: u32 = 7;

/// How many events of one commit are kept unless the program says so.
const MAX_EVENTS: usize = 1 << 17;

/// Tells of each commit in a network namespace.
///
/// The kernel keeps what a monitor does not receive, as much as its
/// [receive buffer](ConnOptions::receive_buffer) has room for; the monitor itself keeps nothing
/// but the commit that is being told. It blocks only in [`receive`](Self::receive) and
/// [`receive_timeout`](Self::receive_timeout). An event loop waits by itself until the file descriptor
/// ([`AsFd`]) is readable, and then calls [`try_receive`](Self::try_receive) until there is nothing more.
///
/// It may move between threads. Its file descriptor is closed on exec; after a fork only one of the processes may use
/// it, since what one receives the other does not. It takes `CAP_NET_ADMIN` over the network namespace to open one.
#[derive(Debug)]
pub struct Monitor {
    socket: EventSocket,
    commits: Commits,
}

impl Monitor {
    /// Opens a monitor in the calling thread's network namespace: it tells of all commits from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the kernel has no netlink for netfilter, or without `CAP_NET_ADMIN`
    /// (`is_permission_denied`).
    pub fn open() -> Result<Self, Error> {
        ConnOptions::new().monitor()
    }

    /// Tells only what passes a filter, and only of commits that have such events.
    pub fn filter(mut self, filter: EventFilter) -> Self {
        self.commits.filter = filter;
        self
    }

    /// Keeps that many events of a commit, and then counts it as [incomplete](Commit::is_complete), which no
    /// [`Overrun`] says beside: the memory that a commit of anybody's may take. Without this it is 131,072, some tens
    /// of megabytes. More than comes from 64 MiB of messages is never kept.
    pub fn max_events(mut self, events: usize) -> Self {
        self.commits.max_events = events;
        self
    }

    /// Returns how far the monitor has come: the generation of the last commit that it has received, be it that the
    /// filter left it out, or of its last [resync](Self::resync).
    pub fn generation(&self) -> Option<Generation> {
        self.commits.generation()
    }

    /// Waits for the next notice.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system call fails.
    pub fn receive(&mut self) -> Result<Notice, Error> {
        loop {
            if let Some(notice) = self.next(Wait::Forever)? {
                return Ok(notice);
            }
        }
    }

    /// Waits for the next notice at most that long; `None` if there is none by then.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system call fails.
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<Option<Notice>, Error> {
        self.next(Wait::at_most(timeout))
    }

    /// Returns the next notice if there is one already.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system call fails.
    pub fn try_receive(&mut self) -> Result<Option<Notice>, Error> {
        self.next(Wait::Never)
    }

    /// Reads by `read` at one generation, as [`Conn::snapshot`] does, and from then on tells only of commits
    /// after that: none is missing, none is told twice. It is what to begin with, and what to do after an [`Overrun`]
    /// or a commit that is not [complete](Commit::is_complete).
    ///
    /// The connection has to be one to the monitor's network namespace.
    ///
    /// ```no_run
    /// use nftlink::monitor::{Monitor, Notice};
    /// use nftlink::{Conn, Table};
    ///
    /// let fw = Table::inet("fw");
    /// let (mut conn, mut monitor) = (Conn::open()?, Monitor::open()?);
    /// let (mut rules, mut generation) = monitor.resync(&mut conn, |conn| conn.rules(&fw))?;
    /// loop {
    ///     match monitor.receive()? {
    ///         Notice::Commit(commit) if commit.is_complete() => {
    ///             println!("{} events since {generation}", commit.events().len());
    ///         }
    ///         // It had more events than the monitor keeps, or some were lost.
    ///         Notice::Commit(_) | Notice::Overrun(_) => (rules, generation) = monitor.resync(&mut conn, |conn| conn.rules(&fw))?,
    ///         _ => {}
    ///     }
    /// }
    /// # #[allow(unreachable_code)]
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Conn::snapshot`], and [`Error::Io`] if the system call fails. Then an [`Overrun`] is told, since
    /// what there was to receive is thrown away.
    pub fn resync<R>(
        &mut self,
        conn: &mut Conn,
        read: impl FnMut(&mut Conn) -> Result<R, Error>,
    ) -> Result<(R, Generation), Error> {
        self.begin_resync()?;
        let (value, generation) = conn.snapshot(read)?;
        self.end_resync(generation);
        Ok((value, generation))
    }

    /// Throws away what there is to receive.
    pub(crate) fn begin_resync(&mut self) -> Result<(), Error> {
        // A queue that has overrun takes nothing until it is empty. What is thrown away here was
        // sent by commits that had their generation by then: a reading that begins now has all they did.
        self.commits.forget();
        if self.socket.drain()? {
            self.commits.idle();
        }
        Ok(())
    }

    /// From now on all up to a generation is known.
    pub(crate) fn end_resync(&mut self, generation: Generation) {
        logged::resync(generation);
        self.commits.restart(generation);
    }

    fn next(&mut self, wait: Wait) -> Result<Option<Notice>, Error> {
        loop {
            if let Some(notice) = self.commits.pop() {
                return Ok(Some(notice));
            }
            match self.socket.receive()? {
                Some(Datagram::Bytes(bytes)) => self.commits.datagram(bytes),
                Some(Datagram::Overrun) => {
                    logged::overrun();
                    self.commits.overrun();
                }
                None => {
                    self.commits.idle();
                    if !self.socket.wait(wait)? {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl ConnOptions {
    /// Opens a [`Monitor`] instead of a connection.
    ///
    /// ```no_run
    /// use nftlink::Conn;
    ///
    /// // Room for the events of a commit of some ten thousand elements, which come at once.
    /// let mut monitor = Conn::options().namespace("blue").receive_buffer(64 << 20).monitor()?;
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Error::Io`] without `CAP_NET_ADMIN`
    /// (`is_permission_denied`).
    pub fn monitor(self) -> Result<Monitor, Error> {
        let socket = EventSocket::open(self, &[NFNLGRP_NFTABLES])?;
        Ok(Monitor { socket, commits: Commits::new(MAX_EVENTS) })
    }
}

/// Reads a datagram of events as a monitor does, and shows what it says.
#[cfg(any(test, fuzzing))]
pub(crate) fn read(datagram: &[u8]) {
    let mut commits = Commits::new(64);
    commits.datagram(datagram);
    commits.idle();
    while let Some(notice) = commits.pop() {
        if let Notice::Commit(commit) = &notice {
            let _ = commit.to_string();
        }
        let _ = format!("{notice:?}");
    }
}
