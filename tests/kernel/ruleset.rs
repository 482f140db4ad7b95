//! The whole ruleset as a value, and the file that the example program keeps it in.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::Port;
use nftlink::expr::{Limit, Quota, Verdict};
use nftlink::field::{ip, tcp};
use nftlink::object::{Counter, ObjectOf};
use nftlink::{
    Batch, Conn, Element, Family, Hook, Interval, Map, Policy, Priority, Rule, Ruleset, Set, SetFlags, Table,
};

use crate::support::state::shown;
use crate::{commit, conn, file, fw};

/// A table with what is hard to put back: what rules have to themselves, references of every kind, what runs on.
fn build(conn: &mut Conn) {
    let input = fw().chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::ACCEPT).comment("first");
    let other = fw().chain("other");
    let blocked = Set::<Interval<Ipv4Addr>>::new(fw(), "blocked").timeout(Duration::from_secs(3600)).counters();
    let to = Map::<Port, Verdict>::new(fw(), "to");
    let web = Counter::named(fw(), "web").with(Counter::new(7, 420));
    let quota = Quota::new(1 << 20).named(fw(), "quota");
    let counters = Map::<Port, ObjectOf<Counter>>::new(fw(), "counters");
    commit(conn, |batch| {
        batch.add(&fw().comment("all of it")).add(&web).add(&quota).add(&blocked).add(&to).add(&counters);
        batch.add(&input).add(&other);
        let ban = Element::new(Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8)).timeout(Duration::from_secs(600));
        batch.add_elements(&blocked, [ban.comment("net")]);
        batch.add_elements(&blocked, [Interval::at_least(Ipv4Addr::new(240, 0, 0, 0))]);
        batch.add_elements(&to, [(22, Verdict::jump("other")), (23, Verdict::DROP)]);
        batch.add_elements(&counters, [(80, &web)]);
        batch.append(&input, Rule::new().vmap(tcp::dport(), &to));
        batch.append(&input, Rule::new().when(ip::saddr().in_set(&blocked)).drop().comment("bans"));
        batch.append(&input, Rule::new().when(tcp::dport().one_of([Port::new(1), Port::new(2)])).counter());
        batch.append(&input, Rule::new().object_map(tcp::dport(), &counters));
        batch.append(&input, Rule::new().object(&quota).limit(Limit::packets(3, Limit::MINUTE)));
        let inside = [Rule::new().when(tcp::dport().one_of([7, 8, 9])).accept(), Rule::new().jump(&other)];
        batch.append(&input, Rule::new().when(tcp::sport().eq(5)).jump_rules(inside));
        batch.append(&other, Rule::new().expr(nftlink::expr::Counter::new(3, 99)).accept())
    });
}

/// What would be written: the same batch for the same ruleset.
fn again(ruleset: &Ruleset) -> Batch {
    let mut batch = Batch::new();
    batch.flush_ruleset().add_ruleset(ruleset);
    batch
}

pub(crate) fn all_that_is_in_a_table_is_put_back_in_one_step() {
    let mut conn = conn();
    build(&mut conn);
    let before = conn.ruleset(..).unwrap();
    let table = before.table(fw()).unwrap();
    assert_eq!((table.chains().len(), table.rules().len(), table.objects().len()), (3, 9, 2));
    let own = table.sets().iter().filter(|set| set.info().flags().contains(SetFlags::ANONYMOUS));
    assert_eq!((table.sets().len(), own.count()), (5, 2));
    conn.commit_at(before.generation(), &again(&before)).unwrap();
    let after = conn.ruleset(..).unwrap();
    assert_eq!(shown(&after), shown(&before));
    assert_ne!(after.generation(), before.generation());

    // Not only the same to look at: what was counted, used up, and left is there.
    assert_eq!(conn.object_value::<Counter>(Counter::named(fw(), "web")).unwrap(), Counter::new(7, 420));
    let counted = conn.rules(fw().chain("other").at()).unwrap()[0].counter();
    assert_eq!(counted, Some(nftlink::expr::Counter::new(3, 99)));
    let blocked = Set::<Interval<Ipv4Addr>>::new(fw(), "blocked");
    let ban = conn.element(&blocked, Ipv4Addr::new(10, 1, 2, 3)).unwrap();
    assert_eq!((ban.comment(), ban.timeout()), (Some("net"), Some(Duration::from_secs(600))));
    assert!(ban.expires().unwrap() <= Duration::from_secs(600));
    // And it can be used: what a rule has to itself goes with it.
    conn.commit(Batch::new().flush(&fw())).unwrap();
    let left = conn.ruleset(..).unwrap();
    let table = left.table(fw()).unwrap();
    assert_eq!((table.chains().len(), table.sets().len()), (2, 3));
}

