//! Elements put together from the kernel's entries one by one, as they come.

use std::cmp::Ordering;

use super::element_info::{in_order, interval, whole};
use super::{ElementInfo, Key, Mapped};
use crate::error::Error;
use crate::expr::Data;

/// What is known of the entries of a set that came so far.
///
/// An interval is two entries, and ends at the one that is next in ascending order, whatever that
/// is. Kernels tell them in descending order, where that is the one that came before; an ascending
/// order is understood, too, since one entry is held back.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Pairing {
    held: Option<ElementInfo>,
    /// The key of the entry that came before the one held back.
    before: Option<Data>,
    order: Option<Ordering>,
}

impl Pairing {
    /// Takes the next entry, or at the end none, and returns the element that is complete by now.
    pub(crate) fn next<K: Key, V: Mapped>(
        &mut self,
        entry: Option<ElementInfo>,
    ) -> Result<Option<ElementInfo<K, V>>, Error> {
        let entry = match entry {
            Some(entry) if !K::FLAGS.has_ends() || entry.key().is_none() => return Ok(Some(whole(entry)?)),
            entry => entry,
        };
        let Some(held) = std::mem::replace(&mut self.held, entry) else { return Ok(None) };
        if let Some(next) = &self.held {
            let order = in_order(&held, next);
            if order == Ordering::Equal || self.order.is_some_and(|known| known != order) {
                // The set changed between two datagrams, and where an interval ends is not known.
                return Err(Error::Inconsistent { attempts: 1 });
            }
            self.order = Some(order);
        }
        let before = std::mem::replace(&mut self.before, held.key().cloned());
        if held.is_interval_end() {
            return Ok(None);
        }
        let after = match self.order {
            Some(Ordering::Less) => self.held.as_ref().and_then(ElementInfo::key),
            _ => before.as_ref(),
        };
        Ok(Some(interval(held, after)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::element_info::assemble;
    use super::*;
    use crate::datum::{Interval, Port};

    fn entry(port: u16, is_end: bool) -> ElementInfo {
        match is_end {
            true => ElementInfo::end_at(Data::from(port.to_be_bytes())),
            false => ElementInfo::start_at(Data::from(port.to_be_bytes())),
        }
    }

    fn paired(entries: Vec<ElementInfo>) -> Result<Vec<ElementInfo<Interval<Port>>>, Error> {
        let mut pairing = Pairing::default();
        let entries = entries.into_iter().map(Some).chain([None]);
        entries.filter_map(|entry| pairing.next(entry).transpose()).collect()
    }

    #[test]
    fn intervals_are_paired_in_either_order_as_when_all_are_known() {
        for ports in [
            &[][..],
            &[(5, false)],
            &[(0, true), (5, false), (6, true)],
            // Two that touch, one without an end, and one that lost its start.
            &[(5, false), (7, true), (7, false), (9, true), (20, true), (30, false), (40, false)],
        ] {
            let entries: Vec<ElementInfo> = ports.iter().map(|&(port, is_end)| entry(port, is_end)).collect();
            let all: Vec<ElementInfo<Interval<Port>>> = assemble(entries.clone()).unwrap();
            assert_eq!(paired(entries.clone()).unwrap(), all);
            let mut descending = paired(entries.into_iter().rev().collect()).unwrap();
            descending.reverse();
            assert_eq!(descending, all);
        }
    }

    #[test]
    fn entries_out_of_their_order_are_an_error() {
        for ports in [[9, 5, 7], [5, 9, 7], [9, 5, 5]] {
            let entries = ports.into_iter().map(|port| entry(port, false)).collect();
            assert!(matches!(paired(entries), Err(Error::Inconsistent { attempts: 1 })), "{ports:?}");
        }
    }
}
