//! What a set's keys or values are of, as nft notes it in USERDATA for `typeof`.

use super::{entries, put_nest, put_u32, u32_of};
use crate::datum::ByteOrder;
use crate::expr::{CtKey, MetaKey};
use crate::wire::AttrWriter;

const NFTNL_UDATA_SET_TYPEOF_EXPR: u8 = 0;
const NFTNL_UDATA_SET_TYPEOF_DATA: u8 = 1;

// nft's numbers for its own kinds of expression (`enum expr_types`).
const EXPR_VERDICT: u32 = 1;
const EXPR_PAYLOAD: u32 = 7;
const EXPR_EXTHDR: u32 = 8;
const EXPR_META: u32 = 9;
const EXPR_SOCKET: u32 = 10;
const EXPR_OSF: u32 = 11;
const EXPR_CT: u32 = 12;
const EXPR_CONCAT: u32 = 13;
const EXPR_NUMGEN: u32 = 23;
const EXPR_HASH: u32 = 24;
const EXPR_RT: u32 = 25;
const EXPR_FIB: u32 = 26;
const EXPR_XFRM: u32 = 27;

/// What the keys of a set, or the values of a map, are values of: nft's note of a `typeof`.
///
/// All numbers are nft's own or the kernel's; nft may number its own anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Typeof {
    /// A verdict.
    Verdict,
    /// A field of a header.
    #[non_exhaustive]
    Payload {
        /// The header (`enum proto_desc_id`): 12 is IPv4, 8 TCP; 0 is none, of `@nh,0,8` and the like.
        header: u32,
        /// The number of the field in the header.
        field: u32,
        /// The base and the offset in bits, of a field that has no name.
        raw: Option<(u32, u32)>,
        /// The length in bits, where the data type does not tell it.
        bits: Option<u32>,
        /// The header that encapsulates (`vxlan ip saddr`).
        inner: Option<u32>,
    },
    /// A field of an IPv6 extension header, a TCP option, an IPv4 option or a chunk.
    #[non_exhaustive]
    Exthdr {
        /// The header or option.
        header: u32,
        /// The number of its field.
        field: u32,
        /// What has such headers (`enum nft_exthdr_op`); without, IPv6.
        op: Option<u32>,
    },
    /// What the kernel knows of the packet.
    #[non_exhaustive]
    Meta {
        /// What of it.
        key: MetaKey,
        /// The header that encapsulates the packet.
        inner: Option<u32>,
    },
    /// What the kernel knows of the connection.
    #[non_exhaustive]
    Ct {
        /// What of it.
        key: CtKey,
        /// The direction; without, the number is all ones.
        direction: Option<u32>,
    },
    /// What the kernel knows of the packet's socket (`enum nft_socket_keys`).
    Socket(u32),
    /// The sender's operating system.
    Osf,
    /// Something of the packet's route (`enum nft_rt_keys`).
    Rt(u32),
    /// What a lookup in the routing table finds.
    #[non_exhaustive]
    Fib {
        /// What of it (`enum nft_fib_result`).
        result: u32,
        /// What is looked up (`enum nft_fib_flags`).
        flags: u32,
    },
    /// Something of the packet's IPsec state.
    #[non_exhaustive]
    Xfrm {
        /// What of it (`enum nft_xfrm_keys`).
        key: u32,
        /// Which of the states.
        number: u32,
        /// In or out.
        direction: u32,
    },
    /// A number that is made for the packet.
    #[non_exhaustive]
    Numgen {
        /// How (`enum nft_ng_types`).
        kind: u32,
        /// The number after the highest.
        modulus: u32,
        /// What is added.
        offset: u32,
    },
    /// A hash.
    #[non_exhaustive]
    Hash {
        /// Of what kind (`enum nft_hash_types`).
        kind: u32,
        /// What is added.
        offset: u32,
        /// The number after the highest.
        modulus: u32,
        /// The seed.
        seed: u32,
        /// Whether there is a seed.
        seed_set: u32,
    },
    /// Several, one after another. Of none, nft knew only the data types.
    Concat(Vec<Typeof>),
    /// Bytes that nft would not write for any of the above.
    Other(Vec<u8>),
}

impl Typeof {
    /// Reads what is in a nest; whatever is not written so again is kept as bytes.
    pub(crate) fn read(nest: &[u8]) -> Self {
        let read = Self::known(nest, true).filter(|known| {
            let mut w = AttrWriter::new();
            known.put(&mut w);
            w.bytes_written() == nest
        });
        read.unwrap_or_else(|| Self::Other(nest.to_vec()))
    }

