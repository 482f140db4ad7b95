//! Sets that are filled beside the one in use, and put in its place.

use std::cell::Cell;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nftlink::datum::Port;
use nftlink::error::BuildErrorKind;
use nftlink::expr::{Counter, Limit, Verdict};
use nftlink::field::{ip, tcp, udp};
use nftlink::object::{self, ObjectOf};
use nftlink::{
    Batch, Conn, Element, Errno, Error, Interval, Loader, Map, Name, Rule, RuleInfo, Set, SetFlags, SetPolicy,
    UntypedSet,
};

use crate::process::start;
use crate::support::Stop;
use crate::{commit, conn, fw, input, interval, support};

type Addresses = Set<Ipv4Addr>;

fn blocked() -> Addresses {
    Set::new(fw(), "blocked")
}

fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + n)
}

fn addresses(count: u32) -> impl Iterator<Item = Ipv4Addr> {
    (0..count).map(address)
}

fn ports() -> Set<Port> {
    Set::new(fw(), "ports")
}

fn drops(set: &Addresses) -> Rule {
    Rule::new().when(ip::saddr().in_set(set)).counter().drop()
}

/// The table with its chain, and a first set that a rule looks up.
fn in_use(count: u32) -> (Conn, Loader<'static, Ipv4Addr>, Addresses) {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    let loader = Loader::new(&blocked());
    let live = loader.load(&mut conn, addresses(count)).unwrap();
    commit(&mut conn, |batch| batch.append(input(), drops(&live)));
    (conn, loader, live)
}

/// The names of the table's sets that no rule has to itself.
#[track_caller]
fn sets(conn: &mut Conn) -> Vec<String> {
    let sets = conn.sets(&fw()).unwrap();
    let named = sets.iter().filter(|set| !set.flags().contains(SetFlags::ANONYMOUS));
    let mut names: Vec<_> = named.map(|set| set.name().to_string()).collect();
    names.sort();
    names
}

#[track_caller]
fn marks(conn: &mut Conn) -> Vec<String> {
    conn.objects(&fw()).unwrap().iter().map(|object| object.name().to_string()).collect()
}

/// Makes sure that a set of so many addresses is the only one, that nothing else is left, and what the rules look up.
#[track_caller]
fn assert_only(conn: &mut Conn, live: &Addresses, count: usize) {
    assert_eq!(sets(conn), [live.at().name().to_string()]);
    assert_eq!(marks(conn), [] as [&str; 0]);
    assert_eq!(conn.elements(live).unwrap().len(), count);
    let name = live.at().name().to_string();
    for rule in conn.rules(&fw()).unwrap() {
        assert!(rule.bytecode().to_string().contains(&format!("set {name} ")), "{}", rule.bytecode());
    }
}

/// The rules as the kernel has them, with the numbers that it gives to sets and chains left out.
fn code(rules: &[RuleInfo], live: &Name) -> Vec<String> {
    let shown = rules.iter().map(|rule| {
        let code = format!("{:?} {}", rule.comment(), rule.bytecode()).replace(&live.to_string(), "LIVE");
        ["__set", "__map", "__chain"].iter().fold(code, |code, stem| {
            let mut parts = code.split(stem);
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |text, part| text + stem + part.trim_start_matches(|c: char| c.is_ascii_digit()))
        })
    });
    shown.collect()
}

// ---- what it does ----

pub(crate) fn each_load_takes_the_place_of_the_one_before() {
    let mut conn = conn();
    let loader = Loader::new(&blocked());
    assert!(loader.live(&mut conn).unwrap_err().is_not_found(), "the table");
    assert!(loader.load(&mut conn, addresses(1)).unwrap_err().is_not_found());
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    assert!(loader.live(&mut conn).unwrap().is_none());
    let first = loader.load(&mut conn, addresses(10_000)).unwrap();
    assert_eq!(first.at().to_string(), "inet fw blocked.1");
    assert_only(&mut conn, &first, 10_000);
    // Finished it is, though no rule refers to it.
    assert_eq!(loader.live(&mut conn).unwrap().unwrap().at(), first.at());
    commit(&mut conn, |batch| {
        batch.append(input(), Rule::new().when(ip::saddr().in_set(&first)).counter_from(7, 70).comment("it").drop());
        batch.append(input(), drops(&first))
    });
    let before = conn.rules(&input()).unwrap();
    for (n, count) in [(2, 0), (3, 1), (4, 4095), (5, 4096), (6, 9000)] {
        let live = loader.load(&mut conn, addresses(count)).unwrap();
        assert_eq!(live.at().to_string(), format!("inet fw blocked.{n}"));
        assert_only(&mut conn, &live, count as usize);
        assert_eq!(loader.live(&mut conn).unwrap().unwrap().at(), live.at());
        let after = conn.rules(&input()).unwrap();
        assert_eq!(code(&after, live.at().name()), code(&before, first.at().name()));
        let kept = |rules: &[RuleInfo]| rules.iter().map(|rule| (rule.handle(), rule.counter())).collect::<Vec<_>>();
        assert_eq!(kept(&after), kept(&before), "handles and counters");
        // The set is there to go on with.
        commit(&mut conn, |batch| batch.add_elements(&live, [address(1 << 20)]));
    }
}

