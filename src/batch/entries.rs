//! The verbs on entries of sets as the kernel keeps them.

use super::{Batch, INTERVALS};
use crate::chain::ChainRef;
use crate::rule::KeptSet;
use crate::set::{
    ElementFlags, Entry, NFT_MSG_DELSETELEM, NFT_MSG_DESTROYSETELEM, NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM, SetRef,
    WhatOfElement, sort_entries,
};
use crate::wire::message::NLM_F_CREATE;

/// # Entries of sets, whatever their types
impl Batch {
    /// Adds entries to a set, in an order that the kernel accepts: those of intervals it dumps in
    /// another one. Those that are there already stay.
    ///
    /// An anonymous set, one with a `%` in its name, is the one that the batch added last.
    pub fn add_entries<E: Into<Entry>>(
        &mut self,
        set: impl AsRef<SetRef>,
        entries: impl IntoIterator<Item = E>,
    ) -> &mut Self {
        self.entries(set.as_ref(), NFT_MSG_NEWSETELEM, NLM_F_CREATE, entries)
    }

    /// Deletes entries from a set, by their keys and flags; the commit fails (`ENOENT`) if one is
    /// not there.
    pub fn delete_entries<E: Into<Entry>>(
        &mut self,
        set: impl AsRef<SetRef>,
        entries: impl IntoIterator<Item = E>,
    ) -> &mut Self {
        self.entries(set.as_ref(), NFT_MSG_DELSETELEM, 0, entries)
    }

    /// Deletes those of the entries that are in the set (Linux 6.3).
    pub fn destroy_entries<E: Into<Entry>>(
        &mut self,
        set: impl AsRef<SetRef>,
        entries: impl IntoIterator<Item = E>,
    ) -> &mut Self {
        self.entries(set.as_ref(), NFT_MSG_DESTROYSETELEM, 0, entries)
    }

    /// Returns the number in this batch of the set that it added last: how rules refer to an
    /// anonymous one ([`Lookup::set_id`](crate::expr::Lookup::set_id)).
    pub fn last_set_id(&self) -> Option<u32> {
        self.last_set
    }

    fn entries<E: Into<Entry>>(
        &mut self,
        set: &SetRef,
        kind: u16,
        flags: u16,
        entries: impl IntoIterator<Item = E>,
    ) -> &mut Self {
        let entries: Vec<Entry> = entries.into_iter().map(Into::into).collect();
        let intervals = entries.iter().any(|entry| entry.flags.contains(ElementFlags::INTERVAL_END));
        let id = self.last_set.filter(|_| set.name().as_bytes().contains(&b'%'));
        self.op(if intervals { INTERVALS } else { 0 }, |batch| batch.sorted_entries(set, id, kind, flags, entries))
    }

    /// Adds a set that a rule which was read has to itself, and returns its number.
    pub(super) fn kept_set(&mut self, chain: &ChainRef, kept: &KeptSet) -> u32 {
        let (id, set) = (self.messages + 1, kept.set(&chain.table));
        self.message(NFT_MSG_NEWSET, NLM_F_CREATE, chain.table.family, |w| set.encode(id, w));
        self.sorted_entries(&set.at, Some(id), NFT_MSG_NEWSETELEM, NLM_F_CREATE, kept.entries().collect());
        id
    }

    /// Writes entries in an order that the kernel accepts.
    fn sorted_entries(&mut self, set: &SetRef, id: Option<u32>, kind: u16, flags: u16, mut entries: Vec<Entry>) {
        // Without elements a deletion would mean all of them.
        if entries.is_empty() {
            return;
        }
        let what = if kind == NFT_MSG_NEWSETELEM { WhatOfElement::Full } else { WhatOfElement::Key };
        sort_entries(&mut entries);
        let mut lists = self.lists(set, id, kind, flags);
        entries.iter().for_each(|entry| lists.write(|w| entry.encode(what, w)));
        lists.finish();
    }
}
