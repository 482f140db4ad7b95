//! Headers and what the kernel knows beside them: each match is judged by packets made for it.

use std::fs;
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::time::SystemTime;

use nftlink::datum::{
    ArpOp, Date, Day, DevGroup, EtherAddr, EtherType, Gid, Hour, IcmpCode, IcmpType, Icmpv6Code, Icmpv6Type, IfIndex,
    IfType, Integer8, Integer16, Integer32, PktType, TcpFlags, Uid,
};
use nftlink::field::{arp, ether, icmp, icmpv6, th};
use nix::net::if_::if_nametoindex;

use super::packet::*;
use super::*;

const V4: IpAddr = LOOPBACKS[0];
const V6: IpAddr = LOOPBACKS[1];

// ---- ICMP ----

/// Whether a message is an echo or its answer: what others have in place of its number is something else.
fn is_echo(p: &Packet) -> bool {
    let echoes: [u8; 2] = if p.protocol == L4Proto::ICMP { [8, 0] } else { [128, 129] };
    echoes.contains(&p.body[0])
}

pub(super) fn icmp_messages_match_by_type_code_id_and_sequence() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let mut judged = Vec::new();
    for (kind, code) in [(8, 0), (0, 0), (3, 0), (3, 2), (3, 3), (3, 4), (3, 13), (11, 1), (13, 0), (128, 0), (129, 3)]
    {
        judged.push(Packet::icmp(V4, V4, kind, code, (0x0102, 7)));
        judged.push(Packet::icmp(V4, V4, kind, code, (0x0201, 0x0700)));
    }
    // The same bytes in other protocols, and of another one's family.
    judged.push(Packet::udp(at(V4, 0x0800), at(V4, 0x0800), b""));
    judged.push(Packet::icmp(V6, V6, 8, 0, (0x0102, 7)));
    judged.push(Packet::new(V6, V6, L4Proto::ICMP, judged[0].body.clone()));
    judged.push(Packet::new(V4, V4, L4Proto::ICMPV6, judged[0].body.clone()));

    let of = |family: Family, is: fn(&Packet) -> bool| {
        let kind = |p: &Packet| p.body[0];
        let code = |p: &Packet| p.body[1];
        let table = Table::new(family, "fw");
        let (kinds, codes) = (Set::<IcmpType>::new(&table, "kinds"), Set::<Interval<IcmpCode>>::new(&table, "codes"));
        let rules = vec![
            says(icmp::icmp_type().eq(IcmpType::ECHO_REQUEST), move |p: &Packet| is(p) && kind(p) == 8),
            says(icmp::icmp_type().ne(IcmpType::ECHO_REQUEST), move |p: &Packet| is(p) && kind(p) != 8),
            says(icmp::icmp_type().eq(IcmpType::ECHO_REPLY), move |p: &Packet| is(p) && kind(p) == 0),
            says(icmp::icmp_type().lt(IcmpType::TIME_EXCEEDED), move |p: &Packet| is(p) && kind(p) < 11),
            says(icmp::icmp_type().ge(IcmpType::TIME_EXCEEDED), move |p: &Packet| is(p) && kind(p) >= 11),
            says(icmp::icmp_type().one_of([IcmpType::ECHO_REQUEST, IcmpType::ECHO_REPLY]), move |p: &Packet| {
                is(p) && [0, 8].contains(&kind(p))
            }),
            says(icmp::icmp_type().none_of([IcmpType::ECHO_REQUEST, IcmpType::ECHO_REPLY]), move |p: &Packet| {
                is(p) && ![0, 8].contains(&kind(p))
            }),
            says(icmp::icmp_type().in_set(&kinds), move |p: &Packet| is(p) && kind(p) == 13),
            says(icmp::code().eq(IcmpCode::PORT_UNREACHABLE), move |p: &Packet| is(p) && code(p) == 3),
            says(icmp::code().ne(IcmpCode::PORT_UNREACHABLE), move |p: &Packet| is(p) && code(p) != 3),
            says(icmp::code().in_range(2..=4), move |p: &Packet| is(p) && (2..=4).contains(&code(p))),
            says(icmp::code().in_set(&codes), move |p: &Packet| is(p) && (3..=4).contains(&code(p))),
            says(icmp::id().eq(0x0102), move |p: &Packet| is(p) && is_echo(p) && p.word(4) == 0x0102),
            says(icmp::sequence().eq(7), move |p: &Packet| is(p) && is_echo(p) && p.word(6) == 7),
            says(icmp::sequence().gt(7), move |p: &Packet| is(p) && is_echo(p) && p.word(6) > 7),
        ];
        (table, kinds, codes, rules)
    };
    // In a table of family ip nobody asks whether the packet is of IPv4: none other comes.
    for family in [Family::INET, Family::IP] {
        let (table, kinds, codes, rules) = of(family, |p| p.from.is_ipv4() && p.protocol == L4Proto::ICMP);
        let judged: Vec<_> = judged.iter().filter(|p| family == Family::INET || p.from.is_ipv4()).cloned().collect();
        let set_up = |batch: &mut Batch| {
            batch.add(&kinds).add(&codes).add_elements(&kinds, [IcmpType::TIMESTAMP_REQUEST]);
            batch.add_elements(&codes, [IcmpCode::PORT_UNREACHABLE..=IcmpCode::FRAG_NEEDED]);
        };
        judge(&mut conn, (&table, &dead_end(&table)), set_up, &[], &rules, &judged, |p| sender.send(p));
        conn.commit(Batch::new().delete(&table)).unwrap();
    }
}

