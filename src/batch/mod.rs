//! A transaction as a value: nft's verbs become netlink messages in one buffer.

mod chains;
mod dump;
mod entries;
mod explain;
mod features;
mod fill;
mod parts;
pub(crate) mod probe;
mod ruleset;
mod show;
mod verbs;
mod within;

use std::collections::HashSet;
use std::fmt;

pub use chains::{HasDevices, Rename};
pub(crate) use fill::Filling;
pub(crate) use verbs::write_rule_chain;
pub use verbs::{Declare, Delete, DeleteByHandle, Flush, Position};
use within::Within;

use crate::chain::{ChainRef, NFT_MSG_NEWCHAIN, write_own};
use crate::datum::{DataType, IntoKey};
use crate::error::{BuildError, BuildErrorKind, Op};
use crate::rule::{
    AsRule, NFT_MSG_DELRULE, NFT_MSG_NEWRULE, NFTA_RULE_HANDLE, NFTA_RULE_ID, NFTA_RULE_POSITION,
    NFTA_RULE_POSITION_ID, OwnSet, Rule, RuleHandle,
};
use crate::set::{
    Anonymous, Element, IntoElement, Key, Mapped, NFT_MSG_DELSETELEM, NFT_MSG_DESTROYSETELEM, NFT_MSG_NEWSET,
    NFT_MSG_NEWSETELEM, Order, OwnDynamic, Set, SetFlags, SetRef, SplitEntries, WhatOfElement, ascending, write_set_id,
};
use crate::table::{NFT_MSG_DELTABLE, NFT_MSG_NEWTABLE, TableRef};
use crate::userdata::FieldOf;
use crate::wire::message::{
    Content, HEADER_LEN, Messages, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, header, len_and_kind,
    message, patch_length,
};
use crate::wire::{AttrWriter, Family};

/// Operations that the kernel applies together, or not at all.
///
/// A batch is a value: it holds encoded messages and does no I/O. [`Conn::commit`] borrows it,
/// so after a failure it can be sent again, and after success [cleared](Self::clear) and its
/// memory used again. Order matters: what an operation refers to has to exist by then.
///
/// No verb fails. The first mistake, as a name that is too long, is kept, and `commit` returns
/// it before anything is sent.
///
/// ```
/// use nftlink::field::tcp;
/// use nftlink::{Batch, Hook, Policy, Priority, Rule, Table};
///
/// let fw = Table::inet("fw");
/// let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::ACCEPT);
/// let mut batch = Batch::new();
/// batch.reset(&fw).add(&input);
/// batch.append(&input, Rule::new().when(tcp::dport().eq(23)).drop());
/// let telnet = batch.last();
/// batch.insert_before(&input, telnet, Rule::new().counter());
/// assert_eq!(batch.len(), 4);
/// ```
///
/// [`Conn::commit`]: crate::Conn::commit
#[derive(Debug, Clone, Default)]
pub struct Batch {
    w: AttrWriter,
    ops: Vec<Entry>,
    /// The sequence of the last message: the first has 1, or of a part of another batch the one after `before`.
    messages: u32,
    /// How many messages come before this batch in the one that it is a part of.
    before: u32,
    /// For each rule, after each of its steps, how many expressions it has.
    steps: Vec<u8>,
    /// The number of the set that was added last.
    last_set: Option<u32>,
    within: Within,
    mistake: Option<BuildError>,
}

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// Where its first message begins.
    offset: usize,
    /// The sequence of its first message.
    sequence: u32,
    /// Of elements, the data type of their keys and whether they are intervals; of a rule, where
    /// its steps begin.
    detail: u32,
}

/// Marks that an operation's elements are intervals, above all type numbers of keys.
const INTERVALS: u32 = 1 << 31;

fn detail_of<K: Key>() -> u32 {
    K::TYPE.get() | if K::FLAGS.contains(SetFlags::INTERVAL) { INTERVALS } else { 0 }
}

impl Batch {
    /// An empty batch.
    pub const fn new() -> Self {
        Self {
            w: AttrWriter::new(),
            ops: Vec::new(),
            messages: 0,
            before: 0,
            steps: Vec::new(),
            last_set: None,
            within: Within::new(),
            mistake: None,
        }
    }

