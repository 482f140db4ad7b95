//! Readings of parts: rules without what they do, elements by their keys.

use super::queries::{RuleScope, about, entry_query, set_query};
use super::{Channel, Conn, kinds};
use crate::engine::{Link, Query};
use crate::error::{BuildError, Errno, Error, Op, QueryError};
use crate::expr::Data;
use crate::rule::RuleHead;
use crate::set::{
    self, ElementInfo, IntoElement, Key, Lookup, Mapped, NFT_MSG_GETSETELEM, Set, SetInfo, SetRef, read_element_list,
};

/// # Reading parts
impl Conn {
    /// Lists the rules without their expressions: all (`..`), those of a family, of a table, or of a
    /// chain, in their order.
    ///
    /// ```no_run
    /// use nftlink::{Batch, Conn, Table};
    ///
    /// // Delete the rules that are somebody's, whatever they do.
    /// let mut conn = Conn::open()?;
    /// let mut batch = Batch::new();
    /// for rule in conn.rule_heads(&Table::inet("fw").chain("input"))? {
    ///     if rule.comment().is_some_and(|comment| comment.starts_with("mine: ")) {
    ///         batch.delete(&rule);
    ///     }
    /// }
    /// conn.commit(&batch)?;
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn rule_heads<'a>(&mut self, scope: impl Into<RuleScope<'a>>) -> Result<Vec<RuleHead>, Error> {
        let (scope, mut last) = (scope.into().0, None);
        let decode = move |family, attrs: &[u8]| RuleHead::decode(family, attrs, &mut last);
        self.list(kinds::RULES, scope, |w| scope.write(w), decode)
    }

    /// Reads the element of a set that holds a key: of intervals the one that the key is in, all
    /// of it where the key is an interval itself. The catch-all element holds no key; it is asked
    /// for as [`Element::catch_all`](crate::Element::catch_all).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nftlink::Error> {
    /// use std::net::Ipv4Addr;
    /// use nftlink::{Conn, Interval, Set, Table};
    ///
    /// let blocked = Set::<Interval<Ipv4Addr>>::new(Table::inet("fw"), "blocked");
    /// let mut conn = Conn::open()?;
    /// match conn.element(&blocked, Ipv4Addr::new(10, 0, 0, 5)) {
    ///     Ok(element) => println!("blocked with {}", element.key().unwrap()),
    ///     Err(error) if error.is_not_found() => println!("not blocked"),
    ///     Err(error) => return Err(error),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Build`] if the key makes no sense, as a range that ends before it starts.
    /// - [`Error::WrongType`] if the set in the kernel has elements of another type than the
    ///   [`Set`].
    /// - See [Reading](#reading); `is_not_found` also if no element holds the key.
    pub fn element<K: Key, V: Mapped>(
        &mut self,
        set: &Set<K, V>,
        key: impl IntoElement<K>,
    ) -> Result<ElementInfo<K, V>, Error> {
        let errno = Errno::ENOENT;
        let absent = || Error::Query(Box::new(QueryError { what: element_of(set.at()).into(), errno }));
        self.find_elements(set, [key])?.pop().flatten().ok_or_else(absent)
    }

    /// Reads the elements of a set that hold some keys, at one generation: for each key the one that
    /// [`element`](Self::element) reads, or none. It costs about as many requests as there are keys,
    /// of a set of intervals twice as many: of a good part of a set a listing is faster.
    ///
    /// # Errors
    ///
    /// Those of [`element`](Self::element), but for absent elements.
    pub fn find_elements<K: Key, V: Mapped, E: IntoElement<K>>(
        &mut self,
        set: &Set<K, V>,
        keys: impl IntoIterator<Item = E>,
    ) -> Result<Vec<Option<ElementInfo<K, V>>>, Error> {
        use super::ElementSource;

        let at = set.at();
        let what = || element_of(at);
        let lookup = |key: E| {
            Lookup::new(&key.into_element()).map_err(|kind| {
                let operation = what().into();
                Error::Build(Box::new(BuildError { op: Op(0), operation, kind }))
            })
        };
        let lookups: Vec<Lookup> = keys.into_iter().map(lookup).collect::<Result<_, _>>()?;
        let of = set_query(at);
        let reading = self.link.consistent(|link| {
            let (mut right, mut early) = (Ok(()), false);
            let mut whole = link.query(&of, &|| format!("set {at}"), &mut |family, attrs| {
                let info = SetInfo::decode(family, attrs)?;
                (right, early) = (set.check(&info), info.changes_early());
                Ok(())
            })?;
            right?;
            link.reads_early(early);
            let mut found = Vec::with_capacity(lookups.len());
            for lookup in &lookups {
                let (entries, all) = look_up::<K>(link, at, lookup)?;
                whole &= all;
                found.push(entries);
            }
            Ok((found, whole))
        });
        let (found, _) = reading.map_err(|error| about(error, &what))?;
        let mut elements = Vec::with_capacity(found.len());
        for (entries, lookup) in found.into_iter().zip(&lookups) {
            // Behind an interval may be the start of the next.
            let element = set::assemble(entries)?.into_iter().next();
            elements.push(element.filter(|found| found.key().is_none_or(|key| lookup.is_within(key))));
        }
        Ok(elements)
    }
}

fn element_of(set: &SetRef) -> String {
    format!("element of set {set}")
}

/// Asks for the one or two entries that are the element which holds a key, and tells whether all answers came.
fn look_up<K: Key>(link: &mut Link<Channel>, at: &SetRef, lookup: &Lookup) -> Result<(Vec<ElementInfo>, bool), Error> {
    let mut whole = true;
    let mut ask = |key: Option<&Data>, is_end| {
        let mut found = Vec::new();
        let query: Query = entry_query(NFT_MSG_GETSETELEM, at, key, is_end);
        match link.query(&query, &|| element_of(at), &mut |_, attrs| Ok(read_element_list(attrs, &mut found)?)) {
            Err(error) if error.is_not_found() => {}
            answered => whole &= answered?,
        }
        Ok::<_, Error>(found.pop())
    };
    let Some(start) = ask(lookup.start(), false)? else { return Ok((Vec::new(), whole)) };
    let same = |entry: &Option<ElementInfo>| entry.as_ref().is_some_and(|entry| entry.key() == start.key());
    let (mut end, mut known) = (None, true);
    if let Some(after) = lookup.after() {
        // Where two intervals touch, the kernel overlooks the end of the first for the
        // start of the second; and it does not answer at all where there is no end, since
        // the interval has the highest key. So both are asked for by themselves.
        let next = ask(Some(&after), false)?;
        if !same(&next) {
            end = next.or_else(|| Some(ElementInfo::end_at(after)));
        } else if !same(&ask(Some(&Data::new(&vec![u8::MAX; K::LEN])), false)?) {
            end = ask(Some(&after), true)?;
            known = end.is_some();
        }
    }
    if start.expires().is_some() && !same(&ask(lookup.start(), false)?) {
        // Its time was up: what was found behind it is not its end.
        return Ok((Vec::new(), whole));
    }
    Ok(([Some(start), end].into_iter().flatten().collect(), whole && known))
}
