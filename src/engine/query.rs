//! A query: one answer, or a dump of many, and whether it is whole.

use crate::error::Errno;
use crate::wire::message::{Content, Messages, NLM_F_DUMP, NLM_F_DUMP_INTR, message};
use crate::wire::{AttrWriter, Family};

/// A request that changes nothing.
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
}

/// A datagram of so many bytes is not full: the kernel had told all there was.
const FAR_FROM_FULL: usize = 2048;

impl Query {
    pub(crate) fn new(kind: u16, answer: u16, family: Family, dump: bool, attrs: impl FnOnce(&mut AttrWriter)) -> Self {
        let mut w = AttrWriter::new();
        attrs(&mut w);
        Self { kind, answer, family, dump, attrs: w.bytes_written().to_vec(), is_empty: |_| false }
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
pub(crate) struct Answers<'a> {
    query: &'a Query,
    sequence: u32,
    port: u32,
    /// The low bits of the generation that the answers are of.
    generation: Option<u16>,
    torn: bool,
    /// How many datagrams had answers in them.
    parts: u32,
    /// The bytes of the first of them.
    first: usize,
}

impl<'a> Answers<'a> {
    pub(crate) fn new(query: &'a Query, sequence: u32, port: u32) -> Self {
        Self { query, sequence, port, generation: None, torn: false, parts: 0, first: 0 }
    }

    /// Whether the ruleset changed between two answers, or some were lost.
    pub(crate) fn torn(&self) -> bool {
        self.torn
    }

    /// How many datagrams had answers in them.
    pub(crate) fn parts(&self) -> u32 {
        self.parts
    }

    /// Notes that answers were lost.
    pub(crate) fn lose(&mut self) {
        self.torn = true;
    }

    /// Reads a datagram, and hands the attributes of each answer to `take`.
    pub(crate) fn datagram<E>(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(Family, &[u8]) -> Result<(), E>,
    ) -> Result<Progress, E> {
        let mut counted = false;
        for message in Messages::new(bytes) {
            let Ok(message) = message else {
                self.torn = true;
                return Ok(Progress::Failed(Errno::EIO));
            };
            if message.port != self.port || message.sequence != self.sequence {
                continue;
            }
            // The kernel marks one message only, the first after the change.
            self.torn |= message.flags & NLM_F_DUMP_INTR != 0;
            match message.content() {
                Ok(Content::Nft { kind, family, res_id, attrs }) if kind == self.query.answer => {
                    // It never marks the elements of a set; their generation tells.
                    self.torn |= *self.generation.get_or_insert(res_id) != res_id;
                    let ends = self.parts == 1 && self.first < FAR_FROM_FULL && (self.query.is_empty)(attrs);
                    if !counted && !ends {
                        self.parts += 1;
                        counted = true;
                        if self.parts == 1 {
                            self.first = bytes.len();
                        }
                    }
                    take(family, attrs)?;
                    if !self.query.dump {
                        return Ok(Progress::Done);
                    }
                }
                Ok(Content::Ack { errno: Some(errno), .. } | Content::Done { errno: Some(errno) }) => {
                    return Ok(Progress::Failed(errno));
                }
                Ok(Content::Done { errno: None }) => return Ok(Progress::Done),
                Ok(_) => {}
                Err(_) => {
                    self.torn = true;
                    return Ok(Progress::Failed(Errno::EIO));
                }
            }
        }
        Ok(Progress::Pending)
    }
}
