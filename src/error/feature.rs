//! What some of the supported kernels lack: its name, the first kernel that has it, and the option to build it with.

use std::fmt;

/// The oldest kernel that is supported: what it had already, a kernel lacks only if it was built without it.
const OLDEST: (u32, u32) = (5, 10);

macro_rules! features {
    ($($(#[$doc:meta])+ $feature:ident: $name:literal, $since:literal $(by $by:ident)? $(with $option:literal)?;)+) => {
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
                $(#[$doc])+
                #[doc = concat!("(Linux ", $since, $("; `", $option, "`",)? ").")]
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

            /// Whether the kernel looks for it by its name, and says `ENOENT` where it has none.
            pub(crate) const fn is_found_by_name(self) -> bool {
                match self {
                    $(Self::$feature => 0 $(+ stringify!($by).len())? > 0,)+
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
    /// Limits of a rate, as expression and as object
    Limit: "limit", "3.13" by name with "NFT_LIMIT";
    /// Messages in the kernel's log, or to a program
    Log: "log", "3.13" by name with "NFT_LOG";
    /// What is known of connections; helpers and expectations; `notrack`
    Conntrack: "ct", "3.13" by name with "NFT_CT";
    /// `snat` and `dnat`
    Nat: "nat", "3.13" by name with "NFT_NAT";
    /// Extensions of xtables, as iptables-nft writes them
    Compat: "an extension of xtables", "3.13" by name with "NFT_COMPAT";
    /// `reject` in families ip, ip6 and inet
    Reject: "reject", "3.14" by name with "NFT_REJECT_INET";
    /// Packets for a program to decide on
    Queue: "queue", "3.14" by name with "NFT_QUEUE";
    /// What bridges know of frames, as `meta ibrname`
    BridgeMeta: "meta of bridges", "3.16" with "NFT_BRIDGE_META";
    /// `reject` in family bridge
    BridgeReject: "reject in family bridge", "3.17" by name with "NFT_BRIDGE_REJECT";
    /// `masquerade`
    Masq: "masquerade", "3.18" by name with "NFT_MASQ";
    /// `redirect`
    Redir: "redirect", "3.19" by name with "NFT_REDIR";
    /// `dup` in families ip and ip6
    Dup: "dup", "4.3" by name with "NFT_DUP_IPV4";
    /// `fwd` in family netdev
    Fwd: "fwd", "4.5" by name with "NFT_FWD_NETDEV";
    /// `jhash` and `symhash`
    Hash: "hash", "4.9" by name with "NFT_HASH";
    /// `numgen`
    Numgen: "numgen", "4.9" by name with "NFT_NUMGEN";
    /// Quotas, as expression and as object
    Quota: "quota", "4.9" by name with "NFT_QUOTA";
    /// What routes there are
    Fib: "fib", "4.10" by name with "NFT_FIB_INET";
    /// Flowtables
    Flowtables: "a flowtable", "4.16" by name with "NF_FLOW_TABLE_INET";
    /// Rules that put connections into flowtables
    FlowOffload: "flow add", "4.16" by name with "NFT_FLOW_OFFLOAD";
    /// Limits of the number of connections
    Connlimit: "ct count", "4.18" by name with "NFT_CONNLIMIT";
    /// The socket that a packet is for
    Socket: "socket", "4.18" by name with "NFT_SOCKET";
    /// Objects that set connections' timeouts
    CtTimeout: "a ct timeout object", "4.19" by name with "NF_CONNTRACK_TIMEOUT";
    /// Fingerprints of operating systems
    Osf: "osf", "4.19" by name with "NFT_OSF";
    /// `tproxy`
    Tproxy: "tproxy", "4.19" by name with "NFT_TPROXY";
    /// Metadata of tunnels, as expression and as object
    Tunnel: "tunnel", "4.19" by name with "NFT_TUNNEL";
    /// What is known of packets that came through IPsec
    Xfrm: "ipsec", "4.20" by name with "NFT_XFRM";
    /// `synproxy`, as expression and as object
    Synproxy: "synproxy", "5.3" by name with "NFT_SYNPROXY";
    /// Two stateful expressions of each element of a set, as a counter and a limit
    ElementExprs: "a second stateful expression of an element", "5.11";
    /// `reject` in family netdev
    NetdevReject: "reject in family netdev", "5.11" by name with "NFT_REJECT_NETDEV";
    /// [Owned](crate::Table::owned) tables, and with them `trace::Arm`
    OwnedTable: "an owned table", "5.12";
    /// [Catch-all](crate::Element::catch_all) elements
    CatchAll: "a catch-all element", "5.13";
    /// `socket cgroupv2`
    SocketCgroup: "the cgroup of a socket", "5.13" with "SOCK_CGROUP_DATA";
    /// Listing what is attached to the hooks of netfilter
    HookList: "listing what is attached to hooks", "5.14" with "NETFILTER_NETLINK_HOOK";
    /// [`expr::Last`](crate::expr::Last)
    Last: "last", "5.14" by name;
    /// What the chunks of SCTP packets have
    SctpChunk: "sctp chunk", "5.14";
    /// Chains of family netdev at [`Hook::EGRESS`](crate::Hook::EGRESS). From Linux 5.16 on the kernel says that it has
    /// them, also where it was built without: then it refuses them when their table is not dormant
    Egress: "a chain at egress", "5.16" with "NETFILTER_EGRESS";
    /// [`Base::INNER`](crate::expr::Base::INNER): what comes behind the transport header, as `@ih,0,8`
    InnerHeader: "a payload behind the transport header", "5.16";
    /// Taking out TCP options
    TcpOptionReset: "taking out a TCP option", "5.18";
    /// [`expr::Inner`](crate::expr::Inner): what tunnels carry
    Inner: "inner", "6.2";
    /// [`Conn::reset_rules`](crate::Conn::reset_rules)
    RuleReset: "resetting rules", "6.2";
    /// [`Batch::destroy`](crate::Batch::destroy)
    Destroy: "destroy", "6.3";
    /// Frames that a bridge is to route
    Broute: "setting meta broute", "6.4" with "NFT_BRIDGE_META";
    /// [`Batch::add_devices`](crate::Batch::add_devices) and `delete_devices` of chains
    ChainDevices: "changing the devices of a chain", "6.4";
    /// Options of DCCP
    DccpOption: "dccp option", "6.5" with "NFT_EXTHDR_DCCP";
    /// [`Conn::reset_elements`](crate::Conn::reset_elements)
    ElementReset: "resetting elements", "6.5";
    /// [Persistent](crate::Table::persistent) tables
    PersistentTable: "a persistent table", "6.9";
    /// Two values combined, [of any kind](crate::expr::BitwiseOp::AND)
    CombinedRegisters: "a bitwise operation on two registers", "6.13";
    /// [`Device::prefix`](crate::Device::prefix)
    DevicePrefix: "a prefix of device names", "6.17";
    /// [Payloads](crate::expr::Payload) far into a header
    FarPayload: "a payload behind 255 bytes", "6.18";
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

impl IntoIterator for Features {
    type Item = Feature;
    type IntoIter = std::vec::IntoIter<Feature>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter().collect::<Vec<_>>().into_iter()
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
