//! Batches of arbitrary operations: what the builder takes without a mistake, the kernel's parser can read.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use nftlink::datum::{L4Proto, Mark, Port};
use nftlink::expr::{
    Base, Bitwise, Cmp, CmpOp, Counter, Data, Expr, Immediate, Limit, Log, Lookup, Meta, MetaKey, Payload, Range,
    RangeOp, Reg, Verdict,
};
use nftlink::field::{Match, ct, icmp, ip, ip6, meta, tcp, udp};
use nftlink::object::{CtHelper, CtTimeout, Quota};
use nftlink::{
    Batch, Chain, Device, Element, Entry, Family, Flowtable, Hook, Hooked, Interval, Map, Policy, Rule, RuleBuilder,
    RuleHandle, Set, Table,
};

use crate::strict;

/// Builds what the bytes say, and checks what was written.
///
/// # Panics
///
/// If the strict parser does not take it.
pub fn run(bytes: &[u8]) {
    let mut batch = Batch::new();
    let mut source = Unstructured::new(bytes);
    while !source.is_empty() && batch.len() < 64 {
        if operation(&mut source, &mut batch).is_err() {
            break;
        }
    }
    let _ = batch.to_string();
    if let Some(mistake) = batch.mistake() {
        let _ = mistake.to_string();
        return;
    }
    if let Err(wrong) = strict::check(batch.as_bytes()) {
        panic!("{wrong}\n{batch}");
    }
}

/// A name: mostly one of a few, so that operations meet.
fn name(source: &mut Unstructured<'_>) -> Result<String> {
    const USUAL: [&str; 4] = ["a", "filter", "input", "blocked"];
    match source.int_in_range(0..=5)? {
        n @ 0..=3 => Ok(USUAL[n].to_owned()),
        _ => Ok(source.arbitrary::<&str>()?.to_owned()),
    }
}

fn text(source: &mut Unstructured<'_>) -> Result<String> {
    Ok(source.arbitrary::<&str>()?.to_owned())
}

fn family(source: &mut Unstructured<'_>) -> Result<Family> {
    source.choose(&[Family::INET, Family::IP, Family::IP6, Family::ARP, Family::BRIDGE, Family::NETDEV]).copied()
}

fn table(source: &mut Unstructured<'_>) -> Result<Table> {
    let table = Table::new(family(source)?, name(source)?.as_str());
    Ok(if source.ratio(1, 8)? { table.comment(text(source)?.as_str()) } else { table })
}

fn chain(source: &mut Unstructured<'_>) -> Result<Chain> {
    let chain = table(source)?.chain(name(source)?.as_str());
    Ok(if source.ratio(1, 8)? { chain.comment(text(source)?.as_str()) } else { chain })
}

fn hooked(source: &mut Unstructured<'_>) -> Result<Chain<Hooked>> {
    let hook = *source.choose(&[Hook::INPUT, Hook::OUTPUT, Hook::FORWARD, Hook::PREROUTING, Hook::INGRESS])?;
    let mut chain = chain(source)?.filter(hook, source.arbitrary::<i32>()?);
    if source.arbitrary()? {
        chain = chain.policy(*source.choose(&[Policy::ACCEPT, Policy::DROP])?);
    }
    if source.ratio(1, 3)? {
        chain = chain.device(device(source)?);
    }
    Ok(chain)
}

fn device(source: &mut Unstructured<'_>) -> Result<Device> {
    let name = text(source)?;
    Ok(if source.ratio(1, 4)? { Device::prefix(name) } else { Device::from(name.as_str()) })
}

fn time(source: &mut Unstructured<'_>) -> Result<Duration> {
    Ok(Duration::new(source.arbitrary()?, source.int_in_range(0..=999_999_999)?))
}

fn interval(source: &mut Unstructured<'_>) -> Result<Interval<Ipv4Addr>> {
    let from: Ipv4Addr = source.arbitrary()?;
    Ok(match source.int_in_range(0..=2)? {
        0 => Interval::from(from),
        1 => Interval::prefix(from, source.arbitrary()?),
        _ => Interval::from(from..=source.arbitrary()?),
    })
}

/// The elements of one operation.
fn some<T>(source: &mut Unstructured<'_>, one: impl Fn(&mut Unstructured<'_>) -> Result<T>) -> Result<Vec<T>> {
    (0..source.int_in_range(0..=5)?).map(|_| one(source)).collect()
}

fn element(source: &mut Unstructured<'_>) -> Result<Element<Ipv4Addr>> {
    let mut element = Element::new(source.arbitrary::<Ipv4Addr>()?);
    if source.ratio(1, 4)? {
        element = element.timeout(time(source)?);
    }
    if source.ratio(1, 4)? {
        element = element.comment(text(source)?);
    }
    Ok(element)
}

