//! What a ruleset counts, as OpenMetrics.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use nftlink::object::{Counter, Object, ObjectInfo, Quota};
use nftlink::{ChainInfo, ChainRef, Conn, Generation, RuleInfo, SetFlags, SetInfo, TableRef};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

/// Reads the ruleset of the namespace that this is called in, and writes its metrics.
pub(crate) fn scrape() -> Result<String, Box<dyn Error + Send + Sync>> {
    let reading = Reading::new(&mut Conn::open()?)?;
    let (mut registry, mut text) = (Registry::with_prefix("nftables"), String::new());
    registry.register_collector(Box::new(reading));
    text::encode(&mut text, &registry)?;
    Ok(text)
}

/// What one scrape tells of, of one generation but for the number of elements.
#[derive(Debug)]
struct Reading {
    generation: Generation,
    chains: Vec<ChainInfo>,
    rules: Vec<RuleInfo>,
    objects: Vec<ObjectInfo>,
    /// Sets and maps that have a name, with the number of their elements.
    sets: Vec<(SetInfo, usize)>,
}

impl Reading {
    fn new(conn: &mut Conn) -> Result<Self, nftlink::Error> {
        let ((chains, rules, objects, listed), generation) =
            conn.snapshot(|conn| Ok((conn.chains(..)?, conn.rules(..)?, conn.objects(..)?, conn.sets(..)?)))?;
        let mut sets = Vec::new();
        // A set that a rule has of its own never changes.
        for set in listed.into_iter().filter(|set| !set.flags().contains(SetFlags::ANONYMOUS)) {
            match count(conn, &set) {
                // It went away since it was listed.
                Err(error) if error.is_not_found() => {}
                count => sets.push((set, count?)),
            }
        }
        Ok(Self { generation, chains, rules, objects, sets })
    }
}

/// How many elements a set has, without the catch-all element. Linux tells it since 6.16; before, they are counted
/// as they come: packets may add some meanwhile, so that no reading would be of one state.
fn count(conn: &mut Conn, set: &SetInfo) -> Result<usize, nftlink::Error> {
    if let Some(count) = set.count() {
        return Ok(count as usize);
    }
    let mut count = 0;
    for entry in conn.stream_elements(set)? {
        let entry = entry?;
        // An interval may be two entries: where it starts, and where it has ended. The catch-all element has no key.
        count += usize::from(entry.key().is_some() && !entry.is_interval_end());
    }
    Ok(count)
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut encoder;
        let generation = "The ruleset's number, which each change makes another";
        let generation = to.encode_descriptor("ruleset_generation", generation, None, MetricType::Gauge)?;
        gauge(self.generation.get()).encode(generation)?;

        let counters = values::<Counter>(&self.objects);
        counted(to, "counter", "a named counter has counted", &counters)?;
        counted(to, "rule", "rules of the same chain and comment have counted", &self.counted_rules())?;

        let quotas = values::<Quota>(&self.objects);
        let quota = quotas.iter().map(|(quota, value)| (quota.clone(), gauge(value.bytes)));
        metric(to, "quota", Some(Unit::Bytes), "Bytes that a named quota has", quota)?;
        let quota = quotas.iter().map(|(quota, value)| (quota.clone(), gauge(value.consumed)));
        metric(to, "quota_used", Some(Unit::Bytes), "Bytes of a named quota that have passed", quota)?;

        let of = |set: &SetInfo| labels(set.table(), [("name", set.name().to_string())]);
        let set = self.sets.iter().map(|(set, count)| (of(set), gauge(*count)));
        metric(to, "set_elements", None, "Elements that a named set or map has", set)?;
        let set = self.sets.iter().filter_map(|(set, _)| Some((of(set), gauge(set.size()?))));
        metric(to, "set_size_limit", None, "Elements that a named set or map may have", set)?;

        let chain = self.chain_rules().into_iter().map(|(chain, count)| (chain, gauge(count)));
        metric(to, "chain_rules", None, "Rules that a chain has", chain)
    }
}

impl Reading {
    /// What rules have counted that have a comment. It names them better than their number, which is another whenever
    /// the ruleset is loaded; where several have the same, as those for IPv4 and IPv6 may, they count as one.
    fn counted_rules(&self) -> Vec<(Labels, Counter)> {
        let mut rules = BTreeMap::<_, Counter>::new();
        for rule in &self.rules {
            if let (Some(counter), Some(comment)) = (rule.counter(), rule.comment()) {
                let (table, chain) = (rule.chain().table(), rule.chain().name().to_string());
                let of = labels(table, [("chain", chain), ("comment", comment.to_owned())]);
                let sum = rules.entry(of).or_default();
                sum.packets = sum.packets.saturating_add(counter.packets);
                sum.bytes = sum.bytes.saturating_add(counter.bytes);
            }
        }
        rules.into_iter().collect()
    }

    /// How many rules each chain has: whoever flushes a firewall that lets everything through then, is seen here.
    fn chain_rules(&self) -> BTreeMap<Labels, u64> {
        let of = |chain: &ChainRef| labels(chain.table(), [("chain", chain.name().to_string())]);
        let mut chains: BTreeMap<_, _> = self.chains.iter().map(|chain| (of(chain.at()), 0)).collect();
        for rule in &self.rules {
            *chains.entry(of(rule.chain())).or_default() += 1;
        }
        chains
    }
}

/// What tells the series of a metric apart.
type Labels = Vec<(&'static str, String)>;

/// Names are bytes. As text, those that are no UTF-8 are written as `\xff`, and a backslash twice: no two names become
/// one.
fn labels<const N: usize>(table: &TableRef, more: [(&'static str, String); N]) -> Labels {
    let table = [("family", table.family().to_string()), ("table", table.name().to_string())];
    table.into_iter().chain(more).collect()
}

/// The objects of one kind. One that makes no sense to the library is left out.
fn values<T: Object>(objects: &[ObjectInfo]) -> Vec<(Labels, T)> {
    let objects = objects.iter().filter_map(|object| Some((object, object.value::<T>().ok()??)));
    objects.map(|(object, value)| (labels(object.table(), [("name", object.name().to_string())]), value)).collect()
}

/// Writes two metrics: packets and bytes.
fn counted(to: &mut DescriptorEncoder<'_>, name: &str, by: &str, counters: &[(Labels, Counter)]) -> fmt::Result {
    let packets = counters.iter().map(|(of, counter)| (of.clone(), ConstCounter::new(counter.packets)));
    metric(to, name, Some(Unit::Other("packets".to_owned())), &format!("Packets that {by}"), packets)?;
    let bytes = counters.iter().map(|(of, counter)| (of.clone(), ConstCounter::new(counter.bytes)));
    metric(to, name, Some(Unit::Bytes), &format!("Bytes that {by}"), bytes)
}

/// Writes a metric with all its series.
fn metric<M: EncodeMetric + TypedMetric>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    unit: Option<Unit>,
    help: &str,
    series: impl IntoIterator<Item = (Labels, M)>,
) -> fmt::Result {
    let mut metric = to.encode_descriptor(name, help, unit.as_ref(), M::TYPE)?;
    series.into_iter().try_for_each(|(labels, value)| value.encode(metric.encode_family(&labels)?))
}

fn gauge(value: impl TryInto<i64>) -> ConstGauge {
    ConstGauge::new(value.try_into().unwrap_or(i64::MAX))
}
