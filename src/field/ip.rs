//! The IPv4 header.

use std::net::Ipv4Addr;

use super::source::Tells;
use super::{Field, Write};
use crate::datum::{Integer8, Integer16, L4Proto};
use crate::wire::Family;

/// `ip length`: bytes of header and data.
pub fn length() -> Field<Integer16, Write> {
    Field::network("ip length", Family::IP, 2, 5)
}

/// `ip id`: what the fragments of a packet have in common.
pub fn id() -> Field<Integer16, Write> {
    Field::network("ip id", Family::IP, 4, 6)
}

/// `ip ttl`: how many routers the packet may pass yet.
pub fn ttl() -> Field<Integer8, Write> {
    Field::network("ip ttl", Family::IP, 8, 8)
}

/// `ip protocol`: the protocol of the transport layer.
pub fn protocol() -> Field<L4Proto, Write> {
    Field::network("ip protocol", Family::IP, 9, 9).telling(Tells::Transport)
}

/// `ip checksum`.
pub fn checksum() -> Field<Integer16, Write> {
    Field::network("ip checksum", Family::IP, 10, 10)
}

/// `ip saddr`: the source address.
pub fn saddr() -> Field<Ipv4Addr, Write> {
    Field::network("ip saddr", Family::IP, 12, 11)
}

/// `ip daddr`: the destination address.
pub fn daddr() -> Field<Ipv4Addr, Write> {
    Field::network("ip daddr", Family::IP, 16, 12)
}
