//! Only a map of verdicts decides on packets.

use std::net::Ipv4Addr;

use nftlink::datum::Port;
use nftlink::field::tcp;
use nftlink::{Map, Rule, Table};

fn main() {
    let servers = Map::<Port, Ipv4Addr>::new(Table::inet("fw"), "servers");
    let _ = Rule::new().vmap(tcp::dport(), &servers);
}
