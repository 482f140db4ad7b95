//! What the kernel told of real packets, and bytes that no kernel sends.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::*;
use crate::datum::{EtherAddr, EtherType, IcmpType, L4Proto, Port, TcpFlags};
use crate::error::Errno;
use crate::monitor::socket::EventSocket;
use crate::trace::headers::{ArpAddresses, Network, Transport};
use crate::trace::{Fed, Feed, NFT_MSG_TRACE, Traced, events};
use crate::wire::AttrWriter;
use crate::wire::message::{Content, Messages, forge};

/// Traces of UDP, TCP and ICMP over `lo`, in tables of families netdev and inet, as Linux 6.18 told them.
#[cfg(target_endian = "little")]
const TRACES: &[u8] = include_bytes!("tests.nl");

fn written(content: impl FnOnce(&mut AttrWriter)) -> Vec<u8> {
    let mut w = AttrWriter::new();
    content(&mut w);
    assert_eq!(w.take_error(), None);
    w.bytes_written().to_vec()
}

/// An event's attributes, made of what was read from them.
fn rewritten(event: &TraceEvent) -> Vec<u8> {
    written(|w| {
        w.name(NFTA_TRACE_TABLE, event.table().name());
        w.name(NFTA_TRACE_CHAIN, event.chain().name());
        w.u32(NFTA_TRACE_TYPE, event.kind().get());
        w.u32(NFTA_TRACE_ID, event.id().get());
        let numbers = [
            (NFTA_TRACE_NFPROTO, event.nfproto().map(|family| family.get().into())),
            (NFTA_TRACE_POLICY, event.policy().map(Policy::get)),
            (NFTA_TRACE_IIF, event.input().map(|input| input.index.get())),
            (NFTA_TRACE_OIF, event.output().map(|output| output.index.get())),
            (NFTA_TRACE_MARK, event.mark().map(Mark::get)),
            (NFTA_TRACE_CT_ID, event.ct_id()),
            (NFTA_TRACE_CT_STATUS, event.ct_status().map(|status| status.bits())),
            (NFTA_TRACE_CT_STATE, event.ct_state().map(|state| state.bits())),
        ];
        numbers.into_iter().for_each(|(attr, number)| number.into_iter().for_each(|number| w.u32(attr, number)));
        let kinds = [(NFTA_TRACE_IIFTYPE, event.input()), (NFTA_TRACE_OIFTYPE, event.output())];
        for (attr, interface) in kinds {
            interface.and_then(|interface| interface.kind).into_iter().for_each(|kind| w.u16(attr, kind.get()));
        }
        event.rule().into_iter().for_each(|rule| w.u64(NFTA_TRACE_RULE_HANDLE, rule.get()));
        event.ct_direction().into_iter().for_each(|way| w.u8(NFTA_TRACE_CT_DIRECTION, way.get()));
        let headers = event.headers().map(|headers| bytes_of(&headers)).unwrap_or_default();
        let attrs = [NFTA_TRACE_LL_HEADER, NFTA_TRACE_NETWORK_HEADER, NFTA_TRACE_TRANSPORT_HEADER];
        for (attr, bytes) in attrs.into_iter().zip(headers).filter(|(_, bytes)| !bytes.is_empty()) {
            w.bytes(attr, &bytes);
        }
        if let Some(verdict) = event.verdict() {
            w.nest(NFTA_TRACE_VERDICT, |w| {
                w.u32(1, verdict.code.get() as u32);
                verdict.chain.iter().for_each(|chain| w.name(2, chain));
            });
        }
    })
}

