//! Frames: as a device receives or sends them, and as a bridge passes them on.

use nftlink::datum::CtState;
use nftlink::field::ct;
use nftlink::{Device, Errno, RejectWith, RuleBuilder};

use super::*;

/// A server at two cables, with a client at the other end of each. The server is where the test runs.
struct Cables {
    clients: [Namespace; 2],
    server: Namespace,
    conn: Conn,
}

const DEVICES: [&str; 2] = ["eth0", "eth1"];

fn cables() -> Cables {
    let (clients, server) = ([(); 2].map(|()| Namespace::new().unwrap()), Namespace::current().unwrap());
    let cables = Cables { clients, server, conn: Conn::open().unwrap() };
    for (client, device) in cables.clients.iter().zip(DEVICES) {
        lab::veth((client, "eth0"), (&cables.server, device)).unwrap();
    }
    cables.addresses::<Ipv4Addr>();
    cables.addresses::<Ipv6Addr>();
    cables
}

impl Cables {
    /// The server is host 1 in both networks, the client host 2.
    fn addresses<V: Ip>(&self) {
        for (client, (device, net)) in self.clients.iter().zip(DEVICES.into_iter().zip([1, 2])) {
            self.server.address(device, V::host(net, 1), V::NET).unwrap();
            client.address("eth0", V::host(net, 2), V::NET).unwrap();
        }
    }

    /// Servers for UDP and TCP at port 7 in both networks.
    fn serve<V: Ip>(&self) -> Vec<Server> {
        serve(&self.server, [1, 2].map(|net| at(V::host(net, 1), 7)))
    }

    /// Asks over each cable, and compares over which of them the answers come.
    #[track_caller]
    fn assert_passes<V: Ip>(&self, passes: [bool; 2]) {
        let asks = self.clients.iter().zip([1, 2]).zip(passes).flat_map(|((client, net), passes)| {
            let (from, to) = (V::host(net, 2), at(V::host(net, 1), 7));
            [("udp", udp_from(client, from)), ("tcp", tcp_from(client, from))]
                .map(|(protocol, client)| (format!("{protocol} from {from}"), client, to, passes))
        });
        assert_who_passes(asks.collect());
    }
}

pub(crate) fn ingress_drops_what_its_devices_receive() {
    let mut cables = cables();
    both(&mut cables, drops::<Ipv4Addr>, drops::<Ipv6Addr>);

    fn drops<V: Ip>(cables: &mut Cables) {
        let _servers = cables.serve::<V>();
        for table in [Table::netdev("fw"), Table::inet("fw")] {
            let ingress = |devices: &[&str]| {
                let chain = table.chain("ingress").filter(Hook::INGRESS, Priority::FILTER).devices(devices.to_vec());
                let mut batch = Batch::new();
                batch.reset(&table).add(&chain);
                for question in questions() {
                    batch.append(&chain, Rule::new().when(question).counter().drop());
                }
                batch
            };
            for (devices, passes) in
                [(&["eth0"][..], [false, true]), (&["eth1"], [true, false]), (&["eth0", "eth1"], [false, false])]
            {
                cables.conn.commit(&ingress(devices)).unwrap();
                cables.assert_passes::<V>(passes);
                assert!(packets(&mut cables.conn, &table, "ingress").iter().all(|&dropped| dropped > 0));
            }
            cables.conn.commit(Batch::new().delete(&table)).unwrap();
            cables.assert_passes::<V>([true, true]);
        }
    }
}

pub(crate) fn other_devices_are_seen_at_once() {
    let mut cables = cables();
    let _servers = cables.serve::<Ipv4Addr>();
    let table = Table::netdev("fw");
    let chain = table.chain("ingress").filter(Hook::INGRESS, Priority::FILTER).device("eth0");
    let mut batch = Batch::new();
    batch.reset(&table).add(&chain);
    for question in questions() {
        batch.append(&chain, Rule::new().when(question).drop());
    }
    cables.conn.commit(&batch).unwrap();
    cables.assert_passes::<Ipv4Addr>([false, true]);
    cables.conn.commit(Batch::new().add_devices(&chain, ["eth1"])).unwrap();
    cables.assert_passes::<Ipv4Addr>([false, false]);
    cables.conn.commit(Batch::new().delete_devices(&chain, ["eth0"])).unwrap();
    cables.assert_passes::<Ipv4Addr>([true, false]);
    cables.conn.commit(Batch::new().delete_devices(&chain, ["eth1"])).unwrap();
    cables.assert_passes::<Ipv4Addr>([true, true]);
}

