//! The target expression.

use std::fmt;

use super::{Wire, xtables};
use crate::error::DecodeError;
use crate::wire::path::Schema;
use crate::wire::{AttrReader, AttrWriter, Name};

/// Does what a target of xtables does, as iptables-nft writes them, and gives its verdict.
///
/// Its settings are those of a C structure, of which [`XtMatch`](super::XtMatch) tells; the same
/// is true of its families, and of targets for one protocol only.
#[doc(alias = "nft_target")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct XtTarget {
    /// The name: 1 to 28 bytes.
    pub name: Name,
    /// The revision: 255 at most.
    pub rev: u32,
    /// The settings.
    pub info: Box<[u8]>,
}

impl XtTarget {
    /// Does what the target of that name, revision and settings does.
    pub fn new(name: impl Into<Name>, rev: u32, info: impl Into<Box<[u8]>>) -> Self {
        Self { name: name.into(), rev, info: info.into() }
    }
}

impl Wire for XtTarget {
    const NAME: &'static str = "target";
    const SCHEMA: Schema = xtables::SCHEMA;

    fn encode(&self, w: &mut AttrWriter) {
        xtables::encode(w, "target", &self.name, self.rev, &self.info);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let (name, rev, info) = xtables::decode(attrs)?;
        Ok(Self { name, rev, info })
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![(
            Self::new("CLASSIFY", 0, *b"\x02\0\x01\0\0\0\0\0"),
            b"\x0d\0\x01\0CLASSIFY\0\0\0\0\x08\0\x02\0\0\0\0\0\x0c\0\x03\0\x02\0\x01\0\0\0\0\0",
        )]
    }
}

impl fmt::Display for XtTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "target name {} rev {}", self.name, self.rev)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BuildErrorKind;
    use crate::expr::golden::{mistake, out_of_range};

    #[test]
    fn names_and_revisions_that_no_extension_has_are_refused() {
        let long = XtTarget::new("x".repeat(29), 0, []);
        assert_eq!(mistake(&long), Some(BuildErrorKind::NameTooLong { what: "target", len: 29, max: 28 }));
        assert_eq!(mistake(&XtTarget::new("t", 256, [])), out_of_range("an extension's revision", 256, 0, 255));
    }

    #[test]
    fn reads_as_libnftnl_prints_it() {
        assert_eq!(XtTarget::new("DNAT", 2, []).to_string(), "target name DNAT rev 2");
    }
}
