//! Where a field's value comes from, and what is computed from it.

use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};

use super::matching::Container;
use crate::datum::{DataType, L4Proto};
use crate::error::BuildErrorKind;
use crate::expr::{self, Base, CtDirection, CtKey, Data, Expr, Inner, MetaKey, NumgenKind, Reg};
use crate::userdata::{FieldOf, Typeof};
use crate::wire::{Family, order};

/// Where a field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// nft's name for the field.
    pub(crate) name: &'static str,
    pub(crate) load: Load,
    /// The tunnel whose packet has it, if it is not that of the tunnel itself.
    pub(crate) tunnel: Option<Tunnel>,
    pub(crate) needs: Needs,
    pub(crate) tells: Tells,
    /// The type of its values.
    pub(crate) kind: DataType,
    /// Bytes of a value.
    pub(crate) len: u8,
    /// Where the value is in the bytes that are loaded, if it is not all of them.
    pub(crate) bits: Option<Bits>,
    /// Numbers in the host's order: what has intervals has them in network order. The data type
    /// alone does not tell: that of `ct bytes` is an integer of either.
    pub(crate) swaps: bool,
    /// What is computed from it, in this order.
    pub(crate) ops: Ops,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Load {
    /// Bytes of the packet.
    Payload {
        base: Base,
        offset: u16,
        /// The header and its field in nft's numbers.
        header: Header,
        field: u8,
    },
    /// What the kernel knows about the packet.
    Meta(MetaKey),
    /// What the kernel knows about the packet's connection.
    Ct(CtKey, Option<CtDirection>),
    /// What another expression loads.
    Expr(Box<Loaded>),
    /// A hash of fields.
    Hash(Box<(expr::Hash, Source)>),
    /// Several fields, one after another.
    Concatenation(Box<Fields>),
}

/// The fields of a concatenation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Fields(pub(super) Box<[Source]>);

/// What an expression loads that has no keys of its own here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Loaded {
    /// The expression, with any register.
    pub(crate) expr: Expr,
    /// What nft calls it in the userdata of a set.
    pub(crate) of: Option<Typeof>,
}

impl Loaded {
    /// The expression with the register in which the value is wanted.
    pub(super) fn at(&self, reg: Reg) -> Expr {
        let mut expr = self.expr.clone();
        match &mut expr {
            Expr::Exthdr(exthdr) => exthdr.dreg = Some(reg),
            Expr::Fib(fib) => fib.dreg = reg,
            Expr::Hash(hash) => hash.dreg = reg,
            Expr::Immediate(immediate) => immediate.dreg = reg,
            Expr::Numgen(numgen) => numgen.dreg = reg,
            Expr::Osf(osf) => osf.dreg = reg,
            Expr::Rt(rt) => rt.dreg = reg,
            Expr::Socket(socket) => socket.dreg = reg,
            Expr::Tunnel(tunnel) => tunnel.dreg = reg,
            Expr::Xfrm(xfrm) => xfrm.dreg = reg,
            // Nothing else is made a field.
            _ => {}
        }
        expr
    }
}

/// Where the bits of a value are that is a number in network order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Bits {
    /// Bytes that are loaded, four at most.
    pub(crate) loaded: u8,
    /// Bits of the value.
    pub(crate) len: u8,
    /// Bits of the last byte, and of those before it, that are below the value.
    pub(crate) shift: u8,
}

impl Bits {
    /// The bits of `len` that begin `offset` bits behind the beginning of the header, and the byte in which they
    /// begin; none for all of the `value` bytes that a value has.
    pub(super) const fn at(offset: u16, len: u8, value: u8) -> (u16, Option<Self>) {
        let before = (offset % 8) as u8;
        let loaded = (before + len).div_ceil(8);
        let shift = loaded * 8 - before - len;
        let whole = before == 0 && len == value * 8;
        (offset / 8, if whole { None } else { Some(Self { loaded, len, shift }) })
    }

    /// How many bits are moved at most.
    pub(super) const MAX: u8 = 32;

    /// Whether all bits that are loaded are the value's.
    pub(super) const fn is_whole(self) -> bool {
        self.len == self.loaded * 8
    }

