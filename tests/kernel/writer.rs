//! The writer: events of many threads in one batch, each with its own outcome.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use nftlink::datum::Mark;
use nftlink::{Batch, Conn, Errno, Error, Hook, Interval, Pending, Rule, Set, Table, Writer, WriterOptions};

use crate::{Ruleset, comments, commit, conn, fw, input, rule};

/// Longer than a test takes: what is handed over waits until there is as much as a batch may have, or the writer ends.
fn patient() -> WriterOptions {
    Writer::options().max_delay(Duration::from_secs(3600))
}

fn marks() -> Set<Mark> {
    Set::new(fw(), "marks")
}

#[track_caller]
fn marks_of(conn: &mut Conn) -> BTreeSet<u32> {
    conn.elements(&marks()).unwrap().iter().map(|element| element.key().unwrap().get()).collect()
}

fn outcomes(pending: Vec<Pending>) -> Vec<String> {
    pending.into_iter().map(|pending| pending.wait().err().map(|error| error.to_string()).unwrap_or_default()).collect()
}

const THREADS: u32 = 8;
const EVENTS: u32 = 1000;

/// Has threads hand over events, each of which adds a mark, or deletes one that the thread has added, and returns how
/// many commits that took.
fn many(options: WriterOptions, wait_for_each: bool) -> u32 {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.reset(&fw()).add(&marks()));
    let before = conn.generation().unwrap().get();
    let writer = options.start(conn).unwrap();
    let pending: Vec<Vec<Pending>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let handle = writer.handle();
                scope.spawn(move || {
                    let event = |n: u32| {
                        let mark = thread * EVENTS + n / 3 * 3;
                        move |batch: &mut Batch| match n % 3 {
                            2 => _ = batch.delete_elements(&marks(), [mark + 1]),
                            n => _ = batch.create_elements(&marks(), [mark + n]),
                        }
                    };
                    if wait_for_each {
                        (0..EVENTS).for_each(|n| handle.submit_and_wait(event(n)).unwrap());
                        return Vec::new();
                    }
                    (0..EVENTS).map(|n| handle.submit(event(n))).collect()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut conn = writer.finish();
    pending.into_iter().flatten().for_each(|pending| pending.wait().unwrap());
    let model = (0..THREADS).flat_map(|thread| (0..EVENTS).step_by(3).map(move |n| thread * EVENTS + n));
    assert_eq!(marks_of(&mut conn), model.collect());
    conn.generation().unwrap().get() - before
}

pub(crate) fn events_of_many_threads_are_all_applied_in_order() {
    let commits = many(Writer::options(), false);
    assert!((8..=THREADS * EVENTS).contains(&commits), "{commits}");
    let commits = many(Writer::options(), true);
    assert!((EVENTS..=THREADS * EVENTS).contains(&commits), "{commits}");
}

pub(crate) fn events_that_wait_for_others_take_the_fewest_commits() {
    assert_eq!(many(patient().max_events(500), false), 16);
}

pub(crate) fn one_bad_event_in_a_hundred_fails_alone() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()).add_elements(&marks(), [1042]));
    let bad = |batch: &mut Batch| _ = batch.add_elements(&marks(), [2000]).create_elements(&marks(), [1041, 1042]);
    let mut alone = Batch::new();
    bad(&mut alone);
    let expected = conn.commit(&alone).unwrap_err();
    let before = conn.generation().unwrap().get();
    let writer = patient().start(conn).unwrap();
    let handle = writer.handle();
    let pending: Vec<_> = (0..100)
        .map(|n| match n {
            42 => handle.submit(bad),
            n => handle.submit(move |batch| _ = batch.create_elements(&marks(), [n])),
        })
        .collect();
    let mut conn = writer.finish();
    for (n, pending) in pending.into_iter().enumerate() {
        match (n, pending.wait()) {
            (42, Err(error)) => {
                assert_eq!(error.to_string(), expected.to_string());
                let [refused] = &error.rejections().collect::<Vec<_>>()[..] else { panic!("{error}") };
                assert_eq!((refused.op().index(), refused.errno()), (1, Errno::EEXIST));
                assert_eq!(refused.path(), expected.rejections().next().unwrap().path());
            }
            (n, outcome) => assert!(n != 42 && outcome.is_ok(), "{n}: {outcome:?}"),
        }
    }
    let model = (0..100).filter(|n| *n != 42).chain([1042]).collect();
    assert_eq!(marks_of(&mut conn), model);
    // Those before it, and those behind it.
    assert_eq!(conn.generation().unwrap().get() - before, 2);
}

