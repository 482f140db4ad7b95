//! What each change is told as.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nftlink::datum::{Mark, Port};
use nftlink::field::tcp;
use nftlink::monitor::{Event, EventFilter, EventKinds, Notice, RulePlace};
use nftlink::object::{Counter, Quota};
use nftlink::{
    Batch, Conn, Element, ElementInfo, Family, Hook, Interval, Map, Policy, Priority, Rule, RuleBuilder, Set, Table,
    TableFlags,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::support::lab::{Client, Namespace};
use crate::support::{await_netlink_sockets, linux, netlink_sockets};
use crate::{PATIENCE, assert_silence, commit, conn, fw, input, monitor, next, next_commit};

fn rule(comment: &str) -> RuleBuilder {
    Rule::new().when(tcp::dport().eq(22)).counter().comment(comment)
}

fn marks() -> Set<Mark> {
    Set::new(fw(), "marks")
}

/// The events of the next commit, each in a line.
#[track_caller]
fn told(monitor: &mut nftlink::monitor::Monitor) -> String {
    next_commit(monitor).events().iter().map(|event| format!("{event}\n")).collect()
}

pub(super) fn each_change_is_an_event_with_its_name_and_handle() {
    let (mut conn, mut monitor) = (conn(), monitor());
    let web = Counter::named(fw(), "web");
    let translated = Map::<Ipv4Addr, Mark>::new(fw(), "translated");
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).add(&marks()).add(&translated).add(&web);
        batch.add_elements(&marks(), [7]).add_elements(&translated, [(Ipv4Addr::LOCALHOST, 9)]);
        batch.append(input(), rule("ssh"))
    });
    let made = next_commit(&mut monitor);
    let table = conn.table(fw()).unwrap();
    let chain = conn.chain(input()).unwrap();
    let set = conn.set(marks()).unwrap();
    let map = conn.set(&translated).unwrap();
    let object = conn.object(&web).unwrap();
    let listed = conn.rules(&input()).unwrap();
    // What is told is what a listing says.
    let mut found = 0;
    for event in made.events() {
        assert_eq!(event.table(), table.at(), "{event}");
        assert!(!event.is_deletion(), "{event}");
        found += match event {
            Event::NewTable(told) => usize::from((told.handle(), told.flags()) == (table.handle(), table.flags())),
            Event::NewChain(told) => usize::from(told.raw() == chain.raw()),
            Event::NewSet(told) if told.name() == "marks" => usize::from(told.handle() == set.handle()),
            Event::NewSet(told) => usize::from((told.handle(), told.data_type()) == (map.handle(), map.data_type())),
            Event::NewObject(told) => usize::from((told.at(), told.handle()) == (object.at(), object.handle())),
            Event::NewRule(told, _) => usize::from(*told == listed[0]),
            Event::NewElement(_) => 1,
            other => panic!("{other}"),
        };
    }
    assert_eq!((found, made.events().len()), (8, 8), "{made}");

    // Changes.
    commit(&mut conn, |batch| batch.add(&fw().flags(TableFlags::DORMANT)).add(&input().policy(Policy::DROP)));
    let changed = next_commit(&mut monitor);
    let [Event::NewTable(dormant), Event::NewChain(dropping)] = changed.events() else { panic!("{changed}") };
    assert_eq!(dormant.flags(), TableFlags::DORMANT);
    assert_eq!(dropping.policy(), Some(Policy::DROP));
    commit(&mut conn, |batch| batch.rename(&chain, "renamed"));
    assert_eq!(told(&mut monitor), format!("add chain inet fw renamed # handle {}\n", chain.handle()));

    // Deletions.
    commit(&mut conn, |batch| batch.delete_elements(&marks(), [7]));
    assert_eq!(told(&mut monitor), format!("delete element inet fw marks {{ 0x{} }}\n", hex(&7u32.to_ne_bytes())));
    commit(&mut conn, |batch| batch.delete(&marks()));
    assert_eq!(told(&mut monitor), format!("delete set inet fw marks # handle {}\n", set.handle().unwrap()));
    let filter = EventFilter::new().only_deleted();
    let mut deletions = crate::monitor().filter(filter);
    commit(&mut conn, |batch| batch.delete(&fw()));
    let deleted = next_commit(&mut deletions);
    let mut kinds = EventKinds::empty();
    for event in deleted.events() {
        assert!(event.is_deletion(), "{event}");
        assert_eq!(event.table(), table.at(), "{event}");
        kinds |= event.kind();
        match event {
            Event::DeletedTable(gone) => {
                assert_eq!(gone.handle(), table.handle());
                match linux() {
                    (..6, _) | (6, ..=12) => assert!(gone.info().is_some()),
                    (7.., _) | (6, 18..) => assert_eq!(gone.info(), None),
                    // Somewhere between them the kernel began to tell less.
                    _ => {}
                }
            }
            Event::DeletedChain(gone) => {
                assert_eq!((gone.at().name(), gone.handle()), (&"renamed".into(), chain.handle()))
            }
            Event::DeletedRule(gone) => {
                assert_eq!(gone.handle(), listed[0].handle());
                // Only here the kernel tells all that it knew.
                assert_eq!(gone.comment(), Some("ssh"));
                assert_eq!(gone.bytecode().to_string(), listed[0].bytecode().to_string());
            }
            Event::DeletedSet(gone) => assert_eq!((gone.at(), Some(gone.handle())), (translated.at(), map.handle())),
            Event::DeletedObject(gone) => assert_eq!((gone.at(), gone.handle()), (object.at(), object.handle())),
            other => panic!("{other}"),
        }
    }
    let expected = EventKinds::TABLE | EventKinds::CHAIN | EventKinds::RULE | EventKinds::SET | EventKinds::OBJECT;
    assert_eq!(kinds, expected, "{deleted}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn flowtables_are_told() {
    let (mut conn, mut monitor) = (conn(), monitor());
    let fast = fw().flowtable("fast", Priority::FILTER);
    commit(&mut conn, |batch| batch.add(&fw()).add(&fast));
    let made = next_commit(&mut monitor);
    let [_, Event::NewFlowtable(told)] = made.events() else { panic!("{made}") };
    assert_eq!(told.at(), fast.at());
    let handle = told.handle();
    commit(&mut conn, |batch| batch.delete(&fast));
    let deleted = next_commit(&mut monitor);
    let [Event::DeletedFlowtable(gone)] = deleted.events() else { panic!("{deleted}") };
    assert_eq!((gone.at(), gone.handle()), (fast.at(), handle));
}

