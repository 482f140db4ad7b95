//! Elements merged with what a set of intervals holds, and cut out of it.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::{L4Proto, Port};
use nftlink::error::BuildErrorKind;
use nftlink::expr::Counter;
use nftlink::{Batch, Conn, Element, ElementInfo, Error, Interval, Key, Set};

use crate::{commit, conn, fw, interval};

type Addresses = Set<Interval<Ipv4Addr>>;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn addresses() -> Addresses {
    Set::new(fw(), "addresses").auto_merge()
}

fn element(text: &str) -> Element<Interval<Ipv4Addr>> {
    Element::new(interval::<Ipv4Addr>(text))
}

/// Makes the table and a set with elements.
#[track_caller]
fn with<K: Key>(set: &Set<K>, elements: impl IntoIterator<Item = Element<K>>) -> Conn {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(set).add_elements(set, elements));
    conn
}

/// What a set holds, in ascending order.
#[track_caller]
fn held<K: Key>(conn: &mut Conn, set: &Set<K>) -> Vec<ElementInfo<K>> {
    conn.elements(set).unwrap()
}

#[track_caller]
fn keys<K: Key + ToString>(conn: &mut Conn, set: &Set<K>) -> Vec<String> {
    held(conn, set).iter().map(|element| element.key().unwrap().to_string()).collect()
}

pub(crate) fn adding_what_a_set_holds_changes_nothing() {
    let set = addresses().counters();
    let counted = |text| element(text).comment("there").stateful(Counter::new(7, 70));
    let mut conn = with(&set, [counted("10.0.0.0/8"), counted("192.0.2.1"), counted("224.0.0.0-255.255.255.255")]);
    let (before, generation) = (held(&mut conn, &set), conn.generation().unwrap());
    assert_eq!(before[0].counter(), Some(Counter::new(7, 70)));
    for text in ["10.0.0.5", "10.0.0.0/8", "10.255.255.255", "192.0.2.1", "255.255.255.255", "239.1.0.0/16"] {
        conn.add_merged(&set, [interval::<Ipv4Addr>(text)]).unwrap();
    }
    conn.add_merged(&set, [element("10.1.0.0/16").comment("other"), element("192.0.2.1")]).unwrap();
    conn.add_merged(&set, Vec::<Ipv4Addr>::new()).unwrap();
    conn.delete_merged(&set, ["11.0.0.0/8", "9.255.255.255", "0.0.0.0"].map(interval::<Ipv4Addr>)).unwrap();
    assert_eq!(held(&mut conn, &set), before);
    assert_eq!(conn.generation().unwrap(), generation, "nobody else's commit is disturbed");
}

pub(crate) fn interval_that_holds_others_replaces_them() {
    let mut conn = with(&addresses(), []);
    let many = (0..1000u32).map(|n| Ipv4Addr::from(0x0a00_0000 + n * 3));
    commit(&mut conn, |batch| batch.add_elements(&addresses(), many));
    commit(&mut conn, |batch| batch.add_elements(&addresses(), [element("192.0.2.1").comment("far")]));
    assert_eq!(held(&mut conn, &addresses()).len(), 1001);
    conn.add_merged(&addresses(), [interval::<Ipv4Addr>("10.0.0.0/8")]).unwrap();
    assert_eq!(keys(&mut conn, &addresses()), ["10.0.0.0/8", "192.0.2.1"]);
    assert_eq!(held(&mut conn, &addresses())[1].comment(), Some("far"));
}

pub(crate) fn intervals_that_touch_become_one_and_others_keep_apart() {
    let mut conn = with(&addresses(), ["10.0.0.1", "10.0.0.2", "10.0.0.9", "10.0.0.20-10.0.0.29"].map(element));
    // What was apart before is so where nothing new touches it.
    assert_eq!(keys(&mut conn, &addresses()), ["10.0.0.1-10.0.0.2", "10.0.0.9", "10.0.0.20-10.0.0.29"]);
    conn.add_merged(&addresses(), ["10.0.0.10-10.0.0.19"].map(interval::<Ipv4Addr>)).unwrap();
    assert_eq!(keys(&mut conn, &addresses()), ["10.0.0.1-10.0.0.2", "10.0.0.9-10.0.0.29"]);
    conn.add_merged(&addresses(), ["0.0.0.0-10.0.0.0", "10.0.0.25-255.255.255.255"].map(interval::<Ipv4Addr>)).unwrap();
    assert_eq!(keys(&mut conn, &addresses()), ["0.0.0.0-10.0.0.2", "10.0.0.9-255.255.255.255"]);
    conn.add_merged(&addresses(), ["10.0.0.3-10.0.0.8"].map(interval::<Ipv4Addr>)).unwrap();
    assert_eq!(keys(&mut conn, &addresses()), ["0.0.0.0/0"]);
    conn.delete_merged(&addresses(), ["0.0.0.0", "255.255.255.255", "10.0.0.5"].map(interval::<Ipv4Addr>)).unwrap();
    assert_eq!(keys(&mut conn, &addresses()), ["0.0.0.1-10.0.0.4", "10.0.0.6-255.255.255.254"]);
}

