//! The typed language beside nft's: pairs of a rule as a person writes it for nft, and the same rule in Rust.
//!
//! Both go to a kernel, one after the other, each into a ruleset of the same names. Compared are, of each pair: the
//! messages that are sent, byte by byte (nft shows its own with `--debug=mnl`), those of the rule's own sets included;
//! what the kernel has of both; nft's listings of both, which have to be the text. Spelling and bytes are those of
//! nft 1.0.6.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use nftlink::field::Match;
use nftlink::{AsRule, Batch, ChainRef, Conn, Family, Hook, NormalizedRule, Priority, Rule, RuleBuilder, Table};

use super::attributes;
use crate::support;

#[path = "language/maps.rs"]
pub(super) mod maps;
#[path = "language/matches.rs"]
pub(super) mod matches;
#[path = "language/mistakes.rs"]
pub(super) mod mistakes;
#[path = "language/sets.rs"]
pub(super) mod sets;
#[path = "language/statements.rs"]
pub(super) mod statements;
#[path = "language/translations.rs"]
pub(super) mod translations;

/// A rule as nft lists it, and as this library says it.
pub(super) struct Pair {
    text: String,
    /// What nft is given, if that is not what it lists.
    typed: Option<String>,
    rule: Box<dyn Typed>,
    /// Why the bytes are not nft's.
    differs: Option<&'static str>,
}

/// A rule of the typed language.
trait Typed: AsRule {
    fn normal(&self, chain: &ChainRef) -> NormalizedRule;
}

impl Typed for Rule {
    fn normal(&self, chain: &ChainRef) -> NormalizedRule {
        self.normalized(chain).unwrap()
    }
}

impl Typed for RuleBuilder {
    fn normal(&self, chain: &ChainRef) -> NormalizedRule {
        self.normalized(chain).unwrap()
    }
}

/// A rule of one match.
fn is(text: impl Into<String>, matching: Match) -> Pair {
    does(text, Rule::new().when(matching))
}

fn does(text: impl Into<String>, rule: impl Typed + 'static) -> Pair {
    Pair { text: text.into(), typed: None, rule: Box::new(rule), differs: None }
}

impl Pair {
    /// Gives nft something else than what it lists.
    fn typed(mut self, typed: impl Into<String>) -> Self {
        self.typed = Some(typed.into());
        self
    }

    /// Says what nft lists, if that is not what it is given.
    fn listed_as(self, listed: impl Into<String>) -> Self {
        Self { typed: Some(self.typed.unwrap_or(self.text)), text: listed.into(), ..self }
    }

    /// Notes why the bytes are not nft's; then they may not be.
    fn differs(mut self, why: &'static str) -> Self {
        self.differs = Some(why);
        self
    }
}

/// A set, map or object of the table's, or elements, as nft is told of it behind `add`, without family and table.
pub(super) struct Declaration {
    text: &'static str,
    declare: Box<dyn Fn(&mut Batch)>,
}

fn declare(text: &'static str, declare: impl Fn(&mut Batch) + 'static) -> Declaration {
    Declaration { text, declare: Box::new(declare) }
}

const TABLE: &str = "t";
const CHAIN: &str = "c";

/// The table of the rules.
fn table(family: Family) -> Table {
    Table::new(family, TABLE)
}

/// What is there of one side's rules.
struct Made {
    sent: Sent,
    listing: Vec<String>,
    rules: Vec<(String, super::Attributes)>,
    others: Vec<(String, super::Attributes)>,
    elements: Vec<String>,
}

