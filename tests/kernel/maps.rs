//! Maps: what is written is what is read, and what a map refuses.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::datum::{DataType, Mark, Port};
use nftlink::expr::{Counter, Expr, Limit, Quota, Verdict};
use nftlink::field::{ip, tcp};
use nftlink::{
    Batch, Conn, Element, ElementInfo, Errno, Error, Interval, Key, Map, Mapped, Rule, Set, SetFlags, SetPolicy,
};

use crate::{commit, conn, fw, input, interval, refused};

/// Each element as `key : value`, sorted.
#[track_caller]
fn shown<K: Key, V: Mapped>(conn: &mut Conn, map: &Map<K, V>, show: impl Fn(Option<&K>, &V) -> String) -> Vec<String> {
    let elements = conn.elements(map).unwrap();
    let mut shown: Vec<_> = elements.iter().map(|element| show(element.key(), element.value())).collect();
    shown.sort();
    shown
}

/// Shows what displays.
fn plain<K: ToString, V: ToString>(key: Option<&K>, value: &V) -> String {
    format!("{} : {}", key.map_or("*".to_owned(), K::to_string), value.to_string())
}

pub(crate) fn values_of_each_type_are_read_as_written() {
    let addresses = Map::<Port, Ipv4Addr>::new(fw(), "addresses");
    let marks = Map::<Interval<Ipv6Addr>, Mark>::new(fw(), "marks");
    let targets = Map::<Port, (Ipv4Addr, Port)>::new(fw(), "targets");
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&addresses).add(&marks).add(&targets);
        batch.add_elements(&addresses, [(80, Ipv4Addr::new(10, 0, 0, 1)), (443, Ipv4Addr::new(10, 0, 0, 2))]);
        // They touch, and have values of their own.
        batch.add_elements(&marks, [(interval::<Ipv6Addr>("fd00::-fd00::ff"), 1), (interval("fd00::100"), 2)]);
        batch.add_elements(&marks, [(interval::<Ipv6Addr>("ff00::/8"), 3)]);
        batch.add_elements(&targets, [(8080, (Ipv4Addr::new(10, 0, 0, 2), 80))])
    });
    assert_eq!(shown(&mut conn, &addresses, plain), ["443 : 10.0.0.2", "80 : 10.0.0.1"]);
    let expected = ["fd00::/120 : 0x00000001", "fd00::100 : 0x00000002", "ff00::/8 : 0x00000003"];
    assert_eq!(shown(&mut conn, &marks, plain), expected);
    let targets = shown(&mut conn, &targets, |key, (to, port)| format!("{} : {to} . {port}", key.unwrap()));
    assert_eq!(targets, ["8080 : 10.0.0.2 . 80"]);
}

pub(crate) fn intervals_that_are_values_are_read_as_written() {
    let networks = Map::<Ipv4Addr, Interval<Ipv4Addr>>::new(fw(), "networks");
    let networks6 = Map::<Interval<Ipv6Addr>, Interval<Ipv6Addr>>::new(fw(), "networks6");
    let ports = Map::<Port, Interval<Port>>::new(fw(), "ports");
    let pools = Map::<Port, (Interval<Ipv4Addr>, Port)>::new(fw(), "pools");
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&networks).add(&networks6).add(&ports).add(&pools);
        batch.add_elements(&networks, [(Ipv4Addr::LOCALHOST, interval::<Ipv4Addr>("10.0.0.0/8"))]);
        batch.add_elements(&networks, [(Ipv4Addr::BROADCAST, Ipv4Addr::LOCALHOST)]);
        batch.add_elements(&networks6, [(interval::<Ipv6Addr>("fd00::/16"), interval::<Ipv6Addr>("fd01::/16"))]);
        batch.add_elements(&ports, [(80, 8000..=8080)]).add_elements(&ports, [(81, 9000)]);
        batch.add_elements(&pools, [(80, (interval::<Ipv4Addr>("10.0.0.1-10.0.0.9"), 80))])
    });
    assert_eq!(shown(&mut conn, &networks, plain), ["127.0.0.1 : 10.0.0.0/8", "255.255.255.255 : 127.0.0.1"]);
    assert_eq!(shown(&mut conn, &networks6, plain), ["fd00::/16 : fd01::/16"]);
    assert_eq!(shown(&mut conn, &ports, plain), ["80 : 8000-8080", "81 : 9000"]);
    let pools = shown(&mut conn, &pools, |key, (to, port)| format!("{} : {to} . {port}", key.unwrap()));
    assert_eq!(pools, ["80 : 10.0.0.1-10.0.0.9 . 80"]);
    // It is no map to single values.
    let info = conn.set(&networks).unwrap();
    assert!(info.typed_map::<Ipv4Addr, Interval<Ipv4Addr>>().is_some());
    assert!(info.typed_map::<Ipv4Addr, Ipv4Addr>().is_none());
    let mut batch = nftlink::Batch::new();
    batch.add_elements(&ports, [(82, std::ops::RangeInclusive::new(9, 8))]);
    assert!(batch.mistake().unwrap().to_string().ends_with("the range 9-8 ends before it starts"));
}

