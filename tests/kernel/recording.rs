//! The same programs on the kernel and on a recording of it: each query has the same answer.

use std::fmt::Debug;
use std::net::Ipv4Addr;

use nftlink::datum::{Mark, Port};
use nftlink::expr::{Counter, Quota, Verdict};
use nftlink::field::{ip, meta, tcp};
use nftlink::object::{Limit, ObjectKind, ObjectRef};
use nftlink::{
    Batch, Conn, Element, ElementInfo, Errno, Error, Family, Hook, Interval, Map, Policy, Priority, Recording, Rule,
    RuleHandle, Ruleset, Set, SetRef, Table, object,
};

use crate::{conn, fw, input, interval, linux};

fn nets() -> Set<Interval<Ipv4Addr>> {
    Set::new(fw(), "nets").counters()
}

fn pairs() -> Map<(Interval<Ipv4Addr>, Port), Mark> {
    Map::new(fw(), "pairs")
}

fn services() -> Map<Interval<Port>, Verdict> {
    Map::new(fw(), "services")
}

/// Of a size: its elements keep their order, while the hash table of others is rebuilt after the commit.
fn many() -> Set<Ipv4Addr> {
    Set::new(fw(), "many").size(8192)
}

fn hits() -> object::Named<Counter> {
    object::Counter::named(fw(), "hits").with(Counter::new(3, 300))
}

fn looked_for() -> Rule {
    Rule::new().when(tcp::dport().one_of([22, 80])).counter().accept()
}

/// A ruleset of several tables.
fn contents() -> Batch {
    let (out, empty) = (Table::ip("out"), Table::ip6("empty").comment("nothing in it"));
    let (log, post) = (fw().chain("log"), out.chain("post").nat(Hook::POSTROUTING, Priority::SRCNAT));
    let quota = Quota::new(1 << 20).used(1000).named(fw(), "monthly");
    let limit = Limit::packets(10, 1).named(fw(), "pace");
    let mut batch = Batch::new();
    batch.reset(&fw()).add(&out).add(&empty).add(&input()).add(&log).add(&post);
    batch.add(&hits()).add(&quota).add(&limit).add(&nets()).add(&pairs()).add(&services()).add(&many());
    let counted = |text: &str| Element::new(interval::<Ipv4Addr>(text)).stateful(Counter::new(2, 20)).comment(text);
    batch.add_elements(&nets(), ["0.0.0.0-0.0.0.9", "10.0.0.0/8", "11.0.0.0-11.0.0.9", "240.0.0.0/4"].map(counted));
    batch.add_elements(&pairs(), [((interval::<Ipv4Addr>("10.0.0.0/8"), 80), 1)]);
    batch.add_elements(&pairs(), [((interval::<Ipv4Addr>("192.0.2.1"), 443), 2)]);
    batch.add_elements(&services(), [(1..=1023, Verdict::DROP), (1024..=2000, Verdict::jump("log"))]);
    if linux() >= (5, 13) {
        batch.add_elements(&services(), [Element::<Interval<Port>>::catch_all().to(Verdict::RETURN)]);
    }
    batch.add_elements(&many(), (0..6000).map(|n| Ipv4Addr::from(0x0a00_0000 + n)));
    batch.append(input(), looked_for());
    batch.append(input(), Rule::new().when(ip::saddr().in_set(&nets())).object(hits()).drop());
    batch.append(input(), Rule::new().expr(Counter::new(7, 70)).expr(Quota::new(100)).comment("third").jump(&log));
    batch.insert(input(), Rule::new().when(meta::mark().eq(5)).goto(&log));
    let first = batch.last();
    batch.insert_after(input(), first, Rule::new().jump_rules([Rule::new().counter().comment("inside").drop()]));
    batch.append(&log, Rule::new().counter().comment("logged"));
    batch.append(&post, Rule::new().when(meta::oifname().eq("eth0")).masquerade());
    batch
}

