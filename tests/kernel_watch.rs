//! Watching a real kernel: events and packet traces, beside those who change things.

#[path = "kernel_watch/beside_nft.rs"]
mod beside_nft;
#[path = "kernel_watch/events.rs"]
mod events;
#[path = "kernel_watch/nft_monitor.rs"]
mod nft_monitor;
#[path = "kernel/process.rs"]
mod process;
#[path = "kernel_watch/resync.rs"]
mod resync;
mod support;
#[path = "kernel_watch/trace.rs"]
mod trace;

use std::process::ExitCode;
use std::time::Duration;

use nftlink::monitor::{Commit, Monitor, Notice};
use nftlink::{Batch, Chain, Conn, Hook, Hooked, Priority, Table};

/// How long to wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    if let Some(done) = process::run_errand(&[("arm_and_wait", trace::arm_and_wait)]) {
        return done;
    }
    support::main(&[
        test!(events::each_change_is_an_event_with_its_name_and_handle),
        test!(events::flowtables_are_told).requires(support::flowtables),
        test!(events::devices_taken_from_a_chain_are_told).requires(support::linux_6_4),
        test!(events::commit_says_its_generation_and_who_did_it),
        test!(events::own_commits_are_told_apart),
        test!(events::place_of_a_rule_is_told).requires(linux_5_15),
        test!(events::place_of_a_rule_is_unknown_before).requires(before_linux_5_15),
        test!(events::elements_come_with_their_set_and_type),
        test!(events::a_copy_follows_what_commits_tell_of_a_set),
        test!(events::an_interval_whose_end_is_not_told_is_no_other_interval),
        test!(events::flushed_elements_are_told_one_by_one),
        test!(events::filters_of_the_real_thing),
        test!(events::refused_and_checked_batches_are_not_told),
        test!(events::quota_that_a_packet_uses_up_is_told),
        test!(events::waiting_ends_when_it_was_told_to),
        test!(events::file_descriptor_is_readable_when_there_is_something),
        test!(events::commit_with_more_events_than_are_kept_says_so),
        test!(events::monitor_of_another_namespace),
        test!(events::monitors_and_what_they_open_are_closed),
        test!(nft_monitor::says_the_same_events).needs_nft(),
        test!(nft_monitor::events_of_what_nft_loads).needs_nft(),
        test!(resync::hundred_thousand_commits_are_told_once_and_in_order),
        test!(resync::overrun_is_told_and_a_resync_goes_on_from_there),
        test!(resync::model_that_follows_the_events_is_the_ruleset),
        test!(resync::monitor_that_nobody_reads_keeps_nothing),
        test!(trace::packet_is_traced_through_jumps_maps_returns_and_policies),
        test!(trace::events_have_all_fields),
        test!(trace::steps_have_their_rules_as_they_are_then),
        test!(trace::tracer_waits_only_as_long_as_it_is_told),
        test!(trace::overrun_is_told_where_events_are_lost),
        test!(trace::armed_packets_are_traced_until_the_guard_is_dropped).requires(support::linux_5_12),
        test!(trace::names_that_others_have_taken_are_passed_over).requires(support::linux_5_12),
        test!(trace::packets_of_each_family_are_armed).requires(support::linux_5_12),
        test!(trace::limit_traces_only_so_many_packets).requires(support::linux_5_12),
        test!(trace::tracer_arms_its_own_namespace_from_wherever_it_is).requires(support::linux_5_12),
        test!(trace::killed_program_leaves_nothing_armed).requires(support::linux_5_12),
        test!(trace::kernel_without_owners_cannot_arm).requires(trace::before_linux_5_12),
        test!(trace::nft_prints_the_same).needs_nft(),
    ])
}

/// For rules' places among events.
fn linux_5_15() -> Result<(), String> {
    if support::linux() >= (5, 15) { Ok(()) } else { Err("no places of rules are told before Linux 5.15".to_owned()) }
}

fn before_linux_5_15() -> Result<(), String> {
    if support::linux() < (5, 15) { Ok(()) } else { Err("Linux 5.15 tells rules' places".to_owned()) }
}

fn conn() -> Conn {
    Conn::open().expect("a netlink socket")
}

fn monitor() -> Monitor {
    Monitor::open().expect("a multicast socket")
}

fn fw() -> Table {
    Table::inet("fw")
}

/// A base chain of [`fw`].
fn input() -> Chain<Hooked> {
    fw().chain("input").filter(Hook::INPUT, Priority::FILTER)
}

/// Commits what `fill` puts into a batch.
#[track_caller]
fn commit(conn: &mut Conn, fill: impl FnOnce(&mut Batch) -> &mut Batch) {
    let mut batch = Batch::new();
    fill(&mut batch);
    conn.commit(&batch).unwrap();
}

/// Takes the next notice, which has to be there or to come.
#[track_caller]
fn next(monitor: &mut Monitor) -> Notice {
    monitor.receive_timeout(PATIENCE).unwrap().expect("something is told")
}

/// Takes the next notice, which has to be a whole commit.
#[track_caller]
fn next_commit(monitor: &mut Monitor) -> Commit {
    match next(monitor) {
        Notice::Commit(commit) => {
            assert!(commit.is_complete());
            commit
        }
        other => panic!("{other:?}"),
    }
}

/// Makes sure that nothing was told: what was would be there already.
#[track_caller]
fn assert_silence(monitor: &mut Monitor) {
    assert_eq!(monitor.try_receive().unwrap(), None);
}
