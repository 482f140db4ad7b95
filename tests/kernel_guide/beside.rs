//! Living beside iptables-nft, Docker and firewalld.

use std::env;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nftlink::expr::Expr;
use nftlink::{Batch, ChainRef, Conn, Hook, Table};

use crate::beside::{remove, set_up, table, who_is_at};
use crate::support::lab::{self, Namespace, Stream};
use crate::support::{nft, nft_load};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const BLOCKED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 66);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const EVERY: Duration = Duration::from_millis(1);

/// What iptables-nft 1.8.9 makes of the commands below, as nft reads it, and the frame of what firewalld makes.
const OTHERS: &str = r#"
table ip filter {
	chain DOCKER {
		iifname != "docker0" oifname "docker0" ip daddr 172.17.0.2 tcp dport 80 counter accept
	}
	chain DOCKER-USER {
	}
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
		counter jump DOCKER-USER
		ct state related,established counter accept
		iifname "docker0" oifname != "docker0" counter accept
	}
	chain INPUT {
		type filter hook input priority filter; policy accept;
		udp dport 7 counter drop
		ip saddr 10.0.0.0/8 counter accept
	}
}
table ip nat {
	chain DOCKER {
		iifname != "docker0" tcp dport 8080 counter dnat to 172.17.0.2:80
	}
	chain POSTROUTING {
		type nat hook postrouting priority srcnat; policy accept;
		oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade
	}
}
"#;

const FIREWALLD: &str = r#"
table inet firewalld {
	chain filter_INPUT {
		type filter hook input priority filter + 10; policy accept;
		ct state established,related accept
		iifname "lo" accept
		ct state invalid drop
		jump filter_INPUT_ZONES
		udp dport 9 counter reject with icmpx admin-prohibited
	}
	chain filter_INPUT_ZONES {
	}
}
"#;

const IPTABLES: &[&str] = &[
    "-N DOCKER",
    "-N DOCKER-USER",
    "-P FORWARD DROP",
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT",
    "-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT",
    "-A INPUT -p udp --dport 7 -j DROP",
    "-A INPUT -s 10.0.0.0/8 -j ACCEPT",
    "-t nat -N DOCKER",
    "-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
    "-t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
];

fn iptables_nft() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    places.map(|place| place.join("iptables-nft")).find(|file| file.is_file())
}

pub(crate) fn machine_has_iptables_nft() -> Result<(), String> {
    iptables_nft().map(drop).ok_or_else(|| "iptables-nft not found".to_owned())
}

/// The others' tables, with handles and expressions.
fn others() -> Vec<String> {
    [["ip", "filter"], ["ip", "nat"], ["inet", "firewalld"]]
        .map(|[family, name]| nft(&["-a", "--debug=netlink", "list", "table", family, name]))
        .into()
}

/// What each verb on our table leaves of the others': all.
fn assert_others_stay() {
    let mut conn = Conn::open().unwrap();
    let before = others();
    let same = |what: &str| assert_eq!(others(), before, "{what}");
    set_up(&mut conn, &[BLOCKED], 8).unwrap();
    same("the first time");
    set_up(&mut conn, &[CLIENT], 9).unwrap();
    same("again");
    let mut batch = Batch::new();
    batch.reset(&table());
    conn.commit(&batch).unwrap();
    same("reset");
    remove(&mut conn).unwrap();
    same("removed");
    assert!(conn.table(table()).unwrap_err().is_not_found());
}

pub(crate) fn tables_of_others_stay_as_they_are() {
    nft_load(OTHERS);
    nft_load(FIREWALLD);
    assert_others_stay();
}

