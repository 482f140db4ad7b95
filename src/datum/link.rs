//! What is in the headers of the link layer, and ARP.

use std::fmt;
use std::str::FromStr;

use super::number::{datum, from_integer};
use super::{ByteOrder, DataType, Datum, Ordered};
use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::wire::newtype::open_number;

/// An Ethernet address, 6 bytes as on the wire (`ether_addr`).
///
/// ```
/// use nftlink::datum::EtherAddr;
/// let address: EtherAddr = "02:00:00:00:00:0a".parse().unwrap();
/// assert_eq!(address, EtherAddr::new([2, 0, 0, 0, 0, 10]));
/// assert_eq!(address.to_string(), "02:00:00:00:00:0a");
/// ```
#[doc(alias = "ether_addr")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EtherAddr([u8; 6]);

impl EtherAddr {
    /// Wraps the six bytes.
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// Returns the six bytes.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl From<[u8; 6]> for EtherAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl Datum for EtherAddr {
    const TYPE: DataType = DataType::ETHER_ADDR;
    const LEN: usize = 6;
    const ORDER: ByteOrder = ByteOrder::Network;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        Ok(Data::new(&self.0))
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl Ordered for EtherAddr {}

impl fmt::Display for EtherAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for EtherAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EtherAddr({self})")
    }
}

/// Text that is no Ethernet address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no ethernet address: six bytes, each as two hexadecimal digits, with colons between them")]
pub struct ParseEtherAddrError {
    text: Box<str>,
}

impl FromStr for EtherAddr {
    type Err = ParseEtherAddrError;

    /// Reads six bytes of two hexadecimal digits each, with colons between them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let byte = |part: &str| {
            let is_byte = part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
            is_byte.then(|| u8::from_str_radix(part, 16).ok()).flatten()
        };
        let octets: Option<Vec<u8>> = text.split(':').map(byte).collect();
        let octets = octets.and_then(|octets| octets.try_into().ok());
        octets.map(Self).ok_or_else(|| ParseEtherAddrError { text: text.into() })
    }
}

open_number! {
    /// The protocol that an Ethernet frame carries, 2 bytes in network order (`ether_type`,
    /// `ETH_P_*`).
    #[doc(alias = "ether_type")]
    #[doc(alias = "ETH_P")]
    pub struct EtherType(u16, "{:#06x}") {
        /// IPv4.
        IP = 0x0800, "ip";
        /// ARP.
        ARP = 0x0806, "arp";
        /// A VLAN tag (802.1Q).
        VLAN = 0x8100, "8021q";
        /// IPv6.
        IP6 = 0x86dd, "ip6";
        /// A provider's VLAN tag, around another one (802.1ad).
        VLAN_AD = 0x88a8, "8021ad";
    }
}

open_number! {
    /// What an ARP packet asks or answers, 2 bytes in network order (`arp_op`, `ARPOP_*`).
    #[doc(alias = "arp_op")]
    #[doc(alias = "ARPOP")]
    pub struct ArpOp(u16) {
        /// Asks who has an address.
        REQUEST = 1, "request";
        /// Tells who has an address.
        REPLY = 2, "reply";
        /// Asks for an own address (RARP).
        RREQUEST = 3, "rrequest";
        /// Tells another its address (RARP).
        RREPLY = 4, "rreply";
        /// Asks for the address of a peer (InARP).
        INREQUEST = 8, "inrequest";
        /// Tells the address to a peer (InARP).
        INREPLY = 9, "inreply";
        /// Refuses (ATM ARP).
        NAK = 10, "nak";
    }
}

from_integer! {
    EtherType(u16);
    ArpOp(u16);
}

datum! {
    EtherType(u16): ETHER_TYPE, Network, Ordered;
    ArpOp(u16): ARP_OP, Network, Ordered;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ethernet_address_is_read_as_it_is_written() {
        let address: EtherAddr = "00:01:02:0A:0b:ff".parse().unwrap();
        assert_eq!(address.octets(), [0, 1, 2, 10, 11, 255]);
        assert_eq!(address.to_string(), "00:01:02:0a:0b:ff");
        assert_eq!(address.to_data().unwrap().as_bytes(), [0, 1, 2, 10, 11, 255]);
        for bad in
            ["", "00:01:02:0a:0b", "00:01:02:0a:0b:0c:0d", "0:1:2:3:4:5", "+0:01:02:03:04:05", "00-01-02-03-04-05"]
        {
            assert!(bad.parse::<EtherAddr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn protocols_are_in_network_order_and_unknown_ones_in_hexadecimal() {
        assert_eq!(EtherType::IP6.to_data().unwrap().as_bytes(), [0x86, 0xdd]);
        assert_eq!(EtherType::from_data(&[0x12, 0x34]).unwrap().to_string(), "0x1234");
        assert_eq!(ArpOp::from_raw(12).to_string(), "12");
    }
}
