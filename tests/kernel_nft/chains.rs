//! Chains at devices, priorities by name, other names and devices: as nft has them.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::datum::L4Proto;
use nftlink::field::{ip, ip6, meta, tcp, udp};
use nftlink::{Batch, Chain, ChainInfo, Family, Flowtable, Hook, Hooked, Interval, Policy, Priority, Rule, Table};

use super::written::assert_written;
use super::*;
use crate::support::lab::{Namespace, veth};

/// Four devices: two cables whose ends are both here.
fn cables() {
    let here = Namespace::current().unwrap();
    veth((&here, "v0"), (&here, "v1")).unwrap();
    veth((&here, "v2"), (&here, "v3")).unwrap();
}

/// nft sends the devices that it lists from the last to the first, and the kernel keeps that order.
fn chains_at_ingress(batch: &mut Batch) {
    let wire = Table::netdev("wire").comment("with devices");
    let one = wire.chain("one").filter(Hook::INGRESS, Priority::FILTER).device("v0");
    let three = wire.chain("three").filter(Hook::INGRESS, -500).devices(["v2", "v1", "lo"]).policy(Policy::DROP);
    batch.add(&wire).add(&one).add(&three.comment("all but one"));
    batch.append(&one, Rule::new().when(tcp::dport().eq(23)).counter().drop());
    let inet = Table::inet("both");
    let ingress = inet.chain("ingress").filter(Hook::INGRESS, Priority::FILTER + 5).device("v3");
    let ingresses = inet.chain("ingresses").filter(Hook::INGRESS, Priority::FILTER - 5).devices(["v1", "v0"]);
    batch.add(&inet).add(&ingress).add(&ingresses);
    batch.append(&ingresses, Rule::new().when(udp::dport().eq(53)).accept());
}

fn chains_at_egress(batch: &mut Batch) {
    let wire = Table::netdev("out");
    let one = wire.chain("one").filter(Hook::EGRESS, Priority::FILTER - 10).device("v0").policy(Policy::DROP);
    let two = wire.chain("two").filter(Hook::EGRESS, Priority::FILTER + 11).devices(["v3", "v2"]);
    batch.add(&wire).add(&one).add(&two);
}

pub(super) fn chains_at_devices() {
    cables();
    let mut batch = Batch::new();
    chains_at_ingress(&mut batch);
    assert_written(&batch, include_str!("chains_at_ingress.nft"));
}

pub(super) fn chains_at_devices_that_send() {
    cables();
    let mut batch = Batch::new();
    chains_at_egress(&mut batch);
    assert_written(&batch, include_str!("chains_at_egress.nft"));
}

pub(super) fn devices_of_nfts_chains_are_read_and_put_back() {
    cables();
    let mut conn = Conn::open().unwrap();
    support::nft_load(include_str!("chains_at_ingress.nft"));
    let chains = conn.chains(..).unwrap();
    let read: Vec<_> = chains.iter().map(head).collect();
    // Line by line, as nft lists them.
    let listing = support::nft_ruleset();
    let lines: Vec<_> = listing.lines().map(str::trim).filter(|line| line.starts_with("type ")).collect();
    assert_eq!(read, lines);

    let before = (listing, as_the_kernel_has_it(&mut conn));
    let (tables, rules) = (conn.tables(..).unwrap(), conn.rules(..).unwrap());
    let mut batch = Batch::new();
    batch.flush_ruleset();
    tables.iter().for_each(|table| _ = batch.create(table));
    chains.iter().for_each(|chain| _ = batch.create(chain));
    rules.iter().for_each(|rule| _ = batch.append(rule, rule));
    conn.commit(&batch).unwrap();
    assert_same_text("listing", &support::nft_ruleset(), &before.0);
    assert_eq!(as_the_kernel_has_it(&mut conn), before.1);
}

/// What a base chain says of itself in nft's listing.
fn head(chain: &ChainInfo) -> String {
    let mut devices: Vec<_> = chain.devices().iter().map(ToString::to_string).collect();
    devices.sort();
    let devices = match &devices[..] {
        [] => String::new(),
        [device] => format!(" device \"{device}\""),
        devices => format!(" devices = {{ {} }}", devices.join(", ")),
    };
    let (kind, hook) = (chain.kind().unwrap(), chain.hook().unwrap());
    let (priority, policy) = (chain.named_priority().unwrap(), chain.policy().unwrap());
    format!("type {kind} hook {hook}{devices} priority {priority}; policy {policy};")
}

