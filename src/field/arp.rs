//! ARP.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use nftlink::Rule;
//! use nftlink::datum::ArpOp;
//! use nftlink::field::arp;
//!
//! // arp operation request arp daddr ip 192.0.2.1
//! let asked = [arp::operation().eq(ArpOp::REQUEST), arp::daddr_ip().eq(Ipv4Addr::new(192, 0, 2, 1))];
//! // arp saddr ether != 02:00:00:00:00:01 drop
//! let spoofed = Rule::new().when(arp::saddr_ether().ne([2, 0, 0, 0, 0, 1])).drop();
//! ```

use std::net::Ipv4Addr;

use super::{Field, Spec, Write};
use crate::datum::{ArpOp, EtherAddr, EtherType, Integer8, Integer16};
use crate::wire::Family;

/// `arp htype`: the kind of hardware addresses.
pub fn htype() -> Field<Integer16, Write> {
    Field::fixed(const { &Spec::network("arp htype", Family::ARP, 0, 1) })
}

/// `arp ptype`: the protocol of the protocol addresses.
pub fn ptype() -> Field<EtherType, Write> {
    Field::fixed(const { &Spec::network("arp ptype", Family::ARP, 2, 2) })
}

/// `arp hlen`: bytes of a hardware address.
pub fn hlen() -> Field<Integer8, Write> {
    Field::fixed(const { &Spec::network("arp hlen", Family::ARP, 4, 3) })
}

/// `arp plen`: bytes of a protocol address.
pub fn plen() -> Field<Integer8, Write> {
    Field::fixed(const { &Spec::network("arp plen", Family::ARP, 5, 4) })
}

/// `arp operation`.
pub fn operation() -> Field<ArpOp, Write> {
    Field::fixed(const { &Spec::network("arp operation", Family::ARP, 6, 5) })
}

/// `arp saddr ether`: the sender's hardware address, if that is Ethernet's.
pub fn saddr_ether() -> Field<EtherAddr, Write> {
    Field::fixed(const { &Spec::network("arp saddr ether", Family::ARP, 8, 6) })
}

/// `arp saddr ip`: the sender's IPv4 address, beside Ethernet's.
pub fn saddr_ip() -> Field<Ipv4Addr, Write> {
    Field::fixed(const { &Spec::network("arp saddr ip", Family::ARP, 14, 7) })
}

/// `arp daddr ether`: the target's hardware address, if that is Ethernet's.
pub fn daddr_ether() -> Field<EtherAddr, Write> {
    Field::fixed(const { &Spec::network("arp daddr ether", Family::ARP, 18, 8) })
}

/// `arp daddr ip`: the target's IPv4 address, beside Ethernet's.
pub fn daddr_ip() -> Field<Ipv4Addr, Write> {
    Field::fixed(const { &Spec::network("arp daddr ip", Family::ARP, 24, 9) })
}
