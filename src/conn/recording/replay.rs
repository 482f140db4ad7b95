//! What a batch makes of the tables: additions get handles, names are looked up, what is deleted goes.
//!
//! Nothing is checked that only a kernel can check.

use std::collections::{HashMap, HashSet};

use super::state::*;
use super::uses::{Uses, bind, count_uses, has_unbound, is_torn, release, remove_rules};
use crate::chain::{self, ChainFlags, ChainInfo, Device, NFTA_CHAIN_FLAGS, NFTA_CHAIN_HOOK, NFTA_CHAIN_ID};
use crate::datum::DataType;
use crate::error::Errno;
use crate::expr::{Expr, Value};
use crate::flowtable::{self, FlowtableInfo, NFTA_FLOWTABLE_HOOK};
use crate::object::{self, ObjectKind};
use crate::rule::{
    self, NFTA_RULE_CHAIN_ID, NFTA_RULE_EXPRESSIONS, NFTA_RULE_ID, NFTA_RULE_POSITION, NFTA_RULE_POSITION_ID,
};
use crate::set::{self, NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, SetFlags};
use crate::table::{self, TableFlags};
use crate::wire::message::{Content, Message, NLM_F_APPEND, NLM_F_EXCL, NLM_F_REPLACE};
use crate::wire::{Family, Name};

const NFTA_TABLE_FLAGS: u16 = 2;
const NFTA_TABLE_OWNER: u16 = 7;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_CHAIN_TYPE: u16 = 7;
const NF_ACCEPT: u32 = 1;
const NFTA_RULE_COMPAT: u16 = 5;
const NFTA_SET_KEY_LEN: u16 = 5;
const NFTA_SET_DATA_TYPE: u16 = 6;
const NFTA_SET_DATA_LEN: u16 = 7;
/// `sizeof(struct nft_verdict)`
const VERDICT_LEN: u32 = 16;
const NFTA_SET_POLICY: u16 = 8;
const NFTA_SET_DESC: u16 = 9;
const NFTA_SET_ID: u16 = 10;
const NFTA_SET_TIMEOUT: u16 = 11;
const NFTA_SET_GC_INTERVAL: u16 = 12;
const NFTA_SET_OBJ_TYPE: u16 = 15;
const NFTA_SET_EXPR: u16 = 17;
const NFTA_SET_EXPRESSIONS: u16 = 18;
const NFTA_SET_ELEM_LIST_SET_ID: u16 = 4;
const NFTA_OBJ_DATA: u16 = 4;

/// Why an operation is refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem {
    pub(super) errno: Errno,
    /// Where in the message the attribute begins that is at fault.
    pub(super) offset: Option<usize>,
    pub(super) text: Option<&'static str>,
}

impl Problem {
    pub(super) const fn placeless(errno: Errno) -> Self {
        Self { errno, offset: None, text: None }
    }

    /// What this module cannot do, and a kernel could.
    const fn beyond(text: &'static str) -> Self {
        Self { errno: Errno::EOPNOTSUPP, offset: None, text: Some(text) }
    }

    fn at(errno: Errno, attrs: Attrs<'_>, number: u16) -> Self {
        Self { offset: attrs.offset(number), ..Self::placeless(errno) }
    }

    fn in_list(errno: Errno, attrs: Attrs<'_>, number: u16, n: usize) -> Self {
        Self { offset: attrs.offset_in(number, n), ..Self::placeless(errno) }
    }
}

/// The tables as they are then, and the handles of what was added, by the sequences of the messages.
pub(super) type Replayed = (State, Vec<(u32, u64)>);

/// Applies messages to a copy of the tables; all that is wrong with them is told.
///
/// What only a commit finds a dry run does not.
pub(super) fn replay(
    state: &State,
    ops: &[Message<'_>],
    port: u32,
    dry: bool,
) -> Result<Replayed, Vec<(u32, Problem)>> {
    let mut replay = Replay { state: state.clone(), port, ..Replay::default() };
    let mut problems = Vec::new();
    for op in ops {
        let Ok(Content::Nft { kind, family, attrs, .. }) = op.content() else {
            problems.push((op.sequence, Problem::placeless(Errno::EINVAL)));
            continue;
        };
        let op = Operation { kind, flags: op.flags, sequence: op.sequence, family, attrs: Attrs(attrs) };
        if let Err(problem) = replay.apply(&op) {
            problems.push((op.sequence, problem));
        }
    }
    for ((family, table, set), sequence) in &replay.filled {
        let set = replay.state.table(*family, table).and_then(|table| table.set(set));
        if set.is_some_and(is_torn) {
            problems.push((*sequence, Problem::placeless(Errno::EEXIST)));
        }
    }
    problems.sort_by_key(|(sequence, _)| *sequence);
    if !problems.is_empty() {
        return Err(problems);
    }
    let Replay { mut state, touched, made, .. } = replay;
    for table in &mut state.tables {
        if !touched.contains(&(table.family, table.thing.name.clone())) {
            continue;
        }
        if let Some(first) = ops.first().filter(|_| !dry && has_unbound(table)) {
            return Err(vec![(first.sequence, Problem::placeless(Errno::EINVAL))]);
        }
        count_uses(table);
    }
    Ok((state, made))
}

/// A message of a batch.
struct Operation<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    family: Family,
    attrs: Attrs<'a>,
}

