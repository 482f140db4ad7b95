//! Stateful objects: counters and the like, which rules refer to by name.
//!
//! What an object holds is a [`Counter`], a [`Quota`] and so on: [`Named`] gives it a table and a name, and
//! [`ObjectInfo`] is one that the kernel has. Where the kind is known only at run time, a [`Value`] stands
//! for any of them.
//!
//! To add a kind: a file that defines the type and its `Wire` and `Kind` implementations, with golden
//! bytes, and an entry in the registry below.

mod connlimit;
mod counter;
mod ct_expect;
mod ct_helper;
mod ct_timeout;
mod limit;
mod of;
mod quota;
mod secmark;
mod synproxy;
mod tunnel;

use std::fmt;
use std::sync::Arc;

pub use ct_expect::CtExpect;
pub use ct_helper::CtHelper;
pub use ct_timeout::{CtTimeout, TimeoutState};
pub use secmark::Secmark;
pub use tunnel::{GeneveOption, Tunnel, TunnelEnds, TunnelFlags, TunnelOptions};

use crate::error::{BuildErrorKind, DecodeError};
use crate::expr::Wire;
pub use crate::expr::{
    Connlimit, ConnlimitFlags, Counter, Limit, LimitFlags, LimitKind, ObjectKind, Quota, QuotaFlags, Synproxy,
    SynproxyFlags,
};
use crate::table::TableRef;
use crate::userdata::{self, Userdata};
use crate::wire::newtype::{handle, open_number};
use crate::wire::path::{AttrName, Schema};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, AttrWriter, Family, Name};
pub use of::ObjectOf;

pub(crate) const NFT_MSG_NEWOBJ: u16 = 18;
pub(crate) const NFT_MSG_GETOBJ: u16 = 19;
pub(crate) const NFT_MSG_DELOBJ: u16 = 20;
pub(crate) const NFT_MSG_GETOBJ_RESET: u16 = 21;
pub(crate) const NFT_MSG_DESTROYOBJ: u16 = 31;

pub(crate) const NFTA_OBJ_TABLE: u16 = 1;
pub(crate) const NFTA_OBJ_NAME: u16 = 2;
pub(crate) const NFTA_OBJ_TYPE: u16 = 3;
pub(crate) const NFTA_OBJ_DATA: u16 = 4;
const NFTA_OBJ_USE: u16 = 5;
pub(crate) const NFTA_OBJ_HANDLE: u16 = 6;
const NFTA_OBJ_PAD: u16 = 7;
const NFTA_OBJ_USERDATA: u16 = 8;

/// What the kernel tells of an object and takes from nobody.
const OUTPUT: &[u16] = &[NFTA_OBJ_USE, NFTA_OBJ_HANDLE, NFTA_OBJ_PAD];

/// What the attributes of an object are called, given its data.
const fn schema(data: AttrName) -> [AttrName; 7] {
    [
        AttrName::value(NFTA_OBJ_TABLE, "table"),
        AttrName::value(NFTA_OBJ_NAME, "name"),
        AttrName::value(NFTA_OBJ_TYPE, "type"),
        data,
        AttrName::value(NFTA_OBJ_USE, "use"),
        AttrName::value(NFTA_OBJ_HANDLE, "handle"),
        AttrName::value(NFTA_OBJ_USERDATA, "userdata"),
    ]
}

handle! {
    /// The number of an object, unique in its table.
    ObjectHandle
}

/// How what an object of one kind holds goes over the wire, besides what [`Wire`] says.
pub(crate) trait Kind: Wire {
    /// The kind's number.
    const KIND: ObjectKind;

    /// Writes its attributes as nft writes those of an object.
    fn encode_object(&self, w: &mut AttrWriter) {
        self.encode(w);
    }

    /// Writes libnftnl's notation of the object, where it is another than the expression's.
    fn fmt_object(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt(f)
    }

    /// Writes what nft has between the braces of the object, without the comment; nothing where it has no
    /// syntax, or where that says no more than the name.
    fn fmt_nft(&self, _f: &mut dyn fmt::Write) -> fmt::Result {
        Ok(())
    }
}

