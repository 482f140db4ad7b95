//! Listings that are read as they come, and left half-way.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use allocation_counter::measure;
use nftlink::datum::{Mark, Port};
use nftlink::expr::Data;
use nftlink::object::Counter;
use nftlink::{
    Conn, Consistency, Element, ElementInfo, ElementOf, ElementSource, Error, Family, Interval, Map, Name, Rule, Set,
    SetRef, Streamed, Table,
};

use crate::support::lab::Namespace;
use crate::support::{await_netlink_sockets, netlink_sockets};
use crate::{append, commit, conn, fw, input};

/// Of that size, the kernel has no reason to rebuild its hash table.
fn marks() -> Set<Mark> {
    Set::new(fw(), "marks").size(65_535)
}

fn ranges() -> Set<Interval<Ipv4Addr>> {
    Set::new(fw(), "ranges")
}

fn pairs() -> Set<(Interval<Ipv4Addr>, Port)> {
    Set::new(fw(), "pairs")
}

fn ports() -> Map<Interval<Port>, Mark> {
    Map::new(fw(), "ports")
}

fn range(n: u32) -> RangeInclusive<Ipv4Addr> {
    Ipv4Addr::from(n * 16)..=Ipv4Addr::from(n * 16 + 7)
}

/// A set of each kind, with so many elements.
fn fill(conn: &mut Conn, count: u32) {
    commit(conn, |batch| {
        batch.add(&fw()).add(&marks()).add(&ranges()).add(&pairs()).add(&ports());
        batch.add_elements(&marks(), 0..count).add_elements(&ranges(), (1..=count).map(range));
        batch.add_elements(&pairs(), (0..count.min(500)).map(|n| (range(n), Port::from(n as u16))));
        // One that touches the next, one without an end.
        batch.add_elements(&ports(), [(1..=9, 1), (10..=19, 2), (60_000..=65_535, 3)])
    });
}

/// All that a stream yields, and what it says of it.
#[track_caller]
fn all<T>(mut stream: Streamed<'_, T>) -> (Vec<T>, Consistency) {
    let found = stream.by_ref().collect::<Result<_, _>>().unwrap();
    assert!(stream.next().is_none() && stream.next().is_none());
    (found, stream.consistency().unwrap())
}

pub(crate) fn streams_yield_what_listings_do() {
    let mut conn = conn();
    commit(&mut conn, |batch| {
        for table in [fw(), Table::inet("other"), Table::ip("fw")] {
            let (one, two) = (table.chain("one"), table.chain("two"));
            batch.add(&table).add(&one).add(&two).add(&Counter::named(&table, "web"));
            batch.add(&Set::<Port>::new(&table, "ports"));
            (0..300).for_each(|n| _ = batch.append(&one, Rule::new().counter().comment(format!("{n}")).accept()));
            batch.append(&two, Rule::new().drop());
        }
        batch
    });
    let same = Consistency::Same(conn.generation().unwrap());
    macro_rules! compare {
        ($scope:expr, $($stream:ident $list:ident)*) => {$(
            let listed = conn.$list($scope).unwrap();
            assert_eq!(all(conn.$stream($scope).unwrap()), (listed, same), "{}", stringify!($list($scope)));
        )*};
    }
    macro_rules! compare_all {
        ($($scope:expr),*) => {$(
            compare!($scope, stream_tables tables stream_chains chains stream_rules rules stream_rule_heads rule_heads);
            compare!($scope, stream_sets sets stream_objects objects stream_flowtables flowtables);
        )*};
    }
    compare_all!(.., Family::INET, Family::ARP, &fw());
    compare!(&fw().chain("two"), stream_rules rules stream_rule_heads rule_heads);
    let generation = conn.stream_rules(..).unwrap().generation();
    assert_eq!(generation, conn.generation().unwrap());
    // What is known of a rule without its expressions.
    let rules = conn.rules(&fw()).unwrap();
    let heads = conn.rule_heads(&fw()).unwrap();
    assert_eq!(heads, rules.iter().map(Into::into).collect::<Vec<_>>());
    let head = &heads[7];
    assert_eq!((head.comment(), head.position()), (Some("7"), Some(heads[6].handle())));
    commit(&mut conn, |batch| batch.delete(head));
    assert!(conn.rule(head, head.handle()).unwrap_err().is_not_found());
    assert_eq!(conn.rule_heads(&fw()).unwrap().len(), heads.len() - 1);
}