/// Compares all pairs, and tells of all that differ.
#[track_caller]
fn compare(family: Family, declarations: Vec<Declaration>, pairs: Vec<Pair>) {
    let mut conn = Conn::open().unwrap();
    support::nft_load("flush ruleset");
    let output = support::nft_debugging(&script(family, &declarations, &pairs));
    let refusal: Vec<_> = output.refusal.lines().take(12).collect();
    assert!(refusal.is_empty(), "family {family}: nft: {}", refusal.join("\n"));
    let theirs = made(&mut conn, family, Sent::of_nft(&output.printed));
    let rules = conn.rules(..).unwrap();
    let normalized: Vec<_> = rules.iter().map(|rule| conn.normalized(rule).unwrap()).collect();
    support::nft_load("flush ruleset");
    let batch = batch(family, &declarations, &pairs);
    conn.commit(&batch).unwrap();
    let ours = made(&mut conn, family, Sent::of_batch(&batch));

    let mut wrong = compare_sent(&ours.sent, &theirs.sent, &pairs);
    assert_eq!((ours.listing.len(), theirs.listing.len()), (pairs.len(), pairs.len()), "rules are listed line by line");
    for (n, pair) in pairs.iter().enumerate() {
        for (whose, listing) in [("nft's", &theirs.listing), ("ours", &ours.listing)] {
            if listing[n] != pair.text {
                wrong.push(format!("{}\n  nft's listing of {whose}: {}", pair.text, listing[n]));
            }
        }
        if ours.sent.rules[n] == theirs.sent.rules[n] && ours.rules[n] != theirs.rules[n] {
            wrong.push(format!(
                "{}\n  ours in the kernel:\n{}  nft's:\n{}",
                pair.text, ours.rules[n].0, theirs.rules[n].0
            ));
        }
    }
    // Rules are compared by what they do: nft's rule is found by the one in Rust.
    let chain = ChainRef::new(table(family), CHAIN);
    for (n, pair) in pairs.iter().enumerate() {
        let said = pair.rule.normal(&chain);
        if normalized[n] != said {
            wrong.push(format!("{}\n  said  {said:?}\n  nft's {:?}", pair.text, normalized[n]));
        }
    }
    for (ours, theirs) in ours.others.iter().zip(&theirs.others).filter(|(ours, theirs)| ours != theirs) {
        wrong.push(format!("in the kernel\n  of ours   {ours:?}\n  of nft's {theirs:?}"));
    }
    assert_eq!(ours.others.len(), theirs.others.len());
    let (one, other) = (BTreeSet::from_iter(&ours.elements), BTreeSet::from_iter(&theirs.elements));
    one.symmetric_difference(&other).for_each(|element| wrong.push(format!("an element of one side: {element}")));
    report(family, &pairs, &wrong);
}

/// Compares the messages alone, where the kernel here cannot have the rules.
#[track_caller]
fn compare_messages(family: Family, pairs: Vec<Pair>) {
    let output = support::nft_debugging(&script(family, &[], &pairs));
    let batch = batch(family, &[], &pairs);
    let wrong = compare_sent(&Sent::of_batch(&batch), &Sent::of_nft(&output.printed), &pairs);
    report(family, &pairs, &wrong);
}

#[track_caller]
fn report(family: Family, pairs: &[Pair], wrong: &[String]) {
    assert!(wrong.is_empty(), "family {family}, {} pairs, wrong:\n{}", pairs.len(), wrong.join("\n"));
    let different = pairs.iter().filter(|pair| pair.differs.is_some()).count();
    println!("family {family}: {} pairs are as nft has them, {different} of them in other bytes", pairs.len());
}

fn script(family: Family, declarations: &[Declaration], pairs: &[Pair]) -> String {
    let mut script = format!("add table {family} {TABLE}\n");
    let hook = match family {
        Family::NETDEV => "{ type filter hook ingress device lo priority 0; }",
        _ => "",
    };
    writeln!(script, "add chain {family} {TABLE} {CHAIN} {hook}\nadd chain {family} {TABLE} other").unwrap();
    for Declaration { text, .. } in declarations {
        let (kind, rest) = text.split_once(' ').unwrap();
        writeln!(script, "add {kind} {family} {TABLE} {rest}").unwrap();
    }
    for pair in pairs {
        writeln!(script, "add rule {family} {TABLE} {CHAIN} {}", pair.typed.as_ref().unwrap_or(&pair.text)).unwrap();
    }
    script
}

fn batch(family: Family, declarations: &[Declaration], pairs: &[Pair]) -> Batch {
    let (table, mut batch) = (table(family), Batch::new());
    let chain = table.chain(CHAIN);
    batch.add(&table);
    if family == Family::NETDEV {
        batch.add(&chain.clone().filter(Hook::INGRESS, Priority::FILTER).device("lo"));
    } else {
        batch.add(&chain);
    }
    batch.add(&table.chain("other"));
    declarations.iter().for_each(|declaration| (declaration.declare)(&mut batch));
    for pair in pairs {
        batch.append(&chain, &*pair.rule);
        assert!(batch.mistake().is_none(), "family {family}: {}: {:?}", pair.text, batch.mistake());
    }
    batch
}

fn made(conn: &mut Conn, family: Family, sent: Sent) -> Made {
    const RULE_HANDLE_POSITION: &[u16] = &[3, 6];
    let family = family.to_string();
    let listing = support::nft(&["list", "chain", &family, TABLE, CHAIN]);
    let is_rule = |line: &&str| line.starts_with("\t\t") && !line.starts_with("\t\ttype ");
    let rules = conn.rules(..).unwrap();
    Made {
        sent,
        listing: listing.lines().filter(is_rule).map(|line| line.trim_start().to_owned()).collect(),
        rules: rules
            .iter()
            .map(|rule| (rule.bytecode().to_string(), attributes(rule.raw(), RULE_HANDLE_POSITION)))
            .collect(),
        others: super::as_the_kernel_has_it(conn).into_iter().filter(|(what, _)| !what.starts_with("rule")).collect(),
        elements: super::elements(conn),
    }
}

