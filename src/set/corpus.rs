//! Every set and element that nft sent and the kernel told of, rebuilt from its public fields.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::expr::{ExprInfo, Exprs};
use crate::set::element::ElementFlags;
use crate::userdata::{SetUserdata, Typeof};
use crate::wire::message::{Content, Messages};
use crate::wire::reader::Notes;
use crate::wire::{AttrReader, Family};

/// The files of the corpus, if this machine has it: the requests of nft, and the dumps of the kernel.
pub(crate) fn files() -> Option<Vec<PathBuf>> {
    let dir = PathBuf::from(std::env::var_os("NFTLINK_CORPUS")?);
    let all = ["rulesets", "crafted"].into_iter().flat_map(|part| fs::read_dir(dir.join(part)).into_iter().flatten());
    let mut files: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "nl" || end == "req"));
    files.sort();
    assert!(files.len() > 500, "{files:?}");
    Some(files)
}

/// Whether a file is what nft sent. What was made by hand has its attributes in another order.
fn is_nfts(path: &Path) -> bool {
    is_request(path) && !path.to_string_lossy().contains("crafted")
}

fn is_request(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "req")
}

/// The messages of a file that are of a kind, as family and attributes.
fn messages(bytes: &[u8], wanted: u16) -> Vec<(Family, &[u8])> {
    Messages::new(bytes)
        .map_while(Result::ok)
        .filter_map(|message| match message.content() {
            Ok(Content::Nft { kind, family, attrs, .. }) if kind == wanted => Some((family, attrs)),
            _ => None,
        })
        .collect()
}

/// The attributes with what they are in, nests opened, but for expressions.
fn leaves(attrs: &[u8], nests: &[&[u16]]) -> Vec<(Vec<u16>, Vec<u8>)> {
    fn walk(path: &mut Vec<u16>, attrs: &[u8], nests: &[&[u16]], out: &mut Vec<(Vec<u16>, Vec<u8>)>) {
        let notes = Notes::default();
        for attr in AttrReader::new(attrs, &notes) {
            let (number, value) = attr.unwrap();
            path.push(number);
            if nests.contains(&path.as_slice()) {
                walk(path, value.bytes(), nests, out);
            } else {
                out.push((path.clone(), value.bytes().to_vec()));
            }
            path.pop();
        }
    }
    let mut out = Vec::new();
    walk(&mut Vec::new(), attrs, nests, &mut out);
    out
}

/// The expressions that an attribute holds: one, or a list of them.
fn exprs(attr: u16, one: u16, value: &[u8]) -> Vec<Expr> {
    let mut w = AttrWriter::new();
    match attr == one {
        true => w.nest(NFTA_LIST_ELEM, |w| w.raw(value)),
        false => w.raw(value),
    }
    Exprs::new(w.bytes_written()).map(|expr| expr.unwrap().get().clone()).collect()
}

/// What is different between a dump and what was written for it, as far as a request may say it.
fn lost(
    dump: &[(Vec<u16>, Vec<u8>)],
    again: &[(Vec<u16>, Vec<u8>)],
    output: &[u16],
    (one, more): (u16, u16),
    counts: &mut BTreeMap<u16, usize>,
) -> Vec<String> {
    let mut lost = Vec::new();
    for (path, value) in dump {
        *counts.entry(path[0]).or_default() += 1;
        if output.contains(&path[0]) {
            continue;
        }
        let found: Vec<_> = again.iter().filter(|(other, _)| other == path).map(|(_, value)| value).collect();
        let same = match path[0] {
            number if number == one || number == more => {
                found.iter().any(|again| exprs(number, one, again) == exprs(number, one, value))
            }
            _ => found.contains(&value),
        };
        if !same {
            lost.push(format!("{path:?} is {found:02x?}, not {value:02x?}"));
        }
    }
    lost
}

const SET_NESTS: &[&[u16]] =
    &[&[NFTA_SET_DESC], &[NFTA_SET_DESC, NFTA_SET_DESC_CONCAT], &[NFTA_SET_DESC, NFTA_SET_DESC_CONCAT, NFTA_LIST_ELEM]];
