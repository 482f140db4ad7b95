//! Sets: many values that one lookup compares at once.

mod anonymous;
mod bytecode;
mod element;
mod element_info;
mod entry;
mod info;
mod key;
mod list;
mod merge;
mod own_dynamic;
mod pairing;
mod shown;
mod tally;
mod untyped;
mod value;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use anonymous::{Anonymous, Contents};
pub(crate) use bytecode::show_userdata;
pub use element::{Element, ElementFlags};
pub(crate) use element::{LIST_SCHEMA, NFTA_SET_ELEM_LIST_ELEMENTS, Order, WhatOfElement};
pub use element_info::ElementInfo;
pub(crate) use element_info::{Lookup, PlainEntry, assemble, in_order, leave_out_lone_ends, write_lookup};
pub use entry::Entry;
pub(crate) use entry::sort_entries;
pub use info::SetInfo;
pub(crate) use info::describe_type;
use key::KEY_MAX;
pub(crate) use key::Part;
pub use key::{IntoElement, IntoPair, Key, KeyFor, KeyPart};
pub(crate) use list::{
    EntryList, LIST_MAX, SplitEntries, agree, ascending, first_entries, has_entries, has_repeated, identify_entries,
    read_count, read_element_list, read_set_ref, show_entries, visit_element_list, visit_entries, write_set_id,
};
pub(crate) use merge::{Changes, cut_out, merge, merge_into, sort_by_keys};
pub(crate) use own_dynamic::OwnDynamic;
pub(crate) use pairing::Pairing;
pub use shown::UntypedElement;
pub(crate) use tally::Tally;
pub use untyped::UntypedSet;
use value::Shape;
pub use value::{MapValue, Mapped, ValueFor};

use crate::datum::{ByteOrder, DataType};
use crate::error::BuildErrorKind;
use crate::expr::{Counter, Expr};
use crate::table::{TableRef, reference};
use crate::userdata::{self, Comment, FieldOf, OfData, OfSet};
use crate::wire::newtype::{handle, open_number};
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrWriter, Name};

pub(crate) const NFT_MSG_NEWSET: u16 = 9;
pub(crate) const NFT_MSG_GETSET: u16 = 10;
pub(crate) const NFT_MSG_DELSET: u16 = 11;
pub(crate) const NFT_MSG_NEWSETELEM: u16 = 12;
pub(crate) const NFT_MSG_GETSETELEM: u16 = 13;
pub(crate) const NFT_MSG_DELSETELEM: u16 = 14;
pub(crate) const NFT_MSG_DESTROYSET: u16 = 29;
pub(crate) const NFT_MSG_DESTROYSETELEM: u16 = 30;
pub(crate) const NFT_MSG_GETSETELEM_RESET: u16 = 33;

pub(crate) const NFTA_SET_TABLE: u16 = 1;
pub(crate) const NFTA_SET_NAME: u16 = 2;
pub(crate) const NFTA_SET_FLAGS: u16 = 3;
pub(crate) const NFTA_SET_KEY_TYPE: u16 = 4;
pub(crate) const NFTA_SET_KEY_LEN: u16 = 5;
const NFTA_SET_DATA_TYPE: u16 = 6;
const NFTA_SET_DATA_LEN: u16 = 7;
const NFTA_SET_POLICY: u16 = 8;
const NFTA_SET_DESC: u16 = 9;
const NFTA_SET_ID: u16 = 10;
const NFTA_SET_TIMEOUT: u16 = 11;
const NFTA_SET_GC_INTERVAL: u16 = 12;
const NFTA_SET_USERDATA: u16 = 13;
const NFTA_SET_PAD: u16 = 14;
const NFTA_SET_OBJ_TYPE: u16 = 15;
pub(crate) const NFTA_SET_HANDLE: u16 = 16;
const NFTA_SET_EXPR: u16 = 17;
const NFTA_SET_EXPRESSIONS: u16 = 18;
const NFTA_SET_TYPE: u16 = 19;
const NFTA_SET_COUNT: u16 = 20;
const NFTA_SET_DESC_SIZE: u16 = 1;
const NFTA_SET_DESC_CONCAT: u16 = 2;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_SET_FIELD_LEN: u16 = 1;

