use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::table::Table;
use crate::wire::NLA_F_NESTED;
use crate::wire::message::{Content as Message, Messages};

fn written(write: impl FnOnce(&mut AttrWriter)) -> Vec<u8> {
    let mut w = AttrWriter::new();
    write(&mut w);
    assert_eq!(w.take_error(), None);
    w.bytes_written().to_vec()
}

/// What an object cannot be written for.
pub(super) fn mistake<T: Kind>(value: &T) -> Option<BuildErrorKind> {
    let mut w = AttrWriter::new();
    value.encode_object(&mut w);
    w.take_error()
}

/// Writes each golden value as an object, and reads it as one.
pub(super) fn check_golden<T: Kind + Object + PartialEq>() {
    for (value, _) in T::golden() {
        let named = Named::new(Table::inet("fw"), "x", value.clone()).comment("c");
        let info = ObjectInfo::decode(Family::INET, &written(|w| named.encode(w))).unwrap();
        assert_eq!((info.kind(), info.comment(), info.has_unknown()), (<T as Kind>::KIND, Some("c"), false));
        assert_eq!(info.value::<T>().unwrap(), Some(value.clone()));
        assert_eq!(info.any_value().unwrap(), value.clone().into());
        let again = Named::<Value>::try_from(&info).unwrap();
        assert_eq!(written(|w| again.encode(w)), info.raw());
        assert_eq!(written(|w| info.to_named::<T>().unwrap().unwrap().encode(w)), info.raw());
        assert_eq!(written(|w| info.encode(w)), info.raw());
        check_unknown(&info, &value);
    }
}

/// What is not known at any depth is told, hides nothing, and is written back.
fn check_unknown<T: Kind + Object + PartialEq>(info: &ObjectInfo, value: &T) {
    for (nesting, more) in crate::expr::golden::with_unknown(info.raw()) {
        let told = ObjectInfo::decode(Family::INET, &more).unwrap();
        assert_eq!(written(|w| told.encode(w)), more, "{value:?}: 99 in {nesting:?} is lost");
        // Each number is a state's there, with a time for it.
        if <T as Kind>::KIND == ObjectKind::CT_TIMEOUT && nesting.len() == 2 {
            assert_ne!(told.value::<T>().unwrap().as_ref(), Some(value));
            continue;
        }
        assert!(told.has_unknown(), "{value:?}: 99 in {nesting:?} is not told");
        assert_eq!(
            told.value::<T>().unwrap().as_ref(),
            Some(value),
            "{value:?}: 99 in {nesting:?} hides what is known"
        );
        assert_eq!(written(|w| told.encode(w)), more, "{value:?}: 99 in {nesting:?} is lost");
        let mut w = AttrWriter::new();
        told.to_named::<T>().unwrap().unwrap().encode(&mut w);
        let name = BuildErrorKind::UnknownAttributes(told.kind().to_string().into());
        assert_eq!(w.take_error(), Some(name), "{value:?}: it is not told that 99 is lost");
    }
}

#[test]
fn objects_are_shown_as_libnftnl_shows_them() {
    let quota = Quota { consumed: 5, ..Quota::new(10 << 20).over() };
    let limit = Limit::bytes(10 << 20, Limit::SECOND).burst(1 << 20).over();
    let helper = CtHelper::new("ftp", crate::datum::L4Proto::TCP);
    let expect = CtExpect::new(crate::datum::L4Proto::UDP, 9876, std::time::Duration::from_secs(120), 12);
    let shown: [(Value, &str); 6] = [
        (Counter::new(10, 20).into(), "counter pkts 10 bytes 20"),
        (quota.into(), "quota bytes 10485760 flags 1"),
        (limit.into(), "limit rate 10485760 unit 1 burst 1048576 type 1 flags 1"),
        (Synproxy::new().mss(1460).wscale(7).into(), "synproxy mss 1460 wscale 7"),
        (helper.into(), "ct_helper name ftp family 0 protocol 6"),
        (expect.l3proto(Family::IP).into(), "ct_expect family 2 protocol 17 dport 9876 timeout 120000 size 12"),
    ];
    for (value, text) in shown {
        assert_eq!(value.to_string(), text);
        let info = Named::new(Table::inet("fw"), "x", value);
        let info = ObjectInfo::decode(Family::INET, &written(|w| info.encode(w))).unwrap();
        assert_eq!(info.bytecode(), format!("table fw name x use 0 [ {text} ]"));
    }
}

