//! GENEVE: frames in UDP packets (Linux 6.2).
//!
//! Before a field of it, a rule has to test for the port. nft 1.0.6 does not know tunnels and cannot list such rules;
//! 1.0.8 and later do.
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::field::{geneve, tcp, udp};
//!
//! // udp dport 6081 geneve tcp dport 22 drop
//! let rule =
//!     Rule::new().when(udp::dport().eq(6081)).when(geneve::inner(tcp::dport()).eq(22)).drop();
//! ```

use super::source::Tunnel;
use super::{Field, Spec};
use crate::datum::{EtherType, Integer24};

/// `geneve vni`: the number of the virtual network.
pub fn vni() -> Field<Integer24> {
    Field::fixed(const { &Spec::of_tunnel("geneve vni", Tunnel::Geneve, 1, 4) })
}

/// `geneve type`: the protocol of what is carried; [`EtherType`] has no word for frames, which are 0x6558.
pub fn geneve_type() -> Field<EtherType> {
    Field::fixed(const { &Spec::of_tunnel("geneve type", Tunnel::Geneve, 2, 2) })
}

/// `geneve ip saddr` and the like: a field of the frame that is carried, or several of them together. A batch refuses
/// what is no field of a header.
pub fn inner<V, A>(field: Field<V, A>) -> Field<V> {
    field.inside(Tunnel::Geneve)
}
