//! What reads naturally compiles.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use nftlink::datum::{CtState, IcmpCode, L4Proto, Mark, Port, TcpFlags};
use nftlink::expr::{Base, Limit, Log, Lookup, Payload, Reg, Verdict};
use nftlink::field::{Match, concat, ct, ip, ip6, meta, tcp, udp};
use nftlink::{
    Batch, ChainRef, Element, Family, Hook, Interval, Map, NatTarget, PortTarget, Priority, RejectWith, Rule, Set, Table,
    object,
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

    // Values of several kinds, and of none that has to be named.
    let services: Vec<Match> = vec![
        tcp::dport().one_of([22, 80]),
        tcp::dport().one_of(vec![22u16, 80]),
        tcp::dport().one_of([1..=1024]),
        tcp::dport().none_of([Interval::value(22), Interval::range(8000..=8080)]),
        ip::saddr().one_of([address]),
        ip::saddr().one_of(&[address, address]),
        ip::saddr().none_of([Interval::prefix(address, 24), Interval::value(address)]),
        meta::iifname().one_of(["lo", "eth0"]),
        meta::iifname().one_of([Interval::starting_with("veth"), Interval::value("lo")]),
        ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED),
        tcp::flags().masked(TcpFlags::SYN | TcpFlags::ACK).eq(TcpFlags::SYN),
        meta::mark().and(0xff).eq(0x10),
        meta::mark().gt(5),
        ct::original::ip_saddr().eq(address),
    ];
    batch.append(&input, Rule::new().when_all(services));

    // Concatenations.
    let pairs = Set::<(Ipv4Addr, Port)>::new(&fw, "pairs");
    let ranges = Set::<(Interval<Ipv4Addr>, Interval<Port>)>::new(&fw, "ranges");
    batch.add_elements(&pairs, [(address, 80)]).add_elements(&pairs, &[Element::new((address, Port::new(80)))]);
    batch.add_elements(&ranges, [(address, 80)]).add_elements(&ranges, [(Interval::prefix(address, 8), 80..=90)]);
    let both = || concat((ip::saddr(), tcp::dport()));
    batch.append(&input, Rule::new().when(both().in_set(&pairs)).when(both().in_set(&ranges)));
    batch.append(&input, Rule::new().when(both().none_of([(address, 22), (address, 80)])));

    // Maps.
    let verdicts = Map::<Port, Verdict>::new(&fw, "verdicts");
    let servers = Map::<Port, (Ipv4Addr, Port)>::new(&fw, "servers");
    batch.add_elements(&verdicts, [(22, Verdict::ACCEPT), (80, Verdict::jump(&other))]);
    batch.add_elements(&verdicts, [Element::new(443).to(Verdict::DROP), Element::catch_all().to(Verdict::DROP)]);
    batch.add_elements(&servers, [(80, (address, 8080))]);
    batch.append(&input, Rule::new().vmap(tcp::dport(), &verdicts));
    batch.append(&input, Rule::new().counter().vmap(tcp::dport(), [(22, Verdict::ACCEPT)]).drop());
    batch.append(&input, Rule::new().dnat(tcp::dport().map(&servers)));
    batch.append(&input, Rule::new().dnat(tcp::dport().map::<(Ipv4Addr, Port)>([(80, (address, 8080))])));
    batch.append(&input, Rule::new().set(meta::mark(), tcp::dport().map([(22, 1), (80, 2)])));

    // Statements.
    batch.append(&input, Rule::new().set(meta::mark(), 5).set(ct::mark(), meta::mark()).set(ip::ttl(), 64));
    batch.append(&input, Rule::new().set(meta::mark(), ct::mark().and(0xff).or(0x100)));
    batch.append(&input, Rule::new().limit(Limit::packets(5, Limit::MINUTE)).log("x").log(Log::group(1)).reject());
    batch.append(&input, Rule::new().reject_with(RejectWith::TcpReset));
    batch.append(&input, Rule::new().reject_with(RejectWith::Icmp(IcmpCode::HOST_UNREACHABLE)));
    let seen = Set::<Ipv4Addr>::new(&fw, "seen").dynamic().timeouts();
    let owners = Map::<Ipv4Addr, Mark>::new(&fw, "owners").dynamic();
    batch.append(&input, Rule::new().add_to(&seen, ip::saddr()));
    batch.append(&input, Rule::new().update_in(&seen, ip::saddr().timeout(Duration::from_secs(5))));
    let limited = ip::saddr().element().stateful(Limit::packets(5, Limit::SECOND).over());
    batch.append(&input, Rule::new().add_to(&seen, limited).drop());
    batch.append(&input, Rule::new().add_to(&owners, ip::saddr().element().to(meta::mark())));
    batch.append(&input, Rule::new().delete_from(&seen, ip::saddr()));
}
