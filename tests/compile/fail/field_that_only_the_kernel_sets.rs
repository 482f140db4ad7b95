//! A rule does not set what only the kernel sets.

use nftlink::Rule;
use nftlink::field::meta;

fn main() {
    let _ = Rule::new().set(meta::iifname(), "eth0");
}
