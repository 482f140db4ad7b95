//! Rules in a form in which what was sent and what was read can be compared.

use super::*;
use crate::error::DecodeError;
use crate::expr::{Cmp, CmpOp, Data, Payload, Value};
use crate::set::Contents;
use crate::wire::Name;

/// A rule in a form in which one that was sent and one that was read are equal if they do the same:
/// without the numbers of registers, without what was counted, without what the kernel adds.
///
/// Comments and owners are not part of it, nor the place of the rule. The sets and the chain that a rule has
/// to itself are compared by what is in them: [`Conn::normalized`](crate::Conn::normalized) reads
/// them for a rule of the kernel's.
///
/// ```
/// use nftlink::field::tcp;
/// use nftlink::{Rule, Table};
///
/// let input = Table::inet("fw").chain("input");
/// let rule = |port: u16| Rule::new().when(tcp::dport().eq(port)).counter().accept();
/// assert_eq!(rule(22).normalized(&input), rule(22).comment("ssh").normalized(&input));
/// assert_ne!(rule(22).normalized(&input), rule(23).normalized(&input));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NormalizedRule {
    exprs: Vec<Expr>,
    /// What is in the sets that the rule has to itself, in the order of its lookups.
    sets: Vec<Contents>,
    /// The rules of the chains that the rule has to itself, in the order of its verdicts.
    chains: Vec<Vec<NormalizedRule>>,
    /// What this library does not know of the rule makes it another one.
    unknown: Option<Box<[u8]>>,
}

/// The name that every set and chain of a rule's own has here.
const OWN: &str = "__own";

impl NormalizedRule {
    /// Returns the expressions. The sets and the chain that the rule has to itself are all named `__own`, if
    /// they are known.
    pub fn exprs(&self) -> &[Expr] {
        &self.exprs
    }

    fn new(exprs: Vec<Expr>) -> Self {
        let mut exprs = exprs;
        exprs.iter_mut().for_each(Expr::normalize);
        Self { exprs: joined(exprs), sets: Vec::new(), chains: Vec::new(), unknown: None }
    }

    /// Takes what is in the sets for which `contents` knows it, by their names.
    pub(crate) fn resolve(&mut self, mut contents: impl FnMut(&Name) -> Option<Contents>) {
        for set in self.exprs.iter_mut().filter_map(set_of_mut) {
            if let Some(found) = contents(set) {
                self.sets.push(found);
                *set = Name::from(OWN);
            }
        }
    }

    /// Takes the rules of the chains for which `rules` knows them, by their names.
    pub(crate) fn resolve_chains(&mut self, mut rules: impl FnMut(&Name) -> Option<Vec<Self>>) {
        for chain in self.exprs.iter_mut().filter_map(chain_of_mut) {
            if let Some(found) = chain.as_ref().and_then(&mut rules) {
                self.chains.push(found);
                *chain = Some(Name::from(OWN));
            }
        }
    }

    /// The names of the chains that its verdicts lead to.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = &Name> {
        self.exprs.iter().filter_map(|expr| match expr {
            Expr::Immediate(Immediate { value: Value::Verdict(verdict), .. }) => verdict.chain.as_ref(),
            _ => None,
        })
    }

    /// Whether it can be the same as another one, whatever is in the sets and chains that they lead to.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let anywhere = |expr: &Expr| {
            let mut expr = expr.clone();
            if let Some(set) = set_of_mut(&mut expr) {
                *set = Name::from(OWN);
            }
            if let Some(chain) = chain_of_mut(&mut expr) {
                *chain = Some(Name::from(OWN));
            }
            expr
        };
        self.exprs.len() == other.exprs.len()
            && self.unknown == other.unknown
            && self.exprs.iter().zip(&other.exprs).all(|(a, b)| a == b || anywhere(a) == anywhere(b))
    }

    /// The names of the sets that it looks into.
    pub(crate) fn lookups(&self) -> impl Iterator<Item = &Name> {
        self.exprs.iter().filter_map(|expr| match expr {
            Expr::Lookup(lookup) => Some(&lookup.set),
            Expr::Objref(Objref { map: Some((_, set)), .. }) => Some(set),
            _ => None,
        })
    }
}

