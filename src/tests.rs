//! The kernel's bytes are hostile input: whatever they are, reading them ends, in a value or an
//! error.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::chain::{ChainInfo, NFT_MSG_NEWCHAIN};
use crate::datum::{L4Proto, Port};
use crate::error::BuildErrorKind;
use crate::expr::Verdict;
use crate::field::{ip, tcp};
use crate::flowtable::NFT_MSG_NEWFLOWTABLE;
use crate::object::{
    Counter, CtTimeout, GeneveOption, NFT_MSG_NEWOBJ, Named, ObjectInfo, TimeoutState, Tunnel, TunnelOptions, Value,
};
use crate::rule::{NFT_MSG_NEWRULE, RuleInfo};
use crate::ruleset::lossless::events;
use crate::set::{NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM, assemble, read_element_list};
use crate::table::{NFT_MSG_NEWTABLE, TableInfo};
use crate::wire::AttrWriter;
use crate::wire::message::{Content, Messages};
use crate::wire::path::Schema;
use crate::*;

/// Reads all messages as the queries would, and uses what comes out. Returns how many were read
/// without an error.
fn read(bytes: &[u8]) -> usize {
    let mut whole = 0;
    let mut last = None;
    for message in Messages::new(bytes).map_while(Result::ok) {
        let Ok(Content::Nft { kind, family, attrs, .. }) = message.content() else { continue };
        let mut entries = Vec::new();
        let read = match kind {
            NFT_MSG_NEWTABLE => TableInfo::decode(family, attrs).map(|info| {
                Batch::new().add(&info).delete(&info);
                info.at().to_string().len()
            }),
            NFT_MSG_NEWCHAIN => ChainInfo::decode(family, attrs).map(|info| {
                Batch::new()
                    .add(&info)
                    .flush(&info)
                    .rename(&info, "new")
                    .delete_devices(&info, info.devices())
                    .to_string();
                format!("{:?} {:?}", info, info.named_priority()).len()
            }),
            NFT_MSG_NEWRULE => RuleInfo::decode(family, attrs, &mut last).map(|info| {
                let exprs = info.exprs().filter_map(Result::ok);
                exprs.for_each(|expr| _ = Batch::new().append(&info, Rule::new().expr(expr)));
                Batch::new().append(&info, &info).to_string();
                info.bytecode().to_string().len() + info.comment().map_or(0, str::len)
            }),
            NFT_MSG_NEWSET => SetInfo::decode(family, attrs).map(|info| {
                Batch::new().add(&info);
                let _ = format!("{} {:#}", info.bytecode(), info.bytecode());
                info.describe().len() + usize::from(info.typed::<Interval<Ipv4Addr>>().is_some())
            }),
            NFT_MSG_NEWSETELEM => read_element_list(attrs, &mut entries).map(|()| {
                let mut _typed = assemble::<Interval<Ipv4Addr>, ()>(entries.clone()).map(|all| {
                    all.iter().for_each(|element| _ = element.key().map(ToString::to_string));
                });
                let mut _typed = assemble::<(Interval<Ipv4Addr>, Port), Verdict>(entries.clone());
                entries.len()
            }),
            NFT_MSG_NEWOBJ => ObjectInfo::decode(family, attrs).map(|info| {
                Batch::new().add(&info).delete_by_handle(&info).to_string();
                if let Ok(named) = Named::<Value>::try_from(&info) {
                    Batch::new().add(&named.forget_unknown()).to_string();
                }
                info.bytecode().len() + info.value::<Counter>().map_or(0, |_| 1)
            }),
            NFT_MSG_NEWFLOWTABLE => FlowtableInfo::decode(family, attrs).map(|info| {
                Batch::new().add(&info).add(&Flowtable::from(&info)).delete_by_handle(&info).to_string();
                format!("{:?} {}", info, info.named_priority()).len()
            }),
            _ => Ok(0),
        };
        whole += usize::from(read.is_ok());
    }
    if let Ok(ruleset) = Ruleset::from_bytes(bytes) {
        read_whole(&ruleset);
    }
    whole
}

/// Uses a ruleset as programs do.
fn read_whole(ruleset: &Ruleset) {
    let _ = format!("{} {:#}", ruleset.bytecode(), ruleset.bytecode());
    Batch::new().flush_ruleset().add_ruleset(ruleset).to_string();
    for set in ruleset.tables().iter().flat_map(|table| table.sets()) {
        for element in set.info().paired(set.entries()) {
            let _ = set.info().display(&element).to_string();
        }
    }
    let kept = Ruleset::from_bytes(&ruleset.to_bytes()).unwrap();
    let again = |ruleset| Batch::new().add_ruleset(ruleset).as_bytes().to_vec();
    assert!(again(ruleset) == again(&kept), "kept as bytes, it is another ruleset");
}

