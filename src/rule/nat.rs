//! Where a translation leads: addresses, ports, options.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ops::RangeInclusive;

use crate::datum::{Interval, Port};
use crate::error::BuildErrorKind;
use crate::expr::{self, Data, Immediate, Masq, NatFlags, NatKind, Redir, Reg};
use crate::field::lower::{Context, Sink};
use crate::field::{MapLookup, Operand, Source};
use crate::set::Anonymous;
use crate::wire::Family;

/// Where `dnat` or `snat` leads: addresses, ports, options.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::NatTarget;
///
/// let servers = NatTarget::from(Ipv4Addr::new(10, 0, 0, 1)..=Ipv4Addr::new(10, 0, 0, 9))
///     .ports(8000..=8080)
///     .persistent();
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
    /// What a map has: an address, a port, or both.
    Map(Mapped),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Mapped {
    operand: Operand,
    /// Of an address.
    family: Option<Family>,
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
    pub fn port(port: u16) -> Self {
        Self { to: To::Same, ports: port.into() }
    }

    /// Sets the ports to choose from.
    pub fn ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.ports = PortTarget { flags: self.ports.flags, ..ports.into() };
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

    fn addresses(family: Family, bounds: Result<(Data, Data), BuildErrorKind>) -> Self {
        Self { to: To::Addresses(Addresses { family, bounds }), ports: PortTarget::any() }
    }

    fn mapped<T>(lookup: MapLookup<T>, family: Option<Family>, has_port: bool) -> Self {
        Self { to: To::Map(Mapped { operand: lookup.operand, family, has_port }), ports: PortTarget::any() }
    }
}

impl From<MapLookup<Ipv4Addr>> for NatTarget {
    fn from(lookup: MapLookup<Ipv4Addr>) -> Self {
        Self::mapped(lookup, Some(Family::IP), false)
    }
}

impl From<MapLookup<Ipv6Addr>> for NatTarget {
    fn from(lookup: MapLookup<Ipv6Addr>) -> Self {
        Self::mapped(lookup, Some(Family::IP6), false)
    }
}

impl From<MapLookup<(Ipv4Addr, Port)>> for NatTarget {
    fn from(lookup: MapLookup<(Ipv4Addr, Port)>) -> Self {
        Self::mapped(lookup, Some(Family::IP), true)
    }
}

impl From<MapLookup<(Ipv6Addr, Port)>> for NatTarget {
    fn from(lookup: MapLookup<(Ipv6Addr, Port)>) -> Self {
        Self::mapped(lookup, Some(Family::IP6), true)
    }
}

impl From<MapLookup<Port>> for NatTarget {
    fn from(lookup: MapLookup<Port>) -> Self {
        Self::mapped(lookup, None, true)
    }
}

impl From<Ipv4Addr> for NatTarget {
    fn from(address: Ipv4Addr) -> Self {
        Self::from(address..=address)
    }
}

impl From<Ipv6Addr> for NatTarget {
    fn from(address: Ipv6Addr) -> Self {
        Self::from(address..=address)
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
        Self::from(*to.ip()).ports(to.port()..=to.port())
    }
}

impl From<SocketAddrV6> for NatTarget {
    fn from(to: SocketAddrV6) -> Self {
        Self::from(*to.ip()).ports(to.port()..=to.port())
    }
}

impl From<SocketAddr> for NatTarget {
    fn from(to: SocketAddr) -> Self {
        Self::from(to.ip()).ports(to.port()..=to.port())
    }
}

impl From<RangeInclusive<Ipv4Addr>> for NatTarget {
    fn from(range: RangeInclusive<Ipv4Addr>) -> Self {
        Self::addresses(Family::IP, Interval::range(range).bounds(true))
    }
}

impl From<RangeInclusive<Ipv6Addr>> for NatTarget {
    fn from(range: RangeInclusive<Ipv6Addr>) -> Self {
        Self::addresses(Family::IP6, Interval::range(range).bounds(true))
    }
}

/// The ports that `masquerade` and `redirect` lead to, and options.
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
    ports: Option<(u16, u16)>,
    flags: NatFlags,
}

impl PortTarget {
    /// Any port: the same one where that is free.
    pub fn any() -> Self {
        Self { ports: None, flags: NatFlags::empty() }
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
        if self.ports.is_some() { self.flags | NatFlags::PROTO_SPECIFIED } else { self.flags }
    }

