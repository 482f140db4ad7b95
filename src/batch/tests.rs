use std::net::Ipv4Addr;
use std::time::Duration;

use super::probe::Probe;
use super::show::Part;
use super::*;
use crate::chain::{ChainHandle, Device, Hook, Policy, Priority};
use crate::datum::{Interval, Mark};
use crate::error::{Errno, Error, Feature, Features, Rejections};
use crate::expr::{Base, Last, Payload, Queue, Reg};
use crate::field::ip;
use crate::object::Counter;
use crate::rule::{NFTA_RULE_EXPRESSIONS, Rule};
use crate::table::{Table, TableFlags};
use crate::wire::message::{ExtAck, Messages};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, Name};

fn fw() -> Table {
    Table::inet("fw")
}

fn sequences(batch: &Batch) -> Vec<u32> {
    Messages::new(batch.as_bytes()).map(|message| message.unwrap().sequence).collect()
}

#[test]
fn operations_read_like_nfts_commands() {
    let (fw, blocked) = (fw(), Set::<Interval<Ipv4Addr>>::new(fw(), "blocked").timeouts());
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
    let web = Counter::named(&fw, "web");
    let mut batch = Batch::new();
    batch.reset(&fw).add(&input).create(&fw.chain("other")).add(&blocked).add(&web);
    batch.append(&input, Rule::new().when(ip::saddr().in_set(&blocked)).drop());
    batch.insert(&input, Rule::new().object(&web));
    batch.replace(&input, RuleHandle::from_raw(7), Rule::new().accept());
    batch.delete_rule(&input, RuleHandle::from_raw(9)).flush(&input).flush(&fw).flush(&blocked);
    batch.add_elements(&blocked, [Ipv4Addr::new(1, 2, 3, 4)..=Ipv4Addr::new(1, 2, 3, 5)]);
    batch.create_elements(&blocked, [Ipv4Addr::BROADCAST]);
    batch.delete_elements(&blocked, [Ipv4Addr::BROADCAST]).destroy_elements(&blocked, [Ipv4Addr::BROADCAST]);
    batch.delete(&blocked).destroy(&web).delete(&input).destroy(&fw).flush_ruleset();
    assert_eq!(
        batch.to_string(),
        "add table inet fw\ndelete table inet fw\nadd table inet fw\nadd chain inet fw input\n\
         create chain inet fw other\nadd set inet fw blocked\nadd counter inet fw web\n\
         add rule inet fw input [ meta load nfproto => reg 1 ] [ cmp eq reg 1 0x00000002 ] \
         [ payload load 4b @ network header + 12 => reg 1 ] [ lookup reg 1 set blocked 0x0 ] \
         [ immediate reg 0 drop ]\n\
         insert rule inet fw input [ objref type 1 name web ]\n\
         replace rule inet fw input handle 7 [ immediate reg 0 accept ]\n\
         delete rule inet fw input handle 9\nflush chain inet fw input\nflush table inet fw\n\
         flush set inet fw blocked\nadd element inet fw blocked { 1.2.3.4/31 }\n\
         create element inet fw blocked { 255.255.255.255 }\n\
         delete element inet fw blocked { 255.255.255.255 }\n\
         destroy element inet fw blocked { 255.255.255.255 }\n\
         delete set inet fw blocked\ndestroy counter inet fw web\ndelete chain inet fw input\n\
         destroy table inet fw\nflush ruleset\n"
    );
    assert_eq!(sequences(&batch), (1..=23).collect::<Vec<_>>());
    assert!(batch.mistake().is_none());
}

#[test]
fn a_batch_is_a_value() {
    let build = |batch: &mut Batch| {
        batch.add(&fw());
    };
    let (mut one, mut two) = (Batch::new(), Batch::new());
    build(&mut one);
    assert_ne!(one, two);
    build(&mut two);
    assert_eq!(one, two);
    let bytes = one.as_bytes().to_vec();
    one.clear();
    assert!(one.is_empty() && one.as_bytes().is_empty());
    build(&mut one);
    assert_eq!(one.as_bytes(), bytes);
}

