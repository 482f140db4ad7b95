//! Listings that are read as they come.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::ops::Range;

use super::kinds::{self, Kind};
use super::queries::{
    ElementOf, ElementSource, RuleScope, Scope, TableScope, about, are_all, entries_query, set_query,
};
use super::{Channel, Conn};
use crate::chain::ChainInfo;
use crate::engine::{Dump, Link};
use crate::error::{DecodeError, Error};
use crate::expr::Data;
use crate::flowtable::FlowtableInfo;
use crate::object::ObjectInfo;
use crate::rule::{RuleHead, RuleInfo};
use crate::ruleset::Generation;
use crate::set::{ElementInfo, EntryList, Pairing, PlainEntry, SetFlags, SetInfo, Tally, identify_entries};
use crate::table::TableInfo;
use crate::wire::reader::Notes;
use crate::wire::{AttrWriter, Family};

/// What a stream has yielded: one state of the ruleset, or parts of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// All of it was so at that generation.
    Same(Generation),
    /// The ruleset changed meanwhile, or something moved: there may be things in it twice, or
    /// missing, and of different generations.
    Torn,
}

/// Makes values of a message's attributes. Several are put into `ready`: before an error those that came before it.
trait Unpack<T> {
    /// Begins a message, and returns its value if it has only one.
    fn begin(&mut self, family: Family, attrs: &[u8], ready: &mut VecDeque<T>) -> Result<Option<T>, Error>;

    /// Makes the next few values of the message, if there are more.
    fn go_on(&mut self, _attrs: &[u8], _ready: &mut VecDeque<T>) -> Result<(), Error> {
        Ok(())
    }

    /// Makes what was held back until there are no more messages.
    fn end(&mut self, _ready: &mut VecDeque<T>) -> Result<(), Error> {
        Ok(())
    }

    /// Whether all values there are can be told to have come.
    fn are_all(&self, _link: &mut Link<Channel>) -> Result<bool, Error> {
        Ok(false)
    }
}

/// One value of each message.
struct Each<F>(F);

impl<T, F: FnMut(Family, &[u8]) -> Result<Option<T>, DecodeError>> Unpack<T> for Each<F> {
    fn begin(&mut self, family: Family, attrs: &[u8], _ready: &mut VecDeque<T>) -> Result<Option<T>, Error> {
        Ok((self.0)(family, attrs)?)
    }
}

/// How many elements are made at once: one by one, each would be moved as long as it is still being written, which a
/// processor waits for.
const AT_ONCE: usize = 64;

/// The elements in each message.
struct Elements<S> {
    list: EntryList,
    pairing: Pairing,
    /// The set, if its elements come in an order, and what that tells of them.
    ordered: Option<(SetInfo, Tally)>,
    /// Whether two entries make one element.
    pairs: bool,
    of: PhantomData<fn() -> S>,
}

impl<S: ElementSource> Unpack<ElementOf<S>> for Elements<S> {
    fn begin(
        &mut self,
        _family: Family,
        attrs: &[u8],
        ready: &mut VecDeque<ElementOf<S>>,
    ) -> Result<Option<ElementOf<S>>, Error> {
        self.list.begin(attrs)?;
        self.go_on(attrs, ready)?;
        Ok(None)
    }

    fn go_on(&mut self, attrs: &[u8], ready: &mut VecDeque<ElementOf<S>>) -> Result<(), Error> {
        while ready.len() < AT_ONCE {
            let Some(encoded) = self.list.next(attrs)? else { break };
            match encoded.bare_key.filter(|_| self.ordered.is_none()).and_then(S::read_key) {
                Some(element) => ready.push_back(element),
                None => ready.extend(self.read(encoded.bytes)?),
            }
        }
        Ok(())
    }

    fn end(&mut self, ready: &mut VecDeque<ElementOf<S>>) -> Result<(), Error> {
        ready.extend(S::pair(&mut self.pairing, None)?);
        Ok(())
    }

    fn are_all(&self, link: &mut Link<Channel>) -> Result<bool, Error> {
        self.ordered.as_ref().map_or(Ok(false), |(info, tally)| are_all(link, tally, info, self.pairs))
    }
}

impl<S: ElementSource> Elements<S> {
    /// Reads an entry, and returns the element that is complete by now.
    fn read(&mut self, bytes: &[u8]) -> Result<Option<ElementOf<S>>, Error> {
        let notes = Notes::default();
        if let Some(element) = PlainEntry::read(bytes, &notes).and_then(|plain| S::read(&plain)) {
            return Ok(Some(element));
        }
        let entry = ElementInfo::decode(bytes)?;
        if let Some((_, tally)) = &mut self.ordered {
            tally.note(entry.key().map(Data::as_bytes), entry.flags());
        }
        S::pair(&mut self.pairing, Some(entry))
    }
}

