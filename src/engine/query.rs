//! A query: one answer, or a dump of many, and whether it is whole.

use crate::error::{DecodeError, Errno};
use crate::wire::message::{Content, Message, Messages, NFNL_SUBSYS_HOOK, NLM_F_DUMP, NLM_F_DUMP_INTR, message};
use crate::wire::{AttrWriter, Family};

/// A request that changes nothing.
#[derive(Debug)]
pub(crate) struct Query {
    /// What is asked (`NFT_MSG_GET…`).
    pub(crate) kind: u16,
    /// What the answers are (`NFT_MSG_NEW…`).
    pub(crate) answer: u16,
    pub(crate) family: Family,
    /// Ask for all there are, not for one.
    pub(crate) dump: bool,
    /// What the request names.
    pub(crate) attrs: Vec<u8>,
    /// Whether an answer tells of nothing: only that there is no more.
    pub(crate) is_empty: fn(&[u8]) -> bool,
    /// What an answer is, and what it says that it comes behind, where it says so.
    pub(crate) link: NumberOf,
}

/// Tells what an answer is, and what it says that it comes behind.
pub(crate) type NumberOf = for<'a> fn(&'a [u8]) -> Option<Linked<'a>>;

/// A datagram of fewer bytes is not full: the kernel had told all there was. It makes them of
/// 32 KiB, once something was received on the socket, and few messages have more than one.
const FULL: usize = 28 * 1024;

/// The number of something, and of what stands before it: both are numbers of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Linked<'a> {
    pub(crate) table: &'a [u8],
    pub(crate) number: u64,
    pub(crate) behind: Option<u64>,
}

impl Query {
    pub(crate) fn new(kind: u16, answer: u16, family: Family, dump: bool, attrs: impl FnOnce(&mut AttrWriter)) -> Self {
        let mut w = AttrWriter::new();
        attrs(&mut w);
        Self { kind, answer, family, dump, attrs: w.bytes_written().to_vec(), is_empty: |_| false, link: |_| None }
    }

    pub(crate) fn encode(&self, sequence: u32) -> Vec<u8> {
        let mut w = AttrWriter::new();
        let flags = if self.dump { NLM_F_DUMP } else { 0 };
        message(&mut w, self.kind, flags, sequence, self.family, |w| w.raw(&self.attrs));
        w.bytes_written().to_vec()
    }
}

/// How far a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More has to come.
    Pending,
    /// All answers are here.
    Done,
    /// The kernel answered with an error.
    Failed(Errno),
}

/// Follows the answers to one query.
#[derive(Debug)]
pub(crate) struct Answers {
    sequence: u32,
    port: u32,
    answer: u16,
    dump: bool,
    is_empty: fn(&[u8]) -> bool,
    link: NumberOf,
    /// The low bits of the generation that the answers are of.
    generation: Option<u16>,
    torn: bool,
    /// How many datagrams had answers in them.
    parts: u32,
    /// The bytes of the last of them.
    len: usize,
    /// Whether this datagram had answers in it.
    counted: bool,
    /// The number of the last answer, and its table.
    last: Option<u64>,
    family: Family,
    table: Vec<u8>,
    /// Whether a datagram began with what is not known to stand behind the last answer before it.
    seam: bool,
}

/// What a message is to a query.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// Nothing.
    Skip,
    /// An answer.
    Answer(Family, &'a [u8]),
    /// The end of them.
    End(Progress),
}

impl Answers {
    /// Follows the answers to a query; `reading` is the generation that they should be of.
    pub(crate) fn new(query: &Query, sequence: u32, port: u32, reading: Option<u32>) -> Self {
        let &Query { answer, dump, is_empty, link, .. } = query;
        Self {
            sequence,
            port,
            answer,
            dump,
            is_empty,
            link,
            generation: reading.map(|generation| generation as u16),
            torn: false,
            parts: 0,
            len: 0,
            counted: false,
            last: None,
            family: Family::UNSPEC,
            table: Vec::new(),
            seam: false,
        }
    }

    /// Whether the ruleset changed between two answers, or some were lost.
    pub(crate) fn torn(&self) -> bool {
        self.torn
    }

