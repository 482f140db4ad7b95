//! Only a chain at a hook has a policy.

use nftlink::{Policy, Table};

fn main() {
    let _ = Table::inet("fw").chain("ssh").policy(Policy::DROP);
}
