//! The socket of a multicast group: datagrams as they come, waited for as long as the caller says.

#[cfg(test)]
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::conn::ConnOptions;
use crate::conn::socket::NetlinkSocket;
#[cfg(test)]
use crate::engine::faults::{Faulty, Line};
use crate::engine::{Received, Transport, uninterrupted};
use crate::error::{Errno, Error, IoError};

/// The kernel sends each event in a datagram of its own; few are larger than a page or two.
const BUFFER: usize = 64 * 1024;

/// What the buffer may grow to for one that is larger.
const BUFFER_MAX: usize = 4 * 1024 * 1024;

/// Less than a message takes of the receive buffer, as the kernel counts.
const SMALLEST: usize = 256;

/// How long to wait for what the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// As long as it takes.
    Forever,
    /// Until then.
    Until(Instant),
    /// Not at all.
    Never,
}

impl Wait {
    /// That long from now on.
    pub(crate) fn at_most(timeout: Duration) -> Self {
        Instant::now().checked_add(timeout).map_or(Self::Forever, Self::Until)
    }
}

/// What was received.
#[derive(Debug)]
pub(crate) enum Datagram<'a> {
    /// What the kernel sent.
    Bytes(&'a [u8]),
    /// The socket had no room: something was lost, after all that is in its queue now.
    Overrun,
}

/// A socket that takes what the kernel tells to a multicast group.
#[derive(Debug)]
pub(crate) struct EventSocket {
    source: Source,
    buffer: Vec<u8>,
}

/// Where datagrams come from.
#[derive(Debug)]
enum Source {
    Kernel(NetlinkSocket),
    /// What is received, call by call, and then nothing: a test.
    #[cfg(test)]
    Script(VecDeque<Result<Vec<u8>, Errno>>),
    /// What a test puts into a queue with room for so many bytes, by calls that fail as planned.
    #[cfg(test)]
    Line(Faulty<Line>, usize),
}

impl Source {
    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        match self {
            Self::Kernel(socket) => socket.receive(buffer),
            #[cfg(test)]
            Self::Script(script) => {
                let datagram = script.pop_front().unwrap_or(Err(Errno::EAGAIN))?;
                Ok(Received::copy(&datagram, buffer))
            }
            #[cfg(test)]
            Self::Line(line, _) => line.receive(buffer),
        }
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Errno> {
        match self {
            Self::Kernel(socket) => socket.wait(timeout),
            #[cfg(test)]
            Self::Script(script) => Ok(!script.is_empty()),
            #[cfg(test)]
            Self::Line(..) => Ok(false),
        }
    }

    /// Returns how many bytes the queue takes.
    fn room(&self) -> usize {
        match self {
            Self::Kernel(socket) => socket.receive_buffer(),
            #[cfg(test)]
            Self::Script(_) => SMALLEST,
            #[cfg(test)]
            Self::Line(_, room) => *room,
        }
    }
}

impl EventSocket {
    pub(crate) fn open(options: ConnOptions, group: &'static [u32]) -> Result<Self, Error> {
        Ok(Self { source: Source::Kernel(options.socket(group)?), buffer: vec![0; BUFFER] })
    }

    #[cfg(test)]
    pub(crate) fn scripted(script: impl IntoIterator<Item = Result<Vec<u8>, Errno>>) -> Self {
        Self { source: Source::Script(script.into_iter().collect()), buffer: vec![0; BUFFER] }
    }

    /// A socket whose queue a test fills, with room for so many datagrams.
    #[cfg(test)]
    pub(crate) fn faulty(line: Faulty<Line>, room: usize) -> Self {
        Self { source: Source::Line(line, room * SMALLEST), buffer: vec![0; BUFFER] }
    }

    /// Takes the next datagram; none if there is none now.
    pub(crate) fn receive(&mut self) -> Result<Option<Datagram<'_>>, Error> {
        match uninterrupted(|| self.source.receive(&mut self.buffer)) {
            // It was cut off; the next of its size is not.
            Ok(received) if received.len > self.buffer.len() => {
                self.buffer.resize(received.len.min(BUFFER_MAX).next_power_of_two(), 0);
                Ok(Some(Datagram::Overrun))
            }
            Ok(received) => Ok(Some(Datagram::Bytes(&self.buffer[..received.len]))),
            Err(Errno::ENOBUFS) => Ok(Some(Datagram::Overrun)),
            Err(Errno::EAGAIN) => Ok(None),
            Err(errno) => Err(failed("receiving events", errno)),
        }
    }

    /// Waits until there is a datagram, and returns whether there is.
    pub(crate) fn wait(&self, wait: Wait) -> Result<bool, Error> {
        let timeout = match wait {
            Wait::Forever => None,
            Wait::Until(end) => Some(end.saturating_duration_since(Instant::now())),
            Wait::Never => return Ok(false),
        };
        self.source.wait(timeout).map_err(|errno| failed("waiting for events", errno))
    }

    /// Throws away what is in the queue now. Returns whether the queue takes all that comes from then on: one that
    /// has overrun takes nothing until it was empty.
    pub(crate) fn drain(&mut self) -> Result<bool, Error> {
        // What others add meanwhile is not waited for.
        let most = self.source.room() / SMALLEST + 1;
        let mut since_overrun = most;
        for _ in 0..most {
            match self.receive()? {
                Some(Datagram::Bytes(_)) => since_overrun += 1,
                Some(Datagram::Overrun) => since_overrun = 0,
                None => return Ok(true),
            }
        }
        Ok(since_overrun >= most)
    }
}

fn failed(doing: &str, errno: Errno) -> Error {
    Error::Io(IoError { doing: doing.into(), errno })
}

impl AsFd for EventSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.source {
            Source::Kernel(socket) => socket.as_fd(),
            #[cfg(test)]
            Source::Script(_) | Source::Line(..) => unreachable!("a test has no descriptor"),
        }
    }
}