/// The most stateful expressions of a set (`NFT_SET_EXPR_MAX`).
const EXPRS_MAX: u64 = 2;
/// The most fields of a concatenation (`NFT_REG32_COUNT`).
const FIELDS_MAX: u64 = 16;

const FIELD_SCHEMA: Schema = Schema(&[AttrName::value(NFTA_SET_FIELD_LEN, "len")]);
const DESC_SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_SET_DESC_SIZE, "size"),
    AttrName::list(NFTA_SET_DESC_CONCAT, "concat", &FIELD_SCHEMA),
]);
pub(crate) const SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_SET_TABLE, "table"),
    AttrName::value(NFTA_SET_NAME, "name"),
    AttrName::value(NFTA_SET_FLAGS, "flags"),
    AttrName::value(NFTA_SET_KEY_TYPE, "key_type"),
    AttrName::value(NFTA_SET_KEY_LEN, "key_len"),
    AttrName::value(NFTA_SET_DATA_TYPE, "data_type"),
    AttrName::value(NFTA_SET_DATA_LEN, "data_len"),
    AttrName::value(NFTA_SET_POLICY, "policy"),
    AttrName::nest(NFTA_SET_DESC, "desc", &DESC_SCHEMA),
    AttrName::value(NFTA_SET_ID, "id"),
    AttrName::value(NFTA_SET_TIMEOUT, "timeout"),
    AttrName::value(NFTA_SET_GC_INTERVAL, "gc_interval"),
    AttrName::value(NFTA_SET_USERDATA, "userdata"),
    AttrName::value(NFTA_SET_OBJ_TYPE, "obj_type"),
    AttrName::value(NFTA_SET_HANDLE, "handle"),
    AttrName::expression(NFTA_SET_EXPR, "expr", crate::expr::schema_of),
    AttrName::expressions(NFTA_SET_EXPRESSIONS, "expressions", crate::expr::schema_of),
    AttrName::value(NFTA_SET_TYPE, "type"),
    AttrName::value(NFTA_SET_COUNT, "count"),
]);

bitflags::bitflags! {
    /// Flags of a set (`enum nft_set_flags`).
    #[doc(alias = "nft_set_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct SetFlags: u32 {
        /// It belongs to the rule that looks it up.
        const ANONYMOUS = 1;
        /// It does not change once a rule looks it up.
        const CONSTANT = 2;
        /// Its elements are intervals.
        const INTERVAL = 4;
        /// Its elements have values.
        const MAP = 8;
        /// Its elements may have timeouts.
        const TIMEOUT = 0x10;
        /// Rules may change it.
        const EVAL = 0x20;
        /// Its elements' values are objects.
        const OBJECT = 0x40;
        /// Its keys are concatenations with an interval per field (Linux 5.6).
        const CONCAT = 0x80;
        /// Its elements have expressions (Linux 5.11).
        const EXPR = 0x100;
        /// What later kernels add.
        const _ = !0;
    }
}

impl SetFlags {
    /// Whether each interval is two of the kernel's entries: its start, and the first value after it.
    pub(crate) const fn has_ends(self) -> bool {
        self.contains(Self::INTERVAL) && !self.contains(Self::CONCAT)
    }
}

open_number! {
    /// What a set is optimized for (`enum nft_set_policies`).
    #[doc(alias = "nft_set_policies")]
    pub struct SetPolicy(u32) {
        /// Fast lookups.
        PERFORMANCE = 0, "performance";
        /// Little memory.
        MEMORY = 1, "memory";
    }
}

handle! {
    /// The number of a set, unique in its table.
    SetHandle
}

reference! {
    /// Names a set: a table and a name in it.
    SetRef, "set", NFTA_SET_NAME
}

