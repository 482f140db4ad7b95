//! What a device for tunnels notes about the packet: nft 1.0.6 has no words for it.
//!
//! For tables of family netdev (Linux 4.19, where the kernel has nft_tunnel).
//!
//! ```
//! use nftlink::field::tunnel;
//!
//! // tunnel id 5
//! let ours = tunnel::id().eq(5);
//! ```

use super::Field;
use super::source::{Families, Needs};
use crate::datum::{Boolean, Datum, HostInteger32};
use crate::expr::{Reg, Tunnel, TunnelKey};
use crate::wire::Family;

fn of_tunnel<V: Datum>(name: &'static str, key: TunnelKey) -> Field<V> {
    Field::loaded(name, Tunnel::load(key, Reg::R1), None).needing(Needs::Tables(Families::of(&[Family::NETDEV])))
}

/// `tunnel path`: whether the packet came through a tunnel, or goes into one.
pub fn path() -> Field<Boolean> {
    of_tunnel("tunnel path", TunnelKey::PATH)
}

/// `tunnel id`: the number of the tunnel, as the one of a virtual network.
pub fn id() -> Field<HostInteger32> {
    of_tunnel("tunnel id", TunnelKey::ID)
}
