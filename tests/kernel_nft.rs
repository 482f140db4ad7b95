//! nft as the oracle: it lists what we wrote as a person would have written it, and we read what it wrote.

use std::process::ExitCode;

use nftlink::{Conn, ElementInfo};

#[macro_use]
mod support;

#[path = "kernel_nft/chains.rs"]
mod chains;
#[path = "kernel_nft/exprs.rs"]
mod exprs;
#[path = "kernel_nft/language.rs"]
mod language;
#[path = "kernel_nft/objects.rs"]
mod objects;
#[path = "kernel_nft/read.rs"]
mod read;
#[path = "kernel_nft/set_notes.rs"]
mod set_notes;
#[path = "kernel_nft/sets.rs"]
mod sets;
#[path = "kernel_nft/written.rs"]
mod written;

fn main() -> ExitCode {
    support::main(&[
        test!(written::tables_and_chains).needs_nft(),
        test!(written::sets_and_their_elements).needs_nft(),
        test!(written::sets_with_timeouts).needs_nft(),
        test!(written::matches_of_family_inet).needs_nft(),
        test!(written::matches_of_family_ip).needs_nft(),
        test!(written::matches_of_family_ip6).needs_nft(),
        test!(written::matches_of_family_bridge).needs_nft(),
        test!(written::matches_of_family_netdev).needs_nft(),
        test!(written::matches_of_family_arp).needs_nft(),
        test!(written::adjacent_fields_are_listed_as_written).needs_nft(),
        test!(written::statements).needs_nft(),
        test!(written::translations_of_family_inet).needs_nft(),
        test!(written::translations_of_family_ip).needs_nft(),
        test!(written::translations_of_family_ip6).needs_nft(),
        test!(written::rules_keep_the_places_that_they_were_given).needs_nft(),
        test!(written::what_was_deleted_is_gone).needs_nft(),
        test!(chains::chains_at_devices).needs_nft(),
        test!(chains::chains_of_rules_own).needs_nft(),
        test!(chains::flowtables).needs_nft().requires(support::flowtables),
        test!(chains::chains_at_devices_that_send).needs_nft().requires(support::linux_5_16),
        test!(chains::devices_of_nfts_chains_are_read_and_put_back).needs_nft(),
        test!(chains::priorities_have_nfts_names).needs_nft(),
        test!(chains::renamed_chains_are_what_nft_makes_of_them).needs_nft(),
        test!(chains::added_devices_are_what_nft_makes_of_them).needs_nft().requires(support::linux_6_4),
        test!(exprs::expressions_that_load).needs_nft().requires(support::linux_5_18),
        test!(language::matches::header_fields).needs_nft(),
        test!(language::matches::fields_of_frames_and_arp).needs_nft(),
        test!(language::matches::what_the_kernel_knows).needs_nft(),
        test!(language::matches::connections).needs_nft(),
        test!(language::matches::fields_side_by_side).needs_nft(),
        test!(language::matches::bits).needs_nft(),
        test!(language::sets::sets_of_rules_own).needs_nft(),
        test!(language::sets::sets_and_maps_of_the_tables).needs_nft().requires(support::linux_5_13),
        test!(language::sets::plain_numbers_are_turned_round_for_sets_of_intervals),
        test!(language::sets::a_choice_of_nothing_is_kept).needs_nft(),
        test!(language::sets::maps_of_rules_own).needs_nft().requires(support::linux_5_13),
        test!(language::statements::statements).needs_nft(),
        test!(language::statements::rejections).needs_nft(),
        test!(language::statements::rejections_of_frames).needs_nft().requires(support::kernel_rejects_frames),
        test!(language::statements::fields_that_are_set).needs_nft(),
        test!(language::statements::sets_that_packets_change).needs_nft().requires(support::linux_5_11),
        test!(language::statements::what_this_kernel_lacks_is_sent_as_nft_does).needs_nft(),
        test!(language::maps::maps_as_values).needs_nft().requires(support::linux_5_13),
        test!(language::maps::maps_to_values_of_all_types).needs_nft(),
        test!(language::maps::sets_and_maps_said_by_fields).needs_nft(),
        test!(language::translations::translations).needs_nft().requires(support::linux_5_13),
        test!(language::translations::translations_to_what_maps_of_the_table_have).needs_nft(),
        test!(language::translations::what_nft_gets_wrong_is_sent_right),
        test!(language::mistakes::what_makes_no_sense_is_refused),
        test!(language::mistakes::translations_to_what_cannot_be_are_refused),
        test!(language::mistakes::the_pairs_use_all_of_the_language),
        test!(objects::listed_as_a_person_would_write_them).needs_nft(),
        test!(objects::what_nft_wrote_is_read_as_values_and_put_back).needs_nft(),
        test!(sets::options_of_sets).needs_nft().requires(support::linux_5_13),
        test!(sets::maps).needs_nft().requires(support::linux_5_13),
        test!(sets::concatenations).needs_nft().requires(support::linux_5_13),
        test!(sets::stateful_sets).needs_nft().requires(support::linux_5_11),
        test!(sets::typed_reading_of_what_nft_wrote).needs_nft().requires(support::linux_5_13),
        test!(sets::nft_merges_as_we_do).needs_nft(),
        test!(set_notes::sets_and_maps_of_fields).needs_nft(),
        test!(set_notes::maps_of_objects).needs_nft().requires(support::linux_5_13),
        test!(read::listing_says_what_nfts_says).needs_nft(),
        test!(read::elements_are_typed).needs_nft(),
        test!(read::maps_and_unknown_objects_are_listed_too).needs_nft(),
        test!(read::bytecode_is_nfts).needs_nft(),
        test!(read::rules_that_were_read_are_written_into_another_chain).needs_nft(),
        test!(read::ruleset_that_was_read_can_be_put_back).needs_nft(),
        test!(read::ruleset_with_unknown_parts_can_be_put_back).needs_nft(),
    ])
}