pub(crate) fn event_that_spoils_the_commit_fails_alone() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()).add(&input()));
    // Translating addresses is for chains of kind nat: the kernel looks when the rules are complete.
    let bad = |batch: &mut Batch| {
        let wrong = fw().chain("wrong").filter(Hook::OUTPUT, 0);
        batch.add(&wrong).append(&wrong, Rule::new().masquerade());
    };
    let mut alone = Batch::new();
    bad(&mut alone);
    let expected = conn.commit(&alone).unwrap_err();
    let writer = patient().start(conn).unwrap();
    let handle = writer.handle();
    let pending = (0..16)
        .map(|n: u32| match n {
            11 => handle.submit(bad),
            n => handle.submit(move |batch| _ = batch.append(input(), rule(&n.to_string()))),
        })
        .collect();
    let mut conn = writer.finish();
    for (n, told) in outcomes(pending).into_iter().enumerate() {
        assert_eq!(told, if n == 11 { expected.to_string() } else { String::new() });
    }
    let order: Vec<String> = (0..16).filter(|n| *n != 11).map(|n| n.to_string()).collect();
    assert_eq!(comments(&mut conn, &input()), order);
}

pub(crate) fn outcomes_are_those_of_commits_one_by_one() {
    let plain = || Set::<Ipv4Addr>::new(fw(), "plain");
    let small = || Set::<Ipv4Addr>::new(fw(), "small").size(2);
    let ranges = || Set::<Interval<Ipv4Addr>>::new(fw(), "ranges");
    let host = |n: u32| Ipv4Addr::new(10, 0, 0, n as u8);
    let event = move |n: u32| {
        move |batch: &mut Batch| {
            let (who, verb) = (n / 16 % 4, n % 16);
            // Some are in others.
            let wide = match n / 64 % 3 {
                0 => Interval::prefix(host(0), 30),
                1 => Interval::prefix(host(who & !1), 31),
                _ => Interval::value(host(who)),
            };
            let chain = fw().chain(&*format!("chain{who}"));
            match verb {
                0 | 1 => _ = batch.add_elements(&plain(), [host(who)]),
                2 => _ = batch.create_elements(&plain(), [host(who)]),
                3 => _ = batch.delete_elements(&plain(), [host(who)]),
                4 => {
                    _ = batch.create_elements(&plain(), [host(who)]).create_elements(&plain(), [host(9), host(who + 1)])
                }
                5 => _ = batch.delete_elements(&plain(), [host(who)]).add_elements(&plain(), [host(9)]),
                6 | 7 => _ = batch.add_elements(&small(), [host(who)]),
                8 => _ = batch.delete_elements(&small(), [host(who)]),
                9 => _ = batch.add_elements(&ranges(), [wide]),
                10 => _ = batch.delete_elements(&ranges(), [wide]),
                11 => _ = batch.create(&chain),
                12 => _ = batch.delete(&chain),
                13 => _ = batch.append(input(), rule(&who.to_string()).jump(chain)),
                14 => _ = batch.flush(&input()),
                _ => {
                    _ = batch.append(&chain, rule("to the next").jump(fw().chain(&*format!("chain{}", (who + 1) % 4))))
                }
            }
        }
    };
    let mut random = 7u32;
    let mut seen = BTreeSet::new();
    let mut conn = conn();
    for round in 0..8 {
        let numbers: Vec<u32> = (0..40)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                random >> 12
            })
            .collect();
        let reset = |conn: &mut Conn| {
            commit(conn, |batch| batch.reset(&fw()).add(&plain()).add(&small()).add(&ranges()).add(&input()));
        };
        let state = |conn: &mut Conn| {
            let elements = |conn: &mut Conn, set: &Set<Ipv4Addr>| -> BTreeSet<Ipv4Addr> {
                conn.elements(set).unwrap().iter().map(|element| *element.key().unwrap()).collect()
            };
            let ranges = conn.elements(&ranges()).unwrap();
            let chains = conn.chains(&fw()).unwrap();
            (
                (elements(conn, &plain()), elements(conn, &small())),
                ranges.iter().map(|range| range.key().unwrap().to_string()).collect::<BTreeSet<_>>(),
                chains.iter().map(|chain| chain.name().to_string()).collect::<BTreeSet<_>>(),
                conn.rules(&fw()).unwrap().iter().map(|rule| rule.bytecode().to_string()).collect::<Vec<_>>(),
            )
        };
        reset(&mut conn);
        let alone = |n: &u32| {
            let mut batch = Batch::new();
            event(*n)(&mut batch);
            conn.commit(&batch).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let expected: Vec<String> = numbers.iter().map(alone).collect();
        let afterwards = state(&mut conn);
        reset(&mut conn);
        let writer = patient().start(conn).unwrap();
        let pending = numbers.iter().map(|&n| writer.handle().submit(event(n))).collect();
        conn = writer.finish();
        assert_eq!(outcomes(pending), expected, "round {round}: {numbers:?}");
        assert_eq!(state(&mut conn), afterwards, "round {round}: {numbers:?}");
        seen.extend(expected.iter().map(|told| told.rsplit_once(": ").map_or("", |(_, why)| why).to_owned()));
    }
    assert!(seen.len() > 4, "there is variety: {seen:?}");
}

