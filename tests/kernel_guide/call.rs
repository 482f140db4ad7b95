//! A TCP connection that lasts, to see whether anything ends it.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::Duration;

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrStorage};

use crate::support::lab::Namespace;

/// Longer than a few retransmissions take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a server that says what it hears.
pub(crate) struct Call(TcpStream);

impl Call {
    /// Calls `to`, which leads to the address of `at`.
    pub(crate) fn start(
        from: (&Namespace, impl Into<IpAddr>),
        to: impl Into<SocketAddr>,
        at: (&Namespace, impl Into<SocketAddr>),
    ) -> Self {
        let (from, caller, to, address) = (from.0, SocketAddr::new(from.1.into(), 0), to.into(), at.1.into());
        let listener = at.0.run(|| TcpListener::bind(address)).unwrap();
        // It ends with the call, whose end it reads.
        thread::spawn(move || listener.accept().and_then(|(line, _)| io::copy(&mut &line, &mut &line)));
        let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let socket = from.run(|| socket::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)).unwrap();
        // std cannot bind a socket before it connects.
        socket::bind(socket.as_raw_fd(), &SockaddrStorage::from(caller)).unwrap();
        socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(to)).unwrap();
        let line = TcpStream::from(socket);
        line.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(line)
    }

    /// Says a word and waits for its echo.
    #[track_caller]
    pub(crate) fn goes_on(&mut self) {
        let mut echo = [0; 5];
        self.0.write_all(b"hello").and_then(|()| self.0.read_exact(&mut echo)).expect("the connection goes on");
        assert_eq!(&echo, b"hello");
    }
}
