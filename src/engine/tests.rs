//! A kernel that lies, forgets and is interrupted at each step: whatever happens, what the
//! library says about a batch's fate is true, and a listing is whole.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::commit::Options;
use super::query::Answers;
use super::*;
use crate::batch::Batch;
use crate::error::{Error, Stage};
use crate::hooks::NFNL_MSG_HOOK_GET;
use crate::table::{NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, Table};
use crate::wire::Family;
use crate::wire::message::{
    Messages, NFT_MSG_GETGEN, NFT_MSG_NEWGEN, NFTA_GEN_ID, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_ECHO, forge,
};

const PORT: u32 = 4242;

/// What the kernel does with a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kernel {
    Applies,
    RefusesFirst,
    RefusesFirstWithoutPlace,
    RefusesTwo,
    FailsAtCommit,
    AbortsSilently,
    /// It has no memory for the acks.
    AppliesSilently,
    /// It has no memory for the last operation.
    LacksMemory,
    IsStale,
    Begin(i32),
}

const KERNELS: [Kernel; 11] = [
    Kernel::Applies,
    Kernel::RefusesFirst,
    Kernel::RefusesFirstWithoutPlace,
    Kernel::RefusesTwo,
    Kernel::FailsAtCommit,
    Kernel::AbortsSilently,
    Kernel::AppliesSilently,
    Kernel::LacksMemory,
    Kernel::IsStale,
    Kernel::Begin(1),
    Kernel::Begin(12),
];

/// Where the kernel began the batch again: it had a module to load for the last operation, or found at the end
/// that it has to validate once more. Linux 6.10 to 6.17 then acks first the message that it had come to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Replay {
    Never,
    AtLast,
    AtEnd,
}

/// What goes wrong on the way back, at a place in the answers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// A signal before this receive.
    Interrupted(usize),
    /// The queue was full: the kernel says so first, and the answers from here on are gone.
    Overflow(usize),
    /// This answer is longer than the buffer says.
    Truncated(usize),
    /// Before this answer one that is for another request, and one for another socket.
    Foreign(usize),
    /// This answer comes twice.
    Twice(usize),
    /// This answer is late: at first there is nothing.
    Late(usize),
    /// The receive fails for good.
    Broken(usize),
    /// All answers are in one datagram.
    Merged,
}

fn faults(answers: usize) -> impl Iterator<Item = Fault> {
    let at = move |fault: fn(usize) -> Fault| (0..=answers).map(fault);
    [Fault::None, Fault::Merged]
        .into_iter()
        .chain(at(Fault::Interrupted))
        .chain(at(Fault::Overflow))
        .chain(at(Fault::Truncated))
        .chain(at(Fault::Foreign))
        .chain(at(Fault::Twice))
        .chain(at(Fault::Late))
        .chain(at(Fault::Broken))
}

type Answer = Result<Vec<u8>, Errno>;

struct Fake {
    kernel: Kernel,
    /// Linux 6.10: the end of a batch is acked.
    acks_end: bool,
    replay: Replay,
    /// Linux 6.18: it is known to ack the end, and nothing that it goes on to refuse.
    acks_last: bool,
    fault: Fault,
    /// How many more exchanges the fault disturbs.
    disturbed: usize,
    generation: u32,
    applied: u32,
    sends: usize,
    receives: usize,
    /// How many operations were to be acked.
    acked: usize,
    send_errors: VecDeque<Errno>,
    queue: VecDeque<Answer>,
    /// Messages of a dump, each with its flags and generation.
    dump: Vec<(u16, u32)>,
    /// How many commits are under way that nobody knows of yet.
    under_way: u32,
}

impl Fake {
    fn new(kernel: Kernel, acks_end: bool, fault: Fault) -> Self {
        Self {
            kernel,
            acks_end,
            replay: Replay::Never,
            acks_last: false,
            fault,
            disturbed: usize::MAX,
            generation: 7,
            applied: 0,
            sends: 0,
            receives: 0,
            acked: 0,
            send_errors: VecDeque::new(),
            queue: VecDeque::new(),
            dump: Vec::new(),
            under_way: 0,
        }
    }