pub(super) fn devices_taken_from_a_chain_are_told() {
    let (mut conn, mut monitor) = (conn(), monitor());
    let early = Table::netdev("early");
    let chain = early.chain("in").filter(Hook::INGRESS, Priority::FILTER).device("lo");
    commit(&mut conn, |batch| batch.add(&early).add(&chain));
    next_commit(&mut monitor);
    commit(&mut conn, |batch| batch.delete_devices(&chain, ["lo"]));
    let changed = next_commit(&mut monitor);
    // The batch adds what it then deletes: older kernels have to refuse it.
    let Some(Event::DeletedChain(told)) = changed.events().last() else { panic!("{changed}") };
    let devices = told.info().expect("the devices").devices();
    assert_eq!(devices.len(), 1);
    assert!(conn.chain(&chain).is_ok());
}

pub(super) fn commit_says_its_generation_and_who_did_it() {
    let (mut conn, mut monitor) = (conn(), monitor());
    let comm = fs::read_to_string("/proc/thread-self/comm").unwrap();
    let mut pids = Vec::new();
    for table in [fw(), Table::ip("other")] {
        commit(&mut conn, |batch| batch.add(&table));
        let told = next_commit(&mut monitor);
        assert_eq!(told.generation(), conn.generation().unwrap());
        assert_eq!(told.process_name().unwrap(), comm.trim_end());
        pids.push(told.pid().unwrap());
    }
    // Which of the process' numbers it is depends on the pid namespace.
    assert!(pids[0] != 0 && pids[0] == pids[1], "{pids:?}");
}

pub(super) fn own_commits_are_told_apart() {
    let (mut one, mut other, mut monitor) = (conn(), conn(), monitor());
    for (n, conn) in [&mut one, &mut other].into_iter().enumerate() {
        commit(conn, |batch| batch.add(&Table::inet(format!("t{n}"))));
        assert_eq!(next_commit(&mut monitor).port_id(), conn.port_id());
    }
    assert_ne!(one.port_id(), other.port_id());
    // What is flushed, too, comes with the port of who did it.
    commit(&mut one, |batch| batch.flush_ruleset());
    assert_eq!(next_commit(&mut monitor).port_id(), one.port_id());
}