impl Operation<'_> {
    fn is_exclusive(&self) -> bool {
        self.flags & NLM_F_EXCL != 0
    }

    fn problem(&self, errno: Errno, number: u16) -> Problem {
        Problem::at(errno, self.attrs, number)
    }

    /// The place of what is named, or has the handle that is given, among others of its kind.
    fn place<'a>(&self, kind: Kind, things: impl Iterator<Item = &'a Thing>) -> Result<usize, Problem> {
        let (handle, name) = (self.attrs.u64(kind.handle), self.attrs.name(kind.name));
        let object = self.attrs.u32(NFTA_OBJ_TYPE).filter(|_| kind == OBJECTS);
        let is_it = |thing: &Thing| match (handle, &name) {
            (Some(handle), _) => thing.handle == handle,
            (None, Some(name)) => thing.name == *name,
            (None, None) => false,
        };
        let mut things = things;
        let found = things.position(|thing| is_it(thing) && object.is_none_or(|object| thing.object_kind() == object));
        let by = if handle.is_some() { kind.handle } else { kind.name };
        found.ok_or_else(|| self.problem(Errno::ENOENT, by))
    }
}

#[derive(Default)]
struct Replay {
    state: State,
    /// Who sends it.
    port: u32,
    made: Vec<(u32, u64)>,
    /// The tables that are changed.
    touched: HashSet<(Family, Vec<u8>)>,
    /// The sets that got elements, and which message was the last that gave them some.
    filled: HashMap<(Family, Vec<u8>, Vec<u8>), u32>,
    ids: Ids,
}

/// What the batch refers to by numbers of its own.
#[derive(Default)]
struct Ids {
    sets: HashMap<u32, Vec<u8>>,
    chains: HashMap<u32, Vec<u8>>,
    rules: HashMap<u32, u64>,
}

impl Replay {
    fn apply(&mut self, op: &Operation<'_>) -> Result<(), Problem> {
        match op.kind {
            table::NFT_MSG_NEWTABLE => return self.new_table(op),
            table::NFT_MSG_DELTABLE | table::NFT_MSG_DESTROYTABLE => return self.delete_table(op),
            _ => {}
        }
        let name = op.attrs.name(TABLE).ok_or(op.problem(Errno::EINVAL, TABLE))?;
        let table = self.state.table_mut(op.family, &name).ok_or(op.problem(Errno::ENOENT, TABLE))?;
        self.touched.insert((op.family, name.clone()));
        let made = match op.kind {
            chain::NFT_MSG_NEWCHAIN => new_chain(op, table, &mut self.ids)?,
            rule::NFT_MSG_NEWRULE => new_rule(op, table, &mut self.ids)?,
            set::NFT_MSG_NEWSET => new_set(op, table, &mut self.ids)?,
            object::NFT_MSG_NEWOBJ => new_object(op, table)?,
            flowtable::NFT_MSG_NEWFLOWTABLE => new_flowtable(op, table)?,
            set::NFT_MSG_NEWSETELEM => {
                let set = new_elements(op, table, &self.ids)?;
                self.filled.insert((op.family, name, set), op.sequence);
                None
            }
            chain::NFT_MSG_DELCHAIN => delete_chain(op, table).map(|()| None)?,
            rule::NFT_MSG_DELRULE => delete_rules(op, table, &self.ids).map(|()| None)?,
            set::NFT_MSG_DELSET => delete_set(op, table).map(|()| None)?,
            object::NFT_MSG_DELOBJ => delete_object(op, table).map(|()| None)?,
            flowtable::NFT_MSG_DELFLOWTABLE => delete_flowtable(op, table).map(|()| None)?,
            set::NFT_MSG_DELSETELEM => delete_elements(op, table, false).map(|()| None)?,
            set::NFT_MSG_DESTROYSETELEM => delete_elements(op, table, true).map(|()| None)?,
            chain::NFT_MSG_DESTROYCHAIN => if_there(delete_chain(op, table))?,
            rule::NFT_MSG_DESTROYRULE => if_there(delete_rules(op, table, &self.ids))?,
            set::NFT_MSG_DESTROYSET => if_there(delete_set(op, table))?,
            object::NFT_MSG_DESTROYOBJ => if_there(delete_object(op, table))?,
            flowtable::NFT_MSG_DESTROYFLOWTABLE => if_there(delete_flowtable(op, table))?,
            _ => return Err(Problem::placeless(Errno::EINVAL)),
        };
        self.made.extend(made.map(|handle| (op.sequence, handle)));
        Ok(())
    }

