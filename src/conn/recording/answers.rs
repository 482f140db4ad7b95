//! What the kernel would say to a query.

use super::state::*;
use crate::chain::NFT_MSG_GETCHAIN;
use crate::error::Errno;
use crate::expr::{Data, QuotaFlags};
use crate::flowtable::NFT_MSG_GETFLOWTABLE;
use crate::object::{NFT_MSG_GETOBJ, NFT_MSG_GETOBJ_RESET, ObjectKind};
use crate::rule::{
    NFT_MSG_GETRULE, NFT_MSG_GETRULE_RESET, NFTA_RULE_EXPRESSIONS, NFTA_RULE_HANDLE, NFTA_RULE_POSITION,
};
use crate::set::{
    ElementFlags, ElementInfo, NFT_MSG_GETSET, NFT_MSG_GETSETELEM, NFT_MSG_GETSETELEM_RESET, NFT_MSG_NEWSETELEM,
    NFTA_SET_ELEM_LIST_ELEMENTS, SetFlags,
};
use crate::table::NFT_MSG_GETTABLE;
use crate::wire::message::{NFT_MSG_GETGEN, NFT_MSG_NEWGEN, NFTA_GEN_ID};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, AttrWriter, Family};

const NFTA_OBJ_DATA: u16 = 4;
const NFTA_COUNTER_BYTES: u16 = 1;
const NFTA_COUNTER_PACKETS: u16 = 2;
const NFTA_QUOTA_FLAGS: u16 = 2;
const NFTA_QUOTA_CONSUMED: u16 = 4;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;

/// The most bytes of elements that one message tells of.
const ELEMENTS_MAX: usize = 16 * 1024;

/// A query as it was received.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) kind: u16,
    pub(super) family: Family,
    pub(super) dump: bool,
    pub(super) attrs: &'a [u8],
}

/// A message that answers one.
pub(super) type Answer = (u16, Family, Vec<u8>);

/// What is said, and whether it ends with an error.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) said: Vec<Answer>,
    pub(super) errno: Option<Errno>,
}

