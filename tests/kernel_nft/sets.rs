//! Sets and maps of every form: what we write nft lists, and what nft writes we read.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::datum::{CtState, EtherAddr, IfName, L4Proto, Mark, Port, Uid};
use nftlink::expr::{Counter, Limit, Quota, Verdict};
use nftlink::field::{concat, ct, ip, ip6, meta, tcp};
use nftlink::{Batch, Element, Hook, Interval, Key, Map, Mapped, Priority, Rule, Set, SetPolicy, Table};

use super::written::assert_written;
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const NET: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 0);
const A6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);

fn fw() -> Table {
    Table::inet("fw")
}

pub(super) fn options_of_sets() {
    let fw = fw();
    let mut batch = Batch::new();
    batch.add(&fw);
    let merged = Set::<Interval<Ipv4Addr>>::new(&fw, "merged").auto_merge().comment("merged");
    batch
        .add(&merged)
        .add_elements(&merged, [A..=B, NET..=NET])
        .add_elements(&merged, [Interval::at_least(Ipv4Addr::new(224, 0, 0, 0))]);
    let both = Set::<Interval<Port>>::new(&fw, "both").auto_merge().timeout(Duration::from_secs(90)).size(64);
    batch.add(&both).add_elements(&both, [Element::new(1..=9).timeout(Duration::from_secs(60)).comment("low")]);
    let small =
        Set::<Ipv4Addr>::new(&fw, "small").policy(SetPolicy::MEMORY).gc_interval(Duration::from_secs(10)).timeouts();
    batch.add(&small);
    // nft counts the elements of a constant set, and does not list how many there are.
    let constant = Set::<Mark>::new(&fw, "fixed").constant().size(2);
    batch.add(&constant).add_elements(&constant, [1, 2]);
    let names = Set::<Interval<IfName>>::new(&fw, "names");
    batch.add(&names).add_elements(&names, [Interval::starting_with("eth"), Interval::value("lo")]);
    let all = Set::<Interval<Ipv4Addr>>::new(&fw, "everything");
    batch.add(&all).add_elements(&all, [Element::new(A), Element::catch_all().comment("rest")]);
    let macs = Set::<EtherAddr>::new(&fw, "macs");
    batch.add(&macs).add_elements(&macs, [[2, 0, 0, 0, 0, 1]]);
    let uids = Set::<Interval<Uid>>::new(&fw, "uids");
    batch.add(&uids).add_elements(&uids, [1000..=60000]);
    let states = Set::<CtState>::new(&fw, "states");
    batch.add(&states).add_elements(&states, [CtState::NEW]);
    assert_written(&batch, include_str!("sets_options.nft"));
}

