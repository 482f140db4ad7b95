//! Plain writers and readers: one pass, every length known beforehand but those of the nests.

use std::net::{Ipv4Addr, Ipv6Addr};

/// `NFPROTO_IPV4`
const IP: u8 = 2;

#[inline]
pub(crate) fn attr(out: &mut Vec<u8>, number: u16, value: &[u8]) {
    let len = 4 + value.len();
    out.extend_from_slice(&(len as u16).to_ne_bytes());
    out.extend_from_slice(&number.to_ne_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

#[inline]
pub(crate) fn u32(out: &mut Vec<u8>, number: u16, value: u32) {
    let mut bytes = [0; 8];
    bytes[..2].copy_from_slice(&8u16.to_ne_bytes());
    bytes[2..4].copy_from_slice(&number.to_ne_bytes());
    bytes[4..].copy_from_slice(&value.to_be_bytes());
    out.extend_from_slice(&bytes);
}

#[inline]
pub(crate) fn nest(out: &mut Vec<u8>, number: u16, content: impl FnOnce(&mut Vec<u8>)) {
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

/// A message of a family, with the number behind it that only the begin and the end of a batch have.
#[inline]
pub(crate) fn message(
    out: &mut Vec<u8>,
    (kind, flags, sequence): (u16, u16, u32),
    [family, high, low]: [u8; 3],
    content: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&sequence.to_ne_bytes());
    out.extend_from_slice(&[0, 0, 0, 0, family, 0, high, low]);
    content(out);
    let len = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&len.to_ne_bytes());
}

#[inline]
fn compare(out: &mut Vec<u8>, with: &[u8]) {
    expr(out, b"cmp\0", |out| {
        u32(out, 1, 1);
        u32(out, 2, 0);
        nest(out, 3, |out| attr(out, 1, with));
    });
}

#[inline]
fn load_payload(out: &mut Vec<u8>, base: u32, offset: u32, len: u32) {
    expr(out, b"payload\0", |out| {
        u32(out, 1, 1);
        u32(out, 2, base);
        u32(out, 3, offset);
        u32(out, 4, len);
    });
}

/// `ip saddr ADDRESS tcp dport PORT counter drop`, in a table of the family `ip`. The names end with a NUL; with those
/// of the comparison it has 384 bytes.
#[inline]
pub(crate) fn rule(out: &mut Vec<u8>, sequence: u32, (table, chain): (&[u8], &[u8]), address: Ipv4Addr, port: u16) {
    message(out, (0x0a06, 0x0c01, sequence), [IP, 0, 0], |out| {
        attr(out, 1, table);
        attr(out, 2, chain);
        nest(out, 4, |out| {
            load_payload(out, 1, 12, 4);
            compare(out, &address.octets());
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

/// A message that adds elements, in a table of the family `ip`. The names end with a NUL.
#[inline]
pub(crate) fn elements(
    out: &mut Vec<u8>,
    sequence: u32,
    (table, set): (&[u8], &[u8]),
    content: impl FnOnce(&mut Vec<u8>),
) {
    message(out, (0x0a0c, 0x0401, sequence), [IP, 0, 0], |out| {
        attr(out, 1, table);
        attr(out, 2, set);
        nest(out, 3, content);
    });
}

/// An entry with a key, and what comes after it.
#[inline]
fn entry(out: &mut Vec<u8>, key: &[u8], after: impl FnOnce(&mut Vec<u8>)) {
    nest(out, 1, |out| {
        nest(out, 1, |out| attr(out, 1, key));
        after(out);
    });
}

#[inline]
pub(crate) fn element(out: &mut Vec<u8>, key: &[u8]) {
    entry(out, key, |_| {});
}

/// An interval: the entries of its first value, and of the first after it.
#[inline]
pub(crate) fn interval(out: &mut Vec<u8>, first: Ipv4Addr, after: Ipv4Addr) {
    element(out, &first.octets());
    nest(out, 1, |out| {
        u32(out, 3, 1);
        nest(out, 1, |out| attr(out, 1, &after.octets()));
    });
}

#[inline]
pub(crate) fn address_and_port(out: &mut Vec<u8>, address: Ipv4Addr, port: u16) {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&address.octets());
    key[4..6].copy_from_slice(&port.to_be_bytes());
    element(out, &key);
}

#[inline]
pub(crate) fn address6_and_port(out: &mut Vec<u8>, address: Ipv6Addr, port: u16) {
    let mut key = [0; 20];
    key[..16].copy_from_slice(&address.octets());
    key[16..18].copy_from_slice(&port.to_be_bytes());
    element(out, &key);
}

/// An entry of a map of verdicts: the number of one that needs no chain.
#[inline]
pub(crate) fn to_verdict(out: &mut Vec<u8>, key: &[u8], verdict: u32) {
    entry(out, key, |out| nest(out, 2, |out| nest(out, 2, |out| u32(out, 1, verdict))));
}

/// A timeout in milliseconds.
#[inline]
pub(crate) fn with_timeout(out: &mut Vec<u8>, key: &[u8], timeout: u64) {
    nest(out, 1, |out| {
        attr(out, 4, &timeout.to_be_bytes());
        nest(out, 1, |out| attr(out, 1, key));
    });
}

#[inline]
pub(crate) fn with_comment(out: &mut Vec<u8>, key: &[u8], comment: &[u8]) {
    entry(out, key, |out| {
        let mut userdata = [0; 64];
        userdata[1] = comment.len() as u8 + 1;
        userdata[2..2 + comment.len()].copy_from_slice(comment);
        attr(out, 6, &userdata[..comment.len() + 3]);
    });
}

/// Attributes, read by one who trusts them.
#[inline]
pub(crate) fn attrs(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, _) = bytes.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let value = &bytes[4..len];
        bytes = &bytes[len.next_multiple_of(4).min(bytes.len())..];
        Some((u16::from_ne_bytes([head[2], head[3]]) & 0x3fff, value))
    })
}

#[inline]
fn number(value: &[u8]) -> u32 {
    u32::from_be_bytes(value.try_into().expect("four bytes"))
}

/// A value of an expression: bytes or a verdict.
#[derive(Debug)]
pub(crate) enum Value {
    Data([u8; 16], usize),
    Verdict(u32),
}

#[inline]
fn value(of: &[u8]) -> Value {
    let (kind, content) = attrs(of).next().expect("a value");
    if kind == 2 {
        return Value::Verdict(attrs(content).find(|(kind, _)| *kind == 1).map_or(0, |(_, code)| number(code)));
    }
    let mut bytes = [0; 16];
    bytes[..content.len()].copy_from_slice(content);
    Value::Data(bytes, content.len())
}

/// What the rule of the benches is made of.
#[derive(Debug)]
pub(crate) enum Expr {
    Payload([u32; 4]),
    Meta([u32; 2]),
    Cmp([u32; 2], Value),
    Counter([u64; 2]),
    Immediate(u32, Value),
}

#[inline]
fn numbers<const N: usize>(of: &[u8]) -> [u32; N] {
    let mut found = [0; N];
    for (kind, value) in attrs(of) {
        if let Some(place) = found.get_mut(usize::from(kind) - 1) {
            *place = number(value);
        }
    }
    found
}

/// Reads the expressions of a rule's attributes.
#[inline]
pub(crate) fn exprs(rule: &[u8]) -> impl Iterator<Item = Expr> {
    let list = attrs(rule).find(|(kind, _)| *kind == 4).map_or(&[][..], |(_, list)| list);
    attrs(list).map(|(_, expr)| {
        let mut parts = attrs(expr);
        let (name, content) = (parts.next().expect("a name").1, parts.next().map_or(&[][..], |(_, content)| content));
        match name {
            b"payload\0" => Expr::Payload(numbers(content)),
            b"meta\0" => Expr::Meta(numbers(content)),
            b"cmp\0" => {
                let (mut fields, mut with) = ([0; 2], None);
                for (kind, of) in attrs(content) {
                    match kind {
                        3 => with = Some(value(of)),
                        kind => fields[usize::from(kind) - 1] = number(of),
                    }
                }
                Expr::Cmp(fields, with.expect("a value"))
            }
            b"counter\0" => {
                let mut fields = [0; 2];
                for (kind, of) in attrs(content).filter(|(kind, _)| *kind < 3) {
                    fields[usize::from(kind) - 1] = u64::from_be_bytes(of.try_into().expect("eight bytes"));
                }
                Expr::Counter(fields)
            }
            b"immediate\0" => {
                let (mut register, mut with) = (0, None);
                for (kind, of) in attrs(content) {
                    match kind {
                        2 => with = Some(value(of)),
                        _ => register = number(of),
                    }
                }
                Expr::Immediate(register, with.expect("a value"))
            }
            other => panic!("{other:?} is not in the rule"),
        }
    })
}

/// Reads the addresses of elements that have nothing but a key, from a message's attributes.
#[inline]
pub(crate) fn addresses(attributes: &[u8]) -> impl Iterator<Item = Ipv4Addr> {
    let list = attrs(attributes).find(|(kind, _)| *kind == 3).map_or(&[][..], |(_, list)| list);
    attrs(list).filter_map(|(_, entry)| {
        let (_, key) = attrs(entry).find(|(kind, _)| *kind == 1)?;
        let (_, bytes) = attrs(key).next()?;
        Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?))
    })
}
