//! Every error type.

mod errno;
mod feature;

use std::fmt;

pub use errno::Errno;
use feature::Needs;
pub use feature::{Feature, Features};

/// What went wrong, and what that means for the ruleset.
///
/// Unless an error says otherwise the ruleset is as it was before the call.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation of the batch cannot be expressed; nothing was sent.
    #[error("{0}")]
    Build(Box<BuildError>),
    /// The kernel refused operations; the batch changed nothing.
    #[error("{0}")]
    Rejected(Box<Rejections>),
    /// The kernel refused the batch as a whole; it changed nothing.
    #[error("{0}")]
    Commit(CommitError),
    /// The ruleset is no longer of the generation that the commit was made for; nothing changed.
    #[error("the ruleset has changed since generation {expected}: read it again, then commit")]
    Stale {
        /// The generation that the caller named.
        expected: u32,
    },
    /// The batch does not fit the socket's send buffer, and that may not be raised; nothing was sent.
    #[error(
        "the batch needs a send buffer of {needed} bytes, the limit is {limit}: split it, or raise net.core.wmem_max"
    )]
    TooLarge {
        /// Bytes of send buffer that the batch takes.
        needed: usize,
        /// Bytes that one send may have.
        limit: usize,
    },
    /// The kernel's answer was lost, or there was none (`ECANCELED`): the batch is applied as a whole, or not at all.
    #[error("the kernel's answer was lost ({reason}): read the ruleset to see whether the batch was applied")]
    FateUnknown {
        /// How the answer was lost.
        reason: Errno,
    },
    /// The ruleset changed under each attempt to read it.
    #[error("the ruleset changed during each of {attempts} attempts to read it")]
    Inconsistent {
        /// How often it was tried.
        attempts: u32,
    },
    /// A snapshot was to change something: it only reads, as often as it takes.
    #[error("a snapshot only reads, as often as it takes: commit and reset when it is over")]
    InSnapshot,
    /// An event of a [`Writer`](crate::Writer) panicked while it filled its batch; nothing of it was sent.
    #[error("the event panicked: {message}")]
    EventPanicked {
        /// What the panic said.
        message: Box<str>,
    },
    /// An event was handed to a [`Writer`](crate::Writer) that has ended; nothing of it was sent.
    #[error("the writer has ended, and takes no more events")]
    WriterEnded,
    /// The set that a [`Loader`](crate::Loader) was filling was taken away: another loader of the same set began, or
    /// somebody emptied the table. Of what was loaded nothing is left.
    #[error("set {set} was removed while it was being filled: another loader of it began, or the table was emptied")]
    Superseded {
        /// The set that was being filled.
        set: Box<str>,
    },
    /// The running kernel lacks a feature, for which it refused a batch or a query; nothing was changed.
    #[error("{}", Lacking(*.feature, .rejections.as_deref()))]
    #[non_exhaustive]
    Unsupported {
        /// What was asked for. Of several the one that the newest kernel brings.
        feature: Feature,
        /// The first kernel that has it.
        since: &'static str,
        /// The operations that were refused, of a batch: [`rejections`](Error::rejections) iterates over them. None of
        /// a query.
        rejections: Option<Box<Rejections>>,
    },
    /// The kernel refused to answer a query.
    #[error("{0}")]
    Query(Box<QueryError>),
    /// What the kernel has is of another type than the caller says.
    #[error("{0}")]
    WrongType(Box<TypeError>),
    /// The kernel, or a file with its messages, says something that makes no sense.
    #[error("{0}")]
    Decode(DecodeError),
    /// A system call failed.
    #[error("{0}")]
    Io(IoError),
}

impl Error {
    /// The kernel does not know what it was asked for.
    pub(crate) fn unsupported(feature: Feature) -> Self {
        Self::Unsupported { feature, since: feature.since(), rejections: None }
    }

