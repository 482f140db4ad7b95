//! What rustc has to refuse, with words that a user understands, and what it has to accept.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The compiler whose words the `.stderr` files hold. Each words its errors in its own way: with
/// another, what is checked is that the programs are refused. `TRYBUILD=overwrite cargo test
/// --test compile` writes the files anew.
const WORDS_OF: &str = "rustc 1.95.";

#[test]
fn what_makes_sense_compiles_and_what_does_not_is_refused_in_clear_words() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap().stdout;
    let known = String::from_utf8_lossy(&version).starts_with(WORDS_OF);
    let overwrites = env::var_os("TRYBUILD").is_some_and(|value| value == "overwrite");
    if !known && !overwrites {
        // On copies, where new words may be written: this test once more, told to do so.
        let again = Command::new(env::current_exe().unwrap()).env("TRYBUILD", "overwrite").status().unwrap();
        return assert!(again.success());
    }
    let refused = if known { PathBuf::from("tests/compile/fail") } else { without_words() };
    let cases = trybuild::TestCases::new();
    cases.compile_fail(refused.join("*.rs"));
    cases.pass("tests/compile/pass/*.rs");
}

/// Copies the programs that have to be refused, without what the compiler said.
fn without_words() -> PathBuf {
    let copies = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile-fail");
    let _ = fs::remove_dir_all(&copies);
    fs::create_dir_all(&copies).unwrap();
    for entry in fs::read_dir("tests/compile/fail").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "rs") {
            fs::copy(&path, copies.join(path.file_name().unwrap())).unwrap();
        }
    }
    copies
}