pub(super) fn maps() {
    let fw = fw();
    let mut batch = Batch::new();
    let (web, other) = (fw.chain("web"), fw.chain("other"));
    batch.add(&fw);
    let verdicts = Map::<Port, Verdict>::new(&fw, "verdicts").comment("services");
    let ranges = Map::<Interval<Ipv4Addr>, Verdict>::new(&fw, "ranges").size(100);
    let addresses = Map::<Port, Ipv4Addr>::new(&fw, "addresses").timeouts();
    let marks = Map::<Interval<Ipv6Addr>, Mark>::new(&fw, "marks");
    let targets = Map::<Port, (Ipv4Addr, Port)>::new(&fw, "targets");
    let by_name = Map::<IfName, Mark>::new(&fw, "by_name");
    let by_mark = Map::<Mark, Port>::new(&fw, "by_mark");
    let pairs = Map::<(Ipv4Addr, Port), Verdict>::new(&fw, "pairs");
    let wide = Map::<(Interval<Ipv4Addr>, Interval<Port>), (Ipv4Addr, Port)>::new(&fw, "wide");
    batch.add(&verdicts).add(&ranges).add(&addresses).add(&marks).add(&targets).add(&by_name).add(&by_mark);
    batch.add(&pairs).add(&wide);
    batch.add(&web).add(&other);
    batch.add_elements(&verdicts, [(22, Verdict::ACCEPT)]);
    batch.add_elements(&verdicts, [Element::new(80).to(Verdict::jump(&web)).comment("the web")]);
    batch.add_elements(&verdicts, [Element::catch_all().to(Verdict::goto(&other))]);
    batch.add_elements(&ranges, [(A..=B, Verdict::DROP), (NET..=Ipv4Addr::BROADCAST, Verdict::RETURN)]);
    batch.add_elements(&addresses, [Element::new(80).to(A).timeout(Duration::from_secs(3600))]);
    batch.add_elements(&marks, [(Interval::prefix(A6, 64), 1), (Interval::value(Ipv6Addr::LOCALHOST), 0x100)]);
    batch.add_elements(&marks, [Element::catch_all().to(2)]);
    batch.add_elements(&targets, [(8080, (A, 80))]);
    batch.add_elements(&by_name, [("eth0", 7)]);
    batch.add_elements(&by_mark, [(7, 80)]);
    batch.add_elements(&pairs, [((A, 80), Verdict::ACCEPT)]);
    batch.add_elements(&wide, [((Interval::prefix(NET, 16), 80..=90), (B, 8080))]);
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    batch.add(&input);
    batch.append(&input, Rule::new().vmap(tcp::dport(), &verdicts));
    batch.append(&input, Rule::new().vmap(ip::saddr(), &ranges));
    batch.append(&input, Rule::new().vmap(concat((ip::saddr(), tcp::dport())), &pairs));
    batch.append(&input, Rule::new().set(meta::mark(), ip6::saddr().map(&marks)));
    batch.append(&input, Rule::new().set(ct::mark(), meta::iifname().map(&by_name)));
    assert_written(&batch, include_str!("sets_maps.nft"));
}

pub(super) fn concatenations() {
    let fw = fw();
    let mut batch = Batch::new();
    batch.add(&fw);
    let plain = Set::<(Ipv4Addr, Port)>::new(&fw, "plain").size(100).comment("plain");
    batch.add(&plain).add_elements(&plain, [(A, 80)]);
    let parts = Set::<(IfName, EtherAddr, L4Proto, Mark)>::new(&fw, "parts");
    batch.add(&parts).add_elements(&parts, [("eth0", [2, 0, 0, 0, 0, 1], 6, 0x100)]);
    let six = Set::<(Ipv6Addr, Port, L4Proto)>::new(&fw, "six").timeouts();
    batch.add(&six);
    batch.add_elements(&six, [Element::new((A6, 443, 6)).timeout(Duration::from_secs(60)).comment("six")]);
    let ranges = Set::<(Interval<Ipv4Addr>, Interval<Port>)>::new(&fw, "ranges").size(64);
    batch.add(&ranges).add_elements(&ranges, [(Interval::prefix(NET, 16), Interval::range(1..=1023))]);
    batch.add_elements(&ranges, [(Interval::value(A), Interval::value(80))]);
    batch.add_elements(&ranges, [(Interval::range(A..=Ipv4Addr::new(10, 0, 0, 9)), Interval::at_least(60000))]);
    let mixed = Set::<(Ipv4Addr, Interval<Port>, L4Proto)>::new(&fw, "mixed");
    batch.add(&mixed).add_elements(&mixed, [(A, 1..=9, 17)]);
    let marks = Set::<(Interval<Mark>, Interval<Ipv4Addr>)>::new(&fw, "marks");
    batch.add(&marks).add_elements(&marks, [(1..=0x100, Interval::prefix(NET, 24))]);
    let all = Set::<(Interval<Ipv6Addr>, Port)>::new(&fw, "everything");
    batch.add(&all).add_elements(&all, [Element::new((Interval::prefix(A6, 64), 80)), Element::catch_all()]);
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    batch.add(&input);
    batch.append(&input, Rule::new().when(concat((ip::saddr(), tcp::dport())).in_set(&plain)).accept());
    batch.append(&input, Rule::new().when(concat((ip::saddr(), tcp::dport())).in_set(&ranges)).accept());
    batch.append(&input, Rule::new().when(concat((meta::mark(), ip::saddr())).in_set(&marks)).accept());
    assert_written(&batch, include_str!("sets_concatenations.nft"));
}

