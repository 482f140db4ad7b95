//! Sets that a rule has to itself: they come and go with it.

use super::*;

/// A set that a rule has to itself.
#[derive(Debug)]
pub(crate) enum OwnSet<'a> {
    /// With the field whose values its keys are.
    Typed(&'a Anonymous, &'a Source),
    Kept(&'a KeptSet),
    /// Of a meter.
    Meter(&'a OwnDynamic),
}

impl OwnSet<'_> {
    /// What is in it, if that is part of what the rule does: packets fill that of a meter.
    pub(super) fn contents(&self) -> Option<Contents> {
        match self {
            Self::Typed(set, _) => Some(set.contents()),
            Self::Kept(set) => set.contents(),
            Self::Meter(_) => None,
        }
    }
}

impl RuleBuilder {
    /// The sets that the rule has to itself, in the order in which it looks into them.
    pub(super) fn own_sets_in_order(&self) -> Vec<OwnSet<'_>> {
        let mut sets = Vec::new();
        if !self.steps.iter().any(Step::may_imply_sets) {
            self.steps.iter().for_each(|step| step.push_own_sets(&mut sets));
            return sets;
        }
        // What is implied depends on what is known of the packet, but not on the chain.
        let chain = ChainRef::new(Table::inet("any"), "any");
        let mut context = Context::new(&chain);
        for step in self.steps.iter() {
            step.lower(&mut context, &mut Nowhere);
            sets.extend(context.take_implied().into_iter().map(|(set, key)| OwnSet::Typed(set, key)));
            step.push_own_sets(&mut sets);
        }
        sets
    }
}

impl Step {
    /// Whether the rule may have a set or a chain to itself for this step.
    pub(super) fn may_have_own(&self) -> bool {
        match self {
            Self::Match(matching) => matching.implies_set() || matching.own_set().is_some(),
            Self::Expr(_) | Self::Kept(_) | Self::Statement(_) | Self::Counter | Self::Object(_) | Self::Flow(_) => {
                false
            }
            Self::Verdict(_) | Self::ToChain(..) | Self::Reject(_) => false,
            Self::KeptUse(_) | Self::ToOwn(..) | Self::Set(_) | Self::Update(_) | Self::VerdictMap(_) => true,
            Self::ObjectMap(_) | Self::Nat(_) | Self::Redirecting(_) | Self::Queue(_) | Self::Meter(_) => true,
        }
    }

    /// Whether a test that this step implies may need a set of the rule's own.
    fn may_imply_sets(&self) -> bool {
        match self {
            Self::Match(matching) => matching.implies_set(),
            Self::Set(set) => set.0.implies_set() || set.1.implies_set(),
            Self::Update(update) => update.implies_set(),
            Self::VerdictMap(map) | Self::ObjectMap(map) => map.0.implies_set(),
            Self::Expr(_) | Self::Kept(_) | Self::KeptUse(_) | Self::Statement(_) | Self::Counter | Self::Object(_) => {
                false
            }
            Self::Flow(_) | Self::Verdict(_) | Self::ToChain(..) | Self::ToOwn(..) | Self::Reject(_) => false,
            Self::Nat(nat) => nat.implies_set(),
            Self::Redirecting(statement) => statement.implies_set(),
            Self::Queue(to) => to.implies_set(),
            Self::Meter(meter) => meter.implies_set(),
        }
    }

    /// Adds the sets that the rule has to itself for this step, in the order in which it looks them up.
    fn push_own_sets<'a>(&'a self, sets: &mut Vec<OwnSet<'a>>) {
        let typed = |(set, key)| OwnSet::Typed(set, key);
        match self {
            Self::KeptUse(kept) => sets.push(OwnSet::Kept(&kept.set)),
            Self::Meter(meter) => sets.push(OwnSet::Meter(&meter.set)),
            Self::Nat(nat) => sets.extend(nat.own_sets().into_iter().flatten().map(typed)),
            Self::Redirecting(statement) => sets.extend(statement.own_sets().into_iter().flatten().map(typed)),
            _ => {
                if let Some(own) = self.own_set() {
                    sets.push(typed(own));
                }
            }
        }
    }

    /// The only set that the rule has to itself for this step.
    fn own_set(&self) -> Option<(&Anonymous, &Source)> {
        match self {
            Self::Match(matching) => matching.own_set(),
            Self::Set(set) => set.1.own_set(),
            Self::Update(update) => update.own_set(),
            Self::VerdictMap(map) | Self::ObjectMap(map) => match &map.1 {
                Ok(Container::Own(own)) => Some((own, &map.0)),
                _ => None,
            },
            Self::Queue(to) => to.own_set(),
            _ => None,
        }
    }
}
