//! Values from a first to a last one.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{
    Address, DataType, Datum, IntoValue, Ordered, Text, from_sortable, is_prefix, prefix_bound, sortable, word,
};
use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::wire::name::escape;

/// Values from a first to a last one, both of them in it: a range, a prefix, or a single value.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::Interval;
///
/// let net = Interval::prefix(Ipv4Addr::new(10, 0, 0, 0), 8);
/// assert_eq!(net, Interval::range(Ipv4Addr::new(10, 0, 0, 0)..=Ipv4Addr::new(10, 255, 255, 255)));
/// assert_eq!(net, "10.0.0.0/8".parse().unwrap());
/// assert_eq!(net.to_string(), "10.0.0.0/8");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval<V> {
    start: V,
    end: V,
    /// How the end differs from what `end` says.
    note: Note,
}

/// What the bounds alone do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Note {
    Nothing,
    /// A prefix length that the address does not have: told by the batch.
    BadPrefix(u8),
    /// All texts that begin with the first so many bytes.
    Beginning(u8),
}

impl<V: Datum> Interval<V> {
    /// A single value.
    #[inline]
    pub fn value(value: impl IntoValue<V>) -> Self {
        let value = value.into_value();
        Self { start: value.clone(), end: value, note: Note::Nothing }
    }

    /// Returns the lowest value.
    pub fn start(&self) -> &V {
        &self.start
    }

    /// Returns the highest value; of all names with one beginning, the beginning.
    pub fn end(&self) -> &V {
        &self.end
    }

    /// Both bounds as [`word`]s: if they make sense, and have no more bytes.
    #[inline]
    pub(crate) fn words(&self) -> Option<(u128, u128)> {
        if self.note != Note::Nothing {
            return None;
        }
        let (start, end) = (word(&self.start)?, word(&self.end)?);
        (start <= end).then_some((start, end))
    }

    /// Both bounds, if they make sense: as bytes that sort, or as a register has them.
    pub(crate) fn bounds(&self, sorted: bool) -> Result<(Data, Data), BuildErrorKind> {
        let bytes = |value: &V| if sorted { sortable(value) } else { value.to_data() };
        if let Note::BadPrefix(len) = self.note {
            return Err(BuildErrorKind::PrefixTooLong { len, max: (V::LEN * 8) as u8 });
        }
        let start = bytes(&self.start)?;
        if let Note::Beginning(len) = self.note {
            let end = prefix_bound(start.as_bytes(), len * 8, u8::MAX);
            return Ok((start, end));
        }
        let end = bytes(&self.end)?;
        // Of numbers in the host's order only the sorted bytes compare as the values do.
        if sorted && start > end {
            let text = |value: &V| -> Box<str> {
                let mut text = String::new();
                let _ = V::TYPE.show(value.to_data().unwrap_or_else(|_| Data::new(&[])).as_bytes(), &mut text);
                text.into()
            };
            return Err(BuildErrorKind::RangeReversed { start: text(&self.start), end: text(&self.end) });
        }
        Ok((start, end))
    }

    /// The interval that has those bounds.
    pub(crate) fn from_bounds(start: &[u8], end: &[u8], sorted: bool) -> Option<Self> {
        let value = |bytes| if sorted { from_sortable::<V>(bytes) } else { V::from_data(bytes) };
        let first = value(start)?;
        if V::TYPE.is_text() && start != end {
            let len = common_beginning(start, end)?.len() as u8;
            return Some(Self { end: first.clone(), start: first, note: Note::Beginning(len) });
        }
        Some(Self { start: first, end: value(end)?, note: Note::Nothing })
    }
}

impl<V: Ordered> Interval<V> {
    /// The values from the range's start to its end. A batch refuses one that ends before it starts.
    #[inline]
    pub fn range<T: IntoValue<V>>(range: RangeInclusive<T>) -> Self {
        let (start, end) = range.into_inner();
        Self { start: start.into_value(), end: end.into_value(), note: Note::Nothing }
    }

    /// All values from `start` on, to the highest that there is.
    pub fn at_least(start: impl IntoValue<V>) -> Self {
        let start = start.into_value();
        let end = from_sortable(&vec![u8::MAX; V::LEN]).unwrap_or_else(|| start.clone());
        Self { start, end, note: Note::Nothing }
    }

    /// All values from the lowest that there is to `end`.
    pub fn at_most(end: impl IntoValue<V>) -> Self {
        let end = end.into_value();
        let start = from_sortable(&vec![0; V::LEN]).unwrap_or_else(|| end.clone());
        Self { start, end, note: Note::Nothing }
    }
}

