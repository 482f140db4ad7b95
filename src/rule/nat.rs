//! Where a translation leads: addresses, ports, options.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ops::RangeInclusive;

use crate::datum::{Address, DataType, Interval, Port, show_interval};
use crate::error::BuildErrorKind;
use crate::expr::{self, Data, Immediate, Masq, NatFlags, NatKind, Redir, Reg, Value};
use crate::field::lower::{Context, Sink};
use crate::field::{Field, MapLookup, Operand, Source};
use crate::set::{Anonymous, MapValue};
use crate::wire::Family;

/// Where `dnat` or `snat` leads: addresses, ports, options.
///
/// | nft | nftlink |
/// |---|---|
/// | `dnat to 10.0.0.1` | `.dnat(Ipv4Addr::new(10, 0, 0, 1))` |
/// | `dnat to 10.0.0.1:80` | `.dnat(SocketAddrV4::new(server, 80))` |
/// | `dnat to :8080` | `.dnat(NatTarget::port(8080))` |
/// | `dnat to 10.0.0.1-10.0.0.9:80-90 persistent` | `.dnat(NatTarget::from(first..=last).ports(80..=90).persistent())` |
/// | `snat to 10.0.0.0/24` | `.snat(Interval::prefix(network, 24))` |
/// | `snat prefix to 10.0.0.0/24` | `.snat(NatTarget::prefix(Interval::prefix(network, 24)))` |
/// | `dnat to ip saddr` | `.dnat(ip::saddr())` |
/// | `dnat to ip daddr map @servers` | `.dnat(ip::daddr().map(&servers))` |
/// | `dnat to ip daddr map @servers:tcp dport map @ports` | `.dnat(NatTarget::from(ip::daddr().map(&servers)).ports(tcp::dport().map(&ports)))` |
///
/// A map can have an address and a port, by the interface and port for which a packet came:
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::datum::{IfName, Port};
/// use nftlink::field::{concat, meta, tcp};
/// use nftlink::{Map, NatTarget, Rule, Table};
///
/// let servers = NatTarget::from(Ipv4Addr::new(10, 0, 0, 1)..=Ipv4Addr::new(10, 0, 0, 9))
///     .ports(8000..=8080)
///     .persistent();
/// let services = Map::<(IfName, Port), (Ipv4Addr, Port)>::new(Table::inet("fw"), "services");
/// let rule = Rule::new().dnat(concat((meta::iifname(), tcp::dport())).map(&services));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NatTarget {
    to: To,
    ports: PortTarget,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum To {
    /// The packet's own address.
    Same,
    Addresses(Addresses),
    /// What a field or a map has.
    Loaded(Loaded),
}

/// An address, and a port behind it: of both one value, or the two bounds of an interval.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Loaded {
    operand: Operand,
    family: Family,
    intervals: bool,
    has_port: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Addresses {
    family: Family,
    /// The lowest and the highest, or what is wrong with them.
    bounds: Result<(Data, Data), BuildErrorKind>,
}

impl NatTarget {
    /// The same addresses, other ports.
    pub fn port(ports: impl Into<PortTarget>) -> Self {
        Self { to: To::Same, ports: ports.into() }
    }

    /// Another network: the part of the address that a prefix leaves open stays what it is
    /// (`snat prefix to`, known as netmap; Linux 5.8).
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use nftlink::field::ip;
    /// use nftlink::{Interval, NatTarget, Rule};
    ///
    /// let [office, shown] = [1, 2].map(|n| Interval::prefix(Ipv4Addr::new(10, n, 0, 0), 16));
    /// let rule = Rule::new().when(ip::saddr().one_of([office])).snat(NatTarget::prefix(shown));
    /// let networks = ip::saddr().map([(office, shown)]);
    /// let rule = Rule::new().snat(NatTarget::prefix(networks));
    /// ```
    ///
    /// A batch refuses a range of addresses that is no prefix. Of a map with single addresses each is a network of
    /// its own.
    #[doc(alias = "netmap")]
    pub fn prefix(to: impl Into<Self>) -> Self {
        let mut to = to.into();
        to.ports.flags |= NatFlags::NETMAP;
        to
    }

