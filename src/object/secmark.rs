//! The secmark object.

use std::fmt;

use super::{Kind, ObjectKind};
use crate::error::{BuildErrorKind, DecodeError};
use crate::expr::Wire;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Name};

const NFTA_SECMARK_CTX: u16 = 1;

/// The longest context in bytes (`NFT_SECMARK_CTX_MAXLEN`).
const CTX_MAX: u64 = 4096;

/// Sets the security mark of packets (`secmark`; Linux 4.20).
///
/// The kernel asks its security module for the context's number; a context that is not in the policy,
/// and any without a policy, is refused (`ENOENT`).
#[doc(alias = "nft_secmark_obj")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Secmark {
    /// The security context, one to 4096 bytes (of older kernels 256): `system_u:object_r:ssh_server_packet_t:s0`.
    pub context: Name,
}

impl Secmark {
    /// Sets the mark that a security context stands for.
    pub fn new(context: impl Into<Name>) -> Self {
        Self { context: context.into() }
    }
}

impl Kind for Secmark {
    const KIND: ObjectKind = ObjectKind::SECMARK;

    fn fmt_nft(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        write!(f, "\"{}\"", self.context)
    }
}

impl Wire for Secmark {
    const NAME: &'static str = "secmark";
    const SCHEMA: Schema = Schema(&[AttrName::value(NFTA_SECMARK_CTX, "context")]);

    fn encode(&self, w: &mut AttrWriter) {
        let context = self.context.as_bytes();
        if context.contains(&0) {
            w.fail(BuildErrorKind::NameHasNul { what: "security context's" });
        }
        w.in_range("a security context's length in bytes", context.len() as u64, 1..=CTX_MAX);
        w.bytes(NFTA_SECMARK_CTX, context);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut secmark = Self::new("");
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_SECMARK_CTX, v) => secmark.context = v.name(),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(secmark)
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![(Self::new("a_u:b_r:c_t:s0"), b"\x12\0\x01\0a_u:b_r:c_t:s0\0\0")]
    }
}

impl fmt::Display for Secmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secmark context {}", self.context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::mistake;

    #[test]
    fn contexts_are_as_long_as_the_kernel_keeps() {
        let with = |len: usize| mistake(&Secmark::new("x".repeat(len)));
        let refused = |value| {
            let what = "a security context's length in bytes";
            Some(BuildErrorKind::OutOfRange { what, value, min: 1, max: 4096 })
        };
        assert_eq!((with(1), with(4096)), (None, None));
        assert_eq!((with(0), with(4097)), (refused(0), refused(4097)));
        assert!(mistake(&Secmark::new("a\0b")).is_some());
    }
}
