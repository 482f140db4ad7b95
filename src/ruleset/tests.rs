use std::path::PathBuf;
use std::{env, fs};

use super::*;

fn corpus() -> Option<PathBuf> {
    env::var_os("NFTLINK_CORPUS").map(|dir| PathBuf::from(dir).join("rulesets"))
}

/// What nft shows otherwise, and why.
fn differs_for_a_reason(ours: &str, theirs: &str) -> bool {
    // libnftnl 1.2.4 has no word for the key; later ones have this one.
    let nameless = ours.replace(" load id ", " load unknown ");
    // Time passed between the two readings.
    let last = "  [ last ";
    nameless == theirs || (ours.starts_with(last) && theirs.starts_with(last) && !theirs.contains("never"))
}

/// Where two texts differ first.
fn difference(ours: &str, theirs: &str) -> Option<String> {
    let (mut ours, mut theirs) = (ours.lines(), theirs.lines());
    for n in 1.. {
        match (ours.next(), theirs.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (Some(a), Some(b)) if differs_for_a_reason(a, b) => {}
            (a, b) => return Some(format!("line {n}: {a:?} is not {b:?}")),
        }
    }
    None
}

#[test]
fn generations_wrap_around_without_zero() {
    let of = Generation::from_raw;
    assert_eq!([of(1), of(u32::MAX)].map(Generation::next), [of(2), of(1)]);
    assert!(of(2).is_after(of(1)) && of(1).is_after(of(u32::MAX)) && of(5).is_after(of(u32::MAX - 5)));
    assert!(!of(1).is_after(of(1)) && !of(1).is_after(of(2)) && !of(u32::MAX).is_after(of(1)));
}

#[test]
fn the_corpus_is_listed_as_nft_listed_it() {
    let Some(dir) = corpus() else { return eprintln!("NFTLINK_CORPUS is not set: nothing was compared") };
    let (mut files, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "nl") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let ruleset = Ruleset::from_bytes(&fs::read(&path).unwrap()).unwrap();
        let theirs = fs::read_to_string(path.with_extension("bytecode")).unwrap();
        let ours = if name.starts_with("py114") {
            format!("{:#}", ruleset.bytecode())
        } else {
            ruleset.bytecode().to_string()
        };
        // nft's listing follows its debugging output.
        let end = theirs.lines().take_while(|line| !line.starts_with("table ")).map(|line| line.len() + 1).sum();
        if let Some(difference) = difference(&ours, &theirs[..end]) {
            wrong.push(format!("{name}: {difference}"));
        }
        files += 1;
    }
    assert!(wrong.is_empty(), "{} of {files} differ: {wrong:#?}", wrong.len());
    println!("{files} files");
    assert!(files >= 274, "all of the corpus");
}
