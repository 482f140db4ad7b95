//! [`Event`]: one change to the ruleset, as the kernel tells it.

use std::fmt;

use crate::chain::{
    ChainHandle, ChainInfo, ChainRef, NFT_MSG_DELCHAIN, NFT_MSG_DESTROYCHAIN, NFT_MSG_NEWCHAIN, NFTA_CHAIN_USE,
};
use crate::error::DecodeError;
use crate::flowtable::{
    FlowtableHandle, FlowtableInfo, FlowtableRef, NFT_MSG_DELFLOWTABLE, NFT_MSG_DESTROYFLOWTABLE, NFT_MSG_NEWFLOWTABLE,
    NFTA_FLOWTABLE_HOOK,
};
use crate::object::{
    NFT_MSG_DELOBJ, NFT_MSG_DESTROYOBJ, NFT_MSG_NEWOBJ, NFTA_OBJ_DATA, ObjectHandle, ObjectInfo, ObjectRef,
};
use crate::rule::{NFT_MSG_DELRULE, NFT_MSG_DESTROYRULE, NFT_MSG_NEWRULE, RuleInfo};
use crate::set::{
    ElementInfo, NFT_MSG_DELSET, NFT_MSG_DELSETELEM, NFT_MSG_DESTROYSET, NFT_MSG_DESTROYSETELEM, NFT_MSG_NEWSET,
    NFT_MSG_NEWSETELEM, NFTA_SET_KEY_LEN, SetHandle, SetInfo, SetRef, read_element_list, read_set_ref,
};
use crate::table::{
    NFT_MSG_DELTABLE, NFT_MSG_DESTROYTABLE, NFT_MSG_NEWTABLE, NFTA_TABLE_FLAGS, TableHandle, TableInfo, TableRef,
};
use crate::wire::message::{NLM_F_APPEND, NLM_F_CREATE};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, Family, Name};

bitflags::bitflags! {
    /// What events can be about, for an [`EventFilter`](super::EventFilter).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct EventKinds: u32 {
        /// Tables.
        const TABLE = 1;
        /// Chains.
        const CHAIN = 2;
        /// Rules.
        const RULE = 4;
        /// Sets and maps, without their elements.
        const SET = 8;
        /// Elements of sets and maps.
        const ELEMENT = 0x10;
        /// Stateful objects.
        const OBJECT = 0x20;
        /// Flowtables.
        const FLOWTABLE = 0x40;
        /// What later kernels add.
        const UNKNOWN = 0x8000_0000;
    }
}

/// One change to the ruleset.
///
/// What is new was made or changed: the kernel tells how it is now, not what it was before. What is
/// deleted with its container is told by an event of its own before the container's, but for the
/// elements of a set that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A table was made, or changed its flags.
    NewTable(TableInfo),
    /// A table was deleted.
    DeletedTable(Deleted<TableInfo>),
    /// A chain was made, renamed, or changed its policy, counters or devices.
    NewChain(ChainInfo),
    /// A chain was deleted, or devices were taken from it: see [`Deleted::info`].
    DeletedChain(Deleted<ChainInfo>),
    /// A rule was added, inserted, or replaced another one, which an event before this tells as
    /// deleted. [`RuleInfo::position`] is there for rules between two others.
    NewRule(RuleInfo, RulePlace),
    /// A rule was deleted.
    DeletedRule(RuleInfo),
    /// A set or map was made or changed.
    NewSet(SetInfo),
    /// A set or map was deleted, with all that was in it.
    DeletedSet(Deleted<SetInfo>),
    /// An element was added to a set or map, or changed.
    NewElement(ElementEvent),
    /// An element was deleted. Neither one whose time was up nor one that a rule takes out is told.
    DeletedElement(ElementEvent),
    /// A stateful object was made or changed.
    NewObject(ObjectInfo),
    /// A stateful object was deleted.
    DeletedObject(Deleted<ObjectInfo>),
    /// A flowtable was made or changed.
    NewFlowtable(FlowtableInfo),
    /// A flowtable was deleted, or devices were taken from it: see [`Deleted::info`].
    DeletedFlowtable(Deleted<FlowtableInfo>),
    /// Something that this library does not know, or that makes no sense to it.
    Unknown(UnknownEvent),
}

/// How a rule came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RulePlace {
    /// It was added: at the end, or behind the rule that is its position.
    Added,
    /// It was inserted: at the beginning, or before the rule that follows.
    Inserted,
    /// It took the place of another one.
    Replaced,
    /// The kernel does not tell (before Linux 5.15).
    Unknown,
}

