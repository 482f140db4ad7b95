//! `icmp` and `icmpv6`.

use nftlink::datum::{IcmpCode, IcmpType, Icmpv6Code, Icmpv6Type};
use nftlink::field::{icmp, icmpv6};

use super::comparisons::*;
use super::*;

pub(super) const NOT_THERE: &str = "it is a protocol of the other network layer's";

pub(super) fn pairs() -> Vec<Pair> {
    let icmp = each(all([of_icmp(), set_in_icmp()]), |pair| pair.not_in(Family::IP6, NOT_THERE));
    let icmpv6 = each(all([of_icmpv6(), set_in_icmpv6()]), |pair| pair.not_in(Family::IP, NOT_THERE));
    all([icmp, icmpv6])
}

/// nft tests for echoes before the number of one, if the rule does not.
fn of_icmp() -> Vec<Pair> {
    let (types, codes) =
        ([IcmpType::ECHO_REPLY, IcmpType::ECHO_REQUEST], [IcmpCode::NET_UNREACHABLE, IcmpCode::PORT_UNREACHABLE]);
    let echo = icmp::icmp_type().eq(IcmpType::ECHO_REQUEST);
    let behind_echo = |name: &str, field| behind("icmp type echo-request", &echo, name, field, two!(1, 1024));
    [
        ordered_as("icmp type", icmp::icmp_type(), [("echo-reply", types[0]), ("echo-request", types[1])], ["0", "8"]),
        ordered_as(
            "icmp code",
            icmp::code(),
            [("net-unreachable", codes[0]), ("port-unreachable", codes[1])],
            ["0", "3"],
        ),
        behind_echo("icmp id", icmp::id()),
        behind_echo("icmp sequence", icmp::sequence()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_icmpv6() -> Vec<Pair> {
    let (types, codes) =
        ([Icmpv6Type::PACKET_TOO_BIG, Icmpv6Type::ND_REDIRECT], [Icmpv6Code::NO_ROUTE, Icmpv6Code::ADDR_UNREACHABLE]);
    let echo = icmpv6::icmpv6_type().eq(Icmpv6Type::ECHO_REQUEST);
    let behind_echo = |name: &str, field| behind("icmpv6 type echo-request", &echo, name, field, two!(1, 1024));
    [
        ordered_as(
            "icmpv6 type",
            icmpv6::icmpv6_type(),
            [("packet-too-big", types[0]), ("nd-redirect", types[1])],
            ["2", "137"],
        ),
        ordered_as("icmpv6 code", icmpv6::code(), [("no-route", codes[0]), ("addr-unreachable", codes[1])], ["0", "3"]),
        behind_echo("icmpv6 id", icmpv6::id()),
        behind_echo("icmpv6 sequence", icmpv6::sequence()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn set_in_icmp() -> Vec<Pair> {
    // nft takes the two bytes that it wrote for a port of whatever protocol.
    vec![
        does("th sport set th sport & 2303 | 2048", Rule::new().set(icmp::icmp_type(), IcmpType::ECHO_REQUEST))
            .typed("icmp type set echo-request"),
        does("th sport set th sport & 65281 | 1", Rule::new().set(icmp::code(), IcmpCode::HOST_UNREACHABLE))
            .typed("icmp code set host-unreachable"),
        does(
            "icmp type echo-request icmp id set 5",
            Rule::new().when(icmp::icmp_type().eq(IcmpType::ECHO_REQUEST)).set(icmp::id(), 5),
        ),
        does(
            "icmp type echo-request icmp sequence set 5",
            Rule::new().when(icmp::icmp_type().eq(IcmpType::ECHO_REQUEST)).set(icmp::sequence(), 5),
        ),
    ]
}

fn set_in_icmpv6() -> Vec<Pair> {
    vec![
        does("th sport set th sport & 33023 | 32768", Rule::new().set(icmpv6::icmpv6_type(), Icmpv6Type::ECHO_REQUEST))
            .typed("icmpv6 type set echo-request"),
        does("th sport set th sport & 65281 | 1", Rule::new().set(icmpv6::code(), Icmpv6Code::ADMIN_PROHIBITED))
            .typed("icmpv6 code set admin-prohibited"),
        does(
            "icmpv6 type echo-request icmpv6 id set 5",
            Rule::new().when(icmpv6::icmpv6_type().eq(Icmpv6Type::ECHO_REQUEST)).set(icmpv6::id(), 5),
        ),
        does(
            "icmpv6 type echo-request icmpv6 sequence set 5",
            Rule::new().when(icmpv6::icmpv6_type().eq(Icmpv6Type::ECHO_REQUEST)).set(icmpv6::sequence(), 5),
        ),
    ]
}
