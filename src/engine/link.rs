//! [`Link`]: commits and queries over any transport.

use super::Transport;
use super::commit::{Applied, Fate, Options, Replies, Request, commit_failed};
use super::query::{Answers, Progress, Query};
use super::snapshot::Snapshot;
use crate::batch::Batch;
use crate::error::{CommitError, Errno, Error, Features, IoError, QueryError, Stage};
use crate::table::{NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, TableFlags, TableHandle, TableInfo};
use crate::wire::message::{Content, Envelope, Messages, NFT_MSG_GETGEN, NFT_MSG_NEWGEN, NFTA_GEN_ID};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, Family};

/// The kernel makes the datagrams of a dump as large as the buffer, up to 32 KiB.
const BUFFER: usize = 64 * 1024;
/// What the buffer may grow to for a message that is larger.
pub(super) const BUFFER_MAX: usize = 4 * 1024 * 1024;
/// How often a call is begun again that a signal interrupted.
const INTERRUPTIONS: u32 = 100;
/// How often a listing is begun again that the ruleset changed under.
pub(crate) const ATTEMPTS: u32 = 64;
/// More datagrams than a queue can hold.
pub(super) const QUEUE_MAX: u32 = 1 << 20;
/// What an error says that was asked for, when it was the generation.
pub(crate) const GENERATION: &str = "generation";
/// Sequences of queries begin here, above those of batches.
const QUERIES: u32 = 1 << 31;

/// A connection to the kernel over a transport.
#[derive(Debug)]
pub(crate) struct Link<T> {
    pub(super) transport: T,
    pub(super) buffer: Vec<u8>,
    /// Something may be left in the queue.
    pub(super) dirty: bool,
    /// Whether the kernel is known to ack the end of a batch.
    acks_end: bool,
    /// The generation of the last reading, while this connection has committed nothing since.
    generation: Option<u32>,
    sequence: u32,
    /// A generation of which it is known that its commit is over.
    pub(super) settled: Option<u32>,
    /// Whether something may have moved between the answers to the last query.
    moved: bool,
    /// Whether a listing took several datagrams: then it is not begun at a generation that may be over.
    is_large: bool,
    /// The generation that is being read.
    reading: Option<u32>,
    /// Whether something was read that may have changed before the generation did.
    read_early: bool,
    /// The snapshot that is being read.
    pub(super) snapshot: Option<Snapshot>,
    /// The features that the kernel was asked for, and those of them that it has.
    pub(super) asked: Features,
    pub(super) has: Features,
}

impl<T: Transport> Link<T> {
    pub(crate) fn new(transport: T) -> Self {
        Self {
            acks_end: transport.acks_last(),
            transport,
            buffer: vec![0; BUFFER],
            dirty: true,
            generation: None,
            sequence: QUERIES,
            settled: None,
            moved: false,
            is_large: false,
            reading: None,
            read_early: false,
            snapshot: None,
            asked: Features::new(),
            has: Features::new(),
        }
    }

    pub(crate) fn transport(&self) -> &T {
        &self.transport
    }

    #[cfg(test)]
    pub(crate) fn into_transport(self) -> T {
        self.transport
    }

