//! Elements of sets of any type, whole and to be read by people.

use std::fmt::{self, Write};

use super::element::ElementFlags;
use super::entry::{Entry, sort_entries};
use super::info::SetInfo;
use super::*;
use crate::datum::{ByteOrder, predecessor, show_interval};
use crate::expr::Data;
use crate::userdata::Typeof;
use crate::wire::{align, order};

/// An element of a set of any type, whole: [`SetInfo::paired`] makes them of the kernel's entries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UntypedElement {
    /// The lowest and the highest key, the same of an element that is no interval; the catch-all element
    /// has none. A set of intervals has keys in network order, also of types that have the host's.
    pub bounds: Option<(Data, Data)>,
    /// The entry that begins it, with all that it has beside its keys.
    pub entry: Entry,
}

impl SetInfo {
    /// Puts the entries of the set together into elements, in the order of their keys where they are
    /// intervals, and else as they come. An end of an interval that does not begin is left out.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nftlink::Error> {
    /// # let mut conn = nftlink::Conn::open()?;
    /// for set in conn.sets(..)? {
    ///     for element in set.paired(conn.elements(&set)?) {
    ///         println!("{}: {}", set.at(), set.display(&element));
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn paired<E: Into<Entry>>(&self, entries: impl IntoIterator<Item = E>) -> Vec<UntypedElement> {
        let mut entries: Vec<Entry> = entries.into_iter().map(Into::into).collect();
        if !self.flags().has_ends() {
            let whole = |entry: Entry| {
                let end = entry.key_end.as_ref().or(entry.key.as_ref()).cloned();
                UntypedElement { bounds: entry.key.clone().zip(end), entry }
            };
            return entries.into_iter().map(whole).collect();
        }
        sort_entries(&mut entries);
        // Those that do not end sort, too.
        entries.sort_by(|a, b| (a.key.is_none(), &a.key).cmp(&(b.key.is_none(), &b.key)));
        let mut entries = entries.into_iter().peekable();
        let mut elements = Vec::new();
        while let Some(entry) = entries.next() {
            let after = entries.peek().and_then(|next| next.key.as_ref());
            let bounds = entry.key.as_ref().map(|start| {
                let last = after.and_then(|after| predecessor(after.as_bytes()));
                (start.clone(), last.unwrap_or_else(|| Data::new(&vec![u8::MAX; start.len()])))
            });
            if !entry.flags.contains(ElementFlags::INTERVAL_END) {
                elements.push(UntypedElement { bounds, entry });
            }
        }
        elements
    }

    /// Displays an element's keys as nft does: `10.0.0.0/8`, `0x00000001-0x00000010`, `10.0.0.1 . 80`, and of the
    /// catch-all element `*`.
    pub fn display<'a>(&'a self, element: &'a UntypedElement) -> impl fmt::Display + 'a {
        Shown { info: self, bounds: element.bounds.as_ref().map(|(start, end)| (start, end)) }
    }

    /// Displays a key as nft does, in the order of bytes that the set has.
    ///
    /// [`DataType::display`] is for values that have the order of their type, as those of a set of
    /// intervals have not.
    pub fn display_key<'a>(&'a self, key: &'a Data) -> impl fmt::Display + 'a {
        Shown { info: self, bounds: Some((key, key)) }
    }

    /// The parts of a key: type, length without padding, and whether a number is in the host's order.
    fn parts(&self) -> Option<Vec<(DataType, usize, bool)>> {
        let kinds: Vec<DataType> = self.key_type().parts().collect();
        let sorted = self.flags().contains(SetFlags::INTERVAL);
        let fields = match self.key_typeof() {
            Some(Typeof::Concat(fields)) => fields,
            Some(field) => vec![field],
            None => Vec::new(),
        };
        let mut lens: Vec<Option<usize>> = match self.fields() {
            lens if lens.len() == kinds.len() => lens.iter().map(|&len| usize::try_from(len).ok()).collect(),
            _ if kinds.len() == 1 => vec![usize::try_from(self.key_len()).ok()],
            _ => kinds.iter().map(|kind| kind.len()).collect(),
        };
        // The length of a number is what the others leave of the key.
        if lens.iter().filter(|len| len.is_none()).count() == 1 {
            let known: usize = lens.iter().flatten().map(|&len| align(len)).sum();
            let left = usize::try_from(self.key_len()).ok()?.checked_sub(known)?;
            lens.iter_mut().filter(|len| len.is_none()).for_each(|len| *len = Some(left));
        }
        let parts = kinds.iter().zip(lens).enumerate().map(|(n, (&kind, len))| {
            let noted = if kinds.len() == 1 { self.key_order() } else { fields.get(n).and_then(Typeof::order) };
            let order = if kind.layout_is_known() { kind.order() } else { noted.unwrap_or(ByteOrder::Network) };
            Some((kind, len?, order == ByteOrder::Host && !sorted))
        });
        parts.collect()
    }
}

/// A key, or all from one to another.
struct Shown<'a> {
    info: &'a SetInfo,
    bounds: Option<(&'a Data, &'a Data)>,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((start, end)) = self.bounds else { return f.write_char('*') };
        let parts = self.info.parts().unwrap_or_default();
        let whole: usize = match &*parts {
            [(_, len, _)] => *len,
            parts => parts.iter().map(|(_, len, _)| align(*len)).sum(),
        };
        if whole == 0 || start.len() != whole || end.len() != whole {
            return self.info.key_type().show(start.as_bytes(), f);
        }
        let mut at = 0;
        for (n, (kind, len, is_host)) in parts.into_iter().enumerate() {
            if n > 0 {
                f.write_str(" . ")?;
            }
            let bytes = |data: &Data| data.as_bytes().get(at..at + len).unwrap_or_default().to_vec();
            show(kind, bytes(start), bytes(end), is_host, f)?;
            at += align(len);
        }
        Ok(())
    }
}

/// Shows one part of a key.
fn show(
    kind: DataType,
    mut start: Vec<u8>,
    mut end: Vec<u8>,
    is_host: bool,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let is_little = order::host_u16(1) == [1, 0];
    if !kind.layout_is_known() && kind != DataType::STRING {
        let (start, end) = (number(&start, is_host && is_little), number(&end, is_host && is_little));
        if let Some((start, end)) = start.zip(end) {
            return if start == end { write!(f, "{start}") } else { write!(f, "{start}-{end}") };
        }
    }
    // The type's own words are for the order of the type.
    if kind.order() == ByteOrder::Host && !kind.is_text() && !is_host && is_little {
        start.reverse();
        end.reverse();
    }
    show_interval(kind, &start, &end, f)
}

fn number(bytes: &[u8], is_little: bool) -> Option<u128> {
    let add = |number: u128, byte: &u8| number << 8 | u128::from(*byte);
    match bytes.len() {
        1..=16 if is_little => Some(bytes.iter().rev().fold(0, add)),
        1..=16 => Some(bytes.iter().fold(0, add)),
        _ => None,
    }
}
