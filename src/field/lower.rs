//! From matches to the kernel's expressions, with the tests that nft inserts by itself.

use super::implied::{ImpliedSet, Link, Message};
use super::load::hton;
use super::matching::{Container, Match, Test};
use super::merged::{Compared, Plan};
use super::operand::Operand;
use super::source::{Bits, Header, Load, Needs, Source, Tells, Tunnel};
use super::tunneled::Other;
use crate::chain::ChainRef;
use crate::datum::{IfType, L4Proto, prefix_bound, prefix_mask};
use crate::error::BuildErrorKind;
use crate::expr::{
    Base, Bitwise, Cmp, CmpOp, Ct, Data, Expr, Exthdr, ExthdrOp, Immediate, Lookup, LookupFlags, Meta, MetaKey, Objref,
    Payload, Range, RangeOp, Reg, Wire,
};
use crate::set::SetRef;
use crate::wire::{Family, Name, order};

/// Takes the expressions of a rule, one after another.
pub(crate) trait Sink {
    fn put<E: Wire + Into<Expr>>(&mut self, expr: E);
    /// Takes a comparison of the [register](REG) with a value, which stays where it is.
    fn put_cmp(&mut self, op: CmpOp, data: &Data) {
        self.put(Cmp::new(op, REG, data.clone()));
    }
    /// Takes an expression of any kind.
    fn put_expr(&mut self, expr: &Expr);
    fn fail(&mut self, mistake: BuildErrorKind);
    /// The number in the batch of the next set that the rule has to itself.
    fn next_set(&mut self) -> u32;
}

/// What the expressions so far say about the packets that reach the next.
pub(crate) struct Context<'a> {
    pub(crate) chain: &'a ChainRef,
    /// ip, ip6 or arp.
    pub(super) network: Option<Family>,
    pub(super) transport: Option<L4Proto>,
    pub(super) has_ethernet: bool,
    /// The packet's connection is of a protocol that has ports.
    connection_has_ports: bool,
    /// The tunnel whose packet is looked at now.
    pub(super) tunnel: Option<Tunnel>,
    /// What is known of the other packet: that in the tunnel, or while that one is looked at, that which carries it.
    pub(super) other: Other,
    pub(super) link: Link,
    /// What is known of the type of an ICMP message.
    pub(super) message: Option<Message>,
    /// The sets that tests of the type look into, which no step of the rule has.
    pub(super) implied: Vec<&'static ImpliedSet>,
    /// The rule has tests whose meaning is not tracked.
    pub(super) opaque: bool,
    merging: Merging,
}

/// What is done with bytes that are compared with constants.
enum Merging {
    /// They are compared one by one.
    No,
    /// They are looked at, to make a plan.
    Planned(Box<Plan>),
    /// They are compared as planned.
    Done(Box<Plan>),
}

/// The register of matches: the first.
pub(crate) const REG: Reg = Reg::R1;

impl<'a> Context<'a> {
    pub(crate) fn new(chain: &'a ChainRef) -> Self {
        let family = chain.table.family;
        let network = Some(family).filter(|&family| matches!(family, Family::IP | Family::IP6 | Family::ARP));
        Self {
            chain,
            network,
            transport: None,
            has_ethernet: family == Family::BRIDGE,
            connection_has_ports: false,
            tunnel: None,
            other: Other::default(),
            link: Link::default(),
            message: None,
            implied: Vec::new(),
            opaque: false,
            merging: Merging::No,
        }
    }

