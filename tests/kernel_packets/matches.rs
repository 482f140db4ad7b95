//! Comparisons: each matches the packets that it says, and no others.

use nftlink::datum::IfName;
use nix::sys::socket::{setsockopt, sockopt};

use super::*;

pub(super) fn comparisons_of_addresses_match_what_they_say() {
    let mut cable = cable();
    both(&mut cable, compare::<Ipv4Addr>, compare::<Ipv6Addr>);

    type Says<V> = Box<dyn Fn(V) -> bool>;

    fn compare<V: Ip>(cable: &mut Cable) {
        let mut sources: Vec<V> = around_the_edges().into_iter().map(|(source, _)| source).collect();
        sources.push(V::host(8, 5));
        let server = cable.addresses(&sources);
        let _server = Server::udp(&cable.server, at(server, 7)).unwrap();
        let (from, to, one) = (V::host(1, 10), V::host(1, 20), V::host(8, 5));
        for table in tables::<V>() {
            let set = Set::<V>::new(&table, "plain");
            let ranges = Set::<Interval<V>>::new(&table, "ranges");
            let in_ranges = |a: V| intervals::<V>().iter().any(|i| (*i.start()..=*i.end()).contains(&a));
            let (saddr, daddr) = (V::saddr(), V::daddr());
            let rules: Vec<(Match, Says<V>)> = vec![
                (saddr.eq(one), Box::new(move |a| a == one)),
                (saddr.ne(one), Box::new(move |a| a != one)),
                (saddr.in_range(from..=to), Box::new(move |a| (from..=to).contains(&a))),
                (saddr.not_in_range(from..=to), Box::new(move |a| !(from..=to).contains(&a))),
                (saddr.in_range(one..=one), Box::new(move |a| a == one)),
                (saddr.not_in_range(one..=one), Box::new(move |a| a != one)),
                // Whole bytes, with host bits that do not matter.
                (saddr.in_prefix(one, V::NET), Box::new(|a| a.is_in(8))),
                (saddr.not_in_prefix(one, V::NET), Box::new(move |a| !a.is_in(8))),
                (saddr.in_prefix(one, 8), Box::new(|_| true)),
                (saddr.not_in_prefix(one, 8), Box::new(|_| false)),
                // Parts of a byte.
                (saddr.in_prefix(one, V::NET - 3), Box::new(|a| (8..16).any(|n| a.is_in(n)))),
                (saddr.not_in_prefix(one, V::NET - 3), Box::new(|a| !(8..16).any(|n| a.is_in(n)))),
                (saddr.in_prefix(one, V::BITS - 1), Box::new(move |a| a == one)),
                (saddr.in_prefix(one, V::BITS), Box::new(move |a| a == one)),
                (saddr.in_prefix(one, 0), Box::new(|_| true)),
                (saddr.not_in_prefix(one, 0), Box::new(|_| false)),
                (saddr.in_set(&set), Box::new(move |a| a == one || a == from)),
                (saddr.not_in_set(&set), Box::new(move |a| a != one && a != from)),
                (saddr.in_set(&ranges), Box::new(in_ranges)),
                (saddr.not_in_set(&ranges), Box::new(move |a| !in_ranges(a))),
                (daddr.eq(server), Box::new(|_| true)),
                (daddr.ne(server), Box::new(|_| false)),
                (daddr.in_set(&set), Box::new(|_| false)),
                (daddr.in_prefix(V::host(200, 0), V::NET), Box::new(|_| true)),
            ];
            let set_up = |batch: &mut Batch| {
                batch.add(&set).add(&ranges).add_elements(&set, [one, from]).add_elements(&ranges, intervals());
            };
            probe(&mut cable.conn, &table, set_up, rules.iter().map(|(rule, _)| rule.clone()));
            let mut before = vec![0; rules.len()];
            for &source in &sources {
                cable.pass(source, at(server, 7));
                let after = packets(&mut cable.conn, &table, "probe");
                for (((rule, says), before), after) in rules.iter().zip(&before).zip(&after) {
                    assert_eq!(after - before, says(source).into(), "{table:?} {source}: {rule:?}");
                }
                before = after;
            }
        }
    }
}

