//! What nft writes, we read, and can write again.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use nftlink::datum::{DataType, IfName, L4Proto, Mark, Port};
use nftlink::expr::{Counter, Expr};
use nftlink::object::ObjectKind;
use nftlink::{
    Batch, ChainInfo, ChainRef, Element, ElementInfo, Error, Family, HookInfo, Interval, IntoElement, Key, RuleInfo,
    Set, SetFlags, SetInfo, SetPolicy, SetRef, Table, TableFlags, TableInfo,
};

use super::*;

const EVERYTHING: &str = include_str!("everything.nft");
const UNKNOWN: &str = include_str!("unknown.nft");

// ---- the listing, as nft prints it ----

pub(super) fn hooks_are_listed_as_nft_lists_them() {
    support::nft_load(
        "table inet fw {
            chain early { type filter hook input priority -5; ct state new accept; }
            chain late { type filter hook input priority 5; }
            chain out { type nat hook postrouting priority srcnat; masquerade; }
            chain dev { type filter hook ingress device lo priority -7; }
        }
        table netdev n {
            chain in { type filter hook ingress device lo priority 8; }
        }
        table bridge b {
            chain through { type filter hook forward priority 0; }
        }"
        .replace("; }", ";\n}")
        .as_str(),
    );
    let mut conn = Conn::open().unwrap();
    for (family, has) in
        [(Family::IP, "conntrack"), (Family::IP6, "chain inet fw late"), (Family::BRIDGE, "chain bridge b")]
    {
        let ours = HookInfo::listing(&conn.hooks(family).unwrap()).to_string();
        assert!(ours.contains(has), "{ours}");
        assert_same_text("hooks", &ours, &support::nft(&["list", "hooks", &family.to_string()]));
    }
    // Newer ones than 1.0.6 tell the device.
    let without_device = |text: &str| text.replace(" device lo", "");
    let ours = HookInfo::listing(&conn.hooks(IfName::new("lo")).unwrap()).to_string();
    let nfts = support::nft(&["list", "hooks", "netdev", "device", "lo"]);
    assert_same_text("hooks", &without_device(&ours), &without_device(&nfts));
}

pub(super) fn listing_says_what_nfts_says() {
    support::nft_load(EVERYTHING);
    let mut conn = Conn::open().unwrap();
    // With handles, and with priorities as numbers.
    let nfts = comparable(&without_expiry(&support::nft(&["-a", "-y", "list", "ruleset"])));
    assert_same_text("listing", &comparable(&listing(&mut conn)), &nfts);
    // The renderer below reads no more of a rule than that it is there.
    assert_eq!(nfts.matches("\nrule ").count(), 17, "{nfts}");
}

/// Puts a listing into lines that can be compared: one for all elements of a set, sorted; one for each rule, without
/// what it says.
fn comparable(listing: &str) -> String {
    // In the set's userdata, which we keep and do not read, is also whether nft is to merge its elements.
    let mut lines = listing.lines().map(str::trim).filter(|line| !["", "auto-merge"].contains(line));
    let (mut out, mut in_chain) = (String::new(), false);
    while let Some(line) = lines.next() {
        if let Some(first) = line.strip_prefix("elements = { ") {
            let mut elements = first.to_owned();
            while !elements.ends_with(" }") {
                elements = format!("{elements} {}", lines.next().expect("the elements end"));
            }
            let mut elements: Vec<_> = elements.trim_end_matches(" }").split(", ").collect();
            elements.sort_unstable();
            writeln!(out, "elements {}", elements.join("\n         ")).unwrap();
            continue;
        }
        let is_rule = in_chain && line != "}" && !line.starts_with("type ") && !line.starts_with("comment ");
        if line.starts_with("chain ") || line == "}" {
            in_chain = line != "}";
        }
        match line.split_once(" # handle ") {
            Some((rule, handle)) if is_rule => {
                let comment = rule.find(" comment ").map_or("", |at| &rule[at..]);
                writeln!(out, "rule{comment} # handle {handle}").unwrap();
            }
            _ => writeln!(out, "{line}").unwrap(),
        }
    }
    out
}

