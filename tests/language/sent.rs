//! What goes to the kernel, as lines that can be compared.

use std::fmt::Write as _;

use nftlink::Batch;

/// Messages about the declarations, and about each rule.
pub(super) struct Sent {
    pub(super) before: Vec<String>,
    pub(super) rules: Vec<Vec<String>>,
    /// What remains of each rule without its constants.
    pub(super) shapes: Vec<String>,
}

pub(super) const NFT_MSG_NEWRULE: u16 = 6;
pub(super) const NFT_MSG_NEWSET: u16 = 9;
const NFT_MSG_NEWSETELEM: u16 = 12;

impl Sent {
    fn new(messages: Vec<Message>) -> Self {
        let mut sent = Self { before: Vec::new(), rules: Vec::new(), shapes: Vec::new() };
        let (mut current, mut shape, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for message in
            messages.iter().filter(|m| matches!(m.kind, NFT_MSG_NEWRULE | NFT_MSG_NEWSET | NFT_MSG_NEWSETELEM))
        {
            let lines = message.lines(&mut ids);
            match message.kind {
                NFT_MSG_NEWRULE => {
                    current.extend(lines);
                    sent.rules.push(std::mem::take(&mut current));
                    shape.extend(super::shape::shape(message));
                    sent.shapes.push(std::mem::take(&mut shape).join("\n"));
                    ids.clear();
                }
                // nft sends elements of some sets of intervals twice.
                _ if message.is_of_named_set() => {
                    ids.clear();
                    if !sent.before.ends_with(&lines) {
                        sent.before.extend(lines);
                    }
                }
                _ => {
                    current.extend(lines);
                    shape.extend(super::shape::shape(message));
                }
            }
        }
        sent
    }

    pub(super) fn of_batch(batch: &Batch) -> Self {
        let (mut bytes, mut messages) = (batch.as_bytes(), Vec::new());
        while let [l0, l1, l2, l3, kind, _, _, _, ..] = bytes {
            let len = u32::from_ne_bytes([*l0, *l1, *l2, *l3]) as usize;
            let (message, rest) = bytes.split_at(len.next_multiple_of(4));
            messages.push(Message { kind: (*kind).into(), family: message[16], attributes: message[20..].to_vec() });
            bytes = rest;
        }
        Self::new(messages)
    }

    /// Tells whether there is a message about a rule in what libmnl prints.
    pub(super) fn has_rules(printed: &str) -> bool {
        const NFNL_SUBSYS_NFTABLES: u16 = 10;
        printed.contains(&format!("| {:05} |", NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE))
    }

    /// Reads what libmnl's `mnl_nlmsg_fprintf` prints: a table with four bytes a row, and what they are behind it.
    pub(super) fn of_nft(printed: &str) -> Self {
        let mut messages: Vec<Message> = Vec::new();
        for line in printed.lines() {
            let Some((row, what)) = line.split_once("\t|") else { continue };
            let what = what.trim_start();
            if what.starts_with("message length") {
                messages.push(Message { kind: 0, family: 0, attributes: Vec::new() });
                continue;
            }
            let message = messages.last_mut().expect("a length comes first");
            // `| 0a 00 00 02  |`
            let byte = |place: usize| u8::from_str_radix(&row[3 * place - 1..3 * place + 1], 16).unwrap();
            if what.starts_with("data") {
                message.attributes.extend([1, 2, 3, 4].map(byte));
            } else if what.starts_with("len") {
                // `|00012|N-|00001|`, in colors.
                let row = without_colors(row);
                let cells: Vec<&str> = row.split('|').collect();
                let nested = if cells[2].contains('N') { 0x8000 } else { 0 };
                let [len, number] = [1, 3].map(|n| cells[n].parse::<u16>().unwrap());
                message.attributes.extend([len, number | nested].map(u16::to_ne_bytes).as_flattened());
            } else if what.starts_with("type") {
                // `| 02576 | R--- |`: subsystem and message.
                message.kind = row[2..7].parse::<u16>().unwrap() & 0xff;
            } else if what.starts_with("extra header") {
                message.family = byte(1);
            } else {
                assert!(what.starts_with("sequence number") || what.starts_with("port ID"), "{line}");
            }
        }
        Self::new(messages)
    }
}

fn without_colors(printed: &str) -> String {
    let mut parts = printed.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest)));
    plain
}

pub(super) struct Message {
    pub(super) kind: u16,
    family: u8,
    pub(super) attributes: Vec<u8>,
}

