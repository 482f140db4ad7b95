//! What the elements of a map have for values.

use crate::datum::{ByteOrder, DataType, Datum, Interval, IntoKey, IntoMapped, concatenations};
use crate::error::BuildErrorKind;
use crate::expr::{Value, Verdict};
use crate::object::{self, Object, ObjectKind, ObjectOf};
use crate::set::key::{KEY_MAX, KeyPart, Part, Parts, concatenated, flags_of, split_part, type_of};
use crate::set::{SetFlags, noted_order};
use crate::table::TableRef;
use crate::userdata::FieldOf;
use crate::wire::{AttrWriter, Name};

/// What the elements of a set or map have beside their keys: nothing, `()`, or a [`MapValue`].
pub trait Mapped: Clone {
    /// Of a map the type, length and byte order of its values.
    #[doc(hidden)]
    const SHAPE: Option<Shape>;

    #[doc(hidden)]
    fn value(&self) -> Result<Option<Value>, BuildErrorKind>;

    /// Writes the value, if there is one.
    #[doc(hidden)]
    #[inline]
    fn write(&self, w: &mut AttrWriter, attr: u16) {
        match self.value() {
            Ok(None) => {}
            Ok(Some(value)) => value.write(w, attr),
            Err(mistake) => w.fail(mistake),
        }
    }

    #[doc(hidden)]
    #[inline]
    fn object(&self) -> Option<&Name> {
        None
    }

    /// The table of the object.
    #[doc(hidden)]
    #[inline]
    fn table(&self) -> Option<&TableRef> {
        None
    }

    #[doc(hidden)]
    fn read(value: Option<&Value>, object: Option<&Name>) -> Option<Self>;
}

/// What a map has for values: a data type, an [`Interval`] of one, a tuple of those, a [`Verdict`], or an
/// [`ObjectOf`] some kind.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a map",
    label = "a map's value is an nft data type, an `Interval` of one, a tuple of those, a `Verdict`, or an `ObjectOf<…>`",
    note = "a port is `Port`, not `u16`"
)]
pub trait MapValue: Mapped {}

/// How values look to the kernel.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    pub(crate) kind: DataType,
    pub(crate) len: usize,
    pub(crate) order: ByteOrder,
    pub(crate) is_concatenation: bool,
    /// Values have two bounds, one after the other.
    pub(crate) intervals: bool,
    /// Values are objects of that kind, and have no type.
    pub(crate) object: Option<ObjectKind>,
}

impl Shape {
    const fn plain(kind: DataType, len: usize, order: ByteOrder) -> Self {
        Self { kind, len, order, is_concatenation: false, intervals: false, object: None }
    }

    /// The flags of a set with such values.
    pub(crate) const fn flags(shape: Option<Self>) -> SetFlags {
        match shape {
            None => SetFlags::empty(),
            Some(Self { object: Some(_), .. }) => SetFlags::OBJECT,
            Some(_) => SetFlags::MAP,
        }
    }

    /// The order of the bytes of values that are no objects, and are of those fields, if they are known.
    pub(super) fn data_order(self, fields: &[FieldOf]) -> Option<ByteOrder> {
        self.object.is_none().then(|| noted_order(self.order, self.kind, fields))
    }
}

impl Mapped for () {
    const SHAPE: Option<Shape> = None;

    #[inline]
    fn value(&self) -> Result<Option<Value>, BuildErrorKind> {
        Ok(None)
    }

    #[inline]
    fn read(value: Option<&Value>, _object: Option<&Name>) -> Option<Self> {
        value.is_none().then_some(())
    }
}

impl<V: Datum> Mapped for V {
    const SHAPE: Option<Shape> = Some(Shape::plain(V::TYPE, V::LEN, V::ORDER));

    #[inline]
    fn value(&self) -> Result<Option<Value>, BuildErrorKind> {
        self.to_data().map(|data| Some(Value::Data(data)))
    }

    fn read(value: Option<&Value>, _object: Option<&Name>) -> Option<Self> {
        match value {
            Some(Value::Data(data)) => V::from_data(data.as_bytes()),
            _ => None,
        }
    }
}

impl<V: Datum> MapValue for V {}

impl<V: Datum> Mapped for Interval<V> {
    const SHAPE: Option<Shape> = {
        let part = <Self as KeyPart>::PART;
        let plain = Shape::plain(V::TYPE, concatenated(&[part, part]), V::ORDER);
        Some(Shape { intervals: true, ..plain })
    };

    fn value(&self) -> Result<Option<Value>, BuildErrorKind> {
        // Bounds in the wrong order are told only where they sort.
        self.bounds(true)?;
        let (start, end) = self.bounds(false)?;
        let mut bounds = Parts::new();
        bounds.push(&start);
        bounds.push(&end);
        Ok(Some(Value::Data(bounds.data())))
    }

    fn read(value: Option<&Value>, _object: Option<&Name>) -> Option<Self> {
        let Some(Value::Data(data)) = value else { return None };
        let mut bytes = data.as_bytes();
        let start = split_part(&mut bytes, Self::PART)?;
        let end = split_part(&mut bytes, Self::PART)?;
        Self::from_bounds(start, end, false).filter(|_| bytes.is_empty())
    }
}