/// The answers to all queries, each as text.
fn answers(conn: &mut Conn) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |what: &str, answer: String| said.push(format!("{what}: {answer}"));
    fn text<T: Debug>(answer: Result<T, Error>) -> String {
        match answer {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => format!("{error} {error:?}"),
        }
    }
    let (absent, out) = (Table::ip("absent"), Table::ip("out"));
    say("generation", text(conn.generation()));
    say("ruleset", text(conn.ruleset(..)));
    say("ruleset of a family", text(conn.ruleset(Family::IP)));
    say("ruleset of a table", text(conn.ruleset(&fw())));
    say("ruleset of no table", text(conn.ruleset(&absent)));
    say("tables", text(conn.tables(..)));
    say("tables of a family", text(conn.tables(Family::IP6)));
    say("no table", text(conn.table(&absent)));
    for table in [&fw(), &out, &absent] {
        say("table", text(conn.table(table)));
        say("chains of a table", text(conn.chains(table)));
        say("rules of a table", text(conn.rules(table)));
        say("sets of a table", text(conn.sets(table)));
        say("objects of a table", text(conn.objects(table)));
        say("flowtables of a table", text(conn.flowtables(table)));
        say("counters of a table", text(conn.objects_of_kind(ObjectKind::COUNTER, table)));
        say("secmarks of a table", text(conn.objects_of_kind(ObjectKind::SECMARK, table)));
    }
    for family in [Family::UNSPEC, Family::IP, Family::INET, Family::BRIDGE] {
        say("chains of a family", text(conn.chains(family)));
        say("rules of a family", text(conn.rules(family)));
        say("sets of a family", text(conn.sets(family)));
        say("objects of a family", text(conn.objects(family)));
        say("flowtables of a family", text(conn.flowtables(family)));
    }
    for chain in conn.chains(..).unwrap() {
        say("chain", text(conn.chain(&chain)));
        say("rules of a chain", text(conn.rules(&chain)));
    }
    say("no chain", text(conn.chain(fw().chain("absent"))));
    say("rules of no chain", text(conn.rules(&fw().chain("absent"))));
    for rule in conn.rules(..).unwrap() {
        say("rule", text(conn.rule(&rule, rule.handle())));
        say("normalized", text(conn.normalized(&rule)));
    }
    say("no rule", text(conn.rule(input(), RuleHandle::from_raw(9999))));
    say("found", text(conn.find_rules(input(), &looked_for())));
    say("not found", text(conn.find_rules(input(), &Rule::new().when(tcp::dport().one_of([22, 81])).accept())));
    for set in conn.sets(..).unwrap() {
        say("set", text(conn.set(&set)));
        say("elements", text(conn.elements(&set)));
    }
    say("no set", text(conn.set(SetRef::new(fw(), "absent"))));
    say("elements of no set", text(conn.elements(&SetRef::new(fw(), "absent"))));
    say("elements of another type", text(conn.elements(&Set::<Port>::new(fw(), "nets"))));
    say("intervals", text(conn.elements(&nets())));
    say("pairs", text(conn.elements(&pairs())));
    say("services", text(conn.elements(&services())));
    let keys =
        ["0.0.0.0", "0.0.0.9", "0.0.0.10", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", "11.0.0.9"];
    let ranges = ["11.0.0.10", "239.255.255.255", "240.0.0.0", "255.255.255.255", "10.0.0.0/9", "10.0.0.0-11.0.0.5"];
    for key in keys.into_iter().chain(ranges) {
        say(key, text(conn.element(&nets(), interval::<Ipv4Addr>(key))));
    }
    for port in [0, 1, 500, 1023, 1024, 2000, 2001, 65535] {
        say("service", text(conn.element(&services(), port)));
    }
    if linux() >= (5, 13) {
        say("catch-all", text(conn.element(&services(), Element::catch_all())));
        say("no catch-all", text(conn.element(&nets(), Element::catch_all())));
    }
    for (net, port) in [("10.1.2.3", 80), ("10.0.0.0/9", 80), ("10.1.2.3", 81), ("192.0.2.1", 443), ("192.0.2.2", 443)]
    {
        say("pair", text(conn.element(&pairs(), (interval::<Ipv4Addr>(net), port))));
    }
    say("one of many", text(conn.element(&many(), Ipv4Addr::new(10, 0, 0, 5))));
    say("none of many", text(conn.element(&many(), Ipv4Addr::new(11, 0, 0, 5))));
    for object in conn.objects(..).unwrap() {
        say("object", text(conn.object(&object)));
    }
    say("counter", text(conn.counter(hits())));
    say("no counter", text(conn.counter(object::Counter::named(fw(), "absent"))));
    say("no quota", text(conn.object(ObjectRef::new(fw(), ObjectKind::QUOTA, "hits"))));
    said
}

