//! Data flows one way: a source file imports only from the left of its own place in the order.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers in their order; in a group all may import from each other.
const ORDER: &[&[&str]] = &[
    &["wire"],
    &["expr"],
    &["datum"],
    &["userdata"],
    &["table"],
    &["chain", "flowtable", "object", "set"],
    &["hooks"],
    &["field"],
    &["rule"],
    &["ruleset"],
    &["batch"],
    &["engine"],
    &["conn"],
    &["loader", "writer"],
    &["monitor"],
    &["trace"],
    &["tokio"],
    &["fuzzing"],
];
/// What every layer may import from, and what itself imports from none of them.
const FOR_ALL: &str = "error";

/// Programs of users, shown in the documentation of its `mod.rs`: they import the crate by its name.
const PROGRAMS: &str = "guide";

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The modules named in the `crate::` paths of a source, those in braces included.
fn imports(source: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices("crate::") {
        let path = &source[at + "crate::".len()..];
        match path.strip_prefix('{') {
            None => {
                found.insert(word(path));
            }
            Some(list) => {
                let mut depth = 0;
                for (n, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        _ if depth == 0
                            && (n == 0 || matches!(list[..n].trim_end().chars().last(), Some(',') | None)) =>
                        {
                            found.insert(word(&list[n..]));
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found.remove("");
    found
}

/// The source without what only tests see: they may look at all.
fn without_tests(source: &str) -> String {
    let mut kept = String::new();
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.contains("mod ")) {
            if lines.next().is_some_and(|head| head.ends_with('{')) {
                // To the end of the module: the first brace that closes at the margin.
                while lines.next().is_some_and(|inner| !inner.starts_with('}')) {}
            }
            continue;
        }
        // Examples in documentation are users' code.
        if !line.trim_start().starts_with("//") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[test]
fn a_file_imports_only_from_the_left_of_its_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let place = |module: &str| ORDER.iter().position(|group| group.contains(&module));
    let mut files = Vec::new();
    sources(&root, &mut files);
    let (mut checked, mut wrong) = (0, Vec::new());
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let module = inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        if module == "lib" || inside.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests")) {
            continue;
        }
        let source = without_tests(&fs::read_to_string(&file).unwrap());
        if module == PROGRAMS {
            if source.contains("crate::") {
                wrong.push(format!("{} is a program, and says crate::", inside.display()));
            }
            continue;
        }
        for import in imports(&source) {
            if import == FOR_ALL {
                continue;
            }
            checked += 1;
            let allowed = match (place(module), place(&import)) {
                (Some(own), Some(other)) => other <= own,
                // A name that the root exports: nobody inside needs that way.
                _ => false,
            };
            if !allowed {
                wrong.push(format!("{} imports from {import}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 50, "the imports are found: {checked}");
}

#[test]
fn no_source_file_is_longer_than_800_lines_without_its_tests() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 30);
    for file in files.iter().filter(|file| file.file_stem().is_some_and(|stem| stem != "tests")) {
        let source = fs::read_to_string(file).unwrap();
        let lines = source.lines().take_while(|line| *line != "mod tests {").count();
        assert!(lines <= 800, "{}: {lines} lines", file.display());
    }
}

#[test]
fn the_order_of_the_host_is_known_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let words = ["_ne_bytes", "NativeEndian", "target_endian", ".to_be()", ".to_le()", "::from_be(", "::from_le("];
    let only_tests = ["tests", "corpus", "golden", "reading_tests", "unknown"];
    let (mut files, mut found) = (Vec::new(), Vec::new());
    sources(&root, &mut files);
    for file in
        files.iter().filter(|file| !file.file_stem().is_some_and(|stem| only_tests.iter().any(|it| stem == *it)))
    {
        let source = without_tests(&fs::read_to_string(file).unwrap());
        let lines = source.lines().filter(|line| words.iter().any(|word| line.contains(word)));
        found.extend(lines.map(|line| format!("{}: {}", file.strip_prefix(&root).unwrap().display(), line.trim())));
    }
    let (home, others): (Vec<_>, Vec<_>) = found.iter().partition(|line| line.starts_with("wire/order.rs"));
    assert!(others.is_empty(), "{others:#?}");
    assert!(!home.is_empty(), "the words are found where they belong");
}

#[test]
fn imports_are_found_in_all_their_forms() {
    let source = "use crate::wire::{Attr, Name};\nuse crate::{chain, object::Counter, set::{a, b}, table};\nlet x = crate::expr::y();";
    let found: Vec<_> = imports(source).into_iter().collect();
    assert_eq!(found, ["chain", "expr", "object", "set", "table", "wire"]);
}
