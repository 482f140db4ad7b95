//! Every ruleset of the corpus, loaded into the kernel, read, deleted and written again in one batch: what nft lists
//! then is what it listed before.
//!
//! The corpus is not part of the crate: `NFTLINK_CORPUS` says where it is. Each ruleset is a test of its name.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, thread};

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nftlink::{Batch, Conn, Ruleset, SetFlags};
use nix::sys::socket::{setsockopt, sockopt};
use support::{Test, linux, nft};

mod support;

fn main() -> ExitCode {
    let Some(dir) = corpus() else {
        // One test that says so is better than none at all.
        return support::main(&[Test::new("corpus", || ()).requires(|| Err("NFTLINK_CORPUS is not set".to_owned()))]);
    };
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = files.map(|entry| entry.expect("the corpus can be listed").path());
    let names: BTreeSet<String> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "req"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    assert!(names.len() >= 274, "all of the corpus is there, not {} rulesets", names.len());
    let tests = names.into_iter().map(|name| test_of(name.leak()));
    let mut tests: Vec<Test> = tests.collect();
    tests.push(Test::new("crafted", crafted).requires(linux_6_18));
    support::main(&tests)
}

fn test_of(name: &'static str) -> Test {
    Test::new(name, || rewritten(thread::current().name().expect("a test runs on a thread of its name")))
        .needs_nft()
        .requires(linux_6_18)
}

fn corpus() -> Option<PathBuf> {
    env::var_os("NFTLINK_CORPUS").map(|dir| PathBuf::from(dir).join("rulesets"))
}

/// The corpus was made by this kernel; older ones lack some of it.
fn linux_6_18() -> Result<(), String> {
    if linux() >= (6, 18) { Ok(()) } else { Err("before Linux 6.18, which made the corpus".to_owned()) }
}

fn rewritten(name: &str) {
    let path = corpus().expect("there is a corpus").join(name).with_extension("req");
    let sent = send(&transactions(&fs::read(path).expect("the file is there")));
    sent.unwrap_or_else(|error| panic!("{name} cannot be loaded: {error}"));
    if name.starts_with("py114") {
        return check_without_nft();
    }
    let (before, after) = rewrite(|ruleset| (listing(), bytecode(ruleset)));
    assert_same(&before.0, &after.0);
    assert_same(&before.1, &after.1);
}

/// For what is newer than nft 1.0.6: there it crashes, or never ends.
fn check_without_nft() {
    let (before, after) = rewrite(|ruleset| numbers_apart(&ruleset.bytecode().to_string()));
    assert_same(&before, &after);
}

/// What nft cannot write, nor list.
fn crafted() {
    let path = corpus().expect("there is a corpus").with_file_name("crafted").join("crafted-1.req");
    send(&transactions(&fs::read(path).expect("the file is there"))).expect("the kernel takes it");
    check_without_nft();
}

/// Reads all, deletes all, writes all, in one step; returns what `look` sees before and after.
fn rewrite<T>(look: impl Fn(&Ruleset) -> T) -> (T, T) {
    let mut conn = Conn::open().unwrap();
    let before = conn.ruleset(..).unwrap();
    let seen = look(&before);
    let mut batch = Batch::new();
    batch.flush_ruleset().add_ruleset(&before);
    conn.commit_at(before.generation(), &batch).unwrap_or_else(|error| panic!("{error}\n{batch}"));
    let after = conn.ruleset(..).unwrap();
    let kept = Ruleset::from_bytes(&after.to_bytes()).expect("what was written can be read");
    let again = |ruleset| Batch::new().add_ruleset(ruleset).as_bytes().to_vec();
    assert!(again(&after) == again(&kept), "kept in a file, it is another ruleset");
    if !varies(&before) {
        assert!(again(&before) == again(&after), "what would be written next is something else:\n{batch}");
    }
    (seen, look(&after))
}

/// Whether two readings of it differ: time goes on, and the kernel lists a hash table in a random order.
fn varies(ruleset: &Ruleset) -> bool {
    let mut sets = ruleset.tables().iter().flat_map(|table| table.sets());
    sets.any(|set| {
        let expires = set.entries().iter().any(|entry| entry.expires().is_some());
        expires || (set.entries().len() > 1 && !set.info().flags().contains(SetFlags::INTERVAL))
    }) || ruleset.bytecode().to_string().contains("[ last ")
}

/// A listing of bytecode without what a ruleset gets anew: the numbers of rules, and those in the names of chains
/// that rules have to themselves, which become `__chain`.
fn numbers_apart(text: &str) -> String {
    let mut parts = text.split("__chain");
    let mut text = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| text += &format!("__chain{}", part.trim_start_matches(|c: char| c.is_ascii_digit())));
    // "inet fw input 8 6": family, table and chain stay, handle and position do not. And time goes on.
    let line = |line: &str| match line.starts_with([' ', '\t']) {
        true if line.starts_with("  [ last ") && !line.contains("never") => "  [ last ]\n".to_owned(),
        true => format!("{line}\n"),
        false => line.split(' ').take(3).collect::<Vec<_>>().join(" ") + "\n",
    };
    text.lines().map(line).collect()
}

