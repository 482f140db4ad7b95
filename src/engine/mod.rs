//! The protocol's decisions without I/O: what is sent, what the answers mean, when to ask again.
//!
//! A driver hands over what it receives; [`Link`] is the one that works on any [`Transport`].

pub(crate) mod commit;
mod dump;
#[cfg(test)]
pub(crate) mod faults;
mod features;
#[cfg(test)]
mod features_tests;
mod link;
mod query;
#[cfg(test)]
mod reading_tests;
mod snapshot;
#[cfg(test)]
mod tests;

use std::io::IoSlice;

pub use commit::{Applied, Handle};
pub(crate) use dump::{Dump, Identify, Told};
pub(crate) use link::{ATTEMPTS, GENERATION, Link, uninterrupted};
pub(crate) use query::{Linked, NumberOf, Query};

use crate::error::{Errno, Features};

/// Carries datagrams to the kernel and back.
///
/// nfnetlink works inside the send: when it returns, every answer to a commit is queued; a dump
/// makes each next datagram inside the receive. So nothing here ever waits.
pub(crate) trait Transport {
    /// Sends one datagram of several parts.
    fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<(), Errno>;

    /// Takes a datagram from the queue; `EAGAIN` if there is none.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno>;

    /// Makes room for a datagram of `len` bytes to be sent, where that is bounded.
    fn reserve_send(&mut self, _len: usize) -> Result<(), TooLarge> {
        Ok(())
    }

    /// Makes room for about `len` bytes of answers, as far as the system permits.
    fn reserve_receive(&mut self, _len: usize) {}

    /// The socket's own address, which answers carry.
    fn port(&self) -> u32;

    /// Whether nothing comes behind the ack of a batch's end, which the kernel surely acks; or behind that
    /// of the last operation, where there is no end.
    fn acks_last(&self) -> bool {
        false
    }

    /// What is at the other end has these features, and need not be asked.
    fn features(&self) -> Option<Features> {
        None
    }

    /// Opens another socket like this one, for a dump that may be left half-way; none where that
    /// cannot be had.
    fn another(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// A datagram that was received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    /// Its true length, which may be more than the buffer's.
    pub(crate) len: usize,
}

#[cfg(test)]
impl Received {
    /// Hands over a datagram as the kernel does: what the buffer has no room for is cut off.
    pub(crate) fn copy(datagram: &[u8], buffer: &mut [u8]) -> Self {
        let len = datagram.len().min(buffer.len());
        buffer[..len].copy_from_slice(&datagram[..len]);
        Self { len: datagram.len() }
    }
}

/// The send buffer may not be as large as a batch needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge {
    pub(crate) needed: usize,
    pub(crate) limit: usize,
}