pub(crate) fn verdict_maps_lead_to_chains_and_hold_them() {
    let verdicts = Map::<Interval<Port>, Verdict>::new(fw(), "verdicts");
    let (web, rest) = (fw().chain("web"), fw().chain("rest"));
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&web).add(&rest).add(&input()).add(&verdicts);
        batch.add_elements(&verdicts, [(80..=90, Verdict::jump(&web)), (91..=99, Verdict::goto(&rest))]);
        batch.add_elements(&verdicts, [(22, Verdict::ACCEPT), (23, Verdict::DROP), (24, Verdict::RETURN)]);
        batch.add_elements(&verdicts, [Element::catch_all().to(Verdict::CONTINUE)]);
        batch.append(input(), Rule::new().vmap(tcp::dport(), &verdicts))
    });
    let expected = ["* : continue", "22 : accept", "23 : drop", "24 : return", "80-90 : jump web", "91-99 : goto rest"];
    let show = |key: Option<&Interval<Port>>, verdict: &Verdict| plain(key, verdict).replace(" -> ", " ");
    assert_eq!(shown(&mut conn, &verdicts, show), expected);
    // What an element leads to is in use, until the element goes.
    assert!(refused(&mut conn, |batch| batch.delete(&web)).is_busy());
    commit(&mut conn, |batch| batch.delete_elements(&verdicts, [(80..=90, Verdict::jump(&web))]).delete(&web));
    let absent = fw().chain("absent");
    let error =
        refused(&mut conn, |batch| batch.add_elements(&verdicts, [(1, Verdict::ACCEPT), (2, Verdict::jump(&absent))]));
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.rejections().next().unwrap().part(), Some("2 : jump -> absent"), "{error}");
    // A map keeps its chains from being led in a circle.
    let circle = Map::<Port, Verdict>::new(fw(), "circle");
    let error = refused(&mut conn, |batch| {
        batch.add(&circle).append(&rest, Rule::new().vmap(tcp::dport(), &circle));
        batch.append(input(), Rule::new().vmap(tcp::dport(), &circle));
        batch.add_elements(&circle, [(1, Verdict::jump(&rest))])
    });
    // EMLINK, of older kernels ELOOP.
    assert!([31, 40].map(|errno| Some(Errno::from_raw(errno))).contains(&error.errno()), "{error}");
}

