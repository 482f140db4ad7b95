//! Bytes and bits of a packet at a place of one's own choice (`@nh,96,32`).
//!
//! The type of the values says how many bytes there are: [`Integer8`](crate::datum::Integer8) one,
//! [`Ipv4Addr`](std::net::Ipv4Addr) four, [`Bytes<N>`](crate::datum::Bytes) any number up to 16. The offset is in bits,
//! as nft has it. Nothing is implied about the packet: test for its protocols before. Where such bytes are
//! [set](crate::RuleBuilder::set), checksums stay as they were.
//!
//! | nft | nftlink |
//! |---|---|
//! | `@nh,96,32 0xa000001` | `raw::network::<Integer32>(96).eq(0x0a00_0001)` |
//! | `@th,9,3 5` | `raw::transport_bits::<Integer8>(9, 3).eq(5)` |
//! | `@ll,0,48 0x20000000001` | `raw::link::<Bytes<6>>(0).eq([2, 0, 0, 0, 0, 1])` |
//!
//! Values of the host's order do not compile, since packets have network order:
//!
//! ```compile_fail
//! # use nftlink::datum::Mark;
//! # use nftlink::field::raw;
//! let _ = raw::network::<Mark>(96);
//! ```

use super::source::{Bits, Header, Load, Needs};
use super::{Field, Spec, Write};
use crate::datum::{Datum, swaps};
use crate::error::BuildErrorKind;
use crate::expr::Base;

/// `@ll,0,48`: bytes of the link layer's header.
pub fn link<V: Datum>(offset: u16) -> Field<V, Write> {
    link_bits(offset, (V::LEN * 8) as u8)
}

/// `@ll,0,4`: bits of the link layer's header. A batch refuses more than the type has, and of what is no whole bytes
/// more than four bytes.
pub fn link_bits<V: Datum>(offset: u16, len: u8) -> Field<V, Write> {
    field("@ll", Base::LINK, offset, len)
}

/// `@nh,96,32`: bytes of the network layer's header.
///
/// ```
/// use std::net::Ipv4Addr;
/// use nftlink::field::raw;
///
/// // The source address of an ARP packet, or whatever else is there.
/// let local = raw::network::<Ipv4Addr>(112).in_prefix(Ipv4Addr::new(192, 168, 0, 0), 16);
/// ```
pub fn network<V: Datum>(offset: u16) -> Field<V, Write> {
    network_bits(offset, (V::LEN * 8) as u8)
}

/// `@nh,9,3`: bits of the network layer's header. As [`link_bits`].
pub fn network_bits<V: Datum>(offset: u16, len: u8) -> Field<V, Write> {
    field("@nh", Base::NETWORK, offset, len)
}

/// `@th,16,16`: bytes of the transport layer's header.
pub fn transport<V: Datum>(offset: u16) -> Field<V, Write> {
    transport_bits(offset, (V::LEN * 8) as u8)
}

/// `@th,9,3`: bits of the transport layer's header. As [`link_bits`].
pub fn transport_bits<V: Datum>(offset: u16, len: u8) -> Field<V, Write> {
    field("@th", Base::TRANSPORT, offset, len)
}

/// `@ih,0,32`: bytes behind the header of the transport layer (Linux 5.16).
pub fn inner<V: Datum>(offset: u16) -> Field<V, Write> {
    inner_bits(offset, (V::LEN * 8) as u8)
}

/// `@ih,9,3`: bits behind the header of the transport layer (Linux 5.16). As [`link_bits`].
pub fn inner_bits<V: Datum>(offset: u16, len: u8) -> Field<V, Write> {
    field("@ih", Base::INNER, offset, len)
}

fn field<V: Datum>(name: &'static str, base: Base, offset: u16, len: u8) -> Field<V, Write> {
    let load = Load::Payload { base, offset: 0, header: Header::NONE, field: 0 };
    let field = Spec::new(name, load, Needs::Nothing);
    match bits_of::<V>(offset, len) {
        RawBits::Taken => field.bits_at(offset, len).into(),
        RawBits::Refused(mistake) => Field::from(field).mistaken(mistake),
    }
}

/// Whether a type can have so many bits from there on.
pub(super) enum RawBits {
    Taken,
    Refused(BuildErrorKind),
}

pub(super) fn bits_of<V: Datum>(offset: u16, len: u8) -> RawBits {
    const { assert!(!swaps::<V>(), "packets have no values in the host's order") };
    const { assert!(V::LEN <= 16, "a register has 16 bytes") };
    let in_type = (V::LEN * 8) as u8;
    let is_whole = offset % 8 == 0 && len == in_type;
    // Other bits are moved as a number of four bytes.
    let max = if is_whole { in_type } else { in_type.min(Bits::MAX - (offset % 8) as u8) };
    if (1..=max).contains(&len) {
        return RawBits::Taken;
    }
    RawBits::Refused(BuildErrorKind::OutOfRange {
        what: "a length in bits",
        value: len.into(),
        min: 1,
        max: max.into(),
    })
}