/// A listing that is read as it comes: one message of the kernel's is held at a time, however many
/// there are.
///
/// It is an iterator, which [`consistency`](Self::consistency) ends: it tells whether what was
/// yielded is one state of the ruleset. A value that makes no sense is an error of its own, after
/// which the next one follows; after any other error there is no more.
///
/// A stream may be dropped at any time. It has a socket of its own, since the kernel ends a dump
/// only when its socket is closed. Where it cannot (the thread is in another network namespace than
/// the connection, or `/proc` is not there to tell, or there are no more file descriptors), what is
/// left unread has to be read, and thrown away, before the connection's next request.
pub struct Streamed<'a, T> {
    dump: Dump<'a, Channel>,
    unpack: Box<dyn Unpack<T> + Send>,
    /// The attributes of the message that is being read.
    attrs: Range<usize>,
    /// Values that are made and not yielded yet, and the error that comes behind them.
    ready: VecDeque<T>,
    failed: Option<Error>,
    ended: bool,
}

impl<T> Streamed<'_, T> {
    /// Returns the generation at which it began.
    pub fn generation(&self) -> Generation {
        Generation::from_raw(self.dump.generation())
    }

    /// Ends the stream, and tells whether what it has yielded, be it all there is or the first of
    /// it, was so at one generation.
    ///
    /// What the kernel moved meanwhile it does not tell: the elements of a set, above all. Where that may have been,
    /// this asks a second time, as far as the stream was read, and compares; so it may take as long as
    /// the stream did. Rules tell what they stand behind, and intervals that were streamed to their end are known to be
    /// all by their order and [their number](SetInfo::count) (Linux 6.16): of those it is known at once. All other
    /// elements of more than a few are read twice; a listing need not
    /// ([`Conn::elements`]), since it has the memory to compare them. Elements that expire meanwhile make it torn.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] if the kernel refuses to answer.
    pub fn consistency(mut self) -> Result<Consistency, Error> {
        let whole = self.dump.is_whole(|link| self.unpack.are_all(link))?;
        Ok(if whole { Consistency::Same(self.generation()) } else { Consistency::Torn })
    }

    /// A stream with room for `many` values that are made at once.
    fn new<'a>(dump: Dump<'a, Channel>, many: usize, unpack: impl Unpack<T> + Send + 'static) -> Streamed<'a, T> {
        let (unpack, ready) = (Box::new(unpack), VecDeque::with_capacity(many));
        Streamed { dump, unpack, attrs: 0..0, ready, failed: None, ended: false }
    }

    /// Makes values, and returns the first.
    fn refill(&mut self) -> Result<Option<T>, Error> {
        self.unpack.go_on(self.dump.attrs(self.attrs.clone()), &mut self.ready)?;
        loop {
            if let Some(value) = self.ready.pop_front() {
                return Ok(Some(value));
            }
            if self.ended {
                return Ok(None);
            }
            match self.dump.next()? {
                Some((family, attrs)) => {
                    self.attrs = attrs;
                    let attrs = self.dump.attrs(self.attrs.clone());
                    if let Some(value) = self.unpack.begin(family, attrs, &mut self.ready)? {
                        return Ok(Some(value));
                    }
                }
                None => {
                    self.ended = true;
                    self.unpack.end(&mut self.ready)?;
                }
            }
        }
    }

    fn next_of_more(&mut self) -> Option<Result<T, Error>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        if self.ended {
            return None;
        }
        let error = match self.refill() {
            Ok(value) => return value.map(Ok),
            Err(error) => error,
        };
        self.ended |= !matches!(error, Error::Decode(_));
        match self.ready.pop_front() {
            Some(value) => {
                self.failed = Some(error);
                Some(Ok(value))
            }
            None => Some(Err(error)),
        }
    }
}

impl<T> Iterator for Streamed<'_, T> {
    type Item = Result<T, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.ready.pop_front() {
            Some(value) => Some(Ok(value)),
            None => self.next_of_more(),
        }
    }
}

impl<T> FusedIterator for Streamed<'_, T> {}

