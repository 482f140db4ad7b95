use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::ops::RangeInclusive;

use super::*;
use crate::datum::{Bytes, Datum, IfName, Integer8, Integer16, Integer24, Integer32, L4Proto, Mark, Port};
use crate::expr::{Bitwise, BitwiseOp, Limit};
use crate::field::{concat, ct, ether, hash, ip, ip6, meta, numgen, raw, tcp, th, udp};
use crate::object::Counter;
use crate::set::Set;
use crate::table::Table;
use crate::wire::Family;
use crate::{Chain, Interval};

fn code(family: Family, rule: impl AsRule) -> String {
    let chain = Chain::new(Table::new(family, "fw"), "c");
    let mut w = AttrWriter::new();
    rule.encode(chain.as_ref(), &[], &mut w, &mut Vec::new());
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
    // A range of one value is that value, and a name has no more than 15 bytes to begin with.
    assert_eq!(one(meta::mark().in_range(5..=5)), one(meta::mark().eq(5)));
    assert_eq!(one(ip::saddr().not_in_range(V4..=V4)), one(ip::saddr().ne(V4)));
    // Numbers in the order of the host are compared as they are, whatever their data type says of it.
    assert_eq!(one(meta::length().in_range(100..=100)), one(meta::length().eq(100)));
    assert_eq!(one(meta::cpu().not_in_range(3..=3)), one(meta::cpu().ne(3)));
    assert_eq!(one(ct::zone().in_range(7..=7)), one(ct::zone().eq(7)));
    assert_eq!(one(ct::bytes().not_in_range(5..=5)), one(ct::bytes().ne(5)));
    assert_eq!(one(tcp::dport().in_range(22..=22)), one(tcp::dport().eq(22)));
    assert_eq!(one(meta::iifname().starts_with("fifteen-letters")), one(meta::iifname().eq("fifteen-letters")));
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
    rule.encode(chain.as_ref(), &[], &mut w, &mut Vec::new());
    w.u32(99, 1);
    let raw = w.bytes_written();
    let mut last = None;
    let info = RuleInfo::decode(Family::INET, raw, &mut last).unwrap();
    assert_eq!((info.handle().get(), info.position().unwrap().get()), (7, 6));
    assert_eq!((info.chain(), info.comment()), (chain.as_ref(), Some("ssh")));
    assert_eq!(info.bytecode().to_string(), rule.bytecode(&chain).unwrap().to_string());
    let mut again = AttrWriter::new();
    info.encode(chain.as_ref(), &[], &mut again, &mut Vec::new());
    assert_eq!(again.bytes_written(), &raw[start..]);
    let exprs: Vec<_> = info.exprs().map(Result::unwrap).collect();
    assert_eq!(exprs.len(), 6);
    let rebuilt = exprs.into_iter().fold(Rule::new(), RuleBuilder::expr);
    assert_eq!(rebuilt.bytecode(&chain).unwrap().to_string(), info.bytecode().to_string());
    for cut in 0..raw.len() {
        if let Ok(info) = RuleInfo::decode(Family::INET, &raw[..cut], &mut last) {
            info.exprs().for_each(drop);
        }
    }
}

#[test]
fn numbers_of_the_host_are_swapped_for_intervals() {
    use crate::datum::HostInteger64;
    use crate::field::{concat, ct};

    let bytes = Set::<Interval<HostInteger64>>::new(Table::ip("fw"), "bytes");
    let ranges = [Interval::range(10..=20), Interval::value(30)];
    for intervals in [ct::bytes().one_of(ranges), ct::bytes().in_set(&bytes)] {
        let code = code(Family::IP, Rule::new().when(intervals));
        assert!(code.starts_with("ct load bytes => reg 1\nbyteorder reg 1 = hton(reg 1, 8, 8)\nlookup "), "{code}");
    }
    let plain = code(Family::IP, Rule::new().when(ct::bytes().one_of([10, 30])));
    assert!(plain.starts_with("ct load bytes => reg 1\nlookup "), "{plain}");
    let parts = concat((meta::length(), meta::mark(), meta::protocol()));
    let key = (Interval::range(10..=20), Interval::value(1), Interval::value(0x0800));
    let code = code(Family::IP, Rule::new().when(parts.one_of([key])));
    assert_eq!(code.matches("hton").count(), 2, "{code}");
}