    /// A concatenation has no others as parts.
    fn known(nest: &[u8], whole: bool) -> Option<Self> {
        let find = |number| entries(nest).find(|(n, _)| *n == number).map(|(_, value)| value);
        let kind = u32_of(find(NFTNL_UDATA_SET_TYPEOF_EXPR)?)?;
        let data = find(NFTNL_UDATA_SET_TYPEOF_DATA)?;
        let number = |wanted| entries(data).find(|(n, _)| *n == wanted).and_then(|(_, value)| u32_of(value));
        Some(match kind {
            EXPR_VERDICT => Self::Verdict,
            EXPR_PAYLOAD => Self::Payload {
                header: number(0)?,
                field: number(1)?,
                raw: number(2).zip(number(3)),
                bits: number(4),
                inner: number(5),
            },
            EXPR_EXTHDR => Self::Exthdr { header: number(0)?, field: number(1)?, op: number(2) },
            EXPR_META => Self::Meta { key: MetaKey::from_raw(number(0)?), inner: number(1) },
            EXPR_SOCKET => Self::Socket(number(0)?),
            EXPR_OSF => Self::Osf,
            EXPR_CT => {
                Self::Ct { key: CtKey::from_raw(number(0)?), direction: number(1).filter(|&number| number != u32::MAX) }
            }
            EXPR_CONCAT if whole => {
                let parts = entries(data).map(|(_, part)| Self::known(part, false));
                Self::Concat(parts.collect::<Option<_>>()?)
            }
            EXPR_NUMGEN => Self::Numgen { kind: number(0)?, modulus: number(1)?, offset: number(2)? },
            EXPR_HASH => Self::Hash {
                kind: number(0)?,
                offset: number(1)?,
                modulus: number(2)?,
                seed: number(3)?,
                seed_set: number(4)?,
            },
            EXPR_RT => Self::Rt(number(0)?),
            EXPR_FIB => Self::Fib { result: number(0)?, flags: number(1)? },
            EXPR_XFRM => Self::Xfrm { key: number(0)?, number: number(1)?, direction: number(2)? },
            _ => return None,
        })
    }

    /// The order that nft says a field's values are in, also where they are one byte.
    pub(crate) fn order(&self) -> Option<ByteOrder> {
        const NFT_CT_PROTOCOL: CtKey = CtKey::from_raw(10);
        match self {
            Self::Payload { .. } | Self::Exthdr { .. } | Self::Ct { key: NFT_CT_PROTOCOL, .. } => {
                Some(ByteOrder::Network)
            }
            Self::Meta { .. } | Self::Ct { .. } | Self::Socket(_) => Some(ByteOrder::Host),
            _ => None,
        }
    }

    /// Writes what is in a nest, in nft's order.
    pub(crate) fn put(&self, w: &mut AttrWriter) {
        let some = |number: u8, value: &Option<u32>| value.map(|value| (number, value));
        let (kind, numbers): (u32, [Option<(u8, u32)>; 6]) = match self {
            Self::Other(bytes) => return w.buffer().extend_from_slice(bytes),
            Self::Concat(parts) => {
                put_u32(w, NFTNL_UDATA_SET_TYPEOF_EXPR, EXPR_CONCAT);
                return put_nest(w, NFTNL_UDATA_SET_TYPEOF_DATA, |w| {
                    parts.iter().zip(0..).for_each(|(part, n)| put_nest(w, n, |w| part.put(w)));
                });
            }
            Self::Verdict => (EXPR_VERDICT, [None; 6]),
            Self::Osf => (EXPR_OSF, [None; 6]),
            Self::Payload { header, field, raw, bits, inner } => {
                let (base, offset) = raw.unzip();
                let numbers = [
                    Some((0, *header)),
                    Some((1, *field)),
                    some(2, &base),
                    some(3, &offset),
                    some(4, bits),
                    some(5, inner),
                ];
                (EXPR_PAYLOAD, numbers)
            }
            Self::Exthdr { header, field, op } => {
                (EXPR_EXTHDR, [Some((1, *field)), some(2, op), Some((0, *header)), None, None, None])
            }
            Self::Meta { key, inner } => (EXPR_META, [Some((0, key.get())), some(1, inner), None, None, None, None]),
            Self::Socket(key) => (EXPR_SOCKET, [Some((0, *key)), None, None, None, None, None]),
            Self::Rt(key) => (EXPR_RT, [Some((0, *key)), None, None, None, None, None]),
            Self::Ct { key, direction } => {
                let direction = direction.unwrap_or(u32::MAX);
                (EXPR_CT, [Some((0, key.get())), Some((1, direction)), None, None, None, None])
            }
            Self::Fib { result, flags } => (EXPR_FIB, [Some((0, *result)), Some((1, *flags)), None, None, None, None]),
            Self::Xfrm { key, number, direction } => {
                (EXPR_XFRM, [Some((0, *key)), Some((1, *number)), Some((2, *direction)), None, None, None])
            }
            Self::Numgen { kind, modulus, offset } => {
                (EXPR_NUMGEN, [Some((0, *kind)), Some((1, *modulus)), Some((2, *offset)), None, None, None])
            }
            Self::Hash { kind, offset, modulus, seed, seed_set } => {
                let numbers = [(0, *kind), (1, *offset), (2, *modulus), (3, *seed), (4, *seed_set)].map(Some);
                let [kind, offset, modulus, seed, seed_set] = numbers;
                (EXPR_HASH, [kind, offset, modulus, seed, seed_set, None])
            }
        };
        put_u32(w, NFTNL_UDATA_SET_TYPEOF_EXPR, kind);
        put_nest(w, NFTNL_UDATA_SET_TYPEOF_DATA, |w| {
            numbers.into_iter().flatten().for_each(|(number, value)| put_u32(w, number, value))
        });
    }
}

