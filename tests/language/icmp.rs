//! `icmp` and `icmpv6`.

use std::net::Ipv4Addr;

use nftlink::datum::{IcmpCode, IcmpType, Icmpv6Code, Icmpv6Type};
use nftlink::expr::Verdict;
use nftlink::field::{concat, icmp, icmpv6, meta};

use super::comparisons::*;
use super::*;

pub(super) const NOT_THERE: &str = "it is a protocol of the other network layer's";

pub(super) fn pairs() -> Vec<Pair> {
    let icmp = each(all([of_icmp(), of_some_icmp(), set_in_icmp()]), |pair| pair.not_in(Family::IP6, NOT_THERE));
    let icmpv6 = each(all([of_icmpv6(), of_some_icmpv6(), set_in_icmpv6()]), |pair| pair.not_in(Family::IP, NOT_THERE));
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

/// Fields of messages of one type or two, which nft tests for.
fn of_some_icmp() -> Vec<Pair> {
    let any_echo = "icmp type { echo-reply, echo-request }";
    let echoes = || Rule::new().when(icmp::icmp_type().one_of([IcmpType::ECHO_REPLY, IcmpType::ECHO_REQUEST]));
    let unreachable = || Rule::new().when(icmp::icmp_type().eq(IcmpType::DESTINATION_UNREACHABLE));
    all([
        ordered("icmp checksum", icmp::checksum(), two!(1, 65535)),
        ordered("icmp mtu", icmp::mtu(), two!(576, 1400)),
        with_echoes(any_echo, ordered("icmp id", icmp::id(), two!(1, 1024))),
        with_echoes(any_echo, ordered("icmp sequence", icmp::sequence(), two!(1, 1024))),
        vec![
            // To nft, an address in a message is a number.
            is("icmp gateway 16909060", icmp::gateway().eq(Ipv4Addr::new(1, 2, 3, 4))),
            does(format!("{any_echo} icmp id 5"), echoes().when(icmp::id().eq(5))),
            does(
                format!("{any_echo} icmp id 5 icmp sequence 6"),
                Rule::new().when(icmp::id().eq(5)).when(icmp::sequence().eq(6)),
            )
            .typed("icmp id 5 icmp sequence 6"),
            does("icmp mtu 1400", unreachable().when(icmp::mtu().eq(1400)))
                .typed("icmp type destination-unreachable icmp mtu 1400"),
            does(
                "icmp code frag-needed icmp mtu 1400",
                Rule::new().when(icmp::code().eq(IcmpCode::FRAG_NEEDED)).when(icmp::mtu().eq(1400)),
            ),
            does(
                format!("icmp type != echo-request {any_echo} icmp id 5"),
                Rule::new().when(icmp::icmp_type().ne(IcmpType::ECHO_REQUEST)).when(icmp::id().eq(5)),
            )
            .typed("icmp type != echo-request icmp id 5"),
            is(
                format!("{any_echo} icmp id . icmp sequence {{ 5 . 6 }}"),
                concat((icmp::id(), icmp::sequence())).one_of([(5, 6)]),
            )
            .typed("icmp id . icmp sequence { 5 . 6 }"),
            does(
                format!("{any_echo} meta mark set icmp id map {{ 5 : 0x00000006 }}"),
                Rule::new().set(meta::mark(), icmp::id().map([(5, 6)])),
            )
            .typed("meta mark set icmp id map { 5 : 6 }"),
            does(
                format!("{any_echo} icmp id vmap {{ 5 : accept }}"),
                Rule::new().vmap(icmp::id(), [(5, Verdict::ACCEPT)]),
            )
            .typed("icmp id vmap { 5 : accept }"),
            does(format!("{any_echo} icmp id set 5"), Rule::new().set(icmp::id(), 5)).typed("icmp id set 5"),
            does("icmp mtu set 1400", Rule::new().set(icmp::mtu(), 1400)),
            does("icmp gateway set 16909060", Rule::new().set(icmp::gateway(), Ipv4Addr::new(1, 2, 3, 4))),
            does("icmp checksum set 1", Rule::new().set(icmp::checksum(), 1)),
        ],
    ])
}

fn of_some_icmpv6() -> Vec<Pair> {
    let any_echo = "icmpv6 type { echo-request, echo-reply }";
    all([
        ordered("icmpv6 checksum", icmpv6::checksum(), two!(1, 65535)),
        ordered("icmpv6 mtu", icmpv6::mtu(), two!(1280, 70000)),
        ordered("icmpv6 max-delay", icmpv6::max_delay(), two!(100, 1000)),
        each(ordered("icmpv6 parameter-problem", icmpv6::parameter_problem(), two!(1, 70000)), |pair| {
            let typed = pair.nft().replace("parameter-problem", "param-problem");
            pair.typed(typed)
        }),
        with_echoes(any_echo, ordered("icmpv6 id", icmpv6::id(), two!(1, 1024))),
        with_echoes(any_echo, ordered("icmpv6 sequence", icmpv6::sequence(), two!(1, 1024))),
        vec![
            does("icmpv6 mtu set 1400", Rule::new().set(icmpv6::mtu(), 1400)),
            does("icmpv6 max-delay set 1", Rule::new().set(icmpv6::max_delay(), 1)),
            does(format!("{any_echo} icmpv6 id set 5"), Rule::new().set(icmpv6::id(), 5)).typed("icmpv6 id set 5"),
        ],
    ])
}

/// nft lists what it tests before.
fn with_echoes(test: &str, pairs: Vec<Pair>) -> Vec<Pair> {
    each(pairs, |pair| {
        let (typed, listed) = (pair.nft().to_owned(), format!("{test} {}", pair.text));
        Pair { text: listed, ..pair.typed(typed) }
    })
}
