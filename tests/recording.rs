//! A program's own tests with a recording in the kernel's place: neither kernel nor privilege is needed.

use std::net::Ipv4Addr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nftlink::datum::{DataType, Port};
use nftlink::error::Rejection;
use nftlink::expr::{Counter, Verdict};
use nftlink::field::{ip, tcp};
use nftlink::{
    Batch, ChainFlags, Conn, Element, Errno, Error, Feature, Generation, Hook, Interval, Map, Priority, Recording,
    Refusal, Rule, Ruleset, Set, SetFlags, SetRef, Table, UntypedSet, object,
};

fn fw() -> Table {
    Table::inet("fw")
}

fn input() -> nftlink::Chain<nftlink::Hooked> {
    fw().chain("input").filter(Hook::INPUT, Priority::FILTER)
}

fn blocked() -> Set<Interval<Ipv4Addr>> {
    Set::new(fw(), "blocked").timeouts()
}

fn ssh() -> Rule {
    Rule::new().when(tcp::dport().one_of([22, 2222])).counter().accept()
}

fn batch(fill: impl FnOnce(&mut Batch) -> &mut Batch) -> Batch {
    let mut batch = Batch::new();
    fill(&mut batch);
    batch
}

/// A table with a chain, a rule in it, a counter and a set with an element.
fn set_up() -> Batch {
    batch(|batch| {
        batch.reset(&fw()).add(&input()).add(&blocked()).add(&object::Counter::named(fw(), "hits"));
        batch.add_elements(&blocked(), [Element::new(Ipv4Addr::new(10, 0, 0, 1)).timeout(Duration::from_secs(60))]);
        batch.append(input(), ssh())
    })
}

/// What a daemon might do: add a rule where it is missing, and only there.
fn ensure(conn: &mut Conn) -> Result<bool, Error> {
    loop {
        let generation = conn.generation()?;
        if !conn.find_rules(input(), &ssh())?.is_empty() {
            return Ok(false);
        }
        match conn.commit_at(generation, &batch(|batch| batch.append(input(), ssh()))) {
            Err(error) if error.is_stale() => {}
            done => return done.map(|()| true),
        }
    }
}

#[test]
fn a_program_that_finds_its_rule_commits_nothing() {
    let recording = Recording::with(&set_up()).unwrap();
    assert!(!ensure(&mut recording.conn()).unwrap());
    assert_eq!(recording.batches(), []);
}

#[test]
fn a_program_that_misses_its_rule_commits_it_also_when_somebody_is_faster() {
    let recording = Recording::with(&batch(|batch| batch.add(&fw()).add(&input()))).unwrap();
    recording.refuse_next(Refusal::stale());
    let mut conn = recording.conn();
    assert!(ensure(&mut conn).unwrap());
    assert_eq!(recording.batches(), [batch(|batch| batch.append(input(), ssh()))]);
    // What it committed it does not see: the next one would do the same.
    assert!(ensure(&mut conn).unwrap());
    // Unless it should.
    recording.apply_commits(true);
    assert!(ensure(&mut conn).unwrap());
    assert!(!ensure(&mut conn).unwrap());
    assert_eq!(recording.take().len(), 3);
    assert_eq!(recording.batches(), []);
}

#[test]
fn batches_are_kept_in_their_order_with_their_operations() {
    let (mut conn, recording) = Conn::recording();
    let first = batch(|batch| batch.add(&fw()).add(&input()));
    let second = batch(|batch| batch.append(input(), Rule::new().when(ip::saddr().in_set(&blocked())).drop()));
    conn.commit(&first).unwrap();
    conn.check(&second).unwrap();
    conn.commit(&Batch::new()).unwrap();
    conn.commit(&second).unwrap();
    let kept = recording.batches();
    assert_eq!(kept, [first, second]);
    assert_eq!(kept[0].to_string(), "add table inet fw\nadd chain inet fw input\n");
    assert_ne!(kept[0], batch(|batch| batch.create(&fw()).add(&input())));
}

