//! A rule as the kernel has it.

use std::ops::Range;

use super::*;
use crate::error::DecodeError;
use crate::expr::{Counter, Exprs, Value};
use crate::table::TableRef;
use crate::wire::reader::{Notes, until_nul};
use crate::wire::{AttrReader, Family, Name};

/// A rule as the kernel has it.
///
/// It keeps the kernel's bytes and reads its expressions from them when asked. A batch takes it
/// as a rule: what is written then is the same rule, attributes unknown to this library included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    chain: ChainRef,
    handle: RuleHandle,
    position: Option<RuleHandle>,
    raw: Box<[u8]>,
    /// Where in `raw` the expressions are.
    exprs: Range<u32>,
    /// Where in `raw` the userdata is.
    userdata: Range<u32>,
}

/// What is read of a rule's attributes.
pub(super) struct Parts {
    pub(super) chain: ChainRef,
    pub(super) handle: RuleHandle,
    pub(super) position: Option<RuleHandle>,
    exprs: Range<u32>,
    pub(super) userdata: Range<u32>,
}

impl Parts {
    pub(super) fn read(family: Family, raw: &[u8], last: &mut Option<ChainRef>) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let (mut table, mut chain): (&[u8], &[u8]) = (&[], &[]);
        let mut handle = RuleHandle::from_raw(0);
        let mut position = None;
        let (mut exprs, mut userdata) = (0..0, 0..0);
        let mut attrs = AttrReader::new(raw, &notes);
        loop {
            let start = raw.len() - attrs.left();
            let Some(attr) = attrs.next() else { break };
            let (number, v) = attr?;
            let value = || {
                let start = start as u32 + 4;
                start..start + v.bytes().len() as u32
            };
            match number {
                NFTA_RULE_TABLE => table = v.bytes(),
                NFTA_RULE_CHAIN => chain = v.bytes(),
                NFTA_RULE_HANDLE => handle = RuleHandle::from_raw(v.u64()?),
                NFTA_RULE_POSITION => position = Some(RuleHandle::from_raw(v.u64()?)),
                NFTA_RULE_EXPRESSIONS => exprs = value(),
                NFTA_RULE_USERDATA => userdata = value(),
                _ => {}
            }
        }
        // With the NUL: a name has none.
        let is = |name: &Name, text: &[u8]| text.strip_suffix(&[0]) == Some(name.as_bytes());
        let same = |at: &&ChainRef| at.table.family == family && is(&at.name, chain) && is(&at.table.name, table);
        let chain = match last.as_ref().filter(same) {
            Some(at) => at.clone(),
            None => {
                let name = |text| Name::from(until_nul(text));
                last.insert(ChainRef { table: TableRef { family, name: name(table) }, name: name(chain) }).clone()
            }
        };
        Ok(Self { chain, handle, position, exprs, userdata })
    }
}

impl RuleInfo {
    /// Reads a rule's attributes. Rules come chain by chain: `last` keeps the names.
    pub(crate) fn decode(family: Family, raw: &[u8], last: &mut Option<ChainRef>) -> Result<Self, DecodeError> {
        let Parts { chain, handle, position, exprs, userdata } = Parts::read(family, raw, last)?;
        Ok(Self { chain, handle, position, raw: raw.into(), exprs, userdata })
    }

    /// The same rule with the one before it, which the kernel tells only in listings.
    pub(crate) fn behind(self, position: Option<RuleHandle>) -> Self {
        Self { position, ..self }
    }

    fn part(&self, range: &Range<u32>) -> &[u8] {
        self.raw.get(range.start as usize..range.end as usize).unwrap_or_default()
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

    /// Iterates over the expressions. One that makes no sense is an error of its own and does not
    /// hide the others.
    pub fn exprs(&self) -> impl Iterator<Item = Result<ExprInfo, DecodeError>> + '_ {
        Exprs::new(self.part(&self.exprs))
    }

    /// Returns what the rule's counter has counted: of several the first.
    pub fn counter(&self) -> Option<Counter> {
        self.exprs().filter_map(Result::ok).find_map(|expr| match expr.get() {
            Expr::Counter(counter) => Some(*counter),
            _ => None,
        })
    }

