//! What the kernel tells of a traced packet at one rule, or at the end of a chain.

use std::fmt;

use super::headers::{Headers, Pieces};
use crate::chain::{ChainRef, Policy};
use crate::datum::{CtState, CtStatus, IfIndex, IfType, Mark};
use crate::error::DecodeError;
use crate::expr::{CtDirection, Verdict, VerdictCode};
use crate::rule::RuleHandle;
use crate::table::TableRef;
use crate::wire::newtype::open_number;
use crate::wire::reader::Notes;
use crate::wire::{Attr, AttrReader, Family, Name};

pub(crate) const NFTA_TRACE_TABLE: u16 = 1;
pub(crate) const NFTA_TRACE_CHAIN: u16 = 2;
pub(crate) const NFTA_TRACE_RULE_HANDLE: u16 = 3;
pub(crate) const NFTA_TRACE_TYPE: u16 = 4;
pub(crate) const NFTA_TRACE_VERDICT: u16 = 5;
pub(crate) const NFTA_TRACE_ID: u16 = 6;
pub(crate) const NFTA_TRACE_LL_HEADER: u16 = 7;
pub(crate) const NFTA_TRACE_NETWORK_HEADER: u16 = 8;
pub(crate) const NFTA_TRACE_TRANSPORT_HEADER: u16 = 9;
pub(crate) const NFTA_TRACE_IIF: u16 = 10;
pub(crate) const NFTA_TRACE_IIFTYPE: u16 = 11;
pub(crate) const NFTA_TRACE_OIF: u16 = 12;
pub(crate) const NFTA_TRACE_OIFTYPE: u16 = 13;
pub(crate) const NFTA_TRACE_MARK: u16 = 14;
pub(crate) const NFTA_TRACE_NFPROTO: u16 = 15;
pub(crate) const NFTA_TRACE_POLICY: u16 = 16;
pub(crate) const NFTA_TRACE_PAD: u16 = 17;
pub(crate) const NFTA_TRACE_CT_ID: u16 = 18;
pub(crate) const NFTA_TRACE_CT_DIRECTION: u16 = 19;
pub(crate) const NFTA_TRACE_CT_STATUS: u16 = 20;
pub(crate) const NFTA_TRACE_CT_STATE: u16 = 21;

open_number! {
    /// What an event of a trace is about (`enum nft_trace_types`).
    #[doc(alias = "nft_trace_types")]
    pub struct TraceKind(u32) {
        /// No rule of a base chain decided: its policy did.
        POLICY = 1, "policy";
        /// A rule says `return`, or, if there is no handle, all rules of the chain were passed. Older kernels, as Linux
        /// 6.1, tell it; newer ones, as 6.18, tell of a [rule](Self::RULE) instead.
        RETURN = 2, "return";
        /// All expressions of a rule matched; or, if there is no handle, all rules of the chain were passed.
        RULE = 3, "rule";
    }
}

/// The number by which the events of a packet are told from those of others.
///
/// It is a hash that the kernel makes of the packet's place in memory, its flow and the interface it came in by:
/// another packet may have the same number later, and the same packet has another one after it went through a cable to
/// another namespace, or over `lo`. It displays as nft shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PacketId(u32);

impl PacketId {
    /// Wraps a number that a program stored earlier.
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// An interface that a packet came in by, or goes out by.
///
/// It is known by its index in the namespace that is traced: its name there only a program in that
/// namespace can find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Interface {
    /// Its index.
    pub index: IfIndex,
    /// What kind of hardware it is.
    pub kind: Option<IfType>,
}

/// What happened to a traced packet at one rule, or at the end of a chain.
///
/// The kernel tells a packet's headers and interfaces in the first event of each base chain, its mark only with the
/// last one there. It displays as `nft monitor trace` prints it, with the rule's handle for its text and an interface's
/// index for its name.
///
/// ```no_run
/// use nftlink::Conn;
/// use nftlink::trace::Traced;
///
/// let mut tracer = Conn::options().tracer()?;
/// loop {
///     match tracer.receive()? {
///         Traced::Seen(event) => println!("{} {}: {:?}", event.id(), event.chain(), event.verdict()),
///         _ => println!("some events were lost"),
///     }
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), nftlink::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEvent {
    raw: Box<[u8]>,
    has_unknown: bool,
    kind: TraceKind,
    id: PacketId,
    chain: ChainRef,
    rule: Option<RuleHandle>,
    verdict: Option<Verdict>,
    policy: Option<Policy>,
    nfproto: Option<Family>,
    input: Option<Interface>,
    output: Option<Interface>,
    mark: Option<Mark>,
    link: Option<Box<[u8]>>,
    network: Option<Box<[u8]>>,
    transport: Option<Box<[u8]>>,
    ct_id: Option<u32>,
    ct_direction: Option<CtDirection>,
    ct_status: Option<CtStatus>,
    ct_state: Option<CtState>,
}

