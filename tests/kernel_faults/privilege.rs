//! The privilege over the firewall, lost and got again while things are open.

use std::net::UdpSocket;

use caps::{CapSet, Capability};
use nftlink::field::meta;
use nftlink::monitor::{Monitor, Notice};
use nftlink::trace::{Arm, Tracer};
use nftlink::{Batch, Error, Hook, Interval, Loader, Priority, Rule, Set, Table, Writer, datum::Mark};

use crate::support::state::{as_the_kernel_has_it, elements};
use crate::support::{self, linux};
use crate::{commit, conn, fw, input, marks, marks_of};

/// Gives the thread's privilege away; it may take it again.
fn give_away() {
    caps::drop(None, CapSet::Effective, Capability::CAP_NET_ADMIN).unwrap();
}

fn take_again() {
    caps::raise(None, CapSet::Effective, Capability::CAP_NET_ADMIN).unwrap();
}

#[track_caller]
fn denied<T>(result: Result<T, Error>) -> Error {
    let error = result.err().expect("it takes the privilege");
    assert!(error.is_permission_denied() && !error.is_not_owner(), "{error:?}");
    assert!(error.to_string().contains("CAP_NET_ADMIN"), "{error}");
    error
}

pub(super) fn without_it_all_is_refused_and_with_it_all_goes_on() {
    let (mut conn, mut other) = (conn(), crate::conn());
    let (mut monitor, mut tracer) = (Monitor::open().unwrap(), Tracer::open().unwrap());
    let ports = Set::<Interval<Mark>>::new(fw(), "intervals");
    let meter = Table::ip("meter");
    let chain = meter.chain("out").filter(Hook::OUTPUT, Priority::FILTER);
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).add(&marks()).add(&ports).add_elements(&marks(), 0..100);
        batch.append(input(), Rule::new().comment("one").accept());
        batch.add(&meter).add(&chain).append(&chain, Rule::new().set(meta::nftrace(), 1))
    });
    let writer = Writer::start(other).unwrap();
    let handle = writer.handle();
    let before = (as_the_kernel_has_it(&mut conn), elements(&mut conn));
    let mut batch = Batch::new();
    batch.flush_ruleset();

    for _ in 0..3 {
        give_away();
        denied(conn.commit(&batch));
        denied(conn.commit_with_handles(&batch));
        denied(conn.check(&batch));
        denied(conn.generation());
        denied(conn.ruleset(..));
        denied(conn.rules(&input()));
        denied(conn.elements(&marks()));
        denied(conn.element(&marks(), 5));
        denied(conn.stream_elements(&marks()));
        denied(conn.stream_rules(..));
        denied(conn.snapshot(|conn| conn.tables(..)));
        denied(conn.add_merged(&ports, [5]));
        denied(conn.delete_merged(&ports, [5]));
        denied(conn.reset_objects(..));
        denied(Loader::new(&marks()).load(&mut conn, 0..10));
        denied(Loader::new(&marks()).live(&mut conn));
        denied(handle.submit_and_wait(|batch| _ = batch.flush_ruleset()));
        denied(Monitor::open());
        denied(Tracer::open());
        if linux() >= (5, 12) {
            denied(tracer.arm(&Arm::ip()));
        }
        // What it was told of before it still is, and only that.
        denied(monitor.resync(&mut conn, |conn| conn.tables(..)));
        assert!(matches!(monitor.try_receive().unwrap(), Some(Notice::Overrun(_))), "what was thrown away is lost");
        assert_eq!(monitor.try_receive().unwrap(), None);
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"x", "127.0.0.1:9").unwrap();
        let event = tracer.receive().unwrap().seen().unwrap();
        denied(tracer.rule(&event));

        take_again();
        assert_eq!((as_the_kernel_has_it(&mut conn), elements(&mut conn)), before);
        assert!(tracer.rule(&event).unwrap().is_some());
        while tracer.try_receive().unwrap().is_some() {}
        handle.submit_and_wait(|batch| _ = batch.add(&fw())).unwrap();
        monitor.resync(&mut conn, |conn| conn.tables(..)).unwrap();
        commit(&mut conn, |batch| batch.add_elements(&marks(), [1000]).delete_elements(&marks(), [1000]));
        assert!(matches!(monitor.try_receive().unwrap(), Some(Notice::Commit(commit)) if commit.is_complete()));
        let mut stream = conn.stream_elements(&marks()).unwrap();
        assert_eq!((&mut stream).map(Result::unwrap).count(), 100);
        stream.consistency().unwrap();
    }
    other = writer.finish();
    assert_eq!(marks_of(&mut other, &marks()).len(), 100);
}

pub(super) fn load_that_loses_it_changes_nothing_and_the_next_one_cleans_up() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    let loader = Loader::new(&marks());
    let live = loader.load(&mut conn, 0..10).unwrap();
    let looks_up = Rule::new().when(meta::mark().in_set(&live)).drop();
    commit(&mut conn, |batch| batch.append(input(), looks_up));
    for at in [0, 1, 4096, 9000, 19_999] {
        let live = loader.live(&mut conn).unwrap().unwrap();
        let elements = (0..20_000).inspect(|n| {
            if *n == at {
                give_away();
            }
        });
        denied(loader.load(&mut conn, elements));
        take_again();
        assert_eq!(loader.live(&mut conn).unwrap().unwrap().at(), live.at(), "{at}");
        assert_eq!(marks_of(&mut conn, &live).len(), 10);
        // It could not clean up behind itself either.
        assert_eq!(conn.sets(&fw()).unwrap().len(), 2);
        let live = loader.load(&mut conn, 0..10).unwrap();
        assert_eq!(conn.sets(&fw()).unwrap().iter().map(|set| set.at()).collect::<Vec<_>>(), [live.at()]);
        assert!(conn.objects(..).unwrap().is_empty());
    }
}

pub(super) fn stream_that_loses_it_says_so() {
    let mut conn = conn();
    let sockets = support::netlink_sockets();
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()).add_elements(&marks(), 0..50_000));
    for most in [1, 1000, 50_000, usize::MAX] {
        let mut stream = conn.stream_elements(&marks()).unwrap();
        stream.next().unwrap().unwrap();
        give_away();
        // The kernel goes on with what it has begun, but tells nobody whether it still holds.
        let count = 1 + (&mut stream).take(most - 1).map(Result::unwrap).count();
        assert_eq!(count, most.min(50_000));
        denied(stream.consistency());
        take_again();
        assert_eq!(conn.elements(&marks()).unwrap().len(), 50_000);
    }
    support::await_netlink_sockets(sockets);
}

pub(super) fn table_of_an_armed_tracer_goes_without_it() {
    let (mut conn, tracer) = (conn(), Tracer::open().unwrap());
    let sockets = support::netlink_sockets();
    let armed = tracer.arm(&Arm::inet()).unwrap();
    give_away();
    // It may not delete it, but the kernel does.
    drop(armed);
    take_again();
    support::await_netlink_sockets(sockets);
    assert!(conn.tables(..).unwrap().is_empty());
}
