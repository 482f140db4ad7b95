//! The tunnel expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_TUNNEL_KEY: u16 = 1;
const NFTA_TUNNEL_DREG: u16 = 2;
const NFTA_TUNNEL_MODE: u16 = 3;

open_number! {
    /// What the metadata of a packet's tunnel has (`enum nft_tunnel_keys`).
    #[doc(alias = "nft_tunnel_keys")]
    pub struct TunnelKey(u32) {
        /// Whether there is such metadata: 1 byte, 1 or 0.
        #[doc(alias = "NFT_TUNNEL_PATH")]
        PATH = 0, "path";
        /// The tunnel's id: 4 bytes, host order.
        #[doc(alias = "NFT_TUNNEL_ID")]
        ID = 1, "id";
    }
}

open_number! {
    /// Which way the metadata goes (`enum nft_tunnel_mode`).
    #[doc(alias = "nft_tunnel_mode")]
    pub struct TunnelMode(u32) {
        /// Either way.
        #[doc(alias = "NFT_TUNNEL_MODE_NONE")]
        NONE = 0, "none";
        /// Of a packet that was received from a tunnel.
        #[doc(alias = "NFT_TUNNEL_MODE_RX")]
        RX = 1, "rx";
        /// Of a packet that is to be sent into a tunnel.
        #[doc(alias = "NFT_TUNNEL_MODE_TX")]
        TX = 2, "tx";
    }
}

/// Loads what a packet's tunnel told of it, or is to be told, into a register (Linux 4.19).
///
/// For family netdev. A packet without that metadata ends the rule, unless
/// [that is asked](TunnelKey::PATH).
#[doc(alias = "nft_tunnel")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tunnel {
    /// What is loaded.
    pub key: TunnelKey,
    /// Which way the metadata goes.
    pub mode: TunnelMode,
    /// Where it goes.
    pub dreg: Reg,
}

impl Tunnel {
    /// Loads `key` into a register, whichever way the packet goes.
    pub fn load(key: TunnelKey, dreg: Reg) -> Self {
        Self { key, mode: TunnelMode::NONE, dreg }
    }

    /// Takes only metadata that goes one way.
    pub fn mode(mut self, mode: TunnelMode) -> Self {
        self.mode = mode;
        self
    }
}

impl Wire for Tunnel {
    const NAME: &'static str = "tunnel";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_TUNNEL_KEY, "key"),
        AttrName::value(NFTA_TUNNEL_DREG, "dreg"),
        AttrName::value(NFTA_TUNNEL_MODE, "mode"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.u32(NFTA_TUNNEL_KEY, self.key.get());
        self.dreg.write(w, NFTA_TUNNEL_DREG);
        if self.mode != TunnelMode::NONE {
            w.u32(NFTA_TUNNEL_MODE, self.mode.get());
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut tunnel = Self::load(TunnelKey::PATH, Reg::VERDICT);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_TUNNEL_KEY, v) => tunnel.key = TunnelKey::from_raw(v.u32()?),
                (NFTA_TUNNEL_DREG, v) => tunnel.dreg = Reg::read(v)?,
                (NFTA_TUNNEL_MODE, v) => tunnel.mode = TunnelMode::from_raw(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(tunnel)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::load(TunnelKey::PATH, Reg::R1), b"\x08\0\x01\0\0\0\0\0\x08\0\x02\0\0\0\0\x01"),
            (
                Self::load(TunnelKey::ID, Reg::R1).mode(TunnelMode::TX),
                b"\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\x02",
            ),
        ]
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // libnftnl does not know the mode.
        write!(f, "tunnel load {} => {}", self.key, self.dreg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_libnftnl_prints_it() {
        assert_eq!(Tunnel::load(TunnelKey::ID, Reg::R1).to_string(), "tunnel load id => reg 1");
        let sent = Tunnel::load(TunnelKey::PATH, Reg::R2).mode(TunnelMode::TX);
        assert_eq!(sent.to_string(), "tunnel load path => reg 2");
    }
}