fn matching(source: &mut Unstructured<'_>, table: &Table) -> Result<Match> {
    let set = Set::<Ipv4Addr>::new(table, name(source)?.as_str());
    Ok(match source.int_in_range(0..=14)? {
        0 => ip::saddr().eq(source.arbitrary::<Ipv4Addr>()?),
        1 => ip::daddr().in_prefix(source.arbitrary::<Ipv4Addr>()?, source.arbitrary()?),
        2 => ip6::saddr().ne(source.arbitrary::<Ipv6Addr>()?),
        3 => tcp::dport().eq(source.arbitrary::<u16>()?),
        4 => tcp::sport().in_range(source.arbitrary::<u16>()?..=source.arbitrary::<u16>()?),
        5 => udp::dport().one_of(some(source, |source| source.arbitrary::<u16>())?),
        6 => meta::iifname().eq(text(source)?.as_str()),
        7 => meta::mark().eq(source.arbitrary::<u32>()?),
        8 => ct::mark().ne(source.arbitrary::<u32>()?),
        9 => icmp::code().eq(source.arbitrary::<u8>()?),
        10 => ip::saddr().in_set(&set),
        11 => ip::saddr().not_in_set(&set),
        12 => ip::ttl().lt(source.arbitrary::<u8>()?),
        13 => ip::saddr().one_of(some(source, interval)?),
        _ => meta::oifname().eq(name(source)?.as_str()),
    })
}

fn register(source: &mut Unstructured<'_>) -> Result<Reg> {
    Ok(Reg::from_raw(source.int_in_range(0..=30)?))
}

fn data(source: &mut Unstructured<'_>) -> Result<Data> {
    Ok(Data::new(source.arbitrary::<&[u8]>()?))
}

fn expression(source: &mut Unstructured<'_>) -> Result<Expr> {
    let base = Base::from_raw(source.int_in_range(0..=5)?);
    Ok(match source.int_in_range(0..=9)? {
        0 => Payload::load(base, source.arbitrary()?, source.arbitrary()?, register(source)?).into(),
        1 => Cmp::new(CmpOp::from_raw(source.int_in_range(0..=7)?), register(source)?, data(source)?).into(),
        2 => Meta::load(MetaKey::from_raw(source.int_in_range(0..=40)?), register(source)?).into(),
        3 => Immediate::data(register(source)?, data(source)?).into(),
        4 => Bitwise::mask_xor(register(source)?, data(source)?, data(source)?).into(),
        5 => Range::new(RangeOp::NEQ, register(source)?, data(source)?, data(source)?).into(),
        6 => Lookup::new(name(source)?.as_str(), register(source)?).into(),
        7 => Counter::new(source.arbitrary()?, source.arbitrary()?).into(),
        8 => Limit::packets(source.arbitrary()?, source.arbitrary()?).into(),
        _ => Log::new().prefix(text(source)?.as_str()).into(),
    })
}

fn rule(source: &mut Unstructured<'_>, table: &Table) -> Result<RuleBuilder> {
    let mut rule = Rule::new();
    for _ in 0..source.int_in_range(0..=6)? {
        rule = match source.int_in_range(0..=7)? {
            0..=3 => rule.when(matching(source, table)?),
            4 => rule.counter(),
            5 => rule.expr(expression(source)?),
            6 => rule.set(meta::mark(), source.arbitrary::<u32>()?),
            _ => rule.limit(Limit::packets(source.arbitrary()?, Limit::SECOND)),
        };
    }
    if source.ratio(1, 6)? {
        rule = rule.comment(text(source)?);
    }
    if source.ratio(1, 12)? {
        rule = rule.owner(text(source)?);
    }
    Ok(rule)
}

/// A whole rule, added in one of the ways there are.
fn add_rule(source: &mut Unstructured<'_>, batch: &mut Batch) -> Result<()> {
    let table = table(source)?;
    let chain = table.chain(name(source)?.as_str());
    let rule = rule(source, &table)?;
    let rule: Rule = match source.int_in_range(0..=6)? {
        0 => rule.accept(),
        1 => rule.drop(),
        2 => rule.jump(table.chain(name(source)?.as_str())),
        3 => rule.dnat(SocketAddrV4::new(source.arbitrary()?, source.arbitrary()?)),
        4 => rule.masquerade(),
        5 => rule.reject(),
        _ => rule.into(),
    };
    let handle = RuleHandle::from_raw(source.arbitrary()?);
    match source.int_in_range(0..=4)? {
        0 | 1 => batch.append(&chain, rule),
        2 => batch.insert(&chain, rule),
        3 => batch.insert_after(&chain, handle, rule),
        _ => batch.replace(&chain, handle, rule),
    };
    Ok(())
}

