//! Expressions that act on packets, extensions of xtables, and that each kind of expression is put
//! back as the kernel told it.

use std::net::Ipv4Addr;

use nftlink::error::BuildErrorKind;
use nftlink::expr::{
    Base, Bitwise, Byteorder, ByteorderOp, Cmp, CmpOp, Connlimit, Counter, Ct, CtDirection, CtKey, Dup, Dynset,
    DynsetFlags, DynsetOp, Expr, Fwd, Immediate, Inner, InnerFlags, InnerKind, Last, Limit, LimitKind, Log, LogFlags,
    LogLevel, Lookup, LookupFlags, Masq, Meta, MetaKey, Nat, NatFlags, NatKind, Notrack, ObjectKind, Objref, Payload,
    Queue, QueueFlags, Quota, Range, RangeOp, Redir, Reg, Reject, Synproxy, SynproxyFlags, Tproxy, Verdict, XtMatch,
    XtTarget,
};
use nftlink::{Chain, CompatFlags, Conn, Errno, Family, Hook, Hooked, Priority, Rule, RuleBuilder, RuleInfo};
use nftlink::{Set, Table, object};

use crate::bad_input::mistake;
use crate::{commit, conn, refused, support};

fn ip() -> Table {
    Table::ip("filter")
}

fn filter(table: &Table, hook: Hook) -> Chain<Hooked> {
    table.chain("chain").filter(hook, Priority::FILTER)
}

fn table_of(chain: &Chain<Hooked>) -> Table {
    let table = chain.at().table();
    Table::new(table.family(), table.name().clone())
}

fn of(exprs: &[Expr]) -> RuleBuilder {
    exprs.iter().fold(Rule::new(), |rule, expr| rule.expr(expr.clone()))
}

/// A rule's expressions, as the kernel sent them.
fn told(rule: &RuleInfo) -> Vec<Vec<u8>> {
    rule.exprs().map(|expr| expr.unwrap().raw().to_vec()).collect()
}

fn values(rule: &RuleInfo) -> Vec<Expr> {
    rule.exprs().map(|expr| expr.unwrap().forget_unknown()).collect()
}

/// Puts back the only rule of a chain, as it was read and as its values say, and compares what the kernel tells of
/// the three, byte by byte.
#[track_caller]
fn is_put_back(conn: &mut Conn, chain: &Chain<Hooked>) {
    let first = conn.rules(chain).unwrap().remove(0);
    let again = values(&first);
    let rebuilt = match first.compat() {
        Some(compat) => of(&again).compat(compat.proto, compat.flags),
        None => of(&again),
    };
    commit(conn, |batch| batch.append(chain, &first).append(chain, rebuilt));
    for rule in &conn.rules(chain).unwrap()[1..] {
        assert_eq!(rule.bytecode().to_string(), first.bytecode().to_string());
        assert_eq!(told(rule), told(&first), "{}", first.bytecode());
    }
}

/// Has the kernel keep a rule, reads what was written, and puts it back.
#[track_caller]
fn comes_back(conn: &mut Conn, chain: &Chain<Hooked>, exprs: &[Expr]) {
    let table = table_of(chain);
    commit(conn, |batch| batch.reset(&table).add(chain).append(chain, of(exprs)));
    let [rule] = conn.rules(chain).unwrap().try_into().unwrap();
    let mut written = exprs.to_vec();
    written.iter_mut().for_each(Expr::normalize);
    let mut read = values(&rule);
    read.iter_mut().for_each(Expr::normalize);
    assert_eq!(read, written);
    is_put_back(conn, chain);
}

const ADDR: [u8; 4] = [10, 0, 0, 1];

/// An address in the first register, a number of 4 bytes in the second.
fn registers() -> [Expr; 2] {
    [Immediate::data(Reg::R1, ADDR).into(), Immediate::data(Reg::R2, 1u32.to_ne_bytes()).into()]
}

