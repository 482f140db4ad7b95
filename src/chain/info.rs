//! A chain as the kernel has it.

use super::*;
use crate::error::DecodeError;
use crate::userdata;
use crate::wire::AttrReader;
use crate::wire::reader::Notes;

/// What the kernel tells of a chain and takes from nobody, or for a change only.
const OUTPUT: &[u16] = &[NFTA_CHAIN_HANDLE, NFTA_CHAIN_USE, NFTA_CHAIN_PAD];

/// A chain as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainInfo {
    at: ChainRef,
    handle: ChainHandle,
    kind: Option<ChainKind>,
    hook: Option<(u32, i32)>,
    devices: Vec<Device>,
    counters: Option<Counter>,
    policy: Option<Policy>,
    flags: ChainFlags,
    uses: u32,
    userdata: Box<[u8]>,
    unknown: bool,
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
            devices: Vec::new(),
            counters: None,
            policy: None,
            flags: ChainFlags::empty(),
            uses: 0,
            userdata: Box::default(),
            unknown: false,
            raw: raw.into(),
        };
        let attrs = AttrReader::new(raw, &notes);
        for attr in attrs.clone() {
            match attr? {
                (NFTA_CHAIN_TABLE, v) => table = v.name(),
                (NFTA_CHAIN_HANDLE, v) => info.handle = ChainHandle::from_raw(v.u64()?),
                (NFTA_CHAIN_NAME, v) => name = v.name(),
                (NFTA_CHAIN_HOOK, v) => (info.hook, info.devices) = read_hook(v)?,
                (NFTA_CHAIN_COUNTERS, v) => info.counters = Some(Counter::decode(&mut v.nested()?)?),
                (NFTA_CHAIN_POLICY, v) => info.policy = Some(Policy::from_raw(v.u32()?)),
                (NFTA_CHAIN_USE, v) => info.uses = v.u32()?,
                (NFTA_CHAIN_TYPE, v) => info.kind = Some(ChainKind::read(v)),
                (NFTA_CHAIN_FLAGS, v) => info.flags = ChainFlags::from_bits_retain(v.u32()?),
                (NFTA_CHAIN_USERDATA, v) => info.userdata = v.bytes().into(),
                (NFTA_CHAIN_PAD | NFTA_CHAIN_ID, _) => {}
                (other, _) => attrs.note_unknown(other),
            }
        }
        info.unknown = notes.has_unknown();
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

    /// Returns the priority as a number, of a base chain.
    pub fn priority(&self) -> Option<i32> {
        self.hook.map(|(_, priority)| priority)
    }

    /// Returns the priority by nft's name, of a base chain: it displays as `filter` or `dstnat + 5`.
    pub fn named_priority(&self) -> Option<Priority> {
        Some(Priority::from_number(self.at.table.family, self.hook()?, self.priority()?))
    }

    /// Returns the devices whose frames it sees, if it is at a hook that belongs to devices; none
    /// are left when they have been deleted.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Returns how many packets no rule has decided on, if the base chain
    /// [counts](Chain::counters) them.
    pub fn counters(&self) -> Option<Counter> {
        self.counters
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
        userdata::comment(&self.userdata)
    }

    /// Returns the userdata: the comment and what else its author kept there.
    pub fn userdata(&self) -> &[u8] {
        &self.userdata
    }

    /// Returns the chain to be made again, perhaps changed, unless it is a base chain.
    pub fn to_regular(&self) -> Option<Chain> {
        let chain = Chain::<Option<Hooked>>::from(self);
        chain.state.is_none().then(|| chain.in_state(|_| Regular))
    }

    /// Returns the chain to be made again, perhaps changed, if it is a base chain.
    pub fn to_base(&self) -> Option<Chain<Hooked>> {
        let mut chain = Chain::<Option<Hooked>>::from(self);
        chain.state.take().map(|state| chain.in_state(|_| state))
    }

    /// Its place, of a base chain.
    pub(super) fn hooked(&self) -> Option<Hooked> {
        Some(Hooked {
            kind: self.kind.clone().unwrap_or(ChainKind::Filter),
            hook: self.hook()?,
            priority: self.priority()?.into(),
            policy: self.policy,
            devices: self.devices.clone(),
            counters: self.counters,
            was_read: true,
        })
    }

    /// Whether it has attributes that this library does not know. Written back as it is it keeps them.
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// Returns the attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

type Place = Option<(u32, i32)>;

fn read_hook(attr: Attr<'_>) -> Result<(Place, Vec<Device>), DecodeError> {
    let (mut number, mut priority) = (None, None);
    let attrs = attr.nested()?;
    for attr in attrs.clone() {
        match attr? {
            (NFTA_HOOK_HOOKNUM, v) => number = Some(v.u32()?),
            (NFTA_HOOK_PRIORITY, v) => priority = Some(v.u32()? as i32),
            (NFTA_HOOK_DEV | NFTA_HOOK_DEVS, _) => {}
            (other, _) => attrs.note_unknown(other),
        }
    }
    Ok((number.zip(priority), device::read(attr)?))
}

impl AsRef<ChainRef> for ChainInfo {
    fn as_ref(&self) -> &ChainRef {
        &self.at
    }
}
