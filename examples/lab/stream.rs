//! A sender that never stops: what passes while the ruleset changes, and what does not.

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::socket::{self, sockopt};

use super::{LabError, Namespace, PATIENCE, TICK};

/// What a receiver may be behind: some thousand datagrams, in case nothing lets it run for a while.
const BUFFER: usize = 4 * 1024 * 1024;

/// How long [`Stream::wait_for`] waits before it takes a stream for dead.
const ALIVE: Duration = Duration::from_secs(20);

/// Numbered UDP datagrams from one namespace to another, until it is stopped.
///
/// Sender and receiver have a thread each, which sleeps whenever there is nothing to do. Several streams may run at
/// once, each to a port of its own.
///
/// ```ignore
/// let stream = Stream::start((&client, client_address), (&server, server_address), Duration::from_micros(500))?;
/// stream.wait_for(10);
/// let flow = stream.stop();
/// assert_eq!(flow.lost(), []);
/// ```
#[derive(Debug)]
pub struct Stream {
    from: SocketAddr,
    shared: Arc<Shared>,
    sender: Option<JoinHandle<()>>,
    receiver: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    sent: AtomicU64,
    refused: Mutex<Vec<(u64, io::ErrorKind)>>,
    arrived: Mutex<Vec<(u64, Instant)>>,
    stop_sending: AtomicBool,
    stop_receiving: AtomicBool,
}

/// What became of a [`Stream`].
#[derive(Debug, Clone)]
pub struct Flow {
    /// How many datagrams were sent, or tried to: their numbers are from 0 up to this, without it.
    pub sent: u64,
    /// The numbers that the sender's own kernel refused to send, in their order.
    pub refused: Vec<(u64, io::ErrorKind)>,
    /// The numbers that arrived and when, in the order they did.
    pub arrived: Vec<(u64, Instant)>,
}

impl Flow {
    /// The numbers that did not arrive, in their order.
    pub fn lost(&self) -> Vec<u64> {
        let arrived: BTreeSet<u64> = self.arrived.iter().map(|(number, _)| *number).collect();
        (0..self.sent).filter(|number| !arrived.contains(number)).collect()
    }
}

impl Stream {
    /// Sends a datagram to the address of `to` each time `every` has passed, from the address of `from`, where port 0
    /// stands for any free one.
    ///
    /// # Errors
    ///
    /// If a namespace does not have its address, or a port is taken.
    pub fn start(
        from: (&Namespace, impl Into<SocketAddr>),
        to: (&Namespace, impl Into<SocketAddr>),
        every: Duration,
    ) -> Result<Self, LabError> {
        let at = to.1.into();
        Self::translated(from, at, (to.0, at), every)
    }

    /// [`start`](Self::start), where the datagrams sent to `destination` are to arrive at another address.
    ///
    /// # Errors
    ///
    /// If a namespace does not have its address, or a port is taken.
    pub fn translated(
        from: (&Namespace, impl Into<SocketAddr>),
        destination: impl Into<SocketAddr>,
        at: (&Namespace, impl Into<SocketAddr>),
        every: Duration,
    ) -> Result<Self, LabError> {
        // Datagrams of a stream that went the wrong way are not another's.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let stream = NEXT.fetch_add(1, Ordering::Relaxed);
        let (destination, from_address, at_address) = (destination.into(), from.1.into(), at.1.into());
        let bind = |namespace: &Namespace, address: SocketAddr| {
            let socket = namespace.run(|| UdpSocket::bind(address));
            socket.map_err(|error| LabError::new(format_args!("a stream at {address}"), error))
        };
        let (sender, receiver) = (bind(from.0, from_address)?, bind(at.0, at_address)?);
        let address = sender.local_addr().map_err(|error| LabError::new("a stream's address", error))?;
        // Not everybody may have more than the system's limit.
        if socket::setsockopt(&receiver, sockopt::RcvBufForce, &BUFFER).is_err() {
            let _ = socket::setsockopt(&receiver, sockopt::RcvBuf, &BUFFER);
        }
        receiver.set_read_timeout(Some(TICK)).map_err(|error| LabError::new("a stream's timeout", error))?;

        let shared = Arc::<Shared>::default();
        let (of_sender, of_receiver) = (Arc::clone(&shared), Arc::clone(&shared));
        Ok(Self {
            from: address,
            shared,
            receiver: Some(thread::spawn(move || of_receiver.receive(&receiver, stream))),
            sender: Some(thread::spawn(move || of_sender.send(&sender, destination, stream, every))),
        })
    }

