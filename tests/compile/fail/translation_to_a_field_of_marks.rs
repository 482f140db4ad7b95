use nftlink::Rule;
use nftlink::field::meta;

fn main() {
    Rule::new().dnat(meta::mark());
}
