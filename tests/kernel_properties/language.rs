//! Arbitrary rules of the typed language.
//!
//! What nft 1.0.6 is known to do wrong with rules that it lists or loads is left out where it says so.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use nftlink::datum::{
    ArpOp, ClassId, CtDirection, CtState, CtStatus, Dscp, EtherAddr, EtherType, FibAddrType, IcmpCode, IcmpType,
    Icmpv6Code, Icmpv6Type, IcmpxCode, L4Proto, Ordered, PktType, TcpFlags, Text,
};
use nftlink::expr::{Connlimit, Limit, Log, LogFlags, LogLevel, Quota, Synproxy, Verdict};
use nftlink::field::{self, Choice, Field, Match, concat, ct, meta, tcp};
use nftlink::{
    Family, Interval, IntoElement, NatTarget, PortTarget, QueueTarget, RejectWith, Rule, RuleBuilder, Set, Table,
};
use proptest::prelude::*;
use proptest::sample::select;

use nftlink::datum::{IntoValue, Port};

/// The families of the tables that rules are in.
pub(crate) const FAMILIES: [Family; 6] =
    [Family::INET, Family::IP, Family::IP6, Family::ARP, Family::BRIDGE, Family::NETDEV];

/// Numbers: often the lowest, the highest, or one of a few.
macro_rules! numbers {
    ($name:ident: $number:ty) => {
        pub(crate) fn $name() -> BoxedStrategy<$number> {
            prop_oneof![
                2 => any::<$number>(),
                2 => 0..100 as $number,
                1 => select(vec![0, 1, 2, <$number>::MAX / 2, <$number>::MAX - 1, <$number>::MAX]),
            ]
            .boxed()
        }
    };
}
numbers!(u8s: u8);
numbers!(u16s: u16);
numbers!(u32s: u32);
numbers!(u64s: u64);

/// Numbers of less bits than their type has.
fn below(end: u16) -> BoxedStrategy<u8> {
    (0..end.min(256)).prop_map(|n| n as u8).boxed()
}

pub(crate) fn ipv4() -> BoxedStrategy<Ipv4Addr> {
    u32s().prop_map(Ipv4Addr::from).boxed()
}

pub(crate) fn ipv6() -> BoxedStrategy<Ipv6Addr> {
    let ends = prop_oneof![Just(0), Just(1), Just(u128::MAX), Just(0xfd00 << 112), Just(0xffff_0a00_0001)];
    prop_oneof![any::<u128>(), ends].prop_map(Ipv6Addr::from).boxed()
}

fn ethers() -> BoxedStrategy<EtherAddr> {
    any::<[u8; 6]>().prop_map(EtherAddr::new).boxed()
}

/// Names of interfaces; nft has no word for one that ends with `*`, nor for quotation marks.
pub(crate) fn names() -> BoxedStrategy<String> {
    prop_oneof![select(vec!["lo", "eth0", "wlan"]).prop_map(String::from), "[a-z0-9_.@-]{1,15}".prop_map(String::from)]
        .boxed()
}

/// Comments: all that nft can quote.
pub(crate) fn comments() -> BoxedStrategy<String> {
    let c = prop_oneof![8 => prop::char::range(' ', '~'), 1 => select(vec!['ä', '€', '\t', '🔥'])];
    let c = c.prop_filter("nft cannot quote it", |c| *c != '"');
    prop::collection::vec(c, 0..30).prop_map(String::from_iter).boxed()
}

/// A field compared with single values.
fn plain<V, A, T>(field: Field<V, A>, values: BoxedStrategy<T>) -> BoxedStrategy<Match>
where
    V: nftlink::datum::Datum + 'static,
    A: 'static,
    T: IntoValue<V> + Clone + std::fmt::Debug + 'static,
{
    (any::<bool>(), values).prop_map(move |(not, value)| if not { field.ne(value) } else { field.eq(value) }).boxed()
}

