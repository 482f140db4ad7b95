//! Real packets through what the library wrote: who gets through, what is counted, whom the server saw.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::{Address, L4Proto, Mark, Port};
use nftlink::expr::{Counter, Expr};
use nftlink::field::{Field, Match, Write, ip, ip6, meta, tcp, udp};
use nftlink::{
    Batch, Chain, ChainRef, Conn, Element, Family, Hook, Hooked, Interval, NatTarget, Policy, PortTarget, Priority,
    Rule, Set, Table, TableFlags, object,
};

#[macro_use]
mod support;

#[path = "kernel_packets/acting.rs"]
mod acting;
#[path = "kernel_packets/conntrack.rs"]
mod conntrack;
#[path = "kernel_packets/control.rs"]
mod control;
#[path = "kernel_packets/dynamic.rs"]
mod dynamic;
#[path = "kernel_packets/exprs.rs"]
mod exprs;
#[path = "kernel_packets/frames.rs"]
mod frames;
#[path = "kernel_packets/headers.rs"]
mod headers;
#[path = "kernel_packets/known.rs"]
mod known;
#[path = "kernel_packets/listener.rs"]
mod listener;
#[path = "kernel_packets/loader.rs"]
mod loader;
#[path = "kernel_packets/mapped.rs"]
mod mapped;
#[path = "kernel_packets/matches.rs"]
mod matches;
#[path = "kernel_packets/nat.rs"]
mod nat;
#[path = "kernel_packets/objects.rs"]
mod objects;
#[path = "kernel_packets/ownership.rs"]
mod ownership;
#[path = "kernel_packets/packet.rs"]
mod packet;
#[path = "kernel_packets/rebuilt.rs"]
mod rebuilt;
#[path = "kernel_packets/resets.rs"]
mod resets;
#[path = "kernel_packets/sets.rs"]
mod sets;
#[path = "kernel_packets/statements.rs"]
mod statements;

use support::lab::{self, Answer, Client, Namespace, PATIENCE, Server};