    /// Whether something may have moved between two datagrams.
    pub(crate) fn may_have_moved(&self) -> bool {
        self.seam
    }

    /// Whether several datagrams had answers in them.
    pub(crate) fn is_large(&self) -> bool {
        self.parts > 1
    }

    /// Whether the last datagram had no answer in it.
    pub(crate) fn is_idle(&self) -> bool {
        !self.counted
    }

    /// What the last answer was, if it said what it is: a table, and the number of something in it.
    pub(crate) fn last(&self) -> Option<(&[u8], u64)> {
        self.last.map(|number| (&*self.table, number))
    }

    /// Notes that answers were lost.
    pub(crate) fn lose(&mut self) {
        self.torn = true;
    }

    /// Begins a datagram.
    pub(crate) fn begin(&mut self) {
        self.counted = false;
    }

    /// Reads a message of a datagram that has `len` bytes.
    pub(crate) fn message<'b>(&mut self, message: Result<Message<'b>, DecodeError>, len: usize) -> Step<'b> {
        let Ok(message) = message else {
            self.torn = true;
            return Step::End(Progress::Failed(Errno::EIO));
        };
        // The kernel sends what it tells of hooks as if nobody had asked.
        let is_unaddressed = message.port == 0 && self.answer >> 8 == NFNL_SUBSYS_HOOK;
        if (message.port != self.port && !is_unaddressed) || message.sequence != self.sequence {
            return Step::Skip;
        }
        // The kernel marks one message only, the first after the change.
        self.torn |= message.flags & NLM_F_DUMP_INTR != 0;
        match message.content() {
            Ok(Content::Nft { kind, family, res_id, attrs }) if kind == self.answer => {
                // It never marks the elements of a set; their generation tells.
                self.torn |= *self.generation.get_or_insert(res_id) != res_id;
                self.count(family, attrs, len);
                Step::Answer(family, attrs)
            }
            Ok(Content::Ack { errno: Some(errno), .. } | Content::Done { errno: Some(errno) }) => {
                Step::End(Progress::Failed(errno))
            }
            Ok(Content::Done { errno: None }) => {
                // What was to come behind the last answer may have moved before it.
                self.seam |= self.len >= FULL;
                Step::End(Progress::Done)
            }
            Ok(_) => Step::Skip,
            Err(_) => {
                self.torn = true;
                Step::End(Progress::Failed(Errno::EIO))
            }
        }
    }

    fn count(&mut self, family: Family, attrs: &[u8], len: usize) {
        let linked = (self.link)(attrs);
        let behind = linked.and_then(|linked| linked.behind);
        // Other tables have the same numbers.
        let same_table = linked.is_some_and(|linked| self.family == family && self.table == linked.table);
        let last = self.last.filter(|_| same_table);
        let ends = self.parts > 0 && self.len < FULL && (self.is_empty)(attrs);
        if !self.counted && !ends {
            self.parts += 1;
            self.counted = true;
            self.len = len;
            if self.parts > 1 {
                self.seam |= behind.is_none();
                self.torn |= behind.is_some() && behind != last;
            }
        } else {
            // Within a datagram the kernel walks along the list itself.
            self.torn |= behind.is_some() && behind != last;
        }
        self.torn |= last.is_some() && last == linked.map(|linked| linked.number);
        self.last = linked.map(|linked| linked.number);
        if let Some(Linked { table, .. }) = linked.filter(|_| !same_table) {
            self.family = family;
            self.table.clear();
            self.table.extend_from_slice(table);
        }
    }

    /// Reads a datagram, and hands the attributes of each answer to `take`.
    pub(crate) fn datagram<E>(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(Family, &[u8]) -> Result<(), E>,
    ) -> Result<Progress, E> {
        self.begin();
        for message in Messages::new(bytes) {
            match self.message(message, bytes.len()) {
                Step::Skip => {}
                Step::Answer(family, attrs) => {
                    take(family, attrs)?;
                    if !self.dump {
                        return Ok(Progress::Done);
                    }
                }
                Step::End(progress) => return Ok(progress),
            }
        }
        Ok(Progress::Pending)
    }
}
