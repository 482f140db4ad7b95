//! A netlink socket with nothing around it: that of the floor, and of peers whose own do not hold the larger workloads.

use std::io::{Error, Result};
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};

use crate::messages;

/// What a listing is received in: the kernel makes its datagrams no larger than 32 KiB.
pub const BUFFER: usize = 64 * 1024;
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// A netlink socket of nf_tables.
#[derive(Debug)]
pub struct Socket(OwnedFd);

fn checked(result: isize) -> Result<usize> {
    usize::try_from(result).map_err(|_| Error::last_os_error())
}

impl Socket {
    /// Opens it in this process's namespace.
    ///
    /// # Errors
    ///
    /// Those of the calls.
    pub fn open() -> Result<Self> {
        // SAFETY: the calls get what they want, and the descriptor is new and nobody else's.
        unsafe {
            let fd = libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_NETFILTER);
            let socket = OwnedFd::from_raw_fd(checked(fd as isize)? as i32);
            let mut address: libc::sockaddr_nl = std::mem::zeroed();
            address.nl_family = libc::AF_NETLINK as u16;
            let len = size_of::<libc::sockaddr_nl>() as u32;
            checked(libc::bind(fd, (&raw const address).cast(), len) as isize)?;
            checked(libc::connect(fd, (&raw const address).cast(), len) as isize)?;
            let socket = Self(socket);
            socket.set(libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1)?;
            socket.set(libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, 1)?;
            Ok(socket)
        }
    }

    fn set(&self, level: i32, option: i32, value: i32) -> Result<()> {
        // SAFETY: the pointer and the length are of the value.
        let result = unsafe {
            libc::setsockopt(self.0.as_raw_fd(), level, option, (&raw const value).cast(), size_of::<i32>() as u32)
        };
        checked(result as isize).map(drop)
    }

    /// Makes the send buffer hold a datagram, if that is allowed.
    pub fn reserve(&self, len: usize) {
        self.set_buffer((libc::SO_SNDBUFFORCE, libc::SO_SNDBUF), len + 32);
    }

    /// Makes the queue hold so many acks, if that is allowed.
    pub fn reserve_acks(&self, acks: u64) {
        self.set_buffer((libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (acks as usize + 100) * 1024);
    }

    fn set_buffer(&self, (force, plain): (i32, i32), len: usize) {
        // The kernel doubles what it is given.
        let half = i32::try_from(len.div_ceil(2)).unwrap_or(i32::MAX).min(i32::MAX / 2);
        if self.set(libc::SOL_SOCKET, force, half).is_err() {
            let _ = self.set(libc::SOL_SOCKET, plain, half);
        }
    }

    /// Sends the parts of one datagram.
    ///
    /// # Errors
    ///
    /// Those of `sendmsg`.
    pub fn send(&self, parts: &[&[u8]]) -> Result<()> {
        let mut parts: Vec<libc::iovec> = parts
            .iter()
            .map(|part| libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() })
            .collect();
        self.send_parts(&mut parts)
    }

    fn send_parts(&self, parts: &mut [libc::iovec]) -> Result<()> {
        // SAFETY: the message's parts are in memory that is borrowed, and the kernel only reads them.
        let sent = unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = parts.as_mut_ptr();
            message.msg_iovlen = parts.len();
            libc::sendmsg(self.0.as_raw_fd(), &raw const message, 0)
        };
        checked(sent).map(drop)
    }

    /// Receives a datagram.
    ///
    /// # Errors
    ///
    /// Those of `recv`.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
        // SAFETY: the kernel writes no more than the buffer holds.
        let len = unsafe { libc::recv(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        checked(len).map(|len| &buffer[..len])
    }

    /// Waits for that many acks; other answers do not count.
    ///
    /// # Errors
    ///
    /// What the kernel refuses, and those of `recv`.
    pub fn take_acks(&self, mut acks: u64, buffer: &mut [u8]) -> Result<()> {
        while acks > 0 {
            for (_, value) in messages(self.receive(buffer)?).filter(|(kind, _)| *kind == ERROR) {
                match value {
                    [0, 0, 0, 0, ..] => acks -= 1,
                    [a, b, c, d, ..] => return Err(Error::from_raw_os_error(-i32::from_ne_bytes([*a, *b, *c, *d]))),
                    _ => return Err(Error::other("a short answer")),
                }
            }
        }
        Ok(())
    }

    /// Sends a transaction and waits for its one ack.
    ///
    /// # Errors
    ///
    /// What the kernel refuses, and those of the calls.
    pub fn commit(&self, bytes: &[u8], buffer: &mut [u8]) -> Result<()> {
        // No vector: the floor allocates nothing.
        self.send_parts(&mut [libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }])?;
        self.take_acks(1, buffer)
    }

    /// Asks, and hands over each datagram until the last one; decodes nothing.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, and those of the calls.
    pub fn dump(&self, request: &[u8], buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> Result<()> {
        self.send(&[request])?;
        loop {
            let datagram = self.receive(buffer)?;
            take(datagram);
            match messages(datagram).last() {
                Some((DONE, _)) => return Ok(()),
                None | Some((ERROR, _)) => return Err(Error::other("the kernel refuses the listing")),
                Some(_) => {}
            }
        }
    }

    /// Asks for one thing, and hands over its attributes.
    ///
    /// # Errors
    ///
    /// If the kernel has no such thing, and those of the calls.
    pub fn one<T>(&self, request: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        self.send(&[request])?;
        let mut buffer = vec![0; BUFFER];
        match messages(self.receive(&mut buffer)?).next() {
            Some((kind, value)) if kind != ERROR && value.len() >= 4 => Ok(read(&value[4..])),
            _ => Err(Error::other("the kernel has no such thing")),
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
