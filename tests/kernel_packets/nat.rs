//! Translation: who the server saw, and which server the client reached.

use std::collections::BTreeSet;

use super::*;

/// A client, a router, and a network of servers. The router is where the test runs.
struct Router {
    client: Namespace,
    router: Namespace,
    servers: Namespace,
    conn: Conn,
}

/// The networks at the router's interfaces `in` and `out`; the router is host 1 in both.
const IN: u8 = 1;
const OUT: u8 = 2;

fn router() -> Router {
    let [client, servers] = [(); 2].map(|()| Namespace::new().unwrap());
    let router = Namespace::current().unwrap();
    lab::veth((&router, "in"), (&client, "eth0")).unwrap();
    lab::veth((&router, "out"), (&servers, "eth0")).unwrap();
    router.forwarding().unwrap();
    let cabled = Router { client, router, servers, conn: Conn::open().unwrap() };
    cabled.addresses::<Ipv4Addr>();
    cabled.addresses::<Ipv6Addr>();
    cabled
}

impl Router {
    fn addresses<V: Ip>(&self) {
        self.router.address("in", V::host(IN, 1), V::NET).unwrap();
        self.router.address("out", V::host(OUT, 1), V::NET).unwrap();
        self.client.address("eth0", V::host(IN, 2), V::NET).unwrap();
        self.client.default_route(V::host(IN, 1)).unwrap();
        // Two servers and, at the same cable, somebody who knows the way back.
        [2, 3].iter().for_each(|&host| self.servers.address("eth0", V::host(OUT, host), V::NET).unwrap());
        self.servers.default_route(V::host(OUT, 1)).unwrap();
    }

    /// UDP and TCP servers at hosts 2 and 3.
    fn serve<V: Ip>(&self, ports: impl IntoIterator<Item = u16>) -> Vec<Server> {
        let at = ports.into_iter().flat_map(|port| [2, 3].map(|host| at(V::host(OUT, host), port)));
        serve(&self.servers, at)
    }

    /// Asks over UDP and over TCP, and returns what the server saw: who asked whom.
    #[track_caller]
    fn ask<V: Ip>(&self, to: SocketAddr) -> [(SocketAddr, SocketAddr); 2] {
        let clients = [udp_from(&self.client, V::host(IN, 2)), tcp_from(&self.client, V::host(IN, 2))];
        clients.map(|client| saw(client.ask(to)))
    }

    /// Replaces the ruleset by a table with these rules in a chain of its own.
    fn translate(&mut self, table: &Table, chain: &Chain<Hooked>, rules: impl IntoIterator<Item = Rule>) {
        let mut batch = Batch::new();
        batch.flush_ruleset().add(table).add(chain);
        for rule in rules {
            batch.append(chain, rule);
        }
        self.conn.commit(&batch).unwrap();
    }
}

#[track_caller]
fn saw(answer: Answer) -> (SocketAddr, SocketAddr) {
    answer.client().zip(answer.server()).unwrap_or_else(|| panic!("{answer}"))
}

/// Matches on a port of either protocol.
fn dport(port: u16) -> [Match; 2] {
    [udp::dport().eq(port), tcp::dport().eq(port)]
}

/// A rule for each protocol that comes to `port`.
fn for_port(port: u16, end: impl Fn(nftlink::RuleBuilder) -> Rule) -> [Rule; 2] {
    dport(port).map(|dport| end(Rule::new().when(dport)))
}

pub(super) fn router_forwards_what_its_interfaces_allow() {
    let mut router = router();
    let table = Table::inet("fw");
    let forward = table.chain("forward").filter(Hook::FORWARD, Priority::FILTER);
    let outwards = |port| [meta::iifname().eq("in"), meta::oifname().eq("out"), udp::dport().eq(port)];
    let backwards = [meta::iifname().ne("in"), meta::oifname().not_starts_with("o")];
    let mut batch = Batch::new();
    batch.reset(&table).add(&forward);
    batch.append(&forward, Rule::new().when_all(outwards(7)).counter());
    batch.append(&forward, Rule::new().when_all(outwards(8)).counter().drop());
    batch.append(&forward, Rule::new().when_all(backwards).when(udp::sport().eq(7)).counter());
    batch.append(&forward, Rule::new().when(meta::iifname().eq("out")).when(udp::sport().eq(9)).drop());
    router.conn.commit(&batch).unwrap();
    both(&mut router, forward_some::<Ipv4Addr>, forward_some::<Ipv6Addr>);
    assert_eq!(packets(&mut router.conn, &table, "forward"), [2, 2, 2]);

    fn forward_some<V: Ip>(router: &mut Router) {
        let _servers = router.serve::<V>([7, 8, 9]);
        let client = || udp_from(&router.client, V::host(IN, 2));
        let [first, second] = [2, 3].map(|host| V::host(OUT, host));
        assert_who_passes(vec![
            ("forwarded".into(), client(), at(first, 7), true),
            ("dropped on the way there".into(), client(), at(second, 8), false),
            ("dropped on the way back".into(), client(), at(second, 9), false),
        ]);
    }
}

