//! The tunnel object.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Kind, ObjectKind};
use crate::error::{BuildErrorKind, DecodeError};
use crate::expr::Wire;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{Attr, AttrReader, AttrWriter};

const NFTA_TUNNEL_KEY_ID: u16 = 1;
const NFTA_TUNNEL_KEY_IP: u16 = 2;
const NFTA_TUNNEL_KEY_IP6: u16 = 3;
const NFTA_TUNNEL_KEY_FLAGS: u16 = 4;
const NFTA_TUNNEL_KEY_TOS: u16 = 5;
const NFTA_TUNNEL_KEY_TTL: u16 = 6;
const NFTA_TUNNEL_KEY_SPORT: u16 = 7;
const NFTA_TUNNEL_KEY_DPORT: u16 = 8;
const NFTA_TUNNEL_KEY_OPTS: u16 = 9;

const NFTA_TUNNEL_KEY_IP_SRC: u16 = 1;
const NFTA_TUNNEL_KEY_IP_DST: u16 = 2;

const NFTA_TUNNEL_KEY_IP6_SRC: u16 = 1;
const NFTA_TUNNEL_KEY_IP6_DST: u16 = 2;
const NFTA_TUNNEL_KEY_IP6_FLOWLABEL: u16 = 3;

const NFTA_TUNNEL_KEY_OPTS_VXLAN: u16 = 1;
const NFTA_TUNNEL_KEY_OPTS_ERSPAN: u16 = 2;
const NFTA_TUNNEL_KEY_OPTS_GENEVE: u16 = 3;

const NFTA_TUNNEL_KEY_VXLAN_GBP: u16 = 1;

const NFTA_TUNNEL_KEY_ERSPAN_VERSION: u16 = 1;
const NFTA_TUNNEL_KEY_ERSPAN_V1_INDEX: u16 = 2;
const NFTA_TUNNEL_KEY_ERSPAN_V2_HWID: u16 = 3;
const NFTA_TUNNEL_KEY_ERSPAN_V2_DIR: u16 = 4;

const NFTA_TUNNEL_KEY_GENEVE_CLASS: u16 = 1;
const NFTA_TUNNEL_KEY_GENEVE_TYPE: u16 = 2;
const NFTA_TUNNEL_KEY_GENEVE_DATA: u16 = 3;

/// The most bytes that the options of one packet have (`IP_TUNNEL_OPTS_MAX`).
const OPTIONS_MAX: u64 = 255;
/// The longest data of one option: its length has five bits, and counts words of four bytes.
const GENEVE_DATA_MAX: u64 = 31 * 4;
/// The bytes of an option before its data.
const GENEVE_HEADER: usize = 4;

/// The time to live that the kernel gives packets of which the request says none.
const TTL: u8 = 255;

bitflags::bitflags! {
    /// Flags of a tunnel (`enum nft_tunnel_flags`).
    #[doc(alias = "nft_tunnel_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct TunnelFlags: u32 {
        /// Send without a checksum.
        const ZERO_CSUM_TX = 1;
        /// Packets must not be fragmented.
        const DONT_FRAGMENT = 2;
        /// Packets are numbered.
        const SEQ_NUMBER = 4;
        /// What later kernels add.
        const _ = !0;
    }
}

/// The ends of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TunnelEnds {
    /// Over IPv4.
    V4 {
        /// This end; `0.0.0.0` for any.
        src: Ipv4Addr,
        /// The other end.
        dst: Ipv4Addr,
    },
    /// Over IPv6.
    V6 {
        /// This end; `::` for any.
        src: Ipv6Addr,
        /// The other end.
        dst: Ipv6Addr,
        /// The flow label.
        flowlabel: u32,
    },
}

/// An option of a GENEVE header.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GeneveOption {
    /// Who defines the option's type.
    pub class: u16,
    /// The option's type.
    pub kind: u8,
    /// The option's data: at most 124 bytes, a multiple of four. Together with four bytes for each, the
    /// options of a tunnel have at most 255.
    pub data: Vec<u8>,
}

impl GeneveOption {
    /// An option of a class and type.
    pub fn new(class: u16, kind: u8, data: impl Into<Vec<u8>>) -> Self {
        Self { class, kind, data: data.into() }
    }
}

