//! What each of the batch's verbs does to tables, chains, sets, objects and rules.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::field::ip;
use nftlink::{Batch, Element, Error, Family, Interval, Policy, Rule, RuleHandle, Set, Table, TableFlags, object};

use crate::{Ruleset, append, comments, commit, conn, fw, input, refused, rule};

fn ports() -> Set<nftlink::datum::Port> {
    Set::new(fw(), "ports")
}

fn web() -> object::Named<object::Counter> {
    object::Counter::named(fw(), "web")
}

/// One of each kind.
fn fill(batch: &mut Batch) -> &mut Batch {
    batch.add(&fw()).add(&input()).add(&ports()).add(&web()).add_elements(&ports(), [80]);
    batch.append(input(), rule("a"))
}

pub(crate) fn add_makes_what_is_missing_and_keeps_what_is_there() {
    let mut conn = conn();
    commit(&mut conn, fill);
    let before = Ruleset::read(&mut conn);
    assert_eq!(
        [before.tables.len(), before.chains.len(), before.sets.len(), before.objects.len(), before.rules.len()],
        [1; 5]
    );
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).add(&ports()).add(&web()));
    let after = Ruleset::read(&mut conn);
    assert_eq!(Ruleset { generation: before.generation, ..after }, before);
    assert_eq!(conn.elements(&ports()).unwrap().len(), 1);
}

pub(crate) fn adding_a_chain_again_changes_its_policy() {
    let mut conn = conn();
    commit(&mut conn, fill);
    assert_eq!(conn.chain(input()).unwrap().policy(), Some(Policy::ACCEPT));
    for policy in [Policy::DROP, Policy::ACCEPT] {
        commit(&mut conn, |batch| batch.add(&input().policy(policy)));
        assert_eq!(conn.chain(input()).unwrap().policy(), Some(policy));
    }
    assert_eq!(comments(&mut conn, &input()), ["a"], "its rules stay");
}

pub(crate) fn create_refuses_what_is_there() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.create(&fw()).create(&input()).create(&ports()).create(&web()));
    let verbs: [fn(&mut Batch) -> &mut Batch; 4] =
        [|b| b.create(&fw()), |b| b.create(&input()), |b| b.create(&ports()), |b| b.create(&web())];
    for verb in verbs {
        let error = refused(&mut conn, |batch| verb(batch));
        assert!(error.is_exists(), "{error}");
    }
}

pub(crate) fn delete_removes_each_kind_of_object() {
    let mut conn = conn();
    let verbs: [fn(&mut Batch) -> &mut Batch; 4] =
        [|b| b.delete(&web()), |b| b.delete(&ports()), |b| b.delete(&input()), |b| b.delete(&fw())];
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).add(&ports()).add(&web()));
    for (done, verb) in verbs.into_iter().enumerate() {
        commit(&mut conn, |batch| verb(batch));
        let now = Ruleset::read(&mut conn);
        let left = [now.objects.len(), now.sets.len(), now.chains.len(), now.tables.len()];
        assert_eq!(left.iter().sum::<usize>(), 3 - done, "{left:?}");
        assert_eq!(left[done], 0, "{left:?}");
        let error = refused(&mut conn, |batch| verb(batch));
        assert!(error.is_not_found(), "{error}");
    }
    // And with all that is in it.
    commit(&mut conn, fill);
    commit(&mut conn, |batch| batch.delete(&fw()));
    assert_eq!(conn.tables(..).unwrap(), []);
}

pub(crate) fn delete_refuses_what_is_in_use() {
    let mut conn = conn();
    let target = fw().chain("target");
    let blocked = Set::<Ipv4Addr>::new(fw(), "blocked");
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).add(&target).add(&blocked).add(&web());
        batch.append(input(), Rule::new().when(ip::saddr().in_set(&blocked)).object(web()).jump(&target))
    });
    let errors = [
        refused(&mut conn, |batch| batch.delete(&target)),
        refused(&mut conn, |batch| batch.delete(&blocked)),
        refused(&mut conn, |batch| batch.delete(&web())),
    ];
    for error in errors {
        assert!(error.is_busy(), "{error}");
    }
}

