//! The typed rule language: what of a packet a rule compares, and with what.
//!
//! Each module has nft's name for a protocol or a source, each function in it nft's name for a
//! field. A [`Field`] knows the data type of its values and compares only with those; what
//! comes out is a [`Match`], which [`RuleBuilder::when`](crate::RuleBuilder::when) takes.
//!
//! | nft | nftlink |
//! |---|---|
//! | `ip saddr 10.0.0.1` | `ip::saddr().eq(Ipv4Addr::new(10, 0, 0, 1))` |
//! | `ip saddr != 10.0.0.0/8` | `ip::saddr().not_in_prefix(Ipv4Addr::new(10, 0, 0, 0), 8)` |
//! | `tcp dport 1-1024` | `tcp::dport().in_range(1..=1024)` |
//! | `ip saddr @blocked` | `ip::saddr().in_set(&blocked)` |
//! | `iifname "eth0"` | `meta::iifname().eq("eth0")` |
//! | `iifname "eth*"` | `meta::iifname().starts_with("eth")` |
//!
//! What nft tests without being told is the library's work, too: in a table of family inet
//! `tcp::dport()` looks at TCP packets only, `ip::saddr()` at IPv4 packets only.

pub mod ip;
pub mod ip6;
pub(crate) mod lower;
pub mod meta;
pub mod tcp;
pub mod udp;

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

use crate::datum::{Address, ByteOrder, Datum, IfName, Interval, IntoValue, L4Proto, Ordered};
use crate::error::BuildErrorKind;
use crate::expr::{Base, CmpOp, Data, MetaKey};
use crate::set::{KeyFor, Set, SetFlags, SetRef};
use crate::wire::Family;

/// Something of a packet that has values of type `V`.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::field::{ip, tcp};
///
/// let web = tcp::dport().eq(80);
/// let local = ip::saddr().in_prefix(Ipv4Addr::new(192, 168, 0, 0), 16);
/// ```
///
/// A value of another type does not compile:
///
/// ```compile_fail
/// # use nftlink::field::ip;
/// ip::saddr().eq(22u16);
/// ```
#[must_use = "a field does nothing until it is compared"]
pub struct Field<V> {
    source: Source,
    value: PhantomData<fn(V) -> V>,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    /// nft's name for the field.
    name: &'static str,
    load: Load,
    needs: Needs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Load {
    Payload { base: Base, offset: u16, len: u8 },
    Meta(MetaKey),
}

/// What a packet has to be so that the field means what its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Needs {
    Nothing,
    Network(Family),
    Transport(L4Proto),
}

impl<V: Datum> Field<V> {
    const fn payload(name: &'static str, needs: Needs, base: Base, offset: u16) -> Self {
        Self {
            source: Source { name, load: Load::Payload { base, offset, len: V::LEN as u8 }, needs },
            value: PhantomData,
        }
    }

    const fn network(name: &'static str, family: Family, offset: u16) -> Self {
        Self::payload(name, Needs::Network(family), Base::NETWORK, offset)
    }

    const fn transport(name: &'static str, protocol: L4Proto, offset: u16) -> Self {
        Self::payload(name, Needs::Transport(protocol), Base::TRANSPORT, offset)
    }

    const fn meta(name: &'static str, key: MetaKey) -> Self {
        Self { source: Source { name, load: Load::Meta(key), needs: Needs::Nothing }, value: PhantomData }
    }

    /// Is equal to a value.
    pub fn eq(self, value: impl IntoValue<V>) -> Match {
        self.compare(CmpOp::EQ, value)
    }

    /// Is not equal to a value.
    pub fn ne(self, value: impl IntoValue<V>) -> Match {
        self.compare(CmpOp::NEQ, value)
    }

    /// Is in a set of the rule's table: of values, or of intervals of them.
    pub fn in_set<K: KeyFor<V>>(self, set: &Set<K>) -> Match {
        self.lookup(set, false)
    }

    /// Is not in a set of the rule's table.
    pub fn not_in_set<K: KeyFor<V>>(self, set: &Set<K>) -> Match {
        self.lookup(set, true)
    }

