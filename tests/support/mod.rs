//! The harness of the tests that need a kernel: each runs in a network namespace of its own.
//!
//! ```ignore
//! fn main() -> ExitCode {
//!     support::main(&[
//!         test!(behaviour_it_pins),
//!         test!(behaviour_that_nft_confirms).needs_nft(),
//!         test!(behaviour_of_new_kernels).requires(kernel_has_it),
//!     ])
//! }
//! ```
//!
//! A test is a `fn()` that panics to fail. What it opens, and the programs it runs, are in its
//! namespace, as is every thread it starts; so tests run in parallel, and without root.

#![allow(dead_code, reason = "each test program uses only a part of the harness")]
#![allow(unreachable_pub, reason = "a module of programs, written as the small library it is")]

use std::backtrace::{Backtrace, BacktraceStatus};
use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::panic::{self, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use nftlink::field::ip;
use nftlink::{Batch, Conn, Feature, Rule, Table};
use nix::sys::memfd::{MFdFlags, memfd_create};

#[path = "../../examples/lab/mod.rs"]
pub mod lab;
pub mod random;
pub mod state;

/// Tells whether the machine has what a test needs, and if not, what is missing.
pub type Probe = fn() -> Result<(), String>;

/// A test as the harness knows it; made by [`test!`](crate::test).
#[derive(Debug, Clone, Copy)]
pub struct Test {
    name: &'static str,
    body: fn(),
    needs_nft: bool,
    requires: Option<Probe>,
}

/// Names a test function to the harness.
#[macro_export]
macro_rules! test {
    ($body:path) => {
        $crate::support::Test::new(stringify!($body), $body)
    };
}

impl Test {
    /// A test which is called `name`.
    pub const fn new(name: &'static str, body: fn()) -> Self {
        Self { name, body, needs_nft: false, requires: None }
    }

    /// Ignores the test where there is no `nft`, or fails it there if the environment has `CI=true`.
    pub const fn needs_nft(mut self) -> Self {
        self.needs_nft = true;
        self
    }

    /// Ignores the test where `probe`, run in a namespace of its own, says that something is missing.
    pub const fn requires(mut self, probe: Probe) -> Self {
        self.requires = Some(probe);
        self
    }

    /// What the machine lacks for this test. Without `probes` only what can be seen from outside.
    fn missing(self, probes: Option<&mut Probes>) -> Option<Missing> {
        if self.needs_nft && nft_path().is_none() {
            let tolerable = env::var_os("CI").is_none_or(|ci| ci != "true");
            return Some(Missing { what: "nft not found".to_owned(), tolerable });
        }
        let what = probes?.missing(self.requires?)?;
        Some(Missing { what, tolerable: true })
    }

    fn trial(self, missing: Option<Missing>) -> Trial {
        match missing {
            None => Trial::test(self.name, move || run(self)),
            Some(Missing { what, tolerable: true }) => {
                Trial::test(self.name, move || run(self)).with_kind(what).with_ignored_flag(true)
            }
            Some(Missing { what, tolerable: false }) => {
                Trial::test(self.name, move || Err(format!("{what}, which CI=true forbids").into()))
            }
        }
    }
}

struct Missing {
    what: String,
    tolerable: bool,
}

/// What each probe said, so that it runs once.
#[derive(Default)]
struct Probes(Vec<(Probe, Option<String>)>);

impl Probes {
    fn missing(&mut self, probe: Probe) -> Option<String> {
        if let Some((_, said)) = self.0.iter().find(|(p, _)| std::ptr::fn_addr_eq(*p, probe)) {
            return said.clone();
        }
        let said = in_new_namespace("probe", probe).unwrap_or_else(|panic| resume_unwind(panic)).err();
        self.0.push((probe, said.clone()));
        said
    }
}

/// Runs the tests that the command line selects; the `main` of every test program.
pub fn main(tests: &[Test]) -> ExitCode {
    let arguments = Arguments::from_args();
    // Before any thread: see `lab::enter`.
    let entered = lab::enter();
    if let (Err(error), false) = (&entered, arguments.list) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let mut probes = entered.is_ok().then(Probes::default);
    // cargo-nextest starts the program once per test, which need not probe for all the others.
    let selected = |test: &Test| match &arguments.filter {
        Some(filter) if arguments.exact => filter.ends_with(test.name),
        _ => true,
    };
    let trials = tests.iter().filter(|test| selected(test));
    let trials = trials.map(|test| test.trial(test.missing(probes.as_mut()))).collect();
    record_panics();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(test: Test) -> Result<(), Failed> {
    panics().insert(test.name, Vec::new());
    let outcome = in_new_namespace(test.name, test.body);
    let mut report = panics().remove(test.name).unwrap_or_default();
    outcome.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("panicked");
        // A panic of a thread with another name went to stderr; the test only passed it on.
        if !report.iter().any(|panic| panic.contains(text)) {
            report.push(text.to_owned());
        }
        Failed::from(report.join("\n"))
    })
}

