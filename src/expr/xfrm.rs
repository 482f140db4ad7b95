//! The xfrm expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_XFRM_DREG: u16 = 1;
const NFTA_XFRM_KEY: u16 = 2;
const NFTA_XFRM_DIR: u16 = 3;
const NFTA_XFRM_SPNUM: u16 = 4;

/// The last transformation that a packet can have (`XFRM_MAX_DEPTH` of them).
const SPNUM_MAX: u64 = 5;

open_number! {
    /// What a transformation of IPsec has (`enum nft_xfrm_keys`).
    #[doc(alias = "nft_xfrm_keys")]
    pub struct XfrmKey(u32) {
        /// IPv4 address of the tunnel's end: 4 bytes, network order.
        #[doc(alias = "NFT_XFRM_KEY_DADDR_IP4")]
        DADDR_IP4 = 1, "daddr4";
        /// IPv6 address of the tunnel's end: 16 bytes.
        #[doc(alias = "NFT_XFRM_KEY_DADDR_IP6")]
        DADDR_IP6 = 2, "daddr6";
        /// IPv4 address of the tunnel's beginning: 4 bytes, network order.
        #[doc(alias = "NFT_XFRM_KEY_SADDR_IP4")]
        SADDR_IP4 = 3, "saddr4";
        /// IPv6 address of the tunnel's beginning: 16 bytes.
        #[doc(alias = "NFT_XFRM_KEY_SADDR_IP6")]
        SADDR_IP6 = 4, "saddr6";
        /// The id that ties policies to it: 4 bytes, host order.
        #[doc(alias = "NFT_XFRM_KEY_REQID")]
        REQID = 5, "reqid";
        /// Its index, which the packet carries: 4 bytes, network order.
        #[doc(alias = "NFT_XFRM_KEY_SPI")]
        SPI = 6, "spi";
    }
}

open_number! {
    /// Which way a packet is transformed (`XFRM_POLICY_IN`, `XFRM_POLICY_OUT`).
    pub struct XfrmDirection(u8) {
        /// What was decrypted; at hooks prerouting, input and forward.
        #[doc(alias = "XFRM_POLICY_IN")]
        IN = 0, "in";
        /// What is to be encrypted; at hooks forward, output and postrouting.
        #[doc(alias = "XFRM_POLICY_OUT")]
        OUT = 1, "out";
    }
}

/// Loads what IPsec did to the packet, or is going to do, into a register (Linux 4.20).
///
/// For families ip, ip6 and inet. A packet without that transformation ends the rule. nft's word
/// is `ipsec`.
#[doc(alias = "nft_xfrm")]
#[doc(alias = "ipsec")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Xfrm {
    /// Which way.
    pub direction: XfrmDirection,
    /// What is loaded.
    pub key: XfrmKey,
    /// Which of the packet's transformations, from 0 to 5.
    pub spnum: u32,
    /// Where it goes.
    pub dreg: Reg,
}

impl Xfrm {
    /// Loads `key` of the first transformation in a direction into a register.
    pub fn load(direction: XfrmDirection, key: XfrmKey, dreg: Reg) -> Self {
        Self { direction, key, spnum: 0, dreg }
    }

    /// Takes another of the packet's transformations, from 0 to 5.
    pub fn spnum(mut self, spnum: u32) -> Self {
        self.spnum = spnum;
        self
    }
}

impl Wire for Xfrm {
    const NAME: &'static str = "xfrm";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_XFRM_DREG, "dreg"),
        AttrName::value(NFTA_XFRM_KEY, "key"),
        AttrName::value(NFTA_XFRM_DIR, "dir"),
        AttrName::value(NFTA_XFRM_SPNUM, "spnum"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.in_range("an ipsec spnum", self.spnum, 0..=SPNUM_MAX);
        w.u32(NFTA_XFRM_KEY, self.key.get());
        w.u8(NFTA_XFRM_DIR, self.direction.get());
        w.u32(NFTA_XFRM_SPNUM, self.spnum);
        self.dreg.write(w, NFTA_XFRM_DREG);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut xfrm = Self::load(XfrmDirection::IN, XfrmKey::from_raw(0), Reg::VERDICT);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_XFRM_DREG, v) => xfrm.dreg = Reg::read(v)?,
                (NFTA_XFRM_KEY, v) => xfrm.key = XfrmKey::from_raw(v.u32()?),
                (NFTA_XFRM_DIR, v) => xfrm.direction = XfrmDirection::from_raw(v.u8()?),
                (NFTA_XFRM_SPNUM, v) => xfrm.spnum = v.u32()?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(xfrm)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self::load(XfrmDirection::IN, XfrmKey::REQID, Reg::R1),
                b"\x08\0\x02\0\0\0\0\x05\x05\0\x03\0\0\0\0\0\x08\0\x04\0\0\0\0\0\x08\0\x01\0\0\0\0\x01",
            ),
            (
                Self::load(XfrmDirection::OUT, XfrmKey::SPI, Reg::R1).spnum(2),
                b"\x08\0\x02\0\0\0\0\x06\x05\0\x03\0\x01\0\0\0\x08\0\x04\0\0\0\0\x02\x08\0\x01\0\0\0\0\x01",
            ),
        ]
    }
}

impl fmt::Display for Xfrm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "xfrm load {} {} {} => {}", self.direction, self.spnum, self.key, self.dreg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BuildErrorKind;

    #[test]
    fn a_transformation_that_no_packet_has_is_refused() {
        let mistake = |spnum| {
            let mut w = AttrWriter::new();
            Xfrm::load(XfrmDirection::IN, XfrmKey::SPI, Reg::R1).spnum(spnum).encode(&mut w);
            w.take_error()
        };
        assert_eq!(mistake(5), None);
        let what = "an ipsec spnum";
        assert_eq!(mistake(6), Some(BuildErrorKind::OutOfRange { what, value: 6, min: 0, max: 5 }));
    }
}
