//! What we write, nft lists; and of that listing it makes the same as we did.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use nftlink::datum::{IfName, L4Proto, Mark, Port};
use nftlink::expr::Counter;
use nftlink::field::{Field, Match, Write, ip, ip6, meta, tcp, udp};
use nftlink::{
    Batch, ChainRef, Element, Family, Hook, Interval, NatTarget, Policy, PortTarget, Priority, Rule, RuleBuilder, Set,
    Table, TableFlags, object,
};

use super::*;

/// Commits the batch, has nft list the ruleset as `text`, and load that; both times the kernel has the same.
#[track_caller]
pub(super) fn assert_written(batch: &Batch, text: &str) {
    let mut conn = Conn::open().unwrap();
    conn.commit(batch).unwrap();
    assert_same_text("nft's listing of ours", &without_expiry(&support::nft_ruleset()), text);
    let (ours, ours_raw) = (support::nft_bytecode(), as_the_kernel_has_it(&mut conn));
    let our_elements = elements(&mut conn);

    support::nft_load(&format!("flush ruleset\n{text}"));
    assert_same_text("nft's listing of its own", &without_expiry(&support::nft_ruleset()), text);
    let (theirs, theirs_raw) = (support::nft_bytecode(), as_the_kernel_has_it(&mut conn));
    assert_same_text("bytecode", &ours, &without_leading_ends(&theirs, &ours));
    for (ours, theirs) in ours_raw.iter().zip(&theirs_raw) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours_raw.len(), theirs_raw.len());
    assert_eq!(our_elements, elements(&mut conn));
}

/// nft's bytecode without what nft alone does: it begins an interval set that does not have the lowest value with an
/// end of an interval there, "nothing up to the first element". Lookups find the same with and without.
fn without_leading_ends(theirs: &str, ours: &str) -> String {
    let is_end_at_zero = |line: &str| {
        let value = line.strip_prefix("\telement ").and_then(|line| line.split_once(" : 1 [end]"));
        value.is_some_and(|(value, _)| value.trim().chars().all(|c| c == '0' || c == ' '))
    };
    assert!(!ours.lines().any(is_end_at_zero), "we do so now, too: compare without this");
    theirs.lines().filter(|line| !is_end_at_zero(line)).flat_map(|line| [line, "\n"]).collect()
}

const V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const V4_LAST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const V6_LAST: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9);

pub(super) fn tables_and_chains() {
    let mut batch = Batch::new();
    let ip = Table::ip("four").comment("the old one");
    batch.add(&ip);
    batch.add(&ip.chain("raw").filter(Hook::PREROUTING, Priority::RAW));
    batch.add(&ip.chain("mangle").filter(Hook::PREROUTING, Priority::MANGLE + 5));
    batch.add(&ip.chain("pre").nat(Hook::PREROUTING, Priority::DSTNAT).policy(Policy::ACCEPT));
    batch.add(&ip.chain("input").filter(Hook::INPUT, Priority::FILTER - 10).policy(Policy::DROP).comment("all in"));
    batch.add(&ip.chain("nat_in").nat(Hook::INPUT, Priority::SRCNAT));
    batch.add(&ip.chain("through").filter(Hook::FORWARD, Priority::SECURITY));
    batch.add(&ip.chain("out").route(Hook::OUTPUT, Priority::MANGLE));
    batch.add(&ip.chain("nat_out").nat(Hook::OUTPUT, -100));
    batch.add(&ip.chain("post").nat(Hook::POSTROUTING, Priority::SRCNAT - 1));
    batch.add(&ip.chain("end").filter(Hook::POSTROUTING, i32::MAX));
    batch.add(&ip.chain("beginning").filter(Hook::POSTROUTING, i32::MIN));
    batch.add(&ip.chain("regular").comment("only jumped to"));
    let ip6 = Table::ip6("six").flags(TableFlags::DORMANT).comment("asleep");
    batch.add(&ip6).add(&ip6.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::ACCEPT));
    let inet = Table::inet("both");
    batch.add(&inet).add(&inet.chain("out").filter(Hook::OUTPUT, Priority::FILTER + 1).policy(Policy::DROP));
    let arp = Table::arp("who-has");
    batch.add(&arp).add(&arp.chain("input").filter(Hook::INPUT, Priority::FILTER));
    batch.add(&arp.chain("out").filter(Hook::OUTPUT, 5));
    let bridge = Table::bridge("br");
    batch.add(&bridge).add(&bridge.chain("pre").filter(Hook::PREROUTING, Priority::DSTNAT));
    batch.add(&bridge.chain("input").filter(Hook::INPUT, Priority::FILTER));
    batch.add(&bridge.chain("through").filter(Hook::FORWARD, Priority::FILTER - 7).policy(Policy::DROP));
    batch.add(&bridge.chain("out").filter(Hook::OUTPUT, Priority::OUT));
    batch.add(&bridge.chain("post").filter(Hook::POSTROUTING, Priority::SRCNAT));
    // Its base chains need devices.
    let netdev = Table::netdev("wire").comment("without devices");
    batch.add(&netdev).add(&netdev.chain("regular"));
    assert_written(&batch, include_str!("tables_and_chains.nft"));
}

