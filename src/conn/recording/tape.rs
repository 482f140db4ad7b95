//! The recording's end of a connection: datagrams in, the kernel's answers out.

use std::collections::VecDeque;
use std::fmt;
use std::io::IoSlice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::answers::{Answer, Request};
use super::replay::{Problem, replay};
use super::state::{Attrs, CHAINS, FLOWTABLES, Kind, OBJECTS, RULES, SETS, State, TABLES};
use super::{Refusal, Refused};
use crate::batch::Batch;
use crate::engine::{Received, Transport};
use crate::error::{Errno, Feature, Features};
use crate::rule::NFT_MSG_GETRULE_RESET;
use crate::set::NFT_MSG_GETSETELEM_RESET;
use crate::wire::message::{Content, Message, Messages, NLM_F_ACK, NLM_F_DUMP, NLM_F_ECHO, forge};

/// The most bytes of answers that one datagram has, but for a message that is longer by itself.
const DATAGRAM: usize = 32 * 1024;

/// What all connections to a recording share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) state: State,
    pub(super) generation: u32,
    pub(super) batches: Vec<Batch>,
    pub(super) refusals: VecDeque<Refusal>,
    /// The error with which all is refused.
    pub(super) closed: Option<Errno>,
    /// Whether commits change the state.
    pub(super) applies: bool,
    /// What batches are refused that need it.
    pub(super) lacks: Features,
    /// The handle that was given out last, to what did not change the state.
    last_handle: u64,
    /// The address that a connection was given last.
    last_port: u32,
}

/// A recorded connection.
pub(crate) struct Tape {
    shared: Arc<Mutex<Shared>>,
    port: u32,
    queue: VecDeque<Result<Vec<u8>, Errno>>,
    /// The batch that is about to be sent.
    announced: Option<Batch>,
    /// What a dry run is refused with: it is the library's own, to find out what was refused.
    again: Option<Refusal>,
    /// The batch changes the state, and is not kept.
    prepares: bool,
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").finish_non_exhaustive()
    }
}

