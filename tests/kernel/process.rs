//! Errands: what a test can only find out in a process of its own, for which the program starts itself again.

#![allow(dead_code, reason = "each test program uses only a part")]

use std::env;
use std::process::{Child, Command, ExitCode, Stdio};

/// Says to the program which errand to run instead of the tests.
pub(crate) const ERRAND: &str = "NFTLINK_TEST_ERRAND";

/// Runs the errand that this process was started for, if it was; to be called first of all.
pub(crate) fn run_errand(errands: &[(&str, fn())]) -> Option<ExitCode> {
    let name = env::var(ERRAND).ok()?;
    let (_, body) = errands.iter().find(|(errand, _)| *errand == name).expect("an errand of this program");
    body();
    Some(ExitCode::SUCCESS)
}

/// Runs an errand in a process of its own, in the calling thread's namespaces.
#[track_caller]
pub(crate) fn send(name: &str) {
    let output = Command::new("/proc/self/exe").env(ERRAND, name).output().expect("the program can be started again");
    assert!(output.status.success(), "{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
}

/// Starts an errand in a process of its own, which goes on beside; it is read from and written to.
#[track_caller]
pub(crate) fn start(name: &str) -> Child {
    let mut program = Command::new("/proc/self/exe");
    program.env(ERRAND, name).stdin(Stdio::piped()).stdout(Stdio::piped());
    program.spawn().expect("the program can be started again")
}
