//! Where events become batches, are committed, and learn what became of them.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::outcome::{Outcome, caught};
use crate::batch::Batch;
use crate::conn::Conn;
use crate::error::{Errno, Error, Op, Stage};

/// An event that waits, or is being committed.
pub(super) struct Event {
    add: Box<dyn Fn(&mut Batch) + Send>,
    outcome: Arc<Outcome>,
    told: Cell<bool>,
    /// When it came, if that matters.
    pub(super) since: Option<Instant>,
}

impl Event {
    pub(super) fn new(add: Box<dyn Fn(&mut Batch) + Send>, outcome: Arc<Outcome>, since: Option<Instant>) -> Self {
        Self { add, outcome, told: Cell::new(false), since }
    }

    fn tell(&self, outcome: Result<(), Error>) {
        if !self.told.replace(true) {
            self.outcome.tell(outcome);
        }
    }

    /// Has the event fill a batch of its own, which goes on where another one ends.
    fn build(&self, part: &mut Batch, after: u32) -> Result<(), Error> {
        part.begin_after(after);
        if let Err(message) = caught(|| (self.add)(part)) {
            // It may be in the midst of an attribute.
            *part = Batch::new();
            return Err(Error::EventPanicked { message });
        }
        match part.mistake() {
            Some(mistake) => Err(Error::Build(Box::new(mistake.clone()))),
            None => Ok(()),
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // Nobody waits for ever.
        self.tell(Err(Error::WriterEnded));
    }
}

/// The connection with all that is needed to commit events; whoever has it is the one who does.
pub(super) struct Desk {
    conn: Conn,
    max_bytes: usize,
    /// Those that are to be committed now.
    pub(super) events: Vec<Event>,
    batch: Batch,
    /// What one event adds to it.
    part: Batch,
    /// For each event that the batch is made from, which operation is its first.
    firsts: Vec<usize>,
    /// What is still to be done, the next last.
    todo: Vec<Part>,
}

/// Events in a row, which are to be committed together.
struct Part {
    range: Range<usize>,
    /// Of an event that a refusal named: where the batch ended that was refused.
    named_until: Option<usize>,
}

impl Part {
    fn of(range: Range<usize>) -> Self {
        Self { range, named_until: None }
    }
}

impl Desk {
    pub(super) fn new(conn: Conn, max_bytes: usize) -> Self {
        Self {
            conn,
            max_bytes,
            events: Vec::new(),
            batch: Batch::new(),
            part: Batch::new(),
            firsts: Vec::new(),
            todo: Vec::new(),
        }
    }

    pub(super) fn into_conn(self) -> Conn {
        self.conn
    }

    /// Commits the events that are there and tells their outcomes.
    pub(super) fn work(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        // What is caught here is a mistake of this library's: those who are not told yet are, when they are dropped.
        let _ = caught(|| self.settle(&events));
        for event in events.drain(..) {
            // What an event has captured is a stranger's, and so is the end of that.
            let _ = caught(|| drop(event));
        }
        self.events = events;
    }

    /// Commits events in their order, in as few batches as it takes.
    ///
    /// Whatever is refused as a whole is committed in parts, one after the other. So each event meets what all before
    /// it have made, as if each had been committed by itself.
    fn settle(&mut self, events: &[Event]) {
        self.todo.clear();
        self.todo.push(Part::of(0..events.len()));
        while let Some(Part { range, named_until }) = self.todo.pop() {
            let count = self.fill(&events[range.clone()]);
            let done = range.start..range.start + count;
            if done.end < range.end {
                self.todo.push(Part::of(done.end..range.end));
            }
            let here = &events[done.clone()];
            match self.conn.commit(&self.batch) {
                Ok(()) => {
                    here.iter().for_each(|event| event.tell(Ok(())));
                    // It was innocent: what the batch said of those behind it is not to be relied on.
                    if let Some(end) = named_until {
                        self.rejoin(done.end, end);
                    }
                }
                Err(error) => self.refused(here, done, &error),
            }
        }
    }

    /// Makes one batch of as many events as it may have, and returns how many these are. What is wrong with
    /// one by itself it is told.
    fn fill(&mut self, events: &[Event]) -> usize {
        self.batch.clear();
        self.firsts.clear();
        for (n, event) in events.iter().enumerate() {
            self.firsts.push(self.batch.len());
            if event.told.get() {
                continue;
            }
            let after = self.batch.last_sequence();
            if let Err(error) = event.build(&mut self.part, after) {
                event.tell(Err(error));
                continue;
            }
            let len = self.batch.as_bytes().len() + self.part.as_bytes().len();
            // An event may also put a batch of its own in the place of the one that it was given.
            let fits = len <= self.max_bytes && self.part.is_after(after);
            if !fits && !self.batch.is_empty() {
                return n;
            }
            self.batch.take_in(&self.part);
        }
        events.len()
    }

    /// Decides what to do about events whose batch was refused.
    fn refused(&mut self, events: &[Event], range: Range<usize>, error: &Error) {
        let several = events.iter().filter(|event| !event.told.get()).nth(1).is_some();
        let divisible = match error {
            Error::Rejected(_) | Error::Unsupported { .. } | Error::TooLarge { .. } => true,
            // For fewer there may be memory.
            Error::Commit(error) => error.stage == Stage::Commit || error.errno == Errno::ENOMEM,
            // Nothing that events do about it would change it, or nobody knows what became of them.
            _ => false,
        };
        if !several || !divisible {
            return events.iter().for_each(|event| event.tell(Err(error.clone())));
        }
        let mut named: Vec<usize> = error.rejections().filter_map(|refused| self.event_of(refused.op())).collect();
        named.dedup();
        if named.is_empty() {
            let middle = range.start + range.len() / 2;
            return self.todo.extend([Part::of(middle..range.end), Part::of(range.start..middle)]);
        }
        // Each that was named is committed once more, alone, when those before it are: only then it is known what
        // the kernel says to it. A refusal may be due to what another one that is refused has done.
        let mut end = range.end;
        for at in named.into_iter().rev().map(|n| range.start + n) {
            self.todo.push(Part::of(at + 1..end));
            self.todo.push(Part { range: at..at + 1, named_until: Some(range.end) });
            end = at;
        }
        self.todo.push(Part::of(range.start..end));
    }

    /// Makes one part again of those that are to be done next, up to an end.
    fn rejoin(&mut self, start: usize, end: usize) {
        while self.todo.last().is_some_and(|next| next.range.end <= end) {
            self.todo.pop();
        }
        self.todo.push(Part::of(start..end));
    }

    /// Which of the events of the batch an operation belongs to.
    fn event_of(&self, op: Op) -> Option<usize> {
        self.firsts.partition_point(|&first| first <= op.index()).checked_sub(1)
    }
}
