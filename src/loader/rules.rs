//! The rules that refer to a set, to be written again with another one.

use std::collections::{HashMap, HashSet};

use crate::chain::{ChainFlags, ChainRef};
use crate::conn::Conn;
use crate::error::{DecodeError, Error};
use crate::rule::{KeptSet, Rule, RuleHandle, RuleInfo};
use crate::set::{SetFlags, SetRef};
use crate::table::TableRef;
use crate::wire::Name;

/// Finds the rules of a table that refer to any of the `old` sets, within a snapshot: each with what it is with `new`.
pub(super) fn references(
    conn: &mut Conn,
    table: &TableRef,
    old: &[Name],
    new: &Name,
) -> Result<Vec<(ChainRef, RuleHandle, Rule)>, Error> {
    let refers = |rule: &RuleInfo| rule.set_names().iter().any(|name| old.contains(name));
    let chains = conn.chains(table)?;
    let own = chains.iter().filter(|chain| chain.flags().contains(ChainFlags::BINDING));
    let own: HashSet<Name> = own.map(|chain| chain.name().clone()).collect();
    let mut inside: HashMap<Name, Vec<RuleInfo>> = HashMap::new();
    let mut outside = Vec::new();
    let mut stream = conn.stream_rules(table)?;
    for rule in &mut stream {
        let rule = rule?;
        if own.contains(rule.chain().name()) {
            inside.entry(rule.chain().name().clone()).or_default().push(rule);
        } else if refers(&rule) || rule.target().is_some_and(|chain| own.contains(&chain)) {
            outside.push(rule);
        }
    }
    // A torn one begins the snapshot again.
    stream.consistency()?;
    let mut found = Vec::new();
    let mut sets = HashMap::new();
    for rule in outside {
        // The rules of a chain that a rule has to itself cannot be changed: it is made again with the rule.
        let chain = rule.target().filter(|chain| own.contains(chain));
        let within = chain.map(|chain| inside.remove(&chain).unwrap_or_default());
        if !refers(&rule) && !within.iter().flatten().any(refers) {
            continue;
        }
        for name in [&rule].into_iter().chain(within.iter().flatten()).flat_map(RuleInfo::set_names) {
            if !old.contains(&name) && !sets.contains_key(&name) {
                let kept = own_set(conn, &SetRef::new(table, &name))?;
                sets.insert(name, kept);
            }
        }
        let again = |rule: &RuleInfo| -> Result<Rule, DecodeError> {
            let kept = |name: &Name| sets.get(name).cloned().flatten();
            rule.to_rule_renamed(kept, |name| old.contains(name).then(|| new.clone()))
        };
        let whole = match &within {
            None => again(&rule)?,
            Some(within) => again(&rule)?.leading_to(within.iter().map(again).collect::<Result<Vec<_>, _>>()?)?,
        };
        found.push((rule.chain().clone(), rule.handle(), whole));
    }
    Ok(found)
}

/// Reads a set, if it is one that a rule has to itself.
fn own_set(conn: &mut Conn, at: &SetRef) -> Result<Option<KeptSet>, Error> {
    let info = conn.set(at)?;
    if !info.flags().contains(SetFlags::ANONYMOUS) {
        return Ok(None);
    }
    let entries = conn.elements(&info)?;
    Ok(Some(KeptSet::new(info, entries)))
}
