//! A mark is not set to a port.

use nftlink::datum::Port;
use nftlink::field::{meta, tcp};
use nftlink::{Map, Rule, Table};

fn main() {
    let ports = Map::<Port, Port>::new(Table::inet("fw"), "ports");
    let _ = Rule::new().set(meta::mark(), tcp::dport().map(&ports));
}
