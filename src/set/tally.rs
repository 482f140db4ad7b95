//! Whether one reading of a set tells all of it.

use std::cmp::Ordering;

use super::element_info::in_order;
use super::{ElementInfo, SetFlags, SetInfo, SetPolicy};
use crate::wire::keyed::{Distinct, KeyedHash};

/// How many entries there is room for at first, whatever the kernel says that there are.
const ROOM_MAX: u32 = 1 << 16;

/// What is known of the entries of a listing, one after the other.
///
/// The kernel finds its place again by counting, so what moves between two datagrams (or within one, when a hash
/// table is rebuilt) makes it tell entries twice, or pass over some. It makes no generation and is not marked:
/// rebuilding, and a batch that is prepared and then refused. But while the generation stays what it was, nothing
/// can be *deleted*, and what is told was there all the time:
///
/// - a dump tells only what is active in the current generation; what a batch under way has added is not
///   (`nft_add_set_elem` gives it the current generation's mask), and what it deletes still is
///   (`nft_set_elem_change_active` takes the next generation's bit away).
/// - `NFTA_SET_COUNT` is `nelems`, which is raised for each element when it is prepared, and lowered when a batch
///   with it is refused, or one that deletes it is committed. So it is never less than what is active.
///
/// Hence entries that all differ, and are as many as the kernel counts after it told them, are all there are. The
/// same holds where packets add to the set: what they have added is counted, too. Not so where elements expire:
/// these go without a commit. What packets delete stays counted until a worker finds it; it does so only in sets with
/// timeouts or [`SetFlags::EVAL`]. To be on the safe side the count has to be the same before the listing.
#[derive(Debug)]
pub(crate) struct Tally {
    /// How many entries have a key: the catch-all element, which is told behind all others, is not counted.
    told: u64,
    has_catch_all: bool,
    repeated: bool,
    /// What tells entries apart that come in no order.
    seen: Option<(KeyedHash, Distinct)>,
    /// Of entries that come in an order, the last and what its order is to those before.
    last: Option<ElementInfo>,
    order: Option<Ordering>,
    ordered: bool,
    /// Whether ends and starts have come in turn.
    alternates: bool,
}

impl Tally {
    /// Nothing yet of a set.
    pub(crate) fn new(info: Option<&SetInfo>) -> Self {
        let room = info.and_then(SetInfo::count).unwrap_or(0).min(ROOM_MAX) as usize;
        let hashed = !info.is_some_and(|info| info.flags().has_ends());
        Self { seen: hashed.then(|| (KeyedHash::new(), Distinct::with_capacity(room))), ..Self::in_order() }
    }

    /// Nothing yet of entries that come in an order, which takes no memory for each.
    pub(crate) fn in_order() -> Self {
        Self {
            told: 0,
            has_catch_all: false,
            repeated: false,
            seen: None,
            last: None,
            order: None,
            ordered: true,
            alternates: true,
        }
    }

    /// Notes an entry.
    #[inline]
    pub(crate) fn note(&mut self, entry: &ElementInfo) {
        let Some(key) = entry.key() else {
            self.repeated |= std::mem::replace(&mut self.has_catch_all, true);
            return;
        };
        self.told += 1;
        match &mut self.seen {
            Some((hash, seen)) => {
                self.repeated |= !seen.insert(hash.hash(entry.flags().bits().into(), key.as_bytes()));
            }
            None => {
                let bare = ElementInfo { more: None, ..ElementInfo::end_at(key.clone()) };
                let bare = ElementInfo { flags: entry.flags(), ..bare };
                if let Some(last) = &self.last {
                    let order = in_order(last, &bare);
                    self.ordered &= order != Ordering::Equal && self.order.is_none_or(|known| known == order);
                    self.order = Some(order);
                    self.alternates &= last.is_interval_end() != bare.is_interval_end();
                }
                self.last = Some(bare);
            }
        }
    }

    /// Whether an entry came twice; unknown where entries of a set that has an order came out of it.
    pub(crate) fn has_repeated(&self) -> Option<bool> {
        (self.repeated || self.ordered).then_some(self.repeated)
    }

    /// Whether the entries are all that the set has, if nobody has committed anything since before `info` was read,
    /// and after the entries the kernel counts `count`. `pairs` tells whether the entries become intervals.
    pub(crate) fn is_all(&self, info: &SetInfo, count: Option<u32>, pairs: bool) -> bool {
        let (Some(count), flags) = (count.filter(|_| count == info.count()), info.flags()) else { return false };
        // Optimized for memory, a set may be a tree whatever its flags say.
        let known = !flags.intersects(SetFlags::TIMEOUT | SetFlags::EVAL) && info.policy() == SetPolicy::PERFORMANCE;
        if !known || self.has_repeated() != Some(false) {
            return false;
        }
        let count = u64::from(count);
        if !flags.has_ends() {
            let is_tree = flags.contains(SetFlags::INTERVAL) && info.fields().len() < 2;
            return self.seen.is_some() && !is_tree && self.told == count;
        }
        // Of a tree the kernel says half the number (`nft_rbtree_usize`).
        self.told == 2 * count + 1 || (self.told == 2 * count && self.lacks_no_single_entry(pairs))
    }

    /// Whether no single entry is missing from an even number of them.
    ///
    /// Within a datagram nothing is passed over, so one that is missing stands between two datagrams, or behind the
    /// last. Between two it would have broken the turn of starts and ends. Behind the last, in descending order, there
    /// may be an end that ends nothing: nft writes one at zero.
    fn lacks_no_single_entry(&self, pairs: bool) -> bool {
        let Some(last) = &self.last else { return true };
        let at_zero = last.key().is_some_and(|key| key.as_bytes().iter().all(|&byte| byte == 0));
        let is_lowest = if last.is_interval_end() { at_zero } else { pairs };
        self.alternates && self.order == Some(Ordering::Greater) && is_lowest
    }
}