    /// Returns the comment, if there is one that is text.
    pub fn comment(&self) -> Option<&str> {
        userdata::comment(self.userdata())
    }

    /// Returns who the rule belongs to, as [`RuleBuilder::owner`] says it, if that is text.
    pub fn owner(&self) -> Option<&str> {
        userdata::owner(self.userdata())
    }

    /// Returns the userdata: the comment and what else its author kept there.
    pub fn userdata(&self) -> &[u8] {
        self.part(&self.userdata)
    }

    /// The chain that the rule ends with a jump to.
    pub(crate) fn target(&self) -> Option<Name> {
        match self.exprs().last()?.ok()?.forget_unknown() {
            Expr::Immediate(Immediate { value: Value::Verdict(verdict), .. }) => verdict.chain,
            _ => None,
        }
    }

    /// Encoded attributes that this library does not know, outside of expressions.
    pub(super) fn unknown(&self) -> Box<[u8]> {
        let mut unknown = AttrWriter::new();
        unknown.copy(&self.raw, |number| !(NFTA_RULE_TABLE..=NFTA_RULE_CHAIN_ID).contains(&number));
        unknown.bytes_written().into()
    }

    /// The expressions as bytes.
    pub(crate) fn expressions(&self) -> &[u8] {
        self.part(&self.exprs)
    }

    /// Returns the expressions in libnftnl's notation, one per line, as `nft --debug=netlink list ruleset`
    /// does: `{}` writes data as libnftnl 1.2.4, `{:#}` as 1.3.
    pub fn bytecode(&self) -> impl fmt::Display + '_ {
        Bytecode(self.expressions())
    }

    /// Returns what protocol the rule says it is for to the extensions of xtables in it, if it has
    /// such and matches on a protocol.
    ///
    /// The kernel does not tell it: it is found out by the match. A batch that takes the rule
    /// writes it; [`RuleBuilder::compat`] says it of a rule that is built from its expressions.
    pub fn compat(&self) -> Option<Compat> {
        let exprs: Vec<ExprInfo> = self.exprs().map_while(Result::ok).collect();
        self.compat_of(&exprs)
    }

    fn compat_of(&self, exprs: &[ExprInfo]) -> Option<Compat> {
        Compat::derive(self.chain.table.family, exprs.iter().map(ExprInfo::get))
    }

    /// Whether it has attributes that this library does not know, beside those of its
    /// [expressions](ExprInfo::has_unknown). Written back as it is it keeps them.
    pub fn has_unknown(&self) -> bool {
        let notes = Notes::default();
        let known = NFTA_RULE_TABLE..=NFTA_RULE_CHAIN_ID;
        AttrReader::new(&self.raw, &notes).map_while(Result::ok).any(|(number, _)| !known.contains(&number))
    }

    /// Returns the attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

impl AsRef<ChainRef> for RuleInfo {
    fn as_ref(&self) -> &ChainRef {
        &self.chain
    }
}

impl AsRule for RuleInfo {
    fn encode(&self, _chain: &ChainRef, _sets: &[u32], w: &mut AttrWriter, _steps: &mut Vec<u8>) {
        // Names and places are those that the batch is told.
        const PLACE: &[u16] = &[NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE, NFTA_RULE_POSITION];
        let exprs: Result<Vec<ExprInfo>, DecodeError> = self.exprs().collect();
        let Ok(exprs) = exprs else { return w.copy(&self.raw, |number| !PLACE.contains(&number)) };
        if !self.exprs.is_empty() {
            w.nest(NFTA_RULE_EXPRESSIONS, |w| exprs.iter().for_each(|expr| expr.write(w)));
        }
        w.copy(&self.raw, |number| !PLACE.contains(&number) && number != NFTA_RULE_EXPRESSIONS);
        let notes = Notes::default();
        let mut told = AttrReader::new(&self.raw, &notes).flatten();
        match self.compat_of(&exprs) {
            Some(compat) if told.all(|(number, _)| number != NFTA_RULE_COMPAT) => compat.write(w, NFTA_RULE_COMPAT),
            _ => {}
        }
    }
}
