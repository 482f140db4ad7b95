//! `osf`: the operating system of the sender.

use nftlink::Interval;
use nftlink::datum::OsfName;
use nftlink::expr::{OsfTtl, Verdict};
use nftlink::field::{Field, ct, osf};

use super::comparisons::*;
use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    const NEVER: &str = "the kernel looks at IPv4 packets of hosts and routers alone";
    let pairs = all([
        names("osf name", osf::name()),
        names("osf ttl loose name", osf::ttl(OsfTtl::LOOSE).name()),
        names("osf version", osf::version()),
        names("osf ttl skip version", osf::ttl(OsfTtl::SKIP).version()),
        maps(),
    ]);
    let others = [Family::IP6, Family::ARP, Family::BRIDGE, Family::NETDEV];
    others.into_iter().fold(pairs, |pairs, family| each(pairs, |pair| pair.not_in(family, NEVER)))
}

fn names(name: &str, field: Field<OsfName>) -> Vec<Pair> {
    let mut pairs =
        plain(name, field.clone(), [("\"Linux\"", "Linux".into()), ("\"Windows:XP\"", "Windows:XP".into())]);
    pairs.extend([
        is(format!("{name} \"Lin*\""), field.starts_with("Lin")),
        is(format!("{name} != \"Lin*\""), field.not_starts_with("Lin")),
        does(
            format!("{name} vmap {{ \"Linux\" : drop }}"),
            Rule::new().vmap(field.clone(), [("Linux", Verdict::DROP)]),
        ),
        is(format!("{name} \"Lin*\""), field.one_of([Interval::starting_with("Lin")]))
            .typed(format!("{name} {{ \"Lin*\" }}")),
    ]);
    pairs
}

fn maps() -> Vec<Pair> {
    vec![
        does(
            "ct mark set osf name map { \"Linux\" : 0x00000001, \"unknown\" : 0x00000002 }",
            Rule::new().set(ct::mark(), osf::name().map([("Linux", 1), ("unknown", 2)])),
        ),
        does(
            "ct mark set osf version map { \"Linux:4.10\" : 0x00000001 }",
            Rule::new().set(ct::mark(), osf::version().map([("Linux:4.10", 1)])),
        ),
    ]
}