pub(super) fn sets_and_their_elements() {
    let fw = Table::inet("fw");
    let mut batch = Batch::new();
    batch.add(&fw);
    let addresses = Set::<Ipv4Addr>::new(&fw, "addresses").size(10).comment("friends");
    batch.add(&addresses).add_elements(&addresses, [V4_LAST]);
    batch.add_elements(&addresses, [Element::new(V4).comment("me")]);
    let nets = Set::<Interval<Ipv4Addr>>::new(&fw, "nets").comment("with \t and ö");
    batch.add(&nets).add_elements(&nets, [V4..=V4_LAST]).add_elements(&nets, [Ipv4Addr::new(192, 168, 0, 1)]);
    batch.add_elements(
        &nets,
        [
            Element::new(Interval::prefix(Ipv4Addr::new(172, 17, 2, 3), 12)).comment("a prefix"),
            // Up to the highest address.
            Element::new(Interval::prefix(Ipv4Addr::new(240, 0, 0, 0), 4)),
        ],
    );
    let zero = Set::<Interval<Ipv4Addr>>::new(&fw, "from_zero");
    batch.add(&zero).add_elements(&zero, [Ipv4Addr::UNSPECIFIED..=V4]);
    let all = Set::<Interval<Ipv6Addr>>::new(&fw, "whole");
    batch.add(&all).add_elements(&all, [Interval::prefix(V6, 0)]);
    let addresses6 = Set::<Ipv6Addr>::new(&fw, "addresses6");
    batch.add(&addresses6).add_elements(&addresses6, [V6, V6_LAST, Ipv6Addr::LOCALHOST]);
    let nets6 = Set::<Interval<Ipv6Addr>>::new(&fw, "nets6").size(100);
    batch.add(&nets6).add_elements(&nets6, [V6..=V6_LAST]);
    batch.add_elements(&nets6, [Interval::prefix(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10)]);
    let ports = Set::<Port>::new(&fw, "ports");
    batch.add(&ports).add_elements(&ports, [443, 80]);
    let port_ranges = Set::<Interval<Port>>::new(&fw, "port_ranges");
    batch.add(&port_ranges).add_elements(&port_ranges, [1..=1023]).add_elements(&port_ranges, [8080]);
    batch.add_elements(&port_ranges, [Interval::at_least(49152)]);
    let protocols = Set::<L4Proto>::new(&fw, "protocols");
    batch.add(&protocols).add_elements(&protocols, [L4Proto::UDP, L4Proto::TCP, L4Proto::ICMPV6]);
    let protocol_ranges = Set::<Interval<L4Proto>>::new(&fw, "protocol_ranges");
    batch.add(&protocol_ranges).add_elements(&protocol_ranges, [L4Proto::ICMP..=L4Proto::TCP]);
    let families = Set::<Family>::new(&fw, "families");
    batch.add(&families).add_elements(&families, [Family::IP6]);
    let marks = Set::<Mark>::new(&fw, "marks");
    batch.add(&marks).add_elements(&marks, [0x100, 1, 0xdead_beef]);
    let mark_ranges = Set::<Interval<Mark>>::new(&fw, "mark_ranges");
    batch.add(&mark_ranges).add_elements(&mark_ranges, [5..=0x100]).add_elements(&mark_ranges, [0x1000]);
    batch.add_elements(&mark_ranges, [Interval::at_least(0x8000_0000)]);
    let names = Set::<IfName>::new(&fw, "names").comment("not in network order");
    batch.add(&names).add_elements(&names, ["eth0", "lo", "a-name-of-15-by"]);
    let empty = Set::<Ipv4Addr>::new(&fw, "empty");
    batch.add(&empty);
    // Sets are the same in every family.
    for table in [Table::ip("t"), Table::ip6("t"), Table::arp("t"), Table::bridge("t"), Table::netdev("t")] {
        let set = Set::<Interval<Ipv4Addr>>::new(&table, "nets").comment("c");
        batch.add(&table).add(&set).add_elements(&set, [V4..=V4_LAST]);
    }
    assert_written(&batch, include_str!("sets_and_their_elements.nft"));
}

