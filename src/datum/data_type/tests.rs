//! What nft says of its data types, compared with what is written here.

use super::*;
use crate::datum::{IntoValue, conversions};

/// What `nft describe` of nft 1.0.6 says: the first word of each value, of every type that has
/// words; of `inet_proto`, where they are those of `/etc/protocols`, the ones that are known here.
const WORDS: &[(DataType, &[(u64, &str)])] = &[
    (DataType::NF_PROTO, &[(0x2, "ipv4"), (0xa, "ipv6")]),
    (DataType::ETHER_TYPE, &[(0x800, "ip"), (0x806, "arp"), (0x8100, "8021q"), (0x86dd, "ip6"), (0x88a8, "8021ad")]),
    (
        DataType::ARP_OP,
        &[
            (0x1, "request"),
            (0x2, "reply"),
            (0x3, "rrequest"),
            (0x4, "rreply"),
            (0x8, "inrequest"),
            (0x9, "inreply"),
            (0xa, "nak"),
        ],
    ),
    (
        DataType::INET_PROTO,
        &[
            (0x1, "icmp"),
            (0x2, "igmp"),
            (0x6, "tcp"),
            (0x11, "udp"),
            (0x21, "dccp"),
            (0x2f, "gre"),
            (0x32, "esp"),
            (0x33, "ah"),
            (0x3a, "ipv6-icmp"),
            (0x6c, "ipcomp"),
            (0x84, "sctp"),
            (0x88, "udplite"),
        ],
    ),
    (
        DataType::ICMP_TYPE,
        &[
            (0x0, "echo-reply"),
            (0x3, "destination-unreachable"),
            (0x4, "source-quench"),
            (0x5, "redirect"),
            (0x8, "echo-request"),
            (0x9, "router-advertisement"),
            (0xa, "router-solicitation"),
            (0xb, "time-exceeded"),
            (0xc, "parameter-problem"),
            (0xd, "timestamp-request"),
            (0xe, "timestamp-reply"),
            (0xf, "info-request"),
            (0x10, "info-reply"),
            (0x11, "address-mask-request"),
            (0x12, "address-mask-reply"),
        ],
    ),
    (
        DataType::DCCP_PKTTYPE,
        &[
            (0x0, "request"),
            (0x1, "response"),
            (0x2, "data"),
            (0x3, "ack"),
            (0x4, "dataack"),
            (0x5, "closereq"),
            (0x6, "close"),
            (0x7, "reset"),
            (0x8, "sync"),
            (0x9, "syncack"),
        ],
    ),
    (
        DataType::MH_TYPE,
        &[
            (0x0, "binding-refresh-request"),
            (0x1, "home-test-init"),
            (0x2, "careof-test-init"),
            (0x3, "home-test"),
            (0x4, "careof-test"),
            (0x5, "binding-update"),
            (0x6, "binding-acknowledgement"),
            (0x7, "binding-error"),
            (0x8, "fast-binding-update"),
            (0x9, "fast-binding-acknowledgement"),
            (0xa, "fast-binding-advertisement"),
            (0xb, "experimental-mobility-header"),
            (0xc, "home-agent-switch-message"),
        ],
    ),
    (
        DataType::TCP_FLAG,
        &[
            (0x1, "fin"),
            (0x2, "syn"),
            (0x4, "rst"),
            (0x8, "psh"),
            (0x10, "ack"),
            (0x20, "urg"),
            (0x40, "ecn"),
            (0x80, "cwr"),
        ],
    ),
    (
        DataType::IFACE_TYPE,
        &[
            (0x1, "ether"),
            (0x200, "ppp"),
            (0x300, "ipip"),
            (0x301, "ipip6"),
            (0x304, "loopback"),
            (0x308, "sit"),
            (0x30a, "ipgre"),
        ],
    ),
    (
        DataType::CT_STATE,
        &[(0x1, "invalid"), (0x2, "established"), (0x4, "related"), (0x8, "new"), (0x40, "untracked")],
    ),
    (DataType::CT_DIR, &[(0x0, "original"), (0x1, "reply")]),
    (
        DataType::CT_STATUS,
        &[
            (0x1, "expected"),
            (0x2, "seen-reply"),
            (0x4, "assured"),
            (0x8, "confirmed"),
            (0x10, "snat"),
            (0x20, "dnat"),
            (0x200, "dying"),
        ],
    ),
    (
        DataType::ICMPV6_TYPE,
        &[
            (0x1, "destination-unreachable"),
            (0x2, "packet-too-big"),
            (0x3, "time-exceeded"),
            (0x4, "parameter-problem"),
            (0x80, "echo-request"),
            (0x81, "echo-reply"),
            (0x82, "mld-listener-query"),
            (0x83, "mld-listener-report"),
            (0x84, "mld-listener-done"),
            (0x85, "nd-router-solicit"),
            (0x86, "nd-router-advert"),
            (0x87, "nd-neighbor-solicit"),
            (0x88, "nd-neighbor-advert"),
            (0x89, "nd-redirect"),
            (0x8a, "router-renumbering"),
            (0x8d, "ind-neighbor-solicit"),
            (0x8e, "ind-neighbor-advert"),
            (0x8f, "mld2-listener-report"),
        ],
    ),
    (DataType::PKT_TYPE, &[(0x0, "host"), (0x1, "broadcast"), (0x2, "multicast"), (0x3, "other")]),
    (
        DataType::ICMP_CODE,
        &[
            (0x0, "net-unreachable"),
            (0x1, "host-unreachable"),
            (0x2, "prot-unreachable"),
            (0x3, "port-unreachable"),
            (0x4, "frag-needed"),
            (0x9, "net-prohibited"),
            (0xa, "host-prohibited"),
            (0xd, "admin-prohibited"),
        ],
    ),
    (
        DataType::ICMPV6_CODE,
        &[
            (0x0, "no-route"),
            (0x1, "admin-prohibited"),
            (0x3, "addr-unreachable"),
            (0x4, "port-unreachable"),
            (0x5, "policy-fail"),
            (0x6, "reject-route"),
        ],
    ),
    (
        DataType::ICMPX_CODE,
        &[(0x0, "no-route"), (0x1, "port-unreachable"), (0x2, "host-unreachable"), (0x3, "admin-prohibited")],
    ),
    (
        DataType::DSCP,
        &[
            (0x0, "cs0"),
            (0x1, "lephb"),
            (0x8, "cs1"),
            (0xa, "af11"),
            (0xc, "af12"),
            (0xe, "af13"),
            (0x10, "cs2"),
            (0x12, "af21"),
            (0x14, "af22"),
            (0x16, "af23"),
            (0x18, "cs3"),
            (0x1a, "af31"),
            (0x1c, "af32"),
            (0x1e, "af33"),
            (0x20, "cs4"),
            (0x22, "af41"),
            (0x24, "af42"),
            (0x26, "af43"),
            (0x28, "cs5"),
            (0x2c, "va"),
            (0x2e, "ef"),
            (0x30, "cs6"),
            (0x38, "cs7"),
        ],
    ),
    (
        DataType::FIB_ADDRTYPE,
        &[
            (0x0, "unspec"),
            (0x1, "unicast"),
            (0x2, "local"),
            (0x3, "broadcast"),
            (0x4, "anycast"),
            (0x5, "multicast"),
            (0x6, "blackhole"),
            (0x7, "unreachable"),
            (0x8, "prohibit"),
        ],
    ),
    (DataType::ECN, &[(0x0, "not-ect"), (0x1, "ect1"), (0x2, "ect0"), (0x3, "ce")]),
    (
        DataType::CT_EVENT,
        &[
            (0x1, "new"),
            (0x2, "related"),
            (0x4, "destroy"),
            (0x8, "reply"),
            (0x10, "assured"),
            (0x20, "protoinfo"),
            (0x40, "helper"),
            (0x80, "mark"),
            (0x100, "seqadj"),
            (0x200, "secmark"),
            (0x400, "label"),
        ],
    ),
    (
        DataType::IGMP_TYPE,
        &[
            (0x11, "membership-query"),
            (0x12, "membership-report-v1"),
            (0x16, "membership-report-v2"),
            (0x17, "leave-group"),
            (0x22, "membership-report-v3"),
        ],
    ),
    (
        DataType::DAY,
        &[
            (0x0, "Sunday"),
            (0x1, "Monday"),
            (0x2, "Tuesday"),
            (0x3, "Wednesday"),
            (0x4, "Thursday"),
            (0x5, "Friday"),
            (0x6, "Saturday"),
        ],
    ),
];

