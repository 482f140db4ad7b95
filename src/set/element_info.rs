//! Elements as the kernel has them.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use super::element::*;
use super::key::{KEY_MAX, Key, Part};
use super::{IntoElement, Mapped, SetFlags};
use crate::datum::{predecessor, successor};
use crate::error::{BuildErrorKind, DecodeError};
use crate::expr::{Counter, Data, Expr, ExprInfo, Exprs, Value};
use crate::userdata::{self, Comment};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, AttrWriter, Name};

/// An element as the kernel has it.
///
/// With a data type for `K` it is an element of a [`Set`](super::Set), or with a `V` of a map.
/// Without, it is an entry of any set just as the kernel keeps it: in a set of intervals each one
/// is two entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementInfo<K = Data, V = ()> {
    pub(super) key: Option<K>,
    pub(super) value: V,
    pub(super) flags: ElementFlags,
    pub(super) timeout: Millis,
    pub(super) expires: Millis,
    pub(super) more: Option<Box<More>>,
}

/// A time that may be missing, in milliseconds, in as few bytes as can be: a listing has a million of them.
///
/// The kernel takes none of 2^45 or more (`nf_msecs_to_jiffies64`); what is too long is read as the longest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Millis([u8; 6]);

impl Millis {
    pub(super) const NONE: Self = Self([u8::MAX; 6]);
    const LONGEST: u64 = (1 << 48) - 2;

    #[inline]
    pub(super) fn new(millis: Option<u64>) -> Self {
        let Some(millis) = millis else { return Self::NONE };
        let [bytes @ .., _, _] = millis.min(Self::LONGEST).to_le_bytes();
        Self(bytes)
    }

    pub(super) fn get(self) -> Option<u64> {
        let [a, b, c, d, e, f] = self.0;
        (self != Self::NONE).then(|| u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }
}

impl fmt::Debug for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
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
pub(super) struct More {
    pub(super) key_end: Option<Data>,
    pub(super) data: Option<Value>,
    pub(super) object: Option<Name>,
    pub(super) userdata: Box<[u8]>,
    pub(super) exprs: Vec<ExprInfo>,
    /// All attributes, where there are some that have no place above.
    pub(super) raw: Box<[u8]>,
}

impl PartialEq for More {
    fn eq(&self, other: &Self) -> bool {
        let exprs = |more: &Self| more.exprs.iter().map(ExprInfo::comparable).collect::<Vec<_>>();
        (&self.key_end, &self.data, &self.object, &self.userdata, &self.raw)
            == (&other.key_end, &other.data, &other.object, &other.userdata, &other.raw)
            && exprs(self) == exprs(other)
    }
}

impl Eq for More {}

/// What most entries have, and nothing else, borrowed from the message.
#[doc(hidden)]
#[derive(Debug)]
pub struct PlainEntry<'a> {
    pub(crate) key: Option<&'a [u8]>,
    key_end: Option<&'a [u8]>,
    data: Option<Value>,
    pub(crate) flags: ElementFlags,
    timeout: Option<u64>,
    expires: Option<u64>,
}

impl<'a> PlainEntry<'a> {
    /// Reads an entry; none if it has more, or makes no sense.
    #[inline]
    pub(crate) fn read(entry: &'a [u8], notes: &'a Notes) -> Option<Self> {
        let flags = ElementFlags::empty();
        let mut plain = Self { key: None, key_end: None, data: None, flags, timeout: None, expires: None };
        for attr in AttrReader::new(entry, notes) {
            match attr.ok()? {
                (NFTA_SET_ELEM_KEY, v) if plain.key.is_none() => plain.key = Some(Data::plain_bytes(v)?),
                (NFTA_SET_ELEM_KEY_END, v) if plain.key_end.is_none() => plain.key_end = Some(Data::plain_bytes(v)?),
                (NFTA_SET_ELEM_DATA, v) => plain.data = Some(Value::read(v).ok()?),
                (NFTA_SET_ELEM_FLAGS, v) => plain.flags = ElementFlags::from_bits_retain(v.u32().ok()?),
                (NFTA_SET_ELEM_TIMEOUT, v) => plain.timeout = Some(v.u64().ok()?),
                (NFTA_SET_ELEM_EXPIRATION, v) => plain.expires = Some(v.u64().ok()?),
                (NFTA_SET_ELEM_PAD, _) => {}
                _ => return None,
            }
        }
        (!notes.has_unknown()).then_some(plain)
    }

