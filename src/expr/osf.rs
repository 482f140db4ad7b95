//! The osf expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_OSF_DREG: u16 = 1;
const NFTA_OSF_TTL: u16 = 2;
const NFTA_OSF_FLAGS: u16 = 3;

open_number! {
    /// How a packet's time to live has to fit a fingerprint's (`NF_OSF_TTL_*`).
    #[doc(alias = "NF_OSF_TTL")]
    pub struct OsfTtl(u8) {
        /// The same, as on the local network.
        #[doc(alias = "NF_OSF_TTL_TRUE")]
        STRICT = 0, "strict";
        /// The same or a smaller one, as after some hops.
        #[doc(alias = "NF_OSF_TTL_LESS")]
        LOOSE = 1, "loose";
        /// Any.
        #[doc(alias = "NF_OSF_TTL_NOCHECK")]
        SKIP = 2, "skip";
    }
}

bitflags::bitflags! {
    /// Flags of osf (`enum nft_osf_flags`).
    #[doc(alias = "nft_osf_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct OsfFlags: u32 {
        /// Load the system's version too: `Linux:3.11`, not `Linux` (Linux 5.2).
        #[doc(alias = "NFT_OSF_F_VERSION")]
        const VERSION = 1;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Loads the name of the system that sent the packet, as its way of opening TCP connections
/// tells it (Linux 4.19).
///
/// The name is 16 bytes with zeros after it, `unknown` if no fingerprint fits; packets that do not
/// open a TCP connection end the rule. The fingerprints have to be loaded into the kernel (`nfnl_osf`). For
/// families ip and inet, IPv4 packets only, at hooks prerouting, input and forward.
#[doc(alias = "nft_osf")]
#[doc(alias = "fingerprint")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Osf {
    /// Where the name goes: 16 bytes.
    pub dreg: Reg,
    /// How the time to live has to fit.
    pub ttl: OsfTtl,
    /// Flags.
    pub flags: OsfFlags,
}

impl Osf {
    /// Loads the system's name into a register, by fingerprints whose time to live fits strictly.
    pub fn load(dreg: Reg) -> Self {
        Self { dreg, ttl: OsfTtl::STRICT, flags: OsfFlags::empty() }
    }
}

impl Wire for Osf {
    const NAME: &'static str = "osf";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_OSF_DREG, "dreg"),
        AttrName::value(NFTA_OSF_TTL, "ttl"),
        AttrName::value(NFTA_OSF_FLAGS, "flags"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        self.dreg.write(w, NFTA_OSF_DREG);
        w.u8(NFTA_OSF_TTL, self.ttl.get());
        if !self.flags.is_empty() {
            w.u32(NFTA_OSF_FLAGS, self.flags.bits());
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut osf = Self::load(Reg::VERDICT);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_OSF_DREG, v) => osf.dreg = Reg::read(v)?,
                (NFTA_OSF_TTL, v) => osf.ttl = OsfTtl::from_raw(v.u8()?),
                (NFTA_OSF_FLAGS, v) => osf.flags = OsfFlags::from_bits_retain(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(osf)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::load(Reg::R1), b"\x08\0\x01\0\0\0\0\x01\x05\0\x02\0\0\0\0\0"),
            (
                Self { ttl: OsfTtl::SKIP, flags: OsfFlags::VERSION, ..Self::load(Reg::R1) },
                b"\x08\0\x01\0\0\0\0\x01\x05\0\x02\0\x02\0\0\0\x08\0\x03\0\0\0\0\x01",
            ),
        ]
    }
}

impl fmt::Display for Osf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // libnftnl prints no more.
        write!(f, "osf dreg {}", self.dreg.get())
    }
}