fn shown(kind: DataType, bytes: &[u8]) -> String {
    kind.display(bytes).to_string()
}

/// A number as a value of a type of known length.
fn value(kind: DataType, number: u64) -> Vec<u8> {
    let len = kind.len().unwrap();
    let mut bytes = number.to_be_bytes()[8 - len..].to_vec();
    if kind.order() == ByteOrder::Host && cfg!(target_endian = "little") {
        bytes.reverse();
    }
    bytes
}

#[test]
fn values_have_the_words_that_nft_has_for_them() {
    for &(kind, words) in WORDS {
        for &(number, word) in words {
            let word = if kind == DataType::DAY { format!("\"{word}\"") } else { word.to_owned() };
            assert_eq!(shown(kind, &value(kind, number)), word, "{kind} {number}");
        }
    }
}

#[test]
fn no_other_value_has_a_word() {
    for &(kind, words) in WORDS {
        let known = |number: u64| words.iter().any(|(with_word, _)| *with_word == number);
        let numbers: Vec<u64> = match kind {
            DataType::TCP_FLAG => (0..8).map(|bit| 1 << bit).collect(),
            DataType::CT_STATE | DataType::CT_STATUS | DataType::CT_EVENT => (0..32).map(|bit| 1 << bit).collect(),
            // The highest number stands for the highest value.
            _ if kind.len() == Some(1) => (0..255).collect(),
            _ => (0..=0xffff).collect(),
        };
        for number in numbers.into_iter().filter(|&number| !known(number)) {
            let text = shown(kind, &value(kind, number));
            let read = match text.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16),
                None => text.trim_matches('"').parse(),
            };
            assert_eq!(read, Ok(number), "{kind} {number}: {text}");
        }
    }
}

