//! Only intervals are merged.

use std::net::Ipv4Addr;

use nftlink::{Conn, Set, Table};

fn main() {
    let set = Set::<Ipv4Addr>::new(Table::inet("fw"), "set");
    let _ = Conn::open().unwrap().add_merged(&set, [Ipv4Addr::LOCALHOST]);
}
