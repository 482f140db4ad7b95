//! The ct timeout object.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::{Kind, L3Proto, ObjectKind};
use crate::datum::L4Proto;
use crate::error::{BuildErrorKind, DecodeError};
use crate::expr::Wire;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_CT_TIMEOUT_L3PROTO: u16 = 1;
const NFTA_CT_TIMEOUT_L4PROTO: u16 = 2;
const NFTA_CT_TIMEOUT_DATA: u16 = 3;

/// The longest timeout in seconds: the kernel keeps 32 bits of ticks, of which no kernel has fewer than
/// 100 in a second, and cuts off what is above.
const SECONDS_MAX: u32 = u32::MAX / 100;

/// The protocol number of what has no tracker of its own (`IPPROTO_RAW`).
const GENERIC: u8 = 255;

/// A state of a connection that has a timeout of its own (`CTA_TIMEOUT_*`), by the number that it has in
/// its protocol.
///
/// The numbers are the protocol's: `UDP_REPLIED` of TCP would be `TCP_SYN_RECV`.
#[doc(alias = "ctattr_timeout")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeoutState(u16);

macro_rules! states {
    ($($doc:literal [$protocol:ident] { $($constant:ident = $number:literal, $word:literal $(, $default:literal)?;)* })*) => {
        impl TimeoutState {
            $($(
                #[doc = concat!($doc, ": `", $word, "`.")]
                pub const $constant: Self = Self($number);
            )*)*

            /// Returns the word for the state in a protocol, if it has one: `established`.
            pub fn word(self, protocol: L4Proto) -> Option<&'static str> {
                match (protocol, self.0) {
                    $($((L4Proto::$protocol, $number) => Some($word),)*)*
                    (L4Proto::TCP | L4Proto::UDP | L4Proto::UDPLITE | L4Proto::SCTP | L4Proto::DCCP, _) => None,
                    (L4Proto::ICMP | L4Proto::ICMPV6 | L4Proto::GRE, _) => None,
                    // All others have the generic tracker.
                    (_, 1) => Some("timeout"),
                    _ => None,
                }
            }

            /// What libnftnl takes for the kernel's timeout in seconds, and does not show.
            fn default_secs(self, protocol: L4Proto) -> Option<u64> {
                match (protocol, self.0) {
                    $($($((L4Proto::$protocol, $number) => Some($default),)?)*)*
                    _ => None,
                }
            }
        }
    };
}

states! {
    "TCP" [TCP] {
        TCP_SYN_SENT = 1, "syn_sent", 120;
        TCP_SYN_RECV = 2, "syn_recv", 60;
        TCP_ESTABLISHED = 3, "established", 432_000;
        TCP_FIN_WAIT = 4, "fin_wait", 120;
        TCP_CLOSE_WAIT = 5, "close_wait", 60;
        TCP_LAST_ACK = 6, "last_ack", 30;
        TCP_TIME_WAIT = 7, "time_wait", 120;
        TCP_CLOSE = 8, "close", 10;
        TCP_SYN_SENT2 = 9, "syn_sent2", 120;
        TCP_RETRANS = 10, "retrans", 300;
        TCP_UNACK = 11, "unack", 300;
    }
    "UDP" [UDP] {
        UDP_UNREPLIED = 1, "unreplied", 30;
        UDP_REPLIED = 2, "replied", 180;
    }
    "UDP-Lite" [UDPLITE] {
        UDPLITE_UNREPLIED = 1, "unreplied";
        UDPLITE_REPLIED = 2, "replied";
    }
    "ICMP" [ICMP] {
        ICMP_TIMEOUT = 1, "timeout";
    }
    "ICMPv6" [ICMPV6] {
        ICMPV6_TIMEOUT = 1, "timeout";
    }
    "DCCP" [DCCP] {
        DCCP_REQUEST = 1, "request";
        DCCP_RESPOND = 2, "respond";
        DCCP_PARTOPEN = 3, "partopen";
        DCCP_OPEN = 4, "open";
        DCCP_CLOSEREQ = 5, "closereq";
        DCCP_CLOSING = 6, "closing";
        DCCP_TIMEWAIT = 7, "timewait";
    }
    "SCTP" [SCTP] {
        SCTP_CLOSED = 1, "closed";
        SCTP_COOKIE_WAIT = 2, "cookie_wait";
        SCTP_COOKIE_ECHOED = 3, "cookie_echoed";
        SCTP_ESTABLISHED = 4, "established";
        SCTP_SHUTDOWN_SENT = 5, "shutdown_sent";
        SCTP_SHUTDOWN_RECD = 6, "shutdown_recd";
        SCTP_SHUTDOWN_ACK_SENT = 7, "shutdown_ack_sent";
        SCTP_HEARTBEAT_SENT = 8, "heartbeat_sent";
        SCTP_HEARTBEAT_ACKED = 9, "heartbeat_acked";
    }
    "GRE" [GRE] {
        GRE_UNREPLIED = 1, "unreplied";
        GRE_REPLIED = 2, "replied";
    }
}

