//! A ban daemon.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::object::Counter;
use nftlink::{Conn, Interval, Table};

use crate::bans::{Ban, Bans, Network};
use crate::support;
use crate::support::lab::{self, Answer, Client, Namespace, Server, Stream};

const HOUR: Duration = Duration::from_secs(3600);
const LONG: Duration = Duration::from_secs(20);

/// Who is asked.
const SERVERS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1))];

fn v4(net: u8, host: u8) -> IpAddr {
    Ipv4Addr::new(10, net, 0, host).into()
}

fn v6(net: u8, host: u8) -> IpAddr {
    Ipv6Addr::new(0xfd00, net.into(), 0, 0, 0, 0, 0, host.into()).into()
}

/// How a family's addresses are made, of a network and a host, and its server.
type Family = (fn(u8, u8) -> IpAddr, IpAddr);

const FAMILIES: [Family; 2] = [(v4, SERVERS[0]), (v6, SERVERS[1])];

fn network(text: &str) -> Network {
    text.parse::<Interval<Ipv4Addr>>().map(Network::V4).or_else(|_| text.parse().map(Network::V6)).unwrap()
}

struct Place {
    client: Namespace,
    server: Namespace,
    bans: Bans,
}

fn place() -> Place {
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    lab::veth((&client, "eth0"), (&server, "eth0")).unwrap();
    for (of, address) in FAMILIES {
        let prefix_len = if address.is_ipv4() { 8 } else { 16 };
        server.address("eth0", address, prefix_len).unwrap();
        for (net, host) in [(1, 1), (1, 3), (2, 1), (2, 3)] {
            client.address("eth0", of(net, host), prefix_len).unwrap();
        }
    }
    let place = Place { client, server, bans: Bans::open().unwrap() };
    // A host solicits neighbours from any of its addresses, so from a banned one in vain: before, they get to know each
    // other.
    let _servers = place.servers();
    place.assert_dropped([]);
    place
}

impl Place {
    fn servers(&self) -> [Server; 2] {
        SERVERS.map(|address| Server::udp(&self.server, (address, 7)).unwrap())
    }

    /// Has everybody ask, and compares who gets no answer with who should get none.
    #[track_caller]
    fn assert_dropped<const N: usize>(&self, expected: [IpAddr; N]) {
        let asks = FAMILIES
            .iter()
            .flat_map(|(of, server)| [(1, 1), (1, 3), (2, 1), (2, 3)].map(|(net, host)| (of(net, host), *server)));
        let ask = &|from: IpAddr, server: IpAddr| {
            // It takes time to see that nothing comes; what is to come may take its own.
            let patience = if expected.contains(&from) { lab::PATIENCE } else { LONG };
            Client::udp(&self.client, (from, 0)).unwrap().timeout(patience).ask((server, 7))
        };
        let dropped: Vec<IpAddr> = thread::scope(|scope| {
            let asked: Vec<_> = asks.map(|(from, server)| (from, scope.spawn(move || ask(from, server)))).collect();
            let answers = asked.into_iter().map(|(from, answer)| (from, answer.join().unwrap()));
            answers.filter(|(_, answer)| *answer == Answer::Dropped).map(|(from, _)| from).collect()
        });
        assert_eq!(dropped, expected);
    }

    fn ban_networks(&mut self, networks: &[&str], time: Duration) {
        networks.iter().for_each(|text| self.bans.ban_network(network(text), time).unwrap());
    }

    fn lift_networks(&mut self, networks: &[&str]) {
        networks.iter().for_each(|text| self.bans.lift_network(network(text)).unwrap());
    }

    fn find(&mut self, who: impl ToString) -> Option<Ban> {
        let who = who.to_string();
        self.bans.list().unwrap().into_iter().find(|ban| ban.who == who)
    }
}

