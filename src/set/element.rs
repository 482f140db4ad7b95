//! Elements of sets.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use super::anonymous::Entry;
use super::key::{Key, Part};
use super::{IntoElement, MapValue, Mapped, SetFlags, millis};
use crate::datum::{DataType, IntoKey, predecessor, show_interval, successor, unsorted};
use crate::error::{BuildErrorKind, DecodeError};
use crate::expr::{self, Counter, DATA_SCHEMA, Data, Expr, ExprInfo, Exprs, Value};
use crate::userdata::{self, Comment};
use crate::wire::path::{AttrName, Schema};
use crate::wire::reader::Notes;
use crate::wire::writer::Open;
use crate::wire::{Attr, AttrReader, AttrWriter};

const NFTA_SET_ELEM_LIST_TABLE: u16 = 1;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;
pub(crate) const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_LIST_SET_ID: u16 = 4;

const NFTA_LIST_ELEM: u16 = 1;

const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_SET_ELEM_DATA: u16 = 2;
const NFTA_SET_ELEM_FLAGS: u16 = 3;
const NFTA_SET_ELEM_TIMEOUT: u16 = 4;
const NFTA_SET_ELEM_EXPIRATION: u16 = 5;
const NFTA_SET_ELEM_USERDATA: u16 = 6;
const NFTA_SET_ELEM_EXPR: u16 = 7;
const NFTA_SET_ELEM_PAD: u16 = 8;
const NFTA_SET_ELEM_OBJREF: u16 = 9;
const NFTA_SET_ELEM_KEY_END: u16 = 10;
const NFTA_SET_ELEM_EXPRESSIONS: u16 = 11;

/// `NFT_SET_ELEM_INTERVAL_END`
const ELEMENT_INTERVAL_END: u32 = 1;
/// `NFT_SET_ELEM_CATCHALL`
const ELEMENT_CATCHALL: u32 = 2;

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
    value: V,
    pub(super) timeout: Option<Duration>,
    pub(super) expires: Option<Duration>,
    comment: Option<Comment>,
    exprs: Vec<Expr>,
    /// It was read with more than can be written.
    incomplete: bool,
}

impl<K: Key> Element<K> {
    /// An element with that key.
    pub fn new(key: impl IntoElement<K>) -> Self {
        key.into_element()
    }

    /// An element with that key, of whatever type it is.
    pub fn of(key: K) -> Self {
        Self::with(Some(key))
    }

    /// The element that every key is which no other element has (`*`, Linux 5.13).
    pub fn catch_all() -> Self {
        Self::with(None)
    }

    fn with(key: Option<K>) -> Self {
        Self { key, value: (), timeout: None, expires: None, comment: None, exprs: Vec::new(), incomplete: false }
    }

    /// Makes it an element of a map, with that value.
    pub fn to<V: MapValue>(self, value: impl IntoKey<V>) -> Element<K, V> {
        let Self { key, timeout, expires, comment, exprs, incomplete, value: () } = self;
        Element { key, value: value.into_key(), timeout, expires, comment, exprs, incomplete }
    }
}

impl<K: Key, V: Mapped> Element<K, V> {
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

    /// Writes the kernel's entries for the element: one, or for an interval two. Returns whether it
    /// is an interval that ends with the highest value, and so has no second one.
    pub(crate) fn encode(&self, what: WhatOfElement, w: &mut AttrWriter) -> bool {
        let intervals = K::FLAGS.contains(SetFlags::INTERVAL);
        let Some(key) = &self.key else {
            self.write_entry(what, None, None, false, w);
            return false;
        };
        let (start, end) = match key.bounds(intervals) {
            Ok(bounds) => bounds,
            Err(mistake) => {
                w.fail(mistake);
                return false;
            }
        };
        if !intervals {
            self.write_entry(what, Some(&start), None, false, w);
            return false;
        }
        if K::FLAGS.contains(SetFlags::CONCAT) {
            // The kernel could do without the end of a single value, but nft takes what has none for
            // the beginning of an interval.
            self.write_entry(what, Some(&start), Some(&end), false, w);
            return false;
        }
        // The second entry is the first value after the interval; after the highest there is none.
        let after = successor(end.as_bytes());
        self.write_entry(what, Some(&start), None, after.is_none(), w);
        if let Some(after) = after {
            write_end(&after, w);
            return false;
        }
        true
    }

