//! What is in the headers of IP, TCP and others and is no address or port.

use super::mask::bit_mask;
use super::number::{datum, from_integer};
use super::{ByteOrder, DataType, Datum, Ordered};
use crate::error::BuildErrorKind;
use crate::expr::Data;
use crate::wire::newtype::open_number;

bit_mask! {
    /// Flags of a TCP segment, 1 byte (`tcp_flag`).
    #[doc(alias = "tcp_flag")]
    pub struct TcpFlags(u8): TCP_FLAG, Network {
        /// The sender has sent everything.
        FIN = 0x01, "fin";
        /// Opens the connection.
        SYN = 0x02, "syn";
        /// Aborts the connection.
        RST = 0x04, "rst";
        /// The receiver is to hand over what it has.
        PSH = 0x08, "psh";
        /// Acknowledges what was received.
        ACK = 0x10, "ack";
        /// Some of the data is urgent.
        URG = 0x20, "urg";
        /// The network is congested: echoes what the IP header told (ECE).
        ECN = 0x40, "ecn";
        /// The sender has slowed down.
        CWR = 0x80, "cwr";
    }
}

open_number! {
    /// A differentiated services code point: 6 bits, in the lower bits of a byte (`dscp`).
    ///
    /// A batch refuses a number above 63.
    #[doc(alias = "dscp")]
    pub struct Dscp(u8, "{:#04x}") {
        /// Class 0: best effort.
        CS0 = 0x00, "cs0";
        /// Lower effort than the best (RFC 8622).
        LEPHB = 0x01, "lephb";
        /// Class 1.
        CS1 = 0x08, "cs1";
        /// Assured forwarding, class 1, dropped late.
        AF11 = 0x0a, "af11";
        /// Assured forwarding, class 1.
        AF12 = 0x0c, "af12";
        /// Assured forwarding, class 1, dropped early.
        AF13 = 0x0e, "af13";
        /// Class 2.
        CS2 = 0x10, "cs2";
        /// Assured forwarding, class 2, dropped late.
        AF21 = 0x12, "af21";
        /// Assured forwarding, class 2.
        AF22 = 0x14, "af22";
        /// Assured forwarding, class 2, dropped early.
        AF23 = 0x16, "af23";
        /// Class 3.
        CS3 = 0x18, "cs3";
        /// Assured forwarding, class 3, dropped late.
        AF31 = 0x1a, "af31";
        /// Assured forwarding, class 3.
        AF32 = 0x1c, "af32";
        /// Assured forwarding, class 3, dropped early.
        AF33 = 0x1e, "af33";
        /// Class 4.
        CS4 = 0x20, "cs4";
        /// Assured forwarding, class 4, dropped late.
        AF41 = 0x22, "af41";
        /// Assured forwarding, class 4.
        AF42 = 0x24, "af42";
        /// Assured forwarding, class 4, dropped early.
        AF43 = 0x26, "af43";
        /// Class 5.
        CS5 = 0x28, "cs5";
        /// Voice that was admitted (RFC 5865).
        VA = 0x2c, "va";
        /// Expedited forwarding.
        EF = 0x2e, "ef";
        /// Class 6.
        CS6 = 0x30, "cs6";
        /// Class 7.
        CS7 = 0x38, "cs7";
    }
}

impl Dscp {
    /// Best effort: another name of [`CS0`](Self::CS0).
    pub const BE: Self = Self::CS0;
    /// Default forwarding: another name of [`CS0`](Self::CS0).
    pub const DF: Self = Self::CS0;

    /// The highest number.
    const MAX: u8 = 63;
}

impl Datum for Dscp {
    const TYPE: DataType = DataType::DSCP;
    const LEN: usize = 1;
    const ORDER: ByteOrder = ByteOrder::Network;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        at_most(Self::MAX, self.get(), "dscp", "it has six bits")
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        match bytes {
            // An interval without an end.
            [u8::MAX] => Some(Self(Self::MAX)),
            &[byte] => Some(Self(byte)),
            _ => None,
        }
    }
}

impl Ordered for Dscp {}

open_number! {
    /// What an IP header tells of congestion: 2 bits, in the lower bits of a byte (`ecn`).
    ///
    /// A batch refuses a number above 3.
    #[doc(alias = "ecn")]
    pub struct Ecn(u8, "{:#x}") {
        /// The sender does not take part.
        NOT_ECT = 0, "not-ect";
        /// The sender takes part, variant 1.
        ECT1 = 1, "ect1";
        /// The sender takes part, variant 0: the usual one.
        ECT0 = 2, "ect0";
        /// A router on the way was congested.
        CE = 3, "ce";
    }
}

impl Datum for Ecn {
    const TYPE: DataType = DataType::ECN;
    const LEN: usize = 1;
    const ORDER: ByteOrder = ByteOrder::Network;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        at_most(Self::CE.get(), self.get(), "ecn", "it has two bits")
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        <[u8; 1]>::try_from(bytes).ok().map(|[byte]| Self(byte))
    }
}

