//! When packets are given out.

use super::*;
use crate::trace::event::*;
use crate::wire::{AttrWriter, Family};

const DROP: i32 = 0;
const ACCEPT: i32 = 1;

/// An event of a rule in a chain; `begins` if it is the first one of a base chain.
fn step(id: u32, chain: &str, begins: bool, verdict: i32) -> Step {
    let mut w = AttrWriter::new();
    w.u32s([(NFTA_TRACE_ID, id), (NFTA_TRACE_TYPE, 3)]);
    w.string(NFTA_TRACE_TABLE, b"t");
    w.string(NFTA_TRACE_CHAIN, chain.as_bytes());
    w.nest(NFTA_TRACE_VERDICT, |w| w.u32(1, verdict as u32));
    if begins {
        w.bytes(NFTA_TRACE_NETWORK_HEADER, &[0x45]);
    }
    Step { event: TraceEvent::decode(Family::INET, w.bytes_written()).unwrap(), rule: None }
}

fn given_out(packets: &mut Packets) -> Vec<(u32, usize, bool)> {
    std::iter::from_fn(|| packets.pop())
        .map(|traced| traced.seen().map_or((0, 0, false), |p| (p.id().get(), p.steps().len(), p.is_complete())))
        .collect()
}

#[test]
fn a_dropped_packet_is_given_out_at_once() {
    let (mut packets, now) = (Packets::new(), Instant::now());
    packets.step(step(1, "pre", true, ACCEPT), now);
    packets.step(step(2, "pre", true, ACCEPT), now);
    packets.step(step(1, "in", true, DROP), now);
    let Some(Traced::Seen(packet)) = packets.pop() else { panic!("it was dropped") };
    assert_eq!((packet.id().get(), packet.steps().len()), (1, 2));
    assert_eq!(packet.dropped_at().unwrap().event().chain().name(), &"in");
    assert!(packet.is_complete() && packets.pop().is_none());
    assert_eq!(packets.steps, 1);
}

#[test]
fn a_packet_is_given_out_when_nothing_is_heard_of_it() {
    let (mut packets, begin) = (Packets::new(), Instant::now());
    packets.quiet = Duration::from_millis(10);
    let later = |millis| begin + Duration::from_millis(millis);
    packets.step(step(1, "pre", true, ACCEPT), begin);
    packets.step(step(2, "pre", true, ACCEPT), later(1));
    packets.step(step(1, "in", true, ACCEPT), later(8));
    assert_eq!(packets.expires(), Some(later(11)));
    packets.drained(later(10));
    assert_eq!(given_out(&mut packets), []);
    packets.drained(later(11));
    assert_eq!(given_out(&mut packets), [(2, 1, true)]);
    packets.drained(later(20));
    assert_eq!(given_out(&mut packets), [(1, 2, true)]);
    assert_eq!((packets.expires(), packets.steps), (None, 0));
}

#[test]
fn a_number_that_is_used_again_is_another_packet() {
    let (mut packets, now) = (Packets::new(), Instant::now());
    for chain in ["out", "post", "out", "post"] {
        packets.step(step(1, chain, true, ACCEPT), now);
        // More of the same chain is of the same packet.
        packets.step(step(1, chain, false, ACCEPT), now);
    }
    assert_eq!(given_out(&mut packets), [(1, 4, true)]);
    packets.drained(now + QUIET);
    assert_eq!(given_out(&mut packets), [(1, 4, true)]);
}

#[test]
fn the_oldest_of_too_many_packets_is_given_out() {
    let (mut packets, now) = (Packets::new(), Instant::now());
    packets.max_open = 2;
    for id in [1, 2, 1, 3] {
        packets.step(step(id, "pre", id != 1 || packets.open.is_empty(), ACCEPT), now);
    }
    assert_eq!(given_out(&mut packets), [(2, 1, true)]);
    for id in 10..1000 {
        packets.step(step(id, "pre", true, ACCEPT), now);
        assert!(packets.open.len() <= 2);
    }
}

#[test]
fn steps_without_end_do_not_fill_the_memory() {
    let (mut packets, now) = (Packets::new(), Instant::now());
    packets.max_steps = 10;
    packets.step(step(1, "pre", true, ACCEPT), now);
    for _ in 0..25 {
        packets.step(step(1, "pre", false, ACCEPT), now);
        assert!(packets.steps <= 10);
    }
    assert_eq!(given_out(&mut packets), [(1, 11, false), (1, 11, false)]);
}

#[test]
fn what_was_open_when_events_were_lost_is_not_complete() {
    let (mut packets, now) = (Packets::new(), Instant::now());
    packets.step(step(1, "pre", true, ACCEPT), now);
    packets.step(step(2, "pre", true, DROP), now);
    packets.overrun();
    packets.step(step(1, "in", false, DROP), now);
    assert_eq!(given_out(&mut packets), [(2, 1, true), (1, 1, false), (0, 0, false), (1, 1, false)]);
}

#[test]
fn packets_told_while_a_loss_may_lie_before_them_are_in_doubt() {
    let (mut packets, now) = (Packets::new(), Instant::now());
    packets.step(step(1, "pre", true, ACCEPT), now);
    // The kernel has said that something is lost; where, is known only when the queue was empty.
    packets.in_doubt = true;
    packets.step(step(1, "in", true, DROP), now);
    packets.step(step(2, "pre", true, DROP), now);
    packets.overrun();
    packets.in_doubt = false;
    packets.step(step(3, "pre", true, DROP), now);
    assert_eq!(given_out(&mut packets), [(1, 2, false), (2, 1, false), (0, 0, false), (3, 1, true)]);
}

#[test]
fn packets_whose_numbers_are_used_again_while_events_may_be_lost_are_in_doubt() {
    let (mut packets, now) = (Packets::new(), Instant::now());
    packets.step(step(1, "pre", true, ACCEPT), now);
    // Its last event may be among those that are lost.
    packets.in_doubt = true;
    packets.step(step(1, "pre", true, DROP), now);
    assert_eq!(given_out(&mut packets), [(1, 1, false), (1, 1, false)]);
}
