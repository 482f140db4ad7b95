//! What the kernel knows of packets beside their bytes, and what tunnels carry, in the typed language.

use nftlink::datum::{EtherAddr, EtherType, FibAddrType};
use nftlink::field::{concat, ether, fib, gre, hash, rt, socket, vxlan};
use nix::sys::socket::{setsockopt, sockopt};

use super::packet::*;
use super::*;

const HERE: IpAddr = LOOPBACKS[0];

/// What may pass or be dropped, by its source address.
type Source = Ipv4Addr;

fn send(sender: &Sender, from: Source, port: u16) {
    sender.send(&Packet::udp(at(from, port), at(HERE, 9), b"?"));
}

pub(super) fn addresses_have_the_kind_that_the_routes_give_them() {
    let (mut conn, sender) = (Conn::open().unwrap(), Sender::new());
    let [unicast, local, broadcast, multicast] =
        ["10.9.9.9", "127.0.0.9", "127.255.255.255", "224.0.0.9"].map(|address| address.parse::<Source>().unwrap());
    for table in [Table::inet("fw"), Table::ip("fw")] {
        let kind = || fib::saddr().fib_type();
        let rules = [
            says(kind().eq(FibAddrType::LOCAL), move |from| *from == local),
            says(kind().ne(FibAddrType::LOCAL), move |from| *from != local),
            says(kind().eq(FibAddrType::UNICAST), move |from| *from == unicast),
            says(fib::saddr().and_oif().fib_type().eq(FibAddrType::MULTICAST), move |from| *from == multicast),
            says(kind().one_of([FibAddrType::LOCAL, FibAddrType::BROADCAST]), move |from| {
                [local, broadcast].contains(from)
            }),
            says(concat((kind(), ip::saddr())).none_of([(FibAddrType::LOCAL, local)]), move |from| *from != local),
        ];
        let judged = [unicast, local, broadcast, multicast];
        judge(&mut conn, (&table, &dead_end(&table)), |_| {}, &[], &rules, &judged, |&from| send(&sender, from, 4000));
    }
}

pub(super) fn routes_and_sockets_are_known_where_there_are_some() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let nobody = Ipv4Addr::new(127, 0, 0, 2);
    let rules = [
        says(socket::mark().eq(7), |mark: &u32| *mark == 7),
        says(socket::mark().and(0xf0).ne(0), |mark: &u32| *mark & 0xf0 != 0),
        says(socket::mark().in_range(1..=7), |mark: &u32| (1..=7).contains(mark)),
        says(concat((socket::transparent(), socket::mark())).one_of([(0, 7)]), |mark: &u32| *mark == 7),
        says(concat((rt::ip_nexthop(), socket::mark())).one_of([(Ipv4Addr::LOCALHOST, 0x10)]), |mark: &u32| {
            *mark == 0x10
        }),
        says(
            concat((rt::ip_nexthop(), socket::mark())).none_of([(nobody, 7), (Ipv4Addr::LOCALHOST, 7)]),
            |mark: &u32| *mark != 7,
        ),
    ];
    let marked = UdpSocket::bind(at(HERE, 0)).unwrap();
    judge(
        &mut conn,
        (&table, &dead_end(&table)),
        |_| {},
        &[],
        &rules,
        &[0, 7, 0x10],
        |mark| {
            setsockopt(&marked, sockopt::Mark, mark).unwrap();
            marked.send_to(b"?", at(HERE, 9)).unwrap_err();
        },
    );
}

pub(super) fn packets_of_one_sender_have_one_hash() {
    let (mut conn, sender) = (Conn::open().unwrap(), Sender::new());
    let table = Table::inet("fw");
    let chain = dead_end(&table);
    let mut batch = Batch::new();
    batch.reset(&table).add(&chain);
    append_counted(&mut batch, &chain, (0..2).map(|bucket| hash::jhash_with_seed(ip::saddr(), 0..2, 5).eq(bucket)));
    conn.commit(&batch).unwrap();
    let (mut before, mut seen) = (vec![0, 0], [0, 0]);
    for host in 1..=40 {
        (0..3).for_each(|n| send(&sender, Ipv4Addr::new(127, 0, 0, host), 4000 + n));
        let after = packets(&mut conn, &table, "output");
        let counted = [after[0] - before[0], after[1] - before[1]];
        assert!([[3, 0], [0, 3]].contains(&counted), "all in one: {counted:?}");
        seen = [seen[0] + counted[0], seen[1] + counted[1]];
        before = after;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "senders are spread: {seen:?}");
}

/// What is carried.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Carried {
    vni: u32,
    ether: EtherAddr,
    from: Source,
    port: u16,
}

impl Carried {
    fn packet(&self) -> Vec<u8> {
        Packet::udp(at(self.from, 1000), at(Ipv4Addr::new(10, 0, 0, 99), self.port), b"!").bytes()
    }

