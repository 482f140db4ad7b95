//! The cmp expression.

use std::fmt;

use super::data::DATA_SCHEMA;
use super::{Data, NUMBER, Reg, Wire, before_data, numbers, shortened, template};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_CMP_SREG: u16 = 1;
const NFTA_CMP_OP: u16 = 2;
const NFTA_CMP_DATA: u16 = 3;

open_number! {
    /// How two values are compared: byte by byte (`enum nft_cmp_ops`).
    #[doc(alias = "nft_cmp_ops")]
    pub struct CmpOp(u32) {
        /// Equal.
        EQ = 0, "eq";
        /// Not equal.
        NEQ = 1, "neq";
        /// Less.
        LT = 2, "lt";
        /// Less or equal.
        LTE = 3, "lte";
        /// Greater.
        GT = 4, "gt";
        /// Greater or equal.
        GTE = 5, "gte";
    }
}

/// Goes on if a register compares so with a value; else the next rule follows.
#[doc(alias = "nft_cmp")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Cmp {
    /// The register.
    pub sreg: Reg,
    /// The comparison.
    pub op: CmpOp,
    /// The value, 1 to 16 bytes; as many bytes are compared as it has.
    pub data: Data,
}

impl Cmp {
    /// Compares a register with a value.
    #[inline]
    pub fn new(op: CmpOp, sreg: Reg, data: impl Into<Data>) -> Self {
        Self { sreg, op, data: data.into() }
    }

    /// Writes a comparison with a value of up to eight bytes as an entry of a list; returns whether it did.
    #[inline]
    pub(crate) fn write_short(op: CmpOp, sreg: Reg, data: &Data, w: &mut AttrWriter) -> bool {
        const BEFORE: usize = before_data("cmp");
        const VALUE: usize = BEFORE + 2 * NUMBER;
        const SHORT: [u8; VALUE + Data::SHORT_MAX] = template("cmp", &[NFTA_CMP_SREG, NFTA_CMP_OP]);
        let Some((value, len)) = data.short(NFTA_CMP_DATA).filter(|_| sreg.is_valid()) else { return false };
        let mut bytes = SHORT;
        bytes[VALUE..].copy_from_slice(&value);
        w.template(shortened(bytes, BEFORE, VALUE + len), BEFORE, [sreg.get(), op.get()], VALUE + len);
        true
    }
}

impl Wire for Cmp {
    const NAME: &'static str = "cmp";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_CMP_SREG, "sreg"),
        AttrName::value(NFTA_CMP_OP, "op"),
        AttrName::nest(NFTA_CMP_DATA, "data", &DATA_SCHEMA),
    ]);

    #[inline]
    fn write_usual(&self, w: &mut AttrWriter) -> bool {
        Self::write_short(self.op, self.sreg, &self.data, w)
    }

    #[inline]
    fn encode(&self, w: &mut AttrWriter) {
        self.sreg.check(w);
        w.u32s([(NFTA_CMP_SREG, self.sreg.get()), (NFTA_CMP_OP, self.op.get())]);
        self.data.write_operand(w, NFTA_CMP_DATA);
    }

    #[inline]
    fn read_usual(data: &[u8]) -> Option<Self> {
        let ([sreg, op], value) = numbers(data, [NFTA_CMP_SREG, NFTA_CMP_OP])?;
        let data = Data::read_usual(value, NFTA_CMP_DATA)?;
        Some(Self { sreg: Reg::from_raw(sreg), op: CmpOp::from_raw(op), data })
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut cmp = Self::new(CmpOp::EQ, Reg::VERDICT, []);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_CMP_SREG, v) => cmp.sreg = Reg::read(v)?,
                (NFTA_CMP_OP, v) => cmp.op = CmpOp::from_raw(v.u32()?),
                (NFTA_CMP_DATA, v) => cmp.data = Data::read(v)?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(cmp)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.sreg]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![(
            Self::new(CmpOp::EQ, Reg::R1, [6]),
            b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\0\x0c\0\x03\x80\x05\0\x01\0\x06\0\0\0",
        )]
    }
}

impl fmt::Display for Cmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cmp {} {} ", self.op, self.sreg)?;
        self.data.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::golden;

    #[test]
    fn data_of_every_length_are_written_alike() {
        for len in 1..=16u8 {
            let cmp = Cmp::new(CmpOp::NEQ, Reg::R2, &(1..=len).collect::<Vec<u8>>()[..]);
            let bytes = golden::encode(&cmp);
            assert_eq!(usize::from(bytes[20]), usize::from(len) + 4, "{cmp}");
        }
    }

    #[test]
    fn what_the_kernel_would_refuse_is_a_mistake_in_either_form() {
        let out_of_range = golden::out_of_range;
        let what = "the length of an expression's data";
        for len in [0, 17, 23, 64] {
            let cmp = Cmp::new(CmpOp::EQ, Reg::R1, &vec![1; len][..]);
            assert_eq!(golden::mistake(&cmp), out_of_range(what, len as u64, 1, 16));
        }
        let cmp = Cmp::new(CmpOp::EQ, Reg::from_raw(24), [1]);
        assert_eq!(golden::mistake(&cmp), out_of_range("a register", 24, 0, 23));
    }
}
