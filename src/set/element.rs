//! Elements of sets.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use super::{IntoElement, Key, millis};
use crate::datum::{DataType, predecessor, show_interval, unsorted};
use crate::error::{BuildErrorKind, DecodeError};
use crate::expr::{self, DATA_SCHEMA, Data};
use crate::userdata::{self, Comment};
use crate::wire::path::{AttrName, Schema};
use crate::wire::reader::Notes;
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
pub(super) const ELEMENT_INTERVAL_END: u32 = 1;

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

/// An element of a set as a program wants it.
///
/// ```
/// use std::net::Ipv4Addr;
/// use std::time::Duration;
/// use nftlink::Element;
///
/// let ban = Element::<Ipv4Addr>::new(Ipv4Addr::new(192, 0, 2, 1))
///     .timeout(Duration::from_secs(600))
///     .comment("ssh");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Element<K> {
    pub(crate) key: K,
    timeout: Option<Duration>,
    expires: Option<Duration>,
    comment: Option<Comment>,
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
        Self { key, timeout: None, expires: None, comment: None, incomplete: false }
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

    /// Writes the entry that begins the element.
    pub(super) fn write_entry(&self, what: WhatOfElement, key: &Data, open_end: bool, w: &mut AttrWriter) {
        let entry = w.open(NFTA_LIST_ELEM);
        let full = what == WhatOfElement::Full;
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
        key.write(w, NFTA_SET_ELEM_KEY);
        if full {
            userdata::write_element(w, NFTA_SET_ELEM_USERDATA, self.comment.as_ref(), open_end);
        }
        w.close(entry);
    }
}

/// How much of an element is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhatOfElement {
    /// All of it.
    Full,
    /// What names it.
    Key,
}

impl WhatOfElement {
    /// Writes the entry that ends an interval: the first value after it.
    pub(super) fn write_end(after: &Data, w: &mut AttrWriter) {
        w.nest(NFTA_LIST_ELEM, |w| {
            w.u32(NFTA_SET_ELEM_FLAGS, ELEMENT_INTERVAL_END);
            after.write(w, NFTA_SET_ELEM_KEY);
        });
    }
}

/// An element as the kernel has it.
///
/// With a data type for `K` it is a value or an interval of a [`Set`](super::Set). Without, it is
/// an entry of any set just as the kernel keeps it: in a set of intervals each one is two entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementInfo<K = Option<Data>> {
    pub(super) key: K,
    flags: u32,
    timeout: Option<u64>,
    expires: Option<u64>,
    more: Option<Box<More>>,
}

/// An element that was read can be put back: with its timeout, what was left of that, and its
/// comment. A batch refuses one that has more, as a counter of its own.
impl<K: Key> IntoElement<K> for ElementInfo<K> {
    fn into_element(self) -> Element<K> {
        // To the kernel nothing left would mean all of it.
        let expires = self.expires().map(|left| left.max(Duration::from_millis(1)));
        let (timeout, comment) = (self.timeout(), self.comment().map(Comment::new));
        let incomplete = self.more.is_some_and(|more| !more.raw.is_empty());
        Element { key: self.key, timeout, expires, comment, incomplete }
    }
}

/// What few elements have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct More {
    key_end: Option<Data>,
    userdata: Box<[u8]>,
    /// All attributes, where there are some that have no place above.
    raw: Box<[u8]>,
}

