//! Bits: of flags, and of whatever else has them.

use std::net::Ipv4Addr;

use nftlink::datum::{CtState, CtStatus, TcpFlags};
use nftlink::field::{ct, ip, meta, tcp};

use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    use TcpFlags as F;
    vec![
        is("ct state established,related", ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)),
        is("ct state invalid", ct::state().has(CtState::INVALID)),
        is("ct state ! invalid", ct::state().has_none(CtState::INVALID)),
        is("ct status dnat", ct::status().has(CtStatus::DNAT)),
        is("ct status assured,dnat / assured,dnat", ct::status().has(CtStatus::ASSURED | CtStatus::DNAT)),
        is("tcp flags syn", tcp::flags().has(F::SYN)),
        is("tcp flags syn,ack", tcp::flags().has_any(F::SYN | F::ACK)),
        is("tcp flags ! syn,ack", tcp::flags().has_none(F::SYN | F::ACK)),
        is("tcp flags syn,ack / syn,ack", tcp::flags().has(F::SYN | F::ACK)),
        is("tcp flags syn / fin,syn", tcp::flags().masked(F::FIN | F::SYN).eq(F::SYN)),
        is("tcp flags != syn / fin,syn", tcp::flags().masked(F::FIN | F::SYN).ne(F::SYN)),
        is("tcp flags == 0x0", tcp::flags().eq(F::empty())),
        is("meta mark & 0x000000ff == 0x00000010", meta::mark().and(0xff).eq(0x10)),
        is("meta mark & 0x000000ff != 0x00000010", meta::mark().and(0xff).ne(0x10)),
        is("meta mark | 0x00000010 == 0x00000011", meta::mark().or(0x10).eq(0x11)),
        is("meta mark & 0x000000ff < 0x00000010", meta::mark().and(0xff).lt(0x10)),
        is("ct mark & 0x000000ff == 0x00000010", ct::mark().and(0xff).eq(0x10)),
        is("meta mark & 0x000000ff == { 0x00000010, 0x00000020 }", meta::mark().and(0xff).one_of([0x10, 0x20])),
        is("tcp dport & 1 == 1", tcp::dport().and(1).eq(1)),
        is(
            "ip saddr & 0.0.0.255 == 0.0.0.1",
            ip::saddr().and(Ipv4Addr::new(0, 0, 0, 255)).eq(Ipv4Addr::new(0, 0, 0, 1)),
        ),
    ]
}
