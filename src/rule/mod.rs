//! Rules: matches, statements and a verdict.

mod compat;
mod exprs;
mod head;
mod info;
mod kept;
mod meter;
mod nat;
mod normalized;
mod own_chain;
mod own_set;
mod queueing;
mod redirecting;
mod reset;
mod sink;
mod statement;
mod steps;
mod update;

use std::fmt;
use std::sync::Arc;

pub use compat::{Compat, CompatFlags};
pub use head::RuleHead;
pub use info::RuleInfo;
pub(crate) use kept::KeptSet;
pub use meter::Meter;
pub use nat::{NatTarget, NatValue, PortTarget};
pub use normalized::NormalizedRule;
pub(crate) use own_set::OwnSet;
pub use queueing::QueueTarget;
pub use redirecting::{IntoAddress, TproxyTarget};
use sink::{Collector, Encoder, Raw};
pub use statement::RejectWith;
use steps::Steps;
pub use update::DynamicElement;

use crate::chain::ChainRef;
use crate::error::BuildErrorKind;
use crate::expr::{self, AsExpr, Counter, EXPRS_MAX, Expr, ExprInfo, Immediate, Objref, Verdict, VerdictCode};
use crate::field::lower::{Context, Nowhere, Sink};
use crate::field::{Container, Match, Operand, Source};
use crate::flowtable::FlowtableRef;
use crate::object::ObjectRef;
use crate::set::{Anonymous, Contents, OwnDynamic};
use crate::table::Table;
use crate::userdata::{self, Owner, Userdata};
use crate::wire::AttrWriter;
use crate::wire::newtype::handle;
use crate::wire::path::{AttrName, Schema};

pub(crate) const NFT_MSG_NEWRULE: u16 = 6;
pub(crate) const NFT_MSG_GETRULE: u16 = 7;
pub(crate) const NFT_MSG_GETRULE_RESET: u16 = 25;
pub(crate) const NFT_MSG_DELRULE: u16 = 8;
pub(crate) const NFT_MSG_DESTROYRULE: u16 = 28;

pub(crate) const NFTA_RULE_TABLE: u16 = 1;
pub(crate) const NFTA_RULE_CHAIN: u16 = 2;
pub(crate) const NFTA_RULE_HANDLE: u16 = 3;
pub(crate) const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_RULE_COMPAT: u16 = 5;
pub(crate) const NFTA_RULE_POSITION: u16 = 6;
const NFTA_RULE_USERDATA: u16 = 7;
pub(crate) const NFTA_RULE_ID: u16 = 9;
pub(crate) const NFTA_RULE_POSITION_ID: u16 = 10;
pub(crate) const NFTA_RULE_CHAIN_ID: u16 = 11;

pub(crate) const SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_RULE_TABLE, "table"),
    AttrName::value(NFTA_RULE_CHAIN, "chain"),
    AttrName::value(NFTA_RULE_HANDLE, "handle"),
    expr::expressions_attr(NFTA_RULE_EXPRESSIONS),
    AttrName::nest(NFTA_RULE_COMPAT, "compat", &compat::SCHEMA),
    AttrName::value(NFTA_RULE_POSITION, "position"),
    AttrName::value(NFTA_RULE_USERDATA, "userdata"),
    AttrName::value(NFTA_RULE_ID, "id"),
    AttrName::value(NFTA_RULE_POSITION_ID, "position_id"),
    AttrName::value(NFTA_RULE_CHAIN_ID, "chain_id"),
]);

handle! {
    /// The number of a rule, unique in its table.
    RuleHandle
}

/// A rule that is complete: nothing may follow what it ends with.
///
/// [`Rule::new`] begins one.
///
/// ```
/// use nftlink::Rule;
/// use nftlink::field::tcp;
///
/// let web = Rule::new().when(tcp::dport().eq(80)).counter().accept();
/// ```
///
/// ```compile_fail
/// # use nftlink::Rule;
/// Rule::new().accept().counter();
/// ```
#[derive(Debug, Clone)]
pub struct Rule(RuleBuilder);

/// A rule that can still grow. A batch takes it as it is: a rule needs no verdict.
#[derive(Debug, Clone, Default)]
#[must_use = "a rule does nothing until a batch has it"]
pub struct RuleBuilder {
    steps: Steps,
    /// What most rules have none of.
    rest: Option<Box<Rest>>,
}

