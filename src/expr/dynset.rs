//! The dynset expression.

use std::fmt;

use super::{Expr, MSECS_MAX, NFTA_LIST_ELEM, Reg, Wire, expressions_attr, schema_of};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Name};

const NFTA_DYNSET_SET_NAME: u16 = 1;
const NFTA_DYNSET_SET_ID: u16 = 2;
const NFTA_DYNSET_OP: u16 = 3;
const NFTA_DYNSET_SREG_KEY: u16 = 4;
const NFTA_DYNSET_SREG_DATA: u16 = 5;
const NFTA_DYNSET_TIMEOUT: u16 = 6;
const NFTA_DYNSET_EXPR: u16 = 7;
const NFTA_DYNSET_PAD: u16 = 8;
const NFTA_DYNSET_FLAGS: u16 = 9;
const NFTA_DYNSET_EXPRESSIONS: u16 = 10;

/// The most expressions that an element has (`NFT_SET_EXPR_MAX`).
const EXPRS_MAX: u64 = 2;

open_number! {
    /// What happens to the element (`enum nft_dynset_ops`).
    #[doc(alias = "nft_dynset_ops")]
    pub struct DynsetOp(u32) {
        /// It is added, unless it is there.
        ADD = 0, "add";
        /// It is added, or its time begins anew.
        UPDATE = 1, "update";
        /// It is deleted (Linux 5.4).
        DELETE = 2, "delete";
    }
}

bitflags::bitflags! {
    /// Flags of a dynset expression (`enum nft_dynset_flags`).
    #[doc(alias = "nft_dynset_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct DynsetFlags: u32 {
        /// Go on if the element could *not* be added, as where the set is full.
        const INV = 1;
        /// There are several expressions. Written where there are, and never read: the kernel
        /// does not tell it.
        const EXPR = 2;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Adds an element to a set for the packet, or deletes it.
///
/// After an addition it goes on if the element is in the set and its own expressions go on; after
/// a deletion always.
#[doc(alias = "nft_dynset")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Dynset {
    /// The set's name.
    pub set: Name,
    /// The set's id in this batch, of a set that the batch adds.
    pub set_id: Option<u32>,
    /// What happens to the element.
    pub op: DynsetOp,
    /// The register with the key.
    pub key: Reg,
    /// The register with the value, of a map.
    pub data: Option<Reg>,
    /// How long the element stays, in milliseconds, if that is not the set's own timeout. The set
    /// has to have timeouts.
    pub timeout: Option<u64>,
    /// What each element has of its own: counters, limits, quotas and others with state.
    ///
    /// The set has to be made for it; the kernel takes two at most (Linux 5.11; before that one).
    pub exprs: Vec<Expr>,
    /// Flags.
    pub flags: DynsetFlags,
}

impl Dynset {
    /// Does `op` to the element of `set` with the key in a register.
    pub fn new(op: DynsetOp, set: impl Into<Name>, key: Reg) -> Self {
        let flags = DynsetFlags::empty();
        Self { set: set.into(), set_id: None, op, key, data: None, timeout: None, exprs: Vec::new(), flags }
    }
}

