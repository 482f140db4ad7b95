//! The kernel's expressions: what a rule is made of.
//!
//! Each type here is one nf_tables expression with the kernel's own fields. The typed rule
//! language ([`field`](crate::field)) writes them; [`RuleBuilder::expr`](crate::RuleBuilder::expr)
//! takes them as they are, and [`RuleInfo::exprs`](crate::RuleInfo::exprs) returns them.
//!
//! `Display` is libnftnl's notation, the one of `nft --debug=netlink`; `{:#}` writes data in the
//! byte order of libnftnl 1.3.
//!
//! To add one: a file that defines the type and its `Wire` implementation, with golden bytes,
//! and an entry in the registry below.

mod bitwise;
mod byteorder;
mod cmp;
mod counter;
mod data;
mod immediate;
mod lookup;
mod masq;
mod meta;
mod nat;
mod objref;
mod payload;
mod range;
mod redir;
mod reg;
mod unknown;

use std::fmt;

pub use bitwise::{Bitwise, BitwiseOp};
pub use byteorder::{Byteorder, ByteorderOp};
pub use cmp::{Cmp, CmpOp};
pub use counter::Counter;
pub(crate) use data::DATA_SCHEMA;
pub use data::{Data, Verdict, VerdictCode};
pub use immediate::{Immediate, Value};
pub use lookup::{Lookup, LookupFlags};
pub use masq::Masq;
pub use meta::{Meta, MetaKey};
pub use nat::{Nat, NatFlags, NatKind};
pub use objref::{ObjectKind, Objref};
pub use payload::{Base, Payload};
pub use range::{Range, RangeOp};
pub use redir::Redir;
pub use reg::Reg;
pub use unknown::Unknown;

use crate::error::{BuildErrorKind, DecodeError};
use crate::wire::path::{AttrName, Schema};
use crate::wire::reader::Notes;
use crate::wire::{Attr, AttrReader, AttrWriter, NLA_F_NESTED, NLA_HDRLEN, align};

const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;

/// The most expressions that a rule may have (`NFT_RULE_MAXEXPRS`).
pub(crate) const EXPRS_MAX: usize = 128;

/// How an expression goes over the wire.
pub(crate) trait Wire: Sized + fmt::Display {
    /// The kernel's name for it.
    const NAME: &'static str;
    /// What its attributes are called in an error's path.
    const SCHEMA: Schema;

    /// Writes its attributes, in nft's order.
    fn encode(&self, w: &mut AttrWriter);

    /// Reads its attributes in any order.
    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError>;

    /// Values with their bytes as nft sends them: the registry tests that each is encoded to
    /// them and decoded from them.
    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])>;
}

macro_rules! expressions {
    ($($(#[$doc:meta])* $variant:ident),* $(,)?) => {
        /// An expression of any kind.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Expr {
            $($(#[$doc])* $variant($variant),)*
            /// An expression that this library has no type for.
            Unknown(Unknown),
        }

        $(impl From<$variant> for Expr {
            fn from(expr: $variant) -> Self {
                Self::$variant(expr)
            }
        }

        impl AsExpr for $variant {
            #[inline]
            fn write_to(&self, w: &mut AttrWriter) {
                write(w, self);
            }
        })*

        impl Expr {
            /// Returns the kernel's name for the expression.
            pub fn name(&self) -> &[u8] {
                match self {
                    $(Self::$variant(_) => $variant::NAME.as_bytes(),)*
                    Self::Unknown(unknown) => unknown.name().as_bytes(),
                }
            }

            pub(crate) fn write(&self, w: &mut AttrWriter) {
                match self {
                    $(Self::$variant(expr) => write(w, expr),)*
                    Self::Unknown(unknown) => w.nest(NFTA_LIST_ELEM, |w| w.raw(unknown.attributes())),
                }
            }

            fn decode(name: &[u8], attrs: &mut AttrReader<'_>) -> Option<Result<Self, DecodeError>> {
                $(if name == $variant::NAME.as_bytes() {
                    return Some($variant::decode(attrs).map(Self::$variant));
                })*
                None
            }
        }

        impl fmt::Display for Expr {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(expr) => expr.fmt(f),)*
                    Self::Unknown(unknown) => unknown.fmt(f),
                }
            }
        }

        /// Finds the schema of an expression, for the paths of errors.
        pub(crate) fn schema_of(name: &[u8]) -> Option<(&'static str, &'static Schema)> {
            $(if name == $variant::NAME.as_bytes() {
                return Some(($variant::NAME, const { &$variant::SCHEMA }));
            })*
            None
        }

        #[cfg(test)]
        mod registry {
            use super::*;

            #[test]
            fn every_expression_is_encoded_to_its_golden_bytes_and_decoded_from_them() {
                $(super::golden::check::<$variant>();)*
            }
        }
    };
}