/// What the header of a tunnel's protocol has besides addresses and ports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TunnelOptions {
    /// Nothing.
    #[default]
    None,
    /// VXLAN.
    Vxlan {
        /// The group policy.
        gbp: u32,
    },
    /// ERSPAN, version 1.
    Erspan1 {
        /// The port index.
        index: u32,
    },
    /// ERSPAN, version 2.
    Erspan2 {
        /// The hardware id, at most 63.
        hwid: u8,
        /// The direction of the traffic: 0 for ingress, 1 for egress.
        direction: u8,
    },
    /// GENEVE (Linux 5.7).
    Geneve(Vec<GeneveOption>),
}

/// Gives packets to a tunnel: a device that takes its metadata from them sends them so (`tunnel`; Linux 4.19).
///
/// Newer kernels have it in tables of family netdev only (in others `ENOENT`). nft has no syntax for it
/// before 1.1.
///
/// ```
/// use nftlink::{Batch, Table, object::Tunnel};
///
/// let fw = Table::netdev("fw");
/// let tunnel = Tunnel::v4(42, "192.0.2.1".parse()?, "192.0.2.2".parse()?).ports(0, 4789);
/// let mut batch = Batch::new();
/// batch.add(&fw).add(&tunnel.named(&fw, "east"));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[doc(alias = "nft_tunnel_obj")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tunnel {
    /// The tunnel's number: a VNI, or a GRE key.
    pub id: u32,
    /// The ends.
    pub ends: TunnelEnds,
    /// The source port; 0 for any.
    pub sport: u16,
    /// The destination port; 0 for the device's.
    pub dport: u16,
    /// Flags.
    pub flags: TunnelFlags,
    /// The type of service.
    pub tos: u8,
    /// The time to live, 255 if nothing else is said.
    pub ttl: u8,
    /// What the header of the tunnel's protocol has.
    pub options: TunnelOptions,
}

impl Tunnel {
    /// A tunnel over IPv4.
    pub fn v4(id: u32, src: Ipv4Addr, dst: Ipv4Addr) -> Self {
        Self::between(id, TunnelEnds::V4 { src, dst })
    }

    /// A tunnel over IPv6.
    pub fn v6(id: u32, src: Ipv6Addr, dst: Ipv6Addr) -> Self {
        Self::between(id, TunnelEnds::V6 { src, dst, flowlabel: 0 })
    }

    /// A tunnel between two ends.
    pub fn between(id: u32, ends: TunnelEnds) -> Self {
        let (flags, options) = (TunnelFlags::empty(), TunnelOptions::None);
        Self { id, ends, sport: 0, dport: 0, flags, tos: 0, ttl: TTL, options }
    }

    /// Sets the ports.
    pub fn ports(mut self, sport: u16, dport: u16) -> Self {
        (self.sport, self.dport) = (sport, dport);
        self
    }

    /// Sets the flags.
    pub fn flags(mut self, flags: TunnelFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Sets the type of service.
    pub fn tos(mut self, tos: u8) -> Self {
        self.tos = tos;
        self
    }

    /// Sets the time to live.
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets what the header of the tunnel's protocol has.
    pub fn options(mut self, options: TunnelOptions) -> Self {
        self.options = options;
        self
    }
}

impl TunnelEnds {
    fn encode(&self, w: &mut AttrWriter) {
        match self {
            Self::V4 { src, dst } => w.nest(NFTA_TUNNEL_KEY_IP, |w| {
                w.bytes(NFTA_TUNNEL_KEY_IP_SRC, &src.octets());
                w.bytes(NFTA_TUNNEL_KEY_IP_DST, &dst.octets());
            }),
            Self::V6 { src, dst, flowlabel } => w.nest(NFTA_TUNNEL_KEY_IP6, |w| {
                w.bytes(NFTA_TUNNEL_KEY_IP6_SRC, &src.octets());
                w.bytes(NFTA_TUNNEL_KEY_IP6_DST, &dst.octets());
                w.u32(NFTA_TUNNEL_KEY_IP6_FLOWLABEL, *flowlabel);
            }),
        }
    }

    fn decode_v4(attrs: AttrReader<'_>) -> Result<Self, DecodeError> {
        let (mut from, mut to) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
        let notes = attrs.emptied();
        for attr in attrs {
            match attr? {
                (NFTA_TUNNEL_KEY_IP_SRC, v) => from = Ipv4Addr::from(v.u32()?),
                (NFTA_TUNNEL_KEY_IP_DST, v) => to = Ipv4Addr::from(v.u32()?),
                (other, _) => notes.note_unknown(other),
            }
        }
        Ok(Self::V4 { src: from, dst: to })
    }

