use std::future::Future;
use std::net::Ipv4Addr;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use super::{Pending, Writer, WriterHandle, WriterOptions};
use crate::batch::Batch;
use crate::chain::{Chain, Hook, Hooked, Priority};
use crate::conn::{Conn, Recording, Refusal};
use crate::engine::faults::each_plan;
use crate::error::{Errno, Error};
use crate::field::tcp;
use crate::rule::Rule;
use crate::set::Set;
use crate::table::Table;

/// Longer than a test takes: what is handed over waits until the writer ends or has as much as it may have.
const LONG: Duration = Duration::from_secs(3600);

fn patient() -> WriterOptions {
    Writer::options().max_delay(LONG)
}

fn set() -> Set<Ipv4Addr> {
    Set::new(Table::inet("fw"), "blocked")
}

fn input() -> Chain<Hooked> {
    Table::inet("fw").chain("input").filter(Hook::INPUT, Priority::FILTER)
}

fn element(n: u32) -> impl Fn(&mut Batch) + Send + 'static {
    move |batch| _ = batch.add_elements(&set(), [Ipv4Addr::from_bits(n)])
}

/// Elements, each an operation.
fn elements(numbers: impl IntoIterator<Item = u32>) -> Batch {
    let mut batch = Batch::new();
    numbers.into_iter().for_each(|n| element(n)(&mut batch));
    batch
}

fn submit(handle: &WriterHandle, numbers: impl IntoIterator<Item = u32>) -> Vec<Pending> {
    numbers.into_iter().map(|n| handle.submit(element(n))).collect()
}

/// The outcomes: the texts of errors, nothing for what went well.
fn outcomes(pending: Vec<Pending>) -> Vec<String> {
    pending.into_iter().map(|pending| pending.wait().err().map(|error| error.to_string()).unwrap_or_default()).collect()
}

/// Commits elements in one batch that is refused, and returns the outcomes and what was committed then.
fn refused(count: u32, refusals: impl IntoIterator<Item = Refusal>) -> (Vec<String>, Vec<Batch>) {
    let (conn, recording) = Conn::recording();
    refusals.into_iter().for_each(|refusal| recording.refuse_next(refusal));
    let writer = patient().start(conn).unwrap();
    let pending = submit(&writer.handle(), 0..count);
    writer.finish();
    (outcomes(pending), recording.take())
}

/// Does not refuse a batch that is shorter.
fn none() -> Refusal {
    Refusal::operation(1000, Errno::EIO)
}

#[test]
fn events_that_wait_become_the_batch_that_one_would_have_filled() {
    fn rules(batch: &mut Batch) {
        batch.append(input(), Rule::new().when(tcp::dport().one_of([22, 80])).accept());
        let last = batch.last();
        batch.insert_before(input(), last, Rule::new().counter());
    }
    fn many(batch: &mut Batch) {
        batch.reset(&Table::ip("other")).add(&set());
    }
    let (conn, recording) = Conn::recording();
    let writer = patient().start(conn).unwrap();
    let handle = writer.handle();
    let pending = vec![
        handle.submit(many),
        handle.submit(|batch| {
            assert!(batch.is_empty() && batch.as_bytes().is_empty());
            rules(batch);
            assert_eq!(batch.last().index(), 1, "others are out of sight");
        }),
        handle.submit(element(1)),
        handle.submit(|_| {}),
        handle.submit(rules),
    ];
    assert!(pending.iter().all(|pending| !pending.is_done()));
    writer.finish();
    assert!(pending.iter().all(Pending::is_done));
    assert_eq!(outcomes(pending), [""; 5]);
    let mut expected = Batch::new();
    many(&mut expected);
    rules(&mut expected);
    element(1)(&mut expected);
    rules(&mut expected);
    assert_eq!(recording.take(), [expected]);
}

