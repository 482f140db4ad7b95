//! The program nft with a script that is there beforehand, and the crate nftables, which makes JSON for nft.

use std::borrow::Cow;
use std::ffi::CString;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::FromRawFd as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use nftables::batch::Batch;
use nftables::expr::{Expression, NamedExpression, Payload, PayloadField, Prefix};
use nftables::schema::{Element, NfListObject, NfObject, Nftables, Rule};
use nftables::stmt::{Counter, Match, Operator, Statement};
use nftables::types::NfFamily;
use peers_work::{CHAIN, PER_PASS, Report, SET, Stopwatch, TABLE, Task, What, peak_of_children, values};

use crate::programs::with_parent;

/// Transactions by a process each: fewer do.
const PROCESSES: u64 = 200;

/// The nft program, found as the crate finds it.
pub fn version() -> Result<String> {
    let output = Command::new("nft").arg("--version").stdin(Stdio::null()).output().context("nft is not installed")?;
    Ok(String::from_utf8_lossy(&output.stdout).split(' ').nth(1).unwrap_or("?").trim_start_matches('v').to_owned())
}

/// A script in memory that nft can read as its standard input.
fn in_memory(script: &str) -> Result<File> {
    let name = CString::new("script")?;
    // SAFETY: the name is a string, and the descriptor is new and nobody else's.
    let mut file = unsafe {
        let fd = libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC);
        ensure!(fd >= 0, "no memory for the script");
        File::from_raw_fd(fd)
    };
    file.write_all(script.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

fn script(task: Task, from: u64, to: u64) -> String {
    let mut out = String::new();
    if task.what == What::Rules {
        for n in from..to {
            let (address, port) = (values::address(n), values::port(n));
            let _ = writeln!(out, "add rule ip {TABLE} {CHAIN} ip saddr {address} tcp dport {port} counter drop");
        }
        return out;
    }
    let _ = write!(out, "add element ip {TABLE} {SET} {{ ");
    for n in from..to {
        let _ = match task.what {
            What::Intervals => write!(out, "{}/24, ", values::prefix(n)),
            What::Concatenation => write!(out, "{} . {}, ", values::address(n), values::port(n)),
            What::VerdictMap => {
                let verdict = if values::accepts(n) { "accept" } else { "drop" };
                write!(out, "{} : {verdict}, ", values::address(n))
            }
            _ => write!(out, "{}, ", values::address(n)),
        };
    }
    out.push_str("}\n");
    out
}

/// Runs nft to its end, and returns how many bytes it prints.
fn nft(args: &[&str], input: Stdio) -> Result<u64> {
    let mut command = Command::new("nft");
    with_parent(&mut command);
    let mut child = command.args(args).stdin(input).stdout(Stdio::piped()).spawn().context("nft")?;
    let (mut total, mut buffer) = (0, vec![0; 64 * 1024]);
    let mut stdout = child.stdout.take().context("the pipe")?;
    loop {
        match stdout.read(&mut buffer)? {
            0 => break,
            len => total += len as u64,
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "nft: {status}");
    Ok(total)
}

/// nft's memory is what counts: this process only waits.
fn of_nft(report: Report) -> Report {
    Report { peak: peak_of_children(), base: None, allocations: None, ..report }
}

pub fn run(task: Task) -> Result<Report> {
    match task.what {
        What::ListRules => list(&["list", "chain", "ip", TABLE, CHAIN]),
        What::ListElements => list(&["list", "set", "ip", TABLE, SET]),
        What::AddOne => one_by_one(task, |n| {
            let input = in_memory(&script(task, n, n + 1))?;
            Ok(move || nft(&["-f", "-"], input.into()).map(drop))
        }),
        _ => {
            let input = in_memory(&script(task, 0, task.n))?;
            let watch = Stopwatch::start();
            nft(&["-f", "-"], input.into())?;
            Ok(of_nft(watch.stop()))
        }
    }
}

fn list(args: &[&str]) -> Result<Report> {
    let watch = Stopwatch::start();
    let bytes = nft(args, Stdio::null())?;
    let report = of_nft(watch.stop());
    Ok(Report { bytes: Some(bytes), ..report })
}

fn one_by_one<F: FnOnce() -> Result<()>>(task: Task, prepare: impl Fn(u64) -> Result<F>) -> Result<Report> {
    let n = task.n.min(PROCESSES);
    let mut latencies = Vec::with_capacity(n as usize);
    let watch = Stopwatch::start();
    for n in 0..n {
        let prepared = prepare(n)?;
        let start = Instant::now();
        prepared()?;
        latencies.push(start.elapsed().as_nanos() as u64);
    }
    Ok(of_nft(watch.stop().with_latencies(latencies)))
}

// ---- the crate nftables ----

fn text(of: impl ToString) -> Expression<'static> {
    Expression::String(Cow::Owned(of.to_string()))
}

fn compare(protocol: &'static str, field: &'static str, right: Expression<'static>) -> Statement<'static> {
    let field = PayloadField { protocol: protocol.into(), field: field.into() };
    let left = Expression::Named(NamedExpression::Payload(Payload::PayloadField(field)));
    Statement::Match(Match { left, right, op: Operator::EQ })
}

fn rule(n: u64) -> NfListObject<'static> {
    let statements = vec![
        compare("ip", "saddr", text(values::address(n))),
        compare("tcp", "dport", Expression::Number(values::port(n).into())),
        Statement::Counter(Counter::Anonymous(None)),
        Statement::Drop(None),
    ];
    NfListObject::Rule(Rule {
        family: NfFamily::IP,
        table: TABLE.into(),
        chain: CHAIN.into(),
        expr: statements.into(),
        ..Rule::default()
    })
}

fn entry(what: What, n: u64) -> Result<Expression<'static>> {
    Ok(match what {
        What::Intervals => {
            Expression::Named(NamedExpression::Prefix(Prefix { addr: Box::new(text(values::prefix(n))), len: 24 }))
        }
        What::Concatenation => {
            let parts = vec![text(values::address(n)), Expression::Number(values::port(n).into())];
            Expression::Named(NamedExpression::Concat(parts))
        }
        What::VerdictMap => bail!("its types have no element with a verdict"),
        _ => text(values::address(n)),
    })
}

