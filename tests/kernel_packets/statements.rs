//! Statements: what they do to packets, and to those that come after.

use std::io::ErrorKind;
use std::net::TcpListener;

use nftlink::datum::{
    ClassId, CtEvents, CtState, IcmpCode, IcmpType, Icmpv6Code, Icmpv6Type, IcmpxCode, PktType, TcpFlags,
};
use nftlink::expr::{Limit, Log, Quota, QuotaFlags};
use nftlink::field::{ct, ether, icmp, icmpv6};
use nftlink::{RejectWith, RuleBuilder};

use super::listener::*;
use super::packet::*;
use super::*;

const HERE: IpAddr = LOOPBACKS[0];

/// Commits a chain at output with these rules, each of which counts what goes on after its statement.
fn going_on(conn: &mut Conn, table: &Table, rules: impl IntoIterator<Item = RuleBuilder>) {
    let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.reset(table).add(&output);
    for rule in rules {
        batch.append(&output, rule.counter());
    }
    conn.commit(&batch).unwrap();
}

/// Sends datagrams to a port that nobody has.
fn send(times: usize) {
    let socket = UdpSocket::bind(at(HERE, 0)).unwrap();
    for _ in 0..times {
        socket.send_to(b"?", at(HERE, 9)).unwrap();
    }
}

fn to_nobody() -> RuleBuilder {
    Rule::new().when(udp::dport().eq(9))
}

// ---- rates ----

pub(super) fn limit_lets_its_burst_pass_and_over_the_rest() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let hourly = || Limit::packets(1, Limit::HOUR).burst(6);
    // Of 29 bytes each: five are just what may pass.
    let bytes = || Limit::bytes(100, Limit::DAY).burst(45);
    let rules = [hourly(), hourly().over(), bytes(), bytes().over(), Limit::packets(1, Limit::WEEK)];
    going_on(&mut conn, &table, rules.map(|limit| to_nobody().limit(limit)));
    send(20);
    assert_eq!(packets(&mut conn, &table, "output"), [6, 14, 5, 15, 5]);
}

pub(super) fn limit_fills_again() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    going_on(&mut conn, &table, [to_nobody().limit(Limit::packets(2, Limit::SECOND).burst(1)), to_nobody()]);
    send(1);
    let begin = Instant::now();
    let counts = counted_when(&mut conn, &table, "output", |counts| {
        send(1);
        counts[0] == 3
    });
    assert!(begin.elapsed() + TICKS > Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(counts[1] > 3, "{counts:?}");
}

pub(super) fn quota_passes_until_it_is_used_up() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    going_on(&mut conn, &table, [Quota::new(100), Quota::new(100).over()].map(|quota| to_nobody().quota(quota)));
    send(20);
    assert_eq!(packets(&mut conn, &table, "output"), [3, 17]);
    let rules = conn.rules(&ChainRef::new(&table, "output")).unwrap();
    let quota = |expr: &Expr| if let Expr::Quota(quota) = expr { Some((quota.consumed, quota.flags)) } else { None };
    let consumed: Vec<_> = rules.iter().filter_map(|rule| rule.exprs().find_map(|e| quota(&e.unwrap()))).collect();
    // The kernel tells no more than what there was.
    let depleted = QuotaFlags::DEPLETED;
    assert_eq!(consumed, [(100, depleted), (100, depleted | QuotaFlags::INV)]);
}

pub(super) fn last_tells_when_the_last_packet_came() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    going_on(&mut conn, &table, [to_nobody().last(), Rule::new().when(udp::dport().eq(10)).last()]);
    let mut read = || -> Vec<Option<u64>> {
        let rules = conn.rules(&ChainRef::new(&table, "output")).unwrap();
        let last = |expr: &Expr| if let Expr::Last(last) = expr { Some(last.msecs) } else { None };
        rules.iter().filter_map(|rule| rule.exprs().find_map(|e| last(&e.unwrap()))).collect()
    };
    assert_eq!(read(), [None, None]);
    send(1);
    let [Some(ago), None] = read()[..] else { panic!("no packet, or too many") };
    assert!(ago < 20_000, "{ago}");
}

