//! nft as the oracle: it lists what we wrote as a person would have written it, and we read what it wrote.

use std::process::ExitCode;

use nftlink::Conn;

#[macro_use]
mod support;

#[path = "kernel_nft/chains.rs"]
mod chains;
#[path = "kernel_nft/dump.rs"]
mod dump;
#[path = "kernel_nft/exprs.rs"]
mod exprs;
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

use support::state::{as_the_kernel_has_it, attributes, elements};

fn main() -> ExitCode {
    support::main(&[
        test!(dump::batch_prints_as_nft_prints_what_it_sends).needs_nft(),
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
        test!(read::hooks_are_listed_as_nft_lists_them).needs_nft().requires(support::hooks),
        test!(read::elements_are_typed).needs_nft(),
        test!(read::maps_and_unknown_objects_are_listed_too).needs_nft().requires(support::packets_can_be_written_to),
        test!(read::bytecode_is_nfts).needs_nft().requires(support::packets_can_be_written_to),
        test!(read::rules_that_were_read_are_written_into_another_chain)
            .needs_nft()
            .requires(support::packets_can_be_written_to),
        test!(read::ruleset_that_was_read_can_be_put_back).needs_nft(),
        test!(read::ruleset_with_unknown_parts_can_be_put_back)
            .needs_nft()
            .requires(support::packets_can_be_written_to),
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