pub(crate) fn destroy_removes_what_is_there_and_accepts_its_absence() {
    let mut conn = conn();
    commit(&mut conn, fill);
    let read = conn.rules(&input()).unwrap().remove(0);
    for left in [0, 0] {
        commit(&mut conn, |batch| batch.destroy(&read).destroy(&web()).destroy(&ports()).destroy(&input()));
        let now = Ruleset::read(&mut conn);
        assert_eq!([now.rules.len(), now.objects.len(), now.sets.len(), now.chains.len()], [left; 4]);
        assert_eq!(now.tables.len(), 1);
    }
    for _ in 0..2 {
        commit(&mut conn, |batch| batch.destroy(&fw()));
        assert_eq!(conn.tables(..).unwrap(), []);
    }
}

pub(crate) fn destroy_is_refused_by_kernels_before_linux_6_3() {
    let mut conn = conn();
    commit(&mut conn, fill);
    let error = refused(&mut conn, |batch| batch.add(&Table::ip("other")).destroy(&fw()));
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    assert_eq!(error.to_string(), "destroy needs Linux 6.3: operation 1 (destroy table inet fw)");
    // But for its own faults such a batch is refused as on any kernel.
    let error = refused(&mut conn, |batch| batch.create(&fw()).add(&Table::ip("other")));
    assert!(error.is_exists(), "{error}");
}

pub(crate) fn flush_empties_a_chain_a_table_or_a_set() {
    let mut conn = conn();
    let other = fw().chain("other").filter(nftlink::Hook::OUTPUT, 0);
    let mut full = Batch::new();
    full.reset(&fw()).add(&input()).add(&other).add(&ports()).add_elements(&ports(), [80, 443]);
    append(&mut full, &["a", "b"]).append(&other, rule("c"));
    conn.commit(&full).unwrap();
    commit(&mut conn, |batch| batch.flush(&input()));
    assert_eq!(comments(&mut conn, &input()), [""; 0]);
    assert_eq!(comments(&mut conn, &other), ["c"]);

    conn.commit(&full).unwrap();
    commit(&mut conn, |batch| batch.flush(&fw()));
    assert_eq!(conn.rules(&fw()).unwrap(), []);
    assert_eq!(conn.chains(&fw()).unwrap().len(), 2, "the chains stay");
    assert_eq!(conn.elements(&ports()).unwrap().len(), 2, "and the elements");

    commit(&mut conn, |batch| batch.flush(&ports()));
    assert_eq!(conn.elements(&ports()).unwrap(), []);
}

pub(crate) fn reset_leaves_an_empty_table_whether_it_was_there_or_not() {
    let mut conn = conn();
    let (fw, other) = (fw().comment("new"), Table::ip("other"));
    for _ in 0..2 {
        commit(&mut conn, |batch| batch.add(&other).reset(&fw));
        let read = conn.table(&fw).unwrap();
        assert_eq!((read.uses(), read.comment()), (0, Some("new")));
        assert_eq!(conn.tables(..).unwrap().len(), 2, "other tables stay");
        commit(&mut conn, fill);
        assert_eq!(conn.table(&fw).unwrap().uses(), 3);
    }
}

pub(crate) fn flush_ruleset_deletes_the_tables_of_all_families() {
    let mut conn = conn();
    let families = [Family::IP, Family::IP6, Family::INET, Family::ARP, Family::BRIDGE, Family::NETDEV];
    commit(&mut conn, |batch| {
        fill(batch);
        families.into_iter().fold(batch, |batch, family| batch.add(&Table::new(family, "t")))
    });
    assert_eq!(conn.tables(..).unwrap().len(), 7);
    commit(&mut conn, |batch| batch.flush_ruleset().add(&Table::ip("after")));
    let names: Vec<_> = conn.tables(..).unwrap().iter().map(|table| table.at().to_string()).collect();
    assert_eq!(names, ["ip after"]);
}

pub(crate) fn append_and_insert_put_rules_at_the_ends() {
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input());
        batch.append(input(), rule("c")).insert(input(), rule("b")).append(input(), rule("d"))
    });
    commit(&mut conn, |batch| batch.append(input(), rule("e")).insert(input(), rule("a")));
    assert_eq!(comments(&mut conn, &input()), ["a", "b", "c", "d", "e"]);
}

