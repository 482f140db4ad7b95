use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::ops::RangeInclusive;

use super::*;
use crate::datum::{IfName, L4Proto, Mark, Port};
use crate::field::{ip, ip6, meta, tcp, udp};
use crate::object::Counter;
use crate::set::Set;
use crate::table::Table;
use crate::wire::Family;
use crate::{Chain, Interval};

fn code(family: Family, rule: impl AsRule) -> String {
    let chain = Chain::new(Table::new(family, "fw"), "c");
    let mut w = AttrWriter::new();
    rule.encode(chain.as_ref(), &mut w, &mut Vec::new());
    if let Some(mistake) = w.take_error() {
        return mistake.to_string();
    }
    let text = Bytecode(&w.bytes_written()[4..]).to_string();
    text.lines().map(|line| line.trim().trim_matches(|c| c == '[' || c == ']').trim().to_owned() + "\n").collect()
}

const V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

#[test]
#[cfg(target_endian = "little")]
fn implicit_tests_are_nfts() {
    let rule = Rule::new().when(ip::saddr().eq(V4)).when(tcp::dport().eq(22)).accept();
    let network = |load: &str| {
        format!(
            "{load}payload load 4b @ network header + 12 => reg 1\ncmp eq reg 1 0x0100000a\n\
             meta load l4proto => reg 1\ncmp eq reg 1 0x00000006\n\
             payload load 2b @ transport header + 2 => reg 1\ncmp eq reg 1 0x00001600\nimmediate reg 0 accept\n"
        )
    };
    assert_eq!(code(Family::INET, &rule), network("meta load nfproto => reg 1\ncmp eq reg 1 0x00000002\n"));
    assert_eq!(code(Family::IP, &rule), network(""));
    for family in [Family::BRIDGE, Family::NETDEV] {
        assert_eq!(code(family, &rule), network("meta load protocol => reg 1\ncmp eq reg 1 0x00000008\n"));
    }
    assert_eq!(code(Family::IP6, &rule), "ip saddr does not exist in family ip6");
    assert_eq!(code(Family::ARP, &rule), "ip saddr does not exist in family arp");
}

#[test]
fn implicit_tests_are_not_repeated() {
    let rule = Rule::new()
        .when(tcp::dport().eq(22))
        .when(tcp::sport().in_range(1..=1024))
        .when(ip::saddr().eq(V4))
        .when(ip::daddr().ne(V4));
    let code = code(Family::INET, rule);
    assert_eq!(code.matches("l4proto").count(), 1);
    assert_eq!(code.matches("nfproto").count(), 1);
    let told = Rule::new().when(meta::l4proto().eq(L4Proto::TCP)).when(tcp::dport().eq(5));
    assert_eq!(super::tests::code(Family::INET, told).matches("l4proto").count(), 1);
}

#[test]
fn contradictions_are_refused() {
    let wants = |rule: RuleBuilder| code(Family::INET, rule);
    let refused = "wants ip6, which an earlier part of the rule excludes: it wants ip";
    let both = Rule::new().when(ip::saddr().eq(V4)).when(ip6::saddr().eq(Ipv6Addr::LOCALHOST));
    assert_eq!(wants(both), format!("ip6 saddr {refused}"));
    let told = Rule::new().when(meta::nfproto().eq(Family::IP)).when(ip6::saddr().eq(Ipv6Addr::LOCALHOST));
    assert_eq!(wants(told), format!("ip6 saddr {refused}"));
    let ports = Rule::new().when(tcp::dport().eq(1)).when(udp::dport().eq(1));
    assert!(wants(ports).starts_with("udp dport wants udp, which"));
    let late = Rule::new().when(tcp::dport().eq(1)).when(meta::l4proto().eq(L4Proto::UDP));
    assert!(wants(late).starts_with("meta l4proto wants udp, which"));
    let nat = Rule::new().when(ip6::saddr().eq(Ipv6Addr::LOCALHOST)).dnat(V4);
    assert!(code(Family::INET, &nat).starts_with("dnat wants ip, which"));
    assert_eq!(code(Family::IP, Rule::new().dnat(Ipv6Addr::LOCALHOST)), "dnat does not exist in family ip");
    assert_eq!(code(Family::BRIDGE, Rule::new().masquerade()), "masquerade does not exist in family bridge");
}

