//! The redir expression.

use std::fmt;

use super::{NatFlags, Reg, Wire};
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_REDIR_REG_PROTO_MIN: u16 = 1;
const NFTA_REDIR_REG_PROTO_MAX: u16 = 2;
const NFTA_REDIR_FLAGS: u16 = 3;

/// Translates the destination to the incoming interface of this machine; ends the chain.
#[doc(alias = "nft_redir")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Redir {
    /// The register with the lowest port: 2 bytes, network order.
    pub proto_min: Option<Reg>,
    /// The register with the highest port.
    pub proto_max: Option<Reg>,
    /// Flags.
    pub flags: NatFlags,
}

impl Redir {
    /// Keeps the port.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Wire for Redir {
    const NAME: &'static str = "redir";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_REDIR_REG_PROTO_MIN, "proto_min"),
        AttrName::value(NFTA_REDIR_REG_PROTO_MAX, "proto_max"),
        AttrName::value(NFTA_REDIR_FLAGS, "flags"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        if let Some(reg) = self.proto_min {
            reg.write(w, NFTA_REDIR_REG_PROTO_MIN);
        }
        if let Some(reg) = self.proto_max {
            reg.write(w, NFTA_REDIR_REG_PROTO_MAX);
        }
        if !self.flags.is_empty() {
            w.u32(NFTA_REDIR_FLAGS, self.flags.bits());
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut redir = Self::default();
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_REDIR_REG_PROTO_MIN, v) => redir.proto_min = Some(Reg::read(v)?),
                (NFTA_REDIR_REG_PROTO_MAX, v) => redir.proto_max = Some(Reg::read(v)?),
                (NFTA_REDIR_FLAGS, v) => redir.flags = NatFlags::from_bits_retain(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(redir)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.proto_min, &mut self.proto_max].into_iter().flatten());
        super::nat::normalize(&mut self.flags, [(self.proto_min, &mut self.proto_max)]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        let ports = Self { proto_min: Some(Reg::R1), proto_max: Some(Reg::R2), flags: NatFlags::PROTO_SPECIFIED };
        vec![(Self::default(), b""), (ports, b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x02\x08\0\x03\0\0\0\0\x02")]
    }
}

impl fmt::Display for Redir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redir")?;
        for (what, reg) in [("proto_min", self.proto_min), ("proto_max", self.proto_max)] {
            if let Some(reg) = reg {
                write!(f, " {what} {reg}")?;
            }
        }
        if !self.flags.is_empty() {
            write!(f, " flags {:#x}", self.flags.bits())?;
        }
        Ok(())
    }
}
