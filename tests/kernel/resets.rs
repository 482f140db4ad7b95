//! Single elements, and readings that set what they read to zero.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::datum::{IfName, Mark, Port};
use nftlink::expr::{Counter, Expr, Last, Quota, Verdict};
use nftlink::{Conn, Element, Error, Interval, Map, Rule, RuleInfo, Set, SetRef, Table};

use crate::{commit, conn, fw, input, interval};

#[track_caller]
fn shown<T: ToString>(found: Result<T, Error>) -> String {
    match found {
        Ok(found) => found.to_string(),
        Err(error) if error.is_not_found() => "-".to_owned(),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn element_is_found_by_a_key_that_it_holds() {
    let (plain, names) = (Set::<Mark>::new(fw(), "plain"), Set::<IfName>::new(fw(), "names"));
    let nets = Set::<Interval<Ipv4Addr>>::new(fw(), "nets").timeouts();
    let marks = Set::<Interval<Mark>>::new(fw(), "marks");
    let mut conn = conn();
    let texts = ["0.0.0.0-0.0.0.9", "10.0.0.0/8", "11.0.0.0-11.0.0.9", "11.0.0.10", "240.0.0.0/4"];
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&plain).add(&names).add(&nets).add(&marks);
        batch.add_elements(&plain, [1, 2]).add_elements(&names, ["eth0"]).add_elements(&marks, [5..=0x100]);
        batch.add_elements(&nets, texts.map(|text| Element::new(interval::<Ipv4Addr>(text)).comment(text)))
    });
    let found = conn.element(&plain, 2).unwrap();
    assert_eq!(found.key(), Some(&Mark::new(2)));
    assert!(conn.element(&plain, 3).unwrap_err().is_not_found());
    assert_eq!(conn.element(&names, "eth0").unwrap().key(), Some(&IfName::from("eth0")));
    assert!(conn.element(&names, "eth").unwrap_err().is_not_found());

    let mut held = |text: &str| {
        let found = conn.element(&nets, interval::<Ipv4Addr>(text));
        if let Ok(found) = &found {
            assert_eq!(found.comment(), Some(found.key().unwrap().to_string().as_str()), "{found:?}");
        }
        shown(found.map(|element| *element.key().unwrap()))
    };
    for text in texts {
        // All of it, its ends, and what is between.
        let all = interval::<Ipv4Addr>(text);
        let middle = Ipv4Addr::from(u32::from(*all.start()).midpoint(u32::from(*all.end())));
        for key in [text, &all.start().to_string(), &all.end().to_string(), &middle.to_string()] {
            assert_eq!(held(key), text, "{key}");
        }
    }
    for absent in ["0.0.0.10", "9.255.255.255", "11.0.0.11", "239.255.255.255", "128.0.0.0"] {
        assert_eq!(held(absent), "-", "{absent}");
    }
    // Two hold it together, or one holds a part of it.
    for part in ["10.0.0.0-11.0.0.0", "11.0.0.9-11.0.0.10", "0.0.0.5-0.0.0.10", "0.0.0.0/0", "224.0.0.0/3"] {
        assert_eq!(held(part), "-", "{part}");
    }
    assert_eq!(shown(conn.element(&marks, 0xff).map(|e| *e.key().unwrap())), "0x00000005-0x00000100");
    assert_eq!(shown(conn.element(&marks, 0x101).map(|e| *e.key().unwrap())), "-");
}