expressions! {
    /// Masks and xors a register.
    Bitwise,
    /// Converts a register between host and network order.
    Byteorder,
    /// Compares a register with a value.
    Cmp,
    /// Counts packets and bytes.
    Counter,
    /// Puts a value into a register, or gives a verdict.
    Immediate,
    /// Looks a register up in a set or map.
    Lookup,
    /// Translates the source to the outgoing device's address.
    Masq,
    /// Loads what the kernel knows about the packet.
    Meta,
    /// Translates addresses and ports.
    Nat,
    /// Hands the packet to a named object.
    Objref,
    /// Loads bytes of the packet.
    Payload,
    /// Compares a register with a range.
    Range,
    /// Translates the destination to this machine.
    Redir,
}

/// What stands for one expression in a rule of the kernel's level: an [`Expr`], one of the types
/// here, an [`ExprInfo`], or a [`Verdict`].
pub trait AsExpr {
    #[doc(hidden)]
    fn write_to(&self, w: &mut AttrWriter);
}

impl AsExpr for Expr {
    fn write_to(&self, w: &mut AttrWriter) {
        self.write(w);
    }
}

impl AsExpr for ExprInfo {
    fn write_to(&self, w: &mut AttrWriter) {
        self.write(w);
    }
}

impl AsExpr for Verdict {
    #[inline]
    fn write_to(&self, w: &mut AttrWriter) {
        immediate::write_verdict(w, self);
    }
}

impl<E: AsExpr + ?Sized> AsExpr for &E {
    #[inline]
    fn write_to(&self, w: &mut AttrWriter) {
        (**self).write_to(w);
    }
}

impl From<Verdict> for Expr {
    fn from(verdict: Verdict) -> Self {
        Immediate::verdict(verdict).into()
    }
}

/// Writes an expression as an entry of a list.
#[inline]
pub(crate) fn write<E: Wire>(w: &mut AttrWriter, expr: &E) {
    write_as::<E>(w, |w| expr.encode(w));
}

/// Writes an expression of a kind as an entry of a list.
#[inline]
fn write_as<E: Wire>(w: &mut AttrWriter, content: impl FnOnce(&mut AttrWriter)) {
    let entry = w.len();
    w.prelude(const { Prelude::new(E::NAME) }.as_bytes());
    let data = w.len() - NLA_HDRLEN;
    content(w);
    w.close_at(data);
    w.close_at(entry);
}

/// What comes before the data of an expression, the same for each of its kind: the entry's
/// header, the name, the data's header.
struct Prelude {
    bytes: [u8; Prelude::SIZE],
    len: usize,
}

impl Prelude {
    const SIZE: usize = 3 * NLA_HDRLEN + 16;

    const fn new(name: &str) -> Self {
        let name = name.as_bytes();
        let mut bytes = [0; Self::SIZE];
        put_header(&mut bytes, 0, NFTA_LIST_ELEM | NLA_F_NESTED, 0);
        put_header(&mut bytes, NLA_HDRLEN, NFTA_EXPR_NAME, NLA_HDRLEN + name.len() + 1);
        let mut n = 0;
        while n < name.len() {
            bytes[2 * NLA_HDRLEN + n] = name[n];
            n += 1;
        }
        let data = 2 * NLA_HDRLEN + align(name.len() + 1);
        put_header(&mut bytes, data, NFTA_EXPR_DATA | NLA_F_NESTED, 0);
        Self { bytes, len: data + NLA_HDRLEN }
    }

    #[inline]
    const fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.len).0
    }
}

const fn put_header(bytes: &mut [u8], at: usize, attr: u16, len: usize) {
    let (len, attr) = ((len as u16).to_ne_bytes(), attr.to_ne_bytes());
    [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] = [len[0], len[1], attr[0], attr[1]];
}

/// An expression as the kernel has it, with the bytes it came in.
///
/// It reads as an [`Expr`]. Written back untouched it is the same bytes, so that what this
/// library does not know about it is not lost.
#[derive(Debug, Clone)]
pub struct ExprInfo {
    expr: Expr,
    raw: Box<[u8]>,
    has_unknown: bool,
    edited: bool,
}

