//! The kernel's bytes are hostile input: whatever they are, reading them ends, in a value or an
//! error.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::chain::NFT_MSG_NEWCHAIN;
use crate::datum::{DataType, L4Proto, Port};
use crate::expr::{
    Base, Cmp, CmpOp, Dynset, DynsetOp, Inner, Meta, MetaKey, Payload, Reg, Value, Verdict, XtMatch, XtTarget,
};
use crate::field::{concat, ip, tcp};
use crate::object::{
    Connlimit, Counter, CtExpect, CtHelper, CtTimeout, GeneveOption, Limit, ObjectKind, Quota, Secmark, Synproxy,
    TimeoutState, Tunnel, TunnelOptions,
};
use crate::rule::NFT_MSG_NEWRULE;
use crate::set::{NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM};
use crate::table::NFT_MSG_NEWTABLE;
use crate::wire::AttrWriter;
use crate::wire::message::{Content, Messages, forge, message};
use crate::wire::path::Schema;
use crate::*;

/// Reads messages, and if they are a ruleset, that.
fn read(bytes: &[u8]) -> usize {
    fuzzing::backup(bytes);
    fuzzing::messages(bytes)
}

/// Messages of each kind, in an order in which they are a ruleset, and how many they are.
fn messages() -> (Vec<u8>, usize) {
    let devices = Table::netdev("fw");
    let fw = Table::inet("fw").comment("all of it");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP).comment("in");
    let blocked = Set::<Interval<Ipv4Addr>>::new(&fw, "blocked").timeout(Duration::from_secs(9)).size(5);
    let wan = devices.chain("wan").filter(Hook::INGRESS, 0).devices(["eth0", "eth1"]).counters();
    let fast = fw.flowtable("fast", Priority::FILTER).devices(["eth0", "eth1"]).device(Device::prefix("v")).counter();
    let mut batch = Batch::new();
    batch.add(&devices).add(&fw).add(&wan).add(&input).add(&fast).add(&fw.chain("other")).add(&blocked);
    add_objects(&fw, &mut batch);

    let both = concat((ip::saddr(), tcp::dport()));
    let seen = Map::<(Ipv4Addr, Port), Verdict>::new(&fw, "seen")
        .timeouts()
        .stateful(Counter::default())
        .stateful(Limit::packets(5, Limit::SECOND))
        .typeof_key(&both)
        .comment("seen");
    let quotas = UntypedSet {
        flags: SetFlags::MAP | SetFlags::OBJECT,
        object_kind: Some(ObjectKind::QUOTA),
        policy: SetPolicy::MEMORY,
        gc_interval: Some(Duration::from_secs(1)),
        ..UntypedSet::new(SetRef::new(&fw, "quotas"), DataType::STRING, 16)
    };
    let places = Set::<(Interval<Ipv4Addr>, Interval<Port>)>::new(&fw, "places");
    batch.add(&seen).add(&quotas).add(&places);
    batch.add_elements(&blocked, [Interval::prefix(Ipv4Addr::LOCALHOST, 8), Ipv4Addr::BROADCAST.into()]);
    let all = Entry {
        value: Some(Value::Verdict(Verdict::jump("other"))),
        timeout: Some(Duration::from_secs(5)),
        expires: Some(Duration::from_secs(4)),
        userdata: b"\0\x02c\0".to_vec(),
        exprs: vec![Counter::new(1, 2).into(), Limit::packets(5, Limit::SECOND).into()],
        ..Entry::new([10, 0, 0, 1, 0, 80, 0, 0])
    };
    batch.add_entries(&seen, [all, Entry { value: Some(Value::Verdict(Verdict::DROP)), ..Entry::catch_all() }]);
    batch.add_entries(&quotas, [Entry { object: Some("quota".into()), ..Entry::new(*b"0123456789abcdef") }]);
    let place = Entry { key_end: Some([10, 0, 0, 9, 0, 90, 0, 0].into()), ..Entry::new([10, 0, 0, 1, 0, 80, 0, 0]) };
    batch.add_entries(&places, [place]);

    batch.append(
        &input,
        Rule::new().when(ip::saddr().in_set(&blocked)).when(tcp::dport().eq(1)).dnat(Ipv4Addr::LOCALHOST),
    );
    batch.append(&input, Rule::new().when(ip::saddr().in_prefix(Ipv4Addr::LOCALHOST, 9)).jump(fw.chain("other")));
    batch.append(&input, Rule::new().comment("fast").owner("me").flow_offload(&fast));
    let mut dynset = Dynset::new(DynsetOp::UPDATE, "seen", Reg::R1);
    dynset.exprs = vec![Counter::default().into(), Limit::packets(1, 1).into()];
    let inner = Inner::vxlan(Payload::load(Base::NETWORK, 12, 4, Reg::R1));
    let (extension, target) = (XtMatch::new("tcp", 0, [0; 16]), XtTarget::new("LOG", 0, [1; 32]));
    let rule = Rule::new().expr(Meta::load(MetaKey::L4PROTO, Reg::R1)).expr(Cmp::new(CmpOp::EQ, Reg::R1, [6]));
    batch.append(&input, rule.expr(extension).expr(inner).expr(dynset).expr(target));
    assert!(batch.mistake().is_none(), "{:?}", batch.mistake());
    let bytes = batch.as_bytes().to_vec();
    let count = Messages::new(&bytes).count();
    (bytes, count)
}

