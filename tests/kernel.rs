//! The library on a real kernel: each verb, each query, each refusal, and what happens at the limits.

use std::process::ExitCode;

use nftlink::field::tcp;
use nftlink::{
    Batch, Chain, ChainInfo, Conn, Error, Generation, Hook, Hooked, Interval, Priority, Rule, RuleBuilder, RuleInfo,
    SetInfo, Table, TableInfo, object,
};

#[macro_use]
mod support;
#[path = "kernel/bad_input.rs"]
mod bad_input;
#[path = "kernel/beside.rs"]
mod beside;
#[path = "kernel/chains.rs"]
mod chains;
#[path = "kernel/commits.rs"]
mod commits;
#[path = "kernel/concatenations.rs"]
mod concatenations;
#[path = "kernel/connections.rs"]
mod connections;
#[path = "kernel/elements.rs"]
mod elements;
#[path = "kernel/exprs.rs"]
mod exprs;
#[path = "kernel/exprs_act.rs"]
mod exprs_act;
#[path = "kernel/exprs_load.rs"]
mod exprs_load;
#[path = "kernel/features.rs"]
mod features;
#[path = "kernel/find.rs"]
mod find;
#[path = "kernel/flowtables.rs"]
mod flowtables;
#[path = "kernel/hooks.rs"]
mod hooks;
#[path = "kernel/limits.rs"]
mod limits;
#[path = "kernel/loader.rs"]
mod loader;
#[path = "kernel/maps.rs"]
mod maps;
#[path = "kernel/merging.rs"]
mod merging;
#[path = "kernel/objects.rs"]
mod objects;
#[path = "kernel/own_chains.rs"]
mod own_chains;
#[path = "kernel/own_sets.rs"]
mod own_sets;
#[path = "kernel/own_types.rs"]
mod own_types;
#[path = "kernel/ownership.rs"]
mod ownership;
#[path = "kernel/process.rs"]
mod process;
#[path = "kernel/queries.rs"]
mod queries;
#[path = "kernel/recording.rs"]
mod recording;
#[path = "kernel/refusals.rs"]
mod refusals;
#[path = "kernel/resets.rs"]
mod resets;
#[path = "kernel/ruleset.rs"]
mod ruleset;
#[path = "kernel/snapshots.rs"]
mod snapshots;
#[path = "kernel/streams.rs"]
mod streams;
#[path = "kernel/untyped.rs"]
mod untyped;
#[path = "kernel/verbs.rs"]
mod verbs;
#[path = "kernel/writer.rs"]
mod writer;

// How the example program keeps a ruleset.
#[path = "../examples/ruleset/file.rs"]
mod file;

use support::linux;