pub(crate) fn what_acts_comes_back() {
    let mut conn = conn();
    let load = |data: &[u8]| Expr::from(Immediate::data(Reg::R1, data));
    let [addr, dev] = registers();
    let inet = Table::inet("act");

    let options = SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM;
    for hook in [Hook::INPUT, Hook::FORWARD] {
        comes_back(&mut conn, &filter(&inet, hook), &[Synproxy::new().into()]);
        comes_back(&mut conn, &filter(&ip(), hook), &[Synproxy::new().mss(1460).wscale(14).flags(options).into()]);
    }
    let port = load(&[0, 80]);
    let chain = filter(&inet, Hook::PREROUTING);
    comes_back(&mut conn, &chain, &[port.clone(), Tproxy::to_port(Family::UNSPEC, Reg::R1).into()]);
    comes_back(&mut conn, &chain, &[addr.clone(), Tproxy::to_addr(Family::IP, Reg::R1).into()]);
    let port = Expr::from(Immediate::data(Reg::R2, [0, 80]));
    comes_back(&mut conn, &chain, &[load(&[7; 16]), port, Tproxy::to(Family::IP6, Reg::R1, Reg::R2).into()]);

    comes_back(&mut conn, &filter(&ip(), Hook::FORWARD), &[addr.clone(), Dup::to_addr(Reg::R1).into()]);
    let dup = Dup::to(Reg::R1, Reg::R2).into();
    comes_back(&mut conn, &filter(&ip(), Hook::FORWARD), &[addr.clone(), dev.clone(), dup]);

    let netdev = filter(&Table::netdev("act"), Hook::INGRESS).device("lo");
    comes_back(&mut conn, &netdev, &[dev.clone(), Dup::to_dev(Reg::R2).into()]);
    comes_back(&mut conn, &netdev, &[dev.clone(), Fwd::new(Reg::R2).into()]);
    let neighbour = Fwd::to_neighbour(Reg::R2, Reg::R1, Family::IP).into();
    comes_back(&mut conn, &netdev, &[addr, dev, neighbour]);
}

pub(crate) fn what_is_inside_of_tunnels_comes_back() {
    let mut conn = conn();
    let chain = filter(&Table::inet("act"), Hook::INPUT);
    let (protocol, l4proto) = (Meta::load(MetaKey::PROTOCOL, Reg::R1), Meta::load(MetaKey::L4PROTO, Reg::R2));
    let header = Payload::load(Base::TUNNEL, 4, 3, Reg::R3);
    comes_back(&mut conn, &chain, &[Inner::vxlan(protocol).into(), Inner::vxlan(header).into()]);
    comes_back(&mut conn, &chain, &[Inner::geneve(protocol).into(), Inner::geneve(l4proto).into()]);
    comes_back(&mut conn, &chain, &[Inner::gre(l4proto).into(), Inner::gretap(protocol).into()]);
    // The largest that there can be.
    let kind = InnerKind::from_raw(255);
    comes_back(&mut conn, &chain, &[Inner::new(kind, InnerFlags::HDRSIZE, 64, header).into()]);
}

pub(crate) fn refusals_inside_of_tunnels_are_located() {
    let mut conn = conn();
    let (table, chain) = (Table::inet("act"), filter(&Table::inet("act"), Hook::INPUT));
    let mut path = |expr: Expr| {
        let error = refused(&mut conn, |batch| batch.add(&table).add(&chain).append(&chain, of(&[expr])));
        let rejection = error.rejections().next().unwrap();
        (rejection.errno(), rejection.path().unwrap().to_string())
    };
    let bad = |expr: Expr| Expr::from(Inner::vxlan(expr));
    let counter = Counter::default().into();
    assert_eq!(path(bad(counter)), (Errno::EOPNOTSUPP, "expressions[0].inner".to_owned()));
    let mark = Meta::load(MetaKey::MARK, Reg::R1).into();
    assert_eq!(path(bad(mark)), (Errno::EOPNOTSUPP, "expressions[0].inner".to_owned()));
}

