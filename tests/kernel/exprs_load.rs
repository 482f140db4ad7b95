//! The kernel's expressions that load values: what it takes and gives back, and what it refuses.

use nftlink::error::BuildErrorKind;
use nftlink::expr::{
    Expr, Exthdr, ExthdrFlags, ExthdrOp, Fib, FibFlags, FibResult, Hash, HashKind, Immediate, Meta, MetaKey, Numgen,
    NumgenKind, Osf, OsfFlags, OsfTtl, Reg, Rt, RtKey, Socket, SocketKey, Tunnel, TunnelKey, TunnelMode, Xfrm,
    XfrmDirection, XfrmKey,
};
use nftlink::{Chain, Errno, Hook, Hooked, Priority, Rule, RuleBuilder, Table};

use crate::bad_input::mistake;
use crate::support::linux;
use crate::{commit, conn, fw, input, refused};

/// A chain of a table at a hook.
fn at(table: &Table, hook: Hook) -> Chain<Hooked> {
    table.chain("load").filter(hook, Priority::FILTER)
}

fn of(exprs: &[Expr]) -> RuleBuilder {
    exprs.iter().fold(Rule::new(), |rule, expr| rule.expr(expr.clone()))
}

/// Has the kernel keep a rule of `exprs`, reads it, and has it keep what was read.
#[track_caller]
fn come_back(table: &Table, chain: &Chain<Hooked>, exprs: &[Expr]) {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.flush_ruleset().add(table).add(chain).append(chain, of(exprs)));
    let first = conn.rules(chain).unwrap().remove(0);
    let normal = |mut expr: Expr| {
        expr.normalize();
        expr
    };
    let read: Vec<_> = first.exprs().map(|expr| expr.unwrap()).collect();
    assert!(read.iter().all(|expr| !expr.has_unknown()));
    let sent: Vec<_> = exprs.iter().cloned().map(normal).collect();
    assert_eq!(read.iter().map(|expr| normal(expr.get().clone())).collect::<Vec<_>>(), sent);

    commit(&mut conn, |batch| batch.append(chain, &first));
    let again = conn.rules(chain).unwrap().remove(1);
    let again: Vec<_> = again.exprs().map(|expr| expr.unwrap().raw().to_vec()).collect();
    assert_eq!(again, read.iter().map(|expr| expr.raw().to_vec()).collect::<Vec<_>>());
}

/// A register by the number of its first four bytes, which the kernel tells otherwise.
const SAME_AS_R2: Reg = Reg::R2.as_word();

pub(crate) fn headers_and_options_come_back() {
    come_back(
        &fw(),
        &input(),
        &[
            Exthdr::load(ExthdrOp::IPV6, 44, 2, 2, Reg::R1).into(),
            Exthdr::present(ExthdrOp::IPV6, 135, SAME_AS_R2).into(),
            // The last byte that can be asked for, and all registers full.
            Exthdr::load(ExthdrOp::IPV6, 255, 255, 64, Reg::R1).into(),
            Exthdr::load(ExthdrOp::TCPOPT, 255, 255, 64, Reg::R1).into(),
            Exthdr::load(ExthdrOp::TCPOPT, 5, 10, 4, Reg::R3).into(),
            Exthdr::present(ExthdrOp::TCPOPT, 0, Reg::R1).into(),
            Exthdr::load(ExthdrOp::IPV4, 148, 2, 2, Reg::R4).into(),
            Exthdr::load(ExthdrOp::IPV4, 7, 255, 1, Reg::R4).into(),
            Exthdr::present(ExthdrOp::IPV4, 131, Reg::R1).into(),
            Exthdr::present(ExthdrOp::IPV4, 137, Reg::R1).into(),
            Exthdr::write(2, 2, 2, Reg::R1).into(),
            Exthdr::write(8, 255, 4, Reg::R2).into(),
        ],
    );
}

pub(crate) fn newer_headers_and_options_come_back() {
    come_back(
        &fw(),
        &input(),
        &[
            Exthdr::load(ExthdrOp::SCTP, 1, 14, 2, Reg::R1).into(),
            Exthdr::present(ExthdrOp::SCTP, 255, SAME_AS_R2).into(),
            Exthdr::strip(30).into(),
            Exthdr::strip(0).into(),
        ],
    );
}