// ---- log ----

/// Listens to a group of `nfnetlink_log`, and gets whole packets.
fn listen_to_log(group: u16) -> Listener {
    let listener = Listener::new(NFNL_SUBSYS_ULOG, group);
    // NFULA_CFG_CMD with NFULNL_CFG_CMD_BIND, NFULA_CFG_MODE with NFULNL_COPY_PACKET.
    listener.configure(1, &[1]);
    listener.configure(2, &[0, 0, 0xff, 0xff, 2, 0]);
    listener
}

/// The prefix and the packet of a logged packet, in this order.
fn logged(listener: &Listener) -> (Vec<u8>, Vec<u8>) {
    let told = listener.told();
    (told[&10].clone(), told[&9].clone())
}

pub(super) fn log_tells_a_group_and_the_rule_goes_on() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let listeners = [7, 8].map(listen_to_log);
    let at_once = |group| Log::group(group).queue_threshold(1);
    let rules = [
        to_nobody().log(at_once(7).prefix("seven: ")),
        Rule::new().when(udp::dport().eq(10)).log(at_once(8)),
        // The kernel's own log tells nothing of other namespaces; but the packet has to come out of it.
        to_nobody().log("nobody: "),
    ];
    going_on(&mut conn, &table, rules);
    let sender = Sender::new();
    let packet = Packet::udp(at(HERE, 1), at(HERE, 9), b"data");
    sender.send(&packet);
    assert_eq!(logged(&listeners[0]), (b"seven: \0".to_vec(), packet.bytes()));
    // The message of the other port is the first of the other group.
    let other = Packet::udp(at(HERE, 1), at(HERE, 10), b"other");
    sender.send(&other);
    assert_eq!(logged(&listeners[1]), (b"\0".to_vec(), other.bytes()));
    assert!(listeners.iter().all(Listener::has_nothing));
    assert_eq!(packets(&mut conn, &table, "output"), [1; 3]);
}

// ---- reject ----

