use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::event::kind_of;
use super::*;
use crate::conn::Recording;
use crate::datum::{Mark, Port};
use crate::engine::faults::{Faulty, Line, each_plan};
use crate::error::Errno;
use crate::field::{ip, tcp};
use crate::rule::NFT_MSG_NEWRULE;
use crate::ruleset::Generation;
use crate::set::{NFT_MSG_DELSETELEM, NFT_MSG_NEWSETELEM, SetRef, read_element_list, read_set_ref};
use crate::table::{NFT_MSG_DELTABLE, NFT_MSG_NEWTABLE, Table, TableRef};
use crate::wire::message::{Content, Messages, NFT_MSG_NEWGEN, NFTA_GEN_ID, forge};
use crate::wire::{AttrWriter, Family};
use crate::{Batch, Element, Flowtable, Hook, Interval, Map, Name, Priority, Rule, Set, object};

const PORT: u32 = 77;

fn commits() -> Commits {
    Commits::new(1000)
}

fn table(kind: u16, name: &[u8]) -> Vec<u8> {
    forge::nft(kind, 0, 5, PORT, 0, |w| {
        w.string(1, name);
        w.u32(2, 0);
    })
}

fn elements(kind: u16, keys: &[u8]) -> Vec<u8> {
    forge::nft(kind, 0, 0, PORT, 0, |w| {
        SetRef::new(Table::inet("fw"), "s").write(w);
        w.nest(3, |w| {
            for key in keys {
                w.nest(1, |w| w.nest(1, |w| w.bytes(1, &[10, 0, 0, *key])));
            }
        });
    })
}

fn end(generation: u32) -> Vec<u8> {
    forge::nft(NFT_MSG_NEWGEN, 0, 1, PORT, 0, |w| {
        w.u32(NFTA_GEN_ID, generation);
        w.u32(2, 4711);
        w.string(3, b"daemon");
    })
}

fn all(commits: &mut Commits) -> Vec<Notice> {
    std::iter::from_fn(|| commits.pop()).collect()
}

/// A notice as its generation, how many events it has, and whether it is whole; `None` for an overrun.
type Told = Option<(u32, usize, bool)>;

fn told(commits: &mut Commits) -> Vec<Told> {
    let tell = |notice| match notice {
        Notice::Commit(commit) => Some((commit.generation().get(), commit.events().len(), commit.is_complete())),
        Notice::Overrun(_) => None,
        Notice::Depleted(object) => panic!("{object:?}"),
    };
    all(commits).into_iter().map(tell).collect()
}

#[test]
fn events_are_grouped_by_the_commit_that_ends_them() {
    let mut commits = commits();
    for datagram in [table(NFT_MSG_NEWTABLE, b"one"), elements(NFT_MSG_NEWSETELEM, &[1, 2]), end(7)] {
        assert_eq!(all(&mut commits), []);
        commits.datagram(&datagram);
    }
    let [Notice::Commit(commit)] = &all(&mut commits)[..] else { panic!() };
    assert_eq!(
        (commit.generation(), commit.port_id().get(), commit.pid()),
        (Generation::from_raw(7), PORT, Some(4711))
    );
    assert_eq!(commit.process_name(), Some(&Name::from("daemon")));
    let expected = "add table inet one # handle 0
add element inet fw s { 0x0a000001 }
add element inet fw s { 0x0a000002 }
# generation 7 by process 4711 (daemon)";
    assert_eq!(commit.to_string(), expected);
    let [_, Event::NewElement(one), Event::NewElement(other)] = commit.events() else { panic!() };
    assert_eq!(one.set().name().as_bytes().as_ptr(), other.set().name().as_bytes().as_ptr(), "the name is kept once");
}

#[test]
fn several_messages_in_a_datagram_are_read() {
    let mut commits = commits();
    let datagram = [table(NFT_MSG_DELTABLE, b"one"), end(7), table(NFT_MSG_NEWTABLE, b"two"), end(8)].concat();
    commits.datagram(&datagram);
    assert_eq!(told(&mut commits), [Some((7, 1, true)), Some((8, 1, true))]);
}

