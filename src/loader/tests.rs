use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::Loader;
use crate::batch::Batch;
use crate::chain::{Chain, Hook, Hooked, Priority};
use crate::conn::{Conn, Recording, Refusal};
use crate::datum::Interval;
use crate::engine::ATTEMPTS;
use crate::engine::faults::each_plan;
use crate::error::{BuildErrorKind, Errno, Error};
use crate::expr::Counter;
use crate::field::ip;
use crate::rule::{NFT_MSG_NEWRULE, Rule};
use crate::ruleset::Ruleset;
use crate::set::{Element, IntoElement, Key, Set};
use crate::table::Table;
use crate::wire::message::message;
use crate::wire::{AttrWriter, Family};

fn fw() -> Table {
    Table::inet("fw")
}

fn input() -> Chain<Hooked> {
    fw().chain("input").filter(Hook::INPUT, Priority::FILTER)
}

fn blocked() -> Set<Ipv4Addr> {
    Set::new(fw(), "blocked")
}

fn addresses(count: u32) -> impl Iterator<Item = Ipv4Addr> {
    (0..count).map(Ipv4Addr::from_bits)
}

/// A set of one address, and a rule that looks it up.
fn in_use() -> (Recording, Conn, Set<Ipv4Addr>) {
    let recording = Recording::new();
    recording.apply_commits(true);
    let mut conn = recording.conn();
    let mut batch = Batch::new();
    conn.commit(batch.add(&fw()).add(&input())).unwrap();
    let live = Loader::new(&blocked()).load(&mut conn, addresses(1)).unwrap();
    batch.clear();
    conn.commit(batch.append(input(), Rule::new().when(ip::saddr().in_set(&live)).drop())).unwrap();
    (recording, conn, live)
}

/// Makes sure that the set has so many elements, that nothing else is left, and that the rule looks it up.
#[track_caller]
fn assert_only(conn: &mut Conn, live: &Set<Ipv4Addr>, count: usize) {
    let sets = conn.sets(&fw()).unwrap();
    assert_eq!(sets.iter().map(|set| set.at()).collect::<Vec<_>>(), [live.at()]);
    assert!(conn.objects(&fw()).unwrap().is_empty());
    assert_eq!(conn.elements(live).unwrap().len(), count);
    let rules = conn.rules(&fw()).unwrap();
    assert!(rules.iter().all(|rule| rule.set_names() == [live.at().name().clone()]) && rules.len() == 1);
}

/// A commit that nothing is the matter with.
fn fine() -> Refusal {
    Refusal::operation(1000, Errno::EIO)
}

/// Loads while the commits meet what is said.
fn load(refusals: impl IntoIterator<Item = Refusal>) -> (Conn, Set<Ipv4Addr>, Result<Set<Ipv4Addr>, Error>) {
    let (recording, mut conn, before) = in_use();
    refusals.into_iter().for_each(|refusal| recording.refuse_next(refusal));
    let loaded = Loader::new(&blocked()).load(&mut conn, addresses(5000));
    (conn, before, loaded)
}

/// How many transactions the elements of a set come in, and how many bytes the largest has.
fn portions<K: Key, E: IntoElement<K>>(set: &Set<K>, elements: impl Iterator<Item = E>) -> (usize, usize) {
    let recording = Recording::new();
    recording.apply_commits(true);
    let mut conn = recording.conn();
    conn.commit(Batch::new().add(&fw())).unwrap();
    recording.apply_commits(false);
    recording.take();
    Loader::new(set).load(&mut conn, elements).unwrap();
    let batches = recording.take();
    // The first makes the set, the last puts it into use.
    (batches.len() - 2, batches.iter().map(|batch| batch.as_bytes().len()).max().unwrap_or_default())
}

#[test]
fn values_come_in_small_transactions_and_intervals_in_few_large_ones() {
    let values = |count| portions(&blocked(), addresses(count));
    assert_eq!([0, 1, 4095, 4096, 8190, 8191, 32_760, 32_761].map(|n| values(n).0), [0, 1, 1, 2, 2, 3, 8, 9]);
    assert_eq!(values(200_000).0, 24);
    let set = Set::<Interval<Ipv4Addr>>::new(fw(), "blocked");
    let intervals = |count| portions(&set, (0..count).map(|n| Interval::prefix(Ipv4Addr::from(n << 8), 24))).0;
    assert_eq!([0, 1, 65_536, 65_537, 131_073].map(intervals), [0, 1, 1, 2, 3]);
    // As many as are there already, as long as 16 MiB hold them.
    let wide = Set::<Interval<Ipv6Addr>>::new(fw(), "wide").counters().timeouts();
    let (comment, hour) = ("x".repeat(127), Duration::from_secs(3600));
    let elements = (0..65_536u64).map(|n| {
        let prefix = Interval::prefix(Ipv6Addr::from(u128::from(n) << 64), 64);
        Element::new(prefix).comment(comment.as_str()).timeout(hour).expires(hour).stateful(Counter::new(n, 1))
    });
    let (count, largest) = portions(&wide, elements);
    assert_eq!((count, largest.div_ceil(1024 * 1024)), (2, 16));
}

