//! The exthdr expression.

use std::fmt;
use std::ops::RangeInclusive;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_EXTHDR_DREG: u16 = 1;
const NFTA_EXTHDR_TYPE: u16 = 2;
const NFTA_EXTHDR_OFFSET: u16 = 3;
const NFTA_EXTHDR_LEN: u16 = 4;
const NFTA_EXTHDR_FLAGS: u16 = 5;
const NFTA_EXTHDR_OP: u16 = 6;
const NFTA_EXTHDR_SREG: u16 = 7;

/// The most that an offset may be: the kernel keeps it in a byte.
const OFFSET_MAX: u64 = 255;
/// Bytes of all registers together.
const LEN_MAX: u64 = 64;
/// Type and length of a TCP option: they are never written.
const OPTION_HEADER: u64 = 2;
/// How many bytes are written, but for 3.
const WRITTEN: RangeInclusive<u64> = 2..=4;

open_number! {
    /// What kind of header or option is meant (`enum nft_exthdr_op`).
    #[doc(alias = "nft_exthdr_op")]
    pub struct ExthdrOp(u32) {
        /// An extension header of IPv6, by its protocol number: 0 hop-by-hop, 43 routing,
        /// 44 fragment, 60 destination options, 135 mobility.
        #[doc(alias = "NFT_EXTHDR_OP_IPV6")]
        IPV6 = 0, "ipv6";
        /// An option of TCP: 2 maximum segment size, 3 window scale, 4 SACK permitted, 5 SACK,
        /// 8 timestamps, 30 multipath (Linux 4.11).
        #[doc(alias = "NFT_EXTHDR_OP_TCPOPT")]
        TCPOPT = 1, "tcpopt";
        /// An option of IPv4: 7 record route, 131 loose source route, 137 strict source route,
        /// 148 router alert (Linux 5.3). Not for family ip6.
        #[doc(alias = "NFT_EXTHDR_OP_IPV4")]
        IPV4 = 2, "ipv4";
        /// A chunk of SCTP, by its type (Linux 5.14).
        #[doc(alias = "NFT_EXTHDR_OP_SCTP")]
        SCTP = 3, "sctp";
        /// An option of DCCP (Linux 6.5, where the kernel is built with it).
        #[doc(alias = "NFT_EXTHDR_OP_DCCP")]
        DCCP = 4, "dccp";
    }
}

open_number! {
    /// The kind of a TCP option.
    pub struct TcpOption(u8) {
        /// The end of the options.
        EOL = 0, "eol";
        /// One byte without a meaning.
        NOP = 1, "nop";
        /// The maximum segment size.
        MAXSEG = 2, "maxseg";
        /// The window scale.
        WINDOW = 3, "window";
        /// Selective acknowledgement is understood.
        SACK_PERM = 4, "sack-perm";
        /// Selective acknowledgement.
        SACK = 5, "sack";
        /// Timestamps.
        TIMESTAMP = 8, "timestamp";
        /// A signature by MD5.
        MD5SIG = 19, "md5sig";
        /// Multipath TCP.
        MPTCP = 30, "mptcp";
        /// TCP Fast Open.
        FASTOPEN = 34, "fastopen";
    }
}

impl From<u8> for TcpOption {
    fn from(kind: u8) -> Self {
        Self(kind)
    }
}

