//! What the workers of the peer benchmark share: what is to be done, with which values, and how it is measured.

mod measure;
mod parse;
mod socket;
mod task;
pub mod values;

pub use measure::{Counting, Report, Stopwatch, allocations, peak_of_children, reset_peak};
pub use parse::{attrs, messages};
pub use socket::{BUFFER, Socket};
pub use task::{Task, What};

/// The names that the set-up gives. All objects are in the family `ip`.
pub const TABLE: &str = "fw";
/// The chain of the rules.
pub const CHAIN: &str = "input";
/// The set or map of the elements.
pub const SET: &str = "s";
/// The set that nftlink's loader makes in its place.
pub const LOADED: &str = "s.1";
/// The most elements of four bytes that the list of one message holds.
pub const PER_MESSAGE: u64 = 4095;
/// Rules or elements of one pass of the measurement of encoding: they stay in the cache.
pub const PER_PASS: u64 = 100;