pub(super) fn icmpv6_messages_match_by_type_code_id_and_sequence() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let mut judged = Vec::new();
    for (kind, code) in [(128, 0), (129, 0), (1, 0), (1, 1), (1, 3), (1, 4), (3, 0), (135, 0), (8, 0)] {
        judged.push(Packet::icmp(V6, V6, kind, code, (0x0102, 7)));
        judged.push(Packet::icmp(V6, V6, kind, code, (0x0201, 0x0700)));
    }
    judged.push(Packet::icmp(V4, V4, 128, 0, (0x0102, 7)));
    judged.push(Packet::new(V6, V6, L4Proto::ICMP, judged[0].body.clone()));
    judged.push(Packet::new(V4, V4, L4Proto::ICMPV6, judged[0].body.clone()));
    let is = |p: &Packet| p.from.is_ipv6() && p.protocol == L4Proto::ICMPV6;
    let (kind, code) = (|p: &Packet| p.body[0], |p: &Packet| p.body[1]);
    let echo = [Icmpv6Type::ECHO_REQUEST, Icmpv6Type::ECHO_REPLY];
    let rules = vec![
        says(icmpv6::icmpv6_type().eq(Icmpv6Type::ECHO_REQUEST), move |p: &Packet| is(p) && kind(p) == 128),
        says(icmpv6::icmpv6_type().ne(Icmpv6Type::ECHO_REQUEST), move |p: &Packet| is(p) && kind(p) != 128),
        says(icmpv6::icmpv6_type().eq(Icmpv6Type::ECHO_REPLY), move |p: &Packet| is(p) && kind(p) == 129),
        says(icmpv6::icmpv6_type().one_of(echo), move |p: &Packet| is(p) && [128, 129].contains(&kind(p))),
        says(icmpv6::icmpv6_type().none_of(echo), move |p: &Packet| is(p) && ![128, 129].contains(&kind(p))),
        says(icmpv6::icmpv6_type().in_range(1..=128), move |p: &Packet| is(p) && kind(p) <= 128),
        says(icmpv6::code().eq(Icmpv6Code::PORT_UNREACHABLE), move |p: &Packet| is(p) && code(p) == 4),
        says(icmpv6::code().ge(Icmpv6Code::ADDR_UNREACHABLE), move |p: &Packet| is(p) && code(p) >= 3),
        says(icmpv6::id().eq(0x0102), move |p: &Packet| is(p) && is_echo(p) && p.word(4) == 0x0102),
        says(icmpv6::sequence().eq(0x0700), move |p: &Packet| is(p) && is_echo(p) && p.word(6) == 0x0700),
    ];
    for table in tables::<Ipv6Addr>() {
        let family = table.at().family();
        let judged: Vec<_> = judged.iter().filter(|p| family == Family::INET || p.from.is_ipv6()).cloned().collect();
        judge(&mut conn, (&table, &dead_end(&table)), |_| {}, &[], &rules, &judged, |p| sender.send(p));
        conn.commit(Batch::new().delete(&table)).unwrap();
    }
}

// ---- TCP, UDP, IP ----

pub(super) fn tcp_flags_match_as_bits() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let (one, other) = (at(V4, 1000), at(V4, 2000));
    let mut judged: Vec<_> = (0..=255).map(|bits| Packet::tcp(one, other, TcpFlags::from_bits_retain(bits))).collect();
    // Every bit at the place of the flags, in a protocol that has none.
    judged.push(Packet::udp(one, other, &[255; 20]));
    let table = Table::inet("fw");
    let is = |p: &Packet| p.protocol == L4Proto::TCP;
    let flags = |p: &Packet| TcpFlags::from_bits_retain(p.body[13]);
    let (syn, ack, fin, rst) = (TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN, TcpFlags::RST);
    let some = Set::<TcpFlags>::new(&table, "some");
    let rules = vec![
        says(tcp::flags().eq(syn), move |p: &Packet| is(p) && flags(p) == syn),
        says(tcp::flags().ne(syn), move |p: &Packet| is(p) && flags(p) != syn),
        says(tcp::flags().has(syn), move |p: &Packet| is(p) && flags(p).contains(syn)),
        says(tcp::flags().has(syn | ack), move |p: &Packet| is(p) && flags(p).contains(syn | ack)),
        says(tcp::flags().has_any(syn | ack), move |p: &Packet| is(p) && flags(p).intersects(syn | ack)),
        says(tcp::flags().has_none(syn), move |p: &Packet| is(p) && !flags(p).intersects(syn)),
        says(tcp::flags().has_none(fin | rst), move |p: &Packet| is(p) && !flags(p).intersects(fin | rst)),
        says(tcp::flags().masked(fin | syn | rst | ack).eq(syn), move |p: &Packet| {
            is(p) && flags(p) & (fin | syn | rst | ack) == syn
        }),
        says(tcp::flags().masked(fin | syn).ne(fin | syn), move |p: &Packet| is(p) && !flags(p).contains(fin | syn)),
        says(tcp::flags().masked(fin | syn).one_of([fin, syn]), move |p: &Packet| {
            is(p) && [fin, syn].contains(&(flags(p) & (fin | syn)))
        }),
        says(tcp::flags().one_of([syn, syn | ack, ack]), move |p: &Packet| {
            is(p) && [syn, syn | ack, ack].contains(&flags(p))
        }),
        says(tcp::flags().none_of([syn, syn | ack]), move |p: &Packet| is(p) && ![syn, syn | ack].contains(&flags(p))),
        says(tcp::flags().in_set(&some), move |p: &Packet| is(p) && flags(p) == fin | ack),
    ];
    let set_up = |batch: &mut Batch| {
        batch.add(&some).add_elements(&some, [fin | ack]);
    };
    judge(&mut conn, (&table, &dead_end(&table)), set_up, &[], &rules, &judged, |p| sender.send(p));
}

