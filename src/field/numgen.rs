//! Numbers that are made for each packet.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use nftlink::Rule;
//! use nftlink::field::numgen;
//!
//! // dnat to numgen inc mod 2 map { 0 : 192.0.2.1, 1 : 192.0.2.2 }
//! let servers = [(0, Ipv4Addr::new(192, 0, 2, 1)), (1, Ipv4Addr::new(192, 0, 2, 2))];
//! let balanced = Rule::new().dnat(numgen::inc(0..2).map(servers));
//! ```

use std::ops::Range;

use super::Field;
use crate::datum::HostInteger32;
use crate::expr::{Numgen, Reg};
use crate::userdata::Typeof;

/// `numgen inc mod 2 offset 100`: the numbers of a range, one after another and then from the beginning; that is
/// `100..102`.
///
/// A batch refuses a range without a number.
pub fn inc(range: Range<u32>) -> Field<HostInteger32> {
    numbers("numgen inc", Numgen::incremental(range.end.saturating_sub(range.start), Reg::R1).offset(range.start))
}

/// `numgen random mod 2 offset 100`: any number of a range; that is `100..102`.
///
/// A batch refuses a range without a number.
pub fn random(range: Range<u32>) -> Field<HostInteger32> {
    numbers("numgen random", Numgen::random(range.end.saturating_sub(range.start), Reg::R1).offset(range.start))
}

fn numbers(name: &'static str, numgen: Numgen) -> Field<HostInteger32> {
    let Numgen { kind, modulus, offset, .. } = numgen;
    Field::loaded(name, numgen, Typeof::Numgen { kind: kind.get(), modulus, offset })
}
