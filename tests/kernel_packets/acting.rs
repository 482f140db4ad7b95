//! Expressions that act on packets: copies, other ways out, and answers in another's stead.

use std::net::TcpListener;

use nftlink::datum::{CtState, TcpFlags};
use nftlink::expr::{Dup, Fwd, Immediate, Queue, QueueFlags, Reg, Synproxy, SynproxyFlags, Tproxy};
use nftlink::field::ct;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt};

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

/// Counts the questions that arrive at a host, whomever they are for, and returns the table that does.
fn count_arrivals(namespace: &Namespace) -> (Conn, Table) {
    let mut conn = namespace.run(|| Conn::open().unwrap());
    let table = Table::netdev("arrivals");
    let chain = table.chain("arrivals").filter(Hook::INGRESS, Priority::FILTER).device("eth0");
    let mut batch = Batch::new();
    batch.add(&table).add(&chain).append(&chain, Rule::new().when(udp::dport().eq(7)).counter());
    conn.commit(&batch).unwrap();
    (conn, table)
}

pub(super) fn copies_reach_a_third_host_and_questions_their_server() {
    let mut crossing = crossing();
    let _server = Server::udp(&crossing.server, at(host(2), 7)).unwrap();
    let (mut arrivals, counted) = count_arrivals(&crossing.third);
    let table = Table::ip("fw");
    let chain = table.chain("chain").filter(Hook::PREROUTING, Priority::FILTER);
    let third = Immediate::data(Reg::R1, host(3).octets());
    let rule = Rule::new().when(udp::dport().eq(7)).expr(third).expr(Dup::to_addr(Reg::R1));
    let mut batch = Batch::new();
    batch.add(&table).add(&chain).append(&chain, rule);
    crossing.conn.commit(&batch).unwrap();

    let client = udp_from(&crossing.client, host(1));
    for copies in 1..=3 {
        pass(&client, at(host(2), 7));
        assert_eq!(counted_when(&mut arrivals, &counted, "arrivals", |counts| counts[0] >= copies), [copies]);
    }
}

pub(super) fn forwarded_frames_leave_by_another_device_only() {
    let mut crossing = crossing();
    let server = Server::udp(&crossing.server, at(host(2), 7)).unwrap();
    let (mut arrivals, counted) = count_arrivals(&crossing.third);
    let table = Table::netdev("fw");
    let chain = table.chain("chain").filter(Hook::INGRESS, Priority::FILTER).device(HOSTS[0]);
    let third = Immediate::data(Reg::R1, if_nametoindex(HOSTS[2]).unwrap().to_ne_bytes());
    let rule = Rule::new().when(udp::dport().eq(7)).expr(third).expr(Fwd::new(Reg::R1));
    let mut batch = Batch::new();
    batch.add(&table).add(&chain).append(&chain, rule);
    crossing.conn.commit(&batch).unwrap();

    let client = udp_from(&crossing.client, host(1)).timeout(PATIENCE);
    assert_eq!(client.ask(at(host(2), 7)), Answer::Dropped);
    assert_eq!(counted_when(&mut arrivals, &counted, "arrivals", |counts| counts[0] >= 1), [1]);
    assert_eq!(server.peers(), []);
}

pub(super) fn transparent_socket_gets_what_was_for_another_port() {
    let Cable { client, server, mut conn } = cable();
    let [from, to] = [2, 1].map(|number| Ipv4Addr::host(1, number));
    server.address("eth0", to, Ipv4Addr::NET).unwrap();
    client.address("eth0", from, Ipv4Addr::NET).unwrap();
    let listener = TcpListener::bind(at(to, 9)).unwrap();
    let table = Table::inet("fw");
    let chain = table.chain("chain").filter(Hook::PREROUTING, Priority::MANGLE);
    let port = Immediate::data(Reg::R1, 9u16.to_be_bytes());
    let rule = Rule::new().when(tcp::dport().eq(7)).expr(port).expr(Tproxy::to_port(Family::UNSPEC, Reg::R1));
    let mut batch = Batch::new();
    batch.add(&table).add(&chain).append(&chain, rule.counter());
    conn.commit(&batch).unwrap();

    // A socket that is not transparent does not get it, and the rule ends there.
    let asks = tcp_from(&client, from);
    assert_eq!(asks.ask(at(to, 7)), Answer::Refused(std::io::ErrorKind::ConnectionRefused));
    assert_eq!(packets(&mut conn, &table, "chain"), [0]);
    setsockopt(&listener, sockopt::IpTransparent, &true).unwrap();
    thread::scope(|scope| {
        // The listener's queue takes the connection before anybody accepts it; the question waits for an answer.
        let question = scope.spawn(|| tcp_from(&client, from).ask(at(to, 7)));
        let (stream, peer) = listener.accept().unwrap();
        assert_eq!((stream.local_addr().unwrap(), peer.ip()), (at(to, 7), from.into()), "it sees whom they asked");
        drop(stream);
        question.join().unwrap();
    });
    assert_ne!(packets(&mut conn, &table, "chain"), [0]);
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
    let options = SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM;
    let synproxy = Synproxy::new().mss(1460).wscale(7).flags(options);
    let ports = || tcp::dport().in_range(7..=8);
    let (untracked, invalid) = (ct::state().has(CtState::UNTRACKED), ct::state().has(CtState::INVALID));
    let mut batch = Batch::new();
    batch.add(&table).add(&raw).add(&input);
    batch.append(&raw, Rule::new().when(ports()).when(tcp::flags().eq(TcpFlags::SYN)).notrack());
    batch.append(&input, Rule::new().when(ports()).when(untracked).counter().expr(synproxy));
    batch.append(&input, Rule::new().when(ports()).when(invalid).counter().expr(synproxy));
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

/// For the queue expression: asks the kernel for one.
pub(super) fn kernel_queues() -> Result<(), String> {
    let table = Table::ip("probe");
    let chain = table.chain("chain").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&table).add(&chain).append(&chain, Rule::new().queue(Queue::new(0)));
    match Conn::open().and_then(|mut conn| conn.check(&batch)) {
        Err(error) if error.is_not_found() => Err("this kernel does not queue packets".to_owned()),
        other => other.map_err(|error| error.to_string()),
    }
}

pub(super) fn packets_for_a_queue_of_nobodys_are_dropped_unless_it_is_bypassed() {
    let mut cable = cable();
    let (client, server) = cable.address::<Ipv4Addr>();
    let _servers = serve(&cable.server, [7, 8].map(|port| at(server, port)));
    let fw = Table::inet("fw");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&fw).add(&input);
    batch.append(&input, Rule::new().when(udp::dport().eq(7)).counter().queue(Queue::new(3)));
    let bypassed = Queue::range(4, 2).flags(QueueFlags::BYPASS);
    batch.append(&input, Rule::new().when(udp::dport().eq(8)).counter().queue(bypassed));
    cable.conn.commit(&batch).unwrap();
    let ask = |port, passes| (format!("udp {port}"), udp_from(&cable.client, client), at(server, port), passes);
    assert_who_passes(vec![ask(7, false), ask(8, true)]);
    assert_eq!(packets(&mut cable.conn, &fw, "input"), [1, 1]);
}
