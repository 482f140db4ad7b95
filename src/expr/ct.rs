//! The ct expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_CT_DREG: u16 = 1;
const NFTA_CT_KEY: u16 = 2;
const NFTA_CT_DIRECTION: u16 = 3;
const NFTA_CT_SREG: u16 = 4;

open_number! {
    /// What connection tracking knows about a packet's connection (`enum nft_ct_keys`).
    ///
    /// The register holds 4 bytes in the host's order unless the key says otherwise. Of those
    /// that can be set it is said.
    #[doc(alias = "nft_ct_keys")]
    pub struct CtKey(u32) {
        /// State, a set of bits: invalid, established, related, new, untracked.
        STATE = 0, "state";
        /// Whether the packet goes the way of the first one: 1 byte, a [`CtDirection`].
        DIRECTION = 1, "direction";
        /// Status, a set of bits: assured, confirmed, snat, dnat …
        STATUS = 2, "status";
        /// The connection's mark; can be set.
        MARK = 3, "mark";
        /// The connection's security mark; can be set.
        SECMARK = 4, "secmark";
        /// Milliseconds until the connection is forgotten.
        EXPIRATION = 5, "expiration";
        /// Name of the tracking helper: 16 bytes.
        HELPER = 6, "helper";
        /// Protocol of the network layer: 1 byte.
        L3PROTOCOL = 7, "l3protocol";
        /// Source address of a direction: 4 or 16 bytes, as the table's family has them.
        SRC = 8, "src";
        /// Destination address of a direction: 4 or 16 bytes, as the table's family has them.
        DST = 9, "dst";
        /// Protocol of the transport layer: 1 byte.
        PROTOCOL = 10, "protocol";
        /// Source port of a direction: 2 bytes, network order.
        PROTO_SRC = 11, "proto_src";
        /// Destination port of a direction: 2 bytes, network order.
        PROTO_DST = 12, "proto_dst";
        /// Labels: 16 bytes; can be set.
        LABELS = 13, "label";
        /// Packets seen, of a direction or of both: 8 bytes, host order.
        PKTS = 14, "packets";
        /// Bytes seen, of a direction or of both: 8 bytes, host order.
        BYTES = 15, "bytes";
        /// Bytes for each packet, of a direction or of both: 8 bytes, host order.
        AVGPKT = 16, "avgpkt";
        /// Zone, of a direction or of both: 2 bytes, host order; can be set.
        ZONE = 17, "zone";
        /// Which events user space is told, a set of bits; can be set, not loaded.
        EVENTMASK = 18, "event";
        /// IPv4 source address of a direction: 4 bytes, network order.
        SRC_IP = 19, "src_ip";
        /// IPv4 destination address of a direction: 4 bytes, network order.
        DST_IP = 20, "dst_ip";
        /// IPv6 source address of a direction: 16 bytes.
        SRC_IP6 = 21, "src_ip6";
        /// IPv6 destination address of a direction: 16 bytes.
        DST_IP6 = 22, "dst_ip6";
        /// The connection's id: 4 bytes, network order.
        ID = 23, "id";
    }
}

impl CtKey {
    /// Whether the kernel knows it of the connection only, not of each direction.
    fn is_of_both_directions(self) -> bool {
        const PLAIN: [CtKey; 6] =
            [CtKey::STATE, CtKey::DIRECTION, CtKey::STATUS, CtKey::MARK, CtKey::SECMARK, CtKey::EXPIRATION];
        const OTHERS: [CtKey; 6] =
            [CtKey::HELPER, CtKey::L3PROTOCOL, CtKey::PROTOCOL, CtKey::LABELS, CtKey::EVENTMASK, CtKey::ID];
        PLAIN.contains(&self) || OTHERS.contains(&self)
    }
}

open_number! {
    /// One of the two ways that a connection's packets go (`enum ip_conntrack_dir`).
    #[doc(alias = "ip_conntrack_dir")]
    pub struct CtDirection(u8) {
        /// The way of the first packet.
        ORIGINAL = 0, "original";
        /// The way of the answers.
        REPLY = 1, "reply";
    }
}

