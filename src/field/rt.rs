//! The packet's route, and the routing header of IPv6: nft has one word for both.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use nftlink::Rule;
//! use nftlink::field::rt;
//!
//! // rt ip nexthop 192.0.2.1
//! let by_that_router = rt::ip_nexthop().eq(Ipv4Addr::new(192, 0, 2, 1));
//! // rt type 0 drop: source routing of old
//! let rule = Rule::new().when(rt::rt_type().eq(0)).drop();
//! ```
//!
//! A packet without a route matches none of [`classid`], [`ip_nexthop`], [`ip6_nexthop`] and [`mtu`]. What the routing
//! header has behind its first four bytes depends on its type: [`rt0`](super::rt0), [`rt2`](super::rt2) or
//! [`srh`](super::srh).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Field;
use super::exthdr::{RT, ipv6};
use super::source::{Families, Needs};
use crate::datum::{Boolean, Datum, HostInteger16, Integer8, L4Proto, Realm};
use crate::expr::{Reg, Rt, RtKey};
use crate::userdata::Typeof;
use crate::wire::Family;

const TABLES: &[Family] = &[Family::INET, Family::IP, Family::IP6, Family::BRIDGE];

fn of_route<V: Datum>(name: &'static str, key: RtKey, tables: &[Family]) -> Field<V> {
    Field::loaded(name, Rt::load(key, Reg::R1), Typeof::Rt(key.get())).needing(Needs::Tables(Families::of(tables)))
}

/// `rt classid`: the realm of the route (Linux 4.10).
pub fn classid() -> Field<Realm> {
    of_route("rt classid", RtKey::CLASSID, TABLES)
}

/// `rt ip nexthop`: the IPv4 address of the next router, or of the destination if there is none on the way (Linux
/// 4.10).
pub fn ip_nexthop() -> Field<Ipv4Addr> {
    of_route("rt ip nexthop", RtKey::NEXTHOP4, &[Family::INET, Family::IP])
}

/// `rt ip6 nexthop`: the IPv6 address of the next router, or of the destination if there is none on the way (Linux
/// 4.10).
pub fn ip6_nexthop() -> Field<Ipv6Addr> {
    of_route("rt ip6 nexthop", RtKey::NEXTHOP6, &[Family::INET, Family::IP6])
}

/// `rt mtu`: the bytes that a TCP segment may have on the route, headers not counted (Linux 4.14).
pub fn mtu() -> Field<HostInteger16> {
    of_route("rt mtu", RtKey::TCPMSS, TABLES)
}

/// `rt ipsec`: whether the packet will go through IPsec (Linux 4.20).
pub fn ipsec() -> Field<Boolean> {
    of_route("rt ipsec", RtKey::IPSEC, TABLES)
}

/// A field of the routing header.
fn field<V: Datum>(name: &'static str, number: u32, offset: u16, len: u8) -> Field<V> {
    ipv6(name, RT, number, offset, len)
}

/// `rt nexthdr`: the protocol behind the header.
pub fn nexthdr() -> Field<L4Proto> {
    field("rt nexthdr", 1, 0, 8)
}

/// `rt hdrlength`: words of eight bytes in the header, less one.
pub fn hdrlength() -> Field<Integer8> {
    field("rt hdrlength", 2, 8, 8)
}

/// `rt type`: of which kind the header is.
pub fn rt_type() -> Field<Integer8> {
    field("rt type", 3, 16, 8)
}

/// `rt seg-left`: how many of the addresses are still ahead.
pub fn seg_left() -> Field<Integer8> {
    field("rt seg-left", 4, 24, 8)
}