#[track_caller]
fn assert_same(recorded: &[String], real: &[String]) {
    for (recorded, real) in recorded.iter().zip(real) {
        if recorded != real {
            // They may be long: what is about the first difference.
            let at = recorded.bytes().zip(real.bytes()).take_while(|(a, b)| a == b).count();
            let part =
                |text: &str| text.bytes().skip(at.saturating_sub(300)).take(600).map(char::from).collect::<String>();
            panic!("{}…\nrecorded: {}\nreal:     {}", &real[..real.len().min(40)], part(recorded), part(real));
        }
    }
    assert_eq!(recorded.len(), real.len());
}

pub(crate) fn recording_answers_each_query_as_the_kernel_does() {
    let mut conn = conn();
    conn.commit(&contents()).unwrap();
    let recording = Recording::of(&conn.ruleset(..).unwrap());
    let mut recorded = recording.conn();
    assert_same(&answers(&mut recorded), &answers(&mut conn));
    // From a file, too.
    let kept = Ruleset::from_bytes(&conn.ruleset(..).unwrap().to_bytes()).unwrap();
    assert_same(&made(&mut Recording::of(&kept).conn()), &made(&mut conn));
}

pub(crate) fn recording_resets_what_the_kernel_resets() {
    let mut conn = conn();
    conn.commit(&contents()).unwrap();
    let mut recorded = Recording::of(&conn.ruleset(..).unwrap()).conn();
    let resets = |conn: &mut Conn| {
        let mut said = vec![
            format!("{:?}", conn.reset_counter(hits()).unwrap()),
            format!("{:?}", conn.reset_objects(..).unwrap()),
            format!("{}", conn.reset_counter(object::Counter::named(fw(), "absent")).unwrap_err()),
        ];
        if linux() >= (6, 2) {
            said.push(format!("{:?}", conn.reset_rules(..).unwrap()));
        }
        if linux() >= (6, 5) {
            said.push(format!("{:?}", conn.reset_elements(&nets()).unwrap()));
        }
        said
    };
    assert_same(&resets(&mut recorded), &resets(&mut conn));
    assert_same(&answers(&mut recorded), &answers(&mut conn));
}

