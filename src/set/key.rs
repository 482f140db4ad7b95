//! What can be the key of a set, and what can become an element of it.

use std::ops::RangeInclusive;

use super::element::{NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_KEY_END};
use super::{Element, MapValue, Mapped, SetFlags};
use crate::datum::{
    ByteOrder, Bytes, DataType, Datum, Interval, IntoKey, IntoMapped, Ordered, concatenations, conversions,
    from_sortable, sortable, swaps, word,
};
use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::wire::{AttrWriter, order};

/// What a set has for keys: a data type, an [`Interval`] of one, or a tuple of those: a
/// concatenation.
///
/// A type of one's own becomes one by implementing [`Datum`]. A concatenation may have 64 bytes,
/// each part padded to four; one with intervals needs Linux 5.6. A longer one does not compile:
///
/// ```compile_fail,E0080
/// # use std::net::Ipv6Addr;
/// # use nftlink::datum::Port;
/// # use nftlink::{Batch, Set, Table};
/// let set = Set::<(Ipv6Addr, Ipv6Addr, Ipv6Addr, Ipv6Addr, Port)>::new(Table::inet("fw"), "set");
/// Batch::new().add(&set);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a set",
    label = "a set's key is an nft data type, an `Interval` of one, or a tuple of those",
    note = "a port is `Port`, not `u16`"
)]
pub trait Key: Clone {
    /// The type's number.
    const TYPE: DataType;
    /// Bytes of a key.
    const LEN: usize;
    /// The order of a value's bytes, as nft's userdata tells it; of a concatenation none.
    const ORDER: ByteOrder;
    /// Flags of a set with such keys.
    const FLAGS: SetFlags;
    /// The parts of a concatenation; other keys are the only part.
    #[doc(hidden)]
    const FIELDS: &'static [Part];

    /// The lowest and the highest key, the same for one that is not an interval: as bytes that
    /// sort, or as a register has them.
    #[doc(hidden)]
    fn bounds(&self, sorted: bool) -> Result<(Data, Data), BuildErrorKind>;

    /// The [bounds](Self::bounds) that sort, as numbers that compare as they do, with their bytes first and zeros
    /// behind: of keys that are no concatenation, have at most 16 bytes and make sense.
    #[doc(hidden)]
    #[inline]
    fn words(&self) -> Option<(u128, u128)> {
        None
    }

    /// The key as a register has it, if it is one value.
    #[doc(hidden)]
    fn bare(&self) -> Result<Data, BuildErrorKind> {
        self.bounds(false).map(|(start, _)| start)
    }

    /// Writes what an element has for a key that is no plain interval: a concatenation of intervals has its end, too.
    #[doc(hidden)]
    fn write(&self, w: &mut AttrWriter) -> Result<(), BuildErrorKind>;

    /// The key that has those bounds.
    #[doc(hidden)]
    fn from_bounds(start: &[u8], end: &[u8], sorted: bool) -> Option<Self>;
}

/// What can be a part of a concatenated [`Key`]: a data type, or an [`Interval`] of one.
pub trait KeyPart: Clone {
    #[doc(hidden)]
    const PART: Part;
    #[doc(hidden)]
    const ORDER: ByteOrder;

    #[doc(hidden)]
    fn bounds(&self, sorted: bool) -> Result<(Data, Data), BuildErrorKind>;

    /// Both bounds as numbers, as [`Key::words`] has them.
    #[doc(hidden)]
    fn words(&self) -> Option<(u128, u128)>;

    /// A value that is not an interval, as a register has it.
    #[doc(hidden)]
    fn data(&self) -> Result<Data, BuildErrorKind> {
        self.bounds(false).map(|(start, _)| start)
    }

    #[doc(hidden)]
    fn from_bounds(start: &[u8], end: &[u8], sorted: bool) -> Option<Self>;
}

/// One part of a key.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Part {
    pub(crate) kind: DataType,
    pub(crate) len: usize,
    pub(crate) interval: bool,
    /// Numbers in the host's order: a set of intervals has them in network order.
    pub(crate) swaps: bool,
}

impl Part {
    const fn of<V: Datum>(interval: bool) -> Self {
        Self { kind: V::TYPE, len: V::LEN, interval, swaps: swaps::<V>() }
    }