    fn batch(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let messages: Vec<_> = Messages::new(datagram).map(Result::unwrap).collect();
        assert!(messages.len() > 1, "without an end the kernel takes its time to take back nothing");
        if messages.len() == 2 && messages[1].is_batch_end() {
            // Nothing but a generation that is demanded: a commit under way is over by then.
            self.generation += std::mem::take(&mut self.under_way);
            let demanded = u32::from_be_bytes(*datagram[..28].last_chunk().unwrap());
            let stale = (demanded != self.generation).then(|| forge::ack(0, PORT, 85, None));
            return stale.into_iter().collect();
        }
        let end = messages.last().filter(|last| last.is_batch_end());
        let ops = &messages[1..messages.len() - usize::from(end.is_some())];
        self.acked += ops.iter().filter(|op| op.flags & NLM_F_ACK != 0).count();
        let acks = |refused: &[u32]| -> Vec<Vec<u8>> {
            ops.iter()
                .filter(|op| op.flags & NLM_F_ACK != 0 && !refused.contains(&op.sequence))
                .map(|op| forge::ack(op.sequence, PORT, 0, None))
                .collect()
        };
        let refuse = |sequence, errno, offset| forge::ack(sequence, PORT, errno, offset);
        let come_to = match self.replay {
            Replay::Never => None,
            Replay::AtLast => ops.last(),
            Replay::AtEnd => messages.last(),
        };
        let stale = come_to.filter(|message| self.acks_end && message.flags & NLM_F_ACK != 0);
        let stale = Vec::from_iter(stale.map(|message| forge::ack(message.sequence, PORT, 0, None)));
        match self.kernel {
            Kernel::Begin(errno) => vec![refuse(0, errno, None)],
            Kernel::IsStale => {
                let demanded = u32::from_ne_bytes(*datagram.first_chunk().unwrap()) > 20;
                let come_to = come_to.filter(|_| demanded);
                vec![refuse(come_to.map_or(0, |message| message.sequence), 85, None)]
            }
            Kernel::AbortsSilently => vec![],
            Kernel::LacksMemory => vec![refuse(1, 12, None)],
            Kernel::RefusesFirst => [stale, vec![refuse(1, 17, Some(20))], acks(&[1])].concat(),
            Kernel::RefusesFirstWithoutPlace => [stale, vec![refuse(1, 22, None)], acks(&[1])].concat(),
            Kernel::RefusesTwo => {
                let two = [1, 3].map(|sequence| refuse(sequence, 2, Some(20)));
                [stale, two[..ops.len().min(2)].to_vec(), acks(&[1, 3])].concat()
            }
            // That the commit failed is told at once, the rest when all is over.
            Kernel::FailsAtCommit if end.is_some() => [vec![refuse(1, 22, None)], stale, acks(&[])].concat(),
            Kernel::FailsAtCommit => [stale, acks(&[])].concat(),
            Kernel::Applies | Kernel::AppliesSilently => {
                let Some(end) = end else { return [stale, acks(&[])].concat() };
                self.applied += 1;
                self.generation += 1;
                let echoes = ops.iter().filter(|op| op.flags & NLM_F_ECHO != 0);
                let mut answers =
                    Vec::from_iter(echoes.map(|op| {
                        forge::nft(NFT_MSG_NEWTABLE, 0, op.sequence, PORT, 0, |w| w.u64(4, op.sequence.into()))
                    }));
                if self.kernel == Kernel::AppliesSilently {
                    return answers;
                }
                answers.extend(stale);
                answers.extend(acks(&[]));
                if self.acks_end {
                    answers.push(forge::ack(end.sequence, PORT, 0, None));
                }
                answers
            }
        }
    }

    fn query(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let message = Messages::new(datagram).next().unwrap().unwrap();
        let sequence = message.sequence;
        let kind = message.nft_kind();
        if kind == NFT_MSG_GETGEN {
            let generation = self.generation;
            let low = generation as u16;
            return vec![forge::nft(NFT_MSG_NEWGEN, 0, sequence, PORT, low, |w| w.u32(NFTA_GEN_ID, generation))];
        }
        assert_eq!(kind, NFT_MSG_GETTABLE);
        let mut answers: Vec<_> = self
            .dump
            .iter()
            .enumerate()
            .map(|(n, &(flags, generation))| {
                forge::nft(NFT_MSG_NEWTABLE, flags, sequence, PORT, generation as u16, |w| w.u64(4, n as u64))
            })
            .collect();
        answers.push(forge::done(sequence, PORT, 0, 0));
        answers
    }