pub(crate) fn catch_all_elements_are_in_sets_and_maps_of_every_kind() {
    let plain_set = Set::<Ipv4Addr>::new(fw(), "plain").timeouts();
    let intervals = Set::<Interval<Ipv4Addr>>::new(fw(), "intervals").counters();
    let pairs = Set::<(Interval<Ipv4Addr>, Port)>::new(fw(), "pairs");
    let data = Map::<Port, Mark>::new(fw(), "data");
    let ranges = Map::<Interval<Port>, Mark>::new(fw(), "ranges");
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&plain_set).add(&intervals).add(&pairs).add(&data).add(&ranges);
        let minute = Duration::from_secs(60);
        batch.add_elements(&plain_set, [Element::new(Ipv4Addr::LOCALHOST), Element::catch_all().timeout(minute)]);
        batch.add_elements(&intervals, [Element::new(Ipv4Addr::LOCALHOST), Element::catch_all().comment("rest")]);
        batch.add_elements(&pairs, [Element::catch_all()]);
        batch.add_elements(&data, [Element::new(80).to(1), Element::catch_all().to(2)]);
        batch.add_elements(&ranges, [Element::new(80..=90).to(1), Element::catch_all().to(2)])
    });
    fn all<K: Key, V: Mapped>(conn: &mut Conn, set: &Set<K, V>) -> ElementInfo<K, V> {
        let found = conn.elements(set).unwrap();
        let mut found: Vec<_> = found.into_iter().filter(|element| element.key().is_none()).collect();
        assert_eq!(found.len(), 1);
        found.remove(0)
    }
    assert!(all(&mut conn, &plain_set).expires().is_some());
    let rest = all(&mut conn, &intervals);
    assert_eq!((rest.comment(), rest.counter()), (Some("rest"), Some(Counter::default())));
    all(&mut conn, &pairs);
    assert_eq!((all(&mut conn, &data).value(), all(&mut conn, &ranges).value()), (&Mark::new(2), &Mark::new(2)));
    // Another value for it is a contradiction, and it goes as it came.
    let error = refused(&mut conn, |batch| batch.add_elements(&data, [Element::catch_all().to(3)]));
    assert!(error.is_exists() || error.is_busy(), "{error}");
    assert_eq!(error.rejections().next().unwrap().part(), Some("* : 0x03000000"), "{error}");
    commit(&mut conn, |batch| {
        batch.delete_elements(&data, [Element::catch_all().to(2)]).add_elements(&data, [Element::catch_all().to(3)]);
        batch.delete_elements(&pairs, [Element::catch_all()])
    });
    assert_eq!(all(&mut conn, &data).value(), &Mark::new(3));
    assert_eq!(conn.elements(&pairs).unwrap().len(), 0);
}

pub(crate) fn value_of_a_key_is_changed_by_one_batch() {
    let marks = Map::<Port, Mark>::new(fw(), "marks");
    let ranges = Map::<Interval<Port>, Mark>::new(fw(), "ranges");
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&marks).add(&ranges);
        batch.add_elements(&marks, [(80, 1), (81, 2)]).add_elements(&ranges, [(80..=90, 1), (91..=99, 2)])
    });
    // The same once more changes nothing; another value is refused, and the element is named.
    commit(&mut conn, |batch| batch.add_elements(&marks, [(80, 1)]).add_elements(&ranges, [(80..=90, 1)]));
    for (error, path, part) in [
        (refused(&mut conn, |batch| batch.add_elements(&marks, [(82, 1), (80, 7)])), 1, "80 : 0x07000000"),
        (refused(&mut conn, |batch| batch.create_elements(&marks, [(81, 2)])), 0, "81 : 0x02000000"),
        (refused(&mut conn, |batch| batch.add_elements(&ranges, [(1..=2, 1), (85..=99, 7)])), 2, "85-99 : 0x07000000"),
    ] {
        let rejection = error.rejections().next().unwrap();
        assert!(error.is_exists() || error.is_busy(), "{error}");
        let place = rejection.path().and_then(|path| path.element());
        assert_eq!((place, rejection.part()), (Some(path), Some(part)), "{error}");
    }
    commit(&mut conn, |batch| {
        batch.delete_elements(&marks, [(80, 1)]).add_elements(&marks, [(80, 7)]);
        batch.delete_elements(&ranges, [(80..=90, 1)]).add_elements(&ranges, [(80..=85, 7), (86..=90, 8)])
    });
    assert_eq!(shown(&mut conn, &marks, plain), ["80 : 0x00000007", "81 : 0x00000002"]);
    let expected = ["80-85 : 0x00000007", "86-90 : 0x00000008", "91-99 : 0x00000002"];
    assert_eq!(shown(&mut conn, &ranges, plain), expected);
    // Refreshing changes the value, too.
    commit(&mut conn, |batch| batch.refresh_elements(&marks, [(81, 2)]));
    assert_eq!(shown(&mut conn, &marks, plain), ["80 : 0x00000007", "81 : 0x00000002"]);
}

