//! What is in the beginnings of a packet's headers that the kernel tells.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::datum::{
    ArpOp, Dscp, Ecn, EtherAddr, EtherType, IcmpCode, IcmpType, Icmpv6Code, Icmpv6Type, IfType, L4Proto, Port, TcpFlags,
};
use crate::wire::Family;

/// The headers of a packet, as far as the kernel tells them.
///
/// They display as `nft monitor trace` prints them, but for what it gets wrong: an ICMP message has those fields here
/// that its type has, and an ARP packet its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Headers {
    /// The Ethernet header, of a packet that came in by such a device.
    pub ether: Option<Ether>,
    /// VLAN tags, the outermost first.
    pub vlans: Vec<Vlan>,
    /// Bytes of the link layer's header that are none of these.
    pub link_rest: Vec<u8>,
    /// The header of the network layer, if it is known and whole.
    pub network: Option<Network>,
    /// Bytes behind that: options of IPv4, or a header that is not known.
    pub network_rest: Vec<u8>,
    /// The header of the transport layer, if it is known and whole.
    pub transport: Option<Transport>,
    /// Bytes behind that: the beginning of what the packet carries, or a header that is not known.
    pub transport_rest: Vec<u8>,
}

/// An Ethernet header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ether {
    /// The receiver.
    pub daddr: EtherAddr,
    /// The sender.
    pub saddr: EtherAddr,
    /// What the frame carries.
    pub kind: EtherType,
}

/// A VLAN tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vlan {
    /// The priority, 0 to 7.
    pub pcp: u8,
    /// Whether the frame may be dropped first.
    pub dei: bool,
    /// The number of the VLAN, 0 to 4095.
    pub id: u16,
    /// What is behind the tag.
    pub kind: EtherType,
}

/// A header of the network layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// IPv4.
    Ip(Ip),
    /// IPv6.
    Ip6(Ip6),
    /// ARP.
    Arp(Arp),
}

/// An IPv4 header, without options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ip {
    /// The sender.
    pub saddr: Ipv4Addr,
    /// The receiver.
    pub daddr: Ipv4Addr,
    /// The class of service.
    pub dscp: Dscp,
    /// What is told of congestion.
    pub ecn: Ecn,
    /// Hops left.
    pub ttl: u8,
    /// The number by which fragments find each other.
    pub id: u16,
    /// Flags of fragments in the upper three bits, below them a fragment's place in units of 8 bytes.
    pub frag_off: u16,
    /// What the packet carries.
    pub protocol: L4Proto,
    /// Bytes of the whole packet.
    pub length: u16,
    /// The header's checksum, as sent.
    pub checksum: u16,
    /// Version and, in units of 4 bytes, the header's length.
    pub version_hdrlength: u8,
}

/// An IPv6 header, without extension headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ip6 {
    /// The sender.
    pub saddr: Ipv6Addr,
    /// The receiver.
    pub daddr: Ipv6Addr,
    /// The class of service.
    pub dscp: Dscp,
    /// What is told of congestion.
    pub ecn: Ecn,
    /// The label of the flow: 20 bits.
    pub flowlabel: u32,
    /// Bytes behind this header.
    pub length: u16,
    /// What is behind this header: an extension, or what the packet carries.
    pub nexthdr: L4Proto,
    /// Hops left.
    pub hoplimit: u8,
    /// The version: 6.
    pub version: u8,
}

/// An ARP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arp {
    /// What is asked or answered.
    pub operation: ArpOp,
    /// The kind of hardware.
    pub htype: IfType,
    /// The protocol whose addresses are asked for.
    pub ptype: EtherType,
    /// Bytes of a hardware address.
    pub hlen: u8,
    /// Bytes of a protocol address.
    pub plen: u8,
    /// The addresses, if they are those of Ethernet and IPv4.
    pub addresses: Option<ArpAddresses>,
}

