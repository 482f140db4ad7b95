//! The TCP header, and its [options](option).
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::datum::TcpFlags;
//! use nftlink::field::tcp;
//!
//! // tcp dport { 80, 443 } accept
//! let web = Rule::new().when(tcp::dport().one_of([80, 443])).accept();
//! // tcp flags & (fin | syn) == fin | syn drop
//! let senseless = TcpFlags::FIN | TcpFlags::SYN;
//! let scan = Rule::new().when(tcp::flags().has(senseless)).drop();
//! // tcp sport 1024-65535
//! let high = tcp::sport().in_range(1024..=65535);
//! ```

pub mod option;

use super::source::{Header, Needs};
use super::{Field, Spec, Write};
use crate::datum::{Integer8, Integer16, Integer32, L4Proto, Port, TcpFlags};

const fn field<V: crate::datum::Datum>(name: &'static str, offset: u16, number: u8) -> Spec<V, Write> {
    Spec::transport(name, Header::TCP, Needs::Transport(L4Proto::TCP), offset, number)
}

/// `tcp sport`: the source port.
pub fn sport() -> Field<Port, Write> {
    Field::fixed(const { &field("tcp sport", 0, 1) })
}

/// `tcp dport`: the destination port.
pub fn dport() -> Field<Port, Write> {
    Field::fixed(const { &field("tcp dport", 2, 2) })
}

/// `tcp sequence`: the number of the first byte.
pub fn sequence() -> Field<Integer32, Write> {
    Field::fixed(const { &field("tcp sequence", 4, 3) })
}

/// `tcp ackseq`: the number of the next byte that is expected.
pub fn ackseq() -> Field<Integer32, Write> {
    Field::fixed(const { &field("tcp ackseq", 8, 4) })
}

/// `tcp doff`: words of four bytes in the header, options included.
pub fn doff() -> Field<Integer8, Write> {
    Field::fixed(const { &field::<Integer8>("tcp doff", 12, 5).bits_at(96, 4) })
}

/// `tcp reserved`: four bits without a meaning.
pub fn reserved() -> Field<Integer8, Write> {
    Field::fixed(const { &field::<Integer8>("tcp reserved", 12, 6).bits_at(100, 4) })
}

/// `tcp flags`.
///
/// ```
/// use nftlink::datum::TcpFlags;
/// use nftlink::field::tcp;
///
/// // tcp flags & (fin | syn | rst | ack) == syn
/// let mask = TcpFlags::FIN | TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK;
/// let new = tcp::flags().masked(mask).eq(TcpFlags::SYN);
/// let synced = tcp::flags().has(TcpFlags::SYN);
/// ```
pub fn flags() -> Field<TcpFlags, Write> {
    Field::fixed(const { &field("tcp flags", 13, 7) })
}

/// `tcp window`: how many bytes the sender takes.
pub fn window() -> Field<Integer16, Write> {
    Field::fixed(const { &field("tcp window", 14, 8) })
}

/// `tcp checksum`.
pub fn checksum() -> Field<Integer16, Write> {
    Field::fixed(const { &field("tcp checksum", 16, 9) })
}

/// `tcp urgptr`: where the urgent data end.
pub fn urgptr() -> Field<Integer16, Write> {
    Field::fixed(const { &field("tcp urgptr", 18, 10) })
}
