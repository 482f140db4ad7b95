//! nft's data types as Rust types: register bytes, type number, byte order.

mod bytes;
mod conntrack;
mod convert;
mod data_type;
mod header;
mod icmp;
mod interval;
mod link;
mod mask;
mod meta;
mod number;
mod text;
mod time;
mod types;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

pub use bytes::Bytes;
pub use conntrack::{CtEvents, CtLabel, CtState, CtStatus, Expiration};
pub use convert::{IntoKey, IntoMapped, IntoValue};
pub(crate) use convert::{concatenations, conversions};
pub use data_type::DataType;
pub use header::{DccpPktType, Dscp, Ecn, MhType, TcpFlags};
pub use icmp::{IcmpCode, IcmpType, Icmpv6Code, Icmpv6Type, IcmpxCode, IgmpType};
pub use interval::{Interval, ParseIntervalError};
pub(crate) use interval::{common_beginning, show_interval};
pub use link::{ArpOp, EtherAddr, EtherType, ParseEtherAddrError};
pub use meta::{CgroupV2, ClassId, DevGroup, FibAddrType, Gid, IfIndex, IfType, PktType, Realm, SecMark, Uid};
pub use number::{Bitmask8, HostInteger16, HostInteger32, HostInteger64, Integer8, Integer16, Integer24, Integer32};
pub use text::{HelperName, IfName, OsfName, Text};
pub use time::{Date, Day, Hour};
pub use types::{Boolean, L4Proto, Mark, Port};

use crate::error::BuildErrorKind;
pub use crate::expr::CtDirection;
use crate::expr::Data;
use crate::wire::{Family, order};

/// The order of the bytes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ByteOrder {
    /// The value has one byte.
    None,
    /// The host's order.
    Host,
    /// Network order: the most significant byte first.
    Network,
}

impl ByteOrder {
    /// The number that nft keeps in userdata.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Host => 1,
            Self::Network => 2,
        }
    }

    pub(crate) fn from_number(number: u32) -> Option<Self> {
        [Self::None, Self::Host, Self::Network].into_iter().find(|order| order.number() == number)
    }
}

/// A value of an nft data type, as the kernel's registers and sets have it.
///
/// The Rust type decides the type number: `u16` can be many things, a [`Port`] is one.
///
/// One impl makes a type of one's own what fields, sets, maps and concatenations have: fields as
/// [`Field::typed`](crate::field::Field::typed) gives them, `Set<Tenant>`, `Set<(Interval<Tenant>, Port)>`,
/// `Map<Ipv4Addr, Tenant>`. Its [`TYPE`](Self::TYPE) is that of nft's types which nft lists it as. Its values stand
/// wherever those of nft's types do; [`Ordered`] gives it ranges. For something else to stand for them, as a number,
/// there is [`IntoValue`] in comparisons, and [`IntoKey`] and [`IntoElement`](crate::IntoElement) in sets and maps:
///
/// ```
/// use nftlink::datum::{ByteOrder, DataType, Datum, IntoValue};
/// use nftlink::error::BuildErrorKind;
/// use nftlink::expr::Data;
/// use nftlink::field::{ip, meta};
/// use nftlink::{Map, Rule, Table};
///
/// #[derive(Debug, Clone, Copy)]
/// struct Tenant(u32);
///
/// impl Datum for Tenant {
///     const TYPE: DataType = DataType::MARK;
///     const LEN: usize = 4;
///     const ORDER: ByteOrder = ByteOrder::Host;
///
///     fn to_data(&self) -> Result<Data, BuildErrorKind> {
///         Ok(Data::from(self.0.to_ne_bytes()))
///     }
///
///     fn from_data(bytes: &[u8]) -> Option<Self> {
///         bytes.try_into().ok().map(u32::from_ne_bytes).map(Self)
///     }
/// }
///
/// impl IntoValue<Tenant> for u32 {
///     fn into_value(self) -> Tenant {
///         Tenant(self)
///     }
/// }
///
/// let tenant = || meta::mark().typed::<Tenant>();
/// let homes = Map::of(Table::inet("fw"), "homes", ip::saddr()).to(tenant());
/// let rule = Rule::new().set(tenant(), ip::saddr().map(&homes));
/// let guests = Rule::new().when(tenant().eq(7)).drop();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no nft data type",
    label = "an nft data type is wanted here",
    note = "a port is `Port`, not `u16`; the types are in `nftlink::datum`"
)]
pub trait Datum: Clone + fmt::Debug {
    /// The type's number.
    const TYPE: DataType;
    /// Bytes of a value.
    const LEN: usize;
    /// The order of the bytes.
    const ORDER: ByteOrder;