impl ElementInfo {
    fn decode(entry: Attr<'_>) -> Result<Self, DecodeError> {
        let mut info = Self { key: None, flags: 0, timeout: None, expires: None, more: None };
        for attr in entry.nested()? {
            match attr? {
                (NFTA_SET_ELEM_KEY, v) => info.key = Some(Data::read(v)?),
                (NFTA_SET_ELEM_FLAGS, v) => info.flags = v.u32()?,
                (NFTA_SET_ELEM_TIMEOUT, v) => info.timeout = Some(v.u64()?),
                (NFTA_SET_ELEM_EXPIRATION, v) => info.expires = Some(v.u64()?),
                (NFTA_SET_ELEM_USERDATA, v) => info.more().userdata = v.bytes().into(),
                (NFTA_SET_ELEM_KEY_END, v) => info.more().key_end = Some(Data::read(v)?),
                (NFTA_SET_ELEM_PAD, _) => {}
                _ => info.more().raw = entry.bytes().into(),
            }
        }
        Ok(info)
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Gives the entry a typed key.
    pub(super) fn with_key<K>(self, key: K) -> ElementInfo<K> {
        ElementInfo { key, flags: self.flags, timeout: self.timeout, expires: self.expires, more: self.more }
    }

    /// Whether this is the first value after an interval.
    pub fn is_interval_end(&self) -> bool {
        self.flags & ELEMENT_INTERVAL_END != 0
    }

    /// Returns the highest key of an entry that has two: of a concatenation with intervals.
    pub fn key_end(&self) -> Option<&Data> {
        self.more.as_ref()?.key_end.as_ref()
    }

    /// Returns all attributes as the kernel sent them, of an entry that has some which this
    /// library does not know.
    pub fn raw(&self) -> Option<&[u8]> {
        self.more.as_ref().map(|more| &*more.raw).filter(|raw| !raw.is_empty())
    }
}

impl<K> ElementInfo<K> {
    /// Returns the key; of an untyped entry its bytes, and `None` for the catch-all element.
    pub fn key(&self) -> &K {
        &self.key
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
}

/// Writes elements as the lists of as many messages as they need.
pub(crate) struct SplitEntries<'a, B, E> {
    /// Begins a message.
    pub(crate) begin: B,
    /// Ends the message that begins at an offset.
    pub(crate) end: E,
    pub(crate) w: &'a mut AttrWriter,
}

/// The most bytes that a list may hold: its length, header included, has 16 bits.
const LIST_MAX: usize = u16::MAX as usize - 4;

impl<B: FnMut(&mut AttrWriter) -> usize, E: FnMut(&mut AttrWriter, usize)> SplitEntries<'_, B, E> {
    /// Writes all `elements`; none at all are one message without any.
    pub(crate) fn write<K: Key>(mut self, elements: impl Iterator<Item = Element<K>>, what: WhatOfElement) {
        let mut start = (self.begin)(self.w);
        let mut list = self.w.open(NFTA_SET_ELEM_LIST_ELEMENTS);
        for element in elements {
            let before = self.w.len();
            K::encode(&element, what, self.w);
            if self.w.nested_len(&list) > LIST_MAX {
                let entries = self.w.buffer().split_off(before);
                self.w.close(list);
                (self.end)(self.w, start);
                start = (self.begin)(self.w);
                list = self.w.open(NFTA_SET_ELEM_LIST_ELEMENTS);
                self.w.raw(&entries);
            }
        }
        self.w.close(list);
        (self.end)(self.w, start);
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
        let mut text = String::new();
        let mut count = 1;
        // What is written to a string does not fail.
        let _ = match (&entry.key, after) {
            (None, _) => text.write_str("*"),
            (Some(key), [end, others @ ..]) if intervals && !entry.is_interval_end() && end.is_interval_end() => {
                (rest, count) = (others, 2);
                let last = end.key.as_ref().and_then(|key| predecessor(key.as_bytes())).unwrap_or_else(|| key.clone());
                show_interval(kind, unsorted(kind, key).as_bytes(), unsorted(kind, &last).as_bytes(), &mut text)
            }
            (Some(key), _) if intervals => kind.show(unsorted(kind, key).as_bytes(), &mut text),
            (Some(key), _) => kind.show(key.as_bytes(), &mut text),
        };
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
        K::encode(&element, WhatOfElement::Full, &mut w);
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
        ElementInfo { key: Some(key.into()), flags, timeout: None, expires: None, more: None }
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
            let found = <Interval<Ipv4Addr>>::assemble(raw.clone()).unwrap();
            let found: Vec<String> = found.iter().map(|e| e.key().to_string()).collect();
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
            let info = ElementInfo { key: Port::new(80), flags: 0, timeout: Some(9000), expires: Some(expires), more };
            let mut w = AttrWriter::new();
            Port::encode(&info.into_element(), WhatOfElement::Full, &mut w);
            (w.bytes_written().to_vec(), w.take_error())
        };
        // Nothing left is a millisecond: zero would be all of it.
        assert_eq!(read(0, b""), read(1, b""));
        assert_ne!(read(0, b""), read(2, b""));
        assert_eq!(read(1, b"").1, None);
        assert_eq!(read(1, b"an expression").1, Some(BuildErrorKind::UnknownOfElement));
    }

    #[test]
    fn a_catch_all_element_is_not_left_out_in_silence() {
        let all = || vec![entry([1, 2, 3, 4], false), ElementInfo { key: None, ..entry([0; 4], false) }];
        for error in [Ipv4Addr::assemble(all()).err(), <Interval<Ipv4Addr>>::assemble(all()).err()] {
            assert!(error.unwrap().to_string().contains("catch-all"));
        }
    }

    #[test]
    fn keys_of_another_length_are_errors() {
        let raw = vec![ElementInfo { key: Some([1, 2].into()), flags: 0, timeout: None, expires: None, more: None }];
        assert!(Ipv4Addr::assemble(raw.clone()).is_err());
        assert!(<Interval<Ipv4Addr>>::assemble(raw).is_err());
    }

    #[test]
    fn long_lists_are_split_and_nothing_is_lost() {
        for count in [0, 1, 4095, 4096, 70_000] {
            let mut w = AttrWriter::new();
            let mut messages = Vec::new();
            let split = SplitEntries {
                begin: |w: &mut AttrWriter| w.len(),
                end: |w: &mut AttrWriter, start| messages.push(w.bytes_written()[start..].to_vec()),
                w: &mut w,
            };
            split.write::<Mark>((0..count).map(Element::<Mark>::new), WhatOfElement::Full);
            assert_eq!(w.take_error(), None);
            assert_eq!(messages.len(), (count as usize).div_ceil(4095).max(1));
            let mut read = Vec::new();
            for message in &messages {
                read_element_list(message, &mut read).unwrap();
            }
            let read = Mark::assemble(read).unwrap();
            assert!(read.iter().map(|e| e.key().get()).eq(0..count));
        }
    }
}
