//! Lists of elements, as messages have them.

use std::cmp::Ordering;
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use super::element::{
    NFTA_SET_ELEM_FLAGS, NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_LIST_ELEMENTS, NFTA_SET_ELEM_LIST_SET,
    NFTA_SET_ELEM_LIST_SET_ID, NFTA_SET_ELEM_LIST_TABLE,
};
use super::element_info::{ElementInfo, in_order};
use super::{NFTA_SET_COUNT, SetRef};
use crate::datum::{DataType, predecessor, show_interval, unsorted};
use crate::error::DecodeError;
use crate::expr::{Data, Value};
use crate::table::TableRef;
use crate::wire::keyed::{Distinct, KeyedHash};
use crate::wire::reader::Notes;
use crate::wire::writer::Open;
use crate::wire::{AttrReader, AttrWriter, Family, NLA_HDRLEN};

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
pub(crate) const LIST_MAX: usize = u16::MAX as usize - 4;

impl<'a, B: FnMut(&mut AttrWriter) -> usize, E: FnMut(&mut AttrWriter, usize)> SplitEntries<'a, B, E> {
    /// Begins the first message.
    pub(crate) fn new(mut begin: B, end: E, w: &'a mut AttrWriter) -> Self {
        let start = begin(w);
        let list = w.open(NFTA_SET_ELEM_LIST_ELEMENTS);
        Self { begin, end, w, start, list }
    }

    /// Makes room for as many elements as are to come, of as many bytes as most have.
    pub(crate) fn expect(&mut self, count: usize, each: usize) {
        let len = count.saturating_mul(each).min(EXPECTED_MAX);
        // The messages have headers, and their set's name.
        self.w.buffer().reserve(len + len / 512);
    }

    /// Writes what `encode` does, in the next message if this one has no room.
    #[inline]
    pub(crate) fn write(&mut self, encode: impl FnOnce(&mut AttrWriter)) {
        let before = self.w.len();
        encode(self.w);
        if self.w.nested_len(&self.list) > LIST_MAX {
            self.go_on(before);
        }
    }

    /// Moves the last entry to the next message.
    #[cold]
    fn go_on(&mut self, before: usize) {
        let entries = self.w.buffer().split_off(before);
        self.w.close(self.list);
        (self.end)(self.w, self.start);
        self.start = (self.begin)(self.w);
        self.list = self.w.open(NFTA_SET_ELEM_LIST_ELEMENTS);
        self.w.raw(&entries);
    }

    /// Ends the last message, and tells whether there are entries.
    pub(crate) fn finish(mut self) -> bool {
        let written = self.w.nested_len(&self.list) > 0;
        self.w.close(self.list);
        (self.end)(self.w, self.start);
        written
    }
}

/// For more bytes there is room when they come: who says how many elements there are may be wrong.
const EXPECTED_MAX: usize = 1 << 26;

/// Entries of lists in ascending order of their keys, each interval's end with its beginning. `lists` are the
/// attributes of messages that were written here: an end follows its beginning.
pub(crate) fn ascending<'a>(lists: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    let mut intervals: Vec<(Option<Data>, &[u8])> = Vec::new();
    for attrs in lists {
        let Ok(mut list) = EntryList::find(attrs) else { continue };
        let (mut start, mut at) = (list.0.start, list.0.start);
        while let Ok(Some(entry)) = list.next(attrs).and_then(|entry| entry.map(ElementInfo::decode).transpose()) {
            match intervals.last_mut() {
                Some((_, whole)) if entry.is_interval_end() => *whole = &attrs[start..list.0.start],
                _ => {
                    start = at;
                    intervals.push((entry.key, &attrs[start..list.0.start]));
                }
            }
            at = list.0.start;
        }
    }
    intervals.sort_by(|(a, _), (b, _)| a.cmp(b));
    intervals.into_iter().map(|(_, entries)| entries)
}

/// Writes the number of a set that its batch adds.
pub(crate) fn write_set_id(id: Option<u32>, w: &mut AttrWriter) {
    if let Some(id) = id {
        w.u32(NFTA_SET_ELEM_LIST_SET_ID, id);
    }
}

/// Which set a message's elements are in.
pub(crate) fn read_set_ref(family: Family, attrs: &[u8]) -> Result<SetRef, DecodeError> {
    let notes = Notes::default();
    let mut at = SetRef::new(TableRef::new(family, ""), "");
    for attr in AttrReader::new(attrs, &notes) {
        match attr? {
            (NFTA_SET_ELEM_LIST_TABLE, v) => at.table.name = v.name(),
            (NFTA_SET_ELEM_LIST_SET, v) => at.name = v.name(),
            _ => {}
        }
    }
    Ok(at)
}

/// Reads the element list of a message: all entries go to `out`.
pub(crate) fn read_element_list(attrs: &[u8], out: &mut Vec<ElementInfo>) -> Result<(), DecodeError> {
    visit_element_list(attrs, |entry| out.push(entry))
}

/// Reads the element list of a message, one entry after the other.
pub(crate) fn visit_element_list(attrs: &[u8], mut take: impl FnMut(ElementInfo)) -> Result<(), DecodeError> {
    visit_entries(attrs, |entry| ElementInfo::decode(entry).map(&mut take))
}

/// Hands over the entries of a message's element list, encoded as they are.
#[inline]
pub(crate) fn visit_entries(
    attrs: &[u8],
    mut take: impl FnMut(&[u8]) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let notes = Notes::default();
    for attr in AttrReader::new(attrs, &notes) {
        if let (NFTA_SET_ELEM_LIST_ELEMENTS, list) = attr? {
            for entry in list.nested()? {
                take(entry?.1.bytes())?;
            }
        }
    }
    Ok(())
}

