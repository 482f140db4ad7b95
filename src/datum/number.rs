//! Numbers as data types: the macros that make them, and the integers without a name of their own.

use super::{ByteOrder, DataType, Datum, Ordered};
use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::wire::order;

/// An unsigned integer as a register has it.
pub(super) trait Unsigned: Sized {
    fn to_data(self, order: ByteOrder) -> Data;
    fn from_data(bytes: &[u8], order: ByteOrder) -> Option<Self>;
}

impl Unsigned for u8 {
    #[inline]
    fn to_data(self, _: ByteOrder) -> Data {
        Data::from([self])
    }

    #[inline]
    fn from_data(bytes: &[u8], _: ByteOrder) -> Option<Self> {
        <[Self; 1]>::try_from(bytes).ok().map(|[byte]| byte)
    }
}

macro_rules! unsigned {
    ($($int:ty: $be:ident, $from_be:ident, $host:ident, $from_host:ident;)*) => {$(
        impl Unsigned for $int {
            #[inline]
            fn to_data(self, order: ByteOrder) -> Data {
                match order {
                    ByteOrder::Host => Data::from(order::$host(self)),
                    _ => Data::from(order::$be(self)),
                }
            }

            #[inline]
            fn from_data(bytes: &[u8], order: ByteOrder) -> Option<Self> {
                let bytes = bytes.try_into().ok()?;
                Some(match order {
                    ByteOrder::Host => order::$from_host(bytes),
                    _ => order::$from_be(bytes),
                })
            }
        }
    )*};
}

unsigned! {
    u16: be_u16, from_be_u16, host_u16, from_host_u16;
    u32: be_u32, from_be_u32, host_u32, from_host_u32;
    u64: be_u64, from_be_u64, host_u64, from_host_u64;
}