pub(super) fn transport_headers_match_field_by_field() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let mut judged = Vec::new();
    for ip in LOOPBACKS {
        for ports in [(1000, 2000), (1001, 2000), (1000, 2001), (2000, 1000)] {
            let (from, to) = (at(ip, ports.0), at(ip, ports.1));
            judged.push(Packet::tcp(from, to, TcpFlags::SYN));
            judged.extend([0, 8, 9, 300].map(|len| Packet::udp(from, to, &vec![1; len])));
        }
    }
    let tcp = |p: &Packet| p.protocol == L4Proto::TCP;
    let udp = |p: &Packet| p.protocol == L4Proto::UDP;
    let (sum, udp_sum) = (judged[0].word(16), judged[1].word(6));
    let rules = vec![
        says(tcp::sport().eq(1000), move |p: &Packet| tcp(p) && p.sport() == 1000),
        says(tcp::dport().eq(2000), move |p: &Packet| tcp(p) && p.dport() == 2000),
        says(tcp::sequence().eq(0x0102_0304), tcp),
        says(tcp::ackseq().eq(0x0506_0708), tcp),
        says(tcp::ackseq().in_range(0x0506_0000..=0x0506_ffff), tcp),
        says(tcp::window().eq(0x4001), tcp),
        says(tcp::urgptr().eq(9), tcp),
        says(tcp::checksum().eq(sum), move |p: &Packet| tcp(p) && p.word(16) == sum),
        says(udp::sport().ne(1000), move |p: &Packet| udp(p) && p.sport() != 1000),
        says(udp::length().eq(8), move |p: &Packet| udp(p) && p.body.len() == 8),
        says(udp::length().gt(16), move |p: &Packet| udp(p) && p.body.len() > 16),
        says(udp::length().le(16), move |p: &Packet| udp(p) && p.body.len() <= 16),
        says(udp::length().lt(308), move |p: &Packet| udp(p) && p.body.len() < 308),
        says(udp::length().ge(308), move |p: &Packet| udp(p) && p.body.len() >= 308),
        says(udp::checksum().eq(udp_sum), move |p: &Packet| udp(p) && p.word(6) == udp_sum),
        says(th::sport().eq(1000), |p: &Packet| p.sport() == 1000),
        says(th::dport().in_range(2000..=2001), |p: &Packet| p.dport() >= 2000),
        says(th::dport().one_of([1000, 2001]), |p: &Packet| [1000, 2001].contains(&p.dport())),
    ];
    let table = Table::inet("fw");
    judge(&mut conn, (&table, &dead_end(&table)), |_| {}, &[], &rules, &judged, |p| sender.send(p));
}

pub(super) fn ip_headers_match_at_their_borders() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let mut judged = Vec::new();
    for ip in LOOPBACKS {
        for (hops, len) in [(1, 0), (63, 100), (64, 228), (65, 300), (255, 1)] {
            let mut packet = Packet::udp(at(ip, 1), at(ip, 2), &vec![0; len]).hops(hops);
            packet.id = u16::from(hops) << 8 | 1;
            judged.push(packet);
        }
        judged.push(Packet::tcp(at(ip, 1), at(ip, 2), TcpFlags::SYN));
        judged.push(Packet::new(ip, ip, L4Proto::from_raw(200), vec![1, 2, 3]));
    }
    // An extension header (destination options, which pad) before a datagram.
    let datagram = Packet::udp(at(V6, 1), at(V6, 2), b"").body;
    let behind = [&[17, 0, 1, 4, 0, 0, 0, 0], &datagram[..]].concat();
    judged.push(Packet::new(V6, V6, L4Proto::from_raw(60), behind));

    let v4 = |p: &Packet| p.from.is_ipv4();
    let v6 = |p: &Packet| p.from.is_ipv6();
    let udp = |p: &Packet| p.protocol == L4Proto::UDP;
    let sum = judged[0].header_checksum();
    let small = |p: &Packet| p.body.len() <= 236;
    type Numbers = [Interval<Integer8>; 2];
    let some: Numbers = [Interval::value(64), Interval::range(200..=255)];
    let mut rules = vec![
        says(ip::ttl().eq(64), move |p: &Packet| v4(p) && p.hops == 64),
        says(ip::ttl().ne(64), move |p: &Packet| v4(p) && p.hops != 64),
        says(ip::ttl().lt(64), move |p: &Packet| v4(p) && p.hops < 64),
        says(ip::ttl().le(64), move |p: &Packet| v4(p) && p.hops <= 64),
        says(ip::ttl().gt(64), move |p: &Packet| v4(p) && p.hops > 64),
        says(ip::ttl().ge(64), move |p: &Packet| v4(p) && p.hops >= 64),
        says(ip::ttl().one_of(some), move |p: &Packet| v4(p) && (p.hops == 64 || p.hops >= 200)),
        says(ip6::hoplimit().eq(255), move |p: &Packet| v6(p) && p.hops == 255),
        says(ip6::hoplimit().lt(64), move |p: &Packet| v6(p) && p.hops < 64),
        says(ip6::hoplimit().le(64), move |p: &Packet| v6(p) && p.hops <= 64),
        says(ip6::hoplimit().gt(64), move |p: &Packet| v6(p) && p.hops > 64),
        says(ip6::hoplimit().ge(64), move |p: &Packet| v6(p) && p.hops >= 64),
        // 256 is in another byte than 255.
        says(ip::length().eq(256), move |p: &Packet| v4(p) && p.len() == 256),
        says(ip::length().lt(256), move |p: &Packet| v4(p) && p.len() < 256),
        says(ip::length().le(256), move |p: &Packet| v4(p) && p.len() <= 256),
        says(ip::length().gt(256), move |p: &Packet| v4(p) && p.len() > 256),
        says(ip::length().ge(256), move |p: &Packet| v4(p) && p.len() >= 256),
        says(ip6::length().le(236), move |p: &Packet| v6(p) && small(p)),
        says(ip6::length().gt(236), move |p: &Packet| v6(p) && !small(p)),
        says(ip::id().eq(0x4001), move |p: &Packet| v4(p) && p.id == 0x4001),
        says(ip::checksum().eq(sum), move |p: &Packet| v4(p) && p.header_checksum() == sum),
        says(ip::protocol().eq(L4Proto::UDP), move |p: &Packet| v4(p) && udp(p)),
        says(ip::protocol().ne(L4Proto::UDP), move |p: &Packet| v4(p) && !udp(p)),
        says(ip::protocol().one_of([L4Proto::TCP, L4Proto::from_raw(200)]), move |p: &Packet| v4(p) && !udp(p)),
        // An extension header hides what is behind it, but not from all.
        says(ip6::nexthdr().eq(L4Proto::UDP), move |p: &Packet| v6(p) && udp(p)),
        says(ip6::nexthdr().eq(60), |p: &Packet| p.protocol.get() == 60),
        says(meta::l4proto().eq(L4Proto::UDP), move |p: &Packet| udp(p) || p.protocol.get() == 60),
        says(udp::dport().eq(2), move |p: &Packet| udp(p) || p.protocol.get() == 60),
        says(meta::length().eq(256), |p: &Packet| p.len() == 256),
        says(meta::length().ne(256), |p: &Packet| p.len() != 256),
        says(meta::length().lt(256), |p: &Packet| p.len() < 256),
        says(meta::length().le(256), |p: &Packet| p.len() <= 256),
        says(meta::length().gt(256), |p: &Packet| p.len() > 256),
        says(meta::length().ge(256), |p: &Packet| p.len() >= 256),
        says(meta::length().in_range(29..=256), |p: &Packet| (29..=256).contains(&p.len())),
        says(meta::length().not_in_range(29..=256), |p: &Packet| !(29..=256).contains(&p.len())),
    ];
    // Linux 5.10 does not tell the protocol of what a raw socket sends.
    if support::linux() > (5, 10) {
        rules.push(says(meta::protocol().eq(EtherType::IP), v4));
        rules.push(says(meta::protocol().eq(EtherType::IP6), v6));
    }
    let table = Table::inet("fw");
    judge(&mut conn, (&table, &dead_end(&table)), |_| {}, &[], &rules, &judged, |p| sender.send(p));
}