    fn decode_v6(attrs: AttrReader<'_>) -> Result<Self, DecodeError> {
        let address = |v: Attr<'_>| {
            let octets: Option<&[u8; 16]> = v.bytes().first_chunk();
            octets.map(|octets| Ipv6Addr::from(*octets)).ok_or(DecodeError::new("IPv6 address", "too short"))
        };
        let (mut from, mut to, mut flowlabel) = (Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED, 0);
        let notes = attrs.emptied();
        for attr in attrs {
            match attr? {
                (NFTA_TUNNEL_KEY_IP6_SRC, v) => from = address(v)?,
                (NFTA_TUNNEL_KEY_IP6_DST, v) => to = address(v)?,
                (NFTA_TUNNEL_KEY_IP6_FLOWLABEL, v) => flowlabel = v.u32()?,
                (other, _) => notes.note_unknown(other),
            }
        }
        Ok(Self::V6 { src: from, dst: to, flowlabel })
    }
}

impl GeneveOption {
    fn encode(&self, w: &mut AttrWriter) {
        let len = self.data.len() as u64;
        w.in_range("the length of a geneve option's data in bytes", len, 0..=GENEVE_DATA_MAX);
        if len % 4 != 0 {
            let (what, reason) = ("length of a geneve option's data", "it has to be a multiple of four bytes");
            w.fail(BuildErrorKind::BadValue { what, value: len.to_string().into(), reason });
        }
        w.nest(NFTA_TUNNEL_KEY_OPTS_GENEVE, |w| {
            w.u16(NFTA_TUNNEL_KEY_GENEVE_CLASS, self.class);
            w.u8(NFTA_TUNNEL_KEY_GENEVE_TYPE, self.kind);
            w.bytes(NFTA_TUNNEL_KEY_GENEVE_DATA, &self.data);
        });
    }

    /// Reads a nest: one option or, as older kernels tell them, one after another, each from its class on.
    fn decode(attrs: AttrReader<'_>, options: &mut Vec<Self>) -> Result<(), DecodeError> {
        let (mut option, mut has_class) = (Self::new(0, 0, []), false);
        let notes = attrs.emptied();
        for attr in attrs {
            match attr? {
                (NFTA_TUNNEL_KEY_GENEVE_CLASS, v) => {
                    if has_class {
                        options.push(std::mem::replace(&mut option, Self::new(0, 0, [])));
                    }
                    (option.class, has_class) = (v.u16()?, true);
                }
                (NFTA_TUNNEL_KEY_GENEVE_TYPE, v) => option.kind = v.u8()?,
                (NFTA_TUNNEL_KEY_GENEVE_DATA, v) => option.data = v.bytes().to_vec(),
                (other, _) => notes.note_unknown(other),
            }
        }
        options.push(option);
        Ok(())
    }
}

impl TunnelOptions {
    fn encode(&self, w: &mut AttrWriter) {
        match self {
            Self::None => {}
            Self::Vxlan { gbp } => w.nest(NFTA_TUNNEL_KEY_OPTS, |w| {
                w.nest(NFTA_TUNNEL_KEY_OPTS_VXLAN, |w| w.u32(NFTA_TUNNEL_KEY_VXLAN_GBP, *gbp));
            }),
            Self::Erspan1 { index } => Self::encode_erspan(w, 1, |w| w.u32(NFTA_TUNNEL_KEY_ERSPAN_V1_INDEX, *index)),
            Self::Erspan2 { hwid, direction } => Self::encode_erspan(w, 2, |w| {
                w.in_range("an erspan hardware id", *hwid, 0..=63);
                w.in_range("an erspan direction", *direction, 0..=1);
                w.u8(NFTA_TUNNEL_KEY_ERSPAN_V2_HWID, *hwid);
                w.u8(NFTA_TUNNEL_KEY_ERSPAN_V2_DIR, *direction);
            }),
            Self::Geneve(options) => {
                let len: usize = options.iter().map(|option| GENEVE_HEADER + option.data.len()).sum();
                w.nest(NFTA_TUNNEL_KEY_OPTS, |w| options.iter().for_each(|option| option.encode(w)));
                w.in_range("the length of all geneve options in bytes", len as u64, 1..=OPTIONS_MAX);
            }
        }
    }

    fn encode_erspan(w: &mut AttrWriter, version: u32, content: impl FnOnce(&mut AttrWriter)) {
        w.nest(NFTA_TUNNEL_KEY_OPTS, |w| {
            w.nest(NFTA_TUNNEL_KEY_OPTS_ERSPAN, |w| {
                w.u32(NFTA_TUNNEL_KEY_ERSPAN_VERSION, version);
                content(w);
            });
        });
    }

