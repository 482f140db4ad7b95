//! A rule goes into a chain, not into a table.

use nftlink::{Batch, Rule, Table};

fn main() {
    Batch::new().append(&Table::inet("fw"), Rule::new().drop());
}
