//! How far it goes, and how the cost grows: rules up to a million, elements up to ten million, one change beside many,
//! and listings; and what stops a batch. It prints tables in Markdown.
//!
//! ```console
//! # cargo bench --bench scale                          # everything: an hour, and 3 GB of memory
//! # cargo bench --bench scale -- --most 100000         # nothing larger than that: a minute
//! # cargo bench --bench scale -- change list           # some parts: write fill change element list beside limits
//! # cargo bench --bench scale -- --test                # a little of everything, to see that it works
//! ```
//!
//! Each measurement is made in a network namespace of its own, and counts in the kernel what it has put there. *Build*
//! is what the program does by itself, *commit* from the call to the kernel's answer; where something is done several
//! times, the figure is the median. Time is that of the processor, the kernel's work included, which others on the
//! machine disturb least; `--wall` tells how long it took. Memory of the process is what it had at most, beyond what it
//! had before; memory of the kernel is what slabs, vmalloc and percpu grew by, which others on the machine disturb.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::iter;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::Port;
use nftlink::expr::Verdict;
use nftlink::field::{ip, tcp};
use nftlink::{
    Batch, Chain, ChainRef, Conn, Error, Hook, Hooked, Interval, Key, Loader, Map, Op, Priority, Rule, RuleHandle, Set,
    Table,
};

use nix::time::{ClockId, clock_gettime};

#[path = "../examples/lab/mod.rs"]
mod lab;

type Part = (&'static str, fn(&Scale));

/// What there is to measure.
const PARTS: [Part; 7] = [
    ("write", write),
    ("fill", fill),
    ("change", change),
    ("element", element),
    ("list", list),
    ("beside", beside),
    ("limits", limits),
];

/// Whether time is that of a clock on the wall.
static WALL: AtomicBool = AtomicBool::new(false);

/// How much is measured.
struct Scale {
    /// The smallest and the largest number of rules or elements.
    least: usize,
    most: usize,
    /// How often what is short is done.
    rounds: usize,
}

impl Scale {
    fn sizes(&self, least: usize, most: usize) -> impl Iterator<Item = usize> {
        let powers = iter::successors(Some(least), |n| n.checked_mul(10));
        let (least, most) = (self.least, most.min(self.most));
        powers.skip_while(move |n| *n < least).take_while(move |n| *n <= most)
    }

    /// Fewer rounds of what is long.
    fn rounds(&self, size: usize) -> usize {
        if size < 1_000_000 { self.rounds } else { self.rounds.min(5) }
    }
}

fn main() -> ExitCode {
    let mut scale = Scale { least: 0, most: 10_000_000, rounds: 21 };
    let mut parts = Vec::new();
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Cargo says so to each bench.
            "--bench" => {}
            "--wall" => WALL.store(true, Ordering::Relaxed),
            "--test" => scale = Scale { least: 0, most: 1_000, rounds: 3 },
            "--least" | "--most" => match arguments.next().and_then(|number| number.parse().ok()) {
                Some(number) if argument == "--least" => scale.least = number,
                Some(number) if number >= 1_000 => scale.most = number,
                _ => return usage("--least takes a number, --most one from 1000"),
            },
            part if PARTS.iter().any(|(name, _)| *name == part) => parts.push(argument),
            other => return usage(other),
        }
    }
    if let Err(error) = lab::enter() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let clock = if WALL.load(Ordering::Relaxed) { "time on the wall" } else { "time of the processor" };
    println!("Linux {}, {clock}, nothing above {}", kernel.trim(), count(scale.most));
    for (_, part) in PARTS.iter().filter(|(name, _)| parts.is_empty() || parts.iter().any(|part| part == name)) {
        part(&scale);
    }
    ExitCode::SUCCESS
}

fn usage(what: &str) -> ExitCode {
    let parts = PARTS.map(|(name, _)| name).join(" ");
    eprintln!("{what}: the arguments are --test, --wall, --least NUMBER, --most NUMBER, and parts of: {parts}");
    ExitCode::FAILURE
}

// ---- what is measured ----