impl<V: Text> Interval<V> {
    /// All names that begin with those bytes (nft's `"eth*"`).
    pub fn starting_with(beginning: impl IntoValue<V>) -> Self {
        let name = beginning.into_value();
        let note = Note::Beginning(name.as_bytes().len() as u8);
        Self { start: name.clone(), end: name, note }
    }
}

impl<V: Address> Interval<V> {
    /// The addresses whose first `len` bits are those of `address`; the others do not matter.
    /// A batch refuses a prefix that is longer than the address.
    #[inline]
    pub fn prefix(address: impl IntoValue<V>, len: u8) -> Self {
        let address = address.into_value();
        let masked = |fill| {
            let bytes = prefix_bound(address.to_data().ok()?.as_bytes(), len, fill);
            V::from_data(bytes.as_bytes())
        };
        let start = masked(0).unwrap_or_else(|| address.clone());
        let end = masked(u8::MAX).unwrap_or_else(|| address.clone());
        Self { start, end, note: if len > V::BITS { Note::BadPrefix(len) } else { Note::Nothing } }
    }

    /// Returns the length of the prefix that this is, if it is one.
    pub fn prefix_len(&self) -> Option<u8> {
        let (start, end) = self.bounds(true).ok()?;
        let (start, end) = (start.as_bytes(), end.as_bytes());
        let len: u32 = {
            let same = start.iter().zip(end).take_while(|(a, b)| a == b).count();
            let rest = start.get(same).zip(end.get(same)).map_or(0, |(a, b)| (a ^ b).leading_zeros());
            same as u32 * 8 + rest
        };
        let len = u8::try_from(len).ok()?;
        is_prefix(start, end, len).then_some(len)
    }
}

impl<V: Datum> From<V> for Interval<V> {
    fn from(value: V) -> Self {
        Self::value(value)
    }
}

impl<V: Ordered> From<RangeInclusive<V>> for Interval<V> {
    fn from(range: RangeInclusive<V>) -> Self {
        Self::range(range)
    }
}

impl<V: Datum> fmt::Display for Interval<V> {
    /// Writes what nft writes: a value, a prefix, or a range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok((start, end)) = self.bounds(false) else { return f.write_str("?") };
        show_interval(V::TYPE, start.as_bytes(), end.as_bytes(), f)
    }
}

/// The beginning of all texts between two, if they are all that begin so.
pub(crate) fn common_beginning<'a>(start: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let len = start.iter().zip(end).take_while(|(a, b)| a == b).count();
    let (beginning, rest) = start.split_at(len);
    let all = rest.iter().all(|&byte| byte == 0) && end.get(len..)?.iter().all(|&byte| byte == u8::MAX);
    all.then_some(beginning)
}

/// Writes an interval as nft does.
pub(crate) fn show_interval(kind: DataType, start: &[u8], end: &[u8], f: &mut impl fmt::Write) -> fmt::Result {
    if kind.is_text() && start != end {
        let same = start.iter().zip(end).take_while(|(a, b)| a == b && **a != 0).count();
        f.write_char('"')?;
        escape(&start[..same], f)?;
        return f.write_str("*\"");
    }
    kind.show(start, f)?;
    if start == end {
        return Ok(());
    }
    if let Some(len) = kind.prefix_len(start, end) {
        return write!(f, "/{len}");
    }
    f.write_str("-")?;
    kind.show(end, f)
}

/// Text that is no interval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address, prefix (ADDRESS/LENGTH) or range (FIRST-LAST)")]
pub struct ParseIntervalError {
    text: Box<str>,
}

impl<V: Address + FromStr> FromStr for Interval<V> {
    type Err = ParseIntervalError;

    /// Reads an address, a prefix (`10.0.0.0/8`) or a range (`10.0.0.1-10.0.0.9`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseIntervalError { text: text.into() };
        let address = |part: &str| part.parse::<V>().map_err(|_| error());
        let interval = if let Some((first, len)) = text.split_once('/') {
            Self::prefix(address(first)?, len.parse().map_err(|_| error())?)
        } else if let Some((first, last)) = text.split_once('-') {
            Self::range(address(first)?..=address(last)?)
        } else {
            Self::value(address(text)?)
        };
        if interval.bounds(true).is_ok() { Ok(interval) } else { Err(error()) }
    }
}
