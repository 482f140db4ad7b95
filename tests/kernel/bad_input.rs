//! What cannot be, is refused: before it is sent where the library knows, with the kernel's word where it does not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nftlink::datum::Port;
use nftlink::error::BuildErrorKind;
use nftlink::expr::Counter;
use nftlink::field::{ip, ip6, tcp};
use nftlink::{
    Batch, Conn, Element, Errno, Error, Hook, Interval, Name, Rule, RuleBuilder, Set, SetRef, Table, object,
};
use nix::sched::{CloneFlags, unshare};

use crate::process::send;
use crate::{commit, conn, fw, input, interval, refused, rule};

/// The mistake for which a batch is not sent.
#[track_caller]
pub(crate) fn mistake(conn: &mut Conn, fill: impl FnOnce(&mut Batch) -> &mut Batch) -> BuildErrorKind {
    match refused(conn, fill) {
        Error::Build(error) => error.kind().clone(),
        other => panic!("not a mistake: {other}"),
    }
}

pub(crate) fn bad_names_are_refused_before_anything_is_sent() {
    let mut conn = conn();
    let long = "x".repeat(256);
    for bad in ["", long.as_str(), "a\0b"] {
        let kind = |what| match bad.len() {
            0 => BuildErrorKind::NameEmpty { what },
            256 => BuildErrorKind::NameTooLong { what, len: 256, max: 255 },
            _ => BuildErrorKind::NameHasNul { what },
        };
        let table = Table::inet(bad);
        let (chain, set) = (fw().chain(bad), Set::<Port>::new(fw(), bad));
        let counter = object::Counter::named(fw(), bad);
        let kinds = [
            ("table", mistake(&mut conn, |batch| batch.add(&fw()).add(&table))),
            ("table", mistake(&mut conn, |batch| batch.delete(&table))),
            ("table", mistake(&mut conn, |batch| batch.append(table.chain("c"), rule("a")))),
            ("chain", mistake(&mut conn, |batch| batch.add(&fw()).create(&chain))),
            ("chain", mistake(&mut conn, |batch| batch.add(&fw()).append(&chain, rule("a")))),
            ("chain", mistake(&mut conn, |batch| batch.add(&fw()).flush(&chain))),
            ("set", mistake(&mut conn, |batch| batch.add(&fw()).add(&set))),
            ("set", mistake(&mut conn, |batch| batch.add(&fw()).add_elements(&set, [80]))),
            ("object", mistake(&mut conn, |batch| batch.add(&fw()).add(&counter))),
        ];
        for (what, found) in kinds {
            assert_eq!(found, kind(what), "{bad:?}");
        }
    }
    for bad in ["%", "set%d", "100%"] {
        let set = Set::<Port>::new(fw(), bad);
        assert_eq!(mistake(&mut conn, |batch| batch.add(&fw()).add(&set)), BuildErrorKind::NameHasPercent);
    }
}

pub(crate) fn longest_names_and_comments_are_taken() {
    let mut conn = conn();
    let (name, comment) = ("n".repeat(255), "c".repeat(127));
    let table = Table::inet(&name).comment(comment.as_str());
    let chain = table.chain(&name).filter(Hook::INPUT, 0).comment(comment.as_str());
    let set = Set::<Port>::new(&table, &name).comment(comment.as_str());
    let counter = object::Counter::named(&table, &name).comment(comment.as_str());
    commit(&mut conn, |batch| {
        batch.add(&table).add(&chain).add(&set).add(&counter).append(&chain, rule(&comment).object(&counter));
        batch.add_elements(&set, [Element::new(80).comment(comment.as_str())])
    });
    let (table, chain, set) = (conn.table(&table).unwrap(), conn.chain(&chain).unwrap(), conn.set(&set).unwrap());
    let (counter, rules) = (conn.object(&counter).unwrap(), conn.rules(&chain).unwrap());
    let elements = conn.elements(&set.typed::<Port>().unwrap()).unwrap();
    for read in [table.name(), chain.name(), set.name(), counter.name()] {
        assert_eq!(read, &Name::from(&name));
    }
    let comments = [table.comment(), chain.comment(), set.comment(), counter.comment(), rules[0].comment()];
    assert_eq!(comments, [Some(comment.as_str()); 5]);
    assert_eq!(elements[0].comment(), Some(comment.as_str()));
}