#[test]
fn each_commit_that_says_something_makes_a_generation() {
    let (mut conn, recording) = Conn::recording();
    let first = conn.generation().unwrap();
    assert_ne!(first, Generation::from_raw(0));
    conn.check(&set_up()).unwrap();
    conn.commit(&Batch::new()).unwrap();
    assert_eq!(conn.generation().unwrap(), first);
    conn.commit_at(first, &set_up()).unwrap();
    assert_ne!(conn.generation().unwrap(), first);
    assert!(conn.commit_at(first, &set_up()).unwrap_err().is_stale());
    assert!(conn.commit_at(first, &Batch::new()).unwrap_err().is_stale());
    let second = conn.generation().unwrap();
    recording.set_ruleset(&recording.ruleset().unwrap());
    assert!(conn.commit_at(second, &set_up()).unwrap_err().is_stale());
    assert_eq!(recording.batches(), [set_up()]);
}

#[test]
fn handles_are_new_and_those_of_what_queries_see_when_commits_are_applied() {
    let recording = Recording::with(&set_up()).unwrap();
    let mut conn = recording.conn();
    let rules = batch(|batch| batch.append(input(), ssh()).append(input(), ssh()));
    let there = conn.rules(&input()).unwrap()[0].handle();
    let applied = conn.commit_with_handles(&rules).unwrap();
    assert!(applied.is_complete());
    let first = applied.rule(rules.last()).unwrap();
    let second = conn.commit_with_handles(&rules).unwrap().rule(rules.last()).unwrap();
    assert!(first != there && second != there && first != second);
    assert!(conn.rule(input(), first).unwrap_err().is_not_found());

    recording.apply_commits(true);
    let handle = conn.commit_with_handles(&rules).unwrap().rule(rules.last()).unwrap();
    assert_eq!(conn.rules(&input()).unwrap().last().unwrap().handle(), handle);
    conn.commit(&batch(|batch| batch.delete_rule(input(), handle))).unwrap();
    assert!(conn.rule(input(), handle).unwrap_err().is_not_found());
}

#[test]
fn what_is_absent_is_not_found() {
    let mut conn = Recording::with(&set_up()).unwrap().conn();
    let absent = Table::inet("absent");
    let errors = [
        conn.table(&absent).unwrap_err(),
        conn.rules(&absent).unwrap_err(),
        conn.chain(fw().chain("absent")).unwrap_err(),
        conn.set(Set::<Port>::new(fw(), "absent")).unwrap_err(),
        conn.elements(&Set::<Port>::new(fw(), "absent")).unwrap_err(),
        conn.element(&blocked(), Ipv4Addr::new(10, 0, 0, 2)).unwrap_err(),
        conn.counter(object::Counter::named(fw(), "absent")).unwrap_err(),
        conn.ruleset(&absent).unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_not_found(), "{error}");
    }
    assert!(matches!(conn.elements(&Set::<Port>::new(fw(), "blocked")).unwrap_err(), Error::WrongType(_)));
}

#[test]
fn refused_operations_are_told_as_the_kernel_tells_them() {
    let (mut conn, recording) = Conn::recording();
    let batch = set_up();
    for op in 0..batch.len() {
        recording.refuse_next(Refusal::operation(op, Errno::EBUSY));
        let error = conn.commit(&batch).unwrap_err();
        assert!(error.is_busy(), "{error}");
        let [rejection] = &error.rejections().collect::<Vec<_>>()[..] else { panic!("{error}") };
        assert_eq!((rejection.op().index(), rejection.path()), (op, None));
    }
    recording.refuse_next(Refusal::operations([(5, Errno::ENOENT), (0, Errno::EEXIST)]));
    let error = conn.check(&batch).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 operations refused:\n  operation 0 (add table inet fw): file exists\n  \
         operation 5 (add rule inet fw input): no such file or directory"
    );
    // There is no such operation: nothing is refused.
    recording.refuse_next(Refusal::operation(batch.len(), Errno::EBUSY));
    conn.commit(&batch).unwrap();
    // Each meets one batch, in their order.
    recording.refuse_next(Errno::EEXIST);
    recording.refuse_next(Errno::ENOENT);
    assert!(conn.commit(&batch).unwrap_err().is_exists());
    assert!(conn.commit(&batch).unwrap_err().is_not_found());
    conn.commit(&batch).unwrap();
    assert_eq!(recording.take(), [batch.clone(), batch]);
}

#[test]
fn batches_are_refused_as_a_whole_and_at_the_commit() {
    let (mut conn, recording) = Conn::recording();
    recording.refuse_next(Refusal::whole(Errno::EPERM));
    let error = conn.commit(&set_up()).unwrap_err();
    assert!(error.is_permission_denied() && matches!(error, Error::Commit(_)), "{error:?}");
    recording.refuse_next(Refusal::commit(Errno::ENOMEM));
    conn.check(&set_up()).unwrap();
    let error = conn.commit(&set_up()).unwrap_err();
    assert_eq!(error.to_string(), "every operation is valid, the commit failed: cannot allocate memory");
    assert!(matches!(error, Error::Commit(_)), "{error:?}");
    conn.commit(&set_up()).unwrap();
    assert_eq!(recording.batches().len(), 1);
}

