//! A parser of batches that knows nothing of the library: only what netlink demands of all messages, and the kernel's
//! [policies]. What the kernel's own parser would refuse, or take for something else than was meant, is an error here.

mod policies;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

/// The attributes that a nest may have.
#[derive(Debug)]
pub struct Policy(&'static [(u16, Kind)]);

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
/// NLM_F_REPLACE, EXCL, CREATE and APPEND, of messages that add.
const ADDING: u16 = 0xf00;
const NESTED: u16 = 0x8000;
/// inet, ip, arp, netdev, bridge, ip6.
const FAMILIES: [u8; 6] = [1, 2, 3, 5, 7, 10];
/// Of no family and without a name: all tables of all families.
const DELETE_TABLE: u16 = 2;
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
            kinds: policies::MESSAGES.iter().map(|(kind, _)| *kind).collect(),
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
pub fn check(mut batch: &[u8], met: &mut Met) -> Checked {
    let mut count = 0;
    while !batch.is_empty() {
        let Some(len) = u32_at(batch, 0).map(|len| len as usize) else { return wrong("half a header at the end") };
        if len < HEADER + GENERIC || len % 4 != 0 || len > batch.len() {
            return wrong(format_args!("message {count} of {len} bytes, of which there are {}", batch.len()));
        }
        let (message, rest) = batch.split_at(len);
        count += 1;
        at(format_args!("message {count}"), check_message(message, count, met))?;
        batch = rest;
    }
    met.messages += count;
    Ok(())
}

fn check_message(message: &[u8], count: u32, met: &mut Met) -> Checked {
    let (Some(kind), Some(flags)) = (u16_at(message, 4), u16_at(message, 6)) else { return wrong("no header") };
    if kind >> 8 != SUBSYSTEM {
        return wrong(format_args!("of another subsystem: {kind:#x}"));
    }
    let adds = ADDS.contains(&(kind & 0xff));
    if flags & REQUEST == 0 || flags & !(REQUEST | if adds { ADDING } else { 0 }) != 0 {
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
    let Some((_, policy)) = policies::MESSAGES.iter().find(|(number, _)| *number == kind & 0xff) else {
        return wrong(format_args!("kind {}", kind & 0xff));
    };
    met.kinds.insert(kind & 0xff);
    check_nest(policy, &message[HEADER + GENERIC..], true, met)
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
        let Some((_, kind)) = policy.0.iter().find(|(known, _)| *known == number) else {
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
    if std::ptr::eq(policy, &policies::EXPR) {
        match expression(&all) {
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
    use nftlink::expr::Counter;
    use nftlink::{Batch, Rule, Table};

    use super::*;

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
}