/// Runs `body` in a new namespace, on a thread of that name, which then ends.
fn in_new_namespace<T: Send + 'static>(name: &str, body: fn() -> T) -> thread::Result<T> {
    let body = move || {
        lab::isolate_thread().expect("a process that has entered the laboratory may go on");
        body()
    };
    thread::Builder::new().name(name.to_owned()).spawn(body).expect("the system can start a thread").join()
}

/// The panics of each running test, by its name, which is also the name of its threads.
static PANICS: Mutex<BTreeMap<&'static str, Vec<String>>> = Mutex::new(BTreeMap::new());

fn panics() -> MutexGuard<'static, BTreeMap<&'static str, Vec<String>>> {
    PANICS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes what panicked so far out of the calling test's report: it has been dealt with.
pub fn forget_panics() {
    thread::current().name().and_then(|name| panics().get_mut(name).map(Vec::clear));
}

/// Puts where a test panicked into its report; libtest-mimic alone would tell only the message.
fn record_panics() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let mut text = panic.to_string();
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            text = format!("{text}\n{backtrace}");
        }
        match thread::current().name().and_then(|name| panics().get_mut(name).map(|p| p.push(text))) {
            Some(()) => {}
            None => default(panic),
        }
    }));
}

// ---- the oracle: what nft makes of the calling thread's namespace ----

/// Runs `nft` with these arguments, and returns what it prints.
///
/// # Panics
///
/// If it fails, with what it says of that.
#[track_caller]
pub fn nft(arguments: &[&str]) -> String {
    expect_success(arguments, &run_nft(arguments, ""))
}

/// Loads a script, as `nft -f` does.
///
/// # Panics
///
/// If nft refuses the script, with what it says of that.
#[track_caller]
pub fn nft_load(script: &str) {
    expect_success(&[script], &run_nft(&["-f", "-"], script));
}