pub(crate) fn comment_of_128_bytes_is_refused() {
    let mut conn = conn();
    let set = Set::<Port>::new(fw(), "ports");
    let kind = |bad: &'static str, conn: &mut Conn| {
        let counter = object::Counter::named(fw(), "web").comment(bad);
        let element = Element::<Port>::new(80).comment(bad);
        [
            mistake(conn, |batch| batch.add(&fw().comment(bad))),
            mistake(conn, |batch| batch.add(&fw()).add(&input().comment(bad))),
            mistake(conn, |batch| batch.add(&fw()).add(&set.clone().comment(bad))),
            mistake(conn, |batch| batch.add(&fw()).add(&counter)),
            mistake(conn, |batch| batch.add(&fw()).add(&input()).append(input(), rule(bad))),
            mistake(conn, |batch| batch.add(&fw()).add(&set).add_elements(&set, [element])),
        ]
    };
    let long: &str = "x".repeat(128).leak();
    assert_eq!(kind(long, &mut conn), [(); 6].map(|()| BuildErrorKind::CommentTooLong { len: 128 }));
    assert_eq!(kind("a\0b", &mut conn), [(); 6].map(|()| BuildErrorKind::CommentHasNul));
}

pub(crate) fn rule_of_129_expressions_is_refused_and_128_are_taken() {
    let mut conn = conn();
    let counters = |count| (0..count).fold(Rule::new(), |rule: RuleBuilder, _| rule.expr(Counter::default()));
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).append(input(), counters(128)));
    assert_eq!(conn.rules(&input()).unwrap()[0].exprs().count(), 128);
    let kind = mistake(&mut conn, |batch| batch.append(input(), counters(129)));
    assert_eq!(kind, BuildErrorKind::TooManyExpressions { count: 129 });
}

pub(crate) fn address_of_another_family_is_refused() {
    let mut conn = conn();
    let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    let (ip_chain, ip6_chain, arp_chain) =
        (Table::ip("t").chain("c"), Table::ip6("t").chain("c"), Table::arp("t").chain("c"));
    for (chain, rule) in [
        (&ip_chain, Rule::new().when(ip6::saddr().eq(v6)).drop()),
        (&ip6_chain, Rule::new().when(ip::daddr().in_prefix(v4, 8)).drop()),
        (&arp_chain, Rule::new().when(ip::saddr().eq(v4)).drop()),
        (&ip_chain, Rule::new().when(ip6::daddr().in_set(&Set::<Ipv6Addr>::new(Table::ip("t"), "s"))).drop()),
        (&ip_chain, Rule::new().dnat(IpAddr::from(v6))),
        (&ip6_chain, Rule::new().when(tcp::dport().eq(80)).snat(SocketAddr::from((v4, 80)))),
    ] {
        let kind = mistake(&mut conn, |batch| batch.append(chain, &rule));
        assert!(matches!(kind, BuildErrorKind::NotInFamily { .. }), "{rule:?}: {kind}");
    }
    // In a table of both families, a packet cannot be of both.
    let both = Rule::new().when(ip::saddr().eq(v4)).when(ip6::daddr().eq(v6)).drop();
    let kind = mistake(&mut conn, |batch| batch.append(input(), &both));
    assert!(matches!(kind, BuildErrorKind::Contradiction { .. }), "{kind}");
}