    /// Puts the answers into the queue as the fault leaves them.
    fn disturb(&mut self, mut answers: Vec<Vec<u8>>, sequence: u32) {
        let fault = if self.disturbed > 0 { self.fault } else { Fault::None };
        self.disturbed = self.disturbed.saturating_sub(1);
        let mut queue: Vec<Answer> = Vec::new();
        if let Fault::Overflow(at) = fault {
            if at < answers.len() {
                queue.push(Err(Errno::ENOBUFS));
                answers.truncate(at);
            }
        }
        if fault == Fault::Merged {
            answers = vec![answers.concat()];
        }
        for (n, answer) in answers.into_iter().enumerate() {
            match fault {
                Fault::Interrupted(at) if at == n => queue.push(Err(Errno::EINTR)),
                Fault::Broken(at) if at == n => queue.push(Err(Errno::EIO)),
                Fault::Late(at) if at == n => queue.push(Err(Errno::EAGAIN)),
                Fault::Foreign(at) if at == n => {
                    queue.push(Ok(forge::ack(sequence.wrapping_add(50), PORT, 1, None)));
                    queue.push(Ok(forge::ack(sequence, PORT + 1, 1, None)));
                    queue.push(Ok(forge::ack(1, PORT + 1, 0, None)));
                }
                Fault::Twice(at) if at == n => queue.push(Ok(answer.clone())),
                _ => {}
            }
            match fault {
                Fault::Truncated(at) if at == n => queue.push(Ok([&answer[..], &[0; 100_000]].concat())),
                _ => queue.push(Ok(answer)),
            }
        }
        self.queue.extend(queue);
    }
}

impl Transport for Fake {
    fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        if let Some(errno) = self.send_errors.pop_front() {
            return Err(errno);
        }
        self.sends += 1;
        let datagram: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let first = Messages::new(&datagram).next().unwrap().unwrap();
        let (sequence, is_batch) = (first.sequence, first.is_batch_begin());
        let answers = if is_batch { self.batch(&datagram) } else { self.query(&datagram) };
        match is_batch == self.dump.is_empty() && (is_batch || first.nft_kind() != NFT_MSG_GETGEN) {
            true => self.disturb(answers, sequence),
            false => self.queue.extend(answers.into_iter().map(Ok)),
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        self.receives += 1;
        let datagram = self.queue.pop_front().unwrap_or(Err(Errno::EAGAIN))?;
        Ok(Received::copy(&datagram, buffer))
    }

    fn port(&self) -> u32 {
        PORT
    }

    fn acks_last(&self) -> bool {
        self.acks_last
    }
}

fn three_tables() -> Batch {
    let mut batch = Batch::new();
    batch.add(&Table::inet("a")).add(&Table::inet("b")).add(&Table::inet("c"));
    batch
}

/// Commits, and checks that what the library says is what the kernel did.
fn told_truly(link: &mut Link<Fake>, batch: &Batch, options: Options, case: &str) -> Result<Applied, Error> {
    let before = link.transport().applied;
    let result = link.commit(batch, options);
    let applied = link.transport().applied > before;
    match &result {
        Ok(_) if options.dry_run => {
            let valid = [Kernel::Applies, Kernel::AppliesSilently, Kernel::FailsAtCommit];
            let valid = valid.contains(&link.transport().kernel);
            assert!(valid && !applied, "{case}: said it is valid");
        }
        Ok(_) => assert!(applied, "{case}: said success"),
        Err(Error::FateUnknown { .. }) => {}
        Err(error) => assert!(!applied, "{case}: said {error}"),
    }
    result
}

