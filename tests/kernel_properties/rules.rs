//! Arbitrary rules: the kernel has them as they were said, nft lists them, and what it loads of its own listing is the
//! same again.

use std::cell::{Cell, RefCell};

use nftlink::ruleset::SetContents;
use nftlink::{Batch, Conn, Family, Hook, Priority, Rule, SetFlags, Table};
use proptest::prelude::*;
use proptest::sample::select;

use crate::language::{AnyRule, FAMILIES, Things, rules};
use crate::property::check;
use crate::support::{self, state::shown};

pub(crate) const CHAIN: &str = "c";

/// The rules that this library does not refuse.
pub(crate) fn accepted(table: &Table, rules: &[AnyRule]) -> Vec<(AnyRule, Rule)> {
    let rules = rules.iter().map(|rule| (rule.clone(), rule.in_table(table)));
    let is_right = |(_, rule): &(AnyRule, Rule)| Batch::new().append(table.chain(CHAIN), rule).mistake().is_none();
    rules.filter(is_right).collect()
}

/// Makes a ruleset of nothing but a table with these rules.
fn build(table: &Table, rules: &[(AnyRule, Rule)]) -> Batch {
    let (chain, things, mut batch) = (table.chain(CHAIN), Things::of(table), Batch::new());
    batch.flush_ruleset().add(table).add(&things.ports).add(&things.seen).add(&things.web);
    batch.add(&table.chain("other")).add_elements(&things.ports, [22, 80]);
    match table.at().family() {
        Family::NETDEV => batch.add(&chain.clone().filter(Hook::INGRESS, Priority::FILTER).device("lo")),
        _ => batch.add(&chain),
    };
    rules.iter().for_each(|(_, rule)| _ = batch.append(&chain, rule));
    batch
}

/// Commits the rules, without those that need what this kernel lacks.
pub(crate) fn commit(conn: &mut Conn, table: &Table, rules: &mut Vec<(AnyRule, Rule)>) {
    use nftlink::Errno;
    loop {
        let batch = build(table, rules);
        let error = match conn.commit(&batch) {
            Ok(()) => return,
            Err(error) => error,
        };
        let first = batch.len() - rules.len();
        let gone: Vec<usize> = error
            .rejections()
            .map(|refused| {
                let lacks = matches!(refused.errno(), Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EPROTO);
                // Other user namespaces than the first may not write to packets (Linux 7.3).
                let written = refused.part().is_some_and(|part| part.starts_with("[ payload write"));
                let forbidden = refused.errno() == Errno::EPERM && written;
                assert!((lacks || forbidden) && refused.op().index() >= first, "{error}");
                refused.op().index() - first
            })
            .collect();
        assert!(!gone.is_empty(), "{error}");
        let mut place = 0..;
        rules.retain(|_| !gone.contains(&place.next().unwrap()));
    }
}

fn some() -> impl Strategy<Value = (Family, Vec<AnyRule>)> {
    (select(FAMILIES.to_vec()), prop::collection::vec(rules(), 1..16))
}

pub(crate) fn rules_are_read_as_they_were_said() {
    let (said, taken) = (Cell::new(0), Cell::new(0));
    let conn = RefCell::new(Conn::open().unwrap());
    check(150, some(), |(family, rules)| {
        let (table, mut conn) = (Table::new(family, "t"), conn.borrow_mut());
        let mut meant = accepted(&table, &rules);
        commit(&mut conn, &table, &mut meant);
        said.set(said.get() + rules.len());
        taken.set(taken.get() + meant.len());
        let chain = table.chain(CHAIN);
        let read = conn.rules(chain.at()).unwrap();
        assert_eq!(read.len(), meant.len());
        for ((any, rule), read) in meant.iter().zip(read) {
            assert_eq!(conn.normalized(&read).unwrap(), rule.normalized(&chain).unwrap(), "{any:?}");
            assert_eq!((read.comment(), read.owner()), (any.comment.as_deref(), any.owner.as_deref()), "{any:?}");
            assert!(!read.has_unknown());
        }
    });
    assert!(taken.get() * 5 > said.get(), "{} of {} rules are too few", taken.get(), said.get());
}

pub(crate) fn nft_loads_its_own_listing_of_arbitrary_rules() {
    let (said, compared) = (Cell::new(0), Cell::new(0));
    let conn = RefCell::new(Conn::open().unwrap());
    check(80, some(), |(family, rules)| {
        let (table, mut conn) = (Table::new(family, "t"), conn.borrow_mut());
        said.set(said.get() + rules.len());
        // nft shows nothing of whose they are, and forgets it.
        let rules: Vec<AnyRule> = rules.into_iter().map(|rule| AnyRule { owner: None, ..rule }).collect();
        let mut meant = accepted(&table, &rules);
        meant.retain(|(any, rule)| {
            let inside = any.inside();
            let rules = inside.iter().chain([rule as &Rule]);
            let bytecode = rules.map(|rule| rule.bytecode(table.chain(CHAIN)).unwrap().to_string()).collect::<String>();
            any.is_for_nft(family, &bytecode)
        });
        commit(&mut conn, &table, &mut meant);
        let listing = support::nft_ruleset();
        let read = conn.ruleset(..).unwrap();
        // Of a set of one, whose elements were merged, nft makes none when it loads it.
        let is_one = |set: &SetContents| {
            let is_own = set.info().flags() & (SetFlags::ANONYMOUS | SetFlags::MAP) == SetFlags::ANONYMOUS;
            is_own && set.entries().iter().filter(|entry| !entry.is_interval_end()).count() < 2
        };
        if read.tables()[0].sets().iter().any(is_one) {
            return;
        }
        let ours = shown(&read);
        support::nft_load(&format!("flush ruleset\n{listing}"));
        let theirs = shown(&conn.ruleset(..).unwrap());
        let lines = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
        assert!(ours == theirs, "ours and nft's, {lines:?}:\n{ours}\n{theirs}\n{listing}");
        compared.set(compared.get() + meant.len());
    });
    let (said, compared) = (said.get(), compared.get());
    // Of the rules of a few cases it may be none.
    assert!(compared * 10 > said || said < 200, "{compared} of {said} rules are too few");
}
