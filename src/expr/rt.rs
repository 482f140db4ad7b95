//! The rt expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_RT_DREG: u16 = 1;
const NFTA_RT_KEY: u16 = 2;

open_number! {
    /// What a packet's route has (`enum nft_rt_keys`).
    #[doc(alias = "nft_rt_keys")]
    pub struct RtKey(u32) {
        /// Routing realm: 4 bytes, host order.
        #[doc(alias = "NFT_RT_CLASSID")]
        CLASSID = 0, "classid";
        /// IPv4 address of the next hop: 4 bytes, network order.
        #[doc(alias = "NFT_RT_NEXTHOP4")]
        NEXTHOP4 = 1, "nexthop4";
        /// IPv6 address of the next hop: 16 bytes.
        #[doc(alias = "NFT_RT_NEXTHOP6")]
        NEXTHOP6 = 2, "nexthop6";
        /// Maximum segment size of TCP: 2 bytes, host order; at hooks forward, output and
        /// postrouting (Linux 4.14).
        #[doc(alias = "NFT_RT_TCPMSS")]
        TCPMSS = 3, "tcpmss";
        /// Whether IPsec is applied: 1 byte, 1 or 0 (Linux 4.20).
        #[doc(alias = "NFT_RT_XFRM")]
        IPSEC = 4, "ipsec";
    }
}

/// Loads what the packet's route has into a register (Linux 4.10).
///
/// For families ip, ip6 and inet. A packet without a route, or with one of the other family,
/// ends the rule.
#[doc(alias = "nft_rt")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Rt {
    /// What is loaded.
    pub key: RtKey,
    /// Where it goes.
    pub dreg: Reg,
}

impl Rt {
    /// Loads `key` into a register.
    pub fn load(key: RtKey, dreg: Reg) -> Self {
        Self { key, dreg }
    }
}

impl Wire for Rt {
    const NAME: &'static str = "rt";
    const SCHEMA: Schema = Schema(&[AttrName::value(NFTA_RT_DREG, "dreg"), AttrName::value(NFTA_RT_KEY, "key")]);

    fn encode(&self, w: &mut AttrWriter) {
        w.u32(NFTA_RT_KEY, self.key.get());
        self.dreg.write(w, NFTA_RT_DREG);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut rt = Self::load(RtKey::CLASSID, Reg::VERDICT);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_RT_DREG, v) => rt.dreg = Reg::read(v)?,
                (NFTA_RT_KEY, v) => rt.key = RtKey::from_raw(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(rt)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![(Self::load(RtKey::TCPMSS, Reg::R1), b"\x08\0\x02\0\0\0\0\x03\x08\0\x01\0\0\0\0\x01")]
    }
}

impl fmt::Display for Rt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rt load {} => {}", self.key, self.dreg)
    }
}