impl Wire for Dynset {
    const NAME: &'static str = "dynset";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_DYNSET_SET_NAME, "set"),
        AttrName::value(NFTA_DYNSET_SET_ID, "set_id"),
        AttrName::value(NFTA_DYNSET_OP, "op"),
        AttrName::value(NFTA_DYNSET_SREG_KEY, "key"),
        AttrName::value(NFTA_DYNSET_SREG_DATA, "data"),
        AttrName::value(NFTA_DYNSET_TIMEOUT, "timeout"),
        AttrName::expression(NFTA_DYNSET_EXPR, "expr", schema_of),
        AttrName::value(NFTA_DYNSET_FLAGS, "flags"),
        expressions_attr(NFTA_DYNSET_EXPRESSIONS),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        w.check(self.set.check_referred("set"));
        w.in_range("the number of expressions", self.exprs.len() as u64, 0..=EXPRS_MAX);
        if let Some(timeout) = self.timeout {
            w.in_range("a timeout in milliseconds", timeout, 0..=MSECS_MAX);
        }
        self.key.write(w, NFTA_DYNSET_SREG_KEY);
        if let Some(data) = self.data {
            data.write(w, NFTA_DYNSET_SREG_DATA);
        }
        w.u32(NFTA_DYNSET_OP, self.op.get());
        if let Some(timeout) = self.timeout {
            w.u64(NFTA_DYNSET_TIMEOUT, timeout);
        }
        w.name(NFTA_DYNSET_SET_NAME, &self.set);
        if let Some(id) = self.set_id {
            w.u32(NFTA_DYNSET_SET_ID, id);
        }
        let mut flags = self.flags.difference(DynsetFlags::EXPR);
        match self.exprs.as_slice() {
            [] => {}
            [expr] => expr.write_as(w, NFTA_DYNSET_EXPR),
            exprs => {
                w.nest(NFTA_DYNSET_EXPRESSIONS, |w| exprs.iter().for_each(|expr| expr.write(w)));
                flags |= DynsetFlags::EXPR;
            }
        }
        if !flags.is_empty() {
            w.u32(NFTA_DYNSET_FLAGS, flags.bits());
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut dynset = Self::new(DynsetOp::ADD, &b""[..], Reg::VERDICT);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_DYNSET_SET_NAME, v) => dynset.set = v.name(),
                (NFTA_DYNSET_SET_ID, v) => dynset.set_id = Some(v.u32()?),
                (NFTA_DYNSET_OP, v) => dynset.op = DynsetOp::from_raw(v.u32()?),
                (NFTA_DYNSET_SREG_KEY, v) => dynset.key = Reg::read(v)?,
                (NFTA_DYNSET_SREG_DATA, v) => dynset.data = Some(Reg::read(v)?),
                // The kernel tells 0 where there is none, and refuses that for a set without timeouts.
                (NFTA_DYNSET_TIMEOUT, v) => dynset.timeout = Some(v.u64()?).filter(|&msecs| msecs > 0),
                (NFTA_DYNSET_EXPR, v) => dynset.exprs = vec![Expr::read(v.nested()?)?],
                (NFTA_DYNSET_EXPRESSIONS, v) => {
                    dynset.exprs.clear();
                    for entry in v.nested()? {
                        match entry? {
                            (NFTA_LIST_ELEM, v) => dynset.exprs.push(Expr::read(v.nested()?)?),
                            (other, _) => attrs.note_unknown(other),
                        }
                    }
                }
                (NFTA_DYNSET_FLAGS, v) => {
                    dynset.flags = DynsetFlags::from_bits_retain(v.u32()?).difference(DynsetFlags::EXPR);
                }
                (NFTA_DYNSET_PAD, _) => {}
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(dynset)
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.key]);
        Reg::normalize_all(&mut self.data);
        self.set_id = None;
        self.exprs.iter_mut().for_each(Expr::normalize);
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        use super::{Counter, Limit};

        let exprs = vec![Limit::packets(1, 1).into(), Counter::default().into()];
        vec![
            (
                Self { timeout: Some(30_000), set_id: Some(1), ..Self::new(DynsetOp::ADD, "y", Reg::R1) },
                b"\x08\0\x04\0\0\0\0\x01\x08\0\x03\0\0\0\0\0\x0c\0\x06\0\0\0\0\0\0\0\x75\x30\
                  \x06\0\x01\0y\0\0\0\x08\0\x02\0\0\0\0\x01",
            ),
            (
                Self { data: Some(Reg::R2), ..Self::new(DynsetOp::UPDATE, "m", Reg::R1) },
                b"\x08\0\x04\0\0\0\0\x01\x08\0\x05\0\0\0\0\x02\x08\0\x03\0\0\0\0\x01\x06\0\x01\0m\0\0\0",
            ),
            (
                Self { exprs: exprs[1..].to_vec(), ..Self::new(DynsetOp::UPDATE, "u", Reg::R1) },
                b"\x08\0\x04\0\0\0\0\x01\x08\0\x03\0\0\0\0\x01\x06\0\x01\0u\0\0\0\
                  \x14\0\x07\x80\x0c\0\x01\0counter\0\x04\0\x02\x80",
            ),
            (
                Self { exprs, set_id: Some(1), ..Self::new(DynsetOp::UPDATE, "y", Reg::R1) },
                b"\x08\0\x04\0\0\0\0\x01\x08\0\x03\0\0\0\0\x01\x06\0\x01\0y\0\0\0\x08\0\x02\0\0\0\0\x01\
                  \x5c\0\x0a\x80\x44\0\x01\x80\x0a\0\x01\0limit\0\0\0\x34\0\x02\x80\
                  \x0c\0\x01\0\0\0\0\0\0\0\0\x01\x0c\0\x02\0\0\0\0\0\0\0\0\x01\x08\0\x03\0\0\0\0\x05\
                  \x08\0\x04\0\0\0\0\0\x08\0\x05\0\0\0\0\0\
                  \x14\0\x01\x80\x0c\0\x01\0counter\0\x04\0\x02\x80\x08\0\x09\0\0\0\0\x02",
            ),
        ]
    }
}

