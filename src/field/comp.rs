//! IP payload compression.
//!
//! ```
//! use nftlink::field::comp;
//! let deflated = comp::cpi().eq(2);
//! ```

use super::source::{Header, Needs};
use super::{Field, Spec, Write};
use crate::datum::{Bitmask8, Datum, Integer16, L4Proto};

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::COMP, Needs::Transport(L4Proto::COMP), offset, number)
}

/// `comp nexthdr`: the protocol of what is compressed.
pub fn nexthdr() -> Field<L4Proto, Write> {
    Field::fixed(const { &field("comp nexthdr", 0, 1) })
}

/// `comp flags`.
pub fn flags() -> Field<Bitmask8, Write> {
    Field::fixed(const { &field("comp flags", 1, 2) })
}

/// `comp cpi`: how it is compressed, or which of the receiver's associations it is.
pub fn cpi() -> Field<Integer16, Write> {
    Field::fixed(const { &field("comp cpi", 2, 3) })
}