pub(super) fn sets_with_timeouts() {
    let fw = Table::inet("fw");
    let mut batch = Batch::new();
    batch.add(&fw);
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
    let some = Set::<Ipv4Addr>::new(&fw, "some").timeouts().comment("elements may have timeouts");
    batch.add(&some).add_elements(&some, [V4_LAST]);
    batch.add_elements(
        &some,
        [
            Element::new(V4).timeout(10 * minute).comment("ten minutes"),
            Element::new(Ipv4Addr::new(10, 0, 0, 2)).timeout(Duration::from_millis(90_061_001)),
        ],
    );
    let every = Set::<Interval<Ipv6Addr>>::new(&fw, "every").timeout(hour).size(1000);
    batch.add(&every).add_elements(&every, [V6..=V6_LAST]);
    batch.add_elements(&every, [Element::new(Interval::prefix(Ipv6Addr::LOCALHOST, 128)).timeout(2 * hour)]);
    let plain = Set::<Port>::new(&fw, "plain").timeout(hour);
    batch.add(&plain).add_elements(&plain, [22]);
    assert_written(&batch, include_str!("sets_with_timeouts.nft"));
}

/// Appends a rule for each match.
fn append_matches(batch: &mut Batch, chain: impl AsRef<ChainRef>, matches: impl IntoIterator<Item = Match>) {
    for matching in matches {
        batch.append(&chain, Rule::new().when(matching).accept());
    }
}

/// Every comparison of addresses.
fn of_addresses4(
    field: fn() -> Field<Ipv4Addr, Write>,
    set: &Set<Ipv4Addr>,
    ranges: &Set<Interval<Ipv4Addr>>,
) -> [Match; 16] {
    [
        field().eq(V4),
        field().ne(V4),
        field().in_range(V4..=V4_LAST),
        field().not_in_range(V4..=V4_LAST),
        field().in_prefix(V4, 8),
        field().not_in_prefix(V4, 8),
        field().in_prefix(V4, 24),
        field().in_prefix(V4, 9),
        field().not_in_prefix(V4, 9),
        field().in_prefix(V4, 31),
        field().in_prefix(V4, 32),
        field().in_prefix(V4, 0),
        field().in_set(set),
        field().not_in_set(set),
        field().in_set(ranges),
        field().not_in_set(ranges),
    ]
}

