//! Find my rule, add it if missing.

use std::net::Ipv4Addr;
use std::thread;

use nftlink::{ChainRef, Conn, Table};

use crate::find;
use crate::support::lab::{self, Client, Namespace, Server};
use crate::support::{nft, nft_load};

/// A firewall of somebody else's.
const OTHERS: &str = r#"
    table inet filter {
        chain input {
            type filter hook input priority filter; policy drop;
            tcp dport { 22, 443 } accept comment "services"
            udp dport 51821 accept comment "almost"
            tcp dport 51820 accept comment "another protocol"
        }
    }
"#;

fn input() -> ChainRef {
    ChainRef::new(Table::inet("filter"), "input")
}

/// The rules of the chain as nft lists them.
fn listed() -> Vec<String> {
    let listing = nft(&["list", "chain", "inet", "filter", "input"]);
    listing.lines().filter(|line| line.contains("dport")).map(|line| line.trim().to_owned()).collect()
}

pub(crate) fn rule_is_added_once_and_removed_by_its_owner() {
    nft_load(OTHERS);
    let others = listed();
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    lab::veth((&client, "eth0"), (&server, "eth0")).unwrap();
    let [from, to] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
    client.address("eth0", from, 24).unwrap();
    server.address("eth0", to, 24).unwrap();
    let vpn = Server::udp(&server, (to, 51820)).unwrap();
    let peer = Client::udp(&client, (from, 0)).unwrap();

    let mut conn = Conn::open().unwrap();
    assert!(!peer.ask(vpn.address()).passed());
    assert!(find::ensure(&mut conn, &input(), &find::rule(51820)).unwrap());
    assert!(peer.ask(vpn.address()).passed());
    let mine = r#"udp dport 51820 accept comment "peers of the VPN""#.to_owned();
    assert_eq!(listed(), [vec![mine], others.clone()].concat());
    assert!(!find::ensure(&mut conn, &input(), &find::rule(51820)).unwrap());
    assert_eq!(listed().len(), others.len() + 1);

    // The firewall is loaded anew.
    nft(&["flush", "ruleset"]);
    nft_load(OTHERS);
    assert!(!peer.ask(vpn.address()).passed());
    assert!(find::ensure(&mut conn, &input(), &find::rule(51820)).unwrap());
    assert!(peer.ask(vpn.address()).passed());

    assert_eq!(find::remove(&mut conn).unwrap(), 1);
    assert_eq!(listed(), others);
    assert_eq!(find::remove(&mut conn).unwrap(), 0);
    assert!(!peer.ask(vpn.address()).passed());
}

pub(crate) fn rule_that_nft_wrote_is_found() {
    nft_load(OTHERS);
    let mut conn = Conn::open().unwrap();
    nft(&["add", "rule", "inet", "filter", "input", "udp", "dport", "51820", "accept", "comment", "\"by hand\""]);
    assert!(!find::ensure(&mut conn, &input(), &find::rule(51820)).unwrap());
    // It is not this program's: it stays.
    assert_eq!(find::remove(&mut conn).unwrap(), 0);
    assert!(listed().iter().any(|rule| rule.contains("by hand")));
}

pub(crate) fn programs_that_look_at_the_same_time_add_it_once() {
    nft_load(OTHERS);
    let others = listed().len();
    let mut conns: Vec<Conn> = (0..4).map(|_| Conn::open().unwrap()).collect();
    for round in 0..50 {
        let port = 1000 + round;
        let added: usize = thread::scope(|scope| {
            let ensure = |conn| scope.spawn(move || find::ensure(conn, &input(), &find::rule(port)).unwrap());
            let threads: Vec<_> = conns.iter_mut().map(ensure).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(added, 1, "port {port}");
    }
    assert_eq!(listed().len(), others + 50);
}
