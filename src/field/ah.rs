//! IPsec's authentication header.
//!
//! ```
//! use nftlink::field::ah;
//! let tunnel = ah::spi().one_of([0x100, 0x200]);
//! ```

use super::source::{Header, Needs};
use super::{Field, Spec, Write};
use crate::datum::{Datum, Integer8, Integer16, Integer32, L4Proto};

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::AH, Needs::Transport(L4Proto::AH), offset, number)
}

/// `ah nexthdr`: the protocol behind the header.
pub fn nexthdr() -> Field<L4Proto, Write> {
    Field::fixed(const { &field("ah nexthdr", 0, 1) })
}

/// `ah hdrlength`: words of four bytes in the header, less two.
pub fn hdrlength() -> Field<Integer8, Write> {
    Field::fixed(const { &field("ah hdrlength", 1, 2) })
}

/// `ah reserved`.
pub fn reserved() -> Field<Integer16, Write> {
    Field::fixed(const { &field("ah reserved", 2, 3) })
}

/// `ah spi`: which of the receiver's security associations it is.
pub fn spi() -> Field<Integer32, Write> {
    Field::fixed(const { &field("ah spi", 4, 4) })
}

/// `ah sequence`: the number of the packet.
pub fn sequence() -> Field<Integer32, Write> {
    Field::fixed(const { &field("ah sequence", 8, 5) })
}
