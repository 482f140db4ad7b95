//! Which attribute a refusal is about: what the library says, beside a plain walk of this crate's own through the
//! message, by the kernel's [policies].

use std::fmt;

use crate::strict::policies;
use crate::strict::{Kind, Policy};

/// `nlmsghdr` and `nfgenmsg`.
const HEADER: usize = 20;
/// Without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const NUMBER: u16 = 0x3fff;
/// How a place is told: by its offset, without one, where something is missing, or as one of the attributes.
const OFFSET: u8 = 0;
const TOP: u8 = 1;
const NEST: u8 = 2;
pub const COUNTED: u8 = 3;

const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;

/// Makes requests of messages, and asks of each which attribute a refusal is about: the first bytes tell where, by an
/// offset or by counting attributes, and what is missing there. Returns how many attributes were found.
///
/// # Panics
///
/// If an attribute that begins there is not found, or something else is.
pub fn run(bytes: &[u8]) -> usize {
    let Some((&[low, high, missing, how], messages)) = bytes.split_first_chunk() else { return 0 };
    let place = u16::from_le_bytes([low, high]);
    let missing = (missing != 0).then_some(missing.into());
    let mut found = 0;
    nftlink::fuzzing::paths(messages, |kind, attrs, path| {
        let offset = match how {
            OFFSET | NEST => Some(u32::from(place)),
            TOP => None,
            _ => nth(kind, attrs, place.into()).map(|offset| offset as u32),
        };
        let missing = if how == OFFSET { None } else { missing };
        found += usize::from(check(kind, attrs, offset, missing, path(offset, missing).as_deref()));
    });
    found
}

/// Compares the path that is told with the walk's. Returns whether there is an attribute.
fn check(kind: u16, attrs: &[u8], offset: Option<u32>, missing: Option<u32>, told: Option<&str>) -> bool {
    let Some(offset) = offset.map(|offset| offset as usize) else {
        assert_eq!(told.is_some(), missing.is_some(), "what is missing at the top has a name: {told:?}");
        return false;
    };
    let mut place = None;
    visit(kind, attrs, &mut |at, path, is_plain| {
        if at == offset {
            place = Some((path.to_vec(), is_plain));
        }
    });
    match (place, told) {
        (Some((path, is_plain)), Some(told)) => {
            let told: Vec<&str> = told.split('.').flat_map(|name| name.split_inclusive('[')).collect();
            // The nest is named in which something is missing, and perhaps what that is.
            let levels = path.len()..=path.len() + usize::from(missing.is_some());
            let is_same = path.iter().zip(&told).all(|(level, name)| level.is(name));
            assert!(!is_plain || (levels.contains(&told.len()) && is_same), "{told:?} at {path:?}");
            true
        }
        (Some((path, _)), None) => panic!("nothing is told of {path:?} at {offset}"),
        (None, Some(told)) => {
            assert!((HEADER..HEADER + attrs.len()).contains(&offset), "{told} at {offset}, which is outside");
            false
        }
        (None, None) => false,
    }
}

/// The offset of one of a message's attributes, which are counted from the front and once more if they are too few.
fn nth(kind: u16, attrs: &[u8], n: usize) -> Option<usize> {
    let mut count = 0;
    visit(kind, attrs, &mut |_, _, _| count += 1);
    let (mut left, mut offset) = (n.checked_rem(count)?, None);
    visit(kind, attrs, &mut |at, _, _| {
        if left == 0 && offset.is_none() {
            offset = Some(at);
        }
        left = left.saturating_sub(1);
    });
    offset
}

/// One step of the way to an attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Level {
    /// An attribute that the policy has, or has not.
    Attr(u16, bool),
    /// An item of a list.
    Item(usize),
    /// What an expression is called.
    Name(&'static str),
}

