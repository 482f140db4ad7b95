//! Tables that belong to a connection.

use std::io::{BufRead as _, BufReader};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use nftlink::datum::Port;
use nftlink::expr::Quota;
use nftlink::field::udp;
use nftlink::{Batch, Conn, Errno, Error, Rule, Set, Table, TableFlags, object};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendmsg, socket,
};

use crate::beside::PATIENCE;
use crate::connections::descriptors;
use crate::process::{ERRAND, send, start};
use crate::support::{self, Stop, await_netlink_sockets, netlink_sockets};
use crate::{comments, commit, conn, fw, input, linux, refused, rule};

const OTHERS: &str = "(the table belongs to another connection, which alone may change it)";

fn owned() -> Table {
    fw().owned()
}

fn persistent() -> Table {
    fw().owned().persistent()
}

fn ports() -> Set<Port> {
    Set::new(fw(), "ports")
}

/// The tables there are, by name, and what is to be known of each.
fn tables(conn: &mut Conn) -> Vec<(String, TableFlags, bool)> {
    let tables = conn.tables(..).unwrap();
    tables.iter().map(|table| (table.name().to_string(), table.flags(), table.owner().is_some())).collect()
}

// ---- whose a table is ----

/// Closes a connection, and waits until it is: the programs that other tests start have copies of it, until they are
/// executed.
fn close(owner: Conn) {
    let sockets = netlink_sockets();
    drop(owner);
    await_netlink_sockets(sockets - 1);
}

pub(crate) fn owned_table_is_changed_by_its_owner_alone_and_dies_with_it() {
    let (mut owner, mut other) = (conn(), conn());
    assert_ne!(owner.port_id(), other.port_id());
    commit(&mut owner, |batch| batch.add(&owned()).add(&input()).append(input(), Rule::new().drop()));
    commit(&mut other, |batch| batch.add(&Table::ip("others")));
    let info = other.table(fw()).unwrap();
    assert_eq!((info.flags(), info.owner()), (TableFlags::OWNER, Some(owner.port_id())));
    assert!(owner.owns(&info) && !other.owns(&info) && !info.is_orphan());

    // To empty the whole ruleset leaves it alone.
    commit(&mut other, |batch| batch.flush_ruleset());
    assert_eq!(tables(&mut other), [("fw".to_owned(), TableFlags::OWNER, true)]);
    assert_eq!(other.rules(&input()).unwrap().len(), 1);

    commit(&mut owner, |batch| batch.append(input(), Rule::new().accept()));
    // As it is, it may be added again.
    commit(&mut owner, |batch| batch.add(&owned()));
    close(owner);
    assert!(other.table(fw()).unwrap_err().is_not_found());
}