pub(crate) fn set_of_the_plain_name_is_replaced_the_first_time() {
    let mut conn = conn();
    commit(&mut conn, |batch| {
        batch.add(&fw()).add(&input()).add(&blocked()).add_elements(&blocked(), [address(0)]);
        batch.append(input(), drops(&blocked()))
    });
    let loader = Loader::new(&blocked());
    assert_eq!(loader.live(&mut conn).unwrap().unwrap().at().name(), &"blocked");
    let live = loader.load(&mut conn, addresses(5)).unwrap();
    assert_only(&mut conn, &live, 5);
    // Made again beside the live one it is not in use, and goes the next time, whatever looks it up.
    commit(&mut conn, |batch| batch.add(&blocked()).append(input(), drops(&blocked())));
    assert_eq!(loader.live(&mut conn).unwrap().unwrap().at(), live.at());
    let live = loader.load(&mut conn, addresses(6)).unwrap();
    assert_only(&mut conn, &live, 6);
}

pub(crate) fn hundred_thousand_elements_are_loaded_whatever_the_send_buffer() {
    let (mut conn, loader, _) = in_use(10);
    let live = loader.load(&mut conn, addresses(100_000)).unwrap();
    assert_only(&mut conn, &live, 100_000);
    // Some 20 MB in all, of which an ordinary user may send a hundredth at once.
    let wide = Set::<Ipv6Addr>::new(fw(), "wide");
    let count = support::times(100_000) as u128;
    let long = "x".repeat(120);
    let elements = (0..count).map(|n| Element::new(Ipv6Addr::from(n)).comment(long.as_str()));
    let live = Loader::new(&wide).load(&mut conn, elements).unwrap();
    assert_eq!(conn.elements(&live).unwrap().len() as u128, count);
}

pub(crate) fn fresh_set_has_all_that_the_set_was_given() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()));
    let spec = Set::<Interval<Ipv4Addr>>::new(fw(), "blocked")
        .timeout(Duration::from_secs(600))
        .gc_interval(Duration::from_secs(5))
        .size(50_000)
        .policy(SetPolicy::MEMORY)
        .auto_merge()
        .counters()
        .typeof_key(&ip::saddr())
        .comment("mine");
    let model = Set::<(Interval<Ipv4Addr>, Port)>::new(fw(), "pairs").timeouts().comment("pairs");
    let elements = [
        Element::new(interval::<Ipv4Addr>("10.0.0.0/8")).timeout(Duration::from_secs(60)).comment("net"),
        Element::new(interval::<Ipv4Addr>("192.0.2.1")).stateful(Counter::new(3, 30)),
    ];
    let live = Loader::new(&spec).load(&mut conn, elements.clone()).unwrap();
    let pairs = Loader::new(&model).load(&mut conn, [(interval::<Ipv4Addr>("10.0.0.0/8"), 80)]).unwrap();
    commit(&mut conn, |batch| batch.add(&spec).add(&model).add_elements(&spec, elements));
    for (live, spec) in [(live.at(), spec.at()), (pairs.at(), model.at())] {
        let [mut live, spec] = [live, spec].map(|at| UntypedSet::from(&conn.set(at).unwrap()));
        live.at = spec.at.clone();
        assert_eq!(live, spec);
    }
    let held = |set: &Set<Interval<Ipv4Addr>>, conn: &mut Conn| {
        let elements = conn.elements(set).unwrap();
        let of = |e: &nftlink::ElementInfo<Interval<Ipv4Addr>>| {
            (e.key().unwrap().to_string(), e.comment().map(str::to_owned), e.timeout(), e.counter())
        };
        elements.iter().map(of).collect::<Vec<_>>()
    };
    let loaded = held(&live, &mut conn);
    assert_eq!(loaded, held(&spec, &mut conn));
    assert_eq!(loaded.len(), 2);
}