pub(crate) fn banned_are_dropped_and_counted_and_others_pass() {
    let mut place = place();
    let _servers = place.servers();
    let (addresses, networks) = ([v4(1, 1), v6(1, 1)], ["10.2.0.0/16", "fd00:2::/32"]);
    place.bans.ban(addresses.map(|address| (address, HOUR))).unwrap();
    place.ban_networks(&networks, HOUR);
    let dropped = [v4(1, 1), v4(2, 1), v4(2, 3), v6(1, 1), v6(2, 1), v6(2, 3)];
    place.assert_dropped(dropped);
    for (who, count) in [("10.1.0.1", 1), ("10.2.0.0/16", 2), ("fd00:1::1", 1), ("fd00:2::/32", 2)] {
        let ban = place.find(who).unwrap();
        assert!(ban.left.unwrap() <= HOUR && ban.left.unwrap() > HOUR - LONG, "{ban:?}");
        // Of IPv6, neighbours may have asked for each other beside.
        assert!(ban.dropped == count || who.contains(':') && ban.dropped > count, "{ban:?}");
    }
    assert_eq!(place.bans.list().unwrap().len(), 4);
    place.bans.ban([(addresses[0], 2 * HOUR)]).unwrap();
    let refreshed = place.find(addresses[0]).unwrap();
    assert!(refreshed.dropped == 0 && refreshed.left.unwrap() > HOUR, "{refreshed:?}");

    // A daemon that starts anew finds them.
    place.bans = Bans::open().unwrap();
    place.assert_dropped(dropped);
    place.bans.lift(addresses).unwrap();
    place.assert_dropped([v4(2, 1), v4(2, 3), v6(2, 1), v6(2, 3)]);
    place.lift_networks(&networks);
    place.assert_dropped([]);
    let total = Conn::open().unwrap().counter(Counter::named(Table::inet("bans"), "dropped")).unwrap();
    assert!(total.packets >= 6 + 6 + 4, "{total:?}");
}

pub(crate) fn bans_end_by_themselves_unless_they_are_refreshed() {
    let mut place = place();
    let _servers = place.servers();
    let time = Duration::from_secs(4);
    place.bans.ban([v4(1, 1), v4(1, 3), v6(1, 1), v6(1, 3)].map(|address| (address, time))).unwrap();
    place.bans.ban([v4(1, 3), v6(1, 3)].map(|address| (address, HOUR))).unwrap();
    place.ban_networks(&["10.2.0.1", "fd00:2::1", "10.2.0.3-10.2.0.9", "fd00:2::3-fd00:2::9"], time);
    place.ban_networks(&["10.2.0.3-10.2.0.9", "fd00:2::3-fd00:2::9"], HOUR);
    place.assert_dropped([v4(1, 1), v4(1, 3), v4(2, 1), v4(2, 3), v6(1, 1), v6(1, 3), v6(2, 1), v6(2, 3)]);
    for (over, server) in [(v4(1, 1), 0), (v4(2, 1), 0), (v6(1, 1), 1), (v6(2, 1), 1)] {
        let client = Client::udp(&place.client, (over, 0)).unwrap();
        let begin = Instant::now();
        while !client.ask((SERVERS[server], 7)).passed() {
            assert!(begin.elapsed() < LONG, "{over} is banned for ever");
        }
        assert!(place.find(over).is_none());
    }
    place.assert_dropped([v4(1, 3), v4(2, 3), v6(1, 3), v6(2, 3)]);
    assert!(place.find(v4(1, 3)).unwrap().left.unwrap() > HOUR - LONG);
    // What is over can be lifted, and imposed again.
    place.bans.lift([v4(1, 1), v4(1, 3), v6(1, 1)]).unwrap();
    place.lift_networks(&["10.2.0.1"]);
    place.bans.ban([(v6(1, 1), HOUR)]).unwrap();
    place.assert_dropped([v4(2, 3), v6(1, 1), v6(1, 3), v6(2, 3)]);
}

pub(crate) fn bans_inside_banned_networks_merge_and_are_cut_out() {
    let mut place = place();
    let _servers = place.servers();
    let around = ["10.1.0.0/16", "fd00:1::/32"];
    let inside = ["10.1.0.0/31", "fd00:1::/127"];
    place.ban_networks(&around, HOUR);
    // For a shorter time it says nothing new.
    place.ban_networks(&inside, HOUR / 2);
    assert_eq!(place.bans.list().unwrap().len(), 2);
    // For a longer one it outlasts the network: each is in two parts.
    place.ban_networks(&inside, 2 * HOUR);
    assert_eq!(place.bans.list().unwrap().len(), 4);
    place.assert_dropped([v4(1, 1), v4(1, 3), v6(1, 1), v6(1, 3)]);
    // A range around them takes them in.
    place.ban_networks(&["10.0.0.2-10.255.255.255"], 3 * HOUR);
    assert_eq!(place.bans.list().unwrap().len(), 3);
    place.assert_dropped([v4(1, 1), v4(1, 3), v4(2, 1), v4(2, 3), v6(1, 1), v6(1, 3)]);
    // One out of a network, unless it has a ban of its own.
    place.bans.ban([(v6(1, 1), HOUR)]).unwrap();
    place.lift_networks(&["10.1.0.1", "fd00:1::1"]);
    place.assert_dropped([v4(1, 3), v4(2, 1), v4(2, 3), v6(1, 1), v6(1, 3)]);
    place.bans.lift([v6(1, 1)]).unwrap();
    place.lift_networks(&["10.0.0.0/8", "fd00:1::/32"]);
    place.assert_dropped([]);
    assert!(place.bans.list().unwrap().is_empty());
}

