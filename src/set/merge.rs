//! Intervals that overlap: the kernel takes none, so they are merged before.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use super::anonymous::Entry;
use super::element::Element;
use super::key::Key;
use super::value::Mapped;
use crate::datum::{predecessor, successor};
use crate::error::BuildErrorKind;
use crate::expr::Data;

/// Sorts the entries of a rule's own set. Those of a set are merged as nft does it; those of a
/// map may not overlap.
pub(super) fn sort_entries(entries: &mut Vec<Entry>, merges: bool) -> Result<(), BuildErrorKind> {
    // The catch-all element comes last.
    entries.sort_by(|a, b| (a.key.is_none(), &a.key).cmp(&(b.key.is_none(), &b.key)));
    let mut sorted: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries.drain(..) {
        let last = sorted.last_mut().and_then(|last| last.key.as_mut());
        let (Some((_, last_end)), Some((start, end))) = (last, &entry.key) else {
            sorted.push(entry);
            continue;
        };
        let touches = successor(last_end.as_bytes()).is_none_or(|after| *start <= after);
        if merges && touches {
            *last_end = end.clone().max(last_end.clone());
        } else if *start <= *last_end {
            return Err(BuildErrorKind::Overlap);
        } else {
            sorted.push(entry);
        }
    }
    *entries = sorted;
    Ok(())
}

/// The same keys as intervals that do not overlap: each as long in the set as the element that
/// lasts longest of those that hold it. `lasts` is how long one without a timeout does.
///
/// Elements that have bounds which make no sense are returned as they are, for the batch to tell.
pub(crate) fn merge<K: Key, V: Mapped>(elements: Vec<Element<K, V>>, lasts: Option<Duration>) -> Vec<Element<K, V>> {
    let (mut others, intervals) = bounded(elements);
    if K::TYPE.is_text() {
        others.extend(outermost(intervals, lasts));
        return others;
    }
    let pieces = pieces(&intervals, lasts);
    others.extend(pieces.into_iter().filter_map(|piece| piece.element(&intervals)));
    others
}

/// Sorts elements by their lowest keys, those that have none behind the others. Like ones stay in their order.
pub(crate) fn sort_by_keys<K: Key, V: Mapped>(elements: &mut [Element<K, V>]) {
    elements.sort_by_cached_key(|element| {
        let bounds = element.bounds();
        (bounds.is_none(), bounds)
    });
}

/// An element with its lowest and its highest key, as bytes that sort.
type Bounded<K, V> = (Data, Data, Element<K, V>);

/// Elements without bounds, and those that have some.
type Parted<K, V> = (Vec<Element<K, V>>, Vec<Bounded<K, V>>);

/// Tells elements that are intervals from all others.
fn bounded<K: Key, V: Mapped>(elements: Vec<Element<K, V>>) -> Parted<K, V> {
    let mut others = Vec::new();
    let mut intervals = Vec::new();
    for element in elements {
        match element.entry(true).map(|entry| entry.key) {
            Ok(Some((start, end))) => intervals.push((start, end, element)),
            _ => others.push(element),
        }
    }
    (others, intervals)
}

/// Text that begins alike is all there is of intervals: they have no parts, and no two are one.
fn outermost<K: Key, V: Mapped>(mut intervals: Vec<Bounded<K, V>>, lasts: Option<Duration>) -> Vec<Element<K, V>> {
    intervals.sort_by(|(start, end, _), (other, other_end, _)| (start, other_end).cmp(&(other, end)));
    let mut kept: Vec<Bounded<K, V>> = Vec::new();
    for (start, end, element) in intervals {
        match kept.iter_mut().rfind(|(_, last, _)| end <= *last) {
            Some((_, _, outer)) if remaining(outer, lasts) >= remaining(&element, lasts) => {}
            Some((first, last, outer)) if (&*first, &*last) == (&start, &end) => *outer = element,
            // What lasts longer in its midst only the kernel can refuse.
            _ => kept.push((start, end, element)),
        }
    }
    kept.into_iter().map(|(_, _, element)| element).collect()
}

/// A part of the elements' keys, and the place of the element whose it is.
struct Piece {
    start: Data,
    end: Data,
    of: usize,
}

