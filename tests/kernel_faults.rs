//! When things go wrong on a real kernel: programs that are killed, forked, interrupted by signals, without privilege,
//! without descriptors, and with no room for what the kernel tells.

use std::process::ExitCode;

use nftlink::{Batch, Chain, Conn, Hook, Hooked, Priority, Set, Table, datum::Mark};

#[macro_use]
mod support;
#[path = "kernel_faults/descriptors.rs"]
mod descriptors;
#[path = "kernel_faults/forked.rs"]
mod forked;
#[path = "kernel_faults/interrupted.rs"]
mod interrupted;
#[path = "kernel_faults/killed.rs"]
mod killed;
#[path = "kernel_faults/no_room.rs"]
mod no_room;
#[path = "kernel_faults/privilege.rs"]
mod privilege;
#[path = "kernel/process.rs"]
mod process;

fn main() -> ExitCode {
    let errands: &[(&str, fn())] = &[
        ("commits_two_states", killed::commits_two_states),
        ("runs_out_of_descriptors", descriptors::runs_out_of_them),
        ("shows_its_descriptors", descriptors::shows_them),
        ("is_interrupted", interrupted::is_interrupted),
        ("forks_and_leaves_all_to_the_parent", forked::leaves_all_to_the_parent),
        ("forks_and_leaves_all_to_the_child", forked::leaves_all_to_the_child),
        ("forks_with_an_armed_tracer", forked::with_an_armed_tracer),
    ];
    if let Some(done) = process::run_errand(errands) {
        return done;
    }
    support::main(&[
        test!(killed::program_that_is_killed_at_any_moment_leaves_one_of_two_states),
        test!(descriptors::all_that_is_opened_is_closed_on_exec),
        test!(descriptors::without_descriptors_nothing_is_lost_but_what_needs_one),
        test!(interrupted::signals_without_end_disturb_nothing),
        test!(forked::parent_goes_on_when_the_child_has_dropped_all),
        test!(forked::child_goes_on_when_the_parent_has_dropped_all),
        test!(forked::guard_that_a_child_drops_ends_the_tracing).requires(support::linux_5_12),
        test!(no_room::monitor_with_the_smallest_buffer_tells_all_that_it_has_lost),
        test!(no_room::tracer_with_a_small_buffer_tells_that_it_has_lost_events),
        test!(privilege::without_it_all_is_refused_and_with_it_all_goes_on),
        test!(privilege::load_that_loses_it_changes_nothing_and_the_next_one_cleans_up),
        test!(privilege::stream_that_loses_it_says_so),
        test!(privilege::table_of_an_armed_tracer_goes_without_it).requires(support::linux_5_12),
    ])
}

// ---- what the tests have in common ----

fn conn() -> Conn {
    Conn::open().expect("a netlink socket")
}

fn fw() -> Table {
    Table::inet("fw")
}

/// A base chain of [`fw`].
fn input() -> Chain<Hooked> {
    fw().chain("input").filter(Hook::INPUT, Priority::FILTER)
}

fn marks() -> Set<Mark> {
    Set::new(fw(), "marks")
}

/// The marks that the set has, in ascending order.
#[track_caller]
fn marks_of(conn: &mut Conn, set: &Set<Mark>) -> Vec<u32> {
    let mut marks: Vec<u32> = conn.elements(set).unwrap().iter().map(|mark| mark.key().unwrap().get()).collect();
    marks.sort_unstable();
    marks
}

/// Commits what `fill` puts into a batch.
#[track_caller]
fn commit(conn: &mut Conn, fill: impl FnOnce(&mut Batch) -> &mut Batch) {
    let mut batch = Batch::new();
    fill(&mut batch);
    conn.commit(&batch).unwrap();
}
