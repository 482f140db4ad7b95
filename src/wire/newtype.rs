//! Macros for the small types that numbers from the kernel become.

/// Defines a newtype over an integer that the kernel may extend: constants for the values known
/// today, every other value kept. Displays as nft's word for it, or as the number: in decimal, or
/// in another format that follows the integer's type.
macro_rules! open_number {
    (@format) => { "{}" };
    (@format $format:literal) => { $format };
    (
        $(#[$meta:meta])*
        pub struct $name:ident($int:ty $(, $format:literal)?) {
            $( $(#[$const_meta:meta])* $constant:ident = $value:expr, $word:literal; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name($int);

        impl $name {
            $( $(#[$const_meta])* pub const $constant: Self = Self($value); )*

            /// Wraps the kernel's number, known or not.
            pub const fn from_raw(raw: $int) -> Self {
                Self(raw)
            }

            /// Returns the kernel's number.
            pub const fn get(self) -> $int {
                self.0
            }

            /// Returns nft's word for the value, if it has one.
            pub const fn word(self) -> Option<&'static str> {
                match self {
                    $( Self::$constant => Some($word), )*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.word() {
                    Some(word) => f.write_str(word),
                    None => write!(f, open_number!(@format $($format)?), self.0),
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

/// Defines the handle of one kind of object: the number by which the kernel names it.
macro_rules! handle {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// Wraps a number that a program stored earlier.
            pub const fn from_raw(raw: u64) -> Self {
                Self(raw)
            }

            /// Returns the kernel's number.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

pub(crate) use {handle, open_number};
