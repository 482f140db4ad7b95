//! The parts of example programs on a real kernel; the gate runs the programs themselves.

use std::process::ExitCode;

#[macro_use]
mod support;
#[path = "kernel_examples/exporter.rs"]
mod exporter;

fn main() -> ExitCode {
    support::main(&[
        test!(exporter::exporter_tells_of_an_empty_ruleset),
        test!(exporter::exporter_tells_counters_and_quotas_by_their_names),
        test!(exporter::exporter_keeps_names_apart_that_are_no_text),
        test!(exporter::exporter_adds_up_rules_of_one_chain_and_comment),
        test!(exporter::exporter_counts_elements_of_sets_of_all_kinds),
        test!(exporter::exporter_serves_metrics_as_openmetrics),
        test!(exporter::exporter_says_what_it_does_not_serve),
        test!(exporter::exporter_goes_on_after_a_failure),
        test!(exporter::exporter_leaves_a_slow_client),
    ])
}
