//! Elements of sets.

use std::sync::Arc;
use std::time::Duration;

use super::anonymous::Entry;
use super::key::Key;
use super::{IntoElement, MapValue, Mapped, NFTA_LIST_ELEM, SetFlags, check_stateful, millis};
use crate::datum::{IntoKey, successor, word_after, word_of};
use crate::error::BuildErrorKind;
use crate::expr::{self, DATA_SCHEMA, Data, Expr, Value};
use crate::table::TableRef;
use crate::userdata::{self, Comment};
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrWriter, NLA_HDRLEN, Name, order};

pub(super) const NFTA_SET_ELEM_LIST_TABLE: u16 = 1;
pub(super) const NFTA_SET_ELEM_LIST_SET: u16 = 2;
pub(crate) const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
pub(super) const NFTA_SET_ELEM_LIST_SET_ID: u16 = 4;

pub(super) const NFTA_SET_ELEM_KEY: u16 = 1;
pub(super) const NFTA_SET_ELEM_DATA: u16 = 2;
pub(super) const NFTA_SET_ELEM_FLAGS: u16 = 3;
pub(super) const NFTA_SET_ELEM_TIMEOUT: u16 = 4;
pub(super) const NFTA_SET_ELEM_EXPIRATION: u16 = 5;
pub(super) const NFTA_SET_ELEM_USERDATA: u16 = 6;
pub(super) const NFTA_SET_ELEM_EXPR: u16 = 7;
pub(super) const NFTA_SET_ELEM_PAD: u16 = 8;
pub(super) const NFTA_SET_ELEM_OBJREF: u16 = 9;
pub(super) const NFTA_SET_ELEM_KEY_END: u16 = 10;
pub(super) const NFTA_SET_ELEM_EXPRESSIONS: u16 = 11;

bitflags::bitflags! {
    /// Flags of an element (`enum nft_set_elem_flags`).
    #[doc(alias = "nft_set_elem_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
    pub struct ElementFlags: u32 {
        /// It is the first value after an interval.
        const INTERVAL_END = 1;
        /// It has no key: every key is it that no other element has (Linux 5.13).
        const CATCHALL = 2;
        /// What later kernels add.
        const _ = !0;
    }
}

const ELEMENT_SCHEMA: Schema = Schema(&[
    AttrName::nest(NFTA_SET_ELEM_KEY, "key", &DATA_SCHEMA),
    AttrName::nest(NFTA_SET_ELEM_DATA, "data", &DATA_SCHEMA),
    AttrName::value(NFTA_SET_ELEM_FLAGS, "flags"),
    AttrName::value(NFTA_SET_ELEM_TIMEOUT, "timeout"),
    AttrName::value(NFTA_SET_ELEM_EXPIRATION, "expiration"),
    AttrName::value(NFTA_SET_ELEM_USERDATA, "userdata"),
    AttrName::expression(NFTA_SET_ELEM_EXPR, "expr", expr::schema_of),
    AttrName::value(NFTA_SET_ELEM_OBJREF, "objref"),
    AttrName::nest(NFTA_SET_ELEM_KEY_END, "key_end", &DATA_SCHEMA),
    AttrName::expressions(NFTA_SET_ELEM_EXPRESSIONS, "expressions", expr::schema_of),
]);
pub(crate) const LIST_SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_SET_ELEM_LIST_TABLE, "table"),
    AttrName::value(NFTA_SET_ELEM_LIST_SET, "set"),
    AttrName::list(NFTA_SET_ELEM_LIST_ELEMENTS, "elements", &ELEMENT_SCHEMA),
    AttrName::value(NFTA_SET_ELEM_LIST_SET_ID, "set_id"),
]);

/// An element of a set, or of a map from `K` to `V`, as a program wants it.
///
/// ```
/// use std::net::Ipv4Addr;
/// use std::time::Duration;
/// use nftlink::Element;
/// use nftlink::datum::Port;
/// use nftlink::expr::Verdict;
///
/// let ban = Element::<Ipv4Addr>::new(Ipv4Addr::new(192, 0, 2, 1))
///     .timeout(Duration::from_secs(600))
///     .comment("ssh");
/// let web = Element::<Port>::new(80).to(Verdict::ACCEPT);
/// let others = Element::<Port>::catch_all().to(Verdict::DROP);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Element<K, V = ()> {
    /// The catch-all element has none.
    pub(super) key: Option<K>,
    pub(super) value: V,
    pub(super) timeout: Option<Duration>,
    pub(super) expires: Option<Duration>,
    pub(super) comment: Option<Comment>,
    pub(super) exprs: Vec<Expr>,
    /// It was read with more than can be written.
    pub(super) incomplete: bool,
}