    /// Writes the entry that begins the element.
    fn write_entry(
        &self,
        what: WhatOfElement,
        key: Option<&Data>,
        key_end: Option<&Data>,
        open_end: bool,
        w: &mut AttrWriter,
    ) {
        let entry = w.open(NFTA_LIST_ELEM);
        let full = what == WhatOfElement::Full;
        if key.is_none() {
            w.u32(NFTA_SET_ELEM_FLAGS, ELEMENT_CATCHALL);
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
        for (attr, key) in [(NFTA_SET_ELEM_KEY, key), (NFTA_SET_ELEM_KEY_END, key_end)] {
            if let Some(key) = key {
                key.write(w, attr);
            }
        }
        if full {
            match self.value.value() {
                Ok(None) => {}
                Ok(Some(value)) => value.write(w, NFTA_SET_ELEM_DATA),
                Err(mistake) => w.fail(mistake),
            }
            userdata::write_element(w, NFTA_SET_ELEM_USERDATA, self.comment.as_ref(), open_end);
            write_stateful(&self.exprs, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_EXPRESSIONS, w);
        }
        w.close(entry);
    }

    /// Whether it has more than a key and a value.
    pub(super) fn has_options(&self) -> bool {
        let Self { key: _, value: _, timeout, expires, comment, exprs, incomplete } = self;
        timeout.is_some() || expires.is_some() || comment.is_some() || !exprs.is_empty() || *incomplete
    }

    /// The key and value as bytes.
    pub(super) fn entry(&self, sorted: bool) -> Result<Entry, BuildErrorKind> {
        let key = self.key.as_ref().map(|key| key.bounds(sorted)).transpose()?;
        Ok(Entry { key, value: self.value.value()? })
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
        w.u32(NFTA_SET_ELEM_FLAGS, ELEMENT_INTERVAL_END);
        after.write(w, NFTA_SET_ELEM_KEY);
    });
}

/// Writes an entry of a set that a rule has to itself.
pub(super) fn write_bare(
    key: Option<&Data>,
    key_end: Option<&Data>,
    value: Option<&Value>,
    open_end: bool,
    w: &mut AttrWriter,
) {
    w.nest(NFTA_LIST_ELEM, |w| {
        if key.is_none() {
            w.u32(NFTA_SET_ELEM_FLAGS, ELEMENT_CATCHALL);
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
    });
}

/// Writes the stateful expressions of a set or element: one in its own attribute, more as a list.
pub(super) fn write_stateful(exprs: &[Expr], one: u16, more: u16, w: &mut AttrWriter) {
    match exprs {
        [] => {}
        [expr] => expr.write_as(w, one),
        exprs => w.nest(more, |w| exprs.iter().for_each(|expr| expr.write(w))),
    }
}

/// An element as the kernel has it.
///
/// With a data type for `K` it is an element of a [`Set`](super::Set), or with a `V` of a map.
/// Without, it is an entry of any set just as the kernel keeps it: in a set of intervals each one
/// is two entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementInfo<K = Data, V = ()> {
    pub(super) key: Option<K>,
    value: V,
    flags: u32,
    timeout: Option<u64>,
    expires: Option<u64>,
    more: Option<Box<More>>,
}

/// An element that was read can be put back: with its timeout, what was left of that, its comment
/// and its stateful expressions. A batch refuses one that has more.
impl<K: Key, V: Mapped> IntoElement<K, V> for ElementInfo<K, V> {
    fn into_element(self) -> Element<K, V> {
        // To the kernel nothing left would mean all of it.
        let expires = self.expires().map(|left| left.max(Duration::from_millis(1)));
        let (timeout, comment) = (self.timeout(), self.comment().map(Comment::kept));
        let exprs = self.stateful().iter().map(|expr| expr.get().clone()).collect();
        let lost = |more: &More| !more.raw.is_empty() || more.exprs.iter().any(ExprInfo::has_unknown);
        let incomplete = self.more.as_deref().is_some_and(lost);
        Element { key: self.key, value: self.value, timeout, expires, comment, exprs, incomplete }
    }
}