pub(crate) fn table_of_another_refuses_every_verb_and_the_whole_batch() {
    let (mut owner, mut other) = (conn(), conn());
    let counter = object::Counter::named(fw(), "count");
    commit(&mut owner, |batch| {
        batch.add(&owned()).add(&input()).add(&fw().chain("two")).add(&ports()).add(&counter);
        batch.append(input(), rule("a")).append(input(), rule("b")).add_elements(&ports(), [80])
    });
    // To read it is free.
    let table = other.table(fw()).unwrap();
    let rules = other.rules(&input()).unwrap();
    let [first, second] = &rules[..] else { panic!("{rules:?}") };
    let (chain, set, object) =
        (other.chain(input()).unwrap(), other.set(ports()).unwrap(), other.object(&counter).unwrap());
    assert_eq!(other.element(&ports(), 80).unwrap().key(), Some(&Port::new(80)));

    type Verb<'a> = Box<dyn Fn(&mut Batch) + 'a>;
    fn verb<'a>(fill: impl Fn(&mut Batch) -> &mut Batch + 'a) -> Verb<'a> {
        Box::new(move |batch| _ = fill(batch))
    }
    let mut verbs: Vec<(&str, Verb<'_>)> = vec![
        ("add table", verb(|batch| batch.add(&fw()))),
        ("add owned table", verb(|batch| batch.add(&owned()))),
        ("create table", verb(|batch| batch.create(&fw()))),
        ("delete table", verb(|batch| batch.delete(&fw()))),
        ("delete table by handle", verb(|batch| batch.delete_by_handle(&table))),
        ("flush table", verb(|batch| batch.flush(&fw()))),
        ("reset table", verb(|batch| batch.reset(&owned()))),
        ("add chain", verb(|batch| batch.add(&fw().chain("new")))),
        ("add chain that is there", verb(|batch| batch.add(&input()))),
        ("delete chain", verb(|batch| batch.delete(&fw().chain("two")))),
        ("delete chain by handle", verb(|batch| batch.delete_by_handle(&chain))),
        ("flush chain", verb(|batch| batch.flush(&input()))),
        ("append", verb(|batch| batch.append(input(), rule("c")))),
        ("insert", verb(|batch| batch.insert(input(), rule("c")))),
        ("insert before", verb(|batch| batch.insert_before(input(), second.handle(), rule("c")))),
        ("replace", verb(|batch| batch.replace(input(), first.handle(), rule("c")))),
        ("delete rule", verb(|batch| batch.delete(first))),
        ("add set", verb(|batch| batch.add(&Set::<Port>::new(fw(), "new")))),
        ("delete set", verb(|batch| batch.delete(&ports()))),
        ("delete set by handle", verb(|batch| batch.delete_by_handle(&set))),
        ("flush set", verb(|batch| batch.flush(&ports()))),
        ("add elements", verb(|batch| batch.add_elements(&ports(), [81]))),
        ("create elements", verb(|batch| batch.create_elements(&ports(), [80]))),
        ("delete elements", verb(|batch| batch.delete_elements(&ports(), [80]))),
        ("add object", verb(|batch| batch.add(&object::Counter::named(fw(), "new")))),
        ("delete object", verb(|batch| batch.delete(&counter))),
        ("delete object by handle", verb(|batch| batch.delete_by_handle(&object))),
    ];
    if linux() >= (6, 3) {
        verbs.push(("destroy table", verb(|batch| batch.destroy(&fw()))));
        verbs.push(("destroy set", verb(|batch| batch.destroy(&ports()))));
        verbs.push(("destroy elements", verb(|batch| batch.destroy_elements(&ports(), [80]))));
    }
    let all = |conn: &mut Conn| (crate::Ruleset::read(conn), conn.elements(&ports()).unwrap());
    let before = all(&mut other);
    for (name, verb) in &verbs {
        // Alone, and amid what is allowed.
        for beside in [false, true] {
            let mut batch = Batch::new();
            if beside {
                batch.add(&Table::ip("beside"));
            }
            verb(&mut batch);
            let op = batch.last();
            if beside {
                batch.add(&Table::ip6("beside"));
            }
            let error = other.commit(&batch).expect_err(name);
            assert!(error.is_not_owner() && error.is_permission_denied(), "{name}: {error:?}");
            let rejections: Vec<_> = error.rejections().collect();
            assert_eq!(rejections.len(), 1, "{name}: {error}");
            assert_eq!((rejections[0].op(), rejections[0].errno()), (op, Errno::EPERM), "{name}: {error}");
            assert!(error.to_string().ends_with(OTHERS), "{name}: {error}");
        }
    }
    assert_eq!(all(&mut other), before);

    // The refusals of several tables add up, and others are no question of owners.
    let mut batch = Batch::new();
    batch.append(input(), rule("c")).delete(&fw());
    let error = other.commit(&batch).unwrap_err();
    assert!(error.is_not_owner() && error.rejections().count() == 2, "{error}");
    let error = other.commit(batch.delete(&Table::ip("absent"))).unwrap_err();
    assert!(!error.is_not_owner() && !error.is_permission_denied(), "{error}");
    assert!(other.check(Batch::new().flush(&fw())).unwrap_err().is_not_owner());
}

pub(crate) fn counters_in_a_table_of_another_can_be_reset() {
    let (mut owner, mut other) = (conn(), conn());
    let quota = Quota::new(100).used(40).named(fw(), "quota");
    commit(&mut owner, |batch| batch.add(&owned()).add(&quota));
    assert_eq!(other.reset_object_value::<Quota>(&quota).unwrap().consumed, 40);
    assert_eq!(owner.object_value::<Quota>(&quota).unwrap().consumed, 0);
}