    /// Forgets all operations and keeps the memory.
    pub fn clear(&mut self) {
        self.w.buffer().clear();
        self.ops.clear();
        self.messages = self.before;
        self.steps.clear();
        self.last_set = None;
        self.mistake = None;
    }

    /// Returns how many operations there are.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there are no operations.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Returns the operation that was added last. Of an empty batch it names none.
    pub fn last(&self) -> Op {
        Op((self.ops.len() as u32).wrapping_sub(1))
    }

    /// Returns the encoded messages, without the batch's begin and end.
    pub fn as_bytes(&self) -> &[u8] {
        self.w.bytes_written()
    }

    /// Shows each message, attribute and byte, as `nft --debug=mnl` does: for reports of faults.
    ///
    /// Before its messages each operation is named, as errors name it. All that the batch has is in it, names,
    /// addresses and comments included: look through it before you show it to others. It leaves out the begin and end,
    /// which a commit adds.
    ///
    /// ```
    /// # use nftlink::{Batch, Table};
    /// let mut batch = Batch::new();
    /// batch.add(&Table::ip("fw"));
    /// let text = batch.dump().to_string();
    /// assert!(text.starts_with("# operation 0: add table ip fw\n----------------\t------------------\n"));
    /// assert!(text.contains("| 66 77 00 00  |\t|      data      |\t f w    \n"));
    /// ```
    pub fn dump(&self) -> impl fmt::Display {
        dump::Dump(self)
    }

    /// Returns the first mistake, which `commit` would return.
    pub fn mistake(&self) -> Option<&BuildError> {
        self.mistake.as_ref()
    }

    /// Adds a table, chain, set, object or flowtable; one that is there already stays, and so does what is
    /// in it. Of one that is there, a table's dormancy, a chain's policy if one is given and, on
    /// newer kernels, a set's timeout change to what is given; a chain (Linux 6.4) or a flowtable gets the
    /// devices that it lacks; comments do not change. A set or object of another type, or a chain at another
    /// hook, makes the commit fail.
    pub fn add(&mut self, what: &impl Declare) -> &mut Self {
        self.declare(what, NLM_F_CREATE)
    }

    /// Adds a table, chain, set, object or flowtable; the commit fails (`EEXIST`) if it is there already.
    pub fn create(&mut self, what: &impl Declare) -> &mut Self {
        self.declare(what, NLM_F_CREATE | NLM_F_EXCL)
    }

    fn declare(&mut self, what: &impl Declare, flags: u16) -> &mut Self {
        let (kind, family) = what.new_message();
        self.op(0, |batch| {
            // A set needs a number of its own in the batch, whether anything refers to it or not.
            let id = batch.messages + 1;
            if kind == NFT_MSG_NEWSET {
                batch.last_set = Some(id);
            }
            batch.message(kind, flags, family, |w| what.write_new(id, w));
        })
    }

    /// Deletes a table, chain, set, object, flowtable or rule, and all that is in it; the commit fails if it
    /// is not there (`ENOENT`), or if something else refers to it (`EBUSY`).
    pub fn delete(&mut self, what: &impl Delete) -> &mut Self {
        self.remove(what, what.messages().0)
    }

    /// Deletes a table, chain, set, object, flowtable or rule if it is there (Linux 6.3).
    pub fn destroy(&mut self, what: &impl Delete) -> &mut Self {
        self.remove(what, what.messages().1)
    }

    /// Deletes what was read, by its handle: whatever its name is by now, and nothing that was made in its place
    /// under the same name. The commit fails if it is gone (`ENOENT`).
    ///
    /// ```
    /// # use nftlink::{Batch, ChainInfo};
    /// # fn delete(info: &ChainInfo, batch: &mut Batch) {
    /// batch.delete_by_handle(info);
    /// # }
    /// ```
    pub fn delete_by_handle(&mut self, what: &impl DeleteByHandle) -> &mut Self {
        let (kind, family) = what.handle_messages();
        self.op(0, |batch| batch.message(kind, 0, family, |w| what.write_handle(w)))
    }