fn main() -> ExitCode {
    support::main(&[
        test!(plain_set_drops_its_addresses_and_no_others),
        test!(interval_set_drops_from_edge_to_edge),
        test!(only_the_members_of_a_set_pass),
        test!(matches::comparisons_of_addresses_match_what_they_say),
        test!(matches::comparisons_of_ports_match_what_they_say),
        test!(matches::fields_of_one_packet_are_compared_with_each_other).requires(support::linux_6_13),
        test!(matches::interfaces_match_by_name_and_by_beginning),
        test!(matches::protocols_match_by_layer),
        test!(matches::marks_match_as_numbers),
        test!(exprs::numbers_follow_each_other_and_hashes_spread_flows),
        test!(exprs::routing_tables_tell_the_type_of_an_address),
        test!(exprs::tcp_options_are_read_written_and_stripped).requires(support::linux_5_18),
        test!(exprs::extension_headers_are_found),
        test!(exprs::sockets_tell_their_mark_and_address),
        test!(known::addresses_have_the_kind_that_the_routes_give_them),
        test!(known::routes_and_sockets_are_known_where_there_are_some),
        test!(known::packets_of_one_sender_have_one_hash),
        test!(known::frames_in_vxlan_are_looked_into).requires(support::linux_6_2),
        test!(known::packets_in_gre_are_looked_into).requires(support::linux_6_2),
        test!(policy_drops_what_no_rule_accepts),
        test!(jump_comes_back_and_goto_does_not),
        test!(return_in_a_base_chain_leaves_it_to_the_policy),
        test!(verdict_in_a_called_chain_is_final),
        test!(rule_counts_packets_and_bytes_exactly),
        test!(named_counter_counts_for_every_rule_and_starts_again_exactly),
        test!(counter_that_is_reset_under_traffic_loses_nothing),
        test!(resets::rules_that_are_reset_under_traffic_lose_nothing).requires(support::linux_6_2_resets),
        test!(resets::elements_that_are_reset_under_traffic_lose_nothing).requires(support::linux_6_5),
        test!(resets::objects_that_are_reset_under_traffic_lose_nothing),
        test!(ownership::what_an_owned_table_drops_passes_when_its_owner_goes).requires(support::linux_5_12),
        test!(ownership::no_packet_slips_through_while_a_persistent_table_changes_its_owner)
            .requires(support::linux_6_9),
        test!(loader::packets_see_the_old_set_or_the_new_one_and_nothing_between),
        test!(loader::packets_see_the_old_intervals_or_the_new_ones_and_nothing_between),
        test!(rebuilt::reset_lets_no_more_through_than_the_packet_that_is_between_two_chains),
        test!(element_expires_and_its_packets_pass_again),
        test!(refreshed_element_stays_for_its_new_time),
        test!(chains_run_in_the_order_of_their_priorities),
        test!(dormant_table_sees_nothing),
        test!(dropped_output_is_refused_at_once),
        test!(nat::router_forwards_what_its_interfaces_allow),
        test!(arp_table_cuts_off_ipv4_only),
        test!(headers::frames_match_by_their_tags),
        test!(headers::parts_of_bytes_are_found_in_sets),
        test!(headers::messages_have_the_fields_of_their_type_alone),
        test!(headers::options_of_tcp_are_matched_changed_and_taken_out).requires(support::linux_5_18),
        test!(headers::chunks_of_sctp_are_found_behind_each_other).requires(support::linux_5_14),
        test!(frames::ingress_drops_what_its_devices_receive),
        test!(frames::other_devices_are_seen_at_once).requires(support::linux_6_4),
        test!(frames::prefix_of_devices_covers_those_to_come).requires(support::prefixes_of_devices),
        test!(frames::egress_drops_what_its_devices_send).requires(support::linux_5_16),
        test!(frames::bridge_filters_frames_between_its_ports),
        test!(nat::dnat_leads_to_an_address_a_port_or_both),
        test!(nat::dnat_leads_into_ranges),
        test!(nat::dnat_of_own_packets),
        test!(nat::snat_hides_the_client_behind_an_address_or_ports),
        test!(nat::snat_of_packets_for_this_machine),
        test!(nat::masquerade_takes_the_address_of_the_way_out),
        test!(nat::redirect_leads_to_this_machine),
        test!(mapped::networks_are_mapped_to_networks),
        test!(mapped::targets_are_chosen_by_interface_and_port),
        test!(mapped::marks_are_translated_by_a_map),
        test!(objects::quota_is_used_up_by_all_rules_that_name_it),
        test!(objects::limit_is_of_all_rules_that_name_it),
        test!(objects::timeout_is_the_connections_that_it_is_given),
        test!(objects::expected_connection_is_related),
        test!(conntrack::states_are_told_apart),
        test!(conntrack::direction_and_status_follow_the_connection),
        test!(conntrack::marks_go_from_packet_to_connection_and_back),
        test!(conntrack::labels_are_added_to_the_connection_and_stay),
        test!(conntrack::connection_marks_compare_as_numbers),
        test!(conntrack::addresses_of_a_translated_connection_are_known_in_both_directions),
        test!(conntrack::same_addresses_in_another_zone_are_another_connection),
        test!(conntrack::packets_and_bytes_are_counted_for_each_direction),
        test!(conntrack::expiration_is_what_is_left_of_the_timeout),
        test!(conntrack::connection_over_the_limit_is_refused_until_another_ends),
        test!(control::icmp_messages_match_by_type_code_id_and_sequence),
        test!(control::icmpv6_messages_match_by_type_code_id_and_sequence),
        test!(control::tcp_flags_match_as_bits),
        test!(control::transport_headers_match_field_by_field),
        test!(control::ip_headers_match_at_their_borders),
        test!(control::users_and_groups_match_as_the_sockets_namespace_knows_them),
        test!(control::processors_and_random_numbers_match_as_numbers),
        test!(control::times_match_while_they_last),
        test!(control::interfaces_match_by_index_group_and_type),
        test!(control::frames_match_by_addresses_protocol_and_packet_type),
        test!(control::arp_matches_field_by_field),
        test!(control::neighbour_whose_requests_are_refused_never_resolves),
        test!(control::tcp_opens_with_syn_alone),
        test!(sets::orders_hold_at_their_borders),
        test!(sets::bits_of_marks_are_computed),
        test!(sets::one_of_and_none_of_hold_at_their_edges),
        test!(sets::concatenations_hold_at_the_edges_of_each_field),
        test!(sets::verdict_maps_decide_by_value_range_and_the_rest).requires(support::linux_5_13),
        test!(sets::marks_come_from_maps_of_ports).requires(support::linux_5_13),
        test!(sets::dnat_goes_where_a_map_leads),
        test!(sets::snat_comes_from_where_a_map_says),
        test!(sets::flags_choose_a_mark_from_a_map),
        test!(statements::limit_lets_its_burst_pass_and_over_the_rest),
        test!(statements::limit_fills_again),
        test!(statements::quota_passes_until_it_is_used_up),
        test!(statements::last_tells_when_the_last_packet_came).requires(support::linux_5_14),
        test!(statements::log_tells_a_group_and_the_rule_goes_on),
        test!(statements::rejected_senders_are_told_how),
        test!(statements::rejected_datagrams_and_own_packets_are_told_at_once),
        test!(statements::rejected_frames_are_told_at_once).requires(support::kernel_rejects_frames),
        test!(statements::written_addresses_and_ports_have_right_checksums)
            .requires(support::packets_can_be_written_to),
        test!(statements::written_tcp_headers_have_right_checksums).requires(support::packets_can_be_written_to),
        test!(statements::written_tcp_flags_have_right_checksums).requires(statements::kernel_writes_tcp_flags),
        test!(statements::written_icmp_headers_have_right_checksums).requires(support::packets_can_be_written_to),
        test!(statements::written_ip_headers_are_received).requires(support::packets_can_be_written_to),
        test!(statements::written_protocols_are_received).requires(statements::kernel_writes_protocols),
        test!(statements::packets_for_others_are_taken_in_when_told_to).requires(support::packets_can_be_written_to),
        test!(statements::tracing_events_classes_and_untracking_disturb_no_packet),
        test!(dynamic::packets_add_to_sets_and_delete_from_them),
        test!(dynamic::updates_begin_timeouts_anew_and_adding_does_not),
        test!(dynamic::packets_delete_elements_long_before_their_time),
        test!(dynamic::each_sender_has_a_limit_of_its_own),
        test!(dynamic::each_sender_has_a_meter_of_its_own),
        test!(dynamic::maps_that_packets_fill_are_read_back),
        test!(control::frames_have_what_a_field_implies),
        test!(conntrack::each_client_has_a_number_of_connections_of_its_own),
        test!(sets::rule_knows_of_a_packet_what_it_has_tested),
        test!(sets::one_rule_translates_ports_of_two_protocols),
        test!(acting::copies_reach_a_third_host_and_questions_their_server),
        test!(acting::forwarded_frames_leave_by_another_device_only),
        test!(acting::transparent_socket_gets_what_was_for_another_port),
        test!(acting::transparent_socket_gets_what_was_for_others),
        test!(acting::transparent_socket_gets_what_this_machine_sends_itself),
        test!(acting::handshakes_are_answered_in_the_servers_stead),
        test!(acting::packets_for_a_queue_of_nobodys_are_dropped_unless_it_is_bypassed)
            .requires(support::kernel_queues),
        test!(acting::program_at_a_queue_decides_on_its_packets).requires(support::kernel_queues),
        test!(frames::bridge_knows_by_which_bridge_frames_come).requires(support::kernel_knows_bridges_of_frames),
        test!(frames::bridge_tells_senders_that_their_frames_are_rejected)
            .requires(support::kernel_rejects_bridged_frames),
        test!(frames::bridge_tracks_connections).requires(frames::kernel_tracks_bridged_connections),
    ])
}

