//! The chain that rules go into: most go into that of the rule before.

use super::verbs::write_rule_chain;
use crate::chain::ChainRef;
use crate::wire::AttrWriter;

/// The chain of the last rule, checked, and as attributes of a rule's message.
#[derive(Debug, Clone, Default)]
pub(super) struct Within {
    chain: Option<ChainRef>,
    attrs: Vec<u8>,
}

impl Within {
    pub(super) const fn new() -> Self {
        Self { chain: None, attrs: Vec::new() }
    }

    /// Writes table and chain of a rule.
    #[inline]
    pub(super) fn write(&mut self, chain: &ChainRef, w: &mut AttrWriter) {
        match &self.chain {
            Some(last) if is_same(last, chain) => w.prelude(&self.attrs),
            _ => self.write_another(chain, w),
        }
    }

    fn write_another(&mut self, chain: &ChainRef, w: &mut AttrWriter) {
        let start = w.len();
        let valid = w.succeeds(|w| write_rule_chain(chain, w));
        self.chain = valid.then(|| chain.clone());
        self.attrs.clear();
        self.attrs.extend_from_slice(w.bytes_written().get(start..).unwrap_or_default());
    }
}

/// Whether both are one: what is equal and not one is written anew.
#[inline]
fn is_same(a: &ChainRef, b: &ChainRef) -> bool {
    a.name.is_same(&b.name) && a.table.name.is_same(&b.table.name)
}
