//! Sets and maps, named and of a rule's own: each is looked up at the edges of what it has.

use nftlink::datum::{EtherType, IfName, TcpFlags};
use nftlink::expr::Verdict;
use nftlink::field::{concat, th};
use nftlink::{Map, RuleBuilder};

use super::packet::*;
use super::*;

const HERE: IpAddr = LOOPBACKS[0];

/// Packets that differ in port, mark and length.
fn datagrams(ports: &[u16], marks: &[u32]) -> Vec<Packet> {
    let all = ports.iter().flat_map(|&port| marks.iter().map(move |&mark| (port, mark)));
    all.map(|(port, mark)| Packet::udp(at(HERE, 4000), at(HERE, port), b"?").mark(mark)).collect()
}

fn judge_on(
    table: &Table,
    set_up: impl FnOnce(&mut Batch),
    rules: &[(Match, Says<Packet>)],
    judged: &[Packet],
) -> Conn {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    judge(&mut conn, (table, &dead_end(table)), set_up, &[], rules, judged, |p| sender.send(p));
    conn
}

pub(super) fn orders_hold_at_their_borders() {
    let table = Table::inet("fw");
    // As bytes of a little-endian machine 0x100 is less than 0xff, and 0x01ff more than 0x0200.
    let rules = [
        says(udp::dport().lt(0x100), |p: &Packet| p.dport() < 0x100),
        says(udp::dport().le(0x100), |p: &Packet| p.dport() <= 0x100),
        says(udp::dport().gt(0x100), |p: &Packet| p.dport() > 0x100),
        says(udp::dport().ge(0x100), |p: &Packet| p.dport() >= 0x100),
        says(udp::dport().lt(u16::MAX), |p: &Packet| p.dport() < u16::MAX),
        says(udp::dport().gt(1), |p: &Packet| p.dport() > 1),
        says(meta::mark().lt(0x100), |p: &Packet| p.mark < 0x100),
        says(meta::mark().le(0x100), |p: &Packet| p.mark <= 0x100),
        says(meta::mark().gt(0x100), |p: &Packet| p.mark > 0x100),
        says(meta::mark().ge(0x100), |p: &Packet| p.mark >= 0x100),
        says(meta::mark().lt(1), |p: &Packet| p.mark < 1),
        says(meta::mark().ge(u32::MAX), |p: &Packet| p.mark == u32::MAX),
        says(ip::saddr().lt(Ipv4Addr::new(127, 0, 1, 0)), |p: &Packet| p.from < Ipv4Addr::new(127, 0, 1, 0)),
        says(ip::saddr().ge(Ipv4Addr::new(127, 0, 1, 0)), |p: &Packet| p.from >= Ipv4Addr::new(127, 0, 1, 0)),
    ];
    let mut judged = datagrams(&[1, 0xff, 0x100, 0x101, 0x01ff, 0x0200, u16::MAX], &[0]);
    judged.extend(datagrams(&[1], &[1, 0xff, 0x100, 0x101, 0x0001_0000, 0xff00_0000, u32::MAX]));
    for address in [[127, 0, 0, 255], [127, 0, 1, 0], [127, 0, 1, 1]] {
        judged.push(Packet::udp(at(address, 4000), at(HERE, 1), b""));
    }
    judge_on(&table, |_| {}, &rules, &judged);
}

