//! Several fields taken together.

use std::marker::PhantomData;

use super::source::{self, Load, Needs, Ops, Origin, Source, Tells};
use super::{Field, Read, Spec};
use crate::datum::{DataType, Datum, Interval, concatenations, swaps};
use crate::expr::{Immediate, MetaKey, Reg};
use crate::set::Key;

/// What a field can be [one of](Field::one_of): values, and intervals of them.
pub trait Choice {
    /// The key of a set that has them.
    type Key: Key;
    #[doc(hidden)]
    const SWAPS: bool;
}

impl<V: Datum> Choice for V {
    type Key = Interval<V>;
    const SWAPS: bool = swaps::<V>();
}

/// What can be concatenated: a tuple of [fields and values](ConcatPart).
#[diagnostic::on_unimplemented(message = "`{Self}` is no tuple of fields", label = "two to 16 fields are wanted here")]
pub trait Fields {
    /// A tuple of the types of their values.
    type Values;

    #[doc(hidden)]
    fn concatenate(self) -> Field<Self::Values>;
}

/// A part of a concatenation: a field, or a value that is the same for all packets.
pub trait ConcatPart {
    /// The type of its values.
    type Value: Datum;

    #[doc(hidden)]
    fn into_field(self) -> Field<Self::Value>;
}

impl<V: Datum, A> ConcatPart for Field<V, A> {
    type Value = V;

    fn into_field(self) -> Field<V> {
        self.read()
    }
}

impl<V: Datum> ConcatPart for V {
    type Value = V;

    fn into_field(self) -> Field<V> {
        match self.to_data() {
            Ok(data) => Field::loaded("a value", Immediate::data(Reg::R1, data), None),
            Err(mistake) => Field::from(Spec::new("a value", Load::Meta(MetaKey::LEN), Needs::Nothing)).mistaken(mistake),
        }
    }
}

/// Takes fields together: what is looked up in a set or map with a tuple of their types for keys
/// (`ip saddr . tcp dport`).
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::datum::Port;
/// use nftlink::field::{concat, ip, tcp};
/// use nftlink::{Interval, Set, Table};
///
/// let allowed = Set::<(Interval<Ipv4Addr>, Port)>::new(Table::inet("fw"), "allowed");
/// let listed = concat((ip::saddr(), tcp::dport())).in_set(&allowed);
/// let these = concat((ip::saddr(), tcp::dport())).one_of([(Ipv4Addr::new(192, 0, 2, 1), 22)]);
/// ```
///
/// An element that a packet adds to a set can have a value among its fields, such as the next port that a client has
/// to knock at (`add @knocks { ip saddr . 345 timeout 1s }`):
///
/// ```
/// use std::net::Ipv4Addr;
/// use std::time::Duration;
/// use nftlink::datum::Port;
/// use nftlink::field::{concat, ip, tcp};
/// use nftlink::{Rule, Set, Table};
///
/// let knocks = Set::<(Ipv4Addr, Port)>::new(Table::inet("fw"), "knocks").dynamic().timeouts();
/// let next = concat((ip::saddr(), Port::new(345))).timeout(Duration::from_secs(1));
/// let rule = Rule::new().when(concat((ip::saddr(), tcp::dport())).in_set(&knocks)).add_to(&knocks, next);
/// ```
///
/// nft has no words for a value in what is looked up: it lists such a rule and cannot read it back.
pub fn concat<F: Fields>(fields: F) -> Field<F::Values> {
    fields.concatenate()
}

macro_rules! concatenated_fields {
    ($($Part:ident $Access:ident $n:tt),*) => {
        impl<$($Part: ConcatPart),*> Fields for ($($Part,)*) {
            type Values = ($($Part::Value,)*);

            fn concatenate(self) -> Field<Self::Values> {
                concatenated(Box::new([$(self.$n.into_field().source),*]))
            }
        }

        impl<$($Part: Datum),*> Choice for ($($Part,)*) {
            type Key = ($(Interval<$Part>,)*);
            const SWAPS: bool = false;
        }
    };
}

concatenations!(concatenated_fields);

fn concatenated<V>(parts: Box<[Source]>) -> Field<V, Read> {
    let origin = Origin {
        name: "concatenation",
        load: Load::Concatenation(Box::new(source::Fields(parts))),
        tunnel: None,
        needs: Needs::Nothing,
        tells: Tells::Nothing,
        kind: DataType::from_raw(0),
        len: 0,
        bits: None,
        swaps: false,
        ops: Ops::NONE,
    };
    Field { source: Source::Own(Box::new(origin)), of: PhantomData }
}
