//! Messages: `nlmsghdr` and `nfgenmsg` framing, batch begin and end, acks with their extensions.

use netlink_packet_core::{Emitable, ErrorBuffer, NetlinkBuffer, NetlinkHeader};

use super::newtype::open_number;
use super::reader::Notes;
use super::{Attr, AttrReader, AttrWriter, align, order};
use crate::error::{DecodeError, Errno};

pub(crate) const NLMSG_HDRLEN: usize = 16;
/// `nlmsghdr` and `nfgenmsg`: where the attributes of a message begin.
pub(crate) const HEADER_LEN: usize = NLMSG_HDRLEN + 4;

pub(crate) const NLM_F_REQUEST: u16 = 1;
pub(crate) const NLM_F_ACK: u16 = 4;
pub(crate) const NLM_F_ECHO: u16 = 8;
pub(crate) const NLM_F_DUMP_INTR: u16 = 0x10;
pub(crate) const NLM_F_DUMP: u16 = 0x300;
pub(crate) const NLM_F_REPLACE: u16 = 0x100;
pub(crate) const NLM_F_EXCL: u16 = 0x200;
pub(crate) const NLM_F_CREATE: u16 = 0x400;
pub(crate) const NLM_F_APPEND: u16 = 0x800;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;

const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;

const NFNL_MSG_BATCH_BEGIN: u16 = 0x10;
const NFNL_MSG_BATCH_END: u16 = 0x11;
const NFNL_BATCH_GENID: u16 = 1;
const NFNL_SUBSYS_NFTABLES: u16 = 10;
/// Its messages are named by their whole type, in which this is the upper byte; those of nf_tables by the lower one.
pub(crate) const NFNL_SUBSYS_HOOK: u16 = 12;

pub(crate) const NFT_MSG_NEWGEN: u16 = 15;
pub(crate) const NFT_MSG_GETGEN: u16 = 16;
pub(crate) const NFTA_GEN_ID: u16 = 1;

const NLMSGERR_ATTR_MSG: u16 = 1;
const NLMSGERR_ATTR_OFFS: u16 = 2;
const NLMSGERR_ATTR_COOKIE: u16 = 3;
const NLMSGERR_ATTR_POLICY: u16 = 4;
const NLMSGERR_ATTR_MISS_TYPE: u16 = 5;
const NLMSGERR_ATTR_MISS_NEST: u16 = 6;
const NL_POLICY_TYPE_ATTR_MIN_VALUE_U: u16 = 4;
const NL_POLICY_TYPE_ATTR_MAX_VALUE_U: u16 = 5;
const NL_POLICY_TYPE_ATTR_MIN_LENGTH: u16 = 6;
const NL_POLICY_TYPE_ATTR_MAX_LENGTH: u16 = 7;
const NL_POLICY_TYPE_ATTR_MASK: u16 = 12;

open_number! {
    /// The family of a table, and the protocol number of a network layer (`NFPROTO_*`).
    #[doc(alias = "NFPROTO")]
    pub struct Family(u8) {
        /// No family; in queries, every family.
        UNSPEC = 0, "unspec";
        /// IPv4 and IPv6.
        INET = 1, "inet";
        /// IPv4.
        IP = 2, "ip";
        /// ARP.
        ARP = 3, "arp";
        /// One network device, before and after everything else.
        NETDEV = 5, "netdev";
        /// Frames that a bridge forwards.
        BRIDGE = 7, "bridge";
        /// IPv6.
        IP6 = 10, "ip6";
    }
}

/// Appends a message whose attributes `content` writes; its length is patched afterwards.
#[inline]
pub(crate) fn message(
    w: &mut AttrWriter,
    kind: u16,
    flags: u16,
    sequence: u32,
    family: Family,
    content: impl FnOnce(&mut AttrWriter),
) {
    let start = w.len();
    w.buffer().extend_from_slice(&header(kind, flags, sequence, family));
    content(w);
    patch_length(w.buffer(), start);
}

