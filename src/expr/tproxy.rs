//! The tproxy expression.

use std::fmt;

use super::{Reg, Wire, read_family};
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Family};

const NFTA_TPROXY_FAMILY: u16 = 1;
const NFTA_TPROXY_REG_ADDR: u16 = 2;
const NFTA_TPROXY_REG_PORT: u16 = 3;

/// Gives the packet to a transparent socket of this machine, whatever its destination, and goes
/// on; where no socket takes it the next rule follows (Linux 4.19).
///
/// For families ip, ip6 and inet, in chains at prerouting, behind a match on tcp or udp. The
/// socket has to have `IP_TRANSPARENT`, and the packet has to be routed to this machine, as by a
/// mark.
#[doc(alias = "nft_tproxy")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tproxy {
    /// The family of the packets: the table's, and in family inet [`Family::IP`], [`Family::IP6`],
    /// or [`Family::UNSPEC`] for both, which has no address.
    pub family: Family,
    /// The register with the socket's address: 4 or 16 bytes, network order. Without one it is the
    /// address of the device that the packet came in by.
    pub addr: Option<Reg>,
    /// The register with the socket's port: 2 bytes, network order. Without one it is the packet's.
    pub port: Option<Reg>,
}

impl Tproxy {
    /// Gives packets of a family to the socket whose port a register has.
    pub fn to_port(family: Family, port: Reg) -> Self {
        Self { family, addr: None, port: Some(port) }
    }

    /// Gives packets of a family to the socket whose address a register has.
    pub fn to_addr(family: Family, addr: Reg) -> Self {
        Self { family, addr: Some(addr), port: None }
    }

    /// Gives packets of a family to the socket whose address and port registers have.
    pub fn to(family: Family, addr: Reg, port: Reg) -> Self {
        Self { family, addr: Some(addr), port: Some(port) }
    }
}

impl Wire for Tproxy {
    const NAME: &'static str = "tproxy";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_TPROXY_FAMILY, "family"),
        AttrName::value(NFTA_TPROXY_REG_ADDR, "addr"),
        AttrName::value(NFTA_TPROXY_REG_PORT, "port"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.u32(NFTA_TPROXY_FAMILY, self.family.get().into());
        if let Some(addr) = self.addr {
            addr.write(w, NFTA_TPROXY_REG_ADDR);
        }
        if let Some(port) = self.port {
            port.write(w, NFTA_TPROXY_REG_PORT);
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut tproxy = Self { family: Family::UNSPEC, addr: None, port: None };
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_TPROXY_FAMILY, v) => tproxy.family = read_family(attrs, NFTA_TPROXY_FAMILY, v)?,
                (NFTA_TPROXY_REG_ADDR, v) => tproxy.addr = Some(Reg::read(v)?),
                (NFTA_TPROXY_REG_PORT, v) => tproxy.port = Some(Reg::read(v)?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(tproxy)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.addr, &mut self.port].into_iter().flatten());
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::to_port(Family::UNSPEC, Reg::R1), b"\x08\0\x01\0\0\0\0\0\x08\0\x03\0\0\0\0\x01"),
            (Self::to_addr(Family::IP, Reg::R1), b"\x08\0\x01\0\0\0\0\x02\x08\0\x02\0\0\0\0\x01"),
            (
                Self::to(Family::IP6, Reg::R1, Reg::R2),
                b"\x08\0\x01\0\0\0\0\x0a\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\x02",
            ),
        ]
    }
}

impl fmt::Display for Tproxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tproxy")?;
        if self.family != Family::UNSPEC {
            write!(f, " {}", self.family)?;
        }
        for (what, reg) in [("addr", self.addr), ("port", self.port)] {
            if let Some(reg) = reg {
                write!(f, " {what} {reg}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_libnftnl_prints_it() {
        assert_eq!(Tproxy::to(Family::IP6, Reg::R1, Reg::R2).to_string(), "tproxy ip6 addr reg 1 port reg 2");
        assert_eq!(Tproxy::to_addr(Family::IP, Reg::R1).to_string(), "tproxy ip addr reg 1");
        assert_eq!(Tproxy::to_port(Family::UNSPEC, Reg::R1).to_string(), "tproxy port reg 1");
    }
}