pub(crate) fn what_was_read_knows_its_types() {
    let verdicts = Map::<Port, Verdict>::new(fw(), "verdicts").size(9).comment("services");
    let targets = Map::<(Ipv4Addr, Port), (Ipv4Addr, Port)>::new(fw(), "targets");
    let set = Set::<(Ipv4Addr, Port)>::new(fw(), "set").policy(SetPolicy::MEMORY);
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&verdicts).add(&targets).add(&set));
    let info = conn.set(&verdicts).unwrap();
    assert_eq!((info.flags(), info.data_type()), (SetFlags::MAP, Some(DataType::SET_VERDICT)));
    assert_eq!((info.size(), info.comment()), (Some(9), Some("services")));
    assert_eq!(info.typed_map::<Port, Verdict>().map(|map| map.at().clone()), Some(verdicts.at().clone()));
    assert!(info.typed_map::<Port, Mark>().is_none() && info.typed_map::<Mark, Verdict>().is_none());
    assert!(info.typed_map::<Interval<Port>, Verdict>().is_none() && info.typed::<Port>().is_none());
    let info = conn.set(&targets).unwrap();
    assert!(info.typed_map::<(Ipv4Addr, Port), (Ipv4Addr, Port)>().is_some());
    assert!(info.typed_map::<(Ipv4Addr, Port), (Port, Ipv4Addr)>().is_none());
    assert!(info.typed_map::<(Ipv4Addr, Mark), (Ipv4Addr, Port)>().is_none());
    assert!(info.typed_map::<(Interval<Ipv4Addr>, Port), (Ipv4Addr, Port)>().is_none());
    let info = conn.set(&set).unwrap();
    assert_eq!(info.policy(), SetPolicy::MEMORY);
    assert!(info.typed::<(Ipv4Addr, Port)>().is_some() && info.typed::<(Ipv4Addr, Port, Port)>().is_none());
    // Reading as another type is refused with the words for both.
    let error = conn.elements(&Set::<Port>::new(fw(), "verdicts")).unwrap_err();
    assert!(matches!(error, Error::WrongType(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "set inet fw verdicts is a map of inet_service to verdict, not a set of inet_service"
    );
    let error = conn.elements(&Map::<(Ipv4Addr, Port), Mark>::new(fw(), "targets")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "set inet fw targets is a map of ipv4_addr . inet_service to ipv4_addr . inet_service, \
         not a map of ipv4_addr . inet_service to mark"
    );
}

pub(crate) fn constant_set_is_not_changed_once_a_rule_looks_it_up() {
    let set = Set::<Port>::new(fw(), "set").constant();
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).add(&set).add_elements(&set, [80]));
    assert!(conn.set(&set).unwrap().flags().contains(SetFlags::CONSTANT));
    commit(&mut conn, |batch| batch.add_elements(&set, [81]));
    commit(&mut conn, |batch| batch.append(input(), Rule::new().when(tcp::dport().in_set(&set)).drop()));
    for error in [
        refused(&mut conn, |batch| batch.add_elements(&set, [82])),
        refused(&mut conn, |batch| batch.delete_elements(&set, [80])),
        refused(&mut conn, |batch| batch.flush(&set)),
    ] {
        assert!(error.is_busy(), "{error}");
    }
    assert_eq!(conn.elements(&set).unwrap().len(), 2);
}

