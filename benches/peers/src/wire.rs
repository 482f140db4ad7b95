//! A plain writer by hand: one pass over memory, every length known beforehand but those of the nests.
//!
//! It is what the floor sends, and the floor of encoding. The bytes are those of libnftnl and nft.

use peers_work::{CHAIN, PER_MESSAGE, SET, TABLE, values};

const NEWRULE: u16 = 0x0a06;
const NEWSETELEM: u16 = 0x0a0c;
pub const GETCHAIN: u16 = 0x0a04;
pub const GETRULE: u16 = 0x0a07;
pub const GETSET: u16 = 0x0a0a;
pub const GETSETELEM: u16 = 0x0a0d;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

/// Bytes of a message before its attributes.
pub const HEADERS: usize = 20;

const REQUEST: u16 = 1;
pub const ACK: u16 = 4;
pub const DUMP: u16 = 0x300;
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;

const INET: u8 = 2;

#[inline]
fn attr(out: &mut Vec<u8>, number: u16, value: &[u8]) {
    let len = 4 + value.len();
    out.extend_from_slice(&(len as u16).to_ne_bytes());
    out.extend_from_slice(&number.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

#[inline]
fn u32(out: &mut Vec<u8>, number: u16, value: u32) {
    let mut bytes = [0; 8];
    bytes[..2].copy_from_slice(&8u16.to_ne_bytes());
    bytes[2..4].copy_from_slice(&number.to_ne_bytes());
    bytes[4..].copy_from_slice(&value.to_be_bytes());
    out.extend_from_slice(&bytes);
}

#[inline]
fn nest(out: &mut Vec<u8>, number: u16, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&(number | 0x8000).to_ne_bytes());
    content(out);
    let len = (out.len() - start) as u16;
    out[start..start + 2].copy_from_slice(&len.to_ne_bytes());
}

#[inline]
fn expr(out: &mut Vec<u8>, name: &[u8], content: impl FnOnce(&mut Vec<u8>)) {
    nest(out, 1, |out| {
        attr(out, 1, name);
        nest(out, 2, content);
    });
}

#[inline]
fn message(
    out: &mut Vec<u8>,
    (kind, flags, sequence): (u16, u16, u32),
    [family, high, low]: [u8; 3],
    content: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&(REQUEST | flags).to_ne_bytes());
    out.extend_from_slice(&sequence.to_ne_bytes());
    out.extend_from_slice(&[0, 0, 0, 0, family, 0, high, low]);
    content(out);
    let len = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&len.to_ne_bytes());
}

fn named(out: &mut Vec<u8>, number: u16, name: &str) {
    let mut bytes = [0; 256];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    attr(out, number, &bytes[..=name.len()]);
}

/// The begin of a batch.
pub fn begin(out: &mut Vec<u8>) {
    message(out, (BATCH_BEGIN, 0, 0), [0, 0, 10], |_| {});
}

/// The end of a batch, which asks for the ack of all of it (Linux 6.10).
pub fn end(out: &mut Vec<u8>, sequence: u32) {
    message(out, (BATCH_END, ACK, sequence), [0, 0, 10], |_| {});
}

fn compare(out: &mut Vec<u8>, with: &[u8]) {
    expr(out, b"cmp\0", |out| {
        u32(out, 1, 1);
        u32(out, 2, 0);
        nest(out, 3, |out| attr(out, 1, with));
    });
}

fn load_payload(out: &mut Vec<u8>, base: u32, offset: u32, len: u32) {
    expr(out, b"payload\0", |out| {
        u32(out, 1, 1);
        u32(out, 2, base);
        u32(out, 3, offset);
        u32(out, 4, len);
    });
}

/// `ip saddr ADDRESS tcp dport PORT counter drop`: 384 bytes in [`TABLE`] and [`CHAIN`].
#[inline]
pub fn rule(out: &mut Vec<u8>, sequence: u32, table: &[u8], chain: &[u8], address: [u8; 4], port: u16) {
    message(out, (NEWRULE, CREATE | APPEND, sequence), [INET, 0, 0], |out| {
        attr(out, 1, table);
        attr(out, 2, chain);
        nest(out, 4, |out| {
            load_payload(out, 1, 12, 4);
            compare(out, &address);
            expr(out, b"meta\0", |out| {
                u32(out, 2, 16);
                u32(out, 1, 1);
            });
            compare(out, &[6]);
            load_payload(out, 2, 2, 2);
            compare(out, &port.to_be_bytes());
            expr(out, b"counter\0", |_| {});
            expr(out, b"immediate\0", |out| {
                u32(out, 1, 0);
                nest(out, 2, |out| nest(out, 2, |out| u32(out, 1, 0)));
            });
        });
    });
}

/// The n-th rule.
pub fn nth_rule(out: &mut Vec<u8>, n: u64) {
    rule(out, n as u32 + 1, b"fw\0", b"input\0", values::address(n).octets(), values::port(n));
}

/// An element of a set of addresses: 16 bytes.
#[inline]
pub fn element(out: &mut Vec<u8>, key: [u8; 4]) {
    nest(out, 1, |out| nest(out, 1, |out| attr(out, 1, &key)));
}

/// A message with the elements from the `from`-th to before the `to`-th.
#[inline]
pub fn elements(out: &mut Vec<u8>, sequence: u32, from: u64, to: u64) {
    message(out, (NEWSETELEM, CREATE, sequence), [INET, 0, 0], |out| {
        named(out, 1, TABLE);
        named(out, 2, SET);
        nest(out, 3, |out| (from..to).for_each(|n| element(out, values::address(n).octets())));
    });
}

/// Whole datagrams: all rules or elements in one transaction.
pub fn transaction(n: u64, is_of_rules: bool) -> Vec<u8> {
    let mut out = Vec::new();
    begin(&mut out);
    let mut sequence = 0;
    if is_of_rules {
        (0..n).for_each(|n| nth_rule(&mut out, n));
        sequence = n as u32;
    } else {
        for from in (0..n).step_by(PER_MESSAGE as usize) {
            sequence += 1;
            elements(&mut out, sequence, from, n.min(from + PER_MESSAGE));
        }
    }
    end(&mut out, sequence + 1);
    out
}

/// A transaction that adds the elements from the `from`-th to before the `to`-th: one message of them.
pub fn small_transaction(out: &mut Vec<u8>, from: u64, to: u64) {
    begin(out);
    elements(out, 1, from, to);
    end(out, 2);
}

/// A request about the chain or a set; with [`DUMP`] for a listing.
pub fn request(kind: u16, flags: u16, set: &str) -> Vec<u8> {
    let mut out = Vec::new();
    message(&mut out, (kind, flags, 1), [INET, 0, 0], |out| {
        named(out, 1, TABLE);
        match kind {
            GETCHAIN => named(out, 3, CHAIN),
            GETRULE => named(out, 2, CHAIN),
            _ => named(out, 2, set),
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_384_bytes_and_an_element_16() {
        let mut out = Vec::new();
        nth_rule(&mut out, 0);
        assert_eq!(out.len(), 384);
        out.clear();
        element(&mut out, [0; 4]);
        assert_eq!(out.len(), 16);
    }
}
