//! Registers: where expressions keep what they load.

use std::fmt;

use crate::error::DecodeError;
use crate::wire::{Attr, AttrWriter};

const NFT_REG_VERDICT: u32 = 0;
const NFT_REG_1: u32 = 1;
const NFT_REG_4: u32 = 4;
const NFT_REG32_00: u32 = 8;
const NFT_REG32_15: u32 = 23;

/// A register, by the number that the kernel knows it by (`enum nft_registers`).
///
/// 64 bytes of storage are addressed as four registers of 16 bytes or sixteen of 4; the first
/// of 4 bytes is the beginning of the first of 16.
///
/// ```
/// use nftlink::expr::Reg;
/// assert_eq!(Reg::word(4), Some(Reg::R2.as_word()));
/// assert_eq!(Reg::word(5).unwrap().to_string(), "reg 13");
/// ```
#[doc(alias = "nft_registers")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reg(u32);

impl Reg {
    /// The verdict.
    pub const VERDICT: Self = Self(NFT_REG_VERDICT);
    /// Bytes 0 to 15.
    pub const R1: Self = Self(NFT_REG_1);
    /// Bytes 16 to 31.
    pub const R2: Self = Self(2);
    /// Bytes 32 to 47.
    pub const R3: Self = Self(3);
    /// Bytes 48 to 63.
    pub const R4: Self = Self(NFT_REG_4);

    /// Wraps the kernel's number.
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// Returns the kernel's number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the register of 4 bytes with the given index, from 0 to 15 (`NFT_REG32_00` …).
    pub const fn word(index: u32) -> Option<Self> {
        if index <= NFT_REG32_15 - NFT_REG32_00 { Some(Self(NFT_REG32_00 + index)) } else { None }
    }

    /// Returns the register of 4 bytes at the same place, if this is one of 16.
    pub const fn as_word(self) -> Self {
        match self.0 {
            NFT_REG_1..=NFT_REG_4 => Self(NFT_REG32_00 + (self.0 - NFT_REG_1) * 4),
            _ => self,
        }
    }

    /// The index of its first four bytes.
    pub(crate) const fn word_index(self) -> u32 {
        self.as_word().0.saturating_sub(NFT_REG32_00)
    }

    /// Returns the number that the kernel's dumps use for the same place: at a boundary of 16
    /// bytes the register of 16 bytes.
    pub const fn normalized(self) -> Self {
        match self.0 {
            NFT_REG32_00..=NFT_REG32_15 if (self.0 - NFT_REG32_00) % 4 == 0 => {
                Self(NFT_REG_1 + (self.0 - NFT_REG32_00) / 4)
            }
            _ => self,
        }
    }

    /// Gives each register the number that the kernel's dumps use.
    pub(crate) fn normalize_all<'a>(regs: impl IntoIterator<Item = &'a mut Self>) {
        regs.into_iter().for_each(|reg| *reg = reg.normalized());
    }

    #[inline]
    pub(crate) fn is_valid(self) -> bool {
        self.0 <= NFT_REG32_15
    }

    /// Refuses a number that is none of a register: kernels before 5.17 take some of them for
    /// others.
    #[inline]
    pub(crate) fn check(self, w: &mut AttrWriter) {
        w.in_range("a register", self.0, 0..=NFT_REG32_15.into());
    }

    #[inline]
    pub(crate) fn write(self, w: &mut AttrWriter, attr: u16) {
        self.check(w);
        w.u32(attr, self.0);
    }

    pub(crate) fn read(attr: Attr<'_>) -> Result<Self, DecodeError> {
        attr.u32().map(Self)
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reg {}", self.0)
    }
}

impl fmt::Debug for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reg({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_normalized_as_the_kernel_does() {
        for (raw, normalized) in [(8, 1), (12, 2), (16, 3), (20, 4), (9, 9), (1, 1), (0, 0), (24, 24), (5, 5)] {
            assert_eq!(Reg::from_raw(raw).normalized().get(), normalized);
        }
        assert_eq!(Reg::word(16), None);
    }
}