pub(crate) fn each_key_stays_as_long_as_the_longest_that_holds_it() {
    let set = addresses().timeout(HOUR);
    let mut conn = with(&set, [element("10.0.0.0/24"), element("10.0.1.0/24").timeout(Duration::ZERO)]);
    conn.add_merged(&set, [element("10.0.0.16/28").timeout(2 * HOUR).comment("longer")]).unwrap();
    conn.add_merged(&set, [element("10.0.1.7").timeout(MINUTE), element("10.0.0.128").timeout(MINUTE)]).unwrap();
    let found = held(&mut conn, &set);
    let texts: Vec<_> = found.iter().map(|e| (e.key().unwrap().to_string(), e.comment())).collect();
    let expected = [
        ("10.0.0.0/28", None),
        ("10.0.0.16/28", Some("longer")),
        ("10.0.0.32-10.0.0.255", None),
        ("10.0.1.0/24", None),
    ];
    assert_eq!(texts, expected.map(|(text, comment)| (text.to_owned(), comment)));
    for (element, most) in found.iter().zip([Some(HOUR), Some(2 * HOUR), Some(HOUR), None]) {
        let left = element.expires();
        assert_eq!(left.is_some(), most.is_some(), "{element:?}");
        assert!(left.zip(most).is_none_or(|(left, most)| left <= most && left > most - MINUTE), "{element:?}");
    }
}

pub(crate) fn parts_of_a_cut_interval_are_as_it_was() {
    let set = addresses().timeouts().counters();
    let whole = element("10.0.0.0/8").timeout(2 * HOUR).expires(HOUR).comment("whole").stateful(Counter::new(3, 30));
    let mut conn = with(&set, [whole, element("10.0.0.0-10.0.0.0").timeout(HOUR)].into_iter().take(1));
    conn.delete_merged(&set, [Ipv4Addr::new(10, 0, 0, 5)]).unwrap();
    assert_eq!(keys(&mut conn, &set), ["10.0.0.0-10.0.0.4", "10.0.0.6-10.255.255.255"]);
    for part in held(&mut conn, &set) {
        assert_eq!((part.comment(), part.counter()), (Some("whole"), Some(Counter::new(3, 30))));
        assert_eq!(part.timeout(), Some(2 * HOUR));
        assert!(part.expires().is_some_and(|left| left <= HOUR && left > HOUR - MINUTE), "{part:?}");
    }
    conn.delete_merged(&set, ["10.0.0.0/30", "10.0.0.6-255.255.255.255"].map(interval::<Ipv4Addr>)).unwrap();
    assert_eq!(keys(&mut conn, &set), ["10.0.0.4"]);
    conn.delete_merged(&set, [interval::<Ipv4Addr>("0.0.0.0/0")]).unwrap();
    assert_eq!(keys(&mut conn, &set), [""; 0]);
}

pub(crate) fn merging_is_refused_where_the_set_is_absent_or_another() {
    let mut conn = with(&addresses(), []);
    let absent = Set::<Interval<Ipv4Addr>>::new(fw(), "absent");
    assert!(conn.add_merged(&absent, [Ipv4Addr::LOCALHOST]).unwrap_err().is_not_found());
    assert!(conn.delete_merged(&absent, [Ipv4Addr::LOCALHOST]).unwrap_err().is_not_found());
    let other = Set::<Interval<Ipv6Addr>>::new(fw(), "addresses");
    assert!(matches!(conn.add_merged(&other, [Ipv6Addr::LOCALHOST]), Err(Error::WrongType(_))));
    let long = Interval::prefix(Ipv4Addr::LOCALHOST, 33);
    assert!(matches!(conn.add_merged(&addresses(), [long]), Err(Error::Build(_))));
    assert!(matches!(conn.delete_merged(&addresses(), [long]), Err(Error::Build(_))));
    // A timeout for a set without: the kernel's own refusal.
    let error = conn.add_merged(&addresses(), [element("10.0.0.1").timeout(HOUR)]).unwrap_err();
    assert_eq!(error.rejections().next().unwrap().part(), Some("10.0.0.1"), "{error}");
}

pub(crate) fn those_who_merge_at_once_lose_nothing() {
    const EACH: u32 = 8;
    let ports = Set::<Interval<Port>>::new(fw(), "ports").auto_merge();
    let mut conn = with(&ports, []);
    let merging: Vec<_> = (0..3)
        .map(|n| {
            let ports = ports.clone();
            thread::spawn(move || {
                let mut conn = Conn::open().unwrap();
                // Every third port each: none touches one of its own.
                for port in (0..EACH).map(|step| (step * 3 + n) as u16) {
                    conn.add_merged(&ports, [port]).unwrap();
                    conn.add_merged(&ports, [0x8000 + port]).unwrap();
                    conn.delete_merged(&ports, [0x8000 + port]).unwrap();
                }
            })
        })
        .collect();
    merging.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(keys(&mut conn, &ports), ["0-23"]);
}