pub(super) fn rejected_senders_are_told_how() {
    let mut cable = cable();
    let (client4, server4) = cable.address::<Ipv4Addr>();
    let (client6, server6) = cable.address::<Ipv6Addr>();
    let _servers = serve(&cable.server, [at(server4, 7), at(server6, 7)]);
    // What comes back is counted where it arrives.
    let mut of_client = Conn::options().namespace_fd(cable.client.as_fd()).open().unwrap();
    let seen = Table::inet("seen");
    let told = seen.chain("told").filter(Hook::INPUT, Priority::FILTER);
    const RESET: ErrorKind = ErrorKind::ConnectionRefused;
    type Told = (Match, ErrorKind);
    let icmp = |code: IcmpCode| icmp::code().eq(code);
    let icmpv6 = |code: Icmpv6Code| icmpv6::code().eq(code);
    // A way to refuse, and what comes back over IPv4 and IPv6: nothing where it is not for that.
    let cases: Vec<(Option<RejectWith>, Option<Told>, Option<Told>)> = {
        use RejectWith::{Icmp, Icmpv6, Icmpx, TcpReset};
        use {IcmpCode as C4, Icmpv6Code as C6, IcmpxCode as Cx};
        let refused = ErrorKind::ConnectionRefused;
        let (host, net) = (ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable);
        let denied = ErrorKind::PermissionDenied;
        let reset = || Some((tcp::flags().has(TcpFlags::RST), RESET));
        let v4 = |code, kind| (Some(Icmp(code)), Some((icmp(code), kind)), None);
        let v6 = |code, kind| (Some(Icmpv6(code)), None, Some((icmpv6(code), kind)));
        let any = |code, (c4, k4): (C4, ErrorKind), (c6, k6): (C6, ErrorKind)| {
            (Some(Icmpx(code)), Some((icmp(c4), k4)), Some((icmpv6(c6), k6)))
        };
        vec![
            (None, Some((icmp(C4::PORT_UNREACHABLE), refused)), Some((icmpv6(C6::PORT_UNREACHABLE), refused))),
            (Some(TcpReset), reset(), reset()),
            v4(C4::NET_UNREACHABLE, net),
            v4(C4::HOST_UNREACHABLE, host),
            v4(C4::PORT_UNREACHABLE, refused),
            v4(C4::NET_PROHIBITED, net),
            v4(C4::HOST_PROHIBITED, host),
            v4(C4::ADMIN_PROHIBITED, host),
            v6(C6::NO_ROUTE, net),
            v6(C6::ADMIN_PROHIBITED, denied),
            v6(C6::ADDR_UNREACHABLE, host),
            v6(C6::PORT_UNREACHABLE, refused),
            v6(C6::POLICY_FAIL, denied),
            v6(C6::REJECT_ROUTE, denied),
            any(Cx::NO_ROUTE, (C4::NET_UNREACHABLE, net), (C6::NO_ROUTE, net)),
            any(Cx::PORT_UNREACHABLE, (C4::PORT_UNREACHABLE, refused), (C6::PORT_UNREACHABLE, refused)),
            any(Cx::HOST_UNREACHABLE, (C4::HOST_UNREACHABLE, host), (C6::ADDR_UNREACHABLE, host)),
            any(Cx::ADMIN_PROHIBITED, (C4::ADMIN_PROHIBITED, host), (C6::ADMIN_PROHIBITED, denied)),
        ]
    };
    for (with, over_ip, over_ip6) in cases {
        for family in [Family::INET, Family::IP, Family::IP6] {
            let (ends, other): (&[_], _) = match family {
                Family::INET => (&[0, 1], true),
                Family::IP => (&[0], over_ip.is_some()),
                _ => (&[1], over_ip6.is_some()),
            };
            // What such a table has no word for.
            if !other || family != Family::INET && matches!(with, Some(RejectWith::Icmpx(_))) {
                continue;
            }
            let table = Table::new(family, "fw");
            let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
            let refused = Rule::new().when(tcp::dport().eq(7)).counter();
            let mut batch = Batch::new();
            batch.reset(&table).add(&input);
            batch.append(
                &input,
                with.map_or_else(|| refused.clone().reject(), |with| refused.clone().reject_with(with)),
            );
            cable.conn.commit(&batch).unwrap();
            for &end in ends {
                let (told_as, (from, to)) = match end {
                    0 => (&over_ip, (at(client4, 0), at(server4, 7))),
                    _ => (&over_ip6, (at(client6, 0), at(server6, 7))),
                };
                let tcp = Client::tcp(&cable.client, from).timeout(LONG);
                let Some((answer, kind)) = told_as else {
                    pass(&tcp, to);
                    continue;
                };
                let errors = [
                    icmp::icmp_type().eq(IcmpType::DESTINATION_UNREACHABLE),
                    icmpv6::icmpv6_type().eq(Icmpv6Type::DESTINATION_UNREACHABLE),
                ];
                let mut batch = Batch::new();
                batch.reset(&seen).add(&told);
                append_counted(&mut batch, &told, [answer.clone(), tcp::flags().has(TcpFlags::RST)]);
                append_counted(&mut batch, &told, errors);
                of_client.commit(&batch).unwrap();
                // An ICMP error is known at once, but connect(2) tells of it a second later unless it gives up.
                let quick = Client::tcp(&cable.client, from).timeout(Duration::from_millis(50));
                let answer_to_client = match quick.ask(to) {
                    Answer::Dropped => tcp.ask(to),
                    answer => answer,
                };
                assert_eq!(answer_to_client, Answer::Refused(*kind), "{table:?}: {with:?}");
                let counts = packets(&mut of_client, &seen, "told");
                let reset = with == Some(RejectWith::TcpReset);
                assert!(counts[0] > 0, "{table:?}: {with:?} is told as {answer:?}");
                assert_eq!((counts[1] > 0, counts[2] + counts[3] > 0), (reset, !reset), "{table:?}: {with:?}");
            }
            cable.conn.commit(Batch::new().delete(&table)).unwrap();
        }
    }
}