bitflags::bitflags! {
    /// Flags of a load (`enum nft_exthdr_flags`).
    #[doc(alias = "nft_exthdr_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct ExthdrFlags: u32 {
        /// Load whether the packet has it, 1 or 0 in one byte, instead of bytes of it.
        #[doc(alias = "NFT_EXTHDR_F_PRESENT")]
        const PRESENT = 1;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Loads bytes of an extension header or an option, changes a TCP option, or takes it out.
///
/// A load from a packet that has no such header or option ends the rule, unless it asks
/// [whether there is one](ExthdrFlags::PRESENT). nft's words: `ip6 exthdr`, `frag`, `rt`, `hbh`,
/// `dst`, `mh`, `tcp option`, `ip option`, `sctp chunk`, `dccp option`, `reset tcp option`.
#[doc(alias = "nft_exthdr")]
#[doc(alias = "tcp option")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Exthdr {
    /// Whose header or option it is.
    pub op: ExthdrOp,
    /// Which one: a protocol number, or the type of an option or chunk.
    pub kind: u8,
    /// Bytes from the beginning of the header or option, at most 255; of a change at least 2,
    /// since a TCP option begins with its type and its length.
    pub offset: u32,
    /// How many bytes: at most 64 of a load, 2 or 4 of a change.
    pub len: u32,
    /// Flags of a load; the kernel refuses them beside a change.
    pub flags: ExthdrFlags,
    /// Where the bytes go, of a load: as they are in the packet.
    pub dreg: Option<Reg>,
    /// Where the bytes come from, of a change.
    pub sreg: Option<Reg>,
}

impl Exthdr {
    /// Loads `len` bytes at `offset` of a header or option into a register.
    pub fn load(op: ExthdrOp, kind: u8, offset: u32, len: u32, dreg: Reg) -> Self {
        Self { op, kind, offset, len, flags: ExthdrFlags::empty(), dreg: Some(dreg), sreg: None }
    }

    /// Loads whether the packet has a header or option: one byte, 1 or 0.
    pub fn present(op: ExthdrOp, kind: u8, dreg: Reg) -> Self {
        Self { flags: ExthdrFlags::PRESENT, ..Self::load(op, kind, 0, 1, dreg) }
    }

    /// Writes `len` bytes of a register, 2 or 4, to `offset` of a TCP option (Linux 4.14).
    ///
    /// A packet without the option stays as it is, and so does a maximum segment size that is
    /// smaller already.
    pub fn write(kind: u8, offset: u32, len: u32, sreg: Reg) -> Self {
        Self { dreg: None, sreg: Some(sreg), ..Self::load(ExthdrOp::TCPOPT, kind, offset, len, sreg) }
    }

    /// Takes a TCP option out of the packet: puts "no operation" in its place (Linux 5.18).
    #[doc(alias = "reset")]
    pub fn strip(kind: u8) -> Self {
        Self { dreg: None, ..Self::load(ExthdrOp::TCPOPT, kind, 0, 0, Reg::VERDICT) }
    }
}

