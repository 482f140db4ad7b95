//! An expression as an entry of a list: its name, and its data.

use std::fmt;

use super::{NFTA_EXPR_DATA, NFTA_EXPR_NAME, NFTA_LIST_ELEM, NUMBER, Wire};
use crate::wire::{AttrWriter, NLA_F_NESTED, NLA_HDRLEN, align, order};

/// Writes an expression as an entry of a list.
#[inline]
pub(crate) fn write<E: Wire>(w: &mut AttrWriter, expr: &E) {
    if !expr.write_usual(w) {
        write_as::<E>(w, |w| expr.encode(w));
    }
}

/// Writes an expression of a kind as an entry of a list.
#[inline]
pub(super) fn write_as<E: Wire>(w: &mut AttrWriter, content: impl FnOnce(&mut AttrWriter)) {
    let entry = w.len();
    w.prelude(const { Prelude::new(E::NAME, E::NAME_ONLY) }.as_bytes());
    if !E::NAME_ONLY {
        let data = w.len() - NLA_HDRLEN;
        content(w);
        w.close_at(data);
    }
    w.close_at(entry);
}

/// What comes before the data of an expression, the same for each of its kind: the entry's
/// header, the name, the data's header unless it has none.
struct Prelude {
    bytes: [u8; Prelude::SIZE],
    len: usize,
}

impl Prelude {
    const SIZE: usize = 3 * NLA_HDRLEN + 16;

    const fn new(name: &str, name_only: bool) -> Self {
        let name = name.as_bytes();
        let mut bytes = [0; Self::SIZE];
        put_header(&mut bytes, 0, NFTA_LIST_ELEM | NLA_F_NESTED, 0);
        put_header(&mut bytes, NLA_HDRLEN, NFTA_EXPR_NAME, NLA_HDRLEN + name.len() + 1);
        let mut n = 0;
        while n < name.len() {
            bytes[2 * NLA_HDRLEN + n] = name[n];
            n += 1;
        }
        let data = 2 * NLA_HDRLEN + align(name.len() + 1);
        put_header(&mut bytes, data, NFTA_EXPR_DATA | NLA_F_NESTED, 0);
        Self { bytes, len: if name_only { data } else { data + NLA_HDRLEN } }
    }

    #[inline]
    const fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.len).0
    }
}

/// An entry of `N` bytes whose data begin with numbers of 32 bits, all zero as yet.
pub(super) const fn template<const N: usize>(name: &str, numbers: &[u16]) -> [u8; N] {
    let prelude = Prelude::new(name, false);
    let mut bytes = [0; N];
    let mut n = 0;
    while n < prelude.len {
        bytes[n] = prelude.bytes[n];
        n += 1;
    }
    put_header(&mut bytes, 0, NFTA_LIST_ELEM | NLA_F_NESTED, N);
    let data = prelude.len - NLA_HDRLEN;
    put_header(&mut bytes, data, NFTA_EXPR_DATA | NLA_F_NESTED, N - data);
    n = 0;
    while n < numbers.len() {
        put_header(&mut bytes, prelude.len + n * NUMBER, numbers[n], NUMBER);
        n += 1;
    }
    bytes
}

/// A [`template`] that has `len` bytes only.
#[inline]
pub(super) fn shortened<const N: usize>(mut bytes: [u8; N], before_data: usize, len: usize) -> [u8; N] {
    let data = before_data - NLA_HDRLEN;
    put_header(&mut bytes, 0, NFTA_LIST_ELEM | NLA_F_NESTED, len);
    put_header(&mut bytes, data, NFTA_EXPR_DATA | NLA_F_NESTED, len - data);
    bytes
}

/// How many bytes come before the data of an expression.
pub(super) const fn before_data(name: &str) -> usize {
    Prelude::new(name, false).len
}

/// The numbers of 32 bits with which attributes begin, if they are these, and what is behind them.
#[inline]
pub(super) fn numbers<const N: usize>(data: &[u8], attrs: [u16; N]) -> Option<([u32; N], &[u8])> {
    let (numbers, behind) = data.split_at_checked(N * NUMBER)?;
    let mut values = [0; N];
    for ((value, attr), bytes) in values.iter_mut().zip(attrs).zip(numbers.chunks_exact(NUMBER)) {
        let (head, number) = bytes.split_first_chunk()?;
        if *head != header(attr, NUMBER) {
            return None;
        }
        *value = order::from_be_u32(*number.first_chunk()?);
    }
    Some((values, behind))
}

/// The header of an attribute and its value.
#[inline]
pub(super) const fn header(attr: u16, len: usize) -> [u8; NLA_HDRLEN] {
    let mut bytes = [0; NLA_HDRLEN];
    put_header(&mut bytes, 0, attr, len);
    bytes
}

pub(super) const fn put_header(bytes: &mut [u8], at: usize, attr: u16, len: usize) {
    [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] = order::attr_header(len as u16, attr);
}

/// The bytes of an expression. Most have so few that they need no allocation.
#[derive(Clone)]
pub(super) enum Raw {
    Inline { len: u8, bytes: [u8; Raw::INLINE] },
    Heap(Box<[u8]>),
}

impl Raw {
    /// As many as most have: 64 bytes in all.
    pub(super) const INLINE: usize = 62;

    #[inline]
    pub(super) fn new(raw: &[u8]) -> Self {
        let mut bytes = [0; Self::INLINE];
        match bytes.get_mut(..raw.len()) {
            Some(inline) => {
                inline.copy_from_slice(raw);
                Self::Inline { len: raw.len() as u8, bytes }
            }
            None => Self::Heap(raw.into()),
        }
    }

    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => &bytes[..usize::from(*len).min(Self::INLINE)],
            Self::Heap(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().fmt(f)
    }
}
