//! Batches of arbitrary operations: what the builder takes without a mistake, the kernel's parser can read.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use nftlink::datum::{DataType, IfName, L4Proto, Mark, Port};
use nftlink::expr::{Value, Verdict};
use nftlink::field::{Match, ct, icmp, ip, ip6, meta, tcp, udp};
use nftlink::object::{
    Connlimit, Counter, CtExpect, CtHelper, CtTimeout, GeneveOption, Named, Object, ObjectKind, Quota, Secmark,
    Synproxy, TimeoutState, Tunnel, TunnelOptions,
};
use nftlink::{
    Batch, Chain, ChainHandle, ChainKind, Declare, Delete, Device, Element, ElementFlags, Entry, Family, Flowtable,
    Hook, Hooked, Interval, IntoElement, Key, Mapped, Policy, Rule, RuleBuilder, RuleHandle, Ruleset, Set, SetFlags,
    SetPolicy, SetRef, Table, TableFlags, UntypedSet,
};

use crate::expressions;
use crate::strict::{self, Met};

/// Builds what the bytes say, and checks what was written, before the first mistake if there is one, and if there is
/// none what would be sent. Returns the batch.
///
/// # Panics
///
/// If the strict parser does not take it.
pub fn run(bytes: &[u8], met: &mut Met) -> Batch {
    let mut batch = Batch::new();
    let mut source = Unstructured::new(bytes);
    let mut good = 0;
    while !source.is_empty() && batch.len() < 64 {
        let ended = operation(&mut source, &mut batch).is_err();
        if let Some(mistake) = batch.mistake() {
            let _ = mistake.to_string();
            break;
        }
        good = batch.as_bytes().len();
        if ended {
            break;
        }
    }
    let shown = batch.to_string();
    if let Err(wrong) = strict::check(&batch.as_bytes()[..good], met) {
        panic!("{wrong}\n{shown}");
    }
    if batch.mistake().is_none() {
        let (datagram, is_dry) = nftlink::fuzzing::datagram(&batch, bytes.last().copied().unwrap_or_default());
        if let Err(wrong) = strict::check_datagram(&datagram, is_dry, met) {
            panic!("{wrong}\n{shown}");
        }
    }
    batch
}