    /// The element that the entry is, of a set in which each is one; none if it is of another type.
    #[inline]
    pub(crate) fn element<K: Key, V: Mapped>(&self) -> Option<ElementInfo<K, V>> {
        if K::FLAGS.has_ends() {
            return None;
        }
        let key = match self.key {
            Some(key) => {
                let sorted = K::FLAGS.contains(SetFlags::INTERVAL);
                Some(K::from_bounds(key, self.key_end.unwrap_or(key), sorted)?)
            }
            None => None,
        };
        let value = V::read(self.data.as_ref(), None)?;
        let (timeout, expires) = (Millis::new(self.timeout), Millis::new(self.expires));
        Some(ElementInfo { key, value, flags: self.flags, timeout, expires, more: None })
    }
}

impl<K, V> ElementInfo<K, V> {
    /// An element that has nothing else.
    #[inline]
    fn bare_of(key: K, value: V) -> Self {
        let (flags, timeout, expires) = (ElementFlags::empty(), Millis::NONE, Millis::NONE);
        Self { key: Some(key), value, flags, timeout, expires, more: None }
    }
}

impl<K: Key, V: Mapped> ElementInfo<K, V> {
    /// The element that an entry is which has nothing but a key, of a set in which each is one; none if it is of
    /// another type.
    #[inline]
    pub(crate) fn of_key(key: &[u8]) -> Option<Self> {
        if K::FLAGS.has_ends() {
            return None;
        }
        let value = V::read(None, None)?;
        Some(Self::bare_of(K::from_bounds(key, key, K::FLAGS.contains(SetFlags::INTERVAL))?, value))
    }
}

impl ElementInfo {
    /// The entry that has nothing but a key.
    #[inline]
    pub(crate) fn of_data(key: &[u8]) -> Self {
        Self::bare_of(Data::new(key), ())
    }

    pub(crate) fn decode(entry: &[u8]) -> Result<Self, DecodeError> {
        let mut info = Self {
            timeout: Millis::NONE,
            expires: Millis::NONE,
            key: None,
            value: (),
            flags: ElementFlags::empty(),
            more: None,
        };
        // Whether there is more in what has a place above is told entry by entry.
        let notes = Notes::default();
        let attrs = AttrReader::new(entry, &notes);
        for attr in attrs.clone() {
            match attr? {
                (NFTA_SET_ELEM_KEY, v) => info.key = Some(Data::read(v)?),
                (NFTA_SET_ELEM_FLAGS, v) => info.flags = ElementFlags::from_bits_retain(v.u32()?),
                (NFTA_SET_ELEM_TIMEOUT, v) => info.timeout = Millis::new(Some(v.u64()?)),
                (NFTA_SET_ELEM_EXPIRATION, v) => info.expires = Millis::new(Some(v.u64()?)),
                (NFTA_SET_ELEM_USERDATA, v) => info.more().userdata = v.bytes().into(),
                (NFTA_SET_ELEM_KEY_END, v) => info.more().key_end = Some(Data::read(v)?),
                (NFTA_SET_ELEM_DATA, v) => match Value::read(v) {
                    // A value that is neither bytes nor a verdict is among the raw attributes.
                    Err(_) if notes.has_unknown() => {}
                    value => info.more().data = Some(value?),
                },
                (NFTA_SET_ELEM_EXPR, v) => info.more().exprs = vec![ExprInfo::read(v)?],
                (NFTA_SET_ELEM_EXPRESSIONS, v) => {
                    info.more().exprs = Exprs::new(v.bytes()).collect::<Result<_, _>>()?
                }
                (NFTA_SET_ELEM_OBJREF, v) => info.more().object = Some(v.name()),
                (NFTA_SET_ELEM_PAD, _) => {}
                (other, _) => attrs.note_unknown(other),
            }
        }
        if notes.has_unknown() {
            info.more().raw = entry.into();
        }
        Ok(info)
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Gives the entry a typed key, and what a map has, its value.
    fn typed<K, V: Mapped>(self, key: Option<K>) -> Result<ElementInfo<K, V>, DecodeError> {
        let wrong = DecodeError::new("element", "the value has another type than the map");
        let value = V::read(self.data(), self.object()).ok_or(wrong)?;
        let Self { flags, timeout, expires, mut more, .. } = self;
        if let Some(some) = &mut more {
            (some.key_end, some.data, some.object) = (None, None, None);
            if **some == More::default() {
                more = None;
            }
        }
        Ok(ElementInfo { key, value, flags, timeout, expires, more })
    }

    /// Only what is compared: without an end that is the key, what nft notes for itself, and the
    /// stateful expressions, which are compared in a form of their own.
    pub(super) fn bare(self) -> Self {
        let key_end = self.key_end().filter(|end| Some(*end) != self.key.as_ref()).cloned();
        let raw = self.raw().unwrap_or_default().into();
        let more = More { key_end, data: self.data().cloned(), object: self.object().cloned(), raw, ..More::default() };
        let more = (more != More::default()).then(|| Box::new(more));
        Self { key: self.key, value: (), flags: self.flags, timeout: self.timeout, expires: Millis::NONE, more }
    }

    /// An entry that ends an interval before `key`.
    pub(crate) fn end_at(key: Data) -> Self {
        let flags = ElementFlags::INTERVAL_END;
        Self { key: Some(key), value: (), flags, timeout: Millis::NONE, expires: Millis::NONE, more: None }
    }

    /// An entry that starts an interval, or is a whole element, at `key`.
    #[cfg(test)]
    pub(crate) fn start_at(key: Data) -> Self {
        Self { flags: ElementFlags::empty(), ..Self::end_at(key) }
    }

    /// Whether this is the first value after an interval.
    pub fn is_interval_end(&self) -> bool {
        self.flags.contains(ElementFlags::INTERVAL_END)
    }

    /// Returns the highest key of an entry that has two: of a concatenation with intervals.
    pub fn key_end(&self) -> Option<&Data> {
        self.more.as_ref()?.key_end.as_ref()
    }

    /// Returns the value of an entry of a map.
    pub fn data(&self) -> Option<&Value> {
        self.more.as_ref()?.data.as_ref()
    }

    /// Returns the name of the object that an entry of an object map has for a value.
    pub fn object(&self) -> Option<&Name> {
        self.more.as_ref()?.object.as_ref()
    }

    /// Returns all attributes as the kernel sent them, of an entry that has some which this
    /// library does not know, in it or in its keys or value.
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

    /// Returns the flags.
    pub fn flags(&self) -> ElementFlags {
        self.flags
    }

    /// Returns the timeout of its own, in the kernel's milliseconds; zero means never.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout.get().map(Duration::from_millis)
    }