    /// The bits that are the value's, in the bytes that are loaded.
    pub(super) fn mask(self) -> Data {
        self.bytes(self.highest() << self.shift)
    }

    /// Bits that are loaded before the value's.
    fn before(self) -> u32 {
        (self.loaded * 8 - self.len - self.shift).into()
    }

    const fn highest(self) -> u32 {
        u32::MAX >> (32 - self.len)
    }

    /// The last bytes of a number, as many as are loaded.
    fn bytes(self, number: u32) -> Data {
        let bytes = order::be_u32(number);
        Data::new(&bytes[bytes.len() - usize::from(self.loaded)..])
    }

    /// A value where the field has it, or none if it has more bits than the field.
    pub(crate) fn place(self, value: &Data) -> Option<Data> {
        let mut bytes = value.as_bytes().iter();
        let number = bytes.try_fold(0u32, |number, &byte| {
            let has_room = number.leading_zeros() >= 8;
            has_room.then(|| number << 8 | u32::from(byte))
        });
        let number = number.filter(|&number| number <= self.highest())?;
        Some(self.bytes(number << self.shift))
    }
}

/// A header of a packet, by nft's number for it (`enum proto_desc_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Header(pub(crate) u8);

impl Header {
    /// No header that nft knows.
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const AH: Self = Self(1);
    pub(crate) const ESP: Self = Self(2);
    pub(crate) const COMP: Self = Self(3);
    pub(crate) const ICMP: Self = Self(4);
    pub(crate) const IGMP: Self = Self(5);
    pub(crate) const UDP: Self = Self(6);
    pub(crate) const UDPLITE: Self = Self(7);
    pub(crate) const TCP: Self = Self(8);
    pub(crate) const DCCP: Self = Self(9);
    pub(crate) const SCTP: Self = Self(10);
    pub(crate) const TH: Self = Self(11);
    pub(crate) const IP: Self = Self(12);
    pub(crate) const IP6: Self = Self(13);
    pub(crate) const ICMPV6: Self = Self(14);
    pub(crate) const ARP: Self = Self(15);
    pub(crate) const VLAN: Self = Self(16);
    pub(crate) const ETHER: Self = Self(17);
    // These are of nft 1.0.7 and later.
    pub(crate) const VXLAN: Self = Self(18);
    pub(crate) const GENEVE: Self = Self(19);
    pub(crate) const GRE: Self = Self(20);
    pub(crate) const GRETAP: Self = Self(21);

    /// Of what kind the checksum is that covers the header (`enum nft_payload_csum_types`), and where; none if the
    /// kernel does not mend it.
    pub(crate) fn checksum(self) -> Option<(u32, u32)> {
        const NFT_PAYLOAD_CSUM_INET: u32 = 1;
        const NFT_PAYLOAD_CSUM_SCTP: u32 = 2;
        match self {
            Self::IP => Some((NFT_PAYLOAD_CSUM_INET, 10)),
            Self::TCP => Some((NFT_PAYLOAD_CSUM_INET, 16)),
            Self::UDP => Some((NFT_PAYLOAD_CSUM_INET, 6)),
            Self::ICMP | Self::ICMPV6 | Self::IGMP => Some((NFT_PAYLOAD_CSUM_INET, 2)),
            Self::SCTP => Some((NFT_PAYLOAD_CSUM_SCTP, 8)),
            _ => None,
        }
    }

    /// Whether the checksum of the transport layer covers what is at `offset`, too.
    pub(crate) fn is_pseudo(self, offset: u32) -> bool {
        matches!((self, offset), (Self::IP, 2 | 9 | 12 | 16) | (Self::IP6, 4 | 6 | 8 | 24))
    }
}

/// What carries another packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Tunnel {
    Vxlan,
    Geneve,
    Gre,
    Gretap,
}