pub(super) fn rejected_datagrams_and_own_packets_are_told_at_once() {
    let mut cable = cable();
    both(&mut cable, rejects::<Ipv4Addr>, rejects::<Ipv6Addr>);

    fn rejects<V: Ip>(cable: &mut Cable) {
        let (client, server) = cable.address::<V>();
        let places = [(Table::inet("fw"), Hook::PREROUTING), (Table::inet("fw"), Hook::INPUT)];
        rejects_at(cable, (client, server), places);
        let _servers = serve(&cable.server, [8].map(|port| at(server, port)));
        let mut conn = Conn::options().namespace_fd(cable.client.as_fd()).open().unwrap();
        let table = Table::inet("fw");
        let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
        let mut batch = Batch::new();
        batch.reset(&table).add(&output).append(&output, Rule::new().when(tcp::dport().eq(7)).reject());
        conn.commit(&batch).unwrap();
        let refused = Answer::Refused(ErrorKind::ConnectionRefused);
        assert_eq!(tcp_from(&cable.client, client).ask(at(server, 7)), refused);
        pass(&tcp_from(&cable.client, client), at(server, 8));
        conn.commit(Batch::new().delete(&table)).unwrap();
    }
}

pub(super) fn rejected_frames_are_told_at_once() {
    let mut cable = cable();
    both(&mut cable, rejects::<Ipv4Addr>, rejects::<Ipv6Addr>);

    fn rejects<V: Ip>(cable: &mut Cable) {
        let (client, server) = cable.address::<V>();
        let places = [(Table::inet("fw"), Hook::INGRESS), (Table::netdev("fw"), Hook::INGRESS)];
        rejects_at(cable, (client, server), places);
    }
}

/// Rejects at one place after another.
fn rejects_at<V: Ip>(cable: &mut Cable, (client, server): (V, V), places: [(Table, Hook); 2]) {
    let _servers = serve(&cable.server, [7, 8].map(|port| at(server, port)));
    let refused = Answer::Refused(ErrorKind::ConnectionRefused);
    for (table, hook) in places {
        let mut chain = table.chain("chain").filter(hook, Priority::FILTER);
        if hook == Hook::INGRESS {
            chain = chain.device("eth0");
        }
        let mut batch = Batch::new();
        batch.reset(&table).add(&chain).append(&chain, Rule::new().when(udp::dport().eq(7)).reject());
        // A reset asks for TCP by itself: datagrams go on.
        batch.append(&chain, Rule::new().reject_with(RejectWith::TcpReset));
        cable.conn.commit(&batch).unwrap();
        assert_eq!(udp_from(&cable.client, client).ask(at(server, 7)), refused, "{hook}");
        assert_eq!(tcp_from(&cable.client, client).ask(at(server, 7)), refused, "{hook}");
        cable.pass(client, at(server, 8));
        cable.conn.commit(Batch::new().delete(&table)).unwrap();
    }
}

// ---- writes ----

/// Rules that change what goes out by `lo`; what comes in has to have the right checksums to be received.
fn rewriting(rules: impl IntoIterator<Item = Rule>) -> Conn {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.reset(&table).add(&output);
    for rule in rules {
        batch.append(&output, rule);
    }
    conn.commit(&batch).unwrap();
    conn
}

