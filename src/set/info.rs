//! A set as the kernel has it.

use std::time::Duration;

use super::*;
use crate::datum::{ByteOrder, DataType};
use crate::error::DecodeError;
use crate::expr::{ExprInfo, Exprs};
use crate::object::ObjectKind;
use crate::userdata::Typeof;
use crate::wire::reader::Notes;
use crate::wire::{Attr, AttrReader, Family};

/// A set or map as the kernel has it.
#[derive(Debug, Clone)]
pub struct SetInfo {
    at: SetRef,
    handle: Option<SetHandle>,
    flags: SetFlags,
    key_type: DataType,
    key_len: u32,
    data_type: Option<DataType>,
    data_len: Option<u32>,
    object_kind: Option<ObjectKind>,
    policy: SetPolicy,
    size: Option<u32>,
    timeout: Option<Duration>,
    gc_interval: Option<Duration>,
    fields: Box<[u32]>,
    userdata: Box<[u8]>,
    exprs: Box<[ExprInfo]>,
    set_type: Option<Box<str>>,
    count: Option<u32>,
    unknown_desc: Box<[u8]>,
    /// Whether a concatenation's field has more than a length: then all are among `unknown_desc`, too.
    unknown_fields: bool,
    raw: Box<[u8]>,
}

impl PartialEq for SetInfo {
    /// Compares all that the kernel told.
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.raw == other.raw
    }
}

impl Eq for SetInfo {}