// ---- what is the same for every packet here ----

/// Sends a packet through rules, and compares which match it.
#[track_caller]
fn each_says(conn: &mut Conn, rules: &[(Match, bool)]) {
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let mut batch = Batch::new();
    batch.reset(&table).add(&output);
    append_counted(&mut batch, &output, rules.iter().map(|(rule, _)| rule.clone()));
    conn.commit(&batch).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"?", "127.0.0.1:9").unwrap_err();
    let seen = packets(conn, &table, "output");
    for ((rule, says), seen) in rules.iter().zip(seen) {
        assert_eq!(seen, u64::from(*says), "{rule:?}");
    }
}

pub(super) fn users_and_groups_match_as_the_sockets_namespace_knows_them() {
    // Whoever the tests run as, they are root where the packets are.
    let (root, other) = (Uid::new(0), Uid::new(12345));
    each_says(
        &mut Conn::open().unwrap(),
        &[
            (meta::skuid().eq(root), true),
            (meta::skuid().ne(root), false),
            (meta::skuid().eq(other), false),
            (meta::skuid().ne(other), true),
            (meta::skuid().lt(1), true),
            (meta::skuid().le(0), true),
            (meta::skuid().gt(0), false),
            (meta::skuid().ge(1), false),
            (meta::skuid().in_range(0..=999), true),
            (meta::skuid().in_range(1..=999), false),
            (meta::skuid().one_of([0, 12345]), true),
            (meta::skuid().none_of([0, 12345]), false),
            (meta::skgid().eq(0), true),
            (meta::skgid().eq(Gid::new(12345)), false),
            (meta::skgid().in_range(1..=0x0100_0000), false),
        ],
    );
    // What no socket here sent matches none of them, not even the negation.
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.reset(&table).add(&input);
    append_counted(&mut batch, &input, [meta::skuid().ne(other), meta::l4proto().eq(L4Proto::UDP)]);
    conn.commit(&batch).unwrap();
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    lab::veth((&client, "eth0"), (&server, "eth0")).unwrap();
    client.address("eth0", Ipv4Addr::host(1, 1), 8).unwrap();
    server.address("eth0", Ipv4Addr::host(1, 2), 8).unwrap();
    let to = at(Ipv4Addr::host(1, 2), 9);
    client.run(|| UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"?", to).unwrap());
    assert_eq!(counted_when(&mut conn, &table, "input", |counts| counts[1] > 0), [0, 1]);
}

pub(super) fn processors_and_random_numbers_match_as_numbers() {
    let processors = fs::read_to_string("/sys/devices/system/cpu/possible").unwrap();
    let highest: u32 = processors.trim().rsplit(['-', ',']).next().unwrap().parse().unwrap();
    let mut conn = Conn::open().unwrap();
    each_says(
        &mut conn,
        &[
            (meta::cpu().le(highest), true),
            (meta::cpu().gt(highest), false),
            (meta::cpu().in_range(0..=highest), true),
            (meta::cpu().not_in_range(0..=highest), false),
            (meta::cpu().in_range(highest + 1..=0x0100_0000), false),
            (meta::random().ge(0), true),
            (meta::random().le(u32::MAX), true),
            (meta::random().in_range(0..=u32::MAX), true),
        ],
    );
    // Half of them, more or less: that all thousand are on one side happens never.
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let mut batch = Batch::new();
    batch.reset(&table).add(&output);
    append_counted(&mut batch, &output, [meta::random().lt(0x8000_0000), meta::random().ge(0x8000_0000)]);
    conn.commit(&batch).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..1000 {
        socket.send_to(b"?", "127.0.0.1:9").unwrap_err();
    }
    assert!(packets(&mut conn, &table, "output").iter().all(|seen| (300..700).contains(seen)));
}