    pub(crate) fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Applies a batch, or with `options.dry_run` only validates it.
    pub(crate) fn commit(&mut self, batch: &Batch, options: Options) -> Result<Applied, Error> {
        if let Some(mistake) = batch.mistake() {
            return Err(Error::Build(Box::new(mistake.clone())));
        }
        if !options.dry_run {
            self.changes()?;
        }
        if batch.as_bytes().is_empty() {
            // There is nothing to send, but the caller may count on the generation.
            return match options.generation {
                Some(expected) if self.current()? != expected => Err(Error::Stale { expected }),
                _ => Ok(Applied::nothing()),
            };
        }
        let known = options.generation.or(self.generation);
        match self.exchange(batch, options)? {
            Fate::Applied(applied) => {
                (self.generation, self.settled) = (None, None);
                Ok(applied)
            }
            Fate::Valid => Ok(Applied::nothing()),
            Fate::Rejected(rejections) => Err(self.rejected(rejections)),
            Fate::Refused(error) => Err(Error::Commit(error)),
            Fate::Stale => Err(Error::Stale { expected: options.generation.unwrap_or_default() }),
            Fate::Ambiguous { errno, extended } => {
                match self.exchange(batch, Options::dry_run())? {
                    Fate::Rejected(rejections) => Err(self.rejected(rejections)),
                    Fate::Valid => Err(Error::Commit(commit_failed(errno, extended))),
                    // The dry run had troubles of its own: whose error it was stays open.
                    _ => Err(Error::Commit(CommitError { errno, message: extended.text, stage: Stage::Begin })),
                }
            }
            Fate::Unknown(reason) if options.dry_run => Err(io("checking the batch", reason)),
            Fate::Unknown(reason) => {
                (self.generation, self.settled) = (None, None);
                match known {
                    // Nobody has committed anything since: neither has this batch.
                    Some(known) if self.current().ok() == Some(known) => {
                        Err(Error::Commit(CommitError { errno: reason, message: None, stage: Stage::Lost }))
                    }
                    _ => Err(Error::FateUnknown { reason }),
                }
            }
        }
    }

    /// Sends a batch and reads all that the kernel says to it.
    pub(super) fn exchange(&mut self, batch: &Batch, mut options: Options) -> Result<Fate, Error> {
        options.last_ack = options.dry_run || !self.acks_end;
        options.acks_last = self.transport.acks_last();
        let request = Request::new(batch, options);
        if let Err(too_large) = self.transport.reserve_send(request.len()) {
            return Err(Error::TooLarge { needed: too_large.needed, limit: too_large.limit });
        }
        if options.handles {
            // Each answer is as long as what it answers, and the kernel counts its own overhead.
            let answers = request.len().saturating_mul(4).saturating_add(batch.len().saturating_mul(1024));
            self.transport.reserve_receive(answers);
        }
        self.drain()?;
        self.dirty = true;
        request
            .send(|parts| send(&mut self.transport, parts))
            .map_err(|errno| io("sending the batch, of which nothing was applied", errno))?;
        let mut replies = Replies::new(batch, options, self.transport.port());
        let mut count = 0;
        while !replies.complete() {
            count += 1;
            match receive(&mut self.transport, &mut self.buffer) {
                Ok(received) => {
                    let whole = received.len <= self.buffer.len();
                    replies.datagram(&self.buffer[..received.len.min(self.buffer.len())], whole);
                }
                Err(Errno::EAGAIN) if replies.silence() => {}
                // From silence alone nothing is taken: what the kernel says to a further request comes
                // behind all that it had to say to the batch.
                Err(Errno::EAGAIN) if !replies.has_end() => {
                    let sequence = self.next_sequence();
                    replies.end_with(sequence);
                    let request = generation_query().encode(sequence);
                    if let Err(errno) = send(&mut self.transport, &[std::io::IoSlice::new(&request)]) {
                        replies.lose(errno);
                        break;
                    }
                }
                Err(Errno::ENOBUFS) if count < QUEUE_MAX => replies.lose(Errno::ENOBUFS),
                Err(errno) => {
                    replies.lose(errno);
                    break;
                }
            }
        }
        self.dirty &= !replies.complete();
        self.acks_end |= replies.acks_end();
        Ok(replies.fate())
    }

