//! What nft tests without being told of frames with VLAN tags and of messages of control protocols.

use std::sync::LazyLock;

use super::lower::{Context, REG, Sink, SinkExt, contradiction};
use super::matching::Container;
use super::source::{Load, Source, Tells, Types};
use super::{icmp, icmpv6};
use crate::datum::{DataType, EtherType, IcmpType, Icmpv6Type, Interval, L4Proto};
use crate::expr::{Base, Data, Payload};
use crate::set::Anonymous;
use crate::wire::{Family, order};

/// A set that a rule has to itself without saying so, and the field that is looked up.
pub(crate) type ImpliedSet = (Anonymous, Source);

/// What is known of a frame's VLAN tags.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Link {
    /// How many tags there are at least.
    tags: u32,
    /// How many the rest of the rule says that there are.
    ahead: u32,
}

impl Link {
    /// Where the type of an Ethernet frame is.
    pub(super) const TYPE: u32 = 12;
    /// Bytes of a tag: priority and number, and the type of what is behind.
    const TAG: u32 = 4;

    /// Where the type is of what is behind the tags, if there are any.
    pub(super) fn type_behind_tags(self) -> Option<u32> {
        let tags = self.tags.max(self.ahead);
        (tags > 0).then(|| Self::TYPE + tags * Self::TAG)
    }

    /// How far behind the first tag the innermost one is.
    fn innermost(self) -> u32 {
        self.tags.saturating_sub(1) * Self::TAG
    }
}

/// What is known of a message's type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Message {
    Type(u8),
    /// One of those.
    OneOf(Types),
}

/// Types of messages that have the same fields.
pub(super) mod types {
    use crate::datum::{IcmpType, Icmpv6Type};
    use crate::field::source::Types;

    pub(in crate::field) const ICMP_ECHO: Types = Types::two(IcmpType::ECHO_REQUEST.get(), IcmpType::ECHO_REPLY.get());
    pub(in crate::field) const ICMPV6_ECHO: Types =
        Types::two(Icmpv6Type::ECHO_REQUEST.get(), Icmpv6Type::ECHO_REPLY.get());
}

static ICMP_ECHO: LazyLock<ImpliedSet> = LazyLock::new(|| {
    (Anonymous::of_bytes::<Interval<IcmpType>>(types::ICMP_ECHO.as_slice()), icmp::icmp_type().source)
});
static ICMPV6_ECHO: LazyLock<ImpliedSet> = LazyLock::new(|| {
    (Anonymous::of_bytes::<Interval<Icmpv6Type>>(types::ICMPV6_ECHO.as_slice()), icmpv6::icmpv6_type().source)
});

impl Context<'_> {
    /// Where a field begins: behind the tags that are known of.
    pub(super) fn offset(&self, source: &Source) -> u32 {
        let link = if source.tunnel == self.tunnel { self.link } else { self.other.link };
        match source.load {
            Load::Payload { offset, .. } if source.is_of_tag() => u32::from(offset) + link.innermost(),
            Load::Payload { offset, .. } => offset.into(),
            _ => 0,
        }
    }

    /// Makes sure that the frame has a VLAN tag.
    pub(super) fn require_vlan(&mut self, name: &'static str, sink: &mut impl Sink) {
        if self.link.tags > 0 {
            return;
        }
        match self.network {
            // The protocol was found where the tag would be.
            Some(has) if !matches!(self.family(), Family::IP | Family::IP6 | Family::ARP) && self.link.ahead == 0 => {
                return sink.fail(contradiction(name, &"vlan", &has));
            }
            _ => {}
        }
        self.link.tags = 1;
        let tag = Data::from(order::be_u16(EtherType::VLAN.get()));
        self.compare(Base::LINK, Link::TYPE, &tag, sink);
    }

    /// Takes note of a tag that a type says is behind; tells whether it does.
    pub(super) fn note_tag(&mut self, source: &Source, value: &[u8]) -> bool {
        let tags = [EtherType::VLAN, EtherType::VLAN_AD].map(|tag| order::be_u16(tag.get()));
        let is_tag = tags.iter().any(|tag| tag == value);
        let Load::Payload { .. } = source.load else { return false };
        match (source.is_of_tag(), is_tag) {
            (true, true) => self.link.tags += 1,
            (false, true) => self.link.tags = self.link.tags.max(1),
            _ => {}
        }
        is_tag
    }

    /// Takes note of the tags that the rest of the rule says there are.
    pub(crate) fn note_tags_of(&mut self, rest: &Context<'_>) {
        self.link.ahead = rest.link.tags;
    }

    /// Makes sure that a message is of one of these types.
    pub(super) fn require_message(
        &mut self,
        protocol: L4Proto,
        wanted: Types,
        name: &'static str,
        sink: &mut impl Sink,
    ) {
        let types = wanted.as_slice();
        let has = match &self.message {
            Some(Message::Type(has)) => std::slice::from_ref(has),
            Some(Message::OneOf(has)) => has.as_slice(),
            None => &[],
        };
        if !has.is_empty() && has.iter().all(|has| types.contains(has)) {
            return;
        }
        if !has.is_empty() && !has.iter().any(|has| types.contains(has)) {
            return sink.fail(contradiction(name, &shown(protocol, types), &shown(protocol, has)));
        }
        if let &[only] = types {
            self.message = Some(Message::Type(only));
            return self.compare(Base::TRANSPORT, 0, &[only].into(), sink);
        }
        self.message = Some(Message::OneOf(wanted));
        let implied: &'static ImpliedSet = if protocol == L4Proto::ICMP { &ICMP_ECHO } else { &ICMPV6_ECHO };
        self.implied.push(implied);
        sink.put_of(self.tunnel, Payload::load(Base::TRANSPORT, 0, 1, REG));
        let set = Container::own(implied.0.clone());
        sink.put_lookup(self, &set, REG, |_| {});
    }

    /// Takes note of what a set of the author's says about the packet.
    pub(super) fn note_choice(&mut self, source: &Source, set: &Container, not: bool) {
        let Container::Own(set) = set else { return };
        if not || source.tells != Tells::MessageType || !source.ops.is_empty() {
            return;
        }
        let types = if source.kind == DataType::ICMP_TYPE { types::ICMP_ECHO } else { types::ICMPV6_ECHO };
        if set.is_subset_of(types.as_slice()) {
            self.message = Some(Message::OneOf(types));
        }
    }

    /// The sets that tests since the last call look into.
    pub(crate) fn take_implied(&mut self) -> Vec<&'static ImpliedSet> {
        std::mem::take(&mut self.implied)
    }
}

/// Types of messages in nft's words.
fn shown(protocol: L4Proto, types: &[u8]) -> String {
    let kind = if protocol == L4Proto::ICMP { DataType::ICMP_TYPE } else { DataType::ICMPV6_TYPE };
    let words: Vec<String> = types.iter().map(|&byte| kind.display(&[byte]).to_string()).collect();
    words.join(" or ")
}