/// What a rule has beside its steps.
#[derive(Debug, Clone, Default)]
struct Rest {
    userdata: Userdata,
    owner: Option<Owner>,
    compat: Option<Compat>,
    /// Encoded attributes that this library does not know, of a rule that was read.
    unknown: Option<Box<[u8]>>,
}

/// What one call on the builder adds.
#[derive(Debug, Clone)]
enum Step {
    Match(Match),
    /// An expression of the author's.
    Expr(Expr),
    /// An expression that was read.
    Kept(Box<ExprInfo>),
    /// One that was read, and refers to a set of the rule's own.
    KeptUse(Box<kept::KeptUse>),
    /// A statement that is one expression, whatever the packet is.
    Statement(Expr),
    Counter,
    Object(ObjectRef),
    Flow(FlowtableRef),
    Set(Box<(Source, Operand)>),
    Update(Box<update::Update>),
    VerdictMap(Box<(Source, Result<Container, BuildErrorKind>)>),
    /// The packet goes to the object that a map names.
    ObjectMap(Box<(Source, Result<Container, BuildErrorKind>)>),
    Verdict(VerdictCode),
    ToChain(VerdictCode, ChainRef),
    /// Rules in a chain of the rule's own.
    ToOwn(VerdictCode, Vec<Rule>),
    Nat(Box<nat::Nat>),
    Redirecting(Box<redirecting::Redirecting>),
    Queue(Box<QueueTarget>),
    Meter(Box<Meter>),
    Reject(Option<RejectWith>),
}

impl From<RuleBuilder> for Rule {
    /// Completes a rule without a verdict, as for a collection of rules.
    fn from(rule: RuleBuilder) -> Self {
        Self(rule)
    }
}

impl Rule {
    pub(crate) fn as_builder(&self) -> &RuleBuilder {
        &self.0
    }

    /// Begins a rule.
    #[allow(clippy::new_ret_no_self, reason = "a rule is begun here, and is one when it is complete")]
    pub const fn new() -> RuleBuilder {
        RuleBuilder { steps: Steps::new(), rest: None }
    }

    /// Sets a comment of at most 127 bytes.
    pub fn comment(self, comment: impl Into<Arc<str>>) -> Self {
        Self(self.0.comment(comment))
    }

    /// Sets the userdata as bytes, as [`RuleBuilder::userdata`] does.
    pub fn userdata(self, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(self.0.userdata(bytes))
    }

    /// Sets who the rule belongs to: up to 100 bytes that the kernel keeps and nft does not show.
    pub fn owner(self, owner: impl Into<Arc<str>>) -> Self {
        Self(self.0.owner(owner))
    }

    /// Says what protocol the rule is for, as [`RuleBuilder::compat`] does.
    pub fn compat(self, proto: u16, flags: CompatFlags) -> Self {
        Self(self.0.compat(proto, flags))
    }

    /// Returns the kernel's expressions for the rule in a chain: the family decides which tests
    /// are implied.
    ///
    /// # Errors
    ///
    /// The first mistake in the rule.
    pub fn exprs(&self, chain: impl AsRef<ChainRef>) -> Result<Vec<Expr>, BuildErrorKind> {
        self.0.exprs(chain)
    }

    /// Returns the expressions in libnftnl's notation, one per line: `{}` writes data as libnftnl 1.2.4, `{:#}` as
    /// 1.3.
    ///
    /// # Errors
    ///
    /// The first mistake in the rule.
    pub fn bytecode(&self, chain: impl AsRef<ChainRef>) -> Result<impl fmt::Display, BuildErrorKind> {
        self.0.bytecode(chain)
    }
}