/// Compares two texts line by line; a failure shows the first line that differs, and what leads to it.
#[track_caller]
fn assert_same_text(what: &str, left: &str, right: &str) {
    const BEFORE: usize = 12;
    if left == right {
        return;
    }
    let [lefts, rights] = [left, right].map(|text| text.lines().collect::<Vec<_>>());
    let same = lefts.iter().zip(&rights).take_while(|(left, right)| left == right).count();
    panic!(
        "{what}: line {} differs\n{}\n  left: {}\n right: {}",
        same + 1,
        lefts[same.saturating_sub(BEFORE)..same].join("\n"),
        lefts.get(same).unwrap_or(&"(the end)"),
        rights.get(same).unwrap_or(&"(the end)"),
    );
}

/// The listing without the time that is left to elements, which nobody can foresee.
fn without_expiry(listing: &str) -> String {
    let mut parts = listing.split(" expires ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([' ', ',', '\n']).unwrap_or(part.len());
        out.push_str(&part[end..]);
    }
    out
}

/// Attributes by their numbers.
type Attributes = Vec<(u16, Vec<u8>)>;

/// Attributes as the kernel sent them, without those of `without`.
fn attributes(mut raw: &[u8], without: &[u16]) -> Attributes {
    const NLA_TYPE_MASK: u16 = 0x3fff; // include/uapi/linux/netlink.h: without NESTED and NET_BYTEORDER
    let mut found = Vec::new();
    while let [l0, l1, n0, n1, rest @ ..] = raw {
        let (length, number) = (u16::from_ne_bytes([*l0, *l1]), u16::from_ne_bytes([*n0, *n1]) & NLA_TYPE_MASK);
        let length = usize::from(length) - 4;
        if !without.contains(&number) {
            found.push((number, rest[..length].to_vec()));
        }
        raw = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

/// The elements of all sets, as the kernel keeps them but in an order, and without the time that is left to them.
///
/// Without the end at the lowest value, too, with which nft begins a set of intervals, and we don't.
fn elements(conn: &mut Conn) -> Vec<String> {
    let mut all = Vec::new();
    for set in conn.sets(..).unwrap() {
        let elements = conn.elements(&set).unwrap();
        let is_end_at_zero = |e: &ElementInfo| {
            e.is_interval_end() && e.key().as_ref().is_some_and(|key| key.as_bytes().iter().all(|&byte| byte == 0))
        };
        all.extend(elements.iter().filter(|element| !is_end_at_zero(element)).map(|element| {
            let key = (element.key(), element.key_end(), element.flags());
            let (value, exprs) = (
                (element.data(), element.object()),
                element.stateful().iter().map(|expr| expr.get()).collect::<Vec<_>>(),
            );
            let has = (element.timeout(), element.comment(), value, exprs);
            format!("{}: {key:?} timeout, comment, value, expressions {has:?}", set.at())
        }));
    }
    all.sort();
    all
}

/// All that the kernel tells of the ruleset, but for what it decides by itself: handles, counts, times.
///
/// The numbers are those of include/uapi/linux/netfilter/nf_tables.h.
fn as_the_kernel_has_it(conn: &mut Conn) -> Vec<(String, Attributes)> {
    const TABLE_USE_HANDLE: &[u16] = &[3, 4];
    const CHAIN_HANDLE_USE: &[u16] = &[2, 6];
    const SET_HANDLE_COUNT: &[u16] = &[16, 20];
    const OBJ_USE_HANDLE: &[u16] = &[5, 6];
    const RULE_HANDLE_POSITION: &[u16] = &[3, 6];
    let tables = conn.tables(..).unwrap();
    let chains = conn.chains(..).unwrap();
    let sets = conn.sets(..).unwrap();
    let objects = conn.objects(..).unwrap();
    let rules = conn.rules(..).unwrap();
    let mut all = Vec::new();
    all.extend(tables.iter().map(|t| (format!("table {}", t.at()), attributes(t.raw(), TABLE_USE_HANDLE))));
    all.extend(chains.iter().map(|c| (format!("chain {}", c.at()), attributes(c.raw(), CHAIN_HANDLE_USE))));
    all.extend(sets.iter().map(|s| (format!("set {}", s.at()), attributes(s.raw(), SET_HANDLE_COUNT))));
    all.extend(objects.iter().map(|o| (format!("object {}", o.at()), attributes(o.raw(), OBJ_USE_HANDLE))));
    // Objects of one table come in no order that anybody promised.
    all.sort();
    all.extend(rules.iter().map(|r| (format!("rule of {}", r.chain()), attributes(r.raw(), RULE_HANDLE_POSITION))));
    all
}
