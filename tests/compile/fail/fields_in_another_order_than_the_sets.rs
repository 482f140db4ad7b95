//! The fields of a concatenation come in the order of the key.

use std::net::Ipv4Addr;

use nftlink::datum::Port;
use nftlink::field::{concat, ip, tcp};
use nftlink::{Set, Table};

fn main() {
    let services = Set::<(Ipv4Addr, Port)>::new(Table::inet("fw"), "services");
    let _ = concat((tcp::dport(), ip::saddr())).in_set(&services);
}