#[test]
fn a_message_leads_to_its_operation() {
    let marks = Set::<Mark>::new(fw(), "marks");
    let mut batch = Batch::new();
    batch.reset(&fw()).add(&marks).add_elements(&marks, 0..10_000u32).add_elements(&marks, [0u32; 0]).add(&fw());
    let ops: Vec<_> = sequences(&batch).into_iter().map(|n| batch.op_of(n).unwrap().index()).collect();
    assert_eq!(ops, [0, 0, 0, 1, 2, 2, 2, 4]);
    assert_eq!((batch.op_of(0), batch.op_of(9)), (None, None));
    assert_eq!(batch.last().index(), 4);
}

#[test]
fn seventy_thousand_elements_fit_one_call() {
    let marks = Set::<Mark>::new(fw(), "marks");
    let mut batch = Batch::new();
    batch.add_elements(&marks, 0..70_000u32);
    assert!(batch.mistake().is_none());
    assert_eq!(batch.last_sequence(), 70_000u32.div_ceil(4095));
    assert_eq!(batch.len(), 1);
}

#[test]
fn no_elements_to_delete_are_not_all_elements() {
    let marks = Set::<Mark>::new(fw(), "marks");
    let mut batch = Batch::new();
    batch.delete_elements(&marks, [0u32; 0]);
    assert!(batch.as_bytes().is_empty());
    assert_eq!(batch.len(), 1);
}

#[test]
fn refreshed_elements_are_added_deleted_and_added() {
    let set = Set::<Mark>::new(fw(), "marks").timeouts();
    let mut batch = Batch::new();
    batch.refresh_elements(&set, [Element::new(1).timeout(Duration::from_secs(5))]);
    assert_eq!(batch.len(), 1);
    assert_eq!(
        batch.to_string(),
        "add element inet fw marks { 0x00000001 }\ndelete element inet fw marks { 0x00000001 }\n\
         add element inet fw marks { 0x00000001 }\n"
    );
}

#[test]
fn of_elements_refreshed_twice_the_last_counts() {
    let set = Set::<Mark>::new(fw(), "marks").timeouts();
    let element = |mark, seconds| Element::<Mark>::new(mark).timeout(Duration::from_secs(seconds));
    let (mut twice, mut once) = (Batch::new(), Batch::new());
    twice.refresh_elements(&set, [element(1u32, 5), element(2, 5), element(1, 9)]);
    once.refresh_elements(&set, [element(2, 5), element(1, 9)]);
    assert_eq!(twice, once);
}

#[test]
fn rules_of_the_batch_are_referred_to_by_ids_given_late() {
    let c = fw().chain("c");
    let mut batch = Batch::new();
    batch.append(&c, Rule::new().counter());
    let first = batch.last();
    batch.append(&c, Rule::new().accept());
    let before = batch.as_bytes().len();
    batch.insert_after(&c, first, Rule::new().drop());
    batch.insert_before(&c, first, Rule::new().drop()).delete_rule(&c, first);
    assert!(batch.mistake().is_none());
    let lens: Vec<_> = Messages::new(batch.as_bytes()).map(Result::unwrap).collect();
    assert_eq!(lens.len(), 5);
    assert_eq!(sequences(&batch), [1, 2, 3, 4, 5]);
    // One id of eight bytes, for the three that refer to it.
    let mut alone = Batch::new();
    alone.append(&c, Rule::new().counter()).append(&c, Rule::new().accept());
    assert_eq!(alone.as_bytes().len(), before);
    let (id, rest) = batch.as_bytes().split_at(batch.ops[1].offset);
    assert_eq!(id.len(), alone.ops[1].offset + 8);
    assert_eq!(rest[..before - alone.ops[1].offset], alone.as_bytes()[alone.ops[1].offset..]);
}

#[test]
fn a_place_that_is_no_rule_is_refused() {
    let c = fw().chain("c");
    let mut batch = Batch::new();
    batch.add(&fw());
    let table = batch.last();
    batch.insert_after(&c, table, Rule::new().drop());
    assert_eq!(batch.mistake().unwrap().kind(), &BuildErrorKind::NotARule(table));
    batch.clear();
    let nothing = batch.last();
    batch.delete_rule(&c, nothing);
    assert_eq!(batch.mistake().unwrap().kind(), &BuildErrorKind::NotARule(nothing));
}