/// The set or map that an expression looks into.
fn set_of_mut(expr: &mut Expr) -> Option<&mut Name> {
    match expr {
        Expr::Lookup(lookup) => Some(&mut lookup.set),
        Expr::Objref(Objref { map: Some((_, set)), .. }) => Some(set),
        _ => None,
    }
}

/// The chain that an expression leads to, if it leads to one.
fn chain_of_mut(expr: &mut Expr) -> Option<&mut Option<Name>> {
    match expr {
        Expr::Immediate(Immediate { value: Value::Verdict(verdict), .. }) => {
            matches!(verdict.code, VerdictCode::JUMP | VerdictCode::GOTO).then_some(&mut verdict.chain)
        }
        _ => None,
    }
}

/// Joins comparisons of bytes that lie side by side: nft compares some fields together that are
/// compared one by one here.
fn joined(exprs: Vec<Expr>) -> Vec<Expr> {
    let mut joined: Vec<Expr> = Vec::with_capacity(exprs.len());
    for expr in exprs {
        joined.push(expr);
        let [.., Expr::Payload(before), Expr::Cmp(had), Expr::Payload(after), Expr::Cmp(has)] = joined.as_mut_slice()
        else {
            continue;
        };
        let plain = is_comparison(before, had) && is_comparison(after, has);
        if !plain || before.base != after.base || before.dreg != after.dreg {
            continue;
        }
        let (first, second) = if before.offset + before.len == after.offset {
            (had.data.as_bytes(), has.data.as_bytes())
        } else if after.offset + after.len == before.offset {
            (has.data.as_bytes(), had.data.as_bytes())
        } else {
            continue;
        };
        had.data = Data::new(&[first, second].concat());
        before.offset = before.offset.min(after.offset);
        before.len += after.len;
        joined.truncate(joined.len() - 2);
    }
    joined
}

/// Whether bytes are loaded and compared for equality, all of them.
fn is_comparison(load: &Payload, cmp: &Cmp) -> bool {
    load.sreg.is_none()
        && load.dreg == Some(cmp.sreg)
        && cmp.op == CmpOp::EQ
        && cmp.data.len() == load.len as usize
        && load.offset.checked_add(load.len).is_some()
}

impl RuleBuilder {
    /// Returns the rule in a form in which it can be compared with one that was read.
    ///
    /// # Errors
    ///
    /// The first mistake in the rule.
    pub fn normalized(&self, chain: impl AsRef<ChainRef>) -> Result<NormalizedRule, BuildErrorKind> {
        let chain = chain.as_ref();
        let mut rule = NormalizedRule::new(self.exprs(chain)?);
        rule.unknown = self.rest.as_ref().and_then(|rest| rest.unknown.clone());
        let mut own = self.own_sets_in_order().into_iter().filter_map(|set| set.contents());
        // No set of a table's has a `%` in its name.
        rule.resolve(|name| if name.as_bytes().contains(&b'%') { own.next() } else { None });
        if let Some(rules) = self.own_rules() {
            rule.chains = vec![rules.iter().map(|rule| rule.normalized(chain)).collect::<Result<_, _>>()?];
            if let Some(to) = rule.exprs.last_mut().and_then(chain_of_mut) {
                *to = Some(Name::from(OWN));
            }
        }
        Ok(rule)
    }
}

impl Rule {
    /// Returns the rule in a form in which it can be compared with one that was read.
    ///
    /// # Errors
    ///
    /// The first mistake in the rule.
    pub fn normalized(&self, chain: impl AsRef<ChainRef>) -> Result<NormalizedRule, BuildErrorKind> {
        self.0.normalized(chain)
    }
}

impl RuleInfo {
    /// Returns the rule in a form in which it can be compared with one that was sent. One that has
    /// sets or a chain to itself needs [`Conn::normalized`](crate::Conn::normalized).
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the kernel's bytes make no sense.
    pub fn normalized(&self) -> Result<NormalizedRule, DecodeError> {
        let exprs = self.exprs().map(|expr| expr.map(|expr| expr.comparable()));
        let mut rule = exprs.collect::<Result<_, _>>().map(NormalizedRule::new)?;
        rule.unknown = Some(self.unknown()).filter(|unknown| !unknown.is_empty());
        Ok(rule)
    }
}