/// Has nft and the kernel refuse a script, and returns what nft says of that; loads nothing.
///
/// # Panics
///
/// If they accept it.
#[track_caller]
pub fn nft_check_fails(script: &str) -> String {
    let output = run_nft(&["-c", "-f", "-"], script);
    assert!(!output.status.success(), "nft accepts:\n{script}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What nft shows of a script that it loads.
#[derive(Debug)]
pub struct Debugged {
    /// The messages that it exchanges with the kernel, as libmnl prints them.
    pub printed: String,
    /// What it says if it or the kernel refuses the script.
    pub refusal: String,
}

/// Loads a script, if the kernel takes it, and shows the messages.
#[track_caller]
pub fn nft_debugging(script: &str) -> Debugged {
    debugged(&run_nft(&["--debug=mnl", "-f", "-"], script))
}

/// Has nft and the kernel look at a script, and shows the messages; loads nothing.
///
/// nft sends nothing if it refuses the script itself, and tells of no more than ten reasons.
#[track_caller]
pub fn nft_checking(script: &str) -> Debugged {
    debugged(&run_nft(&["--debug=mnl", "-c", "-f", "-"], script))
}

fn debugged(output: &Output) -> Debugged {
    let refusal = if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into() };
    Debugged { printed: String::from_utf8(output.stdout.clone()).expect("nft prints UTF-8"), refusal }
}

/// The ruleset as a person reads it, with counters and without handles.
#[track_caller]
pub fn nft_ruleset() -> String {
    nft(&["list", "ruleset"])
}

/// The ruleset as the kernel runs it: rules in order, with their expressions, and set elements.
///
/// Two rulesets of the same effect give the same text: there are no handles in it, and the elements
/// of a set, which the kernel lists in the order of a random hash, are sorted.
#[track_caller]
pub fn nft_bytecode() -> String {
    normalized_bytecode(&nft(&["--debug=netlink", "list", "ruleset"]))
}

fn normalized_bytecode(printed: &str) -> String {
    // The readable listing follows, from the first table on.
    let lines = printed.lines().take_while(|line| !line.starts_with("table "));
    let is_element = |line: &String| line.starts_with("\telement ");
    let lines = lines.map(str::trim_end).filter(|line| !line.is_empty()).map(|line| {
        match line.starts_with([' ', '\t']) {
            true => line.to_owned(),
            // "inet fw input 8 6": family, table and chain stay, handle and position do not.
            false => line.split(' ').take(3).collect::<Vec<_>>().join(" "),
        }
    });
    let mut lines: Vec<String> = lines.collect();
    lines.chunk_by_mut(|one, other| is_element(one) && is_element(other)).for_each(<[String]>::sort_unstable);
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

#[track_caller]
fn expect_success(what: &[&str], output: &Output) -> String {
    let (stdout, stderr) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "nft {}: {}\n{stderr}", what.join(" "), output.status);
    String::from_utf8(stdout.clone()).expect("nft prints UTF-8")
}

#[track_caller]
fn run_nft(arguments: &[&str], stdin: &str) -> Output {
    // nft writes its listings word by word: each would wake the reader of a pipe, which an emulated machine does
    // slowly.
    let printed = memfd_create(c"nft", MFdFlags::MFD_CLOEXEC).expect("files can be in memory");
    let mut printed = File::from(printed);
    let mut child = nft_command()
        .args(arguments)
        // Times of the day are of this time zone.
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(printed.try_clone().expect("a file can be had twice"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("nft can be started");
    let mut pipe = child.stdin.take().expect("stdin is a pipe");
    // nft reads all of its script before it prints; if it doesn't read it, it says why.
    let _ = pipe.write_all(stdin.as_bytes());
    drop(pipe);
    let mut output = child.wait_with_output().expect("nft can be waited for");
    printed.rewind().and_then(|()| printed.read_to_end(&mut output.stdout)).expect("files in memory can be read");
    output
}

/// An `nft` to be started.
///
/// # Panics
///
/// If there is none.
#[track_caller]
pub fn nft_command() -> Command {
    Command::new(nft_path().expect("nft not found; mark the test with `.needs_nft()`"))
}

fn nft_path() -> Option<&'static Path> {
    static PATH: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let path = env::var_os("PATH").unwrap_or_default();
        // Most users' PATH is without the directories of root's programs.
        let places = env::split_paths(&path).chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from));
        places.map(|place| place.join("nft")).find(|nft| nft.is_file())
    };
    PATH.get_or_init(find).as_deref()
}

/// How many sockets there are for netfilter's messages in the calling thread's namespace.
///
/// Of other protocols the kernel has one of its own, which appears when somebody loads the module.
pub fn netlink_sockets() -> usize {
    const NETLINK_NETFILTER: &str = "12";
    let table = std::fs::read_to_string("/proc/thread-self/net/netlink").expect("a list of sockets");
    table.lines().filter(|line| line.split_whitespace().nth(1) == Some(NETLINK_NETFILTER)).count()
}

/// Waits until there are so many: the programs that other tests start have them all, until they are executed.
///
/// # Panics
///
/// If there are more for a minute.
#[track_caller]
pub fn await_netlink_sockets(count: usize) {
    let begin = Instant::now();
    while netlink_sockets() != count && begin.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(netlink_sockets(), count);
}

// ---- what kernels can do ----

/// The version of the running kernel.
///
/// # Panics
///
/// If it does not say.
pub fn linux() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("/proc/sys/kernel/osrelease");
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
    numbers.next().zip(numbers.next()).unwrap_or_else(|| panic!("no version: {release}"))
}

/// Ends those who never stop, also when the test panics.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How often to do what is to be done `count` times: a part of it in an emulated machine, which is many times slower.
pub fn times(count: usize) -> usize {
    const PART: usize = 50;
    if is_emulated() { count.div_ceil(PART) } else { count }
}

/// Whether this machine has QEMU's own processor, which is there without virtualization only.
pub fn is_emulated() -> bool {
    std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|cpus| cpus.contains("QEMU TCG"))
}

fn since(version: (u32, u32), what: &str) -> Result<(), String> {
    if linux() >= version { Ok(()) } else { Err(format!("no {what} before Linux {}.{}", version.0, version.1)) }
}

/// For two stateful expressions of each element.
pub fn linux_5_11() -> Result<(), String> {
    since((5, 11), "second expression of each element")
}

/// For tables that have owners.
pub fn linux_5_12() -> Result<(), String> {
    since((5, 12), "owners of tables")
}

