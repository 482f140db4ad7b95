//! A commit as a whole: all or nothing, at which generation, with which handles.

use std::net::Ipv4Addr;

use nftlink::{Batch, Chain, Errno, Error, Generation, Handle, Hook, Rule, Set, Table, datum::Port, object};

use crate::{Ruleset, append, comments, commit, conn, fw, input, refused, rule};

/// What older kernels say to chains that jump in a circle, where newer ones say `EMLINK`.
const ELOOP: Errno = Errno::from_raw(40);

fn ports() -> Set<Port> {
    Set::new(fw(), "ports")
}

pub(crate) fn each_commit_makes_the_next_generation() {
    let mut conn = conn();
    let first = conn.generation().unwrap().get();
    for n in 1..4 {
        commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
        assert_eq!(conn.generation().unwrap().get(), first + n);
    }
}

pub(crate) fn stale_generation_changes_nothing() {
    let (mut conn, mut other) = (conn(), conn());
    let mut batch = Batch::new();
    batch.add(&fw());
    let read_at = conn.generation().unwrap();
    commit(&mut other, |batch| batch.add(&Table::ip("other")));
    let before = Ruleset::read(&mut conn);
    let error = conn.commit_at(read_at, &batch).unwrap_err();
    assert!(error.is_stale(), "{error}");
    assert!(matches!(error, Error::Stale { expected } if expected == read_at.get()), "{error:?}");
    assert_eq!(Ruleset::read(&mut conn), before);
    conn.commit_at(before.generation, &batch).unwrap();
    assert!(conn.table(fw()).is_ok());
    // A program may have kept the number for a while.
    let kept = Generation::from_raw(before.generation.get());
    assert!(conn.commit_at(kept, &batch).unwrap_err().is_stale());
}

pub(crate) fn check_changes_nothing() {
    let mut conn = conn();
    commit(&mut conn, |batch| append(batch.add(&fw()).add(&input()), &["a"]));
    let before = Ruleset::read(&mut conn);
    let mut batch = Batch::new();
    append(batch.reset(&fw()).add(&input()).add(&ports()).add_elements(&ports(), [80]), &["b", "c"]);
    conn.check(&batch).unwrap();
    assert_eq!(Ruleset::read(&mut conn), before);
    conn.commit(&batch).unwrap();
    assert_eq!(comments(&mut conn, &input()), ["b", "c"]);
}

pub(crate) fn check_finds_what_the_kernel_would_refuse() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()));
    let mut batch = Batch::new();
    batch.add(&input()).create(&fw()).append(input(), rule("a").jump(fw().chain("absent")));
    let error = conn.check(&batch).unwrap_err();
    assert_eq!(refusals(&error), [(1, Errno::EEXIST), (2, Errno::ENOENT)], "{error}");
    // Also the first operation alone, whose refusal the kernel tells as it tells a failed commit.
    let mut batch = Batch::new();
    batch.delete(&Table::ip("absent"));
    let error = conn.check(&batch).unwrap_err();
    assert_eq!(refusals(&error), [(0, Errno::ENOENT)], "{error}");
}

fn refusals(error: &Error) -> Vec<(usize, Errno)> {
    error.rejections().map(|rejection| (rejection.op().index(), rejection.errno())).collect()
}

pub(crate) fn handles_of_all_kinds_agree_with_the_listing() {
    let mut conn = conn();
    // So that they are not all the first of their kind.
    commit(&mut conn, |batch| batch.add(&Table::ip("other")).add(&fw()).add(&fw().chain("other")));
    let web = object::Counter::named(fw(), "web");
    let mut batch = Batch::new();
    let mut op = |add: &dyn Fn(&mut Batch) -> &mut Batch| add(&mut batch).last();
    let reset = op(&|batch| batch.reset(&fw()));
    let chain = op(&|batch| batch.add(&input()));
    let set = op(&|batch| batch.add(&ports()));
    let elements = op(&|batch| batch.add_elements(&ports(), [80]));
    let object = op(&|batch| batch.add(&web));
    let first = op(&|batch| batch.append(input(), rule("first")));
    let last = op(&|batch| batch.append(input(), rule("last")));
    let before_last = op(&|batch| batch.insert_before(input(), last, rule("before last")));
    let applied = conn.commit_with_handles(&batch).unwrap();
    assert!(applied.is_complete());
    let now = Ruleset::read(&mut conn);
    assert_eq!(applied.handle(reset), Some(Handle::Table(conn.table(fw()).unwrap().handle())));
    assert_eq!(applied.handle(chain), Some(Handle::Chain(now.chains[0].handle())));
    assert_eq!(applied.handle(set), now.sets[0].handle().map(Handle::Set));
    assert_eq!(applied.handle(object), Some(Handle::Object(now.objects[0].handle())));
    assert_eq!(applied.handle(elements), None);
    assert_eq!(comments(&mut conn, &input()), ["first", "before last", "last"]);
    let rules = [first, before_last, last].map(|op| applied.rule(op));
    assert_eq!(rules.to_vec(), now.rules.iter().map(|rule| Some(rule.handle())).collect::<Vec<_>>());
    // They are good for what handles are for.
    commit(&mut conn, |batch| batch.delete_rule(input(), rules[1].unwrap()));
    assert_eq!(comments(&mut conn, &input()), ["first", "last"]);
}

