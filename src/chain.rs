//! Chains: where rules are, and where packets meet them.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;

use crate::error::{BuildErrorKind, DecodeError};
use crate::table::{Table, TableRef};
use crate::userdata::{self, Comment};
use crate::wire::newtype::{handle, open_number};
use crate::wire::path::{AttrName, Schema};
use crate::wire::reader::Notes;
use crate::wire::{Attr, AttrReader, AttrWriter, Family, Name};

pub(crate) const NFT_MSG_NEWCHAIN: u16 = 3;
pub(crate) const NFT_MSG_GETCHAIN: u16 = 4;
pub(crate) const NFT_MSG_DELCHAIN: u16 = 5;
pub(crate) const NFT_MSG_DESTROYCHAIN: u16 = 27;

const NFTA_CHAIN_TABLE: u16 = 1;
pub(crate) const NFTA_CHAIN_HANDLE: u16 = 2;
pub(crate) const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_CHAIN_USE: u16 = 6;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_CHAIN_COUNTERS: u16 = 8;
const NFTA_CHAIN_PAD: u16 = 9;
const NFTA_CHAIN_FLAGS: u16 = 10;
const NFTA_CHAIN_ID: u16 = 11;
const NFTA_CHAIN_USERDATA: u16 = 12;

const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NFTA_HOOK_DEV: u16 = 3;
const NFTA_HOOK_DEVS: u16 = 4;

/// What the kernel tells of a chain and takes from nobody, or for a change only.
const OUTPUT: &[u16] = &[NFTA_CHAIN_HANDLE, NFTA_CHAIN_USE, NFTA_CHAIN_PAD];

const HOOK_SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_HOOK_HOOKNUM, "num"),
    AttrName::value(NFTA_HOOK_PRIORITY, "priority"),
    AttrName::value(NFTA_HOOK_DEV, "dev"),
    AttrName::value(NFTA_HOOK_DEVS, "devs"),
]);
pub(crate) const SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_CHAIN_TABLE, "table"),
    AttrName::value(NFTA_CHAIN_HANDLE, "handle"),
    AttrName::value(NFTA_CHAIN_NAME, "name"),
    AttrName::nest(NFTA_CHAIN_HOOK, "hook", &HOOK_SCHEMA),
    AttrName::value(NFTA_CHAIN_POLICY, "policy"),
    AttrName::value(NFTA_CHAIN_USE, "use"),
    AttrName::value(NFTA_CHAIN_TYPE, "type"),
    AttrName::value(NFTA_CHAIN_COUNTERS, "counters"),
    AttrName::value(NFTA_CHAIN_FLAGS, "flags"),
    AttrName::value(NFTA_CHAIN_ID, "id"),
    AttrName::value(NFTA_CHAIN_USERDATA, "userdata"),
]);

handle! {
    /// The number of a chain, unique in its table.
    ChainHandle
}

open_number! {
    /// What becomes of packets that no rule of a base chain decides on.
    pub struct Policy(u32) {
        /// They are dropped.
        DROP = 0, "drop";
        /// They pass.
        ACCEPT = 1, "accept";
    }
}

/// A place in the network stack where packets meet chains.
///
/// The kernel's number for it depends on the family: [`number`](Self::number) tells.
///
/// ```
/// use nftlink::{Family, Hook};
/// assert_eq!(Hook::INPUT.number(Family::INET), Some(1));
/// assert_eq!(Hook::INPUT.number(Family::ARP), Some(0));
/// assert_eq!(Hook::FORWARD.number(Family::NETDEV), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hook(u32);

impl Hook {
    /// Packets that came in, before routing.
    pub const PREROUTING: Self = Self(0);
    /// Packets for this machine.
    pub const INPUT: Self = Self(1);
    /// Packets that this machine passes on.
    pub const FORWARD: Self = Self(2);
    /// Packets that this machine sends.
    pub const OUTPUT: Self = Self(3);
    /// Packets that go out, after routing.
    pub const POSTROUTING: Self = Self(4);
    /// Frames as a device receives them (family netdev; inet from Linux 5.10 on). A chain there
    /// needs a device, which cannot be named yet: a batch refuses it.
    pub const INGRESS: Self = Self(5);
    /// Frames as a device sends them (family netdev, Linux 5.16). A batch refuses it, too.
    pub const EGRESS: Self = Self(6);