#[test]
fn gap_in_the_generations_is_an_overrun() {
    let mut commits = commits();
    [1, 2, 4, 5].iter().for_each(|generation| commits.datagram(&end(*generation)));
    let notices = all(&mut commits);
    assert_eq!(notices.len(), 5);
    let Notice::Overrun(overrun) = &notices[2] else { panic!("{notices:?}") };
    assert_eq!(overrun.last_complete(), Some(Generation::from_raw(2)));
    let complete = notices.iter().filter_map(|notice| match notice {
        Notice::Commit(commit) => Some(commit.is_complete()),
        _ => None,
    });
    // Of the one after the gap, events may be among what was lost.
    assert_eq!(complete.collect::<Vec<_>>(), [true, true, false, true]);
}

#[test]
fn generations_wrap_around_without_zero() {
    let mut commits = commits();
    [u32::MAX - 1, u32::MAX, 1, 2].iter().for_each(|generation| commits.datagram(&end(*generation)));
    assert!(told(&mut commits).iter().all(|commit| matches!(commit, Some((_, 0, true)))));
    commits.restart(Generation::from_raw(u32::MAX));
    [u32::MAX - 1, u32::MAX, 1].iter().for_each(|generation| commits.datagram(&end(*generation)));
    assert_eq!(told(&mut commits), [Some((1, 0, true))]);
}

#[test]
fn after_an_overrun_commits_are_in_doubt_until_the_queue_was_empty() {
    let mut commits = commits();
    commits.datagram(&end(1));
    commits.overrun();
    // They were in the queue before, or came when there was room again: nobody knows.
    [2, 3].iter().for_each(|generation| commits.datagram(&end(*generation)));
    commits.idle();
    // Of this one the beginning may have been sent before.
    commits.datagram(&end(4));
    commits.idle();
    [5, 6].iter().for_each(|generation| commits.datagram(&end(*generation)));
    let expected =
        [Some((1, 0, true)), None, Some((2, 0, false)), Some((3, 0, false)), Some((4, 0, false)), Some((5, 0, true))];
    assert_eq!(told(&mut commits)[..6], expected);
    commits.overrun();
    let [Notice::Overrun(overrun)] = all(&mut commits)[..] else { panic!() };
    assert_eq!(overrun.last_complete(), Some(Generation::from_raw(6)));
}

#[test]
fn what_a_resync_has_read_is_not_told_again() {
    let mut commits = commits();
    commits.datagram(&table(NFT_MSG_NEWTABLE, b"half"));
    commits.forget();
    commits.idle();
    commits.restart(Generation::from_raw(9));
    assert_eq!(all(&mut commits), []);
    // The rest of a commit whose beginning was thrown away, one that is known, and two that are new.
    for datagram in [table(NFT_MSG_NEWTABLE, b"rest"), end(8), end(9), table(NFT_MSG_DELTABLE, b"x"), end(10), end(11)]
    {
        commits.datagram(&datagram);
    }
    assert_eq!(told(&mut commits), [Some((10, 1, true)), Some((11, 0, true))]);
    commits.restart(Generation::from_raw(20));
    commits.datagram(&end(22));
    assert_eq!(told(&mut commits), [None, Some((22, 0, false))], "21 is missing");
}

#[test]
fn what_the_queue_does_not_take_during_a_resync_is_lost() {
    let mut commits = commits();
    commits.forget();
    // Whoever commits fills the queue as fast as it is emptied.
    commits.restart(Generation::from_raw(9));
    [end(9), end(10)].iter().for_each(|datagram| commits.datagram(datagram));
    assert_eq!(told(&mut commits), [None, Some((10, 0, false))]);
    commits.idle();
    [end(11), end(12)].iter().for_each(|datagram| commits.datagram(datagram));
    assert_eq!(told(&mut commits), [Some((11, 0, false)), Some((12, 0, true))]);
}

