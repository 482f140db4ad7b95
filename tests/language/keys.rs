//! Sets and maps of the table's, with keys and values of every type.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::datum::{
    ArpOp, ClassId, CtDirection, CtState, CtStatus, Date, Day, DevGroup, Dscp, Ecn, EtherAddr, EtherType, Gid, Hour,
    IcmpCode, IcmpType, Icmpv6Code, Icmpv6Type, IfIndex, IfName, IfType, L4Proto, Mark, PktType, Port, Realm, TcpFlags,
    Uid,
};
use nftlink::expr::Verdict;
use nftlink::field::{arp, concat, ct, ether, icmp, icmpv6, ip, ip6, meta, tcp, th, udp};
use nftlink::{Interval, Key, Map, Set};

use super::icmp::NOT_THERE;
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const MAC: EtherAddr = EtherAddr::new([2, 0, 0, 0, 0, 1]);

fn set<K: Key>(table: &Table, name: &str) -> Set<K> {
    Set::new(table, name)
}

pub(super) fn pairs(table: &Table) -> Vec<Pair> {
    all([
        of_single_values(table),
        of_connections(table),
        of_intervals(table),
        of_several_fields(table),
        of_fields(table),
        verdicts(table),
        values(table),
    ])
}

fn of_single_values(t: &Table) -> Vec<Pair> {
    vec![
        is("ip saddr @hosts", ip::saddr().in_set(&set::<Ipv4Addr>(t, "hosts"))),
        is("ip daddr != @hosts", ip::daddr().not_in_set(&set::<Ipv4Addr>(t, "hosts"))),
        is("arp saddr ip @hosts", arp::saddr_ip().in_set(&set::<Ipv4Addr>(t, "hosts"))),
        is("ip6 saddr @hosts6", ip6::saddr().in_set(&set::<Ipv6Addr>(t, "hosts6"))),
        is("ip6 daddr != @hosts6", ip6::daddr().not_in_set(&set::<Ipv6Addr>(t, "hosts6"))),
        is("ether saddr @cards", ether::saddr().in_set(&set::<EtherAddr>(t, "cards"))),
        is("ether daddr != @cards", ether::daddr().not_in_set(&set::<EtherAddr>(t, "cards"))),
        is("arp daddr ether @cards", arp::daddr_ether().in_set(&set::<EtherAddr>(t, "cards"))),
        is("ether type @frames", ether::ether_type().in_set(&set::<EtherType>(t, "frames"))),
        is("meta protocol @frames", meta::protocol().in_set(&set::<EtherType>(t, "frames"))),
        is("arp operation @questions", arp::operation().in_set(&set::<ArpOp>(t, "questions"))),
        is("ip protocol @protocols", ip::protocol().in_set(&set::<L4Proto>(t, "protocols"))),
        is("ip6 nexthdr @protocols", ip6::nexthdr().in_set(&set::<L4Proto>(t, "protocols"))),
        is("meta l4proto @protocols", meta::l4proto().in_set(&set::<L4Proto>(t, "protocols"))),
        is("tcp dport @ports", tcp::dport().in_set(&set::<Port>(t, "ports"))),
        is("udp sport != @ports", udp::sport().not_in_set(&set::<Port>(t, "ports"))),
        is("th dport @ports", th::dport().in_set(&set::<Port>(t, "ports"))),
        is("icmp type @questions4", icmp::icmp_type().in_set(&set::<IcmpType>(t, "questions4")))
            .not_in(Family::IP6, NOT_THERE),
        is("icmp code @codes4", icmp::code().in_set(&set::<IcmpCode>(t, "codes4"))).not_in(Family::IP6, NOT_THERE),
        is("icmpv6 type @questions6", icmpv6::icmpv6_type().in_set(&set::<Icmpv6Type>(t, "questions6")))
            .not_in(Family::IP, NOT_THERE),
        is("icmpv6 code @codes6", icmpv6::code().in_set(&set::<Icmpv6Code>(t, "codes6"))).not_in(Family::IP, NOT_THERE),
        is("tcp flags @signs", tcp::flags().in_set(&set::<TcpFlags>(t, "signs"))),
        is("meta mark @marks", meta::mark().in_set(&set::<Mark>(t, "marks"))),
        is("iif @cards_by_number", meta::iif().in_set(&set::<IfIndex>(t, "cards_by_number"))),
        is("oif != @cards_by_number", meta::oif().not_in_set(&set::<IfIndex>(t, "cards_by_number"))),
        is("iifname @names", meta::iifname().in_set(&set::<IfName>(t, "names"))),
        is("oifname != @names", meta::oifname().not_in_set(&set::<IfName>(t, "names"))),
        is("meta iiftype @kinds", meta::iiftype().in_set(&set::<IfType>(t, "kinds"))),
        is("iifgroup @groups", meta::iifgroup().in_set(&set::<DevGroup>(t, "groups"))),
        is("meta skuid @users", meta::skuid().in_set(&set::<Uid>(t, "users"))),
        is("meta skgid != @teams", meta::skgid().not_in_set(&set::<Gid>(t, "teams"))),
        is("meta rtclassid @realms", meta::rtclassid().in_set(&set::<Realm>(t, "realms"))),
        is("meta priority @classes", meta::priority().in_set(&set::<ClassId>(t, "classes"))),
        is("meta pkttype @casts", meta::pkttype().in_set(&set::<PktType>(t, "casts"))),
        is("ip dscp @services", ip::dscp().in_set(&set::<Dscp>(t, "services"))),
        is("ip ecn @congested", ip::ecn().in_set(&set::<Ecn>(t, "congested"))),
    ]
}

