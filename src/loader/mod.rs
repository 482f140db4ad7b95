//! [`Loader`]: sets of so many elements that one batch cannot hold them, or takes long.

mod members;
mod rules;
#[cfg(test)]
mod tests;
mod unfinished;

use std::fmt;

use crate::chain::ChainRef;
use crate::conn::{Conn, ElementSource as _};
use crate::error::Error;
use crate::rule::{Rule, RuleHandle};
use crate::set::{Element, IntoElement, Key, Mapped, Set, SetFlags, SetInfo, sort_by_keys};
use members::Members;
use unfinished::Unfinished;

/// Fills a set of very many elements beside the one that is in use, and puts it in its place in one step.
///
/// All of one batch has to fit the send buffer, which an unprivileged user namespace cannot raise; and of a million
/// single values in one batch each costs the kernel two or three times what it could, since a hash table cannot grow
/// before the batch is over (a [size](Set::size) said beforehand helps, and is a bound). A loader fills a fresh set, to
/// which nothing refers yet, in many batches. Then, in one more, it replaces the rules that look the old set up by the
/// same rules with the fresh one, and deletes the old one: packets see the old set or the new one, never a part, and no
/// time without.
///
/// ```no_run
/// # fn main() -> Result<(), nftlink::Error> {
/// use std::net::Ipv4Addr;
/// use nftlink::field::ip;
/// use nftlink::{Batch, Conn, Hook, Loader, Priority, Rule, Set, Table};
///
/// let fw = Table::inet("fw");
/// let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
/// let blocked = Loader::new(&Set::<Ipv4Addr>::new(&fw, "blocked"));
///
/// let mut conn = Conn::open()?;
/// let mut batch = Batch::new();
/// conn.commit(batch.add(&fw).add(&input))?;
/// // The first time there is nothing to replace: the rules come when the set is there.
/// if blocked.live(&mut conn)?.is_none() {
///     let live = blocked.load(&mut conn, [Ipv4Addr::new(192, 0, 2, 1)])?;
///     batch.clear();
///     batch.append(&input, Rule::new().when(ip::saddr().in_set(&live)).counter().drop());
///     conn.commit(&batch)?;
/// }
/// // And each time after that the rule looks up the new set, and counts on.
/// let live = blocked.load(&mut conn, (0..1_000_000).map(|n| Ipv4Addr::from(0x0a00_0000 + n)))?;
/// println!("{} is in use", live.at());
/// # Ok(())
/// # }
/// ```
///
/// # Names
///
/// The set that a loader is made with gives type, options and the first part of the name: `blocked`. What is loaded is
/// `blocked.1`, the next time `blocked.2`, and so on. These names belong to the loader, and so does `blocked` itself:
/// the first time it is replaced if it is there. The live set is the one of the highest number that is finished;
/// [`load`](Self::load) and [`live`](Self::live) return it.
///
/// A set that is being filled has a mark beside it, a counter `blocked.2.loading.PORT`, which goes in the step that
/// puts the set into use. So what a killed program leaves behind is known, whether rules refer to the live set or not:
/// the next loader of the set deletes it before it begins. Until then it is out of use, and in nobody's way. Name,
/// number and what marks them have to fit the 255 bytes of a name: one of 225 always does.
///
/// # Two at once
///
/// A loader takes what another one has not finished for a leftover: who begins last wins. The other one finds out with
/// its next batch, gives up with [`Error::Superseded`], and has changed nothing.
///
/// # Rules
///
/// Unless they are [given](Self::replacing), the rules are found by reading those of the table: all that look up the
/// old set, add to it, or get verdicts, values or objects from it, also within a chain of a rule's own. They are
/// written as they were read, sets of their own, comments and attributes that this library does not know included, but
/// with the new name. A rule keeps its place and its handle; a counter goes on from what had been read, without the
/// packets of the moment between reading and commit; what a quota has used up stays; a rate limit and a number of
/// connections begin anew. The commit is [at the generation](Conn::commit_at) of the reading, so that no rule is
/// missed that somebody adds meanwhile; if the ruleset changed, both begin again, up to 64 times. A rule whose lookup
/// has attributes that this library does not know is an error.
///
/// # What others add meanwhile
///
/// Elements that others, or rules, add to the old set are in use at once, and go with it when the new one takes its
/// place, at whatever moment of the loading they came: the new set has the elements that were given, and no others. Who
/// adds to the set by itself, or lets rules do so, has to give what is to stay, or to add it again to the set that is
/// returned. With the old set's name nothing can be added any more (`is_not_found`). So what comes and goes by itself,
/// as the bans of a daemon do, is best in a set of its own, which a rule of its own looks up.
///
/// # Elements
///
/// They are taken from the iterator as they are needed, and never stand in memory together: a batch has 4,095 of them,
/// later an eighth of what is there already, and a MiB at most, or what the send buffer holds. Intervals come in larger
/// batches: 65,536, later as many as are there already, and 16 MiB at most. They are sorted 65,536 at a time, which
/// saves some kernels work; of a set that [merges](Set::auto_merge) all are collected, and merged as in one batch. The
/// old and the new set are both in the kernel's memory until the end, and others who commit wait for the batch that is
/// being applied, which takes a second for 16 MiB.
///
/// # How fast
///
/// Beside one batch that adds the same elements to a set without a size, by the processor's time on Linux 6.18:
///
/// | | 100,000 elements | 1,000,000 |
/// |---|---|---|
/// | single values | 1.6 to 2.6 times as fast | 2.3 to 3 times |
/// | intervals | about as fast | nine tenths as fast |
///
/// Single values gain the more, the more there are, and nothing beside a batch whose set has its size. Intervals lose,
/// since this kernel writes all that are there anew for each batch: the more, the less the send buffer holds. The 416
/// KiB that an unprivileged user namespace has by default are some 10,000 of them, and a hundred batches for a million.
/// Kernels that search intervals in a tree (6.12 and before) do not mind.
///
/// Linux 5.10 is enough. A load makes some generations and events for each batch: a
/// [`Monitor`](crate::monitor::Monitor) sees all of them.
pub struct Loader<'a, K, V = ()> {
    set: Set<K, V>,
    given: Vec<Given<'a, K, V>>,
}

