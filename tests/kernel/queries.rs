//! What each query returns, and that what is absent is an error.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use nftlink::datum::{Mark, Port};
use nftlink::object::{Counter, ObjectKind, ObjectRef};
use nftlink::{
    ChainKind, ChainRef, Consistency, Error, Family, Hook, Interval, Name, Policy, Priority, Rule, RuleInfo, Set,
    SetRef, Table, TableRef, object,
};

use crate::{Ruleset, append, comments, commit, conn, fw, input, interval, rule};

fn ports() -> Set<Port> {
    Set::new(fw(), "ports")
}

/// A counter that has seen three packets.
fn seen() -> object::Named<Counter> {
    let mut three = Counter::default();
    (three.packets, three.bytes) = (3, 252);
    object::Named::new(fw(), "seen", three)
}

fn texts<T>(list: Vec<T>, text: impl Fn(&T) -> String) -> Vec<String> {
    list.iter().map(text).collect()
}

pub(crate) fn listings_are_of_a_scope() {
    let mut conn = conn();
    let tables = [Table::inet("fw"), Table::inet("other"), Table::ip("fw"), Table::ip6("fw")];
    commit(&mut conn, |batch| {
        for table in &tables {
            let (one, two) = (table.chain("one"), table.chain("two"));
            batch.add(table).add(&one).add(&two).add(&object::Counter::named(table, "web"));
            batch.add(&Set::<Port>::new(table, "ports")).append(&one, Rule::new().accept());
            batch.append(&two, Rule::new().drop()).append(&two, Rule::new().drop());
        }
        batch
    });
    let expect = |tables: &[&str], names: &[&str]| -> Vec<String> {
        tables.iter().flat_map(|table| names.iter().map(move |name| format!("{table} {name}"))).collect()
    };
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    macro_rules! listings {
        ($scope:expr, $tables:expr) => {{
            let tables: &[&str] = $tables;
            let found = texts(conn.tables($scope).unwrap(), |table| table.at().to_string());
            assert_eq!(sorted(found), tables);
            let found = texts(conn.chains($scope).unwrap(), |chain| chain.at().to_string());
            assert_eq!(sorted(found), expect(tables, &["one", "two"]));
            let found = texts(conn.sets($scope).unwrap(), |set| set.at().to_string());
            assert_eq!(sorted(found), expect(tables, &["ports"]));
            let found = texts(conn.objects($scope).unwrap(), |object| object.at().to_string());
            assert_eq!(sorted(found), expect(tables, &["web"]));
            let found = texts(conn.rules($scope).unwrap(), |rule| rule.chain().to_string());
            assert_eq!(sorted(found), expect(tables, &["one", "two", "two"]));
        }};
    }
    listings!(.., &["inet fw", "inet other", "ip fw", "ip6 fw"]);
    listings!(Family::INET, &["inet fw", "inet other"]);
    listings!(Family::IP6, &["ip6 fw"]);
    listings!(Family::ARP, &[]);
    listings!(&tables[0], &["inet fw"]);
    let (read, reference) = (conn.table(&tables[3]).unwrap(), tables[2].at());
    listings!(&read, &["ip6 fw"]);
    listings!(reference, &["ip fw"]);

    let two = tables[0].chain("two");
    let found = texts(conn.rules(&two).unwrap(), |rule| rule.chain().to_string());
    assert_eq!(found, ["inet fw two"; 2]);
    let read = conn.chain(tables[2].chain("one")).unwrap();
    assert_eq!(texts(conn.rules(&read).unwrap(), |rule| rule.chain().to_string()), ["ip fw one"]);
}

pub(crate) fn rules_are_listed_in_their_order() {
    let mut conn = conn();
    let names: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    commit(&mut conn, |batch| append(batch.add(&fw()).add(&input()), &names));
    assert_eq!(comments(&mut conn, &input()), names);
    let rules = conn.rules(&input()).unwrap();
    assert_eq!(rules[0].position(), None);
    assert!(rules.windows(2).all(|pair| pair[1].position() == Some(pair[0].handle())));
}

/// Each datagram begins with the first rule of a chain, which does not say what it stands behind.
pub(crate) fn rules_of_many_chains_are_listed_in_their_order() {
    let mut conn = conn();
    let tables = [Table::ip("fw"), Table::inet("fw"), Table::inet("other")];
    let mut written = Vec::new();
    commit(&mut conn, |batch| {
        for table in &tables {
            batch.add(table);
            for n in 0..400 {
                let chain = table.chain(format!("chain {n}"));
                batch.add(&chain);
                if n % 2 == 0 {
                    batch.append(&chain, rule(&written.len().to_string()));
                    written.push((table.at().clone(), format!("chain {n}: {}", written.len())));
                }
            }
        }
        batch
    });
    let of = |wanted: &dyn Fn(&TableRef) -> bool| -> Vec<String> {
        written.iter().filter(|(table, _)| wanted(table)).map(|(_, rule)| rule.clone()).collect()
    };
    let text = |rule: &RuleInfo| format!("{}: {}", rule.chain().name(), rule.comment().unwrap());
    assert_eq!(texts(conn.rules(..).unwrap(), text), of(&|_| true));
    assert_eq!(texts(conn.rules(Family::INET).unwrap(), text), of(&|table| table.family() == Family::INET));
    for one in &tables {
        let expected = of(&|table| table == one.at());
        assert_eq!(expected.len(), 200);
        assert_eq!(texts(conn.rules(one).unwrap(), text), expected);
        assert_eq!(conn.rule_heads(one).unwrap().len(), expected.len());
        assert_eq!(conn.ruleset(one).unwrap().tables()[0].rules().len(), expected.len());
    }
}

