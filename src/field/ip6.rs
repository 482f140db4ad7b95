//! The IPv6 header.
//!
//! ```
//! use std::net::Ipv6Addr;
//! use nftlink::datum::L4Proto;
//! use nftlink::field::ip6;
//!
//! // ip6 saddr fe80::/10
//! let link_local = ip6::saddr().in_prefix(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);
//! // ip6 nexthdr udp ip6 hoplimit 255
//! let near = [ip6::nexthdr().eq(L4Proto::UDP), ip6::hoplimit().eq(255)];
//! // ip6 flowlabel != 0
//! let labelled = ip6::flowlabel().ne(0);
//! ```

use std::net::Ipv6Addr;

use super::source::Tells;
use super::{Field, Spec, Write};
use crate::datum::{Dscp, Ecn, Integer8, Integer16, Integer24, L4Proto};
use crate::wire::Family;

/// `ip6 version`: 6.
pub fn version() -> Field<Integer8, Write> {
    Field::fixed(const { &Spec::network("ip6 version", Family::IP6, 0, 1).bits_at(0, 4) })
}

/// `ip6 dscp`: the differentiated services code point.
pub fn dscp() -> Field<Dscp, Write> {
    Field::fixed(const { &Spec::network("ip6 dscp", Family::IP6, 0, 2).bits_at(4, 6) })
}

/// `ip6 ecn`: explicit congestion notification.
pub fn ecn() -> Field<Ecn, Write> {
    Field::fixed(const { &Spec::network("ip6 ecn", Family::IP6, 1, 3).bits_at(10, 2) })
}

/// `ip6 flowlabel`: what the packets of a flow have in common, 20 bits.
pub fn flowlabel() -> Field<Integer24, Write> {
    Field::fixed(const { &Spec::network("ip6 flowlabel", Family::IP6, 1, 4).bits_at(12, 20) })
}

/// `ip6 length`: bytes behind the header.
pub fn length() -> Field<Integer16, Write> {
    Field::fixed(const { &Spec::network("ip6 length", Family::IP6, 4, 5) })
}

/// `ip6 nexthdr`: the protocol of the next header, which may be an extension's:
/// [`meta::l4proto`](super::meta::l4proto) looks behind those.
pub fn nexthdr() -> Field<L4Proto, Write> {
    Field::fixed(const { &Spec::network("ip6 nexthdr", Family::IP6, 6, 6).telling(Tells::Transport) })
}

/// `ip6 hoplimit`: how many routers the packet may pass yet.
pub fn hoplimit() -> Field<Integer8, Write> {
    Field::fixed(const { &Spec::network("ip6 hoplimit", Family::IP6, 7, 7) })
}

/// `ip6 saddr`: the source address.
pub fn saddr() -> Field<Ipv6Addr, Write> {
    Field::fixed(const { &Spec::network("ip6 saddr", Family::IP6, 8, 8) })
}

/// `ip6 daddr`: the destination address.
pub fn daddr() -> Field<Ipv6Addr, Write> {
    Field::fixed(const { &Spec::network("ip6 daddr", Family::IP6, 24, 9) })
}
