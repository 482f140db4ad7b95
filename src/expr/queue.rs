//! The queue expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_QUEUE_NUM: u16 = 1;
const NFTA_QUEUE_TOTAL: u16 = 2;
const NFTA_QUEUE_FLAGS: u16 = 3;
const NFTA_QUEUE_SREG_QNUM: u16 = 4;

bitflags::bitflags! {
    /// Flags of a queue (`NFT_QUEUE_FLAG_*`).
    #[doc(alias = "NFT_QUEUE_FLAG")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct QueueFlags: u16 {
        /// Accept the packet if no program listens, instead of dropping it.
        const BYPASS = 1;
        /// Choose the queue by processor, not by connection.
        const CPU_FANOUT = 2;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Hands the packet to a program, by a queue of `nfnetlink_queue`; ends the chain.
///
/// For families ip, ip6, inet and bridge.
#[doc(alias = "nft_queue")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Queue {
    /// The queue, or the first of several.
    pub num: Option<u16>,
    /// How many queues there are, from `num` on: at least 1, and up to queue 65535.
    pub total: Option<u16>,
    /// Flags.
    pub flags: QueueFlags,
    /// The register with the queue's number instead: 4 bytes, host order (Linux 4.9).
    pub sreg: Option<Reg>,
}

impl Queue {
    /// Hands the packet to a queue.
    pub fn new(num: u16) -> Self {
        Self::range(num, 1)
    }

    /// Hands the packet to one of `total` queues from `num` on.
    pub fn range(num: u16, total: u16) -> Self {
        Self { num: Some(num), total: Some(total), ..Self::default() }
    }

    /// Hands the packet to the queue whose number a register has.
    pub fn from_reg(sreg: Reg) -> Self {
        Self { sreg: Some(sreg), ..Self::default() }
    }

    /// Sets flags: what becomes of packets that no program waits for, and how queues are chosen.
    pub fn flags(mut self, flags: QueueFlags) -> Self {
        self.flags = flags;
        self
    }
}

impl Wire for Queue {
    const NAME: &'static str = "queue";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_QUEUE_NUM, "num"),
        AttrName::value(NFTA_QUEUE_TOTAL, "total"),
        AttrName::value(NFTA_QUEUE_FLAGS, "flags"),
        AttrName::value(NFTA_QUEUE_SREG_QNUM, "sreg"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        if let Some(total) = self.total {
            let from = self.num.unwrap_or(0);
            w.in_range("the number of queues", total, 1..=(1 << 16) - u64::from(from));
        }
        if let Some(num) = self.num {
            w.u16(NFTA_QUEUE_NUM, num);
        }
        if let Some(total) = self.total {
            w.u16(NFTA_QUEUE_TOTAL, total);
        }
        if !self.flags.is_empty() {
            w.u16(NFTA_QUEUE_FLAGS, self.flags.bits());
        }
        if let Some(sreg) = self.sreg {
            sreg.write(w, NFTA_QUEUE_SREG_QNUM);
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut queue = Self::default();
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_QUEUE_NUM, v) => queue.num = Some(v.u16()?),
                (NFTA_QUEUE_TOTAL, v) => queue.total = Some(v.u16()?),
                (NFTA_QUEUE_FLAGS, v) => queue.flags = QueueFlags::from_bits_retain(v.u16()?),
                (NFTA_QUEUE_SREG_QNUM, v) => queue.sreg = Some(Reg::read(v)?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(queue)
    }

    fn normalize(&mut self) {
        Reg::normalize_all(&mut self.sreg);
        if self.num.is_some() {
            self.total.get_or_insert(1);
        }
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        // The corpus has none, since its kernel has none: these are what nft 1.0.6 sent for
        // `queue num 3`, `queue flags bypass,fanout to 1-4` and `queue flags bypass to numgen …`.
        vec![
            (Self::new(3), b"\x06\0\x01\0\0\x03\0\0\x06\0\x02\0\0\x01\0\0"),
            (
                Self { flags: QueueFlags::BYPASS | QueueFlags::CPU_FANOUT, ..Self::range(1, 4) },
                b"\x06\0\x01\0\0\x01\0\0\x06\0\x02\0\0\x04\0\0\x06\0\x03\0\0\x03\0\0",
            ),
            (
                Self { flags: QueueFlags::BYPASS, ..Self::from_reg(Reg::R1) },
                b"\x06\0\x03\0\0\x01\0\0\x08\0\x04\0\0\0\0\x01",
            ),
        ]
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("queue")?;
        if let Some(num) = self.num {
            write!(f, " num {num}")?;
            if let Some(more) = self.total.and_then(|total| total.checked_sub(1)).filter(|&more| more > 0) {
                write!(f, "-{}", u32::from(num) + u32::from(more))?;
            }
        }
        if let Some(sreg) = self.sreg {
            write!(f, " sreg_qnum {}", sreg.get())?;
        }
        for (flag, word) in [(QueueFlags::BYPASS, "bypass"), (QueueFlags::CPU_FANOUT, "fanout")] {
            if self.flags.contains(flag) {
                write!(f, " {word}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_libnftnl_prints_it() {
        let shown = |queue: Queue| queue.to_string();
        assert_eq!(shown(Queue::new(0)), "queue num 0");
        assert_eq!(shown(Queue::range(1, 4)), "queue num 1-4");
        let flags = QueueFlags::BYPASS | QueueFlags::CPU_FANOUT;
        assert_eq!(shown(Queue { flags, ..Queue::range(1, 4) }), "queue num 1-4 bypass fanout");
        assert_eq!(shown(Queue { flags: QueueFlags::BYPASS, ..Queue::from_reg(Reg::R1) }), "queue sreg_qnum 1 bypass");
        assert_eq!(shown(Queue::range(65_535, 65_535)), "queue num 65535-131069");
    }
}