    /// A sequence for a query that no other answer carries, of a batch or of an earlier query.
    pub(super) fn next_sequence(&mut self) -> u32 {
        self.sequence = QUERIES | self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Throws away what is left of earlier exchanges, so that it never counts for a new one.
    ///
    /// A dump that was left half-way is read to its end: the kernel knows no other way to end it
    /// but to close the socket, and that may have tables of its own.
    pub(super) fn drain(&mut self) -> Result<(), Error> {
        let mut count = 0;
        while self.dirty {
            count += 1;
            match receive(&mut self.transport, &mut self.buffer) {
                Ok(_) | Err(Errno::ENOBUFS) if count < QUEUE_MAX => {}
                Err(Errno::EAGAIN) => self.dirty = false,
                Ok(_) => return Err(io("emptying the receive queue", Errno::EBUSY)),
                Err(errno) => return Err(io("emptying the receive queue", errno)),
            }
        }
        Ok(())
    }

    /// Asks, and hands the attributes of each answer to `take`. Returns whether the answers are
    /// all of one generation; if not, `take` may have had any part of them.
    pub(crate) fn query(
        &mut self,
        query: &Query,
        what: &dyn Fn() -> String,
        take: &mut impl FnMut(Family, &[u8]) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let failed = |errno| Error::Query(Box::new(QueryError { what: what().into(), errno }));
        self.drain()?;
        self.dirty = true;
        let sequence = self.next_sequence();
        let request = query.encode(sequence);
        send(&mut self.transport, &[std::io::IoSlice::new(&request)]).map_err(failed)?;
        let mut answers = Answers::new(query, sequence, self.transport.port(), self.reading);
        let mut idle = 0;
        loop {
            match receive(&mut self.transport, &mut self.buffer) {
                Ok(received) if received.len > self.buffer.len() => {
                    make_room(&mut self.buffer, received.len).map_err(failed)?;
                    answers.lose();
                }
                Ok(received) => match answers.datagram(&self.buffer[..received.len], take)? {
                    Progress::Pending if answers.is_idle() && idle == QUEUE_MAX => return Err(failed(Errno::EBUSY)),
                    Progress::Pending => idle = if answers.is_idle() { idle + 1 } else { 0 },
                    Progress::Done => {
                        self.dirty = false;
                        self.moved = answers.may_have_moved();
                        self.is_large |= answers.is_large();
                        return Ok(!answers.torn());
                    }
                    Progress::Failed(_) if answers.torn() => return Ok(false),
                    Progress::Failed(errno) => {
                        self.dirty = false;
                        return Err(failed(errno));
                    }
                },
                // The end was lost, or there was no answer at all: ask again.
                Err(Errno::EAGAIN) => return Ok(false),
                Err(Errno::ENOBUFS) if idle < QUEUE_MAX => {
                    idle += 1;
                    answers.lose();
                }
                Err(errno) => return Err(failed(errno)),
            }
        }
    }

    /// Whether something may have moved between the answers to the last query. The kernel finds
    /// its place again by counting: what moves between two datagrams, or is put in by a batch that
    /// is then refused, makes others be told twice or not at all.
    pub(crate) fn may_have_moved(&self) -> bool {
        self.moved
    }

    /// Asks for one thing, again if the answer was lost.
    pub(crate) fn one(
        &mut self,
        query: &Query,
        what: &dyn Fn() -> String,
        take: &mut impl FnMut(Family, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            if self.query(query, what, take)? {
                return Ok(());
            }
        }
        Err(Error::Query(Box::new(QueryError { what: what().into(), errno: Errno::EIO })))
    }

    /// Returns the number that the kernel gives the ruleset, which each commit of anybody
    /// increases before it changes anything, but for [what changes early](Self::reads_early).
    pub(super) fn current(&mut self) -> Result<u32, Error> {
        let query = generation_query();
        let mut generation = 0;
        self.one(&query, &|| GENERATION.to_owned(), &mut |_, attrs| {
            let notes = Notes::default();
            for attr in AttrReader::new(attrs, &notes) {
                if let (NFTA_GEN_ID, value) = attr? {
                    generation = value.u32()?;
                }
            }
            Ok(())
        })?;
        self.generation = Some(generation);
        Ok(generation)
    }

    /// Returns the ruleset's generation, when the commit that made it is over.
    pub(crate) fn generation(&mut self) -> Result<u32, Error> {
        if let Some(snapshot) = &self.snapshot {
            return Ok(snapshot.generation);
        }
        for _ in 0..ATTEMPTS {
            let generation = self.current()?;
            if self.settled == Some(generation) || self.settle(generation)? {
                return Ok(generation);
            }
        }
        Err(Error::Inconsistent { attempts: ATTEMPTS })
    }

    /// Waits until no transaction is under way, and returns whether the ruleset then is of that
    /// generation.
    ///
    /// The kernel makes the new generation known when a commit *begins* to change things, and
    /// then changes them one by one: what is read meanwhile has the new number and may be old in
    /// all or in part. But a batch has to have the ruleset for itself, so one that demands a
    /// generation and then does nothing tells the truth. (Its end counts: without one the kernel
    /// takes back the nothing that was done, and waits for a grace period of RCU.)
    fn has_ended(&mut self, generation: u32) -> Result<bool, Error> {
        let failed = |errno| Error::Query(Box::new(QueryError { what: GENERATION.into(), errno }));
        self.drain()?;
        self.dirty = true;
        let envelope = Envelope::new(Some(generation), 1, false);
        let parts = [envelope.begin(), envelope.end()].map(std::io::IoSlice::new);
        send(&mut self.transport, &parts).map_err(failed)?;
        let mut ended = true;
        for _ in 0..QUEUE_MAX {
            match receive(&mut self.transport, &mut self.buffer) {
                Ok(received) => {
                    let len = received.len.min(self.buffer.len());
                    for message in Messages::new(&self.buffer[..len]).map_while(Result::ok) {
                        let ours = message.port == self.transport.port() && message.sequence <= 1;
                        match message.content() {
                            Ok(Content::Ack { errno: Some(Errno::ERESTART), .. }) if ours => ended = false,
                            Ok(Content::Ack { errno: Some(errno), .. }) if ours => return Err(failed(errno)),
                            _ => {}
                        }
                    }
                    ended &= received.len <= self.buffer.len();
                }
                Err(Errno::EAGAIN) => {
                    self.dirty = false;
                    return Ok(ended);
                }
                Err(Errno::ENOBUFS) => ended = false,
                Err(errno) => return Err(failed(errno)),
            }
        }
        Err(failed(Errno::EBUSY))
    }

    /// Lists the tables that the kernel removes when their owners go; none if the listing is torn.
    ///
    /// That makes no generation, and is not marked in a listing: of several datagrams some have what
    /// was in the table, and behind it as many entries of other tables are passed over.
    pub(super) fn mortal(&mut self) -> Result<Option<Vec<TableHandle>>, Error> {
        let query = Query::new(NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, Family::UNSPEC, true, |_| {});
        let mut found = Vec::new();
        let whole = self.query(&query, &|| "tables".to_owned(), &mut |family, attrs| {
            let table = TableInfo::decode(family, attrs)?;
            if table.owner().is_some() && !table.flags().contains(TableFlags::PERSIST) {
                found.push(table.handle());
            }
            Ok(())
        })?;
        Ok(whole.then_some(found))
    }

    /// Whether none of the [mortal](Self::mortal) tables has gone.
    pub(super) fn are_there(&mut self, mortal: &[TableHandle]) -> Result<bool, Error> {
        if mortal.is_empty() {
            return Ok(true);
        }
        let living = self.mortal()?.unwrap_or_default();
        Ok(mortal.iter().all(|table| living.contains(table)))
    }

    /// Makes sure that the commit of some generation, known by its number, is over. If not, it
    /// may have learned of the next.
    fn settle(&mut self, generation: u32) -> Result<bool, Error> {
        if self.has_ended(generation)? {
            self.settled = Some(generation);
            return Ok(true);
        }
        // It was another when no transaction was under way. If by now it is only the next, it was
        // that one already then: beside somebody who commits without a pause it never is the one
        // that was known before.
        let now = self.current()?;
        self.settled = (now == generation.wrapping_add(1).max(1)).then_some(now);
        Ok(false)
    }

    /// Finds a generation whose commit is over; none if commits follow too fast.
    pub(super) fn begin_reading(&mut self) -> Result<Option<u32>, Error> {
        self.reads_anew();
        // That somebody has committed something since shows itself only at the end of a reading. A small one is
        // faster begun anew than preceded by a question.
        if self.settled.is_some() && !self.is_large {
            return Ok(self.settled);
        }
        let generation = self.current()?;
        if self.settled != Some(generation) {
            self.settled = None;
            self.settle(generation)?;
        }
        Ok(self.settled)
    }

    /// Notes that what is read may change before the generation does: that none of it has is proven
    /// [in the end](Self::end_reading).
    pub(crate) fn reads_early(&mut self, is_early: bool) {
        self.read_early |= is_early;
    }

    /// Forgets what was read by itself: in a snapshot all is proven together.
    pub(super) fn reads_anew(&mut self) {
        self.read_early &= self.snapshot.is_some();
    }

    /// Whether the ruleset is still of the generation at which a reading began: then no commit
    /// has begun to change anything since, or what it may have changed by then was not read.
    pub(super) fn end_reading(&mut self, generation: u32) -> Result<bool, Error> {
        let unchanged = self.current()? == generation;
        if !unchanged {
            self.settled = None;
        } else if self.read_early {
            // The next commit may have begun: if so, it is waited for.
            return self.settle(generation);
        }
        Ok(unchanged)
    }

    /// Reads by `read` until all of it is of one generation, which is returned with it. `read`
    /// tells whether what it returns is, as far as it can see. Within a snapshot it reads once,
    /// and the snapshot is begun again.
    pub(crate) fn consistent<R>(
        &mut self,
        read: impl FnMut(&mut Self) -> Result<(R, bool), Error>,
    ) -> Result<(R, u32), Error> {
        self.consistently(false, read)
    }

    /// [`consistent`](Self::consistent) for several listings that have to agree with each other: no table
    /// may go between two of them.
    pub(crate) fn consistent_listings<R>(
        &mut self,
        read: impl FnMut(&mut Self) -> Result<(R, bool), Error>,
    ) -> Result<(R, u32), Error> {
        self.consistently(true, read)
    }

    fn consistently<R>(
        &mut self,
        several: bool,
        mut read: impl FnMut(&mut Self) -> Result<(R, bool), Error>,
    ) -> Result<(R, u32), Error> {
        if let Some(generation) = self.snapshot.as_ref().map(|snapshot| snapshot.generation) {
            let (value, whole) = read(self)?;
            return if whole { Ok((value, generation)) } else { Err(self.tear()) };
        }
        for _ in 0..ATTEMPTS {
            let Some(generation) = self.begin_reading()? else { continue };
            let Some(mortal) = (if several { self.mortal()? } else { Some(Vec::new()) }) else { continue };
            self.reading = Some(generation);
            let result = read(self);
            self.reading = None;
            let unchanged = self.end_reading(generation)? && self.are_there(&mortal)?;
            match result {
                Ok((value, true)) if unchanged => return Ok((value, generation)),
                Err(error) if unchanged => return Err(error),
                _ => {}
            }
        }
        Err(Error::Inconsistent { attempts: ATTEMPTS })
    }
}

/// Opens another socket for a dump. Before something was received on it, the kernel makes small datagrams, and
/// a listing costs it time for each of them.
pub(super) fn another<T: Transport>(transport: &T, buffer: &mut [u8]) -> Option<T> {
    let mut other = transport.another()?;
    let request = generation_query().encode(QUERIES);
    send(&mut other, &[std::io::IoSlice::new(&request)]).ok()?;
    receive(&mut other, buffer).ok()?;
    Some(other)
}

fn generation_query() -> Query {
    Query::new(NFT_MSG_GETGEN, NFT_MSG_NEWGEN, Family::UNSPEC, false, |_| {})
}

pub(super) fn io(doing: &str, errno: Errno) -> Error {
    Error::Io(IoError { doing: doing.into(), errno })
}

pub(super) fn send(transport: &mut impl Transport, parts: &[std::io::IoSlice<'_>]) -> Result<(), Errno> {
    uninterrupted(|| transport.send(parts))
}

pub(super) fn receive(transport: &mut impl Transport, buffer: &mut [u8]) -> Result<super::Received, Errno> {
    uninterrupted(|| transport.receive(buffer))
}

/// Makes the buffer large enough for what was cut off, within reason.
pub(super) fn make_room(buffer: &mut Vec<u8>, len: usize) -> Result<(), Errno> {
    if len > BUFFER_MAX {
        return Err(Errno::EMSGSIZE);
    }
    buffer.resize(len.next_power_of_two(), 0);
    Ok(())
}

/// Begins a call again that a signal interrupted: nothing has happened by then.
pub(crate) fn uninterrupted<R>(mut call: impl FnMut() -> Result<R, Errno>) -> Result<R, Errno> {
    let mut left = INTERRUPTIONS;
    loop {
        match call() {
            Err(Errno::EINTR) if left > 0 => left -= 1,
            result => return result,
        }
    }
}
