//! What `NFTA_DATA_*` holds: the bytes of a register, or a verdict.

use std::fmt;

use super::{header, numbers, put_header};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{Attr, AttrReader, AttrWriter, NLA_F_NESTED, NLA_HDRLEN, Name, align};

const NFTA_DATA_VALUE: u16 = 1;
const NFTA_DATA_VERDICT: u16 = 2;
const NFTA_VERDICT_CODE: u16 = 1;
const NFTA_VERDICT_CHAIN: u16 = 2;
const NFTA_VERDICT_CHAIN_ID: u16 = 3;

/// The most bytes that an expression has of its own (`struct nft_data`).
const OPERAND_MAX: u64 = 16;
/// The most bytes that a register, and those behind it, hold (`NFT_DATA_VALUE_MAXLEN`).
pub(super) const LEN_MAX: u64 = 64;

const VERDICT_SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_VERDICT_CODE, "code"),
    AttrName::value(NFTA_VERDICT_CHAIN, "chain"),
    AttrName::value(NFTA_VERDICT_CHAIN_ID, "chain_id"),
]);
pub(crate) const DATA_SCHEMA: Schema =
    Schema(&[AttrName::value(NFTA_DATA_VALUE, "value"), AttrName::nest(NFTA_DATA_VERDICT, "verdict", &VERDICT_SCHEMA)]);

/// Bytes as a register has them, in the order of the expression that loads them.
///
/// The kernel takes 1 to 16 in an expression, and up to 64 in the element of a set.
///
/// ```
/// use nftlink::expr::Data;
/// let port = Data::from(80u16.to_be_bytes());
/// assert_eq!(port.as_bytes(), [0, 80]);
/// ```
#[derive(Clone)]
pub struct Data(Repr);

/// Most data are an address and a port at most: those need no allocation.
#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; Data::INLINE] },
    Heap(Box<[u8]>),
}

impl Data {
    /// As many as cost no memory: a value has 24 bytes.
    pub(crate) const INLINE: usize = 22;

    /// Copies bytes.
    #[inline]
    pub fn new(bytes: &[u8]) -> Self {
        match bytes.len() {
            len @ 0..=Self::INLINE => {
                let mut inline = [0; Self::INLINE];
                inline[..len].copy_from_slice(bytes);
                Self(Repr::Inline { len: len as u8, bytes: inline })
            }
            _ => Self(Repr::Heap(bytes.into())),
        }
    }

