//! A program that is killed while it commits.

use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::Port;
use nftlink::field::{ip, tcp};
use nftlink::{Batch, Conn, Element, Map, Rule, Set, Table, object};

use crate::process::start;
use crate::support::random::{Random, seed};
use crate::support::state::{Attributes, as_the_kernel_has_it, elements};
use crate::support::times;
use crate::{conn, fw, input, marks};

/// How often the program is killed.
const ROUNDS: usize = 1000;
/// Every so many rounds the program begins with nothing.
const FROM_NOTHING: usize = 10;
/// How many commits' time it has at most.
const COMMITS: u32 = 4;

/// One of two rulesets: two tables with some hundred rules, sets with elements, a map, objects. Nothing is in both.
fn state(which: u32) -> Batch {
    let other = Table::ip("other");
    let (from, name) = (which * 10_000, ["a", "b"][which as usize]);
    let blocked = Set::<Ipv4Addr>::new(fw(), "blocked").timeouts();
    let ports = Map::<Port, Ipv4Addr>::new(&other, format!("ports_{name}"));
    let chain = other.chain(format!("chain_{name}"));
    let counter = object::Counter::named(fw(), format!("counter_{name}"));
    let mut batch = Batch::new();
    batch.reset(&fw()).add(&input()).add(&marks()).add(&blocked).add(&counter);
    batch.add_elements(&marks(), from..from + 300 + which);
    let hour = Duration::from_secs(3600);
    batch.add_elements(&blocked, (0..100).map(|n| Element::new(Ipv4Addr::from(from + n)).timeout(hour)));
    for n in 0..200 + which {
        let rule = Rule::new().when(ip::saddr().eq(Ipv4Addr::from(from + n))).comment(format!("{name}{n}"));
        batch.append(input(), rule.counter().object(&counter).drop());
    }
    batch.append(input(), Rule::new().when(tcp::dport().one_of([from as u16, 22, 80])).comment(name).accept());
    batch.reset(&other).add(&chain).add(&ports);
    batch.add_elements(&ports, (0..50 + which).map(|n| ((from + n) as u16, Ipv4Addr::from(from + n))));
    for n in 0..50 {
        batch.append(&chain, Rule::new().when(tcp::dport().eq((from + n) as u16)).comment(name).accept());
    }
    batch
}

/// Makes one state and the other, until it is killed.
pub(super) fn commits_two_states() {
    let states = [0, 1].map(state);
    let mut conn = conn();
    println!("here");
    loop {
        states.iter().for_each(|state| conn.commit(state).unwrap());
    }
}

/// All there is, but for what the kernel decides by itself.
fn all(conn: &mut Conn) -> (Vec<(String, Attributes)>, Vec<String>) {
    let ((ruleset, elements), _) = conn.snapshot(|conn| Ok((as_the_kernel_has_it(conn), elements(conn)))).unwrap();
    (ruleset, elements)
}

pub(super) fn program_that_is_killed_at_any_moment_leaves_one_of_two_states() {
    let seed = seed();
    let mut random = Random::new(seed);
    let mut conn = conn();
    let mut nothing = Batch::new();
    nothing.flush_ruleset();
    let mut longest = Duration::ZERO;
    let states = [0, 1].map(|which| {
        let (batch, begin) = (state(which), Instant::now());
        conn.commit(&batch).unwrap();
        longest = longest.max(begin.elapsed() * COMMITS);
        all(&mut conn)
    });
    let longest = u32::try_from(longest.as_micros()).unwrap();
    // How long the first commit may take, so that half of those that begin with nothing leave it, however busy the machine
    // has become.
    let mut first = longest / COMMITS;
    assert_ne!(states[0], states[1]);
    conn.commit(&nothing).unwrap();
    let empty = all(&mut conn);
    // In this order: nothing, the one, the other.
    let mut left = [0; 3];
    let mut nothing_there = true;
    for round in 0..times(ROUNDS) {
        let from_nothing = round % FROM_NOTHING == 0;
        if from_nothing {
            conn.commit(&nothing).unwrap();
            nothing_there = true;
        }
        let mut child = start("commits_two_states");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "here\n");
        // Not to wait for something, but to kill it at another moment each time.
        let within = if from_nothing { first } else { longest };
        thread::sleep(Duration::from_micros(random.below(within).into()));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = all(&mut conn);
        let found = if nothing_there && found == empty {
            0
        } else {
            1 + states
                .iter()
                .position(|state| *state == found)
                .unwrap_or_else(|| panic!("round {round}, seed {seed}: neither the one nor the other: {found:#?}"))
        };
        nothing_there = found == 0;
        if from_nothing {
            first = if nothing_there { longest.min(first * 2) } else { 1.max(first / 2) };
        }
        left[found] += 1;
    }
    println!(
        "killed {} times, seed {seed}: left nothing {}, the one {}, the other {}",
        times(ROUNDS),
        left[0],
        left[1],
        left[2]
    );
    // A tenth of the rounds begins with nothing, and half of those leave it; the others leave the one or the other.
    let least = if times(ROUNDS) == ROUNDS { [10, 100, 100] } else { [0, 0, 0] };
    assert!(left.iter().zip(least).all(|(left, least)| *left >= least), "it was killed at the same moment: {left:?}");
    assert!(left[1] + left[2] > 0, "it has committed nothing at all");
    // Nothing of those that were killed is in the way.
    conn.commit(&state(0)).unwrap();
    assert!(all(&mut conn) == states[0]);
}
