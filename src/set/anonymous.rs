//! Sets that a rule has to itself: they come and go with it.

use std::sync::Arc;

use super::element::{Element, write_bare, write_end};
use super::element_info::ElementInfo;
use super::info::SetInfo;
use super::key::{Key, Part};
use super::list::read_entries;
use super::merge;
use super::value::{Mapped, Shape};
use super::{NFTA_SET_NAME, NFTA_SET_USERDATA, SetFlags, field_lens, write_desc, write_types};
use crate::datum::{ByteOrder, DataType, successor};
use crate::error::BuildErrorKind;
use crate::expr::{Data, Expr, ExprInfo, Value};
use crate::table::TableRef;
use crate::userdata::{self, FieldOf, OfData, OfSet};
use crate::wire::{AttrWriter, Name};

/// A set of a rule's own, in which it looks up a field: `{ 22, 80 }`, or as a map `{ 22 : accept }`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Anonymous {
    kind: DataType,
    len: usize,
    order: ByteOrder,
    pub(crate) fields: &'static [Part],
    intervals: bool,
    shape: Option<Shape>,
    entries: Arc<[Entry]>,
    /// The objects that are values, and their tables, as far as they are known.
    objects: Option<Arc<[(Name, TableRef)]>>,
}

/// One element: its lowest and highest key, of the catch-all element none, and its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) key: Option<(Data, Data)>,
    pub(crate) value: Option<Value>,
    /// The name of the object that is the value.
    pub(crate) object: Option<Name>,
}

impl Entry {
    fn value(&self) -> (Option<&Value>, Option<&Name>) {
        (self.value.as_ref(), self.object.as_ref())
    }
}

impl Anonymous {
    /// A set or map of those elements: of intervals only if one of them is.
    pub(crate) fn new<K: Key, V: Mapped>(elements: &[Element<K, V>]) -> Result<Self, BuildErrorKind> {
        if elements.iter().any(Element::has_options) {
            return Err(BuildErrorKind::AnonymousElement);
        }
        let entries = |sorted| elements.iter().map(|element| element.entry(sorted)).collect::<Result<Vec<_>, _>>();
        let mut found = entries(false)?;
        let intervals = found.iter().flat_map(|entry| &entry.key).any(|(start, end)| start != end);
        if intervals {
            // Bounds in the wrong order are told only where they sort.
            found = entries(true)?;
        }
        if intervals && K::FIELDS.len() == 1 {
            merge::sort_entries(&mut found, V::SHAPE.is_none())?;
        }
        Ok(Self {
            kind: K::TYPE,
            len: K::LEN,
            order: K::ORDER,
            fields: K::FIELDS,
            intervals,
            shape: V::SHAPE,
            entries: found.into(),
            objects: V::SHAPE.and_then(|shape| shape.object).map(|_| {
                let objects = elements.iter().filter_map(Element::foreign_object);
                objects.map(|(name, table)| (name.clone(), table.clone())).collect()
            }),
        })
    }

    /// A set of values of one byte.
    pub(crate) fn of_bytes<K: Key>(bytes: &[u8]) -> Self {
        let entry =
            |&byte: &u8| Entry { key: Some((Data::from([byte]), Data::from([byte]))), value: None, object: None };
        Self {
            kind: K::TYPE,
            len: K::LEN,
            order: K::ORDER,
            fields: K::FIELDS,
            intervals: false,
            shape: None,
            entries: bytes.iter().map(entry).collect(),
            objects: None,
        }
    }

    /// The same with other keys, each of `len` bytes.
    pub(crate) fn with_keys(
        mut self,
        len: usize,
        change: impl Fn(&Data) -> Result<Data, BuildErrorKind>,
    ) -> Result<Self, BuildErrorKind> {
        let changed = |entry: &Entry| {
            let key = entry.key.as_ref().map(|(start, end)| Ok((change(start)?, change(end)?))).transpose()?;
            Ok(Entry { key, ..entry.clone() })
        };
        self.entries = self.entries.iter().map(changed).collect::<Result<_, _>>()?;
        self.len = len;
        Ok(self)
    }