pub(crate) fn elements_of_maps_and_concatenations_are_found() {
    let verdicts = Map::<Interval<Port>, Verdict>::new(fw(), "verdicts");
    let pairs = Map::<(Interval<Ipv4Addr>, Port), Mark>::new(fw(), "pairs");
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&verdicts).add(&pairs);
        batch.add_elements(&verdicts, [(1..=1023, Verdict::DROP), (1024..=2000, Verdict::ACCEPT)]);
        batch.add_elements(&verdicts, [Element::<Interval<Port>>::catch_all().to(Verdict::RETURN)]);
        batch.add_elements(&pairs, [((interval::<Ipv4Addr>("10.0.0.0/8"), 80), 1)]);
        batch.add_elements(&pairs, [((interval::<Ipv4Addr>("10.0.0.0/8"), 443), 2)])
    });
    let found = conn.element(&verdicts, 1000).unwrap();
    assert_eq!((found.key().unwrap().to_string().as_str(), found.value()), ("1-1023", &Verdict::DROP));
    let found = conn.element(&verdicts, 1024..=1030).unwrap();
    assert_eq!((found.key().unwrap().to_string().as_str(), found.value()), ("1024-2000", &Verdict::ACCEPT));
    assert!(conn.element(&verdicts, 2001).unwrap_err().is_not_found());
    let found = conn.element(&verdicts, Element::catch_all()).unwrap();
    assert_eq!((found.key(), found.value()), (None, &Verdict::RETURN));

    let found = conn.element(&pairs, (Ipv4Addr::new(10, 1, 2, 3), 443)).unwrap();
    assert_eq!((found.key(), found.value()), (Some(&(interval("10.0.0.0/8"), Port::new(443))), &Mark::new(2)));
    assert_eq!(conn.element(&pairs, (interval::<Ipv4Addr>("10.0.0.0/9"), 80)).unwrap().value(), &Mark::new(1));
    for (net, port) in [("11.0.0.0", 80), ("10.0.0.0", 81), ("10.0.0.0-11.0.0.0", 80)] {
        let error = conn.element(&pairs, (interval::<Ipv4Addr>(net), port)).unwrap_err();
        assert!(error.is_not_found(), "{net} . {port}: {error}");
        assert_eq!(error.to_string(), "element of set inet fw pairs: no such file or directory");
    }
}

pub(crate) fn keys_that_make_no_sense_and_sets_of_another_type_are_refused() {
    let nets = Set::<Interval<Ipv4Addr>>::new(fw(), "nets");
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&nets));
    let error = conn.element(&nets, Interval::prefix(Ipv4Addr::LOCALHOST, 33)).unwrap_err();
    assert!(matches!(error, Error::Build(_)), "{error:?}");
    let error = conn.element(&Set::<Interval<Ipv6Addr>>::new(fw(), "nets"), Ipv6Addr::LOCALHOST).unwrap_err();
    assert!(matches!(error, Error::WrongType(_)), "{error:?}");
    let error = conn.element(&Set::<Ipv4Addr>::new(fw(), "absent"), Ipv4Addr::LOCALHOST).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.to_string(), "set inet fw absent: no such file or directory");
}

pub(crate) fn counters_of_elements_are_read_and_reset() {
    let (plain, nets) = (Set::<Port>::new(fw(), "plain").counters(), Set::<Interval<Ipv4Addr>>::new(fw(), "nets"));
    let nets = nets.counters();
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&plain).add(&nets);
        let counted = |n: u16| Element::<Port>::new(n).stateful(Counter::new(n.into(), 1)).comment("c");
        batch.add_elements(&plain, (0..5000).map(counted));
        let counted = |text: &str| Element::new(interval::<Ipv4Addr>(text)).stateful(Counter::new(3, 30));
        batch.add_elements(&nets, ["10.0.0.0/8", "11.0.0.0/8"].map(counted))
    });
    let counts = |conn: &mut Conn, resets: bool| {
        let found = if resets { conn.reset_elements(&plain) } else { conn.elements(&plain) };
        let mut found: Vec<_> = found
            .unwrap()
            .iter()
            .map(|element| {
                assert_eq!(element.comment(), Some("c"));
                (element.key().unwrap().get(), element.counter().unwrap().packets)
            })
            .collect();
        found.sort();
        found
    };
    let counted: Vec<(u16, u64)> = (0..5000).map(|n| (n, n.into())).collect();
    assert_eq!(counts(&mut conn, false), counted);
    assert_eq!(counts(&mut conn, true), counted, "as they were before");
    let none: Vec<(u16, u64)> = (0..5000).map(|n| (n, 0)).collect();
    assert_eq!(counts(&mut conn, true), none);
    assert_eq!(counts(&mut conn, false), none);
    let found = conn.reset_elements(&nets).unwrap();
    let texts: Vec<_> = found.iter().map(|e| (e.key().unwrap().to_string(), e.counter().unwrap().packets)).collect();
    assert_eq!(texts, [("10.0.0.0/8".to_owned(), 3), ("11.0.0.0/8".to_owned(), 3)]);
    let untyped = conn.reset_elements(&SetRef::new(fw(), "nets")).unwrap();
    assert_eq!(untyped.iter().filter_map(|entry| entry.counter()).collect::<Vec<_>>(), [Counter::default(); 2]);

    let error = conn.reset_elements(&Set::<Mark>::new(fw(), "plain")).unwrap_err();
    assert!(matches!(error, Error::WrongType(_)), "{error:?}");
    assert!(conn.reset_elements(&Set::<Mark>::new(fw(), "absent")).unwrap_err().is_not_found());
}