pub(crate) fn ruleset_that_changed_meanwhile_is_not_overwritten() {
    let mut conn = conn();
    build(&mut conn);
    let before = conn.ruleset(..).unwrap();
    commit(&mut conn, |batch| batch.add(&Table::ip("news")));
    assert!(conn.commit_at(before.generation(), &again(&before)).unwrap_err().is_stale());
    assert!(conn.table(Table::ip("news")).is_ok());
}

pub(crate) fn one_table_or_family_is_read_without_the_others() {
    let mut conn = conn();
    build(&mut conn);
    let other = Table::ip("other");
    commit(&mut conn, |batch| batch.add(&other).add(&other.chain("c")).add(&Set::<Port>::new(&other, "s")));
    let tables = |ruleset: Ruleset| ruleset.tables().iter().map(|t| t.info().at().to_string()).collect::<Vec<_>>();
    assert_eq!(tables(conn.ruleset(..).unwrap()).len(), 2);
    assert_eq!(tables(conn.ruleset(Family::IP).unwrap()), ["ip other"]);
    let one = conn.ruleset(&other).unwrap();
    assert_eq!((one.tables()[0].chains().len(), one.tables()[0].sets().len()), (1, 1));
    assert_eq!(tables(one), ["ip other"]);
    assert!(conn.ruleset(&Table::ip("absent")).unwrap_err().is_not_found());
    assert_eq!(tables(conn.ruleset(Family::ARP).unwrap()), [""; 0]);
}

pub(crate) fn table_is_put_back_beside_others() {
    let mut conn = conn();
    build(&mut conn);
    let other = Table::ip("other");
    commit(&mut conn, |batch| batch.add(&other));
    let before = conn.ruleset(&fw()).unwrap();
    commit(&mut conn, |batch| batch.delete(&fw()));
    commit(&mut conn, |batch| batch.add_ruleset(&before));
    assert_eq!(shown(&conn.ruleset(&fw()).unwrap()), shown(&before));
    assert!(conn.table(&other).is_ok());
    // It is there: sets would be there twice.
    assert!(conn.commit(Batch::new().add_ruleset(&before)).is_err());
}

pub(crate) fn rule_is_copied_with_what_it_has_to_itself() {
    let mut conn = conn();
    build(&mut conn);
    let ruleset = conn.ruleset(&fw()).unwrap();
    let table = ruleset.table(fw()).unwrap();
    let (input, copy) = (fw().chain("input"), fw().chain("copy"));
    let rules: Vec<Rule> = table.rules_of(input.at()).map(|rule| table.to_rule(rule).unwrap()).collect();
    commit(&mut conn, |batch| {
        batch.add(&copy);
        rules.iter().fold(batch, |batch, rule| batch.append(&copy, rule))
    });
    let read = conn.rules(&copy).unwrap();
    assert_eq!(read.len(), 6);
    for ((read, rule), first) in read.iter().zip(&rules).zip(conn.rules(&input).unwrap()) {
        let same = conn.normalized(&first).unwrap();
        assert_eq!(conn.normalized(read).unwrap(), same);
        assert_eq!(rule.normalized(&copy).unwrap(), same, "it can be found before it is written");
    }
    let now = conn.ruleset(&fw()).unwrap();
    let own = |set: &&nftlink::ruleset::SetContents| set.info().flags().contains(SetFlags::ANONYMOUS);
    assert_eq!(now.tables()[0].sets().iter().filter(own).count(), 4, "each has sets of its own");
    // In a table of another name, too, if it needs nothing else of this one.
    let (other, of_other) = (Table::inet("other"), Table::inet("other").chain("c"));
    commit(&mut conn, |batch| batch.add(&other).add(&of_other).append(&of_other, &rules[2]));
    assert_eq!(conn.find_rules(&of_other, &rules[2]).unwrap().len(), 1);
}

pub(crate) fn interval_whose_time_is_up_is_left_out_as_a_whole() {
    let mut conn = conn();
    let bans = Set::<Interval<Ipv4Addr>>::new(fw(), "bans").timeouts().gc_interval(Duration::from_secs(3600));
    let network = |third| Interval::prefix(Ipv4Addr::new(10, 0, third, 0), 24);
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&bans).add_elements(&bans, [network(1), network(2)]);
        batch.add_elements(&bans, [Element::new(network(8)).timeout(Duration::from_millis(10))])
    });
    while conn.element(&bans, network(8)).is_ok() {}
    // The kernel keeps it until it cleans up, and tells its end, which by itself cannot be put back.
    let before = conn.ruleset(..).unwrap();
    let set = conn.set(&bans).unwrap();
    let elements = conn.elements(&set).unwrap();
    conn.commit_at(before.generation(), &again(&before)).unwrap();
    assert_eq!(shown(&conn.ruleset(..).unwrap()), shown(&before));
    // Two starts and two ends, also where they are read by themselves.
    assert_eq!((before.table(fw()).unwrap().sets()[0].entries().len(), elements.len()), (4, 4));
}

