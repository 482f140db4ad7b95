//! What reads naturally compiles.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use nftlink::datum::{L4Proto, Mark, Port};
use nftlink::expr::{Base, Lookup, Payload, Reg, Verdict};
use nftlink::field::{Match, ip, ip6, meta, tcp, udp};
use nftlink::{
    Batch, ChainRef, Element, Family, Hook, Interval, NatTarget, PortTarget, Priority, Rule, Set, Table, object,
};

fn main() {
    let fw = Table::inet("fw");
    let mut batch = Batch::new();

    let ports = Set::<Port>::new(&fw, "ports");
    batch.add_elements(&ports, [80]).add_elements(&ports, [80u16, 443]).add_elements(&ports, [Port::new(22)]);
    let address = Ipv4Addr::new(192, 0, 2, 1);
    let intervals = Set::<Interval<Ipv4Addr>>::new(&fw, "intervals").timeouts();
    batch.add_elements(&intervals, [address]);
    batch.add_elements(&intervals, [address..=address]);
    batch.add_elements(&intervals, [Interval::prefix(address, 24)]);
    batch.add_elements(&intervals, [Element::new(address).timeout(Duration::from_secs(5)).comment("x")]);
    batch.add_elements(&intervals, vec![address; 3].into_iter().map(Element::new));
    let port_ranges = Set::<Interval<Port>>::new(&fw, "port-ranges");
    batch.add_elements(&port_ranges, [1..=1024]).add_elements(&port_ranges, [8080]);
    batch.add_elements(&Set::new(&fw, "names"), ["eth0"].map(Element::<nftlink::datum::IfName>::new));

    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER - 5);
    let other = fw.chain("other");
    // Chains of different kinds in one collection.
    let chains: Vec<ChainRef> = vec![(&input).into(), (&other).into()];
    for chain in &chains {
        batch.append(chain, Rule::new().counter());
    }

    let matches: Vec<Match> = vec![
        ip::saddr().eq(address),
        ip::saddr().ne(address),
        ip::daddr().in_prefix(address, 24),
        ip::daddr().not_in_prefix(address, 24),
        ip6::saddr().in_range(Ipv6Addr::LOCALHOST..=Ipv6Addr::LOCALHOST),
        tcp::dport().eq(80),
        tcp::dport().eq(Port::new(80)),
        udp::sport().in_range(1..=1024),
        udp::sport().not_in_range(Port::new(1)..=Port::new(1024)),
        tcp::dport().in_set(&ports),
        tcp::dport().not_in_set(&port_ranges),
        ip::saddr().in_set(&intervals),
        meta::iifname().eq("eth0"),
        meta::iifname().eq(String::from("eth0")),
        meta::oifname().not_starts_with("veth"),
        meta::l4proto().eq(L4Proto::TCP),
        meta::nfproto().ne(Family::IP6),
        meta::mark().eq(5),
        meta::mark().in_range(Mark::new(1)..=Mark::new(2)),
    ];
    for one in matches {
        batch.append(&input, Rule::new().when(one).counter().jump(&other));
    }

    let web = object::Counter::named(&fw, "web");
    let rule = Rule::new().object(&web).return_().comment("after the end");
    batch.append(&input, &rule).append(&input, rule);
    for to in [NatTarget::from(address), IpAddr::V4(address).into(), SocketAddr::from((address, 80)).into()] {
        batch.append(&input, Rule::new().when(tcp::dport().eq(1)).dnat(to));
    }
    batch.append(&input, Rule::new().when(tcp::dport().eq(1)).dnat(SocketAddrV4::new(address, 80)));
    batch.append(&input, Rule::new().snat(address..=address).comment("x"));
    batch.append(&input, Rule::new().when(tcp::dport().eq(1)).redirect_to(80));
    batch.append(&input, Rule::new().masquerade_to(PortTarget::any().random()));
    batch.append(
        &input,
        Rule::new()
            .expr(Payload::load(Base::NETWORK, 12, 4, Reg::R1))
            .expr(Lookup::new("intervals", Reg::R1))
            .expr(Verdict::DROP),
    );
}