/// A field compared with some of several values.
fn chosen<V, A, T>(field: Field<V, A>, values: BoxedStrategy<T>) -> BoxedStrategy<Match>
where
    V: Choice + 'static,
    A: 'static,
    T: IntoElement<V::Key> + Clone + std::fmt::Debug + 'static,
{
    // Of one that is there twice nft makes a set of one, and of that, when it loads it, no set.
    let values = prop::collection::vec(values, 1..5).prop_map(|mut values| {
        values.sort_by_cached_key(|value| format!("{value:?}"));
        values.dedup_by_key(|value| format!("{value:?}"));
        values
    });
    let choose = move |(not, values)| if not { field.none_of::<T>(values) } else { field.one_of::<T>(values) };
    (any::<bool>(), values).prop_map(choose).boxed()
}

/// A field compared in all the ways that there are of numbers.
fn ordered<V, A, T>(field: Field<V, A>, values: BoxedStrategy<T>) -> BoxedStrategy<Match>
where
    V: Ordered + Choice + 'static,
    A: 'static,
    T: IntoValue<V> + IntoElement<V::Key> + PartialOrd + Clone + std::fmt::Debug + 'static,
    RangeInclusive<T>: IntoElement<V::Key>,
{
    let single = plain(field.clone(), values.clone());
    let some = chosen(field.clone(), values.clone());
    let range = (values.clone(), values.clone()).prop_map(|(a, b)| if a <= b { a..=b } else { b..=a });
    let ranges = chosen(field.clone(), range.clone().boxed());
    let range = {
        let field = field.clone();
        let is_in = move |(not, range)| if not { field.not_in_range::<T>(range) } else { field.in_range::<T>(range) };
        (any::<bool>(), range).prop_map(is_in)
    };
    let compared = (0..4u8, values).prop_map(move |(op, value)| match op {
        0 => field.lt(value),
        1 => field.le(value),
        2 => field.gt(value),
        _ => field.ge(value),
    });
    prop_oneof![3 => single, 1 => some, 2 => range, 1 => ranges, 2 => compared].boxed()
}

/// An address compared, with prefixes, too.
fn address<V, A, T>(field: Field<V, A>, values: BoxedStrategy<T>, bits: u8) -> BoxedStrategy<Match>
where
    V: Ordered + Choice<Key = Interval<V>> + nftlink::datum::Address + 'static,
    A: 'static,
    T: IntoValue<V> + IntoElement<V::Key> + PartialOrd + Clone + std::fmt::Debug + 'static,
    RangeInclusive<T>: IntoElement<V::Key>,
    Interval<V>: IntoElement<V::Key> + std::fmt::Debug,
{
    let prefix = (values.clone(), 0..=bits);
    let prefixes = prefix.clone().prop_map(|(address, len)| Interval::<V>::prefix(address, len)).boxed();
    let prefixes = chosen(field.clone(), prefixes);
    let all = ordered(field.clone(), values);
    let prefix = (any::<bool>(), prefix).prop_map(move |(not, (address, len))| match not {
        true => field.not_in_prefix(address, len),
        false => field.in_prefix(address, len),
    });
    prop_oneof![3 => all, 1 => prefix, 1 => prefixes].boxed()
}

/// A name compared, with beginnings, too.
fn name<V: Text + Choice + 'static, A: 'static>(field: Field<V, A>) -> BoxedStrategy<Match>
where
    String: IntoValue<V> + IntoElement<V::Key>,
{
    let all = prop_oneof![plain(field.clone(), names()), chosen(field.clone(), names())];
    let beginning = (any::<bool>(), names()).prop_map(move |(not, beginning)| match not {
        true => field.not_starts_with(beginning),
        false => field.starts_with(beginning),
    });
    prop_oneof![2 => all, 1 => beginning].boxed()
}

fn union(all: Vec<BoxedStrategy<Match>>) -> BoxedStrategy<Match> {
    prop::strategy::Union::new(all).boxed()
}

fn protocols() -> BoxedStrategy<L4Proto> {
    let known = vec![L4Proto::TCP, L4Proto::UDP, L4Proto::ICMP, L4Proto::ICMPV6, L4Proto::ESP, L4Proto::SCTP];
    prop_oneof![select(known), any::<u8>().prop_map(L4Proto::from_raw)].boxed()
}