pub(super) fn written_addresses_and_ports_have_right_checksums() {
    let here = Namespace::current().unwrap();
    both(&mut here.clone(), written::<Ipv4Addr>, written::<Ipv6Addr>);

    fn written<V: Ip>(here: &mut Namespace) {
        let [one, other, third] = [1, 2, 3].map(|host| V::host(9, host));
        for address in [one, other, third] {
            here.address("lo", address, V::BITS).unwrap();
        }
        let to = |port: u16| Rule::new().when(udp::dport().eq(port));
        let _conn = rewriting([
            to(1000).set(V::daddr(), other).set(udp::dport(), 53).accept(),
            to(1001).set(V::saddr(), third).accept(),
            to(1002).set(udp::sport(), 7777).set(udp::dport(), 1001).accept(),
            // From another field, and from a map.
            to(1003).set(V::daddr(), V::saddr()).accept(),
            to(1004).set(udp::dport(), udp::sport().map([(4000, 1001)])).accept(),
        ]);
        let receivers = [at(other, 53), at(one, 1001), at(one, 1003)].map(receiver);
        let sender = Sender::new();
        let from = at(one, 4000);
        let mut buffer = [0; 64];
        // Without a rule, the receiver looks at the checksum itself.
        let right = Packet::udp(from, at(one, 1001), b"right");
        sender.send(&Packet::udp(from, at(other, 53), b"wrong").broken(6));
        sender.send(&right);
        for (asked, receiver, data) in [
            (1000, 0, &b"odd"[..]),
            (1001, 1, b"right"),
            (1001, 1, b"even"),
            (1002, 1, b"ports"),
            (1003, 2, b"fields"),
            (1004, 1, b"map"),
        ] {
            if data != b"right" {
                sender.send(&Packet::udp(from, at(one, asked), data));
            }
            let (len, who) = receivers[receiver].recv_from(&mut buffer).unwrap_or_else(|e| panic!("{asked}: {e}"));
            assert_eq!(&buffer[..len], data);
            let expected = match (asked, data) {
                (1001, _) => at(third, 4000),
                (1002, _) => at(one, 7777),
                _ => from,
            };
            assert_eq!(who, expected, "{asked}");
        }
        // A checksum that was wrong stays wrong: it is changed, not made anew.
        sender.send(&Packet::udp(from, at(one, 1000), b"wrong").broken(6));
        receivers[0].recv_from(&mut buffer).unwrap_err();
    }
}

pub(super) fn written_tcp_headers_have_right_checksums() {
    for ip in LOOPBACKS {
        let table = Table::inet("fw");
        let syn_ack = || tcp::flags().eq(TcpFlags::SYN | TcpFlags::ACK);
        let to = |port: u16| Rule::new().when(tcp::dport().eq(port));
        let mut conn = rewriting([
            to(8080).set(tcp::dport(), 80).accept(),
            // Several fields, also of four bytes.
            to(8082).set(tcp::sequence(), 0x7777).set(tcp::window(), 999).set(tcp::dport(), 80).accept(),
            Rule::new().when(tcp::sport().eq(80)).when(syn_ack()).counter().accept(),
        ]);
        // What is not told to be written stays as it was.
        let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
        let mut batch = Batch::new();
        let rest = [tcp::dport().eq(80), tcp::ackseq().eq(0x0506_0708), tcp::urgptr().eq(9), tcp::sport().le(5)];
        conn.commit(batch.add(&input).append(&input, Rule::new().when_all(rest).counter())).unwrap();
        let _listener = TcpListener::bind(at(ip, 80)).unwrap();
        let sender = Sender::new();
        let segment = |sport, dport, flags| Packet::tcp(at(ip, sport), at(ip, dport), flags);
        // The kernel answers what it has received.
        sender.send(&segment(1, 80, TcpFlags::SYN).broken(16));
        for (number, (sport, dport)) in (1..).zip([(2, 80), (3, 8080), (5, 8082)]) {
            sender.send(&segment(sport, dport, TcpFlags::SYN));
            let counts = counted_when(&mut conn, &table, "output", |counts| counts[0] >= number);
            assert_eq!(counts, [number], "port {dport}");
        }
        assert_eq!(packets(&mut conn, &table, "input"), [4]);
        // A whole connection, both of whose directions are rewritten.
        let mut conn = rewriting([
            to(8080).set(tcp::dport(), 80).accept(),
            Rule::new().when(tcp::sport().eq(80)).set(tcp::sport(), 8080).accept(),
        ]);
        drop(_listener);
        let here = Namespace::current().unwrap();
        let _server = Server::tcp(&here, at(ip, 80)).unwrap();
        let answer = tcp_from(&here, ip).ask(at(ip, 8080));
        assert_eq!(answer.server(), Some(at(ip, 80)), "{answer}");
        conn.commit(Batch::new().flush_ruleset()).unwrap();
    }
}

