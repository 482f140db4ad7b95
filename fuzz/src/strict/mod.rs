//! A parser of batches that knows nothing of the library: only what netlink demands of all messages, and the kernel's
//! [policies]. What the kernel's own parser would refuse, or take for something else than was meant, is an error here.

mod policies;

use std::fmt;

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
    /// So many bytes at most, and one at least.
    Bytes(usize),
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
const NESTED: u16 = 0x8000;
/// inet, ip, arp, netdev, bridge, ip6.
const FAMILIES: [u8; 6] = [1, 2, 3, 5, 7, 10];

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Checks the messages of a batch, without its begin and end, and returns how many they are.
///
/// # Errors
///
/// The first that is wrong.
pub fn check(mut batch: &[u8]) -> Checked<u32> {
    let mut count = 0;
    while !batch.is_empty() {
        let Some(len) = u32_at(batch, 0).map(|len| len as usize) else { return wrong("half a header at the end") };
        if len < HEADER + GENERIC || len % 4 != 0 || len > batch.len() {
            return wrong(format_args!("message {count} of {len} bytes, of which there are {}", batch.len()));
        }
        let (message, rest) = batch.split_at(len);
        count += 1;
        at(format_args!("message {count}"), check_message(message, count))?;
        batch = rest;
    }
    Ok(count)
}

fn check_message(message: &[u8], count: u32) -> Checked {
    let (Some(kind), Some(flags)) = (u16_at(message, 4), u16_at(message, 6)) else { return wrong("no header") };
    if kind >> 8 != SUBSYSTEM {
        return wrong(format_args!("of another subsystem: {kind:#x}"));
    }
    if flags & REQUEST == 0 {
        return wrong("is no request");
    }
    if u32_at(message, 8) != Some(count) || u32_at(message, 12) != Some(0) {
        return wrong("its number, or a port");
    }
    let [family, version, 0, 0] = message[HEADER..HEADER + GENERIC] else { return wrong("a resource") };
    if version != 0 || !FAMILIES.contains(&family) {
        return wrong(format_args!("version {version}, family {family}"));
    }
    let Some((_, policy)) = policies::MESSAGES.iter().find(|(number, _)| *number == kind & 0xff) else {
        return wrong(format_args!("kind {}", kind & 0xff));
    };
    check_nest(policy, &message[HEADER + GENERIC..], true)
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

fn check_nest(policy: &Policy, bytes: &[u8], once: bool) -> Checked {
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
            Kind::Body => check_body(&all, flagged & NESTED != 0, value),
            kind => check_value(*kind, flagged & NESTED != 0, value),
        };
        at(number, checked)?;
    }
    Ok(())
}

fn check_value(kind: Kind, nested: bool, value: &[u8]) -> Checked {
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
        Kind::Text(most) => check_text(most, value),
        Kind::Bytes(most) if value.is_empty() || value.len() > most => {
            wrong(format_args!("{} bytes, of which {most} are taken", value.len()))
        }
        Kind::Bytes(_) | Kind::Body => Ok(()),
        Kind::Nest(policy) => check_nest(policy, value, true),
        Kind::Repeated(policy) => check_nest(policy, value, false),
        Kind::List(policy) => each(value, |number, value| match number {
            number if number == 1 | NESTED => check_nest(policy, value, true),
            number => wrong(format_args!("{number:#x} in a list")),
        }),
        Kind::Devices => each(value, |number, value| match number {
            1 => check_text(15, value),
            2 if value.len() < 16 && !value.is_empty() => Ok(()),
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

fn check_text(most: usize, value: &[u8]) -> Checked {
    match value {
        [text @ .., 0] if text.contains(&0) => wrong("a NUL within text"),
        [text @ .., 0] if text.is_empty() || text.len() > most => wrong(format_args!("text of {} bytes", text.len())),
        [.., 0] => Ok(()),
        _ => wrong("text without a NUL at its end"),
    }
}

/// The data of an expression, whose name is 1, or of an object, whose type is 3.
fn check_body(beside: &[(u16, &[u8])], nested: bool, value: &[u8]) -> Checked {
    let find = |number: u16| beside.iter().find(|(other, _)| *other == number).map(|(_, value)| *value);
    if !nested {
        return wrong("data that are no nest");
    }
    let policy = match find(3) {
        Some(kind) => {
            let kind = kind.try_into().map_or(0, u32::from_be_bytes);
            policies::OBJECTS.iter().find(|(number, _)| *number == kind).map(|(_, policy)| *policy)
        }
        None => {
            let name = find(1).and_then(|name| name.strip_suffix(b"\0")).unwrap_or_default();
            policies::EXPRESSIONS.iter().find(|(known, _)| known.as_bytes() == name).and_then(|(_, policy)| *policy)
        }
    };
    match policy {
        Some(policy) => check_nest(policy, value, true),
        None => wrong("data of what the kernel does not know"),
    }
}
