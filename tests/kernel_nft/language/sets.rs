//! Sets and maps: the rule's own, and the table's.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use nftlink::datum::{
    ClassId, Date, Day, EtherAddr, HostInteger16, HostInteger32, Hour, IcmpType, IfName, L4Proto, Mark, Port, TcpFlags,
};
use nftlink::expr::{Counter, Limit, Verdict};
use nftlink::field::{concat, ct, ether, icmp, ip, ip6, meta, tcp, th, udp};
use nftlink::{Element, Interval, Map, Set, SetPolicy};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const MAC: EtherAddr = EtherAddr::new([0, 1, 2, 3, 4, 5]);

/// So many days after 2024-02-03 04:05:06.
fn date(days: u64) -> Date {
    Date::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_706_933_106 + days * 86_400))
}

fn range(from: u16, to: u16) -> Interval<Port> {
    Interval::range(from..=to)
}

fn net(a: u8, b: u8, len: u8) -> Interval<Ipv4Addr> {
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
        ),
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

pub(in super::super) fn sets_of_rules_own() {
    for family in [Family::INET, Family::NETDEV, Family::BRIDGE] {
        compare(family, vec![], own_sets());
    }
    compare(Family::INET, vec![], of_connections());
}

fn own_maps(table: &Table) -> Vec<Pair> {
    let other = table.chain("other");
    vec![
        does(
            "tcp dport vmap { 22 : accept, 80 : drop }",
            Rule::new().vmap(tcp::dport(), [(22, Verdict::ACCEPT), (80, Verdict::DROP)]),
        ),
        does(
            "tcp dport vmap { 22 : jump other, 80 : goto other, 90 : return, 100 : continue }",
            Rule::new().vmap(
                tcp::dport(),
                [
                    (22, Verdict::jump(&other)),
                    (80, Verdict::goto(&other)),
                    (90, Verdict::RETURN),
                    (100, Verdict::CONTINUE),
                ],
            ),
        ),
        does(
            "tcp dport vmap { 22 : accept, 80-90 : drop }",
            Rule::new()
                .vmap(tcp::dport(), [(Interval::<Port>::value(22), Verdict::ACCEPT), (range(80, 90), Verdict::DROP)]),
        ),
        does(
            "tcp dport vmap { 0-21 : accept, 22-65535 : drop }",
            Rule::new().vmap(tcp::dport(), [(range(0, 21), Verdict::ACCEPT), (range(22, 65535), Verdict::DROP)]),
        ),
        does(
            "icmp type vmap { echo-request : accept }",
            Rule::new().vmap(icmp::icmp_type(), [(IcmpType::ECHO_REQUEST, Verdict::ACCEPT)]),
        ),
        does(
            "meta l4proto vmap { tcp : accept, udp : drop }",
            Rule::new().vmap(meta::l4proto(), [(L4Proto::TCP, Verdict::ACCEPT), (L4Proto::UDP, Verdict::DROP)]),
        ),
        does(
            "ip protocol vmap { tcp : accept, udp : drop }",
            Rule::new().vmap(ip::protocol(), [(L4Proto::TCP, Verdict::ACCEPT), (L4Proto::UDP, Verdict::DROP)]),
        ),
        does(
            "meta l4proto . th dport vmap { tcp . 22 : accept }",
            Rule::new().vmap(concat((meta::l4proto(), th::dport())), [((L4Proto::TCP, 22), Verdict::ACCEPT)]),
        ),
        does(
            "meta priority set tcp dport map { 22 : 1:2 }",
            Rule::new().set(meta::priority(), tcp::dport().map([(22, ClassId::of(1, 2))])),
        ),
        does(
            "meta mark & 0x000000ff vmap { 0x00000010 : accept }",
            Rule::new().vmap(meta::mark().and(0xff), [(0x10, Verdict::ACCEPT)]),
        ),
        does(
            "iifname vmap { \"lo\" : accept, \"eth0\" : drop }",
            Rule::new().vmap(meta::iifname(), [("lo", Verdict::ACCEPT), ("eth0", Verdict::DROP)]),
        ),
        does(
            "iifname vmap { \"eth*\" : drop, \"lo\" : accept }",
            Rule::new().vmap(
                meta::iifname(),
                [(Interval::value("lo"), Verdict::ACCEPT), (Interval::starting_with("eth"), Verdict::DROP)],
            ),
        ),
        does(
            "tcp dport vmap { 22 : accept, * : drop }",
            Rule::new().vmap(
                tcp::dport(),
                vec![
                    Element::<Interval<Port>>::new(22).to(Verdict::ACCEPT),
                    Element::<Interval<Port>>::catch_all().to(Verdict::DROP),
                ],
            ),
        ),
        does(
            "tcp dport vmap { 22 : accept, 80-90 : jump other, * : drop }",
            Rule::new().vmap(
                tcp::dport(),
                vec![
                    Element::<Interval<Port>>::new(22).to(Verdict::ACCEPT),
                    Element::<Interval<Port>>::new(80..=90).to(Verdict::jump(&other)),
                    Element::<Interval<Port>>::catch_all().to(Verdict::DROP),
                ],
            ),
        ),
        does(
            "ip saddr . tcp dport vmap { 10.0.0.1 . 22 : accept }",
            Rule::new().vmap(concat((ip::saddr(), tcp::dport())), [((A, 22), Verdict::ACCEPT)]),
        ),
        does(
            "ip saddr . tcp dport vmap { 10.0.0.0/8 . 22-30 : accept }",
            Rule::new().vmap(concat((ip::saddr(), tcp::dport())), [((net(10, 0, 8), range(22, 30)), Verdict::ACCEPT)]),
        ),
        does(
            "meta mark set tcp dport map { 22 : 0x00000001, 80 : 0x00000002 }",
            Rule::new().set(meta::mark(), tcp::dport().map([(22, 1), (80, 2)])),
        ),
        does(
            "meta mark set tcp dport map { 22 : 0x00000001, 80-90 : 0x00000002 }",
            Rule::new().set(meta::mark(), tcp::dport().map([(Interval::<Port>::value(22), 1), (range(80, 90), 2)])),
        ),
        does(
            "meta mark set ip saddr . tcp dport map { 10.0.0.1 . 22 : 0x00000001 }",
            Rule::new().set(meta::mark(), concat((ip::saddr(), tcp::dport())).map([((A, 22), 1)])),
        ),
    ]
}