pub(crate) fn prefix_of_devices_covers_those_to_come() {
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    let mut conn = Conn::open().unwrap();
    let table = Table::netdev("fw");
    let chain = table.chain("ingress").filter(Hook::INGRESS, Priority::FILTER).device(Device::prefix("bad"));
    let mut batch = Batch::new();
    batch.reset(&table).add(&chain);
    batch.append(&chain, Rule::new().when(udp::dport().eq(7)).counter().drop());
    conn.commit(&batch).unwrap();
    let asks = [("bad0", 1, false), ("good0", 2, true), ("bad1", 3, false)].map(|(device, net, passes)| {
        lab::veth((&client, device), (&server, device)).unwrap();
        client.address(device, Ipv4Addr::host(net, 2), 24).unwrap();
        server.address(device, Ipv4Addr::host(net, 1), 24).unwrap();
        let (from, to) = (Ipv4Addr::host(net, 2), at(Ipv4Addr::host(net, 1), 7));
        (Server::udp(&server, to).unwrap(), (device.to_owned(), udp_from(&client, from), to, passes))
    });
    let (_servers, asks): (Vec<_>, Vec<_>) = asks.into_iter().unzip();
    assert_who_passes(asks);
    assert_eq!(packets(&mut conn, &table, "ingress"), [2]);
}

pub(crate) fn egress_drops_what_its_devices_send() {
    let mut cables = cables();
    both(&mut cables, drops::<Ipv4Addr>, drops::<Ipv6Addr>);

    fn drops<V: Ip>(cables: &mut Cables) {
        let servers = cables.serve::<V>();
        let table = Table::netdev("fw");
        let egress = table.chain("egress").filter(Hook::EGRESS, Priority::FILTER).device("eth1");
        let mut batch = Batch::new();
        batch.reset(&table).add(&egress);
        for answer in [udp::sport().eq(7), tcp::sport().eq(7)] {
            batch.append(&egress, Rule::new().when(answer).counter().drop());
        }
        cables.conn.commit(&batch).unwrap();
        cables.assert_passes::<V>([true, false]);
        assert!(packets(&mut cables.conn, &table, "egress").iter().all(|&dropped| dropped > 0));
        // The question came: it is the answer that did not leave.
        let asked = servers.iter().flat_map(Server::peers).filter(|peer| peer.ip() == V::ip(2, 2)).count();
        assert!(asked > 0);
        cables.conn.commit(Batch::new().delete(&table)).unwrap();
        cables.assert_passes::<V>([true, true]);
    }
}

// ---- a bridge ----

/// A switch between three hosts, each at a port of its own; and the switch has an address, too.
struct Switch {
    hosts: [Namespace; 3],
    conn: Conn,
}

const PORTS: [&str; 3] = ["p1", "p2", "p3"];
/// The network of the switch, where it is the host of this number. The others have the numbers of their ports.
const NET: u8 = 1;
const ITSELF: u8 = 9;

fn switch() -> Switch {
    let (hosts, here) = ([(); 3].map(|()| Namespace::new().unwrap()), Namespace::current().unwrap());
    for (host, port) in hosts.iter().zip(PORTS) {
        lab::veth((host, "eth0"), (&here, port)).unwrap();
    }
    lab::bridge(&here, "br0", &PORTS).unwrap();
    for (host, number) in hosts.iter().zip(1..) {
        host.address("eth0", Ipv4Addr::host(NET, number), 24).unwrap();
        host.address("eth0", Ipv6Addr::host(NET, number), 64).unwrap();
    }
    here.address("br0", Ipv4Addr::host(NET, ITSELF), 24).unwrap();
    here.address("br0", Ipv6Addr::host(NET, ITSELF), 64).unwrap();
    Switch { hosts, conn: Conn::open().unwrap() }
}

impl Switch {
    /// A question over UDP from a host to another, with whether it is to pass.
    fn ask<V: Ip>(&self, from: u8, to: u8, passes: bool) -> (String, Client, SocketAddr, bool) {
        let client = udp_from(&self.hosts[usize::from(from) - 1], V::host(NET, from));
        (format!("{from} to {to}"), client, at(V::host(NET, to), 7), passes)
    }
}

