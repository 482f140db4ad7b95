//! Statements that lead a packet elsewhere: `tproxy`, `dup` and `fwd`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::*;
use crate::datum::{IfIndex, Port};
use crate::expr::{Dup, Fwd, Reg, Tproxy};
use crate::field::{AnOperand, Field, IntoOperand, MapLookup};
use crate::wire::Family;

impl RuleBuilder {
    /// Gives the packet to a transparent socket of this machine, whatever its destination (`tproxy to :50080`; Linux
    /// 4.19): a port, an address, both, or a [`TproxyTarget`]. Where no socket takes it the next rule follows.
    ///
    /// For families ip, ip6 and inet, in chains at prerouting, with a match on tcp or udp before it. The socket has
    /// to have `IP_TRANSPARENT`, and the packet has to be routed to this machine, as by a mark.
    ///
    /// ```
    /// use std::net::{Ipv4Addr, SocketAddrV4};
    /// use nftlink::Rule;
    /// use nftlink::field::{meta, tcp};
    ///
    /// // tcp dport 80 tproxy to :50080 meta mark set 1 accept
    /// let web = Rule::new().when(tcp::dport().eq(80)).tproxy(50080).set(meta::mark(), 1).accept();
    /// // tcp dport 25 tproxy ip to 127.0.0.1:2525
    /// let mail = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2525);
    /// let mail = Rule::new().when(tcp::dport().eq(25)).tproxy(mail);
    /// ```
    pub fn tproxy(self, to: impl Into<TproxyTarget>) -> Self {
        self.push(Step::Redirecting(Box::new(Redirecting::Tproxy(to.into()))))
    }

    /// Sends a copy of the packet to a host of the network, and goes on (`dup to 10.0.0.1`; Linux 4.3): an address, a
    /// field, or what a map has for a field. For families ip and ip6.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    /// use nftlink::Rule;
    /// use nftlink::field::ip;
    ///
    /// // dup to ip saddr map { 10.0.0.1 : 10.0.0.9 }
    /// let watched = ip::saddr().map([(Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 9))]);
    /// let rule = Rule::new().dup(watched);
    /// ```
    pub fn dup(self, to: impl IntoAddress) -> Self {
        self.push(Step::Redirecting(Box::new(Redirecting::Dup { to: Some(to.into_address()), device: None })))
    }

    /// [`dup`](Self::dup) by a certain device, whatever the routes are (`dup to 10.0.0.1 device "eth0"`).
    ///
    /// The kernel knows devices by their indexes, which `if_nametoindex(3)` tells: one that is made anew under the
    /// same name has another.
    pub fn dup_via(self, to: impl IntoAddress, device: impl IntoOperand<IfIndex>) -> Self {
        let (to, device) = (Some(to.into_address()), Some(device.into_operand().0));
        self.push(Step::Redirecting(Box::new(Redirecting::Dup { to, device })))
    }

    /// Sends a copy of the packet out of a device, and goes on (`dup to "eth0"`; Linux 4.10): an index, a field, or
    /// what a map has for a field. For family netdev.
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::datum::IfIndex;
    ///
    /// // dup to "eth0", which is device 2
    /// let rule = Rule::new().dup_to_device(IfIndex::new(2));
    /// ```
    pub fn dup_to_device(self, device: impl IntoOperand<IfIndex>) -> Self {
        let device = Some(device.into_operand().0);
        self.push(Step::Redirecting(Box::new(Redirecting::Dup { to: None, device })))
    }

    /// Sends the packet out of another device as it is (`fwd to "eth0"`; Linux 4.5): an index, a field, or what a map
    /// has for a field. For family netdev.
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::field::meta;
    ///
    /// // fwd to meta mark map { 0x1 : "eth0", 0x2 : "eth1" }, which are devices 2 and 3
    /// let rule = Rule::new().fwd(meta::mark().map([(1, 2), (2, 3)]));
    /// ```
    pub fn fwd(self, device: impl IntoOperand<IfIndex>) -> Rule {
        let device = device.into_operand().0;
        self.end(Step::Redirecting(Box::new(Redirecting::Fwd { to: None, device })))
    }

    /// Sends packets of the address's family to that neighbour of a device, with one hop less to live
    /// (`fwd ip to 10.0.0.1 device "eth0"`; Linux 4.19). Others go on with the next rule. For family netdev.
    pub fn fwd_via(self, to: impl IntoAddress, device: impl IntoOperand<IfIndex>) -> Rule {
        let (to, device) = (Some(to.into_address()), device.into_operand().0);
        self.end(Step::Redirecting(Box::new(Redirecting::Fwd { to, device })))
    }
}