pub(super) fn priorities_have_nfts_names() {
    const INET: [Hook; 5] = [Hook::PREROUTING, Hook::INPUT, Hook::FORWARD, Hook::OUTPUT, Hook::POSTROUTING];
    let mut conn = Conn::open().unwrap();
    let families = [Family::IP, Family::IP6, Family::INET, Family::BRIDGE, Family::ARP, Family::NETDEV];
    let mut names = std::collections::BTreeSet::new();
    for family in families {
        let hooks = match family {
            Family::ARP => &[Hook::INPUT, Hook::OUTPUT],
            Family::NETDEV => &[Hook::INGRESS][..],
            _ => &INET,
        };
        let table = Table::new(family, "t");
        let mut batch = Batch::new();
        batch.flush_ruleset().add(&table);
        for &hook in hooks {
            for around in [-300, -200, -150, -100, 0, 50, 100, 200, 300] {
                for offset in [-11, -10, -1, 0, 1, 10, 11] {
                    let number: i32 = around + offset;
                    let chain = table.chain(format!("{hook}{number}")).filter(hook, number);
                    let chain: Chain<Hooked> = if hook == Hook::INGRESS { chain.device("lo") } else { chain };
                    batch.add(&chain);
                }
            }
        }
        conn.commit(&batch).unwrap();
        let ours: String = conn.chains(..).unwrap().iter().map(|chain| head(chain) + "\n").collect();
        let listing = support::nft_ruleset();
        let theirs = listing.lines().map(str::trim).filter(|line| line.starts_with("type "));
        assert_same_text(&family.to_string(), &ours, &theirs.flat_map(|line| [line, "\n"]).collect::<String>());
        assert_eq!(ours.lines().count(), hooks.len() * 9 * 7);
        // The names that we write mean what we say, too.
        for chain in conn.chains(..).unwrap() {
            let named = chain.named_priority().unwrap();
            assert_eq!(named.number(family), chain.priority().unwrap());
            names.insert(named.to_string().split(' ').next().unwrap().to_owned());
        }
    }
    for name in ["raw", "mangle", "dstnat", "filter", "security", "out", "srcnat", "300"] {
        assert!(names.contains(name), "{names:?}");
    }
}

/// Compares what we make of a ruleset with what nft makes of it.
#[track_caller]
fn assert_as_nft(ruleset: &str, change: impl FnOnce(&mut Conn), nfts: &[&str]) {
    let mut conn = Conn::open().unwrap();
    let mut state = |change: &mut dyn FnMut(&mut Conn)| {
        support::nft_load(&format!("flush ruleset\n{ruleset}"));
        change(&mut conn);
        (support::nft_ruleset(), support::nft_bytecode(), as_the_kernel_has_it(&mut conn))
    };
    let mut change = Some(change);
    let ours = state(&mut |conn| change.take().unwrap()(conn));
    let theirs = state(&mut |_| nfts.iter().for_each(|script| support::nft_load(script)));
    assert_same_text("listing", &ours.0, &theirs.0);
    assert_same_text("bytecode", &ours.1, &theirs.1);
    assert_eq!(ours.2, theirs.2);
    assert_ne!(ours.0, { state(&mut |_| {}).0 }, "something changes");
}

pub(super) fn renamed_chains_are_what_nft_makes_of_them() {
    let ruleset = "table inet fw {
        map doors { type inet_service : verdict; elements = { 22 : jump old }; }
        chain old { counter; }
        chain input { type filter hook input priority 0; jump old; goto old; tcp dport vmap @doors; }
    }";
    let rename = |conn: &mut Conn| {
        let old = conn.chain(Table::inet("fw").chain("old")).unwrap();
        let input = Table::inet("fw").chain("input");
        let handle = conn.chain(&input).unwrap().handle();
        conn.commit(Batch::new().rename(&old, "new").rename((&input, handle), "from-outside")).unwrap();
        assert!(support::nft_ruleset().contains("elements = { 22 : jump new }"));
    };
    let nfts = ["rename chain inet fw old new", "rename chain inet fw input from-outside"];
    assert_as_nft(ruleset, rename, &nfts);
}

pub(super) fn added_devices_are_what_nft_makes_of_them() {
    cables();
    let ruleset = "table netdev wire {
        chain c { type filter hook ingress device v0 priority 0; policy drop; accept; }
    }
    table inet both {
        chain c { type filter hook ingress devices = { v0, v1 } priority 5; }
    }";
    let add = |conn: &mut Conn| {
        let (wire, both) = (Table::netdev("wire").chain("c"), Table::inet("both").chain("c"));
        let mut batch = Batch::new();
        batch.add_devices(&wire, ["v1"]).add_devices(&wire, ["v3", "v2"]).add_devices(&both, ["v3", "v2"]);
        conn.commit(&batch).unwrap();
    };
    let nfts = [
        "add chain netdev wire c { type filter hook ingress device v1 priority 0; }",
        "add chain netdev wire c { type filter hook ingress devices = { v2, v3 } priority 0; }",
        "add chain inet both c { type filter hook ingress devices = { v2, v3 } priority 5; }",
    ];
    assert_as_nft(ruleset, add, &nfts);
    // nft 1.0.6 has no word for the way back; what it lists is as if it had never been.
    let ours = |conn: &mut Conn| {
        let wire = Table::netdev("wire").chain("c");
        conn.commit(Batch::new().add_devices(&wire, ["v1"])).unwrap();
        conn.commit(Batch::new().delete_devices(&wire, ["v0"])).unwrap();
    };
    let nfts =
        ["table netdev wire { chain d { type filter hook ingress device v1 priority 0; policy drop; accept; }; }
        delete chain netdev wire c"];
    let rename_d = |conn: &mut Conn| {
        ours(conn);
        let c = conn.chain(Table::netdev("wire").chain("c")).unwrap();
        conn.commit(Batch::new().rename(&c, "d")).unwrap();
    };
    assert_as_nft(ruleset, rename_d, &nfts);
}