/// Key, data, verdict, end of the key.
const ELEMENT_NESTS: &[&[u16]] = &[&[1], &[2], &[2, 2], &[10]];

#[test]
fn every_set_is_written_as_it_was_from_its_public_fields() {
    let Some(files) = files() else { return eprintln!("NFTLINK_CORPUS is not set: nothing was compared") };
    let (mut dumped, mut requested) = (BTreeMap::new(), 0);
    let mut wrong = Vec::new();
    for path in files {
        let bytes = fs::read(&path).unwrap();
        for (family, attrs) in messages(&bytes, NFT_MSG_NEWSET) {
            let info = SetInfo::decode(family, attrs).unwrap();
            let notes = Notes::default();
            let attr = |wanted| {
                let mut all = AttrReader::new(attrs, &notes).map(Result::unwrap);
                all.find(|(number, _)| *number == wanted).map(|(_, value)| value)
            };
            let id = attr(NFTA_SET_ID).map_or(1, |id| id.u32().unwrap());
            let (mut w, untyped) = (AttrWriter::new(), UntypedSet::from(&info));
            untyped.encode(id, &mut w);
            assert_eq!(w.take_error(), None, "{} in {}", info.at(), path.display());
            assert!(untyped.unknown.is_empty() && untyped.unknown_desc.is_empty());
            assert!(!info.stateful().iter().any(ExprInfo::has_unknown));
            let again = w.bytes_written();
            assert_eq!(UntypedSet::from(&SetInfo::decode(family, again).unwrap()), untyped);
            if is_nfts(&path) {
                requested += 1;
                if again != attrs {
                    let (a, b) = (leaves(again, SET_NESTS), leaves(attrs, SET_NESTS));
                    wrong.push(format!("{}: {a:02x?}\nis not {b:02x?} in {}", info.at(), path.display()));
                }
                continue;
            }
            // What only the kernel says is all told.
            assert_eq!(attr(NFTA_SET_HANDLE).map(|v| v.u64().unwrap()), info.handle().map(SetHandle::get));
            assert_eq!(attr(NFTA_SET_COUNT).map(|v| v.u32().unwrap()), info.count());
            let name = attr(NFTA_SET_TYPE).map(|v| String::from_utf8(v.str_bytes().to_vec()).unwrap());
            assert_eq!(name.as_deref(), info.set_type());
            let (dump, again) = (leaves(attrs, SET_NESTS), leaves(again, SET_NESTS));
            let counts = if is_request(&path) { &mut BTreeMap::new() } else { &mut dumped };
            let output = [NFTA_SET_HANDLE, NFTA_SET_COUNT, NFTA_SET_TYPE, NFTA_SET_PAD];
            let lost = lost(&dump, &again, &output, (NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS), counts);
            wrong.extend(lost.into_iter().map(|lost| format!("{lost} in {} of {}", info.at(), path.display())));
        }
    }
    assert!(wrong.is_empty(), "{} differ: {}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    println!("attributes of sets in dumps: {dumped:?}; requests: {requested}");
    assert!(requested > 1000 && dumped[&NFTA_SET_HANDLE] > 1000, "{requested} {dumped:?}");
    let seen: Vec<u16> = dumped.into_keys().collect();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 18, 19, 20], "all but ID and PAD");
}

