//! A commit: what is sent, and what became of it.

use std::io::IoSlice;

use crate::batch::Batch;
use crate::chain::{ChainHandle, NFT_MSG_NEWCHAIN, NFTA_CHAIN_HANDLE};
use crate::error::{CommitError, Errno, Op, Rejection, Rejections, Stage};
use crate::flowtable::{FlowtableHandle, NFT_MSG_NEWFLOWTABLE, NFTA_FLOWTABLE_HANDLE};
use crate::object::{NFT_MSG_NEWOBJ, NFTA_OBJ_HANDLE, ObjectHandle};
use crate::rule::{NFT_MSG_NEWRULE, NFTA_RULE_HANDLE, RuleHandle};
use crate::set::{NFT_MSG_NEWSET, NFTA_SET_HANDLE, SetHandle};
use crate::table::{NFT_MSG_NEWTABLE, NFTA_TABLE_HANDLE, TableHandle};
use crate::wire::AttrReader;
use crate::wire::message::{
    Content, Envelope, ExtAck, Message, Messages, NFT_MSG_NEWGEN, NLM_F_ACK, NLM_F_ECHO, NLMSG_HDRLEN, add_flags,
    len_and_kind,
};
use crate::wire::reader::Notes;

/// What a commit is to do beside applying the batch.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options {
    /// Apply it only at that generation.
    pub(crate) generation: Option<u32>,
    /// Ask for the handles of what is added.
    pub(crate) handles: bool,
    /// Validate only: the kernel aborts a batch that has no end.
    pub(crate) dry_run: bool,
    /// Ask for an ack of the last operation, where the kernel may not ack the batch's end or there is none.
    pub(crate) last_ack: bool,
    /// Nothing comes behind that ack, or that of the end.
    pub(crate) acks_last: bool,
}

impl Options {
    /// Whether it is valid is all that is asked.
    pub(crate) fn dry_run() -> Self {
        Self { dry_run: true, ..Self::default() }
    }
}

/// A batch with all that goes around it.
pub(crate) struct Request<'a> {
    envelope: Envelope,
    body: Body<'a>,
    dry_run: bool,
}

enum Body<'a> {
    Whole(&'a [u8]),
    /// The header of the last message asks for an ack; the rest is the batch's own bytes.
    LastAck {
        before: &'a [u8],
        head: [u8; NLMSG_HDRLEN],
        after: &'a [u8],
    },
    /// Many headers differ.
    Copy(Vec<u8>),
}

impl<'a> Request<'a> {
    pub(crate) fn new(batch: &'a Batch, options: Options) -> Self {
        let envelope = Envelope::new(options.generation, batch.last_sequence() + 1, true);
        let bytes = batch.as_bytes();
        let (before, last) = bytes.split_at(batch.last_message());
        let body = match last.split_first_chunk::<NLMSG_HDRLEN>() {
            _ if options.handles => Body::Copy(flagged(batch, options)),
            Some((&(mut head), after)) if options.last_ack => {
                add_flags(&mut head, NLM_F_ACK);
                Body::LastAck { before, head, after }
            }
            _ => Body::Whole(bytes),
        };
        Self { envelope, body, dry_run: options.dry_run }
    }