    fn in_vxlan(&self) -> Packet {
        let frame = frame(self.ether, EtherAddr::new([2, 0, 0, 0, 0, 9]), EtherType::IP, &self.packet());
        let header = [0x0800_0000u32.to_be_bytes(), (self.vni << 8).to_be_bytes()].concat();
        Packet::udp(at(HERE, 5000), at(HERE, 4789), &[header, frame].concat())
    }

    fn in_gre(&self) -> Packet {
        // A key, of which the kernel knows that it is there.
        let header = [0x2000_0800u32.to_be_bytes(), self.vni.to_be_bytes()].concat();
        Packet::new(HERE, HERE, L4Proto::GRE, [header, self.packet()].concat())
    }
}

fn carried() -> [Carried; 4] {
    let ether = |n| EtherAddr::new([2, 0, 0, 0, 0, n]);
    let one = Carried { vni: 10, ether: ether(1), from: Ipv4Addr::new(10, 0, 0, 1), port: 22 };
    [
        one,
        Carried { vni: 0x010203, ..one },
        Carried { ether: ether(2), from: Ipv4Addr::new(10, 0, 1, 1), ..one },
        Carried { port: 80, from: Ipv4Addr::new(10, 0, 0, 2), ..one },
    ]
}

pub(super) fn frames_in_vxlan_are_looked_into() {
    let (mut conn, sender) = (Conn::open().unwrap(), Sender::new());
    let table = Table::inet("fw");
    let [one, other, ..] = carried();
    let tunnel = || vxlan::inner(ip::saddr());
    let pairs = || vxlan::inner(concat((ip::saddr(), udp::dport())));
    let rules = [
        says(vxlan::vni().eq(0x010203), move |c: &Carried| c.vni == other.vni),
        says(vxlan::vni().in_range(1..=10), |c: &Carried| c.vni == 10),
        says(tunnel().eq(one.from), move |c: &Carried| c.from == one.from),
        says(tunnel().ne(one.from), move |c: &Carried| c.from != one.from),
        says(tunnel().in_prefix(one.from, 24), |c: &Carried| c.from.octets()[2] == 0),
        says(tunnel().one_of([one.from, Ipv4Addr::new(10, 0, 1, 1)]), |c: &Carried| c.port == 22),
        says(vxlan::inner(udp::dport()).eq(80), |c: &Carried| c.port == 80),
        says(vxlan::inner(ether::saddr()).ne(one.ether), move |c: &Carried| c.ether != one.ether),
        says(pairs().one_of([(Ipv4Addr::new(10, 0, 0, 2), 80)]), |c: &Carried| c.port == 80),
        says(pairs().none_of([(one.from, 22)]), move |c: &Carried| c.from != one.from),
    ];
    let port = [udp::dport().eq(4789)];
    // The port is tested again where what needs it is.
    let rules = rules.map(|(matching, says)| (vec![port[0].clone(), matching], says));
    judge_all(&mut conn, &table, rules, |c| sender.send(&c.in_vxlan()));
}

pub(super) fn packets_in_gre_are_looked_into() {
    let (mut conn, sender) = (Conn::open().unwrap(), Sender::new());
    let table = Table::inet("fw");
    let [one, ..] = carried();
    let rules = [
        says(gre::inner(ip::saddr()).eq(one.from), move |c: &Carried| c.from == one.from),
        says(gre::inner(ip::saddr()).in_prefix(one.from, 24), |c: &Carried| c.from.octets()[2] == 0),
        says(gre::inner(udp::dport()).ne(80), |c: &Carried| c.port != 80),
    ];
    judge_all(&mut conn, &table, rules.map(|(matching, says)| (vec![matching], says)), |c| sender.send(&c.in_gre()));
}

/// Compares which rules match each of what is carried; each has to match some and others not.
fn judge_all<const N: usize>(
    conn: &mut Conn,
    table: &Table,
    rules: [(Vec<Match>, Says<Carried>); N],
    send: impl Fn(&Carried),
) {
    let chain = dead_end(table);
    let mut batch = Batch::new();
    batch.reset(table).add(&chain);
    for (matches, _) in &rules {
        batch.append(&chain, Rule::new().when_all(matches.clone()).counter());
    }
    conn.commit(&batch).unwrap();
    let mut before = vec![0; N];
    for carried in carried() {
        send(&carried);
        let after = packets(conn, table, "output");
        for (((rule, says), before), after) in rules.iter().zip(&before).zip(&after) {
            assert_eq!(after - before, says(&carried).into(), "{carried:?}: {rule:?}");
        }
        before = after;
    }
    for ((rule, _), matched) in rules.iter().zip(before) {
        assert!((1..4).contains(&matched), "some match, and others do not: {rule:?}");
    }
}