pub(crate) fn intervals_are_loaded_as_one_batch_would_add_them() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()));
    let count = support::times(100_000) as u32;
    // In no order, each with a gap behind it.
    let scattered = |n: u32| Ipv4Addr::from((n.wrapping_mul(0x9e37_79b1) & 0x00ff_ffff) << 8);
    let plain = Set::<Interval<Ipv4Addr>>::new(fw(), "plain");
    let range = |n| scattered(n)..=Ipv4Addr::from(u32::from(scattered(n)) + 250);
    let live = Loader::new(&plain).load(&mut conn, (0..count).map(range)).unwrap();
    let keys = |conn: &mut Conn, set: &Set<Interval<Ipv4Addr>>| {
        conn.elements(set).unwrap().iter().map(|e| e.key().unwrap().to_string()).collect::<Vec<_>>()
    };
    let mut expected: Vec<_> = (0..count).map(range).collect();
    expected.sort_by_key(|range| *range.start());
    assert!(keys(&mut conn, &live).into_iter().eq(expected.iter().cloned().map(|r| Interval::range(r).to_string())));

    // Those that touch or overlap, wherever they come, are one: an even one ends in the next, an odd one does not.
    let merged = Set::<Interval<Ipv4Addr>>::new(fw(), "merged").auto_merge();
    let range = |n: u32| address(n * 8)..=address(n * 8 + if n % 2 == 0 { 9 } else { 5 });
    let all = || (0..20_000).rev().map(range);
    let live = Loader::new(&merged).load(&mut conn, all()).unwrap();
    let merged_keys = keys(&mut conn, &live);
    assert_eq!(merged_keys.len(), 10_000);
    let mut part = Batch::new();
    part.add(&merged).add_elements(&merged, (0..200).rev().map(range));
    conn.commit(&part).unwrap();
    assert_eq!(keys(&mut conn, &merged), merged_keys[..100]);
}

pub(crate) fn overlap_is_refused_wherever_it_comes() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()));
    let set = Set::<Interval<Ipv4Addr>>::new(fw(), "set");
    let loader = Loader::new(&set);
    let before = loader.load(&mut conn, [address(1)]).unwrap();
    let many = || (0..70_000).map(|n| Interval::value(address(n * 2)));
    let with = |other: &str| many().chain([interval::<Ipv4Addr>(other)]);
    let error = loader.load(&mut conn, with("10.0.0.0-10.0.0.1")).unwrap_err();
    assert!(error.is_exists(), "{error}");
    // The kernel itself would not see it.
    for other in ["10.0.0.1-255.255.255.255", "10.2.0.1-255.255.255.255"] {
        let error = loader.load(&mut conn, with(other)).unwrap_err();
        assert!(matches!(&error, Error::Build(build) if build.kind() == &BuildErrorKind::Overlap), "{error}");
    }
    assert_eq!((sets(&mut conn), marks(&mut conn)), (vec!["set.1".to_owned()], vec![]));
    assert_eq!(conn.elements(&before).unwrap().len(), 1);
    // What touches does not overlap, and what is given twice is one.
    let live = loader.load(&mut conn, with("11.0.0.0-255.255.255.255").chain([Interval::value(address(0))])).unwrap();
    assert_eq!(conn.elements(&live).unwrap().len(), 70_001);
}

// ---- the rules ----