fn ether_types() -> BoxedStrategy<EtherType> {
    prop_oneof![select(vec![EtherType::IP, EtherType::IP6, EtherType::ARP]), any::<u16>().prop_map(EtherType::from_raw)]
        .boxed()
}

/// Of IPv4's header and what comes with it.
fn of_ip() -> BoxedStrategy<Match> {
    use field::{icmp, igmp, ip};
    union(vec![
        ordered(ip::length(), u16s()),
        ordered(ip::id(), u16s()),
        ordered(ip::ttl(), u8s()),
        plain(ip::protocol(), protocols()),
        chosen(ip::protocol(), protocols()),
        ordered(ip::checksum(), u16s()),
        plain(ip::dscp(), below(64).prop_map(Dscp::from_raw).boxed()),
        ordered(ip::frag_off(), u16s()),
        address(ip::saddr(), ipv4(), 32),
        address(ip::daddr(), ipv4(), 32),
        plain(icmp::icmp_type(), u8s().prop_map(IcmpType::from_raw).boxed()),
        plain(icmp::code(), u8s().prop_map(IcmpCode::from_raw).boxed()),
        ordered(icmp::checksum(), u16s()),
        ordered(igmp::checksum(), u16s()),
        address(igmp::group(), ipv4(), 32),
    ])
}

/// Of IPv6's headers.
fn of_ip6() -> BoxedStrategy<Match> {
    use field::{dst, exthdr, frag, hbh, icmpv6, ip6};
    let exists = |field: Field<_>| any::<bool>().prop_map(move |is| if is { field.exists() } else { field.missing() });
    union(vec![
        ordered(ip6::length(), u16s()),
        ordered(ip6::hoplimit(), u8s()),
        plain(ip6::nexthdr(), protocols()),
        plain(ip6::dscp(), below(64).prop_map(Dscp::from_raw).boxed()),
        address(ip6::saddr(), ipv6(), 128),
        address(ip6::daddr(), ipv6(), 128),
        plain(icmpv6::icmpv6_type(), u8s().prop_map(Icmpv6Type::from_raw).boxed()),
        ordered(icmpv6::checksum(), u16s()),
        exists(exthdr::hbh()).boxed(),
        exists(exthdr::frag()).boxed(),
        plain(hbh::nexthdr(), protocols()),
        ordered(dst::hdrlength(), u8s()),
        ordered(frag::id(), u32s()),
    ])
}

/// Of headers that tell ports, and of others above IP.
fn of_transport() -> BoxedStrategy<Match> {
    use field::{ah, comp, dccp, esp, sctp, th, udp, udplite};
    let flags =
        (any::<u8>(), any::<u8>()).prop_map(|(a, b)| (TcpFlags::from_bits_retain(a), TcpFlags::from_bits_retain(b)));
    let flags = (0..4u8, flags).prop_map(|(op, (bits, mask))| match op {
        0 => tcp::flags().eq(bits),
        1 => tcp::flags().has_any(bits | TcpFlags::SYN),
        2 => tcp::flags().has_none(bits | TcpFlags::SYN),
        _ => tcp::flags().masked(mask | TcpFlags::ACK).eq(bits & mask),
    });
    union(vec![
        ordered(tcp::sport(), u16s()),
        ordered(tcp::dport(), u16s()),
        ordered(tcp::sequence(), u32s()),
        ordered(tcp::window(), u16s()),
        ordered(tcp::urgptr(), u16s()),
        ordered(tcp::doff(), below(16)),
        flags.boxed(),
        ordered(udp::sport(), u16s()),
        ordered(udp::dport(), u16s()),
        ordered(udp::length(), u16s()),
        ordered(udplite::checksum(), u16s()),
        ordered(dccp::dport(), u16s()),
        ordered(sctp::dport(), u16s()),
        ordered(sctp::vtag(), u32s()),
        ordered(th::dport(), u16s()),
        ordered(ah::spi(), u32s()),
        ordered(esp::spi(), u32s()),
        ordered(comp::cpi(), u16s()),
    ])
}

