//! What it costs to encode: rules by the low-level API and by the typed language, and elements of sets, each beside a
//! plain writer by hand that writes the same bytes.
//!
//! The rule is `ip saddr A tcp dport N counter drop` in a table of the family `ip`: eight expressions.

mod common;

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use common::{BY_HAND, Group, Meter, Way, by_hand};
use nftlink::datum::{CtState, Port};
use nftlink::expr::{Base, Cmp, CmpOp, Counter, Expr, Immediate, Meta, MetaKey, Payload, Reg, Verdict};
use nftlink::field::{ct, ip, meta, tcp};
use nftlink::{AsRule, Batch, Chain, Element, Interval, IntoElement, Key, Map, Mapped, Rule, Set, Table};

/// Rules in each batch: as many as keep the batch's memory in the cache.
const RULES: u32 = 100;
/// Elements in each batch: one message of them.
const ELEMENTS: u32 = 1000;
/// What the low-level API, the typed language and an element may take, as ratios to the writer by hand.
const LOW: f64 = 1.15;
const TYPED: f64 = 1.8;
const ELEMENT: f64 = 2.0;

/// A way that writes into a vector that is warm.
fn hand(mut write: impl FnMut(&mut Vec<u8>) + 'static) -> Way {
    let mut out = Vec::new();
    Way::new(BY_HAND, move |meter: &mut Meter| {
        meter.measure(|| {
            out.clear();
            write(black_box(&mut out));
        });
        meter.outcome(&out);
    })
}

/// A way that writes into a batch that is warm.
fn batch(name: &'static str, mut write: impl FnMut(&mut Batch) + 'static) -> Way {
    let mut batch = Batch::new();
    Way::new(name, move |meter: &mut Meter| {
        meter.measure(|| {
            batch.clear();
            write(black_box(&mut batch));
        });
        assert!(batch.mistake().is_none(), "{name}: {:?}", batch.mistake());
        meter.outcome(batch.as_bytes());
    })
}

fn rules(name: &'static str, mut append: impl FnMut(&mut Batch, &Chain) + 'static) -> Way {
    let chain = Table::ip("fw").chain("input");
    batch(name, move |batch| (0..RULES).for_each(|_| append(batch, black_box(&chain))))
}

/// What nobody knows beforehand who writes the rule.
fn address_and_port() -> (Ipv4Addr, u16) {
    black_box((Ipv4Addr::new(192, 0, 2, 1), 80))
}

fn exprs() -> [Expr; 8] {
    let (address, port) = address_and_port();
    [
        Payload::load(Base::NETWORK, 12, 4, Reg::R1).into(),
        Cmp::new(CmpOp::EQ, Reg::R1, address.octets()).into(),
        Meta::load(MetaKey::L4PROTO, Reg::R1).into(),
        Cmp::new(CmpOp::EQ, Reg::R1, [6]).into(),
        Payload::load(Base::TRANSPORT, 2, 2, Reg::R1).into(),
        Cmp::new(CmpOp::EQ, Reg::R1, port.to_be_bytes()).into(),
        Counter::default().into(),
        Immediate::verdict(Verdict::DROP).into(),
    ]
}

#[inline]
fn tuple() -> impl AsRule {
    let (address, port) = address_and_port();
    (
        Payload::load(Base::NETWORK, 12, 4, Reg::R1),
        Cmp::new(CmpOp::EQ, Reg::R1, address.octets()),
        Meta::load(MetaKey::L4PROTO, Reg::R1),
        Cmp::new(CmpOp::EQ, Reg::R1, [6]),
        Payload::load(Base::TRANSPORT, 2, 2, Reg::R1),
        Cmp::new(CmpOp::EQ, Reg::R1, port.to_be_bytes()),
        Counter::default(),
        Verdict::DROP,
    )
}

#[inline]
fn typed() -> Rule {
    let (address, port) = address_and_port();
    Rule::new().when(ip::saddr().eq(address)).when(tcp::dport().eq(port)).counter().drop()
}

fn the_rule() -> Group {
    let (kept_exprs, kept_rule) = (exprs(), typed());
    let ways = vec![
        hand(|out| {
            for sequence in 1..=RULES {
                let names = black_box((&b"fw\0"[..], &b"input\0"[..]));
                let (address, port) = address_and_port();
                by_hand::rule(out, sequence, names, address, port);
            }
        }),
        rules("low level, a tuple", |batch, chain| _ = batch.append(chain, tuple())).goal(LOW),
        rules("low level, an array", |batch, chain| _ = batch.append(chain, exprs())),
        rules("low level, kept", move |batch, chain| _ = batch.append(chain, &kept_exprs)).goal(LOW),
        rules("typed, built anew", |batch, chain| _ = batch.append(chain, typed())).goal(TYPED),
        rules("typed, kept", move |batch, chain| _ = batch.append(chain, &kept_rule)).goal(TYPED),
    ];
    Group::new("rule", RULES, ways)
}