    /// Whether something may be merged of what matches compare.
    pub(crate) fn may_merge<'m>(matches: impl Iterator<Item = &'m Match> + Clone) -> bool {
        Plan::is_worthwhile(matches)
    }

    /// Looks at the matches of a run, and with `rest` at what comes behind them and needs something, too, to merge
    /// what they compare.
    pub(crate) fn plan<'m>(
        &mut self,
        matches: impl Iterator<Item = &'m Match> + Clone,
        rest: impl FnOnce(&mut Context<'_>, &mut Nowhere),
    ) {
        self.merging = Merging::No;
        if !Plan::is_worthwhile(matches.clone()) {
            return;
        }
        let (implied, merging) = (Vec::new(), Merging::Planned(Box::default()));
        let mut ahead = Context { implied, merging, ..*self };
        matches.for_each(|matching| ahead.lower(matching, &mut Nowhere));
        rest(&mut ahead, &mut Nowhere);
        if let Merging::Planned(plan) = ahead.merging {
            self.merging = Merging::Done(Box::new(plan.merge()));
        }
    }

    /// Compares bytes of the packet with constants.
    pub(super) fn compare(&mut self, base: Base, offset: u32, data: &Data, sink: &mut impl Sink) {
        if let Merging::No = self.merging {
            return sink.put_compared(self.tunnel, base, offset, data);
        }
        self.compare_planned(Compared { tunnel: self.tunnel, base, offset, data: data.clone() }, sink);
    }

    #[cold]
    fn compare_planned(&mut self, compared: Compared, sink: &mut impl Sink) {
        let left = match &mut self.merging {
            Merging::No => Some(compared),
            Merging::Planned(plan) => return plan.record(compared),
            Merging::Done(plan) => plan.next(compared),
        };
        if let Some(Compared { tunnel, base, offset, data }) = left {
            sink.put_compared(tunnel, base, offset, &data);
        }
    }

    /// The family of the table; in a tunnel, that whose tables see such packets.
    pub(crate) fn family(&self) -> Family {
        match self.tunnel {
            None => self.chain.table.family,
            Some(tunnel) if tunnel.has_frames() => Family::BRIDGE,
            Some(_) => Family::NETDEV,
        }
    }

    /// The protocol of the network layer, if it is known.
    pub(crate) fn network(&self) -> Option<Family> {
        self.network
    }

    /// Whether the packet may have ports at this place.
    pub(crate) fn may_have_ports(&self) -> bool {
        self.opaque || self.transport.is_some_and(has_ports)
    }

    /// Notes that the rule has an expression of its author's.
    pub(crate) fn note_opaque(&mut self) {
        self.opaque = true;
    }

    pub(crate) fn lower(&mut self, matching: &Match, sink: &mut impl Sink) {
        let Match { source, test } = matching;
        if let Test::In { set, not } = test {
            self.load_key(source, set, REG, sink);
            self.within(source.tunnel, |context| context.note_choice(source, set, *not));
            let flags = if *not { LookupFlags::INV } else { LookupFlags::empty() };
            return sink.put_lookup(self, set, REG, |lookup| lookup.flags = flags);
        }
        self.require(source, sink);
        if let Test::Field { other, .. } = test {
            self.require(other, sink);
        }
        self.within(source.tunnel, |context| context.lower_test(source, test, sink));
    }

    fn lower_test(&mut self, source: &Source, test: &Test, sink: &mut impl Sink) {
        match test {
            Test::Cmp { op, data, swap } => {
                let offset = self.offset(source);
                let (told, placed) = (data, source.bits.map(|_| source.place(data)));
                let data = match &placed {
                    None => data,
                    Some(Ok(data)) => data,
                    Some(Err(mistake)) => return sink.fail(mistake.clone()),
                };
                match &source.load {
                    Load::Payload { base, .. } if *op == CmpOp::EQ && source.is_plain() => {
                        self.compare(*base, offset, data, sink);
                    }
                    _ => {
                        self.load_placed(source, REG, sink);
                        if *swap {
                            sink.put(hton(REG, data.len()));
                        }
                        sink.put_cmp(*op, data);
                    }
                }
                self.note(source, *op, told, sink);
            }
            Test::Range { bounds, not, swap } => {
                let (from, to) = bounds.get();
                let (from, to) = match (source.place(&from), source.place(&to)) {
                    (Ok(from), Ok(to)) => (from, to),
                    (Err(mistake), _) | (_, Err(mistake)) => return sink.fail(mistake),
                };
                self.load_placed(source, REG, sink);
                if *swap {
                    sink.put(hton(REG, from.len()));
                }
                if *not {
                    sink.put(Range::new(RangeOp::NEQ, REG, from, to));
                } else {
                    sink.put_cmp(CmpOp::GTE, &from);
                    sink.put_cmp(CmpOp::LTE, &to);
                }
            }
            Test::Prefix { address, len, not } => {
                prefix(self, source, address, *len, if *not { CmpOp::NEQ } else { CmpOp::EQ }, sink);
            }
            Test::Field { other, not } => {
                self.load(source, REG, sink);
                self.load(other, Reg::R2, sink);
                let len = u32::from(source.len);
                sink.put(Bitwise::xor(REG, Reg::R2, len));
                let op = if *not { CmpOp::NEQ } else { CmpOp::EQ };
                sink.put(Cmp::new(op, REG, Data::new(&vec![0; len as usize])));
            }
            Test::In { .. } => {}
            Test::Mistake(mistake) => sink.fail((**mistake).clone()),
        }
    }

    /// Makes sure of what fields need. Where several registers are loaded, before the first: the
    /// tests need one themselves.
    pub(crate) fn require_fields(&mut self, source: &Source, sink: &mut impl Sink) {
        source.parts().iter().for_each(|part| self.require(part, sink));
    }

    /// Makes sure of what the fields of a value need.
    pub(crate) fn require_operand(&mut self, operand: &Operand, sink: &mut impl Sink) {
        match operand {
            Operand::Field(source) | Operand::Map { key: source, .. } => self.require_fields(source, sink),
            Operand::Together(parts) => parts.iter().for_each(|(part, _)| self.require_operand(part, sink)),
            Operand::Constant(_) | Operand::Mistake(_) => {}
        }
    }

    /// Puts a value into registers, from `reg` on.
    pub(crate) fn lower_operand(&mut self, operand: &Operand, reg: Reg, sink: &mut impl Sink) {
        match operand {
            Operand::Constant(data) => sink.put(Immediate::data(reg, data.clone())),
            Operand::Field(source) => self.load_fields(source, reg, |_| false, sink),
            Operand::Map { key, map } => {
                self.load_key(key, map, reg, sink);
                sink.put_lookup(self, map, reg, |lookup| lookup.dreg = Some(reg));
            }
            Operand::Together(parts) => {
                self.require_operand(operand, sink);
                let mut word = reg.word_index();
                for (part, words) in parts {
                    let Some(reg) = Reg::word(word) else { return sink.fail(BuildErrorKind::TooManyFields) };
                    self.lower_operand(part, reg.normalized(), sink);
                    word += words;
                }
            }
            Operand::Mistake(mistake) => sink.fail((**mistake).clone()),
        }
    }

    /// Lets a map decide what becomes of the packet.
    pub(crate) fn lower_verdict_map(&mut self, key: &Source, map: &Container, sink: &mut impl Sink) {
        self.load_key(key, map, REG, sink);
        sink.put_lookup(self, map, REG, |lookup| lookup.dreg = Some(Reg::VERDICT));
    }

    /// Hands the packet to the object that a map has for a field.
    pub(crate) fn lower_object_map(&mut self, key: &Source, map: &Container, sink: &mut impl Sink) {
        if let Container::Own(map) = map {
            if let Err(mistake) = map.check_objects(&self.chain.table) {
                sink.fail(mistake);
            }
        }
        self.load_key(key, map, REG, sink);
        let (name, set_id) = sink.container(self, map);
        sink.put(Objref { set_id, ..Objref::map(REG, name) });
    }

    /// Sets a field to a value.
    pub(crate) fn lower_set(&mut self, field: &Source, value: &Operand, sink: &mut impl Sink) {
        self.require(field, sink);
        match &field.load {
            Load::Meta(key) => {
                self.lower_operand(value, REG, sink);
                sink.put(Meta::set(*key, REG));
            }
            Load::Ct(key, direction) => {
                self.lower_operand(value, REG, sink);
                sink.put(Ct { direction: *direction, ..Ct::set(*key, REG) });
            }
            Load::Payload { base, header, .. } => {
                self.write_payload(field, (*base, self.offset(field), *header), value, sink);
            }
            Load::Expr(loaded) => match &loaded.expr {
                Expr::Exthdr(_) if field.bits.is_some() => sink.fail(BuildErrorKind::BadValue {
                    what: field.name,
                    value: "bits".into(),
                    reason: "the kernel sets whole bytes of an option",
                }),
                Expr::Exthdr(exthdr) if exthdr.op == ExthdrOp::TCPOPT => {
                    self.lower_written(value, exthdr.len, sink);
                    sink.put(Exthdr::write(exthdr.kind, exthdr.offset, exthdr.len, REG));
                }
                _ => {}
            },
            Load::Hash(_) | Load::Concatenation(_) => {}
        }
    }

    /// Puts what is written into the packet, `len` bytes of it, into the register: in network order.
    fn lower_written(&mut self, value: &Operand, len: u32, sink: &mut impl Sink) {
        self.lower_operand(value, REG, sink);
        if matches!(value, Operand::Field(value) if value.swaps) {
            sink.put(hton(REG, len as usize));
        }
    }

    /// Writes a field of the packet and mends the checksums. Those have words of two bytes: for a
    /// field of one byte its neighbour is written, too.
    fn write_payload(
        &mut self,
        field: &Source,
        (base, offset, header): (Base, u32, Header),
        value: &Operand,
        sink: &mut impl Sink,
    ) {
        let len = u32::from(field.bits.map_or(field.len, |bits| bits.loaded));
        let checksum = header.checksum();
        let first = if checksum.is_some() { offset % 2 } else { 0 };
        let whole = if checksum.is_some() { (first + len).next_multiple_of(2) } else { len };
        if whole == len && field.bits.is_none() {
            self.lower_written(value, len, sink);
        } else {
            let Operand::Constant(value) = value else {
                return sink.fail(BuildErrorKind::NotConstant { field: field.name });
            };
            let value = match field.place(value) {
                Ok(value) => value,
                Err(mistake) => return sink.fail(mistake),
            };
            let (mut mask, mut xor) = (vec![u8::MAX; whole as usize], vec![0; whole as usize]);
            let place = first as usize..(first + len) as usize;
            let bits = field.bits.map_or(Data::new(&vec![u8::MAX; len as usize]), Bits::mask);
            mask[place.clone()].iter_mut().zip(bits.as_bytes()).for_each(|(kept, bits)| *kept = !bits);
            xor[place].copy_from_slice(value.as_bytes());
            sink.put(Payload::load(base, offset - first, whole, REG));
            sink.put(Bitwise::mask_xor(REG, &*mask, &*xor));
        }
        let mut write = Payload::write(base, offset - first, whole, REG);
        if let Some((kind, at)) = checksum {
            (write.checksum_type, write.checksum_offset) = (kind, at);
        }
        write.checksum_flags = u32::from(header.is_pseudo(offset));
        sink.put(write);
    }

    /// Loads what is looked up, in the order of bytes that the set has.
    pub(crate) fn load_key(&mut self, source: &Source, set: &Container, reg: Reg, sink: &mut impl Sink) {
        let swaps = |part: usize| match set {
            Container::Named { intervals, .. } => *intervals,
            Container::Own(set) => set.swaps(part),
        };
        match set {
            Container::Own(_) if source.placing().is_some() => {
                self.require(source, sink);
                self.load_bytes(source, reg, sink);
            }
            _ => self.load_fields(source, reg, swaps, sink),
        }
        // What is in the set may say which protocols go on.
        if source.parts().iter().any(|part| part.tells != Tells::Nothing) {
            self.opaque = true;
        }
    }

    /// Loads fields one after another, each at the next four bytes; `swaps` says which go to
    /// network order, if they are not in it.
    fn load_fields(&mut self, source: &Source, reg: Reg, swaps: impl Fn(usize) -> bool, sink: &mut impl Sink) {
        self.require_fields(source, sink);
        self.load_parts(source, reg.word_index(), swaps, sink);
    }

    /// Makes sure that the packet has the header that the field is in.
    fn require(&mut self, source: &Source, sink: &mut impl Sink) {
        if let Load::Hash(hash) = &source.load {
            self.require_fields(&hash.1, sink);
        }
        if let Some(tunnel) = source.tunnel {
            self.require_carrier(tunnel, source.name, sink);
        }
        self.within(source.tunnel, |context| context.require_needs(source, sink));
    }

    fn require_needs(&mut self, source: &Source, sink: &mut impl Sink) {
        match source.needs {
            Needs::Nothing => {}
            Needs::Network(network) => self.require_network(network, source.name, sink),
            Needs::Extensions(network) => self.require_control_network(network, source.name, sink),
            Needs::Transport(transport) => self.require_transport(transport, source.name, sink),
            Needs::Control(network, transport) => {
                self.require_control(network, transport, source.name, sink);
            }
            Needs::Message(network, transport, types) => {
                self.require_control(network, transport, source.name, sink);
                self.require_message(transport, types, source.name, sink);
            }
            Needs::Vlan => {
                self.require_ethernet(sink);
                self.require_vlan(source.name, sink);
            }
            Needs::Tables(families) => {
                if !families.has(self.family()) {
                    sink.fail(self.not_in_family(source.name));
                }
            }
            Needs::Ether => self.require_ethernet(sink),
            Needs::Ports => {
                // nft cannot list it where the network protocol is not known.
                let connection_has_ports = self.connection_has_ports && self.network.is_some();
                if !connection_has_ports && !self.may_have_ports() {
                    sink.fail(BuildErrorKind::NoTransport { statement: source.name });
                }
            }
        }
    }

    /// Makes sure of a control protocol, and of the network protocol that it is of.
    fn require_control(&mut self, network: Family, transport: L4Proto, name: &'static str, sink: &mut impl Sink) {
        // The protocol says of which network protocol it is.
        if self.transport != Some(transport) {
            self.require_control_network(network, name, sink);
        }
        self.require_transport(transport, name, sink);
    }

    /// Makes sure that the frame has an Ethernet header.
    fn require_ethernet(&mut self, sink: &mut impl Sink) {
        if !self.has_ethernet {
            self.has_ethernet = true;
            sink.put(Meta::load(MetaKey::IIFTYPE, REG));
            sink.put(Cmp::new(CmpOp::EQ, REG, order::host_u16(ETHERNET.get())));
        }
    }

    /// Makes sure that the packet is of a transport protocol.
    pub(crate) fn require_transport(&mut self, transport: L4Proto, name: &'static str, sink: &mut impl Sink) {
        if self.family() == Family::ARP {
            return sink.fail(self.not_in_family(name));
        }
        match self.transport {
            Some(has) if has == transport => {}
            Some(has) => sink.fail(contradiction(name, &transport, &has)),
            None => {
                self.transport = Some(transport);
                sink.put_of(self.tunnel, Meta::load(MetaKey::L4PROTO, REG));
                sink.put(Cmp::new(CmpOp::EQ, REG, [transport.get()]));
            }
        }
    }

    /// Whether the network protocol is known to be this one; tells of a contradiction.
    fn has_network(&self, network: Family, name: &'static str, sink: &mut impl Sink) -> bool {
        match (self.network, self.family()) {
            (Some(has), _) if has == network => {}
            (Some(_), Family::IP | Family::IP6 | Family::ARP) => sink.fail(self.not_in_family(name)),
            (Some(has), _) => sink.fail(contradiction(name, &network, &has)),
            (None, Family::INET) if network == Family::ARP => sink.fail(self.not_in_family(name)),
            (None, Family::INET | Family::NETDEV | Family::BRIDGE) => return false,
            _ => sink.fail(self.not_in_family(name)),
        }
        true
    }

    /// Makes sure that the packet is of a network protocol.
    pub(crate) fn require_network(&mut self, network: Family, name: &'static str, sink: &mut impl Sink) {
        if self.family() == Family::BRIDGE && network == Family::ARP {
            return self.require_control_network(network, name, sink);
        }
        if self.has_network(network, name, sink) {
            return;
        }
        self.network = Some(network);
        if let Some(offset) = self.link.type_behind_tags() {
            self.compare(Base::LINK, offset, &ether_type(network).into(), sink);
        } else if self.has_ethernet && self.family() != Family::BRIDGE {
            // nft looks into the header that it knows of.
            self.compare(Base::LINK, Link::TYPE, &ether_type(network).into(), sink);
        } else if self.family() == Family::INET {
            sink.put(Meta::load(MetaKey::NFPROTO, REG));
            sink.put(Cmp::new(CmpOp::EQ, REG, [network.get()]));
        } else {
            sink.put_of(self.tunnel, Meta::load(MetaKey::PROTOCOL, REG));
            sink.put(Cmp::new(CmpOp::EQ, REG, ether_type(network)));
        }
    }

    /// [`require_network`](Self::require_network) as nft does it for control protocols and extension headers: in a
    /// bridge by the frame's own header.
    fn require_control_network(&mut self, network: Family, name: &'static str, sink: &mut impl Sink) {
        if self.family() != Family::BRIDGE {
            return self.require_network(network, name, sink);
        }
        if !self.has_network(network, name, sink) {
            self.network = Some(network);
            let offset = self.link.type_behind_tags().unwrap_or(Link::TYPE);
            self.compare(Base::LINK, offset, &ether_type(network).into(), sink);
        }
    }

    /// Refuses a statement that needs packets of another network protocol than those that reach it.
    pub(crate) fn check_network(&self, network: Family, name: &'static str, sink: &mut impl Sink) {
        match (self.network, self.family()) {
            (Some(has), _) if has == network => {}
            (Some(_), Family::IP | Family::IP6) => sink.fail(self.not_in_family(name)),
            (Some(has), _) => sink.fail(contradiction(name, &network, &has)),
            (None, Family::INET) => {}
            (None, _) => sink.fail(self.not_in_family(name)),
        }
    }

    /// Takes note of what a comparison of the author's says about the packet.
    fn note(&mut self, source: &Source, op: CmpOp, data: &Data, sink: &mut impl Sink) {
        if op != CmpOp::EQ || !source.ops.is_empty() {
            return;
        }
        match (source.tells, data.as_bytes()) {
            (Tells::Transport, &[value]) if is_extension(source, value) => {}
            (Tells::Transport, &[value]) => {
                let wants = L4Proto::from_raw(value);
                match self.transport.replace(wants) {
                    Some(has) if has != wants => sink.fail(contradiction(source.name, &wants, &has)),
                    _ => {}
                }
            }
            (Tells::CtTransport, &[value]) => self.connection_has_ports |= has_ports(L4Proto::from_raw(value)),
            (Tells::Network, &[value]) => self.note_network(source.name, Family::from_raw(value), sink),
            // There nft tests for the protocol nonetheless.
            (Tells::EtherType, _) if self.is_unknown_of_inet(source) => {}
            (Tells::EtherType, value) if self.note_tag(source, value) => {}
            (Tells::MessageType, &[value]) => self.message = Some(Message::Type(value)),
            (Tells::EtherType, value) => {
                if let Some(&family) = [Family::IP, Family::IP6, Family::ARP].iter().find(|&&f| ether_type(f) == value)
                {
                    self.note_network(source.name, family, sink);
                }
            }
            (Tells::LinkType, value) if value == order::host_u16(ETHERNET.get()) => self.has_ethernet = true,
            _ => {}
        }
    }

    /// Whether a field is `meta protocol` in a table of family inet, and no more is known.
    fn is_unknown_of_inet(&self, source: &Source) -> bool {
        self.family() == Family::INET && self.network.is_none() && matches!(source.load, Load::Meta(_))
    }

    pub(super) fn note_network(&mut self, name: &'static str, wants: Family, sink: &mut impl Sink) {
        match self.network.replace(wants) {
            Some(has) if has != wants => sink.fail(contradiction(name, &wants, &has)),
            _ => {}
        }
    }

    pub(crate) fn not_in_family(&self, field: &'static str) -> BuildErrorKind {
        BuildErrorKind::NotInFamily { field, family: self.family().to_string().into() }
    }

    /// Refuses a set of another table.
    pub(crate) fn check_set(&self, set: &SetRef, sink: &mut impl Sink) {
        if let Err(mistake) = self.chain.table.check_same("set", &set.name, &set.table) {
            sink.fail(mistake);
        }
    }
}

