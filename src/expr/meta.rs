//! The meta expression.

use std::fmt;

use super::{NUMBER, Reg, Wire, before_data, numbers, template};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_META_DREG: u16 = 1;
const NFTA_META_KEY: u16 = 2;
const NFTA_META_SREG: u16 = 3;

open_number! {
    /// What the kernel knows about a packet (`enum nft_meta_keys`).
    ///
    /// The register holds 4 bytes in the host's order unless the key says otherwise.
    #[doc(alias = "nft_meta_keys")]
    pub struct MetaKey(u32) {
        /// Length of the packet in bytes.
        LEN = 0, "len";
        /// Ethernet protocol: 2 bytes, network order.
        PROTOCOL = 1, "protocol";
        /// Priority (`skb->priority`).
        PRIORITY = 2, "priority";
        /// Firewall mark.
        MARK = 3, "mark";
        /// Index of the incoming interface.
        IIF = 4, "iif";
        /// Index of the outgoing interface.
        OIF = 5, "oif";
        /// Name of the incoming interface: 16 bytes.
        IIFNAME = 6, "iifname";
        /// Name of the outgoing interface: 16 bytes.
        OIFNAME = 7, "oifname";
        /// ARPHRD type of the incoming interface: 2 bytes.
        IIFTYPE = 8, "iiftype";
        /// ARPHRD type of the outgoing interface: 2 bytes.
        OIFTYPE = 9, "oiftype";
        /// User id of the sending socket.
        SKUID = 10, "skuid";
        /// Group id of the sending socket.
        SKGID = 11, "skgid";
        /// Whether the packet is traced: 1 byte, to be set.
        NFTRACE = 12, "nftrace";
        /// Routing realm.
        RTCLASSID = 13, "rtclassid";
        /// Security mark.
        SECMARK = 14, "secmark";
        /// Family of the network layer: 1 byte.
        NFPROTO = 15, "nfproto";
        /// Protocol of the transport layer: 1 byte.
        L4PROTO = 16, "l4proto";
        /// Name of the incoming bridge: 16 bytes.
        BRI_IIFNAME = 17, "bri_iifname";
        /// Name of the outgoing bridge: 16 bytes.
        BRI_OIFNAME = 18, "bri_oifname";
        /// Unicast, broadcast, multicast …: 1 byte.
        PKTTYPE = 19, "pkttype";
        /// The processor that handles the packet.
        CPU = 20, "cpu";
        /// Group of the incoming interface.
        IIFGROUP = 21, "iifgroup";
        /// Group of the outgoing interface.
        OIFGROUP = 22, "oifgroup";
        /// Class id of the sending socket's cgroup.
        CGROUP = 23, "cgroup";
        /// A random number.
        PRANDOM = 24, "prandom";
        /// Whether the packet came through IPsec: 1 byte.
        SECPATH = 25, "secpath";
        /// Kind of the incoming interface: 16 bytes.
        IIFKIND = 26, "iifkind";
        /// Kind of the outgoing interface: 16 bytes.
        OIFKIND = 27, "oifkind";
        /// VLAN id of the incoming bridge port: 2 bytes.
        BRI_IIFPVID = 28, "bri_iifpvid";
        /// VLAN protocol of the incoming bridge: 2 bytes, network order.
        BRI_IIFVPROTO = 29, "bri_iifvproto";
        /// Time since the epoch in nanoseconds: 8 bytes.
        TIME_NS = 30, "time";
        /// Day of the week, from Sunday: 1 byte.
        TIME_DAY = 31, "day";
        /// Second of the day.
        TIME_HOUR = 32, "hour";
        /// Index of the interface that the packet came through before a VRF.
        SDIF = 33, "sdif";
        /// Name of the interface that the packet came through before a VRF: 16 bytes.
        SDIFNAME = 34, "sdifname";
        /// Whether the bridge routes the packet: 1 byte, to be set (Linux 6.4).
        BRI_BROUTE = 35, "bri_broute";
        /// Hardware address of the incoming bridge: 6 bytes (Linux 7).
        BRI_IIFHWADDR = 37, "bri_iifhwaddr";
    }
}

/// Loads what the kernel knows about the packet into a register, or changes it.
#[doc(alias = "nft_meta")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Meta {
    /// What is loaded or set.
    pub key: MetaKey,
    /// Where it goes, of a load.
    pub dreg: Option<Reg>,
    /// Where it comes from, of a change.
    pub sreg: Option<Reg>,
}

impl Meta {
    /// Loads `key` into a register.
    #[inline]
    pub fn load(key: MetaKey, dreg: Reg) -> Self {
        Self { key, dreg: Some(dreg), sreg: None }
    }

    /// Sets `key` from a register.
    #[inline]
    pub fn set(key: MetaKey, sreg: Reg) -> Self {
        Self { key, dreg: None, sreg: Some(sreg) }
    }
}

impl Wire for Meta {
    const NAME: &'static str = "meta";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_META_DREG, "dreg"),
        AttrName::value(NFTA_META_KEY, "key"),
        AttrName::value(NFTA_META_SREG, "sreg"),
    ]);

    #[inline]
    fn write_usual(&self, w: &mut AttrWriter) -> bool {
        const LOAD: [u8; BEFORE + 2 * NUMBER] = template("meta", &[NFTA_META_KEY, NFTA_META_DREG]);
        const BEFORE: usize = before_data("meta");
        let &Self { key, dreg: Some(dreg), sreg: None } = self else { return false };
        let is_usual = dreg.is_valid() && key.get() <= 255;
        if is_usual {
            w.template(LOAD, BEFORE, [key.get(), dreg.get()], LOAD.len());
        }
        is_usual
    }

    #[inline]
    fn encode(&self, w: &mut AttrWriter) {
        // Kernels before 6.6 keep the lowest byte.
        w.in_range("a meta key", self.key.get(), 0..=255);
        w.u32(NFTA_META_KEY, self.key.get());
        if let Some(dreg) = self.dreg {
            dreg.write(w, NFTA_META_DREG);
        }
        if let Some(sreg) = self.sreg {
            sreg.write(w, NFTA_META_SREG);
        }
    }

    #[inline]
    fn read_usual(data: &[u8]) -> Option<Self> {
        let ([key, dreg], []) = numbers(data, [NFTA_META_KEY, NFTA_META_DREG])? else { return None };
        Some(Self::load(MetaKey::from_raw(key), Reg::from_raw(dreg)))
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut meta = Self { key: MetaKey::LEN, dreg: None, sreg: None };
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_META_DREG, v) => meta.dreg = Some(Reg::read(v)?),
                (NFTA_META_KEY, v) => meta.key = MetaKey::from_raw(v.u32()?),
                (NFTA_META_SREG, v) => meta.sreg = Some(Reg::read(v)?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(meta)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg, &mut self.sreg].into_iter().flatten());
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::load(MetaKey::L4PROTO, Reg::R1), b"\x08\0\x02\0\0\0\0\x10\x08\0\x01\0\0\0\0\x01"),
            (Self::set(MetaKey::MARK, Reg::R1), b"\x08\0\x02\0\0\0\0\x03\x08\0\x03\0\0\0\0\x01"),
        ]
    }
}

impl fmt::Display for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.sreg, self.dreg) {
            (Some(sreg), _) => write!(f, "meta set {} with {sreg}", self.key),
            (None, dreg) => write!(f, "meta load {} => {}", self.key, dreg.unwrap_or(Reg::VERDICT)),
        }
    }
}
