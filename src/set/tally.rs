//! Whether one reading of a set tells all of it.

use std::cmp::Ordering;

use super::{ElementFlags, SetFlags, SetInfo, SetPolicy};
use crate::expr::Data;
use crate::wire::keyed::{KeyedHash, all_differ};

/// How many entries there is room for at first, whatever the kernel says that there are.
const ROOM_MAX: u32 = 1 << 17;

/// What is known of the entries of a listing, one after the other.
///
/// The kernel finds its place again by counting, so what moves between two datagrams (or within one, when a hash
/// table is rebuilt) makes it tell entries twice, or pass over some. It makes no generation and is not marked:
/// rebuilding, and a batch that is prepared and then refused. But while the generation stays what it was, nothing
/// can be *deleted* (where it can, no commit is [under way](SetInfo::changes_early) in the end), and what is told was
/// there all the time:
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
    /// The hashes of entries that come in no order. They are compared when the listing is over: a table that is
    /// used meanwhile would drive the kernel's own, through which it walks for each datagram, out of the cache.
    hashes: Option<(KeyedHash, Vec<u64>)>,
    /// Of entries that come in an order, the last (its key, and whether it ends an interval) and their order.
    last: Option<(Data, bool)>,
    order: Option<Ordering>,
    ordered: bool,
    /// Whether ends and starts have come in turn.
    alternates: bool,
}

impl Tally {
    /// Nothing yet of a set.
    pub(crate) fn new(info: &SetInfo) -> Self {
        let hashed = !info.flags().has_ends();
        let hashes = hashed.then(|| (KeyedHash::new(), Vec::with_capacity(Self::room(info))));
        Self { hashes, ..Self::in_order() }
    }

    /// How many entries to make room for before they are told.
    pub(crate) fn room(info: &SetInfo) -> usize {
        info.count().unwrap_or(0).min(ROOM_MAX) as usize
    }

    /// Nothing yet of entries that come in an order, which takes no memory for each.
    pub(crate) fn in_order() -> Self {
        Self {
            told: 0,
            has_catch_all: false,
            repeated: false,
            hashes: None,
            last: None,
            order: None,
            ordered: true,
            alternates: true,
        }
    }

    /// Notes an entry by its key and flags.
    #[inline]
    pub(crate) fn note(&mut self, key: Option<&[u8]>, flags: ElementFlags) {
        let Some(key) = key else {
            self.repeated |= std::mem::replace(&mut self.has_catch_all, true);
            return;
        };
        self.told += 1;
        match &mut self.hashes {
            Some((hash, hashes)) => hashes.push(hash.hash(flags.bits().into(), key)),
            None => self.note_in_order(key, flags.contains(ElementFlags::INTERVAL_END)),
        }
    }

    fn note_in_order(&mut self, key: &[u8], is_end: bool) {
        if let Some((last, was_end)) = &self.last {
            // The end of an interval stands before the start of the next at the same place.
            let order = last.as_bytes().cmp(key).then(is_end.cmp(was_end));
            self.ordered &= order != Ordering::Equal && self.order.is_none_or(|known| known == order);
            self.order = Some(order);
            self.alternates &= *was_end != is_end;
        }
        self.last = Some((Data::new(key), is_end));
    }

    /// Whether a listing of a set can be shown to be all of it, on a kernel that counts.
    pub(crate) fn can_tell(info: &SetInfo) -> bool {
        // Optimized for memory, a set may be a tree whatever its flags say.
        let moves = info.flags().intersects(SetFlags::TIMEOUT | SetFlags::EVAL);
        !moves && info.policy() == SetPolicy::PERFORMANCE && info.count().is_some()
    }

    /// Whether an entry came twice; unknown where entries of a set that has an order came out of it.
    pub(crate) fn has_repeated(&mut self) -> Option<bool> {
        if let Some((_, hashes)) = &mut self.hashes {
            self.repeated |= !all_differ(std::mem::take(hashes));
        }
        (self.repeated || self.ordered).then_some(self.repeated)
    }

    /// Whether the entries are all that the set has, if nobody has committed anything since before `info` was read,
    /// after the entries the kernel counts `count`, and none has come twice. `pairs` tells whether the entries become
    /// intervals.
    pub(crate) fn is_all(&self, info: &SetInfo, count: Option<u32>, pairs: bool) -> bool {
        let Some(count) = count.filter(|_| count == info.count()).map(u64::from) else { return false };
        if !Self::can_tell(info) || self.repeated || !self.ordered {
            return false;
        }
        let flags = info.flags();
        if !flags.has_ends() {
            let is_tree = flags.contains(SetFlags::INTERVAL) && info.fields().len() < 2;
            return self.hashes.is_some() && !is_tree && self.told == count;
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
        let Some((last, is_end)) = &self.last else { return true };
        let is_lowest = if *is_end { last.as_bytes().iter().all(|&byte| byte == 0) } else { pairs };
        self.alternates && self.order == Some(Ordering::Greater) && is_lowest
    }
}
