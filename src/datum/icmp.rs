//! Types and codes of ICMP, ICMPv6 and IGMP.

use super::number::{datum, from_integer};
use crate::wire::newtype::open_number;

open_number! {
    /// The type of an ICMP message, 1 byte (`icmp_type`).
    #[doc(alias = "icmp_type")]
    pub struct IcmpType(u8) {
        /// Answers an echo request.
        ECHO_REPLY = 0, "echo-reply";
        /// The packet does not reach its destination; the [code](IcmpCode) says why.
        DESTINATION_UNREACHABLE = 3, "destination-unreachable";
        /// Asks to send more slowly.
        SOURCE_QUENCH = 4, "source-quench";
        /// Tells a better first hop.
        REDIRECT = 5, "redirect";
        /// Asks for an echo.
        ECHO_REQUEST = 8, "echo-request";
        /// A router tells that it is there.
        ROUTER_ADVERTISEMENT = 9, "router-advertisement";
        /// Asks for routers.
        ROUTER_SOLICITATION = 10, "router-solicitation";
        /// The packet had too many hops, or its fragments took too long.
        TIME_EXCEEDED = 11, "time-exceeded";
        /// The packet's header is wrong.
        PARAMETER_PROBLEM = 12, "parameter-problem";
        /// Asks for the time.
        TIMESTAMP_REQUEST = 13, "timestamp-request";
        /// Tells the time.
        TIMESTAMP_REPLY = 14, "timestamp-reply";
        /// Asks for the network's address.
        INFO_REQUEST = 15, "info-request";
        /// Tells the network's address.
        INFO_REPLY = 16, "info-reply";
        /// Asks for the network's mask.
        ADDRESS_MASK_REQUEST = 17, "address-mask-request";
        /// Tells the network's mask.
        ADDRESS_MASK_REPLY = 18, "address-mask-reply";
    }
}

open_number! {
    /// The code of an ICMP message, 1 byte (`icmp_code`).
    ///
    /// The constants are those of [`IcmpType::DESTINATION_UNREACHABLE`].
    #[doc(alias = "icmp_code")]
    pub struct IcmpCode(u8) {
        /// There is no way to the network.
        NET_UNREACHABLE = 0, "net-unreachable";
        /// There is no way to the host.
        HOST_UNREACHABLE = 1, "host-unreachable";
        /// The host does not know the protocol.
        PROT_UNREACHABLE = 2, "prot-unreachable";
        /// Nothing listens on the port.
        PORT_UNREACHABLE = 3, "port-unreachable";
        /// The packet is too big and must not be fragmented.
        FRAG_NEEDED = 4, "frag-needed";
        /// The network is prohibited.
        NET_PROHIBITED = 9, "net-prohibited";
        /// The host is prohibited.
        HOST_PROHIBITED = 10, "host-prohibited";
        /// An administrator prohibits it.
        ADMIN_PROHIBITED = 13, "admin-prohibited";
    }
}

open_number! {
    /// The type of an ICMPv6 message, 1 byte (`icmpv6_type`).
    #[doc(alias = "icmpv6_type")]
    pub struct Icmpv6Type(u8) {
        /// The packet does not reach its destination; the [code](Icmpv6Code) says why.
        DESTINATION_UNREACHABLE = 1, "destination-unreachable";
        /// The packet is bigger than the next link takes.
        PACKET_TOO_BIG = 2, "packet-too-big";
        /// The packet had too many hops, or its fragments took too long.
        TIME_EXCEEDED = 3, "time-exceeded";
        /// The packet's header is wrong.
        PARAMETER_PROBLEM = 4, "parameter-problem";
        /// Asks for an echo.
        ECHO_REQUEST = 128, "echo-request";
        /// Answers an echo request.
        ECHO_REPLY = 129, "echo-reply";
        /// Asks who listens to a multicast group.
        MLD_LISTENER_QUERY = 130, "mld-listener-query";
        /// Tells that the sender listens to a multicast group.
        MLD_LISTENER_REPORT = 131, "mld-listener-report";
        /// Tells that the sender left a multicast group.
        #[doc(alias = "mld-listener-reduction")]
        MLD_LISTENER_DONE = 132, "mld-listener-done";
        /// Asks for routers.
        ND_ROUTER_SOLICIT = 133, "nd-router-solicit";
        /// A router tells that it is there.
        ND_ROUTER_ADVERT = 134, "nd-router-advert";
        /// Asks for a neighbour's link-layer address.
        ND_NEIGHBOR_SOLICIT = 135, "nd-neighbor-solicit";
        /// Tells the sender's link-layer address.
        ND_NEIGHBOR_ADVERT = 136, "nd-neighbor-advert";
        /// Tells a better first hop.
        ND_REDIRECT = 137, "nd-redirect";
        /// Renumbers routers.
        ROUTER_RENUMBERING = 138, "router-renumbering";
        /// Asks for the address that belongs to a link-layer address.
        IND_NEIGHBOR_SOLICIT = 141, "ind-neighbor-solicit";
        /// Tells the sender's address to who has its link-layer address.
        IND_NEIGHBOR_ADVERT = 142, "ind-neighbor-advert";
        /// Tells to which multicast groups the sender listens (MLDv2).
        MLD2_LISTENER_REPORT = 143, "mld2-listener-report";
    }
}

