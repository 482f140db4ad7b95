//! The values of the n-th rule or element. They are computed, so that no table of them is in anybody's memory.

use std::net::Ipv4Addr;

/// The n-th single address: from 10.0.0.0 on.
pub fn address(n: u64) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + n as u32)
}

/// The n-th port, from 1 on, round and round.
pub fn port(n: u64) -> u16 {
    (1 + n % 65_535) as u16
}

/// The first address of the n-th prefix, which has 24 bits: from 16.0.0.0 on, ascending, every second one.
pub fn prefix(n: u64) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x1000_0000 + (n as u32) * 512)
}

/// Whether the n-th entry of the verdict map says accept; else it says drop.
pub fn accepts(n: u64) -> bool {
    n % 2 == 0
}
