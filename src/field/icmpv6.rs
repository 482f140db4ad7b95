//! ICMPv6.
//!
//! A field that only messages of some types have is looked for in those alone, as nft does it: unless a rule says of
//! which type its messages are, `icmpv6::id()` tests for echoes and their answers before.
//!
//! ```
//! use nftlink::datum::Icmpv6Type;
//! use nftlink::field::icmpv6;
//!
//! // icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }
//! let neighbours = icmpv6::icmpv6_type().one_of([Icmpv6Type::ND_NEIGHBOR_SOLICIT, Icmpv6Type::ND_NEIGHBOR_ADVERT]);
//! // icmpv6 mtu < 1280
//! let small = icmpv6::mtu().lt(1280);
//! ```

use super::implied::types;
use super::source::{Header, Needs, Tells, Types};
use super::{Field, Spec, Write};
use crate::datum::{Datum, Icmpv6Code, Icmpv6Type, Integer16, Integer32, L4Proto};
use crate::wire::Family;

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::ICMPV6, Needs::Control(Family::IP6, L4Proto::ICMPV6), offset, number)
}

/// A field of messages of some types.
const fn of<V: Datum>(types: Types, name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    field(name, offset, number).needing(Needs::Message(Family::IP6, L4Proto::ICMPV6, types))
}

/// `icmpv6 type`.
///
/// ```
/// use nftlink::datum::Icmpv6Type;
/// use nftlink::field::icmpv6;
/// let neighbours = icmpv6::icmpv6_type().one_of([Icmpv6Type::ND_NEIGHBOR_SOLICIT, Icmpv6Type::ND_NEIGHBOR_ADVERT]);
/// ```
pub fn icmpv6_type() -> Field<Icmpv6Type, Write> {
    Field::fixed(const { &field("icmpv6 type", 0, 1).telling(Tells::MessageType) })
}

/// `icmpv6 code`: more about the type.
pub fn code() -> Field<Icmpv6Code, Write> {
    Field::fixed(const { &field("icmpv6 code", 1, 2) })
}

/// `icmpv6 checksum`.
pub fn checksum() -> Field<Integer16, Write> {
    Field::fixed(const { &field("icmpv6 checksum", 2, 3) })
}

/// `icmpv6 parameter-problem`: which byte of the packet is wrong, in a message of that type.
#[doc(alias = "param-problem")]
pub fn parameter_problem() -> Field<Integer32, Write> {
    Field::fixed(const { &of(Types::one(Icmpv6Type::PARAMETER_PROBLEM.get()), "icmpv6 parameter-problem", 4, 4) })
}

/// `icmpv6 mtu`: how many bytes the next link takes, in a message that a packet is too big.
#[doc(alias = "packet-too-big")]
pub fn mtu() -> Field<Integer32, Write> {
    Field::fixed(const { &of(Types::one(Icmpv6Type::PACKET_TOO_BIG.get()), "icmpv6 mtu", 4, 5) })
}

/// `icmpv6 id`: what an echo and its answer have in common.
pub fn id() -> Field<Integer16, Write> {
    Field::fixed(const { &of(types::ICMPV6_ECHO, "icmpv6 id", 4, 6) })
}

/// `icmpv6 sequence`: the number of an echo.
pub fn sequence() -> Field<Integer16, Write> {
    Field::fixed(const { &of(types::ICMPV6_ECHO, "icmpv6 sequence", 6, 7) })
}

/// `icmpv6 max-delay`: how many milliseconds a listener may take to answer, in a query for them.
pub fn max_delay() -> Field<Integer16, Write> {
    Field::fixed(const { &of(Types::one(Icmpv6Type::MLD_LISTENER_QUERY.get()), "icmpv6 max-delay", 4, 8) })
}
