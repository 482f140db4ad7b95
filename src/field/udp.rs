//! The UDP header.
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::field::udp;
//!
//! // udp dport 53 udp length < 512 accept
//! let dns = Rule::new().when(udp::dport().eq(53)).when(udp::length().lt(512)).accept();
//! ```

use super::source::{Header, Needs};
use super::{Field, Spec, Write};
use crate::datum::{Integer16, L4Proto, Port};

const fn field<V: crate::datum::Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::UDP, Needs::Transport(L4Proto::UDP), offset, number)
}

/// `udp sport`: the source port.
pub fn sport() -> Field<Port, Write> {
    Field::fixed(const { &field("udp sport", 0, 1) })
}

/// `udp dport`: the destination port.
pub fn dport() -> Field<Port, Write> {
    Field::fixed(const { &field("udp dport", 2, 2) })
}

/// `udp length`: bytes of header and data.
pub fn length() -> Field<Integer16, Write> {
    Field::fixed(const { &field("udp length", 4, 3) })
}

/// `udp checksum`.
pub fn checksum() -> Field<Integer16, Write> {
    Field::fixed(const { &field("udp checksum", 6, 4) })
}