/// What two rulesets have in common that are made by the same batch: all but the forms in which the kernel
/// writes some of it, and what it alone knows.
fn made(conn: &mut Conn) -> Vec<String> {
    let mut said = Vec::new();
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    for table in conn.tables(..).unwrap() {
        // Some kernels count the tables of all namespaces.
        said.push(format!("{} {:?} {} {:?}", table.at(), table.flags(), table.uses(), table.comment()));
    }
    for chain in conn.chains(..).unwrap() {
        let hook = (chain.kind().cloned(), chain.hook(), chain.priority(), chain.policy(), chain.flags());
        // The kernel counts chains of rules' own from its start on.
        let own = chain.flags().contains(nftlink::ChainFlags::BINDING);
        let name = if own { "own".to_owned() } else { chain.at().to_string() };
        said.push(format!("{name} {} {hook:?} {}", chain.handle(), chain.uses()));
    }
    for rule in conn.rules(..).unwrap() {
        let place = (rule.handle(), rule.position(), rule.comment().map(str::to_owned));
        said.push(format!("{place:?} {:?}", conn.normalized(&rule).unwrap()));
    }
    for set in conn.sets(..).unwrap() {
        let kind = (set.flags(), set.key_type(), set.key_len(), set.data_type(), set.data_len(), set.object_kind());
        let more = (set.timeout(), set.size(), set.policy(), set.fields().to_vec(), set.userdata().to_vec());
        said.push(format!("{} {:?} {kind:?} {more:?}", set.at(), set.handle()));
        let element = |element: &ElementInfo| {
            let key = (element.key(), element.key_end(), element.flags(), element.timeout(), element.comment());
            // Older kernels give counters to the ends of intervals, too.
            let counter = element.counter().filter(|_| !element.is_interval_end());
            format!("{key:?} {:?} {:?} {counter:?}", element.data(), element.object())
        };
        said.extend(sorted(conn.elements(&set).unwrap().iter().map(element).collect()));
    }
    for object in conn.objects(..).unwrap() {
        let has = (object.at(), object.handle(), object.uses());
        said.push(format!("{has:?} {:?}", object.any_value().unwrap()));
    }
    said
}

pub(crate) fn batch_makes_of_a_recording_what_it_makes_of_the_kernel() {
    let mut conn = conn();
    conn.commit(&contents()).unwrap();
    let recording = Recording::with(&contents()).unwrap();
    let mut recorded = recording.conn();
    assert_same(&made(&mut recorded), &made(&mut conn));
    assert_eq!(recorded.generation().unwrap(), conn.generation().unwrap());
    // A second batch changes both alike.
    let mut batch = Batch::new();
    let third = conn.rules(&input()).unwrap()[2].handle();
    batch.add(&fw()).add(&input().policy(Policy::DROP)).replace(input(), third, Rule::new().counter().comment("new"));
    batch
        .delete_elements(&nets(), ["10.0.0.0/8"].map(interval::<Ipv4Addr>))
        .add_elements(&nets(), ["10.0.0.0/9"].map(interval::<Ipv4Addr>));
    batch.delete_rule(input(), conn.rules(&input()).unwrap()[1].handle()).delete(&Table::ip6("empty"));
    batch.refresh_elements(&many(), [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(9, 9, 9, 9)]).flush(&pairs());
    batch.append(input(), Rule::new().when(tcp::sport().one_of([1, 2])).drop());
    conn.commit(&batch).unwrap();
    recording.apply(&batch).unwrap();
    assert_same(&made(&mut recorded), &made(&mut conn));
    // And what was read is made again.
    let ruleset = conn.ruleset(..).unwrap();
    let mut batch = Batch::new();
    batch.flush_ruleset().add_ruleset(&ruleset);
    conn.commit(&batch).unwrap();
    recording.apply(&batch).unwrap();
    assert_same(&made(&mut recorded), &made(&mut conn));
    assert!(recording.batches().is_empty());
}

