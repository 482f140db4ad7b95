//! What may go wrong between the library and the kernel: a transport whose calls fail when they are told to.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Received, TooLarge, Transport};
use crate::error::{Errno, Features};
use crate::wire::message::{Messages, forge};

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails, and has done nothing.
    Error(Errno),
    /// The queue had no room for all: the kernel says so before it hands over what is kept, and takes nothing more
    /// until that is read. A send has no memory.
    Overflow(Kept),
    /// What is received is longer than the buffer.
    Truncated,
    /// The kernel refuses what is sent.
    Refused(Errno),
}

/// What a queue that overflows had room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Nothing,
    First,
    AllButLast,
}

/// All that may befall a call.
pub(crate) const FAULTS: [Fault; 11] = [
    Fault::Error(Errno::EINTR),
    Fault::Error(Errno::EAGAIN),
    Fault::Error(Errno::ENOMEM),
    Fault::Error(Errno::EIO),
    Fault::Error(Errno::EPERM),
    Fault::Overflow(Kept::Nothing),
    Fault::Overflow(Kept::First),
    Fault::Overflow(Kept::AllButLast),
    Fault::Truncated,
    Fault::Refused(Errno::EPERM),
    Fault::Refused(Errno::ENOMEM),
];

/// Which calls fail, by their number; each clone is the same plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    calls: usize,
    faults: BTreeMap<usize, Fault>,
    /// From that call on all fail.
    forever: Option<(usize, Fault)>,
}

impl Plan {
    /// Nothing fails but these.
    pub(crate) fn of(faults: impl IntoIterator<Item = (usize, Fault)>) -> Self {
        let state = State { faults: faults.into_iter().collect(), ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// All fails from a call on.
    pub(crate) fn forever(from: usize, fault: Fault) -> Self {
        Self(Arc::new(Mutex::new(State { forever: Some((from, fault)), ..State::default() })))
    }

    /// From now on nothing fails. Returns how many calls there were.
    pub(crate) fn is_over(&self) -> usize {
        let mut state = self.lock();
        (state.faults, state.forever) = (BTreeMap::new(), None);
        state.calls
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What befalls the next call.
    fn next(&self) -> Option<Fault> {
        let mut state = self.lock();
        let call = state.calls;
        state.calls += 1;
        let forever = state.forever.filter(|(from, _)| call >= *from);
        forever.map(|(_, fault)| fault).or_else(|| state.faults.remove(&call))
    }
}

/// Does something again and again: with each call failing in each way, with each two of the first `pairs` calls
/// failing, and with all calls failing from each on. `run` returns how many calls it takes.
pub(crate) fn each_plan(pairs: usize, mut run: impl FnMut(&Plan, &str) -> usize) {
    let calls = run(&Plan::default(), "undisturbed");
    assert!(calls > 0, "there is nothing to fail");
    let mut run = |plan: &Plan, case: String| {
        let calls = run(plan, &case);
        assert!(calls < 5 << 20, "{case}: {calls} calls");
    };
    for call in 0..calls {
        for fault in FAULTS {
            run(&Plan::of([(call, fault)]), format!("{fault:?} at call {call}"));
        }
    }
    for (one, other) in (0..calls.min(pairs)).flat_map(|one| (one + 1..calls.min(pairs) + 1).map(move |n| (one, n))) {
        for (fault, then) in FAULTS.iter().flat_map(|fault| FAULTS.map(|then| (*fault, then))) {
            run(&Plan::of([(one, fault), (other, then)]), format!("{fault:?} at {one}, {then:?} at {other}"));
        }
    }
    for fault in FAULTS {
        let step = match fault {
            // Of an endless queue a million datagrams are read: that takes its time.
            Fault::Overflow(Kept::Nothing) => calls,
            // What is kept is never come to.
            Fault::Overflow(_) => continue,
            _ => 1,
        };
        for call in (0..calls).step_by(step) {
            run(&Plan::forever(call, fault), format!("{fault:?} from call {call} on"));
        }
    }
}

/// A transport whose calls fail as planned.
#[derive(Debug)]
pub(crate) struct Faulty<T> {
    pub(crate) inner: T,
    plan: Plan,
    /// What is received before all that the inner one has.
    queue: VecDeque<Vec<u8>>,
    /// The queue has overflowed, and was not empty since: what the inner one has is lost.
    congested: bool,
    others: Option<Others<T>>,
}

/// Opens more transports like an inner one that cannot do so itself.
struct Others<T>(Arc<dyn Fn() -> T + Send + Sync>);

impl<T> fmt::Debug for Others<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Others")
    }
}

impl<T> Faulty<T> {
    pub(crate) fn new(inner: T, plan: &Plan) -> Self {
        Self { inner, plan: plan.clone(), queue: VecDeque::new(), congested: false, others: None }
    }