impl<K: Key> Element<K> {
    /// An element with that key.
    #[inline]
    pub fn new(key: impl IntoElement<K>) -> Self {
        key.into_element()
    }

    /// An element with that key, of whatever type it is.
    #[inline]
    pub fn of(key: K) -> Self {
        Self::with(Some(key))
    }

    /// The element that every key is which no other element has (`*`, Linux 5.13).
    pub fn catch_all() -> Self {
        Self::with(None)
    }

    #[inline]
    fn with(key: Option<K>) -> Self {
        Self { key, value: (), timeout: None, expires: None, comment: None, exprs: Vec::new(), incomplete: false }
    }

    /// Makes it an element of a map, with that value.
    pub fn to<V: MapValue>(self, value: impl IntoKey<V>) -> Element<K, V> {
        self.with_value(value.into_key())
    }

    pub(super) fn with_value<V: MapValue>(self, value: V) -> Element<K, V> {
        let Self { key, timeout, expires, comment, exprs, incomplete, value: () } = self;
        Element { key, value, timeout, expires, comment, exprs, incomplete }
    }
}

impl<K: Key, V: Mapped> Element<K, V> {
    /// Refuses an object of another table than the map's.
    #[inline]
    pub(crate) fn check_object(&self, table: &TableRef) -> Result<(), BuildErrorKind> {
        match self.foreign_object() {
            Some((name, of)) => table.check_same("object", name, of),
            None => Ok(()),
        }
    }

    /// The object that is the value, and its table, if that is known.
    #[inline]
    pub(super) fn foreign_object(&self) -> Option<(&Name, &TableRef)> {
        self.value.object().zip(self.value.table())
    }

    /// Sets after which time it leaves the set, which has to be one
    /// [with timeouts](super::Set::timeouts). The kernel counts milliseconds; a part of one is
    /// rounded up. Zero means never, also in a set with a timeout for all.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets what is left of the timeout, for an element that is put back.
    pub fn expires(mut self, expires: Duration) -> Self {
        self.expires = Some(expires);
        self
    }

    /// Sets a comment of at most 127 bytes.
    pub fn comment(mut self, comment: impl Into<Arc<str>>) -> Self {
        self.comment = Some(Comment::new(comment));
        self
    }

    /// Adds a stateful expression of its own, as a counter that begins at some number. The set
    /// has to be one [with such expressions](super::Set::stateful), or a dynamic one; without,
    /// the kernel gives each element a new one of the set's.
    pub fn stateful(mut self, expr: impl Into<Expr>) -> Self {
        self.exprs.push(expr.into());
        self
    }

    /// Writes the kernel's entries for the element: one, or for an interval two.
    #[inline]
    pub(crate) fn encode(&self, what: WhatOfElement, w: &mut AttrWriter, intervals: &mut Order) {
        let full = what == WhatOfElement::Full;
        match &self.key {
            None => self.write_entry(full, false, false, w, |_| {}),
            Some(key) if K::FLAGS.has_ends() => match key.words() {
                Some(bounds) => self.encode_words(bounds, full, w, intervals),
                None => self.encode_interval(key, full, w, intervals),
            },
            Some(key) if Self::HAS_ONE_VALUE && !(full && self.has_more()) => match key.bare() {
                Ok(key) => key.write_alone(w, NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY),
                Err(mistake) => w.fail(mistake),
            },
            Some(key) => self.write_entry(full, true, false, w, |w| {
                let written = key.write(w);
                w.check(written);
            }),
        }
    }

    /// Whether a key is written as one value: a concatenation is, if all of it costs no memory.
    const HAS_ONE_VALUE: bool =
        K::FIELDS.len() == 1 || (K::LEN <= Data::INLINE && !K::FLAGS.contains(SetFlags::INTERVAL));

    /// [`encode_interval`](Self::encode_interval) of one whose bounds are known as words.
    #[inline]
    fn encode_words(&self, (start, end): (u128, u128), full: bool, w: &mut AttrWriter, intervals: &mut Order) {
        let (first, len) = (order::be_u128(start), K::LEN as u8);
        let after = word_after(end, K::LEN);
        if full && (self.has_more() || after.is_none()) {
            self.write_entry(full, true, after.is_none(), w, |w| Data::write_short(&first, len, w, NFTA_SET_ELEM_KEY));
        } else {
            Data::write_short_alone(&first, len, w, NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY);
        }
        if let Some(after) = after {
            let flags = (NFTA_SET_ELEM_FLAGS, ElementFlags::INTERVAL_END.bits());
            let after = order::be_u128(after);
            Data::write_short_behind(&after, len, w, NFTA_LIST_ELEM, flags, NFTA_SET_ELEM_KEY);
        }
        if full {
            w.check(intervals.words.note(start, end, after.is_none()));
        }
    }