pub(super) fn place_of_a_rule_is_told() {
    let (mut conn, mut monitor) = (conn(), monitor());
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    next_commit(&mut monitor);
    let mut place = |conn: &mut Conn, fill: &dyn Fn(&mut Batch)| {
        commit(conn, |batch| {
            fill(batch);
            batch
        });
        let told = next_commit(&mut monitor);
        let Some(Event::NewRule(rule, place)) = told.events().last() else { panic!("{told}") };
        (*place, rule.comment().unwrap().to_owned(), rule.position(), rule.handle())
    };
    let (added, _, _, first) = place(&mut conn, &|batch| _ = batch.append(input(), rule("a")));
    assert_eq!(added, RulePlace::Added);
    let (added, _, position, second) = place(&mut conn, &|batch| _ = batch.append(input(), rule("b")));
    assert_eq!((added, position), (RulePlace::Added, None));
    let (inserted, comment, position, _) = place(&mut conn, &|batch| _ = batch.insert(input(), rule("c")));
    assert_eq!((inserted, &*comment, position), (RulePlace::Inserted, "c", None));
    let (added, _, position, _) = place(&mut conn, &|batch| _ = batch.insert_after(input(), first, rule("d")));
    assert_eq!((added, position), (RulePlace::Added, Some(first)));
    let (inserted, _, position, third) = place(&mut conn, &|batch| _ = batch.insert_before(input(), second, rule("e")));
    assert_eq!(inserted, RulePlace::Inserted);
    assert!(position.is_some());
    let (replaced, comment, at, _) = place(&mut conn, &|batch| _ = batch.replace(input(), third, rule("f")));
    assert_eq!((replaced, &*comment, at), (RulePlace::Replaced, "f", position));
    let (replaced, ..) = place(&mut conn, &|batch| _ = batch.replace(input(), second, rule("g")));
    assert_eq!(replaced, RulePlace::Replaced);
}

pub(super) fn place_of_a_rule_is_unknown_before() {
    let (mut conn, mut monitor) = (conn(), monitor());
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).append(input(), rule("a")).insert(input(), rule("b")));
    let told = next_commit(&mut monitor);
    let places = told.events().iter().filter(|event| matches!(event, Event::NewRule(_, RulePlace::Unknown)));
    assert_eq!(places.count(), 2, "{told}");
}

pub(super) fn elements_come_with_their_set_and_type() {
    let (mut conn, mut monitor) = (conn(), monitor());
    let blocked = Set::<Interval<Ipv4Addr>>::new(fw(), "blocked").timeouts();
    let translated = Map::<Ipv4Addr, Mark>::new(fw(), "translated");
    commit(&mut conn, |batch| batch.add(&fw()).add(&blocked).add(&translated));
    assert!(next_commit(&mut monitor).added(&blocked).unwrap().is_empty());
    let nets: [Interval<Ipv4Addr>; 4] =
        ["10.0.0.0/8", "11.0.0.0/8", "192.0.2.1", "224.0.0.0-255.255.255.255"].map(|net| net.parse().unwrap());
    let hour = Duration::from_secs(3600);
    commit(&mut conn, |batch| {
        batch.add_elements(&blocked, nets.map(|net| Element::new(net).timeout(hour).comment("x")));
        batch.add_elements(&translated, [(Ipv4Addr::new(1, 2, 3, 4), 0x102), (Ipv4Addr::new(1, 2, 3, 5), 0x304)])
    });
    let told = next_commit(&mut monitor);
    let added = told.added(&blocked).unwrap();
    assert_eq!(added.iter().map(|element| *element.key().unwrap()).collect::<Vec<_>>(), nets);
    assert!(added.iter().all(|element| element.timeout() == Some(hour) && element.comment() == Some("x")));
    let mut pairs: Vec<_> = told.added(&translated).unwrap().iter().map(|e| (*e.key().unwrap(), *e.value())).collect();
    pairs.sort();
    let expected = [([1, 2, 3, 4], 0x102), ([1, 2, 3, 5], 0x304)];
    assert_eq!(pairs, expected.map(|(key, mark)| (Ipv4Addr::from(key), Mark::from(mark))));
    assert!(told.removed(&blocked).unwrap().is_empty());
    // A set of that name in another type, or another table.
    assert!(told.added(&Set::<Ipv4Addr>::new(Table::ip("fw"), "blocked")).unwrap().is_empty());
    assert!(told.added(&Map::<Port, Mark>::new(fw(), "translated")).is_err());

    commit(&mut conn, |batch| batch.delete_elements(&blocked, [nets[1], nets[3]]));
    let told = next_commit(&mut monitor);
    assert_eq!(
        told.removed(&blocked).unwrap().iter().map(|e| *e.key().unwrap()).collect::<Vec<_>>(),
        [nets[1], nets[3]]
    );
    commit(&mut conn, |batch| batch.flush(&blocked));
    let told = next_commit(&mut monitor);
    assert_eq!(
        told.removed(&blocked).unwrap().iter().map(|e| *e.key().unwrap()).collect::<Vec<_>>(),
        [nets[0], nets[2]]
    );
}

