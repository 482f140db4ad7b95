//! The extension headers of IPv6, as a whole.

use super::Field;
use super::source::Needs;
use crate::datum::{Boolean, Datum};
use crate::expr::{Exthdr, ExthdrOp, Reg};
use crate::userdata::Typeof;
use crate::wire::Family;

/// A field of an extension header: `len` bits, `offset` bits behind its beginning.
pub(super) fn ipv6<V: Datum>(name: &'static str, header: u8, number: u32, offset: u16, len: u8) -> Field<V> {
    let of = Typeof::Exthdr { header: header.into(), field: number, op: None };
    Field::exthdr(name, ExthdrOp::IPV6, header, of, offset, len).needing(Needs::Extensions(Family::IP6))
}

/// `exthdr frag`: whether the packet is a fragment.
pub fn frag() -> Field<Boolean> {
    let of = Typeof::Exthdr { header: 44, field: 0, op: None };
    Field::loaded("exthdr frag", Exthdr::present(ExthdrOp::IPV6, 44, Reg::R1), of)
        .needing(Needs::Extensions(Family::IP6))
}
