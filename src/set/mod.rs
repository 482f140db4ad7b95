//! Sets: many values that one lookup compares at once.

mod element;
mod info;
mod key;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

pub use element::{Element, ElementInfo};
pub use info::SetInfo;
pub(crate) use info::describe;
pub use key::{IntoElement, Key, KeyFor};

use crate::error::BuildErrorKind;
use crate::table::TableRef;
use crate::userdata::{self, Comment};
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

const NFTA_SET_TABLE: u16 = 1;
pub(crate) const NFTA_SET_NAME: u16 = 2;
const NFTA_SET_FLAGS: u16 = 3;
pub(crate) const NFTA_SET_KEY_TYPE: u16 = 4;
const NFTA_SET_KEY_LEN: u16 = 5;
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

const DESC_SCHEMA: Schema =
    Schema(&[AttrName::value(NFTA_SET_DESC_SIZE, "size"), AttrName::value(NFTA_SET_DESC_CONCAT, "concat")]);
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
pub(crate) use element::{
    LIST_SCHEMA, NFTA_SET_ELEM_LIST_ELEMENTS, SplitEntries, WhatOfElement, agree, first_entries, read_element_list,
    show_entries,
};

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

/// Names a set: a table and a name in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SetRef {
    pub(crate) table: TableRef,
    pub(crate) name: Name,
}

impl SetRef {
    /// Names the set `name` of `table`.
    pub fn new(table: impl AsRef<TableRef>, name: impl Into<Name>) -> Self {
        Self { table: table.as_ref().clone(), name: name.into() }
    }

    /// Returns the table.
    pub fn table(&self) -> &TableRef {
        &self.table
    }

    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Writes table and name as attributes of a message about the set or its elements.
    pub(crate) fn write(&self, w: &mut AttrWriter) {
        self.table.write(w);
        w.check(self.name.check("set"));
        w.name(NFTA_SET_NAME, &self.name);
    }
}

impl AsRef<SetRef> for SetRef {
    fn as_ref(&self) -> &SetRef {
        self
    }
}

impl fmt::Display for SetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.name)
    }
}

/// A set of keys of type `K` as a program wants it.
///
/// `K` is an nft data type (an address, a [`Port`](crate::datum::Port) …), or an
/// [`Interval`](crate::Interval) of one.
///
/// ```
/// use std::net::Ipv4Addr;
/// use std::time::Duration;
/// use nftlink::{Batch, Element, Interval, Set, Table};
///
/// let fw = Table::inet("fw");
/// let blocked = Set::<Interval<Ipv4Addr>>::new(&fw, "blocked").timeouts();
/// let mut batch = Batch::new();
/// batch.add(&fw).add(&blocked);
/// batch.add_elements(&blocked, [Ipv4Addr::new(192, 0, 2, 1)]);
/// batch.add_elements(&blocked, [
///     Element::new(Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8)).timeout(Duration::from_secs(600)),
/// ]);
/// ```
///
/// ```compile_fail
/// # use std::net::Ipv4Addr;
/// # use nftlink::{Batch, Set, Table};
/// # let addresses = Set::<Ipv4Addr>::new(&Table::inet("fw"), "addresses");
/// Batch::new().add_elements(&addresses, [80u16]);
/// ```
#[derive(Debug)]
pub struct Set<K> {
    at: SetRef,
    flags: SetFlags,
    timeout: Option<Duration>,
    size: Option<u32>,
    comment: Option<Comment>,
    key: PhantomData<fn(K) -> K>,
}

impl<K: Key> Set<K> {
    /// A set in `table`. The name must not have a `%` in it, which the kernel would replace.
    pub fn new(table: impl AsRef<TableRef>, name: impl Into<Name>) -> Self {
        Self {
            at: SetRef::new(table, name),
            flags: K::FLAGS,
            timeout: None,
            size: None,
            comment: None,
            key: PhantomData,
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

    /// Sets how many elements there may be, and makes the kernel reserve room for them: filling
    /// a large set of single values is four to five times as fast. The kernel refuses more
    /// (`ENFILE`). In a set of intervals each takes two.
    pub fn size(mut self, size: u32) -> Self {
        self.size = Some(size);
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
        w.u32(NFTA_SET_FLAGS, self.flags.bits());
        w.u32(NFTA_SET_KEY_TYPE, K::TYPE.get());
        w.u32(NFTA_SET_KEY_LEN, K::LEN as u32);
        w.u32(NFTA_SET_ID, id);
        if let Some(size) = self.size {
            w.nest(NFTA_SET_DESC, |w| w.u32(NFTA_SET_DESC_SIZE, size));
        }
        if let Some(timeout) = self.timeout {
            let timeout = millis(timeout, w);
            w.u64(NFTA_SET_TIMEOUT, timeout);
        }
        userdata::write_set(w, NFTA_SET_USERDATA, K::ORDER, self.comment.as_ref());
    }

    /// What [`SetInfo::typed`] knows of a set.
    fn known(
        at: SetRef,
        flags: SetFlags,
        timeout: Option<Duration>,
        size: Option<u32>,
        comment: Option<Comment>,
    ) -> Self {
        Self { at, flags, timeout, size, comment, key: PhantomData }
    }
}

/// A duration in the kernel's milliseconds, a part of one rounded up.
fn millis(duration: Duration, w: &mut AttrWriter) -> u64 {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or_else(|_| {
        w.fail(BuildErrorKind::DurationTooLong { millis });
        u64::MAX
    })
}

impl<K> Clone for Set<K> {
    fn clone(&self) -> Self {
        Self { at: self.at.clone(), comment: self.comment.clone(), key: PhantomData, ..*self }
    }
}

impl<K> AsRef<SetRef> for Set<K> {
    fn as_ref(&self) -> &SetRef {
        &self.at
    }
}

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
}