/// The bytes of link layer, network layer and transport layer.
fn bytes_of(headers: &Headers) -> [Vec<u8>; 3] {
    let mut link = Vec::new();
    if let Some(ether) = headers.ether {
        link.extend([&ether.daddr.octets()[..], &ether.saddr.octets(), &ether.kind.get().to_be_bytes()].concat());
    }
    for vlan in &headers.vlans {
        let tag = u16::from(vlan.pcp) << 13 | u16::from(vlan.dei) << 12 | vlan.id;
        link.extend([tag.to_be_bytes(), vlan.kind.get().to_be_bytes()].concat());
    }
    link.extend(&headers.link_rest);

    let class = |dscp: crate::datum::Dscp, ecn: crate::datum::Ecn| dscp.get() << 2 | ecn.get();
    let mut network = match headers.network {
        Some(Network::Ip(ip)) => {
            let words = [ip.length, ip.id, ip.frag_off].map(u16::to_be_bytes).concat();
            let head = [ip.version_hdrlength, class(ip.dscp, ip.ecn)];
            let middle = [ip.ttl, ip.protocol.get()];
            let checksum = ip.checksum.to_be_bytes();
            [&head[..], &words, &middle, &checksum, &ip.saddr.octets(), &ip.daddr.octets()].concat()
        }
        Some(Network::Ip6(ip6)) => {
            let class = u32::from(class(ip6.dscp, ip6.ecn));
            let word = u32::from(ip6.version) << 28 | class << 20 | ip6.flowlabel;
            let end = [ip6.nexthdr.get(), ip6.hoplimit];
            let length = ip6.length.to_be_bytes();
            [&word.to_be_bytes()[..], &length, &end, &ip6.saddr.octets(), &ip6.daddr.octets()].concat()
        }
        Some(Network::Arp(arp)) => {
            let kinds = [arp.htype.get(), arp.ptype.get()].map(u16::to_be_bytes).concat();
            let operation = arp.operation.get().to_be_bytes();
            let mut bytes = [&kinds[..], &[arp.hlen, arp.plen], &operation].concat();
            if let Some(ArpAddresses { saddr_ether, saddr_ip, daddr_ether, daddr_ip }) = arp.addresses {
                let sender = [&saddr_ether.octets()[..], &saddr_ip.octets()].concat();
                bytes.extend([&sender[..], &daddr_ether.octets(), &daddr_ip.octets()].concat());
            }
            bytes
        }
        None => Vec::new(),
    };
    network.extend(&headers.network_rest);

    let ports = |sport: Port, dport: Port| [sport.get(), dport.get()].map(u16::to_be_bytes).concat();
    let mut transport = match headers.transport {
        Some(Transport::Tcp(tcp)) => {
            let numbers = [tcp.sequence, tcp.ackseq].map(u32::to_be_bytes).concat();
            let middle = [tcp.doff << 4 | tcp.reserved, tcp.flags.bits()];
            let end = [tcp.window, tcp.checksum, tcp.urgptr].map(u16::to_be_bytes).concat();
            [&ports(tcp.sport, tcp.dport)[..], &numbers, &middle, &end].concat()
        }
        Some(Transport::Udp(udp)) => {
            let end = [udp.length, udp.checksum].map(u16::to_be_bytes).concat();
            [ports(udp.sport, udp.dport), end].concat()
        }
        Some(Transport::Sctp(sctp)) => {
            let end = [sctp.vtag, sctp.checksum].map(u32::to_be_bytes).concat();
            [ports(sctp.sport, sctp.dport), end].concat()
        }
        Some(Transport::Icmp(icmp)) => {
            [&[icmp.kind.get(), icmp.code.get()][..], &icmp.checksum.to_be_bytes(), &icmp.rest].concat()
        }
        Some(Transport::Icmpv6(icmp)) => {
            [&[icmp.kind.get(), icmp.code.get()][..], &icmp.checksum.to_be_bytes(), &icmp.rest].concat()
        }
        None => Vec::new(),
    };
    transport.extend(&headers.transport_rest);
    [link, network, transport]
}

fn sorted(attrs: &[u8]) -> Vec<(u16, Vec<u8>)> {
    fn read(attrs: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let notes = Notes::default();
        AttrReader::new(attrs, &notes)
            .map(|attr| attr.map(|(number, v)| (number, v.bytes().to_vec())).unwrap())
            .collect()
    }
    let mut sorted = read(attrs);
    for (_, verdict) in sorted.iter_mut().filter(|(number, _)| *number == NFTA_TRACE_VERDICT) {
        // That one of them is a nest a sender need not say.
        *verdict = read(verdict).iter().flat_map(|(number, value)| [&[*number as u8], &value[..]].concat()).collect();
    }
    sorted.sort();
    sorted
}

