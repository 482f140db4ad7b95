//! The counter expression.

use std::fmt;

use super::{Wire, before_data, header, template};
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, NLA_HDRLEN, order};

const NFTA_COUNTER_BYTES: u16 = 1;
const NFTA_COUNTER_PACKETS: u16 = 2;
const NFTA_COUNTER_PAD: u16 = 3;

/// Counts the packets that reach it, and their bytes.
#[doc(alias = "nft_counter")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counter {
    /// Packets seen so far.
    pub packets: u64,
    /// Bytes seen so far.
    pub bytes: u64,
}

impl Counter {
    /// A counter that starts at the given numbers.
    #[inline]
    pub fn new(packets: u64, bytes: u64) -> Self {
        Self { packets, bytes }
    }
}

impl Counter {
    /// Writes both numbers, also of a counter that starts at zero: those of a chain are required.
    pub(crate) fn encode_whole(self, w: &mut AttrWriter) {
        w.u64(NFTA_COUNTER_BYTES, self.bytes);
        w.u64(NFTA_COUNTER_PACKETS, self.packets);
    }
}

impl Wire for Counter {
    const NAME: &'static str = "counter";
    const SCHEMA: Schema =
        Schema(&[AttrName::value(NFTA_COUNTER_BYTES, "bytes"), AttrName::value(NFTA_COUNTER_PACKETS, "packets")]);

    #[inline]
    fn write_usual(&self, w: &mut AttrWriter) -> bool {
        // nft sends none of a counter that starts at zero.
        const ZERO: [u8; before_data("counter")] = template("counter", &[]);
        let is_usual = *self == Self::default();
        if is_usual {
            w.prelude(&ZERO);
        }
        is_usual
    }

    #[inline]
    fn encode(&self, w: &mut AttrWriter) {
        // nft sends none of a counter that starts at zero.
        if *self != Self::default() {
            self.encode_whole(w);
        }
    }

    #[inline]
    fn read_usual(data: &[u8]) -> Option<Self> {
        const NUMBER: usize = NLA_HDRLEN + 8;
        let number = |bytes: &[u8], attr| {
            let (head, number) = bytes.split_first_chunk()?;
            let number = number.first_chunk().filter(|_| *head == header(attr, NUMBER))?;
            Some(order::from_be_u64(*number))
        };
        if data.is_empty() {
            return Some(Self::default());
        }
        let (bytes, packets) = data.split_at_checked(NUMBER).filter(|_| data.len() == 2 * NUMBER)?;
        Some(Self { bytes: number(bytes, NFTA_COUNTER_BYTES)?, packets: number(packets, NFTA_COUNTER_PACKETS)? })
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut counter = Self::default();
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_COUNTER_BYTES, v) => counter.bytes = v.u64()?,
                (NFTA_COUNTER_PACKETS, v) => counter.packets = v.u64()?,
                (NFTA_COUNTER_PAD, _) => {}
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(counter)
    }

    fn normalize(&mut self) {
        *self = Self::default();
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::default(), b""),
            (Self { packets: 1, bytes: 84 }, b"\x0c\0\x01\0\0\0\0\0\0\0\0\x54\x0c\0\x02\0\0\0\0\0\0\0\0\x01"),
        ]
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "counter pkts {} bytes {}", self.packets, self.bytes)
    }
}
