//! `igmp`: its messages.

use std::net::Ipv4Addr;

use nftlink::datum::IgmpType;
use nftlink::field::igmp;

use super::comparisons::*;
use super::*;

use super::icmp::NOT_THERE;

pub(super) fn pairs() -> Vec<Pair> {
    let types = [("membership-query", IgmpType::MEMBERSHIP_QUERY), ("leave-group", IgmpType::LEAVE_GROUP)];
    let pairs = all([
        ordered_as("igmp type", igmp::igmp_type(), types, ["17", "23"]),
        ordered("igmp mrt", igmp::mrt(), two!(1, 100)),
        ordered("igmp checksum", igmp::checksum(), two!(1, 65535)),
        group(),
        set(),
    ]);
    // nft does not leave out what it tests before.
    each(pairs, |pair| {
        let listed = format!("meta nfproto ipv4 {}", pair.text);
        let in_bridge = format!("ether type ip {}", pair.text);
        let in_netdev = format!("meta protocol ip {}", pair.text);
        pair.listed_in(Family::INET, listed)
            .listed_in(Family::BRIDGE, in_bridge)
            .listed_in(Family::NETDEV, in_netdev)
            .not_in(Family::IP6, NOT_THERE)
    })
}

/// To nft, an address in a message is a number.
fn group() -> Vec<Pair> {
    let group = Ipv4Addr::new(224, 0, 0, 22);
    vec![
        is("igmp group 3758096406", igmp::group().eq(group)),
        is("igmp group != 3758096406", igmp::group().ne(group)),
        is("igmp group & 4026531840 == 3758096384", igmp::group().in_prefix(group, 4)),
    ]
}

fn set() -> Vec<Pair> {
    // nft takes the two bytes that it wrote for a port of whatever protocol.
    vec![
        does("th sport set th sport & 4607 | 4352", Rule::new().set(igmp::igmp_type(), IgmpType::MEMBERSHIP_QUERY))
            .typed("igmp type set membership-query"),
        does("th sport set th sport & 65281 | 1", Rule::new().set(igmp::mrt(), 1)).typed("igmp mrt set 1"),
        does("igmp checksum set 1", Rule::new().set(igmp::checksum(), 1)),
        does("igmp group set 16909060", Rule::new().set(igmp::group(), Ipv4Addr::new(1, 2, 3, 4))),
    ]
}
