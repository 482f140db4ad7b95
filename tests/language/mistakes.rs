//! What batches refuse.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use nftlink::datum::{
    Bytes, EtherType, FibAddrType, Hour, IcmpCode, IcmpType, Icmpv6Code, IcmpxCode, IfIndex, Integer8, Integer16,
    Integer32, L4Proto, Port,
};
use nftlink::expr::{Counter, Limit, Log, LogFlags, LogLevel, Quota, Synproxy, Verdict};
use nftlink::field::{
    arp, concat, ct, dccp, ether, fib, hbh, icmp, icmpv6, igmp, ip, ip6, ipsec, meta, numgen, osf, raw, rt, rt0, sctp,
    socket, srh, tcp, tunnel, udp, vlan,
};
use nftlink::{AsRule, Interval, Meter, NatTarget, QueueTarget, RejectWith, RuleBuilder, TproxyTarget};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const V6: Ipv6Addr = Ipv6Addr::LOCALHOST;
const LO: IfIndex = IfIndex::new(1);

/// What the batch says of the rule.
#[track_caller]
fn refused(family: Family, rule: impl AsRule, says: &str) {
    let mut batch = Batch::new();
    batch.append(table(family).chain(CHAIN), rule);
    let said = batch.mistake().map_or("nothing".to_owned(), ToString::to_string);
    assert_eq!(said, format!("operation 0 (add rule {family} t c): {says}"));
}

#[track_caller]
fn does_not_exist(families: &[Family], field: &str, rule: impl AsRule) {
    families.iter().for_each(|&family| refused(family, &rule, &format!("{field} does not exist in family {family}")));
}

#[track_caller]
fn excluded(family: Family, rule: impl AsRule, says: [&str; 3]) {
    let [field, wants, has] = says;
    refused(
        family,
        rule,
        &format!("{field} wants {wants}, which an earlier part of the rule excludes: it wants {has}"),
    );
}

