//! Several fields taken together.

use std::marker::PhantomData;

use super::source::{Load, Needs, Source, Tells};
use super::{Field, Read};
use crate::datum::{DataType, Datum, Interval, concatenations, swaps};
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

/// Fields that can be concatenated: a tuple of them.
#[diagnostic::on_unimplemented(message = "`{Self}` is no tuple of fields", label = "two to 16 fields are wanted here")]
pub trait Fields {
    /// A tuple of the types of their values.
    type Values;

    #[doc(hidden)]
    fn concatenate(self) -> Field<Self::Values>;
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
pub fn concat<F: Fields>(fields: F) -> Field<F::Values> {
    fields.concatenate()
}

macro_rules! concatenated_fields {
    ($($Part:ident $Access:ident $n:tt),*) => {
        #[allow(non_camel_case_types, reason = "type parameters come in two cases here")]
        impl<$($Part: Datum, $Access),*> Fields for ($(Field<$Part, $Access>,)*) {
            type Values = ($($Part,)*);

            fn concatenate(self) -> Field<Self::Values> {
                concatenated(Box::new([$(self.$n.source),*]))
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
    let source = Source {
        name: "concatenation",
        load: Load::Concatenation(parts),
        tunnel: None,
        needs: Needs::Nothing,
        tells: Tells::Nothing,
        kind: DataType::from_raw(0),
        len: 0,
        bits: None,
        swaps: false,
        ops: Vec::new(),
    };
    Field { source, of: PhantomData }
}