impl<V: Datum> MapValue for Interval<V> {}

impl Mapped for Verdict {
    const SHAPE: Option<Shape> = Some(Shape::plain(DataType::SET_VERDICT, 0, ByteOrder::None));

    fn value(&self) -> Result<Option<Value>, BuildErrorKind> {
        Ok(Some(Value::Verdict(self.clone())))
    }

    #[inline]
    fn write(&self, w: &mut AttrWriter, attr: u16) {
        self.write(w, attr);
    }

    fn read(value: Option<&Value>, _object: Option<&Name>) -> Option<Self> {
        match value {
            Some(Value::Verdict(verdict)) => Some(verdict.clone()),
            _ => None,
        }
    }
}

impl MapValue for Verdict {}

impl<T: Object> Mapped for ObjectOf<T> {
    const SHAPE: Option<Shape> = {
        let plain = Shape::plain(DataType::from_raw(0), 0, ByteOrder::None);
        Some(Shape { object: Some(T::KIND), ..plain })
    };

    fn value(&self) -> Result<Option<Value>, BuildErrorKind> {
        self.name().check("object").map(|()| None)
    }

    fn object(&self) -> Option<&Name> {
        Some(self.name())
    }

    fn table(&self) -> Option<&TableRef> {
        self.table()
    }

    fn read(_value: Option<&Value>, object: Option<&Name>) -> Option<Self> {
        object.map(Self::new)
    }
}

impl<T: Object> MapValue for ObjectOf<T> {}

impl<T: Object> IntoKey<Self> for ObjectOf<T> {
    fn into_key(self) -> Self {
        self
    }
}

impl<T: Object> IntoKey<ObjectOf<T>> for &object::Named<T> {
    fn into_key(self) -> ObjectOf<T> {
        self.into()
    }
}

impl IntoKey<Self> for Verdict {
    fn into_key(self) -> Self {
        self
    }
}

impl<T: Object> IntoMapped<Self> for ObjectOf<T> {
    fn into_mapped(self) -> Self {
        self
    }
}

impl<T: Object> IntoMapped<ObjectOf<T>> for &object::Named<T> {
    fn into_mapped(self) -> ObjectOf<T> {
        self.into()
    }
}

impl IntoMapped<Self> for Verdict {
    fn into_mapped(self) -> Self {
        self
    }
}

macro_rules! concatenated_values {
    ($($Part:ident $from:ident $n:tt),*) => {
        impl<$($Part: KeyPart),*> Mapped for ($($Part,)*) {
            const SHAPE: Option<Shape> = {
                let parts: &[Part] = &[$($Part::PART),*];
                let intervals = flags_of(parts).contains(SetFlags::INTERVAL);
                let len = if intervals { 2 * concatenated(parts) } else { concatenated(parts) };
                assert!(len <= KEY_MAX, "both bounds of a concatenation may have 64 bytes");
                let plain = Shape::plain(type_of(parts), len, ByteOrder::None);
                Some(Shape { is_concatenation: true, intervals, ..plain })
            };

            #[inline]
            fn value(&self) -> Result<Option<Value>, BuildErrorKind> {
                let intervals = Self::SHAPE.is_some_and(|shape| shape.intervals);
                let (mut low, mut high) = (Parts::new(), Parts::new());
                if !intervals {
                    $(low.push(&self.$n.data()?);)*
                    return Ok(Some(Value::Data(low.data())));
                }
                $({
                    self.$n.bounds(true)?;
                    let (start, end) = self.$n.bounds(false)?;
                    low.push(&start);
                    high.push(&end);
                })*
                Ok(Some(Value::Data(low.data().followed_by(&high.data()))))
            }

            fn read(value: Option<&Value>, _object: Option<&Name>) -> Option<Self> {
                let Some(Value::Data(data)) = value else { return None };
                let bytes = data.as_bytes();
                let (mut start, mut end) = match Self::SHAPE {
                    Some(shape) if shape.intervals => bytes.split_at_checked(shape.len / 2)?,
                    _ => (bytes, bytes),
                };
                let read = ($({
                    let (low, high) = (split_part(&mut start, $Part::PART)?, split_part(&mut end, $Part::PART)?);
                    $Part::from_bounds(low, high, false)?
                },)*);
                (start.is_empty() && end.is_empty()).then_some(read)
            }
        }

        impl<$($Part: KeyPart),*> MapValue for ($($Part,)*) {}

        #[allow(non_camel_case_types, reason = "type parameters come in two cases here")]
        impl<$($Part, $from: ValueFor<$Part> + KeyPart),*> ValueFor<($($Part,)*)> for ($($from,)*) {}
    };
}

concatenations!(concatenated_values);

/// What a map has for values that are a field's, of type `V`: values, or intervals of them.
#[diagnostic::on_unimplemented(
    message = "a field of type `{V}` does not have the values of a map to `{Self}`",
    label = "the map has values of another type than the field"
)]
pub trait ValueFor<V>: MapValue {}

impl<V: Datum> ValueFor<V> for V {}
impl<V: Datum> ValueFor<V> for Interval<V> {}
