//! Pairs of nft text and Rust, and the list of all files that have them.
//!
//! To add some: a file with `pub(super) fn pairs() -> Vec<Pair>`, its `mod`, and its `lesson!` in [`main`]. Pairs that
//! refer to sets, maps, chains or objects of the table take the table, and say beside what is declared in it
//! (`lesson!(sets, declarations)`). Spelling and bytes are those of nft 1.0.6.

mod compare;
mod comparisons;
mod coverage;
mod mistakes;
mod sent;
mod shape;

mod adjacent;
mod ah;
mod arp;
mod bits;
mod comp;
mod ct;
mod dccp;
mod dup;
mod dynamic;
mod esp;
mod ether;
mod exthdr;
mod fib;
mod field_sets;
mod hash;
mod host;
mod icmp;
mod igmp;
mod ip;
mod ip6;
mod ip_option;
mod ipsec;
mod keys;
mod limit;
mod log;
mod maps;
mod meta;
mod meter;
mod nat;
mod objects;
mod osf;
mod parts;
mod queue;
mod raw;
mod reject;
mod rt;
mod sctp;
mod sets;
mod socket;
mod statements;
mod synproxy;
mod table_sets;
mod tcp;
mod tcp_option;
mod tproxy;
mod translations;
mod tunnels;
mod udplite;
mod values;
mod vlan;

use std::process::ExitCode;

use nftlink::field::Match;
use nftlink::{Batch, Family, Rule, RuleBuilder, Table};

use crate::support::{self, Test};

/// Names a file of pairs to the harness; with a second word, the function in it that declares what is in the table.
macro_rules! lesson {
    ($file:ident) => {
        Test::new(stringify!($file), || compare::all(stringify!($file), |_| $file::pairs(), Vec::new)).needs_nft()
    };
    ($file:ident, $declarations:ident) => {
        Test::new(stringify!($file), || compare::all(stringify!($file), $file::pairs, $file::$declarations)).needs_nft()
    };
}

pub(super) fn main() -> ExitCode {
    let lessons = [
        lesson!(ip),
        lesson!(ip6),
        lesson!(tcp),
        lesson!(icmp),
        lesson!(igmp),
        lesson!(udplite),
        lesson!(dccp),
        lesson!(sctp).requires(support::linux_5_14),
        lesson!(ah),
        lesson!(esp),
        lesson!(comp),
        lesson!(tcp_option).requires(support::linux_5_18),
        lesson!(ip_option),
        lesson!(exthdr),
        lesson!(ether),
        lesson!(vlan, declarations),
        lesson!(raw).requires(support::linux_5_16),
        lesson!(arp),
        lesson!(meta),
        lesson!(ct),
        lesson!(fib),
        lesson!(rt),
        lesson!(socket).requires(support::linux_5_11),
        lesson!(osf),
        lesson!(ipsec),
        lesson!(hash),
        lesson!(bits),
        lesson!(parts),
        lesson!(adjacent),
        lesson!(sets),
        lesson!(table_sets, declarations).requires(support::linux_5_13),
        lesson!(keys, declarations),
        lesson!(maps, declarations).requires(support::linux_5_13),
        lesson!(dynamic, declarations).requires(support::linux_5_11),
        lesson!(statements, declarations),
        lesson!(limit),
        lesson!(log),
        lesson!(objects, declarations),
        lesson!(meter),
        lesson!(reject),
        lesson!(queue),
        lesson!(synproxy),
        lesson!(tproxy),
        lesson!(dup),
        lesson!(host),
        lesson!(nat, declarations).requires(support::linux_5_13),
        lesson!(translations, declarations).requires(support::linux_5_13),
        lesson!(values, declarations).requires(support::linux_5_13),
        lesson!(field_sets, declarations),
    ];
    let others = [
        test!(sets::a_choice_of_nothing_is_kept).needs_nft(),
        test!(table_sets::plain_numbers_are_turned_round_for_sets_of_intervals),
        test!(tunnels::rules_look_into_tunnels_as_nft_does),
        test!(tunnels::packets_in_tunnels_have_their_own_protocols),
        test!(tunnels::bytecode_is_that_of_newer_nft).requires(tunnels::corpus),
        test!(field_sets::a_map_to_objects_is_listed).needs_nft(),
        test!(translations::what_nft_gets_wrong_is_sent_right),
        test!(mistakes::what_makes_no_sense_is_refused),
        test!(mistakes::fields_that_packets_cannot_have_are_refused),
        test!(mistakes::translations_to_what_cannot_be_are_refused),
        test!(mistakes::statements_that_make_no_sense_are_refused),
        test!(coverage::the_pairs_use_all_of_the_language),
        test!(coverage::the_page_of_nfts_words_has_all_of_the_language),
    ];
    let tests: Vec<Test> = lessons.into_iter().chain(others).collect();
    let code = support::main(&tests);
    if compare::tally(lessons.len()) { code } else { ExitCode::FAILURE }
}