    /// Sets the port, or the ports to choose from.
    pub fn ports(mut self, ports: impl Into<PortTarget>) -> Self {
        let ports = ports.into();
        self.ports = PortTarget { flags: self.ports.flags | ports.flags, ports: ports.ports };
        self
    }

    /// Chooses the port at random.
    pub fn random(mut self) -> Self {
        self.ports = self.ports.random();
        self
    }

    /// Chooses the port at random also where the kernel's hash could be guessed.
    pub fn fully_random(mut self) -> Self {
        self.ports = self.ports.fully_random();
        self
    }

    /// Gives a client the same address for each of its connections.
    pub fn persistent(mut self) -> Self {
        self.ports = self.ports.persistent();
        self
    }

    fn addresses<V: Address>(family: Family, interval: &Interval<V>) -> Self {
        Self { to: To::Addresses(Addresses { family, bounds: interval.bounds(true) }), ports: PortTarget::any() }
    }

    fn loaded(operand: Operand, family: Family, intervals: bool, has_port: bool) -> Self {
        Self { to: To::Loaded(Loaded { operand, family, intervals, has_port }), ports: PortTarget::any() }
    }
}

/// What a map can have for `dnat` and `snat`: an address or an interval of them, alone or with a port or an
/// interval of those.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing to translate to",
    label = "a map to addresses, ports, intervals of them, or tuples of an address and a port is wanted here",
    note = "of numbers the call says that they are ports: `.map::<Port>(…)`, `.map::<(Ipv4Addr, Port)>(…)`"
)]
pub trait NatValue: MapValue {
    #[doc(hidden)]
    const FAMILY: Option<Family>;
    #[doc(hidden)]
    const HAS_PORT: bool;
}

macro_rules! nat_values {
    ($($address:ty: $family:expr;)*) => {$(
        nat_values! { @
            $address: Some($family), false;
            Interval<$address>: Some($family), false;
            ($address, Port): Some($family), true;
            ($address, Interval<Port>): Some($family), true;
            (Interval<$address>, Port): Some($family), true;
            (Interval<$address>, Interval<Port>): Some($family), true;
        }

        impl From<$address> for NatTarget {
            fn from(address: $address) -> Self {
                Self::from(address..=address)
            }
        }

        impl From<RangeInclusive<$address>> for NatTarget {
            fn from(range: RangeInclusive<$address>) -> Self {
                Self::from(Interval::<$address>::range(range))
            }
        }

        impl From<Interval<$address>> for NatTarget {
            fn from(interval: Interval<$address>) -> Self {
                Self::addresses($family, &interval)
            }
        }

        impl<A> From<Field<$address, A>> for NatTarget {
            fn from(field: Field<$address, A>) -> Self {
                Self::loaded(Operand::Field(field.source), $family, false, false)
            }
        }
    )*};
    (@ $($value:ty: $family:expr, $has_port:expr;)*) => {$(
        impl NatValue for $value {
            const FAMILY: Option<Family> = $family;
            const HAS_PORT: bool = $has_port;
        }
    )*};
}

nat_values! {
    Ipv4Addr: Family::IP;
    Ipv6Addr: Family::IP6;
}

nat_values! { @
    Port: None, true;
    Interval<Port>: None, true;
}

/// Whether a map has two bounds for each value.
fn has_intervals<T: MapValue>() -> bool {
    T::SHAPE.is_some_and(|shape| shape.intervals)
}

impl<T: NatValue> From<MapLookup<T>> for NatTarget {
    fn from(lookup: MapLookup<T>) -> Self {
        match T::FAMILY {
            Some(family) => Self::loaded(lookup.operand, family, has_intervals::<T>(), T::HAS_PORT),
            None => Self { to: To::Same, ports: PortTarget::loaded(lookup.operand, has_intervals::<T>()) },
        }
    }
}

impl From<IpAddr> for NatTarget {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => address.into(),
        }
    }
}

impl From<SocketAddrV4> for NatTarget {
    fn from(to: SocketAddrV4) -> Self {
        Self::from(*to.ip()).ports(to.port())
    }
}

