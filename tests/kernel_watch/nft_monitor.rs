//! What `nft -j monitor` tells beside ours.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::{Mark, Port};
use nftlink::field::tcp;
use nftlink::monitor::{Commit, Event, Monitor, Notice, RulePlace};
use nftlink::object::{Counter, Quota};
use nftlink::{Conn, Element, Interval, Map, Policy, Rule, Set, SetRef, Table, TableRef};
use serde_json::Value;

use crate::beside_nft::NftMonitor;
use crate::support::nft_load;
use crate::{PATIENCE, commit, conn, fw, input, monitor};

/// What both monitors are to have told when they have told all.
const END: &str = "the_end";

/// What a monitor told: events of elements, which come in another order from nft, and all others.
#[derive(Debug, Default)]
struct Told {
    elements: Vec<String>,
    others: Vec<String>,
}

impl Told {
    fn of_nft(events: &[Value]) -> Self {
        let mut told = Self::default();
        for event in events {
            let (verb, what) = event.as_object().unwrap().iter().next().unwrap();
            let (kind, what) = what.as_object().unwrap().iter().next().unwrap();
            let text = |key: &str| what[key].as_str().unwrap_or_default();
            let name = [text("table"), text("chain"), text("name")].map(|name| format!(" {name}")).concat();
            let name = format!("{} {}", text("family"), name.trim().split("  ").collect::<Vec<_>>().join(" "));
            if kind == "element" {
                for element in what["elem"]["set"].as_array().unwrap() {
                    told.elements.push(format!("{verb} {kind} {name} {}", key(element)));
                }
                continue;
            }
            // nft takes what was deleted for a set, since the kernel does not tell.
            let kind = if kind == "map" { "set" } else { kind };
            told.others.push(format!("{verb} {kind} {name} handle {}", what["handle"]));
        }
        told.sorted()
    }

    /// What ours told, of which nft leaves out the sets that rules have to themselves, where the kernel tells that
    /// they are such: of what was deleted only before Linux 6.4.
    fn of_ours(commits: &[Commit], sets: &Sets) -> Self {
        let mut told = Self::default();
        let anonymous = |set: &SetRef| set.name().as_str().unwrap().starts_with("__");
        for commit in commits {
            for event in commit.events() {
                let verb = match event {
                    Event::NewRule(_, RulePlace::Inserted | RulePlace::Unknown) => "insert",
                    event if event.is_deletion() => "delete",
                    _ => "add",
                };
                let (what, handle) = match event {
                    Event::NewTable(table) => (format!("table {}", table.at()), table.handle().get()),
                    Event::DeletedTable(table) => (format!("table {}", table.at()), table.handle().get()),
                    Event::NewChain(chain) => (format!("chain {}", chain.at()), chain.handle().get()),
                    Event::DeletedChain(chain) => (format!("chain {}", chain.at()), chain.handle().get()),
                    Event::NewRule(rule, _) | Event::DeletedRule(rule) => {
                        (format!("rule {}", rule.chain()), rule.handle().get())
                    }
                    Event::NewSet(set) if anonymous(set.at()) => continue,
                    Event::DeletedSet(set) if anonymous(set.at()) && set.info().is_some() => continue,
                    Event::NewSet(set) => (format!("set {}", set.at()), set.handle().unwrap().get()),
                    Event::DeletedSet(set) => (format!("set {}", set.at()), set.handle().get()),
                    Event::NewObject(object) => (format!("{} {}", object.kind(), object.at()), object.handle().get()),
                    Event::DeletedObject(object) => {
                        (format!("{} {}", object.at().kind(), object.at()), object.handle().get())
                    }
                    Event::NewElement(_) | Event::DeletedElement(_) => continue,
                    other => panic!("{other}"),
                };
                told.others.push(format!("{verb} {what} handle {handle}"));
            }
            sets.elements(commit, &mut told.elements);
        }
        told.sorted()
    }

    fn sorted(mut self) -> Self {
        self.elements.sort();
        self
    }
}