impl TimeoutState {
    /// All other protocols: `timeout`.
    pub const GENERIC_TIMEOUT: Self = Self(1);

    /// Wraps the kernel's number, known or not.
    pub const fn from_raw(raw: u16) -> Self {
        Self(raw)
    }

    /// Returns the kernel's number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Sets how long a connection is remembered in each of its states (`ct timeout`; Linux 4.19).
///
/// ```
/// use std::time::Duration;
/// use nftlink::{Batch, Table, datum::L4Proto, object::{TimeoutState, CtTimeout}};
///
/// let fw = Table::inet("fw");
/// let short = CtTimeout::new(L4Proto::TCP).policy(TimeoutState::TCP_ESTABLISHED, Duration::from_secs(120));
/// let mut batch = Batch::new();
/// batch.add(&fw).add(&short.named(&fw, "short"));
/// ```
#[doc(alias = "nft_ct_timeout_obj")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CtTimeout {
    /// The network protocol of the connections; without it, those of the table's family.
    pub l3proto: Option<L3Proto>,
    /// The transport protocol of the connections. 255 is for all that have no tracker of their own.
    pub protocol: L4Proto,
    /// The timeouts, in seconds: a part of one is rounded up. The kernel tells those of all states; a state
    /// that is not here has the timeout of the network namespace.
    pub policies: BTreeMap<TimeoutState, Duration>,
}

impl CtTimeout {
    /// Leaves the timeouts of a transport protocol as they are.
    pub fn new(protocol: L4Proto) -> Self {
        Self { l3proto: None, protocol, policies: BTreeMap::new() }
    }

    /// Leaves the timeout of protocols without a tracker of their own as it is.
    pub fn generic() -> Self {
        Self::new(L4Proto::from_raw(GENERIC))
    }

    /// Sets the network protocol of the connections.
    pub fn l3proto(mut self, l3proto: impl Into<L3Proto>) -> Self {
        self.l3proto = Some(l3proto.into());
        self
    }

    /// Sets the timeout of a state of the protocol. The kernel keeps seconds, 42,949,672 at most, where
    /// it has 1,000 ticks in each 4,294,967: it cuts off what is more.
    pub fn policy(mut self, state: TimeoutState, timeout: Duration) -> Self {
        self.policies.insert(state, timeout);
        self
    }
}

/// Whole seconds, rounded up.
fn seconds(timeout: Duration) -> u64 {
    timeout.as_secs().saturating_add(u64::from(timeout.subsec_nanos() != 0))
}

impl Kind for CtTimeout {
    const KIND: ObjectKind = ObjectKind::CT_TIMEOUT;

    fn fmt_nft(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        write!(f, "protocol {};", self.protocol)?;
        if let Some(l3proto) = self.l3proto {
            write!(f, " l3proto {l3proto};")?;
        }
        if self.policies.is_empty() {
            return Ok(());
        }
        let policies = self.policies.iter().map(|(state, timeout)| match state.word(self.protocol) {
            Some(word) => format!("{word} : {}", seconds(*timeout)),
            None => format!("{} : {}", state.get(), seconds(*timeout)),
        });
        write!(f, " policy = {{ {} }};", policies.collect::<Vec<_>>().join(", "))
    }
}

