//! Connection tracking: what it says of packets that were sent to make it say so.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;

use nftlink::datum::{CtDirection, CtLabel, CtState, CtStatus, TcpFlags};
use nftlink::expr::Connlimit;
use nftlink::field::ct;
use nftlink::{RejectWith, RuleBuilder};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};

use super::packet::*;
use super::*;

/// Two sockets that send to each other.
struct Ends([UdpSocket; 2]);

impl Ends {
    fn at(one: SocketAddr, other: SocketAddr) -> Self {
        Self([one, other].map(receiver))
    }

    fn address(&self, end: usize) -> SocketAddr {
        self.0[end].local_addr().unwrap()
    }

    fn send(&self, from: usize, mark: u32) {
        setsockopt(&self.0[from], sockopt::Mark, &mark).unwrap();
        self.0[from].send_to(b"?", self.address(1 - from)).unwrap();
    }

    fn ask(&self) {
        self.send(0, 0);
    }

    fn answer(&self) {
        self.send(1, 0);
    }
}

/// A chain at output that lets everything pass.
fn output(table: &Table) -> Chain<Hooked> {
    table.chain("output").filter(Hook::OUTPUT, Priority::FILTER)
}

pub(super) fn states_are_told_apart() {
    // A segment without a connection may else be taken for the middle of one.
    Namespace::current().unwrap().sysctl("net/netfilter/nf_conntrack_tcp_loose", "0").unwrap();
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let raw = table.chain("raw").filter(Hook::OUTPUT, Priority::RAW);
    let some = Set::<CtState>::new(&table, "some");

    #[derive(Debug)]
    enum Sends {
        Question,
        Answer,
        /// To a port that nobody has.
        Vain,
        /// To a port that is not tracked.
        Untracked,
        /// Of no connection.
        Segment(TcpFlags),
    }
    use Sends::*;
    let (new, established) = (CtState::NEW, CtState::ESTABLISHED);
    let (related, invalid, untracked) = (CtState::RELATED, CtState::INVALID, CtState::UNTRACKED);
    let judged = [
        (Question, new),
        (Question, new),
        (Answer, established),
        (Question, established),
        (Vain, related),
        (Untracked, untracked),
        (Segment(TcpFlags::RST), invalid),
    ];
    let is = |state: CtState| move |sent: &(Sends, CtState)| state.contains(sent.1);
    let is_not = |state: CtState| move |sent: &(Sends, CtState)| !state.contains(sent.1);
    let rules = [
        says(ct::state().has(new), is(new)),
        says(ct::state().has(established), is(established)),
        says(ct::state().has(related), is(related)),
        says(ct::state().has(invalid), is(invalid)),
        says(ct::state().has(untracked), is(untracked)),
        says(ct::state().has_any(established | related), is(established | related)),
        says(ct::state().has_none(invalid), is_not(invalid)),
        says(ct::state().has_none(established | related), is_not(established | related)),
        says(ct::state().eq(new), is(new)),
        says(ct::state().ne(new), is_not(new)),
        says(ct::state().masked(new | related).eq(related), is(related)),
        says(ct::state().one_of([new, untracked]), is(new | untracked)),
        says(ct::state().none_of([new, untracked]), is_not(new | untracked)),
        says(ct::state().in_set(&some), is(invalid | related)),
        says(ct::state().not_in_set(&some), is_not(invalid | related)),
    ];
    for ip in LOOPBACKS {
        let ends = Ends::at(at(ip, 1000), at(ip, 2000));
        let _untracked = receiver(at(ip, 3000));
        let set_up = |batch: &mut Batch| {
            batch.add(&some).add_elements(&some, [invalid, related]);
            batch.add(&raw).append(&raw, Rule::new().when(udp::dport().eq(3000)).notrack());
        };
        // Of what is sent in vain it is the answer that is judged.
        let error = if ip.is_ipv4() { L4Proto::ICMP } else { L4Proto::ICMPV6 };
        let select = [udp::dport().ne(9), meta::l4proto().eq(error), meta::l4proto().eq(L4Proto::TCP)];
        judge(&mut conn, (&table, &output(&table)), set_up, &select, &rules, &judged, |(sends, _)| match sends {
            Question => ends.ask(),
            Answer => ends.answer(),
            Vain => drop(receiver(at(ip, 0)).send_to(b"?", at(ip, 9)).unwrap()),
            Untracked => drop(receiver(at(ip, 0)).send_to(b"?", at(ip, 3000)).unwrap()),
            Segment(flags) => sender.send(&Packet::tcp(at(ip, 1), at(ip, 9), *flags)),
        });
    }
}