/// The ruleset in nft's words, from what the library reads.
fn listing(conn: &mut Conn) -> String {
    let mut out = String::new();
    for table in conn.tables(..).unwrap() {
        list_table(conn, &table, &mut out).unwrap();
    }
    out
}

fn list_table(conn: &mut Conn, table: &TableInfo, out: &mut String) -> fmt::Result {
    writeln!(out, "table {} {} {{ # handle {}", table.family(), table.name(), table.handle().get())?;
    if table.flags().contains(TableFlags::DORMANT) {
        writeln!(out, "flags dormant")?;
    }
    list_comment(table.comment(), out)?;
    for object in conn.objects(table).unwrap() {
        let counter: Counter = object.value().unwrap().expect("all are counters");
        writeln!(out, "{} {} {{ # handle {}", object.kind(), object.name(), object.handle().get())?;
        list_comment(object.comment(), out)?;
        writeln!(out, "packets {} bytes {}\n}}", counter.packets, counter.bytes)?;
    }
    for set in conn.sets(table).unwrap() {
        list_set(conn, &set, out)?;
    }
    for chain in conn.chains(table).unwrap() {
        list_chain(conn, &chain, out)?;
    }
    writeln!(out, "}}")
}

fn list_comment(comment: Option<&str>, out: &mut String) -> fmt::Result {
    comment.map_or(Ok(()), |comment| writeln!(out, "comment \"{comment}\""))
}

fn list_chain(conn: &mut Conn, chain: &ChainInfo, out: &mut String) -> fmt::Result {
    writeln!(out, "chain {} {{ # handle {}", chain.name(), chain.handle().get())?;
    list_comment(chain.comment(), out)?;
    if let Some(kind) = chain.kind() {
        let (hook, priority) = (chain.hook().unwrap(), chain.priority().unwrap());
        writeln!(out, "type {kind} hook {hook} priority {priority}; policy {};", chain.policy().unwrap())?;
    }
    for rule in conn.rules(chain).unwrap() {
        let comment = rule.comment().map(|comment| format!(" comment \"{comment}\"")).unwrap_or_default();
        writeln!(out, "what it says{comment} # handle {}", rule.handle().get())?;
    }
    writeln!(out, "}}")
}

fn list_set(conn: &mut Conn, set: &SetInfo, out: &mut String) -> fmt::Result {
    writeln!(out, "set {} {{ # handle {}", set.name(), set.handle().unwrap().get())?;
    writeln!(out, "type {}", set.key_type())?;
    if set.policy() != SetPolicy::PERFORMANCE {
        writeln!(out, "policy {}", set.policy())?;
    }
    let flags = set.flags();
    // A constant set has the size of its elements; nft does not tell it.
    if let (Some(size), false) = (set.size(), flags.contains(SetFlags::CONSTANT)) {
        writeln!(out, "size {size}")?;
    }
    // A timeout says that there are timeouts; nft then tells that flag only beside others.
    let implied = if set.timeout().is_some() { SetFlags::TIMEOUT } else { SetFlags::empty() };
    let words = [
        (SetFlags::CONSTANT, "constant"),
        (SetFlags::EVAL, "dynamic"),
        (SetFlags::INTERVAL, "interval"),
        (SetFlags::TIMEOUT, "timeout"),
    ];
    let words: Vec<_> = words.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, word)| *word).collect();
    if !(flags - implied).is_empty() {
        writeln!(out, "flags {}", words.join(","))?;
    }
    if let Some(timeout) = set.timeout() {
        writeln!(out, "timeout {}", time(timeout))?;
    }
    if let Some(interval) = set.gc_interval() {
        writeln!(out, "gc-interval {}", time(interval))?;
    }
    list_comment(set.comment(), out)?;
    let elements = match (set.key_type(), flags.contains(SetFlags::INTERVAL)) {
        (DataType::IPV4_ADDR, false) => elements(conn, set, Ipv4Addr::to_string),
        (DataType::IPV4_ADDR, true) => elements(conn, set, Interval::<Ipv4Addr>::to_string),
        (DataType::IPV6_ADDR, false) => elements(conn, set, Ipv6Addr::to_string),
        (DataType::IPV6_ADDR, true) => elements(conn, set, Interval::<Ipv6Addr>::to_string),
        (DataType::INET_SERVICE, false) => elements(conn, set, Port::to_string),
        (DataType::INET_PROTO, true) => elements(conn, set, protocols),
        (DataType::MARK, false) => elements(conn, set, Mark::to_string),
        (DataType::MARK, true) => elements(conn, set, Interval::<Mark>::to_string),
        (DataType::IFNAME, false) => elements(conn, set, |name: &IfName| format!("\"{name}\"")),
        (other, _) => panic!("no set of the text has keys of type {other}"),
    };
    if !elements.is_empty() {
        writeln!(out, "elements = {{ {} }}", elements.join(", "))?;
    }
    writeln!(out, "}}")
}

