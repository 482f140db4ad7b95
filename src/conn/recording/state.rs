//! The tables that a recording answers from, as attributes just as the kernel's dumps have them.

use std::time::Duration;

use crate::chain::NFT_MSG_NEWCHAIN;
use crate::error::DecodeError;
use crate::expr::{Data, Expr, ExprInfo, Exprs};
use crate::flowtable::NFT_MSG_NEWFLOWTABLE;
use crate::object::NFT_MSG_NEWOBJ;
use crate::rule::{NFT_MSG_NEWRULE, NFTA_RULE_EXPRESSIONS};
use crate::ruleset::{Ruleset, SetContents, TableContents};
use crate::set::{ElementInfo, NFT_MSG_NEWSET, NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_FLAGS, SetFlags};
use crate::table::NFT_MSG_NEWTABLE;
use crate::wire::message::HEADER_LEN;
use crate::wire::reader::Notes;
use crate::wire::{Attr, AttrReader, AttrWriter, Family, NLA_HDRLEN};

/// Of a table its name, of all else the table that it is in.
pub(super) const TABLE: u16 = 1;
const NFTA_SET_DESC: u16 = 9;
const NFTA_SET_DESC_CONCAT: u16 = 2;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_SET_FIELD_LEN: u16 = 1;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_SET_ELEM_DATA: u16 = 2;
const NFTA_SET_ELEM_FLAGS: u16 = 3;
pub(super) const NFTA_SET_ELEM_TIMEOUT: u16 = 4;
pub(super) const NFTA_SET_ELEM_EXPIRATION: u16 = 5;
const NFTA_SET_ELEM_USERDATA: u16 = 6;
pub(super) const NFTA_SET_ELEM_EXPR: u16 = 7;
const NFTA_SET_ELEM_OBJREF: u16 = 9;
const NFTA_SET_ELEM_KEY_END: u16 = 10;
pub(super) const NFTA_SET_ELEM_EXPRESSIONS: u16 = 11;

/// The numbers of the attributes that all kinds of things have, each kind by its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// The message that tells of it, and makes it.
    pub(super) new: u16,
    /// The attribute with its name; of a rule with its chain's.
    pub(super) name: u16,
    /// The attribute with its handle.
    pub(super) handle: u16,
    /// The attribute with how many refer to it, where there is one.
    pub(super) uses: Option<u16>,
}

const fn kind(new: u16, name: u16, handle: u16, uses: Option<u16>) -> Kind {
    Kind { new, name, handle, uses }
}

pub(super) const TABLES: Kind = kind(NFT_MSG_NEWTABLE, 1, 4, Some(3));
pub(super) const CHAINS: Kind = kind(NFT_MSG_NEWCHAIN, 3, 2, Some(6));
pub(super) const RULES: Kind = kind(NFT_MSG_NEWRULE, 2, 3, None);
pub(super) const SETS: Kind = kind(NFT_MSG_NEWSET, 2, 16, None);
pub(super) const OBJECTS: Kind = kind(NFT_MSG_NEWOBJ, 2, 6, Some(5));
pub(super) const FLOWTABLES: Kind = kind(NFT_MSG_NEWFLOWTABLE, 2, 5, Some(4));
pub(super) const NFTA_OBJ_TYPE: u16 = 3;

/// Attributes of a message or a nest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attrs<'a>(pub(super) &'a [u8]);

