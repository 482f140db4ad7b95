//! Lists the public API of a crate, an item in each line, from what rustdoc says of it in JSON.

use std::env;
use std::error::Error;
use std::io::{Write as _, stdout};

fn main() -> Result<(), Box<dyn Error>> {
    let json = env::args_os().nth(1).ok_or("usage: list-public-api FILE.json")?;
    let api = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build()?;
    let mut out = stdout().lock();
    for item in api.items() {
        writeln!(out, "{item}")?;
    }
    Ok(())
}
