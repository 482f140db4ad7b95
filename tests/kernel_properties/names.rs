//! Names, comments and userdata of every length: each is taken by the kernel and read back as it was, or refused before
//! anything is sent.

use std::fmt;
use std::ops::RangeInclusive;

use nftlink::datum::{IfName, Port};
use nftlink::error::BuildErrorKind;
use nftlink::expr::{Expr, Log, Verdict};
use nftlink::field::{meta, tcp};
use nftlink::object::{Counter, ObjectOf};
use nftlink::{Batch, Conn, Device, Element, Entry, Error, Flowtable, Hook, Map, Name, Priority, Rule, Set, Table};
use proptest::prelude::*;

use crate::property::check;
use crate::support;

fn fw() -> Table {
    Table::inet("fw")
}

/// A kind of thing that has a name or a text: how it is added, and how it is read.
struct Kind {
    what: &'static str,
    add: fn(&[u8], &mut Batch),
    read: fn(&[u8], &mut Conn) -> Vec<u8>,
}

/// What a batch says that adds one with this text, or nothing if the kernel has it then as it was.
///
/// # Panics
///
/// If the kernel has something else, or refuses it.
fn refusal(conn: &mut Conn, kind: &Kind, text: &[u8]) -> Option<BuildErrorKind> {
    let mut batch = Batch::new();
    batch.flush_ruleset().add(&fw());
    (kind.add)(text, &mut batch);
    let shown = text.escape_ascii();
    match conn.commit(&batch) {
        Ok(()) => assert_eq!((kind.read)(text, conn).escape_ascii().to_string(), shown.to_string(), "{}", kind.what),
        Err(Error::Build(error)) => return Some(error.kind().clone()),
        Err(error) => panic!("{} {shown}: {error}", kind.what),
    }
    None
}

fn name(bytes: &[u8]) -> Name {
    Name::from(bytes)
}

/// The expressions of the only rule.
fn exprs(conn: &mut Conn) -> Vec<Expr> {
    let rules = conn.rules(..).unwrap();
    let [rule] = &*rules else { panic!("one rule") };
    rule.exprs().map(|expr| expr.unwrap().get().clone()).collect()
}

const NAMES: &[Kind] = &[
    Kind {
        what: "table",
        add: |text, batch| _ = batch.add(&Table::ip(name(text))),
        read: |text, conn| conn.table(Table::ip(name(text))).unwrap().name().as_bytes().to_vec(),
    },
    Kind {
        what: "chain",
        add: |text, batch| {
            let (chain, other) = (fw().chain(name(text)), fw().chain("\u{1}other"));
            let map = Map::<Port, Verdict>::new(fw(), "to");
            batch.add(&chain).add(&other).add(&map).append(&other, Rule::new().jump(&chain));
            batch.append(&other, Rule::new().vmap(tcp::dport(), [(80, Verdict::goto(name(text)))]));
            batch.add_elements(&map, [(80, Verdict::jump(name(text)))]);
        },
        read: |text, conn| {
            let uses = conn.chain(fw().chain(name(text))).unwrap().uses();
            assert_eq!(uses, 3, "each verdict leads there");
            conn.chains(..).unwrap()[0].name().as_bytes().to_vec()
        },
    },
    Kind {
        what: "set",
        add: |text, batch| {
            let (set, chain) = (Set::<Port>::new(fw(), name(text)).dynamic(), fw().chain("c"));
            batch.add(&set).add_elements(&set, [80]).add(&chain);
            batch.append(&chain, Rule::new().when(tcp::dport().in_set(&set)));
            batch.append(&chain, Rule::new().add_to(&set, tcp::dport()));
        },
        read: |text, conn| {
            assert_eq!(conn.elements(&Set::<Port>::new(fw(), name(text))).unwrap().len(), 1);
            conn.sets(..).unwrap()[0].name().as_bytes().to_vec()
        },
    },
    Kind {
        what: "object",
        add: |text, batch| {
            let (counter, chain) = (Counter::named(fw(), name(text)), fw().chain("c"));
            let map = Map::<Port, ObjectOf<Counter>>::new(fw(), "to");
            batch.add(&counter).add(&chain).append(&chain, Rule::new().object(&counter));
            batch.add(&map).add_elements(&map, [(80, &counter)]);
        },
        read: |text, conn| {
            assert_eq!(conn.object(Counter::named(fw(), name(text))).unwrap().uses(), 2);
            conn.objects(..).unwrap()[0].name().as_bytes().to_vec()
        },
    },
];