pub(super) fn stateful_sets() {
    let fw = fw();
    let mut batch = Batch::new();
    batch.add(&fw);
    let counted = Set::<Ipv4Addr>::new(&fw, "counted").counters();
    batch.add(&counted).add_elements(&counted, [Element::new(A).stateful(Counter::new(3, 300))]);
    let nets = Set::<Interval<Ipv4Addr>>::new(&fw, "nets").counters();
    batch.add(&nets).add_elements(&nets, [Element::new(A..=B).stateful(Counter::new(1, 2)).comment("two")]);
    let pairs = Set::<(Interval<Ipv4Addr>, Port)>::new(&fw, "pairs").counters();
    batch.add(&pairs);
    let learnt = Set::<Ipv4Addr>::new(&fw, "learnt").dynamic().timeout(Duration::from_secs(60)).size(1000);
    batch.add(&learnt);
    let limited = Set::<Ipv4Addr>::new(&fw, "limited").dynamic().size(10).stateful(Limit::packets(5, Limit::SECOND));
    batch.add(&limited);
    let two = Set::<Ipv4Addr>::new(&fw, "two").size(10).counters().stateful(Quota::new(5000));
    // Elements with two expressions nft lists and does not read.
    batch.add(&two);
    let learns = Set::<Port>::new(&fw, "learns").dynamic().counters().stateful(Quota::new(5000));
    batch.add(&learns);
    let map = Map::<Ipv4Addr, Mark>::new(&fw, "marks").counters();
    batch.add(&map).add_elements(&map, [Element::new(A).to(1).stateful(Counter::new(1, 2))]);
    assert_written(&batch, include_str!("sets_stateful.nft"));
}

/// The elements of a set that nft wrote, by its type.
#[track_caller]
fn read<K: Key, V: Mapped>(conn: &mut Conn, name: &str) -> Vec<nftlink::ElementInfo<K, V>> {
    conn.elements(&Set::<K, V>::new(fw(), name)).unwrap()
}