#[test]
fn the_first_mistake_is_kept_with_its_operation() {
    let mut batch = Batch::new();
    batch.add(&fw()).add(&fw().chain("")).add(&Table::inet("a\0b"));
    let mistake = batch.mistake().unwrap();
    assert_eq!(mistake.op().index(), 1);
    assert_eq!(mistake.to_string(), "operation 1 (add chain inet fw ): the chain name must not be empty");
    batch.clear();
    assert!(batch.mistake().is_none());
}

#[test]
fn refusals_name_attribute_expression_step_and_element() {
    let (c, absent) = (fw().chain("c"), Set::<Ipv4Addr>::new(fw(), "absent"));
    let mut batch = Batch::new();
    batch.append(&c, Rule::new().counter().when(ip::saddr().in_set(&absent)).drop());
    let op = batch.last();
    let lookup = {
        let bytes = batch.as_bytes();
        bytes.windows(8).position(|w| w[2..] == *b"\x01\0abse").unwrap()
    };
    let ack = ExtAck { offset: Some(lookup as u32), ..ExtAck::default() };
    let rejection = batch.explain(1, Errno::ENOENT, &ack).unwrap();
    assert_eq!(rejection.op(), op);
    assert_eq!(
        rejection.to_string(),
        "operation 0 (add rule inet fw c): no such file or directory at expressions[4].lookup.set: \
         [ lookup reg 1 set absent 0x0 ] in step 1 of the rule"
    );
    batch.clear();
    batch.add(&fw()).add_elements(&absent, [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)]);
    let second = Messages::new(batch.as_bytes()).nth(1).unwrap().unwrap();
    assert_eq!(second.sequence, 2);
    // The second entry of the list: names, the list's header, and the first entry come before it.
    let ack = ExtAck { offset: Some(20 + 8 + 12 + 4 + 16), text: Some("why".into()), ..ExtAck::default() };
    let rejection = batch.explain(2, Errno::EEXIST, &ack).unwrap();
    assert_eq!(
        rejection.to_string(),
        "operation 1 (add element inet fw absent): file exists at elements[1]: 10.0.0.2 (why)"
    );
    assert!(batch.explain(3, Errno::EEXIST, &ack).is_none());
}

#[test]
fn a_rule_without_steps_is_not_told_those_of_the_next() {
    let c = fw().chain("c");
    let mut batch = Batch::new();
    batch.append(&c, (crate::expr::Counter::default(), crate::expr::Verdict::DROP));
    batch.append(&c, Rule::new().counter().drop());
    // The first expression comes behind the names and the list's header.
    let ack = ExtAck { offset: Some(20 + 8 + 8 + 4), ..ExtAck::default() };
    assert_eq!(batch.explain(1, Errno::ENOENT, &ack).unwrap().step(), None);
    assert_eq!(batch.explain(2, Errno::ENOENT, &ack).unwrap().step(), Some(0));
}

#[test]
fn a_chain_that_is_there_with_other_devices_says_which_kernels_change_them() {
    let mut batch = Batch::new();
    let chain = Table::netdev("fw").chain("c").filter(Hook::INGRESS, Priority::FILTER);
    batch.add(&chain.clone().devices(["eth0", "eth1"])).add(&fw().chain("d"));
    let told = |op| batch.explain(op, Errno::EEXIST, &ExtAck::default()).unwrap();
    assert!(told(1).hint().unwrap().contains("Linux before 6.4"));
    assert_eq!(told(2).hint(), None);
}

#[test]
fn a_refusal_to_write_to_packets_is_no_matter_of_owners() {
    let mut batch = Batch::new();
    batch.append(fw().chain("c"), (Payload::write(Base::NETWORK, 8, 1, Reg::R1),));
    let ack = ExtAck { offset: Some(20 + 8 + 8 + 4), ..ExtAck::default() };
    let rejected = |ack: &ExtAck| {
        let list = vec![batch.explain(1, Errno::EPERM, ack).unwrap()];
        Error::Rejected(Box::new(Rejections { list, truncated: false }))
    };
    let error = rejected(&ack);
    assert!(error.to_string().contains("the first user namespace"), "{error}");
    assert!(error.is_permission_denied() && !error.is_not_owner());
    // Where it is the table that is refused.
    let error = rejected(&ExtAck { offset: Some(20), ..ExtAck::default() });
    assert!(error.to_string().contains("another connection"), "{error}");
    assert!(error.is_permission_denied() && error.is_not_owner());
}

