//! What a worker is to do.

use std::fmt;
use std::str::FromStr;

/// The kinds of work. Each worker program gets one by its name, with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Append rules in one transaction.
    Rules,
    /// Add addresses to a set, in one transaction.
    Elements,
    /// The same to a set that was created with its size.
    Sized,
    /// The same in transactions of [`PER_MESSAGE`](crate::PER_MESSAGE).
    Split,
    /// The same by nftlink's loader, into a set of its own.
    Loaded,
    /// The same into one that is created with its size.
    LoadedSized,
    /// Add prefixes to a set of intervals, in one transaction.
    Intervals,
    /// Add addresses with ports to a set, in one transaction.
    Concatenation,
    /// Add addresses with verdicts to a map, in one transaction.
    VerdictMap,
    /// Read all rules of a chain.
    ListRules,
    /// Read all elements of a set.
    ListElements,
    /// Add single elements, each in a transaction of its own.
    AddOne,
    /// Build and encode rules, send nothing.
    EncodeRules,
    /// Build and encode elements, send nothing.
    EncodeElements,
    /// Decode the expressions of rules that are in memory.
    DecodeRules,
    /// Build and encode rules, as many as that is about, into memory that was used before.
    GrowRules,
    /// The same of elements.
    GrowElements,
}

impl What {
    const NAMES: [(&'static str, Self); 17] = [
        ("rules", Self::Rules),
        ("elements", Self::Elements),
        ("sized", Self::Sized),
        ("split", Self::Split),
        ("loaded", Self::Loaded),
        ("loaded-sized", Self::LoadedSized),
        ("intervals", Self::Intervals),
        ("concatenation", Self::Concatenation),
        ("verdict-map", Self::VerdictMap),
        ("list-rules", Self::ListRules),
        ("list-elements", Self::ListElements),
        ("add-one", Self::AddOne),
        ("encode-rules", Self::EncodeRules),
        ("encode-elements", Self::EncodeElements),
        ("decode-rules", Self::DecodeRules),
        ("grow-rules", Self::GrowRules),
        ("grow-elements", Self::GrowElements),
    ];

    /// Whether it is about rules; else it is about elements.
    pub fn is_of_rules(self) -> bool {
        matches!(self, Self::Rules | Self::ListRules | Self::EncodeRules | Self::GrowRules)
    }

    /// Whether it reads what the set-up has put there.
    pub fn is_listing(self) -> bool {
        matches!(self, Self::ListRules | Self::ListElements)
    }

    /// Whether nothing is sent to the kernel.
    pub fn is_in_memory(self) -> bool {
        use What::{DecodeRules, EncodeElements, EncodeRules, GrowElements, GrowRules};
        matches!(self, EncodeRules | EncodeElements | DecodeRules | GrowRules | GrowElements)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, what)| what == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl FromStr for What {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, what)| *what).ok_or_else(|| format!("there is no work {text}"))
    }
}

/// So many of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Task {
    /// The work.
    pub what: What,
    /// How many rules or elements.
    pub n: u64,
}

impl Task {
    /// The task of a worker program: its first two arguments.
    ///
    /// # Panics
    ///
    /// If they are none.
    pub fn from_args() -> Self {
        let mut args = std::env::args().skip(1);
        let what = args.next().expect("the first argument is the work").parse().expect("known work");
        let n = args.next().expect("the second argument is how many").parse().expect("a number");
        Self { what, n }
    }
}
