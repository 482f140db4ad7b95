//! Values that a statement sets or translates to: constants, fields, and what maps have for them.

use std::marker::PhantomData;

use super::matching::Container;
use super::source::Source;
use super::{Choice, Field};
use crate::datum::{
    Bytes, Datum, HostInteger16, HostInteger32, Integer16, IntoValue, Mark, concatenations, conversions,
};
use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::set::{Anonymous, Element, IntoPair, Key, KeyFor, KeyPart, MapValue, Set, SetFlags};

/// A value of any of these kinds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    Constant(Data),
    Field(Source),
    Map {
        key: Source,
        map: Container,
    },
    /// Several, each with the number of four bytes that it takes.
    Together(Box<[(Operand, u32)]>),
    Mistake(Box<BuildErrorKind>),
}

impl Operand {
    pub(crate) fn constant(data: Result<Data, BuildErrorKind>) -> Self {
        data.map_or_else(|mistake| Self::Mistake(Box::new(mistake)), Self::Constant)
    }

    /// Whether packets have to be of several types, for which nft has a set.
    pub(crate) fn implies_set(&self) -> bool {
        match self {
            Self::Field(source) | Self::Map { key: source, .. } => source.implies_set(),
            Self::Together(parts) => parts.iter().any(|(part, _)| part.implies_set()),
            Self::Constant(_) | Self::Mistake(_) => false,
        }
    }

    /// The map that the rule has to itself for this value.
    pub(crate) fn own_set(&self) -> Option<(&Anonymous, &Source)> {
        match self {
            Self::Map { key, map: Container::Own(map) } => Some((map, key)),
            _ => None,
        }
    }
}

/// What can stand where a value of the data type `V` is set: a value (or what converts into one),
/// a field of the same type, or what a map has for a field; of a concatenation also a tuple of values and fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of the nft data type `{V}`",
    label = "a `{V}` is set here: a value, a field of that type, or a field's value in a map"
)]
pub trait IntoOperand<V> {
    #[doc(hidden)]
    fn into_operand(self) -> AnOperand;
}

/// A value, for [`IntoOperand`] alone.
#[derive(Debug)]
pub struct AnOperand(pub(crate) Operand);

impl<V: Datum> IntoOperand<V> for V {
    fn into_operand(self) -> AnOperand {
        AnOperand(Operand::constant(self.to_data()))
    }
}

impl<V: Datum> IntoOperand<V> for &V {
    fn into_operand(self) -> AnOperand {
        AnOperand(Operand::constant(self.to_data()))
    }
}

impl<V, A> IntoOperand<V> for Field<V, A> {
    fn into_operand(self) -> AnOperand {
        AnOperand(Operand::Field(self.source))
    }
}

macro_rules! operands_together {
    ($($Part:ident $from:ident $n:tt),*) => {
        #[allow(non_camel_case_types, reason = "type parameters come in two cases here")]
        impl<$($Part: KeyPart, $from: IntoOperand<$Part>),*> IntoOperand<($($Part,)*)> for ($($from,)*) {
            fn into_operand(self) -> AnOperand {
                together([$((self.$n.into_operand().0, $Part::PART.padded() as u32 / 4)),*].into())
            }
        }
    };
}

concatenations!(operands_together);

fn together(parts: Box<[(Operand, u32)]>) -> AnOperand {
    let is_map = |(part, _): &(Operand, u32)| matches!(part, Operand::Map { .. } | Operand::Together(_));
    if parts.iter().any(is_map) {
        let (what, reason) = ("part of a concatenation", "constants and fields are");
        let mistake = BuildErrorKind::BadValue { what, value: "what a map has".into(), reason };
        return AnOperand(Operand::Mistake(Box::new(mistake)));
    }
    AnOperand(Operand::Together(parts))
}

/// A number is a mark where one is set (`ct mark set numgen inc mod 4`).
impl<A> IntoOperand<Mark> for Field<HostInteger32, A> {
    fn into_operand(self) -> AnOperand {
        AnOperand(Operand::Field(self.source))
    }
}

