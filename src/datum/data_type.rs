//! The numbers of nft's data types, and how nft writes their values.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::{
    ArpOp, Boolean, ByteOrder, CgroupV2, ClassId, CtDirection, CtEvents, CtLabel, CtState, CtStatus, Date, Datum, Day,
    DccpPktType, DevGroup, Dscp, Ecn, EtherAddr, EtherType, Expiration, FibAddrType, Gid, HelperName, Hour, IcmpCode,
    IcmpType, Icmpv6Code, Icmpv6Type, IcmpxCode, IfIndex, IfName, IfType, IgmpType, Integer8, L4Proto, Mark, MhType,
    PktType, Port, Realm, TcpFlags, Uid, is_prefix,
};
use crate::wire::newtype::open_number;
use crate::wire::{Family, align};

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

    /// Whether values are text, which sorts byte by byte.
    pub(crate) const fn is_text(self) -> bool {
        matches!(self, Self::IFNAME | Self::STRING)
    }

    /// The type of a concatenation, from that of the parts before and the next part's.
    pub(crate) const fn followed_by(self, part: Self) -> Self {
        Self::from_raw(self.get() << Self::BITS | part.get())
    }

    /// The length of the prefix that an interval of addresses is, if it is one.
    pub(crate) fn prefix_len(self, start: &[u8], end: &[u8]) -> Option<u8> {
        if !matches!(self, Self::IPV4_ADDR | Self::IPV6_ADDR) || start.len() != end.len() {
            return None;
        }
        let lens = 0..=(start.len() * 8).min(255) as u8;
        lens.into_iter().find(|&len| is_prefix(start, end, len))
    }

    /// Returns the bytes of a value of the type, or `None` if nft's type does not say or the type
    /// is unknown. Each part of a concatenation takes a multiple of four bytes.
    ///
    /// ```
    /// use nftlink::datum::DataType;
    /// assert_eq!(DataType::INET_SERVICE.len(), Some(2));
    /// assert_eq!(DataType::from_raw(7 << 6 | 13).len(), Some(8));
    /// assert_eq!(DataType::INTEGER.len(), None);
    /// ```
    #[expect(clippy::len_without_is_empty, reason = "no type has values without bytes")]
    pub fn len(self) -> Option<usize> {
        match self.layout() {
            Some((len, _)) => Some(len),
            None if self.is_concatenation() => {
                self.parts().map(|part| part.layout().map(|(len, _)| align(len))).sum::<Option<usize>>()
            }
            None => None,
        }
    }

    /// The order of a value's bytes, as far as the type tells; of a concatenation, each part has
    /// its own.
    pub(crate) fn order(self) -> ByteOrder {
        self.layout().map_or(ByteOrder::None, |(_, order)| order)
    }

    /// Bytes of a value of one type, and their order (nft's `src/datatype.c`).
    fn layout(self) -> Option<(usize, ByteOrder)> {
        Some(match self {
            Self::NF_PROTO | Self::INET_PROTO | Self::DCCP_PKTTYPE | Self::CT_DIR | Self::BOOLEAN => {
                (1, ByteOrder::None)
            }
            // One byte has an order for nft, too, which it notes of sets.
            Self::ICMP_TYPE
            | Self::ICMP_CODE
            | Self::ICMPV6_TYPE
            | Self::ICMPV6_CODE
            | Self::ICMPX_CODE
            | Self::IGMP_TYPE
            | Self::MH_TYPE
            | Self::DSCP
            | Self::TCP_FLAG
            | Self::ECN => (1, ByteOrder::Network),
            Self::PKT_TYPE | Self::DAY => (1, ByteOrder::Host),
            Self::ETHER_TYPE | Self::ARP_OP | Self::INET_SERVICE => (2, ByteOrder::Network),
            Self::IFACE_TYPE => (2, ByteOrder::Host),
            Self::IPV4_ADDR => (4, ByteOrder::Network),
            Self::TIME
            | Self::MARK
            | Self::IFACE_INDEX
            | Self::REALM
            | Self::CLASSID
            | Self::UID
            | Self::GID
            | Self::CT_STATE
            | Self::CT_STATUS
            | Self::DEVGROUP
            | Self::FIB_ADDRTYPE
            | Self::CT_EVENT
            | Self::HOUR => (4, ByteOrder::Host),
            Self::ETHER_ADDR => (6, ByteOrder::Network),
            Self::DATE | Self::CGROUPSV2 => (8, ByteOrder::Host),
            Self::IPV6_ADDR => (16, ByteOrder::Network),
            Self::CT_LABEL | Self::IFNAME => (16, ByteOrder::Host),
            _ => return None,
        })
    }

    /// Whether the type tells the length and the order of its values.
    pub(crate) fn layout_is_known(self) -> bool {
        self.layout().is_some()
    }

    fn is_concatenation(self) -> bool {
        self != Self::SET_VERDICT && self.get() >= 1 << Self::BITS
    }

    /// Iterates over the types of a concatenation, or over the one type.
    ///
    /// nft gives each six bits, and there are five of them at most in a number.
    ///
    /// ```
    /// use nftlink::datum::DataType;
    ///
    /// let address_and_port = DataType::from_raw(7 << 6 | 13);
    /// assert!(address_and_port.parts().eq([DataType::IPV4_ADDR, DataType::INET_SERVICE]));
    /// ```
    pub fn parts(self) -> impl Iterator<Item = Self> {
        let shifts = (0..u32::BITS.div_ceil(Self::BITS)).rev().map(|n| n * Self::BITS);
        let (whole, shifts) = if self.is_concatenation() { (None, Some(shifts)) } else { (Some(self), None) };
        let parts = shifts.into_iter().flatten().map(move |shift| self.get() >> shift & ((1 << Self::BITS) - 1));
        whole.into_iter().chain(parts.skip_while(|&part| part == 0).map(Self))
    }

    /// The parts of a value of `len` bytes, with the place of each; `None` if their lengths are
    /// unknown or do not fit. A type that is no concatenation is one part.
    pub(super) fn fields(self, len: usize) -> Option<Vec<(Self, Range<usize>)>> {
        if !self.is_concatenation() {
            return Some(vec![(self, 0..len)]);
        }
        let mut at = 0;
        let fields = self.parts().map(|part| {
            let (start, (bytes, _)) = (at, part.layout()?);
            at += align(bytes);
            Some((part, start..start + bytes))
        });
        let fields = fields.collect::<Option<Vec<_>>>()?;
        (at == len).then_some(fields)
    }

    /// Displays a value of this type as nft does, in UTC and with numbers where nft asks the
    /// machine for a name; of a type without words for its values, the bytes in hexadecimal.
    ///
    /// ```
    /// use nftlink::datum::DataType;
    /// assert_eq!(DataType::IPV4_ADDR.display(&[192, 0, 2, 1]).to_string(), "192.0.2.1");
    /// let address_and_port = DataType::from_raw(7 << 6 | 13);
    /// assert_eq!(address_and_port.display(&[192, 0, 2, 1, 0, 22, 0, 0]).to_string(), "192.0.2.1 . 22");
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
        if !self.is_concatenation() {
            return self.show_one(bytes, f);
        }
        let Some(fields) = self.fields(bytes.len()) else { return hexadecimal(bytes, f) };
        for (n, (part, place)) in fields.into_iter().enumerate() {
            if n > 0 {
                f.write_str(" . ")?;
            }
            part.show_one(bytes.get(place).unwrap_or_default(), f)?;
        }
        Ok(())
    }

    fn show_one(self, bytes: &[u8], f: &mut impl fmt::Write) -> fmt::Result {
        fn plain<V: Datum + fmt::Display>(bytes: &[u8], f: &mut impl fmt::Write) -> Option<fmt::Result> {
            V::from_data(bytes).map(|value| write!(f, "{value}"))
        }

        fn quoted<V: Datum + fmt::Display>(bytes: &[u8], f: &mut impl fmt::Write) -> Option<fmt::Result> {
            V::from_data(bytes).map(|value| write!(f, "\"{value}\""))
        }

        let shown = match self {
            Self::NF_PROTO => Family::from_data(bytes).map(|family| match family {
                Family::IP => f.write_str("ipv4"),
                Family::IP6 => f.write_str("ipv6"),
                other => write!(f, "{}", other.get()),
            }),
            // Of a longer one, the type does not tell the order.
            Self::INTEGER => plain::<Integer8>(bytes, f),
            Self::STRING => quoted::<HelperName>(bytes, f),
            Self::IPV4_ADDR => plain::<Ipv4Addr>(bytes, f),
            Self::IPV6_ADDR => plain::<Ipv6Addr>(bytes, f),
            Self::ETHER_ADDR => plain::<EtherAddr>(bytes, f),
            Self::ETHER_TYPE => plain::<EtherType>(bytes, f),
            Self::ARP_OP => plain::<ArpOp>(bytes, f),
            Self::INET_PROTO => plain::<L4Proto>(bytes, f),
            Self::INET_SERVICE => plain::<Port>(bytes, f),
            Self::ICMP_TYPE => plain::<IcmpType>(bytes, f),
            Self::TCP_FLAG => plain::<TcpFlags>(bytes, f),
            Self::DCCP_PKTTYPE => plain::<DccpPktType>(bytes, f),
            Self::MH_TYPE => plain::<MhType>(bytes, f),
            Self::TIME => plain::<Expiration>(bytes, f),
            Self::MARK => plain::<Mark>(bytes, f),
            Self::IFACE_INDEX => plain::<IfIndex>(bytes, f),
            Self::IFACE_TYPE => plain::<IfType>(bytes, f),
            Self::REALM => plain::<Realm>(bytes, f),
            Self::CLASSID => plain::<ClassId>(bytes, f),
            Self::UID => plain::<Uid>(bytes, f),
            Self::GID => plain::<Gid>(bytes, f),
            Self::CT_STATE => plain::<CtState>(bytes, f),
            Self::CT_DIR => plain::<CtDirection>(bytes, f),
            Self::CT_LABEL => plain::<CtLabel>(bytes, f),
            Self::CT_STATUS => plain::<CtStatus>(bytes, f),
            Self::ICMPV6_TYPE => plain::<Icmpv6Type>(bytes, f),
            Self::PKT_TYPE => plain::<PktType>(bytes, f),
            Self::ICMP_CODE => plain::<IcmpCode>(bytes, f),
            Self::ICMPV6_CODE => plain::<Icmpv6Code>(bytes, f),
            Self::ICMPX_CODE => plain::<IcmpxCode>(bytes, f),
            Self::DEVGROUP => plain::<DevGroup>(bytes, f),
            Self::DSCP => plain::<Dscp>(bytes, f),
            Self::ECN => plain::<Ecn>(bytes, f),
            Self::BOOLEAN => plain::<Boolean>(bytes, f),
            Self::CT_EVENT => plain::<CtEvents>(bytes, f),
            Self::FIB_ADDRTYPE => plain::<FibAddrType>(bytes, f),
            Self::IFNAME => quoted::<IfName>(bytes, f),
            Self::IGMP_TYPE => plain::<IgmpType>(bytes, f),
            Self::DATE => quoted::<Date>(bytes, f),
            Self::HOUR => quoted::<Hour>(bytes, f),
            Self::DAY => quoted::<Day>(bytes, f),
            Self::CGROUPSV2 => plain::<CgroupV2>(bytes, f),
            _ => None,
        };
        shown.unwrap_or_else(|| hexadecimal(bytes, f))
    }

    /// Returns nft's words for the type, of a concatenation those of its parts:
    /// `ipv4_addr . inet_service`.
    pub fn describe(self) -> String {
        let parts: Vec<String> = self.parts().map(|part| part.to_string()).collect();
        parts.join(" . ")
    }
}

fn hexadecimal(bytes: &[u8], f: &mut impl fmt::Write) -> fmt::Result {
    f.write_str("0x")?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests;