fn main() -> ExitCode {
    if let Some(done) = process::run_errand(&[
        ("without_privilege", bad_input::without_privilege),
        ("with_a_high_descriptor", connections::with_a_high_descriptor),
        ("closes_its_descriptor_on_exec", connections::closes_its_descriptor_on_exec),
        ("owns_tables", ownership::owns_tables),
        ("executes_with_an_owned_table", ownership::executes_with_an_owned_table),
        ("finds_no_table", ownership::finds_no_table),
        ("shares_its_descriptor", ownership::shares_its_descriptor),
        ("loads_and_waits", loader::loads_and_waits),
        ("loads_for_ever", loader::loads_for_ever),
    ]) {
        return done;
    }
    support::main(&[
        test!(verbs::add_makes_what_is_missing_and_keeps_what_is_there),
        test!(verbs::adding_a_chain_again_changes_its_policy),
        test!(verbs::create_refuses_what_is_there),
        test!(verbs::delete_removes_each_kind_of_object),
        test!(verbs::delete_refuses_what_is_in_use),
        test!(verbs::destroy_removes_what_is_there_and_accepts_its_absence).requires(linux_6_3),
        test!(verbs::destroy_is_refused_by_kernels_before_linux_6_3).requires(before_linux_6_3),
        test!(verbs::flush_empties_a_chain_a_table_or_a_set),
        test!(verbs::reset_leaves_an_empty_table_whether_it_was_there_or_not),
        test!(verbs::flush_ruleset_deletes_the_tables_of_all_families),
        test!(verbs::append_and_insert_put_rules_at_the_ends),
        test!(verbs::rules_go_before_and_after_a_handle),
        test!(verbs::rules_go_before_and_after_an_operation_of_the_same_batch),
        test!(verbs::replace_keeps_handle_and_place),
        test!(verbs::rules_are_deleted_by_handle_by_operation_and_as_read),
        test!(verbs::what_was_read_can_be_written_back),
        test!(verbs::what_was_read_is_deleted_by_its_handle),
        test!(verbs::one_rule_is_read_by_its_handle),
        test!(verbs::table_sleeps_and_wakes),
        test!(loader::each_load_takes_the_place_of_the_one_before),
        test!(loader::set_of_the_plain_name_is_replaced_the_first_time),
        test!(loader::hundred_thousand_elements_are_loaded_whatever_the_send_buffer),
        test!(loader::fresh_set_has_all_that_the_set_was_given),
        test!(loader::intervals_are_loaded_as_one_batch_would_add_them),
        test!(loader::overlap_is_refused_wherever_it_comes),
        test!(loader::rules_of_every_kind_are_written_again_without_loss),
        test!(loader::maps_of_verdicts_and_objects_are_replaced),
        test!(loader::given_rules_are_replaced_as_they_are_given),
        test!(loader::element_that_cannot_be_expressed_leaves_nothing),
        test!(loader::element_that_the_kernel_refuses_leaves_nothing),
        test!(loader::source_that_fails_leaves_nothing),
        test!(loader::source_that_panics_leaves_nothing),
        test!(loader::set_of_another_type_is_refused),
        test!(loader::who_begins_last_wins),
        test!(loader::name_that_another_has_taken_again_is_left_alone),
        test!(loader::table_that_goes_is_told_as_such),
        test!(loader::many_loaders_at_once_leave_one_whole_set),
        test!(loader::rules_that_others_add_meanwhile_are_not_missed),
        test!(loader::given_rules_are_replaced_beside_somebody_who_commits_all_the_time),
        test!(loader::what_a_killed_program_leaves_is_not_live_and_goes_with_the_next_load),
        test!(loader::program_that_is_killed_at_any_moment_leaves_a_whole_set_in_use),
        test!(loader::nft_lists_what_is_being_filled).needs_nft(),
        test!(ruleset::all_that_is_in_a_table_is_put_back_in_one_step),
        test!(ruleset::ruleset_that_changed_meanwhile_is_not_overwritten),
        test!(ruleset::one_table_or_family_is_read_without_the_others),
        test!(ruleset::table_is_put_back_beside_others),
        test!(ruleset::rule_is_copied_with_what_it_has_to_itself),
        test!(ruleset::rule_with_anothers_set_says_how_it_is_copied),
        test!(ruleset::objects_of_another_table_are_refused_as_values),
        test!(ruleset::chain_that_two_rules_claim_is_written_once),
        test!(ruleset::interval_whose_time_is_up_is_left_out_as_a_whole),
        test!(ruleset::file_holds_all_of_a_ruleset),
        test!(ruleset::damaged_file_is_refused_wherever_the_damage_is),
        test!(recording::recording_answers_each_query_as_the_kernel_does),
        test!(recording::recording_resets_what_the_kernel_resets),
        test!(recording::batch_makes_of_a_recording_what_it_makes_of_the_kernel),
        test!(recording::what_the_kernel_refuses_for_its_names_a_recording_refuses_too),
        test!(recording::errors_that_are_said_are_those_of_the_kernel),
        test!(chains::chains_at_devices_are_read_as_written),
        test!(chains::chains_at_egress_are_read_as_written).requires(support::linux_5_16),
        test!(chains::device_that_is_not_there_is_waited_for_or_refused),
        test!(chains::device_given_twice_is_refused_by_its_place),
        test!(chains::chains_with_devices_can_be_put_back),
        test!(chains::chains_are_put_back_from_their_specs),
        test!(chains::device_without_hardware_offload_is_refused),
        test!(chains::chain_that_is_there_keeps_its_hook_and_priority).requires(support::linux_6_4),
        test!(chains::devices_are_added_and_deleted_and_the_rules_stay).requires(support::linux_6_4),
        test!(chains::chain_is_never_deleted_for_its_devices).requires(support::linux_6_4),
        test!(chains::other_devices_are_refused_by_kernels_before_linux_6_4).requires(chains::before_linux_6_4),
        test!(chains::prefixes_of_devices_are_read_as_written).requires(support::prefixes_of_devices),
        test!(chains::prefixes_of_devices_are_refused_by_kernels_that_lack_them)
            .requires(chains::no_prefixes_of_devices),
        test!(chains::renamed_chain_is_still_led_to),
        test!(chains::name_that_is_taken_and_handle_that_is_absent_are_refused),
        test!(chains::policy_counts_what_no_rule_decides_on),
        test!(chains::each_family_has_its_hooks_and_priorities),
        test!(elements::values_ranges_prefixes_and_open_ends_are_read_as_written),
        test!(elements::intervals_at_the_ends_of_the_address_space),
        test!(elements::adjacent_intervals_stay_apart),
        test!(elements::intervals_of_numbers_in_host_order_sort_as_numbers),
        test!(elements::timeouts_and_comments_are_read_as_written),
        test!(elements::an_element_leaves_when_its_time_is_over),
        test!(elements::adding_what_is_there_changes_nothing),
        test!(elements::create_names_the_element_that_is_there),
        test!(elements::overlapping_interval_is_refused),
        test!(elements::deleted_elements_are_gone_and_absent_ones_are_refused),
        test!(elements::destroy_accepts_absent_elements).requires(linux_6_3),
        test!(elements::refresh_restarts_timeouts_and_adds_what_is_missing),
        test!(elements::refresh_restarts_the_timeouts_of_intervals),
        test!(elements::a_full_set_takes_no_more),
        test!(elements::no_elements_are_no_operation),
        test!(untyped::sets_of_every_form_are_written_back_from_what_was_read),
        test!(untyped::entries_are_deleted_by_their_keys),
        test!(untyped::entries_are_destroyed_whether_they_are_there_or_not).requires(linux_6_3),
        test!(untyped::sets_of_any_type_are_declared_and_filled),
        test!(untyped::sets_are_deleted_by_their_handles),
        test!(untyped::entries_of_any_set_are_put_together_and_shown),
        test!(writer::events_of_many_threads_are_all_applied_in_order),
        test!(writer::events_that_wait_for_others_take_the_fewest_commits),
        test!(writer::one_bad_event_in_a_hundred_fails_alone),
        test!(writer::event_that_spoils_the_commit_fails_alone),
        test!(writer::outcomes_are_those_of_commits_one_by_one),
        test!(writer::what_one_send_cannot_hold_is_sent_in_parts),
        test!(writer::event_that_panics_or_is_mistaken_harms_nobody),
        test!(writer::writer_that_ends_has_committed_what_was_left),
        test!(commits::each_commit_makes_the_next_generation),
        test!(commits::stale_generation_changes_nothing),
        test!(commits::check_changes_nothing),
        test!(commits::check_finds_what_the_kernel_would_refuse),
        test!(commits::handles_of_all_kinds_agree_with_the_listing),
        test!(commits::one_bad_operation_undoes_all_others),
        test!(commits::refused_batch_can_be_committed_once_the_obstacle_is_gone),
        test!(commits::cleared_batch_is_a_new_one),
        test!(commits::warm_commit_allocates_nothing),
        test!(commits::empty_batch_does_nothing),
        test!(commits::what_fails_only_at_the_commit_is_never_success),
        test!(queries::listings_are_of_a_scope),
        test!(queries::rules_are_listed_in_their_order),
        test!(queries::rules_of_many_chains_are_listed_in_their_order),
        test!(queries::rules_of_tables_that_number_them_alike_are_listed),
        test!(queries::one_of_each_kind_is_read_by_name),
        test!(queries::elements_of_any_set_can_be_read_untyped),
        test!(queries::elements_of_another_type_are_refused),
        test!(queries::what_is_absent_is_an_error_for_every_query),
        test!(queries::counter_is_read_and_reset),
        test!(queries::names_that_are_not_utf8_are_listed_and_deleted),
        test!(find::each_rule_finds_itself_and_no_other),
        test!(find::all_rules_that_do_the_same_are_found_in_their_order),
        test!(find::looking_in_an_absent_chain_is_an_error),
        test!(find::elements_that_do_more_make_another_rule).needs_nft(),
        test!(merging::overlap_that_the_kernel_does_not_notice_is_refused_before),
        test!(maps::value_is_replaced_by_its_key),
        test!(objects::each_kind_is_read_as_written_and_put_back),
        test!(objects::what_is_left_out_the_kernel_fills_in),
        test!(objects::numbers_up_to_their_bounds_are_kept_and_others_refused_before),
        test!(objects::tables_of_other_families_refuse_objects),
        test!(objects::absent_helper_and_security_context_are_named),
        test!(objects::values_are_read_as_their_kind_and_listed_by_kind),
        test!(objects::objects_are_reset_with_what_they_had_counted),
        test!(objects::quota_that_is_used_up_is_put_back),
        test!(objects::quota_is_changed_by_adding_it_again_and_others_are_not),
        test!(objects::objects_are_deleted_by_handle_whatever_has_their_name),
        test!(objects::rules_refer_to_objects_of_each_kind),
        test!(objects::synproxy_stands_at_input_and_forward).requires(support::linux_6_18),
        test!(objects::mistake_in_an_objects_data_is_named),
        test!(own_sets::they_come_and_go_with_their_rule),
        test!(own_sets::rules_that_have_them_go_before_after_and_instead_of_others),
        test!(own_sets::several_of_one_rule_stay_apart),
        test!(own_sets::refusals_beside_them_name_the_operation_and_the_step),
        test!(own_sets::empty_one_matches_nothing),
        test!(flowtables::flowtables_are_read_as_written_and_put_back).requires(support::flowtables),
        test!(flowtables::flowtables_are_created_deleted_and_in_use).requires(support::flowtables),
        test!(flowtables::flowtables_get_and_lose_devices).requires(support::flowtables),
        test!(flowtables::device_without_hardware_offload_is_refused).requires(support::flowtables),
        test!(flowtables::packets_of_its_connections_pass_the_rules_by).requires(support::flowtables),
        test!(features::each_feature_is_there_if_and_only_if_it_can_be_used),
        test!(features::kernel_has_what_those_of_its_version_have),
        test!(features::asking_for_features_changes_nothing_and_nobody_sees_it),
        test!(features::recording_that_lacks_a_feature_refuses_it_as_a_kernel_does),
        test!(features::features_are_the_same_beside_others_who_commit),
        test!(features::refusal_for_want_of_a_feature_keeps_its_details).requires(features::kernel_lacks_something),
        test!(features::refusal_for_another_reason_blames_no_feature).requires(features::kernel_lacks_something),
        test!(features::what_is_wrong_with_a_feature_that_is_there_blames_none),
        test!(flowtables::kernel_without_flowtables_is_told_of).requires(flowtables::no_flowtables),
        test!(hooks::hooks_tell_chains_in_the_order_of_packets).requires(support::hooks),
        test!(hooks::hooks_of_devices_are_asked_for_by_name).requires(support::hooks),
        test!(hooks::hooks_tell_what_other_subsystems_have_there).requires(support::hooks),
        test!(hooks::hooks_tell_the_iptables_of_before).requires(hooks::machine_has_iptables_legacy),
        test!(hooks::hooks_tell_flowtables).requires(hooks::hooks_and_flowtables),
        test!(hooks::hooks_in_many_datagrams_are_all_told_in_order).requires(support::hooks),
        test!(hooks::hooks_that_no_kernel_has_are_refused),
        test!(hooks::hooks_of_absent_devices_are_refused).requires(support::hooks),
        test!(hooks::kernel_that_cannot_tell_hooks_says_so).requires(hooks::no_list_of_hooks),
        test!(own_chains::they_come_and_go_with_their_rule),
        test!(own_chains::rules_with_them_are_found_by_what_is_in_them),
        test!(own_chains::refusals_in_them_name_the_operation_and_the_step),
        test!(own_chains::rule_that_was_read_is_made_again_with_one),
        test!(own_chains::one_that_was_read_is_put_back_under_its_name),
        test!(ownership::owned_table_is_changed_by_its_owner_alone_and_dies_with_it).requires(support::linux_5_12),
        test!(ownership::persistent_table_outlives_its_owner_and_is_adopted).requires(support::linux_6_9),
        test!(ownership::persistent_table_needs_no_owner).requires(support::linux_6_9),
        test!(ownership::owner_and_persistence_are_for_new_tables).requires(support::linux_6_9),
        test!(ownership::table_of_nobodys_cannot_be_taken).requires(support::linux_5_12),
        test!(ownership::table_of_another_refuses_every_verb_and_the_whole_batch).requires(support::linux_5_12),
        test!(ownership::counters_in_a_table_of_another_can_be_reset).requires(support::linux_5_12),
        test!(ownership::owners_are_refused_by_kernels_before_linux_5_12).requires(before_linux_5_12),
        test!(ownership::persistence_is_refused_by_kernels_before_linux_6_9).requires(before_linux_6_9),
        test!(ownership::table_is_created_or_adopted_and_filled_by_one_batch).requires(support::linux_6_9),
        test!(ownership::orphan_is_adopted_by_a_reset_with_nothing_in_it).requires(support::linux_6_9),
        test!(ownership::destroy_makes_way_for_an_owned_table_whatever_was_there).requires(support::linux_6_9),
        test!(ownership::killed_owner_takes_its_tables_along_but_for_persistent_ones).requires(support::linux_5_12),
        test!(ownership::owned_table_goes_when_its_owner_executes_another_program).requires(support::linux_5_12),
        test!(ownership::descriptor_that_another_process_has_keeps_an_owned_table).requires(support::linux_5_12),
        test!(ownership::death_of_an_owner_is_neither_told_nor_counted).requires(support::linux_5_12),
        test!(ownership::orphaning_is_neither_told_nor_counted_and_adoption_is).requires(support::linux_6_9),
        test!(ownership::rules_listed_beside_owners_that_come_and_go_are_never_torn).requires(support::linux_5_12),
        test!(ownership::ruleset_read_beside_owners_that_come_and_go_is_never_torn).requires(support::linux_5_12),
        test!(ownership::list_of_a_table_that_went_with_its_owner_is_an_error_and_never_empty)
            .requires(support::linux_5_12),
        test!(refusals::two_bad_rules_of_a_hundred_are_both_named),
        test!(refusals::what_a_set_or_a_family_lacks_is_guessed),
        test!(refusals::absent_table_chain_set_and_object_are_named),
        test!(refusals::refusals_read_well),
        test!(refusals::mistakes_read_well),
        test!(bad_input::bad_names_are_refused_before_anything_is_sent),
        test!(bad_input::longest_names_and_comments_are_taken),
        test!(bad_input::comment_of_128_bytes_is_refused),
        test!(bad_input::rule_of_129_expressions_is_refused_and_128_are_taken),
        test!(bad_input::address_of_another_family_is_refused),
        test!(bad_input::reversed_range_and_overlong_prefix_are_refused),
        test!(bad_input::bad_names_in_queries_are_errors),
        test!(bad_input::nothing_works_without_privilege),
        test!(exprs::what_is_written_comes_back).requires(support::linux_5_14),
        test!(exprs::registers_are_combined).requires(linux_6_13),
        test!(exprs::what_the_kernel_could_not_take_is_refused_before),
        test!(exprs_load::headers_and_options_come_back),
        test!(exprs_load::newer_headers_and_options_come_back).requires(support::linux_5_18),
        test!(exprs_load::routes_come_back),
        test!(exprs_load::interfaces_of_routes_are_asked_for_after_routing_too)
            .requires(support::kernel_asks_for_routes_after_routing),
        test!(exprs_load::sockets_senders_and_ipsec_come_back),
        test!(exprs_load::cgroups_of_sockets_come_back).requires(support::kernel_knows_cgroups_of_sockets),
        test!(exprs_load::tunnels_come_back),
        test!(exprs_load::what_bridges_know_of_frames_comes_back).requires(support::kernel_knows_bridges_of_frames),
        test!(exprs_load::numbers_and_hashes_come_back),
        test!(exprs_load::numbers_that_the_kernel_cannot_take_are_refused_before),
        test!(exprs_load::what_the_kernel_refuses_names_the_expression),
        test!(exprs_act::what_acts_comes_back),
        test!(exprs_act::what_is_inside_of_tunnels_comes_back).requires(linux_6_2_inner),
        test!(exprs_act::refusals_inside_of_tunnels_are_located).requires(linux_6_2_inner),
        test!(exprs_act::what_cannot_act_there_is_refused),
        test!(exprs_act::extensions_for_one_protocol_want_it_said).requires(support::kernel_has_xtables),
        test!(exprs_act::targets_come_back).requires(support::kernel_has_xtables),
        test!(exprs_act::each_kind_is_put_back_as_the_kernel_told_it).requires(support::packets_can_be_written_to),
        test!(exprs_act::newer_kinds_are_put_back_as_the_kernel_told_them).requires(support::linux_5_14),
        test!(exprs_act::largest_numbers_are_taken).requires(support::packets_can_be_written_to),
        test!(exprs_act::offsets_of_16_bits_are_taken).requires(linux_6_18),
        test!(exprs_act::longest_times_are_taken).requires(support::linux_5_14),
        test!(exprs_act::numbers_that_the_kernel_would_refuse_are_named),
        test!(exprs_act::queues_come_back).requires(support::kernel_queues),
        test!(exprs_act::nft_lists_what_acts).needs_nft(),
        test!(exprs_act::nft_lists_queues).needs_nft().requires(support::kernel_queues),
        test!(exprs_act::objects_that_a_map_names_are_put_back).needs_nft(),
        test!(limits::ten_thousand_operations_fit_one_commit),
        test!(limits::five_thousand_elements_arrive),
        test!(limits::seventy_thousand_elements_of_one_call_arrive),
        test!(limits::batch_of_ten_megabytes_is_applied_or_refused_with_the_limit),
        test!(limits::options_leave_room_for_large_batches),
        test!(limits::more_refusals_than_the_queue_holds_are_told_as_such),
        test!(limits::more_handles_than_the_queue_holds_are_no_failure),
        test!(beside::rules_listed_beside_a_writer_are_never_torn),
        test!(beside::elements_listed_beside_a_writer_are_never_torn),
        test!(beside::intervals_listed_beside_a_writer_are_never_torn),
        test!(beside::rules_listed_beside_batches_that_are_not_applied_are_never_torn),
        test!(beside::rules_listed_beside_insertions_that_are_not_applied_are_never_torn),
        test!(beside::rules_of_many_chains_listed_beside_a_writer_are_never_torn),
        test!(beside::rules_of_many_chains_listed_beside_batches_that_are_not_applied_are_never_torn),
        test!(beside::elements_listed_beside_batches_that_are_not_applied_are_never_torn),
        test!(beside::intervals_listed_beside_batches_that_are_not_applied_are_never_torn),
        test!(beside::eight_connections_read_what_they_asked_for_while_others_write),
        test!(snapshots::snapshots_beside_a_writer_are_each_one_of_its_states),
        test!(snapshots::policies_changed_by_a_long_commit_are_listed_as_they_were_at_one_generation),
        test!(snapshots::concatenated_intervals_changed_by_a_long_commit_are_listed_as_they_were_at_one_generation),
        test!(snapshots::intervals_changed_by_a_commit_that_rewrites_many_are_listed_as_they_were_at_one_generation),
        test!(snapshots::a_generation_is_told_when_its_commit_is_over),
        test!(snapshots::what_is_in_a_snapshot_is_begun_again_with_it),
        test!(snapshots::snapshot_of_what_changes_for_ever_is_given_up),
        test!(snapshots::snapshot_refuses_to_change_anything),
        test!(snapshots::snapshot_that_fails_or_panics_leaves_the_connection_usable),
        test!(snapshots::connection_moved_between_threads_gets_its_own_replies),
        test!(snapshots::few_elements_of_a_hash_are_listed_as_they_were_at_one_generation),
        test!(snapshots::few_intervals_are_listed_as_they_were_at_one_generation),
        test!(snapshots::few_concatenated_intervals_are_listed_as_they_were_at_one_generation),
        test!(snapshots::many_elements_of_a_hash_are_listed_as_they_were_at_one_generation),
        test!(snapshots::many_intervals_are_listed_as_they_were_at_one_generation),
        test!(snapshots::many_concatenated_intervals_are_listed_as_they_were_at_one_generation),
        test!(streams::streams_yield_what_listings_do),
        test!(streams::elements_come_one_by_one_as_a_listing_has_them),
        test!(streams::catch_all_elements_come_with_the_others).requires(linux_5_13),
        test!(streams::streams_of_what_is_absent_or_of_another_type_are_errors),
        test!(streams::stream_beside_a_commit_is_torn),
        test!(streams::first_part_of_a_stream_is_of_one_generation_or_torn),
        test!(streams::snapshot_with_a_torn_stream_is_begun_again),
        test!(streams::connection_works_after_a_stream_is_left),
        test!(streams::connection_works_after_a_stream_is_left_in_another_namespace),
        test!(streams::stream_holds_one_descriptor_more_and_gives_it_back),
        test!(streams::streams_take_no_more_memory_the_more_there_is),
        test!(streams::elements_of_many_keys_are_found_at_once),
        test!(connections::namespace_is_entered_by_path_by_descriptor_and_by_name),
        test!(connections::absent_or_bad_namespace_is_told),
        test!(connections::connection_keeps_its_namespace_on_other_threads),
        test!(connections::descriptor_above_1024_works),
        test!(connections::descriptor_is_closed_on_exec),
        test!(commits::connection_works_after_each_kind_of_error),
        test!(maps::values_of_each_type_are_read_as_written),
        test!(maps::intervals_that_are_values_are_read_as_written),
        test!(own_types::are_keys_values_and_what_fields_have),
        test!(own_types::tell_what_they_cannot_be),
        test!(maps::verdict_maps_lead_to_chains_and_hold_them).requires(linux_5_13),
        test!(maps::catch_all_elements_are_in_sets_and_maps_of_every_kind).requires(linux_5_13),
        test!(maps::value_of_a_key_is_changed_by_one_batch),
        test!(maps::what_was_read_knows_its_types),
        test!(maps::constant_set_is_not_changed_once_a_rule_looks_it_up),
        test!(maps::dynamic_sets_have_stateful_expressions_of_their_own).requires(linux_5_11),
        test!(maps::element_is_put_back_with_what_it_counted),
        test!(concatenations::parts_of_every_length_are_read_as_written),
        test!(concatenations::intervals_of_each_part_are_read_as_written),
        test!(concatenations::beginnings_of_names_are_intervals_of_a_part),
        test!(concatenations::overlap_and_repetition_name_the_element),
        test!(concatenations::sixteen_parts_fill_the_registers),
        test!(merging::adding_what_a_set_holds_changes_nothing),
        test!(merging::interval_that_holds_others_replaces_them),
        test!(merging::intervals_that_touch_become_one_and_others_keep_apart),
        test!(merging::each_key_stays_as_long_as_the_longest_that_holds_it),
        test!(merging::parts_of_a_cut_interval_are_as_it_was),
        test!(merging::merging_is_refused_where_the_set_is_absent_or_another),
        test!(merging::those_who_merge_at_once_lose_nothing),
        test!(merging::elements_that_expire_meanwhile_are_no_hindrance),
        test!(merging::any_sequence_of_merges_and_cuts_holds_what_it_should),
        test!(resets::element_is_found_by_a_key_that_it_holds),
        test!(resets::elements_of_maps_and_concatenations_are_found).requires(linux_5_13),
        test!(resets::keys_that_make_no_sense_and_sets_of_another_type_are_refused),
        test!(resets::counters_of_elements_are_read_and_reset).requires(linux_6_5),
        test!(resets::one_element_is_reset_by_a_key_that_it_holds_and_no_other).requires(linux_6_5),
        test!(resets::one_rule_is_reset_by_its_handle_and_no_other).requires(linux_6_2),
        test!(resets::rules_of_a_scope_are_read_and_reset).requires(linux_6_2),
        test!(resets::reset_rules_keep_their_places_and_none_is_reset_in_a_snapshot).requires(linux_6_2),
        test!(resets::reset_of_many_rules_loses_no_count).requires(linux_6_2),
        test!(resets::resets_are_refused_by_kernels_before_linux_6_2).requires(before_linux_6_2),
        test!(resets::resets_of_elements_are_refused_by_kernels_before_linux_6_5).requires(before_linux_6_5),
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

/// A rule that is known by its comment.
fn rule(comment: &str) -> RuleBuilder {
    Rule::new().when(tcp::dport().eq(22)).counter().comment(comment)
}

/// Appends to [`input`] a rule of each name.
fn append<'a>(batch: &'a mut Batch, names: &[&str]) -> &'a mut Batch {
    names.iter().fold(batch, |batch, name| batch.append(input(), rule(name)))
}

/// The comments of a chain's rules, in their order.
#[track_caller]
fn comments(conn: &mut Conn, chain: &Chain<Hooked>) -> Vec<String> {
    let rules = conn.rules(chain).unwrap();
    rules.iter().map(|rule| rule.comment().unwrap_or_default().to_owned()).collect()
}

/// Commits what `fill` puts into a batch.
#[track_caller]
fn commit(conn: &mut Conn, fill: impl FnOnce(&mut Batch) -> &mut Batch) {
    let mut batch = Batch::new();
    fill(&mut batch);
    conn.commit(&batch).unwrap();
}

/// Has a commit fail, makes sure that it changed nothing, and returns the error.
#[track_caller]
fn refused(conn: &mut Conn, fill: impl FnOnce(&mut Batch) -> &mut Batch) -> Error {
    let mut batch = Batch::new();
    fill(&mut batch);
    let before = Ruleset::read(conn);
    let error = conn.commit(&batch).expect_err("the batch is refused");
    assert_eq!(Ruleset::read(conn), before, "changed, in spite of: {error}");
    error
}

/// All there is in a namespace, but for the elements of sets.
#[derive(Debug, PartialEq)]
struct Ruleset {
    generation: Generation,
    tables: Vec<TableInfo>,
    chains: Vec<ChainInfo>,
    rules: Vec<RuleInfo>,
    sets: Vec<SetInfo>,
    objects: Vec<object::ObjectInfo>,
}

impl Ruleset {
    #[track_caller]
    fn read(conn: &mut Conn) -> Self {
        Self {
            generation: conn.generation().unwrap(),
            tables: conn.tables(..).unwrap(),
            chains: conn.chains(..).unwrap(),
            rules: conn.rules(..).unwrap(),
            sets: conn.sets(..).unwrap(),
            objects: conn.objects(..).unwrap(),
        }
    }
}

/// Reads an address, a prefix or a range.
fn interval<V>(text: &str) -> Interval<V>
where
    Interval<V>: std::str::FromStr<Err: std::fmt::Debug>,
{
    text.parse().expect(text)
}

fn linux_6_3() -> Result<(), String> {
    if linux() >= (6, 3) { Ok(()) } else { Err("no destroy before Linux 6.3".to_owned()) }
}

fn before_linux_5_12() -> Result<(), String> {
    if linux() < (5, 12) { Ok(()) } else { Err("tables have owners since Linux 5.12".to_owned()) }
}

fn before_linux_6_9() -> Result<(), String> {
    if linux() < (6, 9) { Ok(()) } else { Err("tables can be persistent since Linux 6.9".to_owned()) }
}

/// For two stateful expressions of an element.
fn linux_5_11() -> Result<(), String> {
    if linux() >= (5, 11) { Ok(()) } else { Err("no second expression of elements before Linux 5.11".to_owned()) }
}

/// For catch-all elements.
fn linux_5_13() -> Result<(), String> {
    if linux() >= (5, 13) { Ok(()) } else { Err("no catch-all elements before Linux 5.13".to_owned()) }
}

fn linux_6_2() -> Result<(), String> {
    if linux() >= (6, 2) { Ok(()) } else { Err("no reset of rules before Linux 6.2".to_owned()) }
}

fn linux_6_2_inner() -> Result<(), String> {
    if linux() >= (6, 2) { Ok(()) } else { Err("no expression inner before Linux 6.2".to_owned()) }
}

/// For payloads far into a header.
fn linux_6_18() -> Result<(), String> {
    if linux() >= (6, 18) { Ok(()) } else { Err("no payload behind 255 bytes before Linux 6.18 or so".to_owned()) }
}

fn before_linux_6_2() -> Result<(), String> {
    if linux() < (6, 2) { Ok(()) } else { Err("Linux 6.2 resets rules".to_owned()) }
}

fn linux_6_5() -> Result<(), String> {
    if linux() >= (6, 5) { Ok(()) } else { Err("no reset of elements before Linux 6.5".to_owned()) }
}

fn before_linux_6_5() -> Result<(), String> {
    if linux() < (6, 5) { Ok(()) } else { Err("Linux 6.5 resets elements".to_owned()) }
}

fn linux_6_13() -> Result<(), String> {
    if linux() >= (6, 13) { Ok(()) } else { Err("no operands in registers before Linux 6.13".to_owned()) }
}

fn before_linux_6_3() -> Result<(), String> {
    if linux() < (6, 3) { Ok(()) } else { Err("Linux 6.3 knows destroy".to_owned()) }
}
