//! VLAN tags (802.1Q and 802.1ad), behind the Ethernet header.
//!
//! A rule that has a field of a tag tests for frames with a tag, and looks for the network protocol behind it. A tag
//! behind a tag is found where the rule says that it is there:
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::datum::EtherType;
//! use nftlink::field::{ether, vlan};
//!
//! // ether type 8021ad vlan id 10 vlan type 8021q vlan id 20
//! let rule = Rule::new()
//!     .when(ether::ether_type().eq(EtherType::VLAN_AD))
//!     .when(vlan::id().eq(10))
//!     .when(vlan::vlan_type().eq(EtherType::VLAN))
//!     .when(vlan::id().eq(20));
//! ```

use super::source::{Header, Load, Needs, Tells};
use super::{Field, Spec, Write};
use crate::datum::{Datum, EtherType, Integer8, Integer16};
use crate::expr::Base;

/// The first tag is behind the addresses and the type of the frame.
const FIRST: u16 = 14;

const fn field<V: Datum>(name: &'static str, number: u8) -> Spec<V, Write> {
    let load = Load::Payload { base: Base::LINK, offset: FIRST, header: Header::VLAN, field: number };
    Spec::new(name, load, Needs::Vlan)
}

/// `vlan pcp`: the priority, 3 bits.
pub fn pcp() -> Field<Integer8, Write> {
    Field::fixed(const { &field::<Integer8>("vlan pcp", 1).bits_at(FIRST * 8, 3) })
}

/// `vlan dei`: whether the frame may be dropped early, 1 bit.
#[doc(alias = "cfi")]
pub fn dei() -> Field<Integer8, Write> {
    Field::fixed(const { &field::<Integer8>("vlan dei", 2).bits_at(FIRST * 8 + 3, 1) })
}

/// `vlan id`: the number of the virtual network, 12 bits.
pub fn id() -> Field<Integer16, Write> {
    Field::fixed(const { &field::<Integer16>("vlan id", 4).bits_at(FIRST * 8 + 4, 12) })
}

/// `vlan type`: what is behind the tag.
pub fn vlan_type() -> Field<EtherType, Write> {
    Field::fixed(const { &field::<EtherType>("vlan type", 5).bits_at(FIRST * 8 + 16, 16).telling(Tells::EtherType) })
}
