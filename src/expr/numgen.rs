//! The numgen expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_NG_DREG: u16 = 1;
const NFTA_NG_MODULUS: u16 = 2;
const NFTA_NG_TYPE: u16 = 3;
const NFTA_NG_OFFSET: u16 = 4;

open_number! {
    /// How numbers follow each other (`enum nft_ng_types`).
    #[doc(alias = "nft_ng_types")]
    pub struct NumgenKind(u32) {
        /// Each is the last one and one; after the greatest comes the least.
        #[doc(alias = "NFT_NG_INCREMENTAL")]
        INCREMENTAL = 0, "inc";
        /// At random.
        #[doc(alias = "NFT_NG_RANDOM")]
        RANDOM = 1, "random";
    }
}

/// Puts a number from `offset` to `offset + modulus - 1` into a register (Linux 4.9).
///
/// 4 bytes, host order; for every family.
#[doc(alias = "nft_numgen")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Numgen {
    /// How numbers follow each other.
    pub kind: NumgenKind,
    /// How many different numbers there are, at least 1.
    pub modulus: u32,
    /// The least number. The greatest one has to fit 32 bits.
    pub offset: u32,
    /// Where the number goes.
    pub dreg: Reg,
}

impl Numgen {
    /// Counts from 0 to `modulus - 1`, and again.
    pub fn incremental(modulus: u32, dreg: Reg) -> Self {
        Self { kind: NumgenKind::INCREMENTAL, modulus, offset: 0, dreg }
    }

    /// Draws a number from 0 to `modulus - 1`.
    pub fn random(modulus: u32, dreg: Reg) -> Self {
        Self { kind: NumgenKind::RANDOM, ..Self::incremental(modulus, dreg) }
    }

    /// Adds `offset` to each number.
    pub fn offset(mut self, offset: u32) -> Self {
        self.offset = offset;
        self
    }
}

/// Refuses numbers from `offset` on that are none, or that do not all fit 32 bits.
pub(super) fn check_numbers(w: &mut AttrWriter, modulus: u32, offset: u32) {
    w.in_range("a modulus", modulus, 1..=u32::MAX.into());
    w.in_range("an offset", offset, 0..=(u32::MAX - modulus.saturating_sub(1)).into());
}

impl Wire for Numgen {
    const NAME: &'static str = "numgen";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_NG_DREG, "dreg"),
        AttrName::value(NFTA_NG_MODULUS, "modulus"),
        AttrName::value(NFTA_NG_TYPE, "type"),
        AttrName::value(NFTA_NG_OFFSET, "offset"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        check_numbers(w, self.modulus, self.offset);
        self.dreg.write(w, NFTA_NG_DREG);
        w.u32s([(NFTA_NG_MODULUS, self.modulus), (NFTA_NG_TYPE, self.kind.get()), (NFTA_NG_OFFSET, self.offset)]);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut numgen = Self::incremental(0, Reg::VERDICT);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_NG_DREG, v) => numgen.dreg = Reg::read(v)?,
                (NFTA_NG_MODULUS, v) => numgen.modulus = v.u32()?,
                (NFTA_NG_TYPE, v) => numgen.kind = NumgenKind::from_raw(v.u32()?),
                (NFTA_NG_OFFSET, v) => numgen.offset = v.u32()?,
                // The header numbers a set's name and id, too, which no kernel of today tells.
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(numgen)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self::incremental(2, Reg::R1),
                b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x02\x08\0\x03\0\0\0\0\0\x08\0\x04\0\0\0\0\0",
            ),
            (
                Self::random(4, Reg::R1).offset(100),
                b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x04\x08\0\x03\0\0\0\0\x01\x08\0\x04\0\0\0\0\x64",
            ),
        ]
    }
}

impl fmt::Display for Numgen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numgen {} = {} mod {}", self.dreg, self.kind, self.modulus)?;
        if self.offset != 0 {
            write!(f, " offset {}", self.offset)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BuildErrorKind;

    #[test]
    fn numbers_that_are_none_or_beyond_32_bits_are_refused() {
        let mistake = |modulus, offset| {
            let mut w = AttrWriter::new();
            Numgen::random(modulus, Reg::R1).offset(offset).encode(&mut w);
            w.take_error()
        };
        let max = u64::from(u32::MAX);
        assert_eq!(mistake(1, u32::MAX), None);
        assert_eq!(mistake(u32::MAX, 1), None);
        assert_eq!(mistake(0, 0), Some(BuildErrorKind::OutOfRange { what: "a modulus", value: 0, min: 1, max }));
        let what = "an offset";
        assert_eq!(mistake(u32::MAX, 2), Some(BuildErrorKind::OutOfRange { what, value: 2, min: 0, max: 1 }));
        let value = max;
        assert_eq!(mistake(2, u32::MAX), Some(BuildErrorKind::OutOfRange { what, value, min: 0, max: max - 1 }));
    }
}