/// A set of keys of type `K` as a program wants it; with a `V` other than `()` it is a [`Map`].
///
/// `K` is an nft data type (an address, a [`Port`](crate::datum::Port) …), an
/// [`Interval`](crate::Interval) of one, or a tuple of those: a concatenation.
///
/// ```
/// use std::net::Ipv4Addr;
/// use std::time::Duration;
/// use nftlink::datum::Port;
/// use nftlink::{Batch, Element, Interval, Set, Table};
///
/// let fw = Table::inet("fw");
/// let blocked = Set::<Interval<Ipv4Addr>>::new(&fw, "blocked").timeouts();
/// let allowed = Set::<(Interval<Ipv4Addr>, Port)>::new(&fw, "allowed");
/// let mut batch = Batch::new();
/// batch.add(&fw).add(&blocked).add(&allowed);
/// batch.add_elements(&blocked, [Ipv4Addr::new(192, 0, 2, 1)]);
/// batch.add_elements(&blocked, [
///     Element::new(Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8)).timeout(Duration::from_secs(600)),
/// ]);
/// batch.add_elements(&allowed, [(Ipv4Addr::new(192, 0, 2, 1), 80)]);
/// ```
///
/// ```compile_fail
/// # use std::net::Ipv4Addr;
/// # use nftlink::{Batch, Set, Table};
/// # let addresses = Set::<Ipv4Addr>::new(&Table::inet("fw"), "addresses");
/// Batch::new().add_elements(&addresses, [80u16]);
/// ```
#[derive(Debug)]
pub struct Set<K, V = ()> {
    at: SetRef,
    flags: SetFlags,
    timeout: Option<Duration>,
    gc_interval: Option<Duration>,
    size: Option<u32>,
    policy: SetPolicy,
    auto_merge: bool,
    comment: Option<Comment>,
    exprs: Vec<Expr>,
    key_typeof: Arc<[FieldOf]>,
    data_typeof: Arc<[FieldOf]>,
    of: PhantomData<fn() -> (K, V)>,
}

/// A map from keys of type `K` to values of type `V`: a data type, an [`Interval`](crate::Interval) of one, a
/// tuple of those, a [`Verdict`](crate::expr::Verdict), or the name of an object
/// ([`ObjectOf`](crate::object::ObjectOf)).
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::datum::Port;
/// use nftlink::expr::Verdict;
/// use nftlink::field::tcp;
/// use nftlink::{Batch, Hook, Map, Priority, Rule, Table};
///
/// let fw = Table::inet("fw");
/// let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
/// let services = Map::<Port, Verdict>::new(&fw, "services");
/// let mut batch = Batch::new();
/// batch.add(&fw).add(&input).add(&services);
/// batch.add_elements(&services, [(22, Verdict::ACCEPT), (23, Verdict::DROP)]);
/// batch.append(&input, Rule::new().vmap(tcp::dport(), &services));
/// ```
pub type Map<K, V> = Set<K, V>;

impl<K: Key, V: Mapped> Set<K, V> {
    /// A set in `table`. The name must not have a `%` in it, which the kernel would replace.
    pub fn new(table: impl AsRef<TableRef>, name: impl Into<Name>) -> Self {
        Self::known(SetRef::new(table, name), K::FLAGS | Shape::flags(V::SHAPE))
    }

    /// What [`SetInfo::typed`] begins with.
    fn known(at: SetRef, flags: SetFlags) -> Self {
        Self {
            at,
            flags,
            timeout: None,
            gc_interval: None,
            size: None,
            policy: SetPolicy::PERFORMANCE,
            auto_merge: false,
            comment: None,
            exprs: Vec::new(),
            key_typeof: Arc::default(),
            data_typeof: Arc::default(),
            of: PhantomData,
        }
    }

    /// Lets elements have timeouts; those that have none stay.
    pub fn timeouts(mut self) -> Self {
        self.flags |= SetFlags::TIMEOUT;
        self
    }