pub(super) fn bits_of_marks_are_computed() {
    let table = Table::inet("fw");
    let some = Set::<Mark>::new(&table, "some");
    let rules = [
        says(meta::mark().and(0xff).eq(0x10), |p: &Packet| p.mark & 0xff == 0x10),
        says(meta::mark().and(0xff00).ne(0), |p: &Packet| p.mark & 0xff00 != 0),
        says(meta::mark().or(0xff).eq(0x01ff), |p: &Packet| p.mark | 0xff == 0x01ff),
        says(meta::mark().xor(0x0110).eq(0), |p: &Packet| p.mark ^ 0x0110 == 0),
        says(meta::mark().shl(4).eq(0x1100), |p: &Packet| p.mark << 4 == 0x1100),
        says(meta::mark().shl(8).lt(0x0001_0000), |p: &Packet| p.mark << 8 < 0x0001_0000),
        says(meta::mark().shr(8).eq(1), |p: &Packet| p.mark >> 8 == 1),
        says(meta::mark().shr(4).ge(0x11), |p: &Packet| p.mark >> 4 >= 0x11),
        // One after another, in one step or in several.
        says(meta::mark().and(0xff).or(0x0200).eq(0x0210), |p: &Packet| p.mark & 0xff | 0x0200 == 0x0210),
        says(meta::mark().or(0x0f).and(0xff).eq(0x1f), |p: &Packet| (p.mark | 0x0f) & 0xff == 0x1f),
        says(meta::mark().xor(0xff).and(0xf0).eq(0xe0), |p: &Packet| (p.mark ^ 0xff) & 0xf0 == 0xe0),
        says(meta::mark().shr(4).and(0x0f).eq(1), |p: &Packet| (p.mark >> 4) & 0x0f == 1),
        says(meta::mark().and(0xf0).shl(4).eq(0x0100), |p: &Packet| (p.mark & 0xf0) << 4 == 0x0100),
        says(meta::mark().and(0xff).one_of([0, 0x10]), |p: &Packet| [0, 0x10].contains(&(p.mark & 0xff))),
        says(meta::mark().and(0xff).in_range(1..=0x10), |p: &Packet| (1..=0x10).contains(&(p.mark & 0xff))),
        says(meta::mark().shr(8).in_set(&some), |p: &Packet| p.mark >> 8 == 1),
        says(ip::saddr().and(Ipv4Addr::new(0, 0, 0, 255)).eq(Ipv4Addr::new(0, 0, 0, 9)), |p: &Packet| {
            p.from == Ipv4Addr::new(127, 0, 0, 9)
        }),
    ];
    let set_up = |batch: &mut Batch| {
        batch.add(&some).add_elements(&some, [1]);
    };
    let marks = [0, 0x0f, 0x10, 0x11, 0xff, 0x0100, 0x0110, 0x01ff, 0x0210, 0x1000, 0x0110_0000, 0xff00_0010];
    let mut judged = datagrams(&[9], &marks);
    judged.push(Packet::udp(at([127, 0, 0, 9], 4000), at(HERE, 9), b""));
    judge_on(&table, set_up, &rules, &judged);
}

