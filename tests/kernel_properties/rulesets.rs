//! Arbitrary rulesets: the kernel has them as they were meant, a file keeps them so, and so they are put back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::OnceLock;

use nftlink::datum::L4Proto;
use nftlink::expr::{Connlimit, Counter, Limit, Quota, Synproxy};
use nftlink::object::{CtTimeout, ObjectInfo, TimeoutState};
use nftlink::ruleset::{SetContents, TableContents};
use nftlink::{
    Batch, Chain, ChainFlags, ChainKind, Conn, Family, FlowtableFlags, Hook, Hooked, Policy, Rule, Ruleset, SetFlags,
    Table, TableFlags,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::language::{AnyRule, FAMILIES, Things, comments, limits, rules, u16s, u32s, u64s};
use crate::property::check;
use crate::rules::{CHAIN, accepted, commit};
use crate::sets::{AnySet, seconds, sets};
use crate::support;

#[derive(Debug, Clone)]
struct AnyTable {
    family: Family,
    comment: Option<String>,
    dormant: bool,
    chains: BTreeMap<String, AnyChain>,
    sets: BTreeMap<String, Rc<dyn AnySet>>,
    objects: BTreeMap<String, (AnyObject, Option<String>)>,
    flowtables: BTreeMap<String, (i32, bool)>,
    rules: Vec<AnyRule>,
}

#[derive(Debug, Clone)]
struct AnyChain {
    comment: Option<String>,
    base: Option<Base>,
    /// The comments of rules that accept.
    rules: Vec<Option<String>>,
}

#[derive(Debug, Clone)]
struct Base {
    place: usize,
    priority: i32,
    drops: bool,
    counters: Option<(u64, u64)>,
}

#[derive(Debug, Clone)]
enum AnyObject {
    Counter(u64, u64),
    Quota(Quota),
    Limit(Limit),
    Connlimit(u32, bool),
    Timeout(u32),
    Synproxy(u16, u8),
}

/// Where chains of a family can be.
fn places(family: Family) -> &'static [(ChainKind, Hook)] {
    use ChainKind::{Filter, Nat, Route};
    match family {
        Family::ARP => &[(Filter, Hook::INPUT), (Filter, Hook::OUTPUT)],
        Family::NETDEV => &[(Filter, Hook::INGRESS)],
        Family::BRIDGE => &[(Filter, Hook::PREROUTING), (Filter, Hook::INPUT), (Filter, Hook::POSTROUTING)],
        _ => &[
            (Filter, Hook::PREROUTING),
            (Filter, Hook::INPUT),
            (Filter, Hook::FORWARD),
            (Filter, Hook::OUTPUT),
            (Filter, Hook::POSTROUTING),
            (Nat, Hook::PREROUTING),
            (Nat, Hook::POSTROUTING),
            (Route, Hook::OUTPUT),
        ],
    }
}

impl AnyChain {
    fn place(&self, family: Family) -> Option<(&Base, &'static (ChainKind, Hook))> {
        let base = self.base.as_ref()?;
        let places = places(family);
        Some((base, &places[base.place % places.len()]))
    }

    fn priority(base: &Base, kind: &ChainKind) -> i32 {
        // Translations come after connection tracking.
        if *kind == ChainKind::Nat { base.priority.max(-199) } else { base.priority }
    }

    fn declare(&self, table: &Table, name: &str, batch: &mut Batch) {
        let mut chain = table.chain(name);
        if let Some(comment) = &self.comment {
            chain = chain.comment(comment.as_str());
        }
        if let Some((base, (kind, hook))) = self.place(table.at().family()) {
            let mut chain: Chain<Hooked> = chain.hooked(kind.clone(), *hook, Self::priority(base, kind));
            chain = chain.policy(if base.drops { Policy::DROP } else { Policy::ACCEPT });
            if *hook == Hook::INGRESS {
                chain = chain.device("lo");
            }
            if let Some((packets, bytes)) = base.counters {
                chain = chain.count_from(Counter::new(packets, bytes));
            }
            batch.add(&chain);
        } else {
            batch.add(&chain);
        }
    }

