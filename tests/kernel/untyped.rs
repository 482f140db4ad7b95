//! Sets and entries at the level of the kernel: what is read is what it takes to write it again.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::{DataType, Mark, Port};
use nftlink::expr::{Counter, Expr, Limit, Lookup, Meta, MetaKey, Quota, Reg, Verdict};
use nftlink::object::ObjectOf;
use nftlink::{
    Batch, Conn, Element, ElementFlags, Entry, Errno, Interval, Map, Rule, Set, SetFlags, SetPolicy, SetRef,
    UntypedSet, object,
};

use crate::support::linux;
use crate::{commit, conn, fw, input, interval, refused};

const HOUR: Duration = Duration::from_secs(3600);

/// Sets of every form that the kernel has, filled.
fn every_form(batch: &mut Batch) -> &mut Batch {
    let fw = fw();
    let (web, jumped) = (object::Counter::named(&fw, "web"), fw.chain("jumped"));
    batch.add(&fw).add(&jumped).add(&web);
    let plain = Set::<Ipv4Addr>::new(&fw, "plain").size(9).policy(SetPolicy::MEMORY).comment("plain");
    batch.add(&plain).add_elements(&plain, [Element::new(Ipv4Addr::LOCALHOST).comment("here")]);
    // Some touch, one is a single value, one ends with the highest value.
    let nets = Set::<Interval<Ipv4Addr>>::new(&fw, "nets").auto_merge();
    let all = ["10.0.0.0-10.0.0.9", "10.0.0.10-10.0.0.19", "10.0.0.20", "10.0.0.22", "0.0.0.0/8", "224.0.0.0/3"];
    batch.add(&nets);
    all.iter().for_each(|net| _ = batch.add_elements(&nets, [interval::<Ipv4Addr>(net)]));
    // As nft begins a set.
    batch.add_entries(SetRef::new(&fw, "nets"), [Entry::interval_end([0; 4])]);
    let marks = Map::<Interval<Mark>, Verdict>::new(&fw, "marks");
    batch.add(&marks).add_elements(&marks, [(1..=16, Verdict::jump(&jumped)), (17..=u32::MAX, Verdict::DROP)]);
    let pairs = Map::<(Interval<Ipv4Addr>, Interval<Port>), Mark>::new(&fw, "pairs").size(7);
    batch
        .add(&pairs)
        .add_elements(&pairs, [((interval("10.0.0.0/8"), 1..=9), 5), ((interval("10.0.0.1"), 80..=80), 6)]);
    let timed = Set::<Interval<Port>>::new(&fw, "timed").timeout(HOUR).gc_interval(Duration::from_millis(1500));
    batch.add(&timed).add_elements(&timed, [Element::new(1..=9), Element::new(10).timeout(2 * HOUR)]);
    batch.add_elements(&timed, [Element::new(20).timeout(2 * HOUR).expires(HOUR).comment("half")]);
    let objects = Map::<Port, ObjectOf<object::Counter>>::new(&fw, "objects");
    batch.add(&objects).add_elements(&objects, [(80, &web), (81, &web)]);
    let counted = Set::<Mark>::new(&fw, "counted").counters().dynamic().size(4);
    batch.add(&counted).add_elements(&counted, [Element::new(1).stateful(Counter::new(7, 700)), Element::new(2)]);
    let watched = Set::<Interval<Port>>::new(&fw, "watched").counters().timeout(HOUR);
    batch.add(&watched).add_elements(&watched, [1..=9, 10..=u16::MAX]);
    if linux() >= (5, 13) {
        batch.add_elements(&nets, [Element::catch_all().comment("all others")]);
        batch.add_elements(&marks, [Element::catch_all().to(Verdict::ACCEPT)]);
        batch.add_elements(&pairs, [Element::catch_all().to(7)]);
        let two = Set::<Port>::new(&fw, "two").counters().stateful(Limit::packets(5, Limit::SECOND));
        batch.add(&two).add_elements(&two, [1, 2]);
        let both = [Expr::from(Counter::new(1, 2)), Limit::packets(5, Limit::SECOND).into()];
        batch.add_elements(&two, [both.into_iter().fold(Element::new(3), Element::stateful)]);
    }
    if linux() >= (6, 13) {
        batch.add_elements(&timed, [Element::new(30).timeout(Duration::ZERO)]);
    }
    batch
}