#[test]
fn a_lost_answer_leaves_the_fate_unknown_and_the_batch_applied() {
    let (mut conn, recording) = Conn::recording();
    recording.apply_commits(true);
    recording.refuse_next(Refusal::lost());
    assert!(matches!(conn.commit(&set_up()).unwrap_err(), Error::FateUnknown { reason: Errno::ENOBUFS }));
    assert_eq!(recording.batches(), [set_up()]);
    assert_eq!(conn.tables(..).unwrap().len(), 1);
}

#[test]
fn a_staleness_waits_for_a_commit_that_demands_a_generation() {
    let (mut conn, recording) = Conn::recording();
    recording.refuse_next(Refusal::stale());
    conn.commit(&set_up()).unwrap();
    let generation = conn.generation().unwrap();
    assert!(conn.commit_at(generation, &set_up()).unwrap_err().is_stale());
    assert_ne!(conn.generation().unwrap(), generation, "somebody was faster");
}

#[test]
fn without_a_privilege_nothing_is_answered() {
    let recording = Recording::with(&set_up()).unwrap();
    let mut conn = recording.conn();
    recording.refuse_all(Errno::EPERM);
    assert!(conn.generation().unwrap_err().is_permission_denied());
    assert!(conn.ruleset(..).unwrap_err().is_permission_denied());
    assert!(conn.element(&blocked(), Ipv4Addr::LOCALHOST).unwrap_err().is_permission_denied());
    assert!(conn.reset_rules(..).unwrap_err().is_permission_denied());
    assert!(conn.commit(&set_up()).unwrap_err().is_permission_denied());
    recording.refuse_all(None);
    assert_eq!(conn.ruleset(..).unwrap(), recording.ruleset().unwrap());
    assert_eq!(recording.batches(), []);
}

#[test]
fn elements_are_merged_into_what_queries_see() {
    let recording = Recording::with(&set_up()).unwrap();
    let mut conn = recording.conn();
    recording.apply_commits(true);
    let nets = Set::<Interval<Ipv4Addr>>::new(fw(), "nets");
    conn.commit(&batch(|batch| batch.add(&nets))).unwrap();
    // Also when somebody is faster.
    recording.refuse_next(Refusal::stale());
    conn.add_merged(&nets, [Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8)]).unwrap();
    conn.add_merged(&nets, [Ipv4Addr::new(10, 1, 2, 3)]).unwrap();
    conn.delete_merged(&nets, [Ipv4Addr::new(10, 0, 0, 0)]).unwrap();
    let found: Vec<String> = conn.elements(&nets).unwrap().iter().map(|e| e.key().unwrap().to_string()).collect();
    assert_eq!(found, ["10.0.0.1-10.255.255.255"]);
}

#[test]
fn what_a_batch_makes_is_read_as_the_kernel_would_tell_it() {
    let verdicts = Map::<Interval<Port>, Verdict>::new(fw(), "verdicts");
    let counted = Set::<Port>::new(fw(), "counted").counters();
    let recording = Recording::with(&batch(|batch| {
        batch.add(&fw()).add(&input()).add(&fw().chain("log")).add(&verdicts).add(&counted).add(&blocked());
        batch.add_elements(&verdicts, [(1..=1023, Verdict::jump("log"))]).add_elements(&counted, [80]);
        batch.append(input(), Rule::new().jump_rules([Rule::new().counter().drop()]));
        let own = batch.last();
        batch.insert_before(input(), own, ssh())
    }));
    let recording = recording.unwrap();
    let mut conn = recording.conn();
    let ruleset = conn.ruleset(..).unwrap();
    let table = &ruleset.tables()[0];
    assert_eq!((table.info().uses(), table.rules().len(), table.sets().len()), (6, 3, 4));
    let own = table.chains().iter().find(|chain| chain.flags().contains(ChainFlags::BINDING)).unwrap();
    assert_eq!((own.uses(), table.rules_of(own).count()), (3, 1));
    let rules: Vec<_> = table.rules_of(input()).collect();
    assert_eq!(rules[1].position(), Some(rules[0].handle()));
    assert_eq!(conn.find_rules(input(), &ssh()).unwrap(), [rules[0].clone()]);
    assert_eq!(conn.elements(&counted).unwrap()[0].counter(), Some(Counter::default()));
    assert!(conn.element(&verdicts, 80).unwrap().value() == &Verdict::jump("log"));
    assert!(ruleset.tables()[0].sets().iter().any(|set| set.info().flags().contains(SetFlags::ANONYMOUS)));

    // What a rule had to itself goes with it.
    recording.apply(&batch(|batch| batch.flush(&input()))).unwrap();
    let table = conn.ruleset(&fw()).unwrap();
    assert_eq!((table.tables()[0].chains().len(), table.tables()[0].sets().len()), (2, 3));
    assert_eq!(table.tables()[0].rules().len(), 0);
}

