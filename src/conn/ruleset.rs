//! Reading the whole ruleset.

use super::Conn;
use super::queries::{TableScope, about, read_entries};
use crate::chain::{ChainInfo, NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN};
use crate::engine::Query;
use crate::error::Error;
use crate::flowtable::{NFT_MSG_GETFLOWTABLE, NFT_MSG_NEWFLOWTABLE};
use crate::object::{NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ};
use crate::rule::{NFT_MSG_GETRULE, NFT_MSG_NEWRULE};
use crate::ruleset::{Reading, Ruleset};
use crate::set::{NFT_MSG_GETSET, NFT_MSG_NEWSET, SetRef};
use crate::table::{NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE};

/// What is asked for, in an order in which each knows what it is in.
const KINDS: [(u16, u16, &str); 6] = [
    (NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, "tables"),
    (NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, "chains"),
    (NFT_MSG_GETRULE, NFT_MSG_NEWRULE, "rules"),
    (NFT_MSG_GETSET, NFT_MSG_NEWSET, "sets"),
    (NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ, "objects"),
    (NFT_MSG_GETFLOWTABLE, NFT_MSG_NEWFLOWTABLE, "flowtables"),
];

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
        let reading = self.link.consistent_listings(|link, strict| {
            let (mut reading, mut whole) = (Reading::default(), true);
            for (get, new, kinds) in KINDS {
                // One table is asked for by its name: an absent one is an error.
                let named = scope.container().filter(|_| get == NFT_MSG_GETTABLE);
                let query = match named {
                    Some((query, _)) => query,
                    None => Query::new(get, new, scope.family(), true, |w| scope.write(w)),
                };
                whole &= link.query(&query, &|| scope.describe(kinds), &mut |family, attrs| {
                    if get == NFT_MSG_GETCHAIN && !scope.has(ChainInfo::decode(family, attrs)?.table()) {
                        return Ok(()); // The kernel lists the chains of all tables, whichever is named.
                    }
                    Ok(reading.take(new, family, attrs)?)
                })?;
            }
            let sets: Vec<SetRef> = reading.sets().map(|set| set.at().clone()).collect();
            for at in sets {
                let (entries, unmoved) = read_entries(link, &at, strict)?;
                *reading.entries(&at)? = entries;
                whole &= unmoved;
            }
            Ok((reading, whole))
        });
        let (reading, generation) = reading.map_err(|error| about(error, &what))?;
        Ok(reading.finish(generation))
    }
}