pub(crate) fn rules_of_every_kind_are_written_again_without_loss() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).add(&fw().chain("other")));
    let spec = ports().dynamic().timeouts().size(1000);
    let loader = Loader::new(&spec);
    let live = loader.load(&mut conn, [22, 80]).unwrap();
    commit(&mut conn, |batch| {
        let own = Rule::new().when(tcp::sport().one_of([1, 2, 3])).when(tcp::dport().not_in_set(&live));
        let inside = [
            Rule::new().when(tcp::dport().in_set(&live)).when(ip::saddr().one_of([address(1), address(2)])).drop(),
            Rule::new().when(tcp::sport().one_of([7, 8])).accept(),
        ];
        let vmap = [(1, Verdict::ACCEPT), (2, Verdict::jump(&fw().chain("other")))];
        batch.append(input(), own.limit(Limit::packets(10, Limit::SECOND)).comment("own").vmap(tcp::dport(), vmap));
        batch.append(input(), Rule::new().when(tcp::dport().eq(1)).comment("another").counter_from(1, 2));
        batch.append(
            fw().chain("other"),
            Rule::new().add_to(&live, tcp::dport().timeout(Duration::from_secs(9))).comment("adds"),
        );
        batch.append(input(), Rule::new().when(tcp::sport().one_of([5, 6])).jump_rules(inside).comment("chain"));
        let elsewhere = [Rule::new().when(tcp::sport().eq(9)).drop()];
        batch.append(input(), Rule::new().when(tcp::sport().eq(9)).jump_rules(elsewhere).comment("not this one"))
    });
    let before = conn.ruleset(&fw()).unwrap();
    let next = loader.load(&mut conn, [443]).unwrap();
    let after = conn.ruleset(&fw()).unwrap();
    let [before, after] = [&before, &after].map(|ruleset| ruleset.table(fw()).unwrap());
    let ordered = |table: &nftlink::ruleset::TableContents, live: &Name| {
        let mut shown = Vec::new();
        for chain in table.chains() {
            shown.extend(code(&table.rules_of(chain).cloned().collect::<Vec<_>>(), live));
        }
        shown.sort();
        shown
    };
    assert_eq!(ordered(after, next.at().name()), ordered(before, live.at().name()));
    assert!(ordered(after, next.at().name()).iter().filter(|code| code.contains("LIVE")).count() >= 3);
    let handles = |table: &nftlink::ruleset::TableContents| {
        table.rules_of(input()).map(|rule| (rule.handle(), rule.position())).collect::<Vec<_>>()
    };
    assert_eq!(handles(after), handles(before));
    // Sets of the rules' own hold what they held, and as many as there were are there.
    let held = |table: &nftlink::ruleset::TableContents| {
        let own = table.sets().iter().filter(|set| set.info().flags().contains(SetFlags::ANONYMOUS));
        let mut held: Vec<_> = own
            .map(|set| {
                let mut keys: Vec<_> = set.entries().iter().map(|e| format!("{:?} {:?}", e.key(), e.data())).collect();
                keys.sort();
                keys
            })
            .collect();
        held.sort();
        held
    };
    assert_eq!(held(after), held(before));
    assert_eq!(held(after).len(), 5);
    assert_eq!(sets(&mut conn), ["ports.2"]);
}

pub(crate) fn maps_of_verdicts_and_objects_are_replaced() {
    let mut conn = conn();
    let (web, ssh) = (fw().chain("web"), fw().chain("ssh"));
    let [first, second] = ["first", "second"].map(|name| object::Counter::named(fw(), name));
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()).add(&web).add(&ssh).add(&first).add(&second));
    let verdicts = Loader::new(&Map::<Port, Verdict>::new(fw(), "verdicts"));
    let counters = Loader::new(&Map::<Port, ObjectOf<Counter>>::new(fw(), "counters"));
    let mut handles = Vec::new();
    for round in 0..3u16 {
        let chains = (0..9000).map(|n| (n, if n % 2 == round % 2 { Verdict::jump(&web) } else { Verdict::goto(&ssh) }));
        let verdicts = verdicts.load(&mut conn, chains).unwrap();
        let objects = (0..9000).map(|n| (n, if n % 2 == round % 2 { &first } else { &second }));
        let counters = counters.load(&mut conn, objects).unwrap();
        if round == 0 {
            commit(&mut conn, |batch| {
                batch.append(input(), Rule::new().vmap(tcp::dport(), &verdicts));
                batch.append(input(), Rule::new().object_map(udp::dport(), &counters))
            });
            handles.extend(conn.rules(&input()).unwrap().iter().map(RuleInfo::handle));
        }
        let rules = conn.rules(&input()).unwrap();
        assert_eq!(rules.iter().map(RuleInfo::handle).collect::<Vec<_>>(), handles);
        assert_eq!(conn.elements(&verdicts).unwrap().len(), 9000);
        assert_eq!(conn.elements(&counters).unwrap().len(), 9000);
        assert_eq!(sets(&mut conn), [counters.at().name().to_string(), verdicts.at().name().to_string()]);
        let one = conn.element(&verdicts, 1u16).unwrap();
        assert_eq!(*one.value(), if round % 2 == 1 { Verdict::jump(&web) } else { Verdict::goto(&ssh) });
        // What the elements refer to is in use.
        assert!(crate::refused(&mut conn, |batch| batch.delete(&web)).is_busy());
    }
    // Without the map nothing refers to the chains any more: no reference of an old map was left.
    let verdicts = verdicts.load(&mut conn, [(1u16, Verdict::ACCEPT)]).unwrap();
    assert_eq!(conn.elements(&verdicts).unwrap().len(), 1);
    commit(&mut conn, |batch| batch.delete(&web).delete(&ssh));
}