/// The addresses in an ARP packet of Ethernet and IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArpAddresses {
    /// The sender's hardware address.
    pub saddr_ether: EtherAddr,
    /// The sender's address.
    pub saddr_ip: Ipv4Addr,
    /// The target's hardware address; of a request nothing.
    pub daddr_ether: EtherAddr,
    /// The target's address.
    pub daddr_ip: Ipv4Addr,
}

/// A header of the transport layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// TCP.
    Tcp(Tcp),
    /// UDP.
    Udp(Udp),
    /// SCTP.
    Sctp(Sctp),
    /// ICMP.
    Icmp(Icmp),
    /// ICMPv6.
    Icmpv6(Icmpv6),
}

/// A TCP header, without options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tcp {
    /// The sender's port.
    pub sport: Port,
    /// The receiver's port.
    pub dport: Port,
    /// The number of the first byte.
    pub sequence: u32,
    /// The number of the byte that is wanted next.
    pub ackseq: u32,
    /// The header's length in units of 4 bytes.
    pub doff: u8,
    /// The four bits between that and the flags.
    pub reserved: u8,
    /// Flags.
    pub flags: TcpFlags,
    /// Bytes that the sender has room for, not scaled.
    pub window: u16,
    /// The checksum, as sent: what the network card is to reckon is not in it yet.
    pub checksum: u16,
    /// Where urgent data end.
    pub urgptr: u16,
}

/// A UDP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Udp {
    /// The sender's port.
    pub sport: Port,
    /// The receiver's port.
    pub dport: Port,
    /// Bytes of header and data.
    pub length: u16,
    /// The checksum, as sent: what the network card is to reckon is not in it yet.
    pub checksum: u16,
}

/// The header of SCTP, without chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sctp {
    /// The sender's port.
    pub sport: Port,
    /// The receiver's port.
    pub dport: Port,
    /// The tag that tells associations from each other.
    pub vtag: u32,
    /// The checksum, as sent.
    pub checksum: u32,
}

/// The header of an ICMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Icmp {
    /// The type.
    pub kind: IcmpType,
    /// The code: what it means depends on the type.
    pub code: IcmpCode,
    /// The checksum, as sent.
    pub checksum: u16,
    /// Four bytes that each type uses in its own way.
    pub rest: [u8; 4],
}

/// The header of an ICMPv6 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Icmpv6 {
    /// The type.
    pub kind: Icmpv6Type,
    /// The code: what it means depends on the type.
    pub code: Icmpv6Code,
    /// The checksum, as sent.
    pub checksum: u16,
    /// Four bytes that each type uses in its own way.
    pub rest: [u8; 4],
}

/// What an event has of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pieces<'a> {
    /// The protocol of the network layer, or a family that has frames.
    pub(super) family: Family,
    pub(super) device: Option<IfType>,
    pub(super) link: &'a [u8],
    pub(super) network: &'a [u8],
    pub(super) transport: &'a [u8],
}

/// Takes bytes from a header, in their order.
#[derive(Debug, Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    /// What `read` makes of the next bytes. Where they are too few, none are taken.
    fn parse<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut ahead = *self;
        let parsed = read(&mut ahead)?;
        *self = ahead;
        Some(parsed)
    }
}

