//! Values are not a set.

use nftlink::field::tcp;

fn main() {
    let _ = tcp::dport().in_set([80, 443]);
}