#[test]
fn tests_that_a_value_needs_come_before_the_key_is_loaded() {
    let owners = crate::Map::<Mark, Ipv4Addr>::new(Table::inet("fw"), "owners").dynamic();
    let code = code(Family::INET, Rule::new().update_in(&owners, meta::mark().element().to(ip::saddr())));
    let lines: Vec<&str> = code.lines().map(|line| line.split_once(" =>").map_or(line, |(load, _)| load)).collect();
    // As nft's `update @owners { meta mark : ip saddr }`.
    let loads =
        ["meta load nfproto", "cmp eq reg 1 0x00000002", "meta load mark", "payload load 4b @ network header + 12"];
    assert_eq!(lines[..4], loads, "{code}");
}

#[test]
fn names_that_begin_in_neighbouring_ways_are_no_names_that_begin_alike() {
    let begins = |beginning: &'static str| Interval::<IfName>::starting_with(beginning);
    let one_of = |names: [Interval<IfName>; 2]| code(Family::INET, Rule::new().when(meta::iifname().one_of(names)));
    let code = one_of([begins("eth"), begins("eti")]);
    assert!(code.contains("lookup"), "{code}");
    let code = one_of([begins("eth"), Interval::value("eth0")]);
    assert!(!code.contains("lookup") && code.contains("cmp eq"), "{code}");
}

#[test]
fn bits_that_a_value_cannot_have_are_told() {
    let long = std::time::Duration::from_secs(1 << 32);
    let rule = Rule::new().when(crate::field::ct::expiration().and(long).eq(long / 2048));
    let code = code(Family::INET, rule);
    assert!(code.contains("49 days"), "{code}");
}

#[test]
fn what_is_given_twice_is_the_same_as_once() {
    let chain = Table::inet("fw").chain("c");
    let rule = |ports: &[u16]| Rule::new().when(tcp::dport().one_of(ports.iter().copied())).normalized(&chain).unwrap();
    assert_eq!(rule(&[22, 80, 22]), rule(&[80, 22]));
    assert_ne!(rule(&[22, 80, 22]), rule(&[22]));
}

#[test]
fn behind_an_extension_header_may_be_any_protocol() {
    let next = |next: u8| Rule::new().when(ip6::nexthdr().eq(L4Proto::from_raw(next))).when(tcp::dport().eq(22));
    assert!(code(Family::INET, next(0)).contains("meta load l4proto"));
    assert!(code(Family::INET, next(17)).contains("udp"), "that is a contradiction");
    let after = Rule::new().when(tcp::dport().eq(22)).when(ip6::nexthdr().eq(L4Proto::from_raw(44)));
    assert!(code(Family::INET, after).contains("payload load 1b @ network header + 6"));
}

#[test]
fn a_port_beside_a_map_is_in_the_register_after_the_address_and_not_beside_a_port() {
    let tcp = || Rule::new().when(tcp::dport().eq(80));
    let to = NatTarget::from(tcp::dport().map::<Ipv4Addr>([(80, V4)])).ports(8080..=8080);
    let code = code(Family::IP, tcp().dnat(to));
    assert!(code.contains("proto_min reg 2"), "{code}");
    let to = NatTarget::from(tcp::dport().map::<(Ipv4Addr, Port)>([(80, (V4, 81))])).ports(8080..=8080);
    let code = super::tests::code(Family::IP, tcp().dnat(to));
    assert_eq!(code, "\"8080\" is no port to translate to: the map has one");
}

#[test]
fn meta_protocol_stands_for_the_protocol_where_it_does_for_nft() {
    let rule = Rule::new().when(meta::protocol().eq(crate::datum::EtherType::IP)).when(ip::saddr().eq(V4));
    assert!(code(Family::INET, &rule).contains("meta load nfproto"));
    assert_eq!(code(Family::NETDEV, &rule).matches("meta load").count(), 1);
}

#[test]
fn what_nft_could_not_list_is_refused() {
    let quoted = code(Family::INET, Rule::new().log("x\" accept comment \""));
    assert_eq!(
        quoted,
        "a log's prefix must not have a quotation mark or a control character in it: nft cannot quote them"
    );
    assert_eq!(code(Family::INET, Rule::new().log("new: ")), "log prefix new:\n");
}