/// A copy of a set that is kept by what commits tell, in either order, is what a listing shows.
pub(super) fn a_copy_follows_what_commits_tell_of_a_set() {
    let (mut conn, mut monitor) = (conn(), monitor());
    let nets = Set::<Interval<Ipv4Addr>>::new(fw(), "nets").timeouts();
    let net = |net: &str| net.parse::<Interval<Ipv4Addr>>().unwrap();
    let (one, two, short, rest) = (net("10.0.0.0/24"), net("10.0.2.0/24"), net("10.0.0.0/25"), net("192.0.0.0/2"));
    let lasts = |net, secs| [Element::new(net).timeout(Duration::from_secs(secs))];
    let steps: [&dyn Fn(&mut Batch); 9] = [
        &|batch| _ = batch.add(&fw()).add(&nets).add_elements(&nets, [one, two, rest]),
        &|batch| _ = batch.refresh_elements(&nets, lasts(one, 600)).refresh_elements(&nets, lasts(rest, 600)),
        &|batch| _ = batch.add_elements(&nets, lasts(net("11.0.0.1"), 60)).delete_elements(&nets, [net("11.0.0.1")]),
        &|batch| _ = batch.delete_elements(&nets, [one]).add_elements(&nets, [short]),
        &|batch| _ = batch.add_elements(&nets, [net("10.0.0.128/25"), net("10.0.1.0/24")]),
        &|batch| {
            batch.delete_elements(&nets, [short, net("10.0.0.128/25"), net("10.0.1.0/24"), two]);
            batch.add_elements(&nets, [net("10.0.0.0/22")]);
        },
        &|batch| _ = batch.flush(&nets).add_elements(&nets, [one, rest]),
        &|batch| _ = batch.add_elements(&nets, [two]).reset(&fw()).add(&nets).add_elements(&nets, [one]),
        &|batch| _ = batch.flush(&nets),
    ];
    let mut copies = [BTreeSet::new(), BTreeSet::new()];
    for step in steps {
        commit(&mut conn, |batch| {
            step(batch);
            batch
        });
        let told = next_commit(&mut monitor);
        if told.events().iter().any(|event| matches!(event, Event::DeletedSet(gone) if gone.at() == nets.at())) {
            copies.iter_mut().for_each(BTreeSet::clear);
        }
        let keys =
            |elements: Vec<ElementInfo<Interval<Ipv4Addr>>>| elements.into_iter().map(|e| e.key().unwrap().to_string());
        let (added, removed) = (told.added(&nets).unwrap(), told.removed(&nets).unwrap());
        let [first, last] = &mut copies;
        keys(removed.clone()).for_each(|key| _ = first.remove(&key));
        first.extend(keys(added.clone()));
        last.extend(keys(added));
        keys(removed).for_each(|key| _ = last.remove(&key));
        let there: BTreeSet<String> = keys(conn.elements(&nets).unwrap()).collect();
        assert_eq!(copies, [there.clone(), there], "{told}");
    }
}