pub(crate) fn dynamic_sets_have_stateful_expressions_of_their_own() {
    let one =
        Set::<Ipv4Addr>::new(fw(), "one").dynamic().timeouts().size(100).stateful(Limit::packets(5, Limit::SECOND));
    let two = Set::<Ipv4Addr>::new(fw(), "two").dynamic().counters().stateful(Quota::new(5000));
    // Where the set has some of its own, the kernel does not tell those of the rule.
    let [bare, first, second] = ["bare", "first", "second"].map(|name| Set::<Ipv4Addr>::new(fw(), name).dynamic());
    let marks = Map::<Ipv4Addr, Mark>::new(fw(), "marks").dynamic();
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).add(&one).add(&two).add(&bare).add(&first).add(&second).add(&marks);
        batch.add_elements(&one, [Ipv4Addr::LOCALHOST]).add_elements(&two, [Ipv4Addr::LOCALHOST]);
        batch.append(input(), Rule::new().add_to(&bare, ip::saddr()).drop());
        let limited = ip::saddr().element().stateful(Limit::packets(5, Limit::SECOND));
        batch.append(input(), Rule::new().add_to(&first, limited).drop());
        let counted = ip::saddr().element().stateful(Counter::default()).stateful(Quota::new(5000));
        batch.append(input(), Rule::new().add_to(&second, counted).drop())
    });
    let rules = conn.rules(&input()).unwrap();
    let stateful: Vec<_> = rules
        .iter()
        .flat_map(|rule| rule.exprs().map(Result::unwrap))
        .filter_map(|expr| match expr.get() {
            Expr::Dynset(dynset) => Some((dynset.set.to_string(), dynset.exprs.len())),
            _ => None,
        })
        .collect();
    assert_eq!(stateful, [("bare", 0), ("first", 1), ("second", 2)].map(|(name, count)| (name.to_owned(), count)));
    let flags = SetFlags::EVAL | SetFlags::TIMEOUT;
    assert_eq!((conn.set(&one).unwrap().flags(), conn.set(&one).unwrap().size()), (flags, Some(100)));
    assert_eq!(conn.set(&marks).unwrap().flags(), SetFlags::EVAL | SetFlags::MAP);
    let names = |conn: &mut Conn, set: &Set<Ipv4Addr>| -> Vec<String> {
        let element = conn.elements(set).unwrap().remove(0);
        element.stateful().iter().map(|expr| expr.get().to_string()).collect()
    };
    // Elements get those of the set.
    assert_eq!(names(&mut conn, &one), ["limit rate 5/second burst 5 type packets flags 0x0"]);
    assert_eq!(names(&mut conn, &two), ["counter pkts 0 bytes 0", "quota bytes 5000 consumed 0 flags 0"]);
    assert_eq!(conn.set(&two).unwrap().flags(), SetFlags::EVAL | SetFlags::EXPR);
    // A third is more than the kernel has room for: it is refused before anything is sent.
    let three = Set::<Ipv4Addr>::new(fw(), "three").counters().counters().counters();
    assert!(matches!(refused(&mut conn, |batch| batch.add(&three)), Error::Build(_)));
    // An element with another expression than the set's is refused.
    let other = Element::<Ipv4Addr>::new(Ipv4Addr::BROADCAST).stateful(Quota::new(1));
    let error = refused(&mut conn, |batch| batch.add_elements(&one, [other]));
    assert_eq!(error.rejections().next().unwrap().part(), Some("255.255.255.255"), "{error}");
}

pub(crate) fn element_is_put_back_with_what_it_counted() {
    let set = Set::<Port>::new(fw(), "set").timeouts().counters().comment("ports");
    let map = Map::<Interval<Port>, Mark>::new(fw(), "map").counters();
    let mut conn = conn();
    let hour = Duration::from_secs(3600);
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&set).add(&map);
        let web = Element::new(80).timeout(2 * hour).expires(hour).comment("web").stateful(Counter::new(5, 500));
        batch.add_elements(&set, [web, Element::new(81)]);
        batch.add_elements(&map, [Element::new(1..=9).to(7).comment("low").stateful(Counter::new(6, 600))])
    });
    let (before, of_map) = (conn.elements(&set).unwrap(), conn.elements(&map).unwrap());
    commit(&mut conn, |batch| {
        batch.flush(&set).flush(&map).add_elements(&set, before.clone()).add_elements(&map, of_map.clone())
    });
    let web = conn.element(&set, 80).unwrap();
    assert_eq!(
        (web.timeout(), web.comment(), web.counter()),
        (Some(2 * hour), Some("web"), Some(Counter::new(5, 500)))
    );
    assert!(web.expires().is_some_and(|left| left <= hour && left > hour / 2));
    let plain = conn.element(&set, 81).unwrap();
    assert_eq!((plain.expires(), plain.comment(), plain.counter()), (None, None, Some(Counter::default())));
    assert_eq!(conn.elements(&map).unwrap(), of_map);
    assert_eq!((of_map[0].value(), of_map[0].counter()), (&Mark::new(7), Some(Counter::new(6, 600))));
}

pub(crate) fn value_is_replaced_by_its_key() {
    let mut conn = conn();
    let published = Map::<Port, (Ipv4Addr, Port)>::new(fw(), "published");
    let to = |port: u16| (Ipv4Addr::new(10, 0, 0, 2), Port::new(port));
    commit(&mut conn, |batch| batch.add(&fw()).add(&published).add_elements(&published, [(80, to(1)), (443, to(2))]));
    commit(&mut conn, |batch| batch.delete_keys(&published, [80]).add_elements(&published, [(80, to(3))]));
    let mut read: Vec<_> =
        conn.elements(&published).unwrap().iter().map(|e| (e.key().unwrap().get(), *e.value())).collect();
    read.sort_unstable();
    assert_eq!(read, [(80, to(3)), (443, to(2))]);
    let absent = conn.commit(Batch::new().delete_keys(&published, [81])).unwrap_err();
    assert!(absent.is_not_found(), "{absent}");
}