fn typed<K: Key>(set: &SetInfo) -> Set<K> {
    set.typed().expect("the set has the type that it says")
}

/// In a range nft writes protocols as numbers.
fn protocols(interval: &Interval<L4Proto>) -> String {
    match (interval.start(), interval.end()) {
        (start, end) if start == end => start.to_string(),
        (start, end) => format!("{}-{}", start.get(), end.get()),
    }
}

fn elements<K: Key>(conn: &mut Conn, set: &SetInfo, key: impl Fn(&K) -> String) -> Vec<String> {
    let elements = conn.elements(&typed::<K>(set)).unwrap();
    let texts = elements.iter().map(|element| {
        let mut text = key(element.key().unwrap());
        if let Some(timeout) = element.timeout() {
            write!(text, " timeout {}", time(timeout)).unwrap();
        }
        if let Some(comment) = element.comment() {
            write!(text, " comment \"{comment}\"").unwrap();
        }
        text
    });
    texts.collect()
}

/// A time as nft writes it: `1d2h3m4s`.
fn time(time: Duration) -> String {
    let mut left = time.as_millis();
    let mut text = String::new();
    for (unit, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if left >= millis {
            write!(text, "{}{unit}", left / millis).unwrap();
            left %= millis;
        }
    }
    text
}

// ---- values ----

pub(super) fn elements_are_typed() {
    support::nft_load(EVERYTHING);
    let mut conn = Conn::open().unwrap();
    let ip = Table::ip("filter");
    let [a, b] = [Ipv4Addr::new(10, 0, 0, 0), Ipv4Addr::new(192, 168, 1, 1)];

    let nets = Set::<Interval<Ipv4Addr>>::new(&ip, "nets");
    let found = conn.elements(&nets).unwrap();
    let keys: Vec<_> = found.iter().map(|element| *element.key().unwrap()).collect();
    assert_eq!(
        keys,
        [
            Interval::prefix(a, 8),
            Interval::range(b..=Ipv4Addr::new(192, 168, 1, 5)),
            Interval::value(Ipv4Addr::new(192, 168, 1, 9)),
            Interval::at_least(Ipv4Addr::new(255, 0, 0, 0)),
        ]
    );
    let comments: Vec<_> = found.iter().map(ElementInfo::comment).collect();
    assert_eq!(comments, [None, Some("five"), None, None]);

    let bans = conn.elements(&Set::<Interval<Ipv4Addr>>::new(&ip, "bans")).unwrap();
    let hour = Duration::from_secs(3600);
    for (ban, (key, timeout)) in bans.iter().zip([(Interval::prefix(a, 8), 1), (Interval::value(b), 2)]) {
        assert_eq!(ban.key(), Some(&key));
        // Kernels differ in whether they tell the set's timeout for each element.
        assert_eq!(ban.timeout().unwrap_or(hour), timeout * hour);
        let expires = ban.expires().unwrap();
        assert!(expires <= timeout * hour && expires > timeout * hour / 2, "{expires:?}");
    }

    let mut names = values(&mut conn, &Set::<IfName>::new(Table::inet("both"), "names"), |name| name.to_string());
    names.sort();
    assert_eq!(names, ["eth0", "lo"]);
    let mut marks = values(&mut conn, &Set::<Mark>::new(Table::inet("both"), "marks"), |mark| mark.get());
    marks.sort();
    assert_eq!(marks, [1, 0x100]);
    let mut ports = values(&mut conn, &Set::<Port>::new(&ip, "services"), |port| port.get());
    ports.sort();
    assert_eq!(ports, [22, 80, 443]);

    let wrong = conn.elements(&Set::<Ipv4Addr>::new(&ip, "nets")).unwrap_err();
    assert!(matches!(wrong, Error::WrongType(_)), "{wrong:?}");
    assert_eq!(conn.set(&nets).unwrap().typed::<Interval<Port>>().map(|set| set.at().clone()), None);
}