fn of_addresses6(
    field: fn() -> Field<Ipv6Addr, Write>,
    set: &Set<Ipv6Addr>,
    ranges: &Set<Interval<Ipv6Addr>>,
) -> [Match; 16] {
    [
        field().eq(V6),
        field().ne(V6),
        field().in_range(V6..=V6_LAST),
        field().not_in_range(V6..=V6_LAST),
        field().in_prefix(V6, 8),
        field().not_in_prefix(V6, 8),
        field().in_prefix(V6, 64),
        field().in_prefix(V6, 9),
        field().not_in_prefix(V6, 9),
        field().in_prefix(V6, 127),
        field().in_prefix(V6, 128),
        field().in_prefix(V6, 0),
        field().in_set(set),
        field().not_in_set(set),
        field().in_set(ranges),
        field().not_in_set(ranges),
    ]
}

fn of_ports(field: fn() -> Field<Port, Write>, set: &Set<Port>, ranges: &Set<Interval<Port>>) -> [Match; 8] {
    [
        field().eq(80),
        field().ne(80),
        field().in_range(1..=1024),
        field().not_in_range(1..=1024),
        field().in_set(set),
        field().not_in_set(set),
        field().in_set(ranges),
        field().not_in_set(ranges),
    ]
}

fn of_names(field: fn() -> Field<IfName>, set: &Set<IfName>) -> [Match; 6] {
    [
        field().eq("eth0"),
        field().ne("eth0"),
        field().starts_with("eth"),
        field().not_starts_with("eth"),
        field().in_set(set),
        field().not_in_set(set),
    ]
}

pub(super) fn matches_of_family_inet() {
    let fw = Table::inet("fw");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let (a4, n4) = (Set::new(&fw, "a4"), Set::new(&fw, "n4"));
    let (a6, n6) = (Set::new(&fw, "a6"), Set::new(&fw, "n6"));
    let (ports, port_ranges) = (Set::new(&fw, "ports"), Set::new(&fw, "port_ranges"));
    let protocols = Set::<L4Proto>::new(&fw, "protocols");
    let protocol_ranges = Set::<Interval<L4Proto>>::new(&fw, "protocol_ranges");
    let (marks, mark_ranges) = (Set::<Mark>::new(&fw, "marks"), Set::<Interval<Mark>>::new(&fw, "mark_ranges"));
    let (families, names) = (Set::<Family>::new(&fw, "families"), Set::new(&fw, "names"));
    let mut batch = Batch::new();
    batch.add(&fw).add(&a4).add(&n4).add(&a6).add(&n6).add(&ports).add(&port_ranges).add(&protocols);
    batch.add(&protocol_ranges).add(&marks).add(&mark_ranges).add(&families).add(&names).add(&input);
    append_matches(&mut batch, &input, of_addresses4(ip::saddr, &a4, &n4));
    append_matches(&mut batch, &input, of_addresses4(ip::daddr, &a4, &n4));
    append_matches(&mut batch, &input, of_addresses6(ip6::saddr, &a6, &n6));
    append_matches(&mut batch, &input, of_addresses6(ip6::daddr, &a6, &n6));
    for field in [tcp::sport, tcp::dport, udp::sport, udp::dport] {
        append_matches(&mut batch, &input, of_ports(field, &ports, &port_ranges));
    }
    append_matches(&mut batch, &input, of_names(meta::iifname, &names));
    append_matches(&mut batch, &input, of_names(meta::oifname, &names));
    append_matches(
        &mut batch,
        &input,
        [
            meta::l4proto().eq(L4Proto::TCP),
            meta::l4proto().ne(L4Proto::TCP),
            meta::l4proto().in_range(L4Proto::ICMP..=L4Proto::TCP),
            meta::l4proto().not_in_range(L4Proto::ICMP..=L4Proto::TCP),
            meta::l4proto().in_set(&protocols),
            meta::l4proto().not_in_set(&protocols),
            meta::l4proto().in_set(&protocol_ranges),
            meta::nfproto().eq(Family::IP),
            meta::nfproto().ne(Family::IP6),
            meta::nfproto().in_set(&families),
            meta::nfproto().not_in_set(&families),
            meta::mark().eq(5),
            meta::mark().ne(5),
            meta::mark().in_range(5..=0x100),
            meta::mark().not_in_range(5..=0x100),
            meta::mark().in_set(&marks),
            meta::mark().not_in_set(&marks),
            meta::mark().in_set(&mark_ranges),
            meta::mark().not_in_set(&mark_ranges),
        ],
    );
    // Several in one rule: what is implied is told once.
    let names = [meta::iifname().starts_with("eth"), meta::oifname().ne("lo"), meta::mark().eq(1)];
    let addresses = [ip::saddr().in_prefix(V4, 8), tcp::dport().eq(22), ip::daddr().not_in_set(&n4)];
    batch.append(&input, Rule::new().when_all(names).when_all(addresses).drop());
    let told = [meta::l4proto().eq(L4Proto::UDP), udp::dport().in_set(&ports), ip6::saddr().ne(V6)];
    batch.append(&input, Rule::new().when_all(told).drop());
    assert_written(&batch, include_str!("matches_of_family_inet.nft"));
}

