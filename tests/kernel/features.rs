//! What kernels can do: what the library says of it is what happens when it is used.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nftlink::datum::{L4Proto, Port};
use nftlink::error::Rejection;
use nftlink::expr::{
    Base, Bitwise, Connlimit, Counter, Ct, CtKey, Dup, Exthdr, ExthdrOp, Fib, FibFlags, FibResult, FlowOffload, Fwd,
    Hash, Immediate, Inner, Last, Limit, Log, Lookup, Masq, Meta, MetaKey, Nat, NatKind, Numgen, Osf, Payload, Queue,
    Redir, Reg, Reject, Socket, SocketKey, Synproxy, TcpOption, Tproxy, Tunnel, TunnelKey, Xfrm, XfrmDirection,
    XfrmKey,
};
use nftlink::monitor::{Monitor, Notice};
use nftlink::{
    Batch, Chain, CompatFlags, Conn, Device, Element, Error, Family, Feature, Features, Hook, Hooked, Priority,
    Recording, Rule, RuleBuilder, Set, Table, object,
};

use crate::support::lab::{Namespace, veth};
use crate::support::{self, Stop, linux};
use crate::{Ruleset, commit, conn, exprs_act, fw, input, refused, rule};

fn rule_of(table: &Table, chain: Chain<Hooked>, rule: RuleBuilder) -> Batch {
    let mut batch = Batch::new();
    batch.add(table).add(&chain).append(&chain, rule);
    batch
}

fn at(hook: Hook, rule: RuleBuilder) -> Batch {
    rule_of(&fw(), fw().chain("chain").filter(hook, Priority::FILTER), rule)
}

fn nat(hook: Hook, rule: RuleBuilder) -> Batch {
    rule_of(&fw(), fw().chain("chain").nat(hook, Priority::SRCNAT), rule)
}

fn in_family(table: &Table, hook: Hook, rule: RuleBuilder) -> Batch {
    let mut chain = table.chain("chain").filter(hook, Priority::FILTER);
    if hook == Hook::INGRESS {
        chain = chain.device("lo");
    }
    rule_of(table, chain, rule)
}

fn with(fill: impl FnOnce(&mut Batch) -> &mut Batch) -> Batch {
    let mut batch = Batch::new();
    fill(batch.add(&fw()));
    batch
}

