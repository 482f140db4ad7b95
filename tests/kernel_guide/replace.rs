//! Replace my table: streams flow through it while it is replaced.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::{Batch, Conn, Error, Family, Rule, Table};

use crate::replace;
use crate::support::lab::{self, Namespace, Stream};
use crate::support::{nft, nft_load};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const BANNED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 66);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const HOUR: Duration = Duration::from_secs(3600);
const EVERY: Duration = Duration::from_micros(200);

/// The table with these rules for ports; no ban and no packet yet.
fn listing(ports: &str) -> String {
    format!(
        "table ip shop {{
	set banned {{
		type ipv4_addr
		flags timeout
	}}

	chain input {{
		type filter hook input priority filter; policy accept;
		ip saddr @banned counter packets 0 bytes 0 drop
		ct state established,related accept
{ports}		drop
	}}
}}
"
    )
}

fn list() -> String {
    nft(&["list", "table", "ip", "shop"])
}

/// A client with two addresses, and a server, where the test runs.
fn hosts() -> (Namespace, Namespace) {
    let (client, server) = (Namespace::new().unwrap(), Namespace::current().unwrap());
    lab::veth((&client, "eth0"), (&server, "eth0")).unwrap();
    client.address("eth0", CLIENT, 24).unwrap();
    client.address("eth0", BANNED, 24).unwrap();
    server.address("eth0", SERVER, 24).unwrap();
    (client, server)
}

pub(crate) fn table_is_what_a_person_would_have_written() {
    let mut conn = Conn::open().unwrap();
    // The first time, over itself, and over another; by either way.
    for replace in [replace::replace, replace::rebuild, replace::replace] {
        replace(&mut conn, &[53, 123]).unwrap();
        assert_eq!(list(), listing("\t\tudp dport 53 accept\n\t\tudp dport 123 accept\n"));
        replace(&mut conn, &[]).unwrap();
        assert_eq!(list(), listing(""));
    }
}

pub(crate) fn table_of_another_version_is_rebuilt() {
    nft_load(
        "table ip shop {
            set banned { type ipv4_addr; flags timeout; }
            chain input { type filter hook input priority 5; policy drop; jump old; }
            chain old { tcp dport 80 accept; }
        }",
    );
    let (mut conn, before) = (Conn::open().unwrap(), list());
    // The kernel does not change the priority of a chain.
    assert!(replace::replace(&mut conn, &[7]).is_err());
    assert_eq!(list(), before);
    replace::rebuild(&mut conn, &[7]).unwrap();
    assert_eq!(list(), listing("\t\tudp dport 7 accept\n"));
}

/// Replaces the table that often while packets flow that every version allows, that none does, and that only an empty
/// set would let through.
fn replace_under_traffic(replace: fn(&mut Conn, &[u16]) -> Result<(), Error>, times: u64) {
    let (client, server) = hosts();
    let mut conn = Conn::open().unwrap();
    replace(&mut conn, &[7, 9]).unwrap();
    replace::ban(&mut conn, BANNED, HOUR).unwrap();
    let stream = |from, port: u16| Stream::start((&client, (from, 0)), (&server, (SERVER, port)), EVERY).unwrap();
    let (allowed, forbidden, banned) = (stream(CLIENT, 7), stream(CLIENT, 8), stream(BANNED, 9));
    for n in 0..times {
        let ports = if n % 2 == 0 { &[9, 7, 10][..] } else { &[7, 9] };
        replace(&mut conn, ports).unwrap();
        Stream::wait_for_all([&allowed, &forbidden, &banned], 2);
    }
    let [allowed, forbidden, banned] = [allowed, forbidden, banned].map(Stream::stop);
    assert_eq!((allowed.lost(), allowed.refused), (vec![], vec![]));
    assert_eq!((forbidden.arrived, banned.arrived), (vec![], vec![]));
    assert!([allowed.sent, forbidden.sent, banned.sent].iter().all(|&sent| sent >= 2 * times));
    // They were stopped by the table, not by a lack of anything else.
    conn.commit(Batch::new().delete(&replace::table())).unwrap();
    for (from, port) in [(CLIENT, 8), (BANNED, 9)] {
        let stream = stream(from, port);
        stream.wait_for(5);
        assert_eq!(stream.stop().lost(), []);
    }
}

