//! Reading the ruleset.

use std::ops::RangeFull;
use std::time::Instant;

use super::Conn;
use super::kinds::{self, Kind};
use crate::chain::Chain;
use crate::chain::{ChainInfo, ChainRef, NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN};
use crate::engine::{GENERATION, Link, Query, Transport};
use crate::error::{DecodeError, Errno, Error, QueryError, TypeError};
use crate::expr::Data;
use crate::flowtable::{FlowtableInfo, FlowtableRef, NFT_MSG_GETFLOWTABLE, NFT_MSG_NEWFLOWTABLE};
use crate::object::{
    Counter, NFT_MSG_GETOBJ, NFT_MSG_GETOBJ_RESET, NFT_MSG_NEWOBJ, NFTA_OBJ_TYPE, Object, ObjectInfo, ObjectKind,
    ObjectRef,
};
use crate::rule::{NFT_MSG_GETRULE, NFT_MSG_NEWRULE, NFTA_RULE_HANDLE, RuleHandle, RuleInfo};
use crate::set::{
    self, ElementFlags, ElementInfo, Key, Mapped, NFT_MSG_GETSET, NFT_MSG_GETSETELEM, NFT_MSG_NEWSET,
    NFT_MSG_NEWSETELEM, Pairing, PlainEntry, Set, SetFlags, SetInfo, SetRef, Tally, agree, has_entries, has_repeated,
    leave_out_lone_ends, read_count, visit_element_list, visit_entries, write_lookup,
};
use crate::table::{NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, Table, TableInfo, TableRef};
use crate::wire::reader::Notes;
use crate::wire::{AttrWriter, Family};

/// Which tables a query looks into: `..` for all, a [`Family`], or a table.
#[derive(Debug, Clone, Copy)]
pub struct TableScope<'a>(pub(super) Scope<'a>);

/// Which rules a query asks for: `..` for all, those of a [`Family`], a table or a chain.
#[derive(Debug, Clone, Copy)]
pub struct RuleScope<'a>(pub(super) Scope<'a>);

#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    Family(Family),
    Table(&'a TableRef),
    Chain(&'a ChainRef),
}

impl Scope<'_> {
    pub(super) fn family(&self) -> Family {
        match self {
            Self::Family(family) => *family,
            Self::Table(table) => table.family,
            Self::Chain(chain) => chain.table.family,
        }
    }

    pub(super) fn write(&self, w: &mut AttrWriter) {
        match self {
            Self::Family(_) => {}
            Self::Table(table) => table.write(w),
            Self::Chain(chain) => crate::batch::write_rule_chain(chain, w),
        }
    }

    /// Whether it includes a table.
    pub(super) fn has(&self, other: &TableRef) -> bool {
        self.filter().has(other)
    }

    /// Which tables it includes, to be kept.
    pub(super) fn filter(&self) -> Tables {
        match self {
            Self::Family(family) => Tables::Of(*family),
            Self::Table(table) => Tables::One((*table).clone()),
            Self::Chain(chain) => Tables::One(chain.table.clone()),
        }
    }

    /// What asks for the table or chain by name, and what it asks for: of an absent one some
    /// listings are empty.
    pub(super) fn container(&self) -> Option<(Query, String)> {
        match self {
            Self::Family(_) => None,
            Self::Table(table) => Some((
                Query::new(NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, table.family, false, |w| table.write(w)),
                format!("table {table}"),
            )),
            Self::Chain(chain) => Some((
                Query::new(NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, chain.table.family, false, |w| chain.write(w)),
                format!("chain {chain}"),
            )),
        }
    }

    pub(super) fn describe(&self, what: &str) -> String {
        match self {
            Self::Family(Family::UNSPEC) => format!("{what} of the ruleset"),
            Self::Family(family) => format!("{what} of family {family}"),
            Self::Table(table) => format!("{what} of table {table}"),
            Self::Chain(chain) => format!("{what} of chain {chain}"),
        }
    }
}

/// Which tables are asked for.
pub(super) enum Tables {
    Of(Family),
    One(TableRef),
}

