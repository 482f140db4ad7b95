//! Statements.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::{
    ArpOp, ClassId, CtEvents, EtherAddr, EtherType, IcmpCode, IcmpType, Icmpv6Code, Icmpv6Type, IcmpxCode, L4Proto,
    Mark, PktType, Port, TcpFlags,
};
use nftlink::expr::{Connlimit, Counter, Limit, Log, LogFlags, LogLevel, Queue, QueueFlags, Quota};
use nftlink::field::{arp, concat, ct, ether, icmp, icmpv6, ip, ip6, meta, tcp, th, udp};
use nftlink::{Map, RejectWith, Set, object};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn everywhere(table: &Table) -> Vec<Pair> {
    let other = table.chain("other");
    vec![
        does("counter packets 0 bytes 0", Rule::new().counter()),
        does("counter name \"web\"", Rule::new().object(object::Counter::named(table, "web"))),
        does("accept", Rule::new().accept()),
        does("drop", Rule::new().drop()),
        does("return", Rule::new().return_()),
        does("jump other", Rule::new().jump(&other)),
        does("goto other", Rule::new().goto(&other)),
        does("accept comment \"with a comment\"", Rule::new().accept().comment("with a comment")),
        does("limit rate 10/second", Rule::new().limit(Limit::packets(10, Limit::SECOND))),
        does(
            "limit rate over 10/minute burst 7 packets",
            Rule::new().limit(Limit::packets(10, Limit::MINUTE).burst(7).over()),
        ),
        does("limit rate 3/hour", Rule::new().limit(Limit::packets(3, Limit::HOUR))),
        does("limit rate 3/day", Rule::new().limit(Limit::packets(3, Limit::DAY))),
        does("limit rate 3/week", Rule::new().limit(Limit::packets(3, Limit::WEEK))),
        does("limit rate 10 kbytes/second", Rule::new().limit(Limit::bytes(10240, Limit::SECOND))),
        does(
            "limit rate over 1 mbytes/minute burst 3 kbytes",
            Rule::new().limit(Limit::bytes(1 << 20, Limit::MINUTE).burst(3072).over()),
        ),
        does("quota 100 mbytes", Rule::new().quota(Quota::new(100 << 20))),
        does("quota over 25 bytes", Rule::new().quota(Quota::new(25).over())),
        does("log", Rule::new().log(Log::new())),
        does("log prefix \"new: \"", Rule::new().log("new: ")),
        does(
            "log prefix \"new: \" level debug flags all",
            Rule::new().log(Log::prefixed("new: ").level(LogLevel::DEBUG).flags(LogFlags::from_bits_retain(0x2f))),
        ),
        does(
            "log level err flags tcp sequence,options",
            Rule::new().log(Log::new().level(LogLevel::ERR).flags(LogFlags::TCPSEQ | LogFlags::TCPOPT)),
        ),
        does("log flags skuid", Rule::new().log(Log::new().flags(LogFlags::UID))),
        does("log group 2", Rule::new().log(Log::group(2))),
        does(
            "log prefix \"x\" group 2 snaplen 100 queue-threshold 5",
            Rule::new().log(Log::group(2).prefix("x").snaplen(100).queue_threshold(5)),
        ),
    ]
}

fn of_connections() -> Vec<Pair> {
    vec![
        does("ct count 20", Rule::new().connlimit(Connlimit::new(20))),
        does("ct count over 20 drop", Rule::new().connlimit(Connlimit::new(20).over()).drop()),
        does("notrack", Rule::new().notrack()),
    ]
}

pub(in super::super) fn statements() {
    for family in [Family::IP, Family::IP6, Family::INET, Family::BRIDGE, Family::NETDEV, Family::ARP] {
        let table = table(family);
        let mut pairs = everywhere(&table);
        if matches!(family, Family::IP | Family::IP6 | Family::INET) {
            pairs.extend(of_connections());
        }
        let web = object::Counter::named(&table, "web");
        compare(family, vec![declare("counter web", move |batch| _ = batch.add(&web))], pairs);
    }
}