/// A number of bytes in the largest of nft's units that divides it: `10 mbytes`.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n != 0 && n % (1 << 20) == 0 => write!(f, "{} mbytes", n >> 20),
            n if n != 0 && n % (1 << 10) == 0 => write!(f, "{} kbytes", n >> 10),
            n => write!(f, "{n} bytes"),
        }
    }
}

/// What a [`Named`] object can hold: a value of one kind, or a [`Value`] of any.
pub trait Content: Clone + fmt::Debug {
    #[doc(hidden)]
    fn content_kind(&self) -> ObjectKind;

    #[doc(hidden)]
    fn write_content(&self, w: &mut AttrWriter);
}

/// What an object of one kind holds.
pub trait Object: Content + Into<Value> {
    /// The kind's number.
    const KIND: ObjectKind;

    #[doc(hidden)]
    fn of_value(value: Value) -> Option<Self>;
}

/// Gives a value's type the method that makes a named object of it.
macro_rules! named {
    // Its `named` begins at zero.
    (Counter) => {};
    ($variant:ident) => {
        impl $variant {
            /// Makes a named object that begins so.
            pub fn named(self, table: impl AsRef<TableRef>, name: impl Into<Name>) -> Named<Self> {
                Named::new(table, name, self)
            }
        }
    };
}

macro_rules! objects {
    ($($(#[$doc:meta])* $variant:ident),* $(,)?) => {
        /// What an object of any kind holds.
        ///
        /// `Display` is libnftnl's notation.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Value {
            $($(#[$doc])* $variant($variant),)*
            /// What an object holds of a kind that this library has no type for.
            Unknown {
                /// The kind's number.
                kind: ObjectKind,
                /// The attributes as the kernel sent them, those inside `NFTA_OBJ_DATA`.
                attributes: Box<[u8]>,
            },
        }

        $(
            impl From<$variant> for Value {
                fn from(value: $variant) -> Self {
                    Self::$variant(value)
                }
            }

            impl Content for $variant {
                fn content_kind(&self) -> ObjectKind {
                    <$variant as Kind>::KIND
                }

                fn write_content(&self, w: &mut AttrWriter) {
                    self.encode_object(w);
                }
            }

            impl Object for $variant {
                const KIND: ObjectKind = <$variant as Kind>::KIND;

                fn of_value(value: Value) -> Option<Self> {
                    match value {
                        Value::$variant(value) => Some(value),
                        _ => None,
                    }
                }
            }

            named!($variant);
        )*

        impl Value {
            /// Returns the kind.
            pub fn kind(&self) -> ObjectKind {
                match self {
                    $(Self::$variant(_) => <$variant as Kind>::KIND,)*
                    Self::Unknown { kind, .. } => *kind,
                }
            }

            /// Forgets what differs between what was sent and what the kernel tells of it: what was counted,
            /// what the kernel adds by itself.
            pub fn normalize(&mut self) {
                match self {
                    $(Self::$variant(value) => Wire::normalize(value),)*
                    Self::Unknown { .. } => {}
                }
            }

            /// What nft has between the object's braces.
            fn fmt_nft(&self, f: &mut dyn fmt::Write) -> fmt::Result {
                match self {
                    $(Self::$variant(value) => value.fmt_nft(f),)*
                    Self::Unknown { .. } => Ok(()),
                }
            }

            /// Reads the attributes of an object's data.
            fn decode(kind: ObjectKind, attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
                $(if kind == <$variant as Kind>::KIND {
                    return <$variant as Wire>::decode(attrs).map(Self::$variant);
                })*
                attrs.note_unknown(NFTA_OBJ_TYPE);
                Ok(Self::Unknown { kind, attributes: attrs.rest().into() })
            }
        }

        impl Content for Value {
            fn content_kind(&self) -> ObjectKind {
                self.kind()
            }

            fn write_content(&self, w: &mut AttrWriter) {
                match self {
                    $(Self::$variant(value) => value.encode_object(w),)*
                    Self::Unknown { attributes, .. } => w.raw(attributes),
                }
            }
        }

        impl fmt::Display for Value {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(value) => value.fmt_object(f),)*
                    Self::Unknown { kind, .. } => write!(f, "{kind} (unknown)"),
                }
            }
        }

        /// Finds what the attributes of an object are called, for the paths of errors.
        pub(crate) fn schema_of(kind: ObjectKind) -> &'static Schema {
            $(if kind == <$variant as Kind>::KIND {
                const DATA: &Schema = &<$variant as Wire>::SCHEMA;
                const NAMES: &[AttrName] = &schema(AttrName::nest(NFTA_OBJ_DATA, "data", DATA));
                return const { &Schema(NAMES) };
            })*
            const NAMES: &[AttrName] = &schema(AttrName::value(NFTA_OBJ_DATA, "data"));
            const { &Schema(NAMES) }
        }

        /// Each type with its kind and its attributes.
        #[cfg(test)]
        pub(crate) const REGISTRY: &[(ObjectKind, &str, &Schema)] =
            &[$((<$variant as Kind>::KIND, stringify!($variant), &<$variant as Wire>::SCHEMA),)*];

        #[cfg(test)]
        mod registry {
            use super::*;

            #[test]
            fn every_object_is_encoded_to_its_golden_bytes_and_decoded_from_them() {
                $(
                    crate::expr::golden::check::<$variant>();
                    tests::check_golden::<$variant>();
                )*
            }
        }
    };
}