// ---- addresses of both families ----

/// What the tests need of an address, so that each is written once for IPv4 and IPv6.
trait Ip: Address + Copy + Ord + fmt::Display + Into<IpAddr> + Into<NatTarget> + Send + 'static {
    /// The family whose tables see nothing but these addresses.
    const FAMILY: Family;
    /// Bits of a network's prefix.
    const NET: u8;
    /// Bits that an interface takes for its cable, where it has only one.
    const CABLE: u8;

    /// A host of a network; host 0 is the first address.
    fn host(net: u8, host: u8) -> Self;

    /// The highest address of a network.
    fn last(net: u8) -> Self;

    fn ip(net: u8, host: u8) -> IpAddr {
        Self::host(net, host).into()
    }

    fn is_in(self, net: u8) -> bool {
        (Self::host(net, 0)..=Self::last(net)).contains(&self)
    }

    /// A range of addresses to translate to.
    fn pool(from: Self, to: Self) -> NatTarget;

    fn saddr() -> Field<Self, Write>;

    fn daddr() -> Field<Self, Write>;
}

impl Ip for Ipv4Addr {
    const FAMILY: Family = Family::IP;
    const NET: u8 = 16;
    const CABLE: u8 = 8;

    fn host(net: u8, host: u8) -> Self {
        Self::new(10, net, 0, host)
    }

    fn last(net: u8) -> Self {
        Self::new(10, net, 255, 255)
    }

    fn pool(from: Self, to: Self) -> NatTarget {
        (from..=to).into()
    }

    fn saddr() -> Field<Self, Write> {
        ip::saddr()
    }

    fn daddr() -> Field<Self, Write> {
        ip::daddr()
    }
}

impl Ip for Ipv6Addr {
    const FAMILY: Family = Family::IP6;
    const NET: u8 = 32;
    const CABLE: u8 = 16;

    fn host(net: u8, host: u8) -> Self {
        Self::new(0xfd00, net.into(), 0, 0, 0, 0, 0, host.into())
    }

    fn last(net: u8) -> Self {
        Self::new(0xfd00, net.into(), 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff)
    }

    fn pool(from: Self, to: Self) -> NatTarget {
        (from..=to).into()
    }

    fn saddr() -> Field<Self, Write> {
        ip6::saddr()
    }

    fn daddr() -> Field<Self, Write> {
        ip6::daddr()
    }
}

fn at(address: impl Into<IpAddr>, port: u16) -> SocketAddr {
    (address.into(), port).into()
}

/// A table of family inet, and one of the addresses' own.
fn tables<V: Ip>() -> [Table; 2] {
    [Table::inet("fw"), Table::new(V::FAMILY, "fw")]
}

// ---- two hosts and a cable ----

/// A client and a server. The server is where the test runs, behind the firewall that it writes.
struct Cable {
    client: Namespace,
    server: Namespace,
    conn: Conn,
}

fn cable() -> Cable {
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    lab::veth((&client, "eth0"), (&server, "eth0")).unwrap();
    Cable { client, server, conn: Conn::open().unwrap() }
}

impl Cable {
    /// Gives the server its address of family `V`, and the client the ones that it asks from.
    fn addresses<V: Ip>(&self, of_client: &[V]) -> V {
        let server = V::host(200, 1);
        self.server.address("eth0", server, V::CABLE).unwrap();
        of_client.iter().for_each(|&address| self.client.address("eth0", address, V::CABLE).unwrap());
        server
    }

    /// One address for each side.
    fn address<V: Ip>(&self) -> (V, V) {
        let client = V::host(1, 1);
        (client, self.addresses(&[client]))
    }

    /// Asks `to` from `from` over UDP; both questions and answers have to pass.
    #[track_caller]
    fn pass(&self, from: impl Into<IpAddr>, to: SocketAddr) {
        pass(&udp_from(&self.client, from), to);
    }
}

/// How long a packet may take that is to pass: as long as it wants.
const LONG: Duration = Duration::from_secs(20);

