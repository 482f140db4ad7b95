//! `udplite`: UDP-Lite.

use nftlink::field::udplite;

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([fields(), set()])
}

fn fields() -> Vec<Pair> {
    all([
        ordered("udplite sport", udplite::sport(), two!(22, 1024)),
        ordered("udplite dport", udplite::dport(), two!(80, 8080)),
        ordered("udplite csumcov", udplite::csumcov(), two!(8, 20)),
        ordered("udplite checksum", udplite::checksum(), two!(1, 65535)),
    ])
}

fn set() -> Vec<Pair> {
    vec![
        does("udplite sport set 7", Rule::new().set(udplite::sport(), 7)),
        does("udplite dport set 9", Rule::new().set(udplite::dport(), 9)),
        does("udplite csumcov set 8", Rule::new().set(udplite::csumcov(), 8)),
        does("udplite checksum set 1", Rule::new().set(udplite::checksum(), 1)),
    ]
}
