//! `tcp`, `udp`, and `th`, which is any of them.

use nftlink::datum::TcpFlags;
use nftlink::field::{tcp, th, udp};

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    all([fields(), set()])
}

fn fields() -> Vec<Pair> {
    let flags = [("syn", TcpFlags::SYN), ("ack", TcpFlags::ACK)];
    [
        ordered("tcp sport", tcp::sport(), two!(22, 1024)),
        ordered("tcp dport", tcp::dport(), two!(22, 1024)),
        ordered("tcp sequence", tcp::sequence(), two!(0, 4294967295)),
        ordered("tcp ackseq", tcp::ackseq(), two!(1, 65536)),
        masks("tcp flags", tcp::flags(), flags),
        ordered("tcp window", tcp::window(), two!(1, 1024)),
        ordered("tcp checksum", tcp::checksum(), two!(1, 1024)),
        ordered("tcp urgptr", tcp::urgptr(), two!(1, 1024)),
        ordered("udp sport", udp::sport(), two!(22, 1024)),
        ordered("udp dport", udp::dport(), two!(22, 1024)),
        ordered("udp length", udp::length(), two!(8, 1024)),
        ordered("udp checksum", udp::checksum(), two!(0, 1024)),
        ordered("th sport", th::sport(), two!(22, 1024)),
        ordered("th dport", th::dport(), two!(22, 1024)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn set() -> Vec<Pair> {
    vec![
        does("tcp sport set 22", Rule::new().set(tcp::sport(), 22)),
        does("tcp dport set tcp sport", Rule::new().set(tcp::dport(), tcp::sport())),
        does("tcp dport set tcp sport map { 22 : 80 }", Rule::new().set(tcp::dport(), tcp::sport().map([(22, 80)]))),
        does("tcp sequence set 5", Rule::new().set(tcp::sequence(), 5)),
        does("tcp ackseq set 5", Rule::new().set(tcp::ackseq(), 5)),
        does("tcp flags set syn", Rule::new().set(tcp::flags(), TcpFlags::SYN)),
        does("tcp window set 5", Rule::new().set(tcp::window(), 5)),
        does("tcp checksum set 5", Rule::new().set(tcp::checksum(), 5)),
        does("tcp urgptr set 5", Rule::new().set(tcp::urgptr(), 5)),
        does("udp sport set 22", Rule::new().set(udp::sport(), 22)),
        does("udp dport set 22", Rule::new().set(udp::dport(), 22)),
        does("udp length set 22", Rule::new().set(udp::length(), 22)),
        does("udp checksum set 0", Rule::new().set(udp::checksum(), 0)),
        does("th sport set 22", Rule::new().set(th::sport(), 22)),
        does("th dport set 22", Rule::new().set(th::dport(), 22)),
    ]
}