    fn new_table(&mut self, op: &Operation<'_>) -> Result<(), Problem> {
        let name = op.attrs.name(TABLE).ok_or(op.problem(Errno::EINVAL, TABLE))?;
        let given = op.attrs.u32(NFTA_TABLE_FLAGS);
        if let Some(table) = self.state.table_mut(op.family, &name) {
            if op.is_exclusive() {
                return Err(op.problem(Errno::EEXIST, TABLE));
            }
            let has = table.thing.attrs().u32(NFTA_TABLE_FLAGS).unwrap_or_default();
            let Some(flags) = given.filter(|flags| *flags != has) else { return Ok(()) };
            if TableFlags::from_bits_retain(flags ^ has) != TableFlags::DORMANT {
                return Err(Problem::placeless(Errno::EOPNOTSUPP));
            }
            table.thing.raw = table.thing.attrs().with(&[NFTA_TABLE_FLAGS], |w| w.u32(NFTA_TABLE_FLAGS, flags));
            return Ok(());
        }
        self.state.last_table = self.state.last_table.wrapping_add(1);
        let (handle, port) = (self.state.last_table, self.port);
        let is_owned = TableFlags::from_bits_retain(given.unwrap_or_default()).contains(TableFlags::OWNER);
        let raw = op.attrs.with(&[TABLES.handle, NFTA_TABLE_FLAGS, NFTA_TABLE_OWNER], |w| {
            w.u64(TABLES.handle, handle);
            w.u32(NFTA_TABLE_FLAGS, given.unwrap_or_default());
            if is_owned {
                w.u32(NFTA_TABLE_OWNER, port);
            }
        });
        self.state.tables.push(Table::new(op.family, Thing { name: name.clone(), handle, raw }));
        self.touched.insert((op.family, name));
        self.made.push((op.sequence, handle));
        Ok(())
    }

    fn delete_table(&mut self, op: &Operation<'_>) -> Result<(), Problem> {
        let tables = &mut self.state.tables;
        if !op.attrs.has(TABLES.name) && !op.attrs.has(TABLES.handle) {
            tables.retain(|table| op.family != Family::UNSPEC && op.family != table.family);
            return Ok(());
        }
        // By its handle a table is found in its family, too.
        let there = tables.iter().enumerate().filter(|(_, table)| table.family == op.family);
        let (places, things): (Vec<usize>, Vec<&Thing>) = there.map(|(at, table)| (at, &table.thing)).unzip();
        match op.place(TABLES, things.into_iter()) {
            Ok(at) => {
                tables.remove(places[at]);
            }
            Err(_) if op.kind == table::NFT_MSG_DESTROYTABLE => {}
            Err(problem) => return Err(problem),
        }
        Ok(())
    }
}

/// Accepts that something is not there.
fn if_there(done: Result<(), Problem>) -> Result<Option<u64>, Problem> {
    match done {
        Err(problem) if problem.errno != Errno::ENOENT => Err(problem),
        _ => Ok(None),
    }
}