open_number! {
    /// What a DCCP packet is for: 4 bits, in the lower bits of a byte (`dccp_pkttype`).
    ///
    /// A batch refuses a number above 15.
    #[doc(alias = "dccp_pkttype")]
    pub struct DccpPktType(u8) {
        /// Opens the connection.
        REQUEST = 0, "request";
        /// Answers the request.
        RESPONSE = 1, "response";
        /// Has data.
        DATA = 2, "data";
        /// Acknowledges data.
        ACK = 3, "ack";
        /// Has data and acknowledges data.
        DATAACK = 4, "dataack";
        /// Asks the other side to close the connection.
        CLOSEREQ = 5, "closereq";
        /// Closes the connection.
        CLOSE = 6, "close";
        /// Ends the connection.
        RESET = 7, "reset";
        /// Asks for the numbers of packets.
        SYNC = 8, "sync";
        /// Answers with the numbers of packets.
        SYNCACK = 9, "syncack";
    }
}

impl DccpPktType {
    /// The highest number.
    const MAX: u8 = 15;
}

impl Datum for DccpPktType {
    const TYPE: DataType = DataType::DCCP_PKTTYPE;
    const LEN: usize = 1;
    const ORDER: ByteOrder = ByteOrder::None;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        at_most(Self::MAX, self.get(), "dccp_pkttype", "it has four bits")
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        match bytes {
            // An interval without an end.
            [u8::MAX] => Some(Self(Self::MAX)),
            &[byte] => Some(Self(byte)),
            _ => None,
        }
    }
}

impl Ordered for DccpPktType {}

open_number! {
    /// What a message of Mobile IPv6 is for, 1 byte (`mh_type`).
    #[doc(alias = "mh_type")]
    pub struct MhType(u8) {
        /// Asks for a new binding.
        BINDING_REFRESH_REQUEST = 0, "binding-refresh-request";
        /// Tests the way over the home agent.
        HOME_TEST_INIT = 1, "home-test-init";
        /// Tests the way to the care-of address.
        CAREOF_TEST_INIT = 2, "careof-test-init";
        /// Answers the test of the way over the home agent.
        HOME_TEST = 3, "home-test";
        /// Answers the test of the way to the care-of address.
        CAREOF_TEST = 4, "careof-test";
        /// Tells the care-of address.
        BINDING_UPDATE = 5, "binding-update";
        /// Acknowledges a binding.
        BINDING_ACKNOWLEDGEMENT = 6, "binding-acknowledgement";
        /// Tells that there is no binding.
        BINDING_ERROR = 7, "binding-error";
        /// Tells the old router of the new one.
        FAST_BINDING_UPDATE = 8, "fast-binding-update";
        /// Acknowledges that.
        FAST_BINDING_ACKNOWLEDGEMENT = 9, "fast-binding-acknowledgement";
        /// Tells the new router of it.
        FAST_BINDING_ADVERTISEMENT = 10, "fast-binding-advertisement";
        /// For experiments.
        EXPERIMENTAL_MOBILITY_HEADER = 11, "experimental-mobility-header";
        /// Tells of another home agent.
        HOME_AGENT_SWITCH_MESSAGE = 12, "home-agent-switch-message";
    }
}

from_integer! {
    DccpPktType(u8);
    Dscp(u8);
    Ecn(u8);
    MhType(u8);
}

datum! {
    MhType(u8): MH_TYPE, Network, Ordered;
}

fn at_most(max: u8, number: u8, what: &'static str, reason: &'static str) -> Result<Data, BuildErrorKind> {
    if number > max {
        return Err(BuildErrorKind::BadValue { what, value: number.to_string().into(), reason });
    }
    Ok(Data::from([number]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datum::{BitMask, Interval};

    #[test]
    fn flags_are_listed_from_the_lowest_bit_on() {
        assert_eq!((TcpFlags::ACK | TcpFlags::SYN).to_string(), "syn | ack");
        assert_eq!(TcpFlags::empty().to_string(), "0x0");
        assert_eq!(TcpFlags::from_data(&[0x12]), Some(TcpFlags::SYN | TcpFlags::ACK));
        assert_eq!(TcpFlags::CWR.to_data().unwrap().as_bytes(), [0x80]);
    }

    #[test]
    fn one_bit_is_neither_none_nor_two() {
        assert!(TcpFlags::SYN.has_one_bit());
        assert!(!TcpFlags::empty().has_one_bit());
        assert!(!(TcpFlags::SYN | TcpFlags::ACK).has_one_bit());
    }

    #[test]
    fn numbers_of_too_many_bits_are_refused() {
        assert_eq!(Dscp::from_raw(63).to_data().unwrap().as_bytes(), [63]);
        assert!(Dscp::from_raw(64).to_data().is_err());
        assert!(Ecn::from_raw(4).to_data().is_err());
        assert_eq!(Dscp::from_raw(3).to_string(), "0x03");
    }

    #[test]
    fn an_interval_of_code_points_ends_at_the_highest_there_is() {
        let (start, end) = Interval::at_least(Dscp::AF11).bounds(true).unwrap();
        assert_eq!((start.as_bytes(), end.as_bytes()), (&[10][..], &[63][..]));
    }
}
