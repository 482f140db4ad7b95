//! A parser of batches that knows nothing of the library: only what netlink demands of all messages, and the kernel's
//! [policies]. What the kernel's own parser would refuse, or take for something else than was meant, is an error here.

pub(crate) mod policies;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

/// The attributes that a nest may have, and those that it must have: of each list one.
#[derive(Debug)]
pub struct Policy {
    pub(crate) known: &'static [(u16, Kind)],
    required: &'static [&'static [u16]],
}

/// What an attribute holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    U8,
    U16,
    U32,
    U64,
    /// Text with a NUL at its end, of so many bytes without it.
    Text(usize),
    /// Such text, or none: what the kernel has may have an empty name.
    MaybeText(usize),
    /// Text of so many bytes, which needs no NUL.
    Word(usize),
    /// So many bytes at most, and one at least.
    Bytes(usize),
    /// Bytes, or none.
    Any,
    /// Attributes, each once.
    Nest(&'static Policy),
    /// Nests that all have the number 1.
    List(&'static Policy),
    /// Attributes, some of them more than once.
    Repeated(&'static Policy),
    /// What the name of an expression, or the type of an object, says.
    Body,
    /// Names of devices, or beginnings of names.
    Devices,
    /// Times of states, by the numbers of a protocol.
    Timeouts,
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong(String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Checked<T = ()> = Result<T, Wrong>;

fn wrong<T>(what: impl fmt::Display) -> Checked<T> {
    Err(Wrong(what.to_string()))
}

fn at<T>(place: impl fmt::Display, checked: Checked<T>) -> Checked<T> {
    checked.map_err(|Wrong(what)| Wrong(format!("{place}: {what}")))
}

const HEADER: usize = 16;
const GENERIC: usize = 4;
const SUBSYSTEM: u16 = 10;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const ECHO: u16 = 8;
const REPLACE: u16 = 0x100;
const CREATE: u16 = 0x400;
/// NLM_F_REPLACE, EXCL, CREATE and APPEND, of messages that add.
const ADDING: u16 = 0xf00;
const BEGIN: u16 = 0x10;
const END: u16 = 0x11;
const NESTED: u16 = 0x8000;
/// inet, ip, arp, netdev, bridge, ip6.
const FAMILIES: [u8; 6] = [1, 2, 3, 5, 7, 10];
/// Of no family and without a name: all tables of all families.
const DELETE_TABLE: u16 = 2;
const NEW_CHAIN: u16 = 3;
const NEW_RULE: u16 = 6;
const DELETE_RULE: [u16; 2] = [8, 28];
/// A table, chain, rule, set, elements, an object, a flowtable.
const ADDS: [u16; 7] = [0, 3, 6, 9, 12, 18, 22];

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// What batches have held.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// How many messages.
    pub messages: u32,
    /// Their kinds, by their numbers.
    pub kinds: BTreeSet<u16>,
    /// The expressions, by their names.
    pub expressions: BTreeSet<&'static str>,
    /// The kinds of objects, by their numbers.
    pub objects: BTreeSet<u32>,
}

impl Met {
    /// All that there is.
    pub fn all() -> Self {
        Self {
            messages: 0,
            kinds: policies::MESSAGES.iter().map(|(kind, ..)| *kind).collect(),
            expressions: policies::EXPRESSIONS.iter().map(|(name, _)| *name).collect(),
            objects: policies::OBJECTS.iter().map(|(kind, _)| *kind).collect(),
        }
    }
}

/// Checks the messages of a batch, without its begin and end, and notes what was in it.
///
/// # Errors
///
/// The first that is wrong.
pub fn check(batch: &[u8], met: &mut Met) -> Checked {
    met.messages += check_messages(batch, 0, met)?;
    Ok(())
}

/// Checks what a batch is sent in, with its begin and its end, which a dry run has not. Messages may ask for answers.
///
/// # Errors
///
/// The first that is wrong.
pub fn check_datagram(datagram: &[u8], is_dry: bool, met: &mut Met) -> Checked {
    let len = u32_at(datagram, 0).map(|len| len as usize);
    let Some((begin, rest)) = len.and_then(|len| datagram.split_at_checked(len)) else { return wrong("no begin") };
    at("begin", check_edge(begin, BEGIN, 0, 0))?;
    let end_at = if is_dry { rest.len() } else { rest.len().saturating_sub(HEADER + GENERIC) };
    let (batch, end) = rest.split_at(end_at);
    let count = check_messages(batch, ACK | ECHO, met)?;
    if is_dry { Ok(()) } else { at("end", check_edge(end, END, count + 1, ACK)) }
}

/// Checks the begin or the end of a batch.
fn check_edge(message: &[u8], kind: u16, sequence: u32, asks: u16) -> Checked {
    let (header, attrs) = message.split_at_checked(HEADER + GENERIC).ok_or_else(|| Wrong("too short".to_owned()))?;
    if u32_at(header, 0) != Some(message.len() as u32) || u16_at(header, 4) != Some(kind) {
        return wrong("its length, or its kind");
    }
    if u16_at(header, 6).is_none_or(|flags| flags & !asks != REQUEST) {
        return wrong("its flags");
    }
    if u32_at(header, 8) != Some(sequence) || u32_at(header, 12) != Some(0) {
        return wrong("its number, or a port");
    }
    // Neither family nor version; the subsystem is a number of the network's order.
    if header[HEADER..] != [0, 0, 0, SUBSYSTEM as u8] {
        return wrong("the subsystem");
    }
    match attributes(attrs).collect::<Checked<Vec<_>>>()?[..] {
        [] => Ok(()),
        // The generation at which the batch is meant.
        [(1, generation)] if kind == BEGIN && generation.len() == 4 => Ok(()),
        _ => wrong("attributes"),
    }
}

/// Checks messages, which may ask for answers with some flags, and returns how many they are.
fn check_messages(mut batch: &[u8], asks: u16, met: &mut Met) -> Checked<u32> {
    let mut count = 0;
    while !batch.is_empty() {
        let Some(len) = u32_at(batch, 0).map(|len| len as usize) else { return wrong("half a header at the end") };
        if len < HEADER + GENERIC || len % 4 != 0 || len > batch.len() {
            return wrong(format_args!("message {count} of {len} bytes, of which there are {}", batch.len()));
        }
        let (message, rest) = batch.split_at(len);
        count += 1;
        at(format_args!("message {count}"), check_message(message, count, asks, met))?;
        batch = rest;
    }
    Ok(count)
}

fn check_message(message: &[u8], count: u32, asks: u16, met: &mut Met) -> Checked {
    let (Some(kind), Some(flags)) = (u16_at(message, 4), u16_at(message, 6)) else { return wrong("no header") };
    if kind >> 8 != SUBSYSTEM {
        return wrong(format_args!("of another subsystem: {kind:#x}"));
    }
    let adds = ADDS.contains(&(kind & 0xff));
    if flags & REQUEST == 0 || flags & !(REQUEST | asks | if adds { ADDING } else { 0 }) != 0 {
        return wrong(format_args!("flags {flags:#x}"));
    }
    if u32_at(message, 8) != Some(count) || u32_at(message, 12) != Some(0) {
        return wrong("its number, or a port");
    }
    let [family, version, 0, 0] = message[HEADER..HEADER + GENERIC] else { return wrong("a resource") };
    let all_tables = kind & 0xff == DELETE_TABLE && family == 0 && message.len() == HEADER + GENERIC;
    if version != 0 || !(FAMILIES.contains(&family) || all_tables) {
        return wrong(format_args!("version {version}, family {family}"));
    }
    let Some((_, policy, required)) = policies::MESSAGES.iter().find(|(number, ..)| *number == kind & 0xff) else {
        return wrong(format_args!("kind {}", kind & 0xff));
    };
    met.kinds.insert(kind & 0xff);
    let attrs = &message[HEADER + GENERIC..];
    check_nest(policy, attrs, true, met)?;
    let all: Vec<(u16, &[u8])> = attributes(attrs).collect::<Checked<_>>()?;
    if !all_tables {
        check_required(required, &all)?;
    }
    check_more(kind & 0xff, flags, &all)
}

/// Checks that one attribute is there of each list of them.
fn check_required(required: &[&[u16]], all: &[(u16, &[u8])]) -> Checked {
    match required.iter().find(|any| !any.iter().any(|number| has(all, *number))) {
        Some(absent) => wrong(format_args!("none of {absent:?}")),
        None => Ok(()),
    }
}

fn has(all: &[(u16, &[u8])], wanted: u16) -> bool {
    find_nest(all, wanted).is_some()
}

fn find_nest<'a>(all: &[(u16, &'a [u8])], wanted: u16) -> Option<&'a [u8]> {
    all.iter().find(|(number, _)| number & !NESTED == wanted).map(|(_, value)| *value)
}

