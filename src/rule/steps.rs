//! The steps of a rule, in memory that was that of the rule before.

use std::cell::Cell;
use std::ops::Deref;

use super::Step;

/// The steps of a rule.
///
/// A program that makes rules for batches makes one after another: each takes the memory that the one before has
/// left to its thread, and asks the allocator for none.
#[derive(Debug, Default)]
pub(super) struct Steps(Vec<Step>);

/// Steps that a rule has room for from the beginning.
const USUAL: usize = 8;
/// The memory of more is given back.
const KEPT: usize = 64;

thread_local! {
    static SPARE: Cell<Vec<Step>> = const { Cell::new(Vec::new()) };
}

impl Steps {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    // A step is written to its place where the rule is made, and not copied there.
    #[inline(always)]
    pub(super) fn push(&mut self, step: Step) {
        if self.0.capacity() == 0 {
            self.begin();
        }
        self.0.push(step);
    }

    #[inline(never)]
    fn begin(&mut self) {
        // A thread that ends has none any more.
        self.0 = SPARE.try_with(Cell::take).unwrap_or_default();
        if self.0.capacity() == 0 {
            self.0.reserve(USUAL);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Step> {
        self.0.pop()
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        let mut steps = std::mem::take(&mut self.0);
        steps.clear();
        if (1..=KEPT).contains(&steps.capacity()) {
            let _ = SPARE.try_with(|spare| spare.set(steps));
        }
    }
}

impl Clone for Steps {
    fn clone(&self) -> Self {
        self.iter().cloned().collect()
    }
}

impl FromIterator<Step> for Steps {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl Deref for Steps {
    type Target = [Step];

    #[inline]
    fn deref(&self) -> &[Step] {
        &self.0
    }
}