#[test]
fn refused_intervals_are_shown_whole() {
    let marks = Set::<Interval<Mark>>::new(fw(), "marks");
    let mut batch = Batch::new();
    batch.add_elements(&marks, [1..=5u32, 7..=9]);
    let part = |entry: u32| {
        // Names, the list's header, and the entries before: a start has 16 bytes, an end 24.
        let offset = 20 + 8 + 12 + 4 + (entry / 2) * 40 + (entry % 2) * 16;
        let ack = ExtAck { offset: Some(offset), ..ExtAck::default() };
        batch.explain(1, Errno::EEXIST, &ack).unwrap().part().unwrap().to_owned()
    };
    assert_eq!(part(0), "0x00000001-0x00000005");
    assert_eq!(part(1), "0x00000001-0x00000005");
    assert_eq!(part(2), "0x00000007-0x00000009");
    assert_eq!(part(3), "0x00000007-0x00000009");
}

#[test]
fn names_that_are_not_text_are_shown_escaped() {
    let mut batch = Batch::new();
    batch.add(&Table::inet(Name::from(&b"\xff"[..])));
    assert_eq!(batch.to_string(), "add table inet \\xff\n");
}

#[test]
fn changes_of_chains_read_like_nfts_commands() {
    let ingress = Table::netdev("fw").chain("ingress");
    let mut batch = Batch::new();
    batch.rename((&ingress, ChainHandle::from_raw(7)), "front door");
    batch.add_devices(&ingress, ["eth0"]).add_devices(&ingress, ["eth1".to_owned(), "eth2".to_owned()]);
    batch.delete_devices(&ingress, [Device::prefix("wlan"), Device::from("lo")]);
    batch.add_devices(&ingress, [""; 0]).delete_devices(&ingress, [""; 0]);
    batch.add(&ingress.clone().filter(Hook::INGRESS, 0).device("eth0"));
    batch.add_devices(fw().chain("c"), ["lo"]);
    assert_eq!(
        batch.to_string(),
        "rename chain netdev fw handle 7 front door\n\
         add chain netdev fw ingress { devices = { eth0 }; }\n\
         add chain netdev fw ingress { devices = { eth1, eth2 }; }\n\
         delete chain netdev fw ingress { devices = { wlan*, lo }; }\n\
         add chain netdev fw ingress\n\
         add chain inet fw c { devices = { lo }; }\n"
    );
    assert_eq!(batch.len(), 8, "without devices there is nothing to do");
    assert_eq!(sequences(&batch), [1, 2, 3, 4, 5, 6, 7]);
    assert!(batch.mistake().is_none());
}

/// What nft 1.0.6 sends for `rename chain inet i reg other`.
#[cfg(target_endian = "little")]
#[test]
fn a_chain_is_renamed_as_nft_does() {
    let mut batch = Batch::new();
    batch.rename((Table::inet("i").chain("reg"), ChainHandle::from_raw(3)), "other");
    let bytes = batch.as_bytes();
    assert_eq!(bytes[4..8], [3, 10, 1, 0], "NEWCHAIN, to request, not to create");
    assert_eq!(bytes[16..], *b"\x01\0\0\0\x06\0\x01\0i\0\0\0\x0a\0\x03\0other\0\0\0\x0c\0\x02\0\0\0\0\0\0\0\0\x03");
}

#[test]
fn mistakes_in_changes_of_chains_name_the_change() {
    let ingress = Table::netdev("fw").chain("ingress");
    let mut batch = Batch::new();
    batch.delete_devices(&ingress, ["eth0", "a-name-of-16-byt"]);
    assert_eq!(
        batch.mistake().unwrap().to_string(),
        "operation 0 (delete chain netdev fw ingress { devices = { eth0, a-name-of-16-byt }; }): \
         \"a-name-of-16-byt\" is no interface name: it may have 15 bytes"
    );
    batch.clear();
    batch.rename((&ingress, ChainHandle::from_raw(7)), "");
    assert_eq!(
        batch.mistake().unwrap().to_string(),
        "operation 0 (rename chain netdev fw handle 7 ): the chain name must not be empty"
    );
}

