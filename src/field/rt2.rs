//! The routing header of IPv6 of type 2: that of mobile nodes.
//!
//! ```
//! use std::net::Ipv6Addr;
//! use nftlink::field::rt2;
//!
//! // rt2 addr 2001:db8::1
//! let home = rt2::addr().eq(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
//! ```

use std::net::Ipv6Addr;

use super::Field;
use super::exthdr::{RT2, ipv6};

/// `rt2 addr`: the home address of the mobile node. nft 1.0.6 knows the field but takes no value for it, and lists it
/// as `srh sid[1]`, which is at the same place.
///
/// Test for [`rt::rt_type`](super::rt::rt_type) before.
///
/// ```
/// use std::net::Ipv6Addr;
///
/// use nftlink::Rule;
/// use nftlink::field::{rt, rt2};
///
/// let rule = Rule::new().when(rt::rt_type().eq(2)).when(rt2::addr().ne(Ipv6Addr::LOCALHOST)).drop();
/// ```
pub fn addr() -> Field<Ipv6Addr> {
    ipv6("rt2 addr", RT2, 2, 64, 128)
}
