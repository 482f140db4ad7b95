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
//! | `ip dscp af21` | `ip::dscp().eq(Dscp::AF21)` |
//! | `tcp option maxseg size < 1000` | `tcp::option::maxseg::size().lt(1000)` |
//! | `ip saddr . tcp dport { 192.0.2.1 . 22 }` | `concat((ip::saddr(), tcp::dport())).one_of([(address, 22)])` |
//! | `fib saddr . iif oif missing` | `fib::saddr().and_iif().oif().missing()` |
//! | `vxlan ip saddr 10.0.0.1` | `vxlan::inner(ip::saddr()).eq(address)` |
//!
//! [`guide::nft_to_nftlink`](crate::guide::nft_to_nftlink) lists every word of nft with its Rust.
//!
//! What nft tests without being told is the library's work, too: in a table of family inet
//! `tcp::dport()` looks at TCP packets only, `ip::saddr()` at IPv4 packets only.

pub mod ah;
pub mod arp;
pub mod comp;
mod concatenation;
pub mod ct;
pub mod dccp;
pub mod dst;
pub mod esp;
pub mod ether;
pub mod exthdr;
pub mod fib;
pub mod frag;
pub mod geneve;
pub mod gre;
pub mod gretap;
pub mod hash;
pub mod hbh;
pub mod icmp;
pub mod icmpv6;
pub mod igmp;
mod implied;
pub mod ip;
pub mod ip6;
pub mod ipsec;
mod load;
pub(crate) mod lower;
mod matching;
mod merged;
pub mod meta;
pub mod mh;
pub mod numgen;
mod operand;
pub mod osf;
pub mod raw;
pub mod rt;
pub mod rt0;
pub mod rt2;
pub mod sctp;
pub mod socket;
mod source;
mod spec;
pub mod srh;
pub mod tcp;
pub mod th;
pub mod tunnel;
mod tunneled;
mod typed;
pub mod udp;
pub mod udplite;
pub mod vlan;
pub mod vxlan;

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;

pub use concatenation::{Choice, ConcatPart, Fields, concat};
pub(crate) use matching::Container;
pub use matching::Match;
pub(crate) use operand::{AnOperand, Operand};
pub use operand::{IntoOperand, MapFor, MapLookup, SetFor};
use source::{Bits, Loaded};
pub(crate) use source::{Load, Source};
use spec::Spec;

use crate::datum::{
    Address, BitMask, Boolean, Datum, Interval, IntoValue, Mark, Ordered, Text, common_beginning, predecessor,
    sortable, sorted, successor, swaps,
};
use crate::error::BuildErrorKind;
use crate::expr::{CmpOp, Data, Expr, Exthdr, ExthdrOp, Reg};
use crate::set::{Anonymous, Element, IntoElement, MapValue, TypeofField, TypeofFields};
use crate::userdata::Typeof;
use matching::{Bounds, Test};
use source::{BitOp, Needs, Tunnel, combine};

/// Something of a packet that has values of type `V`.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::field::{ip, tcp};
///
/// let web = tcp::dport().eq(80);
/// let local = ip::saddr().in_prefix(Ipv4Addr::new(192, 168, 0, 0), 16);
/// let services = tcp::dport().one_of([22, 80, 443]);
/// ```
///
/// A value of another type does not compile:
///
/// ```compile_fail
/// # use nftlink::field::ip;
/// ip::saddr().eq(22u16);
/// ```
///
/// `A` is [`Write`] where a rule can [set](crate::RuleBuilder::set) the field.
#[must_use = "a field does nothing until it is compared"]
pub struct Field<V, A = Read> {
    pub(crate) source: Source,
    of: PhantomData<fn() -> (V, A)>,
}

/// Marks a [`Field`] that rules read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Read;

/// Marks a [`Field`] that rules read and [set](crate::RuleBuilder::set).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Write;

impl<V, A> TypeofField for Field<V, A> {
    type Value = V;

    fn typeof_field(&self) -> TypeofFields {
        TypeofFields(self.source.typeofs())
    }
}

impl<V, A> Field<V, A> {
    /// A field of which all is known when the program is compiled.
    #[inline]
    const fn fixed(spec: &'static Spec<V, A>) -> Self {
        Self { source: Source::Fixed(&spec.origin), of: PhantomData }
    }
}

