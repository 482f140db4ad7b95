//! Bytes on the netlink socket: attributes, messages, acks. Knows no nftables object.
//!
//! Everything nf_tables puts into an attribute is big-endian unless the attribute says otherwise;
//! netlink's own headers are in the host's order. [`order`] is the only place that converts.

pub(crate) mod keyed;
pub(crate) mod message;
pub(crate) mod name;
pub(crate) mod newtype;
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
    (len + 3) & !3
}

/// Integers ↔ bytes, in network order (`be_`) and in the host's (`host_`).
pub(crate) mod order {
    use byteorder::{BigEndian, ByteOrder, NativeEndian};

    #[inline]
    pub(crate) fn be_u16(value: u16) -> [u8; 2] {
        let mut bytes = [0; 2];
        BigEndian::write_u16(&mut bytes, value);
        bytes
    }

    #[inline]
    pub(crate) fn be_u32(value: u32) -> [u8; 4] {
        let mut bytes = [0; 4];
        BigEndian::write_u32(&mut bytes, value);
        bytes
    }

    #[inline]
    pub(crate) fn be_u64(value: u64) -> [u8; 8] {
        let mut bytes = [0; 8];
        BigEndian::write_u64(&mut bytes, value);
        bytes
    }

    #[inline]
    pub(crate) fn be_u128(value: u128) -> [u8; 16] {
        let mut bytes = [0; 16];
        BigEndian::write_u128(&mut bytes, value);
        bytes
    }

    #[inline]
    pub(crate) fn host_u16(value: u16) -> [u8; 2] {
        let mut bytes = [0; 2];
        NativeEndian::write_u16(&mut bytes, value);
        bytes
    }

    #[inline]
    pub(crate) fn host_u32(value: u32) -> [u8; 4] {
        let mut bytes = [0; 4];
        NativeEndian::write_u32(&mut bytes, value);
        bytes
    }

    #[inline]
    pub(crate) fn host_u64(value: u64) -> [u8; 8] {
        let mut bytes = [0; 8];
        NativeEndian::write_u64(&mut bytes, value);
        bytes
    }

    #[inline]
    pub(crate) fn from_be_u16(bytes: [u8; 2]) -> u16 {
        BigEndian::read_u16(&bytes)
    }

    #[inline]
    pub(crate) fn from_be_u32(bytes: [u8; 4]) -> u32 {
        BigEndian::read_u32(&bytes)
    }

    #[inline]
    pub(crate) fn from_be_u64(bytes: [u8; 8]) -> u64 {
        BigEndian::read_u64(&bytes)
    }

    #[inline]
    pub(crate) fn from_be_u128(bytes: [u8; 16]) -> u128 {
        BigEndian::read_u128(&bytes)
    }

    #[inline]
    pub(crate) fn from_host_u16(bytes: [u8; 2]) -> u16 {
        NativeEndian::read_u16(&bytes)
    }

    #[inline]
    pub(crate) fn from_host_u32(bytes: [u8; 4]) -> u32 {
        NativeEndian::read_u32(&bytes)
    }

    #[inline]
    pub(crate) fn from_host_u64(bytes: [u8; 8]) -> u64 {
        NativeEndian::read_u64(&bytes)
    }
}
