//! A port is not looked up among addresses.

use std::net::Ipv4Addr;

use nftlink::{Set, Table, field::tcp};

fn main() {
    let addresses = Set::<Ipv4Addr>::new(Table::inet("fw"), "addresses");
    let _ = tcp::dport().in_set(&addresses);
}
