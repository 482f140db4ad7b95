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
use crate::wire::keyed::{KeyedHash, Sequence, all_differ};
use crate::wire::reader::Notes;
use crate::wire::writer::Open;
use crate::wire::{AttrReader, AttrWriter, Family, NLA_HDRLEN, align};

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
        let (mut start, mut at) = (list.unread.start, list.unread.start);
        while let Ok(Some(encoded)) = list.next(attrs) {
            let Ok(entry) = ElementInfo::decode(encoded.bytes) else { break };
            match intervals.last_mut() {
                Some((_, whole)) if entry.is_interval_end() => *whole = &attrs[start..list.unread.start],
                _ => {
                    start = at;
                    intervals.push((entry.key, &attrs[start..list.unread.start]));
                }
            }
            at = list.unread.start;
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
    visit_entries(attrs, |entry| ElementInfo::decode(entry.bytes).map(&mut take))
}

/// Hands over the entries of a message's element list, encoded as they are.
#[inline]
pub(crate) fn visit_entries(
    attrs: &[u8],
    mut take: impl FnMut(Encoded<'_>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let notes = Notes::default();
    for attr in AttrReader::new(attrs, &notes) {
        if let (NFTA_SET_ELEM_LIST_ELEMENTS, list) = attr? {
            let (mut rest, mut bare) = (list.bytes(), None);
            while let Some(entry) = Encoded::split_off(&mut rest, &mut bare)? {
                take(entry)?;
            }
        }
    }
    Ok(())
}

/// An entry of a list as it is encoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoded<'a> {
    /// Its attributes.
    pub(crate) bytes: &'a [u8],
    /// Its key, if it has nothing else.
    pub(crate) bare_key: Option<&'a [u8]>,
}

impl<'a> Encoded<'a> {
    /// Takes the first entry off a list. `bare` remembers between two calls how the last looked that had nothing
    /// but a key: most that follow it look alike.
    #[inline]
    fn split_off(list: &mut &'a [u8], bare: &mut Option<Bare>) -> Result<Option<Self>, DecodeError> {
        if let Some((entry, rest)) = bare.as_ref().and_then(|bare| bare.split(list)) {
            *list = rest;
            return Ok(Some(entry));
        }
        Self::read(list, bare)
    }

    fn read(list: &mut &'a [u8], bare: &mut Option<Bare>) -> Result<Option<Self>, DecodeError> {
        let notes = Notes::default();
        let mut reader = AttrReader::new(list, &notes);
        let len = reader.next().transpose().map(|entry| entry.map(|(_, entry)| entry.bytes().len()));
        let left = reader.left();
        let begin = std::mem::replace(list, list.get(list.len() - left..).unwrap_or_default());
        let Some(bytes) = len?.and_then(|len| begin.get(NLA_HDRLEN..NLA_HDRLEN + len)) else { return Ok(None) };
        let own = Bare::of(begin, bytes);
        let bare_key = own.and_then(|own| own.split(begin)?.0.bare_key);
        *bare = own.or(*bare);
        Ok(Some(Self { bytes, bare_key }))
    }
}

/// How an entry begins that has nothing but a key: its header, that of the key, and that of the key's value. All that
/// begin so have a key of the same length, and nothing else.
#[derive(Debug, Clone, Copy)]
struct Bare {
    headers: [u8; Self::KEY],
    key_end: usize,
    end: usize,
}

impl Bare {
    /// Where the key is.
    const KEY: usize = 3 * NLA_HDRLEN;

    /// Of the entry with which `list` begins, if it is one.
    fn of(list: &[u8], entry: &[u8]) -> Option<Self> {
        let notes = Notes::default();
        let mut attrs = AttrReader::new(entry, &notes);
        match attrs.next()? {
            Ok((NFTA_SET_ELEM_KEY, key)) if attrs.left() == 0 => {
                let key_end = Self::KEY + Data::plain_bytes(key)?.len();
                Some(Self { headers: *list.first_chunk()?, key_end, end: NLA_HDRLEN + entry.len() })
            }
            _ => None,
        }
    }