/// A rule that looks the set up: where it is, and what it is with a new set.
struct Given<'a, K, V> {
    chain: ChainRef,
    handle: RuleHandle,
    rule: MakeRule<'a, K, V>,
}

/// Makes the rule for a set.
type MakeRule<'a, K, V> = Box<dyn Fn(&Set<K, V>) -> Rule + Send + Sync + 'a>;

impl<'a, K: Key, V: Mapped> Loader<'a, K, V> {
    /// A loader of that set: of its type, with its options, and under its name and a number.
    pub fn new(set: &Set<K, V>) -> Self {
        Self { set: set.clone(), given: Vec::new() }
    }

    /// Gives a rule that looks the set up, by its handle, and what it is with a new set.
    ///
    /// If any is given, no rules are read, and all that refer to the old set have to be given: that is faster in a
    /// table of very many rules, and works beside others who commit all the time. For another rule the kernel refuses
    /// to delete the old set (`is_busy`), and all is as before. Counters begin at what the new rule says.
    ///
    /// ```no_run
    /// # use std::net::Ipv4Addr;
    /// # use nftlink::field::ip;
    /// # use nftlink::{Chain, Conn, Loader, Rule, RuleHandle, Set};
    /// # fn load(conn: &mut Conn, set: &Set<Ipv4Addr>, input: &Chain, handle: RuleHandle) -> Result<(), nftlink::Error> {
    /// let blocked = Loader::new(set)
    ///     .replacing(input, handle, |live| Rule::new().when(ip::saddr().in_set(live)).counter().drop());
    /// blocked.load(conn, [Ipv4Addr::new(192, 0, 2, 1)])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn replacing<R: Into<Rule>>(
        mut self,
        chain: impl AsRef<ChainRef>,
        handle: RuleHandle,
        rule: impl Fn(&Set<K, V>) -> R + Send + Sync + 'a,
    ) -> Self {
        let rule = Box::new(move |live: &Set<K, V>| rule(live).into());
        self.given.push(Given { chain: chain.as_ref().clone(), handle, rule });
        self
    }

    /// Returns the set that is in use, or would be if there were rules: none if none was loaded yet. One that is being
    /// filled does not count, nor does what a killed program has left.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if it has elements of another type, and those of [reading](Conn#reading): the table has to
    /// be there.
    pub fn live(&self, conn: &mut Conn) -> Result<Option<Set<K, V>>, Error> {
        let (members, _) = conn.snapshot(|conn| Members::read(conn, self.set.at()))?;
        members.live().map(|info| self.known(info)).transpose()
    }

    /// The set as the kernel has it, if it has the right type.
    fn known(&self, info: &SetInfo) -> Result<Set<K, V>, Error> {
        self.set.check(info)?;
        Ok(self.set.renamed(info.name().clone()))
    }

    /// Loads a set of those elements, puts it in the place of the one that is live, and returns it.
    ///
    /// # Errors
    ///
    /// What was live before is so still, and of the new set nothing is left (unless the connection itself fails: then
    /// the next loader deletes it):
    ///
    /// - [`Error::Build`] and [`Error::Rejected`] for an element, or a rule, that cannot be expressed, or that the
    ///   kernel refuses; operations are counted in the batch that had it.
    /// - [`Error::WrongType`] if the live set has elements of another type.
    /// - [`Error::Superseded`] if another loader of the set began meanwhile.
    /// - [`Error::Inconsistent`] if the ruleset changed between reading and commit of each of many attempts.
    /// - [`Error::TooLarge`] if the rules that look the set up do not fit one batch.
    /// - [`Error::FateUnknown`] if it cannot be found out which set is live: [`live`](Self::live) tells later.
    /// - Those of [reading](Conn#reading).
    pub fn load<E: IntoElement<K, V>>(
        &self,
        conn: &mut Conn,
        elements: impl IntoIterator<Item = E>,
    ) -> Result<Set<K, V>, Error> {
        self.try_load(conn, elements.into_iter().map(Ok::<E, Error>))
    }

    /// [`load`](Self::load) of elements that may fail to come, as lines of a file: with the first error the loading
    /// ends, and nothing is changed.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::error::Error;
    /// use std::fs::File;
    /// use std::io::{BufRead, BufReader};
    /// use nftlink::{Conn, Interval, Loader, Set, Table};
    /// use std::net::Ipv4Addr;
    ///
    /// let set = Set::<Interval<Ipv4Addr>>::new(Table::inet("fw"), "blocked").auto_merge();
    /// let prefixes = BufReader::new(File::open("prefixes.txt")?).lines();
    /// let prefixes = prefixes.map(|line| Ok::<_, Box<dyn Error>>(line?.parse::<Interval<Ipv4Addr>>()?));
    /// Loader::new(&set).try_load(&mut Conn::open()?, prefixes)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The first error of the iterator, and those of [`load`](Self::load).
    pub fn try_load<E: IntoElement<K, V>, X: From<Error>>(
        &self,
        conn: &mut Conn,
        elements: impl IntoIterator<Item = Result<E, X>>,
    ) -> Result<Set<K, V>, X> {
        let mut error = None;
        let mut elements = Until { source: elements.into_iter(), error: &mut error };
        let merged = self.set.merges().then(|| self.set.prepared(elements.by_ref().map(E::into_element).collect()));
        let (live, mut unfinished) = self.begin(conn)?;
        match merged {
            Some(merged) => unfinished.fill(live.at(), merged.into_iter())?,
            None if SetFlags::has_ends(K::FLAGS) => {
                let source = elements.map(E::into_element);
                unfinished.fill(live.at(), Runs { source, run: Vec::new().into_iter() })?;
            }
            None => unfinished.fill(live.at(), elements.map(E::into_element))?,
        }
        if let Some(error) = error {
            return Err(error);
        }
        let given = self.given.iter().map(|given| (given.chain.clone(), given.handle, (given.rule)(&live)));
        unfinished.finish(self.set.at(), given.collect())?;
        Ok(live)
    }

    /// Deletes what others have left and makes the set that is to be filled.
    fn begin<'c>(&self, conn: &'c mut Conn) -> Result<(Set<K, V>, Unfinished<'c>), Error> {
        let make = |members: &Members| {
            members.live().map_or(Ok(()), |live| self.set.check(live))?;
            Ok(self.set.renamed(members.next_name(self.set.at())))
        };
        Unfinished::begin(conn, self.set.at(), make)
    }
}

