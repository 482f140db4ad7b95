//! What the kernel knows of a connection.

use std::fmt;
use std::ops::BitOr;
use std::time::Duration;

use super::mask::bit_mask;
use super::number::{Unsigned, datum, from_integer};
use super::{BitMask, ByteOrder, DataType, Datum, Ordered};
use crate::error::BuildErrorKind;
use crate::expr::{CtDirection, Data};
use crate::wire::order;

bit_mask! {
    /// The state of a packet's connection, 4 bytes in the host's order (`ct_state`).
    ///
    /// A packet has one of the bits; several are what a rule compares with.
    #[doc(alias = "ct_state")]
    pub struct CtState(u32): CT_STATE, Host {
        /// The packet belongs to no connection and can open none.
        #[doc(alias = "NF_CT_STATE_INVALID_BIT")]
        INVALID = 1, "invalid";
        /// The connection has seen packets of both directions.
        ESTABLISHED = 2, "established";
        /// The connection is new and was announced by another one.
        RELATED = 4, "related";
        /// The connection is new.
        NEW = 8, "new";
        /// The packet is not to be tracked.
        #[doc(alias = "NF_CT_STATE_UNTRACKED_BIT")]
        UNTRACKED = 0x40, "untracked";
    }
}

bit_mask! {
    /// The status of a connection, 4 bytes in the host's order (`ct_status`,
    /// `enum ip_conntrack_status`).
    #[doc(alias = "ct_status")]
    #[doc(alias = "ip_conntrack_status")]
    pub struct CtStatus(u32): CT_STATUS, Host {
        /// Another connection announced it.
        #[doc(alias = "IPS_EXPECTED")]
        EXPECTED = 0x1, "expected";
        /// It has seen packets of both directions.
        #[doc(alias = "IPS_SEEN_REPLY")]
        SEEN_REPLY = 0x2, "seen-reply";
        /// It is not to be forgotten early.
        #[doc(alias = "IPS_ASSURED")]
        ASSURED = 0x4, "assured";
        /// Its first packet has left the box.
        #[doc(alias = "IPS_CONFIRMED")]
        CONFIRMED = 0x8, "confirmed";
        /// Its source address is translated.
        #[doc(alias = "IPS_SRC_NAT")]
        SNAT = 0x10, "snat";
        /// Its destination address is translated.
        #[doc(alias = "IPS_DST_NAT")]
        DNAT = 0x20, "dnat";
        /// It is on its way out.
        #[doc(alias = "IPS_DYING")]
        DYING = 0x200, "dying";
    }
}

bit_mask! {
    /// Events of a connection that are to be told to listeners, 4 bytes in the host's order
    /// (`ct_event`, `enum ip_conntrack_events`).
    #[doc(alias = "ct_event")]
    #[doc(alias = "ip_conntrack_events")]
    pub struct CtEvents(u32): CT_EVENT, Host {
        /// It is new.
        #[doc(alias = "IPCT_NEW")]
        NEW = 0x1, "new";
        /// It is new and was announced by another one.
        #[doc(alias = "IPCT_RELATED")]
        RELATED = 0x2, "related";
        /// It ended.
        #[doc(alias = "IPCT_DESTROY")]
        DESTROY = 0x4, "destroy";
        /// It has seen packets of both directions.
        #[doc(alias = "IPCT_REPLY")]
        REPLY = 0x8, "reply";
        /// It is assured.
        #[doc(alias = "IPCT_ASSURED")]
        ASSURED = 0x10, "assured";
        /// The state of its protocol changed.
        #[doc(alias = "IPCT_PROTOINFO")]
        PROTOINFO = 0x20, "protoinfo";
        /// A helper was set.
        #[doc(alias = "IPCT_HELPER")]
        HELPER = 0x40, "helper";
        /// Its mark changed.
        #[doc(alias = "IPCT_MARK")]
        MARK = 0x80, "mark";
        /// The adjustment of its sequence numbers changed.
        #[doc(alias = "IPCT_SEQADJ")]
        SEQADJ = 0x100, "seqadj";
        /// Its security mark was set.
        #[doc(alias = "IPCT_SECMARK")]
        SECMARK = 0x200, "secmark";
        /// Its labels changed.
        #[doc(alias = "IPCT_LABEL")]
        LABEL = 0x400, "label";
    }
}