#[test]
fn batches_have_no_more_events_than_they_may() {
    let (conn, recording) = Conn::recording();
    let writer = patient().max_events(3).start(conn).unwrap();
    let pending = submit(&writer.handle(), 0..10);
    writer.finish();
    assert_eq!(outcomes(pending), [""; 10]);
    assert_eq!(recording.take(), [elements(0..3), elements(3..6), elements(6..9), elements(9..10)]);
}

#[test]
fn batches_have_no_more_bytes_than_they_may_unless_one_event_has() {
    let one = elements(0..1).as_bytes().len();
    for (max, expected) in [(2 * one, vec![0..2, 2..4, 4..5]), (1, vec![0..1, 1..2, 2..3, 3..4, 4..5])] {
        let (conn, recording) = Conn::recording();
        let writer = patient().max_bytes(max).start(conn).unwrap();
        let pending = submit(&writer.handle(), 0..5);
        writer.finish();
        assert_eq!(outcomes(pending), [""; 5]);
        assert_eq!(recording.take(), expected.into_iter().map(elements).collect::<Vec<_>>());
    }
}

#[test]
fn refused_event_is_told_its_own_error_and_the_others_are_committed() {
    let named = Refusal::operations([(1, Errno::EEXIST), (3, Errno::ENOENT)]);
    let alone = |errno| Refusal::operation(0, errno);
    let (told, committed) = refused(5, [named, none(), alone(Errno::EEXIST), none(), alone(Errno::ENOENT)]);
    let refused = "operation 0 (add element inet fw blocked)";
    let [exists, not_found] = ["file exists", "no such file or directory"].map(|why| format!("{refused}: {why}"));
    assert_eq!(told, ["", &exists, "", &not_found, ""]);
    assert_eq!(committed, [0, 2, 4].map(|n| elements([n])));
}

#[test]
fn event_that_was_named_for_anothers_fault_is_committed() {
    let named = Refusal::operations([(1, Errno::ENFILE), (2, Errno::ENFILE), (4, Errno::ENFILE)]);
    let (told, committed) = refused(6, [named]);
    assert_eq!(told, [""; 6]);
    // Once one proves to be innocent, the rest is tried together again.
    assert_eq!(committed, [elements([0]), elements([1]), elements(2..6)]);
}

#[test]
fn event_that_spoils_the_commit_is_found_by_halves() {
    let spoiled = || Refusal::commit(Errno::EMLINK);
    // Of the eight the sixth. A refused commit is checked, and a check takes the next that is no refusal of a commit.
    let of_four = [spoiled(), spoiled(), none(), none(), spoiled(), none(), none()];
    let tried = [spoiled(), none(), none()].into_iter().chain(of_four);
    let (told, committed) = refused(8, tried);
    for (n, told) in told.iter().enumerate() {
        assert_eq!(!told.is_empty(), n == 5, "{n}: {told}");
    }
    assert_eq!(committed, [elements(0..4), elements(4..5), elements(6..8)]);
}

#[test]
fn event_that_there_is_no_memory_for_is_found_by_halves() {
    let lacks = || Refusal::whole(Errno::ENOMEM);
    // Of the four the third.
    let (told, committed) = refused(4, [lacks(), none(), lacks(), lacks(), none()]);
    for (n, told) in told.iter().enumerate() {
        assert_eq!(told.contains("memory"), n == 2, "{n}: {told}");
    }
    assert_eq!(committed, [elements(0..2), elements(3..4)]);
}

#[test]
fn error_that_is_nobodys_is_told_to_all_and_nothing_is_tried_again() {
    let (told, committed) = refused(3, [Refusal::whole(Errno::EPERM)]);
    assert!(told.iter().all(|told| told.contains("CAP_NET_ADMIN")), "{told:?}");
    assert!(committed.is_empty());
    let (told, committed) = refused(3, [Refusal::lost()]);
    assert!(told.iter().all(|told| told.contains("lost")), "{told:?}");
    assert_eq!(committed, [elements(0..3)], "it is not known whether it was");
}

