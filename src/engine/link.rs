//! [`Link`]: commits and queries over any transport.

use super::Transport;
use super::commit::{Applied, Fate, Options, Replies, Request, commit_failed};
use super::query::{Answers, Progress, Query};
use crate::batch::Batch;
use crate::batch::explain::PERSISTENT_TABLES;
use crate::error::{AttrPath, CommitError, Errno, Error, IoError, QueryError, Rejection, Rejections, Stage};
use crate::table::{NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, Table, TableFlags, TableHandle, TableInfo};
use crate::wire::message::{Content, Envelope, Messages, NFT_MSG_GETGEN, NFT_MSG_NEWGEN, NFTA_GEN_ID};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, Family};

/// The kernel makes the datagrams of a dump as large as the buffer, up to 32 KiB.
const BUFFER: usize = 64 * 1024;
/// What the buffer may grow to for a message that is larger.
const BUFFER_MAX: usize = 4 * 1024 * 1024;
/// How often a call is begun again that a signal interrupted.
const INTERRUPTIONS: u32 = 100;
/// How often a listing is begun again that the ruleset changed under.
pub(crate) const ATTEMPTS: u32 = 64;
/// More datagrams than a queue can hold.
const QUEUE_MAX: u32 = 1 << 20;
/// What an error says that was asked for, when it was the generation.
pub(crate) const GENERATION: &str = "generation";
/// Sequences of queries begin here, above those of batches.
const QUERIES: u32 = 1 << 31;

/// A connection to the kernel over a transport.
#[derive(Debug)]
pub(crate) struct Link<T> {
    transport: T,
    buffer: Vec<u8>,
    /// Something may be left in the queue.
    dirty: bool,
    /// Whether the kernel acks the end of a batch; unknown before the first commit.
    acks_end: Option<bool>,
    /// The generation of the last reading, while this connection has committed nothing since.
    generation: Option<u32>,
    sequence: u32,
    /// How many datagrams the answers to a query took, since a listing began.
    parts: u32,
    /// Whether the last listing was larger than a datagram.
    large: bool,
}

impl<T: Transport> Link<T> {
    pub(crate) fn new(transport: T) -> Self {
        Self {
            transport,
            buffer: vec![0; BUFFER],
            dirty: true,
            acks_end: None,
            generation: None,
            sequence: QUERIES,
            parts: 0,
            large: false,
        }
    }

    pub(crate) fn transport(&self) -> &T {
        &self.transport
    }

    pub(crate) fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Applies a batch, or with `options.dry_run` only validates it.
    pub(crate) fn commit(&mut self, batch: &Batch, mut options: Options) -> Result<Applied, Error> {
        if let Some(mistake) = batch.mistake() {
            return Err(Error::Build(Box::new(mistake.clone())));
        }
        if batch.as_bytes().is_empty() {
            // There is nothing to send, but the caller may count on the generation.
            return match options.generation {
                Some(expected) if self.generation()? != expected => Err(Error::Stale { expected }),
                _ => Ok(Applied::nothing()),
            };
        }
        options.last_ack = options.dry_run || self.acks_end != Some(true);
        options.end_unacked = self.acks_end == Some(false);
        let known = options.generation.or(self.generation);
        match self.exchange(batch, options)? {
            Fate::Applied(applied) => {
                self.generation = None;
                Ok(applied)
            }
            Fate::Valid => Ok(Applied::nothing()),
            Fate::Rejected(rejections) => Err(self.rejected(batch, rejections)),
            Fate::Refused(error) => Err(Error::Commit(error)),
            Fate::Stale => Err(Error::Stale { expected: options.generation.unwrap_or_default() }),
            Fate::Ambiguous { errno, extended } => {
                let dry = Options { dry_run: true, first_ack: true, last_ack: true, ..options };
                match self.exchange(batch, Options { generation: None, handles: false, ..dry })? {
                    Fate::Rejected(rejections) => Err(self.rejected(batch, rejections)),
                    Fate::Valid => Err(Error::Commit(commit_failed(errno, extended))),
                    // The dry run had troubles of its own: whose error it was stays open.
                    _ => Err(Error::Commit(CommitError { errno, message: extended.text, stage: Stage::Begin })),
                }
            }
            Fate::Unknown(reason) if options.dry_run => Err(io("checking the batch", reason)),
            Fate::Unknown(reason) => {
                self.generation = None;
                match known {
                    // Nobody has committed anything since: neither has this batch.
                    Some(known) if self.generation().ok() == Some(known) => {
                        Err(Error::Commit(CommitError { errno: reason, message: None, stage: Stage::Lost }))
                    }
                    _ => Err(Error::FateUnknown { reason }),
                }
            }
        }
    }