pub(super) fn times_match_while_they_last() {
    const DAY: u64 = 86_400;
    let mut conn = Conn::open().unwrap();
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let now = loop {
        let now = SystemTime::now();
        // A minute before and after it have to be of the same day.
        if (60..DAY - 60).contains(&(seconds(now) % DAY)) {
            break now;
        }
        thread::sleep(Duration::from_secs(1));
    };
    let minute = Duration::from_secs(60);
    let around = |d: Duration| -> RangeInclusive<Date> { Date::new(now - d)..=Date::new(now + d) };
    // 1970 began with a Thursday.
    let today = ((seconds(now) / DAY + 4) % 7) as u8;
    let (yesterday, tomorrow) = ((today + 6) % 7, (today + 1) % 7);
    let hour = |offset: i64| {
        let second = (seconds(now) % DAY) as i64 + offset;
        Hour::with_seconds(0, 0, second as u32)
    };
    each_says(
        &mut conn,
        &[
            (meta::time().gt(now - minute), true),
            (meta::time().lt(now - minute), false),
            (meta::time().lt(now + minute), true),
            (meta::time().ge(now + minute), false),
            (meta::time().in_range(around(minute)), true),
            (meta::time().not_in_range(around(minute)), false),
            (meta::time().in_range(Date::new(now + minute)..=Date::new(now + 2 * minute)), false),
            (meta::time().in_range(Date::new(now - 2 * minute)..=Date::new(now - minute)), false),
            (meta::day().eq(Day::from_raw(today)), true),
            (meta::day().ne(today), false),
            (meta::day().one_of([today, tomorrow]), true),
            (meta::day().one_of([yesterday, tomorrow]), false),
            (meta::day().none_of([yesterday, tomorrow]), true),
            (meta::day().in_range(0..=6), true),
            (meta::hour().ge(hour(-60)), true),
            (meta::hour().lt(hour(-60)), false),
            (meta::hour().le(hour(59)), true),
            (meta::hour().gt(hour(59)), false),
            (meta::hour().in_range(hour(-60)..=hour(59)), true),
            (meta::hour().not_in_range(hour(-60)..=hour(59)), false),
            (meta::hour().in_range(hour(58)..=hour(59)), false),
            (meta::hour().in_range(Hour::new(0, 0)..=Hour::with_seconds(23, 59, 59)), true),
        ],
    );
}

// ---- interfaces ----

pub(super) fn interfaces_match_by_index_group_and_type() {
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    let mut conn = Conn::open().unwrap();
    let links = ["lan0", "wan0"];
    for (number, link) in (1..).zip(links) {
        lab::veth((&client, link), (&server, link)).unwrap();
        client.address(link, Ipv4Addr::host(number, 1), 16).unwrap();
        server.address(link, Ipv4Addr::host(number, 2), 16).unwrap();
    }
    let index = |link: &str| IfIndex::new(if_nametoindex(link).unwrap());
    let [lan, wan, lo] = ["lan0", "wan0", "lo"].map(index);
    let table = Table::inet("fw");
    let some = Set::<Interval<IfIndex>>::new(&table, "some");
    let (low, high) = (lan.min(wan), lan.max(wan));
    type Says = fn(&str) -> bool;
    let of = |link: Field<IfIndex>| -> [(Match, Says); 6] {
        [
            (link.eq(lan), |n| n == "lan0"),
            (link.ne(lan), |n| n != "lan0"),
            (link.one_of([lan, lo]), |n| n != "wan0"),
            (link.none_of([lan, lo]), |n| n == "wan0"),
            // One of a link has the number 1, the others have four digits.
            (link.gt(lo), |n| n != "lo"),
            (link.in_set(&some), |n| n != "lo"),
        ]
    };
    let mut input = of(meta::iif()).to_vec();
    let mut output = of(meta::oif()).to_vec();
    input.extend::<[(Match, Says); 6]>([
        (meta::iiftype().eq(IfType::ETHER), |n| n != "lo"),
        (meta::iiftype().ne(IfType::ETHER), |n| n == "lo"),
        (meta::iiftype().eq(IfType::LOOPBACK), |n| n == "lo"),
        // An address of zeros is what the loopback interface has for one: it is no Ethernet.
        (ether::daddr().ne(EtherAddr::new([1; 6])), |n| n != "lo"),
        (ether::saddr().eq(ether_of(&client, "lan0")), |n| n == "lan0"),
        (ether::daddr().eq(ether_of(&server, "wan0")), |n| n == "wan0"),
    ]);
    output.extend::<[(Match, Says); 2]>([
        (meta::oiftype().eq(IfType::ETHER), |n| n != "lo"),
        (meta::oiftype().one_of([IfType::LOOPBACK, IfType::PPP]), |n| n == "lo"),
    ]);
    let same: [(Match, bool); 2] = [(meta::iifgroup().eq(0), true), (meta::iifgroup().ne(DevGroup::new(0)), false)];

    let (ins, outs, groups) = (table.chain("in"), table.chain("out"), table.chain("groups"));
    let base_in = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let base_out = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.reset(&table).add(&some).add_elements(&some, [low..=high]);
    batch.add(&ins).add(&outs).add(&groups).add(&base_in).add(&base_out);
    batch.append(&base_in, Rule::new().when(udp::dport().eq(7)).jump(&ins));
    batch.append(&base_in, Rule::new().when(udp::dport().eq(7)).jump(&groups));
    batch.append(&base_out, Rule::new().when(udp::sport().eq(7)).jump(&outs));
    append_counted(&mut batch, &ins, input.iter().map(|(rule, _)| rule.clone()));
    append_counted(&mut batch, &outs, output.iter().map(|(rule, _)| rule.clone()));
    append_counted(&mut batch, &groups, same.iter().map(|(rule, _)| rule.clone()));
    conn.commit(&batch).unwrap();

    let asks = [
        ("lan0", &client, at(Ipv4Addr::host(1, 2), 7)),
        ("wan0", &client, at(Ipv4Addr::host(2, 2), 7)),
        ("lo", &server, at(V4, 7)),
    ];
    let mut before = [vec![0; input.len()], vec![0; output.len()]];
    for (link, namespace, to) in asks {
        let _server = Server::udp(&server, to).unwrap();
        pass(&udp_from(namespace, Ipv4Addr::UNSPECIFIED), to);
        let after = ["in", "out"].map(|chain| packets(&mut conn, &table, chain));
        for (rules, (before, after)) in [&input, &output].into_iter().zip(before.iter().zip(&after)) {
            for (((rule, says), before), after) in rules.iter().zip(before).zip(after) {
                assert_eq!(after - before, says(link).into(), "{link}: {rule:?}");
            }
        }
        before = after;
    }
    assert_eq!(packets(&mut conn, &table, "groups"), same.map(|(_, says)| if says { 3 } else { 0 }));
}

