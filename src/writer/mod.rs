//! [`Writer`]: events of many threads, committed in batches.

mod desk;
mod outcome;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use outcome::Pending;

use crate::batch::Batch;
use crate::conn::Conn;
use crate::error::{Errno, Error, IoError};
use desk::{Desk, Event};
use outcome::Outcome;

/// How many events are committed together, unless it is said.
const MAX_EVENTS: usize = 1000;
/// How long a batch is, unless it is said: so much every connection can send.
const MAX_BYTES: usize = 128 * 1024;
/// How many events may wait, unless it is said.
const CAPACITY: usize = 4000;

/// Commits the events of many threads in batches, and tells each what became of it.
///
/// An event is a closure that adds operations to a batch. Whatever has come while the commit before was under way is
/// committed together, so that the busier it is, the less an event costs; and an event that comes alone is committed
/// at once. Each is applied as a whole or not at all, and one that the kernel refuses does no harm to the others.
///
/// It gains most where events are [handed over](WriterHandle::submit) and their outcomes looked at later: hundreds
/// become one commit. Threads that wait for each event before the next make small batches.
///
/// ```no_run
/// use std::net::Ipv4Addr;
/// use std::thread;
/// use nftlink::{Conn, Set, Table, Writer};
///
/// # fn main() -> Result<(), nftlink::Error> {
/// let writer = Writer::start(Conn::open()?)?;
/// let blocked = Set::<Ipv4Addr>::new(Table::inet("fw"), "blocked");
/// thread::scope(|scope| {
///     for host in 1..=8 {
///         let (handle, blocked) = (writer.handle(), blocked.clone());
///         scope.spawn(move || {
///             let address = Ipv4Addr::new(192, 0, 2, host);
///             let outcome = handle.submit_and_wait(move |batch| {
///                 batch.add_elements(&blocked, [address]);
///             });
///             if let Err(error) = outcome {
///                 eprintln!("{address} is not blocked: {error}");
///             }
///         });
///     }
/// });
/// let conn = writer.finish();
/// # Ok(())
/// # }
/// ```
///
/// # What an event may do
///
/// It may be called more than once, since what was refused in a batch with others is committed again; on the writer's
/// thread, or on one that waits for an event of its own. It sees an empty batch, and numbers of operations
/// ([`Batch::last`]) begin with it: other events are out of its reach. It must not hand an event to the writer
/// itself, or wait for one. If it panics, that is [told](Error::EventPanicked), after the panic hook has run.
///
/// A batch that was made before is committed by `move |batch| *batch = ready.clone()`, not together with others.
///
/// # Order, and outcomes
///
/// Events are applied in the order in which they were handed over, those of one thread as it did, also where some are
/// refused: what each meets is what those before it have made that were not refused. Those of one batch
/// become effective in one instant.
///
/// Each learns what it would have learned if it had been committed by itself at its place, down to the number of the
/// operation. One exception: what the kernel looks at only when a batch is complete, as whether chains jump in a
/// circle, it does not see if a later event of the same batch has mended it.
///
/// Errors that are nobody's in particular, as the lack of a privilege or an answer that was lost, are told to all whose
/// batch it was.
///
/// # How many commits it takes
///
/// If nothing is refused, one for each batch. A batch that is refused is committed again in parts: for each event
/// whose operations the kernel names at most three commits more; where it names none, for each event that it will not
/// have at most twice the binary logarithm of how many there are. A refused commit takes milliseconds, for the kernel
/// waits for all processors to be done with what was to be.
///
/// # Its end
///
/// [`finish`](Self::finish) commits what is left and returns the connection. Dropping the writer does the same, and
/// waits for it, too.
///
/// After a fork the writer is the parent's, with its thread: in the child neither it nor its handles may be used, and
/// it must not be dropped, which would wait for a thread that is not there (`std::mem::forget` it). A program that goes
/// on in a child, as a daemon does, starts its writer there.
pub struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Conn>>,
}

impl Writer {
    /// Starts a writer with the usual limits.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there cannot be another thread.
    pub fn start(conn: Conn) -> Result<Self, Error> {
        WriterOptions::new().start(conn)
    }

    /// Begins to say with which limits a writer works.
    pub fn options() -> WriterOptions {
        WriterOptions::new()
    }