/// Rules in one transaction: in one chain, and in chains of a hundred.
fn write(scale: &Scale) {
    title(
        "Rules in one transaction",
        "rules | chains | build, each | commit, each | batch | bytes each | process | kernel, each",
    );
    for in_each in [usize::MAX, 100] {
        for rules in scale.sizes(1_000, 1_000_000) {
            let rounds = if rules < 100_000 { scale.rounds.min(7) } else { 1 };
            let runs = iter::repeat_with(|| apart(rules, |conn| write_once(conn, rules, in_each))).take(rounds);
            let runs: Vec<Filled> = runs.collect();
            row(&[count(rules), count(rules.div_ceil(in_each))], &Filled::median(runs), rules);
        }
    }
}

fn write_once(conn: &mut Conn, rules: usize, in_each: usize) -> Filled {
    conn.commit(Batch::new().add(&fw())).unwrap();
    let chains: Vec<Chain> = (0..rules.div_ceil(in_each)).map(chain).collect();
    let filled = Filled::by_one_batch(conn, |batch| {
        for chain in &chains {
            batch.add(chain);
        }
        for n in 0..rules {
            batch.append(&chains[n / in_each], rule(n));
        }
    });
    let chains: Vec<&ChainRef> = chains.iter().map(Chain::at).collect();
    assert_eq!(uses(conn, &chains), rules);
    filled
}

/// Elements into a set that was empty.
fn fill(scale: &Scale) {
    title(
        "Elements into an empty set",
        "set | how | elements | build, each | commit, each | batch | bytes each | process | kernel, each",
    );
    for elements in scale.sizes(10_000, 10_000_000).chain((scale.most == 1_000).then_some(1_000)) {
        let addresses = || (0..elements).map(address);
        for how in ["one batch", "one batch, sized", "loader"] {
            fill_once(["hash", how], elements, Set::<Ipv4Addr>::new(fw(), "set"), addresses());
        }
    }
    for elements in scale.sizes(1_000, 1_000_000) {
        let networks = || (0..elements).map(network);
        fill_once(["intervals", "one batch, ascending"], elements, Set::new(fw(), "set"), networks());
        // Each network once, in no order: the factor and the powers of ten have no divisor in common.
        let mixed = (0..elements).map(|n| network(n * 7_919 % elements));
        fill_once(["intervals", "one batch, in no order"], elements, Set::new(fw(), "set"), mixed);
        fill_once(["intervals", "loader"], elements, Set::new(fw(), "set"), networks());
    }
    for elements in scale.sizes(1_000, 100_000) {
        let pairs = || (0..elements).map(|n| (network(n), Interval::<Port>::value(443)));
        fill_once(["concatenated intervals", "one batch"], elements, Set::new(fw(), "set"), pairs());
        fill_once(["concatenated intervals", "loader"], elements, Set::new(fw(), "set"), pairs());
    }
}

fn fill_once<K>(what: [&str; 2], elements: usize, set: Set<K>, keys: impl Iterator<Item = K> + Send)
where
    K: Key + nftlink::IntoElement<K> + Send,
{
    let filled = apart(elements, |conn| {
        let set = if what[1] == "one batch, sized" { set.size(elements as u32) } else { set };
        conn.commit(Batch::new().add(&fw())).unwrap();
        let (filled, set) = if what[1] == "loader" {
            Filled::by(|| Loader::new(&set).load(conn, keys).unwrap())
        } else {
            conn.commit(Batch::new().add(&set)).unwrap();
            let filled = Filled::by_one_batch(conn, |batch| _ = batch.add_elements(&set, keys));
            (filled, set)
        };
        assert_counted(conn, &set, elements);
        filled
    });
    row(&[what[0].to_owned(), what[1].to_owned(), count(elements)], &filled, elements);
}