    /// Returns the errno behind the error, if there is one. Where several operations were refused, the first one's.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Rejected(rejections) | Self::Unsupported { rejections: Some(rejections), .. } => {
                rejections.list.first().map(|r| r.errno)
            }
            Self::Commit(error) => Some(error.errno),
            Self::Query(error) => Some(error.errno),
            Self::Io(error) => Some(error.errno),
            Self::FateUnknown { reason } => Some(*reason),
            Self::Stale { .. } => Some(Errno::ERESTART),
            _ => None,
        }
    }

    /// Returns the operations that the kernel refused, in their order; none for other errors.
    pub fn rejections(&self) -> std::slice::Iter<'_, Rejection> {
        match self {
            Self::Rejected(rejections) | Self::Unsupported { rejections: Some(rejections), .. } => {
                rejections.list.iter()
            }
            _ => [].iter(),
        }
    }

    /// Whether all that failed did so for want of something: a table, chain, set, element …
    /// Where refusals did not fit the receive queue nobody knows, and this, like
    /// [`is_exists`](Self::is_exists) and [`is_busy`](Self::is_busy), is false.
    pub fn is_not_found(&self) -> bool {
        self.all(Errno::ENOENT)
    }

    /// Whether all that failed did so because something is there already.
    pub fn is_exists(&self) -> bool {
        self.all(Errno::EEXIST)
    }

    /// Whether the caller lacks a privilege: `CAP_NET_ADMIN` over the network namespace, or, for
    /// a table with an owner, being that owner, or for rules that write to packets (Linux 7.3) the first user
    /// namespace.
    pub fn is_permission_denied(&self) -> bool {
        self.all(Errno::EPERM) || self.all(Errno::EACCES)
    }

    /// Whether all that the kernel refused, it refused since the tables belong to
    /// [other connections](crate::Table::owned), which alone may change them. Unlike
    /// [`is_permission_denied`](Self::is_permission_denied) it is false for want of `CAP_NET_ADMIN`.
    pub fn is_not_owner(&self) -> bool {
        // Without the privilege the batch is refused before its first operation; and some expressions take more of it.
        let of_rule = |refused: &Rejection| refused.path.as_ref().is_some_and(|path| path.expression().is_some());
        matches!(self, Self::Rejected(_)) && self.all(Errno::EPERM) && !self.rejections().any(of_rule)
    }

    /// Whether all that failed did so because something is in use.
    pub fn is_busy(&self) -> bool {
        self.all(Errno::EBUSY)
    }

    /// Whether the ruleset has changed since the generation that the caller named.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Stale { .. })
    }

    fn all(&self, errno: Errno) -> bool {
        match self {
            // Of what did not fit the receive queue nothing is known.
            Self::Rejected(rejections) => !rejections.truncated && rejections.list.iter().all(|r| r.errno == errno),
            // What the kernel lacks is no matter of what the ruleset has.
            Self::Stale { .. } | Self::FateUnknown { .. } | Self::Unsupported { .. } => false,
            _ => self.errno() == Some(errno),
        }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

/// Names one operation of a batch: what [`Batch::last`](crate::Batch::last) returns.
///
/// It means something for the batch that gave it, until that is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Op(pub(crate) u32);

impl Op {
    /// Returns the operation's place in the batch, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {}", self.0)
    }
}

/// The first mistake in a batch, found before anything was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{op} ({operation}): {kind}")]
pub struct BuildError {
    pub(crate) op: Op,
    pub(crate) operation: Box<str>,
    pub(crate) kind: BuildErrorKind,
}

impl BuildError {
    /// Returns the operation that has the mistake.
    pub fn op(&self) -> Op {
        self.op
    }

    /// Returns what the mistake is.
    pub fn kind(&self) -> &BuildErrorKind {
        &self.kind
    }
}

