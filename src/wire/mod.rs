//! Bytes on the netlink socket: attributes, messages, acks. Knows no nftables object.
//!
//! Everything nf_tables puts into an attribute is big-endian unless the attribute says otherwise;
//! netlink's own headers are in the host's order. [`order`] is the only place that converts.

pub(crate) mod keyed;
pub(crate) mod message;
pub(crate) mod name;
pub(crate) mod newtype;
pub(crate) mod order;
pub(crate) mod path;
mod port;
pub(crate) mod reader;
pub(crate) mod writer;

pub use message::Family;
pub use name::Name;
pub use port::PortId;
pub(crate) use reader::{Attr, AttrReader};
pub(crate) use writer::AttrWriter;

/// Length of `struct nlattr`.
pub(crate) const NLA_HDRLEN: usize = 4;
/// Marks an attribute that holds attributes.
pub(crate) const NLA_F_NESTED: u16 = 0x8000;
/// The bits of `nla_type` that are the type.
pub(crate) const NLA_TYPE_MASK: u16 = 0x3fff;

/// Rounds a length up to netlink's alignment of four bytes.
pub(crate) const fn align(len: usize) -> usize {
    // Lengths that others tell may be any, also where they fill a word.
    len.saturating_add(3) & !3
}