pub(crate) fn routes_come_back() {
    let (saddr, daddr) = (FibFlags::SADDR, FibFlags::DADDR);
    let present = FibFlags::PRESENT;
    come_back(
        &fw(),
        &at(&fw(), Hook::PREROUTING),
        &[
            Fib::new(FibResult::OIF, saddr | FibFlags::IIF, Reg::R1).into(),
            Fib::new(FibResult::OIF, saddr | FibFlags::IIF | present, SAME_AS_R2).into(),
            Fib::new(FibResult::OIF, daddr | FibFlags::MARK, Reg::R1).into(),
            Fib::new(FibResult::OIFNAME, saddr | FibFlags::MARK | FibFlags::IIF, Reg::R1).into(),
            Fib::new(FibResult::ADDRTYPE, saddr | FibFlags::IIF, Reg::R4).into(),
            Rt::load(RtKey::CLASSID, Reg::R1).into(),
            Rt::load(RtKey::NEXTHOP4, SAME_AS_R2).into(),
            Rt::load(RtKey::NEXTHOP6, Reg::R3).into(),
            Rt::load(RtKey::IPSEC, Reg::R4).into(),
        ],
    );
    come_back(
        &fw(),
        &at(&fw(), Hook::FORWARD),
        &[
            Fib::new(FibResult::ADDRTYPE, daddr, Reg::R3).into(),
            Fib::new(FibResult::ADDRTYPE, daddr | FibFlags::OIF, Reg::R1).into(),
            Rt::load(RtKey::TCPMSS, Reg::R1).into(),
        ],
    );
}

pub(crate) fn interfaces_of_routes_are_asked_for_after_routing_too() {
    let reverse = FibFlags::SADDR | FibFlags::IIF;
    for hook in [Hook::INPUT, Hook::FORWARD] {
        come_back(
            &fw(),
            &at(&fw(), hook),
            &[
                Fib::new(FibResult::OIF, reverse | FibFlags::PRESENT, Reg::R1).into(),
                Fib::new(FibResult::OIFNAME, reverse | FibFlags::MARK, Reg::R1).into(),
                Fib::new(FibResult::ADDRTYPE, reverse, Reg::R4).into(),
            ],
        );
    }
}

pub(crate) fn sockets_senders_and_ipsec_come_back() {
    use XfrmDirection as Direction;
    let osf = |ttl, flags| {
        let mut osf = Osf::load(SAME_AS_R2);
        (osf.ttl, osf.flags) = (ttl, flags);
        osf.into()
    };
    come_back(
        &fw(),
        &input(),
        &[
            Socket::load(SocketKey::TRANSPARENT, Reg::R1).into(),
            Socket::load(SocketKey::MARK, SAME_AS_R2).into(),
            Socket::load(SocketKey::WILDCARD, Reg::R1).into(),
            osf(OsfTtl::STRICT, OsfFlags::empty()),
            osf(OsfTtl::LOOSE, OsfFlags::VERSION),
            osf(OsfTtl::SKIP, OsfFlags::VERSION),
            Xfrm::load(Direction::IN, XfrmKey::REQID, Reg::R1).into(),
            Xfrm::load(Direction::IN, XfrmKey::SPI, SAME_AS_R2).spnum(5).into(),
            Xfrm::load(Direction::IN, XfrmKey::SADDR_IP4, Reg::R1).spnum(1).into(),
            Xfrm::load(Direction::IN, XfrmKey::DADDR_IP6, Reg::R1).into(),
        ],
    );
    come_back(
        &fw(),
        &at(&fw(), Hook::OUTPUT),
        &[
            Socket::load(SocketKey::MARK, Reg::R1).into(),
            Xfrm::load(Direction::OUT, XfrmKey::DADDR_IP4, Reg::R1).spnum(5).into(),
            Xfrm::load(Direction::OUT, XfrmKey::SADDR_IP6, Reg::R4).into(),
        ],
    );
}

pub(crate) fn cgroups_of_sockets_come_back() {
    let level = |level| Socket::cgroupv2(level, SAME_AS_R2).into();
    // The deepest is 255, less what this process cannot see of its own cgroup's path.
    come_back(&fw(), &input(), &[level(0), level(1), level(200)]);
}

pub(crate) fn tunnels_come_back() {
    let wire = Table::netdev("wire");
    let tunnel = |key, mode| Tunnel::load(key, SAME_AS_R2).mode(mode).into();
    come_back(
        &wire,
        &wire.chain("load").filter(Hook::INGRESS, Priority::FILTER).device("lo"),
        &[
            tunnel(TunnelKey::PATH, TunnelMode::NONE),
            tunnel(TunnelKey::PATH, TunnelMode::RX),
            tunnel(TunnelKey::ID, TunnelMode::TX),
            Fib::new(FibResult::OIF, FibFlags::SADDR | FibFlags::IIF, Reg::R1).into(),
        ],
    );
}