/// What few elements have.
#[derive(Debug, Clone, Default)]
struct More {
    key_end: Option<Data>,
    data: Option<Value>,
    userdata: Box<[u8]>,
    exprs: Vec<ExprInfo>,
    /// All attributes, where there are some that have no place above.
    raw: Box<[u8]>,
}

impl PartialEq for More {
    fn eq(&self, other: &Self) -> bool {
        let exprs = |more: &Self| more.exprs.iter().map(|expr| expr.raw().to_vec()).collect::<Vec<_>>();
        (&self.key_end, &self.data, &self.userdata, &self.raw)
            == (&other.key_end, &other.data, &other.userdata, &other.raw)
            && exprs(self) == exprs(other)
    }
}

impl Eq for More {}

impl ElementInfo {
    fn decode(entry: Attr<'_>) -> Result<Self, DecodeError> {
        let mut info = Self { key: None, value: (), flags: 0, timeout: None, expires: None, more: None };
        for attr in entry.nested()? {
            match attr? {
                (NFTA_SET_ELEM_KEY, v) => info.key = Some(Data::read(v)?),
                (NFTA_SET_ELEM_FLAGS, v) => info.flags = v.u32()?,
                (NFTA_SET_ELEM_TIMEOUT, v) => info.timeout = Some(v.u64()?),
                (NFTA_SET_ELEM_EXPIRATION, v) => info.expires = Some(v.u64()?),
                (NFTA_SET_ELEM_USERDATA, v) => info.more().userdata = v.bytes().into(),
                (NFTA_SET_ELEM_KEY_END, v) => info.more().key_end = Some(Data::read(v)?),
                (NFTA_SET_ELEM_DATA, v) => info.more().data = Some(Value::read(v)?),
                (NFTA_SET_ELEM_EXPR, v) => info.more().exprs = vec![ExprInfo::read(v)?],
                (NFTA_SET_ELEM_EXPRESSIONS, v) => {
                    info.more().exprs = Exprs::new(v.bytes()).collect::<Result<_, _>>()?
                }
                (NFTA_SET_ELEM_PAD, _) => {}
                _ => info.more().raw = entry.bytes().into(),
            }
        }
        Ok(info)
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Gives the entry a typed key, and what a map has, its value.
    fn typed<K, V: Mapped>(self, key: Option<K>) -> Result<ElementInfo<K, V>, DecodeError> {
        let wrong = DecodeError::new("element", "the value has another type than the map");
        let value = V::read(self.data()).ok_or(wrong)?;
        let Self { flags, timeout, expires, mut more, .. } = self;
        if let Some(more) = &mut more {
            (more.key_end, more.data) = (None, None);
        }
        let more = more.filter(|more| **more != More::default());
        Ok(ElementInfo { key, value, flags, timeout, expires, more })
    }

    /// Only what is compared: without an end that is the key, what nft notes for itself, and the
    /// stateful expressions, which are compared in a form of their own.
    pub(super) fn bare(self) -> Self {
        let key_end = self.key_end().filter(|end| Some(*end) != self.key.as_ref()).cloned();
        let raw = self.raw().unwrap_or_default().into();
        let more = More { key_end, data: self.data().cloned(), raw, ..More::default() };
        let more = (more != More::default()).then(|| Box::new(more));
        Self { key: self.key, value: (), flags: self.flags, timeout: self.timeout, expires: None, more }
    }

    /// An entry that ends an interval before `key`.
    pub(crate) fn end_at(key: Data) -> Self {
        let flags = ELEMENT_INTERVAL_END;
        Self { key: Some(key), value: (), flags, timeout: None, expires: None, more: None }
    }

    /// Whether this is the first value after an interval.
    pub fn is_interval_end(&self) -> bool {
        self.flags & ELEMENT_INTERVAL_END != 0
    }

    /// Returns the highest key of an entry that has two: of a concatenation with intervals.
    pub fn key_end(&self) -> Option<&Data> {
        self.more.as_ref()?.key_end.as_ref()
    }

    /// Returns the value of an entry of a map.
    pub fn data(&self) -> Option<&Value> {
        self.more.as_ref()?.data.as_ref()
    }

    /// Returns all attributes as the kernel sent them, of an entry that has some which this
    /// library does not know.
    pub fn raw(&self) -> Option<&[u8]> {
        self.more.as_ref().map(|more| &*more.raw).filter(|raw| !raw.is_empty())
    }
}

impl<K, V> ElementInfo<K, V> {
    /// Returns the key; the catch-all element has none.
    pub fn key(&self) -> Option<&K> {
        self.key.as_ref()
    }