/// In the order of their keys, which a hash has not.
fn by_key<T: Clone>(mut elements: Vec<ElementInfo<T>>, key: impl Fn(&T) -> Vec<u8>) -> Vec<ElementInfo<T>> {
    elements.sort_by_cached_key(|element| element.key().map(&key));
    elements
}

pub(crate) fn elements_come_one_by_one_as_a_listing_has_them() {
    for count in [0, 1, 5, 5_000] {
        let mut conn = conn();
        fill(&mut conn, count);
        let same = Consistency::Same(conn.generation().unwrap());
        let by_mark = |list| by_key(list, |mark: &Mark| mark.get().to_be_bytes().into());
        let (found, consistency) = all(conn.stream_elements(&marks()).unwrap());
        assert_eq!((by_mark(found), consistency), (by_mark(conn.elements(&marks()).unwrap()), same), "{count}");
        // Intervals come from above.
        let (mut found, consistency) = all(conn.stream_elements(&ranges()).unwrap());
        found.reverse();
        assert_eq!((found.len() as u32, consistency), (count, same));
        assert_eq!(found, conn.elements(&ranges()).unwrap());
        let (mut found, consistency) = all(conn.stream_elements(&ports()).unwrap());
        found.reverse();
        assert_eq!((found, consistency), (conn.elements(&ports()).unwrap(), same));
        let (found, consistency) = all(conn.stream_elements(&pairs()).unwrap());
        assert_eq!((found, consistency), (conn.elements(&pairs()).unwrap(), same));
        let untyped = conn.set(ranges()).unwrap();
        let (found, consistency) = all(conn.stream_elements(&untyped).unwrap());
        assert_eq!((found, consistency), (conn.elements(&untyped).unwrap(), same));
        let found: Vec<_> =
            by_key(conn.elements(&SetRef::new(fw(), "marks")).unwrap(), |key: &Data| key.as_bytes().into());
        let (raw, _) = all(conn.stream_elements(marks().at()).unwrap());
        assert_eq!(by_key(raw, |key: &Data| key.as_bytes().into()), found);
        commit(&mut conn, |batch| batch.flush_ruleset());
    }
}

pub(crate) fn catch_all_elements_come_with_the_others() {
    let mut conn = conn();
    let map = Map::<Interval<Port>, Mark>::new(fw(), "all");
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&map);
        batch.add_elements(&map, [Element::new(5..=9).to(1), Element::catch_all().to(7)])
    });
    let (mut found, _) = all(conn.stream_elements(&map).unwrap());
    found.sort_by_key(|element| element.key().is_none());
    assert_eq!(found, conn.elements(&map).unwrap());
    assert_eq!(found.iter().map(|element| element.value().get()).collect::<Vec<_>>(), [1, 7]);
}

pub(crate) fn streams_of_what_is_absent_or_of_another_type_are_errors() {
    let mut conn = conn();
    for round in 0..2 {
        let errors = [
            conn.stream_rules(&fw().chain("absent")).map(drop),
            conn.stream_elements(&Set::<Mark>::new(fw(), "absent")).map(drop),
            conn.stream_chains(&Table::ip("absent")).map(drop),
            conn.stream_tables(&Table::ip("absent")).map(drop),
            conn.stream_sets(&Table::ip("absent")).map(drop),
            conn.stream_objects(&Table::ip("absent")).map(drop),
        ];
        for error in errors {
            let error = error.unwrap_err();
            assert!(error.is_not_found() && error.to_string().contains("absent"), "{round}: {error}");
        }
        fill(&mut conn, 1);
    }
    let error = conn.stream_elements(&Set::<Port>::new(fw(), "marks")).unwrap_err();
    assert!(matches!(error, Error::WrongType(_)), "{error:?}");
    let strange = Name::from(&b"\xff"[..]);
    assert!(conn.stream_elements(&SetRef::new(fw(), strange)).unwrap_err().is_not_found());
}