impl fmt::Display for Dynset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dynset {} reg_key {} set {}", self.op, self.key.get(), self.set)?;
        if let Some(data) = self.data {
            write!(f, " sreg_data {}", data.get())?;
        }
        // The kernel tells a timeout also where there is none.
        write!(f, " timeout {}ms", self.timeout.unwrap_or(0))?;
        self.exprs.iter().try_for_each(|expr| write!(f, " expr [ {expr} ]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Counter, ExprInfo, Exprs, NFTA_EXPR_DATA, NFTA_EXPR_NAME, NFTA_LIST_ELEM};

    fn read(write: impl FnOnce(&mut AttrWriter)) -> Result<ExprInfo, DecodeError> {
        let mut w = AttrWriter::new();
        write(&mut w);
        Exprs::new(w.bytes_written()).next().unwrap()
    }

    /// A dynset within a dynset, and so on.
    fn nested(w: &mut AttrWriter, attr: u16, depth: usize) {
        w.nest(attr, |w| {
            w.string(NFTA_EXPR_NAME, b"dynset");
            w.nest(NFTA_EXPR_DATA, |w| {
                if depth > 0 {
                    nested(w, NFTA_DYNSET_EXPR, depth - 1);
                }
            });
        });
    }

    #[test]
    fn expressions_nest_only_so_deep() {
        assert!(read(|w| nested(w, NFTA_LIST_ELEM, 3)).is_ok());
        assert!(read(|w| nested(w, NFTA_LIST_ELEM, 2000)).is_err());
    }

    #[test]
    fn what_is_not_known_inside_is_kept_and_told() {
        let with = |attr| {
            read(|w| {
                w.nest(NFTA_LIST_ELEM, |w| {
                    w.string(NFTA_EXPR_NAME, b"dynset");
                    w.nest(NFTA_EXPR_DATA, |w| {
                        w.nest(NFTA_DYNSET_EXPR, |w| {
                            w.string(NFTA_EXPR_NAME, if attr == 0 { b"quantum" } else { b"counter" });
                            w.nest(NFTA_EXPR_DATA, |w| w.u64(attr, 7));
                        });
                    });
                });
            })
            .unwrap()
        };
        let known = with(1);
        let Expr::Dynset(dynset) = known.get() else { panic!("{known}") };
        assert_eq!(dynset.exprs, [Counter { bytes: 7, packets: 0 }.into()]);
        assert!(!known.has_unknown());
        assert!(with(99).has_unknown());

        let mut unknown = with(0);
        assert!(unknown.has_unknown());
        let Expr::Dynset(dynset) = unknown.edit() else { panic!("{unknown}") };
        assert_eq!(dynset.exprs[0].name(), b"quantum");
        let expr = unknown.forget_unknown();
        let again = read(|w| expr.write(w)).unwrap();
        assert_eq!(again.get(), &expr);
    }

    #[test]
    fn no_timeout_is_what_the_kernel_calls_zero() {
        let dynset = Dynset::new(DynsetOp::ADD, "s", Reg::R1);
        let zero = Dynset { timeout: Some(0), ..dynset.clone() };
        let read = read(|w| super::super::write(w, &zero)).unwrap();
        assert_eq!(read.get(), &dynset.clone().into());
        assert_eq!(dynset.to_string(), "dynset add reg_key 1 set s timeout 0ms");
    }
}
