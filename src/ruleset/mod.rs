//! The whole ruleset, or some tables of it, as a value.

#[cfg(test)]
pub(crate) mod lossless;
mod show;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

pub use show::Listing;

use crate::chain::{ChainFlags, ChainInfo, ChainRef, NFT_MSG_NEWCHAIN};
use crate::error::DecodeError;
use crate::flowtable::{FlowtableInfo, NFT_MSG_NEWFLOWTABLE};
use crate::object::{NFT_MSG_NEWOBJ, ObjectInfo};
use crate::rule::{KeptSet, NFT_MSG_NEWRULE, Rule, RuleInfo};
use crate::set::{
    ElementInfo, Entry, NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM, SetFlags, SetInfo, SetRef, SplitEntries, WhatOfElement,
    read_element_list, read_set_ref,
};
use crate::table::{NFT_MSG_NEWTABLE, TableInfo, TableRef};
use crate::wire::message::{Content, Messages, NFT_MSG_NEWGEN, NFTA_GEN_ID, header, message, patch_length};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, AttrWriter, Family, Name};

/// The number of a state of the ruleset: each commit of anybody makes the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation(u32);

impl Generation {
    /// Wraps a number that a program stored earlier.
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// Returns the kernel's number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the generation that the next commit makes: the numbers wrap around, and leave out 0.
    pub const fn next(self) -> Self {
        match self.0.wrapping_add(1) {
            0 => Self(1),
            next => Self(next),
        }
    }

    /// Whether this generation is later than another one of the same ruleset, across a wrap of up to
    /// half of all numbers.
    pub const fn is_after(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) as i32 > 0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tables with all that is in them, at one generation.
///
/// [`Conn::ruleset`](crate::Conn::ruleset) reads one, and
/// [`Batch::add_ruleset`](crate::Batch::add_ruleset) writes it: what is read then is the same, but
/// for handles. [`to_bytes`](Self::to_bytes) and [`from_bytes`](Self::from_bytes) keep it in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruleset {
    generation: Generation,
    tables: Vec<TableContents>,
}

/// A table with all that is in it, each kind in the kernel's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableContents {
    info: TableInfo,
    chains: Vec<ChainInfo>,
    rules: Vec<RuleInfo>,
    sets: Vec<SetContents>,
    objects: Vec<ObjectInfo>,
    flowtables: Vec<FlowtableInfo>,
}

/// A set with its elements as the kernel keeps them: an interval may be two entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetContents {
    info: SetInfo,
    entries: Vec<ElementInfo>,
}

impl Ruleset {
    /// Returns the generation at which it was read.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Returns the tables.
    pub fn tables(&self) -> &[TableContents] {
        &self.tables
    }

    /// Returns a table.
    pub fn table(&self, table: impl AsRef<TableRef>) -> Option<&TableContents> {
        self.tables.iter().find(|contents| contents.info.at() == table.as_ref())
    }

    /// Keeps the tables for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&TableContents) -> bool) {
        self.tables.retain(keep);
    }

    /// Returns sets, elements and rules in libnftnl's notation, as `nft --debug=netlink list ruleset`
    /// writes them before the listing itself: `{}` as libnftnl 1.2.4 does, `{:#}` as 1.3.
    pub fn bytecode(&self) -> Listing<'_> {
        Listing(self)
    }

    /// Returns the ruleset as the kernel's messages, those that a dump has: for a file that
    /// [`from_bytes`](Self::from_bytes) reads on a machine of the same kind: the headers of messages and attributes are
    /// in the host's byte order, as are values of some types (marks, interface indexes), and the settings of xtables'
    /// extensions depend on the architecture.
    ///
    /// The bytes do not tell whether their end is missing: a file needs a length and a checksum beside them, as the one
    /// that the example program `ruleset` writes has. What was cut off between two messages is a smaller ruleset.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = AttrWriter::new();
        message(&mut w, NFT_MSG_NEWGEN, 0, 0, Family::UNSPEC, |w| w.u32(NFTA_GEN_ID, self.generation.0));
        for TableContents { info, chains, rules, sets, objects, flowtables } in &self.tables {
            let mut put = |kind, attrs| message(&mut w, kind, 0, 0, info.family(), |w| w.raw(attrs));
            put(NFT_MSG_NEWTABLE, info.raw());
            chains.iter().for_each(|chain| put(NFT_MSG_NEWCHAIN, chain.raw()));
            rules.iter().for_each(|rule| put(NFT_MSG_NEWRULE, rule.raw()));
            sets.iter().for_each(|set| put(NFT_MSG_NEWSET, set.info.raw()));
            objects.iter().for_each(|object| put(NFT_MSG_NEWOBJ, object.raw()));
            flowtables.iter().for_each(|flowtable| put(NFT_MSG_NEWFLOWTABLE, flowtable.raw()));
            sets.iter().filter(|set| !set.entries.is_empty()).for_each(|set| set.write_entries(&mut w));
        }
        w.bytes_written().to_vec()
    }

    /// Reads a ruleset from the kernel's messages: those of [`to_bytes`](Self::to_bytes), or a dump
    /// by another program, tables first and sets before their elements. Messages of other kinds are passed over.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are no whole messages, if a message makes no sense, or
    /// something is in a table or set that is not there.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reading = Reading::default();
        for message in Messages::new(bytes) {
            if let Content::Nft { kind, family, attrs, .. } = message?.content()? {
                reading.take(kind, family, attrs)?;
            }
        }
        Ok(reading.ruleset)
    }
}