#[test]
fn what_a_resync_that_fails_threw_away_is_lost() {
    let mut commits = commits();
    [end(1), end(2), table(NFT_MSG_NEWTABLE, b"half")].iter().for_each(|datagram| commits.datagram(datagram));
    commits.forget();
    commits.idle();
    [end(5), end(6)].iter().for_each(|datagram| commits.datagram(datagram));
    assert_eq!(told(&mut commits), [None, Some((5, 0, false)), Some((6, 0, true))]);
}

#[test]
fn more_events_than_are_kept_make_a_commit_incomplete() {
    let mut commits = Commits::new(3);
    for _ in 0..5 {
        commits.datagram(&table(NFT_MSG_NEWTABLE, b"one"));
    }
    assert_eq!(commits.events_kept(), 3);
    commits.datagram(&end(1));
    commits.datagram(&table(NFT_MSG_NEWTABLE, b"one"));
    commits.datagram(&end(2));
    assert_eq!(told(&mut commits), [Some((1, 3, false)), Some((2, 1, true))]);
}

#[test]
fn large_events_are_kept_up_to_a_bound_of_bytes() {
    let mut commits = Commits::new(1 << 20);
    // Rules of a megabyte: none is so large, but the kernel's bytes are not ours.
    let rule = forge::nft(NFT_MSG_NEWRULE, 0, 1, PORT, 0, |w| (0..17).for_each(|_| w.bytes(99, &[0; 60_000])));
    (0..100).for_each(|_| commits.datagram(&rule));
    assert!((60..70).contains(&commits.events_kept()), "{}", commits.events_kept());
    commits.datagram(&end(1));
    commits.datagram(&rule);
    commits.datagram(&end(2));
    let [Some((1, _, false)), Some((2, 1, true))] = told(&mut commits)[..] else { panic!() };
}

#[test]
fn filter_leaves_out_events_and_the_commits_that_have_no_others() {
    let passes = |filter: EventFilter, datagram: Vec<u8>| {
        let mut commits = commits();
        commits.filter = filter;
        commits.datagram(&datagram);
        commits.datagram(&end(1));
        !told(&mut commits).is_empty()
    };
    let one = || table(NFT_MSG_NEWTABLE, b"one");
    assert!(passes(EventFilter::new(), end(0)));
    assert!(!passes(EventFilter::new().only_new(), end(0)));
    for (filter, expected) in [
        (EventFilter::new().family(Family::INET), true),
        (EventFilter::new().family(Family::IP), false),
        (EventFilter::new().family(Family::IP).family(Family::INET), true),
        (EventFilter::new().table(Table::inet("one")), true),
        (EventFilter::new().table(Table::ip("one")), false),
        (EventFilter::new().table(Table::inet("two")), false),
        (EventFilter::new().table(Table::inet("two")).table(Table::inet("one")), true),
        (EventFilter::new().kinds(EventKinds::RULE), false),
        (EventFilter::new().kinds(EventKinds::RULE | EventKinds::TABLE), true),
        (EventFilter::new().kinds(EventKinds::RULE).kinds(EventKinds::TABLE), true),
        (EventFilter::new().only_new(), true),
        (EventFilter::new().only_deleted(), false),
        (EventFilter::new().table(Table::inet("one")).only_deleted(), false),
    ] {
        assert_eq!(passes(filter.clone(), one()), expected, "{filter:?}");
    }
    let deleted = EventFilter::new().kinds(EventKinds::ELEMENT).only_deleted();
    assert!(passes(deleted.clone(), elements(NFT_MSG_DELSETELEM, &[1])));
    assert!(!passes(deleted, elements(NFT_MSG_NEWSETELEM, &[1])));
}

#[test]
fn what_is_filtered_out_is_no_gap() {
    let mut commits = commits();
    commits.filter = EventFilter::new().kinds(EventKinds::RULE);
    (1..9).for_each(|generation| commits.datagram(&end(generation)));
    assert_eq!(all(&mut commits), []);
    commits.datagram(&end(10));
    assert_eq!(told(&mut commits), [None, Some((10, 0, false))], "what is lost may have passed the filter");
}