impl Headers {
    pub(super) fn decode(pieces: Pieces<'_>) -> Self {
        let [mut link, mut network, mut transport] = [pieces.link, pieces.network, pieces.transport].map(Bytes);
        let mut ether = None;
        let mut vlans = Vec::new();
        let mut kind = None;
        if matches!(pieces.device, Some(IfType::ETHER)) {
            ether = link.parse(Ether::parse);
            kind = ether.map(|ether| ether.kind);
            while matches!(kind, Some(EtherType::VLAN | EtherType::VLAN_AD)) {
                let Some(vlan) = link.parse(Vlan::parse) else { break };
                vlans.push(vlan);
                kind = Some(vlan.kind);
            }
        } else if let (Some(IfType::LOOPBACK), &[.., high, low]) = (pieces.device, pieces.link) {
            // It is Ethernet's, without addresses.
            kind = Some(EtherType::from_raw(u16::from_be_bytes([high, low])));
        }
        let kind = match pieces.family {
            Family::IP => Some(EtherType::IP),
            Family::IP6 => Some(EtherType::IP6),
            Family::ARP => Some(EtherType::ARP),
            _ => kind,
        };
        let header = match kind {
            Some(EtherType::IP) => network.parse(Ip::parse).map(Network::Ip),
            Some(EtherType::IP6) => network.parse(Ip6::parse).map(Network::Ip6),
            Some(EtherType::ARP) => network.parse(Arp::parse).map(Network::Arp),
            Some(_) => None,
            // A device without a link layer, as a tunnel: the packet says what it is.
            None => network.parse(Ip::parse).map(Network::Ip).or_else(|| network.parse(Ip6::parse).map(Network::Ip6)),
        };
        let protocol = match header {
            // Later fragments have no such header.
            Some(Network::Ip(ip)) => Some(ip.protocol).filter(|_| ip.frag_off & 0x1fff == 0),
            // Behind extensions only its kind of bytes could tell, which are no proof.
            Some(Network::Ip6(ip6)) => Some(ip6.nexthdr),
            _ => None,
        };
        let v6 = matches!(header, Some(Network::Ip6(_)));
        let carried = match protocol {
            Some(L4Proto::TCP) => transport.parse(Tcp::parse).map(Transport::Tcp),
            Some(L4Proto::UDP) => transport.parse(Udp::parse).map(Transport::Udp),
            Some(L4Proto::SCTP) => transport.parse(Sctp::parse).map(Transport::Sctp),
            Some(L4Proto::ICMP) if !v6 => transport.parse(Icmp::parse).map(Transport::Icmp),
            Some(L4Proto::ICMPV6) if v6 => transport.parse(Icmpv6::parse).map(Transport::Icmpv6),
            _ => None,
        };
        Self {
            ether,
            vlans,
            link_rest: link.0.into(),
            network: header,
            network_rest: network.0.into(),
            transport: carried,
            transport_rest: transport.0.into(),
        }
    }

    /// Returns the sender's address.
    pub fn saddr(&self) -> Option<IpAddr> {
        match self.network? {
            Network::Ip(ip) => Some(ip.saddr.into()),
            Network::Ip6(ip6) => Some(ip6.saddr.into()),
            Network::Arp(_) => None,
        }
    }

    /// Returns the receiver's address.
    pub fn daddr(&self) -> Option<IpAddr> {
        match self.network? {
            Network::Ip(ip) => Some(ip.daddr.into()),
            Network::Ip6(ip6) => Some(ip6.daddr.into()),
            Network::Arp(_) => None,
        }
    }

    /// Returns the sender's port, of TCP, UDP and SCTP.
    pub fn sport(&self) -> Option<Port> {
        self.ports().map(|(sport, _)| sport)
    }

    /// Returns the receiver's port, of TCP, UDP and SCTP.
    pub fn dport(&self) -> Option<Port> {
        self.ports().map(|(_, dport)| dport)
    }

    fn ports(&self) -> Option<(Port, Port)> {
        match self.transport? {
            Transport::Tcp(tcp) => Some((tcp.sport, tcp.dport)),
            Transport::Udp(udp) => Some((udp.sport, udp.dport)),
            Transport::Sctp(sctp) => Some((sctp.sport, sctp.dport)),
            Transport::Icmp(_) | Transport::Icmpv6(_) => None,
        }
    }
}

impl Ether {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let (daddr, saddr) = (EtherAddr::new(bytes.take()?), EtherAddr::new(bytes.take()?));
        Some(Self { daddr, saddr, kind: EtherType::from_raw(bytes.u16()?) })
    }
}

impl Vlan {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let tag = bytes.u16()?;
        let (pcp, dei, id) = ((tag >> 13) as u8, tag & 0x1000 != 0, tag & 0xfff);
        Some(Self { pcp, dei, id, kind: EtherType::from_raw(bytes.u16()?) })
    }
}

/// The class of service, and what is told of congestion.
fn traffic_class(byte: u8) -> (Dscp, Ecn) {
    (Dscp::from_raw(byte >> 2), Ecn::from_raw(byte & 3))
}

