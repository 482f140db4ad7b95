//! IPsec's encapsulating security payload.
//!
//! ```
//! use nftlink::field::esp;
//! let tunnel = esp::spi().eq(0x100);
//! ```

use super::source::{Header, Needs};
use super::{Field, Spec, Write};
use crate::datum::{Datum, Integer32, L4Proto};

const fn field<V: Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::ESP, Needs::Transport(L4Proto::ESP), offset, number)
}

/// `esp spi`: which of the receiver's security associations it is.
pub fn spi() -> Field<Integer32, Write> {
    Field::fixed(const { &field("esp spi", 0, 1) })
}

/// `esp sequence`: the number of the packet.
pub fn sequence() -> Field<Integer32, Write> {
    Field::fixed(const { &field("esp sequence", 4, 2) })
}