pub(super) fn one_of_and_none_of_hold_at_their_edges() {
    let table = Table::inet("fw");
    let ports =
        || [Interval::value(22), Interval::range(80..=90), Interval::range(91..=92), Interval::at_least(0xff00)];
    let has_port = |p: &Packet| matches!(p.dport(), 22 | 80..=92 | 0xff00..);
    let marks = || [Interval::range(0x10..=0x100), Interval::value(0x1000)];
    let has_mark = |p: &Packet| matches!(p.mark, 0x10..=0x100 | 0x1000);
    let nets = || [Interval::prefix(Ipv4Addr::new(127, 8, 0, 0), 13), Interval::value(Ipv4Addr::new(127, 0, 0, 9))];
    let [first, last] = [Ipv4Addr::new(127, 8, 0, 0), Ipv4Addr::new(127, 15, 255, 255)];
    let in_net = move |p: &Packet| {
        (IpAddr::from(first)..=last.into()).contains(&p.from) || p.from == Ipv4Addr::new(127, 0, 0, 9)
    };
    let link = |name: &str| IfName::new(name);
    let rules = [
        says(udp::dport().one_of([22, 80, 92]), |p: &Packet| [22, 80, 92].contains(&p.dport())),
        says(udp::dport().none_of([22, 80, 92]), |p: &Packet| ![22, 80, 92].contains(&p.dport())),
        says(udp::dport().one_of(ports()), has_port),
        says(udp::dport().none_of(ports()), move |p: &Packet| !has_port(p)),
        says(udp::dport().one_of([22]), |p: &Packet| p.dport() == 22),
        says(udp::dport().none_of([80..=92]), |p: &Packet| !(80..=92).contains(&p.dport())),
        says(udp::dport().one_of([80..=85, 86..=90]), |p: &Packet| (80..=90).contains(&p.dport())),
        says(meta::mark().one_of([0x10, 0x100]), |p: &Packet| [0x10, 0x100].contains(&p.mark)),
        says(meta::mark().one_of(marks()), has_mark),
        says(meta::mark().none_of(marks()), move |p: &Packet| !has_mark(p)),
        says(meta::mark().one_of([0x10..=0x100]), |p: &Packet| (0x10..=0x100).contains(&p.mark)),
        says(ip::saddr().one_of(nets()), in_net),
        says(ip::saddr().none_of(nets()), move |p: &Packet| !in_net(p)),
        says(ip::saddr().one_of([Interval::prefix(first, 13)]), move |p: &Packet| {
            in_net(p) && p.from != Ipv4Addr::new(127, 0, 0, 9)
        }),
        says(meta::length().one_of([Interval::range(30..=300)]), |p: &Packet| (30..=300).contains(&p.len())),
        says(meta::length().one_of([Interval::range(30..=300), Interval::value(20)]), |p: &Packet| {
            (30..=300).contains(&p.len())
        }),
    ];
    let mut judged = datagrams(&[1, 21, 22, 23, 79, 80, 85, 86, 90, 91, 92, 93, 0xfeff, 0xff00, u16::MAX], &[0]);
    judged.extend(datagrams(&[1], &[0x0f, 0x10, 0x11, 0xff, 0x100, 0x101, 0xfff, 0x1000, 0x1001, 0x1000_0000]));
    for from in [[127, 7, 255, 255], [127, 8, 0, 0], [127, 15, 255, 255], [127, 16, 0, 0], [127, 0, 0, 9]] {
        judged.push(Packet::udp(at(from, 4000), at(HERE, 1), b""));
    }
    judged.extend([272, 273].map(|len| Packet::udp(at(HERE, 4000), at(HERE, 1), &vec![0; len])));
    let mut conn = judge_on(&table, |_| {}, &rules, &judged);

    // All of them go out by one interface.
    let output = dead_end(&table);
    let links = [
        (meta::oifname().one_of([link("lo"), link("eth0")]), 1),
        (meta::oifname().none_of([link("lo"), link("eth0")]), 0),
        (meta::oifname().one_of([Interval::starting_with("l"), Interval::value("eth0")]), 1),
        (meta::oifname().one_of([Interval::starting_with("lo1"), Interval::value("eth0")]), 0),
        (meta::oifname().none_of([Interval::starting_with("e")]), 1),
    ];
    let mut batch = Batch::new();
    batch.reset(&table).add(&output);
    append_counted(&mut batch, &output, links.iter().map(|(rule, _)| rule.clone()));
    conn.commit(&batch).unwrap();
    Sender::new().send(&judged[0]);
    assert_eq!(packets(&mut conn, &table, "output"), links.map(|(_, says)| says));
}

