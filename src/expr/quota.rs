//! The quota expression.

use std::fmt;

use super::Wire;
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_QUOTA_BYTES: u16 = 1;
const NFTA_QUOTA_FLAGS: u16 = 2;
const NFTA_QUOTA_PAD: u16 = 3;
const NFTA_QUOTA_CONSUMED: u16 = 4;

/// The most bytes that the kernel counts.
const BYTES_MAX: u64 = i64::MAX as u64;

bitflags::bitflags! {
    /// Flags of a quota (`enum nft_quota_flags`).
    #[doc(alias = "nft_quota_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct QuotaFlags: u32 {
        /// Go on if the quota *is* used up.
        const INV = 1;
        /// The quota is used up; the kernel tells it, and it is never written.
        const DEPLETED = 2;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Goes on until a number of bytes has passed.
///
/// It has state of its own, and may belong to the elements of a set.
#[doc(alias = "nft_quota")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Quota {
    /// How many bytes may pass: 2⁶³ − 1 at most.
    pub bytes: u64,
    /// How many bytes have passed: no more than may.
    pub consumed: u64,
    /// Flags.
    pub flags: QuotaFlags,
}

impl Quota {
    /// Goes on until `bytes` have passed.
    pub fn new(bytes: u64) -> Self {
        Self { bytes, ..Self::default() }
    }

    /// Sets how many bytes have passed already (`used`): no more than may.
    pub fn used(mut self, bytes: u64) -> Self {
        self.consumed = bytes;
        self
    }

    /// Goes on once so many bytes *have* passed.
    pub fn over(mut self) -> Self {
        self.flags |= QuotaFlags::INV;
        self
    }
}

impl Wire for Quota {
    const NAME: &'static str = "quota";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_QUOTA_BYTES, "bytes"),
        AttrName::value(NFTA_QUOTA_FLAGS, "flags"),
        AttrName::value(NFTA_QUOTA_CONSUMED, "consumed"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.in_range("the bytes of a quota", self.bytes, 0..=BYTES_MAX);
        w.in_range("the consumed bytes of a quota", self.consumed, 0..=self.bytes);
        w.u64(NFTA_QUOTA_BYTES, self.bytes);
        w.u64(NFTA_QUOTA_CONSUMED, self.consumed);
        // The kernel refuses its own `DEPLETED`.
        w.u32(NFTA_QUOTA_FLAGS, self.flags.difference(QuotaFlags::DEPLETED).bits());
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut quota = Self::default();
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_QUOTA_BYTES, v) => quota.bytes = v.u64()?,
                (NFTA_QUOTA_FLAGS, v) => quota.flags = QuotaFlags::from_bits_retain(v.u32()?),
                (NFTA_QUOTA_CONSUMED, v) => quota.consumed = v.u64()?,
                (NFTA_QUOTA_PAD, _) => {}
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(quota)
    }

    fn normalize(&mut self) {
        self.consumed = 0;
        self.flags -= QuotaFlags::DEPLETED;
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self { consumed: 1 << 20, ..Self::new(10 << 20) },
                b"\x0c\0\x01\0\0\0\0\0\0\xa0\0\0\x0c\0\x04\0\0\0\0\0\0\x10\0\0\x08\0\x02\0\0\0\0\0",
            ),
            (
                Self { flags: QuotaFlags::INV, ..Self::new(1024) },
                b"\x0c\0\x01\0\0\0\0\0\0\0\x04\0\x0c\0\x04\0\0\0\0\0\0\0\0\0\x08\0\x02\0\0\0\0\x01",
            ),
        ]
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "quota bytes {} consumed {} flags {}", self.bytes, self.consumed, self.flags.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::golden;

    #[test]
    fn that_it_is_used_up_is_read_and_not_written() {
        let used_up = Quota { flags: QuotaFlags::INV | QuotaFlags::DEPLETED, ..Quota::new(1) };
        let inverted = Quota { flags: QuotaFlags::INV, ..used_up };
        assert_eq!(golden::encode(&used_up), golden::encode(&inverted));
        assert_eq!(used_up.to_string(), "quota bytes 1 consumed 0 flags 3");
    }
}