impl RuleBuilder {
    #[inline(always)]
    fn push(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    #[inline]
    fn end(self, step: Step) -> Rule {
        Rule(self.push(step))
    }

    /// Goes on only with packets that match.
    #[inline]
    pub fn when(self, matching: Match) -> Self {
        self.push(Step::Match(matching))
    }

    /// Goes on only with packets that match all.
    pub fn when_all(self, matches: impl IntoIterator<Item = Match>) -> Self {
        matches.into_iter().fold(self, Self::when)
    }

    /// Adds an expression of the kernel's as it is: the way down for what the typed language
    /// does not say. It takes an [`Expr`], a type of [`expr`](crate::expr), or an [`ExprInfo`].
    ///
    /// The library does not look into it: what it means for what follows is its author's concern.
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::expr::{Base, Lookup, Payload, Reg, Verdict};
    ///
    /// let rule = Rule::new()
    ///     .expr(Payload::load(Base::NETWORK, 12, 4, Reg::R1))
    ///     .expr(Lookup::new("blocked", Reg::R1))
    ///     .expr(Verdict::DROP);
    /// ```
    pub fn expr(self, expr: impl IntoStep) -> Self {
        self.push(expr.into_step().0)
    }

    /// Counts the packets that come this far (`counter`).
    #[inline]
    pub fn counter(self) -> Self {
        self.push(Step::Counter)
    }

    /// Hands the packets that come this far to a named object of the same table (`counter name "web"`,
    /// `ct helper set "ftp"`; Linux 4.10). A quota, a limit and a number of connections go on or not, as their
    /// expressions do.
    ///
    /// Not every chain has every object: a synproxy stands at input or forward (elsewhere newer kernels
    /// refuse it with `EOPNOTSUPP`), and what a connection is given behind conntrack.
    pub fn object(self, object: impl AsRef<ObjectRef>) -> Self {
        self.push(Step::Object(object.as_ref().clone()))
    }

    /// Lets the packet pass this chain (`accept`). Chains of a higher priority still see it.
    #[inline]
    pub fn accept(self) -> Rule {
        self.end(Step::Verdict(VerdictCode::ACCEPT))
    }

    /// Drops the packet (`drop`).
    #[inline]
    pub fn drop(self) -> Rule {
        self.end(Step::Verdict(VerdictCode::DROP))
    }

    /// Goes back to the chain that jumped here, or to the policy (`return`).
    pub fn return_(self) -> Rule {
        self.end(Step::Verdict(VerdictCode::RETURN))
    }

    /// Goes on in another chain of the same table, and after it with the next rule (`jump`).
    pub fn jump(self, chain: impl AsRef<ChainRef>) -> Rule {
        self.end(Step::ToChain(VerdictCode::JUMP, chain.as_ref().clone()))
    }

    /// Goes on in another chain of the same table, and does not come back (`goto`).
    pub fn goto(self, chain: impl AsRef<ChainRef>) -> Rule {
        self.end(Step::ToChain(VerdictCode::GOTO, chain.as_ref().clone()))
    }

    /// Translates the destination of the connection (`dnat to`): an address, a socket address,
    /// a range of addresses, or a [`NatTarget`]. For chains of kind nat at prerouting or output.
    ///
    /// A port needs a match on tcp or udp before it.
    pub fn dnat(self, to: impl Into<NatTarget>) -> Rule {
        self.end(Step::Nat(Box::new(nat::Nat::Dnat(to.into()))))
    }

    /// Translates the source of the connection (`snat to`). For chains of kind nat at postrouting
    /// or input.
    pub fn snat(self, to: impl Into<NatTarget>) -> Rule {
        self.end(Step::Nat(Box::new(nat::Nat::Snat(to.into()))))
    }

    /// Translates the source to the address of the outgoing interface (`masquerade`). For chains
    /// of kind nat at postrouting.
    pub fn masquerade(self) -> Rule {
        self.masquerade_to(PortTarget::any())
    }

    /// [`masquerade`](Self::masquerade) to certain ports, or with options.
    pub fn masquerade_to(self, ports: impl Into<PortTarget>) -> Rule {
        self.end(Step::Nat(Box::new(nat::Nat::Masquerade(ports.into()))))
    }

    /// Translates the destination to this machine (`redirect`). For chains of kind nat at
    /// prerouting or output.
    pub fn redirect(self) -> Rule {
        self.redirect_to(PortTarget::any())
    }

    /// [`redirect`](Self::redirect) to a port, to a range of ports, or with options.
    pub fn redirect_to(self, ports: impl Into<PortTarget>) -> Rule {
        self.end(Step::Nat(Box::new(nat::Nat::Redirect(ports.into()))))
    }

    /// Sets a comment of at most 127 bytes.
    pub fn comment(mut self, comment: impl Into<Arc<str>>) -> Self {
        self.rest().userdata = Userdata::comment(comment);
        self
    }

    /// Sets the userdata as bytes, in place of a comment: at most 256, which the kernel passes on unread.
    /// nft keeps comments there, as type, length, value; what it cannot read as such it ignores. An
    /// [owner](Self::owner) is written behind it.
    pub fn userdata(mut self, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.rest().userdata = Userdata::Bytes(bytes.into());
        self
    }

    /// Sets who the rule belongs to: up to 100 bytes that the kernel keeps and nft does not show.
    /// [`RuleInfo::owner`] returns it.
    pub fn owner(mut self, owner: impl Into<Arc<str>>) -> Self {
        self.rest().owner = Some(Owner::new(owner));
        self
    }

    /// Says what protocol the rule is for, to the extensions of xtables in it
    /// ([`XtMatch`](expr::XtMatch), [`XtTarget`](expr::XtTarget)): some are for one protocol only,
    /// and the kernel refuses the rule (`EINVAL`) unless it says so, besides the match on that
    /// protocol.
    ///
    /// The kernel does not tell it: of a rule that was read [`RuleInfo::compat`] finds it out. `proto` is the number of
    /// a protocol above IP; in family bridge the number of the frame's protocol, whose bytes are in the header's order:
    /// `u16::from_ne_bytes([0x08, 0x00])` for IPv4.
    #[doc(alias = "NFTA_RULE_COMPAT")]
    pub fn compat(mut self, proto: u16, flags: CompatFlags) -> Self {
        self.rest().compat = Some(Compat::new(proto, flags));
        self
    }

    /// Returns the kernel's expressions for the rule in a chain.
    ///
    /// # Errors
    ///
    /// The first mistake in the rule.
    pub fn exprs(&self, chain: impl AsRef<ChainRef>) -> Result<Vec<Expr>, BuildErrorKind> {
        let mut collected = Collector::default();
        self.lower(chain.as_ref(), &mut collected, |_| {});
        match collected.mistake {
            Some(mistake) => Err(mistake),
            None if collected.exprs.len() > EXPRS_MAX => {
                Err(BuildErrorKind::TooManyExpressions { count: collected.exprs.len() })
            }
            None => self.check_own_rules(chain.as_ref()).map(|()| collected.exprs),
        }
    }

    /// Returns the expressions in libnftnl's notation, one per line, without those of the rules in a chain of
    /// its own: `{}` writes data as libnftnl 1.2.4, `{:#}` as 1.3.
    ///
    /// # Errors
    ///
    /// The first mistake in the rule.
    pub fn bytecode(&self, chain: impl AsRef<ChainRef>) -> Result<impl fmt::Display, BuildErrorKind> {
        let mut w = AttrWriter::new();
        self.exprs(chain)?.iter().for_each(|expr| expr.write(&mut w));
        Ok(Bytecode(w.bytes_written().to_vec()))
    }

    /// Hands the expressions to `sink`, and after those of each step the sink to `stepped`.
    fn lower<S: Sink + Raw>(&self, chain: &ChainRef, sink: &mut S, mut stepped: impl FnMut(&mut S)) {
        let mut context = Context::new(chain);
        self.lower_early(&mut context, sink);
        let merges = Context::may_merge(self.steps.iter().filter_map(Step::as_match));
        let mut planned = if merges { 0 } else { usize::MAX };
        for (n, step) in self.steps.iter().enumerate() {
            if n == planned {
                planned += self.plan(n, &mut context);
            }
            step.lower(&mut context, sink);
            stepped(sink);
        }
    }

    /// Plans what is compared together from a step on, and tells for how many steps: for matches, and for the
    /// statement behind them. No comparison gets before a match that counts the packets which reach it, or behind it.
    fn plan(&self, from: usize, context: &mut Context<'_>) -> usize {
        let (mut len, mut is_cut) = (0, false);
        for matching in self.steps[from..].iter().map_while(Step::as_match) {
            len += 1;
            is_cut = matching.counts();
            if is_cut {
                break;
            }
        }
        let (run, behind) = self.steps[from..].split_at(len);
        let statement = behind.first().filter(|_| !is_cut);
        context.plan(run.iter().filter_map(Step::as_match), |ahead, nowhere| {
            if let Some(statement) = statement {
                statement.lower(ahead, nowhere);
            }
        });
        len + usize::from(statement.is_some())
    }

    /// What a rejection needs to know of the packet nft tests before all else.
    fn lower_early<S: Sink>(&self, context: &mut Context<'_>, sink: &mut S) {
        let Some(Step::Reject(Some(with))) = self.steps.last() else { return };
        let mut before = Context::new(context.chain);
        let mut nowhere = Nowhere;
        self.steps[..self.steps.len() - 1].iter().for_each(|step| step.lower(&mut before, &mut nowhere));
        let mut late = Collector::default();
        with.require(&mut before, &mut late);
        match late.mistake {
            // Here, and not where it would exclude what the author says before.
            Some(mistake) => sink.fail(mistake),
            None if late.exprs.is_empty() => {}
            None => {
                context.note_tags_of(&before);
                with.require(context, sink);
            }
        }
    }
}

impl Rest {
    fn write(&self, w: &mut AttrWriter) {
        userdata::write_rule(w, NFTA_RULE_USERDATA, &self.userdata, self.owner.as_ref());
        if let Some(compat) = self.compat {
            compat.write(w, NFTA_RULE_COMPAT);
        }
        if let Some(unknown) = &self.unknown {
            w.raw(unknown);
        }
    }
}

impl Step {
    #[inline]
    fn as_match(&self) -> Option<&Match> {
        match self {
            Self::Match(matching) => Some(matching),
            _ => None,
        }
    }