pub(super) fn concatenations_hold_at_the_edges_of_each_field() {
    let table = Table::inet("fw");
    let (low, high) = (Ipv4Addr::new(127, 0, 0, 10), Ipv4Addr::new(127, 0, 1, 20));
    let single = Ipv4Addr::new(127, 9, 9, 9);
    let plain = Set::<(Ipv4Addr, Port)>::new(&table, "plain");
    let ranged = Set::<(Interval<Ipv4Addr>, Interval<Port>)>::new(&table, "ranged");
    let mixed = Set::<(Interval<Mark>, Port)>::new(&table, "mixed");
    let three = Set::<(L4Proto, Mark, Ipv4Addr)>::new(&table, "three");
    let links = Set::<(IfName, Port)>::new(&table, "links");
    let in_low = move |p: &Packet| p.from == low;
    let in_range = move |p: &Packet| (IpAddr::from(low)..=high.into()).contains(&p.from);
    let in_ports = |p: &Packet| (0xff..=0x100).contains(&p.dport());
    let address_port = || concat((ip::saddr(), udp::dport()));
    let mark_port = || concat((meta::mark(), udp::dport()));
    let rules = [
        says(address_port().in_set(&plain), move |p: &Packet| in_low(p) && p.dport() == 0xff),
        says(address_port().not_in_set(&plain), move |p: &Packet| !(in_low(p) && p.dport() == 0xff)),
        says(address_port().in_set(&ranged), move |p: &Packet| {
            in_range(p) && in_ports(p) || p.from == single && p.dport() == 0x200
        }),
        says(address_port().not_in_set(&ranged), move |p: &Packet| {
            !(in_range(p) && in_ports(p) || p.from == single && p.dport() == 0x200)
        }),
        says(mark_port().in_set(&mixed), |p: &Packet| (0x10..=0x100).contains(&p.mark) && p.dport() == 0xff),
        says(concat((meta::l4proto(), meta::mark(), ip::saddr())).in_set(&three), move |p: &Packet| {
            p.mark == 0x100 && in_low(p)
        }),
        says(concat((meta::oifname(), udp::dport())).in_set(&links), |p: &Packet| p.dport() == 0x200),
        // The same, of a rule's own.
        says(address_port().one_of([(low, 0xff), (single, 0x100)]), move |p: &Packet| {
            in_low(p) && p.dport() == 0xff || p.from == single && p.dport() == 0x100
        }),
        says(address_port().none_of([(low, 0xff), (single, 0x100)]), move |p: &Packet| {
            !(in_low(p) && p.dport() == 0xff || p.from == single && p.dport() == 0x100)
        }),
        says(address_port().one_of([(low..=high, 0xff..=0x100)]), move |p: &Packet| in_range(p) && in_ports(p)),
        says(
            mark_port().one_of([
                (Interval::range(0x10..=0x100), Interval::value(0xff)),
                (Interval::value(0), Interval::at_least(0x101)),
            ]),
            |p: &Packet| (0x10..=0x100).contains(&p.mark) && p.dport() == 0xff || p.mark == 0 && p.dport() >= 0x101,
        ),
        says(concat((meta::mark(), meta::mark())).one_of([(0x10, 0x10), (0x100, 0x10)]), |p: &Packet| p.mark == 0x10),
        says(concat((meta::mark().and(0xff), udp::dport())).one_of([(0x10, 0xff)]), |p: &Packet| {
            p.mark & 0xff == 0x10 && p.dport() == 0xff
        }),
        says(
            concat((meta::length(), udp::dport())).one_of([(Interval::range(20..=0x100), Interval::value(0xff))]),
            |p: &Packet| p.dport() == 0xff,
        ),
    ];
    let set_up = |batch: &mut Batch| {
        batch.add(&plain).add(&ranged).add(&mixed).add(&three).add(&links);
        batch.add_elements(&plain, [(low, 0xff)]).add_elements(&ranged, [(low..=high, 0xff..=0x100)]);
        batch.add_elements(&ranged, [(single, 0x200)]);
        batch.add_elements(&mixed, [(Interval::range(0x10..=0x100), 0xff)]);
        batch.add_elements(&three, [(L4Proto::UDP, 0x100, low), (L4Proto::TCP, 0x10, low)]);
        batch.add_elements(&links, [("lo", 0x200), ("eth0", 0xff)]);
    };
    let mut judged = datagrams(&[0xff, 0x100, 0x101], &[0, 0x0f, 0x10, 0x100, 0x101, 0x1010, 0x1000_0000]);
    for last in [[0, 9], [0, 10], [0, 255], [1, 20], [1, 21]] {
        let from = [127, 0, last[0], last[1]];
        for port in [0xfe, 0xff, 0x100, 0x101] {
            judged.push(Packet::udp(at(from, 4000), at(HERE, port), b""));
        }
    }
    judged.push(Packet::udp(at(low, 4000), at(HERE, 9), b"").mark(0x100));
    judged.push(Packet::udp(at(low, 4000), at(HERE, 9), b"").mark(0x10));
    judged.extend([0xff, 0x100, 0x200].map(|port| Packet::udp(at(single, 4000), at(HERE, port), b"")));
    judge_on(&table, set_up, &rules, &judged);
}

