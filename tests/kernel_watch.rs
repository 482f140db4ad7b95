//! Watching a real kernel: events, packet traces, snapshots beside writers, what outlives its program.

mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::main(&[])
}