/// For catch-all elements.
pub fn linux_5_13() -> Result<(), String> {
    since((5, 13), "catch-all elements")
}

/// For the cgroups of sockets.
pub fn kernel_knows_cgroups_of_sockets() -> Result<(), String> {
    since((5, 13), "cgroup of a socket")
}

/// For the expression last.
pub fn linux_5_14() -> Result<(), String> {
    since((5, 14), "expression last")
}

/// For chains at egress.
pub fn linux_5_16() -> Result<(), String> {
    since((5, 16), "egress")
}

/// For TCP options that are taken out.
pub fn linux_5_18() -> Result<(), String> {
    since((5, 18), "TCP options that are taken out")
}

/// For a route's interface at the hooks that come after routing.
pub fn kernel_asks_for_routes_after_routing() -> Result<(), String> {
    since((5, 18), "interface of a route at input and forward")
}

/// For what tunnels carry.
pub fn linux_6_2() -> Result<(), String> {
    since((6, 2), "look into tunnels")
}

/// For rules that are reset.
pub fn linux_6_2_resets() -> Result<(), String> {
    since((6, 2), "reset of rules")
}

/// For elements that are reset.
pub fn linux_6_5() -> Result<(), String> {
    since((6, 5), "reset of elements")
}

/// For other devices of a chain.
pub fn linux_6_4() -> Result<(), String> {
    since((6, 4), "other devices of a chain")
}

/// For tables that outlive their owners.
pub fn linux_6_9() -> Result<(), String> {
    since((6, 9), "persistent tables")
}

/// For two registers that are combined.
pub fn linux_6_13() -> Result<(), String> {
    since((6, 13), "combination of two registers")
}

/// For objects that are refused where they cannot work.
pub fn linux_6_18() -> Result<(), String> {
    since((6, 18), "refusal of objects at the wrong hooks")
}

/// For rules that reject frames (Linux 5.11, where it was built with them).
pub fn kernel_rejects_frames() -> Result<(), String> {
    has(Feature::NetdevReject)
}

/// For prefixes of devices (Linux 6.17, and late ones of 6.16).
pub fn prefixes_of_devices() -> Result<(), String> {
    has(Feature::DevicePrefix)
}

/// For rules that reject what a bridge passes on (`NFT_BRIDGE_REJECT`).
pub fn kernel_rejects_bridged_frames() -> Result<(), String> {
    has(Feature::BridgeReject)
}

/// For what bridges know of frames (`NFT_BRIDGE_META`).
pub fn kernel_knows_bridges_of_frames() -> Result<(), String> {
    has(Feature::BridgeMeta)
}

/// For the queue expression (`NFT_QUEUE`).
pub fn kernel_queues() -> Result<(), String> {
    has(Feature::Queue)
}

/// For extensions of xtables (`NFT_COMPAT`).
pub fn kernel_has_xtables() -> Result<(), String> {
    has(Feature::Compat)
}

/// For flowtables (`NF_FLOW_TABLE`).
pub fn flowtables() -> Result<(), String> {
    has(Feature::Flowtables)
}

/// For what is attached to hooks (Linux 5.14, where it was built with `NETFILTER_NETLINK_HOOK`).
pub fn hooks() -> Result<(), String> {
    has(Feature::HookList)
}

/// For rules that write to packets, which Linux 7.3 refuses other user namespaces than the first.
pub fn packets_can_be_written_to() -> Result<(), String> {
    let (table, mut batch) = (Table::ip("probe"), Batch::new());
    let chain = table.chain("probe");
    batch.add(&table).add(&chain).append(&chain, Rule::new().set(ip::ttl(), 64));
    match Conn::open().and_then(|mut conn| conn.commit(&batch)) {
        Err(error) if error.is_permission_denied() => {
            Err("this kernel refuses rules that write to packets in other user namespaces than the first".to_owned())
        }
        done => done.map(drop).map_err(|error| panic!("{error}")),
    }
}

/// Asks the kernel for a feature: `features::each_feature_is_there_if_and_only_if_it_can_be_used` proves what it
/// answers. That it does not answer is a failure, and no reason to skip a test.
fn has(feature: Feature) -> Result<(), String> {
    let features = Conn::open().and_then(|mut conn| conn.features()).expect("the kernel tells its features");
    if features.has(feature) { Ok(()) } else { Err(format!("this kernel lacks {feature}")) }
}
