//! Packet traces: which rules a packet passes, and what becomes of it.
//!
//! A packet is traced from the rule on that says so (`meta nftrace set 1`): the kernel then tells
//! of each rule that matches it, and of each chain that ends. [`Arm`] makes such rules, in a table
//! of its own that is gone with the program; a [`Tracer`] receives what the kernel tells, one
//! [`TraceEvent`] after another; and a [`PacketTracer`] puts together what is of one packet, with
//! the rules.
//!
//! ```no_run
//! use std::net::Ipv4Addr;
//! use nftlink::field::{ip, tcp};
//! use nftlink::trace::{Arm, Traced, Tracer};
//!
//! let mut tracer = Tracer::open()?.packets();
//! let suspect = Ipv4Addr::new(192, 0, 2, 1);
//! let _armed = tracer.arm(&Arm::inet().when(ip::saddr().eq(suspect)).when(tcp::dport().eq(22)))?;
//! loop {
//!     let Traced::Seen(packet) = tracer.receive()? else { continue }; // Some were lost.
//!     if let Some(step) = packet.dropped_at() {
//!         let rule = step.rule().map(|rule| rule.bytecode().to_string());
//!         println!("dropped in {}: {}", step.event().chain(), rule.as_deref().unwrap_or("by its policy"));
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), nftlink::Error>(())
//! ```
//!
//! # What the kernel does not tell
//!
//! - Which packets it dropped elsewhere: for want of a route, a socket, or a right checksum. It
//!   tells only of chains.
//! - Rules that do not match: an expression of theirs ended them.
//! - When a packet has left the last chain. See [`PacketTracer`].
//! - That two packets are the same one, before and after it went over `lo` or through a cable to another
//!   namespace; and what a tunnel carries is another packet, too.

mod arm;
mod event;
#[cfg(test)]
mod fault_tests;
mod headers;
mod packets;
mod rules;

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

pub use arm::{Arm, Armed};
pub use event::{Interface, PacketId, TraceEvent, TraceKind};
pub use headers::{Arp, ArpAddresses, Ether, Headers, Icmp, Icmpv6, Ip, Ip6, Network, Sctp, Tcp, Transport, Udp, Vlan};
pub use packets::{PacketTrace, PacketTracer, Step};

use crate::conn::{Conn, ConnOptions};
use crate::error::Error;
use crate::monitor::socket::{Datagram, EventSocket, Wait};
use crate::rule::RuleInfo;
use crate::wire::message::{Content, Messages};
use rules::Rules;

/// The multicast group of traces (`NFNLGRP_NFTRACE`).
const NFNLGRP_NFTRACE: u32 = 9;
pub(crate) const NFT_MSG_TRACE: u16 = 17;

/// What a tracer receives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Traced<T = TraceEvent> {
    /// An event, or the events of a packet.
    Seen(T),
    /// The kernel tells faster than the program receives: events were lost here. A larger
    /// [receive buffer](ConnOptions::receive_buffer) helps, or a [limit](Arm::limit).
    Overrun,
}

impl<T> Traced<T> {
    /// Returns what was seen, or `None` of an overrun.
    pub fn seen(self) -> Option<T> {
        match self {
            Self::Seen(seen) => Some(seen),
            Self::Overrun => None,
        }
    }
}

/// Tells what happens to each traced packet in a network namespace, whoever had it traced.
///
/// The kernel keeps what a tracer does not receive, as much as its [receive buffer](ConnOptions::receive_buffer) has
/// room for; the tracer itself keeps no events. It blocks only in [`receive`](Self::receive) and
/// [`receive_timeout`](Self::receive_timeout). An event loop waits by itself until the file descriptor ([`AsFd`]) is
/// readable, and then calls [`try_receive`](Self::try_receive) until there is nothing more.
///
/// Its file descriptors are closed on exec; after a fork only one of the processes may use it, since what one receives
/// the other does not. It takes `CAP_NET_ADMIN` over the network namespace to open one.
#[derive(Debug)]
pub struct Tracer {
    feed: Feed,
    conn: Conn,
    rules: Rules,
    options: ConnOptions,
}

impl Tracer {
    /// Opens a tracer in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the kernel has no netlink for netfilter, or without `CAP_NET_ADMIN` (`is_permission_denied`).
    pub fn open() -> Result<Self, Error> {
        ConnOptions::new().tracer()
    }

