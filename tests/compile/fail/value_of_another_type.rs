//! An address is not compared with a port.

fn main() {
    let _ = nftlink::field::ip::saddr().eq(22u16);
}
