//! The socket of a multicast group: datagrams as they come, waited for as long as the caller says.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::conn::ConnOptions;
use crate::conn::socket::NetlinkSocket;
use crate::engine::Transport;
use crate::error::{Errno, Error, IoError};

/// The kernel sends each event in a datagram of its own; few are larger than a page or two.
const BUFFER: usize = 64 * 1024;

/// How long to wait for what the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// As long as it takes.
    Forever,
    /// At most that long.
    AtMost(Duration),
    /// Not at all.
    Never,
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
    socket: NetlinkSocket,
    buffer: Vec<u8>,
}

impl EventSocket {
    pub(crate) fn open(options: ConnOptions, group: &'static [u32]) -> Result<Self, Error> {
        Ok(Self { socket: options.socket(group)?, buffer: vec![0; BUFFER] })
    }

    /// Takes the next datagram; none if there is none in time.
    pub(crate) fn receive(&mut self, wait: Wait) -> Result<Option<Datagram<'_>>, Error> {
        let failed = |doing: &str, errno| Error::Io(IoError { doing: doing.into(), errno });
        loop {
            match self.socket.receive(&mut self.buffer) {
                // It was cut off; the next of its size is not.
                Ok(received) if received.len > self.buffer.len() => {
                    self.buffer.resize(received.len.next_power_of_two(), 0);
                    return Ok(Some(Datagram::Overrun));
                }
                Ok(received) => return Ok(Some(Datagram::Bytes(&self.buffer[..received.len]))),
                Err(Errno::ENOBUFS) => return Ok(Some(Datagram::Overrun)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    let timeout = match wait {
                        Wait::Forever => None,
                        Wait::AtMost(timeout) => Some(timeout),
                        Wait::Never => return Ok(None),
                    };
                    if !self.socket.wait(timeout).map_err(|errno| failed("waiting for events", errno))? {
                        return Ok(None);
                    }
                }
                Err(errno) => return Err(failed("receiving events", errno)),
            }
        }
    }
}

impl AsFd for EventSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