#[test]
fn a_chain_is_deleted_for_the_sake_of_its_devices_by_no_kernel() {
    let ingress = Table::netdev("fw").chain("ingress");
    let mut batch = Batch::new();
    batch.delete_devices(&ingress, ["eth0"]);
    // A kernel that overlooks the list in the second message refuses the first.
    let rejection = batch.explain(1, Errno::EINVAL, &ExtAck::default()).unwrap();
    assert_eq!(rejection.operation(), "delete chain netdev fw ingress { devices = { eth0 }; }");
    assert_eq!(rejection.suspects, Feature::ChainDevices.into());
    let absent = batch.explain(2, Errno::ENOENT, &ExtAck::default()).unwrap();
    assert_eq!(absent.operation(), rejection.operation());
    batch.clear();
    batch.add(&ingress.filter(Hook::INGRESS, 0).device(Device::prefix("eth")));
    let rejection = batch.explain(1, Errno::EINVAL, &ExtAck::default()).unwrap();
    assert_eq!(rejection.suspects, Feature::DevicePrefix.into());
}

#[test]
fn a_refusal_is_suspected_to_be_for_features_that_were_used_where_it_was() {
    let owned = Table::inet("fw").owned();
    let chain = Table::inet("fw").chain("input");
    let both = Rule::new().expr(Last::new()).expr(crate::expr::Counter::default()).expr(Queue::new(1));
    let mut batch = Batch::new();
    batch.add(&Table::inet("fw").flags(TableFlags::DORMANT)).add(&owned).add(&owned.persistent()).append(&chain, both);
    let set = |features: &[Feature]| features.iter().copied().collect::<Features>();
    let of = |sequence, errno, offset| {
        let extended = ExtAck { offset, ..ExtAck::default() };
        batch.explain(sequence, errno, &extended).expect("an operation").suspects
    };
    let persists = set(&[Feature::OwnedTable, Feature::PersistentTable]);
    let expected = [set(&[]), Feature::OwnedTable.into(), persists, set(&[])];
    assert_eq!([1, 2, 3, 4].map(|sequence| of(sequence, Errno::EOPNOTSUPP, None)), expected);
    // An expression that the kernel has not is not found.
    assert_eq!(of(4, Errno::ENOENT, None), set(&[Feature::Last, Feature::Queue]));
    // Kernels do not say so of what they do not know.
    assert_eq!([1, 2, 3, 4].map(|sequence| of(sequence, Errno::EPERM, None)), [Features::new(); 4]);
    // The table, and the three expressions.
    let part = Part::all(batch.bytes_of(Op(3))).next().unwrap().1;
    let list = part.attrs.len() - part.attr(NFTA_RULE_EXPRESSIONS, |list| list.bytes().len()).unwrap();
    let lens = part.attr(NFTA_RULE_EXPRESSIONS, |list| {
        AttrReader::new(list.bytes(), &Notes::default()).map(|it| it.unwrap().1.bytes().len() + 4).collect::<Vec<_>>()
    });
    let first = HEADER_LEN + list;
    let second = first + lens.unwrap()[0].next_multiple_of(4);
    let at = |offset: usize| of(4, Errno::ENOENT, Some(offset as u32));
    assert_eq!([HEADER_LEN, first, second].map(at), [set(&[]), Feature::Last.into(), set(&[])]);
}

#[test]
fn a_probe_needs_what_it_asks_for() {
    // Expressions that lack what they need are known by their names alone.
    let whole = |feature| Probe::new(Features::from(feature)).batch.features();
    let found: Features = Feature::ALL.iter().copied().filter(|&feature| whole(feature).has(feature)).collect();
    let expected = [
        Feature::BridgeMeta,
        Feature::Flowtables,
        Feature::CtTimeout,
        Feature::ElementExprs,
        Feature::OwnedTable,
        Feature::CatchAll,
        Feature::SocketCgroup,
        Feature::Last,
        Feature::SctpChunk,
        Feature::Egress,
        Feature::InnerHeader,
        Feature::TcpOptionReset,
        Feature::Inner,
        Feature::Destroy,
        Feature::Broute,
        Feature::ChainDevices,
        Feature::DccpOption,
        Feature::PersistentTable,
        Feature::CombinedRegisters,
        Feature::DevicePrefix,
        Feature::FarPayload,
    ];
    assert!(expected.iter().all(|&feature| found.has(feature)), "{found}");
    assert_eq!(Probe::new(Features::all()).batch.mistake(), None);
    let queries = [Feature::HookList, Feature::RuleReset, Feature::ElementReset];
    assert!(Probe::new(queries.into_iter().collect()).batch.is_empty(), "there is nothing to send");
}