pub(super) fn written_tcp_flags_have_right_checksums() {
    for ip in LOOPBACKS {
        assert_eq!(answered_with_other_tcp_flags(ip), [1, 1]);
    }
}

/// For other flags of TCP, a field of one byte: newer kernels end the rule there instead, without a word.
pub(super) fn kernel_writes_tcp_flags() -> Result<(), String> {
    support::packets_can_be_written_to()?;
    match answered_with_other_tcp_flags(HERE)[..] {
        [0, _] => Err("this kernel does not write the flags of TCP".to_owned()),
        _ => Ok(()),
    }
}

/// Makes a connection's beginning of a segment that is none. Tells how often that was done, and answered.
fn answered_with_other_tcp_flags(ip: IpAddr) -> Vec<u64> {
    let table = Table::inet("fw");
    let urgent = Rule::new().when(tcp::flags().eq(TcpFlags::URG)).set(tcp::flags(), TcpFlags::SYN);
    let syn_ack = tcp::flags().eq(TcpFlags::SYN | TcpFlags::ACK);
    let answer = Rule::new().when(tcp::sport().eq(80)).when(syn_ack).counter().accept();
    // A reset is the answer where it is not done.
    let refusal = Rule::new().when(tcp::sport().eq(80)).counter().accept();
    let mut conn = rewriting([urgent.counter().accept(), answer, refusal]);
    let _listener = TcpListener::bind(at(ip, 80)).unwrap();
    // One whose checksum is wrong has no answer: the next one's is the first.
    let segment = Packet::tcp(at(ip, 4), at(ip, 80), TcpFlags::SYN);
    Sender::new().send(&segment.broken(16));
    Sender::new().send(&Packet::tcp(at(ip, 4), at(ip, 80), TcpFlags::URG));
    let written = packets(&mut conn, &table, "output")[0];
    if written == 0 {
        return vec![0, 0];
    }
    let counts = counted_when(&mut conn, &table, "output", |counts| counts[1] + counts[2] > 0);
    counts[..2].to_vec()
}

pub(super) fn written_icmp_headers_have_right_checksums() {
    let table = Table::inet("fw");
    for ip in LOOPBACKS {
        let v4 = ip.is_ipv4();
        let [request, reply] = if v4 { [8, 0] } else { [128, 129] };
        let mut conn = if v4 {
            let asks = |id: u16| Rule::new().when(icmp::id().eq(id));
            let answers = |id: u16| asks(id).when(icmp::icmp_type().eq(IcmpType::ECHO_REPLY));
            rewriting([
                answers(10).counter().accept(),
                answers(21).counter().accept(),
                answers(30).when(icmp::sequence().eq(0x0505)).counter().accept(),
                answers(40).counter().accept(),
                asks(20).set(icmp::id(), 21).accept(),
                asks(30).set(icmp::sequence(), 0x0505).accept(),
                Rule::new()
                    .when(icmp::icmp_type().eq(200))
                    .set(icmp::icmp_type(), IcmpType::ECHO_REQUEST)
                    .set(icmp::code(), 0)
                    .accept(),
            ])
        } else {
            let asks = |id: u16| Rule::new().when(icmpv6::id().eq(id));
            let answers = |id: u16| asks(id).when(icmpv6::icmpv6_type().eq(Icmpv6Type::ECHO_REPLY));
            rewriting([
                answers(10).counter().accept(),
                answers(21).counter().accept(),
                answers(30).when(icmpv6::sequence().eq(0x0505)).counter().accept(),
                answers(40).counter().accept(),
                asks(20).set(icmpv6::id(), 21).accept(),
                asks(30).set(icmpv6::sequence(), 0x0505).accept(),
                Rule::new()
                    .when(icmpv6::icmpv6_type().eq(200))
                    .set(icmpv6::icmpv6_type(), Icmpv6Type::ECHO_REQUEST)
                    .set(icmpv6::code(), 0)
                    .accept(),
            ])
        };
        let sender = Sender::new();
        sender.send(&Packet::icmp(ip, ip, request, 0, (10, 1)).broken(2));
        let asks = [(request, 0, 10), (request, 0, 20), (request, 0, 30), (200, 9, 40)];
        for (number, (kind, code, id)) in asks.into_iter().enumerate() {
            sender.send(&Packet::icmp(ip, ip, kind, code, (id, 1)));
            let counts = counted_when(&mut conn, &table, "output", |counts| counts[number] > 0);
            assert_eq!(counts[..=number], [1; 4][..=number], "{reply} of {id}");
        }
    }
}