#[test]
fn values_are_shown_as_nft_shows_them() {
    assert_eq!(shown(DataType::IPV4_ADDR, &[1, 2, 3, 4]), "1.2.3.4");
    assert_eq!(shown(DataType::IPV4_ADDR, &[1, 2, 3]), "0x010203");
    assert_eq!(shown(DataType::INET_SERVICE, &[0, 80]), "80");
    assert_eq!(shown(DataType::INET_PROTO, &[6]), "tcp");
    assert_eq!(shown(DataType::IFNAME, b"eth0\0\0\0\0\0\0\0\0\0\0\0\0"), "\"eth0\"");
    assert_eq!(shown(DataType::HOUR, &61_200u32.to_ne_bytes()), "\"17:00\"");
    assert_eq!(shown(DataType::DATE, &0u64.to_ne_bytes()), "\"1970-01-01 00:00:00\"");
    assert_eq!(shown(DataType::TIME, &1500u32.to_ne_bytes()), "1s500ms");
    assert_eq!(shown(DataType::UID, &1000u32.to_ne_bytes()), "1000");
    assert_eq!(shown(DataType::CT_STATE, &6u32.to_ne_bytes()), "established | related");
    assert_eq!(shown(DataType::INTEGER, &[200]), "200");
    assert_eq!(shown(DataType::INTEGER, &[0, 200]), "0x00c8");
    assert_eq!(DataType::from_raw(7 << 6 | 13).describe(), "ipv4_addr . inet_service");
    assert_eq!(DataType::SET_VERDICT.describe(), "verdict");
}

fn concatenation(parts: &[DataType]) -> DataType {
    DataType::from_raw(parts.iter().fold(0, |all, part| all << 6 | part.get()))
}

