//! The parts of `examples/exporter.rs`: what it tells, and how it serves that.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use nftlink::datum::Port;
use nftlink::expr::Verdict;
use nftlink::field::tcp;
use nftlink::object::{Counter, Named, Quota};
use nftlink::{Batch, Conn, Element, Interval, Map, Name, Rule, Set, Table};

#[path = "../../examples/exporter/metrics.rs"]
mod metrics;
#[path = "../../examples/exporter/serve.rs"]
mod serve;

use serve::Scrape;

// ---- metrics ----

/// The labels of a series, without their escapes.
type Labels = BTreeMap<String, String>;

/// The series of each metric, and their values, with which the lines of comment agree.
///
/// # Panics
///
/// If the text is not OpenMetrics.
fn parse(text: &str) -> BTreeMap<String, Vec<(Labels, u64)>> {
    let (mut metrics, mut types) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
    let mut current = "";
    let text = text.strip_suffix("# EOF\n").expect("an end");
    for line in text.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", name, help] => {
                assert!(!help.is_empty() && !types.contains_key(name), "{line}");
                current = name;
            }
            ["#", "TYPE", name, kind @ ("counter" | "gauge")] if name == current => {
                assert_eq!(types.insert(name, kind), None, "{line}");
            }
            ["#", "UNIT", name, unit] => assert!(name == current && name.ends_with(&format!("_{unit}")), "{line}"),
            _ => {
                let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a name"));
                let suffix = if types[current] == "counter" { "_total" } else { "" };
                assert_eq!(name, format!("{current}{suffix}"));
                let (labels, rest) = parse_labels(rest);
                let value = rest.strip_prefix(' ').and_then(|value| value.parse().ok()).expect(line);
                let series: &mut Vec<_> = metrics.entry(name.to_owned()).or_default();
                assert!(!series.iter().any(|(others, _)| *others == labels), "twice: {line}");
                series.push((labels, value));
            }
        }
    }
    metrics
}

/// Reads `{a="b",c="d"}`, if that is there, and returns what follows.
fn parse_labels(text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let Some(mut rest) = text.strip_prefix('{') else { return (labels, text) };
    loop {
        let (name, value) = rest.split_once("=\"").expect("a label");
        let (mut chars, mut unescaped) = (value.char_indices(), String::new());
        let end = loop {
            match chars.next().expect("an end of the value") {
                (end, '"') => break end,
                (_, '\\') => unescaped.push(match chars.next().expect("what is escaped") {
                    (_, 'n') => '\n',
                    (_, c @ ('"' | '\\')) => c,
                    (_, c) => panic!("an escape that is none: {c}"),
                }),
                (_, c) => unescaped.push(c),
            }
        };
        assert_eq!(labels.insert(name.to_owned(), unescaped), None, "{text}");
        rest = &value[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return (labels, rest.strip_prefix('}').expect("an end of the labels")),
        }
    }
}

fn scrape() -> BTreeMap<String, Vec<(Labels, u64)>> {
    parse(&metrics::scrape().unwrap())
}

/// The values of a metric, each with the value of one label.
fn by(label: &str, series: &[(Labels, u64)]) -> Vec<(String, u64)> {
    let mut values: Vec<_> = series.iter().map(|(labels, value)| (labels[label].clone(), *value)).collect();
    values.sort();
    values
}

fn named<const N: usize>(values: [(&str, u64); N]) -> Vec<(String, u64)> {
    values.map(|(name, value)| (name.to_owned(), value)).into()
}

fn commit(batch: &Batch) {
    Conn::open().unwrap().commit(batch).unwrap();
}

pub(crate) fn tells_of_an_empty_ruleset() {
    let generation = Conn::open().unwrap().generation().unwrap();
    let metrics = scrape();
    assert_eq!(metrics["nftables_ruleset_generation"], [(Labels::new(), generation.get().into())]);
    assert_eq!(metrics.len(), 1);
}

