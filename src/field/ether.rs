//! The Ethernet header.
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::datum::EtherType;
//! use nftlink::field::ether;
//!
//! // ether saddr 02:00:00:00:00:01 ether type ip accept
//! let rule =
//!     Rule::new().when(ether::saddr().eq([2, 0, 0, 0, 0, 1])).when(ether::ether_type().eq(EtherType::IP)).accept();
//! ```

use super::source::Tells;
use super::{Field, Spec, Write};
use crate::datum::{EtherAddr, EtherType};

/// `ether daddr`: the destination address.
pub fn daddr() -> Field<EtherAddr, Write> {
    Field::fixed(const { &Spec::ether("ether daddr", 0, 1) })
}

/// `ether saddr`: the source address.
pub fn saddr() -> Field<EtherAddr, Write> {
    Field::fixed(const { &Spec::ether("ether saddr", 6, 2) })
}

/// `ether type`: the protocol of the network layer.
pub fn ether_type() -> Field<EtherType, Write> {
    Field::fixed(const { &Spec::ether("ether type", 12, 3).telling(Tells::EtherType) })
}
