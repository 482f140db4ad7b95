//! Writing a whole ruleset.

use std::collections::HashMap;

use super::Batch;
use crate::chain::{ChainFlags, ChainInfo};
use crate::error::DecodeError;
use crate::expr::{Expr, Immediate, Value};
use crate::rule::{Rule, RuleInfo};
use crate::ruleset::{Ruleset, TableContents};
use crate::set::Entry;
use crate::wire::Name;

impl Batch {
    /// Adds the tables of a ruleset that was read, with all that is in them, in an order that the kernel
    /// takes. Names stay, but for those that the kernel gives to chains of a rule's own: the tables have to be new, or
    /// empty, as after [`flush_ruleset`](Self::flush_ruleset) or [`reset`](Self::reset).
    ///
    /// Counters go on from what they had counted, quotas from what was used up, and elements stay for
    /// what was left of their timeout. Handles are new.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nftlink::Error> {
    /// # let mut conn = nftlink::Conn::open()?;
    /// use nftlink::{Batch, Table};
    ///
    /// let fw = Table::inet("fw");
    /// let before = conn.ruleset(&fw)?;
    /// // … and later, to have it as it was:
    /// let mut batch = Batch::new();
    /// batch.delete(&fw).add_ruleset(&before);
    /// conn.commit(&batch)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn add_ruleset(&mut self, ruleset: &Ruleset) -> &mut Self {
        ruleset.tables().iter().for_each(|table| self.add_contents(table));
        self
    }

    fn add_contents(&mut self, table: &TableContents) {
        self.add(table.info());
        table.flowtables().iter().for_each(|flowtable| _ = self.add(flowtable));
        table.objects().iter().for_each(|object| _ = self.add(object));
        table.sets().iter().for_each(|set| _ = self.add(set.info()));
        table.chains().iter().filter(|chain| !is_own(chain)).for_each(|chain| _ = self.add(chain));
        for set in table.sets().iter().filter(|set| !set.entries().is_empty()) {
            self.add_entries(set.info(), set.entries().iter().map(Entry::from));
        }
        let own = table.chains().iter().filter(|chain| is_own(chain)).map(|chain| (chain.name(), Vec::new()));
        let mut own: HashMap<&Name, Vec<&RuleInfo>> = own.collect();
        let mut others = Vec::with_capacity(table.rules().len());
        for rule in table.rules() {
            own.get_mut(rule.chain().name()).unwrap_or(&mut others).push(rule);
        }
        for rule in others {
            // The kernel has one rule for each, and takes no other.
            let inside = if own.is_empty() { None } else { target(rule).and_then(|chain| own.remove(&chain)) };
            match inside.map(|inside| with_own_rules(rule, &inside)) {
                Some(Ok(whole)) => self.append(rule.chain(), whole),
                // What makes no sense is for the kernel to refuse.
                None | Some(Err(_)) => self.append(rule.chain(), rule),
            };
        }
    }
}

/// Whether a chain belongs to the rule that leads to it.
fn is_own(chain: &ChainInfo) -> bool {
    chain.flags().contains(ChainFlags::BINDING)
}

/// The chain that a rule jumps or goes to.
fn target(rule: &RuleInfo) -> Option<Name> {
    rule.exprs().filter_map(Result::ok).find_map(|expr| match expr.forget_unknown() {
        Expr::Immediate(Immediate { value: Value::Verdict(verdict), .. }) => verdict.chain,
        _ => None,
    })
}

fn with_own_rules(rule: &RuleInfo, inside: &[&RuleInfo]) -> Result<Rule, DecodeError> {
    let inside: Result<Vec<Rule>, DecodeError> = inside.iter().map(|rule| rule.to_rule()).collect();
    rule.with_own_rules(inside?)
}
