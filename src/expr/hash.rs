//! The hash expression.

use std::fmt;

use super::numgen::check_numbers;
use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_HASH_SREG: u16 = 1;
const NFTA_HASH_DREG: u16 = 2;
const NFTA_HASH_LEN: u16 = 3;
const NFTA_HASH_MODULUS: u16 = 4;
const NFTA_HASH_SEED: u16 = 5;
const NFTA_HASH_OFFSET: u16 = 6;
const NFTA_HASH_TYPE: u16 = 7;

/// Bytes of all registers together.
const LEN_MAX: u64 = 64;

open_number! {
    /// What is hashed, and how (`enum nft_hash_types`).
    #[doc(alias = "nft_hash_types")]
    pub struct HashKind(u32) {
        /// Bytes of registers, by Jenkins' function.
        #[doc(alias = "NFT_HASH_JENKINS")]
        JENKINS = 0, "jhash";
        /// The packet's flow, the same both ways (Linux 4.12).
        #[doc(alias = "NFT_HASH_SYM")]
        SYM = 1, "symhash";
    }
}

/// Puts a hash from `offset` to `offset + modulus - 1` into a register (Linux 4.9).
///
/// 4 bytes, host order. nft's words are `jhash` and `symhash`; for every family.
#[doc(alias = "nft_hash")]
#[doc(alias = "jhash")]
#[doc(alias = "symhash")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Hash {
    /// What is hashed.
    pub kind: HashKind,
    /// The first register that is hashed, of [`HashKind::JENKINS`].
    pub sreg: Option<Reg>,
    /// How many bytes are hashed, from 1 to 64, of [`HashKind::JENKINS`].
    pub len: u32,
    /// Where the hash goes.
    pub dreg: Reg,
    /// How many different hashes there are, at least 1.
    pub modulus: u32,
    /// The number that begins the hash, of [`HashKind::JENKINS`]: with another one flows are spread
    /// otherwise. Without it the kernel draws one, and does not tell it.
    pub seed: Option<u32>,
    /// The least hash. The greatest one has to fit 32 bits.
    pub offset: u32,
}

impl Hash {
    /// Hashes `len` bytes of registers from `sreg` on, to a number from 0 to `modulus - 1`.
    pub fn jenkins(sreg: Reg, len: u32, modulus: u32, dreg: Reg) -> Self {
        Self { sreg: Some(sreg), len, kind: HashKind::JENKINS, ..Self::symmetric(modulus, dreg) }
    }

    /// Hashes the packet's flow to a number from 0 to `modulus - 1`, the same both ways (Linux
    /// 4.12).
    pub fn symmetric(modulus: u32, dreg: Reg) -> Self {
        Self { kind: HashKind::SYM, sreg: None, len: 0, dreg, modulus, seed: None, offset: 0 }
    }

    /// Sets the number that begins the hash: with the same one flows are spread in the same way, also
    /// after a restart.
    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Adds `offset` to each hash.
    pub fn offset(mut self, offset: u32) -> Self {
        self.offset = offset;
        self
    }
}

