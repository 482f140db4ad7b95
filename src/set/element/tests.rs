use super::super::element_info::{Millis, More, assemble, in_order, leave_out_lone_ends};
use super::super::list::{SplitEntries, agree, read_element_list};
use super::super::{ElementInfo, IntoElement};
use super::*;
use crate::Interval;
use crate::datum::{Bytes, Mark, Port};
use std::net::Ipv4Addr;

fn entries<K: Key>(element: Element<K>) -> Vec<u8> {
    let mut w = AttrWriter::new();
    element.encode(WhatOfElement::Full, &mut w, &mut Order::default());
    assert_eq!(w.take_error(), None);
    w.bytes_written().to_vec()
}

#[test]
#[cfg(target_endian = "little")]
fn elements_are_nfts() {
    let blocked = Element::<Interval<Ipv4Addr>>::new(Ipv4Addr::new(1, 2, 3, 4)).timeout(Duration::from_secs(300));
    assert_eq!(
        entries(blocked),
        b"\x1c\0\x01\x80\x0c\0\x04\0\0\0\0\0\0\x04\x93\xe0\x0c\0\x01\x80\x08\0\x01\0\x01\x02\x03\x04\
          \x18\0\x01\x80\x08\0\x03\0\0\0\0\x01\x0c\0\x01\x80\x08\0\x01\0\x01\x02\x03\x05"
    );
    let highest = Element::<Interval<Ipv4Addr>>::new(Ipv4Addr::BROADCAST);
    assert_eq!(
        entries(highest),
        b"\x1c\0\x01\x80\x0c\0\x01\x80\x08\0\x01\0\xff\xff\xff\xff\x0a\0\x06\0\x01\x04\x01\0\0\0\0\0"
    );
    assert_eq!(entries(Element::<Mark>::new(1)), b"\x10\0\x01\x80\x0c\0\x01\x80\x08\0\x01\0\x01\0\0\0");
    assert_eq!(
        entries(Element::<Port>::new(80).comment("x")),
        b"\x18\0\x01\x80\x0c\0\x01\x80\x06\0\x01\0\0\x50\0\0\x08\0\x06\0\0\x02x\0"
    );
}

fn entry(key: [u8; 4], end: bool) -> ElementInfo {
    let flags = if end { ElementFlags::INTERVAL_END } else { ElementFlags::empty() };
    ElementInfo { key: Some(key.into()), value: (), flags, timeout: Millis::NONE, expires: Millis::NONE, more: None }
}

#[test]
fn ends_whose_start_is_gone_are_left_out_in_any_order() {
    let (start, end) = (|n| entry([10, 0, 0, n], false), |n| entry([10, 0, 0, n], true));
    let zero = || entry([0; 4], true);
    let kept = [zero(), start(1), end(2), start(2), end(3), start(7), start(9)];
    let mut raw = vec![zero(), start(1), end(2), start(2), end(3), end(4), end(5), start(7), start(9)];
    for _ in 0..2 {
        let mut found = raw.clone();
        leave_out_lone_ends(&mut found);
        found.sort_by(in_order);
        assert_eq!(found, kept);
        raw.reverse();
    }
    let mut kept = kept.to_vec();
    leave_out_lone_ends(&mut kept);
    assert_eq!(kept.len(), 7);
}

#[test]
fn intervals_are_paired_in_any_order() {
    // Adjacent intervals, a lone end at zero as nft writes it, and an open end.
    let mut raw = vec![
        entry([0, 0, 0, 0], true),
        entry([10, 0, 0, 0], false),
        entry([11, 0, 0, 0], true),
        entry([11, 0, 0, 0], false),
        entry([11, 0, 0, 2], true),
        entry([255, 0, 0, 0], false),
    ];
    for _ in 0..2 {
        let found = assemble::<Interval<Ipv4Addr>, ()>(raw.clone()).unwrap();
        let found: Vec<String> = found.iter().map(|e| e.key().unwrap().to_string()).collect();
        assert_eq!(found, ["10.0.0.0/8", "11.0.0.0/31", "255.0.0.0/8"]);
        raw.reverse();
    }
}