pub(super) fn what_makes_no_sense_is_refused() {
    const ARP: &[Family] = &[Family::ARP];
    const NO_IP: &[Family] = &[Family::IP6, Family::ARP];
    const NO_IP6: &[Family] = &[Family::IP, Family::ARP];
    const NO_ARP: &[Family] = &[Family::IP, Family::IP6, Family::INET];
    const NO_NAT: &[Family] = &[Family::ARP, Family::BRIDGE, Family::NETDEV];
    let when = |matching| Rule::new().when(matching);
    does_not_exist(NO_IP, "ip saddr", when(ip::saddr().eq(A)));
    does_not_exist(NO_IP6, "ip6 saddr", when(ip6::saddr().eq(V6)));
    does_not_exist(NO_ARP, "arp htype", when(arp::htype().eq(1)));
    does_not_exist(NO_IP, "icmp type", when(icmp::icmp_type().eq(IcmpType::ECHO_REQUEST)));
    does_not_exist(NO_IP6, "icmpv6 type", when(icmpv6::icmpv6_type().eq(1)));
    does_not_exist(ARP, "tcp dport", when(tcp::dport().eq(1)));
    does_not_exist(ARP, "udp dport", Rule::new().set(udp::dport(), 1));
    does_not_exist(NO_IP, "igmp type", when(igmp::igmp_type().eq(17)));
    does_not_exist(NO_IP, "ip option rr", when(ip::option::rr().exists()));
    does_not_exist(NO_IP6, "hbh hdrlength", when(hbh::hdrlength().eq(1)));
    does_not_exist(ARP, "sctp dport", when(sctp::dport().eq(1)));
    does_not_exist(ARP, "reject", Rule::new().reject());
    does_not_exist(ARP, "reject with tcp reset", Rule::new().reject_with(RejectWith::TcpReset));
    does_not_exist(NO_IP, "reject with icmp", Rule::new().reject_with(RejectWith::Icmp(IcmpCode::NET_UNREACHABLE)));
    does_not_exist(NO_IP6, "reject with icmpv6", Rule::new().reject_with(RejectWith::Icmpv6(Icmpv6Code::NO_ROUTE)));
    does_not_exist(
        &[Family::IP, Family::IP6],
        "reject with icmpx",
        Rule::new().reject_with(RejectWith::Icmpx(IcmpxCode::NO_ROUTE)),
    );
    does_not_exist(NO_NAT, "dnat", Rule::new().dnat(A));
    does_not_exist(NO_NAT, "masquerade", Rule::new().masquerade());
    does_not_exist(&[Family::IP6], "dnat", Rule::new().dnat(A));

    for family in [Family::INET, Family::BRIDGE, Family::NETDEV] {
        excluded(family, when(ip::saddr().eq(A)).when(ip6::saddr().eq(V6)), ["ip6 saddr", "ip6", "ip"]);
        excluded(family, when(icmp::code().eq(1)).when(icmpv6::code().eq(1)), ["icmpv6 code", "ip6", "ip"]);
        excluded(family, when(tcp::dport().eq(1)).when(udp::dport().eq(1)), ["udp dport", "udp", "tcp"]);
        excluded(family, when(ip::saddr().eq(A)).set(ip6::saddr(), V6), ["ip6 saddr", "ip6", "ip"]);
    }
    excluded(
        Family::NETDEV,
        when(ether::ether_type().eq(EtherType::IP)).when(ip6::saddr().eq(V6)),
        ["ip6 saddr", "ip6", "ip"],
    );
    excluded(Family::BRIDGE, when(arp::htype().eq(1)).when(ip::saddr().eq(A)), ["ip saddr", "ip", "arp"]);
    excluded(Family::IP, when(ip::protocol().eq(L4Proto::UDP)).when(tcp::dport().eq(1)), ["tcp dport", "tcp", "udp"]);
    excluded(
        Family::IP6,
        when(ip6::nexthdr().eq(L4Proto::UDP)).when(icmpv6::code().eq(1)),
        ["icmpv6 code", "ipv6-icmp", "udp"],
    );
    let both = when(meta::l4proto().eq(L4Proto::UDP)).when(meta::l4proto().eq(L4Proto::TCP));
    excluded(Family::INET, both, ["meta l4proto", "tcp", "udp"]);
    excluded(
        Family::INET,
        when(meta::nfproto().eq(Family::IP)).when(ip6::hoplimit().eq(1)),
        ["ip6 hoplimit", "ip6", "ip"],
    );
    excluded(Family::IP6, when(meta::protocol().eq(EtherType::IP)), ["meta protocol", "ip", "ip6"]);
    for family in [Family::NETDEV, Family::BRIDGE, Family::ARP] {
        let says = format!("meta nfproto does not exist in family {family}");
        refused(family, when(meta::nfproto().eq(Family::IP)), &says);
    }
    // The last word is what is wrong, although what it needs is tested first.
    let with = when(ip::saddr().eq(A)).reject_with(RejectWith::Icmpv6(Icmpv6Code::NO_ROUTE));
    excluded(Family::INET, with, ["reject with icmpv6", "ip6", "ip"]);
    let with = when(udp::dport().eq(1)).reject_with(RejectWith::TcpReset);
    excluded(Family::INET, with, ["reject with tcp reset", "tcp", "udp"]);

    const NO_SOCKET: &[Family] = &[Family::ARP, Family::BRIDGE, Family::NETDEV];
    const NO_BRIDGE: &[Family] = &[Family::INET, Family::IP, Family::IP6, Family::ARP, Family::NETDEV];
    does_not_exist(NO_SOCKET, "socket mark", when(socket::mark().eq(1)));
    does_not_exist(NO_SOCKET, "ipsec reqid", when(ipsec::out().reqid().eq(1)));
    does_not_exist(NO_SOCKET, "fib type", when(fib::daddr().and_oif().fib_type().eq(FibAddrType::LOCAL)));
    does_not_exist(&[Family::ARP, Family::BRIDGE], "fib oif", when(fib::daddr().oif().missing()));
    does_not_exist(&[Family::ARP, Family::NETDEV], "rt classid", when(rt::classid().eq(1)));
    does_not_exist(&[Family::IP6, Family::BRIDGE], "rt ip nexthop", when(rt::ip_nexthop().eq(A)));
    does_not_exist(&[Family::IP, Family::BRIDGE], "rt ip6 nexthop", when(rt::ip6_nexthop().eq(V6)));
    does_not_exist(&[Family::IP6, Family::NETDEV], "osf name", when(osf::name().eq("Linux")));
    does_not_exist(NO_BRIDGE, "meta ibrname", when(meta::ibrname().eq("br0")));
    does_not_exist(NO_BRIDGE, "meta broute", Rule::new().set(meta::broute(), 1));
    does_not_exist(&[Family::INET, Family::BRIDGE], "tunnel id", when(tunnel::id().eq(1)));

    let inet = |rule, says| refused(Family::INET, rule, says);
    inet(when(ct::original::proto_src().eq(1)), "ct original proto-src needs a match on tcp or udp before it");
    // nft could not list it: it would not know that it is a port.
    let connection = when(ct::protocol().eq(L4Proto::TCP)).when(ct::original::proto_src().eq(1));
    inet(connection, "ct original proto-src needs a match on tcp or udp before it");
    inet(when(ct::label().eq(128)), "\"128\" is no connection label: the last is 127");
    inet(when(ct::helper().eq("")), "\"\" is no name of a helper: it is empty");
    inet(when(socket::cgroupv2(256).eq(1)), "a cgroup level of 256: the kernel takes 0 to 255");
    inet(when(ipsec::ipsec_in().spnum(6).spi().eq(1)), "an ipsec spnum of 6: the kernel takes 0 to 5");
    inet(when(ip::saddr().in_prefix(A, 33)), "a prefix length of 33 bits: the address has 32");
    inet(when(tcp::dport().in_range(RangeInclusive::new(20, 10))), "the range 20-10 ends before it starts");
    inet(
        when(tcp::dport().one_of([Interval::<Port>::range(RangeInclusive::new(20, 10))])),
        "the range 20-10 ends before it starts",
    );
    inet(when(meta::iifname().starts_with("")), "\"\" is no interface name: it is empty");
    inet(
        when(meta::iifname().eq("a-name-of-16-byt")),
        "\"a-name-of-16-byt\" is no interface name: it may have 15 bytes",
    );
    inet(Rule::new().set(ip::ttl(), ip::ttl()), "ip ttl can only be set to a constant");
    let overlapping = [(Interval::<Port>::range(1..=10), Verdict::DROP), (Interval::range(5..=20), Verdict::ACCEPT)];
    inet(Rule::new().vmap(tcp::dport(), overlapping), "two of the elements overlap");
    inet(when(meta::mark().shl(32).eq(0)), "a shift of 32: the kernel takes 0 to 31");
    inet(when(meta::hour().eq(Hour::new(24, 0))), "\"24:00\" is no time of the day: the day ends at 23:59:59");
}

