//! UDP-Lite: UDP whose checksum covers a part of the packet.
//!
//! Where a field is [set](crate::RuleBuilder::set), the checksum stays as it was: nft leaves it alone, too.
//!
//! ```
//! use nftlink::field::udplite;
//! let covered = udplite::csumcov().eq(8);
//! ```

use super::source::{Header, Needs};
use super::{Field, Spec, Write};
use crate::datum::{Datum, Integer16, L4Proto, Port};

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::UDPLITE, Needs::Transport(L4Proto::UDPLITE), offset, number)
}

/// `udplite sport`: the source port.
pub fn sport() -> Field<Port, Write> {
    Field::fixed(const { &field("udplite sport", 0, 1) })
}

/// `udplite dport`: the destination port.
pub fn dport() -> Field<Port, Write> {
    Field::fixed(const { &field("udplite dport", 2, 2) })
}

/// `udplite csumcov`: how many bytes the checksum covers, from the header on.
pub fn csumcov() -> Field<Integer16, Write> {
    Field::fixed(const { &field("udplite csumcov", 4, 3) })
}

/// `udplite checksum`.
pub fn checksum() -> Field<Integer16, Write> {
    Field::fixed(const { &field("udplite checksum", 6, 4) })
}