    #[inline]
    fn split<'a>(&self, list: &'a [u8]) -> Option<(Encoded<'a>, &'a [u8])> {
        if list.first_chunk() != Some(&self.headers) {
            return None;
        }
        let bytes = list.get(NLA_HDRLEN..self.end)?;
        let bare_key = Some(list.get(Self::KEY..self.key_end)?);
        Some((Encoded { bytes, bare_key }, list.get(align(self.end)..).unwrap_or_default()))
    }
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
pub(crate) struct EntryList {
    unread: Range<usize>,
    bare: Option<Bare>,
}

impl EntryList {
    /// Finds the list in a message.
    pub(crate) fn find(attrs: &[u8]) -> Result<Self, DecodeError> {
        let mut list = Self::default();
        list.begin(attrs)?;
        Ok(list)
    }

    /// Goes on with the list of another message.
    pub(crate) fn begin(&mut self, attrs: &[u8]) -> Result<(), DecodeError> {
        self.unread = 0..0;
        let notes = Notes::default();
        let mut reader = AttrReader::new(attrs, &notes);
        let mut found = 0..0;
        loop {
            let start = attrs.len() - reader.left() + NLA_HDRLEN;
            match reader.next().transpose()? {
                None => break,
                Some((NFTA_SET_ELEM_LIST_ELEMENTS, value)) => found = start..start + value.bytes().len(),
                Some(_) => {}
            }
        }
        self.unread = found;
        Ok(())
    }

    /// Returns the next entry from the attributes in which the list was found.
    #[inline]
    pub(crate) fn next<'a>(&mut self, attrs: &'a [u8]) -> Result<Option<Encoded<'a>>, DecodeError> {
        let mut rest = attrs.get(self.unread.clone()).unwrap_or_default();
        let entry = Encoded::split_off(&mut rest, &mut self.bare);
        self.unread.start = self.unread.end - rest.len();
        entry
    }
}

