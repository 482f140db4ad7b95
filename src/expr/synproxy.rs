//! The synproxy expression.

use std::fmt;

use super::Wire;
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_SYNPROXY_MSS: u16 = 1;
const NFTA_SYNPROXY_WSCALE: u16 = 2;
const NFTA_SYNPROXY_FLAGS: u16 = 3;

bitflags::bitflags! {
    /// TCP options that a proxy announces (`NF_SYNPROXY_OPT_*`).
    #[doc(alias = "NF_SYNPROXY_OPT_MASK")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct SynproxyFlags: u32 {
        /// The largest segment.
        const MSS = 1;
        /// The scale of windows.
        const WSCALE = 2;
        /// Selective acknowledgements.
        const SACK_PERM = 4;
        /// Timestamps.
        const TIMESTAMP = 8;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Answers TCP's handshake in the server's stead (Linux 5.3).
#[doc(alias = "nft_synproxy")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Synproxy {
    /// The largest segment that is announced, in bytes.
    pub mss: Option<u16>,
    /// The scale of windows that is announced: at most 14.
    pub wscale: Option<u8>,
    /// Which options are announced.
    pub flags: SynproxyFlags,
}

impl Synproxy {
    /// Announces no options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces the largest segment, in bytes.
    pub fn mss(mut self, mss: u16) -> Self {
        self.mss = Some(mss);
        self.flags |= SynproxyFlags::MSS;
        self
    }

    /// Announces the scale of windows, at most 14.
    pub fn wscale(mut self, wscale: u8) -> Self {
        self.wscale = Some(wscale);
        self.flags |= SynproxyFlags::WSCALE;
        self
    }

    /// Announces selective acknowledgements.
    pub fn sack_perm(mut self) -> Self {
        self.flags |= SynproxyFlags::SACK_PERM;
        self
    }

    /// Announces timestamps.
    pub fn timestamp(mut self) -> Self {
        self.flags |= SynproxyFlags::TIMESTAMP;
        self
    }
}

impl Wire for Synproxy {
    const NAME: &'static str = "synproxy";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_SYNPROXY_MSS, "mss"),
        AttrName::value(NFTA_SYNPROXY_WSCALE, "wscale"),
        AttrName::value(NFTA_SYNPROXY_FLAGS, "flags"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        if let Some(mss) = self.mss {
            w.u16(NFTA_SYNPROXY_MSS, mss);
        }
        if let Some(wscale) = self.wscale {
            w.in_range("a window scale", wscale, 0..=14);
            w.u8(NFTA_SYNPROXY_WSCALE, wscale);
        }
        w.u32(NFTA_SYNPROXY_FLAGS, self.flags.bits());
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut synproxy = Self::default();
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_SYNPROXY_MSS, v) => synproxy.mss = Some(v.u16()?),
                (NFTA_SYNPROXY_WSCALE, v) => synproxy.wscale = Some(v.u8()?),
                (NFTA_SYNPROXY_FLAGS, v) => synproxy.flags = SynproxyFlags::from_bits_retain(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(synproxy)
    }

    fn normalize(&mut self) {
        // The kernel tells zeros for what was not given.
        self.mss = self.mss.or(Some(0));
        self.wscale = self.wscale.or(Some(0));
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::new().timestamp(), b"\x08\0\x03\0\0\0\0\x08"),
            (
                Self::new().mss(1460).wscale(7).sack_perm().timestamp(),
                b"\x06\0\x01\0\x05\xb4\0\0\x05\0\x02\0\x07\0\0\0\x08\0\x03\0\0\0\0\x0f",
            ),
        ]
    }
}

impl fmt::Display for Synproxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mss, wscale) = (self.mss.unwrap_or_default(), self.wscale.unwrap_or_default());
        write!(f, "synproxy mss {mss} wscale {wscale}")
    }
}