/// Of an interval that gets another timeout newer kernels tell the start alone.
pub(super) fn an_interval_whose_end_is_not_told_is_no_other_interval() {
    let (mut conn, mut monitor) = (conn(), monitor());
    let nets = Set::<Interval<Ipv4Addr>>::new(fw(), "nets").timeouts();
    let net: Interval<Ipv4Addr> = "10.0.0.0/24".parse().unwrap();
    commit(&mut conn, |batch| batch.add(&fw()).add(&nets).add_elements(&nets, [net]));
    assert_eq!(next_commit(&mut monitor).added(&nets).unwrap().len(), 1);
    let hour = [Element::new(net).timeout(Duration::from_secs(3600))];
    commit(&mut conn, |batch| batch.add_elements(&nets, hour).add(&input()));
    let told = next_commit(&mut monitor);
    let is_told = told.events().iter().any(|event| matches!(event, Event::NewElement(_)));
    match told.added(&nets) {
        Ok(added) => assert!(added.is_empty() && !is_told, "{added:?}"),
        Err(error) => assert!(is_told && error.to_string().contains("read the set again"), "{error}"),
    }
    assert!(told.removed(&nets).unwrap().is_empty());
}

pub(super) fn flushed_elements_are_told_one_by_one() {
    const COUNT: u32 = 600;
    let (mut conn, mut monitor) = (conn(), monitor());
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()).add_elements(&marks(), 0..COUNT));
    assert_eq!(next_commit(&mut monitor).added(&marks()).unwrap().len(), COUNT as usize);
    commit(&mut conn, |batch| batch.flush(&marks()));
    let told = next_commit(&mut monitor);
    assert_eq!(told.events().len(), COUNT as usize);
    let mut keys: Vec<_> = told.removed(&marks()).unwrap().iter().map(|element| element.key().unwrap().get()).collect();
    keys.sort();
    assert_eq!(keys, (0..COUNT).collect::<Vec<_>>());
    assert!(told.events().iter().all(|event| event.table() == fw().at()));
}

pub(super) fn filters_of_the_real_thing() {
    let other = Table::ip("other");
    let chain = other.chain("c");
    let filters = [
        (EventFilter::new().table(fw()), vec!["inet fw"]),
        (EventFilter::new().family(Family::IP), vec!["ip other"]),
        (EventFilter::new().kinds(EventKinds::ELEMENT), vec!["inet fw"]),
        (EventFilter::new().kinds(EventKinds::CHAIN).only_deleted(), vec!["ip other"]),
        (EventFilter::new().kinds(EventKinds::TABLE), vec!["inet fw", "ip other"]),
        (EventFilter::new().kinds(EventKinds::FLOWTABLE), vec![]),
    ];
    let mut conn = conn();
    let mut monitors = filters.each_ref().map(|(filter, _)| monitor().filter(filter.clone()));
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()).add_elements(&marks(), [1, 2]));
    commit(&mut conn, |batch| batch.add(&other).add(&chain));
    commit(&mut conn, |batch| batch.delete(&chain));
    for (monitor, (filter, tables)) in monitors.iter_mut().zip(&filters) {
        let mut seen = Vec::new();
        while let Some(Notice::Commit(commit)) = monitor.try_receive().unwrap() {
            assert!(!commit.events().is_empty() && commit.is_complete(), "{filter:?}");
            seen.extend(commit.events().iter().map(|event| event.table().to_string()));
        }
        seen.dedup();
        assert_eq!(seen, *tables, "{filter:?}");
    }
}

pub(super) fn refused_and_checked_batches_are_not_told() {
    let (mut conn, mut monitor) = (conn(), monitor());
    let mut batch = Batch::new();
    batch.add(&fw());
    conn.check(&batch).unwrap();
    batch.delete(&Table::inet("absent"));
    conn.commit(&batch).unwrap_err();
    assert_silence(&mut monitor);
}

