//! Arbitrary rulesets: the kernel has them as they were meant, a file keeps them so, and so they are put back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use nftlink::datum::{EtherAddr, IfName, L4Proto, Mark, Port};
use nftlink::expr::{Connlimit, Counter, Data, Limit, Quota, Synproxy, Value, Verdict};
use nftlink::object::{CtTimeout, ObjectInfo, ObjectOf, TimeoutState};
use nftlink::ruleset::{SetContents, TableContents};
use nftlink::{
    Batch, Chain, ChainFlags, ChainKind, Conn, Element, ElementInfo, Family, FlowtableFlags, Hook, Hooked, Interval, Key,
    Map, MapValue, Mapped, Policy, Rule, Ruleset, Set, SetFlags, SetPolicy, Table, TableFlags,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::language::{AnyRule, FAMILIES, Things, comments, ipv4, ipv6, limits, names, rules, u8s, u16s, u32s, u64s};
use crate::property::check;
use crate::rules::{CHAIN, accepted, commit};
use crate::support;

// ---- what is meant ----

#[derive(Debug, Clone)]
struct AnyTable {
    family: Family,
    comment: Option<String>,
    dormant: bool,
    chains: BTreeMap<String, AnyChain>,
    sets: BTreeMap<String, Rc<dyn AnySet>>,
    objects: BTreeMap<String, (AnyObject, Option<String>)>,
    flowtables: BTreeMap<String, (i32, bool)>,
    rules: Vec<AnyRule>,
}

#[derive(Debug, Clone)]
struct AnyChain {
    comment: Option<String>,
    base: Option<Base>,
    /// The comments of rules that accept.
    rules: Vec<Option<String>>,
}

#[derive(Debug, Clone)]
struct Base {
    place: usize,
    priority: i32,
    drops: bool,
    counters: Option<(u64, u64)>,
}

#[derive(Debug, Clone)]
enum AnyObject {
    Counter(u64, u64),
    Quota(Quota),
    Limit(Limit),
    Connlimit(u32, bool),
    Timeout(u32),
    Synproxy(u16, u8),
}

/// A set of some type.
trait AnySet: fmt::Debug {
    fn declare(&self, table: &Table, name: &str, batch: &mut Batch);
    fn assert_is(&self, read: &SetContents);
}

/// What a set has beside its type and its elements.
#[derive(Debug, Clone)]
struct Options {
    comment: Option<String>,
    timeouts: bool,
    timeout: Option<u32>,
    gc_interval: Option<u32>,
    size: Option<u32>,
    saves_memory: bool,
    counters: bool,
    /// 1: constant; 2: dynamic, if it may be.
    change: u8,
}

/// A key, its lowest and its highest value as the kernel has them in this kind of set.
#[derive(Debug, Clone)]
struct Bounds<K>(K, Vec<u8>, Vec<u8>);

/// What an element has beside key and value.
#[derive(Debug, Clone)]
struct More {
    timeout: Option<u32>,
    comment: Option<String>,
    counter: Option<(u64, u64)>,
}

/// The parts of a key.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// The bytes of each, padded.
    fields: &'static [usize],
    intervals: bool,
}

struct Typed<K, V> {
    shape: Shape,
    options: Options,
    make: fn(&Table, &str) -> Set<K, V>,
    elements: Vec<(Element<K, V>, Vec<u8>, Vec<u8>, ValueOf, More)>,
}

/// What an element's value is.
#[derive(Debug, Clone, PartialEq)]
enum ValueOf {
    Nothing,
    Value(Value),
    Object(&'static str),
}

impl<K, V> fmt::Debug for Typed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements: Vec<_> = self.elements.iter().map(|(_, start, end, value, more)| (start, end, value, more)).collect();
        let of = std::any::type_name::<(K, V)>();
        f.debug_struct("Typed").field("of", &of).field("options", &self.options).field("elements", &elements).finish()
    }
}

// ---- sets ----

impl Shape {
    /// Whether two elements cannot be in one set.
    fn overlap(&self, (a, a_end): (&[u8], &[u8]), (b, b_end): (&[u8], &[u8])) -> bool {
        let mut at = 0;
        self.fields.iter().all(|len| {
            let field = at..at + len;
            at += len;
            a[field.clone()] <= b_end[field.clone()] && b[field.clone()] <= a_end[field]
        })
    }

    fn flags(&self) -> SetFlags {
        match (self.intervals, self.fields.len()) {
            (false, _) => SetFlags::empty(),
            (true, 1) => SetFlags::INTERVAL,
            (true, _) => SetFlags::INTERVAL | SetFlags::CONCAT,
        }
    }
}