    /// Hands the parts of the datagram to `send`.
    pub(crate) fn send<R>(&self, send: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let slice = IoSlice::new;
        let (begin, end) = (slice(self.envelope.begin()), slice(self.envelope.end()));
        let keep = |parts: &[IoSlice<'_>]| parts.len() - usize::from(self.dry_run);
        match &self.body {
            Body::Whole(bytes) => {
                let parts = [begin, slice(bytes), end];
                send(&parts[..keep(&parts)])
            }
            Body::LastAck { before, head, after } => {
                let parts = [begin, slice(before), slice(head), slice(after), end];
                send(&parts[..keep(&parts)])
            }
            Body::Copy(bytes) => {
                let parts = [begin, slice(bytes), end];
                send(&parts[..keep(&parts)])
            }
        }
    }

    /// Bytes of the datagram.
    pub(crate) fn len(&self) -> usize {
        self.send(|parts| parts.iter().map(|part| part.len()).sum())
    }
}

/// The messages with the flags that `options` ask for.
fn flagged(batch: &Batch, options: Options) -> Vec<u8> {
    let mut copy = batch.as_bytes().to_vec();
    let (mut at, mut sequence) = (0, batch.first_sequence() - 1);
    while let Some(head) = copy.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<NLMSG_HDRLEN>()) {
        sequence += 1;
        let (len, kind) = len_and_kind(head);
        let mut flags = 0;
        if options.handles && handle_attr(kind).is_some() {
            flags |= NLM_F_ECHO;
        }
        if options.last_ack && sequence == batch.last_sequence() {
            flags |= NLM_F_ACK;
        }
        add_flags(head, flags);
        at += len.max(NLMSG_HDRLEN);
    }
    copy
}

/// The attribute with the handle of what a message adds.
fn handle_attr(kind: u16) -> Option<u16> {
    match kind {
        NFT_MSG_NEWTABLE => Some(NFTA_TABLE_HANDLE),
        NFT_MSG_NEWCHAIN => Some(NFTA_CHAIN_HANDLE),
        NFT_MSG_NEWRULE => Some(NFTA_RULE_HANDLE),
        NFT_MSG_NEWSET => Some(NFTA_SET_HANDLE),
        NFT_MSG_NEWOBJ => Some(NFTA_OBJ_HANDLE),
        NFT_MSG_NEWFLOWTABLE => Some(NFTA_FLOWTABLE_HANDLE),
        _ => None,
    }
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It is applied.
    Applied(Applied),
    /// It is valid, and was not to be applied.
    Valid,
    /// The kernel refused operations.
    Rejected(Rejections),
    /// The kernel refused it as a whole, or an operation that it does not tell.
    Refused(CommitError),
    /// The only error came without a place and with the first operation's sequence: it is that
    /// operation's, or the commit's. A dry run tells.
    Ambiguous { errno: Errno, extended: ExtAck },
    /// The ruleset has another generation.
    Stale,
    /// The answer was lost, or there was none.
    Unknown(Errno),
}

/// Collects the answers to a commit until its fate is clear.
///
/// The kernel tells them when all is over, in the order of the operations. At once, and as an error of
/// the first operation, it tells that the commit failed, or that it has no memory for any of them: then
/// it tells nothing else.
///
/// Where it has to begin a batch again, for a module it loads or to validate once more, it forgets what
/// it was about to tell. But Linux 6.10 to 6.17 then first acks the message that it had come to, be it
/// the last operation or the end. Such an ack means nothing, and what counts comes behind it: where
/// the kernel may do so, no ack is taken for the last before the queue is empty. If somebody else has committed meanwhile, that message
/// is told to be at a stale generation, in place of the beginning.
pub(crate) struct Replies<'a> {
    batch: &'a Batch,
    options: Options,
    port: u32,
    begin: Option<(Errno, ExtAck)>,
    errors: Vec<(u32, Errno, ExtAck)>,
    last_acked: bool,
    end_acked: bool,
    echoed: bool,
    handles: Vec<(Op, Handle)>,
    lost: Option<Errno>,
    /// A later request, whose answer comes after all others.
    mark: Option<u32>,
    ended: bool,
}

impl<'a> Replies<'a> {
    pub(crate) fn new(batch: &'a Batch, options: Options, port: u32) -> Self {
        Self {
            batch,
            options,
            port,
            begin: None,
            errors: Vec::new(),
            last_acked: false,
            end_acked: false,
            echoed: false,
            handles: Vec::new(),
            lost: None,
            mark: None,
            ended: false,
        }
    }

    /// Whether nothing can follow.
    pub(crate) fn complete(&self) -> bool {
        self.ended || (self.options.acks_last && self.acked())
    }

    /// Notes that the queue is empty, and returns whether nothing can follow: there was an ack.
    pub(crate) fn silence(&mut self) -> bool {
        self.ended |= self.acked();
        self.ended
    }

