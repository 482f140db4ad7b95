//! What nft keeps in USERDATA: comments, byte orders and the like, as type, length, value.
//!
//! The kernel passes it on unread. Numbers are in the host's order.

use std::sync::Arc;

use crate::datum::ByteOrder;
use crate::error::BuildErrorKind;
use crate::wire::{AttrWriter, order};

const NFTNL_UDATA_COMMENT: u8 = 0;
const NFTNL_UDATA_SET_KEYBYTEORDER: u8 = 0;
const NFTNL_UDATA_SET_COMMENT: u8 = 7;
const NFTNL_UDATA_SET_ELEM_FLAGS: u8 = 1;
/// The interval of an element is open: it ends with the highest value.
const SET_ELEM_F_INTERVAL_OPEN: u32 = 1;

/// The longest comment, without the NUL.
const COMMENT_MAX: usize = 127;

/// A comment on an object, for people.
///
/// It is kept as given; a batch refuses one that nft could not read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Comment(Arc<str>);

impl Comment {
    pub(crate) fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    fn check(&self) -> Result<(), BuildErrorKind> {
        match self.0.len() {
            len if len > COMMENT_MAX => Err(BuildErrorKind::CommentTooLong { len }),
            _ if self.0.contains('\0') => Err(BuildErrorKind::CommentHasNul),
            _ => Ok(()),
        }
    }

    fn put(&self, w: &mut AttrWriter, number: u8) {
        w.check(self.check());
        let text = self.0.as_bytes();
        let text = &text[..text.len().min(COMMENT_MAX)];
        let out = w.buffer();
        out.extend_from_slice(&[number, text.len() as u8 + 1]);
        out.extend_from_slice(text);
        out.push(0);
    }
}

fn put_u32(w: &mut AttrWriter, number: u8, value: u32) {
    let out = w.buffer();
    out.extend_from_slice(&[number, 4]);
    out.extend_from_slice(&order::host_u32(value));
}

/// Writes the userdata of a table, chain, rule or object, if there is a comment.
pub(crate) fn write_comment(w: &mut AttrWriter, attr: u16, comment: Option<&Comment>) {
    if let Some(comment) = comment {
        w.value(attr, |w| comment.put(w, NFTNL_UDATA_COMMENT));
    }
}

/// Writes the userdata of a set.
pub(crate) fn write_set(w: &mut AttrWriter, attr: u16, key: ByteOrder, comment: Option<&Comment>) {
    w.value(attr, |w| {
        put_u32(w, NFTNL_UDATA_SET_KEYBYTEORDER, key.number());
        if let Some(comment) = comment {
            comment.put(w, NFTNL_UDATA_SET_COMMENT);
        }
    });
}

/// Writes the userdata of an element, if there is anything to say.
pub(crate) fn write_element(w: &mut AttrWriter, attr: u16, comment: Option<&Comment>, open_end: bool) {
    if comment.is_none() && !open_end {
        return;
    }
    w.value(attr, |w| {
        if let Some(comment) = comment {
            comment.put(w, NFTNL_UDATA_COMMENT);
        }
        if open_end {
            put_u32(w, NFTNL_UDATA_SET_ELEM_FLAGS, SET_ELEM_F_INTERVAL_OPEN);
        }
    });
}

/// Returns the comment in the userdata of a table, chain, rule, object or element.
pub(crate) fn comment(userdata: &[u8]) -> Option<&str> {
    text(userdata, NFTNL_UDATA_COMMENT)
}

/// Returns the comment in the userdata of a set.
pub(crate) fn set_comment(userdata: &[u8]) -> Option<&str> {
    text(userdata, NFTNL_UDATA_SET_COMMENT)
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
        assert_eq!(written(|w| write_comment(w, 6, Some(&comment))).0, b"\x0c\0\x06\0\0\x06hello\0");
        assert_eq!(
            written(|w| write_set(w, 13, ByteOrder::Network, Some(&comment))).0,
            b"\x12\0\x0d\0\0\x04\x02\0\0\0\x07\x06hello\0\0\0"
        );
        assert_eq!(written(|w| write_element(w, 6, None, true)).0, b"\x0a\0\x06\0\x01\x04\x01\0\0\0\0\0");
        assert_eq!(written(|w| write_element(w, 6, None, false)).0, b"");
    }

    #[test]
    fn comments_that_nft_cannot_read_are_refused() {
        let error = |text: &str| written(|w| write_comment(w, 6, Some(&Comment::new(text)))).1;
        assert_eq!(error(&"x".repeat(127)), None);
        assert_eq!(error(&"x".repeat(128)), Some(BuildErrorKind::CommentTooLong { len: 128 }));
        assert_eq!(error("a\0b"), Some(BuildErrorKind::CommentHasNul));
    }

    #[test]
    fn garbage_is_no_comment() {
        assert_eq!(comment(b"\x40\x01x\0\x03hi\0"), Some("hi"));
        for garbage in [&b""[..], b"\0", b"\0\x05hi", b"\x01", b"\0\x02\xff\0"] {
            assert_eq!(comment(garbage), None, "{garbage:?}");
        }
    }
}
