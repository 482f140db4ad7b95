//! What is of one packet, put together.

use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arm::{Arm, Armed};
use super::event::{PacketId, TraceEvent};
use super::headers::Headers;
use super::{Fed, Traced, Tracer};
use crate::chain::ChainRef;
use crate::error::Error;
use crate::monitor::socket::Wait;
use crate::rule::RuleInfo;

/// How long nothing is to be heard of a packet before it is given out.
const QUIET: Duration = Duration::from_millis(100);
/// How many packets may be open.
const OPEN: usize = 1024;
/// How many steps all open packets may have together: some ten megabytes.
const STEPS: usize = 1 << 15;

/// Puts the events of each packet together, with the rules that it passed.
///
/// The kernel does not tell when a packet has left the last chain. A packet is given out:
///
/// - when it is dropped, at once;
/// - when nothing was heard of it for a [while](Self::quiet), and nothing is to be received;
/// - when another packet begins that has its number: one that comes to a base chain where it was already;
/// - when [too many](Self::open_packets) are open, the one that was heard of least lately;
/// - when events were lost: all that are open, before the [overrun](Traced::Overrun) is told.
///
/// So a packet that a program holds back in a queue is given out in two parts, if that takes longer than the while.
///
/// An event loop has to call [`try_receive`](Self::try_receive) also when the while is over:
/// [`wakes_at`](Self::wakes_at) tells when.
#[derive(Debug)]
pub struct PacketTracer {
    tracer: Tracer,
    packets: Packets,
}

impl PacketTracer {
    pub(super) fn new(tracer: Tracer) -> Self {
        Self { tracer, packets: Packets::new() }
    }

    /// Sets how long nothing is to be heard of a packet before it is given out, instead of 100 milliseconds.
    pub fn quiet(mut self, quiet: Duration) -> Self {
        self.packets.quiet = quiet;
        self
    }

    /// Sets how many packets may be open at once, instead of 1024.
    pub fn open_packets(mut self, packets: usize) -> Self {
        self.packets.max_open = packets;
        self
    }

    /// Waits for the next packet.
    ///
    /// # Errors
    ///
    /// - [`Error::Decode`] if an event makes no sense; the next call goes on behind it.
    /// - Those of [`Tracer::rule`] if the kernel does not tell a rule; the next call goes on, and the step has no rule.
    /// - [`Error::Io`] if a system call fails.
    pub fn receive(&mut self) -> Result<Traced<PacketTrace>, Error> {
        loop {
            if let Some(packet) = self.next(Wait::Forever)? {
                return Ok(packet);
            }
        }
    }

    /// Waits for the next packet at most that long; `None` if there is none by then.
    ///
    /// # Errors
    ///
    /// Those of [`receive`](Self::receive).
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<Option<Traced<PacketTrace>>, Error> {
        self.next(Wait::at_most(timeout))
    }

    /// Returns the next packet if there is one already.
    ///
    /// # Errors
    ///
    /// Those of [`receive`](Self::receive).
    pub fn try_receive(&mut self) -> Result<Option<Traced<PacketTrace>>, Error> {
        self.next(Wait::Never)
    }

    /// Returns when the next packet is to be given out even if nothing more is heard.
    pub fn wakes_at(&self) -> Option<Instant> {
        self.packets.expires()
    }

    /// Has the packets that `arm` selects traced, in this tracer's namespace, until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`ConnOptions::arm`](crate::ConnOptions::arm).
    pub fn arm(&self, arm: &Arm) -> Result<Armed, Error> {
        self.tracer.arm(arm)
    }

    fn next(&mut self, wait: Wait) -> Result<Option<Traced<PacketTrace>>, Error> {
        loop {
            if let Some(packet) = self.packets.pop() {
                return Ok(Some(packet));
            }
            match self.tracer.feed.next()? {
                Fed::Event(event) => {
                    let rule = self.tracer.rule(&event);
                    let (rule, failed) = match rule {
                        Ok(rule) => (rule, None),
                        Err(error) => (None, Some(error)),
                    };
                    self.packets.in_doubt = self.tracer.feed.overrun;
                    self.packets.step(Step { event: *event, rule }, Instant::now());
                    if let Some(error) = failed {
                        return Err(error);
                    }
                }
                Fed::Overrun => self.packets.overrun(),
                Fed::Drained => {
                    self.packets.drained(Instant::now());
                    if !self.packets.is_ready() && !self.wait(wait)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Waits for an event or for a packet to expire; false if neither comes in time.
    fn wait(&self, wait: Wait) -> Result<bool, Error> {
        let Some(expires) = self.packets.expires() else { return self.tracer.feed.socket.wait(wait) };
        match wait {
            Wait::Never => Ok(false),
            Wait::Until(end) if end < expires => self.tracer.feed.socket.wait(wait),
            Wait::Until(_) | Wait::Forever => self.tracer.feed.socket.wait(Wait::Until(expires)).map(|_| true),
        }
    }
}

impl AsFd for PacketTracer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tracer.as_fd()
    }
}

/// What happened to a packet at one rule, or at the end of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    event: TraceEvent,
    rule: Option<Arc<RuleInfo>>,
}

impl Step {
    /// Returns what the kernel told.
    pub fn event(&self) -> &TraceEvent {
        &self.event
    }

