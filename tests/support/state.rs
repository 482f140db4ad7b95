//! What the kernel has of a ruleset, to be compared with what it has of another.

use nftlink::{Conn, ElementInfo, Ruleset};

/// Attributes by their numbers.
pub type Attributes = Vec<(u16, Vec<u8>)>;

/// Attributes as the kernel sent them, without those of `without`.
pub fn attributes(mut raw: &[u8], without: &[u16]) -> Attributes {
    const NLA_TYPE_MASK: u16 = 0x3fff; // include/uapi/linux/netlink.h: without NESTED and NET_BYTEORDER
    let mut found = Vec::new();
    while let [l0, l1, n0, n1, rest @ ..] = raw {
        let (length, number) = (u16::from_ne_bytes([*l0, *l1]), u16::from_ne_bytes([*n0, *n1]) & NLA_TYPE_MASK);
        let length = usize::from(length) - 4;
        if !without.contains(&number) {
            found.push((number, rest[..length].to_vec()));
        }
        raw = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

/// The elements of all sets, as the kernel keeps them but in an order, and without the time that is left to them.
///
/// Without the end at the lowest value, too, with which nft begins a set of intervals, and we don't.
pub fn elements(conn: &mut Conn) -> Vec<String> {
    let mut all = Vec::new();
    for set in conn.sets(..).unwrap() {
        let elements = conn.elements(&set).unwrap();
        let is_end_at_zero = |e: &ElementInfo| {
            e.is_interval_end() && e.key().as_ref().is_some_and(|key| key.as_bytes().iter().all(|&byte| byte == 0))
        };
        all.extend(elements.iter().filter(|element| !is_end_at_zero(element)).map(|element| {
            let key = (element.key(), element.key_end(), element.flags());
            let (value, exprs) = (
                (element.data(), element.object()),
                element.stateful().iter().map(|expr| expr.get()).collect::<Vec<_>>(),
            );
            let has = (element.timeout(), element.comment(), value, exprs);
            format!("{}: {key:?} timeout, comment, value, expressions {has:?}", set.at())
        }));
    }
    all.sort();
    all
}

/// All that the kernel tells of the ruleset, but for what it decides by itself: handles, counts, times.
///
/// The numbers are those of include/uapi/linux/netfilter/nf_tables.h.
pub fn as_the_kernel_has_it(conn: &mut Conn) -> Vec<(String, Attributes)> {
    const TABLE_USE_HANDLE: &[u16] = &[3, 4];
    const CHAIN_HANDLE_USE: &[u16] = &[2, 6];
    const SET_HANDLE_COUNT: &[u16] = &[16, 20];
    const OBJ_USE_HANDLE: &[u16] = &[5, 6];
    const RULE_HANDLE_POSITION: &[u16] = &[3, 6];
    let tables = conn.tables(..).unwrap();
    let chains = conn.chains(..).unwrap();
    let sets = conn.sets(..).unwrap();
    let objects = conn.objects(..).unwrap();
    let rules = conn.rules(..).unwrap();
    let mut all = Vec::new();
    all.extend(tables.iter().map(|t| (format!("table {}", t.at()), attributes(t.raw(), TABLE_USE_HANDLE))));
    all.extend(chains.iter().map(|c| (format!("chain {}", c.at()), attributes(c.raw(), CHAIN_HANDLE_USE))));
    all.extend(sets.iter().map(|s| (format!("set {}", s.at()), attributes(s.raw(), SET_HANDLE_COUNT))));
    all.extend(objects.iter().map(|o| (format!("object {}", o.at()), attributes(o.raw(), OBJ_USE_HANDLE))));
    // Objects of one table come in no order that anybody promised.
    all.sort();
    all.extend(rules.iter().map(|r| (format!("rule of {}", r.chain()), attributes(r.raw(), RULE_HANDLE_POSITION))));
    all
}

/// The listing without what is new when a ruleset is: numbers of rules, names of chains of a rule's own, and the random
/// order of a hash table.
pub fn shown(ruleset: &Ruleset) -> String {
    let text = ruleset.bytecode().to_string();
    let own = |word: &str| if word.starts_with("__chain") { "__chain".to_owned() } else { word.to_owned() };
    let line = |line: &str| match line.starts_with([' ', '\t']) {
        true => line.split(' ').map(own).collect::<Vec<_>>().join(" "),
        false => line.split(' ').take(3).map(own).collect::<Vec<_>>().join(" "),
    };
    let mut lines: Vec<String> = text.lines().map(line).collect();
    lines.chunk_by_mut(|a, b| a.starts_with('\t') && b.starts_with('\t')).for_each(<[String]>::sort);
    lines.join("\n")
}
