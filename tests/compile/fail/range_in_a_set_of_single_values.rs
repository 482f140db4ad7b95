//! A range needs a set of intervals.

use std::net::Ipv4Addr;

use nftlink::{Batch, Interval, Set, Table};

fn main() {
    let addresses = Set::<Ipv4Addr>::new(Table::inet("fw"), "addresses");
    Batch::new().add_elements(&addresses, [Interval::prefix(Ipv4Addr::LOCALHOST, 8)]);
}