#[test]
fn fields_side_by_side_are_the_same_together() {
    let chain = Chain::new(Table::inet("fw"), "c");
    let normalized = |rule: RuleBuilder| rule.normalized(&chain).unwrap();
    let [sport, dport] = [udp::sport().eq(68), udp::dport().eq(67)];
    let rule = normalized(Rule::new().when(sport.clone()).when(dport.clone()));
    assert_eq!(rule, normalized(Rule::new().when(dport.clone()).when(sport.clone())));
    assert_eq!(rule.exprs().len(), 4);
    assert_ne!(rule, normalized(Rule::new().when(udp::sport().eq(67)).when(udp::dport().eq(68))));
    assert_ne!(rule, normalized(Rule::new().when(sport.clone()).when(udp::dport().ne(67))));
    assert_ne!(rule, normalized(Rule::new().when(sport)));
}

#[test]
fn expressions_that_cannot_be_written_are_no_expressions() {
    let chain = Chain::new(Table::inet("fw"), "c");
    let shifted = Rule::new().set(meta::mark(), meta::mark().shl(32));
    assert!(shifted.exprs(&chain).is_err() && shifted.normalized(&chain).is_err());
    let many = (0..129).fold(Rule::new(), |rule, _| rule.counter());
    assert_eq!(many.exprs(&chain), Err(BuildErrorKind::TooManyExpressions { count: 129 }));
}

#[test]
fn protocols_of_a_key_may_have_ports() {
    let protocols = crate::Map::<(L4Proto, Port), (Ipv4Addr, Port)>::new(Table::new(Family::IP, "fw"), "published");
    let to = concat((meta::l4proto(), th::dport())).map(&protocols);
    assert!(code(Family::IP, Rule::new().dnat(to)).ends_with("nat dnat ip addr_min reg 1 proto_min reg 9\n"));
}

#[test]
fn a_rule_that_was_read_is_shown_whatever_numbers_it_has() {
    // The kernel has it; a program that wants it is told that it is too much.
    let limit = Limit::bytes(u64::MAX, Limit::HOUR);
    assert!(Rule::new().expr(limit).exprs(Table::inet("fw").chain("c")).is_err());
    let mut w = AttrWriter::new();
    w.nest(NFTA_RULE_EXPRESSIONS, |w| Expr::from(limit).write(w));
    assert!(w.take_error().is_some());
    let info = RuleInfo::decode(Family::INET, w.bytes_written(), &mut None).unwrap();
    let again = info.to_rule().unwrap();
    assert_eq!(again.exprs(info.chain()), Ok(vec![limit.into()]));
    assert_eq!(again.bytecode(info.chain()).unwrap().to_string(), info.bytecode().to_string());
}

#[test]
fn what_a_statement_needs_is_compared_beside_what_matches_compare() {
    let [a, b] = [1, 2].map(|last| Ipv4Addr::new(10, 0, 0, last));
    let matching = || Rule::new().when(ether::saddr().eq([2, 0, 0, 0, 0, 1]));
    let doors = [(a, Verdict::DROP), (b, Verdict::ACCEPT)];
    let merged = "payload load 8b @ link header + 6 => reg 1";
    for rule in [matching().vmap(ip::saddr(), doors.clone()), matching().set(ip::ttl(), 5)] {
        let code = code(Family::INET, rule);
        assert!(code.contains(merged) && !code.contains("nfproto"), "{code}");
    }
    // Behind another statement there is nothing to be merged with, but the test is there.
    let code = code(Family::INET, matching().counter().vmap(ip::saddr(), doors));
    assert!(code.contains("payload load 6b @ link header + 6 => reg 1"), "{code}");
    assert!(code.contains("payload load 2b @ link header + 12 => reg 1"), "{code}");
}

#[test]
fn nothing_is_compared_earlier_or_later_than_a_match_that_counts() {
    let listed = Set::<Ipv4Addr>::new(Table::inet("fw"), "listed");
    let number = || numgen::inc(0..2);
    let counts = [
        number().eq(0),
        ip::saddr().in_set(&listed),
        ip::saddr().not_in_set(&listed),
        number().eq_field(number()),
        hash::jhash(concat((ip::saddr(), number())), 0..2).eq(0),
        concat((ip::saddr(), number())).one_of([(V4, 1), (V4, 2)]),
    ];
    let both = |between| {
        let rule = Rule::new().when(tcp::dport().eq(2)).when(between).when(tcp::sport().eq(1));
        code(Family::INET, rule).matches("payload load 2b @ transport").count()
    };
    for matching in counts {
        assert_eq!(both(matching.clone()), 2, "{matching:?}");
    }
    assert_eq!(both(ip::saddr().eq(V4)), 0);
    assert_eq!(both(numgen::random(0..2).eq(0)), 0);
    let rule = Rule::new().when(number().eq(0)).when(tcp::dport().eq(2)).when(tcp::sport().eq(1));
    assert!(code(Family::INET, rule).contains("payload load 4b @ transport header + 0"));
}