/// Of frames.
fn of_frames() -> BoxedStrategy<Match> {
    use field::{arp, ether, vlan};
    union(vec![
        plain(ether::saddr(), ethers()),
        chosen(ether::daddr(), ethers()),
        plain(ether::ether_type(), ether_types()),
        ordered(vlan::id(), (0..4096u16).boxed()),
        ordered(arp::htype(), u16s()),
        ordered(arp::plen(), u8s()),
        plain(arp::operation(), (1..10u16).prop_map(ArpOp::from_raw).boxed()),
        plain(arp::saddr_ether(), ethers()),
        address(arp::daddr_ip(), ipv4(), 32),
    ])
}

/// Of what the kernel knows of a packet.
fn of_packets() -> BoxedStrategy<Match> {
    use field::{fib, rt, socket};
    let kinds = select(vec![PktType::UNICAST, PktType::BROADCAST, PktType::MULTICAST]).boxed();
    let local = select(vec![FibAddrType::LOCAL, FibAddrType::BROADCAST, FibAddrType::MULTICAST]).boxed();
    let is_there = any::<bool>().prop_map(|is| match is {
        true => fib::saddr().and_iif().oif().exists(),
        false => fib::saddr().and_iif().and_mark().oif().missing(),
    });
    union(vec![
        ordered(meta::length(), u32s()),
        ordered(meta::mark(), u32s()),
        plain(meta::priority(), u32s().prop_map(ClassId::new).boxed()),
        name(meta::iifname()),
        name(meta::oifname()),
        plain(meta::iif(), (1..2u32).boxed()),
        ordered(meta::skuid(), u32s()),
        ordered(meta::skgid(), u32s()),
        plain(meta::l4proto(), protocols()),
        chosen(meta::l4proto(), protocols()),
        plain(meta::protocol(), ether_types()),
        plain(meta::pkttype(), kinds.clone()),
        chosen(meta::pkttype(), kinds),
        ordered(meta::cpu(), u32s()),
        ordered(meta::iifgroup(), u32s()),
        ordered(meta::cgroup(), u32s()),
        ordered(meta::random(), u32s()),
        plain(fib::daddr().fib_type(), local.clone()),
        chosen(fib::daddr().fib_type(), local),
        is_there.boxed(),
        ordered(rt::mtu(), u16s()),
        ordered(socket::mark(), u32s()),
        (0..u32::MAX, u32s()).prop_map(|(mask, mark)| meta::mark().and(mask + 1).eq(mark & (mask + 1))).boxed(),
    ])
}

/// Of connections.
fn of_connections() -> BoxedStrategy<Match> {
    let states = (1..32u32).prop_map(CtState::from_bits_retain);
    let states = (0..3u8, states).prop_map(|(op, states)| match op {
        0 => ct::state().has_any(states),
        1 => ct::state().has_none(states),
        // nft lists several bits as it does some of them.
        _ => ct::state().eq(CtState::ESTABLISHED),
    });
    let statuses = (1..1024u32).prop_map(|bits| ct::status().has_any(CtStatus::from_bits_retain(bits)));
    union(vec![
        states.boxed(),
        statuses.boxed(),
        plain(ct::direction(), select(vec![CtDirection::ORIGINAL, CtDirection::REPLY]).boxed()),
        ordered(ct::mark(), u32s()),
        ordered(ct::zone(), u16s()),
        ordered(ct::id(), u32s()),
        ordered(ct::packets(), u64s()),
        ordered(ct::original::bytes(), u64s()),
        address(ct::original::ip_saddr(), ipv4(), 32),
        address(ct::reply::ip6_daddr(), ipv6(), 128),
    ])
}