#[test]
fn every_element_is_written_as_it_was_from_its_public_fields() {
    let Some(files) = files() else { return eprintln!("NFTLINK_CORPUS is not set: nothing was compared") };
    let (mut dumped, mut requested) = (BTreeMap::new(), 0);
    let mut wrong = Vec::new();
    for path in files {
        let bytes = fs::read(&path).unwrap();
        for (_, attrs) in messages(&bytes, NFT_MSG_NEWSETELEM) {
            let notes = Notes::default();
            let list = AttrReader::new(attrs, &notes).map(Result::unwrap);
            let lists = list.filter(|(number, _)| *number == NFTA_SET_ELEM_LIST_ELEMENTS);
            for (_, value) in lists.flat_map(|(_, list)| list.nested().unwrap().map(Result::unwrap)) {
                let info = ElementInfo::decode(value.bytes()).unwrap();
                let (mut w, entry) = (AttrWriter::new(), Entry::from(&info));
                entry.encode(WhatOfElement::Full, &mut w);
                assert_eq!(w.take_error(), None, "{entry:?} in {}", path.display());
                assert!(entry.unknown.is_empty() && !info.stateful().iter().any(ExprInfo::has_unknown));
                assert_eq!(list::read_entries(w.bytes_written()).first().map(Entry::from), Some(entry.clone()));
                let again = &w.bytes_written()[4..];
                if is_nfts(&path) {
                    requested += 1;
                    if again != value.bytes() {
                        wrong.push(format!("{again:02x?} is not {:02x?} in {}", value.bytes(), path.display()));
                    }
                    continue;
                }
                let (dump, again) = (leaves(value.bytes(), ELEMENT_NESTS), leaves(again, ELEMENT_NESTS));
                let counts = if is_request(&path) { &mut BTreeMap::new() } else { &mut dumped };
                let lost = lost(&dump, &again, &[], (7, 11), counts);
                wrong.extend(lost.into_iter().map(|lost| format!("{lost} in {}", path.display())));
                let flags = ElementFlags::INTERVAL_END | ElementFlags::CATCHALL;
                assert!(flags.contains(entry.flags), "{entry:?}");
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ: {}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    println!("attributes of elements in dumps: {dumped:?}; requests: {requested}");
    assert!(requested > 5000, "{requested}");
    let seen: Vec<u16> = dumped.into_keys().collect();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 9, 10, 11], "all but PAD");
}

#[test]
fn all_userdata_of_sets_and_elements_is_understood_and_written_again() {
    let Some(files) = files() else { return eprintln!("NFTLINK_CORPUS is not set: nothing was compared") };
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut elements = 0;
    for path in files {
        let bytes = fs::read(&path).unwrap();
        for (family, attrs) in messages(&bytes, NFT_MSG_NEWSET) {
            let info = SetInfo::decode(family, attrs).unwrap();
            let userdata = SetUserdata::parse(info.userdata());
            let Some(userdata) = userdata else { panic!("{:?} in {}", info.userdata(), path.display()) };
            assert_eq!(userdata.to_bytes(), info.userdata(), "{}", path.display());
            assert_eq!((userdata.key_order, userdata.data_order), (info.key_order(), info.data_order()));
            assert_eq!((&userdata.key_typeof, &userdata.data_typeof), (&info.key_typeof(), &info.data_typeof()));
            assert_eq!(userdata.comment.as_deref(), info.comment());
            for of in [userdata.key_typeof, userdata.data_typeof].into_iter().flatten() {
                let parts = if let Typeof::Concat(parts) = &of { parts.clone() } else { vec![of] };
                for part in parts {
                    let name = format!("{part:?}");
                    assert!(!matches!(part, Typeof::Other(_)), "{part:?} in {}", path.display());
                    let kind = name.split([' ', '(']).next().unwrap_or_default();
                    *kinds.entry(kind.to_owned()).or_default() += 1;
                }
            }
        }
        for (_, attrs) in messages(&bytes, NFT_MSG_NEWSETELEM) {
            let mut entries = Vec::new();
            read_element_list(attrs, &mut entries).unwrap();
            for entry in entries.iter().filter(|entry| !entry.userdata().is_empty()) {
                let mut w = AttrWriter::new();
                let open = entry.userdata().first() == Some(&1);
                userdata::write_element(&mut w, 6, entry.comment().map(Comment::kept).as_ref(), open);
                let len = 4 + entry.userdata().len();
                assert_eq!(w.bytes_written()[4..len], *entry.userdata(), "{}", path.display());
                elements += 1;
            }
        }
    }
    println!("typeof: {kinds:?}; elements with userdata: {elements}");
    let seen: Vec<&str> = kinds.keys().map(String::as_str).collect();
    assert_eq!(seen, ["Ct", "Exthdr", "Fib", "Meta", "Numgen", "Osf", "Payload", "Verdict", "Xfrm"]);
    assert!(elements > 20, "{elements}");
}