impl Tunnel {
    /// nft's word for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::Gretap => "gretap",
        }
    }

    pub(super) const fn header(self) -> Header {
        match self {
            Self::Vxlan => Header::VXLAN,
            Self::Geneve => Header::GENEVE,
            Self::Gre => Header::GRE,
            Self::Gretap => Header::GRETAP,
        }
    }

    /// Whether there is an Ethernet header before the inner packet.
    pub(super) const fn has_frames(self) -> bool {
        !matches!(self, Self::Gre)
    }

    /// Evaluates an expression on what the tunnel carries.
    pub(super) fn look(self, expr: impl Into<Expr>) -> Inner {
        match self {
            Self::Vxlan => Inner::vxlan(expr),
            Self::Geneve => Inner::geneve(expr),
            Self::Gre => Inner::gre(expr),
            Self::Gretap => Inner::gretap(expr),
        }
    }
}

/// What a packet has to be so that the field means what its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Needs {
    Nothing,
    /// A packet of that network protocol.
    Network(Family),
    /// A packet of that network protocol, with extension headers.
    Extensions(Family),
    /// A packet of that transport protocol.
    Transport(L4Proto),
    /// A message of a network protocol's own control protocol.
    Control(Family, L4Proto),
    /// A message of a control protocol that is of one of these types.
    Message(Family, L4Proto, Types),
    /// A table of one of these families: elsewhere the kernel does not know it, or knows something else.
    Tables(Families),
    /// A frame with an Ethernet header.
    Ether,
    /// A frame with a VLAN tag behind its Ethernet header.
    Vlan,
    /// A protocol with ports: the author has to say which.
    Ports,
}

/// The families of the network layer.
pub(super) const IP_TABLES: Needs = Needs::Tables(Families::of(&[Family::INET, Family::IP, Family::IP6]));

/// Some families of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Families(u16);

impl Families {
    pub(super) const fn of(families: &[Family]) -> Self {
        let (mut bits, mut n) = (0, 0);
        while n < families.len() {
            bits |= 1 << families[n].get();
            n += 1;
        }
        Self(bits)
    }

    pub(super) fn has(self, family: Family) -> bool {
        self.0.checked_shr(family.get().into()).is_some_and(|bits| bits & 1 != 0)
    }
}

/// Types of messages that have the same fields: one, or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Types([u8; 2]);

impl Types {
    pub(super) const fn one(only: u8) -> Self {
        Self([only, only])
    }

    pub(super) const fn two(one: u8, other: u8) -> Self {
        Self([one, other])
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        if self.is_one() { &self.0[..1] } else { &self.0 }
    }

    pub(super) fn is_one(self) -> bool {
        self.0[0] == self.0[1]
    }
}

/// What a test of the field for equality says about the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tells {
    Nothing,
    /// The protocol of the network layer, as a family.
    Network,
    /// The protocol of the network layer, as an Ethernet type.
    EtherType,
    /// The protocol of the transport layer.
    Transport,
    /// The protocol of the transport layer that the packet's connection is of.
    CtTransport,
    /// The type of a message of a control protocol.
    MessageType,
    /// The hardware type of the incoming interface.
    LinkType,
}

/// What is computed from a field's value: mostly nothing, for which there is no memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[allow(clippy::box_collection, reason = "a field of which nothing is computed is smaller by two words")]
pub(crate) struct Ops(Option<Box<Vec<BitOp>>>);

impl Ops {
    pub(super) const NONE: Self = Self(None);

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn push(&mut self, op: BitOp) {
        self.0.get_or_insert_default().push(op);
    }

    fn last_mut(&mut self) -> Option<&mut BitOp> {
        self.0.as_mut()?.last_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &BitOp> {
        self.0.iter().flat_map(|ops| ops.iter())
    }
}

/// One step of a computation on a register.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum BitOp {
    /// `(value & mask) ^ xor`
    MaskXor { mask: Data, xor: Data },
    /// Towards the higher bits.
    Shl(u32),
    /// Towards the lower bits.
    Shr(u32),
    /// Bits that the type of the value cannot have, to be told by the batch.
    Mistake(Box<BuildErrorKind>),
}

/// Where a field's value comes from: mostly what is known when the program is compiled, which costs nothing to copy.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Fixed(&'static Origin),
    Own(Box<Origin>),
}