#[test]
fn timeouts_stand_still_and_start_anew() {
    let recording = Recording::with(&set_up()).unwrap();
    let left = |recording: &Recording| {
        let found = recording.conn().elements(&blocked()).unwrap();
        found.iter().map(|element| (element.timeout(), element.expires())).collect::<Vec<_>>()
    };
    let minute = Some(Duration::from_secs(60));
    assert_eq!(left(&recording), [(minute, minute)]);
    let refreshed = Element::new(Ipv4Addr::new(10, 0, 0, 1)).timeout(Duration::from_secs(600));
    recording.apply(&batch(|batch| batch.refresh_elements(&blocked(), [refreshed]))).unwrap();
    assert_eq!(left(&recording), [(Some(Duration::from_secs(600)), Some(Duration::from_secs(600)))]);
}

#[test]
fn resets_set_to_zero_what_is_read_next() {
    let recording = Recording::with(&batch(|batch| {
        let hits = object::Counter::named(fw(), "hits").with(Counter::new(3, 300));
        let mut month = object::Quota::new(100);
        month.consumed = 80;
        batch.add(&fw()).add(&input()).add(&hits).add(&month.named(fw(), "month"));
        batch.append(input(), Rule::new().expr(Counter::new(7, 70)))
    }));
    let mut conn = recording.unwrap().conn();
    assert_eq!(conn.reset_rules(..).unwrap()[0].counter(), Some(Counter::new(7, 70)));
    assert_eq!(conn.rules(..).unwrap()[0].counter(), Some(Counter::default()));
    let hits = object::Counter::named(fw(), "hits");
    assert_eq!(conn.reset_counter(&hits).unwrap(), Counter::new(3, 300));
    assert_eq!(conn.counter(&hits).unwrap(), Counter::default());
    let month = object::Quota::new(100).named(fw(), "month");
    assert_eq!(conn.reset_object_value::<object::Quota>(&month).unwrap().consumed, 80);
    assert_eq!(conn.object_value::<object::Quota>(&month).unwrap(), object::Quota::new(100));
}

#[test]
fn what_a_recording_cannot_follow_it_says_and_changes_nothing() {
    let recording = Recording::with(&set_up()).unwrap();
    let before = recording.ruleset().unwrap();
    let chain = recording.conn().chain(input()).unwrap();
    let error = recording.apply(&batch(|batch| batch.add(&Table::ip("new")).rename(&chain, "other"))).unwrap_err();
    assert_eq!(error.errno(), Some(Errno::EOPNOTSUPP));
    assert_eq!(error.rejections().next().unwrap().message(), Some("a recording does not rename chains"));
    assert_eq!(recording.ruleset().unwrap(), before);
    let error = Recording::with(&batch(|batch| batch.append(input(), ssh()))).unwrap_err();
    assert!(error.is_not_found());
    // A set that a rule has to itself is no other's; one that no rule has is a mistake of the whole.
    let rule = recording.conn().rules(&input()).unwrap().remove(0);
    assert!(recording.apply(&batch(|batch| batch.append(input(), &rule))).unwrap_err().is_busy());
    let mut unbound = UntypedSet::new(SetRef::new(fw(), "__set%d"), DataType::INET_SERVICE, 2);
    unbound.flags = SetFlags::ANONYMOUS | SetFlags::CONSTANT;
    let error = recording.apply(&batch(|batch| batch.add(&unbound))).unwrap_err();
    assert!(matches!(error, Error::Commit(_)), "{error:?}");
    // Intervals that overlap, the kernel would refuse.
    let overlapping = Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8);
    let error = recording.apply(&batch(|batch| batch.add_elements(&blocked(), [overlapping]))).unwrap_err();
    assert!(error.is_exists(), "{error}");
}