pub(crate) fn thousands_of_bans_come_and_go_and_nobody_else_notices() {
    let mut place = place();
    let every = Duration::from_micros(500);
    let streams: Vec<_> = FAMILIES
        .iter()
        .map(|(of, server)| {
            let stream = |net, port: u16| {
                let from = (&place.client, (of(net, 1), 0));
                Stream::start(from, (&place.server, (*server, port)), every).unwrap()
            };
            (stream(2, 7), stream(1, 8))
        })
        .collect();
    // Each round refreshes the bans of the second ones.
    let senders = [v4(1, 1), v6(1, 1)].map(|address| (address, HOUR));
    place.bans.ban(senders).unwrap();
    // One more may have been on its way.
    let sent: Vec<u64> = streams.iter().map(|(_, banned)| banned.sent()).collect();
    let begin = Instant::now();

    let address = |n: u32| match n % 2 {
        0 => IpAddr::from(Ipv4Addr::from(0x0a03_0000 + n)),
        _ => IpAddr::from(Ipv6Addr::from((0xfd00_0003 << 96) + u128::from(n))),
    };
    let mut expected: HashMap<IpAddr, Duration> = senders.into();
    let mut changes = 0;
    for round in 0..ROUNDS {
        let of = |back: u32| round.checked_sub(back).map(|round| round * EACH..(round + 1) * EACH).unwrap_or_default();
        let (new, refreshed) = (of(0).map(|n| (n, HOUR)), of(1).step_by(4).map(|n| (n, 2 * HOUR)));
        let bans: Vec<_> = new.chain(refreshed).map(|(n, time)| (address(n), time)).chain(senders).collect();
        place.bans.ban(bans.iter().copied()).unwrap();
        let lifted: Vec<_> = of(2).filter(|n| n % 3 != 0).map(address).collect();
        place.bans.lift(lifted.iter().copied()).unwrap();
        changes += bans.len() + lifted.len();
        expected.extend(bans);
        lifted.iter().for_each(|address| assert!(expected.remove(address).is_some()));
    }
    let took = begin.elapsed();
    println!("{changes} bans and lifts in {took:?}: {:.0} a second", f64::from(changes as u32) / took.as_secs_f64());

    let list = place.bans.list().unwrap();
    assert_eq!(list.len(), expected.len());
    for ban in list {
        let (time, left) = (expected[&ban.who.parse().unwrap()], ban.left.unwrap());
        assert!(left <= time && left > time - HOUR / 2, "{ban:?}");
    }
    for ((good, banned), before) in streams.into_iter().zip(sent) {
        let (good, banned) = (good.stop(), banned.stop());
        assert_eq!((good.lost(), good.refused), (vec![], vec![]));
        assert!(good.sent > 50 && banned.sent > before + 50);
        let slipped: Vec<u64> = banned.arrived.iter().map(|(number, _)| *number).filter(|n| *n > before).collect();
        assert_eq!(slipped, [], "of {}", banned.sent - before);
    }
}

const ROUNDS: u32 = 40;
const EACH: u32 = 500;

pub(crate) fn table_is_what_a_person_would_have_written() {
    let mut bans = Bans::open().unwrap();
    assert_eq!(support::nft(&["list", "table", "inet", "bans"]), include_str!("bans.nft"));
    bans.ban([(v4(1, 1), HOUR)]).unwrap();
    bans.ban_network(network("10.0.0.0/8"), HOUR).unwrap();
    for (set, element) in [("ipv4", "10.1.0.1"), ("networks4", "10.0.0.0/8")] {
        let listing = support::nft(&["--stateless", "list", "set", "inet", "bans", set]);
        assert!(listing.contains(&format!("elements = {{ {element} counter timeout 1h }}")), "{listing}");
    }
}
