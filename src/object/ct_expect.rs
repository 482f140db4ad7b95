//! The ct expectation object.

use std::fmt;
use std::time::Duration;

use super::{Kind, L3Proto, ObjectKind};
use crate::datum::L4Proto;
use crate::error::{BuildErrorKind, DecodeError};
use crate::expr::Wire;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, order};

const NFTA_CT_EXPECT_L3PROTO: u16 = 1;
const NFTA_CT_EXPECT_L4PROTO: u16 = 2;
const NFTA_CT_EXPECT_DPORT: u16 = 3;
const NFTA_CT_EXPECT_TIMEOUT: u16 = 4;
const NFTA_CT_EXPECT_SIZE: u16 = 5;

/// Expects another connection, which then counts as related to this one (`ct expectation`; Linux 5.3).
///
/// It stands where the connection is new: behind conntrack, at prerouting or output. The kernel takes the
/// protocols TCP, UDP, UDP-Lite, SCTP and DCCP.
///
/// The expected connection comes from this connection's server, to this connection's client and a port that is given.
#[doc(alias = "nft_ct_expect_obj")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CtExpect {
    /// The network protocol of the connection; without it, that of the table's family. In a table that sees
    /// IPv4 and IPv6 newer kernels want one of them (`EAFNOSUPPORT`).
    pub l3proto: Option<L3Proto>,
    /// The transport protocol of the connection.
    pub protocol: L4Proto,
    /// The port that the connection goes to.
    pub dport: u16,
    /// How long it is expected. The request has milliseconds, as nft's; a part of one is rounded up.
    ///
    /// Kernels up to 6.18 at least take the number for *seconds* when they set the timer, though not when
    /// they tell of the object: two minutes last 33 hours.
    pub timeout: Duration,
    /// How many connections are expected at most.
    pub size: u8,
}

impl CtExpect {
    /// Expects up to `size` connections of a transport protocol to a port, each for the time of `timeout`.
    pub fn new(protocol: L4Proto, dport: u16, timeout: Duration, size: u8) -> Self {
        Self { l3proto: None, protocol, dport, timeout, size }
    }

    /// Sets the network protocol of the connection.
    pub fn l3proto(mut self, l3proto: impl Into<L3Proto>) -> Self {
        self.l3proto = Some(l3proto.into());
        self
    }

    fn millis(&self) -> u128 {
        self.timeout.as_nanos().div_ceil(1_000_000)
    }
}

impl Kind for CtExpect {
    const KIND: ObjectKind = ObjectKind::CT_EXPECT;

    fn fmt_nft(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        let (protocol, millis) = (self.protocol, self.millis());
        write!(f, "protocol {protocol}; dport {}; timeout {millis}ms; size {};", self.dport, self.size)?;
        if let Some(l3proto) = self.l3proto {
            write!(f, " l3proto {l3proto};")?;
        }
        Ok(())
    }
}

impl Wire for CtExpect {
    const NAME: &'static str = "ct_expect";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_CT_EXPECT_L3PROTO, "l3proto"),
        AttrName::value(NFTA_CT_EXPECT_L4PROTO, "l4proto"),
        AttrName::value(NFTA_CT_EXPECT_DPORT, "dport"),
        AttrName::value(NFTA_CT_EXPECT_TIMEOUT, "timeout"),
        AttrName::value(NFTA_CT_EXPECT_SIZE, "size"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        if let Some(l3proto) = self.l3proto {
            w.u16(NFTA_CT_EXPECT_L3PROTO, l3proto.get());
        }
        w.u8(NFTA_CT_EXPECT_L4PROTO, self.protocol.get());
        w.u16(NFTA_CT_EXPECT_DPORT, self.dport);
        match u32::try_from(self.millis()) {
            // The one number of an object that goes in the host's order.
            Ok(millis) => w.bytes(NFTA_CT_EXPECT_TIMEOUT, &order::host_u32(millis)),
            Err(_) => w.fail(BuildErrorKind::DurationTooLong { millis: self.millis() }),
        }
        w.u8(NFTA_CT_EXPECT_SIZE, self.size);
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut expect = Self::new(L4Proto::from_raw(0), 0, Duration::ZERO, 0);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_CT_EXPECT_L3PROTO, v) => expect.l3proto = Some(L3Proto::from_raw(v.u16()?)),
                (NFTA_CT_EXPECT_L4PROTO, v) => expect.protocol = L4Proto::from_raw(v.u8()?),
                (NFTA_CT_EXPECT_DPORT, v) => expect.dport = v.u16()?,
                (NFTA_CT_EXPECT_TIMEOUT, v) => expect.timeout = Duration::from_millis(v.host_u32()?.into()),
                (NFTA_CT_EXPECT_SIZE, v) => expect.size = v.u8()?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(expect)
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        let two_minutes = Duration::from_secs(120);
        vec![
            (
                Self::new(L4Proto::TCP, 1234, two_minutes, 12),
                b"\x05\0\x02\0\x06\0\0\0\x06\0\x03\0\x04\xd2\0\0\x08\0\x04\0\xc0\xd4\x01\0\x05\0\x05\0\x0c\0\0\0",
            ),
            (
                Self::new(L4Proto::UDP, 9876, two_minutes, 12).l3proto(L3Proto::IP),
                b"\x06\0\x01\0\0\x02\0\0\x05\0\x02\0\x11\0\0\0\x06\0\x03\0\x26\x94\0\0\
                  \x08\0\x04\0\xc0\xd4\x01\0\x05\0\x05\0\x0c\0\0\0",
            ),
        ]
    }
}

impl fmt::Display for CtExpect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ct_expect")?;
        if let Some(l3proto) = self.l3proto {
            write!(f, " family {}", l3proto.get())?;
        }
        let (protocol, millis) = (self.protocol.get(), self.millis());
        write!(f, " protocol {protocol} dport {} timeout {millis} size {}", self.dport, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::mistake;

    #[test]
    fn longest_timeout_is_what_32_bits_of_milliseconds_hold() {
        let with = |timeout| mistake(&CtExpect::new(L4Proto::TCP, 1, timeout, 1));
        let longest = Duration::from_millis(u32::MAX.into());
        assert_eq!(with(longest), None);
        let millis = u128::from(u32::MAX) + 1;
        assert_eq!(with(longest + Duration::from_nanos(1)), Some(BuildErrorKind::DurationTooLong { millis }));
    }
}