fn new_chain(op: &Operation<'_>, table: &mut Table, ids: &mut Ids) -> Result<Option<u64>, Problem> {
    let name = op.attrs.name(CHAINS.name);
    if op.attrs.has(CHAINS.handle) {
        return Err(Problem::beyond("a recording does not rename chains"));
    }
    let id = op.attrs.u32(NFTA_CHAIN_ID);
    let there = name.as_ref().and_then(|name| table.chains.iter_mut().find(|chain| chain.name == *name));
    if let Some(chain) = there {
        if op.is_exclusive() {
            return Err(op.problem(Errno::EEXIST, CHAINS.name));
        }
        ids.chains.extend(id.map(|id| (id, chain.name.clone())));
        return change_chain(op, chain).map(|()| None);
    }
    let handle = table.next_handle();
    let name = name.unwrap_or_else(|| format!("__chain{handle}").into_bytes());
    let is_base = op.attrs.has(NFTA_CHAIN_HOOK);
    let mut flags = ChainFlags::from_bits_retain(op.attrs.u32(NFTA_CHAIN_FLAGS).unwrap_or_default());
    flags.set(ChainFlags::BASE, is_base);
    let raw = op.attrs.with(&[CHAINS.name, CHAINS.handle, NFTA_CHAIN_FLAGS, NFTA_CHAIN_ID], |w| {
        w.string(CHAINS.name, &name);
        w.u64(CHAINS.handle, handle);
        if is_base && !op.attrs.has(NFTA_CHAIN_POLICY) {
            w.u32(NFTA_CHAIN_POLICY, NF_ACCEPT);
        }
        if is_base && !op.attrs.has(NFTA_CHAIN_TYPE) {
            w.string(NFTA_CHAIN_TYPE, b"filter");
        }
        if !flags.is_empty() {
            w.u32(NFTA_CHAIN_FLAGS, flags.bits());
        }
    });
    ids.chains.extend(id.map(|id| (id, name.clone())));
    table.chains.push(Thing { name, handle, raw });
    Ok(Some(handle))
}

/// Adds a chain again: its policy may be another.
fn change_chain(op: &Operation<'_>, chain: &mut Thing) -> Result<(), Problem> {
    let read = |attrs: &[u8]| ChainInfo::decode(op.family, attrs).map_err(|_| Problem::placeless(Errno::EINVAL));
    let (has, wants) = (read(&chain.raw)?, read(op.attrs.0)?);
    if wants.hook().is_some() {
        // No regular chain becomes a base chain, and none one of another type.
        if has.hook().is_some() && (has.hook(), has.priority()) != (wants.hook(), wants.priority()) {
            return Err(Problem::placeless(Errno::EOPNOTSUPP));
        }
        if has.kind() != wants.kind() {
            return Err(op.problem(Errno::EEXIST, CHAINS.name));
        }
        // A chain that is attached gets the devices that it lacks.
        if !are_in(wants.devices(), has.devices()) {
            return Err(Problem::beyond("a recording does not change the devices of a chain"));
        }
    }
    let Some(policy) = op.attrs.u32(NFTA_CHAIN_POLICY) else { return Ok(()) };
    if has.hook().is_none() {
        return Err(op.problem(Errno::EOPNOTSUPP, NFTA_CHAIN_POLICY));
    }
    chain.raw = replaced(&chain.raw, NFTA_CHAIN_POLICY, |w| w.u32(NFTA_CHAIN_POLICY, policy));
    Ok(())
}

fn are_in(devices: &[Device], others: &[Device]) -> bool {
    devices.iter().all(|device| others.contains(device))
}

