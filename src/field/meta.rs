//! What the kernel knows about a packet beside its bytes.
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::datum::{Day, Hour};
//! use nftlink::field::meta;
//!
//! // iifname "eth0" meta mark set 0x1
//! let marked = Rule::new().when(meta::iifname().eq("eth0")).set(meta::mark(), 1);
//! // oifname "wg*"
//! let tunnels = meta::oifname().starts_with("wg");
//! // meta skuid 1000 meta length > 1280
//! let large = [meta::skuid().eq(1000), meta::length().gt(1280)];
//! // meta day "Saturday" meta hour "09:00"-"17:00"
//! let weekend = [meta::day().eq(Day::SATURDAY), meta::hour().in_range(Hour::new(9, 0)..=Hour::new(17, 0))];
//! ```

use super::source::{Families, IP_TABLES, Needs, Tells};
use super::{Field, Spec, Write};
use crate::datum::{
    Boolean, ClassId, Date, Datum, Day, DevGroup, EtherType, Gid, HostInteger16, HostInteger32, Hour, IfIndex, IfName,
    IfType, Integer8, Integer32, L4Proto, Mark, PktType, Realm, SecMark, Uid,
};
use crate::expr::MetaKey;
use crate::wire::Family;

/// `meta length`: bytes of the packet, without the link layer's header.
pub fn length() -> Field<HostInteger32> {
    Field::fixed(const { &Spec::meta("meta length", MetaKey::LEN) })
}

/// `meta protocol`: the protocol of the network layer as the link layer tells it.
pub fn protocol() -> Field<EtherType> {
    Field::fixed(const { &Spec::meta("meta protocol", MetaKey::PROTOCOL).telling(Tells::EtherType) })
}

/// `meta priority`: the class of the packet for traffic control.
pub fn priority() -> Field<ClassId, Write> {
    Field::fixed(const { &Spec::meta("meta priority", MetaKey::PRIORITY) })
}

/// `meta mark`: the packet's mark.
pub fn mark() -> Field<Mark, Write> {
    Field::fixed(const { &Spec::meta("meta mark", MetaKey::MARK) })
}

/// `iif`: the index of the interface that the packet came in by. An interface that is made anew
/// has another index: [`iifname`] compares names.
pub fn iif() -> Field<IfIndex> {
    Field::fixed(const { &Spec::meta("iif", MetaKey::IIF) })
}

/// `oif`: the index of the interface that the packet goes out by.
pub fn oif() -> Field<IfIndex> {
    Field::fixed(const { &Spec::meta("oif", MetaKey::OIF) })
}

/// `iifname`: the name of the interface that the packet came in by.
pub fn iifname() -> Field<IfName> {
    Field::fixed(const { &Spec::meta("iifname", MetaKey::IIFNAME) })
}

/// `oifname`: the name of the interface that the packet goes out by.
pub fn oifname() -> Field<IfName> {
    Field::fixed(const { &Spec::meta("oifname", MetaKey::OIFNAME) })
}

/// `iiftype`: the hardware type of the interface that the packet came in by.
pub fn iiftype() -> Field<IfType> {
    Field::fixed(const { &Spec::meta("iiftype", MetaKey::IIFTYPE).telling(Tells::LinkType) })
}

/// `oiftype`: the hardware type of the interface that the packet goes out by.
pub fn oiftype() -> Field<IfType> {
    Field::fixed(const { &Spec::meta("oiftype", MetaKey::OIFTYPE) })
}

/// `meta iifkind`: the kind of the interface that the packet came in by, as `vlan`; as text, since there may be any
/// (Linux 5.6).
pub fn iifkind() -> Field<IfName> {
    Field::fixed(const { &Spec::meta("meta iifkind", MetaKey::IIFKIND) })
}

/// `meta oifkind`: the kind of the interface that the packet goes out by (Linux 5.6).
pub fn oifkind() -> Field<IfName> {
    Field::fixed(const { &Spec::meta("meta oifkind", MetaKey::OIFKIND) })
}

/// `meta sdif`: the index of the interface by which the packet came into the VRF that is its incoming interface
/// now (Linux 5.6).
pub fn sdif() -> Field<IfIndex> {
    Field::fixed(const { &Spec::meta("meta sdif", MetaKey::SDIF).needing(IP_TABLES) })
}

/// `meta sdifname`: the name of the interface by which the packet came into the VRF that is its incoming interface
/// now (Linux 5.6).
pub fn sdifname() -> Field<IfName> {
    Field::fixed(const { &Spec::meta("meta sdifname", MetaKey::SDIFNAME).needing(IP_TABLES) })
}

/// A field that tables of family bridge have.
const fn of_bridge<V: Datum, A>(name: &'static str, key: MetaKey) -> Spec<V, A> {
    Spec::meta(name, key).needing(Needs::Tables(Families::of(&[Family::BRIDGE])))
}

/// `meta ibrname`: the name of the bridge that the packet came in by.
pub fn ibrname() -> Field<IfName> {
    Field::fixed(const { &of_bridge("meta ibrname", MetaKey::BRI_IIFNAME) })
}

