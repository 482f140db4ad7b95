//! A mark is no destination.

use nftlink::datum::{Mark, Port};
use nftlink::field::tcp;
use nftlink::{Map, Rule, Table};

fn main() {
    let marks = Map::<Port, Mark>::new(Table::inet("fw"), "marks");
    let _ = Rule::new().dnat(tcp::dport().map(&marks));
}