#[test]
fn unknown_and_garbled_messages_are_events_with_their_bytes() {
    let mut commits = commits();
    commits.datagram(&forge::nft(99, 0, 1, PORT, 0, |w| w.string(1, b"fw")));
    // A handle of two bytes.
    commits.datagram(&forge::nft(NFT_MSG_NEWTABLE, 0, 1, PORT, 0, |w| {
        w.string(1, b"fw");
        w.bytes(4, &[1, 2]);
    }));
    // A list of elements without any.
    commits.datagram(&elements(NFT_MSG_NEWSETELEM, &[]));
    commits.datagram(&end(1));
    let [Notice::Commit(commit)] = &all(&mut commits)[..] else { panic!() };
    assert_eq!(commit.events().len(), 3);
    for (event, (kind, is_garbled)) in commit.events().iter().zip([(99, false), (0, true), (12, false)]) {
        let Event::Unknown(unknown) = event else { panic!("{event:?}") };
        assert_eq!((unknown.kind(), unknown.error().is_some()), (kind, is_garbled));
        assert_eq!(*event.table(), TableRef::new(Family::INET, "fw"));
        assert!(unknown.raw().starts_with(&[7, 0, 1, 0, b'f', b'w', 0]));
    }
}

#[test]
fn what_makes_no_message_is_an_overrun() {
    for bytes in [&[0; 32][..], &[1; 7], &end(1)[..30], &forge::nft(NFT_MSG_NEWGEN, 0, 1, PORT, 0, |_| {})] {
        let mut commits = commits();
        commits.datagram(bytes);
        assert_eq!(told(&mut commits), [None]);
    }
    let mut commits = commits();
    // Not of nf_tables: of no interest.
    commits.datagram(&forge::raw(0x0301, 0, 0, 0, &[0; 8]));
    assert_eq!(all(&mut commits), []);
}

#[test]
fn quota_used_up_between_the_events_of_a_commit_is_told_by_itself() {
    let mut commits = commits();
    let quota = |w: &mut AttrWriter| {
        w.string(1, b"fw");
        w.string(2, b"q");
        w.u32(3, 2);
    };
    commits.datagram(&table(NFT_MSG_NEWTABLE, b"one"));
    commits.datagram(&forge::nft(18, 0, 0, 0, 0, quota));
    assert!(matches!(&all(&mut commits)[..], [Notice::Depleted(quota)] if quota.at().name() == "q"));
    commits.datagram(&end(1));
    assert_eq!(told(&mut commits), [Some((1, 1, true))]);
    for (filter, passes) in [
        (EventFilter::new().kinds(EventKinds::OBJECT).table(Table::bridge("fw")), true),
        (EventFilter::new().table(Table::inet("other")), false),
        (EventFilter::new().kinds(EventKinds::RULE), false),
    ] {
        commits.filter = filter;
        commits.datagram(&forge::nft(18, 0, 0, 0, 0, quota));
        assert_eq!(all(&mut commits).len(), usize::from(passes));
    }
}

#[test]
fn each_message_kind_is_of_one_kind_of_event() {
    let mut kinds = EventKinds::empty();
    for message in 0..=255 {
        let (kind, is_new) = kind_of(message);
        assert_eq!(kind.bits().count_ones(), 1);
        assert!(is_new || kind != EventKinds::UNKNOWN);
        kinds |= kind;
    }
    assert_eq!(kinds, EventKinds::all());
}

/// What the kernel told of commits of nft's: declarations of all kinds, expressions with times, tunnels.
const RECORDED: [&[u8]; 3] =
    [include_bytes!("events-e-alldecl.nl"), include_bytes!("events-e-last.nl"), include_bytes!("events-e-tunnel.nl")];