/// A panic elsewhere leaves nothing half done: what is changed is put in place at once.
pub(super) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tape {
    pub(super) fn new(shared: Arc<Mutex<Shared>>, prepares: bool) -> Self {
        let port = lock(&shared).next_port();
        Self { shared, port, queue: VecDeque::new(), announced: None, again: None, prepares }
    }

    /// Tells which batch is sent next.
    pub(in crate::conn) fn announce(&mut self, batch: &Batch) {
        self.announced = Some(batch.clone());
    }

    /// The features that it has.
    pub(in crate::conn) fn features(&self) -> Features {
        Features::all().without(Feature::HookList.into()).without(lock(&self.shared).lacks)
    }

    fn query(&mut self, message: &Message<'_>) {
        let Ok(Content::Nft { kind, family, attrs, .. }) = message.content() else { return };
        let dump = message.flags & NLM_F_DUMP == NLM_F_DUMP;
        let port = self.port;
        let mut shared = lock(&self.shared);
        let generation = shared.generation;
        let refused = |errno: Errno| forge::ack(message.sequence, port, errno.get(), None);
        if let Some(errno) = shared.closed {
            return self.queue.push_back(Ok(refused(errno)));
        }
        if asks_for(kind).is_some_and(|feature| shared.lacks.has(feature)) {
            return self.queue.push_back(Ok(refused(Errno::EINVAL)));
        }
        let answers = Request { kind, family, dump, attrs }.answer(&mut shared.state, generation);
        let mut datagram = Vec::new();
        for (kind, family, attrs) in answers.said {
            let bytes = forge::answer((kind, family, &attrs), dump, message.sequence, port, generation as u16);
            if !datagram.is_empty() && datagram.len() + bytes.len() > DATAGRAM {
                self.queue.push_back(Ok(std::mem::take(&mut datagram)));
            }
            datagram.extend(bytes);
        }
        match answers.errno {
            Some(errno) => datagram.extend(refused(errno)),
            None if dump => datagram.extend(forge::done(message.sequence, port, 0, 0)),
            None => {}
        }
        self.queue.push_back(Ok(datagram));
    }

    fn batch(&mut self, messages: &[Message<'_>]) {
        let Some((begin, rest)) = messages.split_first() else { return };
        let (ops, end) = match rest.split_last() {
            Some((end, ops)) if end.is_batch_end() => (ops, Some(end)),
            _ => (rest, None),
        };
        let (shared, port) = (self.shared.clone(), self.port);
        let mut shared = lock(&shared);
        let whole = |errno: Errno| Ok(forge::ack(begin.sequence, port, errno.get(), None));
        if let Some(errno) = shared.closed {
            return self.queue.push_back(whole(errno));
        }
        let demanded = begin.demanded().filter(|&demanded| demanded != 0);
        if demanded.is_some_and(|demanded| demanded != shared.generation) {
            return self.queue.push_back(whole(Errno::ERESTART));
        }
        if ops.is_empty() {
            return;
        }
        let dry = end.is_none();
        let again = self.again.take().filter(|_| dry);
        let refusal = match again {
            Some(again) => Some(again),
            None if self.prepares => None,
            None => shared.next_refusal(dry, demanded.is_some()),
        };
        let mut problems = Vec::new();
        let mut lost = false;
        match refusal.map(|refusal| refusal.0) {
            None => {}
            Some(Refused::Stale) => {
                shared.generation = next(shared.generation);
                return self.queue.push_back(whole(Errno::ERESTART));
            }
            Some(Refused::Whole(errno)) => return self.queue.push_back(whole(errno)),
            Some(Refused::Commit(errno)) => problems.push((ops[0].sequence, Problem::placeless(errno))),
            Some(Refused::Lost) => lost = true,
            Some(Refused::Operations(refused)) => {
                let sequence = |op: usize| self.announced.as_ref().and_then(|batch| batch.sequence_of(op));
                problems = refused
                    .iter()
                    .filter_map(|&(op, errno)| Some((sequence(op)?, Problem::placeless(errno))))
                    .collect();
                problems.sort_by_key(|(sequence, _)| *sequence);
                // One error of the first message without a place: whether it is the commit's is asked again.
                let first = problems.first().is_some_and(|(sequence, _)| *sequence == ops[0].sequence);
                self.again = (first && problems.len() == 1 && !dry).then_some(Refusal(Refused::Operations(refused)));
            }
        }
        if let Some(batch) = self.announced.as_ref().filter(|_| !shared.lacks.is_empty() && !self.prepares) {
            let needing = batch.needing(shared.lacks).map(|sequence| (sequence, Problem::placeless(Errno::ENOENT)));
            problems.extend(needing);
            problems.sort_by_key(|(sequence, _)| *sequence);
        }
        let mut made = Vec::new();
        if problems.is_empty() {
            match shared.applies || self.prepares {
                true => match replay(&shared.state, ops, port, dry) {
                    Ok((state, handles)) => {
                        made = handles;
                        if !dry {
                            shared.state = state;
                        }
                    }
                    Err(found) => problems = found,
                },
                false => made = shared.handles(ops),
            }
        }
        let refused = |sequence: u32| problems.iter().any(|(of, _)| *of == sequence);
        let mut answers: Vec<Vec<u8>> = Vec::new();
        // What was refused comes in the order of the batch, between the acks; the commit's own error before them.
        for (sequence, problem) in &problems {
            let offset = problem.offset.and_then(|offset| u32::try_from(offset).ok());
            answers.push(forge::explained(*sequence, port, problem.errno.get(), offset, problem.text));
        }
        let applied = problems.is_empty() && !dry;
        if applied {
            shared.generation = next(shared.generation);
            if !self.prepares {
                shared.batches.extend(self.announced.take());
            }
            let echoes = ops.iter().filter(|op| op.flags & NLM_F_ECHO != 0);
            answers.extend(echoes.filter_map(|op| echo(op, &made, port, shared.generation)));
        }
        let acked = ops.iter().chain(end.filter(|_| applied)).filter(|op| op.flags & NLM_F_ACK != 0);
        answers.extend(acked.filter(|op| !refused(op.sequence)).map(|op| forge::ack(op.sequence, port, 0, None)));
        match lost {
            true => self.queue.push_back(Err(Errno::ENOBUFS)),
            false => self.queue.extend(answers.into_iter().map(Ok)),
        }
    }
}

impl Shared {
    pub(super) fn new(state: State, generation: u32) -> Self {
        Self { state, generation, ..Self::default() }
    }

    /// Gives out an address; zero is the kernel's.
    fn next_port(&mut self) -> u32 {
        self.last_port = self.last_port.wrapping_add(1).max(1);
        self.last_port
    }

    /// Takes the refusal that meets this batch.
    fn next_refusal(&mut self, dry: bool, demands: bool) -> Option<Refusal> {
        let meets = |refusal: &Refusal| match refusal.0 {
            Refused::Stale => demands,
            Refused::Commit(_) | Refused::Lost => !dry,
            Refused::Whole(_) | Refused::Operations(_) => true,
        };
        self.refusals.front().filter(|refusal| meets(refusal))?;
        self.refusals.pop_front()
    }

    /// Gives out handles above all that are there, to additions that change nothing.
    fn handles(&mut self, ops: &[Message<'_>]) -> Vec<(u32, u64)> {
        let tables = self.state.tables.iter().map(|table| table.last_handle);
        self.last_handle = tables.chain([self.last_handle, self.state.last_table]).max().unwrap_or_default();
        let added = ops.iter().filter(|op| kind_of(op).is_some());
        added
            .map(|op| {
                self.last_handle = self.last_handle.wrapping_add(1);
                (op.sequence, self.last_handle)
            })
            .collect()
    }
}

/// The generation after another; there is no zeroth.
pub(super) fn next(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}

/// The kind of thing that a message adds.
fn kind_of(op: &Message<'_>) -> Option<Kind> {
    let Ok(Content::Nft { kind, .. }) = op.content() else { return None };
    [TABLES, CHAINS, RULES, SETS, OBJECTS, FLOWTABLES].into_iter().find(|known| known.new == kind)
}

/// What the kernel tells of something that a message added.
fn echo(op: &Message<'_>, made: &[(u32, u64)], port: u32, generation: u32) -> Option<Vec<u8>> {
    let (_, handle) = made.iter().find(|(sequence, _)| *sequence == op.sequence)?;
    let (kind, Ok(Content::Nft { family, attrs, .. })) = (kind_of(op)?, op.content()) else { return None };
    let attrs = Attrs(attrs).with(&[kind.handle], |w| w.u64(kind.handle, *handle));
    let answer: Answer = (kind.new, family, attrs);
    Some(forge::answer((answer.0, answer.1, &answer.2), false, op.sequence, port, generation as u16))
}

impl Transport for Tape {
    fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        let datagram: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let messages: Vec<Message<'_>> = Messages::new(&datagram).map_while(Result::ok).collect();
        match messages.first() {
            Some(first) if first.is_batch_begin() => self.batch(&messages),
            Some(query) => self.query(query),
            None => {}
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        let datagram = self.queue.pop_front().ok_or(Errno::EAGAIN)??;
        let fits = datagram.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..fits), datagram.get(..fits)) {
            to.copy_from_slice(from);
        }
        Ok(Received { len: datagram.len() })
    }

    fn port(&self) -> u32 {
        self.port
    }

    fn acks_last(&self) -> bool {
        true
    }
}

/// The feature that a kernel needs to know a kind of question.
fn asks_for(kind: u16) -> Option<Feature> {
    match kind {
        NFT_MSG_GETRULE_RESET => Some(Feature::RuleReset),
        NFT_MSG_GETSETELEM_RESET => Some(Feature::ElementReset),
        _ => None,
    }
}