pub(super) fn matches_of_family_ip() {
    let fw = Table::ip("fw");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let (a4, n4) = (Set::new(&fw, "a4"), Set::new(&fw, "n4"));
    let mut batch = Batch::new();
    batch.add(&fw).add(&a4).add(&n4).add(&input);
    append_matches(&mut batch, &input, of_addresses4(ip::saddr, &a4, &n4));
    append_matches(&mut batch, &input, of_addresses4(ip::daddr, &a4, &n4));
    append_matches(&mut batch, &input, [tcp::dport().eq(80), udp::sport().not_in_range(1..=2)]);
    append_matches(&mut batch, &input, [meta::l4proto().eq(L4Proto::UDP), meta::oifname().eq("lo")]);
    let several = [ip::saddr().eq(V4), tcp::dport().eq(22), ip::daddr().in_set(&n4), meta::iifname().eq("eth0")];
    batch.append(&input, Rule::new().when_all(several).drop());
    assert_written(&batch, include_str!("matches_of_family_ip.nft"));
}

pub(super) fn matches_of_family_ip6() {
    let fw = Table::ip6("fw");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let (a6, n6) = (Set::new(&fw, "a6"), Set::new(&fw, "n6"));
    let mut batch = Batch::new();
    batch.add(&fw).add(&a6).add(&n6).add(&input);
    append_matches(&mut batch, &input, of_addresses6(ip6::saddr, &a6, &n6));
    append_matches(&mut batch, &input, of_addresses6(ip6::daddr, &a6, &n6));
    append_matches(&mut batch, &input, [tcp::sport().in_range(80..=90), udp::dport().ne(53)]);
    let several = [meta::mark().ne(0), ip6::saddr().eq(V6), tcp::dport().eq(22), ip6::daddr().in_set(&n6)];
    batch.append(&input, Rule::new().when_all(several).drop());
    assert_written(&batch, include_str!("matches_of_family_ip6.nft"));
}