fn new_rule(op: &Operation<'_>, table: &mut Table, ids: &mut Ids) -> Result<Option<u64>, Problem> {
    let by_id = op.attrs.u32(NFTA_RULE_CHAIN_ID).and_then(|id| ids.chains.get(&id).cloned());
    let chain = op.attrs.name(RULES.name).or(by_id);
    let chain = chain.filter(|chain| table.chain(chain).is_some()).ok_or(op.problem(Errno::ENOENT, RULES.name))?;
    let list = op.attrs.bytes(NFTA_RULE_EXPRESSIONS).unwrap_or_default();
    let (mut n, mut wrong) = (0, None);
    let exprs = changed_list(&list, |expr| {
        n += 1;
        resolve(expr, table, ids).unwrap_or_else(|errno| {
            wrong.get_or_insert((n - 1, errno));
            None
        })
    });
    if let Some((n, errno)) = wrong {
        return Err(Problem::in_list(errno, op.attrs, NFTA_RULE_EXPRESSIONS, n));
    }
    let place =
        |table: &Table, handle: u64| table.rules.iter().position(|rule| rule.name == chain && rule.handle == handle);
    let replaces = op.flags & NLM_F_REPLACE != 0;
    let (at, handle) = if replaces {
        let handle = op.attrs.u64(RULES.handle);
        let found = handle.and_then(|handle| Some((place(table, handle)?, handle)));
        found.ok_or(op.problem(Errno::ENOENT, RULES.handle))?
    } else {
        let by_id = op.attrs.u32(NFTA_RULE_POSITION_ID).map(|id| ids.rules.get(&id).copied());
        let beside = op.attrs.u64(NFTA_RULE_POSITION).map(Some).or(by_id);
        let appends = op.flags & NLM_F_APPEND != 0;
        let at = match beside {
            Some(handle) => {
                let found = handle.and_then(|handle| place(table, handle));
                let number = if by_id.is_some() { NFTA_RULE_POSITION_ID } else { NFTA_RULE_POSITION };
                found.ok_or(op.problem(Errno::ENOENT, number))? + usize::from(appends)
            }
            None if appends => table.rules.len(),
            None => table.rules.iter().position(|rule| rule.name == chain).unwrap_or(table.rules.len()),
        };
        (at, table.next_handle())
    };
    const PLACE: [u16; 8] = [
        RULES.name,
        RULES.handle,
        NFTA_RULE_EXPRESSIONS,
        NFTA_RULE_COMPAT,
        NFTA_RULE_POSITION,
        NFTA_RULE_ID,
        NFTA_RULE_POSITION_ID,
        NFTA_RULE_CHAIN_ID,
    ];
    let names = Attrs(&[]).with(&[], |w| {
        w.copy(op.attrs.0, |number| number == TABLE);
        w.string(RULES.name, &chain);
        w.u64(RULES.handle, handle);
        w.nest(NFTA_RULE_EXPRESSIONS, |w| w.raw(&exprs));
        w.copy(op.attrs.0, |number| number != TABLE && !PLACE.contains(&number));
    });
    let rule = Thing { name: chain, handle, raw: names };
    ids.rules.extend(op.attrs.u32(NFTA_RULE_ID).map(|id| (id, handle)));
    bind(table, &rule);
    if replaces {
        let old = std::mem::replace(&mut table.rules[at], rule);
        release(table, vec![old]);
    } else {
        table.rules.insert(at, rule);
    }
    Ok(Some(handle))
}

/// An expression with names instead of the batch's own numbers, where it has such.
fn resolve(expr: &Expr, table: &Table, ids: &Ids) -> Result<Option<Expr>, Errno> {
    let set = |name: &Name, id: Option<u32>| -> Result<Name, Errno> {
        let named = table.set(name.as_bytes());
        if named.is_some_and(|set| set.bound) {
            return Err(Errno::EBUSY); // It belongs to another rule.
        }
        let named = named.map(|_| name.clone());
        let numbered = || Some(Name::from(ids.sets.get(&id?)?.as_slice()));
        named.or_else(numbered).ok_or(Errno::ENOENT)
    };
    let mut expr = expr.clone();
    match &mut expr {
        Expr::Lookup(lookup) => {
            lookup.set = set(&lookup.set, lookup.set_id)?;
            return Ok(lookup.set_id.take().map(|_| expr));
        }
        Expr::Dynset(dynset) => {
            dynset.set = set(&dynset.set, dynset.set_id)?;
            return Ok(dynset.set_id.take().map(|_| expr));
        }
        Expr::Objref(objref) => {
            if let Some((_, map)) = &mut objref.map {
                *map = set(map, objref.set_id)?;
            }
            if let Some((kind, name)) = &objref.object {
                table.object(name.as_bytes(), kind.get()).ok_or(Errno::ENOENT)?;
            }
            return Ok(objref.set_id.take().map(|_| expr));
        }
        Expr::FlowOffload(offload) => {
            table.flowtable(offload.flowtable.as_bytes()).ok_or(Errno::ENOENT)?;
        }
        Expr::Immediate(immediate) => {
            let Value::Verdict(verdict) = &mut immediate.value else { return Ok(None) };
            if let Some(name) = &verdict.chain {
                table.chain(name.as_bytes()).ok_or(Errno::ENOENT)?;
            } else if let Some(id) = verdict.chain_id.take() {
                let name = ids.chains.get(&id).ok_or(Errno::ENOENT)?;
                verdict.chain = Some(name.as_slice().into());
                return Ok(Some(expr));
            }
        }
        _ => {}
    }
    Ok(None)
}