pub(crate) fn stream_beside_a_commit_is_torn() {
    let mut conn = conn();
    fill(&mut conn, 4_000);
    commit(&mut conn, |batch| append(batch.add(&input()), &["a", "b", "c"]));
    let mut writer = self::conn();
    let mut change = |name: &str| commit(&mut writer, |batch| append(batch, &[name]));
    // While it is read, of one message and of many.
    let mut stream = conn.stream_rules(&input()).unwrap();
    stream.next().unwrap().unwrap();
    change("d");
    assert_eq!(stream.by_ref().filter(Result::is_ok).count(), 2);
    assert_eq!(stream.consistency().unwrap(), Consistency::Torn);
    let mut stream = conn.stream_elements(&marks()).unwrap();
    stream.next().unwrap().unwrap();
    change("e");
    assert_eq!(stream.by_ref().filter(Result::is_ok).count(), 3_999);
    assert_eq!(stream.consistency().unwrap(), Consistency::Torn);
    // After it, before it is asked: somebody else would not know.
    let mut stream = conn.stream_rules(&input()).unwrap();
    assert_eq!(stream.by_ref().count(), 5);
    change("f");
    assert_eq!(stream.consistency().unwrap(), Consistency::Torn);
    // And one that was undisturbed is not.
    let (rules, consistency) = all(conn.stream_rules(&input()).unwrap());
    assert_eq!((rules.len(), consistency), (6, Consistency::Same(conn.generation().unwrap())));
}

pub(crate) fn first_part_of_a_stream_is_of_one_generation_or_torn() {
    let mut conn = conn();
    fill(&mut conn, 9_000);
    let same = Consistency::Same(conn.generation().unwrap());
    for count in [0, 1, 3_000] {
        let mut stream = conn.stream_elements(&ranges()).unwrap();
        assert_eq!(stream.by_ref().take(count).filter(Result::is_ok).count(), count);
        assert_eq!(stream.consistency().unwrap(), same);
    }
    let mut writer = self::conn();
    let mut stream = conn.stream_elements(&ranges()).unwrap();
    assert_eq!(stream.by_ref().take(3_000).filter(Result::is_ok).count(), 3_000);
    commit(&mut writer, |batch| batch.add(&Table::ip("new")));
    assert_eq!(stream.consistency().unwrap(), Consistency::Torn);
}

pub(crate) fn snapshot_with_a_torn_stream_is_begun_again() {
    let mut conn = conn();
    fill(&mut conn, 6_000);
    let (mut writer, mut begun) = (self::conn(), 0);
    for count in [usize::MAX, 100, 4_000] {
        let (sum, generation) = conn
            .snapshot(|conn| {
                begun += 1;
                let mut stream = conn.stream_elements(&marks())?;
                let mut sum = 0;
                for element in stream.by_ref().take(count) {
                    sum += u64::from(element?.key().unwrap().get());
                    if begun % 3 != 0 && sum == 0 {
                        commit(&mut writer, |batch| batch.add(&Table::ip("new")).delete(&Table::ip("new")));
                        commit(&mut writer, |batch| batch.add(&Table::ip("new")));
                        commit(&mut writer, |batch| batch.delete(&Table::ip("new")));
                    }
                }
                Ok(sum)
            })
            .unwrap();
        assert!(sum > 0);
        assert_eq!(generation, conn.generation().unwrap());
    }
    // Of one that is forgotten half-way it never is known whether something moved.
    let error = conn
        .snapshot(|conn| {
            let mut stream = conn.stream_elements(&marks())?;
            assert!(stream.next().is_some());
            std::mem::forget(stream);
            Ok(())
        })
        .unwrap_err();
    assert!(matches!(error, Error::Inconsistent { .. }), "{error:?}");
}

/// Leaves a stream after its first element.
fn leave<S: ElementSource + 'static>(conn: &mut Conn, set: &S, forgotten: bool) {
    let mut stream = conn.stream_elements(set).unwrap();
    let first: ElementOf<S> = stream.next().unwrap().unwrap();
    drop(first);
    if forgotten {
        std::mem::forget(stream);
    }
}

/// All that a connection can be asked after a stream was left.
fn works(conn: &mut Conn, count: usize) {
    assert_eq!(conn.chains(&fw()).unwrap().len(), 0);
    assert_eq!(conn.elements(&marks()).unwrap().len(), count);
    assert!(conn.element(&marks(), 3).is_ok());
    let generation = conn.generation().unwrap();
    commit(conn, |batch| batch.add(&Table::ip("new")));
    commit(conn, |batch| batch.delete(&Table::ip("new")));
    assert_eq!(conn.generation().unwrap().get(), generation.get() + 2);
    assert_eq!(all(conn.stream_elements(&marks()).unwrap()).0.len(), count);
}

pub(crate) fn connection_works_after_a_stream_is_left() {
    let mut conn = conn();
    fill(&mut conn, 6_000);
    for forgotten in [false, true] {
        leave(&mut conn, &marks(), forgotten);
        works(&mut conn, 6_000);
        leave(&mut conn, &ranges(), forgotten);
        leave(&mut conn, &ranges(), forgotten);
        commit(&mut conn, |batch| batch.add(&Table::ip("new")));
        commit(&mut conn, |batch| batch.delete(&Table::ip("new")));
        leave(&mut conn, &marks(), forgotten);
        works(&mut conn, 6_000);
    }
}