#[test]
fn readings_agree_but_for_what_expired() {
    let [a, b, c] = [1, 2, 3].map(|n| entry([n, 0, 0, 0], false));
    let now = Duration::ZERO;
    assert!(agree(&[], &[], now) && agree(&[a.clone(), b.clone()], &[a.clone(), b.clone()], now));
    for other in [vec![a.clone()], vec![b.clone(), a.clone()], vec![a.clone(), b.clone(), c.clone()]] {
        assert!(!agree(&[a.clone(), b.clone()], &other, now), "{other:?}");
    }
    let expires = |left| ElementInfo { expires: Millis::new(Some(left)), ..b.clone() };
    assert!(agree(&[a.clone(), expires(1500), c.clone()], &[a.clone(), c.clone()], Duration::from_millis(600)));
    assert!(!agree(&[a.clone(), expires(9000), c.clone()], &[a, c], Duration::from_millis(600)));
}

#[test]
fn an_element_is_put_back_whole_or_refused() {
    let read = |expires, raw: &[u8]| {
        let more = Some(Box::new(More { raw: raw.into(), ..More::default() }));
        let info = ElementInfo {
            key: Some(Port::new(80)),
            value: (),
            flags: ElementFlags::empty(),
            timeout: Millis::new(Some(9000)),
            expires: Millis::new(Some(expires)),
            more,
        };
        let mut w = AttrWriter::new();
        info.into_element().encode(WhatOfElement::Full, &mut w, &mut Order::default());
        (w.bytes_written().to_vec(), w.take_error())
    };
    // Nothing left is a millisecond: zero would be all of it.
    assert_eq!(read(0, b""), read(1, b""));
    assert_ne!(read(0, b""), read(2, b""));
    assert_eq!(read(1, b"").1, None);
    assert_eq!(read(1, b"an expression").1, Some(BuildErrorKind::UnknownOfElement));
}

#[test]
fn a_catch_all_element_is_one_without_a_key() {
    let all = || vec![entry([1, 2, 3, 4], false), ElementInfo { key: None, ..entry([0; 4], false) }];
    let plain = assemble::<Ipv4Addr, ()>(all()).unwrap();
    let intervals = assemble::<Interval<Ipv4Addr>, ()>(all()).unwrap();
    assert_eq!((plain.len(), plain[1].key()), (2, None));
    assert_eq!((intervals.len(), intervals[1].key()), (2, None));
}

#[test]
fn intervals_of_no_bytes_are_refused() {
    let mut w = AttrWriter::new();
    let nothing = Element::<Interval<Bytes<0>>>::new(Interval::from(Bytes::new([])));
    nothing.encode(WhatOfElement::Full, &mut w, &mut Order::default());
    let what = "the length of data";
    assert_eq!(w.take_error(), Some(BuildErrorKind::OutOfRange { what, value: 0, min: 1, max: 64 }));
}

#[test]
fn keys_of_another_length_are_errors() {
    let raw = vec![ElementInfo { key: Some([1, 2].into()), ..entry([0; 4], false) }];
    assert!(assemble::<Ipv4Addr, ()>(raw.clone()).is_err());
    assert!(assemble::<Interval<Ipv4Addr>, ()>(raw).is_err());
}

#[test]
fn long_lists_are_split_and_nothing_is_lost() {
    for count in [0, 1, 4095, 4096, 70_000] {
        let mut w = AttrWriter::new();
        let mut messages = Vec::new();
        let begin = |w: &mut AttrWriter| w.len();
        let end = |w: &mut AttrWriter, start| messages.push(w.bytes_written()[start..].to_vec());
        let mut split = SplitEntries::new(begin, end, &mut w);
        (0..count).for_each(|n| {
            split.write(|w| Element::<Mark>::new(n).encode(WhatOfElement::Full, w, &mut Order::default()))
        });
        split.finish();
        assert_eq!(w.take_error(), None);
        assert_eq!(messages.len(), (count as usize).div_ceil(4095).max(1));
        let mut read = Vec::new();
        for message in &messages {
            read_element_list(message, &mut read).unwrap();
        }
        let read = assemble::<Mark, ()>(read).unwrap();
        assert!(read.iter().map(|e| e.key().unwrap().get()).eq(0..count));
    }
}
