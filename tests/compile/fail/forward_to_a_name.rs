//! Devices are known to the kernel by their indexes, not by their names.

use nftlink::Rule;

fn main() {
    let _ = Rule::new().fwd("eth0");
}