    /// Bytes that it takes in a concatenation.
    pub(crate) const fn padded(&self) -> usize {
        self.len.next_multiple_of(4)
    }
}

impl<V: Datum> KeyPart for V {
    const PART: Part = Part::of::<V>(false);
    const ORDER: ByteOrder = V::ORDER;

    fn bounds(&self, sorted: bool) -> Result<(Data, Data), BuildErrorKind> {
        let data = if sorted { sortable(self)? } else { self.to_data()? };
        Ok((data.clone(), data))
    }

    #[inline]
    fn words(&self) -> Option<(u128, u128)> {
        word(self).map(|word| (word, word))
    }

    #[inline]
    fn data(&self) -> Result<Data, BuildErrorKind> {
        self.to_data()
    }

    fn from_bounds(start: &[u8], end: &[u8], sorted: bool) -> Option<Self> {
        if !std::ptr::eq(start, end) && start != end {
            return None;
        }
        if sorted { from_sortable::<V>(start) } else { V::from_data(start) }
    }
}

impl<V: Datum> KeyPart for Interval<V> {
    const PART: Part = Part::of::<V>(true);
    const ORDER: ByteOrder = V::ORDER;

    fn bounds(&self, sorted: bool) -> Result<(Data, Data), BuildErrorKind> {
        self.bounds(sorted)
    }

    #[inline]
    fn words(&self) -> Option<(u128, u128)> {
        self.words()
    }

    fn from_bounds(start: &[u8], end: &[u8], sorted: bool) -> Option<Self> {
        Self::from_bounds(start, end, sorted)
    }
}

impl<P: KeyPart> Key for P {
    const TYPE: DataType = P::PART.kind;
    const LEN: usize = P::PART.len;
    const ORDER: ByteOrder = P::ORDER;
    const FLAGS: SetFlags = if P::PART.interval { SetFlags::INTERVAL } else { SetFlags::empty() };
    const FIELDS: &'static [Part] = &[P::PART];

    fn bounds(&self, sorted: bool) -> Result<(Data, Data), BuildErrorKind> {
        KeyPart::bounds(self, sorted)
    }

    #[inline]
    fn words(&self) -> Option<(u128, u128)> {
        KeyPart::words(self)
    }

    #[inline]
    fn bare(&self) -> Result<Data, BuildErrorKind> {
        self.data()
    }

    #[inline]
    fn write(&self, w: &mut AttrWriter) -> Result<(), BuildErrorKind> {
        self.data()?.write(w, NFTA_SET_ELEM_KEY);
        Ok(())
    }

    fn from_bounds(start: &[u8], end: &[u8], sorted: bool) -> Option<Self> {
        KeyPart::from_bounds(start, end, sorted)
    }
}

/// The most bytes that a key may have (`NFT_DATA_VALUE_MAXLEN`).
pub(super) const KEY_MAX: usize = 64;

/// Bytes of a concatenation.
pub(crate) const fn concatenated(parts: &[Part]) -> usize {
    let (mut len, mut n) = (0, 0);
    while n < parts.len() {
        len += parts[n].padded();
        n += 1;
    }
    assert!(len <= KEY_MAX, "a concatenation may have 64 bytes");
    len
}

pub(crate) const fn type_of(parts: &[Part]) -> DataType {
    let (mut kind, mut n) = (DataType::from_raw(0), 0);
    while n < parts.len() {
        kind = kind.followed_by(parts[n].kind);
        n += 1;
    }
    kind
}

pub(super) const fn flags_of(parts: &[Part]) -> SetFlags {
    let mut n = 0;
    while n < parts.len() {
        if parts[n].interval {
            return SetFlags::INTERVAL.union(SetFlags::CONCAT);
        }
        n += 1;
    }
    SetFlags::empty()
}

/// Takes the next part of a concatenation off, without its padding.
pub(crate) fn split_part<'a>(bytes: &mut &'a [u8], part: Part) -> Option<&'a [u8]> {
    let (whole, rest) = bytes.split_at_checked(part.padded())?;
    *bytes = rest;
    whole.get(..part.len)
}