/// One change of a chain of many rules, each a commit of its own.
fn change(scale: &Scale) {
    title(
        "One rule more, beside many",
        "rules in the chain | append | insert at the head | insert after the last | replace the last | delete the last",
    );
    let mut elsewhere = Vec::new();
    for rules in iter::once(1).chain(scale.sizes(1_000, 1_000_000)) {
        let times = apart(rules, |conn| change_once(scale, conn, rules));
        let times = times.map(|times| short(median(times)));
        println!("| {} | {} |", count(rules), times[..5].join(" | "));
        elsewhere.push(format!("| {} | {} |", count(rules), times[5..].join(" | ")));
    }
    title(
        "One rule more, elsewhere",
        "rules in the long chain | append to another chain | append a rule without a verdict to it | delete from it | \
         append to a chain of another table",
    );
    elsewhere.iter().for_each(|line| println!("{line}"));
}

fn change_once(scale: &Scale, conn: &mut Conn, rules: usize) -> [Vec<Duration>; 9] {
    let (long, short) = (hooked(0), hooked(1));
    let other = Table::inet("other");
    let third = other.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&fw()).add(&long).add(&short).add(&other).add(&third);
    (0..rules).for_each(|n| _ = batch.append(&long, rule(n)));
    conn.commit(&batch).unwrap();
    drop(batch);
    let mut times: [Vec<Duration>; 9] = Default::default();
    for n in 0..scale.rounds(rules) {
        let (last, append) = add_rule(conn, |batch| _ = batch.append(&long, rule(n)));
        let (first, insert) = add_rule(conn, |batch| _ = batch.insert(&long, rule(n)));
        let (after, insert_after) = add_rule(conn, |batch| _ = batch.insert_after(&long, last, rule(n)));
        let replace = commit(conn, |batch| _ = batch.replace(&long, after, rule(n + 1)));
        let delete = commit(conn, |batch| _ = batch.delete_rule(&long, after));
        commit(conn, |batch| _ = batch.delete_rule(&long, first).delete_rule(&long, last));
        let (there, to_short) = add_rule(conn, |batch| _ = batch.append(&short, rule(n)));
        let (_, plain) = add_rule(conn, |batch| _ = batch.append(&short, Rule::new().counter()));
        let from_short = commit(conn, |batch| _ = batch.delete_rule(&short, there));
        let (_, to_third) = add_rule(conn, |batch| _ = batch.append(&third, rule(n)));
        let round = [append, insert, insert_after, replace, delete, to_short, plain, from_short, to_third];
        times.iter_mut().zip(round).for_each(|(times, time)| times.push(time));
    }
    assert_eq!(uses(conn, &[long.at()]), rules);
    assert_eq!(uses(conn, &[short.at()]), scale.rounds(rules));
    times
}

/// One element of a set of many, each a commit of its own.
fn element(scale: &Scale) {
    title(
        "One element more, beside many",
        "set | elements | add | delete | read (`Conn::element`) | add to another set of the table",
    );
    for elements in iter::once(1).chain(scale.sizes(1_000, 1_000_000)) {
        let one = (address(elements + 5), Ipv4Addr::new(9, 9, 9, 9));
        element_once(scale, "hash", elements, address, one);
    }
    for elements in iter::once(1).chain(scale.sizes(1_000, 1_000_000)) {
        let one = (network(elements + 5), Interval::value(Ipv4Addr::new(9, 9, 9, 9)));
        element_once(scale, "intervals", elements, network, one);
    }
    for elements in iter::once(1).chain(scale.sizes(1_000, 100_000)) {
        let pair = |n| (network(n), Interval::<Port>::value(443));
        element_once(scale, "concatenated intervals", elements, pair, (pair(elements + 5), pair(0)));
    }
    title(
        "One verdict more, in a map to a chain",
        "rules in a chain of the table | add an element with a jump | with accept",
    );
    for rules in iter::once(1).chain(scale.sizes(1_000, 1_000_000)) {
        let times = apart(rules, |conn| {
            let (long, doors) = (hooked(0), Map::<Port, Verdict>::new(fw(), "doors"));
            let mut batch = Batch::new();
            batch.add(&fw()).add(&long).add(&chain(0)).add(&doors);
            (0..rules).for_each(|n| _ = batch.append(&long, rule(n)));
            batch.append(&long, Rule::new().vmap(tcp::dport(), &doors));
            conn.commit(&batch).unwrap();
            drop(batch);
            let [jump, accept] = [Verdict::jump(&chain(0)), Verdict::ACCEPT].map(|verdict| {
                let rounds = (0..scale.rounds(rules)).map(|_| {
                    let time = commit(conn, |batch| _ = batch.create_elements(&doors, [(80, verdict.clone())]));
                    commit(conn, |batch| _ = batch.delete_keys(&doors, [80]));
                    time
                });
                median(rounds.collect())
            });
            [jump, accept]
        });
        println!("| {} | {} | {} |", count(rules), short(times[0]), short(times[1]));
    }
}