pub(crate) fn tables_of_iptables_nft_stay_as_they_are() {
    let iptables = iptables_nft().unwrap();
    for arguments in IPTABLES {
        let output = Command::new(&iptables).args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
    nft_load(FIREWALLD);
    assert_others_stay();
    // Its extensions are read as they are.
    let mut conn = Conn::open().unwrap();
    let rules = conn.rules(&ChainRef::new(Table::ip("filter"), "FORWARD")).unwrap();
    let extension = |expr: &Expr| matches!(expr, Expr::XtMatch(_) | Expr::XtTarget(_));
    assert!(rules.iter().any(|rule| rule.exprs().any(|expr| extension(&expr.unwrap()))));
    // It can still read its own, and finds no stranger there.
    set_up(&mut conn, &[BLOCKED], 8).unwrap();
    let output = Command::new(&iptables).args(["-S", "INPUT"]).output().unwrap();
    let expected = "-P INPUT ACCEPT\n-A INPUT -p udp -m udp --dport 7 -j DROP\n-A INPUT -s 10.0.0.0/8 -j ACCEPT\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

pub(crate) fn table_is_what_a_person_would_have_written() {
    let mut conn = Conn::open().unwrap();
    set_up(&mut conn, &[BLOCKED], 8).unwrap();
    let expected = "table inet myapp {
	comment \"made by myapp\"
	set blocked {
		type ipv4_addr
		elements = { 10.0.0.66 }
	}

	chain early {
		type filter hook prerouting priority raw; policy accept;
		ip saddr @blocked counter packets 0 bytes 0 drop
	}

	chain input {
		type filter hook input priority filter - 10; policy accept;
		udp dport 8 counter packets 0 bytes 0 accept
	}

	chain late {
		type filter hook input priority security - 10; policy accept;
		udp dport 8 counter packets 0 bytes 0
	}
}
";
    assert_eq!(nft(&["list", "table", "inet", "myapp"]), expected);
}

/// What the first counter of a chain's rules has counted.
fn counted(conn: &mut Conn, table: &Table, chain: &str) -> u64 {
    let rules = conn.rules(&ChainRef::new(table, chain)).unwrap();
    let mut exprs = rules.iter().flat_map(|rule| rule.exprs());
    let counter = exprs.find_map(|expr| match expr.unwrap().get() {
        Expr::Counter(counter) => Some(*counter),
        _ => None,
    });
    counter.unwrap().packets
}

pub(crate) fn any_drop_wins_and_priorities_are_the_order() {
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    lab::veth((&client, "eth0"), (&server, "eth0")).unwrap();
    client.address("eth0", CLIENT, 24).unwrap();
    client.address("eth0", BLOCKED, 24).unwrap();
    server.address("eth0", SERVER, 24).unwrap();
    nft_load(OTHERS);
    nft_load(FIREWALLD);
    let mut conn = Conn::open().unwrap();
    // How many were sent from an address, how many arrived, and what counted our two chains, iptables' and firewalld's
    // rule for the port.
    let mut send = |from: Ipv4Addr, port: u16| {
        conn.commit(Batch::new().delete(&Table::ip("filter")).delete(&Table::ip("nat"))).unwrap();
        conn.commit(Batch::new().delete(&Table::inet("firewalld"))).unwrap();
        nft_load(OTHERS);
        nft_load(FIREWALLD);
        set_up(&mut conn, &[BLOCKED], port).unwrap();
        let stream = Stream::start((&client, (from, 0)), (&server, (SERVER, port)), EVERY).unwrap();
        stream.wait_for(20);
        let flow = stream.stop();
        let early = counted(&mut conn, &table(), "early");
        let ours = ["input", "late"].map(|chain| counted(&mut conn, &table(), chain));
        let iptables = counted(&mut conn, &Table::ip("filter"), "INPUT");
        let firewalld = counted(&mut conn, &Table::inet("firewalld"), "filter_INPUT");
        let all = flow.sent;
        [flow.arrived.len() as u64, early, ours[0], iptables, firewalld, ours[1]].map(|count| match count {
            0 => "none",
            count if count == all => "all",
            _ => "some",
        })
    };
    let arrived_early_input_iptables_firewalld_late = [
        // Ours accepts it, iptables' chain comes after and drops it, and nobody later sees it.
        ((CLIENT, 7), ["none", "none", "all", "all", "none", "none"]),
        // All accept it.
        ((CLIENT, 8), ["all", "none", "all", "none", "none", "all"]),
        // Ours accepts it, iptables' does by its source address; firewalld's refuses it all the same.
        ((CLIENT, 9), ["none", "none", "all", "none", "all", "none"]),
        // Iptables' chain would accept it; ours drops it before any of them.
        ((BLOCKED, 8), ["none", "all", "none", "none", "none", "none"]),
        ((BLOCKED, 7), ["none", "all", "none", "none", "none", "none"]),
    ];
    for ((from, port), expected) in arrived_early_input_iptables_firewalld_late {
        assert_eq!(send(from, port), expected, "{from} to {port}");
    }
}

pub(crate) fn whoever_else_is_here_is_told_in_order() {
    nft_load(OTHERS);
    nft_load(FIREWALLD);
    let mut conn = Conn::open().unwrap();
    set_up(&mut conn, &[], 8).unwrap();
    let expected = [
        "filter - 10: inet myapp input",
        "filter: ip filter INPUT",
        "filter + 10: inet firewalld filter_INPUT",
        "security - 10: inet myapp late",
    ];
    assert_eq!(who_is_at(&mut conn, Hook::INPUT).unwrap(), expected);
    assert_eq!(who_is_at(&mut conn, Hook::PREROUTING).unwrap(), ["raw: inet myapp early"]);
}
