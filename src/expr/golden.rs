//! What the tests of expressions have in common: their golden bytes, and what is made of these.

use std::cell::Cell;

use super::*;
use crate::wire::{NLA_F_NESTED, align};

/// The attributes of an expression, without name and headers.
pub(crate) fn encode<E: Wire>(expr: &E) -> Vec<u8> {
    let mut w = AttrWriter::new();
    expr.encode(&mut w);
    assert_eq!(w.take_error(), None);
    let (mut whole, mut usual) = (AttrWriter::new(), AttrWriter::new());
    write_as::<E>(&mut whole, |w| expr.encode(w));
    if expr.write_usual(&mut usual) {
        assert_eq!(usual.bytes_written(), whole.bytes_written(), "{expr}");
    } else {
        assert!(usual.bytes_written().is_empty(), "{expr}");
    }
    w.bytes_written().to_vec()
}

/// Why an expression is not written.
pub(crate) fn mistake<E: Wire>(expr: &E) -> Option<BuildErrorKind> {
    let mut w = AttrWriter::new();
    expr.encode(&mut w);
    let mistake = w.take_error();
    let mut w = AttrWriter::new();
    write(&mut w, expr);
    assert_eq!(w.take_error(), mistake, "{expr}");
    mistake
}

/// What [`mistake`] says of a number out of range.
pub(crate) fn out_of_range(what: &'static str, value: u64, min: u64, max: u64) -> Option<BuildErrorKind> {
    Some(BuildErrorKind::OutOfRange { what, value, min, max })
}

/// Reads the first expression of the list that `write` writes.
pub(crate) fn read_with(write: impl FnOnce(&mut AttrWriter)) -> Result<ExprInfo, DecodeError> {
    let mut w = AttrWriter::new();
    write(&mut w);
    Exprs::new(w.bytes_written()).next().unwrap()
}

/// An expression's golden values as entries of a list.
fn entries<E: Wire>() -> impl Iterator<Item = Vec<u8>> {
    E::golden().into_iter().map(|(expr, _)| {
        let mut w = AttrWriter::new();
        write(&mut w, &expr);
        w.bytes_written().to_vec()
    })
}

fn read_one(bytes: &[u8]) -> Result<ExprInfo, DecodeError> {
    Exprs::new(bytes).next().unwrap()
}

fn write_one(expr: &ExprInfo) -> (Vec<u8>, Option<BuildErrorKind>) {
    let mut w = AttrWriter::new();
    expr.write(&mut w);
    let error = w.take_error();
    (w.bytes_written().to_vec(), error)
}

/// Attributes in one another: the offsets of their headers, from the outermost on.
type Nesting = Vec<usize>;

/// The nests and the values among attributes, at any depth.
fn places(bytes: &[u8]) -> (Vec<Nesting>, Vec<Nesting>) {
    fn walk(bytes: &[u8], from: usize, to: usize, above: &[usize], found: &mut (Vec<Nesting>, Vec<Nesting>)) {
        let mut at = from;
        while at < to {
            let head = [0, 1, 2, 3].map(|n| bytes[at + n]);
            let len = usize::from(u16::from_ne_bytes([head[0], head[1]]));
            let here = [above, &[at]].concat();
            if u16::from_ne_bytes([head[2], head[3]]) & NLA_F_NESTED == 0 {
                found.1.push(here);
            } else {
                walk(bytes, at + NLA_HDRLEN, at + len, &here, found);
                found.0.push(here);
            }
            at += align(len);
        }
    }
    let mut found = Default::default();
    walk(bytes, 0, bytes.len(), &[], &mut found);
    found
}

/// Attributes with one more, of number 99, at the end of one of the nests: each in its turn.
pub(crate) fn with_unknown(bytes: &[u8]) -> impl Iterator<Item = (Vec<usize>, Vec<u8>)> + '_ {
    const UNKNOWN: [u8; 8] = [8, 0, 99, 0, 1, 2, 3, 4];
    places(bytes).0.into_iter().map(|nesting| {
        let mut more = bytes.to_vec();
        for &at in &nesting {
            let len = u16::from_ne_bytes([bytes[at], bytes[at + 1]]) + UNKNOWN.len() as u16;
            more[at..at + 2].copy_from_slice(&len.to_ne_bytes());
        }
        let last = *nesting.last().unwrap();
        let end = last + usize::from(u16::from_ne_bytes([bytes[last], bytes[last + 1]]));
        let mut unknown = UNKNOWN;
        unknown[..2].copy_from_slice(&8u16.to_ne_bytes());
        unknown[2..4].copy_from_slice(&99u16.to_ne_bytes());
        more.splice(end..end, unknown);
        (nesting, more)
    })
}

/// An attribute 99 at the end of each nest, at any depth: the expression is what it was, it is
/// told that there is more, and that is written back, or it is told that it cannot be.
pub(crate) fn check_unknown<E: Wire>() {
    for bytes in entries::<E>() {
        let known = read_one(&bytes).unwrap();
        for (nesting, more) in with_unknown(&bytes) {
            let mut read = read_one(&more).unwrap_or_else(|error| panic!("{known} {nesting:?}: {error}"));
            assert!(read.has_unknown() && !known.has_unknown(), "{known}: 99 in {nesting:?} is not told");
            assert_eq!(read.get(), known.get(), "{known}: 99 in {nesting:?} hides what is known");
            assert_eq!(write_one(&read), (more, None), "{known}: 99 in {nesting:?} is lost");
            read.edit();
            let name = BuildErrorKind::UnknownAttributes(E::NAME.into());
            assert_eq!(write_one(&read).1, Some(name), "{known}: it is not told that 99 is lost");
        }
    }
}

