//! Chains that a rule has to itself: they come and go with it.

use super::*;
use crate::error::DecodeError;
use crate::expr::Value;
use crate::wire::Name;

impl RuleBuilder {
    /// Goes on with rules in a chain of this rule's own, and after them with the next rule
    /// (`jump { … }`; Linux 5.9).
    ///
    /// Each of the rules may have sets of its own, but no chain: the kernel takes none in another. The chain goes
    /// with the rule, and nothing can be added to it later.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use nftlink::Rule;
    /// use nftlink::field::{ip, tcp};
    ///
    /// let ssh = [
    ///     Rule::new().when(ip::saddr().in_prefix(Ipv4Addr::new(192, 168, 0, 0), 16)).accept(),
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

impl RuleInfo {
    /// Returns the rule to be made again, with a chain of its own: that of those rules in place of the one to which
    /// it leads, which was its own, too.
    ///
    /// The name which the kernel gave to that chain had better not be given again: the kernel numbers such chains on
    /// without a look at those there are, and would one day have two of one name.
    ///
    /// ```
    /// # use nftlink::{Batch, Chain, ChainRef, Conn, Rule, RuleInfo, Table};
    /// # fn copy(conn: &mut Conn, rule: &RuleInfo, own: &ChainRef, batch: &mut Batch) -> Result<(), nftlink::Error> {
    /// let inside: Vec<Rule> = conn.rules(own)?.iter().map(|rule| rule.to_rule()).collect::<Result<_, _>>()?;
    /// batch.append(Table::inet("copy").chain("input"), rule.with_own_rules(inside)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the kernel's bytes make no sense, or the rule does not end with what leads to a chain.
    pub fn with_own_rules(&self, rules: impl IntoIterator<Item = impl Into<Rule>>) -> Result<Rule, DecodeError> {
        self.to_rule()?.leading_to(rules)
    }

    /// Returns the rule to be made again, perhaps changed. Attributes that this library does not know stay.
    ///
    /// It refers to all sets and chains by their names; one
    /// that has some to itself comes with them from [`TableContents::to_rule`](crate::ruleset::TableContents::to_rule).
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the kernel's bytes make no sense.
    pub fn to_rule(&self) -> Result<Rule, DecodeError> {
        self.to_rule_with(|_| None)
    }
}

impl Rule {
    /// The rule with a chain of its own in place of the one to which it leads.
    pub(crate) fn leading_to(self, rules: impl IntoIterator<Item = impl Into<Self>>) -> Result<Self, DecodeError> {
        let Self(mut rule) = self;
        let code = match rule.steps.pop() {
            Some(Step::Kept(info)) if info.has_unknown() => {
                return Err(DecodeError::new("rule", "what leads to its chain has more than is known here"));
            }
            Some(Step::Kept(info)) => leads(info.get()),
            _ => None,
        };
        code.map(|code| rule.own(code, rules)).ok_or(DecodeError::new("rule", "it leads to no chain"))
    }
}

/// How an expression leads to another chain, if it does.
fn leads(expr: &Expr) -> Option<VerdictCode> {
    match expr {
        Expr::Immediate(Immediate { value: Value::Verdict(verdict), .. }) => {
            matches!(verdict.code, VerdictCode::JUMP | VerdictCode::GOTO).then_some(verdict.code)
        }
        _ => None,
    }
}

/// The verdict that leads to the chain which has that number in its batch.
pub(super) fn verdict(code: VerdictCode, id: u32) -> Verdict {
    Verdict { chain_id: Some(id), ..Verdict::plain(code) }
}