fn operation(source: &mut Unstructured<'_>, batch: &mut Batch) -> Result<()> {
    match source.int_in_range(0..=17)? {
        0 => _ = batch.add(&table(source)?),
        1 => _ = batch.add(&chain(source)?),
        2 => _ = batch.add(&hooked(source)?),
        3 => {
            let mut set = Set::<Interval<Ipv4Addr>>::new(table(source)?, name(source)?.as_str());
            if source.arbitrary()? {
                set = set.timeout(time(source)?).size(source.arbitrary()?);
            }
            if source.ratio(1, 4)? {
                set = set.comment(text(source)?.as_str());
            }
            batch.add(&set).add_elements(&set, some(source, interval)?);
        }
        4 => {
            let set = Set::<Ipv4Addr>::new(table(source)?, name(source)?.as_str()).timeouts();
            let elements = some(source, element)?;
            match source.int_in_range(0..=3)? {
                0 => batch.add(&set).add_elements(&set, elements),
                1 => batch.create_elements(&set, elements),
                2 => batch.delete_elements(&set, elements),
                _ => batch.refresh_elements(&set, elements),
            };
        }
        5 => {
            let set = Set::<(Ipv4Addr, Port)>::new(table(source)?, name(source)?.as_str());
            let pair =
                |source: &mut Unstructured<'_>| Ok((source.arbitrary::<Ipv4Addr>()?, source.arbitrary::<u16>()?));
            batch.add(&set).add_elements(&set, some(source, pair)?);
        }
        6 => {
            let set = Set::<(Interval<Ipv4Addr>, Interval<Port>)>::new(table(source)?, name(source)?.as_str());
            let pair = |source: &mut Unstructured<'_>| {
                Ok((interval(source)?, Interval::from(Port::from(source.arbitrary::<u16>()?))))
            };
            batch.add(&set).add_elements(&set, some(source, pair)?);
        }
        7 => {
            let table = table(source)?;
            let map = Map::<Mark, Verdict>::new(&table, name(source)?.as_str());
            let to = name(source)?;
            let entry = |source: &mut Unstructured<'_>| {
                let verdict = if source.arbitrary()? { Verdict::DROP } else { Verdict::jump(to.as_str()) };
                Ok((Mark::from(source.arbitrary::<u32>()?), verdict))
            };
            batch.add(&map).add_elements(&map, some(source, entry)?);
        }
        8 => {
            let map = Map::<Port, (Ipv4Addr, Port)>::new(table(source)?, name(source)?.as_str());
            let entry = |source: &mut Unstructured<'_>| {
                let to = (source.arbitrary::<Ipv4Addr>()?, source.arbitrary::<u16>()?);
                Ok((source.arbitrary::<u16>()?, to))
            };
            batch.add(&map).add_elements(&map, some(source, entry)?);
        }
        9 => {
            let set = Set::<Ipv6Addr>::new(table(source)?, name(source)?.as_str());
            let entry = |source: &mut Unstructured<'_>| {
                let mut entry = Entry::new(data(source)?);
                entry.timeout = source.arbitrary::<bool>()?.then(|| time(source)).transpose()?;
                entry.userdata = source.arbitrary::<&[u8]>()?.to_vec();
                entry.exprs = some(source, expression)?;
                Ok(entry)
            };
            batch.add_entries(&set, some(source, entry)?);
        }
        10 | 11 => add_rule(source, batch)?,
        12 => {
            let table = table(source)?;
            let chain = table.chain(name(source)?.as_str());
            match source.int_in_range(0..=3)? {
                0 => batch.flush(&chain),
                1 => batch.flush(&table),
                2 => batch.delete(&chain),
                _ => batch.destroy(&table),
            };
        }
        13 => {
            let table = table(source)?;
            let flowtable = Flowtable::new(&table, name(source)?.as_str(), source.arbitrary::<i32>()?);
            let names = some(source, text)?;
            batch.add(&flowtable.devices(names.iter().map(String::as_str)));
        }
        14 => {
            let (table, name) = (table(source)?, name(source)?);
            match source.int_in_range(0..=3)? {
                0 => batch.add(&Counter::named(&table, name.as_str()).comment(text(source)?.as_str())),
                1 => batch.add(&Quota::new(source.arbitrary()?).named(&table, name.as_str())),
                2 => batch.add(
                    &CtHelper::new(text(source)?.as_str(), L4Proto::from_raw(source.arbitrary()?))
                        .named(&table, name.as_str()),
                ),
                _ => batch.add(&CtTimeout::new(L4Proto::from_raw(source.arbitrary()?)).named(&table, name.as_str())),
            };
        }
        15 => _ = batch.flush_ruleset(),
        16 => _ = batch.delete(&table(source)?),
        _ => {
            let set = Set::<Ipv4Addr>::new(table(source)?, name(source)?.as_str());
            if source.arbitrary()? {
                batch.flush(&set)
            } else {
                batch.delete(&set)
            };
        }
    }
    Ok(())
}