impl<V: Datum, A> Field<V, A> {
    /// What an expression loads, with nft's number for it.
    fn loaded(name: &'static str, expr: impl Into<Expr>, of: impl Into<Option<Typeof>>) -> Self {
        let loaded = Loaded { expr: expr.into(), of: of.into() };
        Spec::new(name, Load::Expr(Box::new(loaded)), Needs::Nothing).into()
    }

    /// A field of an extension header, an option or a chunk: `len` bits, `offset` bits behind its beginning.
    fn exthdr(name: &'static str, op: ExthdrOp, kind: u8, of: impl Into<Option<Typeof>>, offset: u16, len: u8) -> Self {
        let (first, bits) = Bits::at(offset, len, V::LEN as u8);
        let bytes = bits.map_or(u32::from(len).div_ceil(8), |bits| bits.loaded.into());
        let mut field = Self::loaded(name, Exthdr::load(op, kind, first.into(), bytes, Reg::R1), of);
        field.source.bits = bits;
        field
    }

    /// Notes a mistake, to be told by the batch.
    fn mistaken(mut self, mistake: BuildErrorKind) -> Self {
        self.source.bits = None;
        self.source.ops.push(BitOp::Mistake(Box::new(mistake)));
        self
    }

    fn needing(mut self, needs: Needs) -> Self {
        self.source.needs = needs;
        self
    }

    /// Is equal to a value.
    #[inline]
    pub fn eq(&self, value: impl IntoValue<V>) -> Match {
        self.compare(CmpOp::EQ, value)
    }

    /// Is not equal to a value.
    #[inline]
    pub fn ne(&self, value: impl IntoValue<V>) -> Match {
        self.compare(CmpOp::NEQ, value)
    }

    /// Is equal to another field of the packet: what nft has no words for, and cannot list (Linux 6.13).
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::field::tcp;
    ///
    /// let same = Rule::new().when(tcp::sport().eq_field(tcp::dport())).drop();
    /// ```
    ///
    /// Fields taken together are compared one by one; as a whole they do not compile:
    ///
    /// ```compile_fail,E0599
    /// # use nftlink::field::{concat, ip, tcp};
    /// concat((ip::saddr(), tcp::sport())).eq_field(concat((ip::daddr(), tcp::dport())));
    /// ```
    pub fn eq_field<B>(&self, other: Field<V, B>) -> Match {
        self.test(Test::Field { other: Box::new(other.source), not: false })
    }

    /// Is not equal to another field of the packet (Linux 6.13; nft cannot list it).
    pub fn ne_field<B>(&self, other: Field<V, B>) -> Match {
        self.test(Test::Field { other: Box::new(other.source), not: true })
    }

    #[inline]
    fn compare(&self, op: CmpOp, value: impl IntoValue<V>) -> Match {
        match value.into_value().to_data() {
            Ok(data) => self.test(Test::Cmp { op, data, swap: false }),
            Err(error) => self.test(error.into()),
        }
    }
}

impl<V, A> Field<V, A> {
    /// Is in a set of the rule's table: of values, or of intervals of them.
    pub fn in_set(&self, set: impl SetFor<V>) -> Match {
        self.test(Test::In { set: set.container().0, not: false })
    }

    /// Is not in a set of the rule's table.
    pub fn not_in_set(&self, set: impl SetFor<V>) -> Match {
        self.test(Test::In { set: set.container().0, not: true })
    }