pub(super) fn chains_of_rules_own() {
    let text = include_str!("chains_own.nft");
    let table = Table::inet("x");
    let input = table.chain("y").filter(Hook::INPUT, Priority::FILTER);
    let near =
        ["127.0.0.0/8", "172.23.0.0/16", "192.168.13.0/24"].map(|net| net.parse::<Interval<Ipv4Addr>>().unwrap());
    let rules = [
        Rule::new().when(ip::saddr().one_of(near)).counter().accept(),
        Rule::new().when(ip6::saddr().eq(Ipv6Addr::LOCALHOST)).when(udp::sport().one_of([1, 2])).drop(),
        Rule::new().drop(),
    ];
    let mut batch = Batch::new();
    batch.add(&table).add(&input);
    let protocols = [L4Proto::TCP, L4Proto::UDP];
    batch.append(&input, Rule::new().when(meta::l4proto().one_of(protocols)).counter().jump_rules(rules));
    batch.append(&input, Rule::new().when(tcp::dport().eq(22)).goto_rules([Rule::new().counter()]));
    batch.append(&input, Rule::new().accept());
    Conn::open().unwrap().commit(&batch).unwrap();
    assert_same_text("nft's listing of ours", &support::nft_ruleset(), text);
    let ours = numbered(&support::nft_bytecode());
    support::nft_load(&format!("flush ruleset\n{text}"));
    assert_same_text("nft's listing of its own", &support::nft_ruleset(), text);
    assert_same_text("bytecode", &ours, &numbered(&support::nft_bytecode()));
}

/// The text with the numbers that the kernel gives to chains without names, which it never gives twice, from 0.
fn numbered(text: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    let mut found = String::new();
    for (n, part) in text.split("__chain").enumerate() {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        let (name, rest) = if n == 0 { ("", part) } else { part.split_at(digits) };
        if n > 0 {
            let place = names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
            found.push_str(&format!("__chain{place}"));
        }
        found.push_str(rest);
    }
    assert!(names.len() == 2, "{names:?} in\n{text}");
    found
}

pub(super) fn flowtables() {
    cables();
    let text = "table inet x {
        flowtable fast { hook ingress priority 5; devices = { v0, v1, lo }; counter; }
        flowtable plain { hook ingress priority filter; devices = { v2 }; }
        flowtable bare { hook ingress priority -500; }
        chain forward { type filter hook forward priority 0; tcp dport 80 flow add @fast counter; flow add @plain; }
    }";
    let table = Table::inet("x");
    // nft sends the devices that it lists from the last to the first.
    let fast = table.flowtable("fast", 5).devices(["lo", "v1", "v0"]).counter();
    let plain = table.flowtable("plain", Priority::FILTER).device("v2");
    let bare = table.flowtable("bare", -500);
    let forward = table.chain("forward").filter(Hook::FORWARD, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&table).add(&fast).add(&plain).add(&bare).add(&forward);
    batch.append(&forward, Rule::new().when(tcp::dport().eq(80)).flow_offload(&fast).counter());
    batch.append(&forward, Rule::new().flow_offload(&plain));
    let mut conn = Conn::open().unwrap();
    conn.commit(&batch).unwrap();
    const USE_HANDLE: &[u16] = &[4, 5];
    let as_it_is = |conn: &mut Conn| {
        let flowtables = conn.flowtables(..).unwrap();
        let raw: Vec<_> = flowtables.iter().map(|ft| attributes(ft.raw(), USE_HANDLE)).collect();
        (support::nft_ruleset(), support::nft_bytecode(), raw, as_the_kernel_has_it(conn))
    };
    let ours = as_it_is(&mut conn);
    support::nft_load(&format!("flush ruleset\n{text}"));
    let theirs = as_it_is(&mut conn);
    assert_same_text("listing", &ours.0, &theirs.0);
    assert_same_text("bytecode", &ours.1, &theirs.1);
    assert_eq!((&ours.2, &ours.3), (&theirs.2, &theirs.3));
    assert_eq!(theirs.2.len(), 3);
    // What nft made is put back from what was read of it.
    let read = conn.flowtables(..).unwrap();
    let rules = conn.rules(..).unwrap();
    let mut batch = Batch::new();
    batch.reset(&table);
    read.iter().for_each(|ft| _ = batch.create(&Flowtable::from(ft)));
    batch.add(&forward);
    rules.iter().for_each(|rule| _ = batch.append(rule, rule));
    conn.commit(&batch).unwrap();
    assert_eq!(as_it_is(&mut conn), theirs);
}
