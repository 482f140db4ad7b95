//! Receive buffers that are too small, down to the smallest that the kernel gives: room for an event or two.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::os::fd::AsFd;

use nftlink::field::{meta, udp};
use nftlink::monitor::{Event, Monitor, Notice};
use nftlink::trace::{Traced, Tracer};
use nftlink::{Hook, Policy, Priority, Rule, Table};
use nix::sys::socket::{setsockopt, sockopt};

use crate::support::random::{Random, seed};
use crate::{commit, conn, fw, marks, marks_of};

/// Takes the buffer away that the library has asked for. The kernel gives twice as much, and never less than it must.
fn shrink(listener: &impl AsFd, bytes: usize) {
    setsockopt(listener, sockopt::RcvBuf, &bytes).unwrap();
}

/// What a monitor has told, beside what there was to tell.
#[derive(Default)]
struct Told {
    /// The marks that each commit added, by its generation.
    expected: BTreeMap<u32, Vec<u32>>,
    last: u32,
    last_complete: u32,
    /// Something was lost since the last complete commit, as has been told.
    lost: bool,
    complete: u32,
    incomplete: u32,
    overruns: u32,
}

impl Told {
    fn note(&mut self, notice: Notice) {
        let commit = match notice {
            Notice::Commit(commit) => commit,
            Notice::Overrun(overrun) => {
                assert_eq!(overrun.last_complete().map_or(0, |last| last.get()), self.last_complete);
                (self.lost, self.overruns) = (true, self.overruns + 1);
                return;
            }
            other => panic!("{other:?}"),
        };
        let generation = commit.generation().get();
        assert!(generation > self.last, "{generation} is told after {}", self.last);
        self.last = generation;
        if !commit.is_complete() {
            assert!(self.lost, "generation {generation} lacks something of which nothing was told");
            self.incomplete += 1;
            return;
        }
        assert!(self.lost || generation == self.last_complete + 1, "{generation} follows {}", self.last_complete);
        (self.lost, self.last_complete) = (false, generation);
        self.complete += 1;
        let mark = |event: &Event| match event {
            Event::NewElement(added) => {
                u32::from_ne_bytes(added.element().key().unwrap().as_bytes().try_into().unwrap())
            }
            other => panic!("{other}"),
        };
        assert_eq!(commit.events().iter().map(mark).collect::<Vec<_>>(), self.expected[&generation], "{generation}");
    }
}

pub(super) fn monitor_with_the_smallest_buffer_tells_all_that_it_has_lost() {
    let seed = seed();
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let (mut conn, mut monitor) = (conn(), Monitor::open().unwrap());
    shrink(&monitor, 1);
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()));
    let (_, begin) = monitor.resync(&mut conn, |conn| conn.tables(..)).unwrap();
    let mut told = Told { last: begin.get(), last_complete: begin.get(), ..Told::default() };
    let mut next = 0;
    for round in 0..1500u32 {
        // Often a single one, which fits; else more than do.
        let count = if random.one_in(3) { 1 + random.below(40) } else { 1 };
        let new: Vec<u32> = (next..next + count).collect();
        next += count;
        commit(&mut conn, |batch| batch.add_elements(&marks(), new.iter().copied()));
        told.expected.insert(begin.get() + 1 + round, new);
        // At times it reads nothing, a part, or all.
        let most = [0, 1, 2, 5, usize::MAX, usize::MAX][random.below(6) as usize];
        for notice in std::iter::from_fn(|| monitor.try_receive().unwrap()).take(most) {
            told.note(notice);
        }
    }
    std::iter::from_fn(|| monitor.try_receive().unwrap()).for_each(|notice| told.note(notice));
    let end = conn.generation().unwrap().get();
    assert_eq!(end, begin.get() + 1500);
    assert!(told.lost || told.last_complete == end, "the last {} are lost, and nobody says so", end - told.last);
    let Told { complete, incomplete, overruns, .. } = told;
    println!("told {complete} commits whole, {incomplete} in part, {overruns} overruns");
    assert!(complete > 50 && incomplete > 0 && overruns > 0, "{complete} {incomplete} {overruns}");

    // A resync goes on from there.
    commit(&mut conn, |batch| batch.add_elements(&marks(), next..next + 100));
    let (read, generation) = monitor.resync(&mut conn, |conn| Ok(marks_of(conn, &marks()))).unwrap();
    assert!(read.into_iter().eq(0..next + 100));
    assert_eq!(monitor.try_receive().unwrap(), None);
    commit(&mut conn, |batch| batch.add_elements(&marks(), [next + 100]));
    let Some(Notice::Commit(one)) = monitor.try_receive().unwrap() else { panic!() };
    assert!(one.is_complete() && one.generation() == generation.next());
}

pub(super) fn tracer_with_a_small_buffer_tells_that_it_has_lost_events() {
    /// Enough for some packets.
    const ROOM: usize = 4096;
    let seed = seed();
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let table = Table::ip("tracing");
    let chain = table.chain("out").filter(Hook::OUTPUT, Priority::FILTER).policy(Policy::DROP);
    commit(&mut conn(), |batch| {
        batch.add(&table).add(&chain).append(&chain, Rule::new().set(meta::nftrace(), 1));
        batch.append(&chain, Rule::new().when(udp::dport().eq(9)).counter())
    });
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (mut events, mut packets) = (Tracer::open().unwrap(), Tracer::open().unwrap().packets());
    socket.send_to(b"x", "127.0.0.1:9").unwrap_err();
    let all_of_one = std::iter::from_fn(|| events.try_receive().unwrap()).count();
    let Some(Traced::Seen(one)) = packets.try_receive().unwrap() else { panic!("a dropped packet is told at once") };
    assert!(one.is_complete() && one.steps().len() == all_of_one);
    shrink(&events, ROOM);
    shrink(&packets, ROOM);
    let (mut whole, mut overruns) = ([0; 2], [0; 2]);
    for _ in 0..300 {
        let count = 1 + random.below(8) as usize;
        for _ in 0..count {
            // What output drops is refused.
            socket.send_to(b"x", "127.0.0.1:9").unwrap_err();
        }
        // All that one burst has left is read before the next.
        let traced: Vec<_> = std::iter::from_fn(|| events.try_receive().unwrap()).collect();
        let seen = traced.iter().filter(|traced| matches!(traced, Traced::Seen(_))).count();
        let lost = traced.len() - seen;
        assert!(lost > 0 || seen == count * all_of_one, "{seen} of {count} packets, and nothing is lost");
        (whole[0], overruns[0]) = (whole[0] + usize::from(lost == 0), overruns[0] + lost);
        let traced: Vec<_> = std::iter::from_fn(|| packets.try_receive().unwrap()).collect();
        let lost = traced.iter().filter(|traced| matches!(traced, Traced::Overrun)).count();
        let complete: Vec<_> =
            traced.into_iter().filter_map(Traced::seen).filter(|packet| packet.is_complete()).collect();
        assert!(complete.iter().all(|packet| packet.steps().len() == all_of_one), "{complete:?}");
        assert!(
            lost > 0 || complete.len() == count,
            "{} of {count} packets, and nothing is lost: {complete:#?}",
            complete.len()
        );
        (whole[1], overruns[1]) = (whole[1] + usize::from(lost == 0), overruns[1] + lost);
    }
    println!("told {whole:?} of 300 bursts whole, {overruns:?} overruns");
    assert!(whole.into_iter().chain(overruns).all(|count| count > 0), "{whole:?} {overruns:?}");
}
