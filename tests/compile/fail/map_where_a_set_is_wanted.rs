//! A map is not a set.

use nftlink::datum::Port;
use nftlink::expr::Verdict;
use nftlink::field::tcp;
use nftlink::{Map, Table};

fn main() {
    let services = Map::<Port, Verdict>::new(Table::inet("fw"), "services");
    let _ = tcp::dport().in_set(&services);
}
