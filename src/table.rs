//! Tables: what everything else is in.

use std::fmt;
use std::sync::Arc;

use crate::error::{BuildErrorKind, DecodeError};
use crate::userdata::{self, Userdata};
use crate::wire::newtype::handle;
use crate::wire::path::{AttrName, Schema};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, AttrWriter, Family, Name, PortId};

pub(crate) const NFT_MSG_NEWTABLE: u16 = 0;
pub(crate) const NFT_MSG_GETTABLE: u16 = 1;
pub(crate) const NFT_MSG_DELTABLE: u16 = 2;
pub(crate) const NFT_MSG_DESTROYTABLE: u16 = 26;

pub(crate) const NFTA_TABLE_NAME: u16 = 1;
pub(crate) const NFTA_TABLE_FLAGS: u16 = 2;
const NFTA_TABLE_USE: u16 = 3;
pub(crate) const NFTA_TABLE_HANDLE: u16 = 4;
const NFTA_TABLE_PAD: u16 = 5;
const NFTA_TABLE_USERDATA: u16 = 6;
const NFTA_TABLE_OWNER: u16 = 7;

/// What the kernel tells of a table and takes from nobody.
const OUTPUT: &[u16] = &[NFTA_TABLE_USE, NFTA_TABLE_HANDLE, NFTA_TABLE_PAD, NFTA_TABLE_OWNER];

pub(crate) const SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_TABLE_NAME, "name"),
    AttrName::value(NFTA_TABLE_FLAGS, "flags"),
    AttrName::value(NFTA_TABLE_USE, "use"),
    AttrName::value(NFTA_TABLE_HANDLE, "handle"),
    AttrName::value(NFTA_TABLE_USERDATA, "userdata"),
    AttrName::value(NFTA_TABLE_OWNER, "owner"),
]);

bitflags::bitflags! {
    /// Flags of a table (`enum nft_table_flags`).
    #[doc(alias = "nft_table_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct TableFlags: u32 {
        /// Its chains are not attached to their hooks: nothing in it sees a packet.
        const DORMANT = 1;
        /// It belongs to the connection that made it, and goes with it (Linux 5.12): see
        /// [`Table::owned`].
        const OWNER = 2;
        /// It stays when its owner goes, as an orphan (Linux 6.9): see [`Table::persistent`].
        const PERSIST = 4;
        /// What later kernels add.
        const _ = !0;
    }
}

handle! {
    /// The number of a table, unique in its network namespace.
    TableHandle
}

/// Names a table: a family and a name in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableRef {
    pub(crate) family: Family,
    pub(crate) name: Name,
}

impl TableRef {
    /// Names the table `name` of `family`.
    pub fn new(family: Family, name: impl Into<Name>) -> Self {
        Self { family, name: name.into() }
    }

    /// Returns the family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Writes the table's name as the first attribute of something in it.
    pub(crate) fn write(&self, w: &mut AttrWriter) {
        w.check(self.name.check("table"));
        // In the messages of each kind of object the first attribute is the table's name.
        w.name(NFTA_TABLE_NAME, &self.name);
    }

    /// Refuses what is in another table than `self`.
    pub(crate) fn check_same(&self, what: &'static str, name: &Name, table: &Self) -> Result<(), BuildErrorKind> {
        if self == table {
            return Ok(());
        }
        Err(BuildErrorKind::OtherTable {
            what,
            name: name.to_string().into(),
            has: table.to_string().into(),
            wants: self.to_string().into(),
        })
    }
}

impl AsRef<TableRef> for TableRef {
    fn as_ref(&self) -> &TableRef {
        self
    }
}

impl fmt::Display for TableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name)
    }
}

/// Defines what names something in a table: the table, and a name in it.
macro_rules! reference {
    ($(#[$doc:meta])* $name:ident, $what:literal, $attr:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name {
            pub(crate) table: $crate::table::TableRef,
            pub(crate) name: $crate::wire::Name,
        }

        impl $name {
            #[doc = concat!("Names the ", $what, " `name` of `table`.")]
            pub fn new(
                table: impl AsRef<$crate::table::TableRef>,
                name: impl Into<$crate::wire::Name>,
            ) -> Self {
                Self { table: table.as_ref().clone(), name: name.into() }
            }

            /// Returns the table.
            pub fn table(&self) -> &$crate::table::TableRef {
                &self.table
            }

            /// Returns the name.
            pub fn name(&self) -> &$crate::wire::Name {
                &self.name
            }

            /// Writes table and name as attributes of a message.
            pub(crate) fn write(&self, w: &mut $crate::wire::AttrWriter) {
                self.table.write(w);
                w.check(self.name.check($what));
                w.name($attr, &self.name);
            }
        }

        impl AsRef<$name> for $name {
            fn as_ref(&self) -> &$name {
                self
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{} {}", self.table, self.name)
            }
        }
    };
}
pub(crate) use reference;

