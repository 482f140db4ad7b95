//! The netlink socket: what netlink-sys has, and by nix what it lacks.

use std::fs::Metadata;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, NetlinkAddr, getsockopt, recv, recvmsg, send, sendmsg, setsockopt, sockopt};
use nix::sys::utsname::uname;

use crate::engine::{Received, TooLarge, Transport};
use crate::error::Errno;

/// Bytes of the send buffer that the kernel does not let a datagram have.
const OVERHEAD: usize = 32;
/// Bytes up to which it is cheaper to put the parts of a datagram together than to have the kernel gather them.
const SMALL: usize = 1024;

#[derive(Debug)]
pub(crate) struct NetlinkSocket {
    socket: Socket,
    port: u32,
    /// Whether it is in multicast groups.
    listens: bool,
    /// Where the parts of small datagrams are put together.
    small: Vec<u8>,
    /// The sizes of the buffers as the kernel counts them.
    send_buffer: usize,
    receive_buffer: usize,
    /// The network namespace that it is in, if the system tells.
    namespace: Option<NamespaceId>,
    acks_last: bool,
}

/// Whether a kernel of that release acks a batch's end, and nothing that it goes on to refuse. Linux 6.10 to 6.17 do
/// that with batches that they begin again, but for those that were mended, which call themselves nothing else. To look
/// whether something comes behind the ack takes a tenth of a small commit.
fn acks_last(release: &str) -> bool {
    let mut numbers = release.split('.').map(|number| number.parse::<u32>());
    let version = numbers.next().zip(numbers.next());
    matches!(version, Some((Ok(major), Ok(minor))) if (major, minor) >= (6, 18)) && !release.contains("-rc")
}

/// The calling thread's network namespace.
pub(super) const HERE: &str = "/proc/thread-self/ns/net";

/// Tells one network namespace from another, by its place in the file system of namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NamespaceId {
    device: u64,
    inode: u64,
}

impl NamespaceId {
    /// The calling thread's.
    pub(super) fn current() -> Option<Self> {
        std::fs::metadata(HERE).ok().map(|found| Self::of(&found))
    }

    /// That of a file that refers to one.
    pub(super) fn of(file: &Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }
}

impl NetlinkSocket {
    /// Opens a socket in the calling thread's network namespace, which takes what the kernel tells
    /// to multicast groups.
    pub(crate) fn open(groups: &[u32]) -> std::io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        let port = socket.bind_auto()?.port_number();
        // Connected to the kernel, the socket takes nothing from other processes.
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_ext_ack(true)?;
        // Without it each error holds the whole message that it refuses.
        socket.set_cap_ack(true)?;
        for group in groups {
            socket.add_membership(*group)?;
        }
        let send_buffer = getsockopt(&socket, sockopt::SndBuf)?;
        let receive_buffer = getsockopt(&socket, sockopt::RcvBuf)?;
        let (listens, small) = (!groups.is_empty(), Vec::with_capacity(SMALL));
        let namespace = NamespaceId::current();
        let acks_last = uname().is_ok_and(|system| system.release().to_str().is_some_and(acks_last));
        Ok(Self { socket, port, listens, small, send_buffer, receive_buffer, namespace, acks_last })
    }

    /// Bytes that the queue may have, as the kernel counts them.
    pub(crate) fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Waits until there is something to receive, an error included, and returns whether there is.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Result<bool, Errno> {
        let begin = Instant::now();
        loop {
            let left = timeout.map(|timeout| timeout.saturating_sub(begin.elapsed()));
            // Rounded up, for else the last part of a millisecond were spent awake.
            let millis = left.map(|left| left.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i32);
            let millis = millis.map_or(PollTimeout::NONE, |millis| millis.try_into().unwrap_or(PollTimeout::MAX));
            match poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], millis) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(false),
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(errno) => return Err(Errno::from_nix(errno)),
            }
        }
    }
}

impl Transport for NetlinkSocket {
    fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let sent = if parts.iter().map(|part| part.len()).sum::<usize>() <= SMALL {
            self.small.clear();
            parts.iter().for_each(|part| self.small.extend_from_slice(part));
            send(socket, &self.small, flags)
        } else {
            sendmsg::<()>(socket, parts, &[], flags, None)
        };
        sent.map(drop).map_err(Errno::from_nix)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        // MSG_TRUNC makes the call return the datagram's true length.
        let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC);
        // To a connected socket the kernel lets nobody else send: there is no need to ask, which costs time, who did.
        if !self.listens {
            return recv(socket, buffer, flags).map(|len| Received { len }).map_err(Errno::from_nix);
        }
        let mut parts = [IoSliceMut::new(buffer)];
        loop {
            let message = recvmsg::<NetlinkAddr>(socket, &mut parts, None, flags).map_err(Errno::from_nix)?;
            // To multicast groups a privileged process may send, too, connected or not.
            if message.address.is_none_or(|from| from.pid() == 0) {
                return Ok(Received { len: message.bytes });
            }
        }
    }

    fn reserve_send(&mut self, len: usize) -> Result<(), TooLarge> {
        let needed = len.saturating_add(OVERHEAD);
        if needed <= self.send_buffer {
            return Ok(());
        }
        // The kernel doubles what it is given.
        let half = needed.div_ceil(2).min(i32::MAX as usize / 2);
        if setsockopt(&self.socket, sockopt::SndBufForce, &half).is_err() {
            // Without CAP_NET_ADMIN over the machine the system's limit holds.
            let _ = setsockopt(&self.socket, sockopt::SndBuf, &half);
        }
        self.send_buffer = getsockopt(&self.socket, sockopt::SndBuf).unwrap_or(self.send_buffer);
        if needed <= self.send_buffer { Ok(()) } else { Err(TooLarge { needed, limit: self.send_buffer }) }
    }

    fn reserve_receive(&mut self, len: usize) {
        if len <= self.receive_buffer {
            return;
        }
        let half = len.div_ceil(2).min(i32::MAX as usize / 2);
        if setsockopt(&self.socket, sockopt::RcvBufForce, &half).is_err() {
            let _ = setsockopt(&self.socket, sockopt::RcvBuf, &half);
        }
        self.receive_buffer = getsockopt(&self.socket, sockopt::RcvBuf).unwrap_or(self.receive_buffer);
    }

    fn port(&self) -> u32 {
        self.port
    }

    fn acks_last(&self) -> bool {
        self.acks_last
    }

    /// The socket holds its namespace, so that no other can have its place; but the thread may be
    /// in another by now.
    fn another(&self) -> Option<Self> {
        self.namespace.filter(|namespace| NamespaceId::current() == Some(*namespace))?;
        Self::open(&[]).ok()
    }
}

impl AsFd for NetlinkSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::channel::Channel;

    #[test]
    fn connection_knows_what_its_socket_does() {
        let socket = NetlinkSocket::open(&[]).unwrap();
        let known = acks_last(uname().unwrap().release().to_str().unwrap());
        assert_eq!((socket.acks_last, Channel::Kernel(socket).acks_last()), (known, known));
    }

    #[test]
    fn acks_are_believed_of_kernels_that_surely_mean_them() {
        for release in ["6.18.0", "6.18.44-fc-v669", "6.19.1+deb14-amd64", "7.3.4", "10.0"] {
            assert!(acks_last(release), "{release}");
        }
        for release in
            ["6.17.13+deb13-amd64", "6.9", "5.18.0", "4.4.0", "6.18.0-rc1", "7.0.0-rc3", "6", "", "6.x", "v7.1"]
        {
            assert!(!acks_last(release), "{release}");
        }
    }
}