/// Checks what a message needs because of others of its attributes, or of its flags.
fn check_more(kind: u16, flags: u16, all: &[(u16, &[u8])]) -> Checked {
    let (has_chain, has_handle) = (has(all, 2), has(all, 3));
    // Without a chain all rules of the table go, whatever the handle.
    if DELETE_RULE.contains(&kind) && has_handle && !has_chain {
        return wrong("the handle of a rule without its chain");
    }
    if kind == NEW_RULE && (flags & REPLACE != 0) != has_handle {
        return wrong("a handle is there for a rule that replaces another, and only then");
    }
    // What has a type is a chain at a hook, and not its devices alone.
    if kind == NEW_CHAIN && has(all, 7) {
        let hook: Vec<(u16, &[u8])> = attributes(find_nest(all, 4).unwrap_or_default()).collect::<Checked<_>>()?;
        at("a chain with a type", check_required(&[&[1], &[2]], &hook))?;
    }
    if kind == NEW_RULE && flags & (CREATE | REPLACE) == 0 {
        return wrong("a rule that is not to be created");
    }
    Ok(())
}

/// The attributes in some bytes: numbers, flags included, and values.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = Checked<(u16, &[u8])>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let (Some(len), Some(number)) = (u16_at(bytes, 0).map(usize::from), u16_at(bytes, 2)) else {
            bytes = &[];
            return Some(wrong("half a header"));
        };
        let padded = len.next_multiple_of(4);
        if len < 4 || padded > bytes.len() {
            let all = std::mem::take(&mut bytes).len();
            return Some(wrong(format_args!("{len} bytes, of which there are {all}")));
        }
        let ((value, padding), rest) = (bytes[4..padded].split_at(len - 4), &bytes[padded..]);
        bytes = rest;
        if padding.iter().any(|&byte| byte != 0) {
            return Some(wrong("padding that is not zero"));
        }
        Some(Ok((number, value)))
    })
}

