//! What connection tracking knows about a packet's connection.
//!
//! A packet without a connection matches none of these but [`state`], which is untracked or
//! invalid for it.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use nftlink::Rule;
//! use nftlink::datum::{CtDirection, CtState, CtStatus};
//! use nftlink::expr::Verdict;
//! use nftlink::field::{ct, meta};
//!
//! // ct state vmap { established : accept, related : accept, invalid : drop }
//! let verdicts =
//!     [(CtState::ESTABLISHED, Verdict::ACCEPT), (CtState::RELATED, Verdict::ACCEPT), (CtState::INVALID, Verdict::DROP)];
//! let known = Rule::new().vmap(ct::state(), verdicts);
//! // ct direction reply ct original ip daddr 192.0.2.1
//! let answers = [ct::direction().eq(CtDirection::REPLY), ct::original::ip_daddr().eq(Ipv4Addr::new(192, 0, 2, 1))];
//! // ct status dnat accept
//! let forwarded = Rule::new().when(ct::status().has(CtStatus::DNAT)).accept();
//! // ct mark set meta mark
//! let kept = Rule::new().set(ct::mark(), meta::mark());
//! // ct original bytes > 1000000
//! let large = ct::original::bytes().gt(1_000_000);
//! ```

use super::source::Tells;
use super::{Field, Spec, Write};
use crate::datum::{
    CtDirection, CtEvents, CtLabel, CtState, CtStatus, Expiration, HelperName, HostInteger16, HostInteger64, Integer32,
    L4Proto, Mark, SecMark,
};
use crate::expr::CtKey;
use crate::wire::Family;

/// `ct state`.
///
/// ```
/// use nftlink::datum::CtState;
/// use nftlink::field::ct;
///
/// // ct state established,related
/// let known = ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED);
/// let broken = ct::state().has(CtState::INVALID);
/// ```
pub fn state() -> Field<CtState> {
    Field::fixed(const { &Spec::ct("ct state", CtKey::STATE, None) })
}

/// `ct direction`: whether the packet goes the way of the connection's first one.
pub fn direction() -> Field<CtDirection> {
    Field::fixed(const { &Spec::ct("ct direction", CtKey::DIRECTION, None) })
}

/// `ct status`: what has become of the connection: whether it is answered, translated …
pub fn status() -> Field<CtStatus> {
    Field::fixed(const { &Spec::ct("ct status", CtKey::STATUS, None) })
}

/// `ct mark`: the connection's mark.
pub fn mark() -> Field<Mark, Write> {
    Field::fixed(const { &Spec::ct("ct mark", CtKey::MARK, None) })
}

/// `ct label`: labels of the connection. To set some leaves those that it has already.
///
/// ```
/// use nftlink::Rule;
/// use nftlink::datum::CtLabel;
/// use nftlink::field::ct;
///
/// // ct label 5 ct label set 7
/// let rule = Rule::new().when(ct::label().has(CtLabel::new(5))).set(ct::label(), 7);
/// ```
///
/// nft 1.0.6 cannot list a rule that has a set or a map of them.
pub fn label() -> Field<CtLabel, Write> {
    Field::fixed(const { &Spec::ct("ct label", CtKey::LABELS, None) })
}

/// `ct helper`: the name of the helper that the connection, or the one that announced it, was given.
pub fn helper() -> Field<HelperName> {
    Field::fixed(const { &Spec::ct("ct helper", CtKey::HELPER, None) })
}

/// `ct secmark`: the connection's security mark.
pub fn secmark() -> Field<SecMark, Write> {
    Field::fixed(const { &Spec::ct("ct secmark", CtKey::SECMARK, None) })
}

/// `ct l3proto`: the protocol of the network layer, [`Family::IP`] or [`Family::IP6`].
pub fn l3proto() -> Field<Family> {
    Field::fixed(const { &Spec::ct("ct l3proto", CtKey::L3PROTOCOL, None) })
}

/// `ct protocol`: the protocol of the transport layer. That of the packet may be another one: an error that ICMP
/// tells belongs to the connection that it is about.
pub fn protocol() -> Field<L4Proto> {
    Field::fixed(const { &Spec::ct("ct protocol", CtKey::PROTOCOL, None).telling(Tells::CtTransport) })
}

/// `ct expiration`: how long until the connection is forgotten.
pub fn expiration() -> Field<Expiration> {
    Field::fixed(const { &Spec::ct("ct expiration", CtKey::EXPIRATION, None) })
}

/// `ct zone`: the zone that the connection is in. It is set before there is a connection, in
/// chains of a priority below -200.
pub fn zone() -> Field<HostInteger16, Write> {
    Field::fixed(const { &Spec::ct("ct zone", CtKey::ZONE, None) })
}

/// `ct event`: which events of the connection programs are told; to be set.
pub fn event() -> Field<CtEvents, Write> {
    Field::fixed(const { &Spec::ct("ct event", CtKey::EVENTMASK, None) })
}