/// An object of a kind, as a kernel tells of it.
fn told(kind: ObjectKind, data: impl FnOnce(&mut AttrWriter), beside: impl FnOnce(&mut AttrWriter)) -> ObjectInfo {
    let raw = written(|w| {
        ObjectRef::new(Table::inet("fw"), kind, "x").write(w);
        w.nest(NFTA_OBJ_DATA, data);
        beside(w);
    });
    ObjectInfo::decode(Family::INET, &raw).unwrap()
}

#[test]
fn kind_that_does_not_exist_yet_is_kept_and_written_back() {
    let kind = ObjectKind::from_raw(99);
    let info = told(kind, |w| w.u32(1, 7), |_| {});
    let attributes: Box<[u8]> = written(|w| w.u32(1, 7)).into();
    assert!(info.has_unknown());
    assert_eq!(info.any_value().unwrap(), Value::Unknown { kind, attributes });
    assert_eq!(info.value::<Counter>().unwrap(), None);
    assert_eq!(info.bytecode(), "table fw name x use 0 [ 99 (unknown) ]");
    assert_eq!(written(|w| info.encode(w)), info.raw());
    let named = Named::<Value>::try_from(&info).unwrap();
    assert_eq!(written(|w| named.encode(w)), info.raw());
}

#[test]
fn unknown_attributes_hide_nothing_and_are_not_lost_unnoticed() {
    let quota = Quota::new(5);
    let inside = told(
        ObjectKind::QUOTA,
        |w| {
            quota.encode(w);
            w.u32(99, 1);
        },
        |_| {},
    );
    let beside = told(ObjectKind::QUOTA, |w| quota.encode(w), |w| w.u32(99, 1));
    for info in [inside, beside] {
        assert!(info.has_unknown());
        assert_eq!(info.value::<Quota>().unwrap(), Some(quota));
        assert_eq!(written(|w| info.encode(w)).len(), info.raw().len());
        let edited = info.to_named::<Quota>().unwrap().unwrap().with(Quota::new(6));
        let mut w = AttrWriter::new();
        edited.encode(&mut w);
        assert_eq!(w.take_error(), Some(BuildErrorKind::UnknownAttributes("quota".into())));
        let known = written(|w| edited.forget_unknown().encode(w));
        assert_eq!(known, written(|w| Quota::new(6).named(Table::inet("fw"), "x").encode(w)));
    }
}

#[test]
fn what_the_kernel_only_tells_is_not_written_back() {
    let used_up = Quota { flags: QuotaFlags::DEPLETED, consumed: 5, ..Quota::new(5) };
    let info = told(
        ObjectKind::QUOTA,
        |w| {
            w.u64(1, used_up.bytes);
            w.u64(4, used_up.consumed);
            w.u32(2, used_up.flags.bits());
        },
        |w| {
            w.u32(NFTA_OBJ_USE, 1);
            w.u64(NFTA_OBJ_HANDLE, 2);
        },
    );
    assert_eq!(info.value::<Quota>().unwrap(), Some(used_up));
    let again = ObjectInfo::decode(Family::INET, &written(|w| info.encode(w))).unwrap();
    assert_eq!(again.value::<Quota>().unwrap(), Some(Quota { flags: QuotaFlags::empty(), ..used_up }));
    assert_eq!((again.uses(), again.handle()), (0, ObjectHandle::from_raw(0)));
}

#[test]
fn numbers_that_a_kernel_has_are_written_back_even_if_they_are_held_for_wrong() {
    let info = told(
        ObjectKind::SYNPROXY,
        |w| {
            w.u16(1, 1460);
            w.u8(2, 15);
            w.u32(3, 3);
        },
        |_| {},
    );
    assert_eq!(info.value::<Synproxy>().unwrap(), Some(Synproxy::new().mss(1460).wscale(15)));
    assert_eq!(written(|w| info.encode(w)), info.raw());
}

#[test]
fn broken_data_is_an_error_of_its_own() {
    let info = told(ObjectKind::COUNTER, |w| w.bytes(1, &[1]), |_| {});
    assert!(info.any_value().is_err() && info.value::<Counter>().is_err());
    assert!(Named::<Value>::try_from(&info).is_err());
    assert!(info.bytecode().starts_with("table fw name x use 0 [ counter ("), "{}", info.bytecode());
    assert_eq!(written(|w| info.encode(w)), info.raw());
}