pub(crate) fn what_cannot_act_there_is_refused() {
    let mut conn = conn();
    let mut refusal = |chain: &Chain<Hooked>, exprs: &[Expr]| {
        let table = table_of(chain);
        let error = refused(&mut conn, |batch| batch.add(&table).add(chain).append(chain, of(exprs)));
        let rejection = error.rejections().next().unwrap();
        (rejection.errno(), rejection.path().map(ToString::to_string).unwrap_or_default())
    };
    let [addr, dev] = registers();
    let at = |n: usize, name: &str| format!("expressions[{n}].{name}");
    let (synproxy, tproxy) = (Synproxy::new().into(), Tproxy::to_addr(Family::IP6, Reg::R1).into());
    let output = filter(&ip(), Hook::OUTPUT);
    assert_eq!(refusal(&output, &[synproxy]).0, Errno::EOPNOTSUPP);
    let prerouting = filter(&ip(), Hook::PREROUTING);
    assert_eq!(refusal(&prerouting, &[addr.clone(), tproxy]), (Errno::EINVAL, at(1, "tproxy")));
    assert_eq!(refusal(&output, &[dev.clone(), Dup::to_dev(Reg::R2).into()]), (Errno::EINVAL, at(1, "dup")));
    assert_eq!(refusal(&output, &[dev, Fwd::new(Reg::R2).into()]), (Errno::ENOENT, at(1, "fwd")));
    let no_match = XtMatch::new("nftlink", 0, [0; 8]).into();
    assert_eq!(refusal(&output, &[no_match]), (Errno::ENOENT, at(0, "match")));
    let no_target = XtTarget::new("NFTLINK", 0, [0; 8]).into();
    assert_eq!(refusal(&output, &[no_target]), (Errno::ENOENT, at(0, "target")));
}

/// The tcp match of xtables: all source ports, destination port 22 (`struct xt_tcp`).
pub(crate) fn tcp() -> Expr {
    let ports = [0u16, 65_535, 22, 22].map(u16::to_ne_bytes);
    let mut info = [0; 16];
    info[..8].copy_from_slice(ports.as_flattened());
    XtMatch::new("tcp", 0, info).into()
}

pub(crate) fn extensions_for_one_protocol_want_it_said() {
    let mut conn = conn();
    let chain = filter(&ip(), Hook::INPUT);
    let protocol = [Meta::load(MetaKey::L4PROTO, Reg::R1).into(), Cmp::new(CmpOp::EQ, Reg::R1, [6]).into()];
    let rule = of(&[&protocol[..], &[tcp(), Counter::default().into()]].concat());
    let unsaid = rule.clone();
    let error = refused(&mut conn, |batch| batch.add(&ip()).add(&chain).append(&chain, unsaid));
    let rejection = error.rejections().next().unwrap();
    assert_eq!((rejection.errno(), rejection.path().unwrap().as_str()), (Errno::EINVAL, "expressions[2].match"));
    let otherwise = rule.clone().compat(6, CompatFlags::INV);
    let error = refused(&mut conn, |batch| batch.add(&ip()).add(&chain).append(&chain, otherwise));
    assert_eq!(error.rejections().next().unwrap().errno(), Errno::EINVAL);

    let said = rule.compat(6, CompatFlags::empty());
    commit(&mut conn, |batch| batch.add(&ip()).add(&chain).append(&chain, said));
    let read = conn.rules(&chain).unwrap().remove(0);
    assert_eq!(values(&read)[2], tcp());
    assert_eq!(read.compat().map(|compat| (compat.proto, compat.flags)), Some((6, CompatFlags::empty())));
    // The kernel does not tell it: it is found out, and said again.
    is_put_back(&mut conn, &chain);
}

