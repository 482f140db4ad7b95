//! Names as data types: text of up to 15 bytes.

use std::fmt;

use super::{ByteOrder, DataType, Datum};
use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::wire::name::escape;

/// A data type whose values are text: what has a beginning.
pub trait Text: Datum {
    /// Returns the text's bytes.
    fn as_bytes(&self) -> &[u8];
}

/// Bytes that the kernel keeps for a name, NUL included (`IFNAMSIZ` and its like).
const SIZE: usize = 16;

macro_rules! text {
    ($($(#[$meta:meta])* $name:ident: $number:ident, $what:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name {
            bytes: [u8; SIZE],
            /// The true length, also if it is too long.
            len: u8,
        }

        impl $name {
            /// Takes a name as it is; what is wrong with it is told by the batch.
            pub fn new(name: impl AsRef<[u8]>) -> Self {
                let name = name.as_ref();
                let kept = name.len().min(SIZE);
                let mut bytes = [0; SIZE];
                bytes[..kept].copy_from_slice(&name[..kept]);
                Self { bytes, len: u8::try_from(name.len()).unwrap_or(u8::MAX) }
            }

            /// Returns the name's bytes.
            pub fn as_bytes(&self) -> &[u8] {
                &self.bytes[..usize::from(self.len).min(SIZE)]
            }

            /// Returns the name as text, or `None` if it is not UTF-8.
            pub fn as_str(&self) -> Option<&str> {
                std::str::from_utf8(self.as_bytes()).ok()
            }
        }

        impl Text for $name {
            fn as_bytes(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl Datum for $name {
            const TYPE: DataType = DataType::$number;
            const LEN: usize = SIZE;
            const ORDER: ByteOrder = ByteOrder::Host;

            fn to_data(&self) -> Result<Data, BuildErrorKind> {
                let reason = match usize::from(self.len) {
                    0 => "it is empty",
                    SIZE.. => "it may have 15 bytes",
                    _ if self.as_bytes().contains(&0) => "it has a NUL in it",
                    _ => return Ok(Data::from(self.bytes)),
                };
                Err(BuildErrorKind::BadValue { what: $what, value: self.to_string().into(), reason })
            }

            fn from_data(bytes: &[u8]) -> Option<Self> {
                let bytes: &[u8; SIZE] = bytes.try_into().ok()?;
                bytes.split(|&byte| byte == 0).next().map(Self::new)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self::new(name)
            }
        }

        impl From<&String> for $name {
            fn from(name: &String) -> Self {
                Self::new(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                escape(self.as_bytes(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{self}\"")
            }
        }
    )*};
}

text! {
    /// The name of a network interface: one to 15 bytes, without a NUL (`ifname`).
    ///
    /// A batch refuses another. A `*` at the end is part of the name here, unlike in nft's language:
    /// [`Field::starts_with`](crate::field::Field::starts_with) matches the beginning of a name.
    IfName: IFNAME, "interface name";
    /// The name of a helper of connection tracking, as `ftp`: one to 15 bytes, without a NUL (`string`).
    HelperName: STRING, "name of a helper";
    /// The name of an operating system, as `Linux`, or name and version, as `Linux:4.10`: one to 15 bytes, without a
    /// NUL (`string`). What no fingerprint fits is `unknown`.
    OsfName: STRING, "name of an operating system";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_the_kernel_cannot_have_are_refused() {
        assert_eq!(IfName::new("eth0").to_data().unwrap().as_bytes(), b"eth0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert!(IfName::new("123456789012345").to_data().is_ok());
        for bad in ["", "1234567890123456", "12345678901234567", "a\0b"] {
            assert!(IfName::new(bad).to_data().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_interface_name_is_read_up_to_its_nul() {
        let name = IfName::from_data(b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0").unwrap();
        assert_eq!(name.as_str(), Some("lo"));
        assert_eq!(IfName::from_data(b"lo"), None);
    }
}