    /// Opens [others](Transport::another) that way.
    pub(crate) fn with_others(self, open: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self { others: Some(Others(Arc::new(open))), ..self }
    }
}

impl<T: Transport> Faulty<T> {
    fn take(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        if self.congested {
            self.fetch(buffer);
        }
        let Some(first) = self.queue.pop_front() else { return self.inner.receive(buffer) };
        self.congested &= !self.queue.is_empty();
        Ok(Received::copy(&first, buffer))
    }

    /// Puts what the inner one has into the queue, if that takes it.
    fn fetch(&mut self, buffer: &mut [u8]) {
        while let Ok(received) = self.inner.receive(buffer) {
            if !self.congested {
                self.queue.push_back(buffer[..received.len].to_vec());
            }
        }
    }

    fn overflow(&mut self, kept: Kept, buffer: &mut [u8]) {
        self.fetch(buffer);
        self.queue.truncate(match kept {
            Kept::Nothing => 0,
            Kept::First => 1,
            Kept::AllButLast => self.queue.len().saturating_sub(1),
        });
        self.congested = !self.queue.is_empty();
    }

    /// Refuses a request, behind all that was answered before.
    fn refuse(&mut self, request: &[u8], errno: Errno) {
        self.fetch(&mut vec![0; 64 * 1024]);
        let first = Messages::new(request).next().unwrap().unwrap();
        if !self.congested {
            self.queue.push_back(forge::ack(first.sequence, self.inner.port(), errno.get(), None));
        }
    }
}

impl<T: Transport> Transport for Faulty<T> {
    fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        match self.plan.next() {
            Some(Fault::Error(errno)) => return Err(errno),
            Some(Fault::Overflow(Kept::Nothing)) => return Err(Errno::ENOBUFS),
            Some(Fault::Refused(errno)) => {
                let datagram: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
                self.refuse(&datagram, errno);
                return Ok(());
            }
            Some(Fault::Overflow(_) | Fault::Truncated) | None => {}
        }
        self.inner.send(parts)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        match self.plan.next() {
            // The kernel does not hide what is in the queue: it has answered before the send is over.
            Some(Fault::Error(Errno::EAGAIN)) => self.take(buffer),
            Some(Fault::Error(errno)) => Err(errno),
            Some(Fault::Overflow(kept)) => {
                self.overflow(kept, buffer);
                Err(Errno::ENOBUFS)
            }
            Some(Fault::Truncated) => self.take(buffer).map(|_| Received { len: 2 * buffer.len() }),
            Some(Fault::Refused(_)) | None => self.take(buffer),
        }
    }

    fn reserve_send(&mut self, len: usize) -> Result<(), TooLarge> {
        match self.plan.next() {
            Some(Fault::Error(_)) => Err(TooLarge { needed: len, limit: len / 2 }),
            _ => self.inner.reserve_send(len),
        }
    }

    fn reserve_receive(&mut self, len: usize) {
        self.inner.reserve_receive(len);
    }

    fn port(&self) -> u32 {
        self.inner.port()
    }

    fn acks_last(&self) -> bool {
        self.inner.acks_last()
    }

    fn features(&self) -> Option<Features> {
        self.inner.features()
    }

    fn another(&self) -> Option<Self> {
        match self.plan.next() {
            Some(Fault::Error(_)) => None,
            _ => {
                let inner = self.others.as_ref().map(|others| others.0()).or_else(|| self.inner.another())?;
                Some(Self::new(inner, &self.plan))
            }
        }
    }
}

/// A queue that others fill; each clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(Arc<Mutex<VecDeque<Vec<u8>>>>);

impl Line {
    pub(crate) fn push(&self, datagrams: impl IntoIterator<Item = Vec<u8>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(datagrams);
    }
}

impl Transport for Line {
    fn send(&mut self, _: &[IoSlice<'_>]) -> Result<(), Errno> {
        unreachable!("nothing is asked")
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front().ok_or(Errno::EAGAIN)?;
        Ok(Received::copy(&first, buffer))
    }

    fn port(&self) -> u32 {
        0
    }
}
