//! The peer rustables. `peer-rustables WORK NUMBER` prints a report.
//!
//! The crate asks for an ack of each message, and its own socket holds neither the larger batches nor their acks: these
//! are sent by one that does. A transaction of one element is sent by the crate itself.

use std::time::Instant;

use peers_work::{BUFFER, Counting, PER_MESSAGE, PER_PASS, Report, Socket, Stopwatch, Task, What, values};
use rustables::expr::{
    Cmp, CmpOp, Counter, HighLevelPayload, IPv4HeaderField, Immediate, Meta, MetaType, NetworkHeaderField,
    TCPHeaderField, TransportHeaderField, VerdictKind,
};
use rustables::query::list_objects_with_data;
use rustables::set::{SetBuilder, SetElementList};
use rustables::{Batch, Chain, MsgType, ProtocolFamily, Rule, Table, list_rules_for_chain};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn table() -> Table {
    Table::new(ProtocolFamily::Ipv4).with_name("fw")
}

fn chain() -> Chain {
    Chain::new(&table()).with_name("input")
}

fn rule(chain: &Chain, n: u64) -> Rule {
    let (ip, tcp) = (IPv4HeaderField::Saddr, TCPHeaderField::Dport);
    Rule::new(chain)
        .expect("the chain has a name")
        .with_expr(HighLevelPayload::Network(NetworkHeaderField::IPv4(ip)).build())
        .with_expr(Cmp::new(CmpOp::Eq, values::address(n).octets()))
        .with_expr(Meta::new(MetaType::L4Proto))
        .with_expr(Cmp::new(CmpOp::Eq, [6]))
        .with_expr(HighLevelPayload::Transport(TransportHeaderField::Tcp(tcp)).build())
        .with_expr(Cmp::new(CmpOp::Eq, values::port(n).to_be_bytes()))
        .with_expr(Counter::default())
        .with_expr(Immediate::new_verdict(VerdictKind::Drop))
}

fn elements<K: rustables::data_type::DataType>(keys: impl Iterator<Item = K>, table: &Table) -> SetElementList {
    let mut builder = SetBuilder::new("s", table).expect("the table has a name");
    keys.for_each(|key| builder.add(&key));
    builder.finish().1
}

/// Adds as many messages as the list's 16 bits of length demand, and returns how many these are.
fn add_keys<K: rustables::data_type::DataType>(batch: &mut Batch, n: u64, each: u64, key: impl Fn(u64) -> K) -> u64 {
    let table = table();
    for from in (0..n).step_by(each as usize) {
        batch.add(&elements((from..n.min(from + each)).map(&key), &table), MsgType::Add);
    }
    n.div_ceil(each)
}

fn pair(n: u64) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&values::address(n).octets());
    bytes[4..6].copy_from_slice(&values::port(n).to_be_bytes());
    bytes
}

fn add(task: Task) -> Report {
    let (socket, mut buffer) = (Socket::open().expect("a socket"), vec![0; BUFFER]);
    let watch = Stopwatch::start();
    let mut batch = Batch::new();
    let messages = match task.what {
        What::Rules => {
            let chain = chain();
            (0..task.n).for_each(|n| batch.add(&rule(&chain, n), MsgType::Add));
            task.n
        }
        What::Concatenation => add_keys(&mut batch, task.n, PER_MESSAGE * 4 / 5, pair),
        What::Elements => add_keys(&mut batch, task.n, PER_MESSAGE, values::address),
        what => panic!("the crate has no {what}"),
    };
    let bytes = batch.finalize();
    // That of the batch's begin is one more.
    let acks = messages + 1;
    socket.reserve(bytes.len());
    socket.reserve_acks(acks);
    socket.send(&[&bytes]).expect("the kernel takes it");
    socket.take_acks(acks, &mut buffer).expect("the kernel applies it");
    watch.stop()
}

fn add_one(n: u64) -> Report {
    let (table, mut latencies) = (table(), Vec::with_capacity(n as usize));
    let watch = Stopwatch::start();
    for address in (0..n).map(values::address) {
        let start = Instant::now();
        let mut batch = Batch::new();
        batch.add(&elements([address].into_iter(), &table), MsgType::Add);
        batch.send().expect("the kernel applies it");
        latencies.push(start.elapsed().as_nanos() as u64);
    }
    watch.stop().with_latencies(latencies)
}

fn list_rules() -> Report {
    let chain = chain();
    let watch = Stopwatch::start();
    let rules = list_rules_for_chain(&chain).expect("a listing");
    Report { done: Some(rules.len() as u64), ..watch.stop() }
}

fn list_elements() -> Report {
    let wanted = elements(std::iter::empty::<std::net::Ipv4Addr>(), &table());
    let watch = Stopwatch::start();
    let mut lists: Vec<SetElementList> = Vec::new();
    let take = |list: SetElementList, lists: &mut Vec<SetElementList>| {
        lists.push(list);
        Ok(())
    };
    list_objects_with_data(13, &take, Some(&wanted), &mut lists).expect("a listing");
    let count = |list: &SetElementList| list.get_elements().map_or(0, |elements| elements.iter().count() as u64);
    let report = watch.stop();
    Report { done: Some(lists.iter().map(count).sum()), ..report }
}

fn encode(task: Task) -> Report {
    let (table, chain) = (table(), chain());
    let pass = |from: u64| {
        // A batch cannot be used twice.
        let mut batch = Batch::new();
        match task.what {
            What::EncodeRules => (from..from + PER_PASS).for_each(|n| batch.add(&rule(&chain, n), MsgType::Add)),
            _ => batch.add(&elements((from..from + PER_PASS).map(values::address), &table), MsgType::Add),
        }
    };
    pass(0);
    let watch = Stopwatch::start();
    (0..task.n).step_by(PER_PASS as usize).for_each(pass);
    Report { done: Some(task.n), ..watch.stop() }
}

fn main() {
    let task = Task::from_args();
    let report = match task.what {
        What::AddOne => add_one(task.n),
        What::ListRules => list_rules(),
        What::ListElements => list_elements(),
        What::EncodeRules | What::EncodeElements => encode(task),
        _ => add(task),
    };
    report.print();
}
