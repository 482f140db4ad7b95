//! Expressions that act on packets: copies, other ways out, and answers in another's stead.

use std::net::{SocketAddrV4, TcpListener};

use nftlink::datum::{CtState, IfIndex, TcpFlags};
use nftlink::expr::Synproxy;
use nftlink::field::ct;
use nftlink::{QueueTarget, TproxyTarget};
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};

use super::listener::*;
use super::packet::*;
use super::*;

/// A client and a server behind a router, and somebody at a third cable of it. The router is where the test runs.
struct Crossing {
    client: Namespace,
    server: Namespace,
    third: Namespace,
    conn: Conn,
}

const HOSTS: [&str; 3] = ["client", "server", "third"];

fn host(net: u8) -> Ipv4Addr {
    Ipv4Addr::host(net, 2)
}

fn crossing() -> Crossing {
    let router = Namespace::current().unwrap();
    let hosts = [(); 3].map(|()| Namespace::new().unwrap());
    for ((net, name), namespace) in (1..).zip(HOSTS).zip(&hosts) {
        lab::veth((&router, name), (namespace, "eth0")).unwrap();
        router.address(name, Ipv4Addr::host(net, 1), Ipv4Addr::NET).unwrap();
        namespace.address("eth0", host(net), Ipv4Addr::NET).unwrap();
        namespace.default_route(Ipv4Addr::host(net, 1)).unwrap();
    }
    router.forwarding().unwrap();
    let [client, server, third] = hosts;
    Crossing { client, server, third, conn: Conn::open().unwrap() }
}

/// A listener that does not wait for ever, so that a test whose packets go elsewhere ends.
fn listener(at: SocketAddr) -> TcpListener {
    let listener = TcpListener::bind(at).unwrap();
    setsockopt(&listener, sockopt::ReceiveTimeout, &TimeVal::seconds(LONG.as_secs() as i64)).unwrap();
    listener
}

/// Counts the questions that arrive at a host, whomever they are for, and those with one hop less to live; returns the
/// table that does.
fn count_arrivals(namespace: &Namespace) -> (Conn, Table) {
    let mut conn = namespace.run(|| Conn::open().unwrap());
    let table = Table::netdev("arrivals");
    let chain = table.chain("arrivals").filter(Hook::INGRESS, Priority::FILTER).device("eth0");
    let question = || Rule::new().when(udp::dport().eq(7));
    let mut batch = Batch::new();
    batch.add(&table).add(&chain).append(&chain, question().counter());
    batch.append(&chain, question().when(ip::ttl().eq(63)).counter());
    conn.commit(&batch).unwrap();
    (conn, table)
}

fn device(name: &str) -> IfIndex {
    IfIndex::new(if_nametoindex(name).unwrap())
}

pub(super) fn copies_reach_a_third_host_and_questions_their_server() {
    let mut crossing = crossing();
    let _server = Server::udp(&crossing.server, at(host(2), 7)).unwrap();
    let (mut arrivals, counted) = count_arrivals(&crossing.third);
    let third = device(HOSTS[2]);
    let (ip, netdev) = (Table::ip("fw"), Table::netdev("fw"));
    let routed = (&ip, ip.chain("chain").filter(Hook::PREROUTING, Priority::FILTER));
    let frames = (&netdev, netdev.chain("chain").filter(Hook::INGRESS, Priority::FILTER).device(HOSTS[0]));
    let question = || Rule::new().when(udp::dport().eq(7));
    let by_server = ip::daddr().map::<Ipv4Addr>([(host(2), host(3))]);
    let rules = [
        (&routed, question().dup(host(3))),
        (&routed, question().dup(by_server.clone())),
        // A neighbour that the routes do not lead to.
        (&routed, question().dup_via(Ipv4Addr::host(3, 2), third)),
        (&routed, question().dup_via(by_server, meta::iifname().map([(HOSTS[0], third)]))),
        (&frames, question().dup_to_device(third)),
        (&frames, question().dup_to_device(udp::dport().map([(7, third)]))),
    ];
    let client = udp_from(&crossing.client, host(1));
    for (copies, ((table, chain), rule)) in (1..).zip(rules) {
        let mut batch = Batch::new();
        batch.reset(*table).add(chain).append(chain, rule);
        crossing.conn.commit(&batch).unwrap();
        pass(&client, at(host(2), 7));
        let counts = counted_when(&mut arrivals, &counted, "arrivals", |counts| counts[0] >= copies);
        assert_eq!(counts[0], copies);
        batch.clear();
        crossing.conn.commit(batch.delete(*table)).unwrap();
    }
}