fn has_ports(protocol: L4Proto) -> bool {
    const WITH_PORTS: [L4Proto; 5] = [L4Proto::TCP, L4Proto::UDP, L4Proto::UDPLITE, L4Proto::SCTP, L4Proto::DCCP];
    WITH_PORTS.contains(&protocol)
}

/// `ARPHRD_ETHER`
const ETHERNET: IfType = IfType::ETHER;

pub(super) fn ether_type(network: Family) -> [u8; 2] {
    match network {
        Family::IP => [0x08, 0x00],
        Family::IP6 => [0x86, 0xdd],
        _ => [0x08, 0x06],
    }
}

/// Whether a test says that an extension header follows that of IPv6: any protocol may be behind it
/// (the kernel's `ipv6_ext_hdr`).
fn is_extension(source: &Source, value: u8) -> bool {
    const HOP_BY_HOP_ROUTING_FRAGMENT_AH_DESTINATION: [u8; 5] = [0, 43, 44, 51, 60];
    let is_of_ip6 = matches!(source.load, Load::Payload { header: Header::IP6, .. });
    is_of_ip6 && HOP_BY_HOP_ROUTING_FRAGMENT_AH_DESTINATION.contains(&value)
}

pub(super) fn contradiction(field: &'static str, wants: &impl ToString, has: &impl ToString) -> BuildErrorKind {
    BuildErrorKind::Contradiction { field, wants: wants.to_string().into(), has: has.to_string().into() }
}