pub(super) fn comparisons_of_ports_match_what_they_say() {
    let mut cable = cable();
    let (client4, server4) = cable.address::<Ipv4Addr>();
    let (client6, server6) = cable.address::<Ipv6Addr>();
    let table = Table::inet("fw");
    let (some, ranges) = (Set::<Port>::new(&table, "some"), Set::<Interval<Port>>::new(&table, "ranges"));
    let (served, sport) = ([52, 53, 80, 81, 0xff00], 4000);
    type Says = fn(u16) -> bool;
    let of = |dport: fn() -> Field<Port, Write>, sport: fn() -> Field<Port, Write>| -> Vec<(Match, Says)> {
        vec![
            (dport().eq(53), |p| p == 53),
            (dport().ne(53), |p| p != 53),
            (dport().in_range(53..=80), |p| (53..=80).contains(&p)),
            (dport().not_in_range(53..=80), |p| !(53..=80).contains(&p)),
            (dport().in_set(&some), |p| p == 53 || p == 81),
            (dport().not_in_set(&some), |p| p != 53 && p != 81),
            (dport().in_set(&ranges), |p| (53..=80).contains(&p) || p >= 1024),
            (dport().not_in_set(&ranges), |p| !(53..=80).contains(&p) && p < 1024),
            (sport().eq(4000), |_| true),
            (sport().ne(4000), |_| false),
            (sport().in_range(4000..=4001), |_| true),
        ]
    };
    let rules = [of(udp::dport, udp::sport), of(tcp::dport, tcp::sport)];
    let mut batch = Batch::new();
    batch.reset(&table).add(&some).add(&ranges);
    batch.add_elements(&some, [53, 81]).add_elements(&ranges, [53..=80]);
    batch.add_elements(&ranges, [Interval::at_least(1024)]);
    first_packets(&mut batch, &table, rules.iter().flatten().map(|(rule, _)| rule.clone()));
    cable.conn.commit(&batch).unwrap();

    let mut before = vec![0; 22];
    let ends: [(IpAddr, IpAddr); 2] = [(client4.into(), server4.into()), (client6.into(), server6.into())];
    for (client, server) in ends {
        let _servers = serve(&cable.server, served.map(|port| at(server, port)));
        let udp = Client::udp(&cable.client, at(client, sport)).unwrap().timeout(LONG);
        let tcp = Client::tcp(&cable.client, at(client, sport)).timeout(LONG);
        for (asks, client) in [udp, tcp].into_iter().enumerate() {
            for port in served {
                pass(&client, at(server, port));
                let after = packets(&mut cable.conn, &table, "first");
                let says = rules.iter().enumerate().flat_map(|(of, rules)| {
                    rules.iter().map(move |(rule, says)| (rule, u64::from(of == asks && says(port))))
                });
                for (((rule, says), before), after) in says.zip(&before).zip(&after) {
                    assert_eq!(after - before, says, "port {port} of {}: {rule:?}", ["udp", "tcp"][asks]);
                }
                before = after;
            }
        }
    }
}

pub(super) fn fields_of_one_packet_are_compared_with_each_other() {
    let mut cable = cable();
    let (client, server) = cable.address::<Ipv4Addr>();
    let table = Table::ip("fw");
    type Says = fn(u16) -> bool;
    let rules: Vec<(Match, Says)> = vec![
        (udp::sport().eq_field(udp::dport()), |p| p == 4000),
        (udp::sport().ne_field(udp::dport()), |p| p != 4000),
        (ip::saddr().eq_field(ip::daddr()), |_| false),
        (ip::saddr().ne_field(ip::daddr()), |_| true),
        (ip::ttl().eq_field(ip::ttl()), |_| true),
        // Parts of bytes: version 4, and five words of header.
        (ip::version().eq_field(ip::hdrlength()), |_| false),
        (ip::version().and(0b110).eq_field(ip::hdrlength().and(0b110)), |_| true),
        (ip::dscp().eq_field(ip::dscp()), |_| true),
    ];
    let mut batch = Batch::new();
    batch.reset(&table);
    first_packets(&mut batch, &table, rules.iter().map(|(rule, _)| rule.clone()));
    cable.conn.commit(&batch).unwrap();

    let served = [53, 4000];
    let _servers = serve(&cable.server, served.map(|port| at(server, port)));
    let client = Client::udp(&cable.client, at(client, 4000)).unwrap().timeout(LONG);
    let mut before = vec![0; rules.len()];
    for port in served {
        pass(&client, at(server, port));
        let after = packets(&mut cable.conn, &table, "first");
        for (((rule, says), before), after) in rules.iter().zip(&before).zip(&after) {
            assert_eq!(after - before, says(port).into(), "port {port}: {rule:?}");
        }
        before = after;
    }
}

