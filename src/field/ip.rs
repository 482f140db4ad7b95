//! The IPv4 header.

use std::net::Ipv4Addr;

use super::Field;
use crate::wire::Family;

/// `ip saddr`: the source address.
pub fn saddr() -> Field<Ipv4Addr> {
    Field::network("ip saddr", Family::IP, 12)
}

/// `ip daddr`: the destination address.
pub fn daddr() -> Field<Ipv4Addr> {
    Field::network("ip daddr", Family::IP, 16)
}