#[test]
fn recorded_events_are_told_without_loss() {
    for recorded in RECORDED {
        let mut commits = commits();
        commits.datagram(recorded);
        let told = all(&mut commits);
        let mut events = told.iter().flat_map(|notice| match notice {
            Notice::Commit(commit) => commit.events().iter(),
            other => panic!("{other:?}"),
        });
        let mut count = 0;
        for message in Messages::new(recorded) {
            let Ok(Content::Nft { kind, family, attrs, .. }) = message.unwrap().content() else { panic!() };
            if kind == NFT_MSG_NEWGEN {
                count += 1;
                continue;
            }
            // Each message is an event with all its bytes; of elements they are kept where they say something unknown.
            let event = events.next().unwrap();
            assert_eq!(
                (event.kind(), event.is_deletion(), event.table().family()),
                (kind_of(kind).0, !kind_of(kind).1, family)
            );
            let (raw, unknown) = match event {
                Event::NewTable(info) => (info.raw(), info.has_unknown()),
                Event::NewChain(info) => (info.raw(), info.has_unknown()),
                Event::NewRule(info, _) | Event::DeletedRule(info) => (info.raw(), info.has_unknown()),
                Event::NewSet(info) => (info.raw(), false),
                Event::NewObject(info) => (info.raw(), info.has_unknown()),
                Event::NewFlowtable(info) => (info.raw(), info.has_unknown()),
                Event::DeletedTable(gone) => (gone.raw(), false),
                Event::DeletedChain(gone) => (gone.raw(), false),
                Event::DeletedSet(gone) => (gone.raw(), false),
                Event::DeletedObject(gone) => (gone.raw(), false),
                Event::DeletedFlowtable(gone) => (gone.raw(), false),
                Event::NewElement(element) | Event::DeletedElement(element) => {
                    // That nothing of it is lost `ruleset::lossless` shows.
                    let mut elements = Vec::new();
                    read_element_list(attrs, &mut elements).unwrap();
                    assert_eq!(elements, [element.element().clone()]);
                    assert_eq!(*element.set(), read_set_ref(family, attrs).unwrap());
                    continue;
                }
                other => panic!("{other}"),
            };
            assert_eq!((raw, unknown), (attrs, false), "{event}");
        }
        assert_eq!((events.next(), told.len()), (None, count));
        assert!(count > 1);
    }
}

/// A batch of all that an event can be about: its messages differ little from those that tell of it.
fn of_all_kinds() -> Vec<Vec<u8>> {
    let fw = Table::inet("fw").comment("all kinds");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let ports = Set::<Interval<Port>>::new(&fw, "ports");
    let marks = Map::<Port, Mark>::new(&fw, "marks");
    let web = object::Counter::named(&fw, "web");
    let flows = Flowtable::new(&fw, "flows", 0).devices(["eth0"]);
    let mut batch = Batch::new();
    batch.add(&fw).add(&input).add(&ports).add(&marks).add(&web).add(&flows);
    batch.add_elements(&ports, [Interval::range(1..=9)]);
    batch.add_elements(&marks, (1..50u16).map(|port| Element::new(port).to(u32::from(port)).comment("an element")));
    let rule = Rule::new().when(ip::saddr().one_of([1, 2].map(|n| Ipv4Addr::new(10, 0, 0, n))));
    batch.append(&input, rule.when(tcp::dport().in_set(&ports)).counter().comment("a rule").drop());
    batch.delete_elements(&ports, [Interval::range(1..=9)]);
    batch.delete(&flows).delete(&web).delete(&input).delete(&ports).delete(&fw);
    let (bytes, mut found, mut at) = (batch.as_bytes(), Vec::new(), 0);
    let mut messages = Messages::new(bytes);
    while messages.next().is_some() {
        let end = bytes.len() - messages.left();
        found.push(bytes[at..end].to_vec());
        at = end;
    }
    found
}