pub(crate) fn no_packet_sees_a_state_between_two_sets_of_rules() {
    replace_under_traffic(replace::replace, 200);
}

pub(crate) fn no_packet_sees_a_state_between_two_tables() {
    // Each waits for the kernel three times.
    replace_under_traffic(replace::rebuild, 60);
}

pub(crate) fn refused_replacement_leaves_the_table_as_it_was() {
    let (client, server) = hosts();
    let mut conn = Conn::open().unwrap();
    replace::replace(&mut conn, &[7]).unwrap();
    let banned = Stream::start((&client, (BANNED, 0)), (&server, (SERVER, 7)), EVERY).unwrap();
    banned.wait_for(3);
    replace::ban(&mut conn, BANNED, HOUR).unwrap();
    banned.wait_for(3);
    let _ = banned.stop();
    let before = list();
    let dropped = |text: &str| text.lines().find(|line| line.contains("@banned counter")).unwrap().to_owned();
    assert!(!dropped(&before).contains("packets 0 "), "{before}");

    let allowed = Stream::start((&client, (CLIENT, 0)), (&server, (SERVER, 7)), EVERY).unwrap();
    for reset in [false, true] {
        let mut batch = Batch::new();
        if reset {
            batch.reset(&replace::table());
        }
        replace::describe(&mut batch, &replace::table(), &[8]);
        batch.append(replace::input(&replace::table()), Rule::new().jump(replace::table().chain("absent")));
        allowed.wait_for(3);
        assert!(conn.commit(&batch).unwrap_err().is_not_found());
        allowed.wait_for(3);
    }
    assert_eq!(allowed.stop().lost(), []);
    let without_time = |text: String| {
        // nft prints what is left of a ban.
        let lines = text.lines().map(|line| line.split(" expires ").next().unwrap_or_default().to_owned());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(without_time(list()), without_time(before));
}

fn tables(conn: &mut Conn) -> Vec<String> {
    conn.tables(Family::IP).unwrap().iter().map(|table| table.name().to_string()).collect()
}

pub(crate) fn guard_that_was_left_goes_with_the_next_replacement() {
    let mut conn = Conn::open().unwrap();
    for replace in [replace::replace, replace::rebuild] {
        let mut batch = Batch::new();
        replace::describe(&mut batch, &Table::ip("shop-guard"), &[]);
        conn.commit(&batch).unwrap();
        replace(&mut conn, &[7]).unwrap();
        assert_eq!(tables(&mut conn), ["shop"]);
    }
}

pub(crate) fn refused_rebuild_leaves_no_guard() {
    let (mut conn, mut owner) = (Conn::open().unwrap(), Conn::open().unwrap());
    owner.commit(Batch::new().add(&replace::table().owned())).unwrap();
    assert!(replace::rebuild(&mut conn, &[7]).unwrap_err().is_permission_denied());
    assert_eq!(tables(&mut conn), ["shop"]);
}

pub(crate) fn bans_outlive_the_table() {
    let mut conn = Conn::open().unwrap();
    replace::rebuild(&mut conn, &[]).unwrap();
    let bans = |conn: &mut Conn| {
        let bans = conn.elements(&replace::banned(&replace::table())).unwrap();
        let mut bans: Vec<_> =
            bans.iter().map(|ban| (*ban.key().unwrap(), ban.timeout().unwrap(), ban.expires().unwrap())).collect();
        bans.sort_unstable();
        bans
    };
    let (short, long) = (Duration::from_secs(100), Duration::from_secs(1000));
    replace::ban(&mut conn, CLIENT, short).unwrap();
    replace::ban(&mut conn, BANNED, long).unwrap();
    for replace in [replace::replace, replace::rebuild] {
        std::thread::sleep(Duration::from_millis(30));
        let before = bans(&mut conn);
        replace(&mut conn, &[1]).unwrap();
        let after = bans(&mut conn);
        let known = |bans: &[(Ipv4Addr, Duration, Duration)]| {
            bans.iter().map(|(address, timeout, _)| (*address, *timeout)).collect::<Vec<_>>()
        };
        assert_eq!(known(&after), [(CLIENT, short), (BANNED, long)]);
        // Their time goes on: it does not begin anew.
        for (before, after) in before.iter().zip(&after) {
            assert!(after.2 <= before.2 && after.2 < after.1, "{before:?} {after:?}");
        }
    }
}
