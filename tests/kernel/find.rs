//! Rules are found by what they do.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::{CtState, Port};
use nftlink::expr::{Limit, Log, Quota, Verdict};
use nftlink::field::{concat, ct, ip, meta, tcp};
use nftlink::{Conn, Interval, Map, NatTarget, PortTarget, Rule, RuleBuilder, Set};

use crate::{commit, conn, fw, input, support};

/// Rules that are all different.
fn rules() -> Vec<RuleBuilder> {
    let address = Ipv4Addr::new(10, 0, 0, 1);
    let seen = Set::<Ipv4Addr>::new(fw(), "seen").dynamic().timeouts();
    let ports = Map::<Port, Verdict>::new(fw(), "ports");
    vec![
        Rule::new(),
        Rule::new().counter(),
        Rule::new().when(tcp::dport().eq(22)),
        Rule::new().when(tcp::dport().eq(23)),
        Rule::new().when(tcp::dport().ne(22)),
        Rule::new().when(tcp::sport().eq(22)),
        Rule::new().when(tcp::dport().eq(22)).counter(),
        Rule::new().when(tcp::dport().one_of([22, 80])),
        Rule::new().when(tcp::dport().one_of([22, 81])),
        Rule::new().when(tcp::dport().none_of([22, 80])),
        Rule::new().when(tcp::dport().one_of([Interval::value(22), Interval::range(80..=90)])),
        Rule::new().when(tcp::dport().one_of([Interval::value(22), Interval::range(80..=91)])),
        Rule::new().when(concat((ip::saddr(), tcp::dport())).one_of([(address, 22), (address, 23)])),
        Rule::new().when(concat((ip::saddr(), tcp::dport())).one_of([(address, 22), (address, 24)])),
        Rule::new().when(concat((ip::saddr(), tcp::dport())).one_of([(address, 22..=23)])),
        Rule::new().vmap(tcp::dport(), [(22, Verdict::ACCEPT), (23, Verdict::DROP)]),
        Rule::new().vmap(tcp::dport(), [(22, Verdict::DROP), (23, Verdict::DROP)]),
        Rule::new().vmap(tcp::dport(), &ports),
        Rule::new().set(meta::mark(), tcp::dport().map([(22, 1), (23, 2)])),
        Rule::new().set(meta::mark(), tcp::dport().map([(22, 1), (23, 3)])),
        Rule::new().set(meta::mark(), ct::mark()),
        Rule::new().when(ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)),
        Rule::new().when(ct::state().has(CtState::ESTABLISHED)),
        Rule::new().limit(Limit::packets(10, Limit::SECOND)),
        Rule::new().limit(Limit::packets(10, Limit::SECOND).over()),
        Rule::new().quota(Quota::new(1000)),
        Rule::new().log(Log::new()),
        Rule::new().log("x"),
        Rule::new().log(Log::group(3)),
        Rule::new().add_to(&seen, ip::saddr().timeout(Duration::from_secs(5))),
        Rule::new().add_to(&seen, ip::saddr()),
        Rule::new().update_in(&seen, ip::saddr()),
    ]
}

fn nat_rules() -> Vec<Rule> {
    let to = Ipv4Addr::new(10, 0, 0, 1);
    let tcp = || Rule::new().when(tcp::dport().eq(80));
    vec![
        tcp().dnat(to),
        tcp().dnat(NatTarget::from(to).ports(80..=80)),
        tcp().dnat(NatTarget::from(to).ports(80..=81)),
        tcp().dnat(NatTarget::port(80)),
        tcp().dnat(NatTarget::from(to).persistent()),
        tcp().dnat(to..=Ipv4Addr::new(10, 0, 0, 9)),
        tcp().dnat(tcp::dport().map::<(Ipv4Addr, Port)>([(80, (to, 8080))])),
        tcp().dnat(tcp::dport().map::<(Ipv4Addr, Port)>([(80, (to, 8081))])),
        tcp().redirect(),
        tcp().redirect_to(3128),
        tcp().redirect_to(PortTarget::from(3128..=3130)),
    ]
}

pub(crate) fn each_rule_finds_itself_and_no_other() {
    let mut conn = conn();
    let nat = fw().chain("nat").nat(nftlink::Hook::PREROUTING, -100);
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).add(&nat);
        batch.add(&Set::<Ipv4Addr>::new(fw(), "seen").dynamic().timeouts());
        batch.add(&Map::<Port, Verdict>::new(fw(), "ports"));
        for (n, rule) in rules().into_iter().enumerate() {
            batch.append(input(), rule.comment(n.to_string()));
        }
        for (n, rule) in nat_rules().into_iter().enumerate() {
            batch.append(&nat, rule.comment(n.to_string()));
        }
        batch
    });
    for (n, rule) in rules().into_iter().enumerate() {
        let found = conn.find_rules(input(), &rule).unwrap();
        let comments: Vec<_> = found.iter().map(|rule| rule.comment().unwrap()).collect();
        assert_eq!(comments, [n.to_string()], "{}", rule.bytecode(input()).unwrap());
        assert_eq!(conn.normalized(&found[0]).unwrap(), rule.normalized(input()).unwrap());
    }
    for (n, rule) in nat_rules().into_iter().enumerate() {
        let found = conn.find_rules(&nat, &rule).unwrap();
        let comments: Vec<_> = found.iter().map(|rule| rule.comment().unwrap()).collect();
        assert_eq!(comments, [n.to_string()], "{}", rule.bytecode(&nat).unwrap());
    }
}

pub(crate) fn all_rules_that_do_the_same_are_found_in_their_order() {
    let mut conn = conn();
    let rule = || Rule::new().when(tcp::dport().one_of([22, 80])).counter().accept();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input());
        batch.append(input(), rule().comment("first")).append(input(), Rule::new().drop());
        batch.append(input(), rule().comment("second").owner("me"))
    });
    let found = conn.find_rules(input(), &rule()).unwrap();
    let said: Vec<_> = found.iter().map(|rule| (rule.comment().unwrap(), rule.owner())).collect();
    assert_eq!(said, [("first", None), ("second", Some("me"))]);
    assert!(conn.find_rules(input(), &Rule::new().accept()).unwrap().is_empty());
}

pub(crate) fn looking_in_an_absent_chain_is_an_error() {
    let mut conn: Conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()));
    assert!(conn.find_rules(input(), &Rule::new().accept()).unwrap_err().is_not_found());
    let long = Rule::new().when(ip::saddr().in_prefix(Ipv4Addr::LOCALHOST, 33));
    let error = conn.find_rules(input(), &long).unwrap_err();
    assert!(error.to_string().contains("prefix"), "{error}");
}

pub(crate) fn elements_that_do_more_make_another_rule() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    support::nft_load(
        "add rule inet fw input tcp dport { 22 limit rate 1/second, 80 } accept comment \"limited\"
         add rule inet fw input tcp dport { 22 counter, 80 } accept comment \"counted\"
         add rule inet fw input tcp dport { 22, 80 } accept comment \"plain\"",
    );
    let rule = Rule::new().when(tcp::dport().one_of([80, 22, 80])).accept();
    let found = conn.find_rules(input(), &rule).unwrap();
    assert_eq!(found.iter().map(|rule| rule.comment().unwrap()).collect::<Vec<_>>(), ["plain"]);
    let limited = conn.rules(input().at()).unwrap().remove(0);
    assert_eq!(conn.normalized(&limited).unwrap(), conn.normalized(&limited).unwrap());
}
