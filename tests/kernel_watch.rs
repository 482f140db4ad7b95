//! Watching a real kernel: events, packet traces, snapshots beside writers, what outlives its program.

use std::process::ExitCode;

#[macro_use]
mod support;
#[path = "kernel/process.rs"]
mod process;
#[path = "kernel_watch/trace.rs"]
mod trace;

use support::linux;

fn main() -> ExitCode {
    if let Some(done) = process::run_errand(&[("arm_and_wait", trace::arm_and_wait)]) {
        return done;
    }
    support::main(&[
        test!(trace::packet_is_traced_through_jumps_maps_returns_and_policies),
        test!(trace::events_have_all_fields),
        test!(trace::steps_have_their_rules_as_they_are_then),
        test!(trace::tracer_waits_only_as_long_as_it_is_told),
        test!(trace::overrun_is_told_where_events_are_lost),
        test!(trace::armed_packets_are_traced_until_the_guard_is_dropped).requires(linux_5_12),
        test!(trace::packets_of_each_family_are_armed).requires(linux_5_12),
        test!(trace::limit_traces_only_so_many_packets).requires(linux_5_12),
        test!(trace::tracer_arms_its_own_namespace_from_wherever_it_is).requires(linux_5_12),
        test!(trace::killed_program_leaves_nothing_armed).requires(linux_5_12),
        test!(trace::kernel_without_owners_cannot_arm).requires(before_linux_5_12),
        test!(trace::nft_prints_the_same).needs_nft(),
    ])
}

fn linux_5_12() -> Result<(), String> {
    if linux() >= (5, 12) { Ok(()) } else { Err("no owners of tables before Linux 5.12".to_owned()) }
}

fn before_linux_5_12() -> Result<(), String> {
    if linux() < (5, 12) { Ok(()) } else { Err("Linux 5.12 has owners of tables".to_owned()) }
}
