//! Concatenated keys, and those with an interval for each part.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::datum::{EtherAddr, IfName, Integer32, L4Proto, Mark, Port};
use nftlink::expr::Counter;
use nftlink::{Conn, Element, Errno, Interval, Key, Set, SetFlags};

use crate::{commit, conn, fw, interval, refused};

#[track_caller]
fn with<K: Key>(set: &Set<K>) -> Conn {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(set));
    conn
}

#[track_caller]
fn shown<K: Key>(conn: &mut Conn, set: &Set<K>, show: impl Fn(&K) -> String) -> Vec<String> {
    let mut shown: Vec<_> = conn.elements(set).unwrap().iter().map(|e| show(e.key().unwrap())).collect();
    shown.sort();
    shown
}

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

pub(crate) fn parts_of_every_length_are_read_as_written() {
    type Parts = (IfName, EtherAddr, Port, L4Proto, Mark, Ipv4Addr);
    let set = Set::<Parts>::new(fw(), "set").size(2);
    let mut conn = with(&set);
    let mac = EtherAddr::from([2, 0, 0, 0, 0, 9]);
    commit(&mut conn, |batch| {
        batch.add_elements(&set, [("eth0", mac, 80, 6, 0x100, A), ("an-ifname-of-15", mac, 443, 17, 1, B)])
    });
    let show =
        |(name, mac, port, proto, mark, address): &Parts| format!("{name} {mac} {port} {proto} {mark} {address}");
    assert_eq!(
        shown(&mut conn, &set, show),
        [
            "an-ifname-of-15 02:00:00:00:00:09 443 udp 0x00000001 10.0.0.2",
            "eth0 02:00:00:00:00:09 80 tcp 0x00000100 10.0.0.1"
        ]
    );
    let info = conn.set(&set).unwrap();
    assert_eq!((info.key_len(), info.flags(), info.size()), (16 + 8 + 4 + 4 + 4 + 4, SetFlags::empty(), Some(2)));
    assert_eq!(conn.element(&set, ("eth0", mac, 80, 6, 0x100, A)).unwrap().key().unwrap().2, Port::new(80));
    let error = refused(&mut conn, |batch| batch.add_elements(&set, [("eth1", mac, 80, 6, 0x100, A)]));
    assert_eq!(error.errno(), Some(Errno::ENFILE), "{error}");
}

pub(crate) fn intervals_of_each_part_are_read_as_written() {
    type Parts = (Interval<Ipv4Addr>, Port, Interval<Mark>, IfName, Interval<Port>);
    let set = Set::<Parts>::new(fw(), "set").timeouts().counters().size(100).comment("mixed");
    let mut conn = with(&set);
    let net = interval::<Ipv4Addr>;
    let minute = Duration::from_secs(60);
    commit(&mut conn, |batch| {
        batch.add_elements(
            &set,
            [(net("10.0.0.0/8"), 80, Interval::range(1..=0x100), "eth0", Interval::at_least(1024))],
        );
        batch.add_elements(
            &set,
            [
                Element::new((net("10.0.0.1-11.0.0.2"), 443, Interval::value(5), "eth0", Interval::value(7)))
                    .timeout(minute)
                    .comment("one")
                    .stateful(Counter::new(3, 4)),
                // Single values everywhere are intervals, too.
                Element::new((net("10.0.0.1"), 443, Interval::value(6), "lo", Interval::value(7))),
            ],
        )
    });
    let info = conn.set(&set).unwrap();
    let flags = SetFlags::INTERVAL | SetFlags::CONCAT | SetFlags::TIMEOUT;
    assert_eq!((info.flags() - SetFlags::EVAL, info.size(), info.comment()), (flags, Some(100), Some("mixed")));
    let show = |(net, port, marks, name, ports): &Parts| format!("{net} . {port} . {marks} . {name} . {ports}");
    let expected = [
        "10.0.0.0/8 . 80 . 0x00000001-0x00000100 . eth0 . 1024-65535",
        "10.0.0.1 . 443 . 0x00000006 . lo . 7",
        "10.0.0.1-11.0.0.2 . 443 . 0x00000005 . eth0 . 7",
    ];
    assert_eq!(shown(&mut conn, &set, show), expected);
    let found = conn.element(&set, (Ipv4Addr::new(11, 0, 0, 2), 443, 5, "eth0", 7)).unwrap();
    assert_eq!(
        (found.comment(), found.timeout(), found.counter()),
        (Some("one"), Some(minute), Some(Counter::new(3, 4)))
    );
    // Read and put back it is the same.
    let before = conn.elements(&set).unwrap();
    commit(&mut conn, |batch| batch.flush(&set).add_elements(&set, before.clone()));
    assert_eq!(shown(&mut conn, &set, show), expected);
    commit(&mut conn, |batch| batch.delete_elements(&set, [(net("10.0.0.1"), 443, 6, "lo", 7)]));
    assert_eq!(shown(&mut conn, &set, show), [expected[0], expected[2]]);
}

