//! The standard library makes addresses of numbers; a rule does not.

fn main() {
    let _ = nftlink::field::ip::saddr().eq(0x0a00_0001u32);
}