impl Wire for Exthdr {
    const NAME: &'static str = "exthdr";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_EXTHDR_DREG, "dreg"),
        AttrName::value(NFTA_EXTHDR_TYPE, "type"),
        AttrName::value(NFTA_EXTHDR_OFFSET, "offset"),
        AttrName::value(NFTA_EXTHDR_LEN, "len"),
        AttrName::value(NFTA_EXTHDR_FLAGS, "flags"),
        AttrName::value(NFTA_EXTHDR_OP, "op"),
        AttrName::value(NFTA_EXTHDR_SREG, "sreg"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        if let Some(dreg) = self.dreg {
            dreg.write(w, NFTA_EXTHDR_DREG);
        }
        if let Some(sreg) = self.sreg {
            sreg.write(w, NFTA_EXTHDR_SREG);
        }
        w.u8(NFTA_EXTHDR_TYPE, self.kind);
        // The kernel tells zeros of a strip, and wants none of them in a request.
        if self.dreg.is_some() || self.sreg.is_some() || self.offset != 0 || self.len != 0 {
            let (least, lens) = if self.sreg.is_some() { (OPTION_HEADER, WRITTEN) } else { (0, 1..=LEN_MAX) };
            w.in_range("a header offset", self.offset, least..=OFFSET_MAX);
            w.in_range("a header length", self.len, lens);
            w.u32s([(NFTA_EXTHDR_OFFSET, self.offset), (NFTA_EXTHDR_LEN, self.len)]);
        }
        w.u32(NFTA_EXTHDR_OP, self.op.get());
        // Nor flags of a change, not even none.
        if self.dreg.is_some() || !self.flags.is_empty() {
            w.u32(NFTA_EXTHDR_FLAGS, self.flags.bits());
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut exthdr = Self { op: ExthdrOp::IPV6, ..Self::strip(0) };
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_EXTHDR_DREG, v) => exthdr.dreg = Some(Reg::read(v)?),
                (NFTA_EXTHDR_TYPE, v) => exthdr.kind = v.u8()?,
                (NFTA_EXTHDR_OFFSET, v) => exthdr.offset = v.u32()?,
                (NFTA_EXTHDR_LEN, v) => exthdr.len = v.u32()?,
                (NFTA_EXTHDR_FLAGS, v) => exthdr.flags = ExthdrFlags::from_bits_retain(v.u32()?),
                (NFTA_EXTHDR_OP, v) => exthdr.op = ExthdrOp::from_raw(v.u32()?),
                (NFTA_EXTHDR_SREG, v) => exthdr.sreg = Some(Reg::read(v)?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(exthdr)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg, &mut self.sreg].into_iter().flatten());
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (
                Self::load(ExthdrOp::IPV6, 43, 0, 1, Reg::R1),
                b"\x08\0\x01\0\0\0\0\x01\x05\0\x02\0\x2b\0\0\0\x08\0\x03\0\0\0\0\0\x08\0\x04\0\0\0\0\x01\
                  \x08\0\x06\0\0\0\0\0\x08\0\x05\0\0\0\0\0",
            ),
            (
                Self::present(ExthdrOp::SCTP, 1, Reg::R1),
                b"\x08\0\x01\0\0\0\0\x01\x05\0\x02\0\x01\0\0\0\x08\0\x03\0\0\0\0\0\x08\0\x04\0\0\0\0\x01\
                  \x08\0\x06\0\0\0\0\x03\x08\0\x05\0\0\0\0\x01",
            ),
            (
                Self::load(ExthdrOp::IPV4, 148, 2, 2, Reg::R1),
                b"\x08\0\x01\0\0\0\0\x01\x05\0\x02\0\x94\0\0\0\x08\0\x03\0\0\0\0\x02\x08\0\x04\0\0\0\0\x02\
                  \x08\0\x06\0\0\0\0\x02\x08\0\x05\0\0\0\0\0",
            ),
            // The corpus has none, since neither its kernel nor its nft has them.
            (
                Self::present(ExthdrOp::DCCP, 38, Reg::R2),
                b"\x08\0\x01\0\0\0\0\x02\x05\0\x02\0\x26\0\0\0\x08\0\x03\0\0\0\0\0\x08\0\x04\0\0\0\0\x01\
                  \x08\0\x06\0\0\0\0\x04\x08\0\x05\0\0\0\0\x01",
            ),
            (
                Self::write(2, 2, 2, Reg::R1),
                b"\x08\0\x07\0\0\0\0\x01\x05\0\x02\0\x02\0\0\0\x08\0\x03\0\0\0\0\x02\x08\0\x04\0\0\0\0\x02\
                  \x08\0\x06\0\0\0\0\x01",
            ),
            (Self::strip(30), b"\x05\0\x02\0\x1e\0\0\0\x08\0\x06\0\0\0\0\x01"),
        ]
    }
}

