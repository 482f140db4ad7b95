//! What holds of arbitrary rulesets, rules, elements and names; each property is tried with as many of them as
//! `PROPTEST_CASES` says, or with a few hundred. A case that fails is made as small as it can be.
//!
//! The seed is told at the beginning: `PROPTEST_RNG_SEED` makes the same cases again. What a seed has found becomes a
//! test of its own beside the code that was wrong; no file of seeds is kept.

use std::process::ExitCode;

#[macro_use]
mod support;
#[path = "kernel_properties/language.rs"]
mod language;
#[path = "kernel_properties/lists.rs"]
mod lists;
#[path = "kernel_properties/merging.rs"]
mod merging;
#[path = "kernel_properties/names.rs"]
mod names;
#[path = "kernel_properties/property.rs"]
mod property;
#[path = "kernel_properties/rules.rs"]
mod rules;
#[path = "kernel_properties/rulesets.rs"]
mod rulesets;
#[path = "kernel_properties/sent.rs"]
mod sent;
#[path = "kernel_properties/sets.rs"]
mod sets;

fn main() -> ExitCode {
    property::tell_seed();
    support::main(&[
        test!(names::names_of_every_length_are_taken_or_refused),
        test!(names::names_of_flowtables_of_every_length_are_taken_or_refused).requires(support::flowtables),
        test!(names::names_of_devices_of_every_length_are_taken_or_refused),
        test!(names::arbitrary_names_are_taken_or_refused),
        test!(names::comments_of_every_length_are_taken_or_refused),
        test!(names::arbitrary_comments_are_taken_or_refused),
        test!(names::userdata_of_every_length_is_taken_or_refused),
        test!(lists::elements_are_split_into_messages_that_lose_none),
        test!(lists::elements_of_several_messages_arrive),
        test!(rules::rules_are_read_as_they_were_said),
        test!(rules::nft_loads_its_own_listing_of_arbitrary_rules).needs_nft(),
        test!(rulesets::rulesets_are_read_kept_and_put_back_as_they_were_meant),
        test!(merging::merged_elements_hold_each_value_as_long_as_the_longest),
        test!(merging::what_is_merged_with_a_set_is_in_it_as_long_as_the_longest),
    ])
}
