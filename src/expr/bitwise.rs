//! The bitwise expression.

use std::fmt;

use super::data::{DATA_SCHEMA, LEN_MAX};
use super::{Data, Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, order};

const NFTA_BITWISE_SREG: u16 = 1;
const NFTA_BITWISE_DREG: u16 = 2;
const NFTA_BITWISE_LEN: u16 = 3;
const NFTA_BITWISE_MASK: u16 = 4;
const NFTA_BITWISE_XOR: u16 = 5;
const NFTA_BITWISE_OP: u16 = 6;
const NFTA_BITWISE_DATA: u16 = 7;
const NFTA_BITWISE_SREG2: u16 = 8;

open_number! {
    /// What a bitwise expression computes (`enum nft_bitwise_ops`).
    #[doc(alias = "nft_bitwise_ops")]
    pub struct BitwiseOp(u32) {
        /// `(register & mask) ^ xor`.
        MASK_XOR = 0, "mask";
        /// `register << data` (Linux 5.6).
        LSHIFT = 1, "<<";
        /// `register >> data` (Linux 5.6).
        RSHIFT = 2, ">>";
        /// `register & other` (Linux 6.13).
        AND = 3, "&";
        /// `register | other` (Linux 6.13).
        OR = 4, "|";
        /// `register ^ other` (Linux 6.13).
        XOR = 5, "^";
    }
}

/// The most bits by which the kernel shifts a register of 32.
const SHIFT_MAX: u64 = 31;

/// Masks and xors a register.
#[doc(alias = "nft_bitwise")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Bitwise {
    /// Where the bytes come from.
    pub sreg: Reg,
    /// Where the bytes go.
    pub dreg: Reg,
    /// How many bytes are computed: 1 to 64.
    pub len: u32,
    /// What is computed.
    pub op: BitwiseOp,
    /// Of `MASK_XOR`: the bits to keep, 16 bytes at most.
    pub mask: Option<Data>,
    /// Of `MASK_XOR`: the bits to invert afterwards.
    pub xor: Option<Data>,
    /// Of a shift: the number of bits, 4 bytes in the host's order. Of the others: the operand,
    /// if `sreg2` is not it.
    pub data: Option<Data>,
    /// Of `AND`, `OR` and `XOR`: the register with the operand.
    pub sreg2: Option<Reg>,
}

impl Bitwise {
    /// Computes `(register & mask) ^ xor` in place; both are as long as the value.
    pub fn mask_xor(reg: Reg, mask: impl Into<Data>, xor: impl Into<Data>) -> Self {
        let (mask, xor) = (mask.into(), xor.into());
        let len = mask.len() as u32;
        Self { len, mask: Some(mask), xor: Some(xor), ..Self::empty(reg) }
    }

    /// Shifts the 4 bytes of a register, a number in the host's order, to the left in place
    /// (Linux 5.6).
    ///
    /// A batch refuses 32 bits or more.
    pub fn shl(reg: Reg, bits: u32) -> Self {
        Self::shift(reg, BitwiseOp::LSHIFT, bits)
    }

    /// Shifts the 4 bytes of a register, a number in the host's order, to the right in place
    /// (Linux 5.6).
    ///
    /// A batch refuses 32 bits or more.
    pub fn shr(reg: Reg, bits: u32) -> Self {
        Self::shift(reg, BitwiseOp::RSHIFT, bits)
    }

    /// Computes `register & other` on the first `len` bytes, in place (Linux 6.13).
    pub fn and(reg: Reg, other: Reg, len: u32) -> Self {
        Self::combined(reg, BitwiseOp::AND, other, len)
    }

    /// Computes `register | other` on the first `len` bytes, in place (Linux 6.13).
    pub fn or(reg: Reg, other: Reg, len: u32) -> Self {
        Self::combined(reg, BitwiseOp::OR, other, len)
    }