/// Makes the header of the message at `start` say that it reaches to the end of the buffer.
#[inline]
pub(crate) fn patch_length(buf: &mut [u8], start: usize) {
    // A message is an operation's; a batch of 4 GiB does not reach a socket.
    let len = u32::try_from(buf.len() - start).unwrap_or(u32::MAX);
    buf[start..start + 4].copy_from_slice(&order::host_u32(len));
}

/// The headers of a message that has no attributes yet: of nf_tables, unless its kind names another subsystem.
#[inline]
pub(crate) fn header(kind: u16, flags: u16, sequence: u32, family: Family) -> [u8; HEADER_LEN] {
    // As `framed` writes it: there is one for each rule.
    let mut bytes = [0; HEADER_LEN];
    bytes[..4].copy_from_slice(&order::host_u32(HEADER_LEN as u32));
    let subsystem = if kind >> 8 == 0 { NFNL_SUBSYS_NFTABLES << 8 } else { 0 };
    bytes[4..6].copy_from_slice(&order::host_u16(subsystem | kind));
    bytes[6..8].copy_from_slice(&order::host_u16(flags | NLM_F_REQUEST));
    bytes[8..12].copy_from_slice(&order::host_u32(sequence));
    bytes[NLMSG_HDRLEN] = family.get();
    bytes
}

fn framed(message_type: u16, flags: u16, sequence: u32, nfgenmsg: [u8; 4], len: usize) -> [u8; HEADER_LEN] {
    let mut head = NetlinkHeader::default();
    head.length = len as u32;
    head.message_type = message_type;
    head.flags = flags;
    head.sequence_number = sequence;
    let mut bytes = [0; HEADER_LEN];
    head.emit(&mut bytes[..NLMSG_HDRLEN]);
    bytes[NLMSG_HDRLEN..].copy_from_slice(&nfgenmsg);
    bytes
}

/// Sets flags in a message's header.
pub(crate) fn add_flags(head: &mut [u8; NLMSG_HDRLEN], flags: u16) {
    let mut head = NetlinkBuffer::new(head);
    let flags = head.flags() | flags;
    head.set_flags(flags);
}

/// The length, alignment included, and kind of the message with a header.
pub(crate) fn len_and_kind(head: &[u8; NLMSG_HDRLEN]) -> (usize, u16) {
    let head = NetlinkBuffer::new(head);
    (align(head.length() as usize), head.message_type() & 0xff)
}

/// What goes before and after the operations of a batch.
pub(crate) struct Envelope {
    begin: [u8; HEADER_LEN + 8],
    begin_len: usize,
    end: [u8; HEADER_LEN],
}

impl Envelope {
    /// The begin has sequence 0; with `generation` the kernel refuses the batch if the ruleset
    /// has another. The end asks for an ack if `end_ack`.
    pub(crate) fn new(generation: Option<u32>, end_sequence: u32, end_ack: bool) -> Self {
        let [hi, lo] = order::be_u16(NFNL_SUBSYS_NFTABLES);
        let nfgenmsg = [0, 0, hi, lo];
        let begin_len = HEADER_LEN + if generation.is_some() { 8 } else { 0 };
        let mut begin = [0; HEADER_LEN + 8];
        begin[..HEADER_LEN].copy_from_slice(&framed(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, 0, nfgenmsg, begin_len));
        if let Some(generation) = generation {
            let mut w = AttrWriter::new();
            w.u32(NFNL_BATCH_GENID, generation);
            begin[HEADER_LEN..].copy_from_slice(w.bytes_written());
        }
        let flags = NLM_F_REQUEST | if end_ack { NLM_F_ACK } else { 0 };
        let end = framed(NFNL_MSG_BATCH_END, flags, end_sequence, nfgenmsg, HEADER_LEN);
        Self { begin, begin_len, end }
    }

