//! SCTP: the header of the packet, and the [chunks](chunk) behind it.
//!
//! ```
//! use nftlink::field::sctp;
//! let opens = sctp::chunk::init().exists();
//! let diameter = sctp::dport().eq(3868);
//! ```

pub mod chunk;

use super::source::{Header, Needs};
use super::{Field, Spec, Write};
use crate::datum::{Datum, Integer32, L4Proto, Port};

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::SCTP, Needs::Transport(L4Proto::SCTP), offset, number)
}

/// `sctp sport`: the source port.
pub fn sport() -> Field<Port, Write> {
    Field::fixed(const { &field("sctp sport", 0, 1) })
}

/// `sctp dport`: the destination port.
pub fn dport() -> Field<Port, Write> {
    Field::fixed(const { &field("sctp dport", 2, 2) })
}

/// `sctp vtag`: tells packets of the association from others.
pub fn vtag() -> Field<Integer32, Write> {
    Field::fixed(const { &field("sctp vtag", 4, 3) })
}

/// `sctp checksum`.
pub fn checksum() -> Field<Integer32, Write> {
    Field::fixed(const { &field("sctp checksum", 8, 4) })
}