impl Wire for Hash {
    const NAME: &'static str = "hash";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_HASH_SREG, "sreg"),
        AttrName::value(NFTA_HASH_DREG, "dreg"),
        AttrName::value(NFTA_HASH_LEN, "len"),
        AttrName::value(NFTA_HASH_MODULUS, "modulus"),
        AttrName::value(NFTA_HASH_SEED, "seed"),
        AttrName::value(NFTA_HASH_OFFSET, "offset"),
        AttrName::value(NFTA_HASH_TYPE, "type"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        check_numbers(w, self.modulus, self.offset);
        if let Some(sreg) = self.sreg {
            w.in_range("a hashed length", self.len, 1..=LEN_MAX);
            sreg.write(w, NFTA_HASH_SREG);
        }
        self.dreg.write(w, NFTA_HASH_DREG);
        if self.len != 0 {
            w.u32(NFTA_HASH_LEN, self.len);
        }
        w.u32(NFTA_HASH_MODULUS, self.modulus);
        if let Some(seed) = self.seed {
            w.u32(NFTA_HASH_SEED, seed);
        }
        w.u32s([(NFTA_HASH_OFFSET, self.offset), (NFTA_HASH_TYPE, self.kind.get())]);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut hash = Self { kind: HashKind::JENKINS, ..Self::symmetric(0, Reg::VERDICT) };
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_HASH_SREG, v) => hash.sreg = Some(Reg::read(v)?),
                (NFTA_HASH_DREG, v) => hash.dreg = Reg::read(v)?,
                (NFTA_HASH_LEN, v) => hash.len = v.u32()?,
                (NFTA_HASH_MODULUS, v) => hash.modulus = v.u32()?,
                (NFTA_HASH_SEED, v) => hash.seed = Some(v.u32()?),
                (NFTA_HASH_OFFSET, v) => hash.offset = v.u32()?,
                (NFTA_HASH_TYPE, v) => hash.kind = HashKind::from_raw(v.u32()?),
                // The header numbers a set's name and id, too, which no kernel of today tells.
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(hash)
    }

    fn normalize(&mut self) {
        Reg::normalize_all(&mut self.sreg);
        Reg::normalize_all([&mut self.dreg]);
        // The kernel forgets what is not for it.
        if self.kind == HashKind::SYM {
            (self.sreg, self.len, self.seed) = (None, 0, None);
        }
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self::jenkins(Reg::R2, 8, 2, Reg::R1).seed(0xdead_beef),
                b"\x08\0\x01\0\0\0\0\x02\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\x08\x08\0\x04\0\0\0\0\x02\
                  \x08\0\x05\0\xde\xad\xbe\xef\x08\0\x06\0\0\0\0\0\x08\0\x07\0\0\0\0\0",
            ),
            (
                Self::symmetric(2, Reg::R1).offset(100),
                b"\x08\0\x02\0\0\0\0\x01\x08\0\x04\0\0\0\0\x02\x08\0\x06\0\0\0\0\x64\x08\0\x07\0\0\0\0\x01",
            ),
        ]
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hash {} = ", self.dreg)?;
        if self.kind == HashKind::SYM {
            f.write_str("symhash()")?;
        } else {
            let sreg = self.sreg.unwrap_or(Reg::VERDICT);
            write!(f, "jhash({sreg}, {}, {:#x})", self.len, self.seed.unwrap_or(0))?;
        }
        write!(f, " % mod {}", self.modulus)?;
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
    fn what_the_kernel_cannot_hash_is_refused() {
        let mistake = |hash: Hash| {
            let mut w = AttrWriter::new();
            hash.encode(&mut w);
            w.take_error()
        };
        let jenkins = |len| mistake(Hash::jenkins(Reg::R1, len, 2, Reg::R1));
        assert_eq!((jenkins(1), jenkins(64)), (None, None));
        let what = "a hashed length";
        assert_eq!(jenkins(0), Some(BuildErrorKind::OutOfRange { what, value: 0, min: 1, max: 64 }));
        assert_eq!(jenkins(65), Some(BuildErrorKind::OutOfRange { what, value: 65, min: 1, max: 64 }));
        let max = u64::from(u32::MAX);
        let what = "a modulus";
        assert_eq!(
            mistake(Hash::symmetric(0, Reg::R1)),
            Some(BuildErrorKind::OutOfRange { what, value: 0, min: 1, max })
        );
        assert_eq!(mistake(Hash::symmetric(1, Reg::R1).offset(u32::MAX)), None);
        let what = "an offset";
        assert_eq!(
            mistake(Hash::symmetric(2, Reg::R1).offset(u32::MAX)),
            Some(BuildErrorKind::OutOfRange { what, value: max, min: 0, max: max - 1 })
        );
    }

    #[test]
    fn a_flow_has_neither_registers_nor_a_seed() {
        let mut hash = Hash { kind: HashKind::SYM, ..Hash::jenkins(Reg::R1, 4, 2, Reg::from_raw(8)).seed(7) };
        hash.normalize();
        assert_eq!(hash, Hash::symmetric(2, Reg::R1));
    }
}