fn shifted_by(bitwise: &Bitwise) -> u32 {
    let data = bitwise.data.as_ref().unwrap().as_bytes();
    u32::from_ne_bytes(data.try_into().unwrap())
}

/// What expressions leave in the first register of a packet, as the kernel reckons.
fn register(exprs: &[Expr], packet: &[u8]) -> Vec<u8> {
    let mut reg = [0; 4];
    for expr in exprs {
        let word = u32::from_ne_bytes(reg);
        let combined = |a: &[u8], b: &[u8], with: fn(u8, u8) -> u8| {
            let byte = |n: usize| with(a[n], b.get(n).copied().unwrap_or_default());
            [byte(0), byte(1), byte(2), byte(3)]
        };
        match expr {
            Expr::Payload(load) => {
                reg = combined(&[0; 4], &packet[load.offset as usize..][..load.len as usize], |_, b| b);
            }
            Expr::Bitwise(bitwise) => match bitwise.op {
                BitwiseOp::LSHIFT => reg = (word << shifted_by(bitwise)).to_ne_bytes(),
                BitwiseOp::RSHIFT => reg = (word >> shifted_by(bitwise)).to_ne_bytes(),
                _ => {
                    let [mask, xor] = [&bitwise.mask, &bitwise.xor].map(|data| data.clone().unwrap());
                    reg = combined(&combined(&reg, mask.as_bytes(), |a, b| a & b), xor.as_bytes(), |a, b| a ^ b);
                }
            },
            Expr::Byteorder(turned) if cfg!(target_endian = "little") => match turned.size {
                2 => reg[..2].reverse(),
                4 => reg.reverse(),
                size => panic!("numbers of {size} bytes are not turned"),
            },
            _ => {}
        }
    }
    reg.to_vec()
}

#[test]
fn bits_of_the_packet_are_where_a_value_has_them() {
    let packet = [0b1011_0110, 0b0111_1001, 0b1100_1010, 0b0101_0111, 0xff];
    let chain = Table::inet("fw").chain("c");
    let bits = |offset: u16, len: u8| {
        let all = u64::from_be_bytes([0, 0, 0, packet[0], packet[1], packet[2], packet[3], packet[4]]);
        (all >> (40 - offset - u16::from(len))) as u32 & (u32::MAX >> (32 - len))
    };
    macro_rules! check {
        ($($Value:ident $from:ident),*) => {$(
            for offset in 0..8u16 {
                let most = ($Value::LEN as u8 * 8).min(32 - offset as u8);
                for len in 1..=most {
                    let field = raw::network_bits::<$Value>(offset, len);
                    let exprs = Rule::new().when(field.xor(0).eq(bits(offset, len) as $from)).exprs(&chain).unwrap();
                    let Some(Expr::Cmp(wanted)) = exprs.last() else { panic!("{exprs:?}") };
                    let has = register(&exprs, &packet);
                    assert_eq!(&has[..$Value::LEN], wanted.data.as_bytes(), "{len} bits at {offset}: {exprs:?}");
                }
            }
        )*};
    }
    check!(Integer8 u8, Integer16 u16, Integer24 u32, Integer32 u32);
    let long = || raw::network_bits::<Bytes<6>>(4, 8);
    let code = |matching: Match| code(Family::INET, Rule::new().when(matching));
    assert!(code(long().xor([0; 6]).eq([0; 6])).contains("within four bytes"));
    // Where values are compared as the packet has them, none is cut.
    assert!(code(long().eq([0, 0, 0, 0, 0, 1])).contains("cmp eq"));
    assert!(code(long().eq([1, 0, 0, 0, 0, 1])).contains("more bits than the field"));
    // An address in bits is moved before it is compared with a prefix.
    let code = code(raw::network_bits::<Ipv4Addr>(4, 28).in_prefix(V4, 8));
    assert!(code.contains("4b @ network header + 0") && code.contains("cmp eq reg 1 0x0000000a"), "{code}");
}

#[test]
fn bits_of_an_option_are_not_set() {
    let option = tcp::option::raw_bits::<Integer16>(42, 20, 12);
    let code = code(Family::INET, Rule::new().set(option, 5));
    assert!(code.contains("whole bytes"), "{code}");
}
