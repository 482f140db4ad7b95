//! The routing header of IPv6 of type 0: source routing of old.
//!
//! ```
//! use std::net::Ipv6Addr;
//! use nftlink::field::rt0;
//!
//! // rt0 addr[1] 2001:db8::1
//! let by_it = rt0::addr(1).eq(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
//! ```

use std::net::Ipv6Addr;

use super::Field;
use super::exthdr::{RT0, nth_address};

/// `rt0 addr[n]`: an address that the packet passes, the first being 1. nft lists it as `srh sid[n]`, which is at the
/// same place.
///
/// Test for [`rt::rt_type`](super::rt::rt_type) before. A batch refuses all but 1 to 16.
///
/// ```
/// use std::net::Ipv6Addr;
///
/// use nftlink::Rule;
/// use nftlink::field::{rt, rt0};
///
/// let rule = Rule::new().when(rt::rt_type().eq(0)).when(rt0::addr(1).eq(Ipv6Addr::LOCALHOST)).drop();
/// ```
pub fn addr(n: u8) -> Field<Ipv6Addr> {
    nth_address("rt0 addr", RT0, 2, n)
}
