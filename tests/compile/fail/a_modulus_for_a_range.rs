//! Numbers are made of a range: `0..2` is nft's `mod 2`.

use nftlink::field::numgen;

fn main() {
    numgen::inc(2);
}
