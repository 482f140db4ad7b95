//! `vxlan`, `geneve`, `gre`, `gretap`: what tunnels carry.
//!
//! nft 1.0.6 does not know them: there are no pairs, and the bytecode is that of later ones.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::{env, fs};

use nftlink::datum::{EtherType, IcmpType, L4Proto};
use nftlink::field::{
    concat, ct, ether, geneve, gre, gretap, hash, icmp, ip, ip6, meta, tcp, th, tunnel, udp, vlan, vxlan,
};
use nftlink::{ChainRef, Interval, RuleBuilder};

use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 9, 8, 7);

/// The rule's bytecode in a chain of a family, a line for each expression.
fn bytecode(family: Family, rule: &Rule) -> Vec<String> {
    let chain = ChainRef::new(table(family), CHAIN);
    let shown = format!("{:#}", rule.bytecode(&chain).unwrap());
    shown.lines().map(|line| line.trim().to_owned()).collect()
}

fn when(first: Match, then: Match) -> Rule {
    Rule::new().when(first).when(then).into()
}

pub(super) fn rules_look_into_tunnels_as_nft_does() {
    let port = || udp::dport().eq(4789);
    let behind_port = |rule: Match| {
        let mut lines = bytecode(Family::IP, &when(port(), rule));
        let first: Vec<String> = lines.drain(..4).collect();
        assert_eq!(first[2..], ["[ payload load 2b @ transport header + 2 => reg 1 ]", "[ cmp eq reg 1 0x12b5 ]"]);
        lines
    };
    let inner = |what: &str| format!("[ inner type 1 hdrsize 8 flags f [ {what} => reg 1 ] ]");
    assert_eq!(
        behind_port(vxlan::vni().eq(0x1234)),
        [inner("payload load 3b @ tunnel header + 4"), "[ cmp eq reg 1 0x001234 ]".into()]
    );
    assert_eq!(
        behind_port(vxlan::flags().ne(8)),
        [inner("payload load 1b @ tunnel header + 0"), "[ cmp neq reg 1 0x08 ]".into()]
    );
    let is_ip = [inner("meta load protocol"), "[ cmp eq reg 1 0x0800 ]".into()];
    let of_ip = |lines: [String; 2]| -> Vec<String> { is_ip.iter().cloned().chain(lines).collect() };
    assert_eq!(
        behind_port(vxlan::inner(ip::saddr()).not_in_prefix(A, 16)),
        of_ip([inner("payload load 2b @ network header + 12"), "[ cmp neq reg 1 0x0a09 ]".into()])
    );
    assert_eq!(
        behind_port(vxlan::inner(ip::daddr()).one_of([Interval::prefix(A, 24), Interval::value(A)]))[2..],
        [inner("payload load 3b @ network header + 16"), "[ cmp eq reg 1 0x0a0908 ]".into()]
    );
    assert_eq!(
        behind_port(vxlan::inner(meta::l4proto()).eq(L4Proto::TCP)),
        [inner("meta load l4proto"), "[ cmp eq reg 1 0x06 ]".into()]
    );
    assert_eq!(
        behind_port(vxlan::inner(vlan::id()).eq(5)),
        [
            inner("payload load 2b @ link header + 12"),
            "[ cmp eq reg 1 0x8100 ]".into(),
            inner("payload load 2b @ link header + 14"),
            "[ bitwise reg 1 = ( reg 1 & 0x0fff ) ^ 0x0000 ]".into(),
            "[ cmp eq reg 1 0x0005 ]".into(),
        ]
    );
    // What is side by side is compared at once, in one packet alone.
    let ports = Rule::new().when(port()).when(vxlan::inner(tcp::sport()).eq(1)).when(vxlan::inner(tcp::dport()).eq(2));
    assert_eq!(
        bytecode(Family::INET, &ports.into()),
        [
            "[ meta load l4proto => reg 1 ]".to_owned(),
            "[ cmp eq reg 1 0x11 ]".into(),
            "[ payload load 2b @ transport header + 2 => reg 1 ]".into(),
            "[ cmp eq reg 1 0x12b5 ]".into(),
            inner("meta load l4proto"),
            "[ cmp eq reg 1 0x06 ]".into(),
            inner("payload load 4b @ transport header + 0"),
            "[ cmp eq reg 1 0x00010002 ]".into(),
        ]
    );
    let gre = |what: &str| format!("[ inner type 3 hdrsize 4 flags c [ {what} => reg 1 ] ]");
    let is_gre = ["[ meta load l4proto => reg 1 ]".to_owned(), "[ cmp eq reg 1 0x2f ]".into()];
    let lines =
        bytecode(Family::NETDEV, &Rule::new().when(gre::inner(icmp::icmp_type()).eq(IcmpType::ECHO_REPLY)).into());
    assert_eq!(lines[..2], is_gre);
    assert_eq!(
        lines[2..],
        [
            gre("meta load protocol"),
            "[ cmp eq reg 1 0x0800 ]".into(),
            gre("meta load l4proto"),
            "[ cmp eq reg 1 0x01 ]".into(),
            gre("payload load 1b @ transport header + 0"),
            "[ cmp eq reg 1 0x00 ]".into(),
        ]
    );
    let lines = bytecode(Family::IP6, &Rule::new().when(gretap::inner(ether::saddr()).eq([2, 0, 0, 0, 0, 9])).into());
    assert_eq!(lines[..2], is_gre);
    assert_eq!(
        lines[2..],
        [
            "[ inner type 4 hdrsize 4 flags e [ payload load 6b @ link header + 6 => reg 1 ] ]",
            "[ cmp eq reg 1 0x02000000 0x0009 ]"
        ]
    );
    let version = bytecode(Family::IP, &Rule::new().when(gre::version().eq(1)).into());
    assert_eq!(
        version[2..],
        [
            "[ payload load 1b @ transport header + 1 => reg 1 ]",
            "[ bitwise reg 1 = ( reg 1 & 0x07 ) ^ 0x00 ]",
            "[ cmp eq reg 1 0x01 ]"
        ]
    );
    let protocol = bytecode(Family::IP, &when(gre::flags().eq(4), gre::protocol().eq(EtherType::IP6)));
    assert_eq!(protocol[5..], ["[ payload load 2b @ transport header + 2 => reg 1 ]", "[ cmp eq reg 1 0x86dd ]"]);
    let geneve = bytecode(Family::IP, &when(udp::dport().eq(6081), geneve::geneve_type().eq(0x6558)));
    assert_eq!(
        geneve[4..],
        [
            "[ inner type 2 hdrsize 8 flags f [ payload load 2b @ tunnel header + 2 => reg 1 ] ]",
            "[ cmp eq reg 1 0x6558 ]"
        ]
    );
    let device = bytecode(Family::NETDEV, &when(tunnel::path().exists(), tunnel::id().eq(7)));
    assert_eq!(
        device,
        [
            "[ tunnel load path => reg 1 ]",
            "[ cmp eq reg 1 0x01 ]",
            "[ tunnel load id => reg 1 ]",
            &format!("[ cmp eq reg 1 0x{} ]", 7u32.to_ne_bytes().map(|byte| format!("{byte:02x}")).concat()),
        ]
    );
}

