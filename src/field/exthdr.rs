//! The extension headers of IPv6, as a whole: whether a packet has them.
//!
//! Their fields are in [`hbh`](super::hbh), [`rt`](super::rt), [`rt0`](super::rt0), [`rt2`](super::rt2),
//! [`srh`](super::srh), [`frag`](super::frag), [`dst`](super::dst) and [`mh`](super::mh).
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::field::exthdr;
//! let rule = Rule::new().when(exthdr::rt().exists()).drop();
//! ```

use std::net::Ipv6Addr;

use super::Field;
use super::source::Needs;
use crate::datum::{Boolean, Datum};
use crate::error::BuildErrorKind;
use crate::expr::{Exthdr, ExthdrOp, Reg};
use crate::userdata::Typeof;
use crate::wire::Family;

/// A header: its protocol number, and nft's number for what is in it (`enum exthdr_desc_id`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Extension(u8, u32);

pub(super) const HBH: Extension = Extension(0, 1);
pub(super) const RT: Extension = Extension(43, 2);
pub(super) const RT0: Extension = Extension(43, 3);
pub(super) const RT2: Extension = Extension(43, 4);
pub(super) const SRH: Extension = Extension(43, 5);
pub(super) const FRAG: Extension = Extension(44, 6);
pub(super) const DST: Extension = Extension(60, 7);
pub(super) const MH: Extension = Extension(135, 8);

/// A field of an extension header: `len` bits, `offset` bits behind its beginning.
pub(super) fn ipv6<V: Datum>(name: &'static str, header: Extension, number: u32, offset: u16, len: u8) -> Field<V> {
    let Extension(kind, id) = header;
    let of = Typeof::Exthdr { header: id, field: number, op: None };
    Field::exthdr(name, ExthdrOp::IPV6, kind, of, offset, len).needing(Needs::Extensions(Family::IP6))
}

/// The `n`th address in a routing header, the first being 1.
pub(super) fn nth_address(name: &'static str, header: Extension, first: u32, n: u8) -> Field<Ipv6Addr> {
    const LAST: u8 = 16;
    let index = u16::from(n.clamp(1, LAST)) - 1;
    let field = ipv6(name, header, first + u32::from(index), 64 + 128 * index, 128);
    if (1..=LAST).contains(&n) {
        return field;
    }
    field.mistaken(BuildErrorKind::OutOfRange { what: name, value: n.into(), min: 1, max: LAST.into() })
}

fn present(name: &'static str, Extension(kind, id): Extension) -> Field<Boolean> {
    let of = Typeof::Exthdr { header: id, field: 0, op: None };
    Field::loaded(name, Exthdr::present(ExthdrOp::IPV6, kind, Reg::R1), of).needing(Needs::Extensions(Family::IP6))
}

/// `exthdr hbh`: whether the packet has options for every hop.
pub fn hbh() -> Field<Boolean> {
    present("exthdr hbh", HBH)
}

/// `exthdr rt`: whether the packet has a routing header.
pub fn rt() -> Field<Boolean> {
    present("exthdr rt", RT)
}

/// `exthdr frag`: whether the packet is a fragment.
pub fn frag() -> Field<Boolean> {
    present("exthdr frag", FRAG)
}

/// `exthdr dst`: whether the packet has options for its destination.
pub fn dst() -> Field<Boolean> {
    present("exthdr dst", DST)
}

/// `exthdr mh`: whether the packet has a mobility header.
pub fn mh() -> Field<Boolean> {
    present("exthdr mh", MH)
}