/// Adds an object of each kind.
fn add_objects(fw: &Table, batch: &mut Batch) {
    let geneve = TunnelOptions::Geneve(vec![GeneveOption::new(1, 2, *b"data"), GeneveOption::new(3, 4, [])]);
    let tunnel = Tunnel::v4(1, Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST).options(geneve);
    let timeout = CtTimeout::new(L4Proto::TCP).policy(TimeoutState::TCP_CLOSE, Duration::from_secs(1));
    let expect = CtExpect::new(L4Proto::TCP, 21, Duration::from_secs(5), 3);
    batch.add(&Counter::named(fw, "web").comment("web"));
    batch.add(&tunnel.named(fw, "tunnel")).add(&timeout.named(fw, "timeout")).add(&expect.named(fw, "expect"));
    batch.add(&Quota::new(9).named(fw, "quota")).add(&Limit::packets(1, 1).named(fw, "limit"));
    batch.add(&Connlimit::new(3).named(fw, "connlimit")).add(&Secmark::new("a_u:b_r:c_t:s0").named(fw, "mark"));
    batch.add(&CtHelper::new("ftp", L4Proto::TCP).named(fw, "ftp")).add(&Synproxy::new().mss(1460).named(fw, "proxy"));
}

/// A cheap source of numbers that is the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }

    /// Spoils a few bytes; lengths are favoured, which is where it hurts.
    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes[at] = [0, 1, 3, 4, 5, 0x7f, 0x80, 0xff][self.below(8)],
                2 => bytes[at] ^= 1 << self.below(8),
                3 => bytes[at & !3] = self.below(64) as u8,
                _ if bytes.len() > 64 && self.below(8) == 0 => bytes.truncate(at.max(32)),
                _ => {}
            }
        }
    }
}

#[test]
fn spoiled_messages_are_read_to_a_value_or_an_error() {
    let (good, count) = messages();
    assert_eq!((read(&good), count), (count, 28));
    assert!(Ruleset::from_bytes(&good).is_ok());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut spoiled, mut whole) = (0, 0);
    for _ in 0..2_000 {
        let mut bytes = good.clone();
        dice.spoil(&mut bytes);
        spoiled += usize::from(read(&bytes) < count);
        whole += usize::from(Ruleset::from_bytes(&bytes).is_ok());
    }
    assert!(spoiled > 200, "most of the damage is noticed, some cannot be: {spoiled}");
    assert!(whole > 200, "what the damage left is used as a ruleset: {whole}");
    for cut in (0..good.len()).step_by(7) {
        read(&good[..cut]);
    }
}

/// Written again they would be padded to the header of an attribute that has no length.
#[test]
fn zeros_behind_the_last_attribute_are_an_error() {
    let (good, count) = messages();
    for spoiled in 0..count {
        for zeros in 1..4 {
            let mut bytes = Vec::new();
            for (n, one) in Messages::new(&good).map(Result::unwrap).enumerate() {
                let Ok(Content::Nft { kind, family, attrs, .. }) = one.content() else { panic!("message {n}") };
                let behind = if n == spoiled { zeros } else { 0 };
                bytes.extend(forge::answer((kind, family, &[attrs, &[0; 3][..behind]].concat()), false, 0, 0, 0));
            }
            assert_eq!(fuzzing::messages(&bytes), count - 1, "message {spoiled}");
            assert!(Ruleset::from_bytes(&bytes).is_err(), "message {spoiled}");
        }
    }
}

