//! Where a field's value comes from, and what is computed from it.

use crate::datum::DataType;
use crate::datum::L4Proto;
use crate::error::BuildErrorKind;
use crate::expr::{Base, CtDirection, CtKey, Data, MetaKey};
use crate::userdata::{FieldOf, Typeof};
use crate::wire::Family;

/// Where a field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    /// nft's name for the field.
    pub(crate) name: &'static str,
    pub(crate) load: Load,
    pub(crate) needs: Needs,
    pub(crate) tells: Tells,
    /// The type of its values.
    pub(crate) kind: DataType,
    /// Bytes of a value.
    pub(crate) len: u8,
    /// Numbers in the host's order: what has intervals has them in network order. The data type
    /// alone does not tell: that of `ct bytes` is an integer of either.
    pub(crate) swaps: bool,
    /// What is computed from it, in this order.
    pub(crate) ops: Vec<BitOp>,
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
    /// Several fields, one after another.
    Concatenation(Box<[Source]>),
}

/// A header of a packet, by nft's number for it (`enum proto_desc_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Header(pub(crate) u8);

impl Header {
    pub(crate) const ICMP: Self = Self(4);
    pub(crate) const UDP: Self = Self(6);
    pub(crate) const TCP: Self = Self(8);
    pub(crate) const TH: Self = Self(11);
    pub(crate) const IP: Self = Self(12);
    pub(crate) const IP6: Self = Self(13);
    pub(crate) const ICMPV6: Self = Self(14);
    pub(crate) const ARP: Self = Self(15);
    pub(crate) const ETHER: Self = Self(17);

    /// Where the checksum is that covers the header.
    pub(crate) fn checksum(self) -> Option<u32> {
        match self {
            Self::IP => Some(10),
            Self::TCP => Some(16),
            Self::UDP => Some(6),
            Self::ICMP | Self::ICMPV6 => Some(2),
            _ => None,
        }
    }

    /// Whether the checksum of the transport layer covers what is at `offset`, too.
    pub(crate) fn is_pseudo(self, offset: u16) -> bool {
        matches!((self, offset), (Self::IP, 2 | 9 | 12 | 16) | (Self::IP6, 4 | 6 | 8 | 24))
    }
}

/// What a packet has to be so that the field means what its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Needs {
    Nothing,
    /// A packet of that network protocol.
    Network(Family),
    /// A packet of that transport protocol.
    Transport(L4Proto),
    /// A message of a network protocol's own control protocol.
    Control(Family, L4Proto),
    /// A table of the network layer: elsewhere the kernel tells the family of the table.
    IpTable,
    /// A frame with an Ethernet header.
    Ether,
    /// A protocol with ports: the author has to say which.
    Ports,
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
    /// The hardware type of the incoming interface.
    LinkType,
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

impl Source {
    /// Adds `(value & mask) ^ xor`, as one step with the one before if that is of the same kind.
    pub(crate) fn mask_xor(&mut self, mask: &Data, xor: &Data) {
        let Some(BitOp::MaskXor { mask: before, xor: inverted }) = self.ops.last_mut() else {
            return self.ops.push(BitOp::MaskXor { mask: mask.clone(), xor: xor.clone() });
        };
        // ((v & m1) ^ x1) & m2 ^ x2 = (v & m1 & m2) ^ (x1 & m2) ^ x2
        *inverted = combine(&combine(inverted, mask, |a, b| a & b), xor, |a, b| a ^ b);
        *before = combine(before, mask, |a, b| a & b);
    }

    /// The fields of a concatenation, or the only one.
    pub(crate) fn parts(&self) -> &[Self] {
        match &self.load {
            Load::Concatenation(parts) => parts,
            _ => std::slice::from_ref(self),
        }
    }

    /// What nft calls the field in the userdata of a set.
    pub(crate) fn typeofs(&self) -> Vec<FieldOf> {
        self.parts().iter().map(Self::type_of).collect()
    }

    fn type_of(&self) -> FieldOf {
        let plain = match &self.load {
            Load::Payload { header, field, .. } => {
                let bits = (self.kind == DataType::INTEGER).then_some(u32::from(self.len) * 8);
                Typeof::Payload { header: header.0.into(), field: (*field).into(), raw: None, bits, inner: None }
            }
            Load::Meta(key) => Typeof::Meta { key: *key, inner: None },
            Load::Ct(key, direction) => {
                Typeof::Ct { key: *key, direction: direction.map(|direction| direction.get().into()) }
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
