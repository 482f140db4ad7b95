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
use crate::wire::{Attr, AttrReader, AttrWriter, Family, NLA_F_NESTED, NLA_HDRLEN, align};

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
        Self::decode(name, &mut data).unwrap_or_else(|| {
            attrs.note_unknown(NFTA_EXPR_NAME);
            Ok(Unknown::new(name, raw).into())
        })
    }

    /// Writes the expression as an attribute that is not an entry of a list.
    pub(crate) fn write_as(&self, w: &mut AttrWriter, attr: u16) {
        let start = w.len();
        self.write(w);
        w.renumber(start, attr);
    }
}

/// Writes an expression as an entry of a list.
#[inline]
pub(crate) fn write<E: Wire>(w: &mut AttrWriter, expr: &E) {
    if !expr.write_usual(w) {
        write_as::<E>(w, |w| expr.encode(w));
    }
}

/// Writes an expression of a kind as an entry of a list.
#[inline]
fn write_as<E: Wire>(w: &mut AttrWriter, content: impl FnOnce(&mut AttrWriter)) {
    let entry = w.len();
    w.prelude(const { Prelude::new(E::NAME, E::NAME_ONLY) }.as_bytes());
    if !E::NAME_ONLY {
        let data = w.len() - NLA_HDRLEN;
        content(w);
        w.close_at(data);
    }
    w.close_at(entry);
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

/// What comes before the data of an expression, the same for each of its kind: the entry's
/// header, the name, the data's header unless it has none.
struct Prelude {
    bytes: [u8; Prelude::SIZE],
    len: usize,
}

impl Prelude {
    const SIZE: usize = 3 * NLA_HDRLEN + 16;

    const fn new(name: &str, name_only: bool) -> Self {
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
        Self { bytes, len: if name_only { data } else { data + NLA_HDRLEN } }
    }

    #[inline]
    const fn as_bytes(&self) -> &[u8] {
        self.bytes.split_at(self.len).0
    }
}

/// An entry of `N` bytes whose data begin with numbers of 32 bits, all zero as yet.
const fn template<const N: usize>(name: &str, numbers: &[u16]) -> [u8; N] {
    let prelude = Prelude::new(name, false);
    let mut bytes = [0; N];
    let mut n = 0;
    while n < prelude.len {
        bytes[n] = prelude.bytes[n];
        n += 1;
    }
    put_header(&mut bytes, 0, NFTA_LIST_ELEM | NLA_F_NESTED, N);
    let data = prelude.len - NLA_HDRLEN;
    put_header(&mut bytes, data, NFTA_EXPR_DATA | NLA_F_NESTED, N - data);
    n = 0;
    while n < numbers.len() {
        put_header(&mut bytes, prelude.len + n * NUMBER, numbers[n], NUMBER);
        n += 1;
    }
    bytes
}

/// A [`template`] that has `len` bytes only.
#[inline]
fn shortened<const N: usize>(mut bytes: [u8; N], before_data: usize, len: usize) -> [u8; N] {
    let data = before_data - NLA_HDRLEN;
    put_header(&mut bytes, 0, NFTA_LIST_ELEM | NLA_F_NESTED, len);
    put_header(&mut bytes, data, NFTA_EXPR_DATA | NLA_F_NESTED, len - data);
    bytes
}

/// How many bytes come before the data of an expression.
const fn before_data(name: &str) -> usize {
    Prelude::new(name, false).len
}

const fn put_header(bytes: &mut [u8], at: usize, attr: u16, len: usize) {
    let (len, attr) = ((len as u16).to_ne_bytes(), attr.to_ne_bytes());
    [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] = [len[0], len[1], attr[0], attr[1]];
}

/// An expression as the kernel has it, with the bytes it came in.
///
/// It reads as an [`Expr`]. Written back untouched it is the same expression, what this library
/// does not know about it included.
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
        let expr = Expr::read(AttrReader::new(entry.bytes(), &notes))?;
        Ok(Self { expr, raw: entry.bytes().into(), has_unknown: notes.has_unknown(), edited: false })
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

    /// The expression to compare with others. What this library does not know of it makes it
    /// another one.
    pub(crate) fn comparable(&self) -> Expr {
        if self.has_unknown { Unknown::of(self).into() } else { self.expr.clone() }
    }

    /// What is lost if it is written.
    pub(crate) fn mistake(&self) -> Option<BuildErrorKind> {
        let loses = self.edited && self.has_unknown;
        loses.then(|| BuildErrorKind::UnknownAttributes(String::from_utf8_lossy(self.expr.name()).into()))
    }

    /// Writes what a request may have: the kernel refuses some of what it tells, and leaves out
    /// some of what it wants. What is not known is written as it came.
    pub(crate) fn write(&self, w: &mut AttrWriter) {
        if self.has_unknown && !self.edited {
            return w.nest(NFTA_LIST_ELEM, |w| w.raw(&self.raw));
        }
        w.check(self.mistake().map_or(Ok(()), Err));
        let taken_back = w.attempt(|w| self.expr.write(w), !self.edited);
        if taken_back {
            // What we hold for wrong this kernel has: it knows better.
            w.nest(NFTA_LIST_ELEM, |w| w.raw(&self.raw));
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
        let (mut whole, mut usual) = (AttrWriter::new(), AttrWriter::new());
        write_as::<E>(&mut whole, |w| expr.encode(w));
        if expr.write_usual(&mut usual) {
            assert_eq!(usual.bytes_written(), whole.bytes_written(), "{expr}");
        } else {
            assert!(usual.bytes_written().is_empty(), "{expr}");
        }
        w.bytes_written().to_vec()
    }

    /// Why an expression is not written.
    pub(crate) fn mistake<E: Wire>(expr: &E) -> Option<BuildErrorKind> {
        let mut w = AttrWriter::new();
        expr.encode(&mut w);
        let mistake = w.take_error();
        let mut w = AttrWriter::new();
        write(&mut w, expr);
        assert_eq!(w.take_error(), mistake, "{expr}");
        mistake
    }

    /// What [`mistake`] says of a number out of range.
    pub(crate) fn out_of_range(what: &'static str, value: u64, min: u64, max: u64) -> Option<BuildErrorKind> {
        Some(BuildErrorKind::OutOfRange { what, value, min, max })
    }

    /// Reads the first expression of the list that `write` writes.
    pub(crate) fn read_with(write: impl FnOnce(&mut AttrWriter)) -> Result<ExprInfo, DecodeError> {
        let mut w = AttrWriter::new();
        write(&mut w);
        Exprs::new(w.bytes_written()).next().unwrap()
    }

    /// An expression's golden values as entries of a list.
    fn entries<E: Wire>() -> impl Iterator<Item = Vec<u8>> {
        E::golden().into_iter().map(|(expr, _)| {
            let mut w = AttrWriter::new();
            write(&mut w, &expr);
            w.bytes_written().to_vec()
        })
    }

    fn read_one(bytes: &[u8]) -> Result<ExprInfo, DecodeError> {
        Exprs::new(bytes).next().unwrap()
    }

    fn write_one(expr: &ExprInfo) -> (Vec<u8>, Option<BuildErrorKind>) {
        let mut w = AttrWriter::new();
        expr.write(&mut w);
        let error = w.take_error();
        (w.bytes_written().to_vec(), error)
    }

    /// Attributes in one another: the offsets of their headers, from the outermost on.
    type Nesting = Vec<usize>;

    /// The nests and the values among attributes, at any depth.
    fn places(bytes: &[u8]) -> (Vec<Nesting>, Vec<Nesting>) {
        fn walk(bytes: &[u8], from: usize, to: usize, above: &[usize], found: &mut (Vec<Nesting>, Vec<Nesting>)) {
            let mut at = from;
            while at < to {
                let head = [0, 1, 2, 3].map(|n| bytes[at + n]);
                let len = usize::from(u16::from_ne_bytes([head[0], head[1]]));
                let here = [above, &[at]].concat();
                if u16::from_ne_bytes([head[2], head[3]]) & NLA_F_NESTED == 0 {
                    found.1.push(here);
                } else {
                    walk(bytes, at + NLA_HDRLEN, at + len, &here, found);
                    found.0.push(here);
                }
                at += align(len);
            }
        }
        let mut found = Default::default();
        walk(bytes, 0, bytes.len(), &[], &mut found);
        found
    }

    /// Attributes with one more, of number 99, at the end of one of the nests: each in its turn.
    pub(crate) fn with_unknown(bytes: &[u8]) -> impl Iterator<Item = (Vec<usize>, Vec<u8>)> + '_ {
        const UNKNOWN: [u8; 8] = [8, 0, 99, 0, 1, 2, 3, 4];
        places(bytes).0.into_iter().map(|nesting| {
            let mut more = bytes.to_vec();
            for &at in &nesting {
                let len = u16::from_ne_bytes([bytes[at], bytes[at + 1]]) + UNKNOWN.len() as u16;
                more[at..at + 2].copy_from_slice(&len.to_ne_bytes());
            }
            let last = *nesting.last().unwrap();
            let end = last + usize::from(u16::from_ne_bytes([bytes[last], bytes[last + 1]]));
            let mut unknown = UNKNOWN;
            unknown[..2].copy_from_slice(&8u16.to_ne_bytes());
            unknown[2..4].copy_from_slice(&99u16.to_ne_bytes());
            more.splice(end..end, unknown);
            (nesting, more)
        })
    }

    /// An attribute 99 at the end of each nest, at any depth: the expression is what it was, it is
    /// told that there is more, and that is written back, or it is told that it cannot be.
    pub(crate) fn check_unknown<E: Wire>() {
        for bytes in entries::<E>() {
            let known = read_one(&bytes).unwrap();
            for (nesting, more) in with_unknown(&bytes) {
                let mut read = read_one(&more).unwrap_or_else(|error| panic!("{known} {nesting:?}: {error}"));
                assert!(read.has_unknown() && !known.has_unknown(), "{known}: 99 in {nesting:?} is not told");
                assert_eq!(read.get(), known.get(), "{known}: 99 in {nesting:?} hides what is known");
                assert_eq!(write_one(&read), (more, None), "{known}: 99 in {nesting:?} is lost");
                read.edit();
                let name = BuildErrorKind::UnknownAttributes(E::NAME.into());
                assert_eq!(write_one(&read).1, Some(name), "{known}: it is not told that 99 is lost");
            }
        }
    }

    /// All bits of each number, at any depth: they are read, shown and written back.
    pub(crate) fn check_values<E: Wire>() {
        // Flags that say again what else is there, or that no request may have; whether there is a time, and
        // a time where there is none.
        const SAID_OTHERWISE: [(&str, u16); 4] = [("dynset", 9), ("last", 1), ("last", 2), ("quota", 2)];
        for bytes in entries::<E>() {
            for nesting in places(&bytes).1 {
                let at = *nesting.last().unwrap();
                let len = usize::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]])) - NLA_HDRLEN;
                let number = u16::from_ne_bytes([bytes[at + 2], bytes[at + 3]]);
                let value = &bytes[at + NLA_HDRLEN..at + NLA_HDRLEN + len];
                let is_text = len > 1 && value[0].is_ascii_graphic() && value[len - 1] == 0;
                if is_text || ![1, 2, 4, 8].contains(&len) {
                    continue;
                }
                let mut all = bytes.clone();
                all[at + NLA_HDRLEN..at + NLA_HDRLEN + len].fill(0xff);
                let read = read_one(&all).unwrap_or_else(|error| panic!("{} {nesting:?}: {error}", E::NAME));
                let _ = format!("{read} {read:#}");
                let (again, error) = write_one(&read);
                assert_eq!(error, None, "{read}");
                if !SAID_OTHERWISE.contains(&(E::NAME, number)) {
                    assert_eq!(again, all, "{read}: attribute {number} is lost");
                }
            }
        }
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
            // Neither is what another byte anywhere makes of it, when it is read, shown or written.
            for (at, byte) in (0..bytes.len()).flat_map(|at| [0, 1, 0x7f, 0x80, 0xff].map(|byte| (at, byte))) {
                let mut bytes = bytes.clone();
                bytes[at] = byte;
                if let Ok(expr) = E::decode(&mut AttrReader::new(&bytes, &notes)) {
                    let _ = format!("{expr} {expr:#}");
                    expr.encode(&mut AttrWriter::new());
                }
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