impl Tables {
    pub(super) fn has(&self, table: &TableRef) -> bool {
        match self {
            Self::Of(family) => *family == Family::UNSPEC || *family == table.family,
            Self::One(one) => one == table,
        }
    }
}

macro_rules! scopes {
    ($($scope:ident: $([$($generics:tt)*] $from:ty => $value:expr;)*)*) => {$($(
        impl<'a, $($generics)*> From<$from> for $scope<'a> {
            fn from(from: $from) -> Self {
                let value: fn($from) -> Scope<'a> = $value;
                Self(value(from))
            }
        }
    )*)*};
}

scopes! {
    TableScope:
        [] RangeFull => |_| Scope::Family(Family::UNSPEC);
        [] Family => |family| Scope::Family(family);
        [] &'a TableRef => |table| Scope::Table(table);
        [] &'a Table => |table| Scope::Table(table.as_ref());
        [] &'a TableInfo => |table| Scope::Table(table.as_ref());
    RuleScope:
        [] RangeFull => |_| Scope::Family(Family::UNSPEC);
        [] Family => |family| Scope::Family(family);
        [] &'a TableRef => |table| Scope::Table(table);
        [] &'a Table => |table| Scope::Table(table.as_ref());
        [] &'a TableInfo => |table| Scope::Table(table.as_ref());
        [] &'a ChainRef => |chain| Scope::Chain(chain);
        [S] &'a Chain<S> => |chain| Scope::Chain(chain.as_ref());
        [] &'a ChainInfo => |chain| Scope::Chain(chain.as_ref());
}

/// The elements of a set or map of a certain type.
pub type ElementsOf<S> = Vec<ElementOf<S>>;

/// An element of a set or map of a certain type.
pub type ElementOf<S> = ElementInfo<<S as ElementSource>::Key, <S as ElementSource>::Value>;

/// What [`Conn::elements`] reads: a [`Set`] or [`Map`](crate::Map) with its Rust types, or any set
/// by a [`SetInfo`] or [`SetRef`], whose elements are as the kernel keeps them.
pub trait ElementSource {
    /// The key of an element.
    type Key;
    /// The value of an element; of a set `()`.
    type Value;

    #[doc(hidden)]
    fn set_ref(&self) -> &SetRef;

    #[doc(hidden)]
    fn check(&self, info: &SetInfo) -> Result<(), Error>;

    /// Whether an element of it is two entries, which make one.
    #[doc(hidden)]
    fn has_ends(&self) -> bool;

    #[doc(hidden)]
    fn assemble(&self, entries: Vec<ElementInfo>) -> Result<ElementsOf<Self>, DecodeError>;

    /// Reads an entry that is a whole element, and has nothing but a key.
    #[doc(hidden)]
    fn read_key(key: &[u8]) -> Option<ElementOf<Self>>;

    /// Reads an entry that is a whole element, and has nothing that takes memory of its own.
    #[doc(hidden)]
    fn read(entry: &PlainEntry<'_>) -> Option<ElementOf<Self>>;

    #[doc(hidden)]
    fn pair(pairing: &mut Pairing, entry: Option<ElementInfo>) -> Result<Option<ElementOf<Self>>, Error>;
}

impl<K: Key, V: Mapped> ElementSource for Set<K, V> {
    type Key = K;
    type Value = V;

    fn set_ref(&self) -> &SetRef {
        self.at()
    }

    fn check(&self, info: &SetInfo) -> Result<(), Error> {
        if info.as_type::<K, V>().is_some() {
            return Ok(());
        }
        let (what, has) = (format!("set {}", self.at()).into(), info.describe().into());
        Err(Error::WrongType(Box::new(TypeError { what, has, wants: set::describe_type::<K, V>().into() })))
    }

    fn has_ends(&self) -> bool {
        K::FLAGS.has_ends()
    }

    fn assemble(&self, entries: Vec<ElementInfo>) -> Result<Vec<ElementInfo<K, V>>, DecodeError> {
        set::assemble(entries)
    }

    #[inline]
    fn read_key(key: &[u8]) -> Option<ElementInfo<K, V>> {
        ElementInfo::of_key(key)
    }

    #[inline]
    fn read(entry: &PlainEntry<'_>) -> Option<ElementInfo<K, V>> {
        entry.element()
    }