    /// Returns the value, of a map with a type for it.
    pub fn value(&self) -> &V {
        &self.value
    }

    /// Returns the flags (`enum nft_set_elem_flags`).
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Returns the timeout of its own, in the kernel's milliseconds; zero means never.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout.map(Duration::from_millis)
    }

    /// Returns what is left of the timeout.
    pub fn expires(&self) -> Option<Duration> {
        self.expires.map(Duration::from_millis)
    }

    /// Returns the comment, if there is one that is text.
    pub fn comment(&self) -> Option<&str> {
        userdata::comment(&self.more.as_ref()?.userdata)
    }

    /// Returns the userdata: the comment and what else its author kept there.
    pub fn userdata(&self) -> &[u8] {
        self.more.as_ref().map_or(&[], |more| &more.userdata)
    }

    /// Returns the stateful expressions that it has: counters, limits and the like.
    pub fn stateful(&self) -> &[ExprInfo] {
        self.more.as_ref().map_or(&[], |more| &more.exprs)
    }

    /// Returns what its counter has counted, if it has one.
    pub fn counter(&self) -> Option<Counter> {
        self.stateful().iter().find_map(|expr| match expr.get() {
            Expr::Counter(counter) => Some(*counter),
            _ => None,
        })
    }
}

/// Reads the kernel's entries of a whole set.
pub(crate) fn assemble<K: Key, V: Mapped>(entries: Vec<ElementInfo>) -> Result<Vec<ElementInfo<K, V>>, DecodeError> {
    if K::FLAGS.has_ends() {
        return assemble_intervals(entries);
    }
    let sorted = K::FLAGS.contains(SetFlags::INTERVAL);
    entries
        .into_iter()
        .map(|entry| {
            let Some(start) = entry.key.clone() else { return entry.typed(None) };
            let end = entry.key_end().unwrap_or(&start);
            let key = K::from_bounds(start.as_bytes(), end.as_bytes(), sorted).ok_or_else(wrong_key)?;
            entry.typed(Some(key))
        })
        .collect()
}

fn wrong_key() -> DecodeError {
    DecodeError::new("element", "the key is none of its type")
}

/// Kernels differ in the order of a dump. In ascending order, with an interval's end before the
/// start of the next at the same place, each start ends at the entry after it, whatever that is:
/// so does the kernel's own lookup.
fn assemble_intervals<K: Key, V: Mapped>(mut entries: Vec<ElementInfo>) -> Result<Vec<ElementInfo<K, V>>, DecodeError> {
    entries.sort_by(|a, b| a.key.cmp(&b.key).then(b.is_interval_end().cmp(&a.is_interval_end())));
    let mut intervals: Vec<ElementInfo<K, V>> = Vec::with_capacity(entries.len().div_ceil(2));
    let mut open: Option<(ElementInfo, Data)> = None;
    let mut close = |(start, from): (ElementInfo, Data), last: &Data| {
        let key = K::from_bounds(from.as_bytes(), last.as_bytes(), true).ok_or_else(wrong_key)?;
        intervals.push(start.typed(Some(key))?);
        Ok(())
    };
    let mut catch_all = Vec::new();
    for entry in entries {
        let Some(key) = entry.key.clone() else {
            catch_all.push(entry.typed(None)?);
            continue;
        };
        if let Some(start) = open.take() {
            close(start, &predecessor(key.as_bytes()).ok_or_else(wrong_key)?)?;
        }
        if !entry.is_interval_end() {
            open = Some((entry, key));
        }
    }
    if let Some(start) = open {
        close(start, &Data::new(&vec![u8::MAX; K::LEN]))?;
    }
    intervals.extend(catch_all);
    Ok(intervals)
}

