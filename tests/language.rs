//! The typed language beside nft's: what can be said in nft, and the same in Rust.
//!
//! `tests/language/` reads as a course: a file for each of nft's words, in it pairs of a rule as a person writes it
//! for nft, and as this library says it. `language/mod.rs` tells what a pair is, `language/compare.rs` what is
//! compared.

use std::process::ExitCode;

#[macro_use]
mod support;

#[path = "language/mod.rs"]
mod language;

fn main() -> ExitCode {
    language::main()
}
