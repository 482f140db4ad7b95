//! Objects: what those that rules share do to packets.

use nftlink::datum::{CtState, CtStatus};
use nftlink::field::ct;
use nftlink::object::{CtExpect, CtTimeout, Limit, Quota, QuotaFlags, TimeoutState};

use super::packet::*;
use super::*;

const HERE: IpAddr = LOOPBACKS[0];

/// Sends datagrams of one byte, 29 with their headers, to a port that nobody has.
fn send(port: u16, times: usize) {
    let socket = UdpSocket::bind(at(HERE, 0)).unwrap();
    for _ in 0..times {
        socket.send_to(b"?", at(HERE, port)).unwrap();
    }
}

fn output(table: &Table) -> Chain<Hooked> {
    table.chain("output").filter(Hook::OUTPUT, Priority::FILTER)
}

/// Commits rules for two ports that name one object, and count what goes on behind it.
fn shared_by_two_rules<T: object::Object>(conn: &mut Conn, table: &Table, object: &object::Named<T>) {
    let mut batch = Batch::new();
    batch.reset(table).add(object).add(&output(table));
    for port in [9, 10] {
        batch.append(output(table), Rule::new().when(udp::dport().eq(port)).object(object).counter());
    }
    conn.commit(&batch).unwrap();
}

pub(super) fn quota_is_used_up_by_all_rules_that_name_it() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let quota = Quota::new(100).named(&table, "quota");
    shared_by_two_rules(&mut conn, &table, &quota);
    for (port, times) in [(9, 2), (10, 5)] {
        send(port, times);
    }
    assert_eq!(packets(&mut conn, &table, "output"), [2, 1]);
    // What the kernel tells of it, and would not take, does not keep it from being put back.
    let info = conn.object(&quota).unwrap();
    let used_up = info.value::<Quota>().unwrap().unwrap();
    assert_eq!((used_up.consumed, used_up.flags), (100, QuotaFlags::DEPLETED));
    let mut batch = Batch::new();
    batch.reset(&table).add(&info);
    conn.commit(&batch).unwrap();
    assert_eq!(conn.object_value::<Quota>(&quota).unwrap().consumed, 100);

    shared_by_two_rules(&mut conn, &table, &quota);
    send(9, 10);
    assert_eq!(packets(&mut conn, &table, "output"), [3, 0]);
    let told: Quota = conn.reset_object(&quota).unwrap().value().unwrap().unwrap();
    assert_eq!((told.consumed, told.flags), (100, QuotaFlags::DEPLETED));
    assert_eq!(conn.object_value::<Quota>(&quota).unwrap(), Quota::new(100));
    send(10, 10);
    assert_eq!(packets(&mut conn, &table, "output"), [3, 3], "it began again");
}

pub(super) fn limit_is_of_all_rules_that_name_it() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let limit = Limit::packets(1, Limit::WEEK).burst(4).named(&table, "limit");
    shared_by_two_rules(&mut conn, &table, &limit);
    send(9, 3);
    send(10, 3);
    assert_eq!(packets(&mut conn, &table, "output"), [3, 1]);
}

pub(super) fn timeout_is_the_connections_that_it_is_given() {
    let mut conn = Conn::open().unwrap();
    let table = Table::inet("fw");
    let timeout = CtTimeout::new(L4Proto::UDP).policy(TimeoutState::UDP_UNREPLIED, Duration::from_secs(1000));
    let timeout = timeout.named(&table, "long");
    let mut batch = Batch::new();
    batch.reset(&table).add(&timeout).add(&output(&table));
    batch.append(output(&table), Rule::new().when(udp::dport().eq(2000)).object(&timeout));
    for port in [2000, 2001] {
        // Kernels differ in what they say before the first packet of a connection has passed.
        let known = Rule::new().when(udp::dport().eq(port)).when(ct::status().has(CtStatus::CONFIRMED));
        batch.append(output(&table), known.when(ct::expiration().gt(Duration::from_secs(500))).counter());
    }
    conn.commit(&batch).unwrap();
    let _receivers = [2000, 2001].map(|port| receiver(at(HERE, port)));
    let socket = UdpSocket::bind(at(HERE, 0)).unwrap();
    for port in [2000, 2001, 2000, 2001] {
        socket.send_to(b"?", at(HERE, port)).unwrap();
    }
    assert_eq!(packets(&mut conn, &table, "output"), [1, 0]);
}

pub(super) fn expected_connection_is_related() {
    let mut conn = Conn::open().unwrap();
    let table = Table::ip("fw");
    let expect = CtExpect::new(L4Proto::UDP, 3000, Duration::from_secs(60), 1).named(&table, "back");
    let mut batch = Batch::new();
    batch.reset(&table).add(&expect).add(&output(&table));
    batch.append(output(&table), Rule::new().when(udp::dport().eq(2000)).object(&expect));
    for state in [CtState::RELATED, CtState::NEW] {
        batch.append(output(&table), Rule::new().when(udp::dport().eq(3000)).when(ct::state().has(state)).counter());
    }
    conn.commit(&batch).unwrap();
    let [client, server] = [(1000, 3000), (2000, 2001)].map(|(one, other)| [one, other].map(|n| receiver(at(HERE, n))));
    // Of nobody's before, and of somebody's after.
    server[1].send_to(b"?", at(HERE, 3000)).unwrap();
    client[0].send_to(b"?", at(HERE, 2000)).unwrap();
    server[0].send_to(b"!", at(HERE, 3000)).unwrap();
    assert_eq!(packets(&mut conn, &table, "output"), [1, 1]);
    drop(client);
}
