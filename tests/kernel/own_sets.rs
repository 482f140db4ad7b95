//! Sets that a rule has to itself.

use std::net::Ipv4Addr;

use nftlink::datum::{Mark, Port};
use nftlink::expr::Verdict;
use nftlink::field::{concat, ip, meta, tcp};
use nftlink::{Batch, Interval, Rule, Set, SetFlags};

use crate::{comments, commit, conn, fw, input, refused};

fn services() -> Rule {
    Rule::new().when(tcp::dport().one_of([22, 80])).accept()
}

pub(crate) fn they_come_and_go_with_their_rule() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    let mut batch = Batch::new();
    batch.append(input(), services());
    let op = batch.last();
    let applied = conn.commit_with_handles(&batch).unwrap();
    let rules = conn.rules(&input()).unwrap();
    assert_eq!(applied.rule(op), Some(rules[0].handle()));
    let sets = conn.sets(&fw()).unwrap();
    assert_eq!(sets.len(), 1);
    assert!(sets[0].flags().contains(SetFlags::ANONYMOUS | SetFlags::CONSTANT));
    let mut keys: Vec<u16> = conn
        .elements(&sets[0].typed::<Port>().unwrap())
        .unwrap()
        .iter()
        .map(|element| element.key().unwrap().get())
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, [22, 80]);
    commit(&mut conn, |batch| batch.delete(&rules[0]));
    assert!(conn.sets(&fw()).unwrap().is_empty());
}

pub(crate) fn rules_that_have_them_go_before_after_and_instead_of_others() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    let mut batch = Batch::new();
    batch.append(input(), services().comment("second"));
    let second = batch.last();
    batch.insert_before(input(), second, services().comment("first"));
    batch.insert_after(input(), second, services().comment("third"));
    batch.append(input(), services().comment("fourth"));
    conn.commit(&batch).unwrap();
    assert_eq!(comments(&mut conn, &input()), ["first", "second", "third", "fourth"]);
    assert_eq!(conn.sets(&fw()).unwrap().len(), 4);

    let rules = conn.rules(&input()).unwrap();
    commit(&mut conn, |batch| batch.replace(input(), rules[1].handle(), services().comment("new")));
    assert_eq!(comments(&mut conn, &input()), ["first", "new", "third", "fourth"]);
    assert_eq!(conn.sets(&fw()).unwrap().len(), 4);

    batch.clear();
    batch.append(input(), services());
    let op = batch.last();
    batch.delete_rule(input(), op);
    conn.commit(&batch).unwrap();
    assert_eq!(conn.sets(&fw()).unwrap().len(), 4);
}

pub(crate) fn several_of_one_rule_stay_apart() {
    let mut conn = conn();
    let other = fw().chain("other");
    let rule = Rule::new()
        .when(tcp::dport().one_of([22, 80]))
        .when(
            ip::saddr()
                .none_of([Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8), Interval::value(Ipv4Addr::LOCALHOST)]),
        )
        .set(meta::mark(), tcp::dport().map([(22, 1), (80, 2)]))
        .vmap(concat((ip::saddr(), tcp::dport())), [((Ipv4Addr::LOCALHOST, 22), Verdict::jump(&other))])
        .drop();
    commit(&mut conn, |batch| batch.add(&fw()).add(&other).add(&input()).append(input(), &rule).append(input(), &rule));
    assert_eq!(conn.sets(&fw()).unwrap().len(), 8);
    let rules = conn.rules(&input()).unwrap();
    for read in &rules {
        assert_eq!(conn.normalized(read).unwrap(), rule.normalized(input()).unwrap());
    }
    assert_ne!(rules[0].bytecode().to_string(), rules[1].bytecode().to_string(), "the sets have names of their own");
    let sets = conn.sets(&fw()).unwrap();
    let marks = sets.iter().filter(|set| set.typed_map::<Port, Mark>().is_some());
    assert_eq!(marks.count(), 2);
}

pub(crate) fn refusals_beside_them_name_the_operation_and_the_step() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    let absent = Set::<Ipv4Addr>::new(fw(), "absent");
    let error = refused(&mut conn, |batch| {
        let rule = Rule::new().when(tcp::dport().one_of([22, 80])).when(ip::saddr().in_set(&absent)).accept();
        batch.append(input(), services()).append(input(), rule)
    });
    let refusal = error.rejections().next().unwrap();
    assert_eq!((error.rejections().count(), refusal.op().index(), refusal.step()), (1, 1, Some(1)), "{error}");
    assert!(
        error.to_string().starts_with("operation 1 (add rule inet fw input): no such file or directory"),
        "{error}"
    );

    // A chain that is not there, in a map of the rule's own.
    let error = refused(&mut conn, |batch| {
        let nowhere = Verdict::jump("nowhere");
        batch.append(input(), Rule::new().vmap(tcp::dport(), [(22, Verdict::ACCEPT), (80, nowhere)]))
    });
    assert!(error.is_not_found());
    let refusal = error.rejections().next().unwrap();
    assert!(refusal.path().unwrap().to_string().starts_with("elements[1]"), "{error}");
    assert!(error.to_string().contains("80 : jump -> nowhere"), "{error}");
}

pub(crate) fn empty_one_matches_nothing() {
    let mut conn = conn();
    let none = Rule::new().when(tcp::dport().one_of([0u16; 0])).drop();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).append(input(), &none));
    let sets = conn.sets(&fw()).unwrap();
    assert_eq!((sets.len(), conn.elements(&sets[0]).unwrap().len()), (1, 0));
    assert_eq!(conn.find_rules(input(), &none).unwrap().len(), 1);
}
