//! `ether`: the header of a frame.

use nftlink::datum::{EtherAddr, EtherType};
use nftlink::field::ether;

use super::comparisons::*;
use super::*;

/// Why no packet matches.
pub(super) const NO_SUCH: &str = "the table sees packets of another protocol alone";

pub(super) fn pairs() -> Vec<Pair> {
    let mut types = of_ether_types();
    for text in ["ether type ip", "ether type { ip }"] {
        types = but(types, text, |pair| pair.not_in(Family::IP6, NO_SUCH).not_in(Family::ARP, NO_SUCH));
    }
    all([of_ether(), types, set()])
}

fn of_ether() -> Vec<Pair> {
    let two =
        [("00:01:02:03:04:05", EtherAddr::new([0, 1, 2, 3, 4, 5])), ("ff:ff:ff:ff:ff:ff", EtherAddr::new([255; 6]))];
    let mut pairs = ordered("ether saddr", ether::saddr(), two);
    pairs.extend(ordered("ether daddr", ether::daddr(), two));
    pairs
}

fn of_ether_types() -> Vec<Pair> {
    let two = [("ip", EtherType::IP), ("ip6", EtherType::IP6)];
    ordered_as("ether type", ether::ether_type(), two, ["0x0800", "0x86dd"])
}

fn set() -> Vec<Pair> {
    let address = EtherAddr::new([0, 1, 2, 3, 4, 5]);
    vec![
        does("ether saddr set 00:01:02:03:04:05", Rule::new().set(ether::saddr(), address)),
        does("ether daddr set ether saddr", Rule::new().set(ether::daddr(), ether::saddr())),
        does("ether type set ip6", Rule::new().set(ether::ether_type(), EtherType::IP6)),
    ]
}