impl Ip {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let version_hdrlength = bytes.u8().filter(|byte| byte >> 4 == 4)?;
        let (dscp, ecn) = traffic_class(bytes.u8()?);
        let (length, id, frag_off) = (bytes.u16()?, bytes.u16()?, bytes.u16()?);
        let (ttl, protocol, checksum) = (bytes.u8()?, L4Proto::from_raw(bytes.u8()?), bytes.u16()?);
        let (saddr, daddr) = (bytes.take::<4>()?.into(), bytes.take::<4>()?.into());
        Some(Self { saddr, daddr, dscp, ecn, ttl, id, frag_off, protocol, length, checksum, version_hdrlength })
    }
}

impl Ip6 {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let word = bytes.u32().filter(|word| word >> 28 == 6)?;
        let (dscp, ecn) = traffic_class((word >> 20 & 0xff) as u8);
        let (length, nexthdr, hoplimit) = (bytes.u16()?, L4Proto::from_raw(bytes.u8()?), bytes.u8()?);
        let (saddr, daddr) = (bytes.take::<16>()?.into(), bytes.take::<16>()?.into());
        let (flowlabel, version) = (word & 0xf_ffff, (word >> 28) as u8);
        Some(Self { saddr, daddr, dscp, ecn, flowlabel, length, nexthdr, hoplimit, version })
    }
}

impl Arp {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let (htype, ptype) = (IfType::from_raw(bytes.u16()?), EtherType::from_raw(bytes.u16()?));
        let (hlen, plen, operation) = (bytes.u8()?, bytes.u8()?, ArpOp::from_raw(bytes.u16()?));
        let common = (htype, ptype, hlen, plen) == (IfType::ETHER, EtherType::IP, 6, 4);
        let addresses = if common { bytes.parse(ArpAddresses::parse) } else { None };
        Some(Self { operation, htype, ptype, hlen, plen, addresses })
    }
}

impl ArpAddresses {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let (saddr_ether, saddr_ip) = (EtherAddr::new(bytes.take()?), bytes.take::<4>()?.into());
        let (daddr_ether, daddr_ip) = (EtherAddr::new(bytes.take()?), bytes.take::<4>()?.into());
        Some(Self { saddr_ether, saddr_ip, daddr_ether, daddr_ip })
    }
}

impl Tcp {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let (sport, dport) = (Port::new(bytes.u16()?), Port::new(bytes.u16()?));
        let (sequence, ackseq) = (bytes.u32()?, bytes.u32()?);
        let (lengths, flags) = (bytes.u8()?, TcpFlags::from(bytes.u8()?));
        let (doff, reserved) = (lengths >> 4, lengths & 0xf);
        let (window, checksum, urgptr) = (bytes.u16()?, bytes.u16()?, bytes.u16()?);
        Some(Self { sport, dport, sequence, ackseq, doff, reserved, flags, window, checksum, urgptr })
    }
}

impl Udp {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let (sport, dport) = (Port::new(bytes.u16()?), Port::new(bytes.u16()?));
        Some(Self { sport, dport, length: bytes.u16()?, checksum: bytes.u16()? })
    }
}

impl Sctp {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let (sport, dport) = (Port::new(bytes.u16()?), Port::new(bytes.u16()?));
        Some(Self { sport, dport, vtag: bytes.u32()?, checksum: bytes.u32()? })
    }
}

