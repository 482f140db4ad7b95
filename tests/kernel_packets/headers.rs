//! Fields behind other headers: of VLAN tags, messages, options, chunks, extension headers; and parts of bytes.

use nftlink::datum::{Dscp, EtherAddr, EtherType, Integer16, TcpFlags};
use nftlink::expr::TcpOption;
use nftlink::field::{concat, ether, exthdr, frag, icmp, icmpv6, raw, sctp, vlan};

use super::packet::*;
use super::*;

const STRANGER: EtherAddr = EtherAddr::new([2, 0, 0, 0, 0, 0x99]);
const BROADCAST: EtherAddr = EtherAddr::new([0xff; 6]);

fn ends<const N: usize>(texts: [&str; N]) -> [SocketAddr; N] {
    texts.map(|text| text.parse().unwrap())
}

/// A frame and the name by which the rules know it.
type Named = (&'static str, Vec<u8>);

fn is(names: &'static [&'static str]) -> impl Fn(&Named) -> bool {
    move |frame| names.contains(&frame.0)
}

fn broadcast(kind: EtherType, content: &[u8]) -> Vec<u8> {
    frame(STRANGER, BROADCAST, kind, content)
}

/// A tag with a priority, and what is behind.
fn tagged(priority: u8, id: u16, kind: EtherType, content: &[u8]) -> Vec<u8> {
    let tag = u16::from(priority) << 13 | id;
    [&tag.to_be_bytes()[..], &kind.get().to_be_bytes(), content].concat()
}

/// Judges frames at ingress.
#[track_caller]
fn judge_frames(set_up: impl FnOnce(&Table, &mut Batch), rules: &[(Match, Says<Named>)], judged: &[Named]) {
    let mut cable = cable();
    let frames = Frames::of(&cable.client, "eth0");
    let table = Table::netdev("fw");
    let ingress = table.chain("ingress").filter(Hook::INGRESS, Priority::FILTER).device("eth0");
    let ours = [ether::saddr().eq(STRANGER)];
    let set_up = |batch: &mut Batch| set_up(&table, batch);
    judge(&mut cable.conn, (&table, &ingress), set_up, &ours, rules, judged, |(_, frame)| frames.send(frame));
}

pub(super) fn frames_match_by_their_tags() {
    let [from4, to4, from6, to6] = ends(["10.0.0.1:1", "10.0.0.2:2", "[fd00::1]:1", "[fd00::2]:2"]);
    let (ip4, ip6, tag) = (EtherType::IP, EtherType::IP6, EtherType::VLAN);
    let (udp4, udp6) = (Packet::udp(from4, to4, b"").bytes(), Packet::udp(from6, to6, b"").bytes());
    let inner = tagged(0, 20, ip4, &udp4);
    let judged = [
        ("plain", broadcast(ip4, &udp4)),
        ("five", broadcast(tag, &tagged(3, 5, ip4, &udp4))),
        ("five6", broadcast(tag, &tagged(0, 5, ip6, &udp6))),
        ("six", broadcast(tag, &tagged(3, 0x606, ip4, &udp4))),
        ("stacked", broadcast(EtherType::VLAN_AD, &tagged(0, 10, tag, &inner))),
    ];
    let table = Table::netdev("fw");
    let ids = Set::<Integer16>::new(&table, "ids").typeof_key(&vlan::id());
    let places = Set::<(Integer16, Ipv4Addr)>::new(&table, "places");
    let rules = [
        says(vlan::id().eq(5), is(&["five", "five6"])),
        says(vlan::id().ne(5), is(&["six"])),
        says(vlan::id().in_range(0x100..=0x700), is(&["six"])),
        says(vlan::id().one_of([5, 7]), is(&["five", "five6"])),
        says(vlan::id().in_set(&ids), is(&["five", "five6"])),
        says(vlan::pcp().eq(3), is(&["five", "six"])),
        says(vlan::vlan_type().eq(ip6), is(&["five6"])),
        says(concat((vlan::id(), ip::saddr())).in_set(&places), is(&["five"])),
        says(ether::ether_type().eq(EtherType::VLAN_AD), is(&["stacked"])),
        says(raw::link::<Integer16>(18 * 8).eq(20), is(&["stacked"])),
    ];
    let elements = |_: &Table, batch: &mut Batch| {
        batch.add(&ids).add_elements(&ids, [5]).add(&places);
        batch.add_elements(&places, [(5, Ipv4Addr::new(10, 0, 0, 1))]);
    };
    judge_frames(elements, &rules, &judged);
}

