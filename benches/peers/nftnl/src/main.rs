//! The peer nftnl: libnftnl by the crate that wraps it. `peer-nftnl WORK NUMBER` prints a report.
//!
//! The crate asks for an ack of each message, and its callers send each of the batch's pages by a call of its own,
//! which ends the transaction there. Here the pages are the parts of one datagram, and the queue is made to hold the
//! acks.

use std::net::Ipv4Addr;
use std::time::Instant;

use nftnl::set::{Set, SetKey};
use nftnl::{Batch, Chain, MsgType, ProtoFamily, Rule, Table, nft_expr};
use peers_work::{BUFFER, Counting, PER_MESSAGE, PER_PASS, Report, Socket, Stopwatch, Task, What, values};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A key of an address and a port.
struct Pair([u8; 8]);

impl SetKey for Pair {
    const TYPE: u32 = (7 << 6) | 13;
    const LEN: u32 = 8;

    fn data(&self) -> Box<[u8]> {
        Box::new(self.0)
    }
}

fn pair(n: u64) -> Pair {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&values::address(n).octets());
    bytes[4..6].copy_from_slice(&values::port(n).to_be_bytes());
    Pair(bytes)
}

fn rule<'c>(chain: &'c Chain<'_>, n: u64) -> Rule<'c> {
    let mut rule = Rule::new(chain);
    rule.add_expr(&nft_expr!(payload ipv4 saddr));
    rule.add_expr(&nft_expr!(cmp == values::address(n)));
    rule.add_expr(&nft_expr!(meta l4proto));
    rule.add_expr(&nft_expr!(cmp == 6u8));
    rule.add_expr(&nft_expr!(payload tcp dport));
    rule.add_expr(&nft_expr!(cmp == values::port(n).to_be()));
    rule.add_expr(&nft_expr!(counter));
    rule.add_expr(&nft_expr!(verdict drop));
    rule
}

fn add_keys<K: SetKey>(batch: &mut Batch, table: &Table, keys: impl Iterator<Item = K>) {
    let mut set = Set::new_named(c"s", 1, table, ProtoFamily::Ipv4);
    keys.for_each(|key| set.add(&key));
    batch.add_iter(set.elems_iter(), MsgType::Add);
}

fn addresses(from: u64, to: u64) -> impl Iterator<Item = Ipv4Addr> {
    (from..to).map(values::address)
}

fn commit(socket: &Socket, batch: Batch, buffer: &mut [u8]) {
    let batch = batch.finalize();
    let parts: Vec<&[u8]> = batch.iter().collect();
    let acks = batch.sequence_numbers();
    let acks = u64::from(acks.end - acks.start);
    socket.reserve(parts.iter().map(|part| part.len()).sum());
    socket.reserve_acks(acks);
    socket.send(&parts).expect("the kernel takes it");
    socket.take_acks(acks, buffer).expect("the kernel applies it");
}

fn add(task: Task, table: &Table, chain: &Chain<'_>) -> Report {
    let (socket, mut buffer) = (Socket::open().expect("a socket"), vec![0; BUFFER]);
    let watch = Stopwatch::start();
    let mut batch = Batch::new();
    match task.what {
        What::Rules => (0..task.n).for_each(|n| batch.add(&rule(chain, n), MsgType::Add)),
        What::Concatenation => add_keys(&mut batch, table, (0..task.n).map(pair)),
        What::Elements => add_keys(&mut batch, table, addresses(0, task.n)),
        what => panic!("the crate has no {what}"),
    }
    commit(&socket, batch, &mut buffer);
    watch.stop()
}

fn add_one(n: u64, table: &Table) -> Report {
    let (socket, mut buffer) = (Socket::open().expect("a socket"), vec![0; BUFFER]);
    let mut latencies = Vec::with_capacity(n as usize);
    socket.reserve_acks(PER_MESSAGE);
    let watch = Stopwatch::start();
    for n in 0..n {
        let start = Instant::now();
        let mut batch = Batch::new();
        add_keys(&mut batch, table, addresses(n, n + 1));
        let batch = batch.finalize();
        let parts: Vec<&[u8]> = batch.iter().collect();
        let acks = batch.sequence_numbers();
        socket.send(&parts).expect("the kernel takes it");
        socket.take_acks(u64::from(acks.end - acks.start), &mut buffer).expect("the kernel applies it");
        latencies.push(start.elapsed().as_nanos() as u64);
    }
    watch.stop().with_latencies(latencies)
}

fn encode(task: Task, table: &Table, chain: &Chain<'_>) -> Report {
    let pass = |from: u64| {
        // A batch cannot be used twice.
        let mut batch = Batch::new();
        match task.what {
            What::EncodeRules => (from..from + PER_PASS).for_each(|n| batch.add(&rule(chain, n), MsgType::Add)),
            _ => add_keys(&mut batch, table, addresses(from, from + PER_PASS)),
        }
    };
    pass(0);
    let watch = Stopwatch::start();
    (0..task.n).step_by(PER_PASS as usize).for_each(pass);
    Report { done: Some(task.n), ..watch.stop() }
}

fn main() {
    let task = Task::from_args();
    let table = Table::new(c"fw", ProtoFamily::Ipv4);
    let chain = Chain::new(c"input", &table);
    let report = match task.what {
        What::AddOne => add_one(task.n, &table),
        What::EncodeRules | What::EncodeElements => encode(task, &table, &chain),
        _ => add(task, &table, &chain),
    };
    // What the C library allocates is not counted.
    Report { allocations: None, ..report }.print();
}