fn of_connections(t: &Table) -> Vec<Pair> {
    vec![
        is("ct state @states", ct::state().in_set(&set::<CtState>(t, "states"))),
        is("ct status @statuses", ct::status().in_set(&set::<CtStatus>(t, "statuses"))),
        is("ct direction @ways", ct::direction().in_set(&set::<CtDirection>(t, "ways"))),
        is("ct mark @marks", ct::mark().in_set(&set::<Mark>(t, "marks"))),
    ]
}

fn of_intervals(t: &Table) -> Vec<Pair> {
    vec![
        is("ip saddr @nets", ip::saddr().in_set(&set::<Interval<Ipv4Addr>>(t, "nets"))),
        is("ip6 saddr != @nets6", ip6::saddr().not_in_set(&set::<Interval<Ipv6Addr>>(t, "nets6"))),
        is("tcp dport @services_of_all", tcp::dport().in_set(&set::<Interval<Port>>(t, "services_of_all"))),
        is("meta skuid @people", meta::skuid().in_set(&set::<Interval<Uid>>(t, "people"))),
        is("iifname @wires", meta::iifname().in_set(&set::<Interval<IfName>>(t, "wires"))),
    ]
}

fn of_several_fields(t: &Table) -> Vec<Pair> {
    vec![
        is(
            "iifname . ip saddr @doors",
            concat((meta::iifname(), ip::saddr())).in_set(&set::<(IfName, Ipv4Addr)>(t, "doors")),
        ),
        is(
            "ether saddr . ip saddr != @leases",
            concat((ether::saddr(), ip::saddr())).not_in_set(&set::<(EtherAddr, Ipv4Addr)>(t, "leases")),
        ),
        is(
            "meta l4proto . th dport @offers",
            concat((meta::l4proto(), th::dport())).in_set(&set::<(L4Proto, Port)>(t, "offers")),
        ),
        is(
            "ip saddr . ip daddr . tcp dport @flows",
            concat((ip::saddr(), ip::daddr(), tcp::dport())).in_set(&set::<(Ipv4Addr, Ipv4Addr, Port)>(t, "flows")),
        ),
        is(
            "ip6 saddr . udp dport @doors6",
            concat((ip6::saddr(), udp::dport())).in_set(&set::<(Ipv6Addr, Port)>(t, "doors6")),
        ),
        is(
            "ip saddr . tcp dport @zones",
            concat((ip::saddr(), tcp::dport())).in_set(&set::<(Interval<Ipv4Addr>, Interval<Port>)>(t, "zones")),
        ),
        is(
            "iifname . ip saddr . tcp dport @paths",
            concat((meta::iifname(), ip::saddr(), tcp::dport())).in_set(&set::<(
                IfName,
                Interval<Ipv4Addr>,
                Interval<Port>,
            )>(t, "paths")),
        ),
    ]
}

/// Types that nft has no words for are told as those of a field.
fn of_fields(t: &Table) -> Vec<Pair> {
    vec![
        is("meta day @days", meta::day().in_set(&days(t))),
        is("meta hour @work", meta::hour().in_set(&work(t))),
        is("meta hour != @work", meta::hour().not_in_set(&work(t))),
        is("meta time @dates", meta::time().in_set(&dates(t))),
    ]
}

fn days(table: &Table) -> Set<Day> {
    Set::new(table, "days").typeof_key(&meta::day())
}