    pub(crate) fn begin(&self) -> &[u8] {
        &self.begin[..self.begin_len]
    }

    pub(crate) fn end(&self) -> &[u8] {
        &self.end
    }
}

/// A netlink message as received.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) flags: u16,
    pub(crate) sequence: u32,
    pub(crate) port: u32,
    message_type: u16,
    payload: &'a [u8],
}

/// What a received message is.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// An nf_tables message, or one about hooks.
    Nft { kind: u16, family: Family, res_id: u16, attrs: &'a [u8] },
    /// An acknowledgement or, with an errno, a refusal.
    Ack { errno: Option<Errno>, extended: ExtAck },
    /// The end of a dump, possibly because of an error.
    Done { errno: Option<Errno> },
    /// Something that says nothing.
    Other,
}

/// Iterates over the messages of a datagram. A broken length is an error and ends the iteration.
pub(crate) struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    pub(crate) fn new(datagram: &'a [u8]) -> Self {
        Self(datagram)
    }

    /// Returns how many bytes were not read yet.
    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.0);
        Some(Message::first(bytes).map(|(message, len)| {
            self.0 = bytes.get(align(len)..).unwrap_or_default();
            message
        }))
    }
}

impl<'a> Message<'a> {
    /// Reads the first message of a datagram, and tells its length.
    #[inline]
    fn first(bytes: &'a [u8]) -> Result<(Self, usize), DecodeError> {
        // As `NetlinkBuffer` reads it: there is one for each rule.
        let broken = DecodeError::new("netlink message", "length out of bounds");
        let Some(&head) = bytes.first_chunk::<NLMSG_HDRLEN>() else { return Err(broken) };
        let [l0, l1, l2, l3, t0, t1, f0, f1, s0, s1, s2, s3, p0, p1, p2, p3] = head;
        let len = order::from_host_u32([l0, l1, l2, l3]) as usize;
        let Some(payload) = bytes.get(NLMSG_HDRLEN..len) else { return Err(broken) };
        let message = Self {
            flags: order::from_host_u16([f0, f1]),
            sequence: order::from_host_u32([s0, s1, s2, s3]),
            port: order::from_host_u32([p0, p1, p2, p3]),
            message_type: order::from_host_u16([t0, t1]),
            payload,
        };
        Ok((message, len))
    }

    #[inline]
    pub(crate) fn content(&self) -> Result<Content<'a>, DecodeError> {
        match self.message_type {
            NLMSG_ERROR => self.ack(),
            NLMSG_DONE => Ok(Content::Done { errno: self.error_code()?.0 }),
            NLMSG_NOOP | NLMSG_OVERRUN => Ok(Content::Other),
            t if matches!(t >> 8, NFNL_SUBSYS_NFTABLES | NFNL_SUBSYS_HOOK) => {
                let kind = if t >> 8 == NFNL_SUBSYS_NFTABLES { t & 0xff } else { t };
                let Some((&[family, _, hi, lo], attrs)) = self.payload.split_first_chunk() else {
                    return Err(DecodeError::new("nf_tables message", "too short"));
                };
                let res_id = order::from_be_u16([hi, lo]);
                Ok(Content::Nft { kind, family: Family::from_raw(family), res_id, attrs })
            }
            _ => Ok(Content::Other),
        }
    }

    pub(crate) fn is_batch_begin(&self) -> bool {
        self.message_type == NFNL_MSG_BATCH_BEGIN
    }

    /// The generation that the begin of a batch demands.
    pub(crate) fn demanded(&self) -> Option<u32> {
        let attrs = self.payload.get(HEADER_LEN - NLMSG_HDRLEN..).filter(|_| self.is_batch_begin())?;
        let notes = Notes::default();
        let mut attrs = AttrReader::new(attrs, &notes).map_while(Result::ok);
        attrs.find_map(|(number, value)| (number == NFNL_BATCH_GENID).then(|| value.u32().ok())?)
    }

    pub(crate) fn is_batch_end(&self) -> bool {
        self.message_type == NFNL_MSG_BATCH_END
    }

    #[cfg(test)]
    pub(crate) fn nft_kind(&self) -> u16 {
        self.message_type & 0xff
    }

    fn error_code(&self) -> Result<(Option<Errno>, &'a [u8]), DecodeError> {
        let error = ErrorBuffer::new_checked(self.payload).map_err(|_| DecodeError::new("ack", "too short"))?;
        let errno = error.code().map(|code| Errno::from_raw(code.get().saturating_neg()));
        Ok((errno, error.payload()))
    }

    fn ack(&self) -> Result<Content<'a>, DecodeError> {
        let (errno, original) = self.error_code()?;
        let mut extended = ExtAck::default();
        if self.flags & NLM_F_ACK_TLVS != 0 {
            // Without NETLINK_CAP_ACK the refused message stands whole before the extension.
            let skip = if self.flags & NLM_F_CAPPED != 0 {
                NLMSG_HDRLEN
            } else {
                let len = original.first_chunk().map_or(NLMSG_HDRLEN, |len| order::from_host_u32(*len) as usize);
                align(len.max(NLMSG_HDRLEN))
            };
            // What an extension lacks or garbles must not hide the refusal itself.
            if let Some(tlvs) = original.get(skip..) {
                extended = ExtAck::decode(tlvs);
            }
        }
        Ok(Content::Ack { errno, extended })
    }
}