    fn lower<S: Sink + Raw>(&self, context: &mut Context<'_>, sink: &mut S) {
        let chain = context.chain;
        match self {
            Self::Match(matching) => context.lower(matching, sink),
            Self::Expr(expr) => {
                context.note_opaque();
                sink.put_expr(expr);
            }
            Self::Kept(info) => {
                context.note_opaque();
                sink.put_kept(info);
            }
            Self::KeptUse(kept) => {
                context.note_opaque();
                let id = sink.next_set();
                sink.put_expr(&kept.expr(id));
            }
            Self::Statement(expr) => {
                statement::check(expr, context, sink);
                sink.put_expr(expr);
            }
            Self::Counter => sink.put(Counter::default()),
            Self::Object(object) => {
                if let Err(mistake) = chain.table.check_same("object", &object.name, &object.table) {
                    sink.fail(mistake);
                }
                sink.put(Objref::new(object.kind, &object.name));
            }
            Self::Flow(flowtable) => statement::lower_flow(flowtable, context, sink),
            Self::Set(set) => context.lower_set(&set.0, &set.1, sink),
            Self::Update(update) => update.lower(context, sink),
            Self::VerdictMap(map) => match &map.1 {
                Ok(container) => context.lower_verdict_map(&map.0, container, sink),
                Err(mistake) => sink.fail(mistake.clone()),
            },
            Self::ObjectMap(map) => match &map.1 {
                Ok(container) => context.lower_object_map(&map.0, container, sink),
                Err(mistake) => sink.fail(mistake.clone()),
            },
            Self::Verdict(code) => sink.put(Immediate::verdict(Verdict::plain(*code))),
            Self::ToChain(code, to) => {
                if let Err(mistake) = chain.table.check_same("chain", &to.name, &to.table) {
                    sink.fail(mistake);
                }
                let verdict = Verdict { chain: Some(to.name.clone()), ..Verdict::plain(*code) };
                sink.put(Immediate::verdict(verdict));
            }
            Self::ToOwn(code, _) => {
                let id = sink.next_set();
                sink.put(Immediate::verdict(own_chain::verdict(*code, id)));
            }
            Self::Nat(nat) => nat.lower(context, sink),
            Self::Redirecting(statement) => statement.lower(context, sink),
            Self::Queue(to) => to.lower(context, sink),
            Self::Meter(meter) => meter.lower(context, sink),
            Self::Reject(with) => statement::lower_reject(with.as_ref(), context, sink),
        }
    }
}

/// What [`RuleBuilder::expr`] takes.
pub trait IntoStep {
    #[doc(hidden)]
    fn into_step(self) -> AStep;
}

/// A step of a rule, for [`IntoStep`] alone.
#[derive(Debug)]
pub struct AStep(Step);

impl<E: Into<Expr>> IntoStep for E {
    fn into_step(self) -> AStep {
        AStep(Step::Expr(self.into()))
    }
}

impl IntoStep for ExprInfo {
    fn into_step(self) -> AStep {
        AStep(Step::Kept(Box::new(self)))
    }
}

/// What a batch takes as a rule: a [`Rule`], a [`RuleBuilder`], a [`RuleInfo`], or the kernel's
/// own expressions as a slice, an array or, without any cost, a tuple.
///
/// ```
/// use nftlink::expr::{Base, Lookup, Payload, Reg, Verdict};
/// use nftlink::{Batch, Table};
///
/// let input = Table::ip("fw").chain("input");
/// let mut batch = Batch::new();
/// batch.append(&input, (
///     Payload::load(Base::NETWORK, 12, 4, Reg::R1),
///     Lookup::new("blocked", Reg::R1),
///     Verdict::DROP,
/// ));
/// ```
pub trait AsRule {
    /// Writes expressions and userdata, and after each step how many expressions there are.
    /// `sets` are the numbers of the rule's own sets, and then that of its own chain.
    #[doc(hidden)]
    fn encode(&self, chain: &ChainRef, sets: &[u32], w: &mut AttrWriter, steps: &mut Vec<u8>);