    /// The same with another type of keys: nft's for what has names of another type here.
    pub(crate) fn of_kind(self, kind: DataType) -> Self {
        Self { kind, ..self }
    }

    /// Refuses objects of another table than the rule's.
    pub(crate) fn check_objects(&self, table: &TableRef) -> Result<(), BuildErrorKind> {
        let mut objects = self.objects.iter().flat_map(|objects| objects.iter());
        objects.try_for_each(|(name, of)| table.check_same("object", name, of))
    }

    /// The template from which the kernel makes a name.
    pub(crate) fn name(&self) -> &'static str {
        match self.shape {
            Some(Shape { object: Some(_), .. }) => "__objmap%d",
            Some(_) => "__map%d",
            None => "__set%d",
        }
    }

    /// The only element of a set, whose test needs no set.
    pub(crate) fn single(&self) -> Option<&(Data, Data)> {
        match &*self.entries {
            [entry] if self.fields.len() == 1 && self.shape.is_none() => entry.key.as_ref(),
            _ => None,
        }
    }

    /// Which parts of the key have to be swapped to network order before they are looked up.
    pub(crate) fn swaps(&self, part: usize) -> bool {
        self.intervals && self.fields.get(part).is_some_and(|part| part.swaps)
    }

    /// Whether its elements are single bytes, each of them one of these.
    pub(crate) fn is_subset_of(&self, bytes: &[u8]) -> bool {
        let is_one = |(start, end): &(Data, Data)| match start.as_bytes() {
            [byte] => start == end && bytes.contains(byte),
            _ => false,
        };
        self.entries.iter().all(|entry| entry.key.as_ref().is_some_and(is_one))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn is_concatenation(&self) -> bool {
        self.fields.len() > 1
    }

    /// Whether each interval is two of the kernel's entries: its start, and the first value after it.
    fn has_ends(&self) -> bool {
        self.intervals && !self.is_concatenation()
    }

    /// The kernel's entries for the intervals of a set: an end at the lowest value, and none
    /// between two that touch.
    fn write_intervals(&self, entry: &Entry, next: Option<&Entry>, w: &mut AttrWriter) {
        let Some((start, end)) = &entry.key else { return write_bare(None, None, entry.value(), false, w) };
        let after = successor(end.as_bytes());
        write_bare(Some(start), None, entry.value(), after.is_none(), w);
        let touched = next.and_then(|next| next.key.as_ref()).map(|(start, _)| start);
        if let Some(after) = after.filter(|after| Some(after) != touched) {
            write_end(&after, w);
        }
    }

    /// Writes the attributes of the set itself, which has the number `id` in its batch.
    pub(crate) fn encode(&self, table: &TableRef, id: u32, key_typeof: &[FieldOf], w: &mut AttrWriter) {
        table.write(w);
        w.string(NFTA_SET_NAME, self.name().as_bytes());
        let mut flags = SetFlags::ANONYMOUS | SetFlags::CONSTANT;
        flags.set(SetFlags::INTERVAL, self.intervals);
        flags.set(SetFlags::CONCAT, self.intervals && self.is_concatenation());
        flags |= Shape::flags(self.shape);
        write_types(flags, (self.kind, self.len), self.shape, id, w);
        write_desc(Some(self.size()), field_lens(flags, self.fields), &[], w);
        let verdicts = self.shape.is_some_and(|shape| shape.kind == DataType::SET_VERDICT);
        let tells = match self.is_concatenation() {
            true => !(0..self.fields.len()).any(|part| self.swaps(part)),
            false => self.shape.is_none(),
        };
        let key_order = match (self.order, key_typeof) {
            // One byte that has no order has one for nft: that of the field, and any has network order in intervals.
            (ByteOrder::None, [_]) if self.intervals => ByteOrder::Network,
            (_, [_]) if self.intervals && self.len == 1 => ByteOrder::Network,
            (ByteOrder::None, [field]) => field.order.unwrap_or(self.order),
            (order, _) => order,
        };
        let userdata = OfSet {
            key_order,
            data_order: self.shape.and_then(|shape| shape.data_order(&[])),
            data_intervals: self.shape.map(|shape| shape.intervals),
            merge: self.intervals && self.shape.is_none(),
            // nft tells of what a map has for keys only if it is a concatenation, and of that not if it swaps a part.
            key_typeof: if tells { key_typeof } else { &[] },
            key_is_concatenation: self.is_concatenation(),
            data: if verdicts { OfData::Verdict } else { OfData::Plain },
            data_typeof: &[],
            comment: None,
        };
        userdata::write_set(w, NFTA_SET_USERDATA, &userdata);
    }

    /// As many entries as nft reckons the kernel needs.
    fn size(&self) -> u32 {
        let keyed = self.entries.iter().filter(|entry| entry.key.is_some()).count();
        let entries = if self.has_ends() { 2 * keyed + usize::from(self.has_low_end()) } else { keyed };
        u32::try_from(entries + self.entries.len() - keyed).unwrap_or(u32::MAX)
    }

    /// Whether nft writes an end at the lowest value: no interval begins there.
    fn has_low_end(&self) -> bool {
        let first = self.entries.iter().find_map(|entry| entry.key.as_ref());
        first.is_some_and(|(start, _)| start.as_bytes().iter().any(|&byte| byte != 0))
    }

    /// Calls `write` with what writes each of the kernel's entries.
    pub(crate) fn each_entry(&self, mut write: impl FnMut(&dyn Fn(&mut AttrWriter))) {
        if self.has_ends() && self.has_low_end() {
            write(&|w| write_end(&Data::new(&vec![0; self.len]), w));
        }
        for (n, entry) in self.entries.iter().enumerate() {
            write(&|w| match &entry.key {
                Some((start, end)) if self.is_concatenation() && self.intervals => {
                    write_bare(Some(start), Some(end), entry.value(), false, w);
                }
                _ if self.intervals => self.write_intervals(entry, self.entries.get(n + 1), w),
                key => write_bare(key.as_ref().map(|(start, _)| start), None, entry.value(), false, w),
            });
        }
    }
}

