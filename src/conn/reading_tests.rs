//! A kernel that moves elements while it tells them: one reading is enough where it proves itself, and never
//! where it does not.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::rc::Rc;

use super::queries::{ElementSource, read_set};
use crate::datum::{Interval, Mark};
use crate::engine::{Link, Received, Transport};
use crate::error::Errno;
use crate::set::{NFT_MSG_GETSET, NFT_MSG_GETSETELEM, NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM, Set, SetFlags};
use crate::table::Table;
use crate::wire::AttrWriter;
use crate::wire::message::{Messages, NFT_MSG_GETGEN, NFT_MSG_NEWGEN, NFTA_GEN_ID, forge};

/// Keys, and whether they end an interval; datagrams have two of them.
type Entries = &'static [(u32, bool)];

#[derive(Clone, Default)]
struct Kernel {
    generations: VecDeque<u32>,
    flags: SetFlags,
    policy: u32,
    /// What it counts each time that it is asked, and then always; nothing before Linux 6.16.
    counts: VecDeque<u32>,
    /// What it tells in each dump, and then always.
    dumps: VecDeque<Entries>,
    has_catch_all: bool,
    asked: Vec<u16>,
}

fn step<T: Copy>(steps: &mut VecDeque<T>) -> Option<T> {
    if steps.len() > 1 { steps.pop_front() } else { steps.front().copied() }
}

struct Socket {
    kernel: Rc<RefCell<Kernel>>,
    queue: VecDeque<Vec<u8>>,
}

impl Transport for Socket {
    fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        let mut kernel = self.kernel.borrow_mut();
        let datagram: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let first = Messages::new(&datagram).next().unwrap().unwrap();
        let sequence = first.sequence;
        if first.is_batch_begin() {
            return Ok(());
        }
        kernel.asked.push(first.nft_kind());
        let generation = match first.nft_kind() {
            NFT_MSG_GETGEN => step(&mut kernel.generations).unwrap_or(7),
            _ => kernel.generations.front().copied().unwrap_or(7),
        };
        let answer =
            |kind, write: &dyn Fn(&mut AttrWriter)| forge::nft(kind, 2, sequence, 1, generation as u16, |w| write(w));
        match first.nft_kind() {
            NFT_MSG_GETGEN => self.queue.push_back(answer(NFT_MSG_NEWGEN, &|w| w.u32(NFTA_GEN_ID, generation))),
            NFT_MSG_GETSET => {
                let (count, flags, policy) = (step(&mut kernel.counts), kernel.flags.bits(), kernel.policy);
                self.queue.push_back(answer(NFT_MSG_NEWSET, &|w| {
                    w.bytes(1, b"t\0");
                    w.bytes(2, b"s\0");
                    for (attr, value) in [(3, flags), (4, 19), (5, 4), (8, policy)] {
                        w.u32(attr, value);
                    }
                    if let Some(count) = count {
                        w.u32(20, count);
                    }
                }));
            }
            NFT_MSG_GETSETELEM => {
                let entries = step(&mut kernel.dumps).unwrap();
                let list = |entries: &[(u32, bool)], catch_all: bool| {
                    answer(NFT_MSG_NEWSETELEM, &|w| {
                        w.nest(3, |w| {
                            for (key, is_end) in entries {
                                w.nest(1, |w| {
                                    w.nest(1, |w| w.bytes(1, &key.to_be_bytes()));
                                    if *is_end {
                                        w.u32(3, 1);
                                    }
                                });
                            }
                            if catch_all {
                                w.nest(1, |w| w.u32(3, 2));
                            }
                        });
                    })
                };
                self.queue.extend(entries.chunks(2).map(|chunk| list(chunk, false)));
                self.queue.push_back([list(&[], kernel.has_catch_all), forge::done(sequence, 1, 0, 0)].concat());
            }
            kind => unreachable!("{kind}"),
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        let datagram = self.queue.pop_front().ok_or(Errno::EAGAIN)?;
        Ok(Received::copy(&datagram, buffer))
    }