#[test]
fn the_word_on_a_batchs_fate_is_true_under_every_fault() {
    let mut unknown = 0;
    let mut batches = [Batch::new(), three_tables()];
    batches[0].add(&Table::inet("a"));
    for (kernel, batch) in KERNELS.iter().flat_map(|&kernel| batches.iter().map(move |batch| (kernel, batch))) {
        for (acks_end, acks_last, replay) in [
            (false, false, Replay::Never),
            (true, false, Replay::Never),
            (true, false, Replay::AtLast),
            (true, false, Replay::AtEnd),
            (true, true, Replay::Never),
        ] {
            // That an ack means nothing shows in what is queued behind it: there the kernel is never late.
            let faults = faults(7).filter(|fault| replay == Replay::Never || !matches!(fault, Fault::Late(_)));
            for fault in faults {
                for options in [
                    Options::default(),
                    Options { handles: true, ..Options::default() },
                    Options::dry_run(),
                    Options { generation: Some(7), ..Options::default() },
                ] {
                    let ops = batch.len();
                    let case = format!(
                        "{ops}: {kernel:?} acks_end={acks_end} acks_last={acks_last} {replay:?} {fault:?} {options:?}"
                    );
                    let mut link = Link::new(Fake { replay, acks_last, ..Fake::new(kernel, acks_end, fault) });
                    let first = told_truly(&mut link, batch, options, &case);
                    if fault == Fault::None {
                        expect(kernel, ops, options, &first, &case);
                    }
                    if let Err(Error::FateUnknown { .. }) = first {
                        unknown += 1;
                        let silent = matches!(kernel, Kernel::AbortsSilently | Kernel::AppliesSilently);
                        let lost = matches!(fault, Fault::Overflow(_) | Fault::Truncated(_) | Fault::Broken(_));
                        assert!(silent || lost, "{case}: nothing was lost");
                    }
                    // What is left in the queue does not count for the next batch, which learns
                    // from the first whether the kernel acks the end.
                    link.generation().unwrap_or_else(|error| panic!("{case}: {error}"));
                    let second = told_truly(&mut link, batch, Options { generation: None, ..options }, &case);
                    if fault == Fault::None && options.generation.is_none() {
                        expect(kernel, ops, options, &second, &case);
                    }
                }
            }
        }
    }
    assert!(unknown > 0);
}

/// What an undisturbed commit returns.
fn expect(kernel: Kernel, ops: usize, options: Options, result: &Result<Applied, Error>, case: &str) {
    let refused = |error: &Error| error.rejections().map(|r| r.op().index()).collect::<Vec<_>>();
    match (kernel, result) {
        (Kernel::Applies, Ok(applied)) => {
            assert!(applied.is_complete(), "{case}");
            let handles = (0..ops as u32).filter_map(|n| applied.handle(crate::Op(n))).count();
            assert_eq!(handles, if options.handles { ops } else { 0 }, "{case}");
        }
        (Kernel::FailsAtCommit, Ok(_)) => assert!(options.dry_run, "{case}"),
        (Kernel::RefusesFirst | Kernel::RefusesFirstWithoutPlace, Err(error)) => {
            assert_eq!(refused(error), [0], "{case}");
        }
        (Kernel::RefusesTwo, Err(error)) => assert_eq!(refused(error), [0, 2][..ops.min(2)], "{case}"),
        (Kernel::FailsAtCommit, Err(Error::Commit(error))) => assert_eq!(error.stage, Stage::Commit, "{case}"),
        (Kernel::AbortsSilently, Err(Error::Commit(error))) => {
            assert_eq!((error.stage, error.errno), (Stage::Lost, Errno::ECANCELED), "{case}");
        }
        (Kernel::AbortsSilently, Err(Error::Io(error))) => {
            assert!(options.dry_run && error.errno == Errno::ECANCELED, "{case}");
        }
        (Kernel::AppliesSilently, Ok(_)) => assert!(options.dry_run || options.handles, "{case}"),
        (Kernel::AbortsSilently | Kernel::AppliesSilently, Err(Error::FateUnknown { reason: Errno::ECANCELED })) => {}
        (Kernel::LacksMemory, Err(Error::Commit(error))) => {
            assert_eq!((ops > 1, error.stage, error.errno), (true, Stage::Begin, Errno::ENOMEM), "{case}");
        }
        (Kernel::LacksMemory, Err(error)) => assert_eq!((ops, refused(error)), (1, vec![0]), "{case}"),
        (Kernel::IsStale, Err(Error::Stale { .. })) => assert!(options.generation.is_some(), "{case}"),
        (Kernel::IsStale, Err(Error::Commit(_))) => assert!(options.generation.is_none(), "{case}"),
        (Kernel::Begin(errno), Err(Error::Commit(error))) => assert_eq!(error.errno.get(), errno, "{case}"),
        (_, other) => panic!("{case}: {other:?}"),
    }
}

