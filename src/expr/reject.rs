//! The reject expression.

use std::fmt;

use super::Wire;
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_REJECT_TYPE: u16 = 1;
const NFTA_REJECT_ICMP_CODE: u16 = 2;

open_number! {
    /// How the sender is told (`enum nft_reject_types`).
    #[doc(alias = "nft_reject_types")]
    pub struct RejectKind(u32) {
        /// "Destination unreachable" of the family's ICMP; the code is that protocol's.
        ICMP_UNREACH = 0, "icmp";
        /// A reset of the TCP connection.
        TCP_RST = 1, "tcp reset";
        /// "Destination unreachable" of IPv4's or IPv6's ICMP, as the packet is; the code is the
        /// kernel's own. For families inet, bridge and netdev.
        ICMPX_UNREACH = 2, "icmpx";
    }
}

/// Drops the packet and tells its sender; ends the chain.
#[doc(alias = "nft_reject")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Reject {
    /// How the sender is told.
    pub kind: RejectKind,
    /// Why, of the two with ICMP: for `ICMPX_UNREACH` 0 no route, 1 port unreachable, 2 host
    /// unreachable, 3 prohibited (`enum nft_reject_inet_code`). 0 for `TCP_RST`.
    pub code: u8,
}

impl Reject {
    /// Answers with "destination unreachable" of the family's ICMP and a code of that protocol.
    pub fn icmp(code: u8) -> Self {
        Self { kind: RejectKind::ICMP_UNREACH, code }
    }

    /// Answers with "destination unreachable" of the packet's ICMP; [`code`](Self::code) tells
    /// the codes.
    pub fn icmpx(code: u8) -> Self {
        Self { kind: RejectKind::ICMPX_UNREACH, code }
    }

    /// Answers with a reset of the TCP connection. Packets of other protocols are dropped without
    /// an answer: test for TCP before.
    pub fn tcp_reset() -> Self {
        Self { kind: RejectKind::TCP_RST, code: 0 }
    }
}

impl Wire for Reject {
    const NAME: &'static str = "reject";
    const SCHEMA: Schema =
        Schema(&[AttrName::value(NFTA_REJECT_TYPE, "type"), AttrName::value(NFTA_REJECT_ICMP_CODE, "icmp_code")]);

    fn encode(&self, w: &mut AttrWriter) {
        w.in_range("a kind of rejection", self.kind.get(), 0..=255);
        w.u32(NFTA_REJECT_TYPE, self.kind.get());
        // The kernel does not tell it for `TCP_RST`; nft sends it always.
        w.u8(NFTA_REJECT_ICMP_CODE, self.code);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut reject = Self::icmp(0);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_REJECT_TYPE, v) => reject.kind = RejectKind::from_raw(v.u32()?),
                (NFTA_REJECT_ICMP_CODE, v) => reject.code = v.u8()?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(reject)
    }

    fn normalize(&mut self) {
        if self.kind == RejectKind::TCP_RST {
            self.code = 0;
        }
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::icmp(13), b"\x08\0\x01\0\0\0\0\0\x05\0\x02\0\x0d\0\0\0"),
            (Self::tcp_reset(), b"\x08\0\x01\0\0\0\0\x01\x05\0\x02\0\0\0\0\0"),
            (Self::icmpx(1), b"\x08\0\x01\0\0\0\0\x02\x05\0\x02\0\x01\0\0\0"),
        ]
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reject type {} code {}", self.kind.get(), self.code)
    }
}