    /// Writes an interval, of any length: the second entry is the first value after it.
    fn encode_interval(&self, key: &K, full: bool, w: &mut AttrWriter, intervals: &mut Order) {
        let (start, end) = match key.bounds(true) {
            Ok(bounds) => bounds,
            Err(mistake) => return w.fail(mistake),
        };
        let after = successor(end.as_bytes());
        if full && (self.has_more() || after.is_none()) {
            self.write_entry(full, true, after.is_none(), w, |w| start.write(w, NFTA_SET_ELEM_KEY));
        } else {
            start.write_alone(w, NFTA_LIST_ELEM, NFTA_SET_ELEM_KEY);
        }
        if let Some(after) = &after {
            write_end(after, w);
        }
        if full {
            w.check(intervals.note(&start, &end, after.is_none()));
        }
    }

    /// Writes the entry that begins the element.
    fn write_entry(
        &self,
        full: bool,
        has_key: bool,
        open_end: bool,
        w: &mut AttrWriter,
        key: impl FnOnce(&mut AttrWriter),
    ) {
        let entry = w.open(NFTA_LIST_ELEM);
        if !has_key {
            w.u32(NFTA_SET_ELEM_FLAGS, ElementFlags::CATCHALL.bits());
        }
        if full {
            if self.incomplete {
                w.fail(BuildErrorKind::UnknownOfElement);
            }
            if let Some(timeout) = self.timeout {
                let timeout = millis(timeout, w);
                w.u64(NFTA_SET_ELEM_TIMEOUT, timeout);
            }
            if let Some(expires) = self.expires {
                let expires = millis(expires, w);
                w.u64(NFTA_SET_ELEM_EXPIRATION, expires);
            }
        }
        key(w);
        if full {
            self.value.write(w, NFTA_SET_ELEM_DATA);
            userdata::write_element(w, NFTA_SET_ELEM_USERDATA, self.comment.as_ref(), open_end);
            write_object(self.value.object(), w);
            write_stateful(&self.exprs, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_EXPRESSIONS, w);
        }
        w.close(entry);
    }

    /// Whether it has more than a key.
    #[inline]
    fn has_more(&self) -> bool {
        V::SHAPE.is_some() || self.has_options()
    }

    /// Whether it has more than a key and a value.
    #[inline]
    pub(super) fn has_options(&self) -> bool {
        let Self { key: _, value: _, timeout, expires, comment, exprs, incomplete } = self;
        timeout.is_some() || expires.is_some() || comment.is_some() || !exprs.is_empty() || *incomplete
    }

    /// The key and value as bytes.
    pub(super) fn entry(&self, sorted: bool) -> Result<Entry, BuildErrorKind> {
        let key = self.key.as_ref().map(|key| key.bounds(sorted)).transpose()?;
        Ok(Entry { key, value: self.value.value()?, object: self.value.object().cloned() })
    }

    /// The lowest and the highest key, as bytes that sort: of an element that has a key that makes sense.
    pub(crate) fn bounds(&self) -> Option<(Data, Data)> {
        self.key.as_ref()?.bounds(true).ok()
    }

    /// The same with another key.
    pub(super) fn at_key(&self, key: K) -> Self {
        Self { key: Some(key), ..self.clone() }
    }

    /// Whether both last equally long and are otherwise the same, but for keys and values.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let Self { key: _, value: _, timeout, expires, comment, exprs, incomplete } = self;
        (timeout, expires, comment, exprs, incomplete)
            == (&other.timeout, &other.expires, &other.comment, &other.exprs, &other.incomplete)
    }
}

/// What is known of the intervals that were added to a set one after the other.
#[derive(Debug, Default)]
pub(crate) struct Order {
    words: OrderOf<u128>,
    /// Of bounds of more bytes than a word has.
    long: OrderOf<Data>,
}

impl Order {
    pub(crate) fn is_descending(&self) -> bool {
        self.words.is_descending || self.long.is_descending
    }

    /// Takes note of an interval, whose bounds are bytes that sort.
    fn note(&mut self, start: &Data, end: &Data, is_open: bool) -> Result<(), BuildErrorKind> {
        match word_of(start.as_bytes()).zip(word_of(end.as_bytes())) {
            Some((start, end)) => self.words.note(start, end, is_open),
            None => self.long.note(start.clone(), end.clone(), is_open),
        }
    }
}