#[test]
fn any_bytes_are_told_without_panic_and_in_bounded_memory() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 32) as usize % below
    };
    let messages = of_all_kinds();
    let (mut known, mut unknown) = (0, 0);
    let mut commits = commits();
    for n in 0..20_000 {
        let mut datagram = messages[n % messages.len()].clone();
        for _ in 0..random(6) {
            let at = random(datagram.len());
            match random(8) {
                // The headers of messages and attributes are what the rest depends on.
                0 => datagram[at] = [0, 1, 4, 0x7f, 0x80, 0xff][random(6)],
                1 => datagram.truncate(at.max(1)),
                2 => datagram.extend_from_slice(&messages[random(messages.len())]),
                _ => {
                    let at = at.max(20).min(datagram.len() - 1);
                    datagram[at] ^= 1 << random(8);
                }
            }
        }
        commits.datagram(&datagram);
        commits.datagram(&end(n as u32 + 1));
        let mut told = 0;
        for notice in all(&mut commits) {
            told += 1;
            let Notice::Commit(commit) = notice else { continue };
            assert!(!commit.to_string().is_empty());
            let is_unknown = |event: &&Event| matches!(event, Event::Unknown(_));
            unknown += commit.events().iter().filter(is_unknown).count();
            known += commit.events().iter().filter(|event| !is_unknown(event)).count();
            told += commit.events().len();
        }
        // An element takes four bytes, a message sixteen.
        assert!(told <= datagram.len() / 4 + 2, "{told} of {} bytes", datagram.len());
        assert_eq!(commits.events_kept(), 0);
    }
    assert!(known > 10_000 && unknown > 500, "{known} {unknown}");
}

/// What a monitor tells of what its socket gives it, as [`told`] has it, and how many errors were between.
fn watched(script: Vec<Result<Vec<u8>, Errno>>) -> (Vec<Told>, usize) {
    let mut nothing = 1 + script.iter().filter(|call| **call == Err(Errno::EAGAIN)).count();
    let mut monitor = Monitor { socket: EventSocket::scripted(script), commits: commits() };
    let (mut notices, mut errors) = (Vec::new(), 0);
    while nothing > 0 {
        match monitor.try_receive() {
            Ok(Some(Notice::Commit(commit))) => {
                notices.push(Some((commit.generation().get(), commit.events().len(), commit.is_complete())));
            }
            Ok(Some(_)) => notices.push(None),
            Ok(None) => nothing -= 1,
            Err(_) => errors += 1,
        }
    }
    (notices, errors)
}

#[test]
fn nothing_is_lost_without_a_word_whatever_befalls_the_socket() {
    // Each is an event and its end; behind the fourth the queue was empty.
    let commits = |generations: std::ops::RangeInclusive<u32>| {
        generations.flat_map(|generation| [table(NFT_MSG_NEWTABLE, b"fw"), end(generation)]).map(Ok).collect::<Vec<_>>()
    };
    let (first, last) = (commits(1..=4), commits(5..=6));
    let undisturbed = (1..=6).map(|generation| Some((generation, 1, true))).collect::<Vec<_>>();
    // What happens instead of a call: what is lost is a datagram, too.
    let cut_off = Ok(vec![0; 65 * 1024]);
    let loses = |fault: &Result<Vec<u8>, Errno>| fault.is_ok() || *fault == Err(Errno::ENOBUFS);
    let fails = |fault: &Result<Vec<u8>, Errno>| !matches!(fault, Err(Errno::EINTR | Errno::EAGAIN)) && !loses(fault);
    let errnos = [Errno::EINTR, Errno::EAGAIN, Errno::ENOBUFS, Errno::EPERM, Errno::ENOMEM];
    let faults = errnos.map(Err).into_iter().chain([cut_off]).collect::<Vec<_>>();
    for (one, other) in (0..first.len()).flat_map(|one| (one..first.len()).map(move |other| (one, other))) {
        for (fault, then) in faults.iter().flat_map(|fault| faults.iter().map(move |then| (fault, then))) {
            let mut script = Vec::new();
            let mut lost = Vec::new();
            for (at, call) in first.iter().enumerate() {
                let here = [(one, fault), (other, then)].into_iter().filter(|(place, _)| *place == at);
                let here = here.map(|(_, fault)| fault).collect::<Vec<_>>();
                script.extend(here.iter().map(|fault| (*fault).clone()));
                if here.iter().any(|fault| loses(fault)) {
                    lost.push(at as u32 / 2 + 1);
                } else {
                    script.push(call.clone());
                }
            }
            script.push(Err(Errno::EAGAIN));
            script.extend(last.iter().cloned());
            let case = format!("{:?} at {one}, {:?} at {other}", fault.as_ref().err(), then.as_ref().err());
            let (notices, errors) = watched(script);
            assert_eq!(errors, [fault, then].into_iter().filter(|fault| fails(fault)).count(), "{case}");
            if lost.is_empty() {
                assert_eq!(notices, undisturbed, "{case}");
                continue;
            }
            assert!(notices.contains(&None), "{case}: {notices:?}");
            let complete = notices.iter().flatten().filter(|(.., complete)| *complete).collect::<Vec<_>>();
            for (generation, events, _) in &complete {
                assert!(!lost.contains(generation) && *events == 1, "{case}: {notices:?}");
            }
            assert!(complete.iter().any(|(generation, ..)| *generation == 6), "{case}: it goes on: {notices:?}");
        }
    }
}