fn element_once<K>(scale: &Scale, kind: &str, elements: usize, key: impl Fn(usize) -> K + Send, (one, other): (K, K))
where
    K: Key + nftlink::IntoElement<K> + Clone + Send + Sync,
{
    let times = apart(elements, |conn| {
        let set = Set::<K>::new(fw(), "set");
        let small = Set::<K>::new(fw(), "small");
        conn.commit(Batch::new().add(&fw()).add(&small)).unwrap();
        let set = Loader::new(&set).load(conn, (0..elements).map(key)).unwrap();
        assert_counted(conn, &set, elements);
        let mut times: [Vec<Duration>; 4] = Default::default();
        for _ in 0..scale.rounds(elements) {
            times[0].push(commit(conn, |batch| _ = batch.create_elements(&set, [one.clone()])));
            times[2].push(timed(|| conn.element(&set, one.clone()).unwrap()).1.0);
            times[1].push(commit(conn, |batch| _ = batch.delete_elements(&set, [one.clone()])));
            times[3].push(commit(conn, |batch| _ = batch.create_elements(&small, [other.clone()])));
            commit(conn, |batch| _ = batch.delete_elements(&small, [other.clone()]));
        }
        assert!(conn.element(&set, one.clone()).is_err_and(|error| error.is_not_found()));
        times
    });
    let times = times.map(|times| short(median(times)));
    println!("| {kind} | {} | {} |", count(elements), times.join(" | "));
}

/// Listings.
fn list(scale: &Scale) {
    title(
        "Listing rules",
        "rules | chains | `rules` | `stream_rules` | `rule_heads` | `stream_rule_heads` | `rules` of one chain | \
         process: `rules` | `stream_rules` | `rule_heads`",
    );
    for in_each in [usize::MAX, 100] {
        for rules in scale.sizes(1_000, 100_000) {
            apart(rules, |conn| {
                write_once(conn, rules, in_each);
                let table = fw();
                let (all, owned) = timed(|| conn.rules(&table).unwrap().len());
                let (streamed, stream) = timed(|| conn.stream_rules(&table).unwrap().map(Result::unwrap).count());
                let (heads, head) = timed(|| conn.rule_heads(&table).unwrap().len());
                let (beheaded, streamed_heads) =
                    timed(|| conn.stream_rule_heads(&table).unwrap().map(Result::unwrap).count());
                let (one, of_one) = timed(|| conn.rules(&chain(0)).unwrap().len());
                assert_eq!([all, streamed, heads, beheaded], [rules; 4]);
                assert_eq!(one, rules.min(in_each));
                let times = [&owned, &stream, &head, &streamed_heads, &of_one].map(|run| short(run.0)).join(" | ");
                let memory = [&owned, &stream, &head].map(|run| mega(run.1)).join(" | ");
                println!("| {} | {} | {times} | {memory} |", count(rules), count(rules.div_ceil(in_each)));
            });
        }
    }
    title(
        "Listing elements",
        "set | elements | `elements` | `stream_elements` | process: `elements` | `stream_elements`",
    );
    for elements in scale.sizes(1_000, 10_000_000) {
        list_once("hash", elements, address);
    }
    for elements in scale.sizes(1_000, 1_000_000) {
        list_once("intervals", elements, network);
    }
}

