//! Each call to the kernel fails once, in each way, and each two of them: rules are told truly, packets are whole, and
//! what selects packets is there, or is said to have failed and goes with its connection.

use super::event::*;
use super::*;
use crate::batch::Batch;
use crate::chain::{Chain, Hook, Hooked, Priority};
use crate::conn::{Recording, Refusal};
use crate::engine::faults::{Faulty, Line, each_plan};
use crate::error::Errno;
use crate::rule::{Rule, RuleHandle};
use crate::table::Table;
use crate::wire::message::forge;

fn input() -> Chain<Hooked> {
    Table::inet("fw").chain("input").filter(Hook::INPUT, Priority::FILTER)
}

/// A chain of two rules.
fn world() -> (Recording, [RuleInfo; 2]) {
    let mut batch = Batch::new();
    batch.add(&Table::inet("fw")).add(&input());
    batch.append(input(), Rule::new().comment("one").accept()).append(input(), Rule::new().comment("other").drop());
    let recording = Recording::with(&batch).unwrap();
    let mut conn = recording.conn();
    let handles: [_; 2] =
        conn.rules(&input()).unwrap().iter().map(RuleInfo::handle).collect::<Vec<_>>().try_into().unwrap();
    let rules = handles.map(|handle| conn.rule(input(), handle).unwrap());
    (recording, rules)
}

/// An event of a rule: a packet's first, or that it is dropped.
fn told(id: u32, rule: RuleHandle, is_first: bool) -> Vec<u8> {
    forge::nft(NFT_MSG_TRACE, 0, 0, 0, 0, |w| {
        w.u32s([(NFTA_TRACE_ID, id), (NFTA_TRACE_TYPE, 3)]);
        w.string(NFTA_TRACE_TABLE, b"fw");
        w.string(NFTA_TRACE_CHAIN, b"input");
        w.u64(NFTA_TRACE_RULE_HANDLE, rule.get());
        w.nest(NFTA_TRACE_VERDICT, |w| w.u32(1, u32::from(is_first)));
        if is_first {
            w.bytes(NFTA_TRACE_NETWORK_HEADER, &[0x45]);
        }
    })
}

fn tracer(conn: Conn, socket: EventSocket) -> Tracer {
    let feed = Feed { socket, read: VecDeque::new(), overrun: false };
    Tracer { feed, conn, rules: Rules::default(), options: ConnOptions::new() }
}

/// Whether the documentation of [`Tracer::rule`] names it.
fn is_named(error: &Error) -> bool {
    matches!(error, Error::Query(_) | Error::Io(_) | Error::Inconsistent { .. })
}

#[test]
fn rule_of_an_event_is_the_one_there_is_or_an_error() {
    let event = |rule| events(&told(1, rule, true)).next().unwrap().unwrap();
    each_plan(3, |plan, case| {
        let (recording, [one, other]) = world();
        let mut tracer = tracer(Conn::faulty(&recording, plan), EventSocket::scripted([]));
        let mut asks = |rule, truth: Option<&RuleInfo>, may_fail: bool| match tracer.rule(&event(rule)) {
            Ok(found) => assert_eq!(found.as_deref(), truth, "{case}"),
            Err(error) => assert!(may_fail && is_named(&error), "{case}: {error:?}"),
        };
        // It is read, known, and of none that is known to be gone.
        asks(one.handle(), Some(&one), true);
        asks(one.handle(), Some(&one), true);
        asks(RuleHandle::from_raw(99), None, true);
        let mut batch = Batch::new();
        batch.delete(&one);
        recording.apply(&batch).unwrap();
        asks(one.handle(), None, true);
        let calls = plan.is_over();
        asks(one.handle(), None, false);
        asks(other.handle(), Some(&other), false);
        calls
    });
}

#[test]
fn packets_are_told_whole_and_each_rule_or_why_it_is_not() {
    let mut failed = 0;
    each_plan(3, |plan, case| {
        let (recording, rules) = world();
        let [one, other] = rules.each_ref().map(RuleInfo::handle);
        let script = (1..=2).flat_map(|id| [told(id, one, true), told(id, other, false)].map(Ok));
        let mut tracer = tracer(Conn::faulty(&recording, plan), EventSocket::scripted(script)).packets();
        let (mut packets, mut errors) = (Vec::new(), 0);
        loop {
            match tracer.try_receive() {
                Ok(Some(Traced::Seen(packet))) => packets.push(packet),
                Ok(Some(Traced::Overrun)) => panic!("{case}: nothing was lost"),
                Ok(None) => break,
                Err(error) => {
                    assert!(is_named(&error), "{case}: {error:?}");
                    errors += 1;
                }
            }
        }
        let calls = plan.is_over();
        assert_eq!(packets.iter().map(|packet| packet.id().get()).collect::<Vec<_>>(), [1, 2], "{case}");
        assert!(packets.iter().all(|packet| packet.is_complete() && packet.steps().len() == 2), "{case}");
        let steps = || packets.iter().flat_map(|packet| packet.steps().iter().zip(&rules));
        for (step, rule) in steps() {
            assert_eq!(step.event().rule(), Some(rule.handle()), "{case}");
            assert!(step.rule().is_none_or(|found| found == rule), "{case}");
        }
        assert_eq!(steps().filter(|(step, _)| step.rule().is_none()).count(), errors, "{case}");
        failed += errors;
        calls
    });
    assert!(failed > 0);
}

