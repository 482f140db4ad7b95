//! From matches to the kernel's expressions, with the tests that nft inserts by itself.

use super::{Load, Match, Needs, Source, Test};
use crate::chain::ChainRef;
use crate::datum::{L4Proto, prefix_bound, prefix_mask};
use crate::error::BuildErrorKind;
use crate::expr::{
    Bitwise, Byteorder, ByteorderOp, Cmp, CmpOp, Data, Expr, Lookup, LookupFlags, Meta, MetaKey, Payload, Range,
    RangeOp, Reg, Wire,
};
use crate::wire::Family;

/// Takes the expressions of a rule, one after another.
pub(crate) trait Sink {
    fn put<E: Wire + Into<Expr>>(&mut self, expr: E);
    fn fail(&mut self, mistake: BuildErrorKind);
}

/// What the expressions so far say about the packets that reach the next.
pub(crate) struct Context<'a> {
    pub(crate) chain: &'a ChainRef,
    network: Option<Family>,
    transport: Option<L4Proto>,
    /// The rule has tests whose meaning is not tracked.
    opaque: bool,
}

/// The registers of a rule: matches use the first.
const REG: Reg = Reg::R1;

impl<'a> Context<'a> {
    pub(crate) fn new(chain: &'a ChainRef) -> Self {
        let network = Some(chain.table.family).filter(|&family| matches!(family, Family::IP | Family::IP6));
        Self { chain, network, transport: None, opaque: false }
    }

    fn family(&self) -> Family {
        self.chain.table.family
    }

    /// Whether the packet may have ports at this place.
    pub(crate) fn may_have_ports(&self) -> bool {
        const WITH_PORTS: [L4Proto; 5] = [L4Proto::TCP, L4Proto::UDP, L4Proto::UDPLITE, L4Proto::SCTP, L4Proto::DCCP];
        self.opaque || self.transport.is_some_and(|protocol| WITH_PORTS.contains(&protocol))
    }

    /// Notes that the rule has an expression of its author's.
    pub(crate) fn note_opaque(&mut self) {
        self.opaque = true;
    }

    pub(crate) fn lower(&mut self, matching: &Match, sink: &mut impl Sink) {
        let Match { source, test } = matching;
        self.require(source, sink);
        match test {
            Test::Cmp { op, data } => {
                self.note(source, *op, data, sink);
                source.load(sink);
                sink.put(Cmp::new(*op, REG, data.clone()));
            }
            Test::Range { from, to, not, swap } => {
                source.load(sink);
                if *swap {
                    sink.put(hton(from));
                }
                match (not, from == to) {
                    (false, true) => sink.put(Cmp::new(CmpOp::EQ, REG, from.clone())),
                    (true, true) => sink.put(Cmp::new(CmpOp::NEQ, REG, from.clone())),
                    (false, false) => {
                        sink.put(Cmp::new(CmpOp::GTE, REG, from.clone()));
                        sink.put(Cmp::new(CmpOp::LTE, REG, to.clone()));
                    }
                    (true, false) => sink.put(Range::new(RangeOp::NEQ, REG, from.clone(), to.clone())),
                }
            }
            Test::Prefix { address, len, not } => {
                prefix(source, address, *len, if *not { CmpOp::NEQ } else { CmpOp::EQ }, sink);
            }
            Test::Set { set, not, swap } => {
                if let Err(mistake) = self.chain.table.check_same("set", &set.name, &set.table) {
                    sink.fail(mistake);
                }
                if source.load == Load::Meta(MetaKey::L4PROTO) {
                    self.opaque = true;
                }
                source.load(sink);
                if *swap {
                    sink.put(Byteorder::new(ByteorderOp::HTON, REG, 4));
                }
                let flags = if *not { LookupFlags::INV } else { LookupFlags::empty() };
                sink.put(Lookup { flags, ..Lookup::new(&set.name, REG) });
            }
            Test::Mistake(mistake) => sink.fail((**mistake).clone()),
        }
    }