/// An element's key, as nft and as our types write it.
fn key(element: &Value) -> String {
    match element {
        Value::String(text) => text.clone(),
        Value::Array(pair) => format!("{} : {}", key(&pair[0]), key(&pair[1])),
        Value::Object(object) if object.contains_key("elem") => key(&element["elem"]["val"]),
        Value::Object(object) if object.contains_key("prefix") => {
            format!("{}/{}", key(&element["prefix"]["addr"]), element["prefix"]["len"])
        }
        Value::Object(object) if object.contains_key("range") => {
            format!("{}-{}", key(&element["range"][0]), key(&element["range"][1]))
        }
        Value::Object(object) if object.contains_key("concat") => {
            let parts: Vec<_> = element["concat"].as_array().unwrap().iter().map(key).collect();
            parts.join(" . ")
        }
        other => other.to_string(),
    }
}

/// The sets whose elements change.
struct Sets {
    nets: Set<Interval<Ipv4Addr>>,
    bans: Set<Ipv4Addr>,
    marked: Map<Ipv4Addr, Mark>,
    services: Set<(Ipv4Addr, Port)>,
}

impl Sets {
    fn new(table: impl AsRef<TableRef> + Clone) -> Self {
        Self {
            nets: Set::new(table.clone(), "nets"),
            bans: Set::new(table.clone(), "bans").timeouts(),
            marked: Map::new(table.clone(), "marked"),
            services: Set::new(table, "services"),
        }
    }

    fn elements(&self, commit: &Commit, told: &mut Vec<String>) {
        let mut note = |verb, set: &SetRef, keys: Vec<String>| {
            told.extend(keys.into_iter().map(|key| format!("{verb} element {set} {key}")));
        };
        for (verb, removed) in [("add", false), ("delete", true)] {
            macro_rules! keys {
                ($set:expr, |$element:ident| $show:expr) => {{
                    let found = if removed { commit.removed($set) } else { commit.added($set) };
                    note(verb, $set.at(), found.unwrap().iter().map(|$element| $show).collect());
                }};
            }
            keys!(&self.nets, |element| element.key().unwrap().to_string());
            keys!(&self.bans, |element| element.key().unwrap().to_string());
            keys!(&self.marked, |element| format!("{} : {}", element.key().unwrap(), element.value().get()));
            keys!(&self.services, |element| {
                let (address, port) = element.key().unwrap();
                format!("{address} . {port}")
            });
        }
    }
}

/// Has both monitors tell of changes, and compares.
fn compare(change: impl FnOnce(&mut Conn, &Sets)) {
    let (mut conn, mut ours) = (conn(), monitor());
    let mut nfts = NftMonitor::start(&["-j", "monitor"], 7);
    let sets = Sets::new(fw());
    change(&mut conn, &sets);
    commit(&mut conn, |batch| batch.add(&Table::ip(END)));
    let commits = until_the_end(&mut ours);
    let mut lines = nfts.until(END);
    lines.pop();
    let events: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (ours, nfts) = (Told::of_ours(&commits, &sets), Told::of_nft(&events));
    assert!(ours.others.len() > 10 && ours.elements.len() > 5, "{ours:#?}");
    assert_eq!(ours.others.join("\n"), nfts.others.join("\n"));
    assert_eq!(ours.elements.join("\n"), nfts.elements.join("\n"));
}

fn until_the_end(monitor: &mut Monitor) -> Vec<Commit> {
    let mut commits = Vec::new();
    loop {
        match monitor.receive_timeout(PATIENCE).unwrap() {
            Some(Notice::Commit(commit)) if commit.events()[0].table().name() == END => return commits,
            Some(Notice::Commit(commit)) => commits.push(commit),
            other => panic!("{other:?}"),
        }
    }
}

fn net(text: &str) -> Interval<Ipv4Addr> {
    text.parse().unwrap()
}