    fn remove(&mut self, what: &impl Delete, kind: u16) -> &mut Self {
        self.op(0, |batch| batch.message(kind, 0, what.family(), |w| what.write_name(w)))
    }

    /// Empties a table (of all rules of all its chains), a chain (of its rules), or a set (of its
    /// elements).
    pub fn flush(&mut self, what: &impl Flush) -> &mut Self {
        self.op(0, |batch| batch.message(what.flush_message(), 0, what.flush_family(), |w| what.write_flush(w)))
    }

    /// Makes sure that the table exists and that nothing is in it, on every kernel.
    ///
    /// Where the batch then fills it while packets flow, rules and elements of plain sets switch in
    /// one instant. The drop policy of a new chain, and elements of a new set of intervals, follow some
    /// microseconds later, and a packet that is just then on its way from the place of the new chain to that of the
    /// old one meets neither. [`guide`](crate::guide::replace_my_table) says how to do without.
    pub fn reset(&mut self, table: &(impl Declare + AsRef<TableRef>)) -> &mut Self {
        let family = table.as_ref().family;
        self.op(0, |batch| {
            batch.message(NFT_MSG_NEWTABLE, NLM_F_CREATE, family, |w| table.write_new(0, w));
            batch.message(NFT_MSG_DELTABLE, 0, family, |w| table.as_ref().write(w));
            batch.message(NFT_MSG_NEWTABLE, NLM_F_CREATE, family, |w| table.write_new(0, w));
        })
    }

    /// Deletes every table of every family in the namespace, those of others too, but for tables
    /// that have another owner.
    pub fn flush_ruleset(&mut self) -> &mut Self {
        self.op(0, |batch| batch.message(NFT_MSG_DELTABLE, 0, Family::UNSPEC, |_| {}))
    }

    /// Appends a rule to a chain.
    pub fn append(&mut self, chain: impl AsRef<ChainRef>, rule: impl AsRule) -> &mut Self {
        self.rule(chain.as_ref(), NLM_F_CREATE | NLM_F_APPEND, &rule, |_| {})
    }

    /// Puts a rule before all others of a chain.
    pub fn insert(&mut self, chain: impl AsRef<ChainRef>, rule: impl AsRule) -> &mut Self {
        self.rule(chain.as_ref(), NLM_F_CREATE, &rule, |_| {})
    }

    /// Puts a rule before another: one that the kernel has, or one that this batch adds.
    pub fn insert_before(
        &mut self,
        chain: impl AsRef<ChainRef>,
        at: impl Into<Position>,
        rule: impl AsRule,
    ) -> &mut Self {
        self.insert_at(chain.as_ref(), NLM_F_CREATE, at.into(), rule)
    }

    /// Puts a rule after another: one that the kernel has, or one that this batch adds.
    pub fn insert_after(
        &mut self,
        chain: impl AsRef<ChainRef>,
        at: impl Into<Position>,
        rule: impl AsRule,
    ) -> &mut Self {
        self.insert_at(chain.as_ref(), NLM_F_CREATE | NLM_F_APPEND, at.into(), rule)
    }

    fn insert_at(&mut self, chain: &ChainRef, flags: u16, at: Position, rule: impl AsRule) -> &mut Self {
        let id = self.position_id(at);
        self.rule(chain, flags, &rule, |w| match (at, id) {
            (Position::Handle(handle), _) => w.u64(NFTA_RULE_POSITION, handle.get()),
            (Position::Op(_), Some(id)) => w.u32(NFTA_RULE_POSITION_ID, id),
            (Position::Op(op), None) => w.fail(BuildErrorKind::NotARule(op)),
        })
    }

    /// Replaces a rule that the kernel has; the new one has its place and its handle.
    pub fn replace(&mut self, chain: impl AsRef<ChainRef>, handle: RuleHandle, rule: impl AsRule) -> &mut Self {
        self.rule(chain.as_ref(), NLM_F_REPLACE, &rule, |w| w.u64(NFTA_RULE_HANDLE, handle.get()))
    }

