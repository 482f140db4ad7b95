//! nft's data types as Rust types: register bytes, type number, byte order.

mod types;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

pub use types::{IfName, L4Proto, Mark, Port};

use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::wire::newtype::open_number;
use crate::wire::{Family, order};

open_number! {
    /// The number of an nft data type, as sets keep it (`NFTA_SET_KEY_TYPE`).
    ///
    /// The kernel only compares it; the numbers are nft's own (`enum datatypes` in its
    /// `include/datatype.h`). A concatenation has six bits for each of its types.
    pub struct DataType(u32) {
        /// A verdict, in nft's own numbering; sets use [`SET_VERDICT`](Self::SET_VERDICT).
        VERDICT = 1, "verdict";
        /// Family of the network layer, 1 byte.
        NF_PROTO = 2, "nf_proto";
        /// A bit mask.
        BITMASK = 3, "bitmask";
        /// A number; its length and order are told by userdata.
        INTEGER = 4, "integer";
        /// Text.
        STRING = 5, "string";
        /// A link-layer address.
        LL_ADDR = 6, "ll_addr";
        /// IPv4 address, 4 bytes.
        IPV4_ADDR = 7, "ipv4_addr";
        /// IPv6 address, 16 bytes.
        IPV6_ADDR = 8, "ipv6_addr";
        /// Ethernet address, 6 bytes.
        ETHER_ADDR = 9, "ether_addr";
        /// Ethernet protocol, 2 bytes.
        ETHER_TYPE = 10, "ether_type";
        /// ARP operation, 2 bytes.
        ARP_OP = 11, "arp_op";
        /// Protocol of the transport layer, 1 byte.
        INET_PROTO = 12, "inet_proto";
        /// Port, 2 bytes.
        INET_SERVICE = 13, "inet_service";
        /// ICMP type, 1 byte.
        ICMP_TYPE = 14, "icmp_type";
        /// TCP flags, 1 byte.
        TCP_FLAG = 15, "tcp_flag";
        /// DCCP packet type, 4 bits.
        DCCP_PKTTYPE = 16, "dccp_pkttype";
        /// Mobility header type, 1 byte.
        MH_TYPE = 17, "mh_type";
        /// A duration, 4 bytes in the host's order.
        TIME = 18, "time";
        /// Mark, 4 bytes in the host's order.
        MARK = 19, "mark";
        /// Interface index, 4 bytes in the host's order.
        IFACE_INDEX = 20, "iface_index";
        /// ARPHRD type, 2 bytes in the host's order.
        IFACE_TYPE = 21, "iface_type";
        /// Routing realm, 4 bytes in the host's order.
        REALM = 22, "realm";
        /// Traffic-control class, 4 bytes in the host's order.
        CLASSID = 23, "classid";
        /// User id, 4 bytes in the host's order.
        UID = 24, "uid";
        /// Group id, 4 bytes in the host's order.
        GID = 25, "gid";
        /// Connection state, 4 bytes in the host's order.
        CT_STATE = 26, "ct_state";
        /// Connection direction, 1 byte.
        CT_DIR = 27, "ct_dir";
        /// Connection status, 4 bytes in the host's order.
        CT_STATUS = 28, "ct_status";
        /// ICMPv6 type, 1 byte.
        ICMPV6_TYPE = 29, "icmpv6_type";
        /// Connection label, 16 bytes in the host's order.
        CT_LABEL = 30, "ct_label";
        /// Unicast, broadcast, multicast …, 1 byte.
        PKT_TYPE = 31, "pkt_type";
        /// ICMP code, 1 byte.
        ICMP_CODE = 32, "icmp_code";
        /// ICMPv6 code, 1 byte.
        ICMPV6_CODE = 33, "icmpv6_code";
        /// Code of both, 1 byte.
        ICMPX_CODE = 34, "icmpx_code";
        /// Interface group, 4 bytes in the host's order.
        DEVGROUP = 35, "devgroup";
        /// Differentiated services code point, 6 bits.
        DSCP = 36, "dscp";
        /// Explicit congestion notification, 2 bits.
        ECN = 37, "ecn";
        /// Address type of the routing table, 4 bytes in the host's order.
        FIB_ADDRTYPE = 38, "fib_addrtype";
        /// True or false, 1 bit.
        BOOLEAN = 39, "boolean";
        /// Connection events, 4 bytes in the host's order.
        CT_EVENT = 40, "ct_event";
        /// Interface name, 16 bytes.
        IFNAME = 41, "ifname";
        /// IGMP type, 1 byte.
        IGMP_TYPE = 42, "igmp_type";
        /// Date, 8 bytes in the host's order.
        DATE = 43, "time";
        /// Second of the day, 4 bytes in the host's order.
        HOUR = 44, "hour";
        /// Day of the week, 1 byte.
        DAY = 45, "day";
        /// Id of a version 2 control group, 8 bytes in the host's order.
        CGROUPSV2 = 46, "cgroupsv2";
        /// Marks a verdict map (`NFT_DATA_VERDICT`).
        SET_VERDICT = 0xffff_ff00, "verdict";
    }
}

