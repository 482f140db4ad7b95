//! Whole datagrams of what is written [by hand](crate::by_hand): what the floor sends. The bytes are those of libnftnl
//! and nft.

use peers_work::{CHAIN, PER_MESSAGE, TABLE, values};

use crate::by_hand::{self, attr, message};

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

/// `NFPROTO_IPV4`
const IP: u8 = 2;

fn named(out: &mut Vec<u8>, number: u16, name: &str) {
    let mut bytes = [0; 256];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    attr(out, number, &bytes[..=name.len()]);
}

/// The begin of a batch.
pub fn begin(out: &mut Vec<u8>) {
    message(out, (BATCH_BEGIN, REQUEST, 0), [0, 0, 10], |_| {});
}

/// The end of a batch, which asks for the ack of all of it (Linux 6.10).
pub fn end(out: &mut Vec<u8>, sequence: u32) {
    message(out, (BATCH_END, REQUEST | ACK, sequence), [0, 0, 10], |_| {});
}

/// The n-th rule.
pub fn nth_rule(out: &mut Vec<u8>, n: u64) {
    by_hand::rule(out, n as u32 + 1, (b"fw\0", b"input\0"), values::address(n), values::port(n));
}

/// A message with the elements from the `from`-th to before the `to`-th.
#[inline]
pub fn elements(out: &mut Vec<u8>, sequence: u32, from: u64, to: u64) {
    by_hand::elements(out, sequence, (b"fw\0", b"s\0"), |out| {
        (from..to).for_each(|n| by_hand::element(out, &values::address(n).octets()));
    });
}

/// A whole datagram: all rules or elements in one transaction.
pub fn transaction(out: &mut Vec<u8>, n: u64, is_of_rules: bool) {
    begin(out);
    let mut sequence = 0;
    if is_of_rules {
        (0..n).for_each(|n| nth_rule(out, n));
        sequence = n as u32;
    } else {
        for from in (0..n).step_by(PER_MESSAGE as usize) {
            sequence += 1;
            elements(out, sequence, from, n.min(from + PER_MESSAGE));
        }
    }
    end(out, sequence + 1);
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
    message(&mut out, (kind, REQUEST | flags, 1), [IP, 0, 0], |out| {
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
        by_hand::element(&mut out, &[0; 4]);
        assert_eq!(out.len(), 16);
    }
}
