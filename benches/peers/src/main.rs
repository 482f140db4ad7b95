//! Measures nftlink beside what the kernel alone takes, and beside other ways to program nftables. See `--help`.

#[allow(dead_code, reason = "the benches of the library use the rest")]
#[path = "../../common/by_hand.rs"]
mod by_hand;
mod contenders;
mod count;
mod driver;
mod figure;
mod namespace;
mod programs;
mod setup;
mod stats;
mod table;
mod wire;
mod worker;
mod workloads;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use peers_work::{Counting, Task, What};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Measures nftlink beside what the kernel alone takes (the floor), and beside other ways to program nftables.
///
/// Each worker has a process and a network namespace of its own; the machine's firewall stays as it is. It needs root,
/// or the right to make user namespaces; without root the send buffer is too small for the larger workloads.
#[derive(Parser)]
#[command(name = "peers")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the workloads and prints the table
    Run(Run),
    /// Lists the workloads and the contenders
    List,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Size {
    /// What the table is made of
    Full,
    /// A little of everything, once: to see that all works
    Small,
}

#[derive(clap::Args)]
struct Run {
    /// Rounds; with `--size small` one unless told otherwise
    #[arg(long)]
    rounds: Option<usize>,
    /// Only the workloads whose names begin so
    #[arg(long, value_name = "NAME")]
    workload: Vec<String>,
    /// Only these contenders; the floor is always there
    #[arg(long, value_name = "NAME")]
    contender: Vec<String>,
    #[arg(long, value_enum, default_value_t = Size::Full)]
    size: Size,
    /// Decides the order in the rounds
    #[arg(long)]
    seed: Option<u64>,
    /// Seconds that all rounds of one peer in one workload may take together; at least three it takes part in anyway
    #[arg(long, default_value_t = 60)]
    budget: u64,
    /// Writes the table (results.md) and the picture (figure.svg) into this directory, too
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match as_worker(&args).unwrap_or_else(|| run(Cli::parse().command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Run(run) => measure(&run),
        Command::List => {
            list();
            Ok(())
        }
    }
}

/// What a worker's process is started for: `worker CONTENDER WORK NUMBER [--listed]`, `set-up WORK NUMBER`. Its memory
/// is measured, and is not to hold what reads the arguments of users.
fn as_worker(args: &[String]) -> Option<Result<()>> {
    let task = |what: &str, n: &str| -> Result<Task> {
        Ok(Task { what: what.parse::<What>().map_err(anyhow::Error::msg)?, n: n.parse()? })
    };
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Some(match args[..] {
        ["set-up", what, n] => task(what, n).and_then(setup::set_up),
        ["worker", name, what, n, ref rest @ ..] => match contenders::ALL.iter().find(|one| one.name == name) {
            Some(contender) => task(what, n).and_then(|task| worker::work(contender, task, rest == ["--listed"])),
            None => Err(anyhow::anyhow!("there is no contender {name}")),
        },
        _ => return None,
    })
}

fn list() {
    for workload in workloads::ALL {
        println!("{:24} {}", workload.name, workload.title);
    }
    println!();
    contenders::ALL.iter().for_each(|contender| println!("{}", contender.name));
}

fn measure(run: &Run) -> Result<()> {
    contenders::nftlink::check_same_bytes()?;
    let small = run.size == Size::Small;
    let begins = |name: &str| run.workload.is_empty() || run.workload.iter().any(|part| name.starts_with(part));
    let chosen =
        |name: &str| name == "floor" || run.contender.is_empty() || run.contender.iter().any(|one| one == name);
    let unknown = run.contender.iter().find(|name| contenders::ALL.iter().all(|one| one.name != **name));
    if let Some(unknown) = unknown {
        bail!("there is no contender {unknown}; `list` shows them");
    }
    let mut plan = driver::Plan {
        workloads: workloads::ALL.iter().filter(|workload| begins(workload.name)).collect(),
        contenders: contenders::ALL.iter().filter(|contender| chosen(contender.name)).collect(),
        missing: Vec::new(),
        rounds: run.rounds.unwrap_or(if small { 1 } else { 20 }),
        small,
        seed: run.seed.unwrap_or_else(rand::random),
        budget: Duration::from_secs(run.budget),
    };
    ensure!(!plan.workloads.is_empty(), "there is no such workload; `list` shows them");
    let versions = plan.prepare();
    eprintln!("seed {}", plan.seed);
    let cells = driver::run(&plan)?;
    let text = format!("{}{}", table::heading(&plan, &versions)?, table::markdown(&cells));
    println!("{text}");
    if let Some(directory) = &run.out {
        std::fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        let write = |name: &str, text: &str| {
            let path = directory.join(name);
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
        };
        write("results.md", &text)?;
        write("figure.svg", &figure::draw(&cells)?)?;
    }
    Ok(())
}