#[test]
fn the_parts_of_a_concatenation_are_shown_each_as_its_type() {
    let kind = concatenation(&[DataType::IFNAME, DataType::INET_SERVICE, DataType::ETHER_ADDR, DataType::MARK]);
    assert_eq!(kind.len(), Some(32));
    let mut key = b"eth0\0\0\0\0\0\0\0\0\0\0\0\0\0\x16\0\0\0\x01\x02\x03\x04\x05\0\0".to_vec();
    key.extend(7u32.to_ne_bytes());
    assert_eq!(shown(kind, &key), "\"eth0\" . 22 . 00:01:02:03:04:05 . 0x00000007");
    assert_eq!(shown(kind, &[1, 2]), "0x0102");
    let with_integer = concatenation(&[DataType::INTEGER, DataType::INET_SERVICE]);
    assert_eq!((with_integer.len(), shown(with_integer, &[1, 0, 0, 0])), (None, "0x01000000".into()));
}

#[test]
fn bytes_that_sort_are_turned_back_by_the_order_of_their_type() {
    use crate::datum::unsorted;
    use crate::expr::Data;

    let turned = |kind, bytes: &[u8]| unsorted(kind, &Data::new(bytes)).as_bytes().to_vec();
    assert_eq!(turned(DataType::UID, &1u32.to_be_bytes()), 1u32.to_ne_bytes());
    assert_eq!(turned(DataType::DATE, &1u64.to_be_bytes()), 1u64.to_ne_bytes());
    assert_eq!(turned(DataType::INET_SERVICE, &[0, 1]), [0, 1]);
    assert_eq!(turned(DataType::IFNAME, b"eth0\0\0\0\0\0\0\0\0\0\0\0\0"), b"eth0\0\0\0\0\0\0\0\0\0\0\0\0");
    let kind = concatenation(&[DataType::IFACE_TYPE, DataType::IPV4_ADDR]);
    let [low, high] = 1u16.to_ne_bytes();
    assert_eq!(turned(kind, &[0, 1, 0, 0, 1, 2, 3, 4]), [low, high, 0, 0, 1, 2, 3, 4]);
}

#[test]
fn what_converts_has_the_layout_of_its_type_and_reads_itself() {
    fn check<V: Datum + PartialEq>(value: V) {
        if ![DataType::BITMASK, DataType::INTEGER, DataType::STRING].contains(&V::TYPE) {
            assert_eq!((V::TYPE.len(), V::TYPE.order()), (Some(V::LEN), V::ORDER), "{value:?}");
        }
        let data = value.to_data().unwrap();
        assert_eq!(data.as_bytes().len(), V::LEN, "{value:?}");
        assert_eq!(V::from_data(data.as_bytes()).as_ref(), Some(&value));
        assert_eq!(V::from_data(&vec![0; V::LEN + 1]), None);
        assert_eq!(V::from_data(&[]), None);
    }

    fn check_ordered<V: crate::datum::Ordered>() {}

    macro_rules! checks {
        ($($from:ty => $value:ty $(, $ordered:ident)?;)*) => {$(
            check::<$value>(<$from as Sample>::sample().into_value());
            $(checks!(@$ordered $value);)?
        )*};
        (@ordered $value:ty) => { check_ordered::<$value>() };
    }

    conversions!(checks);
    check(Hour::new(17, 30));
    check(Ipv4Addr::LOCALHOST);
    check(Ipv6Addr::LOCALHOST);
    check(Family::IP);
}

/// Something to convert.
trait Sample {
    fn sample() -> Self;
}

macro_rules! samples {
    ($($from:ty: $sample:expr;)*) => {$(
        impl Sample for $from {
            fn sample() -> Self {
                $sample
            }
        }
    )*};
}

samples! {
    bool: true;
    u8: 2;
    u16: 0x0102;
    u32: 0x0001_0203;
    u64: 0x0102_0304_0506_0708;
    [u8; 6]: [1, 2, 3, 4, 5, 6];
    std::time::SystemTime: std::time::UNIX_EPOCH + std::time::Duration::from_nanos(0x0102_0304_0506_0708);
    std::time::Duration: std::time::Duration::from_millis(0x0102_0304);
    &str: "eth0";
    String: "eth0".to_owned();
}

impl Sample for &String {
    fn sample() -> Self {
        Box::leak(Box::new(String::sample()))
    }
}
