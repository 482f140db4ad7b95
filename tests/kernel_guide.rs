//! The pages of `nftlink::guide`: the programs that the documentation shows, run with real packets.

use std::process::ExitCode;

#[macro_use]
mod support;

// The programs, from the files that the documentation shows.
#[path = "../src/guide/bans.rs"]
#[allow(unreachable_pub, reason = "a user's program, shown with what others call")]
mod bans;
#[path = "../src/guide/beside.rs"]
#[allow(unreachable_pub, reason = "a user's program, shown with what others call")]
mod beside;
#[path = "../src/guide/containers.rs"]
#[allow(unreachable_pub, reason = "a user's program, shown with what others call")]
mod containers;
#[path = "../src/guide/daemons.rs"]
#[allow(unreachable_pub, reason = "a user's program, shown with what others call")]
mod daemons;
#[path = "../src/guide/find.rs"]
#[allow(unreachable_pub, reason = "a user's program, shown with what others call")]
mod find;
#[path = "../src/guide/host.rs"]
#[allow(unreachable_pub, reason = "a user's program, shown with what others call")]
mod host;
#[path = "../src/guide/kill_switch.rs"]
#[allow(unreachable_pub, reason = "a user's program, shown with what others call")]
mod kill_switch;
#[path = "../src/guide/replace.rs"]
#[allow(unreachable_pub, reason = "a user's program, shown with what others call")]
mod replace;
#[path = "../src/guide/scale.rs"]
#[allow(unreachable_pub, reason = "a user's program, shown with what others call")]
mod scale;

#[path = "kernel_guide/call.rs"]
mod call;

// Their tests.
#[path = "kernel_guide/bans.rs"]
mod bans_test;
#[path = "kernel_guide/beside.rs"]
mod beside_test;
#[path = "kernel_guide/containers.rs"]
mod containers_test;
#[path = "kernel_guide/daemons.rs"]
mod daemons_test;
#[path = "kernel_guide/find.rs"]
mod find_test;
#[path = "kernel_guide/host.rs"]
mod host_test;
#[path = "kernel_guide/kill_switch.rs"]
mod kill_switch_test;
#[path = "kernel_guide/replace.rs"]
mod replace_test;
#[path = "kernel_guide/scale.rs"]
mod scale_test;

fn main() -> ExitCode {
    if let Some(exit) = kill_switch_test::program() {
        return exit;
    }
    support::main(&[
        test!(replace_test::table_is_what_a_person_would_have_written).needs_nft(),
        test!(replace_test::table_of_another_version_is_rebuilt).needs_nft(),
        test!(replace_test::no_packet_sees_a_state_between_two_sets_of_rules),
        test!(replace_test::no_packet_sees_a_state_between_two_tables),
        test!(replace_test::refused_replacement_leaves_the_table_as_it_was).needs_nft(),
        test!(replace_test::guard_that_was_left_goes_with_the_next_replacement),
        test!(replace_test::refused_rebuild_leaves_no_guard).requires(support::linux_5_12),
        test!(replace_test::bans_outlive_the_table),
        test!(kill_switch_test::table_is_what_a_person_would_have_written).needs_nft(),
        test!(kill_switch_test::only_the_ways_that_were_named_are_open),
        test!(kill_switch_test::server_may_speak_tcp),
        test!(kill_switch_test::one_user_goes_around_the_tunnel_and_hears_answers),
        test!(kill_switch_test::what_the_user_sent_arrives_after_the_socket_is_closed),
        test!(kill_switch_test::answers_to_connections_from_before_do_not_come_in),
        test!(kill_switch_test::neighbours_and_routers_are_heard_and_nothing_else_of_icmpv6),
        test!(kill_switch_test::no_packet_slips_through_while_servers_are_switched),
        test!(kill_switch_test::it_stays_when_the_program_is_killed),
        test!(beside_test::table_is_what_a_person_would_have_written).needs_nft(),
        test!(beside_test::tables_of_others_stay_as_they_are).needs_nft(),
        test!(beside_test::tables_of_iptables_nft_stay_as_they_are)
            .needs_nft()
            .requires(beside_test::machine_has_iptables_nft),
        test!(beside_test::any_drop_wins_and_priorities_are_the_order).needs_nft(),
        test!(beside_test::whoever_else_is_here_is_told_in_order).needs_nft(),
        test!(find_test::rule_is_added_once_and_removed_by_its_owner).needs_nft(),
        test!(find_test::rule_that_nft_wrote_is_found).needs_nft(),
        test!(find_test::programs_that_look_at_the_same_time_add_it_once).needs_nft(),
        test!(bans_test::banned_are_dropped_and_counted_and_others_pass),
        test!(bans_test::bans_end_by_themselves_unless_they_are_refreshed),
        test!(bans_test::bans_inside_banned_networks_merge_and_are_cut_out),
        test!(bans_test::thousands_of_bans_come_and_go_and_nobody_else_notices),
        test!(bans_test::table_is_what_a_person_would_have_written).needs_nft(),
        test!(daemons_test::gate_lets_in_whom_it_admits),
        test!(daemons_test::gate_is_made_what_it_should_be),
        test!(daemons_test::clients_of_the_service_each_hear_what_became_of_it),
        test!(scale_test::each_customer_has_rules_and_a_counter_of_its_own),
        test!(scale_test::what_one_batch_cannot_hold_comes_in_parts),
        test!(containers_test::published_ports_lead_in_and_nothing_else_does).needs_nft(),
        test!(containers_test::containers_reach_outside_as_the_host_and_not_each_other).needs_nft(),
        test!(containers_test::containers_come_and_go_and_the_others_notice_nothing).needs_nft(),
        test!(containers_test::table_is_what_a_person_would_have_written).needs_nft(),
        test!(host_test::open_ports_pass_and_others_are_refused_politely),
        test!(host_test::the_host_itself_may_ask_everybody),
        test!(host_test::nothing_is_forwarded).needs_nft(),
        test!(host_test::echoes_pass_until_there_are_too_many),
        test!(host_test::broken_packets_and_strange_icmp_get_no_answer),
        test!(host_test::rules_are_replaced_and_what_flows_goes_on),
        test!(host_test::host_without_services_refuses_everybody).needs_nft(),
        test!(host_test::table_is_what_a_person_would_have_written).needs_nft(),
    ])
}