pub(super) fn direction_and_status_follow_the_connection() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    // Whose packet it is, whether there was an answer, and whether the connection's first packet has arrived.
    let judged = [(0, false, false), (0, false, true), (1, true, true), (0, true, true)];
    type Sent = (usize, bool, bool);
    let seen = CtStatus::SEEN_REPLY;
    let rules = [
        says(ct::direction().eq(CtDirection::ORIGINAL), |s: &Sent| s.0 == 0),
        says(ct::direction().ne(CtDirection::ORIGINAL), |s: &Sent| s.0 == 1),
        says(ct::direction().eq(CtDirection::REPLY), |s: &Sent| s.0 == 1),
        says(ct::status().has(seen), |s: &Sent| s.1),
        says(ct::status().has_none(seen), |s: &Sent| !s.1),
        says(ct::status().has(CtStatus::CONFIRMED), |s: &Sent| s.2),
        says(ct::status().has_none(CtStatus::CONFIRMED), |s: &Sent| !s.2),
        says(ct::status().has(seen | CtStatus::CONFIRMED), |s: &Sent| s.1 && s.2),
        says(ct::status().masked(seen | CtStatus::CONFIRMED).eq(CtStatus::CONFIRMED), |s: &Sent| s.2 && !s.1),
    ];
    for ip in LOOPBACKS {
        let ends = Ends::at(at(ip, 1000), at(ip, 2000));
        judge(&mut conn, (&table, &output(&table)), |_| {}, &[], &rules, &judged, |s| ends.send(s.0, 0));
    }
}

pub(super) fn marks_go_from_packet_to_connection_and_back() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let base = output(&table);
    let (ask, answer) = (udp::dport().eq(2000), udp::sport().eq(2000));
    // How a packet's mark is kept, and what comes back with the answer.
    type Keep = fn(RuleBuilder) -> RuleBuilder;
    type Kept = fn(u32) -> u32;
    let computed: [(Keep, Kept); 6] = [
        (|rule| rule.set(ct::mark(), meta::mark()), |m| m),
        (|rule| rule.set(ct::mark(), meta::mark().and(0xff)), |m| m & 0xff),
        (|rule| rule.set(ct::mark(), meta::mark().or(0x0100_0000)), |m| m | 0x0100_0000),
        (|rule| rule.set(ct::mark(), meta::mark().xor(0xffff)), |m| m ^ 0xffff),
        (|rule| rule.set(ct::mark(), meta::mark().shl(8)), |m| m << 8),
        (|rule| rule.set(ct::mark(), meta::mark().and(0xff00).shr(8)), |m| (m & 0xff00) >> 8),
    ];
    for (number, (keep, kept)) in (0..).zip(computed) {
        const MARK: u32 = 0x1234_5678;
        let ends = Ends::at(at(LOOPBACKS[0], 1000 + number), at(LOOPBACKS[0], 2000));
        let asked = || Rule::new().when(ask.clone());
        let answered = || Rule::new().when(answer.clone());
        let mut batch = Batch::new();
        batch.reset(&table).add(&base).append(&base, keep(asked()));
        batch.append(&base, asked().when(ct::mark().eq(kept(MARK))).counter());
        batch.append(&base, asked().when(ct::mark().ne(kept(MARK))).counter());
        // The answer has no mark of its own; afterwards it has the connection's.
        batch.append(&base, answered().when(meta::mark().eq(0)).counter());
        batch.append(&base, answered().set(meta::mark(), ct::mark()));
        batch.append(&base, answered().when(meta::mark().eq(kept(MARK))).counter());
        conn.commit(&batch).unwrap();
        ends.send(0, MARK);
        ends.send(1, 0);
        assert_eq!(packets(&mut conn, &table, "output"), [1, 0, 1, 1], "{number}: {:#x}", kept(MARK));
    }
}