impl SetInfo {
    pub(crate) fn decode(family: Family, raw: &[u8]) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let mut info = Self {
            at: SetRef::new(TableRef::new(family, ""), ""),
            handle: None,
            flags: SetFlags::empty(),
            key_type: DataType::from_raw(0),
            key_len: 0,
            data_type: None,
            data_len: None,
            object_kind: None,
            policy: SetPolicy::PERFORMANCE,
            size: None,
            timeout: None,
            gc_interval: None,
            fields: Box::default(),
            userdata: Box::default(),
            exprs: Box::default(),
            set_type: None,
            count: None,
            unknown_desc: Box::default(),
            unknown_fields: false,
            raw: raw.into(),
        };
        for attr in AttrReader::new(raw, &notes) {
            match attr? {
                (NFTA_SET_TABLE, v) => info.at.table.name = v.name(),
                (NFTA_SET_NAME, v) => info.at.name = v.name(),
                (NFTA_SET_HANDLE, v) => info.handle = Some(SetHandle::from_raw(v.u64()?)),
                (NFTA_SET_FLAGS, v) => info.flags = SetFlags::from_bits_retain(v.u32()?),
                (NFTA_SET_KEY_TYPE, v) => info.key_type = DataType::from_raw(v.u32()?),
                (NFTA_SET_KEY_LEN, v) => info.key_len = v.u32()?,
                (NFTA_SET_DATA_TYPE, v) => info.data_type = Some(DataType::from_raw(v.u32()?)),
                (NFTA_SET_DATA_LEN, v) => info.data_len = Some(v.u32()?),
                (NFTA_SET_OBJ_TYPE, v) => info.object_kind = Some(ObjectKind::from_raw(v.u32()?)),
                (NFTA_SET_POLICY, v) => info.policy = SetPolicy::from_raw(v.u32()?),
                (NFTA_SET_DESC, v) => info.read_desc(v)?,
                (NFTA_SET_TIMEOUT, v) => info.timeout = Some(Duration::from_millis(v.u64()?)),
                (NFTA_SET_GC_INTERVAL, v) => info.gc_interval = Some(Duration::from_millis(v.u32()?.into())),
                (NFTA_SET_USERDATA, v) => info.userdata = v.bytes().into(),
                (NFTA_SET_EXPR, v) => info.exprs = Box::new([ExprInfo::read(v)?]),
                (NFTA_SET_EXPRESSIONS, v) => info.exprs = Exprs::new(v.bytes()).collect::<Result<_, _>>()?,
                (NFTA_SET_TYPE, v) => info.set_type = Some(String::from_utf8_lossy(v.str_bytes()).into()),
                (NFTA_SET_COUNT, v) => info.count = Some(v.u32()?),
                (NFTA_SET_PAD | NFTA_SET_ID, _) => {}
                _ => {}
            }
        }
        Ok(info)
    }

    fn read_desc(&mut self, attr: Attr<'_>) -> Result<(), DecodeError> {
        self.size = None;
        let mut fields = Vec::new();
        let (mut more, mut unknown_fields) = (false, false);
        for part in attr.nested()? {
            match part? {
                (NFTA_SET_DESC_SIZE, v) => self.size = Some(v.u32()?),
                (NFTA_SET_DESC_CONCAT, list) => {
                    for field in list.nested()? {
                        for attr in field?.1.nested()? {
                            match attr? {
                                (NFTA_SET_FIELD_LEN, v) => fields.push(v.u32()?),
                                _ => unknown_fields = true,
                            }
                        }
                    }
                }
                _ => more = true,
            }
        }
        let mut unknown = AttrWriter::new();
        if more || unknown_fields {
            unknown.copy(attr.bytes(), |number| match number {
                NFTA_SET_DESC_SIZE => false,
                NFTA_SET_DESC_CONCAT => unknown_fields,
                _ => true,
            });
        }
        self.unknown_desc = unknown.bytes_written().into();
        self.fields = fields.into();
        self.unknown_fields = unknown_fields;
        Ok(())
    }

    /// Writes what it takes to make the set again, attributes unknown here included.
    pub(crate) fn encode(&self, id: u32, w: &mut AttrWriter) {
        UntypedSet::from(self).encode(id, w);
    }

    /// Returns the set with its Rust type, if its keys are of that type, and so are intervals; a
    /// map is none. It names the set; to make it again with all that it has, as its policy, add
    /// the `SetInfo` itself.
    pub fn typed<K: Key>(&self) -> Option<Set<K>> {
        self.as_type()
    }

    /// Returns the map with its Rust type, if its keys and values are of those types.
    pub fn typed_map<K: Key, V: MapValue>(&self) -> Option<Map<K, V>> {
        self.as_type()
    }

    pub(crate) fn as_type<K: Key, V: Mapped>(&self) -> Option<Set<K, V>> {
        let map = Shape::flags(V::SHAPE);
        let shape = SetFlags::INTERVAL | SetFlags::MAP | SetFlags::OBJECT | SetFlags::CONCAT;
        let keys = self.key_type == K::TYPE && self.key_len as usize == K::LEN;
        // The kernel tells no length of verdicts.
        let values = V::SHAPE.is_none_or(|shape| {
            if let Some(kind) = shape.object {
                return self.object_kind == Some(kind);
            }
            let verdicts = shape.kind == DataType::SET_VERDICT;
            self.data_type == Some(shape.kind) && (verdicts || self.data_len == Some(shape.len as u32))
        });
        let same = keys && values && self.flags & shape == (K::FLAGS | map) & shape;
        same.then(|| Set {
            timeout: self.timeout,
            gc_interval: self.gc_interval,
            size: self.size,
            policy: self.policy,
            auto_merge: self.auto_merge(),
            comment: self.comment().map(Comment::kept),
            ..Set::known(self.at.clone(), self.flags)
        })
    }

    /// Describes the type of its elements, for errors.
    pub(crate) fn describe(&self) -> String {
        describe(self.flags, self.key_type, self.data_type, self.object_kind)
    }

    /// Returns the table and name.
    pub fn at(&self) -> &SetRef {
        &self.at
    }

    /// Returns the table.
    pub fn table(&self) -> &TableRef {
        &self.at.table
    }

    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.at.name
    }

    /// Returns the number (Linux 4.17).
    pub fn handle(&self) -> Option<SetHandle> {
        self.handle
    }

    /// Returns the flags.
    pub fn flags(&self) -> SetFlags {
        self.flags
    }

    /// Returns the data type of the keys.
    pub fn key_type(&self) -> DataType {
        self.key_type
    }

    /// Returns the length of a key in bytes.
    pub fn key_len(&self) -> u32 {
        self.key_len
    }

    /// Returns the data type of the values, of a map.
    pub fn data_type(&self) -> Option<DataType> {
        self.data_type
    }

    /// Returns the length of a value in bytes, of a map.
    pub fn data_len(&self) -> Option<u32> {
        self.data_len
    }

    /// Returns the kind of the objects that the values are, of an object map.
    pub fn object_kind(&self) -> Option<ObjectKind> {
        self.object_kind
    }

    /// Returns what the set is optimized for.
    pub fn policy(&self) -> SetPolicy {
        self.policy
    }

    /// Returns how many elements it may have, if that is bounded.
    pub fn size(&self) -> Option<u32> {
        self.size
    }

    /// Returns the timeout of elements that have none of their own.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Returns how often the kernel looks for elements whose time is over.
    pub fn gc_interval(&self) -> Option<Duration> {
        self.gc_interval
    }

    /// Whether nft merges intervals that are added, by its own note in the set's userdata.
    pub fn auto_merge(&self) -> bool {
        userdata::merges(&self.userdata)
    }

    /// Returns the comment, if there is one that is text.
    pub fn comment(&self) -> Option<&str> {
        userdata::set_comment(&self.userdata)
    }

    /// Returns the userdata: what nft keeps with the set, as byte orders and comment.
    pub fn userdata(&self) -> &[u8] {
        &self.userdata
    }

    /// Returns the order of the bytes of keys, where nft noted one; of a concatenation each field has its own.
    pub fn key_order(&self) -> Option<ByteOrder> {
        userdata::key_order(&self.userdata)
    }

    /// Returns the order of the bytes of values, of a map where nft noted one.
    pub fn data_order(&self) -> Option<ByteOrder> {
        userdata::data_order(&self.userdata)
    }

    /// Returns what nft noted that the keys are values of: of a set that was declared with `typeof`, and of
    /// one whose keys are a concatenation.
    pub fn key_typeof(&self) -> Option<Typeof> {
        userdata::key_typeof(&self.userdata)
    }

    /// Returns what nft noted that the values are values of, of a map.
    pub fn data_typeof(&self) -> Option<Typeof> {
        userdata::data_typeof(&self.userdata)
    }

    /// Returns the lengths of a concatenation's fields in bytes, without padding, of a set with
    /// [`SetFlags::CONCAT`].
    pub fn fields(&self) -> &[u32] {
        &self.fields
    }

    /// Returns the stateful expressions that each element gets.
    pub fn stateful(&self) -> &[ExprInfo] {
        &self.exprs
    }

    /// Returns the kernel's name for how it keeps the elements (Linux 6.16): some text, which
    /// depends on how the kernel was built.
    pub fn set_type(&self) -> Option<&str> {
        self.set_type.as_deref()
    }

    /// Returns how many elements the kernel counts in it (Linux 6.16). It leaves out the catch-all element, and
    /// counts intervals as half the entries that it keeps for them: where all addresses are one interval, that
    /// is one entry, and it says 0.
    pub fn count(&self) -> Option<u32> {
        self.count
    }

    /// Whether the kernel may take out of it what a commit deletes, and only then make the new generation known, with
    /// which what the commit adds is seen. All others do both afterwards. Linux 7.2 and 7.3 do so with what they keep
    /// as a tree or for concatenated intervals, 6.18 does not; that a kernel counts elements is all that tells of how
    /// new its nf_tables is, whatever the kernel calls itself.
    pub(crate) fn changes_early(&self) -> bool {
        let may_be_hash = !self.flags.contains(SetFlags::INTERVAL) && self.policy == SetPolicy::PERFORMANCE;
        self.count.is_some() && !may_be_hash
    }

    /// Whether the list of fields is written from [`unknown_desc`](Self::unknown_desc).
    pub(super) fn has_unknown_fields(&self) -> bool {
        self.unknown_fields
    }

    pub(super) fn unknown_desc(&self) -> &[u8] {
        &self.unknown_desc
    }

    /// Returns the attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

/// Describes the type of a set's elements, for errors.
fn describe(flags: SetFlags, key_type: DataType, data_type: Option<DataType>, object: Option<ObjectKind>) -> String {
    let what = if flags.intersects(SetFlags::MAP | SetFlags::OBJECT) { "a map" } else { "a set" };
    let of = if flags.contains(SetFlags::INTERVAL) { "of intervals of" } else { "of" };
    let to = match (data_type, object) {
        (_, Some(kind)) => format!(" to {kind} objects"),
        (Some(data_type), None) => format!(" to {}", data_type.describe()),
        (None, None) => String::new(),
    };
    format!("{what} {of} {}{to}", key_type.describe())
}

/// Describes the type that a program takes a set for.
pub(crate) fn describe_type<K: Key, V: Mapped>() -> String {
    let object = V::SHAPE.and_then(|shape| shape.object);
    let data_type = V::SHAPE.filter(|_| object.is_none()).map(|shape| shape.kind);
    describe(K::FLAGS | Shape::flags(V::SHAPE), K::TYPE, data_type, object)
}

impl AsRef<SetRef> for SetInfo {
    fn as_ref(&self) -> &SetRef {
        &self.at
    }
}