pub(super) fn verdict_maps_decide_by_value_range_and_the_rest() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let (jumped, gone) = (table.chain("jumped"), table.chain("gone"));
    let named = Map::<Interval<Port>, Verdict>::new(&table, "named");
    let plain = Map::<(Ipv4Addr, Port), Verdict>::new(&table, "plain");
    let elements = || {
        [
            Element::<Interval<Port>>::new(22).to(Verdict::ACCEPT),
            Element::new(80..=90).to(Verdict::jump(&jumped)),
            Element::new(91..=92).to(Verdict::goto(&gone)),
            Element::new(93).to(Verdict::DROP),
        ]
    };
    // Which chains count each port: the one jumped to, the one gone to, and what follows the map.
    type Counted = [u64; 3];
    let without_rest: [(u16, Counted); 9] = [
        (22, [0, 0, 0]),
        (79, [0, 0, 1]),
        (80, [1, 0, 1]),
        (90, [1, 0, 1]),
        (91, [0, 1, 0]),
        (92, [0, 1, 0]),
        (93, [0, 0, 0]),
        (94, [0, 0, 1]),
        (0xff00, [0, 0, 1]),
    ];
    let with_rest = without_rest.map(|(port, counted)| match port {
        79 | 94 | 0xff00 => (port, [0, 1, 0]),
        _ => (port, counted),
    });
    let rest = || Element::<Interval<Port>>::catch_all().to(Verdict::goto(&gone));
    let concatenated = || {
        let here = Ipv4Addr::LOCALHOST;
        [((here, 80), Verdict::jump(&jumped)), ((here, 91), Verdict::goto(&gone)), ((here, 22), Verdict::ACCEPT)]
    };
    let of_pairs = without_rest.map(|(port, _)| match port {
        80 => (port, [1, 0, 1]),
        91 => (port, [0, 1, 0]),
        22 => (port, [0, 0, 0]),
        _ => (port, [0, 0, 1]),
    });
    type SetUp<'a> = Box<dyn Fn(&mut Batch) + 'a>;
    type Case<'a> = (RuleBuilder, SetUp<'a>, [(u16, Counted); 9]);
    let cases: Vec<Case<'_>> = vec![
        (Rule::new().vmap(udp::dport(), elements()), Box::new(|_| {}), without_rest),
        (
            Rule::new().vmap(udp::dport(), elements().into_iter().chain([rest()]).collect::<Vec<_>>()),
            Box::new(|_| {}),
            with_rest,
        ),
        (
            Rule::new().vmap(udp::dport(), &named),
            Box::new(|batch| {
                batch.add(&named).add_elements(&named, elements());
            }),
            without_rest,
        ),
        (
            Rule::new().vmap(udp::dport(), &named),
            Box::new(|batch| {
                batch.add(&named).add_elements(&named, elements()).add_elements(&named, [rest()]);
            }),
            with_rest,
        ),
        (Rule::new().vmap(concat((ip::daddr(), udp::dport())), concatenated()), Box::new(|_| {}), of_pairs),
        (
            Rule::new().vmap(concat((ip::daddr(), udp::dport())), &plain),
            Box::new(|batch| {
                batch.add(&plain).add_elements(&plain, concatenated());
            }),
            of_pairs,
        ),
    ];
    let passing = receiver(at(HERE, 22));
    for (number, (rule, set_up, expected)) in cases.into_iter().enumerate() {
        let mut batch = Batch::new();
        batch.reset(&table).add(&jumped).add(&gone).add(&output);
        set_up(&mut batch);
        batch.append(&output, rule).append(&output, Rule::new().counter());
        batch.append(&jumped, Rule::new().counter()).append(&gone, Rule::new().counter());
        conn.commit(&batch).unwrap();
        let mut before = [0; 3];
        for (port, counted) in expected {
            sender.send(&Packet::udp(at(HERE, 4000), at(HERE, port), b""));
            let after = ["jumped", "gone", "output"].map(|chain| packets(&mut conn, &table, chain)[0]);
            let since = [0, 1, 2].map(|n| after[n] - before[n]);
            assert_eq!(since, counted, "map {number}, port {port}");
            before = after;
        }
        // The policy drops; only what is accepted comes out.
        passing.recv(&mut [0; 9]).unwrap();
    }
}