fn new_set(op: &Operation<'_>, table: &mut Table, ids: &mut Ids) -> Result<Option<u64>, Problem> {
    let name = op.attrs.name(SETS.name).ok_or(op.problem(Errno::EINVAL, SETS.name))?;
    let id = op.attrs.u32(NFTA_SET_ID).ok_or(Problem::placeless(Errno::EINVAL))?;
    if let Some(set) = table.set(&name) {
        // What is absent is zero.
        let same = |number: u16| {
            let of = |attrs: Attrs<'_>| attrs.u32(number).unwrap_or_default();
            of(set.thing.attrs()) == of(op.attrs)
        };
        let kind = [NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN, NFTA_SET_DATA_TYPE, NFTA_SET_OBJ_TYPE];
        if op.is_exclusive() || !kind.into_iter().all(same) {
            return Err(op.problem(Errno::EEXIST, SETS.name));
        }
        let timeout = |attrs: Attrs<'_>| attrs.u64(NFTA_SET_TIMEOUT).unwrap_or_default();
        if timeout(set.thing.attrs()) != timeout(op.attrs) || !same(NFTA_SET_GC_INTERVAL) {
            return Err(Problem::beyond("a recording does not change the timeout of a set"));
        }
        ids.sets.insert(id, name);
        return Ok(None);
    }
    let name = match name.windows(2).position(|pair| pair == b"%d") {
        // The lowest number that is not taken.
        Some(at) => {
            let numbered = |n: usize| [&name[..at], n.to_string().as_bytes(), &name[at + 2..]].concat();
            (0..=table.sets.len()).map(numbered).find(|name| table.set(name).is_none()).unwrap_or_default()
        }
        None => name,
    };
    let handle = table.next_handle();
    let is_map = SetFlags::from_bits_retain(op.attrs.u32(NFTA_SET_FLAGS).unwrap_or_default()).contains(SetFlags::MAP);
    let is_of_verdicts = op.attrs.u32(NFTA_SET_DATA_TYPE) == Some(DataType::SET_VERDICT.get());
    let raw = Attrs(&[]).with(&[], |w| {
        w.copy(op.attrs.0, |number| number == TABLE);
        w.string(SETS.name, &name);
        w.u64(SETS.handle, handle);
        // What is zero the kernel does not tell.
        w.copy(op.attrs.0, |number| match number {
            TABLE | NFTA_SET_ID | NFTA_SET_DESC => false,
            NFTA_SET_FLAGS | NFTA_SET_POLICY | NFTA_SET_GC_INTERVAL => op.attrs.u32(number) != Some(0),
            NFTA_SET_TIMEOUT => op.attrs.u64(number) != Some(0),
            NFTA_SET_DATA_LEN => is_map && !is_of_verdicts,
            number => number != SETS.name && number != SETS.handle,
        });
        if is_of_verdicts {
            w.u32(NFTA_SET_DATA_LEN, VERDICT_LEN);
        }
        w.nest(NFTA_SET_DESC, |w| w.raw(&op.attrs.bytes(NFTA_SET_DESC).unwrap_or_default()));
    });
    ids.sets.insert(id, name.clone());
    table.sets.push(Set { thing: Thing { name, handle, raw }, entries: Vec::new(), bound: false });
    Ok(Some(handle))
}

fn new_object(op: &Operation<'_>, table: &mut Table) -> Result<Option<u64>, Problem> {
    let name = op.attrs.name(OBJECTS.name).ok_or(op.problem(Errno::EINVAL, OBJECTS.name))?;
    let kind = op.attrs.u32(NFTA_OBJ_TYPE).ok_or(Problem::placeless(Errno::EINVAL))?;
    if let Some(object) = table.object(&name, kind) {
        if op.is_exclusive() {
            return Err(op.problem(Errno::EEXIST, OBJECTS.name));
        }
        let is_same = object.attrs().bytes(NFTA_OBJ_DATA) == op.attrs.bytes(NFTA_OBJ_DATA);
        if ObjectKind::from_raw(kind) == ObjectKind::QUOTA && !is_same {
            return Err(Problem::beyond("a recording does not change a quota that is there"));
        }
        return Ok(None);
    }
    let handle = table.next_handle();
    let raw = op.attrs.with(&[OBJECTS.handle], |w| w.u64(OBJECTS.handle, handle));
    table.objects.push(Thing { name, handle, raw });
    Ok(Some(handle))
}

fn new_flowtable(op: &Operation<'_>, table: &mut Table) -> Result<Option<u64>, Problem> {
    let name = op.attrs.name(FLOWTABLES.name).ok_or(op.problem(Errno::EINVAL, FLOWTABLES.name))?;
    if let Some(flowtable) = table.flowtable(&name) {
        if op.is_exclusive() {
            return Err(op.problem(Errno::EEXIST, FLOWTABLES.name));
        }
        let read =
            |attrs: &[u8]| FlowtableInfo::decode(op.family, attrs).map_err(|_| Problem::placeless(Errno::EINVAL));
        let (has, wants) = (read(&flowtable.raw)?, read(op.attrs.0)?);
        if !are_in(wants.devices(), has.devices()) {
            return Err(Problem::beyond("a recording does not change the devices of a flowtable"));
        }
        return Ok(None);
    }
    let handle = table.next_handle();
    let raw = op.attrs.with(&[FLOWTABLES.handle], |w| w.u64(FLOWTABLES.handle, handle));
    table.flowtables.push(Thing { name, handle, raw });
    Ok(Some(handle))
}