/// How many elements the kernel counts, by a message about the set.
pub(crate) fn read_count(attrs: &[u8]) -> Result<Option<u32>, DecodeError> {
    let notes = Notes::default();
    for attr in AttrReader::new(attrs, &notes) {
        if let (NFTA_SET_COUNT, count) = attr? {
            return count.u32().map(Some);
        }
    }
    Ok(None)
}

/// Whether a message's element list has entries.
pub(crate) fn has_entries(attrs: &[u8]) -> bool {
    let notes = Notes::default();
    AttrReader::new(attrs, &notes)
        .map_while(Result::ok)
        .filter(|(number, _)| *number == NFTA_SET_ELEM_LIST_ELEMENTS)
        .any(|(_, list)| !list.bytes().is_empty())
}

/// The entries of a message that are not read yet: where they are in its attributes.
#[derive(Debug, Default)]
pub(crate) struct EntryList(Range<usize>);

impl EntryList {
    /// Finds the list in a message.
    pub(crate) fn find(attrs: &[u8]) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let mut list = Self::default();
        let mut reader = AttrReader::new(attrs, &notes);
        loop {
            let start = attrs.len() - reader.left() + NLA_HDRLEN;
            match reader.next().transpose()? {
                None => return Ok(list),
                Some((NFTA_SET_ELEM_LIST_ELEMENTS, value)) => list.0 = start..start + value.bytes().len(),
                Some(_) => {}
            }
        }
    }

    /// Returns the next entry, encoded as it is, from the attributes in which the list was found.
    #[inline]
    pub(crate) fn next<'a>(&mut self, attrs: &'a [u8]) -> Result<Option<&'a [u8]>, DecodeError> {
        let notes = Notes::default();
        let mut reader = AttrReader::new(attrs.get(self.0.clone()).unwrap_or_default(), &notes);
        let start = self.0.start + NLA_HDRLEN;
        let entry = reader.next();
        self.0.start = self.0.end - reader.left();
        match entry {
            Some(Ok((_, entry))) => Ok(attrs.get(start..start + entry.bytes().len())),
            Some(Err(error)) => Err(error),
            None => Ok(None),
        }
    }
}

/// Hands over what tells the entries of a message's list apart: their keys and flags. Of an entry that has nothing
/// but a key all of it is handed over, with the header, so that a key of a few bytes is not taken for it.
pub(crate) fn identify_entries(attrs: &[u8], take: &mut dyn FnMut(&[u8])) {
    let notes = Notes::default();
    let lists = AttrReader::new(attrs, &notes).map_while(Result::ok);
    for (_, list) in lists.filter(|(number, _)| *number == NFTA_SET_ELEM_LIST_ELEMENTS) {
        for (_, entry) in list.nested().into_iter().flatten().map_while(Result::ok) {
            let mut attrs = AttrReader::new(entry.bytes(), &notes);
            if matches!(attrs.next(), Some(Ok((NFTA_SET_ELEM_KEY, _)))) && attrs.left() == 0 {
                take(entry.bytes());
                continue;
            }
            let (mut key, mut flags): (&[u8], &[u8]) = (&[], &[]);
            for (number, value) in AttrReader::new(entry.bytes(), &notes).map_while(Result::ok) {
                match number {
                    NFTA_SET_ELEM_KEY => key = value.bytes(),
                    NFTA_SET_ELEM_FLAGS => flags = value.bytes(),
                    _ => {}
                }
            }
            take(key);
            take(flags);
        }
    }
}

/// Reads the entries of a list that was written here.
pub(super) fn read_entries(list: &[u8]) -> Vec<ElementInfo> {
    let notes = Notes::default();
    let entries = AttrReader::new(list, &notes).map_while(Result::ok);
    entries.filter_map(|(_, entry)| ElementInfo::decode(entry.bytes()).ok()).collect()
}

/// The first few entries of a message's list, for a person to read.
pub(crate) fn first_entries(attrs: &[u8], count: usize) -> Vec<ElementInfo> {
    let notes = Notes::default();
    AttrReader::new(attrs, &notes)
        .map_while(Result::ok)
        .filter(|(number, _)| *number == NFTA_SET_ELEM_LIST_ELEMENTS)
        .filter_map(|(_, list)| list.nested().ok())
        .flat_map(|list| list.map_while(Result::ok).filter_map(|(_, entry)| ElementInfo::decode(entry.bytes()).ok()))
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

/// Whether an entry is told twice: so is one that the kernel moves into another hash table while it
/// walks through both.
pub(crate) fn has_repeated(entries: &[ElementInfo]) -> bool {
    let all_in = |order| entries.windows(2).all(|pair| in_order(&pair[0], &pair[1]) == order);
    if all_in(Ordering::Greater) || all_in(Ordering::Less) {
        return false;
    }
    let (hash, mut seen) = (KeyedHash::new(), Distinct::with_capacity(entries.len()));
    // One without a key is another than one with an empty key.
    let identity = |entry: &ElementInfo| (u64::from(entry.flags.bits()) << 1) | u64::from(entry.key.is_some());
    let of = |entry: &ElementInfo| hash.hash(identity(entry), entry.key.as_ref().map_or(&[], Data::as_bytes));
    !entries.iter().all(|entry| seen.insert(of(entry)))
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