pub(super) fn labels_are_added_to_the_connection_and_stay() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let mangle = table.chain("mangle").filter(Hook::OUTPUT, Priority::MANGLE);
    let some = Set::<CtLabel>::new(&table, "some");
    let (low, high) = (CtLabel::new(5), CtLabel::new(127));
    let both = low | high;
    let set_up = |batch: &mut Batch| {
        batch.add(&some).add_elements(&some, [low, both]);
        batch.add(&mangle);
        let marked = |mark: u32| Rule::new().when(meta::mark().eq(mark));
        batch.append(&mangle, marked(5).set(ct::label(), low));
        batch.append(&mangle, marked(127).set(ct::label(), 127));
    };
    // On which of two connections which end sends with which mark, and what labels the connection then has.
    type Sent = (usize, usize, u32, CtLabel);
    let none = CtLabel::default();
    let judged: [Sent; 8] = [
        (0, 0, 0, none),
        (0, 0, 5, low),
        (0, 1, 0, low),
        (1, 0, 127, high),
        (1, 1, 0, high),
        (0, 1, 127, both),
        (0, 0, 0, both),
        (1, 0, 0, high),
    ];
    let has = |label: CtLabel| move |s: &Sent| s.3 == label || s.3 == both;
    let rules = [
        says(ct::label().has(low), has(low)),
        says(ct::label().has(high), has(high)),
        says(ct::label().has(both), move |s: &Sent| s.3 == both),
        says(ct::label().has_any(both), move |s: &Sent| s.3 != none),
        says(ct::label().has_none(low), move |s: &Sent| s.3 == none || s.3 == high),
        says(ct::label().has_none(both), move |s: &Sent| s.3 == none),
        says(ct::label().eq(high), move |s: &Sent| s.3 == high),
        says(ct::label().ne(high), move |s: &Sent| s.3 != high),
        says(ct::label().masked(both).eq(low), move |s: &Sent| s.3 == low),
        says(ct::label().in_set(&some), move |s: &Sent| s.3 == low || s.3 == both),
        says(ct::label().not_in_set(&some), move |s: &Sent| s.3 == none || s.3 == high),
    ];
    let connections = [1000, 1001].map(|port| Ends::at(at(LOOPBACKS[0], port), at(LOOPBACKS[0], port + 1000)));
    judge(&mut conn, (&table, &output(&table)), set_up, &[], &rules, &judged, |(number, from, mark, _)| {
        connections[*number].send(*from, *mark);
    });
}

pub(super) fn connection_marks_compare_as_numbers() {
    let mut conn = Conn::open().unwrap();
    let table = Table::ip("fw");
    let mangle = table.chain("mangle").filter(Hook::OUTPUT, Priority::MANGLE);
    let some = Set::<Interval<Mark>>::new(&table, "some");
    let set_up = |batch: &mut Batch| {
        batch.add(&some).add_elements(&some, [0x100..=0x200]);
        batch.add(&mangle).append(&mangle, Rule::new().set(ct::mark(), meta::mark()));
    };
    let rules = [
        says(ct::mark().eq(0x100), |m: &u32| *m == 0x100),
        says(ct::mark().lt(0x100), |m: &u32| *m < 0x100),
        says(ct::mark().le(0x100), |m: &u32| *m <= 0x100),
        says(ct::mark().gt(0x100), |m: &u32| *m > 0x100),
        says(ct::mark().ge(0x100), |m: &u32| *m >= 0x100),
        says(ct::mark().in_range(0xff..=0x100), |m: &u32| (0xff..=0x100).contains(m)),
        says(ct::mark().not_in_range(0xff..=0x100), |m: &u32| !(0xff..=0x100).contains(m)),
        says(ct::mark().and(0xff).eq(1), |m: &u32| m & 0xff == 1),
        says(ct::mark().in_set(&some), |m: &u32| (0x100..=0x200).contains(m)),
        says(ct::mark().one_of([Interval::range(1..=0xff), Interval::value(0x101)]), |m: &u32| {
            (1..=0xff).contains(m) || *m == 0x101
        }),
    ];
    let ends = Ends::at(at(LOOPBACKS[0], 1000), at(LOOPBACKS[0], 2000));
    let judged = [0, 1, 0xfe, 0xff, 0x100, 0x101, 0x1ff, 0x200, 0x201, 0x0101_0000, u32::MAX];
    judge(&mut conn, (&table, &output(&table)), set_up, &[], &rules, &judged, |mark| ends.send(0, *mark));
}

