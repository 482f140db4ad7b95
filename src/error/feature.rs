//! What some of the supported kernels lack: its name, the first kernel that has it, and the option to build it with.

use std::fmt;

/// The oldest kernel that is supported: what it had already, a kernel lacks only if it was built without it.
const OLDEST: (u32, u32) = (5, 10);

macro_rules! features {
    ($($feature:ident: $name:literal, $since:literal $(with $option:literal)?, $doc:literal;)+) => {
        /// Something that the library can do, and that not every kernel from Linux 5.10 on can.
        ///
        /// [`Conn::features`](crate::Conn::features) tells which of them the running kernel has, and
        /// [`Batch::features`](crate::Batch::features) which a batch needs. They are in the order of the kernels that
        /// brought them.
        ///
        /// ```
        /// use nftlink::Feature;
        ///
        /// let feature = Feature::CatchAll;
        /// assert_eq!((feature.to_string().as_str(), feature.since()), ("a catch-all element", "5.13"));
        /// assert_eq!((Feature::Queue.since(), Feature::Queue.option()), ("3.14", Some("NFT_QUEUE")));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Feature {
            $(
                #[doc = concat!($doc, " (Linux ", $since, $("; `", $option, "`",)? ").")]
                $feature,
            )+
        }

        impl Feature {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$feature),+];

            /// Returns the first kernel that has it.
            pub const fn since(self) -> &'static str {
                match self {
                    $(Self::$feature => $since,)+
                }
            }

            /// Returns the option that a kernel has to be built with to have it, without `CONFIG_`, where there is one.
            pub const fn option(self) -> Option<&'static str> {
                #[allow(unused_assignments, unused_mut, reason = "not every feature has one")]
                match self {
                    $(Self::$feature => {
                        let mut option = None;
                        $(option = Some($option);)?
                        option
                    })+
                }
            }

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$feature => $name,)+
                }
            }
        }
    };
}