/// What was deleted: since Linux 6.4 (of tables: since one after 6.12) the kernel tells no more of it than its name and
/// handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted<T> {
    told: T,
    complete: bool,
}

impl<T> Deleted<T> {
    /// Returns what was deleted, as it was, if the kernel told it all (before Linux 6.4, and of tables up to 6.12).
    ///
    /// Later ones do so for chains and flowtables only that are still there, and lost devices: those that are in here.
    pub fn info(&self) -> Option<&T> {
        self.complete.then_some(&self.told)
    }
}

macro_rules! deleted {
    ($($info:ty: $at:ty, $handle:ty, |$told:ident| $get:expr;)*) => {$(
        impl Deleted<$info> {
            /// Returns the name, and the table where there is one.
            pub fn at(&self) -> &$at {
                self.told.at()
            }

            /// Returns the number.
            pub fn handle(&self) -> $handle {
                let $told = &self.told;
                $get
            }

            /// Returns the attributes as the kernel sent them.
            pub fn raw(&self) -> &[u8] {
                self.told.raw()
            }
        }

        impl AsRef<$at> for Deleted<$info> {
            fn as_ref(&self) -> &$at {
                self.at()
            }
        }
    )*};
}

deleted! {
    TableInfo: TableRef, TableHandle, |told| told.handle();
    ChainInfo: ChainRef, ChainHandle, |told| told.handle();
    SetInfo: SetRef, SetHandle, |told| told.handle().unwrap_or(SetHandle::from_raw(0));
    ObjectInfo: ObjectRef, ObjectHandle, |told| told.handle();
    FlowtableInfo: FlowtableRef, FlowtableHandle, |told| told.handle();
}

/// An element that was added or deleted: an entry as the kernel keeps it. In a set of intervals
/// each one is two entries; [`Commit::added`](super::Commit::added) and
/// [`Commit::removed`](super::Commit::removed) give elements with types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementEvent {
    set: SetRef,
    element: ElementInfo,
}

impl ElementEvent {
    /// Returns the set or map.
    pub fn set(&self) -> &SetRef {
        &self.set
    }

    /// Returns the element.
    pub fn element(&self) -> &ElementInfo {
        &self.element
    }
}

/// A message that this library cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEvent {
    kind: u16,
    table: TableRef,
    raw: Box<[u8]>,
    error: Option<DecodeError>,
}

impl UnknownEvent {
    /// Returns the message's number (`enum nf_tables_msg_types`).
    #[doc(alias = "nf_tables_msg_types")]
    pub fn kind(&self) -> u16 {
        self.kind
    }

    /// Returns the attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Returns why it makes no sense, if it is of a known kind.
    pub fn error(&self) -> Option<&DecodeError> {
        self.error.as_ref()
    }
}

/// The name of the table, with which the attributes of every message begin.
pub(super) fn table_name(attrs: &[u8]) -> Name {
    const NAME: u16 = 1;
    let notes = Notes::default();
    let name = AttrReader::new(attrs, &notes).map_while(Result::ok).find(|(number, _)| *number == NAME);
    name.map_or_else(|| Name::from(""), |(_, name)| name.name())
}

/// What events of a kind are about, and whether they tell of something new.
pub(super) fn kind_of(message: u16) -> (EventKinds, bool) {
    match message {
        NFT_MSG_NEWTABLE => (EventKinds::TABLE, true),
        NFT_MSG_DELTABLE | NFT_MSG_DESTROYTABLE => (EventKinds::TABLE, false),
        NFT_MSG_NEWCHAIN => (EventKinds::CHAIN, true),
        NFT_MSG_DELCHAIN | NFT_MSG_DESTROYCHAIN => (EventKinds::CHAIN, false),
        NFT_MSG_NEWRULE => (EventKinds::RULE, true),
        NFT_MSG_DELRULE | NFT_MSG_DESTROYRULE => (EventKinds::RULE, false),
        NFT_MSG_NEWSET => (EventKinds::SET, true),
        NFT_MSG_DELSET | NFT_MSG_DESTROYSET => (EventKinds::SET, false),
        NFT_MSG_NEWSETELEM => (EventKinds::ELEMENT, true),
        NFT_MSG_DELSETELEM | NFT_MSG_DESTROYSETELEM => (EventKinds::ELEMENT, false),
        NFT_MSG_NEWOBJ => (EventKinds::OBJECT, true),
        NFT_MSG_DELOBJ | NFT_MSG_DESTROYOBJ => (EventKinds::OBJECT, false),
        NFT_MSG_NEWFLOWTABLE => (EventKinds::FLOWTABLE, true),
        NFT_MSG_DELFLOWTABLE | NFT_MSG_DESTROYFLOWTABLE => (EventKinds::FLOWTABLE, false),
        _ => (EventKinds::UNKNOWN, true),
    }
}

