//! Intervals that overlap, beside a naive model: each value is in the set as long as the longest of those that hold it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::datum::{IntoValue, Ordered};
use nftlink::{Batch, Conn, Element, Interval, IntoElement, Key, Set, Table};
use proptest::prelude::*;

use crate::property::check;
use crate::sent::{self, NEWSETELEM};

const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_SET_ELEM_FLAGS: u16 = 3;
const NFTA_SET_ELEM_TIMEOUT: u16 = 4;
const NFTA_DATA_VALUE: u16 = 1;

/// An interval, and for how many hours; without an end, if none are said.
type Ranges = Vec<(u128, u128, Option<u64>)>;

fn fw() -> Table {
    Table::inet("fw")
}

/// Intervals in a domain of so many bits: many that touch, overlap, or reach an end of it.
fn ranges(bits: u32) -> impl Strategy<Value = Ranges> {
    let max = u128::MAX >> (128 - bits);
    let near = prop_oneof![0..40u128, Just(max - 39).prop_flat_map(move |low| low..=max), 0..=max];
    let range = (near.clone(), prop_oneof![Just(0u128), 0..10u128, 0..=max]);
    let range = range.prop_map(move |(start, len)| (start, start.saturating_add(len).min(max)));
    let both = (near.clone(), near).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let lasts = prop_oneof![2 => Just(None), 1 => (1..4u64).prop_map(Some)];
    prop::collection::vec((prop_oneof![range, both], lasts), 0..12)
        .prop_map(|all| all.into_iter().map(|((start, end), lasts)| (start, end, lasts)).collect())
}

/// For how many hours a value is held, if it is.
fn lasts(ranges: &Ranges, value: u128) -> Option<u64> {
    let of = ranges.iter().filter(|(start, end, _)| (start..=end).contains(&&value));
    of.map(|(.., hours)| hours.unwrap_or(u64::MAX)).max()
}

/// Checks that two lists hold the same values for as long: at each end, and beside it.
fn assert_same(merged: &Ranges, given: &Ranges) {
    let ends = merged.iter().chain(given).flat_map(|(start, end, _)| [*start, *end]);
    let near = ends.flat_map(|at| [at.saturating_sub(1), at, at.saturating_add(1)]);
    for value in near.collect::<BTreeSet<u128>>() {
        assert_eq!(lasts(merged, value), lasts(given, value), "{value:#x} of {merged:x?}");
    }
}

/// Checks that none overlaps another.
fn assert_apart(merged: &Ranges) {
    let mut sorted = merged.clone();
    sorted.sort();
    assert!(sorted.windows(2).all(|pair| pair[0].1 < pair[1].0), "{merged:x?}");
    // Like ones that touch are one.
    assert!(sorted.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0 || pair[0].2 != pair[1].2), "{merged:x?}");
}

/// What a batch sends of the elements, as it is: starts, and the first values behind.
fn sent(batch: &Batch, bits: u32) -> Ranges {
    let mut found: Ranges = Vec::new();
    let mut is_open = false;
    assert_eq!(batch.mistake().map(ToString::to_string), None);
    for message in sent::messages(batch.as_bytes()) {
        assert_eq!(message.kind, NEWSETELEM);
        for (_, entry) in sent::attributes(sent::value(&message.attrs, NFTA_SET_ELEM_LIST_ELEMENTS).unwrap()) {
            let attrs = sent::attributes(entry);
            let key = sent::attributes(sent::value(&attrs, NFTA_SET_ELEM_KEY).unwrap());
            let key = sent::value(&key, NFTA_DATA_VALUE).unwrap();
            assert_eq!(key.len() * 8, bits as usize);
            let key = key.iter().fold(0u128, |key, byte| key << 8 | u128::from(*byte));
            let is_end = sent::value(&attrs, NFTA_SET_ELEM_FLAGS).is_some_and(|flags| flags == [0, 0, 0, 1]);
            assert_eq!(is_end, is_open, "each start has its end behind it, but for the last value's");
            is_open = !is_end;
            if is_end {
                found.last_mut().unwrap().1 = key - 1;
            } else {
                let timeout = sent::value(&attrs, NFTA_SET_ELEM_TIMEOUT);
                let millis = timeout.map(|millis| u64::from_be_bytes(millis.try_into().unwrap()));
                found.push((key, u128::MAX >> (128 - bits), millis.map(|millis| millis / 3_600_000)));
            }
            // What ends with the highest value has no end.
            is_open &= !is_end && !entry_is_open(&attrs);
        }
    }
    found
}