impl Wire for CtTimeout {
    const NAME: &'static str = "ct_timeout";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_CT_TIMEOUT_L3PROTO, "l3proto"),
        AttrName::value(NFTA_CT_TIMEOUT_L4PROTO, "l4proto"),
        AttrName::nest(NFTA_CT_TIMEOUT_DATA, "policy", &Schema(&[])),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        if let Some(l3proto) = self.l3proto {
            w.u16(NFTA_CT_TIMEOUT_L3PROTO, l3proto.get());
        }
        w.u8(NFTA_CT_TIMEOUT_L4PROTO, self.protocol.get());
        w.nest(NFTA_CT_TIMEOUT_DATA, |w| {
            for (state, timeout) in &self.policies {
                let secs = seconds(*timeout);
                match u32::try_from(secs) {
                    Ok(secs) if secs <= SECONDS_MAX => w.u32(state.get(), secs),
                    _ => w.fail(BuildErrorKind::DurationTooLong { millis: u128::from(secs) * 1000 }),
                }
            }
        });
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut timeout = Self::new(L4Proto::from_raw(0));
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_CT_TIMEOUT_L3PROTO, v) => timeout.l3proto = Some(L3Proto::from_raw(v.u16()?)),
                (NFTA_CT_TIMEOUT_L4PROTO, v) => timeout.protocol = L4Proto::from_raw(v.u8()?),
                (NFTA_CT_TIMEOUT_DATA, v) => {
                    for policy in v.nested()? {
                        let (state, v) = policy?;
                        timeout.policies.insert(TimeoutState(state), Duration::from_secs(v.u32()?.into()));
                    }
                }
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(timeout)
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        let secs = Duration::from_secs;
        vec![
            (
                Self::new(L4Proto::UDP)
                    .policy(TimeoutState::UDP_UNREPLIED, secs(19))
                    .policy(TimeoutState::UDP_REPLIED, secs(14)),
                b"\x05\0\x02\0\x11\0\0\0\x14\0\x03\x80\x08\0\x01\0\0\0\0\x13\x08\0\x02\0\0\0\0\x0e",
            ),
            (
                Self::new(L4Proto::TCP).l3proto(L3Proto::IP).policy(TimeoutState::TCP_CLOSE_WAIT, secs(10)),
                b"\x06\0\x01\0\0\x02\0\0\x05\0\x02\0\x06\0\0\0\x0c\0\x03\x80\x08\0\x05\0\0\0\0\x0a",
            ),
            (Self::generic(), b"\x05\0\x02\0\xff\0\0\0\x04\0\x03\x80"),
        ]
    }
}

impl fmt::Display for CtTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ct_timeout")?;
        if let Some(l3proto) = self.l3proto {
            write!(f, " family {}", l3proto.get())?;
        }
        write!(f, " protocol {} policy = {{", self.protocol.get())?;
        for (state, timeout) in &self.policies {
            let secs = seconds(*timeout);
            if state.default_secs(self.protocol) == Some(secs) {
                continue;
            }
            match state.word(self.protocol) {
                Some(word) => write!(f, "{} = {secs},", word.to_uppercase())?,
                None => write!(f, "{} = {secs},", state.get())?,
            }
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::mistake;

    #[test]
    fn states_have_the_words_of_their_protocol() {
        let established = TimeoutState::TCP_ESTABLISHED;
        assert_eq!(established.word(L4Proto::TCP), Some("established"));
        assert_eq!(established.word(L4Proto::SCTP), Some("cookie_echoed"));
        assert_eq!(established.word(L4Proto::UDP), None);
        assert_eq!(TimeoutState::GENERIC_TIMEOUT.word(L4Proto::from_raw(GENERIC)), Some("timeout"));
        assert_eq!(TimeoutState::from_raw(12).word(L4Proto::TCP), None);
    }

    #[test]
    fn policies_are_shown_as_libnftnl_shows_them() {
        let secs = Duration::from_secs;
        let tcp = CtTimeout::new(L4Proto::TCP).l3proto(L3Proto::IP).policy(TimeoutState::TCP_SYN_SENT, secs(120));
        let tcp = tcp.policy(TimeoutState::TCP_ESTABLISHED, secs(120)).policy(TimeoutState::TCP_CLOSE_WAIT, secs(10));
        let shown = "ct_timeout family 2 protocol 6 policy = {ESTABLISHED = 120,CLOSE_WAIT = 10,}";
        assert_eq!(tcp.to_string(), shown);
        let unknown = CtTimeout::new(L4Proto::UDP).policy(TimeoutState::from_raw(7), secs(1));
        assert_eq!(unknown.to_string(), "ct_timeout protocol 17 policy = {7 = 1,}");
    }

    #[test]
    fn timeouts_are_rounded_up_to_seconds_and_no_longer_than_the_kernel_keeps() {
        let with = |timeout| CtTimeout::new(L4Proto::UDP).policy(TimeoutState::UDP_REPLIED, timeout);
        let seconds = |secs| crate::expr::golden::encode(&with(Duration::from_secs(secs)));
        assert_eq!(crate::expr::golden::encode(&with(Duration::from_millis(1001))), seconds(2));
        assert_eq!(mistake(&with(Duration::from_secs(42_949_672))), None);
        let too_long = Duration::from_nanos(42_949_672_000_000_001);
        assert_eq!(mistake(&with(too_long)), Some(BuildErrorKind::DurationTooLong { millis: 42_949_673_000 }));
        assert!(mistake(&with(Duration::MAX)).is_some());
    }
}