const TABLE: &str = "t";
const CHAIN: &str = "c";

/// The families in which each pair is tried.
const FAMILIES: [Family; 6] = [Family::INET, Family::IP, Family::IP6, Family::ARP, Family::BRIDGE, Family::NETDEV];

/// The table of the rules.
fn table(family: Family) -> Table {
    Table::new(family, TABLE)
}

/// A rule as nft lists it, and as this library says it.
///
/// It is compared in each family in which nft takes it; elsewhere this library or the kernel has to refuse it, too.
struct Pair {
    text: String,
    /// What nft is given, if that is not what it lists.
    typed: Option<String>,
    rule: Rule,
    /// Why the bytes are not nft's.
    differs: Option<&'static str>,
    /// Why they are not in some families, where the rule is another one.
    differs_in: Vec<(Family, &'static str)>,
    /// What nft lists in some families.
    listed_in: Vec<(Family, String)>,
    /// Where nft refuses what makes sense, and why; and where it takes what makes none.
    too_strict: Vec<(Family, &'static str)>,
    too_lax: Vec<(Family, &'static str)>,
}

/// A rule of one match.
fn is(text: impl Into<String>, matching: Match) -> Pair {
    does(text, Rule::new().when(matching))
}

fn does(text: impl Into<String>, rule: impl Into<Rule>) -> Pair {
    Pair {
        text: text.into(),
        typed: None,
        rule: rule.into(),
        differs: None,
        differs_in: Vec::new(),
        listed_in: Vec::new(),
        too_strict: Vec::new(),
        too_lax: Vec::new(),
    }
}

impl Pair {
    /// Gives nft something else than what it lists.
    fn typed(mut self, typed: impl Into<String>) -> Self {
        self.typed = Some(typed.into());
        self
    }

    /// Says what nft lists, if that is not what it is given.
    fn listed_as(self, listed: impl Into<String>) -> Self {
        Self { typed: Some(self.typed.unwrap_or(self.text)), text: listed.into(), ..self }
    }

    /// Says what nft lists in one family, if it is something else there.
    fn listed_in(mut self, family: Family, listed: impl Into<String>) -> Self {
        self.listed_in.push((family, listed.into()));
        self
    }

    /// Notes why the bytes are not nft's; then they may not be.
    #[allow(dead_code, reason = "for pairs where nft is wrong")]
    fn differs(mut self, why: &'static str) -> Self {
        self.differs = Some(why);
        self
    }

    /// Notes why nft sends another rule in one family.
    fn differs_in(mut self, family: Family, why: &'static str) -> Self {
        self.differs_in.push((family, why));
        self
    }

    /// Notes a family in which this library and the kernel take the rule, and why nft is too strict.
    fn also_in(mut self, family: Family, why: &'static str) -> Self {
        self.too_strict.push((family, why));
        self
    }

    /// Notes a family in which this library refuses the rule, and why nft is too lax.
    fn not_in(mut self, family: Family, why: &'static str) -> Self {
        self.too_lax.push((family, why));
        self
    }

    /// What nft is given.
    fn nft(&self) -> &str {
        self.typed.as_ref().unwrap_or(&self.text)
    }

    /// What nft lists.
    fn listed(&self, family: Family) -> &str {
        self.listed_in.iter().find(|(of, _)| *of == family).map_or(&self.text, |(_, listed)| listed)
    }
}

/// A set, map or object of the table's, or elements, as nft is told of it behind `add`, without family and table.
struct Declaration {
    text: &'static str,
    declare: fn(&Table, &mut Batch),
}

const fn declare(text: &'static str, declare: fn(&Table, &mut Batch)) -> Declaration {
    Declaration { text, declare }
}

/// The pairs of several functions.
fn all<const N: usize>(pairs: [Vec<Pair>; N]) -> Vec<Pair> {
    pairs.into_iter().flatten().collect()
}

/// Notes something of the pair with a text, wherever nft is given that.
fn but(pairs: Vec<Pair>, nft: &str, note: impl Fn(Pair) -> Pair) -> Vec<Pair> {
    assert!(pairs.iter().any(|pair| pair.nft() == nft), "{nft}");
    pairs.into_iter().map(|pair| if pair.nft() == nft { note(pair) } else { pair }).collect()
}

/// Notes something of all pairs.
fn each(pairs: Vec<Pair>, note: impl Fn(Pair) -> Pair) -> Vec<Pair> {
    pairs.into_iter().map(note).collect()
}