pub(crate) fn reversed_range_and_overlong_prefix_are_refused() {
    let mut conn = conn();
    let ranges = Set::<Interval<Port>>::new(fw(), "ranges");
    let nets = Set::<Interval<Ipv4Addr>>::new(fw(), "nets");
    let (from, to) = (20, 10);
    let reversed = BuildErrorKind::RangeReversed { start: "20".into(), end: "10".into() };
    let rule = Rule::new().when(tcp::dport().in_range(from..=to)).drop();
    assert_eq!(mistake(&mut conn, |batch| batch.append(input(), &rule)), reversed);
    assert_eq!(mistake(&mut conn, |batch| batch.add_elements(&ranges, [from..=to])), reversed);
    assert_eq!(mistake(&mut conn, |batch| batch.refresh_elements(&ranges, [1..=2, from..=to])), reversed);
    let too_long = BuildErrorKind::PrefixTooLong { len: 33, max: 32 };
    let rule = Rule::new().when(ip::saddr().in_prefix(Ipv4Addr::LOCALHOST, 33)).drop();
    assert_eq!(mistake(&mut conn, |batch| batch.append(input(), &rule)), too_long);
    let net = Interval::prefix(Ipv4Addr::LOCALHOST, 33);
    assert_eq!(mistake(&mut conn, |batch| batch.add_elements(&nets, [interval("10.0.0.1"), net])), too_long);
}

pub(crate) fn bad_names_in_queries_are_errors() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).add(&Table::inet("a")).append(input(), rule("a")));
    for bad in ["", "a\0b", &"x".repeat(256), &"x".repeat(70_000)] {
        let (table, chain) = (Table::inet(bad), fw().chain(bad));
        assert!(conn.table(&table).is_err(), "{bad:.9}");
        assert!(conn.tables(&table).is_err(), "{bad:.9}");
        assert!(conn.chains(&table).is_err(), "{bad:.9}");
        assert!(conn.rules(&table).is_err(), "{bad:.9}");
        assert!(conn.sets(&table).is_err(), "{bad:.9}");
        assert!(conn.objects(&table).is_err(), "{bad:.9}");
        assert!(conn.chain(&chain).is_err(), "{bad:.9}");
        assert!(conn.rules(&chain).is_err(), "{bad:.9}");
        assert!(conn.set(SetRef::new(fw(), bad)).is_err(), "{bad:.9}");
        assert!(conn.elements(&Set::<Port>::new(fw(), bad)).is_err(), "{bad:.9}");
        assert!(conn.counter(object::Counter::named(fw(), bad)).is_err(), "{bad:.9}");
    }
    assert_eq!(conn.rules(&input()).unwrap().len(), 1);
}

pub(crate) fn nothing_works_without_privilege() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()));
    send("without_privilege");
    assert_eq!(conn.tables(..).unwrap().len(), 1);
}

/// In a new user namespace, a process has no rights over the network namespace that it is still in.
pub(crate) fn without_privilege() {
    unshare(CloneFlags::CLONE_NEWUSER).expect("a user namespace");
    let mut conn = conn();
    let mut batch = Batch::new();
    batch.flush_ruleset();
    let told = "operation not permitted: the firewall needs CAP_NET_ADMIN over the network namespace";
    let error = conn.commit(&batch).unwrap_err();
    assert!(error.is_permission_denied() && matches!(error, Error::Commit(_)), "{error:?}");
    assert!(!error.is_not_owner(), "it is no question of whose a table is");
    assert_eq!((error.errno(), error.to_string().as_str()), (Some(Errno::EPERM), told));
    assert!(conn.check(&batch).unwrap_err().is_permission_denied());
    assert!(conn.commit_with_handles(&batch).unwrap_err().is_permission_denied());
    let errors = [
        conn.tables(..).unwrap_err(),
        conn.table(fw()).unwrap_err(),
        conn.rules(&fw()).unwrap_err(),
        conn.generation().unwrap_err(),
        conn.features().unwrap_err(),
        Conn::options().namespace_path("/proc/thread-self/ns/net").open().unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_permission_denied(), "{error:?}");
    }
    let error = conn.chain(input()).unwrap_err().to_string();
    let told = "operation not permitted: reading the firewall needs CAP_NET_ADMIN over the network namespace";
    assert_eq!(error, format!("chain inet fw input: {told}"));
}
