//! The payload expression.

use std::fmt;

use super::data::LEN_MAX;
use super::{NUMBER, Reg, Wire, before_data, numbers, template};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_PAYLOAD_DREG: u16 = 1;
const NFTA_PAYLOAD_BASE: u16 = 2;
const NFTA_PAYLOAD_OFFSET: u16 = 3;
const NFTA_PAYLOAD_LEN: u16 = 4;
const NFTA_PAYLOAD_SREG: u16 = 5;
const NFTA_PAYLOAD_CSUM_TYPE: u16 = 6;
const NFTA_PAYLOAD_CSUM_OFFSET: u16 = 7;
const NFTA_PAYLOAD_CSUM_FLAGS: u16 = 8;

/// The farthest that the kernel looks into a header.
const OFFSET_MAX: u64 = 65_535;

open_number! {
    /// The header that an offset counts from (`enum nft_payload_bases`).
    #[doc(alias = "nft_payload_bases")]
    pub struct Base(u32) {
        /// The link-layer header.
        LINK = 0, "link";
        /// The network header.
        NETWORK = 1, "network";
        /// The transport header.
        TRANSPORT = 2, "transport";
        /// What the transport carries (Linux 5.16).
        INNER = 3, "inner";
        /// The tunnel's header, within an inner expression (Linux 6.2).
        TUNNEL = 4, "tunnel";
    }
}

/// Loads bytes of the packet into a register, or writes a register into the packet.
#[doc(alias = "nft_payload")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Payload {
    /// Where the bytes go, of a load.
    pub dreg: Option<Reg>,
    /// Where the bytes come from, of a write.
    pub sreg: Option<Reg>,
    /// The header that `offset` counts from.
    pub base: Base,
    /// Bytes from the beginning of the header: 65535 at most, before Linux 6.18 255.
    pub offset: u32,
    /// How many bytes: 1 to 64.
    pub len: u32,
    /// How a write mends the checksum: 0 not at all, 1 as the Internet protocols do, 2 as SCTP.
    pub checksum_type: u32,
    /// Where the checksum is, of a write: bytes from the beginning of the header.
    pub checksum_offset: u32,
    /// Whether the layer-4 checksum changes with it: 1 for its pseudo header.
    pub checksum_flags: u32,
}

impl Payload {
    /// Loads `len` bytes at `offset` of a header.
    #[inline]
    pub fn load(base: Base, offset: u32, len: u32, dreg: Reg) -> Self {
        Self {
            dreg: Some(dreg),
            sreg: None,
            base,
            offset,
            len,
            checksum_type: 0,
            checksum_offset: 0,
            checksum_flags: 0,
        }
    }

    /// Writes `len` bytes of a register to `offset` of a header, and leaves checksums as they are.
    #[inline]
    pub fn write(base: Base, offset: u32, len: u32, sreg: Reg) -> Self {
        Self { dreg: None, sreg: Some(sreg), ..Self::load(base, offset, len, sreg) }
    }
}

