//! What of the language no pair uses.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The functions of the language, by the name that a pair would use: `ip::saddr`, `.eq`.
fn functions(dir: &Path) -> BTreeSet<String> {
    let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
    let mut found = BTreeSet::new();
    let names = |source: &str| -> Vec<String> {
        let source = source.split("\nmod tests").next().unwrap();
        let heads = source.lines().filter_map(|line| {
            line.trim_start().strip_prefix("pub fn ").or(line.trim_start().strip_prefix("pub const fn "))
        });
        heads.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
    };
    for module in ["fib", "osf", "ipsec"] {
        let source = read(&format!("field/{module}.rs"));
        let (plain, methods) = source.split_once("\nimpl").unwrap();
        found.extend(names(plain).iter().map(|name| format!("{module}::{name}(")));
        found.extend(names(methods).iter().map(|name| format!(".{name}(")));
    }
    for module in ["socket", "hash", "numgen"] {
        found.extend(names(&read(&format!("field/{module}.rs"))).iter().map(|name| format!("{module}::{name}(")));
    }
    for module in ["arp", "ether", "icmp", "icmpv6", "ip", "ip6", "meta", "tcp", "th", "udp"] {
        found.extend(names(&read(&format!("field/{module}.rs"))).iter().map(|name| format!("{module}::{name}(")));
    }
    let ct = read("field/ct.rs");
    let (plain, directions) = ct.split_once("macro_rules!").unwrap();
    found.extend(names(plain).iter().map(|name| format!("ct::{name}(")));
    for direction in ["original", "reply"] {
        found.extend(names(directions).iter().map(|name| format!("ct::{direction}::{name}(")));
    }
    found.extend(names(&read("field/concatenation.rs")).iter().map(|name| format!("{name}(")));
    for file in ["field/mod.rs", "rule/statement.rs", "rule/update.rs"] {
        found.extend(names(&read(file)).iter().map(|name| format!(".{name}(")));
    }
    found
}

pub(super) fn the_pairs_use_all_of_the_language() {
    /// nft 1.0.6 does not know the statement.
    const NOT_IN_NFT: &[&str] = &["meta::broute(", "socket::cgroupv2(", ".last(", ".eq_field(", ".ne_field("];
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let all = functions(&root.join("src"));
    assert!(all.len() > 120, "the functions are found: {}", all.len());
    // Maps of objects are compared as a whole ruleset.
    let objects = root.join("tests/kernel_nft/set_notes.rs");
    let files = std::fs::read_dir(root.join("tests/language")).unwrap().map(|file| file.unwrap().path());
    let pairs: String = files
        .filter(|file| !["mistakes.rs", "coverage.rs"].iter().any(|other| file.ends_with(other)))
        .chain([objects])
        .map(|file| std::fs::read_to_string(file).unwrap())
        .flat_map(|source| {
            source.lines().filter(|line| !line.trim_start().starts_with("//")).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let unused: Vec<_> =
        all.iter().filter(|name| !pairs.contains(*name) && !NOT_IN_NFT.contains(&name.as_str())).collect();
    assert!(unused.is_empty(), "in no pair: {unused:?}");
}