pub(super) fn addresses_of_a_translated_connection_are_known_in_both_directions() {
    let mut conn = Conn::open().unwrap();
    both(&mut conn, translated::<Ipv4Addr>, translated::<Ipv6Addr>);

    fn translated<V: Tracked>(conn: &mut Conn) {
        let here = Namespace::current().unwrap();
        let [client, published, server, hidden] = [1, 2, 3, 4].map(|host| V::host(5, host));
        for address in [client, published, server, hidden] {
            here.address("lo", address, V::BITS).unwrap();
        }
        let table = Table::inet("fw");
        let dnat = table.chain("dnat").nat(Hook::OUTPUT, Priority::DSTNAT);
        let snat = table.chain("snat").nat(Hook::POSTROUTING, Priority::SRCNAT);
        let base = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
        let _servers = [(server, 80), (server, 81), (published, 8082)].map(|(ip, port)| serve(&here, [at(ip, port)]));
        let set_up = |batch: &mut Batch| {
            batch.add(&dnat).add(&snat);
            for (asked, port) in [(8080, 80), (8081, 81)] {
                for matching in [udp::dport().eq(asked), tcp::dport().eq(asked)] {
                    batch.append(&dnat, Rule::new().when(matching).dnat(at(server, port)));
                }
            }
            for matching in [udp::dport().eq(81), tcp::dport().eq(81)] {
                batch.append(&snat, Rule::new().when(matching).snat(hidden));
            }
        };
        // Connections by the port that is asked: translated to, translated both ways, and left alone.
        type Asked = (L4Proto, u16);
        let is = |port: u16| move |asked: &Asked| asked.1 == port;
        let is_not = |port: u16| move |asked: &Asked| asked.1 != port;
        let rules = [
            says(ct::status().has(CtStatus::DNAT), is_not(8082)),
            says(ct::status().has_none(CtStatus::DNAT), is(8082)),
            says(ct::status().has(CtStatus::SNAT), is(8081)),
            says(ct::status().has(CtStatus::SNAT | CtStatus::DNAT), is(8081)),
            says(V::ct_reply_saddr().eq(server), is_not(8082)),
            says(V::ct_reply_saddr().eq(published), is(8082)),
            says(V::ct_reply_daddr().eq(client), is_not(8081)),
            says(V::ct_reply_daddr().eq(hidden), is(8081)),
            says(V::ct_reply_daddr().one_of([hidden, server]), is(8081)),
            says(ct::original::protocol().eq(L4Proto::UDP), |asked: &Asked| asked.0 == L4Proto::UDP),
            says(ct::reply::protocol().ne(L4Proto::UDP), |asked: &Asked| asked.0 != L4Proto::UDP),
        ];
        let ports = [
            (ct::original::proto_dst().eq(8080), 8080),
            (ct::reply::proto_src().eq(80), 8080),
            (ct::original::proto_dst().in_range(8081..=8081), 8081),
            (ct::reply::proto_src().one_of([Interval::range(81..=90)]), 8081),
            (ct::reply::proto_src().ge(8082), 8082),
        ];
        let same = [
            V::ct_original_daddr().eq(published),
            V::ct_original_saddr().eq(client),
            ct::original::l3proto().eq(V::FAMILY),
            ct::reply::l3proto().eq(V::FAMILY),
        ];
        let other = if V::FAMILY == Family::IP { Family::IP6 } else { Family::IP };
        let never = [
            V::ct_original_daddr().ne(published),
            V::ct_original_saddr().in_prefix(hidden, V::BITS),
            ct::original::l3proto().eq(other),
        ];
        let (with_ports, always, nothing) = (table.chain("ports"), table.chain("always"), table.chain("never"));
        let set_up_more = |batch: &mut Batch| {
            set_up(batch);
            batch.add(&with_ports).add(&always).add(&nothing);
            for l4 in [L4Proto::UDP, L4Proto::TCP] {
                let known = || Rule::new().when(meta::l4proto().eq(l4)).when(ct::state().has(CtState::NEW));
                for (matching, _) in &ports {
                    batch.append(&with_ports, known().when(matching.clone()).counter());
                }
            }
            append_counted(batch, &always, same.clone());
            append_counted(batch, &nothing, never.clone());
            let new = || Rule::new().when(ct::state().has(CtState::NEW));
            batch.append(&base, new().jump(&with_ports));
            batch.append(&base, new().jump(&always)).append(&base, new().jump(&nothing));
        };
        let judged = [L4Proto::UDP, L4Proto::TCP].map(|l4| [8080, 8081, 8082].map(|port| (l4, port))).concat();
        let new = [ct::state().has(CtState::NEW)];
        judge(conn, (&table, &base), set_up_more, &new, &rules, &judged, |(l4, port)| {
            let from = if *l4 == L4Proto::UDP { udp_from(&here, client) } else { tcp_from(&here, client) };
            pass(&from, at(published, *port));
        });
        assert_eq!(packets(conn, &table, "ports"), [1; 10]);
        assert_eq!(packets(conn, &table, "always"), [6; 4]);
        assert_eq!(packets(conn, &table, "never"), [0; 3]);
        conn.commit(Batch::new().delete(&table)).unwrap();
    }
}