/// What a part of a set's keys or values is of, with its byte order as nft sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FieldOf {
    /// nft has no number for what is computed.
    pub(crate) of: Option<Typeof>,
    pub(crate) order: Option<ByteOrder>,
}

impl FieldOf {
    /// A field as it is.
    pub(crate) fn plain(of: Typeof) -> Self {
        Self { order: of.order(), of: Some(of) }
    }

    /// What is computed of a field.
    pub(crate) fn computed(self) -> Self {
        Self { of: None, ..self }
    }

    /// All of them, if each is known: one, or a concatenation.
    pub(crate) fn together(fields: &[Self]) -> Option<Typeof> {
        let mut all = fields.iter().map(|field| field.of.clone()).collect::<Option<Vec<_>>>()?;
        match all.len() {
            0 => None,
            1 => all.pop(),
            _ => Some(Typeof::Concat(all)),
        }
    }
}

/// What nft keeps with a set: all of its userdata as a value.
///
/// Bytes that nft would not write so are none: [`SetInfo::userdata`](crate::SetInfo::userdata) has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SetUserdata {
    /// The order of the bytes of keys.
    pub key_order: Option<ByteOrder>,
    /// The order of the bytes of values, of a map.
    pub data_order: Option<ByteOrder>,
    /// Whether intervals are merged (`auto-merge`).
    pub merges: Option<bool>,
    /// What keys are values of.
    pub key_typeof: Option<Typeof>,
    /// What values are values of, of a map.
    pub data_typeof: Option<Typeof>,
    /// Whether values are intervals, of a map.
    pub data_interval: Option<bool>,
    /// The comment.
    pub comment: Option<String>,
}