fn handle(conn: &mut nftlink::Conn, comment: &str) -> RuleHandle {
    let rules = conn.rules(&input()).unwrap();
    rules.iter().find(|rule| rule.comment() == Some(comment)).expect(comment).handle()
}

pub(crate) fn rules_go_before_and_after_a_handle() {
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).append(input(), rule("first")).append(input(), rule("last"))
    });
    let (first, last) = (handle(&mut conn, "first"), handle(&mut conn, "last"));
    commit(&mut conn, |batch| {
        batch.insert_after(input(), first, rule("after first")).insert_before(input(), last, rule("before last"));
        batch.insert_before(input(), first, rule("before first")).insert_after(input(), last, rule("after last"))
    });
    let order = ["before first", "first", "after first", "before last", "last", "after last"];
    assert_eq!(comments(&mut conn, &input()), order);
    let absent = RuleHandle::from_raw(999);
    let error = refused(&mut conn, |batch| batch.insert_after(input(), absent, rule("x")));
    assert!(error.is_not_found(), "{error}");
}

pub(crate) fn rules_go_before_and_after_an_operation_of_the_same_batch() {
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).append(input(), rule("there"));
        batch.append(input(), rule("first"));
        let first = batch.last();
        batch.append(input(), rule("last"));
        let last = batch.last();
        batch.insert_after(input(), first, rule("after first"));
        let after_first = batch.last();
        batch.insert_after(input(), after_first, rule("after that"));
        batch.insert_before(input(), first, rule("before first"));
        batch.insert_before(input(), last, rule("before last")).insert_after(input(), last, rule("after last"))
    });
    let order = ["there", "before first", "first", "after first", "after that", "before last", "last", "after last"];
    assert_eq!(comments(&mut conn, &input()), order);
}

pub(crate) fn replace_keeps_handle_and_place() {
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input());
        append(batch, &["a", "b", "c"])
    });
    let b = handle(&mut conn, "b");
    commit(&mut conn, |batch| batch.replace(input(), b, Rule::new().comment("new").drop()));
    assert_eq!(comments(&mut conn, &input()), ["a", "new", "c"]);
    let new = conn.rules(&input()).unwrap().remove(1);
    assert_eq!(new.handle(), b);
    assert_eq!(new.bytecode().to_string(), "  [ immediate reg 0 drop ]\n");
}

pub(crate) fn rules_are_deleted_by_handle_by_operation_and_as_read() {
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input());
        append(batch, &["a", "b", "c", "d"]);
        batch.append(input(), rule("never there"));
        let never = batch.last();
        batch.append(input(), rule("e"));
        batch.delete_rule(input(), never)
    });
    assert_eq!(comments(&mut conn, &input()), ["a", "b", "c", "d", "e"]);
    let rules = conn.rules(&input()).unwrap();
    commit(&mut conn, |batch| {
        batch.delete_rule(input(), rules[0].handle()).delete_rule(input(), &rules[2]).delete(&rules[4])
    });
    assert_eq!(comments(&mut conn, &input()), ["b", "d"]);
    let error = refused(&mut conn, |batch| batch.delete(&rules[1]).delete(&rules[0]));
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.rejections().next().unwrap().op().index(), 1);
}