/// Loads what connection tracking knows about the packet's connection into a register, or
/// changes it.
///
/// Where the packet has no connection a load ends the rule, but for [`CtKey::STATE`], and a change
/// does nothing, but for [`CtKey::ZONE`], which is set before there is one.
#[doc(alias = "nft_ct")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Ct {
    /// What is loaded or set.
    pub key: CtKey,
    /// Where it goes, of a load.
    pub dreg: Option<Reg>,
    /// Where it comes from, of a change.
    pub sreg: Option<Reg>,
    /// Which way's; addresses and ports need it, counters and zones may have it.
    pub direction: Option<CtDirection>,
}

impl Ct {
    /// Loads `key` into a register.
    pub fn load(key: CtKey, dreg: Reg) -> Self {
        Self { key, dreg: Some(dreg), sreg: None, direction: None }
    }

    /// Loads `key` of one direction into a register.
    pub fn load_of(key: CtKey, direction: CtDirection, dreg: Reg) -> Self {
        Self { direction: Some(direction), ..Self::load(key, dreg) }
    }

    /// Sets `key` from a register.
    pub fn set(key: CtKey, sreg: Reg) -> Self {
        Self { key, dreg: None, sreg: Some(sreg), direction: None }
    }
}

impl Wire for Ct {
    const NAME: &'static str = "ct";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_CT_DREG, "dreg"),
        AttrName::value(NFTA_CT_KEY, "key"),
        AttrName::value(NFTA_CT_DIRECTION, "direction"),
        AttrName::value(NFTA_CT_SREG, "sreg"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        // Kernels before 6.6 keep the lowest byte.
        w.in_range("a ct key", self.key.get(), 0..=255);
        w.u32(NFTA_CT_KEY, self.key.get());
        if let Some(dreg) = self.dreg {
            dreg.write(w, NFTA_CT_DREG);
        }
        if let Some(direction) = self.direction {
            w.in_range("a ct direction", direction.get(), 0..=1);
            w.u8(NFTA_CT_DIRECTION, direction.get());
        }
        if let Some(sreg) = self.sreg {
            sreg.write(w, NFTA_CT_SREG);
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut ct = Self { key: CtKey::STATE, dreg: None, sreg: None, direction: None };
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_CT_DREG, v) => ct.dreg = Some(Reg::read(v)?),
                (NFTA_CT_KEY, v) => ct.key = CtKey::from_raw(v.u32()?),
                (NFTA_CT_DIRECTION, v) => ct.direction = Some(CtDirection::from_raw(v.u8()?)),
                (NFTA_CT_SREG, v) => ct.sreg = Some(Reg::read(v)?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(ct)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg, &mut self.sreg].into_iter().flatten());
        // The kernel forgets the direction then.
        if self.key.is_of_both_directions() {
            self.direction = None;
        }
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::load(CtKey::STATE, Reg::R1), b"\x08\0\x02\0\0\0\0\0\x08\0\x01\0\0\0\0\x01"),
            (
                Self::load_of(CtKey::BYTES, CtDirection::REPLY, Reg::R1),
                b"\x08\0\x02\0\0\0\0\x0f\x08\0\x01\0\0\0\0\x01\x05\0\x03\0\x01\0\0\0",
            ),
            (
                Self { direction: Some(CtDirection::ORIGINAL), ..Self::set(CtKey::ZONE, Reg::R1) },
                b"\x08\0\x02\0\0\0\0\x11\x05\0\x03\0\0\0\0\0\x08\0\x04\0\0\0\0\x01",
            ),
        ]
    }
}

impl fmt::Display for Ct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // libnftnl 1.2.4 has no word for `CtKey::ID`; it is that of later ones.
        match (self.sreg, self.dreg) {
            (Some(sreg), _) => write!(f, "ct set {} with {sreg}", self.key)?,
            (None, dreg) => write!(f, "ct load {} => {}", self.key, dreg.unwrap_or(Reg::VERDICT))?,
        }
        match self.direction {
            Some(direction) => write!(f, " , dir {direction}"),
            None => Ok(()),
        }
    }
}
