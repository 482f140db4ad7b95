//! What nft keeps in USERDATA: comments, byte orders and the like, as type, length, value.
//!
//! The kernel passes it on unread. Numbers are in the host's order.

mod type_of;

use std::sync::Arc;

pub(crate) use type_of::FieldOf;
pub use type_of::{SetUserdata, Typeof};

use crate::datum::ByteOrder;
use crate::error::BuildErrorKind;
use crate::wire::{AttrWriter, order};

const NFTNL_UDATA_COMMENT: u8 = 0;
const NFTNL_UDATA_SET_KEYBYTEORDER: u8 = 0;
const NFTNL_UDATA_SET_DATABYTEORDER: u8 = 1;
const NFTNL_UDATA_SET_MERGE_ELEMENTS: u8 = 2;
const NFTNL_UDATA_SET_KEY_TYPEOF: u8 = 3;
const NFTNL_UDATA_SET_DATA_TYPEOF: u8 = 4;
const NFTNL_UDATA_SET_DATA_INTERVAL: u8 = 6;
const NFTNL_UDATA_SET_COMMENT: u8 = 7;

const NFTNL_UDATA_SET_ELEM_FLAGS: u8 = 1;
/// The interval of an element is open: it ends with the highest value.
const SET_ELEM_F_INTERVAL_OPEN: u32 = 1;

/// Whose rule it is: a number that nft does not use, and shows nothing of.
const NFTLINK_UDATA_RULE_OWNER: u8 = 64;

/// The longest owner: beside the longest comment it fits the 256 bytes that the kernel takes.
const OWNER_MAX: usize = 100;

/// The longest comment, without the NUL.
const COMMENT_MAX: usize = 127;

/// A comment of up to so many bytes is written in one piece.
const SHORT_COMMENT: usize = 64;

/// Whether a byte may be in any comment.
#[inline]
fn is_plain(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~') && *byte != b'"'
}

/// A comment on an object, for people.
///
/// It is kept as given; a batch refuses one that nft could not read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Comment {
    text: Arc<str>,
    /// It was read: what the kernel has may be put back.
    was_read: bool,
}

impl Comment {
    pub(crate) fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), was_read: false }
    }

    /// A comment that was read.
    pub(crate) fn kept(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), was_read: true }
    }

    fn check(&self) -> Result<(), BuildErrorKind> {
        match self.text.len() {
            len if len > COMMENT_MAX => Err(BuildErrorKind::CommentTooLong { len }),
            _ if self.text.contains('\0') => Err(BuildErrorKind::CommentHasNul),
            _ if !self.was_read && is_unquotable(&self.text) => Err(BuildErrorKind::Unquotable { what: "a comment" }),
            _ => Ok(()),
        }
    }

    /// Writes the comment of an element, as all that is in its userdata.
    #[inline]
    fn write_alone(&self, w: &mut AttrWriter, attr: u16) {
        let text = self.text.as_bytes();
        let mut whole = [0; 2 + SHORT_COMMENT];
        match whole.get_mut(2..2 + text.len()).filter(|_| text.len() < SHORT_COMMENT && text.iter().all(is_plain)) {
            Some(place) => {
                place.copy_from_slice(text);
                whole[0] = NFTNL_UDATA_COMMENT;
                whole[1] = text.len() as u8 + 1;
                w.bytes(attr, &whole[..text.len() + 3]);
            }
            None => w.value(attr, |w| self.put(w, NFTNL_UDATA_COMMENT)),
        }
    }

    fn put(&self, w: &mut AttrWriter, number: u8) {
        w.check(self.check());
        let text = self.text.as_bytes();
        let text = &text[..text.len().min(COMMENT_MAX)];
        let out = w.buffer();
        out.extend_from_slice(&[number, text.len() as u8 + 1]);
        out.extend_from_slice(text);
        out.push(0);
    }
}

/// What a table, chain, object or rule has for userdata, as a program wants it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) enum Userdata {
    #[default]
    None,
    Comment(Comment),
    /// All of it, in nft's format or another.
    Bytes(Arc<[u8]>),
}

