//! Packets and frames made by hand, and rules that are judged by them.

use std::os::fd::{AsRawFd as _, OwnedFd};

use nftlink::datum::{EtherAddr, EtherType, TcpFlags};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, sendto, setsockopt, socket,
    sockopt,
};

use super::*;

// ---- packets ----

/// A packet of IPv4 or IPv6, whose checksums are right unless told otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    pub(crate) protocol: L4Proto,
    /// TTL, or hop limit.
    pub(crate) hops: u8,
    pub(crate) mark: u32,
    /// Of IPv4.
    pub(crate) id: u16,
    /// What is behind the IP header.
    pub(crate) body: Vec<u8>,
}

impl Packet {
    pub(crate) fn new(from: IpAddr, to: IpAddr, protocol: L4Proto, body: Vec<u8>) -> Self {
        Self { from, to, protocol, hops: 64, mark: 0, id: 0x1234, body }
    }

    /// A UDP datagram.
    pub(crate) fn udp(from: SocketAddr, to: SocketAddr, data: &[u8]) -> Self {
        let [sport, dport] = [from, to].map(|end| end.port().to_be_bytes());
        let len = (8 + data.len() as u16).to_be_bytes();
        let body = [&sport, &dport, &len, &[0; 2], data].concat();
        Self::new(from.ip(), to.ip(), L4Proto::UDP, body).with_checksum(6)
    }

    /// A TCP segment without data.
    pub(crate) fn tcp(from: SocketAddr, to: SocketAddr, flags: TcpFlags) -> Self {
        let [sport, dport] = [from, to].map(|end| end.port().to_be_bytes());
        let (sequence, ackseq) = (0x0102_0304_u32.to_be_bytes(), 0x0506_0708_u32.to_be_bytes());
        let rest = [5 << 4, flags.bits(), 0x40, 0x01, 0, 0, 0, 9];
        let body = [&sport[..], &dport, &sequence, &ackseq, &rest].concat();
        Self::new(from.ip(), to.ip(), L4Proto::TCP, body).with_checksum(16)
    }

    /// A message of ICMP or ICMPv6, whichever the addresses have, with an id and a sequence number.
    pub(crate) fn icmp(from: IpAddr, to: IpAddr, kind: u8, code: u8, (id, sequence): (u16, u16)) -> Self {
        let protocol = if from.is_ipv4() { L4Proto::ICMP } else { L4Proto::ICMPV6 };
        let body = [&[kind, code, 0, 0][..], &id.to_be_bytes(), &sequence.to_be_bytes(), b"data"].concat();
        Self::new(from, to, protocol, body).with_checksum(2)
    }

    pub(crate) fn hops(self, hops: u8) -> Self {
        Self { hops, ..self }
    }

    pub(crate) fn mark(self, mark: u32) -> Self {
        Self { mark, ..self }
    }

    /// Puts the checksum of the transport layer at that offset of the body.
    pub(crate) fn with_checksum(mut self, at: usize) -> Self {
        let mut covered = Vec::new();
        match (self.from, self.to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => covered.extend([from.octets(), to.octets()].concat()),
            (IpAddr::V6(from), IpAddr::V6(to)) => covered.extend([from.octets(), to.octets()].concat()),
            _ => panic!("addresses of two families"),
        }
        covered.extend((self.body.len() as u32).to_be_bytes());
        covered.extend([0, 0, 0, self.protocol.get()]);
        if self.protocol == L4Proto::ICMP {
            covered.clear();
        }
        self.body[at..at + 2].fill(0);
        covered.extend(&self.body);
        self.body[at..at + 2].copy_from_slice(&checksum(&covered));
        self
    }

    /// The packet with a checksum of the transport layer that is wrong.
    pub(crate) fn broken(mut self, at: usize) -> Self {
        self.body[at] ^= 0x55;
        self
    }

    /// Bytes of header and body.
    pub(crate) fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Reads two bytes of the body.
    pub(crate) fn word(&self, at: usize) -> u16 {
        u16::from_be_bytes(self.body[at..at + 2].try_into().unwrap())
    }

    pub(crate) fn sport(&self) -> u16 {
        self.word(0)
    }

    pub(crate) fn dport(&self) -> u16 {
        self.word(2)
    }

    /// The checksum of the IPv4 header.
    pub(crate) fn header_checksum(&self) -> u16 {
        u16::from_be_bytes(self.bytes()[10..12].try_into().unwrap())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let len = self.body.len() as u16;
        let mut bytes = match (self.from, self.to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let mut header = vec![0x45, 0];
                header.extend((20 + len).to_be_bytes());
                header.extend(self.id.to_be_bytes());
                header.extend([0, 0, self.hops, self.protocol.get(), 0, 0]);
                header.extend([from.octets(), to.octets()].concat());
                let checksum = checksum(&header);
                header[10..12].copy_from_slice(&checksum);
                header
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let mut header = vec![0x60, 0, 0, 0];
                header.extend(len.to_be_bytes());
                header.extend([self.protocol.get(), self.hops]);
                header.extend([from.octets(), to.octets()].concat());
                header
            }
            _ => panic!("addresses of two families"),
        };
        bytes.extend(&self.body);
        bytes
    }
}

/// The internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// Sends packets out of the namespace in which it was opened.
pub(crate) struct Sender {
    sockets: [OwnedFd; 2],
}

