//! The parts of example programs on a real kernel; the gate runs the programs themselves.

use std::process::ExitCode;

#[macro_use]
mod support;
#[path = "kernel_examples/exporter.rs"]
mod exporter;

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
    ])
}
