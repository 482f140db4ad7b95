//! Fields that are side by side in a header are loaded at once and compared once, where nft does so.

use super::matching::{Match, Test};
use super::source::{Load, Tunnel};
use crate::expr::{Base, CmpOp, Data};

/// Bytes of the packet that have to be equal to a constant.
#[derive(Debug, Clone)]
pub(super) struct Compared {
    /// The tunnel that they are in.
    pub(super) tunnel: Option<Tunnel>,
    pub(super) base: Base,
    pub(super) offset: u32,
    pub(super) data: Data,
}

impl Compared {
    fn end(&self) -> u32 {
        self.offset + self.data.len() as u32
    }

    /// Whether nft takes this and what is `next` in the packet together: up to a register of 16 bytes, but not where
    /// the kernel is faster with two words.
    fn merges_with(&self, next: &Self) -> bool {
        let (len, next_len) = (self.data.len(), next.data.len());
        let total = len + next_len;
        let is_slow = self.base == Base::LINK || len > WORD || next_len > WORD;
        let place = |compared: &Self| (compared.tunnel, compared.base);
        place(self) == place(next) && self.end() == next.offset && total <= REGISTER && (total <= WORD || is_slow)
    }

    fn join(&mut self, next: &Self) {
        self.data = self.data.followed_by(&next.data);
    }
}

/// Bytes of the kernel's words, and of its registers.
const WORD: usize = 4;
const REGISTER: usize = 16;

/// How many comparisons of one run of matches are looked at; more are left as they are.
const SEEN: usize = 8;

/// What becomes of the comparisons of a run of matches: of those that are taken together, only the one whose bytes
/// come first is left.
#[derive(Debug, Default)]
pub(super) struct Plan {
    compared: [Option<Compared>; SEEN],
    count: usize,
}

impl Plan {
    /// Whether there may be something to merge: what a rule says, or what is implied about its frames.
    ///
    /// Most rules compare no header twice, which is found out in a third of the time.
    pub(super) fn is_worthwhile<'a>(matches: impl Iterator<Item = &'a Match> + Clone) -> bool {
        let (mut network, mut transport) = (false, false);
        for matching in matches.clone() {
            if matching.source.implies_comparison() {
                return true;
            }
            let Some((base, ..)) = matching.compared() else { continue };
            let seen = match base {
                Base::NETWORK => &mut network,
                Base::TRANSPORT => &mut transport,
                _ => return Self::has_neighbours(matches),
            };
            if std::mem::replace(seen, true) {
                return Self::has_neighbours(matches);
            }
        }
        false
    }

    /// The same, where two of them may be in one header.
    fn has_neighbours<'a>(matches: impl Iterator<Item = &'a Match>) -> bool {
        let mut seen = [(Base::LINK, 0, 0); SEEN];
        let mut count = 0;
        for matching in matches {
            if matching.source.implies_comparison() {
                return true;
            }
            let Some((base, start, end)) = matching.compared() else { continue };
            let beside = |&(of, from, to): &(Base, u32, u32)| of == base && (from == end || to == start);
            if base == Base::LINK || count == SEEN || seen[..count].iter().any(beside) {
                return true;
            }
            seen[count] = (base, start, end);
            count += 1;
        }
        false
    }

    /// Takes note of a comparison.
    pub(super) fn record(&mut self, compared: Compared) {
        if let Some(place) = self.compared.get_mut(self.count) {
            *place = Some(compared);
        }
        self.count += 1;
    }

    /// Takes together what is side by side, and begins anew with the first comparison.
    pub(super) fn merge(mut self) -> Self {
        let mut order: [usize; SEEN] = std::array::from_fn(|n| n);
        let key = |n: &usize| self.compared[*n].as_ref().map(|c| (c.tunnel, c.base.get(), c.offset));
        order.sort_by_key(key);
        let mut first: Option<usize> = None;
        for n in order {
            let Some(this) = self.compared[n].take() else { continue };
            match first.and_then(|first| self.compared[first].as_mut()) {
                Some(before) if before.merges_with(&this) => before.join(&this),
                _ => {
                    self.compared[n] = Some(this);
                    first = Some(n);
                }
            }
        }
        self.count = 0;
        self
    }

    /// What is left of the next comparison, if anything is.
    pub(super) fn next(&mut self, compared: Compared) -> Option<Compared> {
        let planned = self.compared.get_mut(self.count).map(Option::take);
        self.count += 1;
        planned.unwrap_or(Some(compared))
    }
}

