//! The packet's route.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use nftlink::field::rt;
//!
//! // rt ip nexthop 192.0.2.1
//! let by_that_router = rt::ip_nexthop().eq(Ipv4Addr::new(192, 0, 2, 1));
//! ```
//!
//! A packet without a route matches none of these but [`ipsec`], which is missing for it.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Field;
use super::source::Needs;
use crate::datum::{Boolean, Datum, HostInteger16, Realm};
use crate::expr::{Reg, Rt, RtKey};
use crate::userdata::Typeof;
use crate::wire::Family;

const TABLES: &[Family] = &[Family::INET, Family::IP, Family::IP6, Family::BRIDGE];

fn of_route<V: Datum>(name: &'static str, key: RtKey, tables: &'static [Family]) -> Field<V> {
    Field::loaded(name, Rt::load(key, Reg::R1), Typeof::Rt(key.get())).needing(Needs::Tables(tables))
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