// ---- frames ----

/// A frame that comes to the server's interface.
#[derive(Debug, Clone)]
struct Frame {
    from: EtherAddr,
    to: EtherAddr,
    kind: EtherType,
    content: Vec<u8>,
}

impl Frame {
    fn bytes(&self) -> Vec<u8> {
        frame(self.from, self.to, self.kind, &self.content)
    }

    /// Two bytes of an ARP packet.
    fn word(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.content[at..at + 2].try_into().unwrap())
    }

    fn is_arp(&self) -> bool {
        self.kind == EtherType::ARP
    }
}

const BROADCAST: EtherAddr = EtherAddr::new([0xff; 6]);
/// What the kernels of the tests do not send from.
const STRANGER: EtherAddr = EtherAddr::new([2, 0, 0, 0, 0, 0xaa]);
const OTHER: EtherAddr = EtherAddr::new([2, 0, 0, 0, 0, 0xab]);

/// ARP for Ethernet and IPv4, unless its bytes say otherwise.
fn arp_packet(operation: u16, sender: (EtherAddr, Ipv4Addr), target: (EtherAddr, Ipv4Addr)) -> Vec<u8> {
    let mut bytes = vec![0, 1, 8, 0, 6, 4];
    bytes.extend(operation.to_be_bytes());
    for (ether, ip) in [sender, target] {
        bytes.extend([&ether.octets()[..], &ip.octets()].concat());
    }
    bytes
}

pub(super) fn frames_match_by_addresses_protocol_and_packet_type() {
    let mut cable = cable();
    let here = ether_of(&cable.server, "eth0");
    let frames = Frames::of(&cable.client, "eth0");
    let multicast = EtherAddr::new([1, 0, 0x5e, 0, 0, 1]);
    let datagram = Packet::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), b"").bytes();
    let datagram6 = Packet::udp("[fd00::1]:1".parse().unwrap(), "[fd00::2]:2".parse().unwrap(), b"").bytes();
    let mut judged = Vec::new();
    for to in [here, BROADCAST, multicast, OTHER] {
        judged.push(Frame { from: STRANGER, to, kind: EtherType::IP, content: datagram.clone() });
        judged.push(Frame { from: OTHER, to, kind: EtherType::IP6, content: datagram6.clone() });
        judged.push(Frame { from: OTHER, to, kind: EtherType::from_raw(0x88b5), content: datagram.clone() });
    }
    let segment = Packet::tcp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap(), TcpFlags::SYN).bytes();
    judged.push(Frame { from: STRANGER, to: here, kind: EtherType::IP, content: segment });
    let rules = || {
        vec![
            says(ether::saddr().eq(STRANGER), |f: &Frame| f.from == STRANGER),
            says(ether::saddr().ne(STRANGER), |f: &Frame| f.from != STRANGER),
            says(ether::daddr().eq(BROADCAST), |f: &Frame| f.to == BROADCAST),
            says(ether::daddr().one_of([here, OTHER]), move |f: &Frame| [here, OTHER].contains(&f.to)),
            says(ether::daddr().none_of([here, OTHER]), move |f: &Frame| ![here, OTHER].contains(&f.to)),
            says(ether::saddr().in_range(STRANGER..=STRANGER), |f: &Frame| f.from == STRANGER),
            says(ether::saddr().gt(STRANGER), |f: &Frame| f.from > STRANGER),
            says(ether::ether_type().eq(EtherType::IP), |f: &Frame| f.kind == EtherType::IP),
            says(ether::ether_type().eq(0x88b5), |f: &Frame| f.kind.get() == 0x88b5),
            says(ether::ether_type().ne(EtherType::IP6), |f: &Frame| f.kind != EtherType::IP6),
            says(meta::protocol().eq(EtherType::IP6), |f: &Frame| f.kind == EtherType::IP6),
            says(meta::pkttype().eq(PktType::UNICAST), move |f: &Frame| f.to == here),
            says(meta::pkttype().ne(PktType::HOST), move |f: &Frame| f.to != here),
            says(meta::pkttype().eq(PktType::BROADCAST), |f: &Frame| f.to == BROADCAST),
            says(meta::pkttype().eq(PktType::MULTICAST), move |f: &Frame| f.to == multicast),
            says(meta::pkttype().eq(PktType::OTHER), |f: &Frame| f.to == OTHER),
            says(meta::pkttype().one_of([PktType::BROADCAST, PktType::MULTICAST]), move |f: &Frame| {
                [BROADCAST, multicast].contains(&f.to)
            }),
            // The frame says what is in it.
            says(ip::saddr().eq(Ipv4Addr::new(10, 0, 0, 1)), |f: &Frame| f.kind == EtherType::IP),
            says(ip6::daddr().eq("fd00::2".parse::<Ipv6Addr>().unwrap()), |f: &Frame| f.kind == EtherType::IP6),
            says(udp::dport().eq(2), |f: &Frame| match f.kind {
                EtherType::IP => f.content[9] == L4Proto::UDP.get(),
                kind => kind == EtherType::IP6,
            }),
        ]
    };
    // At ingress of family inet there is nothing but IP.
    for (table, only_ip) in [(Table::netdev("fw"), false), (Table::inet("fw"), true)] {
        let ingress = table.chain("ingress").filter(Hook::INGRESS, Priority::FILTER).device("eth0");
        let is_ip = |f: &&Frame| !only_ip || f.kind.get() != 0x88b5;
        let judged: Vec<Frame> = judged.iter().filter(is_ip).cloned().collect();
        let rules: Vec<_> = rules().into_iter().enumerate().filter(|(n, _)| !only_ip || *n != 8).map(|r| r.1).collect();
        let ours = [ether::saddr().one_of([STRANGER, OTHER])];
        judge(&mut cable.conn, (&table, &ingress), |_| {}, &ours, &rules, &judged, |f| frames.send(&f.bytes()));
        cable.conn.commit(Batch::new().delete(&table)).unwrap();
    }
}