/// Notes what tells the entries of a message's list apart: their keys and flags. Of an entry that has nothing
/// but a key all of it is noted, with the header, so that a key of a few bytes is not taken for it.
pub(crate) fn identify_entries(attrs: &[u8], entries: &mut Sequence) {
    // After what makes no sense there is nothing more.
    let _ = visit_entries(attrs, |entry| {
        if entry.bare_key.is_some() {
            entries.note(entry.bytes);
            return Ok(());
        }
        let (mut key, mut flags): (&[u8], &[u8]) = (&[], &[]);
        let notes = Notes::default();
        for (number, value) in AttrReader::new(entry.bytes, &notes).map_while(Result::ok) {
            match number {
                NFTA_SET_ELEM_KEY => key = value.bytes(),
                NFTA_SET_ELEM_FLAGS => flags = value.bytes(),
                _ => {}
            }
        }
        entries.note(key);
        entries.note(flags);
        Ok(())
    });
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
    let hash = KeyedHash::new();
    // One without a key is another than one with an empty key.
    let identity = |entry: &ElementInfo| (u64::from(entry.flags.bits()) << 1) | u64::from(entry.key.is_some());
    let of = |entry: &ElementInfo| hash.hash(identity(entry), entry.key.as_ref().map_or(&[], Data::as_bytes));
    !all_differ(entries.iter().map(of).collect())
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
    use super::super::NFTA_LIST_ELEM;
    use super::*;

    fn written(write: impl FnOnce(&mut AttrWriter)) -> Vec<u8> {
        let mut w = AttrWriter::new();
        write(&mut w);
        w.bytes_written().to_vec()
    }

    fn bare(key: &[u8]) -> Vec<u8> {
        written(|w| w.nest(NFTA_LIST_ELEM, |w| Data::new(key).write(w, NFTA_SET_ELEM_KEY)))
    }

    fn with_flags(key: &[u8], flags: u32) -> Vec<u8> {
        written(|w| {
            w.nest(NFTA_LIST_ELEM, |w| {
                Data::new(key).write(w, NFTA_SET_ELEM_KEY);
                w.u32(NFTA_SET_ELEM_FLAGS, flags);
            });
        })
    }

    /// Entries, each with its key if that is all it has, until what makes no sense.
    fn read(list: &[u8]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let attrs = written(|w| w.bytes(NFTA_SET_ELEM_LIST_ELEMENTS, list));
        let (mut list, mut read) = (EntryList::find(&attrs).unwrap(), Vec::new());
        while let Ok(Some(entry)) = list.next(&attrs) {
            read.push((entry.bytes.to_vec(), entry.bare_key.map(<[u8]>::to_vec)));
        }
        assert_eq!(list.next(&attrs).unwrap().map(|entry| entry.bytes), None, "an error ends the list");
        read
    }

    /// The same, each entry by itself.
    fn one_by_one(list: &[u8]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let notes = Notes::default();
        let key = |entry: &[u8]| {
            let mut attrs = AttrReader::new(entry, &notes);
            let Some(Ok((NFTA_SET_ELEM_KEY, key))) = attrs.next() else { return None };
            (attrs.left() == 0).then_some(Data::plain_bytes(key)?.to_vec())
        };
        let entries = AttrReader::new(list, &notes).map_while(Result::ok);
        entries.map(|(_, entry)| (entry.bytes().to_vec(), key(entry.bytes()))).collect()
    }

    #[test]
    fn entries_that_look_like_the_one_before_are_read_as_by_themselves() {
        let list = [
            bare(&[10, 0, 0, 1]),
            bare(&[10, 0, 0, 2]),
            with_flags(&[10, 0, 0, 3], 1),
            bare(&[10, 0, 0, 4]),
            bare(&[1, 2, 3, 4, 5]),
            bare(&[5, 4, 3, 2, 1]),
            bare(&[0; 64]),
            written(|w| w.nest(NFTA_LIST_ELEM, |_| {})),
            bare(&[10, 0, 0, 5]),
        ]
        .concat();
        let keys: Vec<_> = read(&list).into_iter().map(|(_, key)| key).collect();
        let some = |key: &[u8]| Some(key.to_vec());
        let expected = [
            some(&[10, 0, 0, 1]),
            some(&[10, 0, 0, 2]),
            None,
            some(&[10, 0, 0, 4]),
            some(&[1, 2, 3, 4, 5]),
            some(&[5, 4, 3, 2, 1]),
            some(&[0; 64]),
            None,
            some(&[10, 0, 0, 5]),
        ];
        assert_eq!(keys, expected);
        for end in 0..list.len() {
            assert_eq!(read(&list[..end]), one_by_one(&list[..end]), "{end}");
        }
    }

    #[test]
    fn any_list_is_read_as_its_entries_by_themselves() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        for _ in 0..2000 {
            let mut list: Vec<u8> = (0..6).flat_map(|n| bare(&vec![n; 4 + (next() % 3) as usize])).collect();
            for _ in 0..next() % 4 {
                let at = next() as usize % list.len();
                list[at] = next() as u8 % 16;
            }
            list.truncate(list.len() - next() as usize % 3 * 5);
            assert_eq!(read(&list), one_by_one(&list), "{list:?}");
        }
    }

    #[test]
    fn entries_are_told_apart_by_their_keys_and_flags() {
        let first = Sequence::new();
        let identity = |entries: &[Vec<u8>]| {
            let mut sequence = first.again();
            let attrs = written(|w| w.bytes(NFTA_SET_ELEM_LIST_ELEMENTS, &entries.concat()));
            identify_entries(&attrs, &mut sequence);
            sequence
        };
        let same = [bare(&[1; 4]), with_flags(&[2; 4], 1), bare(&[3; 4])];
        assert!(identity(&same) == identity(&same));
        for other in [
            &[bare(&[1; 4]), with_flags(&[2; 4], 3), bare(&[3; 4])][..],
            &[bare(&[1; 4]), with_flags(&[2; 4], 1), bare(&[3; 5])],
            &[with_flags(&[2; 4], 1), bare(&[1; 4]), bare(&[3; 4])],
            &[bare(&[1; 4]), with_flags(&[2; 4], 1)],
        ] {
            assert!(identity(&same) != identity(other), "{other:?}");
        }
    }
}
