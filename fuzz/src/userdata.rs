//! What nft keeps with tables, chains, rules, sets, elements and objects.

use crate::paths::attributes;

/// `nlmsghdr` and `nfgenmsg`.
const HEADER: usize = 20;
const NFNL_SUBSYS_NFTABLES: u8 = 10;
const NEW_ELEMENTS: u8 = 12;
const ELEMENTS: u16 = 3;
const OF_ELEMENT: u16 = 6;

/// The attribute of a message that adds something and keeps userdata: `NFTA_TABLE_USERDATA` and the like.
const OF_MESSAGES: [(u8, u16); 5] = [(0, 6), (3, 12), (6, 7), (9, 13), (18, 8)];

/// The userdata in a message, if it is one of nf_tables.
pub fn of_message(message: &[u8]) -> Vec<&[u8]> {
    let &[_, _, _, _, kind, NFNL_SUBSYS_NFTABLES, ..] = message else { return Vec::new() };
    let attrs = message.get(HEADER..).unwrap_or_default();
    let all =
        |bytes, wanted| attributes(bytes).filter(move |(_, number, _)| *number == wanted).map(|(.., value)| value);
    if kind == NEW_ELEMENTS {
        let elements = all(attrs, ELEMENTS).flat_map(|list| attributes(list).map(|(.., element)| element));
        return elements.flat_map(|element| all(element, OF_ELEMENT)).collect();
    }
    let number = OF_MESSAGES.iter().find(|(other, _)| *other == kind);
    number.into_iter().flat_map(|(_, number)| all(attrs, *number)).collect()
}
