//! The kernel's expressions, as they are: what it takes, and that it gives back the same.

use nftlink::error::BuildErrorKind;
use nftlink::expr::{
    Bitwise, Connlimit, ConnlimitFlags, Ct, CtDirection, CtKey, Expr, Last, Limit, LimitFlags, Log, LogFlags, LogLevel,
    Meta, MetaKey, Notrack, Quota, QuotaFlags, Reg, Reject,
};
use nftlink::{Rule, RuleBuilder};

use crate::bad_input::mistake;
use crate::{commit, conn, fw, input};

/// Has the kernel keep a rule of `exprs`, and reads it.
#[track_caller]
fn come_back(exprs: &[Expr]) {
    let mut conn = conn();
    let rule = exprs.iter().fold(Rule::new(), |rule: RuleBuilder, expr| rule.expr(expr.clone()));
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).append(input(), &rule));
    let read = conn.rules(&input()).unwrap();
    let read: Vec<_> = read[0].exprs().map(|expr| expr.unwrap().forget_unknown()).collect();
    assert_eq!(read, exprs);
}

pub(crate) fn what_is_written_comes_back() {
    let mut flagged = Log::prefixed("\u{e9}: ");
    (flagged.level, flagged.flags) = (Some(LogLevel::DEBUG), LogFlags::TCPSEQ | LogFlags::MACDECODE);
    let mut grouped = Log::group(3);
    (grouped.snaplen, grouped.qthreshold) = (Some(64), Some(5));
    let mut over = Limit::bytes(1 << 20, 60);
    (over.burst, over.flags) = (1500, LimitFlags::INV);
    let mut quota = Quota::new(1 << 40);
    (quota.consumed, quota.flags) = (7, QuotaFlags::INV);
    let mut many = Connlimit::new(20);
    many.flags = ConnlimitFlags::INV;
    come_back(&[
        Notrack::new().into(),
        Meta::load(MetaKey::MARK, Reg::R1).into(),
        Bitwise::shl(Reg::R1, 8).into(),
        Bitwise::shr(Reg::R1, 31).into(),
        Ct::set(CtKey::MARK, Reg::R1).into(),
        Ct::load(CtKey::STATE, Reg::R2).into(),
        Ct::load_of(CtKey::SRC_IP6, CtDirection::REPLY, Reg::R3).into(),
        Ct::load(CtKey::ID, Reg::R4).into(),
        flagged.into(),
        grouped.into(),
        Limit::packets(10, 604_800).into(),
        over.into(),
        quota.into(),
        many.into(),
        Last::new().into(),
        Reject::tcp_reset().into(),
        Reject::icmp(3).into(),
        Reject::icmpx(1).into(),
    ]);
}

pub(crate) fn registers_are_combined() {
    let mut with_data = Bitwise::xor(Reg::R1, Reg::R2, 4);
    (with_data.data, with_data.sreg2) = (Some([0, 0, 0, 7].into()), None);
    come_back(&[
        Meta::load(MetaKey::MARK, Reg::R1).into(),
        Ct::load(CtKey::MARK, Reg::R2).into(),
        Bitwise::and(Reg::R1, Reg::R2, 4).into(),
        Bitwise::or(Reg::R1, Reg::R2, 4).into(),
        Bitwise::xor(Reg::R1, Reg::R2, 4).into(),
        with_data.into(),
    ]);
}

pub(crate) fn what_the_kernel_could_not_take_is_refused_before() {
    let mut conn = conn();
    let mut kind = |expr: Expr| mistake(&mut conn, |batch| batch.append(input(), Rule::new().expr(expr)));
    let long = "x".repeat(128);
    assert_eq!(kind(Log::prefixed(long).into()), BuildErrorKind::LogPrefixTooLong { len: 128 });
    assert_eq!(kind(Log::prefixed("a\0b").into()), BuildErrorKind::LogPrefixHasNul);
    assert_eq!(
        kind(Bitwise::shr(Reg::R1, 32).into()),
        BuildErrorKind::OutOfRange { what: "a shift", value: 32, min: 0, max: 31 }
    );
}