impl Userdata {
    pub(crate) fn comment(text: impl Into<Arc<str>>) -> Self {
        Self::Comment(Comment::new(text))
    }

    /// What was read, which may be nothing.
    pub(crate) fn kept(bytes: &[u8]) -> Self {
        if bytes.is_empty() { Self::None } else { Self::Bytes(bytes.into()) }
    }

    pub(crate) fn write(&self, w: &mut AttrWriter, attr: u16) {
        match self {
            Self::None => {}
            Self::Comment(comment) => w.value(attr, |w| comment.put(w, NFTNL_UDATA_COMMENT)),
            Self::Bytes(bytes) => write_bytes(w, attr, bytes),
        }
    }
}

/// Writes userdata as it is, of any object.
pub(crate) fn write_bytes(w: &mut AttrWriter, attr: u16, bytes: &[u8]) {
    check_len(w, bytes.len());
    w.bytes(attr, bytes);
}

/// Writes the userdata of an element as it is.
pub(crate) fn write_element_bytes(w: &mut AttrWriter, attr: u16, bytes: &[u8]) {
    /// Two less than the policy says: the kernel counts them, and their length, in one byte (6.0 and later).
    const MAX: u64 = 254;
    w.in_range("the userdata of an element, in bytes,", bytes.len() as u64, 0..=MAX);
    w.bytes(attr, bytes);
}

/// Refuses more than the kernel keeps.
fn check_len(w: &mut AttrWriter, len: usize) {
    w.in_range("userdata, in bytes,", len as u64, 0..=USERDATA_MAX as u64);
}

/// Whether nft cannot write a text between quotation marks.
pub(crate) fn is_unquotable(text: &str) -> bool {
    text.contains(|c: char| c == '"' || (c.is_control() && c != '\t'))
}

/// Who a rule belongs to, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner(Arc<str>);

impl Owner {
    pub(crate) fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    fn put(&self, w: &mut AttrWriter) {
        let len = self.0.len();
        if len > OWNER_MAX {
            return w.fail(BuildErrorKind::OwnerTooLong { len });
        }
        let out = w.buffer();
        out.extend_from_slice(&[NFTLINK_UDATA_RULE_OWNER, len as u8]);
        out.extend_from_slice(self.0.as_bytes());
    }
}

fn put_u32(w: &mut AttrWriter, number: u8, value: u32) {
    let out = w.buffer();
    out.extend_from_slice(&[number, 4]);
    out.extend_from_slice(&order::host_u32(value));
}

/// Writes the userdata of a rule, and whose it is.
pub(crate) fn write_rule(w: &mut AttrWriter, attr: u16, userdata: &Userdata, owner: Option<&Owner>) {
    let Some(owner) = owner else { return userdata.write(w, attr) };
    w.value(attr, |w| {
        let start = w.len();
        match userdata {
            Userdata::None => {}
            Userdata::Comment(comment) => comment.put(w, NFTNL_UDATA_COMMENT),
            Userdata::Bytes(bytes) => w.buffer().extend_from_slice(bytes),
        }
        owner.put(w);
        check_len(w, w.len() - start);
    });
}

/// What nft wants to know of a set beside what the kernel does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfSet<'a> {
    pub(crate) key_order: ByteOrder,
    /// Of a map.
    pub(crate) data_order: Option<ByteOrder>,
    /// Of a map, whether its values are intervals.
    pub(crate) data_intervals: Option<bool>,
    pub(crate) merge: bool,
    /// The fields that the parts of the key are of, if they are known.
    pub(crate) key_typeof: &'a [FieldOf],
    pub(crate) key_is_concatenation: bool,
    pub(crate) data: OfData,
    /// The fields that the parts of the values are of, if they are known.
    pub(crate) data_typeof: &'a [FieldOf],
    pub(crate) comment: Option<&'a Comment>,
}

/// What the values of a map are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfData {
    /// Nothing is said of them.
    Plain,
    Concatenation,
    Verdict,
}

