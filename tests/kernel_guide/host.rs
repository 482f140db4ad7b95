//! A stateful host firewall.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nftlink::object::Counter;
use nftlink::{Conn, Interval, Table};
use nix::sys::socket::{self, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::call::Call;
use crate::host::{self, Config};
use crate::support;
use crate::support::lab::{self, Answer, Client, Namespace, Server, Stream};

/// Of each family the host, an admin, who is in the set, and a stranger, who is not.
const ADDRESSES: [[IpAddr; 3]; 2] =
    [[v4([192, 0, 2, 1]), v4([192, 0, 2, 2]), v4([192, 0, 2, 200])], [v6(1, 1), v6(1, 2), v6(1, 0xffff)]];

/// The network behind the host, and who is in it.
const BEHIND: [[IpAddr; 2]; 2] = [[v4([10, 0, 0, 1]), v4([10, 0, 0, 2])], [v6(2, 1), v6(2, 2)]];

const fn v4([a, b, c, d]: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(net: u16, host: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, host))
}

/// How long a packet may take that is to pass.
const LONG: Duration = Duration::from_secs(20);

const REFUSED: Answer = Answer::Refused(ErrorKind::ConnectionRefused);

fn config() -> Config {
    Config {
        admins: vec![Interval::prefix(Ipv4Addr::new(192, 0, 2, 0), 25)],
        admins6: vec![Interval::prefix(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0), 120)],
        tcp: vec![80, 443],
        udp: vec![443],
    }
}

/// The host is where the test runs; who asks is before it, or behind.
struct Place {
    host: Namespace,
    client: Namespace,
    behind: Namespace,
    conn: Conn,
}

fn place() -> Place {
    let (host, client, behind) = (Namespace::current().unwrap(), Namespace::new().unwrap(), Namespace::new().unwrap());
    lab::veth((&host, "eth0"), (&client, "eth0")).unwrap();
    lab::veth((&host, "eth1"), (&behind, "eth0")).unwrap();
    for [of_host, admin, stranger] in ADDRESSES {
        let prefix_len = if of_host.is_ipv4() { 24 } else { 64 };
        host.address("eth0", of_host, prefix_len).unwrap();
        client.address("eth0", admin, prefix_len).unwrap();
        client.address("eth0", stranger, prefix_len).unwrap();
        client.default_route(of_host).unwrap();
    }
    for [of_host, other] in BEHIND {
        let prefix_len = if of_host.is_ipv4() { 24 } else { 64 };
        host.address("eth1", of_host, prefix_len).unwrap();
        behind.address("eth0", other, prefix_len).unwrap();
        behind.default_route(of_host).unwrap();
    }
    host.forwarding().unwrap();
    let mut conn = Conn::open().unwrap();
    host::apply(&mut conn, &config()).unwrap();
    Place { host, client, behind, conn }
}

impl Place {
    /// How many packets a counter has counted.
    fn count(&mut self, name: &str) -> u64 {
        self.conn.counter(Counter::named(Table::inet("host"), name)).unwrap().packets
    }
}

fn udp(from: &Namespace, address: IpAddr) -> Client {
    Client::udp(from, (address, 0)).unwrap().timeout(LONG)
}

fn tcp(from: &Namespace, address: IpAddr) -> Client {
    Client::tcp(from, (address, 0)).timeout(LONG)
}

pub(crate) fn open_ports_pass_and_others_are_refused_politely() {
    let mut place = place();
    for [host, admin, stranger] in ADDRESSES {
        let _udp = [443, 53].map(|port| Server::udp(&place.host, (host, port)).unwrap());
        let _tcp = [22, 80, 443, 25].map(|port| Server::tcp(&place.host, (host, port)).unwrap());
        let (refused, ssh) = (place.count("refused"), place.count("ssh"));
        for from in [admin, stranger] {
            assert!([80, 443].iter().all(|&port| tcp(&place.client, from).ask((host, port)).passed()), "{from}");
            assert!(udp(&place.client, from).ask((host, 443)).passed(), "{from}");
            assert_eq!(tcp(&place.client, from).ask((host, 25)), REFUSED);
            assert_eq!(udp(&place.client, from).ask((host, 53)), REFUSED);
        }
        assert!(tcp(&place.client, admin).ask((host, 22)).passed());
        assert_eq!(place.count("ssh"), ssh + 1, "the first packet of the connection");
        assert_eq!(tcp(&place.client, stranger).ask((host, 22)), REFUSED);
        assert_eq!(place.count("refused"), refused + 5);
    }
}