/// A batch that needs a feature, and no other that a kernel may lack where it has this one.
fn user(feature: Feature) -> Option<Batch> {
    let one = Rule::new;
    let load = |data: &[u8]| Rule::new().expr(Immediate::data(Reg::R1, data));
    let (ip, netdev, bridge) = (Table::ip("fw"), Table::netdev("fw"), Table::bridge("fw"));
    let ingress = netdev.chain("ingress").filter(Hook::INGRESS, 0);
    let ports = Set::<Port>::new(fw(), "ports");
    let mut snat = Nat::new(NatKind::SNAT, Family::IP);
    snat.addr_min = Some(Reg::R1);
    Some(match feature {
        Feature::Limit => at(Hook::INPUT, one().expr(Limit::packets(1, Limit::SECOND))),
        Feature::Log => at(Hook::INPUT, one().expr(Log::new())),
        Feature::Conntrack => at(Hook::INPUT, one().expr(Ct::load(CtKey::STATE, Reg::R1))),
        Feature::Nat => nat(Hook::POSTROUTING, load(&[10, 0, 0, 1]).expr(snat)),
        Feature::Masq => nat(Hook::POSTROUTING, one().expr(Masq::new())),
        Feature::Redir => nat(Hook::PREROUTING, one().expr(Redir::new())),
        Feature::Compat => in_family(&ip, Hook::INPUT, one().expr(exprs_act::tcp()).compat(6, CompatFlags::empty())),
        Feature::Reject => at(Hook::INPUT, one().expr(Reject::tcp_reset())),
        Feature::Queue => at(Hook::INPUT, one().expr(Queue::new(3))),
        Feature::BridgeMeta => in_family(&bridge, Hook::INPUT, one().expr(Meta::load(MetaKey::BRI_IIFNAME, Reg::R1))),
        Feature::BridgeReject => in_family(&bridge, Hook::INPUT, one().expr(Reject::tcp_reset())),
        Feature::NetdevReject => in_family(&netdev, Hook::INGRESS, one().expr(Reject::tcp_reset())),
        Feature::Dup => in_family(&ip, Hook::FORWARD, load(&[10, 0, 0, 1]).expr(Dup::to_addr(Reg::R1))),
        Feature::Fwd => in_family(&netdev, Hook::INGRESS, load(&1u32.to_ne_bytes()).expr(Fwd::new(Reg::R1))),
        Feature::Hash => at(Hook::INPUT, one().expr(Hash::symmetric(2, Reg::R1))),
        Feature::Numgen => at(Hook::INPUT, one().expr(Numgen::incremental(2, Reg::R1))),
        Feature::Quota => with(|batch| batch.add(&object::Quota::new(100).named(fw(), "quota"))),
        Feature::Fib => {
            at(Hook::PREROUTING, one().expr(Fib::new(FibResult::OIF, FibFlags::SADDR | FibFlags::IIF, Reg::R1)))
        }
        Feature::Flowtables => with(|batch| batch.add(&fw().flowtable("fast", 0).device("lo"))),
        Feature::FlowOffload => {
            let mut batch = with(|batch| batch.add(&fw().flowtable("fast", 0)));
            let forward = fw().chain("forward").filter(Hook::FORWARD, 0);
            batch.add(&forward).append(&forward, one().expr(FlowOffload::new("fast")));
            batch
        }
        Feature::Connlimit => at(Hook::INPUT, one().expr(Connlimit::new(3))),
        Feature::Socket => at(Hook::INPUT, one().expr(Socket::load(SocketKey::MARK, Reg::R1))),
        Feature::SocketCgroup => at(Hook::INPUT, one().expr(Socket::cgroupv2(1, Reg::R1))),
        Feature::CtTimeout => with(|batch| batch.add(&object::CtTimeout::new(L4Proto::TCP).named(fw(), "timeout"))),
        Feature::Osf => in_family(&ip, Hook::INPUT, one().expr(Osf::load(Reg::R1))),
        Feature::Tproxy => at(Hook::PREROUTING, load(&[0, 80]).expr(Tproxy::to_port(Family::UNSPEC, Reg::R1))),
        Feature::Tunnel => in_family(&netdev, Hook::INGRESS, one().expr(Tunnel::load(TunnelKey::ID, Reg::R1))),
        Feature::Xfrm => at(Hook::INPUT, one().expr(Xfrm::load(XfrmDirection::IN, XfrmKey::REQID, Reg::R1))),
        Feature::Synproxy => at(Hook::INPUT, one().expr(Synproxy::new())),
        Feature::ElementExprs => {
            with(|batch| batch.add(&ports.clone().stateful(Counter::default()).stateful(Counter::default())))
        }
        Feature::OwnedTable => with(|batch| batch.add(&Table::ip("owned").owned())),
        Feature::CatchAll => with(|batch| batch.add(&ports).add_elements(&ports, [Element::catch_all()])),
        Feature::Last => at(Hook::INPUT, one().expr(Last::default())),
        Feature::SctpChunk => at(Hook::INPUT, one().expr(Exthdr::present(ExthdrOp::SCTP, 0, Reg::R1))),
        Feature::DccpOption => at(Hook::INPUT, one().expr(Exthdr::present(ExthdrOp::DCCP, 0, Reg::R1))),
        Feature::TcpOptionReset => at(Hook::INPUT, one().expr(Exthdr::strip(TcpOption::MAXSEG.get()))),
        Feature::Egress => {
            let egress = netdev.chain("egress").filter(Hook::EGRESS, 0).device("lo");
            with(|batch| batch.add(&netdev).add(&egress).append(&egress, one().counter()))
        }
        Feature::InnerHeader => at(Hook::INPUT, one().expr(Payload::load(Base::INNER, 0, 4, Reg::R1))),
        Feature::FarPayload => at(Hook::INPUT, one().expr(Payload::load(Base::NETWORK, 300, 4, Reg::R1))),
        Feature::Inner => at(Hook::INPUT, one().expr(Inner::geneve(Meta::load(MetaKey::PROTOCOL, Reg::R1)))),
        Feature::Destroy => with(|batch| batch.destroy(&ports)),
        Feature::Broute => {
            in_family(&bridge, Hook::PREROUTING, load(&[1]).expr(Meta::set(MetaKey::BRI_BROUTE, Reg::R1)))
        }
        Feature::ChainDevices => with(|batch| {
            batch
                .add(&netdev)
                .add(&ingress.clone().device("v0"))
                .add_devices(&ingress, ["v1"])
                .delete_devices(&ingress, ["v0"])
        }),
        Feature::PersistentTable => with(|batch| batch.add(&Table::ip("persistent").persistent())),
        Feature::CombinedRegisters => {
            let both = load(&[1; 4]).expr(Immediate::data(Reg::R2, [2; 4])).expr(Bitwise::xor(Reg::R1, Reg::R2, 4));
            at(Hook::INPUT, both)
        }
        Feature::DevicePrefix => with(|batch| batch.add(&netdev).add(&ingress.device(Device::prefix("v")))),
        // They are asked for, and no operations.
        _ => return None,
    })
}

