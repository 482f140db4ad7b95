//! What parent and child have of each other's after a fork.

use std::fs::File;
use std::io::Read as _;
use std::process;

use fork::{Fork, fork};
use nftlink::monitor::{Monitor, Notice};
use nftlink::trace::{Arm, Armed, Tracer};
use nftlink::{Conn, Set, Table, Writer, datum::Mark};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, pipe};

use crate::process::send;
use crate::support::linux;
use crate::{commit, conn, fw, marks, marks_of};

/// The table that belongs to the connection, where there are such (Linux 5.12).
fn mine() -> Table {
    let mine = Table::inet("mine");
    if linux() >= (5, 12) { mine.owned() } else { mine }
}

fn in_mine() -> Set<Mark> {
    Set::new(mine(), "marks")
}

/// Connection, monitor and tracer, with something to be told and a table that is the connection's own.
fn open_all() -> (Conn, Monitor, Tracer) {
    let mut conn = conn();
    let all = (Monitor::open().unwrap(), Tracer::open().unwrap());
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()).add(&mine()).add(&in_mine()));
    (conn, all.0, all.1)
}

/// Forks; the child does `work` and ends, and the parent waits for it.
///
/// The process has no other thread: the errand has not begun any.
fn in_child<T>(with: T, work: impl FnOnce(T)) -> T {
    match fork().unwrap() {
        Fork::Child => {
            work(with);
            process::exit(0);
        }
        Fork::Parent(child) => {
            let status = waitpid(Pid::from_raw(child), None).unwrap();
            assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
            with
        }
    }
}

/// Uses them as if nothing had happened.
fn use_all(conn: &mut Conn, monitor: &mut Monitor, tracer: &mut Tracer, mark: u32) {
    commit(conn, |batch| batch.add_elements(&marks(), [mark]).add_elements(&in_mine(), [mark]));
    assert!(marks_of(conn, &marks()).contains(&mark) && marks_of(conn, &in_mine()).contains(&mark));
    let mut stream = conn.stream_elements(&marks()).unwrap();
    assert!(stream.by_ref().all(|element| element.is_ok()));
    drop(stream);
    let generation = conn.generation().unwrap();
    let told = std::iter::from_fn(|| monitor.try_receive().unwrap()).last();
    let Some(Notice::Commit(told)) = told else { panic!("{told:?}") };
    assert_eq!((told.generation(), told.is_complete()), (generation, true));
    assert_eq!(tracer.try_receive().unwrap(), None);
}

pub(super) fn parent_goes_on_when_the_child_has_dropped_all() {
    send("forks_and_leaves_all_to_the_parent");
    assert_eq!(marks_of(&mut conn(), &marks()), [1, 2]);
}

pub(super) fn leaves_all_to_the_parent() {
    let all = open_all();
    // The table that is the connection's stays until the last one has closed it.
    let (mut conn, mut monitor, mut tracer) = in_child(all, drop);
    use_all(&mut conn, &mut monitor, &mut tracer, 1);
    let table = conn.table(mine()).unwrap();
    assert_eq!(conn.owns(&table), linux() >= (5, 12));
    // A writer's thread is the parent's alone.
    let writer = in_child(Writer::start(conn).unwrap(), std::mem::forget);
    writer.handle().submit_and_wait(|batch| _ = batch.add_elements(&marks(), [2])).unwrap();
    drop(writer.finish());
    let mut other = crate::conn();
    assert_eq!(other.table(mine()).is_err(), linux() >= (5, 12), "it has gone with its owner");
}

pub(super) fn child_goes_on_when_the_parent_has_dropped_all() {
    send("forks_and_leaves_all_to_the_child");
    assert_eq!(marks_of(&mut conn(), &marks()), [1]);
}

pub(super) fn leaves_all_to_the_child() {
    let (mut conn, mut monitor, mut tracer) = open_all();
    let (reads, writes) = pipe().unwrap();
    match fork().unwrap() {
        Fork::Child => {
            // The parent has dropped all when it has closed this.
            drop(writes);
            File::from(reads).read_to_end(&mut Vec::new()).unwrap();
            use_all(&mut conn, &mut monitor, &mut tracer, 1);
            process::exit(0);
        }
        Fork::Parent(child) => {
            drop((conn, monitor, tracer));
            drop(writes);
            let status = waitpid(Pid::from_raw(child), None).unwrap();
            assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
        }
    }
}

pub(super) fn guard_that_a_child_drops_ends_the_tracing() {
    send("forks_with_an_armed_tracer");
    assert!(conn().tables(..).unwrap().is_empty());
}

pub(super) fn with_an_armed_tracer() {
    let is_armed = |armed: &Armed| conn().table(armed.table()).is_ok();
    let tracer = Tracer::open().unwrap();
    // One that forgets it, as a program does that is executed or exits, leaves it alone.
    let armed = in_child(tracer.arm(&Arm::inet()).unwrap(), std::mem::forget);
    assert!(is_armed(&armed));
    let armed = in_child(armed, drop);
    assert!(!is_armed(&armed), "as its documentation says");
}
