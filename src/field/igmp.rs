//! IGMP: which multicast groups hosts listen to.
//!
//! ```
//! use nftlink::datum::IgmpType;
//! use nftlink::field::igmp;
//! let queries = igmp::igmp_type().eq(IgmpType::MEMBERSHIP_QUERY);
//! ```

use std::net::Ipv4Addr;

use super::source::{Header, Needs};
use super::{Field, Spec, Write};
use crate::datum::{Datum, IgmpType, Integer8, Integer16, L4Proto};
use crate::wire::Family;

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::IGMP, Needs::Control(Family::IP, L4Proto::IGMP), offset, number)
}

/// `igmp type`.
pub fn igmp_type() -> Field<IgmpType, Write> {
    Field::fixed(const { &field("igmp type", 0, 1) })
}

/// `igmp mrt`: how long a listener may take to answer, in tenths of a second.
pub fn mrt() -> Field<Integer8, Write> {
    Field::fixed(const { &field("igmp mrt", 1, 3) })
}

/// `igmp checksum`.
pub fn checksum() -> Field<Integer16, Write> {
    Field::fixed(const { &field("igmp checksum", 2, 2) })
}

/// `igmp group`: the address of the group; to nft it is a number.
pub fn group() -> Field<Ipv4Addr, Write> {
    Field::fixed(const { &field("igmp group", 4, 4) })
}