pub(super) fn translations_to_what_cannot_be_are_refused() {
    const NO_NAT: &[Family] = &[Family::ARP, Family::BRIDGE, Family::NETDEV];
    let when = |matching| Rule::new().when(matching);
    let inet = |rule: Rule, says| refused(Family::INET, rule, says);
    let tcp = || when(tcp::dport().eq(1));
    let no_prefix = [(A, Interval::range(A..=Ipv4Addr::new(10, 0, 0, 6)))];
    for to in [
        NatTarget::prefix(A..=Ipv4Addr::new(10, 0, 0, 6)),
        NatTarget::prefix(ip::saddr().map::<Interval<Ipv4Addr>>(no_prefix)),
    ] {
        inet(tcp().snat(to), "\"10.0.0.1-10.0.0.6\" is no network to translate to: a prefix is wanted");
    }
    inet(
        tcp().snat(NatTarget::prefix(NatTarget::port(80))),
        "\"the packet's own\" is no network to translate to: a prefix is wanted",
    );
    let both = NatTarget::from(tcp::dport().map::<(Ipv4Addr, Port)>([(80, (A, 80))]));
    inet(tcp().dnat(both.clone().ports(81)), "\"81\" is no port to translate to: the map has one");
    inet(tcp().dnat(both.ports(tcp::sport())), "\"another\" is no port to translate to: the map has one");
    inet(when(ip::saddr().eq(A)).redirect_to(80), "redirect with a port needs a match on tcp or udp before it");
    inet(
        when(ip::saddr().eq(A)).dnat(ip::daddr().map::<(Ipv4Addr, Port)>([(A, (A, 80))])),
        "dnat with a port needs a match on tcp or udp before it",
    );
    excluded(Family::INET, Rule::new().dnat(ip6::saddr().map::<Ipv4Addr>([(V6, A)])), ["dnat", "ip", "ip6"]);
    does_not_exist(&NO_NAT[1..], "redirect", tcp().redirect_to(tcp::dport().map::<Port>([(80, 81)])));
    let owners =
        nftlink::Map::of(table(Family::INET), "owners", ip::saddr()).to(concat((ip::daddr(), tcp::dport()))).dynamic();
    let mapped = ip::saddr().element().to((A, tcp::dport().map::<Port>([(80, 81)])));
    inet(
        Rule::new().add_to(&owners, mapped).into(),
        "\"what a map has\" is no part of a concatenation: constants and fields are",
    );
}

