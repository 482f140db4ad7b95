//! A packet that left by another device meets no further statement.

use nftlink::Rule;
use nftlink::datum::IfIndex;

fn main() {
    let _ = Rule::new().fwd(IfIndex::new(2)).counter();
}