impl<T> fmt::Debug for Streamed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// # Streams
///
/// What is listed here is held one message at a time: a million elements take no more memory than
/// ten. A stream can be left at any time. It yields what comes, whether the ruleset changes
/// meanwhile or not; [`Streamed::consistency`] tells in the end. Within a [snapshot](Self::snapshot)
/// a torn one begins the snapshot again.
///
/// ```no_run
/// # fn main() -> Result<(), nftlink::Error> {
/// use std::net::Ipv4Addr;
/// use nftlink::{Conn, Consistency, Interval, Set, Table};
///
/// let blocked = Set::<Interval<Ipv4Addr>>::new(Table::inet("fw"), "blocked");
/// let mut conn = Conn::open()?;
/// let mut stream = conn.stream_elements(&blocked)?;
/// let mut count = 0;
/// for element in &mut stream {
///     count += element?.counter().map_or(0, |counter| counter.packets);
/// }
/// match stream.consistency()? {
///     Consistency::Same(generation) => println!("{count} packets were blocked by generation {generation}"),
///     Consistency::Torn => println!("about {count} packets were blocked"),
/// }
/// # Ok(())
/// # }
/// ```
///
/// All of these fail as the listings do ([Reading](#reading)).
impl Conn {
    /// Lists the tables as they come: all (`..`), or those of a family.
    ///
    /// # Errors
    ///
    /// See [Streams](#streams).
    pub fn stream_tables<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Streamed<'_, TableInfo>, Error> {
        let scope = scope.into().0;
        let wanted = scope.filter();
        self.stream(
            kinds::TABLES,
            scope,
            |_| {},
            move |family, attrs| {
                let table = TableInfo::decode(family, attrs)?;
                Ok(wanted.has(table.at()).then_some(table))
            },
        )
    }

    /// Lists the chains as they come: all (`..`), those of a family, or of a table.
    ///
    /// # Errors
    ///
    /// See [Streams](#streams).
    pub fn stream_chains<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Streamed<'_, ChainInfo>, Error> {
        let scope = scope.into().0;
        let wanted = scope.filter();
        // The kernel lists all chains of the family, whatever the request names.
        self.stream(
            kinds::CHAINS,
            scope,
            |_| {},
            move |family, attrs| {
                let chain = ChainInfo::decode(family, attrs)?;
                Ok(wanted.has(chain.table()).then_some(chain))
            },
        )
    }

    /// Lists the rules as they come: all (`..`), those of a family, of a table, or of a chain.
    ///
    /// # Errors
    ///
    /// See [Streams](#streams).
    pub fn stream_rules<'a>(&mut self, scope: impl Into<RuleScope<'a>>) -> Result<Streamed<'_, RuleInfo>, Error> {
        let (scope, mut last) = (scope.into().0, None);
        let decode = move |family, attrs: &[u8]| RuleInfo::decode(family, attrs, &mut last).map(Some);
        self.stream(kinds::RULES, scope, |w| scope.write(w), decode)
    }

    /// Lists the rules as they come, without their expressions.
    ///
    /// # Errors
    ///
    /// See [Streams](#streams).
    pub fn stream_rule_heads<'a>(&mut self, scope: impl Into<RuleScope<'a>>) -> Result<Streamed<'_, RuleHead>, Error> {
        let (scope, mut last) = (scope.into().0, None);
        let decode = move |family, attrs: &[u8]| RuleHead::decode(family, attrs, &mut last).map(Some);
        self.stream(kinds::RULES, scope, |w| scope.write(w), decode)
    }

    /// Lists the sets and maps as they come: all (`..`), those of a family, or of a table.
    ///
    /// # Errors
    ///
    /// See [Streams](#streams).
    pub fn stream_sets<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Streamed<'_, SetInfo>, Error> {
        let scope = scope.into().0;
        let decode = |family, attrs: &[u8]| SetInfo::decode(family, attrs).map(Some);
        self.stream(kinds::SETS, scope, |w| scope.write(w), decode)
    }

    /// Lists the stateful objects as they come: all (`..`), those of a family, or of a table.
    ///
    /// # Errors
    ///
    /// See [Streams](#streams).
    pub fn stream_objects<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Streamed<'_, ObjectInfo>, Error> {
        let scope = scope.into().0;
        let decode = |family, attrs: &[u8]| ObjectInfo::decode(family, attrs).map(Some);
        self.stream(kinds::OBJECTS, scope, |w| scope.write(w), decode)
    }

    /// Lists the flowtables as they come: all (`..`), those of a family, or of a table.
    ///
    /// # Errors
    ///
    /// See [Streams](#streams).
    pub fn stream_flowtables<'a>(
        &mut self,
        scope: impl Into<TableScope<'a>>,
    ) -> Result<Streamed<'_, FlowtableInfo>, Error> {
        let scope = scope.into().0;
        let decode = |family, attrs: &[u8]| FlowtableInfo::decode(family, attrs).map(Some);
        self.stream(kinds::FLOWTABLES, scope, |w| scope.write(w), decode)
    }

    /// Lists the elements of a set as they come, in the kernel's order: of intervals the highest
    /// first, of others any.
    ///
    /// Where the time of an interval is up, its end alone is told until the kernel cleans up, of a set whose type is
    /// not known; a listing leaves it out.
    ///
    /// The stream of a set of intervals ends with [`Error::Inconsistent`] where two entries come out of
    /// their order, since the set changed: then it is not known where an interval ends.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if the set in the kernel has elements of another type than the set
    /// given, and see [Streams](#streams).
    pub fn stream_elements<S: ElementSource + 'static>(
        &mut self,
        set: &S,
    ) -> Result<Streamed<'_, ElementOf<S>>, Error> {
        let at = set.set_ref();
        let what = || format!("elements of set {at}");
        let of = set_query(at);
        let mut ordered = None;
        let mut hashed = false;
        let dump = Dump::begin(&mut self.link, entries_query(at), what(), identify_entries, |link| {
            let (mut right, mut early) = (Ok(()), false);
            link.one(&of, &|| format!("set {at}"), &mut |family, attrs| {
                let info = SetInfo::decode(family, attrs)?;
                (hashed, early) = (!info.flags().contains(SetFlags::INTERVAL), info.changes_early());
                right = set.check(&info);
                ordered = info.flags().has_ends().then(|| (info, Tally::in_order()));
                Ok(())
            })?;
            link.reads_early(early);
            right
        });
        let (list, pairing, pairs) = (EntryList::default(), Pairing::default(), set.has_ends());
        let dump = dump.map_err(|error| about(error, &what))?.restless(hashed);
        let unpack = Elements::<S> { list, pairing, ordered, pairs, of: PhantomData };
        Ok(Streamed::new(dump, AT_ONCE, unpack))
    }

    fn stream<'c, T: Send + 'static>(
        &'c mut self,
        kind: Kind,
        scope: Scope<'_>,
        attrs: impl FnOnce(&mut AttrWriter),
        decode: impl FnMut(Family, &[u8]) -> Result<Option<T>, DecodeError> + Send + 'static,
    ) -> Result<Streamed<'c, T>, Error> {
        let query = kind.query(scope.family(), attrs);
        let what = || scope.describe(kind.what);
        let dump = Dump::begin(&mut self.link, query, what(), kind.identify, |link| match scope.container() {
            Some((query, what)) => link.one(&query, &|| what.clone(), &mut |_, _| Ok(())),
            None => Ok(()),
        });
        let dump = dump.map_err(|error| about(error, &what))?;
        Ok(Streamed::new(dump, 0, Each(decode)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::set::Set;

    #[test]
    fn elements_beside_one_that_makes_no_sense_are_made() {
        const KEY: u16 = 1;
        let key = |w: &mut AttrWriter, n: u32| w.nest(1, |w| w.nest(KEY, |w| w.bytes(1, &n.to_be_bytes())));
        let mut w = AttrWriter::new();
        w.nest(3, |w| {
            (0..70).for_each(|n| key(w, n));
            // The key's value has more bytes than the key.
            w.nest(1, |w| w.bytes(KEY, &[9, 0, 1, 0]));
            (70..72).for_each(|n| key(w, n));
        });
        let attrs = w.bytes_written();
        let (list, pairing) = (EntryList::default(), Pairing::default());
        let mut unpack = Elements::<Set<Ipv4Addr>> { list, pairing, ordered: None, pairs: false, of: PhantomData };
        let mut ready = VecDeque::new();
        let mut made = Vec::new();
        let mut take = |ready: &mut VecDeque<ElementOf<Set<Ipv4Addr>>>| {
            let keys = ready.drain(..).map(|element| element.key().unwrap().to_bits());
            let before = made.len();
            made.extend(keys);
            made.len() - before
        };
        assert!(unpack.begin(Family::INET, attrs, &mut ready).unwrap().is_none());
        assert_eq!(take(&mut ready), AT_ONCE);
        assert!(unpack.go_on(attrs, &mut ready).is_err());
        assert_eq!(take(&mut ready), 70 - AT_ONCE, "those before it are not lost");
        unpack.go_on(attrs, &mut ready).unwrap();
        assert_eq!(take(&mut ready), 2, "nor are those behind it");
        assert!(made.into_iter().eq(0..72));
    }
}