impl Wire for Payload {
    const NAME: &'static str = "payload";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_PAYLOAD_DREG, "dreg"),
        AttrName::value(NFTA_PAYLOAD_BASE, "base"),
        AttrName::value(NFTA_PAYLOAD_OFFSET, "offset"),
        AttrName::value(NFTA_PAYLOAD_LEN, "len"),
        AttrName::value(NFTA_PAYLOAD_SREG, "sreg"),
        AttrName::value(NFTA_PAYLOAD_CSUM_TYPE, "csum_type"),
        AttrName::value(NFTA_PAYLOAD_CSUM_OFFSET, "csum_offset"),
        AttrName::value(NFTA_PAYLOAD_CSUM_FLAGS, "csum_flags"),
    ]);

    #[inline]
    fn write_usual(&self, w: &mut AttrWriter) -> bool {
        const LOAD: [u8; BEFORE + 4 * NUMBER] =
            template("payload", &[NFTA_PAYLOAD_DREG, NFTA_PAYLOAD_BASE, NFTA_PAYLOAD_OFFSET, NFTA_PAYLOAD_LEN]);
        const BEFORE: usize = before_data("payload");
        let &Self { dreg, sreg, base, offset, len, checksum_type, checksum_offset, checksum_flags } = self;
        let Some(dreg) = dreg.filter(|dreg| dreg.is_valid()) else { return false };
        let is_load = sreg.is_none() && checksum_type == 0 && checksum_offset == 0 && checksum_flags == 0;
        let is_usual = is_load && u64::from(offset) <= OFFSET_MAX && (1..=LEN_MAX).contains(&len.into());
        if is_usual {
            w.template(LOAD, BEFORE, [dreg.get(), base.get(), offset, len], LOAD.len());
        }
        is_usual
    }

    #[inline]
    fn encode(&self, w: &mut AttrWriter) {
        w.in_range("the offset of a payload", self.offset, 0..=OFFSET_MAX);
        w.in_range("the length of a payload", self.len, 1..=LEN_MAX);
        w.in_range("the offset of a checksum", self.checksum_offset, 0..=255);
        if let Some(sreg) = self.sreg {
            sreg.write(w, NFTA_PAYLOAD_SREG);
        }
        if let Some(dreg) = self.dreg {
            dreg.write(w, NFTA_PAYLOAD_DREG);
        }
        w.u32s([
            (NFTA_PAYLOAD_BASE, self.base.get()),
            (NFTA_PAYLOAD_OFFSET, self.offset),
            (NFTA_PAYLOAD_LEN, self.len),
        ]);
        if self.checksum_type != 0 || self.checksum_offset != 0 {
            w.u32s([(NFTA_PAYLOAD_CSUM_TYPE, self.checksum_type), (NFTA_PAYLOAD_CSUM_OFFSET, self.checksum_offset)]);
        }
        if self.checksum_flags != 0 {
            w.u32(NFTA_PAYLOAD_CSUM_FLAGS, self.checksum_flags);
        }
    }

    #[inline]
    fn read_usual(data: &[u8]) -> Option<Self> {
        const LOAD: [u16; 4] = [NFTA_PAYLOAD_DREG, NFTA_PAYLOAD_BASE, NFTA_PAYLOAD_OFFSET, NFTA_PAYLOAD_LEN];
        let ([dreg, base, offset, len], []) = numbers(data, LOAD)? else { return None };
        Some(Self::load(Base::from_raw(base), offset, len, Reg::from_raw(dreg)))
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut payload = Self { dreg: None, ..Self::load(Base::LINK, 0, 0, Reg::VERDICT) };
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_PAYLOAD_DREG, v) => payload.dreg = Some(Reg::read(v)?),
                (NFTA_PAYLOAD_BASE, v) => payload.base = Base::from_raw(v.u32()?),
                (NFTA_PAYLOAD_OFFSET, v) => payload.offset = v.u32()?,
                (NFTA_PAYLOAD_LEN, v) => payload.len = v.u32()?,
                (NFTA_PAYLOAD_SREG, v) => payload.sreg = Some(Reg::read(v)?),
                (NFTA_PAYLOAD_CSUM_TYPE, v) => payload.checksum_type = v.u32()?,
                (NFTA_PAYLOAD_CSUM_OFFSET, v) => payload.checksum_offset = v.u32()?,
                (NFTA_PAYLOAD_CSUM_FLAGS, v) => payload.checksum_flags = v.u32()?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(payload)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg, &mut self.sreg].into_iter().flatten());
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self::load(Base::NETWORK, 12, 4, Reg::R1),
                b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\x0c\x08\0\x04\0\0\0\0\x04",
            ),
            (
                Self {
                    checksum_type: 1,
                    checksum_offset: 10,
                    checksum_flags: 1,
                    ..Self::write(Base::NETWORK, 16, 4, Reg::R1)
                },
                b"\x08\0\x05\0\0\0\0\x01\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\x10\x08\0\x04\0\0\0\0\x04\
                  \x08\0\x06\0\0\0\0\x01\x08\0\x07\0\0\0\0\x0a\x08\0\x08\0\0\0\0\x01",
            ),
            // The kernel keeps the place of a checksum that it does not mend, and tells it.
            (
                Self { checksum_offset: 10, ..Self::write(Base::NETWORK, 16, 4, Reg::R1) },
                b"\x08\0\x05\0\0\0\0\x01\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\x10\x08\0\x04\0\0\0\0\x04\
                  \x08\0\x06\0\0\0\0\0\x08\0\x07\0\0\0\0\x0a",
            ),
        ]
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, offset, len, .. } = self;
        match (self.sreg, self.dreg) {
            (Some(sreg), _) => write!(
                f,
                "payload write {sreg} => {len}b @ {base} header + {offset} csum_type {} csum_off {} csum_flags {:#x}",
                self.checksum_type, self.checksum_offset, self.checksum_flags
            ),
            (None, dreg) => {
                write!(f, "payload load {len}b @ {base} header + {offset} => {}", dreg.unwrap_or(Reg::VERDICT))
            }
        }
    }
}
