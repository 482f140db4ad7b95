//! Many readings at one generation.

use super::Conn;
use crate::engine::ATTEMPTS;
use crate::error::Error;
use crate::ruleset::Generation;

/// Gives a snapshot up when the reading of it panics.
struct Inside<'a>(&'a mut Conn);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.link.leave_snapshot();
    }
}

/// # Snapshots
impl Conn {
    /// Reads by `read` until all of it is of one generation, which is returned with it: so it can be
    /// [committed at](Self::commit_at).
    ///
    /// Within it everything reads as elsewhere, streams and other snapshots too, but nothing is begun again by
    /// itself: `read` is, from its beginning, and so should have no effect but what it returns. It may be begun up to
    /// 64 times. What changes something is refused ([`Error::InSnapshot`]).
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nftlink::Error> {
    /// use nftlink::datum::Mark;
    /// use nftlink::{Batch, Conn, Set, Table, object};
    ///
    /// let fw = Table::inet("fw");
    /// let (input, marks, web) = (fw.chain("input"), Set::<Mark>::new(&fw, "marks"), object::Counter::named(&fw, "web"));
    /// let mut conn = Conn::open()?;
    /// let ((rules, marked, web), generation) =
    ///     conn.snapshot(|conn| Ok((conn.rules(&input)?, conn.elements(&marks)?, conn.counter(&web)?)))?;
    /// if rules.is_empty() {
    ///     let mut batch = Batch::new();
    ///     batch.delete(&input);
    ///     conn.commit_at(generation, &batch)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - What `read` returns, if the ruleset did not change meanwhile.
    /// - [`Error::Inconsistent`] if it did during each of many attempts.
    pub fn snapshot<R>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<R, Error>,
    ) -> Result<(R, Generation), Error> {
        if let Some(generation) = self.link.in_snapshot() {
            return Ok((read(self)?, Generation::from_raw(generation)));
        }
        for _ in 0..ATTEMPTS {
            let Some(generation) = self.link.begin_snapshot()? else { continue };
            let inside = Inside(self);
            let result = read(inside.0);
            if inside.0.link.end_snapshot()? {
                return Ok((result?, Generation::from_raw(generation)));
            }
        }
        Err(Error::Inconsistent { attempts: ATTEMPTS })
    }
}