pub(crate) fn targets_come_back() {
    let mut conn = conn();
    let chain = filter(&Table::ip("mangle"), Hook::POSTROUTING);
    // `struct xt_classify_target_info`: a number of 4 bytes.
    let info = [&0x0001_0002u32.to_ne_bytes()[..], &[0; 4]].concat();
    comes_back(&mut conn, &chain, &[Counter::default().into(), XtTarget::new("CLASSIFY", 0, info).into()]);
}

pub(crate) fn each_kind_is_put_back_as_the_kernel_told_it() {
    let mut conn = conn();
    let table = ip();
    let set = Set::<Ipv4Addr>::new(&table, "set");
    let [bare, one] = ["bare", "one"].map(|name| Set::<Ipv4Addr>::new(&table, name).dynamic().timeouts());
    let counter = object::Counter::named(&table, "counter");
    let [addr, number] = registers();
    let load = |expr: &Expr| vec![addr.clone(), number.clone(), expr.clone()];
    let flagged = Log::prefixed("x").level(LogLevel::DEBUG).flags(LogFlags::TCPSEQ);
    let dynset = |op, name: &str, exprs: Vec<Expr>| {
        let mut dynset = Dynset::new(op, name, Reg::R1);
        (dynset.timeout, dynset.exprs) = (Some(8000), exprs);
        Expr::from(dynset)
    };
    let mut inverted = Dynset::new(DynsetOp::ADD, "bare", Reg::R1);
    inverted.flags = DynsetFlags::INV;
    let mut consumed = Quota::new(500);
    consumed.consumed = 500;
    let mut lookup = Lookup::new("set", Reg::R1);
    lookup.flags = LookupFlags::INV;
    let mut written = Payload::write(Base::NETWORK, 16, 4, Reg::R1);
    (written.checksum_type, written.checksum_offset, written.checksum_flags) = (1, 10, 1);
    let mut counted = Counter::default();
    (counted.packets, counted.bytes) = (7, 1 << 40);
    let zone = Ct::load_of(CtKey::BYTES, CtDirection::REPLY, Reg::R3);
    let in_registers: Vec<Expr> = vec![
        Bitwise::mask_xor(Reg::R1, [255, 0, 255, 0], [1, 2, 3, 4]).into(),
        Bitwise::shl(Reg::R2, 31).into(),
        Bitwise::shr(Reg::R2, 1).into(),
        Byteorder::new(ByteorderOp::HTON, Reg::R2, 4).into(),
        Byteorder::new(ByteorderOp::NTOH, Reg::R2, 2).into(),
        Cmp::new(CmpOp::GTE, Reg::R1, ADDR).into(),
        Connlimit::new(20).over().into(),
        Connlimit::new(0).into(),
        counted.into(),
        Counter::default().into(),
        Ct::load(CtKey::STATE, Reg::R3).into(),
        Ct::set(CtKey::MARK, Reg::R2).into(),
        zone.into(),
        Dup::to(Reg::R1, Reg::R2).into(),
        dynset(DynsetOp::UPDATE, "bare", vec![]),
        dynset(DynsetOp::ADD, "one", vec![Limit::packets(5, Limit::SECOND).into()]),
        dynset(DynsetOp::DELETE, "bare", vec![]),
        inverted.into(),
        Immediate::verdict(Verdict::jump("other")).into(),
        Immediate::data(Reg::word(15).unwrap(), ADDR).into(),
        Immediate::data(Reg::R4, [3; 16]).into(),
        Limit::packets(10, Limit::WEEK).burst(0).into(),
        Limit::bytes(1 << 20, Limit::MINUTE).burst(1500).over().into(),
        Log::new().into(),
        flagged.into(),
        Log::group(0).into(),
        Log::group(3).snaplen(64).queue_threshold(5).into(),
        lookup.into(),
        Meta::load(MetaKey::IIFNAME, Reg::R3).into(),
        Meta::set(MetaKey::MARK, Reg::R2).into(),
        Notrack::new().into(),
        Objref::new(ObjectKind::COUNTER, "counter").into(),
        Payload::load(Base::TRANSPORT, 2, 2, Reg::R3).into(),
        written.into(),
        consumed.into(),
        Quota::new(1 << 40).over().into(),
        Range::new(RangeOp::NEQ, Reg::R1, ADDR, [10, 0, 0, 9]).into(),
        Reject::icmp(13).into(),
        Reject::tcp_reset().into(),
        Synproxy::new().into(),
    ];
    let forward = filter(&table, Hook::FORWARD);
    for expr in &in_registers {
        commit(&mut conn, |batch| {
            batch.reset(&table).add(&set).add(&bare).add(&one).add(&counter).add(&forward).add(&table.chain("other"));
            batch.append(&forward, of(&load(expr)))
        });
        is_put_back(&mut conn, &forward);
    }

    let [snat, dnat] = [NatKind::SNAT, NatKind::DNAT].map(|kind| {
        let mut nat = Nat::new(kind, Family::IP);
        nat.addr_min = Some(Reg::R1);
        nat
    });
    let mut ports = dnat;
    (ports.proto_min, ports.proto_max, ports.flags) = (Some(Reg::R2), Some(Reg::R3), NatFlags::RANDOM);
    let (mut masq, mut redir) = (Masq::new(), Redir::new());
    (masq.proto_min, masq.flags) = (Some(Reg::R2), NatFlags::FULLY_RANDOM);
    redir.proto_min = Some(Reg::R2);
    let third = Expr::from(Immediate::data(Reg::R3, [0, 90]));
    for (hook, expr) in [
        (Hook::POSTROUTING, Expr::from(snat)),
        (Hook::PREROUTING, dnat.into()),
        (Hook::PREROUTING, ports.into()),
        (Hook::POSTROUTING, Masq::new().into()),
        (Hook::POSTROUTING, masq.into()),
        (Hook::PREROUTING, Redir::new().into()),
        (Hook::PREROUTING, redir.into()),
    ] {
        let chain = table.chain("chain").nat(hook, Priority::DSTNAT);
        let exprs = [load(&third), vec![expr]].concat();
        commit(&mut conn, |batch| batch.reset(&table).add(&chain).append(&chain, of(&exprs)));
        is_put_back(&mut conn, &chain);
    }
}

