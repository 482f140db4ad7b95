//! Lists of elements, of any number and size: as many messages as they need, none too long, and nothing lost.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::datum::{IfName, L4Proto, Mark, Port};
use nftlink::expr::{Data, Value};
use nftlink::{Batch, Conn, Element, Entry, Interval, IntoElement, Key, Set, SetFlags, Table};
use proptest::prelude::*;

use crate::property::check;
use crate::sent::{self, DELSETELEM, NEWSETELEM};

const NFTA_SET_ELEM_LIST_TABLE: u16 = 1;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_FLAGS: u16 = 3;
const NFT_SET_ELEM_INTERVAL_END: [u8; 4] = [0, 0, 0, 1];

/// The most bytes of a nest, which tells its length in 16 bits, header included.
const NEST_MAX: usize = u16::MAX as usize - 4;

fn fw() -> Table {
    Table::inet("fw")
}

/// The element lists of a batch that has one operation, as they are.
fn lists(batch: &Batch, kind: u16) -> Vec<Vec<u8>> {
    assert_eq!(batch.mistake().map(ToString::to_string), None);
    let messages = sent::messages(batch.as_bytes());
    let list = |message: sent::Message<'_>| {
        assert_eq!(message.kind, kind);
        assert_eq!(sent::value(&message.attrs, NFTA_SET_ELEM_LIST_TABLE), Some(&b"fw\0"[..]));
        assert_eq!(sent::value(&message.attrs, NFTA_SET_ELEM_LIST_SET), Some(&b"set\0"[..]));
        sent::value(&message.attrs, NFTA_SET_ELEM_LIST_ELEMENTS).unwrap().to_vec()
    };
    messages.into_iter().map(list).collect()
}

/// Checks that what one operation writes of all is what it writes of each, one after the other, split where it has to
/// be and nowhere else.
fn assert_split(kind: u16, count: usize, write: impl Fn(std::ops::Range<usize>, &mut Batch)) {
    let written = |range| {
        let mut batch = Batch::new();
        write(range, &mut batch);
        lists(&batch, kind)
    };
    let whole = written(0..count);
    let mut each = (0..count).map(|n| {
        let one = written(n..n + 1);
        assert_eq!(one.len(), 1);
        one.concat()
    });
    let mut next = each.next();
    for list in &whole {
        assert!(list.len() <= NEST_MAX, "{}", list.len());
        let mut rest = list.as_slice();
        while !rest.is_empty() {
            let one = next.take().expect("no more than was given");
            rest = rest.strip_prefix(one.as_slice()).expect("each is there, in order and whole");
            next = each.next();
        }
        assert!(next.as_ref().is_none_or(|next| list.len() + next.len() > NEST_MAX), "there was room for another");
        // An interval is not torn: nobody sees it without its end.
        let first = sent::attributes(list);
        let is_end =
            |entry| sent::value(&sent::attributes(entry), NFTA_SET_ELEM_FLAGS) == Some(&NFT_SET_ELEM_INTERVAL_END);
        assert!(first.first().is_none_or(|(_, entry)| !is_end(entry)), "an end without its beginning");
    }
    assert!(next.is_none(), "nothing is lost");
}

/// What an element may have beside its key.
#[derive(Debug, Clone)]
struct More {
    timeout: Option<u64>,
    comment: Option<usize>,
}

fn more() -> impl Strategy<Value = More> {
    let some = (prop::option::of(0..u64::from(u32::MAX) / 1000), prop::option::of(0..=127usize));
    some.prop_map(|(timeout, comment)| More { timeout, comment })
}

/// How the elements of a set are: a few kinds that repeat, so that there may be many.
fn elements() -> impl Strategy<Value = (Vec<More>, usize)> {
    (prop::collection::vec(more(), 1..6), prop_oneof![0..20usize, 0..2500usize])
}

fn element<K: Key>(key: impl IntoElement<K>, more: &More) -> Element<K> {
    let mut element = Element::new(key);
    if let Some(timeout) = more.timeout {
        element = element.timeout(Duration::from_secs(timeout));
    }
    if let Some(len) = more.comment {
        element = element.comment("x".repeat(len));
    }
    element
}

