//! What can be the key of a set, and what can become an element of it.

use std::fmt;
use std::ops::RangeInclusive;

use super::{Element, ElementInfo, SetFlags};
use crate::datum::{
    ByteOrder, DataType, Datum, IfName, Interval, IntoValue, L4Proto, Mark, Ordered, Port, from_sortable, predecessor,
    successor,
};
use crate::error::DecodeError;
use crate::expr::Data;
use crate::wire::AttrWriter;

use super::element::WhatOfElement;

/// What a set has for keys: a data type, or an [`Interval`] of one.
///
/// A type of one's own becomes one by implementing [`Datum`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a set",
    label = "a set's key is an nft data type, or an `Interval` of one",
    note = "a port is `Port`, not `u16`; names and interface names have no intervals"
)]
pub trait Key: Clone + fmt::Debug {
    /// The type's number.
    const TYPE: DataType;
    /// Bytes of a key.
    const LEN: usize;
    /// The order of a value's bytes, as nft's userdata tells it.
    const ORDER: ByteOrder;
    /// Flags of a set with such keys.
    const FLAGS: SetFlags;

    /// Writes the kernel's entries for an element: one, or for an interval two.
    #[doc(hidden)]
    fn encode(element: &Element<Self>, what: WhatOfElement, w: &mut AttrWriter);

    /// Reads the kernel's entries of a whole set.
    #[doc(hidden)]
    fn assemble(entries: Vec<ElementInfo>) -> Result<Vec<ElementInfo<Self>>, DecodeError>;
}

impl<V: Datum> Key for V {
    const TYPE: DataType = V::TYPE;
    const LEN: usize = V::LEN;
    const ORDER: ByteOrder = V::ORDER;
    const FLAGS: SetFlags = SetFlags::empty();

    fn encode(element: &Element<Self>, what: WhatOfElement, w: &mut AttrWriter) {
        match element.key.to_data() {
            Ok(data) => element.write_entry(what, &data, false, w),
            Err(error) => w.fail(error),
        }
    }

    fn assemble(entries: Vec<ElementInfo>) -> Result<Vec<ElementInfo<Self>>, DecodeError> {
        let wrong = DecodeError::new("element", "the key has another length than its type");
        entries
            .into_iter()
            .map(|entry| {
                let data = entry.key.as_ref().ok_or(CATCH_ALL)?;
                let key = V::from_data(data.as_bytes()).ok_or(wrong.clone())?;
                Ok(entry.with_key(key))
            })
            .collect()
    }
}

impl<V: Ordered> Key for Interval<V> {
    const TYPE: DataType = V::TYPE;
    const LEN: usize = V::LEN;
    const ORDER: ByteOrder = V::ORDER;
    const FLAGS: SetFlags = SetFlags::INTERVAL;

    fn encode(element: &Element<Self>, what: WhatOfElement, w: &mut AttrWriter) {
        let (start, end) = match element.key.bounds() {
            Ok(bounds) => bounds,
            Err(error) => return w.fail(error),
        };
        // The second entry is the first value after the interval; after the highest there is none.
        let after = successor(end.as_bytes());
        element.write_entry(what, &start, after.is_none(), w);
        if let Some(after) = after {
            WhatOfElement::write_end(&after, w);
        }
    }

    fn assemble(mut entries: Vec<ElementInfo>) -> Result<Vec<ElementInfo<Self>>, DecodeError> {
        // Kernels differ in the order of a dump. In ascending order, with an interval's end
        // before the start of the next at the same place, each start ends at the entry after it,
        // whatever that is: so does the kernel's own lookup.
        entries.sort_by(|a, b| a.key.cmp(&b.key).then(b.is_interval_end().cmp(&a.is_interval_end())));
        let wrong = || DecodeError::new("element", "the key has another length than its type");
        let mut intervals: Vec<ElementInfo<Self>> = Vec::with_capacity(entries.len().div_ceil(2));
        let mut open: Option<(ElementInfo, Data)> = None;
        for entry in entries {
            let key = entry.key.clone().ok_or(CATCH_ALL)?;
            if let Some((start, from)) = open.take() {
                let last = predecessor(key.as_bytes()).ok_or_else(wrong)?;
                intervals.push(start.with_key(interval(&from, &last).ok_or_else(wrong)?));
            }
            if !entry.is_interval_end() {
                open = Some((entry, key));
            }
        }
        if let Some((start, from)) = open {
            let highest = Data::new(&vec![u8::MAX; V::LEN]);
            intervals.push(start.with_key(interval(&from, &highest).ok_or_else(wrong)?));
        }
        Ok(intervals)
    }
}

/// A typed listing would have to leave it out.
const CATCH_ALL: DecodeError =
    DecodeError::new("element", "a catch-all element has no key: list the set untyped, by its `SetRef`");

fn interval<V: Ordered>(start: &Data, end: &Data) -> Option<Interval<V>> {
    Some(Interval::range(from_sortable::<V>(start.as_bytes())?..=from_sortable::<V>(end.as_bytes())?))
}

/// A set key in which values of type `V` can be looked up.
#[diagnostic::on_unimplemented(
    message = "a field of type `{V}` cannot be looked up in a set of `{Self}`",
    label = "the set has keys of another type than the field"
)]
pub trait KeyFor<V>: Key {}

impl<V: Datum> KeyFor<V> for V {}
impl<V: Ordered> KeyFor<V> for Interval<V> {}

/// What can become an element of a set with keys of type `K`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an element of a set of `{K}`",
    label = "an element of a set of `{K}` is wanted here",
    note = "a range or prefix needs a set of `Interval<…>`"
)]
pub trait IntoElement<K> {
    /// Converts into an element.
    fn into_element(self) -> Element<K>;
}

impl<K: Key> IntoElement<K> for Element<K> {
    fn into_element(self) -> Element<K> {
        self
    }
}

impl<V: Datum> IntoElement<V> for V {
    fn into_element(self) -> Element<V> {
        Element::of(self)
    }
}

impl<V: Ordered> IntoElement<Interval<V>> for V {
    fn into_element(self) -> Element<Interval<V>> {
        Element::of(Interval::value(self))
    }
}

impl<V: Ordered> IntoElement<Interval<V>> for Interval<V> {
    fn into_element(self) -> Element<Interval<V>> {
        Element::of(self)
    }
}

impl<V: Ordered> IntoElement<Interval<V>> for RangeInclusive<V> {
    fn into_element(self) -> Element<Interval<V>> {
        Element::of(Interval::range(self))
    }
}

/// What converts into a value converts into an element.
macro_rules! converts {
    ($($from:ty => $value:ty $(, $interval:tt)?;)*) => {$(
        impl IntoElement<$value> for $from {
            fn into_element(self) -> Element<$value> {
                Element::of(self.into_value())
            }
        }
        $(converts!(@$interval $from => $value);)?
    )*};
    (@interval $from:ty => $value:ty) => {
        impl IntoElement<Interval<$value>> for $from {
            fn into_element(self) -> Element<Interval<$value>> {
                Element::of(Interval::value(self))
            }
        }

        impl IntoElement<Interval<$value>> for RangeInclusive<$from> {
            fn into_element(self) -> Element<Interval<$value>> {
                Element::of(Interval::range(self))
            }
        }
    };
}

converts! {
    u16 => Port, interval;
    u32 => Mark, interval;
    u8 => L4Proto, interval;
    &str => IfName;
    String => IfName;
    &String => IfName;
}
