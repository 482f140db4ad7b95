//! The entries of a set as the kernel keeps them, of any type: to be read, changed and written.

use std::cmp::Reverse;
use std::time::Duration;

use super::element::*;
use super::element_info::ElementInfo;
use super::{NFTA_LIST_ELEM, millis};
use crate::expr::{Data, Expr, Unknown, Value};
use crate::userdata;
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, AttrWriter, Name};

/// An entry of a set as the kernel keeps it, whatever the types of keys and values.
///
/// An [`Element`] of plain intervals is two entries: its lowest key, and the first key after it, with
/// [`ElementFlags::INTERVAL_END`]. [`Batch::add_entries`](crate::Batch::add_entries) writes entries;
/// one that was [read](crate::Conn::elements) becomes one by `from`, and loses nothing.
///
/// ```
/// use nftlink::{Batch, Entry, SetRef, Table};
///
/// let ports = SetRef::new(Table::inet("fw"), "ports");
/// let mut batch = Batch::new();
/// batch.add_entries(&ports, [Entry::new(80u16.to_be_bytes())]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Entry {
    /// The key, as a register has it; the catch-all element has none.
    pub key: Option<Data>,
    /// The highest key, of a concatenation with intervals (Linux 5.6).
    pub key_end: Option<Data>,
    /// The value, of a map.
    pub value: Option<Value>,
    /// The name of the object that is the value, of an object map.
    pub object: Option<Name>,
    /// What it is, beside an element.
    pub flags: ElementFlags,
    /// The timeout of its own, in the kernel's milliseconds; zero means never.
    pub timeout: Option<Duration>,
    /// What is left of the timeout, in the kernel's milliseconds.
    pub expires: Option<Duration>,
    /// What nft keeps with it, as a comment: at most 254 bytes, empty if there are none.
    pub userdata: Vec<u8>,
    /// Stateful expressions, two at most.
    pub exprs: Vec<Expr>,
    /// Encoded attributes that this library does not know. They are written as they are. A key or a value in
    /// which there is more than bytes or a verdict is here, too, and written from here.
    pub unknown: Vec<u8>,
}

impl Entry {
    /// An entry with that key.
    pub fn new(key: impl Into<Data>) -> Self {
        Self { key: Some(key.into()), ..Self::default() }
    }

    /// The catch-all element (Linux 5.13).
    pub fn catch_all() -> Self {
        Self { flags: ElementFlags::CATCHALL, ..Self::default() }
    }

    /// The entry that ends an interval before `key`.
    pub fn interval_end(key: impl Into<Data>) -> Self {
        Self { flags: ElementFlags::INTERVAL_END, ..Self::new(key) }
    }

    /// Returns the comment in its userdata, if there is one that is text.
    pub fn comment(&self) -> Option<&str> {
        userdata::comment(&self.userdata)
    }

    /// Writes it as an entry of a list, in nft's order of attributes: all of it, or what names it.
    pub(crate) fn encode(&self, what: WhatOfElement, w: &mut AttrWriter) {
        let entry = w.open(NFTA_LIST_ELEM);
        let full = what == WhatOfElement::Full;
        if !self.flags.is_empty() {
            w.u32(NFTA_SET_ELEM_FLAGS, self.flags.bits());
        }
        if full {
            for (attr, duration) in [(NFTA_SET_ELEM_TIMEOUT, self.timeout), (NFTA_SET_ELEM_EXPIRATION, self.expires)] {
                if let Some(duration) = duration {
                    let millis = millis(duration, w);
                    w.u64(attr, millis);
                }
            }
        }
        let strange = |attr| full && !self.unknown.is_empty() && contains(&self.unknown, attr);
        for (attr, key) in [(NFTA_SET_ELEM_KEY, &self.key), (NFTA_SET_ELEM_KEY_END, &self.key_end)] {
            if let Some(key) = key.as_ref().filter(|_| !strange(attr)) {
                key.write(w, attr);
            }
        }
        if full {
            if let Some(value) = self.value.as_ref().filter(|_| !strange(NFTA_SET_ELEM_DATA)) {
                value.write(w, NFTA_SET_ELEM_DATA);
            }
            if !self.userdata.is_empty() {
                userdata::write_element_bytes(w, NFTA_SET_ELEM_USERDATA, &self.userdata);
            }
            write_object(self.object.as_ref(), w);
            write_stateful(&self.exprs, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_EXPRESSIONS, w);
            w.raw(&self.unknown);
        }
        w.close(entry);
    }
}

impl From<&ElementInfo> for Entry {
    fn from(info: &ElementInfo) -> Self {
        let mut unknown = AttrWriter::new();
        // What the set gives to all its entries kernels tell of the ends of intervals, too, and do not take.
        let end = info.is_interval_end();
        let known = |number| (NFTA_SET_ELEM_KEY..=NFTA_SET_ELEM_EXPRESSIONS).contains(&number);
        let raw = info.raw().unwrap_or_default();
        let strange = [NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_KEY_END, NFTA_SET_ELEM_DATA]
            .map(|number| (number, is_strange(raw, number)));
        unknown.copy(raw, |number| !known(number) || strange.contains(&(number, true)));
        Self {
            key: info.key().cloned(),
            key_end: info.key_end().cloned(),
            value: info.data().cloned(),
            object: info.object().cloned(),
            flags: info.flags(),
            timeout: info.timeout().filter(|_| !end),
            // To the kernel nothing left would mean all of it.
            expires: info.expires().map(|left| left.max(Duration::from_millis(1))).filter(|_| !end),
            userdata: info.userdata().to_vec(),
            exprs: info.stateful().iter().filter(|_| !end).map(Unknown::or_known).collect(),
            unknown: unknown.bytes_written().to_vec(),
        }
    }
}

/// Whether there is an attribute among others.
fn contains(attrs: &[u8], number: u16) -> bool {
    AttrReader::new(attrs, &Notes::default()).flatten().any(|(other, _)| other == number)
}

/// Whether a key or value holds what this library does not know.
fn is_strange(attrs: &[u8], number: u16) -> bool {
    let notes = Notes::default();
    let mut found = AttrReader::new(attrs, &notes).flatten().filter(|(other, _)| *other == number);
    // A verdict is a value, and no key.
    let is_read =
        |attr| if number == NFTA_SET_ELEM_DATA { Value::read(attr).is_ok() } else { Data::read(attr).is_ok() };
    found.any(|(_, attr)| !is_read(attr) || notes.has_unknown())
}

impl From<ElementInfo> for Entry {
    fn from(info: ElementInfo) -> Self {
        Self::from(&info)
    }
}

impl From<&Self> for Entry {
    fn from(entry: &Self) -> Self {
        entry.clone()
    }
}

/// Brings the entries of a set into an order in which every kernel takes them.
///
/// Where some end intervals that is nft's own: the keys ascend, an end comes before a start at the same
/// key, and the catch-all element last. Kernels dump them in other orders, and refuse some of those for
/// overlaps that there are not. In sets without such ends any order does.
pub(crate) fn sort_entries(entries: &mut [Entry]) {
    if entries.iter().any(|entry| entry.flags.contains(ElementFlags::INTERVAL_END)) {
        let ends = |entry: &Entry| entry.flags.contains(ElementFlags::INTERVAL_END);
        entries.sort_by(|a, b| {
            let place = |entry: &Entry| (entry.key.is_none(), Reverse(ends(entry)));
            (a.key.is_none(), &a.key).cmp(&(b.key.is_none(), &b.key)).then_with(|| place(a).cmp(&place(b)))
        });
    }
}