pub(super) fn arp_matches_field_by_field() {
    let mut cable = cable();
    let here = ether_of(&cable.server, "eth0");
    let frames = Frames::of(&cable.client, "eth0");
    let [a, b] = [1, 2].map(|host| Ipv4Addr::new(10, 0, 0, host));
    let mut judged = Vec::new();
    for (operation, sender, target) in [
        (1, (STRANGER, a), (EtherAddr::new([0; 6]), b)),
        (1, (STRANGER, b), (EtherAddr::new([0; 6]), a)),
        (2, (STRANGER, a), (here, b)),
        (2, (OTHER, b), (OTHER, a)),
        (8, (OTHER, a), (OTHER, a)),
    ] {
        let content = arp_packet(operation, sender, target);
        judged.push(Frame { from: STRANGER, to: BROADCAST, kind: EtherType::ARP, content });
    }
    let rules = || {
        vec![
            says(arp::operation().eq(ArpOp::REQUEST), |f: &Frame| f.is_arp() && f.word(6) == 1),
            says(arp::operation().ne(ArpOp::REQUEST), |f: &Frame| f.is_arp() && f.word(6) != 1),
            says(arp::operation().eq(ArpOp::REPLY), |f: &Frame| f.is_arp() && f.word(6) == 2),
            says(arp::operation().one_of([ArpOp::REQUEST, ArpOp::REPLY]), |f: &Frame| f.is_arp() && f.word(6) <= 2),
            says(arp::operation().gt(2), |f: &Frame| f.is_arp() && f.word(6) > 2),
            says(arp::saddr_ether().eq(STRANGER), |f: &Frame| f.is_arp() && f.content[8..14] == STRANGER.octets()),
            says(arp::saddr_ip().eq(a), move |f: &Frame| f.is_arp() && f.content[14..18] == a.octets()),
            says(arp::saddr_ip().in_prefix(a, 31), move |f: &Frame| f.is_arp() && f.content[14..18] == [10, 0, 0, 1]),
            says(arp::daddr_ether().eq(here), move |f: &Frame| f.is_arp() && f.content[18..24] == here.octets()),
            says(arp::daddr_ip().eq(b), move |f: &Frame| f.is_arp() && f.content[24..28] == b.octets()),
            says(arp::daddr_ip().one_of([b, Ipv4Addr::new(192, 0, 2, 1)]), move |f: &Frame| {
                f.is_arp() && f.content[24..28] == b.octets()
            }),
        ]
    };
    // The kernel hands over none but ARP for Ethernet and IPv4, but at ingress all.
    let table = Table::arp("fw");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
    let ours = [arp::saddr_ip().in_prefix(Ipv4Addr::new(10, 0, 0, 0), 24)];
    judge(&mut cable.conn, (&table, &input), |_| {}, &ours, &rules(), &judged, |f| frames.send(&f.bytes()));
    cable.conn.commit(Batch::new().delete(&table)).unwrap();

    let datagram = Packet::udp("0.1.8.0:1".parse().unwrap(), "0.1.8.0:1".parse().unwrap(), &[0; 8]).bytes();
    let mut others = judged[..4].to_vec();
    // Other hardware, another protocol, other lengths, and what is no ARP at all.
    for (at, byte) in [(1, 6), (2, 0x86), (4, 8), (5, 16)] {
        let mut strange = judged[0].clone();
        strange.content[at] = byte;
        others.push(strange);
    }
    others.push(Frame { from: STRANGER, to: here, kind: EtherType::IP, content: datagram });
    let as_ip = Frame { kind: EtherType::IP, ..judged[0].clone() };
    others.push(as_ip);
    let mut rules = rules();
    rules.retain(|(rule, _)| *rule != arp::operation().gt(2));
    rules.extend([
        says(arp::htype().eq(1), |f: &Frame| f.is_arp() && f.word(0) == 1),
        says(arp::htype().eq(Integer16::new(6)), |f: &Frame| f.is_arp() && f.word(0) == 6),
        says(arp::ptype().eq(EtherType::IP), |f: &Frame| f.is_arp() && f.word(2) == 0x0800),
        says(arp::hlen().eq(6), |f: &Frame| f.is_arp() && f.content[4] == 6),
        says(arp::plen().eq(4), |f: &Frame| f.is_arp() && f.content[5] == 4),
        says(arp::plen().gt(4), |f: &Frame| f.is_arp() && f.content[5] > 4),
    ]);
    let table = Table::netdev("fw");
    let ingress = table.chain("ingress").filter(Hook::INGRESS, Priority::FILTER).device("eth0");
    let ours = [ether::saddr().eq(STRANGER)];
    judge(&mut cable.conn, (&table, &ingress), |_| {}, &ours, &rules, &others, |f| frames.send(&f.bytes()));
}