impl From<SocketAddrV6> for NatTarget {
    fn from(to: SocketAddrV6) -> Self {
        Self::from(*to.ip()).ports(to.port())
    }
}

impl From<SocketAddr> for NatTarget {
    fn from(to: SocketAddr) -> Self {
        Self::from(to.ip()).ports(to.port())
    }
}

/// The ports that `masquerade` and `redirect` lead to, and options.
///
/// | nft | nftlink |
/// |---|---|
/// | `redirect to :3128` | `.redirect_to(3128)` |
/// | `redirect to :3128-3130 random` | `.redirect_to(PortTarget::from(3128..=3130).random())` |
/// | `redirect to :tcp dport map { 80 : 3128 }` | `.redirect_to(tcp::dport().map::<Port>([(80, 3128)]))` |
/// | `masquerade fully-random` | `.masquerade_to(PortTarget::any().fully_random())` |
///
/// ```
/// use nftlink::{PortTarget, Rule};
/// use nftlink::field::tcp;
///
/// let proxy = Rule::new().when(tcp::dport().eq(80)).redirect_to(3128);
/// let hidden = Rule::new().masquerade_to(PortTarget::any().fully_random());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PortTarget {
    ports: Ports,
    flags: NatFlags,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Ports {
    Any,
    /// From the lowest to the highest.
    Range(u16, u16),
    /// What a field or a map has: a port, or the two bounds of an interval.
    Loaded {
        operand: Operand,
        intervals: bool,
    },
}

impl PortTarget {
    /// Any port: the same one where that is free.
    pub fn any() -> Self {
        Self { ports: Ports::Any, flags: NatFlags::empty() }
    }

    fn loaded(operand: Operand, intervals: bool) -> Self {
        Self { ports: Ports::Loaded { operand, intervals }, flags: NatFlags::empty() }
    }

    /// Chooses the port at random.
    pub fn random(mut self) -> Self {
        self.flags |= NatFlags::RANDOM;
        self
    }

    /// Chooses the port at random also where the kernel's hash could be guessed.
    pub fn fully_random(mut self) -> Self {
        self.flags |= NatFlags::FULLY_RANDOM;
        self
    }

    /// Gives a client the same address for each of its connections.
    pub fn persistent(mut self) -> Self {
        self.flags |= NatFlags::PERSISTENT;
        self
    }

    /// The flags as nft sends them.
    fn flags(&self) -> NatFlags {
        if self.ports == Ports::Any { self.flags } else { self.flags | NatFlags::PROTO_SPECIFIED }
    }

    fn operand(&self) -> Option<&Operand> {
        match &self.ports {
            Ports::Loaded { operand, .. } => Some(operand),
            _ => None,
        }
    }

    /// Loads the ports into the next registers and says which.
    fn load(
        &self,
        statement: &'static str,
        regs: &mut Regs,
        context: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> (Option<Reg>, Option<Reg>) {
        if self.ports != Ports::Any {
            check_ports(statement, context, sink);
        }
        match &self.ports {
            Ports::Any => (None, None),
            Ports::Range(min, max) => {
                if *min == 0 {
                    let (value, reason) = ("0".into(), "it is the absence of one");
                    sink.fail(BuildErrorKind::BadValue { what: "port to translate to", value, reason });
                }
                match Interval::<Port>::range(*min..=*max).bounds(true) {
                    Ok((min, max)) => load((&min, &max), regs, sink),
                    Err(mistake) => {
                        sink.fail(mistake);
                        (None, None)
                    }
                }
            }
            Ports::Loaded { operand, intervals } => {
                let at = regs.next(1);
                context.lower_operand(operand, Regs::at(at), sink);
                (Some(Regs::at(at)), intervals.then(|| Regs::at(at + 1)))
            }
        }
    }
}

impl From<u16> for PortTarget {
    fn from(port: u16) -> Self {
        Self::from(port..=port)
    }
}

impl From<Port> for PortTarget {
    fn from(port: Port) -> Self {
        Self::from(port.get())
    }
}

impl From<RangeInclusive<u16>> for PortTarget {
    fn from(ports: RangeInclusive<u16>) -> Self {
        let (first, last) = ports.into_inner();
        Self { ports: Ports::Range(first, last), flags: NatFlags::empty() }
    }
}

impl<A> From<Field<Port, A>> for PortTarget {
    fn from(field: Field<Port, A>) -> Self {
        Self::loaded(Operand::Field(field.source), false)
    }
}

impl From<MapLookup<Port>> for PortTarget {
    fn from(lookup: MapLookup<Port>) -> Self {
        Self::loaded(lookup.operand, false)
    }
}

impl From<MapLookup<Interval<Port>>> for PortTarget {
    fn from(lookup: MapLookup<Interval<Port>>) -> Self {
        Self::loaded(lookup.operand, true)
    }
}

/// A translation, the last step of a rule.
#[derive(Debug, Clone)]
pub(super) enum Nat {
    Dnat(NatTarget),
    Snat(NatTarget),
    Masquerade(PortTarget),
    Redirect(PortTarget),
}

impl Nat {
    fn name(&self) -> &'static str {
        match self {
            Self::Dnat(_) => "dnat",
            Self::Snat(_) => "snat",
            Self::Masquerade(_) => "masquerade",
            Self::Redirect(_) => "redirect",
        }
    }

