//! ICMPv6.

use super::source::{Header, Needs};
use super::{Field, Write};
use crate::datum::{Datum, Icmpv6Code, Icmpv6Type, Integer16, L4Proto};
use crate::wire::Family;

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Field<V, Write> {
    Field::transport(name, Header::ICMPV6, Needs::Control(Family::IP6, L4Proto::ICMPV6), offset, number)
}

/// `icmpv6 type`.
///
/// ```
/// use nftlink::datum::Icmpv6Type;
/// use nftlink::field::icmpv6;
/// let neighbours = icmpv6::icmpv6_type().one_of([Icmpv6Type::ND_NEIGHBOR_SOLICIT, Icmpv6Type::ND_NEIGHBOR_ADVERT]);
/// ```
pub fn icmpv6_type() -> Field<Icmpv6Type, Write> {
    field("icmpv6 type", 0, 1)
}

/// `icmpv6 code`: more about the type.
pub fn code() -> Field<Icmpv6Code, Write> {
    field("icmpv6 code", 1, 2)
}

/// `icmpv6 id`: what an echo and its answer have in common. Test for the type before.
pub fn id() -> Field<Integer16, Write> {
    field("icmpv6 id", 4, 6)
}

/// `icmpv6 sequence`: the number of an echo. Test for the type before.
pub fn sequence() -> Field<Integer16, Write> {
    field("icmpv6 sequence", 6, 7)
}