/// All bits of each number, at any depth: they are read, shown and written back.
pub(crate) fn check_values<E: Wire>() {
    // Flags that say again what else is there, or that no request may have; whether there is a time, and
    // a time where there is none.
    const SAID_OTHERWISE: [(&str, u16); 4] = [("dynset", 9), ("last", 1), ("last", 2), ("quota", 2)];
    for bytes in entries::<E>() {
        for nesting in places(&bytes).1 {
            let at = *nesting.last().unwrap();
            let len = usize::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]])) - NLA_HDRLEN;
            let number = u16::from_ne_bytes([bytes[at + 2], bytes[at + 3]]);
            let value = &bytes[at + NLA_HDRLEN..at + NLA_HDRLEN + len];
            let is_text = len > 1 && value[0].is_ascii_graphic() && value[len - 1] == 0;
            if is_text || ![1, 2, 4, 8].contains(&len) {
                continue;
            }
            let mut all = bytes.clone();
            all[at + NLA_HDRLEN..at + NLA_HDRLEN + len].fill(0xff);
            let read = read_one(&all).unwrap_or_else(|error| panic!("{} {nesting:?}: {error}", E::NAME));
            let _ = format!("{read} {read:#}");
            let (again, error) = write_one(&read);
            assert_eq!(error, None, "{read}");
            if !SAID_OTHERWISE.contains(&(E::NAME, number)) {
                assert_eq!(again, all, "{read}: attribute {number} is lost");
            }
        }
    }
}

thread_local! {
    /// How many entries the thread has read without regard to what most are like.
    static READ_ANY: Cell<u32> = const { Cell::new(0) };
}

/// Notes that an entry is not like most, or is not known to be.
pub(super) fn note_any() {
    READ_ANY.set(READ_ANY.get() + 1);
}

/// Reads an entry as a list does, and without regard to what most are like: both have to be the same. Returns whether a
/// list takes it for one that is like most.
pub(crate) fn is_usual(entry: &[u8]) -> bool {
    let any = ExprInfo::read_any(entry).map(|info| (info.expr, info.raw.as_bytes().to_vec(), info.has_unknown));
    let before = READ_ANY.get();
    for behind in [&[][..], &[0; 64], &[0xff; 64]] {
        let bytes = [entry, behind].concat();
        let first = ExprInfo::read_first(&bytes, entry.len());
        let first = first.map(|info| (info.expr, info.raw.as_bytes().to_vec(), info.has_unknown));
        assert_eq!(first, any, "{entry:x?}");
    }
    match READ_ANY.get() - before {
        0 => true,
        3 => false,
        some => panic!("what is behind {entry:x?} makes a difference: {some}"),
    }
}

/// Both readers say the same of an entry, of each beginning of it, and of what other bytes anywhere make of it.
pub(crate) fn check_readers<E: Wire>() {
    for list in entries::<E>() {
        let entry = &list[NLA_HDRLEN..];
        is_usual(entry);
        (0..entry.len()).for_each(|len| _ = is_usual(&entry[..len]));
        for (at, byte) in (0..entry.len()).flat_map(|at| (0..=24).chain([0x7f, 0x80, 0xff]).map(move |byte| (at, byte)))
        {
            let mut other = entry.to_vec();
            other[at] = byte;
            is_usual(&other);
        }
        for (_, more) in with_unknown(&list) {
            is_usual(&more[NLA_HDRLEN..]);
        }
    }
}

pub(crate) fn check<E: Wire + PartialEq + fmt::Debug>() {
    let golden = E::golden();
    assert!(!golden.is_empty(), "{} has no golden bytes", E::NAME);
    for (expr, bytes) in golden {
        #[cfg(target_endian = "little")]
        assert_eq!(encode(&expr), bytes, "{} is encoded to other bytes: {expr}", E::NAME);
        let bytes = if cfg!(target_endian = "little") { bytes.to_vec() } else { encode(&expr) };
        let notes = Notes::default();
        let decoded = E::decode(&mut AttrReader::new(&bytes, &notes)).unwrap();
        assert_eq!(decoded, expr, "{} is decoded to another value", E::NAME);
        assert!(!notes.has_unknown());
        // Any part of it is an error or a value, never a panic.
        for cut in 0..bytes.len() {
            let _ = E::decode(&mut AttrReader::new(&bytes[..cut], &notes));
        }
        // Neither is what another byte anywhere makes of it, when it is read, shown or written.
        for (at, byte) in (0..bytes.len()).flat_map(|at| [0, 1, 0x7f, 0x80, 0xff].map(|byte| (at, byte))) {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            if let Ok(expr) = E::decode(&mut AttrReader::new(&bytes, &notes)) {
                let _ = format!("{expr} {expr:#}");
                expr.encode(&mut AttrWriter::new());
            }
        }
        // Every attribute that it writes has a name for error paths.
        for attr in AttrReader::new(&bytes, &notes) {
            let (number, _) = attr.unwrap();
            assert!(E::SCHEMA.names(number), "{}: attribute {number} has no name", E::NAME);
        }
    }
}
