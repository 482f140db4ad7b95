//! What of the language no pair uses.
//!
//! The library's source tells what there is: each public function of a module of `field`, and each public method of the
//! types in `field` and `rule` and of the expressions that statements take. The files of pairs tell what is used.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Macros of `src/field/` that make functions, and the modules in which they make them.
const MACROS: &[(&str, &[&str])] = &[("direction", &["ct::original", "ct::reply"])];

/// Expressions that users write as a part of a statement.
const STATEMENTS: &[&str] = &["connlimit", "limit", "log", "queue", "quota", "synproxy"];

/// Types in `rule` that are none of the language: what was read, what is compared.
const NOT_WRITTEN: &[&str] = &["Compat", "NormalizedRule", "Rule", "RuleHead", "RuleInfo"];

/// What is there, and has no pair.
const WITHOUT_PAIR: &[(&str, &str)] = &[
    ("meta::broute(", "is unknown to nft 1.0.6"),
    ("socket::cgroupv2(", "is of a control group of the machine"),
    (".exprs(", "looks at a rule"),
    (".normalized(", "looks at a rule"),
    (".compat(", "is of no use but to the expressions of xtables"),
    (".expr(", "is the way down to the kernel's expressions"),
    (".owner(", "is not shown by nft"),
    (".userdata(", "is not shown by nft"),
    (".eq_field(", "cannot be said in nft"),
    (".ne_field(", "cannot be said in nft"),
    (".last(", "is unknown to nft 1.0.6"),
    (".jump_rules(", "makes a chain: whole rulesets are compared"),
    (".goto_rules(", "makes a chain: whole rulesets are compared"),
    ("Queue::from_reg(", "is for those who load registers themselves"),
];

pub(super) fn the_pairs_use_all_of_the_language() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let all = words(&root.join("src"));
    for known in ["ip::saddr(", "ct::reply::zone(", ".eq(", ".when(", "Limit::packets(", ".burst(", "RejectWith::Icmp"]
    {
        assert!(all.contains(known), "{known} is not found");
    }
    let pairs = pairs(&root.join("tests/language"));
    let is_excused = |word: &str| WITHOUT_PAIR.iter().any(|(without, _)| *without == word);
    let unused: Vec<_> = all.iter().filter(|word| !is_excused(word) && !uses(&pairs, word)).collect();
    assert!(unused.is_empty(), "in no pair: {unused:?}");
    let stale: Vec<_> = WITHOUT_PAIR.iter().filter(|(word, _)| !all.contains(*word) || uses(&pairs, word)).collect();
    assert!(stale.is_empty(), "not there, or in a pair: {stale:?}");
}

/// The page of the documentation is a part of the language: who knows nft looks there.
pub(super) fn the_page_of_nfts_words_has_all_of_the_language() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("src/guide/nft_to_nftlink.md")).unwrap();
    let links = |word: &str| {
        let name = word.trim_end_matches(['(', '<']);
        page.contains(&format!("{}{name})", if name.starts_with('.') { "" } else { "::" }).replace('.', "::"))
    };
    // What only looks at a rule is none of nft's.
    let looks_at = |word: &str| WITHOUT_PAIR.iter().any(|(of, why)| *of == word && !why.ends_with("nft 1.0.6"));
    let lacks: Vec<_> = words(&root.join("src")).into_iter().filter(|word| !links(word) && !looks_at(word)).collect();
    assert!(lacks.is_empty(), "not on the page: {lacks:?}");
}

/// Whether a source has a word, and not as the end of another. `.map::<Port>(` has `.map(`.
fn uses(source: &str, word: &str) -> bool {
    let called = |word: &str| {
        source.match_indices(word).any(|(at, _)| {
            let before = source[..at].chars().next_back().unwrap_or(' ');
            let is_begin = word.starts_with('.') || !(is_of_name(before) || before == ':');
            let behind = source[at + word.len()..].chars().next().unwrap_or(' ');
            is_begin && (word.ends_with(['(', '<']) || !is_of_name(behind))
        })
    };
    called(word) || word.strip_suffix('(').is_some_and(|name| called(&format!("{name}::<")))
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The sources of all pairs.
fn pairs(dir: &Path) -> String {
    const OTHERS: &[&str] = &["compare.rs", "coverage.rs", "mistakes.rs", "mod.rs", "sent.rs", "shape.rs"];
    let is_of_pairs = |file: &PathBuf| !OTHERS.iter().any(|other| file.ends_with(other));
    files(dir).iter().filter(|file| is_of_pairs(file)).map(|file| code(file)).collect()
}

/// All source files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A source without its tests, its comments, and what is in its strings.
fn code(file: &Path) -> String {
    let source = fs::read_to_string(file).unwrap();
    let source = source.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut out = String::new();
    for line in source.lines() {
        let mut is_in_string = false;
        let mut chars = line.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' if is_in_string => _ = chars.next(),
                '"' if line[..at].ends_with('\'') && line[at..].starts_with("\"'") => out.push(c),
                '"' => {
                    is_in_string = !is_in_string;
                    out.push(c);
                }
                '/' if !is_in_string && line[at..].starts_with("//") => break,
                _ if is_in_string => {}
                _ => out.push(c),
            }
        }
        out.push('\n');
    }
    out
}