/// The mistakes that a builder can hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// A name has no bytes.
    #[error("the {what} name must not be empty")]
    NameEmpty {
        /// The kind of object.
        what: &'static str,
    },
    /// A name is longer than the kernel keeps.
    #[error("the {what} name may have {max} bytes, not {len}")]
    NameTooLong {
        /// The kind of object.
        what: &'static str,
        /// Bytes it has.
        len: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// A name has a NUL in it.
    #[error("the {what} name must not have a NUL in it")]
    NameHasNul {
        /// The kind of object.
        what: &'static str,
    },
    /// A set's name has a `%`, which the kernel would replace by a number, or refuse.
    #[error("the set name must not have a `%` in it: the kernel would replace it")]
    NameHasPercent,
    /// A comment is longer than nft keeps.
    #[error("a comment may have 127 bytes, not {len}")]
    CommentTooLong {
        /// Bytes it has.
        len: usize,
    },
    /// A comment has a NUL in it.
    #[error("a comment must not have a NUL in it")]
    CommentHasNul,
    /// A log prefix is longer than the kernel takes.
    #[error("a log prefix may have 127 bytes, not {len}")]
    LogPrefixTooLong {
        /// Bytes it has.
        len: usize,
    },
    /// A log prefix has a NUL in it.
    #[error("a log prefix must not have a NUL in it")]
    LogPrefixHasNul,
    /// A log without a group has what only a program gets: the kernel would forget it.
    #[error("{what} is for a log with a group: the kernel would forget it")]
    LogWithoutGroup {
        /// `snaplen` or `queue-threshold`.
        what: &'static str,
    },
    /// A comment or the prefix of a log has what nft cannot quote: it would list what it could not
    /// read, or would read as something else.
    #[error("{what} must not have a quotation mark or a control character in it: nft cannot quote them")]
    Unquotable {
        /// `a comment` or `a log's prefix`.
        what: &'static str,
    },
    /// The owner of a rule is longer than fits beside a comment.
    #[error("the owner of a rule may have 100 bytes, not {len}")]
    OwnerTooLong {
        /// Bytes it has.
        len: usize,
    },
    /// An attribute is longer than its 16-bit length can say.
    #[error("an attribute of {len} bytes: 65535 is the most")]
    AttributeTooLong {
        /// Bytes with header.
        len: usize,
    },
    /// A rule has more expressions than the kernel takes.
    #[error("a rule of {count} expressions: 128 is the most that the kernel takes")]
    TooManyExpressions {
        /// Expressions it has.
        count: usize,
    },
    /// The table's family never has the header field.
    #[error("{field} does not exist in family {family}")]
    NotInFamily {
        /// The field or statement, in nft's words.
        field: &'static str,
        /// The table's family, in nft's words.
        family: Box<str>,
    },
    /// What a tunnel carries does not have the field, or the kernel cannot tell it; both in nft's words.
    #[error("{0} cannot be told of a packet in a {1} tunnel")]
    NotInTunnel(&'static str, &'static str),
    /// Two parts of a rule exclude each other.
    #[error("{field} wants {wants}, which an earlier part of the rule excludes: it wants {has}")]
    Contradiction {
        /// The later field, in nft's words.
        field: &'static str,
        /// What it implies.
        wants: Box<str>,
        /// What was implied before.
        has: Box<str>,
    },
    /// A range ends before it starts.
    #[error("the range {start}-{end} ends before it starts")]
    RangeReversed {
        /// The lower bound given.
        start: Box<str>,
        /// The upper bound given.
        end: Box<str>,
    },
    /// A prefix is longer than its address.
    #[error("a prefix length of {len} bits: the address has {max}")]
    PrefixTooLong {
        /// Bits given.
        len: u8,
        /// Bits of the address.
        max: u8,
    },
    /// A value does not fit its type.
    #[error("{value:?} is no {what}: {reason}")]
    BadValue {
        /// The kind of value.
        what: &'static str,
        /// The value given.
        value: Box<str>,
        /// Why not.
        reason: &'static str,
    },
    /// A number is outside of what the kernel takes.
    #[error("{what} of {value}: the kernel takes {min} to {max}")]
    OutOfRange {
        /// What the number is, in nft's words.
        what: &'static str,
        /// The number given.
        value: u64,
        /// The lowest that is taken.
        min: u64,
        /// The highest that is taken.
        max: u64,
    },
    /// The family has no such hook.
    #[error("family {family} has no hook {hook}")]
    HookNotInFamily {
        /// The hook, in nft's words.
        hook: Box<str>,
        /// The family, in nft's words.
        family: Box<str>,
    },
    /// A chain is at a hook that belongs to a device, and names none: no packet would meet it.
    #[error("a chain at hook {hook} needs a device: name it with `device`")]
    NoDevice {
        /// The hook, in nft's words.
        hook: Box<str>,
    },
    /// A chain names a device, and is at a hook that does not belong to devices.
    #[error("a chain at hook {hook} has no device: only those at ingress and egress have")]
    DeviceNotAtHook {
        /// The hook, in nft's words.
        hook: Box<str>,
    },
    /// A rule refers to a set or object of another table.
    #[error("the {what} {name} is in table {has}, the rule in table {wants}: a rule sees its own table's only")]
    OtherTable {
        /// `set` or `object`.
        what: &'static str,
        /// Its name.
        name: Box<str>,
        /// The table it is in.
        has: Box<str>,
        /// The table that the rule is in.
        wants: Box<str>,
    },
    /// A port is translated or compared in a rule that does not test for a protocol with ports.
    #[error("{statement} needs a match on tcp or udp before it")]
    NoTransport {
        /// The statement or field, in nft's words.
        statement: &'static str,
    },
    /// A field that shares a word of a checksum with its neighbour is set to what is not constant.
    #[error("{field} can only be set to a constant")]
    NotConstant {
        /// The field, in nft's words.
        field: &'static str,
    },
    /// A concatenation does not fit the registers.
    #[error("the fields of a concatenation do not fit the 64 bytes of the registers")]
    TooManyFields,
    /// Elements overlap: those of a map of a rule's own, or intervals of which one ends with the
    /// highest value, which the kernel would not notice.
    #[error("two of the elements overlap")]
    Overlap,
    /// An element of a rule's own set has what only those of named sets have.
    #[error("an element of a set of a rule's own has neither timeout nor comment nor stateful expressions")]
    AnonymousElement,
    /// A rule in a chain of a rule's own has such a chain itself.
    #[error("a rule in a chain of a rule's own has none itself: the kernel takes no such chain in another")]
    NestedOwnChain,
    /// A place in a chain was given as an operation that does not add a rule.
    #[error("{0} of this batch does not add a rule")]
    NotARule(Op),
    /// What was read with attributes that this library does not know would be written without them.
    #[error("the {0} was read with attributes that are not known here: `forget_unknown` drops them")]
    UnknownAttributes(Box<str>),
    /// An element is put back that had attributes this library cannot write.
    #[error(
        "the element was read with attributes that this library does not know: they would be lost; an `Entry` keeps them"
    )]
    UnknownOfElement,
    /// A duration does not fit the kernel's field.
    #[error("a duration of {millis} ms does not fit the kernel's field")]
    DurationTooLong {
        /// The duration.
        millis: u128,
    },
}