pub(super) fn interfaces_match_by_name_and_by_beginning() {
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let names = Set::<IfName>::new(&table, "names");
    type Says = fn(&str) -> bool;
    let of = |name: Field<IfName>| -> [(Match, Says); 6] {
        [
            (name.eq("lan0"), |n| n == "lan0"),
            (name.ne("lan0"), |n| n != "lan0"),
            (name.starts_with("lan0"), |n| n.starts_with("lan0")),
            (name.not_starts_with("lan"), |n| !n.starts_with("lan")),
            (name.in_set(&names), |n| n == "lan0" || n == "wan0"),
            (name.not_in_set(&names), |n| n == "lan01"),
        ]
    };
    let (input, output) = (of(meta::iifname()), of(meta::oifname()));
    let (ins, outs) = (table.chain("in"), table.chain("out"));
    let base_in = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let base_out = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.reset(&table).add(&names).add_elements(&names, ["lan0", "wan0"]);
    batch.add(&ins).add(&outs).add(&base_in).add(&base_out);
    batch.append(&base_in, Rule::new().when(udp::dport().eq(7)).jump(&ins));
    batch.append(&base_out, Rule::new().when(udp::sport().eq(7)).jump(&outs));
    append_counted(&mut batch, &ins, input.iter().map(|(rule, _)| rule.clone()));
    append_counted(&mut batch, &outs, output.iter().map(|(rule, _)| rule.clone()));
    conn.commit(&batch).unwrap();

    let mut before = [vec![0; 6], vec![0; 6]];
    for (number, link) in (1..).zip(["lan0", "lan01", "wan0"]) {
        lab::veth((&client, link), (&server, link)).unwrap();
        let ends: [[IpAddr; 2]; 2] = [
            [Ipv4Addr::host(number, 1).into(), Ipv4Addr::host(number, 2).into()],
            [Ipv6Addr::host(number, 1).into(), Ipv6Addr::host(number, 2).into()],
        ];
        for [from, to] in ends {
            let net = if from.is_ipv4() { Ipv4Addr::NET } else { Ipv6Addr::NET };
            client.address(link, from, net).unwrap();
            server.address(link, to, net).unwrap();
            let _server = Server::udp(&server, at(to, 7)).unwrap();
            pass(&udp_from(&client, from), at(to, 7));
            let after = ["in", "out"].map(|chain| packets(&mut conn, &table, chain));
            for (rules, (before, after)) in [&input, &output].into_iter().zip(before.iter().zip(&after)) {
                for (((rule, says), before), after) in rules.iter().zip(before).zip(after) {
                    assert_eq!(after - before, says(link).into(), "{link}: {rule:?}");
                }
            }
            before = after;
        }
    }
}

pub(super) fn protocols_match_by_layer() {
    let mut cable = cable();
    let (client4, server4) = cable.address::<Ipv4Addr>();
    let (client6, server6) = cable.address::<Ipv6Addr>();
    let table = Table::inet("fw");
    let (transports, networks) = (Set::<L4Proto>::new(&table, "transports"), Set::<Family>::new(&table, "networks"));
    let wide = Set::<Interval<L4Proto>>::new(&table, "wide");
    use L4Proto as L4;
    type Says = fn(Family, L4Proto) -> bool;
    let rules: [(Match, Says); 17] = [
        (meta::l4proto().eq(L4::TCP), |_, l4| l4 == L4::TCP),
        (meta::l4proto().ne(L4::TCP), |_, l4| l4 != L4::TCP),
        (meta::l4proto().in_range(L4::ICMP..=L4::TCP), |_, l4| l4 == L4::TCP),
        (meta::l4proto().not_in_range(L4::ICMP..=L4::TCP), |_, l4| l4 == L4::UDP),
        (meta::l4proto().in_set(&transports), |_, l4| l4 == L4::UDP),
        (meta::l4proto().not_in_set(&transports), |_, l4| l4 != L4::UDP),
        (meta::l4proto().in_set(&wide), |_, l4| l4 == L4::UDP),
        (meta::nfproto().eq(Family::IP), |family, _| family == Family::IP),
        (meta::nfproto().ne(Family::IP), |family, _| family == Family::IP6),
        (meta::nfproto().in_set(&networks), |family, _| family == Family::IP6),
        (meta::nfproto().not_in_set(&networks), |family, _| family != Family::IP6),
        // What is implied: a field is one of packets that have it.
        (ip::saddr().ne(Ipv4Addr::UNSPECIFIED), |family, _| family == Family::IP),
        (ip6::saddr().ne(Ipv6Addr::UNSPECIFIED), |family, _| family == Family::IP6),
        (ip::daddr().in_prefix(Ipv4Addr::UNSPECIFIED, 0), |family, _| family == Family::IP),
        (ip6::daddr().in_prefix(Ipv6Addr::UNSPECIFIED, 0), |family, _| family == Family::IP6),
        (tcp::dport().eq(7), |_, l4| l4 == L4::TCP),
        (udp::dport().ne(8), |_, l4| l4 == L4::UDP),
    ];
    let mut batch = Batch::new();
    batch.reset(&table).add(&transports).add(&networks).add(&wide);
    batch.add_elements(&transports, [L4::UDP]).add_elements(&networks, [Family::IP6]);
    batch.add_elements(&wide, [L4::from_raw(7)..=L4::from_raw(0xff)]);
    first_packets(&mut batch, &table, rules.iter().map(|(rule, _)| rule.clone()));
    cable.conn.commit(&batch).unwrap();

    let ends: [(Family, IpAddr, IpAddr); 2] =
        [(Family::IP, client4.into(), server4.into()), (Family::IP6, client6.into(), server6.into())];
    let mut before = vec![0; rules.len()];
    for (family, client, server) in ends {
        let _servers = serve(&cable.server, [at(server, 7)]);
        for (l4, client) in [(L4::UDP, udp_from(&cable.client, client)), (L4::TCP, tcp_from(&cable.client, client))] {
            pass(&client, at(server, 7));
            let after = packets(&mut cable.conn, &table, "first");
            for (((rule, says), before), after) in rules.iter().zip(&before).zip(&after) {
                assert_eq!(after - before, says(family, l4).into(), "{family} {l4}: {rule:?}");
            }
            before = after;
        }
    }
}