    fn port(&self) -> u32 {
        1
    }
}

/// Reads a set, and returns how many elements it is said to have, and how often they were asked for.
fn read<S: ElementSource>(set: &S, kernel: Kernel) -> (usize, usize) {
    let kernel = Rc::new(RefCell::new(kernel));
    let mut link = Link::new(Socket { kernel: Rc::clone(&kernel), queue: VecDeque::new() });
    let ((_, elements), _) = link.consistent(|link| read_set(link, set)).unwrap();
    let asked = kernel.borrow().asked.iter().filter(|kind| **kind == NFT_MSG_GETSETELEM).count();
    (elements.len(), asked)
}

fn hash() -> Set<Mark> {
    Set::new(Table::inet("t"), "s")
}

fn tree() -> Set<Interval<Mark>> {
    Set::new(Table::inet("t"), "s")
}

const ALL: Entries = &[(5, false), (1, false), (4, false), (2, false), (3, false)];
const TWICE: Entries = &[(5, false), (5, false), (4, false), (2, false), (3, false)];
const TWICE_LATER: Entries = &[(5, false), (1, false), (4, false), (2, false), (5, false)];
const MISSING: Entries = &[(5, false), (1, false), (2, false), (3, false)];

fn telling(dumps: &[Entries], counts: &[u32]) -> Kernel {
    Kernel { dumps: dumps.iter().copied().collect(), counts: counts.iter().copied().collect(), ..Kernel::default() }
}

#[test]
fn elements_as_many_as_the_kernel_counts_are_read_once() {
    assert_eq!(read(&hash(), telling(&[ALL], &[5])), (5, 1));
    assert_eq!(read(&hash(), Kernel { has_catch_all: true, ..telling(&[ALL], &[5]) }), (6, 1), "it is not counted");
    assert_eq!(read(hash().at(), telling(&[ALL], &[5])), (5, 1), "those of no type, too");
}

#[test]
fn elements_are_read_twice_where_the_kernel_does_not_tell_their_number_or_they_go_by_themselves() {
    assert_eq!(read(&hash(), telling(&[ALL], &[])), (5, 2));
    for flags in [SetFlags::TIMEOUT, SetFlags::EVAL] {
        assert_eq!(read(&hash(), Kernel { flags, ..telling(&[ALL], &[5]) }), (5, 2), "{flags:?}");
    }
    assert_eq!(read(&hash(), Kernel { policy: 1, ..telling(&[ALL], &[5]) }), (5, 2), "it may be a tree");
}

#[test]
fn elements_told_twice_are_never_taken_for_all_whatever_the_kernel_counts() {
    for torn in [TWICE, TWICE_LATER] {
        for counts in [&[][..], &[5], &[4, 5], &[6]] {
            let (found, asked) = read(&hash(), telling(&[torn, ALL], counts));
            assert!(found == 5 && asked >= 2, "{torn:?} {counts:?}: {found} {asked}");
            // Nor where two readings agree on them.
            let (found, asked) = read(&hash(), telling(&[torn, torn, torn, ALL], counts));
            assert!(found == 5 && asked >= 4, "{torn:?} {counts:?}: {found} {asked}");
        }
    }
}

#[test]
fn elements_that_are_missing_are_noticed_by_their_number() {
    assert_eq!(read(&hash(), telling(&[MISSING, ALL], &[5])), (5, 2));
    assert_eq!(read(&hash(), telling(&[MISSING, MISSING, ALL], &[5])), (5, 4));
    // A batch that is under way counts before its elements are there, and it is refused.
    for counts in [&[6][..], &[5, 6], &[6, 5], &[4, 5], &[5, 4]] {
        let (found, asked) = read(&hash(), telling(&[ALL], counts));
        assert!(found == 5 && asked >= 2, "{counts:?}: {asked}");
        let (found, asked) = read(&hash(), telling(&[MISSING, MISSING, ALL], counts));
        assert!(found == 5 && asked >= 4, "{counts:?}: {found} {asked}");
    }
}

