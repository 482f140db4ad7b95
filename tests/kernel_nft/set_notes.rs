//! What nft notes of sets for itself, and maps of objects: ours are what nft makes.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::{HostInteger32, Integer16, Mark, Port};
use nftlink::expr::Verdict;
use nftlink::field::{concat, ip, meta, tcp};
use nftlink::object::{self, Counter, ObjectOf};
use nftlink::{Batch, Element, Hook, Interval, Map, Priority, Rule, Set, Table, Typeof};

use super::written::assert_written;
use super::*;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const NET: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 0);

fn fw() -> Table {
    Table::inet("fw")
}

pub(super) fn sets_and_maps_of_fields() {
    let fw = fw();
    let mut batch = Batch::new();
    batch.add(&fw);
    let sources = Set::<Ipv4Addr>::new(&fw, "sources").typeof_key(&ip::saddr()).size(100).comment("sources");
    batch.add(&sources);
    let marks = Set::<Interval<Mark>>::new(&fw, "marks").typeof_key(&meta::mark());
    batch.add(&marks).add_elements(&marks, [1..=16]);
    let lengths = Set::<Integer16>::new(&fw, "lengths").typeof_key(&ip::length());
    batch.add(&lengths).add_elements(&lengths, [Integer16::new(1500)]);
    let long = Set::<Interval<Integer16>>::new(&fw, "long").typeof_key(&ip::length());
    batch.add(&long).add_elements(&long, [Interval::range(1..=1500)]);
    let sizes = Set::<Interval<HostInteger32>>::new(&fw, "sizes").typeof_key(&meta::length()).timeouts();
    batch.add(&sizes);
    batch.add_elements(&sizes, [Element::new(Interval::range(1..=1500)).timeout(Duration::from_secs(3600))]);
    let pairs = Set::<(Ipv4Addr, Port)>::new(&fw, "pairs").typeof_key(&concat((ip::saddr(), tcp::dport())));
    batch.add(&pairs).add_elements(&pairs, [(A, 80)]);
    let numbers = Set::<(Mark, Integer16)>::new(&fw, "numbers").typeof_key(&concat((meta::mark(), ip::length())));
    batch.add(&numbers).add_elements(&numbers, [(7, 1500)]);
    let merged = Set::<Interval<Ipv4Addr>>::new(&fw, "merged").typeof_key(&ip::daddr()).auto_merge();
    batch.add(&merged).add_elements(&merged, [A, B]);
    let wide = Set::<(Interval<Ipv4Addr>, Interval<Mark>)>::new(&fw, "wide");
    let wide = wide.typeof_key(&concat((ip::saddr(), meta::mark())));
    batch.add(&wide).add_elements(&wide, [(Interval::prefix(NET, 8), 1..=9)]);
    let verdicts = Map::<Port, Verdict>::new(&fw, "verdicts").typeof_key(&tcp::dport());
    batch.add(&verdicts).add_elements(&verdicts, [(80, Verdict::ACCEPT)]);
    let values = Map::<Ipv4Addr, Mark>::new(&fw, "values").typeof_key(&ip::saddr()).typeof_value(&meta::mark());
    batch.add(&values).add_elements(&values, [(A, 7)]);
    let targets = Map::<Port, (Ipv4Addr, Port)>::new(&fw, "targets");
    let targets = targets.typeof_key(&tcp::dport()).typeof_value(&concat((ip::daddr(), tcp::dport())));
    batch.add(&targets).add_elements(&targets, [(80, (A, 8080))]);
    assert_written(&batch, include_str!("sets_typeof.nft"));

    let mut conn = Conn::open().unwrap();
    let is_a_header_field = |of: Option<Typeof>| matches!(of, Some(Typeof::Payload { header: 12, field: 11, .. }));
    assert!(is_a_header_field(conn.set(&sources).unwrap().key_typeof()));
    assert!(conn.set(&wide).unwrap().key_typeof().is_some_and(|of| matches!(of, Typeof::Concat(of) if of.len() == 2)));
    assert!(matches!(conn.set(&values).unwrap().data_typeof(), Some(Typeof::Meta { .. })));
}