    /// Returns the rule, as it was when the event was received: with its bytecode and its comment. `None` if it was
    /// gone by then, and for an event without a rule.
    pub fn rule(&self) -> Option<&RuleInfo> {
        self.rule.as_deref()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.event)?;
        match self.rule().and_then(RuleInfo::comment) {
            Some(comment) => write!(f, " comment {comment:?}"),
            None => Ok(()),
        }
    }
}

/// What happened to a packet, in order: all rules that it matched, in all chains.
///
/// It displays as its steps, one on each line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketTrace {
    id: PacketId,
    steps: Vec<Step>,
    is_complete: bool,
}

impl PacketTrace {
    /// Returns the packet's number.
    pub fn id(&self) -> PacketId {
        self.id
    }

    /// Returns what happened, in order; there is at least one.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns the packet's headers, as they were at first: translation of addresses changes them. Those of other hooks
    /// the first [event](TraceEvent::headers) there has.
    pub fn headers(&self) -> Option<Headers> {
        self.steps.iter().find_map(|step| step.event.headers())
    }

    /// Returns where the packet was dropped, if it was dropped in a chain: by a rule, or by a policy.
    pub fn dropped_at(&self) -> Option<&Step> {
        self.steps.last().filter(|step| step.event.is_drop())
    }

    /// Whether nothing can be missing: it is false if events were lost, and maybe of this packet, if the kernel tells
    /// of more than the memory for it holds, or if the first event was none that begins a base chain.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }
}

impl fmt::Display for PacketTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.steps.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

/// A packet that may go on.
#[derive(Debug)]
struct Open {
    packet: PacketTrace,
    heard: Instant,
}

impl Open {
    /// Whether the packet has been to that base chain.
    fn began_in(&self, chain: &ChainRef) -> bool {
        let mut beginnings = self.packet.steps.iter().filter(|step| step.event.has_headers());
        beginnings.any(|step| step.event.chain() == chain)
    }
}

/// The packets that are open, and those to be given out.
#[derive(Debug)]
struct Packets {
    quiet: Duration,
    max_open: usize,
    max_steps: usize,
    /// Those that were heard of last are the last.
    open: VecDeque<Open>,
    /// Of all that are open.
    steps: usize,
    /// Events were lost, maybe already before those that come now.
    in_doubt: bool,
    ready: VecDeque<Traced<PacketTrace>>,
}

impl Packets {
    fn new() -> Self {
        let (open, ready) = (VecDeque::new(), VecDeque::new());
        Self { quiet: QUIET, max_open: OPEN, max_steps: STEPS, open, steps: 0, in_doubt: false, ready }
    }

    fn pop(&mut self) -> Option<Traced<PacketTrace>> {
        self.ready.pop_front()
    }

    fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    fn expires(&self) -> Option<Instant> {
        self.open.front().and_then(|open| open.heard.checked_add(self.quiet))
    }

    fn step(&mut self, step: Step, now: Instant) {
        let (id, is_final, begins) = (step.event.id(), step.event.is_final(), step.event.has_headers());
        // Most events are of the packet that was heard of last.
        let mut known = self.open.iter().rposition(|open| open.packet.id == id);
        if let Some(at) = known.filter(|&at| begins && self.open[at].began_in(step.event.chain())) {
            self.close(at, true);
            known = None;
        }
        let mut open = known
            .and_then(|at| self.open.remove(at))
            .unwrap_or_else(|| Open { packet: PacketTrace { id, steps: Vec::new(), is_complete: begins }, heard: now });
        open.heard = now;
        open.packet.steps.push(step);
        open.packet.is_complete &= !self.in_doubt;
        self.open.push_back(open);
        self.steps += 1;
        if is_final {
            self.close(self.open.len() - 1, true);
        }
        while self.open.len() > self.max_open {
            self.close(0, true);
        }
        while self.steps > self.max_steps {
            self.close(0, false);
        }
    }

    /// Gives a packet out.
    fn close(&mut self, at: usize, whole: bool) {
        let Some(Open { mut packet, .. }) = self.open.remove(at) else { return };
        self.steps -= packet.steps.len();
        packet.is_complete &= whole && !self.in_doubt;
        self.ready.push_back(Traced::Seen(packet));
    }

    /// Nothing is to be received.
    fn drained(&mut self, now: Instant) {
        while self.expires().is_some_and(|expires| expires <= now) {
            self.close(0, true);
        }
    }

    /// Events were lost between those that were received and those to come.
    fn overrun(&mut self) {
        while !self.open.is_empty() {
            self.close(0, false);
        }
        self.ready.push_back(Traced::Overrun);
    }
}

#[cfg(test)]
#[path = "packets_tests.rs"]
mod tests;
