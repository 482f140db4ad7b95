//! Stateful objects: counters and the like, which rules refer to by name.
//!
//! To add a kind: a file that implements [`Object`] for its type, and its line here.

mod counter;
mod of;

use std::fmt;
use std::sync::Arc;

use crate::error::DecodeError;
pub use crate::expr::{Counter, ObjectKind};
use crate::table::TableRef;
use crate::userdata::{self, Userdata};
use crate::wire::newtype::handle;
use crate::wire::path::{AttrName, Schema};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, AttrWriter, Family, Name};
pub use of::ObjectOf;

pub(crate) const NFT_MSG_NEWOBJ: u16 = 18;
pub(crate) const NFT_MSG_GETOBJ: u16 = 19;
pub(crate) const NFT_MSG_DELOBJ: u16 = 20;
pub(crate) const NFT_MSG_GETOBJ_RESET: u16 = 21;
pub(crate) const NFT_MSG_DESTROYOBJ: u16 = 31;

const NFTA_OBJ_TABLE: u16 = 1;
pub(crate) const NFTA_OBJ_NAME: u16 = 2;
pub(crate) const NFTA_OBJ_TYPE: u16 = 3;
const NFTA_OBJ_DATA: u16 = 4;
const NFTA_OBJ_USE: u16 = 5;
pub(crate) const NFTA_OBJ_HANDLE: u16 = 6;
const NFTA_OBJ_PAD: u16 = 7;
const NFTA_OBJ_USERDATA: u16 = 8;

/// What the kernel tells of an object and takes from nobody.
const OUTPUT: &[u16] = &[NFTA_OBJ_USE, NFTA_OBJ_HANDLE, NFTA_OBJ_PAD];

pub(crate) const SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_OBJ_TABLE, "table"),
    AttrName::value(NFTA_OBJ_NAME, "name"),
    AttrName::value(NFTA_OBJ_TYPE, "type"),
    AttrName::value(NFTA_OBJ_DATA, "data"),
    AttrName::value(NFTA_OBJ_USE, "use"),
    AttrName::value(NFTA_OBJ_HANDLE, "handle"),
    AttrName::value(NFTA_OBJ_USERDATA, "userdata"),
]);

handle! {
    /// The number of an object, unique in its table.
    ObjectHandle
}

/// What an object of one kind holds.
pub trait Object: Clone + Default + fmt::Debug {
    /// The kind's number.
    const KIND: ObjectKind;

    #[doc(hidden)]
    fn encode(&self, w: &mut AttrWriter);

    #[doc(hidden)]
    fn decode(attrs: &[u8]) -> Result<Self, DecodeError>;
}

/// Names an object: a table, a kind, and a name among those of that kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    pub(crate) table: TableRef,
    pub(crate) kind: ObjectKind,
    pub(crate) name: Name,
}

impl ObjectRef {
    /// Names the object `name` of a kind in `table`.
    pub fn new(table: impl AsRef<TableRef>, kind: ObjectKind, name: impl Into<Name>) -> Self {
        Self { table: table.as_ref().clone(), kind, name: name.into() }
    }

    /// Returns the table.
    pub fn table(&self) -> &TableRef {
        &self.table
    }

    /// Returns the kind.
    pub fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    pub(crate) fn write(&self, w: &mut AttrWriter) {
        self.table.write(w);
        w.check(self.name.check("object"));
        w.name(NFTA_OBJ_NAME, &self.name);
        w.u32(NFTA_OBJ_TYPE, self.kind.get());
    }
}

impl AsRef<ObjectRef> for ObjectRef {
    fn as_ref(&self) -> &ObjectRef {
        self
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.name)
    }
}

/// A named object as a program wants it.
///
/// ```
/// use nftlink::{Batch, Table, object};
///
/// let fw = Table::inet("fw");
/// let web = object::Counter::named(&fw, "web").comment("requests");
/// let mut batch = Batch::new();
/// batch.add(&fw).add(&web);
/// assert_eq!(batch.to_string(), "add table inet fw\nadd counter inet fw web\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Named<T> {
    at: ObjectRef,
    value: T,
    userdata: Userdata,
}