    /// Lets elements have timeouts; those that have none get this one. The kernel counts
    /// milliseconds; a part of one is rounded up.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self.timeouts()
    }

    /// Lets elements have timeouts, and sets how often the kernel looks for those whose time is over, in
    /// milliseconds.
    pub fn gc_interval(mut self, interval: Duration) -> Self {
        self.gc_interval = Some(interval);
        self.timeouts()
    }

    /// Sets how many elements there may be, and makes the kernel reserve room for them: filling
    /// a large set of single values is four to five times as fast. The kernel refuses more
    /// (`ENFILE`). In a set of intervals each takes two.
    pub fn size(mut self, size: u32) -> Self {
        self.size = Some(size);
        self
    }

    /// Sets what the set is optimized for.
    pub fn policy(mut self, policy: SetPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Lets no one change the set once a rule looks it up.
    pub fn constant(mut self) -> Self {
        self.flags |= SetFlags::CONSTANT;
        self
    }

    /// Lets rules add, update and delete elements (`flags dynamic`). Without a
    /// [size](Self::size) the kernel takes 65,535 of them. Not for intervals.
    pub fn dynamic(mut self) -> Self {
        self.flags |= SetFlags::EVAL;
        self
    }

    /// Gives each element a counter of its own (Linux 5.7): the packets that found it.
    pub fn counters(self) -> Self {
        self.stateful(Counter::default())
    }

    /// Gives each element a stateful expression of its own (Linux 5.7; a second one Linux 5.11):
    /// a [`Counter`], a limit, a quota …
    pub fn stateful(mut self, expr: impl Into<Expr>) -> Self {
        self.exprs.push(expr.into());
        if self.exprs.len() > 1 {
            self.flags |= SetFlags::EXPR;
        }
        self
    }

    /// Notes for nft which field the keys are values of, or which fields taken together: it lists the
    /// set as `typeof ip saddr` in place of `type ipv4_addr`, and knows what a number means.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use nftlink::field::ip;
    /// use nftlink::{Set, Table};
    ///
    /// let blocked = Set::<Ipv4Addr>::new(Table::inet("fw"), "blocked").typeof_key(&ip::saddr());
    /// ```
    pub fn typeof_key<F: TypeofField>(mut self, field: &F) -> Self
    where
        K: KeyFor<F::Value>,
    {
        self.key_typeof = field.typeof_field().0.into();
        self
    }

    /// Notes for nft which field the values are values of, of a map.
    pub fn typeof_value<F: TypeofField>(mut self, field: &F) -> Self
    where
        V: ValueFor<F::Value>,
    {
        self.data_typeof = field.typeof_field().0.into();
        self
    }

    /// Notes which fields the keys are of, whatever their types.
    pub(crate) fn typeof_fields(mut self, key: TypeofFields) -> Self {
        self.key_typeof = key.0.into();
        self
    }

    /// Sets a comment of at most 127 bytes.
    pub fn comment(mut self, comment: impl Into<Arc<str>>) -> Self {
        self.comment = Some(Comment::new(comment));
        self
    }

    /// Returns the table and name.
    pub fn at(&self) -> &SetRef {
        &self.at
    }

    /// Writes the attributes of a set that has the number `id` in its batch.
    pub(crate) fn encode(&self, id: u32, w: &mut AttrWriter) {
        self.at.write(w);
        if self.at.name.as_bytes().contains(&b'%') {
            w.fail(BuildErrorKind::NameHasPercent);
        }
        write_types(self.flags, (K::TYPE, K::LEN), V::SHAPE, id, w);
        if self.policy != SetPolicy::PERFORMANCE {
            w.u32(NFTA_SET_POLICY, self.policy.get());
        }
        write_desc(self.size, field_lens(self.flags, K::FIELDS), &[], w);
        write_times(self.timeout, self.gc_interval, w);
        let data = match V::SHAPE {
            Some(shape) if shape.is_concatenation => OfData::Concatenation,
            // nft takes no note of keys for one of verdicts that says nothing of its values.
            Some(shape) if shape.kind == DataType::SET_VERDICT && !self.key_typeof.is_empty() => OfData::Verdict,
            _ => OfData::Plain,
        };
        let userdata = OfSet {
            key_order: noted_order(K::ORDER, K::TYPE, &self.key_typeof),
            data_order: V::SHAPE.and_then(|shape| shape.data_order(&self.data_typeof)),
            data_intervals: V::SHAPE.map(|shape| shape.intervals),
            merge: self.auto_merge,
            key_typeof: &self.key_typeof,
            key_is_concatenation: K::FIELDS.len() > 1,
            data,
            data_typeof: &self.data_typeof,
            comment: self.comment.as_ref(),
        };
        userdata::write_set(w, NFTA_SET_USERDATA, &userdata);
        element::write_stateful(&self.exprs, NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS, w);
    }
}

