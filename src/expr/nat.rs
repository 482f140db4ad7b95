//! The nat expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Family};

const NFTA_NAT_TYPE: u16 = 1;
const NFTA_NAT_FAMILY: u16 = 2;
const NFTA_NAT_REG_ADDR_MIN: u16 = 3;
const NFTA_NAT_REG_ADDR_MAX: u16 = 4;
const NFTA_NAT_REG_PROTO_MIN: u16 = 5;
const NFTA_NAT_REG_PROTO_MAX: u16 = 6;
const NFTA_NAT_FLAGS: u16 = 7;

open_number! {
    /// Which end of a connection is translated (`enum nft_nat_types`).
    #[doc(alias = "nft_nat_types")]
    pub struct NatKind(u32) {
        /// The source.
        SNAT = 0, "snat";
        /// The destination.
        DNAT = 1, "dnat";
    }
}

bitflags::bitflags! {
    /// Flags of a translation (`NF_NAT_RANGE_*`).
    #[doc(alias = "NF_NAT_RANGE")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct NatFlags: u32 {
        /// Addresses are translated; the kernel sets it.
        const MAP_IPS = 1;
        /// Ports are translated.
        const PROTO_SPECIFIED = 2;
        /// The port is chosen at random.
        const RANDOM = 4;
        /// A client gets the same address for each of its connections.
        const PERSISTENT = 8;
        /// The port is chosen fully at random.
        const FULLY_RANDOM = 0x10;
        /// The port is shifted by an offset.
        const PROTO_OFFSET = 0x20;
        /// Whole networks are mapped, address by address.
        const NETMAP = 0x40;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Translates the source or destination of a connection; ends the chain.
#[doc(alias = "nft_nat")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Nat {
    /// Which end is translated.
    pub kind: NatKind,
    /// The family of the addresses; [`Family::INET`] where only ports are translated.
    pub family: Family,
    /// The register with the lowest address.
    pub addr_min: Option<Reg>,
    /// The register with the highest address.
    pub addr_max: Option<Reg>,
    /// The register with the lowest port: 2 bytes, network order.
    pub proto_min: Option<Reg>,
    /// The register with the highest port.
    pub proto_max: Option<Reg>,
    /// Flags.
    pub flags: NatFlags,
}

impl Nat {
    /// A translation of that end that does not say yet to what.
    pub fn new(kind: NatKind, family: Family) -> Self {
        let flags = NatFlags::empty();
        Self { kind, family, addr_min: None, addr_max: None, proto_min: None, proto_max: None, flags }
    }
}

/// Forgets what the kernel adds: flags that say what the registers say, and a highest value that is
/// the lowest.
pub(super) fn normalize<const N: usize>(flags: &mut NatFlags, bounds: [(Option<Reg>, &mut Option<Reg>); N]) {
    *flags -= NatFlags::MAP_IPS | NatFlags::PROTO_SPECIFIED;
    for (min, max) in bounds {
        if *max == min {
            *max = None;
        }
    }
}

impl Wire for Nat {
    const NAME: &'static str = "nat";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_NAT_TYPE, "type"),
        AttrName::value(NFTA_NAT_FAMILY, "family"),
        AttrName::value(NFTA_NAT_REG_ADDR_MIN, "addr_min"),
        AttrName::value(NFTA_NAT_REG_ADDR_MAX, "addr_max"),
        AttrName::value(NFTA_NAT_REG_PROTO_MIN, "proto_min"),
        AttrName::value(NFTA_NAT_REG_PROTO_MAX, "proto_max"),
        AttrName::value(NFTA_NAT_FLAGS, "flags"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.u32(NFTA_NAT_TYPE, self.kind.get());
        w.u32(NFTA_NAT_FAMILY, self.family.get().into());
        for (attr, reg) in [
            (NFTA_NAT_REG_ADDR_MIN, self.addr_min),
            (NFTA_NAT_REG_ADDR_MAX, self.addr_max),
            (NFTA_NAT_REG_PROTO_MIN, self.proto_min),
            (NFTA_NAT_REG_PROTO_MAX, self.proto_max),
        ] {
            if let Some(reg) = reg {
                reg.write(w, attr);
            }
        }
        if !self.flags.is_empty() {
            w.u32(NFTA_NAT_FLAGS, self.flags.bits());
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut nat = Self::new(NatKind::SNAT, Family::UNSPEC);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_NAT_TYPE, v) => nat.kind = NatKind::from_raw(v.u32()?),
                (NFTA_NAT_FAMILY, v) => nat.family = super::read_family(attrs, NFTA_NAT_FAMILY, v)?,
                (NFTA_NAT_REG_ADDR_MIN, v) => nat.addr_min = Some(Reg::read(v)?),
                (NFTA_NAT_REG_ADDR_MAX, v) => nat.addr_max = Some(Reg::read(v)?),
                (NFTA_NAT_REG_PROTO_MIN, v) => nat.proto_min = Some(Reg::read(v)?),
                (NFTA_NAT_REG_PROTO_MAX, v) => nat.proto_max = Some(Reg::read(v)?),
                (NFTA_NAT_FLAGS, v) => nat.flags = NatFlags::from_bits_retain(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(nat)
    }

    fn normalize(&mut self) {
        let regs = [&mut self.addr_min, &mut self.addr_max, &mut self.proto_min, &mut self.proto_max];
        Reg::normalize_all(regs.into_iter().flatten());
        normalize(&mut self.flags, [(self.addr_min, &mut self.addr_max), (self.proto_min, &mut self.proto_max)]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self {
                    addr_min: Some(Reg::R1),
                    proto_min: Some(Reg::R2),
                    flags: NatFlags::PROTO_SPECIFIED,
                    ..Self::new(NatKind::DNAT, Family::IP)
                },
                b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x02\x08\0\x03\0\0\0\0\x01\
                  \x08\0\x05\0\0\0\0\x02\x08\0\x07\0\0\0\0\x02",
            ),
            (
                Self {
                    addr_min: Some(Reg::R1),
                    addr_max: Some(Reg::R2),
                    proto_min: Some(Reg::R3),
                    proto_max: Some(Reg::R4),
                    ..Self::new(NatKind::SNAT, Family::IP6)
                },
                b"\x08\0\x01\0\0\0\0\0\x08\0\x02\0\0\0\0\x0a\x08\0\x03\0\0\0\0\x01\
                  \x08\0\x04\0\0\0\0\x02\x08\0\x05\0\0\0\0\x03\x08\0\x06\0\0\0\0\x04",
            ),
        ]
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nat {} {}", self.kind, self.family)?;
        for (what, reg) in [
            ("addr_min", self.addr_min),
            ("addr_max", self.addr_max),
            ("proto_min", self.proto_min),
            ("proto_max", self.proto_max),
        ] {
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
