//! Statements: what a rule does with a packet beside a verdict.

use super::*;
use crate::datum::{IcmpCode, Icmpv6Code, IcmpxCode, L4Proto};
use crate::expr::{Connlimit, FlowOffload, Last, Limit, Log, LogLevel, Notrack, Quota, Reject, Synproxy};
use crate::field::{Field, IntoOperand, MapFor, Write};
use crate::flowtable::FlowtableRef;
use crate::object::{Object, ObjectOf};
use crate::userdata::is_unquotable;
use crate::wire::Family;

impl RuleBuilder {
    fn statement(self, expr: impl Into<Expr>) -> Self {
        self.push(Step::Statement(expr.into()))
    }

    /// Goes on as long as a rate is not exceeded, or with [`Limit::over`] as long as it is
    /// (`limit rate 10/second`).
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::expr::Limit;
    /// let rule = Rule::new().limit(Limit::packets(10, Limit::SECOND).burst(20)).accept();
    /// ```
    pub fn limit(self, limit: Limit) -> Self {
        self.statement(limit)
    }

    /// Goes on until a number of bytes has passed, or with [`Quota::over`] after that
    /// (`quota 100 mbytes`).
    pub fn quota(self, quota: Quota) -> Self {
        self.statement(quota)
    }

    /// Goes on as long as there are no more than a number of connections, or with
    /// [`Connlimit::over`] as long as there are more (`ct count 20`).
    pub fn connlimit(self, connlimit: Connlimit) -> Self {
        self.statement(connlimit)
    }

    /// Keeps when the last packet came this far (`last used`; Linux 5.14).
    pub fn last(self) -> Self {
        self.statement(Last::new())
    }

    /// Logs the packets that come this far: to the kernel's log with a prefix, or as a [`Log`]
    /// says.
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::expr::Log;
    /// let rule = Rule::new().log("new: ").accept();
    /// let rule = Rule::new().log(Log::group(2)).drop();
    /// ```
    pub fn log(self, log: impl Into<Log>) -> Self {
        self.statement(log.into())
    }

    /// Counts the packets that come this far, from numbers of packets and bytes on (`counter packets 5 bytes 420`).
    pub fn counter_from(self, packets: u64, bytes: u64) -> Self {
        self.statement(Counter::new(packets, bytes))
    }

    /// Goes on, as the packet would without it (`continue`): nft has the word for maps of verdicts.
    pub fn continue_(self) -> Self {
        self.push(Step::Verdict(VerdictCode::CONTINUE))
    }

    /// Answers TCP's handshake in the server's stead (`synproxy mss 1460 wscale 7 timestamp sack-perm`; Linux 5.3),
    /// and lets only connections through whose client answers in turn. For chains at input and forward, behind
    /// `notrack` for what begins a connection.
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::datum::CtState;
    /// use nftlink::expr::Synproxy;
    /// use nftlink::field::ct;
    ///
    /// let answers = Synproxy::new().mss(1460).wscale(7).timestamp().sack_perm();
    /// let rule = Rule::new().when(ct::state().has_any(CtState::INVALID | CtState::UNTRACKED)).synproxy(answers);
    /// ```
    pub fn synproxy(self, synproxy: Synproxy) -> Self {
        self.statement(synproxy)
    }

    /// Lets the packet pass connection tracking untracked (`notrack`). For chains of a priority
    /// below -200 at prerouting and output.
    pub fn notrack(self) -> Self {
        self.statement(Notrack::new())
    }

    /// Sets a field to a value, to another field of the same type, or to what a map has for a
    /// field (`meta mark set ct mark`).
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::field::{ct, meta, tcp};
    /// let rule = Rule::new().set(ct::mark(), meta::mark().or(0x10));
    /// let rule = Rule::new().set(meta::mark(), tcp::dport().map([(22, 1), (80, 2)]));
    /// ```
    ///
    /// Newer kernels (as 7.3, and those that have its corrections) protect what other parts of the kernel have
    /// looked at already. But for chains of family netdev at ingress they write of an IP header the addresses, TTL or
    /// hop limit, id, DSCP, ECN and flow label alone, and of TCP's all but the flags and the length of the header. At
    /// another field the rule ends, as at a match that fails; the kernel says nothing of that. In a network namespace
    /// that belongs to another user namespace than the first, 7.3 refuses rules that write to packets (`EPERM`).
    ///
    /// A field that only the kernel sets does not compile:
    ///
    /// ```compile_fail
    /// # use nftlink::Rule;
    /// # use nftlink::field::meta;
    /// Rule::new().set(meta::iifname(), "eth0");
    /// ```
    pub fn set<V>(self, field: Field<V, Write>, value: impl IntoOperand<V>) -> Self {
        self.push(Step::Set(Box::new((field.source, value.into_operand().0))))
    }

    /// Lets a map decide what becomes of the packet: one of the table's, or pairs that become a map
    /// of the rule's own (`tcp dport vmap { 22 : accept }`). A packet whose field is not in the
    /// map goes on.
    ///
    /// ```
    /// use nftlink::expr::Verdict;
    /// use nftlink::field::tcp;
    /// use nftlink::{Rule, Table};
    ///
    /// let web = Table::inet("fw").chain("web");
    /// let rule = Rule::new().vmap(tcp::dport(), [(22, Verdict::ACCEPT), (80, Verdict::jump(&web))]);
    /// ```
    pub fn vmap<V, A>(self, field: Field<V, A>, map: impl MapFor<V, Verdict>) -> Self {
        let map = field.source.place_all(map.into_map().0);
        self.push(Step::VerdictMap(Box::new((field.source, map))))
    }