#[test]
fn event_harms_no_other_whatever_it_does() {
    let (conn, recording) = Conn::recording();
    let writer = patient().start(conn).unwrap();
    let handle = writer.handle();
    let mut pending = submit(&handle, [0]);
    pending.push(handle.submit(|batch| {
        element(99)(batch);
        batch.clear();
        element(1)(batch);
    }));
    pending.push(handle.submit(|batch| {
        batch.add_elements(&set(), (0..5).map(|n| if n < 3 { Ipv4Addr::from_bits(n) } else { panic!("at {n}") }));
    }));
    pending.push(handle.submit(|batch| _ = batch.add(&set()).add(&Table::inet(""))));
    pending.push(handle.submit(|batch| {
        let of_another = elements(0..2).last();
        batch.insert_after(input(), of_another, Rule::new().drop());
    }));
    let ready = elements(10..12);
    pending.push(handle.submit(move |batch| *batch = ready.clone()));
    pending.extend(submit(&handle, [2]));
    writer.finish();
    let told = outcomes(pending);
    assert_eq!([&*told[0], &told[1], &told[5], &told[6]], [""; 4]);
    assert_eq!(told[2], "the event panicked: at 3");
    assert_eq!(told[3], "operation 1 (add table inet ): the table name must not be empty");
    assert_eq!(told[4], "operation 0 (add rule inet fw input): operation 1 of this batch does not add a rule");
    assert_eq!(recording.take(), [elements([0, 1]), elements([10, 11, 2])]);
}

#[test]
fn batch_that_an_event_has_taken_away_is_like_any_other() {
    let (conn, recording) = Conn::recording();
    let writer = patient().start(conn).unwrap();
    let mut pending = submit(&writer.handle(), 0..3);
    let (give, take) = mpsc::channel();
    pending.push(writer.handle().submit(move |batch| {
        element(3)(batch);
        element(4)(batch);
        give.send(std::mem::take(batch)).unwrap();
    }));
    let mut conn = writer.finish();
    assert_eq!(outcomes(pending), [""; 4]);
    let mut told = |batch: &Batch, refusal: Refusal| {
        recording.refuse_next(refusal);
        conn.commit(batch).unwrap_err().to_string()
    };
    let taken = take.recv().unwrap();
    for refusal in [Refusal::operation(0, Errno::EEXIST), Refusal::operation(1, Errno::EEXIST)] {
        assert_eq!(told(&taken, refusal.clone()), told(&elements(3..5), refusal));
    }
    assert_eq!(told(&taken, Refusal::commit(Errno::EMLINK)), told(&elements(3..5), Refusal::commit(Errno::EMLINK)));
    conn.commit(&taken).unwrap();
    conn.check(&taken).unwrap();
}

#[test]
fn event_is_given_back_where_there_is_no_room() {
    let (conn, recording) = Conn::recording();
    let writer = Writer::options().capacity(2).start(conn).unwrap();
    let handle = writer.handle();
    // The thread is busy until it is let go.
    let (go, wait) = mpsc::channel::<()>();
    let busy = handle.submit(move |_| _ = wait.recv());
    while !writer.shared.lock().events.is_empty() {
        thread::yield_now();
    }
    let mut pending = vec![busy];
    pending.extend((0..2).map(|n| handle.try_submit(element(n)).ok().unwrap()));
    let Err(again) = handle.try_submit(element(2)) else { panic!("there is no room") };
    let mut batch = Batch::new();
    again(&mut batch);
    assert_eq!(batch, elements([2]));
    // Who waits for room is told when there never will be any.
    let waits = thread::spawn(move || handle.submit(element(3)).wait());
    while writer.shared.lock().crowd == 0 {
        thread::yield_now();
    }
    let waits = thread::spawn(move || {
        let outcome = waits.join().unwrap();
        drop(go);
        outcome
    });
    writer.finish();
    assert_eq!(outcomes(pending), [""; 3]);
    assert!(matches!(waits.join().unwrap(), Err(Error::WriterEnded)));
    assert_eq!(recording.take(), [elements(0..2)]);
}