    /// Reads all options; the kernel has those of one protocol, and tells an empty nest of none.
    fn decode(attrs: AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut options = Self::None;
        let notes = attrs.emptied();
        for attr in attrs {
            match (attr?, &mut options) {
                ((NFTA_TUNNEL_KEY_OPTS_GENEVE, v), Self::Geneve(list)) => GeneveOption::decode(v.nested()?, list)?,
                ((NFTA_TUNNEL_KEY_OPTS_GENEVE, v), options) => {
                    let mut list = Vec::new();
                    GeneveOption::decode(v.nested()?, &mut list)?;
                    *options = Self::Geneve(list);
                }
                ((NFTA_TUNNEL_KEY_OPTS_VXLAN, v), options) => *options = Self::decode_vxlan(v.nested()?)?,
                ((NFTA_TUNNEL_KEY_OPTS_ERSPAN, v), options) => *options = Self::decode_erspan(v.nested()?)?,
                ((other, _), _) => notes.note_unknown(other),
            }
        }
        Ok(options)
    }

    fn decode_vxlan(attrs: AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut group = 0;
        let notes = attrs.emptied();
        for attr in attrs {
            match attr? {
                (NFTA_TUNNEL_KEY_VXLAN_GBP, v) => group = v.u32()?,
                (other, _) => notes.note_unknown(other),
            }
        }
        Ok(Self::Vxlan { gbp: group })
    }

    fn decode_erspan(attrs: AttrReader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut index, mut hwid, mut direction) = (1, 0, 0, 0);
        let notes = attrs.emptied();
        for attr in attrs {
            match attr? {
                (NFTA_TUNNEL_KEY_ERSPAN_VERSION, v) => version = v.u32()?,
                (NFTA_TUNNEL_KEY_ERSPAN_V1_INDEX, v) => index = v.u32()?,
                (NFTA_TUNNEL_KEY_ERSPAN_V2_HWID, v) => hwid = v.u8()?,
                (NFTA_TUNNEL_KEY_ERSPAN_V2_DIR, v) => direction = v.u8()?,
                (other, _) => notes.note_unknown(other),
            }
        }
        match version {
            1 => Ok(Self::Erspan1 { index }),
            2 => Ok(Self::Erspan2 { hwid, direction }),
            _ => {
                // A later version: its bytes are kept where the object is.
                notes.note_unknown(NFTA_TUNNEL_KEY_ERSPAN_VERSION);
                Ok(Self::None)
            }
        }
    }
}

impl Kind for Tunnel {
    const KIND: ObjectKind = ObjectKind::TUNNEL;
}