pub(super) fn packets_in_tunnels_have_their_own_protocols() {
    let port = || Rule::new().when(udp::dport().eq(4789));
    let taken = |family, rule: RuleBuilder| assert_eq!(refusal(family, rule), None, "{family}");
    // IPv4 in IPv6, TCP in UDP, VLANs in what has none.
    taken(Family::IP6, port().when(vxlan::inner(ip::saddr()).eq(A)));
    taken(Family::INET, port().when(ip6::hoplimit().eq(1)).when(vxlan::inner(ip::saddr()).eq(A)));
    taken(Family::INET, port().when(vxlan::inner(tcp::dport()).eq(1)).when(udp::sport().eq(2)));
    taken(Family::IP, port().when(vxlan::inner(vlan::id()).eq(1)).when(ip::saddr().eq(A)));
    taken(Family::INET, port().set(meta::mark(), hash::jhash(vxlan::inner(ip::saddr()), 0..4)));
    taken(Family::INET, port().when(vxlan::inner(th::sport()).eq(1)).when(vxlan::inner(udp::dport()).eq(2)));

    let refused = |rule, says: &str| {
        assert_eq!(refusal(Family::INET, rule).as_deref(), Some(&*format!("operation 0 (add rule inet t c): {says}")));
    };
    let excluded = |field: &str, wants: &str, has: &str| {
        format!("{field} wants {wants}, which an earlier part of the rule excludes: it wants {has}")
    };
    let ip = || vxlan::inner(ip::saddr()).eq(A);
    refused(port().when(ip()).when(vxlan::inner(ip6::hoplimit()).eq(1)), &excluded("ip6 hoplimit", "ip6", "ip"));
    refused(Rule::new().when(tcp::dport().eq(1)).when(ip()), &excluded("ip saddr", "udp", "tcp"));
    refused(port().when(gre::inner(ip::saddr()).eq(A)), &excluded("ip saddr", "gre", "udp"));
    refused(Rule::new().when(ip()), "ip saddr needs a match on tcp or udp before it");
    let not_there = |field: &str, tunnel: &str| format!("{field} cannot be told of a packet in a {tunnel} tunnel");
    refused(port().when(vxlan::inner(ct::mark()).eq(1)), &not_there("ct mark", "vxlan"));
    refused(port().when(vxlan::inner(meta::mark()).one_of([1, 2])), &not_there("meta mark", "vxlan"));
    refused(port().when(vxlan::inner(geneve::vni()).eq(1)), &not_there("geneve vni", "vxlan"));
    refused(Rule::new().when(gre::inner(ether::saddr()).eq([2; 6])), &not_there("ether saddr", "gre"));
    let both = concat((ip::saddr(), meta::mark()));
    refused(port().when(geneve::inner(both).one_of([(A, 1)])), &not_there("meta mark", "geneve"));
}

