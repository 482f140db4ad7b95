//! How work is measured: time, memory, allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// An allocator that counts. A worker has one thread where it matters, so that no locked instruction is needed.
#[derive(Debug)]
pub struct Counting;

fn count() {
    ALLOCATIONS.store(ALLOCATIONS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(at, layout, len) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

/// How often memory was asked for so far, by the [`Counting`] allocator.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// What a worker reports: one line of JSON.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    /// Nanoseconds by the wall's clock, of all.
    pub wall: u64,
    /// Nanoseconds of the processor in user mode, of all.
    pub user: u64,
    /// Nanoseconds of the processor in the thread that did the work, by a clock that is exact, where that is known.
    #[serde(default)]
    pub thread: Option<u64>,
    /// The most memory that was resident, in kB.
    pub peak: u64,
    /// What was resident before the work, in kB, where that is known.
    #[serde(default)]
    pub base: Option<u64>,
    /// How often memory was asked for, where that is counted.
    pub allocations: Option<u64>,
    /// Nanoseconds of half, and of 99 in 100, of single transactions.
    pub p50: Option<u64>,
    /// See [`p50`](Self::p50).
    pub p99: Option<u64>,
    /// How many were done, where the work does not say.
    pub done: Option<u64>,
    /// Bytes sent, where they are known.
    pub bytes: Option<u64>,
    /// How many objects the kernel has afterwards. The worker's parent counts them.
    pub count: Option<u64>,
    /// What these are, whatever their order. The worker's parent sums it up.
    pub digest: Option<u64>,
}

impl Report {
    /// Prints it for the parent.
    ///
    /// # Panics
    ///
    /// If the parent is gone.
    pub fn print(&self) {
        let line = serde_json::to_string(self).expect("numbers are JSON");
        writeln!(std::io::stdout(), "{line}").expect("the parent reads");
    }

    /// Notes how long single transactions took.
    #[must_use]
    pub fn with_latencies(mut self, mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        self.p50 = nanos.get(nanos.len() / 2).copied();
        self.p99 = nanos.get(nanos.len() * 99 / 100).copied();
        self.done = Some(nanos.len() as u64);
        self
    }
}

fn usage(who: libc::c_int) -> libc::rusage {
    let mut usage = MaybeUninit::zeroed();
    // SAFETY: the structure is as large as the call wants it, and zeros are valid in it.
    unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    }
}

fn nanos(time: libc::timeval) -> u64 {
    (time.tv_sec as u64) * 1_000_000_000 + (time.tv_usec as u64) * 1000
}

fn user() -> u64 {
    nanos(usage(libc::RUSAGE_SELF).ru_utime) + nanos(usage(libc::RUSAGE_CHILDREN).ru_utime)
}

/// The processor's time of this thread, in user mode and in the kernel. No clock tells them apart but by ticks, which
/// many kernels count user mode by.
fn of_thread() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is the one that the call fills.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) } != 0;
    if failed { 0 } else { (time.tv_sec as u64) * 1_000_000_000 + time.tv_nsec as u64 }
}

/// The most memory that a child that has ended had, in kB.
pub fn peak_of_children() -> u64 {
    usage(libc::RUSAGE_CHILDREN).ru_maxrss as u64
}

/// Forgets how much memory was used so far.
pub fn reset_peak() {
    // Without it the set-up counts, too: that is small.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A line of the process's status, in kB: `VmRSS:` is what is resident, `VmHWM:` the most since the last
/// [`reset_peak`].
fn status(of: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(of));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

/// Measures from its start to its stop.
#[derive(Debug)]
pub struct Stopwatch {
    base: u64,
    allocations: u64,
    user: u64,
    thread: u64,
    start: Instant,
}

impl Stopwatch {
    /// Starts, last of all that comes before the work.
    pub fn start() -> Self {
        let base = status("VmRSS:");
        reset_peak();
        Self { base, allocations: allocations(), user: user(), thread: of_thread(), start: Instant::now() }
    }

    /// Stops, before anything is freed.
    pub fn stop(self) -> Report {
        let wall = self.start.elapsed();
        let thread = of_thread() - self.thread;
        let (user, allocations) = (user() - self.user, allocations() - self.allocations);
        Report {
            wall: u64::try_from(Duration::as_nanos(&wall)).unwrap_or(u64::MAX),
            user,
            thread: Some(thread),
            peak: status("VmHWM:"),
            base: Some(self.base),
            allocations: Some(allocations),
            ..Report::default()
        }
    }
}