fn rejections_with_icmp(family: Family) -> Vec<Pair> {
    let codes = [
        ("net-unreachable", IcmpCode::NET_UNREACHABLE),
        ("host-unreachable", IcmpCode::HOST_UNREACHABLE),
        ("prot-unreachable", IcmpCode::PROT_UNREACHABLE),
        ("net-prohibited", IcmpCode::NET_PROHIBITED),
        ("host-prohibited", IcmpCode::HOST_PROHIBITED),
        ("admin-prohibited", IcmpCode::ADMIN_PROHIBITED),
    ];
    let of = |(word, code)| does(format!("reject with icmp {word}"), Rule::new().reject_with(RejectWith::Icmp(code)));
    let mut pairs: Vec<_> = codes.map(of).into();
    let port = Rule::new().reject_with(RejectWith::Icmp(IcmpCode::PORT_UNREACHABLE));
    // The usual way is not told where there is but one.
    let text = if family == Family::IP { "reject" } else { "reject with icmp port-unreachable" };
    pairs.push(does(text, port).typed("reject with icmp port-unreachable"));
    pairs
}

fn rejections_with_icmpv6(family: Family) -> Vec<Pair> {
    let codes = [
        ("no-route", Icmpv6Code::NO_ROUTE),
        ("admin-prohibited", Icmpv6Code::ADMIN_PROHIBITED),
        ("addr-unreachable", Icmpv6Code::ADDR_UNREACHABLE),
        ("policy-fail", Icmpv6Code::POLICY_FAIL),
        ("reject-route", Icmpv6Code::REJECT_ROUTE),
    ];
    let of =
        |(word, code)| does(format!("reject with icmpv6 {word}"), Rule::new().reject_with(RejectWith::Icmpv6(code)));
    let mut pairs: Vec<_> = codes.map(of).into();
    let port = Rule::new().reject_with(RejectWith::Icmpv6(Icmpv6Code::PORT_UNREACHABLE));
    let text = if family == Family::IP6 { "reject" } else { "reject with icmpv6 port-unreachable" };
    pairs.push(does(text, port).typed("reject with icmpv6 port-unreachable"));
    pairs
}

fn rejections_of_any() -> Vec<Pair> {
    let codes = [
        ("no-route", IcmpxCode::NO_ROUTE),
        ("host-unreachable", IcmpxCode::HOST_UNREACHABLE),
        ("admin-prohibited", IcmpxCode::ADMIN_PROHIBITED),
    ];
    let of = |(word, code)| does(format!("reject with icmpx {word}"), Rule::new().reject_with(RejectWith::Icmpx(code)));
    let mut pairs: Vec<_> = codes.map(of).into();
    let port = Rule::new().reject_with(RejectWith::Icmpx(IcmpxCode::PORT_UNREACHABLE));
    pairs.push(does("reject", port).typed("reject with icmpx port-unreachable"));
    pairs
}

fn rejections_of(family: Family) -> Vec<Pair> {
    let mut pairs = vec![
        does("reject", Rule::new().reject()),
        does(
            if matches!(family, Family::IP | Family::IP6) {
                "reject with tcp reset"
            } else {
                "meta l4proto tcp reject with tcp reset"
            },
            Rule::new().reject_with(RejectWith::TcpReset),
        )
        .typed("reject with tcp reset"),
        does(
            "tcp dport 22 reject with tcp reset",
            Rule::new().when(tcp::dport().eq(22)).reject_with(RejectWith::TcpReset),
        ),
    ];
    if family != Family::IP6 {
        pairs.extend(rejections_with_icmp(family));
        pairs.push(
            does(
                if family == Family::IP {
                    "ip saddr 10.0.0.1 reject"
                } else {
                    "ip saddr 10.0.0.1 reject with icmp port-unreachable"
                },
                Rule::new().when(ip::saddr().eq(A)).reject(),
            )
            .typed("ip saddr 10.0.0.1 reject"),
        );
        pairs.push(does(
            "ip saddr 10.0.0.1 reject with icmp host-unreachable",
            Rule::new().when(ip::saddr().eq(A)).reject_with(RejectWith::Icmp(IcmpCode::HOST_UNREACHABLE)),
        ));
    }
    if family != Family::IP {
        pairs.extend(rejections_with_icmpv6(family));
    }
    if !matches!(family, Family::IP | Family::IP6) {
        pairs.extend(rejections_of_any());
    }
    pairs
}