    /// Loads the ports into the next registers and says which.
    fn load(
        &self,
        statement: &'static str,
        regs: &mut impl Iterator<Item = Reg>,
        context: &Context<'_>,
        sink: &mut impl Sink,
    ) -> (Option<Reg>, Option<Reg>) {
        let Some((min, max)) = self.ports else { return (None, None) };
        if !context.may_have_ports() {
            sink.fail(BuildErrorKind::NoTransport { statement: with_port(statement) });
        }
        if min == 0 {
            let (value, reason) = ("0".into(), "it is the absence of one");
            sink.fail(BuildErrorKind::BadValue { what: "port to translate to", value, reason });
        }
        match Interval::<Port>::range(min..=max).bounds(true) {
            Ok((min, max)) => load((&min, &max), regs, sink),
            Err(mistake) => {
                sink.fail(mistake);
                (None, None)
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
        Self { ports: Some(ports.into_inner()), flags: NatFlags::empty() }
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
    /// The map that the rule has to itself for the target.
    pub(super) fn own_set(&self) -> Option<(&Anonymous, &Source)> {
        match self {
            Self::Dnat(NatTarget { to: To::Map(mapped), .. }) | Self::Snat(NatTarget { to: To::Map(mapped), .. }) => {
                mapped.operand.own_set()
            }
            _ => None,
        }
    }

    pub(super) fn lower(&self, context: &mut Context<'_>, sink: &mut impl Sink) {
        let family = context.chain.table.family;
        // nft gives each value a register of 16 bytes.
        let mut regs = [Reg::R1, Reg::R2, Reg::R3, Reg::R4].into_iter();
        let statement = match self {
            Self::Dnat(_) => "dnat",
            Self::Snat(_) => "snat",
            Self::Masquerade(_) => "masquerade",
            Self::Redirect(_) => "redirect",
        };
        if !matches!(family, Family::IP | Family::IP6 | Family::INET) {
            return sink.fail(context.not_in_family(statement));
        }
        match self {
            Self::Dnat(to) | Self::Snat(to) => {
                let kind = if matches!(self, Self::Dnat(_)) { NatKind::DNAT } else { NatKind::SNAT };
                let mut nat = expr::Nat::new(kind, family);
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
                    To::Map(Mapped { operand, family, has_port }) => {
                        context.lower_operand(operand, Reg::R1, sink);
                        let mut port = Some(Reg::R1);
                        if let Some(family) = *family {
                            context.check_network(family, statement, sink);
                            nat.family = family;
                            nat.addr_min = Some(Reg::R1);
                            port = if family == Family::IP { Reg::word(1) } else { Some(Reg::R2) };
                        }
                        if *has_port {
                            if !context.may_have_ports() {
                                sink.fail(BuildErrorKind::NoTransport { statement: with_port(statement) });
                            }
                            nat.proto_min = port;
                            if let Some((first, _)) = to.ports.ports {
                                let (value, reason) = (first.to_string().into(), "the map has one");
                                sink.fail(BuildErrorKind::BadValue { what: "port to translate to", value, reason });
                            }
                        }
                        regs.next();
                    }
                }
                let ports = to.ports.load(statement, &mut regs, context, sink);
                if ports.0.is_some() {
                    (nat.proto_min, nat.proto_max) = ports;
                }
                nat.flags = to.ports.flags();
                sink.put(nat);
            }
            Self::Masquerade(ports) => {
                let (proto_min, proto_max) = ports.load(statement, &mut regs, context, sink);
                sink.put(Masq { proto_min, proto_max, flags: ports.flags() });
            }
            Self::Redirect(ports) => {
                let (proto_min, proto_max) = ports.load(statement, &mut regs, context, sink);
                sink.put(Redir { proto_min, proto_max, flags: ports.flags() });
            }
        }
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
fn load(
    (min, max): (&Data, &Data),
    regs: &mut impl Iterator<Item = Reg>,
    sink: &mut impl Sink,
) -> (Option<Reg>, Option<Reg>) {
    let first = regs.next();
    let last = if min == max { None } else { regs.next() };
    for (reg, value) in [(first, min), (last, max)] {
        if let Some(reg) = reg {
            sink.put(Immediate::data(reg, value.clone()));
        }
    }
    (first, last)
}