    /// Looks the field up in a map: one of the table's, or pairs that become a map of the rule's
    /// own. What it has is a value for [`RuleBuilder::set`](crate::RuleBuilder::set) or
    /// [`dnat`](crate::RuleBuilder::dnat); a packet whose field is not in the map goes on with the
    /// next rule.
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::field::{meta, tcp};
    ///
    /// let rule = Rule::new().set(meta::mark(), tcp::dport().map([(22, 1), (80, 2)]));
    /// ```
    ///
    /// A translation takes values of many types: an address or a socket address tells which, of numbers the call does.
    ///
    /// ```
    /// use std::net::{Ipv4Addr, SocketAddrV4};
    /// use nftlink::Rule;
    /// use nftlink::datum::Port;
    /// use nftlink::field::tcp;
    ///
    /// let [a, b] = [2, 3].map(|n| Ipv4Addr::new(10, 0, 0, n));
    /// let to_hosts = Rule::new().dnat(tcp::dport().map([(22, a), (80, b)]));
    /// let to_services = Rule::new().dnat(tcp::dport().map([(80, SocketAddrV4::new(b, 8080))]));
    /// let to_ports = Rule::new().redirect_to(tcp::dport().map::<Port>([(80, 3128)]));
    /// ```
    pub fn map<T: MapValue>(&self, map: impl MapFor<V, T>) -> MapLookup<T> {
        MapLookup::new(self.source.clone(), map.into_map())
    }

    #[inline]
    fn test(&self, test: Test) -> Match {
        Match { source: self.source.clone(), test }
    }

    /// The same field of what a tunnel carries.
    fn inside(mut self, tunnel: Tunnel) -> Field<V> {
        self.source.enter(tunnel);
        self.read()
    }

    /// The same field, for reading only, with another type of values.
    fn read<T>(&self) -> Field<T> {
        Field { source: self.source.clone(), of: PhantomData }
    }
}

impl<V: Choice, A> Field<V, A> {
    /// Is one of these values, ranges and prefixes (`{ 22, 80, 8000-8010 }`), which become a set of
    /// the rule's own. Values of several kinds are told as [`Interval`]s. Of none at all nothing is
    /// one; nft lists such a rule and cannot read it back.
    ///
    /// ```
    /// use nftlink::Interval;
    /// use nftlink::field::tcp;
    ///
    /// let services = tcp::dport().one_of([22, 80, 443]);
    /// let more = tcp::dport().one_of([Interval::value(22), Interval::range(8000..=8010)]);
    /// ```
    pub fn one_of<E: IntoElement<V::Key>>(&self, values: impl IntoIterator<Item = E>) -> Match {
        self.choice(values, false)
    }

    /// Is none of these values, ranges and prefixes.
    pub fn none_of<E: IntoElement<V::Key>>(&self, values: impl IntoIterator<Item = E>) -> Match {
        self.choice(values, true)
    }

    fn choice<E: IntoElement<V::Key>>(&self, values: impl IntoIterator<Item = E>, not: bool) -> Match {
        let elements: Vec<Element<V::Key>> = values.into_iter().map(E::into_element).collect();
        let set = match Anonymous::new(&elements) {
            Ok(set) => set,
            Err(mistake) => return self.test(mistake.into()),
        };
        if let Some(test) = set.single().and_then(|bounds| self.single(bounds, not)) {
            return self.test(test);
        }
        match self.source.place_all(Ok(Container::own(set))) {
            Ok(set) => self.test(Test::In { set, not }),
            Err(mistake) => self.test(mistake.into()),
        }
    }

    /// nft compares with the only element of a set.
    fn single(&self, (start, end): &(Data, Data), not: bool) -> Option<Test> {
        let op = if not { CmpOp::NEQ } else { CmpOp::EQ };
        if start == end {
            return Some(Test::Cmp { op, data: start.clone(), swap: false });
        }
        if self.source.kind.is_text() {
            // Neighbours were merged: `"eth*", "eti*"` are no names that begin alike.
            let beginning = common_beginning(start.as_bytes(), end.as_bytes())?;
            return Some(Test::Cmp { op, data: Data::new(beginning), swap: false });
        }
        let prefix = self.source.kind.prefix_len(start.as_bytes(), end.as_bytes());
        Some(match prefix {
            Some(len) => Test::Prefix { address: start.clone(), len, not },
            None => Test::Range { bounds: Bounds::new(start, end), not, swap: V::SWAPS },
        })
    }
}

impl<V: Ordered, A> Field<V, A> {
    /// Is less than a value.
    pub fn lt(&self, value: impl IntoValue<V>) -> Match {
        self.order(CmpOp::LT, value)
    }

    /// Is less than a value, or equal.
    pub fn le(&self, value: impl IntoValue<V>) -> Match {
        self.order(CmpOp::LTE, value)
    }