    /// Returns the bytes as a register has them.
    ///
    /// # Errors
    ///
    /// [`BuildErrorKind`] if the value cannot be expressed, as an interface name of 16 bytes.
    fn to_data(&self) -> Result<Data, BuildErrorKind>;

    /// Returns the value that a register with those bytes has, or `None` for a wrong length.
    fn from_data(bytes: &[u8]) -> Option<Self>;
}

/// A data type whose values have an order: numbers and addresses, but not names.
pub trait Ordered: Datum {
    /// Whether the lowest value follows the highest, as midnight does: a range may begin before it and end behind it.
    #[doc(hidden)]
    const WRAPS: bool = false;
}

/// A data type whose values are sets of bits.
pub trait BitMask: Datum {
    /// Returns whether the value has exactly one bit: not none, not several.
    fn has_one_bit(&self) -> bool;
}

/// An address: what has prefixes.
pub trait Address: Ordered {
    /// Bits of an address.
    const BITS: u8 = (Self::LEN * 8) as u8;
}

macro_rules! network_order {
    ($($type:ty: $number:ident, $len:literal, |$value:ident| $to:expr, $from:expr;)*) => {$(
        impl Datum for $type {
            const TYPE: DataType = DataType::$number;
            const LEN: usize = $len;
            const ORDER: ByteOrder = if $len == 1 { ByteOrder::None } else { ByteOrder::Network };

            #[inline]
            fn to_data(&self) -> Result<Data, BuildErrorKind> {
                let $value = self;
                Ok(Data::from($to))
            }

            #[inline]
            fn from_data(bytes: &[u8]) -> Option<Self> {
                <[u8; $len]>::try_from(bytes).ok().map($from)
            }
        }

        impl Ordered for $type {}
    )*};
}

network_order! {
    Ipv4Addr: IPV4_ADDR, 4, |address| address.octets(), Self::from;
    Ipv6Addr: IPV6_ADDR, 16, |address| address.octets(), Self::from;
    Port: INET_SERVICE, 2, |port| order::be_u16(port.get()), |bytes| Self::new(order::from_be_u16(bytes));
    L4Proto: INET_PROTO, 1, |proto| [proto.get()], |[byte]| Self::from_raw(byte);
    Family: NF_PROTO, 1, |family| [family.get()], |[byte]| Self::from_raw(byte);
}

impl Address for Ipv4Addr {}
impl Address for Ipv6Addr {}

/// Whether values of a type are numbers in the host's order, which have to be swapped to be
/// compared. Text is not swapped: it sorts as it is.
const fn is_swapped(kind: DataType, order: ByteOrder) -> bool {
    matches!(order, ByteOrder::Host) && !kind.is_text()
}

/// [`is_swapped`] for a Rust type.
pub(crate) const fn swaps<V: Datum>() -> bool {
    is_swapped(V::TYPE, V::ORDER) && V::LEN > 1
}

/// Bytes of `data` in an order in which the kernel's comparison is the value's.
pub(crate) fn sortable<V: Datum>(value: &V) -> Result<Data, BuildErrorKind> {
    value.to_data().map(|data| if swaps::<V>() { sorted(&data) } else { data })
}

/// The bytes of a value whose [`sortable`] bytes these are, by the number of its type; of a
/// concatenation, each part for itself.
pub(crate) fn unsorted(kind: DataType, bytes: &Data) -> Data {
    let mut bytes = bytes.as_bytes().to_vec();
    for (part, place) in kind.fields(bytes.len()).unwrap_or_default() {
        match bytes.get_mut(place) {
            Some(field) if is_swapped(part, part.order()) => order::sort(field),
            _ => {}
        }
    }
    Data::new(&bytes)
}

/// The value whose [`sortable`] bytes these are.
#[inline]
pub(crate) fn from_sortable<V: Datum>(bytes: &[u8]) -> Option<V> {
    if swaps::<V>() { V::from_data(sorted(&Data::new(bytes)).as_bytes()) } else { V::from_data(bytes) }
}

/// The bytes with their order turned.
pub(crate) fn sorted(data: &Data) -> Data {
    let mut data = data.clone();
    order::sort(data.as_bytes_mut());
    data
}

