//! A kernel whose answers are split, doubled, cut off, mixed with others' and without an end:
//! listings, snapshots and streams are whole, or say that they are not, and end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::rc::Rc;

use super::query::Linked;
use super::*;
use crate::error::Error;
use crate::table::{NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE};
use crate::wire::Family;
use crate::wire::keyed::Sequence;
use crate::wire::message::{Messages, NFT_MSG_GETGEN, NFT_MSG_NEWGEN, NFTA_GEN_ID, NLM_F_DUMP_INTR, forge};
use crate::wire::reader::Notes;

const PORT: u32 = 4242;
/// The attributes of what is listed: its number, and that of what it stands behind.
const NUMBER: u16 = 4;
const BEHIND: u16 = 6;
/// How many things are listed.
const COUNT: u64 = 4;

/// What becomes of the datagrams of a dump.
type Disturb = fn(Vec<Vec<u8>>, u32) -> Vec<Result<Vec<u8>, Errno>>;

struct Kernel {
    generation: u32,
    /// Each answer to what the generation is makes the next one.
    restless: bool,
    /// How many transactions are under way, which commit before an empty batch has its turn.
    under_way: u32,
    /// Before which answers a new datagram begins, as bits; the end of the dump is the last of them.
    cuts: u32,
    /// Flags of the messages of a dump.
    flags: u16,
    /// The error that a dump ends with.
    end: i32,
    disturb: Disturb,
    /// What comes when the queue is empty.
    idle: fn() -> Result<Vec<u8>, Errno>,
    /// Whether there are more sockets.
    sockets: bool,
    sends: u32,
    open: u32,
}

impl Kernel {
    fn new() -> Self {
        Self {
            generation: 7,
            restless: false,
            under_way: 0,
            cuts: 0,
            flags: 2,
            end: 0,
            disturb: |datagrams, _| datagrams.into_iter().map(Ok).collect(),
            idle: || Err(Errno::EAGAIN),
            sockets: true,
            sends: 0,
            open: 1,
        }
    }

    fn link(self) -> (Link<Socket>, Rc<RefCell<Self>>) {
        let kernel = Rc::new(RefCell::new(self));
        (Link::new(Socket { kernel: Rc::clone(&kernel), port: PORT, queue: VecDeque::new() }), kernel)
    }
}

struct Socket {
    kernel: Rc<RefCell<Kernel>>,
    port: u32,
    queue: VecDeque<Result<Vec<u8>, Errno>>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.kernel.borrow_mut().open -= 1;
    }
}

