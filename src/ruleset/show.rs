//! Sets, elements and rules in libnftnl's notation.

use std::fmt::{self, Write as _};

use super::{Ruleset, SetContents};
use crate::chain::{ChainInfo, Hook};
use crate::expr::{Data, Value};
use crate::rule::{Bytecode, RuleInfo};
use crate::set::{ElementInfo, SetInfo, SetPolicy};

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

/// A set without its elements, as libnftnl 1.3 shows it; 1.2.4 shows none.
fn show_set_itself(set: &SetInfo, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let table = set.table();
    write!(f, "family {} {} {} {:x}", table.family().get(), set.name(), table.name(), set.flags().bits())?;
    if let Some(timeout) = set.timeout() {
        write!(f, " timeout {}ms", timeout.as_millis())?;
    }
    if let Some(interval) = set.gc_interval() {
        write!(f, " gc_interval {}ms", interval.as_millis())?;
    }
    if set.policy() != SetPolicy::PERFORMANCE {
        write!(f, " policy {}", set.policy().get())?;
    }
    if let Some(size) = set.size() {
        write!(f, " size {size}")?;
    }
    if let Some(backend) = set.set_type() {
        write!(f, " backend {backend}")?;
    }
    if let Some(count) = set.count().filter(|&count| count > 0) {
        write!(f, " count {count}")?;
    }
    f.write_char('\n')
}

fn show_set(set: &SetContents, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let at = set.info().at();
    writeln!(f, "{} @{}", at.table(), at.name())?;
    set.entries().iter().try_for_each(|entry| {
        f.write_char('\t')?;
        show_entry(entry, f)?;
        f.write_char('\n')
    })
}

/// An entry of a set.
fn show_entry(entry: &ElementInfo, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("element ")?;
    if let Some(key) = entry.key() {
        show_data(key, f)?;
    }
    if let Some(end) = entry.key_end() {
        f.write_str(" - ")?;
        show_data(end, f)?;
    }
    if !f.alternate() || entry.data().is_some() {
        f.write_str(" : ")?;
    }
    match entry.data() {
        Some(Value::Data(data)) => show_data(data, f)?,
        Some(Value::Verdict(verdict)) if f.alternate() => write!(f, "{verdict}")?,
        Some(Value::Verdict(verdict)) => write!(f, "{verdict} ")?,
        None => {}
    }
    if let Some(object) = entry.object().filter(|_| f.alternate()) {
        write!(f, " : {object}")?;
    }
    if !f.alternate() {
        write!(f, "{} [end]", entry.flags().bits())?;
    } else if !entry.flags().is_empty() {
        write!(f, " flags {}", entry.flags().bits())?;
    }
    show_userdata(entry.userdata(), f)
}

/// The words of a register; each ends with a space in the older notation.
fn show_data(data: &Data, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (n, word) in data.as_bytes().chunks(4).enumerate() {
        if f.alternate() {
            let space = if n == 0 { "" } else { " " };
            f.write_str(space)?;
            word.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        } else {
            let mut bytes = [0; 4];
            bytes.iter_mut().zip(word).for_each(|(to, from)| *to = *from);
            write!(f, "{:08x} ", u32::from_ne_bytes(bytes))?;
        }
    }
    Ok(())
}

fn show_userdata(userdata: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if userdata.is_empty() {
        return Ok(());
    }
    if f.alternate() {
        let sum: u32 = userdata.iter().map(|&byte| u32::from(byte)).sum();
        return write!(f, "  userdata len {} sum 0x{sum:x}", userdata.len());
    }
    f.write_str("  userdata = { ")?;
    for &byte in userdata {
        match byte {
            b' '..=b'~' => f.write_char(byte.into())?,
            _ => write!(f, "\\x{byte:02x}")?,
        }
    }
    f.write_str(" }")
}

fn show_rule(rule: &RuleInfo, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} {}", rule.chain(), rule.handle())?;
    if let Some(position) = rule.position() {
        write!(f, " {position}")?;
    }
    f.write_char('\n')?;
    let code = Bytecode(rule.expressions());
    if f.alternate() {
        write!(f, "{code:#}")?
    } else {
        write!(f, "{code}")?
    }
    show_userdata(rule.userdata(), f)?;
    // The older notation ends a rule with an empty line.
    if f.alternate() && rule.userdata().is_empty() { Ok(()) } else { f.write_char('\n') }
}
