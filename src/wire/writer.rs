//! [`AttrWriter`]: attributes in one pass into one buffer.

use std::ops::RangeInclusive;

use super::{NLA_F_NESTED, NLA_HDRLEN, NLA_TYPE_MASK, Name, align, order};
use crate::error::BuildErrorKind;

/// Appends netlink attributes to one buffer.
///
/// Nothing fails while writing: the first mistake is kept, so that encoders read as lists.
#[derive(Debug, Clone, Default)]
pub struct AttrWriter {
    buf: Vec<u8>,
    error: Option<BuildErrorKind>,
}

/// Where an attribute begins whose length is not known yet.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct Open(usize);

impl AttrWriter {
    pub(crate) const fn new() -> Self {
        Self { buf: Vec::new(), error: None }
    }

    pub(crate) fn bytes_written(&self) -> &[u8] {
        &self.buf
    }

    pub(crate) fn len(&self) -> usize {
        self.buf.len()
    }

    /// The buffer itself, for headers and what comes before or after attributes.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buf
    }

    /// Takes the first mistake made since the last call.
    pub(crate) fn take_error(&mut self) -> Option<BuildErrorKind> {
        self.error.take()
    }

    /// Keeps `error` if it is the first.
    #[cold]
    pub(crate) fn fail(&mut self, error: BuildErrorKind) {
        self.error.get_or_insert(error);
    }

    /// Keeps the error of `result`, if there is one and it is the first.
    #[inline]
    pub(crate) fn check(&mut self, result: Result<(), BuildErrorKind>) {
        if let Err(error) = result {
            self.fail(error);
        }
    }

    /// Refuses a number that the kernel would refuse, or cut off. `what` is nft's word for it.
    #[inline]
    pub(crate) fn in_range(&mut self, what: &'static str, value: impl Into<u64>, range: RangeInclusive<u64>) {
        let value = value.into();
        if !range.contains(&value) {
            self.out_of_range(what, value, range);
        }
    }

    #[cold]
    fn out_of_range(&mut self, what: &'static str, value: u64, range: RangeInclusive<u64>) {
        self.fail(BuildErrorKind::OutOfRange { what, value, min: *range.start(), max: *range.end() });
    }

    #[inline]
    pub(crate) fn u8(&mut self, attr: u16, value: u8) {
        let [a, b, c, d] = header(attr, 5);
        self.buf.extend_from_slice(&[a, b, c, d, value, 0, 0, 0]);
    }

    #[inline]
    pub(crate) fn u16(&mut self, attr: u16, value: u16) {
        let ([a, b, c, d], [e, f]) = (header(attr, 6), order::be_u16(value));
        self.buf.extend_from_slice(&[a, b, c, d, e, f, 0, 0]);
    }

    #[inline]
    pub(crate) fn u32(&mut self, attr: u16, value: u32) {
        self.buf.extend_from_slice(&u32_attr(attr, value));
    }

    /// Several numbers: their room is made at once.
    #[inline]
    pub(crate) fn u32s<const N: usize>(&mut self, attrs: [(u16, u32); N]) {
        self.buf.extend_from_slice(attrs.map(|(attr, value)| u32_attr(attr, value)).as_flattened());
    }

    #[inline]
    pub(crate) fn u64(&mut self, attr: u16, value: u64) {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&header(attr, 12));
        bytes[4..].copy_from_slice(&order::be_u64(value));
        self.buf.extend_from_slice(&bytes);
    }

    /// An attribute of any bytes.
    pub(crate) fn bytes(&mut self, attr: u16, value: &[u8]) {
        self.padded(attr, value, 0);
    }

    /// A string with the NUL that nft sends with most of them.
    pub(crate) fn string(&mut self, attr: u16, value: &[u8]) {
        self.padded(attr, value, 1);
    }

    /// [`string`](Self::string) of a name.
    pub(crate) fn name(&mut self, attr: u16, value: &Name) {
        self.padded(attr, value.as_bytes(), 1);
    }

    #[inline]
    fn padded(&mut self, attr: u16, value: &[u8], zeros: usize) {
        let len = NLA_HDRLEN + value.len() + zeros;
        let Ok(short) = u16::try_from(len) else {
            return self.fail(BuildErrorKind::AttributeTooLong { len });
        };
        if let Some(short_value) = Short::new(attr, short, value) {
            return self.shortened(&short_value.0, align(len));
        }
        self.buf.reserve(align(len));
        self.buf.extend_from_slice(&header(attr, short));
        self.buf.extend_from_slice(value);
        self.buf.extend_from_slice(&[0; 4][..align(len) - (NLA_HDRLEN + value.len())]);
    }

    /// An attribute that holds what `content` writes.
    #[inline]
    pub(crate) fn nest(&mut self, attr: u16, content: impl FnOnce(&mut Self)) {
        let open = self.open(attr);
        content(self);
        self.close(open);
    }

    /// A nest of a single attribute of any bytes.
    pub(crate) fn nested_bytes(&mut self, attr: u16, inner: u16, value: &[u8]) {
        self.nest(attr, |w| w.bytes(inner, value));
    }

    /// A nest of a single attribute of the first `len` of a few bytes; the others are zero.
    #[inline]
    pub(crate) fn nested_short<const N: usize>(&mut self, attr: u16, inner: u16, value: &[u8; N], len: u8) {
        const { assert!(N <= Short::VALUE) };
        let len = usize::from(len).min(N);
        let mut bytes = [0; 2 * NLA_HDRLEN + Short::VALUE];
        let whole = 2 * NLA_HDRLEN + align(len);
        put_nest(&mut bytes, (attr, inner), value, len);
        self.shortened(&bytes, whole);
    }

    /// [`nested_short`](Self::nested_short) as all that is in another nest.
    #[inline]
    pub(crate) fn nested_short_alone<const N: usize>(
        &mut self,
        outer: u16,
        attr: u16,
        inner: u16,
        value: &[u8; N],
        len: u8,
    ) {
        const { assert!(N <= Short::VALUE) };
        let len = usize::from(len).min(N);
        let mut bytes = [0; 3 * NLA_HDRLEN + Short::VALUE];
        let whole = 3 * NLA_HDRLEN + align(len);
        bytes[..4].copy_from_slice(&header(outer | NLA_F_NESTED, whole as u16));
        put_nest(&mut bytes[4..], (attr, inner), value, len);
        self.shortened(&bytes, whole);
    }

    /// [`nested_short`](Self::nested_short) behind a number, and nothing else, in another nest.
    #[inline]
    pub(crate) fn nested_short_behind<const N: usize>(
        &mut self,
        outer: u16,
        (number, of): (u16, u32),
        attr: u16,
        inner: u16,
        value: &[u8; N],
        len: u8,
    ) {
        const { assert!(N <= Short::VALUE) };
        let len = usize::from(len).min(N);
        let mut bytes = [0; 3 * NLA_HDRLEN + 8 + Short::VALUE];
        let whole = 3 * NLA_HDRLEN + 8 + align(len);
        bytes[..4].copy_from_slice(&header(outer | NLA_F_NESTED, whole as u16));
        bytes[4..12].copy_from_slice(&u32_attr(number, of));
        put_nest(&mut bytes[12..], (attr, inner), value, len);
        self.shortened(&bytes, whole);
    }

    /// A number as all that is in a nest, which is all that is in another.
    #[inline]
    pub(crate) fn nested_u32(&mut self, outer: u16, inner: u16, attr: u16, value: u32) {
        let mut bytes = [0; 2 * NLA_HDRLEN + 8];
        bytes[..4].copy_from_slice(&header(outer | NLA_F_NESTED, 16));
        bytes[4..8].copy_from_slice(&header(inner | NLA_F_NESTED, 12));
        bytes[8..].copy_from_slice(&u32_attr(attr, value));
        self.buf.extend_from_slice(&bytes);
    }

    /// The first `len` bytes of what is known when the program is compiled but for numbers, each an attribute, from
    /// `first` on.
    #[inline]
    pub(crate) fn template<const N: usize, const K: usize>(
        &mut self,
        mut bytes: [u8; N],
        first: usize,
        numbers: [u32; K],
        len: usize,
    ) {
        for (n, number) in numbers.into_iter().enumerate() {
            let at = first + n * (NLA_HDRLEN + 4) + NLA_HDRLEN;
            bytes[at..at + 4].copy_from_slice(&order::be_u32(number));
        }
        self.shortened(&bytes, len);
    }

    /// The first `len` of a few bytes: copied as a whole, which takes no call and no loop.
    #[inline]
    fn shortened<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        let end = self.buf.len() + len;
        self.buf.extend_from_slice(bytes);
        self.buf.truncate(end);
    }

    /// Bytes that are known when the program is compiled, of attributes that are not closed yet.
    #[inline]
    pub(crate) fn prelude(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// Closes a nest that began at an offset, as [`close`](Self::close) does.
    #[inline]
    pub(crate) fn close_at(&mut self, start: usize) {
        self.close(Open(start));
    }

    /// An attribute whose bytes `content` appends to the buffer.
    pub(crate) fn value(&mut self, attr: u16, content: impl FnOnce(&mut Self)) {
        let start = self.buf.len();
        self.buf.extend_from_slice(&header(attr, 0));
        content(self);
        self.close(Open(start));
        self.buf.resize(align(self.buf.len()), 0);
    }

    /// Begins a nest; for loops that close it and open the next.
    #[inline]
    pub(crate) fn open(&mut self, attr: u16) -> Open {
        let open = Open(self.buf.len());
        self.buf.extend_from_slice(&header(attr | NLA_F_NESTED, 0));
        open
    }

    /// Ends a nest: its length is known now.
    #[inline]
    pub(crate) fn close(&mut self, open: Open) {
        let len = self.buf.len() - open.0;
        match u16::try_from(len) {
            Ok(short) => self.buf[open.0..open.0 + 2].copy_from_slice(&order::host_u16(short)),
            Err(_) => self.fail(BuildErrorKind::AttributeTooLong { len }),
        }
    }

    /// Gives a nest that began at an offset another number.
    pub(crate) fn renumber(&mut self, start: usize, attr: u16) {
        if let Some(number) = self.buf.get_mut(start + 2..start + NLA_HDRLEN) {
            number.copy_from_slice(&order::host_u16(attr | NLA_F_NESTED));
        }
    }

    /// How many bytes of content the nest has so far.
    pub(crate) fn nested_len(&self, open: &Open) -> usize {
        self.buf.len() - open.0 - NLA_HDRLEN
    }

    /// Copies the attributes whose numbers `keep` accepts, as they are.
    pub(crate) fn copy(&mut self, attrs: &[u8], keep: impl Fn(u16) -> bool) {
        let mut at = 0;
        while let Some(head) = attrs.get(at..).and_then(|rest| rest.first_chunk::<NLA_HDRLEN>()) {
            let len = usize::from(order::from_host_u16([head[0], head[1]]));
            let number = order::from_host_u16([head[2], head[3]]) & NLA_TYPE_MASK;
            let Some(attr) = attrs.get(at..at + len).filter(|_| len >= NLA_HDRLEN) else { return };
            if keep(number) {
                self.raw(attr);
            }
            at += align(len);
        }
    }

    /// Writes what `content` does, and tells whether that is no mistake.
    pub(crate) fn succeeds(&mut self, content: impl FnOnce(&mut Self)) -> bool {
        let mistake = self.mistake_of(content);
        let succeeds = mistake.is_none();
        self.check(mistake.map_or(Ok(()), Err));
        succeeds
    }

    /// Writes what `content` does; if that is a mistake and `take_back` says so, nothing. Returns
    /// whether it was.
    pub(crate) fn attempt(&mut self, content: impl FnOnce(&mut Self), take_back: bool) -> bool {
        let start = self.buf.len();
        let mistake = self.mistake_of(content);
        let undo = take_back && mistake.is_some();
        match mistake {
            Some(_) if undo => self.buf.truncate(start),
            mistake => self.check(mistake.map_or(Ok(()), Err)),
        }
        undo
    }

    /// Writes what `content` does, and returns the first mistake in it, which is not kept.
    fn mistake_of(&mut self, content: impl FnOnce(&mut Self)) -> Option<BuildErrorKind> {
        let before = self.error.take();
        content(self);
        std::mem::replace(&mut self.error, before)
    }

    /// Attributes that are encoded already. The last of those that were read may lack its padding.
    pub(crate) fn raw(&mut self, attrs: &[u8]) {
        self.buf.extend_from_slice(attrs);
        self.buf.resize(align(self.buf.len()), 0);
    }
}

