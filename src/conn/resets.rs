//! Readings that set what they read to zero.

use super::queries::{ElementSource, ElementsOf, RuleScope, TableScope, entry_query};
use super::{Conn, Query};
use crate::batch::Delete;
use crate::error::{DecodeError, Errno, Error};
use crate::object::{ObjectInfo, ObjectKind};
use crate::rule::{NFT_MSG_GETRULE_RESET, NFT_MSG_NEWRULE, RuleInfo};
use crate::set::{NFT_MSG_GETSETELEM_RESET, read_element_list};
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
        self.link.changes()?;
        let mut found = Vec::new();
        for rule in self.rules(scope)? {
            let query = Query::new(NFT_MSG_GETRULE_RESET, NFT_MSG_NEWRULE, rule.chain().table.family, false, |w| {
                rule.write_name(w);
            });
            let what = || format!("rule {} of chain {}", rule.handle(), rule.chain());
            self.once(&query, &what, ("resetting rules", "6.2"), |family, attrs| {
                found.push(RuleInfo::decode(family, attrs, &mut Some(rule.chain().clone()))?.behind(rule.position()));
                Ok(())
            })?;
        }
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
        self.link.changes()?;
        let at = set.set_ref();
        let (info, entries, _) = self.elements_at(at)?;
        set.check(&info)?;
        let mut found = Vec::with_capacity(entries.len());
        for entry in entries {
            if entry.stateful().is_empty() {
                found.push(entry);
                continue;
            }
            let query = entry_query(NFT_MSG_GETSETELEM_RESET, at, entry.key(), false);
            self.once(&query, &|| format!("element of set {at}"), ("resetting elements", "6.5"), |_, attrs| {
                read_element_list(attrs, &mut found)
            })?;
        }
        Ok(set.assemble(found)?)
    }

    /// Lists objects as [`objects`](Self::objects) does, with what counters had counted and what of
    /// quotas was consumed, and sets these to zero.
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn reset_objects<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Vec<ObjectInfo>, Error> {
        self.link.changes()?;
        let mut found = Vec::new();
        for object in self.objects(scope)? {
            if !matches!(object.kind(), ObjectKind::COUNTER | ObjectKind::QUOTA) {
                found.push(object);
                continue;
            }
            match self.reset_object(&object) {
                // It was deleted meanwhile.
                Err(error) if error.is_not_found() => {}
                reset => found.push(reset?),
            }
        }
        Ok(found)
    }

    /// Asks once for what may be gone by now, with a message that kernels have since some version.
    fn once(
        &mut self,
        query: &Query,
        what: &dyn Fn() -> String,
        (feature, since): (&'static str, &'static str),
        mut take: impl FnMut(Family, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), Error> {
        match self.link.query(query, what, &mut |family, attrs| Ok(take(family, attrs)?)) {
            Err(Error::Query(error)) if error.errno == Errno::ENOENT => Ok(()),
            // nfnetlink's word for messages that it does not know.
            Err(Error::Query(error)) if error.errno == Errno::EINVAL => Err(Error::Unsupported { feature, since }),
            result => result.map(drop),
        }
    }
}