fn work(table: &Table) -> Set<Interval<Hour>> {
    Set::new(table, "work").typeof_key(&meta::hour())
}

fn dates(table: &Table) -> Set<Date> {
    Set::new(table, "dates").typeof_key(&meta::time())
}

fn verdicts(t: &Table) -> Vec<Pair> {
    vec![
        does("ip saddr vmap @fates", Rule::new().vmap(ip::saddr(), &Map::<Ipv4Addr, Verdict>::new(t, "fates"))),
        does(
            "ip saddr vmap @fates_of_nets",
            Rule::new().vmap(ip::saddr(), &Map::<Interval<Ipv4Addr>, Verdict>::new(t, "fates_of_nets")),
        ),
        does("iifname vmap @entries", Rule::new().vmap(meta::iifname(), &Map::<IfName, Verdict>::new(t, "entries"))),
        does(
            "meta l4proto vmap @by_protocol",
            Rule::new().vmap(meta::l4proto(), &Map::<L4Proto, Verdict>::new(t, "by_protocol")),
        ),
        does(
            "iifname . tcp dport vmap @by_door",
            Rule::new()
                .vmap(concat((meta::iifname(), tcp::dport())), &Map::<(IfName, Port), Verdict>::new(t, "by_door")),
        ),
        does(
            "ip saddr . tcp dport vmap @by_zone",
            Rule::new().vmap(
                concat((ip::saddr(), tcp::dport())),
                &Map::<(Interval<Ipv4Addr>, Interval<Port>), Verdict>::new(t, "by_zone"),
            ),
        ),
        does("meta mark vmap @by_mark", Rule::new().vmap(meta::mark(), &Map::<Mark, Verdict>::new(t, "by_mark"))),
        does(
            "meta mark & 0x000000ff vmap @by_mark",
            Rule::new().vmap(meta::mark().and(0xff), &Map::<Mark, Verdict>::new(t, "by_mark")),
        ),
    ]
}

fn values(t: &Table) -> Vec<Pair> {
    let mark_of_port = || Map::<Port, Mark>::new(t, "mark_of_port");
    vec![
        does(
            "meta mark set tcp dport map @mark_of_port",
            Rule::new().set(meta::mark(), tcp::dport().map(&mark_of_port())),
        ),
        does("ct mark set tcp dport map @mark_of_port", Rule::new().set(ct::mark(), tcp::dport().map(&mark_of_port()))),
        does(
            "meta priority set ip saddr map @class_of",
            Rule::new().set(meta::priority(), ip::saddr().map(&Map::<Ipv4Addr, ClassId>::new(t, "class_of"))),
        ),
        does(
            "ip daddr set ip saddr map @twin",
            Rule::new().set(ip::daddr(), ip::saddr().map(&Map::<Ipv4Addr, Ipv4Addr>::new(t, "twin"))),
        ),
        does(
            "tcp dport set tcp sport map @port_of",
            Rule::new().set(tcp::dport(), tcp::sport().map(&Map::<Port, Port>::new(t, "port_of"))),
        ),
        does(
            "ether daddr set ip daddr map @card_of",
            Rule::new().set(ether::daddr(), ip::daddr().map(&Map::<Ipv4Addr, EtherAddr>::new(t, "card_of"))),
        ),
        does(
            "meta mark set iifname . ip saddr map @mark_of_path",
            Rule::new().set(
                meta::mark(),
                concat((meta::iifname(), ip::saddr())).map(&Map::<(IfName, Ipv4Addr), Mark>::new(t, "mark_of_path")),
            ),
        ),
    ]
}

/// What is in them, too: each side writes its elements.
macro_rules! sets {
    ($($name:literal: $text:literal as $key:ty = $elements:literal, $values:expr;)*) => {
        vec![$(
            declare(concat!("set ", $name, " { type ", $text, "; }"), |t, b| _ = b.add(&set::<$key>(t, $name))),
            declare(concat!("element ", $name, " { ", $elements, " }"), |t, b| {
                _ = b.add_elements(&set::<$key>(t, $name), $values)
            }),
        )*]
    };
}

