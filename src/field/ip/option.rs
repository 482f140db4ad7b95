//! The options in the IPv4 header (Linux 5.3).
//!
//! A function tells whether a packet has the option, the module of the same name has its fields. A packet that has no
//! such option passes no test of a field.
//!
//! | nft | nftlink |
//! |---|---|
//! | `ip option lsrr exists` | `option::lsrr().exists()` |
//! | `ip option ra value 0` | `option::ra::value().eq(0)` |
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::field::ip;
//!
//! let rule = Rule::new().when(ip::option::ssrr().exists()).drop();
//! ```

use crate::datum::{Boolean, Datum};
use crate::expr::{Exthdr, ExthdrOp, Reg};
use crate::field::Field;
use crate::field::source::Needs;
use crate::userdata::Typeof;
use crate::wire::Family;

// Types of options.
const RR: u8 = 7;
const LSRR: u8 = 131;
const SSRR: u8 = 137;
const RA: u8 = 148;

fn of(option: u8, number: u32) -> Typeof {
    Typeof::Exthdr { header: option.into(), field: number, op: Some(ExthdrOp::IPV4.get()) }
}

fn present(name: &'static str, option: u8) -> Field<Boolean> {
    let present = Exthdr::present(ExthdrOp::IPV4, option, Reg::R1);
    Field::loaded(name, present, of(option, 1)).needing(Needs::Extensions(Family::IP))
}

/// A field of an option: `len` bits, `offset` bits behind its beginning.
fn field<V: Datum>(name: &'static str, option: u8, number: u32, offset: u16, len: u8) -> Field<V> {
    Field::exthdr(name, ExthdrOp::IPV4, option, of(option, number), offset, len).needing(Needs::Extensions(Family::IP))
}

/// `ip option rr`: whether the packet has the route that is recorded.
pub fn rr() -> Field<Boolean> {
    present("ip option rr", RR)
}

/// `ip option lsrr`: whether the packet has a loose source route.
pub fn lsrr() -> Field<Boolean> {
    present("ip option lsrr", LSRR)
}

/// `ip option ssrr`: whether the packet has a strict source route.
pub fn ssrr() -> Field<Boolean> {
    present("ip option ssrr", SSRR)
}

/// `ip option ra`: whether the packet has a note for routers to look at it.
pub fn ra() -> Field<Boolean> {
    present("ip option ra", RA)
}

/// The fields of `ip option rr`.
pub mod rr {
    use std::net::Ipv4Addr;

    use super::{Field, RR, field};
    use crate::datum::Integer8;

    /// `ip option rr type`: the number of the option, with its class.
    pub fn option_type() -> Field<Integer8> {
        field("ip option rr type", RR, 1, 0, 8)
    }

    /// `ip option rr length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("ip option rr length", RR, 2, 8, 8)
    }

    /// `ip option rr ptr`: where the next address is, in bytes from the beginning of the option, the first being 1.
    pub fn ptr() -> Field<Integer8> {
        field("ip option rr ptr", RR, 4, 16, 8)
    }

    /// `ip option rr addr`: the first address; to nft it is a number.
    pub fn addr() -> Field<Ipv4Addr> {
        field("ip option rr addr", RR, 5, 24, 32)
    }
}

/// The fields of `ip option lsrr`.
pub mod lsrr {
    use std::net::Ipv4Addr;

    use super::{Field, LSRR, field};
    use crate::datum::Integer8;

    /// `ip option lsrr type`: the number of the option, with its class.
    pub fn option_type() -> Field<Integer8> {
        field("ip option lsrr type", LSRR, 1, 0, 8)
    }

    /// `ip option lsrr length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("ip option lsrr length", LSRR, 2, 8, 8)
    }

    /// `ip option lsrr ptr`: where the next address is, in bytes from the beginning of the option, the first being 1.
    pub fn ptr() -> Field<Integer8> {
        field("ip option lsrr ptr", LSRR, 4, 16, 8)
    }

    /// `ip option lsrr addr`: the first address; to nft it is a number.
    pub fn addr() -> Field<Ipv4Addr> {
        field("ip option lsrr addr", LSRR, 5, 24, 32)
    }
}

/// The fields of `ip option ssrr`.
pub mod ssrr {
    use std::net::Ipv4Addr;

    use super::{Field, SSRR, field};
    use crate::datum::Integer8;

    /// `ip option ssrr type`: the number of the option, with its class.
    pub fn option_type() -> Field<Integer8> {
        field("ip option ssrr type", SSRR, 1, 0, 8)
    }

    /// `ip option ssrr length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("ip option ssrr length", SSRR, 2, 8, 8)
    }

    /// `ip option ssrr ptr`: where the next address is, in bytes from the beginning of the option, the first being 1.
    pub fn ptr() -> Field<Integer8> {
        field("ip option ssrr ptr", SSRR, 4, 16, 8)
    }

    /// `ip option ssrr addr`: the first address; to nft it is a number.
    pub fn addr() -> Field<Ipv4Addr> {
        field("ip option ssrr addr", SSRR, 5, 24, 32)
    }
}

/// The fields of `ip option ra`.
pub mod ra {
    use super::{Field, RA, field};
    use crate::datum::{Integer8, Integer16};

    /// `ip option ra type`: the number of the option, with its class.
    pub fn option_type() -> Field<Integer8> {
        field("ip option ra type", RA, 1, 0, 8)
    }

    /// `ip option ra length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("ip option ra length", RA, 2, 8, 8)
    }

    /// `ip option ra value`: why routers are to look at it.
    pub fn value() -> Field<Integer16> {
        field("ip option ra value", RA, 3, 16, 16)
    }
}