pub(crate) fn one_of_each_kind_is_read_by_name() {
    let mut conn = conn();
    let input = fw().chain("input").filter(Hook::INPUT, Priority::FILTER - 5).policy(Policy::DROP).comment("from out");
    let ports = ports().size(7).comment("open");
    commit(&mut conn, |batch| {
        batch.add(&Table::ip("fw")).add(&fw().comment("mine")).add(&input).add(&fw().chain("sub"));
        batch.add(&ports).add(&seen().comment("hits")).append(&input, Rule::new().object(seen()).drop())
    });
    let table = conn.table(fw()).unwrap();
    assert_eq!((table.at().to_string().as_str(), table.comment(), table.owner()), ("inet fw", Some("mine"), None));
    assert_eq!(table.uses(), 4);

    let chain = conn.chain(&input).unwrap();
    assert_eq!((chain.kind(), chain.hook()), (Some(&ChainKind::Filter), Some(Hook::INPUT)));
    assert_eq!((chain.priority(), chain.policy()), (Some(-5), Some(Policy::DROP)));
    assert_eq!((chain.comment(), chain.uses()), (Some("from out"), 1));
    let chain = conn.chain(ChainRef::new(fw(), "sub")).unwrap();
    assert_eq!((chain.kind(), chain.hook(), chain.policy()), (None, None, None));

    let set = conn.set(&ports).unwrap();
    assert_eq!((set.key_type().to_string().as_str(), set.key_len()), ("inet_service", 2));
    assert_eq!((set.size(), set.comment(), set.timeout()), (Some(7), Some("open"), None));

    let object = conn.object(seen()).unwrap();
    assert_eq!((object.kind(), object.uses(), object.comment()), (ObjectKind::COUNTER, 1, Some("hits")));
    assert_eq!(object.value::<Counter>().unwrap().unwrap().packets, 3);

    let rule = conn.rules(&input).unwrap().remove(0);
    assert_eq!(rule.bytecode().to_string(), "  [ objref type 1 name seen ]\n  [ immediate reg 0 drop ]\n");
}

pub(crate) fn elements_of_any_set_can_be_read_untyped() {
    let mut conn = conn();
    let ranges = Set::<Interval<Ipv4Addr>>::new(fw(), "ranges");
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&ports()).add(&ranges);
        batch.add_elements(&ports(), [80]).add_elements(&ranges, [interval("10.0.0.0/8")])
    });
    let raw = |list: Vec<nftlink::ElementInfo>| {
        let mut list: Vec<_> = list.iter().map(|e| (e.key().unwrap(), e.is_interval_end())).collect();
        list.sort();
        list.into_iter().map(|(key, end)| (key.as_bytes().to_vec(), end)).collect::<Vec<_>>()
    };
    let ports = conn.elements(&SetRef::new(fw(), "ports")).unwrap();
    assert_eq!(raw(ports), [(vec![0, 80], false)]);
    let read = conn.set(&ranges).unwrap();
    let entries = raw(conn.elements(&read).unwrap());
    assert_eq!(entries, [(vec![10, 0, 0, 0], false), (vec![11, 0, 0, 0], true)]);
    // What was read knows its type.
    let typed = read.typed::<Interval<Ipv4Addr>>().unwrap();
    assert_eq!(conn.elements(&typed).unwrap()[0].key(), Some(&interval("10.0.0.0/8")));
    assert!(read.typed::<Ipv4Addr>().is_none());
}

pub(crate) fn elements_of_another_type_are_refused() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&ports()).add_elements(&ports(), [80]));
    let error = conn.elements(&Set::<Interval<Port>>::new(fw(), "ports")).unwrap_err();
    assert!(matches!(error, Error::WrongType(_)), "{error:?}");
    let error = conn.elements(&Set::<Mark>::new(fw(), "ports")).unwrap_err();
    assert!(matches!(error, Error::WrongType(_)), "{error:?}");
    assert_eq!(error.to_string(), "set inet fw ports is a set of inet_service, not a set of mark");
    assert_eq!(conn.elements(&ports()).unwrap().len(), 1);
}

