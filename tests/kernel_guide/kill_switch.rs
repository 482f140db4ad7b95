//! VPN kill switch: a host with a tunnel, the network around it, and a container that the host routes for.

use std::env;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use nftlink::datum::{CtState, L4Proto};
use nftlink::field::ct;
use nftlink::{Batch, Conn, Hook, Priority, Rule, Table};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockProtocol, SockType, SockaddrIn6, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};
use nix::unistd::getuid;

use crate::kill_switch::{close, is_closed, open};
use crate::support::lab::{self, Client, Namespace, Server, Stream};
use crate::support::nft;

/// There are dozens of streams at once.
const EVERY: Duration = Duration::from_millis(4);
const LONG: Duration = Duration::from_secs(20);
/// Where the server listens.
const PORT: u16 = 51820;

#[derive(Clone, Copy, PartialEq)]
enum Version {
    V4,
    V6,
}
use Version::{V4, V6};

impl Version {
    /// A host of a network.
    fn ip(self, net: u8, host: u8) -> IpAddr {
        match self {
            V4 => Ipv4Addr::new(10, net, 0, host).into(),
            V6 => Ipv6Addr::new(0xfd00 + u16::from(net), 0, 0, 0, 0, 0, 0, host.into()).into(),
        }
    }

    fn localhost(self) -> IpAddr {
        if self == V4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
    }
}

/// The networks, each with the host as number 1.
const OUTSIDE: u8 = 0;
const TUNNEL: u8 = 8;
const CONTAINERS: u8 = 9;

/// A host, where the test runs, and whom it has cables to.
struct World {
    host: Namespace,
    outside: Namespace,
    tunnel: Namespace,
    container: Namespace,
    conn: Conn,
}

fn world() -> World {
    let host = Namespace::current().unwrap();
    let [outside, tunnel, container] = [(OUTSIDE, "eth0"), (TUNNEL, "wg0"), (CONTAINERS, "ve0")].map(|(net, link)| {
        let other = Namespace::new().unwrap();
        lab::veth((&host, link), (&other, "eth0")).unwrap();
        for version in [V4, V6] {
            let len = if version == V4 { 24 } else { 64 };
            host.address(link, version.ip(net, 1), len).unwrap();
            for number in [2, 3, 4] {
                other.address("eth0", version.ip(net, number), len).unwrap();
            }
            other.default_route(version.ip(net, 1)).unwrap();
        }
        other
    });
    host.forwarding().unwrap();
    World { host, outside, tunnel, container, conn: Conn::open().unwrap() }
}

