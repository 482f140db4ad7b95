//! The fib expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_FIB_DREG: u16 = 1;
const NFTA_FIB_RESULT: u16 = 2;
const NFTA_FIB_FLAGS: u16 = 3;

open_number! {
    /// What is asked of the routing tables (`enum nft_fib_result`).
    #[doc(alias = "nft_fib_result")]
    pub struct FibResult(u32) {
        /// Index of the interface that the route leaves by: 4 bytes, host order; 0 if there is no
        /// route. With [`FibFlags::PRESENT`] one byte, 1 or 0. At hook prerouting, and at input
        /// and forward (Linux 5.18).
        #[doc(alias = "NFT_FIB_RESULT_OIF")]
        OIF = 1, "oif";
        /// Name of the interface that the route leaves by: 16 bytes; zeros if there is no route.
        /// At the same hooks.
        #[doc(alias = "NFT_FIB_RESULT_OIFNAME")]
        OIFNAME = 2, "oifname";
        /// Type of the address: 4 bytes, host order; 1 unicast, 2 local, 3 broadcast, 5 multicast
        /// (`RTN_*` of `include/uapi/linux/rtnetlink.h`). At every hook that knows the interfaces
        /// asked with.
        #[doc(alias = "NFT_FIB_RESULT_ADDRTYPE")]
        ADDRTYPE = 3, "type";
    }
}

bitflags::bitflags! {
    /// What the routing tables are asked with (`enum nft_fib_flags`).
    ///
    /// Exactly one of `SADDR` and `DADDR`, and at most one of `IIF` and `OIF`.
    #[doc(alias = "nft_fib_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct FibFlags: u32 {
        /// The packet's source address.
        #[doc(alias = "NFTA_FIB_F_SADDR")]
        const SADDR = 1;
        /// The packet's destination address.
        #[doc(alias = "NFTA_FIB_F_DADDR")]
        const DADDR = 2;
        /// The packet's mark.
        #[doc(alias = "NFTA_FIB_F_MARK")]
        const MARK = 4;
        /// The interface that the packet came in by.
        #[doc(alias = "NFTA_FIB_F_IIF")]
        const IIF = 8;
        /// The interface that the packet leaves by.
        #[doc(alias = "NFTA_FIB_F_OIF")]
        const OIF = 16;
        /// Load only whether there is a route, 1 or 0 in one byte. nft compares four, of which
        /// the others are 0.
        #[doc(alias = "NFTA_FIB_F_PRESENT")]
        const PRESENT = 32;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Asks the routing tables about an address of the packet (Linux 4.10).
///
/// For families ip, ip6, inet, and netdev at ingress. With the packet's source address and
/// interface it is a filter of reverse paths: `fib saddr . iif oif missing drop`.
#[doc(alias = "nft_fib")]
#[doc(alias = "rpfilter")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Fib {
    /// What is asked.
    pub result: FibResult,
    /// With what.
    pub flags: FibFlags,
    /// Where the answer goes.
    pub dreg: Reg,
}

impl Fib {
    /// Asks for `result` with the parts of the packet that `flags` names.
    pub fn new(result: FibResult, flags: FibFlags, dreg: Reg) -> Self {
        Self { result, flags, dreg }
    }
}

impl Wire for Fib {
    const NAME: &'static str = "fib";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_FIB_DREG, "dreg"),
        AttrName::value(NFTA_FIB_RESULT, "result"),
        AttrName::value(NFTA_FIB_FLAGS, "flags"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.u32s([(NFTA_FIB_FLAGS, self.flags.bits()), (NFTA_FIB_RESULT, self.result.get())]);
        self.dreg.write(w, NFTA_FIB_DREG);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut fib = Self::new(FibResult::from_raw(0), FibFlags::empty(), Reg::VERDICT);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_FIB_DREG, v) => fib.dreg = Reg::read(v)?,
                (NFTA_FIB_RESULT, v) => fib.result = FibResult::from_raw(v.u32()?),
                (NFTA_FIB_FLAGS, v) => fib.flags = FibFlags::from_bits_retain(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(fib)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg]);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self::new(FibResult::OIF, FibFlags::SADDR | FibFlags::IIF, Reg::R1),
                b"\x08\0\x03\0\0\0\0\x09\x08\0\x02\0\0\0\0\x01\x08\0\x01\0\0\0\0\x01",
            ),
            (
                Self::new(FibResult::ADDRTYPE, FibFlags::DADDR, Reg::R2),
                b"\x08\0\x03\0\0\0\0\x02\x08\0\x02\0\0\0\0\x03\x08\0\x01\0\0\0\0\x02",
            ),
        ]
    }
}

impl fmt::Display for Fib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (FibFlags::SADDR, "saddr"),
            (FibFlags::DADDR, "daddr"),
            (FibFlags::MARK, "mark"),
            (FibFlags::IIF, "iif"),
            (FibFlags::OIF, "oif"),
        ];
        f.write_str("fib")?;
        let mut left = self.flags.difference(FibFlags::PRESENT);
        for (flag, word) in words {
            if left.contains(flag) {
                left.remove(flag);
                write!(f, " {word}{}", if left.is_empty() { "" } else { " ." })?;
            }
        }
        if !left.is_empty() {
            write!(f, " unknown {:#x}", left.bits())?;
        }
        let present = if self.flags.contains(FibFlags::PRESENT) { " present" } else { "" };
        write!(f, " {}{present} => {}", self.result, self.dreg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_libnftnl_prints_it() {
        let shown = |result, flags| Fib::new(result, flags, Reg::R1).to_string();
        assert_eq!(shown(FibResult::ADDRTYPE, FibFlags::DADDR), "fib daddr type => reg 1");
        let flags = FibFlags::SADDR | FibFlags::MARK | FibFlags::IIF | FibFlags::PRESENT;
        assert_eq!(shown(FibResult::OIF, flags), "fib saddr . mark . iif oif present => reg 1");
        let later = FibFlags::DADDR | FibFlags::from_bits_retain(0x100);
        assert_eq!(shown(FibResult::from_raw(9), later), "fib daddr . unknown 0x100 9 => reg 1");
    }
}