fn own_maps_of_connections() -> Vec<Pair> {
    vec![
        does(
            "ct state vmap { established : accept, related : accept }",
            Rule::new().vmap(
                ct::state(),
                [
                    (nftlink::datum::CtState::ESTABLISHED, Verdict::ACCEPT),
                    (nftlink::datum::CtState::RELATED, Verdict::ACCEPT),
                ],
            ),
        )
        .typed("ct state vmap { established : accept, related : accept }"),
        does(
            "ct mark set meta mark map { 0x00000001 : 0x00000002 }",
            Rule::new().set(ct::mark(), meta::mark().map([(1, 2)])),
        ),
    ]
}

/// Translations to what a map has.
fn mapped_translations() -> Vec<Pair> {
    vec![
        does(
            "dnat ip to tcp dport map { 22 : 10.0.0.1, 80 : 10.0.0.9 }",
            Rule::new().dnat(tcp::dport().map::<Ipv4Addr>([(22, A), (80, B)])),
        ),
        does(
            "dnat ip to tcp dport map { 22 : 10.0.0.1 }:80",
            Rule::new().dnat(nftlink::NatTarget::from(tcp::dport().map::<Ipv4Addr>([(22, A)])).ports(80..=80)),
        ),
        does(
            "dnat ip to tcp dport map { 22 : 10.0.0.1 . 80 }",
            Rule::new().dnat(tcp::dport().map::<(Ipv4Addr, Port)>([(22, (A, 80))])),
        ),
        does("dnat ip6 to tcp dport map { 22 : fd00::1 }", Rule::new().dnat(tcp::dport().map::<Ipv6Addr>([(22, V6)]))),
        does(
            "dnat ip6 to tcp dport map { 22 : fd00::1 . 80 }",
            Rule::new().dnat(tcp::dport().map::<(Ipv6Addr, Port)>([(22, (V6, 80))])),
        ),
        does(
            "snat ip to ip saddr map { 10.0.0.1 : 10.0.0.9 }",
            Rule::new().snat(ip::saddr().map::<Ipv4Addr>([(A, B)])),
        ),
        does(
            "snat ip to ip saddr map { 10.0.0.0/8 : 10.0.0.9 }",
            Rule::new().snat(ip::saddr().map::<Ipv4Addr>([(net(10, 0, 8), B)])),
        ),
        does("dnat ip to tcp dport map @servers", Rule::new().dnat(tcp::dport().map(&servers(&table(Family::INET))))),
        does("dnat ip to tcp dport map @sockets", Rule::new().dnat(tcp::dport().map(&sockets(&table(Family::INET))))),
    ]
}

fn servers(table: &Table) -> Map<Port, Ipv4Addr> {
    Map::new(table, "servers")
}

fn sockets(table: &Table) -> Map<Port, (Ipv4Addr, Port)> {
    Map::new(table, "sockets")
}

