//! A worker: a process of its own, in a namespace of its own, for one contender's work.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use peers_work::{Report, Task};

use crate::contenders::Contender;
use crate::count::count;
use crate::{namespace, setup};

/// How long a worker may live, in seconds.
const PATIENCE: u32 = 400;

/// Prepares, works, counts what the kernel has then, and prints the report.
pub fn work(contender: &Contender, task: Task, listed: bool) -> Result<()> {
    // SAFETY: a number goes in.
    unsafe { libc::alarm(PATIENCE) };
    let report = if task.what.is_in_memory() { contender.run(task)? } else { in_kernel(contender, task, listed)? };
    report.print();
    Ok(())
}

fn in_kernel(contender: &Contender, task: Task, listed: bool) -> Result<Report> {
    namespace::enter()?;
    // In another process, so that its memory is not this one's.
    let program = std::env::current_exe().context("where this program is")?;
    let set_up = Command::new(program).args(["set-up", &task.what.to_string(), &task.n.to_string()]).status()?;
    ensure!(set_up.success(), "the set-up failed: {set_up}");
    let report = contender.run(task)?;
    let done = report.done.unwrap_or(task.n);
    if task.what.is_listing() {
        ensure!(done == task.n, "{done} of {} are listed", task.n);
    }
    let found = count(task.what, listed)?;
    let expected = setup::expected(task.what, done);
    ensure!(found.count == expected, "WRONG COUNT: the kernel has {} of {expected}", found.count);
    Ok(Report { count: Some(found.count), digest: found.digest, ..report })
}