fn list_once<K>(kind: &str, elements: usize, key: impl Fn(usize) -> K + Send)
where
    K: Key + nftlink::IntoElement<K> + Send + 'static,
    Set<K>: nftlink::ElementSource,
{
    apart(elements, |conn| {
        conn.commit(Batch::new().add(&fw())).unwrap();
        let set = Loader::new(&Set::<K>::new(fw(), "set")).load(conn, (0..elements).map(key)).unwrap();
        let (streamed, stream) = timed(|| conn.stream_elements(&set).unwrap().map(Result::unwrap).count());
        assert_eq!(streamed, elements);
        // Quadratic: of ten million once is enough.
        let [time, memory] = if elements > 1_000_000 {
            ["–", "–"].map(str::to_owned)
        } else {
            let (listed, list) = timed(|| conn.elements(&set).unwrap().len());
            assert_eq!(listed, elements);
            [short(list.0), mega(list.1)]
        };
        println!("| {kind} | {} | {time} | {} | {memory} | {} |", count(elements), short(stream.0), mega(stream.1));
    });
}

/// Small readings beside a large ruleset, and the end of one.
fn beside(scale: &Scale) {
    title(
        "Beside many rules in one chain",
        "rules | `generation` | `table` | `chain` | first rule by its handle | last rule | one object | \
         rules of another chain | flush the chain, each | delete the table, each",
    );
    for rules in iter::once(1).chain(scale.sizes(1_000, 1_000_000)) {
        let (times, each) = apart(rules, |conn| {
            write_once(conn, rules, usize::MAX);
            let (long, other, hits) = (chain(0), chain(1), nftlink::object::Counter::named(fw(), "hits"));
            let mut batch = Batch::new();
            conn.commit(batch.add(&other).add(&hits).append(&other, rule(0))).unwrap();
            let (first, _) = add_rule(conn, |batch| _ = batch.insert(&long, rule(0)));
            let (last, _) = add_rule(conn, |batch| _ = batch.append(&long, rule(0)));
            let rounds = scale.rounds(rules);
            let mut of =
                |read: &mut dyn FnMut(&mut Conn)| median((0..rounds).map(|_| timed(|| read(conn)).1.0).collect());
            let times = [
                of(&mut |conn| _ = conn.generation().unwrap()),
                of(&mut |conn| _ = conn.table(fw()).unwrap()),
                of(&mut |conn| _ = conn.chain(&long).unwrap()),
                of(&mut |conn| _ = conn.rule(&long, first).unwrap()),
                of(&mut |conn| _ = conn.rule(&long, last).unwrap()),
                of(&mut |conn| _ = conn.counter(&hits).unwrap()),
                of(&mut |conn| assert_eq!(conn.rules(&other).unwrap().len(), 1)),
            ];
            let flush = commit(conn, |batch| _ = batch.flush(&long));
            assert_eq!(uses(conn, &[chain(0).at()]), 0);
            let mut batch = Batch::new();
            (0..rules).for_each(|n| _ = batch.append(&long, rule(n)));
            conn.commit(&batch).unwrap();
            (times, [flush, commit(conn, |batch| _ = batch.delete(&fw()))])
        });
        let times = times.map(short).join(" | ");
        println!("| {} | {times} | {} | {} |", count(rules), short_each(each[0], rules), short_each(each[1], rules));
    }
}