/// What is to be said of a name.
fn bad_name(what: &'static str, text: &[u8]) -> Option<BuildErrorKind> {
    const MAX: usize = 255;
    match text.len() {
        0 => Some(BuildErrorKind::NameEmpty { what }),
        len if len > MAX => Some(BuildErrorKind::NameTooLong { what, len, max: MAX }),
        _ if text.contains(&0) => Some(BuildErrorKind::NameHasNul { what }),
        _ if what == "set" && text.contains(&b'%') => Some(BuildErrorKind::NameHasPercent),
        _ => None,
    }
}

/// All lengths, or in a slow machine those near the limits.
fn lengths() -> Vec<usize> {
    const LIMITS: [RangeInclusive<usize>; 6] = [0..=2, 14..=17, 99..=102, 126..=129, 254..=258, 299..=300];
    if support::is_emulated() { LIMITS.into_iter().flatten().collect() } else { (0..=300).collect() }
}

/// A text of so many bytes, which has no two alike in a row.
fn text_of(len: usize) -> String {
    ('a'..='z').cycle().take(len).collect()
}

/// Bytes that are told as text.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes: {}", self.0.len(), self.0.escape_ascii())
    }
}

/// Arbitrary bytes: often with what somebody might stumble over, often of a length near a limit.
fn bytes() -> impl Strategy<Value = Bytes> {
    let byte = prop_oneof![
        4 => any::<u8>(),
        4 => b'a'..=b'z',
        1 => prop::sample::select(&b"\0\n\t \"'\\%*@#;{}/.$\x7f\xff\x80\xc3"[..]),
    ];
    let len = prop_oneof![0..300usize, 0..20usize, 95..105usize, 120..135usize, 250..260usize];
    len.prop_flat_map(move |len| {
        let plain = prop::collection::vec(b'a'..=b'z', len);
        prop_oneof![plain, prop::collection::vec(byte.clone(), len)].prop_map(Bytes)
    })
}

/// Arbitrary text.
fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        '\0', '\n', '\t', ' ', '"', '\'', '\\', '%', '*', 'ä', '€', '🔥', '\u{7f}', '\u{85}',
    ]);
    let c = prop_oneof![8 => prop::char::range('a', 'z'), 1 => any::<char>(), 1 => odd];
    let len = prop_oneof![0..300usize, 0..20usize, 95..105usize, 120..135usize, 250..260usize];
    len.prop_flat_map(move |len| {
        let plain = prop::collection::vec(prop::char::range('a', 'z'), len);
        prop_oneof![plain, prop::collection::vec(c.clone(), len / 2)].prop_map(String::from_iter)
    })
}

pub(crate) fn names_of_every_length_are_taken_or_refused() {
    let mut conn = Conn::open().unwrap();
    for len in lengths() {
        for kind in NAMES {
            let text = text_of(len);
            assert_eq!(refusal(&mut conn, kind, text.as_bytes()), bad_name(kind.what, text.as_bytes()));
        }
    }
}

pub(crate) fn arbitrary_names_are_taken_or_refused() {
    check(150, bytes(), |Bytes(bytes)| {
        let mut conn = Conn::open().unwrap();
        for kind in NAMES {
            assert_eq!(refusal(&mut conn, kind, &bytes), bad_name(kind.what, &bytes), "{}", kind.what);
        }
    });
}

pub(crate) fn names_of_flowtables_of_every_length_are_taken_or_refused() {
    const FLOWTABLE: Kind = Kind {
        what: "flowtable",
        add: |text, batch| _ = batch.add(&Flowtable::new(fw(), name(text), Priority::FILTER)),
        read: |_, conn| conn.flowtables(..).unwrap()[0].name().as_bytes().to_vec(),
    };
    let mut conn = Conn::open().unwrap();
    for len in lengths() {
        let text = text_of(len);
        assert_eq!(refusal(&mut conn, &FLOWTABLE, text.as_bytes()), bad_name("flowtable", text.as_bytes()));
    }
    check(100, bytes(), |Bytes(bytes)| {
        let mut conn = Conn::open().unwrap();
        assert_eq!(refusal(&mut conn, &FLOWTABLE, &bytes), bad_name("flowtable", &bytes));
    });
}