/// Whether a deletion tells more than names and handles: whether an attribute is there that is in every full message.
fn is_complete(attrs: &[u8], kind: EventKinds) -> bool {
    let wanted = match kind {
        EventKinds::TABLE => NFTA_TABLE_FLAGS,
        EventKinds::CHAIN => NFTA_CHAIN_USE,
        EventKinds::SET => NFTA_SET_KEY_LEN,
        EventKinds::OBJECT => NFTA_OBJ_DATA,
        _ => NFTA_FLOWTABLE_HOOK,
    };
    let notes = Notes::default();
    AttrReader::new(attrs, &notes).map_while(Result::ok).any(|(number, _)| number == wanted)
}

impl Event {
    /// Reads the events of a message: one, or for each of its elements one.
    pub(super) fn decode(message: u16, flags: u16, family: Family, attrs: &[u8], out: &mut Vec<Self>) {
        let (kind, is_new) = kind_of(message);
        let before = out.len();
        let unknown = |error| {
            let table = TableRef::new(family, table_name(attrs));
            Self::Unknown(UnknownEvent { kind: message, table, raw: attrs.into(), error })
        };
        if let Err(error) = Self::decode_known(kind, is_new, flags, family, attrs, out) {
            out.truncate(before);
            out.push(unknown(Some(error)));
        } else if out.len() == before {
            out.push(unknown(None));
        }
    }

    fn decode_known(
        kind: EventKinds,
        is_new: bool,
        flags: u16,
        family: Family,
        attrs: &[u8],
        out: &mut Vec<Self>,
    ) -> Result<(), DecodeError> {
        fn deleted<T>(told: T, complete: bool) -> Deleted<T> {
            Deleted { told, complete }
        }
        let complete = || is_complete(attrs, kind);
        out.push(match (kind, is_new) {
            (EventKinds::TABLE, true) => Self::NewTable(TableInfo::decode(family, attrs)?),
            (EventKinds::TABLE, _) => Self::DeletedTable(deleted(TableInfo::decode(family, attrs)?, complete())),
            (EventKinds::CHAIN, true) => Self::NewChain(ChainInfo::decode(family, attrs)?),
            (EventKinds::CHAIN, _) => Self::DeletedChain(deleted(ChainInfo::decode(family, attrs)?, complete())),
            (EventKinds::RULE, true) => {
                let place = match (flags & NLM_F_APPEND != 0, flags & NLM_F_CREATE != 0) {
                    (true, true) => RulePlace::Added,
                    (false, true) => RulePlace::Inserted,
                    (true, false) => RulePlace::Replaced,
                    (false, false) => RulePlace::Unknown,
                };
                Self::NewRule(RuleInfo::decode(family, attrs, &mut None)?, place)
            }
            (EventKinds::RULE, _) => Self::DeletedRule(RuleInfo::decode(family, attrs, &mut None)?),
            (EventKinds::SET, true) => Self::NewSet(SetInfo::decode(family, attrs)?),
            (EventKinds::SET, _) => Self::DeletedSet(deleted(SetInfo::decode(family, attrs)?, complete())),
            (EventKinds::ELEMENT, _) => {
                let mut set = read_set_ref(family, attrs)?;
                if let Some(Self::NewElement(last) | Self::DeletedElement(last)) = out.last() {
                    // Of one set thousands may come in a row, which keep its name once.
                    if last.set == set {
                        set = last.set.clone();
                    }
                }
                let mut elements = Vec::new();
                read_element_list(attrs, &mut elements)?;
                let event = |element| ElementEvent { set: set.clone(), element };
                let variant = if is_new { Self::NewElement } else { Self::DeletedElement };
                out.extend(elements.into_iter().map(|element| variant(event(element))));
                return Ok(());
            }
            (EventKinds::OBJECT, true) => Self::NewObject(ObjectInfo::decode(family, attrs)?),
            (EventKinds::OBJECT, _) => Self::DeletedObject(deleted(ObjectInfo::decode(family, attrs)?, complete())),
            (EventKinds::FLOWTABLE, true) => Self::NewFlowtable(FlowtableInfo::decode(family, attrs)?),
            (EventKinds::FLOWTABLE, _) => {
                Self::DeletedFlowtable(deleted(FlowtableInfo::decode(family, attrs)?, complete()))
            }
            _ => return Ok(()),
        });
        Ok(())
    }