#[test]
fn nothing_waits_for_events_for_which_there_is_no_room() {
    let (conn, recording) = Conn::recording();
    let writer = patient().capacity(2).start(conn).unwrap();
    assert_eq!(outcomes(submit(&writer.handle(), 0..6)), [""; 6]);
    assert_eq!(recording.take(), [elements(0..2), elements(2..4), elements(4..6)]);
}

#[test]
fn event_that_comes_too_late_may_hand_over_another_when_it_is_dropped() {
    struct Unban(WriterHandle);
    impl Drop for Unban {
        fn drop(&mut self) {
            drop(self.0.submit(element(0)));
            drop(self.0.try_submit(element(0)));
        }
    }
    let writer = Writer::start(Conn::recording().0).unwrap();
    let handle = writer.handle();
    drop(writer);
    let event = |unban: Unban| move |_: &mut Batch| _ = &unban;
    assert!(matches!(handle.submit(event(Unban(handle.clone()))).wait(), Err(Error::WriterEnded)));
    let refused = handle.try_submit(event(Unban(handle.clone()))).ok().unwrap().wait();
    assert!(matches!(refused, Err(Error::WriterEnded)));
    assert!(matches!(handle.submit_and_wait(event(Unban(handle.clone()))), Err(Error::WriterEnded)));
}

#[test]
fn panic_that_panics_when_it_is_dropped_harms_no_other() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("and again"));
        }
    }
    /// What an event has captured, which ends badly.
    struct Captured;
    impl Drop for Captured {
        fn drop(&mut self) {
            resume_unwind(Box::new(Bomb));
        }
    }
    let (conn, recording) = Conn::recording();
    let writer = patient().start(conn).unwrap();
    let handle = writer.handle();
    let captured = Captured;
    let mut pending = submit(&handle, [0]);
    pending.push(handle.submit(|_| resume_unwind(Box::new(Bomb))));
    pending.push(handle.submit(move |_| _ = &captured));
    pending.extend(submit(&handle, [1]));
    writer.finish();
    assert_eq!(outcomes(pending), ["", "the event panicked: no message", "", ""]);
    assert_eq!(recording.take(), [elements([0, 1])]);
}

#[test]
fn writer_that_has_ended_takes_no_more_and_has_left_nothing() {
    let (conn, recording) = Conn::recording();
    let writer = patient().start(conn).unwrap();
    let handle = writer.handle();
    let pending = submit(&handle, 0..3);
    drop(writer);
    assert_eq!(recording.take(), [elements(0..3)]);
    assert_eq!(outcomes(pending), [""; 3]);
    assert!(matches!(handle.submit(element(3)).wait(), Err(Error::WriterEnded)));
    assert!(matches!(handle.try_submit(element(3)).ok().unwrap().wait(), Err(Error::WriterEnded)));
    assert!(matches!(handle.submit_and_wait(element(3)), Err(Error::WriterEnded)));
    assert!(recording.batches().is_empty());
}

#[test]
fn connection_comes_back() {
    let (conn, recording) = Conn::recording();
    let writer = Writer::start(conn).unwrap();
    writer.handle().submit_and_wait(element(0)).unwrap();
    let mut conn = writer.finish();
    conn.commit(&elements([1])).unwrap();
    assert_eq!(recording.take(), [elements([0]), elements([1])]);
}

#[test]
fn who_waits_alone_commits_on_its_own_thread() {
    let writer = Writer::start(Conn::recording().0).unwrap();
    let here = thread::current().id();
    let event = move |_: &mut Batch| assert_eq!(thread::current().id(), here);
    writer.handle().submit_and_wait(event).unwrap();
    let elsewhere = writer.handle().submit(event).wait().unwrap_err();
    assert!(matches!(elsewhere, Error::EventPanicked { .. }), "{elsewhere}");
}

