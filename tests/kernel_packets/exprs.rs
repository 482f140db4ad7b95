//! Expressions of the kernel's level: what they load of packets, and what they make of them.

use nftlink::RuleBuilder;
use nftlink::datum::TcpFlags;
use nftlink::expr::{
    Base, Cmp, CmpOp, Data, Exthdr, ExthdrOp, Fib, FibFlags, FibResult, Hash, Immediate, Numgen, Payload, Reg, Rt,
    RtKey, Socket, SocketKey,
};
use nix::sys::socket::{setsockopt, sockopt};

use super::packet::*;
use super::*;

const HERE: IpAddr = LOOPBACKS[0];
const R1: Reg = Reg::R1;

fn rule(exprs: impl IntoIterator<Item = Expr>) -> RuleBuilder {
    exprs.into_iter().fold(Rule::new(), |rule, expr| rule.expr(expr))
}

/// Goes on if `load` loads these bytes into the first register.
fn eq(load: impl Into<Expr>, data: impl Into<Data>) -> RuleBuilder {
    rule([load.into(), Cmp::new(CmpOp::EQ, R1, data).into()])
}

/// Goes on if `load` loads this number of the host's order into the first register.
fn is(load: impl Into<Expr>, number: u32) -> RuleBuilder {
    eq(load, number.to_ne_bytes())
}

/// Commits a chain at output with these rules, each of which counts what goes on after it.
fn counting(conn: &mut Conn, table: &Table, rules: impl IntoIterator<Item = RuleBuilder>) {
    let mut batch = Batch::new();
    batch.reset(table).add(&dead_end(table));
    for rule in rules {
        batch.append(dead_end(table), rule.counter());
    }
    conn.commit(&batch).unwrap();
}

pub(super) fn numbers_follow_each_other_and_hashes_spread_flows() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    // Of the source port.
    let hashed = |hash: Hash, number| {
        let port = Payload::load(Base::TRANSPORT, 0, 2, Reg::R2);
        rule([port.into(), hash.into(), Cmp::new(CmpOp::EQ, R1, u32::to_ne_bytes(number)).into()])
    };
    let jenkins = || Hash::jenkins(Reg::R2, 2, 2, R1).seed(7);
    let rules = || {
        [
            is(Numgen::incremental(2, R1), 0),
            is(Numgen::incremental(2, R1), 1),
            is(Numgen::incremental(4, R1).offset(10), 13),
            is(Numgen::random(1, R1).offset(u32::MAX), u32::MAX),
            hashed(jenkins(), 0),
            hashed(jenkins(), 1),
            hashed(Hash::jenkins(Reg::R2, 2, 1, R1).offset(3), 3),
            is(Hash::symmetric(1, R1).offset(5), 5),
        ]
    };
    let sender = Sender::new();
    let send = |port| sender.send(&Packet::udp(at(HERE, port), at(HERE, 9), b"?"));

    counting(&mut conn, &table, rules());
    (0..20).for_each(|_| send(4000));
    let counts = packets(&mut conn, &table, "output");
    assert_eq!(counts[..4], [10, 10, 5, 20]);
    assert!([[20, 0], [0, 20]].contains(&[counts[4], counts[5]]), "one flow has one hash: {counts:?}");
    assert_eq!(counts[6..], [20, 20]);

    counting(&mut conn, &table, rules());
    (4000..4100).for_each(send);
    let counts = packets(&mut conn, &table, "output");
    assert_eq!(counts[4] + counts[5], 100);
    assert!(counts[4] > 20 && counts[5] > 20, "flows are spread: {counts:?}");
}

pub(super) fn routing_tables_tell_the_type_of_an_address() {
    const UNICAST: u32 = 1;
    const LOCAL: u32 = 2;
    const BROADCAST: u32 = 3;
    const MULTICAST: u32 = 5;
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let fib = |flags| Fib::new(FibResult::ADDRTYPE, flags, R1);
    let types = [UNICAST, LOCAL, BROADCAST, MULTICAST];
    let mut rules = types.map(|kind| is(fib(FibFlags::SADDR), kind)).to_vec();
    rules.push(is(fib(FibFlags::DADDR), LOCAL));
    rules.push(eq(Rt::load(RtKey::NEXTHOP4, R1), [127, 0, 0, 1]));
    rules.push(is(Rt::load(RtKey::CLASSID, R1), 0));
    counting(&mut conn, &table, rules);
    let sender = Sender::new();
    let mut before = [0; 7];
    for (from, kind) in
        [("10.9.9.9", UNICAST), ("127.0.0.9", LOCAL), ("127.255.255.255", BROADCAST), ("224.0.0.9", MULTICAST)]
    {
        sender.send(&Packet::udp(at(from.parse::<IpAddr>().unwrap(), 4000), at(HERE, 9), b"?"));
        let after = packets(&mut conn, &table, "output");
        let counted: Vec<u64> = before.iter().zip(&after).map(|(before, after)| after - before).collect();
        let mut expected: Vec<u64> = types.iter().map(|&one| u64::from(one == kind)).collect();
        expected.extend([1, 1, 1]);
        assert_eq!(counted, expected, "{from}");
        before = after.try_into().unwrap();
    }
}