/// What stops a batch.
fn limits(scale: &Scale) {
    title("Limits", "what | limit | beyond it");
    apart(0, |conn| {
        let table = fw();
        conn.commit(Batch::new().add(&table)).unwrap();

        // As much as the send buffer may have; in a trial not more than a little.
        let asked = if scale.most > 1_000_000 { usize::MAX } else { 64 << 20 };
        let limit = match Conn::options().send_buffer(asked).open() {
            Err(Error::TooLarge { limit, .. }) => Some(limit),
            Err(error) => panic!("{error}"),
            Ok(_) => None,
        };
        let wmem_max = fs::read_to_string("/proc/sys/net/core/wmem_max").unwrap_or_default();
        let shown = limit.map_or(format!("more than {}", count(asked)), count);
        line("bytes of a batch", &shown, &format!("`net.core.wmem_max` is {}", wmem_max.trim()));
        // A batch that is almost that large, of what costs the kernel little: a table that is there already.
        let told = table.clone().comment("x".repeat(127));
        conn.commit(Batch::new().delete(&table).add(&told)).unwrap();
        let mut batch = Batch::new();
        let one = batch.add(&told).as_bytes().len();
        let most = limit.unwrap_or(asked);
        (1..(most - 4_096) / one).for_each(|_| _ = batch.add(&told));
        let (outcome, run) = timed(|| conn.commit(&batch));
        let outcome = outcome.map_or_else(|error| error.to_string(), |()| format!("committed in {}", short(run.0)));
        let what = format!("{} bytes, {} messages", count(batch.as_bytes().len()), count(batch.len()));
        line("nearly that much", &what, &outcome);
        if limit.is_some() {
            (0..4_096 / one + 2).for_each(|_| _ = batch.add(&told));
            let error = conn.commit(&batch).unwrap_err();
            assert!(matches!(error, Error::TooLarge { .. }), "{error}");
            line("a little more", &format!("{} bytes", count(batch.as_bytes().len())), &error.to_string());
        }
        drop(batch);

        // A rule of too many expressions.
        let long = hooked(0);
        conn.commit(Batch::new().add(&long)).unwrap();
        let counters = |n| (0..n).fold(Rule::new(), |rule, _| rule.counter());
        let rule_of = |n: usize| {
            let mut batch = Batch::new();
            batch.append(&long, counters(n));
            batch
        };
        conn.commit(&rule_of(128)).unwrap();
        line("expressions of a rule", "128", &conn.commit(&rule_of(129)).unwrap_err().to_string());

        // A chain of jumps.
        let deep = |n: usize| fw().chain(format!("deep{n}"));
        let mut batch = Batch::new();
        (0..=32).for_each(|n| _ = batch.add(&deep(n)));
        (0..32).for_each(|n| _ = batch.append(deep(n), Rule::new().jump(deep(n + 1))));
        conn.commit(&batch).unwrap();
        let from = |n: usize| {
            let mut batch = Batch::new();
            batch.append(&long, Rule::new().jump(deep(n)));
            batch
        };
        let deepest = (0..=32).find(|n| conn.check(&from(*n)).is_ok()).unwrap();
        line("jumps within jumps", &count(33 - deepest), &conn.commit(&from(deepest - 1)).unwrap_err().to_string());
        // As many as there may be, which some kernels limit.
        let jumps = scale.most.min(100_000);
        let mut batch = Batch::new();
        (0..jumps).for_each(|_| _ = batch.append(&long, Rule::new().jump(deep(32))));
        let outcome = conn.commit(&batch).map_or_else(|error| first_line(&error), |()| "committed".to_owned());
        let limit = fs::read_to_string("/proc/sys/net/netfilter/nf_tables_jumps_max_netns").ok();
        let limit = limit.map_or("no limit of its own".to_owned(), |limit| limit.trim().to_owned());
        line("jumps in a namespace", &limit, &format!("{} more: {outcome}", count(jumps)));

        // A set that says how large it may be.
        let sized = Set::<Ipv4Addr>::new(&table, "sized").size(1_000);
        let mut batch = Batch::new();
        batch.add(&sized).add_elements(&sized, (0..1_000).map(address));
        conn.commit(&batch).unwrap();
        batch.clear();
        batch.add_elements(&sized, [address(1_000)]);
        line("elements of a set", "its size", &first_line(&conn.commit(&batch).unwrap_err()));
    });

    // The handles of what a batch has added come as answers, which have to fit the receive buffer.
    title(
        "Handles of the rules that a batch has added",
        "rules | commit, each | with handles, each | complete | `Applied::rule`, each",
    );
    for rules in scale.sizes(1_000, 100_000) {
        apart(rules, |conn| {
            let long = chain(0);
            conn.commit(Batch::new().add(&fw()).add(&long)).unwrap();
            let mut batch = Batch::new();
            let ops: Vec<Op> = (0..rules).map(|n| batch.append(&long, rule(n)).last()).collect();
            let ((), plain) = timed(|| conn.commit(&batch).unwrap());
            conn.commit(Batch::new().flush(&long)).unwrap();
            let (applied, handles) = timed(|| conn.commit_with_handles(&batch).unwrap());
            // Of the last ones only: it is the position that costs.
            let asked = &ops[rules / 2..][..100];
            let (_, ask) = timed(|| asked.iter().filter_map(|op| applied.rule(*op)).count());
            let complete = if applied.is_complete() { "yes" } else { "no" };
            let times = [short_each(plain.0, rules), short_each(handles.0, rules)].join(" | ");
            println!("| {} | {times} | {complete} | {} |", count(rules), short_each(ask.0, asked.len()));
        });
    }
}