fn check_nest(policy: &Policy, bytes: &[u8], once: bool, met: &mut Met) -> Checked {
    let all: Vec<(u16, &[u8])> = attributes(bytes).collect::<Checked<_>>()?;
    for (n, &(flagged, value)) in all.iter().enumerate() {
        let number = flagged & !NESTED;
        let Some((_, kind)) = policy.known.iter().find(|(known, _)| *known == number) else {
            return wrong(format_args!("attribute {number}, which the kernel does not know"));
        };
        if once && all[..n].iter().any(|(other, _)| other & !NESTED == number) {
            return wrong(format_args!("attribute {number} twice"));
        }
        let checked = match kind {
            Kind::Body => check_body(&all, flagged & NESTED != 0, value, met),
            kind => check_value(*kind, flagged & NESTED != 0, value, met),
        };
        at(number, checked)?;
    }
    check_required(policy.required, &all)?;
    // Without a priority devices come to what is there, or go: of an inet chain with the number of its hook.
    let (number, priority, devices) = (has(&all, 1), has(&all, 2), has(&all, 3) || has(&all, 4));
    let is_wrong = match policy {
        policy if std::ptr::eq(policy, &policies::HOOK) => !(if priority { number } else { devices }),
        policy if std::ptr::eq(policy, &policies::FLOWTABLE_HOOK) => number != priority || !(priority || devices),
        _ => false,
    };
    if is_wrong {
        return wrong("a hook without its number, or without its priority");
    }
    if std::ptr::eq(policy, &policies::EXPR) {
        match expression(&all) {
            Some((_, Some(data))) if !data.required.is_empty() && !has(&all, 2) => {
                return wrong("an expression without data");
            }
            Some((name, _)) => _ = met.expressions.insert(name),
            None => return wrong("an expression that the kernel does not know"),
        }
    }
    Ok(())
}