    fn assert_is(&self, family: Family, name: &str, read: &TableContents) {
        let info = read.chains().iter().find(|chain| *chain.name() == *name).unwrap();
        assert_eq!(info.comment(), self.comment.as_deref());
        match self.place(family) {
            None => {
                assert_eq!((info.hook(), info.priority(), info.kind(), info.policy()), (None, None, None, None));
                assert_eq!((info.flags(), info.counters()), (ChainFlags::empty(), None));
            }
            Some((base, (kind, hook))) => {
                let priority = Self::priority(base, kind);
                assert_eq!((info.kind(), info.hook(), info.priority()), (Some(kind), Some(*hook), Some(priority)));
                assert_eq!(info.policy(), Some(if base.drops { Policy::DROP } else { Policy::ACCEPT }));
                assert_eq!(info.counters().map(|counter| (counter.packets, counter.bytes)), base.counters);
                assert_eq!(info.devices().len(), usize::from(*hook == Hook::INGRESS));
            }
        }
        let rules: Vec<_> = read.rules_of(info.at()).map(|rule| rule.comment().map(str::to_owned)).collect();
        assert_eq!(rules, self.rules);
    }
}

impl AnyObject {
    /// Only these families have connections.
    fn is_of(&self, family: Family) -> bool {
        let has_connections = matches!(family, Family::IP | Family::IP6 | Family::INET);
        has_connections || !matches!(self, Self::Timeout(_) | Self::Synproxy(..) | Self::Connlimit(..))
    }

    fn timeout(time: u32) -> CtTimeout {
        let l3proto = Family::IP;
        let timeout = CtTimeout::new(L4Proto::TCP).l3proto(l3proto);
        timeout.policy(TimeoutState::TCP_ESTABLISHED, seconds(time))
    }

    fn connlimit(count: u32, over: bool) -> Connlimit {
        let limit = Connlimit::new(count);
        if over { limit.over() } else { limit }
    }

    fn declare(&self, table: &Table, name: &str, comment: Option<&str>, batch: &mut Batch) {
        fn add<T: nftlink::object::Object>(named: nftlink::object::Named<T>, comment: Option<&str>, batch: &mut Batch) {
            batch.add(&match comment {
                Some(comment) => named.comment(comment),
                None => named,
            });
        }
        match self {
            Self::Counter(packets, bytes) => {
                add(Counter::named(table, name).with(Counter::new(*packets, *bytes)), comment, batch);
            }
            Self::Quota(quota) => add(quota.named(table, name), comment, batch),
            Self::Limit(limit) => add(limit.named(table, name), comment, batch),
            Self::Connlimit(count, over) => add(Self::connlimit(*count, *over).named(table, name), comment, batch),
            Self::Timeout(seconds) => add(Self::timeout(*seconds).named(table, name), comment, batch),
            Self::Synproxy(mss, wscale) => {
                add(Synproxy::new().mss(*mss).wscale(*wscale).named(table, name), comment, batch);
            }
        }
    }

    fn assert_is(&self, read: &ObjectInfo) {
        match self {
            Self::Counter(packets, bytes) => {
                assert_eq!(read.value::<Counter>().unwrap(), Some(Counter::new(*packets, *bytes)));
            }
            Self::Quota(quota) => assert_eq!(read.value::<Quota>().unwrap().as_ref(), Some(quota)),
            Self::Limit(limit) => {
                let read = read.value::<Limit>().unwrap().unwrap();
                let (seen, meant) =
                    ((read.rate, read.unit, read.kind, read.flags), (limit.rate, limit.unit, limit.kind, limit.flags));
                assert_eq!(seen, meant);
                assert!(limit.burst == 0 || read.burst == limit.burst);
            }
            Self::Connlimit(count, over) => {
                assert_eq!(read.value::<Connlimit>().unwrap(), Some(Self::connlimit(*count, *over)));
            }
            Self::Timeout(time) => {
                let read = read.value::<CtTimeout>().unwrap().unwrap();
                assert_eq!(read.protocol, L4Proto::TCP);
                assert_eq!(read.policies.get(&TimeoutState::TCP_ESTABLISHED), Some(&seconds(*time)));
            }
            Self::Synproxy(mss, wscale) => {
                assert_eq!(read.value::<Synproxy>().unwrap(), Some(Synproxy::new().mss(*mss).wscale(*wscale)));
            }
        }
    }
}

