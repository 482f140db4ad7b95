//! A number is no address.

fn main() {
    let _ = nftlink::field::ip::saddr().eq(22);
}
