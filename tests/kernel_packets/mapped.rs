//! Where maps lead: networks mapped to networks, targets by interface and port, marks to marks.

use nftlink::datum::IfName;
use nftlink::field::concat;
use nftlink::{Map, NatValue};

use super::*;

/// Who was asked, and who answered.
#[track_caller]
fn reached(client: &Client, to: SocketAddr) -> (SocketAddr, SocketAddr) {
    let answer = client.ask(to);
    answer.server().zip(answer.client()).unwrap_or_else(|| panic!("{to}: {answer}"))
}

pub(super) fn networks_are_mapped_to_networks() {
    let mut conn = Conn::open().unwrap();
    both(&mut conn, mapped::<Ipv4Addr>, mapped::<Ipv6Addr>);

    fn mapped<V: Ip>(conn: &mut Conn)
    where
        Interval<V>: NatValue + Into<NatTarget>,
    {
        let here = Namespace::current().unwrap();
        let net = |net| Interval::prefix(V::host(net, 0), V::NET);
        let hosts = [1, 77, 254];
        for address in [11, 12, 13].into_iter().flat_map(|net| hosts.map(|host| V::host(net, host))) {
            here.address("lo", address, V::BITS).unwrap();
        }
        let _servers = serve(&here, hosts.map(|host| at(V::host(12, host), 80)));
        let table = Table::new(V::FAMILY, "fw");
        let output = table.chain("output").nat(Hook::OUTPUT, Priority::DSTNAT);
        let post = table.chain("post").nat(Hook::POSTROUTING, Priority::SRCNAT);
        let networks = Map::<Interval<V>, Interval<V>>::new(&table, "networks");
        let hidden = NatTarget::prefix(net(13));
        let targets = [
            NatTarget::prefix(net(12)),
            NatTarget::prefix(V::daddr().map::<Interval<V>>(&networks)),
            NatTarget::prefix(V::daddr().map::<Interval<V>>([(net(11), net(12)), (net(13), net(13))])),
        ];
        for target in targets {
            let mut batch = Batch::new();
            batch.reset(&table).add(&output).add(&post).add(&networks);
            batch.add_elements(&networks, [(net(11), net(12))]);
            batch.append(&output, Rule::new().when(V::daddr().in_prefix(V::host(11, 0), V::NET)).dnat(target));
            batch.append(&post, Rule::new().when(V::saddr().in_prefix(V::host(11, 0), V::NET)).snat(hidden.clone()));
            conn.commit(&batch).unwrap();
            for host in hosts {
                for client in [udp_from(&here, V::host(11, 77)), tcp_from(&here, V::host(11, 77))] {
                    let (server, seen) = reached(&client, at(V::host(11, host), 80));
                    assert_eq!(server, at(V::host(12, host), 80));
                    assert_eq!(seen.ip(), V::ip(13, 77), "the part that the prefix leaves open stays");
                }
            }
        }
        // Without the rules nobody is there.
        conn.commit(Batch::new().delete(&table)).unwrap();
        for host in hosts {
            let refused = tcp_from(&here, V::host(11, 77)).ask(at(V::host(11, host), 80));
            assert_eq!(refused, Answer::Refused(std::io::ErrorKind::ConnectionRefused));
        }
    }
}

pub(super) fn targets_are_chosen_by_interface_and_port() {
    let mut conn = Conn::open().unwrap();
    both(&mut conn, chosen::<Ipv4Addr>, chosen::<Ipv6Addr>);

    fn chosen<V: Ip>(conn: &mut Conn)
    where
        (V, Port): NatValue,
    {
        let here = Namespace::current().unwrap();
        let left = Namespace::new().unwrap();
        // The other family's is gone a moment after its namespace.
        let name = if V::FAMILY == Family::IP { "left4" } else { "left6" };
        lab::veth((&here, name), (&left, "eth0")).unwrap();
        here.address(name, V::host(21, 1), V::NET).unwrap();
        left.address("eth0", V::host(21, 2), V::NET).unwrap();
        left.default_route(V::host(21, 1)).unwrap();
        for address in [V::host(22, 1), V::host(22, 2), V::host(22, 3)] {
            here.address("lo", address, V::BITS).unwrap();
        }
        let published = V::host(22, 1);
        let [first, second] = [2, 3].map(|host| V::host(22, host));
        let _servers = serve(&here, [at(first, 80), at(second, 90)]);
        let table = Table::inet("fw");
        let nat = table.chain("nat").nat(Hook::PREROUTING, Priority::DSTNAT);
        let services = Map::<(IfName, Port), (V, Port)>::new(&table, "services");
        let mut batch = Batch::new();
        batch.reset(&table).add(&nat).add(&services);
        let entries = [((name, 8080), (first, 80)), ((name, 8443), (second, 90)), (("other", 9090), (second, 90))];
        batch.add_elements(&services, entries);
        for dport in [udp::dport as fn() -> Field<Port, Write>, tcp::dport] {
            let ours = Rule::new().when(V::daddr().eq(published));
            batch.append(&nat, ours.dnat(concat((meta::iifname(), dport())).map::<(V, Port)>(&services)));
        }
        conn.commit(&batch).unwrap();
        let clients = || [udp_from(&left, V::host(21, 2)), tcp_from(&left, V::host(21, 2))];
        let refuses = |port: u16| {
            let refused = Client::tcp(&left, at(V::host(21, 2), 0)).timeout(PATIENCE).ask(at(published, port));
            assert_eq!(refused, Answer::Refused(std::io::ErrorKind::ConnectionRefused), "port {port}");
        };
        for client in clients() {
            assert_eq!(reached(&client, at(published, 8080)).0, at(first, 80));
            assert_eq!(reached(&client, at(published, 8443)).0, at(second, 90));
        }
        // By another interface it would have gone on.
        refuses(9090);
        conn.commit(Batch::new().delete_elements(&services, [((name, 8080), (first, 80))])).unwrap();
        refuses(8080);
        clients().iter().for_each(|client| assert_eq!(reached(client, at(published, 8443)).0, at(second, 90)));
        conn.commit(Batch::new().delete(&table)).unwrap();
        refuses(8443);
    }
}

pub(super) fn marks_are_translated_by_a_map() {
    let mut conn = Conn::open().unwrap();
    let here = Namespace::current().unwrap();
    let to = at(Ipv4Addr::LOCALHOST, 7);
    let _server = Server::udp(&here, to).unwrap();
    let table = Table::inet("fw");
    let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let marks = Map::of(&table, "marks", meta::mark()).to(meta::mark());
    let mut batch = Batch::new();
    batch.reset(&table).add(&output).add(&marks).add_elements(&marks, [(1, 0x10), (2, 0x20)]);
    let asked = || Rule::new().when(udp::dport().eq(7));
    batch.append(&output, asked().set(meta::mark(), 2));
    batch.append(&output, asked().set(meta::mark(), meta::mark().map(&marks)));
    batch.append(&output, asked().when(meta::mark().eq(0x20)).counter());
    batch.append(&output, asked().when(meta::mark().eq(2)).counter());
    conn.commit(&batch).unwrap();
    let ask = || _ = udp_from(&here, Ipv4Addr::LOCALHOST).ask(to);
    ask();
    assert_eq!(packets(&mut conn, &table, "output"), [1, 0]);
    // What is not in the map stays as it is.
    conn.commit(Batch::new().delete_elements(&marks, [(2, 0x20)])).unwrap();
    ask();
    assert_eq!(packets(&mut conn, &table, "output"), [1, 1]);
}