pub(super) fn forwarded_frames_leave_by_another_device_only() {
    let mut crossing = crossing();
    let server = Server::udp(&crossing.server, at(host(2), 7)).unwrap();
    let (mut arrivals, counted) = count_arrivals(&crossing.third);
    let table = Table::netdev("fw");
    let chain = table.chain("chain").filter(Hook::INGRESS, Priority::FILTER).device(HOSTS[0]);
    let third = device(HOSTS[2]);
    let question = || Rule::new().when(udp::dport().eq(7));
    let rules = [
        (question().fwd(third), 0),
        (question().fwd(udp::dport().map([(7, third)])), 0),
        (question().fwd_via(host(3), third), 1),
        (question().fwd_via(ip::daddr().map::<Ipv4Addr>([(host(2), host(3))]), third), 1),
    ];
    let client = udp_from(&crossing.client, host(1)).timeout(PATIENCE);
    let mut expected = [0, 0];
    for (rule, hops) in rules {
        let mut batch = Batch::new();
        batch.reset(&table).add(&chain).append(&chain, rule);
        crossing.conn.commit(&batch).unwrap();
        assert_eq!(client.ask(at(host(2), 7)), Answer::Dropped);
        expected = [expected[0] + 1, expected[1] + hops];
        assert_eq!(counted_when(&mut arrivals, &counted, "arrivals", |counts| counts[0] >= expected[0]), expected);
    }
    assert_eq!(server.peers(), []);
}

pub(super) fn transparent_socket_gets_what_was_for_another_port() {
    let mut cable = cable();
    both(&mut cable, transparent::<Ipv4Addr>, transparent::<Ipv6Addr>);

    fn transparent<V: Ip + Into<TproxyTarget>>(cable: &mut Cable)
    where
        Field<V, Write>: Into<TproxyTarget>,
    {
        let (from, to) = cable.address::<V>();
        let listener = listener(at(to, 9));
        let targets: [TproxyTarget; 5] = [
            9.into(),
            TproxyTarget::from(tcp::dport().map::<Port>([(7, 9)])),
            Into::<TproxyTarget>::into(to).port(9),
            at(to, 9).into(),
            Into::<TproxyTarget>::into(V::daddr()).port(tcp::dport().map([(7, 9)])),
        ];
        let [inet, own] = tables::<V>();
        let tables = [&inet, &own];
        for (target, table) in targets.iter().flat_map(|target| tables.map(|table| (target.clone(), table))) {
            setsockopt(&listener, sockopt::IpTransparent, &false).unwrap();
            let chain = table.chain("chain").filter(Hook::PREROUTING, Priority::MANGLE);
            let mut batch = Batch::new();
            batch.reset(table).add(&chain);
            // What is left of an earlier connection is not counted.
            let (asked_for, opens) = (tcp::dport().eq(7), tcp::flags().eq(TcpFlags::SYN));
            batch.append(&chain, Rule::new().when(asked_for).tproxy(target).when(opens).counter());
            cable.conn.commit(&batch).unwrap();

            // A socket that is not transparent does not get it, and the rule ends there.
            let (asks, asked) = (tcp_from(&cable.client, from), at(to, 7));
            assert_eq!(asks.ask(asked), Answer::Refused(std::io::ErrorKind::ConnectionRefused));
            assert_eq!(packets(&mut cable.conn, table, "chain"), [0]);
            setsockopt(&listener, sockopt::IpTransparent, &true).unwrap();
            thread::scope(|scope| {
                // The listener's queue takes the connection before anybody accepts it; the question waits for an
                // answer.
                let question = scope.spawn(|| asks.ask(asked));
                let (stream, peer) = listener.accept().unwrap();
                assert_eq!((stream.local_addr().unwrap(), peer.ip()), (asked, from.into()), "it sees whom they asked");
                drop(stream);
                question.join().unwrap();
            });
            assert_ne!(packets(&mut cable.conn, table, "chain"), [0]);
            batch.clear();
            cable.conn.commit(batch.delete(table)).unwrap();
        }
    }
}