/// A ruleset that others change, and what the kernel tells of it.
struct World {
    recording: Recording,
    line: Line,
}

fn addresses() -> Set<Ipv4Addr> {
    Set::new(Table::inet("fw"), "s")
}

impl World {
    fn new() -> Self {
        let mut batch = Batch::new();
        batch.add(&Table::inet("fw")).add(&addresses());
        Self { recording: Recording::with(&batch).unwrap(), line: Line::default() }
    }

    fn read(&self) -> (BTreeSet<Ipv4Addr>, Generation) {
        let mut conn = self.recording.conn();
        (keys(&mut conn).unwrap(), conn.generation().unwrap())
    }

    /// Adds an element, and returns what is told of it.
    fn change(&self) -> [Vec<u8>; 2] {
        let key = self.recording.conn().generation().unwrap().get() as u8;
        let mut batch = Batch::new();
        batch.add_elements(&addresses(), [Ipv4Addr::new(10, 0, 0, key)]);
        self.recording.apply(&batch).unwrap();
        [elements(NFT_MSG_NEWSETELEM, &[key]), end(self.recording.conn().generation().unwrap().get())]
    }

    fn commit(&self) {
        self.line.push(self.change());
    }
}

fn keys(conn: &mut Conn) -> Result<BTreeSet<Ipv4Addr>, Error> {
    Ok(conn.elements(&addresses())?.iter().map(|element| *element.key().unwrap()).collect())
}

/// A copy of the set that follows what a monitor tells.
struct Copy {
    keys: BTreeSet<Ipv4Addr>,
    at: Generation,
    in_doubt: bool,
}

impl Copy {
    fn of((keys, at): (BTreeSet<Ipv4Addr>, Generation)) -> Self {
        Self { keys, at, in_doubt: false }
    }

    /// Receives what there is, up to the first error.
    fn follow(&mut self, monitor: &mut Monitor, case: &str) {
        while let Ok(Some(notice)) = monitor.try_receive() {
            let Notice::Commit(commit) = notice else {
                self.in_doubt = true;
                continue;
            };
            assert!(commit.generation().is_after(self.at), "{case}: {} is told twice", commit.generation());
            self.at = commit.generation();
            self.in_doubt |= !commit.is_complete();
            let added = commit.added(&addresses()).unwrap();
            // One that is in doubt may have what an earlier one did, if the end of that was lost.
            let known = added.iter().filter(|element| !self.keys.insert(*element.key().unwrap())).count();
            assert!(known == 0 || self.in_doubt, "{case}: told twice");
        }
    }

    fn is_right(&self, world: &World, case: &str) {
        let (keys, at) = world.read();
        assert!(
            self.in_doubt || (&self.keys, self.at) == (&keys, at),
            "{case}: {:?} at {} of {at}",
            self.keys,
            self.at
        );
    }
}

