//! What refers to what in a table, and what goes when nothing does.

use std::collections::{HashMap, HashSet};

use super::state::*;
use crate::chain::{ChainFlags, NFTA_CHAIN_FLAGS};
use crate::expr::{Data, Expr, Value};
use crate::set::SetFlags;

/// How many rules and elements refer to each thing, by its name.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) chains: HashMap<Vec<u8>, u32>,
    pub(super) sets: HashMap<Vec<u8>, u32>,
    /// By their kinds, too.
    pub(super) objects: HashMap<(u32, Vec<u8>), u32>,
    pub(super) flowtables: HashMap<Vec<u8>, u32>,
}

impl Uses {
    pub(super) fn of(table: &Table) -> Self {
        Self::by(table.rules.iter(), &table.sets)
    }

    /// Those by some rules and sets.
    pub(super) fn by<'a>(rules: impl Iterator<Item = &'a Thing>, sets: &[Set]) -> Self {
        let mut uses = Self::default();
        for expr in rules.flat_map(|rule| exprs_of(&rule.raw)) {
            uses.note(expr.get());
        }
        for set in sets {
            let kind = set.thing.attrs().u32(NFTA_SET_OBJ_TYPE).unwrap_or_default();
            for entry in &set.entries {
                if let Some(Value::Verdict(verdict)) = entry.info.data() {
                    uses.note_chain(verdict.chain.as_ref().map(|chain| chain.as_bytes()));
                }
                if let Some(object) = entry.info.object() {
                    *uses.objects.entry((kind, object.as_bytes().to_vec())).or_default() += 1;
                }
            }
        }
        uses
    }

    fn note_chain(&mut self, chain: Option<&[u8]>) {
        if let Some(chain) = chain {
            *self.chains.entry(chain.to_vec()).or_default() += 1;
        }
    }

    fn note(&mut self, expr: &Expr) {
        let mut set = |name: &[u8]| *self.sets.entry(name.to_vec()).or_default() += 1;
        match expr {
            Expr::Lookup(lookup) => set(lookup.set.as_bytes()),
            Expr::Dynset(dynset) => set(dynset.set.as_bytes()),
            Expr::Objref(objref) => {
                if let Some((_, map)) = &objref.map {
                    set(map.as_bytes());
                }
                if let Some((kind, name)) = &objref.object {
                    *self.objects.entry((kind.get(), name.as_bytes().to_vec())).or_default() += 1;
                }
            }
            Expr::FlowOffload(offload) => {
                *self.flowtables.entry(offload.flowtable.as_bytes().to_vec()).or_default() += 1;
            }
            Expr::Immediate(immediate) => {
                if let Value::Verdict(verdict) = &immediate.value {
                    self.note_chain(verdict.chain.as_ref().map(|chain| chain.as_bytes()));
                }
            }
            _ => {}
        }
    }
}

const NFTA_SET_OBJ_TYPE: u16 = 15;

/// Notes which sets are a rule's own from now on.
pub(super) fn bind(table: &mut Table, rule: &Thing) {
    let uses = Uses::by(std::iter::once(rule), &[]);
    let sets = table.sets.iter_mut().filter(|set| uses.sets.contains_key(&set.thing.name));
    sets.for_each(|set| set.bound = is_own_set(set));
}

/// Removes rules with what they have to themselves: sets, and chains with their rules.
pub(super) fn remove_rules(table: &mut Table, is_meant: impl Fn(&Thing) -> bool) {
    let gone: Vec<Thing>;
    (gone, table.rules) = std::mem::take(&mut table.rules).into_iter().partition(|rule| is_meant(rule));
    release(table, gone);
}