impl Wire for Tunnel {
    const NAME: &'static str = "tunnel";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_TUNNEL_KEY_ID, "id"),
        AttrName::nest(
            NFTA_TUNNEL_KEY_IP,
            "ip",
            &Schema(&[AttrName::value(NFTA_TUNNEL_KEY_IP_SRC, "src"), AttrName::value(NFTA_TUNNEL_KEY_IP_DST, "dst")]),
        ),
        AttrName::nest(
            NFTA_TUNNEL_KEY_IP6,
            "ip6",
            &Schema(&[
                AttrName::value(NFTA_TUNNEL_KEY_IP6_SRC, "src"),
                AttrName::value(NFTA_TUNNEL_KEY_IP6_DST, "dst"),
                AttrName::value(NFTA_TUNNEL_KEY_IP6_FLOWLABEL, "flowlabel"),
            ]),
        ),
        AttrName::value(NFTA_TUNNEL_KEY_FLAGS, "flags"),
        AttrName::value(NFTA_TUNNEL_KEY_TOS, "tos"),
        AttrName::value(NFTA_TUNNEL_KEY_TTL, "ttl"),
        AttrName::value(NFTA_TUNNEL_KEY_SPORT, "sport"),
        AttrName::value(NFTA_TUNNEL_KEY_DPORT, "dport"),
        AttrName::nest(
            NFTA_TUNNEL_KEY_OPTS,
            "opts",
            &Schema(&[
                AttrName::nest(
                    NFTA_TUNNEL_KEY_OPTS_VXLAN,
                    "vxlan",
                    &Schema(&[AttrName::value(NFTA_TUNNEL_KEY_VXLAN_GBP, "gbp")]),
                ),
                AttrName::nest(
                    NFTA_TUNNEL_KEY_OPTS_ERSPAN,
                    "erspan",
                    &Schema(&[
                        AttrName::value(NFTA_TUNNEL_KEY_ERSPAN_VERSION, "version"),
                        AttrName::value(NFTA_TUNNEL_KEY_ERSPAN_V1_INDEX, "index"),
                        AttrName::value(NFTA_TUNNEL_KEY_ERSPAN_V2_HWID, "hwid"),
                        AttrName::value(NFTA_TUNNEL_KEY_ERSPAN_V2_DIR, "dir"),
                    ]),
                ),
                AttrName::nest(
                    NFTA_TUNNEL_KEY_OPTS_GENEVE,
                    "geneve",
                    &Schema(&[
                        AttrName::value(NFTA_TUNNEL_KEY_GENEVE_CLASS, "class"),
                        AttrName::value(NFTA_TUNNEL_KEY_GENEVE_TYPE, "type"),
                        AttrName::value(NFTA_TUNNEL_KEY_GENEVE_DATA, "data"),
                    ]),
                ),
            ]),
        ),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.u32(NFTA_TUNNEL_KEY_ID, self.id);
        self.ends.encode(w);
        w.u16(NFTA_TUNNEL_KEY_SPORT, self.sport);
        w.u16(NFTA_TUNNEL_KEY_DPORT, self.dport);
        w.u32(NFTA_TUNNEL_KEY_FLAGS, self.flags.bits());
        w.u8(NFTA_TUNNEL_KEY_TOS, self.tos);
        w.u8(NFTA_TUNNEL_KEY_TTL, self.ttl);
        self.options.encode(w);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut tunnel = Self::v4(0, Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_TUNNEL_KEY_ID, v) => tunnel.id = v.u32()?,
                (NFTA_TUNNEL_KEY_IP, v) => tunnel.ends = TunnelEnds::decode_v4(v.nested()?)?,
                (NFTA_TUNNEL_KEY_IP6, v) => tunnel.ends = TunnelEnds::decode_v6(v.nested()?)?,
                (NFTA_TUNNEL_KEY_FLAGS, v) => tunnel.flags = TunnelFlags::from_bits_retain(v.u32()?),
                (NFTA_TUNNEL_KEY_TOS, v) => tunnel.tos = v.u8()?,
                (NFTA_TUNNEL_KEY_TTL, v) => tunnel.ttl = v.u8()?,
                (NFTA_TUNNEL_KEY_SPORT, v) => tunnel.sport = v.u16()?,
                (NFTA_TUNNEL_KEY_DPORT, v) => tunnel.dport = v.u16()?,
                (NFTA_TUNNEL_KEY_OPTS, v) => tunnel.options = TunnelOptions::decode(v.nested()?)?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(tunnel)
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let (c, d) = (Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));
        // All that comes before the options.
        macro_rules! v4 {
            ($opts:literal) => {
                concat_bytes(
                    b"\x08\0\x01\0\0\0\0\x2a\x14\0\x02\x80\x08\0\x01\0\x0a\0\0\x01\x08\0\x02\0\x0a\0\0\x02\
                      \x06\0\x07\0\0\0\0\0\x06\0\x08\0\x12\xb5\0\0\x08\0\x04\0\0\0\0\0\
                      \x05\0\x05\0\0\0\0\0\x05\0\x06\0\xff\0\0\0",
                    $opts,
                )
            };
        }
        fn concat_bytes(head: &[u8], tail: &[u8]) -> &'static [u8] {
            [head, tail].concat().leak()
        }
        let tunnel = Self::v4(42, a, b).ports(0, 4789);
        let geneve = [GeneveOption::new(0x0102, 3, *b"abcd"), GeneveOption::new(4, 5, *b"efghijkl")];
        vec![
            (tunnel.clone(), v4!(b"")),
            (
                tunnel.clone().options(TunnelOptions::Vxlan { gbp: 7 }),
                v4!(b"\x10\0\x09\x80\x0c\0\x01\x80\x08\0\x01\0\0\0\0\x07"),
            ),
            (
                tunnel.clone().options(TunnelOptions::Erspan1 { index: 9 }),
                v4!(b"\x18\0\x09\x80\x14\0\x02\x80\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\x09"),
            ),
            (
                tunnel.clone().options(TunnelOptions::Erspan2 { hwid: 63, direction: 1 }),
                v4!(b"\x20\0\x09\x80\x1c\0\x02\x80\x08\0\x01\0\0\0\0\x02\x05\0\x03\0\x3f\0\0\0\x05\0\x04\0\x01\0\0\0"),
            ),
            (
                tunnel.options(TunnelOptions::Geneve(geneve.into())),
                v4!(b"\x40\0\x09\x80\x1c\0\x03\x80\x06\0\x01\0\x01\x02\0\0\x05\0\x02\0\x03\0\0\0\x08\0\x03\0abcd\
                      \x20\0\x03\x80\x06\0\x01\0\0\x04\0\0\x05\0\x02\0\x05\0\0\0\x0c\0\x03\0efghijkl"),
            ),
            (
                Self {
                    ends: TunnelEnds::V6 { src: c, dst: d, flowlabel: 5 },
                    ..Self::v6(1, c, d).ports(1, 2).tos(3).ttl(4).flags(TunnelFlags::SEQ_NUMBER)
                },
                b"\x08\0\x01\0\0\0\0\x01\x34\0\x03\x80\
                  \x14\0\x01\0\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x14\0\x02\0\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\
                  \x08\0\x03\0\0\0\0\x05\x06\0\x07\0\0\x01\0\0\x06\0\x08\0\0\x02\0\0\x08\0\x04\0\0\0\0\x04\
                  \x05\0\x05\0\x03\0\0\0\x05\0\x06\0\x04\0\0\0",
            ),
        ]
    }
}

