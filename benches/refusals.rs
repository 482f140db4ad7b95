//! What it costs to tell why a batch was refused: from the kernel's extended ack to the operation, the attribute, the
//! expression and the part of the rule.
//!
//! The answers come from a [`Recording`], whose own work is in the figures. So each group has a way in which the same
//! batch is refused without a place, or not refused.

mod common;

use std::hint::black_box;
use std::net::Ipv4Addr;

use common::{Group, Meter, Way};
use nftlink::error::Rejection;
use nftlink::field::{ip, tcp};
use nftlink::{Batch, Chain, Errno, Recording, Refusal, Rule, Set, Table};

const RULES: u32 = 100;
const ELEMENTS: u32 = 1000;
const OPERATIONS: u32 = 10_000;

fn fw() -> Table {
    Table::ip("fw")
}

fn chain() -> Chain {
    fw().chain("input")
}

fn blocked() -> Set<Ipv4Addr> {
    Set::new(fw(), "blocked")
}

/// Commits a batch where there are the table and the chain. `refuse` is told before each commit, `check` looks at what
/// was refused, and at no more of the rest than how much it is.
fn commits(
    name: &'static str,
    batch: Batch,
    refuse: impl Fn(&Recording) + 'static,
    check: impl Fn(&Rejection) + 'static,
) -> Way {
    let mut before = Batch::new();
    before.add(&fw()).add(&chain());
    let recording = Recording::with(&before).expect("a table");
    let mut conn = recording.conn();
    Way::new(name, move |meter: &mut Meter| {
        refuse(&recording);
        let outcome = meter.measure(|| conn.commit(black_box(&batch)));
        recording.take();
        let error = outcome.expect_err("it was refused");
        error.rejections().for_each(&check);
        meter.outcome(&error.rejections().count().to_ne_bytes());
    })
}

/// Has the recording find out for itself what is wrong.
fn finds_out(recording: &Recording) {
    recording.apply_commits(true);
}

fn refuses(operations: u32) -> impl Fn(&Recording) {
    move |recording| {
        let all = (0..operations as usize).map(|at| (at, Errno::ENOENT));
        recording.refuse_next(Refusal::operations(all));
    }
}

fn has_no_place(rejection: &Rejection) {
    assert!(rejection.path().is_none(), "{rejection}");
}

/// Rules that look up a set which is not there.
fn rules() -> Group {
    let batch = || {
        let mut batch = Batch::new();
        for n in 0..RULES {
            let rule = Rule::new().when(tcp::dport().eq(n as u16)).when(ip::saddr().in_set(&blocked())).drop();
            batch.append(chain(), rule);
        }
        batch
    };
    let has_a_place = |rejection: &Rejection| {
        assert_eq!(rejection.path().and_then(|path| path.expression()), Some(5), "{rejection}");
        assert_eq!(rejection.step(), Some(1), "{rejection}");
        assert!(rejection.part().is_some_and(|part| part.contains("blocked")), "{rejection}");
    };
    let ways = vec![
        commits("without a place", batch(), refuses(RULES), has_no_place).allocations(10_000),
        commits("with its place", batch(), finds_out, has_a_place).allocations(20_000),
    ];
    Group::new("refused rule", RULES, ways)
}

/// The last of many operations.
fn last_operation() -> Group {
    let batch = || {
        let mut batch = Batch::new();
        for n in 1..OPERATIONS {
            batch.append(chain(), Rule::new().when(ip::saddr().eq(Ipv4Addr::from_bits(n))).drop());
        }
        batch.append(chain(), Rule::new().when(ip::saddr().in_set(&blocked())).drop());
        batch
    };
    let last = |recording: &Recording| {
        recording.refuse_next(Refusal::operation(OPERATIONS as usize - 1, Errno::ENOENT));
    };
    let (all, recording) = (batch(), Recording::new());
    let mut conn = recording.conn();
    let taken = Way::new("not refused", move |meter: &mut Meter| {
        let outcome = meter.measure(|| conn.commit(black_box(&all)));
        recording.take();
        outcome.expect("it was taken");
        meter.outcome(&1usize.to_ne_bytes());
    });
    let ways = vec![
        taken.allocations(100_000),
        commits("the last is refused", batch(), last, has_no_place).allocations(100_000),
    ];
    Group::new("batch of 10,000 rules", 1, ways)
}

/// One of the elements of a message.
fn element() -> Group {
    let batch = || {
        let mut batch = Batch::new();
        batch.add(&blocked()).delete_elements(&blocked(), (0..ELEMENTS).map(Ipv4Addr::from_bits));
        batch
    };
    let second = |recording: &Recording| recording.refuse_next(Refusal::operation(1, Errno::ENOENT));
    let ways = vec![
        commits("without a place", batch(), second, has_no_place).allocations(2000),
        commits("with its place", batch(), finds_out, |rejection| {
            assert_eq!(rejection.path().and_then(|path| path.element()), Some(0), "{rejection}");
        })
        .allocations(2000),
    ];
    Group::new("message of 1,000 elements", 1, ways)
}

fn main() {
    common::run(vec![rules(), element(), last_operation()]);
}
