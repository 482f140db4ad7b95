//! What a commit did to the elements of a set, put together from the entries that the kernel tells.

use std::collections::BTreeMap;

use super::event::Event;
use crate::conn::{ElementOf, ElementSource, ElementsOf};
use crate::error::DecodeError;
use crate::expr::Data;
use crate::set::{ElementInfo, in_order};
use crate::userdata;

/// An element that was told, as its entries.
#[derive(Debug)]
struct Change {
    start: ElementInfo,
    /// The first value after an interval.
    end: Option<ElementInfo>,
    is_deletion: bool,
}

impl Change {
    fn key(&self) -> Option<&Data> {
        self.start.key()
    }

    /// Whether it is known where it ends.
    fn is_known(&self) -> bool {
        self.end.is_some() || self.key().is_none() || userdata::is_open(self.start.userdata())
    }

    /// By what it is told from other elements of its set.
    fn identity(&self) -> (Option<&Data>, Option<&Data>, Option<&Data>, bool) {
        let end = self.end.as_ref().and_then(ElementInfo::key);
        (self.key(), self.start.key_end(), end, self.start.is_interval_end())
    }
}

/// The elements of a set that are there after the events, of those that they tell, or else those that are not.
pub(super) fn after<S: ElementSource>(events: &[Event], set: &S, deleted: bool) -> Result<ElementsOf<S>, DecodeError> {
    let changes = changes(events, set);
    let last: BTreeMap<_, _> = changes.iter().enumerate().map(|(n, change)| (change.identity(), n)).collect();
    let mut stays = vec![false; changes.len()];
    last.into_values().for_each(|n| stays[n] = true);
    let mut found: Vec<_> =
        changes.into_iter().zip(stays).filter(|(change, stays)| *stays && change.is_deletion == deleted).collect();
    if set.has_ends() {
        found.sort_by(|(a, _), (b, _)| in_order(&a.start, &b.start));
    }
    let mut elements = Vec::with_capacity(found.len());
    for (change, _) in found {
        elements.extend(element(set, change)?);
    }
    Ok(elements)
}

fn element<S: ElementSource>(set: &S, change: Change) -> Result<Option<ElementOf<S>>, DecodeError> {
    if set.has_ends() && !change.is_known() {
        let what = "the kernel does not tell where an interval ends that was changed: read the set again";
        return Err(DecodeError::new("element", what));
    }
    let entries = std::iter::once(change.start).chain(change.end).collect();
    Ok(set.assemble(entries)?.pop())
}

/// The elements that were told, in order, but for those that went with a set of that name.
fn changes<S: ElementSource>(events: &[Event], set: &S) -> Vec<Change> {
    let at = set.set_ref();
    let mut changes = Vec::new();
    let mut run = Vec::new();
    let mut is_deletion = false;
    for event in events {
        let (entry, deleted) = match event {
            Event::NewElement(entry) if entry.set() == at => (entry, false),
            Event::DeletedElement(entry) if entry.set() == at => (entry, true),
            Event::DeletedSet(gone) if gone.at() == at => {
                run.clear();
                changes.clear();
                continue;
            }
            _ => continue,
        };
        if deleted != is_deletion {
            pair(set.has_ends(), &mut run, is_deletion, &mut changes);
            is_deletion = deleted;
        }
        run.push(entry.element().clone());
    }
    pair(set.has_ends(), &mut run, is_deletion, &mut changes);
    if set.has_ends() {
        find_ends(&mut changes);
    }
    changes
}

/// Makes elements of entries that follow each other. A set that is flushed tells them in an order of its own.
fn pair(has_ends: bool, run: &mut Vec<ElementInfo>, is_deletion: bool, changes: &mut Vec<Change>) {
    if !has_ends {
        changes.extend(run.drain(..).map(|start| Change { start, end: None, is_deletion }));
        return;
    }
    run.sort_by(in_order);
    let mut entries = run.drain(..).peekable();
    while let Some(start) = entries.next() {
        // Without its start an end says nothing.
        if !start.is_interval_end() {
            let end = entries.next_if(|next| start.key().is_some() && next.is_interval_end());
            changes.push(Change { start, end, is_deletion });
        }
    }
}

/// Finds the ends that were not told with their starts. An interval that is there and gets another timeout
/// tells its start alone; what else is told of it has the end, too.
fn find_ends(changes: &mut [Change]) {
    fn find<'a>(changes: impl Iterator<Item = &'a mut Change>) {
        let mut ends: BTreeMap<Data, ElementInfo> = BTreeMap::new();
        for change in changes {
            let Some(key) = change.key().cloned() else { continue };
            match &change.end {
                Some(end) => _ = ends.insert(key, end.clone()),
                None if !change.is_known() => change.end = ends.get(&key).cloned(),
                None => {}
            }
        }
    }
    if changes.iter().any(|change| !change.is_known()) {
        find(changes.iter_mut());
        find(changes.iter_mut().rev());
    }
}