features! {
    Limit: "limit", "3.13" with "NFT_LIMIT", "Limits of a rate, as expression and as object";
    Log: "log", "3.13" with "NFT_LOG", "Messages in the kernel's log, or to a program";
    Conntrack: "ct", "3.13" with "NFT_CT", "What is known of connections; helpers and expectations; `notrack`";
    Nat: "nat", "3.13" with "NFT_NAT", "`snat` and `dnat`";
    Compat: "an extension of xtables", "3.13" with "NFT_COMPAT", "Extensions of xtables, as iptables-nft writes them";
    Reject: "reject", "3.14" with "NFT_REJECT_INET", "`reject` in families ip, ip6 and inet";
    Queue: "queue", "3.14" with "NFT_QUEUE", "Packets for a program to decide on";
    BridgeMeta: "meta of bridges", "3.16" with "NFT_BRIDGE_META", "What bridges know of frames, as `meta ibrname`";
    BridgeReject: "reject in family bridge", "3.17" with "NFT_BRIDGE_REJECT", "`reject` in family bridge";
    Masq: "masquerade", "3.18" with "NFT_MASQ", "`masquerade`";
    Redir: "redirect", "3.19" with "NFT_REDIR", "`redirect`";
    Dup: "dup", "4.3" with "NFT_DUP_IPV4", "`dup` in families ip and ip6";
    Fwd: "fwd", "4.5" with "NFT_FWD_NETDEV", "`fwd` in family netdev";
    Hash: "hash", "4.9" with "NFT_HASH", "`jhash` and `symhash`";
    Numgen: "numgen", "4.9" with "NFT_NUMGEN", "`numgen`";
    Quota: "quota", "4.9" with "NFT_QUOTA", "Quotas, as expression and as object";
    Fib: "fib", "4.10" with "NFT_FIB_INET", "What routes there are";
    Flowtables: "a flowtable", "4.16" with "NF_FLOW_TABLE_INET", "Flowtables";
    FlowOffload: "flow add", "4.16" with "NFT_FLOW_OFFLOAD", "Rules that put connections into flowtables";
    Connlimit: "ct count", "4.18" with "NFT_CONNLIMIT", "Limits of the number of connections";
    Socket: "socket", "4.18" with "NFT_SOCKET", "The socket that a packet is for";
    CtTimeout: "a ct timeout object", "4.19" with "NF_CONNTRACK_TIMEOUT", "Objects that set connections' timeouts";
    Osf: "osf", "4.19" with "NFT_OSF", "Fingerprints of operating systems";
    Tproxy: "tproxy", "4.19" with "NFT_TPROXY", "`tproxy`";
    Tunnel: "tunnel", "4.19" with "NFT_TUNNEL", "Metadata of tunnels, as expression and as object";
    Xfrm: "ipsec", "4.20" with "NFT_XFRM", "What is known of packets that came through IPsec";
    Synproxy: "synproxy", "5.3" with "NFT_SYNPROXY", "`synproxy`, as expression and as object";
    ElementExprs: "a second stateful expression of an element", "5.11",
        "Two stateful expressions of each element of a set, as a counter and a limit";
    NetdevReject: "reject in family netdev", "5.11" with "NFT_REJECT_NETDEV", "`reject` in family netdev";
    OwnedTable: "an owned table", "5.12", "[Owned](crate::Table::owned) tables, and with them `trace::Arm`";
    CatchAll: "a catch-all element", "5.13", "[Catch-all](crate::Element::catch_all) elements";
    SocketCgroup: "the cgroup of a socket", "5.13" with "SOCK_CGROUP_DATA", "`socket cgroupv2`";
    HookList: "listing what is attached to hooks", "5.14" with "NETFILTER_NETLINK_HOOK",
        "Listing what is attached to the hooks of netfilter";
    Last: "last", "5.14", "[`expr::Last`](crate::expr::Last)";
    SctpChunk: "sctp chunk", "5.14", "What the chunks of SCTP packets have";
    Egress: "a chain at egress", "5.16" with "NETFILTER_EGRESS",
        "Chains of family netdev at [`Hook::EGRESS`](crate::Hook::EGRESS)";
    InnerHeader: "a payload behind the transport header", "5.16",
        "[`Base::INNER`](crate::expr::Base::INNER): what comes behind the transport header, as `@ih,0,8`";
    TcpOptionReset: "taking out a TCP option", "5.18", "Taking out TCP options";
    Inner: "inner", "6.2", "[`expr::Inner`](crate::expr::Inner): what tunnels carry";
    RuleReset: "resetting rules", "6.2", "[`Conn::reset_rules`](crate::Conn::reset_rules)";
    Destroy: "destroy", "6.3", "[`Batch::destroy`](crate::Batch::destroy)";
    Broute: "setting meta broute", "6.4" with "NFT_BRIDGE_META", "Frames that a bridge is to route";
    ChainDevices: "changing the devices of a chain", "6.4",
        "[`Batch::add_devices`](crate::Batch::add_devices) and `delete_devices` of chains";
    DccpOption: "dccp option", "6.5" with "NFT_EXTHDR_DCCP", "Options of DCCP";
    ElementReset: "resetting elements", "6.5", "[`Conn::reset_elements`](crate::Conn::reset_elements)";
    PersistentTable: "a persistent table", "6.9", "[Persistent](crate::Table::persistent) tables";
    CombinedRegisters: "a bitwise operation on two registers", "6.13",
        "Two values combined, [of any kind](crate::expr::BitwiseOp::AND)";
    DevicePrefix: "a prefix of device names", "6.17", "[`Device::prefix`](crate::Device::prefix)";
    FarPayload: "a payload behind 255 bytes", "6.18", "[Payloads](crate::expr::Payload) far into a header";
}

