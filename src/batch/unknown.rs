//! What later kernels may tell and this library does not know yet: it is read, hides nothing, and is written
//! back as it came; a spec that is made from it keeps it, or says that it would be lost.

use super::Batch;
use crate::chain::{Chain, ChainFlags, ChainInfo, ChainKind, Device, Hook, Hooked, NFT_MSG_NEWCHAIN, Policy};
use crate::datum::{Interval, Port};
use crate::error::BuildErrorKind;
use crate::expr::{Counter, Data, Value, Verdict};
use crate::flowtable::{Flowtable, FlowtableFlags, FlowtableInfo, NFT_MSG_NEWFLOWTABLE};
use crate::object::{self, NFT_MSG_NEWOBJ, Named, ObjectInfo, ObjectKind};
use crate::rule::{NFT_MSG_NEWRULE, Rule, RuleInfo};
use crate::ruleset::{Ruleset, TableContents};
use crate::set::{
    ElementFlags, ElementInfo, Entry, Map, NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM, SetFlags, SetInfo, SetPolicy,
    UntypedSet, WhatOfElement, assemble,
};
use crate::table::{NFT_MSG_NEWTABLE, Table, TableFlags, TableInfo};
use crate::wire::message::{Content, Messages, message};
use crate::wire::{AttrWriter, Family};

/// The number of an attribute that there is not.
const NEW: u16 = 99;
/// The number of an enumeration, or the bit of some flags, that there is not.
const ODD: u32 = 1 << 30;

fn written(write: impl FnOnce(&mut AttrWriter)) -> Vec<u8> {
    let mut w = AttrWriter::new();
    write(&mut w);
    assert_eq!(w.take_error(), None);
    w.bytes_written().to_vec()
}

fn mistake(write: impl FnOnce(&mut AttrWriter)) -> Option<BuildErrorKind> {
    let mut w = AttrWriter::new();
    write(&mut w);
    w.take_error()
}

fn lost(what: &str) -> Option<BuildErrorKind> {
    Some(BuildErrorKind::UnknownAttributes(what.into()))
}

fn new(w: &mut AttrWriter) {
    w.u32(NEW, 7);
}

fn named(w: &mut AttrWriter, table: &str, name: (u16, &str)) {
    w.string(1, table.as_bytes());
    w.string(name.0, name.1.as_bytes());
}

/// Reads a table with one more thing in it, as a listing.
fn listed(messages: &[(u16, &[u8])]) -> TableContents {
    let mut w = AttrWriter::new();
    message(&mut w, NFT_MSG_NEWTABLE, 0, 0, Family::INET, |w| w.string(1, b"t"));
    for (kind, attrs) in messages {
        message(&mut w, *kind, 0, 0, Family::INET, |w| w.raw(attrs));
    }
    let ruleset = Ruleset::from_bytes(w.bytes_written()).unwrap();
    // Elements are written in nft's order of attributes.
    let file = ruleset.to_bytes();
    let again = Ruleset::from_bytes(&file).unwrap();
    // The generation comes first.
    assert_eq!((again.to_bytes().len(), file.len()), (w.len() + 28, w.len() + 28), "nothing is lost in a file");
    assert_eq!(Ruleset::from_bytes(&again.to_bytes()).unwrap(), again, "it stays what it is");
    assert!(ruleset.bytecode().to_string().len() < 10_000 && format!("{:#}", ruleset.bytecode()).len() < 10_000);
    let mut batch = Batch::new();
    batch.add_ruleset(&ruleset);
    assert_eq!(batch.mistake(), None);
    ruleset.tables()[0].clone()
}

