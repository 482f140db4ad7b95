//! The corpus: what the kernel told of tables, chains and flowtables, and what was sent to make them.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::flowtable::{Flowtable, FlowtableInfo, NFT_MSG_NEWFLOWTABLE};
use crate::table::{NFT_MSG_NEWTABLE, TableInfo};
use crate::wire::AttrReader;
use crate::wire::message::{Content, Messages};
use crate::wire::reader::Notes;

/// An attribute: its number, and its bytes or what is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Bytes(Vec<u8>),
    Nest(Vec<(u16, Value)>),
}

/// Reads attributes of which those in `nests` hold others, which hold no further ones but `inner`.
fn read(bytes: &[u8], nests: &[u16], inner: &[u16]) -> Vec<(u16, Value)> {
    let notes = Notes::default();
    let attrs = AttrReader::new(bytes, &notes).map(Result::unwrap);
    let value = |number: u16, v: Attr<'_>| match nests.contains(&number) {
        true => Value::Nest(read(v.bytes(), inner, &[])),
        // Whether a text ends with a NUL is the sender's choice.
        false if v.bytes().len() > 8 || v.bytes().last() == Some(&0) && v.bytes().iter().any(u8::is_ascii_graphic) => {
            let end = v.bytes().iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
            Value::Bytes(v.bytes()[..end].to_vec())
        }
        false => Value::Bytes(v.bytes().to_vec()),
    };
    attrs.map(|(number, v)| (number, value(number, v))).collect()
}

fn sorted(mut attrs: Vec<(u16, Value)>) -> Vec<(u16, Value)> {
    for (_, value) in &mut attrs {
        if let Value::Nest(inner) = value {
            *inner = sorted(std::mem::take(inner));
        }
    }
    attrs.sort_by_key(|(number, _)| *number);
    attrs
}

/// What of a chain's attributes a request has: the device twice, the flag of a base chain and the like are told.
fn chain_as_sent(mut attrs: Vec<(u16, Value)>) -> Vec<(u16, Value)> {
    const OUTPUT: [u16; 3] = [NFTA_CHAIN_HANDLE, NFTA_CHAIN_USE, NFTA_CHAIN_PAD];
    attrs.retain(|(number, _)| !OUTPUT.contains(number));
    for (number, value) in &mut attrs {
        if let (&mut NFTA_CHAIN_FLAGS, Value::Bytes(flags)) = (&mut *number, &mut *value) {
            flags[3] &= !(ChainFlags::BASE.bits() as u8);
        }
        if let (&mut NFTA_CHAIN_HOOK, Value::Nest(hook)) = (number, value) {
            if hook.iter().any(|(number, _)| *number == NFTA_HOOK_DEV) {
                hook.retain(|(number, _)| *number != NFTA_HOOK_DEVS);
            }
        }
    }
    attrs.retain(|(number, value)| *number != NFTA_CHAIN_FLAGS || *value != Value::Bytes(vec![0; 4]));
    attrs
}

fn written(write: impl FnOnce(&mut AttrWriter)) -> Vec<u8> {
    let mut w = AttrWriter::new();
    write(&mut w);
    assert_eq!(w.take_error(), None);
    w.bytes_written().to_vec()
}

fn files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "nl" || end == "req") {
            found.push(path);
        }
    }
}