fn values<K: Key, R>(conn: &mut Conn, set: &Set<K>, value: impl Fn(&K) -> R) -> Vec<R> {
    conn.elements(set).unwrap().iter().map(|element| value(element.key().unwrap())).collect()
}

pub(super) fn maps_and_unknown_objects_are_listed_too() {
    support::nft_load(UNKNOWN);
    let mut conn = Conn::open().unwrap();
    let fw = Table::ip("fw");
    let objects = conn.objects(&fw).unwrap();
    let kinds: BTreeMap<_, _> = objects.iter().map(|o| (o.name().to_string(), o.kind().to_string())).collect();
    let expected = [("allowance", "quota"), ("hits", "counter"), ("slow", "limit")];
    assert_eq!(kinds, expected.map(|(name, kind)| (name.to_owned(), kind.to_owned())).into());
    for object in &objects {
        let counter = object.value::<Counter>().unwrap();
        assert_eq!(counter, (object.kind() == ObjectKind::COUNTER).then_some(Counter::new(1, 2)), "{object:?}");
    }

    let set = |conn: &mut Conn, name| conn.set(SetRef::new(&fw, name)).unwrap();
    let ports = set(&mut conn, "ports");
    assert_eq!((ports.flags(), ports.data_type()), (SetFlags::MAP, Some(DataType::INET_SERVICE)));
    assert_eq!((ports.data_len(), ports.comment()), (Some(2), Some("a map")));
    assert_eq!(ports.typed::<Ipv4Addr>().map(|set| set.at().clone()), None, "a map is no set");
    let verdicts = set(&mut conn, "verdicts");
    assert_eq!((verdicts.flags(), verdicts.data_type()), (SetFlags::MAP, Some(DataType::SET_VERDICT)));
    let counters = set(&mut conn, "counters");
    assert_eq!((counters.flags(), counters.object_kind()), (SetFlags::OBJECT, Some(ObjectKind::COUNTER)));
    let pairs = set(&mut conn, "pairs");
    assert_eq!((pairs.flags(), pairs.key_len()), (SetFlags::INTERVAL | SetFlags::CONCAT, 8));
    let learnt = set(&mut conn, "learnt");
    assert_eq!((learnt.flags(), learnt.size()), (SetFlags::EVAL | SetFlags::TIMEOUT, Some(65535)));

    // Of elements whose type is not known the bytes are.
    let found = conn.elements(&ports).unwrap();
    assert_eq!(found[0].key().as_ref().unwrap().as_bytes(), [1, 1, 1, 1]);
    assert_eq!(found[0].comment(), Some("web"));
    let found = conn.elements(&pairs).unwrap();
    assert_eq!(found[0].key().as_ref().unwrap().as_bytes(), [1, 1, 1, 0, 0, 1, 0, 0]);
    assert_eq!(found[0].key_end().unwrap().as_bytes(), [1, 1, 1, 255, 0, 5, 0, 0]);
    assert_eq!((found.len(), found[0].comment()), (1, Some("a pair")));
}