pub(crate) fn what_is_absent_is_an_error_for_every_query() {
    let mut conn = conn();
    // The same names are there, but in another family.
    commit(&mut conn, |batch| {
        let there = Table::ip("fw");
        batch.add(&there).add(&there.chain("input")).add(&Set::<Port>::new(&there, "ports"));
        batch.add(&Counter::named(&there, "seen"))
    });
    for round in ["without the table", "with the table"] {
        let mut errors = vec![
            conn.chain(input()).unwrap_err(),
            conn.rules(&input()).unwrap_err(),
            conn.set(ports()).unwrap_err(),
            conn.elements(&ports()).unwrap_err(),
            conn.elements(ports().at()).unwrap_err(),
            conn.object(ObjectRef::new(fw(), ObjectKind::COUNTER, "seen")).unwrap_err(),
            conn.counter(seen()).unwrap_err(),
            conn.reset_counter(seen()).unwrap_err(),
        ];
        let table = fw();
        let of_table = [
            conn.tables(&table).map(drop),
            conn.table(&table).map(drop),
            conn.chains(&table).map(drop),
            conn.rules(&table).map(drop),
            conn.sets(&table).map(drop),
            conn.objects(&table).map(drop),
        ];
        if round == "with the table" {
            assert!(of_table.iter().all(Result::is_ok), "{of_table:?}");
        } else {
            errors.extend(of_table.into_iter().map(Result::unwrap_err));
        }
        for error in errors {
            assert!(error.is_not_found() && matches!(error, Error::Query(_)), "{round}: {error:?}");
            assert!(error.to_string().contains("inet fw"), "{round}: {error}");
        }
        commit(&mut conn, |batch| batch.add(&fw()));
    }
}

pub(crate) fn counter_is_read_and_reset() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&seen()));
    let values = |counter: Counter| (counter.packets, counter.bytes);
    assert_eq!(values(conn.counter(seen()).unwrap()), (3, 252));
    assert_eq!(values(conn.counter(seen()).unwrap()), (3, 252), "reading changes nothing");
    assert_eq!(values(conn.reset_counter(seen()).unwrap()), (3, 252));
    assert_eq!(values(conn.counter(seen()).unwrap()), (0, 0));
    assert_eq!(values(conn.reset_counter(seen()).unwrap()), (0, 0));
    let quota = ObjectRef::new(fw(), ObjectKind::from_raw(2), "seen");
    assert!(matches!(conn.counter(&quota), Err(Error::WrongType(_))));
    assert!(conn.object(&quota).unwrap_err().is_not_found());
}

pub(crate) fn names_that_are_not_utf8_are_listed_and_deleted() {
    let mut conn = conn();
    let name = |bytes: &[u8]| Name::from(bytes);
    let table = Table::inet(name(b"\xfft\x80"));
    let chain = table.chain(name(b"\xc3(")).filter(Hook::INPUT, 0);
    let set = Set::<Port>::new(&table, name(b"s\xfe"));
    let web = Counter::named(&table, name(b"\n\x1b[1m"));
    commit(&mut conn, |batch| {
        batch.add(&table).add(&chain).add(&set).add(&web).add_elements(&set, [80]);
        batch.append(&chain, Rule::new().object(&web).comment("r"))
    });
    let now = Ruleset::read(&mut conn);
    assert_eq!(now.tables[0].name().as_bytes(), b"\xfft\x80");
    assert_eq!(now.tables[0].name().as_str(), None);
    assert_eq!(now.chains[0].at(), chain.at());
    assert_eq!(now.sets[0].at(), set.at());
    assert_eq!(now.objects[0].at(), web.at());
    assert_eq!(now.rules[0].chain(), chain.at());
    assert_eq!(conn.elements(&set).unwrap().len(), 1);
    assert_eq!(conn.counter(&web).unwrap(), Counter::default());
    let error = conn.chain(ChainRef::new(&table, "x")).unwrap_err();
    assert_eq!(error.to_string(), r"chain inet \xfft\x80 x: no such file or directory");
    commit(&mut conn, |batch| {
        let batch = batch.flush(&chain).delete(&now.chains[0]).delete(&set).delete(&now.objects[0]);
        batch.delete(&now.tables[0])
    });
    assert_eq!(conn.tables(..).unwrap(), []);
}

pub(super) fn rules_of_tables_that_number_them_alike_are_listed() {
    let mut conn = conn();
    // Each table begins anew to count its handles, and families may have tables of one name.
    let tables = [Table::inet("a"), Table::ip("a"), Table::inet("b"), Table::ip6("a")];
    commit(&mut conn, |batch| {
        for table in &tables {
            let chain = table.chain("c");
            batch.add(table).add(&chain).append(&chain, Rule::new().counter());
        }
        batch
    });
    let rules = conn.rules(..).unwrap();
    assert!(rules.iter().all(|rule| rule.handle() == rules[0].handle()), "so that this tests something");
    let listed: HashSet<_> = rules.iter().map(|rule| rule.chain().table().clone()).collect();
    assert_eq!(listed, tables.iter().map(|table| table.at().clone()).collect());
    assert_eq!(conn.rule_heads(..).unwrap().len(), tables.len());
    let mut stream = conn.stream_rules(..).unwrap();
    assert_eq!(stream.by_ref().map(Result::unwrap).collect::<Vec<_>>(), rules);
    assert!(matches!(stream.consistency().unwrap(), Consistency::Same(_)));
    let read = conn.ruleset(..).unwrap();
    assert!(read.tables().iter().all(|table| table.rules().len() == 1) && read.tables().len() == tables.len());
}