impl Deref for Source {
    type Target = Origin;

    #[inline]
    fn deref(&self) -> &Origin {
        match self {
            Self::Fixed(source) => source,
            Self::Own(source) => source,
        }
    }
}

impl DerefMut for Source {
    fn deref_mut(&mut self) -> &mut Origin {
        if let Self::Fixed(source) = self {
            *self = Self::Own(Box::new((*source).clone()));
        }
        match self {
            Self::Own(source) => source,
            Self::Fixed(_) => unreachable!("it was made its own"),
        }
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Source {}

impl Hash for Source {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl Source {
    /// Whether it needs the packet's connection, or is nothing without it.
    pub(crate) fn asks_conntrack(&self) -> bool {
        match &self.load {
            Load::Ct(..) => true,
            Load::Concatenation(fields) => fields.0.iter().any(Self::asks_conntrack),
            Load::Hash(hash) => hash.1.asks_conntrack(),
            Load::Payload { .. } | Load::Meta(_) | Load::Expr(_) => false,
        }
    }

    /// Makes it a field of what a tunnel carries.
    pub(super) fn enter(&mut self, tunnel: Tunnel) {
        let Origin { name, load, tunnel: within, ops, .. } = &mut **self;
        match load {
            Load::Concatenation(parts) => return parts.0.iter_mut().for_each(|part| part.enter(tunnel)),
            Load::Payload { base: Base::LINK, .. } if !tunnel.has_frames() => {}
            Load::Payload { .. } | Load::Meta(MetaKey::PROTOCOL | MetaKey::L4PROTO) if within.is_none() => {
                *within = Some(tunnel);
                return;
            }
            _ => {}
        }
        ops.push(BitOp::Mistake(Box::new(BuildErrorKind::NotInTunnel(name, tunnel.word()))));
    }

    /// Adds `(value & mask) ^ xor`, as one step with the one before if that is of the same kind.
    pub(crate) fn mask_xor(&mut self, mask: &Data, xor: &Data) {
        let Some(BitOp::MaskXor { mask: before, xor: inverted }) = self.ops.last_mut() else {
            return self.ops.push(BitOp::MaskXor { mask: mask.clone(), xor: xor.clone() });
        };
        // ((v & m1) ^ x1) & m2 ^ x2 = (v & m1 & m2) ^ (x1 & m2) ^ x2
        *inverted = combine(&combine(inverted, mask, |a, b| a & b), xor, |a, b| a ^ b);
        *before = combine(before, mask, |a, b| a & b);
    }

    /// Whether it is a field of a VLAN tag.
    pub(super) fn is_of_tag(&self) -> bool {
        matches!(self.load, Load::Payload { header: Header::VLAN, .. })
    }

    /// Whether the value is all of the bytes, as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.bits.is_none() && self.ops.is_empty()
    }

    /// A value as the bytes have it that are loaded.
    pub(crate) fn place(&self, value: &Data) -> Result<Data, BuildErrorKind> {
        let Some(bits) = self.placing() else { return Ok(value.clone()) };
        bits.place(value).ok_or_else(|| BuildErrorKind::BadValue {
            what: self.name,
            value: self.kind.display(value.as_bytes()).to_string().into(),
            reason: "it has more bits than the field",
        })
    }

    /// Where values are compared as they are in the header: unless something is computed from them.
    pub(crate) fn placing(&self) -> Option<Bits> {
        self.bits.filter(|_| self.ops.is_empty())
    }

    /// Values of the rule's own set or map as the bytes have them that are loaded.
    pub(crate) fn place_all(&self, set: Result<Container, BuildErrorKind>) -> Result<Container, BuildErrorKind> {
        match (set?, self.placing()) {
            (Container::Own(set), Some(bits)) => {
                set.with_keys(bits.loaded.into(), |key| self.place(key)).map(Container::own)
            }
            (Container::Own(set), None) if !matches!(self.load, Load::Concatenation(_)) => {
                Ok(Container::own(set.of_kind(self.kind)))
            }
            (set, _) => Ok(set),
        }
    }

    /// Whether packets have to be of several types, for which nft has a set.
    pub(crate) fn implies_set(&self) -> bool {
        match &self.load {
            Load::Hash(hash) => hash.1.implies_set(),
            Load::Concatenation(parts) => parts.0.iter().any(Self::implies_set),
            _ => matches!(self.needs, Needs::Message(_, _, types) if !types.is_one()),
        }
    }

    /// Whether the value depends on how many packets it was loaded for.
    pub(super) fn counts(&self) -> bool {
        match &self.load {
            Load::Expr(loaded) => matches!(&loaded.expr, Expr::Numgen(numgen) if numgen.kind != NumgenKind::RANDOM),
            Load::Hash(hash) => hash.1.counts(),
            Load::Concatenation(parts) => parts.0.iter().any(Self::counts),
            _ => false,
        }
    }

    /// Whether packets have to be of one type, which is compared beside what the rule says.
    pub(super) fn implies_comparison(&self) -> bool {
        matches!(self.needs, Needs::Message(_, _, types) if types.is_one())
    }

    /// The fields of a concatenation, or the only one.
    pub(crate) fn parts(&self) -> &[Self] {
        match &self.load {
            Load::Concatenation(parts) => &parts.0,
            _ => std::slice::from_ref(self),
        }
    }

    /// What nft calls the field in the userdata of a set.
    pub(crate) fn typeofs(&self) -> Vec<FieldOf> {
        self.parts().iter().map(Self::type_of).collect()
    }

    /// What nft calls the field in the userdata of a rule's own set: bits are something computed there, but in a
    /// concatenation only those that are moved.
    pub(crate) fn typeofs_of_own(&self) -> Vec<FieldOf> {
        let (parts, alone) = (self.parts(), self.parts().len() == 1);
        let is_computed = |part: &Self| part.bits.is_some_and(|bits| alone || bits.shift > 0);
        let own = |part: &Self| if is_computed(part) { part.type_of().computed() } else { part.type_of() };
        parts.iter().map(own).collect()
    }

    fn bit_len(&self) -> u32 {
        self.bits.map_or(u32::from(self.len) * 8, |bits| bits.len.into())
    }

    fn type_of(&self) -> FieldOf {
        let inner = self.tunnel.map(|tunnel| tunnel.header().0.into());
        let plain = match &self.load {
            Load::Payload { base, offset, header: Header::NONE, .. } => {
                // nft counts its bases from one.
                let raw = (base.get() + 1, u32::from(*offset) * 8 + self.bits.map_or(0, Bits::before));
                Typeof::Payload { header: 0, field: 0, raw: Some(raw), bits: Some(self.bit_len()), inner: None }
            }
            Load::Payload { header, field, .. } => {
                let len = self.bit_len();
                let bits = (self.kind == DataType::INTEGER).then_some(len);
                Typeof::Payload { header: header.0.into(), field: (*field).into(), raw: None, bits, inner }
            }
            Load::Meta(key) => Typeof::Meta { key: *key, inner },
            Load::Ct(key, direction) => {
                Typeof::Ct { key: *key, direction: direction.map(|direction| direction.get().into()) }
            }
            Load::Expr(loaded) => match &loaded.of {
                Some(of) => of.clone(),
                None => return FieldOf { of: None, order: None },
            },
            Load::Hash(hash) => {
                let expr::Hash { kind, modulus, seed, offset, .. } = hash.0;
                let (seed, seed_set) = (seed.unwrap_or_default(), seed.is_some().into());
                Typeof::Hash { kind: kind.get(), offset, modulus, seed, seed_set }
            }
            Load::Concatenation(_) => return FieldOf { of: None, order: None },
        };
        let plain = FieldOf::plain(plain);
        if self.ops.is_empty() { plain } else { plain.computed() }
    }
}

pub(crate) fn combine(a: &Data, b: &Data, with: impl Fn(u8, u8) -> u8) -> Data {
    let bytes: Vec<u8> = a.as_bytes().iter().zip(b.as_bytes()).map(|(&a, &b)| with(a, b)).collect();
    Data::new(&bytes)
}