/// A way that packets may take, or not.
struct Way<'a> {
    from: (&'a Namespace, SocketAddr),
    to: (&'a Namespace, SocketAddr),
}

impl World {
    fn way(&self, from: (Place, IpAddr, u16), to: (Place, IpAddr, u16)) -> Way<'_> {
        let end = |(place, address, port): (Place, IpAddr, u16)| (self.at(place), SocketAddr::from((address, port)));
        Way { from: end(from), to: end(to) }
    }

    fn at(&self, place: Place) -> &Namespace {
        match place {
            Place::Host => &self.host,
            Place::Outside => &self.outside,
            Place::Tunnel => &self.tunnel,
            Place::Container => &self.container,
        }
    }

    fn close(&mut self, server: IpAddr, protocol: L4Proto, uid: u32) {
        close(&mut self.conn, "wg0", (server, PORT).into(), protocol, uid).unwrap();
    }

    /// What passes whatever the server and the user are, and needs no answer.
    fn always(&self, v: Version) -> Vec<Way<'_>> {
        let dhcp = if v == V4 { (68, 67) } else { (546, 547) };
        vec![
            self.way((Host, v.localhost(), 0), (Host, v.localhost(), 21)),
            self.way((Host, v.ip(TUNNEL, 1), 0), (Tunnel, v.ip(TUNNEL, 2), 22)),
            self.way((Tunnel, v.ip(TUNNEL, 2), 0), (Host, v.ip(TUNNEL, 1), 23)),
            self.way((Host, v.ip(OUTSIDE, 1), dhcp.0), (Outside, v.ip(OUTSIDE, 2), dhcp.1)),
            self.way((Container, v.ip(CONTAINERS, 2), 0), (Tunnel, v.ip(TUNNEL, 2), 24)),
        ]
    }

    /// What does not pass, whatever the server and the user are.
    fn never(&self, v: Version) -> Vec<Way<'_>> {
        let (host, other) = ((Host, v.ip(OUTSIDE, 1)), (Outside, v.ip(OUTSIDE, 3)));
        // Those of the other version.
        let dhcp = if v == V6 { (68, 67) } else { (546, 547) };
        vec![
            // Not the server's port, not its address, not even for DNS.
            self.way((Host, host.1, 0), (Outside, v.ip(OUTSIDE, 2), 31)),
            self.way((Host, host.1, 0), (Outside, other.1, PORT)),
            self.way((Host, host.1, 0), (Outside, v.ip(OUTSIDE, 2), 53)),
            self.way((Host, host.1, dhcp.0), (Outside, v.ip(OUTSIDE, 2), dhcp.1)),
            self.way((Host, host.1, 67), (Outside, v.ip(OUTSIDE, 2), 68)),
            // From outside, from the tunnel's address there, from the server's other ports.
            self.way((Outside, v.ip(OUTSIDE, 4), PORT), (Host, host.1, 32)),
            self.way((Outside, v.ip(OUTSIDE, 2), 0), (Host, host.1, 33)),
            self.way((Outside, other.1, 0), (Host, v.ip(TUNNEL, 1), 34)),
            // Past the tunnel, and uninvited through it.
            self.way((Container, v.ip(CONTAINERS, 2), 0), (Outside, other.1, 35)),
            self.way((Outside, other.1, 0), (Container, v.ip(CONTAINERS, 2), 36)),
            self.way((Tunnel, v.ip(TUNNEL, 2), 0), (Container, v.ip(CONTAINERS, 2), 37)),
        ]
    }
}

#[derive(Clone, Copy)]
enum Place {
    Host,
    Outside,
    Tunnel,
    Container,
}
use Place::{Container, Host, Outside, Tunnel};