/// All sets as what declares them, with their entries, without what passes.
fn everything(conn: &mut Conn) -> Vec<(UntypedSet, Vec<Entry>)> {
    let sets = conn.sets(&fw()).unwrap();
    let with_entries = sets.iter().map(|set| {
        let mut entries: Vec<Entry> = conn.elements(set).unwrap().iter().map(Entry::from).collect();
        for entry in &mut entries {
            // Some of the time passes, but not much.
            entry.expires = entry.expires.map(|left| Duration::from_secs(left.as_secs().div_ceil(1800) * 1800));
        }
        entries.sort_by(|a, b| (&a.key, a.flags, &a.key_end).cmp(&(&b.key, b.flags, &b.key_end)));
        (UntypedSet::from(set), entries)
    });
    with_entries.collect()
}

pub(crate) fn sets_of_every_form_are_written_back_from_what_was_read() {
    let mut conn = conn();
    commit(&mut conn, every_form);
    let before = everything(&mut conn);
    assert_eq!(before.len(), if linux() >= (5, 13) { 9 } else { 8 });
    let read: Vec<_> = conn.sets(&fw()).unwrap().into_iter().map(|set| (conn.elements(&set).unwrap(), set)).collect();
    // In the order of the dump, and in the opposite one: each is taken.
    for reversed in [false, true] {
        commit(&mut conn, |batch| {
            for (entries, set) in &read {
                let again = UntypedSet::from(set);
                let mut entries: Vec<Entry> = entries.iter().map(Entry::from).collect();
                if reversed {
                    entries.reverse();
                }
                batch.delete(set).add(&again).add_entries(&again, entries);
            }
            batch
        });
        assert_eq!(everything(&mut conn), before);
    }
}

pub(crate) fn entries_are_deleted_by_their_keys() {
    let mut conn = conn();
    commit(&mut conn, every_form);
    let before = everything(&mut conn);
    commit(&mut conn, |batch| {
        before.iter().for_each(|(set, entries)| _ = batch.delete_entries(set, entries));
        batch
    });
    for (set, entries) in everything(&mut conn) {
        assert_eq!(entries, [], "{}", set.at);
    }
    let (ports, http) = (SetRef::new(fw(), "objects"), Entry::new(80u16.to_be_bytes()));
    let error = refused(&mut conn, |batch| batch.delete_entries(&ports, [&http]));
    assert!(error.is_not_found(), "{error}");
}

pub(crate) fn entries_are_destroyed_whether_they_are_there_or_not() {
    let mut conn = conn();
    commit(&mut conn, every_form);
    let objects = SetRef::new(fw(), "objects");
    let [http, absent] = [80u16, 1].map(|port| Entry::new(port.to_be_bytes()));
    commit(&mut conn, |batch| batch.destroy_entries(&objects, [http, absent]));
    assert_eq!(conn.elements(&objects).unwrap().len(), 1);
}

