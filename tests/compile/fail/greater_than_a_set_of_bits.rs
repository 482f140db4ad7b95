//! Sets of bits have no order.

use nftlink::datum::CtState;
use nftlink::field::ct;

fn main() {
    let _ = ct::state().gt(CtState::NEW);
}
