//! Messages as they are sent, read by what the kernel demands of them alone.

/// `NFT_MSG_NEWSETELEM`, of `NFNL_SUBSYS_NFTABLES`.
pub(crate) const NEWSETELEM: u16 = 10 << 8 | 12;
/// `NFT_MSG_DELSETELEM`.
pub(crate) const DELSETELEM: u16 = 10 << 8 | 14;

/// A message: its kind and attributes.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) attrs: Vec<Attr<'a>>,
}

/// An attribute: its number, without the bits that say what it is, and its value.
pub(crate) type Attr<'a> = (u16, &'a [u8]);

/// The messages, one after the other.
///
/// # Panics
///
/// If a length is wrong, or what pads them is not zero.
pub(crate) fn messages(mut bytes: &[u8]) -> Vec<Message<'_>> {
    const NLMSG_HDRLEN: usize = 16;
    const NFGENMSG: usize = 4;
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let len = u32::from_ne_bytes(*bytes.first_chunk().expect("a header")) as usize;
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let kind = half(4);
        assert!(len % 4 == 0 && len >= NLMSG_HDRLEN + NFGENMSG && len <= bytes.len(), "{len} of {}", bytes.len());
        found.push(Message { kind, attrs: attributes(&bytes[NLMSG_HDRLEN + NFGENMSG..len]) });
        bytes = &bytes[len..];
    }
    found
}

/// The attributes of a message or nest, one after the other.
///
/// # Panics
///
/// If a length is wrong, or what pads them is not zero.
pub(crate) fn attributes(mut bytes: &[u8]) -> Vec<Attr<'_>> {
    const NLA_HDRLEN: usize = 4;
    const NLA_TYPE_MASK: u16 = 0x3fff;
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let (len, number) = (usize::from(half(0)), half(2) & NLA_TYPE_MASK);
        let (whole, rest) = bytes.split_at(len.next_multiple_of(4));
        assert!(len >= NLA_HDRLEN && whole[len..].iter().all(|&byte| byte == 0), "attribute {number}, {len} bytes");
        found.push((number, &whole[NLA_HDRLEN..len]));
        bytes = rest;
    }
    found
}

/// The value of an attribute.
pub(crate) fn value<'a>(attrs: &[Attr<'a>], number: u16) -> Option<&'a [u8]> {
    attrs.iter().find(|(other, _)| *other == number).map(|(_, value)| *value)
}
