//! Sets of bits as data types.

use std::fmt;

/// Defines a data type whose values are sets of bits, with nft's word for each bit.
macro_rules! bit_mask {
    (
        $(#[$meta:meta])*
        pub struct $name:ident($int:ty): $number:ident, $order:ident {
            $( $(#[$($const_meta:tt)*])* $constant:ident = $value:literal, $word:literal; )*
        }
    ) => {
        bitflags::bitflags! {
            $(#[$meta])*
            #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name: $int {
                $( $(#[$($const_meta)*])* const $constant = $value; )*
                /// What later kernels add.
                const _ = !0;
            }
        }

        impl $name {
            /// The bits that nft has words for, with them.
            const WORDS: &'static [(u64, &'static str)] = &[$(($value, $word)),*];

            /// Returns the number, for the macro [`datum!`](crate::datum::number::datum).
            const fn get(self) -> $int {
                self.bits()
            }
        }

        impl From<$int> for $name {
            fn from(bits: $int) -> Self {
                Self::from_bits_retain(bits)
            }
        }

        impl std::fmt::Display for $name {
            /// Writes what nft writes: `new`, `established | related`, `0x0`; a bit without a
            /// word as a number.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::datum::mask::show(self.bits().into(), Self::WORDS, f)
            }
        }

        $crate::datum::number::datum! { $name($int): $number, $order; }

        impl $crate::datum::BitMask for $name {
            fn has_one_bit(&self) -> bool {
                self.bits().is_power_of_two()
            }
        }
    };
}

pub(super) use bit_mask;

/// Writes the bits of a mask from the lowest on, each by its word or as a number.
pub(super) fn show(bits: u64, words: &[(u64, &str)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if bits == 0 {
        return f.write_str("0x0");
    }
    let mut rest = bits;
    while rest != 0 {
        let bit = 1 << rest.trailing_zeros();
        if rest != bits {
            f.write_str(" | ")?;
        }
        match words.iter().find(|(known, _)| *known == bit) {
            Some((_, word)) => f.write_str(word)?,
            None => write!(f, "{bit:#x}")?,
        }
        rest &= !bit;
    }
    Ok(())
}