impl<K: Key> Set<K> {
    /// Merges intervals that are added together where they overlap or touch, as nft does with
    /// `auto-merge`, and lets nft do so. The kernel refuses (`EEXIST`) what overlaps intervals that
    /// are there: [`Conn::add_merged`](crate::Conn::add_merged) merges with those, too.
    pub fn auto_merge(mut self) -> Self {
        self.auto_merge = true;
        self
    }

    /// Makes it a map, whose elements are not merged.
    pub(crate) fn mapped<V: Mapped>(self, value: Option<TypeofFields>) -> Set<K, V> {
        Set {
            at: self.at,
            flags: self.flags | Shape::flags(V::SHAPE),
            timeout: self.timeout,
            gc_interval: self.gc_interval,
            size: self.size,
            policy: self.policy,
            auto_merge: false,
            comment: self.comment,
            exprs: self.exprs,
            key_typeof: self.key_typeof,
            data_typeof: value.map(|fields| fields.0.into()).unwrap_or_default(),
            of: PhantomData,
        }
    }
}

impl<K: Key, V: Mapped> Set<K, V> {
    /// The same set by another name.
    pub(crate) fn renamed(&self, name: Name) -> Self {
        let mut set = self.clone();
        set.at.name = name;
        set
    }

    /// Whether intervals that are added together are merged.
    pub(crate) fn merges(&self) -> bool {
        self.auto_merge && K::FLAGS.has_ends()
    }

    /// The same set, whose elements are merged already.
    pub(crate) fn unmerged(mut self) -> Self {
        self.auto_merge = false;
        self
    }

    /// The elements as the set takes them: merged if it is one that merges.
    pub(crate) fn prepared(&self, elements: Vec<Element<K, V>>) -> Vec<Element<K, V>> {
        if self.merges() { merge(elements, self.timeout) } else { elements }
    }
}

/// The order of bytes that nft notes. Where there is one byte it takes the order of the field, or of the type.
fn noted_order(order: ByteOrder, kind: DataType, fields: &[FieldOf]) -> ByteOrder {
    match (order, fields) {
        (ByteOrder::None, [FieldOf { order: Some(order), .. }]) => *order,
        (ByteOrder::None, _) => kind.order(),
        (order, _) => order,
    }
}

/// What a set's [`typeof_key`](Set::typeof_key) takes: a [`Field`](crate::field::Field).
pub trait TypeofField {
    /// The type of the field's values.
    type Value;

    #[doc(hidden)]
    fn typeof_field(&self) -> TypeofFields;
}

/// What nft calls a field, for [`TypeofField`] alone.
#[doc(hidden)]
#[derive(Debug)]
pub struct TypeofFields(pub(crate) Vec<FieldOf>);

/// Writes what keys and values are, and the number that the set has in its batch.
fn write_types(flags: SetFlags, key: (DataType, usize), shape: Option<Shape>, id: u32, w: &mut AttrWriter) {
    w.u32(NFTA_SET_FLAGS, flags.bits());
    w.u32(NFTA_SET_KEY_TYPE, key.0.get());
    w.u32(NFTA_SET_KEY_LEN, key.1 as u32);
    match shape {
        None => {}
        Some(Shape { object: Some(kind), .. }) => w.u32(NFTA_SET_OBJ_TYPE, kind.get()),
        Some(shape) => {
            w.u32(NFTA_SET_DATA_TYPE, shape.kind.get());
            w.u32(NFTA_SET_DATA_LEN, shape.len as u32);
        }
    }
    w.u32(NFTA_SET_ID, id);
}