/// Whether nft is told that the interval ends with the highest value.
fn entry_is_open(attrs: &[sent::Attr<'_>]) -> bool {
    const NFTA_SET_ELEM_USERDATA: u16 = 6;
    sent::value(attrs, NFTA_SET_ELEM_USERDATA).is_some()
}

fn elements<V>(ranges: &Ranges, value: impl Fn(u128) -> V) -> Vec<Element<Interval<V>>>
where
    Interval<V>: Key + IntoElement<Interval<V>>,
    V: Ordered + IntoValue<V>,
{
    let element = |(start, end, hours): &(u128, u128, Option<u64>)| {
        let element = Element::of(Interval::range(value(*start)..=value(*end)));
        hours.map_or(element.clone(), |hours| element.timeout(Duration::from_secs(hours * 3600)))
    };
    ranges.iter().map(element).collect()
}

fn v4(value: u128) -> Ipv4Addr {
    Ipv4Addr::from(value as u32)
}

pub(crate) fn merged_elements_hold_each_value_as_long_as_the_longest() {
    check(300, ranges(32), |given| {
        let set = Set::<Interval<Ipv4Addr>>::new(fw(), "s").timeouts().auto_merge();
        let mut batch = Batch::new();
        batch.add_elements(&set, elements(&given, v4));
        let merged = sent(&batch, 32);
        assert_apart(&merged);
        assert_same(&merged, &given);
    });
    check(300, ranges(128), |given| {
        let set = Set::<Interval<Ipv6Addr>>::new(fw(), "s").timeouts().auto_merge();
        let mut batch = Batch::new();
        batch.add_elements(&set, elements(&given, Ipv6Addr::from));
        let merged = sent(&batch, 128);
        assert_apart(&merged);
        assert_same(&merged, &given);
    });
}

pub(crate) fn what_is_merged_with_a_set_is_in_it_as_long_as_the_longest() {
    let conn = RefCell::new(Conn::open().unwrap());
    let several = (prop::collection::vec(ranges(32), 1..4), ranges(32));
    check(100, several, |(given, gone)| {
        let mut conn = conn.borrow_mut();
        let set = Set::<Interval<Ipv4Addr>>::new(fw(), "s").timeouts().auto_merge();
        conn.commit(Batch::new().flush_ruleset().add(&fw()).add(&set)).unwrap();
        let held = |conn: &mut Conn| -> Ranges {
            let number = |address: &Ipv4Addr| u128::from(u32::from(*address));
            let elements = conn.elements(&set).unwrap();
            let range = elements.iter().map(|element| {
                let key = element.key().unwrap();
                // What is left of so many hours.
                let hours = element.expires().map(|left| left.as_secs().div_ceil(3600));
                (number(key.start()), number(key.end()), hours)
            });
            range.collect()
        };
        let mut all = Vec::new();
        for ranges in given {
            conn.add_merged(&set, elements(&ranges, v4)).unwrap();
            all.extend(ranges);
            assert_same(&held(&mut conn), &all);
        }
        let before = held(&mut conn);
        conn.delete_merged(&set, elements(&gone, v4)).unwrap();
        let after = held(&mut conn);
        for (start, end, _) in before.iter().chain(&gone).chain(&after) {
            for value in [start.saturating_sub(1), *start, *end, end.saturating_add(1)] {
                let expected = if lasts(&gone, value).is_some() { None } else { lasts(&before, value) };
                assert_eq!(lasts(&after, value), expected, "{value:#x}");
            }
        }
    });
}
