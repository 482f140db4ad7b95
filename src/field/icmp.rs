//! ICMP.
//!
//! A field that only messages of some types have is looked for in those alone, as nft does it: unless a rule says of
//! which type its messages are, `icmp::id()` tests for echoes and their answers before.
//!
//! ```
//! use nftlink::datum::{IcmpCode, IcmpType};
//! use nftlink::field::icmp;
//!
//! // icmp type { echo-request, destination-unreachable }
//! let known = icmp::icmp_type().one_of([IcmpType::ECHO_REQUEST, IcmpType::DESTINATION_UNREACHABLE]);
//! // icmp code port-unreachable
//! let closed = icmp::code().eq(IcmpCode::PORT_UNREACHABLE);
//! // icmp id 7, which nft and this library take for that of an echo
//! let ours = icmp::id().eq(7);
//! ```

use std::net::Ipv4Addr;

use super::implied::types;
use super::source::{Header, Needs, Tells, Types};
use super::{Field, Spec, Write};
use crate::datum::{Datum, IcmpCode, IcmpType, Integer16, L4Proto};
use crate::wire::Family;

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::ICMP, Needs::Control(Family::IP, L4Proto::ICMP), offset, number)
}

/// A field of messages of some types.
const fn of<V: Datum>(types: Types, name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    field(name, offset, number).needing(Needs::Message(Family::IP, L4Proto::ICMP, types))
}

/// `icmp type`.
///
/// ```
/// use nftlink::datum::IcmpType;
/// use nftlink::field::icmp;
/// let ping = icmp::icmp_type().eq(IcmpType::ECHO_REQUEST);
/// ```
pub fn icmp_type() -> Field<IcmpType, Write> {
    Field::fixed(const { &field("icmp type", 0, 1).telling(Tells::MessageType) })
}

/// `icmp code`: more about the type.
pub fn code() -> Field<IcmpCode, Write> {
    Field::fixed(const { &field("icmp code", 1, 2) })
}

/// `icmp checksum`.
pub fn checksum() -> Field<Integer16, Write> {
    Field::fixed(const { &field("icmp checksum", 2, 3) })
}

/// `icmp id`: what an echo and its answer have in common.
pub fn id() -> Field<Integer16, Write> {
    Field::fixed(const { &of(types::ICMP_ECHO, "icmp id", 4, 4) })
}

/// `icmp sequence`: the number of an echo.
pub fn sequence() -> Field<Integer16, Write> {
    Field::fixed(const { &of(types::ICMP_ECHO, "icmp sequence", 6, 5) })
}

/// `icmp gateway`: the better first hop that a redirect tells of; to nft it is a number.
pub fn gateway() -> Field<Ipv4Addr, Write> {
    Field::fixed(const { &of(Types::one(IcmpType::REDIRECT.get()), "icmp gateway", 4, 6) })
}

/// `icmp mtu`: how many bytes the next link takes, in a message that the destination is unreachable.
pub fn mtu() -> Field<Integer16, Write> {
    Field::fixed(const { &of(Types::one(IcmpType::DESTINATION_UNREACHABLE.get()), "icmp mtu", 6, 7) })
}
