//! What the kernel knows about a packet beside its bytes.

use super::Field;
use crate::datum::{IfName, L4Proto, Mark};
use crate::expr::MetaKey;
use crate::wire::Family;

/// `iifname`: the name of the interface that the packet came in by.
pub fn iifname() -> Field<IfName> {
    Field::meta("iifname", MetaKey::IIFNAME)
}

/// `oifname`: the name of the interface that the packet goes out by.
pub fn oifname() -> Field<IfName> {
    Field::meta("oifname", MetaKey::OIFNAME)
}

/// `meta l4proto`: the protocol of the transport layer, behind all IPv6 extension headers.
pub fn l4proto() -> Field<L4Proto> {
    Field::meta("meta l4proto", MetaKey::L4PROTO)
}

/// `meta nfproto`: the protocol of the network layer, [`Family::IP`] or [`Family::IP6`].
pub fn nfproto() -> Field<Family> {
    Field::meta("meta nfproto", MetaKey::NFPROTO)
}

/// `meta mark`: the packet's mark.
pub fn mark() -> Field<Mark> {
    Field::meta("meta mark", MetaKey::MARK)
}
