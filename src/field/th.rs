//! The header of whatever transport protocol has ports.
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::datum::L4Proto;
//! use nftlink::field::{meta, th};
//!
//! // meta l4proto { tcp, udp } th dport 53 accept
//! let protocols = meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP]);
//! let dns = Rule::new().when(protocols).when(th::dport().eq(53)).accept();
//! ```

use super::source::{Header, Needs};
use super::{Field, Spec, Write};
use crate::datum::Port;

/// `th sport`: the source port of a protocol that has ports. Nothing is implied: test for the
/// protocol before. Where it is [set](crate::RuleBuilder::set), the checksum stays as it was, since it
/// is that protocol's: [`tcp::sport`](super::tcp::sport) and [`udp::sport`](super::udp::sport) mend it.
///
/// ```
/// use nftlink::Rule;
/// use nftlink::datum::L4Proto;
/// use nftlink::field::{meta, th};
///
/// let dns = Rule::new().when(meta::l4proto().one_of([L4Proto::TCP, L4Proto::UDP])).when(th::dport().eq(53));
/// ```
pub fn sport() -> Field<Port, Write> {
    Field::fixed(const { &Spec::transport("th sport", Header::TH, Needs::Nothing, 0, 1) })
}

/// `th dport`: the destination port of a protocol that has ports; as [`sport`].
pub fn dport() -> Field<Port, Write> {
    Field::fixed(const { &Spec::transport("th dport", Header::TH, Needs::Nothing, 2, 2) })
}