/// What is in a set that a rule has to itself, in a form in which two can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    kind: DataType,
    len: u32,
    data: Option<DataType>,
    intervals: bool,
    /// Each with its stateful expressions.
    entries: Vec<(ElementInfo, Vec<Expr>)>,
}

impl Contents {
    fn new(kind: DataType, len: u32, data: Option<DataType>, intervals: bool, entries: Vec<ElementInfo>) -> Self {
        let comparable = |expr: &ExprInfo| {
            let mut expr = expr.comparable();
            expr.normalize();
            expr
        };
        let entry = |entry: ElementInfo| {
            let exprs = entry.stateful().iter().map(comparable).collect();
            (entry.bare(), exprs)
        };
        let mut entries: Vec<(ElementInfo, Vec<Expr>)> = entries.into_iter().map(entry).collect();
        entries.sort_by(|(a, _), (b, _)| (&a.key, a.flags()).cmp(&(&b.key, b.flags())));
        // What is given twice the kernel has once.
        entries.dedup();
        Self { kind, len, data, intervals, entries }
    }

    /// Of a set that was read.
    pub(crate) fn of(info: &SetInfo, entries: Vec<ElementInfo>) -> Self {
        let intervals = info.flags().contains(SetFlags::INTERVAL);
        Self::new(info.key_type(), info.key_len(), info.data_type(), intervals, entries)
    }
}

impl Anonymous {
    /// What is in it, as the kernel will tell.
    pub(crate) fn contents(&self) -> Contents {
        let mut w = AttrWriter::new();
        self.each_entry(|write| write(&mut w));
        let data = self.shape.filter(|shape| shape.object.is_none()).map(|shape| shape.kind);
        Contents::new(self.kind, self.len as u32, data, self.intervals, read_entries(w.bytes_written()))
    }
}