    fn lookup<K: KeyFor<V>>(self, set: &Set<K>, not: bool) -> Match {
        // The kernel keeps intervals of numbers in network order.
        let swap = K::FLAGS.contains(SetFlags::INTERVAL) && V::ORDER == ByteOrder::Host;
        self.test(Test::Set { set: set.at().clone(), not, swap })
    }

    fn compare(self, op: CmpOp, value: impl IntoValue<V>) -> Match {
        match value.into_value().to_data() {
            Ok(data) => self.test(Test::Cmp { op, data }),
            Err(error) => self.test(error.into()),
        }
    }

    fn test(self, test: Test) -> Match {
        Match { source: self.source, test }
    }
}

impl<V: Ordered> Field<V> {
    /// Is in a range, both bounds in it. A batch refuses a range that ends before it starts.
    pub fn in_range<T: IntoValue<V>>(self, range: RangeInclusive<T>) -> Match {
        self.range(range, false)
    }

    /// Is not in a range, both bounds in it.
    pub fn not_in_range<T: IntoValue<V>>(self, range: RangeInclusive<T>) -> Match {
        self.range(range, true)
    }

    fn range<T: IntoValue<V>>(self, range: RangeInclusive<T>, not: bool) -> Match {
        match Interval::<V>::range(range).bounds() {
            Ok((from, to)) => self.test(Test::Range { from, to, not, swap: V::ORDER == ByteOrder::Host }),
            Err(error) => self.test(error.into()),
        }
    }
}

impl<V: Address> Field<V> {
    /// Begins with the first `len` bits of an address. A batch refuses a prefix that is longer
    /// than the address.
    pub fn in_prefix(self, address: impl IntoValue<V>, len: u8) -> Match {
        self.prefix(address, len, false)
    }

    /// Does not begin with the first `len` bits of an address.
    pub fn not_in_prefix(self, address: impl IntoValue<V>, len: u8) -> Match {
        self.prefix(address, len, true)
    }

    fn prefix(self, address: impl IntoValue<V>, len: u8, not: bool) -> Match {
        if len > V::BITS {
            return self.test(BuildErrorKind::PrefixTooLong { len, max: V::BITS }.into());
        }
        match address.into_value().to_data() {
            Ok(address) => self.test(Test::Prefix { address, len, not }),
            Err(error) => self.test(error.into()),
        }
    }
}

impl Field<IfName> {
    /// Begins with the bytes of `beginning`, one to 15 (nft's `"eth*"`).
    pub fn starts_with(self, beginning: impl IntoValue<IfName>) -> Match {
        self.beginning(CmpOp::EQ, beginning)
    }

    /// Does not begin with the bytes of `beginning`.
    pub fn not_starts_with(self, beginning: impl IntoValue<IfName>) -> Match {
        self.beginning(CmpOp::NEQ, beginning)
    }

    fn beginning(self, op: CmpOp, beginning: impl IntoValue<IfName>) -> Match {
        let beginning = beginning.into_value();
        match beginning.to_data() {
            Ok(_) => self.test(Test::Cmp { op, data: Data::new(beginning.as_bytes()) }),
            Err(error) => self.test(error.into()),
        }
    }
}

impl<V> Clone for Field<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Field<V> {}

impl<V> fmt::Debug for Field<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({})", self.source.name)
    }
}

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
    source: Source,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Test {
    /// As many bytes as `data` has are compared.
    Cmp {
        op: CmpOp,
        data: Data,
    },
    /// The bounds are in network order; the field is swapped to it if it is not.
    Range {
        from: Data,
        to: Data,
        not: bool,
        swap: bool,
    },
    Prefix {
        address: Data,
        len: u8,
        not: bool,
    },
    Set {
        set: SetRef,
        not: bool,
        swap: bool,
    },
    /// A mistake, to be told by the batch.
    Mistake(Box<BuildErrorKind>),
}

impl From<BuildErrorKind> for Test {
    fn from(mistake: BuildErrorKind) -> Self {
        Self::Mistake(Box::new(mistake))
    }
}