pub(super) fn marks_match_as_numbers() {
    let mut conn = Conn::open().unwrap();
    let table = Table::ip("fw");
    let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let probe = table.chain("probe");
    let (some, ranges) = (Set::<Mark>::new(&table, "some"), Set::<Interval<Mark>>::new(&table, "ranges"));
    type Says = fn(u32) -> bool;
    let rules: [(Match, Says); 8] = [
        (meta::mark().eq(5), |m| m == 5),
        (meta::mark().ne(5), |m| m != 5),
        // Compared as bytes in the order of this machine, 0x100 would be less than 5.
        (meta::mark().in_range(5..=0x100), |m| (5..=0x100).contains(&m)),
        (meta::mark().not_in_range(5..=0x100), |m| !(5..=0x100).contains(&m)),
        (meta::mark().in_set(&some), |m| m == 5 || m == 0x101),
        (meta::mark().not_in_set(&some), |m| m != 5 && m != 0x101),
        (meta::mark().in_set(&ranges), |m| (5..=0x100).contains(&m) || m >= 0x1000),
        (meta::mark().not_in_set(&ranges), |m| !(5..=0x100).contains(&m) && m < 0x1000),
    ];
    let mut batch = Batch::new();
    batch.reset(&table).add(&some).add(&ranges).add(&output).add(&probe);
    batch.add_elements(&some, [5, 0x101]).add_elements(&ranges, [5..=0x100]);
    batch.add_elements(&ranges, [Interval::at_least(0x1000)]);
    batch.append(&output, Rule::new().when(udp::dport().eq(9)).jump(&probe));
    append_counted(&mut batch, &probe, rules.iter().map(|(rule, _)| rule.clone()));
    conn.commit(&batch).unwrap();

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut before = vec![0; rules.len()];
    for mark in [0, 4, 5, 6, 0xff, 0x100, 0x101, 0xfff, 0x1000, 0x0500_0000, u32::MAX] {
        setsockopt(&socket, sockopt::Mark, &mark).unwrap();
        // The packet is through the hook when this returns.
        socket.send_to(b"?", "127.0.0.1:9").unwrap();
        let after = packets(&mut conn, &table, "probe");
        for (((rule, says), before), after) in rules.iter().zip(&before).zip(&after) {
            assert_eq!(after - before, says(mark).into(), "mark {mark:#x}: {rule:?}");
        }
        before = after;
    }
}

/// A chain that sees the first packet of each connection only, and so counts questions.
///
/// Connections are tracked, and such a chain sees packets, as soon as some rule translates.
fn first_packets(batch: &mut Batch, table: &Table, matches: impl IntoIterator<Item = Match>) {
    let chain = table.chain("first").nat(Hook::PREROUTING, Priority::DSTNAT);
    batch.add(&chain);
    append_counted(batch, &chain, matches);
    batch.append(&chain, Rule::new().when(tcp::dport().eq(1)).redirect());
}
