//! What the kernel knows of a packet, its socket and its interfaces.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::{fmt, io};

use super::number::{Unsigned, datum, decimal, from_integer, number};
use super::{ByteOrder, DataType, Datum};
use crate::error::BuildErrorKind;
use crate::expr::Data;
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

impl CgroupV2 {
    /// The group that a directory of the cgroup filesystem is.
    ///
    /// # Errors
    ///
    /// What the system says if there is no such directory.
    ///
    /// ```no_run
    /// use nftlink::datum::CgroupV2;
    /// let users = CgroupV2::of_directory("/sys/fs/cgroup/user.slice")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn of_directory(directory: impl AsRef<Path>) -> io::Result<Self> {
        std::fs::metadata(directory).map(|found| Self::new(found.ino()))
    }
}

open_number! {
    /// What the routing tables know of an address, 4 bytes in the host's order (`fib_addrtype`, `RTN_*` of
    /// `include/uapi/linux/rtnetlink.h`).
    #[doc(alias = "fib_addrtype")]
    #[doc(alias = "RTN")]
    pub struct FibAddrType(u32) {
        /// Nothing.
        UNSPEC = 0, "unspec";
        /// There is a route to it.
        UNICAST = 1, "unicast";
        /// It is this host's.
        LOCAL = 2, "local";
        /// That of all hosts of a network.
        BROADCAST = 3, "broadcast";
        /// One that several hosts have.
        ANYCAST = 4, "anycast";
        /// That of a group.
        MULTICAST = 5, "multicast";
        /// Packets to it are dropped.
        BLACKHOLE = 6, "blackhole";
        /// It cannot be reached.
        UNREACHABLE = 7, "unreachable";
        /// It must not be reached.
        PROHIBIT = 8, "prohibit";
    }
}

/// The security mark of a packet or a connection, 4 bytes in the host's order.
///
/// What its number means, the kernel decides anew at each start: a rule copies it and compares it with nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecMark(u32);

impl SecMark {
    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Datum for SecMark {
    const TYPE: DataType = DataType::INTEGER;
    const LEN: usize = 4;
    const ORDER: ByteOrder = ByteOrder::Host;

    fn to_data(&self) -> Result<Data, BuildErrorKind> {
        Ok(Unsigned::to_data(self.0, Self::ORDER))
    }

    fn from_data(bytes: &[u8]) -> Option<Self> {
        Unsigned::from_data(bytes, Self::ORDER).map(Self)
    }
}

decimal! { Uid Gid IfIndex DevGroup Realm CgroupV2 }

from_integer! {
    FibAddrType(u32);
    PktType(u8);
    IfType(u16);
}

datum! {
    FibAddrType(u32): FIB_ADDRTYPE, Host;
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