impl Piece {
    fn element<K: Key, V: Mapped>(&self, intervals: &[Bounded<K, V>]) -> Option<Element<K, V>> {
        let key = K::from_bounds(self.start.as_bytes(), self.end.as_bytes(), true)?;
        Some(intervals.get(self.of)?.2.at_key(key))
    }

    fn is_whole<K, V>(&self, intervals: &[Bounded<K, V>]) -> bool {
        intervals.get(self.of).is_some_and(|(start, end, _)| (start, end) == (&self.start, &self.end))
    }
}

/// Cuts the keys into pieces that do not overlap: of those that last equally long the first has
/// what both hold. Like ones that touch are one.
fn pieces<K: Key, V: Mapped>(intervals: &[Bounded<K, V>], lasts: Option<Duration>) -> Vec<Piece> {
    // Where an interval begins, and where the first value after one is.
    let mut events: Vec<(Data, bool, usize)> = Vec::new();
    for (n, (start, end, _)) in intervals.iter().enumerate() {
        events.push((start.clone(), true, n));
        events.extend(successor(end.as_bytes()).map(|after| (after, false, n)));
    }
    events.sort();
    let rank = |n: usize| Reverse((remaining(&intervals[n].2, lasts), Reverse(n)));
    let mut active = BTreeSet::new();
    let mut pieces: Vec<(Data, Option<Data>, usize)> = Vec::new();
    let mut events = events.into_iter().peekable();
    while let Some((at, begins, n)) = events.next() {
        if begins {
            active.insert(rank(n));
        } else {
            active.remove(&rank(n));
        }
        if events.peek().is_some_and(|(next, ..)| *next == at) {
            continue;
        }
        let winner = active.first().map(|Reverse((_, Reverse(n)))| *n);
        let open = pieces.last_mut().filter(|(_, end, _)| end.is_none());
        match (open, winner) {
            (Some((_, _, had)), Some(n)) if intervals[*had].2.is_like(&intervals[n].2) => {}
            (open, winner) => {
                if let Some((_, end, _)) = open {
                    *end = predecessor(at.as_bytes());
                }
                pieces.extend(winner.map(|n| (at, None, n)));
            }
        }
    }
    let highest = Data::new(&vec![u8::MAX; K::LEN]);
    let piece =
        |(start, end, of): (Data, Option<Data>, usize)| Piece { start, end: end.unwrap_or(highest.clone()), of };
    pieces.into_iter().map(piece).collect()
}

/// How long an element will be in its set: without an end longest.
fn remaining<K, V>(element: &Element<K, V>, lasts: Option<Duration>) -> Duration {
    let timeout = element.timeout.or(lasts).filter(|timeout| !timeout.is_zero());
    timeout.map_or(Duration::MAX, |timeout| element.expires.unwrap_or(timeout))
}

/// What makes a set into another: elements to delete, then elements to add.
#[derive(Debug)]
pub(crate) struct Changes<K> {
    pub(crate) deleted: Vec<Element<K>>,
    pub(crate) added: Vec<Element<K>>,
}

impl<K: Key> Changes<K> {
    /// All that is in the set after the changes.
    pub(crate) fn applied_to(self, mut old: Vec<Element<K>>) -> Vec<Element<K>> {
        let bounds = |element: &Element<K>| element.entry(true).ok().map(|entry| entry.key);
        let deleted: BTreeSet<_> = self.deleted.iter().filter_map(bounds).collect();
        old.retain(|element| bounds(element).is_none_or(|key| !deleted.contains(&key)));
        old.extend(self.added);
        old
    }
}