impl<K: Key, V: Mapped> Typed<K, V> {
    fn is_dynamic(&self) -> bool {
        self.options.change == 2 && !self.shape.intervals && matches!(self.elements.first(), None | Some((_, _, _, ValueOf::Nothing, _)))
    }

    /// Linux 6.8 takes no timeouts in such a set.
    fn is_constant(&self) -> bool {
        self.options.change == 1 && !self.has_timeouts()
    }

    fn has_timeouts(&self) -> bool {
        self.options.timeouts || self.options.timeout.is_some() || self.options.gc_interval.is_some()
    }

    /// How many elements there may be: more than there are.
    fn size(&self) -> Option<u32> {
        // A dynamic one has a size even if none is said.
        self.options.size.or(self.is_dynamic().then_some(500))
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

impl<K: Key, V: Mapped> AnySet for Typed<K, V> {
    fn declare(&self, table: &Table, name: &str, batch: &mut Batch) {
        let options = &self.options;
        let mut set = (self.make)(table, name);
        if options.timeouts {
            set = set.timeouts();
        }
        if let Some(timeout) = options.timeout {
            set = set.timeout(seconds(timeout));
        }
        if let Some(interval) = options.gc_interval {
            set = set.gc_interval(seconds(interval));
        }
        if let Some(size) = self.size() {
            set = set.size(size);
        }
        if options.saves_memory {
            set = set.policy(SetPolicy::MEMORY);
        }
        if options.counters {
            set = set.counters();
        }
        if let Some(comment) = &options.comment {
            set = set.comment(comment.as_str());
        }
        if self.is_constant() {
            set = set.constant();
        }
        if self.is_dynamic() {
            set = set.dynamic();
        }
        let has_timeouts = self.has_timeouts();
        let elements = self.elements.iter().map(|(element, _, _, _, more)| {
            let mut element = element.clone();
            if let Some(timeout) = more.timeout.filter(|_| has_timeouts) {
                element = element.timeout(seconds(timeout));
            }
            if let Some(comment) = &more.comment {
                element = element.comment(comment.as_str());
            }
            if let Some((packets, bytes)) = more.counter.filter(|_| options.counters) {
                element = element.stateful(Counter::new(packets, bytes));
            }
            element
        });
        batch.add(&set).add_elements(&set, elements.collect::<Vec<_>>());
    }

    fn assert_is(&self, read: &SetContents) {
        let (info, options) = (read.info(), &self.options);
        let mut flags = self.shape.flags();
        flags.set(SetFlags::TIMEOUT, self.has_timeouts());
        flags.set(SetFlags::CONSTANT, self.is_constant());
        flags.set(SetFlags::EVAL, self.is_dynamic());
        let is_map = self.elements.first().map(|(_, _, _, value, _)| value);
        let of_values = info.flags() & (SetFlags::MAP | SetFlags::OBJECT);
        assert_eq!(info.flags() - of_values, flags);
        if let Some(value) = is_map {
            let expected = match value {
                ValueOf::Nothing => SetFlags::empty(),
                ValueOf::Value(_) => SetFlags::MAP,
                ValueOf::Object(_) => SetFlags::OBJECT,
            };
            assert_eq!(of_values, expected);
        }
        assert_eq!(info.timeout(), options.timeout.map(seconds));
        assert_eq!(info.gc_interval(), options.gc_interval.map(seconds));
        assert_eq!(info.size(), self.size());
        assert_eq!(info.policy() == SetPolicy::MEMORY, options.saves_memory);
        assert_eq!(info.comment(), options.comment.as_deref());
        assert_eq!(info.stateful().len(), usize::from(options.counters));
        let padded: usize = self.shape.fields.iter().sum();
        // One part alone has no padding.
        assert_eq!((info.key_len() as usize).next_multiple_of(4), padded.next_multiple_of(4));

        let mut meant: Vec<_> = self.elements.iter().map(|(_, start, end, value, more)| {
            let timeout = more.timeout.filter(|_| self.has_timeouts());
            // The kernel does not tell what all have.
            let timeout = timeout.filter(|own| Some(*own) != options.timeout).map(seconds);
            let counter = options.counters.then(|| more.counter.unwrap_or((0, 0)));
            (start.clone(), end.clone(), value.clone(), timeout, more.comment.clone(), counter)
        }).collect();
        let mut found: Vec<_> = bounds(read, self.shape).into_iter().map(|(start, end, entry)| {
            let value = match (entry.data(), entry.object()) {
                (None, None) => ValueOf::Nothing,
                (Some(value), None) => ValueOf::Value(value.clone()),
                (None, Some(name)) if *name == "web" => ValueOf::Object("web"),
                other => panic!("{other:?}"),
            };
            let counter = entry.counter().map(|counter| (counter.packets, counter.bytes));
            assert_eq!(entry.expires().is_some(), self.has_timeouts() && (entry.timeout().is_some() || options.timeout.is_some()));
            (start, end, value, entry.timeout(), entry.comment().map(str::to_owned), counter)
        }).collect();
        let order = |a: &(Vec<u8>, Vec<u8>, ValueOf, Option<Duration>, Option<String>, Option<(u64, u64)>), b: &(Vec<u8>, Vec<u8>, ValueOf, Option<Duration>, Option<String>, Option<(u64, u64)>)| (&a.0, &a.1).cmp(&(&b.0, &b.1));
        meant.sort_by(order);
        found.sort_by(order);
        assert_eq!(found, meant);
    }
}

/// The elements of a set with their bounds, however the kernel keeps them.
fn bounds(read: &SetContents, shape: Shape) -> Vec<(Vec<u8>, Vec<u8>, &ElementInfo)> {
    let key = |entry: &ElementInfo| entry.key().unwrap().as_bytes().to_vec();
    if !shape.intervals || shape.fields.len() > 1 {
        let both = |entry| (key(entry), ElementInfo::key_end(entry).map_or_else(|| key(entry), |end| end.as_bytes().to_vec()), entry);
        return read.entries().iter().map(both).collect();
    }
    // Starts, and the first values behind an interval: where one touches another, its end comes first.
    let mut entries: Vec<_> = read.entries().iter().map(|entry| (key(entry), !entry.is_interval_end(), entry)).collect();
    entries.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let mut found: Vec<(Vec<u8>, Vec<u8>, &ElementInfo)> = Vec::new();
    let mut open = false;
    for (key, is_start, entry) in entries {
        if is_start {
            assert!(!open, "an interval has no end");
            let highest = vec![u8::MAX; key.len()];
            found.push((key, highest, entry));
        } else {
            assert!(open, "an end without an interval");
            let mut last = key;
            for byte in last.iter_mut().rev() {
                let borrows = *byte == 0;
                *byte = byte.wrapping_sub(1);
                if !borrows {
                    break;
                }
            }
            found.last_mut().unwrap().1 = last;
        }
        open = is_start;
    }
    found
}

fn one<T: Clone + 'static>(values: BoxedStrategy<T>, bytes: fn(&T) -> Vec<u8>) -> BoxedStrategy<Bounds<T>>
where
    T: fmt::Debug,
{
    values.prop_map(move |value| Bounds(value.clone(), bytes(&value), bytes(&value))).boxed()
}

fn ports() -> BoxedStrategy<Bounds<Port>> {
    one(u16s().prop_map(Port::new).boxed(), |port| port.get().to_be_bytes().to_vec())
}

fn addresses() -> BoxedStrategy<Bounds<Ipv4Addr>> {
    one(ipv4(), |address| address.octets().to_vec())
}

fn addresses6() -> BoxedStrategy<Bounds<Ipv6Addr>> {
    one(ipv6(), |address| address.octets().to_vec())
}

fn marks() -> BoxedStrategy<Bounds<Mark>> {
    one(u32s().prop_map(Mark::new).boxed(), |mark| mark.get().to_ne_bytes().to_vec())
}

fn protocols() -> BoxedStrategy<Bounds<L4Proto>> {
    one(u8s().prop_map(L4Proto::from_raw).boxed(), |protocol| vec![protocol.get()])
}

fn devices() -> BoxedStrategy<Bounds<IfName>> {
    let padded = |name: &IfName| [name.as_bytes(), &[0; 16]].concat()[..16].to_vec();
    one(names().prop_map(IfName::from).boxed(), padded)
}

fn ethers() -> BoxedStrategy<Bounds<EtherAddr>> {
    any::<[u8; 6]>().prop_map(|bytes| Bounds(EtherAddr::new(bytes), bytes.to_vec(), bytes.to_vec())).boxed()
}

fn address_ranges() -> BoxedStrategy<Bounds<Interval<Ipv4Addr>>> {
    let range = (ipv4(), ipv4()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let prefix = (u32s(), 0..=32u32).prop_map(|(address, len)| {
        let host = u32::MAX.checked_shr(len).unwrap_or(0);
        (Ipv4Addr::from(address & !host), Ipv4Addr::from(address | host))
    });
    let single = ipv4().prop_map(|address| (address, address));
    prop_oneof![range, prefix, single]
        .prop_map(|(a, b)| Bounds(Interval::range(a..=b), a.octets().to_vec(), b.octets().to_vec()))
        .boxed()
}

fn port_ranges() -> BoxedStrategy<Bounds<Interval<Port>>> {
    (u16s(), u16s())
        .prop_map(|(a, b)| (a.min(b), a.max(b)))
        .prop_map(|(a, b)| Bounds(Interval::range(a..=b), a.to_be_bytes().to_vec(), b.to_be_bytes().to_vec()))
        .boxed()
}

/// Numbers of the host's order are turned round: the kernel compares bytes.
fn mark_ranges() -> BoxedStrategy<Bounds<Interval<Mark>>> {
    (u32s(), u32s())
        .prop_map(|(a, b)| (a.min(b), a.max(b)))
        .prop_map(|(a, b)| Bounds(Interval::range(a..=b), a.to_be_bytes().to_vec(), b.to_be_bytes().to_vec()))
        .boxed()
}

/// Two parts of a key, or what is a key already and another part.
fn joined<A: 'static, B: 'static, K: Clone + fmt::Debug + 'static>(
    first: BoxedStrategy<Bounds<A>>,
    second: BoxedStrategy<Bounds<B>>,
    join: fn(A, B) -> K,
) -> BoxedStrategy<Bounds<K>>
where
    A: Clone + fmt::Debug,
    B: Clone + fmt::Debug,
{
    let both = |mut a: Vec<u8>, b: Vec<u8>| {
        for bytes in [vec![], b] {
            a.extend(bytes);
            a.resize(a.len().next_multiple_of(4), 0);
        }
        a
    };
    (first, second)
        .prop_map(move |(a, b)| Bounds(join(a.0, b.0), both(a.1, b.1), both(a.2, b.2)))
        .boxed()
}

fn options() -> impl Strategy<Value = Options> {
    let times = (any::<bool>(), prop::option::of(7200..100_000u32), prop::option::of(1..1000u32));
    let others = (prop::option::of(1000..5000u32), any::<bool>(), any::<bool>(), 0..3u8);
    (prop::option::of(comments()), times, others).prop_map(|(comment, times, others)| Options {
        comment,
        timeouts: times.0,
        timeout: times.1,
        gc_interval: times.2,
        size: others.0,
        saves_memory: others.1,
        counters: others.2,
        change: others.3,
    })
}

fn more() -> impl Strategy<Value = More> {
    let counter = prop::option::of((u64s(), u64s()));
    (prop::option::of(3600..100_000u32), prop::option::weighted(0.3, comments()), counter)
        .prop_map(|(timeout, comment, counter)| More { timeout, comment, counter })
}

/// Sets of one type, with what their elements have for values.
fn typed<K, V, T>(
    shape: Shape,
    keys: BoxedStrategy<Bounds<K>>,
    values: BoxedStrategy<(T, ValueOf)>,
    make: fn(&Table, &str) -> Set<K, V>,
    element: fn(K, T) -> Element<K, V>,
) -> BoxedStrategy<Rc<dyn AnySet>>
where
    K: Key + fmt::Debug + 'static,
    V: Mapped + 'static,
    T: Clone + fmt::Debug + 'static,
{
    let elements = prop::collection::vec((keys, values, more()), 0..12);
    (options(), elements)
        .prop_map(move |(options, all)| {
            let mut elements: Vec<(Element<K, V>, Vec<u8>, Vec<u8>, ValueOf, More)> = Vec::new();
            for (Bounds(key, start, end), (value, shown), more) in all {
                if !elements.iter().any(|(_, a, b, ..)| shape.overlap((a, b), (&start, &end))) {
                    elements.push((element(key, value), start, end, shown, more));
                }
            }
            Rc::new(Typed { shape, options, make, elements }) as Rc<dyn AnySet>
        })
        .boxed()
}

fn plain<K>(fields: &'static [usize], intervals: bool, keys: BoxedStrategy<Bounds<K>>) -> BoxedStrategy<Rc<dyn AnySet>>
where
    K: Key + fmt::Debug + 'static,
{
    let nothing = Just(((), ValueOf::Nothing)).boxed();
    typed(Shape { fields, intervals }, keys, nothing, |table, name| Set::<K>::new(table, name), |key, ()| Element::of(key))
}

fn map<K, V>(
    fields: &'static [usize],
    intervals: bool,
    keys: BoxedStrategy<Bounds<K>>,
    values: BoxedStrategy<(V, ValueOf)>,
) -> BoxedStrategy<Rc<dyn AnySet>>
where
    K: Key + fmt::Debug + 'static,
    V: MapValue + nftlink::datum::IntoKey<V> + Clone + fmt::Debug + 'static,
{
    let make = |table: &Table, name: &str| Map::<K, V>::new(table, name);
    typed(Shape { fields, intervals }, keys, values, make, |key, value| Element::of(key).to(value))
}

fn sets() -> BoxedStrategy<Rc<dyn AnySet>> {
    let verdicts = select(vec![Verdict::ACCEPT, Verdict::DROP, Verdict::RETURN, Verdict::jump("other"), Verdict::goto("other")]);
    let verdicts = verdicts.prop_map(|verdict| (verdict.clone(), ValueOf::Value(Value::Verdict(verdict)))).boxed();
    let data = |bytes: &[u8]| ValueOf::Value(Value::Data(Data::new(bytes)));
    let of_marks = marks().prop_map(move |Bounds(mark, bytes, _)| (mark, data(&bytes))).boxed();
    let of_addresses = addresses6().prop_map(move |Bounds(address, bytes, _)| (address, data(&bytes))).boxed();
    let of_sockets = joined(addresses(), ports(), |address, port| (address, port));
    let of_sockets = of_sockets.prop_map(move |Bounds(socket, bytes, _)| (socket, data(&bytes))).boxed();
    let web = Just((ObjectOf::<Counter>::new("web"), ValueOf::Object("web"))).boxed();
    let sockets = || joined(addresses(), ports(), |address, port| (address, port));
    let ranges = || joined(address_ranges(), port_ranges(), |addresses, ports| (addresses, ports));
    let three = joined(joined(devices(), addresses6(), |a, b| (a, b)), ports(), |(a, b), c| (a, b, c));
    let mixed = joined(joined(protocols(), address_ranges(), |a, b| (a, b)), port_ranges(), |(a, b), c| (a, b, c));
    prop_oneof![
        plain(&[4], false, addresses()),
        plain(&[16], false, addresses6()),
        plain(&[2], false, ports()),
        plain(&[4], false, marks()),
        plain(&[1], false, protocols()),
        plain(&[16], false, devices()),
        plain(&[6], false, ethers()),
        plain(&[4], true, address_ranges()),
        plain(&[2], true, port_ranges()),
        plain(&[4], true, mark_ranges()),
        plain(&[4, 4], false, sockets()),
        plain(&[16, 16, 4], false, three),
        plain(&[4, 4], true, ranges()),
        plain(&[4, 4, 4], true, mixed),
        map(&[2], false, ports(), verdicts.clone()),
        map(&[4], true, address_ranges(), verdicts),
        map(&[4], false, addresses(), of_marks),
        map(&[4, 4], true, ranges(), of_addresses),
        map(&[2], true, port_ranges(), of_sockets),
        map(&[2], false, ports(), web),
    ]
    .boxed()
}

// ---- chains, objects, tables ----

/// Where chains of a family can be.
fn places(family: Family) -> &'static [(ChainKind, Hook)] {
    use ChainKind::{Filter, Nat, Route};
    match family {
        Family::ARP => &[(Filter, Hook::INPUT), (Filter, Hook::OUTPUT)],
        Family::NETDEV => &[(Filter, Hook::INGRESS)],
        Family::BRIDGE => &[(Filter, Hook::PREROUTING), (Filter, Hook::INPUT), (Filter, Hook::POSTROUTING)],
        _ => &[
            (Filter, Hook::PREROUTING),
            (Filter, Hook::INPUT),
            (Filter, Hook::FORWARD),
            (Filter, Hook::OUTPUT),
            (Filter, Hook::POSTROUTING),
            (Nat, Hook::PREROUTING),
            (Nat, Hook::POSTROUTING),
            (Route, Hook::OUTPUT),
        ],
    }
}

impl AnyChain {
    fn place(&self, family: Family) -> Option<(&Base, &'static (ChainKind, Hook))> {
        let base = self.base.as_ref()?;
        let places = places(family);
        Some((base, &places[base.place % places.len()]))
    }

    fn priority(base: &Base, kind: &ChainKind) -> i32 {
        // Translations come after connection tracking.
        if *kind == ChainKind::Nat { base.priority.max(-199) } else { base.priority }
    }

    fn declare(&self, table: &Table, name: &str, batch: &mut Batch) {
        let mut chain = table.chain(name);
        if let Some(comment) = &self.comment {
            chain = chain.comment(comment.as_str());
        }
        if let Some((base, (kind, hook))) = self.place(table.at().family()) {
            let mut chain: Chain<Hooked> = chain.hooked(kind.clone(), *hook, Self::priority(base, kind));
            chain = chain.policy(if base.drops { Policy::DROP } else { Policy::ACCEPT });
            if *hook == Hook::INGRESS {
                chain = chain.device("lo");
            }
            if let Some((packets, bytes)) = base.counters {
                chain = chain.count_from(Counter::new(packets, bytes));
            }
            batch.add(&chain);
        } else {
            batch.add(&chain);
        }
    }

    fn assert_is(&self, family: Family, name: &str, read: &TableContents) {
        let info = read.chains().iter().find(|chain| *chain.name() == *name).unwrap();
        assert_eq!(info.comment(), self.comment.as_deref());
        match self.place(family) {
            None => {
                assert_eq!((info.hook(), info.priority(), info.kind(), info.policy()), (None, None, None, None));
                assert_eq!((info.flags(), info.counters()), (ChainFlags::empty(), None));
            }
            Some((base, (kind, hook))) => {
                let priority = Self::priority(base, kind);
                assert_eq!((info.kind(), info.hook(), info.priority()), (Some(kind), Some(*hook), Some(priority)));
                assert_eq!(info.policy(), Some(if base.drops { Policy::DROP } else { Policy::ACCEPT }));
                assert_eq!(info.counters().map(|counter| (counter.packets, counter.bytes)), base.counters);
                assert_eq!(info.devices().len(), usize::from(*hook == Hook::INGRESS));
            }
        }
        let rules: Vec<_> = read.rules_of(info.at()).map(|rule| rule.comment().map(str::to_owned)).collect();
        assert_eq!(rules, self.rules);
    }
}

impl AnyObject {
    /// Only these families have connections.
    fn is_of(&self, family: Family) -> bool {
        let has_connections = matches!(family, Family::IP | Family::IP6 | Family::INET);
        has_connections || !matches!(self, Self::Timeout(_) | Self::Synproxy(..) | Self::Connlimit(..))
    }

    fn timeout(seconds: u32) -> CtTimeout {
        let l3proto = Family::IP;
        let timeout = CtTimeout::new(L4Proto::TCP).l3proto(l3proto);
        timeout.policy(TimeoutState::TCP_ESTABLISHED, self::seconds(seconds))
    }

    fn connlimit(count: u32, over: bool) -> Connlimit {
        let limit = Connlimit::new(count);
        if over { limit.over() } else { limit }
    }

    fn declare(&self, table: &Table, name: &str, comment: Option<&str>, batch: &mut Batch) {
        fn add<T: nftlink::object::Object>(named: nftlink::object::Named<T>, comment: Option<&str>, batch: &mut Batch) {
            batch.add(&match comment {
                Some(comment) => named.comment(comment),
                None => named,
            });
        }
        match self {
            Self::Counter(packets, bytes) => {
                add(Counter::named(table, name).with(Counter::new(*packets, *bytes)), comment, batch);
            }
            Self::Quota(quota) => add(quota.named(table, name), comment, batch),
            Self::Limit(limit) => add(limit.named(table, name), comment, batch),
            Self::Connlimit(count, over) => add(Self::connlimit(*count, *over).named(table, name), comment, batch),
            Self::Timeout(seconds) => add(Self::timeout(*seconds).named(table, name), comment, batch),
            Self::Synproxy(mss, wscale) => {
                add(Synproxy::new().mss(*mss).wscale(*wscale).named(table, name), comment, batch);
            }
        }
    }

    fn assert_is(&self, read: &ObjectInfo) {
        match self {
            Self::Counter(packets, bytes) => {
                assert_eq!(read.value::<Counter>().unwrap(), Some(Counter::new(*packets, *bytes)));
            }
            Self::Quota(quota) => assert_eq!(read.value::<Quota>().unwrap().as_ref(), Some(quota)),
            Self::Limit(limit) => {
                let read = read.value::<Limit>().unwrap().unwrap();
                let (seen, meant) = ((read.rate, read.unit, read.kind, read.flags), (limit.rate, limit.unit, limit.kind, limit.flags));
                assert_eq!(seen, meant);
                assert!(limit.burst == 0 || read.burst == limit.burst);
            }
            Self::Connlimit(count, over) => {
                assert_eq!(read.value::<Connlimit>().unwrap(), Some(Self::connlimit(*count, *over)));
            }
            Self::Timeout(seconds) => {
                let read = read.value::<CtTimeout>().unwrap().unwrap();
                assert_eq!(read.protocol, L4Proto::TCP);
                assert_eq!(read.policies.get(&TimeoutState::TCP_ESTABLISHED), Some(&self::seconds(*seconds)));
            }
            Self::Synproxy(mss, wscale) => {
                assert_eq!(read.value::<Synproxy>().unwrap(), Some(Synproxy::new().mss(*mss).wscale(*wscale)));
            }
        }
    }
}

/// What tables have for the rules, under these names.
const RESERVED: [&str; 5] = ["other", "ports", "seen", "web", CHAIN];

fn name() -> BoxedStrategy<String> {
    let name = prop_oneof!["[a-z][a-z0-9_]{0,12}".prop_map(String::from), "[!-$&-~]{1,20}".prop_map(String::from)];
    name.prop_filter("reserved", |name| !RESERVED.contains(&name.as_str())).boxed()
}

fn tables() -> impl Strategy<Value = BTreeMap<String, AnyTable>> {
    let counters = prop::option::of((u64s(), u64s()));
    let priority = prop_oneof![-400..400i32, any::<i32>()];
    let base = (any::<usize>(), priority, any::<bool>(), counters);
    let base = base.prop_map(|(place, priority, drops, counters)| Base { place, priority, drops, counters });
    let chain_rules = prop::collection::vec(prop::option::of(comments()), 0..4);
    let chain = (prop::option::of(comments()), prop::option::of(base), chain_rules)
        .prop_map(|(comment, base, rules)| AnyChain { comment, base, rules });
    let quota = (1_000..u64::MAX / 2, 0..1_000u64).prop_map(|(bytes, used)| AnyObject::Quota(Quota::new(bytes).used(used)));
    let object = prop_oneof![
        (u64s(), u64s()).prop_map(|(packets, bytes)| AnyObject::Counter(packets, bytes)),
        quota,
        limits().prop_map(AnyObject::Limit),
        (u32s(), any::<bool>()).prop_map(|(count, over)| AnyObject::Connlimit(count, over)),
        (1..1_000_000u32).prop_map(AnyObject::Timeout),
        (u16s(), 0..=14u8).prop_map(|(mss, wscale)| AnyObject::Synproxy(mss, wscale)),
    ];
    let contents = (
        prop::collection::btree_map(name(), chain, 0..5),
        prop::collection::btree_map(name(), sets(), 0..5),
        prop::collection::btree_map(name(), (object, prop::option::of(comments())), 0..4),
        prop::collection::btree_map(name(), (any::<i32>(), any::<bool>()), 0..2),
        prop::collection::vec(rules(), 0..6),
    );
    let table = (select(FAMILIES.to_vec()), prop::option::of(comments()), prop::bool::weighted(0.2), contents);
    let table = table.prop_map(|(family, comment, dormant, (chains, sets, objects, flowtables, rules))| AnyTable {
        family,
        comment,
        dormant,
        chains,
        sets,
        objects,
        flowtables,
        rules,
    });
    prop::collection::btree_map(name(), table, 1..4)
}

impl AnyTable {
    fn table(&self, name: &str) -> Table {
        let table = Table::new(self.family, name);
        match &self.comment {
            Some(comment) => table.comment(comment.as_str()),
            None => table,
        }
    }

    fn has_flowtables(&self) -> bool {
        matches!(self.family, Family::IP | Family::IP6 | Family::INET) && support::flowtables().is_ok()
    }

    fn declare(&self, name: &str, rules: &[(AnyRule, Rule)], batch: &mut Batch) {
        let table = self.table(name);
        let things = Things::of(&table);
        batch.add(&if self.dormant { table.clone().flags(TableFlags::DORMANT) } else { table.clone() });
        batch.add(&things.ports).add(&things.seen).add(&things.web).add(&table.chain("other")).add(&table.chain(CHAIN));
        for (name, (object, comment)) in self.objects.iter().filter(|(_, (object, _))| object.is_of(self.family)) {
            object.declare(&table, name, comment.as_deref(), batch);
        }
        if self.has_flowtables() {
            for (name, (priority, counts)) in &self.flowtables {
                let flowtable = table.flowtable(name.as_str(), *priority);
                batch.add(&if *counts { flowtable.counter() } else { flowtable });
            }
        }
        self.sets.iter().for_each(|(name, set)| set.declare(&table, name, batch));
        for (name, chain) in &self.chains {
            chain.declare(&table, name, batch);
            for comment in &chain.rules {
                let rule = Rule::new().accept();
                let rule = comment.as_ref().map_or(rule.clone(), |comment| rule.comment(comment.as_str()));
                batch.append(table.chain(name.as_str()), rule);
            }
        }
        rules.iter().for_each(|(_, rule)| _ = batch.append(table.chain(CHAIN), rule));
    }

    fn assert_is(&self, name: &str, rules: &[(AnyRule, Rule)], read: &Ruleset, conn: &mut Conn) {
        let table = self.table(name);
        let read = read.table(table.at()).unwrap();
        assert_eq!(read.info().comment(), self.comment.as_deref());
        assert_eq!(read.info().flags(), if self.dormant { TableFlags::DORMANT } else { TableFlags::empty() });
        let objects = self.objects.iter().filter(|(_, (object, _))| object.is_of(self.family));
        assert_eq!(read.objects().len(), objects.clone().count() + 1);
        for (name, (object, comment)) in objects {
            let found = read.objects().iter().find(|object| *object.name() == **name).unwrap();
            assert_eq!(found.comment(), comment.as_deref());
            object.assert_is(found);
        }
        if self.has_flowtables() {
            assert_eq!(read.flowtables().len(), self.flowtables.len());
            for flowtable in read.flowtables() {
                let counts = flowtable.flags().contains(FlowtableFlags::COUNTER);
                let meant = self.flowtables[flowtable.name().as_str().unwrap()];
                assert_eq!((flowtable.priority(), counts), meant);
            }
        }
        for (name, set) in &self.sets {
            set.assert_is(read.sets().iter().find(|set| *set.info().name() == **name).unwrap());
        }
        self.chains.iter().for_each(|(name, chain)| chain.assert_is(self.family, name, read));
        let named = |chain: &&nftlink::ChainInfo| !chain.flags().contains(ChainFlags::BINDING);
        assert_eq!(read.chains().iter().filter(named).count(), self.chains.len() + 2);
        let is_named = |set: &&SetContents| !set.info().flags().contains(SetFlags::ANONYMOUS);
        assert_eq!(read.sets().iter().filter(is_named).count(), self.sets.len() + 2);
        let chain = table.chain(CHAIN);
        let found: Vec<_> = read.rules_of(chain.at()).collect();
        assert_eq!(found.len(), rules.len());
        for (found, (any, rule)) in found.into_iter().zip(rules) {
            assert_eq!(conn.normalized(found).unwrap(), rule.normalized(&chain).unwrap());
            assert_eq!((found.comment(), found.owner()), (any.comment.as_deref(), any.owner.as_deref()));
        }
    }
}

pub(crate) fn rulesets_are_read_kept_and_put_back_as_they_were_meant() {
    let conn = RefCell::new(Conn::open().unwrap());
    check(150, tables(), |tables| {
        let mut conn = conn.borrow_mut();
        let rules: Vec<_> = tables
            .iter()
            .map(|(name, table)| {
                let mut rules = accepted(&table.table(name), &table.rules);
                // Without those that this kernel has not what they need.
                commit(&mut conn, &Table::new(table.family, name.as_str()), &mut rules);
                rules
            })
            .collect();
        let mut batch = Batch::new();
        batch.flush_ruleset();
        tables.iter().zip(&rules).for_each(|((name, table), rules)| table.declare(name, rules, &mut batch));
        conn.commit(&batch).unwrap();
        let assert_is = |read: &Ruleset, conn: &mut Conn| {
            assert_eq!(read.tables().len(), tables.len());
            for ((name, table), rules) in tables.iter().zip(&rules) {
                table.assert_is(name, rules, read, conn);
            }
        };
        let read = conn.ruleset(..).unwrap();
        assert_is(&read, &mut conn);
        let kept = read.to_bytes();
        let copy = Ruleset::from_bytes(&kept).unwrap();
        assert_is(&copy, &mut conn);
        assert_eq!(copy.to_bytes(), kept);
        conn.commit(Batch::new().flush_ruleset()).unwrap();
        conn.commit(Batch::new().add_ruleset(&copy)).unwrap();
        let again = conn.ruleset(..).unwrap();
        assert_is(&again, &mut conn);
    });
}