/// The parts of a concatenation, each with its padding.
pub(super) struct Parts {
    bytes: [u8; KEY_MAX],
    /// Of all parts, also of those that had no room.
    len: usize,
}

impl Parts {
    #[inline]
    pub(super) fn new() -> Self {
        Self { bytes: [0; KEY_MAX], len: 0 }
    }

    /// Appends a part. What has no room is missing: what is too long is refused where it is written.
    #[inline]
    pub(super) fn push(&mut self, part: &Data) {
        let part = part.as_bytes();
        if let Some(place) = self.bytes.get_mut(self.len..self.len + part.len()) {
            place.copy_from_slice(part);
        }
        self.len = (self.len + part.len()).next_multiple_of(4);
    }

    /// Appends a part whose `len` bytes come first in a word, with zeros behind.
    #[inline]
    fn push_word(&mut self, word: u128, len: usize) {
        let part = order::be_u128(word);
        if let Some((place, part)) = self.bytes.get_mut(self.len..self.len + len).zip(part.get(..len)) {
            place.copy_from_slice(part);
        }
        self.len = (self.len + len).next_multiple_of(4);
    }

    #[inline]
    pub(super) fn data(&self) -> Data {
        match self.bytes.get(..self.len) {
            Some(bytes) => Data::new(bytes),
            None => Data::new(&vec![0; self.len]),
        }
    }

    #[inline]
    fn write(&self, w: &mut AttrWriter, attr: u16) {
        Data::write_first(&self.bytes, self.len, w, attr);
    }
}

macro_rules! concatenated_keys {
    ($($Part:ident $from:ident $n:tt),*) => {
        impl<$($Part: KeyPart),*> Key for ($($Part,)*) {
            const TYPE: DataType = type_of(Self::FIELDS);
            const LEN: usize = concatenated(Self::FIELDS);
            const ORDER: ByteOrder = ByteOrder::None;
            const FLAGS: SetFlags = flags_of(Self::FIELDS);
            const FIELDS: &'static [Part] = &[$($Part::PART),*];

            fn bounds(&self, sorted: bool) -> Result<(Data, Data), BuildErrorKind> {
                let (mut low, mut high) = (Parts::new(), Parts::new());
                $({
                    let (start, end) = self.$n.bounds(sorted)?;
                    low.push(&start);
                    high.push(&end);
                })*
                Ok((low.data(), high.data()))
            }

            #[inline]
            fn bare(&self) -> Result<Data, BuildErrorKind> {
                let mut parts = Parts::new();
                $(parts.push(&self.$n.data()?);)*
                Ok(parts.data())
            }

            #[inline]
            fn write(&self, w: &mut AttrWriter) -> Result<(), BuildErrorKind> {
                if !Self::FLAGS.contains(SetFlags::INTERVAL) {
                    let mut parts = Parts::new();
                    $(parts.push(&self.$n.data()?);)*
                    parts.write(w, NFTA_SET_ELEM_KEY);
                    return Ok(());
                }
                // The kernel could do without the end of a single value, but nft takes what has none for
                // the beginning of an interval.
                let (mut low, mut high) = (Parts::new(), Parts::new());
                $(if let Some((start, end)) = self.$n.words() {
                    low.push_word(start, $Part::PART.len);
                    high.push_word(end, $Part::PART.len);
                } else {
                    let (start, end) = self.$n.bounds(true)?;
                    low.push(&start);
                    high.push(&end);
                })*
                low.write(w, NFTA_SET_ELEM_KEY);
                high.write(w, NFTA_SET_ELEM_KEY_END);
                Ok(())
            }

            fn from_bounds(mut start: &[u8], mut end: &[u8], sorted: bool) -> Option<Self> {
                let key = ($({
                    let (low, high) = (split_part(&mut start, $Part::PART)?, split_part(&mut end, $Part::PART)?);
                    $Part::from_bounds(low, high, sorted)?
                },)*);
                (start.is_empty() && end.is_empty()).then_some(key)
            }
        }

        #[allow(non_camel_case_types, reason = "type parameters come in two cases here")]
        impl<$($Part: KeyPart, $from: IntoKey<$Part>),*> IntoElement<($($Part,)*)> for ($($from,)*) {
            #[inline]
            fn into_element(self) -> Element<($($Part,)*)> {
                Element::of(self.into_key())
            }
        }

        #[allow(non_camel_case_types, reason = "type parameters come in two cases here")]
        impl<$($Part, $from: KeyFor<$Part> + KeyPart),*> KeyFor<($($Part,)*)> for ($($from,)*) {}
    };
}

