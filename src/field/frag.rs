//! The fragment header of IPv6.
//!
//! ```
//! use nftlink::field::{exthdr, frag};
//!
//! // exthdr frag exists
//! let fragments = exthdr::frag().exists();
//! // frag frag-off 0 frag more-fragments 1
//! let first = [frag::frag_off().eq(0), frag::more_fragments().eq(true)];
//! ```

use super::Field;
use super::exthdr::{FRAG, ipv6};
use crate::datum::{Boolean, Datum, Integer8, Integer16, Integer32, L4Proto};

fn field<V: Datum>(name: &'static str, number: u32, offset: u16, len: u8) -> Field<V> {
    ipv6(name, FRAG, number, offset, len)
}

/// `frag nexthdr`: the protocol behind the header.
pub fn nexthdr() -> Field<L4Proto> {
    field("frag nexthdr", 1, 0, 8)
}

/// `frag reserved`.
pub fn reserved() -> Field<Integer8> {
    field("frag reserved", 2, 8, 8)
}

/// `frag frag-off`: where the fragment begins, in units of eight bytes.
pub fn frag_off() -> Field<Integer16> {
    field("frag frag-off", 3, 16, 13)
}

/// `frag reserved2`.
pub fn reserved2() -> Field<Integer8> {
    field("frag reserved2", 4, 29, 2)
}

/// `frag more-fragments`: whether there are fragments behind this one.
pub fn more_fragments() -> Field<Boolean> {
    field("frag more-fragments", 5, 31, 1)
}

/// `frag id`: what the fragments of a packet have in common.
pub fn id() -> Field<Integer32> {
    field("frag id", 6, 32, 32)
}
