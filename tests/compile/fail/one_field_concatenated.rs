//! A concatenation has two fields at least.

use nftlink::field::{concat, ip};

fn main() {
    concat((ip::saddr(),));
}
