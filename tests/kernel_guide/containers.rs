//! A container network.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use nftlink::{Batch, Conn};

use crate::call::Call;
use crate::containers::{self, Container, Network};
use crate::support;
use crate::support::lab::{self, Answer, Client, Namespace, Server, Stream};

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);
const NETWORK: Network = Network { bridge: "br0", ports: "ct", subnet: (Ipv4Addr::new(10, 88, 0, 0), 24), host: HOST };

const WEB: Container =
    Container { name: "web", address: Ipv4Addr::new(10, 88, 0, 2), published: &[(8080, 80), (8443, 443)] };
const MAIL: Container = Container { name: "mail", address: Ipv4Addr::new(10, 88, 0, 3), published: &[(25, 25)] };
const OTHER: Container = Container { name: "other", address: Ipv4Addr::new(10, 88, 0, 9), published: &[(81, 81)] };

/// How long a packet may take that is to pass.
const LONG: Duration = Duration::from_secs(20);

/// Who said no: a host that has no such port.
const CLOSED: Answer = Answer::Refused(ErrorKind::ConnectionRefused);

/// A host, which is here, with two containers behind its bridge, and the world before it.
struct Place {
    host: Namespace,
    outside: Namespace,
    web: Namespace,
    mail: Namespace,
    conn: Conn,
}

fn place() -> Place {
    let host = Namespace::current().unwrap();
    let [outside, web, mail] = [(); 3].map(|()| Namespace::new().unwrap());
    lab::veth((&host, "eth0"), (&outside, "eth0")).unwrap();
    lab::veth((&host, "ct0"), (&web, "eth0")).unwrap();
    lab::veth((&host, "ct1"), (&mail, "eth0")).unwrap();
    lab::bridge(&host, "br0", &["ct0", "ct1"]).unwrap();
    host.address("eth0", HOST, 24).unwrap();
    host.address("br0", GATEWAY, 24).unwrap();
    host.forwarding().unwrap();
    // With br_netfilter, which not every kernel has, the table of family ip sees what stays in the bridge.
    let _ = host.sysctl("net/bridge/bridge-nf-call-iptables", "0");
    outside.address("eth0", OUTSIDE, 24).unwrap();
    for (namespace, container) in [(&web, &WEB), (&mail, &MAIL)] {
        namespace.address("eth0", container.address, 24).unwrap();
        namespace.default_route(GATEWAY).unwrap();
    }
    let mut conn = Conn::open().unwrap();
    containers::set_up(&mut conn, &NETWORK).unwrap();
    Place { host, outside, web, mail, conn }
}

impl Place {
    fn change(&mut self, change: impl FnOnce(&mut Batch)) {
        change_with(&mut self.conn, change);
    }
}

fn change_with(conn: &mut Conn, change: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    change(&mut batch);
    conn.commit(&batch).unwrap();
}

/// Asks, and has an answer, be it a refusal.
fn tcp(from: &Namespace, to: impl Into<SocketAddr>) -> Answer {
    Client::tcp(from, ([0, 0, 0, 0], 0)).timeout(LONG).ask(to)
}

/// Asks in vain.
fn unanswered(from: &Namespace, to: impl Into<SocketAddr>) -> bool {
    Client::tcp(from, ([0, 0, 0, 0], 0)).ask(to) == Answer::Dropped
}

fn ip(answer: Answer) -> Option<IpAddr> {
    answer.client().map(|client| client.ip())
}

pub(crate) fn published_ports_lead_in_and_nothing_else_does() {
    let mut place = place();
    let _servers = [(&place.web, 80), (&place.web, 443), (&place.web, 22), (&place.mail, 25)]
        .map(|(namespace, port)| Server::tcp(namespace, ([0, 0, 0, 0], port)).unwrap());
    assert_eq!(tcp(&place.outside, (HOST, 8080)), CLOSED, "nothing runs yet");

    place.change(|batch| [WEB, MAIL].iter().for_each(|container| container.start(batch)));
    for container in [WEB, MAIL] {
        for &(port, inside) in container.published {
            let answer = tcp(&place.outside, (HOST, port));
            assert_eq!(answer.server(), Some((container.address, inside).into()));
            assert_eq!(ip(answer), Some(OUTSIDE.into()), "the container sees who asks");
            let answer = tcp(&place.host, (HOST, port));
            assert_eq!(answer.server(), Some((container.address, inside).into()), "the host itself");
        }
    }
    assert_eq!(tcp(&place.outside, (HOST, 22)), CLOSED, "not published");

    // One without ports comes and goes as well.
    let worker = Container { name: "worker", address: Ipv4Addr::new(10, 88, 0, 4), published: &[] };
    place.change(|batch| worker.start(batch));
    support::nft_load(&format!("flush ruleset; {}", support::nft_ruleset()));
    place.change(|batch| worker.stop(batch));

    // A neighbour who knows the way to the containers.
    place.outside.default_route(HOST).unwrap();
    assert!(unanswered(&place.outside, (WEB.address, 80)));
    assert_eq!(tcp(&place.host, (WEB.address, 80)).server(), Some((WEB.address, 80).into()));

    // What another one has nobody gets, in part neither.
    for other in [
        Container { name: "web", ..OTHER },
        Container { address: WEB.address, ..OTHER },
        Container { published: &[(81, 81), (8080, 81)], ..OTHER },
    ] {
        let mut batch = Batch::new();
        other.start(&mut batch);
        assert!(place.conn.commit(&batch).unwrap_err().is_exists());
    }
    place.change(|batch| MAIL.stop(batch));
    assert_eq!(tcp(&place.outside, (HOST, 25)), CLOSED);
    assert_eq!(tcp(&place.outside, (HOST, 8080)).server(), Some((WEB.address, 80).into()));

    // The daemon starts anew: it changes nothing.
    let before = support::nft(&["--stateless", "list", "ruleset"]);
    containers::set_up(&mut place.conn, &NETWORK).unwrap();
    assert_eq!(support::nft(&["--stateless", "list", "ruleset"]), before);
    assert_eq!(tcp(&place.outside, (HOST, 8080)).server(), Some((WEB.address, 80).into()));
}