    fn pair(pairing: &mut Pairing, entry: Option<ElementInfo>) -> Result<Option<ElementInfo<K, V>>, Error> {
        pairing.next(entry)
    }
}

macro_rules! untyped {
    ($($type:ty),*) => {$(
        impl ElementSource for $type {
            type Key = crate::expr::Data;
            type Value = ();

            fn set_ref(&self) -> &SetRef {
                self.as_ref()
            }

            fn check(&self, _info: &SetInfo) -> Result<(), Error> {
                Ok(())
            }

            fn has_ends(&self) -> bool {
                false
            }

            fn assemble(&self, entries: Vec<ElementInfo>) -> Result<Vec<ElementInfo>, DecodeError> {
                Ok(entries)
            }

            #[inline]
            fn read_key(key: &[u8]) -> Option<ElementInfo> {
                Some(ElementInfo::of_data(key))
            }

            fn read(_entry: &PlainEntry<'_>) -> Option<ElementInfo> {
                None
            }

            fn pair(_pairing: &mut Pairing, entry: Option<ElementInfo>) -> Result<Option<ElementInfo>, Error> {
                Ok(entry)
            }
        }
    )*};
}

untyped!(SetInfo, SetRef);

/// Reads one message's attributes as a value.
type Decode<R> = fn(Family, &[u8]) -> Result<R, DecodeError>;

/// # Reading
///
/// A listing is of one generation: it waits for the commits of others to end, and is begun again
/// when the ruleset changes meanwhile, or a table goes [with its owner](crate::Table::owned), which makes no
/// generation. (What makes none can change under it: what packets count and add to sets, what expires; and how
/// often things are used, whether a table sleeps, and on older kernels which devices a chain has, the kernel tells of a
/// batch already that it may still refuse.)
/// Newer kernels (7.2 and 7.3, 6.18 not) take out of a set with intervals what a commit deletes before they tell its
/// generation. So from Linux 6.16 on a reading of such elements waits at its end for the commit that is under way, if
/// there is one, and begins again; somebody who commits without any pause can keep it from ending.
/// Several are of one generation in a [snapshot](Self::snapshot). What a program asks for by name and is not there
/// is an error (`is_not_found`), never an empty list.
///
/// All of these fail with [`Error::Query`] if the kernel refuses to answer (`is_not_found`,
/// `is_permission_denied`), with [`Error::Inconsistent`] if the ruleset changes during each of
/// many attempts, and with [`Error::Decode`] if the answer makes no sense.
impl Conn {
    /// Lists the tables: all (`..`), or those of a family.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn tables<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Vec<TableInfo>, Error> {
        let scope = scope.into().0;
        match scope {
            Scope::Family(_) => {
                let mut tables = self.list(kinds::TABLES, scope, |_| {}, TableInfo::decode)?;
                let wanted = scope.filter();
                tables.retain(|table| wanted.has(table.at()));
                Ok(tables)
            }
            Scope::Table(table) => self.table(table).map(|table| vec![table]),
            Scope::Chain(chain) => self.table(&chain.table).map(|table| vec![table]),
        }
    }