impl TraceEvent {
    pub(crate) fn decode(family: Family, raw: &[u8]) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let (mut table, mut chain) = (Name::from(""), Name::from(""));
        let (mut kind, mut id) = (TraceKind::from_raw(0), None);
        let (mut input, mut output) = ([None; 2], [None; 2]);
        let mut event = Self {
            raw: raw.into(),
            has_unknown: false,
            kind,
            id: PacketId(0),
            chain: ChainRef::new(TableRef::new(family, ""), ""),
            rule: None,
            verdict: None,
            policy: None,
            nfproto: None,
            input: None,
            output: None,
            mark: None,
            link: None,
            network: None,
            transport: None,
            ct_id: None,
            ct_direction: None,
            ct_status: None,
            ct_state: None,
        };
        let bytes = |v: Attr<'_>| Some(v.bytes().into());
        let attrs = AttrReader::new(raw, &notes);
        for attr in attrs.clone() {
            match attr? {
                (NFTA_TRACE_TABLE, v) => table = v.name(),
                (NFTA_TRACE_CHAIN, v) => chain = v.name(),
                (NFTA_TRACE_RULE_HANDLE, v) => event.rule = Some(RuleHandle::from_raw(v.u64()?)),
                (NFTA_TRACE_TYPE, v) => kind = TraceKind::from_raw(v.u32()?),
                (NFTA_TRACE_VERDICT, v) => event.verdict = Some(Verdict::read(v.nested()?)?),
                (NFTA_TRACE_ID, v) => id = Some(PacketId(v.u32()?)),
                (NFTA_TRACE_LL_HEADER, v) => event.link = bytes(v),
                (NFTA_TRACE_NETWORK_HEADER, v) => event.network = bytes(v),
                (NFTA_TRACE_TRANSPORT_HEADER, v) => event.transport = bytes(v),
                (NFTA_TRACE_IIF, v) => input[0] = Some(v.u32()?),
                (NFTA_TRACE_IIFTYPE, v) => input[1] = Some(v.u16()?.into()),
                (NFTA_TRACE_OIF, v) => output[0] = Some(v.u32()?),
                (NFTA_TRACE_OIFTYPE, v) => output[1] = Some(v.u16()?.into()),
                (NFTA_TRACE_MARK, v) => event.mark = Some(Mark::new(v.u32()?)),
                (NFTA_TRACE_NFPROTO, v) => match u8::try_from(v.u32()?) {
                    Ok(number) => event.nfproto = Some(Family::from_raw(number)),
                    Err(_) => attrs.note_unknown(NFTA_TRACE_NFPROTO),
                },
                (NFTA_TRACE_POLICY, v) => event.policy = Some(Policy::from_raw(v.u32()?)),
                (NFTA_TRACE_PAD, _) => {}
                (NFTA_TRACE_CT_ID, v) => event.ct_id = Some(v.u32()?),
                (NFTA_TRACE_CT_DIRECTION, v) => event.ct_direction = Some(CtDirection::from_raw(v.u8()?)),
                (NFTA_TRACE_CT_STATUS, v) => event.ct_status = Some(CtStatus::from(v.u32()?)),
                (NFTA_TRACE_CT_STATE, v) => event.ct_state = Some(CtState::from(v.u32()?)),
                (other, _) => attrs.note_unknown(other),
            }
        }
        event.kind = kind;
        event.id = id.ok_or(DecodeError::new("trace", "no packet id in it"))?;
        event.chain = ChainRef::new(TableRef::new(family, table), chain);
        event.input = interface(input);
        event.output = interface(output);
        event.has_unknown = notes.has_unknown();
        Ok(event)
    }

    /// Returns what the event is about.
    pub fn kind(&self) -> TraceKind {
        self.kind
    }

    /// Returns which packet it is.
    pub fn id(&self) -> PacketId {
        self.id
    }

    /// Returns the table.
    pub fn table(&self) -> &TableRef {
        self.chain.table()
    }

    /// Returns the chain; one that a rule has to itself has a name that the kernel made.
    pub fn chain(&self) -> &ChainRef {
        &self.chain
    }

    /// Returns the rule's number: none of a policy, and none where a chain ended.
    pub fn rule(&self) -> Option<RuleHandle> {
        self.rule
    }

    /// Returns what the rule says is to become of the packet. A policy has [its own](Self::policy).
    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// Returns the base chain's policy, if that decided.
    pub fn policy(&self) -> Option<Policy> {
        self.policy
    }

    /// Returns the protocol of the network layer: in a table of family inet it tells IPv4 from IPv6.
    pub fn nfproto(&self) -> Option<Family> {
        self.nfproto
    }

    /// Returns the interface that the packet came in by, in the first event of a base chain.
    pub fn input(&self) -> Option<Interface> {
        self.input
    }

    /// Returns the interface that the packet goes out by, in the first event of a base chain.
    pub fn output(&self) -> Option<Interface> {
        self.output
    }

    /// Returns the packet's mark where its way through a base chain ends; none if it is 0.
    pub fn mark(&self) -> Option<Mark> {
        self.mark
    }

    /// Returns the beginning of the link layer's header, at most 20 bytes, in the first event of a base chain.
    pub fn link_header(&self) -> Option<&[u8]> {
        self.link.as_deref()
    }

    /// Returns the beginning of the network layer's header, at most 40 bytes, in the first event of a base chain.
    pub fn network_header(&self) -> Option<&[u8]> {
        self.network.as_deref()
    }

    /// Returns the beginning of what is behind the network layer's header, at most 20 bytes, in the first event of a
    /// base chain.
    pub fn transport_header(&self) -> Option<&[u8]> {
        self.transport.as_deref()
    }

    /// Returns what is in the packet's headers, in the first event of a base chain.
    pub fn headers(&self) -> Option<Headers> {
        let (family, nfproto) = (self.table().family(), self.nfproto);
        let device = self.input.or(self.output).and_then(|interface| interface.kind);
        self.has_headers().then(|| {
            Headers::decode(Pieces {
                family: nfproto.filter(|_| family == Family::INET).unwrap_or(family),
                device,
                link: self.link.as_deref().unwrap_or_default(),
                network: self.network.as_deref().unwrap_or_default(),
                transport: self.transport.as_deref().unwrap_or_default(),
            })
        })
    }

    /// Whether the event is the first one of a base chain.
    pub fn has_headers(&self) -> bool {
        self.network.is_some() || self.link.is_some()
    }

    /// Returns the number of the packet's connection (Linux 6.16).
    pub fn ct_id(&self) -> Option<u32> {
        self.ct_id
    }

    /// Returns whether the packet goes the way of the connection's first one (Linux 6.16).
    pub fn ct_direction(&self) -> Option<CtDirection> {
        self.ct_direction
    }

    /// Returns the status of the packet's connection (Linux 6.16).
    pub fn ct_status(&self) -> Option<CtStatus> {
        self.ct_status
    }

    /// Returns the state of the packet's connection (Linux 6.16).
    pub fn ct_state(&self) -> Option<CtState> {
        self.ct_state
    }

    /// Whether this ends the packet's way: it is dropped, or something else has it now. That it is accepted does not:
    /// other base chains may see it.
    pub fn is_final(&self) -> bool {
        let ends = |verdict: &Verdict| matches!(action(verdict.code), VerdictCode::DROP | VerdictCode::STOLEN);
        self.is_drop() || self.verdict.as_ref().is_some_and(ends)
    }

    /// Whether the packet is dropped here, by a rule or by a policy.
    pub fn is_drop(&self) -> bool {
        let drops = |verdict: &Verdict| action(verdict.code) == VerdictCode::DROP;
        self.policy == Some(Policy::DROP) || self.verdict.as_ref().is_some_and(drops)
    }

    /// Whether it has attributes that this library does not know.
    pub fn has_unknown(&self) -> bool {
        self.has_unknown
    }

    /// Returns the attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