fn start(ways: &[Way<'_>]) -> Vec<Stream> {
    ways.iter().map(|way| Stream::start(way.from, way.to, EVERY).unwrap()).collect()
}

/// Ends streams, and compares: all of each arrived, or nothing.
#[track_caller]
fn assert_passed(ways: &[Way<'_>], streams: Vec<Stream>, pass: bool) {
    let stopping: Vec<_> = streams.into_iter().map(|stream| thread::spawn(|| stream.stop())).collect();
    for (way, flow) in ways.iter().zip(stopping) {
        let (flow, what) = (flow.join().unwrap(), format!("{} to {}", way.from.1, way.to.1));
        if pass {
            assert_eq!(flow.lost(), [], "{what}, of {}", flow.sent);
        } else {
            assert_eq!(flow.arrived, [], "{what}, of {}", flow.sent);
        }
    }
}

#[track_caller]
fn assert_passes(ways: &[Way<'_>], pass: bool) {
    let streams = start(ways);
    Stream::wait_for_all(&streams, 3);
    assert_passed(ways, streams, pass);
}

/// Some user who runs no test.
const SOMEBODY: u32 = 4711;

pub(crate) fn only_the_ways_that_were_named_are_open() {
    let mut world = world();
    for server in [V4, V6] {
        world.close(server.ip(OUTSIDE, 2), L4Proto::UDP, SOMEBODY);
        for v in [V4, V6] {
            assert_passes(&world.always(v), true);
            assert_passes(&world.never(v), false);
            let (here, there) = ((Host, v.ip(OUTSIDE, 1)), (Outside, v.ip(OUTSIDE, 2)));
            let (client, service) = if v == V4 { (68, 67) } else { (546, 547) };
            assert_passes(&[world.way((there.0, there.1, service), (here.0, here.1, client))], true);
            for (from, to) in
                [((here.0, here.1, 0), (there.0, there.1, PORT)), ((there.0, there.1, PORT), (here.0, here.1, 40))]
            {
                assert_passes(&[world.way(from, to)], v == server);
            }
            // Answers through the tunnel come back to whom the host routes for.
            let answering = Server::udp(&world.tunnel, (v.ip(TUNNEL, 2), 41)).unwrap();
            let container = Client::udp(&world.container, (v.ip(CONTAINERS, 2), 0)).unwrap().timeout(LONG);
            assert!(container.ask(answering.address()).passed());
        }
    }
    // When it is open again all ways are: nothing else stopped them.
    open(&mut world.conn).unwrap();
    for v in [V4, V6] {
        assert_passes(&world.never(v), true);
    }
}

pub(crate) fn server_may_speak_tcp() {
    let mut world = world();
    for v in [V4, V6] {
        world.close(v.ip(OUTSIDE, 2), L4Proto::TCP, SOMEBODY);
        let servers = [PORT, PORT + 1].map(|port| Server::tcp(&world.outside, (v.ip(OUTSIDE, 2), port)).unwrap());
        let client = Client::tcp(&world.host, (v.ip(OUTSIDE, 1), 0));
        assert!(!client.ask(servers[1].address()).passed());
        assert!(client.timeout(LONG).ask(servers[0].address()).passed());
        let udp = world.way((Host, v.ip(OUTSIDE, 1), 0), (Outside, v.ip(OUTSIDE, 2), PORT));
        assert_passes(&[udp], false);
    }
}

pub(crate) fn one_user_goes_around_the_tunnel_and_hears_answers() {
    let mut world = world();
    for v in [V4, V6] {
        let server = Server::udp(&world.outside, (v.ip(OUTSIDE, 3), 53)).unwrap();
        // The same socket: what is tracked from before does not matter.
        let client = Client::udp(&world.host, (v.ip(OUTSIDE, 1), 0)).unwrap();
        for (uid, passes) in [(SOMEBODY, false), (getuid().as_raw(), true), (SOMEBODY, false)] {
            world.close(v.ip(OUTSIDE, 2), L4Proto::UDP, uid);
            let answer = client.ask(server.address());
            assert_eq!(answer.passed(), passes, "{answer}");
            // Who is not asked does not come in.
            assert_passes(&[world.way((Outside, v.ip(OUTSIDE, 2), 0), (Host, v.ip(OUTSIDE, 1), 44))], false);
        }
    }
}

pub(crate) fn what_the_user_sent_arrives_after_the_socket_is_closed() {
    let mut world = world();
    world.close(V4.ip(OUTSIDE, 2), L4Proto::UDP, getuid().as_raw());
    for v in [V4, V6] {
        let listener = world.outside.run(|| TcpListener::bind((v.ip(OUTSIDE, 3), 47))).unwrap();
        let mut sender = world.host.run(|| TcpStream::connect((v.ip(OUTSIDE, 3), 47))).unwrap();
        let (mut receiver, _) = listener.accept().unwrap();
        receiver.set_read_timeout(Some(LONG)).unwrap();
        sender.set_nonblocking(true).unwrap();
        // More than the receiver takes before it reads: the rest has to leave when the socket has no user any more.
        let mut sent = 0;
        while let Ok(len) = sender.write(&[0; 65536]) {
            sent += len;
        }
        drop(sender);
        let mut received = Vec::new();
        receiver.read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), sent);
    }
}

pub(crate) fn answers_to_connections_from_before_do_not_come_in() {
    let mut world = world();
    for v in [V4, V6] {
        let (here, there) = ((Host, v.ip(OUTSIDE, 1), 45), (Outside, v.ip(OUTSIDE, 3), 46));
        open(&mut world.conn).unwrap();
        // Whoever tracked the connection while it was open knows it as established.
        let mut others = Conn::open().unwrap();
        watch_connections(&mut others);
        assert_passes(&[world.way(here, there)], true);
        assert_passes(&[world.way(there, here)], true);
        world.close(v.ip(OUTSIDE, 2), L4Proto::UDP, SOMEBODY);
        assert_passes(&[world.way(here, there)], false);
        assert_passes(&[world.way(there, here)], false);
    }
}

/// Sets up a table of somebody who looks at connections, so that the kernel tracks them.
fn watch_connections(conn: &mut Conn) {
    let table = Table::inet("watch");
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.reset(&table).add(&input);
    batch.append(&input, Rule::new().when(ct::state().has(CtState::ESTABLISHED)).counter());
    conn.commit(&batch).unwrap();
}

/// Sends an ICMPv6 message over the cable outside, and tells whether it came in at the other end.
fn icmpv6_passes(from: &Namespace, to: (&Namespace, IpAddr), kind: u8, patience: Duration) -> bool {
    let raw = |namespace: &Namespace| {
        namespace.run(|| {
            socket::socket(AddressFamily::Inet6, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::IcmpV6).unwrap()
        })
    };
    let (sender, receiver) = (raw(from), raw(to.0));
    let timeout = TimeVal::milliseconds(patience.as_millis().try_into().unwrap());
    socket::setsockopt(&receiver, sockopt::ReceiveTimeout, &timeout).unwrap();
    let IpAddr::V6(address) = to.1 else { panic!("{} is not of IPv6", to.1) };
    // Too short to have an effect; the kernel fills the checksum in. The last bytes make it ours.
    let message = [kind, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef];
    let to = SockaddrIn6::from(SocketAddrV6::new(address, 0, 0, 0));
    match socket::sendto(sender.as_raw_fd(), &message, &to, socket::MsgFlags::empty()) {
        Ok(_) => {}
        Err(nix::errno::Errno::EPERM) => return false,
        Err(errno) => panic!("{errno}"),
    }
    loop {
        let mut received = [0; 256];
        match socket::recv(receiver.as_raw_fd(), &mut received, socket::MsgFlags::empty()) {
            Ok(8) if received[0] == kind && received[4..8] == message[4..] => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

pub(crate) fn neighbours_and_routers_are_heard_and_nothing_else_of_icmpv6() {
    let mut world = world();
    world.close(V4.ip(OUTSIDE, 2), L4Proto::UDP, SOMEBODY);
    let (host, outside) = ((&world.host, V6.ip(OUTSIDE, 1)), (&world.outside, V6.ip(OUTSIDE, 2)));
    let [echo, mld, rs, ra, ns, na, redirect] = [128, 131, 133, 134, 135, 136, 137];
    for (kind, out, in_) in [
        (ns, true, true),
        (na, true, true),
        (rs, true, false),
        (ra, false, true),
        (redirect, false, false),
        (echo, false, false),
        (mld, false, false),
    ] {
        for (from, to, passes) in [(host.0, outside, out), (outside.0, host, in_)] {
            let patience = if passes { LONG } else { lab::PATIENCE };
            assert_eq!(icmpv6_passes(from, to, kind, patience), passes, "{kind} to {}", to.1);
        }
    }
}

pub(crate) fn no_packet_slips_through_while_servers_are_switched() {
    let mut world = world();
    let servers = [V4.ip(OUTSIDE, 2), V6.ip(OUTSIDE, 2)];
    world.close(servers[1], L4Proto::UDP, SOMEBODY);
    let mut conn = Conn::open().unwrap();
    let mut switch = |n: usize| {
        let uid = SOMEBODY + n as u32;
        close(&mut conn, "wg0", (servers[n % 2], PORT).into(), L4Proto::UDP, uid).unwrap();
    };
    let both = |ways: fn(&World, Version) -> Vec<Way<'_>>| [V4, V6].map(|v| ways(&world, v)).into_iter().flatten();
    let (always, never): (Vec<_>, Vec<_>) = (both(World::always).collect(), both(World::never).collect());
    // The outside of the tunnel, at each of the servers.
    let endpoint = |v: Version| world.way((Host, v.ip(OUTSIDE, 1), 0), (Outside, v.ip(OUTSIDE, 2), PORT));
    let endpoints = start(&[endpoint(V4), endpoint(V6)]);
    let (passing, stopped) = (start(&always), start(&never));
    let mut between = Vec::new();
    for n in 0..200 {
        switch(n);
        // One datagram may be on its way now; those that follow are sent after the switch and before the next.
        let from: Vec<u64> = endpoints.iter().map(|stream| stream.sent() + 1).collect();
        Stream::wait_for_all([&endpoints[..], &passing, &stopped].into_iter().flatten(), 2);
        let sent = endpoints.iter().zip(from).map(|(stream, from)| from..stream.sent());
        between.push(sent.collect::<Vec<_>>());
    }
    assert_passed(&always, passing, true);
    assert_passed(&never, stopped, false);
    for (at, endpoint) in endpoints.into_iter().enumerate() {
        let flow = endpoint.stop();
        let lost = flow.lost();
        let mut seen = [0; 2];
        for (n, sent) in between.iter().enumerate() {
            let open = n % 2 == at;
            for number in sent[at].clone() {
                assert_eq!(lost.binary_search(&number).is_err(), open, "{number} after switch {n}");
                seen[usize::from(open)] += 1;
            }
        }
        assert!(seen.iter().all(|&seen| seen >= 100), "{seen:?}");
    }
}

// ---- a program that crashes ----

const CRASH: &str = "NFTLINK_TEST_KILL_SWITCH";

/// Is the program that crashes, if this process was started for that; to be called first of all.
pub(crate) fn program() -> Option<ExitCode> {
    env::var_os(CRASH)?;
    let mut conn = Conn::open().unwrap();
    close(&mut conn, "wg0", (V4.ip(OUTSIDE, 2), PORT).into(), L4Proto::UDP, SOMEBODY).unwrap();
    println!("closed");
    // Ends only with whoever started it.
    let _ = io::stdin().read(&mut [0]);
    Some(ExitCode::SUCCESS)
}

fn start_program() -> Child {
    let mut program = Command::new("/proc/self/exe");
    let mut child = program.env(CRASH, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "closed\n");
    child
}

pub(crate) fn it_stays_when_the_program_is_killed() {
    let mut world = world();
    assert!(!is_closed(&mut world.conn).unwrap());
    let ways = [V4, V6].map(|v| world.way((Host, v.ip(OUTSIDE, 1), 0), (Outside, v.ip(OUTSIDE, 2), 31)));
    assert_passes(&ways, true);
    let mut child = start_program();
    let streams = start(&ways);
    let wait = || Stream::wait_for_all(&streams, 20);
    wait();
    child.kill().unwrap();
    assert!(child.wait().unwrap().code().is_none(), "killed by a signal");
    wait();
    assert!(is_closed(&mut Conn::open().unwrap()).unwrap());
    assert_passed(&ways, streams, false);
    // The next run takes over what is there, and whoever comes last opens it by its name.
    start_program().kill().unwrap();
    assert_passes(&ways, false);
    let mut conn = Conn::open().unwrap();
    open(&mut conn).unwrap();
    assert!(!is_closed(&mut conn).unwrap());
    assert_passes(&ways, true);
    open(&mut conn).unwrap();
}

pub(crate) fn table_is_what_a_person_would_have_written() {
    let mut conn = Conn::open().unwrap();
    for (server, protocol, [to, from]) in [
        (V4.ip(0, 2), L4Proto::UDP, ["ip daddr 10.0.0.2 udp dport 51820", "ip saddr 10.0.0.2 udp sport 51820"]),
        (V6.ip(0, 2), L4Proto::TCP, ["ip6 daddr fd00::2 tcp dport 51820", "ip6 saddr fd00::2 tcp sport 51820"]),
    ] {
        close(&mut conn, "wg0", (server, PORT).into(), protocol, 1000).unwrap();
        let expected = format!(
            "table inet kill-switch {{
	comment \"made by example-vpn, removed by example-vpn --open\"
	chain output {{
		type filter hook output priority filter; policy drop;
		oifname \"lo\" accept
		oifname \"wg0\" accept
		{to} accept
		meta nfproto ipv4 udp sport 68 udp dport 67 accept
		meta nfproto ipv6 udp sport 546 udp dport 547 accept
		icmpv6 type {{ nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert }} accept
		meta skuid 1000 ct mark set 0x6b7303e8 accept
		ct mark 0x6b7303e8 accept
	}}

	chain input {{
		type filter hook input priority filter; policy drop;
		iifname \"lo\" accept
		iifname \"wg0\" accept
		{from} accept
		meta nfproto ipv4 udp sport 67 udp dport 68 accept
		meta nfproto ipv6 udp sport 547 udp dport 546 accept
		icmpv6 type {{ nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }} accept
		ct mark 0x6b7303e8 accept
	}}

	chain forward {{
		type filter hook forward priority filter; policy drop;
		oifname \"wg0\" accept
		iifname \"wg0\" ct state established,related accept
	}}
}}
"
        );
        assert_eq!(nft(&["list", "table", "inet", "kill-switch"]), expected);
    }
}
