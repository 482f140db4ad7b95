//! [`Recording`]: a connection without a kernel, for the tests of programs that take one.

mod answers;
mod replay;
mod state;
mod tape;
#[cfg(test)]
mod tests;
mod uses;

use std::fmt;
use std::sync::{Arc, Mutex};

use super::Conn;
use crate::batch::Batch;
use crate::engine::commit;
use crate::error::{Errno, Error, Feature};
use crate::ruleset::{Generation, Ruleset};
use state::State;
pub(super) use tape::Tape;
use tape::{Shared, lock, next};

/// Stands in for the kernel where a program's own tests run: its connections take every batch and
/// keep it, and answer every query from a ruleset that the test gives. It needs no kernel, no
/// privilege and no namespace.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::{Batch, Conn, Error, Interval, Recording, Set, Table};
///
/// fn blocked() -> Set<Interval<Ipv4Addr>> {
///     Set::new(Table::inet("fw"), "blocked")
/// }
///
/// // What is to be tested.
/// fn ban(conn: &mut Conn, attacker: Ipv4Addr) -> Result<(), Error> {
///     if conn.element(&blocked(), attacker).is_ok() {
///         return Ok(());
///     }
///     let mut batch = Batch::new();
///     batch.add_elements(&blocked(), [attacker]);
///     conn.commit(&batch)
/// }
///
/// # fn main() -> Result<(), Error> {
/// // What the kernel has: what this batch makes of an empty ruleset.
/// let mut before = Batch::new();
/// before.add(&Table::inet("fw")).add(&blocked());
/// before.add_elements(&blocked(), [Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8)]);
/// let recording = Recording::with(&before)?;
///
/// let mut conn = recording.conn();
/// ban(&mut conn, Ipv4Addr::new(10, 1, 2, 3))?;
/// assert!(recording.batches().is_empty(), "it is blocked already");
/// ban(&mut conn, Ipv4Addr::new(192, 0, 2, 1))?;
/// let mut expected = Batch::new();
/// expected.add_elements(&blocked(), [Ipv4Addr::new(192, 0, 2, 1)]);
/// assert_eq!(recording.take(), [expected]);
/// # Ok(())
/// # }
/// ```
///
/// # What queries see
///
/// All of [`Conn`]'s queries are answered as the kernel would, from a [`Ruleset`] that was
/// [read](Conn::ruleset) or [kept in a file](Ruleset::from_bytes), or from what [batches](Self::with)
/// make. Resets set to zero what is in the recording. Time stands still: no element expires. Commits
/// are kept and make a new generation each, but what queries see stays as it is, unless
/// [`apply_commits`](Self::apply_commits) says otherwise.
///
/// # What it is not
///
/// It is no simulation of the kernel: no packet passes, nothing is told to a [monitor](crate::monitor), and every
/// batch is taken that its own verbs take. What the kernel would refuse has to be [said](Self::refuse_next), and
/// is found out by tests on a kernel. Where a batch is [applied](Self::apply), names are looked up, and little more.
///
/// Each clone is the same recording, and so are all its connections.
#[derive(Clone)]
pub struct Recording {
    shared: Arc<Mutex<Shared>>,
}

impl Recording {
    /// Makes a recording of an empty ruleset.
    pub fn new() -> Self {
        Self::of_state(State::default(), Generation::from_raw(1))
    }