#[cfg(target_endian = "little")]
fn traces() -> Vec<TraceEvent> {
    events(TRACES).map(Result::unwrap).collect()
}

#[cfg(target_endian = "little")]
#[test]
fn what_the_kernel_told_is_read_without_loss() {
    let mut count = 0;
    for message in Messages::new(TRACES) {
        let Content::Nft { family, attrs, .. } = message.unwrap().content().unwrap() else { panic!("a trace") };
        let event = TraceEvent::decode(family, attrs).unwrap();
        assert!(!event.has_unknown());
        assert_eq!(event.raw(), attrs);
        assert_eq!(sorted(&rewritten(&event)), sorted(attrs), "{event}");
        count += 1;
    }
    assert_eq!(count, 67);
}

#[cfg(target_endian = "little")]
#[test]
fn events_say_what_happened() {
    let events = traces();
    let shown = |n: usize| events[n].to_string();
    let ip = "ip saddr 127.0.0.1 ip daddr 127.0.0.1 ip dscp cs0 ip ecn not-ect ip ttl 64";
    assert_eq!(
        shown(0),
        format!(
            "trace id e225d650 netdev nd ing packet: iif 1 @ll,0,112 0x800 {ip} ip id 21481 ip protocol udp \
             ip length 39 udp sport 51842 udp dport 5555 udp length 19 @th,64,88 0x68656c6c6f20776f726c64 \
             rule handle 2 (verdict accept)"
        )
    );
    assert_eq!(shown(2), "trace id e225d650 inet tr pre end of chain (verdict continue)");
    assert_eq!(shown(3), "trace id e225d650 inet tr pre policy accept");
    assert_eq!(shown(5), "trace id e225d650 inet tr in rule handle 8 (verdict jump sub)");
    assert_eq!(shown(7), "trace id e225d650 inet tr in rule handle 9 (verdict accept) meta mark 0x0000002a");
    assert_eq!(shown(14), "trace id b183b450 inet tr in policy drop");
    let first = &events[0];
    assert_eq!((first.ct_direction(), first.ct_state()), (Some(CtDirection::ORIGINAL), Some(CtState::NEW)));
    assert_eq!(first.input().unwrap().kind, Some(IfType::LOOPBACK));
    assert_eq!(events[39].nfproto(), Some(Family::IP6));
    let ends: Vec<_> = (0..events.len()).filter(|&n| events[n].is_final()).collect();
    assert_eq!(ends, [14, 21, 29, 37, 52, 59, 66]);
}

#[test]
fn what_is_not_known_survives() {
    let content = |w: &mut AttrWriter| {
        w.u32(NFTA_TRACE_ID, 7);
        w.u32(NFTA_TRACE_TYPE, 9);
        w.u32(99, 1);
    };
    let raw = written(content);
    let event = TraceEvent::decode(Family::INET, &raw).unwrap();
    assert!(event.has_unknown());
    assert_eq!((event.raw(), event.kind().get()), (&raw[..], 9));
    assert_eq!(event.to_string(), "trace id 00000007 inet   9");
    let protocol = written(|w| w.u32s([(NFTA_TRACE_ID, 7), (NFTA_TRACE_NFPROTO, 0x102)]));
    assert!(TraceEvent::decode(Family::INET, &protocol).unwrap().has_unknown());
    assert!(TraceEvent::decode(Family::INET, &written(|w| w.u32(NFTA_TRACE_TYPE, 3))).is_err());
}

#[test]
fn a_wrong_event_does_not_hide_the_next() {
    let trace = |content: &dyn Fn(&mut AttrWriter)| forge::nft(17, 0, 0, 0, 0, content);
    let datagram = [
        trace(&|w| w.u32(NFTA_TRACE_TYPE, 3)),
        // Another message of nf_tables.
        forge::nft(15, 0, 0, 0, 0, |w| w.u32(1, 1)),
        trace(&|w| w.u32(NFTA_TRACE_ID, 7)),
    ];
    let read: Vec<_> = events(&datagram.concat()).collect();
    assert_eq!(read.len(), 2);
    assert!(read[0].is_err());
    assert_eq!(read[1].as_ref().unwrap().id(), PacketId::from_raw(7));
    assert_eq!(Traced::<()>::Overrun.seen(), None);
}

