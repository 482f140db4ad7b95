//! File descriptors: none is inherited, none is lost, and what becomes of those who have none left.

use std::collections::BTreeMap;
use std::fs::{self, File};

use nftlink::monitor::Monitor;
use nftlink::trace::{Arm, Tracer};
use nftlink::{Batch, Conn, Errno, Error, Loader, Writer};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::process::send;
use crate::support::{self, linux};
use crate::{commit, conn, fw, input, marks, marks_of};

/// The open descriptors, each with the flags that `/proc` shows.
fn descriptors() -> BTreeMap<i32, u32> {
    let names = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().file_name());
    let numbers: Vec<i32> = names.map(|name| name.to_str().unwrap().parse().unwrap()).collect();
    // The listing's own descriptor is closed by now.
    let flags = |n: i32| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{n}")).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("flags");
        Some((n, u32::from_str_radix(flags.trim(), 8).unwrap()))
    };
    numbers.into_iter().filter_map(flags).collect()
}

pub(super) fn all_that_is_opened_is_closed_on_exec() {
    commit(&mut conn(), |batch| batch.add(&fw()).add(&marks()).add_elements(&marks(), 0..20_000));
    send("shows_its_descriptors");
}

pub(super) fn shows_them() {
    /// `O_CLOEXEC`, as `/proc` shows it.
    const CLOEXEC: u32 = 0o2_000_000;
    let before = descriptors();
    let new = |what: &str, least: usize, before: &BTreeMap<i32, u32>| {
        let now = descriptors();
        let new: Vec<_> = now.iter().filter(|(n, _)| !before.contains_key(n)).collect();
        assert!(new.len() >= least, "{what}: {new:?}");
        assert!(new.iter().all(|(_, flags)| **flags & CLOEXEC != 0), "{what}: {new:?}");
        now
    };
    let mut conn = conn();
    let with_conn = new("a connection", 1, &before);
    let mut stream = conn.stream_elements(&marks()).unwrap();
    stream.next().unwrap().unwrap();
    new("a stream", 1, &with_conn);
    drop(stream);
    assert_eq!(descriptors(), with_conn, "a stream that was left has closed its own");
    let monitor = Monitor::open().unwrap();
    let with_monitor = new("a monitor", 1, &with_conn);
    let tracer = Tracer::open().unwrap();
    let with_tracer = new("a tracer", 2, &with_monitor);
    if linux() >= (5, 12) {
        let armed = tracer.arm(&Arm::inet()).unwrap();
        new("an armed tracer", 1, &with_tracer);
        drop(armed);
        assert_eq!(descriptors(), with_tracer);
    }
    let writer = Writer::start(Conn::options().namespace_path("/proc/self/ns/net").open().unwrap()).unwrap();
    new("a writer", 1, &with_tracer);
    writer.handle().submit_and_wait(|batch| _ = batch.add(&fw())).unwrap();
    drop(writer);
    assert_eq!(descriptors(), with_tracer);
    Loader::new(&marks()).load(&mut conn, 0..10_000).unwrap();
    assert_eq!(descriptors(), with_tracer, "a load leaves none");
    drop((tracer, monitor, conn));
    assert_eq!(descriptors(), before);
}

pub(super) fn without_descriptors_nothing_is_lost_but_what_needs_one() {
    let sockets = support::netlink_sockets();
    commit(&mut conn(), |batch| batch.add(&fw()).add(&input()).add(&marks()).add_elements(&marks(), 0..20_000));
    send("runs_out_of_descriptors");
    // What was opened half is closed again.
    support::await_netlink_sockets(sockets);
}

pub(super) fn runs_out_of_them() {
    fn refused<T>(what: &str, result: Result<T, Error>) {
        let error = result.err().unwrap_or_else(|| panic!("{what}: it has none to open"));
        assert!(matches!(error, Error::Io(_)) && error.errno() == Some(Errno::from_raw(24)), "{what}: {error:?}");
    }
    let (mut conn, tracer) = (conn(), Tracer::open().unwrap());
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(256), hard).unwrap();
    let mut taken = vec![File::open("/dev/null").unwrap()];
    while let Ok(another) = taken[0].try_clone() {
        taken.push(another);
    }
    refused("a connection", Conn::open());
    refused("a connection elsewhere", Conn::options().namespace_path("/proc/self/ns/net").open());
    refused("a monitor", Monitor::open());
    refused("a tracer", Tracer::open());
    refused("to arm a tracer", tracer.arm(&Arm::inet()));
    // A stream does without a socket of its own, whether it is read to its end or not.
    for most in [1, 10_000, usize::MAX] {
        let mut stream = conn.stream_elements(&marks()).unwrap();
        let count = (&mut stream).take(most).map(Result::unwrap).count();
        assert_eq!(count, most.min(20_000));
        stream.consistency().unwrap();
        let mut left = conn.stream_elements(&marks()).unwrap();
        assert!((&mut left).take(most.min(5000)).all(|element| element.is_ok()));
        drop(left);
        assert_eq!(conn.tables(..).unwrap().len(), 1, "the connection goes on behind it");
    }
    // What is there already works.
    let live = Loader::new(&marks()).load(&mut conn, 0..5000).unwrap();
    assert_eq!(marks_of(&mut conn, &live).len(), 5000);
    let writer = Writer::start(conn).unwrap();
    writer.handle().submit_and_wait(|batch| _ = batch.add(&fw())).unwrap();
    let mut conn = writer.finish();
    // With descriptors all is as before.
    taken.clear();
    let mut batch = Batch::new();
    conn.commit(batch.add(&fw())).unwrap();
    let (_monitor, _tracer) = (Monitor::open().unwrap(), Tracer::open().unwrap());
    if linux() >= (5, 12) {
        drop(tracer.arm(&Arm::inet()).unwrap());
    }
}