/// Of fields together.
fn of_several() -> BoxedStrategy<Match> {
    use field::{ip, ip6, udp};
    let two = prop::collection::vec((ipv4(), u16s()), 1..4);
    let two = two.prop_map(|values| concat((ip::saddr(), tcp::dport())).one_of(values));
    let three = prop::collection::vec((names(), ipv6(), u16s()), 1..4);
    let three = three.prop_map(|values| concat((meta::iifname(), ip6::daddr(), udp::dport())).none_of(values));
    let ranges = prop::collection::vec(((ipv4(), 0..=32u8), (u16s(), u16s())), 1..2);
    let ranges = ranges.prop_map(|values| {
        let values = values.into_iter().map(|((address, len), (a, b))| {
            (Interval::<Ipv4Addr>::prefix(address, len), Interval::<Port>::range(a.min(b)..=a.max(b)))
        });
        concat((ip::daddr(), tcp::sport())).one_of(values.collect::<Vec<_>>())
    });
    prop_oneof![two, three, ranges].boxed()
}

/// A match of any field.
pub(crate) fn matches() -> BoxedStrategy<Match> {
    prop_oneof![
        3 => of_ip(),
        2 => of_ip6(),
        3 => of_transport(),
        2 => of_frames(),
        4 => of_packets(),
        3 => of_connections(),
        1 => of_several(),
    ]
    .boxed()
}

/// What a rule does before its verdict.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    Match(Match),
    Counter(u64, u64),
    Limit(Limit),
    Quota(Quota),
    Log(Log),
    Connlimit(Connlimit),
    Last,
    Notrack,
    Mark(u32),
    CtMark(u32),
    Ttl(u8),
    Port(u16),
    Classified(u32),
    Marked(Vec<(u16, u32)>),
    InSet(bool),
    Fill(bool),
    Object,
    Synproxy(u16, u8),
}

pub(crate) fn limits() -> BoxedStrategy<Limit> {
    let units = select(vec![Limit::SECOND, Limit::MINUTE, Limit::HOUR, Limit::DAY, Limit::WEEK]);
    // What is more than the kernel can count it refuses.
    (any::<bool>(), 1..1_000_000u64, units, prop::option::of(1..100_000u32), any::<bool>())
        .prop_map(|(bytes, rate, unit, burst, over)| {
            let limit =
                if bytes { Limit::bytes(rate % 5_000 + 1, unit) } else { Limit::packets(rate % 20_000 + 1, unit) };
            let limit = burst.map_or(limit, |burst| limit.burst(if bytes { burst % 5_000 + 1 } else { burst }));
            if over { limit.over() } else { limit }
        })
        .boxed()
}

fn logs() -> BoxedStrategy<Log> {
    let prefix = prop::option::of(comments().prop_filter("a prefix has bytes", |text| !text.is_empty()));
    let for_kernel = (prop::option::of((0..9u32).prop_map(LogLevel::from_raw)), (0..32u32), any::<bool>());
    let for_program = (u16s(), prop::option::of(u32s()), prop::option::of(1..=u16::MAX));
    let place = prop_oneof![
        for_kernel.prop_map(|(level, flags, ether)| {
            let flags = (flags & 15) | if ether { 0x20 } else { 0 };
            let log = Log::new().flags(LogFlags::from_bits_retain(flags));
            match level {
                // Auditing takes no flags.
                Some(LogLevel::AUDIT) => Log::new().level(LogLevel::AUDIT),
                Some(level) => log.level(level),
                None => log,
            }
        }),
        for_program.prop_map(|(group, snaplen, threshold)| {
            let log = Log::group(group);
            let log = snaplen.map_or(log.clone(), |bytes| log.snaplen(bytes));
            threshold.map_or(log.clone(), |packets| log.queue_threshold(packets))
        }),
    ];
    (place, prefix)
        .prop_map(|(log, prefix)| match prefix {
            Some(prefix) if log.level != Some(LogLevel::AUDIT) => log.prefix(prefix.as_str()),
            _ => log,
        })
        .boxed()
}

