//! The last expression.

use std::fmt;

use super::{MSECS_MAX, Wire};
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_LAST_SET: u16 = 1;
const NFTA_LAST_MSECS: u16 = 2;
const NFTA_LAST_PAD: u16 = 3;

/// Remembers when the last packet came to it (Linux 5.14).
///
/// It has state of its own, and may belong to the elements of a set.
#[doc(alias = "nft_last")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Last {
    /// Milliseconds since the last packet, if there was one.
    pub msecs: Option<u64>,
}

impl Last {
    /// Remembers packets from now on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Pretends that the last packet came so many milliseconds ago.
    pub fn ago(msecs: u64) -> Self {
        Self { msecs: Some(msecs) }
    }
}

impl Wire for Last {
    const NAME: &'static str = "last";
    const SCHEMA: Schema = Schema(&[AttrName::value(NFTA_LAST_SET, "set"), AttrName::value(NFTA_LAST_MSECS, "msecs")]);

    fn encode(&self, w: &mut AttrWriter) {
        w.in_range("milliseconds", self.msecs.unwrap_or(0), 0..=MSECS_MAX);
        w.u64(NFTA_LAST_MSECS, self.msecs.unwrap_or(0));
        w.u32(NFTA_LAST_SET, self.msecs.is_some().into());
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let (mut set, mut msecs) = (false, 0);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_LAST_SET, v) => set = v.u32()? != 0,
                (NFTA_LAST_MSECS, v) => msecs = v.u64()?,
                (NFTA_LAST_PAD, _) => {}
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(Self { msecs: set.then_some(msecs) })
    }

    fn normalize(&mut self) {
        self.msecs = None;
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::new(), b"\x0c\0\x02\0\0\0\0\0\0\0\0\0\x08\0\x01\0\0\0\0\0"),
            (Self::ago(300_000), b"\x0c\0\x02\0\0\0\0\0\0\x04\x93\xe0\x08\0\x01\0\0\0\0\x01"),
        ]
    }
}

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.msecs {
            Some(msecs) => write!(f, "last {msecs}"),
            None => f.write_str("last never"),
        }
    }
}