    /// What is loaded for addresses, and for ports.
    fn operands(&self) -> [Option<&Operand>; 2] {
        match self {
            Self::Dnat(NatTarget { to, ports }) | Self::Snat(NatTarget { to, ports }) => {
                let addresses = match to {
                    To::Loaded(loaded) => Some(&loaded.operand),
                    _ => None,
                };
                [addresses, ports.operand()]
            }
            Self::Masquerade(ports) | Self::Redirect(ports) => [None, ports.operand()],
        }
    }

    /// Whether packets have to be of several types, for which nft has a set.
    pub(super) fn implies_set(&self) -> bool {
        self.operands().into_iter().flatten().any(Operand::implies_set)
    }

    /// The maps that the rule has to itself for addresses and ports.
    pub(super) fn own_sets(&self) -> [Option<(&Anonymous, &Source)>; 2] {
        self.operands().map(|operand| operand?.own_set())
    }

    pub(super) fn lower(&self, context: &mut Context<'_>, sink: &mut impl Sink) {
        let statement = self.name();
        if !matches!(context.family(), Family::IP | Family::IP6 | Family::INET) {
            return sink.fail(context.not_in_family(statement));
        }
        for operand in self.operands().into_iter().flatten() {
            context.require_operand(operand, sink);
        }
        let regs = &mut Regs(0);
        match self {
            Self::Dnat(to) => lower_nat(NatKind::DNAT, to, context, sink),
            Self::Snat(to) => lower_nat(NatKind::SNAT, to, context, sink),
            Self::Masquerade(ports) => {
                let (proto_min, proto_max) = ports.load(statement, regs, context, sink);
                sink.put(Masq { proto_min, proto_max, flags: ports.flags() });
            }
            Self::Redirect(ports) => {
                let (proto_min, proto_max) = ports.load(statement, regs, context, sink);
                sink.put(Redir { proto_min, proto_max, flags: ports.flags() });
            }
        }
    }
}

