//! The parts of `examples/guard.rs`: what it notices, whom it names, and what it puts back.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::Port;
use nftlink::expr::Verdict;
use nftlink::field::{ip, meta, tcp, udp};
use nftlink::monitor::Monitor;
use nftlink::object::{Counter, Named, Quota};
use nftlink::{
    Batch, Chain, Conn, Element, Hook, Hooked, Interval, Map, Name, Policy, Priority, Rule, RuleInfo, Set, Table,
    TableFlags,
};

use crate::support::lab::{Client, Namespace, Server};
use crate::support::{Stop, is_emulated, linux, state};

#[path = "../../examples/guard/kept.rs"]
mod kept;
#[path = "../../examples/guard/watch.rs"]
mod watch;

use watch::{Guard, Outcome, Patience, Report};

/// How long to wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

// ---- the table that is guarded ----

fn fw() -> Table {
    Table::inet("fw").comment("guarded")
}

fn input() -> Chain<Hooked> {
    fw().chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP)
}

fn blocked() -> Set<Interval<Ipv4Addr>> {
    Set::new(fw(), "blocked").timeouts()
}

fn ports() -> Set<Port> {
    Set::new(fw(), "ports")
}

fn verdicts() -> Map<Port, Verdict> {
    Map::new(fw(), "verdicts")
}

/// Packets fill it.
fn seen() -> Set<Ipv4Addr> {
    Set::new(fw(), "seen").dynamic().size(100)
}

fn month() -> Named<Quota> {
    Named::new(fw(), "month", Quota::new(1_000_000))
}

fn network(third: u8) -> Interval<Ipv4Addr> {
    Interval::prefix(Ipv4Addr::new(198, 51, third, 0), 24)
}

/// Makes the table, and returns a connection.
fn set_up() -> Conn {
    let mut batch = Batch::new();
    batch.add(&fw()).add(&blocked()).add(&ports()).add(&verdicts()).add(&seen()).add(&month());
    batch.add(&Counter::named(fw(), "web")).add(&input()).add(&fw().chain("later"));
    batch.add_elements(
        &blocked(),
        [Element::new(network(100)).timeout(Duration::from_secs(3600)), Element::new(network(102))],
    );
    batch.add_elements(&ports(), [22, 53]).add_elements(&verdicts(), [(80, Verdict::ACCEPT)]);
    batch.append(input(), Rule::new().when(ip::saddr().in_set(&blocked())).drop().comment("blocked"));
    batch.append(input(), Rule::new().when(tcp::dport().one_of([80, 443])).object(Counter::named(fw(), "web")));
    batch.append(input(), Rule::new().when(udp::dport().in_set(&ports())).counter().accept().comment("ports"));
    batch.append(input(), Rule::new().jump(fw().chain("later")).comment("last"));
    batch.append(fw().chain("later"), Rule::new().when(meta::iifname().eq("lo")).counter().comment("local"));
    batch.append(fw().chain("later"), Rule::new().counter());
    commit(&batch);
    Conn::open().unwrap()
}

fn commit(batch: &Batch) {
    Conn::open().unwrap().commit(batch).unwrap();
}

fn guard() -> Guard {
    Guard::open(fw(), []).unwrap()
}

/// All that is there, but for handles and times.
fn state(conn: &mut Conn) -> impl PartialEq + std::fmt::Debug + use<> {
    (state::as_the_kernel_has_it(conn), state::elements(conn))
}

fn rules(conn: &mut Conn) -> Vec<RuleInfo> {
    conn.rules(&input()).unwrap()
}

/// The next that the guard tells, which is that it has put something back.
#[track_caller]
fn put_back(guard: &mut Guard) -> Report {
    let report = guard.next(Some(Instant::now() + PATIENCE)).unwrap().expect("something is noticed");
    assert!(matches!(report.outcome, Outcome::PutBack), "{report}");
    report
}

/// Makes sure that the guard has nothing against what has been done: it has heard of it by now.
#[track_caller]
fn content(guard: &mut Guard) {
    if let Some(report) = guard.next(Some(Instant::now())).unwrap() {
        panic!("{report}");
    }
}

/// A change, and the differences that it makes.
type Change<'a> = (&'a dyn Fn(&mut Conn, &mut Batch), &'a [&'a str]);

