//! Fields side by side.

use std::net::Ipv4Addr;

use nftlink::datum::{EtherType, IcmpType, L4Proto};
use nftlink::expr::Verdict;
use nftlink::field::{ether, icmp, ip, ip6, meta, tcp};

use super::icmp::NOT_THERE;
use super::*;

/// nft 1.0.6 loads fields of one word at once that are side by side, and compares them once.
pub(super) fn pairs() -> Vec<Pair> {
    let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 9));
    let framed = || Rule::new().when(ether::saddr().eq([2, 0, 0, 0, 0, 1]));
    let both = |one, other| Rule::new().when(one).when(other);
    vec![
        does("tcp sport 1 tcp dport 2", both(tcp::sport().eq(1), tcp::dport().eq(2))),
        does(
            "icmp type echo-request icmp code 0",
            both(icmp::icmp_type().eq(IcmpType::ECHO_REQUEST), icmp::code().eq(0)),
        )
        .listed_as("icmp type echo-request icmp code net-unreachable")
        .not_in(Family::IP6, NOT_THERE),
        // Not in one word, not side by side, or compared otherwise.
        does("ip saddr 10.0.0.1 ip daddr 10.0.0.9", both(ip::saddr().eq(a), ip::daddr().eq(b))),
        does("ip ttl 1 ip daddr 10.0.0.9", both(ip::ttl().eq(1), ip::daddr().eq(b))),
        does("tcp sport != 1 tcp dport != 2", both(tcp::sport().ne(1), tcp::dport().ne(2)))
            .differs("nft 1.0.6 compares both at once, and takes packets of which only one port is another"),
        does("tcp sport != 1 tcp dport 2", both(tcp::sport().ne(1), tcp::dport().eq(2))),
        // What a statement needs is beside what the matches before it say.
        does(
            "ether saddr 02:00:00:00:00:01 ip saddr vmap { 10.0.0.1 : accept, 10.0.0.9 : drop }",
            framed().vmap(ip::saddr(), [(a, Verdict::ACCEPT), (b, Verdict::DROP)]),
        ),
        does("ether saddr 02:00:00:00:00:01 ip ttl set 5", framed().set(ip::ttl(), 5)),
        // What tells less than it seems to.
        does("meta protocol ip ip saddr 10.0.0.1", both(meta::protocol().eq(EtherType::IP), ip::saddr().eq(a)))
            .listed_in(Family::IP, "ip saddr 10.0.0.1")
            .listed_in(Family::BRIDGE, "ip saddr 10.0.0.1")
            .listed_in(Family::NETDEV, "ip saddr 10.0.0.1")
            .differs_in(Family::IP, "nft leaves out what the table says already"),
        does("ip6 nexthdr ipv6-frag tcp dport 5", both(ip6::nexthdr().eq(L4Proto::from_raw(44)), tcp::dport().eq(5))),
    ]
}
