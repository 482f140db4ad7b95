//! The tables of a run, in Markdown.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use anyhow::Result;
use peers_work::{Report, What};

use crate::driver::{Cell, Plan};
use crate::stats::{median, quantile};

/// What is compared, in nanoseconds: of single transactions what half of them take, of encoding one rule or element,
/// of growth by the processor's time of the thread, of all else the whole.
pub fn nanos(cell: &Cell, report: &Report) -> f64 {
    let done = report.done.unwrap_or(1) as f64;
    match cell.workload.what {
        What::AddOne => report.p50.unwrap_or_default() as f64,
        What::GrowRules | What::GrowElements => of_processor(report) as f64 / done,
        what if what.is_in_memory() => report.wall as f64 / done,
        _ => report.wall as f64,
    }
}

/// The time of the processor by the clock of the thread, where that did all of it, or else by ticks and in user mode.
fn of_processor(report: &Report) -> u64 {
    report.thread.unwrap_or(report.user)
}

fn time(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n if n < 1e9 => format!("{:.1} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

fn ratio(value: f64) -> String {
    if value < 10.0 { format!("{value:.3}") } else { format!("{value:.1}") }
}

fn megabytes(kb: f64) -> String {
    format!("{:.1} MB", kb * 1024.0 / 1e6)
}

fn text(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or(String::new(), show)
}

/// The ratios to another cell in the same rounds.
pub fn ratios(cell: &Cell, base: &Cell) -> Vec<f64> {
    let pairs = cell.reports.iter().zip(&base.reports);
    let both = pairs.filter_map(|(own, other)| Some((own.as_ref()?, other.as_ref()?)));
    both.map(|(own, other)| nanos(cell, own) / nanos(base, other)).collect()
}

pub fn floor_of<'c>(cells: &'c [Cell], cell: &Cell) -> Option<&'c Cell> {
    cells.iter().find(|other| other.contender.name == "floor" && other.workload == cell.workload)
}

fn reports(cell: &Cell) -> impl Iterator<Item = &Report> {
    cell.reports.iter().flatten()
}

fn median_of(cell: &Cell, value: impl Fn(&Report) -> Option<f64>) -> Option<f64> {
    median(&reports(cell).filter_map(value).collect::<Vec<f64>>())
}

/// When, where and who.
pub fn heading(plan: &Plan, versions: &[(&str, String)]) -> Result<String> {
    let say = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).stdin(Stdio::null()).output();
        output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let mut out = String::new();
    let cores = std::thread::available_parallelism()?;
    let (date, kernel) = (say("date", &["-u", "+%F"]), say("uname", &["-srm"]));
    writeln!(
        out,
        "{date}, {kernel}, {cores} cores, {}, {} rounds, seed {}.",
        say("rustc", &["-V"]),
        plan.rounds,
        plan.seed
    )?;
    let versions: Vec<String> = versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    writeln!(out, "Versions: {}.", versions.join(", "))?;
    Ok(out)
}

/// A table for each workload, then that of memory, then that of growth.
pub fn markdown(cells: &[Cell]) -> String {
    let mut out = String::new();
    let mut last = "";
    for cell in cells {
        if cell.workload.name != last {
            last = cell.workload.name;
            let _ = writeln!(out, "\n**{}** (`{last}`)\n", cell.workload.title);
            out += "| | ratio | quartiles | time | p99 | user time | peak memory | allocations | rounds |\n";
            out += "|---|--:|--:|--:|--:|--:|--:|--:|--:|\n";
        }
        row(&mut out, cell, floor_of(cells, cell));
    }
    memory(&mut out, cells);
    growth(&mut out, cells);
    out
}

