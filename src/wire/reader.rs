//! [`AttrReader`]: a borrowing iterator over attributes that no bytes can make panic or loop.

use std::cell::Cell;

use super::{NLA_HDRLEN, NLA_TYPE_MASK, Name, align, order};
use crate::error::DecodeError;

/// How deep attributes may nest; nf_tables stays below ten.
const DEPTH_MAX: u8 = 24;

/// What the readers of one message share.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    unknown: Cell<bool>,
}

impl Notes {
    /// Whether some attribute was not known to the code that read the message.
    pub(crate) fn has_unknown(&self) -> bool {
        self.unknown.get()
    }
}

/// Iterates over the attributes of a message or a nest.
///
/// Yields each attribute's number with its value. A header that is too short, or a length beyond
/// the end, is an error, after which the iterator ends.
#[derive(Debug, Clone)]
pub(crate) struct AttrReader<'a> {
    rest: &'a [u8],
    notes: &'a Notes,
    depth: u8,
}

/// The value of an attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attr<'a> {
    number: u16,
    value: &'a [u8],
    notes: &'a Notes,
    depth: u8,
}

impl<'a> AttrReader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], notes: &'a Notes) -> Self {
        Self { rest: bytes, notes, depth: 0 }
    }

    /// Returns how many bytes were not read yet.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Returns the bytes that were not read yet.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns a reader at the same place that has nothing to read.
    pub(crate) fn emptied(&self) -> Self {
        Self { rest: &[], ..self.clone() }
    }

    /// Remembers that the message says something this library does not understand.
    pub(crate) fn note_unknown(&self, _number: u16) {
        self.notes.unknown.set(true);
    }
}

impl<'a> Iterator for AttrReader<'a> {
    type Item = Result<(u16, Attr<'a>), DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Some((head, _)) = self.rest.split_first_chunk::<NLA_HDRLEN>() else {
            // Padding of the last attribute is none: that was skipped together with it.
            let left = std::mem::take(&mut self.rest);
            return (!left.is_empty()).then(|| Err(DecodeError::new("attribute header", "too short")));
        };
        let len = usize::from(order::from_host_u16([head[0], head[1]]));
        let number = order::from_host_u16([head[2], head[3]]) & NLA_TYPE_MASK;
        let Some(value) = self.rest.get(NLA_HDRLEN..len) else {
            self.rest = &[];
            return Some(Err(DecodeError::new("attribute", "length out of bounds")));
        };
        self.rest = self.rest.get(align(len)..).unwrap_or_default();
        Some(Ok((number, Attr { number, value, notes: self.notes, depth: self.depth })))
    }
}

impl<'a> Attr<'a> {
    #[inline]
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.value
    }

    #[inline]
    fn chunk<const N: usize>(self) -> Result<[u8; N], DecodeError> {
        // The kernel's own parser takes integers that are too long.
        self.value.first_chunk().copied().ok_or_else(|| DecodeError::attr(self.number, "too short"))
    }

    #[inline]
    pub(crate) fn u8(self) -> Result<u8, DecodeError> {
        self.chunk().map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn u16(self) -> Result<u16, DecodeError> {
        self.chunk().map(order::from_be_u16)
    }

    #[inline]
    pub(crate) fn u32(self) -> Result<u32, DecodeError> {
        self.chunk().map(order::from_be_u32)
    }

    #[inline]
    pub(crate) fn u64(self) -> Result<u64, DecodeError> {
        self.chunk().map(order::from_be_u64)
    }

    /// An integer in the host's order, as netlink's own attributes have them.
    pub(crate) fn host_u32(self) -> Result<u32, DecodeError> {
        self.chunk().map(order::from_host_u32)
    }

    /// The bytes before the first NUL.
    #[inline]
    pub(crate) fn str_bytes(self) -> &'a [u8] {
        until_nul(self.value)
    }

    pub(crate) fn name(self) -> Name {
        Name::from(self.str_bytes())
    }

    /// The attributes inside.
    #[inline]
    pub(crate) fn nested(self) -> Result<AttrReader<'a>, DecodeError> {
        if self.depth >= DEPTH_MAX {
            return Err(DecodeError::attr(self.number, "nested too deep"));
        }
        Ok(AttrReader { rest: self.value, notes: self.notes, depth: self.depth + 1 })
    }
}

/// The bytes before the first NUL.
#[inline]
pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    match bytes.iter().position(|&byte| byte == 0) {
        Some(end) => bytes.get(..end).unwrap_or_default(),
        None => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Result<(u16, Vec<u8>), DecodeError>> {
        let notes = Notes::default();
        AttrReader::new(bytes, &notes).map(|item| item.map(|(n, attr)| (n, attr.bytes().to_vec()))).collect()
    }

    #[test]
    fn any_bytes_are_read_without_panic_or_endless_loop() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        for len in 0..600 {
            let bytes: Vec<u8> = (0..len)
                .map(|_| {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    // Small values, so that lengths are often plausible.
                    if seed & 3 == 0 { (seed >> 32) as u8 } else { (seed >> 40) as u8 % 12 }
                })
                .collect();
            let items = read(&bytes);
            assert!(items.len() <= len / NLA_HDRLEN + 1);
            assert!(items.iter().rev().skip(1).all(Result::is_ok), "an error ends the iteration");
        }
    }

    #[test]
    fn lengths_out_of_bounds_are_errors() {
        assert!(read(b"\x03\0\x01\0")[0].is_err());
        assert!(read(b"\0\0\x01\0\0\0\0\0")[0].is_err());
        assert!(read(b"\x09\0\x01\0aaaa")[0].is_err());
        assert!(read(b"\x01")[0].is_err());
        assert!(read(b"\0\0\0")[0].is_err(), "of whatever it may be the padding");
        #[cfg(target_endian = "little")]
        assert_eq!(read(b"\x05\0\x01\x80a"), [Ok((1, b"a".to_vec()))], "the last attribute need not be padded");
    }

    #[test]
    fn nesting_is_bounded() {
        let notes = Notes::default();
        let mut attr = Attr { number: 1, value: b"\x08\0\x01\0aaaa", notes: &notes, depth: 0 };
        for _ in 0..DEPTH_MAX {
            let depth = attr.nested().unwrap().depth;
            attr = Attr { depth, ..attr };
        }
        assert!(attr.nested().is_err());
    }
}