fn event(family: Family, device: IfType, [link, network, transport]: [&[u8]; 3]) -> TraceEvent {
    let raw = written(|w| {
        w.u32s([(NFTA_TRACE_ID, 1), (NFTA_TRACE_IIF, 2)]);
        w.u16(NFTA_TRACE_IIFTYPE, device.get());
        w.bytes(NFTA_TRACE_LL_HEADER, link);
        w.bytes(NFTA_TRACE_NETWORK_HEADER, network);
        w.bytes(NFTA_TRACE_TRANSPORT_HEADER, transport);
    });
    TraceEvent::decode(family, &raw).unwrap()
}

const ETHER: [u8; 12] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1];
const IP: [u8; 20] = [0x45, 0xb9, 0, 28, 0, 7, 0, 0, 9, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];

#[test]
fn frames_are_read_by_what_they_carry() {
    let tagged = [&ETHER[..], b"\x81\x00\x70\x64\x08\x00"].concat();
    let udp = b"\x04\x57\x08\xae\x00\x08\x00\x00";
    let headers = event(Family::NETDEV, IfType::ETHER, [&tagged, &IP, udp]).headers().unwrap();
    assert_eq!(
        headers.to_string(),
        "ether saddr 02:00:00:00:00:01 ether daddr ff:ff:ff:ff:ff:ff vlan pcp 3 vlan dei 1 vlan id 100 \
         ip saddr 10.0.0.1 ip daddr 10.0.0.2 ip dscp ef ip ecn ect1 ip ttl 9 ip id 7 ip protocol udp ip length 28 \
         udp sport 1111 udp dport 2222 udp length 8"
    );
    assert_eq!(headers.saddr(), Some(Ipv4Addr::new(10, 0, 0, 1).into()));
    assert_eq!((headers.sport(), headers.dport()), (Some(Port::new(1111)), Some(Port::new(2222))));

    let other = [&ETHER[..], b"\x88\xb5"].concat();
    let headers = event(Family::BRIDGE, IfType::ETHER, [&other, b"\0\0hello", b""]).headers().unwrap();
    assert_eq!(headers.network, None);
    assert!(headers.to_string().ends_with("ether type 0x88b5 @nh,0,56 0x68656c6c6f"), "{headers}");

    // A device without a link layer.
    let headers = event(Family::NETDEV, IfType::NONE, [b"", &IP, udp]).headers().unwrap();
    assert!(matches!(headers.transport, Some(Transport::Udp(_))));
}

#[test]
fn arp_packets_have_addresses() {
    let frame = [&ETHER[..], b"\x08\x06"].concat();
    let arp = [&b"\0\x01\x08\0\x06\x04\0\x01"[..], &ETHER[6..], &[10, 0, 0, 1], &[0; 6], &[10, 0, 0, 2, 0, 0]].concat();
    let headers = event(Family::ARP, IfType::ETHER, [&frame, &arp, b""]).headers().unwrap();
    let Some(Network::Arp(arp)) = headers.network else { panic!("{headers}") };
    let addresses = arp.addresses.unwrap();
    assert_eq!((addresses.saddr_ip, addresses.daddr_ip), (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)));
    assert_eq!(addresses.saddr_ether, EtherAddr::new([2, 0, 0, 0, 0, 1]));
    assert!(headers.to_string().ends_with("arp daddr ip 10.0.0.2 @nh,224,16 0x0"), "{headers}");
}