/// The most bytes that the kernel keeps (`NFT_USERDATA_MAXLEN`).
const USERDATA_MAX: usize = 256;

/// Writes the userdata of a set.
pub(crate) fn write_set(w: &mut AttrWriter, attr: u16, set: &OfSet<'_>) {
    w.value(attr, |w| {
        let start = w.len();
        put_set(w, set);
        if w.len() - start > USERDATA_MAX {
            // Which fields they are nft can do without.
            w.buffer().truncate(start);
            put_set(w, &OfSet { key_typeof: &[], data_typeof: &[], ..*set });
        }
    });
}

fn put_set(w: &mut AttrWriter, set: &OfSet<'_>) {
    put_u32(w, NFTNL_UDATA_SET_KEYBYTEORDER, set.key_order.number());
    if let Some(order) = set.data_order {
        put_u32(w, NFTNL_UDATA_SET_DATABYTEORDER, order.number());
    }
    if set.merge {
        put_u32(w, NFTNL_UDATA_SET_MERGE_ELEMENTS, 1);
    }
    let unknown = |is_concatenation: bool| is_concatenation.then(|| Typeof::Concat(Vec::new()));
    if let Some(of) = FieldOf::together(set.key_typeof).or_else(|| unknown(set.key_is_concatenation)) {
        put_nest(w, NFTNL_UDATA_SET_KEY_TYPEOF, |w| of.put(w));
    }
    let verdict = (set.data == OfData::Verdict).then_some(Typeof::Verdict);
    let of = verdict.or_else(|| FieldOf::together(set.data_typeof));
    if let Some(of) = of.or_else(|| unknown(set.data == OfData::Concatenation)) {
        put_nest(w, NFTNL_UDATA_SET_DATA_TYPEOF, |w| of.put(w));
    }
    if let Some(intervals) = set.data_intervals {
        put_u32(w, NFTNL_UDATA_SET_DATA_INTERVAL, intervals.into());
    }
    if let Some(comment) = set.comment {
        comment.put(w, NFTNL_UDATA_SET_COMMENT);
    }
}

/// An entry that holds entries; left out if they are longer than an entry can be.
fn put_nest(w: &mut AttrWriter, number: u8, content: impl FnOnce(&mut AttrWriter)) {
    let start = w.len();
    w.buffer().extend_from_slice(&[number, 0]);
    content(w);
    let len = w.len() - start - 2;
    match u8::try_from(len) {
        Ok(len) => w.buffer()[start + 1] = len,
        Err(_) => w.buffer().truncate(start),
    }
}

/// Writes the userdata of an element, if there is anything to say.
#[inline]
pub(crate) fn write_element(w: &mut AttrWriter, attr: u16, comment: Option<&Comment>, open_end: bool) {
    if !open_end {
        if let Some(comment) = comment {
            comment.write_alone(w, attr);
        }
        return;
    }
    w.value(attr, |w| {
        if let Some(comment) = comment {
            comment.put(w, NFTNL_UDATA_COMMENT);
        }
        put_u32(w, NFTNL_UDATA_SET_ELEM_FLAGS, SET_ELEM_F_INTERVAL_OPEN);
    });
}

/// Returns the comment in the userdata of a table, chain, rule, object or element.
pub(crate) fn comment(userdata: &[u8]) -> Option<&str> {
    text(userdata, NFTNL_UDATA_COMMENT)
}

/// Whether the userdata of an element says that it is an interval which ends with the highest value.
pub(crate) fn is_open(userdata: &[u8]) -> bool {
    let mut entries = entries(userdata).filter(|(number, _)| *number == NFTNL_UDATA_SET_ELEM_FLAGS);
    entries.any(|(_, value)| value.iter().any(|&byte| byte != 0))
}

/// Returns who the rule belongs to.
pub(crate) fn owner(userdata: &[u8]) -> Option<&str> {
    // Its length tells its end: a NUL in it is a part of it.
    let (_, value) = entries(userdata).find(|(n, _)| *n == NFTLINK_UDATA_RULE_OWNER)?;
    std::str::from_utf8(value).ok()
}