/// A table as a program wants it.
///
/// ```
/// use nftlink::{Batch, Table};
///
/// let mut batch = Batch::new();
/// batch.add(&Table::inet("fw").comment("made by example"));
/// assert_eq!(batch.to_string(), "add table inet fw\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Table {
    at: TableRef,
    flags: TableFlags,
    userdata: Userdata,
    /// Whether it was read from a table that has more than this says.
    incomplete: bool,
}

impl Table {
    /// A table of any family.
    pub fn new(family: Family, name: impl Into<Name>) -> Self {
        let (flags, userdata) = (TableFlags::empty(), Userdata::None);
        Self { at: TableRef::new(family, name), flags, userdata, incomplete: false }
    }

    /// A table that sees IPv4 and IPv6.
    pub fn inet(name: impl Into<Name>) -> Self {
        Self::new(Family::INET, name)
    }

    /// A table that sees IPv4.
    pub fn ip(name: impl Into<Name>) -> Self {
        Self::new(Family::IP, name)
    }

    /// A table that sees IPv6.
    pub fn ip6(name: impl Into<Name>) -> Self {
        Self::new(Family::IP6, name)
    }

    /// A table that sees ARP.
    pub fn arp(name: impl Into<Name>) -> Self {
        Self::new(Family::ARP, name)
    }

    /// A table that sees the frames which bridges forward.
    pub fn bridge(name: impl Into<Name>) -> Self {
        Self::new(Family::BRIDGE, name)
    }

    /// A table that sees the frames of single devices, before and after everything else.
    pub fn netdev(name: impl Into<Name>) -> Self {
        Self::new(Family::NETDEV, name)
    }

    /// Sets the flags. Added to a table that exists, `DORMANT` comes and goes with it.
    pub fn flags(mut self, flags: TableFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Makes the table the connection's own that commits it (nft's `flags owner`, Linux 5.12).
    ///
    /// - **Nobody else changes it**, nor anything in it: for other connections, those of the same
    ///   process included, the commit fails ([`Error::is_not_owner`]). To read it is open to all,
    ///   and when others flush the ruleset it stays.
    /// - **It goes with its connection.** The kernel removes it, and all that is in it, when the
    ///   [`Conn`](crate::Conn) is dropped, and when the process ends, however it ends: by `SIGKILL`,
    ///   a panic, an exec. That is done when the drop returns, or the process can be waited for.
    /// - **A forked child keeps it alive.** It has the connection's descriptor, too, until it ends or
    ///   executes another program: the last of them to close it takes the table with it.
    /// - **It is not told.** The kernel sends no event when a table goes with its owner, and makes
    ///   no new [generation](crate::Conn::generation): only a listing shows that it is gone.
    ///
    /// A table that is there already, and has no owner, does not get one: the commit fails
    /// (`EOPNOTSUPP`). Deleted before in the same batch, it is made anew. Older kernels refuse the
    /// flag, [`Error::Unsupported`](crate::Error::Unsupported).
    ///
    /// ```no_run
    /// use nftlink::field::tcp;
    /// use nftlink::{Batch, Conn, Hook, Priority, Rule, Table};
    ///
    /// let mut conn = Conn::open()?;
    /// let table = Table::inet("while-it-runs").owned();
    /// let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    /// let mut batch = Batch::new();
    /// batch.add(&table).add(&input).append(&input, Rule::new().when(tcp::dport().eq(8080)).drop());
    /// conn.commit(&batch)?;
    /// let read = conn.table(&table)?;
    /// assert!(conn.owns(&read));
    /// // … as long as `conn` is there …
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// [`Error::is_not_owner`]: crate::Error::is_not_owner
    pub fn owned(mut self) -> Self {
        self.flags |= TableFlags::OWNER;
        self
    }