pub(super) fn says_the_same_events() {
    compare(|conn, sets| {
        let (web, tiny) = (Counter::named(fw(), "web"), Quota::new(1000).named(fw(), "tiny"));
        let helper = fw().chain("helper");
        let Sets { nets, bans, marked, services } = sets;
        commit(conn, |batch| {
            batch.add(&fw()).add(&input()).add(&helper).add(&web).add(&tiny);
            batch.add(nets).add(bans).add(marked).add(services);
            batch.add_elements(nets, ["10.0.0.0/8", "192.0.2.7", "198.51.100.3-198.51.100.9"].map(net));
            batch.add_elements(services, [(Ipv4Addr::new(1, 2, 3, 4), 80), (Ipv4Addr::new(1, 2, 3, 4), 443)]);
            batch.append(input(), Rule::new().when(tcp::dport().one_of([22, 80])).accept());
            batch.append(input(), Rule::new().object(&web).comment("counted"))
        });
        let hour = Duration::from_secs(3600);
        commit(conn, |batch| {
            batch.add_elements(bans, [Element::new(Ipv4Addr::new(9, 9, 9, 9)).timeout(hour).comment("bad")]);
            batch.add_elements(marked, [(Ipv4Addr::new(9, 9, 9, 8), 0x17)])
        });
        commit(conn, |batch| batch.insert(input(), Rule::new().jump(&helper)).add(&input().policy(Policy::DROP)));
        commit(conn, |batch| batch.delete_elements(nets, [net("10.0.0.0/8")]));
        commit(conn, |batch| batch.delete_elements(services, [(Ipv4Addr::new(1, 2, 3, 4), 443)]));
        commit(conn, |batch| batch.flush(nets).flush(bans).flush(marked));
        let rules = conn.rules(&input()).unwrap();
        commit(conn, |batch| batch.replace(input(), rules[1].handle(), Rule::new().counter()));
        commit(conn, |batch| batch.delete(&rules[0]).delete(&helper).flush(&input()));
        commit(conn, |batch| batch.delete(&tiny).delete(nets));
        commit(conn, |batch| batch.add(&Table::ip6("six")).add(&Table::arp("arp")).add(&Table::bridge("b")));
        commit(conn, |batch| batch.flush_ruleset());
    });
}

pub(super) fn events_of_what_nft_loads() {
    const SCRIPT: &str = r#"
table inet fw {
    quota tiny { over 1000 bytes }
    limit slow { rate 3/second }
    set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.0.2.7, 203.0.113.0-203.0.113.9 } }
    set bans { type ipv4_addr; flags timeout; timeout 1h; }
    map marked { type ipv4_addr : mark; elements = { 1.1.1.1 : 5, 2.2.2.2 : 6 } }
    set services { type ipv4_addr . inet_service; elements = { 1.2.3.4 . 22, 5.6.7.8 . 53 } }
    chain input {
        type filter hook input priority 0; policy accept;
        ip saddr @nets counter drop
        ip saddr @bans drop comment "banned"
        meta mark set ip saddr map @marked
        tcp dport { 22, 53 } accept
        quota name "tiny" drop
        jump other
    }
    chain other { ip saddr . tcp dport @services accept; limit name "slow" accept; }
}
table ip6 six {
    chain c {
    }
}
"#;
    compare(|_, _| {
        nft_load(SCRIPT);
        nft_load("add element inet fw bans { 9.9.9.9 timeout 10m comment \"x\", 9.9.9.8 }");
        nft_load("insert rule inet fw input tcp dport 1 drop\nadd rule inet fw other counter");
        nft_load("delete element inet fw nets { 10.0.0.0/8 }\nadd element inet fw nets { 11.0.0.0/8 }");
        nft_load("add chain inet fw third\nadd rule inet fw third ip daddr vmap { 1.1.1.1 : accept, 2.2.2.2 : drop }");
        nft_load("flush chain inet fw third\nrename chain inet fw third fourth");
        nft_load("flush set inet fw nets\nflush set inet fw services");
        nft_load("reset quota inet fw tiny");
        nft_load("delete table ip6 six");
        nft_load("flush ruleset");
    });
}
