//! DCCP.
//!
//! Where a field is [set](crate::RuleBuilder::set), the checksum stays as it was: nft leaves it alone, too.
//!
//! ```
//! use nftlink::datum::DccpPktType;
//! use nftlink::field::dccp;
//! let opens = dccp::dccp_type().eq(DccpPktType::REQUEST);
//! ```

use super::source::{Header, Needs};
use super::{Field, Spec, Write};
use crate::datum::{Datum, DccpPktType, L4Proto, Port};

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::DCCP, Needs::Transport(L4Proto::DCCP), offset, number)
}

/// `dccp sport`: the source port.
pub fn sport() -> Field<Port, Write> {
    Field::fixed(const { &field("dccp sport", 0, 1) })
}

/// `dccp dport`: the destination port.
pub fn dport() -> Field<Port, Write> {
    Field::fixed(const { &field("dccp dport", 2, 2) })
}

/// `dccp type`: what the packet is for, 4 bits.
pub fn dccp_type() -> Field<DccpPktType, Write> {
    Field::fixed(const { &field::<DccpPktType>("dccp type", 8, 3).bits_at(67, 4) })
}