pub(crate) fn one_element_is_reset_by_a_key_that_it_holds_and_no_other() {
    let (plain, quotas) = (Set::<Port>::new(fw(), "plain").counters(), Set::<Port>::new(fw(), "quotas"));
    let quotas = quotas.stateful(Quota::new(100));
    let nets = Map::<Interval<Ipv4Addr>, Mark>::new(fw(), "nets").counters();
    let pairs = Set::<(Interval<Ipv4Addr>, Port)>::new(fw(), "pairs").counters();
    let none = Set::<Port>::new(fw(), "none");
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&plain).add(&quotas).add(&nets).add(&pairs).add(&none).add_elements(&none, [80]);
        batch.add_elements(&plain, [80, 443].map(|port| Element::<Port>::new(port).stateful(Counter::new(7, 70))));
        batch.add_elements(&quotas, [Element::<Port>::new(80).stateful(Quota::new(100).used(40))]);
        let counted = |(text, mark)| Element::new(interval::<Ipv4Addr>(text)).stateful(Counter::new(3, 30)).to(mark);
        // Two that touch, and one that has no end.
        batch.add_elements(&nets, [("10.0.0.0/8", 1), ("11.0.0.0/8", 2), ("240.0.0.0/4", 3)].map(counted));
        let pair = |port| (interval::<Ipv4Addr>("10.0.0.0/8"), port);
        batch.add_elements(&pairs, [80, 443].map(|port| Element::new(pair(port)).stateful(Counter::new(5, 50))))
    });
    let reset = conn.reset_element(&plain, 80).unwrap();
    assert_eq!((reset.key(), reset.counter()), (Some(&Port::new(80)), Some(Counter::new(7, 70))));
    assert_eq!(conn.reset_element(&plain, 80).unwrap().counter(), Some(Counter::default()));
    assert_eq!(conn.element(&plain, 443).unwrap().counter(), Some(Counter::new(7, 70)));

    let used = |conn: &mut Conn, reset: bool| {
        let found = if reset { conn.reset_element(&quotas, 80) } else { conn.element(&quotas, 80) };
        let found = found.unwrap();
        let [one] = found.stateful() else { panic!("{found:?}") };
        let Expr::Quota(quota) = &**one else { panic!("{found:?}") };
        quota.consumed
    };
    assert_eq!([used(&mut conn, false), used(&mut conn, true), used(&mut conn, false)], [40, 40, 0]);

    for (key, all, mark) in [("10.1.2.3", "10.0.0.0/8", 1), ("240.0.0.0/5", "240.0.0.0/4", 3)] {
        let reset = conn.reset_element(&nets, interval::<Ipv4Addr>(key)).unwrap();
        assert_eq!((reset.key().unwrap().to_string().as_str(), reset.value()), (all, &Mark::new(mark)));
        assert_eq!(reset.counter(), Some(Counter::new(3, 30)), "{key}");
    }
    // Part of it is in another, or in none: neither is reset.
    for absent in ["10.0.0.0-11.0.0.0", "239.0.0.0-241.0.0.0", "12.0.0.0"] {
        assert!(conn.reset_element(&nets, interval::<Ipv4Addr>(absent)).unwrap_err().is_not_found(), "{absent}");
    }
    let left: Vec<_> = conn.elements(&nets).unwrap().iter().map(|e| e.counter().unwrap().packets).collect();
    assert_eq!(left, [0, 3, 0]);

    let reset = conn.reset_element(&pairs, (Ipv4Addr::new(10, 1, 2, 3), 443)).unwrap();
    assert_eq!((reset.key().unwrap().1, reset.counter()), (Port::new(443), Some(Counter::new(5, 50))));
    let other = conn.element(&pairs, (Ipv4Addr::new(10, 1, 2, 3), 80)).unwrap();
    assert_eq!(other.counter(), Some(Counter::new(5, 50)));

    commit(&mut conn, |batch| {
        let rest = Element::<Interval<Ipv4Addr>>::catch_all().stateful(Counter::new(9, 90));
        batch.add_elements(&nets, [rest.to(4)])
    });
    let rest = conn.reset_element(&nets, Element::catch_all()).unwrap();
    assert_eq!((rest.key(), rest.value(), rest.counter()), (None, &Mark::new(4), Some(Counter::new(9, 90))));
    assert_eq!(conn.element(&nets, Element::catch_all()).unwrap().counter(), Some(Counter::default()));

    assert_eq!(conn.reset_element(&none, 80).unwrap().counter(), None);
    assert!(conn.reset_element(&plain, 81).unwrap_err().is_not_found());
    assert!(conn.reset_element(&Set::<Port>::new(fw(), "absent"), 80).unwrap_err().is_not_found());
    let error = conn.reset_element(&Set::<Mark>::new(fw(), "plain"), 80).unwrap_err();
    assert!(matches!(error, Error::WrongType(_)), "{error:?}");
}

