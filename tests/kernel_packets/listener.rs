//! Programs to which rules hand packets: by a group of `nfnetlink_log`, or a queue of `nfnetlink_queue`.

use std::collections::BTreeMap;

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr as NetlinkAddr};
use nix::libc;

pub(crate) const NFNL_SUBSYS_QUEUE: u16 = 3;
pub(crate) const NFNL_SUBSYS_ULOG: u16 = 4;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;

/// Listens to a group or queue of a subsystem of netfilter's.
pub(crate) struct Listener {
    socket: Socket,
    subsystem: u16,
    number: u16,
}

impl Listener {
    pub(crate) fn new(subsystem: u16, number: u16) -> Self {
        let mut socket = Socket::new(NETLINK_NETFILTER).unwrap();
        socket.bind_auto().unwrap();
        socket.connect(&NetlinkAddr::new(0, 0)).unwrap();
        Self { socket, subsystem, number }
    }

    fn send(&self, kind: u16, flags: u16, attr: u16, value: &[u8]) {
        let len = value.len().next_multiple_of(4) as u32 + 24;
        let mut message = len.to_ne_bytes().to_vec();
        message.extend((self.subsystem << 8 | kind).to_ne_bytes());
        message.extend((flags | NLM_F_REQUEST).to_ne_bytes());
        // No sequence, no address, no family.
        message.extend([0; 10]);
        message.extend(self.number.to_be_bytes());
        message.extend((4 + value.len() as u16).to_ne_bytes());
        message.extend(attr.to_ne_bytes());
        message.extend(value);
        message.resize(len as usize, 0);
        self.socket.send(&message, 0).unwrap();
    }

    /// Says how to be told of packets: by an attribute of `NFULNL_MSG_CONFIG` or `NFQNL_MSG_CONFIG`.
    pub(crate) fn configure(&self, attr: u16, value: &[u8]) {
        let kind = if self.subsystem == NFNL_SUBSYS_QUEUE { 2 } else { 1 };
        self.send(kind, NLM_F_ACK, attr, value);
        let (ack, _) = self.socket.recv_from_full().unwrap();
        assert_eq!(ack[16..20], [0; 4], "the kernel's answer");
    }

    /// Waits for a packet, and returns the attributes that come with it.
    pub(crate) fn told(&self) -> BTreeMap<u16, Vec<u8>> {
        let (message, _) = self.socket.recv_from_full().unwrap();
        let mut attrs = BTreeMap::new();
        let mut rest = &message[20..];
        while let [a, b, c, d, ..] = *rest {
            let len = usize::from(u16::from_ne_bytes([a, b]));
            attrs.insert(u16::from_ne_bytes([c, d]), rest[4..len].to_vec());
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        attrs
    }

    /// Whether there is nothing to be told.
    pub(crate) fn has_nothing(&self) -> bool {
        self.socket.recv(&mut Vec::with_capacity(1 << 16), libc::MSG_DONTWAIT).is_err()
    }

    /// A program at a queue, which gets whole packets and holds them until it says what becomes of them.
    pub(crate) fn at_queue(number: u16) -> Self {
        let listener = Self::new(NFNL_SUBSYS_QUEUE, number);
        // NFQA_CFG_CMD with NFQNL_CFG_CMD_BIND, NFQA_CFG_PARAMS with NFQNL_COPY_PACKET.
        listener.configure(1, &[1, 0, 0, 0]);
        listener.configure(2, &[0, 0, 0xff, 0xff, 2]);
        listener
    }

    /// Waits for a packet in the queue, and returns its number there with its bytes.
    pub(crate) fn queued(&self) -> (u32, Vec<u8>) {
        // NFQA_PACKET_HDR and NFQA_PAYLOAD.
        let told = self.told();
        (u32::from_be_bytes(told[&1][..4].try_into().unwrap()), told[&10].clone())
    }

    /// Lets a packet of the queue go on, or drops it.
    pub(crate) fn decide(&self, packet: u32, accept: bool) {
        // NFQNL_MSG_VERDICT with NFQA_VERDICT_HDR.
        self.send(1, 0, 2, &[u32::from(accept).to_be_bytes(), packet.to_be_bytes()].concat());
    }
}
