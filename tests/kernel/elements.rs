//! Elements of sets: what is written is what is read, and what each verb does to them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::{IfName, Mark, Port};
use nftlink::{Conn, Element, Errno, Interval, Key, Set};

use crate::{commit, conn, fw, interval, refused};

type Addresses = Set<Interval<Ipv4Addr>>;

fn addresses() -> Addresses {
    Set::new(fw(), "addresses")
}

fn ports() -> Set<Port> {
    Set::new(fw(), "ports")
}

/// Makes the table and a set.
#[track_caller]
fn with<K: Key>(set: &Set<K>) -> Conn {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(set));
    conn
}

/// The elements' keys as nft writes them, sorted.
#[track_caller]
fn keys<K: Key + ToString>(conn: &mut Conn, set: &Set<K>) -> Vec<String> {
    let mut keys: Vec<_> =
        conn.elements(set).unwrap().iter().map(|element| element.key().unwrap().to_string()).collect();
    keys.sort();
    keys
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn values_ranges_prefixes_and_open_ends_are_read_as_written() {
    let names = Set::<IfName>::new(fw(), "names");
    let ipv6 = Set::<Interval<Ipv6Addr>>::new(fw(), "ipv6");
    let ranges = Set::<Interval<Port>>::new(fw(), "ranges");
    let mut conn = with(&addresses());
    commit(&mut conn, |batch| {
        batch.add(&names).add(&ipv6).add(&ranges).add(&ports());
        batch.add_elements(&names, ["eth0", "lo"]).add_elements(&ports(), [443, 80, 8080]);
        batch.add_elements(&addresses(), ["192.0.2.1", "10.0.0.0/8", "192.0.2.3-192.0.2.77"].map(interval));
        batch.add_elements(&addresses(), [Interval::at_least(Ipv4Addr::new(224, 0, 0, 1))]);
        batch.add_elements(&ipv6, ["2001:db8::/33", "::1", "fe80::1-fe80::9"].map(interval));
        batch.add_elements(&ranges, [0..=1023, 8080..=8080, 60000..=65535])
    });
    assert_eq!(keys(&mut conn, &names), ["eth0", "lo"]);
    assert_eq!(keys(&mut conn, &ports()), ["443", "80", "8080"]);
    let expected = ["10.0.0.0/8", "192.0.2.1", "192.0.2.3-192.0.2.77", "224.0.0.1-255.255.255.255"];
    assert_eq!(keys(&mut conn, &addresses()), expected);
    assert_eq!(keys(&mut conn, &ipv6), ["2001:db8::/33", "::1", "fe80::1-fe80::9"]);
    assert_eq!(keys(&mut conn, &ranges), ["0-1023", "60000-65535", "8080"]);
}

pub(crate) fn intervals_at_the_ends_of_the_address_space() {
    let mut conn = with(&addresses());
    for [low, high] in [["0.0.0.0", "255.255.255.255"], ["0.0.0.0/1", "255.255.255.254/31"]] {
        let both = [low, high].map(interval);
        commit(&mut conn, |batch| batch.add_elements(&addresses(), both));
        assert_eq!(keys(&mut conn, &addresses()), [low, high]);
        commit(&mut conn, |batch| batch.delete_elements(&addresses(), both));
        assert_eq!(keys(&mut conn, &addresses()), [""; 0]);
    }
    let all = interval::<Ipv4Addr>("0.0.0.0/0");
    commit(&mut conn, |batch| batch.add_elements(&addresses(), [all]));
    assert_eq!(keys(&mut conn, &addresses()), ["0.0.0.0/0"]);
    commit(&mut conn, |batch| batch.refresh_elements(&addresses(), [all]));
    assert_eq!(keys(&mut conn, &addresses()), ["0.0.0.0/0"]);
    commit(&mut conn, |batch| batch.delete_elements(&addresses(), [all]));
    assert_eq!(keys(&mut conn, &addresses()), [""; 0]);
}

pub(crate) fn adjacent_intervals_stay_apart() {
    let mut conn = with(&addresses());
    let texts = ["10.0.0.0-10.0.0.9", "10.0.0.10-10.0.0.19", "10.0.0.20", "10.0.0.21"];
    let mut shuffled = texts.map(interval);
    shuffled.swap(0, 2);
    commit(&mut conn, |batch| batch.add_elements(&addresses(), shuffled));
    assert_eq!(keys(&mut conn, &addresses()), texts);
    commit(&mut conn, |batch| batch.delete_elements(&addresses(), [interval(texts[1])]));
    assert_eq!(keys(&mut conn, &addresses()), [texts[0], texts[2], texts[3]]);
    commit(&mut conn, |batch| batch.add_elements(&addresses(), [interval(texts[1])]));
    assert_eq!(keys(&mut conn, &addresses()), texts);
}

pub(crate) fn intervals_of_numbers_in_host_order_sort_as_numbers() {
    let marks = Set::<Interval<Mark>>::new(fw(), "marks");
    let mut conn = with(&marks);
    commit(&mut conn, |batch| batch.add_elements(&marks, [1..=256, 0x1_0000..=0x2_0000]));
    assert_eq!(keys(&mut conn, &marks), ["0x00000001-0x00000100", "0x00010000-0x00020000"]);
}

pub(crate) fn timeouts_and_comments_are_read_as_written() {
    let set = addresses().timeout(HOUR).comment("bans");
    let mut conn = with(&set);
    let info = conn.set(&set).unwrap();
    assert_eq!((info.timeout(), info.comment()), (Some(HOUR), Some("bans")));
    let element = |text: &str| Element::<Interval<Ipv4Addr>>::new(interval::<Ipv4Addr>(text));
    commit(&mut conn, |batch| {
        batch.add_elements(&set, [element("10.0.0.1").timeout(MINUTE).comment("größer")]);
        batch.add_elements(&set, [element("10.0.0.2")]);
        batch.add_elements(&set, [element("10.0.0.4/31").timeout(MINUTE).expires(SECOND * 20)])
    });
    let mut read = conn.elements(&set).unwrap();
    read.sort_by_key(|element| *element.key().unwrap().start());
    let texts: Vec<_> = read.iter().map(|element| (element.key().unwrap().to_string(), element.comment())).collect();
    assert_eq!(
        texts,
        [("10.0.0.1".to_owned(), Some("größer")), ("10.0.0.2".to_owned(), None), ("10.0.0.4/31".to_owned(), None)]
    );
    // The kernel tells a timeout that is the set's own only of some versions.
    assert_eq!(read[0].timeout(), Some(MINUTE));
    assert!(read[1].timeout().is_none_or(|timeout| timeout == HOUR), "{:?}", read[1]);
    let left: Vec<_> = read.iter().map(|element| element.expires().expect("it expires")).collect();
    for (left, most) in left.into_iter().zip([MINUTE, HOUR, SECOND * 20]) {
        assert!(left <= most && left > most - SECOND * 15, "{left:?} of {most:?}");
    }
}

pub(crate) fn an_element_leaves_when_its_time_is_over() {
    let set = ports().timeouts();
    let mut conn = with(&set);
    let short = Element::<Port>::new(80).timeout(Duration::from_millis(100));
    commit(&mut conn, |batch| batch.add_elements(&set, [short]).add_elements(&set, [443]));
    let deadline = Instant::now() + SECOND * 10;
    while keys(&mut conn, &set) != ["443"] {
        assert!(Instant::now() < deadline, "{:?}", conn.elements(&set));
        thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn adding_what_is_there_changes_nothing() {
    let mut conn = with(&ports());
    commit(&mut conn, |batch| batch.add_elements(&ports(), [80]));
    commit(&mut conn, |batch| batch.add_elements(&ports(), [80, 443]));
    assert_eq!(keys(&mut conn, &ports()), ["443", "80"]);
    commit(&mut conn, |batch| batch.add(&addresses()).add_elements(&addresses(), [interval("10.0.0.0/8")]));
    commit(&mut conn, |batch| batch.add_elements(&addresses(), [interval("10.0.0.0/8")]));
    assert_eq!(keys(&mut conn, &addresses()), ["10.0.0.0/8"]);
}

pub(crate) fn create_names_the_element_that_is_there() {
    let mut conn = with(&ports());
    commit(&mut conn, |batch| batch.create_elements(&ports(), [80, 443]));
    let error = refused(&mut conn, |batch| batch.create_elements(&ports(), [22, 25, 443, 993]));
    assert!(error.is_exists(), "{error}");
    let rejection = error.rejections().next().unwrap();
    assert_eq!(rejection.part(), Some("443"), "{error}");
    assert_eq!(rejection.path().and_then(|path| path.element()), Some(2), "{error}");
    assert_eq!(keys(&mut conn, &ports()), ["443", "80"]);

    commit(&mut conn, |batch| batch.add(&addresses()).add_elements(&addresses(), [interval("10.0.0.0/8")]));
    let error =
        refused(&mut conn, |batch| batch.create_elements(&addresses(), ["192.0.2.0/24", "10.0.0.0/8"].map(interval)));
    assert!(error.is_exists(), "{error}");
    assert_eq!(error.rejections().next().unwrap().part(), Some("10.0.0.0/8"), "{error}");
}

pub(crate) fn overlapping_interval_is_refused() {
    let mut conn = with(&addresses());
    commit(&mut conn, |batch| batch.add_elements(&addresses(), [interval("10.0.0.0/8")]));
    for overlapping in ["10.1.0.0/16", "9.0.0.0-10.0.0.1", "10.255.255.255-11.0.0.1"] {
        let error = refused(&mut conn, |batch| batch.add_elements(&addresses(), [interval(overlapping)]));
        assert!(error.is_exists(), "{overlapping}: {error}");
    }
    assert_eq!(keys(&mut conn, &addresses()), ["10.0.0.0/8"]);
}

pub(crate) fn deleted_elements_are_gone_and_absent_ones_are_refused() {
    let mut conn = with(&ports());
    commit(&mut conn, |batch| batch.add_elements(&ports(), [22, 80, 443]));
    commit(&mut conn, |batch| batch.delete_elements(&ports(), [80]));
    assert_eq!(keys(&mut conn, &ports()), ["22", "443"]);
    let error = refused(&mut conn, |batch| batch.delete_elements(&ports(), [22, 80]));
    assert!(error.is_not_found(), "{error}");
    assert_eq!(keys(&mut conn, &ports()), ["22", "443"]);

    commit(&mut conn, |batch| batch.add(&addresses()).add_elements(&addresses(), [interval("10.0.0.0/8")]));
    for part in ["10.0.0.0/9", "10.0.0.1", "11.0.0.1"] {
        let error = refused(&mut conn, |batch| batch.delete_elements(&addresses(), [interval(part)]));
        assert!(error.is_not_found(), "{part}: {error}");
    }
    assert_eq!(keys(&mut conn, &addresses()), ["10.0.0.0/8"]);
}

pub(crate) fn destroy_accepts_absent_elements() {
    let mut conn = with(&ports());
    commit(&mut conn, |batch| batch.add_elements(&ports(), [22, 80]).destroy_elements(&ports(), [80, 443]));
    assert_eq!(keys(&mut conn, &ports()), ["22"]);
}

/// Refreshes one element that is about to go, one that would stay for ever, and one that is not there.
#[track_caller]
fn refresh<K: Key + ToString + std::fmt::Debug>(set: Set<K>, [dying, eternal, missing, other]: [Element<K>; 4]) {
    let set = set.timeouts();
    let mut conn = with(&set);
    let dying_soon = dying.clone().timeout(MINUTE).expires(SECOND * 20);
    commit(&mut conn, |batch| batch.add_elements(&set, [dying_soon, eternal.clone(), other]));
    let before = keys(&mut conn, &set);
    let refreshed = [dying, eternal, missing].map(|element| element.timeout(HOUR).comment("again"));
    for _ in 0..2 {
        commit(&mut conn, |batch| batch.refresh_elements(&set, refreshed.clone()));
        let read = conn.elements(&set).unwrap();
        assert_eq!(read.len(), before.len() + 1, "{read:?}");
        let (fresh, others): (Vec<_>, Vec<_>) = read.iter().partition(|element| element.comment() == Some("again"));
        assert_eq!((fresh.len(), others.len()), (3, 1), "{read:?}");
        assert_eq!(others[0].expires(), None, "nobody refreshed it");
        for element in fresh {
            assert_eq!(element.timeout(), Some(HOUR), "{element:?}");
            assert!(element.expires().is_some_and(|left| left > HOUR - MINUTE), "{element:?}");
        }
    }
    assert!(before.iter().all(|key| keys(&mut conn, &set).contains(key)));
}

pub(crate) fn refresh_restarts_timeouts_and_adds_what_is_missing() {
    refresh(ports(), [22, 80, 443, 993].map(Element::new));
}

pub(crate) fn refresh_restarts_the_timeouts_of_intervals() {
    // Each one begins where another ends.
    let texts = ["10.0.0.0/8", "11.0.0.0-11.0.0.9", "11.0.0.10", "11.0.0.11-255.255.255.255"];
    refresh(addresses(), texts.map(|text| Element::new(interval::<Ipv4Addr>(text))));
}

pub(crate) fn a_full_set_takes_no_more() {
    let set = ports().size(2);
    let mut conn = with(&set);
    assert_eq!(conn.set(&set).unwrap().size(), Some(2));
    commit(&mut conn, |batch| batch.add_elements(&set, [22, 80]));
    let error = refused(&mut conn, |batch| batch.add_elements(&set, [443]));
    assert_eq!(error.errno(), Some(Errno::ENFILE), "{error}");
    assert_eq!(keys(&mut conn, &set), ["22", "80"]);
}

pub(crate) fn no_elements_are_no_operation() {
    let mut conn = with(&ports());
    commit(&mut conn, |batch| batch.add_elements(&ports(), [80]));
    commit(&mut conn, |batch| {
        let none: [u16; 0] = [];
        batch.add_elements(&ports(), none).delete_elements(&ports(), none).refresh_elements(&ports(), none)
    });
    assert_eq!(keys(&mut conn, &ports()), ["80"], "a deletion of no elements is not one of all");
}