pub(crate) fn table_of_nobodys_cannot_be_taken() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()));
    let error = refused(&mut conn, |batch| batch.add(&owned()));
    assert!(error.to_string().contains("gets or loses neither owner nor persistence"), "{error}");
    assert!(!error.is_not_owner());
    let read = conn.table(fw()).unwrap();
    assert_eq!((read.flags(), read.owner(), read.is_orphan()), (TableFlags::empty(), None, false));
    // Its name can.
    commit(&mut conn, |batch| batch.delete(&fw()).add(&owned()));
    let read = conn.table(fw()).unwrap();
    assert!(conn.owns(&read));
}

pub(crate) fn owner_and_persistence_are_for_new_tables() {
    let mut conn = conn();
    let sleeping = owned().flags(TableFlags::OWNER | TableFlags::DORMANT);
    let persistent = fw().persistent();
    for (table, change) in [(fw(), owned()), (fw(), persistent.clone()), (persistent, fw()), (owned(), sleeping)] {
        let error = conn.commit(Batch::new().add(&table).add(&change)).unwrap_err();
        let text = "operation 1 (add table inet fw): operation not supported \
                    (a table that is there gets or loses neither owner nor persistence, and sleeps only without an owner: \
                    a `destroy` before makes it anew)";
        assert_eq!(error.to_string(), text);
    }
    // As it is, it may be added again.
    commit(&mut conn, |batch| batch.add(&owned()).add(&owned()));
}

pub(crate) fn owners_are_refused_by_kernels_before_linux_5_12() {
    let mut conn = conn();
    for table in [owned(), Table::inet("fw").flags(TableFlags::OWNER | TableFlags::DORMANT)] {
        let error = refused(&mut conn, |batch| batch.add(&table).add(&input()).append(input(), rule("a")));
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().starts_with("an owned table needs Linux 5.12: operation 0 (add table "), "{error}");
    }
    assert_eq!(conn.tables(..).unwrap(), []);
}

pub(crate) fn persistence_is_refused_by_kernels_before_linux_6_9() {
    let mut conn = conn();
    for table in [persistent(), fw().persistent()] {
        let error = refused(&mut conn, |batch| batch.add(&table).add(&input()).append(input(), rule("a")));
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(
            error.to_string().starts_with("a persistent table needs Linux 6.9: operation 0 (add table "),
            "{error}"
        );
    }
    assert_eq!(conn.tables(..).unwrap(), []);
}

// ---- orphans ----

pub(crate) fn persistent_table_outlives_its_owner_and_is_adopted() {
    let (mut owner, mut heir, mut other) = (conn(), conn(), conn());
    commit(&mut owner, |batch| batch.add(&persistent()).add(&input()));
    let error = refused(&mut heir, |batch| batch.add(&persistent()));
    assert!(error.is_not_owner() && error.to_string().ends_with(OTHERS), "{error}");
    close(owner);
    let orphan = other.table(fw()).unwrap();
    assert_eq!((orphan.flags(), orphan.owner(), orphan.is_orphan()), (TableFlags::PERSIST, None, true));
    assert_eq!(other.chains(&fw()).unwrap().len(), 1);

    commit(&mut heir, |batch| batch.add(&persistent()));
    let adopted = other.table(fw()).unwrap();
    assert!(heir.owns(&adopted) && !adopted.is_orphan());
    assert_eq!(adopted.handle(), orphan.handle());
    assert!(refused(&mut other, |batch| batch.append(input(), Rule::new().drop())).is_not_owner());
    commit(&mut heir, |batch| batch.append(input(), Rule::new().drop()));
}

