//! GRE that carries frames (Linux 6.2). The fields of its own header are [`gre`](super::gre)'s.
//!
//! nft 1.0.6 does not know tunnels and cannot list such rules; 1.0.8 and later do.
//!
//! ```
//! use nftlink::field::{ether, gretap};
//!
//! // gretap ether saddr 02:00:00:00:00:01
//! let from = gretap::inner(ether::saddr()).eq([2, 0, 0, 0, 0, 1]);
//! ```

use super::Field;
use super::source::Tunnel;

/// `gretap ip saddr` and the like: a field of the frame that is carried, or several of them together. A batch refuses
/// what is no field of a header.
pub fn inner<V, A>(field: Field<V, A>) -> Field<V> {
    field.inside(Tunnel::Gretap)
}
