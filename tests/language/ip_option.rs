//! `ip option`: the options of IPv4.

use std::net::Ipv4Addr;

use nftlink::field::ip;

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([
        options(),
        fields(),
        addresses_of_routes(),
        ordered("ip option ra value", ip::option::ra::value(), two!(1, 300)),
    ])
}

fn options() -> Vec<Pair> {
    vec![
        is("ip option rr exists", ip::option::rr().exists()),
        is("ip option rr missing", ip::option::rr().missing()),
        is("ip option lsrr exists", ip::option::lsrr().exists()),
        is("ip option lsrr missing", ip::option::lsrr().missing()),
        is("ip option ssrr exists", ip::option::ssrr().exists()),
        is("ip option ssrr missing", ip::option::ssrr().missing()),
        is("ip option ra exists", ip::option::ra().exists()),
        is("ip option ra missing", ip::option::ra().missing()),
    ]
}

fn fields() -> Vec<Pair> {
    all([
        chosen("ip option rr type", ip::option::rr::option_type(), two!(1, 9)),
        chosen("ip option rr length", ip::option::rr::length(), two!(1, 9)),
        chosen("ip option rr ptr", ip::option::rr::ptr(), two!(1, 9)),
        chosen("ip option lsrr type", ip::option::lsrr::option_type(), two!(1, 9)),
        chosen("ip option lsrr length", ip::option::lsrr::length(), two!(1, 9)),
        chosen("ip option lsrr ptr", ip::option::lsrr::ptr(), two!(1, 9)),
        chosen("ip option ssrr type", ip::option::ssrr::option_type(), two!(1, 9)),
        chosen("ip option ssrr length", ip::option::ssrr::length(), two!(1, 9)),
        chosen("ip option ssrr ptr", ip::option::ssrr::ptr(), two!(1, 9)),
        chosen("ip option ra type", ip::option::ra::option_type(), two!(1, 9)),
        chosen("ip option ra length", ip::option::ra::length(), two!(1, 9)),
        chosen("ip option ra value", ip::option::ra::value(), two!(1, 9)),
    ])
}

/// To nft, an address in an option is a number.
fn addresses_of_routes() -> Vec<Pair> {
    vec![
        is("ip option rr addr 16909060", ip::option::rr::addr().eq(Ipv4Addr::new(1, 2, 3, 4))),
        is("ip option lsrr addr 16909060", ip::option::lsrr::addr().eq(Ipv4Addr::new(1, 2, 3, 4))),
        is("ip option ssrr addr 16909060", ip::option::ssrr::addr().eq(Ipv4Addr::new(1, 2, 3, 4))),
    ]
}