/// Adds elements to a set, and returns its name.
fn new_elements(op: &Operation<'_>, table: &mut Table, ids: &Ids) -> Result<Vec<u8>, Problem> {
    let absent = op.problem(Errno::ENOENT, SETS.name);
    let named = op.attrs.name(SETS.name).filter(|name| table.set(name).is_some());
    let numbered = || ids.sets.get(&op.attrs.u32(NFTA_SET_ELEM_LIST_SET_ID)?).cloned();
    let name = named.or_else(numbered).ok_or(absent)?;
    let Some(at) = table.sets.iter().position(|set| set.thing.name == name) else { return Err(absent) };
    let mut set = table.sets.remove(at);
    let result = add_elements(op, table, &mut set);
    table.sets.insert(at, set);
    result.map(|()| name)
}

fn add_elements(op: &Operation<'_>, table: &Table, set: &mut Set) -> Result<(), Problem> {
    let wrong = |errno, n| Problem::in_list(errno, op.attrs, NFTA_SET_ELEM_LIST_ELEMENTS, n);
    let has = set.thing.attrs();
    let (timeouts, default) = (set.flags().contains(SetFlags::TIMEOUT), has.u64(NFTA_SET_TIMEOUT));
    let kind = has.u32(NFTA_SET_OBJ_TYPE);
    let stateful = has.bytes(NFTA_SET_EXPR).map(|expr| (NFTA_SET_ELEM_EXPR, expr));
    let stateful = stateful.or(has.bytes(NFTA_SET_EXPRESSIONS).map(|list| (NFTA_SET_ELEM_EXPRESSIONS, list)));
    let mut places: HashMap<EntryKey, usize> =
        set.entries.iter().enumerate().map(|(at, entry)| (key_of(&entry.info), at)).collect();
    let given = entries(op.attrs.0).map_err(|_| Problem::placeless(Errno::EINVAL))?;
    for (n, entry) in given.into_iter().enumerate() {
        if let Some(Value::Verdict(verdict)) = entry.info.data() {
            let chain = verdict.chain.as_ref().map(|chain| table.chain(chain.as_bytes()));
            chain.is_none_or(|chain| chain.is_some()).then_some(()).ok_or(wrong(Errno::ENOENT, n))?;
        }
        if let (Some(object), Some(kind)) = (entry.info.object(), kind) {
            table.object(object.as_bytes(), kind).ok_or(wrong(Errno::ENOENT, n))?;
        }
        let attrs = Attrs(&entry.raw);
        let own = attrs.u64(NFTA_SET_ELEM_TIMEOUT);
        let left = attrs.u64(NFTA_SET_ELEM_EXPIRATION).or(own).or(default).filter(|_| timeouts);
        // An element that never expires has nothing left, and so has the end of an interval.
        let left = left.filter(|left| *left > 0 && !entry.info.is_interval_end());
        let has_own = attrs.has(NFTA_SET_ELEM_EXPR) || attrs.has(NFTA_SET_ELEM_EXPRESSIONS);
        let raw = attrs.with(&[NFTA_SET_ELEM_EXPIRATION], |w| {
            if let Some(left) = left {
                w.u64(NFTA_SET_ELEM_EXPIRATION, left);
            }
            if let Some((number, exprs)) = stateful.as_ref().filter(|_| !has_own && !entry.info.is_interval_end()) {
                w.nest(*number, |w| w.raw(exprs));
            }
        });
        let new = SetEntry::of(&raw).map_err(|_| wrong(Errno::EINVAL, n))?;
        let Some(old) = places.get(&key_of(&new.info)).map(|at| &mut set.entries[*at]) else {
            places.insert(key_of(&new.info), set.entries.len());
            set.entries.push(new);
            continue;
        };
        let value = |entry: &SetEntry| (entry.info.data().cloned(), entry.info.object().cloned());
        if op.is_exclusive() || value(old) != value(&new) {
            return Err(wrong(Errno::EEXIST, n));
        }
        // All of it stays but the time that it has.
        const TIMES: [u16; 2] = [NFTA_SET_ELEM_TIMEOUT, NFTA_SET_ELEM_EXPIRATION];
        let raw = Attrs(&old.raw).with(&TIMES, |w| w.copy(&new.raw, |number| TIMES.contains(&number)));
        *old = SetEntry::of(&raw).map_err(|_| wrong(Errno::EINVAL, n))?;
    }
    Ok(())
}