    /// Hands the packet to the object that a map has for a field: one of the table's, or pairs that become a
    /// map of the rule's own (`counter name tcp dport map { 80 : "web" }`). A packet whose field is not in
    /// the map does not go on with the rule.
    ///
    /// ```
    /// use nftlink::field::tcp;
    /// use nftlink::{Rule, Table, object};
    ///
    /// let web = object::Counter::named(Table::inet("fw"), "web");
    /// let rule = Rule::new().object_map(tcp::dport(), [(80, &web), (443, &web)]);
    /// ```
    #[doc(alias = "nft_objref")]
    pub fn object_map<V, A, T: Object>(self, field: Field<V, A>, map: impl MapFor<V, ObjectOf<T>>) -> Self {
        let map = field.source.place_all(map.into_map().0);
        self.push(Step::ObjectMap(Box::new((field.source, map))))
    }

    /// Refuses the packet and tells its sender that the port is unreachable (`reject`). For
    /// chains at prerouting, input, forward, output and ingress.
    pub fn reject(self) -> Rule {
        self.end(Step::Reject(None))
    }

    /// Refuses the packet and tells its sender so in a certain way (`reject with tcp reset`).
    pub fn reject_with(self, with: RejectWith) -> Rule {
        self.end(Step::Reject(Some(with)))
    }

    /// Gives the packet's connection to a flowtable of the same table (`flow add @fast`; Linux 4.16): from then on
    /// its packets pass the rules by. For chains at forward.
    pub fn flow_offload(self, flowtable: impl AsRef<FlowtableRef>) -> Self {
        self.push(Step::Flow(flowtable.as_ref().clone()))
    }
}

/// How a sender is told that its packet was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectWith {
    /// By a reset of the TCP connection.
    TcpReset,
    /// By ICMP's "destination unreachable".
    Icmp(IcmpCode),
    /// By ICMPv6's "destination unreachable".
    Icmpv6(Icmpv6Code),
    /// By that of the packet's own protocol; for families inet, bridge and netdev.
    Icmpx(IcmpxCode),
}

impl RejectWith {
    /// Tests for the packets that can be told so, unless that is known of them.
    pub(super) fn require(&self, context: &mut Context<'_>, sink: &mut impl Sink) {
        match self {
            Self::TcpReset => context.require_transport(L4Proto::TCP, "reject with tcp reset", sink),
            Self::Icmp(_) => context.require_network(Family::IP, "reject with icmp", sink),
            Self::Icmpv6(_) => context.require_network(Family::IP6, "reject with icmpv6", sink),
            Self::Icmpx(_) => {}
        }
    }
}

pub(super) fn lower_flow(flowtable: &FlowtableRef, context: &Context<'_>, sink: &mut impl Sink) {
    if let Err(mistake) = context.chain.table.check_same("flowtable", &flowtable.name, &flowtable.table) {
        sink.fail(mistake);
    }
    if !matches!(context.family(), Family::IP | Family::IP6 | Family::INET) {
        sink.fail(context.not_in_family("flow add"));
    }
    sink.put(FlowOffload::new(&flowtable.name));
}

pub(super) fn lower_reject(with: Option<&RejectWith>, context: &mut Context<'_>, sink: &mut impl Sink) {
    let family = context.family();
    if family == Family::ARP {
        return sink.fail(context.not_in_family("reject"));
    }
    sink.put(match with {
        Some(RejectWith::TcpReset) => Reject::tcp_reset(),
        Some(RejectWith::Icmp(code)) => Reject::icmp(code.get()),
        Some(RejectWith::Icmpv6(code)) => Reject::icmp(code.get()),
        Some(RejectWith::Icmpx(_)) if matches!(family, Family::IP | Family::IP6) => {
            return sink.fail(context.not_in_family("reject with icmpx"));
        }
        Some(RejectWith::Icmpx(code)) => Reject::icmpx(code.get()),
        None => match context.network() {
            Some(Family::IP) => Reject::icmp(IcmpCode::PORT_UNREACHABLE.get()),
            Some(Family::IP6) => Reject::icmp(Icmpv6Code::PORT_UNREACHABLE.get()),
            _ => Reject::icmpx(IcmpxCode::PORT_UNREACHABLE.get()),
        },
    });
}

/// Refuses statements that the family does not have, options that exclude each other, and what nft could not list.
pub(super) fn check(expr: &Expr, context: &Context<'_>, sink: &mut impl Sink) {
    match expr {
        Expr::Log(log) => check_log(log, sink),
        Expr::Synproxy(_) if !matches!(context.family(), Family::IP | Family::IP6 | Family::INET) => {
            sink.fail(context.not_in_family("synproxy"));
        }
        _ => {}
    }
}

fn check_log(log: &Log, sink: &mut impl Sink) {
    let mut exclude = |field, wants: &str, has: &str| {
        sink.fail(BuildErrorKind::Contradiction { field, wants: wants.into(), has: has.into() });
    };
    let of_lines = [("the level of a log", log.level.is_some()), ("the flags of a log", !log.flags.is_empty())];
    for (field, _) in of_lines.iter().filter(|(_, said)| *said && log.group.is_some()) {
        exclude(field, "a line of the kernel's log", "a group");
    }
    let beside = [("the prefix of a log", log.prefix.is_some()), ("the flags of a log", !log.flags.is_empty())];
    for (field, _) in beside.iter().filter(|(_, said)| *said && log.level == Some(LogLevel::AUDIT)) {
        exclude(field, "a line of the kernel's log", "a record of the audit");
    }
    if log.prefix.as_ref().is_some_and(|prefix| prefix.as_str().is_none_or(is_unquotable)) {
        sink.fail(BuildErrorKind::Unquotable { what: "a log's prefix" });
    }
}
