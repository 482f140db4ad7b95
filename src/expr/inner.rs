//! The inner expression.

use std::fmt;

use super::{Expr, Wire, schema_of};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_INNER_NUM: u16 = 1;
const NFTA_INNER_TYPE: u16 = 2;
const NFTA_INNER_FLAGS: u16 = 3;
const NFTA_INNER_HDRSIZE: u16 = 4;
const NFTA_INNER_EXPR: u16 = 5;

/// The largest header of a tunnel, in bytes (`NFT_INNER_HDRSIZE_MAX`).
const HDRSIZE_MAX: u64 = 64;

open_number! {
    /// The tunnel that an inner expression looks into (`enum nft_inner_type`).
    ///
    /// The kernel treats all but GENEVE alike, and takes numbers up to 255.
    #[doc(alias = "nft_inner_type")]
    pub struct InnerKind(u32) {
        /// VXLAN: a header of 8 bytes, then a frame.
        VXLAN = 1, "vxlan";
        /// GENEVE: a header of 8 bytes and its options, then a frame.
        GENEVE = 2, "geneve";
        /// GRE: a header of 4 bytes, then a packet; nft's own number.
        GRE = 3, "gre";
        /// GRE: a header of 4 bytes, then a frame; nft's own number.
        GRETAP = 4, "gretap";
    }
}

bitflags::bitflags! {
    /// What there is inside of a tunnel (`enum nft_inner_flags`).
    #[doc(alias = "nft_inner_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct InnerFlags: u32 {
        /// The tunnel has a header of the size that is said.
        const HDRSIZE = 1;
        /// There is a link-layer header.
        const LINK = 2;
        /// There is a network header.
        const NETWORK = 4;
        /// There is a transport header.
        const TRANSPORT = 8;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Evaluates an expression on what a tunnel carries (Linux 6.2).
///
/// For families ip, ip6, inet, bridge and netdev, behind a match on the tunnel's protocol and
/// port. Where the packet has no such inside the next rule follows.
#[doc(alias = "nft_inner")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Inner {
    /// The tunnel. A batch refuses more than 255.
    pub kind: InnerKind,
    /// What there is inside.
    pub flags: InnerFlags,
    /// Bytes of the tunnel's header: 1 to 64 with [`InnerFlags::HDRSIZE`].
    pub hdrsize: u32,
    /// The expression: a [`Payload`](super::Payload) that loads, or a [`Meta`](super::Meta) that
    /// loads [`MetaKey::PROTOCOL`](super::MetaKey::PROTOCOL) or
    /// [`MetaKey::L4PROTO`](super::MetaKey::L4PROTO).
    pub expr: Box<Expr>,
}

impl Inner {
    /// Evaluates `expr` on what a tunnel carries behind a header of `hdrsize` bytes; there is what
    /// `flags` say.
    pub fn new(kind: InnerKind, flags: InnerFlags, hdrsize: u32, expr: impl Into<Expr>) -> Self {
        Self { kind, flags, hdrsize, expr: Box::new(expr.into()) }
    }

    /// Evaluates `expr` on the frame that VXLAN carries.
    pub fn vxlan(expr: impl Into<Expr>) -> Self {
        Self::new(InnerKind::VXLAN, InnerFlags::all_known(), 8, expr)
    }

    /// Evaluates `expr` on the frame that GENEVE carries.
    pub fn geneve(expr: impl Into<Expr>) -> Self {
        Self::new(InnerKind::GENEVE, InnerFlags::all_known(), 8, expr)
    }

    /// Evaluates `expr` on the packet that GRE carries. The kernel itself sees how long GRE's header is.
    pub fn gre(expr: impl Into<Expr>) -> Self {
        Self::new(InnerKind::GRE, InnerFlags::NETWORK | InnerFlags::TRANSPORT, 4, expr)
    }

    /// Evaluates `expr` on the frame that GRE carries.
    pub fn gretap(expr: impl Into<Expr>) -> Self {
        Self::new(InnerKind::GRETAP, InnerFlags::all_known().difference(InnerFlags::HDRSIZE), 4, expr)
    }
}

