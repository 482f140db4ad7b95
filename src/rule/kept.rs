//! Rules that were read, to be written again with what they have to themselves.

use super::*;
use crate::error::DecodeError;
use crate::expr::{Dynset, Lookup};
use crate::set::{Contents, ElementInfo, Entry, SetFlags, SetInfo, UntypedSet};
use crate::table::TableRef;
use crate::wire::Name;

/// A set that a rule which was read has to itself.
#[derive(Debug, Clone)]
pub(crate) struct KeptSet(Arc<(SetInfo, Vec<ElementInfo>)>);

impl KeptSet {
    pub(crate) fn new(info: SetInfo, entries: Vec<ElementInfo>) -> Self {
        Self(Arc::new((info, entries)))
    }

    fn is_of_meter(&self) -> bool {
        self.0.0.flags().contains(SetFlags::EVAL)
    }

    /// The template from which the kernel makes a name: that of the set without its number. A meter has a name of
    /// its author's.
    fn template(&self) -> Name {
        if self.is_of_meter() {
            return self.0.0.name().clone();
        }
        let name = self.0.0.name().as_bytes();
        let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (stem, _) = name.split_at(name.len() - digits);
        [stem, b"%d"].concat().as_slice().into()
    }

    /// The set as a table is to have it.
    pub(crate) fn set(&self, table: &TableRef) -> UntypedSet {
        let mut set = UntypedSet::from(&self.0.0);
        set.at.table.clone_from(table);
        set.at.name = self.template();
        set
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.0.1.iter().map(Entry::from)
    }

    /// What is in it, if that is part of what the rule does.
    pub(super) fn contents(&self) -> Option<Contents> {
        (!self.is_of_meter()).then(|| Contents::of(&self.0.0, self.0.1.clone()))
    }
}

/// An expression that refers to a set of the rule's own.
#[derive(Debug, Clone)]
pub(super) struct KeptUse {
    expr: Expr,
    pub(super) set: KeptSet,
}

impl KeptUse {
    /// The expression, which refers to the set by its number in the batch.
    pub(super) fn expr(&self, id: u32) -> Expr {
        let mut expr = self.expr.clone();
        if let Some((name, set_id)) = set_of(&mut expr) {
            (*name, *set_id) = (self.set.template(), Some(id));
        }
        expr
    }
}

/// The name of the set that an expression refers to, and its number in the batch.
fn set_of(expr: &mut Expr) -> Option<(&mut Name, &mut Option<u32>)> {
    match expr {
        Expr::Lookup(Lookup { set, set_id, .. }) | Expr::Dynset(Dynset { set, set_id, .. }) => Some((set, set_id)),
        Expr::Objref(Objref { map: Some((_, map)), set_id, .. }) => Some((map, set_id)),
        _ => None,
    }
}

impl RuleInfo {
    /// Returns the rule to be made again. `own` finds the sets that it has to itself.
    pub(crate) fn to_rule_with(&self, own: impl Fn(&Name) -> Option<KeptSet>) -> Result<Rule, DecodeError> {
        let step = |info: ExprInfo| {
            let mut expr = info.comparable();
            let set = set_of(&mut expr).and_then(|(name, _)| own(name));
            match set {
                Some(set) => Step::KeptUse(Box::new(KeptUse { expr, set })),
                None => Step::Kept(Box::new(info)),
            }
        };
        let steps = self.exprs().map(|expr| expr.map(step)).collect::<Result<_, _>>()?;
        let userdata = Userdata::kept(self.userdata());
        let unknown = Some(self.unknown()).filter(|unknown| !unknown.is_empty());
        let rest = Rest { userdata, owner: None, compat: self.compat(), unknown };
        Ok(Rule(RuleBuilder { steps, rest: Some(Box::new(rest)) }))
    }
}