concatenations!(concatenated_keys);

/// A set key in which values of type `V` can be looked up.
#[diagnostic::on_unimplemented(
    message = "a field of type `{V}` cannot be looked up in a set of `{Self}`",
    label = "the set has keys of another type than the field"
)]
pub trait KeyFor<V>: Key {}

impl<V: Datum> KeyFor<V> for V {}
impl<V: Datum> KeyFor<V> for Interval<V> {}

/// What can become an element of a set with keys of type `K`, or of a map from `K` to `V`: a key
/// (or what converts into one), of a map a pair, or an [`Element`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a set of `{K}`",
    label = "an element of a set of `{K}` is wanted here",
    note = "a range or prefix needs a set of `Interval<…>`, a map needs pairs of key and value"
)]
pub trait IntoElement<K, V = ()> {
    /// Converts into an element.
    fn into_element(self) -> Element<K, V>;
}

impl<K: Key, V: Mapped> IntoElement<K, V> for Element<K, V> {
    #[inline]
    fn into_element(self) -> Self {
        self
    }
}

impl<K: Key, V: Mapped> IntoElement<K, V> for &Element<K, V> {
    fn into_element(self) -> Element<K, V> {
        self.clone()
    }
}

impl<K: Key, V: MapValue, A: IntoKey<K>, B: IntoKey<V>> IntoElement<K, V> for (A, B) {
    #[inline]
    fn into_element(self) -> Element<K, V> {
        Element::of(self.0.into_key()).to(self.1)
    }
}

/// What can become an element of a map of a rule's own: a pair of what converts [into the key](IntoKey) and [into the
/// value](IntoMapped), or an [`Element`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a map from `{K}` to `{V}`",
    label = "pairs of key and value are wanted here, or an `Element`"
)]
pub trait IntoPair<K, V> {
    /// Converts into an element.
    fn into_pair(self) -> Element<K, V>;
}

impl<K: Key, V: MapValue, A: IntoKey<K>, B: IntoMapped<V>> IntoPair<K, V> for (A, B) {
    fn into_pair(self) -> Element<K, V> {
        Element::of(self.0.into_key()).with_value(self.1.into_mapped())
    }
}

impl<K: Key, V: MapValue> IntoPair<K, V> for Element<K, V> {
    fn into_pair(self) -> Self {
        self
    }
}

impl<K: Key, V: MapValue> IntoPair<K, V> for &Element<K, V> {
    fn into_pair(self) -> Element<K, V> {
        self.clone()
    }
}

/// What converts into a key converts into an element.
macro_rules! elements {
    ($([$($generics:tt)*] $from:ty => $key:ty;)*) => {$(
        impl<$($generics)*> IntoElement<$key> for $from {
            #[inline]
            fn into_element(self) -> Element<$key> {
                Element::of(self.into_key())
            }
        }
    )*};
}

elements! {
    [V: Datum] V => V;
    [V: Datum] &V => V;
    [V: Datum] V => Interval<V>;
    [V: Datum] &V => Interval<V>;
    [V: Datum] Interval<V> => Interval<V>;
    [V: Datum] &Interval<V> => Interval<V>;
    [V: Ordered] RangeInclusive<V> => Interval<V>;
    [const N: usize] [u8; N] => Bytes<N>;
    [const N: usize] [u8; N] => Interval<Bytes<N>>;
    [const N: usize] RangeInclusive<[u8; N]> => Interval<Bytes<N>>;
}

macro_rules! converted_elements {
    ($($from:ty => $value:ty $(, $ordered:ident)?;)*) => {
        elements! { $([] $from => $value; [] $from => Interval<$value>;)* }
        $($(converted_elements!(@$ordered $from => $value);)?)*
    };
    (@ordered $from:ty => $value:ty) => {
        elements! { [] RangeInclusive<$from> => Interval<$value>; }
    };
}

conversions!(converted_elements);
