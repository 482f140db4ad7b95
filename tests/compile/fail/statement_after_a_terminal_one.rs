//! Nothing follows a verdict.

use nftlink::Rule;

fn main() {
    let _ = Rule::new().accept().counter();
}