    /// Returns what events are handed over by; each thread may have one.
    pub fn handle(&self) -> WriterHandle {
        WriterHandle { shared: self.shared.clone() }
    }

    /// Commits what is left, and returns the connection. Events that are handed over from now on are
    /// [refused](Error::WriterEnded).
    pub fn finish(mut self) -> Conn {
        match self.end() {
            Some(Ok(conn)) => conn,
            Some(Err(panic)) => resume_unwind(panic),
            None => unreachable!("a writer ends once"),
        }
    }

    fn end(&mut self) -> Option<thread::Result<Conn>> {
        let thread = self.thread.take()?;
        self.shared.lock().ended = true;
        self.shared.work.notify_one();
        // Those who wait for room wait in vain.
        self.shared.room.notify_all();
        Some(thread.join())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("waiting", &self.shared.lock().events.len()).finish_non_exhaustive()
    }
}

/// Hands events to a [`Writer`]. Each clone does the same.
#[derive(Clone)]
pub struct WriterHandle {
    shared: Arc<Shared>,
}

impl WriterHandle {
    /// Hands over an event, and does not wait for its commit. It waits for room where as many events are waiting as
    /// [may](WriterOptions::capacity).
    pub fn submit(&self, event: impl Fn(&mut Batch) + Send + 'static) -> Pending {
        let Some((state, pending)) = self.shared.push(event) else { return Pending::ended() };
        self.shared.call(state);
        pending
    }

    /// Hands over an event if there is room for it, and never blocks.
    ///
    /// # Errors
    ///
    /// The event, if as many are waiting as [may](WriterOptions::capacity).
    pub fn try_submit<F: Fn(&mut Batch) + Send + 'static>(&self, event: F) -> Result<Pending, F> {
        let mut state = self.shared.lock();
        if state.ended {
            drop(state);
            return Ok(Pending::ended());
        }
        if state.events.len() >= self.shared.options.capacity {
            return Err(event);
        }
        let pending = self.shared.push_into(&mut state, event);
        self.shared.call(state);
        Ok(pending)
    }

    /// Hands over an event, and returns what became of it. If nobody else commits just then, this thread does.
    ///
    /// # Errors
    ///
    /// Those of [`Pending::wait`].
    pub fn submit_and_wait(&self, event: impl Fn(&mut Batch) + Send + 'static) -> Result<(), Error> {
        let Some((mut state, pending)) = self.shared.push(event) else { return Err(Error::WriterEnded) };
        // With a delay the thread has to look at the clock.
        if self.shared.options.max_delay.is_zero() {
            state = self.shared.commit_next(state);
        }
        self.shared.call(state);
        pending.wait()
    }
}

impl fmt::Debug for WriterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterHandle").field("waiting", &self.shared.lock().events.len()).finish_non_exhaustive()
    }
}

/// The limits of a [`Writer`], begun by [`Writer::options`].
///
/// ```
/// # use nftlink::Conn;
/// use std::time::Duration;
/// use nftlink::Writer;
///
/// # fn start(conn: Conn) -> Result<(), nftlink::Error> {
/// let writer = Writer::options().max_delay(Duration::from_millis(2)).capacity(100_000).start(conn)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct WriterOptions {
    max_events: usize,
    max_bytes: usize,
    max_delay: Duration,
    capacity: usize,
}

impl WriterOptions {
    fn new() -> Self {
        Self { max_events: MAX_EVENTS, max_bytes: MAX_BYTES, max_delay: Duration::ZERO, capacity: CAPACITY }
    }

    /// Sets how many events are committed together at most: 1,000 unless this says otherwise, never less than one, nor
    /// more than may [wait](Self::capacity).
    pub fn max_events(mut self, events: usize) -> Self {
        self.max_events = events.max(1);
        self
    }

    /// Sets how many bytes a batch has at most: 128 KiB unless this says otherwise. An event that is longer
    /// by itself is committed alone.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how long an event may wait for others to come, while nothing else is done. Without this it does not
    /// wait at all.
    ///
    /// It is for events that nobody waits for: fewer commits, fewer generations, less work for those who
    /// [monitor](crate::monitor) them.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets how many events may wait: 4,000 unless this says otherwise, and never less than one.
    pub fn capacity(mut self, events: usize) -> Self {
        self.capacity = events.max(1);
        self
    }