fn statements() -> BoxedStrategy<Statement> {
    let quotas = (1..u64::MAX / 2, u32s(), any::<bool>()).prop_map(|(bytes, used, over)| {
        let quota = Quota::new(bytes).used(u64::from(used));
        if over { quota.over() } else { quota }
    });
    let connlimits = (u32s(), any::<bool>()).prop_map(|(count, over)| {
        let limit = Connlimit::new(count);
        if over { limit.over() } else { limit }
    });
    prop_oneof![
        12 => matches().prop_map(Statement::Match),
        1 => (u64s(), u64s()).prop_map(|(packets, bytes)| Statement::Counter(packets, bytes)),
        1 => limits().prop_map(Statement::Limit),
        1 => quotas.prop_map(Statement::Quota),
        1 => logs().prop_map(Statement::Log),
        1 => connlimits.prop_map(Statement::Connlimit),
        1 => select(vec![Statement::Last, Statement::Notrack, Statement::Object]),
        1 => u32s().prop_map(Statement::Mark),
        // What changes nothing nft does not say.
        1 => (1..u32::MAX).prop_map(Statement::CtMark),
        1 => u8s().prop_map(Statement::Ttl),
        1 => u16s().prop_map(Statement::Port),
        1 => u32s().prop_map(Statement::Classified),
        1 => prop::collection::btree_map(u16s(), u32s(), 1..4).prop_map(|map| Statement::Marked(map.into_iter().collect())),
        1 => any::<bool>().prop_map(Statement::InSet),
        1 => any::<bool>().prop_map(Statement::Fill),
        1 => (u16s(), 0..=14u8).prop_map(|(mss, wscale)| Statement::Synproxy(mss, wscale)),
    ]
    .boxed()
}

/// What a rule ends with.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    Nothing,
    Verdict(u8),
    Reject(Option<RejectWith>),
    Dnat(Ipv4Addr, Option<u16>, u8),
    Snat6(Ipv6Addr, Ipv6Addr),
    Masquerade(Option<(u16, u16)>, u8),
    Redirect(u16),
    Queue(u16, u16, u8),
    Vmap(Vec<(u16, u8)>),
    Inside(Vec<(Match, u8)>),
}

/// A rule of a chain that another rule has to itself.
fn inside((matching, n): (Match, u8)) -> Rule {
    let rule = Rule::new().when(matching);
    match n {
        0 => rule.accept(),
        1 => rule.drop(),
        _ => rule.counter().into(),
    }
}

fn verdict(n: u8) -> Verdict {
    match n % 6 {
        0 => Verdict::ACCEPT,
        1 => Verdict::DROP,
        2 => Verdict::RETURN,
        3 => Verdict::jump("other"),
        4 => Verdict::goto("other"),
        _ => Verdict::CONTINUE,
    }
}

fn endings() -> BoxedStrategy<Ending> {
    let with = prop_oneof![
        Just(RejectWith::TcpReset),
        (0..=13u8).prop_map(|code| RejectWith::Icmp(IcmpCode::from_raw(code))),
        (0..=6u8).prop_map(|code| RejectWith::Icmpv6(Icmpv6Code::from_raw(code))),
        (0..=3u8).prop_map(|code| RejectWith::Icmpx(IcmpxCode::from_raw(code))),
    ];
    prop_oneof![
        3 => Just(Ending::Nothing),
        4 => (0..6u8).prop_map(Ending::Verdict),
        1 => prop::option::of(with).prop_map(Ending::Reject),
        1 => (ipv4(), prop::option::of(1..=u16::MAX), 0..8u8).prop_map(|(to, port, flags)| Ending::Dnat(to, port, flags)),
        1 => (ipv6(), ipv6()).prop_map(|(a, b)| Ending::Snat6(a.min(b), a.max(b))),
        1 => (prop::option::of((1..u16::MAX, 1..u16::MAX)), 0..8u8).prop_map(|(ports, flags)| Ending::Masquerade(ports, flags)),
        1 => (1..u16::MAX).prop_map(Ending::Redirect),
        1 => (u16s(), u16s(), 0..4u8).prop_map(|(a, b, flags)| Ending::Queue(a.min(b), a.max(b), flags)),
        1 => prop::collection::btree_map(u16s(), 0..6u8, 1..4).prop_map(|map| Ending::Vmap(map.into_iter().collect())),
        1 => prop::collection::vec((matches(), 0..3u8), 0..3).prop_map(Ending::Inside),
    ]
    .boxed()
}