/// Defines a data type that wraps an integer, which converts into it.
macro_rules! number {
    ($(#[$meta:meta])* $name:ident($int:ty)) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($int);

        impl $name {
            /// Wraps the number.
            pub const fn new(number: $int) -> Self {
                Self(number)
            }

            /// Returns the number.
            pub const fn get(self) -> $int {
                self.0
            }
        }

        impl From<$int> for $name {
            fn from(number: $int) -> Self {
                Self(number)
            }
        }
    };
}

/// Displays a [`number!`] in decimal.
macro_rules! decimal {
    ($($name:ident)*) => {$(
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}

/// Converts the integer into an [`open_number!`].
macro_rules! from_integer {
    ($($name:ident($int:ty);)*) => {$(
        impl From<$int> for $name {
            fn from(number: $int) -> Self {
                Self::from_raw(number)
            }
        }
    )*};
}

/// Makes what wraps an integer, any value of it valid, an nft data type.
macro_rules! datum {
    ($($name:ident($int:ty): $number:ident, $order:ident $(, $ordered:ident)?;)*) => {$(
        impl $crate::datum::Datum for $name {
            const TYPE: $crate::datum::DataType = $crate::datum::DataType::$number;
            const LEN: usize = size_of::<$int>();
            const ORDER: $crate::datum::ByteOrder = $crate::datum::ByteOrder::$order;

            #[inline]
            fn to_data(&self) -> Result<$crate::expr::Data, $crate::error::BuildErrorKind> {
                Ok($crate::datum::number::Unsigned::to_data(self.get(), Self::ORDER))
            }

            #[inline]
            fn from_data(bytes: &[u8]) -> Option<Self> {
                <$int as $crate::datum::number::Unsigned>::from_data(bytes, Self::ORDER).map(Self::from)
            }
        }

        $(impl $crate::datum::$ordered for $name {})?
    )*};
}

pub(super) use {datum, decimal, from_integer, number};

number! {
    /// A byte of a header without a type of its own, as a hop limit (`integer`).
    #[doc(alias = "integer")]
    Integer8(u8)
}

number! {
    /// A byte of flags without names, as those of compression (`bitmask`).
    #[doc(alias = "bitmask")]
    Bitmask8(u8)
}

impl std::fmt::Display for Bitmask8 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

number! {
    /// Two bytes of a header without a type of their own, as a length; network order (`integer`).
    #[doc(alias = "integer")]
    Integer16(u16)
}

number! {
    /// Three bytes of a header, or some bits of them, without a type of their own, as a flow label or the number of a
    /// virtual network; network order (`integer`).
    ///
    /// A batch refuses a number of more than 24 bits.
    #[doc(alias = "integer")]
    Integer24(u32)
}

number! {
    /// Four bytes of a header without a type of their own, as a sequence number, or a connection's
    /// id; network order (`integer`).
    #[doc(alias = "integer")]
    Integer32(u32)
}

number! {
    /// Two bytes of metadata without a type of their own, as a conntrack zone; the host's order
    /// (`integer`).
    #[doc(alias = "integer")]
    HostInteger16(u16)
}

number! {
    /// Four bytes of metadata without a type of their own, as a packet's length or the number of
    /// a processor; the host's order (`integer`).
    #[doc(alias = "integer")]
    HostInteger32(u32)
}

number! {
    /// Eight bytes of metadata without a type of their own, as the packets or bytes of a
    /// connection; the host's order (`integer`).
    #[doc(alias = "integer")]
    HostInteger64(u64)
}

decimal! { Integer8 Integer16 Integer24 Integer32 HostInteger16 HostInteger32 HostInteger64 }

datum! {
    Bitmask8(u8): BITMASK, None, Ordered;
    Integer8(u8): INTEGER, None, Ordered;
    Integer16(u16): INTEGER, Network, Ordered;
    Integer32(u32): INTEGER, Network, Ordered;
    HostInteger16(u16): INTEGER, Host, Ordered;
    HostInteger32(u32): INTEGER, Host, Ordered;
    HostInteger64(u64): INTEGER, Host, Ordered;
}

impl Datum for Integer24 {
    const TYPE: DataType = DataType::INTEGER;
    const LEN: usize = 3;
    const ORDER: ByteOrder = ByteOrder::Network;

    #[inline]
    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        match order::be_u32(self.0) {
            [0, bytes @ ..] => Ok(Data::from(bytes)),
            _ => {
                let reason = "it has more than 24 bits";
                Err(BuildErrorKind::BadValue { what: "integer", value: self.to_string().into(), reason })
            }
        }
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [a, b, c] => Some(Self(order::from_be_u32([0, a, b, c]))),
            _ => None,
        }
    }
}

impl Ordered for Integer24 {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_the_byte_order_of_their_type() {
        assert_eq!(Integer8::new(1).to_data().unwrap().as_bytes(), [1]);
        assert_eq!(Integer16::new(1).to_data().unwrap().as_bytes(), [0, 1]);
        assert_eq!(Integer32::new(1).to_data().unwrap().as_bytes(), [0, 0, 0, 1]);
        assert_eq!(Integer24::new(0x0a_0b_0c).to_data().unwrap().as_bytes(), [0x0a, 0x0b, 0x0c]);
        assert_eq!(Integer24::from_data(&[0, 1, 0]), Some(Integer24::new(256)));
        assert!(Integer24::new(1 << 24).to_data().is_err());
        assert_eq!(HostInteger16::new(1).to_data().unwrap().as_bytes(), 1u16.to_ne_bytes());
        assert_eq!(HostInteger32::new(1).to_data().unwrap().as_bytes(), 1u32.to_ne_bytes());
        assert_eq!(HostInteger64::new(1).to_data().unwrap().as_bytes(), 1u64.to_ne_bytes());
        assert_eq!(Integer16::from_data(&[1, 0]), Some(Integer16::new(256)));
        assert_eq!(HostInteger64::from_data(&7u64.to_ne_bytes()), Some(HostInteger64::new(7)));
    }

    #[test]
    fn an_integer_of_another_length_is_refused() {
        assert_eq!(Integer8::from_data(&[]), None);
        assert_eq!(Integer16::from_data(&[1]), None);
        assert_eq!(HostInteger32::from_data(&[1, 2, 3, 4, 5]), None);
    }
}
