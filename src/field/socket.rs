//! The socket here that the packet belongs to.
//!
//! A packet without a socket matches none of these. For tables of families ip, ip6 and inet.
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::field::{meta, socket};
//!
//! // socket transparent 1 meta mark set 0x00000001
//! let divert = Rule::new().when(socket::transparent().eq(1)).set(meta::mark(), 1);
//! ```

use super::Field;
use super::source::IP_TABLES;
use crate::datum::{CgroupV2, Datum, Integer8, Mark};
use crate::expr::{Reg, Socket, SocketKey};
use crate::userdata::Typeof;

fn of_socket<V: Datum>(name: &'static str, socket: Socket) -> Field<V> {
    Field::loaded(name, socket, Typeof::Socket(socket.key.get())).needing(IP_TABLES)
}

/// `socket transparent`: 1 if the socket takes packets to addresses that are not this host's (Linux 4.18).
#[doc(alias = "IP_TRANSPARENT")]
pub fn transparent() -> Field<Integer8> {
    of_socket("socket transparent", Socket::load(SocketKey::TRANSPARENT, Reg::R1))
}

/// `socket mark`: the mark of the socket (Linux 4.18).
#[doc(alias = "SO_MARK")]
pub fn mark() -> Field<Mark> {
    of_socket("socket mark", Socket::load(SocketKey::MARK, Reg::R1))
}

/// `socket wildcard`: 1 if the socket is bound to any address (Linux 5.10).
pub fn wildcard() -> Field<Integer8> {
    of_socket("socket wildcard", Socket::load(SocketKey::WILDCARD, Reg::R1))
}

/// `socket cgroupv2 level 1 "user.slice"`: the control group, of version 2, that the socket was made in, or that
/// one's ancestor so many levels below the root (Linux 5.13). A batch refuses a level above 255.
///
/// nft names groups by their paths, [`CgroupV2::of_directory`] takes such a path.
pub fn cgroupv2(level: u32) -> Field<CgroupV2> {
    of_socket("socket cgroupv2", Socket::cgroupv2(level, Reg::R1))
}