    /// Marks a number that has no name in its family.
    const UNNAMED: u32 = 1 << 31;

    /// The hooks of a family, in the order of their numbers.
    fn of(family: Family) -> &'static [Self] {
        const INET: &[Hook] =
            &[Hook::PREROUTING, Hook::INPUT, Hook::FORWARD, Hook::OUTPUT, Hook::POSTROUTING, Hook::INGRESS];
        match family {
            Family::INET => INET,
            Family::IP | Family::IP6 | Family::BRIDGE => &INET[..5],
            Family::ARP => &[Self::INPUT, Self::OUTPUT],
            Family::NETDEV => &[Self::INGRESS, Self::EGRESS],
            _ => &[],
        }
    }

    /// Returns the hook that has a number in a family; a number without a name is kept.
    pub fn from_number(family: Family, number: u32) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|at| Self::of(family).get(at).copied())
            .unwrap_or(Self(number | Self::UNNAMED))
    }

    /// Returns the hook's number in a family, or `None` if the family does not have it.
    pub fn number(self, family: Family) -> Option<u32> {
        if self.0 & Self::UNNAMED != 0 {
            return Some(self.0 & !Self::UNNAMED);
        }
        Self::of(family).iter().position(|&hook| hook == self).map(|at| at as u32)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::PREROUTING => "prerouting",
            Self::INPUT => "input",
            Self::FORWARD => "forward",
            Self::OUTPUT => "output",
            Self::POSTROUTING => "postrouting",
            Self::INGRESS => "ingress",
            Self::EGRESS => "egress",
            Self(number) => return write!(f, "{}", number & !Self::UNNAMED),
        })
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hook({self})")
    }
}

/// The place of a chain among those at the same hook: lower ones see packets first.
///
/// The names are nft's; in the bridge family they stand for other numbers, as they do in nft.
///
/// ```
/// use nftlink::{Family, Priority};
/// assert_eq!((Priority::FILTER - 5).number(Family::INET), -5);
/// assert_eq!(Priority::FILTER.number(Family::BRIDGE), -200);
/// assert_eq!(Priority::from(42).number(Family::INET), 42);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Priority {
    base: PriorityBase,
    offset: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum PriorityBase {
    Zero,
    Raw,
    Mangle,
    Dstnat,
    Filter,
    Security,
    Out,
    Srcnat,
}

impl Priority {
    /// Before connection tracking: -300.
    pub const RAW: Self = Self::named(PriorityBase::Raw);
    /// -150.
    pub const MANGLE: Self = Self::named(PriorityBase::Mangle);
    /// Where destinations are translated: -100; bridge -300.
    pub const DSTNAT: Self = Self::named(PriorityBase::Dstnat);
    /// 0; bridge -200.
    pub const FILTER: Self = Self::named(PriorityBase::Filter);
    /// 50.
    pub const SECURITY: Self = Self::named(PriorityBase::Security);
    /// 100, of the bridge family.
    pub const OUT: Self = Self::named(PriorityBase::Out);
    /// Where sources are translated: 100; bridge 300.
    pub const SRCNAT: Self = Self::named(PriorityBase::Srcnat);

    const fn named(base: PriorityBase) -> Self {
        Self { base, offset: 0 }
    }

    /// Returns the kernel's number in a family.
    pub fn number(self, family: Family) -> i32 {
        let bridge = family == Family::BRIDGE;
        let base: i32 = match self.base {
            PriorityBase::Zero => 0,
            PriorityBase::Raw => -300,
            PriorityBase::Mangle => -150,
            PriorityBase::Dstnat => {
                if bridge {
                    -300
                } else {
                    -100
                }
            }
            PriorityBase::Filter => {
                if bridge {
                    -200
                } else {
                    0
                }
            }
            PriorityBase::Security => 50,
            PriorityBase::Out => 100,
            PriorityBase::Srcnat => {
                if bridge {
                    300
                } else {
                    100
                }
            }
        };
        base.saturating_add(self.offset)
    }
}

impl From<i32> for Priority {
    fn from(number: i32) -> Self {
        Self { base: PriorityBase::Zero, offset: number }
    }
}

impl Add<i32> for Priority {
    type Output = Self;

    fn add(self, offset: i32) -> Self {
        Self { offset: self.offset.saturating_add(offset), ..self }
    }
}

