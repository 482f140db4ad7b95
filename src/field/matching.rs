//! A field compared with something.

use super::source::Source;
use crate::error::BuildErrorKind;
use crate::expr::{CmpOp, Data};
use crate::set::{Anonymous, SetRef};

/// A field compared with something: plain data, to be kept in collections.
///
/// ```
/// use nftlink::Rule;
/// use nftlink::field::{Match, meta, tcp};
///
/// let mut matches: Vec<Match> = vec![meta::iifname().eq("eth0")];
/// matches.push(tcp::dport().eq(22));
/// let rule = Rule::new().when_all(matches).accept();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[must_use = "a match does nothing until a rule has it"]
pub struct Match {
    pub(super) source: Source,
    pub(super) test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Test {
    /// As many bytes as `data` has are compared; in network order if the field is swapped to it.
    Cmp { op: CmpOp, data: Data, swap: bool },
    /// The bounds are in network order; the field is swapped to it if it is not.
    Range { bounds: Bounds, not: bool, swap: bool },
    /// The first bits are compared.
    Prefix { address: Data, len: u8, not: bool },
    /// Another field is loaded, too.
    Field { other: Box<Source>, not: bool },
    /// The field is looked up.
    In { set: Container, not: bool },
    /// A mistake, to be told by the batch.
    Mistake(Box<BuildErrorKind>),
}

/// The lowest and the highest value of a range, one after the other: those of numbers and of IPv4 addresses cost no
/// memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Bounds(Data);

impl Bounds {
    pub(super) fn new(from: &Data, to: &Data) -> Self {
        Self(from.followed_by(to))
    }

    pub(super) fn get(&self) -> (Data, Data) {
        let bytes = self.0.as_bytes();
        let (from, to) = bytes.split_at(bytes.len() / 2);
        (from.into(), to.into())
    }
}

impl From<BuildErrorKind> for Test {
    fn from(mistake: BuildErrorKind) -> Self {
        Self::Mistake(Box::new(mistake))
    }
}

/// A set or map in which something is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Container {
    /// One of the table's, and whether it has intervals.
    Named { set: SetRef, intervals: bool },
    /// The rule's own.
    Own(Box<Anonymous>),
}

impl Container {
    pub(super) fn own(set: Anonymous) -> Self {
        Self::Own(Box::new(set))
    }
}

impl Match {
    /// Whether it asks what the kernel knows about the packet's connection.
    pub(crate) fn asks_conntrack(&self) -> bool {
        self.source.asks_conntrack()
    }

    /// Whether packets have to be of several types, for which nft has a set.
    pub(crate) fn implies_set(&self) -> bool {
        self.source.implies_set() || matches!(&self.test, Test::Field { other, .. } if other.implies_set())
    }

    /// Whether it counts the packets that reach it: what is made of them depends on what the rule compares before.
    /// The elements of a table's set may have counters, limits and quotas.
    pub(crate) fn counts(&self) -> bool {
        match &self.test {
            Test::In { set: Container::Named { .. }, .. } => true,
            Test::Field { other, .. } if other.counts() => true,
            _ => self.source.counts(),
        }
    }

    /// The set that the rule has to itself for this match.
    pub(crate) fn own_set(&self) -> Option<(&Anonymous, &Source)> {
        match &self.test {
            Test::In { set: Container::Own(set), .. } => Some((set, &self.source)),
            _ => None,
        }
    }
}
