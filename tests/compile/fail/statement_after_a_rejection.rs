//! Nothing follows a rejection.

use nftlink::Rule;

fn main() {
    let _ = Rule::new().reject().counter();
}