    /// Whether something comes with the rule: sets, or a chain.
    #[doc(hidden)]
    fn has_own(&self) -> bool {
        false
    }

    /// The sets that come with the rule, in the order in which it looks them up.
    #[doc(hidden)]
    fn own_sets(&self) -> OwnSets<'_> {
        OwnSets(Vec::new())
    }

    /// The rules of the chain that comes with the rule.
    #[doc(hidden)]
    fn own_rules(&self) -> Option<&[Rule]> {
        None
    }
}

/// The sets that come with a rule, for [`AsRule`] alone.
#[doc(hidden)]
#[derive(Debug)]
pub struct OwnSets<'a>(pub(crate) Vec<OwnSet<'a>>);

impl AsRule for RuleBuilder {
    fn encode(&self, chain: &ChainRef, sets: &[u32], w: &mut AttrWriter, steps: &mut Vec<u8>) {
        encode_list(w, sets, |encoder| {
            self.lower(chain, encoder, |encoder| steps.push(encoder.count.min(255) as u8));
        });
        if let Some(rest) = &self.rest {
            rest.write(w);
        }
    }

    fn has_own(&self) -> bool {
        self.steps.iter().any(Step::may_have_own)
    }

    fn own_sets(&self) -> OwnSets<'_> {
        OwnSets(self.own_sets_in_order())
    }

    fn own_rules(&self) -> Option<&[Rule]> {
        self.own_rules()
    }
}

