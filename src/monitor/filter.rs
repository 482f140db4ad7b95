//! [`EventFilter`]: which events a monitor tells.

use crate::table::TableRef;
use crate::wire::{Family, Name};

use super::EventKinds;

/// Says which events a [`Monitor`](super::Monitor) tells: those that satisfy all that is asked
/// for. Without anything asked for, all.
///
/// ```
/// use nftlink::Table;
/// use nftlink::monitor::{EventFilter, EventKinds};
///
/// // What is taken away from one table.
/// let filter = EventFilter::new().table(&Table::inet("fw")).only_deleted();
/// // Bans and pardons, wherever.
/// let filter = EventFilter::new().kinds(EventKinds::ELEMENT);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a filter does nothing until a monitor gets it"]
pub struct EventFilter {
    families: Vec<Family>,
    tables: Vec<TableRef>,
    kinds: Option<EventKinds>,
    is_new: Option<bool>,
}

impl EventFilter {
    /// Lets all pass.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets pass what is in tables of a family. Said again, in those of either family.
    pub fn family(mut self, family: Family) -> Self {
        self.families.push(family);
        self
    }

    /// Lets pass what is in a table, and the table itself. Said again, in either table.
    pub fn table(mut self, table: impl AsRef<TableRef>) -> Self {
        self.tables.push(table.as_ref().clone());
        self
    }

    /// Lets pass what is about these kinds of things.
    pub fn kinds(mut self, kinds: EventKinds) -> Self {
        self.kinds = Some(self.kinds.map_or(kinds, |before| before | kinds));
        self
    }

    /// Lets pass what was made or changed.
    pub fn only_new(mut self) -> Self {
        self.is_new = Some(true);
        self
    }

    /// Lets pass what was deleted.
    pub fn only_deleted(mut self) -> Self {
        self.is_new = Some(false);
        self
    }

    /// Whether all passes.
    pub(super) fn is_open(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn passes(
        &self,
        kind: EventKinds,
        is_new: bool,
        family: Family,
        table: impl FnOnce() -> TableRef,
    ) -> bool {
        self.passes_kind(kind, is_new)
            && (self.families.is_empty() || self.families.contains(&family))
            && (self.tables.is_empty() || self.tables.contains(&table()))
    }

    /// The same of something whose family is not known.
    pub(super) fn passes_name(&self, kind: EventKinds, is_new: bool, table: &Name) -> bool {
        self.passes_kind(kind, is_new)
            && (self.tables.is_empty() || self.tables.iter().any(|wanted| wanted.name() == table))
    }

    fn passes_kind(&self, kind: EventKinds, is_new: bool) -> bool {
        self.kinds.is_none_or(|kinds| kinds.contains(kind)) && self.is_new.is_none_or(|wanted| wanted == is_new)
    }
}
