//! For programs on tokio (feature `tokio`): events and packet traces as streams, and a connection.
//!
//! What waits, a [`Monitor`] and a [`Tracer`], does so in the runtime: no thread is held. A commit or a
//! reading never waits for anything but the kernel's work, which it does inside of the system call: a
//! [`Conn`] moves that to the runtime's threads for blocking work.
//!
//! ```no_run
//! use std::future::poll_fn;
//! use std::pin::pin;
//!
//! use futures_core::Stream;
//! use nftlink::monitor::Notice;
//! use nftlink::tokio::Monitor;
//!
//! # async fn watch() -> Result<(), nftlink::Error> {
//! let mut monitor = Monitor::open()?;
//! // Or by any crate's `StreamExt`: `while let Some(notice) = monitor.next().await`.
//! while let Some(notice) = poll_fn(|cx| pin!(&mut monitor).poll_next(cx)).await {
//!     if let Notice::Commit(commit) = notice? {
//!         println!("{commit}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod conn;
mod source;

pub use conn::Conn;
pub use source::{Monitor, PacketTracer, Tracer};
