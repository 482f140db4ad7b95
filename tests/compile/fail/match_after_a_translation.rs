//! Nothing follows a translation.

use std::net::Ipv4Addr;

use nftlink::{Rule, field::tcp};

fn main() {
    let _ = Rule::new().dnat(Ipv4Addr::LOCALHOST).when(tcp::dport().eq(80));
}