/// `ct id`: the connection's number.
pub fn id() -> Field<Integer32> {
    Field::fixed(const { &Spec::ct("ct id", CtKey::ID, None) })
}

/// `ct packets`: packets seen of the connection, where the kernel counts them
/// (`net.netfilter.nf_conntrack_acct`).
pub fn packets() -> Field<HostInteger64> {
    Field::fixed(const { &Spec::ct("ct packets", CtKey::PKTS, None) })
}

/// `ct bytes`: bytes seen of the connection, where the kernel counts them.
pub fn bytes() -> Field<HostInteger64> {
    Field::fixed(const { &Spec::ct("ct bytes", CtKey::BYTES, None) })
}

/// `ct avgpkt`: bytes for each packet of the connection, where the kernel counts them.
pub fn avgpkt() -> Field<HostInteger64> {
    Field::fixed(const { &Spec::ct("ct avgpkt", CtKey::AVGPKT, None) })
}

macro_rules! direction {
    ($(#[$meta:meta])* $module:ident, $direction:ident, $word:literal) => {
        $(#[$meta])*
        pub mod $module {
            use std::net::{Ipv4Addr, Ipv6Addr};

            use crate::datum::{CtDirection, HostInteger16, HostInteger64, L4Proto, Port};
            use crate::expr::CtKey;
            use crate::field::source::{Needs, Tells};
            use crate::field::{Field, Spec, Write};
            use crate::wire::Family;

            const DIRECTION: Option<CtDirection> = Some(CtDirection::$direction);

            #[doc = concat!("`ct ", $word, " l3proto`: the protocol of the network layer.")]
            pub fn l3proto() -> Field<Family> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " l3proto"), CtKey::L3PROTOCOL, DIRECTION) })
            }

            #[doc = concat!("`ct ", $word, " ip saddr`: the IPv4 source address (Linux 4.17).")]
            pub fn ip_saddr() -> Field<Ipv4Addr> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " ip saddr"), CtKey::SRC_IP, DIRECTION) })
            }

            #[doc = concat!("`ct ", $word, " ip daddr`: the IPv4 destination address (Linux 4.17).")]
            pub fn ip_daddr() -> Field<Ipv4Addr> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " ip daddr"), CtKey::DST_IP, DIRECTION) })
            }

            #[doc = concat!("`ct ", $word, " ip6 saddr`: the IPv6 source address (Linux 4.17).")]
            pub fn ip6_saddr() -> Field<Ipv6Addr> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " ip6 saddr"), CtKey::SRC_IP6, DIRECTION) })
            }

            #[doc = concat!("`ct ", $word, " ip6 daddr`: the IPv6 destination address (Linux 4.17).")]
            pub fn ip6_daddr() -> Field<Ipv6Addr> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " ip6 daddr"), CtKey::DST_IP6, DIRECTION) })
            }

            #[doc = concat!("`ct ", $word, " protocol`: the protocol of the transport layer.")]
            pub fn protocol() -> Field<L4Proto> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " protocol"), CtKey::PROTOCOL, DIRECTION).telling(Tells::CtTransport) })
            }

            #[doc = concat!("`ct ", $word, " proto-src`: the source port. Needs a match on tcp or udp before it.")]
            pub fn proto_src() -> Field<Port> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " proto-src"), CtKey::PROTO_SRC, DIRECTION).needing(Needs::Ports) })
            }

            #[doc = concat!("`ct ", $word, " proto-dst`: the destination port. Needs a match on tcp or udp before it.")]
            pub fn proto_dst() -> Field<Port> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " proto-dst"), CtKey::PROTO_DST, DIRECTION).needing(Needs::Ports) })
            }

            #[doc = concat!("`ct ", $word, " zone`: the zone of this direction (Linux 4.15).")]
            pub fn zone() -> Field<HostInteger16, Write> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " zone"), CtKey::ZONE, DIRECTION) })
            }

            #[doc = concat!("`ct ", $word, " packets`: packets seen this way, where the kernel counts them.")]
            pub fn packets() -> Field<HostInteger64> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " packets"), CtKey::PKTS, DIRECTION) })
            }

            #[doc = concat!("`ct ", $word, " bytes`: bytes seen this way, where the kernel counts them.")]
            pub fn bytes() -> Field<HostInteger64> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " bytes"), CtKey::BYTES, DIRECTION) })
            }

            #[doc = concat!("`ct ", $word, " avgpkt`: bytes for each packet this way, where the kernel counts them.")]
            pub fn avgpkt() -> Field<HostInteger64> {
                Field::fixed(const { &Spec::ct(concat!("ct ", $word, " avgpkt"), CtKey::AVGPKT, DIRECTION) })
            }
        }
    };
}

direction! {
    /// The way of the connection's first packet: `ct original`.
    original, ORIGINAL, "original"
}

direction! {
    /// The way of the answers: `ct reply`.
    reply, REPLY, "reply"
}