    /// Has the table outlive its [owner](Self::owned) (nft's `flags owner, persist`, Linux 6.9).
    ///
    /// When the owner goes, all in the table stays and works on, and the table is an orphan: whoever
    /// comes may change it, a flush of the ruleset takes it too. A connection that adds it with both
    /// flags adopts it, with what is in it; the program that starts again after a crash finds its
    /// table so. The same batch creates what is not there, adopts what is, and fills it:
    ///
    /// ```no_run
    /// use nftlink::field::tcp;
    /// use nftlink::{Batch, Conn, Hook, Policy, Priority, Rule, Set, Table};
    /// use std::net::Ipv4Addr;
    ///
    /// let mut conn = Conn::open()?;
    /// let table = Table::inet("guard").owned().persistent();
    /// let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::ACCEPT);
    /// let banned = Set::<Ipv4Addr>::new(&table, "banned").timeouts();
    /// let mut batch = Batch::new();
    /// // What a set holds stays, rules are replaced. `reset` in place of `add` would begin with nothing.
    /// batch.add(&table).add(&banned).add(&input).flush(&table);
    /// batch.append(&input, Rule::new().when(tcp::dport().eq(22)).counter());
    /// conn.commit(&batch)?;
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// While it has another owner, this is refused ([`Error::is_not_owner`]). So is a table that is
    /// there and was not made persistent (`EOPNOTSUPP`): that one has to go before, by
    /// [`destroy`](crate::Batch::destroy) in the same batch.
    ///
    /// Without an owner the flag does nothing by itself: the table can be adopted.
    ///
    /// [`Error::is_not_owner`]: crate::Error::is_not_owner
    pub fn persistent(mut self) -> Self {
        self.flags |= TableFlags::PERSIST;
        self
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

    /// Accepts that attributes of the table that was read, and that this library does not know, are lost
    /// where this is written. Without it a batch refuses to write it.
    pub fn forget_unknown(mut self) -> Self {
        self.incomplete = false;
        self
    }

    /// Returns the family and name.
    pub fn at(&self) -> &TableRef {
        &self.at
    }

    pub(crate) fn encode(&self, w: &mut AttrWriter) {
        if self.incomplete {
            w.fail(BuildErrorKind::UnknownAttributes("table".into()));
        }
        self.at.write(w);
        w.u32(NFTA_TABLE_FLAGS, self.flags.bits());
        self.userdata.write(w, NFTA_TABLE_USERDATA);
    }
}

impl AsRef<TableRef> for Table {
    fn as_ref(&self) -> &TableRef {
        &self.at
    }
}

/// The table to be made again, perhaps changed: all of it that this library knows. If it
/// [has more](TableInfo::has_unknown), a batch refuses to write it: that would be lost.
/// [`forget_unknown`](Table::forget_unknown) accepts that.
impl From<&TableInfo> for Table {
    fn from(info: &TableInfo) -> Self {
        let userdata = Userdata::kept(&info.userdata);
        Self { at: info.at.clone(), flags: info.flags, userdata, incomplete: info.unknown }
    }
}

/// A table as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    at: TableRef,
    handle: TableHandle,
    flags: TableFlags,
    uses: u32,
    owner: Option<PortId>,
    userdata: Box<[u8]>,
    unknown: bool,
    raw: Box<[u8]>,
}

impl TableInfo {
    pub(crate) fn decode(family: Family, raw: &[u8]) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let mut info = Self {
            at: TableRef::new(family, &b""[..]),
            handle: TableHandle::from_raw(0),
            flags: TableFlags::empty(),
            uses: 0,
            owner: None,
            userdata: Box::default(),
            unknown: false,
            raw: raw.into(),
        };
        for attr in AttrReader::new(raw, &notes) {
            match attr? {
                (NFTA_TABLE_NAME, v) => info.at.name = v.name(),
                (NFTA_TABLE_FLAGS, v) => info.flags = TableFlags::from_bits_retain(v.u32()?),
                (NFTA_TABLE_USE, v) => info.uses = v.u32()?,
                (NFTA_TABLE_HANDLE, v) => info.handle = TableHandle::from_raw(v.u64()?),
                (NFTA_TABLE_USERDATA, v) => info.userdata = v.bytes().into(),
                (NFTA_TABLE_OWNER, v) => info.owner = Some(PortId::from_raw(v.u32()?)),
                (NFTA_TABLE_PAD, _) => {}
                _ => info.unknown = true,
            }
        }
        Ok(info)
    }

    /// Writes what it takes to make the table again, attributes unknown here included.
    pub(crate) fn encode(&self, w: &mut AttrWriter) {
        w.copy(&self.raw, |number| !OUTPUT.contains(&number));
    }

    /// Returns the family and name.
    pub fn at(&self) -> &TableRef {
        &self.at
    }

    /// Returns the family.
    pub fn family(&self) -> Family {
        self.at.family
    }

    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.at.name
    }

    /// Returns the number.
    pub fn handle(&self) -> TableHandle {
        self.handle
    }

    /// Returns the flags.
    pub fn flags(&self) -> TableFlags {
        self.flags
    }

    /// Returns how many chains, sets, objects and flowtables are in it.
    pub fn uses(&self) -> u32 {
        self.uses
    }

    /// Returns whom it belongs to, if to anybody: the [port](crate::Conn::port_id) of the connection.
    ///
    /// ```
    /// # use nftlink::{Conn, TableInfo};
    /// # fn whose(conn: &Conn, table: &TableInfo) -> &'static str {
    /// match table.owner() {
    ///     Some(port) if port == conn.port_id() => "mine",
    ///     Some(_) => "another connection's",
    ///     None if table.is_orphan() => "an orphan, to be adopted",
    ///     None => "nobody's, for all to change",
    /// }
    /// # }
    /// ```
    pub fn owner(&self) -> Option<PortId> {
        self.owner
    }

    /// Whether it is [persistent](Table::persistent) and has no owner: it lost it, or never had one.
    /// Any connection may adopt it.
    pub fn is_orphan(&self) -> bool {
        self.owner.is_none() && self.flags.contains(TableFlags::PERSIST)
    }

    /// Returns the comment, if there is one that is text.
    pub fn comment(&self) -> Option<&str> {
        userdata::comment(&self.userdata)
    }

    /// Returns the userdata: the comment and what else its author kept there.
    pub fn userdata(&self) -> &[u8] {
        &self.userdata
    }

    /// Whether it has attributes that this library does not know. Written back as it is it keeps them.
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// Returns the attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

impl AsRef<TableRef> for TableInfo {
    fn as_ref(&self) -> &TableRef {
        &self.at
    }
}