fn built(task: Task, from: u64, to: u64) -> Result<Nftables<'static>> {
    let mut batch = Batch::new();
    if task.what.is_of_rules() {
        (from..to).for_each(|n| batch.add(rule(n)));
    } else {
        let elements = (from..to).map(|n| entry(task.what, n)).collect::<Result<Vec<_>>>()?;
        let (table, name) = (TABLE.into(), SET.into());
        batch.add(NfListObject::Element(Element { family: NfFamily::IP, table, name, elem: elements.into() }));
    }
    Ok(batch.to_nftables())
}

/// What the process and nft have at once.
fn of_both(report: Report) -> Report {
    Report { peak: report.peak + peak_of_children(), base: None, ..report }
}

pub fn run_json(task: Task) -> Result<Report> {
    match task.what {
        What::ListRules | What::ListElements => list_json(task.what),
        What::AddOne => {
            one_by_one(task, |n| Ok(move || nftables::helper::apply_ruleset(&built(task, n, n + 1)?).context("nft -j")))
        }
        What::EncodeRules | What::EncodeElements => encode_json(task),
        _ => {
            let watch = Stopwatch::start();
            let ruleset = built(task, 0, task.n)?;
            nftables::helper::apply_ruleset(&ruleset).context("nft -j")?;
            Ok(of_both(watch.stop()))
        }
    }
}

fn list_json(what: What) -> Result<Report> {
    let watch = Stopwatch::start();
    let ruleset = nftables::helper::get_current_ruleset()?;
    let report = of_both(watch.stop());
    let count = |object: &NfObject<'_>| match object {
        NfObject::ListObject(NfListObject::Rule(_)) if what == What::ListRules => 1,
        NfObject::ListObject(NfListObject::Set(set)) if what == What::ListElements => {
            set.elem.as_ref().map_or(0, |elements| elements.len() as u64)
        }
        _ => 0,
    };
    Ok(Report { done: Some(ruleset.objects.iter().map(count).sum()), ..report })
}

/// The text of the JSON only.
fn encode_json(task: Task) -> Result<Report> {
    let pass = |from: u64| -> Result<()> {
        let text = serde_json::to_string(&built(task, from, from + PER_PASS)?)?;
        std::hint::black_box(text);
        Ok(())
    };
    pass(0)?;
    let watch = Stopwatch::start();
    (0..task.n).step_by(PER_PASS as usize).try_for_each(pass)?;
    Ok(Report { done: Some(task.n), ..watch.stop() })
}