pub(crate) fn file_holds_all_of_a_ruleset() {
    let mut conn = conn();
    build(&mut conn);
    let before = conn.ruleset(..).unwrap();
    let kept = file::decode(&file::encode(&before).unwrap()).unwrap();
    assert_eq!(again(&kept.ruleset), again(&before));
    assert_eq!(kept.ruleset.generation(), before.generation());
    assert_eq!(kept.machine, file::Machine::this());
    commit(&mut conn, |batch| batch.flush_ruleset());
    conn.check(&again(&kept.ruleset)).unwrap();
    assert_eq!(conn.tables(..).unwrap().len(), 0, "a check changes nothing");
    conn.commit(&again(&kept.ruleset)).unwrap();
    assert_eq!(shown(&conn.ruleset(..).unwrap()), shown(&before));
}

pub(crate) fn damaged_file_is_refused_wherever_the_damage_is() {
    let mut conn = conn();
    build(&mut conn);
    let whole = file::encode(&conn.ruleset(..).unwrap()).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(file::decode(&damaged).is_err(), "byte {at}");
        assert!(file::decode(&whole[..at]).is_err(), "cut off at {at}");
    }
    assert!(file::decode(&[&whole[..], b"x"].concat()).is_err());
    let mut next = whole;
    next[8] = 2;
    let error = file::decode(&next).unwrap_err();
    assert_eq!(error.to_string(), "the file has version 2 of the format: this program reads 1");
}

pub(crate) fn chain_that_two_rules_claim_is_written_once() {
    let mut conn = conn();
    build(&mut conn);
    let whole = conn.ruleset(..).unwrap().to_bytes();
    // A file may say anything: here the rule that has a chain to itself comes a hundred times, and so do those inside.
    let messages = messages(&whole);
    let repeated = |message: &&&[u8]| message[4] == 6 && message.windows(7).any(|part| part == b"__chain");
    assert_eq!(messages.iter().filter(repeated).count(), 3);
    let again_and_again = (0..100).flat_map(|_| messages.iter().filter(repeated));
    let many: Vec<u8> = messages.iter().chain(again_and_again).copied().flatten().copied().collect();
    let ruleset = Ruleset::from_bytes(&many).unwrap();
    assert!(again(&ruleset).as_bytes().len() < 4 * many.len());
}

/// The messages of a dump.
fn messages(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut found) = (bytes, Vec::new());
    while let Some(head) = rest.first_chunk::<4>() {
        let (message, after) = rest.split_at(u32::from_ne_bytes(*head).next_multiple_of(4) as usize);
        found.push(message);
        rest = after;
    }
    found
}

pub(crate) fn objects_of_another_table_are_refused_as_values() {
    let mut conn = conn();
    let other = Table::inet("other");
    let (mine, theirs) = (Counter::named(fw(), "x"), Counter::named(&other, "x"));
    let counters = Map::<Port, ObjectOf<Counter>>::new(fw(), "counters");
    let chain = fw().chain("c");
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&other).add(&mine).add(&theirs).add(&counters).add(&chain);
        batch.add_elements(&counters, [(1, &mine)]);
        batch.append(&chain, Rule::new().object_map(tcp::dport(), [(2, &mine)]))
    });
    let mut mistake = |batch: &Batch| conn.commit(batch).unwrap_err().to_string();
    let expected = "the object x is in table inet other";
    let mut batch = Batch::new();
    batch.add_elements(&counters, [(80, &theirs)]);
    assert!(mistake(&batch).contains(expected), "{batch}");
    batch.clear();
    batch.append(&chain, Rule::new().object_map(tcp::dport(), [(81, &theirs)]));
    assert!(mistake(&batch).contains(expected), "{batch}");
}

pub(crate) fn rule_with_anothers_set_says_how_it_is_copied() {
    let mut conn = conn();
    build(&mut conn);
    let rules = conn.rules(fw().chain("input").at()).unwrap();
    let error = conn.commit(Batch::new().append(fw().chain("other"), &rules[2])).unwrap_err();
    assert!(error.is_busy());
    let hint = error.rejections().next().unwrap().hint();
    assert!(hint.is_some_and(|hint| hint.contains("to_rule")), "{error}");
}