#[test]
fn intervals_are_read_once_where_their_order_and_number_leave_nothing_out() {
    const PAIRS: Entries = &[(60, true), (50, false), (40, true), (30, false), (20, true), (10, false)];
    const FROM_ZERO: Entries = &[(60, true), (50, false), (40, true), (30, false), (20, true), (10, false), (0, true)];
    const TO_THE_END: Entries = &[(90, false), (60, true), (50, false), (20, true), (10, false)];
    let flags = SetFlags::INTERVAL;
    let telling = |dumps: &[Entries], counts: &[u32]| Kernel { flags, ..telling(dumps, counts) };
    assert_eq!(read(&tree(), telling(&[PAIRS], &[3])), (3, 1));
    assert_eq!(read(&tree(), telling(&[FROM_ZERO], &[3])), (3, 1));
    assert_eq!(read(&tree(), telling(&[TO_THE_END], &[2])), (3, 1));
    // As they are, the end at zero counts: half the number does not tell of it.
    assert_eq!(read(tree().at(), telling(&[FROM_ZERO], &[3])), (7, 1));
    assert_eq!(read(tree().at(), telling(&[PAIRS], &[3])), (6, 2));
    // One is missing between two datagrams, told twice, or the last of an even number.
    const WITHOUT_A_START: Entries = &[(60, true), (50, false), (40, true), (20, true), (10, false), (0, true)];
    const WITHOUT_AN_END: Entries = &[(60, true), (50, false), (30, false), (20, true), (10, false), (0, true)];
    const ONE_TWICE: Entries =
        &[(60, true), (50, false), (50, false), (40, true), (30, false), (20, true), (10, false)];
    const WITHOUT_THE_LAST: Entries = &[(90, false), (60, true), (50, false), (20, true)];
    for (torn, whole, count) in [
        (WITHOUT_A_START, FROM_ZERO, 3),
        (WITHOUT_AN_END, FROM_ZERO, 3),
        (ONE_TWICE, PAIRS, 3),
        (WITHOUT_THE_LAST, TO_THE_END, 2),
    ] {
        let (found, asked) = read(&tree(), telling(&[torn, whole], &[count]));
        assert!(found == 3 && asked >= 2, "{torn:?}: {found} {asked}");
    }
    assert_eq!(read(&tree(), telling(&[PAIRS], &[4])), (3, 2));
    assert_eq!(read(&tree(), telling(&[PAIRS], &[])), (3, 2));
    assert_eq!(
        read(&tree(), telling(&[&[(10, false), (20, true), (30, false), (40, true)]], &[2])),
        (2, 2),
        "ascending"
    );
}

#[test]
fn a_large_set_is_not_read_at_a_generation_that_is_over() {
    let kernel = Rc::new(RefCell::new(telling(&[ALL], &[5])));
    let mut link = Link::new(Socket { kernel: Rc::clone(&kernel), queue: VecDeque::new() });
    let mut read = |generations: &[u32]| {
        kernel.borrow_mut().generations = generations.iter().copied().collect();
        kernel.borrow_mut().asked.clear();
        let ((_, elements), generation) = link.consistent(|link| read_set(link, &hash())).unwrap();
        assert_eq!((elements.len(), generation), (5, *generations.last().unwrap()));
        kernel.borrow().asked.clone()
    };
    let once = [NFT_MSG_GETGEN, NFT_MSG_GETSET, NFT_MSG_GETSETELEM, NFT_MSG_GETSET, NFT_MSG_GETGEN];
    assert_eq!(read(&[7]), once);
    assert_eq!(read(&[7]), once);
    assert_eq!(read(&[8]), once, "somebody else has committed");
}