#[test]
fn packets_that_may_lack_events_are_not_complete_whatever_befalls_the_socket() {
    let mut overruns = 0;
    each_plan(4, |plan, case| {
        let (recording, rules) = world();
        let [one, other] = rules.each_ref().map(RuleInfo::handle);
        if case.starts_with("Overflow") && case.ends_with(" on") {
            // It is said once, until the queue was empty.
            plan.is_over();
        }
        let line = Line::default();
        let socket = EventSocket::faulty(Faulty::new(line.clone(), plan), 64);
        let mut tracer = tracer(recording.conn(), socket).packets().quiet(Duration::from_secs(3600));
        // The numbers of those that are complete, of the others, and whether events were lost.
        let (mut complete, mut others, mut is_lost) = (Vec::new(), Vec::new(), false);
        let mut receive = |packets: &[u32]| {
            // The events of two packets come by turns.
            line.push(packets.iter().map(|id| told(*id, one, true)));
            line.push(packets.iter().map(|id| told(*id, other, false)));
            while let Ok(Some(traced)) = tracer.try_receive() {
                match traced {
                    Traced::Seen(packet) if packet.is_complete() => {
                        let rules = packet.steps().iter().map(|step| step.event().rule());
                        assert!(rules.eq([Some(one), Some(other)]), "{case}: {packet}");
                        complete.push(packet.id().get());
                    }
                    Traced::Seen(packet) => others.push(packet.id().get()),
                    Traced::Overrun => is_lost = true,
                }
            }
        };
        receive(&[1, 2]);
        receive(&[3, 4]);
        let calls = plan.is_over();
        receive(&[]);
        receive(&[5, 6]);
        assert!(complete.ends_with(&[5, 6]), "{case}: {complete:?}");
        if is_lost {
            overruns += 1;
        } else {
            assert_eq!((&complete[..], &others[..]), (&[1, 2, 3, 4, 5, 6][..], &[][..]), "{case}");
        }
        let loses = ["Overflow", "Truncated"].iter().any(|fault| case.contains(fault));
        assert!(loses || !is_lost, "{case}: nothing was lost");
        calls
    });
    assert!(overruns > 0);
}

#[test]
fn packets_told_between_an_overrun_and_an_empty_queue_are_in_doubt() {
    let (recording, rules) = world();
    let [one, other] = rules.each_ref().map(RuleInfo::handle);
    let [first, second] = [1, 2].map(|id| [Ok(told(id, one, true)), Ok(told(id, other, false))]);
    // The queue took events again before it was seen empty.
    let script = [Err(Errno::ENOBUFS)].into_iter().chain(first).chain([Err(Errno::EAGAIN)]).chain(second);
    let mut tracer = tracer(recording.conn(), EventSocket::scripted(script)).packets();
    let told = std::iter::from_fn(|| tracer.try_receive().unwrap());
    let told: Vec<_> =
        told.map(|traced| traced.seen().map(|packet| (packet.id().get(), packet.is_complete()))).collect();
    assert_eq!(told, [Some((1, false)), None, Some((2, true))]);
}

#[test]
fn what_is_armed_is_there_and_what_is_not_goes_with_its_connection() {
    let (mut unknown, mut left) = (0, 0);
    // Of the first names some are taken.
    for taken in 0..2 {
        each_plan(3, |plan, case| {
            let case = format!("{taken} taken: {case}");
            let recording = Recording::new();
            recording.apply_commits(true);
            (0..taken).for_each(|_| recording.refuse_next(Refusal::operation(0, Errno::EEXIST)));
            let mut others = recording.conn();
            let conn = Conn::faulty(&recording, plan);
            let port = conn.port_id();
            let armed = Armed::over(conn, &Arm::inet());
            // All of it is there or nothing, and the kernel removes it with the connection that owns it.
            let tables = others.tables(..).unwrap();
            assert!(tables.iter().all(|table| table.owner() == Some(port)), "{case}");
            assert_eq!(others.rules(..).unwrap().len(), 2 * tables.len(), "{case}");
            match &armed {
                Ok(armed) => assert!(matches!(&tables[..], [table] if table.at() == armed.table()), "{case}"),
                Err(Error::FateUnknown { .. }) => {
                    assert!(tables.len() < 2, "{case}");
                    unknown += tables.len();
                }
                Err(error) => assert!(tables.is_empty(), "{case}: said {error}"),
            }
            let is_armed = armed.is_ok();
            drop(armed);
            let calls = plan.is_over();
            if is_armed {
                let is_left = !others.tables(..).unwrap().is_empty();
                assert!(!is_left || !case.ends_with("undisturbed"), "{case}");
                left += usize::from(is_left);
            }
            calls
        });
    }
    assert!(unknown > 0 && left > 0, "{unknown} {left}");
}