    /// Is greater than a value.
    pub fn gt(&self, value: impl IntoValue<V>) -> Match {
        self.order(CmpOp::GT, value)
    }

    /// Is greater than a value, or equal.
    pub fn ge(&self, value: impl IntoValue<V>) -> Match {
        self.order(CmpOp::GTE, value)
    }

    fn order(&self, op: CmpOp, value: impl IntoValue<V>) -> Match {
        match sortable(&value.into_value()) {
            Ok(data) => self.test(Test::Cmp { op, data, swap: swaps::<V>() }),
            Err(error) => self.test(error.into()),
        }
    }

    /// Is in a range, both bounds in it. A batch refuses a range that ends before it starts, but for
    /// [hours](crate::datum::Hour): those from 22:00 to 06:00 are the night's. (nft means the hours between, without
    /// the first second and the last.)
    pub fn in_range<T: IntoValue<V>>(&self, range: RangeInclusive<T>) -> Match {
        self.range(range, false)
    }

    /// Is not in a range, both bounds in it.
    pub fn not_in_range<T: IntoValue<V>>(&self, range: RangeInclusive<T>) -> Match {
        self.range(range, true)
    }

    fn range<T: IntoValue<V>>(&self, range: RangeInclusive<T>, not: bool) -> Match {
        let interval = Interval::<V>::range(range);
        let (from, to, not) = match interval.bounds(true) {
            Ok((from, to)) => (from, to, not),
            Err(BuildErrorKind::RangeReversed { .. }) if V::WRAPS => match rest(&interval) {
                // What is not between its end and its start.
                Ok(Some((from, to))) => (from, to, !not),
                Ok(None) => (Data::new(&vec![0; V::LEN]), Data::new(&vec![u8::MAX; V::LEN]), not),
                Err(error) => return self.test(error.into()),
            },
            Err(error) => return self.test(error.into()),
        };
        if from == to {
            let op = if not { CmpOp::NEQ } else { CmpOp::EQ };
            let data = if swaps::<V>() { sorted(&from) } else { from };
            return self.test(Test::Cmp { op, data, swap: false });
        }
        self.test(Test::Range { bounds: Bounds::new(&from, &to), not, swap: swaps::<V>() })
    }

    /// The bits of the field that `mask` has, all others zero: `(meta mark & 0xff)`.
    ///
    /// ```
    /// use nftlink::field::meta;
    /// let vpn = meta::mark().and(0xff).eq(0x10);
    /// ```
    pub fn and(&self, mask: impl IntoValue<V>) -> Field<V> {
        self.bits(mask, |bits| (bits.clone(), combine(bits, bits, |_, _| 0)))
    }

    /// The field with the bits of `bits` set.
    pub fn or(&self, bits: impl IntoValue<V>) -> Field<V> {
        self.bits(bits, |bits| (combine(bits, bits, |bit, _| !bit), bits.clone()))
    }

    /// The field with the bits of `bits` inverted.
    pub fn xor(&self, bits: impl IntoValue<V>) -> Field<V> {
        self.bits(bits, |bits| (combine(bits, bits, |_, _| 0xff), bits.clone()))
    }
}

/// The values behind the end of a range and before its start, if there are some.
fn rest<V: Ordered>(range: &Interval<V>) -> Result<Option<(Data, Data)>, BuildErrorKind> {
    let (start, end) = (sortable(range.start())?, sortable(range.end())?);
    let rest = successor(end.as_bytes()).zip(predecessor(start.as_bytes()));
    Ok(rest.filter(|(from, to)| from <= to))
}

impl<V: Datum, A> Field<V, A> {
    fn bits(&self, bits: impl IntoValue<V>, masks: impl FnOnce(&Data) -> (Data, Data)) -> Field<V> {
        let mut field = self.read();
        match bits.into_value().to_data() {
            Ok(bits) => {
                let (mask, xor) = masks(&bits);
                field.source.mask_xor(&mask, &xor);
            }
            Err(mistake) => field.source.ops.push(BitOp::Mistake(Box::new(mistake))),
        }
        field
    }
}

impl<A> Field<Boolean, A> {
    /// The packet has it (`exists`).
    pub fn exists(&self) -> Match {
        self.eq(true)
    }

