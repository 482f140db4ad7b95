//! The elements of a map have values.

use nftlink::datum::Port;
use nftlink::expr::Verdict;
use nftlink::{Batch, Map, Table};

fn main() {
    let services = Map::<Port, Verdict>::new(Table::inet("fw"), "services");
    Batch::new().add_elements(&services, [80]);
}