// ---- rules ----

/// The expressions of each rule as nft prints them, in the order of the rules, under what names the rule.
fn nfts_bytecode() -> Vec<(String, Vec<String>)> {
    let printed = support::nft(&["--debug=netlink", "list", "ruleset"]);
    let mut rules: Vec<(String, Vec<String>)> = Vec::new();
    for line in printed.lines().take_while(|line| !line.starts_with("table ")) {
        match line.trim_end() {
            line if line.starts_with("  [ ") => rules.last_mut().expect("a rule has a name").1.push(line.to_owned()),
            "" => {}
            line if line.starts_with([' ', '\t']) => {}
            line => rules.push((line.to_owned(), Vec::new())),
        }
    }
    // Sets come first, "ip fw @ports"; a rule is "ip fw input 8 6", with handle and position.
    rules.retain(|(name, _)| !name.split(' ').nth(2).is_some_and(|word| word.starts_with('@')));
    rules
}

fn name_of(rule: &RuleInfo) -> String {
    let position = rule.position().map(|position| format!(" {}", position.get())).unwrap_or_default();
    format!("{} {}{position}", rule.chain(), rule.handle().get())
}

pub(super) fn bytecode_is_nfts() {
    let mut conn = Conn::open().unwrap();
    support::nft_load(&format!("{EVERYTHING}\n{UNKNOWN}"));
    let (theirs, ours) = (nfts_bytecode(), conn.rules(..).unwrap());
    assert_eq!(ours.len(), theirs.len());
    for (rule, (name, lines)) in ours.iter().zip(&theirs) {
        assert_eq!(&name_of(rule), name);
        let exprs: Vec<_> = rule.exprs().map(Result::unwrap).collect();
        assert!(!exprs.iter().any(|expr| matches!(expr.get(), Expr::Unknown(_))), "{name}: {}", rule.bytecode());
        assert_eq!(exprs.iter().map(|expr| format!("  [ {expr} ]")).collect::<Vec<_>>(), *lines, "{name}");
        assert_eq!(rule.bytecode().to_string().lines().collect::<Vec<_>>(), *lines, "{name}");
    }
}

pub(super) fn rules_that_were_read_are_written_into_another_chain() {
    support::nft_load(&format!("{EVERYTHING}\n{UNKNOWN}"));
    let mut conn = Conn::open().unwrap();
    for table in conn.tables(..).unwrap() {
        let mut copied = Vec::new();
        for chain in conn.chains(&table).unwrap() {
            let rules = conn.rules(&chain).unwrap();
            if rules.is_empty() {
                continue;
            }
            // Of the same kind and at the same hook, without which some statements are not allowed.
            let copy = ChainRef::new(&table, format!("copy_of_{}", chain.name()));
            let head = match chain.kind() {
                Some(kind) => format!(
                    "type {kind} hook {} priority {} ; policy {} ;",
                    chain.hook().unwrap(),
                    chain.priority().unwrap(),
                    chain.policy().unwrap()
                ),
                None => String::new(),
            };
            support::nft_load(&format!("add chain {copy} {{ {head} }}"));
            let mut batch = Batch::new();
            for rule in &rules {
                batch.append(&copy, rule);
            }
            conn.commit(&batch).unwrap();
            copied.push((chain.at().clone(), copy));
        }
        for (chain, copy) in copied {
            let listed = |chain: &ChainRef| {
                let listing = support::nft(&["list", "chain", &table.at().to_string(), &chain.name().to_string()]);
                let (_, rules) = listing.split_once("chain ").unwrap();
                let (_, rules) = rules.split_once('\n').unwrap();
                // A comment on the chain is not a rule.
                rules.lines().filter(|line| !line.trim().starts_with("comment ")).map(|l| format!("{l}\n")).collect()
            };
            let (chain, copy): (String, String) = (listed(&chain), listed(&copy));
            assert!(chain.lines().count() > 2, "{chain}");
            assert_same_text("copied rules", &copy, &chain);
        }
    }
}