pub(crate) fn containers_reach_outside_as_the_host_and_not_each_other() {
    let mut place = place();
    place.change(|batch| [WEB, MAIL].iter().for_each(|container| container.start(batch)));
    let outside = [Server::udp(&place.outside, (OUTSIDE, 53)), Server::tcp(&place.outside, (OUTSIDE, 80))];
    let _servers = outside.map(Result::unwrap);
    let _inside = [Server::udp(&place.mail, (MAIL.address, 25)), Server::tcp(&place.mail, (MAIL.address, 25))];
    let udp = Client::udp(&place.web, (WEB.address, 0)).unwrap().timeout(LONG);
    assert_eq!(ip(udp.ask((OUTSIDE, 53))), Some(HOST.into()));
    assert_eq!(ip(tcp(&place.web, (OUTSIDE, 80))), Some(HOST.into()));

    let udp = udp.timeout(lab::PATIENCE);
    assert_eq!(udp.ask((MAIL.address, 25)), Answer::Dropped);
    assert!(unanswered(&place.web, (MAIL.address, 25)));
    assert_eq!(tcp(&place.web, (HOST, 25)), CLOSED, "nor by a published port");
    // It is the bridge's table that keeps them apart.
    support::nft(&["delete", "table", "bridge", "containers"]);
    // They have given up asking for each other's hardware address, for a while.
    let begin = Instant::now();
    while !udp.ask((MAIL.address, 25)).passed() {
        assert!(begin.elapsed() < LONG, "something else keeps them apart");
    }
}

pub(crate) fn containers_come_and_go_and_the_others_notice_nothing() {
    let mut place = place();
    let addresses = [10, 11, 12, 13].map(|host| Ipv4Addr::new(10, 88, 0, host));
    addresses.iter().for_each(|&address| place.mail.address("eth0", address, 24).unwrap());
    let _server = Server::tcp(&place.mail, ([0, 0, 0, 0], 25)).unwrap();
    let published: Vec<[(u16, u16); 1]> = (0..200).map(|n| [(2000 + n, 25)]).collect();
    let names: Vec<String> = (0..200).map(|n| format!("mail-{n}")).collect();
    let container = |n: usize| Container { name: &names[n], address: addresses[n % 4], published: &published[n] };

    place.change(|batch| WEB.start(batch));
    let mut call = Call::start((&place.outside, OUTSIDE), (HOST, 8080), (&place.web, (WEB.address, 80)));
    let every = Duration::from_micros(500);
    let stream = Stream::start((&place.web, (WEB.address, 0)), (&place.outside, (OUTSIDE, 7)), every).unwrap();
    for (n, &[(port, _)]) in published.iter().enumerate() {
        place.change(|batch| {
            if let Some(before) = n.checked_sub(1) {
                container(before).stop(batch);
            }
            container(n).start(batch);
        });
        call.goes_on();
        stream.wait_for(1);
        assert_eq!(tcp(&place.outside, (HOST, port)).server(), Some((container(n).address, 25).into()));
        assert_eq!(tcp(&place.outside, (HOST, port - 1)), CLOSED);
    }
    place.change(|batch| container(published.len() - 1).stop(batch));
    call.goes_on();
    let flow = stream.stop();
    assert!(flow.sent > 200);
    assert_eq!((flow.lost(), flow.refused), (vec![], vec![]));
    // Nothing is left of those that went.
    let left = support::nft(&["--stateless", "list", "table", "ip", "containers"]);
    let mut fresh = Conn::options().namespace_fd(std::os::fd::AsFd::as_fd(&place.mail)).open().unwrap();
    containers::set_up(&mut fresh, &NETWORK).unwrap();
    change_with(&mut fresh, |batch| WEB.start(batch));
    let expected = place.mail.run(|| support::nft(&["--stateless", "list", "table", "ip", "containers"]));
    assert_eq!(left, expected);
}

pub(crate) fn table_is_what_a_person_would_have_written() {
    let mut conn = Conn::open().unwrap();
    containers::set_up(&mut conn, &NETWORK).unwrap();
    change_with(&mut conn, |batch| WEB.start(batch));
    // The kernel lists elements in the order of a random hash.
    let list = |family| support::nft(&["--terse", "list", "table", family, "containers"]);
    assert_eq!(list("ip"), include_str!("containers.nft"));
    assert_eq!(list("bridge"), include_str!("containers_bridge.nft"));
    let element = |map| support::nft(&["list", "map", "ip", "containers", map]);
    assert!(element("containers").contains("elements = { 10.88.0.2 : jump container-web }"));
    change_with(&mut conn, |batch| {
        WEB.stop(batch);
        MAIL.start(batch);
    });
    assert!(element("published").contains("elements = { 25 : 10.88.0.3 . 25 }"));
}