impl InnerFlags {
    fn all_known() -> Self {
        Self::HDRSIZE | Self::LINK | Self::NETWORK | Self::TRANSPORT
    }
}

impl Wire for Inner {
    const NAME: &'static str = "inner";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_INNER_NUM, "num"),
        AttrName::value(NFTA_INNER_TYPE, "type"),
        AttrName::value(NFTA_INNER_FLAGS, "flags"),
        AttrName::value(NFTA_INNER_HDRSIZE, "hdrsize"),
        AttrName::expression(NFTA_INNER_EXPR, "expr", schema_of),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.in_range("an inner's kind", self.kind.get(), 0..=255);
        let least = u64::from(self.flags.contains(InnerFlags::HDRSIZE));
        // Without the flag the kernel does not look at it, and keeps its lowest byte.
        let most = if self.flags.contains(InnerFlags::HDRSIZE) { HDRSIZE_MAX } else { 255 };
        w.in_range("an inner's hdrsize", self.hdrsize, least..=most);
        // The kernel has no tunnels in tunnels yet.
        w.u32(NFTA_INNER_NUM, 0);
        w.u32(NFTA_INNER_TYPE, self.kind.get());
        w.u32(NFTA_INNER_FLAGS, self.flags.bits());
        w.u32(NFTA_INNER_HDRSIZE, self.hdrsize);
        self.expr.write_as(w, NFTA_INNER_EXPR);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let (mut kind, mut flags, mut hdrsize) = (InnerKind::from_raw(0), InnerFlags::empty(), 0);
        let mut expr = None;
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_INNER_NUM, v) => {
                    if v.u32()? != 0 {
                        attrs.note_unknown(NFTA_INNER_NUM);
                    }
                }
                (NFTA_INNER_TYPE, v) => kind = InnerKind::from_raw(v.u32()?),
                (NFTA_INNER_FLAGS, v) => flags = InnerFlags::from_bits_retain(v.u32()?),
                (NFTA_INNER_HDRSIZE, v) => hdrsize = v.u32()?,
                (NFTA_INNER_EXPR, v) => expr = Some(Box::new(Expr::read(v.nested()?)?)),
                (other, _) => attrs.note_unknown(other),
            }
        }
        let expr = expr.ok_or(DecodeError::new("inner", "it has no expression"))?;
        Ok(Self { kind, flags, hdrsize, expr })
    }

    fn normalize(&mut self) {
        self.expr.normalize();
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        use super::{Base, Meta, MetaKey, Payload, Reg};

        vec![
            (
                Self::geneve(Meta::load(MetaKey::PROTOCOL, Reg::R1)),
                b"\x08\0\x01\0\0\0\0\0\x08\0\x02\0\0\0\0\x02\x08\0\x03\0\0\0\0\x0f\x08\0\x04\0\0\0\0\x08\
                  \x24\0\x05\x80\x09\0\x01\0meta\0\0\0\0\x14\0\x02\x80\x08\0\x02\0\0\0\0\x01\x08\0\x01\0\0\0\0\x01",
            ),
            (
                Self::vxlan(Payload::load(Base::TUNNEL, 4, 3, Reg::R1)),
                b"\x08\0\x01\0\0\0\0\0\x08\0\x02\0\0\0\0\x01\x08\0\x03\0\0\0\0\x0f\x08\0\x04\0\0\0\0\x08\
                  \x34\0\x05\x80\x0c\0\x01\0payload\0\x24\0\x02\x80\x08\0\x01\0\0\0\0\x01\
                  \x08\0\x02\0\0\0\0\x04\x08\0\x03\0\0\0\0\x04\x08\0\x04\0\0\0\0\x03",
            ),
        ]
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, flags, hdrsize, expr } = self;
        write!(f, "inner type {} hdrsize {hdrsize} flags {:x} [ ", kind.get(), flags.bits())?;
        expr.fmt(f)?;
        f.write_str(" ]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::golden::{mistake, out_of_range, read_with};
    use crate::expr::{Base, Meta, MetaKey, NFTA_EXPR_DATA, NFTA_EXPR_NAME, NFTA_LIST_ELEM, Payload, Reg};
    use crate::wire::path::locate;

    #[test]
    fn what_the_kernel_would_cut_off_or_refuse_is_refused() {
        let inner = Inner::vxlan(Meta::load(MetaKey::PROTOCOL, Reg::R1));
        let with = |hdrsize| mistake(&Inner { hdrsize, ..inner.clone() });
        assert_eq!((with(1), with(64)), (None, None));
        assert_eq!(with(0), out_of_range("an inner's hdrsize", 0, 1, 64));
        assert_eq!(with(65), out_of_range("an inner's hdrsize", 65, 1, 64));
        let without = Inner { flags: InnerFlags::LINK, ..inner.clone() };
        assert_eq!(mistake(&Inner { hdrsize: 0, ..without.clone() }), None);
        assert_eq!(mistake(&Inner { hdrsize: 256, ..without }), out_of_range("an inner's hdrsize", 256, 0, 255));
        let kind = |raw| mistake(&Inner { kind: InnerKind::from_raw(raw), ..inner.clone() });
        assert_eq!(kind(255), None);
        assert_eq!(kind(256), out_of_range("an inner's kind", 256, 0, 255));
    }

    #[test]
    fn reads_as_libnftnl_prints_it() {
        let inner = Inner::vxlan(Payload::load(Base::TUNNEL, 4, 3, Reg::R1));
        let shown = "inner type 1 hdrsize 8 flags f [ payload load 3b @ tunnel header + 4 => reg 1 ]";
        assert_eq!(inner.to_string(), shown);
        assert_eq!(format!("{inner:#}"), shown);
    }

    fn write_counter(w: &mut AttrWriter) {
        Expr::from(crate::expr::Counter::default()).write_as(w, NFTA_INNER_EXPR);
    }

    #[test]
    fn error_paths_lead_into_it() {
        const RULE: Schema = Schema(&[crate::expr::expressions_attr(4)]);
        let (mut w, mut key) = (AttrWriter::new(), AttrWriter::new());
        let meta = Meta::load(MetaKey::PROTOCOL, Reg::R1);
        w.nest(4, |w| crate::expr::write(w, &Inner::vxlan(meta)));
        key.u32(2, MetaKey::PROTOCOL.get());
        let (bytes, key) = (w.bytes_written(), key.bytes_written());
        let at = bytes.windows(key.len()).rposition(|part| part == key);
        let path = locate(bytes, 0, at, None, &RULE).unwrap();
        assert_eq!(path.as_str(), "expressions[0].inner.expr.meta.key");
    }

    #[test]
    fn expressions_nest_only_so_deep() {
        fn nested(w: &mut AttrWriter, attr: u16, depth: usize) {
            w.nest(attr, |w| {
                w.string(NFTA_EXPR_NAME, b"inner");
                w.nest(NFTA_EXPR_DATA, |w| match depth {
                    0 => write_counter(w),
                    _ => nested(w, NFTA_INNER_EXPR, depth - 1),
                });
            });
        }
        assert!(read_with(|w| nested(w, NFTA_LIST_ELEM, 3)).is_ok());
        assert!(read_with(|w| nested(w, NFTA_LIST_ELEM, 2000)).is_err());
    }

    #[test]
    fn tunnels_in_tunnels_are_kept_though_they_are_not_known() {
        let kept = read_with(|w| {
            w.nest(NFTA_LIST_ELEM, |w| {
                w.string(NFTA_EXPR_NAME, b"inner");
                w.nest(NFTA_EXPR_DATA, |w| {
                    w.u32(NFTA_INNER_NUM, 1);
                    write_counter(w);
                });
            });
        });
        let kept = kept.unwrap();
        assert!(kept.has_unknown());
        let mut w = AttrWriter::new();
        kept.write(&mut w);
        assert!(w.bytes_written().ends_with(kept.raw()));
    }
}
