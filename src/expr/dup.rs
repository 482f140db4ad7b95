//! The dup expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_DUP_SREG_ADDR: u16 = 1;
const NFTA_DUP_SREG_DEV: u16 = 2;

/// Sends a copy of the packet elsewhere, and goes on (Linux 4.3).
///
/// In families ip and ip6 the copy goes to a host of the network, by its address, and the rule may
/// say the device. In family netdev it goes out of a device as it is (Linux 4.10).
#[doc(alias = "nft_dup")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Dup {
    /// The register with the address to send to: 4 or 16 bytes, network order. Not in netdev.
    pub addr: Option<Reg>,
    /// The register with the index of the device to send by: 4 bytes, host order.
    pub dev: Option<Reg>,
}

impl Dup {
    /// Sends a copy to the address in a register, for families ip and ip6.
    pub fn to_addr(addr: Reg) -> Self {
        Self { addr: Some(addr), dev: None }
    }

    /// Sends a copy out of the device whose index a register has, for family netdev.
    pub fn to_dev(dev: Reg) -> Self {
        Self { addr: None, dev: Some(dev) }
    }

    /// Sends a copy to the address in a register by the device whose index another has, for
    /// families ip and ip6.
    pub fn to(addr: Reg, dev: Reg) -> Self {
        Self { addr: Some(addr), dev: Some(dev) }
    }
}

impl Wire for Dup {
    const NAME: &'static str = "dup";
    const SCHEMA: Schema =
        Schema(&[AttrName::value(NFTA_DUP_SREG_ADDR, "addr"), AttrName::value(NFTA_DUP_SREG_DEV, "dev")]);

    fn encode(&self, w: &mut AttrWriter) {
        if let Some(addr) = self.addr {
            addr.write(w, NFTA_DUP_SREG_ADDR);
        }
        if let Some(dev) = self.dev {
            dev.write(w, NFTA_DUP_SREG_DEV);
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut dup = Self::default();
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_DUP_SREG_ADDR, v) => dup.addr = Some(Reg::read(v)?),
                (NFTA_DUP_SREG_DEV, v) => dup.dev = Some(Reg::read(v)?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(dup)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.addr, &mut self.dev].into_iter().flatten());
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::to_addr(Reg::R1), b"\x08\0\x01\0\0\0\0\x01"),
            (Self::to_dev(Reg::R1), b"\x08\0\x02\0\0\0\0\x01"),
            (Self::to(Reg::R1, Reg::R2), b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x02"),
        ]
    }
}

impl fmt::Display for Dup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dup")?;
        for (what, reg) in [("sreg_addr", self.addr), ("sreg_dev", self.dev)] {
            if let Some(reg) = reg {
                write!(f, " {what} {}", reg.get())?;
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
        assert_eq!(Dup::to(Reg::R1, Reg::R2).to_string(), "dup sreg_addr 1 sreg_dev 2");
        assert_eq!(Dup::to_dev(Reg::R1).to_string(), "dup sreg_dev 1");
    }
}