    /// Makes a recording that answers from a ruleset, at its generation.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nftlink::Error> {
    /// use nftlink::{Conn, Recording, Ruleset};
    ///
    /// // Once, on a machine that has what the test is about:
    /// let bytes = Conn::open()?.ruleset(..)?.to_bytes();
    /// // In the test:
    /// let recording = Recording::of(&Ruleset::from_bytes(&bytes)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn of(ruleset: &Ruleset) -> Self {
        Self::of_state(State::of(ruleset), ruleset.generation())
    }

    /// Makes a recording that answers from what a batch makes of an empty ruleset.
    ///
    /// # Errors
    ///
    /// Those of [`apply`](Self::apply).
    pub fn with(batch: &Batch) -> Result<Self, Error> {
        let recording = Self::new();
        recording.apply(batch)?;
        Ok(recording)
    }

    fn of_state(state: State, generation: Generation) -> Self {
        // To the kernel a generation of zero is none.
        let generation = generation.get().max(1);
        Self { shared: Arc::new(Mutex::new(Shared::new(state, generation))) }
    }

    /// Opens a connection to the recording, as [`Conn::open`] does to the kernel.
    pub fn conn(&self) -> Conn {
        Conn::recorded(Tape::new(self.shared.clone(), false))
    }

    /// Returns the batches that were committed, in their order. Those that were refused, only
    /// [checked](Conn::check) or empty are not among them.
    ///
    /// Batches are equal if they were filled by the same verbs with the same; as text they are nft's
    /// commands, one per line.
    ///
    /// ```
    /// # fn main() -> Result<(), nftlink::Error> {
    /// use nftlink::{Batch, Recording, Table};
    ///
    /// let recording = Recording::new();
    /// let mut batch = Batch::new();
    /// batch.add(&Table::inet("fw"));
    /// recording.conn().commit(&batch)?;
    /// let texts: Vec<String> = recording.batches().iter().map(Batch::to_string).collect();
    /// assert_eq!(texts, ["add table inet fw\n"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn batches(&self) -> Vec<Batch> {
        lock(&self.shared).batches.clone()
    }

    /// Returns the batches that were committed and forgets them: what is kept grows with each commit.
    pub fn take(&self) -> Vec<Batch> {
        std::mem::take(&mut lock(&self.shared).batches)
    }

    /// Returns what queries see, all of it.
    ///
    /// # Errors
    ///
    /// [`Error::Decode`] if the ruleset given holds what makes no sense.
    pub fn ruleset(&self) -> Result<Ruleset, Error> {
        let shared = lock(&self.shared);
        let copy = Shared::new(shared.state.clone(), shared.generation);
        drop(shared);
        Conn::recorded(Tape::new(Arc::new(Mutex::new(copy)), false)).ruleset(..)
    }

    /// Changes what queries see, as somebody else's commit would: there is a new generation.
    pub fn set_ruleset(&self, ruleset: &Ruleset) {
        let state = State::of(ruleset);
        let mut shared = lock(&self.shared);
        shared.state = state;
        shared.generation = next(shared.generation);
    }

    /// Changes what queries see as a batch says, as somebody else's commit would: there is a new
    /// generation. The batch is not among [those kept](Self::batches).
    ///
    /// What is added gets handles, and counts of its uses; what is deleted goes, with what it had to
    /// itself. Rules are as they were sent: the kernel writes some expressions otherwise than it was told
    /// them, and [`normalized`](crate::RuleInfo::normalized) rules do not differ. All of an element's timeout is left.
    /// A table with an owner stays when the connection that owns it is closed.
    ///
    /// Whether the kernel would take the batch it does not tell. Not looked at are, among others, what an
    /// expression or a chain may have at its hook and in its family, owners of tables, the sizes of sets,
    /// jumps in a circle, and whether concatenations of intervals overlap.
    ///
    /// # Errors
    ///
    /// Nothing is changed then.
    ///
    /// - [`Error::Build`] if an operation of the batch cannot be expressed.
    /// - [`Error::Rejected`], as by the kernel, if an operation names what is not there (`ENOENT`), makes again what
    ///   has to be new or is of another kind, or intervals that overlap (`EEXIST`), or deletes what is in use
    ///   (`EBUSY`); and by the recording alone (`EOPNOTSUPP`, with [words](crate::error::Rejection::message) that say
    ///   so) if it renames a chain, or changes the devices of a chain or flowtable, the timeout of a set, or a
    ///   quota that is there.
    /// - [`Error::Commit`] if there is an anonymous set or chain that no rule has.
    pub fn apply(&self, batch: &Batch) -> Result<(), Error> {
        Conn::recorded(Tape::new(self.shared.clone(), true)).apply(batch, commit::Options::default()).map(drop)
    }

    /// Says whether each commit from now on changes what queries see, as [`apply`](Self::apply) does: for
    /// programs that read what they have written. What `apply` refuses is refused to them then.
    ///
    /// ```
    /// # fn main() -> Result<(), nftlink::Error> {
    /// use nftlink::{Batch, Recording, Table};
    ///
    /// let recording = Recording::new();
    /// recording.apply_commits(true);
    /// let mut conn = recording.conn();
    /// let mut batch = Batch::new();
    /// batch.create(&Table::inet("fw"));
    /// conn.commit(&batch)?;
    /// assert_eq!(conn.tables(..)?.len(), 1);
    /// assert!(conn.commit(&batch).unwrap_err().is_exists());
    /// # Ok(())
    /// # }
    /// ```
    pub fn apply_commits(&self, applies: bool) {
        lock(&self.shared).applies = applies;
    }

    /// Has the recording lack features from now on, and no others, as some kernels do: batches and resets that need
    /// them are refused. Without this it has all; the list of hooks it never has.
    ///
    /// ```
    /// use nftlink::{Batch, Error, Feature, Recording, Table};
    ///
    /// let recording = Recording::new();
    /// recording.lack([Feature::Destroy]);
    /// let mut conn = recording.conn();
    /// assert!(!conn.features().unwrap().has(Feature::Destroy));
    /// let mut batch = Batch::new();
    /// batch.destroy(&Table::inet("fw"));
    /// let error = conn.commit(&batch).unwrap_err();
    /// assert!(matches!(error, Error::Unsupported { feature: Feature::Destroy, since: "6.3", .. }));
    /// ```
    pub fn lack(&self, features: impl IntoIterator<Item = Feature>) {
        lock(&self.shared).lacks = features.into_iter().collect();
    }

    /// Has the next batch refused that is committed or checked; of several refusals one after the other.
    ///
    /// ```
    /// use nftlink::{Batch, Errno, Recording, Refusal, Table};
    ///
    /// let recording = Recording::new();
    /// recording.refuse_next(Refusal::operation(1, Errno::EEXIST));
    /// let mut batch = Batch::new();
    /// batch.create(&Table::inet("fw")).create(&Table::inet("nat"));
    /// let error = recording.conn().commit(&batch).unwrap_err();
    /// assert!(error.is_exists());
    /// assert_eq!(error.to_string(), "operation 1 (create table inet nat): file exists");
    /// ```
    pub fn refuse_next(&self, refusal: impl Into<Refusal>) {
        lock(&self.shared).refusals.push_back(refusal.into());
    }

    /// Has all that is asked and committed from now on refused with an error, as with [`Errno::EPERM`] to
    /// a program without the privilege; or with `None` no longer.
    ///
    /// ```
    /// use nftlink::{Errno, Recording};
    ///
    /// let recording = Recording::new();
    /// recording.refuse_all(Errno::EPERM);
    /// assert!(recording.conn().tables(..).unwrap_err().is_permission_denied());
    /// recording.refuse_all(None);
    /// assert!(recording.conn().tables(..).unwrap().is_empty());
    /// ```
    pub fn refuse_all(&self, errno: impl Into<Option<Errno>>) {
        lock(&self.shared).closed = errno.into();
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = lock(&self.shared);
        let tables = shared.state.tables.len();
        f.debug_struct("Recording")
            .field("batches", &shared.batches.len())
            .field("tables", &tables)
            .finish_non_exhaustive()
    }
}

