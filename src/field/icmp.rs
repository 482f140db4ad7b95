//! ICMP.

use super::source::{Header, Needs};
use super::{Field, Write};
use crate::datum::{Datum, IcmpCode, IcmpType, Integer16, L4Proto};
use crate::wire::Family;

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Field<V, Write> {
    Field::transport(name, Header::ICMP, Needs::Control(Family::IP, L4Proto::ICMP), offset, number)
}

/// `icmp type`.
///
/// ```
/// use nftlink::datum::IcmpType;
/// use nftlink::field::icmp;
/// let ping = icmp::icmp_type().eq(IcmpType::ECHO_REQUEST);
/// ```
pub fn icmp_type() -> Field<IcmpType, Write> {
    field("icmp type", 0, 1)
}

/// `icmp code`: more about the type.
pub fn code() -> Field<IcmpCode, Write> {
    field("icmp code", 1, 2)
}

/// `icmp id`: what an echo and its answer have in common. Test for the type before.
pub fn id() -> Field<Integer16, Write> {
    field("icmp id", 4, 4)
}

/// `icmp sequence`: the number of an echo. Test for the type before.
pub fn sequence() -> Field<Integer16, Write> {
    field("icmp sequence", 6, 5)
}
