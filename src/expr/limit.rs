//! The limit expression.

use std::fmt;

use super::Wire;
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_LIMIT_RATE: u16 = 1;
const NFTA_LIMIT_UNIT: u16 = 2;
const NFTA_LIMIT_BURST: u16 = 3;
const NFTA_LIMIT_TYPE: u16 = 4;
const NFTA_LIMIT_FLAGS: u16 = 5;
const NFTA_LIMIT_PAD: u16 = 6;

/// The burst that nft gives to a limit of packets.
const BURST: u32 = 5;

open_number! {
    /// What a limit counts (`enum nft_limit_type`).
    #[doc(alias = "nft_limit_type")]
    pub struct LimitKind(u32) {
        /// Packets.
        PACKETS = 0, "packets";
        /// Bytes of packets.
        BYTES = 1, "bytes";
    }
}

bitflags::bitflags! {
    /// Flags of a limit (`enum nft_limit_flags`).
    #[doc(alias = "nft_limit_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct LimitFlags: u32 {
        /// Go on if the rate is *over* the limit.
        const INV = 1;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Goes on as long as a rate is not exceeded.
///
/// It has state of its own, and may belong to the elements of a set.
#[doc(alias = "nft_limit")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limit {
    /// Packets or bytes for each unit of time.
    pub rate: u64,
    /// The unit of time in seconds; nft has words for 1, 60, 3600, 86400 and 604800.
    pub unit: u64,
    /// Packets or bytes that may exceed the rate at once. The kernel takes 0 packets for 5.
    pub burst: u32,
    /// What is counted.
    pub kind: LimitKind,
    /// Flags.
    pub flags: LimitFlags,
}

impl Limit {
    /// The unit of a rate for each second.
    pub const SECOND: u64 = 1;
    /// The unit of a rate for each minute.
    pub const MINUTE: u64 = 60;
    /// The unit of a rate for each hour.
    pub const HOUR: u64 = 3600;
    /// The unit of a rate for each day.
    pub const DAY: u64 = 86_400;
    /// The unit of a rate for each week.
    pub const WEEK: u64 = 604_800;

    /// Goes on for at most `rate` packets in each `unit` of seconds, with nft's burst of 5.
    pub fn packets(rate: u64, unit: u64) -> Self {
        Self { rate, unit, burst: BURST, kind: LimitKind::PACKETS, flags: LimitFlags::empty() }
    }

    /// Goes on for at most `rate` bytes in each `unit` of seconds, without a burst.
    ///
    /// The kernel refuses what overflows it (`EOVERFLOW`): `unit * 1_000_000_000 * (rate + burst)`
    /// has to fit 64 bits.
    pub fn bytes(rate: u64, unit: u64) -> Self {
        Self { burst: 0, kind: LimitKind::BYTES, ..Self::packets(rate, unit) }
    }

    /// Sets how many packets or bytes may exceed the rate at once.
    pub fn burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }

    /// Goes on as long as the rate *is* exceeded.
    pub fn over(mut self) -> Self {
        self.flags |= LimitFlags::INV;
        self
    }
}

impl Limit {
    /// Refuses what overflows the kernel's own reckoning, in nanoseconds of 64 bits. Kernels before
    /// 6.10 do not always notice.
    fn check(&self, w: &mut AttrWriter) {
        const NANOS: u64 = 1_000_000_000;
        w.in_range("the unit of a limit in seconds", self.unit, 1..=u64::MAX / NANOS);
        let nanos = self.unit.saturating_mul(NANOS).max(1);
        let burst = u64::from(self.burst);
        if self.kind == LimitKind::BYTES {
            w.in_range("the rate of a limit", self.rate, 1..=(u64::MAX / nanos).saturating_sub(burst));
        } else {
            w.in_range("the rate of a limit", self.rate, 1..=u64::MAX - burst);
            let each = (nanos / self.rate.max(1)).max(1);
            w.in_range("the burst of a limit", burst, 0..=(u64::MAX / each).min(u32::MAX.into()));
        }
    }
}

impl Wire for Limit {
    const NAME: &'static str = "limit";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_LIMIT_RATE, "rate"),
        AttrName::value(NFTA_LIMIT_UNIT, "unit"),
        AttrName::value(NFTA_LIMIT_BURST, "burst"),
        AttrName::value(NFTA_LIMIT_TYPE, "type"),
        AttrName::value(NFTA_LIMIT_FLAGS, "flags"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        self.check(w);
        w.u64(NFTA_LIMIT_RATE, self.rate);
        w.u64(NFTA_LIMIT_UNIT, self.unit);
        if self.burst != 0 {
            w.u32(NFTA_LIMIT_BURST, self.burst);
        }
        w.u32s([(NFTA_LIMIT_TYPE, self.kind.get()), (NFTA_LIMIT_FLAGS, self.flags.bits())]);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut limit = Self { burst: 0, ..Self::packets(0, 0) };
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_LIMIT_RATE, v) => limit.rate = v.u64()?,
                (NFTA_LIMIT_UNIT, v) => limit.unit = v.u64()?,
                (NFTA_LIMIT_BURST, v) => limit.burst = v.u32()?,
                (NFTA_LIMIT_TYPE, v) => limit.kind = LimitKind::from_raw(v.u32()?),
                (NFTA_LIMIT_FLAGS, v) => limit.flags = LimitFlags::from_bits_retain(v.u32()?),
                (NFTA_LIMIT_PAD, _) => {}
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(limit)
    }

    fn normalize(&mut self) {
        // The kernel takes none for five.
        if self.kind == LimitKind::PACKETS && self.burst == 0 {
            self.burst = BURST;
        }
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self { burst: 3, ..Self::packets(5, 86400) },
                b"\x0c\0\x01\0\0\0\0\0\0\0\0\x05\x0c\0\x02\0\0\0\0\0\0\x01\x51\x80\x08\0\x03\0\0\0\0\x03\
                  \x08\0\x04\0\0\0\0\0\x08\0\x05\0\0\0\0\0",
            ),
            (
                Self { flags: LimitFlags::INV, ..Self::bytes(1024, 1) },
                b"\x0c\0\x01\0\0\0\0\0\0\0\x04\0\x0c\0\x02\0\0\0\0\0\0\0\0\x01\
                  \x08\0\x04\0\0\0\0\x01\x08\0\x05\0\0\0\0\x01",
            ),
        ]
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limit rate {}/", self.rate)?;
        match self.unit {
            1 => f.write_str("second")?,
            60 => f.write_str("minute")?,
            3_600 => f.write_str("hour")?,
            86_400 => f.write_str("day")?,
            604_800 => f.write_str("week")?,
            // libnftnl calls these `error`.
            seconds => write!(f, "{seconds}s")?,
        }
        write!(f, " burst {} type {} flags {:#x}", self.burst, self.kind, self.flags.bits())
    }
}
