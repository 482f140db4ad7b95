//! What the match and target expressions have in common: extensions of xtables.

use crate::error::{BuildErrorKind, DecodeError};
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Name};

// The attributes of both have the same numbers: `NFTA_MATCH_*` and `NFTA_TARGET_*`.
const NFTA_MATCH_NAME: u16 = 1;
const NFTA_MATCH_REV: u16 = 2;
const NFTA_MATCH_INFO: u16 = 3;

/// The longest name of an extension, in bytes (`XT_EXTENSION_MAXNAMELEN` less the NUL).
const NAME_MAX: usize = 28;

pub(super) const SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_MATCH_NAME, "name"),
    AttrName::value(NFTA_MATCH_REV, "rev"),
    AttrName::value(NFTA_MATCH_INFO, "info"),
]);

/// An extension: its name, its revision, and its settings as bytes.
pub(super) type Parts = (Name, u32, Box<[u8]>);

pub(super) fn encode(w: &mut AttrWriter, what: &'static str, name: &Name, rev: u32, info: &[u8]) {
    match name.as_bytes() {
        [] => w.fail(BuildErrorKind::NameEmpty { what }),
        bytes if bytes.len() > NAME_MAX => {
            w.fail(BuildErrorKind::NameTooLong { what, len: bytes.len(), max: NAME_MAX });
        }
        bytes if bytes.contains(&0) => w.fail(BuildErrorKind::NameHasNul { what }),
        _ => {}
    }
    // The kernel keeps the lowest byte.
    w.in_range("an extension's revision", rev, 0..=255);
    w.name(NFTA_MATCH_NAME, name);
    w.u32(NFTA_MATCH_REV, rev);
    w.bytes(NFTA_MATCH_INFO, info);
}

pub(super) fn decode(attrs: &mut AttrReader<'_>) -> Result<Parts, DecodeError> {
    let (mut name, mut rev, mut info) = (Name::from(""), 0, Box::default());
    while let Some(attr) = attrs.next() {
        match attr? {
            (NFTA_MATCH_NAME, v) => name = v.name(),
            (NFTA_MATCH_REV, v) => rev = v.u32()?,
            (NFTA_MATCH_INFO, v) => info = v.bytes().into(),
            (other, _) => attrs.note_unknown(other),
        }
    }
    Ok((name, rev, info))
}