#[track_caller]
fn pass(client: &Client, to: SocketAddr) {
    let answer = client.ask(to);
    assert!(answer.passed(), "{to}: {answer}");
}

/// A client whose questions are expected to pass, or not.
fn udp_from(namespace: &Namespace, from: impl Into<IpAddr>) -> Client {
    Client::udp(namespace, at(from, 0)).unwrap().timeout(LONG)
}

fn tcp_from(namespace: &Namespace, from: impl Into<IpAddr>) -> Client {
    Client::tcp(namespace, at(from, 0)).timeout(LONG)
}

/// Asks everybody at once, and compares who got an answer with who should have.
#[track_caller]
fn assert_who_passes(asks: Vec<(String, Client, SocketAddr, bool)>) {
    let asks: Vec<_> = asks
        .into_iter()
        .map(|(who, client, to, passes)| {
            // It takes time to see that nothing comes; what is to come may take its own.
            (who, client.timeout(if passes { LONG } else { PATIENCE }), to, passes)
        })
        .collect();
    let answers: Vec<Answer> = thread::scope(|scope| {
        let asked: Vec<_> = asks.iter().map(|(_, client, to, _)| scope.spawn(|| client.ask(*to))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let wrong: Vec<_> = asks
        .iter()
        .zip(answers)
        .filter(|((.., passes), answer)| if *passes { !answer.passed() } else { *answer != Answer::Dropped })
        .map(|((who, _, to, _), answer)| format!("{who} to {to}: {answer}"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Commits a base chain at input that sends questions of port 7 through `rules`, and nothing else.
fn probe(conn: &mut Conn, table: &Table, set_up: impl FnOnce(&mut Batch), rules: impl IntoIterator<Item = Match>) {
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let rules_of = table.chain("probe");
    let mut batch = Batch::new();
    batch.reset(table).add(&input).add(&rules_of);
    set_up(&mut batch);
    batch.append(&input, Rule::new().when(udp::dport().eq(7)).jump(&rules_of));
    append_counted(&mut batch, &rules_of, rules);
    conn.commit(&batch).unwrap();
}

/// Appends a rule for each match, which counts.
fn append_counted(batch: &mut Batch, chain: impl AsRef<ChainRef>, matches: impl IntoIterator<Item = Match>) {
    for matching in matches {
        batch.append(&chain, Rule::new().when(matching).counter());
    }
}

/// What the counter of each rule of a chain has counted, in their order.
fn counts(conn: &mut Conn, table: &Table, chain: &str) -> Vec<Counter> {
    let rules = conn.rules(&ChainRef::new(table, chain)).unwrap();
    let counter = |expr: &Expr| if let Expr::Counter(counter) = expr { Some(*counter) } else { None };
    rules.iter().filter_map(|rule| rule.exprs().find_map(|expr| counter(&expr.unwrap()))).collect()
}

fn packets(conn: &mut Conn, table: &Table, chain: &str) -> Vec<u64> {
    counts(conn, table, chain).iter().map(|counter| counter.packets).collect()
}

// ---- sets ----

fn plain_set_drops_its_addresses_and_no_others() {
    let mut cable = cable();
    both(&mut cable, plain::<Ipv4Addr>, plain::<Ipv6Addr>);

    fn plain<V: Ip>(cable: &mut Cable) {
        let [good, bad, worse] = [1, 2, 3].map(|host| V::host(1, host));
        let server = cable.addresses(&[good, bad, worse]);
        let _servers = serve(&cable.server, [at(server, 7)]);
        for table in tables::<V>() {
            let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::ACCEPT);
            let blocked = Set::<V>::new(&table, "blocked");
            let mut batch = Batch::new();
            batch.reset(&table).add(&blocked).add_elements(&blocked, [bad, worse]).add(&input);
            for question in questions() {
                batch.append(&input, Rule::new().when(V::saddr().in_set(&blocked)).when(question).counter().drop());
            }
            cable.conn.commit(&batch).unwrap();
            assert_who_passes(from_each(cable, server, [(good, true), (bad, false), (worse, false)]));

            batch.clear();
            batch.delete_elements(&blocked, [bad]);
            cable.conn.commit(&batch).unwrap();
            assert_who_passes(from_each(cable, server, [(good, true), (bad, true), (worse, false)]));
            batch.clear();
            cable.conn.commit(batch.delete(&table)).unwrap();
        }
    }
}

/// Questions over UDP and TCP to port 7, from each address, with whether it is to pass.
fn from_each<V: Ip>(
    cable: &Cable,
    server: V,
    from: impl IntoIterator<Item = (V, bool)>,
) -> Vec<(String, Client, SocketAddr, bool)> {
    let questions = from.into_iter().flat_map(|(from, passes)| {
        let (udp, tcp) = (udp_from(&cable.client, from), tcp_from(&cable.client, from));
        [("udp", udp), ("tcp", tcp)]
            .map(|(protocol, client)| (format!("{protocol} from {from}"), client, at(server, 7), passes))
    });
    questions.collect()
}

/// What the questions are. A rule for everything would stop neighbour discovery, too: it may speak from any address
/// of its host.
fn questions() -> [Match; 2] {
    [udp::dport().eq(7), tcp::dport().eq(7)]
}

/// UDP and TCP servers at each address.
fn serve(namespace: &Namespace, at: impl IntoIterator<Item = SocketAddr>) -> Vec<Server> {
    let servers = at.into_iter().flat_map(|at| [Server::udp(namespace, at), Server::tcp(namespace, at)]);
    servers.map(Result::unwrap).collect()
}

/// Runs a test of both families.
fn both<T>(with: &mut T, of_ipv4: fn(&mut T), of_ipv6: fn(&mut T)) {
    of_ipv4(with);
    of_ipv6(with);
}

/// The addresses that the interval tests ask from, each with whether it is in one of [`intervals`].
fn around_the_edges<V: Ip>() -> Vec<(V, bool)> {
    vec![
        (V::host(1, 9), false),
        (V::host(1, 10), true),
        (V::host(1, 15), true),
        (V::host(1, 20), true),
        (V::host(1, 21), false),
        (V::host(1, 30), true),
        (V::last(7), false),
        (V::host(8, 0), true),
        (V::last(15), true),
        (V::host(16, 0), false),
    ]
}

/// A range, an address, and a prefix whose length is no multiple of 8.
fn intervals<V: Ip>() -> [Interval<V>; 3] {
    [
        Interval::range(V::host(1, 10)..=V::host(1, 20)),
        Interval::value(V::host(1, 30)),
        Interval::prefix(V::host(9, 9), V::NET - 3),
    ]
}

fn interval_set_drops_from_edge_to_edge() {
    let mut cable = cable();
    both(&mut cable, intervals_drop::<Ipv4Addr>, intervals_drop::<Ipv6Addr>);

    fn intervals_drop<V: Ip>(cable: &mut Cable) {
        let sources = around_the_edges::<V>();
        let server = cable.addresses(&sources.iter().map(|(source, _)| *source).collect::<Vec<_>>());
        let _servers = serve(&cable.server, [at(server, 7)]);
        let [table, _] = tables::<V>();
        let blocked = Set::<Interval<V>>::new(&table, "blocked");
        let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
        let mut batch = Batch::new();
        batch.reset(&table).add(&blocked).add_elements(&blocked, intervals()).add(&input);
        for question in questions() {
            batch.append(&input, Rule::new().when(V::saddr().in_set(&blocked)).when(question).drop());
        }
        cable.conn.commit(&batch).unwrap();
        assert_who_passes(from_each(cable, server, sources.iter().map(|&(source, inside)| (source, !inside))));
    }
}

fn only_the_members_of_a_set_pass() {
    let mut cable = cable();
    both(&mut cable, members_pass::<Ipv4Addr>, members_pass::<Ipv6Addr>);

    fn members_pass<V: Ip>(cable: &mut Cable) {
        let sources = [(V::host(1, 1), true), (V::host(1, 9), false), (V::host(1, 10), true), (V::last(15), true)];
        let server = cable.addresses(&sources.map(|(source, _)| source));
        let _servers = serve(&cable.server, [at(server, 7)]);
        for table in tables::<V>() {
            let (friends, nets) = (Set::<V>::new(&table, "friends"), Set::<Interval<V>>::new(&table, "nets"));
            let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
            let mut batch = Batch::new();
            batch.reset(&table).add(&friends).add(&nets).add(&input);
            batch.add_elements(&friends, [V::host(1, 1)]).add_elements(&nets, intervals());
            for question in questions() {
                let strangers = [question, V::saddr().not_in_set(&friends), V::saddr().not_in_set(&nets)];
                batch.append(&input, Rule::new().when_all(strangers).counter().drop());
            }
            cable.conn.commit(&batch).unwrap();
            assert_who_passes(from_each(cable, server, sources));
            assert!(packets(&mut cable.conn, &table, "input").iter().all(|&dropped| dropped > 0));
            batch.clear();
            cable.conn.commit(batch.delete(&table)).unwrap();
        }
    }
}

// ---- verdicts ----

fn policy_drops_what_no_rule_accepts() {
    let mut cable = cable();
    both(&mut cable, policy::<Ipv4Addr>, policy::<Ipv6Addr>);

    fn policy<V: Ip>(cable: &mut Cable) {
        let (client, server) = cable.address::<V>();
        let _servers = serve(&cable.server, [53, 54].map(|port| at(server, port)));
        for table in tables::<V>() {
            let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
            let mut batch = Batch::new();
            batch.reset(&table).add(&input);
            // Neighbour discovery.
            batch.append(&input, Rule::new().when(meta::l4proto().eq(L4Proto::ICMPV6)).accept());
            batch.append(&input, Rule::new().when(udp::dport().eq(53)).accept());
            batch.append(&input, Rule::new().when(V::saddr().eq(client)).when(tcp::dport().eq(54)).accept());
            cable.conn.commit(&batch).unwrap();
            let ask = |what: &str, client, port, passes| (what.to_owned(), client, at(server, port), passes);
            assert_who_passes(vec![
                ask("udp", udp_from(&cable.client, client), 53, true),
                ask("udp", udp_from(&cable.client, client), 54, false),
                ask("tcp", tcp_from(&cable.client, client), 53, false),
                ask("tcp", tcp_from(&cable.client, client), 54, true),
            ]);
            batch.clear();
            // Added again, the chain gets the policy that it has now.
            batch.add(&table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::ACCEPT));
            cable.conn.commit(&batch).unwrap();
            cable.pass(client, at(server, 54));
            batch.clear();
            cable.conn.commit(batch.delete(&table)).unwrap();
        }
    }
}

fn jump_comes_back_and_goto_does_not() {
    let mut cable = cable();
    let (client, server) = cable.address::<Ipv6Addr>();
    let _server = Server::udp(&cable.server, at(server, 7)).unwrap();
    let table = Table::inet("fw");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let chains = ["main", "falls_off", "returns", "gone_to"].map(|name| table.chain(name));
    let [main, falls_off, returns, gone_to] = &chains;
    let mut batch = Batch::new();
    batch.reset(&table).add(&input);
    for chain in &chains {
        batch.add(chain);
    }
    batch.append(&input, Rule::new().when(udp::dport().eq(7)).jump(main));
    // What is behind `main` sees the packet again: a goto leads back to where `main` was called.
    batch.append(&input, Rule::new().when(udp::dport().eq(7)).counter());
    batch.append(main, Rule::new().counter().jump(falls_off)).append(main, Rule::new().counter().jump(returns));
    batch.append(main, Rule::new().counter().goto(gone_to)).append(main, Rule::new().counter());
    batch.append(falls_off, Rule::new().counter());
    batch.append(returns, Rule::new().counter().return_()).append(returns, Rule::new().counter());
    batch.append(gone_to, Rule::new().counter());
    cable.conn.commit(&batch).unwrap();

    cable.pass(client, at(server, 7));
    let conn = &mut cable.conn;
    assert_eq!(packets(conn, &table, "main"), [1, 1, 1, 0]);
    assert_eq!(packets(conn, &table, "falls_off"), [1]);
    assert_eq!(packets(conn, &table, "returns"), [1, 0]);
    assert_eq!(packets(conn, &table, "gone_to"), [1]);
    assert_eq!(packets(conn, &table, "input"), [1]);
}

fn return_in_a_base_chain_leaves_it_to_the_policy() {
    let mut cable = cable();
    let (client, server) = cable.address::<Ipv4Addr>();
    let _server = Server::udp(&cable.server, at(server, 7)).unwrap();
    let table = Table::ip("fw");
    for (policy, passes) in [(Policy::ACCEPT, true), (Policy::DROP, false)] {
        let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(policy);
        let mut batch = Batch::new();
        batch.reset(&table).add(&input);
        batch.append(&input, Rule::new().when(udp::dport().eq(7)).counter().return_());
        batch.append(&input, Rule::new().counter().accept());
        cable.conn.commit(&batch).unwrap();
        assert_who_passes(vec![("udp".into(), udp_from(&cable.client, client), at(server, 7), passes)]);
        assert_eq!(packets(&mut cable.conn, &table, "input"), [1, 0]);
    }
}

fn verdict_in_a_called_chain_is_final() {
    let mut cable = cable();
    let (client, server) = cable.address::<Ipv4Addr>();
    let _servers = [7, 8].map(|port| Server::udp(&cable.server, at(server, port)).unwrap());
    let table = Table::inet("fw");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
    let [outer, inner] = ["outer", "inner"].map(|name| table.chain(name));
    let mut batch = Batch::new();
    batch.reset(&table).add(&input).add(&outer).add(&inner);
    batch.append(&input, Rule::new().jump(&outer)).append(&input, Rule::new().counter());
    batch.append(&outer, Rule::new().jump(&inner)).append(&outer, Rule::new().counter());
    batch.append(&inner, Rule::new().when(udp::dport().eq(7)).accept());
    batch.append(&inner, Rule::new().when(udp::dport().eq(8)).drop());
    cable.conn.commit(&batch).unwrap();
    let udp = |port, passes| (format!("{port}"), udp_from(&cable.client, client), at(server, port), passes);
    assert_who_passes(vec![udp(7, true), udp(8, false)]);
    assert_eq!(packets(&mut cable.conn, &table, "input"), [0]);
    assert_eq!(packets(&mut cable.conn, &table, "outer"), [0]);
}

// ---- counters ----

fn rule_counts_packets_and_bytes_exactly() {
    let mut cable = cable();
    both(&mut cable, count::<Ipv4Addr>, count::<Ipv6Addr>);

    fn count<V: Ip>(cable: &mut Cable) {
        let (client, server) = cable.address::<V>();
        let _server = Server::udp(&cable.server, at(server, 7)).unwrap();
        for table in tables::<V>() {
            probe(&mut cable.conn, &table, |_| {}, [V::saddr().eq(client), V::saddr().ne(client)]);
            let udp = udp_from(&cable.client, client);
            (0..10).for_each(|_| pass(&udp, at(server, 7)));
            // Each question is one byte, behind the headers of UDP and IP.
            let header = if V::FAMILY == Family::IP { 20 } else { 40 };
            let expected = [Counter::new(10, 10 * (header + 8 + 1)), Counter::new(0, 0)];
            assert_eq!(counts(&mut cable.conn, &table, "probe"), expected);
        }
    }
}

fn named_counter_counts_for_every_rule_and_starts_again_exactly() {
    let mut cable = cable();
    let (client, server) = cable.address::<Ipv4Addr>();
    let _servers = [7, 8].map(|port| Server::udp(&cable.server, at(server, port)).unwrap());
    let table = Table::inet("fw");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let (all, some) = (object::Counter::named(&table, "all"), object::Counter::named(&table, "some"));
    let mut batch = Batch::new();
    batch.reset(&table).add(&all).add(&some).add(&input);
    batch.append(&input, Rule::new().when(udp::dport().eq(7)).object(&all).object(&some));
    batch.append(&input, Rule::new().when(udp::dport().eq(8)).object(&all).accept());
    cable.conn.commit(&batch).unwrap();

    let mut read = |counter| cable.conn.counter(counter).unwrap();
    let seen = |packets| Counter::new(packets, packets * 29);
    let udp = udp_from(&cable.client, client);
    (0..3).for_each(|_| pass(&udp, at(server, 7)));
    (0..4).for_each(|_| pass(&udp, at(server, 8)));
    assert_eq!((read(&all), read(&some)), (seen(7), seen(3)));
    assert_eq!(cable.conn.reset_counter(&all).unwrap(), seen(7));
    let mut read = |counter| cable.conn.counter(counter).unwrap();
    assert_eq!((read(&all), read(&some)), (seen(0), seen(3)));
    pass(&udp, at(server, 8));
    assert_eq!((read(&all), read(&some)), (seen(1), seen(3)));
}

fn counter_that_is_reset_under_traffic_loses_nothing() {
    let mut conn = Conn::open().unwrap();
    let table = Table::ip("fw");
    let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let web = object::Counter::named(&table, "web");
    let mut batch = Batch::new();
    batch.reset(&table).add(&web).add(&output);
    batch.append(&output, Rule::new().when(udp::dport().eq(9)).object(&web));
    conn.commit(&batch).unwrap();

    const PACKETS: u64 = 3000;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let done = AtomicBool::new(false);
    let (mut sum, mut resets) = (Counter::default(), 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..PACKETS {
                socket.send_to(b"?", "127.0.0.1:9").unwrap();
            }
            done.store(true, Ordering::Release);
        });
        loop {
            let last = done.load(Ordering::Acquire);
            let since = conn.reset_counter(&web).unwrap();
            // A packet may be in one of the numbers already, and in the other next time.
            sum = Counter::new(sum.packets + since.packets, sum.bytes + since.bytes);
            resets += 1;
            if last {
                break;
            }
        }
    });
    assert_eq!(sum, Counter::new(PACKETS, PACKETS * 29), "after {resets} resets");
    assert_eq!(conn.counter(&web).unwrap(), Counter::default());
}

// ---- time ----

/// The kernel counts in ticks; its second may end up to two of them early.
const TICKS: Duration = Duration::from_millis(40);

/// Asks until an answer comes, and returns when it did.
fn wait_until_it_passes(cable: &Cable, client: IpAddr, to: SocketAddr) -> Instant {
    let udp = Client::udp(&cable.client, at(client, 0)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !udp.ask(to).passed() {
        assert!(Instant::now() < deadline, "{client} never passes");
    }
    Instant::now()
}

fn element_expires_and_its_packets_pass_again() {
    let mut cable = cable();
    let (client4, server4) = cable.address::<Ipv4Addr>();
    let (client6, server6) = cable.address::<Ipv6Addr>();
    let _servers = [at(server4, 7), at(server6, 7)].map(|at| Server::udp(&cable.server, at).unwrap());
    let table = Table::inet("fw");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let timeout = Duration::from_secs(2);
    // One with a timeout for all, one with a timeout of the element's own.
    let plain = Set::<Ipv4Addr>::new(&table, "plain").timeout(timeout);
    let ranges = Set::<Interval<Ipv6Addr>>::new(&table, "ranges").timeouts();
    let mut batch = Batch::new();
    batch.reset(&table).add(&plain).add(&ranges).add(&input);
    batch.append(&input, Rule::new().when(ip::saddr().in_set(&plain)).drop());
    batch.append(&input, Rule::new().when(ip6::saddr().in_set(&ranges)).drop());
    batch.add_elements(&plain, [client4]);
    batch.add_elements(&ranges, [Element::new(Interval::prefix(client6, 64)).timeout(timeout)]);
    let begin = Instant::now();
    cable.conn.commit(&batch).unwrap();
    for (client, server) in [(client4.into(), at(server4, 7)), (client6.into(), at(server6, 7))] {
        let passed = wait_until_it_passes(&cable, client, server) - begin;
        assert!(passed + TICKS > timeout, "{client} passes after {passed:?}");
    }
}

fn refreshed_element_stays_for_its_new_time() {
    let mut cable = cable();
    let (client4, server4) = cable.address::<Ipv4Addr>();
    let (client6, server6) = cable.address::<Ipv6Addr>();
    let _servers = [at(server4, 7), at(server6, 7)].map(|at| Server::udp(&cable.server, at).unwrap());
    let table = Table::inet("fw");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let (same, longer) = (Duration::from_secs(2), Duration::from_secs(3));
    let plain = Set::<Ipv4Addr>::new(&table, "plain").timeout(same);
    let ranges = Set::<Interval<Ipv6Addr>>::new(&table, "ranges").timeouts();
    let those = |timeout| [Element::new(Interval::prefix(client6, 64)).timeout(timeout)];
    let mut batch = Batch::new();
    batch.reset(&table).add(&plain).add(&ranges).add(&input);
    batch.append(&input, Rule::new().when(ip::saddr().in_set(&plain)).drop());
    batch.append(&input, Rule::new().when(ip6::saddr().in_set(&ranges)).drop());
    batch.add_elements(&plain, [client4]).add_elements(&ranges, those(Duration::from_secs(1)));
    cable.conn.commit(&batch).unwrap();
    // If they have expired when they are refreshed, they are new.
    thread::sleep(same / 2);
    batch.clear();
    batch.refresh_elements(&plain, [client4]).refresh_elements(&ranges, those(longer));
    let refreshed = Instant::now();
    cable.conn.commit(&batch).unwrap();
    for (client, server, timeout) in [(client4.into(), at(server4, 7), same), (client6.into(), at(server6, 7), longer)]
    {
        let passed = wait_until_it_passes(&cable, client, server) - refreshed;
        assert!(passed + TICKS > timeout, "{client} passes after {passed:?}");
    }
}

// ---- chains and tables ----

fn chains_run_in_the_order_of_their_priorities() {
    let mut cable = cable();
    let (client, server) = cable.address::<Ipv4Addr>();
    let _servers = [7, 8].map(|port| Server::udp(&cable.server, at(server, port)).unwrap());
    let (one, other) = (Table::inet("one"), Table::ip("other"));
    // In another order than they run in.
    let chains = [
        one.chain("third").filter(Hook::INPUT, Priority::FILTER + 1),
        other.chain("second").filter(Hook::INPUT, Priority::FILTER),
        one.chain("first").filter(Hook::INPUT, Priority::FILTER - 1),
        other.chain("last").filter(Hook::INPUT, i32::MAX),
    ];
    let [third, second, first, last] = &chains;
    let mut batch = Batch::new();
    batch.reset(&one).reset(&other);
    for chain in &chains {
        batch.add(chain);
    }
    for chain in &chains {
        append_counted(&mut batch, chain, [7, 8].map(|port| udp::dport().eq(port)));
    }
    // Accepted here, the packets still come to the chains after it.
    batch.append(first, Rule::new().when(udp::dport().eq(7)).accept());
    batch.append(second, Rule::new().when(udp::dport().eq(8)).drop());
    cable.conn.commit(&batch).unwrap();
    let udp = |port, passes| (format!("{port}"), udp_from(&cable.client, client), at(server, port), passes);
    assert_who_passes(vec![udp(7, true), udp(8, false)]);
    let counted = [first, second, third, last].map(|chain| {
        let at = chain.at();
        let table = Table::new(at.table().family(), at.table().name());
        packets(&mut cable.conn, &table, at.name().as_str().unwrap())
    });
    assert_eq!(counted, [[1, 1], [1, 1], [1, 0], [1, 0]]);
}

fn dormant_table_sees_nothing() {
    let mut cable = cable();
    let (client, server) = cable.address::<Ipv4Addr>();
    let _server = Server::udp(&cable.server, at(server, 7)).unwrap();
    let awake = Table::inet("fw");
    let asleep = awake.clone().flags(TableFlags::DORMANT);
    let input = awake.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&asleep).add(&input).append(&input, Rule::new().when(udp::dport().eq(7)).counter().drop());
    cable.conn.commit(&batch).unwrap();
    for (table, passes) in [(&asleep, true), (&awake, false), (&asleep, true)] {
        batch.clear();
        cable.conn.commit(batch.add(table)).unwrap();
        assert_who_passes(vec![("udp".into(), udp_from(&cable.client, client), at(server, 7), passes)]);
    }
    assert_eq!(packets(&mut cable.conn, &awake, "input"), [1]);
}

fn dropped_output_is_refused_at_once() {
    let cable = cable();
    let (client, server) = cable.address::<Ipv6Addr>();
    let _server = Server::udp(&cable.server, at(server, 7)).unwrap();
    // The firewall is the client's this time.
    let mut conn = Conn::options().namespace_fd(cable.client.as_fd()).open().unwrap();
    let table = Table::ip6("fw");
    let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.reset(&table).add(&output);
    batch.append(&output, Rule::new().when(ip6::daddr().eq(server)).when(udp::dport().eq(7)).drop());
    conn.commit(&batch).unwrap();
    let refused = Answer::Refused(std::io::ErrorKind::PermissionDenied);
    assert_eq!(udp_from(&cable.client, client).ask(at(server, 7)), refused);
    batch.clear();
    conn.commit(batch.flush(&output)).unwrap();
    cable.pass(client, at(server, 7));
}

fn arp_table_cuts_off_ipv4_only() {
    let mut cable = cable();
    let (client4, server4) = cable.address::<Ipv4Addr>();
    let (client6, server6) = cable.address::<Ipv6Addr>();
    let _servers = [at(server4, 7), at(server6, 7)].map(|at| Server::udp(&cable.server, at).unwrap());
    let table = Table::arp("fw");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.reset(&table).add(&input);
    batch.append(&input, Rule::new().when(meta::iifname().starts_with("eth")).counter().drop());
    cable.conn.commit(&batch).unwrap();
    let udp4 = udp_from(&cable.client, client4);
    let udp6 = udp_from(&cable.client, client6);
    assert_who_passes(vec![("IPv4".into(), udp4, at(server4, 7), false), ("IPv6".into(), udp6, at(server6, 7), true)]);
    assert!(packets(&mut cable.conn, &table, "input")[0] > 0);
    batch.clear();
    cable.conn.commit(batch.delete(&table)).unwrap();
    wait_until_it_passes(&cable, client4.into(), at(server4, 7));
}
