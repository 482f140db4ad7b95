//! The kernel's policies: the attributes that each nest may have, what they hold, and which it must have, of some one
//! of several (net/netfilter/nf_tables_api.c and the expressions beside it, Linux 6.18).

use super::Kind::{
    Any, Body, Bytes, Devices, List, MaybeText, Nest, Repeated, Text, Timeouts, U8, U16, U32, U64, Word,
};
use super::Policy;

macro_rules! policy {
    ($name:ident: $(($number:expr, $kind:expr)),*; $($required:expr),*) => {
        pub static $name: Policy = Policy { known: &[$(($number, $kind)),*], required: &[$(&$required),*] };
    };
}

policy!(BITWISE: (1, U32), (2, U32), (3, U32), (4, Nest(&DATA)), (5, Nest(&DATA)), (6, U32), (7, Nest(&DATA)), (8, U32); [1], [2], [3]);
policy!(BYTEORDER: (1, U32), (2, U32), (3, U32), (4, U32), (5, U32); [1], [2], [3], [4], [5]);
policy!(CHAIN: (1, Text(255)), (2, U64), (3, Text(255)), (4, Nest(&HOOK)), (5, U32), (7, Text(49)), (8, Nest(&COUNTER)), (10, U32), (11, U32), (12, Bytes(256)););
policy!(CMP: (1, U32), (2, U32), (3, Nest(&DATA)); [1], [2], [3]);
policy!(CONCAT: (1, U32); [1]);
policy!(CONNLIMIT: (1, U32), (2, U32); [1]);
policy!(COUNTER: (1, U64), (2, U64););
policy!(CT_EXPECT: (1, U16), (2, U8), (3, U16), (4, U32), (5, U8); [2], [3], [4], [5]);
policy!(CT_HELPER: (1, Word(15)), (2, U16), (3, U8); [1], [3]);
policy!(CT: (1, U32), (2, U32), (3, U8), (4, U32); [1, 4], [2]);
policy!(CT_TIMEOUT: (1, U16), (2, U8), (3, Timeouts); [2], [3]);
policy!(DATA: (1, Bytes(0xffff)), (2, Nest(&VERDICT)); [1, 2]);
policy!(DUP: (1, U32), (2, U32); [1, 2]);
policy!(DYNSET: (1, MaybeText(255)), (2, U32), (3, U32), (4, U32), (5, U32), (6, U64), (7, Nest(&EXPR)), (9, U32), (10, List(&EXPR)); [1], [3], [4]);
policy!(EXPR: (1, Text(49)), (2, Body); [1]);
policy!(EXTHDR: (1, U32), (2, U8), (3, U32), (4, U32), (5, U32), (6, U32), (7, U32); [2]);
policy!(FIB: (1, U32), (2, U32), (3, U32); [1], [2], [3]);
policy!(FLOW_OFFLOAD: (1, MaybeText(255)); [1]);
policy!(FLOWTABLE_HOOK: (1, U32), (2, U32), (3, Devices););
policy!(FLOWTABLE: (1, Text(255)), (2, Text(255)), (3, Nest(&FLOWTABLE_HOOK)), (5, U64), (7, U32););
policy!(FWD: (1, U32), (2, U32), (3, U32); [1]);
policy!(HASH: (1, U32), (2, U32), (3, U32), (4, U32), (5, U32), (6, U32), (7, U32); [2], [4]);
policy!(HOOK: (1, U32), (2, U32), (3, Text(15)), (4, Devices););
policy!(IMMEDIATE: (1, U32), (2, Nest(&DATA)); [1], [2]);
policy!(INNER: (1, U32), (2, U32), (3, U32), (4, U32), (5, Nest(&EXPR)); [1], [2], [3], [4], [5]);
policy!(LAST: (1, U32), (2, U64););
policy!(LIMIT: (1, U64), (2, U64), (3, U32), (4, U32), (5, U32); [1], [2]);
policy!(LOG: (1, U16), (2, MaybeText(127)), (3, U32), (4, U16), (5, U32), (6, U32););
policy!(LOOKUP: (1, MaybeText(255)), (2, U32), (3, U32), (4, U32), (5, U32); [1], [2]);
policy!(MASQ: (1, U32), (2, U32), (3, U32););
policy!(MATCH: (1, Text(29)), (2, U32), (3, Any); [1], [2], [3]);
policy!(META: (1, U32), (2, U32), (3, U32); [1, 3], [2]);
policy!(NAT: (1, U32), (2, U32), (3, U32), (4, U32), (5, U32), (6, U32), (7, U32); [1], [2]);
policy!(NUMGEN: (1, U32), (2, U32), (3, U32), (4, U32); [1], [2], [3]);
policy!(OBJ: (1, Text(255)), (2, Text(255)), (3, U32), (4, Body), (6, U64), (8, Bytes(256)););
policy!(OBJREF: (1, U32), (2, Word(255)), (3, U32), (4, Word(255)), (5, U32); [1, 3], [2, 4, 5]);
policy!(OSF: (1, U32), (2, U8), (3, U32); [1]);
policy!(PAYLOAD: (1, U32), (2, U32), (3, U32), (4, U32), (5, U32), (6, U32), (7, U32), (8, U32); [1, 5], [2], [3], [4]);
policy!(QUEUE: (1, U16), (2, U16), (3, U16), (4, U32); [1, 4]);
policy!(QUOTA: (1, U64), (2, U32), (4, U64); [1]);
policy!(RANGE: (1, U32), (2, U32), (3, Nest(&DATA)), (4, Nest(&DATA)); [1], [2], [3], [4]);
policy!(REDIR: (1, U32), (2, U32), (3, U32););
policy!(REJECT: (1, U32), (2, U8); [1]);
policy!(RT: (1, U32), (2, U32); [1], [2]);
policy!(RULE_COMPAT: (1, U32), (2, U32); [1], [2]);
policy!(RULE: (1, Text(255)), (2, Text(255)), (3, U64), (4, List(&EXPR)), (5, Nest(&RULE_COMPAT)), (6, U64), (7, Bytes(256)), (9, U32), (10, U32), (11, U32););
policy!(SECMARK: (1, Word(4096)); [1]);
policy!(SET_DESC: (1, U32), (2, List(&CONCAT)););
policy!(SET_ELEM_LIST: (1, Text(255)), (2, Text(255)), (3, List(&SET_ELEM)), (4, U32););
policy!(SET_ELEM: (1, Nest(&DATA)), (2, Nest(&DATA)), (3, U32), (4, U64), (5, U64), (6, Bytes(256)), (7, Nest(&EXPR)), (9, Text(255)), (10, Nest(&DATA)), (11, List(&EXPR)););
policy!(SET: (1, Text(255)), (2, Text(255)), (3, U32), (4, U32), (5, U32), (6, U32), (7, U32), (8, U32), (9, Nest(&SET_DESC)), (10, U32), (11, U64), (12, U32), (13, Bytes(256)), (15, U32), (16, U64), (17, Nest(&EXPR)), (18, List(&EXPR)););
policy!(SOCKET: (1, U32), (2, U32), (3, U32); [1], [2]);
policy!(SYNPROXY: (1, U16), (2, U8), (3, U32););
policy!(TABLE: (1, Text(255)), (2, U32), (4, U64), (6, Bytes(256)););
policy!(TARGET: (1, Text(29)), (2, U32), (3, Any); [1], [2], [3]);
policy!(TPROXY: (1, U32), (2, U32), (3, U32); [1], [2, 3]);
policy!(TUNNEL_IP6: (1, Bytes(16)), (2, Bytes(16)), (3, U32););
policy!(TUNNEL_IP: (1, U32), (2, U32););
policy!(TUNNEL_KEY: (1, U32), (2, Nest(&TUNNEL_IP)), (3, Nest(&TUNNEL_IP6)), (4, U32), (5, U8), (6, U8), (7, U16), (8, U16), (9, Repeated(&TUNNEL_OPTS)); [1], [2, 3]);
policy!(TUNNEL_OPTS_ERSPAN: (1, U32), (2, U32), (3, U8), (4, U8););
policy!(TUNNEL_OPTS_GENEVE: (1, U16), (2, U8), (3, Any););
policy!(TUNNEL_OPTS: (1, Nest(&TUNNEL_OPTS_VXLAN)), (2, Nest(&TUNNEL_OPTS_ERSPAN)), (3, Nest(&TUNNEL_OPTS_GENEVE)););
policy!(TUNNEL_OPTS_VXLAN: (1, U32););
policy!(TUNNEL: (1, U32), (2, U32), (3, U32); [1], [2]);
policy!(VERDICT: (1, U32), (2, MaybeText(255)), (3, U32); [1]);
policy!(XFRM: (1, U32), (2, U32), (3, U8), (4, U32); [1], [2], [3]);