pub(super) fn tcp_options_are_read_written_and_stripped() {
    const MSS: u8 = 2;
    const SACK_PERMITTED: u8 = 4;
    const TIMESTAMP: u8 = 8;
    let mut conn = Conn::open().unwrap();
    for here in LOOPBACKS {
        let table = Table::inet("fw");
        let with = |options: [u8; 8]| {
            let mut segment = Packet::tcp(at(here, 4000), at(here, 9), TcpFlags::SYN);
            segment.body[12] = 7 << 4;
            segment.body.extend(options);
            segment.with_checksum(16)
        };
        let [before, after] = [with([2, 4, 5, 180, 4, 2, 1, 1]), with([2, 4, 5, 80, 1, 1, 1, 1])];
        let mss = |size: u16| eq(Exthdr::load(ExthdrOp::TCPOPT, MSS, 2, 2, R1), size.to_be_bytes());
        let has = |option, yes: bool| eq(Exthdr::present(ExthdrOp::TCPOPT, option, R1), [u8::from(yes)]);
        let write =
            |size: u16| rule([Immediate::data(R1, size.to_be_bytes()).into(), Exthdr::write(MSS, 2, 2, R1).into()]);
        let checksum = |of: &Packet| eq(Payload::load(Base::TRANSPORT, 16, 2, R1), of.word(16).to_be_bytes());
        let rules = [
            (mss(1460), true),
            (mss(1360), false),
            (has(SACK_PERMITTED, true), true),
            (has(TIMESTAMP, true), false),
            (has(TIMESTAMP, false), true),
            // Of an option that is not there nothing is loaded.
            (rule([Exthdr::load(ExthdrOp::TCPOPT, TIMESTAMP, 2, 4, R1).into()]), false),
            (checksum(&before), true),
            (write(1360), true),
            // It never becomes larger.
            (write(1400), true),
            (rule([Exthdr::strip(SACK_PERMITTED).into()]), true),
            (mss(1360), true),
            (has(SACK_PERMITTED, true), false),
            (has(SACK_PERMITTED, false), true),
            (checksum(&after), true),
        ];
        counting(&mut conn, &table, rules.iter().map(|(rule, _)| rule.clone()));
        Sender::new().send(&before);
        let expected: Vec<u64> = rules.iter().map(|(_, goes_on)| u64::from(*goes_on)).collect();
        assert_eq!(packets(&mut conn, &table, "output"), expected, "{here}");
    }
}

pub(super) fn extension_headers_are_found() {
    const ROUTING: u8 = 43;
    const NO_NEXT: u8 = 59;
    const DESTINATION: u8 = 60;
    let mut conn = Conn::open().unwrap();
    let table = Table::ip6("fw");
    let has = |header, yes: bool| eq(Exthdr::present(ExthdrOp::IPV6, header, R1), [u8::from(yes)]);
    let rules = [
        has(DESTINATION, true),
        has(DESTINATION, false),
        has(ROUTING, true),
        has(ROUTING, false),
        eq(Exthdr::load(ExthdrOp::IPV6, DESTINATION, 0, 1, R1), [NO_NEXT]),
        rule([Exthdr::load(ExthdrOp::IPV6, ROUTING, 0, 1, R1).into()]),
    ];
    counting(&mut conn, &table, rules);
    let sender = Sender::new();
    let [_, here] = LOOPBACKS;
    // One option, of four bytes of padding.
    let options = vec![NO_NEXT, 0, 1, 4, 0, 0, 0, 0];
    sender.send(&Packet::new(here, here, L4Proto::from_raw(DESTINATION), options));
    assert_eq!(packets(&mut conn, &table, "output"), [1, 0, 0, 1, 1, 0]);
    sender.send(&Packet::udp(at(here, 4000), at(here, 9), b"?"));
    assert_eq!(packets(&mut conn, &table, "output"), [1, 1, 0, 2, 1, 0]);
}

pub(super) fn sockets_tell_their_mark_and_address() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let rules = [
        is(Socket::load(SocketKey::MARK, R1), 7),
        eq(Socket::load(SocketKey::WILDCARD, R1), [0]),
        eq(Socket::load(SocketKey::WILDCARD, R1), [1]),
        eq(Socket::load(SocketKey::TRANSPARENT, R1), [0]),
    ];
    counting(&mut conn, &table, rules);
    let send = |socket: &UdpSocket| {
        let refused = socket.send_to(b"?", at(HERE, 9)).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied, "the chain drops what it saw");
    };
    let marked = UdpSocket::bind(at(HERE, 0)).unwrap();
    setsockopt(&marked, sockopt::Mark, &7).unwrap();
    send(&marked);
    assert_eq!(packets(&mut conn, &table, "output"), [1, 1, 0, 1]);
    send(&UdpSocket::bind(at(Ipv4Addr::UNSPECIFIED, 0)).unwrap());
    assert_eq!(packets(&mut conn, &table, "output"), [1, 1, 1, 2]);
}