/// Puts a nest of a single attribute of `len` bytes to the beginning of some, which have room for all of `value`.
#[inline]
fn put_nest<const N: usize>(bytes: &mut [u8], (attr, inner): (u16, u16), value: &[u8; N], len: usize) {
    bytes[..4].copy_from_slice(&header(attr | NLA_F_NESTED, (2 * NLA_HDRLEN + align(len)) as u16));
    bytes[4..8].copy_from_slice(&header(inner, (NLA_HDRLEN + len) as u16));
    bytes[8..8 + N].copy_from_slice(value);
}

/// A short value with its header: copied as a whole, which takes no call and no loop.
struct Short([u8; Short::SIZE]);

impl Short {
    /// The most bytes of a value, with its NUL or its padding.
    const VALUE: usize = 24;
    const SIZE: usize = NLA_HDRLEN + Self::VALUE;

    #[inline]
    fn new(attr: u16, len: u16, value: &[u8]) -> Option<Self> {
        let mut bytes = [0; Self::SIZE];
        bytes[..NLA_HDRLEN].copy_from_slice(&header(attr, len));
        let place = bytes[NLA_HDRLEN..].get_mut(..value.len()).filter(|_| value.len() < Self::VALUE)?;
        place.copy_from_slice(value);
        Some(Self(bytes))
    }
}