/// Tries all the verbs with a set of some type.
fn assert_set_is_split<K: Key, E: IntoElement<K>>(kinds: &[More], count: usize, key: impl Fn(u32) -> E) {
    let set = Set::<K>::new(fw(), "set").timeouts();
    let elements = |range: std::ops::Range<usize>| {
        range.map(|n| element(key(n as u32), &kinds[n % kinds.len()])).collect::<Vec<_>>()
    };
    assert_split(NEWSETELEM, count, |range, batch| _ = batch.add_elements(&set, elements(range)));
    if let (true, more) = (K::FLAGS.contains(SetFlags::INTERVAL), &kinds[0]) {
        // The kernel takes a list of intervals faster that ascends.
        let bytes = |elements: &mut dyn Iterator<Item = u32>| {
            let mut batch = Batch::new();
            batch.add_elements(&set, elements.map(|n| element(key(n), more)));
            batch.as_bytes().to_vec()
        };
        assert!(
            K::FLAGS.contains(SetFlags::CONCAT) || bytes(&mut (0..count as u32)) == bytes(&mut (0..count as u32).rev())
        );
    }
    assert_split(DELSETELEM, count, |range, batch| _ = batch.delete_elements(&set, elements(range)));
}

pub(crate) fn elements_are_split_into_messages_that_lose_none() {
    check(20, (0..5u8, elements()), |(of, (kinds, count))| match of {
        0 => assert_set_is_split::<Port, _>(&kinds, count, |n| n as u16),
        1 => assert_set_is_split::<Interval<Ipv4Addr>, _>(&kinds, count, |n| Ipv4Addr::from(n * 2)),
        2 => assert_set_is_split::<Interval<Ipv6Addr>, _>(&kinds, count, |n| {
            Ipv6Addr::from(u128::MAX - (count as u128 - u128::from(n)) * 2)
        }),
        3 => assert_set_is_split::<(Interval<Ipv4Addr>, Interval<Port>), _>(&kinds, count, |n| {
            (Interval::<Ipv4Addr>::at_least(Ipv4Addr::from(n)), Interval::<Port>::at_most(n as u16))
        }),
        _ => assert_set_is_split::<(Ipv6Addr, IfName, Mark, L4Proto), _>(&kinds, count, |n| {
            (Ipv6Addr::from(u128::from(n)), IfName::new("eth0"), n, 6)
        }),
    });
    // As the kernel has them: keys, userdata and values of any length.
    let entry = (1..=64usize, 0..=254usize, prop::option::of(1..=64usize), any::<bool>());
    let entries = (prop::collection::vec(entry, 1..8), prop_oneof![0..10usize, 0..1500usize]);
    check(20, entries, |(kinds, count)| {
        let set = Set::<Port>::new(fw(), "set");
        assert_split(NEWSETELEM, count, |range, batch| {
            let entries = range.map(|n| {
                let (key, userdata, value, timeout) = kinds[n % kinds.len()];
                let mut entry = Entry::new(Data::new(&vec![n as u8; key]));
                entry.userdata = vec![0xff; userdata];
                entry.value = value.map(|len| Value::Data(Data::new(&vec![0xee; len])));
                entry.timeout = timeout.then_some(Duration::from_secs(n as u64));
                entry
            });
            batch.add_entries(&set, entries);
        });
    });
}

pub(crate) fn elements_of_several_messages_arrive() {
    // An ordinary user may send some 200 KiB at once.
    check(10, (prop::collection::vec(more(), 1..6), 0..600usize), |(kinds, count)| {
        let mut conn = Conn::open().unwrap();
        let set = Set::<Ipv4Addr>::new(fw(), "set").timeouts();
        let key = |n: usize| Ipv4Addr::from((n as u32).wrapping_mul(0x9e37_79b1));
        let long = |more: &More| More { timeout: more.timeout.map(|timeout| timeout + 3600), ..more.clone() };
        let kinds: Vec<More> = kinds.iter().map(long).collect();
        let mut batch = Batch::new();
        batch.flush_ruleset().add(&fw()).add(&set);
        batch.add_elements(&set, (0..count).map(|n| element(key(n), &kinds[n % kinds.len()])));
        conn.commit(&batch).unwrap();
        let show =
            |key: Ipv4Addr, timeout: Option<Duration>, comment: Option<&str>| (key, timeout, comment.map(str::len));
        let read = conn.elements(&set).unwrap();
        let mut read: Vec<_> = read.iter().map(|e| show(*e.key().unwrap(), e.timeout(), e.comment())).collect();
        let meant = (0..count).map(|n| (key(n), &kinds[n % kinds.len()]));
        let mut meant: Vec<_> =
            meant.map(|(key, more)| (key, more.timeout.map(Duration::from_secs), more.comment)).collect();
        read.sort();
        meant.sort();
        assert_eq!(read, meant);
    });
}