impl Conn {
    /// Makes a [`Recording`] of an empty ruleset, and a connection to it.
    ///
    /// ```
    /// use nftlink::Conn;
    ///
    /// let (mut conn, recording) = Conn::recording();
    /// assert!(conn.tables(..).unwrap().is_empty());
    /// assert!(recording.batches().is_empty());
    /// ```
    pub fn recording() -> (Self, Recording) {
        let recording = Recording::new();
        (recording.conn(), recording)
    }
}

/// How a [`Recording`] refuses a batch: [`Recording::refuse_next`] takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(Refused);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Refused {
    /// The operations with those places in the batch.
    Operations(Vec<(usize, Errno)>),
    Whole(Errno),
    Commit(Errno),
    Stale,
    Lost,
}

impl Refusal {
    /// Refuses the operation at a place in the batch, from 0, as [`Op::index`](crate::error::Op::index) tells it:
    /// the error is [`Error::Rejected`], without a path. A batch without such an operation is not
    /// refused.
    pub fn operation(index: usize, errno: Errno) -> Self {
        Self(Refused::Operations(vec![(index, errno)]))
    }

    /// Refuses several operations.
    pub fn operations(operations: impl IntoIterator<Item = (usize, Errno)>) -> Self {
        Self(Refused::Operations(operations.into_iter().collect()))
    }

    /// Refuses the batch as a whole, before its first operation: [`Error::Commit`]. So the kernel does with
    /// [`Errno::EPERM`] and [`Errno::ENOMEM`].
    pub fn whole(errno: Errno) -> Self {
        Self(Refused::Whole(errno))
    }

    /// Refuses the commit after all operations were found valid: [`Error::Commit`]. A [check](Conn::check) does not
    /// find it: it is the next commit that is refused.
    pub fn commit(errno: Errno) -> Self {
        Self(Refused::Commit(errno))
    }

    /// Has somebody else commit something just before: [`Error::Stale`]. It meets the next
    /// [commit at a generation](Conn::commit_at); what [merges](Conn::add_merged) begins again after it.
    pub fn stale() -> Self {
        Self(Refused::Stale)
    }

    /// Applies the next commit, and loses all that the kernel says to it: [`Error::FateUnknown`].
    pub fn lost() -> Self {
        Self(Refused::Lost)
    }
}

impl From<Errno> for Refusal {
    /// Refuses the first operation.
    fn from(errno: Errno) -> Self {
        Self::operation(0, errno)
    }
}