/// Attributes with the flags in their numbers, in order.
pub(super) fn parts(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut parts = Vec::new();
    while let [l0, l1, n0, n1, rest @ ..] = bytes {
        let len = usize::from(u16::from_ne_bytes([*l0, *l1])) - 4;
        parts.push((u16::from_ne_bytes([*n0, *n1]), &rest[..len]));
        bytes = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    parts
}

impl Message {
    // include/uapi/linux/netfilter/nf_tables.h
    const NAME: u16 = 2;
    const SET_ID: u16 = 10;
    const ELEM_LIST_SET_ID: u16 = 4;
    const RULE_EXPRESSIONS: u16 = 4;

    fn is_of_named_set(&self) -> bool {
        parts(&self.attributes).iter().any(|(number, value)| *number == Self::NAME && !value.starts_with(b"__"))
    }

    /// All that is in it, a line for each expression and element.
    ///
    /// Numbers of sets become those of their order in the rule; for sets with names they are left out, since we never
    /// refer to those by number. nft numbers the elements, too, of which the kernel makes nothing.
    fn lines(&self, ids: &mut Vec<Vec<u8>>) -> Vec<String> {
        let (what, id, list) = match self.kind {
            NFT_MSG_NEWRULE => ("rule", None, Some(Self::RULE_EXPRESSIONS)),
            NFT_MSG_NEWSET => ("set", Some(Self::SET_ID), None),
            _ => ("elements", Some(Self::ELEM_LIST_SET_ID), Some(3)),
        };
        let (named, mut head, mut lines) = (self.is_of_named_set(), format!("{what} {}:", self.family), Vec::new());
        for (number, value) in parts(&self.attributes) {
            if Some(number) == id {
                if !named {
                    write!(head, " {number}=#{}", ordinal(value, ids)).unwrap();
                }
            } else if Some(number & 0x3fff) == list {
                let entries = parts(value).into_iter();
                lines.extend(entries.map(|(number, entry)| match self.kind {
                    NFT_MSG_NEWRULE => format!("{number:#x} {}", expression(entry, ids)),
                    _ => format!("element {}", hex(entry)),
                }));
                // nft begins sets of intervals with an end at the lowest value; we do so for the rules' own.
                lines.retain(|line| !(named && is_end_at_zero(line)));
                write!(head, " {number:#x}=…").unwrap();
            } else {
                write!(head, " {number:#x}={}", hex(value)).unwrap();
            }
        }
        lines.insert(0, head);
        lines
    }
}

/// Flags that say it is an end, and a key of zeros.
fn is_end_at_zero(line: &str) -> bool {
    let key = line.strip_prefix("element 0800030000000001").and_then(|rest| rest.get(16..));
    key.is_some_and(|key| key.bytes().all(|digit| digit == b'0'))
}

fn ordinal(id: &[u8], ids: &mut Vec<Vec<u8>>) -> usize {
    ids.iter().position(|known| known == id).unwrap_or_else(|| {
        ids.push(id.to_vec());
        ids.len() - 1
    })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn expression(bytes: &[u8], ids: &mut Vec<Vec<u8>>) -> String {
    const EXPR_NAME: u16 = 1;
    let mut out = String::new();
    let mut name: &[u8] = b"";
    for (number, value) in parts(bytes) {
        if number == EXPR_NAME {
            name = value;
            out.push_str(String::from_utf8_lossy(value).trim_end_matches('\0'));
            continue;
        }
        write!(out, " {number:#x}(").unwrap();
        // Where the expression names a set, and where it has its number.
        let (set_name, set_id) = match name {
            b"lookup\0" => (1, 4),
            b"dynset\0" => (1, 2),
            b"objref\0" => (4, 5),
            _ => (0, 0),
        };
        let attributes = parts(value);
        let named = attributes.iter().any(|(number, value)| *number == set_name && !value.starts_with(b"__"));
        for (number, value) in attributes {
            // nft tells the operation of all that `bitwise` does, also the only one that old kernels know.
            if name == b"bitwise\0" && (number, value) == (6, &[0; 4]) {
                continue;
            }
            if number == set_id && number != 0 {
                if !named {
                    write!(out, " {number}=#{}", ordinal(value, ids)).unwrap();
                }
            } else {
                write!(out, " {number:#x}={}", hex(value)).unwrap();
            }
        }
        out.push(')');
    }
    out
}
