//! [`Commits`]: from messages to what each commit changed, without I/O.

use std::collections::VecDeque;
use std::fmt;

use super::elements;
use super::event::{Event, EventKinds, kind_of, table_name};
use super::filter::EventFilter;
use crate::conn::{ElementSource, ElementsOf};
use crate::error::DecodeError;
use crate::object::{NFT_MSG_NEWOBJ, ObjectInfo};
use crate::ruleset::Generation;
use crate::table::TableRef;
use crate::wire::message::{Content, Message, Messages, NFT_MSG_NEWGEN, NFTA_GEN_ID};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, Family, Name, PortId};

const NFTA_GEN_PROC_PID: u16 = 2;
const NFTA_GEN_PROC_NAME: u16 = 3;

/// How many bytes of messages a commit's events may come from, however few they are.
const MAX_BYTES: usize = 64 << 20;

/// What a [`Monitor`](super::Monitor) tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Somebody committed changes.
    Commit(Commit),
    /// A quota is used up: a packet did it, no commit. The family is that of the packet, not of the quota's table.
    /// Older kernels (Linux 5.10) keep it until somebody commits.
    Depleted(ObjectInfo),
    /// Something was lost: see [`Overrun`].
    Overrun(Overrun),
}

/// Says that the kernel told more than there was room for in the monitor's
/// [receive buffer](crate::ConnOptions::receive_buffer).
///
/// The kernel says so at once, before it hands over what is in the buffer still: where in what follows something
/// is missing cannot be seen. So all commits from here on are in doubt ([`Commit::is_complete`]) until the buffer
/// was empty; most of them are whole. [`Monitor::resync`](super::Monitor::resync) begins anew from what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overrun {
    last: Option<Generation>,
}

impl Overrun {
    /// Returns the generation of the last commit that was told whole, if there was any: what came
    /// after it may be lost.
    pub fn last_complete(&self) -> Option<Generation> {
        self.last
    }
}

/// What one commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    generation: Generation,
    port: PortId,
    pid: Option<u32>,
    process: Option<Name>,
    events: Vec<Event>,
    complete: bool,
}

impl Commit {
    /// Returns the generation that the commit made.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Returns the address of the connection that the commit came from: of a connection's own
    /// commits its [own](crate::Conn::port_id).
    pub fn port_id(&self) -> PortId {
        self.port
    }

    /// Returns the id of the thread that did it, which is that of its process if it has no other: as
    /// the machine's own first pid namespace counts, so in a container it is not what is seen there.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Returns the name of the thread that did it, which the kernel cuts off after 15 bytes
    /// (`comm`). It is what the program says it is, and proves nothing.
    pub fn process_name(&self) -> Option<&Name> {
        self.process.as_ref()
    }

    /// Writes who did it, as far as the kernel tells: `process 4711 (nft)`.
    pub fn author(&self) -> impl fmt::Display + '_ {
        Author(self)
    }

    /// Returns what was changed, in the order in which it was sent, as far as the monitor's
    /// [filter](EventFilter) lets it pass.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Whether nothing can be missing among the events: false for commits after an [`Overrun`], and
    /// for those with more events than the monitor [keeps](super::Monitor::max_events).
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Returns the elements of a set or map that were added or changed, and are there after the commit: one that is
    /// deleted again in the same batch is not among them, one that is made anew is here and not in
    /// [`removed`](Self::removed). So a copy of the set follows by either in any order; but what was in a set that
    /// is deleted as a whole is told by its [`Event::DeletedSet`] alone, which comes before what is added to a new
    /// one of its name.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if one of them is of another type than the set, and for intervals whose end the kernel
    /// does not tell: since Linux 6.12 it tells the start alone of one that was there and got another timeout. Then the
    /// set has to be [read again](super::Monitor::resync).
    pub fn added<S: ElementSource>(&self, set: &S) -> Result<ElementsOf<S>, DecodeError> {
        elements::after(&self.events, set, false)
    }

    /// Returns the elements of a set or map that were deleted, and are not there after the commit. One that was in a
    /// set that was deleted as a whole is not told.
    ///
    /// # Errors
    ///
    /// Those of [`added`](Self::added).
    pub fn removed<S: ElementSource>(&self, set: &S) -> Result<ElementsOf<S>, DecodeError> {
        elements::after(&self.events, set, true)
    }
}

/// Writes the events in lines of their own, and then who did it.
impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))?;
        write!(f, "# generation {} by {}", self.generation, self.author())
    }
}

struct Author<'a>(&'a Commit);

impl fmt::Display for Author<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.pid {
            Some(pid) => write!(f, "process {pid}")?,
            None => f.write_str("an unknown process")?,
        }
        match &self.0.process {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// How much may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// Nothing.
    None,
    /// Something was lost behind what is in the queue: all that comes is in doubt.
    Ahead,
    /// The queue was empty since: only the commit under way may lack something.
    InThis,
}

/// Makes notices of what the kernel tells.
#[derive(Debug)]
pub(super) struct Commits {
    pub(super) filter: EventFilter,
    /// How many events of a commit are kept.
    pub(super) max_events: usize,
    /// The events of the commit under way.
    events: Vec<Event>,
    /// Bytes of the messages that they were read from.
    bytes: usize,
    /// Whether the commit under way has more.
    cut: bool,
    /// The last generation that was told.
    last: Option<Generation>,
    /// The last that was told whole.
    last_complete: Option<Generation>,
    /// Commits up to this generation are known already.
    known: Option<Generation>,
    loss: Loss,
    ready: VecDeque<Notice>,
}