pub(in super::super) fn rejections() {
    for family in [Family::IP, Family::IP6, Family::INET] {
        compare(family, vec![], rejections_of(family));
    }
}

pub(in super::super) fn rejections_of_frames() {
    compare(Family::NETDEV, vec![], rejections_of(Family::NETDEV));
}

fn set_anywhere() -> Vec<Pair> {
    vec![
        does("meta mark set 0x00000001", Rule::new().set(meta::mark(), 1)),
        does("meta mark set meta mark & 0x000000ff", Rule::new().set(meta::mark(), meta::mark().and(0xff))),
        does("meta mark set meta mark | 0x00000010", Rule::new().set(meta::mark(), meta::mark().or(0x10))),
        does("meta mark set meta mark ^ 0x00000010", Rule::new().set(meta::mark(), meta::mark().xor(0x10))),
        does(
            "meta mark set meta mark & 0x000001ff | 0x00000100",
            Rule::new().set(meta::mark(), meta::mark().and(0xff).or(0x100)),
        )
        .typed("meta mark set meta mark & 0xff | 0x100"),
        does("meta mark set meta mark << 4", Rule::new().set(meta::mark(), meta::mark().shl(4))),
        does("meta mark set meta mark >> 4", Rule::new().set(meta::mark(), meta::mark().shr(4))),
        does("meta priority set 1:2", Rule::new().set(meta::priority(), ClassId::of(1, 2))),
        does("meta nftrace set 1", Rule::new().set(meta::nftrace(), 1)),
    ]
}

fn set_of_connections() -> Vec<Pair> {
    vec![
        does("ct mark set 0x00000001", Rule::new().set(ct::mark(), 1)),
        does("ct mark set meta mark", Rule::new().set(ct::mark(), meta::mark())),
        does("meta mark set ct mark", Rule::new().set(meta::mark(), ct::mark())),
        does("ct mark set meta mark | 0x00000010", Rule::new().set(ct::mark(), meta::mark().or(0x10))),
        does("ct mark set ct mark | 0x00000010", Rule::new().set(ct::mark(), ct::mark().or(0x10))),
        does("ct zone set 5", Rule::new().set(ct::zone(), 5)),
        does("ct original zone set 5", Rule::new().set(ct::original::zone(), 5)),
        does("ct reply zone set 5", Rule::new().set(ct::reply::zone(), 5)),
        does("ct event set new", Rule::new().set(ct::event(), CtEvents::NEW)),
        does("ct event set new,destroy", Rule::new().set(ct::event(), CtEvents::NEW | CtEvents::DESTROY)),
    ]
}

fn set_in_ip() -> Vec<Pair> {
    vec![
        does("ip length set 100", Rule::new().set(ip::length(), 100)),
        does("ip id set 100", Rule::new().set(ip::id(), 100)),
        does("ip ttl set 64", Rule::new().set(ip::ttl(), 64)),
        does("ip protocol set tcp", Rule::new().set(ip::protocol(), L4Proto::TCP)).typed("ip protocol set 6"),
        does("ip checksum set 100", Rule::new().set(ip::checksum(), 100)),
        does("ip saddr set 10.0.0.1", Rule::new().set(ip::saddr(), A)),
        does("ip daddr set ip saddr", Rule::new().set(ip::daddr(), ip::saddr())),
        does("ip daddr set tcp dport map { 22 : 10.0.0.1 }", Rule::new().set(ip::daddr(), tcp::dport().map([(22, A)]))),
    ]
}

fn set_in_ip6() -> Vec<Pair> {
    let address = "fd00::1".parse::<std::net::Ipv6Addr>().unwrap();
    vec![
        does("ip6 length set 100", Rule::new().set(ip6::length(), 100)),
        does("ip6 nexthdr set tcp", Rule::new().set(ip6::nexthdr(), L4Proto::TCP)).typed("ip6 nexthdr set 6"),
        does("ip6 hoplimit set 64", Rule::new().set(ip6::hoplimit(), 64)),
        does("ip6 saddr set fd00::1", Rule::new().set(ip6::saddr(), address)),
        does("ip6 daddr set ip6 saddr", Rule::new().set(ip6::daddr(), ip6::saddr())),
    ]
}