impl Level {
    /// Whether it is what a part of a path says: those of an attribute that is a list end with `[`.
    fn is(self, part: &str) -> bool {
        match (self, part.strip_prefix('#')) {
            (Self::Attr(number, _), Some(told)) => told.trim_end_matches('[') == number.to_string(),
            (Self::Attr(_, is_known), None) => is_known && !part.ends_with(']'),
            (Self::Item(n), _) => part == format!("{n}]"),
            (Self::Name(name), _) => part == name,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attr(number, _) => number.fmt(f),
            Self::Item(n) => write!(f, "[{n}]"),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// What attributes are, beside values.
#[derive(Clone, Copy)]
enum Inside {
    Value,
    Nest(&'static Policy),
    /// Attributes without a policy.
    Unnamed,
    List(&'static Policy),
    Values,
}

/// Told of each attribute: where it begins, how it is reached, and whether all on the way is as the kernel writes it.
pub(crate) type Visit<'a> = dyn FnMut(usize, &[Level], bool) + 'a;

pub(crate) fn visit(kind: u16, attrs: &[u8], visit: &mut Visit<'_>) {
    let Some((_, policy, _)) = policies::MESSAGES.iter().find(|(number, ..)| *number == kind) else { return };
    Walk { path: Vec::new(), is_plain: true, visit }.nest(Some(policy), attrs, HEADER);
}

struct Walk<'a, 'b> {
    path: Vec<Level>,
    is_plain: bool,
    visit: &'a mut Visit<'b>,
}

impl Walk<'_, '_> {
    fn tell(&mut self, at: usize) {
        (self.visit)(at, &self.path, self.is_plain);
    }

    fn nest(&mut self, policy: Option<&'static Policy>, bytes: &[u8], base: usize) {
        let object = attributes(bytes).find(|(_, number, _)| *number == 3).map(|(.., kind)| kind);
        for (at, number, value) in attributes(bytes) {
            let known = policy.and_then(|policy| policy.known.iter().find(|(known, _)| *known == number));
            self.path.push(Level::Attr(number, known.is_some()));
            let inside = known.map_or(Inside::Value, |(_, kind)| inside(*kind, object));
            match inside {
                Inside::Nest(policy) if is_expression(policy) => self.expression(base + at, value),
                _ => {
                    self.tell(base + at);
                    self.inside(inside, value, base + at + 4);
                }
            }
            self.path.pop();
        }
    }

    fn inside(&mut self, inside: Inside, value: &[u8], base: usize) {
        match inside {
            Inside::Value => {}
            Inside::Nest(policy) => self.nest(Some(policy), value, base),
            Inside::Unnamed => self.nest(None, value, base),
            Inside::List(_) | Inside::Values => {
                for (n, (at, _, item)) in attributes(value).enumerate() {
                    self.path.push(Level::Item(n));
                    match inside {
                        Inside::List(policy) if is_expression(policy) => {
                            self.expression(base + at, item);
                        }
                        Inside::List(policy) => {
                            self.tell(base + at);
                            self.nest(Some(policy), item, base + at + 4);
                        }
                        _ => self.tell(base + at),
                    }
                    self.path.pop();
                }
            }
        }
    }

    /// An expression that begins somewhere: its attributes are called as it is.
    fn expression(&mut self, start: usize, bytes: &[u8]) {
        let base = start + 4;
        let all: Vec<(usize, u16, &[u8])> = attributes(bytes).collect();
        let known = match all[..] {
            [(_, EXPR_NAME, name), ref rest @ ..] if rest.iter().all(|(_, number, _)| *number != EXPR_NAME) => {
                let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
                policies::EXPRESSIONS.iter().find(|(known, _)| known.as_bytes() == name)
            }
            _ => None,
        };
        let was_plain = self.is_plain;
        self.is_plain &= known.is_some();
        if let Some((name, _)) = known {
            self.path.push(Level::Name(name));
        }
        self.tell(start);
        for &(at, number, data) in &all {
            self.tell(base + at);
            if let (EXPR_DATA, Some((_, policy))) = (number, known) {
                self.nest(*policy, data, base + at + 4);
            }
        }
        if known.is_some() {
            self.path.pop();
        }
        self.is_plain = was_plain;
    }
}

fn is_expression(policy: &Policy) -> bool {
    std::ptr::eq(policy, &policies::EXPR)
}

fn inside(kind: Kind, object: Option<&[u8]>) -> Inside {
    match kind {
        Kind::Nest(policy) | Kind::Repeated(policy) => Inside::Nest(policy),
        Kind::List(policy) => Inside::List(policy),
        Kind::Devices => Inside::Values,
        Kind::Timeouts => Inside::Unnamed,
        // Of an object: that of an expression is read with its name.
        Kind::Body => {
            let kind = object.and_then(|kind| kind.first_chunk()).map(|kind| u32::from_be_bytes(*kind));
            let known = policies::OBJECTS.iter().find(|(number, _)| Some(*number) == kind);
            known.map_or(Inside::Value, |(_, policy)| Inside::Nest(policy))
        }
        _ => Inside::Value,
    }
}

/// Where the attributes in some bytes begin, with their numbers and values, up to the first that makes no sense.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (usize, u16, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let &[a, b, c, d] = bytes.get(at..)?.first_chunk()?;
        let (start, len) = (at, usize::from(u16::from_ne_bytes([a, b])));
        let value = bytes.get(start + 4..start + len)?;
        at += len.next_multiple_of(4);
        Some((start, u16::from_ne_bytes([c, d]) & NUMBER, value))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Each attribute of all that the seeds become, at any depth.
    #[test]
    fn the_attribute_is_found_that_a_refusal_is_about() {
        let mut found = 0;
        for file in fs::read_dir("seeds").unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            nftlink::fuzzing::paths(&bytes, |kind, attrs, path| {
                visit(kind, attrs, &mut |at, levels, is_plain| {
                    let at = Some(at as u32);
                    assert!(is_plain, "{levels:?}");
                    found += usize::from(check(kind, attrs, at, None, path(at, None).as_deref()));
                    check(kind, attrs, at, Some(1), path(at, Some(1)).as_deref());
                });
            });
        }
        println!("{found} attributes are found");
        assert!(found > 5_000, "{found}");
    }
}
