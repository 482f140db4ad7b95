//! A dump that is read answer by answer, and may be left half-way.

use std::ops::Range;

use super::Transport;
use super::link::{BUFFER_MAX, Link, QUEUE_MAX, another, make_room, receive, send};
use super::query::{Answers, Progress, Query, Step};
use crate::error::{Errno, Error, QueryError};
use crate::wire::Family;
use crate::wire::keyed::Sequence;
use crate::wire::message::{HEADER_LEN, Messages};

/// Notes the identity of each thing that an answer tells of.
pub(crate) type Identify = fn(&[u8], &mut Sequence);

/// The answers to a query, one at a time, from the buffer of the link.
///
/// The kernel makes the answers as they are received, and one dump at a time for each socket. So
/// a dump has a socket of its own, where the link's transport can open one: closed, it ends the
/// dump. On the link's socket what is left of a dump has to be read before anything else.
#[derive(Debug)]
pub(crate) struct Dump<'a, T: Transport> {
    link: &'a mut Link<T>,
    own: Option<T>,
    query: Query,
    what: Box<str>,
    answers: Answers,
    /// What of the buffer was received and not read yet.
    unread: Range<usize>,
    len: usize,
    done: bool,
    generation: u32,
    told: Told,
    /// What is told may move at any time.
    restless: bool,
    /// A snapshot has to know whether it is whole.
    open: bool,
}

/// What was told, in its order, so that it can be compared with another reading.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    identify: Identify,
    /// What somebody who chooses names and elements cannot foresee.
    things: Sequence,
}

impl Told {
    pub(crate) fn new(identify: Identify) -> Self {
        Self { identify, things: Sequence::new() }
    }

    /// Nothing, to be compared with this one.
    pub(crate) fn again(&self) -> Self {
        Self { things: self.things.again(), ..*self }
    }

    /// Notes what an answer tells of.
    pub(crate) fn note(&mut self, attrs: &[u8]) {
        (self.identify)(attrs, &mut self.things);
    }

    /// Notes what an answer was that said so.
    fn note_number(&mut self, table: &[u8], number: u64) {
        self.things.note_both(table, &number.to_le_bytes());
    }

    fn count(&self) -> u64 {
        self.things.count()
    }
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        self.things == other.things
    }
}

/// An answer: its family, and where its attributes are in the buffer.
pub(crate) type Answer = (Family, Range<usize>);

