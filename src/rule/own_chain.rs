//! Chains that a rule has to itself: they come and go with it.

use super::*;
use crate::wire::Name;

impl RuleBuilder {
    /// Goes on with rules in a chain of this rule's own, and after them with the next rule
    /// (`jump { … }`; Linux 5.9).
    ///
    /// Each of the rules may have sets of its own, but no chain: the kernel takes none in another. The chain goes
    /// with the rule, and nothing can be added to it later.
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::field::{ip, tcp};
    ///
    /// let ssh = [
    ///     Rule::new().when(ip::saddr().in_prefix([192, 168, 0, 0], 16)).accept(),
    ///     Rule::new().counter().drop(),
    /// ];
    /// let rule = Rule::new().when(tcp::dport().eq(22)).jump_rules(ssh);
    /// ```
    #[doc(alias = "NFT_CHAIN_BINDING")]
    pub fn jump_rules(self, rules: impl IntoIterator<Item = impl Into<Rule>>) -> Rule {
        self.own(VerdictCode::JUMP, rules)
    }

    /// Goes on with rules in a chain of this rule's own, as [`jump_rules`](Self::jump_rules) does, and does not
    /// come back (`goto { … }`; Linux 5.9).
    pub fn goto_rules(self, rules: impl IntoIterator<Item = impl Into<Rule>>) -> Rule {
        self.own(VerdictCode::GOTO, rules)
    }

    fn own(self, code: VerdictCode, rules: impl IntoIterator<Item = impl Into<Rule>>) -> Rule {
        self.end(Step::ToOwn(code, rules.into_iter().map(Into::into).collect()))
    }

    /// The rules of the chain that the rule has to itself. Nothing follows them: there is at most one.
    pub(super) fn own_rules(&self) -> Option<&[Rule]> {
        match self.steps.last() {
            Some(Step::ToOwn(_, rules)) => Some(rules),
            _ => None,
        }
    }

    /// Refuses mistakes in the rules of the chain that the rule has to itself.
    pub(super) fn check_own_rules(&self, chain: &ChainRef) -> Result<(), BuildErrorKind> {
        let own = ChainRef { table: chain.table.clone(), name: Name::from("") };
        self.own_rules().unwrap_or_default().iter().try_for_each(|rule| match rule.0.own_rules() {
            Some(_) => Err(BuildErrorKind::NestedOwnChain),
            None => rule.exprs(&own).map(drop),
        })
    }
}

/// The verdict that leads to the chain which has that number in its batch.
pub(super) fn verdict(code: VerdictCode, id: u32) -> Verdict {
    Verdict { chain_id: Some(id), ..Verdict::plain(code) }
}