impl SetUserdata {
    /// Reads userdata, if all of it is understood.
    ///
    /// ```
    /// use nftlink::SetUserdata;
    /// use nftlink::datum::ByteOrder;
    ///
    /// # #[cfg(target_endian = "little")] {
    /// let read = SetUserdata::parse(&[0, 4, 2, 0, 0, 0]).unwrap();
    /// assert_eq!(read.key_order, Some(ByteOrder::Network));
    /// assert_eq!(read.to_bytes(), [0, 4, 2, 0, 0, 0]);
    /// # }
    /// ```
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let find = |number| entries(bytes).find(|(n, _)| *n == number).map(|(_, value)| value);
        let number = |wanted| find(wanted).and_then(u32_of);
        let comment = find(super::NFTNL_UDATA_SET_COMMENT).and_then(|text| text.strip_suffix(b"\0"));
        let read = Self {
            key_order: number(super::NFTNL_UDATA_SET_KEYBYTEORDER).and_then(ByteOrder::from_number),
            data_order: number(super::NFTNL_UDATA_SET_DATABYTEORDER).and_then(ByteOrder::from_number),
            merges: number(super::NFTNL_UDATA_SET_MERGE_ELEMENTS).map(|number| number != 0),
            key_typeof: find(super::NFTNL_UDATA_SET_KEY_TYPEOF).map(Typeof::read),
            data_typeof: find(super::NFTNL_UDATA_SET_DATA_TYPEOF).map(Typeof::read),
            data_interval: number(super::NFTNL_UDATA_SET_DATA_INTERVAL).map(|number| number != 0),
            comment: comment.and_then(|text| String::from_utf8(text.to_vec()).ok()),
        };
        (read.to_bytes() == bytes).then_some(read)
    }

    /// Writes the bytes as nft does. What is longer than an entry can be is left out.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = AttrWriter::new();
        self.put(&mut w);
        w.bytes_written().to_vec()
    }

    fn put(&self, w: &mut AttrWriter) {
        let flag = |value: Option<bool>| value.map(u32::from);
        let numbers = [
            (super::NFTNL_UDATA_SET_KEYBYTEORDER, self.key_order.map(ByteOrder::number)),
            (super::NFTNL_UDATA_SET_DATABYTEORDER, self.data_order.map(ByteOrder::number)),
            (super::NFTNL_UDATA_SET_MERGE_ELEMENTS, flag(self.merges)),
        ];
        for (number, value) in numbers {
            if let Some(value) = value {
                put_u32(w, number, value);
            }
        }
        let nests = [
            (super::NFTNL_UDATA_SET_KEY_TYPEOF, &self.key_typeof),
            (super::NFTNL_UDATA_SET_DATA_TYPEOF, &self.data_typeof),
        ];
        for (number, of) in nests {
            if let Some(of) = of {
                put_nest(w, number, |w| of.put(w));
            }
        }
        if let Some(value) = flag(self.data_interval) {
            put_u32(w, super::NFTNL_UDATA_SET_DATA_INTERVAL, value);
        }
        if let Some(comment) = &self.comment {
            put_nest(w, super::NFTNL_UDATA_SET_COMMENT, |w| {
                w.buffer().extend_from_slice(comment.as_bytes());
                w.buffer().push(0);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(of: &Typeof) -> Vec<u8> {
        let mut w = AttrWriter::new();
        of.put(&mut w);
        w.bytes_written().to_vec()
    }

    fn of_every_kind() -> Vec<Typeof> {
        let kinds = vec![
            Typeof::Verdict,
            Typeof::Payload { header: 12, field: 11, raw: None, bits: None, inner: None },
            Typeof::Payload { header: 0, field: 0, raw: Some((4, 32)), bits: Some(32), inner: None },
            Typeof::Payload { header: 12, field: 11, raw: None, bits: None, inner: Some(18) },
            Typeof::Exthdr { header: 5, field: 1, op: None },
            Typeof::Exthdr { header: 2, field: 1, op: Some(1) },
            Typeof::Meta { key: MetaKey::MARK, inner: None },
            Typeof::Meta { key: MetaKey::PROTOCOL, inner: Some(18) },
            Typeof::Ct { key: CtKey::MARK, direction: None },
            Typeof::Ct { key: CtKey::SRC_IP, direction: Some(1) },
            Typeof::Socket(1),
            Typeof::Osf,
            Typeof::Rt(0),
            Typeof::Fib { result: 3, flags: 2 },
            Typeof::Xfrm { key: 5, number: 0, direction: 1 },
            Typeof::Numgen { kind: 0, modulus: 2, offset: 0 },
            Typeof::Hash { kind: 0, offset: 0, modulus: 2, seed: 7, seed_set: 1 },
        ];
        let all = kinds.clone().into_iter().chain([Typeof::Concat(Vec::new()), Typeof::Concat(kinds[..4].to_vec())]);
        all.collect()
    }

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        for of in of_every_kind() {
            assert_eq!(Typeof::read(&written(&of)), of);
            let userdata = SetUserdata { key_typeof: Some(of), key_order: Some(ByteOrder::Host), ..Default::default() };
            assert_eq!(SetUserdata::parse(&userdata.to_bytes()), Some(userdata));
        }
    }

    #[test]
    fn what_nft_would_not_write_is_kept_as_bytes() {
        let mut seen = 0;
        for of in of_every_kind() {
            let bytes = written(&of);
            for at in 0..bytes.len() {
                for byte in [0, 1, 4, 13, 0xff] {
                    let mut other = bytes.clone();
                    other[at] = byte;
                    let read = Typeof::read(&other);
                    assert_eq!(written(&read), other, "{read:?}");
                    seen += usize::from(matches!(read, Typeof::Other(_)));
                }
                assert_eq!(written(&Typeof::read(&bytes[..at])), bytes[..at]);
            }
        }
        assert!(seen > 100, "{seen}");
        // A concatenation in another one.
        let nested = written(&Typeof::Concat(vec![Typeof::Concat(vec![Typeof::Osf])]));
        assert_eq!(Typeof::read(&nested), Typeof::Other(nested));
    }

    #[test]
    fn userdata_that_nft_would_not_write_is_no_value() {
        let read = SetUserdata { comment: Some("x".to_owned()), merges: Some(true), ..Default::default() };
        let bytes = read.to_bytes();
        assert_eq!(SetUserdata::parse(&bytes), Some(read));
        assert_eq!(SetUserdata::parse(&[&bytes[..], b"\x40\0"].concat()), None);
        assert_eq!(SetUserdata::parse(&bytes[..bytes.len() - 1]), None);
        assert_eq!(SetUserdata::parse(b""), Some(SetUserdata::default()));
    }
}