/// What the kernel adds to an ack (`NETLINK_EXT_ACK`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ExtAck {
    /// The kernel's own words.
    pub(crate) text: Option<Box<str>>,
    /// Where in the message the offending attribute's header begins.
    pub(crate) offset: Option<u32>,
    /// An opaque identifier of the error.
    pub(crate) cookie: Option<Box<[u8]>>,
    /// The rule that the attribute broke, in words.
    pub(crate) policy: Option<Box<str>>,
    /// The number of an attribute that is missing.
    pub(crate) missing: Option<u32>,
    /// The offset of the nest that it is missing in; absent for the message itself.
    pub(crate) missing_in: Option<u32>,
}

impl ExtAck {
    fn decode(tlvs: &[u8]) -> Self {
        let notes = Notes::default();
        let mut ack = Self::default();
        for (number, attr) in AttrReader::new(tlvs, &notes).map_while(Result::ok) {
            match number {
                NLMSGERR_ATTR_MSG => ack.text = Some(String::from_utf8_lossy(attr.str_bytes()).into()),
                NLMSGERR_ATTR_OFFS => ack.offset = attr.host_u32().ok(),
                NLMSGERR_ATTR_COOKIE => ack.cookie = Some(attr.bytes().into()),
                NLMSGERR_ATTR_POLICY => ack.policy = policy(attr),
                NLMSGERR_ATTR_MISS_TYPE => ack.missing = attr.host_u32().ok(),
                NLMSGERR_ATTR_MISS_NEST => ack.missing_in = attr.host_u32().ok(),
                _ => {}
            }
        }
        ack
    }
}

fn policy(attr: Attr<'_>) -> Option<Box<str>> {
    let host_u64 = |attr: Attr<'_>| attr.bytes().first_chunk().copied().map(order::from_host_u64);
    let mut words = Vec::new();
    for (number, attr) in attr.nested().ok()?.map_while(Result::ok) {
        let (what, value) = match number {
            NL_POLICY_TYPE_ATTR_MIN_VALUE_U => ("at least", host_u64(attr)),
            NL_POLICY_TYPE_ATTR_MAX_VALUE_U => ("at most", host_u64(attr)),
            NL_POLICY_TYPE_ATTR_MIN_LENGTH => ("length at least", attr.host_u32().ok().map(u64::from)),
            NL_POLICY_TYPE_ATTR_MAX_LENGTH => ("length at most", attr.host_u32().ok().map(u64::from)),
            NL_POLICY_TYPE_ATTR_MASK => ("bits of mask", host_u64(attr)),
            _ => continue,
        };
        if let Some(value) = value {
            words.push(format!("{what} {value}"));
        }
    }
    (!words.is_empty()).then(|| words.join(", ").into())
}

