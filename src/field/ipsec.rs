//! What IPsec did to the packet, or will do.
//!
//! ```
//! use nftlink::field::ipsec;
//!
//! // ipsec in reqid 1
//! let came_in = ipsec::ipsec_in().reqid().eq(1);
//! // ipsec out spnum 1 spi 0x100-0x200
//! let goes_out = ipsec::out().spnum(1).spi().in_range(0x100..=0x200);
//! ```
//!
//! For tables of families ip, ip6 and inet (Linux 4.20).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Field;
use super::source::IP_TABLES;
use crate::datum::{Datum, HostInteger32, Integer32};
use crate::expr::{Reg, Xfrm, XfrmDirection, XfrmKey};
use crate::userdata::Typeof;

/// One of the transformations of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "this does nothing until something of it is compared"]
pub struct Transformation {
    direction: XfrmDirection,
    spnum: u32,
}

/// `ipsec in`: the first transformation that was undone when the packet came in.
pub fn ipsec_in() -> Transformation {
    Transformation { direction: XfrmDirection::IN, spnum: 0 }
}

/// `ipsec out`: the first transformation of the packet on its way out.
pub fn out() -> Transformation {
    Transformation { direction: XfrmDirection::OUT, spnum: 0 }
}

impl Transformation {
    /// `spnum 2`: another one, counted from 0. A batch refuses more than 5.
    pub fn spnum(self, spnum: u32) -> Self {
        Self { spnum, ..self }
    }

    /// `reqid`: the number that the policy asks for.
    pub fn reqid(self) -> Field<HostInteger32> {
        self.field("ipsec reqid", XfrmKey::REQID)
    }

    /// `spi`: the index of the security parameters.
    pub fn spi(self) -> Field<Integer32> {
        self.field("ipsec spi", XfrmKey::SPI)
    }

    /// `ip saddr`: the IPv4 source address of the tunnel.
    pub fn ip_saddr(self) -> Field<Ipv4Addr> {
        self.field("ipsec ip saddr", XfrmKey::SADDR_IP4)
    }

    /// `ip daddr`: the IPv4 destination address of the tunnel.
    pub fn ip_daddr(self) -> Field<Ipv4Addr> {
        self.field("ipsec ip daddr", XfrmKey::DADDR_IP4)
    }

    /// `ip6 saddr`: the IPv6 source address of the tunnel.
    pub fn ip6_saddr(self) -> Field<Ipv6Addr> {
        self.field("ipsec ip6 saddr", XfrmKey::SADDR_IP6)
    }

    /// `ip6 daddr`: the IPv6 destination address of the tunnel.
    pub fn ip6_daddr(self) -> Field<Ipv6Addr> {
        self.field("ipsec ip6 daddr", XfrmKey::DADDR_IP6)
    }

    fn field<V: Datum>(self, name: &'static str, key: XfrmKey) -> Field<V> {
        let Self { direction, spnum } = self;
        let of = Typeof::Xfrm { key: key.get(), number: spnum, direction: direction.get().into() };
        Field::loaded(name, Xfrm::load(direction, key, Reg::R1).spnum(spnum), of).needing(IP_TABLES)
    }
}