/// Messages of each kind.
fn messages() -> Vec<u8> {
    let fw = Table::inet("fw").comment("all of it");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP).comment("in");
    let blocked = Set::<Interval<Ipv4Addr>>::new(&fw, "blocked").timeout(Duration::from_secs(9)).size(5);
    let mut batch = Batch::new();
    let wan = Table::netdev("fw").chain("wan").filter(Hook::INGRESS, 0).devices(["eth0", "eth1"]).counters();
    batch.add(&Table::netdev("fw")).add(&wan);
    batch.add(&fw).add(&fw.flowtable("fast", 0).devices(["eth0", "eth1"]).counter());
    batch.add(&input).add(&blocked).add(&Counter::named(&fw, "web"));
    let geneve = TunnelOptions::Geneve(vec![GeneveOption::new(1, 2, *b"data"), GeneveOption::new(3, 4, [])]);
    let tunnel = Tunnel::v4(1, Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST).options(geneve);
    let timeout = CtTimeout::new(L4Proto::TCP).policy(TimeoutState::TCP_CLOSE, Duration::from_secs(1));
    batch.add(&tunnel.named(&fw, "tunnel")).add(&timeout.named(&fw, "timeout"));
    batch.append(
        &input,
        Rule::new().when(ip::saddr().in_set(&blocked)).when(tcp::dport().eq(1)).dnat(Ipv4Addr::LOCALHOST),
    );
    batch.append(&input, Rule::new().when(ip::saddr().in_prefix(Ipv4Addr::LOCALHOST, 9)).jump(fw.chain("other")));
    batch.add_elements(&blocked, [Interval::prefix(Ipv4Addr::LOCALHOST, 8), Ipv4Addr::BROADCAST.into()]);
    assert!(batch.mistake().is_none());
    batch.as_bytes().to_vec()
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
    let good = messages();
    assert_eq!(read(&good), 12);
    assert_eq!(Ruleset::from_bytes(&good).unwrap().tables().len(), 2);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut spoiled = 0;
    for _ in 0..5_000 {
        let mut bytes = good.clone();
        dice.spoil(&mut bytes);
        spoiled += usize::from(read(&bytes) < 12);
    }
    assert!(spoiled > 500, "most of the damage is noticed, some cannot be: {spoiled}");
    for cut in 0..good.len() {
        read(&good[..cut]);
    }
}

#[test]
fn events_of_the_corpus_are_read_without_an_error() {
    let Some(dir) = std::env::var_os("NFTLINK_CORPUS") else {
        return eprintln!("NFTLINK_CORPUS is not set: nothing was read");
    };
    let mut dice = Dice(2);
    let files = events(Path::new(&dir));
    for mut bytes in files.clone() {
        let all = Messages::new(&bytes).map(Result::unwrap);
        assert_eq!(read(&bytes), all.filter(|message| matches!(message.content(), Ok(Content::Nft { .. }))).count());
        dice.spoil(&mut bytes);
        read(&bytes);
    }
    assert_eq!(files.len(), 4);
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
    assert!(files >= 274, "the corpus is there: {files} files");
}

/// The messages of a batch with an attribute 99 behind the others of each.
fn with_unknown(batch: &Batch) -> Vec<u8> {
    let mut w = AttrWriter::new();
    for message in Messages::new(batch.as_bytes()).map(Result::unwrap) {
        let Ok(Content::Nft { kind, family, attrs, .. }) = message.content() else { continue };
        crate::wire::message::message(&mut w, kind, 0, 0, family, |w| {
            w.raw(attrs);
            w.u32(99, 7);
        });
    }
    w.bytes_written().to_vec()
}

#[test]
fn what_is_not_known_is_written_back_and_is_not_lost_unnoticed() {
    let fw = Table::inet("fw");
    let own = fw.chain("own");
    let mut batch = Batch::new();
    batch.add(&fw).add(&own).add(&fw.chain("input").filter(Hook::INPUT, 0)).add(&fw.flowtable("fast", 0));
    batch.append(&own, Rule::new().counter());
    assert_eq!(batch.mistake(), None);
    let ruleset = Ruleset::from_bytes(&with_unknown(&batch)).unwrap();
    let fw = ruleset.table(&fw).unwrap();
    let (table, flowtable, rule) = (fw.info(), &fw.flowtables()[0], &fw.rules()[0]);
    assert!(table.has_unknown() && flowtable.has_unknown() && rule.has_unknown());

    let mut again = Batch::new();
    again.add_ruleset(&ruleset);
    assert_eq!(again.mistake(), None);
    assert_eq!(again.as_bytes().windows(8).filter(|part| *part == [8, 0, 99, 0, 0, 0, 0, 7]).count(), 5);

    let mistake = |fill: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        fill(&mut batch);
        batch.mistake().map(|mistake| mistake.kind().clone())
    };
    let lost = |what: &str| Some(BuildErrorKind::UnknownAttributes(what.into()));
    assert_eq!(mistake(&|batch| _ = batch.add(&Table::from(table))), lost("table"));
    assert_eq!(mistake(&|batch| _ = batch.add(&Table::from(table).forget_unknown())), None);
    for chain in fw.chains() {
        let spec = Chain::<Option<Hooked>>::from(chain);
        assert!(chain.has_unknown());
        assert_eq!(mistake(&|batch| _ = batch.add(&spec)), lost("chain"));
        assert_eq!(mistake(&|batch| _ = batch.add(&spec.clone().forget_unknown())), None);
    }
    assert_eq!(mistake(&|batch| _ = batch.add(&Flowtable::from(flowtable))), lost("flowtable"));
    assert_eq!(mistake(&|batch| _ = batch.add(&Flowtable::from(flowtable).forget_unknown())), None);
    let edited = rule.to_rule().unwrap().comment("edited");
    assert_eq!(mistake(&|batch| _ = batch.append(&own, &edited)), lost("rule"));
    assert_eq!(mistake(&|batch| _ = batch.append(&own, edited.clone().forget_unknown())), None);
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
