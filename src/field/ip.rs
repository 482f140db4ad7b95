//! The IPv4 header, and its [options](option).
//!
//! ```
//! use std::net::Ipv4Addr;
//! use nftlink::datum::{Dscp, L4Proto};
//! use nftlink::field::ip;
//!
//! // ip saddr 192.168.0.0/16 ip protocol tcp
//! let local = [ip::saddr().in_prefix(Ipv4Addr::new(192, 168, 0, 0), 16), ip::protocol().eq(L4Proto::TCP)];
//! // ip ttl < 5
//! let near = ip::ttl().lt(5);
//! // ip dscp { af21, cs1 }
//! let classes = ip::dscp().one_of([Dscp::AF21, Dscp::CS1]);
//! // ip frag-off & 0x1fff != 0
//! let later_fragments = ip::frag_off().and(0x1fff).ne(0);
//! ```

pub mod option;

use std::net::Ipv4Addr;

use super::source::Tells;
use super::{Field, Spec, Write};
use crate::datum::{Dscp, Ecn, Integer8, Integer16, L4Proto};
use crate::wire::Family;

/// `ip version`: 4.
pub fn version() -> Field<Integer8, Write> {
    Field::fixed(const { &Spec::network("ip version", Family::IP, 0, 1).bits_at(0, 4) })
}

/// `ip hdrlength`: words of four bytes in the header, options included.
pub fn hdrlength() -> Field<Integer8, Write> {
    Field::fixed(const { &Spec::network("ip hdrlength", Family::IP, 0, 2).bits_at(4, 4) })
}

/// `ip dscp`: the differentiated services code point.
///
/// ```
/// use nftlink::Rule;
/// use nftlink::datum::Dscp;
/// use nftlink::field::ip;
///
/// // ip dscp af21 ip dscp set cs1
/// let rule = Rule::new().when(ip::dscp().eq(Dscp::AF21)).set(ip::dscp(), Dscp::CS1);
/// ```
pub fn dscp() -> Field<Dscp, Write> {
    Field::fixed(const { &Spec::network("ip dscp", Family::IP, 1, 3).bits_at(8, 6) })
}

/// `ip ecn`: explicit congestion notification.
pub fn ecn() -> Field<Ecn, Write> {
    Field::fixed(const { &Spec::network("ip ecn", Family::IP, 1, 4).bits_at(14, 2) })
}

/// `ip length`: bytes of header and data.
pub fn length() -> Field<Integer16, Write> {
    Field::fixed(const { &Spec::network("ip length", Family::IP, 2, 5) })
}

/// `ip id`: what the fragments of a packet have in common.
pub fn id() -> Field<Integer16, Write> {
    Field::fixed(const { &Spec::network("ip id", Family::IP, 4, 6) })
}

/// `ip frag-off`: where a fragment begins, in units of eight bytes, and above that three bits of flags, as nft has it:
/// `ip frag-off & 0x1fff != 0` is a later fragment.
pub fn frag_off() -> Field<Integer16, Write> {
    Field::fixed(const { &Spec::network("ip frag-off", Family::IP, 6, 7) })
}

/// `ip ttl`: how many routers the packet may pass yet.
pub fn ttl() -> Field<Integer8, Write> {
    Field::fixed(const { &Spec::network("ip ttl", Family::IP, 8, 8) })
}

/// `ip protocol`: the protocol of the transport layer.
pub fn protocol() -> Field<L4Proto, Write> {
    Field::fixed(const { &Spec::network("ip protocol", Family::IP, 9, 9).telling(Tells::Transport) })
}

/// `ip checksum`.
pub fn checksum() -> Field<Integer16, Write> {
    Field::fixed(const { &Spec::network("ip checksum", Family::IP, 10, 10) })
}

/// `ip saddr`: the source address.
pub fn saddr() -> Field<Ipv4Addr, Write> {
    Field::fixed(const { &Spec::network("ip saddr", Family::IP, 12, 11) })
}

/// `ip daddr`: the destination address.
pub fn daddr() -> Field<Ipv4Addr, Write> {
    Field::fixed(const { &Spec::network("ip daddr", Family::IP, 16, 12) })
}
