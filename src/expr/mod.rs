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
mod connlimit;
mod counter;
mod ct;
mod data;
mod dup;
mod dynset;
mod entry;
mod exthdr;
mod fib;
mod flow_offload;
mod fwd;
mod hash;
mod immediate;
mod inner;
mod last;
mod limit;
mod log;
mod lookup;
mod masq;
mod meta;
mod nat;
mod notrack;
mod numgen;
mod objref;
mod osf;
mod payload;
mod queue;
mod quota;
mod range;
mod redir;
mod reg;
mod reject;
mod rt;
mod socket;
mod synproxy;
mod tproxy;
mod tunnel;
mod unknown;
mod xfrm;
mod xt_match;
mod xt_target;
mod xtables;

use std::fmt;

pub use bitwise::{Bitwise, BitwiseOp};
pub use byteorder::{Byteorder, ByteorderOp};
pub use cmp::{Cmp, CmpOp};
pub use connlimit::{Connlimit, ConnlimitFlags};
pub use counter::Counter;
pub use ct::{Ct, CtDirection, CtKey};
pub(crate) use data::DATA_SCHEMA;
pub use data::{Data, Value, Verdict, VerdictCode};
pub use dup::Dup;
pub use dynset::{Dynset, DynsetFlags, DynsetOp};
pub use exthdr::{Exthdr, ExthdrFlags, ExthdrOp, TcpOption};
pub use fib::{Fib, FibFlags, FibResult};
pub use flow_offload::FlowOffload;
pub use fwd::Fwd;
pub use hash::{Hash, HashKind};
pub use immediate::Immediate;
pub use inner::{Inner, InnerFlags, InnerKind};
pub use last::Last;
pub use limit::{Limit, LimitFlags, LimitKind};
pub use log::{Log, LogFlags, LogLevel};
pub use lookup::{Lookup, LookupFlags};
pub use masq::Masq;
pub use meta::{Meta, MetaKey};
pub use nat::{Nat, NatFlags, NatKind};
pub use notrack::Notrack;
pub use numgen::{Numgen, NumgenKind};
pub use objref::{ObjectKind, Objref};
pub use osf::{Osf, OsfFlags, OsfTtl};
pub use payload::{Base, Payload};
pub use queue::{Queue, QueueFlags};
pub use quota::{Quota, QuotaFlags};
pub use range::{Range, RangeOp};
pub use redir::Redir;
pub use reg::Reg;
pub use reject::{Reject, RejectKind};
pub use rt::{Rt, RtKey};
pub use socket::{Socket, SocketKey};
pub use synproxy::{Synproxy, SynproxyFlags};
pub use tproxy::Tproxy;
pub use tunnel::{Tunnel, TunnelKey, TunnelMode};
pub use unknown::Unknown;
pub use xfrm::{Xfrm, XfrmDirection, XfrmKey};
pub use xt_match::XtMatch;
pub use xt_target::XtTarget;

use crate::error::{BuildErrorKind, DecodeError};
use crate::wire::path::{AttrName, Schema};
use crate::wire::reader::Notes;
use crate::wire::{Attr, AttrReader, AttrWriter, Family, NLA_HDRLEN, Name};
pub(crate) use entry::write;
use entry::{Raw, before_data, header, numbers, put_header, shortened, template, write_as};

const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;

/// Bytes of an attribute that is a number of 32 bits.
const NUMBER: usize = NLA_HDRLEN + 4;

/// The most expressions that a rule may have (`NFT_RULE_MAXEXPRS`).
pub(crate) const EXPRS_MAX: usize = 128;

/// The longest time that the kernel takes in milliseconds: in nanoseconds it is below 64 bits.
pub(crate) const MSECS_MAX: u64 = u64::MAX / 1_000_000 - 1;

/// How an expression goes over the wire.
pub(crate) trait Wire: Sized + fmt::Display {
    /// The kernel's name for it.
    const NAME: &'static str;
    /// Its name as numbers, by which it is found.
    const KEY: NameKey = {
        assert!(!Self::NAME.is_empty() && Self::NAME.len() <= 2 * size_of::<u64>());
        key(Self::NAME.as_bytes())
    };
    /// What its attributes are called in an error's path.
    const SCHEMA: Schema;
    /// Whether it is its name alone: nft sends no data then.
    const NAME_ONLY: bool = false;

