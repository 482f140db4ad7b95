//! Objects of every kind: added, read back, put back, reset, deleted; and what the kernel bounds.

use std::time::Duration;

use nftlink::datum::L4Proto;
use nftlink::object::{
    Connlimit, Counter, CtExpect, CtHelper, CtTimeout, GeneveOption, L3Proto, Limit, Named, Object, ObjectInfo,
    ObjectKind, Quota, QuotaFlags, Secmark, Synproxy, SynproxyFlags, TimeoutState, Tunnel, TunnelEnds, TunnelFlags,
    TunnelOptions, Value,
};
use nftlink::{Batch, Conn, Family, Hook, Priority, Rule, Table};

use crate::{commit, conn, fw, refused};

/// Tunnels are of this family alone.
fn dev() -> Table {
    Table::netdev("dev")
}

fn table_of(kind: ObjectKind) -> Table {
    if kind == ObjectKind::TUNNEL { dev() } else { fw() }
}

fn named(name: &str, value: impl Into<Value>) -> Named<Value> {
    let value = value.into();
    Named::new(table_of(value.kind()), name, value)
}

fn v4(options: TunnelOptions) -> Tunnel {
    Tunnel::v4(42, "192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()).options(options)
}

fn v6() -> Tunnel {
    let (src, dst, flowlabel) = ("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap(), 0x12345);
    Tunnel::between(u32::MAX, TunnelEnds::V6 { src, dst, flowlabel })
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// All that the kernel tells is given in each, so that it tells what was given.
fn of_each_kind() -> Vec<Named<Value>> {
    let geneve = [GeneveOption::new(0x0102, 0x83, *b"abcdefgh"), GeneveOption::new(3, 4, *b"ijkl")];
    let all = TunnelFlags::ZERO_CSUM_TX | TunnelFlags::DONT_FRAGMENT | TunnelFlags::SEQ_NUMBER;
    let udp = CtTimeout::new(L4Proto::UDP).l3proto(L3Proto::IP6).policy(TimeoutState::UDP_UNREPLIED, secs(10));
    let gre = CtTimeout::new(L4Proto::GRE).l3proto(Family::IP).policy(TimeoutState::GRE_UNREPLIED, secs(1));
    let tcp = [(1, 11), (2, 12), (3, 13), (4, 14), (5, 15), (6, 16), (7, 17), (8, 18), (9, 19), (10, 20), (11, 21)];
    let tcp = tcp.into_iter().fold(CtTimeout::new(L4Proto::TCP).l3proto(L3Proto::IP), |tcp, (state, timeout)| {
        tcp.policy(TimeoutState::from_raw(state), secs(timeout))
    });
    let sctp = (1..=9).fold(CtTimeout::new(L4Proto::SCTP).l3proto(L3Proto::IP), |sctp, state| {
        sctp.policy(TimeoutState::from_raw(state), secs(100 + u64::from(state)))
    });
    let icmp = CtTimeout::new(L4Proto::ICMP).l3proto(L3Proto::IP).policy(TimeoutState::ICMP_TIMEOUT, secs(5));
    let icmpv6 = CtTimeout::new(L4Proto::ICMPV6).l3proto(L3Proto::IP6).policy(TimeoutState::ICMPV6_TIMEOUT, secs(6));
    let generic = CtTimeout::generic().l3proto(L3Proto::INET).policy(TimeoutState::GENERIC_TIMEOUT, secs(7));
    let expect = CtExpect::new(L4Proto::UDP, 9876, Duration::from_millis(1500), 12);
    let all_objects = [
        named("counter", Counter::new(3, 180)).comment("requests"),
        named("quota", Quota::new(10 << 20)),
        named("quota_over", Quota::new(1).over()).userdata(*b"\x40\x01x"),
        named("helper", CtHelper::new("ftp", L4Proto::TCP).l3proto(L3Proto::IP)),
        named("limit", Limit::packets(10, Limit::MINUTE)),
        named("limit_over", Limit::bytes(10 << 20, Limit::SECOND).burst(1 << 20).over()),
        named("connlimit", Connlimit::new(7)),
        named("connlimit_over", Connlimit::new(u32::MAX).over()),
        named("vxlan", v4(TunnelOptions::Vxlan { gbp: 0x0102_0304 }).ports(1, 4789)),
        named("erspan1", v4(TunnelOptions::Erspan1 { index: 0xfffff })),
        named("erspan2", v4(TunnelOptions::Erspan2 { hwid: 63, direction: 1 }).tos(4).ttl(64)),
        named("geneve", v4(TunnelOptions::Geneve(geneve.into()))),
        named("plain4", v4(TunnelOptions::None).flags(TunnelFlags::SEQ_NUMBER).ttl(0)),
        named("plain6", v6().flags(all).tos(255).ttl(1).ports(u16::MAX, u16::MAX)),
        named("tcp", tcp),
        named("udp", udp.policy(TimeoutState::UDP_REPLIED, secs(20))),
        named("gre", gre.policy(TimeoutState::GRE_REPLIED, secs(2))),
        named("sctp", sctp),
        named("icmp", icmp),
        named("icmpv6", icmpv6),
        named("generic", generic),
        named("expect", expect.l3proto(L3Proto::IP)),
        named(
            "synproxy",
            Synproxy::new().mss(1460).wscale(14).flags(SynproxyFlags::SACK_PERM | SynproxyFlags::TIMESTAMP),
        ),
    ];
    all_objects.into()
}

fn add_all<'a, T: nftlink::object::Content>(batch: &'a mut Batch, objects: &[Named<T>]) -> &'a mut Batch {
    objects.iter().fold(batch.add(&fw()).add(&dev()), |batch, object| batch.add(object))
}

pub(crate) fn each_kind_is_read_as_written_and_put_back() {
    let mut conn = conn();
    let written = of_each_kind();
    commit(&mut conn, |batch| add_all(batch, &written));
    let read = conn.objects(..).unwrap();
    assert_eq!(read.len(), written.len());
    for object in &written {
        let info = conn.object(object).unwrap();
        assert_eq!(info.any_value().unwrap(), *object.value(), "{}", info.bytecode());
        assert!(!info.has_unknown() && info.uses() == 0 && read.contains(&info), "{info:?}");
        let wants = if info.name() == "counter" { Some("requests") } else { None };
        assert_eq!(info.comment(), wants);
    }
    assert_eq!(conn.object(named("quota_over", Quota::new(0))).unwrap().userdata(), b"\x40\x01x");

    // As they were read, and from their values alone: the kernel then tells the same again, handles too.
    let again: Vec<_> = read.iter().map(|info| Named::<Value>::try_from(info).unwrap()).collect();
    commit(&mut conn, |batch| read.iter().fold(batch.delete(&fw()).delete(&dev()).add(&fw()).add(&dev()), Batch::add));
    assert_eq!(conn.objects(..).unwrap(), read);
    commit(&mut conn, |batch| add_all(batch.delete(&fw()).delete(&dev()), &again));
    assert_eq!(conn.objects(..).unwrap(), read);
}

pub(crate) fn what_is_left_out_the_kernel_fills_in() {
    let mut conn = conn();
    let (helper, synproxy) = (CtHelper::new("ftp", L4Proto::TCP), Synproxy::new().flags(SynproxyFlags::TIMESTAMP));
    let udp = CtTimeout::new(L4Proto::UDP).policy(TimeoutState::UDP_REPLIED, secs(7));
    let objects = [
        named("helper", helper.clone()),
        named("udp", udp.clone()),
        named("none", CtTimeout::new(L4Proto::TCP)),
        named("synproxy", synproxy),
        named("limit", Limit::packets(1, 1).burst(0)),
    ];
    commit(&mut conn, |batch| add_all(batch, &objects));
    assert_eq!(conn.object_value::<CtHelper>(&objects[0]).unwrap().l3proto, Some(L3Proto::INET));
    let filled: CtTimeout = conn.object_value(&objects[1]).unwrap();
    assert_eq!((filled.l3proto, filled.policies.len()), (Some(L3Proto::INET), 2));
    assert_eq!(filled.policies[&TimeoutState::UDP_REPLIED], secs(7));
    let filled: CtTimeout = conn.object_value(&objects[2]).unwrap();
    assert!(filled.policies.keys().copied().eq((1..=11).map(TimeoutState::from_raw)), "{filled:?}");
    let mut sent = [Value::from(synproxy), Limit::packets(1, 1).burst(0).into()];
    sent.iter_mut().for_each(Value::normalize);
    let (ip, expect) = (Table::ip("ip"), CtExpect::new(L4Proto::TCP, 1, secs(1), 1));
    let expected = expect.named(&ip, "expect");
    commit(&mut conn, |batch| batch.add(&ip).add(&expected));
    assert_eq!(conn.object_value::<CtExpect>(&expected).unwrap(), expect.l3proto(L3Proto::IP));
    for (sent, object) in sent.iter().zip(&objects[3..]) {
        assert_eq!(conn.object(object).unwrap().any_value().unwrap(), *sent);
    }
}

/// Commits the object alone, and returns what the kernel then tells of it.
fn kept<T: Object>(conn: &mut Conn, value: T) -> T {
    let table = table_of(T::KIND);
    let object = Named::new(&table, "x", value);
    commit(conn, |batch| batch.reset(&table).add(&object));
    conn.object_value(&object).unwrap()
}

/// Has the commit of the object refused before anything is sent.
#[track_caller]
fn refused_before<T: Object>(conn: &mut Conn, value: T) -> String {
    let error = refused(conn, |batch| batch.add(&fw()).add(&Named::new(fw(), "x", value)));
    assert!(matches!(error, nftlink::Error::Build(_)), "{error}");
    error.to_string()
}

pub(crate) fn numbers_up_to_their_bounds_are_kept_and_others_refused_before() {
    let mut conn = conn();
    let expect = |millis| {
        let expect = CtExpect::new(L4Proto::TCP, u16::MAX, Duration::from_millis(millis), u8::MAX);
        expect.l3proto(L3Proto::IP)
    };
    // Newer kernels (7.3) refuse longer ones with ERANGE; older ones take all that the field holds.
    let longest = expect(2_147_483_000);
    assert_eq!(kept(&mut conn, longest), longest);
    assert!(
        refused_before(&mut conn, expect(1 << 32))
            .ends_with("a duration of 4294967296 ms does not fit the kernel's field")
    );

    // With 1,000 ticks in a second the kernel keeps no more.
    let udp = |seconds| CtTimeout::new(L4Proto::UDP).policy(TimeoutState::UDP_REPLIED, secs(seconds));
    for seconds in [0, 1, 4_294_967] {
        assert_eq!(kept(&mut conn, udp(seconds)).policies[&TimeoutState::UDP_REPLIED], secs(seconds));
    }
    refused_before(&mut conn, udp(42_949_673));

    for wscale in [0, 14] {
        assert_eq!(kept(&mut conn, Synproxy::new().mss(u16::MAX).wscale(wscale)).wscale, wscale);
    }
    let refusal = refused_before(&mut conn, Synproxy::new().wscale(15));
    assert!(refusal.ends_with("a synproxy's wscale of 15: the kernel takes 0 to 14"), "{refusal}");
    refused_before(&mut conn, CtHelper::new("sixteen--letters", L4Proto::TCP));
    refused_before(&mut conn, CtHelper::new("ftp", L4Proto::from_raw(0)));
    refused_before(&mut conn, v4(TunnelOptions::Erspan2 { hwid: 64, direction: 0 }));
    refused_before(&mut conn, v4(TunnelOptions::Erspan2 { hwid: 0, direction: 2 }));

    let geneve = |lengths: &[usize]| {
        let options = lengths.iter().map(|&len| GeneveOption::new(1, 2, (0..len as u8).collect::<Vec<_>>()));
        v4(TunnelOptions::Geneve(options.collect()))
    };
    for fits in [&[0][..], &[4], &[124], &[124, 120], &[0; 63]] {
        assert_eq!(kept(&mut conn, geneve(fits)), geneve(fits), "{fits:?}");
    }
    for not in [&[][..], &[3], &[128], &[124, 124], &[0; 64]] {
        refused_before(&mut conn, geneve(not));
    }
    for counter in [Counter::new(u64::MAX, u64::MAX), Counter::new(0, 0)] {
        let object = Named::new(fw(), "x", counter);
        commit(&mut conn, |batch| batch.delete(&fw()).add(&fw()).add(&object));
        assert_eq!(conn.counter(&object).unwrap(), counter);
    }
    let used = |bytes, consumed| {
        let mut quota = Quota::new(bytes);
        quota.consumed = consumed;
        quota
    };
    let largest = i64::MAX as u64;
    for (quota, flags) in [
        (used(largest, largest), QuotaFlags::DEPLETED),
        (used(largest, largest - 1), QuotaFlags::empty()),
        (used(0, 0), QuotaFlags::DEPLETED),
    ] {
        let kept = kept(&mut conn, quota);
        assert_eq!((kept.bytes, kept.consumed, kept.flags), (quota.bytes, quota.consumed, flags));
    }
    refused_before(&mut conn, used(largest + 1, 0));
    refused_before(&mut conn, used(1, 2));
}

pub(crate) fn tables_of_other_families_refuse_objects() {
    let mut conn = conn();
    let any = "::".parse().unwrap();
    let error = refused(&mut conn, |batch| batch.add(&fw()).add(&Tunnel::v6(1, any, any).named(fw(), "x")));
    assert!(error.is_not_found(), "{error}");
    let expect = CtExpect::new(L4Proto::TCP, 1, secs(1), 1).named(fw(), "x");
    let error = refused(&mut conn, |batch| batch.add(&fw()).add(&expect));
    assert_eq!(error.errno(), Some(nftlink::Errno::EAFNOSUPPORT), "{error}");
}

pub(crate) fn absent_helper_and_security_context_are_named() {
    let mut conn = conn();
    let absent = named("x", CtHelper::new("fifteen-letters", L4Proto::TCP));
    let error = refused(&mut conn, |batch| batch.add(&fw()).add(&absent));
    assert!(error.is_not_found(), "{error}");
    let context = "x".repeat(256);
    let error = refused(&mut conn, |batch| batch.add(&fw()).add(&named("x", Secmark::new(context.as_str()))));
    // Without a policy there is no context. A kernel without the kind, or without any security module, says so too.
    assert!(error.is_not_found(), "{error}");
    refused_before(&mut conn, Secmark::new(""));
    refused_before(&mut conn, Secmark::new("x".repeat(4097)));
}

pub(crate) fn values_are_read_as_their_kind_and_listed_by_kind() {
    let mut conn = conn();
    commit(&mut conn, |batch| add_all(batch, &of_each_kind()));
    commit(&mut conn, |batch| batch.add(&Table::ip("other")).add(&Quota::new(9).named(Table::ip("other"), "quota")));
    let names = |objects: Vec<ObjectInfo>| objects.iter().map(|o| o.name().to_string()).collect::<Vec<_>>();
    assert_eq!(names(conn.objects_of_kind(ObjectKind::QUOTA, &fw()).unwrap()), ["quota", "quota_over"]);
    assert_eq!(names(conn.objects_of_kind(ObjectKind::QUOTA, ..).unwrap()), ["quota", "quota_over", "quota"]);
    assert_eq!(names(conn.objects_of_kind(ObjectKind::QUOTA, Family::IP).unwrap()), ["quota"]);
    assert_eq!(names(conn.objects_of_kind(ObjectKind::SECMARK, ..).unwrap()), [""; 0]);
    let absent = conn.objects_of_kind(ObjectKind::QUOTA, &Table::ip6("absent"));
    assert!(absent.unwrap_err().is_not_found());

    let quota = Quota::new(0).named(fw(), "quota");
    assert_eq!(conn.object_value::<Quota>(&quota).unwrap().bytes, 10 << 20);
    let error = conn.object_value::<Limit>(&quota).unwrap_err();
    assert_eq!(error.to_string(), "object inet fw quota is quota, not limit");
    assert!(conn.object_value::<Quota>(Quota::new(0).named(fw(), "counter")).unwrap_err().is_not_found());
}

pub(crate) fn objects_are_reset_with_what_they_had_counted() {
    let mut conn = conn();
    let used = |bytes, consumed| {
        let mut quota = Quota::new(bytes);
        quota.consumed = consumed;
        quota
    };
    let (other, counted) = (Table::ip("other"), Counter::new(3, 30));
    let fill = |conn: &mut Conn| {
        commit(conn, |batch| {
            batch.reset(&fw()).reset(&other).add(&Limit::packets(1, 1).named(fw(), "limit"));
            batch.add(&Named::new(fw(), "counter", counted)).add(&used(100, 40).named(fw(), "quota"));
            batch.add(&Named::new(&other, "counter", counted))
        });
    };
    let values = |objects: &[ObjectInfo]| {
        let mut values: Vec<_> = objects.iter().map(|o| (o.at().to_string(), o.any_value().unwrap())).collect();
        values.sort_by(|(one, _), (other, _)| one.cmp(other));
        values
    };
    for n in 0..3 {
        fill(&mut conn);
        let before = values(&conn.objects(..).unwrap());
        let told = match n {
            0 => conn.reset_objects(..).unwrap(),
            1 => conn.reset_objects(&fw()).unwrap(),
            _ => vec![conn.reset_object(Quota::new(0).named(fw(), "quota")).unwrap()],
        };
        let after = values(&conn.objects(..).unwrap());
        for ((at, before), (_, after)) in before.iter().zip(&after) {
            let was_told = values(&told).into_iter().find(|(name, _)| name == at).map(|(_, value)| value);
            assert!(was_told.as_ref().is_none_or(|told| told == before), "{at}: {was_told:?} of {before:?}");
            let zero = match before {
                Value::Counter(_) => Counter::new(0, 0).into(),
                Value::Quota(quota) => Quota::new(quota.bytes).into(),
                other => other.clone(),
            };
            assert_eq!(*after, if was_told.is_some() { zero } else { before.clone() }, "{at} of scope {n}");
        }
        assert_eq!(told.len(), [4, 3, 1][n]);
    }
    assert!(conn.reset_object(Quota::new(0).named(fw(), "absent")).unwrap_err().is_not_found());
    assert!(conn.reset_objects(&Table::ip6("absent")).unwrap_err().is_not_found());
}

pub(crate) fn quota_that_is_used_up_is_put_back() {
    let mut conn = conn();
    let mut quota = Quota::new(10);
    quota.consumed = 10;
    let object = quota.named(fw(), "quota");
    commit(&mut conn, |batch| batch.add(&fw()).add(&object));
    let read = conn.object(&object).unwrap();
    let value = read.value::<Quota>().unwrap().unwrap();
    assert_eq!((value.bytes, value.consumed, value.flags), (10, 10, QuotaFlags::DEPLETED));
    commit(&mut conn, |batch| batch.delete(&fw()).add(&fw()).add(&read));
    assert_eq!(conn.object(&object).unwrap(), read);
}

pub(crate) fn quota_is_changed_by_adding_it_again_and_others_are_not() {
    let mut conn = conn();
    let (limit, quota) = (Limit::packets(1, 1).named(fw(), "limit"), Quota::new(10).named(fw(), "quota"));
    commit(&mut conn, |batch| batch.add(&fw()).add(&limit).add(&quota));
    commit(&mut conn, |batch| {
        batch.add(&limit.clone().with(Limit::packets(2, 1))).add(&quota.clone().with(Quota::new(20).over()))
    });
    assert_eq!(conn.object_value::<Limit>(&limit).unwrap(), Limit::packets(1, 1));
    assert_eq!(conn.object_value::<Quota>(&quota).unwrap(), Quota::new(20).over());
    let error = refused(&mut conn, |batch| batch.create(&limit));
    assert!(error.is_exists(), "{error}");
}

pub(crate) fn objects_are_deleted_by_handle_whatever_has_their_name() {
    let mut conn = conn();
    commit(&mut conn, |batch| add_all(batch, &of_each_kind()));
    let read = conn.objects(..).unwrap();
    let counter = conn.object(Counter::named(fw(), "counter")).unwrap();
    // Another one has the name now.
    commit(&mut conn, |batch| batch.delete(&counter).add(&counter));
    let mut batch = Batch::new();
    batch.delete_by_handle(&counter);
    assert_eq!(batch.to_string(), format!("delete counter inet fw handle {}\n", counter.handle()));
    assert!(conn.commit(&batch).unwrap_err().is_not_found());
    let now = conn.objects(..).unwrap();
    assert_eq!(now.len(), read.len());
    commit(&mut conn, |batch| now.iter().fold(batch, Batch::delete_by_handle));
    assert_eq!(conn.objects(..).unwrap(), []);
}

pub(crate) fn rules_refer_to_objects_of_each_kind() {
    let mut conn = conn();
    let objects = of_each_kind();
    // Helpers, timeouts and expectations are a new connection's; a proxy stands where packets come in to be
    // forwarded or received; a tunnel is told to a device.
    let pre = fw().chain("pre").filter(Hook::PREROUTING, Priority::MANGLE);
    let input = fw().chain("input").filter(Hook::INPUT, Priority::FILTER);
    let ingress = dev().chain("ingress").filter(Hook::INGRESS, Priority::FILTER).device("lo");
    commit(&mut conn, |batch| {
        add_all(batch, &objects).add(&pre).add(&input).add(&ingress);
        objects.iter().fold(batch, |batch, object| {
            let chain = match object.at().kind() {
                ObjectKind::SYNPROXY => &input,
                ObjectKind::TUNNEL => &ingress,
                _ => &pre,
            };
            batch.append(chain, Rule::new().object(object))
        })
    });
    for object in &objects {
        let info = conn.object(object).unwrap();
        assert_eq!(info.uses(), 1, "{}", info.bytecode());
        let error = refused(&mut conn, |batch| batch.delete(object));
        assert!(error.is_busy(), "{error}");
    }
    let shown = conn.rules(&input).unwrap()[0].bytecode().to_string();
    assert!(shown.contains("[ objref type 10 name synproxy ]"), "{shown}");
}

pub(crate) fn synproxy_stands_at_input_and_forward() {
    let mut conn = conn();
    let proxy = Synproxy::new().mss(1460).wscale(7).named(fw(), "proxy");
    let with = |hook| {
        let (chain, proxy) = (fw().chain("chain").filter(hook, Priority::FILTER), proxy.clone());
        move |batch: &mut Batch| {
            batch.reset(&fw()).add(&proxy).add(&chain).append(&chain, Rule::new().object(&proxy));
        }
    };
    for hook in [Hook::INPUT, Hook::FORWARD] {
        commit(&mut conn, |batch| {
            with(hook)(batch);
            batch
        });
    }
    let error = refused(&mut conn, |batch| {
        with(Hook::OUTPUT)(batch);
        batch
    });
    assert_eq!(error.errno(), Some(nftlink::Errno::EOPNOTSUPP), "{error}");
}

pub(crate) fn mistake_in_an_objects_data_is_named() {
    let mut conn = conn();
    let absent = CtHelper::new("ftp", L4Proto::TCP).l3proto(L3Proto::from_raw(99));
    let error = refused(&mut conn, |batch| batch.add(&fw()).add(&absent.named(fw(), "x")));
    assert!(error.to_string().starts_with("operation 1 (add ct helper inet fw x): "), "{error}");
}