impl fmt::Display for Exthdr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, kind, offset, len, .. } = *self;
        // libnftnl has no words for the others.
        let word = match op {
            ExthdrOp::IPV6 => " ipv6",
            ExthdrOp::TCPOPT => " tcpopt",
            ExthdrOp::IPV4 => " ipv4",
            _ => "",
        };
        match (self.dreg, self.sreg) {
            (Some(dreg), _) => {
                let present = if self.flags.contains(ExthdrFlags::PRESENT) { " present" } else { "" };
                write!(f, "exthdr load{word} {len}b @ {kind} + {offset}{present} => {dreg}")
            }
            (None, Some(sreg)) => write!(f, "exthdr write{word} {sreg} => {len}b @ {kind} + {offset}"),
            (None, None) if op == ExthdrOp::TCPOPT && len == 0 => write!(f, "exthdr reset tcpopt {kind}"),
            (None, None) => write!(f, "exthdr op {} len {len} type {kind} offset {offset}", op.get()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BuildErrorKind;
    use crate::expr::golden;
    use crate::wire::reader::Notes;

    fn mistake(exthdr: Exthdr) -> Option<BuildErrorKind> {
        let mut w = AttrWriter::new();
        exthdr.encode(&mut w);
        w.take_error()
    }

    #[test]
    fn what_does_not_fit_the_kernels_byte_or_the_registers_is_refused() {
        let load = |offset, len| mistake(Exthdr::load(ExthdrOp::TCPOPT, 2, offset, len, Reg::R1));
        assert_eq!(load(255, 64), None);
        assert_eq!(load(0, 1), None);
        let what = "a header offset";
        assert_eq!(load(256, 1), Some(BuildErrorKind::OutOfRange { what, value: 256, min: 0, max: 255 }));
        let what = "a header length";
        assert_eq!(load(0, 65), Some(BuildErrorKind::OutOfRange { what, value: 65, min: 1, max: 64 }));
        assert_eq!(load(0, 0), Some(BuildErrorKind::OutOfRange { what, value: 0, min: 1, max: 64 }));

        let write = |offset, len| mistake(Exthdr::write(2, offset, len, Reg::R1));
        assert_eq!((write(2, 2), write(255, 4)), (None, None));
        assert_eq!(write(2, 1), Some(BuildErrorKind::OutOfRange { what, value: 1, min: 2, max: 4 }));
        assert_eq!(write(2, 5), Some(BuildErrorKind::OutOfRange { what, value: 5, min: 2, max: 4 }));
        let what = "a header offset";
        assert_eq!(write(1, 2), Some(BuildErrorKind::OutOfRange { what, value: 1, min: 2, max: 255 }));
    }

    /// The kernel tells an offset, a length and flags of each, and refuses some of them.
    #[test]
    fn zeros_that_the_kernel_tells_of_a_change_are_not_sent() {
        let mut told = AttrWriter::new();
        told.u8(NFTA_EXTHDR_TYPE, 4);
        told.u32s([(NFTA_EXTHDR_OFFSET, 0), (NFTA_EXTHDR_LEN, 0), (NFTA_EXTHDR_FLAGS, 0), (NFTA_EXTHDR_OP, 1)]);
        let notes = Notes::default();
        let strip = Exthdr::decode(&mut AttrReader::new(told.bytes_written(), &notes)).unwrap();
        assert_eq!(strip, Exthdr::strip(4));
        let sent = golden::encode(&strip);
        let numbers: Vec<u16> = AttrReader::new(&sent, &notes).map(|attr| attr.unwrap().0).collect();
        assert_eq!(numbers, [NFTA_EXTHDR_TYPE, NFTA_EXTHDR_OP]);
    }

    #[test]
    fn reads_as_libnftnl_prints_it() {
        let shown = |exthdr: Exthdr| exthdr.to_string();
        assert_eq!(shown(Exthdr::load(ExthdrOp::IPV6, 44, 2, 2, Reg::R1)), "exthdr load ipv6 2b @ 44 + 2 => reg 1");
        assert_eq!(shown(Exthdr::present(ExthdrOp::SCTP, 4, Reg::R1)), "exthdr load 1b @ 4 + 0 present => reg 1");
        assert_eq!(shown(Exthdr::write(2, 2, 2, Reg::R1)), "exthdr write tcpopt reg 1 => 2b @ 2 + 2");
        assert_eq!(shown(Exthdr::strip(123)), "exthdr reset tcpopt 123");
        let other = Exthdr { op: ExthdrOp::IPV4, ..Exthdr::strip(7) };
        assert_eq!(shown(other), "exthdr op 2 len 0 type 7 offset 0");
    }
}