pub(crate) mod forge {
    //! Messages as the kernel would send them, for tests: the library's own, and its users' with a
    //! [`Recording`](crate::Recording).

    use super::*;

    const NLM_F_MULTI: u16 = 2;

    /// A message of any type with any payload.
    pub(crate) fn raw(message_type: u16, flags: u16, sequence: u32, port: u32, payload: &[u8]) -> Vec<u8> {
        let mut head = NetlinkHeader::default();
        head.length = (NLMSG_HDRLEN + payload.len()) as u32;
        head.message_type = message_type;
        head.flags = flags;
        head.sequence_number = sequence;
        head.port_number = port;
        let mut bytes = vec![0; NLMSG_HDRLEN];
        head.emit(&mut bytes);
        bytes.extend_from_slice(payload);
        bytes.resize(align(bytes.len()), 0);
        bytes
    }

    /// A capped ack, or with `errno` a refusal, with the offset where there is one.
    pub(crate) fn ack(sequence: u32, port: u32, errno: i32, offset: Option<u32>) -> Vec<u8> {
        explained(sequence, port, errno, offset, None)
    }

    /// [`ack`] with the kernel's own words.
    pub(crate) fn explained(sequence: u32, port: u32, errno: i32, offset: Option<u32>, text: Option<&str>) -> Vec<u8> {
        let mut tlvs = AttrWriter::new();
        if let Some(text) = text {
            tlvs.string(NLMSGERR_ATTR_MSG, text.as_bytes());
        }
        if let Some(offset) = offset {
            tlvs.bytes(NLMSGERR_ATTR_OFFS, &order::host_u32(offset));
        }
        let mut payload = order::host_u32(errno.wrapping_neg() as u32).to_vec();
        payload.extend_from_slice(&[0; NLMSG_HDRLEN]);
        payload.extend_from_slice(tlvs.bytes_written());
        let extended = if tlvs.len() > 0 { NLM_F_ACK_TLVS } else { 0 };
        raw(NLMSG_ERROR, NLM_F_CAPPED | extended, sequence, port, &payload)
    }

    /// The end of a dump.
    pub(crate) fn done(sequence: u32, port: u32, errno: i32, flags: u16) -> Vec<u8> {
        raw(NLMSG_DONE, flags | NLM_F_MULTI, sequence, port, &order::host_u32(errno.wrapping_neg() as u32))
    }

    /// An nf_tables message of a dump, or a single one.
    pub(crate) fn answer(
        (kind, family, attrs): (u16, Family, &[u8]),
        in_dump: bool,
        sequence: u32,
        port: u32,
        res_id: u16,
    ) -> Vec<u8> {
        let [hi, lo] = order::be_u16(res_id);
        let payload = [&[family.get(), 0, hi, lo][..], attrs].concat();
        let flags = if in_dump { NLM_F_MULTI } else { 0 };
        raw((NFNL_SUBSYS_NFTABLES << 8) | kind, flags, sequence, port, &payload)
    }