pub(super) fn frames_have_what_a_field_implies() {
    let mut cable = cable();
    let frames = Frames::of(&cable.client, "eth0");
    lab::bridge(&cable.server, "br0", &["eth0"]).unwrap();
    let [v4, other4] = ["10.0.0.1:1", "10.0.0.2:2"].map(|end| end.parse::<SocketAddr>().unwrap());
    let [v6, other6] = ["[fd00::1]:1", "[fd00::2]:2"].map(|end| end.parse::<SocketAddr>().unwrap());
    let ping4 = Packet::icmp(v4.ip(), other4.ip(), 8, 0, (1, 1)).bytes();
    let ping6 = Packet::icmp(v6.ip(), other6.ip(), 128, 0, (1, 1)).bytes();
    let strange6 = Packet { protocol: L4Proto::ICMPV6, ..Packet::icmp(v4.ip(), other4.ip(), 128, 0, (1, 1)) }.bytes();
    let (ip4, ip6) = (EtherType::IP, EtherType::IP6);
    // What is in a frame, and the name by which the rules below know it.
    let judged: Vec<(&str, Frame)> = [
        ("ping4", ip4, ping4.clone()),
        ("ping6", ip6, ping6),
        ("strange6", ip4, strange6),
        ("udp4", ip4, Packet::udp(v4, other4, &[8; 8]).bytes()),
        ("udp6", ip6, Packet::udp(v6, other6, b"").bytes()),
        ("tcp4", ip4, Packet::tcp(v4, other4, TcpFlags::SYN).bytes()),
        ("arp", EtherType::ARP, arp_packet(1, (STRANGER, Ipv4Addr::new(10, 0, 0, 1)), (OTHER, Ipv4Addr::LOCALHOST))),
        // The bytes of an IPv4 packet that the frame calls something else.
        ("else", EtherType::from_raw(0x88b5), ping4),
    ]
    .map(|(name, kind, content)| (name, Frame { from: STRANGER, to: BROADCAST, kind, content }))
    .to_vec();
    let is = |names: &'static [&'static str]| move |frame: &(&str, Frame)| names.contains(&frame.0);
    let rules = [
        says(icmp::icmp_type().eq(IcmpType::ECHO_REQUEST), is(&["ping4"])),
        says(icmp::icmp_type().ne(0), is(&["ping4"])),
        says(icmpv6::icmpv6_type().eq(Icmpv6Type::ECHO_REQUEST), is(&["ping6"])),
        says(udp::dport().eq(2), is(&["udp4", "udp6"])),
        says(tcp::flags().has(TcpFlags::SYN), is(&["tcp4"])),
        says(ip::saddr().eq(Ipv4Addr::new(10, 0, 0, 1)), is(&["ping4", "strange6", "udp4", "tcp4"])),
        says(ip::ttl().eq(64), is(&["ping4", "strange6", "udp4", "tcp4"])),
        says(ip6::hoplimit().eq(64), is(&["ping6", "udp6"])),
        says(arp::operation().eq(ArpOp::REQUEST), is(&["arp"])),
        says(arp::operation().ne(ArpOp::REPLY), is(&["arp"])),
    ];
    let (netdev, bridge) = (Table::netdev("fw"), Table::bridge("fw"));
    let ingress = netdev.chain("ingress").filter(Hook::INGRESS, Priority::FILTER).device("eth0");
    let prerouting = bridge.chain("prerouting").filter(Hook::PREROUTING, Priority::FILTER);
    for (table, base) in [(netdev, ingress), (bridge, prerouting)] {
        let ours = [ether::saddr().eq(STRANGER)];
        judge(&mut cable.conn, (&table, &base), |_| {}, &ours, &rules, &judged, |(_, f)| frames.send(&f.bytes()));
        cable.conn.commit(Batch::new().delete(&table)).unwrap();
    }
}

pub(super) fn neighbour_whose_requests_are_refused_never_resolves() {
    let mut cable = cable();
    let [refused, served] = [1, 2].map(|host| Ipv4Addr::host(200, host));
    for address in [refused, served] {
        cable.server.address("eth0", address, 8).unwrap();
    }
    cable.client.address("eth0", Ipv4Addr::host(1, 1), 8).unwrap();
    let _servers = serve(&cable.server, [refused, served].map(|address| at(address, 7)));
    let table = Table::arp("fw");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let request = [arp::operation().eq(ArpOp::REQUEST), arp::daddr_ip().eq(refused)];
    let mut batch = Batch::new();
    batch.reset(&table).add(&input).append(&input, Rule::new().when_all(request).counter().drop());
    cable.conn.commit(&batch).unwrap();
    let client = || tcp_from(&cable.client, Ipv4Addr::host(1, 1));
    // Having asked in vain three times, the kernel tells that nobody is there.
    let answer = client().ask(at(refused, 7));
    assert_eq!(answer, Answer::Refused(std::io::ErrorKind::HostUnreachable));
    assert!(packets(&mut cable.conn, &table, "input")[0] > 0);
    pass(&client(), at(served, 7));
    cable.conn.commit(Batch::new().delete(&table)).unwrap();
    wait_until_it_passes(&cable, Ipv4Addr::host(1, 1).into(), at(refused, 7));
}

pub(super) fn tcp_opens_with_syn_alone() {
    // What a kernel of its own sends, not made by hand.
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let opening = tcp::flags().masked(TcpFlags::SYN | TcpFlags::ACK);
    let of = |dport: Match, flags: Match| Rule::new().when(dport).when(flags).counter();
    let mut batch = Batch::new();
    batch.reset(&table).add(&output);
    batch.append(&output, of(tcp::dport().eq(80), opening.eq(TcpFlags::SYN)));
    batch.append(&output, of(tcp::sport().eq(80), opening.eq(TcpFlags::SYN)));
    batch.append(&output, of(tcp::sport().eq(80), opening.eq(TcpFlags::SYN | TcpFlags::ACK)));
    batch.append(&output, of(tcp::sport().eq(81), tcp::flags().has(TcpFlags::RST)));
    batch.append(&output, of(tcp::sequence().eq(Integer32::new(0)).clone(), opening.eq(TcpFlags::SYN)));
    conn.commit(&batch).unwrap();
    let _listener = TcpListener::bind(at(V4, 80)).unwrap();
    drop(std::net::TcpStream::connect(at(V4, 80)).unwrap());
    std::net::TcpStream::connect(at(V4, 81)).unwrap_err();
    assert_eq!(packets(&mut conn, &table, "output")[..4], [1, 0, 1, 1]);
}