    /// Reads one table.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn table(&mut self, table: impl AsRef<TableRef>) -> Result<TableInfo, Error> {
        let table = table.as_ref();
        let query = Query::new(NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, table.family, false, |w| table.write(w));
        self.one(&query, &|| format!("table {table}"), TableInfo::decode)
    }

    /// Lists the chains: all (`..`), those of a family, or of a table.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn chains<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Vec<ChainInfo>, Error> {
        let scope = scope.into().0;
        // The kernel lists all chains of the family, whatever the request names.
        let mut chains = self.list(kinds::CHAINS, scope, |_| {}, ChainInfo::decode)?;
        let wanted = scope.filter();
        chains.retain(|chain| wanted.has(chain.table()));
        Ok(chains)
    }

    /// Reads one chain.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn chain(&mut self, chain: impl AsRef<ChainRef>) -> Result<ChainInfo, Error> {
        let chain = chain.as_ref();
        let query = Query::new(NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, chain.table.family, false, |w| chain.write(w));
        self.one(&query, &|| format!("chain {chain}"), ChainInfo::decode)
    }

    /// Lists the rules: all (`..`), those of a family, of a table, or of a chain, in their order.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn rules<'a>(&mut self, scope: impl Into<RuleScope<'a>>) -> Result<Vec<RuleInfo>, Error> {
        let scope = scope.into().0;
        let mut last = None;
        let decode = move |family, attrs: &[u8]| RuleInfo::decode(family, attrs, &mut last);
        self.list(kinds::RULES, scope, |w| scope.write(w), decode)
    }

    /// Reads one rule by its handle. The kernel tells the rule's [position](RuleInfo::position) only in listings.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn rule(&mut self, chain: impl AsRef<ChainRef>, handle: RuleHandle) -> Result<RuleInfo, Error> {
        let chain = chain.as_ref();
        let query = rule_query(NFT_MSG_GETRULE, chain, handle);
        let what = || format!("rule {handle} of chain {chain}");
        self.one(&query, &what, |family, attrs| RuleInfo::decode(family, attrs, &mut None))
    }

    /// Lists the flowtables: all (`..`), those of a family, or of a table.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn flowtables<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Vec<FlowtableInfo>, Error> {
        let scope = scope.into().0;
        self.list(kinds::FLOWTABLES, scope, |w| scope.write(w), FlowtableInfo::decode)
    }

    /// Reads one flowtable.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn flowtable(&mut self, flowtable: impl AsRef<FlowtableRef>) -> Result<FlowtableInfo, Error> {
        let at = flowtable.as_ref();
        let query = Query::new(NFT_MSG_GETFLOWTABLE, NFT_MSG_NEWFLOWTABLE, at.table.family, false, |w| at.write(w));
        self.one(&query, &|| format!("flowtable {at}"), FlowtableInfo::decode)
    }

    /// Lists the sets and maps: all (`..`), those of a family, or of a table.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn sets<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Vec<SetInfo>, Error> {
        let scope = scope.into().0;
        self.list(kinds::SETS, scope, |w| scope.write(w), SetInfo::decode)
    }

    /// Reads one set, without its elements.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn set(&mut self, set: impl AsRef<SetRef>) -> Result<SetInfo, Error> {
        let set = set.as_ref();
        self.one(&set_query(set), &|| format!("set {set}"), SetInfo::decode)
    }

    /// Lists the elements of a set. One that is larger than a datagram (some 32 KiB) is read
    /// twice, until two readings agree, where one does not prove itself: on kernels before Linux 6.16, which do not
    /// tell [how many there are](SetInfo::count), in sets with timeouts, and in those that packets fill. The kernel
    /// moves elements without telling.
    /// [`stream_elements`](Self::stream_elements) lists them without holding them all.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if the set in the kernel has elements of another type than the
    /// [`Set`], and see [Reading](#reading).
    pub fn elements<S: ElementSource>(&mut self, set: &S) -> Result<ElementsOf<S>, Error> {
        self.elements_at(set).map(|(_, elements, _)| elements)
    }

    /// Reads a set with its elements, and tells at which generation.
    pub(super) fn elements_at<S: ElementSource>(&mut self, set: &S) -> Result<(SetInfo, ElementsOf<S>, u32), Error> {
        let at = set.set_ref();
        let what = || format!("elements of set {at}");
        let reading = self.link.consistent(|link| read_set(link, set));
        let ((info, elements), generation) = reading.map_err(|error| about(error, &what))?;
        // The kernel answers with what was asked for, or with an error.
        let info = info.ok_or_else(|| no_answer(&what))?;
        Ok((info, elements, generation))
    }

    /// Lists the stateful objects: all (`..`), those of a family, or of a table.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn objects<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Vec<ObjectInfo>, Error> {
        let scope = scope.into().0;
        self.list(kinds::OBJECTS, scope, |w| scope.write(w), ObjectInfo::decode)
    }

    /// Lists the stateful objects of a kind: all (`..`), those of a family, or of a table.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn objects_of_kind<'a>(
        &mut self,
        kind: ObjectKind,
        scope: impl Into<TableScope<'a>>,
    ) -> Result<Vec<ObjectInfo>, Error> {
        let scope = scope.into().0;
        let attrs = |w: &mut AttrWriter| {
            scope.write(w);
            w.u32(NFTA_OBJ_TYPE, kind.get());
        };
        self.list(kinds::OBJECTS, scope, attrs, ObjectInfo::decode)
    }

    /// Reads one object.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn object(&mut self, object: impl AsRef<ObjectRef>) -> Result<ObjectInfo, Error> {
        let object = object.as_ref();
        let query = object_query(NFT_MSG_GETOBJ, object);
        self.one(&query, &|| format!("{} {object}", object.kind), ObjectInfo::decode)
    }

    /// Reads what a named object of a kind holds.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nftlink::Error> {
    /// use nftlink::object::Quota;
    /// use nftlink::{Conn, Table};
    ///
    /// let monthly = Quota::new(10 << 30).named(Table::inet("fw"), "monthly");
    /// let quota: Quota = Conn::open()?.object_value(&monthly)?;
    /// println!("{} of {} bytes", quota.consumed, quota.bytes);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] for the name of an object of another kind, and see
    /// [Reading](#reading).
    pub fn object_value<T: Object>(&mut self, object: impl AsRef<ObjectRef>) -> Result<T, Error> {
        let at = of_kind::<T>(object.as_ref())?;
        let info = self.object(at)?;
        value(&info)
    }

    /// Reads a named counter.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] for the name of an object of another kind, and see
    /// [Reading](#reading).
    pub fn counter(&mut self, counter: impl AsRef<ObjectRef>) -> Result<Counter, Error> {
        self.object_value(counter)
    }

    /// Reads a named counter and sets it to zero, in one step: nothing is counted twice or not at
    /// all. Of a packet that passes meanwhile the bytes may be in this reading and the packet in
    /// the next.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] for the name of an object of another kind, and see
    /// [Reading](#reading). If the answer is lost, so is what was counted.
    pub fn reset_counter(&mut self, counter: impl AsRef<ObjectRef>) -> Result<Counter, Error> {
        value(&self.reset_object(of_kind::<Counter>(counter.as_ref())?)?)
    }

    /// Reads an object and sets what it has counted to zero, in one step: of a counter all, of a quota what
    /// is consumed. What the others hold stays.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading). If the answer is lost, so is what was counted.
    pub fn reset_object(&mut self, object: impl AsRef<ObjectRef>) -> Result<ObjectInfo, Error> {
        let at = object.as_ref();
        self.link.changes()?;
        let query = object_query(NFT_MSG_GETOBJ_RESET, at);
        let what = || format!("{} {at}", at.kind);
        let mut found = None;
        // Not asked again: the second answer would be zero.
        self.link.query(&query, &what, &mut |family, attrs| {
            found = Some(ObjectInfo::decode(family, attrs)?);
            Ok(())
        })?;
        found.ok_or_else(|| no_answer(&what))
    }

    /// Asks for one thing by its name.
    fn one<R>(&mut self, query: &Query, what: &dyn Fn() -> String, decode: Decode<R>) -> Result<R, Error> {
        let mut found = None;
        self.link.one(query, what, &mut |family, attrs| {
            found = Some(decode(family, attrs)?);
            Ok(())
        })?;
        // The kernel answers with what was asked for, or with an error.
        found.ok_or_else(|| no_answer(what))
    }

    /// Asks for all there are, at one generation.
    pub(super) fn list<R>(
        &mut self,
        kind: Kind,
        scope: Scope<'_>,
        attrs: impl FnOnce(&mut AttrWriter),
        mut decode: impl FnMut(Family, &[u8]) -> Result<R, DecodeError>,
    ) -> Result<Vec<R>, Error> {
        let query = kind.query(scope.family(), attrs);
        let what = || scope.describe(kind.what);
        let container = scope.container();
        let reading = self.link.consistent(|link| {
            let mut found = Vec::new();
            let listed = kind.read(link, &query, &what, &mut |family, attrs| {
                found.push(decode(family, attrs)?);
                Ok(())
            });
            // Behind the listing: the table may have gone before it, with its owner.
            let mut whole = true;
            if let Some((query, what)) = &container {
                whole &= link.query(query, &|| what.clone(), &mut |_, _| Ok(()))?;
            }
            whole &= listed?;
            Ok((found, whole))
        });
        reading.map(|(found, _)| found).map_err(|error| about(error, &what))
    }
}

