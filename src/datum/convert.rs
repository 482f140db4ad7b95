//! What converts into a data type, and into intervals and tuples of one.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::ops::RangeInclusive;

use super::{Datum, Interval, Ordered, Port};

/// What can stand where a field of type `V` wants a value.
///
/// A data type itself can, and for the types that are numbers the integer of their size.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of the nft data type `{V}`",
    label = "the field is compared with a `{V}`",
    note = "a port converts from `u16`, a mark from `u32`, a protocol from `u8`, a flag from `bool`, an interface name from text",
    note = "an address is no text: `\"10.0.0.1\".parse()` makes it one"
)]
pub trait IntoValue<V> {
    /// Converts into the data type.
    fn into_value(self) -> V;
}

impl<V: Datum> IntoValue<V> for V {
    #[inline]
    fn into_value(self) -> V {
        self
    }
}

impl<V: Datum> IntoValue<V> for &V {
    #[inline]
    fn into_value(self) -> V {
        self.clone()
    }
}

/// What can stand where the key of a set or the value of a map is wanted: of a concatenation, a
/// tuple of what converts into its parts; for an interval a single value, too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `{K}`",
    label = "a `{K}` is wanted here",
    note = "a port converts from `u16`, a mark from `u32`, a protocol from `u8`, an interface name from text"
)]
pub trait IntoKey<K> {
    /// Converts into the key.
    fn into_key(self) -> K;
}

impl<V: Datum> IntoKey<V> for V {
    #[inline]
    fn into_key(self) -> V {
        self
    }
}

impl<V: Datum> IntoKey<V> for &V {
    #[inline]
    fn into_key(self) -> V {
        self.clone()
    }
}

impl<V: Datum> IntoKey<Interval<V>> for V {
    #[inline]
    fn into_key(self) -> Interval<V> {
        Interval::value(self)
    }
}

impl<V: Datum> IntoKey<Interval<V>> for &V {
    #[inline]
    fn into_key(self) -> Interval<V> {
        Interval::value(self)
    }
}

impl<V: Datum> IntoKey<Interval<V>> for Interval<V> {
    #[inline]
    fn into_key(self) -> Interval<V> {
        self
    }
}

impl<V: Datum> IntoKey<Interval<V>> for &Interval<V> {
    #[inline]
    fn into_key(self) -> Interval<V> {
        self.clone()
    }
}

impl<V: Ordered> IntoKey<Interval<V>> for RangeInclusive<V> {
    #[inline]
    fn into_key(self) -> Interval<V> {
        Interval::range(self)
    }
}

/// An address and a port, where `dnat` and `snat` find both in a map.
macro_rules! socket_addresses {
    ($($from:ty => $address:ty;)*) => {$(
        impl IntoKey<($address, Port)> for $from {
            #[inline]
            fn into_key(self) -> ($address, Port) {
                (*self.ip(), Port::new(self.port()))
            }
        }

        impl IntoMapped<($address, Port)> for $from {
            #[inline]
            fn into_mapped(self) -> ($address, Port) {
                self.into_key()
            }
        }
    )*};
}

socket_addresses! {
    SocketAddrV4 => Ipv4Addr;
    SocketAddrV6 => Ipv6Addr;
}

/// What can stand for a value in a map of a rule's own. What tells its type by itself, as an
/// address does, becomes that alone: so `dnat(tcp::dport().map([(80, address)]))` needs no type.
/// Of a number the statement has to tell it, or `map::<Port>(…)`.
///
/// A single value is no interval here: [`Interval::value`] is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no `{V}` for a map",
    label = "a map to `{V}` is wanted here",
    note = "where a number may be of several types the call says which: `.map::<Port>(…)`",
    note = "a single value among intervals is `Interval::value(…)`"
)]
pub trait IntoMapped<V> {
    /// Converts into the value.
    fn into_mapped(self) -> V;
}

impl<V: Datum> IntoMapped<V> for V {
    #[inline]
    fn into_mapped(self) -> V {
        self
    }
}

impl<V: Datum> IntoMapped<V> for &V {
    #[inline]
    fn into_mapped(self) -> V {
        self.clone()
    }
}

impl<V: Datum> IntoMapped<Interval<V>> for Interval<V> {
    #[inline]
    fn into_mapped(self) -> Interval<V> {
        self
    }
}

impl<V: Datum> IntoMapped<Interval<V>> for &Interval<V> {
    #[inline]
    fn into_mapped(self) -> Interval<V> {
        self.clone()
    }
}

impl<V: Ordered> IntoMapped<Interval<V>> for RangeInclusive<V> {
    #[inline]
    fn into_mapped(self) -> Interval<V> {
        Interval::range(self)
    }
}