    fn rule(
        &mut self,
        chain: &ChainRef,
        flags: u16,
        rule: &impl AsRule,
        place: impl FnOnce(&mut AttrWriter),
    ) -> &mut Self {
        let detail = self.steps.len() as u32;
        self.op(detail, |batch| batch.one_rule(chain, None, flags, rule, place))
    }

    /// Writes a rule behind what it has to itself, into a chain of the batch if that has an id.
    fn one_rule(
        &mut self,
        chain: &ChainRef,
        id: Option<u32>,
        flags: u16,
        rule: &impl AsRule,
        place: impl FnOnce(&mut AttrWriter),
    ) {
        let own = if rule.has_own() { self.own(chain, rule) } else { Vec::new() };
        self.messages += 1;
        let Self { w, steps, within, messages, .. } = self;
        message(w, NFT_MSG_NEWRULE, flags, *messages, chain.table.family, |w| {
            match id {
                None => within.write(chain, w),
                Some(id) => verbs::write_rule_chain_id(chain, id, w),
            }
            place(w);
            rule.encode(chain, &own, w, steps);
        });
        // No step has no expressions: this ends the rule's.
        steps.push(0);
    }

    /// Adds what a rule has to itself, and returns the numbers: of its sets, and then of its chain.
    #[cold]
    fn own(&mut self, chain: &ChainRef, rule: &impl AsRule) -> Vec<u32> {
        let own = rule.own_sets().0.into_iter().map(|set| match set {
            OwnSet::Typed(set, key) => self.own_set(chain, set, &key.typeofs_of_own()),
            OwnSet::Kept(set) => self.kept_set(chain, set),
            OwnSet::Meter(set) => self.meter_set(chain, set),
        });
        let mut own: Vec<u32> = own.collect();
        own.extend(rule.own_rules().map(|rules| self.own_chain(chain, rules)));
        own
    }

