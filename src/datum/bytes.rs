//! Bytes without a meaning of their own.

use std::fmt;
use std::ops::RangeInclusive;

use super::{ByteOrder, DataType, Datum, Interval, IntoKey, IntoMapped, IntoValue, Ordered};
use crate::error::BuildErrorKind;
use crate::expr::Data;

/// `N` bytes of a packet, up to 16, as one number in network order (`integer`).
///
/// ```
/// use nftlink::datum::Bytes;
/// assert_eq!(Bytes::new([2, 0, 0, 0, 0, 1]).to_string(), "0x020000000001");
/// ```
#[doc(alias = "integer")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Bytes<N> {
    /// Wraps the bytes, the most significant first.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub const fn get(self) -> [u8; N] {
        self.0
    }
}

impl<const N: usize> Datum for Bytes<N> {
    const TYPE: DataType = DataType::INTEGER;
    const LEN: usize = N;
    const ORDER: ByteOrder = if N == 1 { ByteOrder::None } else { ByteOrder::Network };

    #[inline]
    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        Ok(Data::new(&self.0))
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl<const N: usize> Ordered for Bytes<N> {}

impl<const N: usize> fmt::Display for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> From<[u8; N]> for Bytes<N> {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes)
    }
}

impl<const N: usize> IntoValue<Bytes<N>> for [u8; N] {
    fn into_value(self) -> Bytes<N> {
        self.into()
    }
}

impl<const N: usize> IntoKey<Bytes<N>> for [u8; N] {
    fn into_key(self) -> Bytes<N> {
        self.into()
    }
}

impl<const N: usize> IntoMapped<Bytes<N>> for [u8; N] {
    fn into_mapped(self) -> Bytes<N> {
        self.into()
    }
}

impl<const N: usize> IntoKey<Interval<Bytes<N>>> for [u8; N] {
    fn into_key(self) -> Interval<Bytes<N>> {
        Interval::<Bytes<N>>::value(self)
    }
}

impl<const N: usize> IntoKey<Interval<Bytes<N>>> for RangeInclusive<[u8; N]> {
    fn into_key(self) -> Interval<Bytes<N>> {
        Interval::<Bytes<N>>::range(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_in_their_order() {
        assert_eq!(Bytes::new([1, 2, 3]).to_data().unwrap().as_bytes(), [1, 2, 3]);
        assert_eq!(Bytes::<2>::from_data(&[1, 2]), Some(Bytes::new([1, 2])));
        assert_eq!(Bytes::<2>::from_data(&[1]), None);
    }
}
