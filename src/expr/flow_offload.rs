//! The flow_offload expression.

use std::fmt;

use super::Wire;
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Name};

const NFTA_FLOW_TABLE_NAME: u16 = 1;

/// Hands the packet's connection to a flowtable, whose devices forward its further packets without
/// the rules; nft calls it `flow add` (Linux 4.16).
///
/// For families ip, ip6 and inet, in chains at forward. A connection that cannot be handed over
/// ends the rule.
#[doc(alias = "nft_flow_offload")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FlowOffload {
    /// The flowtable, of the same table.
    pub flowtable: Name,
}

impl FlowOffload {
    /// Hands connections to a flowtable.
    pub fn new(flowtable: impl Into<Name>) -> Self {
        Self { flowtable: flowtable.into() }
    }
}

impl Wire for FlowOffload {
    const NAME: &'static str = "flow_offload";
    const SCHEMA: Schema = Schema(&[AttrName::value(NFTA_FLOW_TABLE_NAME, "flowtable")]);

    fn encode(&self, w: &mut AttrWriter) {
        w.check(self.flowtable.check_referred("flowtable"));
        w.name(NFTA_FLOW_TABLE_NAME, &self.flowtable);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut flow_offload = Self::new(&b""[..]);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_FLOW_TABLE_NAME, v) => flow_offload.flowtable = v.name(),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(flow_offload)
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        // The corpus has none, since its kernel has none: these are what nft 1.0.6 sent for
        // `flow add @ft`.
        vec![(Self::new("ft"), b"\x07\0\x01\0ft\0\0")]
    }
}

impl fmt::Display for FlowOffload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flow_offload flowtable {}", self.flowtable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_libnftnl_prints_it() {
        assert_eq!(FlowOffload::new("fast").to_string(), "flow_offload flowtable fast");
    }
}