    /// Returns what is left of the timeout.
    pub fn expires(&self) -> Option<Duration> {
        self.expires.get().map(Duration::from_millis)
    }

    /// Returns the comment, if there is one that is text.
    pub fn comment(&self) -> Option<&str> {
        userdata::comment(&self.more.as_ref()?.userdata)
    }

    /// Returns the userdata: what nft keeps with the element, as its comment.
    pub fn userdata(&self) -> &[u8] {
        self.more.as_ref().map_or(&[], |more| &more.userdata)
    }

    /// Returns the stateful expressions that it has: counters, limits and the like.
    pub fn stateful(&self) -> &[ExprInfo] {
        self.more.as_ref().map_or(&[], |more| &more.exprs)
    }

    /// The element with the stateful expressions that its entry had in another reading.
    pub(crate) fn with_stateful_of(mut self, entry: ElementInfo) -> Self {
        let exprs = entry.more.map(|more| more.exprs).unwrap_or_default();
        self.more.get_or_insert_default().exprs = exprs;
        self
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
    entries.into_iter().map(whole).collect()
}

/// Reads an entry that is a whole element.
pub(super) fn whole<K: Key, V: Mapped>(entry: ElementInfo) -> Result<ElementInfo<K, V>, DecodeError> {
    let sorted = K::FLAGS.contains(SetFlags::INTERVAL);
    let Some(start) = &entry.key else { return entry.typed(None) };
    let end = entry.key_end().unwrap_or(start);
    let key = K::from_bounds(start.as_bytes(), end.as_bytes(), sorted).ok_or_else(wrong_key)?;
    entry.typed(Some(key))
}

/// Makes an element of the entry that an interval starts with and the first key after it, or none
/// if it ends with the highest.
pub(super) fn interval<K: Key, V: Mapped>(
    start: ElementInfo,
    after: Option<&Data>,
) -> Result<ElementInfo<K, V>, DecodeError> {
    let last = match after {
        Some(after) => predecessor(after.as_bytes()).ok_or_else(wrong_key)?,
        None => Data::new(&[u8::MAX; KEY_MAX][..K::LEN.min(KEY_MAX)]),
    };
    let from = start.key.as_ref().map_or(&[][..], Data::as_bytes);
    let key = K::from_bounds(from, last.as_bytes(), true).ok_or_else(wrong_key)?;
    start.typed(Some(key))
}

fn wrong_key() -> DecodeError {
    DecodeError::new("element", "the key is none of its type")
}

/// Kernels differ in the order of a dump. In ascending order, with an interval's end before the
/// start of the next at the same place, each start ends at the entry after it, whatever that is:
/// so does the kernel's own lookup.
fn assemble_intervals<K: Key, V: Mapped>(mut entries: Vec<ElementInfo>) -> Result<Vec<ElementInfo<K, V>>, DecodeError> {
    entries.sort_by(in_order);
    let mut intervals: Vec<ElementInfo<K, V>> = Vec::with_capacity(entries.len().div_ceil(2));
    let mut open: Option<ElementInfo> = None;
    let mut catch_all = Vec::new();
    for entry in entries {
        let Some(key) = &entry.key else {
            catch_all.push(entry.typed(None)?);
            continue;
        };
        if let Some(start) = open.take() {
            intervals.push(interval(start, Some(key))?);
        }
        if !entry.is_interval_end() {
            open = Some(entry);
        }
    }
    if let Some(start) = open {
        intervals.push(interval(start, None)?);
    }
    intervals.extend(catch_all);
    Ok(intervals)
}

/// The ascending order of entries, an interval's end before the start of the next at the same place.
pub(crate) fn in_order(a: &ElementInfo, b: &ElementInfo) -> Ordering {
    a.key.cmp(&b.key).then(b.is_interval_end().cmp(&a.is_interval_end()))
}

/// Leaves out the ends of intervals whose start is gone: its time was up, and of such the kernel tells the end alone
/// until it cleans up. By itself it would overlap with others where it is written again. The lowest key ends nothing,
/// as nft writes it.
pub(crate) fn leave_out_lone_ends(entries: &mut Vec<ElementInfo>) {
    let mut ascending: Vec<_> = entries.iter().enumerate().filter(|(_, entry)| entry.key.is_some()).collect();
    ascending.sort_by(|(_, a), (_, b)| in_order(a, b));
    let mut open = false;
    let mut is_lone = |entry: &ElementInfo| {
        let was_open = std::mem::replace(&mut open, !entry.is_interval_end());
        let lowest = entry.key.as_ref().is_some_and(|key| key.as_bytes().iter().all(|&byte| byte == 0));
        entry.is_interval_end() && !was_open && !lowest
    };
    let lone: HashSet<usize> = ascending.into_iter().filter(|(_, entry)| is_lone(entry)).map(|(at, _)| at).collect();
    if lone.is_empty() {
        return;
    }
    let mut places = 0..;
    entries.retain(|_| places.next().is_none_or(|at| !lone.contains(&at)));
}

/// Writes what asks for an entry: the one that holds a key or, without one, the catch-all element.
pub(crate) fn write_lookup(key: Option<&Data>, is_end: bool, w: &mut AttrWriter) {
    w.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |w| match key.filter(|_| is_end) {
        Some(after) => write_end(after, w),
        None => write_bare(key, None, (None, None), false, w),
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::datum::Port;
    use crate::expr::Verdict;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn elements_of_a_listing_are_small() {
        let small = [size_of::<ElementInfo<Ipv4Addr>>(), size_of::<ElementInfo<(Ipv4Addr, Port)>>()];
        assert_eq!(small, [32, 32]);
        assert_eq!(size_of::<ElementInfo<Ipv6Addr>>(), 48);
        assert!(size_of::<ElementInfo<Ipv4Addr, Verdict>>() <= 32 + size_of::<Verdict>());
        assert!(size_of::<ElementInfo>() <= 48);
    }

    #[test]
    fn times_are_kept_to_the_millisecond_and_the_longest_is_not_none() {
        for millis in [0, 1, 255, 256, 86_400_000, (1 << 45) - 1, Millis::LONGEST] {
            assert_eq!(Millis::new(Some(millis)).get(), Some(millis));
        }
        for millis in [1 << 48, u64::MAX - 1, u64::MAX] {
            assert_eq!(Millis::new(Some(millis)).get(), Some(Millis::LONGEST));
        }
        assert_eq!(Millis::new(None).get(), None);
    }
}
