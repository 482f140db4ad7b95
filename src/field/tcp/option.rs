//! The options in the TCP header.
//!
//! A function tells whether a packet has the option, the module of the same name has its fields. A packet that is not
//! TCP or has no such option passes no test of a field.
//!
//! | nft | nftlink |
//! |---|---|
//! | `tcp option sack-perm exists` | `option::sack_perm().exists()` |
//! | `tcp option maxseg size 500` | `option::maxseg::size().eq(500)` |
//! | `tcp option maxseg size set 1360` | `Rule::new().set(option::maxseg::size(), 1360)` |
//! | `tcp option 254 length 4` | `option::length(254).eq(4)` |
//! | `tcp option @42,16,4 3` | `option::raw_bits::<Integer8>(42, 16, 4).eq(3)` |
//! | `reset tcp option fastopen` | `Rule::new().reset_tcp_option(TcpOption::FASTOPEN)` |
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::datum::TcpFlags;
//! use nftlink::field::tcp;
//!
//! // tcp flags syn tcp option maxseg size set 1360
//! let rule = Rule::new().when(tcp::flags().has(TcpFlags::SYN)).set(tcp::option::maxseg::size(), 1360);
//! ```

use crate::datum::{Boolean, Datum, Integer8};
use crate::expr::{Exthdr, ExthdrOp, Reg, TcpOption};
use crate::field::raw::{RawBits, bits_of};
use crate::field::{Field, Write};
use crate::userdata::Typeof;

fn of(option: TcpOption, number: u32) -> Typeof {
    Typeof::Exthdr { header: option.get().into(), field: number, op: Some(ExthdrOp::TCPOPT.get()) }
}

fn present(name: &'static str, option: TcpOption) -> Field<Boolean> {
    Field::loaded(name, Exthdr::present(ExthdrOp::TCPOPT, option.get(), Reg::R1), of(option, 0))
}

/// A field of an option: `len` bits, `offset` bits behind its beginning.
fn field<V: Datum, A>(name: &'static str, option: TcpOption, number: u32, offset: u16, len: u8) -> Field<V, A> {
    Field::exthdr(name, ExthdrOp::TCPOPT, option.get(), of(option, number), offset, len)
}

/// `tcp option 254`: whether the packet has the option of that number.
pub fn any(option: impl Into<TcpOption>) -> Field<Boolean> {
    present("tcp option", option.into())
}

/// `tcp option 254 length`: bytes of the option of that number.
pub fn length(option: impl Into<TcpOption>) -> Field<Integer8> {
    field("tcp option length", option.into(), 1, 8, 8)
}

/// `tcp option @42,16,32`: as many bytes of the option of that number as the type has, so many bits behind its
/// beginning.
///
/// Two or four bytes can be [set](crate::RuleBuilder::set): the kernel refuses others.
pub fn raw<V: Datum>(option: impl Into<TcpOption>, offset: u16) -> Field<V, Write> {
    raw_bits(option, offset, (V::LEN * 8) as u8)
}

/// `tcp option @42,16,4`: so many bits of the option of that number, so many bits behind its beginning. As [`raw`].
///
/// nft 1.0.6 crashes where it lists some bits of an option that it has no name for.
pub fn raw_bits<V: Datum>(option: impl Into<TcpOption>, offset: u16, len: u8) -> Field<V, Write> {
    let option = option.into();
    // nft has no number for such a field.
    let field = |offset, len| Field::exthdr("tcp option", ExthdrOp::TCPOPT, option.get(), None, offset, len);
    match bits_of::<V>(offset, len) {
        RawBits::Taken => field(offset, len),
        RawBits::Refused(mistake) => field(0, 8).mistaken(mistake),
    }
}

/// `tcp option eol`: whether the packet has the end of the options.
pub fn eol() -> Field<Boolean> {
    present("tcp option eol", TcpOption::EOL)
}

/// `tcp option nop`: whether the packet has one byte without a meaning.
pub fn nop() -> Field<Boolean> {
    present("tcp option nop", TcpOption::NOP)
}

/// `tcp option maxseg`: whether the packet has the maximum segment size.
pub fn maxseg() -> Field<Boolean> {
    present("tcp option maxseg", TcpOption::MAXSEG)
}

/// `tcp option window`: whether the packet has the window scale.
pub fn window() -> Field<Boolean> {
    present("tcp option window", TcpOption::WINDOW)
}

/// `tcp option sack-perm`: whether the packet has that selective acknowledgement is understood.
pub fn sack_perm() -> Field<Boolean> {
    present("tcp option sack-perm", TcpOption::SACK_PERM)
}

/// `tcp option sack`: whether the packet has selective acknowledgement.
pub fn sack() -> Field<Boolean> {
    present("tcp option sack", TcpOption::SACK)
}

/// `tcp option timestamp`: whether the packet has timestamps.
pub fn timestamp() -> Field<Boolean> {
    present("tcp option timestamp", TcpOption::TIMESTAMP)
}

/// `tcp option mptcp`: whether the packet has Multipath TCP.
pub fn mptcp() -> Field<Boolean> {
    present("tcp option mptcp", TcpOption::MPTCP)
}

/// `tcp option md5sig`: whether the packet has a signature by MD5.
pub fn md5sig() -> Field<Boolean> {
    present("tcp option md5sig", TcpOption::MD5SIG)
}

/// `tcp option fastopen`: whether the packet has TCP Fast Open.
pub fn fastopen() -> Field<Boolean> {
    present("tcp option fastopen", TcpOption::FASTOPEN)
}

/// The fields of `tcp option maxseg`.
pub mod maxseg {
    use super::{Field, TcpOption, Write, field};
    use crate::datum::{Integer8, Integer16};