/// The whole of a network is taken in: what the socket at this machine gets was for others.
pub(super) fn transparent_socket_gets_what_was_for_others() {
    let Cable { client, server, mut conn } = cable();
    let [from, router, other] = [Ipv4Addr::host(1, 2), Ipv4Addr::host(1, 1), Ipv4Addr::host(9, 9)];
    server.address("eth0", router, Ipv4Addr::NET).unwrap();
    client.address("eth0", from, Ipv4Addr::NET).unwrap();
    client.default_route(router).unwrap();
    server.up("lo").unwrap();
    server.address("lo", Ipv4Addr::host(9, 1), Ipv4Addr::NET).unwrap();
    let listener = listener(at(Ipv4Addr::LOCALHOST, 9));
    setsockopt(&listener, sockopt::IpTransparent, &true).unwrap();
    let table = Table::inet("fw");
    let chain = table.chain("chain").filter(Hook::PREROUTING, Priority::MANGLE);
    let mut batch = Batch::new();
    batch.add(&table).add(&chain);
    conn.commit(&batch).unwrap();
    let asks = tcp_from(&client, from);
    assert_eq!(asks.ask(at(other, 7)), Answer::Refused(std::io::ErrorKind::ConnectionRefused), "nobody is there");

    batch.clear();
    let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9);
    batch.append(&chain, Rule::new().when(tcp::dport().eq(7)).tproxy(to).accept());
    conn.commit(&batch).unwrap();
    thread::scope(|scope| {
        let question = scope.spawn(|| asks.ask(at(other, 7)));
        let (stream, peer) = listener.accept().unwrap();
        assert_eq!((stream.local_addr().unwrap(), peer.ip()), (at(other, 7), from.into()));
        drop(stream);
        question.join().unwrap();
    });
}

/// The same over the loopback interface, whose packets come in, too.
pub(super) fn transparent_socket_gets_what_this_machine_sends_itself() {
    let here = Namespace::current().unwrap();
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let chain = table.chain("chain").filter(Hook::PREROUTING, Priority::MANGLE);
    for ip in LOOPBACKS {
        let listener = listener(at(ip, 9));
        setsockopt(&listener, sockopt::IpTransparent, &true).unwrap();
        let asks = tcp_from(&here, ip);
        assert_eq!(asks.ask(at(ip, 7)), Answer::Refused(std::io::ErrorKind::ConnectionRefused), "nobody is there");
        let mut batch = Batch::new();
        batch.reset(&table).add(&chain);
        batch.append(&chain, Rule::new().when(tcp::dport().eq(7)).tproxy(9));
        conn.commit(&batch).unwrap();
        thread::scope(|scope| {
            let question = scope.spawn(|| asks.ask(at(ip, 7)));
            let (stream, peer) = listener.accept().unwrap();
            assert_eq!((stream.local_addr().unwrap(), peer.ip()), (at(ip, 7), ip));
            drop(stream);
            question.join().unwrap();
        });
        batch.clear();
        conn.commit(batch.delete(&table)).unwrap();
    }
}

pub(super) fn handshakes_are_answered_in_the_servers_stead() {
    let Cable { client, server, mut conn } = cable();
    let [from, to] = [2, 1].map(|number| Ipv4Addr::host(1, number));
    server.address("eth0", to, Ipv4Addr::NET).unwrap();
    client.address("eth0", from, Ipv4Addr::NET).unwrap();
    // What is in the middle of a connection is not taken for its beginning.
    server.sysctl("net/netfilter/nf_conntrack_tcp_loose", "0").unwrap();
    let _server = Server::tcp(&server, at(to, 7)).unwrap();
    let table = Table::inet("fw");
    let raw = table.chain("raw").filter(Hook::PREROUTING, Priority::RAW);
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let synproxy = Synproxy::new().mss(1460).wscale(7).timestamp().sack_perm();
    let ports = || tcp::dport().in_range(7..=8);
    let (untracked, invalid) = (ct::state().has(CtState::UNTRACKED), ct::state().has(CtState::INVALID));
    let mut batch = Batch::new();
    batch.add(&table).add(&raw).add(&input);
    batch.append(&raw, Rule::new().when(ports()).when(tcp::flags().eq(TcpFlags::SYN)).notrack());
    batch.append(&input, Rule::new().when(ports()).when(untracked).counter().synproxy(synproxy));
    batch.append(&input, Rule::new().when(ports()).when(invalid).counter().synproxy(synproxy));
    conn.commit(&batch).unwrap();

    // Nobody is at port 8, and yet its handshake is answered: the client is connected, be it that it hears of the
    // reset that follows before it has seen so. A handshake that is not answered is refused.
    let connected = client.run(|| std::net::TcpStream::connect_timeout(&at(to, 8), LONG));
    let kind = connected.err().map(|error| error.kind());
    assert!([None, Some(std::io::ErrorKind::ConnectionReset)].contains(&kind), "{kind:?}");
    assert_eq!(packets(&mut conn, &table, "input")[0], 1);
    // Whom the client's answer leads to there.
    pass(&tcp_from(&client, from), at(to, 7));
    let counts = packets(&mut conn, &table, "input");
    assert_eq!(counts[0], 2, "each handshake began once: {counts:?}");
}

