//! The byteorder expression.

use std::fmt;

use super::data::LEN_MAX;
use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_BYTEORDER_SREG: u16 = 1;
const NFTA_BYTEORDER_DREG: u16 = 2;
const NFTA_BYTEORDER_OP: u16 = 3;
const NFTA_BYTEORDER_LEN: u16 = 4;
const NFTA_BYTEORDER_SIZE: u16 = 5;

open_number! {
    /// The direction of a conversion (`enum nft_byteorder_ops`).
    #[doc(alias = "nft_byteorder_ops")]
    pub struct ByteorderOp(u32) {
        /// From network order to the host's.
        NTOH = 0, "ntoh";
        /// From the host's order to network order.
        HTON = 1, "hton";
    }
}

/// Converts a register between host and network order.
#[doc(alias = "nft_byteorder")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Byteorder {
    /// Where the bytes come from.
    pub sreg: Reg,
    /// Where the bytes go.
    pub dreg: Reg,
    /// The direction.
    pub op: ByteorderOp,
    /// How many bytes are converted, 1 to 64; from Linux 7 on the same as `size`.
    pub len: u32,
    /// Bytes of each number: 2, 4 or 8.
    pub size: u32,
}

impl Byteorder {
    /// Converts one number of `size` bytes in place.
    pub fn new(op: ByteorderOp, reg: Reg, size: u32) -> Self {
        Self { sreg: reg, dreg: reg, op, len: size, size }
    }
}

impl Wire for Byteorder {
    const NAME: &'static str = "byteorder";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_BYTEORDER_SREG, "sreg"),
        AttrName::value(NFTA_BYTEORDER_DREG, "dreg"),
        AttrName::value(NFTA_BYTEORDER_OP, "op"),
        AttrName::value(NFTA_BYTEORDER_LEN, "len"),
        AttrName::value(NFTA_BYTEORDER_SIZE, "size"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.in_range("the length of a byteorder", self.len, 1..=LEN_MAX);
        w.in_range("the size of a byteorder", self.size, 2..=8);
        w.in_range("the direction of a byteorder", self.op.get(), 0..=255);
        self.sreg.write(w, NFTA_BYTEORDER_SREG);
        self.dreg.write(w, NFTA_BYTEORDER_DREG);
        w.u32(NFTA_BYTEORDER_OP, self.op.get());
        w.u32(NFTA_BYTEORDER_LEN, self.len);
        w.u32(NFTA_BYTEORDER_SIZE, self.size);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut byteorder = Self::new(ByteorderOp::NTOH, Reg::VERDICT, 0);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_BYTEORDER_SREG, v) => byteorder.sreg = Reg::read(v)?,
                (NFTA_BYTEORDER_DREG, v) => byteorder.dreg = Reg::read(v)?,
                (NFTA_BYTEORDER_OP, v) => byteorder.op = ByteorderOp::from_raw(v.u32()?),
                (NFTA_BYTEORDER_LEN, v) => byteorder.len = v.u32()?,
                (NFTA_BYTEORDER_SIZE, v) => byteorder.size = v.u32()?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(byteorder)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.sreg, &mut self.dreg]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![(
            Self::new(ByteorderOp::HTON, Reg::R1, 4),
            b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\x01\
              \x08\0\x04\0\0\0\0\x04\x08\0\x05\0\0\0\0\x04",
        )]
    }
}

impl fmt::Display for Byteorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sreg, dreg, op, len, size } = self;
        write!(f, "byteorder {dreg} = {op}({sreg}, {size}, {len})")
    }
}