    /// Writes its attributes, in nft's order.
    fn encode(&self, w: &mut AttrWriter);

    /// Writes all of its entry in a list in one piece, if it is of the form that most have. Returns whether it is.
    #[inline]
    fn write_usual(&self, _w: &mut AttrWriter) -> bool {
        false
    }

    /// Reads its attributes if they are those that most have: each once, in the kernel's order, and not one more. Of
    /// these [`decode`](Self::decode) reads the same.
    #[inline]
    fn read_usual(_data: &[u8]) -> Option<Self> {
        None
    }

    /// Reads its attributes in any order.
    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError>;

    /// Forgets what differs between what was sent and what the kernel tells of it: numbers of
    /// registers, what was counted, what the kernel adds by itself.
    fn normalize(&mut self) {}

    /// Values with their bytes as nft sends them: the registry tests that each is encoded to
    /// them and decoded from them.
    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])>;
}

/// The length of a name with the first bytes and the last ones, which may be the same: of up to 16 bytes all that there
/// is to know. To compare numbers takes less time than to compare with some forty names in turn.
type NameKey = (usize, u64, u64);

#[inline]
const fn key(name: &[u8]) -> NameKey {
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        return (name.len(), u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        return (name.len(), u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64);
    }
    match name {
        [a, b, c] => (3, u32::from_le_bytes([*a, *b, *c, 0]) as u64, 0),
        [a, b] => (2, u32::from_le_bytes([*a, *b, 0, 0]) as u64, 0),
        [a] => (1, *a as u64, 0),
        _ => (0, 0, 0),
    }
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

            /// Forgets what differs between what was sent and what the kernel tells of it:
            /// registers by other numbers, what was counted, what the kernel adds by itself.
            ///
            /// ```
            /// use nftlink::expr::{Counter, Expr, Meta, MetaKey, Reg};
            ///
            /// let mut sent = Expr::from(Meta::load(MetaKey::MARK, Reg::from_raw(8)));
            /// sent.normalize();
            /// assert_eq!(sent, Meta::load(MetaKey::MARK, Reg::R1).into());
            /// ```
            pub fn normalize(&mut self) {
                match self {
                    $(Self::$variant(expr) => Wire::normalize(expr),)*
                    Self::Unknown(_) => {}
                }
            }

            pub(crate) fn write(&self, w: &mut AttrWriter) {
                match self {
                    $(Self::$variant(expr) => write(w, expr),)*
                    Self::Unknown(unknown) => w.nest(NFTA_LIST_ELEM, |w| w.raw(unknown.attributes())),
                }
            }

            /// Reads the expression of a name from its data, if these are those that most have, and makes of it what
            /// it is a part of: each kind by itself, so that none is moved.
            #[inline]
            fn read_usual<R>(name: &[u8], data: &[u8], of: impl Fn(Self) -> R, unusual: impl Fn() -> R) -> R {
                match key(name) {
                    $(<$variant as Wire>::KEY => match $variant::read_usual(data) {
                        Some(expr) => of(Self::$variant(expr)),
                        None => unusual(),
                    },)*
                    _ => unusual(),
                }
            }

            /// Reads the expression of a name from its data; `unknown` makes one that has no type here.
            #[inline]
            fn decode(
                name: &[u8],
                attrs: &mut AttrReader<'_>,
                unknown: impl FnOnce() -> Unknown,
            ) -> Result<Self, DecodeError> {
                match key(name) {
                    $(<$variant as Wire>::KEY => Ok(Self::$variant($variant::decode(attrs)?)),)*
                    _ => Ok(Self::Unknown(unknown())),
                }
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

        /// Each type with its name and its attributes.
        #[cfg(test)]
        pub(crate) const REGISTRY: &[(&str, &str, &Schema)] =
            &[$(($variant::NAME, stringify!($variant), &$variant::SCHEMA),)*];

        #[cfg(test)]
        mod registry {
            use super::*;

            #[test]
            fn what_is_not_known_of_an_expression_is_told_and_kept() {
                $(super::golden::check_unknown::<$variant>();)*
            }

            #[test]
            fn any_value_of_any_attribute_is_read_and_kept() {
                $(super::golden::check_values::<$variant>();)*
            }

            #[test]
            fn both_readers_read_the_same_of_any_bytes() {
                $(super::golden::check_readers::<$variant>();)*
            }

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
    /// Bounds the number of connections.
    Connlimit,
    /// Counts packets and bytes.
    Counter,
    /// Loads what connection tracking knows, or changes it.
    Ct,
    /// Sends a copy of the packet elsewhere.
    Dup,
    /// Adds an element to a set, or deletes it.
    Dynset,
    /// Loads bytes of an extension header or option, or changes a TCP option.
    Exthdr,
    /// Asks the routing tables about an address.
    Fib,
    /// Hands the connection to a flowtable.
    FlowOffload,
    /// Sends the packet out of another device.
    Fwd,
    /// Hashes registers, or the packet's flow.
    Hash,
    /// Puts a value into a register, or gives a verdict.
    Immediate,
    /// Evaluates an expression on what a tunnel carries.
    Inner,
    /// Remembers when the last packet came.
    Last,
    /// Bounds a rate.
    Limit,
    /// Logs the packet.
    Log,
    /// Looks a register up in a set or map.
    Lookup,
    /// Translates the source to the outgoing device's address.
    Masq,
    /// Loads what the kernel knows about the packet.
    Meta,
    /// Translates addresses and ports.
    Nat,
    /// Keeps the packet out of connection tracking.
    Notrack,
    /// Makes numbers, one after the other or at random.
    Numgen,
    /// Hands the packet to a named object.
    Objref,
    /// Loads the name of the sending system.
    Osf,
    /// Loads bytes of the packet.
    Payload,
    /// Hands the packet to a program.
    Queue,
    /// Bounds a number of bytes.
    Quota,
    /// Compares a register with a range.
    Range,
    /// Translates the destination to this machine.
    Redir,
    /// Drops the packet and tells its sender.
    Reject,
    /// Loads what the packet's route has.
    Rt,
    /// Loads what the packet's socket has.
    Socket,
    /// Answers TCP's handshake in the server's stead.
    Synproxy,
    /// Gives the packet to a transparent socket.
    Tproxy,
    /// Loads what the packet's tunnel has.
    Tunnel,
    /// Loads what IPsec does to the packet.
    Xfrm,
    /// Asks a match of xtables.
    XtMatch,
    /// Does what a target of xtables does.
    XtTarget,
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

impl Expr {
    /// Reads an expression from its name and data.
    ///
    /// One expression may hold others: the reader bounds how deep.
    pub(crate) fn read(attrs: AttrReader<'_>) -> Result<Self, DecodeError> {
        let raw = attrs.rest();
        let (mut name, mut data) = (None, None);
        for attr in attrs.clone() {
            match attr? {
                (NFTA_EXPR_NAME, v) => name = Some(v.str_bytes()),
                (NFTA_EXPR_DATA, v) => data = Some(v.nested()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        let name = name.ok_or(DecodeError::new("expression", "it has no name"))?;
        let mut data = data.unwrap_or_else(|| attrs.emptied());
        Self::decode(name, &mut data, || {
            attrs.note_unknown(NFTA_EXPR_NAME);
            Unknown::new(name, raw)
        })
    }

    /// Writes the expression as an attribute that is not an entry of a list.
    pub(crate) fn write_as(&self, w: &mut AttrWriter, attr: u16) {
        let start = w.len();
        self.write(w);
        w.renumber(start, attr);
    }
}

/// Reads the number of a family. One that is none is noted as unknown, since the value has no place
/// for it.
fn read_family(attrs: &AttrReader<'_>, number: u16, attr: Attr<'_>) -> Result<Family, DecodeError> {
    let family = u8::try_from(attr.u32()?).unwrap_or_else(|_| {
        attrs.note_unknown(number);
        0
    });
    Ok(Family::from_raw(family))
}

/// An expression as the kernel has it, with the bytes it came in.
///
/// It reads as an [`Expr`]. Written back untouched it is the same expression, what this library
/// does not know about it included.
#[derive(Debug, Clone)]
pub struct ExprInfo {
    expr: Expr,
    raw: Raw,
    has_unknown: bool,
    edited: bool,
}

impl ExprInfo {
    /// Reads the attributes of one entry of an expression list.
    pub(crate) fn read(entry: Attr<'_>) -> Result<Self, DecodeError> {
        let bytes = entry.bytes();
        Self::read_first(bytes, bytes.len())
    }

    /// [`read`](Self::read) of the first `len` bytes. Those behind them are not looked at, but may be copied along,
    /// which takes less time than to tell them apart.
    ///
    /// Most entries are a name and then data, in which the attributes are in the kernel's order: it is looked whether
    /// they are. All else is read by [`read_any`](Self::read_any), which would read the same of these.
    fn read_first(bytes: &[u8], len: usize) -> Result<Self, DecodeError> {
        let raw = bytes.get(..len).unwrap_or_default();
        let mut padded = [0; Raw::INLINE];
        let inline = match bytes.first_chunk() {
            Some(inline) => inline,
            None => {
                padded.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                &padded
            }
        };
        let notes = Notes::default();
        let mut attrs = AttrReader::new(raw, &notes);
        match (attrs.next(), attrs.next()) {
            (Some(Ok((NFTA_EXPR_NAME, name))), Some(Ok((NFTA_EXPR_DATA, data))))
                if attrs.left() == 0 && len <= Raw::INLINE =>
            {
                let name = name.bytes();
                let name = name.strip_suffix(&[0]).unwrap_or(name);
                let with_raw = |expr| {
                    let raw = Raw::Inline { len: len as u8, bytes: *inline };
                    Ok(Self { expr, raw, has_unknown: false, edited: false })
                };
                Expr::read_usual(name, data.bytes(), with_raw, || Self::read_any(raw))
            }
            _ => Self::read_any(raw),
        }
    }

    /// Reads an entry whose attributes come in any order, with some that are not known.
    #[inline(never)]
    fn read_any(bytes: &[u8]) -> Result<Self, DecodeError> {
        #[cfg(test)]
        golden::note_any();
        let notes = Notes::default();
        let expr = Expr::read(AttrReader::new(bytes, &notes))?;
        Ok(Self { expr, raw: Raw::new(bytes), has_unknown: notes.has_unknown(), edited: false })
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
        self.raw.as_bytes()
    }

    /// The expression to compare with others. What this library does not know of it makes it
    /// another one.
    pub(crate) fn comparable(&self) -> Expr {
        if self.has_unknown { Unknown::of(self).into() } else { self.expr.clone() }
    }

    /// What is lost if it is written.
    pub(crate) fn mistake(&self) -> Option<BuildErrorKind> {
        let loses = self.edited && self.has_unknown;
        loses.then(|| BuildErrorKind::UnknownAttributes(Name::from(self.expr.name()).to_string().into()))
    }

    /// Writes what a request may have: the kernel refuses some of what it tells, and leaves out
    /// some of what it wants. What is not known is written as it came.
    pub(crate) fn write(&self, w: &mut AttrWriter) {
        if self.has_unknown && !self.edited {
            return w.nest(NFTA_LIST_ELEM, |w| w.raw(self.raw()));
        }
        w.check(self.mistake().map_or(Ok(()), Err));
        let taken_back = w.attempt(|w| self.expr.write(w), !self.edited);
        if taken_back {
            // What we hold for wrong this kernel has: it knows better.
            w.nest(NFTA_LIST_ELEM, |w| w.raw(self.raw()));
        }
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
}

impl<'a> Exprs<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }
}

impl Iterator for Exprs<'_> {
    type Item = Result<ExprInfo, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let notes = Notes::default();
        let mut entries = AttrReader::new(self.bytes, &notes);
        let from = self.bytes.get(NLA_HDRLEN..).unwrap_or_default();
        let entry = entries.next()?;
        self.bytes = self.bytes.get(self.bytes.len() - entries.left()..).unwrap_or_default();
        match entry {
            Ok((_, entry)) => Some(ExprInfo::read_first(from, entry.bytes().len())),
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
pub(crate) mod golden;

#[cfg(test)]
mod tests;
