//! What the elements of a map have for values.

use crate::datum::{ByteOrder, DataType, Datum, IntoKey, concatenations};
use crate::error::BuildErrorKind;
use crate::expr::{Data, Value, Verdict};
use crate::object::{self, Object, ObjectKind, ObjectOf};
use crate::set::SetFlags;
use crate::set::key::{KeyPart, Part, concatenated, push_part, split_part, type_of};
use crate::table::TableRef;
use crate::wire::Name;

/// What the elements of a set or map have beside their keys: nothing, `()`, or a [`MapValue`].
pub trait Mapped: Clone {
    /// Of a map the type, length and byte order of its values.
    #[doc(hidden)]
    const SHAPE: Option<Shape>;

    #[doc(hidden)]
    fn value(&self) -> Result<Option<Value>, BuildErrorKind>;

    #[doc(hidden)]
    fn object(&self) -> Option<&Name> {
        None
    }

    /// The table of the object.
    #[doc(hidden)]
    fn table(&self) -> Option<&TableRef> {
        None
    }

    #[doc(hidden)]
    fn read(value: Option<&Value>, object: Option<&Name>) -> Option<Self>;
}

/// What a map has for values: a data type, a tuple of those, a [`Verdict`], or an [`ObjectOf`] some kind.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a map",
    label = "a map's value is an nft data type, a tuple of those, a `Verdict`, or an `ObjectOf<…>`",
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
    /// Values are objects of that kind, and have no type.
    pub(crate) object: Option<ObjectKind>,
}

impl Shape {
    const fn plain(kind: DataType, len: usize, order: ByteOrder) -> Self {
        Self { kind, len, order, is_concatenation: false, object: None }
    }

    /// The flags of a set with such values.
    pub(crate) const fn flags(shape: Option<Self>) -> SetFlags {
        match shape {
            None => SetFlags::empty(),
            Some(Self { object: Some(_), .. }) => SetFlags::OBJECT,
            Some(_) => SetFlags::MAP,
        }
    }

    /// The order of the bytes of values that are no objects.
    pub(crate) fn data_order(self) -> Option<ByteOrder> {
        self.object.is_none().then_some(self.order)
    }
}

impl Mapped for () {
    const SHAPE: Option<Shape> = None;

    fn value(&self) -> Result<Option<Value>, BuildErrorKind> {
        Ok(None)
    }

    fn read(value: Option<&Value>, _object: Option<&Name>) -> Option<Self> {
        value.is_none().then_some(())
    }
}

impl<V: Datum> Mapped for V {
    const SHAPE: Option<Shape> = Some(Shape::plain(V::TYPE, V::LEN, V::ORDER));

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

impl Mapped for Verdict {
    const SHAPE: Option<Shape> = Some(Shape::plain(DataType::SET_VERDICT, 0, ByteOrder::None));

    fn value(&self) -> Result<Option<Value>, BuildErrorKind> {
        Ok(Some(Value::Verdict(self.clone())))
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

macro_rules! concatenated_values {
    ($($Part:ident $from:ident $n:tt),*) => {
        impl<$($Part: Datum),*> Mapped for ($($Part,)*) {
            const SHAPE: Option<Shape> = {
                let parts: &[Part] = &[$(<$Part as KeyPart>::PART),*];
                let plain = Shape::plain(type_of(parts), concatenated(parts), ByteOrder::None);
                Some(Shape { is_concatenation: true, ..plain })
            };

            fn value(&self) -> Result<Option<Value>, BuildErrorKind> {
                let mut bytes = Vec::new();
                $(push_part(&mut bytes, &self.$n.to_data()?);)*
                Ok(Some(Value::Data(Data::new(&bytes))))
            }

            fn read(value: Option<&Value>, _object: Option<&Name>) -> Option<Self> {
                let Some(Value::Data(data)) = value else { return None };
                let mut bytes = data.as_bytes();
                let read = ($($Part::from_data(split_part(&mut bytes, <$Part as KeyPart>::PART)?)?,)*);
                bytes.is_empty().then_some(read)
            }
        }

        impl<$($Part: Datum),*> MapValue for ($($Part,)*) {}
    };
}

concatenations!(concatenated_values);