impl Sub<i32> for Priority {
    type Output = Self;

    fn sub(self, offset: i32) -> Self {
        Self { offset: self.offset.saturating_sub(offset), ..self }
    }
}

/// What the rules of a base chain are for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChainKind {
    /// Rules decide on packets.
    Filter,
    /// Rules translate the first packet of a connection.
    Nat,
    /// Rules change packets, which are then routed anew (hook output).
    Route,
    /// A kind that this library has no name for.
    Other(Name),
}

impl ChainKind {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Filter => b"filter",
            Self::Nat => b"nat",
            Self::Route => b"route",
            Self::Other(name) => name.as_bytes(),
        }
    }

    fn read(attr: Attr<'_>) -> Self {
        match attr.str_bytes() {
            b"filter" => Self::Filter,
            b"nat" => Self::Nat,
            b"route" => Self::Route,
            other => Self::Other(other.into()),
        }
    }
}

impl fmt::Display for ChainKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Name::from(self.as_bytes()))
    }
}

/// Names a chain: a table and a name in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChainRef {
    pub(crate) table: TableRef,
    pub(crate) name: Name,
}

impl ChainRef {
    /// Names the chain `name` of `table`.
    pub fn new(table: impl AsRef<TableRef>, name: impl Into<Name>) -> Self {
        Self { table: table.as_ref().clone(), name: name.into() }
    }

    /// Returns the table.
    pub fn table(&self) -> &TableRef {
        &self.table
    }

    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Writes table and name as attributes of a chain's message.
    pub(crate) fn write(&self, w: &mut AttrWriter) {
        self.table.write(w);
        w.check(self.name.check("chain"));
        w.name(NFTA_CHAIN_NAME, &self.name);
    }
}

impl AsRef<ChainRef> for ChainRef {
    fn as_ref(&self) -> &ChainRef {
        self
    }
}

impl fmt::Display for ChainRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.name)
    }
}

/// State of a [`Chain`] that only rules lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Regular;

/// State of a [`Chain`] that packets come to at a hook: a base chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hooked {
    kind: ChainKind,
    hook: Hook,
    priority: Priority,
    policy: Option<Policy>,
}

/// A chain as a program wants it.
///
/// It begins as one that only rules lead to; [`filter`](Self::filter), [`nat`](Self::nat) and
/// [`route`](Self::route) attach it to a hook, and only then it has a policy.
///
/// ```
/// use nftlink::{Hook, Policy, Priority, Table};
///
/// let fw = Table::inet("fw");
/// let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
/// let ssh = fw.chain("ssh").comment("rules jump here");
/// ```
///
/// ```compile_fail
/// # use nftlink::{Policy, Table};
/// Table::inet("fw").chain("ssh").policy(Policy::DROP);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Chain<S = Regular> {
    at: ChainRef,
    comment: Option<Comment>,
    state: S,
}

impl Table {
    /// Begins a chain in this table.
    pub fn chain(&self, name: impl Into<Name>) -> Chain {
        Chain { at: ChainRef::new(self, name), comment: None, state: Regular }
    }
}

impl Chain {
    /// Begins a chain in any table.
    pub fn new(table: impl AsRef<TableRef>, name: impl Into<Name>) -> Self {
        Self { at: ChainRef::new(table, name), comment: None, state: Regular }
    }

    /// Attaches the chain to `hook`, where chains of lower `priority` run first.
    pub fn filter(self, hook: Hook, priority: impl Into<Priority>) -> Chain<Hooked> {
        self.hooked(ChainKind::Filter, hook, priority.into())
    }

    /// Attaches the chain to `hook` to translate the first packet of each connection. The
    /// priority has to be above -200, where connections are tracked. The kernel tracks them only
    /// if some rule translates or asks for their state: a chain that merely counts sees nothing.
    pub fn nat(self, hook: Hook, priority: impl Into<Priority>) -> Chain<Hooked> {
        self.hooked(ChainKind::Nat, hook, priority.into())
    }

    /// Attaches the chain to `hook`, which has to be [`Hook::OUTPUT`], to route packets anew
    /// after they have been changed.
    pub fn route(self, hook: Hook, priority: impl Into<Priority>) -> Chain<Hooked> {
        self.hooked(ChainKind::Route, hook, priority.into())
    }