impl<'a> Attrs<'a> {
    /// Finds an attribute. Of several the kernel's parser takes the last.
    pub(super) fn find<T>(self, number: u16, read: impl FnOnce(Attr<'_>) -> T) -> Option<T> {
        let notes = Notes::default();
        let found = AttrReader::new(self.0, &notes).map_while(Result::ok).filter(|(other, _)| *other == number).last();
        found.map(|(_, value)| read(value))
    }

    pub(super) fn has(self, number: u16) -> bool {
        self.find(number, |_| ()).is_some()
    }

    pub(super) fn u32(self, number: u16) -> Option<u32> {
        self.find(number, |value| value.u32().ok())?
    }

    pub(super) fn u64(self, number: u16) -> Option<u64> {
        self.find(number, |value| value.u64().ok())?
    }

    /// The bytes of a name.
    pub(super) fn name(self, number: u16) -> Option<Vec<u8>> {
        self.find(number, |value| value.str_bytes().to_vec())
    }

    /// The bytes of an attribute.
    pub(super) fn bytes(self, number: u16) -> Option<Vec<u8>> {
        self.find(number, |value| value.bytes().to_vec())
    }

    /// Where the attribute's header begins in a message of these attributes.
    pub(super) fn offset(self, number: u16) -> Option<usize> {
        let notes = Notes::default();
        let mut attrs = AttrReader::new(self.0, &notes);
        loop {
            let at = self.0.len() - attrs.left();
            match attrs.next()? {
                Ok((other, _)) if other == number => return Some(HEADER_LEN + at),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Where the header of an entry of a list begins in a message of these attributes.
    pub(super) fn offset_in(self, number: u16, n: usize) -> Option<usize> {
        let list = self.bytes(number)?;
        let notes = Notes::default();
        let mut entries = AttrReader::new(&list, &notes);
        entries.by_ref().take(n).for_each(drop);
        Some(self.offset(number)? + NLA_HDRLEN + list.len() - entries.left())
    }

    /// The attributes without some, to which `more` adds others.
    pub(super) fn with(self, without: &[u16], more: impl FnOnce(&mut AttrWriter)) -> Vec<u8> {
        let mut w = AttrWriter::new();
        w.copy(self.0, |number| !without.contains(&number));
        more(&mut w);
        w.bytes_written().to_vec()
    }
}

/// A chain, rule, set, object or flowtable, or a table itself.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    /// Of a rule its chain's.
    pub(super) name: Vec<u8>,
    pub(super) handle: u64,
    /// Its attributes, the handle included.
    pub(super) raw: Vec<u8>,
}

impl Thing {
    fn read(kind: Kind, attrs: &[u8]) -> Self {
        let read = Attrs(attrs);
        let (name, handle) = (read.name(kind.name).unwrap_or_default(), read.u64(kind.handle).unwrap_or_default());
        Self { name, handle, raw: attrs.to_vec() }
    }

    pub(super) fn attrs(&self) -> Attrs<'_> {
        Attrs(&self.raw)
    }

    /// The kind of an object.
    pub(super) fn object_kind(&self) -> u32 {
        self.attrs().u32(NFTA_OBJ_TYPE).unwrap_or_default()
    }
}

/// An entry of a set.
#[derive(Debug, Clone)]
pub(super) struct SetEntry {
    pub(super) info: ElementInfo,
    pub(super) raw: Vec<u8>,
}

impl SetEntry {
    pub(super) fn read(entry: Attr<'_>) -> Result<Self, DecodeError> {
        Ok(Self { info: ElementInfo::decode(entry.bytes())?, raw: entry.bytes().to_vec() })
    }

    /// The entry with these attributes instead.
    pub(super) fn of(raw: &[u8]) -> Result<Self, DecodeError> {
        let mut w = AttrWriter::new();
        w.nest(NFTA_LIST_ELEM, |w| w.raw(raw));
        let notes = Notes::default();
        let (_, entry) = AttrReader::new(w.bytes_written(), &notes)
            .next()
            .unwrap_or(Err(DecodeError::new("element", "too long")))?;
        Self::read(entry)
    }
}

impl From<&ElementInfo> for SetEntry {
    /// Writes what the kernel told, in its order.
    fn from(info: &ElementInfo) -> Self {
        let mut w = AttrWriter::new();
        if let Some(raw) = info.raw() {
            return Self { info: info.clone(), raw: raw.to_vec() };
        }
        for (number, key) in [(NFTA_SET_ELEM_KEY, info.key()), (NFTA_SET_ELEM_KEY_END, info.key_end())] {
            if let Some(key) = key {
                key.write(&mut w, number);
            }
        }
        if let Some(value) = info.data() {
            value.write(&mut w, NFTA_SET_ELEM_DATA);
        }
        match info.stateful() {
            [] => {}
            [one] => w.nest(NFTA_SET_ELEM_EXPR, |w| w.raw(one.raw())),
            more => w.nest(NFTA_SET_ELEM_EXPRESSIONS, |w| {
                more.iter().for_each(|expr| w.nest(NFTA_LIST_ELEM, |w| w.raw(expr.raw())));
            }),
        }
        if let Some(object) = info.object() {
            w.string(NFTA_SET_ELEM_OBJREF, object.as_bytes());
        }
        if !info.flags().is_empty() {
            w.u32(NFTA_SET_ELEM_FLAGS, info.flags().bits());
        }
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        for (number, time) in [(NFTA_SET_ELEM_TIMEOUT, info.timeout()), (NFTA_SET_ELEM_EXPIRATION, info.expires())] {
            if let Some(time) = time {
                w.u64(number, millis(time));
            }
        }
        if !info.userdata().is_empty() {
            w.bytes(NFTA_SET_ELEM_USERDATA, info.userdata());
        }
        Self { info: info.clone(), raw: w.bytes_written().to_vec() }
    }
}

/// What an entry of a set is known by: its lowest and highest key, and whether it ends an interval.
pub(super) type EntryKey = (Option<Data>, Option<Data>, bool);

pub(super) fn key_of(info: &ElementInfo) -> EntryKey {
    (info.key().cloned(), info.key_end().or(info.key()).cloned(), info.is_interval_end())
}

/// Reads the entries of a message's list.
pub(super) fn entries(attrs: &[u8]) -> Result<Vec<SetEntry>, DecodeError> {
    let notes = Notes::default();
    let mut found = Vec::new();
    for attr in AttrReader::new(attrs, &notes) {
        if let (NFTA_SET_ELEM_LIST_ELEMENTS, list) = attr? {
            for entry in list.nested()? {
                found.push(SetEntry::read(entry?.1)?);
            }
        }
    }
    Ok(found)
}

/// A set with its entries.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) thing: Thing,
    pub(super) entries: Vec<SetEntry>,
    /// A rule has it to itself.
    pub(super) bound: bool,
}

impl Set {
    pub(super) fn flags(&self) -> SetFlags {
        SetFlags::from_bits_retain(self.thing.attrs().u32(NFTA_SET_FLAGS).unwrap_or_default())
    }

