//! The data types that std has no type for.

use std::fmt;

use super::number::{from_integer, number};
use super::{ByteOrder, DataType, Datum, Ordered};
use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::wire::name::escape;
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

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        Ok(Data::from(order::host_u32(self.0)))
    }

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

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        Ok(Data::from([u8::from(self.0)]))
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(Self(false)),
            [1] => Some(Self(true)),
            _ => None,
        }
    }
}

/// The name of a network interface: one to 15 bytes, without a NUL (`ifname`).
///
/// A batch refuses another. A `*` at the end is part of the name here, unlike in nft's language:
/// [`Field::starts_with`](crate::field::Field::starts_with) matches the beginning of a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IfName {
    bytes: [u8; IfName::SIZE],
    /// The true length, also if it is too long.
    len: u8,
}

impl IfName {
    /// Bytes that the kernel keeps for a name, NUL included (`IFNAMSIZ`).
    const SIZE: usize = 16;

    /// Takes a name as it is; what is wrong with it is told by the batch.
    pub fn new(name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        let kept = name.len().min(Self::SIZE);
        let mut bytes = [0; Self::SIZE];
        bytes[..kept].copy_from_slice(&name[..kept]);
        Self { bytes, len: u8::try_from(name.len()).unwrap_or(u8::MAX) }
    }

    /// Returns the name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len).min(Self::SIZE)]
    }

    /// Returns the name as text, or `None` if it is not UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }
}

impl Datum for IfName {
    const TYPE: DataType = DataType::IFNAME;
    const LEN: usize = IfName::SIZE;
    const ORDER: ByteOrder = ByteOrder::Host;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        let reason = match usize::from(self.len) {
            0 => "it is empty",
            Self::SIZE.. => "it may have 15 bytes",
            _ if self.as_bytes().contains(&0) => "it has a NUL in it",
            _ => return Ok(Data::from(self.bytes)),
        };
        Err(BuildErrorKind::BadValue { what: "interface name", value: self.to_string().into(), reason })
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().ok()?;
        bytes.split(|&byte| byte == 0).next().map(Self::new)
    }
}

impl From<&str> for IfName {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for IfName {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl From<&String> for IfName {
    fn from(name: &String) -> Self {
        Self::new(name)
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(self.as_bytes(), f)
    }
}

impl fmt::Debug for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_the_kernel_cannot_have_are_refused() {
        assert_eq!(IfName::new("eth0").to_data().unwrap().as_bytes(), b"eth0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert!(IfName::new("123456789012345").to_data().is_ok());
        for bad in ["", "1234567890123456", "12345678901234567", "a\0b"] {
            assert!(IfName::new(bad).to_data().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_interface_name_is_read_up_to_its_nul() {
        let name = IfName::from_data(b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0").unwrap();
        assert_eq!(name.as_str(), Some("lo"));
        assert_eq!(IfName::from_data(b"lo"), None);
    }
}