impl Transport for Socket {
    fn send(&mut self, parts: &[IoSlice<'_>]) -> Result<(), Errno> {
        let mut kernel = self.kernel.borrow_mut();
        kernel.sends += 1;
        let datagram: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let first = Messages::new(&datagram).next().unwrap().unwrap();
        let (sequence, port) = (first.sequence, self.port);
        if first.is_batch_begin() {
            kernel.generation += std::mem::take(&mut kernel.under_way);
            let demanded = u32::from_be_bytes(*datagram[..28].last_chunk().unwrap());
            if demanded != kernel.generation {
                self.queue.push_back(Ok(forge::ack(0, port, 85, None)));
            }
            return Ok(());
        }
        let generation = kernel.generation;
        if first.nft_kind() == NFT_MSG_GETGEN {
            let write = |w: &mut crate::wire::AttrWriter| w.u32(NFTA_GEN_ID, generation);
            self.queue.push_back(Ok(forge::nft(NFT_MSG_NEWGEN, 0, sequence, port, generation as u16, write)));
            kernel.generation += u32::from(kernel.restless);
            return Ok(());
        }
        let mut messages: Vec<Vec<u8>> = (0..COUNT)
            .map(|n| {
                forge::nft(NFT_MSG_NEWTABLE, kernel.flags, sequence, port, generation as u16, |w| {
                    w.u64(NUMBER, n);
                    if n > 0 {
                        w.u64(BEHIND, n - 1);
                    }
                })
            })
            .collect();
        messages.push(forge::done(sequence, port, kernel.end, 0));
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        for (n, message) in messages.into_iter().enumerate() {
            match datagrams.last_mut().filter(|_| kernel.cuts & (1 << n) == 0) {
                Some(datagram) => datagram.extend(message),
                None => datagrams.push(message),
            }
        }
        self.queue.extend((kernel.disturb)(datagrams, sequence));
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<Received, Errno> {
        let datagram = self.queue.pop_front().unwrap_or_else(self.kernel.borrow().idle)?;
        Ok(Received::copy(&datagram, buffer))
    }

    fn port(&self) -> u32 {
        self.port
    }

    fn another(&self) -> Option<Self> {
        let mut kernel = self.kernel.borrow_mut();
        kernel.sockets.then(|| {
            kernel.open += 1;
            let kernel = Rc::clone(&self.kernel);
            Self { kernel, port: self.port + 1, queue: VecDeque::new() }
        })
    }
}

fn query(linked: bool) -> Query {
    let mut query = Query::new(NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, Family::INET, true, |_| {});
    if linked {
        query.link =
            |attrs| Some(Linked { table: b"t", number: number(attrs, NUMBER)?, behind: number(attrs, BEHIND) });
    }
    query
}

fn number(attrs: &[u8], of: u16) -> Option<u64> {
    let notes = Notes::default();
    let mut attrs = crate::wire::AttrReader::new(attrs, &notes).map_while(Result::ok);
    attrs.find_map(|(number, value)| (number == of).then(|| value.u64().ok())?)
}

fn identify(attrs: &[u8], things: &mut Sequence) {
    things.note(&number(attrs, NUMBER).unwrap_or(u64::MAX).to_ne_bytes());
}

fn listed<T: Transport>(link: &mut Link<T>, linked: bool) -> Result<Vec<u64>, Error> {
    let reading = link.consistent(|link| {
        let mut list = Vec::new();
        let whole = link.query(&query(linked), &|| "things".to_owned(), &mut |_, attrs| {
            list.extend(number(attrs, NUMBER));
            Ok(())
        })?;
        Ok((list, whole))
    });
    reading.map(|(list, _)| list)
}

/// What a stream yields, and whether that was whole.
fn streamed<T: Transport>(link: &mut Link<T>, linked: bool, most: usize) -> Result<(Vec<u64>, bool), Error> {
    let mut dump = Dump::begin(link, query(linked), "things", identify, |_| Ok(()))?;
    let mut list = Vec::new();
    while list.len() < most {
        let Some((_, attrs)) = dump.next()? else { break };
        list.extend(number(dump.attrs(attrs), NUMBER));
    }
    Ok((list, dump.is_whole(|_| Ok(false))?))
}

/// A listing in a snapshot, and how often that was begun.
fn snapshot<T: Transport>(link: &mut Link<T>, linked: bool) -> (Result<Vec<u64>, Error>, u32) {
    for begun in 1..=ATTEMPTS {
        match link.begin_snapshot() {
            Ok(Some(_)) => {}
            Ok(None) => continue,
            Err(error) => return (Err(error), begun),
        }
        let list = listed(link, linked);
        match link.end_snapshot() {
            Ok(true) => return (list, begun),
            Ok(false) => {}
            Err(error) => return (Err(error), begun),
        }
    }
    (Err(Error::Inconsistent { attempts: ATTEMPTS }), ATTEMPTS)
}

/// Each way to cut a dump into datagrams, with and without a socket for streams, of things that say what they stand
/// behind and of others.
fn ways() -> impl Iterator<Item = (u32, bool, bool)> {
    (0..1 << COUNT).flat_map(|cuts| {
        [(true, true), (true, false), (false, true), (false, false)]
            .map(|(sockets, linked)| (cuts * 2, sockets, linked))
    })
}

const ALL: [u64; COUNT as usize] = [0, 1, 2, 3];

/// Reads in each way what is disturbed in none that matters.
fn all_is_read(disturb: Disturb) {
    for (cuts, sockets, linked) in ways() {
        let case = format!("{cuts:b} {sockets} {linked}");
        let (mut link, kernel) = Kernel { cuts, sockets, disturb, ..Kernel::new() }.link();
        for _ in 0..2 {
            assert_eq!(listed(&mut link, linked).unwrap(), ALL, "{case}");
            assert_eq!(streamed(&mut link, linked, 99).unwrap(), (ALL.to_vec(), true), "{case}");
            assert_eq!(streamed(&mut link, linked, 2).unwrap(), (vec![0, 1], true), "{case}");
            let (list, begun) = snapshot(&mut link, linked);
            assert_eq!((list.unwrap(), begun), (ALL.to_vec(), 1), "{case}");
        }
        assert_eq!(kernel.borrow().open, 1, "{case}");
    }
}

/// Reads in each way what never can be whole: nobody says that it is, and all ends.
fn nothing_is_whole(make: impl Fn() -> Kernel, expected: fn(&Error) -> bool) {
    for (cuts, sockets, linked) in ways() {
        let case = format!("{cuts:b} {sockets} {linked}");
        let (mut link, kernel) = Kernel { cuts, sockets, ..make() }.link();
        let error = listed(&mut link, linked).unwrap_err();
        assert!(expected(&error), "{case}: {error:?}");
        let told = streamed(&mut link, linked, 99);
        assert!(told.as_ref().map_or_else(expected, |(_, whole)| !whole), "{case}: {told:?}");
        let (list, begun) = snapshot(&mut link, linked);
        assert!(list.is_err() && begun <= ATTEMPTS, "{case}: {list:?}");
        assert!(kernel.borrow().sends < 1000, "{case}: {}", kernel.borrow().sends);
        // The connection works when the kernel does.
        *kernel.borrow_mut() = Kernel { sends: 0, ..Kernel::new() };
        assert_eq!(listed(&mut link, linked).unwrap(), ALL, "{case}");
        assert_eq!(streamed(&mut link, linked, 99).unwrap(), (ALL.to_vec(), true), "{case}");
    }
}

fn is_inconsistent(error: &Error) -> bool {
    matches!(error, Error::Inconsistent { .. })
}

#[test]
fn answers_split_over_datagrams_in_every_place_are_whole() {
    all_is_read(|datagrams, _| datagrams.into_iter().map(Ok).collect());
}

#[test]
fn answers_for_others_and_of_nothing_count_for_nothing() {
    all_is_read(|datagrams, sequence| {
        let another = |sequence, port| forge::nft(NFT_MSG_NEWTABLE, 2, sequence, port, 9, |w| w.u64(NUMBER, 99));
        let between = |datagram: Vec<u8>| {
            let foreign = [another(sequence + 1, PORT), another(sequence - 1, PORT + 1), another(sequence, PORT + 7)];
            let ends = [forge::done(sequence - 1, PORT, 0, 0), forge::ack(sequence, PORT + 7, 1, None), Vec::new()];
            // Before, alone and together with others, and in the same datagram.
            let together = [foreign.concat(), datagram].concat();
            foreign.into_iter().chain(ends).chain([together]).map(Ok)
        };
        datagrams.into_iter().flat_map(between).collect()
    });
}

#[test]
fn interrupted_calls_are_begun_again() {
    all_is_read(|datagrams, _| datagrams.into_iter().flat_map(|datagram| [Err(Errno::EINTR), Ok(datagram)]).collect());
}

#[test]
fn answers_that_stop_in_the_middle_are_not_whole() {
    nothing_is_whole(
        || Kernel {
            disturb: |mut datagrams, _| {
                // The end is alone or with others: it is cut away in either case.
                let last = datagrams.last_mut().unwrap();
                last.truncate(last.len() - 20);
                datagrams.into_iter().filter(|datagram| !datagram.is_empty()).map(Ok).collect()
            },
            ..Kernel::new()
        },
        is_inconsistent,
    );
}

#[test]
fn dump_that_is_interrupted_for_ever_is_given_up() {
    nothing_is_whole(|| Kernel { flags: 2 | NLM_F_DUMP_INTR, ..Kernel::new() }, is_inconsistent);
}

#[test]
fn generation_that_changes_for_ever_is_given_up() {
    nothing_is_whole(|| Kernel { restless: true, ..Kernel::new() }, is_inconsistent);
}

#[test]
fn answers_told_twice_are_noticed_where_they_say_what_they_stand_behind() {
    let twice: Disturb = |datagrams, _| datagrams.into_iter().flat_map(|one| [one.clone(), one]).map(Ok).collect();
    // What begins a list may begin another list of its own: a datagram of several such is not noticed.
    for cuts in (0..1 << COUNT).map(|cuts| cuts * 2 + 2).filter(|cuts| cuts & 2 != 0) {
        let (mut link, kernel) = Kernel { disturb: twice, cuts, ..Kernel::new() }.link();
        assert!(is_inconsistent(&listed(&mut link, true).unwrap_err()), "{cuts:b}");
        assert!(!streamed(&mut link, true, 99).unwrap().1, "{cuts:b}");
        assert!(is_inconsistent(&snapshot(&mut link, true).0.unwrap_err()), "{cuts:b}");
        *kernel.borrow_mut() = Kernel::new();
        assert_eq!(listed(&mut link, true).unwrap(), ALL);
    }
}

#[test]
fn answers_that_are_missing_are_noticed_where_they_say_what_they_stand_behind() {
    let (mut link, _) = Kernel {
        disturb: |mut datagrams, _| {
            datagrams.remove(2);
            datagrams.into_iter().map(Ok).collect()
        },
        cuts: 0b11110,
        ..Kernel::new()
    }
    .link();
    assert!(is_inconsistent(&listed(&mut link, true).unwrap_err()));
    assert_eq!(streamed(&mut link, true, 99).unwrap(), (vec![0, 1, 3], false));
}

#[test]
fn what_moved_between_two_datagrams_is_noticed_by_reading_again() {
    // Each dump tells them in another order.
    let disturb: Disturb = |mut datagrams, sequence| {
        let end = datagrams.pop();
        datagrams.rotate_left(sequence as usize % 4);
        datagrams.into_iter().chain(end).map(Ok).collect()
    };
    for sockets in [true, false] {
        let (mut link, _) = Kernel { disturb, cuts: 0b11110, sockets, ..Kernel::new() }.link();
        let (list, whole) = streamed(&mut link, false, 99).unwrap();
        assert_eq!((list.len(), whole), (4, false));
        assert!(!streamed(&mut link, false, 3).unwrap().1);
        // Where nothing moved in the part that was read, that part is whole.
        assert!(streamed(&mut link, false, 0).unwrap().1);
    }
}

#[test]
fn dump_that_ends_in_an_error_is_that_error() {
    nothing_is_whole(|| Kernel { end: 2, ..Kernel::new() }, Error::is_not_found);
}

#[test]
fn datagrams_cut_off_at_any_byte_are_no_answer() {
    for len in 0..forge::done(1, PORT, 0, 0).len() {
        thread_local!(static LEN: std::cell::Cell<usize> = const { std::cell::Cell::new(0) });
        LEN.set(len);
        nothing_is_whole(
            || Kernel {
                disturb: |datagrams, _| {
                    let cut = |mut datagram: Vec<u8>| {
                        datagram.truncate(LEN.get());
                        Ok(datagram)
                    };
                    datagrams.into_iter().map(cut).collect()
                },
                ..Kernel::new()
            },
            is_inconsistent,
        );
    }
}

#[test]
fn datagrams_that_the_buffer_does_not_hold_are_no_answer_until_it_does() {
    // One that is larger than any that the kernel makes is refused.
    nothing_is_whole(
        || Kernel {
            disturb: |datagrams, _| datagrams.into_iter().map(|_| Ok(vec![0; 5 << 20])).collect(),
            ..Kernel::new()
        },
        |error| error.errno() == Some(Errno::EMSGSIZE),
    );
    let (mut link, _) = Kernel {
        disturb: |datagrams, sequence| {
            let padding = forge::nft(NFT_MSG_NEWTABLE, 2, sequence - 1, PORT, 7, |w| {
                (0..3).for_each(|_| w.bytes(99, &[0; 60_000]));
            });
            datagrams.into_iter().map(|datagram| Ok([datagram, padding.clone()].concat())).collect()
        },
        sockets: false,
        ..Kernel::new()
    }
    .link();
    assert_eq!(streamed(&mut link, true, 99).unwrap(), (vec![], false));
    assert_eq!(listed(&mut link, true).unwrap(), ALL);
    assert_eq!(streamed(&mut link, true, 99).unwrap(), (ALL.to_vec(), true));
}

#[test]
fn queue_that_never_ends_is_given_up() {
    let disturb: Disturb = |_, _| Vec::new();
    let foreign = || Ok(forge::done(3, PORT + 9, 0, 0));
    for idle in [|| Ok(Vec::new()), foreign, || Err(Errno::ENOBUFS)] as [fn() -> _; 3] {
        let (mut link, kernel) = Kernel { disturb, ..Kernel::new() }.link();
        assert!(listed(&mut link, false).is_err());
        kernel.borrow_mut().idle = idle;
        // What a request cannot be sure to have emptied the queue before it is not sent.
        let error = listed(&mut link, false).unwrap_err();
        assert_eq!(error.errno(), Some(if idle().is_ok() { Errno::EBUSY } else { Errno::ENOBUFS }), "{error:?}");
        kernel.borrow_mut().idle = || Err(Errno::EAGAIN);
        let mut dump = Dump::begin(&mut link, query(false), "things", identify, |_| Ok(())).unwrap();
        kernel.borrow_mut().idle = idle;
        let errno = dump.next().unwrap_err().errno();
        assert!(matches!(errno, Some(Errno::EBUSY | Errno::ENOBUFS)), "{errno:?}");
    }
}

#[test]
fn commit_under_way_is_waited_for_once() {
    for under_way in [0, 1] {
        let (mut link, kernel) = Kernel { under_way, ..Kernel::new() }.link();
        assert_eq!(link.begin_reading().unwrap(), Some(7 + under_way));
        // The next reading knows that it is over.
        let sends = kernel.borrow().sends;
        assert_eq!(listed(&mut link, true).unwrap(), ALL);
        assert_eq!(kernel.borrow().sends, sends + 2, "the dump, and whether the generation is still the same");
    }
    // Of two it cannot be known whether the second was over.
    let (mut link, _) = Kernel { under_way: 2, ..Kernel::new() }.link();
    assert_eq!(link.begin_reading().unwrap(), None);
    assert_eq!(link.generation().unwrap(), 9);
}

#[test]
fn what_changes_before_the_generation_does_is_proven_when_no_commit_is_under_way() {
    for early in [true, false] {
        let (mut link, kernel) = Kernel::new().link();
        let ask = |link: &mut Link<Socket>| {
            link.reads_early(early);
            // A commit begins before the answer does.
            let first = kernel.borrow().generation == 7;
            kernel.borrow_mut().under_way = u32::from(first);
            link.query(&query(false), &|| "things".to_owned(), &mut |_, _| Ok(()))
        };
        let mut begun = 0;
        let reading = link.consistent(|link| {
            begun += 1;
            Ok(((), ask(link)?))
        });
        assert_eq!((reading.unwrap().1, begun), if early { (8, 2) } else { (7, 1) });
        // What is read next needs no such proof.
        kernel.borrow_mut().under_way = 1;
        listed(&mut link, false).unwrap();
        assert_eq!(kernel.borrow().under_way, 1);

        let (mut link, kernel) = Kernel::new().link();
        assert_eq!(link.begin_snapshot().unwrap(), Some(7));
        kernel.borrow_mut().under_way = 1;
        // Of all that is in it: a reading that begins later forgets nothing.
        link.reads_early(early);
        listed(&mut link, false).unwrap();
        listed(&mut link, false).unwrap();
        assert_eq!(link.end_snapshot().unwrap(), !early);

        let (mut link, kernel) = Kernel::new().link();
        let asked = |link: &mut Link<Socket>| {
            link.reads_early(early);
            Ok(())
        };
        let mut dump = Dump::begin(&mut link, query(false), "things", identify, asked).unwrap();
        kernel.borrow_mut().under_way = 1;
        while dump.next().unwrap().is_some() {}
        assert_eq!(dump.is_whole(|_| Ok(true)).unwrap(), !early);
    }
}

#[test]
fn dump_left_on_the_links_own_socket_is_read_to_its_end_by_the_next_request() {
    for forgotten in [true, false] {
        let (mut link, kernel) = Kernel { cuts: 0b11110, sockets: false, ..Kernel::new() }.link();
        for _ in 0..3 {
            let mut dump = Dump::begin(&mut link, query(true), "things", identify, |_| Ok(())).unwrap();
            assert!(dump.next().unwrap().is_some());
            if forgotten {
                std::mem::forget(dump);
            }
        }
        assert_eq!(listed(&mut link, true).unwrap(), ALL);
        assert_eq!(kernel.borrow().open, 1);
    }
}

#[test]
fn snapshot_with_what_is_torn_in_it_is_not_whole_whatever_its_reader_says() {
    let (mut link, kernel) = Kernel::new().link();
    assert_eq!(link.begin_snapshot().unwrap(), Some(7));
    kernel.borrow_mut().flags = 2 | NLM_F_DUMP_INTR;
    assert!(listed(&mut link, true).is_err(), "and ignored");
    kernel.borrow_mut().flags = 2;
    assert_eq!(listed(&mut link, true).unwrap(), ALL);
    assert!(!link.end_snapshot().unwrap());
    // The same of a stream.
    link.begin_snapshot().unwrap().unwrap();
    kernel.borrow_mut().flags = 2 | NLM_F_DUMP_INTR;
    let mut dump = Dump::begin(&mut link, query(true), "things", identify, |_| Ok(())).unwrap();
    assert!(dump.next().unwrap().is_some());
    drop(dump);
    assert!(!link.end_snapshot().unwrap());
    // Of one that was left when something may have moved it is found out.
    *kernel.borrow_mut() = Kernel { cuts: 0b11110, ..Kernel::new() };
    for forgotten in [false, true] {
        link.begin_snapshot().unwrap().unwrap();
        let mut dump = Dump::begin(&mut link, query(false), "things", identify, |_| Ok(())).unwrap();
        for _ in 0..3 {
            assert!(dump.next().unwrap().is_some());
        }
        match forgotten {
            true => std::mem::forget(dump),
            false => drop(dump),
        }
        assert_eq!(link.end_snapshot().unwrap(), !forgotten);
    }
}
