//! Fields as they are written down here, when the program is compiled.

use std::marker::PhantomData;

use super::source::{Bits, Header, Load, Needs, Ops, Origin, Source, Tells, Tunnel};
use super::{Field, Read};
use crate::datum::{Datum, swaps};
use crate::expr::{Base, CtDirection, CtKey, MetaKey};
use crate::wire::Family;

/// What a [`Field`] is, and the type of its values.
pub(super) struct Spec<V, A = Read> {
    pub(super) origin: Origin,
    of: PhantomData<fn() -> (V, A)>,
}

impl<V: Datum, A> Spec<V, A> {
    pub(super) const fn new(name: &'static str, load: Load, needs: Needs) -> Self {
        let origin = Origin {
            name,
            load,
            tunnel: None,
            needs,
            tells: Tells::Nothing,
            kind: V::TYPE,
            len: V::LEN as u8,
            bits: None,
            swaps: swaps::<V>(),
            ops: Ops::NONE,
        };
        Self { origin, of: PhantomData }
    }

    /// A field of the network layer's header.
    pub(super) const fn network(name: &'static str, family: Family, offset: u16, field: u8) -> Self {
        let header = match family {
            Family::IP => Header::IP,
            Family::IP6 => Header::IP6,
            _ => Header::ARP,
        };
        Self::new(name, Load::Payload { base: Base::NETWORK, offset, header, field }, Needs::Network(family))
    }

    /// A field of the transport layer's header.
    pub(super) const fn transport(name: &'static str, header: Header, needs: Needs, offset: u16, field: u8) -> Self {
        Self::new(name, Load::Payload { base: Base::TRANSPORT, offset, header, field }, needs)
    }

    pub(super) const fn ether(name: &'static str, offset: u16, field: u8) -> Self {
        Self::new(name, Load::Payload { base: Base::LINK, offset, header: Header::ETHER, field }, Needs::Ether)
    }

    /// A field of a tunnel's own header.
    pub(super) const fn of_tunnel(name: &'static str, tunnel: Tunnel, field: u8, offset: u16) -> Self {
        let load = Load::Payload { base: Base::TUNNEL, offset, header: tunnel.header(), field };
        let mut field = Self::new(name, load, Needs::Nothing);
        field.origin.tunnel = Some(tunnel);
        field
    }

    pub(super) const fn meta(name: &'static str, key: MetaKey) -> Self {
        Self::new(name, Load::Meta(key), Needs::Nothing)
    }

    pub(super) const fn ct(name: &'static str, key: CtKey, direction: Option<CtDirection>) -> Self {
        Self::new(name, Load::Ct(key, direction), Needs::Nothing)
    }

    /// Makes it a field of some bits of a header: `len` of them, `offset` bits behind the header's beginning.
    pub(super) const fn bits_at(mut self, offset: u16, len: u8) -> Self {
        let (first, bits) = Bits::at(offset, len, self.origin.len);
        if let Load::Payload { offset, .. } = &mut self.origin.load {
            *offset = first;
        }
        self.origin.bits = bits;
        self
    }

    /// Notes what a test for equality says about the packet.
    pub(super) const fn telling(mut self, tells: Tells) -> Self {
        self.origin.tells = tells;
        self
    }

    pub(super) const fn needing(mut self, needs: Needs) -> Self {
        self.origin.needs = needs;
        self
    }
}

impl<V, A> From<Spec<V, A>> for Field<V, A> {
    fn from(spec: Spec<V, A>) -> Self {
        Self { source: Source::Own(Box::new(spec.origin)), of: PhantomData }
    }
}