    /// Waits for the next event.
    ///
    /// # Errors
    ///
    /// - [`Error::Decode`] if an event makes no sense; the next call goes on behind it.
    /// - [`Error::Io`] if the system call fails.
    pub fn receive(&mut self) -> Result<Traced, Error> {
        loop {
            if let Some(traced) = self.next(Wait::Forever)? {
                return Ok(traced);
            }
        }
    }

    /// Waits for the next event at most that long; `None` if there is none by then.
    ///
    /// # Errors
    ///
    /// Those of [`receive`](Self::receive).
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<Option<Traced>, Error> {
        self.next(Wait::at_most(timeout))
    }

    /// Returns the next event if there is one already.
    ///
    /// # Errors
    ///
    /// Those of [`receive`](Self::receive).
    pub fn try_receive(&mut self) -> Result<Option<Traced>, Error> {
        self.next(Wait::Never)
    }

    fn next(&mut self, wait: Wait) -> Result<Option<Traced>, Error> {
        loop {
            match self.feed.next()? {
                Fed::Event(event) => return Ok(Some(Traced::Seen(*event))),
                Fed::Overrun => return Ok(Some(Traced::Overrun)),
                Fed::Drained if !self.feed.socket.wait(wait)? => return Ok(None),
                Fed::Drained => {}
            }
        }
    }

    /// Reads the rule that an event is about, as it is now: `None` if it is gone, and for an event without a rule.
    /// Rules are kept as long as the ruleset stays the same.
    ///
    /// On newer kernels, as Linux 6.18, a rule that is replaced keeps its handle: then this returns the new one.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] or [`Error::Io`] if the kernel does not answer, and [`Error::Inconsistent`] if commits follow
    /// each other too fast.
    pub fn rule(&mut self, event: &TraceEvent) -> Result<Option<Arc<RuleInfo>>, Error> {
        self.rules.get(&mut self.conn, event)
    }

    /// Has the packets that `arm` selects traced, in this tracer's namespace, until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`ConnOptions::arm`].
    pub fn arm(&self, arm: &Arm) -> Result<Armed, Error> {
        self.options.again()?.arm(arm)
    }

    /// Puts together what is of one packet, from now on.
    pub fn packets(self) -> PacketTracer {
        PacketTracer::new(self)
    }
}

impl AsFd for Tracer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.feed.socket.as_fd()
    }
}

impl ConnOptions {
    /// Opens a [`Tracer`] instead of a connection.
    ///
    /// ```no_run
    /// use nftlink::Conn;
    ///
    /// // An event takes about a kilobyte.
    /// let mut tracer = Conn::options().namespace("blue").receive_buffer(64 << 20).tracer()?;
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), and [`Error::Io`] without `CAP_NET_ADMIN` (`is_permission_denied`).
    pub fn tracer(self) -> Result<Tracer, Error> {
        let options = self.pinned()?;
        let socket = EventSocket::open(options.again()?, &[NFNLGRP_NFTRACE])?;
        let feed = Feed { socket, read: VecDeque::new(), overrun: false };
        let conn = options.again()?.open()?;
        Ok(Tracer { feed, conn, rules: Rules::default(), options })
    }
}

/// Events as they come out of the socket.
#[derive(Debug)]
struct Feed {
    socket: EventSocket,
    /// Of the datagram that was read last.
    read: VecDeque<Result<TraceEvent, Error>>,
    /// Events were lost behind those that are in the socket's queue.
    overrun: bool,
}

/// What a [`Feed`] has next.
enum Fed {
    Event(Box<TraceEvent>),
    Overrun,
    /// There is nothing in the socket now.
    Drained,
}

impl Feed {
    fn next(&mut self) -> Result<Fed, Error> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return event.map(|event| Fed::Event(Box::new(event)));
            }
            match self.socket.receive()? {
                Some(Datagram::Bytes(bytes)) => self.read.extend(events(bytes)),
                // What the queue has was sent before: it takes nothing more until it is empty.
                Some(Datagram::Overrun) => self.overrun = true,
                None if std::mem::take(&mut self.overrun) => return Ok(Fed::Overrun),
                None => return Ok(Fed::Drained),
            }
        }
    }
}

/// The events in a datagram.
fn events(datagram: &[u8]) -> impl Iterator<Item = Result<TraceEvent, Error>> + '_ {
    let event = |message: Result<crate::wire::message::Message<'_>, _>| match message.and_then(|m| m.content()) {
        Ok(Content::Nft { kind: NFT_MSG_TRACE, family, attrs, .. }) => Some(TraceEvent::decode(family, attrs)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    };
    Messages::new(datagram).filter_map(event).map(|event| event.map_err(Error::Decode))
}
