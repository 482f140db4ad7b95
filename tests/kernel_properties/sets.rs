//! Arbitrary sets and maps, with their elements as the kernel has them.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use nftlink::datum::{EtherAddr, IfName, L4Proto, Mark, Port};
use nftlink::expr::{Counter, Data, Value, Verdict};
use nftlink::object::ObjectOf;
use nftlink::ruleset::SetContents;
use nftlink::{Batch, Element, ElementInfo, Interval, Key, Map, MapValue, Mapped, Set, SetFlags, SetPolicy, Table};
use proptest::prelude::*;
use proptest::sample::select;

use crate::language::{comments, ipv4, ipv6, names, u8s, u16s, u32s, u64s};

/// A set of some type.
pub(crate) trait AnySet: fmt::Debug {
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
    has_values: bool,
}

/// An element, its bounds, its value, and what else it has.
type AnyElement<K, V> = (Element<K, V>, Vec<u8>, Vec<u8>, ValueOf, More);

struct Typed<K, V> {
    shape: Shape,
    options: Options,
    make: fn(&Table, &str) -> Set<K, V>,
    elements: Vec<AnyElement<K, V>>,
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
        let elements: Vec<_> =
            self.elements.iter().map(|(_, start, end, value, more)| (start, end, value, more)).collect();
        let of = std::any::type_name::<(K, V)>();
        f.debug_struct("Typed").field("of", &of).field("options", &self.options).field("elements", &elements).finish()
    }
}

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
        self.options.change == 2 && !self.shape.intervals && !self.shape.has_values
    }

    /// Linux 6.8 takes no timeouts in such a set.
    fn is_constant(&self) -> bool {
        self.options.change == 1 && !self.has_timeouts()
    }

    /// With a size to save memory for, Linux 6.18 puts single values into a tree of intervals, which refuses them.
    fn saves_memory(&self) -> bool {
        self.options.saves_memory && (self.shape.intervals || self.size().is_none())
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

pub(crate) fn seconds(seconds: u32) -> Duration {
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
        if self.saves_memory() {
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
        assert_eq!(info.policy() == SetPolicy::MEMORY, self.saves_memory());
        assert_eq!(info.comment(), options.comment.as_deref());
        assert_eq!(info.stateful().len(), usize::from(options.counters));
        let padded: usize = self.shape.fields.iter().sum();
        // One part alone has no padding.
        assert_eq!((info.key_len() as usize).next_multiple_of(4), padded.next_multiple_of(4));

        let mut meant: Vec<_> = self
            .elements
            .iter()
            .map(|(_, start, end, value, more)| {
                let timeout = more.timeout.filter(|_| self.has_timeouts());
                // The kernel does not tell what all have.
                let timeout = timeout.filter(|own| Some(*own) != options.timeout).map(seconds);
                let counter = options.counters.then(|| more.counter.unwrap_or((0, 0)));
                (start.clone(), end.clone(), value.clone(), timeout, more.comment.clone(), counter)
            })
            .collect();
        let mut found: Vec<_> = bounds(read, self.shape)
            .into_iter()
            .map(|(start, end, entry)| {
                let value = match (entry.data(), entry.object()) {
                    (None, None) => ValueOf::Nothing,
                    (Some(value), None) => ValueOf::Value(value.clone()),
                    (None, Some(name)) if *name == "web" => ValueOf::Object("web"),
                    other => panic!("{other:?}"),
                };
                let counter = entry.counter().map(|counter| (counter.packets, counter.bytes));
                assert_eq!(
                    entry.expires().is_some(),
                    self.has_timeouts() && (entry.timeout().is_some() || options.timeout.is_some())
                );
                (start, end, value, entry.timeout(), entry.comment().map(str::to_owned), counter)
            })
            .collect();
        // No two have the same bounds.
        meant.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        found.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        assert_eq!(found, meant);
    }
}

/// The elements of a set with their bounds, however the kernel keeps them.
fn bounds(read: &SetContents, shape: Shape) -> Vec<(Vec<u8>, Vec<u8>, &ElementInfo)> {
    let key = |entry: &ElementInfo| entry.key().unwrap().as_bytes().to_vec();
    if !shape.intervals || shape.fields.len() > 1 {
        let both = |entry| {
            (key(entry), ElementInfo::key_end(entry).map_or_else(|| key(entry), |end| end.as_bytes().to_vec()), entry)
        };
        return read.entries().iter().map(both).collect();
    }
    // Starts, and the first values behind an interval: where one touches another, its end comes first.
    let mut entries: Vec<_> =
        read.entries().iter().map(|entry| (key(entry), !entry.is_interval_end(), entry)).collect();
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

fn one<T>(values: BoxedStrategy<T>, bytes: fn(&T) -> Vec<u8>) -> BoxedStrategy<Bounds<T>>
where
    T: Clone + fmt::Debug + 'static,
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
fn joined<A, B, K>(
    first: BoxedStrategy<Bounds<A>>,
    second: BoxedStrategy<Bounds<B>>,
    join: fn(A, B) -> K,
) -> BoxedStrategy<Bounds<K>>
where
    A: Clone + fmt::Debug + 'static,
    B: Clone + fmt::Debug + 'static,
    K: Clone + fmt::Debug + 'static,
{
    let both = |mut a: Vec<u8>, b: Vec<u8>| {
        for bytes in [vec![], b] {
            a.extend(bytes);
            a.resize(a.len().next_multiple_of(4), 0);
        }
        a
    };
    (first, second).prop_map(move |(a, b)| Bounds(join(a.0, b.0), both(a.1, b.1), both(a.2, b.2))).boxed()
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
            let mut elements: Vec<AnyElement<K, V>> = Vec::new();
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
    typed(
        Shape { fields, intervals, has_values: false },
        keys,
        nothing,
        |table, name| Set::<K>::new(table, name),
        |key, ()| Element::of(key),
    )
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
    typed(Shape { fields, intervals, has_values: true }, keys, values, make, |key, value| Element::of(key).to(value))
}

/// Sets and maps of many types.
pub(crate) fn sets() -> BoxedStrategy<Rc<dyn AnySet>> {
    let verdicts =
        select(vec![Verdict::ACCEPT, Verdict::DROP, Verdict::RETURN, Verdict::jump("other"), Verdict::goto("other")]);
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
