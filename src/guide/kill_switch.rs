use std::net::{IpAddr, SocketAddr};

use nftlink::datum::{CtState, Icmpv6Type, L4Proto, Mark};
use nftlink::field::{ct, icmpv6, ip, ip6, meta, tcp, udp};
use nftlink::{Batch, Conn, Error, Family, Hook, Policy, Priority, Rule, Table};

/// It has no owner: the kernel keeps it when the program ends, however it ends.
pub fn table() -> Table {
    Table::inet("kill-switch").comment("made by example-vpn, removed by example-vpn --open")
}

/// Marks connections of the user who may go around the tunnel: a number that nobody else here sets.
fn around(uid: u32) -> Mark {
    Mark::new(uid ^ 0x6b73_0000)
}

/// Closes all ways but those named here. Called again with another server or user, it switches
/// to that: no packet sees a state between.
pub fn close(conn: &mut Conn, tunnel: &str, server: SocketAddr, protocol: L4Proto, uid: u32) -> Result<(), Error> {
    let table = table();
    let [output, input, forward] = [("output", Hook::OUTPUT), ("input", Hook::INPUT), ("forward", Hook::FORWARD)]
        .map(|(name, hook)| table.chain(name).filter(hook, Priority::FILTER).policy(Policy::DROP));
    let mut batch = Batch::new();
    // Chains that are there stay, and drop; only the rules change. `reset` would leave a gap of some microseconds.
    batch.add(&table).add(&output).add(&input).add(&forward).flush(&table);

    // This machine and the tunnel.
    for name in ["lo", tunnel] {
        batch.append(&output, Rule::new().when(meta::oifname().eq(name)).accept());
        batch.append(&input, Rule::new().when(meta::iifname().eq(name)).accept());
    }

    // The outside of the tunnel.
    let (to, from) = match server.ip() {
        IpAddr::V4(address) => (ip::daddr().eq(address), ip::saddr().eq(address)),
        IpAddr::V6(address) => (ip6::daddr().eq(address), ip6::saddr().eq(address)),
    };
    let (dport, sport) =
        if protocol == L4Proto::TCP { (tcp::dport(), tcp::sport()) } else { (udp::dport(), udp::sport()) };
    batch.append(&output, Rule::new().when(to).when(dport.eq(server.port())).accept());
    batch.append(&input, Rule::new().when(from).when(sport.eq(server.port())).accept());

    // Addresses by DHCP, of both versions. Inet tables do not see ARP.
    for (family, client, server) in [(Family::IP, 68, 67), (Family::IP6, 546, 547)] {
        let dhcp = || Rule::new().when(meta::nfproto().eq(family));
        batch.append(&output, dhcp().when(udp::sport().eq(client)).when(udp::dport().eq(server)).accept());
        batch.append(&input, dhcp().when(udp::sport().eq(server)).when(udp::dport().eq(client)).accept());
    }

    // IPv6 cannot do without neighbours and routers.
    let (ask, answer) = (Icmpv6Type::ND_NEIGHBOR_SOLICIT, Icmpv6Type::ND_NEIGHBOR_ADVERT);
    let (sent, received) = ([Icmpv6Type::ND_ROUTER_SOLICIT, ask, answer], [Icmpv6Type::ND_ROUTER_ADVERT, ask, answer]);
    batch.append(&output, Rule::new().when(icmpv6::icmpv6_type().one_of(sent)).accept());
    batch.append(&input, Rule::new().when(icmpv6::icmpv6_type().one_of(received)).accept());

    // The one user, and what answers. The mark stands for the user where a packet has none: when it comes in, and
    // when it goes out after the program has closed its socket. `ct state established` would be too much: it also
    // lets pass what was connected before.
    batch.append(&output, Rule::new().when(meta::skuid().eq(uid)).set(ct::mark(), around(uid)).accept());
    batch.append(&output, Rule::new().when(ct::mark().eq(around(uid))).accept());
    batch.append(&input, Rule::new().when(ct::mark().eq(around(uid))).accept());

    // Whom this machine routes for goes through the tunnel, too.
    batch.append(&forward, Rule::new().when(meta::oifname().eq(tunnel)).accept());
    let answers = ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED);
    batch.append(&forward, Rule::new().when(meta::iifname().eq(tunnel)).when(answers).accept());

    conn.commit(&batch)
}

/// Whether it is closed, by this process or one that is long dead.
pub fn is_closed(conn: &mut Conn) -> Result<bool, Error> {
    match conn.table(table()) {
        Err(error) if error.is_not_found() => Ok(false),
        read => read.map(|_| true),
    }
}

/// Opens all ways again. The name is enough: whoever made the table may be dead.
pub fn open(conn: &mut Conn) -> Result<(), Error> {
    match conn.commit(Batch::new().delete(&table())) {
        Err(error) if error.is_not_found() => Ok(()),
        done => done,
    }
}