impl<K, V> fmt::Debug for Loader<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("set", self.set.as_ref()).field("given", &self.given.len()).finish()
    }
}

/// Elements until one fails to come.
struct Until<'e, I, X> {
    source: I,
    error: &'e mut Option<X>,
}

impl<T, X, I: Iterator<Item = Result<T, X>>> Iterator for Until<'_, I, X> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.error.is_some() {
            return None;
        }
        match self.source.next()? {
            Ok(element) => Some(element),
            Err(error) => {
                *self.error = Some(error);
                None
            }
        }
    }
}

/// How many elements are sorted at once.
const RUN: usize = 65_536;

/// Elements in runs, each in ascending order: so the kernel finds their places faster.
struct Runs<K, V, I> {
    source: I,
    run: std::vec::IntoIter<Element<K, V>>,
}

impl<K: Key, V: Mapped, I: Iterator<Item = Element<K, V>>> Iterator for Runs<K, V, I> {
    type Item = Element<K, V>;

    fn next(&mut self) -> Option<Element<K, V>> {
        if self.run.as_slice().is_empty() {
            let mut run: Vec<Element<K, V>> = self.source.by_ref().take(RUN).collect();
            sort_by_keys(&mut run);
            self.run = run.into_iter();
        }
        self.run.next()
    }
}
