//! Signals that never stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::Mark;
use nftlink::monitor::{Monitor, Notice};
use nftlink::trace::Tracer;
use nftlink::{Batch, Interval, Loader, Set, Writer};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::SIGUSR1;

use crate::process::send;
use crate::support::Stop;
use crate::{commit, conn, fw, input, marks, marks_of};

/// What comes without being waited for is waited for that long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn signals_without_end_disturb_nothing() {
    send("is_interrupted");
    assert_eq!(marks_of(&mut conn(), &marks()).len(), 500);
}

/// Runs with a handler whose signal comes all the time. (That it has `SA_RESTART` is no matter: `poll` is never begun
/// again by the kernel, and nothing else here waits.)
pub(super) fn is_interrupted() {
    let interrupted = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGUSR1, interrupted.clone()).unwrap();
    let (stop, times) = (AtomicBool::new(false), AtomicUsize::new(0));
    // Counts what was interrupted while it was done.
    let during = |work: &mut dyn FnMut()| {
        interrupted.store(false, Ordering::Relaxed);
        work();
        times.fetch_add(usize::from(interrupted.load(Ordering::Relaxed)), Ordering::Relaxed);
    };
    let (mut conn, mut monitor, mut tracer) = (conn(), Monitor::open().unwrap(), Tracer::open().unwrap());
    thread::scope(|scope| {
        let _ends = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                kill(Pid::this(), Signal::SIGUSR1).unwrap();
                thread::sleep(Duration::from_micros(20));
            }
        });
        commit(&mut conn, |batch| batch.add(&fw()).add(&input()).add(&marks()));
        for n in 0..500 {
            during(&mut || {
                let mut batch = Batch::new();
                batch.add_elements(&marks(), [n]);
                match n % 3 {
                    0 => conn.commit(&batch).unwrap(),
                    1 => _ = conn.commit_with_handles(&batch).unwrap(),
                    _ => conn.check(&batch).and_then(|()| conn.commit(&batch)).unwrap(),
                }
            });
        }
        // 501 commits: each is told, by a call that waits.
        let mut generation = None;
        for _ in 0..501 {
            during(&mut || {
                let Some(Notice::Commit(told)) = monitor.receive_timeout(PATIENCE).unwrap() else { panic!() };
                assert!(told.is_complete());
                assert!(generation.is_none_or(|last: nftlink::Generation| last.get() + 1 == told.generation().get()));
                generation = Some(told.generation());
            });
        }
        // Nothing comes: all of the time is waited, and no more than a signal's worth.
        for _ in 0..20 {
            during(&mut || {
                let (begin, wait) = (Instant::now(), Duration::from_millis(10));
                assert!(monitor.receive_timeout(wait).unwrap().is_none());
                assert!(tracer.receive_timeout(wait).unwrap().is_none());
                assert!(begin.elapsed() >= 2 * wait, "{:?}", begin.elapsed());
            });
        }
        for n in 0..20 {
            during(&mut || {
                assert_eq!(marks_of(&mut conn, &marks()).len(), 500);
                let mut stream = conn.stream_elements(&marks()).unwrap();
                assert_eq!((&mut stream).map(Result::unwrap).count(), 500);
                stream.consistency().unwrap();
                assert_eq!(conn.ruleset(..).unwrap().tables().len(), 1);
                let blocked = Set::<Interval<Mark>>::new(fw(), "blocked");
                let live = Loader::new(&blocked).load(&mut conn, (0..3000).map(|m| Interval::value(m * 2))).unwrap();
                assert_eq!(conn.elements(&live).unwrap().len(), 3000);
                conn.add_merged(&live, [n * 2 + 1]).unwrap();
            });
        }
        let writer = Writer::start(conn).unwrap();
        let handle = writer.handle();
        during(&mut || {
            let pending: Vec<_> = (0..500)
                .map(|n| {
                    handle.submit(move |batch| _ = batch.delete_elements(&marks(), [n]).add_elements(&marks(), [n]))
                })
                .collect();
            pending.into_iter().for_each(|pending| pending.wait().unwrap());
            handle.submit_and_wait(|batch| _ = batch.add(&fw())).unwrap();
        });
        writer.finish();
    });
    assert!(times.load(Ordering::Relaxed) > 50, "the signals came: {times:?}");
}