impl DataType {
    /// Bits that each type of a concatenation takes.
    const BITS: u32 = 6;

    /// Displays a value of this type as nft does; of a type without words for its values, the
    /// bytes in hexadecimal.
    ///
    /// ```
    /// use nftlink::datum::DataType;
    /// assert_eq!(DataType::IPV4_ADDR.display(&[192, 0, 2, 1]).to_string(), "192.0.2.1");
    /// ```
    pub fn display(self, bytes: &[u8]) -> impl fmt::Display + '_ {
        struct Shown<'a>(DataType, &'a [u8]);

        impl fmt::Display for Shown<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.show(self.1, f)
            }
        }

        Shown(self, bytes)
    }

    /// Writes a value of this type as [`display`](Self::display) does.
    pub(crate) fn show(self, bytes: &[u8], f: &mut impl fmt::Write) -> fmt::Result {
        if let (Self::IPV4_ADDR, Some(address)) = (self, Ipv4Addr::from_data(bytes)) {
            return write!(f, "{address}");
        }
        if let (Self::IPV6_ADDR, Some(address)) = (self, Ipv6Addr::from_data(bytes)) {
            return write!(f, "{address}");
        }
        if let (Self::INET_SERVICE, Some(port)) = (self, Port::from_data(bytes)) {
            return write!(f, "{}", port.get());
        }
        if let (Self::MARK, Some(mark)) = (self, Mark::from_data(bytes)) {
            return write!(f, "{:#010x}", mark.get());
        }
        if let (Self::IFNAME, Some(name)) = (self, IfName::from_data(bytes)) {
            return write!(f, "\"{name}\"");
        }
        if let (Self::INET_PROTO, Some(proto)) = (self, L4Proto::from_data(bytes)) {
            return write!(f, "{proto}");
        }
        f.write_str("0x")?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }

    /// Returns nft's words for the type, of a concatenation those of its parts:
    /// `ipv4_addr . inet_service`.
    pub fn describe(self) -> String {
        if self == Self::SET_VERDICT || self.get() < 1 << Self::BITS {
            return self.to_string();
        }
        let parts: Vec<String> = (0..u32::BITS.div_ceil(Self::BITS))
            .rev()
            .map(|n| (self.get() >> (n * Self::BITS)) & ((1 << Self::BITS) - 1))
            .skip_while(|&part| part == 0)
            .map(|part| Self::from_raw(part).to_string())
            .collect();
        parts.join(" . ")
    }
}

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
}

/// A value of an nft data type, as the kernel's registers and sets have it.
///
/// The Rust type decides the type number: `u16` can be many things, a [`Port`] is one.
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
pub trait Ordered: Datum {}

/// An address: what has prefixes.
pub trait Address: Ordered {
    /// Bits of an address.
    const BITS: u8 = (Self::LEN * 8) as u8;
}

/// What can stand where a field of type `V` wants a value.
///
/// A data type itself can, and for the types that are numbers the integer of their size.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of the nft data type `{V}`",
    label = "the field is compared with a `{V}`",
    note = "a port converts from `u16`, a mark from `u32`, a protocol from `u8`, an interface name from text"
)]
pub trait IntoValue<V> {
    /// Converts into the data type.
    fn into_value(self) -> V;
}

impl<V: Datum> IntoValue<V> for V {
    fn into_value(self) -> V {
        self
    }
}