pub(crate) fn given_rules_are_replaced_as_they_are_given() {
    let (mut conn, _, live) = in_use(10);
    let handle = conn.rules(&input()).unwrap()[0].handle();
    let given = Loader::new(&blocked()).replacing(input(), handle, |live| {
        Rule::new().when(ip::saddr().in_set(live)).counter_from(5, 50).comment("given").drop()
    });
    let next = given.load(&mut conn, addresses(20)).unwrap();
    assert_only(&mut conn, &next, 20);
    let rule = &conn.rules(&input()).unwrap()[0];
    assert_eq!((rule.handle(), rule.comment(), rule.counter()), (handle, Some("given"), Some(Counter::new(5, 50))));
    assert_ne!(next.at(), live.at());
    // One that was not given keeps the old set.
    commit(&mut conn, |batch| batch.append(input(), drops(&next)));
    let error = given.load(&mut conn, addresses(30)).unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert_only(&mut conn, &next, 20);
    // One that is not there any more is an error, too.
    let rules = conn.rules(&input()).unwrap();
    commit(&mut conn, |batch| batch.delete(&rules[0]).delete(&rules[1]));
    assert!(given.load(&mut conn, addresses(30)).unwrap_err().is_not_found());
    assert_only(&mut conn, &next, 20);
}

// ---- errors ----

/// Loads what fails, and makes sure that it left nothing.
#[track_caller]
fn fails<X: From<Error> + std::fmt::Debug>(
    elements: impl Iterator<Item = Result<Element<Ipv4Addr>, X>>,
    spec: &Addresses,
) -> X {
    let (mut conn, _, live) = in_use(10);
    let error = Loader::new(spec).try_load(&mut conn, elements).unwrap_err();
    assert_only(&mut conn, &live, 10);
    let again = Loader::new(spec).load(&mut conn, addresses(3)).unwrap();
    assert_only(&mut conn, &again, 3);
    error
}

fn element(n: u32) -> Element<Ipv4Addr> {
    Element::new(address(n))
}

pub(crate) fn element_that_cannot_be_expressed_leaves_nothing() {
    let long = (0..50_000).map(|n| if n == 30_000 { element(n).comment("x".repeat(128)) } else { element(n) });
    let error = fails(long.map(Ok::<_, Error>), &blocked());
    assert!(
        matches!(&error, Error::Build(build) if build.kind() == &BuildErrorKind::CommentTooLong { len: 128 }),
        "{error}"
    );
}

pub(crate) fn element_that_the_kernel_refuses_leaves_nothing() {
    // A timeout in a set without.
    let timed = (0..50_000).map(|n| if n == 30_000 { element(n).timeout(Duration::from_secs(9)) } else { element(n) });
    let error = fails(timed.map(Ok::<_, Error>), &blocked());
    assert_eq!(error.errno(), Some(Errno::EINVAL), "{error}");
    assert!(error.to_string().contains("10.0.117.48"), "the element is named: {error}");
    // More than there may be.
    let error = fails((0..50_000).map(element).map(Ok::<_, Error>), &blocked().size(20_000));
    assert_eq!(error.errno(), Some(Errno::ENFILE), "{error}");
}

/// What a source of elements may say.
#[derive(Debug)]
enum Mine {
    Source(u32),
    Nft,
}

impl From<Error> for Mine {
    fn from(_: Error) -> Self {
        Self::Nft
    }
}