    /// Adds a chain that a rule has to itself, with its rules, and returns its number.
    fn own_chain(&mut self, chain: &ChainRef, rules: &[Rule]) -> u32 {
        let (id, steps) = (self.messages + 1, self.steps.len());
        let table = &chain.table;
        self.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, table.family, |w| write_own(table, id, w));
        for rule in rules {
            if rule.own_rules().is_some() {
                self.w.fail(BuildErrorKind::NestedOwnChain);
                continue;
            }
            // Before the rule that leads there: with it the chain is closed.
            self.one_rule(chain, Some(id), NLM_F_CREATE | NLM_F_APPEND, rule, |_| {});
        }
        // The operation's steps are those of its own rule.
        self.steps.truncate(steps);
        id
    }

    /// Adds a set that a rule has to itself, and returns its number.
    fn own_set(&mut self, chain: &ChainRef, set: &Anonymous, key_typeof: &[FieldOf]) -> u32 {
        // A number of its own in the batch, as every set has.
        let id = self.messages + 1;
        let table = &chain.table;
        self.message(NFT_MSG_NEWSET, NLM_F_CREATE, table.family, |w| set.encode(table, id, key_typeof, w));
        if set.entries().is_empty() {
            return id;
        }
        let at = SetRef::new(table, set.name());
        let mut lists = self.lists(&at, Some(id), NFT_MSG_NEWSETELEM, NLM_F_CREATE);
        set.each_entry(|encode| lists.write(encode));
        lists.finish();
        id
    }

    /// Adds the set that a rule has to itself for a meter, and returns its number.
    fn meter_set(&mut self, chain: &ChainRef, set: &OwnDynamic) -> u32 {
        let id = self.messages + 1;
        let table = &chain.table;
        self.message(NFT_MSG_NEWSET, NLM_F_CREATE, table.family, |w| set.encode(table, id, w));
        id
    }

    /// Deletes a rule that the kernel has, or one that this batch adds.
    pub fn delete_rule(&mut self, chain: impl AsRef<ChainRef>, at: impl Into<Position>) -> &mut Self {
        let (chain, at) = (chain.as_ref(), at.into());
        let id = self.position_id(at);
        self.op(0, |batch| {
            batch.message(NFT_MSG_DELRULE, 0, chain.table.family, |w| {
                verbs::write_rule_chain(chain, w);
                match (at, id) {
                    (Position::Handle(handle), _) => w.u64(NFTA_RULE_HANDLE, handle.get()),
                    (Position::Op(_), Some(id)) => w.u32(NFTA_RULE_ID, id),
                    (Position::Op(op), None) => w.fail(BuildErrorKind::NotARule(op)),
                }
            });
        })
    }

    /// Adds elements to a set; those that are there already stay. An interval that overlaps
    /// another one makes the commit fail (`EEXIST`).
    pub fn add_elements<K: Key, V: Mapped, E: IntoElement<K, V>>(
        &mut self,
        set: &Set<K, V>,
        elements: impl IntoIterator<Item = E>,
    ) -> &mut Self {
        self.elements(set, NFT_MSG_NEWSETELEM, NLM_F_CREATE, elements)
    }

    /// Adds elements to a set; the commit fails (`EEXIST`) if one is there already.
    pub fn create_elements<K: Key, V: Mapped, E: IntoElement<K, V>>(
        &mut self,
        set: &Set<K, V>,
        elements: impl IntoIterator<Item = E>,
    ) -> &mut Self {
        self.elements(set, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, elements)
    }

    /// Deletes elements from a set; the commit fails (`ENOENT`) if one is not there. An interval
    /// is deleted as it was added, not in parts.
    pub fn delete_elements<K: Key, V: Mapped, E: IntoElement<K, V>>(
        &mut self,
        set: &Set<K, V>,
        elements: impl IntoIterator<Item = E>,
    ) -> &mut Self {
        self.elements(set, NFT_MSG_DELSETELEM, 0, elements)
    }

    /// Deletes the elements of a map that have those keys, whatever their values are; the commit fails
    /// (`ENOENT`) if one is not there.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use nftlink::datum::Port;
    /// use nftlink::{Batch, Map, Table};
    ///
    /// let published = Map::<Port, (Ipv4Addr, Port)>::new(Table::inet("nat"), "published");
    /// let mut batch = Batch::new();
    /// // Port 8080 leads elsewhere, in one step.
    /// batch.delete_keys(&published, [8080]);
    /// batch.add_elements(&published, [(8080, (Ipv4Addr::new(10, 0, 0, 2), 80))]);
    /// ```
    pub fn delete_keys<K: Key, V: Mapped, Q: IntoKey<K>>(
        &mut self,
        map: &Set<K, V>,
        keys: impl IntoIterator<Item = Q>,
    ) -> &mut Self {
        let elements = keys.into_iter().map(|key| Element::of(key.into_key()));
        self.op(detail_of::<K>(), |batch| batch.elements_of::<K, ()>(map.at(), NFT_MSG_DELSETELEM, 0, elements))
    }

    /// Deletes those of the elements that are in the set (Linux 6.3).
    pub fn destroy_elements<K: Key, V: Mapped, E: IntoElement<K, V>>(
        &mut self,
        set: &Set<K, V>,
        elements: impl IntoIterator<Item = E>,
    ) -> &mut Self {
        self.elements(set, NFT_MSG_DESTROYSETELEM, 0, elements)
    }

    /// Adds elements to a set; those that are there already get the new timeout and comment, and
    /// their time begins anew, on every kernel. Of an element given twice the last counts. An
    /// interval that overlaps another one, in the set or given here, makes the commit fail
    /// (`EEXIST`) unless it is the same. So does an element of a map that is there with another
    /// value.
    ///
    /// Meanwhile a packet finds the element in a plain set. In a set of intervals it may miss it for
    /// some microseconds before Linux 6.18: seen on 5.10, 6.1 and 6.12.
    pub fn refresh_elements<K: Key, V: Mapped, E: IntoElement<K, V>>(
        &mut self,
        set: &Set<K, V>,
        elements: impl IntoIterator<Item = E>,
    ) -> &mut Self {
        let elements: Vec<Element<K, V>> = elements.into_iter().map(E::into_element).collect();
        let mut elements = set.prepared(elements);
        if elements.len() > 1 {
            without_repetition(&mut elements);
        }
        self.op(detail_of::<K>(), |batch| {
            let all = || elements.iter().cloned();
            batch.elements_of(set.at(), NFT_MSG_NEWSETELEM, NLM_F_CREATE, all());
            batch.elements_of(set.at(), NFT_MSG_DELSETELEM, 0, all());
            batch.elements_of(set.at(), NFT_MSG_NEWSETELEM, NLM_F_CREATE, all());
        })
    }

    fn elements<K: Key, V: Mapped, E: IntoElement<K, V>>(
        &mut self,
        set: &Set<K, V>,
        kind: u16,
        flags: u16,
        elements: impl IntoIterator<Item = E>,
    ) -> &mut Self {
        let elements = elements.into_iter().map(E::into_element);
        if set.merges() && kind == NFT_MSG_NEWSETELEM {
            let merged = set.prepared(elements.collect());
            return self.op(detail_of::<K>(), |batch| batch.elements_of(set.at(), kind, flags, merged.into_iter()));
        }
        self.op(detail_of::<K>(), |batch| batch.elements_of(set.at(), kind, flags, elements))
    }

    fn elements_of<K: Key, V: Mapped>(
        &mut self,
        set: &SetRef,
        kind: u16,
        flags: u16,
        elements: impl Iterator<Item = Element<K, V>>,
    ) {
        let what = if kind == NFT_MSG_NEWSETELEM { WhatOfElement::Full } else { WhatOfElement::Key };
        let (start, messages) = (self.w.len(), self.messages);
        let mut order = Order::default();
        let mut lists = self.lists(set, None, kind, flags);
        lists.expect(elements.size_hint().0, Element::<K, V>::USUAL_LEN);
        elements.for_each(|element| {
            lists.write(|w| {
                w.check(element.check_object(&set.table));
                element.encode(what, w, &mut order);
            });
        });
        if !lists.finish() {
            // Without elements a deletion would mean all of them.
            self.w.buffer().truncate(start);
            self.messages = messages;
        } else if order.is_descending() {
            self.sort_elements((start, messages), set, kind, flags);
        }
    }

    /// Writes the intervals of an operation anew, in ascending order: the kernel needs a third less time for them.
    #[cold]
    fn sort_elements(&mut self, (start, messages): (usize, u32), set: &SetRef, kind: u16, flags: u16) {
        let written = self.w.buffer().split_off(start);
        self.messages = messages;
        let mut lists = self.lists(set, None, kind, flags);
        ascending(Messages::new(&written).map_while(Result::ok).filter_map(|message| match message.content() {
            Ok(Content::Nft { attrs, .. }) => Some(attrs),
            _ => None,
        }))
        .for_each(|entries| lists.write(|w| w.raw(entries)));
        lists.finish();
    }

    /// Begins to write elements as the lists of as many messages as they need.
    fn lists<'b>(
        &'b mut self,
        set: &'b SetRef,
        id: Option<u32>,
        kind: u16,
        flags: u16,
    ) -> SplitEntries<'b, impl FnMut(&mut AttrWriter) -> usize, impl FnMut(&mut AttrWriter, usize)> {
        let messages = &mut self.messages;
        let begin = move |w: &mut AttrWriter| {
            *messages += 1;
            let start = w.len();
            w.buffer().extend_from_slice(&header(kind, flags, *messages, set.table.family));
            set.write(w);
            write_set_id(id, w);
            start
        };
        SplitEntries::new(begin, |w: &mut AttrWriter, start| patch_length(w.buffer(), start), &mut self.w)
    }

    fn message(&mut self, kind: u16, flags: u16, family: Family, content: impl FnOnce(&mut AttrWriter)) {
        self.messages += 1;
        message(&mut self.w, kind, flags, self.messages, family, content);
    }

    /// Adds an operation of the messages that `write` appends.
    fn op(&mut self, detail: u32, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.ops.push(Entry { offset: self.w.len(), sequence: self.messages + 1, detail });
        write(self);
        if let Some(kind) = self.w.take_error() {
            self.keep(kind);
        }
        self
    }

    #[cold]
    fn keep(&mut self, kind: BuildErrorKind) {
        if self.mistake.is_none() {
            let op = self.last();
            self.mistake = Some(BuildError { op, operation: self.describe(op).into(), kind });
        }
    }

    /// Makes sure that a rule of this batch has an id, and returns it.
    fn position_id(&mut self, at: Position) -> Option<u32> {
        let Position::Op(op) = at else { return None };
        let first = self.ops.get(op.index())?.offset;
        let end = self.ops.get(op.index() + 1).map_or(self.w.len(), |next| next.offset);
        // What a rule has to itself comes before it.
        let start = first + show::place_of_rule(self.as_bytes().get(first..end)?)?;
        // An id that no two rules of a batch have, nor of those that it is put together from.
        let id = self.ops.get(op.index())?.sequence;
        let mut attr = AttrWriter::new();
        attr.u32(NFTA_RULE_ID, id);
        let attr = attr.bytes_written();
        let buf = self.w.buffer();
        if buf.get(start + HEADER_LEN..end)?.ends_with(attr) {
            return Some(id);
        }
        buf.splice(end..end, attr.iter().copied());
        patch_length(&mut buf[..end + attr.len()], start);
        self.ops.iter_mut().skip(op.index() + 1).for_each(|later| later.offset += attr.len());
        Some(id)
    }

    /// Where the last message begins.
    pub(crate) fn last_message(&self) -> usize {
        let from = self.ops.iter().rev().map(|entry| entry.offset).find(|&offset| offset < self.w.len());
        let mut at = from.unwrap_or(0);
        // An operation may have several messages.
        while let Some(head) = self.as_bytes().get(at..).and_then(|rest| rest.first_chunk()) {
            let next = at + len_and_kind(head).0;
            if next >= self.w.len() || next == at {
                break;
            }
            at = next;
        }
        at
    }

    /// The sequence of the first message: not 1 of what was a part of another batch.
    pub(crate) fn first_sequence(&self) -> u32 {
        self.before + 1
    }

    /// The sequence of the last message.
    pub(crate) fn last_sequence(&self) -> u32 {
        self.messages
    }

    /// The sequence of an operation's last message, if it has any: a rule comes behind what it has to itself.
    pub(crate) fn sequence_of(&self, op: usize) -> Option<u32> {
        let first = self.ops.get(op)?.sequence;
        let next = self.ops.get(op + 1).map_or(self.messages + 1, |next| next.sequence);
        (next > first).then(|| next - 1)
    }

    /// The operation that the message with a sequence belongs to.
    pub(crate) fn op_of(&self, sequence: u32) -> Option<Op> {
        if sequence == 0 || sequence > self.messages {
            return None;
        }
        let after = self.ops.partition_point(|entry| entry.sequence <= sequence);
        // An operation without messages has the sequence of the one after it.
        after.checked_sub(1).map(|at| Op(at as u32))
    }

    /// The data type of the keys, of an operation on elements, and whether they are intervals.
    fn key_type(&self, op: Op) -> (DataType, bool) {
        let detail = self.ops.get(op.index()).map_or(0, |entry| entry.detail);
        (DataType::from_raw(detail & !INTERVALS), detail & INTERVALS != 0)
    }
}

/// Keeps the last of equal keys: none can be deleted twice.
fn without_repetition<K: Key, V: Mapped>(elements: &mut Vec<Element<K, V>>) {
    let (mut seen, mut key) = (HashSet::new(), AttrWriter::new());
    elements.reverse();
    elements.retain(|element| {
        key.buffer().clear();
        element.encode(WhatOfElement::Key, &mut key, &mut Order::default());
        // What cannot be encoded is told when it is written.
        key.take_error().is_some() || seen.insert(key.bytes_written().to_vec())
    });
    elements.reverse();
}

impl PartialEq for Batch {
    /// Compares what would be sent.
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes() && self.ops == other.ops && self.mistake == other.mistake
    }
}

impl Eq for Batch {}

impl fmt::Display for Batch {
    /// Writes the operations as nft's commands, one per line, rules in libnftnl's notation. Of
    /// many elements the first few are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.ops.len()).try_for_each(|at| self.show_op(Op(at as u32), f))
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod unknown;