/// What the data of an expression hold; some have none.
pub static EXPRESSIONS: &[(&str, Option<&Policy>)] = &[
    ("bitwise", Some(&BITWISE)),
    ("byteorder", Some(&BYTEORDER)),
    ("cmp", Some(&CMP)),
    ("connlimit", Some(&CONNLIMIT)),
    ("counter", Some(&COUNTER)),
    ("ct", Some(&CT)),
    ("dup", Some(&DUP)),
    ("dynset", Some(&DYNSET)),
    ("exthdr", Some(&EXTHDR)),
    ("fib", Some(&FIB)),
    ("flow_offload", Some(&FLOW_OFFLOAD)),
    ("fwd", Some(&FWD)),
    ("hash", Some(&HASH)),
    ("immediate", Some(&IMMEDIATE)),
    ("inner", Some(&INNER)),
    ("last", Some(&LAST)),
    ("limit", Some(&LIMIT)),
    ("log", Some(&LOG)),
    ("lookup", Some(&LOOKUP)),
    ("masq", Some(&MASQ)),
    ("match", Some(&MATCH)),
    ("meta", Some(&META)),
    ("nat", Some(&NAT)),
    ("notrack", None),
    ("numgen", Some(&NUMGEN)),
    ("objref", Some(&OBJREF)),
    ("osf", Some(&OSF)),
    ("payload", Some(&PAYLOAD)),
    ("queue", Some(&QUEUE)),
    ("quota", Some(&QUOTA)),
    ("range", Some(&RANGE)),
    ("redir", Some(&REDIR)),
    ("reject", Some(&REJECT)),
    ("rt", Some(&RT)),
    ("socket", Some(&SOCKET)),
    ("synproxy", Some(&SYNPROXY)),
    ("target", Some(&TARGET)),
    ("tproxy", Some(&TPROXY)),
    ("tunnel", Some(&TUNNEL)),
    ("xfrm", Some(&XFRM)),
];