// ---- all of it ----

/// Adds a set's elements as they were read.
fn add_elements<K: Key + IntoElement<K>>(batch: &mut Batch, conn: &mut Conn, set: &SetInfo) {
    let set = &typed::<K>(set);
    let elements = conn.elements(set).unwrap().into_iter().map(|info| {
        let mut element = Element::<K>::of(info.key().unwrap().clone());
        if let Some(timeout) = info.timeout() {
            element = element.timeout(timeout);
        }
        if let Some(comment) = info.comment() {
            element = element.comment(comment);
        }
        element
    });
    batch.add_elements(set, elements.collect::<Vec<_>>());
}

/// Reads the ruleset, and commits a batch that deletes all of it and makes it again.
fn put_back(conn: &mut Conn) {
    let tables = conn.tables(..).unwrap();
    let (chains, sets) = (conn.chains(..).unwrap(), conn.sets(..).unwrap());
    let (objects, rules) = (conn.objects(..).unwrap(), conn.rules(..).unwrap());
    let mut batch = Batch::new();
    batch.flush_ruleset();
    for table in &tables {
        batch.add(table);
    }
    for object in &objects {
        batch.create(object);
    }
    for set in &sets {
        batch.create(set);
        let interval = set.flags().contains(SetFlags::INTERVAL);
        match set.key_type() {
            _ if set.flags().intersects(SetFlags::MAP | SetFlags::OBJECT | SetFlags::CONCAT) => {}
            DataType::IPV4_ADDR if interval => add_elements::<Interval<Ipv4Addr>>(&mut batch, conn, set),
            DataType::IPV4_ADDR => add_elements::<Ipv4Addr>(&mut batch, conn, set),
            DataType::IPV6_ADDR if interval => add_elements::<Interval<Ipv6Addr>>(&mut batch, conn, set),
            DataType::IPV6_ADDR => add_elements::<Ipv6Addr>(&mut batch, conn, set),
            DataType::INET_SERVICE => add_elements::<Port>(&mut batch, conn, set),
            DataType::INET_PROTO => add_elements::<Interval<L4Proto>>(&mut batch, conn, set),
            DataType::MARK if interval => add_elements::<Interval<Mark>>(&mut batch, conn, set),
            DataType::MARK => add_elements::<Mark>(&mut batch, conn, set),
            DataType::IFNAME => add_elements::<IfName>(&mut batch, conn, set),
            other => panic!("no set of the text has keys of type {other}"),
        }
    }
    for chain in &chains {
        batch.create(chain);
    }
    for rule in &rules {
        batch.append(rule.chain(), rule);
    }
    conn.commit(&batch).unwrap();
}

pub(super) fn ruleset_that_was_read_can_be_put_back() {
    support::nft_load(EVERYTHING);
    let mut conn = Conn::open().unwrap();
    let before = (without_expiry(&support::nft_ruleset()), as_the_kernel_has_it(&mut conn));
    put_back(&mut conn);
    let after = (without_expiry(&support::nft_ruleset()), as_the_kernel_has_it(&mut conn));
    assert_same_text("listing", &after.0, &before.0);
    assert_eq!(after.1, before.1);
}

pub(super) fn ruleset_with_unknown_parts_can_be_put_back() {
    support::nft_load(UNKNOWN);
    // There is no type yet for elements of these.
    for (kind, name) in [("map", "ports"), ("map", "verdicts"), ("map", "counters"), ("set", "pairs")] {
        support::nft(&["flush", kind, "ip", "fw", name]);
    }
    let mut conn = Conn::open().unwrap();
    let before = (support::nft_ruleset(), as_the_kernel_has_it(&mut conn));
    put_back(&mut conn);
    assert_same_text("listing", &support::nft_ruleset(), &before.0);
    assert_eq!(as_the_kernel_has_it(&mut conn), before.1);
}