/// Returns the comment in the userdata of a set.
pub(crate) fn set_comment(userdata: &[u8]) -> Option<&str> {
    text(userdata, NFTNL_UDATA_SET_COMMENT)
}

/// Whether the userdata of a set says that its intervals are merged.
pub(crate) fn merges(userdata: &[u8]) -> bool {
    let mut entries = entries(userdata).filter(|(number, _)| *number == NFTNL_UDATA_SET_MERGE_ELEMENTS);
    entries.any(|(_, value)| value.iter().any(|&byte| byte != 0))
}

/// Returns the order of a set's keys.
pub(crate) fn key_order(userdata: &[u8]) -> Option<ByteOrder> {
    byte_order(userdata, NFTNL_UDATA_SET_KEYBYTEORDER)
}

/// Returns the order of a map's values.
pub(crate) fn data_order(userdata: &[u8]) -> Option<ByteOrder> {
    byte_order(userdata, NFTNL_UDATA_SET_DATABYTEORDER)
}

/// Returns what a set's keys are values of.
pub(crate) fn key_typeof(userdata: &[u8]) -> Option<Typeof> {
    entries(userdata).find(|(n, _)| *n == NFTNL_UDATA_SET_KEY_TYPEOF).map(|(_, nest)| Typeof::read(nest))
}

/// Returns what a map's values are values of.
pub(crate) fn data_typeof(userdata: &[u8]) -> Option<Typeof> {
    entries(userdata).find(|(n, _)| *n == NFTNL_UDATA_SET_DATA_TYPEOF).map(|(_, nest)| Typeof::read(nest))
}

fn byte_order(userdata: &[u8], number: u8) -> Option<ByteOrder> {
    ByteOrder::from_number(u32_of(entries(userdata).find(|(n, _)| *n == number)?.1)?)
}

fn u32_of(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(order::from_host_u32)
}

fn text(userdata: &[u8], number: u8) -> Option<&str> {
    let value = entries(userdata).find(|(n, _)| *n == number)?.1;
    std::str::from_utf8(value.split(|&byte| byte == 0).next()?).ok()
}