pub(crate) fn tells_counters_and_quotas_by_their_names() {
    let (one, other) = (Table::inet("one"), Table::ip("one"));
    let counter = |packets, bytes| {
        let mut counter = Counter::default();
        (counter.packets, counter.bytes) = (packets, bytes);
        counter
    };
    let mut batch = Batch::new();
    batch.add(&one).add(&other);
    batch.add(&Named::new(&one, "web", counter(3, u64::MAX))).add(&Named::new(&other, "web", counter(5, 6)));
    batch.add(&Named::new(&one, "month", Quota::new(i64::MAX as u64).used(1)));
    commit(&batch);
    let metrics = scrape();
    let (packets, bytes) = (&metrics["nftables_counter_packets_total"], &metrics["nftables_counter_bytes_total"]);
    assert_eq!(by("family", packets), named([("inet", 3), ("ip", 5)]));
    assert_eq!(by("family", bytes), named([("inet", u64::MAX), ("ip", 6)]));
    assert!(packets.iter().all(|(labels, _)| labels["table"] == "one" && labels["name"] == "web"));
    assert_eq!(by("name", &metrics["nftables_quota_bytes"]), named([("month", i64::MAX as u64)]));
    assert_eq!(by("name", &metrics["nftables_quota_used_bytes"]), named([("month", 1)]));
}

pub(crate) fn keeps_names_apart_that_are_no_text() {
    let names = [&b"\xff"[..], b"\xfe", b"\\xff", b"quo\"te", b"new\nline", b"back\\slash", "größe".as_bytes()];
    let mut batch = Batch::new();
    for name in names {
        let table = Table::inet(Name::from(name));
        batch.add(&table).add(&Counter::named(&table, Name::from(name)));
    }
    commit(&batch);
    let metrics = scrape();
    let counters = &metrics["nftables_counter_packets_total"];
    let told: BTreeSet<_> = counters.iter().map(|(labels, _)| (&*labels["table"], &*labels["name"])).collect();
    let escaped = [r"\xff", r"\xfe", r"\\xff", "quo\"te", r"new\nline", r"back\\slash", "größe"];
    assert_eq!(told, escaped.map(|name| (name, name)).into());
}

pub(crate) fn adds_up_rules_of_one_chain_and_comment() {
    let fw = Table::inet("fw");
    let (input, output) = (fw.chain("input"), fw.chain("output"));
    let rule = |packets, comment: &str| {
        let mut counter = nftlink::expr::Counter::default();
        (counter.packets, counter.bytes) = (packets, 10 * packets);
        // As bytes: other programs than nft and this library may have written what neither would.
        let userdata = [&[0, comment.len() as u8 + 1], comment.as_bytes(), &[0]].concat();
        Rule::new().expr(counter).userdata(userdata)
    };
    let mut batch = Batch::new();
    batch.add(&fw).add(&input).add(&output).add(&fw.chain("idle"));
    batch.append(&input, rule(1, "web\n\"80\"")).append(&input, rule(2, "web\n\"80\""));
    batch.append(&input, rule(4, "ssh")).append(&output, rule(8, "ssh"));
    // Nobody has named it, or nothing is counted.
    batch.append(&input, Rule::new().counter()).append(&input, Rule::new().accept().comment("established"));
    commit(&batch);
    let metrics = scrape();
    let series = &metrics["nftables_rule_packets_total"];
    assert_eq!(by("comment", series), named([("ssh", 4), ("ssh", 8), ("web\n\"80\"", 3)]));
    assert_eq!(by("chain", series), named([("input", 3), ("input", 4), ("output", 8)]));
    let bytes = &metrics["nftables_rule_bytes_total"];
    assert_eq!(by("chain", bytes), named([("input", 30), ("input", 40), ("output", 80)]));
    assert_eq!(by("chain", &metrics["nftables_chain_rules"]), named([("idle", 0), ("input", 5), ("output", 1)]));
}

pub(crate) fn counts_elements_of_sets_of_all_kinds() {
    let fw = Table::inet("fw");
    let input = fw.chain("input");
    let single = Set::<Ipv4Addr>::new(&fw, "single").size(100);
    let empty = Set::<Ipv4Addr>::new(&fw, "empty");
    let intervals = Set::<Interval<Ipv4Addr>>::new(&fw, "intervals");
    let pairs = Set::<(Interval<Ipv4Addr>, Interval<Port>)>::new(&fw, "pairs");
    let verdicts = Map::<Port, Verdict>::new(&fw, "verdicts");
    let mut batch = Batch::new();
    batch.add(&fw).add(&single).add(&empty).add(&intervals).add(&pairs).add(&verdicts).add(&input);
    let address = |n| Ipv4Addr::from([10, 0, n, 0]);
    batch.add_elements(&single, (0..50).map(address));
    batch.add_elements(&intervals, (0..20).map(|n| Interval::prefix(address(4 * n), 24)));
    batch.add_elements(&pairs, (0..30).map(|n| (Interval::prefix(address(n), 24), 80..=90)));
    batch.add_elements(&verdicts, (0..3).map(|n| (n, Verdict::ACCEPT)));
    // It has a set of its own, of which there is nothing to tell.
    batch.append(&input, Rule::new().when(tcp::dport().one_of([80, 443])).accept());
    commit(&batch);
    let metrics = scrape();
    let counted = [("empty", 0), ("intervals", 20), ("pairs", 30), ("single", 50), ("verdicts", 3)];
    assert_eq!(by("name", &metrics["nftables_set_elements"]), named(counted));
    assert_eq!(by("name", &metrics["nftables_set_size_limit"]), named([("single", 100)]));
}