fn check_value(kind: Kind, nested: bool, value: &[u8], met: &mut Met) -> Checked {
    let exact = |len: usize| match value.len() {
        has if has == len => Ok(()),
        has => wrong(format_args!("{has} bytes in place of {len}")),
    };
    let is_nest =
        matches!(kind, Kind::Nest(_) | Kind::List(_) | Kind::Repeated(_) | Kind::Body | Kind::Devices | Kind::Timeouts);
    if nested != is_nest {
        return wrong(format_args!("the flag of a nest is {nested}"));
    }
    match kind {
        Kind::U8 => exact(1),
        Kind::U16 => exact(2),
        Kind::U32 => exact(4),
        Kind::U64 => exact(8),
        Kind::Text(most) => check_text(1..=most, value),
        Kind::MaybeText(most) => check_text(0..=most, value),
        Kind::Word(most) | Kind::Bytes(most) if value.is_empty() || value.len() > most => {
            wrong(format_args!("{} bytes, of which {most} are taken", value.len()))
        }
        Kind::Word(_) | Kind::Bytes(_) | Kind::Any | Kind::Body => Ok(()),
        Kind::Nest(policy) => check_nest(policy, value, true, met),
        Kind::Repeated(policy) => check_nest(policy, value, false, met),
        Kind::List(policy) => each(value, |number, value| match number {
            number if number == 1 | NESTED => check_nest(policy, value, true, met),
            number => wrong(format_args!("{number:#x} in a list")),
        }),
        Kind::Devices => each(value, |number, value| match number {
            1 | 2 => check_text(1..=15, value),
            number => wrong(format_args!("{number:#x} among devices")),
        }),
        Kind::Timeouts => each(value, |_, value| match value.len() {
            4 => Ok(()),
            len => wrong(format_args!("a time of {len} bytes")),
        }),
    }
}

fn each(bytes: &[u8], mut check: impl FnMut(u16, &[u8]) -> Checked) -> Checked {
    attributes(bytes).enumerate().try_for_each(|(n, attribute)| {
        let (number, value) = attribute?;
        at(format_args!("[{n}]"), check(number, value))
    })
}

fn check_text(lens: RangeInclusive<usize>, value: &[u8]) -> Checked {
    match value {
        [text @ .., 0] if text.contains(&0) => wrong("a NUL within text"),
        [text @ .., 0] if !lens.contains(&text.len()) => wrong(format_args!("text of {} bytes", text.len())),
        [.., 0] => Ok(()),
        _ => wrong("text without a NUL at its end"),
    }
}

/// The data of an expression, whose name is 1, or of an object, whose type is 3.
fn check_body(beside: &[(u16, &[u8])], nested: bool, value: &[u8], met: &mut Met) -> Checked {
    if !nested {
        return wrong("data that are no nest");
    }
    let policy = match find(beside, 3) {
        Some(kind) => {
            let kind = kind.try_into().map_or(0, u32::from_be_bytes);
            let known = policies::OBJECTS.iter().find(|(number, _)| *number == kind);
            met.objects.extend(known.map(|(number, _)| *number));
            known.map(|(_, policy)| *policy)
        }
        None => expression(beside).and_then(|(_, policy)| policy),
    };
    match policy {
        Some(policy) => check_nest(policy, value, true, met),
        None => wrong("data of what the kernel does not know, or of what has none"),
    }
}

