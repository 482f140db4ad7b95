//! A port is always there; what may be missing are headers and options.

use nftlink::field::tcp;

fn main() {
    tcp::dport().exists();
}
