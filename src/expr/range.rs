//! The range expression.

use std::fmt;

use super::data::DATA_SCHEMA;
use super::{Data, Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_RANGE_SREG: u16 = 1;
const NFTA_RANGE_OP: u16 = 2;
const NFTA_RANGE_FROM_DATA: u16 = 3;
const NFTA_RANGE_TO_DATA: u16 = 4;

open_number! {
    /// Whether a value has to be in a range (`enum nft_range_ops`).
    #[doc(alias = "nft_range_ops")]
    pub struct RangeOp(u32) {
        /// In the range.
        EQ = 0, "eq";
        /// Not in the range.
        NEQ = 1, "neq";
    }
}

/// Goes on if a register is in a range, or is not; else the next rule follows (Linux 4.9).
#[doc(alias = "nft_range")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Range {
    /// The register.
    pub sreg: Reg,
    /// In or not in.
    pub op: RangeOp,
    /// The lowest value of the range: 1 to 16 bytes, as many as the highest.
    pub from: Data,
    /// The highest value of the range.
    pub to: Data,
}

impl Range {
    /// Compares a register with the range from `from` to `to`, both in it.
    pub fn new(op: RangeOp, sreg: Reg, from: impl Into<Data>, to: impl Into<Data>) -> Self {
        Self { sreg, op, from: from.into(), to: to.into() }
    }
}

impl Wire for Range {
    const NAME: &'static str = "range";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_RANGE_SREG, "sreg"),
        AttrName::value(NFTA_RANGE_OP, "op"),
        AttrName::nest(NFTA_RANGE_FROM_DATA, "from", &DATA_SCHEMA),
        AttrName::nest(NFTA_RANGE_TO_DATA, "to", &DATA_SCHEMA),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.in_range("what a range tests", self.op.get(), 0..=255);
        self.sreg.write(w, NFTA_RANGE_SREG);
        w.u32(NFTA_RANGE_OP, self.op.get());
        self.from.write_operand(w, NFTA_RANGE_FROM_DATA);
        self.to.write_operand(w, NFTA_RANGE_TO_DATA);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut range = Self::new(RangeOp::EQ, Reg::VERDICT, [], []);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_RANGE_SREG, v) => range.sreg = Reg::read(v)?,
                (NFTA_RANGE_OP, v) => range.op = RangeOp::from_raw(v.u32()?),
                (NFTA_RANGE_FROM_DATA, v) => range.from = Data::read(v)?,
                (NFTA_RANGE_TO_DATA, v) => range.to = Data::read(v)?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(range)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.sreg]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![(
            Self::new(RangeOp::NEQ, Reg::R1, [10, 0, 0, 0], [10, 0, 0, 5]),
            b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x01\
              \x0c\0\x03\x80\x08\0\x01\0\x0a\0\0\0\x0c\0\x04\x80\x08\0\x01\0\x0a\0\0\x05",
        )]
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "range {} {} ", self.op, self.sreg)?;
        self.from.fmt(f)?;
        f.write_str(" ")?;
        self.to.fmt(f)
    }
}