fn delete_elements(op: &Operation<'_>, table: &mut Table, if_there: bool) -> Result<(), Problem> {
    let name = op.attrs.name(SETS.name).unwrap_or_default();
    let set = table.set_mut(&name).ok_or(op.problem(Errno::ENOENT, SETS.name))?;
    if !op.attrs.has(NFTA_SET_ELEM_LIST_ELEMENTS) {
        set.entries.clear();
        return Ok(());
    }
    let places: HashMap<EntryKey, usize> =
        set.entries.iter().enumerate().map(|(at, entry)| (key_of(&entry.info), at)).collect();
    let mut gone = HashSet::new();
    let given = entries(op.attrs.0).map_err(|_| Problem::placeless(Errno::EINVAL))?;
    for (n, entry) in given.iter().enumerate() {
        let is_there = places.get(&key_of(&entry.info)).is_some_and(|at| gone.insert(*at));
        if !is_there && !if_there {
            return Err(Problem::in_list(Errno::ENOENT, op.attrs, NFTA_SET_ELEM_LIST_ELEMENTS, n));
        }
    }
    let mut at = 0;
    set.entries.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
    Ok(())
}

fn delete_rules(op: &Operation<'_>, table: &mut Table, ids: &Ids) -> Result<(), Problem> {
    let Some(chain) = op.attrs.name(RULES.name) else {
        remove_rules(table, |_| true);
        return Ok(());
    };
    table.chain(&chain).ok_or(op.problem(Errno::ENOENT, RULES.name))?;
    let by_id = op.attrs.u32(NFTA_RULE_ID).map(|id| ids.rules.get(&id).copied());
    let Some(handle) = op.attrs.u64(RULES.handle).map(Some).or(by_id) else {
        remove_rules(table, |rule| rule.name == chain);
        return Ok(());
    };
    let is_it = |rule: &Thing| rule.name == chain && Some(rule.handle) == handle;
    let number = if by_id.is_some() { NFTA_RULE_ID } else { RULES.handle };
    table.rules.iter().position(is_it).ok_or(op.problem(Errno::ENOENT, number))?;
    remove_rules(table, is_it);
    Ok(())
}

fn delete_chain(op: &Operation<'_>, table: &mut Table) -> Result<(), Problem> {
    if op.attrs.find(NFTA_CHAIN_HOOK, |_| ()).is_some() {
        return Err(Problem::beyond("a recording does not change the devices of a chain"));
    }
    let at = op.place(CHAINS, table.chains.iter())?;
    let name = table.chains[at].name.clone();
    // Its own rules go with it, and what they have.
    let others = || table.rules.iter().filter(|rule| rule.name != name);
    if Uses::by(others(), &table.sets).chains.contains_key(&name) {
        return Err(op.problem(Errno::EBUSY, CHAINS.name));
    }
    table.chains.remove(at);
    remove_rules(table, |rule| rule.name == name);
    Ok(())
}

fn delete_set(op: &Operation<'_>, table: &mut Table) -> Result<(), Problem> {
    let at = op.place(SETS, table.sets.iter().map(|set| &set.thing))?;
    if Uses::of(table).sets.contains_key(&table.sets[at].thing.name) {
        return Err(op.problem(Errno::EBUSY, SETS.name));
    }
    table.sets.remove(at);
    Ok(())
}

fn delete_object(op: &Operation<'_>, table: &mut Table) -> Result<(), Problem> {
    let at = op.place(OBJECTS, table.objects.iter())?;
    let object = &table.objects[at];
    if Uses::of(table).objects.contains_key(&(object.object_kind(), object.name.clone())) {
        return Err(op.problem(Errno::EBUSY, OBJECTS.name));
    }
    table.objects.remove(at);
    Ok(())
}

fn delete_flowtable(op: &Operation<'_>, table: &mut Table) -> Result<(), Problem> {
    if op.attrs.find(NFTA_FLOWTABLE_HOOK, |_| ()).is_some() {
        return Err(Problem::beyond("a recording does not change the devices of a flowtable"));
    }
    let at = op.place(FLOWTABLES, table.flowtables.iter())?;
    if Uses::of(table).flowtables.contains_key(&table.flowtables[at].name) {
        return Err(op.problem(Errno::EBUSY, FLOWTABLES.name));
    }
    table.flowtables.remove(at);
    Ok(())
}