    fn acked(&self) -> bool {
        self.last_acked || self.end_acked
    }

    /// Makes the answer to a later request, by its sequence, the end of all answers.
    pub(crate) fn end_with(&mut self, sequence: u32) {
        self.mark = Some(sequence);
    }

    /// Whether it is known what comes last.
    pub(crate) fn has_end(&self) -> bool {
        self.mark.is_some()
    }

    /// Whether the kernel acks the end of a batch (Linux 6.10).
    pub(crate) fn acks_end(&self) -> bool {
        self.end_acked
    }

    /// Notes that answers were lost.
    pub(crate) fn lose(&mut self, reason: Errno) {
        self.lost.get_or_insert(reason);
    }

    /// Reads a datagram; `whole` is false if its end was cut off.
    pub(crate) fn datagram(&mut self, bytes: &[u8], whole: bool) {
        for message in Messages::new(bytes) {
            match message {
                Ok(message) => self.message(&message),
                Err(_) if !whole => {}
                Err(_) => self.lose(Errno::EIO),
            }
        }
        if !whole {
            self.lose(Errno::ENOBUFS);
        }
    }

    fn message(&mut self, message: &Message<'_>) {
        let last = self.batch.last_sequence();
        self.ended |= message.port == self.port && self.mark == Some(message.sequence);
        // What was meant for somebody else, or answers something else, does not count.
        if message.port != self.port || message.sequence > last + 1 {
            return;
        }
        match message.content() {
            Ok(Content::Ack { errno: None, .. }) => {
                self.last_acked |= message.sequence == last && last > 0;
                self.end_acked |= message.sequence == last + 1;
            }
            Ok(Content::Ack { errno: Some(errno), extended }) => match (message.sequence, errno) {
                (0, _) => self.begin = Some((errno, extended)),
                (_, Errno::ERESTART) if self.options.generation.is_some() => self.begin = Some((errno, extended)),
                (sequence, _) => self.errors.push((sequence, errno, extended)),
            },
            Ok(Content::Nft { kind, attrs, .. }) => {
                if let Some(number) = handle_attr(kind) {
                    self.echoed = true;
                    self.handle(message.sequence, kind, number, attrs);
                } else if kind == NFT_MSG_NEWGEN {
                    self.echoed = true;
                }
            }
            Ok(Content::Done { .. } | Content::Other) => {}
            Err(_) => self.lose(Errno::EIO),
        }
    }

    fn handle(&mut self, sequence: u32, kind: u16, number: u16, attrs: &[u8]) {
        let notes = Notes::default();
        let raw = AttrReader::new(attrs, &notes)
            .map_while(Result::ok)
            .find(|(n, _)| *n == number)
            .and_then(|(_, value)| value.u64().ok());
        let (Some(raw), Some(op)) = (raw, self.batch.op_of(sequence)) else { return };
        let handle = match kind {
            NFT_MSG_NEWTABLE => Handle::Table(TableHandle::from_raw(raw)),
            NFT_MSG_NEWCHAIN => Handle::Chain(ChainHandle::from_raw(raw)),
            NFT_MSG_NEWRULE => Handle::Rule(RuleHandle::from_raw(raw)),
            NFT_MSG_NEWSET => Handle::Set(SetHandle::from_raw(raw)),
            NFT_MSG_NEWFLOWTABLE => Handle::Flowtable(FlowtableHandle::from_raw(raw)),
            _ => Handle::Object(ObjectHandle::from_raw(raw)),
        };
        self.handles.push((op, handle));
    }