/// What can stand where a packet is sent to an address: an address of either family, a field that has one, or what a
/// map has for a field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no address to send a packet to",
    label = "an `Ipv4Addr` or `Ipv6Addr`, a field that has one, or a field's value in a map is wanted here"
)]
pub trait IntoAddress {
    #[doc(hidden)]
    fn into_address(self) -> AnAddress;
}

/// An address, for [`IntoAddress`] alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnAddress {
    family: Family,
    operand: Operand,
}

impl AnAddress {
    fn of<V>(family: Family, address: impl IntoOperand<V>) -> Self {
        let AnOperand(operand) = address.into_operand();
        Self { family, operand }
    }
}

impl IntoAddress for IpAddr {
    fn into_address(self) -> AnAddress {
        match self {
            Self::V4(address) => address.into_address(),
            Self::V6(address) => address.into_address(),
        }
    }
}

macro_rules! addresses {
    ($($address:ty: $family:ident;)*) => {$(
        impl IntoAddress for $address {
            fn into_address(self) -> AnAddress {
                AnAddress::of::<Self>(Family::$family, self)
            }
        }

        impl<A> IntoAddress for Field<$address, A> {
            fn into_address(self) -> AnAddress {
                AnAddress::of::<$address>(Family::$family, self)
            }
        }

        impl IntoAddress for MapLookup<$address> {
            fn into_address(self) -> AnAddress {
                AnAddress::of::<$address>(Family::$family, self)
            }
        }

        impl From<$address> for TproxyTarget {
            fn from(address: $address) -> Self {
                Self::address(address)
            }
        }

        impl<A> From<Field<$address, A>> for TproxyTarget {
            fn from(address: Field<$address, A>) -> Self {
                Self::address(address)
            }
        }

        impl From<MapLookup<$address>> for TproxyTarget {
            fn from(address: MapLookup<$address>) -> Self {
                Self::address(address)
            }
        }
    )*};
}

addresses! {
    Ipv4Addr: IP;
    Ipv6Addr: IP6;
}

/// The socket to which `tproxy` gives packets: its port, its address, or both.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::TproxyTarget;
/// use nftlink::field::{ip, tcp};
///
/// // tproxy ip to :50080
/// let ipv4_only = TproxyTarget::from(50080).ip();
/// // tproxy ip to ip daddr map { 192.0.2.1 : 127.0.0.1 }:50080
/// let listeners = ip::daddr().map([(Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::LOCALHOST)]);
/// let by_destination = TproxyTarget::from(listeners).port(50080);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TproxyTarget {
    /// Of the packets, if not of both families.
    family: Option<Family>,
    address: Option<AnAddress>,
    port: Option<Operand>,
}

impl TproxyTarget {
    fn address(address: impl IntoAddress) -> Self {
        Self { family: None, address: Some(address.into_address()), port: None }
    }

    fn of_port(port: impl IntoOperand<Port>) -> Self {
        Self { family: None, address: None, port: Some(port.into_operand().0) }
    }

    /// Sets the port: without one it is the packet's.
    pub fn port(mut self, port: impl IntoOperand<Port>) -> Self {
        self.port = Some(port.into_operand().0);
        self
    }

    /// Takes packets of IPv4 only, in a table of family inet (`tproxy ip to`). An address says so by itself.
    pub fn ip(mut self) -> Self {
        self.family = Some(Family::IP);
        self
    }

    /// Takes packets of IPv6 only, in a table of family inet (`tproxy ip6 to`).
    pub fn ip6(mut self) -> Self {
        self.family = Some(Family::IP6);
        self
    }

    fn lower(&self, context: &mut Context<'_>, sink: &mut impl Sink) {
        if !matches!(context.family(), Family::IP | Family::IP6 | Family::INET) {
            return sink.fail(context.not_in_family("tproxy"));
        }
        if !context.may_have_ports() {
            sink.fail(BuildErrorKind::NoTransport { statement: "tproxy" });
        }
        let said = [self.family, self.address.as_ref().map(|address| address.family)];
        for family in said.into_iter().flatten() {
            context.check_network(family, if family == Family::IP { "tproxy ip" } else { "tproxy ip6" }, sink);
        }
        if let [Some(wants), Some(has)] = said {
            check_same_family("the address of tproxy", has, wants, sink);
        }
        if matches!(&self.port, Some(Operand::Constant(port)) if port.as_bytes() == [0, 0]) {
            let (value, reason) = ("0".into(), "it is the absence of one");
            sink.fail(BuildErrorKind::BadValue { what: "port of a socket", value, reason });
        }
        let family = said.into_iter().flatten().next().or(context.network()).unwrap_or(Family::UNSPEC);
        let address = self.address.as_ref().map(|address| &address.operand);
        let (addr, port) = load(address, self.port.as_ref(), context, sink);
        sink.put(Tproxy { addr, port, ..Tproxy::to_port(family, Reg::R1) });
    }
}

