//! The mobility header of IPv6.
//!
//! ```
//! use nftlink::datum::MhType;
//! use nftlink::field::mh;
//! let updates = mh::mh_type().eq(MhType::BINDING_UPDATE);
//! ```

use super::Field;
use super::exthdr::{MH, ipv6};
use crate::datum::{Datum, Integer8, Integer16, L4Proto, MhType};

fn field<V: Datum>(name: &'static str, number: u32, offset: u16, len: u8) -> Field<V> {
    ipv6(name, MH, number, offset, len)
}

/// `mh nexthdr`: the protocol behind the header.
pub fn nexthdr() -> Field<L4Proto> {
    field("mh nexthdr", 1, 0, 8)
}

/// `mh hdrlength`: words of eight bytes in the header, less one.
pub fn hdrlength() -> Field<Integer8> {
    field("mh hdrlength", 2, 8, 8)
}

/// `mh type`: what the message is for.
pub fn mh_type() -> Field<MhType> {
    field("mh type", 3, 16, 8)
}

/// `mh reserved`.
pub fn reserved() -> Field<Integer8> {
    field("mh reserved", 4, 24, 8)
}

/// `mh checksum`.
pub fn checksum() -> Field<Integer16> {
    field("mh checksum", 5, 32, 16)
}