pub(crate) fn one_bad_operation_undoes_all_others() {
    let mut conn = conn();
    commit(&mut conn, |batch| append(batch.add(&fw()).add(&input()), &["a"]));
    for bad in 0..5 {
        let error = refused(&mut conn, |batch| {
            for n in 0..5 {
                match n {
                    n if n == bad => batch.add(&Chain::new(Table::ip("absent"), "c")),
                    0 => batch.flush(&input()),
                    1 => batch.add(&Table::ip("new")),
                    2 => batch.add(&ports()).add_elements(&ports(), [80]),
                    3 => batch.append(input(), rule("b")),
                    _ => batch.delete(&input()).delete(&fw()),
                };
            }
            batch
        });
        assert!(error.is_not_found(), "{error}");
        assert_eq!(comments(&mut conn, &input()), ["a"]);
    }
}

pub(crate) fn refused_batch_can_be_committed_once_the_obstacle_is_gone() {
    let mut conn = conn();
    let mut batch = Batch::new();
    append(batch.create(&input()), &["a"]);
    let (error, bytes) = (conn.commit(&batch).unwrap_err(), batch.as_bytes().to_vec());
    assert!(error.is_not_found(), "the table is missing: {error}");
    commit(&mut conn, |batch| batch.add(&fw()));
    conn.commit(&batch).unwrap();
    assert_eq!(batch.as_bytes(), bytes, "it is only borrowed");
    let error = conn.commit(&batch).unwrap_err();
    assert!(error.is_exists(), "now the chain is there: {error}");
    commit(&mut conn, |batch| batch.reset(&fw()));
    conn.commit(&batch).unwrap();
    assert_eq!(comments(&mut conn, &input()), ["a"]);
}

pub(crate) fn cleared_batch_is_a_new_one() {
    let mut conn = conn();
    let mut batch = Batch::new();
    for round in ["a", "b"] {
        batch.clear();
        assert!(batch.is_empty());
        append(batch.reset(&fw()).add(&input()), &[round]);
        conn.commit(&batch).unwrap();
        assert_eq!(comments(&mut conn, &input()), [round]);
    }
    batch.clear();
    batch.add(&Table::inet(""));
    assert!(matches!(conn.commit(&batch), Err(Error::Build(_))));
    batch.clear();
    assert_eq!(batch, Batch::new());
    batch.add(&Table::ip("after"));
    conn.commit(&batch).unwrap();
    assert!(conn.table(Table::ip("after")).is_ok());
}

pub(crate) fn warm_commit_allocates_nothing() {
    let mut conn = conn();
    let blocked = Set::<Ipv4Addr>::new(fw(), "blocked");
    let mut batch = Batch::new();
    batch.add(&fw()).add(&blocked);
    conn.commit(&batch).unwrap();
    let mut events = |addresses: std::ops::Range<u32>| {
        for address in addresses.map(Ipv4Addr::from_bits) {
            batch.clear();
            batch.add_elements(&blocked, [address]);
            conn.commit(&batch).unwrap();
            batch.clear();
            batch.delete_elements(&blocked, [address]);
            conn.commit(&batch).unwrap();
        }
    };
    events(1..3);
    let anew = allocation_counter::measure(|| events(3..53));
    assert_eq!(anew.count_total, 0);
}

pub(crate) fn empty_batch_does_nothing() {
    let mut conn = conn();
    let (generation, batch) = (conn.generation().unwrap(), Batch::new());
    conn.commit(&batch).unwrap();
    conn.check(&batch).unwrap();
    conn.commit_at(generation, &batch).unwrap();
    assert_eq!(conn.commit_with_handles(&batch).unwrap().handle(batch.last()), None);
    assert_eq!(conn.generation().unwrap(), generation);
}

pub(crate) fn what_fails_only_at_the_commit_is_never_success() {
    let mut conn = conn();
    let (one, two) = (fw().chain("one"), fw().chain("two"));
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).add(&one).add(&two));
    // Each of these rules is valid; together they jump in a circle.
    let error = refused(&mut conn, |batch| {
        batch.append(&one, Rule::new().jump(&two)).append(&two, Rule::new().jump(&one));
        batch.append(input(), Rule::new().jump(&one))
    });
    assert!(matches!(error.errno(), Some(Errno::EMLINK | ELOOP)), "{error}");
    // Translating addresses is for chains of kind nat: the kernel looks when the rules are complete.
    let wrong = fw().chain("wrong").filter(Hook::OUTPUT, 0);
    let error = refused(&mut conn, |batch| batch.add(&wrong).append(&wrong, Rule::new().masquerade()));
    assert_eq!(error.errno(), Some(Errno::EOPNOTSUPP), "{error}");
}

pub(crate) fn connection_works_after_each_kind_of_error() {
    let mut conn = conn();
    let absent = Set::<Port>::new(fw(), "absent");
    let generation = conn.generation().unwrap();
    for _ in 0..3 {
        assert!(conn.set(&absent).unwrap_err().is_not_found());
        assert!(conn.element(&absent, 80).unwrap_err().is_not_found());
        assert!(refused(&mut conn, |batch| batch.delete(&fw())).is_not_found());
        let many = vec!["a"; 1000];
        let error = refused(&mut conn, |batch| append(batch, &many));
        assert!(error.rejections().len() > 0, "{error}");
        let mut batch = Batch::new();
        batch.add(&Table::ip("other"));
        let stale = Generation::from_raw(generation.get().wrapping_add(1));
        assert!(conn.commit_at(stale, &batch).unwrap_err().is_stale());
        assert_eq!(conn.generation().unwrap(), generation);
        assert!(conn.tables(..).unwrap().is_empty());
    }
    commit(&mut conn, |batch| batch.add(&fw()));
    assert_eq!(conn.tables(..).unwrap().len(), 1);
}