impl ExprInfo {
    /// Reads the attributes of one entry of an expression list.
    pub(crate) fn read(entry: Attr<'_>) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let mut name = None;
        let mut data = None;
        for attr in AttrReader::new(entry.bytes(), &notes) {
            match attr? {
                (NFTA_EXPR_NAME, v) => name = Some(v.str_bytes()),
                (NFTA_EXPR_DATA, v) => data = Some(v),
                (other, _) => entry.nested()?.note_unknown(other),
            }
        }
        let name = name.ok_or(DecodeError::new("expression", "it has no name"))?;
        let mut attrs = match data {
            Some(data) => data.nested()?,
            None => AttrReader::new(&[], &notes),
        };
        let raw = entry.bytes().into();
        match Expr::decode(name, &mut attrs) {
            Some(expr) => Ok(Self { expr: expr?, raw, has_unknown: notes.has_unknown(), edited: false }),
            None => {
                let unknown = Unknown::new(name, entry.bytes());
                Ok(Self { expr: unknown.into(), raw, has_unknown: true, edited: false })
            }
        }
    }

    /// Returns the expression.
    pub fn get(&self) -> &Expr {
        &self.expr
    }

    /// Whether it has attributes that this library does not know.
    pub fn has_unknown(&self) -> bool {
        self.has_unknown
    }

    /// Returns the expression to be changed.
    ///
    /// If it [has unknown attributes](Self::has_unknown), a batch refuses to write it afterwards:
    /// they would be lost. [`forget_unknown`](Self::forget_unknown) accepts that.
    pub fn edit(&mut self) -> &mut Expr {
        self.edited = true;
        &mut self.expr
    }

    /// Returns the expression without the attributes that this library does not know.
    pub fn forget_unknown(self) -> Expr {
        self.expr
    }

    /// Returns the bytes of the expression's attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub(crate) fn write(&self, w: &mut AttrWriter) {
        if !self.edited {
            return w.nest(NFTA_LIST_ELEM, |w| w.raw(&self.raw));
        }
        if self.has_unknown {
            let name = String::from_utf8_lossy(self.expr.name()).into();
            w.fail(BuildErrorKind::UnknownAttributes(name));
        }
        self.expr.write(w);
    }
}

impl std::ops::Deref for ExprInfo {
    type Target = Expr;

    fn deref(&self) -> &Expr {
        &self.expr
    }
}

impl fmt::Display for ExprInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

/// The schema of one expression in a list, for paths.
pub(crate) const fn expressions_attr(number: u16) -> AttrName {
    AttrName::expressions(number, "expressions", schema_of)
}

/// Iterates over the expressions of a list's bytes.
pub(crate) struct Exprs<'a> {
    bytes: &'a [u8],
    failed: bool,
}

impl<'a> Exprs<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, failed: false }
    }
}

impl Iterator for Exprs<'_> {
    type Item = Result<ExprInfo, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let notes = Notes::default();
        let mut entries = AttrReader::new(self.bytes, &notes);
        let entry = entries.next()?;
        self.bytes = &self.bytes[self.bytes.len() - entries.left()..];
        match entry {
            Ok((_, entry)) => Some(ExprInfo::read(entry)),
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod golden {
    use super::*;

    /// The attributes of an expression, without name and headers.
    pub(crate) fn encode<E: Wire>(expr: &E) -> Vec<u8> {
        let mut w = AttrWriter::new();
        expr.encode(&mut w);
        assert_eq!(w.take_error(), None);
        w.bytes_written().to_vec()
    }

    pub(crate) fn check<E: Wire + PartialEq + fmt::Debug>() {
        let golden = E::golden();
        assert!(!golden.is_empty(), "{} has no golden bytes", E::NAME);
        for (expr, bytes) in golden {
            #[cfg(target_endian = "little")]
            assert_eq!(encode(&expr), bytes, "{} is encoded to other bytes: {expr}", E::NAME);
            let bytes = if cfg!(target_endian = "little") { bytes.to_vec() } else { encode(&expr) };
            let notes = Notes::default();
            let decoded = E::decode(&mut AttrReader::new(&bytes, &notes)).unwrap();
            assert_eq!(decoded, expr, "{} is decoded to another value", E::NAME);
            assert!(!notes.has_unknown());
            // Any part of it is an error or a value, never a panic.
            for cut in 0..bytes.len() {
                let _ = E::decode(&mut AttrReader::new(&bytes[..cut], &notes));
            }
            // Every attribute that it writes has a name for error paths.
            for attr in AttrReader::new(&bytes, &notes) {
                let (number, _) = attr.unwrap();
                assert!(E::SCHEMA.names(number), "{}: attribute {number} has no name", E::NAME);
            }
        }
    }
}

#[cfg(test)]
mod tests;