    /// Computes `register ^ other` on the first `len` bytes, in place (Linux 6.13).
    pub fn xor(reg: Reg, other: Reg, len: u32) -> Self {
        Self::combined(reg, BitwiseOp::XOR, other, len)
    }

    fn shift(reg: Reg, op: BitwiseOp, bits: u32) -> Self {
        Self { len: 4, op, data: Some(order::host_u32(bits).into()), ..Self::empty(reg) }
    }

    fn combined(reg: Reg, op: BitwiseOp, other: Reg, len: u32) -> Self {
        Self { len, op, sreg2: Some(other), ..Self::empty(reg) }
    }

    /// The bits of a shift.
    fn shifted_by(&self) -> Option<u32> {
        let data = self.data.as_ref().filter(|_| matches!(self.op, BitwiseOp::LSHIFT | BitwiseOp::RSHIFT))?;
        data.as_bytes().try_into().ok().map(order::from_host_u32)
    }

    fn empty(reg: Reg) -> Self {
        let op = BitwiseOp::MASK_XOR;
        Self { sreg: reg, dreg: reg, len: 0, op, mask: None, xor: None, data: None, sreg2: None }
    }
}

impl Wire for Bitwise {
    const NAME: &'static str = "bitwise";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_BITWISE_SREG, "sreg"),
        AttrName::value(NFTA_BITWISE_DREG, "dreg"),
        AttrName::value(NFTA_BITWISE_LEN, "len"),
        AttrName::nest(NFTA_BITWISE_MASK, "mask", &DATA_SCHEMA),
        AttrName::nest(NFTA_BITWISE_XOR, "xor", &DATA_SCHEMA),
        AttrName::value(NFTA_BITWISE_OP, "op"),
        AttrName::nest(NFTA_BITWISE_DATA, "data", &DATA_SCHEMA),
        AttrName::value(NFTA_BITWISE_SREG2, "sreg2"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        if let Some(bits) = self.shifted_by() {
            w.in_range("a shift", bits, 0..=SHIFT_MAX);
        }
        w.in_range("the length of a bitwise", self.len, 1..=LEN_MAX);
        w.in_range("what a bitwise computes", self.op.get(), 0..=255);
        self.sreg.write(w, NFTA_BITWISE_SREG);
        if let Some(sreg2) = self.sreg2 {
            sreg2.write(w, NFTA_BITWISE_SREG2);
        }
        self.dreg.write(w, NFTA_BITWISE_DREG);
        // Absent it is `MASK_XOR`; Linux before 5.6 knows no other. nft sends it or not.
        if self.op != BitwiseOp::MASK_XOR {
            w.u32(NFTA_BITWISE_OP, self.op.get());
        }
        w.u32(NFTA_BITWISE_LEN, self.len);
        if let Some(mask) = &self.mask {
            mask.write_operand(w, NFTA_BITWISE_MASK);
        }
        if let Some(xor) = &self.xor {
            xor.write_operand(w, NFTA_BITWISE_XOR);
        }
        if let Some(data) = &self.data {
            data.write_operand(w, NFTA_BITWISE_DATA);
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut bitwise = Self::empty(Reg::VERDICT);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_BITWISE_SREG, v) => bitwise.sreg = Reg::read(v)?,
                (NFTA_BITWISE_DREG, v) => bitwise.dreg = Reg::read(v)?,
                (NFTA_BITWISE_LEN, v) => bitwise.len = v.u32()?,
                (NFTA_BITWISE_MASK, v) => bitwise.mask = Some(Data::read(v)?),
                (NFTA_BITWISE_XOR, v) => bitwise.xor = Some(Data::read(v)?),
                (NFTA_BITWISE_OP, v) => bitwise.op = BitwiseOp::from_raw(v.u32()?),
                (NFTA_BITWISE_DATA, v) => bitwise.data = Some(Data::read(v)?),
                (NFTA_BITWISE_SREG2, v) => bitwise.sreg2 = Some(Reg::read(v)?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(bitwise)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.sreg, &mut self.dreg]);
        Reg::normalize_all([&mut self.sreg2].into_iter().flatten());
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self::mask_xor(Reg::R1, [255, 128, 0, 0], [0; 4]),
                b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\x04\
                  \x0c\0\x04\x80\x08\0\x01\0\xff\x80\0\0\x0c\0\x05\x80\x08\0\x01\0\0\0\0\0",
            ),
            (
                Self::shr(Reg::R1, 8),
                b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x01\x08\0\x06\0\0\0\0\x02\x08\0\x03\0\0\0\0\x04\
                  \x0c\0\x07\x80\x08\0\x01\0\x08\0\0\0",
            ),
            // nft 1.0.6 has no words for the others: these are in the order of later ones.
            (
                Self::or(Reg::R1, Reg::R2, 4),
                b"\x08\0\x01\0\0\0\0\x01\x08\0\x08\0\0\0\0\x02\x08\0\x02\0\0\0\0\x01\
                  \x08\0\x06\0\0\0\0\x04\x08\0\x03\0\0\0\0\x04",
            ),
            (
                Self { data: Some([0, 0, 0, 7].into()), sreg2: None, ..Self::xor(Reg::R1, Reg::R2, 4) },
                b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x01\x08\0\x06\0\0\0\0\x05\
                  \x08\0\x03\0\0\0\0\x04\x0c\0\x07\x80\x08\0\x01\0\0\0\0\x07",
            ),
        ]
    }
}