pub(crate) fn one_rule_is_reset_by_its_handle_and_no_other() {
    let mut conn = conn();
    commit(&mut conn, |batch| {
        let rule = |comment| Rule::new().expr(Counter::new(7, 70)).expr(Quota::new(100).used(40)).comment(comment);
        batch.add(&fw()).add(&input()).append(input(), rule("a")).append(input(), rule("b"))
    });
    let rules = conn.rules(&input()).unwrap();
    let (a, b) = (rules[0].handle(), rules[1].handle());
    let read = |rule: &RuleInfo| {
        let consumed = rule.exprs().find_map(|expr| match *expr.unwrap() {
            Expr::Quota(ref quota) => Some(quota.consumed),
            _ => None,
        });
        (rule.comment().unwrap().to_owned(), rule.counter().unwrap().packets, consumed.unwrap())
    };
    let reset = conn.reset_rule(input(), b).unwrap();
    assert_eq!((reset.handle(), reset.chain()), (b, input().as_ref()));
    assert_eq!(read(&reset), ("b".to_owned(), 7, 40));
    assert_eq!(read(&conn.rule(input(), b).unwrap()), ("b".to_owned(), 0, 0));
    assert_eq!(read(&conn.rule(input(), a).unwrap()), ("a".to_owned(), 7, 40));
    commit(&mut conn, |batch| batch.delete(&reset));
    let error = conn.reset_rule(input(), b).unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.to_string(), format!("rule {b} of chain inet fw input: no such file or directory"));
}

/// What each rule's counter says, by the rule's comment.
fn counts(rules: &[RuleInfo]) -> Vec<(&str, u64)> {
    rules.iter().map(|rule| (rule.comment().unwrap(), rule.counter().unwrap().packets)).collect()
}