#[test]
fn messages_of_icmp_have_the_fields_of_their_type() {
    let icmp = |kind: u8, code: u8| {
        let ip = [&IP[..9], &[1], &IP[10..]].concat();
        let message = [kind, code, 0, 0, 10, 0, 5, 220];
        event(Family::IP, IfType::ETHER, [b"", &ip, &message]).headers().unwrap().to_string()
    };
    assert!(icmp(8, 0).ends_with("icmp type echo-request icmp code net-unreachable icmp id 2560 icmp sequence 1500"));
    assert!(icmp(3, 4).ends_with("icmp type destination-unreachable icmp code frag-needed icmp mtu 1500"));
    assert!(icmp(3, 3).ends_with("icmp code port-unreachable"));
    assert!(icmp(5, 1).ends_with("icmp gateway 10.0.5.220"));
    let icmpv6 = |kind: u8| {
        let ip6 = [&[0x60, 0, 0, 0, 0, 8, 58, 64][..], &[0; 15], &[1], &[0; 15], &[2]].concat();
        let message = [kind, 0, 0, 0, 0, 1, 0, 2];
        event(Family::IP6, IfType::ETHER, [b"", &ip6, &message]).headers().unwrap().to_string()
    };
    assert!(icmpv6(128).ends_with("icmpv6 type echo-request icmpv6 code no-route icmpv6 id 1 icmpv6 sequence 2"));
    assert!(icmpv6(2).ends_with("icmpv6 type packet-too-big icmpv6 code no-route icmpv6 mtu 65538"));
    assert!(icmpv6(4).ends_with("icmpv6 parameter-problem 65538"));
    assert_eq!(IcmpType::from_raw(8), IcmpType::ECHO_REQUEST);
}

#[test]
fn later_fragments_have_no_header_of_the_transport_layer() {
    let mut fragment = IP;
    fragment[7] = 3;
    let headers = event(Family::IP, IfType::ETHER, [b"", &fragment, b"12345678"]).headers().unwrap();
    assert_eq!((headers.transport, headers.sport()), (None, None));
    assert_eq!(headers.transport_rest, b"12345678");
}

#[test]
fn headers_cut_off_anywhere_are_read_without_loss() {
    let frame = [&ETHER[..], b"\x81\x00\x70\x64\x08\x00"].concat();
    let ip6 = [&[0x6a, 0xb1, 2, 3, 0, 8, 6, 64][..], &[0xfe; 32]].concat();
    let arp = [&b"\0\x01\x08\0\x06\x04\0\x02"[..], &[7; 20]].concat();
    let tcp = *b"\x00\x50\x00\x51\x01\x02\x03\x04\x05\x06\x07\x08\x5f\x12\xff\xff\xab\xcd\x00\x09";
    let mut seen = [0; 5];
    for protocol in [1, 6, 17, 58, 132, 50] {
        let (mut ip, mut ip6) = (IP, ip6.clone());
        (ip[9], ip6[6]) = (protocol, protocol);
        let packets = [(&[0x08, 0][..], &ip[..]), (&[0x86, 0xdd], &ip6), (&[0x08, 0x06], &arp), (&[0x81, 0], &arp)];
        for (kind, network) in packets {
            for (family, device) in [
                (Family::NETDEV, IfType::ETHER),
                (Family::NETDEV, IfType::NONE),
                (Family::NETDEV, IfType::LOOPBACK),
                (Family::IP, IfType::ETHER),
                (Family::IP6, IfType::ETHER),
                (Family::ARP, IfType::ETHER),
            ] {
                let frame = [&frame[..16], kind].concat();
                for len in 0..=40 {
                    let cut = |bytes: &[u8]| bytes[..len.min(bytes.len())].to_vec();
                    let pieces = [cut(&frame), cut(network), cut(&tcp)];
                    let event = event(family, device, [&pieces[0], &pieces[1], &pieces[2]]);
                    let headers = event.headers().unwrap();
                    assert_eq!(bytes_of(&headers), pieces, "{headers}");
                    seen[headers.transport.map_or(0, |transport| match transport {
                        Transport::Tcp(tcp) => {
                            assert_eq!(tcp.flags, TcpFlags::SYN | TcpFlags::ACK);
                            1
                        }
                        Transport::Udp(_) => 2,
                        Transport::Sctp(_) => 3,
                        Transport::Icmp(_) | Transport::Icmpv6(_) => 4,
                    })] += 1;
                }
            }
        }
    }
    assert!(seen.iter().all(|&seen| seen > 0), "{seen:?}");
    assert_eq!(EtherType::IP6.get(), 0x86dd);
    assert_eq!(L4Proto::TCP.get(), 6);
}