pub(crate) fn elements_that_expire_meanwhile_are_no_hindrance() {
    let set = addresses().timeouts();
    let mut conn = with(&set, []);
    for round in 0..2 {
        let soon = |n: u32| Duration::from_millis(u64::from(1 + n % 200));
        let address = |n: u32| Interval::value(Ipv4Addr::from(0x0a00_0000 + n * 2));
        let dying = (0..2000).map(|n| Element::<Interval<Ipv4Addr>>::of(address(n)).timeout(soon(n)));
        conn.add_merged(&set, dying.collect::<Vec<_>>()).unwrap();
        // Longer than the last of them lasts.
        let end = Instant::now() + Duration::from_millis(300);
        while Instant::now() < end {
            let across = element("10.0.0.0/21").timeout(Duration::from_millis(100));
            conn.add_merged(&set, [across]).unwrap_or_else(|error| panic!("round {round}: {error}"));
            conn.delete_merged(&set, ["10.0.0.64/26", "10.0.4.0-10.255.255.255"].map(interval::<Ipv4Addr>)).unwrap();
            conn.delete_merged(&set, [interval::<Ipv4Addr>("10.0.0.0/25")]).unwrap();
            conn.delete_merged(&set, [interval::<Ipv4Addr>("10.0.0.0-10.0.2.200")]).unwrap();
            let rest: Vec<_> = held(&mut conn, &set).iter().map(|e| e.key().unwrap().start().octets()[2]).collect();
            assert!(rest.iter().all(|&net| net == 2 || net == 3), "{rest:?}");
        }
        while !held(&mut conn, &set).is_empty() {
            assert!(end.elapsed() < MINUTE, "what had its time is still there");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

pub(crate) fn any_sequence_of_merges_and_cuts_holds_what_it_should() {
    let set = Set::<Interval<L4Proto>>::new(fw(), "set").auto_merge();
    let mut conn = with(&set, []);
    let mut model = [false; 256];
    let mut random = 1u32;
    let mut below = |bound: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % bound
    };
    for step in 0..60 {
        let adds = below(5) < 3;
        let ranges: Vec<_> = (0..=below(3))
            .map(|_| {
                let start = below(256) as u8;
                start..=start.saturating_add(below([2, 20, 256][step % 3]) as u8)
            })
            .collect();
        for key in ranges.iter().cloned().flatten() {
            model[usize::from(key)] = adds;
        }
        match adds {
            true => conn.add_merged(&set, ranges.clone()).unwrap(),
            false => conn.delete_merged(&set, ranges.clone()).unwrap(),
        }
        let mut found = [false; 256];
        let elements = held(&mut conn, &set);
        for key in elements.iter().flat_map(|e| e.key().unwrap().start().get()..=e.key().unwrap().end().get()) {
            assert!(!found[usize::from(key)], "{key} twice after {ranges:?}");
            found[usize::from(key)] = true;
        }
        assert_eq!(found, model, "{ranges:?}: {adds}");
        // The kernel's own lookup finds the same.
        for key in [0, 255, below(256) as u8, *ranges[0].start(), *ranges[0].end()] {
            match conn.element(&set, key) {
                Ok(element) => {
                    assert!(model[usize::from(key)], "{key}");
                    let there = elements.iter().find(|there| there.key() == element.key());
                    assert_eq!(there, Some(&element), "{key}");
                }
                Err(error) => assert!(error.is_not_found() && !model[usize::from(key)], "{key}: {error}"),
            }
        }
    }
}

pub(crate) fn overlap_that_the_kernel_does_not_notice_is_refused_before() {
    let set = Set::<Interval<Ipv4Addr>>::new(fw(), "nets");
    let mistake = |elements: &[&str]| {
        let mut batch = Batch::new();
        batch.add_elements(&set, elements.iter().map(|text| interval::<Ipv4Addr>(text)));
        batch.mistake().map(|mistake| mistake.kind().clone())
    };
    let overlap = Some(BuildErrorKind::Overlap);
    assert_eq!(mistake(&["10.0.0.0/8", "0.0.0.0/0"]), overlap);
    assert_eq!(mistake(&["128.0.0.0/1", "192.0.2.1"]), overlap);
    assert_eq!(mistake(&["255.0.0.0/8", "254.0.0.0-255.255.255.255"]), overlap);
    assert_eq!(mistake(&["10.0.0.0/8", "128.0.0.0/1", "127.0.0.0/8"]), None);
    // Others the kernel refuses itself.
    assert_eq!(mistake(&["10.0.0.0/8", "10.0.0.1"]), None);
}