/// What connection tracking knows of addresses, for both families.
trait Tracked: Ip {
    fn ct_original_saddr() -> Field<Self>;
    fn ct_original_daddr() -> Field<Self>;
    fn ct_reply_saddr() -> Field<Self>;
    fn ct_reply_daddr() -> Field<Self>;
}

impl Tracked for Ipv4Addr {
    fn ct_original_saddr() -> Field<Self> {
        ct::original::ip_saddr()
    }

    fn ct_original_daddr() -> Field<Self> {
        ct::original::ip_daddr()
    }

    fn ct_reply_saddr() -> Field<Self> {
        ct::reply::ip_saddr()
    }

    fn ct_reply_daddr() -> Field<Self> {
        ct::reply::ip_daddr()
    }
}

impl Tracked for Ipv6Addr {
    fn ct_original_saddr() -> Field<Self> {
        ct::original::ip6_saddr()
    }

    fn ct_original_daddr() -> Field<Self> {
        ct::original::ip6_daddr()
    }

    fn ct_reply_saddr() -> Field<Self> {
        ct::reply::ip6_saddr()
    }

    fn ct_reply_daddr() -> Field<Self> {
        ct::reply::ip6_daddr()
    }
}

pub(super) fn same_addresses_in_another_zone_are_another_connection() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let raw = table.chain("raw").filter(Hook::OUTPUT, Priority::RAW);
    let set_up = |batch: &mut Batch| {
        batch.add(&raw);
        batch.append(&raw, Rule::new().when(meta::mark().eq(5)).set(ct::zone(), 5));
        let zones = meta::mark().map([(0x300, 0x300)]);
        batch.append(&raw, Rule::new().when(meta::mark().eq(0x300)).set(ct::zone(), zones));
        // Of one direction only: where the answers are looked for, the connection is not.
        batch.append(&raw, Rule::new().when(meta::mark().eq(7)).set(ct::original::zone(), 7));
    };
    // Who sends with which mark, and whether that is part of a connection that has been answered.
    type Sent = (usize, u32, bool);
    let judged: [Sent; 9] = [
        (0, 0, false),
        (1, 0, true),
        (0, 0, true),
        (0, 5, false),
        (1, 5, true),
        (0, 0x300, false),
        (0, 5, true),
        (0, 0, true),
        (0, 7, false),
    ];
    let in_zone = |zone: u32| move |s: &Sent| s.1 == zone;
    let rules = [
        says(ct::state().has(CtState::NEW), |s: &Sent| !s.2),
        says(ct::state().has(CtState::ESTABLISHED), |s: &Sent| s.2),
        says(ct::zone().eq(5), in_zone(5)),
        says(ct::zone().eq(0x300), in_zone(0x300)),
        // A zone of one direction is not that of the connection.
        says(ct::zone().eq(0), |s: &Sent| s.1 == 0),
        says(ct::zone().lt(0x300), |s: &Sent| s.1 != 0x300),
        says(ct::zone().ge(0x300), |s: &Sent| s.1 == 0x300),
        says(ct::zone().in_range(1..=0x2ff), |s: &Sent| s.1 == 5 || s.1 == 7),
        says(ct::original::zone().eq(7), in_zone(7)),
        says(ct::reply::zone().eq(5), in_zone(5)),
        says(ct::reply::zone().ne(0), |s: &Sent| s.1 == 5 || s.1 == 0x300),
    ];
    let ends = Ends::at(at(LOOPBACKS[0], 1000), at(LOOPBACKS[0], 2000));
    // With the answers in one zone, the connections need other addresses.
    let one_way = Ends::at(at(LOOPBACKS[0], 1001), at(LOOPBACKS[0], 2001));
    judge(&mut conn, (&table, &output(&table)), set_up, &[], &rules, &judged, |s| match s.1 {
        7 => one_way.send(s.0, s.1),
        _ => ends.send(s.0, s.1),
    });
}

