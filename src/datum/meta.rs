//! What the kernel knows of a packet, its socket and its interfaces.

use std::fmt;

use super::number::{datum, decimal, from_integer, number};
use crate::wire::newtype::open_number;

open_number! {
    /// To whom a frame goes, 1 byte (`pkt_type`).
    #[doc(alias = "pkt_type")]
    pub struct PktType(u8) {
        /// To this host.
        #[doc(alias = "PACKET_HOST")]
        HOST = 0, "host";
        /// To all.
        #[doc(alias = "PACKET_BROADCAST")]
        BROADCAST = 1, "broadcast";
        /// To a group.
        #[doc(alias = "PACKET_MULTICAST")]
        MULTICAST = 2, "multicast";
        /// To another host.
        #[doc(alias = "PACKET_OTHERHOST")]
        OTHER = 3, "other";
    }
}

impl PktType {
    /// To this host: another name of [`HOST`](Self::HOST).
    pub const UNICAST: Self = Self::HOST;
}

open_number! {
    /// The kind of hardware that an interface is, 2 bytes in the host's order (`iface_type`,
    /// `ARPHRD_*`).
    #[doc(alias = "iface_type")]
    #[doc(alias = "ARPHRD")]
    pub struct IfType(u16) {
        /// Ethernet, and what behaves like it.
        #[doc(alias = "ARPHRD_ETHER")]
        ETHER = 1, "ether";
        /// PPP.
        #[doc(alias = "ARPHRD_PPP")]
        PPP = 512, "ppp";
        /// IPv4 in IPv4.
        #[doc(alias = "ARPHRD_TUNNEL")]
        IPIP = 768, "ipip";
        /// IP in IPv6.
        #[doc(alias = "ARPHRD_TUNNEL6")]
        IPIP6 = 769, "ipip6";
        /// The loopback interface.
        #[doc(alias = "ARPHRD_LOOPBACK")]
        LOOPBACK = 772, "loopback";
        /// IPv6 in IPv4.
        #[doc(alias = "ARPHRD_SIT")]
        SIT = 776, "sit";
        /// GRE over IPv4.
        #[doc(alias = "ARPHRD_IPGRE")]
        IPGRE = 778, "ipgre";
    }
}

impl IfType {
    /// No hardware and no link-layer header, as a TUN device or WireGuard; nft has no word for it
    /// (`include/uapi/linux/if_arp.h`).
    #[doc(alias = "ARPHRD_NONE")]
    pub const NONE: Self = Self(0xfffe);
}

number! {
    /// The id of the user that a packet's socket belongs to, 4 bytes in the host's order (`uid`).
    #[doc(alias = "uid")]
    Uid(u32)
}

number! {
    /// The id of the group that a packet's socket belongs to, 4 bytes in the host's order (`gid`).
    #[doc(alias = "gid")]
    Gid(u32)
}

number! {
    /// The index of a network interface, 4 bytes in the host's order (`iface_index`).
    ///
    /// An interface that is made anew under the same name has another index; see
    /// [`IfName`](super::IfName) for the name.
    #[doc(alias = "iface_index")]
    IfIndex(u32)
}

number! {
    /// The group that an interface is in, 4 bytes in the host's order (`devgroup`).
    ///
    /// Displays as a number; nft may know a name from `/etc/iproute2/group`.
    #[doc(alias = "devgroup")]
    DevGroup(u32)
}

number! {
    /// The realm of a packet's route, 4 bytes in the host's order (`realm`).
    ///
    /// Displays as a number; nft may know a name from `/etc/iproute2/rt_realms`.
    #[doc(alias = "realm")]
    Realm(u32)
}

number! {
    /// The id of a version 2 control group, 8 bytes in the host's order (`cgroupsv2`).
    ///
    /// It is the inode number of the group's directory in the cgroup filesystem. Displays as a
    /// number; nft shows the path.
    #[doc(alias = "cgroupsv2")]
    CgroupV2(u64)
}

number! {
    /// A packet's priority, or its class for traffic control: 4 bytes in the host's order
    /// (`classid`).
    ///
    /// ```
    /// use nftlink::datum::ClassId;
    /// assert_eq!(ClassId::of(1, 0x20).to_string(), "1:20");
    /// assert_eq!(ClassId::of(1, 0x20), ClassId::new(0x0001_0020));
    /// ```
    #[doc(alias = "classid")]
    ClassId(u32)
}

impl ClassId {
    /// No class.
    #[doc(alias = "TC_H_UNSPEC")]
    pub const NONE: Self = Self(0);
    /// The root of an interface's classes.
    #[doc(alias = "TC_H_ROOT")]
    pub const ROOT: Self = Self(u32::MAX);

    /// Class `minor` of the queueing discipline `major`.
    pub const fn of(major: u16, minor: u16) -> Self {
        Self((major as u32) << 16 | minor as u32)
    }
}

impl fmt::Display for ClassId {
    /// Writes what nft writes: both parts in hexadecimal, `none`, or `root`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NONE => f.write_str("none"),
            Self::ROOT => f.write_str("root"),
            Self(class) => write!(f, "{:x}:{:x}", class >> 16, class & 0xffff),
        }
    }
}

decimal! { Uid Gid IfIndex DevGroup Realm CgroupV2 }

from_integer! {
    PktType(u8);
    IfType(u16);
}

datum! {
    PktType(u8): PKT_TYPE, Host;
    IfType(u16): IFACE_TYPE, Host;
    Uid(u32): UID, Host, Ordered;
    Gid(u32): GID, Host, Ordered;
    IfIndex(u32): IFACE_INDEX, Host, Ordered;
    DevGroup(u32): DEVGROUP, Host, Ordered;
    Realm(u32): REALM, Host, Ordered;
    ClassId(u32): CLASSID, Host, Ordered;
    CgroupV2(u64): CGROUPSV2, Host;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datum::Datum;

    #[test]
    fn classes_are_shown_as_nft_shows_them() {
        let shown = |class| ClassId::new(class).to_string();
        assert_eq!(shown(0), "none");
        assert_eq!(shown(5), "0:5");
        assert_eq!(shown(0x0001_0002), "1:2");
        assert_eq!(shown(0xabcd_0000), "abcd:0");
        assert_eq!(shown(u32::MAX), "root");
    }

    #[test]
    fn what_the_host_knows_is_in_its_order() {
        assert_eq!(IfType::LOOPBACK.to_data().unwrap().as_bytes(), 772u16.to_ne_bytes());
        assert_eq!(Uid::new(1000).to_data().unwrap().as_bytes(), 1000u32.to_ne_bytes());
        assert_eq!(CgroupV2::from_data(&9u64.to_ne_bytes()), Some(CgroupV2::new(9)));
        assert_eq!(IfType::NONE.to_string(), "65534");
    }
}
