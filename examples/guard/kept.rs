//! What is kept: a table as it was read, what differs from it later, and how it is put back.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::error::Error;
use std::time::{Duration, Instant};

use nftlink::expr::Expr;
use nftlink::monitor::{Commit, Event};
use nftlink::object::{ObjectInfo, Value};
use nftlink::ruleset::{SetContents, TableContents};
use nftlink::{
    Batch, ChainFlags, ChainInfo, ElementInfo, Entry, Flowtable, Name, NormalizedRule, Rule, SetFlags, SetInfo, Table,
    TableRef, UntypedSet,
};

/// A table at the time when it was read.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) contents: TableContents,
    pub(crate) at: Instant,
}

/// A table that is to stay as it was.
#[derive(Debug)]
pub(crate) struct Kept {
    wanted: Reading,
    /// The last reading that was as wanted: with what has been counted since, and the elements of others.
    seen: Reading,
    theirs: BTreeSet<Name>,
}

/// How much earlier than was told the kernel may remove an element whose time is up: it counts in ticks.
const TICKS: Duration = Duration::from_secs(1);

impl Kept {
    /// Keeps a table as it is now, but for the elements of sets that are `theirs`, and of those that packets fill.
    pub(crate) fn new(wanted: Reading, theirs: impl IntoIterator<Item = Name>) -> Self {
        Self { seen: wanted.clone(), wanted, theirs: theirs.into_iter().collect() }
    }

    pub(crate) fn table(&self) -> &TableRef {
        self.wanted.contents.info().at()
    }

    /// Remembers a reading that is as it should be.
    pub(crate) fn remember(&mut self, reading: Reading) {
        self.seen = reading;
    }

    /// Whether something that is told of a commit may have changed what is kept.
    pub(crate) fn is_touched_by(&self, commit: &Commit) -> bool {
        let others_may = |event: &Event| match event {
            Event::NewElement(element) | Event::DeletedElement(element) => {
                let sets = self.wanted.contents.sets();
                sets.iter().any(|set| set.info().at() == element.set() && self.is_free(set.info()))
            }
            _ => false,
        };
        !commit.events().iter().all(others_may)
    }

    /// Whether others than the guard say what is in a set.
    fn is_free(&self, set: &SetInfo) -> bool {
        set.flags().contains(SetFlags::EVAL) || self.theirs.contains(set.name())
    }

    // ---- what differs ----

    /// Says what differs, each in a line; nothing if all is as it should be.
    ///
    /// Handles, what was counted, and elements whose time is up make no difference.
    pub(crate) fn differences(&self, now: Option<&Reading>) -> Result<Vec<String>, Box<dyn Error>> {
        let Some(now) = now else { return Ok(vec![format!("table {} is gone", self.table())]) };
        let mut found = Vec::new();
        let (wanted, is) = (parts(&self.wanted.contents)?, parts(&now.contents)?);
        for (name, part) in &wanted {
            match is.get(name) {
                None => found.push(format!("{name} is gone")),
                Some(Part::Chain(now)) if Part::Chain(now.clone()) != *part => {
                    found.push(format!("{name} has changed: {now}"));
                }
                Some(other) if other != part => found.push(format!("{name} has changed")),
                Some(_) => {}
            }
        }
        found.extend(is.keys().filter(|name| !wanted.contains_key(*name)).map(|name| format!("{name} is new")));
        self.compare_rules(now, &mut found)?;
        self.compare_elements(now, &mut found);
        Ok(found)
    }

    fn compare_rules(&self, now: &Reading, found: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
        let (wanted, is) = (rules(&self.wanted.contents)?, rules(&now.contents)?);
        for (chain, wanted) in &wanted {
            // Of a chain that is gone, that is told.
            let Some(is) = is.get(chain) else { continue };
            let places = places(wanted, is);
            let gone = wanted.iter().zip(&places).filter(|(_, place)| place.is_none());
            found.extend(gone.map(|(rule, _)| format!("a rule of chain {chain} is gone: {}", rule.described)));
            let known: HashSet<_> = places.iter().flatten().collect();
            let new = is.iter().enumerate().filter(|(place, _)| !known.contains(place));
            found.extend(new.map(|(_, rule)| format!("a rule of chain {chain} is new: {}", rule.described)));
            if !places.iter().flatten().is_sorted() {
                found.push(format!("the rules of chain {chain} are in another order"));
            }
        }
        Ok(())
    }

    fn compare_elements(&self, now: &Reading, found: &mut Vec<String>) {
        for set in self.wanted.contents.sets().iter().filter(|set| !is_own(set.info()) && !self.is_free(set.info())) {
            // Of a set that is gone, or is another one, that is told.
            let Some(is) = same_set(set, &now.contents) else { continue };
            let (info, over) = (set.info(), Overdue { read: self.wanted.at, now: now.at });
            let elements = |set: &SetContents| info.paired(set.entries());
            let (wanted, is) = (elements(set), elements(is));
            let key = |element: &nftlink::UntypedElement| (element.bounds.clone(), same_entry(element.entry.clone()));
            let (had, has): (HashSet<_>, HashSet<_>) = (wanted.iter().map(key).collect(), is.iter().map(key).collect());
            let gone = wanted.iter().filter(|element| !has.contains(&key(element)) && !over.is(&element.entry));
            found.extend(gone.map(|gone| format!("element {} of set {} is gone", info.display(gone), info.at())));
            let new = is.iter().filter(|element| !had.contains(&key(element)));
            found.extend(new.map(|new| format!("element {} of set {} is new", info.display(new), info.at())));
        }
    }

