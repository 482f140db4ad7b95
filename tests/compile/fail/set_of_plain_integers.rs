//! The type of a set's key is an nft data type: a number can be many things.

use nftlink::{Set, Table};

fn main() {
    let _ = Set::<u16>::new(Table::inet("fw"), "ports");
}