impl fmt::Display for Bitwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sreg, dreg, op, .. } = self;
        write!(f, "bitwise {dreg} = ( {sreg} ")?;
        if self.op != BitwiseOp::MASK_XOR {
            write!(f, "{op} ")?;
            if let Some(data) = &self.data {
                data.fmt(f)?;
            }
            if let Some(sreg2) = self.sreg2 {
                sreg2.fmt(f)?;
            }
            return f.write_str(" )");
        }
        f.write_str("& ")?;
        self.mask.iter().try_for_each(|mask| mask.fmt(f))?;
        f.write_str(" ) ^ ")?;
        self.xor.iter().try_for_each(|xor| xor.fmt(f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BuildErrorKind;

    #[test]
    fn a_shift_beyond_the_register_is_refused() {
        let written = |bitwise: Bitwise| {
            let mut w = AttrWriter::new();
            bitwise.encode(&mut w);
            w.take_error()
        };
        assert_eq!(written(Bitwise::shl(Reg::R1, 31)), None);
        let refused = |value| Some(BuildErrorKind::OutOfRange { what: "a shift", value, min: 0, max: 31 });
        assert_eq!(written(Bitwise::shl(Reg::R1, 32)), refused(32));
        assert_eq!(written(Bitwise::shr(Reg::R1, u32::MAX)), refused(u32::MAX.into()));
        let many_bits = [255; 4];
        assert_eq!(written(Bitwise::mask_xor(Reg::R1, many_bits, many_bits)), None, "that is no shift");
    }

    #[test]
    fn an_operand_is_bits_or_a_register() {
        #[cfg(target_endian = "little")]
        assert_eq!(Bitwise::shl(Reg::R1, 8).to_string(), "bitwise reg 1 = ( reg 1 << 0x00000008 )");
        assert_eq!(Bitwise::and(Reg::R1, Reg::R2, 4).to_string(), "bitwise reg 1 = ( reg 1 & reg 2 )");
        assert_eq!(Bitwise::or(Reg::R1, Reg::R2, 4).to_string(), "bitwise reg 1 = ( reg 1 | reg 2 )");
        assert_eq!(Bitwise::xor(Reg::R1, Reg::R2, 4).to_string(), "bitwise reg 1 = ( reg 1 ^ reg 2 )");
        let data = Bitwise { data: Some([0, 0, 0, 7].into()), sreg2: None, ..Bitwise::and(Reg::R1, Reg::R2, 4) };
        assert_eq!(format!("{data:#}"), "bitwise reg 1 = ( reg 1 & 0x00000007 )");
    }
}
