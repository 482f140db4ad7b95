//! The TCP header.

use super::Field;
use crate::datum::{L4Proto, Port};

/// `tcp sport`: the source port.
pub fn sport() -> Field<Port> {
    Field::transport("tcp sport", L4Proto::TCP, 0)
}

/// `tcp dport`: the destination port.
pub fn dport() -> Field<Port> {
    Field::transport("tcp dport", L4Proto::TCP, 2)
}