pub(crate) fn what_one_send_cannot_hold_is_sent_in_parts() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()));
    let writer = patient().max_bytes(usize::MAX).start(conn).unwrap();
    let handle = writer.handle();
    // Together more than an ordinary user may send.
    let pending = (0..10)
        .map(|n| handle.submit(move |batch| _ = batch.add_elements(&marks(), n * 3500..(n + 1) * 3500)))
        .collect();
    let mut conn = writer.finish();
    assert_eq!(outcomes(pending), [""; 10]);
    assert!(marks_of(&mut conn).into_iter().eq(0..35_000));
}

pub(crate) fn event_that_panics_or_is_mistaken_harms_nobody() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()));
    let generation = conn.generation().unwrap().get();
    let writer = patient().start(conn).unwrap();
    let handle = writer.handle();
    let before = handle.submit(|batch| _ = batch.add_elements(&marks(), [1]));
    let panics = handle.submit(|batch| {
        // An error as a panic, whose text does not go through the hook of the tests.
        let numbers = (2..5).inspect(|n| {
            if *n == 4 {
                std::panic::resume_unwind(Box::new("four".to_owned()))
            }
        });
        batch.add_elements(&marks(), numbers);
    });
    let mistaken = handle.submit(|batch| _ = batch.add_elements(&marks(), [5]).add(&Table::inet("")));
    let behind = handle.submit(|batch| _ = batch.add_elements(&marks(), [6]));
    let mut conn = writer.finish();
    before.wait().unwrap();
    let error = panics.wait().unwrap_err();
    assert!(matches!(&error, Error::EventPanicked { message } if &**message == "four"), "{error}");
    assert!(matches!(mistaken.wait(), Err(Error::Build(mistake)) if mistake.op().index() == 1));
    behind.wait().unwrap();
    assert_eq!(marks_of(&mut conn), [1, 6].into());
    assert_eq!(conn.generation().unwrap().get() - generation, 1);
}

pub(crate) fn writer_that_ends_has_committed_what_was_left() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()));
    let before = Ruleset::read(&mut conn);
    let writer = patient().start(conn).unwrap();
    let pending: Vec<_> =
        (0..100).map(|n| writer.handle().submit(move |batch| _ = batch.add_elements(&marks(), [n]))).collect();
    let mut other = crate::conn();
    assert_eq!(Ruleset::read(&mut other), before);
    let handle = writer.handle();
    drop(writer);
    assert_eq!(outcomes(pending), [""; 100]);
    assert!(marks_of(&mut other).into_iter().eq(0..100));
    let late = handle.submit_and_wait(|batch| _ = batch.add_elements(&marks(), [100]));
    assert!(matches!(late, Err(Error::WriterEnded)));
    assert_eq!(marks_of(&mut other).len(), 100);
}