open_number! {
    /// The code of an ICMPv6 message, 1 byte (`icmpv6_code`).
    ///
    /// The constants are those of [`Icmpv6Type::DESTINATION_UNREACHABLE`].
    #[doc(alias = "icmpv6_code")]
    pub struct Icmpv6Code(u8) {
        /// There is no route.
        NO_ROUTE = 0, "no-route";
        /// An administrator prohibits it.
        ADMIN_PROHIBITED = 1, "admin-prohibited";
        /// There is no way to the address.
        ADDR_UNREACHABLE = 3, "addr-unreachable";
        /// Nothing listens on the port.
        PORT_UNREACHABLE = 4, "port-unreachable";
        /// The source address is against a policy.
        POLICY_FAIL = 5, "policy-fail";
        /// The route rejects the packet.
        REJECT_ROUTE = 6, "reject-route";
    }
}

open_number! {
    /// A code that the kernel translates to ICMP or ICMPv6, whichever the packet has, 1 byte
    /// (`icmpx_code`, `NFT_REJECT_ICMPX_*`).
    #[doc(alias = "icmpx_code")]
    #[doc(alias = "NFT_REJECT_ICMPX")]
    pub struct IcmpxCode(u8) {
        /// There is no route.
        NO_ROUTE = 0, "no-route";
        /// Nothing listens on the port.
        PORT_UNREACHABLE = 1, "port-unreachable";
        /// There is no way to the host.
        HOST_UNREACHABLE = 2, "host-unreachable";
        /// An administrator prohibits it.
        ADMIN_PROHIBITED = 3, "admin-prohibited";
    }
}

open_number! {
    /// The type of an IGMP message, 1 byte (`igmp_type`).
    #[doc(alias = "igmp_type")]
    pub struct IgmpType(u8) {
        /// Asks who listens to a multicast group.
        MEMBERSHIP_QUERY = 17, "membership-query";
        /// Tells that the sender listens to a multicast group (IGMPv1).
        MEMBERSHIP_REPORT_V1 = 18, "membership-report-v1";
        /// Tells that the sender listens to a multicast group (IGMPv2).
        MEMBERSHIP_REPORT_V2 = 22, "membership-report-v2";
        /// Tells that the sender left a multicast group.
        LEAVE_GROUP = 23, "leave-group";
        /// Tells to which multicast groups the sender listens (IGMPv3).
        MEMBERSHIP_REPORT_V3 = 34, "membership-report-v3";
    }
}

from_integer! {
    IcmpType(u8);
    IcmpCode(u8);
    Icmpv6Type(u8);
    Icmpv6Code(u8);
    IcmpxCode(u8);
    IgmpType(u8);
}

datum! {
    IcmpType(u8): ICMP_TYPE, Network, Ordered;
    IcmpCode(u8): ICMP_CODE, Network, Ordered;
    Icmpv6Type(u8): ICMPV6_TYPE, Network, Ordered;
    Icmpv6Code(u8): ICMPV6_CODE, Network, Ordered;
    IcmpxCode(u8): ICMPX_CODE, Network, Ordered;
    IgmpType(u8): IGMP_TYPE, Network, Ordered;
}