pub(super) fn dnat_leads_to_an_address_a_port_or_both() {
    let mut router = router();
    both(&mut router, dnat::<Ipv4Addr>, dnat::<Ipv6Addr>);

    fn dnat<V: Ip>(router: &mut Router) {
        let _servers = router.serve::<V>([53, 80]);
        let (client, published) = (V::ip(IN, 2), V::host(IN, 1));
        let [first, second] = [2, 3].map(|host| V::host(OUT, host));
        for table in tables::<V>() {
            let pre = table.chain("pre").nat(Hook::PREROUTING, Priority::DSTNAT);
            let to_address = for_port(53, |rule| rule.when(V::daddr().eq(published)).dnat(second));
            let to_both = for_port(8080, |rule| rule.when(V::daddr().eq(published)).dnat(at(first, 80)));
            let to_port = for_port(8081, |rule| rule.dnat(NatTarget::port(80)));
            router.translate(&table, &pre, [to_address, to_both, to_port].into_iter().flatten());
            for (to, reaches) in [
                (at(published, 53), at(second, 53)),
                (at(published, 8080), at(first, 80)),
                (at(first, 8081), at(first, 80)),
                (at(second, 8081), at(second, 80)),
                (at(second, 53), at(second, 53)),
            ] {
                for (seen, reached) in router.ask::<V>(to) {
                    assert_eq!((seen.ip(), reached), (client, reaches), "{table:?} {to}");
                }
            }
        }
    }
}

pub(super) fn dnat_leads_into_ranges() {
    let mut router = router();
    both(&mut router, dnat::<Ipv4Addr>, dnat::<Ipv6Addr>);

    fn dnat<V: Ip>(router: &mut Router) {
        let _servers = router.serve::<V>(80..=83);
        let published = V::host(IN, 1);
        let pool = || V::pool(V::host(OUT, 2), V::host(OUT, 3));
        for table in tables::<V>() {
            let pre = table.chain("pre").nat(Hook::PREROUTING, Priority::DSTNAT);
            let rules = [
                for_port(80, |rule| rule.when(V::daddr().eq(published)).dnat(pool())),
                for_port(9000, |rule| rule.dnat(NatTarget::from(V::ip(OUT, 3)).ports(81..=83))),
                for_port(9001, |rule| rule.dnat(pool().ports(82..=83).random().persistent())),
                for_port(9002, |rule| rule.dnat(NatTarget::port(80).ports(80..=81).fully_random())),
            ];
            router.translate(&table, &pre, rules.into_iter().flatten());
            let servers = [2, 3].map(|host| V::ip(OUT, host));
            for (to, addresses, ports) in [
                (at(published, 80), &servers[..], 80..=80),
                (at(published, 9000), &servers[1..], 81..=83),
                (at(published, 9001), &servers[..], 82..=83),
                (at(servers[0], 9002), &servers[..1], 80..=81),
            ] {
                for (_, reached) in router.ask::<V>(to) {
                    assert!(addresses.contains(&reached.ip()) && ports.contains(&reached.port()), "{to}: {reached}");
                }
            }
            // Persistent: the same address for all connections of a client.
            let again: BTreeSet<_> =
                (0..8).flat_map(|_| router.ask::<V>(at(published, 9001))).map(|(_, reached)| reached.ip()).collect();
            assert_eq!(again.len(), 1, "{again:?}");
        }
    }
}

pub(super) fn dnat_of_own_packets() {
    let mut router = router();
    both(&mut router, dnat::<Ipv4Addr>, dnat::<Ipv6Addr>);

    fn dnat<V: Ip>(router: &mut Router) {
        let _servers = router.serve::<V>([80]);
        let server = V::host(OUT, 3);
        for table in tables::<V>() {
            let output = table.chain("output").nat(Hook::OUTPUT, Priority::DSTNAT);
            router.translate(&table, &output, for_port(8080, |rule| rule.dnat(at(server, 80))));
            let from = V::host(OUT, 1);
            for client in [udp_from(&router.router, from), tcp_from(&router.router, from)] {
                let (seen, reached) = saw(client.ask(at(V::host(OUT, 2), 8080)));
                assert_eq!((seen.ip(), reached), (from.into(), at(server, 80)));
            }
        }
    }
}