/// The lengths of a concatenation's fields, as far as a set with those flags tells them.
fn field_lens(flags: SetFlags, fields: &[Part]) -> impl ExactSizeIterator<Item = u32> {
    let fields = if flags.contains(SetFlags::CONCAT) { fields } else { &[] };
    fields.iter().map(|field| field.len as u32)
}

/// Writes what the kernel may know of the elements: how many there are, and the lengths of the fields
/// of keys.
fn write_desc(size: Option<u32>, fields: impl ExactSizeIterator<Item = u32>, unknown: &[u8], w: &mut AttrWriter) {
    if size.is_none() && fields.len() == 0 && unknown.is_empty() {
        return;
    }
    w.nest(NFTA_SET_DESC, |w| {
        if let Some(size) = size {
            w.u32(NFTA_SET_DESC_SIZE, size);
        }
        if fields.len() > 0 {
            w.in_range("the fields of a concatenation", fields.len() as u64, 1..=FIELDS_MAX);
            w.nest(NFTA_SET_DESC_CONCAT, |w| {
                fields.for_each(|len| w.nest(NFTA_LIST_ELEM, |w| w.u32(NFTA_SET_FIELD_LEN, len)));
            });
        }
        w.raw(unknown);
    });
}

/// Writes the timeout for all, and how often the kernel looks for what is over.
fn write_times(timeout: Option<Duration>, gc_interval: Option<Duration>, w: &mut AttrWriter) {
    if let Some(timeout) = timeout {
        let timeout = millis(timeout, w);
        w.u64(NFTA_SET_TIMEOUT, timeout);
    }
    if let Some(interval) = gc_interval {
        let millis = millis(interval, w);
        match u32::try_from(millis) {
            Ok(millis) => w.u32(NFTA_SET_GC_INTERVAL, millis),
            Err(_) => w.fail(BuildErrorKind::DurationTooLong { millis: millis.into() }),
        }
    }
}

/// Refuses more stateful expressions than a set or element may have.
fn check_stateful(count: usize, w: &mut AttrWriter) {
    w.in_range("the number of stateful expressions", count as u64, 0..=EXPRS_MAX);
}

/// A duration in the kernel's milliseconds, a part of one rounded up.
#[inline]
pub(crate) fn milliseconds(duration: Duration) -> Result<u64, BuildErrorKind> {
    let rest = duration.subsec_nanos().div_ceil(1_000_000);
    let millis = duration.as_secs().checked_mul(1000).and_then(|millis| millis.checked_add(rest.into()));
    millis.ok_or_else(|| BuildErrorKind::DurationTooLong { millis: duration.as_nanos().div_ceil(1_000_000) })
}

/// [`milliseconds`] to be written.
#[inline]
fn millis(duration: Duration, w: &mut AttrWriter) -> u64 {
    milliseconds(duration).unwrap_or_else(|mistake| {
        w.fail(mistake);
        u64::MAX
    })
}

impl<K, V> Clone for Set<K, V> {
    fn clone(&self) -> Self {
        let (at, comment, exprs) = (self.at.clone(), self.comment.clone(), self.exprs.clone());
        let (key_typeof, data_typeof) = (self.key_typeof.clone(), self.data_typeof.clone());
        Self { at, comment, exprs, key_typeof, data_typeof, ..*self }
    }
}

impl<K, V> AsRef<SetRef> for Set<K, V> {
    fn as_ref(&self) -> &SetRef {
        &self.at
    }
}