pub(crate) fn what_bridges_know_of_frames_comes_back() {
    let bridge = Table::bridge("frames");
    let load = |key| Meta::load(key, SAME_AS_R2).into();
    come_back(
        &bridge,
        &at(&bridge, Hook::FORWARD),
        &[
            load(MetaKey::BRI_IIFNAME),
            load(MetaKey::BRI_OIFNAME),
            load(MetaKey::BRI_IIFPVID),
            load(MetaKey::BRI_IIFVPROTO),
        ],
    );
}

pub(crate) fn numbers_and_hashes_come_back() {
    let max = u32::MAX;
    come_back(
        &fw(),
        &input(),
        &[
            Numgen::incremental(2, Reg::R1).into(),
            Numgen::random(4, SAME_AS_R2).offset(100).into(),
            Numgen::incremental(1, Reg::R1).offset(max).into(),
            Numgen::random(max, Reg::R1).offset(1).into(),
            Immediate::data(Reg::R1, [1; 16]).into(),
            Immediate::data(Reg::R2, [2; 16]).into(),
            Immediate::data(Reg::R3, [3; 16]).into(),
            Immediate::data(Reg::R4, [4; 16]).into(),
            Hash::jenkins(Reg::R1, 1, 2, Reg::R1).into(),
            Hash::jenkins(Reg::R1, 64, 5, SAME_AS_R2).seed(0).offset(3).into(),
            Hash::jenkins(SAME_AS_R2, 8, 1, Reg::R1).seed(max).offset(max).into(),
            Hash::symmetric(7, Reg::R1).into(),
            Hash::symmetric(max, Reg::R1).offset(1).into(),
        ],
    );
}

pub(crate) fn numbers_that_the_kernel_cannot_take_are_refused_before() {
    let mut conn = conn();
    let mut refused = |expr: Expr, what: &'static str, value: u64, min: u64, max: u64| {
        let kind = mistake(&mut conn, |batch| batch.append(input(), Rule::new().expr(expr)));
        assert_eq!(kind, BuildErrorKind::OutOfRange { what, value, min, max });
    };
    let max = u64::from(u32::MAX);
    refused(Exthdr::load(ExthdrOp::IPV6, 0, 256, 1, Reg::R1).into(), "a header offset", 256, 0, 255);
    refused(Exthdr::load(ExthdrOp::IPV6, 0, 0, 65, Reg::R1).into(), "a header length", 65, 1, 64);
    refused(Exthdr::write(2, 1, 2, Reg::R1).into(), "a header offset", 1, 2, 255);
    refused(Exthdr::write(2, 2, 5, Reg::R1).into(), "a header length", 5, 2, 4);
    refused(Socket::cgroupv2(256, Reg::R1).into(), "a cgroup level", 256, 0, 255);
    refused(Xfrm::load(XfrmDirection::IN, XfrmKey::SPI, Reg::R1).spnum(6).into(), "an ipsec spnum", 6, 0, 5);
    refused(Numgen::incremental(0, Reg::R1).into(), "a modulus", 0, 1, max);
    refused(Numgen::random(2, Reg::R1).offset(u32::MAX).into(), "an offset", max, 0, max - 1);
    refused(Hash::symmetric(0, Reg::R1).into(), "a modulus", 0, 1, max);
    refused(Hash::jenkins(Reg::R1, 0, 2, Reg::R1).into(), "a hashed length", 0, 1, 64);
}