pub(super) fn written_ip_headers_are_received() {
    for ip in LOOPBACKS {
        let rules = match ip {
            IpAddr::V4(_) => [to_port(53).set(ip::ttl(), 33), to_port(54).set(ip::id(), 0x4444)],
            IpAddr::V6(_) => [to_port(53).set(ip6::hoplimit(), 33), to_port(54).set(ip6::hoplimit(), 1)],
        };
        let written = match ip {
            IpAddr::V4(_) => [ip::ttl().eq(33), ip::id().eq(0x4444)],
            IpAddr::V6(_) => [ip6::hoplimit().eq(33), ip6::hoplimit().eq(1)],
        };
        let sent = [53, 54].map(|port| datagram(ip, port));
        assert_eq!(received_with(ip, rules, written, &sent), [1; 2]);
    }
}

pub(super) fn written_protocols_are_received() {
    for ip in LOOPBACKS {
        assert_eq!(received_with_another_protocol(ip), [1]);
    }
}

/// For other protocols behind an IP header than it came with: newer kernels end the rule there instead, without a word.
pub(super) fn kernel_writes_protocols() -> Result<(), String> {
    support::packets_can_be_written_to()?;
    match received_with_another_protocol(HERE)[..] {
        [0] => Err("this kernel does not write the protocol behind an IP header".to_owned()),
        _ => Ok(()),
    }
}

fn received_with_another_protocol(ip: IpAddr) -> Vec<u64> {
    let of_200 = match ip {
        IpAddr::V4(_) => Rule::new().when(ip::protocol().eq(200)).set(ip::protocol(), L4Proto::UDP),
        IpAddr::V6(_) => Rule::new().when(ip6::nexthdr().eq(200)).set(ip6::nexthdr(), L4Proto::UDP),
    };
    let written = match ip {
        IpAddr::V4(_) => ip::protocol().eq(L4Proto::UDP),
        IpAddr::V6(_) => ip6::nexthdr().eq(L4Proto::UDP),
    };
    let sent = Packet { protocol: L4Proto::from_raw(200), ..datagram(ip, 53) };
    received_with(ip, [of_200], [written], &[sent])
}

fn to_port(port: u16) -> RuleBuilder {
    Rule::new().when(udp::dport().eq(port))
}

fn datagram(ip: IpAddr, port: u16) -> Packet {
    Packet::udp(at(ip, 4000), at(ip, port), b"?")
}

