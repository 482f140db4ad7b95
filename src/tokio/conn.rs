//! [`Conn`]: a connection whose work is done on the runtime's threads for blocking work.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use ::tokio::task::spawn_blocking;

use crate::batch::Batch;
use crate::conn;
use crate::engine::Applied;
use crate::error::{Errno, Error, IoError};
use crate::ruleset::Generation;
use crate::wire::PortId;

/// A connection for tasks.
///
/// There is nothing to wait for: the kernel commits or lists inside of the system call, in
/// microseconds or, of millions of elements, in seconds. So each call goes to a thread of the runtime that is made
/// for blocking work (`tokio::task::spawn_blocking`), and the connection with it.
///
/// What [`monitor::Commit::port_id`](crate::monitor::Commit::port_id) of its own commits is, the connection
/// [tells](conn::Conn::port_id) before it is handed over, or by `conn.run(|conn| Ok(conn.port_id())).await?`.
/// A [stream](conn::Conn::stream_elements) borrows the connection: it is read inside of [`run`](Self::run).
///
/// A call that is given up, by dropping its future, is done nevertheless once it has begun; the next
/// one comes after it.
///
/// ```no_run
/// use nftlink::tokio::Conn;
/// use nftlink::{Batch, Table};
///
/// # async fn replace() -> Result<(), nftlink::Error> {
/// let mut conn = Conn::open()?;
/// let fw = Table::inet("fw");
/// let mut batch = Batch::new();
/// batch.reset(&fw);
/// conn.commit(batch).await?;
/// let chains = conn.run(move |conn| conn.chains(&fw)).await?;
/// assert!(chains.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Conn {
    conn: Arc<Mutex<conn::Conn>>,
    port: PortId,
}

impl Conn {
    /// Makes a connection one for tasks.
    pub fn new(conn: conn::Conn) -> Self {
        Self { port: conn.port_id(), conn: Arc::new(Mutex::new(conn)) }
    }

    /// Opens a connection in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// Those of [`Conn::open`](conn::Conn::open).
    pub fn open() -> Result<Self, Error> {
        conn::Conn::open().map(Self::new)
    }

    /// Returns the connection's address, by which the kernel knows it: of [commits](crate::monitor::Commit::port_id)
    /// that are its own.
    pub fn port_id(&self) -> PortId {
        self.port
    }

    /// Has the connection do anything, as a reading or several.
    ///
    /// # Errors
    ///
    /// Those of `work`, and [`Error::Io`] (`ECANCELED`) if the runtime ends before it was begun.
    ///
    /// # Panics
    ///
    /// If `work` does, and outside of a runtime.
    pub async fn run<R: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut conn::Conn) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let conn = Arc::clone(&self.conn);
        let task = spawn_blocking(move || {
            // A connection begins each request anew, whatever became of the one before.
            work(&mut conn.lock().unwrap_or_else(PoisonError::into_inner))
        });
        task.await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => {
                let doing = "leaving it to a thread of the runtime, which ends".into();
                Err(Error::Io(IoError { doing, errno: Errno::ECANCELED }))
            }
        })
    }

    /// Applies every operation of `batch`, or none of them. To use a batch again, pass a clone of
    /// its [`Arc`].
    ///
    /// # Errors
    ///
    /// Those of [`Conn::commit`](conn::Conn::commit) and of [`run`](Self::run).
    pub async fn commit(&mut self, batch: impl Into<Arc<Batch>>) -> Result<(), Error> {
        let batch = batch.into();
        self.run(move |conn| conn.commit(&batch)).await
    }

    /// [`commit`](Self::commit), and returns the handles of what the batch added.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Self::commit).
    pub async fn commit_with_handles(&mut self, batch: impl Into<Arc<Batch>>) -> Result<Applied, Error> {
        let batch = batch.into();
        self.run(move |conn| conn.commit_with_handles(&batch)).await
    }

    /// [`commit`](Self::commit), if the ruleset is still of that generation.
    ///
    /// # Errors
    ///
    /// Those of [`Conn::commit_at`](conn::Conn::commit_at) and of [`run`](Self::run).
    pub async fn commit_at(&mut self, generation: Generation, batch: impl Into<Arc<Batch>>) -> Result<(), Error> {
        let batch = batch.into();
        self.run(move |conn| conn.commit_at(generation, &batch)).await
    }
}