#[test]
fn a_refused_device_is_named_by_its_place() {
    let mut batch = Batch::new();
    batch.add(&Table::netdev("t").chain("c").filter(Hook::INGRESS, 0).devices(["v0", "v0"]));
    let bytes = batch.as_bytes();
    let second = bytes.windows(7).rposition(|w| w[2..] == *b"\x01\0v0\0").unwrap();
    let ack = ExtAck { offset: Some(second as u32), ..ExtAck::default() };
    let rejection = batch.explain(1, Errno::EEXIST, &ack).unwrap();
    assert_eq!(rejection.to_string(), "operation 0 (add chain netdev t c): file exists at hook.devs[1]");
}

#[test]
fn flowtables_and_chains_of_rules_own_are_shown_as_commands() {
    let fw = Table::inet("fw");
    let fast = fw.flowtable("fast", -5).device("lo");
    let (chain, own) = (fw.chain("c"), [Rule::new().counter().drop(), Rule::new().accept()]);
    let mut batch = Batch::new();
    batch.add(&fast).create(&fast).add_devices(&fast, ["v0", "v1"]).delete_devices(&fast, ["lo"]).destroy(&fast);
    batch.append(&chain, Rule::new().flow_offload(&fast)).append(&chain, Rule::new().counter().jump_rules(own));
    assert_eq!(batch.mistake(), None);
    assert_eq!(
        batch.to_string(),
        "add flowtable inet fw fast\n\
         create flowtable inet fw fast\n\
         add flowtable inet fw fast { devices = { v0, v1 }; }\n\
         delete flowtable inet fw fast { devices = { lo }; }\n\
         destroy flowtable inet fw fast\n\
         add rule inet fw c [ flow_offload flowtable fast ]\n\
         add chain inet fw id 7\n\
         add rule inet fw id 7 [ counter pkts 0 bytes 0 ] [ immediate reg 0 drop ]\n\
         add rule inet fw id 7 [ immediate reg 0 accept ]\n\
         add rule inet fw c [ counter pkts 0 bytes 0 ] [ immediate reg 0 jump ]\n"
    );
    // The operation is the rule that leads there, before which another can be put.
    let op = batch.last();
    assert_eq!(batch.describe(op), "add rule inet fw c");
    batch.insert_before(&chain, op, Rule::new().counter());
    assert_eq!(batch.mistake(), None);
}

#[test]
fn a_rule_gives_connections_to_flowtables_of_its_own_table_and_of_families_that_are_forwarded() {
    let fast = Table::inet("fw").flowtable("fast", 0);
    let mistake = |chain: &crate::Chain| Rule::new().flow_offload(&fast).exprs(chain).unwrap_err().to_string();
    assert!(mistake(&Table::inet("other").chain("c")).starts_with("the flowtable fast is in table inet fw"));
    let bridge = Table::bridge("b");
    let rule = Rule::new().flow_offload(bridge.flowtable("f", 0));
    assert_eq!(rule.exprs(bridge.chain("c")).unwrap_err().to_string(), "flow add does not exist in family bridge");
}