/// Calls a macro with all that converts into a data type of another name, in the form
/// `from => type;`, or `from => type, ordered;` if the type is [`Ordered`].
macro_rules! conversions {
    ($each:ident) => {
        $each! {
            bool => $crate::datum::Boolean;
            u8 => $crate::datum::Bitmask8, ordered;
            u8 => $crate::datum::CtDirection;
            u8 => $crate::datum::CtLabel;
            u8 => $crate::datum::Day, ordered;
            u8 => $crate::datum::DccpPktType, ordered;
            u8 => $crate::datum::Dscp, ordered;
            u8 => $crate::datum::Ecn;
            u8 => $crate::datum::IcmpCode, ordered;
            u8 => $crate::datum::IcmpType, ordered;
            u8 => $crate::datum::Icmpv6Code, ordered;
            u8 => $crate::datum::Icmpv6Type, ordered;
            u8 => $crate::datum::IcmpxCode, ordered;
            u8 => $crate::datum::IgmpType, ordered;
            u8 => $crate::datum::Integer8, ordered;
            u8 => $crate::datum::L4Proto, ordered;
            u8 => $crate::datum::MhType, ordered;
            u8 => $crate::datum::PktType;
            u8 => $crate::datum::TcpFlags;
            u16 => $crate::datum::ArpOp, ordered;
            u16 => $crate::datum::EtherType, ordered;
            u16 => $crate::datum::HostInteger16, ordered;
            u16 => $crate::datum::IfType;
            u16 => $crate::datum::Integer16, ordered;
            u16 => $crate::datum::Port, ordered;
            u32 => $crate::datum::ClassId, ordered;
            u32 => $crate::datum::CtEvents;
            u32 => $crate::datum::CtState;
            u32 => $crate::datum::CtStatus;
            u32 => $crate::datum::DevGroup, ordered;
            u32 => $crate::datum::FibAddrType;
            u32 => $crate::datum::Gid, ordered;
            u32 => $crate::datum::HostInteger32, ordered;
            u32 => $crate::datum::IfIndex, ordered;
            u32 => $crate::datum::Integer24, ordered;
            u32 => $crate::datum::Integer32, ordered;
            u32 => $crate::datum::Mark, ordered;
            u32 => $crate::datum::Realm, ordered;
            u32 => $crate::datum::Uid, ordered;
            u64 => $crate::datum::CgroupV2;
            u64 => $crate::datum::HostInteger64, ordered;
            [u8; 6] => $crate::datum::EtherAddr, ordered;
            std::time::SystemTime => $crate::datum::Date, ordered;
            std::time::Duration => $crate::datum::Expiration, ordered;
            &str => $crate::datum::HelperName;
            String => $crate::datum::HelperName;
            &String => $crate::datum::HelperName;
            &str => $crate::datum::IfName;
            String => $crate::datum::IfName;
            &String => $crate::datum::IfName;
            &str => $crate::datum::OsfName;
            String => $crate::datum::OsfName;
            &String => $crate::datum::OsfName;
        }
    };
}
pub(crate) use conversions;

macro_rules! into_values {
    ($($from:ty => $value:ty $(, $ordered:ident)?;)*) => {$(
        impl IntoValue<$value> for $from {
            #[inline]
            fn into_value(self) -> $value {
                self.into()
            }
        }

        impl IntoKey<$value> for $from {
            #[inline]
            fn into_key(self) -> $value {
                self.into()
            }
        }

        impl IntoKey<Interval<$value>> for $from {
            #[inline]
            fn into_key(self) -> Interval<$value> {
                Interval::<$value>::value(self)
            }
        }

        impl IntoMapped<$value> for $from {
            #[inline]
            fn into_mapped(self) -> $value {
                self.into()
            }
        }

        $(into_values!(@$ordered $from => $value);)?
    )*};
    (@ordered $from:ty => $value:ty) => {
        impl IntoMapped<Interval<$value>> for RangeInclusive<$from> {
            #[inline]
            fn into_mapped(self) -> Interval<$value> {
                Interval::<$value>::range(self)
            }
        }

        impl IntoKey<Interval<$value>> for RangeInclusive<$from> {
            #[inline]
            fn into_key(self) -> Interval<$value> {
                Interval::<$value>::range(self)
            }
        }
    };
}

conversions!(into_values);

/// Calls a macro with the names for tuples of each length that a concatenation can have.
macro_rules! concatenations {
    ($macro:ident) => {
        $macro! { A a 0, B b 1 }
        $macro! { A a 0, B b 1, C c 2 }
        $macro! { A a 0, B b 1, C c 2, D d 3 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10, L l 11 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10, L l 11, M m 12 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10, L l 11, M m 12, N n 13 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10, L l 11, M m 12, N n 13, O o 14 }
        $macro! { A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7, I i 8, J j 9, K k 10, L l 11, M m 12, N n 13, O o 14, P p 15 }
    };
}
pub(crate) use concatenations;

macro_rules! into_concatenation {
    ($($Part:ident $from:ident $n:tt),*) => {
        #[allow(non_camel_case_types, reason = "type parameters come in two cases here")]
        impl<$($Part, $from: IntoKey<$Part>),*> IntoKey<($($Part,)*)> for ($($from,)*) {
            #[inline]
            fn into_key(self) -> ($($Part,)*) {
                ($(self.$n.into_key(),)*)
            }
        }

        #[allow(non_camel_case_types, reason = "type parameters come in two cases here")]
        impl<$($Part, $from: IntoMapped<$Part>),*> IntoMapped<($($Part,)*)> for ($($from,)*) {
            #[inline]
            fn into_mapped(self) -> ($($Part,)*) {
                ($(self.$n.into_mapped(),)*)
            }
        }
    };
}

concatenations!(into_concatenation);
