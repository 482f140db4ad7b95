//! Sets of a rule's own: `{ 22, 80, 443 }`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use nftlink::datum::{Date, Day, EtherAddr, Hour, IcmpType, L4Proto, Mark, Port, TcpFlags};
use nftlink::field::{concat, ct, ether, icmp, ip, ip6, meta, tcp, th, udp};
use nftlink::{Conn, Interval};

use super::icmp::NOT_THERE;
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const MAC: EtherAddr = EtherAddr::new([0, 1, 2, 3, 4, 5]);

pub(super) fn pairs() -> Vec<Pair> {
    all([own_sets(), of_connections()])
}

/// So many days after 2024-02-03 04:05:06.
fn date(days: u64) -> Date {
    Date::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_706_933_106 + days * 86_400))
}

pub(super) fn range(from: u16, to: u16) -> Interval<Port> {
    Interval::range(from..=to)
}

pub(super) fn net(a: u8, b: u8, len: u8) -> Interval<Ipv4Addr> {
    Interval::prefix(Ipv4Addr::new(a, b, 0, 0), len)
}

fn own_sets() -> Vec<Pair> {
    let value = |port: u16| Interval::<Port>::value(port);
    vec![
        is("tcp dport { 22, 80, 443 }", tcp::dport().one_of([22, 80, 443])),
        is("tcp dport != { 22, 80, 443 }", tcp::dport().none_of([22, 80, 443])),
        is("tcp dport { 22, 80-90 }", tcp::dport().one_of([value(22), range(80, 90)])),
        is("tcp dport != { 22, 80-90 }", tcp::dport().none_of([value(22), range(80, 90)])),
        // The lowest and the highest values.
        is("tcp dport { 0, 65535 }", tcp::dport().one_of([0, 65535])),
        is("tcp dport { 0-10, 20 }", tcp::dport().one_of([range(0, 10), value(20)])),
        is("tcp dport { 20, 1024-65535 }", tcp::dport().one_of([value(20), range(1024, 65535)])),
        is("tcp dport { 0-10, 1024-65535 }", tcp::dport().one_of([range(0, 10), range(1024, 65535)])),
        is("tcp dport { 0, 10-20, 65535 }", tcp::dport().one_of([value(0), range(10, 20), value(65535)])),
        is("tcp dport 0-65535", tcp::dport().one_of([range(0, 65535)])).typed("tcp dport { 0-65535 }"),
        // What touches or overlaps is one.
        is("tcp dport { 10-30, 50 }", tcp::dport().one_of([range(10, 20), range(21, 30), value(50)]))
            .typed("tcp dport { 10-20, 21-30, 50 }"),
        is("tcp dport { 10-30, 50 }", tcp::dport().one_of([range(10, 25), range(20, 30), value(50)]))
            .typed("tcp dport { 10-25, 20-30, 50 }"),
        is("tcp dport { 10-30, 50 }", tcp::dport().one_of([range(10, 30), value(15), value(50)]))
            .typed("tcp dport { 10-30, 15, 50 }"),
        // In another order, and twice.
        is("tcp dport { 22, 443 }", tcp::dport().one_of([443, 22])).typed("tcp dport { 443, 22 }"),
        is("tcp dport { 22, 80-90 }", tcp::dport().one_of([range(80, 90), value(22)])).typed("tcp dport { 80-90, 22 }"),
        is("tcp dport { 22, 443 }", tcp::dport().one_of([22, 443, 22])).typed("tcp dport { 22, 443, 22 }"),
        is("ip saddr { 10.0.0.1, 10.0.0.9 }", ip::saddr().one_of([A, B])),
        is("ip saddr { 10.0.0.0/8, 192.168.0.0/16 }", ip::saddr().one_of([net(10, 0, 8), net(192, 168, 16)])),
        is("ip saddr != { 10.0.0.0/8, 192.168.0.0/16 }", ip::saddr().none_of([net(10, 0, 8), net(192, 168, 16)])),
        is(
            "ip saddr { 10.0.0.0/7, 192.168.0.0/16 }",
            ip::saddr().one_of([net(10, 0, 8), net(11, 0, 8), net(192, 168, 16)]),
        )
        .typed("ip saddr { 10.0.0.0/8, 11.0.0.0/8, 192.168.0.0/16 }"),
        is(
            "ip saddr { 10.0.0.1-10.0.0.9, 10.0.1.1 }",
            ip::saddr().one_of([Interval::range(A..=B), Interval::value(Ipv4Addr::new(10, 0, 1, 1))]),
        ),
        is("ip saddr { 0.0.0.0/8, 224.0.0.0/3 }", ip::saddr().one_of([net(0, 0, 8), net(224, 0, 3)])),
        is("ip saddr 10.0.0.0/8", ip::saddr().one_of([net(10, 0, 8)])).typed("ip saddr { 10.0.0.0/8 }"),
        is("ip saddr 10.0.0.1-10.0.0.9", ip::saddr().one_of([A..=B])).typed("ip saddr { 10.0.0.1-10.0.0.9 }"),
        is(
            "ip6 saddr { ::1, fd00::/8 }",
            ip6::saddr().one_of([Interval::value(Ipv6Addr::LOCALHOST), Interval::prefix(V6, 8)]),
        ),
        is(
            "meta mark { 0x00000001, 0x00000005-0x00000100 }",
            meta::mark().one_of([Interval::<Mark>::value(1), Interval::range(5..=0x100)]),
        ),
        is(
            "iifname { \"eth*\", \"lo\" }",
            meta::iifname().one_of([Interval::value("lo"), Interval::starting_with("eth")]),
        )
        .typed("iifname { \"lo\", \"eth*\" }"),
        is(
            "ether saddr { 00:01:02:03:04:05, ff:ff:ff:ff:ff:ff }",
            ether::saddr().one_of([MAC, EtherAddr::new([255; 6])]),
        ),
        is(
            "icmp type { echo-reply, echo-request }",
            icmp::icmp_type().one_of([IcmpType::ECHO_REPLY, IcmpType::ECHO_REQUEST]),
        )
        .not_in(Family::IP6, NOT_THERE),
        // Numbers of the host's order, which intervals turn round.
        is("meta length { 5, 7-256 }", meta::length().one_of([Interval::value(5), Interval::range(7..=256)])),
        is("meta skuid { 5-256, 54321 }", meta::skuid().one_of([Interval::range(5..=256), Interval::value(54321)])),
        is(
            "meta hour { \"01:00\", \"17:00\"-\"18:30\" }",
            meta::hour()
                .one_of([Interval::value(Hour::new(1, 0)), Interval::range(Hour::new(17, 0)..=Hour::new(18, 30))]),
        ),
        is("meta day { 1-3, \"Friday\" }", meta::day().one_of([Interval::<Day>::range(1..=3), Interval::value(5)])),
        is(
            "meta time { \"2024-02-03 04:05:06\"-\"2024-02-04 04:05:06\", \"2024-02-06 04:05:06\" }",
            meta::time().one_of([Interval::range(date(0)..=date(1)), Interval::value(date(3))]),
        ),
        // Of what is computed.
        is(
            "tcp flags & (fin | syn) == { fin, syn }",
            tcp::flags().masked(TcpFlags::FIN | TcpFlags::SYN).one_of([TcpFlags::FIN, TcpFlags::SYN]),
        ),
        is(
            "ip saddr & 0.0.0.255 == { 0.0.0.1, 0.0.0.9 }",
            ip::saddr().and(Ipv4Addr::new(0, 0, 0, 255)).one_of([Ipv4Addr::new(0, 0, 0, 1), Ipv4Addr::new(0, 0, 0, 9)]),
        ),
        is("ip saddr 0.0.0.0/0", ip::saddr().one_of([net(0, 0, 0)])).typed("ip saddr { 0.0.0.0/0 }"),
        // Two sets of one rule.
        does(
            "ip saddr { 10.0.0.1, 10.0.0.9 } tcp dport { 22, 80 } accept",
            Rule::new().when(ip::saddr().one_of([A, B])).when(tcp::dport().one_of([22, 80])).accept(),
        ),
        does(
            "meta l4proto { tcp, udp } th dport 53 accept",
            Rule::new().when(meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP])).when(th::dport().eq(53)).accept(),
        ),
        // Concatenations.
        is(
            "ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.9 . 80 }",
            concat((ip::saddr(), tcp::dport())).one_of([(A, 22), (B, 80)]),
        ),
        is(
            "ip saddr . tcp dport != { 10.0.0.1 . 22, 10.0.0.9 . 80 }",
            concat((ip::saddr(), tcp::dport())).none_of([(A, 22), (B, 80)]),
        ),
        is("ip saddr . tcp dport { 10.0.0.1 . 22 }", concat((ip::saddr(), tcp::dport())).one_of([(A, 22)])),
        is(
            "ip saddr . tcp dport { 10.0.0.0/8 . 22, 10.0.0.1-10.0.0.9 . 80-90 }",
            concat((ip::saddr(), tcp::dport()))
                .one_of([(net(10, 0, 8), value(22)), (Interval::range(A..=B), range(80, 90))]),
        ),
        is(
            "iifname . ip saddr . udp dport { \"eth0\" . 10.0.0.1 . 53 }",
            concat((meta::iifname(), ip::saddr(), udp::dport())).one_of([("eth0", A, 53)]),
        ),
        is(
            "meta mark . tcp dport { 0x00000001-0x00000100 . 22 }",
            concat((meta::mark(), tcp::dport())).one_of([(Interval::<Mark>::range(1..=0x100), value(22))]),
        ),
        is(
            "meta l4proto . th dport { tcp . 53, udp . 53 }",
            concat((meta::l4proto(), th::dport())).one_of([(L4Proto::TCP, 53), (L4Proto::UDP, 53)]),
        ),
        is(
            "ip saddr . ip daddr . ip protocol { 10.0.0.1 . 10.0.0.9 . tcp }",
            concat((ip::saddr(), ip::daddr(), ip::protocol())).one_of([(A, B, L4Proto::TCP)]),
        ),
    ]
}