fn interface([index, kind]: [Option<u32>; 2]) -> Option<Interface> {
    // The kind was read from 16 bits.
    let kind = kind.map(|kind| IfType::from_raw(kind as u16));
    index.map(|index| Interface { index: IfIndex::new(index), kind })
}

/// A verdict without what the kernel keeps in its upper bits: the number of a queue, or an errno.
fn action(code: VerdictCode) -> VerdictCode {
    if code.get() < 0 { code } else { VerdictCode::from_raw(code.get() & 0xff) }
}

impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trace id {} {} ", self.id, self.chain)?;
        if let Some(headers) = self.headers() {
            f.write_str("packet:")?;
            for (what, interface) in [("iif", self.input), ("oif", self.output)] {
                if let Some(interface) = interface {
                    write!(f, " {what} {}", interface.index)?;
                }
            }
            write!(f, " {headers} ")?;
        }
        match (self.kind, self.rule, self.policy) {
            (_, _, Some(policy)) => write!(f, "policy {policy}")?,
            (_, Some(handle), _) => write!(f, "rule handle {handle}")?,
            (TraceKind::RULE | TraceKind::RETURN, None, _) => f.write_str("end of chain")?,
            (kind, ..) => write!(f, "{kind}")?,
        }
        if let Some(verdict) = &self.verdict {
            write!(f, " (verdict {}", action(verdict.code))?;
            if let Some(chain) = &verdict.chain {
                write!(f, " {chain}")?;
            }
            f.write_str(")")?;
        }
        match self.mark {
            Some(mark) => write!(f, " meta mark {mark}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