/// Messages about the declarations, and about each rule.
struct Sent {
    before: Vec<String>,
    rules: Vec<Vec<String>>,
}

fn compare_sent(ours: &Sent, theirs: &Sent, pairs: &[Pair]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut differ = |what: &str, ours: &[String], theirs: &[String]| {
        // The first line that differs says enough.
        let mut lines = (0..ours.len().max(theirs.len())).map(|n| (ours.get(n), theirs.get(n)));
        if let Some((one, other)) = lines.find(|(one, other)| one != other) {
            let [one, other] = [one, other].map(|line| line.map_or("nothing", |line| line));
            wrong.push(format!("{what}\n  we send   {one}\n  nft sends {other}"));
        }
    };
    differ("declarations", &ours.before, &theirs.before);
    assert_eq!((ours.rules.len(), theirs.rules.len()), (pairs.len(), pairs.len()), "a message for each rule");
    for (pair, (ours, theirs)) in pairs.iter().zip(ours.rules.iter().zip(&theirs.rules)) {
        match pair.differs {
            None => differ(&pair.text, ours, theirs),
            Some(why) => assert_ne!(ours, theirs, "{}: they do not differ: {why}", pair.text),
        }
    }
    wrong
}

const NFT_MSG_NEWRULE: u16 = 6;
const NFT_MSG_NEWSET: u16 = 9;
const NFT_MSG_NEWSETELEM: u16 = 12;

impl Sent {
    fn new(messages: Vec<Message>) -> Self {
        let mut sent = Self { before: Vec::new(), rules: Vec::new() };
        let (mut current, mut ids) = (Vec::new(), Vec::new());
        for message in
            messages.iter().filter(|m| matches!(m.kind, NFT_MSG_NEWRULE | NFT_MSG_NEWSET | NFT_MSG_NEWSETELEM))
        {
            let lines = message.lines(&mut ids);
            match message.kind {
                NFT_MSG_NEWRULE => {
                    current.extend(lines);
                    sent.rules.push(std::mem::take(&mut current));
                    ids.clear();
                }
                // nft sends elements of some sets of intervals twice.
                _ if message.is_of_named_set() => {
                    ids.clear();
                    if !sent.before.ends_with(&lines) {
                        sent.before.extend(lines);
                    }
                }
                _ => current.extend(lines),
            }
        }
        sent
    }

    fn of_batch(batch: &Batch) -> Self {
        let (mut bytes, mut messages) = (batch.as_bytes(), Vec::new());
        while let [l0, l1, l2, l3, kind, _, _, _, ..] = bytes {
            let len = u32::from_ne_bytes([*l0, *l1, *l2, *l3]) as usize;
            let (message, rest) = bytes.split_at(len.next_multiple_of(4));
            messages.push(Message { kind: (*kind).into(), family: message[16], attributes: message[20..].to_vec() });
            bytes = rest;
        }
        Self::new(messages)
    }

    /// Reads what libmnl's `mnl_nlmsg_fprintf` prints: a table with four bytes a row, and what they are behind it.
    fn of_nft(printed: &str) -> Self {
        let mut messages: Vec<Message> = Vec::new();
        let plain = without_colors(printed);
        for line in plain.lines() {
            let Some((row, what)) = line.split_once("\t|") else { continue };
            let cells: Vec<&str> = row.split(['|', ' ', '-']).filter(|cell| !cell.is_empty()).collect();
            let what = what.split('|').next().unwrap_or_default().trim();
            match what {
                "message length" => messages.push(Message { kind: 0, family: 0, attributes: Vec::new() }),
                "sequence number" | "port ID" => {}
                _ => {
                    let message = messages.last_mut().expect("a length comes first");
                    match what {
                        // `| 02576 | R--- |`: subsystem and message.
                        "type" => message.kind = cells[0].parse::<u16>().unwrap() & 0xff,
                        "extra header" => message.family = u8::from_str_radix(cells[0], 16).unwrap(),
                        // `|00012|N-|00001|`
                        "len" => {
                            let nested = if row.contains('N') { 0x8000 } else { 0 };
                            let (len, number): (u16, u16) =
                                (cells[0].parse().unwrap(), cells.last().unwrap().parse().unwrap());
                            message.attributes.extend(len.to_ne_bytes());
                            message.attributes.extend((number | nested).to_ne_bytes());
                        }
                        "data" => {
                            message.attributes.extend(cells.iter().map(|byte| u8::from_str_radix(byte, 16).unwrap()))
                        }
                        _ => panic!("{line}"),
                    }
                }
            }
        }
        Self::new(messages)
    }
}