pub(super) fn statements_that_make_no_sense_are_refused() {
    const NO_IP: &[Family] = &[Family::ARP, Family::BRIDGE, Family::NETDEV];
    const NO_NETDEV: &[Family] = &[Family::IP, Family::IP6, Family::INET, Family::BRIDGE, Family::ARP];
    let of = |protocol| Rule::new().when(meta::l4proto().eq(protocol));
    does_not_exist(NO_IP, "tproxy", of(L4Proto::TCP).tproxy(80));
    does_not_exist(&[Family::IP], "tproxy ip6", of(L4Proto::TCP).tproxy(V6));
    does_not_exist(&[Family::IP6], "tproxy ip", of(L4Proto::TCP).tproxy(TproxyTarget::from(80).ip()));
    does_not_exist(NO_IP, "synproxy", of(L4Proto::TCP).synproxy(Synproxy::new()));
    does_not_exist(&[Family::ARP, Family::NETDEV], "queue", Rule::new().queue(3));
    does_not_exist(&[Family::INET, Family::NETDEV, Family::BRIDGE], "dup to an address", Rule::new().dup(A));
    does_not_exist(NO_NETDEV, "dup to a device", Rule::new().dup_to_device(LO));
    does_not_exist(NO_NETDEV, "fwd", Rule::new().fwd(LO));
    does_not_exist(NO_NETDEV, "fwd", Rule::new().fwd_via(A, LO));

    let excludes = |field: &str, wants: &str, has: &str| {
        format!("{field} wants {wants}, which an earlier part of the rule excludes: it wants {has}")
    };
    let inet = |rule: RuleBuilder, says: &str| refused(Family::INET, rule, says);
    inet(Rule::new().tproxy(80), "tproxy needs a match on tcp or udp before it");
    inet(of(L4Proto::ICMP).tproxy(80), "tproxy needs a match on tcp or udp before it");
    inet(of(L4Proto::TCP).tproxy(0), "\"0\" is no port of a socket: it is the absence of one");
    inet(of(L4Proto::TCP).tproxy(TproxyTarget::from(A).ip6()), &excludes("the address of tproxy", "ip", "ip6"));
    inet(of(L4Proto::TCP).when(ip6::saddr().eq(V6)).tproxy(A), &excludes("tproxy ip", "ip", "ip6"));
    refused(Family::IP, Rule::new().dup(V6), &excludes("the address of dup", "ip6", "ip"));
    refused(Family::IP6, Rule::new().dup_via(A, LO), &excludes("the address of dup", "ip", "ip6"));
    let other = Rule::new().when(ip::saddr().eq(A)).fwd_via(V6, LO);
    refused(Family::NETDEV, other, &excludes("the address of fwd", "ip6", "ip"));
    inet(Rule::new().synproxy(Synproxy::new().wscale(15)), "a synproxy's wscale of 15: the kernel takes 0 to 14");

    let queue = |to: QueueTarget, says: &str| refused(Family::INET, Rule::new().queue(to), says);
    queue(RangeInclusive::new(3, 1).into(), "the range 3-1 ends before it starts");
    queue((0..=u16::MAX).into(), "the number of queues of 65536: the kernel takes 1 to 65535");
    queue(QueueTarget::from(3).fanout(), &excludes("fanout", "a range of queues", "one queue"));
    queue(QueueTarget::from(numgen::inc(0..4)).fanout(), &excludes("fanout", "a range of queues", "one queue"));

    let log = |log: Log, says: &str| refused(Family::INET, Rule::new().log(log), says);
    let line = "a line of the kernel's log";
    log(Log::group(2).level(LogLevel::ERR), &excludes("the level of a log", line, "a group"));
    log(Log::group(2).flags(LogFlags::UID), &excludes("the flags of a log", line, "a group"));
    let audit = Log::new().level(LogLevel::AUDIT);
    log(audit.clone().prefix("x"), &excludes("the prefix of a log", line, "a record of the audit"));
    log(audit.flags(LogFlags::ALL), &excludes("the flags of a log", line, "a record of the audit"));
    log(Log::new().snaplen(9), "snaplen is for a log with a group: the kernel would forget it");
    log(Log::new().queue_threshold(9), "queue-threshold is for a log with a group: the kernel would forget it");

    let meter = |name: &str| Rule::new().meter(Meter::new(name, ip::saddr(), Counter::default()));
    inet(meter(""), "the set name must not be empty");
    inet(meter("m%d"), "the set name must not have a `%` in it: the kernel would replace it");
    let two = ip::saddr().element().stateful(Counter::default()).stateful(Limit::packets(1, Limit::SECOND));
    let three = Rule::new().meter(Meter::new("m", two, Quota::new(1)));
    inet(three, "the number of expressions of 3: the kernel takes 0 to 2");
    let none = Rule::new().quota(Quota::new(100).used(101));
    inet(none, "the consumed bytes of a quota of 101: the kernel takes 0 to 100");
}