/// A rule as a program says it.
#[derive(Debug, Clone)]
pub(crate) struct AnyRule {
    pub(crate) statements: Vec<Statement>,
    pub(crate) ending: Ending,
    pub(crate) comment: Option<String>,
    pub(crate) owner: Option<String>,
}

pub(crate) fn rules() -> BoxedStrategy<AnyRule> {
    let owner = prop::option::weighted(0.1, "[a-z]{0,8}".prop_map(String::from));
    (prop::collection::vec(statements(), 0..5), endings(), prop::option::weighted(0.3, comments()), owner)
        .prop_map(|(statements, ending, comment, owner)| AnyRule { statements, ending, comment, owner })
        .boxed()
}

/// The sets and objects of the table that rules refer to.
pub(crate) struct Things {
    pub(crate) ports: Set<Port>,
    pub(crate) seen: Set<Ipv4Addr>,
    pub(crate) web: nftlink::object::Named<nftlink::expr::Counter>,
}

impl Things {
    pub(crate) fn of(table: &Table) -> Self {
        Self {
            ports: Set::new(table, "ports"),
            seen: Set::<Ipv4Addr>::new(table, "seen").dynamic().timeouts().size(100),
            web: nftlink::object::Counter::named(table, "web"),
        }
    }
}

impl AnyRule {
    /// Whether nft 1.0.6 can load what it lists of the rule.
    pub(crate) fn is_for_nft(&self, family: Family, bytecode: &str) -> bool {
        let has = |part: &str| bytecode.contains(part);
        let known = self.statements.iter().all(|statement| match statement {
            // It lists nothing of it.
            Statement::Last => false,
            // There a variable begins.
            Statement::Log(log) => !log.prefix.as_ref().is_some_and(|prefix| prefix.as_bytes().contains(&b'$')),
            _ => true,
        });
        // It lists a rule of nothing, and forgets it.
        let is_empty = bytecode.is_empty();
        // It forgets tests for protocols that it takes for implied ones, puts that for IPv6 headers, which it does not
        // list, before all else in the rule, and loads what is beside an implied protocol of a frame together with
        // that.
        let is_alone =
            self.statements.len() + usize::from(!matches!(self.ending, Ending::Nothing | Ending::Verdict(_))) < 2;
        let tells_protocol =
            has("exthdr load ipv6") || has("link header") || has("load protocol") || has("load l4proto");
        let tells_protocol = tells_protocol || has("1b @ network header + 9") || has("1b @ network header + 6");
        // It demands that a connection's addresses be of the packet's protocol.
        let has_addresses = ["src_ip ", "dst_ip ", "src_ip6 ", "dst_ip6 "].into_iter().any(has);
        // It lists the refusal that is the default for packets of either protocol, also where it takes what it lists for
        // that of the protocol which the rule asks for.
        let is_of_other = has("reject type 2 code 1") && has("load nfproto");
        // It forgets a test for the protocol of the family.
        let is_implied = has("load protocol") && matches!(family, Family::IP | Family::IP6);
        known
            && !is_empty
            && !is_of_other
            && !is_implied
            && (is_alone || !tells_protocol && !has_addresses)
            && !(has_addresses && family != Family::INET)
    }

    /// The rules of its own chain.
    pub(crate) fn inside(&self) -> Vec<Rule> {
        match &self.ending {
            Ending::Inside(rules) => rules.iter().cloned().map(inside).collect(),
            _ => Vec::new(),
        }
    }

    /// The rule in a table.
    pub(crate) fn in_table(&self, table: &Table) -> Rule {
        let things = Things::of(table);
        let mut rule = Rule::new();
        for statement in &self.statements {
            rule = statement.clone().write(rule, &things);
        }
        let mut rule = self.ending.clone().write(rule, table);
        if let Some(comment) = &self.comment {
            rule = rule.comment(comment.as_str());
        }
        match &self.owner {
            Some(owner) => rule.owner(owner.as_str()),
            None => rule,
        }
    }
}