/// Matches of frames that carry IP packets, where nft looks at the protocol of the frame first.
fn append_matches_of_frames(batch: &mut Batch, chain: impl AsRef<ChainRef>, table: &Table) {
    let (a4, n4) = (Set::new(table, "a4"), Set::new(table, "n4"));
    let (a6, n6) = (Set::new(table, "a6"), Set::new(table, "n6"));
    let names = Set::<IfName>::new(table, "names");
    batch.add(&a4).add(&n4).add(&a6).add(&n6).add(&names);
    append_matches(batch, &chain, of_addresses4(ip::saddr, &a4, &n4));
    append_matches(batch, &chain, of_addresses6(ip6::daddr, &a6, &n6));
    append_matches(batch, &chain, of_names(meta::iifname, &names));
    append_matches(batch, &chain, [tcp::dport().eq(80), udp::dport().in_range(53..=54)]);
    append_matches(batch, &chain, [meta::l4proto().ne(L4Proto::ICMP), meta::mark().eq(7)]);
    let several = [ip::saddr().eq(V4), udp::dport().eq(53), ip::daddr().ne(V4)];
    batch.append(&chain, Rule::new().when_all(several).drop());
    let several = [tcp::dport().eq(22), ip6::saddr().eq(V6)];
    batch.append(&chain, Rule::new().when_all(several).drop());
}

pub(super) fn matches_of_family_bridge() {
    let fw = Table::bridge("fw");
    let forward = fw.chain("forward").filter(Hook::FORWARD, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&fw).add(&forward);
    append_matches_of_frames(&mut batch, &forward, &fw);
    assert_written(&batch, include_str!("matches_of_family_bridge.nft"));
}

pub(super) fn matches_of_family_netdev() {
    let fw = Table::netdev("fw");
    let regular = fw.chain("regular");
    let mut batch = Batch::new();
    batch.add(&fw).add(&regular);
    append_matches_of_frames(&mut batch, &regular, &fw);
    assert_written(&batch, include_str!("matches_of_family_netdev.nft"));
}

pub(super) fn matches_of_family_arp() {
    let fw = Table::arp("fw");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let names = Set::<IfName>::new(&fw, "names");
    let mut batch = Batch::new();
    batch.add(&fw).add(&names).add(&input);
    append_matches(&mut batch, &input, of_names(meta::iifname, &names));
    append_matches(&mut batch, &input, [meta::mark().eq(5)]);
    assert_written(&batch, include_str!("matches_of_family_arp.nft"));
}

/// nft would load both ports at once; of the two loads that we make it lists the same.
pub(super) fn adjacent_fields_are_listed_as_written() {
    let fw = Table::ip("fw");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&fw).add(&input);
    batch.append(&input, Rule::new().when(tcp::sport().eq(1024)).when(tcp::dport().eq(22)).accept());
    batch.append(&input, Rule::new().when(ip::saddr().eq(V4)).when(ip::daddr().eq(V4_LAST)).accept());
    Conn::open().unwrap().commit(&batch).unwrap();
    let text = include_str!("adjacent_fields.nft");
    assert_same_text("nft's listing of ours", &support::nft_ruleset(), text);
    support::nft_load(&format!("flush ruleset\n{text}"));
    assert_same_text("nft's listing of its own", &support::nft_ruleset(), text);
}

pub(super) fn statements() {
    let mut batch = Batch::new();
    for table in [Table::inet("fw"), Table::ip("fw"), Table::bridge("fw"), Table::netdev("fw")] {
        let main = table.chain("main");
        let [called, gone_to] = ["called", "gone_to"].map(|name| table.chain(name));
        let web = object::Counter::named(&table, "web").comment("requests");
        let old = object::Named::new(&table, "old", Counter::new(3, 180));
        batch.add(&table).add(&web).add(&old).add(&called).add(&gone_to).add(&main);
        batch.append(&main, Rule::new().counter());
        batch.append(&main, Rule::new().accept());
        batch.append(&main, Rule::new().drop());
        batch.append(&main, Rule::new().return_());
        batch.append(&main, Rule::new().jump(&called));
        batch.append(&main, Rule::new().goto(&gone_to).comment("comments may have spaces"));
        batch.append(&main, Rule::new().object(&web));
        batch.append(&main, Rule::new().when(meta::mark().eq(1)).counter().object(&old).counter().drop());
        batch.append(&main, Rule::new().when(tcp::dport().eq(80)).counter().object(&web).comment("open end"));
        batch.append(&main, Rule::new().counter().when(tcp::dport().eq(80)).counter().accept().comment("é"));
    }
    assert_written(&batch, include_str!("statements.nft"));
}