/// Writes what asks for an entry: the one that holds a key or, without one, the catch-all element.
pub(crate) fn write_lookup(key: Option<&Data>, is_end: bool, w: &mut AttrWriter) {
    w.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |w| match key.filter(|_| is_end) {
        Some(after) => write_end(after, w),
        None => write_bare(key, None, None, false, w),
    });
}

/// Asks for the element that holds a key.
pub(crate) struct Lookup {
    /// The lowest and the highest key; the catch-all element has none.
    bounds: Option<(Data, Data)>,
    fields: &'static [Part],
    flags: SetFlags,
}

impl Lookup {
    pub(crate) fn new<K: Key>(element: &Element<K>) -> Result<Self, BuildErrorKind> {
        let flags = K::FLAGS;
        let bounds = element.entry(flags.contains(SetFlags::INTERVAL))?.key;
        Ok(Self { bounds, fields: K::FIELDS, flags })
    }

    /// The lowest key.
    pub(crate) fn start(&self) -> Option<&Data> {
        self.bounds.as_ref().map(|(start, _)| start)
    }

    /// The key after the lowest, of a set that has a second entry for the end of each element.
    pub(crate) fn after(&self) -> Option<Data> {
        let pairs = self.flags.has_ends();
        successor(self.start().filter(|_| pairs)?.as_bytes())
    }

    /// Whether all that was asked for is in `key`.
    pub(crate) fn is_within<K: Key>(&self, key: &K) -> bool {
        let found = key.bounds(self.flags.contains(SetFlags::INTERVAL)).ok();
        let Some(((low, high), (start, end))) = found.as_ref().zip(self.bounds.as_ref()) else { return false };
        let mut at = 0;
        self.fields.iter().all(|field| {
            let of = |data: &Data| data.as_bytes().get(at..at + field.len).map(<[u8]>::to_vec);
            let within = of(low) <= of(start) && of(end) <= of(high);
            at += field.padded();
            within
        })
    }
}

/// Writes elements as the lists of as many messages as they need.
pub(crate) struct SplitEntries<'a, B, E> {
    /// Begins a message.
    begin: B,
    /// Ends the message that begins at an offset.
    end: E,
    w: &'a mut AttrWriter,
    start: usize,
    list: Open,
}

/// The most bytes that a list may hold: its length, header included, has 16 bits.
const LIST_MAX: usize = u16::MAX as usize - 4;

impl<'a, B: FnMut(&mut AttrWriter) -> usize, E: FnMut(&mut AttrWriter, usize)> SplitEntries<'a, B, E> {
    /// Begins the first message.
    pub(crate) fn new(mut begin: B, end: E, w: &'a mut AttrWriter) -> Self {
        let start = begin(w);
        let list = w.open(NFTA_SET_ELEM_LIST_ELEMENTS);
        Self { begin, end, w, start, list }
    }

    /// Writes what `encode` does, in the next message if this one has no room.
    pub(crate) fn write(&mut self, encode: impl FnOnce(&mut AttrWriter)) {
        let before = self.w.len();
        encode(self.w);
        if self.w.nested_len(&self.list) > LIST_MAX {
            let entries = self.w.buffer().split_off(before);
            self.w.close(self.list);
            (self.end)(self.w, self.start);
            self.start = (self.begin)(self.w);
            self.list = self.w.open(NFTA_SET_ELEM_LIST_ELEMENTS);
            self.w.raw(&entries);
        }
    }