pub(super) fn fields_that_packets_cannot_have_are_refused() {
    let when = |matching| Rule::new().when(matching);
    // The protocol was looked for where the tag would be.
    for family in [Family::BRIDGE, Family::NETDEV, Family::INET] {
        excluded(family, when(ip::saddr().eq(A)).when(vlan::id().eq(1)), ["vlan id", "vlan", "ip"]);
        refused_nothing(family, when(vlan::id().eq(1)).when(ip::saddr().eq(A)).when(vlan::pcp().eq(1)));
    }
    let echo = || when(icmp::icmp_type().eq(IcmpType::ECHO_REQUEST));
    excluded(Family::IP, echo().when(icmp::mtu().eq(1)), ["icmp mtu", "destination-unreachable", "echo-request"]);
    excluded(
        Family::IP,
        when(icmp::mtu().eq(1)).when(icmp::id().eq(1)),
        ["icmp id", "echo-request or echo-reply", "destination-unreachable"],
    );
    excluded(
        Family::IP6,
        when(icmpv6::id().eq(1)).when(icmpv6::mtu().eq(1)),
        ["icmpv6 mtu", "packet-too-big", "echo-request or echo-reply"],
    );
    refused_nothing(Family::IP, echo().when(icmp::id().eq(1)));
    // Values and places that no field has.
    let is_out = |rule: RuleBuilder, what: &str, max: u8| {
        refused(Family::INET, rule, &format!("{what}: the kernel takes 1 to {max}"));
    };
    is_out(when(rt0::addr(0).eq(V6)), "rt0 addr of 0", 16);
    is_out(when(srh::sid(17).eq(V6)), "srh sid of 17", 16);
    is_out(when(raw::network_bits::<Integer8>(0, 9).eq(1)), "a length in bits of 9", 8);
    is_out(when(raw::link_bits::<Integer32>(4, 30).eq(1)), "a length in bits of 30", 28);
    is_out(when(raw::transport_bits::<Bytes<8>>(0, 33).eq([0; 8])), "a length in bits of 33", 32);
    is_out(when(tcp::option::raw_bits::<Integer16>(42, 0, 0).eq(1)), "a length in bits of 0", 16);
    let too_many = |what: &str, value: &str, rule: RuleBuilder| {
        let mut batch = Batch::new();
        batch.append(table(Family::NETDEV).chain(CHAIN), rule);
        let said = batch.mistake().unwrap().to_string();
        assert!(said.contains(what) && said.contains(value), "{said}");
    };
    too_many("vlan id", "0x1000", when(vlan::id().eq(4096)));
    too_many("vlan pcp", "8", when(vlan::pcp().one_of([1, 8])));
    too_many("vlan dei", "2", Rule::new().set(vlan::dei(), 2));
    too_many("dccp_pkttype", "16", when(dccp::dccp_type().eq(16)));
}

#[track_caller]
fn refused_nothing(family: Family, rule: impl AsRule) {
    let mut batch = Batch::new();
    batch.append(table(family).chain(CHAIN), rule);
    assert!(batch.mistake().is_none(), "{family}: {:?}", batch.mistake());
}