pub(super) fn marks_come_from_maps_of_ports() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let named = Map::<Port, Mark>::new(&table, "named");
    let ranges = Map::<Interval<Port>, Mark>::new(&table, "ranges");
    let from_marks = Map::<Interval<Mark>, Mark>::new(&table, "from_marks");
    let set = |lookup| Rule::new().set(meta::mark(), lookup);
    // The mark afterwards of a packet that came with mark 0x50, by its port.
    type Expected = fn(u16) -> u32;
    let in_ranges: Expected = |port| if (80..=90).contains(&port) { 0x100 } else { 0x50 };
    let cases: [(RuleBuilder, Expected); 6] = [
        (set(udp::dport().map([(22, 1), (80, 0x100)])), |port| match port {
            22 => 1,
            80 => 0x100,
            _ => 0x50,
        }),
        (set(udp::dport().map([(Interval::range(80..=90), 0x100), (Interval::value(22), 2)])), |port| match port {
            22 => 2,
            80..=90 => 0x100,
            _ => 0x50,
        }),
        (
            set(udp::dport().map([
                Element::<Interval<Port>>::new(22).to::<Mark>(1),
                Element::<Interval<Port>>::catch_all().to::<Mark>(9),
            ])),
            |port| if port == 22 { 1 } else { 9 },
        ),
        (set(udp::dport().map(&named)), |port| if port == 22 { 0x0101_0000 } else { 0x50 }),
        (set(udp::dport().map(&ranges)), in_ranges),
        // Keys that are numbers of the host's order: swapped before they are looked up.
        (set(meta::mark().map(&from_marks)), |_| 0x77),
    ];
    for (number, (rule, expected)) in cases.into_iter().enumerate() {
        let mut batch = Batch::new();
        batch.reset(&table).add(&named).add(&ranges).add(&from_marks).add(&output);
        batch.add_elements(&named, [(22, 0x0101_0000)]).add_elements(&ranges, [(80..=90, 0x100)]);
        batch.add_elements(&from_marks, [(0x4f..=0x100, 0x77)]);
        batch.append(&output, rule);
        let ports = [21, 22, 79, 80, 90, 91];
        for port in ports {
            let matches = [udp::dport().eq(port), meta::mark().eq(expected(port))];
            batch.append(&output, Rule::new().when_all(matches).counter());
        }
        conn.commit(&batch).unwrap();
        ports.iter().for_each(|&port| sender.send(&Packet::udp(at(HERE, 4000), at(HERE, port), b"").mark(0x50)));
        assert_eq!(packets(&mut conn, &table, "output"), [1; 6], "map {number}");
    }
}

// ---- translation by maps ----

/// Serves at each of these, and returns who has been reached from `from`: which server, and whom it saw.
fn reached(from: &Client, to: SocketAddr) -> (SocketAddr, SocketAddr) {
    let answer = from.ask(to);
    answer.server().zip(answer.client()).unwrap_or_else(|| panic!("{to}: {answer}"))
}