/// The operations that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejections {
    pub(crate) list: Vec<Rejection>,
    pub(crate) truncated: bool,
}

impl Rejections {
    /// Iterates over the refused operations, in the order of the batch.
    pub fn iter(&self) -> std::slice::Iter<'_, Rejection> {
        self.list.iter()
    }

    /// Whether the kernel refused more than the receive queue held.
    pub fn truncated(&self) -> bool {
        self.truncated
    }
}

impl<'a> IntoIterator for &'a Rejections {
    type Item = &'a Rejection;
    type IntoIter = std::slice::Iter<'a, Rejection>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// How many refusals an error message spells out.
const SHOWN: usize = 10;

impl fmt::Display for Rejections {
    /// Writes one refusal on the line, several on a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = match &self.list[..] {
            [one] if !self.truncated => return one.fmt(f),
            _ => "\n  ",
        };
        write!(f, "{} operations refused:", self.list.len())?;
        for rejection in self.list.iter().take(SHOWN) {
            write!(f, "{separator}{rejection}")?;
        }
        let more = self.list.len().saturating_sub(SHOWN);
        if more > 0 {
            write!(f, "{separator}and {more} more")?;
        }
        if self.truncated {
            write!(f, "{separator}and others that did not fit the receive queue")?;
        }
        Ok(())
    }
}