pub(crate) fn what_the_kernel_refuses_names_the_expression() {
    let mut conn = conn();
    let (ip6, wire, bridge) = (Table::ip6("six"), Table::netdev("wire"), Table::bridge("br"));
    let mut refused = |table: &Table, hook, expr: Expr, errno, name: Option<&str>| {
        let chain = at(table, hook);
        let chain = if hook == Hook::INGRESS { chain.device("lo") } else { chain };
        let loaded = Immediate::data(Reg::R1, [0; 16]);
        let rule = Rule::new().expr(loaded).expr(expr.clone());
        let error = refused(&mut conn, |batch| batch.add(table).add(&chain).append(&chain, rule));
        let rejections: Vec<_> = error.rejections().collect();
        assert_eq!(rejections.len(), 1, "{error}");
        assert_eq!((rejections[0].errno(), rejections[0].op().index()), (errno, 2), "{error}");
        let path = name.map(|name| format!("expressions[1].{name}"));
        assert_eq!(rejections[0].path().map(ToString::to_string), path, "{error}");
        assert_eq!(rejections[0].part(), name.map(|_| format!("[ {expr} ]")).as_deref());
    };
    let daddr = FibFlags::DADDR;
    // Values and combinations that make no sense.
    let fib = |result, flags| Fib::new(result, flags, Reg::R1).into();
    let input = Hook::INPUT;
    refused(&fw(), input, fib(FibResult::OIF, daddr | FibFlags::SADDR), Errno::EINVAL, Some("fib"));
    refused(&fw(), input, fib(FibResult::OIF, FibFlags::IIF), Errno::EINVAL, Some("fib"));
    refused(&fw(), input, fib(FibResult::from_raw(9), daddr), Errno::EINVAL, Some("fib"));
    let xfrm = |direction, key| Xfrm::load(direction, key, Reg::R1).into();
    let nowhere = xfrm(XfrmDirection::from_raw(2), XfrmKey::SPI);
    // A kernel between 6.18 and 7.3 changed its word.
    let word = if linux() < (7, 0) { Errno::EINVAL } else { Errno::ERANGE };
    refused(&fw(), input, nowhere, word, Some("xfrm"));
    let three_bytes = Exthdr::write(2, 2, 3, Reg::R1).into();
    refused(&fw(), input, three_bytes, Errno::EOPNOTSUPP, Some("exthdr"));
    let mut flagged = Exthdr::write(2, 2, 2, Reg::R1);
    flagged.flags = ExthdrFlags::PRESENT;
    refused(&fw(), input, flagged.into(), Errno::EINVAL, Some("exthdr"));
    let padding = Exthdr::load(ExthdrOp::IPV4, 1, 0, 1, Reg::R1).into();
    refused(&fw(), input, padding, Errno::EOPNOTSUPP, Some("exthdr"));
    let over_the_end = Exthdr::load(ExthdrOp::IPV6, 44, 0, 17, Reg::R4).into();
    refused(&fw(), input, over_the_end, Errno::ERANGE, Some("exthdr"));
    let mut osf = Osf::load(Reg::R1);
    osf.ttl = OsfTtl::from_raw(3);
    refused(&fw(), input, osf.into(), Errno::EINVAL, Some("osf"));
    let mut numgen = Numgen::random(2, Reg::R1);
    numgen.kind = NumgenKind::from_raw(9);
    refused(&fw(), input, numgen.into(), Errno::EINVAL, Some("numgen"));
    let mut hash = Hash::symmetric(2, Reg::R1);
    hash.kind = HashKind::from_raw(9);
    refused(&fw(), input, hash.into(), Errno::EOPNOTSUPP, Some("hash"));
    let rt = |key| Rt::load(key, Reg::R1).into();
    refused(&fw(), input, rt(RtKey::from_raw(9)), Errno::EOPNOTSUPP, Some("rt"));
    let socket = |key| Socket::load(key, Reg::R1).into();
    refused(&fw(), input, socket(SocketKey::from_raw(9)), Errno::EOPNOTSUPP, Some("socket"));
    // Families that do not have them.
    let record_route = Exthdr::load(ExthdrOp::IPV4, 7, 0, 1, Reg::R1).into();
    refused(&ip6, input, record_route, Errno::EOPNOTSUPP, Some("exthdr"));
    let tunnel = |key| Tunnel::load(key, Reg::R1).into();
    refused(&fw(), input, tunnel(TunnelKey::ID), Errno::ENOENT, Some("tunnel"));
    refused(&wire, Hook::INGRESS, tunnel(TunnelKey::from_raw(9)), Errno::EOPNOTSUPP, Some("tunnel"));
    refused(&bridge, input, fib(FibResult::OIF, daddr), Errno::ENOENT, Some("fib"));
    // Of a hook where there is no such thing the kernel tells the rule alone.
    refused(&fw(), Hook::OUTPUT, fib(FibResult::OIF, daddr), Errno::EOPNOTSUPP, None);
    refused(&fw(), input, rt(RtKey::TCPMSS), Errno::EOPNOTSUPP, None);
    refused(&fw(), Hook::OUTPUT, Osf::load(Reg::R1).into(), Errno::EOPNOTSUPP, None);
    refused(&fw(), input, xfrm(XfrmDirection::OUT, XfrmKey::SPI), Errno::EOPNOTSUPP, None);
}