pub(crate) fn table_is_created_or_adopted_and_filled_by_one_batch() {
    let mut other = conn();
    let fill = |name: &'static str| {
        let mut batch = Batch::new();
        batch.add(&persistent()).add(&ports()).add(&input()).flush(&fw());
        batch.append(input(), Rule::new().when(udp::dport().in_set(&ports())).comment(name).drop());
        batch
    };
    let mut owner = conn();
    owner.commit(&fill("first")).unwrap();
    commit(&mut owner, |batch| batch.add_elements(&ports(), [80]));
    close(owner);

    // Neither a check nor a batch that is refused adopts.
    let mut heir = conn();
    let before = other.generation().unwrap();
    heir.check(&fill("second")).unwrap();
    let mut bad = fill("second");
    bad.delete(&Table::ip("absent"));
    assert!(heir.commit(&bad).unwrap_err().is_not_found());
    let orphan = other.table(fw()).unwrap();
    assert!(orphan.is_orphan() && other.generation().unwrap() == before, "{orphan:?}");
    assert_eq!(comments(&mut other, &input()), ["first"]);

    heir.commit(&fill("second")).unwrap();
    let adopted = other.table(fw()).unwrap();
    assert!(heir.owns(&adopted) && adopted.handle() == orphan.handle());
    assert_eq!(comments(&mut other, &input()), ["second"]);
    assert_eq!(other.elements(&ports()).unwrap().len(), 1, "what is in a set stays");
    // Again, by its owner.
    heir.commit(&fill("third")).unwrap();
    assert_eq!(comments(&mut other, &input()), ["third"]);
}

pub(crate) fn orphan_is_adopted_by_a_reset_with_nothing_in_it() {
    let (mut owner, mut heir) = (conn(), conn());
    commit(&mut owner, |batch| batch.add(&persistent()).add(&input()).append(input(), rule("old")));
    close(owner);
    commit(&mut heir, |batch| batch.reset(&persistent()).add(&input()).append(input(), rule("new")));
    let adopted = heir.table(fw()).unwrap();
    assert!(heir.owns(&adopted) && adopted.flags() == TableFlags::OWNER | TableFlags::PERSIST, "{adopted:?}");
    assert_eq!(comments(&mut heir, &input()), ["new"]);
}

pub(crate) fn destroy_makes_way_for_an_owned_table_whatever_was_there() {
    let mut heir = conn();
    let mut take = Batch::new();
    take.destroy(&fw()).add(&persistent()).add(&input());
    for before in [None, Some(fw()), Some(fw().persistent()), Some(persistent())] {
        let mut owner = conn();
        commit(&mut owner, |batch| before.iter().fold(batch, |batch, table| batch.add(table)));
        close(owner);
        heir.commit(&take).unwrap();
        let read = heir.table(fw()).unwrap();
        assert!(heir.owns(&read) && read.flags() == TableFlags::OWNER | TableFlags::PERSIST, "{before:?}: {read:?}");
        commit(&mut heir, |batch| batch.delete(&fw()));
    }
}

pub(crate) fn persistent_table_needs_no_owner() {
    let (mut conn, mut other) = (conn(), conn());
    commit(&mut conn, |batch| batch.add(&fw().persistent()));
    let read = other.table(fw()).unwrap();
    assert_eq!((read.flags(), read.owner(), read.is_orphan()), (TableFlags::PERSIST, None, true));
    // Nobody's, it is anybody's to change, until it is adopted.
    commit(&mut other, |batch| batch.add(&input()));
    commit(&mut other, |batch| batch.add(&persistent()));
    let adopted = conn.table(fw()).unwrap();
    assert!(adopted.handle() == read.handle() && other.owns(&adopted));
    assert!(refused(&mut conn, |batch| batch.delete(&fw())).is_not_owner());
    // An orphan goes with the ruleset.
    close(other);
    commit(&mut conn, |batch| batch.flush_ruleset());
    assert_eq!(conn.tables(..).unwrap(), []);
}

// ---- processes that end ----

fn fill(batch: &mut Batch) -> &mut Batch {
    batch.add(&ports()).add(&input()).add_elements(&ports(), [80, 443]);
    batch.append(input(), Rule::new().when(udp::dport().in_set(&ports())).comment("of the dead").drop())
}

/// Owns tables until it is killed.
pub(crate) fn owns_tables() {
    let mut conn = conn();
    let persists = linux() >= (6, 9);
    let table = if persists { persistent() } else { owned() };
    commit(&mut conn, |batch| fill(batch.add(&table)).add(&Table::ip("mortal").owned()));
    println!("owned by {}", conn.port_id());
    // Nobody writes: it is killed.
    let _ = std::io::stdin().read_line(&mut String::new());
}

