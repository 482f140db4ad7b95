//! An expression that this library has no type for.

use std::fmt;

use super::{Expr, ExprInfo};
use crate::wire::{AttrWriter, Name, align};

/// An expression that this library has no type for, as the kernel sent it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unknown {
    name: Name,
    attributes: Box<[u8]>,
}

impl Unknown {
    /// The expression as a value that loses nothing and can be written: of one with attributes that are not known,
    /// or with values that we hold for wrong, though the kernel has them, its bytes.
    pub(crate) fn or_known(info: &ExprInfo) -> Expr {
        let mut w = AttrWriter::new();
        info.get().write(&mut w);
        if w.take_error().is_some() { Self::of(info).into() } else { info.comparable() }
    }

    /// Of attributes, which may end within the padding of the last one: they are padded as they are when they are written.
    pub(super) fn new(name: &[u8], attributes: &[u8]) -> Self {
        let mut padded = Vec::with_capacity(align(attributes.len()));
        padded.extend_from_slice(attributes);
        padded.resize(align(attributes.len()), 0);
        Self { name: name.into(), attributes: padded.into() }
    }

    /// An expression with attributes that are not known, as it came.
    pub(crate) fn of(info: &ExprInfo) -> Self {
        Self::new(info.get().name(), info.raw())
    }

    /// Returns the kernel's name for it.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns its attributes, `NFTA_EXPR_NAME` and `NFTA_EXPR_DATA`, as bytes.
    pub fn attributes(&self) -> &[u8] {
        &self.attributes
    }
}

impl From<Unknown> for Expr {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (unknown)", self.name)
    }
}