impl<'a, T: Transport> Dump<'a, T> {
    /// Asks, when the commit of the current generation is over and `check` has looked at what is asked for.
    pub(crate) fn begin(
        link: &'a mut Link<T>,
        query: Query,
        what: impl Into<Box<str>>,
        identify: Identify,
        check: impl FnOnce(&mut Link<T>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let generation = link.generation()?;
        link.reads_anew();
        check(link)?;
        let own = another(&link.transport, &mut link.buffer);
        let answers = Answers::new(&query, 0, 0, None);
        let (what, told) = (what.into(), Told::new(identify));
        let (unread, len, done) = (0..0, 0, false);
        let mut dump =
            Self { link, own, query, what, answers, unread, len, done, generation, told, restless: false, open: false };
        dump.ask()?;
        Ok(dump)
    }

    fn ask(&mut self) -> Result<(), Error> {
        let sequence = self.link.next_sequence();
        let request = self.query.encode(sequence);
        let parts = [std::io::IoSlice::new(&request)];
        let (sent, port) = match &mut self.own {
            Some(own) => (send(own, &parts), own.port()),
            None => {
                self.link.drain()?;
                self.link.dirty = true;
                (send(&mut self.link.transport, &parts), self.link.transport.port())
            }
        };
        self.answers = Answers::new(&self.query, sequence, port, Some(self.generation));
        (self.unread, self.len, self.done) = (0..0, 0, false);
        sent.map_err(|errno| self.failed(errno))
    }

    fn failed(&self, errno: Errno) -> Error {
        Error::Query(Box::new(QueryError { what: self.what.clone(), errno }))
    }

    /// Says that what is told may move within a datagram, too.
    pub(crate) fn restless(mut self, restless: bool) -> Self {
        self.restless = restless;
        self
    }

    fn may_have_moved(&self) -> bool {
        self.answers.may_have_moved() || (self.restless && self.told.count() > 0)
    }

    /// The attributes of the answer that came last.
    pub(crate) fn attrs(&self, range: Range<usize>) -> &[u8] {
        self.link.buffer.get(range).unwrap_or_default()
    }

    /// Returns the next answer; none if there are no more.
    pub(crate) fn next(&mut self) -> Result<Option<Answer>, Error> {
        let answer = self.advance();
        if self.answers.torn() {
            // A snapshot that it is a part of will have to be read anew.
            self.link.tear();
        }
        if let Ok(Some((_, range))) = &answer {
            match self.answers.last() {
                Some((table, number)) => self.told.note_number(table, number),
                None => self.told.note(self.link.buffer.get(range.clone()).unwrap_or_default()),
            }
        } else {
            self.done = true;
        }
        if !self.open && self.may_have_moved() {
            self.open = self.link.leave_open();
        }
        answer
    }

    fn advance(&mut self) -> Result<Option<Answer>, Error> {
        let mut idle = 0;
        while !self.done {
            while !self.unread.is_empty() {
                let at = self.unread.start;
                let mut messages = Messages::new(self.link.buffer.get(self.unread.clone()).unwrap_or_default());
                let Some(message) = messages.next() else { break };
                self.unread.start = self.unread.end - messages.left();
                match self.answers.message(message, self.len) {
                    Step::Skip => {}
                    Step::Answer(family, attrs) => {
                        let start = at + HEADER_LEN;
                        return Ok(Some((family, start..start + attrs.len())));
                    }
                    Step::End(Progress::Failed(errno)) if !self.answers.torn() => return Err(self.failed(errno)),
                    Step::End(progress) => {
                        // Of a dump that broke off there may be more.
                        if self.own.is_none() && progress == Progress::Done {
                            self.link.dirty = false;
                        }
                        return Ok(None);
                    }
                }
            }
            idle += 1;
            if idle > QUEUE_MAX {
                return Err(self.failed(Errno::EBUSY));
            }
            match receive(self.own.as_mut().unwrap_or(&mut self.link.transport), &mut self.link.buffer) {
                Ok(received) if received.len > self.link.buffer.len() => {
                    self.answers.lose();
                    make_room(&mut self.link.buffer, received.len.min(BUFFER_MAX + 1))
                        .map_err(|errno| self.failed(errno))?;
                }
                Ok(received) => {
                    (self.unread, self.len) = (0..received.len, received.len);
                    self.answers.begin();
                }
                Err(Errno::ENOBUFS) => self.answers.lose(),
                // The end was lost.
                Err(Errno::EAGAIN) => {
                    self.answers.lose();
                    return Ok(None);
                }
                Err(errno) => return Err(self.failed(errno)),
            }
        }
        Ok(None)
    }

    /// Returns the generation at which it began.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether all that was told so far was so at the generation at which it began. What may have
    /// moved meanwhile is told a second time, unless `prove` can tell that what was told to its end
    /// is all there is. Ends the dump.
    pub(crate) fn is_whole(&mut self, prove: impl FnOnce(&mut Link<T>) -> Result<bool, Error>) -> Result<bool, Error> {
        let (torn, finished) = (self.answers.torn(), self.done);
        let mut whole = !torn;
        if whole && self.may_have_moved() && !(finished && prove(self.link)?) {
            let again = self.told.again();
            let first = std::mem::replace(&mut self.told, again);
            whole = self.is_told_again(&first, finished)?;
            self.told = first;
        }
        self.done = true;
        self.own = None;
        whole = whole && self.link.end_reading(self.generation)?;
        if !whole {
            self.link.tear();
        }
        if std::mem::take(&mut self.open) {
            self.link.close();
        }
        Ok(whole)
    }

    fn is_told_again(&mut self, first: &Told, to_the_end: bool) -> Result<bool, Error> {
        if self.own.is_some() {
            // The first dump may not be at its end.
            self.own = another(&self.link.transport, &mut self.link.buffer);
        }
        self.ask()?;
        while self.told.count() < first.count() || to_the_end {
            if self.next()?.is_none() {
                break;
            }
            if self.told.count() > first.count() {
                return Ok(false);
            }
        }
        Ok(self.told == *first && !self.answers.torn())
    }
}

impl<T: Transport> Drop for Dump<'_, T> {
    fn drop(&mut self) {
        if self.open {
            // What cannot be told stays open, and the snapshot is begun again.
            let _ = self.is_whole(|_| Ok(false));
        }
    }
}