/// What tables have for the rules, under these names.
const RESERVED: [&str; 5] = ["other", "ports", "seen", "web", CHAIN];

fn name() -> BoxedStrategy<String> {
    let name = prop_oneof!["[a-z][a-z0-9_]{0,12}".prop_map(String::from), "[!-$&-~]{1,20}".prop_map(String::from)];
    name.prop_filter("reserved", |name| !RESERVED.contains(&name.as_str())).boxed()
}

fn tables() -> impl Strategy<Value = BTreeMap<String, AnyTable>> {
    let counters = prop::option::of((u64s(), u64s()));
    let priority = prop_oneof![-400..400i32, any::<i32>()];
    let base = (any::<usize>(), priority, any::<bool>(), counters);
    let base = base.prop_map(|(place, priority, drops, counters)| Base { place, priority, drops, counters });
    let chain_rules = prop::collection::vec(prop::option::of(comments()), 0..4);
    let chain = (prop::option::of(comments()), prop::option::of(base), chain_rules)
        .prop_map(|(comment, base, rules)| AnyChain { comment, base, rules });
    let quota =
        (1_000..u64::MAX / 2, 0..1_000u64).prop_map(|(bytes, used)| AnyObject::Quota(Quota::new(bytes).used(used)));
    let object = prop_oneof![
        (u64s(), u64s()).prop_map(|(packets, bytes)| AnyObject::Counter(packets, bytes)),
        quota,
        limits().prop_map(AnyObject::Limit),
        (u32s(), any::<bool>()).prop_map(|(count, over)| AnyObject::Connlimit(count, over)),
        (1..1_000_000u32).prop_map(AnyObject::Timeout),
        (u16s(), 0..=14u8).prop_map(|(mss, wscale)| AnyObject::Synproxy(mss, wscale)),
    ];
    let contents = (
        prop::collection::btree_map(name(), chain, 0..5),
        prop::collection::btree_map(name(), sets(), 0..5),
        prop::collection::btree_map(name(), (object, prop::option::of(comments())), 0..4),
        prop::collection::btree_map(name(), (any::<i32>(), any::<bool>()), 0..2),
        prop::collection::vec(rules(), 0..6),
    );
    let table = (select(FAMILIES.to_vec()), prop::option::of(comments()), prop::bool::weighted(0.2), contents);
    let table = table.prop_map(|(family, comment, dormant, (chains, sets, objects, flowtables, rules))| AnyTable {
        family,
        comment,
        dormant,
        chains,
        sets,
        objects,
        flowtables,
        rules,
    });
    prop::collection::btree_map(name(), table, 1..4)
}

impl AnyTable {
    fn table(&self, name: &str) -> Table {
        let table = Table::new(self.family, name);
        match &self.comment {
            Some(comment) => table.comment(comment.as_str()),
            None => table,
        }
    }

    fn has_flowtables(&self) -> bool {
        static ARE_THERE: OnceLock<bool> = OnceLock::new();
        let are_there = ARE_THERE.get_or_init(|| support::flowtables().is_ok());
        *are_there && matches!(self.family, Family::IP | Family::IP6 | Family::INET)
    }

    fn declare(&self, name: &str, rules: &[(AnyRule, Rule)], batch: &mut Batch) {
        let table = self.table(name);
        let things = Things::of(&table);
        batch.add(&if self.dormant { table.clone().flags(TableFlags::DORMANT) } else { table.clone() });
        batch.add(&things.ports).add(&things.seen).add(&things.web).add(&table.chain("other")).add(&table.chain(CHAIN));
        for (name, (object, comment)) in self.objects.iter().filter(|(_, (object, _))| object.is_of(self.family)) {
            object.declare(&table, name, comment.as_deref(), batch);
        }
        if self.has_flowtables() {
            for (name, (priority, counts)) in &self.flowtables {
                let flowtable = table.flowtable(name.as_str(), *priority);
                batch.add(&if *counts { flowtable.counter() } else { flowtable });
            }
        }
        self.sets.iter().for_each(|(name, set)| set.declare(&table, name, batch));
        for (name, chain) in &self.chains {
            chain.declare(&table, name, batch);
            for comment in &chain.rules {
                let rule = Rule::new().accept();
                let rule = comment.as_ref().map_or(rule.clone(), |comment| rule.comment(comment.as_str()));
                batch.append(table.chain(name.as_str()), rule);
            }
        }
        rules.iter().for_each(|(_, rule)| _ = batch.append(table.chain(CHAIN), rule));
    }