#[test]
fn no_operation_is_acked_once_the_kernel_is_known_to_ack_the_end() {
    let batch = three_tables();
    for (acks_last, acked) in [(false, 1), (true, 0)] {
        let mut link = Link::new(Fake { acks_last, ..Fake::new(Kernel::Applies, true, Fault::None) });
        for commits in 1..4 {
            let before = link.transport().receives;
            link.commit(&batch, Options::default()).unwrap();
            let kernel = link.transport();
            assert_eq!((kernel.acked, kernel.queue.len(), kernel.sends), (acked, 0, commits), "and nothing else");
            let receives = if acks_last { 1 } else { 2 };
            assert!(commits == 1 || kernel.receives - before == receives, "{acks_last}");
        }
    }
}

#[test]
fn a_lost_answer_is_not_applied_if_the_generation_stands_still() {
    let mut link = Link::new(Fake::new(Kernel::RefusesFirst, true, Fault::Overflow(0)));
    link.generation().unwrap();
    let error = link.commit(&three_tables(), Options::default()).unwrap_err();
    assert!(matches!(&error, Error::Commit(e) if e.stage == Stage::Lost), "{error:?}");
    let mut link = Link::new(Fake::new(Kernel::Applies, true, Fault::Overflow(0)));
    link.generation().unwrap();
    let error = link.commit(&three_tables(), Options::default()).unwrap_err();
    assert!(matches!(error, Error::FateUnknown { reason: Errno::ENOBUFS }), "{error:?}");
}

#[test]
fn refusals_that_did_not_fit_are_told_of() {
    let mut link = Link::new(Fake::new(Kernel::RefusesTwo, true, Fault::Overflow(1)));
    let Err(Error::Rejected(rejections)) = link.commit(&three_tables(), Options::default()) else { panic!() };
    assert!(rejections.truncated());
    assert_eq!(rejections.iter().count(), 1);
}

#[test]
fn a_send_that_fails_applies_nothing_and_a_signal_does_not_count() {
    for errno in [Errno::EAGAIN, Errno::ENOMEM, Errno::ENOBUFS, Errno::EMSGSIZE, Errno::EPERM] {
        let mut link = Link::new(Fake::new(Kernel::Applies, true, Fault::None));
        link.transport_mut().send_errors.extend([Errno::EINTR, errno]);
        let error = told_truly(&mut link, &three_tables(), Options::default(), "send").unwrap_err();
        assert_eq!(error.errno(), Some(errno));
        told_truly(&mut link, &three_tables(), Options::default(), "again").unwrap();
    }
    let mut link = Link::new(Fake::new(Kernel::Applies, true, Fault::None));
    link.transport_mut().send_errors.extend([Errno::EINTR; 1000]);
    assert_eq!(
        told_truly(&mut link, &three_tables(), Options::default(), "forever").unwrap_err().errno(),
        Some(Errno::EINTR)
    );
}

#[test]
fn an_empty_batch_needs_no_kernel_but_minds_the_generation() {
    let mut link = Link::new(Fake::new(Kernel::AbortsSilently, true, Fault::None));
    let empty = Batch::new();
    link.commit(&empty, Options::default()).unwrap();
    assert_eq!(link.transport().sends, 0);
    link.commit(&empty, Options { generation: Some(7), ..Options::default() }).unwrap();
    let stale = link.commit(&empty, Options { generation: Some(6), ..Options::default() }).unwrap_err();
    assert!(stale.is_stale());
}

#[test]
fn a_mistake_is_told_before_anything_is_sent() {
    let mut link = Link::new(Fake::new(Kernel::Applies, true, Fault::None));
    let mut batch = three_tables();
    batch.add(&Table::inet(""));
    assert!(matches!(link.commit(&batch, Options::default()), Err(Error::Build(_))));
    assert_eq!(link.transport().sends, 0);
}

/// Lists the numbers of the fake tables.
fn list(link: &mut Link<Fake>) -> Result<Vec<u64>, Error> {
    let query = Query::new(NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, Family::INET, true, |_| {});
    let (list, _) = link.consistent(|link| {
        let mut list = Vec::new();
        let whole = link.query(&query, &|| "tables".to_owned(), &mut |_, attrs| {
            let notes = crate::wire::reader::Notes::default();
            for attr in crate::wire::AttrReader::new(attrs, &notes) {
                list.push(attr?.1.u64()?);
            }
            Ok(())
        })?;
        Ok((list, whole))
    })?;
    Ok(list)
}