/// libnftnl shows the number alone.
impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tunnel id {}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::mistake;

    fn with(options: TunnelOptions) -> Option<BuildErrorKind> {
        let any = Ipv4Addr::UNSPECIFIED;
        mistake(&Tunnel::v4(1, any, any).options(options))
    }

    fn geneve(lengths: &[usize]) -> Option<BuildErrorKind> {
        let options = lengths.iter().map(|&len| GeneveOption::new(1, 2, vec![0; len]));
        with(TunnelOptions::Geneve(options.collect()))
    }

    #[test]
    fn geneve_options_are_words_that_fit_the_header() {
        for fits in [&[0][..], &[4], &[124], &[124, 120], &[0; 63]] {
            assert_eq!(geneve(fits), None, "{fits:?}");
        }
        let what = "the length of a geneve option's data in bytes";
        assert_eq!(geneve(&[128]), Some(BuildErrorKind::OutOfRange { what, value: 128, min: 0, max: 124 }));
        assert!(matches!(geneve(&[3]), Some(BuildErrorKind::BadValue { .. })));
        let what = "the length of all geneve options in bytes";
        let refused = |value| Some(BuildErrorKind::OutOfRange { what, value, min: 1, max: 255 });
        assert_eq!(geneve(&[124, 124]), refused(256));
        assert_eq!(geneve(&[]), refused(0));
    }

    /// Kernels tell each in a nest of its own; one that tells all in one nest is read as well.
    #[test]
    fn geneve_options_that_share_a_nest_are_all_read() {
        let sent =
            [GeneveOption::new(0x0102, 3, *b"abcd"), GeneveOption::new(4, 5, []), GeneveOption::new(4, 6, *b"efgh")];
        let mut w = AttrWriter::new();
        w.nest(NFTA_TUNNEL_KEY_OPTS, |w| {
            w.nest(NFTA_TUNNEL_KEY_OPTS_GENEVE, |w| {
                for option in &sent {
                    w.u16(NFTA_TUNNEL_KEY_GENEVE_CLASS, option.class);
                    w.u8(NFTA_TUNNEL_KEY_GENEVE_TYPE, option.kind);
                    w.bytes(NFTA_TUNNEL_KEY_GENEVE_DATA, &option.data);
                }
            });
        });
        let notes = crate::wire::reader::Notes::default();
        let read = Tunnel::decode(&mut AttrReader::new(w.bytes_written(), &notes)).unwrap();
        assert_eq!(read.options, TunnelOptions::Geneve(sent.into()));
        assert!(!notes.has_unknown());
    }

    #[test]
    fn erspan_numbers_that_the_kernel_would_cut_off_are_refused() {
        assert_eq!(with(TunnelOptions::Erspan2 { hwid: 63, direction: 1 }), None);
        let hwid = BuildErrorKind::OutOfRange { what: "an erspan hardware id", value: 64, min: 0, max: 63 };
        assert_eq!(with(TunnelOptions::Erspan2 { hwid: 64, direction: 0 }), Some(hwid));
        let direction = BuildErrorKind::OutOfRange { what: "an erspan direction", value: 2, min: 0, max: 1 };
        assert_eq!(with(TunnelOptions::Erspan2 { hwid: 0, direction: 2 }), Some(direction));
    }
}