fn set_in_transport() -> Vec<Pair> {
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

fn set_in_frames() -> Vec<Pair> {
    let address = EtherAddr::new([0, 1, 2, 3, 4, 5]);
    vec![
        does("ether saddr set 00:01:02:03:04:05", Rule::new().set(ether::saddr(), address)),
        does("ether daddr set ether saddr", Rule::new().set(ether::daddr(), ether::saddr())),
        does("ether type set ip6", Rule::new().set(ether::ether_type(), EtherType::IP6)),
    ]
}

fn set_in_arp() -> Vec<Pair> {
    let address = EtherAddr::new([0, 1, 2, 3, 4, 5]);
    vec![
        does("arp htype set 1", Rule::new().set(arp::htype(), 1)),
        does("arp ptype set ip", Rule::new().set(arp::ptype(), EtherType::IP)),
        does("arp hlen set 6", Rule::new().set(arp::hlen(), 6)),
        does("arp plen set 4", Rule::new().set(arp::plen(), 4)),
        does("arp operation set reply", Rule::new().set(arp::operation(), ArpOp::REPLY)),
        does("arp saddr ether set 00:01:02:03:04:05", Rule::new().set(arp::saddr_ether(), address)),
        does("arp saddr ip set 10.0.0.1", Rule::new().set(arp::saddr_ip(), A)),
        does("arp daddr ether set 00:01:02:03:04:05", Rule::new().set(arp::daddr_ether(), address)),
        does("arp daddr ip set 10.0.0.1", Rule::new().set(arp::daddr_ip(), A)),
    ]
}

pub(in super::super) fn fields_that_are_set() {
    for family in [Family::IP, Family::IP6, Family::INET, Family::BRIDGE, Family::NETDEV, Family::ARP] {
        let mut pairs = set_anywhere();
        let is_ip = matches!(family, Family::IP | Family::IP6 | Family::INET);
        let is_link = matches!(family, Family::INET | Family::BRIDGE | Family::NETDEV);
        if is_ip {
            pairs.extend(set_of_connections());
        }
        if family == Family::IP || is_link {
            pairs.extend(set_in_ip());
            pairs.extend(set_in_icmp());
        }
        if family == Family::IP6 || is_link {
            pairs.extend(set_in_ip6());
            pairs.extend(set_in_icmpv6());
        }
        if is_ip || is_link {
            pairs.extend(set_in_transport());
        }
        if is_link {
            pairs.extend(set_in_frames());
        }
        if matches!(family, Family::ARP | Family::BRIDGE | Family::NETDEV) {
            pairs.extend(set_in_arp());
        }
        compare(family, vec![], pairs);
    }
}

pub(in super::super) fn sets_that_packets_change() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    for family in [Family::IP, Family::INET, Family::BRIDGE, Family::NETDEV] {
        let table = table(family);
        let seen = Set::<Ipv4Addr>::new(&table, "seen").dynamic().timeouts().size(1000);
        let flood = Set::<Ipv4Addr>::new(&table, "flood").dynamic().size(1000);
        let pairs_ = Set::<(Ipv4Addr, Port)>::new(&table, "pairs").dynamic().size(1000);
        let owners = Map::<Ipv4Addr, Mark>::new(&table, "owners").dynamic().timeouts().size(1000);
        let sockets = Map::<(Ipv4Addr, Port), Mark>::new(&table, "sockets").dynamic().size(1000);
        let marked = Map::<Mark, Ipv4Addr>::new(&table, "marked").dynamic().size(1000);
        let limit = || Limit::packets(10, Limit::SECOND).over();
        let pairs = vec![
            does("add @seen { ip saddr }", Rule::new().add_to(&seen, ip::saddr())),
            does("add @seen { ip saddr timeout 10m }", Rule::new().add_to(&seen, ip::saddr().timeout(minutes(10)))),
            does(
                "update @seen { ip saddr timeout 1h30m }",
                Rule::new().update_in(&seen, ip::saddr().timeout(minutes(90))),
            ),
            does("delete @seen { ip saddr }", Rule::new().delete_from(&seen, ip::saddr())),
            does(
                "add @flood { ip saddr limit rate over 10/second } drop",
                Rule::new().add_to(&flood, ip::saddr().element().stateful(limit())).drop(),
            ),
            does(
                "add @flood { ip saddr counter }",
                Rule::new().add_to(&flood, ip::saddr().element().stateful(Counter::default())),
            ),
            does(
                "add @flood { ip saddr quota over 25 bytes }",
                Rule::new().add_to(&flood, ip::saddr().element().stateful(Quota::new(25).over())),
            ),
            does(
                "update @seen { ip daddr timeout 1m limit rate over 10/second }",
                Rule::new().update_in(&seen, ip::daddr().timeout(minutes(1)).stateful(limit())),
            ),
            does(
                "add @flood { ip saddr limit rate over 10/second counter }",
                Rule::new().add_to(&flood, ip::saddr().element().stateful(limit()).stateful(Counter::default())),
            ),
            does(
                "add @pairs { ip saddr . tcp dport }",
                Rule::new().add_to(&pairs_, concat((ip::saddr(), tcp::dport()))),
            ),
            does("add @owners { ip saddr : 0x00000001 }", Rule::new().add_to(&owners, ip::saddr().element().to(1))),
            does(
                "add @owners { ip saddr : meta mark }",
                Rule::new().add_to(&owners, ip::saddr().element().to(meta::mark())),
            ),
            does(
                "update @owners { ip saddr timeout 10m : meta mark }",
                Rule::new().update_in(&owners, ip::saddr().timeout(minutes(10)).to(meta::mark())),
            ),
            does(
                "add @sockets { ip saddr . tcp dport : meta mark }",
                Rule::new().add_to(&sockets, concat((ip::saddr(), tcp::dport())).element().to(meta::mark())),
            ),
            // The value needs a test, the key none.
            does(
                "add @marked { meta mark : ip saddr }",
                Rule::new().add_to(&marked, meta::mark().element().to(ip::saddr())),
            ),
        ];
        let declarations = vec![
            declare("set seen { type ipv4_addr; flags timeout,dynamic; size 1000; }", move |b| _ = b.add(&seen)),
            declare("set flood { type ipv4_addr; flags dynamic; size 1000; }", move |b| _ = b.add(&flood)),
            declare("set pairs { type ipv4_addr . inet_service; flags dynamic; size 1000; }", move |b| {
                _ = b.add(&pairs_)
            }),
            declare("map owners { type ipv4_addr : mark; flags timeout,dynamic; size 1000; }", move |b| {
                _ = b.add(&owners)
            }),
            declare("map sockets { type ipv4_addr . inet_service : mark; flags dynamic; size 1000; }", move |b| {
                _ = b.add(&sockets)
            }),
            declare("map marked { type mark : ipv4_addr; flags dynamic; size 1000; }", move |b| _ = b.add(&marked)),
        ];
        compare(family, declarations, pairs);
    }
}

pub(in super::super) fn what_this_kernel_lacks_is_sent_as_nft_does() {
    let queues = || {
        vec![
            does("queue num 3", Rule::new().queue(Queue::new(3))).typed("queue to 3"),
            does("queue num 3-5", Rule::new().queue(Queue::range(3, 3))).typed("queue to 3-5"),
            does(
                "queue flags bypass,fanout to 3-5",
                Rule::new().queue(Queue::range(3, 3).flags(QueueFlags::BYPASS | QueueFlags::CPU_FANOUT)),
            ),
        ]
    };
    for family in [Family::IP, Family::IP6, Family::INET, Family::BRIDGE] {
        compare_messages(family, queues());
    }
    for family in [Family::IP, Family::IP6, Family::INET] {
        let fast = table(family).flowtable("fast", 0);
        compare_messages(family, vec![does("flow add @fast", Rule::new().flow_offload(&fast))]);
    }
    compare_messages(Family::BRIDGE, rejections_of(Family::BRIDGE));
    let pkttype = vec![does("meta pkttype set host", Rule::new().set(meta::pkttype(), PktType::HOST))];
    compare_messages(Family::INET, pkttype);
}