pub(crate) fn does_not_count_the_catch_all_element() {
    let fw = Table::inet("fw");
    let (single, intervals) = (Set::<Ipv4Addr>::new(&fw, "single"), Set::<Interval<Ipv4Addr>>::new(&fw, "intervals"));
    let mut batch = Batch::new();
    batch.add(&fw).add(&single).add(&intervals);
    batch.add_elements(&single, [Element::new(Ipv4Addr::LOCALHOST), Element::catch_all()]);
    batch.add_elements(&intervals, [Element::new(Ipv4Addr::LOCALHOST), Element::catch_all()]);
    commit(&batch);
    assert_eq!(by("name", &scrape()["nftables_set_elements"]), named([("intervals", 1), ("single", 1)]));
}

// ---- HTTP ----

/// Serves in this test's namespace, until all tests are done.
fn start(patience: Duration, scrape: Scrape) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve::serve(listener, patience, scrape));
    address
}

/// Longer than any test takes.
const PATIENT: Duration = Duration::from_secs(600);

/// Returns status line, headers and body.
fn ask(server: SocketAddr, what: &str) -> (String, String, String) {
    let mut stream = TcpStream::connect(server).unwrap();
    write!(stream, "{what} HTTP/1.1\r\nHost: {server}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (status, headers) = head.split_once("\r\n").unwrap();
    (status.to_owned(), format!("{headers}\r\n"), body.to_owned())
}

pub(crate) fn serves_metrics_as_openmetrics() {
    let server = start(PATIENT, metrics::scrape);
    commit(Batch::new().add(&Table::inet("fw")));
    let (status, headers, body) = ask(server, "GET /metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let openmetrics = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(headers.contains(openmetrics), "{headers}");
    assert!(parse(&body).contains_key("nftables_ruleset_generation"));
    let (status, headers, body) = ask(server, "HEAD /metrics");
    assert_eq!((&*status, &*body), ("HTTP/1.1 200 OK", ""));
    assert!(headers.contains(openmetrics), "{headers}");
}

pub(crate) fn says_what_it_does_not_serve() {
    let server = start(PATIENT, metrics::scrape);
    let (status, _, body) = ask(server, "GET /");
    assert_eq!((&*status, &*body), ("HTTP/1.1 404 Not Found", "the metrics are at /metrics\n"));
    let (status, headers, _) = ask(server, "POST /metrics");
    assert_eq!(status, "HTTP/1.1 405 Method Not Allowed");
    assert!(headers.contains("allow: GET, HEAD\r\n"), "{headers}");
}

pub(crate) fn goes_on_after_a_failure() {
    static SCRAPES: AtomicU32 = AtomicU32::new(0);
    let server = start(PATIENT, || match SCRAPES.fetch_add(1, Ordering::Relaxed) {
        0 => Err("no rights".into()),
        _ => metrics::scrape(),
    });
    let (status, _, body) = ask(server, "GET /metrics");
    assert_eq!((&*status, &*body), ("HTTP/1.1 500 Internal Server Error", "no rights\n"));
    assert_eq!(ask(server, "GET /metrics").0, "HTTP/1.1 200 OK");
}

pub(crate) fn leaves_a_slow_client() {
    let server = start(Duration::from_secs(3), metrics::scrape);
    let mut slow = TcpStream::connect(server).unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").unwrap();
    assert_eq!(ask(server, "GET /metrics").0, "HTTP/1.1 200 OK", "the slow one holds nobody up");
    let mut answer = String::new();
    // It ends, one way or another.
    let _ = slow.read_to_string(&mut answer);
    assert_eq!(answer, "");
}