pub(super) fn packets_and_bytes_are_counted_for_each_direction() {
    Namespace::current().unwrap().sysctl("net/netfilter/nf_conntrack_acct", "1").unwrap();
    let mut conn = Conn::open().unwrap();
    let table = Table::ip("fw");
    // How many packets each side has sent, with this one, and who sent it. A packet has 29 bytes.
    type Sent = (u64, u64, usize);
    let mut judged: Vec<Sent> = Vec::new();
    for number in 1..=9 {
        judged.push((2 * number - 1, number - 1, 0));
        judged.push((2 * number, number - 1, 0));
        judged.push((2 * number, number, 1));
    }
    let rules = [
        says(ct::original::packets().eq(9), |s: &Sent| s.0 == 9),
        says(ct::original::packets().lt(9), |s: &Sent| s.0 < 9),
        says(ct::original::packets().le(9), |s: &Sent| s.0 <= 9),
        says(ct::original::packets().gt(9), |s: &Sent| s.0 > 9),
        says(ct::original::packets().ge(9), |s: &Sent| s.0 >= 9),
        says(ct::reply::packets().in_range(2..=3), |s: &Sent| (2..=3).contains(&s.1)),
        says(ct::packets().eq(6), |s: &Sent| s.0 + s.1 == 6),
        // 256 is in another byte than 232 and 255.
        says(ct::original::bytes().ge(256), |s: &Sent| 29 * s.0 >= 256),
        says(ct::original::bytes().lt(261), |s: &Sent| 29 * s.0 < 261),
        says(ct::original::bytes().le(261), |s: &Sent| 29 * s.0 <= 261),
        says(ct::reply::bytes().gt(58), |s: &Sent| 29 * s.1 > 58),
        says(ct::bytes().not_in_range(87..=290), |s: &Sent| !(87..=290).contains(&(29 * (s.0 + s.1)))),
        says(ct::bytes().one_of([Interval::range(87..=290), Interval::at_least(700)]), |s: &Sent| {
            (87..=290).contains(&(29 * (s.0 + s.1))) || 29 * (s.0 + s.1) >= 700
        }),
        says(ct::reply::avgpkt().eq(29), |s: &Sent| s.1 > 0),
    ];
    let ends = Ends::at(at(LOOPBACKS[0], 1000), at(LOOPBACKS[0], 2000));
    judge(&mut conn, (&table, &output(&table)), |_| {}, &[], &rules, &judged, |s| ends.send(s.2, 0));
}

pub(super) fn expiration_is_what_is_left_of_the_timeout() {
    let here = Namespace::current().unwrap();
    here.sysctl("net/netfilter/nf_conntrack_udp_timeout", "1000").unwrap();
    here.sysctl("net/netfilter/nf_conntrack_udp_timeout_stream", "3000").unwrap();
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    // What this program may take is far less.
    let seconds = |seconds| Duration::from_secs(seconds);
    let rules = [
        says(ct::expiration().gt(seconds(500)), |_: &bool| true),
        says(ct::expiration().le(seconds(1000)), |_| true),
        says(ct::expiration().lt(seconds(500)), |_| false),
        says(ct::expiration().in_range(seconds(500)..=seconds(1000)), |_| true),
    ];
    let base = output(&table);
    let mut batch = Batch::new();
    batch.reset(&table).add(&base);
    let known = || Rule::new().when(ct::status().has(CtStatus::CONFIRMED));
    for (rule, _) in &rules {
        batch.append(&base, known().when(rule.clone()).counter());
    }
    conn.commit(&batch).unwrap();
    let ends = Ends::at(at(LOOPBACKS[0], 1000), at(LOOPBACKS[0], 2000));
    ends.ask();
    ends.ask();
    let says: Vec<u64> = rules.iter().map(|(_, says)| says(&true).into()).collect();
    assert_eq!(packets(&mut conn, &table, "output"), says);
}