/// A feature that the kernel lacks, with what it needs, and the first of the operations that were refused.
struct Lacking<'a>(Feature, Option<&'a Rejections>);

impl fmt::Display for Lacking<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Needs(self.0).fmt(f)?;
        let list = self.1.map_or(&[][..], |rejections| &rejections.list);
        if let Some(first) = list.iter().find(|refused| refused.unsupported == Some(self.0)) {
            write!(f, ": {} ({})", first.op, first.operation)?;
        }
        match list.len() {
            0 | 1 => Ok(()),
            count => write!(f, " and {} more", count - 1),
        }
    }
}

/// One operation that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub(crate) op: Op,
    pub(crate) errno: Errno,
    pub(crate) operation: Box<str>,
    pub(crate) path: Option<AttrPath>,
    pub(crate) part: Option<Box<str>>,
    pub(crate) step: Option<usize>,
    pub(crate) message: Option<Box<str>>,
    pub(crate) hint: Option<&'static str>,
    /// What the kernel may have refused it for, if it lacks that.
    pub(crate) suspects: Features,
    pub(crate) unsupported: Option<Feature>,
}

impl Rejection {
    /// Returns the operation that the kernel refused.
    pub fn op(&self) -> Op {
        self.op
    }

    /// Returns the kernel's error number.
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// Returns the operation as nft would write it: `add rule inet fw input`.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// Returns the offending attribute, when the kernel names one.
    pub fn path(&self) -> Option<&AttrPath> {
        self.path.as_ref()
    }

    /// Returns the offending part of the operation as text: an expression as bytecode, an
    /// element's key.
    pub fn part(&self) -> Option<&str> {
        self.part.as_deref()
    }

    /// Returns which call on the rule's builder made the offending expression, from 0: each
    /// match, statement and verdict counts.
    pub fn step(&self) -> Option<usize> {
        self.step
    }

    /// Returns the kernel's own words, when it has any.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns what the errno most likely means for this operation, where it does not say so by itself.
    pub fn hint(&self) -> Option<&str> {
        self.hint
    }

    pub(crate) fn is_of_rule(&self) -> bool {
        self.operation.split(' ').nth(1) == Some("rule")
    }

    /// Returns the feature for which the operation was refused, if the kernel was found to lack it.
    pub fn unsupported(&self) -> Option<Feature> {
        self.unsupported
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.op, self.operation, self.errno)?;
        if let Some(path) = &self.path {
            write!(f, " at {path}")?;
        }
        if let Some(part) = &self.part {
            write!(f, ": {part}")?;
        }
        if let Some(step) = self.step {
            write!(f, " in step {step} of the rule")?;
        }
        if let Some(message) = &self.message {
            write!(f, " ({message})")?;
        }
        match (self.unsupported, self.hint) {
            (Some(feature), _) => write!(f, " ({})", Needs(feature)),
            (None, Some(hint)) => write!(f, " ({hint})"),
            (None, None) => Ok(()),
        }
    }
}

/// Where in a message an attribute is: `expressions[3].nat.family`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttrPath {
    text: String,
    expression: Option<usize>,
    element: Option<usize>,
}

impl AttrPath {
    pub(crate) fn push(&mut self, name: &str) {
        if !self.text.is_empty() {
            self.text.push('.');
        }
        self.text.push_str(name);
    }

