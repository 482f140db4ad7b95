//! How a property is tried.

use std::env;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use crate::support;

/// Tries `holds`, which panics if it does not, with `count` values, or with as many as `PROPTEST_CASES` says.
///
/// # Panics
///
/// With the smallest value that was found for which it does not hold.
#[track_caller]
pub(crate) fn check<S: Strategy>(count: usize, values: S, holds: impl Fn(S::Value)) {
    let mut config = Config { rng_seed: RngSeed::Fixed(seed()), failure_persistence: None, ..Config::default() };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = u32::try_from(support::times(count)).expect("a small number");
    }
    if env::var_os("PROPTEST_MAX_SHRINK_ITERS").is_none() {
        // The default, four for each case, is too few where there are few cases.
        config.max_shrink_iters = 600;
    }
    let outcome = TestRunner::new(config).run(&values, |value| {
        holds(value);
        Ok(())
    });
    let Err(error) = outcome else { return };
    // Each smaller value panicked, too.
    support::forget_panics();
    match error {
        TestError::Fail(why, value) => {
            panic!("{why}\nthe smallest that was found: {value:#?}\nagain: PROPTEST_RNG_SEED={}", seed())
        }
        TestError::Abort(why) => panic!("too few values: {why}"),
    }
}

/// Says how to have the same values again.
pub(crate) fn tell_seed() {
    eprintln!("PROPTEST_RNG_SEED={}", seed());
}

/// The same in each run that says nothing: a test that fails for the first time is one that somebody broke.
fn seed() -> u64 {
    env::var("PROPTEST_RNG_SEED").map_or(8, |seed| seed.parse().expect("PROPTEST_RNG_SEED is a number"))
}