objects! {
    /// Counts packets and bytes.
    Counter,
    /// Tells when a number of bytes has passed.
    Quota,
    /// Sets a connection's helper.
    CtHelper,
    /// Bounds a rate.
    Limit,
    /// Bounds the number of connections.
    Connlimit,
    /// Gives packets to a tunnel.
    Tunnel,
    /// Sets a connection's timeouts.
    CtTimeout,
    /// Sets the security mark.
    Secmark,
    /// Expects a connection.
    CtExpect,
    /// Answers TCP's handshake in the server's stead.
    Synproxy,
}

open_number! {
    /// The network protocol of connections, as objects have it: a [`Family`] in 16 bits.
    pub struct L3Proto(u16) {
        /// IPv4 and IPv6.
        INET = 1, "inet";
        /// IPv4.
        IP = 2, "ip";
        /// IPv6.
        IP6 = 10, "ip6";
    }
}

impl From<Family> for L3Proto {
    fn from(family: Family) -> Self {
        Self::from_raw(family.get().into())
    }
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
    /// Whether it was read from an object that has more than this says.
    incomplete: bool,
}

impl<T: Content> Named<T> {
    /// An object that begins with `value`.
    pub fn new(table: impl AsRef<TableRef>, name: impl Into<Name>, value: T) -> Self {
        let at = ObjectRef::new(table, value.content_kind(), name);
        Self { at, value, userdata: Userdata::None, incomplete: false }
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

    /// Sets what it begins with.
    pub fn with(mut self, value: T) -> Self {
        self.at.kind = value.content_kind();
        self.value = value;
        self
    }

    /// Accepts that attributes of the object that was read, and that this library does not know, are lost
    /// where this is written. Without it a batch refuses to write it.
    pub fn forget_unknown(mut self) -> Self {
        self.incomplete = false;
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
        if self.incomplete {
            w.fail(BuildErrorKind::UnknownAttributes(self.at.kind.to_string().into()));
        }
        self.at.write(w);
        self.userdata.write(w, NFTA_OBJ_USERDATA);
        w.nest(NFTA_OBJ_DATA, |w| self.value.write_content(w));
    }
}

/// The object to be made again, perhaps changed: all of it that this library knows. If it
/// [has more](ObjectInfo::has_unknown), a batch refuses to write it: that would be lost.
/// [`forget_unknown`](Named::forget_unknown) accepts that.
impl TryFrom<&ObjectInfo> for Named<Value> {
    type Error = DecodeError;

