//! Sets, elements and rules in libnftnl's notation.

use std::fmt::{self, Write as _};

use super::{Ruleset, SetContents};
use crate::chain::{ChainInfo, Hook};
use crate::rule::RuleInfo;
use crate::set::{SetInfo, show_userdata};

/// What [`Ruleset::bytecode`] returns.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a>(pub(super) &'a Ruleset);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.0.tables();
        if f.alternate() {
            tables.iter().flat_map(|table| table.chains()).try_for_each(|chain| show_chain(chain, f))?;
            tables.iter().flat_map(|table| table.sets()).try_for_each(|set| show_set_itself(set.info(), f))?;
        }
        tables.iter().try_for_each(|table| {
            table.sets().iter().try_for_each(|set| show_set(set, f))?;
            table.rules().iter().try_for_each(|rule| show_rule(rule, f))
        })
    }
}

/// A chain, as libnftnl 1.3 shows it; 1.2.4 shows none.
fn show_chain(chain: &ChainInfo, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} use {}", chain.at(), chain.uses())?;
    if let (Some(kind), Some(hook), Some(priority)) = (chain.kind(), chain.hook(), chain.priority()) {
        match hook {
            // libnftnl has no name for it.
            Hook::EGRESS => write!(f, " type {kind} hook unknown prio {priority}")?,
            hook => write!(f, " type {kind} hook {hook} prio {priority}")?,
        }
        if let Some(policy) = chain.policy() {
            write!(f, " policy {policy}")?;
        }
        let counted = chain.counters().unwrap_or_default();
        write!(f, " packets {} bytes {}", counted.packets, counted.bytes)?;
        if let [device] = chain.devices() {
            write!(f, " dev {device} ")?;
        }
        if !chain.devices().is_empty() {
            f.write_str(" dev { ")?;
            chain.devices().iter().try_for_each(|device| write!(f, " {device} "))?;
            f.write_str(" } ")?;
        }
    }
    if !chain.flags().is_empty() {
        write!(f, " flags {:x}", chain.flags().bits())?;
    }
    f.write_char('\n')
}

/// A set without its elements, which only libnftnl 1.3 shows.
fn show_set_itself(set: &SetInfo, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "family {} {:#}", set.table().family().get(), set.bytecode())
}

fn show_set(set: &SetContents, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let at = set.info().at();
    writeln!(f, "{} @{}", at.table(), at.name())?;
    set.entries().iter().try_for_each(|entry| match f.alternate() {
        true => writeln!(f, "\t{:#}", entry.bytecode()),
        false => writeln!(f, "\t{}", entry.bytecode()),
    })
}

fn show_rule(rule: &RuleInfo, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} {}", rule.chain(), rule.handle())?;
    if let Some(position) = rule.position() {
        write!(f, " {position}")?;
    }
    f.write_char('\n')?;
    fmt::Display::fmt(&rule.bytecode(), f)?;
    show_userdata(rule.userdata(), f)?;
    // The older notation ends a rule with an empty line.
    if f.alternate() && rule.userdata().is_empty() { Ok(()) } else { f.write_char('\n') }
}
