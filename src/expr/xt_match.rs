//! The match expression.

use std::fmt;

use super::{Wire, xtables};
use crate::error::DecodeError;
use crate::wire::path::Schema;
use crate::wire::{AttrReader, AttrWriter, Name};

/// Goes on if a match of xtables does, as iptables-nft writes them; else the next rule follows.
///
/// For families ip, ip6, inet, bridge and arp. Its settings are a C structure of the running
/// machine: its layout depends on the architecture and the revision, numbers in it are in the
/// host's order, and it is as long as `XT_ALIGN` makes it. The library keeps the bytes as they
/// are. What the kernel keeps in such a structure for itself it tells as zero.
///
/// Some matches are for one protocol only: the kernel wants it said with the rule, see
/// [`RuleBuilder::compat`](crate::RuleBuilder::compat).
#[doc(alias = "nft_match")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct XtMatch {
    /// The name: 1 to 28 bytes.
    pub name: Name,
    /// The revision: 255 at most.
    pub rev: u32,
    /// The settings.
    pub info: Box<[u8]>,
}

impl XtMatch {
    /// Goes on if the match of that name, revision and settings does.
    pub fn new(name: impl Into<Name>, rev: u32, info: impl Into<Box<[u8]>>) -> Self {
        Self { name: name.into(), rev, info: info.into() }
    }
}

impl Wire for XtMatch {
    const NAME: &'static str = "match";
    const SCHEMA: Schema = xtables::SCHEMA;

    fn encode(&self, w: &mut AttrWriter) {
        xtables::encode(w, "match", &self.name, self.rev, &self.info);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let (name, rev, info) = xtables::decode(attrs)?;
        Ok(Self { name, rev, info })
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![(
            Self::new("vlan", 0, *b"\x0a\0\0\0\0\0\x01\0"),
            b"\x09\0\x01\0vlan\0\0\0\0\x08\0\x02\0\0\0\0\0\x0c\0\x03\0\x0a\0\0\0\0\0\x01\0",
        )]
    }
}

impl fmt::Display for XtMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "match name {} rev {}", self.name, self.rev)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BuildErrorKind;
    use crate::expr::golden::{mistake, out_of_range};

    #[test]
    fn names_and_revisions_that_no_extension_has_are_refused() {
        let named = |name: &str| mistake(&XtMatch::new(name, 0, []));
        assert_eq!(named(&"x".repeat(28)), None);
        assert_eq!(named(&"x".repeat(29)), Some(BuildErrorKind::NameTooLong { what: "match", len: 29, max: 28 }));
        assert_eq!(named(""), Some(BuildErrorKind::NameEmpty { what: "match" }));
        assert_eq!(named("a\0b"), Some(BuildErrorKind::NameHasNul { what: "match" }));
        assert_eq!(mistake(&XtMatch::new("m", 255, [])), None);
        assert_eq!(mistake(&XtMatch::new("m", 256, [])), out_of_range("an extension's revision", 256, 0, 255));
    }

    #[test]
    fn reads_as_libnftnl_prints_it() {
        assert_eq!(XtMatch::new("conntrack", 3, []).to_string(), "match name conntrack rev 3");
    }
}
