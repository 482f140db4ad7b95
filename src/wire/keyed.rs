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
        Self { start: state.hash_one(0_u8), factor: state.hash_one(1_u8) }
    }

    /// Hashes bytes that stand behind those that have the hash `before`.
    #[inline]
    pub(crate) fn hash(&self, before: u64, bytes: &[u8]) -> u64 {
        let (mut hash, mut rest) = (self.start, bytes);
        while let Some((words, behind)) = rest.split_first_chunk::<16>().filter(|(_, behind)| !behind.is_empty()) {
            let (one, other) = ends(words);
            hash = fold(hash ^ one, self.factor ^ other);
            rest = behind;
        }
        let (one, other) = ends(rest);
        hash = fold(hash ^ one, self.factor ^ other);
        // What stands before comes last, so that the bytes need not wait for it.
        fold(hash ^ before, self.factor ^ bytes.len() as u64)
    }
}

/// All of up to sixteen bytes, as two numbers: different bytes of the same length have different ones.
#[inline]
fn ends(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into());
    }
    (bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0)
}

/// Things in their order, so that they can be compared with those of another time.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    hash: KeyedHash,
    count: u64,
    sum: u64,
}

impl Sequence {
    pub(crate) fn new() -> Self {
        Self { hash: KeyedHash::new(), count: 0, sum: 0 }
    }

    /// Nothing, to be compared with this one.
    pub(crate) fn again(&self) -> Self {
        Self { count: 0, sum: 0, ..*self }
    }

    /// How many things there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Notes the next thing.
    #[inline]
    pub(crate) fn note(&mut self, identity: &[u8]) {
        self.count += 1;
        self.sum = self.hash.hash(self.sum, identity);
    }

    /// Notes the next thing, by two of its parts.
    pub(crate) fn note_both(&mut self, one: &[u8], other: &[u8]) {
        self.sum = self.hash.hash(self.sum, one);
        self.note(other);
    }
}

impl PartialEq for Sequence {
    fn eq(&self, other: &Self) -> bool {
        (self.count, self.sum) == (other.count, other.sum)
    }
}

/// Both halves of a product.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Bits for each of [hashes that differ](all_differ): with more of them fewer hashes have to be compared.
const BITS_FOR_EACH: usize = 8;

/// Whether no hash is there twice. Of different things whose hashes are the same it says that they are not: that
/// happens to one pair in 2^64.
///
/// Beside the hashes it takes two to four bytes for each, since memory that is new costs as much as the work with it.
pub(crate) fn all_differ(mut hashes: Vec<u64>) -> bool {
    let bits = hashes.len().saturating_mul(BITS_FOR_EACH).max(64).next_power_of_two();
    let place = |hash: u64| ((hash as usize & (bits - 1)) / 64, 1_u64 << (hash % 64));
    let (mut once, mut twice) = (vec![0_u64; bits / 64], vec![0_u64; bits / 64]);
    for &hash in &hashes {
        let (word, bit) = place(hash);
        if let (Some(once), Some(twice)) = (once.get_mut(word), twice.get_mut(word)) {
            *twice |= *once & bit;
            *once |= bit;
        }
    }
    // Only those can be the same that have a place together.
    hashes.retain(|&hash| {
        let (word, bit) = place(hash);
        twice.get(word).is_some_and(|twice| twice & bit != 0)
    });
    hashes.sort_unstable();
    hashes.windows(2).all(|pair| pair[0] != pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_bytes_are_told_apart_and_the_same_are_known_again() {
        let hash = KeyedHash::new();
        let numbers: Vec<u64> = (0..50_000_u32).map(|n| hash.hash(0, &n.to_be_bytes())).collect();
        assert!(all_differ(numbers.clone()));
        for again in [0, 1, 31_415, 49_999] {
            assert_eq!(hash.hash(0, &(again as u32).to_be_bytes()), numbers[again]);
            assert!(!all_differ([&numbers[..], &[numbers[again]]].concat()), "{again}");
        }
        // Lengths, order and what stands before count.
        let texts: [&[u8]; 10] =
            [b"", b"\0", b"\0\0", b"aaaaaaaab", b"baaaaaaaa", b"aaaaaaaa", &[0; 8], &[0; 16], &[0; 17], &[0; 33]];
        let long = (0..40).map(|at| std::array::from_fn::<u8, 40, _>(|n| (n == at).into()));
        let short = (0..4).map(|n: u32| n.to_ne_bytes().to_vec());
        let all: Vec<Vec<u8>> = texts.map(<[u8]>::to_vec).into_iter().chain(long.map(Vec::from)).chain(short).collect();
        let of = |before| all.iter().map(move |bytes| hash.hash(before, bytes));
        assert!(all_differ((0..4).flat_map(of).collect()));
        assert_ne!(hash.hash(0, b"a"), KeyedHash::new().hash(0, b"a"), "each has keys of its own");
    }

    #[test]
    fn only_what_is_there_twice_is_found() {
        assert!(all_differ(vec![]) && all_differ(vec![0]) && !all_differ(vec![0, 0]));
        // All in one place.
        assert!(all_differ((0..1000).map(|n| n << 32).collect()));
        assert!(!all_differ((0..1000).map(|n| (n % 999) << 32).collect()));
    }

    #[test]
    fn sequences_are_the_same_by_number_and_order() {
        let first = Sequence::new();
        let with = |things: &[&[u8]]| {
            let mut sequence = first.again();
            things.iter().for_each(|thing| sequence.note(thing));
            sequence
        };
        assert!(with(&[b"a", b"b"]) == with(&[b"a", b"b"]));
        for other in [&[&b"b"[..], b"a"][..], &[b"a"], &[b"a", b"b", b"b"], &[b"ab"], &[]] {
            assert!(with(&[b"a", b"b"]) != with(other), "{other:?}");
        }
        assert_eq!(with(&[b"a", b"b"]).count(), 2);
    }

    #[test]
    fn low_bits_of_hashes_spread() {
        let hash = KeyedHash::new();
        let mut counts = [0_u32; 64];
        for n in 0..64_000_u32 {
            counts[hash.hash(0, &(n << 8).to_be_bytes()) as usize % 64] += 1;
        }
        assert!(counts.iter().all(|count| (600..1400).contains(count)), "{counts:?}");
    }
}