impl AsRule for Rule {
    fn encode(&self, chain: &ChainRef, sets: &[u32], w: &mut AttrWriter, steps: &mut Vec<u8>) {
        self.0.encode(chain, sets, w, steps);
    }

    fn has_own(&self) -> bool {
        self.0.has_own()
    }

    fn own_sets(&self) -> OwnSets<'_> {
        self.0.own_sets()
    }

    fn own_rules(&self) -> Option<&[Rule]> {
        self.0.own_rules()
    }
}

impl<R: AsRule + ?Sized> AsRule for &R {
    fn encode(&self, chain: &ChainRef, sets: &[u32], w: &mut AttrWriter, steps: &mut Vec<u8>) {
        (**self).encode(chain, sets, w, steps);
    }

    fn has_own(&self) -> bool {
        (**self).has_own()
    }

    fn own_sets(&self) -> OwnSets<'_> {
        (**self).own_sets()
    }

    fn own_rules(&self) -> Option<&[Rule]> {
        (**self).own_rules()
    }
}

#[inline]
fn encode_list(w: &mut AttrWriter, sets: &[u32], content: impl FnOnce(&mut Encoder<'_>)) {
    let list = w.open(NFTA_RULE_EXPRESSIONS);
    let mut encoder = Encoder { w, count: 0, sets: sets.iter() };
    content(&mut encoder);
    let count = encoder.count;
    w.close(list);
    if count > EXPRS_MAX {
        w.fail(BuildErrorKind::TooManyExpressions { count });
    }
}

/// Writes expressions in libnftnl's notation, one per line.
pub(crate) struct Bytecode<B>(pub(crate) B);

impl<B: AsRef<[u8]>> fmt::Display for Bytecode<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for expr in expr::Exprs::new(self.0.as_ref()) {
            match expr {
                Ok(expr) if f.alternate() => writeln!(f, "  [ {expr:#} ]")?,
                Ok(expr) => writeln!(f, "  [ {expr} ]")?,
                Err(error) => writeln!(f, "  [ {error} ]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