fn web() -> [RuleBuilder; 2] {
    [tcp::dport(), udp::dport()].map(|dport| Rule::new().when(dport.eq(8080)))
}

pub(super) fn translations_of_family_inet() {
    let nat = Table::inet("nat");
    let pre = nat.chain("pre").nat(Hook::PREROUTING, Priority::DSTNAT);
    let post = nat.chain("post").nat(Hook::POSTROUTING, Priority::SRCNAT);
    let mut batch = Batch::new();
    batch.add(&nat).add(&pre).add(&post);
    // Of any family's packets, and of those that are told.
    for rule in [Rule::new().when(ip::daddr().eq(V4_LAST)), Rule::new().when(meta::nfproto().eq(Family::IP))] {
        batch.append(&pre, rule.clone().dnat(V4)).append(&post, rule.snat(V4..=V4_LAST));
    }
    batch.append(&pre, Rule::new().dnat(V6)).append(&post, Rule::new().snat(V6..=V6_LAST));
    for rule in web() {
        let targets = [
            SocketAddrV4::new(V4, 80).into(),
            SocketAddrV6::new(V6, 80, 0, 0).into(),
            NatTarget::port(80),
            NatTarget::port(80).ports(80..=90).random(),
            NatTarget::from(V4).ports(80..=90),
            NatTarget::from(V4..=V4_LAST).fully_random().persistent(),
            NatTarget::from(V6..=V6_LAST).ports(80..=90).random().persistent(),
        ];
        for to in targets {
            batch.append(&pre, rule.clone().counter().dnat(to.clone()));
            batch.append(&post, rule.clone().snat(to));
        }
        let ports = [
            PortTarget::any(),
            PortTarget::any().random(),
            PortTarget::any().fully_random().persistent(),
            PortTarget::from(80),
            PortTarget::from(80..=90),
            PortTarget::from(80..=90).random().persistent(),
        ];
        for to in ports {
            batch.append(&pre, rule.clone().redirect_to(to.clone()));
            batch.append(&post, rule.clone().masquerade_to(to));
        }
    }
    batch.append(&pre, Rule::new().redirect().comment("here"));
    batch.append(&post, Rule::new().when(meta::oifname().eq("eth0")).masquerade().comment("hide"));
    assert_written(&batch, include_str!("translations_of_family_inet.nft"));
}

pub(super) fn translations_of_family_ip() {
    let nat = Table::ip("nat");
    let pre = nat.chain("pre").nat(Hook::PREROUTING, Priority::DSTNAT);
    let post = nat.chain("post").nat(Hook::POSTROUTING, Priority::SRCNAT);
    let mut batch = Batch::new();
    batch.add(&nat).add(&pre).add(&post);
    batch.append(&pre, Rule::new().dnat(V4)).append(&post, Rule::new().snat(V4..=V4_LAST));
    batch.append(&pre, Rule::new().redirect()).append(&post, Rule::new().masquerade());
    for rule in web() {
        batch.append(&pre, rule.clone().dnat(SocketAddrV4::new(V4, 80)));
        batch.append(&pre, rule.clone().dnat(NatTarget::from(V4..=V4_LAST).ports(80..=90).random()));
        batch.append(&pre, rule.clone().dnat(NatTarget::port(80)));
        batch.append(&pre, rule.clone().redirect_to(80));
        batch.append(&post, rule.clone().snat(SocketAddrV4::new(V4, 80)));
        batch.append(&post, rule.masquerade_to(1024..=2048));
    }
    assert_written(&batch, include_str!("translations_of_family_ip.nft"));
}

