//! Each call to the kernel fails once, in each way, and each two of them: what a connection says is true, and it can be
//! used again.

use std::net::Ipv4Addr;

use super::{Conn, Consistency, Recording};
use crate::batch::Batch;
use crate::chain::{Chain, Hook, Hooked, Priority};
use crate::datum::{Interval, Mark};
use crate::engine::faults::each_plan;
use crate::error::Error;
use crate::field::ip;
use crate::object;
use crate::rule::{Rule, RuleInfo};
use crate::set::Set;
use crate::table::Table;

fn fw() -> Table {
    Table::inet("fw")
}

fn input() -> Chain<Hooked> {
    fw().chain("input").filter(Hook::INPUT, Priority::FILTER)
}

fn marks() -> Set<Mark> {
    Set::new(fw(), "marks")
}

fn blocked() -> Set<Interval<Ipv4Addr>> {
    Set::new(fw(), "blocked")
}

fn web() -> object::Named<object::Counter> {
    object::Counter::named(fw(), "web")
}

fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(n)
}

/// A recording with something of each kind, more than one datagram of rules.
fn world(rules: u32) -> Recording {
    let mut batch = Batch::new();
    batch.add(&fw()).add(&input()).add(&marks()).add(&blocked()).add(&web());
    batch.add_elements(&marks(), 0..12).add_elements(&blocked(), (0..12).map(|n| Interval::value(address(n * 2))));
    for n in 0..rules {
        batch.append(input(), Rule::new().when(ip::saddr().eq(address(n))).comment("x".repeat(120)).drop());
    }
    let recording = Recording::with(&batch).unwrap();
    recording.apply_commits(true);
    recording
}

/// Makes sure that the connection works, and commits.
fn works(conn: &mut Conn, recording: &Recording, case: &str) {
    let before = recording.batches().len();
    let mut batch = Batch::new();
    batch.add(&Table::ip("another"));
    conn.commit(&batch).unwrap_or_else(|error| panic!("{case}: then {error}"));
    assert_eq!(recording.batches().len(), before + 1, "{case}");
    let tables = conn.tables(..).unwrap_or_else(|error| panic!("{case}: then {error}"));
    assert!(tables.iter().any(|table| table.name() == "another"), "{case}");
    assert_eq!(conn.elements(&marks()).unwrap().len(), 12, "{case}");
}

/// What is to change something, in each way.
type Change = fn(&mut Conn) -> Result<(), Error>;

#[test]
fn changes_are_made_if_they_are_said_to_be_and_not_if_they_are_said_to_have_failed() {
    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.add(&Table::inet("new")).append(input(), Rule::new().drop()).create_elements(&blocked(), [address(1001)]);
        batch
    }
    let mut unknown = 0;
    let changes: [(&str, Change); 5] = [
        ("commit", |conn| conn.commit(&batch())),
        ("commit with handles", |conn| {
            let applied = conn.commit_with_handles(&batch())?;
            assert!(!applied.is_complete() || applied.rule(crate::Op(1)).is_some());
            Ok(())
        }),
        ("commit at a generation", |conn| {
            let generation = conn.generation()?;
            conn.commit_at(generation, &batch())
        }),
        ("add merged", |conn| conn.add_merged(&blocked(), [Interval::range(address(10)..=address(30))])),
        ("delete merged", |conn| conn.delete_merged(&blocked(), [Interval::range(address(10)..=address(30))])),
    ];
    for (what, change) in changes {
        each_plan(if what == "commit" { 4 } else { 1 }, |plan, case| {
            let case = format!("{what}: {case}");
            let recording = world(3);
            let mut conn = Conn::faulty(&recording, plan);
            let result = change(&mut conn);
            let calls = plan.is_over();
            let changed = !recording.batches().is_empty();
            match &result {
                Ok(()) => assert!(changed, "{case}: said success"),
                Err(Error::FateUnknown { .. }) => {
                    // Of several answers each tells.
                    assert!(!case.contains("Overflow(First) at call"), "{case}: the first answer was kept");
                    unknown += 1;
                }
                Err(error) => assert!(!changed, "{case}: said {error}"),
            }
            works(&mut conn, &recording, &case);
            calls
        });
    }
    assert!(unknown > 0);
}