pub(super) fn declarations() -> Vec<Declaration> {
    let mut all = sets! {
        "hosts": "ipv4_addr" as Ipv4Addr = "192.0.2.1", [A];
        "hosts6": "ipv6_addr" as Ipv6Addr = "2001:db8::1", [V6];
        "cards": "ether_addr" as EtherAddr = "02:00:00:00:00:01", [MAC];
        "frames": "ether_type" as EtherType = "ip, arp", [EtherType::IP, EtherType::ARP];
        "questions": "arp_op" as ArpOp = "request", [ArpOp::REQUEST];
        "protocols": "inet_proto" as L4Proto = "tcp, udp", [L4Proto::TCP, L4Proto::UDP];
        "ports": "inet_service" as Port = "22, 443", [22, 443];
        "questions4": "icmp_type" as IcmpType = "echo-request", [IcmpType::ECHO_REQUEST];
        "codes4": "icmp_code" as IcmpCode = "host-unreachable", [IcmpCode::HOST_UNREACHABLE];
        "questions6": "icmpv6_type" as Icmpv6Type = "echo-request", [Icmpv6Type::ECHO_REQUEST];
        "codes6": "icmpv6_code" as Icmpv6Code = "no-route", [Icmpv6Code::NO_ROUTE];
        "signs": "tcp_flag" as TcpFlags = "syn, ack", [TcpFlags::SYN, TcpFlags::ACK];
        "marks": "mark" as Mark = "0x10, 0x20", [0x10, 0x20];
        "cards_by_number": "iface_index" as IfIndex = "\"lo\"", [1];
        "names": "ifname" as IfName = "\"lo\", \"eth0\"", ["lo", "eth0"];
        "kinds": "iface_type" as IfType = "ether", [IfType::ETHER];
        "groups": "devgroup" as DevGroup = "7", [7];
        "users": "uid" as Uid = "12345", [12345];
        "teams": "gid" as Gid = "12345", [12345];
        "realms": "realm" as Realm = "7", [7];
        "classes": "classid" as ClassId = "1:2", [ClassId::of(1, 2)];
        "casts": "pkt_type" as PktType = "multicast", [PktType::MULTICAST];
        "services": "dscp" as Dscp = "cs1", [Dscp::CS1];
        "congested": "ecn" as Ecn = "ce", [Ecn::CE];
        "states": "ct_state" as CtState = "new", [CtState::NEW];
        "statuses": "ct_status" as CtStatus = "dnat", [CtStatus::DNAT];
        "ways": "ct_dir" as CtDirection = "reply", [CtDirection::REPLY];
        "doors": "ifname . ipv4_addr" as (IfName, Ipv4Addr) = "\"eth0\" . 192.0.2.1", [("eth0", A)];
        "leases": "ether_addr . ipv4_addr" as (EtherAddr, Ipv4Addr) = "02:00:00:00:00:01 . 192.0.2.1", [(MAC, A)];
        "offers": "inet_proto . inet_service" as (L4Proto, Port) = "udp . 53", [(L4Proto::UDP, 53)];
        "flows": "ipv4_addr . ipv4_addr . inet_service" as (Ipv4Addr, Ipv4Addr, Port) =
            "192.0.2.1 . 192.0.2.1 . 80", [(A, A, 80)];
        "doors6": "ipv6_addr . inet_service" as (Ipv6Addr, Port) = "2001:db8::1 . 53", [(V6, 53)];
    };
    all.extend([
        declare("set nets { type ipv4_addr; flags interval; }", |t, b| {
            _ = b.add(&set::<Interval<Ipv4Addr>>(t, "nets"))
        }),
        declare("element nets { 192.0.2.0/24, 198.51.100.7-198.51.100.9 }", |t, b| {
            let some = Ipv4Addr::new(198, 51, 100, 7)..=Ipv4Addr::new(198, 51, 100, 9);
            b.add_elements(&set::<Interval<Ipv4Addr>>(t, "nets"), [Interval::prefix(A, 24), Interval::range(some)]);
        }),
        declare("set nets6 { type ipv6_addr; flags interval; }", |t, b| {
            _ = b.add(&set::<Interval<Ipv6Addr>>(t, "nets6"))
        }),
        declare("element nets6 { 2001:db8::/32 }", |t, b| {
            _ = b.add_elements(&set::<Interval<Ipv6Addr>>(t, "nets6"), [Interval::prefix(V6, 32)])
        }),
        declare("set services_of_all { type inet_service; flags interval; }", |t, b| {
            _ = b.add(&set::<Interval<Port>>(t, "services_of_all"))
        }),
        declare("set people { type uid; flags interval; }", |t, b| _ = b.add(&set::<Interval<Uid>>(t, "people"))),
        declare("element people { 1000-59999 }", |t, b| {
            _ = b.add_elements(&set::<Interval<Uid>>(t, "people"), [1000..=59999])
        }),
        declare("set days { typeof meta day; }", |t, b| _ = b.add(&days(t))),
        declare("element days { \"Saturday\", \"Sunday\" }", |t, b| {
            _ = b.add_elements(&days(t), [Day::SATURDAY, Day::SUNDAY])
        }),
        declare("set work { typeof meta hour; flags interval; }", |t, b| _ = b.add(&work(t))),
        declare("element work { \"09:00\"-\"17:00\" }", |t, b| {
            _ = b.add_elements(&work(t), [Hour::new(9, 0)..=Hour::new(17, 0)])
        }),
        declare("set dates { typeof meta time; }", |t, b| _ = b.add(&dates(t))),
        declare("set wires { type ifname; flags interval; }", |t, b| _ = b.add(&set::<Interval<IfName>>(t, "wires"))),
        declare("element wires { \"eth*\" }", |t, b| {
            _ = b.add_elements(&set::<Interval<IfName>>(t, "wires"), [Interval::starting_with("eth")])
        }),
        declare("set zones { type ipv4_addr . inet_service; flags interval; }", |t, b| {
            _ = b.add(&set::<(Interval<Ipv4Addr>, Interval<Port>)>(t, "zones"))
        }),
        declare("set paths { type ifname . ipv4_addr . inet_service; flags interval; }", |t, b| {
            _ = b.add(&set::<(IfName, Interval<Ipv4Addr>, Interval<Port>)>(t, "paths"))
        }),
        declare("map fates { type ipv4_addr : verdict; }", |t, b| {
            _ = b.add(&Map::<Ipv4Addr, Verdict>::new(t, "fates"))
        }),
        declare("element fates { 192.0.2.1 : drop }", |t, b| {
            _ = b.add_elements(&Map::<Ipv4Addr, Verdict>::new(t, "fates"), [(A, Verdict::DROP)])
        }),
        declare("map fates_of_nets { type ipv4_addr : verdict; flags interval; }", |t, b| {
            _ = b.add(&Map::<Interval<Ipv4Addr>, Verdict>::new(t, "fates_of_nets"))
        }),
        declare("map entries { type ifname : verdict; }", |t, b| _ = b.add(&Map::<IfName, Verdict>::new(t, "entries"))),
        declare("element entries { \"lo\" : accept, \"eth0\" : goto other }", |t, b| {
            let other = Verdict::goto(&t.chain("other"));
            b.add_elements(&Map::<IfName, Verdict>::new(t, "entries"), [("lo", Verdict::ACCEPT), ("eth0", other)]);
        }),
        declare("map by_protocol { type inet_proto : verdict; }", |t, b| {
            _ = b.add(&Map::<L4Proto, Verdict>::new(t, "by_protocol"))
        }),
        declare("map by_door { type ifname . inet_service : verdict; }", |t, b| {
            _ = b.add(&Map::<(IfName, Port), Verdict>::new(t, "by_door"))
        }),
        declare("map by_zone { type ipv4_addr . inet_service : verdict; flags interval; }", |t, b| {
            _ = b.add(&Map::<(Interval<Ipv4Addr>, Interval<Port>), Verdict>::new(t, "by_zone"))
        }),
        declare("map by_mark { type mark : verdict; }", |t, b| _ = b.add(&Map::<Mark, Verdict>::new(t, "by_mark"))),
        declare("map mark_of_port { type inet_service : mark; }", |t, b| {
            _ = b.add(&Map::<Port, Mark>::new(t, "mark_of_port"))
        }),
        declare("element mark_of_port { 22 : 0x1, 80 : 0x2 }", |t, b| {
            _ = b.add_elements(&Map::<Port, Mark>::new(t, "mark_of_port"), [(22, 1), (80, 2)])
        }),
        declare("map class_of { type ipv4_addr : classid; }", |t, b| {
            _ = b.add(&Map::<Ipv4Addr, ClassId>::new(t, "class_of"))
        }),
        declare("map twin { type ipv4_addr : ipv4_addr; }", |t, b| {
            _ = b.add(&Map::<Ipv4Addr, Ipv4Addr>::new(t, "twin"))
        }),
        declare("map port_of { type inet_service : inet_service; }", |t, b| {
            _ = b.add(&Map::<Port, Port>::new(t, "port_of"))
        }),
        declare("map card_of { type ipv4_addr : ether_addr; }", |t, b| {
            _ = b.add(&Map::<Ipv4Addr, EtherAddr>::new(t, "card_of"))
        }),
        declare("map mark_of_path { type ifname . ipv4_addr : mark; }", |t, b| {
            _ = b.add(&Map::<(IfName, Ipv4Addr), Mark>::new(t, "mark_of_path"))
        }),
    ]);
    all
}