    /// Decides, when there are no more answers.
    pub(crate) fn fate(mut self) -> Fate {
        if let Some((errno, extended)) = self.begin {
            return match errno {
                Errno::ERESTART if self.options.generation.is_some() => Fate::Stale,
                errno => Fate::Refused(CommitError { errno, message: extended.text, stage: Stage::Begin }),
            };
        }
        if !self.errors.is_empty() {
            let first = self.batch.first_sequence();
            let placeless = |(sequence, _, extended): &(u32, Errno, ExtAck)| {
                *sequence == first && extended.offset.is_none() && extended.missing.is_none()
            };
            // Two errors of one operation: one is the operation's, the other cannot be the
            // commit's, which an operation's error precludes.
            match &self.errors[..] {
                [error] if placeless(error) && !self.options.dry_run => {
                    let (_, errno, extended) = self.errors.remove(0);
                    return Fate::Ambiguous { errno, extended };
                }
                [error] if placeless(error) && error.1 == Errno::ENOMEM && first < self.batch.last_sequence() => {
                    return Fate::Refused(CommitError { errno: error.1, message: None, stage: Stage::Begin });
                }
                _ => {}
            }
            self.errors.sort_by_key(|(sequence, ..)| *sequence);
            let mut list: Vec<Rejection> = Vec::with_capacity(self.errors.len());
            for (sequence, errno, extended) in &self.errors {
                // Of an operation of several messages the first refusal is the cause of others.
                let known = list.last().is_some_and(|last| self.batch.op_of(*sequence) == Some(last.op));
                let rejection = self.batch.explain(*sequence, *errno, extended);
                list.extend(rejection.filter(|new| !known || is_another(list.last(), new)));
            }
            if list.is_empty() {
                let errno = self.errors[0].1;
                return Fate::Refused(CommitError { errno, message: None, stage: Stage::Begin });
            }
            return Fate::Rejected(Rejections { list, truncated: self.lost.is_some() });
        }
        // Acks come behind all errors, so that where one was received no error was lost, if it was not one
        // that means nothing. Echoes are made by the commit alone.
        let acked = self.acked() && (self.lost.is_none() || self.options.acks_last);
        if self.options.dry_run && acked {
            return Fate::Valid;
        }
        if !self.options.dry_run && (acked || self.echoed) {
            let mut handles = self.handles;
            // They come in this order already, but for what the kernel may do some day.
            handles.sort_by_key(|(op, _)| *op);
            return Fate::Applied(Applied { handles, complete: self.lost.is_none() });
        }
        // It aborts without a word, or had no memory to say that it has committed.
        Fate::Unknown(self.lost.unwrap_or(Errno::ECANCELED))
    }
}

/// Whether a later refusal within an operation is no consequence of an earlier one: the same verb
/// was refused for something else.
fn is_another(last: Option<&Rejection>, new: &Rejection) -> bool {
    last.is_none_or(|last| last.operation == new.operation && last.part != new.part)
}

/// The operations were valid, and the commit failed.
pub(crate) fn commit_failed(errno: Errno, extended: ExtAck) -> CommitError {
    CommitError { errno, message: extended.text, stage: Stage::Commit }
}

/// What the kernel gave the operations of a batch that it applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// In the order of the operations.
    handles: Vec<(Op, Handle)>,
    complete: bool,
}

impl Applied {
    /// Of an empty batch.
    pub(crate) fn nothing() -> Self {
        Self { handles: Vec::new(), complete: true }
    }

    /// Returns the handle of what an operation added, if it added a table, chain, rule, set or
    /// object.
    pub fn handle(&self, op: Op) -> Option<Handle> {
        let end = self.handles.partition_point(|(of, _)| *of <= op);
        let (of, handle) = self.handles[..end].last()?;
        (*of == op).then_some(*handle)
    }

    /// Returns the handle of the rule that an operation added.
    pub fn rule(&self, op: Op) -> Option<RuleHandle> {
        match self.handle(op)? {
            Handle::Rule(handle) => Some(handle),
            _ => None,
        }
    }

    /// Whether all handles are here. Where the receive buffer may not be as large as they need,
    /// the kernel's queue overflows: the batch is applied, the last handles are lost.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

/// The handle of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Handle {
    /// A table's.
    Table(TableHandle),
    /// A chain's.
    Chain(ChainHandle),
    /// A rule's.
    Rule(RuleHandle),
    /// A set's.
    Set(SetHandle),
    /// An object's.
    Object(ObjectHandle),
    /// A flowtable's.
    Flowtable(FlowtableHandle),
}