#[test]
fn what_is_only_checked_changes_nothing() {
    let (mut good, mut bad) = (Batch::new(), Batch::new());
    good.flush(&input()).add(&Table::inet("new"));
    bad.flush(&input()).create(&fw());
    for (batch, is_good) in [(good, true), (bad, false)] {
        each_plan(4, |plan, case| {
            let recording = world(3);
            let mut conn = Conn::faulty(&recording, plan);
            let result = conn.check(&batch);
            let calls = plan.is_over();
            assert!(is_good || result.is_err(), "{case}: said to be good");
            assert!(!is_good || !matches!(result, Err(Error::Rejected(_))), "{case}: {result:?}");
            assert!(recording.batches().is_empty(), "{case}");
            works(&mut conn, &recording, case);
            calls
        });
    }
}

/// Which rules these are.
fn show(rules: &[RuleInfo]) -> String {
    rules.iter().map(|rule| format!("{} ", rule.handle())).collect()
}

/// What reads something, and shows it.
type Read = fn(&mut Conn) -> Result<String, Error>;

#[test]
fn what_is_read_is_all_there_is_or_an_error() {
    let reads: [(&str, Read); 9] = [
        ("generation", |conn| Ok(conn.generation()?.to_string())),
        ("tables", |conn| Ok(format!("{:?}", conn.tables(..)?))),
        ("rules", |conn| Ok(show(&conn.rules(&input())?))),
        ("elements", |conn| Ok(format!("{:?}", conn.elements(&marks())?))),
        ("intervals", |conn| Ok(format!("{:?}", conn.elements(&blocked())?))),
        ("element", |conn| Ok(format!("{:?}", conn.element(&marks(), 7)?))),
        ("object", |conn| Ok(format!("{:?}", conn.counter(web())?))),
        ("ruleset", |conn| {
            let ruleset = conn.ruleset(..)?;
            Ok(format!("{:?}", ruleset.to_bytes()))
        }),
        ("snapshot", |conn| {
            let (both, _) = conn.snapshot(|conn| Ok((conn.rules(&input())?, conn.elements(&marks())?)))?;
            Ok(show(&both.0) + &format!("{:?}", both.1))
        }),
    ];
    let recording = world(150);
    for (what, read) in reads {
        let truth = read(&mut recording.conn()).unwrap();
        each_plan(if what == "ruleset" { 0 } else { 3 }, |plan, case| {
            let mut conn = Conn::faulty(&recording, plan);
            let result = read(&mut conn);
            let calls = plan.is_over();
            if let Ok(found) = result {
                assert!(found == truth, "{what}: {case}: {} bytes instead of {}", found.len(), truth.len());
            }
            assert!(read(&mut conn).unwrap() == truth, "{what}: {case}: then");
            calls
        });
    }
}

#[test]
fn what_a_stream_calls_whole_is_so() {
    let recording = world(150);
    for most in [3, usize::MAX] {
        let rules = recording.conn().rules(&input()).unwrap();
        let rules: Vec<String> = rules.iter().map(|rule| rule.handle().to_string()).collect();
        let keys = recording.conn().elements(&marks()).unwrap();
        let keys: Vec<String> = keys.iter().map(|key| key.key().unwrap().to_string()).collect();
        for (of_rules, alone) in [(true, true), (true, false), (false, true), (false, false)] {
            let truth = if of_rules { &rules } else { &keys };
            // A dump has a socket of its own, where one can be opened.
            let open = if alone { Conn::faulty } else { Conn::faulty_with_others };
            each_plan(if alone { 3 } else { 1 }, |plan, case| {
                let case = format!("{most} of {}, alone {alone}: {case}", truth.len());
                let mut conn = open(&recording, plan);
                let read = |conn: &mut Conn| -> Result<(Vec<String>, Consistency), Error> {
                    if of_rules {
                        let mut stream = conn.stream_rules(&input())?;
                        let found = stream.by_ref().take(most).map(|rule| Ok(rule?.handle().to_string()));
                        return Ok((found.collect::<Result<_, Error>>()?, stream.consistency()?));
                    }
                    let mut stream = conn.stream_elements(&marks())?;
                    let found = stream.by_ref().take(most).map(|mark| Ok(mark?.key().unwrap().to_string()));
                    Ok((found.collect::<Result<_, Error>>()?, stream.consistency()?))
                };
                let result = read(&mut conn);
                let calls = plan.is_over();
                let is_all = |found: &[String]| found == &truth[..truth.len().min(most)];
                if let Ok((found, Consistency::Same(_))) = result {
                    assert!(is_all(&found), "{case}: {} of {}", found.len(), truth.len());
                }
                let (found, consistency) = read(&mut conn).unwrap();
                assert!(is_all(&found) && matches!(consistency, Consistency::Same(_)), "{case}: then");
                calls
            });
        }
    }
}