/// A set of which there is something to reset.
fn counted() -> Set<Port> {
    Set::new(fw(), "counted").counters()
}

/// Asks for what only a kernel with a feature answers; the table and chain are there.
fn ask(conn: &mut Conn, feature: Feature) -> Result<(), Error> {
    match feature {
        Feature::HookList => conn.hooks(Family::IP).map(drop),
        Feature::RuleReset => conn.reset_rules(..).map(drop),
        Feature::ElementReset => conn.reset_elements(&counted()).map(drop),
        _ => panic!("nothing uses {feature}"),
    }
}

/// Makes sure that a refusal names a feature.
#[track_caller]
fn names(error: &Error, feature: Feature) {
    let Error::Unsupported { feature: named, since, .. } = error else { panic!("{feature}: {error:?}") };
    assert_eq!((*named, *since), (feature, feature.since()), "{error}");
    let text = error.to_string();
    assert!(text.starts_with(&format!("{feature} needs ")), "{text}");
    assert!(text.contains(feature.option().unwrap_or(feature.since())), "{text}");
}

pub(crate) fn each_feature_is_there_if_and_only_if_it_can_be_used() {
    let here = Namespace::current().unwrap();
    veth((&here, "v0"), (&here, "v1")).unwrap();
    let mut conn = conn();
    let has = conn.features().unwrap();
    println!("Linux {:?} has {has}; and lacks {}", linux(), Features::all().without(has));
    for &feature in Feature::ALL {
        // Another connection, which has asked for nothing yet.
        let mut fresh = crate::conn();
        let outcome = match user(feature) {
            Some(batch) => {
                assert!(batch.features().has(feature), "{feature}: {batch}");
                fresh.commit(&batch)
            }
            None => {
                let full = counted();
                commit(&mut fresh, |batch| {
                    batch.add(&fw()).add(&input()).append(input(), rule("a")).add(&full).add_elements(&full, [80])
                });
                ask(&mut fresh, feature)
            }
        };
        match outcome {
            Ok(()) => assert!(has.has(feature), "{feature} works"),
            Err(error) => {
                assert!(!has.has(feature), "{feature}: {error}");
                names(&error, feature);
                if user(feature).is_some() {
                    let named = error.rejections().filter_map(Rejection::unsupported).max();
                    assert_eq!(named, Some(feature), "{:?}", error.rejections());
                }
            }
        }
        drop(fresh);
        commit(&mut conn, |batch| batch.flush_ruleset());
        assert_eq!(conn.tables(..).unwrap(), [], "{feature}");
    }
}

pub(crate) fn kernel_has_what_those_of_its_version_have() {
    let has = conn().features().unwrap();
    for &feature in Feature::ALL {
        let (first, second) = feature.since().split_once('.').unwrap();
        let is_old = linux() >= (first.parse().unwrap(), second.parse().unwrap());
        // It may have more: stable kernels take some over, as 5.10 has the chunks of SCTP. With an option it may have
        // less.
        if is_old && feature.option().is_none() {
            assert!(has.has(feature), "{feature}, Linux {}", feature.since());
        }
    }
}

pub(crate) fn asking_for_features_changes_nothing_and_nobody_sees_it() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).append(input(), rule("a")));
    let before = Ruleset::read(&mut conn);
    let mut monitor = Monitor::open().unwrap();
    let has = conn.features().unwrap();
    assert_eq!(crate::conn().features().unwrap(), has);
    assert_eq!(conn.features().unwrap(), has);
    assert_eq!(Ruleset::read(&mut conn), before);
    commit(&mut conn, |batch| batch.add(&Table::ip("mark")));
    let Notice::Commit(first) = monitor.receive().unwrap() else { panic!("an overrun") };
    assert!(first.to_string().contains("mark"), "{first}");
    assert_eq!(conn.tables(..).unwrap().len(), 2);
}

pub(crate) fn recording_that_lacks_a_feature_refuses_it_as_a_kernel_does() {
    for &feature in Feature::ALL {
        let recording = Recording::new();
        recording.lack([feature]);
        let mut conn = recording.conn();
        assert_eq!(conn.features().unwrap(), Features::all().without(feature.into()).without(Feature::HookList.into()));
        if let Some(batch) = user(feature) {
            let error = conn.commit(&batch).unwrap_err();
            names(&error, feature);
            assert!(error.rejections().all(|refused| refused.unsupported() == Some(feature)), "{error:?}");
        }
    }
}

