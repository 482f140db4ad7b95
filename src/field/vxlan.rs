//! VXLAN: frames in UDP packets (Linux 6.2).
//!
//! Before a field of it, a rule has to test for the port. nft 1.0.6 does not know tunnels and cannot list such rules;
//! 1.0.8 and later do.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use nftlink::Rule;
//! use nftlink::field::{ip, udp, vxlan};
//!
//! // udp dport 4789 vxlan vni 10 vxlan ip saddr 192.0.2.1 drop
//! let rule = Rule::new()
//!     .when(udp::dport().eq(4789))
//!     .when(vxlan::vni().eq(10))
//!     .when(vxlan::inner(ip::saddr()).eq(Ipv4Addr::new(192, 0, 2, 1)))
//!     .drop();
//! ```

use super::source::Tunnel;
use super::{Field, Spec};
use crate::datum::{Integer8, Integer24};

/// `vxlan vni`: the number of the virtual network.
pub fn vni() -> Field<Integer24> {
    Field::fixed(const { &Spec::of_tunnel("vxlan vni", Tunnel::Vxlan, 1, 4) })
}

/// `vxlan flags`: 8 if there is a number of a virtual network.
pub fn flags() -> Field<Integer8> {
    Field::fixed(const { &Spec::of_tunnel("vxlan flags", Tunnel::Vxlan, 2, 0) })
}

/// `vxlan ip saddr` and the like: a field of the frame that is carried, or several of them together. A batch refuses
/// what is no field of a header.
pub fn inner<V, A>(field: Field<V, A>) -> Field<V> {
    field.inside(Tunnel::Vxlan)
}
