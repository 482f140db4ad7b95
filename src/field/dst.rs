//! The options of IPv6 for the destination.
//!
//! ```
//! use nftlink::field::dst;
//! let long = dst::hdrlength().gt(0);
//! ```

use super::Field;
use super::exthdr::{DST, ipv6};
use crate::datum::{Datum, Integer8, L4Proto};

fn field<V: Datum>(name: &'static str, number: u32, offset: u16, len: u8) -> Field<V> {
    ipv6(name, DST, number, offset, len)
}

/// `dst nexthdr`: the protocol behind the header.
pub fn nexthdr() -> Field<L4Proto> {
    field("dst nexthdr", 1, 0, 8)
}

/// `dst hdrlength`: words of eight bytes in the header, less one.
pub fn hdrlength() -> Field<Integer8> {
    field("dst hdrlength", 2, 8, 8)
}