fn row(out: &mut String, cell: &Cell, floor: Option<&Cell>) {
    let name = cell.contender.name;
    if let Some(failure) = &cell.failure {
        let _ = writeln!(out, "| {name} | {} | | | | | | | |", failure.replace('|', "/"));
        return;
    }
    let each = |report: &Report| report.done.filter(|_| cell.workload.what.is_in_memory()).unwrap_or(1) as f64;
    let user = |report: &Report| {
        let nanos = if cell.workload.what.is_in_memory() { of_processor(report) } else { report.user };
        Some(nanos as f64 / each(report))
    };
    let ratios = floor.map(|floor| ratios(cell, floor)).unwrap_or_default();
    let quartiles = [0.25, 0.75].map(|part| text(quantile(&ratios, part), ratio)).join("–");
    let count =
        |count: f64| if count < 100.0 && count.fract() != 0.0 { format!("{count:.2}") } else { count.to_string() };
    let columns = [
        name.to_owned(),
        text(median(&ratios), ratio),
        quartiles,
        text(median_of(cell, |report| Some(nanos(cell, report))), time),
        text(median_of(cell, |report| report.p99.map(|p99| p99 as f64)), time),
        text(median_of(cell, user), time),
        text(median_of(cell, |report| Some(report.peak as f64)), megabytes),
        text(
            median_of(cell, |report| report.allocations.map(|count| (count as f64 / each(report)).round_to(2))),
            count,
        ),
        reports(cell).count().to_string(),
    ];
    let _ = writeln!(out, "| {} |", columns.join(" | "));
}

trait RoundTo {
    fn round_to(self, digits: i32) -> Self;
}

impl RoundTo for f64 {
    fn round_to(self, digits: i32) -> Self {
        let scale = 10f64.powi(digits);
        (self * scale).round() / scale
    }
}

/// The workloads whose memory is compared.
const OF_MEMORY: [&str; 3] = ["w1-rules-100k", "w2-set-1m", "w4-list-set-1m"];

/// The peak of each process: in all, and for each byte that is sent, where the floor says how many these are.
fn memory(out: &mut String, cells: &[Cell]) {
    let of = |name: &str, workload: &str| {
        cells
            .iter()
            .find(|cell| cell.contender.name == name && cell.workload.name == workload && cell.failure.is_none())
    };
    let mut names: Vec<&str> = Vec::new();
    for cell in cells.iter().filter(|cell| OF_MEMORY.contains(&cell.workload.name)) {
        if !names.contains(&cell.contender.name) {
            names.push(cell.contender.name);
        }
    }
    if names.is_empty() {
        return;
    }
    out.push_str("\n**W7: peak memory of a process** (in brackets: what came with the work; then the ratio to the bytes sent)\n\n| |");
    OF_MEMORY.iter().for_each(|workload| _ = write!(out, " {workload} |"));
    out.push_str("\n|---|--:|--:|--:|\n");
    for name in names {
        let _ = write!(out, "| {name} |");
        for workload in OF_MEMORY {
            let peak = of(name, workload).and_then(|cell| median_of(cell, |report| Some(report.peak as f64)));
            let sent = of("floor", workload).filter(|floor| !floor.workload.what.is_listing());
            let bytes = sent.and_then(|floor| median_of(floor, |report| report.bytes.map(|bytes| bytes as f64)));
            let grown = of(name, workload).and_then(|cell| {
                median_of(cell, |report| report.base.map(|base| report.peak.saturating_sub(base) as f64))
            });
            let grown = grown.map(|grown| format!(" (+{})", megabytes(grown)));
            let times = peak.zip(bytes).map(|(peak, bytes)| format!(", {:.2}", peak * 1024.0 / bytes));
            let _ =
                write!(out, " {}{}{} |", text(peak, megabytes), grown.unwrap_or_default(), times.unwrap_or_default());
        }
        out.push('\n');
    }
}

/// How the time for each rule or element grows with their number: the ratio to that of the smallest in the same round.
fn growth(out: &mut String, cells: &[Cell]) {
    for what in [What::GrowRules, What::GrowElements] {
        let all: Vec<&Cell> = cells.iter().filter(|cell| cell.workload.what == what).collect();
        let Some(first) = all.first() else { continue };
        let same = |one: &&&Cell, name: &str| one.contender.name == name;
        let _ = writeln!(
            out,
            "\n**Growth of the processor's time for each of {what}**: ratio to that of {}\n",
            first.workload.n
        );
        let sizes: Vec<u64> =
            all.iter().filter(|cell| same(cell, first.contender.name)).map(|cell| cell.workload.n).collect();
        let _ = write!(out, "| |");
        sizes.iter().for_each(|n| _ = write!(out, " {n} |"));
        let _ = writeln!(out, "\n|---|{}", "--:|".repeat(sizes.len()));
        for start in all.iter().filter(|cell| cell.workload == first.workload) {
            let _ = write!(out, "| {} |", start.contender.name);
            for cell in all.iter().filter(|cell| same(cell, start.contender.name)) {
                let _ = write!(out, " {} |", text(median(&ratios(cell, start)), ratio));
            }
            out.push('\n');
        }
    }
}
