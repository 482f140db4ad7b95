//! Names as the kernel keeps them: bytes.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::error::BuildErrorKind;

/// The longest name of a table, chain, set or object, in bytes (`NFT_NAME_MAXLEN` less the NUL).
pub(crate) const NAME_MAX: usize = 255;

/// The name of a table, chain, set or object.
///
/// The kernel takes any bytes but NUL, also none at all, so a name read from it need not be UTF-8.
/// A name is cheap to clone. What a batch writes has to be one to 255 bytes without a NUL.
///
/// ```
/// use nftlink::Name;
/// let name = Name::from("input");
/// assert_eq!(name, "input");
/// assert_eq!(name.as_str(), Some("input"));
/// assert_eq!(Name::from(&b"\xffx"[..]).to_string(), r"\xffx");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<[u8]>);

impl Name {
    /// Returns the name's bytes, without a NUL.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the name as text, or `None` if it is not UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether both are one name in memory: equal ones need not be.
    #[inline]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Refuses what the kernel, or nft, could not take as the name of a new `what`.
    pub(crate) fn check(&self, what: &'static str) -> Result<(), BuildErrorKind> {
        match self.0.len() {
            0 => Err(BuildErrorKind::NameEmpty { what }),
            len if len > NAME_MAX => Err(BuildErrorKind::NameTooLong { what, len, max: NAME_MAX }),
            _ if self.0.contains(&0) => Err(BuildErrorKind::NameHasNul { what }),
            _ => Ok(()),
        }
    }

    /// Refuses what the kernel could not take as the name of a `what` that is there. What it tells
    /// may be empty.
    pub(crate) fn check_referred(&self, what: &'static str) -> Result<(), BuildErrorKind> {
        if self.0.is_empty() { Ok(()) } else { self.check(what) }
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.as_bytes().into())
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(name.into_bytes().into())
    }
}

impl From<&String> for Name {
    fn from(name: &String) -> Self {
        Self(name.as_bytes().into())
    }
}

impl From<&[u8]> for Name {
    fn from(name: &[u8]) -> Self {
        Self(name.into())
    }
}

impl From<&Name> for Name {
    fn from(name: &Name) -> Self {
        name.clone()
    }
}

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape(&self.0, f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Writes bytes as text; what is not printable UTF-8 becomes `\x..`, so that a terminal is safe.
pub(crate) fn escape(bytes: &[u8], f: &mut impl fmt::Write) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => f.write_str(r"\\")?,
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => f.write_char(c)?,
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_kernel_cannot_take_are_refused() {
        assert_eq!(Name::from("").check("table"), Err(BuildErrorKind::NameEmpty { what: "table" }));
        assert_eq!(Name::from("a\0b").check("set"), Err(BuildErrorKind::NameHasNul { what: "set" }));
        let (longest, longer) = (Name::from("x".repeat(255)), Name::from("x".repeat(256)));
        assert_eq!(longest.check("chain"), Ok(()));
        assert_eq!(longer.check("chain"), Err(BuildErrorKind::NameTooLong { what: "chain", len: 256, max: 255 }));
    }

    #[test]
    fn display_escapes_what_a_terminal_should_not_see() {
        assert_eq!(Name::from(&b"a\x1b[1m\xff\\"[..]).to_string(), r"a\u{1b}[1m\xff\\");
        assert_eq!(Name::from("größe").to_string(), "größe");
    }
}
