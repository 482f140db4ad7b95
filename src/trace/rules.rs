//! The rules that traced packets pass, read once for each generation of the ruleset.

use std::collections::HashMap;
use std::sync::Arc;

use super::event::TraceEvent;
use crate::chain::ChainRef;
use crate::conn::Conn;
use crate::error::Error;
use crate::rule::{RuleHandle, RuleInfo};
use crate::ruleset::Generation;

/// How many rules are kept: those of a large ruleset that packets match.
const KEPT: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Rules {
    generation: Option<Generation>,
    known: HashMap<(ChainRef, RuleHandle), Option<Arc<RuleInfo>>>,
}

impl Rules {
    pub(super) fn get(&mut self, conn: &mut Conn, event: &TraceEvent) -> Result<Option<Arc<RuleInfo>>, Error> {
        let Some(handle) = event.rule() else { return Ok(None) };
        let generation = conn.generation()?;
        // Tables go with their owners without a new generation; what is in them is told no more either.
        if self.generation != Some(generation) || self.known.len() >= KEPT {
            self.known.clear();
            self.generation = Some(generation);
        }
        let key = (event.chain().clone(), handle);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let rule = match conn.rule(event.chain(), handle) {
            Ok(rule) => Some(Arc::new(rule)),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        self.known.insert(key, rule.clone());
        Ok(rule)
    }
}
