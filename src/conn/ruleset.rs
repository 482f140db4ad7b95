//! Reading the whole ruleset.

use super::Conn;
use super::kinds::{self, Kind};
use super::queries::{TableScope, about, read_entries};
use crate::chain::{ChainInfo, NFT_MSG_NEWCHAIN};
use crate::error::Error;
use crate::ruleset::{Reading, Ruleset};
use crate::set::SetInfo;
use crate::table::NFT_MSG_NEWTABLE;

/// What is asked for, in an order in which each knows what it is in.
const KINDS: [Kind; 6] = [kinds::TABLES, kinds::CHAINS, kinds::RULES, kinds::SETS, kinds::OBJECTS, kinds::FLOWTABLES];

impl Conn {
    /// Reads all tables (`..`), those of a family, or one, with all that is in them, at one generation.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nftlink::Error> {
    /// use nftlink::{Batch, Conn};
    ///
    /// let mut conn = Conn::open()?;
    /// let ruleset = conn.ruleset(..)?;
    /// // Delete all of it and make it anew, in one step, if nobody changed it meanwhile.
    /// let mut batch = Batch::new();
    /// batch.flush_ruleset().add_ruleset(&ruleset);
    /// conn.commit_at(ruleset.generation(), &batch)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [Reading](#reading).
    pub fn ruleset<'a>(&mut self, scope: impl Into<TableScope<'a>>) -> Result<Ruleset, Error> {
        let scope = scope.into().0;
        let what = || scope.describe("contents");
        let reading = self.link.consistent_listings(|link| {
            let (mut reading, mut whole) = (Reading::default(), true);
            for kind in KINDS {
                // One table is asked for by its name: an absent one is an error.
                let named = scope.container().filter(|_| kind.new == NFT_MSG_NEWTABLE);
                let (query, asked) = match named {
                    Some((query, table)) => (query, table),
                    None => (kind.query(scope.family(), |w| scope.write(w)), scope.describe(kind.what)),
                };
                whole &= kind.read(link, &query, &|| asked.clone(), &mut |family, attrs| {
                    if kind.new == NFT_MSG_NEWCHAIN && !scope.has(ChainInfo::decode(family, attrs)?.table()) {
                        return Ok(()); // The kernel lists the chains of all tables, whichever is named.
                    }
                    Ok(reading.take(kind.new, family, attrs)?)
                })?;
            }
            let sets: Vec<SetInfo> = reading.sets().cloned().collect();
            for set in sets {
                let (entries, unmoved) = read_entries(link, &set, false)?;
                *reading.entries(set.at())? = entries;
                whole &= unmoved;
            }
            Ok((reading, whole))
        });
        let (reading, generation) = reading.map_err(|error| about(error, &what))?;
        Ok(reading.finish(generation))
    }
}