#[test]
#[cfg(target_endian = "little")]
fn comparisons_are_nfts() {
    let one = |matching| code(Family::IP, Rule::new().when(matching));
    let load = "payload load 4b @ network header + 12 => reg 1\n";
    let net = Ipv4Addr::new(10, 0, 0, 0);
    assert_eq!(
        one(ip::saddr().in_prefix(net, 8)),
        "payload load 1b @ network header + 12 => reg 1\ncmp eq reg 1 0x0000000a\n"
    );
    assert_eq!(
        one(ip::saddr().not_in_prefix(net, 9)),
        format!("{load}bitwise reg 1 = ( reg 1 & 0x000080ff ) ^ 0x00000000\ncmp neq reg 1 0x0000000a\n")
    );
    assert_eq!(
        one(ip::saddr().in_prefix(net, 0)),
        format!("{load}bitwise reg 1 = ( reg 1 & 0x00000000 ) ^ 0x00000000\ncmp eq reg 1 0x00000000\n")
    );
    assert_eq!(one(ip::saddr().in_prefix(V4, 32)), format!("{load}cmp eq reg 1 0x0100000a\n"));
    assert_eq!(
        one(ip::saddr().in_range(net..=V4)),
        format!("{load}cmp gte reg 1 0x0000000a\ncmp lte reg 1 0x0100000a\n")
    );
    assert_eq!(one(ip::saddr().not_in_range(net..=V4)), format!("{load}range neq reg 1 0x0000000a 0x0100000a\n"));
    assert_eq!(
        one(meta::mark().in_range(5..=9)),
        "meta load mark => reg 1\nbyteorder reg 1 = hton(reg 1, 4, 4)\n\
         cmp gte reg 1 0x05000000\ncmp lte reg 1 0x09000000\n"
    );
    assert_eq!(
        one(meta::iifname().eq("eth0")),
        "meta load iifname => reg 1\ncmp eq reg 1 0x30687465 0x00000000 0x00000000 0x00000000\n"
    );
    assert_eq!(one(meta::iifname().starts_with("eth")), "meta load iifname => reg 1\ncmp eq reg 1 0x00687465\n");
}

#[test]
fn lookups_name_their_set_and_swap_numbers_for_intervals() {
    let fw = Table::ip("fw");
    let one = |matching| code(Family::IP, Rule::new().when(matching));
    let marks = Set::<Mark>::new(&fw, "marks");
    let ranges = Set::<Interval<Mark>>::new(&fw, "ranges");
    let names = Set::<IfName>::new(&fw, "names");
    assert_eq!(one(meta::mark().in_set(&marks)), "meta load mark => reg 1\nlookup reg 1 set marks 0x0\n");
    assert_eq!(
        one(meta::mark().not_in_set(&ranges)),
        "meta load mark => reg 1\nbyteorder reg 1 = hton(reg 1, 4, 4)\nlookup reg 1 set ranges 0x1\n"
    );
    assert_eq!(one(meta::oifname().in_set(&names)), "meta load oifname => reg 1\nlookup reg 1 set names 0x0\n");
    let foreign = Set::<Port>::new(Table::ip("other"), "ports");
    assert_eq!(
        one(tcp::dport().in_set(&foreign)),
        "the set ports is in table ip other, the rule in table ip fw: a rule sees its own table's only"
    );
}

#[test]
#[cfg(target_endian = "little")]
fn translations_are_nfts() {
    let web = || Rule::new().when(tcp::dport().eq(8080));
    let tail = |family, rule: Rule| {
        let code = code(family, rule);
        code.split("0x0000901f\n").nth(1).map(str::to_owned).unwrap_or(code)
    };
    assert_eq!(
        tail(Family::INET, web().dnat(SocketAddrV4::new(V4, 80))),
        "immediate reg 1 0x0100000a\nimmediate reg 2 0x00005000\n\
         nat dnat ip addr_min reg 1 proto_min reg 2 flags 0x2\n"
    );
    let pool = NatTarget::from(V4..=Ipv4Addr::new(10, 0, 0, 5)).ports(80..=90).random().persistent();
    assert_eq!(
        tail(Family::INET, web().dnat(pool)),
        "immediate reg 1 0x0100000a\nimmediate reg 2 0x0500000a\nimmediate reg 3 0x00005000\n\
         immediate reg 4 0x00005a00\nnat dnat ip addr_min reg 1 addr_max reg 2 proto_min reg 3 proto_max reg 4 flags 0xe\n"
    );
    assert_eq!(
        tail(Family::INET, web().dnat(NatTarget::port(80))),
        "immediate reg 1 0x00005000\nnat dnat inet proto_min reg 1 flags 0x2\n"
    );
    assert_eq!(tail(Family::INET, web().redirect()), "redir\n");
    assert_eq!(
        tail(Family::INET, web().redirect_to(80..=90)),
        "immediate reg 1 0x00005000\nimmediate reg 2 0x00005a00\nredir proto_min reg 1 proto_max reg 2 flags 0x2\n"
    );
    assert_eq!(code(Family::INET, Rule::new().masquerade()), "masq\n");
    assert_eq!(
        code(Family::INET, Rule::new().masquerade_to(PortTarget::any().random().fully_random())),
        "masq flags 0x14\n"
    );
    assert_eq!(
        code(Family::IP6, Rule::new().snat(Ipv6Addr::LOCALHOST)),
        "immediate reg 1 0x00000000 0x00000000 0x00000000 0x01000000\nnat snat ip6 addr_min reg 1\n"
    );
    assert_eq!(
        code(Family::INET, Rule::new().dnat(SocketAddrV4::new(V4, 80))),
        "dnat with a port needs a match on tcp or udp before it"
    );
    let icmp = Rule::new().when(meta::l4proto().eq(L4Proto::ICMP)).dnat(SocketAddrV4::new(V4, 80));
    assert_eq!(code(Family::INET, icmp), "dnat with a port needs a match on tcp or udp before it");
    assert_eq!(
        code(Family::INET, web().dnat(SocketAddrV4::new(V4, 0))),
        "\"0\" is no port to translate to: it is the absence of one"
    );
    assert_eq!(
        code(Family::INET, web().dnat(Ipv4Addr::BROADCAST..=V4)),
        "the range 255.255.255.255-10.0.0.1 ends before it starts"
    );
}