pub(super) fn typed_reading_of_what_nft_wrote() {
    support::nft_load(include_str!("sets_maps.nft"));
    let mut conn = Conn::open().unwrap();
    let mut verdicts: Vec<_> = read::<Port, Verdict>(&mut conn, "verdicts")
        .iter()
        .map(|e| (e.key().map(|port| port.get()), e.value().clone(), e.comment().map(str::to_owned)))
        .collect();
    verdicts.sort_by_key(|(port, ..)| *port);
    assert_eq!(
        verdicts,
        [
            (None, Verdict::goto("other"), None),
            (Some(22), Verdict::ACCEPT, None),
            (Some(80), Verdict::jump("web"), Some("the web".to_owned())),
        ]
    );
    let ranges = read::<Interval<Ipv4Addr>, Verdict>(&mut conn, "ranges");
    let ranges: Vec<_> = ranges.iter().map(|e| (*e.key().unwrap(), e.value().clone())).collect();
    let rest = Interval::range(NET..=Ipv4Addr::BROADCAST);
    assert_eq!(ranges, [(Interval::range(A..=B), Verdict::DROP), (rest, Verdict::RETURN)]);
    assert_eq!(read::<Port, Ipv4Addr>(&mut conn, "addresses")[0].value(), &A);
    let marks = read::<Interval<Ipv6Addr>, Mark>(&mut conn, "marks");
    let marks: Vec<_> = marks.iter().map(|e| (e.key().copied(), e.value().get())).collect();
    let local = Interval::value(Ipv6Addr::LOCALHOST);
    assert_eq!(marks, [(Some(local), 0x100), (Some(Interval::prefix(A6, 64)), 1), (None, 2)]);
    assert_eq!(read::<Port, (Ipv4Addr, Port)>(&mut conn, "targets")[0].value(), &(A, Port::new(80)));
    assert_eq!(read::<IfName, Mark>(&mut conn, "by_name")[0].key(), Some(&IfName::from("eth0")));
    assert_eq!(read::<Mark, Port>(&mut conn, "by_mark")[0].key(), Some(&Mark::new(7)));
    assert_eq!(read::<(Ipv4Addr, Port), Verdict>(&mut conn, "pairs")[0].key(), Some(&(A, Port::new(80))));
    let wide = read::<(Interval<Ipv4Addr>, Interval<Port>), (Ipv4Addr, Port)>(&mut conn, "wide");
    assert_eq!(wide[0].key(), Some(&(Interval::prefix(NET, 16), Interval::range(80..=90))));
    assert_eq!(wide[0].value(), &(B, Port::new(8080)));

    support::nft_load(&format!("flush ruleset\n{}", include_str!("sets_concatenations.nft")));
    let parts = read::<(IfName, EtherAddr, L4Proto, Mark), ()>(&mut conn, "parts");
    let mac = EtherAddr::from([2, 0, 0, 0, 0, 1]);
    assert_eq!(parts[0].key(), Some(&(IfName::from("eth0"), mac, L4Proto::TCP, Mark::new(0x100))));
    let marks = read::<(Interval<Mark>, Interval<Ipv4Addr>), ()>(&mut conn, "marks");
    assert_eq!(marks[0].key(), Some(&(Interval::range(1..=0x100), Interval::prefix(NET, 24))));
    let mixed = read::<(Ipv4Addr, Interval<Port>, L4Proto), ()>(&mut conn, "mixed");
    assert_eq!(mixed[0].key(), Some(&(A, Interval::range(1..=9), L4Proto::UDP)));
    let all = read::<(Interval<Ipv6Addr>, Port), ()>(&mut conn, "everything");
    assert_eq!(all.iter().filter(|element| element.key().is_none()).count(), 1);

    support::nft_load(&format!("flush ruleset\n{}", include_str!("sets_stateful.nft")));
    assert_eq!(read::<Ipv4Addr, ()>(&mut conn, "counted")[0].counter(), Some(Counter::new(3, 300)));
    let nets = read::<Interval<Ipv4Addr>, ()>(&mut conn, "nets");
    assert_eq!((nets[0].counter(), nets[0].comment()), (Some(Counter::new(1, 2)), Some("two")));
    assert_eq!(read::<Ipv4Addr, Mark>(&mut conn, "marks")[0].counter(), Some(Counter::new(1, 2)));
}

pub(super) fn nft_merges_as_we_do() {
    let fw = fw();
    let set = Set::<Interval<Ipv4Addr>>::new(&fw, "nets").auto_merge();
    let steps = [
        "10.0.0.0/8",
        "10.0.0.5",
        "11.0.0.0/8",
        "192.0.2.1",
        "192.0.2.3",
        "192.0.2.2",
        "192.0.2.0/24",
        "9.0.0.0-10.0.0.1",
        "172.16.0.0/12",
        "172.31.255.255",
        "255.255.255.255",
        "255.255.255.254",
        "0.0.0.0",
    ];
    let mut conn = Conn::open().unwrap();
    let mut listings = Vec::new();
    for ours in [true, false] {
        let mut batch = Batch::new();
        conn.commit(batch.reset(&fw).add(&set)).unwrap();
        let mut listed = Vec::new();
        for step in steps {
            match ours {
                true => conn.add_merged(&set, [step.parse::<Interval<Ipv4Addr>>().unwrap()]).unwrap(),
                false => support::nft_load(&format!("add element inet fw nets {{ {step} }}")),
            }
            listed.push((step, support::nft_ruleset()));
        }
        listings.push(listed);
    }
    for (ours, theirs) in listings[0].iter().zip(&listings[1]) {
        assert_eq!(ours, theirs);
    }
}