pub(crate) fn source_that_fails_leaves_nothing() {
    for at in [0, 1, 4094, 4095, 4096, 30_000] {
        let taken = Cell::new(0);
        let elements = (0..50_000).map(|n| {
            taken.set(n);
            if n == at { Err(Mine::Source(n)) } else { Ok(element(n)) }
        });
        let error = fails(elements, &blocked());
        assert!(matches!(error, Mine::Source(n) if n == at), "{error:?}");
        assert_eq!(taken.get(), at, "nothing is taken behind it");
    }
}

pub(crate) fn source_that_panics_leaves_nothing() {
    let (mut conn, loader, live) = in_use(10);
    let elements = (0..50_000).map(|n| if n == 30_000 { resume_unwind(Box::new("mine")) } else { address(n) });
    let panic = catch_unwind(AssertUnwindSafe(|| loader.load(&mut conn, elements))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"mine"));
    assert_only(&mut conn, &live, 10);
}

pub(crate) fn set_of_another_type_is_refused() {
    let (mut conn, _, live) = in_use(10);
    let error = Loader::new(&Set::<Port>::new(fw(), "blocked")).load(&mut conn, [1]).unwrap_err();
    assert!(matches!(error, Error::WrongType(_)), "{error}");
    assert!(matches!(Loader::new(&Set::<Port>::new(fw(), "blocked")).live(&mut conn), Err(Error::WrongType(_))));
    assert_only(&mut conn, &live, 10);
}

// ---- others ----

pub(crate) fn who_begins_last_wins() {
    let (mut conn, loader, _) = in_use(10);
    let mut other = crate::conn();
    // The other one loads all of its set meanwhile.
    let elements = (0..50_000).map(|n| {
        if n == 20_000 {
            loader.load(&mut other, addresses(7)).unwrap();
        }
        address(n)
    });
    let error = loader.load(&mut conn, elements).unwrap_err();
    let told = "set inet fw blocked.2 was removed while it was being filled: another loader of it began, or the \
                table was emptied";
    assert!(matches!(error, Error::Superseded { .. }), "{error:?}");
    assert_eq!(error.to_string(), told);
    let live = loader.live(&mut conn).unwrap().unwrap();
    assert_eq!(live.at().name(), &"blocked.3");
    assert_only(&mut conn, &live, 7);
}

pub(crate) fn name_that_another_has_taken_again_is_left_alone() {
    let (mut conn, loader, _) = in_use(10);
    let (mut other, mut third) = (crate::conn(), crate::conn());
    let elements = (0..50_000).map(|n| {
        if n == 20_000 {
            // One has it deleted and fails itself; then the same name is free for the next.
            loader.load(&mut other, [element(0).comment("x".repeat(200))]).unwrap_err();
            let live = loader.load(&mut third, addresses(9)).unwrap();
            assert_eq!(live.at().name(), &"blocked.2");
        }
        address(n)
    });
    let error = loader.load(&mut conn, elements).unwrap_err();
    assert!(matches!(error, Error::Superseded { .. }), "{error:?}");
    let live = loader.live(&mut conn).unwrap().unwrap();
    assert_eq!(live.at().name(), &"blocked.2");
    assert_only(&mut conn, &live, 9);
}

pub(crate) fn table_that_goes_is_told_as_such() {
    let (mut conn, loader, _) = in_use(10);
    let mut other = crate::conn();
    let elements = (0..50_000).map(|n| {
        if n == 20_000 {
            commit(&mut other, |batch| batch.delete(&fw()));
        }
        address(n)
    });
    assert!(loader.load(&mut conn, elements).unwrap_err().is_not_found());
    assert_eq!(conn.tables(..).unwrap(), []);
}