impl Statement {
    fn write(self, rule: RuleBuilder, things: &Things) -> RuleBuilder {
        use field::{ip, th};
        match self {
            Self::Match(matching) => rule.when(matching),
            Self::Counter(packets, bytes) => rule.counter_from(packets, bytes),
            Self::Limit(limit) => rule.limit(limit),
            Self::Quota(quota) => rule.quota(quota),
            Self::Log(log) => rule.log(log),
            Self::Connlimit(connlimit) => rule.connlimit(connlimit),
            Self::Last => rule.last(),
            Self::Notrack => rule.notrack(),
            Self::Mark(mark) => rule.set(meta::mark(), mark),
            Self::CtMark(bits) => rule.set(ct::mark(), meta::mark().or(bits)),
            Self::Ttl(ttl) => rule.set(ip::ttl(), ttl),
            Self::Port(port) => rule.set(tcp::dport(), port),
            Self::Classified(class) => rule.set(meta::priority(), ClassId::new(class)),
            Self::Marked(map) => rule.set(meta::mark(), th::dport().map(map)),
            Self::InSet(true) => rule.when(tcp::dport().in_set(&things.ports)),
            Self::InSet(false) => rule.when(tcp::dport().not_in_set(&things.ports)),
            Self::Fill(true) => rule.add_to(&things.seen, ip::saddr()),
            Self::Fill(false) => rule.update_in(&things.seen, ip::saddr().timeout(std::time::Duration::from_secs(60))),
            Self::Object => rule.object(&things.web),
            Self::Synproxy(mss, wscale) => rule.synproxy(Synproxy::new().mss(mss).wscale(wscale)),
        }
    }
}

impl Ending {
    fn write(self, rule: RuleBuilder, table: &Table) -> Rule {
        let other = table.chain("other");
        match self {
            Self::Nothing => rule.into(),
            Self::Verdict(n) => match n {
                0 => rule.accept(),
                1 => rule.drop(),
                2 => rule.return_(),
                3 => rule.jump(&other),
                4 => rule.goto(&other),
                _ => rule.continue_().into(),
            },
            Self::Reject(None) => rule.reject(),
            Self::Reject(Some(with)) => rule.reject_with(with),
            Self::Dnat(to, port, flags) => {
                let target = NatTarget::from(to);
                let target = port.map_or(target.clone(), |port| target.ports(port));
                let target = if flags & 1 != 0 { target.random() } else { target };
                let target = if flags & 2 != 0 { target.fully_random() } else { target };
                let target = if flags & 4 != 0 { target.persistent() } else { target };
                match port {
                    Some(_) => rule.when(tcp::dport().ne(0)).dnat(target),
                    None => rule.dnat(target),
                }
            }
            Self::Snat6(from, to) => rule.snat(from..=to),
            Self::Masquerade(ports, flags) => {
                let target = ports.map_or(PortTarget::any(), |(a, b)| PortTarget::from(a.min(b)..=a.max(b)));
                let target = if flags & 1 != 0 { target.random() } else { target };
                let target = if flags & 2 != 0 { target.fully_random() } else { target };
                let target = if flags & 4 != 0 { target.persistent() } else { target };
                rule.masquerade_to(target)
            }
            Self::Redirect(port) => rule.redirect_to(port),
            Self::Queue(from, to, flags) => {
                let target = QueueTarget::from(from..=to);
                let target = if flags & 1 != 0 { target.bypass() } else { target };
                rule.queue(if flags & 2 != 0 && from < to { target.fanout() } else { target })
            }
            Self::Vmap(map) => {
                let map: Vec<(u16, Verdict)> = map.into_iter().map(|(port, n)| (port, verdict(n))).collect();
                rule.vmap(tcp::dport(), map).into()
            }
            Self::Inside(rules) => rule.jump_rules(rules.into_iter().map(inside)),
        }
    }
}
