//! The socket expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_SOCKET_KEY: u16 = 1;
const NFTA_SOCKET_DREG: u16 = 2;
const NFTA_SOCKET_LEVEL: u16 = 3;

/// The deepest cgroup that can be asked for: the kernel keeps the level in a byte.
const LEVEL_MAX: u64 = 255;

open_number! {
    /// What the socket of a packet has (`enum nft_socket_keys`).
    #[doc(alias = "nft_socket_keys")]
    pub struct SocketKey(u32) {
        /// Whether the socket is transparent (`IP_TRANSPARENT`): 1 byte, 1 or 0.
        #[doc(alias = "NFT_SOCKET_TRANSPARENT")]
        TRANSPARENT = 0, "transparent";
        /// The socket's mark (`SO_MARK`): 4 bytes, host order.
        #[doc(alias = "NFT_SOCKET_MARK")]
        MARK = 1, "mark";
        /// Whether the socket is bound to any address: 1 byte, 1 or 0 (Linux 5.10).
        #[doc(alias = "NFT_SOCKET_WILDCARD")]
        WILDCARD = 2, "wildcard";
        /// Id of the socket's cgroup (version 2), or of that one's ancestor at a
        /// [level](Socket::level): 8 bytes, host order (Linux 5.13).
        #[doc(alias = "NFT_SOCKET_CGROUPV2")]
        CGROUPV2 = 3, "cgroupv2";
    }
}

/// Loads what the socket that the packet belongs to has into a register (Linux 4.18).
///
/// For families ip, ip6 and inet, at hooks prerouting and input, and output. A packet without a
/// socket ends the rule.
#[doc(alias = "nft_socket")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Socket {
    /// What is loaded.
    pub key: SocketKey,
    /// Of [`SocketKey::CGROUPV2`], how deep below the root the cgroup is: at most 255, 0 is the
    /// root. The kernel ignores it for other keys, and does not tell it then.
    pub level: u32,
    /// Where it goes.
    pub dreg: Reg,
}

impl Socket {
    /// Loads `key` into a register.
    pub fn load(key: SocketKey, dreg: Reg) -> Self {
        Self { key, level: 0, dreg }
    }

    /// Loads the id of the socket's cgroup at a level below the root.
    pub fn cgroupv2(level: u32, dreg: Reg) -> Self {
        Self { level, ..Self::load(SocketKey::CGROUPV2, dreg) }
    }
}

impl Wire for Socket {
    const NAME: &'static str = "socket";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_SOCKET_KEY, "key"),
        AttrName::value(NFTA_SOCKET_DREG, "dreg"),
        AttrName::value(NFTA_SOCKET_LEVEL, "level"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.in_range("a cgroup level", self.level, 0..=LEVEL_MAX);
        w.u32(NFTA_SOCKET_KEY, self.key.get());
        self.dreg.write(w, NFTA_SOCKET_DREG);
        w.u32(NFTA_SOCKET_LEVEL, self.level);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut socket = Self::load(SocketKey::TRANSPARENT, Reg::VERDICT);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_SOCKET_KEY, v) => socket.key = SocketKey::from_raw(v.u32()?),
                (NFTA_SOCKET_DREG, v) => socket.dreg = Reg::read(v)?,
                (NFTA_SOCKET_LEVEL, v) => socket.level = v.u32()?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(socket)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg]);
        if self.key != SocketKey::CGROUPV2 {
            self.level = 0;
        }
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self::load(SocketKey::WILDCARD, Reg::R1),
                b"\x08\0\x01\0\0\0\0\x02\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\0",
            ),
            (Self::cgroupv2(1, Reg::R1), b"\x08\0\x01\0\0\0\0\x03\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\x01"),
        ]
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // libnftnl does not print the level.
        write!(f, "socket load {} => {}", self.key, self.dreg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BuildErrorKind;

    #[test]
    fn a_level_that_does_not_fit_the_kernels_byte_is_refused() {
        let mistake = |level| {
            let mut w = AttrWriter::new();
            Socket::cgroupv2(level, Reg::R1).encode(&mut w);
            w.take_error()
        };
        assert_eq!(mistake(255), None);
        let what = "a cgroup level";
        assert_eq!(mistake(256), Some(BuildErrorKind::OutOfRange { what, value: 256, min: 0, max: 255 }));
    }

    #[test]
    fn the_level_counts_for_cgroups_alone() {
        let mut mark = Socket { level: 3, ..Socket::load(SocketKey::MARK, Reg::from_raw(12)) };
        mark.normalize();
        assert_eq!(mark, Socket::load(SocketKey::MARK, Reg::R2));
        let mut cgroup = Socket::cgroupv2(3, Reg::R1);
        cgroup.normalize();
        assert_eq!(cgroup, Socket::cgroupv2(3, Reg::R1));
    }
}