/// Names of interfaces, wherever there are some: 1 to 15 bytes.
const DEVICES: &[Kind] = &[
    Kind {
        what: "interface name in a rule",
        add: |text, batch| {
            let chain = fw().chain("c");
            let name = IfName::new(text);
            batch.add(&chain).append(&chain, Rule::new().when(meta::iifname().eq(name)).drop());
        },
        read: |_, conn| {
            let exprs = exprs(conn);
            let Some(Expr::Cmp(cmp)) = exprs.last_chunk::<2>().map(|last| &last[0]) else { panic!("{exprs:?}") };
            assert_eq!(cmp.data.as_bytes().len(), 16);
            cmp.data.as_bytes().split(|&byte| byte == 0).next().unwrap().to_vec()
        },
    },
    Kind {
        what: "interface name in a set",
        add: |text, batch| {
            let set = Set::<IfName>::new(fw(), "s");
            batch.add(&set).add_elements(&set, [IfName::new(text)]);
        },
        read: |_, conn| {
            let set = Set::<IfName>::new(fw(), "s");
            conn.elements(&set).unwrap()[0].key().unwrap().as_bytes().to_vec()
        },
    },
];

/// Devices that are not there, which Linux 6.18 takes for chains.
const DEVICE_OF_CHAIN: Kind = Kind {
    what: "device of a chain",
    add: |text, batch| {
        let table = Table::netdev("t");
        let chain = table.chain("c").filter(Hook::INGRESS, 0).device(IfName::new(text));
        batch.add(&table).add(&chain);
    },
    read: |_, conn| match conn.chain(Table::netdev("t").chain("c")).unwrap().devices() {
        [Device::Name(name)] => name.as_bytes().to_vec(),
        other => panic!("{other:?}"),
    },
};

fn is_device(text: &[u8]) -> bool {
    (1..=15).contains(&text.len()) && !text.contains(&0)
}

pub(crate) fn names_of_devices_of_every_length_are_taken_or_refused() {
    let mut conn = Conn::open().unwrap();
    let takes_absent_devices = support::linux() >= (6, 18);
    let mut try_all = |text: &[u8]| {
        for kind in DEVICES {
            let said = refusal(&mut conn, kind, text);
            assert_eq!(said.is_none(), is_device(text), "{} {}: {said:?}", kind.what, text.escape_ascii());
        }
        if takes_absent_devices || !is_device(text) {
            let said = refusal(&mut conn, &DEVICE_OF_CHAIN, text);
            assert_eq!(said.is_none(), is_device(text), "{}: {said:?}", text.escape_ascii());
        }
    };
    lengths().into_iter().for_each(|len| try_all(text_of(len).as_bytes()));
    let conn = std::cell::RefCell::new(Conn::open().unwrap());
    check(100, prop::collection::vec(prop_oneof![4 => any::<u8>(), 1 => Just(0), 1 => Just(b'%')], 0..20), |text| {
        let said = refusal(&mut conn.borrow_mut(), &DEVICES[1], &text);
        assert_eq!(said.is_none(), is_device(&text), "{}: {said:?}", text.escape_ascii());
    });
}

/// Text from a test, which is UTF-8.
fn utf8(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap()
}

/// Everything that has a comment.
const COMMENTS: &[Kind] = &[
    Kind {
        what: "table",
        add: |text, batch| _ = batch.add(&Table::ip("t").comment(utf8(text))),
        read: |_, conn| conn.table(Table::ip("t")).unwrap().comment().unwrap().into(),
    },
    Kind {
        what: "chain",
        add: |text, batch| _ = batch.add(&fw().chain("c").comment(utf8(text))),
        read: |_, conn| conn.chain(fw().chain("c")).unwrap().comment().unwrap().into(),
    },
    Kind {
        what: "set",
        add: |text, batch| _ = batch.add(&Set::<Port>::new(fw(), "s").comment(utf8(text))),
        read: |_, conn| conn.set(Set::<Port>::new(fw(), "s")).unwrap().comment().unwrap().into(),
    },
    Kind {
        what: "element",
        add: |text, batch| {
            let set = Set::<Port>::new(fw(), "s");
            batch.add(&set).add_elements(&set, [Element::new(80).comment(utf8(text))]);
        },
        read: |_, conn| conn.elements(&Set::<Port>::new(fw(), "s")).unwrap()[0].comment().unwrap().into(),
    },
    Kind {
        what: "object",
        add: |text, batch| _ = batch.add(&Counter::named(fw(), "o").comment(utf8(text))),
        read: |_, conn| conn.object(Counter::named(fw(), "o")).unwrap().comment().unwrap().into(),
    },
    Kind {
        what: "rule",
        add: |text, batch| _ = batch.add(&fw().chain("c")).append(fw().chain("c"), Rule::new().comment(utf8(text))),
        read: |_, conn| conn.rules(..).unwrap()[0].comment().unwrap().into(),
    },
];

const LOG_PREFIX: Kind = Kind {
    what: "prefix of a log",
    add: |text, batch| {
        batch.add(&fw().chain("c")).append(fw().chain("c"), Rule::new().log(Log::new().prefix(utf8(text))));
    },
    read: |_, conn| {
        let [Expr::Log(log)] = &*exprs(conn) else { panic!("one expression") };
        log.prefix.as_ref().unwrap().as_bytes().to_vec()
    },
};

