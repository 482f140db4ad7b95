//! The hop-by-hop options of IPv6, which every router looks at.
//!
//! ```
//! use nftlink::field::hbh;
//! let long = hbh::hdrlength().gt(0);
//! ```

use super::Field;
use super::exthdr::{HBH, ipv6};
use crate::datum::{Datum, Integer8, L4Proto};

fn field<V: Datum>(name: &'static str, number: u32, offset: u16, len: u8) -> Field<V> {
    ipv6(name, HBH, number, offset, len)
}

/// `hbh nexthdr`: the protocol behind the header.
pub fn nexthdr() -> Field<L4Proto> {
    field("hbh nexthdr", 1, 0, 8)
}

/// `hbh hdrlength`: words of eight bytes in the header, less one.
pub fn hdrlength() -> Field<Integer8> {
    field("hbh hdrlength", 2, 8, 8)
}