/// Removes what rules had to themselves that are gone.
pub(super) fn release(table: &mut Table, mut gone: Vec<Thing>) {
    // Rules in a chain of a rule's own may have sets of their own.
    while !gone.is_empty() {
        let mut uses = Uses::default();
        gone.iter().flat_map(|rule| exprs_of(&rule.raw)).for_each(|expr| uses.note(expr.get()));
        table.sets.retain(|set| !is_own_set(set) || !uses.sets.contains_key(&set.thing.name));
        let of_gone = |chain: &Thing| is_own_chain(chain) && uses.chains.contains_key(&chain.name);
        let names: HashSet<Vec<u8>> = table.chains.iter().filter(|c| of_gone(c)).map(|c| c.name.clone()).collect();
        table.chains.retain(|chain| !names.contains(&chain.name));
        (gone, table.rules) = std::mem::take(&mut table.rules).into_iter().partition(|rule| names.contains(&rule.name));
    }
}

/// Whether there is a set or a chain of a rule's own that no rule has.
pub(super) fn has_unbound(table: &Table) -> bool {
    let uses = Uses::of(table);
    let set = |set: &Set| is_own_set(set) && !uses.sets.contains_key(&set.thing.name);
    let chain = |chain: &Thing| is_own_chain(chain) && !uses.chains.contains_key(&chain.name);
    table.sets.iter().any(set) || table.chains.iter().any(chain)
}

/// Counts the uses of what is in a table.
pub(super) fn count_uses(table: &mut Table) {
    let uses = Uses::of(table);
    // The kernel counts no set that is a rule's own.
    let sets = table.sets.iter().filter(|set| !is_own_set(set)).count();
    let contents = table.chains.len() + sets + table.objects.len() + table.flowtables.len();
    count(&mut table.thing, TABLES, contents as u32);
    let mut rules: HashMap<&[u8], u32> = HashMap::new();
    table.rules.iter().for_each(|rule| *rules.entry(&rule.name).or_default() += 1);
    for chain in &mut table.chains {
        let named = |of: Option<&u32>| of.copied().unwrap_or_default();
        // A chain of a rule's own is used by being that.
        let own = u32::from(is_own_chain(chain));
        let sum = named(rules.get(chain.name.as_slice())) + named(uses.chains.get(&chain.name)) + own;
        count(chain, CHAINS, sum);
    }
    for object in &mut table.objects {
        let key = (object.object_kind(), object.name.clone());
        count(object, OBJECTS, uses.objects.get(&key).copied().unwrap_or_default());
    }
    for flowtable in &mut table.flowtables {
        count(flowtable, FLOWTABLES, uses.flowtables.get(&flowtable.name).copied().unwrap_or_default());
    }
}

fn is_own_set(set: &Set) -> bool {
    set.flags().contains(SetFlags::ANONYMOUS)
}

fn is_own_chain(chain: &Thing) -> bool {
    let flags = chain.attrs().u32(NFTA_CHAIN_FLAGS).unwrap_or_default();
    ChainFlags::from_bits_retain(flags).contains(ChainFlags::BINDING)
}

fn count(thing: &mut Thing, kind: Kind, uses: u32) {
    let Some(number) = kind.uses else { return };
    thing.raw = match thing.attrs().has(number) {
        true => replaced(&thing.raw, number, |w| w.u32(number, uses)),
        false => thing.attrs().with(&[], |w| w.u32(number, uses)),
    };
}

/// Whether intervals of a set overlap: then a start follows a start, or an end an end.
pub(super) fn is_torn(set: &Set) -> bool {
    if !set.flags().contains(SetFlags::INTERVAL) || set.flags().contains(SetFlags::CONCAT) {
        return false;
    }
    let mut places: Vec<(&Data, bool)> =
        set.entries.iter().filter_map(|entry| Some((entry.info.key()?, !entry.info.is_interval_end()))).collect();
    places.sort();
    // nft writes an end at the lowest value.
    let first = places.first().is_some_and(|(key, starts)| !starts && key.as_bytes().iter().all(|&byte| byte == 0));
    let mut expected = true;
    places.iter().skip(usize::from(first)).any(|(_, starts)| {
        let torn = *starts != expected;
        expected = !starts;
        torn
    })
}