#[test]
fn any_bytes_are_read_without_panic() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 32) as u8
    };
    let mut read = 0;
    for len in (0..120).cycle().take(20_000) {
        let raw = written(|w| {
            w.u32(NFTA_TRACE_ID, 1);
            let attr = u16::from(random() % 24);
            let bytes: Vec<u8> = (0..len).map(|_| random()).collect();
            w.bytes(attr, &bytes);
            w.bytes(NFTA_TRACE_NETWORK_HEADER, &bytes);
            w.u16(NFTA_TRACE_IIFTYPE, 1);
        });
        let family = Family::from_raw(random() % 12);
        if let Ok(event) = TraceEvent::decode(family, &raw) {
            assert!(!event.to_string().is_empty());
            read += 1;
        }
    }
    assert!(read > 10_000, "{read}");
}

#[test]
fn nothing_is_lost_without_a_word_whatever_befalls_the_socket() {
    let event = |id: u32| {
        forge::nft(NFT_MSG_TRACE, 0, 0, 0, 0, |w| {
            w.string(NFTA_TRACE_TABLE, b"fw");
            w.string(NFTA_TRACE_CHAIN, b"in");
            w.u32(NFTA_TRACE_TYPE, 1);
            w.u32(NFTA_TRACE_ID, id);
        })
    };
    #[derive(Debug, PartialEq)]
    enum Told {
        Event(u32),
        Overrun,
        Error,
    }
    // What happens instead of a call; a datagram is cut off.
    let errnos = [Errno::EINTR, Errno::EAGAIN, Errno::ENOBUFS, Errno::EPERM, Errno::ENOMEM];
    let faults = errnos.map(Err).into_iter().chain([Ok(())]).collect::<Vec<_>>();
    for (one, other) in (0..4).flat_map(|one| (one..4).map(move |other| (one, other))) {
        for (fault, then) in faults.iter().flat_map(|fault| faults.iter().map(move |then| (*fault, *then))) {
            let (mut script, mut expected, mut is_overrun) = (Vec::new(), Vec::new(), false);
            let mut cut_off = 65 * 1024;
            for at in 0..4 {
                let here = [(one, fault), (other, then)].into_iter().filter(|(place, _)| *place == at);
                let mut is_lost = false;
                for (_, fault) in here {
                    // Of the size that was cut off the next is not.
                    script.push(fault.map(|()| vec![0; std::mem::replace(&mut cut_off, 130 * 1024)]));
                    match fault {
                        // It stands where the queue is empty: what is lost came behind all that is in it.
                        Err(Errno::EAGAIN) if std::mem::take(&mut is_overrun) => expected.push(Told::Overrun),
                        Err(Errno::EINTR | Errno::EAGAIN) => {}
                        Err(Errno::EPERM | Errno::ENOMEM) => expected.push(Told::Error),
                        _ => (is_lost, is_overrun) = (true, true),
                    }
                }
                if !is_lost {
                    script.push(Ok(event(at)));
                    expected.push(Told::Event(at));
                }
            }
            expected.extend(is_overrun.then_some(Told::Overrun));
            let mut feed = Feed { socket: EventSocket::scripted(script), read: VecDeque::new(), overrun: false };
            let (mut told, mut drained) = (Vec::new(), 0);
            while drained < 3 {
                match feed.next() {
                    Ok(Fed::Event(event)) => told.push(Told::Event(event.id().get())),
                    Ok(Fed::Overrun) => told.push(Told::Overrun),
                    Ok(Fed::Drained) => drained += 1,
                    Err(_) => told.push(Told::Error),
                }
            }
            assert_eq!(told, expected, "{fault:?} at {one}, {then:?} at {other}");
        }
    }
}