    /// The address that the datagrams come from.
    pub fn from(&self) -> SocketAddr {
        self.from
    }

    /// How many datagrams have been sent, or tried to.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Acquire)
    }

    /// How many datagrams have arrived.
    pub fn arrived(&self) -> usize {
        lock(&self.shared.arrived).len()
    }

    /// Waits until so many more datagrams have been sent; whether they arrive is another matter.
    ///
    /// # Panics
    ///
    /// If that takes more than a while.
    #[track_caller]
    pub fn wait_for(&self, more: u64) {
        Self::wait_for_all([self], more);
    }

    /// Waits until each of several streams has sent so many more datagrams.
    ///
    /// # Panics
    ///
    /// If that takes more than a while.
    #[track_caller]
    pub fn wait_for_all<'a>(streams: impl IntoIterator<Item = &'a Self>, more: u64) {
        let waiting: Vec<_> = streams.into_iter().map(|stream| (stream, stream.sent() + more)).collect();
        let begin = Instant::now();
        for (stream, until) in waiting {
            while stream.sent() < until {
                assert!(begin.elapsed() < ALIVE, "the stream from {} has died", stream.from);
                thread::sleep(Duration::from_micros(200));
            }
        }
    }

    /// Stops the sender, waits until nothing comes any more, and tells what became of all.
    pub fn stop(mut self) -> Flow {
        self.end(PATIENCE);
        Flow {
            sent: self.sent(),
            refused: std::mem::take(&mut lock(&self.shared.refused)),
            arrived: std::mem::take(&mut lock(&self.shared.arrived)),
        }
    }

    fn end(&mut self, patience: Duration) {
        self.shared.stop_sending.store(true, Ordering::Relaxed);
        // If a thread has panicked, its message is out already.
        let _ = self.sender.take().map(JoinHandle::join);
        let last = self.sent().checked_sub(1);
        let (mut seen, mut quiet_since) = (self.arrived(), Instant::now());
        while quiet_since.elapsed() < patience {
            if lock(&self.shared.arrived).last().map(|(number, _)| *number) == last {
                break;
            }
            thread::sleep(Duration::from_millis(1));
            if self.arrived() != seen {
                (seen, quiet_since) = (self.arrived(), Instant::now());
            }
        }
        self.shared.stop_receiving.store(true, Ordering::Relaxed);
        let _ = self.receiver.take().map(JoinHandle::join);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.sender.is_some() {
            self.end(Duration::ZERO);
        }
    }
}

impl Shared {
    fn send(&self, socket: &UdpSocket, to: SocketAddr, stream: u64, every: Duration) {
        let mut number: u64 = 0;
        while !self.stop_sending.load(Ordering::Relaxed) {
            let datagram = [stream.to_le_bytes(), number.to_le_bytes()].concat();
            if let Err(error) = socket.send_to(&datagram, to) {
                lock(&self.refused).push((number, error.kind()));
            }
            number += 1;
            self.sent.store(number, Ordering::Release);
            // Counted from now: whoever was late does not hurry, which would flood the receiver.
            thread::sleep(every);
        }
    }

    fn receive(&self, socket: &UdpSocket, stream: u64) {
        let mut datagram = [0; 16];
        while !self.stop_receiving.load(Ordering::Relaxed) {
            // A timeout is a tick.
            let Ok(16) = socket.recv(&mut datagram) else { continue };
            let (id, number) = datagram.split_at(8);
            if id == stream.to_le_bytes() {
                let number = number.try_into().map(u64::from_le_bytes).unwrap_or_default();
                lock(&self.arrived).push((number, Instant::now()));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