pub(crate) fn sets_of_any_type_are_declared_and_filled() {
    let mut conn = conn();
    let at = |name: &str| SetRef::new(fw(), name);
    let mut words = UntypedSet::new(at("words"), DataType::INTEGER, 64);
    words.flags = SetFlags::TIMEOUT;
    words.timeout = Some(HOUR);
    words.exprs = vec![Quota::new(1000).into()];
    let mut own = UntypedSet::new(at("__set%d"), DataType::MARK, 4);
    own.flags = SetFlags::ANONYMOUS | SetFlags::CONSTANT;
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).add(&words).add_entries(&words, [Entry::new([7; 64])]);
        batch.add(&own).add_entries(&own, [Entry::new(1u32.to_ne_bytes()), Entry::new(2u32.to_ne_bytes())]);
        let mut lookup = Lookup::new("__set%d", Reg::R1);
        lookup.set_id = batch.last_set_id();
        batch.append(input(), Rule::new().expr(Meta::load(MetaKey::MARK, Reg::R1)).expr(lookup))
    });
    let sets = conn.sets(&fw()).unwrap();
    assert_eq!(sets.iter().map(|set| set.name().to_string()).collect::<Vec<_>>(), ["words", "__set0"]);
    assert_eq!(UntypedSet::from(&sets[0]), words);
    assert_eq!(conn.elements(&sets[1]).unwrap().len(), 2);
    let entries = conn.elements(&sets[0]).unwrap();
    let exprs: Vec<_> = entries.iter().flat_map(|entry| entry.stateful()).map(|expr| expr.get().clone()).collect();
    assert_eq!(exprs, [Expr::from(Quota::new(1000))]);

    // What the kernel refuses is refused before.
    let mistake = |set: UntypedSet| Batch::new().add(&set).mistake().map(ToString::to_string);
    for wrong in [0, 65] {
        let text = mistake(UntypedSet::new(at("x"), DataType::INTEGER, wrong)).unwrap();
        assert!(text.contains("key"), "{text}");
    }
    let mut three = UntypedSet::new(at("x"), DataType::MARK, 4);
    three.flags = SetFlags::EXPR;
    three.exprs = vec![Counter::default().into(); 3];
    assert!(mistake(three.clone()).unwrap().contains("stateful"));
    three.exprs.truncate(2);
    assert_eq!(mistake(three), None);
}

pub(crate) fn sets_are_deleted_by_their_handles() {
    let mut conn = conn();
    let set = Set::<Port>::new(fw(), "ports");
    commit(&mut conn, |batch| batch.add(&fw()).add(&set));
    let info = conn.set(&set).unwrap();
    assert!(info.handle().is_some());
    commit(&mut conn, |batch| batch.delete_by_handle(&info));
    assert!(conn.sets(&fw()).unwrap().is_empty());
    // Another one of that name is another one.
    commit(&mut conn, |batch| batch.add(&set));
    let error = refused(&mut conn, |batch| batch.delete_by_handle(&info));
    assert_eq!(error.rejections().next().unwrap().errno(), Errno::ENOENT);
}

pub(crate) fn entries_of_any_set_are_put_together_and_shown() {
    let mut conn = conn();
    commit(&mut conn, every_form);
    let mut shown = |name: &str| {
        let set = conn.set(SetRef::new(fw(), name)).unwrap();
        let mut elements = set.paired(conn.elements(&set).unwrap());
        elements.retain(|element| !element.entry.flags.contains(ElementFlags::CATCHALL));
        elements.sort_by(|a, b| a.bounds.cmp(&b.bounds));
        elements.iter().map(|element| set.display(element).to_string()).collect::<Vec<_>>()
    };
    let expected = ["0.0.0.0/8", "10.0.0.0-10.0.0.9", "10.0.0.10-10.0.0.19", "10.0.0.20", "10.0.0.22", "224.0.0.0/3"];
    assert_eq!(shown("nets"), expected);
    assert_eq!(shown("marks"), ["0x00000001-0x00000010", "0x00000011-0xffffffff"]);
    assert_eq!(shown("pairs"), ["10.0.0.0/8 . 1-9", "10.0.0.1 . 80"]);
    assert_eq!(shown("counted"), ["0x00000001", "0x00000002"]);
    assert_eq!(shown("objects"), ["80", "81"]);
    let set = conn.set(SetRef::new(fw(), "marks")).unwrap();
    let key = conn.elements(&set).unwrap().into_iter().find_map(|entry| entry.key().cloned()).unwrap();
    assert!(set.display_key(&key).to_string().starts_with("0x000000"));
    if linux() >= (6, 16) {
        let objects = conn.set(SetRef::new(fw(), "objects")).unwrap();
        assert_eq!(objects.count(), Some(2));
        assert!(objects.set_type().is_some_and(|text| !text.is_empty()));
    }
}