pub(crate) fn newer_kinds_are_put_back_as_the_kernel_told_them() {
    let mut conn = conn();
    let (table, chain) = (ip(), filter(&ip(), Hook::FORWARD));
    let two = Set::<Ipv4Addr>::new(&table, "two").dynamic().counters().stateful(Quota::new(5000));
    let mut dynset = Dynset::new(DynsetOp::ADD, "two", Reg::R1);
    dynset.exprs = vec![Counter::default().into(), Quota::new(5000).into()];
    for expr in [Expr::from(dynset), Last::new().into()] {
        let [addr, _] = registers();
        commit(&mut conn, |batch| batch.reset(&table).add(&two).add(&chain).append(&chain, of(&[addr, expr])));
        is_put_back(&mut conn, &chain);
    }
}

pub(crate) fn largest_numbers_are_taken() {
    let mut conn = conn();
    let chain = filter(&ip(), Hook::INPUT);
    let seconds = u64::MAX / 1_000_000_000;
    let mut most_bytes = Limit::bytes(u64::MAX / 1_000_000_000 - 7, Limit::SECOND);
    most_bytes.burst = 7;
    let mut burst = Limit::packets(1, Limit::SECOND);
    burst.burst = u32::MAX;
    let mut packets = Limit::packets(u64::MAX - 5, seconds);
    packets.burst = 5;
    let mut quota = Quota::new(i64::MAX as u64);
    quota.consumed = i64::MAX as u64;
    comes_back(&mut conn, &chain, &[most_bytes.into(), burst.into(), packets.into(), quota.into()]);
    comes_back(&mut conn, &chain, &[Payload::load(Base::NETWORK, 255, 64, Reg::R1).into()]);
    // Linux 7.3 knows where the checksum of family ip is.
    let mut checksum = Payload::write(Base::NETWORK, 0, 4, Reg::R1);
    (checksum.checksum_type, checksum.checksum_offset) = (1, 255);
    let six = filter(&Table::ip6("act"), Hook::INPUT);
    comes_back(&mut conn, &six, &[registers()[0].clone(), checksum.into()]);
    let wide = Expr::from(Immediate::data(Reg::R1, [1; 16]));
    let masked = Bitwise::mask_xor(Reg::R1, [255; 16], [1; 16]).into();
    let range = Range::new(RangeOp::EQ, Reg::R1, [0; 16], [9; 16]).into();
    comes_back(&mut conn, &chain, &[wide, masked, Cmp::new(CmpOp::EQ, Reg::R1, [0; 16]).into(), range]);
    comes_back(&mut conn, &chain, &[Log::new().level(LogLevel::AUDIT).into(), Log::group(u16::MAX).into()]);
}