    /// `tcp option maxseg length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("tcp option maxseg length", TcpOption::MAXSEG, 1, 8, 8)
    }

    /// `tcp option maxseg size`: the most bytes that the sender takes in a segment.
    pub fn size() -> Field<Integer16, Write> {
        field("tcp option maxseg size", TcpOption::MAXSEG, 2, 16, 16)
    }
}

/// The fields of `tcp option window`.
pub mod window {
    use super::{Field, TcpOption, field};
    use crate::datum::Integer8;

    /// `tcp option window length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("tcp option window length", TcpOption::WINDOW, 1, 8, 8)
    }

    /// `tcp option window count`: by how many bits the window is shifted.
    pub fn count() -> Field<Integer8> {
        field("tcp option window count", TcpOption::WINDOW, 2, 16, 8)
    }
}

/// The fields of `tcp option sack-perm`.
pub mod sack_perm {
    use super::{Field, TcpOption, field};
    use crate::datum::Integer8;

    /// `tcp option sack-perm length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("tcp option sack-perm length", TcpOption::SACK_PERM, 1, 8, 8)
    }
}

/// The fields of `tcp option sack`.
pub mod sack {
    use super::{Field, TcpOption, Write, field};
    use crate::datum::{Integer8, Integer32};

    /// `tcp option sack length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("tcp option sack length", TcpOption::SACK, 1, 8, 8)
    }

    /// `tcp option sack left`: the number of the first byte of the first block that is acknowledged.
    pub fn left() -> Field<Integer32, Write> {
        field("tcp option sack left", TcpOption::SACK, 2, 16, 32)
    }

    /// `tcp option sack right`: the number of the byte behind the first block.
    pub fn right() -> Field<Integer32, Write> {
        field("tcp option sack right", TcpOption::SACK, 3, 48, 32)
    }
}

/// The fields of `tcp option timestamp`.
pub mod timestamp {
    use super::{Field, TcpOption, Write, field};
    use crate::datum::{Integer8, Integer32};

    /// `tcp option timestamp length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("tcp option timestamp length", TcpOption::TIMESTAMP, 1, 8, 8)
    }

    /// `tcp option timestamp tsval`: the time of the sender.
    pub fn tsval() -> Field<Integer32, Write> {
        field("tcp option timestamp tsval", TcpOption::TIMESTAMP, 2, 16, 32)
    }

    /// `tcp option timestamp tsecr`: the time of the receiver that is echoed.
    pub fn tsecr() -> Field<Integer32, Write> {
        field("tcp option timestamp tsecr", TcpOption::TIMESTAMP, 3, 48, 32)
    }
}

/// The fields of `tcp option mptcp`.
pub mod mptcp {
    use super::{Field, TcpOption, field};
    use crate::datum::Integer8;

    /// `tcp option mptcp length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("tcp option mptcp length", TcpOption::MPTCP, 1, 8, 8)
    }

    /// `tcp option mptcp subtype`: what the option is for, 4 bits.
    pub fn subtype() -> Field<Integer8> {
        field("tcp option mptcp subtype", TcpOption::MPTCP, 2, 16, 4)
    }
}

/// The fields of `tcp option md5sig`.
pub mod md5sig {
    use super::{Field, TcpOption, field};
    use crate::datum::Integer8;

    /// `tcp option md5sig length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("tcp option md5sig length", TcpOption::MD5SIG, 1, 8, 8)
    }
}

/// The fields of `tcp option fastopen`.
pub mod fastopen {
    use super::{Field, TcpOption, field};
    use crate::datum::Integer8;

    /// `tcp option fastopen length`: bytes of the option.
    pub fn length() -> Field<Integer8> {
        field("tcp option fastopen length", TcpOption::FASTOPEN, 1, 8, 8)
    }
}

/// The second block of `tcp option sack`.
pub mod sack1 {
    use super::{Field, TcpOption, Write, field};
    use crate::datum::Integer32;

    /// `tcp option sack1 left`: the number of the first byte of the second block that is acknowledged.
    pub fn left() -> Field<Integer32, Write> {
        field("tcp option sack1 left", TcpOption::SACK, 4, 80, 32)
    }

    /// `tcp option sack1 right`: the number of the byte behind the second block.
    pub fn right() -> Field<Integer32, Write> {
        field("tcp option sack1 right", TcpOption::SACK, 5, 112, 32)
    }
}

/// The third block of `tcp option sack`.
pub mod sack2 {
    use super::{Field, TcpOption, Write, field};
    use crate::datum::Integer32;

    /// `tcp option sack2 left`: the number of the first byte of the third block that is acknowledged.
    pub fn left() -> Field<Integer32, Write> {
        field("tcp option sack2 left", TcpOption::SACK, 6, 144, 32)
    }

    /// `tcp option sack2 right`: the number of the byte behind the third block.
    pub fn right() -> Field<Integer32, Write> {
        field("tcp option sack2 right", TcpOption::SACK, 7, 176, 32)
    }
}

/// The fourth block of `tcp option sack`.
pub mod sack3 {
    use super::{Field, TcpOption, Write, field};
    use crate::datum::Integer32;

    /// `tcp option sack3 left`: the number of the first byte of the fourth block that is acknowledged.
    pub fn left() -> Field<Integer32, Write> {
        field("tcp option sack3 left", TcpOption::SACK, 8, 208, 32)
    }

    /// `tcp option sack3 right`: the number of the byte behind the fourth block.
    pub fn right() -> Field<Integer32, Write> {
        field("tcp option sack3 right", TcpOption::SACK, 9, 240, 32)
    }
}
