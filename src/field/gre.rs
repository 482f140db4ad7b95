//! GRE: packets in packets. What is carried, Linux 6.2 can look at.
//!
//! nft 1.0.6 does not know tunnels and cannot list such rules; 1.0.8 and later do.
//!
//! ```
//! use nftlink::field::{gre, icmp};
//! use nftlink::datum::IcmpType;
//!
//! // gre icmp type echo-request
//! let ping = gre::inner(icmp::icmp_type()).eq(IcmpType::ECHO_REQUEST);
//! ```

use super::{Field, Spec};
use super::source::{Header, Needs, Tunnel};
use crate::datum::{Datum, EtherType, Integer8, L4Proto};

const fn field<V: Datum>(name: &'static str, number: u8, offset: u16, len: u8) -> Spec<V> {
    Spec::transport(name, Header::GRE, Needs::Transport(L4Proto::GRE), 0, number).bits_at(offset, len)
}

/// `gre flags`: five bits: a checksum, routes, a key, a sequence number, strict routing.
pub fn flags() -> Field<Integer8> {
    Field::fixed(const { &field("gre flags", 2, 0, 5) })
}

/// `gre version`: 0; 1 is PPTP's.
pub fn version() -> Field<Integer8> {
    Field::fixed(const { &field("gre version", 1, 13, 3) })
}

/// `gre protocol`: the protocol of what is carried.
pub fn protocol() -> Field<EtherType> {
    Field::fixed(const { &field("gre protocol", 3, 16, 16) })
}

/// `gre ip saddr` and the like: a field of the packet that is carried, or several of them together. A batch refuses
/// what is no field of a header, and those of frames: [`gretap`](super::gretap) carries some.
pub fn inner<V, A>(field: Field<V, A>) -> Field<V> {
    field.inside(Tunnel::Gre)
}