    /// Returns the bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len).min(Self::INLINE)],
            Repr::Heap(bytes) => bytes,
        }
    }

    /// Both, one after the other.
    pub(crate) fn followed_by(&self, other: &Self) -> Self {
        let (len, whole) = (self.len(), self.len() + other.len());
        let mut bytes = [0; Self::INLINE];
        match bytes.get_mut(..whole) {
            Some(both) => {
                both[..len].copy_from_slice(self.as_bytes());
                both[len..].copy_from_slice(other.as_bytes());
                Self(Repr::Inline { len: whole as u8, bytes })
            }
            None => Self(Repr::Heap([self.as_bytes(), other.as_bytes()].concat().into())),
        }
    }

    #[inline]
    pub(crate) fn as_bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Repr::Inline { len, bytes } => &mut bytes[..usize::from(*len).min(Self::INLINE)],
            Repr::Heap(bytes) => bytes,
        }
    }

    /// Returns how many bytes there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The most bytes of [`short`](Self::short).
    pub(super) const SHORT_MAX: usize = 2 * NLA_HDRLEN + 8;

    /// A nest of the data, and its length, of numbers and IPv4 addresses.
    #[inline]
    pub(super) fn short(&self, attr: u16) -> Option<([u8; Self::SHORT_MAX], usize)> {
        match &self.0 {
            &Repr::Inline { len: len @ 1..=8, ref bytes } => {
                let len = usize::from(len);
                let mut nest = [0; Self::SHORT_MAX];
                put_header(&mut nest, 0, attr | NLA_F_NESTED, 2 * NLA_HDRLEN + align(len));
                put_header(&mut nest, NLA_HDRLEN, NFTA_DATA_VALUE, NLA_HDRLEN + len);
                nest[2 * NLA_HDRLEN..].copy_from_slice(&bytes[..8]);
                Some((nest, 2 * NLA_HDRLEN + align(len)))
            }
            _ => None,
        }
    }

    /// Writes the data as a nest.
    #[inline]
    pub(crate) fn write(&self, w: &mut AttrWriter, attr: u16) {
        w.in_range("the length of data", self.len() as u64, 1..=LEN_MAX);
        self.write_unchecked(w, attr);
    }

    #[inline]
    fn write_unchecked(&self, w: &mut AttrWriter, attr: u16) {
        match &self.0 {
            Repr::Inline { len, bytes } => w.nested_short(attr, NFTA_DATA_VALUE, bytes, *len),
            Repr::Heap(bytes) => w.nested_bytes(attr, NFTA_DATA_VALUE, bytes),
        }
    }

    /// [`write`](Self::write) of the first `len` of some bytes that are not kept; the others are zero.
    #[inline]
    pub(crate) fn write_first(bytes: &[u8; LEN_MAX as usize], len: usize, w: &mut AttrWriter, attr: u16) {
        w.in_range("the length of data", len as u64, 1..=LEN_MAX);
        match bytes.first_chunk() {
            Some(short) if len <= Self::INLINE => Self::write_short::<{ Self::INLINE }>(short, len as u8, w, attr),
            _ => w.nested_bytes(attr, NFTA_DATA_VALUE, bytes.get(..len).unwrap_or(bytes)),
        }
    }

    /// [`write`](Self::write) of the first `len` of a few bytes that are not kept; the others are zero.
    #[inline]
    pub(crate) fn write_short<const N: usize>(bytes: &[u8; N], len: u8, w: &mut AttrWriter, attr: u16) {
        w.nested_short(attr, NFTA_DATA_VALUE, bytes, len);
    }

    /// Writes the data as all that is in a nest, which is in another one.
    #[inline]
    pub(crate) fn write_alone(&self, w: &mut AttrWriter, outer: u16, attr: u16) {
        match &self.0 {
            Repr::Inline { len, bytes } if *len > 0 => w.nested_short_alone(outer, attr, NFTA_DATA_VALUE, bytes, *len),
            _ => w.nest(outer, |w| self.write(w, attr)),
        }
    }

    /// [`write_alone`](Self::write_alone) of the first `len` of a few bytes; the others are zero.
    #[inline]
    pub(crate) fn write_short_alone(bytes: &[u8; 16], len: u8, w: &mut AttrWriter, outer: u16, attr: u16) {
        w.nested_short_alone(outer, attr, NFTA_DATA_VALUE, bytes, len);
    }

    /// [`write_short_alone`](Self::write_short_alone), but behind a number.
    #[inline]
    pub(crate) fn write_short_behind(
        bytes: &[u8; 16],
        len: u8,
        w: &mut AttrWriter,
        outer: u16,
        number: (u16, u32),
        attr: u16,
    ) {
        w.nested_short_behind(outer, number, attr, NFTA_DATA_VALUE, bytes, len);
    }

    /// Writes the data of an expression as a nest: there is room for one register of 16 bytes.
    #[inline]
    pub(super) fn write_operand(&self, w: &mut AttrWriter, attr: u16) {
        w.in_range("the length of an expression's data", self.len() as u64, 1..=OPERAND_MAX);
        self.write_unchecked(w, attr);
    }

    /// The bytes in a nest that holds them, and nothing else.
    #[inline]
    pub(crate) fn plain_bytes(attr: Attr<'_>) -> Option<&[u8]> {
        let mut attrs = attr.nested().ok()?;
        match attrs.next()? {
            Ok((NFTA_DATA_VALUE, value)) if attrs.left() == 0 => Some(value.bytes()),
            _ => None,
        }
    }

    /// Reads attributes that are one nest with bytes alone: as many as numbers and addresses have.
    #[inline]
    pub(super) fn read_usual(attrs: &[u8], attr: u16) -> Option<Self> {
        let (head, value) = nest_alone(attrs, attr)?.split_first_chunk()?;
        let padded: u128 = match value.len() {
            4 => u32::from_le_bytes(*value.first_chunk()?).into(),
            8 => u64::from_le_bytes(*value.first_chunk()?).into(),
            16 => u128::from_le_bytes(*value.first_chunk()?),
            _ => return None,
        };
        let padding = (0..NLA_HDRLEN).find(|n| *head == header(NFTA_DATA_VALUE, NLA_HDRLEN + value.len() - n))?;
        let len = value.len() - padding;
        // Padding that is not zero is none of the bytes.
        let value = padded & (u128::MAX >> (u128::BITS - u8::BITS * len as u32));
        let mut bytes = [0; Self::INLINE];
        bytes[..size_of::<u128>()].copy_from_slice(&value.to_le_bytes());
        Some(Self(Repr::Inline { len: len as u8, bytes }))
    }

    /// Reads a nest that has to hold bytes.
    pub(crate) fn read(attr: Attr<'_>) -> Result<Self, DecodeError> {
        let mut data = None;
        let attrs = attr.nested()?;
        for attr in attrs.clone() {
            match attr? {
                (NFTA_DATA_VALUE, v) => data = Some(Self::new(v.bytes())),
                (other, _) => attrs.note_unknown(other),
            }
        }
        data.ok_or(DecodeError::new("data", "no value in it"))
    }
}