/// A name: mostly one of a few, so that operations meet.
pub(crate) fn name(source: &mut Unstructured<'_>) -> Result<&'static str> {
    const USUAL: [&str; 4] = ["a", "filter", "input", "blocked"];
    const ODD: [&str; 5] = ["", "eth\0", "\u{e4} \"\\", "__set%d", LONG];
    if source.ratio(1, 64)? { source.choose(&ODD).copied() } else { source.choose(&USUAL).copied() }
}

/// A name of 256 bytes.
const LONG: &str = match std::str::from_utf8(&[b'n'; 256]) {
    Ok(text) => text,
    Err(_) => "",
};

/// What people write: of any length.
pub(crate) fn text(source: &mut Unstructured<'_>) -> Result<String> {
    match source.int_in_range(0..=9)? {
        0 => Ok(source.arbitrary::<&str>()?.to_owned()),
        1 => Ok(LONG[..source.int_in_range(0..=256)?].to_owned()),
        _ => name(source).map(str::to_owned),
    }
}

pub(crate) fn family(source: &mut Unstructured<'_>) -> Result<Family> {
    const OTHERS: [Family; 5] = [Family::IP, Family::IP6, Family::ARP, Family::BRIDGE, Family::NETDEV];
    if source.ratio(1, 3)? { source.choose(&OTHERS).copied() } else { Ok(Family::INET) }
}

/// Something, in one of four cases.
pub(crate) fn maybe<T>(
    source: &mut Unstructured<'_>,
    one: impl Fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Option<T>> {
    if source.ratio(1, 4)? { one(source).map(Some) } else { Ok(None) }
}

fn table(source: &mut Unstructured<'_>) -> Result<Table> {
    let mut table = Table::new(family(source)?, name(source)?);
    if let Some(comment) = maybe(source, text)? {
        table = table.comment(comment);
    }
    if let Some(flags) = maybe(source, |source| source.int_in_range(0..=7))? {
        table = table.flags(TableFlags::from_bits_retain(flags));
    }
    Ok(table)
}

fn chain(source: &mut Unstructured<'_>) -> Result<Chain> {
    let chain = table(source)?.chain(name(source)?);
    Ok(match maybe(source, text)? {
        Some(comment) => chain.comment(comment),
        None => chain,
    })
}

fn hooked(source: &mut Unstructured<'_>) -> Result<Chain<Hooked>> {
    let hook = *source.choose(&[Hook::INPUT, Hook::OUTPUT, Hook::FORWARD, Hook::PREROUTING, Hook::INGRESS])?;
    let kind = source.choose(&[ChainKind::Filter, ChainKind::Nat, ChainKind::Route])?.clone();
    let mut chain = chain(source)?.hooked(kind, hook, source.arbitrary::<i32>()?);
    if source.arbitrary()? {
        chain = chain.policy(*source.choose(&[Policy::ACCEPT, Policy::DROP])?);
    }
    if source.ratio(1, 4)? {
        chain = chain.devices(some(source, device)?);
    }
    if source.ratio(1, 8)? {
        chain = chain.counters();
    }
    if source.ratio(1, 8)? {
        chain = chain.offload();
    }
    Ok(chain)
}

fn device(source: &mut Unstructured<'_>) -> Result<Device> {
    let name = if source.ratio(1, 32)? { text(source)? } else { name(source)?.to_owned() };
    Ok(if source.ratio(1, 4)? { Device::prefix(name) } else { Device::from(name.as_str()) })
}

/// What nft keeps with something.
fn userdata(source: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let bytes = if source.ratio(1, 32)? { source.arbitrary()? } else { source.bytes(8)? };
    Ok(bytes.to_vec())
}

fn prefix_len(source: &mut Unstructured<'_>) -> Result<u8> {
    if source.ratio(1, 32)? { source.arbitrary() } else { source.int_in_range(0..=32) }
}

fn time(source: &mut Unstructured<'_>) -> Result<Duration> {
    if !source.ratio(1, 32)? {
        return Ok(Duration::from_millis(source.int_in_range(1..=4_000_000)?));
    }
    Ok(Duration::new(source.arbitrary()?, source.int_in_range(0..=999_999_999)?))
}

fn interval(source: &mut Unstructured<'_>) -> Result<Interval<Ipv4Addr>> {
    let from: Ipv4Addr = source.arbitrary()?;
    Ok(match source.int_in_range(0..=2)? {
        0 => Interval::from(from),
        1 => Interval::prefix(from, prefix_len(source)?),
        _ if source.ratio(1, 32)? => Interval::from(from..=source.arbitrary()?),
        _ => Interval::from(from..=Ipv4Addr::from(u32::from(from).saturating_add(source.arbitrary()?))),
    })
}

/// A few of them.
pub(crate) fn some<T>(
    source: &mut Unstructured<'_>,
    one: impl Fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..source.int_in_range(0..=5)?).map(|_| one(source)).collect()
}

fn element(source: &mut Unstructured<'_>) -> Result<Element<Ipv4Addr>> {
    let mut element = Element::new(source.arbitrary::<Ipv4Addr>()?);
    if source.ratio(1, 4)? {
        element = element.timeout(time(source)?);
    }
    if source.ratio(1, 8)? {
        element = element.expires(time(source)?);
    }
    if source.ratio(1, 4)? {
        element = element.comment(text(source)?);
    }
    if let Some(expr) = maybe(source, expressions::stateful)? {
        element = element.stateful(expr);
    }
    Ok(element)
}

fn matching(source: &mut Unstructured<'_>, table: &Table) -> Result<Match> {
    let set = Set::<Ipv4Addr>::new(table, name(source)?);
    Ok(match source.int_in_range(0..=14)? {
        0 => ip::saddr().eq(source.arbitrary::<Ipv4Addr>()?),
        1 => ip::daddr().in_prefix(source.arbitrary::<Ipv4Addr>()?, prefix_len(source)?),
        2 => ip6::saddr().ne(source.arbitrary::<Ipv6Addr>()?),
        3 => tcp::dport().eq(source.arbitrary::<u16>()?),
        4 => tcp::sport().in_range(source.arbitrary::<u16>()?..=u16::MAX),
        5 => udp::dport().one_of(some(source, |source| source.arbitrary::<u16>())?),
        6 => meta::iifname().eq(text(source)?),
        7 => meta::mark().eq(source.arbitrary::<u32>()?),
        8 => ct::mark().ne(source.arbitrary::<u32>()?),
        9 => icmp::code().eq(source.arbitrary::<u8>()?),
        10 => ip::saddr().in_set(&set),
        11 => ip::saddr().not_in_set(&set),
        12 => ip::ttl().lt(source.arbitrary::<u8>()?),
        13 => ip::saddr().one_of(some(source, interval)?),
        _ => meta::oifname().eq(name(source)?),
    })
}

fn rule(source: &mut Unstructured<'_>, table: &Table) -> Result<RuleBuilder> {
    let mut rule = Rule::new();
    for _ in 0..source.int_in_range(0..=6)? {
        rule = match source.int_in_range(0..=7)? {
            0..=2 => rule.when(matching(source, table)?),
            3 => rule.counter(),
            4 => rule.object(Counter::named(table, name(source)?)),
            5 => rule.expr(expressions::any(source, 3)?),
            6 => rule.set(meta::mark(), source.arbitrary::<u32>()?),
            _ => rule.limit(expressions::limit(source)?),
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
    let chain = table.chain(name(source)?);
    let rule = rule(source, &table)?;
    let rule: Rule = match source.int_in_range(0..=10)? {
        0 => rule.accept(),
        1 => rule.drop(),
        2 => rule.jump(table.chain(name(source)?)),
        3 => rule.dnat(SocketAddrV4::new(source.arbitrary()?, source.arbitrary()?)),
        4 => rule.masquerade(),
        5 => rule.reject(),
        6 => rule.goto(table.chain(name(source)?)),
        7 => rule.snat(source.arbitrary::<Ipv4Addr>()?),
        8 => rule.redirect_to(source.arbitrary::<u16>()?),
        9 => rule.jump_rules(some(source, |_| Ok(Rule::new().counter().accept()))?),
        _ => rule.into(),
    };
    let handle = RuleHandle::from_raw(source.arbitrary()?);
    match source.int_in_range(0..=6)? {
        0 | 1 => batch.append(&chain, rule),
        2 => batch.insert(&chain, rule),
        3 => batch.insert_after(&chain, handle, rule),
        4 => batch.insert_before(&chain, handle, rule),
        5 => batch.delete_rule(&chain, handle),
        _ => batch.replace(&chain, handle, rule),
    };
    Ok(())
}

/// A verb for what can be added and deleted.
fn verb(source: &mut Unstructured<'_>, batch: &mut Batch, what: &(impl Declare + Delete)) -> Result<()> {
    match source.int_in_range(0..=7)? {
        0 => batch.create(what),
        1 => batch.delete(what),
        2 => batch.destroy(what),
        _ => batch.add(what),
    };
    Ok(())
}

/// A set or map with some elements, added in one of the ways there are.
fn set<K: Key, V: Mapped, E: IntoElement<K, V>>(
    source: &mut Unstructured<'_>,
    batch: &mut Batch,
    one: impl Fn(&mut Unstructured<'_>) -> Result<E>,
) -> Result<()> {
    let mut set = Set::<K, V>::new(table(source)?, name(source)?);
    if let Some(comment) = maybe(source, text)? {
        set = set.comment(comment);
    }
    if let Some(timeout) = maybe(source, time)? {
        set = set.timeout(timeout).gc_interval(time(source)?);
    }
    if let Some(size) = maybe(source, |source| source.arbitrary())? {
        set = set.size(size);
    }
    if let Some(expr) = maybe(source, expressions::stateful)? {
        set = set.dynamic().stateful(expr);
    }
    if source.ratio(1, 8)? {
        set = set.policy(SetPolicy::MEMORY).constant();
    }
    verb(source, batch, &set)?;
    let elements = some(source, one)?;
    match source.int_in_range(0..=7)? {
        0 => batch.create_elements(&set, elements),
        1 => batch.delete_elements(&set, elements),
        2 => batch.destroy_elements(&set, elements),
        3 => batch.refresh_elements(&set, elements),
        4 => batch.flush(&set),
        _ => batch.add_elements(&set, elements),
    };
    Ok(())
}

/// A set as the kernel has them, and entries.
fn untyped_set(source: &mut Unstructured<'_>, batch: &mut Batch) -> Result<()> {
    let number = |source: &mut Unstructured<'_>| source.int_in_range(0..=64);
    let at = SetRef::new(table(source)?, name(source)?);
    let mut set = UntypedSet::new(at, DataType::from_raw(number(source)?), number(source)?);
    set.flags = SetFlags::from_bits_retain(source.int_in_range(0..=0x1ff)?);
    set.data_type = maybe(source, number)?.map(DataType::from_raw);
    set.data_len = maybe(source, number)?;
    set.object_kind = maybe(source, number)?.map(ObjectKind::from_raw);
    set.size = source.arbitrary()?;
    set.fields = some(source, number)?;
    set.timeout = maybe(source, time)?;
    set.gc_interval = maybe(source, time)?;
    set.userdata = userdata(source)?;
    set.exprs = expressions::several_stateful(source)?;
    verb(source, batch, &set)?;
    let entry = |source: &mut Unstructured<'_>| {
        let mut entry = Entry::new(expressions::data(source)?);
        if source.ratio(1, 32)? {
            entry.key = None;
        }
        entry.key_end = maybe(source, expressions::data)?;
        entry.value = maybe(source, |source| match source.arbitrary()? {
            true => Ok(Value::Data(expressions::data(source)?)),
            false => Ok(Value::Verdict(expressions::verdict(source)?)),
        })?;
        entry.object = maybe(source, name)?.map(Into::into);
        entry.flags = ElementFlags::from_bits_retain(source.int_in_range(0..=3)?);
        entry.timeout = maybe(source, time)?;
        entry.expires = maybe(source, time)?;
        entry.userdata = userdata(source)?;
        entry.exprs = expressions::several_stateful(source)?;
        Ok(entry)
    };
    let entries = some(source, entry)?;
    match source.int_in_range(0..=3)? {
        0 => batch.delete_entries(&set, entries),
        1 => batch.destroy_entries(&set, entries),
        _ => batch.add_entries(&set, entries),
    };
    Ok(())
}

/// A named object of any kind.
fn object(source: &mut Unstructured<'_>, batch: &mut Batch) -> Result<()> {
    fn add<T: Object>(source: &mut Unstructured<'_>, batch: &mut Batch, value: T) -> Result<()> {
        let mut named = Named::new(table(source)?, name(source)?, value);
        if let Some(comment) = maybe(source, text)? {
            named = named.comment(comment);
        }
        verb(source, batch, &named)
    }
    let protocol = L4Proto::from_raw(source.arbitrary()?);
    match source.int_in_range(0..=9)? {
        0 => add(source, batch, Counter::new(1, 2)),
        1 => add(source, batch, Quota::new(5).used(2)),
        2 => {
            let helper = CtHelper::new(text(source)?.as_str(), protocol);
            add(source, batch, helper)
        }
        3 => {
            let limit = expressions::limit(source)?;
            add(source, batch, limit)
        }
        4 => {
            let connlimit = Connlimit::new(source.arbitrary()?);
            add(source, batch, connlimit)
        }
        5 => {
            let options = match source.int_in_range(0..=4)? {
                0 => TunnelOptions::Vxlan { gbp: source.arbitrary()? },
                1 => TunnelOptions::Erspan1 { index: source.arbitrary()? },
                2 => TunnelOptions::Erspan2 {
                    hwid: source.int_in_range(0..=64)?,
                    direction: source.int_in_range(0..=1)?,
                },
                3 => {
                    let option = |source: &mut Unstructured<'_>| {
                        let data = source.arbitrary::<&[u8]>()?;
                        Ok(GeneveOption::new(source.arbitrary()?, source.arbitrary()?, data))
                    };
                    TunnelOptions::Geneve(some(source, option)?)
                }
                _ => TunnelOptions::None,
            };
            let tunnel = match source.arbitrary()? {
                true => Tunnel::v4(source.arbitrary()?, source.arbitrary()?, source.arbitrary()?),
                false => Tunnel::v6(source.arbitrary()?, source.arbitrary()?, source.arbitrary()?),
            };
            let tunnel = tunnel.ports(source.arbitrary()?, source.arbitrary()?).options(options);
            let tunnel = tunnel.tos(source.arbitrary()?).ttl(source.arbitrary()?);
            add(source, batch, tunnel)
        }
        6 => {
            let state = TimeoutState::from_raw(source.int_in_range(0..=20)?);
            let timeout = CtTimeout::new(protocol).policy(state, time(source)?);
            add(source, batch, timeout)
        }
        7 => {
            let secmark = Secmark::new(text(source)?.as_str());
            add(source, batch, secmark)
        }
        8 => {
            let expect = CtExpect::new(protocol, source.arbitrary()?, time(source)?, source.arbitrary()?);
            add(source, batch, expect)
        }
        _ => {
            let synproxy = Synproxy::new().mss(source.arbitrary()?).wscale(source.int_in_range(0..=15)?);
            add(source, batch, synproxy)
        }
    }
}

fn flowtable(source: &mut Unstructured<'_>) -> Result<Flowtable> {
    let flowtable = Flowtable::new(table(source)?, name(source)?, source.arbitrary::<i32>()?);
    let flowtable = flowtable.devices(some(source, device)?);
    Ok(if source.ratio(1, 4)? { flowtable.counter() } else { flowtable })
}

/// One thing of each kind, as it would be read.
static READ: LazyLock<Ruleset> = LazyLock::new(|| {
    let fw = Table::inet("fw");
    let mut batch = Batch::new();
    batch.add(&fw).add(&fw.chain("input")).add(&Set::<Ipv4Addr>::new(&fw, "blocked"));
    batch.add(&Counter::named(&fw, "seen")).add(&fw.flowtable("fast", 0).device("eth0"));
    batch.append(fw.chain("input"), Rule::new().counter().accept());
    Ruleset::from_bytes(batch.as_bytes()).expect("a ruleset")
});

/// Makes what is made once.
pub fn prepare() {
    LazyLock::force(&READ);
}

/// Verbs for what was read.
fn of_what_was_read(source: &mut Unstructured<'_>, batch: &mut Batch) -> Result<()> {
    let table = &READ.tables()[0];
    let (chain, rule, set) = (&table.chains()[0], &table.rules()[0], table.sets()[0].info());
    match source.int_in_range(0..=14)? {
        0 => verb(source, batch, table.info())?,
        1 => verb(source, batch, chain)?,
        2 => verb(source, batch, set)?,
        3 => verb(source, batch, &table.objects()[0])?,
        4 => verb(source, batch, &table.flowtables()[0])?,
        5 => _ = batch.delete_by_handle(table.info()),
        6 => _ = batch.delete_by_handle(chain),
        7 => _ = batch.delete_by_handle(set),
        8 => _ = batch.delete_by_handle(&table.objects()[0]),
        9 => _ = batch.delete_by_handle(&table.flowtables()[0]),
        10 => _ = batch.delete(rule),
        11 => _ = batch.destroy(rule),
        12 => _ = batch.rename(chain, text(source)?.as_str()),
        13 => _ = batch.append(chain, rule),
        _ => _ = batch.add_ruleset(&READ),
    }
    Ok(())
}

fn operation(source: &mut Unstructured<'_>, batch: &mut Batch) -> Result<()> {
    match source.int_in_range(0..=18)? {
        0 => {
            let table = table(source)?;
            match source.int_in_range(0..=3)? {
                0 => batch.reset(&table),
                1 => batch.flush(&table),
                2 => batch.flush_ruleset(),
                _ => return verb(source, batch, &table),
            };
        }
        1 => {
            let chain = chain(source)?;
            match source.int_in_range(0..=3)? {
                0 => batch.flush(&chain),
                1 => batch.rename((&chain, ChainHandle::from_raw(source.arbitrary()?)), name(source)?),
                _ => return verb(source, batch, &chain),
            };
        }
        2 => {
            let hooked = hooked(source)?;
            match source.int_in_range(0..=7)? {
                0 => batch.add_devices(&hooked, some(source, device)?),
                1 => batch.delete_devices(&hooked, some(source, device)?),
                _ => return verb(source, batch, &hooked),
            };
        }
        3 => set::<Interval<Ipv4Addr>, (), _>(source, batch, interval)?,
        4 => set::<Ipv4Addr, (), _>(source, batch, element)?,
        5 => set::<(Ipv4Addr, Port), (), _>(source, batch, |source| {
            Ok((source.arbitrary::<Ipv4Addr>()?, source.arbitrary::<u16>()?))
        })?,
        6 => set::<(Interval<Ipv4Addr>, Interval<Port>), (), _>(source, batch, |source| {
            Ok((interval(source)?, Interval::from(Port::from(source.arbitrary::<u16>()?))))
        })?,
        7 => set::<Mark, Verdict, _>(source, batch, |source| {
            Ok((Mark::from(source.arbitrary::<u32>()?), expressions::verdict(source)?))
        })?,
        8 => set::<Port, (Ipv4Addr, Port), _>(source, batch, |source| {
            let to = (source.arbitrary::<Ipv4Addr>()?, source.arbitrary::<u16>()?);
            Ok((source.arbitrary::<u16>()?, to))
        })?,
        9 => set::<IfName, (), _>(source, batch, |source| Ok(IfName::from(name(source)?)))?,
        10 => untyped_set(source, batch)?,
        11 | 12 => object(source, batch)?,
        13 => {
            let flowtable = flowtable(source)?;
            match source.int_in_range(0..=7)? {
                0 => batch.add_devices(&flowtable, some(source, device)?),
                1 => batch.delete_devices(&flowtable, some(source, device)?),
                _ => return verb(source, batch, &flowtable),
            };
        }
        14 => of_what_was_read(source, batch)?,
        _ => add_rule(source, batch)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a fuzzer: the same bytes each time.
    #[test]
    fn bytes_become_all_that_batches_may_hold() {
        const RUNS: u32 = 5_000;
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        let (mut met, mut whole) = (Met::default(), 0);
        for _ in 0..RUNS {
            let bytes: Vec<u8> = (0..64)
                .flat_map(|_| {
                    dice ^= dice << 13;
                    dice ^= dice >> 7;
                    dice ^= dice << 17;
                    dice.to_le_bytes()
                })
                .collect();
            whole += u32::from(run(&bytes, &mut met).mistake().is_none());
        }
        println!("{} messages; {whole} of {RUNS} batches have no mistake", met.messages);
        let Met { messages, .. } = met;
        assert_eq!(met, Met { messages, ..Met::all() });
        assert!(messages > 5 * RUNS && whole > RUNS / 20);
    }
}