// ---- what there is ----

fn fw() -> Table {
    Table::inet("fw")
}

/// A chain that no packet meets, until a rule leads there.
fn chain(n: usize) -> Chain {
    fw().chain(format!("chain{n}"))
}

/// A chain that packets go through.
fn hooked(n: usize) -> Chain<Hooked> {
    fw().chain(format!("hooked{n}")).filter(Hook::INPUT, Priority::FILTER)
}

fn address(n: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + n as u32)
}

/// Networks that are not neighbours.
fn network(n: usize) -> Interval<Ipv4Addr> {
    Interval::prefix(Ipv4Addr::from_bits(0x0a00_0000 + 16 * n as u32), 29)
}

fn rule(n: usize) -> Rule {
    let port = n as u16 | 1;
    Rule::new().when(ip::saddr().eq(address(n))).when(tcp::dport().eq(port)).counter().drop()
}

/// How many rules the kernel has in those chains.
fn uses(conn: &mut Conn, chains: &[&ChainRef]) -> usize {
    let there = conn.chains(&fw()).unwrap();
    let wanted: HashSet<&ChainRef> = chains.iter().copied().collect();
    there.iter().filter(|chain| wanted.contains(chain.at())).map(|chain| chain.uses() as usize).sum()
}

/// Linux 6.16 tells how many there are: before that all are listed, if they are few.
fn assert_counted<K: Key>(conn: &mut Conn, set: &Set<K>, elements: usize) {
    let counted = match conn.set(set).unwrap().count() {
        Some(counted) => counted as usize,
        None if elements > 100_000 => return,
        None => conn.elements(set).unwrap().len(),
    };
    assert_eq!(counted, elements);
}

/// Commits a batch of one change, and tells how long it took.
fn commit(conn: &mut Conn, change: impl FnOnce(&mut Batch)) -> Duration {
    let mut batch = Batch::new();
    change(&mut batch);
    timed(|| conn.commit(&batch).unwrap()).1.0
}

/// Commits a batch of one rule, and returns its handle.
fn add_rule(conn: &mut Conn, change: impl FnOnce(&mut Batch)) -> (RuleHandle, Duration) {
    let mut batch = Batch::new();
    change(&mut batch);
    let (applied, run) = timed(|| conn.commit_with_handles(&batch).unwrap());
    (applied.rule(batch.last()).unwrap(), run.0)
}

// ---- how it is measured ----

/// What it took to put something into the kernel.
struct Filled {
    build: Duration,
    commit: Duration,
    /// Bytes of the batch.
    batch: usize,
    /// Memory of the process.
    process: usize,
    /// Memory of the kernel.
    kernel: usize,
}

impl Filled {
    fn by_one_batch(conn: &mut Conn, fill: impl FnOnce(&mut Batch)) -> Self {
        let before = kernel_memory();
        let mut batch = Batch::new();
        let ((build, commit), run) = timed(|| {
            let ((), build) = timed_plainly(|| fill(&mut batch));
            (build, timed_plainly(|| conn.commit(&batch).unwrap()).1)
        });
        let kernel = kernel_memory().saturating_sub(before);
        Self { build, commit, batch: batch.as_bytes().len(), process: run.1, kernel }
    }

    /// Without a batch that could be told from what it does.
    fn by<T>(work: impl FnOnce() -> T) -> (Self, T) {
        let before = kernel_memory();
        let (value, run) = timed(work);
        let kernel = kernel_memory().saturating_sub(before);
        (Self { build: Duration::ZERO, commit: run.0, batch: 0, process: run.1, kernel }, value)
    }