impl<T: Object> Named<T> {
    /// An object that begins with `value`.
    pub fn new(table: impl AsRef<TableRef>, name: impl Into<Name>, value: T) -> Self {
        Self { at: ObjectRef::new(table, T::KIND, name), value, userdata: Userdata::None }
    }

    /// Sets a comment of at most 127 bytes (Linux 5.10).
    pub fn comment(mut self, comment: impl Into<Arc<str>>) -> Self {
        self.userdata = Userdata::comment(comment);
        self
    }

    /// Sets the userdata as bytes, in place of a comment: at most 256, which the kernel passes on unread.
    /// nft keeps comments there, as type, length, value; what it cannot read as such it ignores.
    pub fn userdata(mut self, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.userdata = Userdata::Bytes(bytes.into());
        self
    }

    /// Returns the table, kind and name.
    pub fn at(&self) -> &ObjectRef {
        &self.at
    }

    /// Returns what it begins with.
    pub fn value(&self) -> &T {
        &self.value
    }

    pub(crate) fn encode(&self, w: &mut AttrWriter) {
        self.at.write(w);
        self.userdata.write(w, NFTA_OBJ_USERDATA);
        w.nest(NFTA_OBJ_DATA, |w| self.value.encode(w));
    }
}

impl<T> AsRef<ObjectRef> for Named<T> {
    fn as_ref(&self) -> &ObjectRef {
        &self.at
    }
}

/// An object as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    at: ObjectRef,
    handle: ObjectHandle,
    uses: u32,
    comment: Option<Box<str>>,
    data: Box<[u8]>,
    raw: Box<[u8]>,
}

impl ObjectInfo {
    pub(crate) fn decode(family: Family, raw: &[u8]) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let mut info = Self {
            at: ObjectRef::new(TableRef::new(family, ""), ObjectKind::from_raw(0), ""),
            handle: ObjectHandle::from_raw(0),
            uses: 0,
            comment: None,
            data: Box::default(),
            raw: raw.into(),
        };
        for attr in AttrReader::new(raw, &notes) {
            match attr? {
                (NFTA_OBJ_TABLE, v) => info.at.table.name = v.name(),
                (NFTA_OBJ_NAME, v) => info.at.name = v.name(),
                (NFTA_OBJ_TYPE, v) => info.at.kind = ObjectKind::from_raw(v.u32()?),
                (NFTA_OBJ_DATA, v) => info.data = v.bytes().into(),
                (NFTA_OBJ_USE, v) => info.uses = v.u32()?,
                (NFTA_OBJ_HANDLE, v) => info.handle = ObjectHandle::from_raw(v.u64()?),
                (NFTA_OBJ_USERDATA, v) => info.comment = userdata::comment(v.bytes()).map(Into::into),
                _ => {}
            }
        }
        Ok(info)
    }

    /// Writes what it takes to make the object again, attributes unknown here included.
    pub(crate) fn encode(&self, w: &mut AttrWriter) {
        w.copy(&self.raw, |number| !OUTPUT.contains(&number));
    }

    /// Returns the table, kind and name.
    pub fn at(&self) -> &ObjectRef {
        &self.at
    }

    /// Returns the table.
    pub fn table(&self) -> &TableRef {
        &self.at.table
    }

    /// Returns the kind.
    pub fn kind(&self) -> ObjectKind {
        self.at.kind
    }

    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.at.name
    }

    /// Returns the number.
    pub fn handle(&self) -> ObjectHandle {
        self.handle
    }

    /// Returns how many rules and elements refer to it.
    pub fn uses(&self) -> u32 {
        self.uses
    }

    /// Returns the comment, if there is one that is text.
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Returns what the object holds, or `None` if it is of another kind.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the kernel's bytes make no sense.
    pub fn value<T: Object>(&self) -> Result<Option<T>, DecodeError> {
        if self.at.kind == T::KIND { T::decode(&self.data).map(Some) } else { Ok(None) }
    }

    /// Returns the attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

impl AsRef<ObjectRef> for ObjectInfo {
    fn as_ref(&self) -> &ObjectRef {
        &self.at
    }
}