pub(crate) fn bridge_filters_frames_between_its_ports() {
    let mut switch = switch();
    both(&mut switch, filters::<Ipv4Addr>, filters::<Ipv6Addr>);

    fn filters<V: Ip>(switch: &mut Switch) {
        let here = Namespace::current().unwrap();
        let mut servers = vec![Server::udp(&here, at(V::host(NET, ITSELF), 7)).unwrap()];
        for (host, number) in switch.hosts.iter().zip(1..) {
            servers.push(Server::udp(host, at(V::host(NET, number), 7)).unwrap());
        }
        let table = Table::bridge("fw");
        let chain = |hook: Hook, priority| table.chain(hook.to_string()).filter(hook, priority).counters();
        let forward = chain(Hook::FORWARD, Priority::FILTER);
        let hooks = [
            chain(Hook::PREROUTING, Priority::DSTNAT),
            chain(Hook::INPUT, Priority::FILTER),
            chain(Hook::OUTPUT, Priority::OUT),
            chain(Hook::POSTROUTING, Priority::SRCNAT),
        ];
        let mut batch = Batch::new();
        batch.reset(&table).add(&forward);
        for chain in &hooks {
            batch.add(chain);
            append_counted(&mut batch, chain, [udp::dport().eq(7)]);
        }
        // From port to port, and by what is in the packet.
        let ways = [meta::iifname().eq("p1"), meta::oifname().eq("p2"), udp::dport().eq(7)];
        batch.append(&forward, Rule::new().when_all(ways).counter().drop());
        let address = [V::saddr().eq(V::host(NET, 3)), V::daddr().eq(V::host(NET, 1)), udp::dport().eq(7)];
        batch.append(&forward, Rule::new().when_all(address).counter().drop());
        switch.conn.commit(&batch).unwrap();
        assert_who_passes(vec![
            switch.ask::<V>(1, 2, false),
            switch.ask::<V>(1, 3, true),
            switch.ask::<V>(2, 1, true),
            switch.ask::<V>(2, 3, true),
            switch.ask::<V>(3, 1, false),
            switch.ask::<V>(3, 2, true),
            switch.ask::<V>(3, ITSELF, true),
        ]);
        let conn = &mut switch.conn;
        assert_eq!(packets(conn, &table, "forward"), [1, 1]);
        assert_eq!(packets(conn, &table, "prerouting"), [7]);
        assert_eq!(packets(conn, &table, "input"), [1]);
        assert_eq!(packets(conn, &table, "output"), [0]);
        assert_eq!(packets(conn, &table, "postrouting"), [4]);
        assert!(conn.chain(&forward).unwrap().counters().unwrap().packets >= 8, "questions and answers");

        // The policy of a hook is for all frames there.
        let closed = chain(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
        conn.commit(Batch::new().flush(&forward).add(&closed)).unwrap();
        assert_who_passes(vec![switch.ask::<V>(1, 2, true), switch.ask::<V>(3, ITSELF, false)]);
        switch.conn.commit(Batch::new().delete(&table)).unwrap();
        assert_who_passes(vec![switch.ask::<V>(3, 1, true), switch.ask::<V>(3, ITSELF, true)]);
    }
}

pub(crate) fn bridge_knows_by_which_bridge_frames_come() {
    let mut switch = switch();
    both(&mut switch, knows::<Ipv4Addr>, knows::<Ipv6Addr>);

    fn knows<V: Ip>(switch: &mut Switch) {
        let servers = switch.hosts.iter().zip(1..).map(|(host, number)| Server::udp(host, at(V::host(NET, number), 7)));
        let servers: Vec<_> = servers.map(Result::unwrap).collect();
        let table = Table::bridge("fw");
        let forward = table.chain("forward").filter(Hook::FORWARD, Priority::FILTER);
        let mut batch = Batch::new();
        batch.reset(&table).add(&forward);
        let question = || udp::dport().eq(7);
        for way in [meta::ibrname().eq("br0"), meta::obrname().eq("br0"), meta::ibrname().eq("br1")] {
            batch.append(&forward, Rule::new().when(question()).when(way).counter());
        }
        batch.append(&forward, Rule::new().when(question()).when(meta::ibrname().ne("br0")).drop());
        let to_two = [meta::ibrname().eq("br0"), meta::oifname().eq("p2")];
        batch.append(&forward, Rule::new().when(question()).when_all(to_two).counter().drop());
        switch.conn.commit(&batch).unwrap();
        assert_who_passes(vec![switch.ask::<V>(1, 2, false), switch.ask::<V>(1, 3, true), switch.ask::<V>(2, 1, true)]);
        let told: Vec<_> = packets(&mut switch.conn, &table, "forward");
        assert_eq!(told, [3, 3, 0, 1]);
        switch.conn.commit(Batch::new().delete(&table)).unwrap();
        drop(servers);
    }
}

pub(crate) fn bridge_tells_senders_that_their_frames_are_rejected() {
    let mut switch = switch();
    both(&mut switch, rejects::<Ipv4Addr>, rejects::<Ipv6Addr>);

    fn rejects<V: Ip>(switch: &mut Switch) {
        let here = Namespace::current().unwrap();
        let (two, itself) = (at(V::host(NET, 2), 7), at(V::host(NET, ITSELF), 7));
        let _servers = [Server::udp(&switch.hosts[1], two).unwrap(), Server::udp(&here, itself).unwrap()];
        let _tcp_servers = [Server::tcp(&switch.hosts[1], two).unwrap(), Server::tcp(&here, itself).unwrap()];
        let table = Table::bridge("fw");
        // There is no rejecting on the way from port to port but as frames come in.
        for (hook, to) in [(Hook::PREROUTING, two), (Hook::INPUT, itself)] {
            let chain = table.chain("chain").filter(hook, Priority::FILTER);
            let from_one = |rule: RuleBuilder| rule.when(meta::iifname().eq("p1")).counter();
            let mut batch = Batch::new();
            batch.reset(&table).add(&chain);
            batch.append(&chain, from_one(Rule::new().when(udp::dport().eq(7))).reject());
            batch.append(&chain, from_one(Rule::new().when(tcp::dport().eq(7))).reject_with(RejectWith::TcpReset));
            switch.conn.commit(&batch).unwrap();
            let refused = Answer::Refused(std::io::ErrorKind::ConnectionRefused);
            let from = [1, 3].map(|number: u8| (&switch.hosts[usize::from(number) - 1], V::host(NET, number)));
            assert_eq!(udp_from(from[0].0, from[0].1).ask(to), refused, "{hook}");
            assert_eq!(tcp_from(from[0].0, from[0].1).ask(to), refused, "{hook}");
            pass(&udp_from(from[1].0, from[1].1), to);
            pass(&tcp_from(from[1].0, from[1].1), to);
            assert_eq!(packets(&mut switch.conn, &table, "chain"), [1, 1], "{hook}");
            switch.conn.commit(Batch::new().delete(&table)).unwrap();
        }
    }
}

/// For the tracking of connections through bridges (`NF_CONNTRACK_BRIDGE`): asks the kernel for it.
pub(crate) fn kernel_tracks_bridged_connections() -> Result<(), String> {
    let table = Table::bridge("probe");
    let chain = table.chain("chain").filter(Hook::FORWARD, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&table).add(&chain).append(&chain, Rule::new().when(ct::state().has(CtState::NEW)).accept());
    match Conn::open().and_then(|mut conn| conn.check(&batch)) {
        Err(error) if error.rejections().any(|refused| refused.errno() == Errno::EPROTO) => {
            Err("this kernel does not track connections through bridges".to_owned())
        }
        other => other.map_err(|error| error.to_string()),
    }
}

pub(crate) fn bridge_tracks_connections() {
    let mut switch = switch();
    both(&mut switch, tracks::<Ipv4Addr>, tracks::<Ipv6Addr>);

    fn tracks<V: Ip>(switch: &mut Switch) {
        let servers = switch.hosts.iter().zip(1..).map(|(host, number)| Server::udp(host, at(V::host(NET, number), 7)));
        let _servers: Vec<_> = servers.map(Result::unwrap).collect();
        let table = Table::bridge("fw");
        let forward = table.chain("forward").filter(Hook::FORWARD, Priority::FILTER);
        let mut batch = Batch::new();
        batch.reset(&table).add(&forward);
        let begin = [ct::state().has(CtState::NEW), meta::iifname().eq("p1")];
        let udp = || Rule::new().when(meta::l4proto().eq(L4Proto::UDP));
        batch.append(&forward, udp().when_all(begin).counter().accept());
        batch.append(&forward, udp().when(ct::state().has(CtState::ESTABLISHED)).counter().accept());
        batch.append(&forward, udp().counter().drop());
        switch.conn.commit(&batch).unwrap();
        assert_who_passes(vec![switch.ask::<V>(1, 2, true), switch.ask::<V>(1, 3, true), switch.ask::<V>(2, 1, false)]);
        assert_eq!(packets(&mut switch.conn, &table, "forward"), [2, 2, 1]);
        switch.conn.commit(Batch::new().delete(&table)).unwrap();
    }
}