/// The number after `bytes`, or `None` after the highest.
pub(crate) fn successor(bytes: &[u8]) -> Option<Data> {
    step(bytes, u8::MAX, 0, |byte| byte + 1)
}

/// The number before `bytes`, or `None` before zero.
pub(crate) fn predecessor(bytes: &[u8]) -> Option<Data> {
    step(bytes, 0, u8::MAX, |byte| byte - 1)
}

fn step(bytes: &[u8], last: u8, wrapped: u8, next: impl Fn(u8) -> u8) -> Option<Data> {
    let at = bytes.iter().rposition(|&byte| byte != last)?;
    let mut data = Data::new(bytes);
    if let Some((byte, behind)) = data.as_bytes_mut().get_mut(at..)?.split_first_mut() {
        *byte = next(*byte);
        behind.fill(wrapped);
    }
    Some(data)
}

/// The most bytes of a value that is compared as a [`word`].
const WORD: usize = 16;

/// The [`sortable`] bytes of a value, with zeros behind them, as one number: the fastest way to compare. None of a
/// value that has too many, or cannot be expressed.
#[inline]
pub(crate) fn word<V: Datum>(value: &V) -> Option<u128> {
    if !(1..=WORD).contains(&V::LEN) {
        return None;
    }
    let data = value.to_data().ok()?;
    let bytes = data.as_bytes();
    let number = match V::LEN {
        _ if bytes.len() != V::LEN => return None,
        1 => u128::from(*bytes.first()?),
        2 => order::from_be_u16(*bytes.first_chunk()?).into(),
        4 => order::from_be_u32(*bytes.first_chunk()?).into(),
        8 => order::from_be_u64(*bytes.first_chunk()?).into(),
        WORD => order::from_be_u128(*bytes.first_chunk()?),
        _ => bytes.iter().fold(0, |number, &byte| number << 8 | u128::from(byte)),
    };
    let number = number << unused_bits(V::LEN);
    let swaps = swaps::<V>() && order::HOST_IS_LITTLE;
    Some(if swaps { number.swap_bytes() << unused_bits(V::LEN) } else { number })
}

/// The [`word`] of bytes that are sortable already.
pub(crate) fn word_of(bytes: &[u8]) -> Option<u128> {
    let mut whole = [0; WORD];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(order::from_be_u128(whole))
}

/// The word of the number after that of a [`word`] of `len` bytes, or `None` after the highest.
#[inline]
pub(crate) fn word_after(word: u128, len: usize) -> Option<u128> {
    word.checked_add(1u128.checked_shl(unused_bits(len))?)
}

/// Bits of a word that a value of `len` bytes does not need.
#[inline]
const fn unused_bits(len: usize) -> u32 {
    WORD.saturating_sub(len) as u32 * 8
}

/// `address` with all bits after the first `len` taken from `fill`.
#[inline]
pub(crate) fn prefix_bound(address: &[u8], len: u8, fill: u8) -> Data {
    let mut bound = Data::new(address);
    let bytes = bound.as_bytes_mut();
    let bits = u32::from(len);
    if let Ok(bytes) = <&mut [u8; 4]>::try_from(&mut *bytes) {
        let (number, rest) = (order::from_be_u32(*bytes), u32::MAX.checked_shr(bits).unwrap_or(0));
        *bytes = order::be_u32((number & !rest) | (order::from_be_u32([fill; 4]) & rest));
        return bound;
    }
    if let Ok(bytes) = <&mut [u8; 16]>::try_from(&mut *bytes) {
        let (number, rest) = (order::from_be_u128(*bytes), u128::MAX.checked_shr(bits).unwrap_or(0));
        *bytes = order::be_u128((number & !rest) | (order::from_be_u128([fill; 16]) & rest));
        return bound;
    }
    bytes
        .iter_mut()
        .zip(prefix_mask(address.len(), len))
        .for_each(|(byte, mask)| *byte = (*byte & mask) | (fill & !mask));
    bound
}

/// Whether two bounds are those of a prefix of `len` bits.
pub(crate) fn is_prefix(start: &[u8], end: &[u8], len: u8) -> bool {
    prefix_bound(start, len, 0).as_bytes() == start && prefix_bound(start, len, u8::MAX).as_bytes() == end
}