pub(crate) fn offsets_of_16_bits_are_taken() {
    let chain = filter(&ip(), Hook::INPUT);
    comes_back(&mut conn(), &chain, &[Payload::load(Base::TRANSPORT, 65_535, 1, Reg::R1).into()]);
}

pub(crate) fn longest_times_are_taken() {
    let mut conn = conn();
    let (table, chain) = (ip(), filter(&ip(), Hook::FORWARD));
    let set = Set::<Ipv4Addr>::new(&table, "set").dynamic().timeouts();
    let mut dynset = Dynset::new(DynsetOp::ADD, "set", Reg::R1);
    dynset.timeout = Some(u64::MAX / 1_000_000 - 1);
    let ago = Last::ago(u64::MAX / 1_000_000 - 1);
    let [addr, _] = registers();
    let exprs = [addr, dynset.into(), ago.into()];
    commit(&mut conn, |batch| batch.reset(&table).add(&set).add(&chain).append(&chain, of(&exprs)));
    let rule = conn.rules(&chain).unwrap().remove(0);
    let Expr::Dynset(read) = &values(&rule)[1] else { panic!("{}", rule.bytecode()) };
    let told = read.timeout.unwrap();
    assert!((u64::MAX / 1_000_000 - 1).abs_diff(told) < 100, "{told}");
}

pub(crate) fn numbers_that_the_kernel_would_refuse_are_named() {
    let mut conn = conn();
    let chain = filter(&ip(), Hook::INPUT);
    let mut what = |expr: Expr| match mistake(&mut conn, |batch| batch.append(&chain, of(&[expr]))) {
        BuildErrorKind::OutOfRange { what, value, .. } => (what, value),
        other => panic!("{other}"),
    };
    assert_eq!(what(Payload::load(Base::NETWORK, 0, 65, Reg::R1).into()), ("the length of a payload", 65));
    assert_eq!(what(Synproxy::new().wscale(15).into()), ("a synproxy's wscale", 15));
    let no_meta = Meta::load(MetaKey::from_raw(256), Reg::R1);
    assert_eq!(what(no_meta.into()), ("a meta key", 256));
    let length = "the length of an expression's data";
    assert_eq!(what(Cmp::new(CmpOp::EQ, Reg::R1, []).into()), (length, 0));
    assert_eq!(what(Immediate::data(Reg::R1, [0; 17]).into()), (length, 17));
    let mut limit = Limit::packets(1, 1);
    limit.kind = LimitKind::BYTES;
    limit.unit = u64::MAX / 1_000_000_000 + 1;
    assert_eq!(what(limit.into()), ("the unit of a limit in seconds", u64::MAX / 1_000_000_000 + 1));
}