/// What is in a nest, if that is all there is. The kernel does not mark it as one.
#[inline]
fn nest_alone(attrs: &[u8], attr: u16) -> Option<&[u8]> {
    let (head, nest) = attrs.split_first_chunk()?;
    let is_alone = [attr, attr | NLA_F_NESTED].iter().any(|&attr| *head == header(attr, attrs.len()));
    Some(nest).filter(|_| is_alone)
}

impl<const N: usize> From<[u8; N]> for Data {
    #[inline]
    fn from(bytes: [u8; N]) -> Self {
        Self::new(&bytes)
    }
}

impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl AsRef<[u8]> for Data {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Data {}

impl PartialOrd for Data {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Data {
    /// Compares as the kernel does: byte by byte.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl std::hash::Hash for Data {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Data(0x")?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

impl fmt::Display for Data {
    /// Writes words of four bytes as libnftnl 1.2 does, each a number of the host's order;
    /// with `{:#}` as libnftnl 1.3 does, the bytes in their order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, word) in self.as_bytes().chunks(4).enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            f.write_str("0x")?;
            if f.alternate() {
                word.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            } else {
                let mut bytes = [0; 4];
                bytes[..word.len()].copy_from_slice(word);
                write!(f, "{:08x}", crate::wire::order::from_host_u32(bytes))?;
            }
        }
        Ok(())
    }
}

open_number! {
    /// What becomes of a packet (`NF_DROP` …, `enum nft_verdicts`).
    #[doc(alias = "nft_verdicts")]
    pub struct VerdictCode(i32) {
        /// The packet is dropped.
        DROP = 0, "drop";
        /// The packet passes this chain.
        ACCEPT = 1, "accept";
        /// The packet is somebody else's now; not for rules.
        STOLEN = 2, "stolen";
        /// The packet goes to user space; rules use the queue expression.
        QUEUE = 3, "queue";
        /// The hook runs again; not for rules.
        REPEAT = 4, "repeat";
        /// The next expression or rule follows.
        CONTINUE = -1, "continue";
        /// The next rule follows.
        BREAK = -2, "break";
        /// Another chain follows, and then the next rule.
        JUMP = -3, "jump";
        /// Another chain follows, and nothing after it.
        GOTO = -4, "goto";
        /// The chain that jumped here goes on.
        RETURN = -5, "return";
    }
}

/// What becomes of a packet, with the chain that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Verdict {
    /// What becomes of the packet.
    pub code: VerdictCode,
    /// The chain to jump or go to.
    pub chain: Option<Name>,
    /// The chain of this batch to jump or go to (`NFTA_VERDICT_CHAIN_ID`, Linux 5.9).
    pub chain_id: Option<u32>,
}

impl Verdict {
    /// Drops the packet.
    pub const DROP: Self = Self::plain(VerdictCode::DROP);
    /// Lets the packet pass this chain.
    pub const ACCEPT: Self = Self::plain(VerdictCode::ACCEPT);
    /// Goes on.
    pub const CONTINUE: Self = Self::plain(VerdictCode::CONTINUE);
    /// Goes on with the next rule.
    pub const BREAK: Self = Self::plain(VerdictCode::BREAK);
    /// Goes back to the chain that jumped here.
    pub const RETURN: Self = Self::plain(VerdictCode::RETURN);

    /// A verdict without a chain.
    pub const fn plain(code: VerdictCode) -> Self {
        Self { code, chain: None, chain_id: None }
    }

    /// Goes on with `chain`, then with the next rule.
    pub fn jump(chain: impl Into<Name>) -> Self {
        Self { chain: Some(chain.into()), ..Self::plain(VerdictCode::JUMP) }
    }

