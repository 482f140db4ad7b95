//! The routing header of IPv6 of type 4: segment routing.
//!
//! Test for [`rt::rt_type`](super::rt::rt_type) before; how many segments are left is
//! [`rt::seg_left`](super::rt::seg_left).
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::field::{rt, srh};
//!
//! let rule = Rule::new().when(rt::rt_type().eq(4)).when(srh::tag().eq(100)).drop();
//! ```

use std::net::Ipv6Addr;

use super::Field;
use super::exthdr::{SRH, ipv6, nth_address};
use crate::datum::{Datum, Integer8, Integer16};

fn field<V: Datum>(name: &'static str, number: u32, offset: u16, len: u8) -> Field<V> {
    ipv6(name, SRH, number, offset, len)
}

/// `srh last-entry`: the number of the last segment in the list, which counts from zero.
pub fn last_entry() -> Field<Integer8> {
    field("srh last-entry", 1, 32, 8)
}

/// `srh flags`.
pub fn flags() -> Field<Integer8> {
    field("srh flags", 2, 40, 8)
}

/// `srh tag`: marks packets of one kind.
pub fn tag() -> Field<Integer16> {
    field("srh tag", 3, 48, 16)
}

/// `srh sid[n]`: a segment of the list, the first being 1. A batch refuses all but 1 to 16.
pub fn sid(n: u8) -> Field<Ipv6Addr> {
    nth_address("srh sid", SRH, 4, n)
}
