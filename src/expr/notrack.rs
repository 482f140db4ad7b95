//! The notrack expression.

use std::fmt;

use super::Wire;
use crate::error::DecodeError;
use crate::wire::path::Schema;
use crate::wire::{AttrReader, AttrWriter};

/// Keeps the packet out of connection tracking, and goes on.
///
/// It has to come before tracking does: in a chain of a priority below -200.
#[doc(alias = "nft_notrack")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Notrack {}

impl Notrack {
    /// Keeps the packet out of connection tracking.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Wire for Notrack {
    const NAME: &'static str = "notrack";
    const SCHEMA: Schema = Schema(&[]);
    const NAME_ONLY: bool = true;

    fn encode(&self, _: &mut AttrWriter) {}

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        while let Some(attr) = attrs.next() {
            let (number, _) = attr?;
            attrs.note_unknown(number);
        }
        Ok(Self::default())
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![(Self::new(), b"")]
    }
}

impl fmt::Display for Notrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("notrack")
    }
}
