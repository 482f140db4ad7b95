//! The routing header of IPv6.
//!
//! What it has behind the first four bytes depends on its type: [`rt0`](super::rt0), [`rt2`](super::rt2) or
//! [`srh`](super::srh).
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::field::rt;
//! // Source routing of old.
//! let rule = Rule::new().when(rt::rt_type().eq(0)).drop();
//! ```

use super::Field;
use super::exthdr::{RT, ipv6};
use crate::datum::{Datum, Integer8, L4Proto};

fn field<V: Datum>(name: &'static str, number: u32, offset: u16, len: u8) -> Field<V> {
    ipv6(name, RT, number, offset, len)
}

/// `rt nexthdr`: the protocol behind the header.
pub fn nexthdr() -> Field<L4Proto> {
    field("rt nexthdr", 1, 0, 8)
}

/// `rt hdrlength`: words of eight bytes in the header, less one.
pub fn hdrlength() -> Field<Integer8> {
    field("rt hdrlength", 2, 8, 8)
}

/// `rt type`: of which kind the header is.
pub fn rt_type() -> Field<Integer8> {
    field("rt type", 3, 16, 8)
}

/// `rt seg-left`: how many of the addresses are still ahead.
pub fn seg_left() -> Field<Integer8> {
    field("rt seg-left", 4, 24, 8)
}