#[cfg(test)]
mod corpus;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interval;
    use crate::datum::{IfName, Mark, Port};
    use crate::table::Table;
    use std::net::Ipv4Addr;

    fn written<K: Key>(set: &Set<K>) -> (Vec<u8>, Option<BuildErrorKind>) {
        let mut w = AttrWriter::new();
        set.encode(1, &mut w);
        (w.bytes_written().to_vec(), w.take_error())
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_set_is_declared_as_nft_does() {
        let set = Set::<Interval<Ipv4Addr>>::new(Table::inet("fw"), "blocked")
            .timeout(Duration::from_secs(600))
            .size(1000)
            .comment("hello");
        assert_eq!(
            written(&set).0,
            b"\x07\0\x01\0fw\0\0\x0c\0\x02\0blocked\0\x08\0\x03\0\0\0\0\x14\x08\0\x04\0\0\0\0\x07\
              \x08\0\x05\0\0\0\0\x04\x08\0\x0a\0\0\0\0\x01\x0c\0\x09\x80\x08\0\x01\0\0\0\x03\xe8\
              \x0c\0\x0b\0\0\0\0\0\0\x09\x27\xc0\x12\0\x0d\0\0\x04\x02\0\0\0\x07\x06hello\0\0\0"
        );
        let userdata = |bytes: &[u8]| bytes[bytes.len() - 8..].to_vec();
        assert_eq!(userdata(&written(&Set::<Mark>::new(Table::inet("i"), "m")).0), b"\0\x04\x01\0\0\0\0\0");
        assert_eq!(userdata(&written(&Set::<IfName>::new(Table::inet("i"), "n")).0), b"\0\x04\x01\0\0\0\0\0");
        assert_eq!(userdata(&written(&Set::<Port>::new(Table::inet("i"), "p")).0), b"\0\x04\x02\0\0\0\0\0");
    }

    #[test]
    fn a_percent_in_the_name_and_endless_timeouts_are_refused() {
        let set = |name: &str| Set::<Port>::new(Table::inet("fw"), name);
        assert_eq!(written(&set("x%d")).1, Some(BuildErrorKind::NameHasPercent));
        let endless = written(&set("x").timeout(Duration::MAX)).1;
        assert!(matches!(endless, Some(BuildErrorKind::DurationTooLong { .. })), "{endless:?}");
        let mut w = AttrWriter::new();
        assert_eq!(millis(Duration::from_nanos(1), &mut w), 1);
    }

    #[test]
    fn a_third_stateful_expression_is_refused() {
        let set = |count: usize| (0..count).fold(Set::<Port>::new(Table::inet("fw"), "x"), |set, _| set.counters());
        assert_eq!([0, 1, 2].map(|count| written(&set(count)).1), [None, None, None]);
        let mistake =
            BuildErrorKind::OutOfRange { what: "the number of stateful expressions", value: 3, min: 0, max: 2 };
        assert_eq!(written(&set(3)).1, Some(mistake.clone()));
        let element = (0..3).fold(Element::<Port>::new(80), |element, _| element.stateful(Counter::default()));
        let mut w = AttrWriter::new();
        element.encode(WhatOfElement::Full, &mut w, &mut Order::default());
        assert_eq!(w.take_error(), Some(mistake));
    }

    #[test]
    fn what_a_set_says_that_is_not_known_is_kept_and_written_back() {
        let mut w = AttrWriter::new();
        UntypedSet::new(SetRef::new(Table::inet("fw"), "x"), DataType::MARK, 4).encode(1, &mut w);
        w.nest(NFTA_SET_DESC, |w| w.u32(7, 8));
        w.u32(99, 100);
        let info = SetInfo::decode(crate::Family::INET, w.bytes_written()).unwrap();
        let again = UntypedSet::from(&info);
        assert!(!again.unknown.is_empty() && !again.unknown_desc.is_empty());
        let mut w = AttrWriter::new();
        again.encode(1, &mut w);
        assert_eq!(UntypedSet::from(&SetInfo::decode(crate::Family::INET, w.bytes_written()).unwrap()), again);

        let mut entry = Entry::new([1, 2]);
        let mut unknown = AttrWriter::new();
        unknown.u32(50, 1);
        entry.unknown = unknown.bytes_written().to_vec();
        let mut w = AttrWriter::new();
        entry.encode(WhatOfElement::Full, &mut w);
        assert_eq!(list::read_entries(w.bytes_written()).iter().map(Entry::from).collect::<Vec<_>>(), [entry]);
    }

    #[test]
    fn of_two_descriptions_the_later_counts_in_all() {
        let mut w = AttrWriter::new();
        UntypedSet::new(SetRef::new(Table::inet("fw"), "x"), DataType::MARK, 4).encode(1, &mut w);
        for number in [77, NFTA_SET_FIELD_LEN] {
            w.nest(NFTA_SET_DESC, |w| {
                w.u32(if number == 77 { NFTA_SET_DESC_SIZE } else { 78 }, 9);
                w.nest(NFTA_SET_DESC_CONCAT, |w| w.nest(NFTA_LIST_ELEM, |w| w.u32(number, 4)));
            });
        }
        let info = SetInfo::decode(crate::Family::INET, w.bytes_written()).unwrap();
        let again = UntypedSet::from(&info);
        let mut unknown = AttrWriter::new();
        unknown.u32(78, 9);
        assert_eq!((info.size(), info.fields(), &again.fields[..]), (None, &[4][..], &[4][..]));
        assert_eq!(again.unknown_desc, unknown.bytes_written());
    }

    #[test]
    fn a_key_with_more_than_bytes_is_kept_and_written_back() {
        let mut w = AttrWriter::new();
        w.nest(element::NFTA_SET_ELEM_KEY, |w| {
            w.bytes(1, &[1, 2]);
            // A verdict, which no key is.
            w.nest(2, |w| w.u32(1, 1));
        });
        let read = ElementInfo::decode(w.bytes_written()).unwrap();
        assert_eq!(read.raw(), Some(w.bytes_written()));
        let mut again = AttrWriter::new();
        Entry::from(&read).encode(WhatOfElement::Full, &mut again);
        assert_eq!(list::read_entries(again.bytes_written()), [read]);
    }

    #[test]
    fn sets_backend_is_shown_safely_for_a_terminal() {
        let mut w = AttrWriter::new();
        UntypedSet::new(SetRef::new(Table::inet("fw"), "x"), DataType::MARK, 4).encode(1, &mut w);
        w.string(NFTA_SET_TYPE, b"\x1b[2J");
        let info = SetInfo::decode(crate::Family::INET, w.bytes_written()).unwrap();
        assert!(info.bytecode().to_string().ends_with(r" backend \u{1b}[2J"));
    }

    /// Linux before 6.10 takes limits that overflow its reckoning.
    #[test]
    fn what_a_kernel_has_that_is_held_for_wrong_is_written_back() {
        let endless = [crate::expr::Limit::bytes(u64::MAX, 604_800).into()];
        let mut w = AttrWriter::new();
        UntypedSet::new(SetRef::new(Table::inet("fw"), "x"), DataType::MARK, 4).encode(1, &mut w);
        element::write_stateful(&endless, NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS, &mut w);
        assert!(w.take_error().is_some());
        let info = SetInfo::decode(crate::Family::INET, w.bytes_written()).unwrap();
        assert_eq!(info.stateful()[0].get(), &endless[0]);
        let mut again = AttrWriter::new();
        info.encode(1, &mut again);
        assert_eq!((again.take_error(), again.bytes_written()), (None, w.bytes_written()));

        let mut w = AttrWriter::new();
        Entry { exprs: endless.into(), ..Entry::new([1]) }.encode(WhatOfElement::Full, &mut w);
        assert!(w.take_error().is_some());
        let mut again = AttrWriter::new();
        list::read_entries(w.bytes_written())
            .iter()
            .for_each(|e| Entry::from(e).encode(WhatOfElement::Full, &mut again));
        assert_eq!((again.take_error(), again.bytes_written()), (None, w.bytes_written()));
    }

    #[test]
    fn entries_are_put_into_an_order_that_the_kernel_takes() {
        let [a, b] = [[1], [2]];
        let mut entries =
            [Entry::catch_all(), Entry::new(b), Entry::interval_end(b), Entry::new(a), Entry::interval_end([0])];
        sort_entries(&mut entries);
        let sorted =
            [Entry::interval_end([0]), Entry::new(a), Entry::interval_end(b), Entry::new(b), Entry::catch_all()];
        assert_eq!(entries, sorted);
        // Without ends there is nothing to put right.
        let plain = [Entry::new(b), Entry::new(a)];
        let mut same = plain.clone();
        sort_entries(&mut same);
        assert_eq!(same, plain);
    }
}