    fn try_from(info: &ObjectInfo) -> Result<Self, DecodeError> {
        info.any_value().map(|value| info.named_as(value))
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
    userdata: Box<[u8]>,
    data: Box<[u8]>,
    /// Whether there are attributes beside the data that are not known.
    unknown: bool,
    raw: Box<[u8]>,
}

impl ObjectInfo {
    pub(crate) fn decode(family: Family, raw: &[u8]) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let mut info = Self {
            at: ObjectRef::new(TableRef::new(family, ""), ObjectKind::from_raw(0), ""),
            handle: ObjectHandle::from_raw(0),
            uses: 0,
            userdata: Box::default(),
            data: Box::default(),
            unknown: false,
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
                (NFTA_OBJ_USERDATA, v) => info.userdata = v.bytes().into(),
                (NFTA_OBJ_PAD, _) => {}
                _ => info.unknown = true,
            }
        }
        Ok(info)
    }

    /// Writes what it takes to make the object again: the kernel refuses some of what it tells. What is
    /// not known is written as it came.
    pub(crate) fn encode(&self, w: &mut AttrWriter) {
        if let Ok((value, false)) = self.read_value() {
            let mut data = AttrWriter::new();
            value.write_content(&mut data);
            // What we hold for wrong this kernel has: it knows better.
            if data.take_error().is_none() {
                w.copy(&self.raw, |number| !OUTPUT.contains(&number) && number != NFTA_OBJ_DATA);
                return w.nest(NFTA_OBJ_DATA, |w| w.raw(data.bytes_written()));
            }
        }
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
        userdata::comment(&self.userdata)
    }

    /// Returns the userdata: the comment and what else its author kept there.
    pub fn userdata(&self) -> &[u8] {
        &self.userdata
    }

    /// Returns what the object holds, or `None` if it is of another kind.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the kernel's bytes make no sense.
    pub fn value<T: Object>(&self) -> Result<Option<T>, DecodeError> {
        if self.at.kind == T::KIND { self.any_value().map(T::of_value) } else { Ok(None) }
    }

    /// Returns what the object holds, of whatever kind it is.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the kernel's bytes make no sense.
    pub fn any_value(&self) -> Result<Value, DecodeError> {
        self.read_value().map(|(value, _)| value)
    }

    /// Returns the object to be made again, perhaps changed, or `None` if it is of another kind;
    /// [`Named::try_from`] does so for any kind.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the kernel's bytes make no sense.
    pub fn to_named<T: Object>(&self) -> Result<Option<Named<T>>, DecodeError> {
        Ok(self.value()?.map(|value| self.named_as(value)))
    }

    /// Whether it is of a kind, or has attributes, that this library does not know. Written back as it is
    /// it keeps them.
    pub fn has_unknown(&self) -> bool {
        self.unknown || self.read_value().is_ok_and(|(_, unknown)| unknown)
    }

    /// Returns the object in libnftnl's notation, as `nft --debug=netlink` prints it.
    pub fn bytecode(&self) -> String {
        let value = match self.any_value() {
            Ok(value) => value.to_string(),
            Err(error) => format!("{} ({error})", self.at.kind),
        };
        format!("table {} name {} use {} [ {value} ]", self.at.table.name, self.at.name, self.uses)
    }

    /// What nft has between the object's braces, if it says something.
    pub(crate) fn nft_body(&self) -> Option<String> {
        let mut text = String::new();
        self.any_value().ok()?.fmt_nft(&mut text).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }

    /// Names it by its number, which no other object of its table ever has.
    pub(crate) fn write_by_handle(&self, w: &mut AttrWriter) {
        w.name(NFTA_OBJ_TABLE, &self.at.table.name);
        w.u32(NFTA_OBJ_TYPE, self.at.kind.get());
        w.u64(NFTA_OBJ_HANDLE, self.handle.get());
    }

    fn named_as<T>(&self, value: T) -> Named<T> {
        let userdata = Userdata::kept(&self.userdata);
        // What an unknown kind holds is kept as bytes.
        let is_known = !matches!(self.read_value(), Ok((Value::Unknown { .. }, _)));
        let incomplete = self.unknown || (is_known && self.has_unknown());
        Named { at: self.at.clone(), value, userdata, incomplete }
    }

    /// Reads what it holds, and whether that has more than this library knows.
    fn read_value(&self) -> Result<(Value, bool), DecodeError> {
        let notes = Notes::default();
        let value = Value::decode(self.at.kind, &mut AttrReader::new(&self.data, &notes))?;
        Ok((value, notes.has_unknown()))
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

#[cfg(test)]
mod tests;