/// A number of two bytes is a mark where one is set (`meta mark set ct zone`).
impl<A> IntoOperand<Mark> for Field<HostInteger16, A> {
    fn into_operand(self) -> AnOperand {
        AnOperand(Operand::Field(self.source))
    }
}

/// A number is written into a header in network order (`tcp option maxseg size set rt mtu`).
impl<A> IntoOperand<Integer16> for Field<HostInteger16, A> {
    fn into_operand(self) -> AnOperand {
        AnOperand(Operand::Field(self.source))
    }
}

impl<V> IntoOperand<V> for MapLookup<V> {
    fn into_operand(self) -> AnOperand {
        AnOperand(self.operand)
    }
}

impl<const N: usize> IntoOperand<Bytes<N>> for [u8; N] {
    fn into_operand(self) -> AnOperand {
        Bytes::new(self).into_operand()
    }
}

macro_rules! operands {
    ($($from:ty => $value:ty $(, $ordered:ident)?;)*) => {$(
        impl IntoOperand<$value> for $from {
            fn into_operand(self) -> AnOperand {
                let value: $value = self.into_value();
                value.into_operand()
            }
        }
    )*};
}

conversions!(operands);

/// What a map has for a field: [`Field::map`] makes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[must_use = "a lookup does nothing until a statement has it"]
pub struct MapLookup<V> {
    pub(crate) operand: Operand,
    value: PhantomData<fn() -> V>,
}

impl<V> MapLookup<V> {
    pub(super) fn new(key: Source, map: AMap) -> Self {
        let operand = match key.place_all(map.0) {
            Ok(map) => Operand::Map { key, map },
            Err(mistake) => Operand::Mistake(Box::new(mistake)),
        };
        Self { operand, value: PhantomData }
    }
}

/// A set of a table's in which values of type `V` are looked up: a `&`[`Set`] of them, or of
/// intervals of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no set in which a `{V}` is looked up",
    label = "a reference to a `Set` of `{V}`, or of intervals of it, is wanted here",
    note = "single values become a set of the rule's own by `one_of`; a map is looked up by `map` or `vmap`"
)]
pub trait SetFor<V> {
    #[doc(hidden)]
    fn container(self) -> ASet;
}

/// A set, for [`SetFor`] alone.
#[derive(Debug)]
pub struct ASet(pub(super) Container);

impl<V, K: KeyFor<V>> SetFor<V> for &Set<K> {
    fn container(self) -> ASet {
        ASet(named(self))
    }
}

/// A map in which values of type `V` find one of type `T`: a [`Map`](crate::Map) of the table's,
/// or pairs that become a map of the rule's own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no map from `{V}` to `{T}`",
    label = "a `&Map`, or an array or `Vec` of pairs, is wanted here"
)]
pub trait MapFor<V, T> {
    #[doc(hidden)]
    fn into_map(self) -> AMap;
}

/// A map, for [`MapFor`] alone.
#[derive(Debug)]
pub struct AMap(pub(crate) Result<Container, BuildErrorKind>);

impl<V, T: MapValue, K: KeyFor<V>> MapFor<V, T> for &Set<K, T> {
    fn into_map(self) -> AMap {
        AMap(Ok(named(self)))
    }
}

impl<V: Choice, T: MapValue, E: IntoPair<V::Key, T>, const N: usize> MapFor<V, T> for [E; N] {
    fn into_map(self) -> AMap {
        own(self)
    }
}

impl<V: Choice, T: MapValue, E: IntoPair<V::Key, T>> MapFor<V, T> for Vec<E> {
    fn into_map(self) -> AMap {
        own(self)
    }
}

fn own<K: Key, T: MapValue, E: IntoPair<K, T>>(pairs: impl IntoIterator<Item = E>) -> AMap {
    let elements: Vec<Element<K, T>> = pairs.into_iter().map(E::into_pair).collect();
    AMap(Anonymous::new(&elements).map(Container::own))
}

/// A set or map of the table's.
fn named<K: Key, T>(set: &Set<K, T>) -> Container {
    Container::Named { set: set.as_ref().clone(), intervals: K::FLAGS.contains(SetFlags::INTERVAL) }
}