    fn hooked(self, kind: ChainKind, hook: Hook, priority: Priority) -> Chain<Hooked> {
        Chain { at: self.at, comment: self.comment, state: Hooked { kind, hook, priority, policy: None } }
    }
}

impl Chain<Hooked> {
    /// Sets what becomes of packets that no rule decides on. Without it a new chain lets them
    /// pass, and one that is there keeps its policy.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.state.policy = Some(policy);
        self
    }
}

impl<S> Chain<S> {
    /// Sets a comment of at most 127 bytes (Linux 5.10).
    pub fn comment(mut self, comment: impl Into<Arc<str>>) -> Self {
        self.comment = Some(Comment::new(comment));
        self
    }

    /// Returns the table and name.
    pub fn at(&self) -> &ChainRef {
        &self.at
    }
}

impl<S: State> Chain<S> {
    pub(crate) fn encode(&self, w: &mut AttrWriter) {
        self.at.write(w);
        self.state.encode(self.at.table.family, w);
        userdata::write_comment(w, NFTA_CHAIN_USERDATA, self.comment.as_ref());
    }
}

/// Whether a chain is attached to a hook: [`Regular`] or [`Hooked`].
pub trait State {
    #[doc(hidden)]
    fn encode(&self, family: Family, w: &mut AttrWriter);
}

impl State for Regular {
    fn encode(&self, _family: Family, _w: &mut AttrWriter) {}
}

impl State for Hooked {
    fn encode(&self, family: Family, w: &mut AttrWriter) {
        w.string(NFTA_CHAIN_TYPE, self.kind.as_bytes());
        if let Some(policy) = self.policy {
            w.u32(NFTA_CHAIN_POLICY, policy.get());
        }
        if matches!(self.hook, Hook::INGRESS | Hook::EGRESS) {
            w.fail(BuildErrorKind::NoDevice { hook: self.hook.to_string().into() });
        }
        let number = self.hook.number(family).unwrap_or_else(|| {
            let (hook, family) = (self.hook.to_string().into(), family.to_string().into());
            w.fail(BuildErrorKind::HookNotInFamily { hook, family });
            0
        });
        w.nest(NFTA_CHAIN_HOOK, |w| {
            w.u32(NFTA_HOOK_HOOKNUM, number);
            w.u32(NFTA_HOOK_PRIORITY, self.priority.number(family) as u32);
        });
    }
}

impl<S> AsRef<ChainRef> for Chain<S> {
    fn as_ref(&self) -> &ChainRef {
        &self.at
    }
}

impl<S> From<&Chain<S>> for ChainRef {
    fn from(chain: &Chain<S>) -> Self {
        chain.at.clone()
    }
}

bitflags::bitflags! {
    /// Flags of a chain (`enum nft_chain_flags`).
    #[doc(alias = "nft_chain_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct ChainFlags: u32 {
        /// It is attached to a hook.
        const BASE = 1;
        /// Its rules are given to the network card (Linux 5.3).
        const HW_OFFLOAD = 2;
        /// It belongs to the one rule that jumps to it (Linux 5.9).
        const BINDING = 4;
        /// What later kernels add.
        const _ = !0;
    }
}

/// A chain as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainInfo {
    at: ChainRef,
    handle: ChainHandle,
    kind: Option<ChainKind>,
    hook: Option<(u32, i32)>,
    policy: Option<Policy>,
    flags: ChainFlags,
    uses: u32,
    comment: Option<Box<str>>,
    raw: Box<[u8]>,
}

