//! What a connection speaks over: the kernel's socket, or a recording.

use std::io::IoSlice;

use super::recording::Tape;
use super::socket::NetlinkSocket;
#[cfg(test)]
use crate::engine::faults::Faulty;
use crate::engine::{Received, TooLarge, Transport};
use crate::error::{Errno, Features};

#[derive(Debug)]
pub(crate) enum Channel {
    Kernel(NetlinkSocket),
    Recording(Box<Tape>),
    /// One of these, whose calls fail.
    #[cfg(test)]
    Faulty(Box<Faulty<Self>>),
}

impl Channel {
    /// The recording that it speaks to, if it is one.
    pub(super) fn tape(&mut self) -> Option<&mut Tape> {
        match self {
            Self::Kernel(_) => None,
            Self::Recording(tape) => Some(tape),
            #[cfg(test)]
            Self::Faulty(faulty) => faulty.inner.tape(),
        }
    }
}

impl Transport for Channel {
    fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        match self {
            Self::Kernel(socket) => socket.send(parts),
            Self::Recording(tape) => tape.send(parts),
            #[cfg(test)]
            Self::Faulty(faulty) => faulty.send(parts),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        match self {
            Self::Kernel(socket) => socket.receive(buffer),
            Self::Recording(tape) => tape.receive(buffer),
            #[cfg(test)]
            Self::Faulty(faulty) => faulty.receive(buffer),
        }
    }

    fn reserve_send(&mut self, len: usize) -> Result<(), TooLarge> {
        match self {
            Self::Kernel(socket) => socket.reserve_send(len),
            Self::Recording(tape) => tape.reserve_send(len),
            #[cfg(test)]
            Self::Faulty(faulty) => faulty.reserve_send(len),
        }
    }

    fn reserve_receive(&mut self, len: usize) {
        match self {
            Self::Kernel(socket) => socket.reserve_receive(len),
            Self::Recording(tape) => tape.reserve_receive(len),
            #[cfg(test)]
            Self::Faulty(faulty) => faulty.reserve_receive(len),
        }
    }

    fn port(&self) -> u32 {
        match self {
            Self::Kernel(socket) => socket.port(),
            Self::Recording(tape) => tape.port(),
            #[cfg(test)]
            Self::Faulty(faulty) => faulty.port(),
        }
    }

    fn acks_last(&self) -> bool {
        match self {
            Self::Kernel(socket) => socket.acks_last(),
            Self::Recording(tape) => tape.acks_last(),
            #[cfg(test)]
            Self::Faulty(faulty) => faulty.acks_last(),
        }
    }

    fn features(&self) -> Option<Features> {
        match self {
            Self::Kernel(_) => None,
            Self::Recording(tape) => Some(tape.features()),
            #[cfg(test)]
            Self::Faulty(faulty) => faulty.features(),
        }
    }

    fn another(&self) -> Option<Self> {
        match self {
            Self::Kernel(socket) => socket.another().map(Self::Kernel),
            // It makes no answers by and by.
            Self::Recording(_) => None,
            #[cfg(test)]
            Self::Faulty(faulty) => faulty.another().map(|faulty| Self::Faulty(Box::new(faulty))),
        }
    }
}