/// The first `len` bits of `bytes` bytes.
pub(crate) fn prefix_mask(bytes: usize, len: u8) -> impl Iterator<Item = u8> {
    (0..bytes).map(move |n| match usize::from(len).saturating_sub(n * 8) {
        bits @ 0..8 => !(u8::MAX >> bits),
        _ => u8::MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_masked_and_recognized() {
        let interval = |text: &str| text.parse::<Interval<Ipv4Addr>>();
        assert_eq!(interval("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(interval("0.0.0.0/0").unwrap().prefix_len(), Some(0));
        assert_eq!(interval("10.0.0.1").unwrap().to_string(), "10.0.0.1");
        assert_eq!(interval("10.0.0.1-10.0.0.2").unwrap().to_string(), "10.0.0.1-10.0.0.2");
        assert_eq!(interval("10.0.0.0-10.0.0.3").unwrap().to_string(), "10.0.0.0/30");
        assert_eq!("2001:db8::/33".parse::<Interval<Ipv6Addr>>().unwrap().prefix_len(), Some(33));
        for bad in ["", "10.0.0.0/33", "10.0.0.2-10.0.0.1", "10.0.0.0/x", "10.0.0", "::1"] {
            assert!(interval(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn bad_intervals_are_kept_for_the_batch_to_tell() {
        let long = Interval::prefix(Ipv4Addr::LOCALHOST, 33);
        assert_eq!(long.bounds(true), Err(BuildErrorKind::PrefixTooLong { len: 33, max: 32 }));
        let reversed = Interval::<Port>::range(std::ops::RangeInclusive::new(20u16, 10));
        assert_eq!(reversed.bounds(true), Err(BuildErrorKind::RangeReversed { start: "20".into(), end: "10".into() }));
    }

    #[test]
    fn neighbours_of_numbers_of_any_length() {
        assert_eq!(successor(&[0, 255]), Some(Data::from([1, 0])));
        assert_eq!(successor(&[255, 255]), None);
        assert_eq!(predecessor(&[1, 0]), Some(Data::from([0, 255])));
        assert_eq!(predecessor(&[0; 20]), None);
        assert_eq!(successor(&[0; 20]).unwrap().as_bytes()[19], 1);
    }

    #[test]
    fn a_word_is_the_bytes_that_sort() {
        fn check<V: Datum>(values: impl IntoIterator<Item = V>) {
            for value in values {
                let bytes = sortable(&value).unwrap();
                let word = word(&value).unwrap();
                assert_eq!(Some(word), word_of(bytes.as_bytes()), "{value:?}");
                let after = successor(bytes.as_bytes()).map(|after| word_of(after.as_bytes()).unwrap());
                assert_eq!(word_after(word, V::LEN), after, "{value:?}");
            }
        }
        check([0, 1, 255, 256, u16::MAX].map(Port::new));
        check([0, 1, 255, 256, u32::MAX].map(Mark::new));
        check([0, 5, 255].map(L4Proto::from_raw));
        check([0, 256, u64::MAX].map(HostInteger64::new));
        check([0, 1, u32::MAX].map(Ipv4Addr::from_bits));
        check([0, 1 << 64, u128::MAX].map(Ipv6Addr::from_bits));
        check([[0; 3], [1, 2, 255], [255; 3]].map(Bytes::new));
        check([[0; 6], [1, 2, 3, 4, 5, 6], [255; 6]].map(EtherAddr::new));
        check(["a", "eth0"].map(IfName::new));
        assert_eq!(word(&IfName::new("a name that is too long")), None);
        assert_eq!(word(&Bytes::new([0; 17])), None);
    }

    #[test]
    fn prefixes_of_addresses_are_those_of_any_length() {
        let bytes = [0x5a; 17];
        for (len, fill) in (0..=u8::MAX).flat_map(|len| [(len, 0), (len, u8::MAX)]) {
            let any = prefix_bound(&bytes, len, fill);
            assert_eq!(prefix_bound(&bytes[..4], len, fill).as_bytes(), &any.as_bytes()[..4], "{len} {fill}");
            assert_eq!(prefix_bound(&bytes[..16], len, fill).as_bytes(), &any.as_bytes()[..16], "{len} {fill}");
        }
    }

    #[test]
    fn numbers_of_the_hosts_order_sort_as_numbers() {
        let (start, end) = Interval::<Mark>::range(1..=256).bounds(true).unwrap();
        assert_eq!((start.as_bytes(), end.as_bytes()), (&[0, 0, 0, 1][..], &[0, 0, 1, 0][..]));
        assert_eq!(from_sortable::<Mark>(&[0, 0, 1, 0]), Some(Mark::new(256)));
    }
}