/// What adds elements to a set of intervals that has some: each key is as long in the set as the
/// element that lasts longest of those that hold it, and as few of those that are there change as
/// possible. Of elements that last equally long, one that holds another whole replaces it; of
/// what two hold in part, the one that is there keeps all.
pub(crate) fn merge_into<K: Key>(old: Vec<Element<K>>, new: Vec<Element<K>>, lasts: Option<Duration>) -> Changes<K> {
    let (old_others, old) = bounded(old);
    let (others, new) = bounded(merge(new, lasts));
    let mut changes = Changes { deleted: Vec::new(), added: Vec::new() };
    for element in others {
        // What has neither key nor mistake is the catch-all element.
        match old_others.iter().find(|there| there.key.is_none() && element.key.is_none()) {
            Some(there) if remaining(there, lasts) >= remaining(&element, lasts) => continue,
            there => changes.deleted.extend(there.cloned()),
        }
        changes.added.push(element);
    }
    // Neither those there nor the new ones overlap among themselves: sorted by their starts they
    // are so by their ends, too.
    let old = sorted(old);
    let outlasted = |inner: &Bounded<K, ()>, outer: &[Bounded<K, ()>]| {
        let before = outer.partition_point(|(start, ..)| *start <= inner.0);
        let outer = before.checked_sub(1).and_then(|n| outer.get(n));
        outer.is_some_and(|(_, end, outer)| inner.1 <= *end && remaining(outer, lasts) >= remaining(&inner.2, lasts))
    };
    let new: Vec<_> = sorted(new).into_iter().filter(|new| !outlasted(new, &old)).collect();
    let touches = |(start, end, _): &Bounded<K, ()>| {
        let near = |end: &Data, start: &Data| successor(end.as_bytes()).is_none_or(|after| *start <= after);
        let before = new.partition_point(|(_, last, _)| !near(last, start));
        new.get(before).is_some_and(|(first, ..)| near(end, first))
    };
    let near = old.into_iter().filter(touches);
    let (replaced, mut all): (Vec<_>, Vec<_>) = near.partition(|there| outlasted(there, &new));
    let mut untouched = vec![false; all.len()];
    all.extend(new);
    let mut back = vec![false; replaced.len()];
    for piece in pieces(&all, lasts) {
        if let Some(untouched) = untouched.get_mut(piece.of).filter(|_| piece.is_whole(&all)) {
            *untouched = true;
            continue;
        }
        // Others may hold so much of what replaced an element that no more than that is left of it.
        let same = replaced.binary_search_by(|(start, ..)| start.cmp(&piece.start));
        let same = same.ok().filter(|&n| replaced[n].1 == piece.end);
        match (same, piece.element(&all)) {
            (Some(n), Some(element)) if remaining(&replaced[n].2, lasts) >= remaining(&element, lasts) => {
                back[n] = true
            }
            (_, element) => changes.added.extend(element),
        }
    }
    let gone = all.into_iter().zip(untouched).chain(replaced.into_iter().zip(back));
    changes.deleted.extend(gone.filter(|(_, stays)| !stays).map(|((_, _, element), _)| element));
    changes
}

/// What takes keys out of a set of intervals: of those that hold some of them, the rest stays.
pub(crate) fn cut_out<K: Key>(old: Vec<Element<K>>, keys: Vec<Element<K>>) -> Changes<K> {
    let (old_others, old) = bounded(old);
    // One hole for all that touch, however long they last.
    let bare = |element: Element<K>| element.key.map_or_else(Element::catch_all, Element::of);
    let (others, holes) = bounded(merge(keys.into_iter().map(bare).collect(), None));
    let mut changes = Changes { deleted: Vec::new(), added: Vec::new() };
    for element in others {
        if element.key.is_some() || old_others.iter().any(|there| there.key.is_none()) {
            changes.deleted.push(element);
        }
    }
    let holes = sorted(holes);
    for there in sorted(old) {
        let (start, end, element) = &there;
        let first = holes.partition_point(|(_, last, _)| last < start);
        let mut holes = holes.iter().skip(first).take_while(|(first, ..)| first <= end).peekable();
        if holes.peek().is_none() {
            continue;
        }
        changes.deleted.push(element.clone());
        let mut from = Some(start.clone());
        let mut keep = |from: Data, to: Option<Data>| {
            let piece = to.filter(|to| from <= *to).map(|end| Piece { start: from, end, of: 0 });
            changes.added.extend(piece.and_then(|piece| piece.element(std::slice::from_ref(&there))));
        };
        for (first, last, _) in holes {
            if let Some(from) = from.take() {
                keep(from, predecessor(first.as_bytes()));
            }
            from = successor(last.as_bytes());
        }
        if let Some(from) = from {
            keep(from, Some(end.clone()));
        }
    }
    changes
}

fn sorted<K, V>(mut intervals: Vec<Bounded<K, V>>) -> Vec<Bounded<K, V>> {
    intervals.sort_by(|(start, ..), (other, ..)| start.cmp(other));
    intervals
}

#[cfg(test)]
mod tests;
