//! Objects of every kind that nft has syntax for: what we write nft lists, and what nft writes we read.

use std::time::Duration;

use nftlink::datum::L4Proto;
use nftlink::object::{
    Counter, CtExpect, CtHelper, CtTimeout, L3Proto, Limit, Named, ObjectKind, Quota, Synproxy, SynproxyFlags,
    TimeoutState, Value,
};
use nftlink::{Batch, Hook, Priority, Rule, Table};

use super::written::assert_written;
use super::*;

const TEXT: &str = include_str!("objects.nft");

/// What nft gives the states of a TCP connection that it is told nothing of.
const NFTS: [(TimeoutState, u64); 9] = [
    (TimeoutState::TCP_SYN_SENT, 120),
    (TimeoutState::TCP_SYN_RECV, 60),
    (TimeoutState::TCP_FIN_WAIT, 120),
    (TimeoutState::TCP_LAST_ACK, 30),
    (TimeoutState::TCP_TIME_WAIT, 120),
    (TimeoutState::TCP_CLOSE, 10),
    (TimeoutState::TCP_SYN_SENT2, 120),
    (TimeoutState::TCP_RETRANS, 300),
    (TimeoutState::TCP_UNACK, 300),
];

fn objects() -> Vec<Named<Value>> {
    let fw = Table::inet("fw");
    let secs = Duration::from_secs;
    let named = |name: &str, value: Value| Named::new(&fw, name, value);
    let mut monthly = Quota::new(10 << 20).over();
    monthly.consumed = 5 << 10;
    let tcp = CtTimeout::new(L4Proto::TCP).l3proto(L3Proto::IP).policy(TimeoutState::TCP_ESTABLISHED, secs(120));
    let tcp = tcp.policy(TimeoutState::TCP_CLOSE_WAIT, secs(10));
    let tcp = NFTS.iter().fold(tcp, |tcp, (state, timeout)| tcp.policy(*state, secs(*timeout)));
    let udp = CtTimeout::new(L4Proto::UDP).policy(TimeoutState::UDP_UNREPLIED, secs(10));
    let wide = Limit::bytes(10 << 20, Limit::SECOND).burst(1 << 20).over();
    let shield = Synproxy::new().mss(1460).wscale(7);
    vec![
        named("web", Counter::new(10, 20).into()).comment("requests"),
        named("zero", Counter::new(0, 0).into()),
        named("monthly", monthly.into()).comment("what is paid for"),
        named("small", Quota::new(100).into()),
        named("ftp", CtHelper::new("ftp", L4Proto::TCP).l3proto(L3Proto::IP).into()).comment("a helper"),
        named("both", CtHelper::new("tftp", L4Proto::UDP).into()),
        named("slow", Limit::packets(10, Limit::MINUTE).into()).comment("a limit"),
        named("wide", wide.into()),
        named("short", tcp.into()).comment("a timeout"),
        named("answers", udp.policy(TimeoutState::UDP_REPLIED, secs(20)).into()),
        named("back", CtExpect::new(L4Proto::UDP, 9876, secs(120), 12).l3proto(L3Proto::IP).into())
            .comment("an expectation"),
        named("shield", shield.flags(SynproxyFlags::SACK_PERM | SynproxyFlags::TIMESTAMP).into()).comment("a proxy"),
        named("plain", shield.into()),
    ]
}

pub(super) fn listed_as_a_person_would_write_them() {
    let fw = Table::inet("fw");
    let objects = objects();
    let of = |kind| objects.iter().find(|object| object.at().kind() == kind).expect("one of each kind");
    let pre = fw.chain("pre").filter(Hook::PREROUTING, Priority::MANGLE);
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    objects.iter().fold(batch.add(&fw), Batch::add).add(&pre).add(&input);
    for kind in [ObjectKind::CT_HELPER, ObjectKind::CT_TIMEOUT, ObjectKind::CT_EXPECT] {
        batch.append(&pre, Rule::new().object(of(kind)));
    }
    for kind in [ObjectKind::COUNTER, ObjectKind::QUOTA, ObjectKind::LIMIT, ObjectKind::SYNPROXY] {
        batch.append(&input, Rule::new().object(of(kind)));
    }
    assert_written(&batch, TEXT);
}

pub(super) fn what_nft_wrote_is_read_as_values_and_put_back() {
    support::nft_load(TEXT);
    let mut conn = Conn::open().unwrap();
    for object in objects() {
        let info = conn.object(&object).unwrap();
        let read = Named::<Value>::try_from(&info).unwrap();
        assert_eq!(info.comment(), conn.object(&read).unwrap().comment());
        let mut wants = object.value().clone();
        match &mut wants {
            Value::CtHelper(helper) => helper.l3proto = helper.l3proto.or(Some(L3Proto::INET)),
            Value::CtTimeout(timeout) => timeout.l3proto = timeout.l3proto.or(Some(L3Proto::INET)),
            _ => {}
        }
        assert_eq!(*read.value(), wants, "{}", info.bytecode());
    }
    let (objects, rules) = (conn.objects(..).unwrap(), conn.rules(..).unwrap());
    let (table, chains) = (conn.table(Table::inet("fw")).unwrap(), conn.chains(..).unwrap());
    let mut batch = Batch::new();
    batch.delete(&table).add(&table);
    for info in &objects {
        batch.add(&Named::<Value>::try_from(info).unwrap());
    }
    chains.iter().fold(&mut batch, Batch::add);
    rules.iter().fold(&mut batch, |batch, rule| batch.append(rule, rule));
    conn.commit(&batch).unwrap();
    assert_same_text("listing", &support::nft_ruleset(), TEXT);
}