/// Whatever happens, there is one set that is whole, which all rules look up, and everyone else hears that.
pub(crate) fn many_loaders_at_once_leave_one_whole_set() {
    const EACH: u32 = 6;
    let (mut conn, _, _) = in_use(10);
    let rounds = support::times(20);
    let loaded = AtomicU32::new(0);
    thread::scope(|scope| {
        for n in 1..=4u32 {
            let loaded = &loaded;
            scope.spawn(move || {
                let (mut conn, loader) = (crate::conn(), Loader::new(&blocked()));
                for _ in 0..rounds {
                    match loader.load(&mut conn, (0..n * 4095 * EACH).map(address)) {
                        Ok(_) => _ = loaded.fetch_add(1, Ordering::Relaxed),
                        Err(Error::Superseded { .. } | Error::Inconsistent { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
        }
    });
    assert!(loaded.into_inner() > 0);
    let live = Loader::new(&blocked()).live(&mut conn).unwrap().unwrap();
    let count = conn.elements(&live).unwrap().len() as u32;
    assert!(count % (4095 * EACH) == 0 && count > 0, "{count}");
    assert_only(&mut conn, &live, count as usize);
}

pub(crate) fn rules_that_others_add_meanwhile_are_not_missed() {
    let (mut conn, loader, live) = in_use(10);
    let (stop, added) = (AtomicBool::new(false), AtomicU32::new(1));
    let begin = Instant::now();
    let live = loader.load(&mut conn, addresses(5000)).unwrap_or(live);
    // Longer than a reading and its commit take, much shorter than a load.
    let (pause, wanted) = (begin.elapsed() / 4, support::times(50).max(4) as u32);
    let live = thread::scope(|scope| {
        let other = scope.spawn(|| {
            let (mut conn, loader) = (crate::conn(), Loader::new(&blocked()));
            while !stop.load(Ordering::Relaxed) {
                let live = match loader.live(&mut conn) {
                    Err(Error::Inconsistent { .. }) => continue,
                    live => live.unwrap().unwrap(),
                };
                let mut batch = Batch::new();
                batch.append(input(), drops(&live));
                match conn.commit(&batch) {
                    Ok(()) => _ = added.fetch_add(1, Ordering::Relaxed),
                    // By now there is another.
                    Err(error) => assert!(error.is_not_found(), "{error}"),
                }
                thread::sleep(pause);
            }
        });
        let _stop = Stop(&stop);
        let mut live = live;
        while added.load(Ordering::Relaxed) < wanted && !other.is_finished() {
            match loader.load(&mut conn, addresses(5000)) {
                Ok(next) => live = next,
                // On a slow machine none of the attempts comes through between two of the other's commits.
                Err(error) => assert!(matches!(error, Error::Inconsistent { .. }), "{error}"),
            }
        }
        live
    });
    assert_only(&mut conn, &live, 5000);
    assert_eq!(conn.rules(&input()).unwrap().len() as u32, added.into_inner());
}

pub(crate) fn given_rules_are_replaced_beside_somebody_who_commits_all_the_time() {
    let (mut conn, loader, _) = in_use(10);
    let handle = conn.rules(&input()).unwrap()[0].handle();
    // Many rules to be read each time, which takes longer than a commit.
    let count = support::times(20_000);
    let other = fw().chain("other");
    commit(&mut conn, |batch| {
        batch.add(&other);
        (0..count).for_each(|_| _ = batch.append(&other, Rule::new()));
        batch
    });
    let given = Loader::new(&blocked()).replacing(input(), handle, drops);
    let stop = AtomicBool::new(false);
    let commits = AtomicU32::new(0);
    let (live, found) = thread::scope(|scope| {
        scope.spawn(|| {
            let mut conn = crate::conn();
            let table = nftlink::Table::ip("other");
            while !stop.load(Ordering::Relaxed) {
                commit(&mut conn, |batch| batch.add(&table));
                commits.fetch_add(1, Ordering::Relaxed);
            }
        });
        let _stop = Stop(&stop);
        while commits.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        let live = given.load(&mut conn, addresses(9000)).unwrap();
        assert_eq!(live.at().name(), &"blocked.2");
        (live, loader.load(&mut conn, addresses(8000)))
    });
    commit(&mut conn, |batch| batch.delete(&other));
    match found {
        // None of the readings came through, as is to be expected: it leaves nothing.
        Err(Error::Inconsistent { .. }) => assert_only(&mut conn, &live, 9000),
        Err(error) => panic!("{error:?}"),
        Ok(live) => assert_only(&mut conn, &live, 8000),
    }
}

// ---- a program that is killed ----

/// How many elements the program that is killed takes before it waits for its end.
const TAKEN: [u32; 5] = [0, 1, 4096, 9000, 30_000];

/// Loads, says when a number of elements, which it is told, are taken, and waits.
pub(crate) fn loads_and_waits() {
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    let at: u32 = line.trim_end().parse().unwrap();
    let elements = (0..50_000).map(|n| {
        if n == at {
            println!("here");
            let _ = io::stdin().read(&mut [0]);
        }
        address(n)
    });
    let done = Loader::new(&blocked()).load(&mut conn(), elements);
    panic!("nobody has killed it: {done:?}");
}

/// Starts a program that loads, and kills it when so many elements are taken.
#[track_caller]
fn kill_at(taken: u32) {
    use std::io::Write as _;
    let mut child = start("loads_and_waits");
    let mut pipe = child.stdin.take().unwrap();
    writeln!(pipe, "{taken}").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "here\n");
    child.kill().unwrap();
    child.wait().unwrap();
}

pub(crate) fn what_a_killed_program_leaves_is_not_live_and_goes_with_the_next_load() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&input()));
    let loader = Loader::new(&blocked());
    // The first time no rule tells what is in use.
    kill_at(9000);
    assert_eq!(sets(&mut conn), ["blocked.1"]);
    assert!(loader.live(&mut conn).unwrap().is_none());
    kill_at(9000);
    assert_eq!(sets(&mut conn), ["blocked.2"], "each removes what the one before has left");
    let live = loader.load(&mut conn, addresses(10)).unwrap();
    assert_only(&mut conn, &live, 10);
    commit(&mut conn, |batch| batch.append(input(), drops(&live)));
    for taken in TAKEN {
        let live = loader.live(&mut conn).unwrap().unwrap();
        kill_at(taken);
        let all = sets(&mut conn);
        assert_eq!(all.len(), 2, "{all:?}");
        let left = all.iter().find(|name| live.at().name() != name.as_str()).unwrap();
        let marks = marks(&mut conn);
        assert!(matches!(&marks[..], [mark] if mark.starts_with(&format!("{left}.loading."))), "{marks:?}");
        assert_eq!(loader.live(&mut conn).unwrap().unwrap().at(), live.at());
        assert_eq!(conn.elements(&live).unwrap().len(), 10);
        let live = loader.load(&mut conn, addresses(10)).unwrap();
        assert_only(&mut conn, &live, 10);
    }
}

/// Loads again and again, until it is killed.
pub(crate) fn loads_for_ever() {
    let (mut conn, loader) = (conn(), Loader::new(&blocked()));
    println!("here");
    loop {
        loader.load(&mut conn, addresses(20_000)).unwrap();
    }
}

pub(crate) fn program_that_is_killed_at_any_moment_leaves_a_whole_set_in_use() {
    let (mut conn, loader, _) = in_use(20_000);
    for n in 0..support::times(40) as u64 {
        let mut child = start("loads_for_ever");
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        // Not to wait for something, but to kill it at another moment each time.
        thread::sleep(Duration::from_micros(n * 1300));
        child.kill().unwrap();
        child.wait().unwrap();
        let live = loader.live(&mut conn).unwrap().unwrap();
        assert_eq!(conn.elements(&live).unwrap().len(), 20_000);
        let rules = conn.rules(&input()).unwrap();
        assert!(rules[0].bytecode().to_string().contains(&format!("set {} ", live.at().name())));
        assert!(sets(&mut conn).len() <= 2 && marks(&mut conn).len() == sets(&mut conn).len() - 1);
    }
    let live = loader.load(&mut conn, addresses(5)).unwrap();
    assert_only(&mut conn, &live, 5);
}

pub(crate) fn nft_lists_what_is_being_filled() {
    let (mut conn, loader, _) = in_use(1);
    let elements = (0..5000).map(|n| {
        if n == 4999 {
            let listed = support::nft_ruleset();
            for part in [
                "set blocked.1 {",
                "set blocked.2 {",
                "counter blocked.2.loading.",
                "comment \"this set is being filled by nftlink, or was left by a program that ended\"",
                "ip saddr @blocked.1 counter packets 0 bytes 0 drop",
            ] {
                assert!(listed.contains(part), "{part}: {listed}");
            }
        }
        address(n)
    });
    loader.load(&mut conn, elements).unwrap();
    let listed = support::nft_ruleset();
    assert!(listed.contains("ip saddr @blocked.2 counter packets 0 bytes 0 drop"), "{listed}");
    assert!(!listed.contains("loading") && !listed.contains("blocked.1"), "{listed}");
}