/// At the hook output: Linux 6.17.13, among others, counts no connection of a machine with itself at its input.
pub(super) fn connection_over_the_limit_is_refused_until_another_ends() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let output = output(&table);
    let new = |port| Rule::new().when(tcp::dport().eq(port)).when(ct::state().has(CtState::NEW));
    let mut batch = Batch::new();
    batch.reset(&table).add(&output);
    batch.append(&output, new(80).connlimit(Connlimit::new(2).over()).counter().reject_with(RejectWith::TcpReset));
    // The same from the other side: as long as there are no more, they pass.
    batch.append(&output, new(81).connlimit(Connlimit::new(2)).counter().accept());
    batch.append(&output, new(81).counter().reject_with(RejectWith::TcpReset));
    conn.commit(&batch).unwrap();
    let [server, other] = [80, 81].map(|port| at(LOOPBACKS[0], port));
    let _listeners = [server, other].map(|server| TcpListener::bind(server).unwrap());
    let ends_count = support::linux() > (5, 10);
    for server in [server, other] {
        let mut open = vec![TcpStream::connect(server).unwrap(), TcpStream::connect(server).unwrap()];
        let refused = TcpStream::connect(server).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        // Reset, the connection is over at once.
        let last = open.pop().unwrap();
        setsockopt(&last, sockopt::Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 }).unwrap();
        drop(last);
        let deadline = Instant::now() + LONG;
        // Linux 5.10 goes on counting what was reset.
        while let (Err(error), true) = (TcpStream::connect(server), ends_count) {
            assert!(Instant::now() < deadline, "{error}");
            // What was refused counts for a moment, too.
            thread::sleep(Duration::from_millis(200));
        }
    }
    let counts = packets(&mut conn, &table, "output");
    assert!(counts[0] >= 1 && counts[2] >= 1, "{counts:?}");
    assert_eq!(counts[1], if ends_count { 3 } else { 2 });
}

pub(super) fn each_client_has_a_number_of_connections_of_its_own() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let output = output(&table);
    let clients = Set::<Ipv4Addr>::new(&table, "clients").dynamic();
    let over = ip::saddr().element().stateful(Connlimit::new(2).over());
    let new = [tcp::dport().eq(80), ct::state().has(CtState::NEW)];
    let mut batch = Batch::new();
    batch.reset(&table).add(&clients).add(&output);
    let rule = Rule::new().when_all(new).add_to(&clients, over).counter();
    batch.append(&output, rule.reject_with(RejectWith::TcpReset));
    conn.commit(&batch).unwrap();
    let server = at(LOOPBACKS[0], 80);
    let _listener = TcpListener::bind(server).unwrap();
    let connect = |host: u8| -> nix::Result<_> {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        bind(socket.as_raw_fd(), &SockaddrStorage::from(at([127, 0, 0, host], 0)))?;
        connect(socket.as_raw_fd(), &SockaddrStorage::from(server)).map(|()| socket)
    };
    let mut open = Vec::new();
    for host in [5, 6, 5, 6] {
        open.push(connect(host).unwrap());
    }
    for host in [5, 6] {
        assert_eq!(connect(host).unwrap_err(), Errno::ECONNREFUSED);
    }
    open.push(connect(7).unwrap());
    assert_eq!(packets(&mut conn, &table, "output"), [2]);
    let mut keys: Vec<_> = conn.elements(&clients).unwrap().iter().filter_map(|e| e.key().copied()).collect();
    keys.sort();
    assert_eq!(keys, [5, 6, 7].map(|host| Ipv4Addr::new(127, 0, 0, host)));
}