from_integer! { CtDirection(u8); }
datum! { CtDirection(u8): CT_DIR, None; }

/// The time until a connection is forgotten: milliseconds, 4 bytes in the host's order (`time`).
///
/// It has whole milliseconds: what a [`Duration`] has beyond them is cut off. A batch refuses
/// more than the 49 days that fit.
#[doc(alias = "time")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Expiration {
    /// Also what is too much.
    millis: u128,
}

impl Expiration {
    /// Takes the time.
    pub const fn new(time: Duration) -> Self {
        Self { millis: time.as_millis() }
    }

    /// Returns the time.
    pub const fn get(self) -> Duration {
        let (seconds, millis) = (self.millis / 1000, self.millis % 1000);
        // They come from a duration: the casts lose nothing.
        Duration::new(seconds as u64, millis as u32 * 1_000_000)
    }
}

impl From<Duration> for Expiration {
    fn from(time: Duration) -> Self {
        Self::new(time)
    }
}

impl Datum for Expiration {
    const TYPE: DataType = DataType::TIME;
    const LEN: usize = 4;
    const ORDER: ByteOrder = ByteOrder::Host;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        let too_much = |_| BuildErrorKind::BadValue {
            what: "expiration",
            value: self.to_string().into(),
            reason: "it may have 32 bits of milliseconds, 49 days",
        };
        let millis = u32::try_from(self.millis).map_err(too_much)?;
        Ok(Unsigned::to_data(millis, Self::ORDER))
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        <u32 as Unsigned>::from_data(bytes, Self::ORDER).map(|millis| Self { millis: millis.into() })
    }
}

impl Ordered for Expiration {}

impl fmt::Display for Expiration {
    /// Writes what nft writes: `1d2h3m4s5ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.millis == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.millis;
        for (unit, millis) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if rest >= millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

/// Labels of a connection: some of the numbers 0 to 127, each a bit of 16 bytes (`ct_label`).
///
/// nft may know names for them from a file of its user's, `connlabel.conf`; the kernel and this library know numbers.
/// A batch refuses a number beyond 127.
///
/// ```
/// use nftlink::datum::CtLabel;
/// assert_eq!((CtLabel::new(5) | CtLabel::new(7)).to_string(), "5 | 7");
/// ```
#[doc(alias = "ct_label")]
#[doc(alias = "NF_CT_LABELS_MAX_SIZE")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct CtLabel {
    bits: u128,
    /// A number that there is not, for the batch to tell.
    wrong: Option<u8>,
}

impl CtLabel {
    const COUNT: u8 = 128;

    /// The label of a number.
    pub const fn new(number: u8) -> Self {
        if number < Self::COUNT { Self::from_bits(1 << number) } else { Self { bits: 0, wrong: Some(number) } }
    }

    /// The labels whose bits are set, 0 being the lowest.
    pub const fn from_bits(bits: u128) -> Self {
        Self { bits, wrong: None }
    }

    /// Returns the labels as bits.
    pub const fn bits(self) -> u128 {
        self.bits
    }
}

impl BitOr for CtLabel {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits, wrong: self.wrong.or(other.wrong) }
    }
}

impl From<u8> for CtLabel {
    fn from(number: u8) -> Self {
        Self::new(number)
    }
}