pub(super) fn dnat_goes_where_a_map_leads() {
    let mut conn = Conn::open().unwrap();
    both(&mut conn, mapped::<Ipv4Addr>, mapped::<Ipv6Addr>);

    fn mapped<V: Ip>(conn: &mut Conn)
    where
        NatTarget: From<nftlink::field::MapLookup<V>> + From<nftlink::field::MapLookup<(V, Port)>>,
    {
        let here = Namespace::current().unwrap();
        let [client, published, first, second] = [1, 2, 3, 4].map(|host| V::host(6, host));
        for address in [client, published, first, second] {
            here.address("lo", address, V::BITS).unwrap();
        }
        let _servers = serve(&here, [first, second].into_iter().flat_map(|ip| [80, 90, 8001].map(|port| at(ip, port))));
        for table in tables::<V>() {
            let nat = table.chain("nat").nat(Hook::OUTPUT, Priority::DSTNAT);
            let by_port = Map::<Port, V>::new(&table, "by_port");
            let published_ports = Map::<(V, Port), (V, Port)>::new(&table, "published");
            let mut batch = Batch::new();
            batch.reset(&table).add(&by_port).add(&published_ports).add(&nat);
            batch.add_elements(&by_port, [(8001, second)]);
            batch.add_elements(&published_ports, [((published, 8080), (first, 80)), ((published, 8443), (second, 90))]);
            for dport in [udp::dport as fn() -> Field<Port, Write>, tcp::dport] {
                let to = V::daddr().eq(published);
                let family = meta::nfproto().eq(V::FAMILY);
                let ours = || Rule::new().when(family.clone()).when(to.clone());
                // To an address; to an address and a port; to another port of the same.
                batch.append(&nat, ours().dnat(dport().map::<V>(&by_port)));
                batch.append(&nat, ours().dnat(concat((V::daddr(), dport())).map::<(V, Port)>(&published_ports)));
                batch.append(&nat, ours().dnat(dport().map::<(V, Port)>([(81, (first, 90)), (82, (second, 80))])));
                batch.append(&nat, ours().dnat(dport().map::<V>([(Interval::range(80..=90), first)])));
                batch.append(&nat, Rule::new().when(V::daddr().eq(second)).dnat(dport().map::<Port>([(1080, 80)])));
            }
            conn.commit(&batch).unwrap();
            for (to, expected) in [
                (at(published, 8001), at(second, 8001)),
                (at(published, 8080), at(first, 80)),
                (at(published, 8443), at(second, 90)),
                (at(published, 81), at(first, 90)),
                (at(published, 82), at(second, 80)),
                (at(published, 80), at(first, 80)),
                (at(published, 90), at(first, 90)),
                (at(second, 1080), at(second, 80)),
                (at(second, 90), at(second, 90)),
            ] {
                for from in [udp_from(&here, client), tcp_from(&here, client)] {
                    assert_eq!(reached(&from, to).0, expected, "{table:?}: {to}");
                }
            }
            // What is in no map goes nowhere.
            let udp = Client::udp(&here, at(client, 0)).unwrap();
            assert_eq!(udp.ask(at(published, 9999)), Answer::Refused(std::io::ErrorKind::ConnectionRefused));
            conn.commit(Batch::new().delete(&table)).unwrap();
        }
    }
}

pub(super) fn snat_comes_from_where_a_map_says() {
    let mut conn = Conn::open().unwrap();
    both(&mut conn, mapped::<Ipv4Addr>, mapped::<Ipv6Addr>);

    fn mapped<V: Ip>(conn: &mut Conn)
    where
        NatTarget: From<nftlink::field::MapLookup<V>> + From<nftlink::field::MapLookup<(V, Port)>>,
    {
        let here = Namespace::current().unwrap();
        let [one, other, server, hidden, public] = [1, 2, 3, 4, 5].map(|host| V::host(7, host));
        for address in [one, other, server, hidden, public] {
            here.address("lo", address, V::BITS).unwrap();
        }
        let _servers = serve(&here, [80, 81].map(|port| at(server, port)));
        let table = Table::inet("fw");
        let nat = table.chain("nat").nat(Hook::POSTROUTING, Priority::SRCNAT);
        let sources = Map::<Interval<V>, V>::new(&table, "sources");
        let mut batch = Batch::new();
        batch.reset(&table).add(&sources).add(&nat).add_elements(&sources, [(one..=one, hidden)]);
        for dport in [udp::dport as fn() -> Field<Port, Write>, tcp::dport] {
            let family = || Rule::new().when(meta::nfproto().eq(V::FAMILY));
            let to = |port| family().when(dport().eq(port));
            batch.append(&nat, to(80).snat(V::saddr().map::<V>(&sources)));
            batch.append(&nat, to(81).snat(V::saddr().map::<(V, Port)>([(one, (public, 7000))])));
        }
        conn.commit(&batch).unwrap();
        for (from, port, seen, seen_port) in
            [(one, 80, hidden, None), (other, 80, other, None), (one, 81, public, Some(7000)), (other, 81, other, None)]
        {
            for client in [udp_from(&here, from), tcp_from(&here, from)] {
                let (_, who) = reached(&client, at(server, port));
                assert_eq!(who.ip(), Into::<IpAddr>::into(seen), "from {from} to {port}");
                assert!(seen_port.is_none_or(|port| who.port() == port), "{who}");
            }
        }
        conn.commit(Batch::new().delete(&table)).unwrap();
    }
}

