//! The flow_offload expression.

use std::fmt;

use super::Wire;
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Name};

const NFTA_FLOW_TABLE_NAME: u16 = 1;

/// Gives the packet's connection to a flowtable, which forwards the packets that follow (`flow add @ft`;
/// Linux 4.16).
///
/// For families ip, ip6 and inet, in chains at forward.
#[doc(alias = "nft_flow_offload")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FlowOffload {
    /// The flowtable, of the rule's own table.
    pub flowtable: Name,
}

impl FlowOffload {
    /// Gives connections to a flowtable.
    pub fn new(flowtable: impl Into<Name>) -> Self {
        Self { flowtable: flowtable.into() }
    }
}

impl Wire for FlowOffload {
    const NAME: &'static str = "flow_offload";
    const SCHEMA: Schema = Schema(&[AttrName::value(NFTA_FLOW_TABLE_NAME, "flowtable")]);

    fn encode(&self, w: &mut AttrWriter) {
        w.check(self.flowtable.check("flowtable"));
        w.name(NFTA_FLOW_TABLE_NAME, &self.flowtable);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut flowtable = None;
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_FLOW_TABLE_NAME, v) => flowtable = Some(v.name()),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(Self { flowtable: flowtable.ok_or(DecodeError::new("flow_offload", "it names no flowtable"))? })
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![(Self::new("fast"), b"\x09\0\x01\0fast\0\0\0\0")]
    }
}

impl fmt::Display for FlowOffload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flow_offload flowtable {}", self.flowtable)
    }
}