#[test]
fn a_listing_is_whole_or_an_error_under_every_fault() {
    for fault in faults(5) {
        for disturbed in [1, 3, usize::MAX] {
            let mut fake = Fake::new(Kernel::Applies, true, fault);
            fake.dump = vec![(2, 7); 5];
            fake.disturbed = disturbed;
            let mut link = Link::new(fake);
            let result = list(&mut link);
            match &result {
                Ok(list) => {
                    assert!(list.iter().copied().eq(0..5) || matches!(fault, Fault::Twice(_)), "{fault:?}: {list:?}")
                }
                Err(error) => assert!(
                    disturbed == usize::MAX || matches!(fault, Fault::Broken(_)),
                    "{fault:?}, {disturbed} times: {error}"
                ),
            }
            assert!(link.transport().sends < 400, "bounded");
            link.transport_mut().disturbed = 0;
            assert_eq!(list(&mut link).unwrap(), [0, 1, 2, 3, 4], "{fault:?}: the connection stays usable");
        }
    }
}

#[test]
fn a_torn_listing_is_begun_again_and_not_for_ever() {
    // Marked by the kernel, or told by the generation alone.
    for torn in [vec![(2, 7), (2 | NLM_F_DUMP_INTR, 7), (2, 7)], vec![(2, 7), (2, 8), (2, 8)]] {
        let mut fake = Fake::new(Kernel::Applies, true, Fault::None);
        fake.dump = torn;
        let mut link = Link::new(fake);
        let error = list(&mut link).unwrap_err();
        assert!(matches!(error, Error::Inconsistent { attempts: link::ATTEMPTS }), "{error:?}");
        link.transport_mut().dump = vec![(2, 7); 2];
        assert_eq!(list(&mut link).unwrap(), [0, 1]);
    }
}

#[test]
fn a_dump_that_ends_in_an_error_is_an_error() {
    let mut fake = Fake::new(Kernel::Applies, true, Fault::None);
    fake.dump = vec![(2, 7)];
    let mut link = Link::new(fake);
    let query = Query::new(NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, Family::INET, true, |_| {});
    link.transport_mut().queue.push_back(Ok(forge::done(1, PORT, 2, 0)));
    // That one was for somebody else; one with this query's sequence counts.
    assert!(link.query(&query, &String::new, &mut |_, _| Ok(())).unwrap());
    let sequence = (1 << 31) | 2;
    let mut answers = Answers::new(&query, sequence, PORT, None);
    let progress = answers.datagram(&forge::done(sequence, PORT, 2, 0), &mut |_, _| Ok::<_, Error>(()));
    assert_eq!(progress.unwrap(), query::Progress::Failed(Errno::ENOENT));
}

#[test]
fn answers_about_hooks_are_addressed_to_nobody() {
    let count = |kind: u16, port| {
        let query = Query::new(kind, kind, Family::IP, true, |_| {});
        let mut answers = Answers::new(&query, 9, PORT, None);
        // No subsystem below 256 but that of nf_tables.
        let message_type = if kind >> 8 == 0 { 10 << 8 | kind } else { kind };
        let mut count = 0;
        let datagram = forge::raw(message_type, 2, 9, port, &[2, 0, 0, 0]);
        let take = &mut |_, _: &[u8]| {
            count += 1;
            Ok::<_, Error>(())
        };
        assert_eq!(answers.datagram(&datagram, take).unwrap(), query::Progress::Pending);
        count
    };
    for (kind, from_nobody) in [(NFNL_MSG_HOOK_GET, 1), (NFT_MSG_NEWTABLE, 0)] {
        assert_eq!([PORT, 0, PORT + 1].map(|port| count(kind, port)), [1, from_nobody, 0]);
    }
}

#[test]
fn an_old_answer_does_not_count_for_a_new_batch() {
    let mut link = Link::new(Fake::new(Kernel::Applies, true, Fault::Broken(0)));
    let error = told_truly(&mut link, &three_tables(), Options::default(), "broken").unwrap_err();
    assert!(matches!(error, Error::FateUnknown { .. }));
    // The first batch's acks are still queued; the second is the same batch, and is refused.
    assert!(!link.transport().queue.is_empty());
    link.transport_mut().kernel = Kernel::AbortsSilently;
    link.transport_mut().fault = Fault::None;
    told_truly(&mut link, &three_tables(), Options::default(), "silent").unwrap_err();
}
