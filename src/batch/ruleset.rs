//! Writing a whole ruleset.

use std::collections::HashMap;

use super::Batch;
use crate::chain::ChainFlags;
use crate::expr::{Expr, Immediate, Value};
use crate::rule::RuleInfo;
use crate::ruleset::{Ruleset, TableContents};
use crate::set::Entry;
use crate::wire::Name;

impl Batch {
    /// Adds the tables of a ruleset that was read, with all that is in them, in an order that the kernel
    /// takes. Names stay, those of sets and chains that a rule has to itself included: the tables have to be
    /// new, or empty, as after [`flush_ruleset`](Self::flush_ruleset) or [`reset`](Self::reset).
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
        table.chains().iter().for_each(|chain| _ = self.add(chain));
        for set in table.sets().iter().filter(|set| !set.entries().is_empty()) {
            self.add_entries(set.info(), set.entries().iter().map(Entry::from));
        }
        rules_in_order(table).into_iter().for_each(|rule| _ = self.append(rule.chain(), rule));
    }
}

/// The rules of a table, those of a chain that belongs to a rule before that rule: the kernel lets
/// nobody change such a chain once it is bound.
fn rules_in_order(table: &TableContents) -> Vec<&RuleInfo> {
    let bound = table.chains().iter().filter(|chain| chain.flags().contains(ChainFlags::BINDING));
    let mut bound: HashMap<&[u8], Vec<&RuleInfo>> = bound.map(|chain| (chain.name().as_bytes(), Vec::new())).collect();
    let mut stack = Vec::new();
    for rule in table.rules().iter().rev() {
        match bound.get_mut(rule.chain().name().as_bytes()) {
            Some(rules) => rules.push(rule),
            None => stack.push(rule),
        }
    }
    let mut ordered = Vec::with_capacity(table.rules().len());
    loop {
        while let Some(rule) = stack.last() {
            let chains = (!bound.is_empty()).then(|| chains_of(rule)).into_iter().flatten();
            match { chains }.find_map(|chain| bound.remove(chain.as_bytes())) {
                Some(rules) => stack.extend(rules),
                None => ordered.extend(stack.pop()),
            }
        }
        // What is in a chain that no rule leads to is for the kernel to refuse.
        let Some(chain) = bound.keys().next().copied() else { return ordered };
        stack.extend(bound.remove(chain).into_iter().flatten());
    }
}

/// The chains that a rule jumps or goes to.
fn chains_of(rule: &RuleInfo) -> impl Iterator<Item = Name> {
    rule.exprs().filter_map(Result::ok).filter_map(|expr| match expr.forget_unknown() {
        Expr::Immediate(Immediate { value: Value::Verdict(verdict), .. }) => verdict.chain,
        _ => None,
    })
}