#[test]
fn large_listings_are_whole() {
    let ports = Set::<(Ipv4Addr, Port)>::new(fw(), "ports");
    let keys = || (0..20_000u32).map(|n| (Ipv4Addr::from(0x0a00_0000 + n), 80));
    let recording = Recording::with(&batch(|batch| {
        batch.add(&fw()).add(&input()).add(&ports).add_elements(&ports, keys());
        (0..2000).fold(batch, |batch, n| batch.append(input(), Rule::new().counter().comment(format!("{n}"))))
    }));
    let mut conn = recording.unwrap().conn();
    // The second time a listing is known to be large.
    for _ in 0..2 {
        assert_eq!(conn.elements(&ports).unwrap().len(), 20_000);
        let rules = conn.rules(..).unwrap();
        assert!(rules.iter().enumerate().all(|(n, rule)| rule.comment() == Some(&*n.to_string())));
        assert_eq!(rules.len(), 2000);
    }
    assert!(conn.element(&ports, (Ipv4Addr::new(10, 0, 0, 77), 80)).is_ok());
}

#[test]
fn a_recording_is_made_of_a_file() {
    let bytes = Recording::with(&set_up()).unwrap().ruleset().unwrap().to_bytes();
    let ruleset = Ruleset::from_bytes(&bytes).unwrap();
    let recording = Recording::of(&ruleset);
    assert_eq!(recording.ruleset().unwrap(), ruleset);
    assert_eq!(recording.conn().generation().unwrap(), ruleset.generation());
    assert!(Recording::of(&Ruleset::from_bytes(&[]).unwrap()).ruleset().unwrap().tables().is_empty());
}

#[test]
fn each_connection_owns_tables_of_its_own() {
    let recording = Recording::new();
    recording.apply_commits(true);
    let (mut conn, other) = (recording.conn(), recording.conn());
    conn.commit(&batch(|batch| batch.add(&fw().owned()))).unwrap();
    let table = conn.table(fw()).unwrap();
    assert!(conn.owns(&table) && !other.owns(&table));
}

#[test]
fn connections_to_one_recording_may_be_on_several_threads() {
    let recording = Recording::new();
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let (mut conn, sender) = (recording.conn(), sender.clone());
            thread::spawn(move || {
                for m in 0..100 {
                    let table = Table::ip(format!("t{n}-{m}"));
                    conn.commit(&batch(|batch| batch.add(&table))).unwrap();
                }
                sender.send(n).unwrap();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(receiver.try_iter().count(), 8);
    assert_eq!(recording.take().len(), 800);
    assert_eq!(recording.conn().generation().unwrap(), Generation::from_raw(801));
}

#[test]
fn what_a_kernel_lacks_is_told_of_the_first_operation_that_needs_it() {
    let recording = Recording::with(&set_up()).unwrap();
    recording.lack([Feature::CatchAll, Feature::Destroy, Feature::RuleReset]);
    let mut conn = recording.conn();
    let elements = batch(|batch| batch.add(&fw()).add(&blocked()).add_elements(&blocked(), [Element::catch_all()]));
    let error = conn.commit(&elements).unwrap_err();
    let text = "a catch-all element needs Linux 5.13: operation 2 (add element inet fw blocked)";
    assert_eq!(error.to_string(), text);
    // The newest, and how many others were refused.
    let both = batch(|batch| {
        batch.add(&fw()).add(&blocked()).add_elements(&blocked(), [Element::catch_all()]).destroy(&Table::ip("other"))
    });
    let error = conn.check(&both).unwrap_err();
    assert_eq!(error.to_string(), "destroy needs Linux 6.3: operation 3 (destroy table ip other) and 1 more");
    assert_eq!((error.rejections().count(), error.errno()), (2, error.rejections().next().map(Rejection::errno)));
    assert!(!error.is_not_found() && !error.is_exists() && !error.is_permission_denied(), "{error:?}");
    // A query has no operations.
    let error = conn.reset_rules(..).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.errno()), ("resetting rules needs Linux 6.2", None));
    recording.lack([]);
    conn.commit(&elements).unwrap();
}

#[test]
fn a_recording_has_no_hooks_of_the_kernel() {
    let error = Recording::new().conn().hooks(..).unwrap_err();
    assert!(matches!(error, Error::Unsupported { since: "5.14", .. }), "{error:?}");
}