/// The attributes of the last message of a batch.
fn sent(fill: impl FnOnce(&mut Batch)) -> Vec<u8> {
    let mut batch = Batch::new();
    fill(&mut batch);
    assert_eq!(batch.mistake(), None);
    match Messages::new(batch.as_bytes()).last().unwrap().unwrap().content() {
        Ok(Content::Nft { attrs, .. }) => attrs.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn table() {
    let raw = written(|w| {
        w.string(1, b"t");
        w.u32(2, ODD | 1);
        new(w);
        w.bytes(6, b"\0\x02c\0");
    });
    let info = TableInfo::decode(Family::INET, &raw).unwrap();
    assert_eq!((info.flags().bits(), info.comment(), info.has_unknown()), (ODD | 1, Some("c"), true));
    assert!(info.flags().contains(TableFlags::DORMANT));
    assert_eq!(sent(|batch| _ = batch.add(&info)), raw);
    let spec = Table::from(&info).comment("d");
    assert_eq!(mistake(|w| spec.encode(w)), lost("table"));
    let again = TableInfo::decode(Family::INET, &written(|w| spec.forget_unknown().encode(w))).unwrap();
    assert_eq!((again.flags(), again.comment(), again.has_unknown()), (info.flags(), Some("d"), false));
    let odd = TableInfo::decode(Family::from_raw(200), &written(|w| w.string(1, b"t"))).unwrap();
    assert_eq!(odd.at().to_string(), "200 t");
}

/// A chain with something more at one of the places where attributes are.
fn chain(more_at: &str) -> Vec<u8> {
    let more = |w: &mut AttrWriter, at: &str| {
        if at == more_at {
            new(w);
        }
    };
    written(|w| {
        named(w, "t", (3, "c"));
        w.nest(4, |w| {
            w.u32(1, ODD);
            w.u32(2, 5);
            w.nest(4, |w| {
                w.string(1, b"eth0");
                more(w, "devices");
            });
            more(w, "hook");
        });
        w.u32(5, ODD);
        w.string(7, b"quantum");
        w.nest(8, |w| {
            w.u64(1, 3);
            w.u64(2, 4);
            more(w, "counters");
        });
        w.u32(10, ODD | 3);
        more(w, "chain");
        w.bytes(12, b"\0\x02c\0");
    })
}

#[test]
fn chains() {
    for more_at in ["devices", "hook", "counters", "chain", ""] {
        let raw = chain(more_at);
        let contents = listed(&[(NFT_MSG_NEWCHAIN, &raw)]);
        let info: &ChainInfo = &contents.chains()[0];
        assert_eq!(info.has_unknown(), !more_at.is_empty(), "{more_at}");
        assert_eq!((info.hook(), info.priority()), (Some(Hook::from_number(Family::INET, ODD)), Some(5)));
        assert_eq!(info.hook().and_then(|hook| hook.number(Family::INET)), Some(ODD));
        assert_eq!(
            (info.policy(), info.kind()),
            (Some(Policy::from_raw(ODD)), Some(&ChainKind::Other("quantum".into())))
        );
        assert_eq!((info.devices(), info.counters()), (&[Device::from("eth0")][..], Some(Counter::new(4, 3))));
        assert_eq!((info.flags().bits(), info.comment()), (ODD | 3, Some("c")));
        assert_eq!(sent(|batch| _ = batch.add(info)), raw, "{more_at}");
        let spec = info.to_base().unwrap().policy(Policy::DROP);
        assert_eq!(Chain::<Option<Hooked>>::from(info), info.to_base().unwrap().into());
        assert_eq!(mistake(|w| spec.encode(w)), lost("chain").filter(|_| !more_at.is_empty()), "{more_at}");
        let again = written(|w| spec.forget_unknown().encode(w));
        let again = ChainInfo::decode(Family::INET, &again).unwrap();
        assert_eq!((again.hook(), again.policy(), again.kind()), (info.hook(), Some(Policy::DROP), info.kind()));
        assert_eq!(again.flags(), info.flags() - ChainFlags::BASE);
        assert_eq!((again.devices(), again.counters()), (info.devices(), info.counters()));
    }
    let regular = written(|w| {
        named(w, "t", (3, "c"));
        new(w);
    });
    let info = ChainInfo::decode(Family::INET, &regular).unwrap();
    assert_eq!(mistake(|w| info.to_regular().unwrap().encode(w)), lost("chain"));
}

#[test]
fn flowtables() {
    for more_at in ["devices", "hook", "flowtable", ""] {
        let more = |w: &mut AttrWriter, at: &str| {
            if at == more_at {
                new(w);
            }
        };
        let raw = written(|w| {
            named(w, "t", (2, "f"));
            w.nest(3, |w| {
                w.u32(1, ODD);
                w.u32(2, 5);
                w.nest(3, |w| {
                    w.string(1, b"eth0");
                    more(w, "devices");
                });
                more(w, "hook");
            });
            more(w, "flowtable");
            w.u32(7, ODD | 2);
        });
        let contents = listed(&[(NFT_MSG_NEWFLOWTABLE, &raw)]);
        let info: &FlowtableInfo = &contents.flowtables()[0];
        assert_eq!(info.has_unknown(), !more_at.is_empty(), "{more_at}");
        assert_eq!((info.hook().number(Family::NETDEV), info.priority()), (Some(ODD), 5));
        assert_eq!((info.devices(), info.flags().bits()), (&[Device::from("eth0")][..], ODD | 2));
        assert!(info.flags().contains(FlowtableFlags::COUNTER));
        assert_eq!(sent(|batch| _ = batch.add(info)), raw, "{more_at}");
        let spec = Flowtable::from(info).offload();
        assert_eq!(mistake(|w| spec.encode(w)), lost("flowtable").filter(|_| !more_at.is_empty()), "{more_at}");
        let again = FlowtableInfo::decode(Family::INET, &written(|w| spec.forget_unknown().encode(w))).unwrap();
        assert_eq!((again.hook(), again.devices()), (info.hook(), info.devices()));
        assert_eq!(again.flags(), info.flags() | FlowtableFlags::HW_OFFLOAD);
    }
}

/// A set of numbers, with something more at one of the places where attributes are.
fn set(more_at: &str) -> Vec<u8> {
    let more = |w: &mut AttrWriter, at: &str| {
        if at == more_at {
            new(w);
        }
    };
    written(|w| {
        named(w, "t", (2, "s"));
        w.u32(3, ODD | SetFlags::TIMEOUT.bits());
        w.u32(4, 13);
        w.u32(5, 2);
        w.u32(10, 1);
        w.u32(8, ODD);
        w.nest(9, |w| {
            w.u32(1, 9);
            w.nest(2, |w| {
                w.nest(1, |w| {
                    w.u32(1, 2);
                    more(w, "field");
                });
            });
            more(w, "desc");
        });
        w.nest(17, |w| {
            w.string(1, b"counter");
            w.nest(2, |w| {
                w.u64(1, 3);
                w.u64(2, 4);
                more(w, "expr");
            });
        });
        more(w, "set");
    })
}

#[test]
fn sets() {
    for more_at in ["field", "desc", "expr", "set", ""] {
        let raw = set(more_at);
        let contents = listed(&[(NFT_MSG_NEWSET, &raw)]);
        let info: &SetInfo = contents.sets()[0].info();
        assert_eq!((info.flags().bits(), info.policy()), (ODD | 0x10, SetPolicy::from_raw(ODD)));
        assert_eq!((info.size(), info.fields()), (Some(9), &[2][..]));
        assert_eq!((info.stateful().len(), info.stateful()[0].name()), (1, &b"counter"[..]));
        assert_eq!(sent(|batch| _ = batch.add(info)), raw, "{more_at}");
        // The spec keeps what it does not know.
        let mut spec = UntypedSet::from(info);
        assert_eq!(written(|w| spec.encode(1, w)), raw, "{more_at}");
        spec.size = Some(10);
        let again = SetInfo::decode(Family::INET, &written(|w| spec.encode(1, w))).unwrap();
        assert_eq!((again.size(), again.fields(), again.raw().len()), (Some(10), &[2][..], raw.len()), "{more_at}");
    }
    let odd_types = written(|w| {
        named(w, "t", (2, "s"));
        w.u32(3, 0x48);
        w.u32(4, ODD);
        w.u32(5, 4);
        w.u32(15, ODD);
        w.u32(10, 1);
    });
    let contents = listed(&[(NFT_MSG_NEWSET, &odd_types)]);
    let info = contents.sets()[0].info();
    assert_eq!((info.key_type().get(), info.object_kind()), (ODD, Some(ObjectKind::from_raw(ODD))));
    let again = SetInfo::decode(Family::INET, &sent(|batch| _ = batch.add(info))).unwrap();
    assert_eq!((again.key_type(), again.object_kind()), (info.key_type(), info.object_kind()));
}

/// An element of a map of verdicts, with something more at one of the places where attributes are.
fn element(more_at: &str) -> Vec<u8> {
    let more = |w: &mut AttrWriter, at: &str| {
        if at == more_at {
            new(w);
        }
    };
    written(|w| {
        named(w, "t", (2, "s"));
        w.nest(3, |w| {
            w.nest(1, |w| {
                w.u32(3, ODD);
                w.u64(4, 5);
                w.nest(1, |w| {
                    w.bytes(1, &[0, 80]);
                    more(w, "key");
                });
                w.nest(10, |w| {
                    w.bytes(1, &[0, 90]);
                    more(w, "key_end");
                });
                w.nest(2, |w| {
                    if more_at == "new value" {
                        return new(w);
                    }
                    w.nest(2, |w| {
                        w.u32(1, Verdict::DROP.code.get() as u32);
                        more(w, "verdict");
                    });
                    more(w, "value");
                });
                w.nest(7, |w| {
                    w.string(1, b"counter");
                    w.nest(2, |w| {
                        w.u64(1, 3);
                        w.u64(2, 4);
                        more(w, "expr");
                    });
                });
                more(w, "element");
            });
            w.nest(1, |w| w.nest(1, |w| w.bytes(1, &[0, 100])));
        });
    })
}

/// The attributes of a list's first element, in the order of their numbers.
fn sorted(list: &[u8]) -> Vec<Vec<u8>> {
    let entry = |list: &[u8]| {
        let whole = |start: usize| start + usize::from(u16::from_ne_bytes([list[start], list[start + 1]]));
        // Table, name and two headers come first.
        let start = 8 + 8 + 4;
        list[start + 4..whole(start)].to_vec()
    };
    let mut rest = &entry(list)[..];
    let mut attrs = Vec::new();
    while !rest.is_empty() {
        let len = usize::from(u16::from_ne_bytes([rest[0], rest[1]])).next_multiple_of(4);
        attrs.push(rest[..len].to_vec());
        rest = &rest[len..];
    }
    attrs.sort_by_key(|attr| attr[2]);
    attrs
}

#[test]
fn elements() {
    for more_at in ["key", "key_end", "value", "verdict", "new value", "expr", "element", ""] {
        let raw = element(more_at);
        let contents = listed(&[(NFT_MSG_NEWSET, &set("")), (NFT_MSG_NEWSETELEM, &raw)]);
        let [info, other] = contents.sets()[0].entries() else { panic!("{more_at}") };
        let info: &ElementInfo = info;
        assert_eq!(info.raw().is_some(), !["", "expr"].contains(&more_at), "{more_at}");
        assert_eq!(other.raw(), None);
        assert_eq!((info.key(), info.key_end()), (Some(&Data::new(&[0, 80])), Some(&Data::new(&[0, 90]))));
        let drop = Value::Verdict(Verdict::DROP);
        assert_eq!(info.data(), Some(&drop).filter(|_| more_at != "new value"), "{more_at}");
        assert_eq!((info.flags(), info.timeout().unwrap().as_millis()), (ElementFlags::from_bits_retain(ODD), 5));
        let again = sent(|batch| _ = batch.add_entries(contents.sets()[0].info(), [info]));
        assert_eq!(sorted(&again), sorted(&raw), "{more_at}");
        // What names the element does without it.
        let deleted = written(|w| Entry::from(info).encode(WhatOfElement::Key, w));
        assert!(deleted.windows(2).any(|part| part == [0, 80]), "{more_at}: {deleted:02x?}");
        // An element with a type says that it would be lost.
        let map = Map::<Interval<Port>, Verdict>::new(Table::inet("t"), "s");
        let typed = assemble::<Interval<Port>, Verdict>(vec![info.clone()]);
        let Ok(typed) = typed else {
            assert_eq!(more_at, "new value");
            continue;
        };
        let mut batch = Batch::new();
        batch.add_elements(&map, typed);
        assert_eq!(batch.mistake().is_some(), !more_at.is_empty(), "{more_at}");
    }
}

#[test]
fn objects() {
    for more_at in ["data", "object", ""] {
        let more = |w: &mut AttrWriter, at: &str| {
            if at == more_at {
                new(w);
            }
        };
        let raw = written(|w| {
            named(w, "t", (2, "o"));
            w.u32(3, ObjectKind::QUOTA.get());
            more(w, "object");
            w.nest(4, |w| {
                w.u64(1, 9);
                w.u64(4, 3);
                w.u32(2, ODD | 1);
                more(w, "data");
            });
        });
        let contents = listed(&[(NFT_MSG_NEWOBJ, &raw)]);
        let info: &ObjectInfo = &contents.objects()[0];
        let quota = info.value::<object::Quota>().unwrap().unwrap();
        assert_eq!((info.has_unknown(), quota.bytes, quota.flags.bits()), (!more_at.is_empty(), 9, ODD | 1));
        let again = ObjectInfo::decode(Family::INET, &sent(|batch| _ = batch.add(info))).unwrap();
        assert_eq!((again.value().unwrap(), again.has_unknown()), (Some(quota), info.has_unknown()));
        let spec = Named::<object::Value>::try_from(info).unwrap();
        assert_eq!(mistake(|w| spec.encode(w)), lost("quota").filter(|_| !more_at.is_empty()), "{more_at}");
    }
}

#[test]
fn rules() {
    for more_at in ["compat", "expr", "data", "rule", ""] {
        let more = |w: &mut AttrWriter, at: &str| {
            if at == more_at {
                new(w);
            }
        };
        let raw = written(|w| {
            named(w, "t", (2, "c"));
            w.u64(3, 5);
            w.nest(4, |w| {
                w.nest(1, |w| {
                    w.string(1, b"quota");
                    w.nest(2, |w| {
                        w.u64(1, 9);
                        w.u64(4, 3);
                        w.u32(2, ODD | 1);
                        more(w, "data");
                    });
                    more(w, "expr");
                });
                w.nest(1, |w| w.string(1, b"quantum"));
            });
            if more_at == "compat" {
                w.nest(5, new);
            }
            w.bytes(7, b"\0\x02c\0");
            more(w, "rule");
        });
        let chain = chain("");
        let contents = listed(&[(NFT_MSG_NEWCHAIN, &chain), (NFT_MSG_NEWRULE, &raw)]);
        let info: &RuleInfo = &contents.rules()[0];
        let exprs: Vec<_> = info.exprs().map(Result::unwrap).collect();
        let crate::expr::Expr::Quota(quota) = exprs[0].get() else { panic!("{}", exprs[0]) };
        assert_eq!((quota.bytes, quota.flags.bits(), info.comment()), (9, ODD | 1, Some("c")));
        assert_eq!(exprs[0].has_unknown(), ["expr", "data"].contains(&more_at));
        assert_eq!(exprs[1].name(), b"quantum");
        // Where it goes the batch says, and the handle is new; the rest is what came.
        let kept = sent(|batch| _ = batch.append(info, info));
        let same = |again: &[u8]| {
            let has = |part: &[u8]| again.windows(part.len()).any(|window| window == part);
            let odd = written(new);
            has(exprs[0].raw()) && has(exprs[1].raw()) && (more_at.is_empty() || has(&odd))
        };
        assert_eq!(kept[16..], raw[16 + 12..], "{more_at}");
        // A rule that is made from it keeps what is beside the expressions, and is another one for it.
        let rule: Rule = info.to_rule().unwrap();
        let again = sent(|batch| _ = batch.append(info, rule.clone()));
        assert!(more_at == "compat" || same(&again), "{more_at}: {again:02x?}");
        let plain = exprs.iter().cloned().fold(Rule::new(), |rule, expr| rule.expr(expr.forget_unknown()));
        let alike = info.normalized().unwrap() == plain.normalized(info.chain()).unwrap();
        assert_eq!(alike, ["", "compat"].contains(&more_at), "{more_at}");
        assert_eq!(info.normalized().unwrap(), rule.normalized(info.chain()).unwrap(), "{more_at}");
    }
}
