//! The synproxy expression.

use std::fmt;

use super::Wire;
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_SYNPROXY_MSS: u16 = 1;
const NFTA_SYNPROXY_WSCALE: u16 = 2;
const NFTA_SYNPROXY_FLAGS: u16 = 3;

/// The largest scale of a window that TCP knows (`TCP_MAX_WSCALE`).
const WSCALE_MAX: u64 = 14;

bitflags::bitflags! {
    /// What a synproxy tells clients in its answers (`NF_SYNPROXY_OPT_*`).
    #[doc(alias = "NF_SYNPROXY_OPT")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct SynproxyFlags: u32 {
        /// The largest segment is `mss`.
        const MSS = 1;
        /// The window is scaled by `wscale`. Only with timestamps.
        const WSCALE = 2;
        /// Selective acknowledgements are taken (`sack-perm`). Only with timestamps.
        const SACK_PERM = 4;
        /// There are timestamps (`timestamp`).
        const TIMESTAMP = 8;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Answers TCP's handshake in the server's stead, and lets only connections through whose client
/// answers in turn; ends the chain for TCP, and the rule for all else (Linux 5.3).
///
/// For families ip, ip6 and inet, in chains at input and forward. The packets have to be without
/// a connection as yet: the first of each is kept out of connection tracking by `notrack`, and
/// the rule matches states invalid and untracked.
#[doc(alias = "nft_synproxy")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Synproxy {
    /// The largest segment that the server takes, in bytes.
    pub mss: u16,
    /// The exponent of the server's window scale: 14 at most.
    pub wscale: u8,
    /// What clients are told.
    pub flags: SynproxyFlags,
}

impl Synproxy {
    /// Answers for servers that take no options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers with a largest segment, in bytes, as the servers would (`mss`).
    pub fn mss(mut self, bytes: u16) -> Self {
        self.mss = bytes;
        self.flags |= SynproxyFlags::MSS;
        self
    }

    /// Answers with the exponent of a window scale, as the servers would (`wscale`).
    ///
    /// A batch refuses more than 14. It works only with timestamps.
    pub fn wscale(mut self, exponent: u8) -> Self {
        self.wscale = exponent;
        self.flags |= SynproxyFlags::WSCALE;
        self
    }

    /// Answers with timestamps (`timestamp`), without which neither scaled windows nor selective acknowledgements work.
    pub fn timestamp(self) -> Self {
        self.flags(SynproxyFlags::TIMESTAMP)
    }

    /// Answers that selective acknowledgements are taken (`sack-perm`). It works only with timestamps.
    pub fn sack_perm(self) -> Self {
        self.flags(SynproxyFlags::SACK_PERM)
    }

    /// Adds flags: what else clients are told.
    pub fn flags(mut self, flags: SynproxyFlags) -> Self {
        self.flags |= flags;
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
        // Kernels before 7 take any, and shift by it.
        w.in_range("a synproxy's wscale", self.wscale, 0..=WSCALE_MAX);
        w.u16(NFTA_SYNPROXY_MSS, self.mss);
        w.u8(NFTA_SYNPROXY_WSCALE, self.wscale);
        w.u32(NFTA_SYNPROXY_FLAGS, self.flags.bits());
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut synproxy = Self::default();
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_SYNPROXY_MSS, v) => synproxy.mss = v.u16()?,
                (NFTA_SYNPROXY_WSCALE, v) => synproxy.wscale = v.u8()?,
                (NFTA_SYNPROXY_FLAGS, v) => synproxy.flags = SynproxyFlags::from_bits_retain(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(synproxy)
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::new(), b"\x06\0\x01\0\0\0\0\0\x05\0\x02\0\0\0\0\0\x08\0\x03\0\0\0\0\0"),
            (Self::new().mss(1460).wscale(7), b"\x06\0\x01\0\x05\xb4\0\0\x05\0\x02\0\x07\0\0\0\x08\0\x03\0\0\0\0\x03"),
            (
                Self::new().mss(1460).wscale(5).flags(SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM),
                b"\x06\0\x01\0\x05\xb4\0\0\x05\0\x02\0\x05\0\0\0\x08\0\x03\0\0\0\0\x0f",
            ),
        ]
    }
}

impl fmt::Display for Synproxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "synproxy mss {} wscale {}", self.mss, self.wscale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::golden::{mistake, out_of_range};

    #[test]
    fn a_scale_that_tcp_does_not_know_is_refused() {
        assert_eq!(mistake(&Synproxy::new().wscale(14)), None);
        assert_eq!(mistake(&Synproxy::new().wscale(15)), out_of_range("a synproxy's wscale", 15, 0, 14));
    }

    #[test]
    fn reads_as_libnftnl_prints_it() {
        assert_eq!(Synproxy::new().mss(1460).wscale(7).to_string(), "synproxy mss 1460 wscale 7");
    }
}