/// Takes nothing.
pub(crate) struct Nowhere;

impl Sink for Nowhere {
    fn put<E: Wire + Into<Expr>>(&mut self, _: E) {}

    fn put_expr(&mut self, _: &Expr) {}

    fn fail(&mut self, _: BuildErrorKind) {}

    fn next_set(&mut self) -> u32 {
        0
    }
}

/// What a sink does beyond taking expressions.
pub(super) trait SinkExt: Sink + Sized {
    /// Takes what loads something of the packet, or of the one that a tunnel carries.
    fn put_of<E: Wire + Into<Expr>>(&mut self, tunnel: Option<Tunnel>, expr: E) {
        match tunnel {
            None => self.put(expr),
            Some(tunnel) => self.put(tunnel.look(expr)),
        }
    }

    /// Takes what loads bytes of the packet, and compares them with a constant.
    #[inline]
    fn put_compared(&mut self, tunnel: Option<Tunnel>, base: Base, offset: u32, data: &Data) {
        self.put_of(tunnel, Payload::load(base, offset, data.len() as u32, REG));
        self.put_cmp(CmpOp::EQ, data);
    }

    /// Looks up what is in the registers from `reg` on.
    fn put_lookup(&mut self, context: &Context<'_>, set: &Container, reg: Reg, change: impl FnOnce(&mut Lookup)) {
        let (name, set_id) = self.container(context, set);
        let mut lookup = Lookup { set_id, ..Lookup::new(name, reg) };
        change(&mut lookup);
        self.put(lookup);
    }