pub(super) fn maps_of_objects() {
    let fw = fw();
    let mut batch = Batch::new();
    let (web, other) = (Counter::named(&fw, "web"), Counter::named(&fw, "other"));
    batch.add(&fw).add(&web).add(&other);
    let by_port = Map::<Port, ObjectOf<Counter>>::new(&fw, "by_port").comment("by port");
    batch.add(&by_port).add_elements(&by_port, [(80, &web)]);
    batch.add_elements(&by_port, [Element::new(22).to(&other).comment("shell")]);
    let by_net = Map::<Interval<Ipv4Addr>, ObjectOf<Counter>>::new(&fw, "by_net");
    batch.add(&by_net).add_elements(&by_net, [Element::new(Interval::prefix(NET, 8)).to(&web)]);
    batch.add_elements(&by_net, [Element::new(Ipv4Addr::BROADCAST).to(&other), Element::catch_all().to(&other)]);
    let by_pair = Map::<(Interval<Ipv4Addr>, Port), ObjectOf<Counter>>::new(&fw, "by_pair");
    batch.add(&by_pair).add_elements(&by_pair, [((Interval::prefix(NET, 8), 80), &web)]);
    let by_source = Map::<Ipv4Addr, ObjectOf<Counter>>::new(&fw, "by_source");
    batch.add(&by_source).add_elements(&by_source, [(A, &web)]);
    let timed = Map::<Ipv4Addr, ObjectOf<Counter>>::new(&fw, "timed").timeouts();
    batch.add(&timed);
    batch.add_elements(&timed, [Element::new(A).to(&web).timeout(Duration::from_secs(3600))]);
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    batch.add(&input);
    batch.append(&input, Rule::new().object_map(tcp::dport(), &by_port));
    batch.append(&input, Rule::new().object_map(ip::saddr(), &by_net));
    batch.append(&input, Rule::new().object_map(concat((ip::saddr(), tcp::dport())), &by_pair));
    batch.append(&input, Rule::new().object_map(tcp::dport(), [(22, &other), (80, &web)]));
    batch.append(
        &input,
        Rule::new().object_map(ip::saddr(), [(Interval::prefix(Ipv4Addr::UNSPECIFIED, 8), &web)]).accept(),
    );
    assert_written(&batch, include_str!("sets_objects.nft"));

    // What nft wrote is read with its types.
    let mut conn = Conn::open().unwrap();
    let mut read: Vec<(u16, String)> = (conn.elements(&by_port).unwrap().into_iter())
        .map(|element| (element.key().unwrap().get(), element.value().name().to_string()))
        .collect();
    read.sort();
    assert_eq!(read, [(22, "other".to_owned()), (80, "web".to_owned())]);
    let info = conn.set(&by_net).unwrap();
    assert_eq!(info.object_kind(), Some(object::ObjectKind::COUNTER));
    assert!(info.typed_map::<Interval<Ipv4Addr>, ObjectOf<Counter>>().is_some());
    assert!(info.typed_map::<Interval<Ipv4Addr>, Verdict>().is_none());
    let element = conn.element(&by_net, B).unwrap();
    assert_eq!((element.key(), element.value().name()), (Some(&Interval::prefix(NET, 8)), &"web".into()));
    // Rules with maps are found, those with maps of their own by what is in these.
    let own = |other: &object::Named<Counter>| Rule::new().object_map(tcp::dport(), [(22, other), (80, &web)]);
    assert_eq!(conn.find_rules(&input, &own(&other)).unwrap().len(), 1);
    assert_eq!(conn.find_rules(&input, &own(&web)).unwrap().len(), 0);
    assert_eq!(conn.find_rules(&input, &Rule::new().object_map(ip::saddr(), &by_net)).unwrap().len(), 1);
    // And elements are taken out and put back by every verb.
    let mut batch = Batch::new();
    batch.delete_elements(&by_port, [(80, &web)]).delete_keys(&by_net, [Interval::prefix(NET, 8)]);
    batch.refresh_elements(&timed, [Element::new(A).to(&web)]);
    conn.commit(&batch).unwrap();
    assert_eq!(conn.elements(&by_port).unwrap().len(), 1);
    assert_eq!(conn.elements(&by_net).unwrap().len(), 2);
}