pub(super) fn flags_choose_a_mark_from_a_map() {
    // A map whose key is computed.
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let opening = tcp::flags().masked(TcpFlags::SYN | TcpFlags::ACK);
    let marks = opening.map([(TcpFlags::SYN, 1), (TcpFlags::SYN | TcpFlags::ACK, 2)]);
    let mut batch = Batch::new();
    batch.reset(&table).add(&output).append(&output, Rule::new().set(meta::mark(), marks));
    append_counted(&mut batch, &output, [0, 1, 2].map(|mark| meta::mark().eq(mark)));
    conn.commit(&batch).unwrap();
    for flags in [TcpFlags::SYN | TcpFlags::PSH, TcpFlags::SYN | TcpFlags::ACK, TcpFlags::ACK, TcpFlags::RST] {
        sender.send(&Packet::tcp(at(HERE, 1), at(HERE, 2), flags));
    }
    assert_eq!(packets(&mut conn, &table, "output"), [2, 1, 1]);
}

pub(super) fn rule_knows_of_a_packet_what_it_has_tested() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let two = [L4Proto::TCP, L4Proto::UDP];
    let udp = || udp::dport().eq(2);
    let here = || ip::saddr().eq(Ipv4Addr::LOCALHOST);
    // How many of a datagram and a segment, of IPv4 and IPv6, come through.
    let rules = [
        (vec![meta::l4proto().eq(L4Proto::UDP), udp()], 2),
        (vec![meta::l4proto().ne(L4Proto::TCP), udp()], 2),
        (vec![meta::l4proto().ne(L4Proto::UDP), udp()], 0),
        (vec![meta::l4proto().in_range(L4Proto::TCP..=L4Proto::UDP), udp()], 2),
        (vec![meta::l4proto().one_of(two), th::dport().eq(2)], 4),
        (vec![meta::l4proto().one_of(two), udp()], 2),
        (vec![meta::l4proto().none_of(two), udp()], 0),
        (vec![ip::protocol().one_of(two), udp()], 1),
        (vec![ip6::nexthdr().eq(L4Proto::UDP), udp()], 1),
        (vec![meta::nfproto().eq(Family::IP), here()], 2),
        (vec![meta::nfproto().ne(Family::IP), here()], 0),
        (vec![meta::nfproto().ne(Family::IP6), here(), udp()], 1),
        (vec![meta::protocol().ne(EtherType::IP), ip6::hoplimit().eq(64)], 2),
    ];
    let mut batch = Batch::new();
    batch.reset(&table).add(&output);
    for (matches, _) in &rules {
        batch.append(&output, Rule::new().when_all(matches.clone()).counter());
    }
    conn.commit(&batch).unwrap();
    for ip in LOOPBACKS {
        sender.send(&Packet::udp(at(ip, 1), at(ip, 2), b""));
        sender.send(&Packet::tcp(at(ip, 1), at(ip, 2), TcpFlags::SYN));
    }
    assert_eq!(packets(&mut conn, &table, "output"), rules.map(|(_, passes)| passes));
}

pub(super) fn one_rule_translates_ports_of_two_protocols() {
    let mut conn = Conn::open().unwrap();
    let here = Namespace::current().unwrap();
    let _servers = serve(&here, LOOPBACKS.map(|ip| at(ip, 53)));
    let table = Table::inet("fw");
    let nat = table.chain("nat").nat(Hook::OUTPUT, Priority::DSTNAT);
    let both = || Rule::new().when(meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP]));
    let mut batch = Batch::new();
    batch.reset(&table).add(&nat);
    batch.append(&nat, both().when(th::dport().eq(1053)).redirect_to(53));
    batch.append(&nat, both().when(th::dport().eq(1054)).dnat(NatTarget::port(53)));
    conn.commit(&batch).unwrap();
    for ip in LOOPBACKS {
        for client in [udp_from(&here, ip), tcp_from(&here, ip)] {
            assert_eq!([1053, 1054].map(|port| reached(&client, at(ip, port)).0), [at(ip, 53); 2]);
        }
    }
}
