//! The comparisons of a type of values, on any field of it.

use std::net::{Ipv4Addr, Ipv6Addr};

use nftlink::Interval;
use nftlink::datum::{Address, BitMask, Datum, Ordered};
use nftlink::field::Field;

use super::*;

/// Two values of a type, and their spellings in nft.
pub(super) type Two<V> = [(&'static str, V); 2];

macro_rules! two {
    ($one:literal, $other:literal) => {
        [(stringify!($one), $one.into()), (stringify!($other), $other.into())]
    };
}

pub(super) use two;

/// Comparisons that all types have.
pub(super) fn plain<V: Datum, A>(name: &str, field: Field<V, A>, [(a, one), (b, other)]: Two<V>) -> Vec<Pair> {
    vec![
        is(format!("{name} {a}"), field.eq(&one)),
        is(format!("{name} != {b}"), field.ne(&other)),
        is(format!("{name} {{ {a}, {b} }}"), field.one_of([&one, &other])),
        is(format!("{name} != {{ {a}, {b} }}"), field.none_of([&one, &other])),
        is(format!("{name} {a}"), field.one_of([&one])).typed(format!("{name} {{ {a} }}")),
        is(format!("{name} != {a}"), field.none_of([&one])).typed(format!("{name} != {{ {a} }}")),
    ]
}

/// A comparison with a value, and with several.
pub(super) fn chosen<V: Datum, A>(name: &str, field: Field<V, A>, [(a, one), (b, other)]: Two<V>) -> Vec<Pair> {
    vec![is(format!("{name} {a}"), field.eq(&one)), is(format!("{name} {{ {a}, {b} }}"), field.one_of([&one, &other]))]
}

/// Comparisons of sets of bits as a whole. A set of one is not compared: nft looks then whether the bit is there.
pub(super) fn masks<V: BitMask, A>(name: &str, field: Field<V, A>, [(a, one), (b, other)]: Two<V>) -> Vec<Pair> {
    vec![
        is(format!("{name} == {a}"), field.eq(&one)),
        is(format!("{name} != {b}"), field.ne(&other)),
        is(format!("{name} {{ {a}, {b} }}"), field.one_of([&one, &other])),
        is(format!("{name} != {{ {a}, {b} }}"), field.none_of([&one, &other])),
    ]
}

/// Comparisons that make sense behind another one.
pub(super) fn behind<V: Ordered, A>(
    before: &str,
    first: &Match,
    name: &str,
    field: Field<V, A>,
    [(a, one), (b, other)]: Two<V>,
) -> Vec<Pair> {
    let does = |text: String, matching| {
        does(format!("{before} {name} {text}"), Rule::new().when(first.clone()).when(matching))
    };
    vec![
        does(a.to_owned(), field.eq(&one)),
        does(format!("!= {a}"), field.ne(&one)),
        does(format!("< {b}"), field.lt(&other)),
        does(format!("{a}-{b}"), field.in_range(one.clone()..=other.clone())),
        does(format!("!= {a}-{b}"), field.not_in_range(one.clone()..=other.clone())),
        does(format!("{{ {a}, {b} }}"), field.one_of([&one, &other])),
        does(format!("!= {{ {a}, {b} }}"), field.none_of([&one, &other])),
    ]
}

/// Comparisons of types with an order.
pub(super) fn ordered<V: Ordered, A>(name: &str, field: Field<V, A>, two: Two<V>) -> Vec<Pair> {
    let [(a, _), (b, _)] = two;
    ordered_as(name, field, two, [a, b])
}

/// [`ordered`], where nft spells the values otherwise in ranges: it takes no words there.
pub(super) fn ordered_as<V: Ordered, A>(
    name: &str,
    field: Field<V, A>,
    two: Two<V>,
    [from, to]: [&str; 2],
) -> Vec<Pair> {
    let [(a, one), (b, other)] = two.clone();
    let mut pairs = plain(name, field.clone(), two);
    let range = || one.clone()..=other.clone();
    pairs.extend([
        is(format!("{name} < {b}"), field.lt(&other)),
        is(format!("{name} <= {b}"), field.le(&other)),
        is(format!("{name} > {a}"), field.gt(&one)),
        is(format!("{name} >= {a}"), field.ge(&one)),
        is(format!("{name} {from}-{to}"), field.in_range(range())),
        is(format!("{name} != {from}-{to}"), field.not_in_range(range())),
        is(format!("{name} {from}-{to}"), field.one_of([range()])).typed(format!("{name} {{ {from}-{to} }}")),
        is(format!("{name} != {from}-{to}"), field.none_of([range()])).typed(format!("{name} != {{ {from}-{to} }}")),
    ]);
    pairs
}

/// The same pairs, where nft's listing names the field otherwise.
pub(super) fn listed_as(listed: &str, name: &str, pairs: Vec<Pair>) -> Vec<Pair> {
    let rename = |pair: Pair| Pair {
        typed: Some(pair.typed.unwrap_or_else(|| pair.text.clone())),
        text: pair.text.replacen(name, listed, 1),
        ..pair
    };
    pairs.into_iter().map(rename).collect()
}

/// Comparisons of addresses.
pub(super) fn addresses<V: Address, A>(name: &str, field: Field<V, A>, two: Two<V>) -> Vec<Pair> {
    let (a, one) = two[0].clone();
    let mut pairs = ordered(name, field.clone(), two);
    // Whole bytes, and parts of one.
    for len in [8, V::BITS - 1, 9] {
        let prefix = Interval::prefix(one.clone(), len);
        let text = format!("{}/{len}", masked(prefix.start()));
        pairs.extend([
            is(format!("{name} {text}"), field.in_prefix(&one, len)),
            is(format!("{name} != {text}"), field.not_in_prefix(&one, len)),
            is(format!("{name} {text}"), field.one_of([prefix])).typed(format!("{name} {{ {text} }}")),
        ]);
    }
    pairs.push(is(format!("{name} {a}"), field.in_prefix(&one, V::BITS)));
    pairs
}

fn masked(address: &impl Datum) -> String {
    let data = address.to_data().unwrap();
    match *data.as_bytes() {
        [a, b, c, d] => Ipv4Addr::from([a, b, c, d]).to_string(),
        ref bytes => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap()).to_string(),
    }
}