    /// The packet does not have it (`missing`).
    pub fn missing(&self) -> Match {
        self.eq(false)
    }
}

impl<A> Field<Mark, A> {
    /// The mark moved towards its higher bits (Linux 5.6). A batch refuses 32 bits and more.
    pub fn shl(&self, bits: u32) -> Field<Mark> {
        self.shift(BitOp::Shl(bits))
    }

    /// The mark moved towards its lower bits (Linux 5.6). A batch refuses 32 bits and more.
    pub fn shr(&self, bits: u32) -> Field<Mark> {
        self.shift(BitOp::Shr(bits))
    }

    fn shift(&self, op: BitOp) -> Field<Mark> {
        let mut field = self.read();
        field.source.ops.push(op);
        field
    }
}

impl<V: BitMask, A> Field<V, A> {
    /// Has all of these bits, whatever the others are.
    pub fn has(&self, bits: V) -> Match {
        if bits.has_one_bit() {
            return self.has_any(bits);
        }
        let mask = bits.clone();
        self.masked(mask).eq(bits)
    }

    /// Has at least one of these bits (`ct state established,related`).
    pub fn has_any(&self, bits: V) -> Match {
        self.masked(bits).compare_bits(CmpOp::NEQ)
    }

    /// Has none of these bits (`ct state ! invalid`).
    pub fn has_none(&self, bits: V) -> Match {
        self.masked(bits).compare_bits(CmpOp::EQ)
    }

    /// Compares with no bits at all.
    fn compare_bits(&self, op: CmpOp) -> Match {
        self.test(Test::Cmp { op, data: Data::new(&vec![0; V::LEN]), swap: false })
    }

    /// The bits of the field that `mask` has, all others zero: `tcp flags & (fin | syn) == syn` is
    /// `tcp::flags().masked(TcpFlags::FIN | TcpFlags::SYN).eq(TcpFlags::SYN)`.
    pub fn masked(&self, mask: V) -> Field<V> {
        self.bits(mask, |bits| (bits.clone(), combine(bits, bits, |_, _| 0)))
    }
}

impl<V: Address, A> Field<V, A> {
    /// Begins with the first `len` bits of an address. A batch refuses a prefix that is longer
    /// than the address.
    pub fn in_prefix(&self, address: impl IntoValue<V>, len: u8) -> Match {
        self.prefix(address, len, false)
    }

    /// Does not begin with the first `len` bits of an address.
    pub fn not_in_prefix(&self, address: impl IntoValue<V>, len: u8) -> Match {
        self.prefix(address, len, true)
    }

    fn prefix(&self, address: impl IntoValue<V>, len: u8, not: bool) -> Match {
        if len > V::BITS {
            return self.test(BuildErrorKind::PrefixTooLong { len, max: V::BITS }.into());
        }
        match address.into_value().to_data() {
            Ok(address) => self.test(Test::Prefix { address, len, not }),
            Err(error) => self.test(error.into()),
        }
    }
}

impl<V: Text, A> Field<V, A> {
    /// Begins with the bytes of `beginning`, one to 15 (nft's `"eth*"`).
    pub fn starts_with(&self, beginning: impl IntoValue<V>) -> Match {
        self.beginning(CmpOp::EQ, beginning)
    }

    /// Does not begin with the bytes of `beginning`.
    pub fn not_starts_with(&self, beginning: impl IntoValue<V>) -> Match {
        self.beginning(CmpOp::NEQ, beginning)
    }

    fn beginning(&self, op: CmpOp, beginning: impl IntoValue<V>) -> Match {
        let beginning = beginning.into_value();
        match beginning.to_data() {
            Ok(whole) => {
                // The last byte ends the text: what begins with all others is equal to them.
                let is_whole = beginning.as_bytes().len() + 1 == whole.len();
                let data = if is_whole { whole } else { Data::new(beginning.as_bytes()) };
                self.test(Test::Cmp { op, data, swap: false })
            }
            Err(error) => self.test(error.into()),
        }
    }
}

impl<V, A> Clone for Field<V, A> {
    fn clone(&self) -> Self {
        Self { source: self.source.clone(), of: PhantomData }
    }
}

impl<V, A> fmt::Debug for Field<V, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({})", self.source.name)
    }
}