/// Makes changes to the table one by one: each has to be noticed as said, and undone.
fn undone(changes: &[Change<'_>]) {
    for (change, noticed) in changes {
        // Each has a guard of its own, which has not lost its patience.
        let (mut conn, mut batch) = (Conn::open().unwrap(), Batch::new());
        let (mut guard, before) = (guard(), state(&mut conn));
        change(&mut conn, &mut batch);
        commit(&batch);
        assert_ne!(state(&mut conn), before, "{batch}");
        let report = put_back(&mut guard);
        assert_eq!(report.differences, *noticed, "{batch}");
        assert_eq!(state(&mut conn), before, "{batch}");
        content(&mut guard);
    }
}

// ---- what is noticed and mended ----

pub(crate) fn puts_back_what_is_deleted() {
    let conn = &mut set_up();
    undone(&[
        (&|_, batch| _ = batch.flush_ruleset(), &["table inet fw is gone"]),
        (&|_, batch| _ = batch.delete(&fw()), &["table inet fw is gone"]),
        (
            &|_, batch| _ = batch.delete(&fw()).add(&fw()),
            &[
                "chain inet fw input is gone",
                "chain inet fw later is gone",
                "counter inet fw web is gone",
                "quota inet fw month is gone",
                "set inet fw blocked is gone",
                "set inet fw ports is gone",
                "set inet fw seen is gone",
                "set inet fw verdicts is gone",
            ],
        ),
        (
            &|_, batch| _ = batch.flush(&input()),
            &[
                "a rule of chain input is gone: \"blocked\"",
                "a rule of chain input is gone: [ meta load l4proto => reg 1 ] [ cmp eq reg 1 0x00000006 ] \
             [ payload load 2b @ transport header + 2 => reg 1 ] [ lookup reg 1 set __set0 0x0 ] \
             [ objref type 1 name web ]",
                "a rule of chain input is gone: \"ports\"",
                "a rule of chain input is gone: \"last\"",
            ],
        ),
        (&|conn, batch| _ = batch.delete(&rules(conn)[2]), &["a rule of chain input is gone: \"ports\""]),
        (
            &|conn, batch| _ = batch.delete(&rules(conn)[3]).delete(&fw().chain("later")),
            &["chain inet fw later is gone", "a rule of chain input is gone: \"last\""],
        ),
        (&|_, batch| _ = batch.delete(&month()), &["quota inet fw month is gone"]),
        (&|_, batch| _ = batch.delete_elements(&ports(), [53]), &["element 53 of set inet fw ports is gone"]),
        (
            &|_, batch| _ = batch.flush(&blocked()),
            &[
                "element 198.51.100.0/24 of set inet fw blocked is gone",
                "element 198.51.102.0/24 of set inet fw blocked is gone",
            ],
        ),
    ]);
    assert_eq!(conn.tables(..).unwrap().len(), 1);
}

pub(crate) fn puts_back_what_is_changed() {
    set_up();
    let ports_again = || Rule::new().when(udp::dport().in_set(&ports())).counter().drop().comment("ports");
    undone(&[
        (
            &|_, batch| _ = batch.add(&input().policy(Policy::ACCEPT)),
            &["chain inet fw input has changed: type filter hook input priority 0 policy accept flags 0x1"],
        ),
        (&|_, batch| _ = batch.add(&fw().flags(TableFlags::DORMANT)), &["table inet fw has changed"]),
        (
            &|conn, batch| _ = batch.rename(&conn.chain(input()).unwrap(), "other"),
            &["chain inet fw input is gone", "chain inet fw other is new"],
        ),
        (
            &|conn, batch| _ = batch.replace(input(), rules(conn)[2].handle(), ports_again()),
            &["a rule of chain input is gone: \"ports\"", "a rule of chain input is new: \"ports\""],
        ),
        (
            &|conn, batch| _ = batch.delete(&rules(conn)[0]).append(input(), &rules(conn)[0]),
            &["the rules of chain input are in another order"],
        ),
        (
            &|_, batch| _ = batch.delete_keys(&verdicts(), [80]).add_elements(&verdicts(), [(80, Verdict::DROP)]),
            &["element 80 of set inet fw verdicts is gone", "element 80 of set inet fw verdicts is new"],
        ),
        (&|_, batch| _ = batch.add(&month().with(Quota::new(5))), &["quota inet fw month has changed"]),
    ]);
}

pub(crate) fn takes_out_what_is_added() {
    set_up();
    let other = Set::<Ipv4Addr>::new(fw(), "other");
    undone(&[
        (
            &|_, batch| _ = batch.insert(input(), Rule::new().accept()),
            &["a rule of chain input is new: [ immediate reg 0 accept ]"],
        ),
        (
            &|_, batch| _ = batch.append(input(), Rule::new().when(tcp::dport().one_of([1, 2])).accept().comment("x")),
            &["a rule of chain input is new: \"x\""],
        ),
        // The rule is there twice then.
        (&|conn, batch| _ = batch.append(input(), &rules(conn)[2]), &["a rule of chain input is new: \"ports\""]),
        (
            &|_, batch| _ = batch.add(&fw().chain("output").filter(Hook::OUTPUT, Priority::FILTER)),
            &["chain inet fw output is new"],
        ),
        (&|_, batch| _ = batch.add(&other).add_elements(&other, [Ipv4Addr::LOCALHOST]), &["set inet fw other is new"]),
        (
            &|_, batch| _ = batch.add_elements(&blocked(), [network(104)]),
            &["element 198.51.104.0/24 of set inet fw blocked is new"],
        ),
        (&|_, batch| _ = batch.add(&Counter::named(fw(), "other")), &["counter inet fw other is new"]),
    ]);
}

pub(crate) fn names_who_did_it() {
    let mut conn = set_up();
    let mut guard = guard();
    let by = |name: &str, batch: Batch| {
        let thread = thread::Builder::new().name(name.to_owned());
        thread.spawn(move || commit(&batch)).unwrap().join().unwrap();
        Conn::open().unwrap().generation().unwrap()
    };
    let (mut one, mut other) = (Batch::new(), Batch::new());
    one.insert(input(), Rule::new().accept());
    other.delete_elements(&ports(), [53]);
    let generations = [by("one", one), by("other", other)];
    let report = put_back(&mut guard);
    let names: Vec<_> = report.by.iter().map(|by| by.name.clone().unwrap()).collect();
    assert_eq!(names, ["one", "other"].map(Name::from));
    assert_eq!(report.by.iter().map(|by| by.generation).collect::<Vec<_>>(), generations);
    assert_eq!(report.differences.len(), 2, "{report}");
    assert_eq!(conn.generation().unwrap().get(), generations[1].get() + 1, "both are mended in one step");
    let told = report.to_string();
    let pid = report.by[0].pid.unwrap();
    assert!(told.starts_with(&format!("process {pid} (one) made generation {}\n", generations[0])), "{told}");
    content(&mut guard);
}

// ---- what is left alone ----

pub(crate) fn leaves_alone_what_makes_no_difference() {
    let mut conn = set_up();
    let mut guard = Guard::open(fw(), ["blocked".into()]).unwrap();
    let mut harmless = |change: &dyn Fn(&mut Conn, &mut Batch)| {
        let mut batch = Batch::new();
        change(&mut conn, &mut batch);
        commit(&batch);
        content(&mut guard);
        // A look finds nothing either.
        guard = guard_again(&mut guard);
        content(&mut guard);
        conn.generation().unwrap()
    };
    // Another table.
    let other = Table::inet("other");
    harmless(&|_, batch| _ = batch.add(&Table::ip("fw")).add(&other).add(&other.chain("input")));
    // Sets of others: those that are named, and those that packets fill.
    harmless(&|_, batch| {
        _ = batch.add_elements(&blocked(), [network(104)]).delete_elements(&blocked(), [network(102)])
    });
    harmless(&|_, batch| _ = batch.add_elements(&seen(), [Ipv4Addr::LOCALHOST]));
    // What is there is there again, with another handle.
    harmless(&|_, batch| _ = batch.add(&fw()).add(&input()).add_elements(&ports(), [22]));
    harmless(&|conn, batch| _ = batch.insert_after(input(), &rules(conn)[2], &rules(conn)[2]).delete(&rules(conn)[2]));
    // There and gone before anybody looks.
    let last = harmless(&|_, batch| {
        batch.insert(input(), Rule::new().accept());
        let op = batch.last();
        batch.delete_rule(input(), op);
    });
    assert_eq!(conn.generation().unwrap(), last, "the guard has committed nothing");
}

/// The same guard, which looks at once.
fn guard_again(guard: &mut Guard) -> Guard {
    let fresh = Guard::open(fw(), ["blocked".into()]).unwrap();
    std::mem::replace(guard, fresh).every(Duration::ZERO)
}

pub(crate) fn what_was_counted_and_what_others_added_is_kept() {
    let mut conn = set_up();
    let mut guard = Guard::open(fw(), ["blocked".into()]).unwrap();
    let here = Namespace::current().unwrap();
    let server = Server::udp(&here, (Ipv4Addr::LOCALHOST, 53)).unwrap();
    let client = Client::udp(&here, (Ipv4Addr::LOCALHOST, 0)).unwrap();
    // The answer to it is dropped.
    client.ask(server.address());
    let counted = |conn: &mut Conn| rules(conn).iter().find(|rule| rule.comment() == Some("ports")).unwrap().counter();
    let before = counted(&mut conn).unwrap();
    assert_eq!(before.packets, 1);
    let mut batch = Batch::new();
    batch.add_elements(&blocked(), [network(104)]).delete_elements(&blocked(), [network(102)]);
    batch.insert(input(), Rule::new().accept());
    commit(&batch);
    let report = put_back(&mut guard);
    assert_eq!(report.differences, ["a rule of chain input is new: [ immediate reg 0 accept ]"]);
    assert_eq!(counted(&mut conn), Some(before));
    let of = |conn: &mut Conn| {
        conn.elements(&blocked()).unwrap().iter().map(|element| *element.key().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of(&mut conn), [network(100), network(104)]);

    // It is remembered when all is gone: after a look at what there was.
    let mut guard = guard.every(Duration::ZERO);
    content(&mut guard);
    commit(Batch::new().flush_ruleset());
    put_back(&mut guard);
    assert_eq!(counted(&mut conn), Some(before));
    assert_eq!(of(&mut conn), [network(100), network(104)]);
}

pub(crate) fn elements_whose_time_is_up_are_not_missed() {
    let mut conn = set_up();
    let short = Element::new(network(104)).timeout(Duration::from_millis(300));
    commit(Batch::new().add_elements(&blocked(), [short]));
    let mut guard = guard();
    let wait = |conn: &mut Conn| {
        let begin = Instant::now();
        while conn.element(&blocked(), network(104)).is_ok() {
            assert!(begin.elapsed() < PATIENCE);
        }
    };
    wait(&mut conn);
    commit(Batch::new().add(&input()));
    content(&mut guard);
    commit(Batch::new().flush_ruleset());
    put_back(&mut guard);
    // It may be there for a moment again.
    wait(&mut conn);
    assert!(conn.element(&blocked(), network(100)).unwrap().expires().unwrap() > Duration::from_secs(3500));
    content(&mut guard);
}

// ---- how it goes on ----

pub(crate) fn finds_what_nobody_told_by_looking() {
    let mut conn = set_up();
    // It hears of another namespace.
    let deaf = Namespace::new().unwrap().run(|| Monitor::open().unwrap());
    let mut guard = Guard::with(Conn::open().unwrap(), deaf, fw(), []).unwrap().every(Duration::from_millis(10));
    let before = state(&mut conn);
    commit(Batch::new().flush_ruleset());
    let report = put_back(&mut guard);
    assert_eq!(report.by, []);
    assert!(report.to_string().starts_with("the kernel has not told who did it\n"), "{report}");
    assert_eq!(state(&mut conn), before);
}

pub(crate) fn looks_when_events_are_lost() {
    let mut conn = set_up();
    let small = Conn::options().receive_buffer(0).monitor().unwrap();
    let mut guard = Guard::with(Conn::open().unwrap(), small, fw(), []).unwrap();
    let before = state(&mut conn);
    // More than the buffer that everybody has.
    for n in 0..1000 {
        conn.commit(Batch::new().insert(input(), Rule::new().accept().comment(format!("{n}")))).unwrap();
    }
    let report = put_back(&mut guard);
    assert_eq!(report.differences.len(), 1000);
    assert!(report.has_lost && report.by.len() < 1000, "{}", report.by.len());
    assert_eq!(state(&mut conn), before);

    // Of what was lost elsewhere nobody is blamed.
    content(&mut guard);
    commit(Batch::new().add(&Table::inet("other")));
    for policy in [Policy::ACCEPT, Policy::DROP].into_iter().cycle().take(2000) {
        let chain = Table::inet("other").chain("input").filter(Hook::INPUT, Priority::FILTER);
        conn.commit(Batch::new().add(&chain.policy(policy))).unwrap();
    }
    let last = conn.generation().unwrap();
    content(&mut guard);
    assert_eq!(conn.generation().unwrap(), last);
    commit(Batch::new().delete_elements(&ports(), [53]));
    let report = put_back(&mut guard);
    assert_eq!(report.by.iter().map(|by| by.generation.get()).collect::<Vec<_>>(), [last.get() + 1], "{report}");
}

pub(crate) fn puts_back_beside_others_who_never_stop() {
    let mut conn = set_up();
    let mut guard = guard();
    let before = state(&mut conn);
    let (other, numbers) = (Table::inet("other"), Set::<Port>::new(Table::inet("other"), "numbers"));
    let (stop, begun) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let _ends = Stop(&stop);
        scope.spawn(|| {
            let mut conn = Conn::open().unwrap();
            conn.commit(Batch::new().add(&other).add(&numbers)).unwrap();
            while !stop.load(Ordering::Relaxed) {
                conn.commit(Batch::new().add_elements(&numbers, [7]).delete_elements(&numbers, [7])).unwrap();
                begun.store(true, Ordering::Relaxed);
                // Beside somebody whose commits are all shorter than a reading, none comes through.
                thread::sleep(Duration::from_millis(if is_emulated() { 50 } else { 5 }));
            }
            conn.commit(Batch::new().delete(&other)).unwrap();
        });
        while !begun.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        commit(Batch::new().insert(input(), Rule::new().accept()));
        let begin = Instant::now();
        let report = loop {
            let report = guard.next(Some(Instant::now() + PATIENCE)).unwrap();
            assert!(begin.elapsed() < 5 * PATIENCE, "{report:?}");
            match report {
                Some(Report { outcome: Outcome::Busy, .. }) => {}
                report => break report,
            }
        };
        let report = report.expect("something is noticed");
        assert!(matches!(report.outcome, Outcome::PutBack), "{report}");
        assert_eq!(report.by.len(), 1, "{report}");
    });
    assert_eq!(state(&mut conn), before);
    content(&mut guard);
}

