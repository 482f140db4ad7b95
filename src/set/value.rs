//! What the elements of a map have for values.

use crate::datum::{ByteOrder, DataType, Datum, IntoKey, concatenations};
use crate::error::BuildErrorKind;
use crate::expr::{Data, Value, Verdict};
use crate::set::key::{KeyPart, Part, concatenated, push_part, split_part, type_of};
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

    #[doc(hidden)]
    fn read(value: Option<&Value>, object: Option<&Name>) -> Option<Self>;
}

/// What a map has for values: a data type, a tuple of those, or a [`Verdict`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a map",
    label = "a map's value is an nft data type, a tuple of those, or a `Verdict`",
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
    const SHAPE: Option<Shape> = Some(Shape { kind: V::TYPE, len: V::LEN, order: V::ORDER, is_concatenation: false });

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
    const SHAPE: Option<Shape> =
        Some(Shape { kind: DataType::SET_VERDICT, len: 0, order: ByteOrder::None, is_concatenation: false });

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
                Some(Shape { kind: type_of(parts), len: concatenated(parts), order: ByteOrder::None, is_concatenation: true })
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