/// A set, if the kernel answered with one, and its elements.
type SetReading<S> = (Option<SetInfo>, ElementsOf<S>);

/// Reads a set with its elements, and tells whether they are all.
pub(super) fn read_set<S: ElementSource, T: Transport>(
    link: &mut Link<T>,
    set: &S,
) -> Result<(SetReading<S>, bool), Error> {
    let at = set.set_ref();
    let mut info = None;
    let mut whole = link.query(&set_query(at), &|| format!("set {at}"), &mut |family, attrs| {
        info = Some(SetInfo::decode(family, attrs)?);
        Ok(())
    })?;
    info.as_ref().map_or(Ok(()), |info| set.check(info))?;
    let mut elements = Vec::new();
    // Of another generation they would be read in vain.
    if let Some(info) = info.as_ref().filter(|_| whole) {
        (elements, whole) = read_elements(link, info, set)?;
    }
    Ok(((info, elements), whole))
}

/// Reads the elements of a set, and tells whether they are all, and none is there twice.
fn read_elements<S: ElementSource, T: Transport>(
    link: &mut Link<T>,
    info: &SetInfo,
    set: &S,
) -> Result<(ElementsOf<S>, bool), Error> {
    if !info.flags().has_ends() && Tally::can_tell(info) {
        let at = info.at();
        let (mut tally, mut pairing) = (Tally::new(info), Pairing::default());
        let mut elements = Vec::with_capacity(Tally::room(info));
        link.reads_early(info.changes_early());
        let whole = link.query(&entries_query(at), &|| format!("elements of set {at}"), &mut |_, attrs| {
            let mut failed = None;
            visit_entries(attrs, |encoded| {
                if let Some((key, element)) = encoded.bare_key.and_then(|key| Some((key, S::read_key(key)?))) {
                    tally.note(Some(key), ElementFlags::empty());
                    elements.push(element);
                    return Ok(());
                }
                let notes = Notes::default();
                let plain = PlainEntry::read(encoded.bytes, &notes);
                if let Some((plain, element)) = plain.and_then(|plain| S::read(&plain).map(|element| (plain, element)))
                {
                    tally.note(plain.key, plain.flags);
                    elements.push(element);
                    return Ok(());
                }
                let entry = ElementInfo::decode(encoded.bytes)?;
                tally.note(entry.key().map(Data::as_bytes), entry.flags());
                match S::pair(&mut pairing, Some(entry)) {
                    Ok(element) => elements.extend(element),
                    Err(error) => failed = failed.take().or(Some(error)),
                }
                Ok(())
            })?;
            failed.map_or(Ok(()), Err)
        })?;
        let whole = whole && tally.has_repeated() == Some(false);
        if !whole || !link.may_have_moved() || are_all(link, &tally, info, false)? {
            return Ok((elements, whole));
        }
    }
    let (entries, whole) = read_entries(link, info, set.has_ends())?;
    Ok((if whole { set.assemble(entries)? } else { Vec::new() }, whole))
}