    // ---- what is put back ----

    /// What puts the table back, in one step: with all that has been counted by what is `now` as it was, and the
    /// elements that others have put there. Limits begin anew.
    pub(crate) fn put_back(&self, now: Option<&Reading>) -> Result<Batch, Box<dyn Error>> {
        let wanted = &self.wanted.contents;
        // The first that has a thing as it should be has it as it is to be.
        let sources: Vec<&Reading> = now.into_iter().chain([&self.seen]).collect();
        let mut batch = Batch::new();
        batch.reset(wanted.info());
        wanted.flowtables().iter().for_each(|flowtable| _ = batch.add(flowtable));
        for object in wanted.objects() {
            let same = |other: &&ObjectInfo| object.at() == other.at() && same_object(object) == same_object(other);
            let found = sources.iter().find_map(|source| source.contents.objects().iter().find(same));
            batch.add(found.unwrap_or(object));
        }
        let sets = || wanted.sets().iter().filter(|set| !is_own(set.info()));
        sets().for_each(|set| _ = batch.add(set.info()));
        for chain in wanted.chains().iter().filter(|chain| !is_own_chain(chain)) {
            let same = |other: &&ChainInfo| chain.at() == other.at() && same_chain(chain) == same_chain(other);
            let found = sources.iter().find_map(|source| source.contents.chains().iter().find(same));
            batch.add(found.unwrap_or(chain));
        }
        for set in sets() {
            let entries = self.entries(set, &sources);
            if !entries.is_empty() {
                batch.add_entries(set.info(), entries);
            }
        }
        let sources: Vec<_> = sources.iter().map(|source| rules(&source.contents)).collect::<Result<_, _>>()?;
        for (chain, wanted) in rules(wanted)? {
            let sources = sources.iter().filter_map(|rules| rules.get(&chain));
            let sources: Vec<_> = sources.map(|rules| (rules, places(&wanted, rules))).collect();
            let at = self.table();
            for (n, rule) in wanted.iter().enumerate() {
                let found = sources.iter().find_map(|(rules, places)| rules.get((*places.get(n)?)?));
                batch.append(nftlink::ChainRef::new(at, chain.clone()), &found.unwrap_or(rule).whole);
            }
        }
        Ok(batch)
    }

    /// The entries that a set is to have.
    fn entries(&self, set: &SetContents, sources: &[&Reading]) -> Vec<Entry> {
        let having = || sources.iter().filter_map(|source| Some((source.at, same_set(set, &source.contents)?)));
        if self.is_free(set.info()) {
            let found = having().next().map(|(at, set)| (at, set.entries()));
            let (at, entries) = found.unwrap_or((self.wanted.at, set.entries()));
            return entries.iter().map(|entry| aged(entry.into(), at)).collect();
        }
        let known: Vec<(Instant, HashMap<Entry, &ElementInfo>)> = having()
            .map(|(at, set)| (at, set.entries().iter().map(|entry| (same_entry(entry.into()), entry)).collect()))
            .collect();
        let newest = |entry: &ElementInfo| {
            let same = same_entry(entry.into());
            let found = known.iter().find_map(|(at, entries)| Some((*at, *entries.get(&same)?)));
            found.map_or_else(|| aged(entry.into(), self.wanted.at), |(at, found)| aged(found.into(), at))
        };
        set.entries().iter().map(newest).collect()
    }
}

/// An entry that was read then, with what is left of its time now. One whose time is up goes a moment later: by itself,
/// the end of its interval with it.
fn aged(mut entry: Entry, read: Instant) -> Entry {
    let left = entry.expires.map(|left| left.saturating_sub(read.elapsed()).max(Duration::from_millis(1)));
    entry.expires = left;
    entry
}

/// Whose time is up, of what was read then.
struct Overdue {
    read: Instant,
    now: Instant,
}

impl Overdue {
    fn is(&self, entry: &Entry) -> bool {
        entry.expires.is_some_and(|left| left <= self.now.saturating_duration_since(self.read) + TICKS)
    }
}

// ---- when two things are the same ----

/// What a thing of a table is, without its handle and without what it has counted.
#[derive(Debug, PartialEq)]
enum Part {
    Table(Table),
    Chain(String),
    Set(UntypedSet),
    Object(Value, Vec<u8>),
    Flowtable(Flowtable),
}

