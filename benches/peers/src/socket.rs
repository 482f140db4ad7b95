//! A netlink socket with nothing around it.

use std::io::{Error, Result};
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context as _, bail};

use crate::wire;

/// What a listing is received in: the kernel makes its datagrams no larger than 32 KiB.
pub const BUFFER: usize = 64 * 1024;
const ERROR: u16 = 2;
const DONE: u16 = 3;

pub struct Socket(OwnedFd);

fn checked(result: isize) -> Result<usize> {
    usize::try_from(result).map_err(|_| Error::last_os_error())
}

impl Socket {
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
        let half = (len + 32).div_ceil(2) as i32;
        if self.set(libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, half).is_err() {
            let _ = self.set(libc::SOL_SOCKET, libc::SO_SNDBUF, half);
        }
    }

    pub fn send(&self, bytes: &[u8]) -> Result<()> {
        let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        // SAFETY: the message's only part is the bytes, which the kernel reads.
        let sent = unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut part;
            message.msg_iovlen = 1;
            libc::sendmsg(self.0.as_raw_fd(), &raw const message, 0)
        };
        checked(sent).map(drop)
    }

    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
        // SAFETY: the kernel writes no more than the buffer holds.
        let len = unsafe { libc::recv(self.0.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        checked(len).map(|len| &buffer[..len])
    }

    /// Sends a transaction and waits for its one ack.
    pub fn commit(&self, bytes: &[u8], buffer: &mut [u8]) -> anyhow::Result<()> {
        self.send(bytes).context("sending")?;
        match wire::messages(self.receive(buffer).context("receiving")?).next() {
            Some((ERROR, [0, 0, 0, 0, ..])) => Ok(()),
            Some((ERROR, [a, b, c, d, ..])) => Err(Error::from_raw_os_error(-i32::from_ne_bytes([*a, *b, *c, *d])))
                .context("the kernel refuses the transaction"),
            _ => bail!("the kernel answers something else than an ack"),
        }
    }

    /// Asks, and hands over each datagram until the last one; decodes nothing.
    pub fn dump(&self, request: &[u8], buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> anyhow::Result<()> {
        self.send(request).context("asking")?;
        loop {
            let datagram = self.receive(buffer).context("receiving a listing")?;
            let Some((last, value)) = wire::messages(datagram).last() else { bail!("an empty datagram") };
            take(datagram);
            match last {
                DONE => return Ok(()),
                ERROR => bail!("the kernel refuses the listing: {value:?}"),
                _ => {}
            }
        }
    }

    /// Asks for one thing, and hands over its attributes.
    pub fn one<T>(&self, request: &[u8], read: impl FnOnce(&[u8]) -> T) -> anyhow::Result<T> {
        self.send(request).context("asking")?;
        let mut buffer = vec![0; BUFFER];
        match wire::messages(self.receive(&mut buffer)?).next() {
            Some((kind, value)) if kind != ERROR && value.len() >= 4 => Ok(read(&value[4..])),
            other => bail!("the kernel answers {other:?}"),
        }
    }
}