/// Reads the entries of a set, and tells whether they are all, and none is there twice. `pairs` tells whether they
/// become intervals.
pub(super) fn read_entries<T: Transport>(
    link: &mut Link<T>,
    info: &SetInfo,
    pairs: bool,
) -> Result<(Vec<ElementInfo>, bool), Error> {
    let at = info.at();
    let what = || format!("elements of set {at}");
    let query = entries_query(at);
    link.reads_early(info.changes_early());
    let begin = Instant::now();
    let (mut entries, mut tally) = (Vec::with_capacity(Tally::room(info)), Tally::new(info));
    let mut whole = link.query(&query, &what, &mut |_, attrs| {
        visit_element_list(attrs, |entry| {
            tally.note(entry.key().map(Data::as_bytes), entry.flags());
            entries.push(entry);
        })
        .map_err(Error::from)
    })?;
    let moved = link.may_have_moved();
    whole = whole && !tally.has_repeated().unwrap_or_else(|| has_repeated(&entries));
    if whole && moved && !are_all(link, &tally, info, pairs)? {
        // Between two datagrams the kernel may rebuild its hash table, remove what has
        // expired, or take back a batch that it refused: each moves entries, and none
        // makes a generation. What two readings agree on was not moved.
        let mut again = Vec::with_capacity(entries.len());
        whole = link.query(&query, &what, &mut |_, attrs| {
            visit_element_list(attrs, |entry| again.push(entry)).map_err(Error::from)
        })?;
        whole = whole && agree(&entries, &again, begin.elapsed()) && !has_repeated(&again);
        entries = again;
    }
    if info.flags().has_ends() && info.flags().contains(SetFlags::TIMEOUT) {
        leave_out_lone_ends(&mut entries);
    }
    Ok((entries, whole))
}

