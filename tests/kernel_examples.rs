//! The parts of example programs on a real kernel; the gate runs the programs themselves.

use std::process::ExitCode;

#[macro_use]
mod support;
#[path = "kernel_examples/exporter.rs"]
mod exporter;
#[path = "kernel_examples/guard.rs"]
mod guard;
#[path = "kernel_examples/monitor.rs"]
mod monitor;
#[path = "kernel_examples/unprivileged.rs"]
mod unprivileged;

fn main() -> ExitCode {
    support::main(&[
        test!(exporter::tells_of_an_empty_ruleset),
        test!(exporter::tells_counters_and_quotas_by_their_names),
        test!(exporter::keeps_names_apart_that_are_no_text),
        test!(exporter::adds_up_rules_of_one_chain_and_comment),
        test!(exporter::counts_elements_of_sets_of_all_kinds),
        test!(exporter::does_not_count_the_catch_all_element).requires(support::linux_5_13),
        test!(exporter::serves_metrics_as_openmetrics),
        test!(exporter::says_what_it_does_not_serve),
        test!(exporter::goes_on_after_a_failure),
        test!(exporter::leaves_a_slow_client),
        test!(guard::puts_back_what_is_deleted),
        test!(guard::puts_back_what_is_changed),
        test!(guard::takes_out_what_is_added),
        test!(guard::names_who_did_it),
        test!(guard::leaves_alone_what_makes_no_difference),
        test!(guard::what_was_counted_and_what_others_added_is_kept),
        test!(guard::elements_whose_time_is_up_are_not_missed),
        test!(guard::finds_what_nobody_told_by_looking),
        test!(guard::looks_when_events_are_lost),
        test!(guard::puts_back_beside_others_who_never_stop),
        test!(guard::does_not_fight_as_fast_as_it_can),
        test!(guard::says_when_it_cannot_put_something_back).requires(guard::kernel_knows_owners),
        test!(guard::refuses_what_it_cannot_guard),
        test!(guard::refuses_a_table_with_an_owner).requires(guard::kernel_knows_owners),
        test!(monitor::writes_what_is_new_as_nft_does),
        test!(monitor::writes_elements_with_the_types_of_their_sets),
        test!(monitor::elements_of_a_set_that_nobody_knows_are_bytes),
        test!(monitor::says_that_events_were_lost),
        test!(unprivileged::net_admin_alone_is_enough_to_write_read_and_watch),
        test!(unprivileged::what_takes_another_privilege_is_refused),
        test!(unprivileged::threads_and_programs_get_no_more),
    ])
}