pub(crate) fn the_host_itself_may_ask_everybody() {
    let place = place();
    for [host, admin, _] in ADDRESSES {
        let _servers = (Server::udp(&place.client, (admin, 53)).unwrap(), Server::tcp(&place.client, (admin, 25)));
        assert!(udp(&place.host, host).ask((admin, 53)).passed());
        assert!(tcp(&place.host, host).ask((admin, 25)).passed());
        // An error about its own packet is related to it.
        assert_eq!(udp(&place.host, host).ask((admin, 9)), REFUSED);
        let local = Server::tcp(&place.host, (host, 2525)).unwrap();
        assert!(tcp(&place.host, host).ask(local.address()).passed(), "loopback");
    }
}

pub(crate) fn nothing_is_forwarded() {
    let place = place();
    for ([_, admin, _], [_, behind]) in ADDRESSES.into_iter().zip(BEHIND) {
        let _servers = (Server::udp(&place.behind, (behind, 80)).unwrap(), Server::udp(&place.client, (admin, 80)));
        let (there, back) = (udp(&place.client, admin), udp(&place.behind, behind));
        let (there, back) = (there.timeout(lab::PATIENCE), back.timeout(lab::PATIENCE));
        assert_eq!([there.ask((behind, 80)), back.ask((admin, 80))], [Answer::Dropped; 2]);
    }
    // It is the firewall that does it.
    support::nft(&["flush", "chain", "inet", "host", "forward"]);
    support::nft(&["add", "chain", "inet", "host", "forward", "{ policy accept; }"]);
    for ([_, admin, _], [_, behind]) in ADDRESSES.into_iter().zip(BEHIND) {
        let _server = Server::udp(&place.behind, (behind, 80)).unwrap();
        assert!(udp(&place.client, admin).ask((behind, 80)).passed());
    }
}

pub(crate) fn echoes_pass_until_there_are_too_many() {
    let mut place = place();
    for [host, admin, _] in ADDRESSES {
        let flood = place.count("flood");
        let socket = Raw::icmp(&place.client, admin);
        let request = if admin.is_ipv4() { ECHO_REQUEST } else { ECHO_REQUEST6 };
        let begin = Instant::now();
        (0..200).for_each(|_| socket.send(host, request));
        let passed = socket.answers().len() as u64;
        // The burst at once, then ten a second.
        let most = 20 + begin.elapsed().as_secs() * 10 + 10;
        assert!((20..=most).contains(&passed), "{passed}");
        assert_eq!(place.count("flood") - flood, 200 - passed);
    }
}

pub(crate) fn broken_packets_and_strange_icmp_get_no_answer() {
    let mut place = place();
    for [host, admin, _] in ADDRESSES {
        let _server = Server::tcp(&place.host, (host, 80)).unwrap();
        let (invalid, refused) = (place.count("invalid"), place.count("refused"));
        let icmp = Raw::icmp(&place.client, admin);
        // No error that anybody knows of, and a question that is none of an echo.
        let [error, question] = if admin.is_ipv4() { [3, 13] } else { [1, 139] };
        [error, question].iter().for_each(|&kind| icmp.send(host, kind));
        // A TCP header with all flags at once and without a checksum, to an open port.
        let mut header = [0; 20];
        header[..4].copy_from_slice(&[0x30, 0x39, 0, 80]);
        (header[12], header[13]) = (5 << 4, 0x3f);
        Raw::open(&place.client, SockProtocol::Tcp, admin).send_bytes(host, &header);
        assert_eq!(icmp.answers(), []);
        // Of a message that tells of no known packet, conntrack says that it is invalid.
        assert_eq!(place.count("invalid") - invalid, 2);
        assert_eq!(place.count("refused"), refused);
    }
}

const ECHO_REQUEST: u8 = 8;
const ECHO_REQUEST6: u8 = 128;

/// A socket for packets that no other socket sends.
struct Raw(OwnedFd, IpAddr);

impl Raw {
    fn icmp(namespace: &Namespace, address: IpAddr) -> Self {
        let protocol = if address.is_ipv4() { SockProtocol::Icmp } else { SockProtocol::IcmpV6 };
        Self::open(namespace, protocol, address)
    }