    /// Sends a batch and reads all that the kernel says to it.
    fn exchange(&mut self, batch: &Batch, options: Options) -> Result<Fate, Error> {
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
                // That there is nothing more is not taken from silence: what the kernel says to a
                // further request comes behind all that it had to say to the batch.
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
        let end_acked = replies.end_acked();
        let fate = replies.fate();
        if matches!(fate, Fate::Applied(_)) {
            self.acks_end = Some(end_acked);
        }
        Ok(fate)
    }

    /// Says what the refusals mean.
    fn rejected(&mut self, batch: &Batch, rejections: Rejections) -> Error {
        let (feature, since) = match lacking(batch, &rejections) {
            Some(feature) => feature,
            None if rejections.iter().any(|one| batch.may_lack_persistence(one)) && self.lacks_persistence() => {
                PERSISTENT_TABLES
            }
            None => return Error::Rejected(Box::new(rejections)),
        };
        Error::Unsupported { feature, since }
    }

    /// Whether the kernel refuses a persistent table whatever tables there are.
    fn lacks_persistence(&mut self) -> bool {
        let mut batch = Batch::new();
        // Nobody has it, and nobody gets it.
        batch.create(&Table::inet("nftlink\u{1}probe").persistent());
        let dry = Options { dry_run: true, first_ack: true, last_ack: true, ..Options::default() };
        match self.exchange(&batch, dry) {
            Ok(Fate::Rejected(refused)) => refused.iter().all(|refusal| refusal.errno == Errno::EOPNOTSUPP),
            _ => false,
        }
    }