/// The words of the language as a pair has them: `ip::saddr(`, `.eq(`, `Limit::packets(`, `RejectWith::Icmp`.
fn words(src: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let field = src.join("field");
    for file in files(&field) {
        let source = code(&file);
        let module = module(&field, &file);
        found.extend(functions(&source, "").map(|(name, _)| path(&module, &name)));
        for (name, block) in blocks(&source, "pub mod ") {
            let module = path(&module, name.trim());
            found.extend(functions(block, "    ").map(|(function, _)| path(module.trim_end_matches('('), &function)));
        }
        for (name, block) in blocks(&source, "macro_rules! ") {
            let made: Vec<_> = functions(block, "").chain(indented(block)).map(|(function, _)| function).collect();
            let modules =
                MACROS.iter().find(|(known, _)| *known == name.trim()).map_or(&[][..], |(_, modules)| modules);
            assert!(made.is_empty() || !modules.is_empty(), "{}: MACROS lacks what {name} makes", file.display());
            found.extend(modules.iter().flat_map(|module| made.iter().map(|function| path(module, function))));
        }
    }
    let statements = STATEMENTS.iter().map(|name| src.join(format!("expr/{name}.rs")));
    for file in files(&field).into_iter().chain(files(&src.join("rule"))).chain(statements) {
        let source = code(&file);
        for (head, block) in blocks(&source, "impl") {
            let Some(of) = inherent(head).filter(|of| !NOT_WRITTEN.contains(of)) else { continue };
            found.extend(functions(block, "    ").map(|(name, is_method)| match is_method {
                true => format!(".{name}("),
                false => format!("{of}::{name}("),
            }));
        }
        for (_, block) in blocks(&source, "pub enum RejectWith") {
            let variants = block.lines().filter_map(|line| line.strip_prefix("    "));
            let names = variants.map(|line| line.split(|c| !is_of_name(c)).next().unwrap_or_default());
            found.extend(names.filter(|name| !name.is_empty()).map(|name| format!("RejectWith::{name}")));
        }
    }
    found
}

fn path(module: &str, name: &str) -> String {
    if module.is_empty() { format!("{name}(") } else { format!("{module}::{name}(") }
}

/// What a file is called below `field`, as its users call it: without modules that only the library knows.
fn module(field: &Path, file: &Path) -> String {
    let inner = file.strip_prefix(field).unwrap().with_extension("");
    let names: Vec<&str> = inner.iter().map(|name| name.to_str().unwrap()).filter(|name| *name != "mod").collect();
    let mut dir = field.to_owned();
    let mut public = Vec::new();
    for name in names {
        let parent = [dir.join("mod.rs"), dir.with_extension("rs")].into_iter().find(|parent| parent.exists()).unwrap();
        if code(&parent).contains(&format!("pub mod {name};")) {
            public.push(name);
        }
        dir.push(name);
    }
    public.join("::")
}

/// What begins with `head` at the beginning of a line, up to the brace of its own line: the rest of the head, and
/// what is in it.
fn blocks<'a>(source: &'a str, head: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let starts = source.match_indices(head).filter(|(at, _)| *at == 0 || source[..*at].ends_with('\n'));
    starts.filter_map(move |(at, _)| {
        let rest = &source[at + head.len()..];
        let (name, block) = rest.split_once('{')?;
        if name.contains(';') {
            return None;
        }
        Some((name, block.split("\n}").next().unwrap_or_default()))
    })
}

/// The type of which methods are, if it is no trait's block: `<V: Datum, A> Field<V, A> `.
fn inherent(head: &str) -> Option<&str> {
    let mut depth = 0;
    let generics = head.find(|c| {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    let of = if head.starts_with('<') { &head[generics + 1..] } else { head }.trim_start();
    if of.contains(" for ") {
        return None;
    }
    of.split(|c| !is_of_name(c)).next()
}

/// Public functions that are so far from the beginning of a line: their names, and whether they are methods.
fn functions(source: &str, indent: &str) -> impl Iterator<Item = (String, bool)> {
    let heads = ["pub fn ", "pub const fn "].map(|head| format!("\n{indent}{head}"));
    let mut found = Vec::new();
    let source = format!("\n{source}");
    for head in heads {
        for (at, _) in source.match_indices(&head) {
            let rest = &source[at + head.len()..];
            let name: String = rest.chars().take_while(|&c| is_of_name(c) || c == '$').collect();
            let parameters = rest.split_once('(').map_or("", |(_, parameters)| parameters).trim_start();
            let first = parameters.trim_start_matches(['&', ' ']).trim_start_matches("mut ");
            found.push((name, first.starts_with("self")));
        }
    }
    found.into_iter()
}

/// Those in a macro, wherever on their lines they begin.
fn indented(source: &str) -> impl Iterator<Item = (String, bool)> {
    let depths = [4, 8, 12, 16].map(|depth| " ".repeat(depth));
    let found: Vec<_> = depths.iter().flat_map(|depth| functions(source, depth)).collect();
    found.into_iter()
}
