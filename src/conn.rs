//! [`Conn`]: the connection over which batches are committed and the ruleset is read.

mod channel;
#[cfg(test)]
mod fault_tests;
mod features;
mod find;
mod hooks;
mod kinds;
pub(crate) mod logged;
mod merged;
mod options;
mod queries;
#[cfg(test)]
mod reading_tests;
mod recording;
mod resets;
mod ruleset;
mod selected;
mod snapshot;
pub(crate) mod socket;
mod stream;

use std::fmt;

pub use find::RuleLike;
pub use hooks::HookScope;
pub use options::ConnOptions;
pub use queries::{ElementOf, ElementSource, ElementsOf, RuleScope, TableScope};
pub use recording::{Recording, Refusal};
pub use stream::{Consistency, Streamed};

use crate::batch::Batch;
#[cfg(test)]
use crate::engine::faults::{Faulty, Plan};
use crate::engine::{Applied, Link, Query, Transport as _, commit};
use crate::error::Error;
use crate::ruleset::Generation;
use crate::table::TableInfo;
use crate::wire::PortId;
use channel::Channel;
use recording::Tape;
use socket::NetlinkSocket;

/// More bytes than a batch's begin and end have.
const ENVELOPE: usize = 128;

/// A connection to the nf_tables of one network namespace.
///
/// It blocks only as long as the kernel works. It is used by `&mut self`, may move between
/// threads, and belongs to the namespace that it was opened in, wherever its thread goes
/// afterwards. Its file descriptor is closed on exec; after a fork only one of the processes may
/// use it, the other may drop it. Tables that it [owns](crate::Table::owned) go with it, when no process has it any
/// more.
///
/// ```no_run
/// use nftlink::{Batch, Conn, Table};
///
/// let mut conn = Conn::open()?;
/// let mut batch = Batch::new();
/// batch.reset(&Table::inet("fw"));
/// conn.commit(&batch)?;
/// # Ok::<(), nftlink::Error>(())
/// ```
pub struct Conn {
    link: Link<Channel>,
}

impl Conn {
    /// Opens a connection in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the kernel has no netlink for netfilter.
    pub fn open() -> Result<Self, Error> {
        ConnOptions::new().open()
    }

    /// Begins to say how a connection is opened: in which namespace, with which buffers.
    pub fn options() -> ConnOptions {
        ConnOptions::new()
    }

    pub(crate) fn new(socket: NetlinkSocket) -> Self {
        Self { link: Link::new(Channel::Kernel(socket)) }
    }

    fn recorded(tape: Tape) -> Self {
        Self { link: Link::new(Channel::Recording(Box::new(tape))) }
    }

    /// A connection to a recording whose calls fail as planned.
    #[cfg(test)]
    pub(crate) fn faulty(recording: &Recording, plan: &Plan) -> Self {
        let channel = recording.conn().link.into_transport();
        Self { link: Link::new(Channel::Faulty(Box::new(Faulty::new(channel, plan)))) }
    }

    /// A connection to a recording, whose dumps have sockets of their own, as those to the kernel do.
    #[cfg(test)]
    fn faulty_with_others(recording: &Recording, plan: &Plan) -> Self {
        let other = {
            let recording = recording.clone();
            move || recording.conn().link.into_transport()
        };
        let faulty = Faulty::new(other(), plan).with_others(other);
        Self { link: Link::new(Channel::Faulty(Box::new(faulty))) }
    }

    /// Commits or checks a batch. A recording keeps it as the value that it is, of which what is sent is a part.
    fn apply(&mut self, batch: &Batch, options: commit::Options) -> Result<Applied, Error> {
        if let Some(tape) = self.link.transport_mut().tape() {
            tape.announce(batch);
        }
        let is_check = options.dry_run;
        let result = self.link.commit(batch, options);
        logged::batch(batch, is_check, &result);
        result
    }

    /// How many bytes a batch may have: as many as are wanted, or as the send buffer holds where it may not be raised.
    pub(crate) fn room(&mut self, wanted: usize) -> usize {
        match self.link.transport_mut().reserve_send(wanted.saturating_add(ENVELOPE)) {
            Ok(()) => wanted,
            Err(too_large) => wanted - (too_large.needed - too_large.limit).min(wanted),
        }
    }

    /// Returns the connection's address, by which the kernel knows it: as the owner of tables, and as the
    /// author of changes.
    pub fn port_id(&self) -> PortId {
        PortId::from_raw(self.link.transport().port())
    }

    /// Whether a table that was read belongs to this connection: nobody else can change it, and it is
    /// [removed](crate::Table::owned), or [an orphan](crate::Table::persistent), when this is dropped.
    pub fn owns(&self, table: &TableInfo) -> bool {
        table.owner() == Some(self.port_id())
    }

    /// Applies every operation of `batch`, or none of them.
    ///
    /// # Errors
    ///
    /// The ruleset is as it was, but for [`Error::FateUnknown`]:
    ///
    /// - [`Error::Build`] if an operation cannot be expressed; nothing is sent.
    /// - [`Error::TooLarge`] if the batch does not fit the send buffer, and that may not be raised.
    /// - [`Error::Rejected`] if the kernel refuses operations.
    /// - [`Error::Unsupported`] if it refuses them for want of a [feature](crate::Feature).
    /// - [`Error::Commit`] if the kernel refuses the batch as a whole, as without `CAP_NET_ADMIN`.
    /// - [`Error::FateUnknown`] if the kernel's answer was lost; only a new reading can tell.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), Error> {
        self.apply(batch, commit::Options::default()).map(drop)
    }

    /// [`commit`](Self::commit), and returns the handles of what the batch added.
    ///
    /// The kernel sends each addition back: it costs about a third more.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Self::commit).
    pub fn commit_with_handles(&mut self, batch: &Batch) -> Result<Applied, Error> {
        self.apply(batch, commit::Options { handles: true, ..Default::default() })
    }

    /// [`commit`](Self::commit), if the ruleset is still of that generation: what was read at it
    /// is still true. Any commit of anybody in the namespace makes a new one, whichever tables it is about: beside
    /// somebody who commits all the time this may fail again and again.
    ///
    /// # Errors
    ///
    /// [`Error::Stale`] if it is not, and those of [`commit`](Self::commit).
    pub fn commit_at(&mut self, generation: Generation, batch: &Batch) -> Result<(), Error> {
        let generation = Some(generation.get());
        self.apply(batch, commit::Options { generation, ..Default::default() }).map(drop)
    }

    /// Lets the kernel validate a batch and changes nothing (nft's `--check`).
    ///
    /// What only a commit finds is not found: an anonymous set or chain that no rule uses, a lack
    /// of memory, a chain that cannot be attached to its hook.
    ///
    /// Before it answers, the kernel waits until no packet is within a hook any more that was there when the batch came
    /// (`synchronize_rcu` in `__nf_tables_abort`): some milliseconds.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Self::commit).
    pub fn check(&mut self, batch: &Batch) -> Result<(), Error> {
        self.apply(batch, commit::Options::dry_run()).map(drop)
    }

    /// Returns the ruleset's generation, when the commit that made it is over: what is read from then
    /// on is of that generation, if it can still be [committed at](Self::commit_at).
    ///
    /// # Errors
    ///
    /// [`Error::Query`] if the kernel does not tell, and [`Error::Inconsistent`] if commits follow each other too
    /// fast.
    pub fn generation(&mut self) -> Result<Generation, Error> {
        self.link.generation().map(Generation::from_raw)
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn").field("socket", self.link.transport()).finish_non_exhaustive()
    }
}