    /// A sequence for a query that no other answer carries, of a batch or of an earlier query.
    fn next_sequence(&mut self) -> u32 {
        self.sequence = QUERIES | self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Throws away what is left of earlier exchanges, so that it never counts for a new one.
    fn drain(&mut self) -> Result<(), Error> {
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
        let mut answers = Answers::new(query, sequence, self.transport.port());
        loop {
            match receive(&mut self.transport, &mut self.buffer) {
                Ok(received) if received.len > self.buffer.len() => {
                    if received.len > BUFFER_MAX {
                        return Err(failed(Errno::EMSGSIZE));
                    }
                    self.buffer.resize(received.len.next_power_of_two(), 0);
                    answers.lose();
                }
                Ok(received) => match answers.datagram(&self.buffer[..received.len], take)? {
                    Progress::Pending => {}
                    Progress::Done => {
                        self.dirty = false;
                        self.parts = self.parts.max(answers.parts());
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
                Err(Errno::ENOBUFS) => answers.lose(),
                Err(errno) => return Err(failed(errno)),
            }
        }
    }

    /// How many datagrams the answers to a query took, since the listing began. The kernel finds
    /// its place again by counting: what moves between two of them is told twice or not at all.
    pub(crate) fn parts(&self) -> u32 {
        self.parts
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

    /// Returns the ruleset's generation, which each commit of anybody increases.
    pub(crate) fn generation(&mut self) -> Result<u32, Error> {
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

    /// Waits until no transaction is under way, and returns whether the ruleset then is of that
    /// generation.
    ///
    /// The kernel makes the new generation known when a commit *begins* to change things, and its
    /// dumps find their place again by counting entries, those of a transaction under way
    /// included: a listing may be torn although its beginning and end have one generation. But a
    /// batch has to have the ruleset for itself, so one that demands a generation and then does
    /// nothing tells the truth.
    fn settled(&mut self, generation: u32) -> Result<bool, Error> {
        let failed = |errno| Error::Query(Box::new(QueryError { what: GENERATION.into(), errno }));
        self.drain()?;
        self.dirty = true;
        let envelope = Envelope::new(Some(generation), 0, false);
        send(&mut self.transport, &[std::io::IoSlice::new(envelope.begin())]).map_err(failed)?;
        let mut settled = true;
        for _ in 0..QUEUE_MAX {
            match receive(&mut self.transport, &mut self.buffer) {
                Ok(received) => {
                    let len = received.len.min(self.buffer.len());
                    for message in Messages::new(&self.buffer[..len]).map_while(Result::ok) {
                        let ours = message.port == self.transport.port() && message.sequence == 0;
                        match message.content() {
                            Ok(Content::Ack { errno: Some(Errno::ERESTART), .. }) if ours => settled = false,
                            Ok(Content::Ack { errno: Some(errno), .. }) if ours => return Err(failed(errno)),
                            _ => {}
                        }
                    }
                }
                Err(Errno::EAGAIN) => {
                    self.dirty = false;
                    return Ok(settled);
                }
                Err(Errno::ENOBUFS) => settled = false,
                Err(errno) => return Err(failed(errno)),
            }
        }
        Err(failed(Errno::EBUSY))
    }

    /// Lists the tables that the kernel removes when their owners go; none if the listing is torn.
    ///
    /// That makes no generation, and is not marked in a listing: of several datagrams some have what
    /// was in the table, and behind it as many entries of other tables are passed over.
    fn mortal(&mut self) -> Result<Option<Vec<TableHandle>>, Error> {
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

    /// Reads by `read` until all of it is of one generation, which is returned with it. `read`
    /// tells whether what it returns is, as far as it can see.
    ///
    /// What fits a datagram the kernel tells in one go: there it is enough that the generation
    /// stands still. Else the ruleset has to be [settled](Self::settled) before and after, no table
    /// may have [gone with its owner](Self::mortal), and `read`, which is told so, has to make sure
    /// that nothing moved meanwhile.
    pub(crate) fn consistent<R>(
        &mut self,
        read: impl FnMut(&mut Self, bool) -> Result<(R, bool), Error>,
    ) -> Result<(R, u32), Error> {
        self.consistently(false, read)
    }

    /// [`consistent`](Self::consistent) for several listings that have to agree with each other: no table
    /// may go between two of them, however small they are.
    pub(crate) fn consistent_listings<R>(
        &mut self,
        read: impl FnMut(&mut Self, bool) -> Result<(R, bool), Error>,
    ) -> Result<(R, u32), Error> {
        self.consistently(true, read)
    }

    fn consistently<R>(
        &mut self,
        several: bool,
        mut read: impl FnMut(&mut Self, bool) -> Result<(R, bool), Error>,
    ) -> Result<(R, u32), Error> {
        for _ in 0..ATTEMPTS {
            let strict = self.large;
            let generation = self.generation()?;
            if strict && !self.settled(generation)? {
                continue;
            }
            let mortal = if strict || several { self.mortal()? } else { Some(Vec::new()) };
            let Some(mortal) = mortal else { continue };
            self.parts = 0;
            let result = read(self, strict);
            self.large = self.parts > 1;
            if self.large && !strict {
                continue;
            }
            let mut unchanged = if strict { self.settled(generation)? } else { self.generation()? == generation };
            if unchanged && !mortal.is_empty() {
                let living = self.mortal()?.unwrap_or_default();
                unchanged = mortal.iter().all(|table| living.contains(table));
            }
            match result {
                Ok((value, true)) if unchanged => return Ok((value, generation)),
                Err(error) if unchanged => return Err(error),
                _ => {}
            }
        }
        Err(Error::Inconsistent { attempts: ATTEMPTS })
    }
}

fn generation_query() -> Query {
    Query::new(NFT_MSG_GETGEN, NFT_MSG_NEWGEN, Family::UNSPEC, false, |_| {})
}

/// The feature that a kernel lacks which refuses these operations, if that is all there is to it.
fn lacking(batch: &Batch, rejections: &Rejections) -> Option<(&'static str, &'static str)> {
    let (first, others) = rejections.list.split_first()?;
    let feature = batch.lacking(first)?;
    // What would have been in a table or chain that could not be made is refused for its absence.
    let follows = |other: &Rejection| {
        let at = other.path().map(AttrPath::as_str);
        batch.lacking(other).is_some() || (other.errno == Errno::ENOENT && matches!(at, Some("table" | "chain")))
    };
    others.iter().all(follows).then_some(feature)
}

fn io(doing: &str, errno: Errno) -> Error {
    Error::Io(IoError { doing: doing.into(), errno })
}

fn send(transport: &mut impl Transport, parts: &[std::io::IoSlice<'_>]) -> Result<(), Errno> {
    uninterrupted(|| transport.send(parts))
}

fn receive(transport: &mut impl Transport, buffer: &mut [u8]) -> Result<super::Received, Errno> {
    uninterrupted(|| transport.receive(buffer))
}

/// Begins a call again that a signal interrupted: nothing has happened by then.
fn uninterrupted<R>(mut call: impl FnMut() -> Result<R, Errno>) -> Result<R, Errno> {
    let mut left = INTERRUPTIONS;
    loop {
        match call() {
            Err(Errno::EINTR) if left > 0 => left -= 1,
            result => return result,
        }
    }
}