pub(super) fn quota_that_a_packet_uses_up_is_told() {
    let (mut conn, mut monitor) = (conn(), monitor());
    let here = Namespace::current().unwrap();
    here.up("lo").unwrap();
    let quota = Quota::new(10).named(fw(), "tiny");
    let output = fw().chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&output).add(&quota).append(&output, Rule::new().object(&quota).accept())
    });
    next_commit(&mut monitor);
    let client = Client::udp(&here, (Ipv4Addr::LOCALHOST, 0)).unwrap().timeout(Duration::from_millis(100));
    client.ask((Ipv4Addr::LOCALHOST, 9));
    let at_once = monitor.try_receive().unwrap();
    let told = at_once.clone().unwrap_or_else(|| {
        // Older kernels keep it until somebody commits.
        commit(&mut conn, |batch| batch.add(&Table::ip("other")));
        next(&mut monitor)
    });
    let Notice::Depleted(told) = told else { panic!("a quota is used up: {told:?}") };
    if at_once.is_none() {
        let events = next_commit(&mut monitor).events().to_vec();
        assert!(matches!(&events[..], [Event::NewTable(_)]), "{events:?}");
    }
    assert_eq!(told.at().name(), "tiny");
    // The kernel says the packet's family, not the table's.
    assert_eq!(told.table().family(), Family::IP);
    // It never says more than there was.
    assert_eq!(told.value::<Quota>().unwrap().unwrap().consumed, 10);
    // It says so once.
    client.ask((Ipv4Addr::LOCALHOST, 9));
    assert_silence(&mut monitor);
}

pub(super) fn waiting_ends_when_it_was_told_to() {
    let mut conn = conn();
    // What is filtered out must not make the wait begin again.
    let mut monitor = monitor().filter(EventFilter::new().kinds(EventKinds::RULE));
    let mut batch = Batch::new();
    batch.add(&fw()).delete(&fw());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let begin = Instant::now();
            let told = monitor.receive_timeout(Duration::from_millis(300)).unwrap();
            (told, begin.elapsed())
        });
        while !waiting.is_finished() {
            conn.commit(&batch).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        let (told, elapsed) = waiting.join().unwrap();
        assert_eq!(told, None);
        assert!(elapsed >= Duration::from_millis(300) && elapsed < PATIENCE, "{elapsed:?}");
    });
    assert_eq!(monitor.receive_timeout(Duration::ZERO).unwrap(), None);
    assert_eq!(monitor.receive_timeout(Duration::from_nanos(1)).unwrap(), None);
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).append(input(), rule("x")));
    assert!(monitor.receive_timeout(Duration::MAX).unwrap().is_some());
}

pub(super) fn file_descriptor_is_readable_when_there_is_something() {
    let (mut conn, mut monitor) = (conn(), monitor());
    let readable = |monitor: &nftlink::monitor::Monitor| {
        poll(&mut [PollFd::new(monitor.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() == 1
    };
    assert!(!readable(&monitor));
    commit(&mut conn, |batch| batch.add(&fw()));
    assert!(readable(&monitor));
    next_commit(&mut monitor);
    assert_silence(&mut monitor);
    assert!(!readable(&monitor));
    let flags = fs::read_to_string(format!("/proc/self/fdinfo/{}", monitor.as_fd().as_raw_fd())).unwrap();
    let flags = flags.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
    assert_ne!(u32::from_str_radix(flags, 8).unwrap() & 0o2_000_000, 0, "closed on exec: {flags}");
}

pub(super) fn commit_with_more_events_than_are_kept_says_so() {
    let (mut conn, mut monitor) = (conn(), monitor().max_events(10));
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()).add_elements(&marks(), 0..20));
    let Notice::Commit(told) = next(&mut monitor) else { panic!("a commit") };
    assert_eq!((told.events().len(), told.is_complete()), (10, false));
    commit(&mut conn, |batch| batch.delete_elements(&marks(), 0..5));
    assert_eq!(next_commit(&mut monitor).events().len(), 5);
}

pub(super) fn monitor_of_another_namespace() {
    let there = Namespace::new().unwrap();
    let path = there.run(|| {
        let thread = fs::read_link("/proc/thread-self").unwrap();
        fs::File::open(format!("/proc/{}/ns/net", thread.display())).unwrap()
    });
    let mut elsewhere = Conn::options().namespace_fd(path.as_fd()).monitor().unwrap();
    commit(&mut conn(), |batch| batch.add(&fw()));
    assert_silence(&mut elsewhere);
    there.run(|| commit(&mut conn(), |batch| batch.add(&Table::ip("there"))));
    assert_eq!(next_commit(&mut elsewhere).events()[0].table().to_string(), "ip there");
}

pub(super) fn monitors_and_what_they_open_are_closed() {
    let before = netlink_sockets();
    for _ in 0..20 {
        let (mut conn, mut monitor) = (conn(), monitor());
        monitor.resync(&mut conn, |conn| conn.tables(..)).unwrap();
        await_netlink_sockets(before + 2);
    }
    await_netlink_sockets(before);
}