    fn median(runs: Vec<Self>) -> Self {
        let build = median(runs.iter().map(|run| run.build).collect());
        let commit = median(runs.iter().map(|run| run.commit).collect());
        Self { build, commit, ..runs.into_iter().next_back().expect("there was a run") }
    }
}

fn row(what: &[String], filled: &Filled, things: usize) {
    let known = |known: bool, text: String| if known { text } else { "–".to_owned() };
    // Of a few the memory of the kernel is lost in that of others.
    let kernel = known(things >= 100_000, format!("{} B", filled.kernel / things));
    let cells = [
        known(!filled.build.is_zero(), short_each(filled.build, things)),
        short_each(filled.commit, things),
        known(filled.batch > 0, mega(filled.batch)),
        known(filled.batch > 0, format!("{:.1}", filled.batch as f64 / things as f64)),
        mega(filled.process),
        kernel,
    ];
    println!("| {} | {} |", what.join(" | "), cells.join(" | "));
}

/// Does work in a network namespace of its own, of which nothing is left afterwards.
fn apart<T: Send>(size: usize, work: impl FnOnce(&mut Conn) -> T + Send) -> T {
    thread::scope(|scope| {
        let work = move || {
            lab::isolate_thread().expect("a process that has entered the laboratory may go on");
            let mut conn = Conn::open().unwrap();
            let value = work(&mut conn);
            let full = kernel_memory();
            conn.commit(Batch::new().flush_ruleset()).unwrap();
            // The kernel frees in the background, which the next measurement had better not meet.
            if size >= 100_000 {
                settle(full);
            }
            value
        };
        scope.spawn(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Waits until the kernel frees no more memory.
fn settle(mut last: usize) {
    for _ in 0..100 {
        thread::sleep(Duration::from_millis(100));
        let now = kernel_memory();
        if now.abs_diff(last) < 1 << 20 {
            return;
        }
        last = now;
    }
}

/// How long it takes, and how much memory the process has more, at most.
fn timed<T>(work: impl FnOnce() -> T) -> (T, (Duration, usize)) {
    // This makes what is resident the most there was.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = field("/proc/self/status", "VmRSS:");
    let (value, time) = timed_plainly(work);
    (value, (time, field("/proc/self/status", "VmHWM:").saturating_sub(before)))
}

fn timed_plainly<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let (wall, began) = (Instant::now(), cpu_time());
    let value = work();
    let time = if WALL.load(Ordering::Relaxed) { wall.elapsed() } else { cpu_time() - began };
    (value, time)
}

/// What the calling thread has used of a processor, in the kernel included.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock").into()
}

fn kernel_memory() -> usize {
    ["SUnreclaim:", "VmallocUsed:", "Percpu:"].map(|name| field("/proc/meminfo", name)).iter().sum()
}

/// A line of a file of /proc, in bytes.
fn field(file: &str, name: &str) -> usize {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<usize>().ok()).unwrap_or_default() * 1024
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

// ---- how it is told ----

fn title(text: &str, columns: &str) {
    let rule = "---|".repeat(columns.split(" | ").count());
    println!("\n## {text}\n\n| {columns} |\n|{rule}");
}

fn line(what: &str, limit: &str, beyond: &str) {
    println!("| {what} | {limit} | {} |", beyond.replace('\n', "; "));
}

fn first_line(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn count(n: usize) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

/// Three digits and a unit.
fn short(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    let (value, unit) = match nanos {
        _ if nanos < 1e3 => (nanos, "ns"),
        _ if nanos < 1e6 => (nanos / 1e3, "µs"),
        _ if nanos < 1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    let digits = if value < 9.95 { 2 } else { usize::from(value < 99.5) };
    format!("{value:.digits$} {unit}")
}

fn short_each(time: Duration, things: usize) -> String {
    short(Duration::from_nanos((time.as_nanos() / things as u128) as u64))
}

fn mega(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