    /// Returns what the event is about: one bit.
    pub fn kind(&self) -> EventKinds {
        match self {
            Self::NewTable(_) | Self::DeletedTable(_) => EventKinds::TABLE,
            Self::NewChain(_) | Self::DeletedChain(_) => EventKinds::CHAIN,
            Self::NewRule(..) | Self::DeletedRule(_) => EventKinds::RULE,
            Self::NewSet(_) | Self::DeletedSet(_) => EventKinds::SET,
            Self::NewElement(_) | Self::DeletedElement(_) => EventKinds::ELEMENT,
            Self::NewObject(_) | Self::DeletedObject(_) => EventKinds::OBJECT,
            Self::NewFlowtable(_) | Self::DeletedFlowtable(_) => EventKinds::FLOWTABLE,
            Self::Unknown(_) => EventKinds::UNKNOWN,
        }
    }

    /// Whether something was deleted.
    pub fn is_deletion(&self) -> bool {
        match self {
            Self::DeletedTable(_)
            | Self::DeletedChain(_)
            | Self::DeletedRule(_)
            | Self::DeletedSet(_)
            | Self::DeletedElement(_)
            | Self::DeletedObject(_)
            | Self::DeletedFlowtable(_) => true,
            Self::Unknown(event) => !kind_of(event.kind).1,
            _ => false,
        }
    }

    /// Returns the table that it is about, or in.
    pub fn table(&self) -> &TableRef {
        match self {
            Self::NewTable(table) => table.at(),
            Self::DeletedTable(table) => table.at(),
            Self::NewChain(chain) => chain.table(),
            Self::DeletedChain(chain) => chain.at().table(),
            Self::NewRule(rule, _) | Self::DeletedRule(rule) => rule.chain().table(),
            Self::NewSet(set) => set.table(),
            Self::DeletedSet(set) => set.at().table(),
            Self::NewElement(element) | Self::DeletedElement(element) => element.set.table(),
            Self::NewObject(object) => object.table(),
            Self::DeletedObject(object) => object.at().table(),
            Self::NewFlowtable(flowtable) => flowtable.table(),
            Self::DeletedFlowtable(flowtable) => flowtable.at().table(),
            Self::Unknown(event) => &event.table,
        }
    }
}

/// Writes it in a line, with nft's verbs and without what it holds: `add chain inet fw input # handle 1`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handle = |f: &mut fmt::Formatter<'_>, handle: u64| write!(f, " # handle {handle}");
        match self {
            Self::NewTable(table) => write!(f, "add table {}", table.at()).and(handle(f, table.handle().get())),
            Self::DeletedTable(table) => write!(f, "delete table {}", table.at()).and(handle(f, table.handle().get())),
            Self::NewChain(chain) => write!(f, "add chain {}", chain.at()).and(handle(f, chain.handle().get())),
            Self::DeletedChain(chain) => write!(f, "delete chain {}", chain.at()).and(handle(f, chain.handle().get())),
            Self::NewRule(rule, place) => {
                let verb = match place {
                    RulePlace::Added | RulePlace::Unknown => "add",
                    RulePlace::Inserted => "insert",
                    RulePlace::Replaced => "replace",
                };
                write!(f, "{verb} rule {} handle {}", rule.chain(), rule.handle())
            }
            Self::DeletedRule(rule) => write!(f, "delete rule {} handle {}", rule.chain(), rule.handle()),
            Self::NewSet(set) => write!(f, "add {} {}", set_word(set), set.at()),
            Self::DeletedSet(set) => write!(f, "delete set {}", set.at()).and(handle(f, set.handle().get())),
            Self::NewElement(event) => write!(f, "add {event}"),
            Self::DeletedElement(event) => write!(f, "delete {event}"),
            Self::NewObject(object) => write!(f, "add {} {}", object.kind(), object.at()),
            Self::DeletedObject(object) => write!(f, "delete {} {}", object.at().kind(), object.at()),
            Self::NewFlowtable(flowtable) => write!(f, "add flowtable {}", flowtable.at()),
            Self::DeletedFlowtable(flowtable) => write!(f, "delete flowtable {}", flowtable.at()),
            Self::Unknown(event) => write!(f, "unknown message {} about table {}", event.kind, event.table),
        }
    }
}

fn set_word(set: &SetInfo) -> &'static str {
    if set.data_type().is_some() || set.object_kind().is_some() { "map" } else { "set" }
}

impl fmt::Display for ElementEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "element {} {{ ", self.set)?;
        match self.element.key() {
            Some(key) => write!(f, "{key:#}")?,
            None => f.write_str("*")?,
        }
        f.write_str(if self.element.is_interval_end() { " (interval end) }" } else { " }" })
    }
}