/// `meta obrname`: the name of the bridge that the packet goes out by.
pub fn obrname() -> Field<IfName> {
    Field::fixed(const { &of_bridge("meta obrname", MetaKey::BRI_OIFNAME) })
}

/// `meta ibrpvid`: the VLAN of the bridge's port for packets without one (Linux 5.4).
pub fn ibrpvid() -> Field<HostInteger16> {
    Field::fixed(const { &of_bridge("meta ibrpvid", MetaKey::BRI_IIFPVID) })
}

/// `meta ibrvproto`: the protocol of the bridge's VLANs (Linux 5.4).
pub fn ibrvproto() -> Field<EtherType> {
    Field::fixed(const { &of_bridge("meta ibrvproto", MetaKey::BRI_IIFVPROTO) })
}

/// `meta broute`: 1 if the packet is to be routed, not bridged; to be set at prerouting (Linux 6.4; nft 1.0.8).
pub fn broute() -> Field<Integer8, Write> {
    Field::fixed(const { &of_bridge("meta broute", MetaKey::BRI_BROUTE) })
}

/// `meta ipsec`: whether the packet came through IPsec (Linux 4.20).
pub fn ipsec() -> Field<Boolean> {
    Field::fixed(const { &Spec::meta("meta ipsec", MetaKey::SECPATH) })
}

/// `meta secmark`: the packet's security mark.
pub fn secmark() -> Field<SecMark, Write> {
    Field::fixed(const { &Spec::meta("meta secmark", MetaKey::SECMARK) })
}

/// `meta skuid`: the user who opened the sending socket; packets of no socket here do not match.
pub fn skuid() -> Field<Uid> {
    Field::fixed(const { &Spec::meta("meta skuid", MetaKey::SKUID) })
}

/// `meta skgid`: the group of whoever opened the sending socket; packets of no socket here do not
/// match.
pub fn skgid() -> Field<Gid> {
    Field::fixed(const { &Spec::meta("meta skgid", MetaKey::SKGID) })
}

/// `meta nftrace`: 1 if the packet is traced; to be set.
pub fn nftrace() -> Field<Integer8, Write> {
    Field::fixed(const { &Spec::meta("meta nftrace", MetaKey::NFTRACE) })
}

/// `rtclassid`: the realm of the packet's route.
pub fn rtclassid() -> Field<Realm> {
    Field::fixed(const { &Spec::meta("rtclassid", MetaKey::RTCLASSID) })
}

/// `meta nfproto`: the protocol of the network layer, [`Family::IP`] or [`Family::IP6`]. For tables
/// of families inet, ip and ip6; [`protocol`] is there in all.
pub fn nfproto() -> Field<Family> {
    Field::fixed(const { &Spec::meta("meta nfproto", MetaKey::NFPROTO).telling(Tells::Network).needing(IP_TABLES) })
}

/// `meta l4proto`: the protocol of the transport layer, behind all IPv6 extension headers.
pub fn l4proto() -> Field<L4Proto> {
    Field::fixed(const { &Spec::meta("meta l4proto", MetaKey::L4PROTO).telling(Tells::Transport) })
}

/// `pkttype`: whether the packet is for this host, for all, for a group, or for somebody else. To
/// be set at prerouting and ingress only.
pub fn pkttype() -> Field<PktType, Write> {
    Field::fixed(const { &Spec::meta("meta pkttype", MetaKey::PKTTYPE) })
}

/// `meta cpu`: the processor that handles the packet, from 0.
pub fn cpu() -> Field<HostInteger32> {
    Field::fixed(const { &Spec::meta("meta cpu", MetaKey::CPU) })
}

/// `iifgroup`: the group of the interface that the packet came in by.
pub fn iifgroup() -> Field<DevGroup> {
    Field::fixed(const { &Spec::meta("iifgroup", MetaKey::IIFGROUP) })
}

/// `oifgroup`: the group of the interface that the packet goes out by.
pub fn oifgroup() -> Field<DevGroup> {
    Field::fixed(const { &Spec::meta("oifgroup", MetaKey::OIFGROUP) })
}

/// `meta cgroup`: the class id of the sending socket's control group, of version 1.
pub fn cgroup() -> Field<HostInteger32> {
    Field::fixed(const { &Spec::meta("meta cgroup", MetaKey::CGROUP) })
}

/// `meta random`: a random number.
pub fn random() -> Field<Integer32> {
    Field::fixed(const { &Spec::meta("meta random", MetaKey::PRANDOM) })
}

/// `meta time`: when the packet came (Linux 5.4).
pub fn time() -> Field<Date> {
    Field::fixed(const { &Spec::meta("meta time", MetaKey::TIME_NS) })
}

/// `meta day`: the day of the week, by UTC (Linux 5.4).
pub fn day() -> Field<Day> {
    Field::fixed(const { &Spec::meta("meta day", MetaKey::TIME_DAY) })
}

/// `meta hour`: the time of the day, by UTC (Linux 5.4).
pub fn hour() -> Field<Hour> {
    Field::fixed(const { &Spec::meta("meta hour", MetaKey::TIME_HOUR) })
}
