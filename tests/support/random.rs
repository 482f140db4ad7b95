//! Numbers that are as good as random, and come again if the test says the same seed.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// The seed is read from here, if it is set.
const SEED: &str = "NFTLINK_SEED";

/// A generator of numbers (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds are to differ in all bits, and zero would stay zero.
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number less than `end`.
    pub fn below(&mut self, end: u32) -> u32 {
        (((self.number() >> 32) * u64::from(end)) >> 32) as u32
    }

    /// Whether one of so many chances has come.
    pub fn one_in(&mut self, chances: u32) -> bool {
        self.below(chances) == 0
    }
}

/// What `NFTLINK_SEED` says, or another seed each time; a test prints it.
pub fn seed() -> u64 {
    let told = env::var(SEED).ok().map(|told| told.parse().expect("NFTLINK_SEED is a number"));
    told.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64 >> 10))
}