pub(crate) fn what_the_kernel_refuses_for_its_names_a_recording_refuses_too() {
    let mut conn = conn();
    conn.commit(&contents()).unwrap();
    let recording = Recording::of(&conn.ruleset(..).unwrap());
    recording.apply_commits(true);
    let mut recorded = recording.conn();
    let before = made(&mut conn);
    let absent = Set::<Ipv4Addr>::new(fw(), "absent");
    type Fill = fn(&mut Batch, &Set<Ipv4Addr>);
    let mut fills: Vec<Fill> = vec![
        |batch, _| _ = batch.create(&fw()),
        |batch, _| _ = batch.create(&input()),
        |batch, _| _ = batch.create(&nets()),
        |batch, _| _ = batch.create(&hits()),
        |batch, _| _ = batch.delete(&Table::ip("absent")),
        |batch, _| _ = batch.delete(&fw().chain("absent")),
        |batch, absent| _ = batch.delete(absent),
        |batch, absent| _ = batch.add_elements(absent, [Ipv4Addr::LOCALHOST]),
        |batch, _| _ = batch.add(&Table::ip("absent").chain("input")),
        |batch, absent| _ = batch.append(input(), Rule::new().counter().when(ip::saddr().in_set(absent)).drop()),
        |batch, _| _ = batch.append(input(), Rule::new().jump(fw().chain("absent"))),
        |batch, _| _ = batch.delete(&fw().chain("log")),
        |batch, _| _ = batch.delete(&nets()),
        |batch, _| _ = batch.create_elements(&many(), [Ipv4Addr::new(9, 9, 9, 9), Ipv4Addr::new(10, 0, 0, 1)]),
        |batch, _| _ = batch.delete_elements(&many(), [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(9, 9, 9, 9)]),
        |batch, _| _ = batch.add(&fw().chain("log").filter(Hook::INPUT, Priority::FILTER)),
        |batch, _| _ = batch.add(&fw().chain("input").nat(Hook::INPUT, Priority::FILTER)),
    ];
    // Before: EEXIST.
    if linux() >= (6, 4) {
        fills.push(|batch, _| _ = batch.add(&fw().chain("input").filter(Hook::INPUT, Priority::RAW)));
        fills.push(|batch, _| _ = batch.add(&fw().chain("input").filter(Hook::OUTPUT, Priority::FILTER)));
        fills.push(|batch, _| _ = batch.add(&fw().chain("input").nat(Hook::INPUT, Priority::SRCNAT)));
    }
    for fill in fills {
        let mut batch = Batch::new();
        fill(&mut batch, &absent);
        let (real, recorded) = (conn.commit(&batch).unwrap_err(), recorded.commit(&batch).unwrap_err());
        let told = |error: &Error| -> Vec<_> {
            error.rejections().map(|r| (r.op(), r.errno(), r.operation().to_owned(), r.message().is_some())).collect()
        };
        assert_eq!(told(&recorded), told(&real), "{real}");
        // Older kernels do not always tell the place.
        for (recorded, real) in recorded.rejections().zip(real.rejections()).filter(|(_, real)| real.path().is_some()) {
            assert_eq!(recorded.to_string(), real.to_string());
        }
    }
    // Overlapping intervals are told without a place.
    let mut batch = Batch::new();
    batch.add_elements(&nets(), [Ipv4Addr::new(10, 1, 2, 3)]);
    assert!(conn.commit(&batch).unwrap_err().is_exists());
    assert!(recorded.commit(&batch).unwrap_err().is_exists());
    assert_same(&made(&mut recorded), &before);
    assert_eq!(recording.batches(), []);
}

pub(crate) fn errors_that_are_said_are_those_of_the_kernel() {
    let mut conn = conn();
    let recording = Recording::new();
    let mut recorded = recording.conn();
    let mut batch = Batch::new();
    batch.delete(&fw());
    recording.refuse_next(Errno::ENOENT);
    let (real, said) = (conn.commit(&batch).unwrap_err(), recorded.commit(&batch).unwrap_err());
    assert!(real.is_not_found() && said.is_not_found());
    let operation = |error: &Error| error.rejections().map(|r| (r.op(), r.operation().to_owned())).collect::<Vec<_>>();
    assert_eq!(operation(&said), operation(&real));
    let generation = conn.generation().unwrap();
    batch.clear();
    batch.add(&fw());
    conn.commit(&batch).unwrap();
    recording.refuse_next(nftlink::Refusal::stale());
    let at = recorded.generation().unwrap();
    let (real, said) = (conn.commit_at(generation, &batch).unwrap_err(), recorded.commit_at(at, &batch).unwrap_err());
    assert!(real.is_stale() && said.is_stale());
}