pub(in super::super) fn maps_of_rules_own() {
    for family in [Family::INET, Family::BRIDGE] {
        compare(family, vec![], own_maps(&table(family)));
    }
    compare(Family::INET, vec![], own_maps_of_connections());
    let inet = table(Family::INET);
    let (servers, sockets) = (servers(&inet), sockets(&inet));
    let (their_servers, their_sockets) = (servers.clone(), sockets.clone());
    let declarations = vec![
        declare("map servers { type inet_service : ipv4_addr; }", move |batch| _ = batch.add(&servers)),
        declare("element servers { 22 : 10.0.0.1 }", move |batch| _ = batch.add_elements(&their_servers, [(22, A)])),
        declare("map sockets { type inet_service : ipv4_addr . inet_service; }", move |batch| _ = batch.add(&sockets)),
        declare("element sockets { 22 : 10.0.0.1 . 80 }", move |batch| {
            _ = batch.add_elements(&their_sockets, [(22, (A, Port::new(80)))])
        }),
    ];
    compare(Family::INET, declarations, mapped_translations());
}

type Allowed = (Interval<Ipv4Addr>, Interval<Port>);

pub(in super::super) fn sets_and_maps_of_the_tables() {
    for family in [Family::INET, Family::IP, Family::BRIDGE, Family::NETDEV] {
        let table = table(family);
        let pairs_ = Set::<(Ipv4Addr, Port)>::new(&table, "pairs");
        let allowed = Set::<Allowed>::new(&table, "allowed").comment("each its range");
        let marks = Set::<(Interval<Mark>, IfName)>::new(&table, "marks");
        let ranges = Set::<Interval<Mark>>::new(&table, "ranges");
        let doors = Map::<Port, Verdict>::new(&table, "doors");
        let zones = Map::<Interval<Ipv4Addr>, Mark>::new(&table, "zones");
        let routes = Map::<(Ipv4Addr, Port), Mark>::new(&table, "routes");
        let counted = Set::<Ipv4Addr>::new(&table, "counted").counters();
        let limited = Set::<Ipv4Addr>::new(&table, "limited")
            .stateful(Limit::packets(5, Limit::SECOND))
            .stateful(Counter::default());
        let counted_ranges = Set::<Interval<Ipv4Addr>>::new(&table, "counted_ranges").counters();
        let merging = Set::<Interval<Port>>::new(&table, "merging").auto_merge();
        let lasting = Set::<Ipv4Addr>::new(&table, "lasting")
            .timeout(Duration::from_secs(60))
            .gc_interval(Duration::from_secs(10))
            .size(100);
        let fixed = Set::<Port>::new(&table, "fixed").constant();
        let small = Set::<Port>::new(&table, "small").policy(SetPolicy::MEMORY);
        let pairs = vec![
            is("ip saddr . tcp dport @pairs", concat((ip::saddr(), tcp::dport())).in_set(&pairs_)),
            is("ip saddr . tcp dport != @pairs", concat((ip::saddr(), tcp::dport())).not_in_set(&pairs_)),
            is("ip daddr . udp sport @allowed", concat((ip::daddr(), udp::sport())).in_set(&allowed)),
            is("meta mark . iifname @marks", concat((meta::mark(), meta::iifname())).in_set(&marks)),
            is("meta mark @ranges", meta::mark().in_set(&ranges)),
            is("meta mark != @ranges", meta::mark().not_in_set(&ranges)),
            is("ip saddr @counted", ip::saddr().in_set(&counted)),
            is("ip saddr @limited", ip::saddr().in_set(&limited)),
            is("ip saddr @counted_ranges", ip::saddr().in_set(&counted_ranges)),
            does("tcp dport vmap @doors", Rule::new().vmap(tcp::dport(), &doors)),
            does("meta mark set ip saddr map @zones", Rule::new().set(meta::mark(), ip::saddr().map(&zones))),
            does(
                "meta mark set ip saddr . tcp dport map @routes",
                Rule::new().set(meta::mark(), concat((ip::saddr(), tcp::dport())).map(&routes)),
            ),
        ];
        let doors_c = doors.clone();
        let (pairs_e, allowed_e, marks_e, doors_e, zones_e, merging_e) =
            (pairs_.clone(), allowed.clone(), marks.clone(), doors.clone(), zones.clone(), merging.clone());
        let declarations = vec![
            declare("set pairs { type ipv4_addr . inet_service; }", move |b| _ = b.add(&pairs_)),
            declare("element pairs { 10.0.0.1 . 22, 10.0.0.9 . 80 }", move |b| {
                _ = b.add_elements(&pairs_e, [(A, 22), (B, 80)])
            }),
            declare(
                "set allowed { type ipv4_addr . inet_service; flags interval; comment \"each its range\"; }",
                move |b| _ = b.add(&allowed),
            ),
            declare("element allowed { 10.0.0.0/8 . 22-30 }", move |b| {
                _ = b.add_elements(&allowed_e, [(net(10, 0, 8), range(22, 30))])
            }),
            declare("set marks { type mark . ifname; flags interval; }", move |b| _ = b.add(&marks)),
            declare("element marks { 0x1-0x100 . \"eth0\" }", move |b| {
                _ = b.add_elements(&marks_e, [(1..=0x100, "eth0")])
            }),
            declare("set ranges { type mark; flags interval; }", move |b| _ = b.add(&ranges)),
            declare("map doors { type inet_service : verdict; }", move |b| _ = b.add(&doors)),
            declare("element doors { 22 : accept, 80 : jump other }", move |b| {
                let other = doors_e.at().table().clone();
                let other = Table::new(other.family(), TABLE).chain("other");
                b.add_elements(&doors_e, [(22, Verdict::ACCEPT), (80, Verdict::jump(&other))]);
            }),
            declare("element doors { * : drop }", move |b| {
                _ = b.add_elements(&doors_c, [Element::<Port>::catch_all().to(Verdict::DROP)])
            }),
            declare("map zones { type ipv4_addr : mark; flags interval; }", move |b| _ = b.add(&zones)),
            declare("element zones { 10.0.0.0/8 : 0x1 }", move |b| _ = b.add_elements(&zones_e, [(net(10, 0, 8), 1)])),
            declare("map routes { type ipv4_addr . inet_service : mark; }", move |b| _ = b.add(&routes)),
            declare("set counted { type ipv4_addr; counter; }", move |b| _ = b.add(&counted)),
            declare("set limited { type ipv4_addr; limit rate 5/second counter; }", move |b| _ = b.add(&limited)),
            declare("set counted_ranges { type ipv4_addr; flags interval; counter; }", move |b| {
                _ = b.add(&counted_ranges)
            }),
            declare("set merging { type inet_service; flags interval; auto-merge; }", move |b| _ = b.add(&merging)),
            declare("element merging { 10-20, 15-30, 31 }", move |b| {
                b.add_elements(&merging_e, [range(10, 20), range(15, 30), Interval::value(31)]);
            }),
            declare("set lasting { type ipv4_addr; timeout 1m; gc-interval 10s; size 100; }", move |b| {
                _ = b.add(&lasting)
            }),
            declare("set fixed { type inet_service; flags constant; }", move |b| _ = b.add(&fixed)),
            declare("set small { type inet_service; policy memory; }", move |b| _ = b.add(&small)),
        ];
        compare(family, declarations, pairs);
    }
}