pub(crate) fn queues_come_back() {
    let mut conn = conn();
    let chain = filter(&Table::inet("act"), Hook::INPUT);
    for queue in [
        Queue::new(0),
        Queue::new(65_535),
        Queue::range(1, 65_535).flags(QueueFlags::BYPASS),
        Queue::range(1, 4).flags(QueueFlags::BYPASS | QueueFlags::CPU_FANOUT),
    ] {
        comes_back(&mut conn, &chain, &[queue.into()]);
    }
    let from = Queue::from_reg(Reg::R2).flags(QueueFlags::BYPASS);
    comes_back(&mut conn, &chain, &[registers()[1].clone(), from.into()]);
}

/// What nft makes of what acts: it lists the rule as a person would have written it.
pub(crate) fn nft_lists_what_acts() {
    let mut conn = conn();
    let inet = Table::inet("act");
    let chains =
        [Hook::INPUT, Hook::PREROUTING].map(|hook| inet.chain(hook.to_string()).filter(hook, Priority::FILTER));
    let [addr, dev] = registers();
    let l4proto = [Meta::load(MetaKey::L4PROTO, Reg::R1).into(), Cmp::new(CmpOp::EQ, Reg::R1, [6]).into()];
    let port = Expr::from(Immediate::data(Reg::R1, [0, 80]));
    let synproxy = Synproxy::new().mss(1460).wscale(7).flags(SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM);
    let tproxy = [&l4proto[..], &[port, Tproxy::to_port(Family::UNSPEC, Reg::R1).into()]].concat();
    let out = filter(&ip(), Hook::FORWARD);
    let netdev = filter(&Table::netdev("act"), Hook::INGRESS).device("lo");
    commit(&mut conn, |batch| {
        batch.add(&inet).add(&chains[0]).add(&chains[1]).append(&chains[0], of(&[synproxy.into()]));
        batch.append(&chains[1], of(&tproxy)).add(&ip()).add(&out);
        batch.append(&out, of(&[addr, dev.clone(), Dup::to(Reg::R1, Reg::R2).into()]));
        batch.add(&Table::netdev("act")).add(&netdev).append(&netdev, of(&[dev, Fwd::new(Reg::R2).into()]))
    });
    let listed = support::nft(&["list", "ruleset"]);
    for rule in [
        "synproxy mss 1460 wscale 7 timestamp sack-perm",
        "meta l4proto tcp tproxy to :80",
        "dup to 10.0.0.1 device \"lo\"",
        "fwd to \"lo\"",
    ] {
        assert!(listed.lines().any(|line| line.trim() == rule), "no {rule} in:\n{listed}");
    }
}

pub(crate) fn nft_lists_queues() {
    let mut conn = conn();
    let chain = filter(&ip(), Hook::INPUT);
    let four = Queue::range(1, 4).flags(QueueFlags::BYPASS | QueueFlags::CPU_FANOUT);
    commit(&mut conn, |batch| {
        batch.add(&ip()).add(&chain).append(&chain, of(&[Queue::new(3).into()])).append(&chain, of(&[four.into()]))
    });
    let listed = support::nft(&["list", "ruleset"]);
    let rules: Vec<&str> = listed.lines().map(str::trim).filter(|line| line.starts_with("queue ")).collect();
    assert_eq!(rules, ["queue to 3", "queue flags bypass,fanout to 1-4"]);
}

pub(crate) fn objects_that_a_map_names_are_put_back() {
    support::nft_load(
        "table ip filter {
            counter a { }
            map objects { type ipv4_addr : counter; elements = { 10.0.0.1 : \"a\" } }
            chain input { type filter hook input priority filter; counter name ip saddr map @objects; }
        }",
    );
    let mut conn = conn();
    let chain = ip().chain("input").filter(Hook::INPUT, Priority::FILTER);
    is_put_back(&mut conn, &chain);
    let rules = conn.rules(&chain).unwrap();
    assert_eq!(values(&rules[1])[1], Objref::map(Reg::R1, "objects").into());
    assert!(rules[2].bytecode().to_string().ends_with("[ objref sreg 1 set objects ]\n"), "{}", rules[2].bytecode());
}