#[test]
fn whatever_fails_a_resync_is_an_error_or_right_together_with_what_follows() {
    // A queue with little room has more than is thrown away, as if others had put it there meanwhile.
    // When others commit: in which reading, and whether at its end.
    let meanwhile: [&[(u32, bool)]; 3] = [&[], &[(1, true), (2, false)], &[(1, false), (1, true), (2, true)]];
    let (mut failed, mut doubted) = (0, 0);
    for (room, meanwhile) in [1, 64].into_iter().flat_map(|room| meanwhile.map(|meanwhile| (room, meanwhile))) {
        each_plan(if meanwhile.is_empty() { 3 } else { 0 }, |plan, case| {
            let case = format!("room for {room}, commits {meanwhile:?}: {case}");
            let world = World::new();
            let socket = EventSocket::faulty(Faulty::new(world.line.clone(), plan), room);
            let mut monitor = Monitor { socket, commits: commits() };
            monitor.commits.restart(world.read().1);
            // A commit that is ready to be told, half of another, and two that are in the queue.
            let (told, [begin, end]) = (world.change(), world.change());
            monitor.commits.datagram(&[&told[..], &[begin]].concat().concat());
            world.line.push([end]);
            world.commit();
            world.commit();

            let mut conn = Conn::faulty(&world.recording, plan);
            let mut times = 0;
            let resynced = monitor.resync(&mut conn, |conn| {
                times += 1;
                let commits = |at_end| meanwhile.iter().filter(move |when| **when == (times, at_end));
                commits(false).for_each(|_| world.commit());
                let keys = keys(conn);
                commits(true).for_each(|_| world.commit());
                keys
            });
            let calls = plan.is_over();
            world.commit();
            match resynced {
                Ok(read) => {
                    let mut copy = Copy::of(read);
                    copy.follow(&mut monitor, &case);
                    copy.is_right(&world, &case);
                    // Where the queue was emptied, what was lost is known by the reading.
                    assert!(!copy.in_doubt || room == 1 || case.ends_with(" on"), "{case}: in doubt for nothing");
                    doubted += usize::from(copy.in_doubt);
                }
                Err(_) => {
                    failed += 1;
                    assert!(
                        matches!(monitor.try_receive(), Ok(Some(Notice::Overrun(_)))),
                        "{case}: what was thrown away"
                    );
                    // What a queue that has overflowed has in it is never more than there is room for.
                    while room == 1 && monitor.try_receive().unwrap().is_some() {}
                }
            }
            world.commit();
            let mut copy = Copy::of(monitor.resync(&mut conn, keys).unwrap());
            world.commit();
            copy.follow(&mut monitor, &case);
            world.commit();
            copy.follow(&mut monitor, &case);
            copy.is_right(&world, &case);
            assert!(!copy.in_doubt, "{case}: then");
            calls
        });
    }
    assert!(failed > 0 && doubted > 0, "{failed} {doubted}");
}

#[test]
fn copy_is_right_or_known_to_be_in_doubt_whatever_befalls_the_socket() {
    let mut doubted = 0;
    each_plan(4, |plan, case| {
        if case.starts_with("Overflow") && case.ends_with(" on") {
            // It is said once, until the queue was empty.
            plan.is_over();
        }
        let world = World::new();
        let socket = EventSocket::faulty(Faulty::new(world.line.clone(), plan), 64);
        let mut monitor = Monitor { socket, commits: commits() };
        let mut copy = Copy::of(world.read());
        monitor.commits.restart(copy.at);
        for _ in 0..2 {
            world.commit();
            world.commit();
            copy.follow(&mut monitor, case);
        }
        let calls = plan.is_over();
        copy.follow(&mut monitor, case);
        world.commit();
        copy.follow(&mut monitor, case);
        copy.is_right(&world, case);
        let loses = ["Overflow", "Truncated"].iter().any(|fault| case.contains(fault));
        assert!(loses || !copy.in_doubt, "{case}: in doubt for nothing");
        doubted += usize::from(copy.in_doubt);
        // What comes when the queue was empty, and a commit was told since, is not.
        let (keys, at) = world.read();
        copy = Copy::of((keys, at));
        world.commit();
        world.commit();
        copy.follow(&mut monitor, case);
        copy.is_right(&world, case);
        assert!(!copy.in_doubt, "{case}: then");
        calls
    });
    assert!(doubted > 0);
}