#[inline]
fn u32_attr(attr: u16, value: u32) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (header(attr, 8), order::be_u32(value));
    [a, b, c, d, e, f, g, h]
}

#[inline]
fn header(attr: u16, len: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (order::host_u16(len), order::host_u16(attr));
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_without_their_last_padding_get_it() {
        let mut w = AttrWriter::new();
        w.raw(b"\x08\0\x01\0abcd\x05\0\x02\0x");
        w.raw(b"\x05\0\x03\0y");
        assert_eq!(w.bytes_written(), b"\x08\0\x01\0abcd\x05\0\x02\0x\0\0\0\x05\0\x03\0y\0\0\0");
    }

    #[test]
    fn values_are_big_endian_and_padded() {
        let mut w = AttrWriter::new();
        w.u32(3, 0x0102_0304);
        w.u64(4, 0x0102_0304_0506_0708);
        w.string(5, b"abc");
        w.bytes(6, b"abcde");
        w.u8(7, 0xfe);
        w.u16(8, 0x0102);
        #[cfg(target_endian = "little")]
        assert_eq!(
            w.bytes_written(),
            b"\x08\0\x03\0\x01\x02\x03\x04\
              \x0c\0\x04\0\x01\x02\x03\x04\x05\x06\x07\x08\x08\0\x05\0abc\0\x09\0\x06\0abcde\0\0\0\
              \x05\0\x07\0\xfe\0\0\0\x06\0\x08\0\x01\x02\0\0"
        );
        assert!(w.take_error().is_none());
    }

    #[test]
    fn a_nest_knows_its_length() {
        let mut w = AttrWriter::new();
        w.nest(1, |w| w.nest(2, |w| w.u32(3, 4)));
        #[cfg(target_endian = "little")]
        assert_eq!(w.bytes_written(), b"\x10\0\x01\x80\x0c\0\x02\x80\x08\0\x03\0\0\0\0\x04");
    }

    #[test]
    fn a_length_beyond_16_bits_is_an_error_and_the_first_error_is_kept() {
        let mut w = AttrWriter::new();
        w.bytes(1, &[0; 65_531]);
        assert!(w.take_error().is_none());
        w.nest(1, |w| w.bytes(1, &[0; 65_531]));
        w.bytes(1, &[0; 65_532]);
        assert_eq!(w.take_error(), Some(BuildErrorKind::AttributeTooLong { len: 65_540 }));
        assert_eq!(w.take_error(), None);
    }
}