pub(super) fn translations_of_family_ip6() {
    let nat = Table::ip6("nat");
    let pre = nat.chain("pre").nat(Hook::PREROUTING, Priority::DSTNAT);
    let post = nat.chain("post").nat(Hook::POSTROUTING, Priority::SRCNAT);
    let mut batch = Batch::new();
    batch.add(&nat).add(&pre).add(&post);
    batch.append(&pre, Rule::new().dnat(V6)).append(&post, Rule::new().snat(V6..=V6_LAST));
    batch.append(&pre, Rule::new().redirect()).append(&post, Rule::new().masquerade());
    for rule in web() {
        batch.append(&pre, rule.clone().dnat(SocketAddrV6::new(V6, 80, 0, 0)));
        batch.append(&pre, rule.clone().dnat(NatTarget::from(V6..=V6_LAST).ports(80..=90).random()));
        batch.append(&pre, rule.clone().dnat(NatTarget::port(80)));
        batch.append(&pre, rule.clone().redirect_to(80));
        batch.append(&post, rule.clone().snat(SocketAddrV6::new(V6, 80, 0, 0)));
        batch.append(&post, rule.masquerade_to(1024..=2048));
    }
    assert_written(&batch, include_str!("translations_of_family_ip6.nft"));
}

pub(super) fn rules_keep_the_places_that_they_were_given() {
    let fw = Table::inet("fw");
    let chain = fw.chain("c");
    let mut conn = Conn::open().unwrap();
    let rule = |n: &str| Rule::new().counter().comment(n.to_owned());
    let mut batch = Batch::new();
    batch.add(&fw).add(&chain).append(&chain, rule("3"));
    let three = batch.last();
    batch.insert_before(&chain, three, rule("2")).insert_after(&chain, three, rule("4")).insert(&chain, rule("1"));
    batch.append(&chain, rule("6"));
    let six = batch.last();
    let applied = conn.commit_with_handles(&batch).unwrap();
    batch.clear();
    let six = applied.rule(six).unwrap();
    batch.insert_before(&chain, six, rule("5")).insert_after(&chain, six, rule("7"));
    batch.replace(&chain, applied.rule(three).unwrap(), rule("three"));
    conn.commit(&batch).unwrap();
    let listing = support::nft_ruleset();
    let comments: Vec<_> = listing.split('"').skip(1).step_by(2).collect();
    assert_eq!(comments, ["1", "2", "three", "4", "5", "6", "7"]);
}

pub(super) fn what_was_deleted_is_gone() {
    let fw = Table::inet("fw");
    let (chain, emptied) = (fw.chain("c"), fw.chain("emptied"));
    let (set, emptied_set) = (Set::<Ipv4Addr>::new(&fw, "set"), Set::<Ipv4Addr>::new(&fw, "emptied"));
    let nets = Set::<Interval<Ipv4Addr>>::new(&fw, "nets");
    let web = object::Counter::named(&fw, "web");
    let mut batch = Batch::new();
    batch.add(&fw).add(&chain).add(&emptied).add(&set).add(&emptied_set).add(&nets).add(&web);
    batch.add_elements(&emptied_set, [V4, V4_LAST]);
    batch.add_elements(&nets, [Interval::value(V4), Interval::prefix(Ipv4Addr::new(11, 0, 0, 0), 8)]);
    batch.append(&emptied, Rule::new().drop()).append(&chain, Rule::new().accept());
    let mut conn = Conn::open().unwrap();
    conn.commit(&batch).unwrap();
    batch.clear();
    batch.flush(&emptied).flush(&emptied_set).delete_elements(&nets, [V4]).delete(&set).delete(&web);
    batch.delete(&conn.rules(&chain).unwrap()[0]).delete(&chain);
    conn.commit(&batch).unwrap();
    assert_same_text("listing", &support::nft_ruleset(), include_str!("what_was_deleted_is_gone.nft"));
    batch.clear();
    conn.commit(batch.delete(&fw)).unwrap();
    assert_eq!(support::nft_ruleset(), "");
}
