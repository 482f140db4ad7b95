//! Elements of sets of intervals, merged with what is there.

use super::Conn;
use crate::batch::Batch;
use crate::datum::{Interval, Ordered};
use crate::engine::ATTEMPTS;
use crate::error::{Errno, Error, Rejection};
use crate::ruleset::Generation;
use crate::set::{Changes, Element, IntoElement, Set, SetInfo, cut_out, merge_into};

/// # Merging
///
/// The kernel takes no interval that overlaps another, and deletes only whole ones. These read
/// the set, and commit what makes it into the one that is wanted, all of it or nothing, if the
/// ruleset is still the one that was read; if not, they begin again. Each costs a reading of
/// the whole set: give them many elements at once.
impl Conn {
    /// Adds elements to a set of intervals, and merges them with those that are there.
    ///
    /// Each key stays as long as the element that lasts longest of those that hold it. What is
    /// there already changes nothing, and as little else changes as can be: a new element that
    /// holds others whole replaces them, new ones that touch like ones become one with them, and
    /// of what two hold in part the one that was there keeps all. An element that does not change
    /// keeps its comment, and its counter counts on. The parts of one that is cut, since some of
    /// its keys last longer now, are as it was, with its comment, its time, and all that its
    /// counter has counted. (Where the kernel still keeps elements in the way whose time is over,
    /// all of the set is written anew, each element as it was read.)
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nftlink::Error> {
    /// use std::net::Ipv4Addr;
    /// use nftlink::{Conn, Interval, Set, Table};
    ///
    /// let blocked = Set::<Interval<Ipv4Addr>>::new(Table::inet("fw"), "blocked");
    /// let mut conn = Conn::open()?;
    /// conn.add_merged(&blocked, [Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8)])?;
    /// conn.add_merged(&blocked, [Ipv4Addr::new(10, 0, 0, 5)])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - Those of [`elements`](Self::elements) and [`commit`](Self::commit).
    /// - [`Error::Inconsistent`] if the ruleset changed between the reading and the commit of each
    ///   of many attempts.
    pub fn add_merged<V: Ordered, E: IntoElement<Interval<V>>>(
        &mut self,
        set: &Set<Interval<V>>,
        elements: impl IntoIterator<Item = E>,
    ) -> Result<(), Error> {
        let new: Vec<Element<Interval<V>>> = elements.into_iter().map(E::into_element).collect();
        self.change(set, |info, old| merge_into(old, new.clone(), info.timeout()))
    }

    /// Deletes keys from a set of intervals: those that hold some of them keep the rest.
    ///
    /// Of 10.0.0.0/8 without 10.0.0.5 two ranges stay, each with the comment, the time, and all
    /// that the counter of the whole had counted. What is not in the set may be given.
    ///
    /// # Errors
    ///
    /// Those of [`add_merged`](Self::add_merged).
    pub fn delete_merged<V: Ordered, E: IntoElement<Interval<V>>>(
        &mut self,
        set: &Set<Interval<V>>,
        elements: impl IntoIterator<Item = E>,
    ) -> Result<(), Error> {
        let keys: Vec<Element<Interval<V>>> = elements.into_iter().map(E::into_element).collect();
        self.change(set, |_, old| cut_out(old, keys.clone()))
    }

    /// Reads a set and commits what `changes` makes of its elements, until both are of one
    /// generation.
    fn change<V: Ordered>(
        &mut self,
        set: &Set<Interval<V>>,
        changes: impl Fn(&SetInfo, Vec<Element<Interval<V>>>) -> Changes<Interval<V>>,
    ) -> Result<(), Error> {
        let mut last = Error::Inconsistent { attempts: ATTEMPTS };
        let mut batch = Batch::new();
        let mut rewrites = false;
        for _ in 0..ATTEMPTS {
            let (info, elements, generation) = self.elements_at(set)?;
            let elements: Vec<Element<Interval<V>>> = elements.into_iter().map(IntoElement::into_element).collect();
            batch.clear();
            // Merged they are: the set's own way would cut what has been left whole.
            let merged = set.clone().unmerged();
            if rewrites {
                let changes = changes(&info, elements.clone());
                batch.flush(set).add_elements(&merged, changes.applied_to(elements));
            } else {
                let Changes { deleted, added } = changes(&info, elements);
                batch.delete_elements(set, deleted).add_elements(&merged, added);
            }
            match self.commit_at(Generation::from_raw(generation), &batch) {
                Err(Error::Stale { .. }) => last = Error::Inconsistent { attempts: ATTEMPTS },
                // The time of an element was up, which makes no generation: it is not there to be
                // deleted. Or it is still in the way, and will be until the kernel has put it
                // out: only a flush does so now.
                Err(error) if is_of_expired(&error) => {
                    rewrites |= error.rejections().all(|rejection| rejection.errno() == Errno::EEXIST);
                    last = error;
                }
                result => return result,
            }
        }
        Err(last)
    }
}

/// Whether elements are in the way, or missing, that the set was not read with.
fn is_of_expired(error: &Error) -> bool {
    let expired = |rejection: &Rejection| {
        let of_element = rejection.path().is_some_and(|path| path.element().is_some());
        of_element && matches!(rejection.errno(), Errno::ENOENT | Errno::EEXIST)
    };
    error.rejections().len() > 0 && error.rejections().all(expired)
}