impl Icmp {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let (kind, code) = (IcmpType::from_raw(bytes.u8()?), IcmpCode::from_raw(bytes.u8()?));
        Some(Self { kind, code, checksum: bytes.u16()?, rest: bytes.take()? })
    }

    /// Returns the id and the sequence number of a question and its answer: of an echo, a timestamp and the like.
    pub fn id_and_sequence(&self) -> Option<(u16, u16)> {
        let asks = matches!(
            self.kind,
            IcmpType::ECHO_REQUEST
                | IcmpType::ECHO_REPLY
                | IcmpType::TIMESTAMP_REQUEST
                | IcmpType::TIMESTAMP_REPLY
                | IcmpType::INFO_REQUEST
                | IcmpType::INFO_REPLY
                | IcmpType::ADDRESS_MASK_REQUEST
                | IcmpType::ADDRESS_MASK_REPLY
        );
        asks.then(|| halves(self.rest))
    }

    /// Returns how large a packet may be, where one was too big.
    pub fn mtu(&self) -> Option<u16> {
        let too_big = self.kind == IcmpType::DESTINATION_UNREACHABLE && self.code == IcmpCode::FRAG_NEEDED;
        too_big.then(|| halves(self.rest).1)
    }

    /// Returns the better first hop that a redirect tells.
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        (self.kind == IcmpType::REDIRECT).then(|| self.rest.into())
    }
}

impl Icmpv6 {
    fn parse(bytes: &mut Bytes<'_>) -> Option<Self> {
        let (kind, code) = (Icmpv6Type::from_raw(bytes.u8()?), Icmpv6Code::from_raw(bytes.u8()?));
        Some(Self { kind, code, checksum: bytes.u16()?, rest: bytes.take()? })
    }

    /// Returns the id and the sequence number of an echo.
    pub fn id_and_sequence(&self) -> Option<(u16, u16)> {
        matches!(self.kind, Icmpv6Type::ECHO_REQUEST | Icmpv6Type::ECHO_REPLY).then(|| halves(self.rest))
    }

    /// Returns how large a packet may be, where one was too big.
    pub fn mtu(&self) -> Option<u32> {
        (self.kind == Icmpv6Type::PACKET_TOO_BIG).then(|| u32::from_be_bytes(self.rest))
    }

    /// Returns where the header is wrong, of which a parameter problem tells.
    pub fn parameter_problem(&self) -> Option<u32> {
        (self.kind == Icmpv6Type::PARAMETER_PROBLEM).then(|| u32::from_be_bytes(self.rest))
    }
}

fn halves([a, b, c, d]: [u8; 4]) -> (u16, u16) {
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

// ---- as text ----

impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line { f, empty: true };
        if let Some(ether) = self.ether {
            line.word(format_args!("ether saddr {} ether daddr {}", ether.saddr, ether.daddr))?;
            if self.network.is_none() && self.vlans.is_empty() {
                line.word(format_args!("ether type {}", ether.kind))?;
            }
        }
        for (n, vlan) in self.vlans.iter().enumerate() {
            line.word(format_args!("vlan pcp {} vlan dei {} vlan id {}", vlan.pcp, u8::from(vlan.dei), vlan.id))?;
            if self.network.is_none() && n + 1 == self.vlans.len() {
                line.word(format_args!("vlan type {}", vlan.kind))?;
            }
        }
        let before = 14 * usize::from(self.ether.is_some()) + 4 * self.vlans.len();
        line.rest("ll", before, &self.link_rest)?;
        let before = match &self.network {
            Some(header) => {
                line.word(format_args!("{header}"))?;
                header.len()
            }
            None => 0,
        };
        line.rest("nh", before, &self.network_rest)?;
        let before = match &self.transport {
            Some(header) => {
                line.word(format_args!("{header}"))?;
                header.len()
            }
            None => 0,
        };
        line.rest("th", before, &self.transport_rest)
    }
}

/// Words with spaces between them.
struct Line<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    empty: bool,
}

impl Line<'_, '_> {
    fn word(&mut self, word: fmt::Arguments<'_>) -> fmt::Result {
        if !std::mem::take(&mut self.empty) {
            self.f.write_str(" ")?;
        }
        self.f.write_fmt(word)
    }

    /// Bytes at an offset of a header, as one number.
    fn rest(&mut self, base: &str, at: usize, bytes: &[u8]) -> fmt::Result {
        if bytes.is_empty() {
            return Ok(());
        }
        self.word(format_args!("@{base},{},{} 0x", at * 8, bytes.len() * 8))?;
        match bytes.iter().position(|&byte| byte != 0).map(|first| bytes.split_at(first).1) {
            None | Some([]) => self.f.write_str("0"),
            Some([first, rest @ ..]) => {
                write!(self.f, "{first:x}")?;
                rest.iter().try_for_each(|byte| write!(self.f, "{byte:02x}"))
            }
        }
    }
}

