//! Ports: the addresses of netlink sockets.

use std::fmt;

/// The address of a netlink socket (`nl_pid`): a number that no other socket of the protocol has in
/// the network namespace, while it is open.
///
/// Often it is the process id of the program that opened it, and as often not: a program's second
/// socket has some other number.
#[doc(alias = "portid")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortId(u32);

impl PortId {
    /// Wraps the kernel's number.
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// Returns the kernel's number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