impl From<IpAddr> for TproxyTarget {
    fn from(address: IpAddr) -> Self {
        Self::address(address)
    }
}

impl From<SocketAddrV4> for TproxyTarget {
    fn from(to: SocketAddrV4) -> Self {
        Self::address(*to.ip()).port(to.port())
    }
}

impl From<SocketAddrV6> for TproxyTarget {
    fn from(to: SocketAddrV6) -> Self {
        Self::address(*to.ip()).port(to.port())
    }
}

impl From<SocketAddr> for TproxyTarget {
    fn from(to: SocketAddr) -> Self {
        Self::address(to.ip()).port(to.port())
    }
}

impl From<u16> for TproxyTarget {
    fn from(port: u16) -> Self {
        Self::of_port(port)
    }
}

impl From<Port> for TproxyTarget {
    fn from(port: Port) -> Self {
        Self::of_port(port)
    }
}

impl<A> From<Field<Port, A>> for TproxyTarget {
    fn from(port: Field<Port, A>) -> Self {
        Self::of_port(port)
    }
}

impl From<MapLookup<Port>> for TproxyTarget {
    fn from(port: MapLookup<Port>) -> Self {
        Self::of_port(port)
    }
}

/// A statement that leads packets elsewhere, a step of a rule.
#[derive(Debug, Clone)]
pub(super) enum Redirecting {
    Tproxy(TproxyTarget),
    Dup { to: Option<AnAddress>, device: Option<Operand> },
    Fwd { to: Option<AnAddress>, device: Operand },
}

impl Redirecting {
    /// What it loads, in this order.
    fn operands(&self) -> [Option<&Operand>; 2] {
        fn of(address: &Option<AnAddress>) -> Option<&Operand> {
            address.as_ref().map(|address| &address.operand)
        }
        match self {
            Self::Tproxy(TproxyTarget { address, port, .. }) => [of(address), port.as_ref()],
            Self::Dup { to, device } => [of(to), device.as_ref()],
            Self::Fwd { to, device } => [Some(device), of(to)],
        }
    }

    /// Whether packets have to be of several types, for which nft has a set.
    pub(super) fn implies_set(&self) -> bool {
        self.operands().into_iter().flatten().any(Operand::implies_set)
    }

    /// The maps that the rule has to itself for what it loads.
    pub(super) fn own_sets(&self) -> [Option<(&Anonymous, &Source)>; 2] {
        self.operands().map(|operand| operand.and_then(Operand::own_set))
    }

    pub(super) fn lower(&self, context: &mut Context<'_>, sink: &mut impl Sink) {
        let family = context.family();
        let [first, second] = self.operands();
        match self {
            Self::Tproxy(to) => to.lower(context, sink),
            Self::Dup { to: Some(to), .. } => {
                if !matches!(family, Family::IP | Family::IP6) {
                    return sink.fail(context.not_in_family("dup to an address"));
                }
                check_same_family("the address of dup", to.family, family, sink);
                let (addr, dev) = load(first, second, context, sink);
                sink.put(Dup { addr, dev });
            }
            Self::Dup { to: None, .. } => {
                if family != Family::NETDEV {
                    return sink.fail(context.not_in_family("dup to a device"));
                }
                let (addr, dev) = load(first, second, context, sink);
                sink.put(Dup { addr, dev });
            }
            Self::Fwd { to, .. } => {
                if family != Family::NETDEV {
                    return sink.fail(context.not_in_family("fwd"));
                }
                if let (Some(to), Some(has)) = (to, context.network()) {
                    check_same_family("the address of fwd", to.family, has, sink);
                }
                let (_, addr) = load(first, second, context, sink);
                let family = to.as_ref().map(|to| to.family);
                sink.put(Fwd { dev: Reg::R1, addr: addr.zip(family) });
            }
        }
    }
}

fn check_same_family(field: &'static str, wants: Family, has: Family, sink: &mut impl Sink) {
    if wants != has {
        let [wants, has] = [wants, has].map(|family| family.to_string().into());
        sink.fail(BuildErrorKind::Contradiction { field, wants, has });
    }
}

/// Loads what is there, one after another, into the next registers of 16 bytes, and says which.
fn load(
    first: Option<&Operand>,
    second: Option<&Operand>,
    context: &mut Context<'_>,
    sink: &mut impl Sink,
) -> (Option<Reg>, Option<Reg>) {
    let operands = [first, second];
    operands.iter().flatten().for_each(|operand| context.require_operand(operand, sink));
    let mut regs = [Reg::R1, Reg::R2].into_iter();
    let mut one = |operand: Option<&Operand>| {
        let reg = operand.and_then(|_| regs.next());
        if let (Some(operand), Some(reg)) = (operand, reg) {
            context.lower_operand(operand, reg, sink);
        }
        reg
    };
    (one(first), one(second))
}