fn lower_nat(kind: NatKind, to: &NatTarget, context: &mut Context<'_>, sink: &mut impl Sink) {
    let statement = if kind == NatKind::DNAT { "dnat" } else { "snat" };
    let (mut nat, mut regs) = (expr::Nat::new(kind, context.family()), Regs(0));
    if to.ports.flags.contains(NatFlags::NETMAP) {
        check_prefix(&to.to, sink);
    }
    match &to.to {
        To::Same => {}
        To::Addresses(Addresses { family, bounds }) => {
            context.check_network(*family, statement, sink);
            nat.family = *family;
            match bounds {
                Ok((min, max)) => (nat.addr_min, nat.addr_max) = load((min, max), &mut regs, sink),
                Err(mistake) => sink.fail(mistake.clone()),
            }
        }
        To::Loaded(Loaded { operand, family, intervals, has_port }) => {
            context.check_network(*family, statement, sink);
            nat.family = *family;
            let address = if *family == Family::IP { 1 } else { 4 };
            let bound = address + u32::from(*has_port);
            let at = regs.next(if *intervals { 2 * bound } else { bound });
            context.lower_operand(operand, Regs::at(at), sink);
            nat.addr_min = Some(Regs::at(at));
            nat.addr_max = intervals.then(|| Regs::at(at + bound));
            if *has_port {
                check_ports(statement, context, sink);
                nat.proto_min = Some(Regs::at(at + address));
                nat.proto_max = intervals.then(|| Regs::at(at + bound + address));
                if to.ports.ports != Ports::Any {
                    let value = match to.ports.ports {
                        Ports::Range(first, _) => first.to_string(),
                        _ => "another".into(),
                    };
                    let (what, reason) = ("port to translate to", "the map has one");
                    return sink.fail(BuildErrorKind::BadValue { what, value: value.into(), reason });
                }
            }
        }
    }
    if to.ports.ports != Ports::Any {
        (nat.proto_min, nat.proto_max) = to.ports.load(statement, &mut regs, context, sink);
    }
    nat.flags = to.ports.flags();
    sink.put(nat);
}

/// Refuses to map networks to what is none.
fn check_prefix(to: &To, sink: &mut impl Sink) {
    let mut refuse = |value: String| {
        let (what, reason) = ("network to translate to", "a prefix is wanted");
        sink.fail(BuildErrorKind::BadValue { what, value: value.into(), reason });
    };
    let mut check = |family: Family, min: &[u8], max: &[u8]| {
        let kind = if family == Family::IP { DataType::IPV4_ADDR } else { DataType::IPV6_ADDR };
        if kind.prefix_len(min, max).is_none() {
            let mut value = String::new();
            let _ = show_interval(kind, min, max, &mut value);
            refuse(value);
        }
    };
    match to {
        To::Same => refuse("the packet's own".into()),
        To::Addresses(Addresses { family, bounds: Ok((min, max)) }) => check(*family, min.as_bytes(), max.as_bytes()),
        To::Loaded(Loaded { operand, family, intervals: true, .. }) => {
            let address = if *family == Family::IP { 4 } else { 16 };
            let entries = operand.own_set().map(|(map, _)| map.entries()).unwrap_or_default();
            for entry in entries {
                let Some(Value::Data(value)) = &entry.value else { continue };
                let (min, max) = value.as_bytes().split_at(value.len() / 2);
                if let (Some(min), Some(max)) = (min.get(..address), max.get(..address)) {
                    check(*family, min, max);
                }
            }
        }
        _ => {}
    }
}

/// The next registers that are free, by the number of four bytes: nft begins each value at 16 bytes.
struct Regs(u32);

impl Regs {
    /// Takes so many times four bytes.
    fn next(&mut self, words: u32) -> u32 {
        let at = self.0;
        self.0 += words.next_multiple_of(4);
        at
    }

    /// The register, by the number that nft has for it. Two bounds of addresses and of ports are 64 bytes at most.
    fn at(word: u32) -> Reg {
        Reg::word(word).unwrap_or(Reg::R1).normalized()
    }
}

fn check_ports(statement: &'static str, context: &Context<'_>, sink: &mut impl Sink) {
    if !context.may_have_ports() {
        sink.fail(BuildErrorKind::NoTransport { statement: with_port(statement) });
    }
}

/// What is said of a translation of ports.
fn with_port(statement: &'static str) -> &'static str {
    match statement {
        "dnat" => "dnat with a port",
        "snat" => "snat with a port",
        "masquerade" => "masquerade with a port",
        _ => "redirect with a port",
    }
}

/// Loads both bounds of a range, or the one value that it has, into the next registers.
fn load((min, max): (&Data, &Data), regs: &mut Regs, sink: &mut impl Sink) -> (Option<Reg>, Option<Reg>) {
    let mut load = |value: &Data| {
        let reg = Regs::at(regs.next(4));
        sink.put(Immediate::data(reg, value.clone()));
        Some(reg)
    };
    (load(min), if min == max { None } else { load(max) })
}