pub(super) fn packets_for_a_queue_of_nobodys_are_dropped_unless_it_is_bypassed() {
    let mut cable = cable();
    let (client, server) = cable.address::<Ipv4Addr>();
    let _servers = serve(&cable.server, [7, 8, 9, 10].map(|port| at(server, port)));
    let fw = Table::inet("fw");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&fw).add(&input);
    let by_port = || udp::dport().map([(9, 3), (10, 3)]);
    let queues: [(u16, QueueTarget); 4] = [
        (7, 3.into()),
        (8, QueueTarget::from(4..=5).bypass()),
        (9, by_port().into()),
        (10, QueueTarget::from(by_port()).bypass()),
    ];
    for (port, to) in queues {
        batch.append(&input, Rule::new().when(udp::dport().eq(port)).counter().queue(to));
    }
    cable.conn.commit(&batch).unwrap();
    let ask = |port, passes| (format!("udp {port}"), udp_from(&cable.client, client), at(server, port), passes);
    assert_who_passes(vec![ask(7, false), ask(8, true), ask(9, false), ask(10, true)]);
    assert_eq!(packets(&mut cable.conn, &fw, "input"), [1, 1, 1, 1]);
}

pub(super) fn program_at_a_queue_decides_on_its_packets() {
    let mut conn = Conn::open().unwrap();
    let here = LOOPBACKS[0];
    let queues = [3, 4].map(Listener::at_queue);
    let table = Table::inet("fw");
    let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    // What a program lets go on goes on behind the chain.
    let behind = table.chain("behind").filter(Hook::OUTPUT, Priority::FILTER + 1);
    let to_port = |port: u16| Rule::new().when(udp::dport().eq(port)).counter();
    let mut batch = Batch::new();
    batch.add(&table).add(&output).add(&behind);
    batch.append(&output, Rule::new().when(udp::dport().eq(9)).queue(3));
    // The packet's port chooses among queues; nobody is at queue 5, and it is bypassed.
    let by_port = QueueTarget::from(udp::dport().map([(10, 4), (11, 5)])).bypass();
    batch.append(&output, Rule::new().queue(by_port));
    for port in [9, 10, 11] {
        batch.append(&behind, to_port(port));
    }
    conn.commit(&batch).unwrap();

    let sender = Sender::new();
    let packet = |port: u16, data: &[u8]| Packet::udp(at(here, 1), at(here, port), data);
    for (queue, port) in queues.iter().zip([9, 10]) {
        let socket = UdpSocket::bind(at(here, port)).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        let all = ["first", "second", "third"].map(|data| packet(port, data.as_bytes()));
        all.iter().for_each(|packet| sender.send(packet));
        let held = all.each_ref().map(|packet| {
            let (number, bytes) = queue.queued();
            assert_eq!(bytes, packet.bytes());
            number
        });
        let place = usize::from(port - 9);
        assert_eq!(packets(&mut conn, &table, "behind")[place], 0, "they wait");
        // Not in their order: each is decided on by its number.
        queue.decide(held[2], true);
        queue.decide(held[1], false);
        queue.decide(held[0], true);
        let mut data = [0; 16];
        for expected in ["third", "first"] {
            let len = socket.recv(&mut data).unwrap();
            assert_eq!(&data[..len], expected.as_bytes());
        }
        assert_eq!(packets(&mut conn, &table, "behind")[place], 2);
    }
    sender.send(&packet(11, b"bypassed"));
    assert_eq!(packets(&mut conn, &table, "behind"), [2, 2, 1]);
    assert!(queues.iter().all(Listener::has_nothing));
}