    /// An nf_tables message with attributes that `content` writes.
    #[cfg(test)]
    pub(crate) fn nft(
        kind: u16,
        flags: u16,
        sequence: u32,
        port: u32,
        res_id: u16,
        content: impl FnOnce(&mut AttrWriter),
    ) -> Vec<u8> {
        let mut w = AttrWriter::new();
        content(&mut w);
        let [hi, lo] = order::be_u16(res_id);
        let payload = [&[Family::INET.get(), 0, hi, lo][..], w.bytes_written()].concat();
        raw((NFNL_SUBSYS_NFTABLES << 8) | kind, flags, sequence, port, &payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(bytes: &[u8]) -> Content<'_> {
        Messages::new(bytes).next().unwrap().unwrap().content().unwrap()
    }

    #[test]
    fn batch_begin_and_end_are_nfts() {
        let plain = Envelope::new(None, 7, false);
        #[cfg(target_endian = "little")]
        {
            assert_eq!(plain.begin(), b"\x14\0\0\0\x10\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\x0a");
            assert_eq!(plain.end(), b"\x14\0\0\0\x11\0\x01\0\x07\0\0\0\0\0\0\0\0\0\0\x0a");
            let at = Envelope::new(Some(0x0102_0304), 7, true);
            assert_eq!(at.begin(), b"\x1c\0\0\0\x10\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\x0a\x08\0\x01\0\x01\x02\x03\x04");
            assert_eq!(at.end()[6], 5);
        }
    }

    #[test]
    fn acks_capped_and_full_are_read_with_all_their_extensions() {
        let mut tlvs = AttrWriter::new();
        tlvs.string(NLMSGERR_ATTR_MSG, b"no such thing");
        tlvs.bytes(NLMSGERR_ATTR_OFFS, &order::host_u32(40));
        tlvs.bytes(NLMSGERR_ATTR_COOKIE, b"xy");
        tlvs.nest(NLMSGERR_ATTR_POLICY, |w| w.bytes(NL_POLICY_TYPE_ATTR_MAX_LENGTH, &order::host_u32(255)));
        tlvs.bytes(NLMSGERR_ATTR_MISS_TYPE, &order::host_u32(2));
        tlvs.bytes(NLMSGERR_ATTR_MISS_NEST, &order::host_u32(44));
        let expected = ExtAck {
            text: Some("no such thing".into()),
            offset: Some(40),
            cookie: Some((*b"xy").into()),
            policy: Some("length at most 255".into()),
            missing: Some(2),
            missing_in: Some(44),
        };
        let original = header(6, 0, 3, Family::INET);
        for (kept, flags) in
            [(&original[..NLMSG_HDRLEN], NLM_F_CAPPED | NLM_F_ACK_TLVS), (&original[..], NLM_F_ACK_TLVS)]
        {
            let payload = [&(-2i32).to_ne_bytes()[..], kept, tlvs.bytes_written()].concat();
            let bytes = forge::raw(NLMSG_ERROR, flags, 3, 9, &payload);
            let Content::Ack { errno, extended } = one(&bytes) else { panic!() };
            assert_eq!(errno, Some(Errno::ENOENT));
            assert_eq!(extended, expected);
        }
    }

    #[test]
    fn a_full_ack_that_lies_about_its_length_is_still_a_refusal() {
        let mut payload = (-1i32).to_ne_bytes().to_vec();
        payload.extend_from_slice(&[0xff; NLMSG_HDRLEN]);
        let bytes = forge::raw(NLMSG_ERROR, NLM_F_ACK_TLVS, 0, 0, &payload);
        let Content::Ack { errno, extended } = one(&bytes) else { panic!() };
        assert_eq!((errno, extended), (Some(Errno::EPERM), ExtAck::default()));
    }

    #[test]
    fn datagrams_are_split_into_messages_and_broken_ones_end_them() {
        let mut bytes = forge::ack(1, 9, 0, None);
        bytes.extend(forge::done(2, 9, 0, 0));
        let sequences: Vec<_> = Messages::new(&bytes).map(|m| m.unwrap().sequence).collect();
        assert_eq!(sequences, [1, 2]);
        bytes.truncate(bytes.len() - 1);
        assert!(Messages::new(&bytes).nth(1).unwrap().is_err());
        assert!(Messages::new(&[0; 32]).next().unwrap().is_err(), "a length of zero must not loop");
        assert!(Messages::new(&[1; 3]).next().unwrap().is_err());
    }
}