    /// Starts the writer.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there cannot be another thread.
    pub fn start(mut self, conn: Conn) -> Result<Writer, Error> {
        // Nothing waits for others for which there is no room.
        self.max_events = self.max_events.min(self.capacity);
        let desk = Box::new(Desk::new(conn, self.max_bytes));
        let state = State { events: VecDeque::new(), desk: Some(desk), ended: false, asleep_until: None, crowd: 0 };
        let shared =
            Arc::new(Shared { options: self, state: Mutex::new(state), work: Condvar::new(), room: Condvar::new() });
        let of_thread = shared.clone();
        let thread = thread::Builder::new().name("nftlink writer".to_owned()).spawn(move || of_thread.run());
        let thread = thread.map_err(|error| {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
            Error::Io(IoError { doing: "starting the thread of a writer".into(), errno })
        })?;
        Ok(Writer { shared, thread: Some(thread) })
    }
}

/// What the writer, its thread and its handles share.
struct Shared {
    options: WriterOptions,
    state: Mutex<State>,
    /// The thread is told that there is something to do.
    work: Condvar,
    /// Those are told who wait for room.
    room: Condvar,
}

struct State {
    events: VecDeque<Event>,
    /// Gone while somebody commits.
    desk: Option<Box<Desk>>,
    ended: bool,
    /// The thread sleeps until so many events are there, or until all has ended.
    asleep_until: Option<usize>,
    /// How many threads wait for room.
    crowd: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an event into the queue, as soon as there is room, unless the writer has ended.
    fn push(&self, event: impl Fn(&mut Batch) + Send + 'static) -> Option<(MutexGuard<'_, State>, Pending)> {
        let mut state = self.lock();
        while state.events.len() >= self.options.capacity && !state.ended {
            state.crowd += 1;
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.crowd -= 1;
        }
        if state.ended {
            // Before the event: what that has captured may be a stranger's, which uses the writer when it ends.
            drop(state);
            return None;
        }
        let pending = self.push_into(&mut state, event);
        Some((state, pending))
    }

    fn push_into(&self, state: &mut State, event: impl Fn(&mut Batch) + Send + 'static) -> Pending {
        let outcome = Arc::new(Outcome::default());
        let since = (!self.options.max_delay.is_zero()).then(Instant::now);
        state.events.push_back(Event::new(Box::new(event), outcome.clone(), since));
        Pending::new(outcome)
    }

    /// Commits the events that are next, unless somebody else commits just now.
    fn commit_next<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(mut desk) = state.desk.take() else { return state };
        let count = state.events.len().min(self.options.max_events);
        desk.events.extend(state.events.drain(..count));
        let crowded = state.crowd > 0;
        drop(state);
        if crowded {
            self.room.notify_all();
        }
        desk.work();
        let mut state = self.lock();
        state.desk = Some(desk);
        state
    }

    /// Lets the thread know if there is something for it to do.
    fn call(&self, state: MutexGuard<'_, State>) {
        let enough = state.asleep_until.is_some_and(|count| state.ended || state.events.len() >= count);
        let wanted = enough && state.desk.is_some();
        drop(state);
        if wanted {
            self.work.notify_one();
        }
    }

    /// What the thread does.
    fn run(&self) -> Conn {
        let mut state = self.lock();
        loop {
            let left = match (&state.desk, state.events.front()) {
                (Some(_), Some(first)) if !state.ended && state.events.len() < self.options.max_events => {
                    first.since.map(|since| self.options.max_delay.saturating_sub(since.elapsed()))
                }
                (Some(_), Some(_)) => None,
                (Some(_), None) if state.ended => {
                    if let Some(desk) = state.desk.take() {
                        return desk.into_conn();
                    }
                    continue;
                }
                _ => {
                    state.asleep_until = Some(1);
                    state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.asleep_until = None;
                    continue;
                }
            };
            match left {
                Some(left) if !left.is_zero() => {
                    state.asleep_until = Some(self.options.max_events);
                    state = self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                    state.asleep_until = None;
                }
                _ => state = self.commit_next(state),
            }
        }
    }
}