/// nft 1.0.6 looks for bits of two bytes where they are in the header: its rules for named sets never match.
pub(super) fn parts_of_bytes_are_found_in_sets() {
    let [from, to] = ends(["[fd00::1]:1", "[fd00::2]:2"]);
    let datagram = Packet::udp(from, to, b"12345678");
    let classed = |class: u8| {
        let mut bytes = datagram.bytes();
        (bytes[0], bytes[1]) = (0x60 | class >> 4, class << 4);
        broadcast(EtherType::IP6, &bytes)
    };
    let fragment = |offset: u16, more: u16| {
        let header = [&[L4Proto::UDP.get(), 0][..], &(offset << 3 | more).to_be_bytes(), &[0, 0, 0, 7]].concat();
        let body = [header, datagram.body.clone()].concat();
        broadcast(EtherType::IP6, &Packet::new(from.ip(), to.ip(), L4Proto::from_raw(44), body).bytes())
    };
    let judged = [
        ("cs1", classed(Dscp::CS1.get() << 2)),
        ("af21", classed(Dscp::AF21.get() << 2 | 1)),
        ("first", fragment(0, 1)),
        ("later", fragment(0x123, 1)),
        ("last", fragment(0x1001, 0)),
    ];
    let table = Table::netdev("fw");
    let (classes, offsets) = (Set::<Dscp>::new(&table, "classes"), Set::<Integer16>::new(&table, "offsets"));
    let rules = [
        says(ip6::dscp().in_set(&classes), is(&["af21"])),
        says(ip6::dscp().one_of([Dscp::CS1, Dscp::AF41]), is(&["cs1"])),
        says(frag::frag_off().in_set(&offsets), is(&["later", "last"])),
        says(frag::frag_off().not_in_set(&offsets), is(&["first"])),
        says(frag::more_fragments().eq(true), is(&["first", "later"])),
        says(exthdr::frag().missing(), is(&["cs1", "af21"])),
    ];
    let elements = |_: &Table, batch: &mut Batch| {
        batch.add(&classes).add_elements(&classes, [Dscp::AF21]);
        batch.add(&offsets).add_elements(&offsets, [0x123, 0x1001]);
    };
    judge_frames(elements, &rules, &judged);
}

pub(super) fn messages_have_the_fields_of_their_type_alone() {
    let [from4, to4, from6, to6] = ends(["10.0.0.1:1", "10.0.0.2:2", "[fd00::1]:1", "[fd00::2]:2"]);
    let icmp4 = |kind, words| broadcast(EtherType::IP, &Packet::icmp(from4.ip(), to4.ip(), kind, 0, words).bytes());
    let icmp6 = |kind, words| broadcast(EtherType::IP6, &Packet::icmp(from6.ip(), to6.ip(), kind, 0, words).bytes());
    let judged = [
        ("echo", icmp4(8, (5, 6))),
        ("reply", icmp4(0, (5, 7))),
        ("unreachable", icmp4(3, (5, 6))),
        ("redirect", icmp4(5, (0x0a00, 9))),
        ("echo6", icmp6(128, (5, 6))),
        ("too-big", icmp6(2, (0, 1300))),
        ("problem", icmp6(4, (0, 1300))),
    ];
    let rules = [
        says(icmp::id().eq(5), is(&["echo", "reply"])),
        says(icmp::sequence().ne(6), is(&["reply"])),
        says(icmp::mtu().eq(6), is(&["unreachable"])),
        says(icmp::gateway().eq(Ipv4Addr::new(10, 0, 0, 9)), is(&["redirect"])),
        says(icmpv6::id().one_of([5, 0]), is(&["echo6"])),
        says(icmpv6::mtu().eq(1300), is(&["too-big"])),
        says(icmpv6::parameter_problem().eq(1300), is(&["problem"])),
    ];
    judge_frames(|_, _| {}, &rules, &judged);
}