/// Sends packets by `lo`, which rules change as they go out; tells how many have come in with what was written and to
/// ports from 53 on, when the sockets there have them or they are lost.
fn received_with<const N: usize>(
    ip: IpAddr,
    rules: [RuleBuilder; N],
    written: [Match; N],
    sent: &[Packet],
) -> Vec<u64> {
    let table = Table::inet("fw");
    let mut conn = rewriting(rules.into_iter().map(RuleBuilder::accept).chain([Rule::new().accept()]));
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&input);
    for (port, written) in (53..).zip(written) {
        batch.append(&input, to_port(port).when(written).counter());
    }
    conn.commit(&batch).unwrap();
    // The last one comes behind all others.
    let receivers = Vec::from_iter((53..).take(N + 1).map(|port| receiver(at(ip, port))));
    let sender = Sender::new();
    let last = datagram(ip, 53 + N as u16);
    sent.iter().chain([&last]).for_each(|packet| sender.send(packet));
    receivers[N].recv(&mut [0; 9]).unwrap();
    packets(&mut conn, &table, "input")
}

pub(super) fn packets_for_others_are_taken_in_when_told_to() {
    let mut cable = cable();
    let (client, server) = cable.address::<Ipv4Addr>();
    let here = ether_of(&cable.server, "eth0");
    let other = nftlink::datum::EtherAddr::new([2, 0, 0, 0, 0, 0xab]);
    let frames = Frames::of(&cable.client, "eth0");
    let datagram = |port| Packet::udp(at(client, 4000), at(server, port), b"?").bytes();
    let receivers = [53, 54, 55].map(|port| receiver(at(server, port)));
    let table = Table::netdev("fw");
    let ingress = table.chain("ingress").filter(Hook::INGRESS, Priority::FILTER).device("eth0");
    let mut batch = Batch::new();
    batch.reset(&table).add(&ingress);
    batch.append(&ingress, Rule::new().when(udp::dport().eq(53)).set(meta::pkttype(), PktType::HOST));
    batch.append(&ingress, Rule::new().when(udp::dport().eq(55)).set(ether::daddr(), here));
    batch.append(&ingress, Rule::new().when(ether::daddr().eq(here)).when(udp::dport().eq(55)).counter());
    batch.append(&ingress, Rule::new().when(udp::dport().eq(55)).set(meta::pkttype(), PktType::UNICAST));
    cable.conn.commit(&batch).unwrap();
    for port in [54, 53, 55] {
        frames.send(&frame(here, other, nftlink::datum::EtherType::IP, &datagram(port)));
    }
    receivers[0].recv(&mut [0; 9]).unwrap();
    receivers[2].recv(&mut [0; 9]).unwrap();
    receivers[1].recv(&mut [0; 9]).unwrap_err();
    assert_eq!(packets(&mut cable.conn, &table, "ingress"), [1]);
}

pub(super) fn tracing_events_classes_and_untracking_disturb_no_packet() {
    let here = Namespace::current().unwrap();
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let server = Server::udp(&here, at(HERE, 53)).unwrap();
    let raw = table.chain("raw").filter(Hook::OUTPUT, Priority::RAW);
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let states = [CtState::UNTRACKED, CtState::NEW].map(|state| ct::state().has(state));
    let question = || Rule::new().when(udp::dport().eq(53));
    let mut batch = Batch::new();
    batch.reset(&table).add(&raw).add(&input);
    batch.append(&raw, question().set(meta::nftrace(), 1).counter());
    batch.append(&input, question().set(ct::event(), CtEvents::NEW | CtEvents::DESTROY).counter());
    batch.append(&input, question().set(meta::priority(), ClassId::of(1, 2)).counter());
    batch.append(&input, question().when(meta::priority().eq(ClassId::of(1, 2))).counter());
    batch.append(&input, question().when(meta::priority().eq(ClassId::of(2, 1))).counter());
    for state in states.clone() {
        batch.append(&input, question().when(state).counter());
    }
    conn.commit(&batch).unwrap();
    pass(&udp_from(&here, HERE), server.address());
    batch.clear();
    conn.commit(batch.append(&raw, question().notrack().counter())).unwrap();
    pass(&udp_from(&here, HERE), server.address());
    assert_eq!(packets(&mut conn, &table, "raw"), [2, 1]);
    assert_eq!(packets(&mut conn, &table, "input"), [2, 2, 2, 0, 1, 1]);
}