impl Datum for CtLabel {
    const TYPE: DataType = DataType::CT_LABEL;
    const LEN: usize = 16;
    const ORDER: ByteOrder = ByteOrder::Host;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        if let Some(number) = self.wrong {
            let reason = "the last is 127";
            return Err(BuildErrorKind::BadValue {
                what: "connection label",
                value: number.to_string().into(),
                reason,
            });
        }
        // The kernel has words of 64 bits at most, the lowest first.
        let words = [self.bits as u64, (self.bits >> 64) as u64].map(order::host_u64);
        Ok(Data::new(words.as_flattened()))
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        let (low, high) = bytes.split_first_chunk::<8>()?;
        let [low, high] = [*low, high.try_into().ok()?].map(|word| u128::from(order::from_host_u64(word)));
        Some(Self::from_bits(low | high << 64))
    }
}

impl BitMask for CtLabel {
    fn has_one_bit(&self) -> bool {
        self.bits.is_power_of_two()
    }
}

impl fmt::Display for CtLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for number in (0..Self::COUNT).filter(|number| self.bits >> number & 1 == 1) {
            write!(f, "{separator}{number}")?;
            separator = " | ";
        }
        if self.bits == 0 { f.write_str("0x0") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_bits_of_words_of_the_hosts_order() {
        let bytes = |label: CtLabel| label.to_data().unwrap().as_bytes().to_vec();
        assert_eq!(bytes(CtLabel::new(5))[..8], 0x20u64.to_ne_bytes());
        assert_eq!(bytes(CtLabel::new(127))[8..], (1u64 << 63).to_ne_bytes());
        let both = CtLabel::new(5) | CtLabel::new(127);
        assert_eq!(CtLabel::from_data(&bytes(both)), Some(both));
        assert_eq!((both.to_string(), CtLabel::default().to_string()), ("5 | 127".into(), "0x0".into()));
        assert!(CtLabel::new(127).has_one_bit() && !both.has_one_bit());
    }

    #[test]
    fn labels_that_there_are_not_are_refused() {
        assert!(CtLabel::new(128).to_data().is_err());
        assert!((CtLabel::new(5) | CtLabel::new(200)).to_data().is_err());
    }

    #[test]
    fn bits_without_a_word_are_numbers() {
        assert_eq!((CtState::NEW | CtState::ESTABLISHED).to_string(), "established | new");
        assert_eq!(CtState::from(0xc9).to_string(), "invalid | new | untracked | 0x80");
        assert_eq!(CtStatus::from(0x601).to_string(), "expected | dying | 0x400");
        assert_eq!(CtStatus::from(0x240).to_string(), "0x40 | dying");
        assert_eq!(CtEvents::from(0).to_string(), "0x0");
    }

    #[test]
    fn states_are_in_the_hosts_order() {
        assert_eq!(CtState::UNTRACKED.to_data().unwrap().as_bytes(), 64u32.to_ne_bytes());
        assert_eq!(CtState::from_data(&0x8000_0000u32.to_ne_bytes()).unwrap().bits(), 0x8000_0000);
        assert!(CtState::from(0x8000_0000).has_one_bit());
    }

    #[test]
    fn expirations_have_milliseconds_and_32_bits_of_them() {
        let expiration = Expiration::from(Duration::from_micros(1_500_999));
        assert_eq!(expiration.get(), Duration::from_millis(1500));
        assert_eq!(expiration.to_data().unwrap().as_bytes(), 1500u32.to_ne_bytes());
        assert!(Expiration::new(Duration::from_millis(u32::MAX.into())).to_data().is_ok());
        assert!(Expiration::new(Duration::from_millis(1 << 32)).to_data().is_err());
        assert!(Expiration::new(Duration::MAX).to_data().is_err());
        assert_eq!(Expiration::new(Duration::MAX).get().as_secs(), u64::MAX);
    }

    #[test]
    fn expirations_are_shown_as_nft_shows_them() {
        let shown = |millis| Expiration::new(Duration::from_millis(millis)).to_string();
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(1500), "1s500ms");
        assert_eq!(shown(60_000), "1m");
        assert_eq!(shown(90_061_000), "1d1h1m1s");
        assert_eq!(shown(93_784_005), "1d2h3m4s5ms");
    }
}