pub(crate) fn features_are_the_same_beside_others_who_commit() {
    let stop = AtomicBool::new(false);
    let has = conn().features().unwrap();
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for family in [Family::INET, Family::IP] {
            let stop = &stop;
            scope.spawn(move || {
                let (mut conn, table) = (conn(), Table::new(family, "busy"));
                let chain = table.chain("chain");
                let mut batch = Batch::new();
                batch.reset(&table).add(&chain).append(&chain, Rule::new().counter());
                while !stop.load(Ordering::Relaxed) {
                    conn.commit(&batch).unwrap();
                }
            });
        }
        for _ in 0..support::times(100) {
            assert_eq!(conn().features().unwrap(), has);
        }
    });
}

/// The oldest feature that this kernel lacks and that a rule's expression needs.
fn lacking() -> Option<(Feature, RuleBuilder)> {
    let has = Conn::open().and_then(|mut conn| conn.features()).unwrap();
    let both = Rule::new().expr(Immediate::data(Reg::R1, [1; 4])).expr(Immediate::data(Reg::R2, [2; 4]));
    let candidates = [
        (Feature::Queue, Rule::new().expr(Queue::new(3))),
        (Feature::Last, Rule::new().expr(Last::default())),
        (Feature::CombinedRegisters, both.expr(Bitwise::xor(Reg::R1, Reg::R2, 4))),
        (Feature::FarPayload, Rule::new().expr(Payload::load(Base::NETWORK, 300, 4, Reg::R1))),
        (Feature::DccpOption, Rule::new().expr(Exthdr::present(ExthdrOp::DCCP, 0, Reg::R1))),
    ];
    candidates.into_iter().find(|(feature, _)| !has.has(*feature))
}

/// Whether this kernel lacks something that a rule may have.
pub(crate) fn kernel_lacks_something() -> Result<(), String> {
    lacking().map(drop).ok_or_else(|| "this kernel lacks nothing".to_owned())
}

pub(crate) fn refusal_for_want_of_a_feature_keeps_its_details() {
    let (feature, rule) = lacking().unwrap();
    let mut conn = conn();
    let error = refused(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).append(input(), Rule::new().counter()).append(input(), rule.clone())
    });
    names(&error, feature);
    assert!(!error.is_not_found() && !error.is_exists(), "it is no matter of what is there");
    let [refused] = error.rejections().collect::<Vec<_>>()[..] else { panic!("{error:?}") };
    assert_eq!((refused.op().index(), refused.operation()), (3, "add rule inet fw input"));
    assert_eq!((refused.unsupported(), refused.step().is_some()), (Some(feature), refused.path().is_some()));
    assert!(refused.to_string().contains(&format!("({feature} needs ")), "{refused}");
}

pub(crate) fn refusal_for_another_reason_blames_no_feature() {
    let (feature, rule) = lacking().unwrap();
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    // The chain is not there: what is in the rule was never looked at.
    let absent = refused(&mut conn, |batch| batch.append(fw().chain("absent"), rule.clone()));
    assert!(absent.is_not_found() && matches!(absent, Error::Rejected(_)), "{absent:?}");
    assert_eq!(absent.rejections().next().unwrap().unsupported(), None);
    // One operation is refused for a feature, another is not: each is told.
    let both = refused(&mut conn, |batch| batch.append(input(), rule).create(&fw()));
    assert!(matches!(both, Error::Rejected(_)), "{both:?}");
    let told: Vec<_> = both.rejections().map(Rejection::unsupported).collect();
    assert_eq!(told, [Some(feature), None], "{both}");
    assert!(both.to_string().contains(&format!("({feature} needs ")), "{both}");
}

pub(crate) fn what_is_wrong_with_a_feature_that_is_there_blames_none() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    // A lookup of what is not there, beside expressions that some kernels lack.
    let rule = Rule::new().expr(Limit::packets(1, Limit::SECOND)).expr(Lookup::new("absent", Reg::R1));
    let error = refused(&mut conn, |batch| batch.append(input(), rule.clone()));
    assert!(error.is_not_found() && matches!(error, Error::Rejected(_)), "{error:?}");
    // Each is in another family, or at another hook, than it may be.
    let masq = refused(&mut conn, |batch| batch.append(input(), Rule::new().expr(Masq::new())));
    let tunnel = Rule::new().expr(Tunnel::load(TunnelKey::ID, Reg::R1));
    let tunnel = refused(&mut conn, |batch| batch.append(input(), tunnel));
    for (error, feature) in [(masq, Feature::Masq), (tunnel, Feature::Tunnel)] {
        if conn.features().unwrap().has(feature) {
            assert!(matches!(error, Error::Rejected(_)), "{error:?}");
            assert_eq!(error.rejections().next().unwrap().unsupported(), None, "{error}");
        }
    }
}