impl Request<'_> {
    fn name(&self, number: u16) -> Option<Vec<u8>> {
        Attrs(self.attrs).name(number)
    }

    fn has_family(&self, table: &Table) -> bool {
        self.family == Family::UNSPEC || self.family == table.family
    }

    /// Whether a dump is of that table, too.
    fn has_table(&self, table: &Table) -> bool {
        self.has_family(table) && self.name(TABLE).is_none_or(|name| name == table.thing.name)
    }

    /// The tables that a dump is of.
    fn tables<'a>(&self, state: &'a State) -> Vec<&'a Table> {
        state.tables.iter().filter(|table| self.has_table(table)).collect()
    }

    /// The table that is named.
    fn table<'a>(&self, state: &'a State) -> Result<&'a Table, Errno> {
        let name = self.name(TABLE).ok_or(Errno::EINVAL)?;
        state.table(self.family, &name).ok_or(Errno::ENOENT)
    }

    /// What is named in the table that is named.
    fn named(&self, state: &State, kind: Kind, things: fn(&Table) -> Vec<&Thing>) -> Result<Answer, Errno> {
        let table = self.table(state)?;
        let name = self.name(kind.name).ok_or(Errno::EINVAL)?;
        let found = things(table).into_iter().find(|thing| thing.name == name).ok_or(Errno::ENOENT)?;
        Ok((kind.new, table.family, found.raw.clone()))
    }

    /// All that there is of a kind in some tables.
    fn all(kind: Kind, tables: Vec<&Table>, things: fn(&Table) -> Vec<&Thing>) -> Vec<Answer> {
        let answers = |table: &Table| -> Vec<Answer> {
            things(table).into_iter().map(|thing| (kind.new, table.family, thing.raw.clone())).collect()
        };
        tables.into_iter().flat_map(answers).collect()
    }

    /// Answers from `state`; what a request resets is zero in it then.
    pub(super) fn answer(&self, state: &mut State, generation: u32) -> Answers {
        if self.kind == NFT_MSG_GETSETELEM || self.kind == NFT_MSG_GETSETELEM_RESET {
            return self.elements(state);
        }
        match self.other(state, generation) {
            Ok(said) => Answers { said, errno: None },
            Err(errno) => Answers { said: Vec::new(), errno: Some(errno) },
        }
    }

    fn other(&self, state: &mut State, generation: u32) -> Result<Vec<Answer>, Errno> {
        let one = |answer: Result<Answer, Errno>| answer.map(|answer| vec![answer]);
        match self.kind {
            NFT_MSG_GETGEN => {
                let attrs = Attrs(&[]).with(&[], |w| w.u32(NFTA_GEN_ID, generation));
                Ok(vec![(NFT_MSG_NEWGEN, Family::UNSPEC, attrs)])
            }
            NFT_MSG_GETTABLE => {
                let only = |table: &Table| (TABLES.new, table.family, table.thing.raw.clone());
                if self.dump {
                    let tables = state.tables.iter().filter(|table| self.has_family(table));
                    return Ok(tables.map(only).collect());
                }
                one(self.table(state).map(only))
            }
            NFT_MSG_GETCHAIN => {
                let chains: fn(&Table) -> Vec<&Thing> = |table| table.chains.iter().collect();
                if self.dump {
                    // The kernel lists the chains of all tables, whichever is named.
                    let tables = state.tables.iter().filter(|table| self.has_family(table)).collect();
                    return Ok(Self::all(CHAINS, tables, chains));
                }
                one(self.named(state, CHAINS, chains))
            }
            NFT_MSG_GETRULE | NFT_MSG_GETRULE_RESET => self.rules(state),
            NFT_MSG_GETSET => {
                let sets: fn(&Table) -> Vec<&Thing> = |table| table.sets.iter().map(|set| &set.thing).collect();
                if !self.dump {
                    return one(self.named(state, SETS, sets));
                }
                // Of an absent table the other listings are empty.
                if self.name(TABLE).is_some() {
                    self.table(state)?;
                }
                Ok(Self::all(SETS, self.tables(state), sets))
            }
            NFT_MSG_GETOBJ | NFT_MSG_GETOBJ_RESET => self.objects(state),
            NFT_MSG_GETFLOWTABLE => {
                let flowtables: fn(&Table) -> Vec<&Thing> = |table| table.flowtables.iter().collect();
                if self.dump {
                    return Ok(Self::all(FLOWTABLES, self.tables(state), flowtables));
                }
                one(self.named(state, FLOWTABLES, flowtables))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn rules(&self, state: &mut State) -> Result<Vec<Answer>, Errno> {
        let resets = self.kind == NFT_MSG_GETRULE_RESET;
        let chain = self.name(RULES.name);
        let wanted = match self.dump {
            true => None,
            false => {
                let table = self.table(state)?;
                let chain = chain.as_ref().ok_or(Errno::EINVAL)?;
                let handle = Attrs(self.attrs).u64(RULES.handle).ok_or(Errno::EINVAL)?;
                table.chain(chain).ok_or(Errno::ENOENT)?;
                let is_it = |rule: &&Thing| rule.name == *chain && rule.handle == handle;
                Some(table.rules.iter().find(is_it).ok_or(Errno::ENOENT)?.handle)
            }
        };
        let mut said = Vec::new();
        for table in state.tables.iter_mut().filter(|table| self.has_table(table)) {
            let place = |rule: &Thing| table.chains.iter().position(|chain| chain.name == rule.name);
            // Chain by chain; a rule without one, of which there are none, last.
            table.rules.sort_by_cached_key(|rule| place(rule).unwrap_or(usize::MAX));
            let mut before: Option<(Vec<u8>, u64)> = None;
            for rule in &mut table.rules {
                let position = before.take().filter(|(chain, _)| *chain == rule.name).map(|(_, handle)| handle);
                before = Some((rule.name.clone(), rule.handle));
                let is_meant = chain.as_ref().is_none_or(|chain| *chain == rule.name);
                if !is_meant || wanted.is_some_and(|handle| handle != rule.handle) {
                    continue;
                }
                let attrs = placed(&rule.raw, position.filter(|_| self.dump));
                said.push((RULES.new, table.family, attrs));
                if resets {
                    rule.raw = reset_in(&rule.raw, NFTA_RULE_EXPRESSIONS, |list| Some(reset_list(list)));
                }
            }
        }
        Ok(said)
    }

    fn objects(&self, state: &mut State) -> Result<Vec<Answer>, Errno> {
        let kind = Attrs(self.attrs).u32(NFTA_OBJ_TYPE);
        let named = match self.dump {
            true => None,
            false => {
                let table = self.table(state)?;
                let name = self.name(OBJECTS.name).ok_or(Errno::EINVAL)?;
                table.object(&name, kind.ok_or(Errno::EINVAL)?).ok_or(Errno::ENOENT)?;
                Some(name)
            }
        };
        let mut said = Vec::new();
        for table in state.tables.iter_mut().filter(|table| self.has_table(table)) {
            let is_meant = |object: &&mut Thing| {
                kind.is_none_or(|kind| kind == 0 || kind == object.object_kind())
                    && named.as_ref().is_none_or(|name| *name == object.name)
            };
            for object in table.objects.iter_mut().filter(is_meant) {
                said.push((OBJECTS.new, table.family, object.raw.clone()));
                if self.kind == NFT_MSG_GETOBJ_RESET {
                    reset_object(object);
                }
            }
        }
        Ok(said)
    }

    fn elements(&self, state: &mut State) -> Answers {
        let failed = |errno| Answers { said: Vec::new(), errno: Some(errno) };
        if let Err(errno) = self.table(state) {
            return failed(errno);
        }
        let Some(name) = self.name(SETS.name) else { return failed(Errno::EINVAL) };
        let table = self.name(TABLE).and_then(|table| state.table_mut(self.family, &table));
        let Some(set) = table.and_then(|table| table.set_mut(&name)) else { return failed(Errno::ENOENT) };
        let resets = self.kind == NFT_MSG_GETSETELEM_RESET;
        let (mut said, mut errno) = (Vec::new(), None);
        if self.dump {
            let mut message = Vec::new();
            let list = |entries: &[u8]| (NFT_MSG_NEWSETELEM, self.family, self.element_list(entries));
            for entry in &mut set.entries {
                let one = entry_of(&entry.raw);
                if message.len() + one.len() > ELEMENTS_MAX && !message.is_empty() {
                    said.push(list(&std::mem::take(&mut message)));
                }
                message.extend(one);
                if resets {
                    reset_entry(entry);
                }
            }
            if !message.is_empty() {
                said.push(list(&message));
            }
            // The kernel ends with a list that is empty.
            said.push(list(&[]));
            return Answers { said, errno };
        }
        if !Attrs(self.attrs).has(NFTA_SET_ELEM_LIST_ELEMENTS) {
            return failed(Errno::EINVAL);
        }
        for wanted in entries(self.attrs).unwrap_or_default() {
            let Some(at) = find_entry(set, &wanted.info) else {
                errno = Some(Errno::ENOENT);
                break;
            };
            let entry = &mut set.entries[at];
            said.push((NFT_MSG_NEWSETELEM, self.family, self.element_list(&entry_of(&entry.raw))));
            if resets {
                reset_entry(entry);
            }
        }
        Answers { said, errno }
    }

    /// The attributes of a message that tells of elements.
    fn element_list(&self, entries: &[u8]) -> Vec<u8> {
        let mut w = AttrWriter::new();
        w.copy(self.attrs, |number| number == TABLE || number == SETS.name);
        w.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |w| w.raw(entries));
        w.bytes_written().to_vec()
    }
}

/// An entry as a list has it.
fn entry_of(raw: &[u8]) -> Vec<u8> {
    Attrs(&[]).with(&[], |w| w.nest(NFTA_LIST_ELEM, |w| w.raw(raw)))
}

/// A rule's attributes with the handle of the one before it, which the kernel tells behind its own.
fn placed(raw: &[u8], position: Option<u64>) -> Vec<u8> {
    let bare = Attrs(raw).with(&[NFTA_RULE_POSITION], |_| {});
    let Some(position) = position else { return bare };
    let handle = Attrs(&bare).u64(NFTA_RULE_HANDLE).unwrap_or_default();
    replaced(&bare, NFTA_RULE_HANDLE, |w| {
        w.u64(NFTA_RULE_HANDLE, handle);
        w.u64(NFTA_RULE_POSITION, position);
    })
}

/// What counts: an expression's data, or an object's, without what was counted; of others nothing.
fn reset_data(kind: ObjectKind, data: &[u8]) -> Option<Vec<u8>> {
    match kind {
        ObjectKind::COUNTER => {
            let data = replaced(data, NFTA_COUNTER_BYTES, |w| w.u64(NFTA_COUNTER_BYTES, 0));
            Some(replaced(&data, NFTA_COUNTER_PACKETS, |w| w.u64(NFTA_COUNTER_PACKETS, 0)))
        }
        ObjectKind::QUOTA => {
            let flags = Attrs(data).u32(NFTA_QUOTA_FLAGS).unwrap_or_default() & !QuotaFlags::DEPLETED.bits();
            let data = replaced(data, NFTA_QUOTA_FLAGS, |w| w.u32(NFTA_QUOTA_FLAGS, flags));
            Some(replaced(&data, NFTA_QUOTA_CONSUMED, |w| w.u64(NFTA_QUOTA_CONSUMED, 0)))
        }
        _ => None,
    }
}

/// Resets an expression by its attributes.
fn reset_expr(expr: &[u8]) -> Vec<u8> {
    let kind = match Attrs(expr).name(NFTA_EXPR_NAME).as_deref() {
        Some(b"counter") => ObjectKind::COUNTER,
        Some(b"quota") => ObjectKind::QUOTA,
        _ => return expr.to_vec(),
    };
    reset_in(expr, NFTA_EXPR_DATA, |data| reset_data(kind, data))
}

/// Resets all expressions of a list.
fn reset_list(list: &[u8]) -> Vec<u8> {
    let mut w = AttrWriter::new();
    let notes = Notes::default();
    let mut entries = AttrReader::new(list, &notes);
    loop {
        let from = list.len() - entries.left();
        let Some(Ok((number, expr))) = entries.next() else { break };
        let one = list.get(from..list.len() - entries.left()).unwrap_or_default();
        w.raw(&replaced(one, number, |w| w.nest(number, |w| w.raw(&reset_expr(expr.bytes())))));
    }
    w.bytes_written().to_vec()
}

/// Attributes of which one is what `reset` makes of it.
fn reset_in(attrs: &[u8], number: u16, reset: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    match Attrs(attrs).bytes(number).and_then(|value| reset(&value)) {
        Some(value) => replaced(attrs, number, |w| w.nest(number, |w| w.raw(&value))),
        None => attrs.to_vec(),
    }
}

fn reset_entry(entry: &mut SetEntry) {
    let raw = reset_in(&entry.raw, NFTA_SET_ELEM_EXPRESSIONS, |list| Some(reset_list(list)));
    let raw = reset_in(&raw, NFTA_SET_ELEM_EXPR, |expr| Some(reset_expr(expr)));
    if let Ok(reset) = SetEntry::of(&raw) {
        *entry = reset;
    }
}

fn reset_object(object: &mut Thing) {
    let kind = ObjectKind::from_raw(object.object_kind());
    object.raw = reset_in(&object.raw, NFTA_OBJ_DATA, |data| reset_data(kind, data));
}

/// Finds the entry that the kernel answers with.
fn find_entry(set: &Set, wanted: &ElementInfo) -> Option<usize> {
    let (entries, flags) = (&set.entries, set.flags());
    if wanted.flags().contains(ElementFlags::CATCHALL) || wanted.key().is_none() {
        return entries.iter().position(|entry| entry.info.flags().contains(ElementFlags::CATCHALL));
    }
    let key = wanted.key()?;
    let keyed = || entries.iter().enumerate().filter_map(|(at, entry)| Some((at, &entry.info, entry.info.key()?)));
    if !flags.contains(SetFlags::INTERVAL) {
        return keyed().find(|(_, _, other)| *other == key).map(|(at, ..)| at);
    }
    if flags.contains(SetFlags::CONCAT) {
        // Field by field.
        let fields = set.fields();
        return keyed()
            .find(|(_, info, low)| is_within(&fields, key, low, info.key_end().unwrap_or(low)))
            .map(|found| found.0);
    }
    // A start and an end of that very key: the start is what the kernel comes upon.
    let exact = |is_end| keyed().find(move |(_, info, other)| *other == key && info.is_interval_end() == is_end);
    if let Some((at, ..)) = exact(false) {
        return Some(at);
    }
    if exact(true).is_some() {
        return exact(true).filter(|_| wanted.is_interval_end()).map(|(at, ..)| at);
    }
    // The nearest below, if that begins an interval; the nearest above, if that ends one.
    let nearest = match wanted.is_interval_end() {
        // Where one interval ends and the next begins the end is nearer to what is below.
        true => keyed()
            .filter(|(_, _, other)| *other > key)
            .min_by_key(|(_, info, other)| (*other, !info.is_interval_end())),
        false => keyed()
            .filter(|(_, _, other)| *other < key)
            .max_by_key(|(_, info, other)| (*other, !info.is_interval_end())),
    };
    nearest.filter(|(_, info, _)| info.is_interval_end() == wanted.is_interval_end()).map(|(at, ..)| at)
}

/// Whether each field of a key is between those of two others.
fn is_within(fields: &[usize], key: &Data, low: &Data, high: &Data) -> bool {
    let mut at = 0;
    fields.iter().all(|len| {
        let of = |key: &Data| key.as_bytes().get(at..at + len).map(<[u8]>::to_vec);
        let within = of(low) <= of(key) && of(key) <= of(high);
        at += len;
        within
    })
}