pub(super) fn options_of_tcp_are_matched_changed_and_taken_out() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let [from, to] = ends(["127.0.0.1:1", "127.0.0.1:2"]);
    let segment = |options: &[u8]| {
        let mut packet = Packet::tcp(from, to, TcpFlags::SYN);
        packet.body.extend(options);
        packet.body[12] = ((packet.body.len() / 4) << 4) as u8;
        packet.with_checksum(16)
    };
    // Segment size, permission of selective acknowledgements, padding.
    let judged = [
        ("big", segment(&[2, 4, 0x05, 0xb4, 4, 2, 1, 1])),
        ("small", segment(&[2, 4, 0x01, 0x00, 3, 3, 7, 1])),
        ("none", segment(&[])),
    ];
    let is = |names: &'static [&'static str]| move |packet: &(&str, Packet)| names.contains(&packet.0);
    let rules = [
        says(tcp::option::maxseg::size().eq(1000), is(&["big"])),
        says(tcp::option::maxseg::size().eq(256), is(&["small"])),
        says(tcp::option::maxseg().missing(), is(&["none"])),
        says(tcp::option::window::count().eq(7), is(&["small"])),
        says(tcp::option::raw::<Integer16>(TcpOption::MAXSEG, 16).gt(256), is(&["big"])),
        // It was taken out; what the segment had before is in the mark.
        says(meta::mark().eq(7), is(&["big"])),
    ];
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let set_up = |batch: &mut Batch| {
        batch.append(&output, Rule::new().when(tcp::option::sack_perm().exists()).set(meta::mark(), 7));
        batch.append(&output, Rule::new().reset_tcp_option(TcpOption::SACK_PERM));
        batch.append(&output, Rule::new().when(tcp::option::sack_perm().exists()).set(meta::mark(), 8));
        batch.append(&output, Rule::new().set(tcp::option::maxseg::size(), 1000));
    };
    judge(&mut conn, (&table, &output), set_up, &[], &rules, &judged, |(_, packet)| sender.send(packet));
}

pub(super) fn chunks_of_sctp_are_found_behind_each_other() {
    let [from, to] = ends(["10.0.0.1:1", "10.0.0.2:2"]);
    let packet = |chunks: &[u8]| {
        let body = [&[0, 1, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0][..], chunks].concat();
        broadcast(EtherType::IP, &Packet::new(from.ip(), to.ip(), L4Proto::SCTP, body).bytes())
    };
    let init = [&[1, 0, 0, 20][..], &[0, 0, 0, 9], &[0, 0, 4, 0], &[0, 10], &[0, 200], &[0, 0, 0, 1]].concat();
    let data = [&[0, 3, 0, 20][..], &[0, 0, 0, 77], &[0, 4], &[0, 5], &[0, 0, 0, 46], b"data"].concat();
    let judged = [
        ("init", packet(&init)),
        ("data", packet(&data)),
        ("cookie", packet(&[&[10, 0, 0, 8, 1, 2, 3, 4][..], &data].concat())),
    ];
    let rules = [
        says(sctp::chunk::init().exists(), is(&["init"])),
        says(sctp::chunk::init().missing(), is(&["data", "cookie"])),
        says(sctp::chunk::init::num_inbound_streams().gt(100), is(&["init"])),
        says(sctp::chunk::data::tsn().eq(77), is(&["data", "cookie"])),
        says(sctp::chunk::data::ppid().eq(46), is(&["data", "cookie"])),
        says(sctp::chunk::cookie_echo().exists(), is(&["cookie"])),
    ];
    judge_frames(|_, _| {}, &rules, &judged);
}