impl Network {
    /// Bytes that were read.
    fn len(&self) -> usize {
        match self {
            Self::Ip(_) => 20,
            Self::Ip6(_) => 40,
            Self::Arp(arp) => 8 + 20 * usize::from(arp.addresses.is_some()),
        }
    }
}

impl Transport {
    /// Bytes that were read.
    fn len(&self) -> usize {
        match self {
            Self::Tcp(_) => 20,
            Self::Udp(_) | Self::Icmp(_) | Self::Icmpv6(_) => 8,
            Self::Sctp(_) => 12,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => {
                write!(f, "ip saddr {} ip daddr {} ip dscp {} ip ecn {} ", ip.saddr, ip.daddr, ip.dscp, ip.ecn)?;
                write!(f, "ip ttl {} ip id {} ip protocol {} ip length {}", ip.ttl, ip.id, ip.protocol, ip.length)
            }
            Self::Ip6(ip6) => {
                let Ip6 { saddr, daddr, dscp, ecn, flowlabel, length, nexthdr, hoplimit, .. } = ip6;
                write!(f, "ip6 saddr {saddr} ip6 daddr {daddr} ip6 dscp {dscp} ip6 ecn {ecn} ")?;
                write!(f, "ip6 hoplimit {hoplimit} ip6 flowlabel {flowlabel} ip6 nexthdr {nexthdr} ip6 length {length}")
            }
            Self::Arp(arp) => {
                write!(f, "arp operation {}", arp.operation)?;
                let Some(addresses) = arp.addresses else { return Ok(()) };
                let ArpAddresses { saddr_ether, saddr_ip, daddr_ether, daddr_ip } = addresses;
                write!(f, " arp saddr ether {saddr_ether} arp saddr ip {saddr_ip}")?;
                write!(f, " arp daddr ether {daddr_ether} arp daddr ip {daddr_ip}")
            }
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(tcp) => {
                write!(f, "tcp sport {} tcp dport {} tcp flags == ", tcp.sport, tcp.dport)?;
                // Of several flags nft prints the number.
                match tcp.flags.bits().count_ones() {
                    1 => write!(f, "{}", tcp.flags)?,
                    _ => write!(f, "{:#x}", tcp.flags.bits())?,
                }
                write!(f, " tcp window {}", tcp.window)
            }
            Self::Udp(udp) => write!(f, "udp sport {} udp dport {} udp length {}", udp.sport, udp.dport, udp.length),
            Self::Sctp(sctp) => {
                write!(f, "sctp sport {} sctp dport {} sctp vtag {}", sctp.sport, sctp.dport, sctp.vtag)
            }
            Self::Icmp(icmp) => {
                write!(f, "icmp type {} icmp code {}", icmp.kind, icmp.code)?;
                if let Some((id, sequence)) = icmp.id_and_sequence() {
                    write!(f, " icmp id {id} icmp sequence {sequence}")?;
                }
                if let Some(mtu) = icmp.mtu() {
                    write!(f, " icmp mtu {mtu}")?;
                }
                icmp.gateway().map_or(Ok(()), |gateway| write!(f, " icmp gateway {gateway}"))
            }
            Self::Icmpv6(icmp) => {
                write!(f, "icmpv6 type {} icmpv6 code {}", icmp.kind, icmp.code)?;
                if let Some((id, sequence)) = icmp.id_and_sequence() {
                    write!(f, " icmpv6 id {id} icmpv6 sequence {sequence}")?;
                }
                if let Some(mtu) = icmp.mtu() {
                    write!(f, " icmpv6 mtu {mtu}")?;
                }
                icmp.parameter_problem().map_or(Ok(()), |at| write!(f, " icmpv6 parameter-problem {at}"))
            }
        }
    }
}
