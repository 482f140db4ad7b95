//! The table of a run.

use std::fmt::Write as _;

use peers_work::Report;

use crate::driver::Cell;
use crate::stats::{median, quantile};

/// What is compared, in nanoseconds: of single transactions what half of them take, else all by the clock, else each
/// of many by the processor's.
pub fn nanos(cell: &Cell, report: &Report) -> f64 {
    if let Some(p50) = report.p50 {
        return p50 as f64;
    }
    match report.done {
        Some(done) if cell.workload.what.is_in_memory() => report.wall as f64 / done as f64,
        _ => report.wall as f64,
    }
}

fn time(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n if n < 1e9 => format!("{:.1} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

/// The ratios to the floor of the same round.
pub fn ratios(cell: &Cell, floor: Option<&Cell>) -> Vec<f64> {
    let Some(floor) = floor else { return Vec::new() };
    let pairs = cell.reports.iter().zip(&floor.reports);
    let both = pairs.filter_map(|(own, floor_report)| Some((own.as_ref()?, floor_report.as_ref()?)));
    both.map(|(own, other)| nanos(cell, own) / nanos(floor, other)).collect()
}

pub fn floor_of<'c>(cells: &'c [Cell], cell: &Cell) -> Option<&'c Cell> {
    cells.iter().find(|other| other.contender.name == "floor" && other.workload == cell.workload)
}

/// One table in Markdown, a part for each workload.
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
    out
}

fn row(out: &mut String, cell: &Cell, floor: Option<&Cell>) {
    let name = cell.contender.name;
    if let Some(failure) = &cell.failure {
        let _ = writeln!(out, "| {name} | fails: {failure} | | | | | | | |");
        return;
    }
    let reports: Vec<&Report> = cell.reports.iter().flatten().collect();
    let of = |value: &dyn Fn(&Report) -> Option<f64>| {
        median(&reports.iter().filter_map(|report| value(report)).collect::<Vec<f64>>())
    };
    let each = |report: &Report| report.done.filter(|_| cell.workload.what.is_in_memory()).unwrap_or(1) as f64;
    let ratios = ratios(cell, floor);
    let text = |value: Option<f64>, show: &dyn Fn(f64) -> String| value.map_or(String::new(), show);
    let ratio = |value: f64| format!("{value:.3}");
    let quartiles = [0.25, 0.75].map(|part| text(quantile(&ratios, part), &ratio)).join("–");
    let columns = [
        name.to_owned(),
        text(median(&ratios), &ratio),
        quartiles,
        text(of(&|report| Some(nanos(cell, report))), &time),
        text(of(&|report| report.p99.map(|p99| p99 as f64)), &time),
        text(of(&|report| Some(report.user as f64 / each(report))), &time),
        text(of(&|report| Some(report.peak as f64)), &|kb| format!("{:.1} MB", kb / 1000.0)),
        text(of(&|report| report.allocations.map(|count| count as f64 / each(report))), &|count| {
            if count < 100.0 && count.fract() != 0.0 { format!("{count:.2}") } else { format!("{count:.0}") }
        }),
        reports.len().to_string(),
    ];
    let _ = writeln!(out, "| {} |", columns.join(" | "));
}