/// Which nft can only say of a field, and not list.
pub(in super::super) fn plain_numbers_are_turned_round_for_sets_of_intervals() {
    let table = table(Family::INET);
    let (plain, lengths) =
        (Set::<HostInteger32>::new(&table, "plain"), Set::<Interval<HostInteger32>>::new(&table, "lengths"));
    let zones = Set::<(Interval<HostInteger16>, Port)>::new(&table, "zones");
    let rules = [
        (
            Rule::new().when(meta::length().in_set(&plain)),
            "  [ meta load len => reg 1 ]\n  [ lookup reg 1 set plain 0x0 ]\n",
        ),
        (
            Rule::new().when(meta::length().in_set(&lengths)),
            "  [ meta load len => reg 1 ]\n  [ byteorder reg 1 = hton(reg 1, 4, 4) ]\n  [ lookup reg 1 set lengths 0x0 ]\n",
        ),
        (
            Rule::new().when(concat((ct::zone(), th::dport())).in_set(&zones)),
            "  [ ct load zone => reg 1 ]\n  [ byteorder reg 1 = hton(reg 1, 2, 2) ]\n\
             \x20 [ payload load 2b @ transport header + 2 => reg 9 ]\n  [ lookup reg 1 set zones 0x0 ]\n",
        ),
    ];
    let (mut conn, mut batch) = (Conn::open().unwrap(), Batch::new());
    let chain = table.chain(CHAIN);
    batch.add(&table).add(&chain).add(&plain).add(&lengths).add(&zones);
    batch.add_elements(&lengths, [5..=256]);
    rules.iter().for_each(|(rule, _)| _ = batch.append(&chain, rule));
    conn.commit(&batch).unwrap();
    let read = conn.rules(&chain).unwrap();
    let bytecode: Vec<String> = read.iter().map(|rule| rule.bytecode().to_string()).collect();
    assert_eq!(bytecode, rules.map(|(_, bytecode)| bytecode));
}

/// nft has no words for a set of nothing.
pub(in super::super) fn a_choice_of_nothing_is_kept() {
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