pub(crate) fn beginnings_of_names_are_intervals_of_a_part() {
    type Parts = (Interval<IfName>, Interval<Port>);
    let set = Set::<Parts>::new(fw(), "set");
    let mut conn = with(&set);
    commit(&mut conn, |batch| {
        batch.add_elements(&set, [(Interval::starting_with("eth"), 1..=9), (Interval::value("lo"), 5..=5)])
    });
    let show = |(name, ports): &Parts| format!("{name} . {ports}");
    assert_eq!(shown(&mut conn, &set, show), ["\"eth*\" . 1-9", "\"lo\" . 5"]);
    assert!(conn.element(&set, ("eth7", 3)).is_ok());
    assert!(conn.element(&set, ("et", 3)).unwrap_err().is_not_found());
}

pub(crate) fn overlap_and_repetition_name_the_element() {
    let pairs = Set::<(Interval<Ipv4Addr>, Port)>::new(fw(), "pairs");
    let exact = Set::<(Mark, Port)>::new(fw(), "exact");
    let net = interval::<Ipv4Addr>;
    let mut conn = with(&pairs);
    commit(&mut conn, |batch| {
        batch.add_elements(&pairs, [(net("10.0.0.0/8"), 80)]).add(&exact).add_elements(&exact, [(1, 80)])
    });
    // The same in one part does not overlap, nor does the same once more.
    commit(&mut conn, |batch| batch.add_elements(&pairs, [(net("10.0.0.0/8"), 81), (net("10.0.0.0/8"), 80)]));
    let overlaps = |batch: &mut nftlink::Batch| {
        batch.add_elements(&pairs, [(net("10.0.0.0/8"), 82), (net("10.0.0.5-12.0.0.0"), 80)]);
    };
    let error = refused(&mut conn, |batch| {
        overlaps(batch);
        batch
    });
    let rejection = error.rejections().next().unwrap();
    assert!(error.is_exists(), "{error}");
    assert_eq!(rejection.path().and_then(|path| path.element()), Some(1));
    assert_eq!(rejection.part(), Some("10.0.0.5 . 80-12.0.0.0 . 80"), "{error}");
    let error = refused(&mut conn, |batch| batch.create_elements(&exact, [(2, 80), (1, 80)]));
    let rejection = error.rejections().next().unwrap();
    assert_eq!(rejection.path().and_then(|path| path.element()), Some(1), "{error}");
    assert_eq!(rejection.part(), Some("0x00000001 . 80"), "{error}");
    // A part that ends before it starts is told before anything is sent.
    let mut batch = nftlink::Batch::new();
    batch.add_elements(&pairs, [(Interval::range(B..=A), Port::new(1))]);
    assert!(batch.mistake().is_some_and(|mistake| mistake.to_string().contains("ends before it starts")));
}

pub(crate) fn sixteen_parts_fill_the_registers() {
    type Number = Interval<Integer32>;
    type Parts = (
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
        Number,
    );
    let set = Set::<Parts>::new(fw(), "set");
    let mut conn = with(&set);
    let n = |from: u32| from..=from + 2;
    commit(&mut conn, |batch| {
        batch.add_elements(
            &set,
            [(n(0), n(1), n(2), n(3), n(4), n(5), n(6), n(7), n(8), n(9), n(10), n(11), n(12), n(13), n(14), n(15))],
        )
    });
    assert_eq!(conn.set(&set).unwrap().key_len(), 64);
    let found = conn.element(&set, (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)).unwrap();
    let key = found.key().unwrap();
    assert_eq!((key.0, key.15), (Interval::range(0..=2), Interval::range(15..=17)));
    let absent = conn.element(&set, (3, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16));
    assert!(absent.err().is_some_and(|error| error.is_not_found()));
    let wide = Set::<(Ipv6Addr, Ipv6Addr, Ipv6Addr, Ipv6Addr)>::new(fw(), "wide");
    let ones = (Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED);
    commit(&mut conn, |batch| batch.add(&wide).add_elements(&wide, [ones]));
    assert_eq!(conn.elements(&wide).unwrap()[0].key(), Some(&ones));
}