pub(crate) fn does_not_fight_as_fast_as_it_can() {
    let begin = Instant::now();
    let after = |seconds| begin + Duration::from_secs(seconds);
    let mut patience = Patience::default();
    for _ in 0..5 {
        assert_eq!(patience.due(begin), begin);
        patience.note(begin);
    }
    for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(patience.due(begin), after(wait));
        assert_eq!(patience.due(after(100)), after(100), "who has waited has not to wait again");
        patience.note(begin);
    }
    // It was left alone for five minutes.
    patience.note(after(301));
    assert_eq!(patience.due(after(301)), after(301));

    set_up();
    let mut guard = guard();
    let change = || commit(Batch::new().insert(input(), Rule::new().accept()));
    for _ in 0..5 {
        change();
        put_back(&mut guard);
    }
    change();
    let report = guard.next(Some(Instant::now() + PATIENCE)).unwrap().unwrap();
    assert!(matches!(report.outcome, Outcome::Later(wait) if wait <= Duration::from_secs(1)), "{report}");
    // That is said once; then it is mended, however many more changes there are until then.
    change();
    let report = put_back(&mut guard);
    assert_eq!((report.by.len(), report.differences.len()), (2, 2), "{report}");
}

/// For tables with an owner.
pub(crate) fn kernel_knows_owners() -> Result<(), String> {
    if linux() >= (5, 12) { Ok(()) } else { Err("no owners of tables before Linux 5.12".to_owned()) }
}

