//! A host is told by its address: a text is none.

use nftlink::Rule;

fn main() {
    let _ = Rule::new().dup("10.0.0.1");
}
