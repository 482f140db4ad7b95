//! Congestion is no service class.

use nftlink::datum::Ecn;
use nftlink::field::ip;

fn main() {
    ip::dscp().eq(Ecn::CE);
}