/// What is known of intervals whose bounds are of some type.
#[derive(Debug)]
struct OrderOf<T> {
    last: Option<T>,
    /// One begins before the one that was written before it.
    is_descending: bool,
    /// Where one begins that ends with the highest value, and the highest end of all others.
    open: Option<T>,
    highest: Option<T>,
}

impl<T> Default for OrderOf<T> {
    fn default() -> Self {
        Self { last: None, is_descending: false, open: None, highest: None }
    }
}

impl<T: Ord + Clone> OrderOf<T> {
    /// Takes note of an interval. Of one that ends with the highest value the kernel has no entry for its end, and does
    /// not notice what overlaps it.
    #[inline]
    fn note(&mut self, start: T, end: T, is_open: bool) -> Result<(), BuildErrorKind> {
        self.is_descending |= self.last.as_ref().is_some_and(|last| *last > start);
        let overlaps = match &self.open {
            // Like ones are one.
            Some(open) if is_open => *open != start,
            Some(open) => *open <= end,
            None => is_open && self.highest.as_ref().is_some_and(|highest| *highest >= start),
        };
        if is_open {
            self.open = Some(start.clone());
        } else if self.highest.as_ref().is_none_or(|highest| *highest < end) {
            self.highest = Some(end);
        }
        self.last = Some(start);
        if overlaps { Err(BuildErrorKind::Overlap) } else { Ok(()) }
    }
}

impl<K: Key, V: Mapped> Element<K, V> {
    /// Bytes of the entries of most elements.
    pub(crate) const USUAL_LEN: usize = {
        // The nests of the entry and of the key, and its header; of the end the flags, too.
        let key = NLA_HDRLEN * 3 + K::LEN.next_multiple_of(4);
        let ends = match (K::FLAGS.has_ends(), K::FLAGS.contains(SetFlags::CONCAT)) {
            (true, _) => key + NLA_HDRLEN + 4,
            (false, true) => key - NLA_HDRLEN,
            (false, false) => 0,
        };
        let value = match V::SHAPE {
            None => 0,
            Some(shape) => NLA_HDRLEN * 2 + if shape.len == 0 { NLA_HDRLEN + 4 } else { shape.len.next_multiple_of(4) },
        };
        key + ends + value
    };
}

/// How much of an element is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhatOfElement {
    /// All of it.
    Full,
    /// What names it.
    Key,
}

/// Writes the entry that ends an interval: the first value after it.
pub(super) fn write_end(after: &Data, w: &mut AttrWriter) {
    w.nest(NFTA_LIST_ELEM, |w| {
        w.u32(NFTA_SET_ELEM_FLAGS, ElementFlags::INTERVAL_END.bits());
        after.write(w, NFTA_SET_ELEM_KEY);
    });
}

/// Writes an entry of a set that a rule has to itself.
pub(super) fn write_bare(
    key: Option<&Data>,
    key_end: Option<&Data>,
    (value, object): (Option<&Value>, Option<&Name>),
    open_end: bool,
    w: &mut AttrWriter,
) {
    w.nest(NFTA_LIST_ELEM, |w| {
        if key.is_none() {
            w.u32(NFTA_SET_ELEM_FLAGS, ElementFlags::CATCHALL.bits());
        }
        for (attr, key) in [(NFTA_SET_ELEM_KEY, key), (NFTA_SET_ELEM_KEY_END, key_end)] {
            if let Some(key) = key {
                key.write(w, attr);
            }
        }
        if let Some(value) = value {
            value.write(w, NFTA_SET_ELEM_DATA);
        }
        userdata::write_element(w, NFTA_SET_ELEM_USERDATA, None, open_end);
        write_object(object, w);
    });
}

/// Writes the name of the object that is an element's value.
pub(super) fn write_object(object: Option<&Name>, w: &mut AttrWriter) {
    if let Some(object) = object {
        w.check(object.check("object"));
        w.name(NFTA_SET_ELEM_OBJREF, object);
    }
}

/// Writes the stateful expressions of a set or element: one in its own attribute, more as a list.
pub(super) fn write_stateful(exprs: &[Expr], one: u16, more: u16, w: &mut AttrWriter) {
    check_stateful(exprs.len(), w);
    match exprs {
        [] => {}
        [expr] => expr.write_as(w, one),
        exprs => w.nest(more, |w| exprs.iter().for_each(|expr| expr.write(w))),
    }
}

#[cfg(test)]
mod tests;
