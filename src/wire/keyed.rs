//! A fast keyed hash, for telling things apart that somebody else chooses.

use std::hash::{BuildHasher, RandomState};

/// A hash whose keys nobody else knows: nobody can choose bytes that have the same. It is no protection where
/// the hashes can be seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedHash {
    start: u64,
    factor: u64,
}

impl KeyedHash {
    pub(crate) fn new() -> Self {
        let state = RandomState::new();
        // An even factor would lose a bit.
        Self { start: state.hash_one(0_u8), factor: state.hash_one(1_u8) | 1 }
    }

    /// Hashes bytes that stand behind those that have the hash `before`.
    #[inline]
    pub(crate) fn hash(&self, before: u64, bytes: &[u8]) -> u64 {
        let mut hash = self.start ^ before;
        let mut rest = bytes;
        while let Some((word, behind)) = rest.split_first_chunk() {
            hash = fold(hash ^ u64::from_ne_bytes(*word), self.factor);
            rest = behind;
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        hash = fold(hash ^ u64::from_ne_bytes(last), self.factor);
        fold(hash ^ bytes.len() as u64, self.factor)
    }
}

/// Both halves of a product.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Things of which none may come twice, by their hashes: eight bytes for each, and as much room again.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    /// A power of two of them, of which at most half are used; those that are not are zero.
    slots: Vec<u64>,
    used: usize,
}

impl Distinct {
    /// Has room for about so many.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { slots: vec![0; count.saturating_mul(2).max(16).next_power_of_two()], used: 0 }
    }

    /// Notes a thing by its hash, and returns whether it is another one than all before. Of different ones whose
    /// hashes are the same it says that they are not: that happens to one pair in 2^64.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64) -> bool {
        if self.used * 2 >= self.slots.len() {
            let larger = Self::with_capacity(self.slots.len());
            let old = std::mem::replace(self, larger);
            for hash in old.slots.into_iter().filter(|&hash| hash != 0) {
                self.put(hash);
            }
        }
        self.put(hash.max(1))
    }

    #[inline]
    fn put(&mut self, hash: u64) -> bool {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots.get_mut(at) {
                Some(slot) if *slot == 0 => {
                    *slot = hash;
                    self.used += 1;
                    return true;
                }
                Some(slot) if *slot == hash => return false,
                _ => at = (at + 1) & mask,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_bytes_are_told_apart_and_the_same_are_known_again() {
        let (hash, mut seen) = (KeyedHash::new(), Distinct::default());
        for n in 0..50_000_u32 {
            assert!(seen.insert(hash.hash(0, &n.to_be_bytes())), "{n}");
        }
        for n in 0..50_000_u32 {
            assert!(!seen.insert(hash.hash(0, &n.to_be_bytes())), "{n}");
        }
        // Lengths, order and what stands before count.
        let all: [&[u8]; 8] = [b"", b"\0", b"\0\0", b"aaaaaaaab", b"baaaaaaaa", b"aaaaaaaa", &[0; 8], &[0; 16]];
        let mut seen = Distinct::with_capacity(0);
        for before in 0..4 {
            assert!(all.iter().all(|bytes| seen.insert(hash.hash(before, bytes))));
            assert!(!all.iter().any(|bytes| seen.insert(hash.hash(before, bytes))));
        }
        assert!(seen.insert(0) && !seen.insert(0));
        assert_ne!(hash.hash(0, b"a"), KeyedHash::new().hash(0, b"a"), "each has keys of its own");
    }

    #[test]
    fn hashes_spread_over_the_table() {
        let hash = KeyedHash::new();
        let mut counts = [0_u32; 64];
        for n in 0..64_000_u32 {
            counts[hash.hash(0, &(n << 8).to_be_bytes()) as usize % 64] += 1;
        }
        assert!(counts.iter().all(|count| (600..1400).contains(count)), "{counts:?}");
    }
}
