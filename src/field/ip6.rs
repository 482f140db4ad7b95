//! The IPv6 header.

use std::net::Ipv6Addr;

use super::Field;
use crate::wire::Family;

/// `ip6 saddr`: the source address.
pub fn saddr() -> Field<Ipv6Addr> {
    Field::network("ip6 saddr", Family::IP6, 8)
}

/// `ip6 daddr`: the destination address.
pub fn daddr() -> Field<Ipv6Addr> {
    Field::network("ip6 daddr", Family::IP6, 24)
}
