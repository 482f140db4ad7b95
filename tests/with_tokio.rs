//! Programs on tokio, beside a real kernel.

mod support;

use std::future::{Future as _, poll_fn};
use std::net::UdpSocket;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use nftlink::datum::Mark;
use nftlink::field::udp;
use nftlink::monitor::Notice;
use nftlink::tokio::{Conn, Monitor, PacketTracer, Tracer};
use nftlink::trace::Arm;
use nftlink::{Batch, Error, Set, Table};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{spawn, yield_now};
use tokio::time::timeout;

/// How long to wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    support::main(&[
        test!(monitor_is_a_stream_of_what_others_commit),
        test!(monitor_goes_on_from_what_was_read),
        test!(receiving_that_is_given_up_loses_nothing),
        test!(stream_that_never_ends_leaves_others_their_turn),
        test!(connection_commits_and_reads_for_tasks),
        test!(call_that_is_given_up_is_done_and_the_next_comes_after_it),
        test!(work_that_panics_leaves_the_connection_usable),
        test!(traced_packets_are_a_stream).requires(support::linux_5_12),
        test!(dropped_streams_close_what_they_opened),
    ])
}

/// A runtime whose threads stay in the namespace of the test: each begins in that of the one that starts it.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn conn() -> Conn {
    Conn::open().unwrap()
}

fn monitor() -> Monitor {
    Monitor::open().unwrap()
}

fn fw() -> Table {
    Table::inet("fw")
}

fn marks() -> Set<Mark> {
    Set::new(fw(), "marks")
}

fn batch(fill: impl FnOnce(&mut Batch) -> &mut Batch) -> Batch {
    let mut batch = Batch::new();
    fill(&mut batch);
    batch
}

async fn next<S: Stream<Item = Result<T, Error>> + Unpin, T>(stream: &mut S) -> T {
    let next = poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx));
    timeout(PATIENCE, next).await.expect("something is told").expect("it never ends").unwrap()
}

fn generation(notice: Notice) -> u32 {
    match notice {
        Notice::Commit(commit) => commit.generation().get(),
        other => panic!("{other:?}"),
    }
}

fn monitor_is_a_stream_of_what_others_commit() {
    runtime().block_on(async {
        let (mut monitor, mut conn) = (monitor(), conn());
        // It waits before there is anything, and is woken.
        let watching = spawn(async move {
            let first = generation(next(&mut monitor).await);
            for n in 1..500 {
                assert_eq!(generation(next(&mut monitor).await), first + n);
            }
        });
        yield_now().await;
        conn.commit(batch(|batch| batch.add(&fw()).add(&marks()))).await.unwrap();
        let port = conn.port_id();
        assert_eq!(conn.run(|conn| Ok(conn.port_id())).await.unwrap(), port);
        for n in 1..500 {
            conn.commit(batch(|batch| batch.add_elements(&marks(), [n]))).await.unwrap();
        }
        watching.await.unwrap();
    });
}

fn monitor_goes_on_from_what_was_read() {
    runtime().block_on(async {
        let (mut monitor, mut conn) = (monitor(), conn());
        conn.commit(batch(|batch| batch.add(&fw()).add(&marks()))).await.unwrap();
        let (tables, at) = monitor.resync(&mut conn, |conn| conn.tables(..)).await.unwrap();
        assert_eq!(tables.len(), 1);
        assert!(timeout(Duration::from_millis(10), monitor.receive()).await.is_err());
        conn.commit(batch(|batch| batch.delete(&marks()))).await.unwrap();
        assert_eq!(generation(next(&mut monitor).await), at.get() + 1);
        // What was thrown away for a reading that is given up is lost, and that is said.
        let slow = monitor.resync(&mut conn, |_| {
            std::thread::sleep(Duration::from_millis(100));
            Ok(())
        });
        assert!(timeout(Duration::from_millis(10), slow).await.is_err());
        assert!(matches!(next(&mut monitor).await, Notice::Overrun(_)));
    });
}

fn receiving_that_is_given_up_loses_nothing() {
    runtime().block_on(async {
        let (mut monitor, mut conn) = (monitor(), conn());
        assert!(timeout(Duration::from_millis(10), monitor.receive()).await.is_err());
        let first = Arc::new(batch(|batch| batch.add(&fw())));
        conn.commit(Arc::clone(&first)).await.unwrap();
        conn.commit(batch(|batch| batch.delete(&fw()))).await.unwrap();
        let one = generation(monitor.receive().await.unwrap());
        assert_eq!(generation(monitor.receive().await.unwrap()), one + 1);
        assert!(timeout(Duration::from_millis(10), monitor.receive()).await.is_err());
        conn.commit(first).await.unwrap();
        let mut monitor = monitor.into_inner();
        assert_eq!(generation(monitor.receive().unwrap()), one + 2);
    });
}