#[test]
fn ruleset_that_changes_all_the_time_is_given_up_and_nothing_is_left() {
    let begun_and_filled = || [fine(), fine(), fine()];
    let stale = |times| std::iter::repeat_n(Refusal::stale(), times as usize);
    let (mut conn, _, loaded) = load(begun_and_filled().into_iter().chain(stale(ATTEMPTS - 1)));
    assert_only(&mut conn, &loaded.unwrap(), 5000);
    let (mut conn, before, loaded) = load(begun_and_filled().into_iter().chain(stale(ATTEMPTS)));
    assert!(matches!(loaded, Err(Error::Inconsistent { attempts: ATTEMPTS })), "{loaded:?}");
    assert_only(&mut conn, &before, 1);
}

#[test]
fn lost_answer_leaves_one_set_in_use_and_nothing_else() {
    for at in 0..3 {
        let (mut conn, before, loaded) = load((0..at).map(|_| fine()).chain([Refusal::lost()]));
        assert!(matches!(loaded, Err(Error::FateUnknown { .. })), "{at}: {loaded:?}");
        // Of a beginning whose answer was lost nobody knows: the next loader sees it.
        let loader = Loader::new(&blocked());
        assert_eq!(loader.live(&mut conn).unwrap().unwrap().at(), before.at(), "{at}");
        if at > 0 {
            assert_only(&mut conn, &before, 1);
        }
        let live = loader.load(&mut conn, addresses(7)).unwrap();
        assert_only(&mut conn, &live, 7);
    }
    // Of the end it is found out.
    let (mut conn, _, loaded) = load([fine(), fine(), fine(), Refusal::lost()]);
    assert_only(&mut conn, &loaded.unwrap(), 5000);
}

#[test]
fn whatever_fails_one_whole_set_is_in_use_and_the_next_load_leaves_nothing_else() {
    let mut unknown = 0;
    each_plan(2, |plan, case| {
        let (recording, mut clean, before) = in_use();
        let loader = Loader::new(&blocked());
        let mut conn = Conn::faulty(&recording, plan);
        let loaded = loader.load(&mut conn, addresses(5));
        let calls = plan.is_over();
        let live = loader.live(&mut clean).unwrap().unwrap();
        let count = clean.elements(&live).unwrap().len();
        let is_new = live.at() != before.at();
        assert_eq!(count, if is_new { 5 } else { 1 }, "{case}");
        match loaded {
            Ok(loaded) => assert_eq!(loaded.at(), live.at(), "{case}"),
            Err(Error::FateUnknown { .. }) => unknown += 1,
            Err(error) => assert!(!is_new, "{case}: said {error}"),
        }
        let rules = clean.rules(&fw()).unwrap();
        assert_eq!(rules[0].set_names(), [live.at().name().clone()], "{case}");
        let live = loader.load(&mut conn, addresses(7)).unwrap_or_else(|error| panic!("{case}: then {error}"));
        assert_only(&mut clean, &live, 7);
        calls
    });
    assert!(unknown > 0);
}

#[test]
fn rule_whose_lookup_has_more_than_is_known_is_refused_and_nothing_is_left() {
    let (recording, mut conn, _) = in_use();
    // A rule as a later kernel may tell it.
    let mut listed = AttrWriter::new();
    message(&mut listed, NFT_MSG_NEWRULE, 0, 0, Family::INET, |w| {
        w.string(1, b"fw");
        w.string(2, b"input");
        w.u64(3, 99);
        w.nest(4, |w| {
            w.nest(1, |w| {
                w.string(1, b"lookup");
                w.nest(2, |w| {
                    w.string(1, b"blocked.1");
                    w.u32(2, 1);
                    w.u32(99, 7);
                });
            });
        });
    });
    let bytes = [&recording.ruleset().unwrap().to_bytes()[..], listed.bytes_written()].concat();
    recording.set_ruleset(&Ruleset::from_bytes(&bytes).unwrap());
    let rules = conn.rules(&fw()).unwrap();
    let error = Loader::new(&blocked()).load(&mut conn, addresses(5000)).unwrap_err();
    let Error::Build(mistake) = &error else { panic!("{error:?}") };
    assert!(matches!(mistake.kind(), BuildErrorKind::UnknownAttributes(_)), "{error}");
    assert_eq!(conn.rules(&fw()).unwrap(), rules);
    assert_eq!(conn.sets(&fw()).unwrap().len() + conn.objects(&fw()).unwrap().len(), 1);
}

#[test]
fn name_that_leaves_no_room_for_that_of_the_mark_is_refused_before_anything_is_made() {
    let recording = Recording::new();
    let mut conn = recording.conn();
    recording.apply_commits(true);
    conn.commit(Batch::new().add(&fw())).unwrap();
    recording.take();
    let loader = |len| Loader::new(&Set::<Ipv4Addr>::new(fw(), "x".repeat(len)));
    loader(229).load(&mut conn, addresses(1)).unwrap();
    assert_eq!(recording.take().len(), 3);
    let error = loader(255).load(&mut conn, addresses(1)).unwrap_err();
    assert!(
        matches!(&error, Error::Build(mistake) if matches!(mistake.kind(), BuildErrorKind::NameTooLong { .. })),
        "{error}"
    );
    assert!(recording.take().is_empty());
}