/// Written again they are padded to the end, and have to be the same.
#[test]
fn unknown_expression_may_end_within_its_padding() {
    let mut entry = AttrWriter::new();
    entry.nest(1, |w| {
        w.string(1, b"later");
        w.string(2, b"x");
    });
    let entry = entry.bytes_written();
    for cut in 1..3 {
        // The length in the header of the entry ends earlier, its bytes do not.
        let shorter = (entry.len() - cut) as u16;
        let entry = [&shorter.to_ne_bytes(), &entry[2..]].concat();
        let mut w = AttrWriter::new();
        message(&mut w, NFT_MSG_NEWRULE, 0, 0, Family::INET, |w| {
            w.string(1, b"t");
            w.string(2, b"c");
            w.nest(4, |w| w.raw(&entry));
        });
        fuzzing::rewritten(w.bytes_written());
    }
}

/// Attributes in one another: expressions that hold expressions, as deep as a message goes.
#[test]
fn what_is_nested_too_deep_is_an_error_of_its_own() {
    const DEEP: usize = 2_000;
    let list = |names: [&str; 2], attrs: [u16; 2]| {
        fn nest(w: &mut AttrWriter, at: u16, depth: usize, names: [&str; 2], attrs: [u16; 2]) {
            w.nest(at, |w| {
                w.string(1, names[depth % 2].as_bytes());
                w.nest(2, |w| {
                    if depth > 0 {
                        nest(w, attrs[depth % 2], depth - 1, names, attrs);
                    }
                });
            });
        }
        let mut w = AttrWriter::new();
        nest(&mut w, 1, DEEP, names, attrs);
        w.bytes_written().to_vec()
    };
    for (names, attrs) in [(["inner", "dynset"], [5, 7]), (["dynset", "inner"], [10, 5]), (["inner", "inner"], [5, 5])]
    {
        let deep = list(names, attrs);
        let mut w = AttrWriter::new();
        let named = |w: &mut AttrWriter, number: u16| {
            w.string(1, b"t");
            w.string(number, b"x");
        };
        message(&mut w, NFT_MSG_NEWTABLE, 0, 0, Family::INET, |w| w.string(1, b"t"));
        message(&mut w, NFT_MSG_NEWCHAIN, 0, 0, Family::INET, |w| named(w, 3));
        message(&mut w, NFT_MSG_NEWRULE, 0, 0, Family::INET, |w| {
            named(w, 2);
            w.nest(4, |w| w.raw(&deep));
        });
        // A rule is read, and says what is wrong with it when it is asked.
        assert_eq!(read(w.bytes_written()), 3);
        message(&mut w, NFT_MSG_NEWSET, 0, 0, Family::INET, |w| {
            named(w, 2);
            w.nest(18, |w| w.raw(&deep));
        });
        assert_eq!(read(w.bytes_written()), 3);
    }
}

/// How long reading takes, and using what was read.
fn timed(bytes: &[u8]) -> Duration {
    let start = Instant::now();
    let ruleset = Ruleset::from_bytes(bytes).unwrap();
    let mut batch = Batch::new();
    batch.add_ruleset(&ruleset);
    assert!(!ruleset.to_bytes().is_empty() && !batch.as_bytes().is_empty());
    let _ = ruleset.bytecode().to_string();
    start.elapsed()
}

