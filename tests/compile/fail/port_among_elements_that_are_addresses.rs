//! A set of addresses has no ports in it.

use std::net::Ipv4Addr;

use nftlink::{Batch, Set, Table};

fn main() {
    let addresses = Set::<Ipv4Addr>::new(Table::inet("fw"), "addresses");
    Batch::new().add_elements(&addresses, [80u16]);
}