    /// Ends the last message.
    pub(crate) fn finish(mut self) {
        self.w.close(self.list);
        (self.end)(self.w, self.start);
    }
}

/// Writes the number of a set that its batch adds.
pub(crate) fn write_set_id(id: Option<u32>, w: &mut AttrWriter) {
    if let Some(id) = id {
        w.u32(NFTA_SET_ELEM_LIST_SET_ID, id);
    }
}

/// Reads the element list of a message: all entries go to `out`.
pub(crate) fn read_element_list(attrs: &[u8], out: &mut Vec<ElementInfo>) -> Result<(), DecodeError> {
    let notes = Notes::default();
    for attr in AttrReader::new(attrs, &notes) {
        if let (NFTA_SET_ELEM_LIST_ELEMENTS, list) = attr? {
            for entry in list.nested()? {
                out.push(ElementInfo::decode(entry?.1)?);
            }
        }
    }
    Ok(())
}

/// Reads the entries of a list that was written here.
pub(super) fn read_entries(list: &[u8]) -> Vec<ElementInfo> {
    let notes = Notes::default();
    let entries = AttrReader::new(list, &notes).map_while(Result::ok);
    entries.filter_map(|(_, entry)| ElementInfo::decode(entry).ok()).collect()
}

/// Whether an interval that ends with the highest value overlaps another one of the entries. The
/// kernel does not notice: such an interval has no entry for its end.
pub(crate) fn open_end_overlaps(entries: &[ElementInfo]) -> bool {
    let mut opens = Vec::new();
    let mut last: Option<&Data> = None;
    let mut rest = entries;
    while let [entry, after @ ..] = rest {
        rest = after;
        let ends = after.first().is_some_and(ElementInfo::is_interval_end);
        match &entry.key {
            Some(key) if !entry.is_interval_end() && !ends => opens.push(key),
            // The first value after an interval.
            Some(key) if entry.is_interval_end() => last = last.max(Some(key)),
            _ => {}
        }
    }
    opens.sort();
    let Some(lowest) = opens.first() else { return false };
    last.is_some_and(|after| after > *lowest) || opens.iter().any(|open| open != lowest)
}

/// The first few entries of a message's list, for a person to read.
pub(crate) fn first_entries(attrs: &[u8], count: usize) -> Vec<ElementInfo> {
    let notes = Notes::default();
    AttrReader::new(attrs, &notes)
        .map_while(Result::ok)
        .filter(|(number, _)| *number == NFTA_SET_ELEM_LIST_ELEMENTS)
        .filter_map(|(_, list)| list.nested().ok())
        .flat_map(|list| list.map_while(Result::ok).filter_map(|(_, entry)| ElementInfo::decode(entry).ok()))
        .take(count)
        .collect()
}

/// How long before its end an element may be missing without anybody's doing.
const ABOUT_TO_EXPIRE: Duration = Duration::from_secs(1);

/// Whether two readings of a set, `apart` from the beginning of the first to the end of the
/// second, are of the same entries, but for those whose time was up.
pub(crate) fn agree(first: &[ElementInfo], second: &[ElementInfo], apart: Duration) -> bool {
    let mut second = second.iter().peekable();
    let stays = |entry: &ElementInfo| entry.expires().is_none_or(|left| left > apart + ABOUT_TO_EXPIRE);
    let all_found = first.iter().all(|entry| {
        let found = second.next_if(|other| entry.key == other.key && entry.flags == other.flags).is_some();
        found || !stays(entry)
    });
    all_found && second.next().is_none()
}