impl TableContents {
    /// Returns the table itself.
    pub fn info(&self) -> &TableInfo {
        &self.info
    }

    /// Returns the chains.
    pub fn chains(&self) -> &[ChainInfo] {
        &self.chains
    }

    /// Returns the rules, chain by chain.
    pub fn rules(&self) -> &[RuleInfo] {
        &self.rules
    }

    /// Iterates over the rules of a chain.
    pub fn rules_of(&self, chain: impl AsRef<ChainRef>) -> impl Iterator<Item = &RuleInfo> {
        let chain = chain.as_ref().clone();
        self.rules.iter().filter(move |rule| *rule.chain() == chain)
    }

    /// Returns a rule of this table to be made again, anywhere: with copies of the sets and the chain that it has to
    /// itself.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nftlink::Error> {
    /// use nftlink::{Batch, Conn, Table};
    ///
    /// let fw = Table::inet("fw");
    /// let mut conn = Conn::open()?;
    /// let ruleset = conn.ruleset(&fw)?;
    /// let mut batch = Batch::new();
    /// for table in ruleset.tables() {
    ///     for rule in table.rules_of(fw.chain("input").at()) {
    ///         batch.append(fw.chain("copy"), table.to_rule(rule)?);
    ///     }
    /// }
    /// conn.commit(&batch)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the kernel's bytes make no sense.
    pub fn to_rule(&self, rule: &RuleInfo) -> Result<Rule, DecodeError> {
        let own = |name: &Name| {
            let mut sets = self.sets.iter().filter(|set| set.info.flags().contains(SetFlags::ANONYMOUS));
            let set = sets.find(|set| set.info.name() == name)?;
            Some(KeptSet::new(set.info.clone(), set.entries.clone()))
        };
        let whole = rule.to_rule_with(own)?;
        let bound = self.chains.iter().filter(|chain| chain.flags().contains(ChainFlags::BINDING));
        let target = rule.target();
        match bound.map(ChainInfo::at).find(|chain| Some(chain.name()) == target.as_ref()) {
            // The kernel takes no chain of a rule's own in another.
            Some(chain) => whole
                .leading_to(self.rules_of(chain).map(|rule| rule.to_rule_with(own)).collect::<Result<Vec<_>, _>>()?),
            None => Ok(whole),
        }
    }

    /// Returns the sets and maps, those that a rule has to itself included.
    pub fn sets(&self) -> &[SetContents] {
        &self.sets
    }

    /// Returns the stateful objects.
    pub fn objects(&self) -> &[ObjectInfo] {
        &self.objects
    }

    /// Returns the flowtables.
    pub fn flowtables(&self) -> &[FlowtableInfo] {
        &self.flowtables
    }
}

impl SetContents {
    /// Returns the set itself.
    pub fn info(&self) -> &SetInfo {
        &self.info
    }

    /// Returns its elements as the kernel keeps them.
    pub fn entries(&self) -> &[ElementInfo] {
        &self.entries
    }
}