/// Other rules of the typed language, built anew and kept.
///
/// `anew` and `again` is how often each allocates.
fn typed_rule(name: &'static str, (anew, again): (u64, u64), rule: impl Fn() -> Rule + 'static) -> Group {
    let kept = rule();
    let ways = vec![
        rules("built anew", move |batch, chain| _ = batch.append(chain, rule())).allocations(anew * u64::from(RULES)),
        rules("kept", move |batch, chain| _ = batch.append(chain, &kept)).allocations(again * u64::from(RULES)),
    ];
    Group::new(name, RULES, ways)
}

/// The n-th address.
fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + n)
}

fn address6(n: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(n))
}

fn port(n: u32) -> u16 {
    n as u16 + 1
}

/// Elements beside the writer by hand of the same.
fn elements<K: Key + 'static, V: Mapped + 'static, E: IntoElement<K, V>>(
    name: &'static str,
    set: Set<K, V>,
    element: impl Fn(u32) -> E + 'static,
    written: impl Fn(&mut Vec<u8>, u32) + 'static,
) -> Group {
    let ways = vec![
        hand(move |out| {
            let names = black_box((&b"fw\0"[..], &b"s\0"[..]));
            by_hand::elements(out, 1, names, |out| (0..ELEMENTS).for_each(|n| written(out, n)));
        }),
        batch("elements", move |batch| _ = batch.add_elements(black_box(&set), (0..ELEMENTS).map(&element)))
            .goal(ELEMENT),
    ];
    Group::new(name, ELEMENTS, ways)
}

fn main() {
    const MINUTES: Duration = Duration::from_secs(600);
    let fw = Table::ip("fw");
    let plain = Set::<Ipv4Addr>::new(&fw, "s");
    let intervals = Set::<Interval<Ipv4Addr>>::new(&fw, "s");
    let address_of = |n| address(n).octets();
    let kept = plain.clone();
    let comment: Arc<str> = "scans ports".into();
    common::run(vec![
        the_rule(),
        typed_rule("typed: a state", (6, 0), || {
            Rule::new().when(ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)).accept()
        }),
        typed_rule("typed: an interface, a prefix, a range", (0, 0), || {
            Rule::new()
                .when(meta::iifname().eq("eth0"))
                .when(ip::saddr().in_prefix(Ipv4Addr::new(192, 0, 2, 0), 24))
                .when(tcp::dport().in_range(1024..=2048))
                .accept()
        }),
        typed_rule("typed: a set", (0, 0), move || Rule::new().when(ip::saddr().in_set(&kept)).counter().drop()),
        typed_rule("typed: a set of its own", (11, 6), || {
            Rule::new().when(tcp::dport().one_of([22, 80, 443])).accept()
        }),
        elements("address", plain.clone(), address, move |out, n| by_hand::element(out, &address_of(n))),
        elements(
            "prefix",
            intervals,
            |n| Interval::prefix(address(n << 9), 24),
            |out, n| by_hand::interval(out, address(n << 9), address((n << 9) + 256)),
        ),
        elements(
            "address . port",
            Set::<(Ipv4Addr, Port)>::new(&fw, "s"),
            |n| (address(n), port(n)),
            |out, n| by_hand::address_and_port(out, address(n), port(n)),
        ),
        elements(
            "IPv6 address . port",
            Set::<(Ipv6Addr, Port)>::new(&fw, "s"),
            |n| (address6(n), port(n)),
            |out, n| by_hand::address6_and_port(out, address6(n), port(n)),
        ),
        elements(
            "address : verdict",
            Map::<Ipv4Addr, Verdict>::new(&fw, "s"),
            |n| (address(n), Verdict::ACCEPT),
            move |out, n| by_hand::to_verdict(out, &address_of(n), 1),
        ),
        elements(
            "address with timeout",
            plain.clone().timeouts(),
            |n| Element::new(address(n)).timeout(MINUTES),
            move |out, n| by_hand::with_timeout(out, &address_of(n), 600_000),
        ),
        elements(
            "address with comment",
            plain,
            move |n| Element::new(address(n)).comment(comment.clone()),
            move |out, n| by_hand::with_comment(out, &address_of(n), b"scans ports"),
        ),
    ]);
}