    fn open(namespace: &Namespace, protocol: SockProtocol, address: IpAddr) -> Self {
        let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let open = || socket::socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol);
        let socket = namespace.run(open).unwrap();
        socket::setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(300)).unwrap();
        socket::bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(address, 0))).unwrap();
        Self(socket, address)
    }

    fn send_bytes(&self, to: IpAddr, bytes: &[u8]) {
        let to = SockaddrStorage::from(SocketAddr::new(to, 0));
        assert_eq!(socket::sendto(self.0.as_raw_fd(), bytes, &to, MsgFlags::empty()), Ok(bytes.len()));
    }

    /// Sends an ICMP message, each time the same, with nothing in it but 24 zeros.
    fn send(&self, to: IpAddr, kind: u8) {
        let mut message = [0; 32];
        message[0] = kind;
        if self.1.is_ipv4() {
            // Of ICMPv6 the kernel knows the checksum.
            message[2] = !kind;
            message[3] = 0xff;
        }
        self.send_bytes(to, &message);
    }

    /// The types of the ICMP messages that came, but for those between neighbours, until none comes any more.
    fn answers(&self) -> Vec<u8> {
        let mut types = Vec::new();
        let mut packet = [0; 1500];
        while let Ok(length) = socket::recv(self.0.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            let header = if self.1.is_ipv4() { usize::from(packet[0] & 0xf) * 4 } else { 0 };
            types.extend(packet[..length].get(header));
        }
        types.retain(|kind| !(130..=143).contains(kind));
        types
    }
}

pub(crate) fn rules_are_replaced_and_what_flows_goes_on() {
    let mut place = place();
    let every = Duration::from_micros(500);
    let mut flows = Vec::new();
    for [host, admin, _] in ADDRESSES {
        let call = Call::start((&place.client, admin), (host, 22), (&place.host, (host, 22)));
        let stream = Stream::start((&place.client, (admin, 0)), (&place.host, (host, 443)), every).unwrap();
        // From a port that nobody may ask for: what comes is the answer to what goes.
        let answered = Stream::start((&place.host, (host, 5000)), (&place.client, (admin, 5000)), every).unwrap();
        flows.push((call, stream, answered));
    }
    let _closed = ADDRESSES.map(|[host, ..]| Server::tcp(&place.host, (host, 25)).unwrap());
    let ssh = place.count("ssh");
    for n in 0..200 {
        let mut config = config();
        if n % 2 == 0 {
            // The admins of the calls that go on are none any more.
            (config.admins, config.admins6) = (vec![], vec![]);
            config.tcp.push(8080);
        }
        host::apply(&mut place.conn, &config).unwrap();
        for ((call, stream, _), [host, admin, _]) in flows.iter_mut().zip(ADDRESSES) {
            call.goes_on();
            stream.wait_for(1);
            assert_eq!(tcp(&place.client, admin).ask((host, 25)), REFUSED);
        }
    }
    assert_eq!(place.count("ssh"), ssh, "the counters went on");
    for (_, stream, answered) in flows {
        for flow in [stream.stop(), answered.stop()] {
            assert!(flow.sent > 200);
            assert_eq!((flow.lost(), flow.refused), (vec![], vec![]));
        }
    }
}

pub(crate) fn host_without_services_refuses_everybody() {
    let mut place = place();
    let nothing = Config { admins: vec![], admins6: vec![], tcp: vec![], udp: vec![] };
    host::apply(&mut place.conn, &nothing).unwrap();
    // nft can read what it lists.
    support::nft_load(&format!("flush ruleset; {}", support::nft_ruleset()));
    for [host, admin, _] in ADDRESSES {
        let _server = Server::tcp(&place.host, (host, 80)).unwrap();
        assert_eq!(tcp(&place.client, admin).ask((host, 80)), REFUSED);
    }
}

pub(crate) fn table_is_what_a_person_would_have_written() {
    let mut config = config();
    config.admins6 = vec![Interval::prefix(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 112)];
    let mut conn = Conn::open().unwrap();
    for _ in 0..2 {
        host::apply(&mut conn, &config).unwrap();
        assert_eq!(support::nft(&["list", "table", "inet", "host"]), include_str!("host.nft"));
    }
}