/// The things of a table by what they are called, but for rules and elements, and what rules have to themselves.
fn parts(table: &TableContents) -> Result<BTreeMap<String, Part>, Box<dyn Error>> {
    let at = table.info().at();
    let mut parts = BTreeMap::from([(format!("table {at}"), Part::Table(table.info().into()))]);
    let chains = table.chains().iter().filter(|chain| !is_own_chain(chain));
    parts.extend(chains.map(|chain| (format!("chain {}", chain.at()), Part::Chain(same_chain(chain)))));
    let sets = table.sets().iter().filter(|set| !is_own(set.info()));
    parts.extend(sets.map(|set| (format!("set {}", set.info().at()), Part::Set(same_set_info(set.info())))));
    for object in table.objects() {
        let (value, userdata) = same_object(object).ok_or_else(|| format!("{} makes no sense", object.at()))?;
        parts.insert(format!("{} {}", object.kind(), object.at()), Part::Object(value, userdata));
    }
    let flowtables = table.flowtables().iter();
    parts.extend(flowtables.map(|table| (format!("flowtable {}", table.at()), Part::Flowtable(table.into()))));
    Ok(parts)
}

/// Whether a rule has the chain to itself.
fn is_own_chain(chain: &ChainInfo) -> bool {
    chain.flags().contains(ChainFlags::BINDING)
}

/// Whether a rule has the set to itself.
fn is_own(set: &SetInfo) -> bool {
    set.flags().contains(SetFlags::ANONYMOUS)
}

/// What a chain is, in nft's words, if it has some.
fn same_chain(chain: &ChainInfo) -> String {
    let mut text = String::new();
    if let Some(((kind, hook), priority)) = chain.kind().zip(chain.hook()).zip(chain.priority()) {
        text += &format!("type {kind} hook {hook} priority {priority}");
    }
    text.extend(chain.devices().iter().map(|device| format!(" device {device}")));
    text.extend(chain.policy().map(|policy| format!(" policy {policy}")));
    text.extend(chain.counters().map(|_| " counter"));
    text.extend(Some(chain.flags()).filter(|flags| !flags.is_empty()).map(|flags| format!(" flags {flags:#x}")));
    text.extend(chain.comment().map(|comment| format!(" comment {comment:?}")));
    match chain.comment() {
        None if !chain.userdata().is_empty() => text + &format!(" userdata {}", chain.userdata().escape_ascii()),
        _ => text,
    }
}

fn same_set_info(set: &SetInfo) -> UntypedSet {
    let mut same = UntypedSet::from(set);
    same.exprs.iter_mut().for_each(Expr::normalize);
    same
}

/// The same set elsewhere, if it is there.
fn same_set<'a>(set: &SetContents, table: &'a TableContents) -> Option<&'a SetContents> {
    let found = table.sets().iter().find(|other| other.info().at() == set.info().at())?;
    (same_set_info(found.info()) == same_set_info(set.info())).then_some(found)
}

fn same_object(object: &ObjectInfo) -> Option<(Value, Vec<u8>)> {
    let mut value = object.any_value().ok()?;
    value.normalize();
    Some((value, object.userdata().to_vec()))
}

fn same_entry(mut entry: Entry) -> Entry {
    entry.expires = None;
    entry.exprs.iter_mut().for_each(Expr::normalize);
    entry
}

/// A rule with the sets and the chain that it has to itself.
struct KeptRule {
    whole: Rule,
    same: (NormalizedRule, Vec<u8>),
    described: String,
}

/// The rules of each chain.
fn rules(table: &TableContents) -> Result<BTreeMap<Name, Vec<KeptRule>>, Box<dyn Error>> {
    let mut rules = BTreeMap::new();
    for chain in table.chains().iter().filter(|chain| !is_own_chain(chain)) {
        let mut of_chain = Vec::new();
        for rule in table.rules_of(chain) {
            let whole = table.to_rule(rule)?;
            let same = (whole.normalized(chain)?, rule.userdata().to_vec());
            let described = match rule.comment() {
                Some(comment) => format!("{comment:?}"),
                None => rule.bytecode().to_string().split_whitespace().collect::<Vec<_>>().join(" "),
            };
            of_chain.push(KeptRule { whole, same, described });
        }
        rules.insert(chain.name().clone(), of_chain);
    }
    Ok(rules)
}

/// Where among other rules each of these is, if it is there; none is taken for two.
fn places(rules: &[KeptRule], others: &[KeptRule]) -> Vec<Option<usize>> {
    let is_same = |(a, b): &(&KeptRule, &KeptRule)| a.same == b.same;
    // Most are where they were.
    let before = rules.iter().zip(others).take_while(is_same).count();
    let rest = (rules.len().min(others.len())) - before;
    let behind = rules.iter().rev().zip(others.iter().rev()).take(rest).take_while(is_same).count();
    let mut free: Vec<usize> = (before..others.len() - behind).collect();
    let place = |(n, rule): (usize, &KeptRule)| {
        if n < before {
            return Some(n);
        } else if n >= rules.len() - behind {
            return Some(n + others.len() - rules.len());
        }
        let found = free.iter().position(|&place| others.get(place).is_some_and(|other| other.same == rule.same))?;
        Some(free.remove(found))
    };
    rules.iter().enumerate().map(place).collect()
}