pub(crate) fn killed_owner_takes_its_tables_along_but_for_persistent_ones() {
    let mut conn = conn();
    let mut owner = start("owns_tables");
    let mut said = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let mortal = conn.table(Table::ip("mortal")).unwrap();
    assert_eq!(said.trim_end(), format!("owned by {}", mortal.owner().unwrap()));
    let before = conn.rules(&input()).unwrap();
    assert!(refused(&mut conn, |batch| batch.delete(&Table::ip("mortal"))).is_not_owner());

    // SIGKILL: nothing of the program's runs any more.
    owner.kill().unwrap();
    owner.wait().unwrap();
    if linux() < (6, 9) {
        assert_eq!(tables(&mut conn), []);
        return;
    }
    assert_eq!(tables(&mut conn), [("fw".to_owned(), TableFlags::PERSIST, false)]);
    assert_eq!(conn.rules(&input()).unwrap(), before);
    commit(&mut conn, |batch| batch.add(&persistent()));
    let adopted = conn.table(fw()).unwrap();
    assert!(conn.owns(&adopted));
    assert_eq!(conn.rules(&input()).unwrap(), before);
    assert_eq!(conn.elements(&ports()).unwrap().len(), 2);
}

/// Owns a table, and becomes another program.
pub(crate) fn executes_with_an_owned_table() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&owned()));
    assert_eq!(conn.tables(..).unwrap().len(), 1);
    let error = Command::new("/proc/self/exe").env(ERRAND, "finds_no_table").exec();
    panic!("{error}");
}

pub(crate) fn finds_no_table() {
    assert_eq!(conn().tables(..).unwrap(), []);
}

pub(crate) fn owned_table_goes_when_its_owner_executes_another_program() {
    send("executes_with_an_owned_table");
}

/// Has a second descriptor of a connection, as a forked child would.
pub(crate) fn shares_its_descriptor() {
    let before = descriptors();
    let mut owner = conn();
    let new: Vec<_> = descriptors().difference(&before).copied().collect();
    let &[fd] = &new[..] else { panic!("{new:?}") };
    let mut other = conn();
    commit(&mut owner, |batch| batch.add(&owned()));
    let (one, two) = UnixDatagram::pair().unwrap();
    sendmsg::<()>(
        one.as_raw_fd(),
        &[std::io::IoSlice::new(b"x")],
        &[ControlMessage::ScmRights(&[fd])],
        MsgFlags::empty(),
        None,
    )
    .unwrap();
    drop(owner);
    assert_eq!(other.tables(..).unwrap().len(), 1, "it is open still");
    drop((one, two));
    assert_eq!(other.tables(..).unwrap(), []);
}

pub(crate) fn descriptor_that_another_process_has_keeps_an_owned_table() {
    send("shares_its_descriptor");
}

// ---- what the kernel tells of it ----

/// A socket that hears of changes to the ruleset.
struct Heard(OwnedFd);

impl Heard {
    /// `NFNLGRP_NFTABLES`, as a bit.
    const GROUP: u32 = 1 << (7 - 1);

    fn new() -> Self {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkNetFilter).unwrap();
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, Self::GROUP)).unwrap();
        Self(socket)
    }

    /// The kinds of the messages that came since it was asked last.
    fn kinds(&self) -> Vec<u16> {
        let (mut kinds, mut buffer) = (Vec::new(), [0; 16 * 1024]);
        while let Ok(len) = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            let mut rest = &buffer[..len];
            while let [a, b, c, d, kind, _, ..] = *rest {
                kinds.push(kind.into());
                let len = u32::from_ne_bytes([a, b, c, d]) as usize;
                rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
            }
        }
        kinds
    }
}

const NEWTABLE: u16 = 0;
const NEWCHAIN: u16 = 3;
const NEWGEN: u16 = 15;

pub(crate) fn death_of_an_owner_is_neither_told_nor_counted() {
    let (mut owner, mut other, heard) = (conn(), conn(), Heard::new());
    commit(&mut owner, |batch| batch.add(&owned()).add(&input()));
    assert_eq!(heard.kinds(), [NEWTABLE, NEWCHAIN, NEWGEN]);
    let generation = other.generation().unwrap();
    close(owner);
    assert_eq!(other.tables(..).unwrap(), []);
    assert_eq!((heard.kinds(), other.generation().unwrap()), (vec![], generation));
    // A commit that counts on what was read before is made.
    let mut batch = Batch::new();
    batch.add(&Table::ip("next"));
    other.commit_at(generation, &batch).unwrap();
}