#[test]
fn mistakes_are_told() {
    let one = |matching| code(Family::IP, Rule::new().when(matching));
    assert_eq!(one(ip::saddr().in_range(V4..=Ipv4Addr::LOCALHOST)).lines().count(), 3);
    assert_eq!(one(tcp::dport().in_range(RangeInclusive::new(9, 5))), "the range 9-5 ends before it starts");
    assert_eq!(one(ip::saddr().in_prefix(V4, 33)), "a prefix length of 33 bits: the address has 32");
    assert_eq!(
        one(meta::iifname().eq("a-name-that-is-too-long")),
        "\"a-name-that-is-t\" is no interface name: it may have 15 bytes"
    );
    let many = |count| (0..count).fold(Rule::new(), |rule, _| rule.counter());
    assert_eq!(code(Family::IP, many(128)).lines().count(), 128);
    assert_eq!(code(Family::IP, many(129)), "a rule of 129 expressions: 128 is the most that the kernel takes");
    let other = Chain::new(Table::ip("other"), "c");
    assert!(code(Family::IP, Rule::new().jump(&other)).starts_with("the chain c is in table ip other"));
    let counter = Counter::named(Table::ip("other"), "web");
    assert!(code(Family::IP, Rule::new().object(&counter)).starts_with("the object web is in table ip other"));
}

#[test]
fn a_rule_read_is_written_as_it_came() {
    let chain = Chain::new(Table::inet("fw"), "c");
    let rule = Rule::new().when(tcp::dport().eq(22)).counter().accept().comment("ssh");
    let mut w = AttrWriter::new();
    w.string(NFTA_RULE_TABLE, b"fw");
    w.string(NFTA_RULE_CHAIN, b"c");
    w.u64(NFTA_RULE_HANDLE, 7);
    w.u64(NFTA_RULE_POSITION, 6);
    let start = w.len();
    rule.encode(chain.as_ref(), &mut w, &mut Vec::new());
    w.u32(99, 1);
    let raw = w.bytes_written();
    let mut last = None;
    let info = RuleInfo::decode(Family::INET, raw, &mut last).unwrap();
    assert_eq!((info.handle().get(), info.position().unwrap().get()), (7, 6));
    assert_eq!((info.chain(), info.comment()), (chain.as_ref(), Some("ssh")));
    assert_eq!(info.bytecode(), rule.bytecode(&chain).unwrap());
    let mut again = AttrWriter::new();
    info.encode(chain.as_ref(), &mut again, &mut Vec::new());
    assert_eq!(again.bytes_written(), &raw[start..]);
    let exprs: Vec<_> = info.exprs().map(Result::unwrap).collect();
    assert_eq!(exprs.len(), 6);
    let rebuilt = exprs.into_iter().fold(Rule::new(), RuleBuilder::expr);
    assert_eq!(rebuilt.bytecode(&chain).unwrap(), info.bytecode());
    for cut in 0..raw.len() {
        if let Ok(info) = RuleInfo::decode(Family::INET, &raw[..cut], &mut last) {
            info.exprs().for_each(drop);
        }
    }
}