impl ChainInfo {
    pub(crate) fn decode(family: Family, raw: &[u8]) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let mut table = Name::from("");
        let mut name = Name::from("");
        let mut info = Self {
            at: ChainRef::new(TableRef::new(family, ""), ""),
            handle: ChainHandle::from_raw(0),
            kind: None,
            hook: None,
            policy: None,
            flags: ChainFlags::empty(),
            uses: 0,
            comment: None,
            raw: raw.into(),
        };
        for attr in AttrReader::new(raw, &notes) {
            match attr? {
                (NFTA_CHAIN_TABLE, v) => table = v.name(),
                (NFTA_CHAIN_HANDLE, v) => info.handle = ChainHandle::from_raw(v.u64()?),
                (NFTA_CHAIN_NAME, v) => name = v.name(),
                (NFTA_CHAIN_HOOK, v) => info.hook = read_hook(v)?,
                (NFTA_CHAIN_POLICY, v) => info.policy = Some(Policy::from_raw(v.u32()?)),
                (NFTA_CHAIN_USE, v) => info.uses = v.u32()?,
                (NFTA_CHAIN_TYPE, v) => info.kind = Some(ChainKind::read(v)),
                (NFTA_CHAIN_FLAGS, v) => info.flags = ChainFlags::from_bits_retain(v.u32()?),
                (NFTA_CHAIN_USERDATA, v) => info.comment = userdata::comment(v.bytes()).map(Into::into),
                _ => {}
            }
        }
        info.at = ChainRef { table: TableRef { family, name: table }, name };
        Ok(info)
    }

    /// Writes what it takes to make the chain again, attributes unknown here included.
    pub(crate) fn encode(&self, w: &mut AttrWriter) {
        w.copy(&self.raw, |number| !OUTPUT.contains(&number));
    }

    /// Returns the table and name.
    pub fn at(&self) -> &ChainRef {
        &self.at
    }

    /// Returns the table.
    pub fn table(&self) -> &TableRef {
        &self.at.table
    }

    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.at.name
    }

    /// Returns the number.
    pub fn handle(&self) -> ChainHandle {
        self.handle
    }

    /// Returns what its rules are for, of a base chain.
    pub fn kind(&self) -> Option<&ChainKind> {
        self.kind.as_ref()
    }

    /// Returns the hook, of a base chain.
    pub fn hook(&self) -> Option<Hook> {
        self.hook.map(|(number, _)| Hook::from_number(self.at.table.family, number))
    }

    /// Returns the priority, of a base chain.
    pub fn priority(&self) -> Option<i32> {
        self.hook.map(|(_, priority)| priority)
    }

    /// Returns the policy, of a base chain.
    pub fn policy(&self) -> Option<Policy> {
        self.policy
    }

    /// Returns the flags.
    pub fn flags(&self) -> ChainFlags {
        self.flags
    }

    /// Returns how many rules it has and how many verdicts lead to it.
    pub fn uses(&self) -> u32 {
        self.uses
    }

    /// Returns the comment, if there is one that is text.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Returns the attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

fn read_hook(attr: Attr<'_>) -> Result<Option<(u32, i32)>, DecodeError> {
    let (mut number, mut priority) = (None, None);
    for attr in attr.nested()? {
        match attr? {
            (NFTA_HOOK_HOOKNUM, v) => number = Some(v.u32()?),
            (NFTA_HOOK_PRIORITY, v) => priority = Some(v.u32()? as i32),
            _ => {}
        }
    }
    Ok(number.zip(priority))
}

impl AsRef<ChainRef> for ChainInfo {
    fn as_ref(&self) -> &ChainRef {
        &self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_have_the_numbers_of_their_family() {
        for (family, count) in [
            (Family::INET, 6),
            (Family::IP, 5),
            (Family::IP6, 5),
            (Family::BRIDGE, 5),
            (Family::ARP, 2),
            (Family::NETDEV, 2),
        ] {
            for number in 0..8 {
                let hook = Hook::from_number(family, number);
                assert_eq!(hook.number(family), Some(number), "{family} {number}");
                assert_eq!(hook.to_string().parse::<u32>().is_err(), number < count, "{family} {number}");
            }
        }
    }

    #[test]
    fn a_hook_that_the_family_lacks_is_a_mistake() {
        let mut w = AttrWriter::new();
        Table::netdev("t").chain("c").filter(Hook::FORWARD, Priority::FILTER).encode(&mut w);
        let error = w.take_error().unwrap();
        assert_eq!(error.to_string(), "family netdev has no hook forward");
    }

    #[test]
    fn a_chain_that_would_see_nothing_is_a_mistake() {
        for chain in [Table::netdev("t").chain("c"), Table::inet("t").chain("c")] {
            let mut w = AttrWriter::new();
            chain.filter(Hook::INGRESS, Priority::FILTER).encode(&mut w);
            assert!(matches!(w.take_error(), Some(BuildErrorKind::NoDevice { .. })));
        }
    }

    #[test]
    fn priorities_do_not_overflow() {
        assert_eq!((Priority::from(i32::MAX) + 1).number(Family::IP), i32::MAX);
        assert_eq!((Priority::RAW - i32::MAX).number(Family::IP), i32::MIN);
    }
}