#[test]
fn tables_chains_and_flowtables_of_the_corpus_are_written_again_from_their_specs() {
    let Some(dir) = std::env::var_os("NFTLINK_CORPUS") else {
        return eprintln!("NFTLINK_CORPUS is not set: nothing was compared");
    };
    let mut paths = Vec::new();
    files(Path::new(&dir), &mut paths);
    let mut compared: BTreeMap<(&str, bool, u16), usize> = BTreeMap::new();
    let mut in_nfts_order: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        let sent = path.extension().is_some_and(|end| end == "req");
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // iptables-nft has another order, and sends what says nothing.
        let by_nft = sent && !name.starts_with("own-xt") && !name.starts_with("crafted");
        for message in Messages::new(&bytes).map_while(Result::ok) {
            let Ok(Content::Nft { kind, family, attrs, .. }) = message.content() else { continue };
            let (what, before, after) = match kind {
                NFT_MSG_NEWTABLE => {
                    let info = TableInfo::decode(family, attrs).unwrap();
                    let again = written(|w| Table::from(&info).encode(w));
                    assert_eq!(TableInfo::decode(family, &again).unwrap().flags(), info.flags());
                    let mut before = read(attrs, &[], &[]);
                    // Of tables: use, handle, padding, owner.
                    before.retain(|(number, _)| ![3, 4, 5, 7].contains(number));
                    if before.iter().all(|(number, _)| *number != 2) {
                        before.insert(1, (2, Value::Bytes(vec![0; 4])));
                    }
                    ("table", before, read(&again, &[], &[]))
                }
                NFT_MSG_NEWCHAIN => {
                    let info = ChainInfo::decode(family, attrs).unwrap();
                    let before = read(attrs, &[NFTA_CHAIN_HOOK, NFTA_CHAIN_COUNTERS], &[NFTA_HOOK_DEVS]);
                    if before.iter().any(|(number, _)| *number == NFTA_CHAIN_ID) {
                        // A chain that a rule has to itself has no name yet.
                        let id = read(attrs, &[], &[]).iter().find_map(|(number, value)| match value {
                            Value::Bytes(id) if *number == NFTA_CHAIN_ID => Some(id.clone()),
                            _ => None,
                        });
                        let id = u32::from_be_bytes(id.unwrap().try_into().unwrap());
                        let again = written(|w| write_own(info.table(), id, w));
                        ("own chain", before, read(&again, &[], &[]))
                    } else {
                        let spec = Chain::<Option<Hooked>>::from(&info);
                        let again = written(|w| spec.encode(w));
                        let same = match info.to_base() {
                            Some(base) => written(|w| base.encode(w)),
                            None => written(|w| info.to_regular().unwrap().encode(w)),
                        };
                        assert_eq!(again, same);
                        let again = read(&again, &[NFTA_CHAIN_HOOK, NFTA_CHAIN_COUNTERS], &[NFTA_HOOK_DEVS]);
                        ("chain", chain_as_sent(before), again)
                    }
                }
                NFT_MSG_NEWFLOWTABLE => {
                    let info = FlowtableInfo::decode(family, attrs).unwrap();
                    let again = written(|w| Flowtable::from(&info).encode(w));
                    let mut before = read(attrs, &[3], &[3]);
                    before.retain(|(number, _)| ![4, 5, 6].contains(number));
                    ("flowtable", before, read(&again, &[3], &[3]))
                }
                _ => continue,
            };
            if by_nft && before == after {
                *in_nfts_order.entry(what).or_default() += 1;
            } else if by_nft || sorted(before.clone()) != sorted(after.clone()) {
                wrong.push(format!("{name}: {what} {before:?} is not {after:?}"));
            }
            for (number, _) in after {
                *compared.entry((what, sent, number)).or_default() += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ, as {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    println!(
        "attributes compared (kind, sent, number): {compared:?}; as nft sends them, in its order: {in_nfts_order:?}"
    );
    for what in ["table", "chain", "own chain"] {
        assert!(in_nfts_order.get(what).is_some_and(|&count| count > 1), "{what}");
    }
    let numbers: Vec<u16> = compared.keys().filter(|(what, ..)| *what == "chain").map(|(.., number)| *number).collect();
    for number in [NFTA_CHAIN_POLICY, NFTA_CHAIN_COUNTERS, NFTA_CHAIN_FLAGS, NFTA_CHAIN_USERDATA, NFTA_CHAIN_HOOK] {
        assert!(numbers.contains(&number), "{number} is in none");
    }
}
