//! `esp`: IPsec's encapsulated payload.

use nftlink::field::esp;

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([fields(), set()])
}

fn fields() -> Vec<Pair> {
    all([
        ordered("esp spi", esp::spi(), two!(256, 70000)),
        ordered("esp sequence", esp::sequence(), two!(1, 4294967295)),
    ])
}

fn set() -> Vec<Pair> {
    vec![
        does("esp spi set 7", Rule::new().set(esp::spi(), 7)),
        does("esp sequence set 9", Rule::new().set(esp::sequence(), 9)),
    ]
}