/// Attributes as a tree whose leaves end where a string does, in the order of their numbers.
fn tree(bytes: &[u8], nested: &dyn Fn(u16) -> bool, without: &[u16]) -> String {
    let notes = Notes::default();
    let mut found = Vec::new();
    for attr in AttrReader::new(bytes, &notes) {
        let (number, value) = attr.unwrap();
        if without.contains(&number) {
            continue;
        }
        let shown = match nested(number) {
            true => tree(value.bytes(), &|_| false, &[]),
            false => format!("{:02x?}", value.bytes()),
        };
        found.push(format!("{number}: {shown}"));
    }
    found.sort();
    format!("{{{}}}", found.join("; "))
}

/// The objects in a file of the corpus.
fn objects_of(bytes: &[u8]) -> Vec<ObjectInfo> {
    let messages = Messages::new(bytes).map_while(Result::ok);
    let objects = messages.filter_map(|message| match message.content() {
        Ok(Message::Nft { kind: NFT_MSG_NEWOBJ, family, attrs, .. }) => Some((family, attrs)),
        _ => None,
    });
    objects.map(|(family, attrs)| ObjectInfo::decode(family, attrs).unwrap()).collect()
}

/// Every object that nft sent or the kernel told is read as a value, and written again from it alone: byte
/// for byte what nft sent, and of what the kernel told all that a request may have.
#[test]
fn the_corpus_is_written_again_from_values() {
    let Some(corpus) = std::env::var_os("NFTLINK_CORPUS").map(PathBuf::from) else {
        return eprintln!("NFTLINK_CORPUS is not set: nothing was compared");
    };
    let mut same: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let files = ["rulesets", "crafted"].into_iter().flat_map(|dir| fs::read_dir(corpus.join(dir)).unwrap());
    for path in files.map(|entry| entry.unwrap().path()) {
        let Some(end @ ("nl" | "req")) = path.extension().and_then(|end| end.to_str()) else { continue };
        for info in objects_of(&fs::read(&path).unwrap()) {
            let what = format!("{} in {}", info.bytecode(), path.display());
            assert!(!info.has_unknown(), "{what}");
            let named = Named::<Value>::try_from(&info).unwrap();
            let again = written(|w| named.encode(w));
            // Of the crafted ones the attributes come in another order.
            if end == "req" && path.parent() == Some(&corpus.join("rulesets")) {
                assert_eq!(again, info.raw(), "{what}");
            }
            let back = ObjectInfo::decode(info.table().family, &again).unwrap();
            assert_eq!(back.any_value().unwrap(), info.any_value().unwrap(), "{what}");
            let whole = |info: &ObjectInfo| {
                let data = |n| n == NFTA_CT_TIMEOUT_DATA && info.kind() == ObjectKind::CT_TIMEOUT;
                let mut data = tree(&info.data, &data, &[]);
                // The kernel ends a helper's name with a NUL, and nft does not.
                if info.kind() == ObjectKind::CT_HELPER {
                    data = data.replace(", 00]; 2", "]; 2");
                }
                format!("{data} {}", tree(info.raw(), &|_| false, &[OUTPUT, &[NFTA_OBJ_DATA]].concat()))
            };
            assert_eq!(whole(&back), whole(&info), "{what}");
            *same.entry((info.kind().to_string(), if end == "nl" { "told" } else { "sent" })).or_default() += 1;
        }
    }
    println!("objects compared: {same:?}");
    let kinds: std::collections::BTreeSet<&str> = same.keys().map(|(kind, _)| kind.as_str()).collect();
    let all_but = ["secmark", "tunnel"];
    let known = (1..=10).map(|n| ObjectKind::from_raw(n).word().unwrap()).filter(|word| !all_but.contains(word));
    assert_eq!(kinds, known.collect(), "the corpus has all but what its nft and kernel have not");
}

const NFTA_CT_TIMEOUT_DATA: u16 = 3;

#[test]
fn attributes_of_an_objects_data_have_names_in_errors() {
    let value = CtTimeout::generic().named(Table::inet("fw"), "x");
    let bytes = written(|w| value.encode(w));
    let data = bytes.windows(4).position(|head| head == [16, 0, 4, 0x80]).unwrap();
    assert_eq!(NLA_F_NESTED, 0x8000);
    let path = |kind, offset| {
        let path = crate::wire::path::locate(&bytes, 20, Some(20 + offset), None, schema_of(kind));
        path.unwrap().to_string()
    };
    assert_eq!(path(ObjectKind::CT_TIMEOUT, data), "data");
    assert_eq!(path(ObjectKind::CT_TIMEOUT, data + 4), "data.l4proto");
    assert_eq!(path(ObjectKind::from_raw(99), data), "data");
}
