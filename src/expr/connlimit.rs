//! The connlimit expression.

use std::fmt;

use super::Wire;
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_CONNLIMIT_COUNT: u16 = 1;
const NFTA_CONNLIMIT_FLAGS: u16 = 2;

bitflags::bitflags! {
    /// Flags of a connection limit (`enum nft_connlimit_flags`).
    #[doc(alias = "nft_connlimit_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct ConnlimitFlags: u32 {
        /// Go on if there are *more* connections.
        const INV = 1;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Goes on as long as there are no more than a number of connections; nft calls it `ct count`.
///
/// It has state of its own, and may belong to the elements of a set. Some kernels of the winter of 2025 (Linux 6.17.13)
/// do not count the connections of a machine with itself at its hook input; at output they do.
#[doc(alias = "nft_connlimit")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Connlimit {
    /// How many connections there may be.
    pub count: u32,
    /// Flags.
    pub flags: ConnlimitFlags,
}

impl Connlimit {
    /// Goes on as long as there are no more than `count` connections.
    pub fn new(count: u32) -> Self {
        Self { count, ..Self::default() }
    }

    /// Goes on as long as there *are* more connections.
    pub fn over(mut self) -> Self {
        self.flags |= ConnlimitFlags::INV;
        self
    }
}

impl Wire for Connlimit {
    const NAME: &'static str = "connlimit";
    const SCHEMA: Schema =
        Schema(&[AttrName::value(NFTA_CONNLIMIT_COUNT, "count"), AttrName::value(NFTA_CONNLIMIT_FLAGS, "flags")]);

    fn encode(&self, w: &mut AttrWriter) {
        w.u32s([(NFTA_CONNLIMIT_COUNT, self.count), (NFTA_CONNLIMIT_FLAGS, self.flags.bits())]);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut connlimit = Self::default();
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_CONNLIMIT_COUNT, v) => connlimit.count = v.u32()?,
                (NFTA_CONNLIMIT_FLAGS, v) => connlimit.flags = ConnlimitFlags::from_bits_retain(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(connlimit)
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::new(3), b"\x08\0\x01\0\0\0\0\x03\x08\0\x02\0\0\0\0\0"),
            (Self { count: 10, flags: ConnlimitFlags::INV }, b"\x08\0\x01\0\0\0\0\x0a\x08\0\x02\0\0\0\0\x01"),
        ]
    }
}

impl fmt::Display for Connlimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connlimit count {} flags {:x}", self.count, self.flags.bits())
    }
}
