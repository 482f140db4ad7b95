//! Every message that the kernel dumped is rebuilt from public fields, without the bytes that were kept of it, and
//! written as a request: what a request may carry is all there, and what only the kernel tells is told by a getter.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::chain::{self, Chain, ChainInfo, Hooked, NFT_MSG_NEWCHAIN};
use crate::expr::ExprInfo;
use crate::flowtable::{self, Flowtable, FlowtableInfo, NFT_MSG_NEWFLOWTABLE};
use crate::object::{self, NFT_MSG_NEWOBJ, Named, ObjectInfo, Value};
use crate::rule::{self, AsRule, NFT_MSG_NEWRULE, Rule, RuleInfo};
use crate::set::{
    self, Entry, NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM, SetInfo, UntypedSet, WhatOfElement, read_element_list,
    read_set_ref,
};
use crate::table::{self, NFT_MSG_NEWTABLE, Table, TableInfo};
use crate::wire::message::{Content, Messages};
use crate::wire::path::Schema;
use crate::wire::{AttrWriter, Family};

/// Values by their paths.
type Values = Vec<(String, Vec<u8>)>;

/// A message as it came and as it is written, and what only the kernel tells, by the getters.
struct Pair {
    kind: &'static str,
    schema: &'static Schema,
    told: Vec<u8>,
    written: Vec<u8>,
    only_told: Vec<(&'static str, Option<Vec<u8>>)>,
}

fn written(write: impl FnOnce(&mut AttrWriter)) -> Vec<u8> {
    let mut w = AttrWriter::new();
    write(&mut w);
    assert_eq!(w.take_error(), None);
    w.bytes_written().to_vec()
}

fn number(value: u64) -> Option<Vec<u8>> {
    Some(value.to_be_bytes().to_vec())
}

fn short(value: u32) -> Option<Vec<u8>> {
    Some(value.to_be_bytes().to_vec())
}

fn pair(kind: u16, family: Family, attrs: &[u8]) -> Option<Pair> {
    let told = attrs.to_vec();
    Some(match kind {
        NFT_MSG_NEWTABLE => {
            let info = TableInfo::decode(family, attrs).unwrap();
            let only_told = vec![
                ("handle", number(info.handle().get())),
                ("use", short(info.uses())),
                ("owner", info.owner().and_then(|port| short(port.get()))),
            ];
            Pair {
                kind: "table",
                schema: &table::SCHEMA,
                told,
                written: written(|w| Table::from(&info).encode(w)),
                only_told,
            }
        }
        NFT_MSG_NEWCHAIN => {
            let info = ChainInfo::decode(family, attrs).unwrap();
            let only_told = vec![("handle", number(info.handle().get())), ("use", short(info.uses()))];
            let spec = Chain::<Option<Hooked>>::from(&info);
            Pair { kind: "chain", schema: &chain::SCHEMA, told, written: written(|w| spec.encode(w)), only_told }
        }
        NFT_MSG_NEWRULE => {
            let info = RuleInfo::decode(family, attrs, &mut None).unwrap();
            let position = info.position().and_then(|position| number(position.get()));
            let (table, chain) = (info.chain().table().name().as_bytes(), info.chain().name().as_bytes());
            let named = |name: &[u8]| Some([name, b"\0"].concat());
            let only_told = vec![
                ("table", named(table)),
                ("chain", named(chain)),
                ("handle", number(info.handle().get())),
                ("position", position),
            ];
            let exprs: Vec<ExprInfo> = info.exprs().map(Result::unwrap).collect();
            assert!(!exprs.iter().any(ExprInfo::has_unknown), "{}", info.bytecode());
            let rule = exprs.into_iter().fold(Rule::new(), |rule, expr| rule.expr(expr.forget_unknown()));
            let rule = if info.userdata().is_empty() { rule } else { rule.userdata(info.userdata()) };
            let written = written(|w| rule.encode(info.chain(), &[], w, &mut Vec::new()));
            Pair { kind: "rule", schema: &rule::SCHEMA, told, written, only_told }
        }
        NFT_MSG_NEWSET => {
            let info = SetInfo::decode(family, attrs).unwrap();
            let only_told = vec![
                ("handle", info.handle().and_then(|handle| number(handle.get()))),
                ("type", info.set_type().map(|kind| [kind.as_bytes(), b"\0"].concat())),
                ("count", info.count().and_then(short)),
            ];
            let spec = UntypedSet::from(&info);
            Pair { kind: "set", schema: &set::SCHEMA, told, written: written(|w| spec.encode(1, w)), only_told }
        }
        NFT_MSG_NEWSETELEM => {
            let mut entries = Vec::new();
            read_element_list(attrs, &mut entries).unwrap();
            let at = read_set_ref(family, attrs).unwrap();
            let written = written(|w| {
                at.write(w);
                w.nest(set::NFTA_SET_ELEM_LIST_ELEMENTS, |w| {
                    entries.iter().for_each(|entry| Entry::from(entry).encode(WhatOfElement::Full, w));
                });
            });
            Pair { kind: "element", schema: &set::LIST_SCHEMA, told, written, only_told: Vec::new() }
        }
        NFT_MSG_NEWOBJ => {
            let info = ObjectInfo::decode(family, attrs).unwrap();
            let only_told = vec![("handle", number(info.handle().get())), ("use", short(info.uses()))];
            let spec = Named::<Value>::try_from(&info).unwrap();
            let schema = object::schema_of(info.kind());
            Pair { kind: "object", schema, told, written: written(|w| spec.encode(w)), only_told }
        }
        NFT_MSG_NEWFLOWTABLE => {
            let info = FlowtableInfo::decode(family, attrs).unwrap();
            let only_told = vec![("handle", number(info.handle().get())), ("use", short(info.uses()))];
            let written = written(|w| Flowtable::from(&info).encode(w));
            Pair { kind: "flowtable", schema: &flowtable::SCHEMA, told, written, only_told }
        }
        _ => return None,
    })
}

/// Attributes whose zero says what their absence says: requests leave them out.
const ZERO_IS_ABSENT: &[&str] = &[
    "bitwise.op",
    "counter.bytes",
    "counter.packets",
    "dynset.flags",
    "dynset.timeout",
    "exthdr.flags",
    "exthdr.len",
    "exthdr.offset",
    "limit.burst",
    "lookup.flags",
    "osf.flags",
    "payload.csum_flags",
    "payload.csum_offset",
    "payload.csum_type",
    "tunnel.mode",
];

/// What a request says otherwise than a dump, and why.
fn differs_for_a_reason(kind: &str, path: &str, told: &[u8], written: Option<&[u8]>) -> bool {
    match (kind, path, written) {
        // The flag says that the chain is at a hook, which a request says by naming one.
        ("chain", "flags", None) => told == [0, 0, 0, 1],
        // One device is told twice, by itself and as a list.
        ("chain", "hook.devs", None) => true,
        // More than one expression has to be announced, and the kernel keeps it to itself.
        ("rule", "expressions.dynset.flags", Some(written)) => told == [0; 4] && written == [0, 0, 0, 2],
        (_, path, None) => told.iter().all(|&byte| byte == 0) && ZERO_IS_ABSENT.iter().any(|end| path.ends_with(end)),
        _ => false,
    }
}

/// What a request says and a dump leaves out, and why.
fn is_new_for_a_reason(kind: &str, path: &str, value: &[u8]) -> bool {
    /// Requests say their zeros, as nft's do.
    const ZERO_IS_SAID: &[&str] = &["connlimit.flags", "hash.offset", "reject.icmp_code", "socket.level"];
    let is_zero = value.iter().all(|&byte| byte == 0);
    match (kind, path) {
        // Its number in the batch.
        ("set", "id") => true,
        ("set", "flags") => is_zero,
        (_, path) => is_zero && ZERO_IS_SAID.iter().any(|end| path.ends_with(end)),
    }
}

/// The same text, with or without a NUL at its end.
fn same(a: &[u8], b: &[u8]) -> bool {
    a == b || a.strip_suffix(b"\0") == Some(b) || b.strip_suffix(b"\0") == Some(a)
}

/// What the kernel told of changes and of packets, from the corpus in `dir`.
pub(crate) fn events(dir: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(dir.join("trace-events")).unwrap().map(|entry| entry.unwrap().path());
    let unpacked = files.filter(|path| path.extension().is_some_and(|end| end == "gz")).map(|path| {
        let gzip = std::process::Command::new("gzip").arg("-dc").arg(&path).output().unwrap();
        assert!(gzip.status.success(), "{}", path.display());
        gzip.stdout
    });
    unpacked.collect()
}

#[test]
fn every_dump_of_the_corpus_is_written_again_from_public_fields() {
    let Some(corpus) = env::var_os("NFTLINK_CORPUS").map(PathBuf::from) else {
        return eprintln!("NFTLINK_CORPUS is not set: nothing was compared");
    };
    let (mut counts, mut wrong): (BTreeMap<String, usize>, Vec<String>) = Default::default();
    let paths = ["rulesets", "crafted"].iter().flat_map(|dir| fs::read_dir(corpus.join(dir)).unwrap());
    let dumps = paths.map(|path| path.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "nl"));
    for bytes in dumps.map(|path| fs::read(path).unwrap()).chain(events(&corpus)) {
        for message in Messages::new(&bytes).map(Result::unwrap) {
            let Ok(Content::Nft { kind, family, attrs, .. }) = message.content() else { continue };
            let Some(Pair { kind, schema, told, written, only_told }) = pair(kind, family, attrs) else { continue };
            let mut again: Values = schema.values(&written);
            for (at, value) in schema.values(&told) {
                let plain: String = at.split(['[', ']']).step_by(2).collect();
                // Timeouts have other names with each protocol.
                assert!(!plain.contains('#') || plain.starts_with("data.policy.#"), "{kind} {at} has no name");
                *counts.entry(format!("{kind} {plain}")).or_default() += 1;
                let found = again.iter().position(|(other, _)| *other == at).map(|n| again.remove(n).1);
                let getter = only_told.iter().find(|(name, _)| *name == at);
                let right = match (getter, &found) {
                    (Some((_, said)), _) => said.as_ref().is_some_and(|said| same(said, &value)),
                    (None, Some(found)) if same(found, &value) => true,
                    (None, found) => differs_for_a_reason(kind, &plain, &value, found.as_deref()),
                };
                if !right {
                    wrong.push(format!("{kind} {plain}: {found:02x?} for {value:02x?}"));
                }
            }
            for (at, value) in again {
                let plain: String = at.split(['[', ']']).step_by(2).collect();
                if !is_new_for_a_reason(kind, &plain, &value) {
                    wrong.push(format!("{kind} {plain}: {value:02x?} is new"));
                }
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{} are lost, as {:#?}", wrong.len(), &wrong[..wrong.len().min(80)]);
    println!("{} kinds of attributes, each so many times:", counts.len());
    counts.iter().for_each(|(kind, count)| println!("{count:7} {kind}"));
    assert!(counts.len() > 200, "{}", counts.len());
}
