use std::net::Ipv4Addr;

use nftlink::field::tcp;
use nftlink::{Map, Rule, Table};

fn main() {
    let servers = Map::of(Table::inet("fw"), "servers", tcp::dport()).to(nftlink::field::ip::daddr());
    let _: &Map<_, Ipv4Addr> = &servers;
    Rule::new().redirect_to(tcp::dport().map(&servers));
}