fn stream_that_never_ends_leaves_others_their_turn() {
    runtime().block_on(async {
        let mut monitor = monitor();
        // All of it is there before the stream is asked for the first time.
        let mut conn = nftlink::Conn::open().unwrap();
        let both = batch(|batch| batch.add(&fw()).delete(&fw()));
        (0..60).for_each(|_| conn.commit(&both).unwrap());
        let others = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&others);
        let counting = spawn(async move {
            loop {
                counted.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
        });
        for _ in 0..6000 {
            next(&mut monitor).await;
            conn.commit(&both).unwrap();
        }
        counting.abort();
        let others = others.load(Ordering::Relaxed);
        assert!(others > 10, "{others}");
    });
}

fn connection_commits_and_reads_for_tasks() {
    runtime().block_on(async {
        let mut conn = conn();
        let first = Arc::new(batch(|batch| batch.add(&fw()).add(&marks()).add_elements(&marks(), 0..5)));
        conn.commit(Arc::clone(&first)).await.unwrap();
        assert_eq!(conn.run(|conn| conn.elements(&marks())).await.unwrap().len(), 5);
        let generation = conn.run(|conn| conn.generation()).await.unwrap();
        // The batch is the caller's again.
        let mut batch = Arc::try_unwrap(first).unwrap();
        batch.clear();
        batch.delete(&marks());
        let batch = Arc::new(batch);
        conn.commit_at(generation, Arc::clone(&batch)).await.unwrap();
        assert!(conn.commit_at(generation, Arc::clone(&batch)).await.unwrap_err().is_stale());
        assert!(conn.commit(batch).await.unwrap_err().is_not_found());
        let rule =
            self::batch(|batch| batch.add(&fw().chain("c")).append(fw().chain("c"), nftlink::Rule::new().accept()));
        let op = rule.last();
        assert!(conn.commit_with_handles(rule).await.unwrap().rule(op).is_some());
    });
}

fn call_that_is_given_up_is_done_and_the_next_comes_after_it() {
    runtime().block_on(async {
        let mut conn = conn();
        conn.commit(batch(|batch| batch.add(&fw()).add(&marks()))).await.unwrap();
        let slow = conn.run(|conn| {
            std::thread::sleep(Duration::from_millis(200));
            conn.commit(&batch(|batch| batch.add_elements(&marks(), [7])))
        });
        assert!(timeout(Duration::from_millis(20), slow).await.is_err());
        assert_eq!(conn.run(|conn| conn.elements(&marks())).await.unwrap().len(), 1);
    });
}

fn work_that_panics_leaves_the_connection_usable() {
    runtime().block_on(async {
        let mut conn = conn();
        let panic = {
            let mut waiting = pin!(conn.run::<()>(|_| resume_unwind(Box::new("on purpose"))));
            poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| waiting.as_mut().poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(result)) => panic!("{result:?}"),
                Err(panic) => Poll::Ready(panic),
            })
            .await
        };
        assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
        conn.commit(batch(|batch| batch.add(&fw()))).await.unwrap();
    });
}

fn traced_packets_are_a_stream() {
    support::lab::Namespace::current().unwrap().up("lo").unwrap();
    let send = |port| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"hello", ("127.0.0.1", port)).unwrap()
    };
    runtime().block_on(async {
        let tracer = nftlink::trace::Tracer::open().unwrap();
        let packets = nftlink::trace::Tracer::open().unwrap().packets();
        let _armed = packets.arm(&Arm::inet().when(udp::dport().eq(4242))).unwrap();
        let (mut tracer, mut packets) = (Tracer::new(tracer).unwrap(), PacketTracer::new(packets).unwrap());
        send(4241);
        send(4242);
        let event = next(&mut tracer).await.seen().unwrap();
        assert!(event.headers().is_some());
        // Nothing is told of its end: it is given out when nothing was heard of it for a while.
        let packet = next(&mut packets).await.seen().unwrap();
        assert_eq!(packet.id(), event.id());
        assert!(packet.is_complete() && packet.dropped_at().is_none());
    });
}

fn dropped_streams_close_what_they_opened() {
    let before = support::netlink_sockets();
    runtime().block_on(async {
        for _ in 0..20 {
            let (mut monitor, mut conn) = (monitor(), conn());
            let _ = timeout(Duration::from_millis(1), monitor.receive()).await;
            conn.run(|conn| conn.tables(..)).await.unwrap();
            assert_eq!(support::netlink_sockets(), before + 2);
        }
    });
    assert_eq!(support::netlink_sockets(), before);
}