/// Whether what was told is all that the kernel counts in a set.
pub(super) fn are_all<T: Transport>(
    link: &mut Link<T>,
    tally: &Tally,
    info: &SetInfo,
    pairs: bool,
) -> Result<bool, Error> {
    if !Tally::can_tell(info) {
        return Ok(false);
    }
    let mut count = None;
    let at = info.at();
    let whole = link.query(&set_query(at), &|| format!("set {at}"), &mut |_, attrs| {
        count = read_count(attrs)?;
        Ok(())
    })?;
    Ok(whole && tally.is_all(info, count, pairs))
}

/// Asks for all entries of a set.
pub(super) fn entries_query(at: &SetRef) -> Query {
    let mut query = Query::new(NFT_MSG_GETSETELEM, NFT_MSG_NEWSETELEM, at.table.family, true, |w| at.write(w));
    // The kernel ends the elements with an answer that has none, in a datagram of its own.
    query.is_empty = |attrs| !has_entries(attrs);
    query
}

/// Says what was asked for, where it was the generation that could not be read.
pub(super) fn about(error: Error, what: &dyn Fn() -> String) -> Error {
    match error {
        Error::Query(error) if &*error.what == GENERATION => {
            Error::Query(Box::new(QueryError { what: what().into(), ..*error }))
        }
        error => error,
    }
}

pub(super) fn set_query(set: &SetRef) -> Query {
    Query::new(NFT_MSG_GETSET, NFT_MSG_NEWSET, set.table.family, false, |w| set.write(w))
}

/// Asks for one entry of a set.
pub(super) fn entry_query(kind: u16, set: &SetRef, key: Option<&Data>, is_end: bool) -> Query {
    Query::new(kind, NFT_MSG_NEWSETELEM, set.table.family, false, |w| {
        set.write(w);
        write_lookup(key, is_end, w);
    })
}

/// Asks for one rule by its handle.
pub(super) fn rule_query(kind: u16, chain: &ChainRef, handle: RuleHandle) -> Query {
    Query::new(kind, NFT_MSG_NEWRULE, chain.table.family, false, |w| {
        crate::batch::write_rule_chain(chain, w);
        w.u64(NFTA_RULE_HANDLE, handle.get());
    })
}

/// The error of a query that was answered neither with what was asked for nor with an error.
pub(super) fn no_answer(what: &dyn Fn() -> String) -> Error {
    Error::Query(Box::new(QueryError { what: what().into(), errno: Errno::EIO }))
}

fn object_query(kind: u16, object: &ObjectRef) -> Query {
    Query::new(kind, NFT_MSG_NEWOBJ, object.table.family, false, |w| object.write(w))
}

/// Refuses the name of an object of another kind.
pub(super) fn of_kind<T: Object>(at: &ObjectRef) -> Result<&ObjectRef, Error> {
    if at.kind == T::KIND {
        return Ok(at);
    }
    let (what, has) = (format!("object {at}").into(), at.kind.to_string().into());
    Err(Error::WrongType(Box::new(TypeError { what, has, wants: T::KIND.to_string().into() })))
}

pub(super) fn value<T: Object>(info: &ObjectInfo) -> Result<T, Error> {
    // The kernel was asked for this kind.
    info.value()?.ok_or(Error::Decode(DecodeError::new("object", "another kind than was asked for")))
}
