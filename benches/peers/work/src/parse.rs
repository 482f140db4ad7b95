//! Takes datagrams apart.

/// The attributes in some bytes: their numbers without flags, and values.
pub fn attrs(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (len, number) = (bytes.get(..2)?, bytes.get(2..4)?);
        let len = usize::from(u16::from_ne_bytes(len.try_into().ok()?));
        let number = u16::from_ne_bytes(number.try_into().ok()?) & 0x3fff;
        let value = bytes.get(4..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((number, value))
    })
}

/// The messages in a datagram: their kinds, and what follows the header of netlink.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (len, kind) = (bytes.get(..4)?, bytes.get(4..6)?);
        let len = u32::from_ne_bytes(len.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(kind.try_into().ok()?);
        let value = bytes.get(16..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}
