//! Sets of any type, at the level of the kernel.

use std::time::Duration;

use super::info::SetInfo;
use super::*;
use crate::expr::Unknown;
use crate::object::ObjectKind;

/// A set or map as the kernel takes it, with types that are known only when the program runs.
///
/// [`Set`] is the one with Rust types. Of a [`SetInfo`] that was read, `from` makes one that loses
/// nothing: [`Batch::add`](crate::Batch::add) declares the same set again.
///
/// ```
/// use nftlink::datum::DataType;
/// use nftlink::{Batch, Entry, SetRef, Table, UntypedSet};
///
/// let fw = Table::inet("fw");
/// let ports = UntypedSet::new(SetRef::new(&fw, "ports"), DataType::INET_SERVICE, 2);
/// let mut batch = Batch::new();
/// batch.add(&fw).add(&ports).add_entries(&ports, [Entry::new(80u16.to_be_bytes())]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UntypedSet {
    /// The table and name. A `%d` in the name of an anonymous set the kernel replaces by a number.
    pub at: SetRef,
    /// What kind of set it is.
    pub flags: SetFlags,
    /// The data type of the keys.
    pub key_type: DataType,
    /// The length of a key in bytes: 1 to 64.
    pub key_len: u32,
    /// The data type of the values, of a map that is none of objects.
    pub data_type: Option<DataType>,
    /// The length of a value in bytes, of a map that is none of objects. Of verdicts any.
    pub data_len: Option<u32>,
    /// The kind of the objects that are the values, of an object map.
    pub object_kind: Option<ObjectKind>,
    /// What the set is optimized for.
    pub policy: SetPolicy,
    /// How many entries it may have, if that is bounded.
    pub size: Option<u32>,
    /// The lengths of a concatenation's fields in bytes, without padding, of a set with
    /// [`SetFlags::CONCAT`] (Linux 5.6): sixteen at most.
    pub fields: Vec<u32>,
    /// The timeout of elements that have none of their own, in the kernel's milliseconds.
    pub timeout: Option<Duration>,
    /// How often the kernel looks for elements whose time is over, in milliseconds.
    pub gc_interval: Option<Duration>,
    /// What nft keeps with it: byte orders, comment and so on. At most 256 bytes, empty if there are none.
    pub userdata: Vec<u8>,
    /// The stateful expressions that each element gets (Linux 5.7): two at most, and two only with
    /// [`SetFlags::EXPR`] (Linux 5.11).
    pub exprs: Vec<Expr>,
    /// Encoded attributes that this library does not know. They are written as they are.
    pub unknown: Vec<u8>,
    /// Encoded attributes of the set's description (`NFTA_SET_DESC`) that this library does not know. Where a
    /// field has more than its length, the fields are here and not in [`fields`](Self::fields).
    pub unknown_desc: Vec<u8>,
}

impl UntypedSet {
    /// A set of keys of that type and length in bytes.
    pub fn new(at: SetRef, key_type: DataType, key_len: u32) -> Self {
        Self {
            at,
            flags: SetFlags::empty(),
            key_type,
            key_len,
            data_type: None,
            data_len: None,
            object_kind: None,
            policy: SetPolicy::PERFORMANCE,
            size: None,
            fields: Vec::new(),
            timeout: None,
            gc_interval: None,
            userdata: Vec::new(),
            exprs: Vec::new(),
            unknown: Vec::new(),
            unknown_desc: Vec::new(),
        }
    }

    /// Writes the attributes of a set that has the number `id` in its batch, in nft's order.
    pub(crate) fn encode(&self, id: u32, w: &mut AttrWriter) {
        self.at.write(w);
        if self.at.name.as_bytes().contains(&b'%') && !self.flags.contains(SetFlags::ANONYMOUS) {
            w.fail(BuildErrorKind::NameHasPercent);
        }
        w.u32(NFTA_SET_FLAGS, self.flags.bits());
        w.u32(NFTA_SET_KEY_TYPE, self.key_type.get());
        w.in_range("the length of a set's keys, in bytes,", self.key_len, 1..=KEY_MAX as u64);
        w.u32(NFTA_SET_KEY_LEN, self.key_len);
        if let Some(data_type) = self.data_type {
            w.u32(NFTA_SET_DATA_TYPE, data_type.get());
        }
        if let Some(data_len) = self.data_len {
            if self.data_type != Some(DataType::SET_VERDICT) {
                w.in_range("the length of a map's values, in bytes,", data_len, 1..=KEY_MAX as u64);
            }
            w.u32(NFTA_SET_DATA_LEN, data_len);
        }
        if let Some(kind) = self.object_kind {
            w.u32(NFTA_SET_OBJ_TYPE, kind.get());
        }
        w.u32(NFTA_SET_ID, id);
        if self.policy != SetPolicy::PERFORMANCE {
            w.u32(NFTA_SET_POLICY, self.policy.get());
        }
        write_desc(self.size, self.fields.iter().copied(), &self.unknown_desc, w);
        write_times(self.timeout, self.gc_interval, w);
        if !self.userdata.is_empty() {
            userdata::write_bytes(w, NFTA_SET_USERDATA, &self.userdata);
        }
        element::write_stateful(&self.exprs, NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS, w);
        w.raw(&self.unknown);
    }
}

impl From<&SetInfo> for UntypedSet {
    fn from(info: &SetInfo) -> Self {
        let mut unknown = AttrWriter::new();
        unknown.copy(info.raw(), |number| !(NFTA_SET_TABLE..=NFTA_SET_COUNT).contains(&number));
        Self {
            at: info.at().clone(),
            flags: info.flags(),
            key_type: info.key_type(),
            key_len: info.key_len(),
            data_type: info.data_type(),
            data_len: info.data_len(),
            object_kind: info.object_kind(),
            policy: info.policy(),
            size: info.size(),
            fields: if info.has_unknown_fields() { Vec::new() } else { info.fields().to_vec() },
            timeout: info.timeout(),
            gc_interval: info.gc_interval(),
            userdata: info.userdata().to_vec(),
            exprs: info.stateful().iter().map(Unknown::or_known).collect(),
            unknown: unknown.bytes_written().to_vec(),
            unknown_desc: info.unknown_desc().to_vec(),
        }
    }
}

impl From<SetInfo> for UntypedSet {
    fn from(info: SetInfo) -> Self {
        Self::from(&info)
    }
}

impl AsRef<SetRef> for UntypedSet {
    fn as_ref(&self) -> &SetRef {
        &self.at
    }
}