#[test]
fn outcome_is_a_future() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let writer = patient().start(Conn::recording().0).unwrap();
    let mut pending = writer.handle().submit(element(0));
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    let mut poll = || Future::poll(std::pin::Pin::new(&mut pending), &mut Context::from_waker(&waker));
    assert!(poll().is_pending());
    assert!(poll().is_pending());
    writer.finish();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(matches!(poll(), Poll::Ready(Ok(()))));
}

#[test]
fn outcomes_are_those_of_commits_one_by_one() {
    // A small world, so that events get into each other's way.
    let setup = {
        let mut batch = Batch::new();
        batch.add(&Table::inet("fw")).add(&set());
        batch
    };
    let event = |n: u32| {
        let (address, verb) = (Ipv4Addr::from_bits(n / 5 % 4), n % 5);
        move |batch: &mut Batch| match verb {
            0 | 1 => _ = batch.create_elements(&set(), [address]),
            2 => _ = batch.delete_elements(&set(), [address]),
            3 => _ = batch.delete_elements(&set(), [address]).create_elements(&set(), [Ipv4Addr::from_bits(3)]),
            _ => _ = batch.add_elements(&set(), [address]),
        }
    };
    let mut random = 1u32;
    for round in 0..20 {
        let numbers: Vec<u32> = (0..30)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                random >> 8
            })
            .collect();
        let [one_by_one, together] = [(); 2].map(|()| Recording::with(&setup).unwrap());
        one_by_one.apply_commits(true);
        together.apply_commits(true);
        let mut conn = one_by_one.conn();
        let alone = |n: &u32| {
            let mut batch = Batch::new();
            event(*n)(&mut batch);
            conn.commit(&batch).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let expected: Vec<String> = numbers.iter().map(alone).collect();
        let writer = patient().start(together.conn()).unwrap();
        let pending = numbers.iter().map(|&n| writer.handle().submit(event(n))).collect();
        let mut other = writer.finish();
        assert_eq!(outcomes(pending), expected, "round {round}");
        assert!(expected.iter().any(|told| !told.is_empty()) && expected.iter().any(String::is_empty));
        let keys = |conn: &mut Conn| {
            let mut keys: Vec<_> = conn.elements(&set()).unwrap().iter().map(|e| *e.key().unwrap()).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&mut other), keys(&mut conn), "round {round}");
    }
}

#[test]
fn whatever_fails_each_event_is_told_the_truth_and_the_writer_goes_on() {
    let mut setup = Batch::new();
    setup.add(&Table::inet("fw")).add(&set()).add_elements(&set(), [Ipv4Addr::from_bits(2)]);
    each_plan(2, |plan, case| {
        let recording = Recording::with(&setup).unwrap();
        recording.apply_commits(true);
        let writer = patient().max_events(5).start(Conn::faulty(&recording, plan)).unwrap();
        // The third is there already.
        let create = |n| move |batch: &mut Batch| _ = batch.create_elements(&set(), [Ipv4Addr::from_bits(n)]);
        let pending: Vec<Pending> = (0..5).map(|n| writer.handle().submit(create(n))).collect();
        let told: Vec<_> = pending.into_iter().map(Pending::wait).collect();
        let calls = plan.is_over();
        let mut clean = recording.conn();
        let is_there = |conn: &mut Conn, n: u32| conn.element(&set(), Ipv4Addr::from_bits(n)).is_ok();
        for (n, told) in (0..).zip(told) {
            match told {
                Ok(()) => assert!(n != 2 && is_there(&mut clean, n), "{case}: {n} is said to be applied"),
                Err(Error::FateUnknown { .. }) => {}
                Err(error) => {
                    assert!(n == 2 || !is_there(&mut clean, n), "{case}: {n} is, and is said not to be: {error}")
                }
            }
        }
        let last: Vec<Pending> = (10..15).map(|n| writer.handle().submit(create(n))).collect();
        let mut conn = writer.finish();
        assert_eq!(outcomes(last), [""; 5], "{case}");
        assert!((10..15).all(|n| is_there(&mut conn, n)), "{case}");
        calls
    });
}
