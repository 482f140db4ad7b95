//! Extension headers are read only.

use nftlink::Rule;
use nftlink::field::frag;

fn main() {
    Rule::new().set(frag::id(), 5);
}