fn find<'a>(attributes: &[(u16, &'a [u8])], number: u16) -> Option<&'a [u8]> {
    attributes.iter().find(|(other, _)| *other == number).map(|(_, value)| *value)
}

/// What an expression is, by its attributes.
fn expression(attributes: &[(u16, &[u8])]) -> Option<(&'static str, Option<&'static Policy>)> {
    let name = find(attributes, 1)?.strip_suffix(b"\0")?;
    policies::EXPRESSIONS.iter().find(|(known, _)| known.as_bytes() == name).copied()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use nftlink::expr::{
        Base, Bitwise, Cmp, CmpOp, Counter, Ct, CtKey, Dynset, DynsetOp, Expr, Immediate, Limit, Lookup, Meta, MetaKey,
        Nat, NatKind, Objref, Payload, Range, RangeOp, Reg, Reject, Verdict,
    };
    use nftlink::object::ObjectKind;
    use nftlink::{Batch, Delete, Hook, Policy as ChainPolicy, Rule, RuleHandle, Set, Table, object};

    use super::*;
    use crate::paths;

    fn check(batch: &[u8]) -> Checked<u32> {
        let mut met = Met::default();
        super::check(batch, &mut met).map(|()| met.messages)
    }

    /// Bytes of which `check` takes any value: text, numbers, and flags that are in use.
    fn free(batch: &[u8]) -> Vec<usize> {
        let spoiled = |at: usize| {
            let mut batch = batch.to_vec();
            batch[at] ^= 0xff;
            batch
        };
        (0..batch.len()).filter(|&at| check(&spoiled(at)).is_ok()).collect()
    }

    #[test]
    fn no_byte_of_a_frame_may_be_another() {
        let mut batch = Batch::new();
        batch.add(&Table::inet("fw"));
        assert_eq!(check(batch.as_bytes()), Ok(1));
        // The name and the table's flags. Only the NUL and the padding behind the name are framing.
        assert_eq!(free(batch.as_bytes()), [24, 25, 32, 33, 34, 35]);

        batch.clear();
        batch.append(Table::inet("fw").chain("c"), Rule::new().expr(Counter::new(1, 2)));
        let bytes = batch.as_bytes();
        assert_eq!(check(bytes), Ok(1));
        // Of both names a byte, and the counts.
        assert_eq!(free(bytes), [24, 25, 32].into_iter().chain(64..72).chain(76..84).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_cut_or_too_much_is_refused() {
        let mut batch = Batch::new();
        batch.add(&Table::inet("fw")).append(Table::inet("fw").chain("c"), Rule::new().counter());
        let bytes = batch.as_bytes();
        assert_eq!(check(bytes), Ok(2));
        let first = u32_at(bytes, 0).unwrap() as usize;
        for len in (1..bytes.len()).filter(|&len| len != first) {
            assert!(check(&bytes[..len]).is_err(), "{len} bytes");
        }
        assert!(check(&[bytes, &[0; 4]].concat()).is_err());
        assert!(check(&bytes[first..]).is_err(), "the first has another number");
    }
    /// The attributes without one of which a message is refused, by the way to each.
    fn needed(build: impl FnOnce(&mut Batch)) -> Vec<String> {
        let mut batch = Batch::new();
        build(&mut batch);
        let whole = batch.as_bytes();
        assert_eq!(check(whole), Ok(1));
        let mut all: Vec<(usize, usize, String)> = Vec::new();
        let attrs = &whole[HEADER + GENERIC..];
        paths::visit(u16::from(whole[4]), attrs, &mut |at, levels, _| {
            let levels: Vec<String> = levels.iter().map(ToString::to_string).collect();
            all.push((at, usize::from(u16_at(whole, at).unwrap()), levels.join(".")));
        });
        let is_needed = |at: usize, len: usize| {
            let mut less = whole.to_vec();
            let padded = len.next_multiple_of(4);
            // The nests that it is in, and the message.
            for (nest, around, _) in all.iter().filter(|(nest, around, _)| (nest + 1..nest + around).contains(&at)) {
                less[*nest..nest + 2].copy_from_slice(&((around - padded) as u16).to_ne_bytes());
            }
            less.drain(at..at + padded);
            let len = (less.len() as u32).to_ne_bytes();
            less[..4].copy_from_slice(&len);
            check(&less).is_err()
        };
        let mut needed: Vec<String> =
            all.iter().filter(|(at, len, _)| is_needed(*at, *len)).map(|(.., path)| path.clone()).collect();
        needed.sort_by_key(|path| path.split(".").map(|level| level.parse().unwrap_or(0_u16)).collect::<Vec<_>>());
        needed
    }

    #[test]
    fn a_message_is_refused_without_each_attribute_that_the_kernel_wants() {
        let fw = Table::inet("fw").comment("c");
        let (input, set) = (fw.chain("input"), Set::<Ipv4Addr>::new(&fw, "s").comment("c"));
        let (seen, fast) = (object::Counter::named(&fw, "seen"), fw.flowtable("fast", 0).device("lo").counter());
        let hooked = fw.chain("input").filter(Hook::INPUT, 0).policy(ChainPolicy::ACCEPT);
        let (element, handle) = (Ipv4Addr::LOCALHOST, RuleHandle::from_raw(7));

        assert_eq!(needed(|batch| _ = batch.add(&fw)), ["1"]);
        assert_eq!(needed(|batch| _ = batch.add(&input)), ["1", "3"]);
        assert_eq!(needed(|batch| _ = batch.add(&hooked)), ["1", "3", "4", "4.1", "4.2"]);
        assert_eq!(needed(|batch| _ = batch.append(&input, Rule::new())), ["1", "2"]);
        assert_eq!(needed(|batch| _ = batch.replace(&input, handle, Rule::new())), ["1", "2", "3"]);
        assert_eq!(needed(|batch| _ = batch.add(&set)), ["1", "2", "5", "10"]);
        let list = ["1", "2", "3", "3.[0].1.1"];
        assert_eq!(needed(|batch| _ = batch.add_elements(&set, [element])), list);
        assert_eq!(needed(|batch| _ = batch.add(&seen)), ["1", "2", "3", "4"]);
        assert_eq!(needed(|batch| _ = batch.add(&fast)), ["1", "2", "3", "3.1", "3.2"]);

        assert_eq!(needed(|batch| _ = batch.flush_ruleset()), [""; 0]);
        for destroy in [false, true] {
            fn remove(destroy: bool, what: &impl Delete) -> Vec<String> {
                needed(|batch| _ = if destroy { batch.destroy(what) } else { batch.delete(what) })
            }
            assert_eq!(remove(destroy, &fw), ["1"]);
            assert_eq!(remove(destroy, &input), ["1", "3"]);
            assert_eq!(remove(destroy, &set), ["1", "2"]);
            assert_eq!(remove(destroy, &seen), ["1", "2", "3"]);
            assert_eq!(remove(destroy, &fast), ["1", "2"]);
        }
        assert_eq!(needed(|batch| _ = batch.delete_rule(&input, handle)), ["1", "2"]);
        assert_eq!(needed(|batch| _ = batch.flush(&set)), ["1", "2"]);
        assert_eq!(needed(|batch| _ = batch.delete_elements(&set, [element])), ["1", "2", "3.[0].1.1"]);
        assert_eq!(needed(|batch| _ = batch.destroy_elements(&set, [element])), ["1", "2", "3.[0].1.1"]);
    }

    #[test]
    fn an_expression_is_refused_without_each_attribute_that_the_kernel_wants() {
        let needed = |expr: Expr| {
            let chain = Table::inet("fw").chain("c");
            let all = needed(|batch| _ = batch.append(&chain, Rule::new().expr(expr)));
            let inside: Vec<String> =
                all.iter().filter_map(|path| path.strip_prefix("4.[0].")).map(Into::into).collect();
            inside
        };
        let (fw, reg) = (Table::inet("fw"), Reg::R1);
        let (saddr, limit) = (Payload::load(Base::NETWORK, 12, 4, reg), Limit::packets(5, Limit::SECOND));
        let cases: [(Expr, &[&str]); 14] = [
            (Counter::new(1, 2).into(), &[]),
            (Bitwise::mask_xor(reg, [1], [0]).into(), &[".1", ".2", ".3", ".4.1", ".5.1"]),
            (Cmp::new(CmpOp::EQ, reg, [6]).into(), &[".1", ".2", ".3", ".3.1"]),
            (Immediate::verdict(Verdict::ACCEPT).into(), &[".1", ".2", ".2.2", ".2.2.1"]),
            (Lookup::new("s", reg).into(), &[".1", ".2"]),
            (Dynset::new(DynsetOp::ADD, "s", reg).into(), &[".1", ".3", ".4"]),
            (saddr.into(), &[".1", ".2", ".3", ".4"]),
            (Meta::load(MetaKey::MARK, reg).into(), &[".1", ".2"]),
            (Ct::set(CtKey::MARK, reg).into(), &[".2", ".4"]),
            (limit.into(), &[".1", ".2"]),
            (Objref::new(ObjectKind::COUNTER, "seen").into(), &[".1", ".2"]),
            (Nat::new(NatKind::SNAT, fw.at().family()).into(), &[".1", ".2"]),
            (Range::new(RangeOp::EQ, reg, [1], [2]).into(), &[".1", ".2", ".3", ".3.1", ".4", ".4.1"]),
            (Reject::icmp(1).into(), &[".1"]),
        ];
        for (expr, wanted) in cases {
            let name = String::from_utf8_lossy(expr.name()).into_owned();
            // Name and data are called as the expression is.
            let own = if wanted.is_empty() { 1 } else { 2 };
            let inside = wanted.iter().map(|number| format!("{name}{number}"));
            let wanted: Vec<String> = std::iter::repeat_n(name.clone(), own).chain(inside).collect();
            assert_eq!(needed(expr), wanted);
        }
    }

    #[test]
    fn a_datagram_has_a_begin_and_an_end() {
        let mut batch = Batch::new();
        batch.add(&Table::inet("fw")).append(Table::inet("fw").chain("c"), Rule::new().counter());
        let check = |bytes: &[u8], is_dry| check_datagram(bytes, is_dry, &mut Met::default());
        for options in 0..64 {
            let (bytes, is_dry) = nftlink::fuzzing::datagram(&batch, options);
            assert_eq!(check(&bytes, is_dry), Ok(()), "{options:#x}");
            assert!(check(&bytes, !is_dry).is_err(), "{options:#x}");
            let begin = u32_at(&bytes, 0).unwrap() as usize;
            assert!(check(&bytes[begin..], is_dry).is_err(), "{options:#x}");
            // No byte of them may be another, but for the generation and whether there is an ack for the end.
            let end = bytes.len() - if is_dry { 0 } else { HEADER + GENERIC };
            let free = |at: &usize| !(24..28).contains(at) || begin == HEADER + GENERIC;
            for at in (0..begin).chain(end..bytes.len()).filter(free) {
                let mut spoiled = bytes.clone();
                spoiled[at] ^= 0x81;
                assert!(check(&spoiled, is_dry).is_err(), "{options:#x}: byte {at}");
            }
        }
    }
}