/// What the data of an object hold, by its number.
pub static OBJECTS: &[(u32, &Policy)] = &[
    (1, &COUNTER),
    (2, &QUOTA),
    (3, &CT_HELPER),
    (4, &LIMIT),
    (5, &CONNLIMIT),
    (6, &TUNNEL_KEY),
    (7, &CT_TIMEOUT),
    (8, &SECMARK),
    (9, &CT_EXPECT),
    (10, &SYNPROXY),
];

/// What the requests of a batch hold, by their numbers, and what they must have, of some one of several.
pub static MESSAGES: &[(u16, &Policy, &[&[u16]])] = &[
    (0, &TABLE, &[&[1]]),
    // Without it is all tables that go.
    (2, &TABLE, &[&[1, 4]]),
    (3, &CHAIN, &[&[1], &[2, 3, 11]]),
    (5, &CHAIN, &[&[1], &[2, 3]]),
    (6, &RULE, &[&[1], &[2, 11]]),
    (8, &RULE, &[&[1]]),
    (9, &SET, &[&[1], &[2], &[5], &[10]]),
    (11, &SET, &[&[1], &[2, 16]]),
    (12, &SET_ELEM_LIST, &[&[1], &[2, 4], &[3]]),
    (14, &SET_ELEM_LIST, &[&[1], &[2]]),
    (18, &OBJ, &[&[1], &[2], &[3], &[4]]),
    (20, &OBJ, &[&[1], &[2, 6], &[3]]),
    (22, &FLOWTABLE, &[&[1], &[2], &[3]]),
    (24, &FLOWTABLE, &[&[1], &[2, 5]]),
    (26, &TABLE, &[&[1, 4]]),
    (27, &CHAIN, &[&[1], &[2, 3]]),
    (28, &RULE, &[&[1]]),
    (29, &SET, &[&[1], &[2, 16]]),
    (30, &SET_ELEM_LIST, &[&[1], &[2]]),
    (31, &OBJ, &[&[1], &[2, 6], &[3]]),
    (32, &FLOWTABLE, &[&[1], &[2, 5]]),
];