/// Iterates over the entries; ends at the first that does not fit.
fn entries(mut userdata: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&[number, len], rest) = userdata.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(len.into())?;
        userdata = rest;
        Some((number, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut AttrWriter)) -> (Vec<u8>, Option<BuildErrorKind>) {
        let mut w = AttrWriter::new();
        write(&mut w);
        (w.bytes_written().to_vec(), w.take_error())
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn userdata_is_nfts() {
        let comment = Comment::new("hello");
        assert_eq!(written(|w| Userdata::Comment(comment.clone()).write(w, 6)).0, b"\x0c\0\x06\0\0\x06hello\0");
        let plain = OfSet {
            key_order: ByteOrder::Network,
            data_order: None,
            data_intervals: None,
            merge: false,
            key_typeof: &[],
            key_is_concatenation: false,
            data: OfData::Plain,
            data_typeof: &[],
            comment: Some(&comment),
        };
        assert_eq!(written(|w| write_set(w, 13, &plain)).0, b"\x12\0\x0d\0\0\x04\x02\0\0\0\x07\x06hello\0\0\0");
        assert_eq!(written(|w| write_element(w, 6, None, true)).0, b"\x0a\0\x06\0\x01\x04\x01\0\0\0\0\0");
        assert_eq!(written(|w| write_element(w, 6, None, false)).0, b"");
    }

    #[test]
    fn comments_that_nft_cannot_read_are_refused() {
        let error = |text: &str| written(|w| Userdata::comment(text).write(w, 6)).1;
        assert_eq!(error(&"x".repeat(127)), None);
        assert_eq!(error(&"x".repeat(128)), Some(BuildErrorKind::CommentTooLong { len: 128 }));
        assert_eq!(error("a\0b"), Some(BuildErrorKind::CommentHasNul));
        // These would end the quotation in nft's listing, and what follows be read as rules.
        for text in ["x\" accept", "a\nb", "\x1b[1m"] {
            assert_eq!(error(text), Some(BuildErrorKind::Unquotable { what: "a comment" }), "{text:?}");
            assert_eq!(written(|w| Userdata::Comment(Comment::kept(text)).write(w, 6)).1, None);
        }
    }

    #[test]
    fn a_comment_of_an_element_is_written_alike_however_long_it_is() {
        let long = "x".repeat(127);
        let shorter = (0..=127).map(|len| &long[..len]);
        for text in shorter.chain(["scans ports", "é", "a\tb", "a\"b", "a\0b", "\x7f", &"x".repeat(128)]) {
            let of_element = written(|w| write_element(w, 6, Some(&Comment::new(text)), false));
            assert_eq!(of_element, written(|w| Userdata::comment(text).write(w, 6)), "{text:?}");
        }
    }

    #[test]
    fn userdata_that_was_read_is_written_as_it_was_and_no_longer_than_the_kernel_takes() {
        assert_eq!(written(|w| Userdata::kept(b"\x40\x01x").write(w, 6)).0, b"\x07\0\x06\0\x40\x01x\0");
        assert_eq!(written(|w| Userdata::kept(b"").write(w, 6)).0, b"");
        assert_eq!(written(|w| write_bytes(w, 6, &[0; 256])).1, None);
        let long = BuildErrorKind::OutOfRange { what: "userdata, in bytes,", value: 257, min: 0, max: 256 };
        assert_eq!(written(|w| write_bytes(w, 6, &[0; 257])).1, Some(long));
        assert_eq!(written(|w| write_element_bytes(w, 6, &[0; 254])).1, None);
        let long = written(|w| write_element_bytes(w, 6, &[0; 255])).1.unwrap();
        assert_eq!(long.to_string(), "the userdata of an element, in bytes, of 255: the kernel takes 0 to 254");
    }

    #[test]
    fn garbage_is_no_comment() {
        assert_eq!(comment(b"\x40\x01x\0\x03hi\0"), Some("hi"));
        for garbage in [&b""[..], b"\0", b"\0\x05hi", b"\x01", b"\0\x02\xff\0"] {
            assert_eq!(comment(garbage), None, "{garbage:?}");
        }
    }

    #[test]
    fn fields_of_a_set_are_left_out_where_the_kernel_has_no_room() {
        let userdata = |fields: usize| {
            let parts =
                vec![
                    FieldOf::plain(Typeof::Payload { header: 8, field: 2, raw: None, bits: Some(16), inner: None });
                    fields
                ];
            let set = OfSet {
                key_order: ByteOrder::None,
                data_order: Some(ByteOrder::Host),
                data_intervals: Some(false),
                merge: false,
                key_typeof: &parts,
                key_is_concatenation: true,
                data: OfData::Verdict,
                data_typeof: &[],
                comment: None,
            };
            written(|w| write_set(w, 13, &set)).0
        };
        assert!(userdata(7).len() > 200);
        for fields in 2..=16 {
            assert!(userdata(fields).len() <= 4 + USERDATA_MAX, "{fields}");
        }
    }

    #[test]
    fn an_owner_is_read_as_it_was_written() {
        let (bytes, mistake) = written(|w| write_rule(w, 7, &Userdata::None, Some(&Owner::new("a\0b"))));
        assert_eq!((owner(&bytes[4..]), mistake), (Some("a\0b"), None));
    }

    #[test]
    fn an_owner_beside_userdata_has_to_fit_what_the_kernel_keeps() {
        let mistake = |len: usize| {
            let kept = Userdata::kept(&vec![0; len]);
            written(|w| write_rule(w, 7, &kept, Some(&Owner::new("me")))).1
        };
        assert_eq!(mistake(252), None);
        let long = BuildErrorKind::OutOfRange { what: "userdata, in bytes,", value: 257, min: 0, max: 256 };
        assert_eq!(mistake(253), Some(long));
    }
}