pub(crate) fn rules_of_a_scope_are_read_and_reset() {
    let (one, two, other) = (input(), fw().chain("two"), Table::ip("other").chain("one"));
    let mut conn = conn();
    let set_up = |conn: &mut Conn| {
        commit(conn, |batch| {
            batch.reset(&fw()).reset(&Table::ip("other")).add(&one).add(&two).add(&other);
            let rule = |comment| {
                let counter = Rule::new().expr(Counter::new(7, 70)).expr(Counter::new(9, 90));
                counter.expr(Quota::new(100)).comment(comment)
            };
            batch.append(&one, rule("a")).append(&one, rule("b")).append(&two, rule("c")).append(&other, rule("d"))
        });
    };
    let table = fw();
    for (n, seen) in
        [vec!["a", "b"], vec!["a", "b", "c"], vec!["a", "b", "c"], vec!["a", "b", "c", "d"]].iter().enumerate()
    {
        set_up(&mut conn);
        let reset = |conn: &mut Conn| match n {
            0 => conn.reset_rules(&one),
            1 => conn.reset_rules(&table),
            2 => conn.reset_rules(nftlink::Family::INET),
            _ => conn.reset_rules(..),
        };
        let found = reset(&mut conn).unwrap();
        let mut found = counts(&found);
        found.sort();
        assert_eq!(found, seen.iter().map(|&name| (name, 7)).collect::<Vec<_>>());
        let all = conn.rules(..).unwrap();
        for (name, count) in counts(&all) {
            assert_eq!(count, if seen.contains(&name) { 0 } else { 7 }, "{name} of scope {n}");
        }
        assert!(reset(&mut conn).unwrap().iter().all(|rule| rule.counter() == Some(Counter::default())));
    }
    let absent = fw().chain("absent");
    assert!(conn.reset_rules(&absent).unwrap_err().is_not_found());
    assert!(conn.reset_rules(&Table::ip6("absent")).unwrap_err().is_not_found());
    assert_eq!(conn.rules(&two).unwrap()[0].exprs().count(), 3);
}

pub(crate) fn reset_rules_keep_their_places_and_none_is_reset_in_a_snapshot() {
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input());
        (0..3).fold(batch, |batch, n| batch.append(input(), Rule::new().expr(Counter::new(n, 0))))
    });
    let listed = conn.rules(&input()).unwrap();
    let refused = conn.snapshot(|conn| conn.reset_rule(input(), listed[2].handle()).map(drop)).unwrap_err();
    assert!(matches!(refused, Error::InSnapshot), "{refused:?}");
    let reset = conn.reset_rules(&input()).unwrap();
    let places = |rules: &[RuleInfo]| rules.iter().map(|rule| (rule.handle(), rule.position())).collect::<Vec<_>>();
    assert_eq!(places(&reset), places(&listed));
    assert!(places(&reset)[1].1.is_some());
    assert_eq!(reset[2].counter(), Some(Counter::new(2, 0)));
}

pub(crate) fn reset_of_many_rules_loses_no_count() {
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input());
        for n in 1..=3000 {
            batch.append(input(), Rule::new().expr(Counter::new(n, n)).expr(Last::new()).comment("x".repeat(100)));
        }
        batch
    });
    let found = conn.reset_rules(&input()).unwrap();
    assert!(found.iter().map(|rule| rule.counter().unwrap().packets).eq(1..=3000));
    assert!(conn.rules(&input()).unwrap().iter().all(|rule| rule.counter() == Some(Counter::default())));
}

pub(crate) fn resets_are_refused_by_kernels_before_linux_6_2() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).append(input(), Rule::new().counter()));
    let error = conn.reset_rules(..).unwrap_err();
    assert_eq!(error.to_string(), "resetting rules needs Linux 6.2");
    let handle = conn.rules(..).unwrap()[0].handle();
    let error = conn.reset_rule(input(), handle).unwrap_err();
    assert!(matches!(error, Error::Unsupported { since: "6.2", .. }), "{error:?}");
}

pub(crate) fn resets_of_elements_are_refused_by_kernels_before_linux_6_5() {
    let mut conn = conn();
    let set = Set::<Port>::new(fw(), "set").counters();
    commit(&mut conn, |batch| batch.add(&fw()).add(&set).add_elements(&set, [80]));
    let error = conn.reset_elements(&set).unwrap_err();
    assert_eq!(error.to_string(), "resetting elements needs Linux 6.5");
    let error = conn.reset_element(&set, 80).unwrap_err();
    assert!(matches!(error, Error::Unsupported { since: "6.5", .. }), "{error:?}");
    assert!(conn.reset_element(&set, 81).unwrap_err().is_not_found());
}