    /// The name of a set or map, and if it is the rule's own, its number.
    fn container(&mut self, context: &Context<'_>, set: &Container) -> (Name, Option<u32>) {
        match set {
            Container::Named { set, .. } => {
                context.check_set(set, self);
                (set.name.clone(), None)
            }
            Container::Own(set) => (set.name().into(), Some(self.next_set())),
        }
    }
}

impl<S: Sink> SinkExt for S {}

/// Compares the first bits of an address as nft does: whole bytes alone, else under a mask.
fn prefix(context: &Context<'_>, source: &Source, address: &Data, len: u8, op: CmpOp, sink: &mut impl Sink) {
    let bytes = address.as_bytes();
    let whole = usize::from(len / 8);
    let whole_bytes = len % 8 == 0 && len > 0 && source.ops.is_empty();
    let is_in_packet = whole_bytes && source.bits.is_none();
    match &source.load {
        Load::Payload { base, .. } if is_in_packet => {
            sink.put_of(source.tunnel, Payload::load(*base, context.offset(source), whole as u32, REG));
        }
        _ => context.load(source, REG, sink),
    }
    if whole_bytes {
        return sink.put(Cmp::new(op, REG, Data::new(&bytes[..whole])));
    }
    let mut mask = [0; 16];
    let mask = &mut mask[..bytes.len().min(16)];
    mask.iter_mut().zip(prefix_mask(bytes.len(), len)).for_each(|(to, from)| *to = from);
    sink.put(Bitwise::mask_xor(REG, &*mask, &[0; 16][..mask.len()]));
    sink.put(Cmp::new(op, REG, prefix_bound(bytes, len, 0)));
}