macro_rules! network_order {
    ($($type:ty: $number:ident, $len:literal, |$value:ident| $to:expr, $from:expr;)*) => {$(
        impl Datum for $type {
            const TYPE: DataType = DataType::$number;
            const LEN: usize = $len;
            const ORDER: ByteOrder = if $len == 1 { ByteOrder::None } else { ByteOrder::Network };

            fn to_data(&self) -> Result<Data, BuildErrorKind> {
                let $value = self;
                Ok(Data::from($to))
            }

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

/// Bytes of `data` in an order in which the kernel's comparison is the value's.
pub(crate) fn sortable<V: Ordered>(value: &V) -> Result<Data, BuildErrorKind> {
    value.to_data().map(|data| match V::ORDER {
        ByteOrder::Host => reversed_if_little(&data),
        _ => data,
    })
}

/// The bytes of a value whose [`sortable`] bytes these are, by the number of its type.
pub(crate) fn unsorted(kind: DataType, bytes: &Data) -> Data {
    match kind {
        DataType::MARK => reversed_if_little(bytes),
        _ => bytes.clone(),
    }
}

/// The value whose [`sortable`] bytes these are.
pub(crate) fn from_sortable<V: Ordered>(bytes: &[u8]) -> Option<V> {
    match V::ORDER {
        ByteOrder::Host => V::from_data(reversed_if_little(&Data::new(bytes)).as_bytes()),
        _ => V::from_data(bytes),
    }
}

fn reversed_if_little(data: &Data) -> Data {
    let mut bytes = data.as_bytes().to_vec();
    if cfg!(target_endian = "little") {
        bytes.reverse();
    }
    Data::new(&bytes)
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
    let mut inline = [0; 16];
    let mut heap = Vec::new();
    let out = match inline.get_mut(..bytes.len()) {
        Some(out) => out,
        None => {
            heap.resize(bytes.len(), 0);
            heap.as_mut_slice()
        }
    };
    out[..at].copy_from_slice(&bytes[..at]);
    out[at] = next(bytes[at]);
    out[at + 1..].fill(wrapped);
    Some(Data::new(out))
}

/// Values from a first to a last one, both of them in it: a range, a prefix, or a single value.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::Interval;
///
/// let net = Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8);
/// assert_eq!(net, Interval::range(Ipv4Addr::new(10, 0, 0, 0)..=Ipv4Addr::new(10, 255, 255, 255)));
/// assert_eq!(net, "10.0.0.0/8".parse().unwrap());
/// assert_eq!(net.to_string(), "10.0.0.0/8");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval<V> {
    start: V,
    end: V,
    /// A prefix length that the address does not have: told by the batch.
    bad_prefix: Option<u8>,
}

impl<V: Ordered> Interval<V> {
    /// A single value.
    pub fn value(value: impl IntoValue<V>) -> Self {
        let value = value.into_value();
        Self { start: value.clone(), end: value, bad_prefix: None }
    }

    /// The values from the range's start to its end. A batch refuses one that ends before it starts.
    pub fn range<T: IntoValue<V>>(range: RangeInclusive<T>) -> Self {
        let (start, end) = range.into_inner();
        Self { start: start.into_value(), end: end.into_value(), bad_prefix: None }
    }

    /// All values from `start` on, to the highest that there is.
    pub fn at_least(start: impl IntoValue<V>) -> Self {
        let start = start.into_value();
        let end = from_sortable(&vec![u8::MAX; V::LEN]).unwrap_or_else(|| start.clone());
        Self { start, end, bad_prefix: None }
    }

    /// Returns the lowest value.
    pub fn start(&self) -> &V {
        &self.start
    }

    /// Returns the highest value.
    pub fn end(&self) -> &V {
        &self.end
    }

    /// Both bounds as bytes that sort, if they make sense.
    pub(crate) fn bounds(&self) -> Result<(Data, Data), BuildErrorKind> {
        if let Some(len) = self.bad_prefix {
            return Err(BuildErrorKind::PrefixTooLong { len, max: (V::LEN * 8) as u8 });
        }
        let (start, end) = (sortable(&self.start)?, sortable(&self.end)?);
        if start > end {
            let text = |value: &V| -> Box<str> {
                let mut text = String::new();
                let _ = V::TYPE.show(value.to_data().unwrap_or_else(|_| Data::new(&[])).as_bytes(), &mut text);
                text.into()
            };
            return Err(BuildErrorKind::RangeReversed { start: text(&self.start), end: text(&self.end) });
        }
        Ok((start, end))
    }
}

impl<V: Address> Interval<V> {
    /// The addresses whose first `len` bits are those of `address`; the others do not matter.
    /// A batch refuses a prefix that is longer than the address.
    pub fn prefix(address: impl IntoValue<V>, len: u8) -> Self {
        let address = address.into_value();
        let masked = |fill| {
            let bytes = prefix_bound(address.to_data().ok()?.as_bytes(), len, fill);
            V::from_data(&bytes)
        };
        let start = masked(0).unwrap_or_else(|| address.clone());
        let end = masked(u8::MAX).unwrap_or_else(|| address.clone());
        Self { start, end, bad_prefix: (len > V::BITS).then_some(len) }
    }

    /// Returns the length of the prefix that this is, if it is one.
    pub fn prefix_len(&self) -> Option<u8> {
        let (start, end) = self.bounds().ok()?;
        let (start, end) = (start.as_bytes(), end.as_bytes());
        let len: u32 = {
            let same = start.iter().zip(end).take_while(|(a, b)| a == b).count();
            let rest = start.get(same).zip(end.get(same)).map_or(0, |(a, b)| (a ^ b).leading_zeros());
            same as u32 * 8 + rest
        };
        let len = u8::try_from(len).ok()?;
        (prefix_bound(start, len, 0) == start && prefix_bound(start, len, u8::MAX) == end).then_some(len)
    }
}

/// `address` with all bits after the first `len` taken from `fill`.
pub(crate) fn prefix_bound(address: &[u8], len: u8, fill: u8) -> Vec<u8> {
    let mask = prefix_mask(address.len(), len);
    address.iter().zip(mask).map(|(byte, mask)| (byte & mask) | (fill & !mask)).collect()
}

/// The first `len` bits of `bytes` bytes.
pub(crate) fn prefix_mask(bytes: usize, len: u8) -> impl Iterator<Item = u8> {
    (0..bytes).map(move |n| match usize::from(len).saturating_sub(n * 8) {
        bits @ 0..8 => !(u8::MAX >> bits),
        _ => u8::MAX,
    })
}

impl<V: Ordered> From<V> for Interval<V> {
    fn from(value: V) -> Self {
        Self::value(value)
    }
}

impl<V: Ordered> From<RangeInclusive<V>> for Interval<V> {
    fn from(range: RangeInclusive<V>) -> Self {
        Self::range(range)
    }
}

impl<V: Ordered> fmt::Display for Interval<V> {
    /// Writes what nft writes: a value, a prefix, or a range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Ok(start), Ok(end)) = (self.start.to_data(), self.end.to_data()) else { return f.write_str("?") };
        show_interval(V::TYPE, start.as_bytes(), end.as_bytes(), f)
    }
}

/// Writes an interval as nft does.
pub(crate) fn show_interval(kind: DataType, start: &[u8], end: &[u8], f: &mut impl fmt::Write) -> fmt::Result {
    kind.show(start, f)?;
    if start == end {
        return Ok(());
    }
    if matches!(kind, DataType::IPV4_ADDR | DataType::IPV6_ADDR) && start.len() == end.len() {
        for len in 0..=(start.len() * 8).min(255) as u8 {
            if prefix_bound(start, len, 0) == start && prefix_bound(start, len, u8::MAX) == end {
                return write!(f, "/{len}");
            }
        }
    }
    f.write_str("-")?;
    kind.show(end, f)
}

/// Text that is no interval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address, prefix (ADDRESS/LENGTH) or range (FIRST-LAST)")]
pub struct ParseIntervalError {
    text: Box<str>,
}

impl<V: Address + FromStr> FromStr for Interval<V> {
    type Err = ParseIntervalError;

    /// Reads an address, a prefix (`10.0.0.0/8`) or a range (`10.0.0.1-10.0.0.9`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseIntervalError { text: text.into() };
        let address = |part: &str| part.parse::<V>().map_err(|_| error());
        let interval = if let Some((first, len)) = text.split_once('/') {
            Self::prefix(address(first)?, len.parse().map_err(|_| error())?)
        } else if let Some((first, last)) = text.split_once('-') {
            Self::range(address(first)?..=address(last)?)
        } else {
            Self::value(address(text)?)
        };
        if interval.bounds().is_ok() { Ok(interval) } else { Err(error()) }
    }
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
        assert_eq!(long.bounds(), Err(BuildErrorKind::PrefixTooLong { len: 33, max: 32 }));
        let reversed = Interval::<Port>::range(RangeInclusive::new(20u16, 10));
        assert_eq!(reversed.bounds(), Err(BuildErrorKind::RangeReversed { start: "20".into(), end: "10".into() }));
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
    fn numbers_of_the_hosts_order_sort_as_numbers() {
        let (start, end) = Interval::<Mark>::range(1..=256).bounds().unwrap();
        assert_eq!((start.as_bytes(), end.as_bytes()), (&[0, 0, 0, 1][..], &[0, 0, 1, 0][..]));
        assert_eq!(from_sortable::<Mark>(&[0, 0, 1, 0]), Some(Mark::new(256)));
    }

    #[test]
    fn values_are_shown_as_nft_shows_them() {
        let show = |kind: DataType, bytes: &[u8]| {
            let mut text = String::new();
            kind.show(bytes, &mut text).unwrap();
            text
        };
        assert_eq!(show(DataType::IPV4_ADDR, &[1, 2, 3, 4]), "1.2.3.4");
        assert_eq!(show(DataType::IPV4_ADDR, &[1, 2, 3]), "0x010203");
        assert_eq!(show(DataType::INET_SERVICE, &[0, 80]), "80");
        assert_eq!(show(DataType::INET_PROTO, &[6]), "tcp");
        assert_eq!(show(DataType::IFNAME, b"eth0\0\0\0\0\0\0\0\0\0\0\0\0"), "\"eth0\"");
        assert_eq!(DataType::from_raw(7 << 6 | 13).describe(), "ipv4_addr . inet_service");
        assert_eq!(DataType::SET_VERDICT.describe(), "verdict");
    }
}