    fn assert_is(&self, name: &str, rules: &[(AnyRule, Rule)], read: &Ruleset, conn: &mut Conn) {
        let table = self.table(name);
        let read = read.table(table.at()).unwrap();
        assert_eq!(read.info().comment(), self.comment.as_deref());
        assert_eq!(read.info().flags(), if self.dormant { TableFlags::DORMANT } else { TableFlags::empty() });
        let objects = self.objects.iter().filter(|(_, (object, _))| object.is_of(self.family));
        assert_eq!(read.objects().len(), objects.clone().count() + 1);
        for (name, (object, comment)) in objects {
            let found = read.objects().iter().find(|object| *object.name() == **name).unwrap();
            assert_eq!(found.comment(), comment.as_deref());
            object.assert_is(found);
        }
        if self.has_flowtables() {
            assert_eq!(read.flowtables().len(), self.flowtables.len());
            for flowtable in read.flowtables() {
                let counts = flowtable.flags().contains(FlowtableFlags::COUNTER);
                let meant = self.flowtables[flowtable.name().as_str().unwrap()];
                assert_eq!((flowtable.priority(), counts), meant);
            }
        }
        for (name, set) in &self.sets {
            set.assert_is(read.sets().iter().find(|set| *set.info().name() == **name).unwrap());
        }
        self.chains.iter().for_each(|(name, chain)| chain.assert_is(self.family, name, read));
        let named = |chain: &&nftlink::ChainInfo| !chain.flags().contains(ChainFlags::BINDING);
        assert_eq!(read.chains().iter().filter(named).count(), self.chains.len() + 2);
        let is_named = |set: &&SetContents| !set.info().flags().contains(SetFlags::ANONYMOUS);
        assert_eq!(read.sets().iter().filter(is_named).count(), self.sets.len() + 2);
        let chain = table.chain(CHAIN);
        let found: Vec<_> = read.rules_of(chain.at()).collect();
        assert_eq!(found.len(), rules.len());
        for (found, (any, rule)) in found.into_iter().zip(rules) {
            assert_eq!(conn.normalized(found).unwrap(), rule.normalized(&chain).unwrap());
            assert_eq!((found.comment(), found.owner()), (any.comment.as_deref(), any.owner.as_deref()));
        }
    }
}

pub(crate) fn rulesets_are_read_kept_and_put_back_as_they_were_meant() {
    let conn = RefCell::new(Conn::open().unwrap());
    check(80, tables(), |tables| {
        let mut conn = conn.borrow_mut();
        let rules: Vec<_> = tables
            .iter()
            .map(|(name, table)| {
                let mut rules = accepted(&table.table(name), &table.rules);
                // Without those that this kernel has not what they need.
                commit(&mut conn, &Table::new(table.family, name.as_str()), &mut rules);
                rules
            })
            .collect();
        let mut batch = Batch::new();
        batch.flush_ruleset();
        tables.iter().zip(&rules).for_each(|((name, table), rules)| table.declare(name, rules, &mut batch));
        conn.commit(&batch).unwrap();
        let assert_is = |read: &Ruleset, conn: &mut Conn| {
            assert_eq!(read.tables().len(), tables.len());
            for ((name, table), rules) in tables.iter().zip(&rules) {
                table.assert_is(name, rules, read, conn);
            }
        };
        let read = conn.ruleset(..).unwrap();
        assert_is(&read, &mut conn);
        let kept = read.to_bytes();
        let copy = Ruleset::from_bytes(&kept).unwrap();
        assert_is(&copy, &mut conn);
        assert_eq!(copy.to_bytes(), kept);
        conn.commit(Batch::new().flush_ruleset()).unwrap();
        conn.commit(Batch::new().add_ruleset(&copy)).unwrap();
        let again = conn.ruleset(..).unwrap();
        assert_is(&again, &mut conn);
    });
}
