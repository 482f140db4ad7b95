//! The fwd expression.

use std::fmt;

use super::{Reg, Wire, read_family};
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Family};

const NFTA_FWD_SREG_DEV: u16 = 1;
const NFTA_FWD_SREG_ADDR: u16 = 2;
const NFTA_FWD_NFPROTO: u16 = 3;

/// Sends the packet out of another device; ends the chain (Linux 4.5).
///
/// For family netdev. With an address it goes to that neighbour of the device, with one hop less
/// to live, if it is a packet of the address's family; else the next rule follows. Without one it
/// goes out as it is.
#[doc(alias = "nft_fwd")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Fwd {
    /// The register with the index of the device: 4 bytes, host order.
    pub dev: Reg,
    /// The register with the neighbour's address, 4 or 16 bytes in network order, and its family:
    /// [`Family::IP`] or [`Family::IP6`] (Linux 4.19).
    pub addr: Option<(Reg, Family)>,
}

impl Fwd {
    /// Sends the packet as it is out of the device whose index a register has.
    pub fn new(dev: Reg) -> Self {
        Self { dev, addr: None }
    }

    /// Sends packets of a family to the neighbour whose address a register has, out of the device
    /// whose index another has (Linux 4.19).
    pub fn to_neighbour(dev: Reg, addr: Reg, family: Family) -> Self {
        Self { dev, addr: Some((addr, family)) }
    }
}

impl Wire for Fwd {
    const NAME: &'static str = "fwd";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_FWD_SREG_DEV, "dev"),
        AttrName::value(NFTA_FWD_SREG_ADDR, "addr"),
        AttrName::value(NFTA_FWD_NFPROTO, "nfproto"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        self.dev.write(w, NFTA_FWD_SREG_DEV);
        if let Some((addr, family)) = self.addr {
            addr.write(w, NFTA_FWD_SREG_ADDR);
            w.u32(NFTA_FWD_NFPROTO, family.get().into());
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let (mut dev, mut addr, mut family) = (Reg::VERDICT, None, None);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_FWD_SREG_DEV, v) => dev = Reg::read(v)?,
                (NFTA_FWD_SREG_ADDR, v) => addr = Some(Reg::read(v)?),
                (NFTA_FWD_NFPROTO, v) => family = Some(read_family(attrs, NFTA_FWD_NFPROTO, v)?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        if addr.is_some() != family.is_some() {
            // There is no place for one alone: the bytes keep it.
            attrs.note_unknown(if addr.is_some() { NFTA_FWD_SREG_ADDR } else { NFTA_FWD_NFPROTO });
        }
        Ok(Self { dev, addr: addr.zip(family) })
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dev]);
        Reg::normalize_all(self.addr.as_mut().map(|(addr, _)| addr));
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::new(Reg::R1), b"\x08\0\x01\0\0\0\0\x01"),
            (
                Self::to_neighbour(Reg::R1, Reg::R2, Family::IP),
                b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x02\x08\0\x03\0\0\0\0\x02",
            ),
        ]
    }
}

impl fmt::Display for Fwd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fwd sreg_dev {}", self.dev.get())?;
        match self.addr {
            Some((addr, family)) => write!(f, " sreg_addr {} nfproto {}", addr.get(), family.get()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_libnftnl_prints_it() {
        assert_eq!(Fwd::new(Reg::R1).to_string(), "fwd sreg_dev 1");
        let fwd = Fwd::to_neighbour(Reg::R1, Reg::R2, Family::IP6);
        assert_eq!(fwd.to_string(), "fwd sreg_dev 1 sreg_addr 2 nfproto 10");
    }
}
