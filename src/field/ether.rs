//! The Ethernet header.

use super::source::Tells;
use super::{Field, Write};
use crate::datum::{EtherAddr, EtherType};

/// `ether daddr`: the destination address.
pub fn daddr() -> Field<EtherAddr, Write> {
    Field::ether("ether daddr", 0, 1)
}

/// `ether saddr`: the source address.
pub fn saddr() -> Field<EtherAddr, Write> {
    Field::ether("ether saddr", 6, 2)
}

/// `ether type`: the protocol of the network layer.
pub fn ether_type() -> Field<EtherType, Write> {
    Field::ether("ether type", 12, 3).telling(Tells::EtherType)
}