pub(crate) fn says_when_it_cannot_put_something_back() {
    let mut conn = set_up();
    let mut guard = guard().every(Duration::from_millis(10));
    let before = state(&mut conn);
    let mut owner = Conn::open().unwrap();
    owner.commit(Batch::new().delete(&fw()).add(&fw().flags(TableFlags::OWNER))).unwrap();
    let report = guard.next(Some(Instant::now() + PATIENCE)).unwrap().unwrap();
    let Outcome::Refused(error) = &report.outcome else { panic!("{report}") };
    assert!(error.is_permission_denied(), "{report}");
    // The kernel does not tell that the table goes with its owner.
    drop(owner);
    loop {
        let report = guard.next(Some(Instant::now() + PATIENCE)).unwrap().expect("it is put back some time");
        match report.outcome {
            Outcome::PutBack => break,
            Outcome::Refused(_) => {}
            _ => panic!("{report}"),
        }
    }
    assert_eq!(state(&mut conn), before);
}

pub(crate) fn refuses_what_it_cannot_guard() {
    let refusal = |theirs: &[&str]| Guard::open(fw(), theirs.iter().copied().map(Name::from)).unwrap_err().to_string();
    assert_eq!(refusal(&[]), "there is no table inet fw");
    let _conn = set_up();
    assert_eq!(refusal(&["blocked", "absent"]), "table inet fw has no set absent");
}

pub(crate) fn refuses_a_table_with_an_owner() {
    let mut owner = Conn::open().unwrap();
    owner.commit(Batch::new().add(&fw().flags(TableFlags::OWNER))).unwrap();
    let refusal = Guard::open(fw(), []).unwrap_err().to_string();
    assert_eq!(refusal, "table inet fw belongs to a program that runs: nobody else can change it");
}