/// What is to be said of a comment.
fn bad_comment(text: &str) -> Option<BuildErrorKind> {
    match text.len() {
        len if len > 127 => Some(BuildErrorKind::CommentTooLong { len }),
        _ if text.contains('\0') => Some(BuildErrorKind::CommentHasNul),
        // nft could not read its own listing.
        _ if text.contains(|c: char| c == '"' || (c.is_control() && c != '\t')) => {
            Some(BuildErrorKind::Unquotable { what: "a comment" })
        }
        _ => None,
    }
}

pub(crate) fn comments_of_every_length_are_taken_or_refused() {
    const OWNER: Kind = Kind {
        what: "owner",
        add: |text, batch| {
            let rule = Rule::new().comment(text_of(127)).owner(utf8(text));
            batch.add(&fw().chain("c")).append(fw().chain("c"), rule);
        },
        read: |_, conn| {
            let rules = conn.rules(..).unwrap();
            assert_eq!(rules[0].comment(), Some(&*text_of(127)));
            rules[0].owner().unwrap().into()
        },
    };
    let mut conn = Conn::open().unwrap();
    for len in lengths() {
        let text = text_of(len);
        for kind in COMMENTS {
            assert_eq!(refusal(&mut conn, kind, text.as_bytes()), bad_comment(&text), "{}", kind.what);
        }
        let bad_owner = (len > 100).then_some(BuildErrorKind::OwnerTooLong { len });
        assert_eq!(refusal(&mut conn, &OWNER, text.as_bytes()), bad_owner);
        if len > 0 {
            let bad_prefix = (len > 127).then_some(BuildErrorKind::LogPrefixTooLong { len });
            assert_eq!(refusal(&mut conn, &LOG_PREFIX, text.as_bytes()), bad_prefix);
        }
    }
}

pub(crate) fn arbitrary_comments_are_taken_or_refused() {
    check(150, text(), |text| {
        let mut conn = Conn::open().unwrap();
        for kind in COMMENTS {
            assert_eq!(refusal(&mut conn, kind, text.as_bytes()), bad_comment(&text), "{}", kind.what);
        }
        if !text.is_empty() {
            let said = refusal(&mut conn, &LOG_PREFIX, text.as_bytes());
            assert_eq!(said.is_none(), bad_comment(&text).is_none(), "{said:?}");
        }
    });
}

pub(crate) fn userdata_of_every_length_is_taken_or_refused() {
    const USERDATA: &[Kind] = &[
        Kind {
            what: "table",
            add: |text, batch| _ = batch.add(&Table::ip("t").userdata(text)),
            read: |_, conn| conn.table(Table::ip("t")).unwrap().userdata().into(),
        },
        Kind {
            what: "chain",
            add: |text, batch| _ = batch.add(&fw().chain("c").userdata(text)),
            read: |_, conn| conn.chain(fw().chain("c")).unwrap().userdata().into(),
        },
        Kind {
            what: "object",
            add: |text, batch| _ = batch.add(&Counter::named(fw(), "o").userdata(text)),
            read: |_, conn| conn.object(Counter::named(fw(), "o")).unwrap().userdata().into(),
        },
        Kind {
            what: "rule",
            add: |text, batch| _ = batch.add(&fw().chain("c")).append(fw().chain("c"), Rule::new().userdata(text)),
            read: |_, conn| conn.rules(..).unwrap()[0].userdata().into(),
        },
        Kind {
            what: "entry",
            add: |text, batch| {
                let set = Set::<Port>::new(fw(), "s");
                let mut entry = Entry::new(80u16.to_be_bytes());
                entry.userdata = text.to_vec();
                batch.add(&set).add_entries(&set, [entry]);
            },
            read: |_, conn| conn.ruleset(..).unwrap().tables()[0].sets()[0].entries()[0].userdata().into(),
        },
    ];
    let mut conn = Conn::open().unwrap();
    for len in lengths() {
        for kind in USERDATA {
            let said = refusal(&mut conn, kind, text_of(len).as_bytes());
            let is_too_long = matches!(&said, Some(BuildErrorKind::OutOfRange { value, .. }) if *value as usize == len);
            // Since Linux 6.0 an entry may have less than all others.
            let is_to_be = len > if kind.what == "entry" { 254 } else { 256 };
            assert_eq!((said.is_some(), is_too_long), (is_to_be, is_to_be), "{}, {len} bytes: {said:?}", kind.what);
        }
    }
}