/// Tens of thousands of things, of each kind in its turn, and of hostile shapes.
#[test]
fn time_grows_no_faster_than_what_is_read() {
    const MANY: u32 = 100_000;
    let table = |w: &mut AttrWriter, name: &str| {
        message(w, NFT_MSG_NEWTABLE, 0, 0, Family::INET, |w| w.string(1, name.as_bytes()));
    };
    let thing = |w: &mut AttrWriter, kind, table: &str, number, name: &str, more: &dyn Fn(&mut AttrWriter)| {
        message(w, kind, 0, 0, Family::INET, |w| {
            w.string(1, table.as_bytes());
            w.string(number, name.as_bytes());
            more(w);
        });
    };
    let verdict = |w: &mut AttrWriter| {
        w.nest(4, |w| crate::expr::Expr::from(Verdict::jump("own")).write(w));
    };
    let padded = |w: &mut AttrWriter, number: u16| (0..8_000).for_each(|_| w.u32(number, 0));
    type Write<'a> = &'a dyn Fn(&mut AttrWriter);
    let shapes: [(&str, Write<'_>); 8] = [
        ("tables", &|w| (0..MANY).for_each(|n| table(w, &n.to_string()))),
        ("sets", &|w| {
            table(w, "t");
            let set = |w: &mut AttrWriter| w.u32(5, 4);
            (0..MANY).for_each(|n| thing(w, NFT_MSG_NEWSET, "t", 2, &n.to_string(), &set));
        }),
        ("elements, each in a message", &|w| {
            table(w, "t");
            thing(w, NFT_MSG_NEWSET, "t", 2, "s", &|w| w.u32(5, 4));
            for n in 0..MANY {
                let key = |w: &mut AttrWriter| {
                    w.nest(3, |w| w.nest(1, |w| w.nest(1, |w| w.bytes(1, &n.to_be_bytes()))));
                };
                thing(w, NFT_MSG_NEWSETELEM, "t", 2, "s", &key);
            }
        }),
        ("chains with a rule", &|w| {
            table(w, "t");
            (0..MANY / 2).for_each(|n| thing(w, NFT_MSG_NEWCHAIN, "t", 3, &n.to_string(), &|_| {}));
            (0..MANY / 2).for_each(|n| thing(w, NFT_MSG_NEWRULE, "t", 2, &n.to_string(), &|_| {}));
        }),
        ("rules that lead to one chain of a rule's own", &|w| {
            table(w, "t");
            thing(w, NFT_MSG_NEWCHAIN, "t", 3, "c", &|_| {});
            thing(w, NFT_MSG_NEWCHAIN, "t", 3, "own", &|w| w.u32(10, 4));
            (0..MANY / 20).for_each(|_| thing(w, NFT_MSG_NEWRULE, "t", 2, "c", &verdict));
            (0..MANY / 20).for_each(|_| thing(w, NFT_MSG_NEWRULE, "t", 2, "own", &|_| {}));
        }),
        ("sets with unknown attributes in their descriptions", &|w| {
            table(w, "t");
            let desc = |w: &mut AttrWriter| {
                w.u32(5, 4);
                w.nest(9, |w| padded(w, 99));
            };
            (0..50).for_each(|n| thing(w, NFT_MSG_NEWSET, "t", 2, &n.to_string(), &desc));
        }),
        ("elements with unknown attributes", &|w| {
            table(w, "t");
            thing(w, NFT_MSG_NEWSET, "t", 2, "s", &|w| w.u32(5, 4));
            let list = |w: &mut AttrWriter| w.nest(3, |w| w.nest(1, |w| padded(w, 99)));
            (0..50).for_each(|_| thing(w, NFT_MSG_NEWSETELEM, "t", 2, "s", &list));
        }),
        ("hooks with unknown attributes", &|w| {
            table(w, "t");
            let hook = |w: &mut AttrWriter| w.nest(4, |w| padded(w, 99));
            (0..50).for_each(|n| thing(w, NFT_MSG_NEWCHAIN, "t", 3, &n.to_string(), &hook));
        }),
    ];
    for (what, write) in shapes {
        let mut w = AttrWriter::new();
        write(&mut w);
        assert_eq!(w.take_error(), None, "{what}");
        let bytes = w.bytes_written();
        let took = timed(bytes);
        println!("{what}: {} bytes in {took:?}", bytes.len());
        // Most would take minutes if it did; a slow and busy machine has ten times what it takes.
        assert!(took < Duration::from_secs(20), "{what}: {took:?} for {} bytes", bytes.len());
    }
}

#[test]
fn the_corpus_is_read_without_an_error() {
    let Some(dir) = std::env::var_os("NFTLINK_CORPUS") else {
        return eprintln!("NFTLINK_CORPUS is not set: nothing was read");
    };
    let mut dice = Dice(1);
    let (mut files, mut count) = (0, 0);
    for entry in fs::read_dir(PathBuf::from(dir).join("rulesets")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "nl") {
            continue;
        }
        let mut bytes = fs::read(&path).unwrap();
        let all = Messages::new(&bytes).map(Result::unwrap);
        let ours = all.filter(|message| matches!(message.content(), Ok(Content::Nft { .. }))).count();
        assert_eq!(read(&bytes), ours, "{}", path.display());
        (files, count) = (files + 1, count + ours);
        // And spoiled, without a panic.
        dice.spoil(&mut bytes);
        read(&bytes);
    }
    println!("{count} messages in {files} files");
    assert!(files >= 200, "the corpus is there: {files} files");
}

