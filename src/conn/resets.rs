//! Readings that set what they read to zero.

use super::queries::{
    ElementSource, ElementsOf, RuleScope, TableScope, entry_query, no_answer, of_kind, rule_query, value,
};
use super::{Conn, Query};
use crate::chain::ChainRef;
use crate::error::{DecodeError, Error, Feature};
use crate::expr::Data;
use crate::object::{Object, ObjectInfo, ObjectKind, ObjectRef};
use crate::rule::{NFT_MSG_GETRULE_RESET, RuleHandle, RuleInfo};
use crate::set::{
    ElementInfo, IntoElement, Key, Mapped, NFT_MSG_GETSETELEM_RESET, Set, SetFlags, SetRef, read_element_list,
};
use crate::wire::Family;

/// # Resetting
///
/// What is counted is set back in one step with its reading, rule by rule and element by element:
/// nothing is counted twice or not at all. (The kernel resets a whole listing, too, but loses
/// what was counted by each rule or element that it then finds no room for in a datagram.) What
/// others add meanwhile may be missing, and is then not set back. Each is asked for once only: if
/// an answer is lost, so is what it told. An error on the way (as an absent privilege, or a namespace
/// without memory) loses what was read before it, which is set back already.
impl Conn {
    /// Lists rules as [`rules`](Self::rules) does, with what their counters and quotas had
    /// counted, and sets these to zero (Linux 6.2).
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] on older kernels, and see [Reading](#reading).
    pub fn reset_rules<'a>(&mut self, scope: impl Into<RuleScope<'a>>) -> Result<Vec<RuleInfo>, Error> {
        let mut found = Vec::new();
        for rule in self.rules(scope)? {
            // It may have been deleted meanwhile.
            let reset = absent_is_none(self.reset_once(rule.chain(), rule.handle()))?;
            found.extend(reset.flatten().map(|reset| reset.behind(rule.position())));
        }
        Ok(found)
    }

    /// Reads one rule by its handle as [`rule`](Self::rule) does, with what its counters and quotas had
    /// counted, and sets these to zero (Linux 6.2).
    ///
    /// ```no_run
    /// use nftlink::field::tcp;
    /// use nftlink::{Batch, Conn, Hook, Priority, Rule, Table};
    ///
    /// let mut conn = Conn::open()?;
    /// let table = Table::inet("meter");
    /// let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    /// let mut batch = Batch::new();
    /// batch.add(&table).add(&input).append(&input, Rule::new().when(tcp::dport().eq(80)).counter());
    /// let web = conn.commit_with_handles(&batch)?.rule(batch.last()).unwrap();
    /// let since_the_last_time = conn.reset_rule(&input, web)?.counter();
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] on older kernels, and see [Reading](#reading). If the answer is lost, so is
    /// what was counted.
    pub fn reset_rule(&mut self, chain: impl AsRef<ChainRef>, handle: RuleHandle) -> Result<RuleInfo, Error> {
        let chain = chain.as_ref();
        self.reset_once(chain, handle)?.ok_or_else(|| no_answer(&|| format!("rule {handle} of chain {chain}")))
    }

    /// Resets a rule; there is none if the answer was lost.
    fn reset_once(&mut self, chain: &ChainRef, handle: RuleHandle) -> Result<Option<RuleInfo>, Error> {
        let query = rule_query(NFT_MSG_GETRULE_RESET, chain, handle);
        let what = || format!("rule {handle} of chain {chain}");
        let mut found = None;
        self.once(&query, &what, Feature::RuleReset, |family, attrs| {
            found = Some(RuleInfo::decode(family, attrs, &mut Some(chain.clone()))?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Lists the elements of a set as [`elements`](Self::elements) does, with what their counters
    /// and quotas had counted, and sets these to zero (Linux 6.5).
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] if the set in the kernel has elements of another type than the set
    /// given, [`Error::Unsupported`] on older kernels, and see [Reading](#reading).
    pub fn reset_elements<S: ElementSource>(&mut self, set: &S) -> Result<ElementsOf<S>, Error> {
        let at = set.set_ref();
        let (info, entries, _) = self.elements_at(at)?;
        set.check(&info)?;
        let mut found = Vec::with_capacity(entries.len());
        for entry in entries {
            if entry.stateful().is_empty() {
                found.push(entry);
                continue;
            }
            // It may have been deleted meanwhile.
            absent_is_none(self.reset_entry(at, entry.key(), &mut found))?;
        }
        Ok(set.assemble(found)?)
    }

    /// Reads the element of a set that holds a key as [`element`](Self::element) does, with what its counter
    /// and quota had counted, and sets these to zero (Linux 6.5).
    ///
    /// ```no_run
    /// use nftlink::{Conn, Set, Table};
    /// use std::net::Ipv4Addr;
    ///
    /// let clients = Set::<Ipv4Addr>::new(Table::inet("meter"), "clients").counters();
    /// let mut conn = Conn::open()?;
    /// let client = conn.reset_element(&clients, Ipv4Addr::new(10, 0, 0, 5))?;
    /// println!("{} bytes since the last time", client.counter().unwrap_or_default().bytes);
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`element`](Self::element), and [`Error::Unsupported`] on older kernels. If the answer is
    /// lost, so is what was counted.
    pub fn reset_element<K: Key, V: Mapped>(
        &mut self,
        set: &Set<K, V>,
        key: impl IntoElement<K>,
    ) -> Result<ElementInfo<K, V>, Error> {
        let element = self.element(set, key)?;
        if element.stateful().is_empty() {
            return Ok(element);
        }
        let start = element.key().map(|key| key.bounds(K::FLAGS.contains(SetFlags::INTERVAL))).transpose();
        let wrong = DecodeError::new("element", "the key cannot be written again");
        let start = start.map_err(|_| wrong)?.map(|(start, _)| start);
        let mut found = Vec::with_capacity(1);
        self.reset_entry(set.at(), start.as_ref(), &mut found)?;
        match found.pop() {
            Some(entry) => Ok(element.with_stateful_of(entry)),
            None => Err(no_answer(&|| format!("element of set {}", set.at()))),
        }
    }

    /// Resets the entry of a set at a key, or the catch-all element, and adds it to those found.
    fn reset_entry(&mut self, at: &SetRef, key: Option<&Data>, found: &mut Vec<ElementInfo>) -> Result<(), Error> {
        let query = entry_query(NFT_MSG_GETSETELEM_RESET, at, key, false);
        let what = || format!("element of set {at}");
        self.once(&query, &what, Feature::ElementReset, |_, attrs| read_element_list(attrs, found))
    }

    /// Lists objects as [`objects`](Self::objects) does, with what counters had counted and what of
    /// quotas was consumed, and sets these to zero.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn reset_objects<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Vec<ObjectInfo>, Error> {
        let objects = self.objects(scope)?;
        self.reset_each(objects)
    }

    /// Lists objects of a kind as [`objects_of_kind`](Self::objects_of_kind) does, with what counters had
    /// counted and what of quotas was consumed, and sets these to zero.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn reset_objects_of_kind<'a>(
        &mut self,
        kind: ObjectKind,
        scope: impl Into<TableScope<'a>>,
    ) -> Result<Vec<ObjectInfo>, Error> {
        let objects = self.objects_of_kind(kind, scope)?;
        self.reset_each(objects)
    }

    fn reset_each(&mut self, objects: Vec<ObjectInfo>) -> Result<Vec<ObjectInfo>, Error> {
        let mut found = Vec::with_capacity(objects.len());
        for object in objects {
            if !matches!(object.kind(), ObjectKind::COUNTER | ObjectKind::QUOTA) {
                found.push(object);
                continue;
            }
            // It may have been deleted meanwhile.
            found.extend(absent_is_none(self.reset_object(&object))?);
        }
        Ok(found)
    }

    /// Reads what a named object of a kind holds, and sets what it has counted to zero, in one step.
    ///
    /// ```no_run
    /// use nftlink::object::Quota;
    /// use nftlink::{Conn, Table};
    ///
    /// let monthly = Quota::new(10 << 30).named(Table::inet("fw"), "monthly");
    /// let month: Quota = Conn::open()?.reset_object_value(&monthly)?;
    /// println!("{} of {} bytes were used; the next month begins", month.consumed, month.bytes);
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] for the name of an object of another kind, and see
    /// [Reading](#reading). If the answer is lost, so is what was counted.
    pub fn reset_object_value<T: Object>(&mut self, object: impl AsRef<ObjectRef>) -> Result<T, Error> {
        value(&self.reset_object(of_kind::<T>(object.as_ref())?)?)
    }

    /// Asks once, with a message that kernels have since some version.
    fn once(
        &mut self,
        query: &Query,
        what: &dyn Fn() -> String,
        feature: Feature,
        mut take: impl FnMut(Family, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), Error> {
        self.link.changes()?;
        let outcome = self.link.query(query, what, &mut |family, attrs| Ok(take(family, attrs)?));
        outcome.map(drop).map_err(|error| self.link.refused(error, feature))
    }
}

/// What is there of something that may be gone by now.
fn absent_is_none<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Err(error) if error.is_not_found() => Ok(None),
        read => read.map(Some),
    }
}