impl Sender {
    pub(crate) fn new() -> Self {
        let open = |family| socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw).unwrap();
        Self { sockets: [AddressFamily::Inet, AddressFamily::Inet6].map(open) }
    }

    /// Sends the packet. Where it goes out by `lo`, the hooks at output have seen it when this returns.
    pub(crate) fn send(&self, packet: &Packet) {
        let socket = &self.sockets[usize::from(packet.from.is_ipv6())];
        setsockopt(socket, sockopt::Mark, &packet.mark).unwrap();
        let to = SockaddrStorage::from(at(packet.to, 0));
        match sendto(socket.as_raw_fd(), &packet.bytes(), &to, MsgFlags::empty()) {
            // What output drops is refused so.
            Ok(_) | Err(Errno::EPERM) => {}
            Err(errno) => panic!("{packet:?}: {errno}"),
        }
    }
}

// ---- frames ----

/// Sends frames out of a link.
pub(crate) struct Frames {
    socket: OwnedFd,
    link: LinkAddr,
}

impl Frames {
    pub(crate) fn of(namespace: &Namespace, link: &str) -> Self {
        namespace.run(|| {
            let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).unwrap();
            Self { socket, link: link_of(link) }
        })
    }

    pub(crate) fn send(&self, frame: &[u8]) {
        sendto(self.socket.as_raw_fd(), frame, &self.link, MsgFlags::empty()).unwrap();
    }
}

fn link_of(name: &str) -> LinkAddr {
    let mut links = getifaddrs().unwrap().filter(|link| link.interface_name == name);
    links.find_map(|link| link.address?.as_link_addr().copied()).unwrap()
}

/// The hardware address of a link.
pub(crate) fn ether_of(namespace: &Namespace, link: &str) -> EtherAddr {
    EtherAddr::new(namespace.run(|| link_of(link).addr().unwrap()))
}

pub(crate) fn frame(from: EtherAddr, to: EtherAddr, kind: EtherType, content: &[u8]) -> Vec<u8> {
    [&to.octets()[..], &from.octets(), &kind.get().to_be_bytes(), content].concat()
}

// ---- rules and what they say ----

/// Whether a rule is to match a packet.
pub(crate) type Says<P> = Box<dyn Fn(&P) -> bool>;

pub(crate) fn says<P>(matching: Match, says: impl Fn(&P) -> bool + 'static) -> (Match, Says<P>) {
    (matching, Box::new(says))
}

/// Sends packets and compares which rules match each. The rules are in a chain of their own, to which `base` leads
/// what one of `select` matches, or everything. Each rule has to match some of the packets, and others not.
#[track_caller]
pub(crate) fn judge<P: fmt::Debug>(
    conn: &mut Conn,
    (table, base): (&Table, &Chain<Hooked>),
    set_up: impl FnOnce(&mut Batch),
    select: &[Match],
    rules: &[(Match, Says<P>)],
    judged: &[P],
    mut send: impl FnMut(&P),
) {
    let probe = table.chain("probe");
    let mut batch = Batch::new();
    batch.reset(table).add(&probe).add(base);
    set_up(&mut batch);
    if select.is_empty() {
        batch.append(base, Rule::new().jump(&probe));
    }
    for selected in select {
        batch.append(base, Rule::new().when(selected.clone()).jump(&probe));
    }
    append_counted(&mut batch, &probe, rules.iter().map(|(rule, _)| rule.clone()));
    batch.append(&probe, Rule::new().counter());
    conn.commit(&batch).unwrap();

    let mut before = vec![0; rules.len() + 1];
    let mut said = vec![[false; 2]; rules.len()];
    for (number, packet) in (1..).zip(judged) {
        send(packet);
        let after = counted_when(conn, table, "probe", |counts| counts[rules.len()] >= number);
        assert_eq!(after[rules.len()], number, "{packet:?} was one packet");
        for (((rule, says), said), (before, after)) in rules.iter().zip(&mut said).zip(before.iter().zip(&after)) {
            let matches = says(packet);
            said[usize::from(matches)] = true;
            assert_eq!(after - before, matches.into(), "{:?} table, {packet:?}: {rule:?}", table.at().family());
        }
        before = after;
    }
    for ((rule, _), said) in rules.iter().zip(said) {
        assert_eq!(said, [true; 2], "packets that it does not match, and others: {rule:?}");
    }
}

/// What the rules of a chain have counted, as soon as that is `enough`.
#[track_caller]
pub(crate) fn counted_when(conn: &mut Conn, table: &Table, chain: &str, enough: impl Fn(&[u64]) -> bool) -> Vec<u64> {
    let deadline = Instant::now() + LONG;
    loop {
        let counts = packets(conn, table, chain);
        if enough(&counts) {
            return counts;
        }
        assert!(Instant::now() < deadline, "not enough yet: {counts:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A chain at output whose packets end there, so that nobody answers them.
pub(crate) fn dead_end(table: &Table) -> Chain<Hooked> {
    table.chain("output").filter(Hook::OUTPUT, Priority::FILTER).policy(Policy::DROP)
}

/// The addresses of the loopback interface.
pub(crate) const LOOPBACKS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// A socket that receives, or gives up soon.
pub(crate) fn receiver(at: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(at).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}
