//! The data types that std has no type for.

use std::fmt;

use super::number::{from_integer, number};
use super::{ByteOrder, DataType, Datum, Ordered};
use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::wire::newtype::open_number;
use crate::wire::order;

number! {
    /// A TCP, UDP, SCTP or DCCP port (`inet_service`).
    Port(u16)
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

number! {
    /// A firewall mark, of a packet or a connection (`mark`).
    Mark(u32)
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl Datum for Mark {
    const TYPE: DataType = DataType::MARK;
    const LEN: usize = 4;
    const ORDER: ByteOrder = ByteOrder::Host;

    #[inline]
    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        Ok(Data::from(order::host_u32(self.0)))
    }

    #[inline]
    fn from_data(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(order::from_host_u32(bytes)))
    }
}

impl Ordered for Mark {}

open_number! {
    /// A protocol of the transport layer (`inet_proto`, `IPPROTO_*`).
    #[doc(alias = "IPPROTO")]
    pub struct L4Proto(u8) {
        /// ICMP.
        ICMP = 1, "icmp";
        /// IGMP.
        IGMP = 2, "igmp";
        /// TCP.
        TCP = 6, "tcp";
        /// UDP.
        UDP = 17, "udp";
        /// DCCP.
        DCCP = 33, "dccp";
        /// GRE.
        GRE = 47, "gre";
        /// IPsec's encapsulating security payload.
        ESP = 50, "esp";
        /// IPsec's authentication header.
        AH = 51, "ah";
        /// ICMPv6.
        ICMPV6 = 58, "ipv6-icmp";
        /// IP payload compression.
        COMP = 108, "ipcomp";
        /// SCTP.
        SCTP = 132, "sctp";
        /// UDP-Lite.
        UDPLITE = 136, "udplite";
    }
}

from_integer! { L4Proto(u8); }

/// Whether something is there or is so, 1 byte (`boolean`).
#[doc(alias = "boolean")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Boolean(bool);

impl Boolean {
    /// Wraps the answer.
    pub const fn new(answer: bool) -> Self {
        Self(answer)
    }

    /// Returns the answer.
    pub const fn get(self) -> bool {
        self.0
    }
}

impl From<bool> for Boolean {
    fn from(answer: bool) -> Self {
        Self(answer)
    }
}

impl fmt::Display for Boolean {
    /// Writes `exists` or `missing`, as nft does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "exists" } else { "missing" })
    }
}

impl Datum for Boolean {
    const TYPE: DataType = DataType::BOOLEAN;
    const LEN: usize = 1;
    const ORDER: ByteOrder = ByteOrder::None;

    #[inline]
    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        Ok(Data::from([u8::from(self.0)]))
    }

    #[inline]
    fn from_data(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(Self(false)),
            [1] => Some(Self(true)),
            _ => None,
        }
    }
}