    pub(crate) fn push_index(&mut self, index: usize) {
        match self.text.as_str() {
            "expressions" => self.expression = Some(index),
            "elements" => self.element = Some(index),
            _ => {}
        }
        self.text.push_str(&format!("[{index}]"));
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the index of the rule's expression that the attribute is in.
    pub fn expression(&self) -> Option<usize> {
        self.expression
    }

    /// Returns the index of the entry in the message's element list that the attribute is in.
    pub fn element(&self) -> Option<usize> {
        self.element
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why the kernel refused a batch as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitError {
    pub(crate) errno: Errno,
    pub(crate) message: Option<Box<str>>,
    pub(crate) stage: Stage,
}

/// When the kernel refused a batch as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the first operation, or at one that it does not tell.
    Begin,
    /// After the last one.
    Commit,
    /// Unknown: there was no answer, or it was lost, but nothing has been committed since.
    Lost,
}

impl CommitError {
    /// Returns the kernel's error number; [`Errno::ECANCELED`] if it aborted without a word. Where it had no memory
    /// for an operation of several, it tells `ENOMEM`, and not which.
    pub fn errno(&self) -> Errno {
        self.errno
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.stage, self.errno) {
            (Stage::Begin, Errno::EPERM) => {
                write!(f, "{}: the firewall needs CAP_NET_ADMIN over the network namespace", self.errno)?;
            }
            (Stage::Begin, errno) => write!(f, "the kernel refused the batch: {errno}")?,
            (Stage::Commit, Errno::EINVAL) => write!(
                f,
                "every operation is valid, the commit is not: {} (an anonymous set or chain that no rule uses?)",
                self.errno
            )?,
            (Stage::Commit, errno) => write!(f, "every operation is valid, the commit failed: {errno}")?,
            (Stage::Lost, Errno::ECANCELED) => f.write_str("the kernel aborted the batch without a word")?,
            (Stage::Lost, errno) => write!(f, "the batch was not applied, and the kernel's answer was lost: {errno}")?,
        }
        if let Some(message) = &self.message {
            write!(f, " ({message})")?;
        }
        Ok(())
    }
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    pub(crate) what: Box<str>,
    pub(crate) errno: Errno,
}

impl QueryError {
    /// Returns the kernel's error number.
    pub fn errno(&self) -> Errno {
        self.errno
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.errno)?;
        if self.errno == Errno::EPERM {
            f.write_str(": reading the firewall needs CAP_NET_ADMIN over the network namespace")?;
        }
        Ok(())
    }
}

/// What the kernel has is of another type than the caller says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {has}, not {wants}")]
pub struct TypeError {
    pub(crate) what: Box<str>,
    pub(crate) has: Box<str>,
    pub(crate) wants: Box<str>,
}

/// A message that does not make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    what: &'static str,
    number: Option<u16>,
    why: &'static str,
}

impl DecodeError {
    pub(crate) const fn new(what: &'static str, why: &'static str) -> Self {
        Self { what, number: None, why }
    }

    pub(crate) const fn attr(number: u16, why: &'static str) -> Self {
        Self { what: "attribute", number: Some(number), why }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the kernel's messages: {}", self.what)?;
        if let Some(number) = self.number {
            write!(f, " {number}")?;
        }
        write!(f, ": {}", self.why)
    }
}

impl std::error::Error for DecodeError {}

/// A system call that failed, and what for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {errno}")]
pub struct IoError {
    pub(crate) doing: Box<str>,
    pub(crate) errno: Errno,
}

impl IoError {
    /// Returns the error number.
    pub fn errno(&self) -> Errno {
        self.errno
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_travel_between_threads_and_are_small() {
        fn travels<T: Send + Sync + 'static>() {}
        travels::<Error>();
        assert!(size_of::<Error>() <= 40, "{}", size_of::<Error>());
    }

    #[test]
    fn a_predicate_holds_only_if_it_explains_the_whole_error() {
        let rejection = |op, errno| Rejection {
            op: Op(op),
            errno,
            operation: "add table inet fw".into(),
            path: None,
            part: None,
            step: None,
            message: None,
            hint: None,
            suspects: Features::new(),
            unsupported: None,
        };
        let error = |list: Vec<_>| Error::Rejected(Box::new(Rejections { list, truncated: false }));
        assert!(error(vec![rejection(0, Errno::EEXIST), rejection(1, Errno::EEXIST)]).is_exists());
        let mixed = error(vec![rejection(0, Errno::EEXIST), rejection(1, Errno::ENOENT)]);
        assert!(!mixed.is_exists() && !mixed.is_not_found());
        assert_eq!(mixed.errno(), Some(Errno::EEXIST));
        assert_eq!(
            mixed.to_string(),
            "2 operations refused:\n  operation 0 (add table inet fw): file exists\n  \
             operation 1 (add table inet fw): no such file or directory"
        );
    }
}
