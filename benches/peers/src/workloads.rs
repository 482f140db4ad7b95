//! The workloads.

use peers_work::{Task, What};

/// One workload: what is done, and how often.
#[derive(Debug, PartialEq, Eq)]
pub struct Workload {
    /// What `--workload` takes; a beginning is enough.
    pub name: &'static str,
    pub title: &'static str,
    pub what: What,
    pub n: u64,
    /// How often with `--size small`.
    pub small: u64,
    /// How many times in each round: the shorter it takes, the more it depends on what else the machine does.
    pub times: usize,
}

const fn workload(name: &'static str, what: What, n: u64, small: u64, title: &'static str) -> Workload {
    Workload { name, title, what, n, small, times: 1 }
}

/// One that takes a fraction of a second.
const fn short(workload: Workload) -> Workload {
    Workload { times: 4, ..workload }
}

const K: u64 = 1000;
const M: u64 = 1000 * K;

pub const ALL: &[Workload] = &[
    short(workload("w1-rules-10k", What::Rules, 10 * K, 500, "W1: append 10,000 rules")),
    workload("w1-rules-100k", What::Rules, 100 * K, 1500, "W1: append 100,000 rules"),
    short(workload("w2-set-100k", What::Elements, 100 * K, 5 * K, "W2: add 100,000 addresses to a set")),
    workload("w2-set-1m", What::Elements, M, 9 * K, "W2: add 1,000,000 addresses to a set"),
    short(workload(
        "w3-intervals-100k",
        What::Intervals,
        100 * K,
        5 * K,
        "W3: add 100,000 prefixes to a set of intervals",
    )),
    short(workload(
        "w3-concatenation-100k",
        What::Concatenation,
        100 * K,
        5 * K,
        "W3: add 100,000 addresses . ports to a set",
    )),
    short(workload(
        "w3-verdict-map-10k",
        What::VerdictMap,
        10 * K,
        5 * K,
        "W3: add 10,000 addresses : verdicts to a map",
    )),
    workload("w4-list-rules-100k", What::ListRules, 100 * K, 1500, "W4: list 100,000 rules"),
    short(workload("w4-list-set-100k", What::ListElements, 100 * K, 5 * K, "W4: list 100,000 addresses of a set")),
    workload("w4-list-set-1m", What::ListElements, M, 9 * K, "W4: list 1,000,000 addresses of a set"),
    short(workload(
        "w5-add-one",
        What::AddOne,
        10 * K,
        200,
        "W5: add one address, a transaction each, half take less than",
    )),
    short(workload("w6-encode-rule", What::EncodeRules, 200 * K, K, "W6: build and encode a rule")),
    short(workload("w6-encode-element", What::EncodeElements, 2 * M, K, "W6: build and encode an address of a set")),
    short(workload("w6-decode-rule", What::DecodeRules, 200 * K, K, "W6: decode the expressions of a rule")),
    workload("growth-rules-1k", What::GrowRules, K, K, "Growth: encode 1,000 rules, each of them"),
    workload("growth-rules-10k", What::GrowRules, 10 * K, K, "Growth: encode 10,000 rules, each"),
    workload("growth-rules-100k", What::GrowRules, 100 * K, K, "Growth: encode 100,000 rules, each"),
    workload("growth-rules-1m", What::GrowRules, M, K, "Growth: encode 1,000,000 rules, each"),
    workload("growth-set-1k", What::GrowElements, K, K, "Growth: encode 1,000 addresses, each"),
    workload("growth-set-10k", What::GrowElements, 10 * K, K, "Growth: encode 10,000 addresses, each"),
    workload("growth-set-100k", What::GrowElements, 100 * K, K, "Growth: encode 100,000 addresses, each"),
    workload("growth-set-1m", What::GrowElements, M, K, "Growth: encode 1,000,000 addresses, each"),
];

impl Workload {
    pub fn task(&self, small: bool) -> Task {
        Task { what: self.what, n: if small { self.small } else { self.n } }
    }
}