/// The elements that the entries of a list stand for, each as nft would write it, with how many
/// entries it has.
pub(crate) fn show_entries(entries: &[ElementInfo], kind: DataType, intervals: bool) -> Vec<(String, usize)> {
    let mut shown = Vec::new();
    let mut rest = entries;
    while let [entry, after @ ..] = rest {
        rest = after;
        // nft writes an end at the lowest value.
        if entry.is_interval_end() && entry.key.as_ref().is_some_and(|key| key.as_bytes().iter().all(|&b| b == 0)) {
            continue;
        }
        let mut text = String::new();
        let mut count = 1;
        // What is written to a string does not fail.
        let _ = match (&entry.key, after) {
            (None, _) => text.write_str("*"),
            (Some(key), _) if entry.key_end().is_some() => {
                let end = entry.key_end().unwrap_or(key);
                show_interval(kind, unsorted(kind, key).as_bytes(), unsorted(kind, end).as_bytes(), &mut text)
            }
            (Some(key), [end, others @ ..]) if intervals && !entry.is_interval_end() && end.is_interval_end() => {
                (rest, count) = (others, 2);
                let last = end.key.as_ref().and_then(|key| predecessor(key.as_bytes())).unwrap_or_else(|| key.clone());
                show_interval(kind, unsorted(kind, key).as_bytes(), unsorted(kind, &last).as_bytes(), &mut text)
            }
            (Some(key), _) if intervals => kind.show(unsorted(kind, key).as_bytes(), &mut text),
            (Some(key), _) => kind.show(key.as_bytes(), &mut text),
        };
        if let Some(value) = entry.data() {
            let _ = match value {
                Value::Data(data) => write!(text, " : {data:#}"),
                Value::Verdict(verdict) => write!(text, " : {verdict}"),
            };
        }
        shown.push((text, count));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interval;
    use crate::datum::{Mark, Port};
    use std::net::Ipv4Addr;

    fn entries<K: Key>(element: Element<K>) -> Vec<u8> {
        let mut w = AttrWriter::new();
        element.encode(WhatOfElement::Full, &mut w);
        assert_eq!(w.take_error(), None);
        w.bytes_written().to_vec()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn elements_are_nfts() {
        let blocked = Element::<Interval<Ipv4Addr>>::new(Ipv4Addr::new(1, 2, 3, 4)).timeout(Duration::from_secs(300));
        assert_eq!(
            entries(blocked),
            b"\x1c\0\x01\x80\x0c\0\x04\0\0\0\0\0\0\x04\x93\xe0\x0c\0\x01\x80\x08\0\x01\0\x01\x02\x03\x04\
              \x18\0\x01\x80\x08\0\x03\0\0\0\0\x01\x0c\0\x01\x80\x08\0\x01\0\x01\x02\x03\x05"
        );
        let highest = Element::<Interval<Ipv4Addr>>::new(Ipv4Addr::BROADCAST);
        assert_eq!(
            entries(highest),
            b"\x1c\0\x01\x80\x0c\0\x01\x80\x08\0\x01\0\xff\xff\xff\xff\x0a\0\x06\0\x01\x04\x01\0\0\0\0\0"
        );
        assert_eq!(entries(Element::<Mark>::new(1)), b"\x10\0\x01\x80\x0c\0\x01\x80\x08\0\x01\0\x01\0\0\0");
        assert_eq!(
            entries(Element::<Port>::new(80).comment("x")),
            b"\x18\0\x01\x80\x0c\0\x01\x80\x06\0\x01\0\0\x50\0\0\x08\0\x06\0\0\x02x\0"
        );
    }

    fn entry(key: [u8; 4], end: bool) -> ElementInfo {
        let flags = if end { ELEMENT_INTERVAL_END } else { 0 };
        ElementInfo { key: Some(key.into()), value: (), flags, timeout: None, expires: None, more: None }
    }

    #[test]
    fn intervals_are_paired_in_any_order() {
        // Adjacent intervals, a lone end at zero as nft writes it, and an open end.
        let mut raw = vec![
            entry([0, 0, 0, 0], true),
            entry([10, 0, 0, 0], false),
            entry([11, 0, 0, 0], true),
            entry([11, 0, 0, 0], false),
            entry([11, 0, 0, 2], true),
            entry([255, 0, 0, 0], false),
        ];
        for _ in 0..2 {
            let found = assemble::<Interval<Ipv4Addr>, ()>(raw.clone()).unwrap();
            let found: Vec<String> = found.iter().map(|e| e.key().unwrap().to_string()).collect();
            assert_eq!(found, ["10.0.0.0/8", "11.0.0.0/31", "255.0.0.0/8"]);
            raw.reverse();
        }
    }

    #[test]
    fn readings_agree_but_for_what_expired() {
        let [a, b, c] = [1, 2, 3].map(|n| entry([n, 0, 0, 0], false));
        let now = Duration::ZERO;
        assert!(agree(&[], &[], now) && agree(&[a.clone(), b.clone()], &[a.clone(), b.clone()], now));
        for other in [vec![a.clone()], vec![b.clone(), a.clone()], vec![a.clone(), b.clone(), c.clone()]] {
            assert!(!agree(&[a.clone(), b.clone()], &other, now), "{other:?}");
        }
        let expires = |left| ElementInfo { expires: Some(left), ..b.clone() };
        assert!(agree(&[a.clone(), expires(1500), c.clone()], &[a.clone(), c.clone()], Duration::from_millis(600)));
        assert!(!agree(&[a.clone(), expires(9000), c.clone()], &[a, c], Duration::from_millis(600)));
    }

    #[test]
    fn an_element_is_put_back_whole_or_refused() {
        let read = |expires, raw: &[u8]| {
            let more = Some(Box::new(More { raw: raw.into(), ..More::default() }));
            let info = ElementInfo {
                key: Some(Port::new(80)),
                value: (),
                flags: 0,
                timeout: Some(9000),
                expires: Some(expires),
                more,
            };
            let mut w = AttrWriter::new();
            info.into_element().encode(WhatOfElement::Full, &mut w);
            (w.bytes_written().to_vec(), w.take_error())
        };
        // Nothing left is a millisecond: zero would be all of it.
        assert_eq!(read(0, b""), read(1, b""));
        assert_ne!(read(0, b""), read(2, b""));
        assert_eq!(read(1, b"").1, None);
        assert_eq!(read(1, b"an expression").1, Some(BuildErrorKind::UnknownOfElement));
    }

    #[test]
    fn a_catch_all_element_is_one_without_a_key() {
        let all = || vec![entry([1, 2, 3, 4], false), ElementInfo { key: None, ..entry([0; 4], false) }];
        let plain = assemble::<Ipv4Addr, ()>(all()).unwrap();
        let intervals = assemble::<Interval<Ipv4Addr>, ()>(all()).unwrap();
        assert_eq!((plain.len(), plain[1].key()), (2, None));
        assert_eq!((intervals.len(), intervals[1].key()), (2, None));
    }

    #[test]
    fn keys_of_another_length_are_errors() {
        let raw = vec![ElementInfo { key: Some([1, 2].into()), ..entry([0; 4], false) }];
        assert!(assemble::<Ipv4Addr, ()>(raw.clone()).is_err());
        assert!(assemble::<Interval<Ipv4Addr>, ()>(raw).is_err());
    }

    #[test]
    fn long_lists_are_split_and_nothing_is_lost() {
        for count in [0, 1, 4095, 4096, 70_000] {
            let mut w = AttrWriter::new();
            let mut messages = Vec::new();
            let begin = |w: &mut AttrWriter| w.len();
            let end = |w: &mut AttrWriter, start| messages.push(w.bytes_written()[start..].to_vec());
            let mut split = SplitEntries::new(begin, end, &mut w);
            (0..count).for_each(|n| split.write(|w| _ = Element::<Mark>::new(n).encode(WhatOfElement::Full, w)));
            split.finish();
            assert_eq!(w.take_error(), None);
            assert_eq!(messages.len(), (count as usize).div_ceil(4095).max(1));
            let mut read = Vec::new();
            for message in &messages {
                read_element_list(message, &mut read).unwrap();
            }
            let read = assemble::<Mark, ()>(read).unwrap();
            assert!(read.iter().map(|e| e.key().unwrap().get()).eq(0..count));
        }
    }
}
