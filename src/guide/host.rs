use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::datum::{CtState, IcmpType, Icmpv6Type, L4Proto};
use nftlink::expr::Limit;
use nftlink::field::{ct, icmp, icmpv6, ip, ip6, meta, tcp, udp};
use nftlink::object::Counter;
use nftlink::{Batch, Conn, Error, Hook, Interval, Policy, Priority, RejectWith, Rule, Set, Table};

/// What differs from host to host.
pub struct Config {
    /// Who may use ssh.
    pub admins: Vec<Interval<Ipv4Addr>>,
    pub admins6: Vec<Interval<Ipv6Addr>>,
    /// Ports that are open to everybody.
    pub tcp: Vec<u16>,
    pub udp: Vec<u16>,
}

/// Puts the firewall in place, or a new one in the place of the old: in one step, and the counters go on counting.
pub fn apply(conn: &mut Conn, config: &Config) -> Result<(), Error> {
    let host = Table::inet("host");
    let input = host.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
    let forward = host.chain("forward").filter(Hook::FORWARD, Priority::FILTER).policy(Policy::DROP);
    let output = host.chain("output").filter(Hook::OUTPUT, Priority::FILTER).policy(Policy::ACCEPT);
    let admins = Set::<Interval<Ipv4Addr>>::new(&host, "admins").auto_merge();
    let admins6 = Set::<Interval<Ipv6Addr>>::new(&host, "admins6").auto_merge();
    let [flood, invalid, ssh, refused] = ["flood", "invalid", "ssh", "refused"].map(|name| Counter::named(&host, name));

    // What is there already stays, but for the rules, which go all at once, and the elements.
    let mut batch = Batch::new();
    batch.add(&host).add(&flood).add(&invalid).add(&ssh).add(&refused);
    batch.add(&admins).flush(&admins).add_elements(&admins, config.admins.iter().copied());
    batch.add(&admins6).flush(&admins6).add_elements(&admins6, config.admins6.iter().copied());
    batch.add(&input).add(&forward).add(&output).flush(&host);

    batch.append(&input, Rule::new().when(meta::iifname().eq("lo")).accept());
    // The echoes of one ping are one connection: behind the rule for those, the limit would see only its first packet.
    let echo = icmp::icmp_type().eq(IcmpType::ECHO_REQUEST);
    let echo6 = icmpv6::icmpv6_type().eq(Icmpv6Type::ECHO_REQUEST);
    for echo in [&echo, &echo6] {
        let many = Limit::packets(10, Limit::SECOND).burst(20).over();
        batch.append(&input, Rule::new().when(echo.clone()).limit(many).object(&flood).drop());
    }
    // Answers, and errors about what was sent: for path MTU discovery, too, this is all it takes.
    batch.append(&input, Rule::new().when(ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)).accept());
    batch.append(&input, Rule::new().when(ct::state().has(CtState::INVALID)).object(&invalid).drop());

    // Without neighbours and routers there is no IPv6. Of other ICMP, nobody needs to hear that it was refused.
    let neighbours = [
        Icmpv6Type::ND_ROUTER_ADVERT,
        Icmpv6Type::ND_NEIGHBOR_SOLICIT,
        Icmpv6Type::ND_NEIGHBOR_ADVERT,
        Icmpv6Type::MLD_LISTENER_QUERY,
    ];
    batch.append(&input, Rule::new().when(icmpv6::icmpv6_type().one_of(neighbours)).accept());
    batch.append(&input, Rule::new().when(echo).accept());
    batch.append(&input, Rule::new().when(echo6).accept());
    batch.append(&input, Rule::new().when(meta::l4proto().one_of([L4Proto::ICMP, L4Proto::ICMPV6])).drop());

    for from in [ip::saddr().in_set(&admins), ip6::saddr().in_set(&admins6)] {
        batch.append(&input, Rule::new().when(from).when(tcp::dport().eq(22)).object(&ssh).accept());
    }
    // nft cannot read a set of no ports, `{ }`.
    if !config.tcp.is_empty() {
        batch.append(&input, Rule::new().when(tcp::dport().one_of(config.tcp.iter().copied())).accept());
    }
    if !config.udp.is_empty() {
        batch.append(&input, Rule::new().when(udp::dport().one_of(config.udp.iter().copied())).accept());
    }

    // A client that is told no does not wait until its patience ends.
    batch.append(&input, Rule::new().limit(Limit::packets(5, Limit::MINUTE)).log("refused: "));
    batch.append(
        &input,
        Rule::new().when(meta::l4proto().eq(L4Proto::TCP)).object(&refused).reject_with(RejectWith::TcpReset),
    );
    batch.append(&input, Rule::new().object(&refused).reject());
    conn.commit(&batch)
}