/// The table of the README that tells what of nf_tables there is.
#[test]
fn the_readme_lists_every_expression_and_object() {
    let attributes = |schema: &Schema| schema.attributes().collect::<Vec<_>>().join(", ");
    let mut table = "| the kernel's name | type | what it has |\n|---|---|---|\n".to_owned();
    for (name, kind, schema) in crate::expr::REGISTRY {
        table += &format!("| expression `{name}` | `expr::{kind}` | {} |\n", attributes(schema));
    }
    for (name, kind, schema) in crate::object::REGISTRY {
        table += &format!("| object `{name}` | `object::{kind}` | {} |\n", attributes(schema));
    }
    let readme = include_str!("../README.md");
    assert!(readme.contains(&table), "the README has another table than this one:\n{table}");
    let expressions = format!(
        "all {} expressions and {} kinds of objects",
        crate::expr::REGISTRY.len(),
        crate::object::REGISTRY.len()
    );
    assert!(readme.contains(&expressions), "the README does not say: {expressions}");
}

/// The table of the README that tells what older kernels lack.
#[test]
fn the_readme_tells_the_kernel_of_every_feature_that_a_supported_one_lacks() {
    let readme = include_str!("../README.md");
    let (_, table) = readme.split_once("| since | what | before |\n|---|---|---|\n").expect("the README has the table");
    let rows: Vec<[&str; 3]> = table
        .lines()
        .map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|row| row.split(" | ").collect::<Vec<_>>().try_into().expect("three columns"))
        .collect();
    let said = |feature| match feature {
        Feature::ElementExprs => "several stateful expressions of an element",
        Feature::NetdevReject => "reject in family netdev",
        Feature::OwnedTable => "owned tables",
        Feature::CatchAll => "catch-all elements",
        Feature::SocketCgroup => "`socket cgroupv2`",
        Feature::HookList => "`Conn::hooks`",
        Feature::Last => "`last`",
        Feature::SctpChunk => "`sctp chunk`",
        Feature::Egress => "hook egress of family netdev",
        Feature::InnerHeader => "payload behind the transport header",
        Feature::TcpOptionReset => "taking out TCP options",
        Feature::Inner => "`inner`",
        Feature::RuleReset => "`reset_rules`, `reset_rule`",
        Feature::Destroy => "`destroy`",
        Feature::Broute => "setting `meta broute`",
        Feature::ChainDevices => "`add_devices`, `delete_devices`",
        Feature::DccpOption => "`dccp option`",
        Feature::ElementReset => "`reset_elements`, `reset_element`",
        Feature::PersistentTable => "persistent tables",
        Feature::CombinedRegisters => "bitwise with a second register",
        Feature::DevicePrefix => "`Device::prefix`",
        Feature::FarPayload => "payloads behind 255 bytes",
        other => panic!("the table needs a row of {other}, Linux {}, and this test its words", other.since()),
    };
    let version = |since: &str| since.split('.').map(|number| number.parse().unwrap()).collect::<Vec<u32>>();
    for &feature in Feature::ALL.iter().filter(|feature| version(feature.since()) > vec![5, 10]) {
        let words = said(feature);
        let has = |[since, what, before]: &[&str; 3]| {
            *since == feature.since() && what.contains(words) && before.starts_with("`Error::Unsupported`")
        };
        assert_eq!(rows.iter().filter(|row| has(row)).count(), 1, "{feature}: {} | {words}", feature.since());
    }
}