pub(crate) fn connection_works_after_a_stream_is_left_in_another_namespace() {
    // The connection's own socket is the only one there.
    let mut conn = conn();
    fill(&mut conn, 6_000);
    Namespace::new().unwrap().run(move || {
        for forgotten in [false, true] {
            leave(&mut conn, &marks(), forgotten);
            works(&mut conn, 6_000);
            leave(&mut conn, &ranges(), forgotten);
            commit(&mut conn, |batch| batch.add(&Table::ip("new")));
            commit(&mut conn, |batch| batch.delete(&Table::ip("new")));
            leave(&mut conn, &ranges(), forgotten);
            leave(&mut conn, &marks(), forgotten);
            let mut stream = conn.stream_elements(&ranges()).unwrap();
            assert_eq!(stream.by_ref().take(4_000).filter(Result::is_ok).count(), 4_000);
            assert!(matches!(stream.consistency().unwrap(), Consistency::Same(_)));
            works(&mut conn, 6_000);
        }
    });
}

pub(crate) fn stream_holds_one_descriptor_more_and_gives_it_back() {
    let mut conn = conn();
    fill(&mut conn, 6_000);
    // Others run beside: only what this thread's namespace has counts.
    let before = netlink_sockets();
    for _ in 0..50 {
        let mut stream = conn.stream_elements(&marks()).unwrap();
        assert!(stream.next().is_some());
        drop(stream);
        await_netlink_sockets(before);
    }
    let mut stream = conn.stream_elements(&marks()).unwrap();
    assert!(stream.next().is_some());
    await_netlink_sockets(before + 1);
    assert!(matches!(stream.consistency().unwrap(), Consistency::Same(_)));
    await_netlink_sockets(before);
}

pub(crate) fn streams_take_no_more_memory_the_more_there_is() {
    let mut conn = conn();
    fill(&mut conn, 30_000);
    let mut first = conn.stream_elements(&marks()).unwrap();
    assert!(first.next().is_some());
    let of_marks = measure(|| assert_eq!(first.by_ref().count(), 29_999));
    assert!(of_marks.count_total == 0 && first.consistency().unwrap() != Consistency::Torn);
    let mut first = conn.stream_elements(&ranges()).unwrap();
    assert!(first.next().is_some());
    let of_ranges = measure(|| assert_eq!(first.by_ref().count(), 29_999));
    assert!(of_ranges.count_total == 0 && first.consistency().unwrap() != Consistency::Torn);
    // Its beginning and its end cost the same, however much is between.
    let mut whole = |count| {
        commit(&mut conn, |batch| batch.flush(&ranges()).add_elements(&ranges(), (0..count).map(range)));
        measure(|| {
            let mut stream = conn.stream_elements(&ranges()).unwrap();
            assert_eq!(stream.by_ref().count() as u32, count);
            assert!(matches!(stream.consistency().unwrap(), Consistency::Same(_)));
        })
    };
    let (few, many) = (whole(10), whole(20_000));
    assert!(many.count_total <= few.count_total + 8 && many.bytes_max <= few.bytes_max + 1024, "{few:?} {many:?}");
}

pub(crate) fn elements_of_many_keys_are_found_at_once() {
    let mut conn = conn();
    fill(&mut conn, 100);
    let found = conn.find_elements(&marks(), [5, 1000, 7, 5]).unwrap();
    let keys: Vec<_> = found.iter().map(|found| found.as_ref().map(|element| element.key().unwrap().get())).collect();
    assert_eq!(keys, [Some(5), None, Some(7), Some(5)]);
    let at = |n: u32| Ipv4Addr::from(n);
    let found = conn.find_elements(&ranges(), [at(16), at(24), at(16 * 50 + 3)]).unwrap();
    let keys: Vec<_> =
        found.iter().map(|found| found.as_ref().map(|element| *element.key().unwrap().start())).collect();
    assert_eq!(keys, [Some(at(16)), None, Some(at(16 * 50))]);
    assert_eq!(conn.find_elements(&marks(), [0_u32; 0]).unwrap(), []);
    let absent = Set::<Mark>::new(fw(), "absent");
    assert!(conn.find_elements(&absent, [1]).unwrap_err().is_not_found());
}