#[test]
fn batches_show_objects_in_nfts_syntax() {
    use crate::datum::L4Proto;
    use crate::object::{
        CtExpect, CtHelper, CtTimeout, L3Proto, Limit, Named, Quota, Secmark, Synproxy, SynproxyFlags, TimeoutState,
        Tunnel, Value,
    };
    let fw = Table::inet("fw");
    let secs = std::time::Duration::from_secs;
    let tcp = CtTimeout::new(L4Proto::TCP).policy(TimeoutState::TCP_ESTABLISHED, secs(120)).l3proto(L3Proto::IP);
    let mut used = Quota::new(5 << 10);
    used.consumed = 1;
    let helper = CtHelper::new("ftp", L4Proto::TCP);
    let expect = CtExpect::new(L4Proto::UDP, 9876, secs(120), 12).l3proto(L3Proto::IP);
    let tunnel = Tunnel::v4(1, [0; 4].into(), [0; 4].into());
    let objects: [(Value, &str); 12] = [
        (Counter::default().into(), "counter inet fw x"),
        (Counter::new(1, 2).into(), "counter inet fw x { packets 1 bytes 2 }"),
        (Quota::new(10 << 20).over().into(), "quota inet fw x { over 10 mbytes }"),
        (used.into(), "quota inet fw x { 5 kbytes used 1 bytes }"),
        (Limit::packets(1, Limit::DAY).into(), "limit inet fw x { rate 1/day burst 5 packets }"),
        (Limit::bytes(1, 7).burst(2).over().into(), "limit inet fw x { rate over 1 bytes/7s burst 2 bytes }"),
        (tcp.into(), "ct timeout inet fw x { protocol tcp; l3proto ip; policy = { established : 120 }; }"),
        (helper.into(), "ct helper inet fw x { type \"ftp\" protocol tcp; }"),
        (
            expect.into(),
            "ct expectation inet fw x { protocol udp; dport 9876; timeout 120000ms; size 12; l3proto ip; }",
        ),
        (
            Synproxy::new().mss(1460).flags(SynproxyFlags::SACK_PERM).into(),
            "synproxy inet fw x { mss 1460; sack-perm; }",
        ),
        (Secmark::new("a:b").into(), "secmark inet fw x { \"a:b\" }"),
        (tunnel.into(), "tunnel inet fw x"),
    ];
    for (value, text) in objects {
        let mut batch = Batch::new();
        batch.add(&Named::new(&fw, "x", value));
        assert_eq!(batch.to_string(), format!("add {text}\n"));
    }
}

#[test]
fn intervals_are_written_in_ascending_order_and_their_options_with_them() {
    let set = Set::<Interval<Ipv4Addr>>::new(Table::inet("fw"), "set").timeouts();
    let net = |n: u8, comment: &str| {
        Element::new(Interval::prefix(Ipv4Addr::new(10, n, 0, 0), 16))
            .timeout(Duration::from_secs(n.into()))
            .comment(comment)
    };
    let last = || Element::new(Interval::range(Ipv4Addr::new(240, 0, 0, 0)..=Ipv4Addr::BROADCAST));
    let (mut sorted, mut not) = (Batch::new(), Batch::new());
    sorted.add_elements(&set, [net(1, "a"), net(2, "b"), net(3, "c"), last()]);
    not.add_elements(&set, [net(3, "c"), last(), net(1, "a"), net(2, "b")]);
    assert_eq!(sorted, not);
    // More than a message holds.
    let many = |n: u32| Interval::prefix(Ipv4Addr::from(n << 8), 24);
    let plain = Set::<Interval<Ipv4Addr>>::new(Table::inet("fw"), "plain");
    let (mut sorted, mut not) = (Batch::new(), Batch::new());
    sorted.add_elements(&plain, (0..10_000).map(many));
    not.add_elements(&plain, (0..10_000).map(|n| many(n * 7_919 % 10_000)));
    assert!(sorted == not && sorted.messages > 1);
    // What is deleted is named in the author's order.
    let mut deleted = Batch::new();
    deleted.delete_elements(&plain, [many(2), many(1)]);
    let mut again = Batch::new();
    again.delete_elements(&plain, [many(1), many(2)]);
    assert_ne!(deleted, again);
}

#[test]
fn rules_name_their_chains_whatever_chain_the_one_before_had() {
    let chains = [fw().chain("a"), fw().chain("b"), Table::inet("other").chain("a"), fw().chain("a\0")];
    let mut batch = Batch::new();
    for chain in [0, 0, 1, 2, 0, 3, 3, 0] {
        batch.append(&chains[chain], Rule::new().drop());
    }
    let shown: Vec<String> = (0..8).map(|n| batch.describe(Op(n)).to_string()).collect();
    let rest = |n: usize| shown[n].split(' ').skip(2).take(3).collect::<Vec<_>>().join(" ");
    let (a, b, other) = ("inet fw a", "inet fw b", "inet other a");
    assert_eq!([0, 1, 2, 3, 4, 7].map(rest), [a, a, b, other, a, a], "{shown:?}");
    let mistake = batch.mistake().unwrap();
    assert_eq!((mistake.op(), mistake.kind()), (Op(5), &BuildErrorKind::NameHasNul { what: "chain" }));
    // The second of two mistaken ones is a mistake, too.
    let mut batch = Batch::new();
    batch.append(&chains[3], Rule::new().drop());
    batch.mistake = None;
    batch.append(&chains[3], Rule::new().drop());
    assert!(batch.mistake().is_some());
}
