//! The driver: rounds, the order in them, and a worker for each contender's work.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use peers_work::Report;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::contenders::Contender;
use crate::programs::with_parent;
use crate::workloads::Workload;

/// How many rounds a slow contender takes part in, whatever it takes.
const FEWEST_ROUNDS: usize = 3;

/// Larger sets are counted only, for a listing takes the kernel ten seconds and more.
const MOST_LISTED: u64 = 100_000;

/// What a run is to be.
#[derive(Debug)]
pub struct Plan {
    pub workloads: Vec<&'static Workload>,
    pub contenders: Vec<&'static Contender>,
    /// Those that cannot be built here, and why.
    pub missing: Vec<(&'static Contender, String)>,
    pub rounds: usize,
    pub small: bool,
    pub seed: u64,
    /// What the rounds of one contender in one workload may take together, if it is not our own.
    pub budget: Duration,
}

/// What became of one contender in one workload.
#[derive(Debug)]
pub struct Cell {
    pub workload: &'static Workload,
    pub contender: &'static Contender,
    /// By round, and by time in the round, where it took part.
    pub reports: Vec<Option<Report>>,
    pub failure: Option<String>,
    spent: Duration,
}

impl Cell {
    fn takes_part(&self, budget: Duration) -> bool {
        let done = self.reports.iter().flatten().count();
        let next = self.spent.checked_div(done as u32).unwrap_or_default();
        let is_slow = done >= FEWEST_ROUNDS && self.spent + next > budget;
        self.failure.is_none() && (self.contender.is_in_all_rounds() || !is_slow)
    }
}

impl Plan {
    /// How many times a workload is done in each round.
    fn times(&self, workload: &Workload) -> usize {
        if self.small { 1 } else { workload.times }
    }

    /// Makes ready what the contenders need; returns the versions of those that have one.
    pub fn prepare(&mut self) -> Vec<(&'static str, String)> {
        let mut versions = Vec::new();
        for contender in &self.contenders {
            match contender.prepare() {
                Ok(Some(version)) => versions.push((contender.name, version)),
                Ok(None) => {}
                Err(error) => {
                    eprintln!("{} is missing: {error:#}", contender.name);
                    self.missing.push((contender, format!("missing: {error:#}")));
                }
            }
        }
        versions
    }
}

/// Runs all rounds.
///
/// # Errors
///
/// If somebody does other work than the others, or our own contenders fail.
pub fn run(plan: &Plan) -> Result<Vec<Cell>> {
    let mut random = StdRng::seed_from_u64(plan.seed);
    let mut cells: Vec<Cell> = Vec::new();
    for workload in &plan.workloads {
        let takes_part = |contender: &&&Contender| contender.task(workload.task(plan.small)).is_some();
        cells.extend(plan.contenders.iter().filter(takes_part).map(|contender| Cell {
            workload,
            contender,
            reports: vec![None; plan.rounds * plan.times(workload)],
            failure: plan.missing.iter().find(|(other, _)| other.name == contender.name).map(|(_, why)| why.clone()),
            spent: Duration::ZERO,
        }));
    }
    let begin = Instant::now();
    for round in 0..plan.rounds {
        let mut workloads = plan.workloads.clone();
        workloads.shuffle(&mut random);
        for workload in workloads {
            let mut turn: Vec<usize> = (0..cells.len()).filter(|at| cells[*at].workload == workload).collect();
            let times = plan.times(workload);
            for turn_of in round * times..(round + 1) * times {
                turn.shuffle(&mut random);
                for at in &turn {
                    step(&mut cells[*at], plan, turn_of)?;
                }
                same_work(turn.iter().map(|at| &cells[*at]), turn_of)?;
            }
        }
        eprintln!("round {} of {} is done after {} s", round + 1, plan.rounds, begin.elapsed().as_secs());
    }
    Ok(cells)
}

fn step(cell: &mut Cell, plan: &Plan, round: usize) -> Result<()> {
    if !cell.takes_part(plan.budget) {
        return Ok(());
    }
    let start = Instant::now();
    let listed = round == 0 && cell.workload.task(plan.small).n <= MOST_LISTED;
    match worker(cell, plan, listed) {
        Ok(report) => cell.reports[round] = Some(report),
        Err(error) => {
            let text = format!("{error:#}");
            eprintln!("{}, {}: {text}", cell.workload.name, cell.contender.name);
            if cell.contender.is_own() || text.contains("WRONG COUNT") {
                return Err(error.context(format!("{} in {}", cell.contender.name, cell.workload.name)));
            }
            cell.failure = Some(format!("fails: {text}"));
        }
    }
    cell.spent += start.elapsed();
    Ok(())
}

/// Runs one worker; what the kernel has then may be listed and summed up.
fn worker(cell: &Cell, plan: &Plan, listed: bool) -> Result<Report> {
    let task = cell.contender.task(cell.workload.task(plan.small)).context("no part")?;
    let program = std::env::current_exe().context("where this program is")?;
    let mut command = Command::new(program);
    command.args(["worker", cell.contender.name, &task.what.to_string(), &task.n.to_string()]);
    command.args(listed.then_some("--listed"));
    with_parent(&mut command);
    let output = command.stdin(Stdio::null()).output().context("starting a worker")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("without a word");
        bail!("{last} ({})", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.trim()).with_context(|| format!("the worker's report: {text}"))
}

/// Compares what the kernel had after each contender that did as much as another.
fn same_work<'c>(cells: impl Iterator<Item = &'c Cell>, round: usize) -> Result<()> {
    let mut seen: Vec<(&str, u64, u64)> = Vec::new();
    for cell in cells {
        let Some(report) = &cell.reports[round] else { continue };
        let Some((count, digest)) = report.count.zip(report.digest) else { continue };
        match seen.iter().find(|(_, other, _)| *other == count) {
            Some((other, _, expected)) if *expected != digest => {
                bail!("WRONG WORK in {}: {} does other work than {other}", cell.workload.name, cell.contender.name);
            }
            _ => seen.push((cell.contender.name, count, digest)),
        }
    }
    Ok(())
}
