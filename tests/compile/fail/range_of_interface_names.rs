//! Names have no order.

use nftlink::field::meta;

fn main() {
    let _ = meta::iifname().in_range("eth0"..="eth9");
}