fn without_colors(printed: &str) -> String {
    let mut parts = printed.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest)));
    plain
}

struct Message {
    kind: u16,
    family: u8,
    attributes: Vec<u8>,
}

/// Attributes with the flags in their numbers, in order.
fn parts(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut parts = Vec::new();
    while let [l0, l1, n0, n1, rest @ ..] = bytes {
        let len = usize::from(u16::from_ne_bytes([*l0, *l1])) - 4;
        parts.push((u16::from_ne_bytes([*n0, *n1]), &rest[..len]));
        bytes = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    parts
}

impl Message {
    // include/uapi/linux/netfilter/nf_tables.h
    const NAME: u16 = 2;
    const SET_ID: u16 = 10;
    const ELEM_LIST_SET_ID: u16 = 4;
    const RULE_EXPRESSIONS: u16 = 4;

    fn is_of_named_set(&self) -> bool {
        parts(&self.attributes).iter().any(|(number, value)| *number == Self::NAME && !value.starts_with(b"__"))
    }

    /// All that is in it, a line for each expression and element.
    ///
    /// Numbers of sets become those of their order in the rule; for sets with names they are left out, since we never
    /// refer to those by number. nft numbers the elements, too, of which the kernel makes nothing.
    fn lines(&self, ids: &mut Vec<Vec<u8>>) -> Vec<String> {
        let (what, id, list) = match self.kind {
            NFT_MSG_NEWRULE => ("rule", None, Some(Self::RULE_EXPRESSIONS)),
            NFT_MSG_NEWSET => ("set", Some(Self::SET_ID), None),
            _ => ("elements", Some(Self::ELEM_LIST_SET_ID), Some(3)),
        };
        let (named, mut head, mut lines) = (self.is_of_named_set(), format!("{what} {}:", self.family), Vec::new());
        for (number, value) in parts(&self.attributes) {
            if Some(number) == id {
                if !named {
                    write!(head, " {number}=#{}", ordinal(value, ids)).unwrap();
                }
            } else if Some(number & 0x3fff) == list {
                let entries = parts(value).into_iter();
                lines.extend(entries.map(|(number, entry)| match self.kind {
                    NFT_MSG_NEWRULE => format!("{number:#x} {}", expression(entry, ids)),
                    _ => format!("element {}", hex(entry)),
                }));
                // nft begins sets of intervals with an end at the lowest value; we do so for the rules' own.
                lines.retain(|line| !(named && is_end_at_zero(line)));
                write!(head, " {number:#x}=…").unwrap();
            } else {
                write!(head, " {number:#x}={}", hex(value)).unwrap();
            }
        }
        lines.insert(0, head);
        lines
    }
}

/// Flags that say it is an end, and a key of zeros.
fn is_end_at_zero(line: &str) -> bool {
    let key = line.strip_prefix("element 0800030000000001").and_then(|rest| rest.get(16..));
    key.is_some_and(|key| key.bytes().all(|digit| digit == b'0'))
}

fn ordinal(id: &[u8], ids: &mut Vec<Vec<u8>>) -> usize {
    ids.iter().position(|known| known == id).unwrap_or_else(|| {
        ids.push(id.to_vec());
        ids.len() - 1
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn expression(bytes: &[u8], ids: &mut Vec<Vec<u8>>) -> String {
    const EXPR_NAME: u16 = 1;
    let mut out = String::new();
    let mut name: &[u8] = b"";
    for (number, value) in parts(bytes) {
        if number == EXPR_NAME {
            name = value;
            out.push_str(String::from_utf8_lossy(value).trim_end_matches('\0'));
            continue;
        }
        write!(out, " {number:#x}(").unwrap();
        // Where the expression names a set, and where it has its number.
        let (set_name, set_id) = match name {
            b"lookup\0" => (1, 4),
            b"dynset\0" => (1, 2),
            b"objref\0" => (4, 5),
            _ => (0, 0),
        };
        let attributes = parts(value);
        let named = attributes.iter().any(|(number, value)| *number == set_name && !value.starts_with(b"__"));
        for (number, value) in attributes {
            // nft tells the operation of all that `bitwise` does, also the only one that old kernels know.
            if name == b"bitwise\0" && (number, value) == (6, &[0; 4]) {
                continue;
            }
            if number == set_id && number != 0 {
                if !named {
                    write!(out, " {number}=#{}", ordinal(value, ids)).unwrap();
                }
            } else {
                write!(out, " {number:#x}={}", hex(value)).unwrap();
            }
        }
        out.push(')');
    }
    out
}
