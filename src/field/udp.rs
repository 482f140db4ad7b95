//! The UDP header.

use super::Field;
use crate::datum::{L4Proto, Port};

/// `udp sport`: the source port.
pub fn sport() -> Field<Port> {
    Field::transport("udp sport", L4Proto::UDP, 0)
}

/// `udp dport`: the destination port.
pub fn dport() -> Field<Port> {
    Field::transport("udp dport", L4Proto::UDP, 2)
}