    /// Goes on with `chain` and does not come back.
    pub fn goto(chain: impl Into<Name>) -> Self {
        Self { chain: Some(chain.into()), ..Self::plain(VerdictCode::GOTO) }
    }

    /// Writes the verdict as a nest.
    #[inline]
    pub(crate) fn write(&self, w: &mut AttrWriter, attr: u16) {
        let code = self.code.get() as u32;
        if self.chain.is_none() && self.chain_id.is_none() {
            return w.nested_u32(attr, NFTA_DATA_VERDICT, NFTA_VERDICT_CODE, code);
        }
        w.nest(attr, |w| {
            w.nest(NFTA_DATA_VERDICT, |w| {
                w.u32(NFTA_VERDICT_CODE, code);
                self.write_chain(w);
            });
        });
    }

    #[inline]
    fn write_chain(&self, w: &mut AttrWriter) {
        if let Some(chain) = &self.chain {
            w.check(chain.check_referred("chain"));
            w.name(NFTA_VERDICT_CHAIN, chain);
        }
        if let Some(id) = self.chain_id {
            w.u32(NFTA_VERDICT_CHAIN_ID, id);
        }
    }

    /// Reads a nest that has a code alone.
    #[inline]
    fn read_usual(nest: &[u8]) -> Option<Self> {
        let ([code], []) = numbers(nest, [NFTA_VERDICT_CODE])? else { return None };
        Some(Self::plain(VerdictCode::from_raw(code as i32)))
    }

    pub(crate) fn read(attrs: AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut verdict = None;
        let (mut chain, mut chain_id) = (None, None);
        for attr in attrs.clone() {
            match attr? {
                (NFTA_VERDICT_CODE, v) => verdict = Some(VerdictCode::from_raw(v.u32()? as i32)),
                (NFTA_VERDICT_CHAIN, v) => chain = Some(v.name()),
                (NFTA_VERDICT_CHAIN_ID, v) => chain_id = Some(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        let code = verdict.ok_or(DecodeError::new("verdict", "no code in it"))?;
        Ok(Self { code, chain, chain_id })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(chain) = &self.chain {
            write!(f, " -> {chain}")?;
        }
        Ok(())
    }
}

/// What an immediate expression gives, and what the elements of a map have: bytes or a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Value {
    /// Bytes: 16 at most in an expression, 64 as an element's value.
    Data(Data),
    /// A verdict.
    Verdict(Verdict),
}

impl Value {
    #[inline]
    pub(crate) fn write(&self, w: &mut AttrWriter, attr: u16) {
        match self {
            Self::Data(data) => data.write(w, attr),
            Self::Verdict(verdict) => verdict.write(w, attr),
        }
    }

    /// Reads attributes that are one nest, with bytes alone or a verdict without a chain.
    #[inline]
    pub(super) fn read_usual(attrs: &[u8], attr: u16) -> Option<Self> {
        match nest_alone(nest_alone(attrs, attr)?, NFTA_DATA_VERDICT) {
            Some(verdict) => Verdict::read_usual(verdict).map(Self::Verdict),
            None => Data::read_usual(attrs, attr).map(Self::Data),
        }
    }

    pub(crate) fn read(attr: Attr<'_>) -> Result<Self, DecodeError> {
        let mut found = None;
        let attrs = attr.nested()?;
        for attr in attrs.clone() {
            match attr? {
                (NFTA_DATA_VALUE, v) => found = Some(Self::Data(Data::new(v.bytes()))),
                (NFTA_DATA_VERDICT, v) => found = Some(Self::Verdict(Verdict::read(v.nested()?)?)),
                (other, _) => attrs.note_unknown(other),
            }
        }
        found.ok_or(DecodeError::new("data", "neither value nor verdict in it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_of_libnftnl() {
        let data = Data::from([0xfe, 0x80, 0, 0, 1]);
        #[cfg(target_endian = "little")]
        assert_eq!(data.to_string(), "0x000080fe 0x00000001");
        assert_eq!(format!("{data:#}"), "0xfe800000 0x01");
    }

    #[test]
    fn long_data_are_kept_whole() {
        let bytes = [7; 64];
        assert_eq!(Data::from(bytes).as_bytes(), bytes);
        assert_eq!([16, 22, 23].map(|len| Data::new(&bytes[..len]).len()), [16, 22, 23]);
        assert_eq!(size_of::<Data>(), 24);
        assert!(Data::new(&[]).is_empty());
    }
}