fn of_connections() -> Vec<Pair> {
    vec![
        is("ct zone { 5, 7-256 }", ct::zone().one_of([Interval::value(5), Interval::range(7..=256)])),
        is("ct packets { 5, 7-256 }", ct::packets().one_of([Interval::value(5), Interval::range(7..=256)])),
        is(
            "ct original bytes != { 5, 7-256 }",
            ct::original::bytes().none_of([Interval::value(5), Interval::range(7..=256)]),
        ),
        is("ct id { 5, 7-256 }", ct::id().one_of([Interval::value(5), Interval::range(7..=256)])),
        is(
            "ct mark . meta mark { 0x00000001 . 0x00000002, 0x00000003 . 0x00000004 }",
            concat((ct::mark(), meta::mark())).one_of([(1, 2), (3, 4)]),
        ),
    ]
}

/// nft has no words for a set of nothing.
pub(super) fn a_choice_of_nothing_is_kept() {
    let table = table(Family::INET);
    let chain = table.chain(CHAIN);
    let mut batch = Batch::new();
    batch.add(&table).add(&chain);
    batch.append(&chain, Rule::new().when(tcp::dport().one_of(Vec::<u16>::new())).accept());
    batch.append(&chain, Rule::new().when(tcp::dport().none_of(Vec::<u16>::new())).accept());
    Conn::open().unwrap().commit(&batch).unwrap();
    let listing = support::nft_ruleset();
    let rules: Vec<_> = listing.lines().map(str::trim).filter(|line| line.starts_with("tcp")).collect();
    assert_eq!(rules, ["tcp dport {  } accept", "tcp dport != {  } accept"]);
}