    /// Makes sure that the packet has the header that the field is in.
    fn require(&mut self, source: &Source, sink: &mut impl Sink) {
        match source.needs {
            Needs::Nothing => {}
            Needs::Network(network) => self.require_network(network, source.name, sink),
            Needs::Transport(transport) => {
                if self.family() == Family::ARP {
                    return sink.fail(self.not_in_family(source.name));
                }
                match self.transport {
                    Some(has) if has == transport => {}
                    Some(has) => sink.fail(contradiction(source.name, &transport, &has)),
                    None => {
                        self.transport = Some(transport);
                        sink.put(Meta::load(MetaKey::L4PROTO, REG));
                        sink.put(Cmp::new(CmpOp::EQ, REG, [transport.get()]));
                    }
                }
            }
        }
    }

    /// Makes sure that the packet is of a network protocol.
    fn require_network(&mut self, network: Family, name: &'static str, sink: &mut impl Sink) {
        match (self.network, self.family()) {
            (Some(has), _) if has == network => return,
            (Some(_), Family::IP | Family::IP6) => return sink.fail(self.not_in_family(name)),
            (Some(has), _) => return sink.fail(contradiction(name, &network, &has)),
            (None, Family::INET) => {
                sink.put(Meta::load(MetaKey::NFPROTO, REG));
                sink.put(Cmp::new(CmpOp::EQ, REG, [network.get()]));
            }
            (None, Family::NETDEV | Family::BRIDGE) => {
                let protocol = if network == Family::IP { [0x08, 0x00] } else { [0x86, 0xdd] };
                sink.put(Meta::load(MetaKey::PROTOCOL, REG));
                sink.put(Cmp::new(CmpOp::EQ, REG, protocol));
            }
            _ => return sink.fail(self.not_in_family(name)),
        }
        self.network = Some(network);
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
        let &[value] = data.as_bytes() else { return };
        match source.load {
            Load::Meta(MetaKey::L4PROTO) if op == CmpOp::EQ => {
                let wants = L4Proto::from_raw(value);
                match self.transport.replace(wants) {
                    Some(has) if has != wants => sink.fail(contradiction(source.name, &wants, &has)),
                    _ => {}
                }
            }
            Load::Meta(MetaKey::NFPROTO) if op == CmpOp::EQ => {
                let wants = Family::from_raw(value);
                match self.network.replace(wants) {
                    Some(has) if has != wants => sink.fail(contradiction(source.name, &wants, &has)),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    pub(crate) fn not_in_family(&self, field: &'static str) -> BuildErrorKind {
        BuildErrorKind::NotInFamily { field, family: self.family().to_string().into() }
    }
}

fn contradiction(field: &'static str, wants: &impl ToString, has: &impl ToString) -> BuildErrorKind {
    BuildErrorKind::Contradiction { field, wants: wants.to_string().into(), has: has.to_string().into() }
}

impl Source {
    fn load(&self, sink: &mut impl Sink) {
        match self.load {
            Load::Payload { base, offset, len } => sink.put(Payload::load(base, offset.into(), len.into(), REG)),
            Load::Meta(key) => sink.put(Meta::load(key, REG)),
        }
    }
}

/// Compares the first bits of an address as nft does: whole bytes alone, else under a mask.
fn prefix(source: &Source, address: &Data, len: u8, op: CmpOp, sink: &mut impl Sink) {
    let bytes = address.as_bytes();
    let whole = usize::from(len / 8);
    if let (Load::Payload { base, offset, .. }, true) = (source.load, len % 8 == 0 && len > 0) {
        sink.put(Payload::load(base, offset.into(), whole as u32, REG));
        return sink.put(Cmp::new(op, REG, Data::new(&bytes[..whole])));
    }
    source.load(sink);
    let mut mask = [0; 16];
    let mask = &mut mask[..bytes.len().min(16)];
    mask.iter_mut().zip(prefix_mask(bytes.len(), len)).for_each(|(to, from)| *to = from);
    sink.put(Bitwise::mask_xor(REG, &*mask, &[0; 16][..mask.len()]));
    sink.put(Cmp::new(op, REG, Data::new(&prefix_bound(bytes, len, 0))));
}

fn hton(value: &Data) -> Byteorder {
    Byteorder::new(ByteorderOp::HTON, REG, value.len() as u32)
}