impl Match {
    /// Where the bytes begin and end that have to be equal to a constant.
    #[inline]
    fn compared(&self) -> Option<(Base, u32, u32)> {
        match (&self.source.load, &self.test) {
            (Load::Payload { base, offset, .. }, Test::Cmp { op: CmpOp::EQ, data, swap: false })
                if self.source.is_plain() =>
            {
                Some((*base, (*offset).into(), u32::from(*offset) + data.len() as u32))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(base: Base, offset: u32, bytes: &[u8]) -> Compared {
        Compared { tunnel: None, base, offset, data: Data::new(bytes) }
    }

    /// Where each comparison begins and ends that is left, in the order of the rule.
    fn left(all: &[Compared]) -> Vec<Option<(u32, u32)>> {
        let mut plan = Plan::default();
        all.iter().for_each(|compared| plan.record(compared.clone()));
        let mut plan = plan.merge();
        all.iter().map(|compared| plan.next(compared.clone()).map(|left| (left.offset, left.end()))).collect()
    }

    #[test]
    fn what_is_side_by_side_is_where_the_first_bytes_are_compared() {
        let (sport, dport) = (compared(Base::TRANSPORT, 0, &[0, 1]), compared(Base::TRANSPORT, 2, &[0, 2]));
        assert_eq!(left(&[sport.clone(), dport.clone()]), [Some((0, 4)), None]);
        assert_eq!(left(&[dport.clone(), sport.clone()]), [None, Some((0, 4))]);
        let mut plan = Plan::default();
        plan.record(dport.clone());
        plan.record(sport.clone());
        let mut plan = plan.merge();
        assert!(plan.next(dport).is_none());
        assert_eq!(plan.next(sport).unwrap().data.as_bytes(), [0, 1, 0, 2]);
    }

    #[test]
    fn words_that_the_kernel_compares_fast_are_left_alone() {
        let at = |base, offset, len: usize| compared(base, offset, &vec![1; len]);
        let (network, link) = (Base::NETWORK, Base::LINK);
        assert_eq!(left(&[at(network, 12, 4), at(network, 16, 4)]), [Some((12, 16)), Some((16, 20))]);
        assert_eq!(left(&[at(link, 0, 6), at(link, 6, 6), at(link, 12, 2)]), [Some((0, 14)), None, None]);
        // Beyond a register, of another base, not side by side, the same twice.
        assert_eq!(left(&[at(network, 8, 16), at(network, 24, 16)]), [Some((8, 24)), Some((24, 40))]);
        assert_eq!(left(&[at(network, 0, 2), at(link, 2, 2)]), [Some((0, 2)), Some((2, 4))]);
        assert_eq!(left(&[at(network, 0, 2), at(network, 3, 1)]), [Some((0, 2)), Some((3, 4))]);
        assert_eq!(left(&[at(network, 0, 2), at(network, 0, 2)]), [Some((0, 2)), Some((0, 2))]);
    }

    #[test]
    fn more_comparisons_than_are_looked_at_are_left_alone() {
        let all: Vec<_> = (0..20).map(|n| compared(Base::NETWORK, n, &[1])).collect();
        let left = left(&all);
        assert_eq!(left[..9], [Some((0, 4)), None, None, None, Some((4, 8)), None, None, None, Some((8, 9))]);
        assert!(left[9..].iter().all(Option::is_some));
    }
}