    /// The lengths of a concatenation's fields in bytes, padding included.
    pub(super) fn fields(&self) -> Vec<usize> {
        let concat = self.thing.attrs().bytes(NFTA_SET_DESC).and_then(|desc| Attrs(&desc).bytes(NFTA_SET_DESC_CONCAT));
        let (notes, concat) = (Notes::default(), concat.unwrap_or_default());
        let fields = AttrReader::new(&concat, &notes).map_while(Result::ok);
        let lengths = fields.filter_map(|(_, field)| Attrs(field.bytes()).u32(NFTA_SET_FIELD_LEN));
        lengths.map(|len| (len.min(255) as usize).next_multiple_of(4)).collect()
    }
}

/// A table with all that is in it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) family: Family,
    pub(super) thing: Thing,
    /// The handle that was given out last.
    pub(super) last_handle: u64,
    pub(super) chains: Vec<Thing>,
    /// Those of one chain in their order.
    pub(super) rules: Vec<Thing>,
    pub(super) sets: Vec<Set>,
    pub(super) objects: Vec<Thing>,
    pub(super) flowtables: Vec<Thing>,
}

impl Table {
    pub(super) fn new(family: Family, thing: Thing) -> Self {
        let (chains, rules, sets, objects, flowtables) = Default::default();
        Self { family, thing, last_handle: 0, chains, rules, sets, objects, flowtables }
    }

    fn of(contents: &TableContents) -> Self {
        let set = |set: &SetContents| Set {
            thing: Thing::read(SETS, set.info().raw()),
            entries: set.entries().iter().map(SetEntry::from).collect(),
            // What is read at rest has its rule.
            bound: set.info().flags().contains(SetFlags::ANONYMOUS),
        };
        let info = contents.info();
        let mut table = Self {
            chains: contents.chains().iter().map(|chain| Thing::read(CHAINS, chain.raw())).collect(),
            rules: contents.rules().iter().map(|rule| Thing::read(RULES, rule.raw())).collect(),
            sets: contents.sets().iter().map(set).collect(),
            objects: contents.objects().iter().map(|object| Thing::read(OBJECTS, object.raw())).collect(),
            flowtables: contents.flowtables().iter().map(|one| Thing::read(FLOWTABLES, one.raw())).collect(),
            ..Self::new(info.family(), Thing::read(TABLES, info.raw()))
        };
        let sets = table.sets.iter().map(|set| &set.thing);
        let things = table.chains.iter().chain(&table.rules).chain(sets).chain(&table.objects).chain(&table.flowtables);
        table.last_handle = things.map(|thing| thing.handle).max().unwrap_or_default();
        table
    }