impl Feature {
    /// Writes what has to be there, after the word *needs*: `Linux 5.13`.
    fn needs(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.option() {
            None => write!(f, "Linux {}", self.since()),
            Some(option) if version(self.since()) <= OLDEST => write!(f, "a kernel that is built with {option}"),
            Some(option) => write!(f, "Linux {}, built with {option}", self.since()),
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A feature with what it needs, as a sentence.
pub(super) struct Needs(pub(super) Feature);

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} needs ", self.0)?;
        self.0.needs(f)
    }
}

fn version(text: &str) -> (u32, u32) {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

/// A set of [features](Feature).
///
/// ```
/// use nftlink::{Batch, Element, Feature, Set, Table};
/// use std::net::Ipv4Addr;
///
/// let blocked = Set::<Ipv4Addr>::new(&Table::inet("fw"), "blocked");
/// let mut batch = Batch::new();
/// batch.add_elements(&blocked, [Element::catch_all()]);
/// let needed = batch.features();
/// assert!(needed.has(Feature::CatchAll));
/// assert_eq!(needed.to_string(), "a catch-all element");
/// assert!(needed.without(needed).is_empty());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Features(u64);

// One bit each.
const _: () = assert!(Feature::ALL.len() <= 64);

impl Features {
    /// Returns an empty set.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Returns the set of all features that the library knows.
    pub fn all() -> Self {
        Feature::ALL.iter().copied().collect()
    }

    /// Whether a feature is in the set.
    pub const fn has(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u32) != 0
    }

    /// Whether the set has no features.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the features that are not in another set: what a batch needs without what the kernel has is what is
    /// missing.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Iterates over the features, in the order of the kernels that brought them.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Feature> {
        Feature::ALL.iter().copied().filter(move |&feature| self.has(feature))
    }
}

impl FromIterator<Feature> for Features {
    fn from_iter<I: IntoIterator<Item = Feature>>(features: I) -> Self {
        let mut set = Self::new();
        set.extend(features);
        set
    }
}

impl Extend<Feature> for Features {
    fn extend<I: IntoIterator<Item = Feature>>(&mut self, features: I) {
        self.0 = features.into_iter().fold(self.0, |bits, feature| bits | 1 << feature as u32);
    }
}

impl From<Feature> for Features {
    fn from(feature: Feature) -> Self {
        [feature].into_iter().collect()
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for Features {
    /// Writes the names, with commas between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().enumerate().try_for_each(|(n, feature)| write!(f, "{}{feature}", if n == 0 { "" } else { ", " }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_in_the_order_of_their_kernels() {
        assert!(Feature::ALL.is_sorted_by_key(|feature| version(feature.since())));
        assert!(Feature::ALL.is_sorted());
        let baseless = |feature: &&Feature| version(feature.since()) <= OLDEST && feature.option().is_none();
        assert_eq!(Feature::ALL.iter().find(baseless), None, "each supported kernel has it");
    }

    #[test]
    fn a_feature_says_what_it_needs() {
        let needs = |feature| Needs(feature).to_string();
        assert_eq!(needs(Feature::CatchAll), "a catch-all element needs Linux 5.13");
        assert_eq!(needs(Feature::Queue), "queue needs a kernel that is built with NFT_QUEUE");
        assert_eq!(needs(Feature::Egress), "a chain at egress needs Linux 5.16, built with NETFILTER_EGRESS");
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let some: Features = [Feature::Queue, Feature::Destroy].into_iter().collect();
        assert!(Feature::ALL.iter().all(|&one| some.has(one) == matches!(one, Feature::Queue | Feature::Destroy)));
        assert_eq!((some.to_string().as_str(), some.iter().count()), ("queue, destroy", 2));
        assert_eq!(some.without(Feature::Queue.into()), Feature::Destroy.into());
        assert_eq!(Features::all().without(Features::all()), Features::new());
        assert_eq!(Features::all().iter().count(), Feature::ALL.len());
    }
}