impl Commits {
    pub(super) fn new(max_events: usize) -> Self {
        Self {
            filter: EventFilter::new(),
            max_events,
            events: Vec::new(),
            bytes: 0,
            cut: false,
            last: None,
            last_complete: None,
            known: None,
            loss: Loss::None,
            ready: VecDeque::new(),
        }
    }

    /// The last generation of which is known.
    pub(super) fn generation(&self) -> Option<Generation> {
        self.last
    }

    /// Takes out the next notice.
    pub(super) fn pop(&mut self) -> Option<Notice> {
        self.ready.pop_front()
    }

    #[cfg(test)]
    pub(super) fn events_kept(&self) -> usize {
        self.events.len()
    }

    /// Begins anew: what is told from now on up to a generation is known already.
    pub(super) fn restart(&mut self, generation: Generation) {
        let known = Some(generation);
        let loses = self.loss == Loss::Ahead;
        let (filter, max_events) = (std::mem::take(&mut self.filter), self.max_events);
        *self = Self { filter, last: known, last_complete: known, known, ..Self::new(max_events) };
        if loses {
            // What the queue still did not take may be of later commits.
            self.overrun();
        }
    }

    /// Forgets what was told, which counts as lost until all is known again.
    pub(super) fn forget(&mut self) {
        self.events.clear();
        self.bytes = 0;
        self.ready.clear();
        self.overrun();
    }

    /// Notes that the queue had no room for something, which would have come behind all that is in it.
    pub(super) fn overrun(&mut self) {
        self.loss = Loss::Ahead;
        self.ready.push_back(Notice::Overrun(Overrun { last: self.last_complete }));
    }

    /// Notes that the queue was seen empty: what comes now was sent after it was.
    pub(super) fn idle(&mut self) {
        if self.loss == Loss::Ahead {
            self.loss = Loss::InThis;
        }
    }

    /// Reads a datagram.
    pub(super) fn datagram(&mut self, bytes: &[u8]) {
        for message in Messages::new(bytes) {
            match message {
                Ok(message) => self.message(&message),
                // The kernel does not do that; what it would have told is lost.
                Err(_) => self.overrun(),
            }
        }
    }

    fn message(&mut self, message: &Message<'_>) {
        let (kind, family, attrs) = match message.content() {
            Ok(Content::Nft { kind, family, attrs, .. }) => (kind, family, attrs),
            Ok(_) => return,
            Err(_) => return self.overrun(),
        };
        match kind {
            NFT_MSG_NEWGEN => self.end(message.port, attrs),
            // From a packet's way, at any time. What a flush deletes has no sequence either, but a port.
            NFT_MSG_NEWOBJ if message.port == 0 && message.sequence == 0 => self.depleted(family, attrs),
            _ => self.event(kind, message.flags, family, attrs),
        }
    }

    fn depleted(&mut self, family: Family, attrs: &[u8]) {
        let passes = self.filter.passes_name(EventKinds::OBJECT, true, &table_name(attrs));
        if let (true, Ok(object)) = (passes, ObjectInfo::decode(family, attrs)) {
            self.ready.push_back(Notice::Depleted(object));
        }
    }

    fn event(&mut self, message: u16, flags: u16, family: Family, attrs: &[u8]) {
        let (kind, is_new) = kind_of(message);
        if !self.filter.passes(kind, is_new, family, || TableRef::new(family, table_name(attrs))) {
            return;
        }
        let bytes = self.bytes.saturating_add(attrs.len());
        if self.events.len() >= self.max_events || bytes > MAX_BYTES {
            self.cut = true;
            return;
        }
        self.bytes = bytes;
        Event::decode(message, flags, family, attrs, &mut self.events);
    }

    /// The commit under way has ended.
    fn end(&mut self, port: u32, attrs: &[u8]) {
        let (mut generation, mut pid, mut process) = (None, None, None);
        let notes = Notes::default();
        for (number, value) in AttrReader::new(attrs, &notes).map_while(Result::ok) {
            match number {
                NFTA_GEN_ID => generation = value.u32().ok().map(Generation::from_raw),
                NFTA_GEN_PROC_PID => pid = value.u32().ok(),
                NFTA_GEN_PROC_NAME => process = Some(value.name()),
                _ => {}
            }
        }
        let Some(generation) = generation else { return self.overrun() };
        let events = std::mem::take(&mut self.events);
        self.bytes = 0;
        let cut = std::mem::take(&mut self.cut);
        if self.known.is_some_and(|known| !generation.is_after(known)) {
            return;
        }
        if self.last.is_some_and(|last| last.next() != generation) && self.loss == Loss::None {
            self.overrun();
            self.loss = Loss::InThis;
        }
        let complete = self.loss == Loss::None && !cut;
        if self.loss == Loss::InThis {
            self.loss = Loss::None;
        }
        self.last = Some(generation);
        if complete {
            self.last_complete = Some(generation);
        }
        if !events.is_empty() || !complete || self.filter.is_open() {
            let port = PortId::from_raw(port);
            self.ready.push_back(Notice::Commit(Commit { generation, port, pid, process, events, complete }));
        }
    }
}