pub(crate) fn what_was_read_can_be_written_back() {
    let mut conn = conn();
    let blocked = Set::<Interval<Ipv4Addr>>::new(fw(), "blocked").timeout(Duration::from_secs(60)).comment("bans");
    let jail = fw().chain("jail").comment("for the blocked");
    commit(&mut conn, |batch| {
        batch.add(&fw().flags(TableFlags::DORMANT).comment("mine"));
        batch.add(&input().policy(Policy::DROP).comment("from outside")).add(&jail);
        batch.add(&blocked).add(&ports().size(9)).add(&web().comment("requests"));
        batch.append(input(), Rule::new().when(ip::saddr().in_set(&blocked)).comment("hello").jump(&jail));
        batch.append(&jail, Rule::new().counter().object(web()).drop());
        batch.add_elements(&blocked, [Element::new(Ipv4Addr::LOCALHOST)])
    });
    let before = Ruleset::read(&mut conn);
    // In the order in which they were made they get the same handles again, as each table has its own count.
    commit(&mut conn, |batch| {
        batch.delete(&before.tables[0]);
        batch.add(&before.tables[0]);
        let batch = before.chains.iter().fold(batch, Batch::add);
        let batch = before.sets.iter().fold(batch, Batch::add);
        let batch = before.objects.iter().fold(batch, Batch::add);
        before.rules.iter().fold(batch, |batch, rule| batch.append(rule, rule))
    });
    let after = Ruleset::read(&mut conn);
    assert_eq!(after.chains, before.chains);
    assert_eq!(after.objects, before.objects);
    assert_eq!(after.rules, before.rules);
    let [was, is] = [&before, &after].map(|ruleset| &ruleset.tables[0]);
    assert_ne!(is.handle(), was.handle(), "it is another table");
    assert_eq!((is.at(), is.flags(), is.comment()), (was.at(), was.flags(), was.comment()));
    for (is, was) in after.sets.iter().zip(&before.sets) {
        assert_eq!((is.at(), is.flags(), is.key_type()), (was.at(), was.flags(), was.key_type()));
        assert_eq!((is.size(), is.timeout(), is.comment()), (was.size(), was.timeout(), was.comment()));
    }
    assert_eq!(conn.elements(&blocked).unwrap(), [], "elements are not a set's own");
}

pub(crate) fn what_was_read_is_deleted_by_its_handle() {
    let mut conn = conn();
    let (a, b) = (fw().chain("a"), fw().chain("b"));
    commit(&mut conn, |batch| batch.add(&fw()).add(&a).add(&b));
    let read = conn.chain(&a).unwrap();
    commit(&mut conn, |batch| batch.rename(&read, "c").add(&Table::ip("x")));
    commit(&mut conn, |batch| batch.add(&a));
    // It has another name, and another one has its name.
    commit(&mut conn, |batch| batch.delete_by_handle(&read));
    let names: Vec<_> = conn.chains(&fw()).unwrap().iter().map(|chain| chain.name().to_string()).collect();
    assert_eq!(names, ["b", "a"]);
    let error = refused(&mut conn, |batch| batch.delete_by_handle(&read));
    let handle = read.handle();
    let text = format!("operation 0 (delete chain inet fw handle {handle}): no such file or directory at handle");
    assert_eq!(error.to_string(), text);

    let table = conn.table(fw()).unwrap();
    commit(&mut conn, |batch| batch.delete_by_handle(&table));
    assert_eq!(conn.tables(..).unwrap().len(), 1);
    commit(&mut conn, |batch| batch.add(&fw()));
    let error = refused(&mut conn, |batch| batch.delete_by_handle(&table));
    let handle = table.handle();
    let text = format!("operation 0 (delete table inet handle {handle}): no such file or directory at handle");
    assert_eq!(error.to_string(), text);
}

pub(crate) fn one_rule_is_read_by_its_handle() {
    let mut conn = conn();
    commit(&mut conn, |batch| append(batch.add(&fw()).add(&input()), &["a", "b"]));
    let rules = conn.rules(&input()).unwrap();
    let read = conn.rule(input(), rules[1].handle()).unwrap();
    assert_eq!((read.comment(), read.handle(), read.position()), (Some("b"), rules[1].handle(), None));
    commit(&mut conn, |batch| batch.delete(&rules[1]));
    let error = conn.rule(input(), rules[1].handle()).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

pub(crate) fn table_sleeps_and_wakes() {
    let mut conn = conn();
    let dormant = fw().flags(TableFlags::DORMANT);
    commit(&mut conn, |batch| append(batch.add(&dormant).add(&input()), &["a"]));
    assert_eq!(conn.table(fw()).unwrap().flags(), TableFlags::DORMANT);
    commit(&mut conn, |batch| batch.add(&fw()));
    let awake = conn.table(fw()).unwrap();
    assert_eq!((awake.flags(), awake.uses()), (TableFlags::empty(), 1));
    commit(&mut conn, |batch| batch.add(&dormant));
    let asleep = conn.table(fw()).unwrap();
    assert_eq!((asleep.flags(), asleep.handle()), (TableFlags::DORMANT, awake.handle()));
    assert_eq!(comments(&mut conn, &input()), ["a"]);
}