pub(crate) fn orphaning_is_neither_told_nor_counted_and_adoption_is() {
    let (mut owner, mut heir, heard) = (conn(), conn(), Heard::new());
    commit(&mut owner, |batch| batch.add(&persistent()));
    assert_eq!(heard.kinds(), [NEWTABLE, NEWGEN]);
    let generation = heir.generation().unwrap();
    close(owner);
    assert!(heir.table(fw()).unwrap().is_orphan());
    assert_eq!((heard.kinds(), heir.generation().unwrap()), (vec![], generation));
    commit(&mut heir, |batch| batch.add(&persistent()));
    assert_eq!(heard.kinds(), [NEWTABLE, NEWGEN]);
    assert_ne!(heir.generation().unwrap(), generation);
}

/// Reads while a connection that owns a table comes and goes, until `read`, which tells whether the table was
/// there, has seen enough of both.
fn read_beside_an_owner(goes: &Batch, enough: usize, mut read: impl FnMut(&mut Conn) -> bool) {
    let enough = support::times(enough);
    let mut reader = conn();
    let mut owner = conn();
    owner.commit(goes).unwrap();
    let begin = Instant::now();
    assert!(read(&mut reader));
    let (reading, stop) = (begin.elapsed(), AtomicBool::new(false));
    close(owner);
    assert!(!read(&mut reader));
    thread::scope(|scope| {
        scope.spawn(|| {
            for count in 0.. {
                let mut owner = conn();
                owner.commit(goes).unwrap();
                // At times in the midst of a reading, at times beside.
                thread::sleep(reading * (count % 5) + reading * (count % 7) / 7);
                close(owner);
                thread::sleep(reading * (count % 3));
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let _stop = Stop(&stop);
        let (begin, mut seen) = (Instant::now(), [0; 2]);
        while seen.iter().any(|&count| count < enough) {
            seen[usize::from(read(&mut reader))] += 1;
            assert!(begin.elapsed() < PATIENCE, "{seen:?}");
        }
    });
}

pub(crate) fn rules_listed_beside_owners_that_come_and_go_are_never_torn() {
    const RULES: usize = 1500;
    let tables = [Table::ip("stays"), Table::ip("goes"), Table::ip6("stays")];
    let fill = |table: &Table| {
        let mut batch = Batch::new();
        batch.add(table).add(&table.chain("c"));
        (0..RULES).for_each(|n| _ = batch.append(table.chain("c"), Rule::new().counter().comment(n.to_string())));
        batch
    };
    for stays in [&tables[0], &tables[2]] {
        conn().commit(&fill(stays)).unwrap();
    }
    read_beside_an_owner(&fill(&tables[1].clone().owned()), 10, |conn| {
        let rules = conn.rules(..).unwrap();
        let counts =
            tables.each_ref().map(|table| rules.iter().filter(|rule| rule.chain().table() == table.at()).count());
        assert!([[RULES, 0, RULES], [RULES; 3]].contains(&counts), "torn: {counts:?}");
        counts[1] > 0
    });
}

pub(crate) fn ruleset_read_beside_owners_that_come_and_go_is_never_torn() {
    let mut goes = Batch::new();
    goes.add(&owned()).add(&ports()).add(&input()).add_elements(&ports(), [80]).append(input(), rule("a"));
    read_beside_an_owner(&goes, 300, |conn| {
        let ruleset = conn.ruleset(..).unwrap();
        let Some(table) = ruleset.table(fw()) else { return false };
        let counts = (table.chains().len(), table.rules().len(), table.sets().len());
        assert_eq!(counts, (1, 1, 1), "torn");
        true
    });
}

pub(crate) fn list_of_a_table_that_went_with_its_owner_is_an_error_and_never_empty() {
    let mut goes = Batch::new();
    goes.add(&owned()).add(&input()).append(input(), rule("a"));
    read_beside_an_owner(&goes, 300, |conn| match conn.rules(&fw()) {
        Err(error) if error.is_not_found() => false,
        listed => {
            assert_eq!(listed.unwrap().len(), 1);
            true
        }
    });
}
