//! The lookup expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Name};

const NFTA_LOOKUP_SET: u16 = 1;
const NFTA_LOOKUP_SREG: u16 = 2;
const NFTA_LOOKUP_DREG: u16 = 3;
const NFTA_LOOKUP_SET_ID: u16 = 4;
const NFTA_LOOKUP_FLAGS: u16 = 5;

bitflags::bitflags! {
    /// Flags of a lookup (`enum nft_lookup_flags`).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct LookupFlags: u32 {
        /// Go on if the key is *not* in the set.
        const INV = 1;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Goes on if a register is in a set, and loads the value if that is a map.
#[doc(alias = "nft_lookup")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Lookup {
    /// The set's name.
    pub set: Name,
    /// The set's id in this batch, of an anonymous set.
    pub set_id: Option<u32>,
    /// The register with the key.
    pub sreg: Reg,
    /// Where a map's value goes; [`Reg::VERDICT`] for a verdict map.
    pub dreg: Option<Reg>,
    /// Flags.
    pub flags: LookupFlags,
}

impl Lookup {
    /// Looks the key in `sreg` up in `set`.
    #[inline]
    pub fn new(set: impl Into<Name>, sreg: Reg) -> Self {
        Self { set: set.into(), set_id: None, sreg, dreg: None, flags: LookupFlags::empty() }
    }
}

impl Wire for Lookup {
    const NAME: &'static str = "lookup";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_LOOKUP_SET, "set"),
        AttrName::value(NFTA_LOOKUP_SREG, "sreg"),
        AttrName::value(NFTA_LOOKUP_DREG, "dreg"),
        AttrName::value(NFTA_LOOKUP_SET_ID, "set_id"),
        AttrName::value(NFTA_LOOKUP_FLAGS, "flags"),
    ]);

    #[inline]
    fn encode(&self, w: &mut AttrWriter) {
        w.check(self.set.check_referred("set"));
        self.sreg.write(w, NFTA_LOOKUP_SREG);
        if let Some(dreg) = self.dreg {
            dreg.write(w, NFTA_LOOKUP_DREG);
        }
        w.name(NFTA_LOOKUP_SET, &self.set);
        if let Some(id) = self.set_id {
            w.u32(NFTA_LOOKUP_SET_ID, id);
        }
        if !self.flags.is_empty() {
            w.u32(NFTA_LOOKUP_FLAGS, self.flags.bits());
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut lookup = Self::new(&b""[..], Reg::VERDICT);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_LOOKUP_SET, v) => lookup.set = v.name(),
                (NFTA_LOOKUP_SREG, v) => lookup.sreg = Reg::read(v)?,
                (NFTA_LOOKUP_DREG, v) => lookup.dreg = Some(Reg::read(v)?),
                (NFTA_LOOKUP_SET_ID, v) => lookup.set_id = Some(v.u32()?),
                (NFTA_LOOKUP_FLAGS, v) => lookup.flags = LookupFlags::from_bits_retain(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(lookup)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.sreg]);
        Reg::normalize_all(&mut self.dreg);
        self.set_id = None;
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::new("blocked", Reg::R1), b"\x08\0\x02\0\0\0\0\x01\x0c\0\x01\0blocked\0"),
            (
                Self { set_id: Some(3), flags: LookupFlags::INV, ..Self::new("ports", Reg::R1) },
                b"\x08\0\x02\0\0\0\0\x01\x0a\0\x01\0ports\0\0\0\x08\0\x04\0\0\0\0\x03\x08\0\x05\0\0\0\0\x01",
            ),
            (
                Self { dreg: Some(Reg::VERDICT), ..Self::new("m", Reg::R1) },
                b"\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\0\x06\0\x01\0m\0\0\0",
            ),
        ]
    }
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lookup {} set {}", self.sreg, self.set)?;
        if let Some(dreg) = self.dreg {
            write!(f, " dreg {}", dreg.get())?;
        }
        // The kernel tells the flags of every lookup, also when there are none.
        write!(f, " {:#x}", self.flags.bits())
    }
}
