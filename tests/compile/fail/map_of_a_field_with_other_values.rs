use nftlink::field::{ip, meta, tcp};
use nftlink::{Map, Rule, Table};

fn main() {
    let owners = Map::of(Table::inet("fw"), "owners", ip::saddr()).to(meta::mark());
    Rule::new().set(tcp::dport(), ip::saddr().map(&owners));
}