impl SetContents {
    /// Writes the entries as messages of a dump.
    fn write_entries(&self, w: &mut AttrWriter) {
        let at = self.info.at();
        let begin = |w: &mut AttrWriter| {
            let start = w.len();
            w.buffer().extend_from_slice(&header(NFT_MSG_NEWSETELEM, 0, 0, at.table.family));
            at.write(w);
            start
        };
        let mut lists = SplitEntries::new(begin, |w, start| patch_length(w.buffer(), start), w);
        for entry in &self.entries {
            lists.write(|w| Entry::from(entry).encode(WhatOfElement::Full, w));
        }
        lists.finish();
    }
}

/// A ruleset that is being read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) ruleset: Ruleset,
    /// Where each table is.
    tables: HashMap<TableRef, usize>,
    /// Where each set is in its table.
    sets: HashMap<SetRef, usize>,
    last_chain: Option<ChainRef>,
}

impl Default for Ruleset {
    fn default() -> Self {
        Self { generation: Generation(0), tables: Vec::new() }
    }
}

impl Reading {
    pub(crate) fn finish(self, generation: u32) -> Ruleset {
        Ruleset { generation: Generation(generation), ..self.ruleset }
    }

    /// Takes a message of a dump.
    pub(crate) fn take(&mut self, kind: u16, family: Family, attrs: &[u8]) -> Result<(), DecodeError> {
        match kind {
            NFT_MSG_NEWGEN => self.ruleset.generation = read_generation(attrs)?,
            NFT_MSG_NEWTABLE => {
                let info = TableInfo::decode(family, attrs)?;
                let at = self.ruleset.tables.len();
                if self.tables.insert(info.at().clone(), at).is_some() {
                    return Err(DecodeError::new("ruleset", "a table is there twice"));
                }
                let (chains, rules, sets, objects, flowtables) = Default::default();
                self.ruleset.tables.push(TableContents { info, chains, rules, sets, objects, flowtables });
            }
            NFT_MSG_NEWCHAIN => {
                let info = ChainInfo::decode(family, attrs)?;
                self.table(info.table())?.chains.push(info);
            }
            NFT_MSG_NEWRULE => {
                let info = RuleInfo::decode(family, attrs, &mut self.last_chain)?;
                self.table(info.chain().table())?.rules.push(info);
            }
            NFT_MSG_NEWSET => {
                let info = SetInfo::decode(family, attrs)?;
                let sets = &mut self.table(info.table())?.sets;
                let at = sets.len();
                let name = info.at().clone();
                sets.push(SetContents { info, entries: Vec::new() });
                if self.sets.insert(name, at).is_some() {
                    return Err(DecodeError::new("ruleset", "a set is there twice"));
                }
            }
            NFT_MSG_NEWSETELEM => {
                let at = read_set_ref(family, attrs)?;
                read_element_list(attrs, self.entries(&at)?)?;
            }
            NFT_MSG_NEWOBJ => {
                let info = ObjectInfo::decode(family, attrs)?;
                self.table(info.table())?.objects.push(info);
            }
            NFT_MSG_NEWFLOWTABLE => {
                let info = FlowtableInfo::decode(family, attrs)?;
                self.table(info.table())?.flowtables.push(info);
            }
            _ => {}
        }
        Ok(())
    }

    fn table(&mut self, at: &TableRef) -> Result<&mut TableContents, DecodeError> {
        let absent = DecodeError::new("ruleset", "something is in a table that is not there");
        let at = *self.tables.get(at).ok_or(absent.clone())?;
        self.ruleset.tables.get_mut(at).ok_or(absent)
    }

    /// The entries of a set so far.
    pub(crate) fn entries(&mut self, at: &SetRef) -> Result<&mut Vec<ElementInfo>, DecodeError> {
        let absent = DecodeError::new("ruleset", "an element is in a set that is not there");
        let n = *self.sets.get(at).ok_or(absent.clone())?;
        let set = self.table(at.table())?.sets.get_mut(n).ok_or(absent)?;
        Ok(&mut set.entries)
    }

    /// The sets so far.
    pub(crate) fn sets(&self) -> impl Iterator<Item = &SetInfo> {
        self.ruleset.tables.iter().flat_map(|table| &table.sets).map(|set| &set.info)
    }
}

fn read_generation(attrs: &[u8]) -> Result<Generation, DecodeError> {
    let notes = Notes::default();
    for attr in AttrReader::new(attrs, &notes) {
        if let (NFTA_GEN_ID, value) = attr? {
            return value.u32().map(Generation);
        }
    }
    Ok(Generation(0))
}