pub(super) fn snat_hides_the_client_behind_an_address_or_ports() {
    let mut router = router();
    both(&mut router, snat::<Ipv4Addr>, snat::<Ipv6Addr>);

    fn snat<V: Ip>(router: &mut Router) {
        let _servers = router.serve::<V>([80, 81, 82, 83, 84]);
        let server = V::host(OUT, 2);
        let hosts = [70, 71, 72].map(|host| V::ip(OUT, host));
        hosts.iter().for_each(|&host| router.router.address("out", host, V::NET).unwrap());
        let pool = || V::pool(V::host(OUT, 70), V::host(OUT, 72));
        // The kernel remembers connections: what one has taken no other gets.
        for (table, free) in tables::<V>().iter().zip(4000..) {
            let post = table.chain("post").nat(Hook::POSTROUTING, Priority::SRCNAT);
            let rules = [
                for_port(80, |rule| rule.snat(hosts[1])),
                for_port(81, |rule| rule.snat(at(hosts[1], free))),
                for_port(82, |rule| rule.snat(NatTarget::from(hosts[0]).ports(5000..=5009).fully_random())),
                for_port(83, |rule| rule.snat(pool())),
                for_port(84, |rule| rule.snat(pool().ports(6000..=6009).persistent())),
            ];
            router.translate(table, &post, rules.into_iter().flatten());
            let any = 1..=u16::MAX;
            for (port, addresses, ports) in [
                (80, &hosts[1..2], any.clone()),
                (81, &hosts[1..2], free..=free),
                (82, &hosts[..1], 5000..=5009),
                (83, &hosts[..], any),
                (84, &hosts[..], 6000..=6009),
            ] {
                for (seen, reached) in router.ask::<V>(at(server, port)) {
                    assert_eq!(reached, at(server, port));
                    assert!(addresses.contains(&seen.ip()) && ports.contains(&seen.port()), "{table:?} {port}: {seen}");
                }
            }
        }
    }
}

pub(super) fn snat_of_packets_for_this_machine() {
    let mut router = router();
    both(&mut router, snat::<Ipv4Addr>, snat::<Ipv6Addr>);

    fn snat<V: Ip>(router: &mut Router) {
        let (here, other) = (V::host(IN, 1), V::host(IN, 99));
        let _servers = serve(&router.router, [at(here, 80)]);
        for (table, free) in tables::<V>().iter().zip(4000..) {
            let input = table.chain("input").nat(Hook::INPUT, Priority::SRCNAT);
            router.translate(table, &input, for_port(80, |rule| rule.snat(at(other, free))));
            for (seen, reached) in router.ask::<V>(at(here, 80)) {
                assert_eq!((seen, reached), (at(other, free), at(here, 80)));
            }
        }
    }
}

pub(super) fn masquerade_takes_the_address_of_the_way_out() {
    let mut router = router();
    both(&mut router, masquerade::<Ipv4Addr>, masquerade::<Ipv6Addr>);

    fn masquerade<V: Ip>(router: &mut Router) {
        let _servers = router.serve::<V>([80, 81, 82]);
        let (server, outer) = (V::host(OUT, 2), V::ip(OUT, 1));
        for table in tables::<V>() {
            let post = table.chain("post").nat(Hook::POSTROUTING, Priority::SRCNAT);
            let out = || Rule::new().when(meta::oifname().eq("out"));
            let to_ports = dport(81).map(|port| out().when(port).masquerade_to(PortTarget::from(7000..=7009).random()));
            let at_random = dport(82).map(|port| out().when(port).masquerade_to(PortTarget::any().fully_random()));
            router.translate(&table, &post, to_ports.into_iter().chain(at_random).chain([out().masquerade()]));
            for (port, ports) in [(80, 1..=u16::MAX), (81, 7000..=7009), (82, 1..=u16::MAX)] {
                for (seen, reached) in router.ask::<V>(at(server, port)) {
                    assert_eq!((seen.ip(), reached), (outer, at(server, port)), "{table:?}");
                    assert!(ports.contains(&seen.port()), "{seen}");
                }
            }
            // What goes out by another interface stays as it is.
            let here = V::host(IN, 1);
            let _own = serve(&router.router, [at(here, 80)]);
            assert!(router.ask::<V>(at(here, 80)).iter().all(|(seen, _)| seen.ip() == V::ip(IN, 2)));
        }
    }
}

pub(super) fn redirect_leads_to_this_machine() {
    let mut router = router();
    both(&mut router, redirect::<Ipv4Addr>, redirect::<Ipv6Addr>);

    fn redirect<V: Ip>(router: &mut Router) {
        let (client, here, elsewhere) = (V::ip(IN, 2), V::host(IN, 1), V::host(OUT, 2));
        let _own = serve(&router.router, (53..=56).map(|port| at(here, port)));
        let _elsewhere = router.serve::<V>([53, 57]);
        for table in tables::<V>() {
            let pre = table.chain("pre").nat(Hook::PREROUTING, Priority::DSTNAT);
            let rules = [
                for_port(53, |rule| rule.redirect()),
                for_port(1053, |rule| rule.redirect_to(54)),
                for_port(2053, |rule| rule.redirect_to(55..=56)),
                for_port(3053, |rule| rule.redirect_to(PortTarget::from(55..=56).random())),
            ];
            router.translate(&table, &pre, rules.into_iter().flatten());
            for (port, ports) in [(53, 53..=53), (1053, 54..=54), (2053, 55..=56), (3053, 55..=56)] {
                for (seen, reached) in router.ask::<V>(at(elsewhere, port)) {
                    assert_eq!((seen.ip(), reached.ip()), (client, here.into()), "{table:?} {port}");
                    assert!(ports.contains(&reached.port()), "{table:?} {port}: {reached}");
                }
            }
            for (_, reached) in router.ask::<V>(at(elsewhere, 57)) {
                assert_eq!(reached, at(elsewhere, 57), "what no rule redirects");
            }
        }
    }
}
