//! A rule without what it does.

use super::info::Parts;
use super::{ChainRef, RuleHandle, RuleInfo};
use crate::error::DecodeError;
use crate::userdata;
use crate::wire::Family;

/// A rule as the kernel has it, without its expressions: where it is, and what its author says of it.
///
/// [`Conn::rule_heads`](crate::Conn::rule_heads) lists them: of millions of rules they take a
/// fraction of the memory. [`Conn::rule`](crate::Conn::rule) reads the whole rule, and a batch
/// takes one to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleHead {
    chain: ChainRef,
    handle: RuleHandle,
    position: Option<RuleHandle>,
    userdata: Box<[u8]>,
}

impl RuleHead {
    /// Reads a rule's attributes. Rules come chain by chain: `last` keeps the names.
    pub(crate) fn decode(family: Family, raw: &[u8], last: &mut Option<ChainRef>) -> Result<Self, DecodeError> {
        let Parts { chain, handle, position, userdata, .. } = Parts::read(family, raw, last)?;
        let userdata = raw.get(userdata.start as usize..userdata.end as usize).unwrap_or_default();
        Ok(Self { chain, handle, position, userdata: userdata.into() })
    }

    /// Returns the chain.
    pub fn chain(&self) -> &ChainRef {
        &self.chain
    }

    /// Returns the number.
    pub fn handle(&self) -> RuleHandle {
        self.handle
    }

    /// Returns the number of the rule before it in the chain, if there is one.
    pub fn position(&self) -> Option<RuleHandle> {
        self.position
    }

    /// Returns the comment, if there is one that is text.
    pub fn comment(&self) -> Option<&str> {
        userdata::comment(&self.userdata)
    }

    /// Returns who the rule belongs to, as [`RuleBuilder::owner`](crate::RuleBuilder::owner) says it, if that is text.
    pub fn owner(&self) -> Option<&str> {
        userdata::owner(&self.userdata)
    }

    /// Returns the userdata: the comment and what else its author kept there.
    pub fn userdata(&self) -> &[u8] {
        &self.userdata
    }
}

impl From<&RuleInfo> for RuleHead {
    fn from(rule: &RuleInfo) -> Self {
        Self {
            chain: rule.chain().clone(),
            handle: rule.handle(),
            position: rule.position(),
            userdata: rule.userdata().into(),
        }
    }
}

impl AsRef<ChainRef> for RuleHead {
    fn as_ref(&self) -> &ChainRef {
        &self.chain
    }
}