    /// Gives out a handle.
    pub(super) fn next_handle(&mut self) -> u64 {
        // A file may hold any handle.
        self.last_handle = self.last_handle.wrapping_add(1);
        self.last_handle
    }

    pub(super) fn set(&self, name: &[u8]) -> Option<&Set> {
        self.sets.iter().find(|set| set.thing.name == name)
    }

    pub(super) fn set_mut(&mut self, name: &[u8]) -> Option<&mut Set> {
        self.sets.iter_mut().find(|set| set.thing.name == name)
    }

    pub(super) fn chain(&self, name: &[u8]) -> Option<&Thing> {
        self.chains.iter().find(|chain| chain.name == name)
    }

    pub(super) fn object(&self, name: &[u8], kind: u32) -> Option<&Thing> {
        self.objects.iter().find(|object| object.name == name && object.object_kind() == kind)
    }

    pub(super) fn flowtable(&self, name: &[u8]) -> Option<&Thing> {
        self.flowtables.iter().find(|flowtable| flowtable.name == name)
    }
}

/// All tables.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) tables: Vec<Table>,
    /// The handle that a table was given last.
    pub(super) last_table: u64,
}

impl State {
    /// What a ruleset has.
    pub(super) fn of(ruleset: &Ruleset) -> Self {
        let tables: Vec<Table> = ruleset.tables().iter().map(Table::of).collect();
        let last_table = tables.iter().map(|table| table.thing.handle).max().unwrap_or_default();
        Self { tables, last_table }
    }

    pub(super) fn table(&self, family: Family, name: &[u8]) -> Option<&Table> {
        self.tables.iter().find(|table| table.family == family && table.thing.name == name)
    }

    pub(super) fn table_mut(&mut self, family: Family, name: &[u8]) -> Option<&mut Table> {
        self.tables.iter_mut().find(|table| table.family == family && table.thing.name == name)
    }
}

/// The expressions of a rule.
pub(super) fn exprs_of(rule: &[u8]) -> Vec<ExprInfo> {
    let list = Attrs(rule).bytes(NFTA_RULE_EXPRESSIONS).unwrap_or_default();
    Exprs::new(&list).map_while(Result::ok).collect()
}

/// A list of expressions in which `change` gives some of them anew; the others stay as their bytes are.
pub(super) fn changed_list(list: &[u8], mut change: impl FnMut(&Expr) -> Option<Expr>) -> Vec<u8> {
    let mut w = AttrWriter::new();
    let notes = Notes::default();
    for (number, entry) in AttrReader::new(list, &notes).map_while(Result::ok) {
        match ExprInfo::read(entry).ok().and_then(|expr| change(expr.get())) {
            Some(expr) => expr.write(&mut w),
            None => w.nest(number, |w| w.raw(entry.bytes())),
        }
    }
    w.bytes_written().to_vec()
}

/// Attributes of which one is written by `put`, in its place.
pub(super) fn replaced(attrs: &[u8], number: u16, put: impl FnOnce(&mut AttrWriter)) -> Vec<u8> {
    let mut w = AttrWriter::new();
    let notes = Notes::default();
    let mut put = Some(put);
    let mut rest = AttrReader::new(attrs, &notes);
    loop {
        let from = attrs.len() - rest.left();
        let Some(Ok((other, _))) = rest.next() else { break };
        let to = attrs.len() - rest.left();
        let (start, bytes) = (w.len(), attrs.get(from..to).unwrap_or_default());
        match put.take_if(|_| other == number) {
            Some(put) => {
                put(&mut w);
                // Kernels mark some nests as such, and some not.
                if let (Some(new), Some(old)) = (w.buffer().get_mut(start + 2..start + 4), bytes.get(2..4)) {
                    new.copy_from_slice(old);
                }
            }
            None => w.raw(bytes),
        }
    }
    w.bytes_written().to_vec()
}