fn refusal(family: Family, rule: RuleBuilder) -> Option<String> {
    let mut batch = Batch::new();
    batch.append(table(family).chain(CHAIN), rule);
    batch.mistake().map(ToString::to_string)
}

fn corpus_dir() -> Option<PathBuf> {
    env::var_os("NFTLINK_CORPUS").map(|dir| PathBuf::from(dir).join("rulesets"))
}

/// Whether there are rulesets of newer nft to compare with.
pub(super) fn corpus() -> Result<(), String> {
    corpus_dir().map(|_| ()).ok_or_else(|| "NFTLINK_CORPUS is not set".to_owned())
}

/// The match of a text behind the tunnel's name, if it is written here.
macro_rules! matching {
    ($tunnel:ident, $text:expr) => {{
        use $tunnel::inner;
        let address = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        let words: Vec<&str> = $text.split(' ').collect();
        match words[..] {
            ["vni", number] => $tunnel::vni().eq(number.parse::<u32>().unwrap()),
            ["ip", "saddr", prefix] if prefix.contains('/') => {
                let (net, len) = prefix.split_once('/').unwrap();
                inner(ip::saddr()).in_prefix(address(net), len.parse().unwrap())
            }
            ["ip", "saddr", one] => inner(ip::saddr()).eq(address(one)),
            ["ip", "protocol", number] => inner(ip::protocol()).eq(number.parse::<u8>().unwrap()),
            ["udp", "sport", port] => inner(udp::sport()).eq(port.parse::<u16>().unwrap()),
            ["icmp", "type", "echo-reply"] => inner(icmp::icmp_type()).eq(IcmpType::ECHO_REPLY),
            ["ether", "saddr", mac] => inner(ether::saddr()).eq(mac.parse::<nftlink::datum::EtherAddr>().unwrap()),
            ["vlan", "id", number] => inner(vlan::id()).eq(number.parse::<u16>().unwrap()),
            ["ip", "dscp", number] => {
                inner(ip::dscp()).eq(u8::from_str_radix(number.trim_start_matches("0x"), 16).unwrap())
            }
            ["ip", "saddr", ".", _, "ip", "daddr", "{", one, ".", other, "}"] => {
                inner(concat((ip::saddr(), ip::daddr()))).one_of([(address(one), address(other))])
            }
            _ => panic!("{}", $text),
        }
    }};
}

pub(super) fn bytecode_is_that_of_newer_nft() {
    let dir = corpus_dir().unwrap();
    for (name, rules) in [("vxlan", 55), ("geneve", 55)] {
        let read = |kind: &str| fs::read_to_string(dir.join(format!("py114-inet-{name}.{kind}"))).unwrap();
        let (texts, theirs) = (read("nft"), read("bytecode"));
        let mut theirs = theirs.lines().peekable();
        // Chain by chain, in the order of the chains: a line about the rule, and one for each expression.
        let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
        while let Some(head) = theirs.next() {
            let mut block = Vec::new();
            while let Some(line) = theirs.next_if(|line| line.starts_with("  [")) {
                block.push(without_name_of_set(line));
            }
            if !block.is_empty() {
                blocks.push((head.split(' ').take(3).collect::<Vec<_>>().join(" "), block));
            }
        }
        let mut compared = 0;
        for line in texts.lines().filter_map(|line| line.strip_prefix("add rule ")) {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let (chain, text) = (words[..3].join(" "), words[3]);
            let place = blocks.iter().position(|(of, _)| *of == chain).expect(line);
            let (_, block) = blocks.remove(place);
            let family = *FAMILIES.iter().find(|family| family.to_string() == words[0]).unwrap();
            let said = bytecode(family, &rule(name, text));
            assert_eq!(said.iter().map(|line| without_name_of_set(line)).collect::<Vec<_>>(), block, "{line}");
            compared += 1;
        }
        assert_eq!((compared, blocks.len()), (rules, 0));
    }
}

/// `udp dport 4789 vxlan vni 10` in Rust.
fn rule(tunnel: &str, text: &str) -> Rule {
    let words: Vec<&str> = text.splitn(5, ' ').collect();
    let port = udp::dport().eq(words[2].parse::<u16>().unwrap());
    when(port, if tunnel == "vxlan" { matching!(vxlan, words[4]) } else { matching!(geneve, words[4]) })
}

fn without_name_of_set(line: &str) -> String {
    line.split(" set ").next().unwrap_or_default().trim().to_owned()
}