#[track_caller]
fn assert_same(before: &str, after: &str) {
    let same = before.lines().zip(after.lines()).position(|(a, b)| a != b);
    if let Some(n) = same {
        panic!(
            "line {}: {:?} became {:?}\n--- before\n{before}\n--- after\n{after}",
            n + 1,
            before.lines().nth(n),
            after.lines().nth(n)
        );
    }
    assert_eq!(before.lines().count(), after.lines().count(), "--- before\n{before}\n--- after\n{after}");
}

/// What nft lists, but for what runs on by itself.
fn listing() -> String {
    let text = nft(&["-n", "list", "ruleset"]);
    let mut words = Vec::new();
    for line in text.lines() {
        let mut after = None;
        for word in line.split(' ') {
            words.push(if matches!(after, Some("expires" | "used")) { "…" } else { word }.to_owned());
            after = Some(word);
        }
        words.push("\n".to_owned());
    }
    words.join(" ")
}

/// What nft prints with `--debug=netlink`, but for the numbers of rules. The entries of a hash table are sorted: the
/// kernel lists them in a random order.
fn bytecode(ruleset: &Ruleset) -> String {
    let intervals: BTreeSet<String> = ruleset
        .tables()
        .iter()
        .flat_map(|table| table.sets())
        .filter(|set| set.info().flags().contains(SetFlags::INTERVAL))
        .map(|set| format!("{} @{}", set.info().table(), set.info().name()))
        .collect();
    let printed = nft(&["--debug=netlink", "list", "ruleset"]);
    let (mut text, mut entries, mut sorted) = (String::new(), Vec::new(), false);
    let flush = |entries: &mut Vec<String>, sorted: bool, text: &mut String| {
        if sorted {
            entries.sort();
        }
        entries.drain(..).for_each(|entry| text.push_str(&entry));
    };
    for line in printed.lines().take_while(|line| !line.starts_with("table ")) {
        if line.starts_with('\t') {
            entries.push(format!("{line}\n"));
            continue;
        }
        flush(&mut entries, sorted, &mut text);
        sorted = !intervals.contains(line);
        text += line;
        text.push('\n');
    }
    flush(&mut entries, sorted, &mut text);
    numbers_apart(&text)
}

/// The transactions in what a program sent, each from its begin to its end.
fn transactions(sent: &[u8]) -> Vec<Vec<u8>> {
    const BATCH_BEGIN: u16 = 0x10;
    const BATCH_END: u16 = 0x11;
    let (mut found, mut current, mut at) = (Vec::new(), None::<Vec<u8>>, 0);
    while let Some(head) = sent.get(at..at + 16) {
        let len = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = u16::from_ne_bytes([head[4], head[5]]);
        let end = at + len.next_multiple_of(4);
        if kind == BATCH_BEGIN {
            current = Some(Vec::new());
        }
        current.iter_mut().for_each(|batch| batch.extend(&sent[at..end]));
        if kind == BATCH_END {
            found.extend(current.take());
        }
        at = end;
    }
    assert!(!found.is_empty(), "something was sent");
    found
}

/// Sends transactions as they are.
fn send(transactions: &[Vec<u8>]) -> Result<(), String> {
    let mut socket = Socket::new(NETLINK_NETFILTER).unwrap();
    socket.bind_auto().unwrap();
    socket.connect(&SocketAddr::new(0, 0)).unwrap();
    socket.set_non_blocking(true).unwrap();
    setsockopt(&socket, sockopt::SndBuf, &(1 << 20)).unwrap();
    for batch in transactions {
        let sent = socket.send(batch, 0).map_err(|error| error.to_string())?;
        assert_eq!(sent, batch.len());
        let mut buffer = vec![0; 1 << 16];
        while let Ok(len) = socket.recv(&mut &mut buffer[..], 0) {
            let mut at = 0;
            while at + 20 <= len {
                let number =
                    |at: usize| i32::from_ne_bytes([buffer[at], buffer[at + 1], buffer[at + 2], buffer[at + 3]]);
                const NLMSG_ERROR: u16 = 2;
                let kind = u16::from_ne_bytes([buffer[at + 4], buffer[at + 5]]);
                if kind == NLMSG_ERROR && number(at + 16) != 0 {
                    return Err(std::io::Error::from_raw_os_error(-number(at + 16)).to_string());
                }
                at += (number(at) as usize).max(16).next_multiple_of(4);
            }
        }
    }
    Ok(())
}
