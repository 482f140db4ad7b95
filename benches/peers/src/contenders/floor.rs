//! The floor: what the kernel alone takes for bytes that were built beforehand, and what a plain writer takes.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use nftlink::Batch;
use peers_work::{BUFFER, PER_MESSAGE, PER_PASS, Report, Socket, Stopwatch, Task, What, values};

use super::nftlink::add_to;
use crate::wire::{self, DUMP, GETRULE, GETSETELEM};

pub fn run(task: Task) -> Result<Report> {
    match task.what {
        What::Rules | What::Elements | What::Sized => send(&wire::transaction(task.n, task.what == What::Rules)),
        What::Intervals | What::Concatenation | What::VerdictMap => send(&built(task)),
        What::Split => split(task.n),
        What::ListRules => list(GETRULE),
        What::ListElements => list(GETSETELEM),
        What::AddOne => add_one(task.n),
        What::EncodeRules | What::EncodeElements => Ok(encode(task)),
        What::GrowRules | What::GrowElements => Ok(grow(task)),
    }
}

/// A whole datagram, as nftlink builds it: these bytes are nft's.
fn built(task: Task) -> Vec<u8> {
    let mut batch = Batch::new();
    add_to(&mut batch, task);
    let mut out = Vec::with_capacity(batch.as_bytes().len() + 40);
    wire::begin(&mut out);
    out.extend_from_slice(batch.as_bytes());
    wire::end(&mut out, batch.as_bytes().len() as u32);
    out
}

fn send(bytes: &[u8]) -> Result<Report> {
    let (socket, mut buffer) = (Socket::open()?, vec![0; BUFFER]);
    let watch = Stopwatch::start();
    socket.reserve(bytes.len());
    socket.commit(bytes, &mut buffer)?;
    let report = watch.stop();
    Ok(Report { bytes: Some(bytes.len() as u64), ..report })
}

fn split(n: u64) -> Result<Report> {
    let mut bytes = Vec::new();
    let ends: Vec<usize> = (0..n)
        .step_by(PER_MESSAGE as usize)
        .map(|from| {
            wire::small_transaction(&mut bytes, from, n.min(from + PER_MESSAGE));
            bytes.len()
        })
        .collect();
    let (socket, mut buffer, mut start) = (Socket::open()?, vec![0; BUFFER], 0);
    let watch = Stopwatch::start();
    for end in ends {
        socket.commit(&bytes[start..end], &mut buffer)?;
        start = end;
    }
    let report = watch.stop();
    Ok(Report { bytes: Some(bytes.len() as u64), ..report })
}

fn list(kind: u16) -> Result<Report> {
    let (socket, mut buffer) = (Socket::open()?, vec![0; BUFFER]);
    let mut bytes = 0;
    let watch = Stopwatch::start();
    socket.dump(&wire::request(kind, DUMP), &mut buffer, |datagram| bytes += datagram.len() as u64)?;
    let report = watch.stop();
    Ok(Report { bytes: Some(bytes), ..report })
}

fn add_one(n: u64) -> Result<Report> {
    let mut bytes = Vec::new();
    (0..n).for_each(|n| wire::small_transaction(&mut bytes, n, n + 1));
    let each = bytes.len() / n as usize;
    let (socket, mut buffer, mut latencies) = (Socket::open()?, vec![0; BUFFER], Vec::with_capacity(n as usize));
    let watch = Stopwatch::start();
    for bytes in bytes.chunks_exact(each) {
        let start = Instant::now();
        socket.commit(bytes, &mut buffer)?;
        latencies.push(start.elapsed().as_nanos() as u64);
    }
    Ok(watch.stop().with_latencies(latencies))
}

fn encode(task: Task) -> Report {
    let mut out = Vec::new();
    let mut pass = |from: u64| {
        out.clear();
        if task.what == What::EncodeRules {
            for n in from..from + PER_PASS {
                // The writer does not know beforehand what the rule is.
                let (table, chain) = black_box((&b"fw\0"[..], &b"input\0"[..]));
                wire::rule(&mut out, n as u32, table, chain, values::address(n).octets(), values::port(n));
            }
        } else {
            wire::elements(&mut out, 1, from, from + PER_PASS);
        }
        black_box(&out);
    };
    pass(0);
    let watch = Stopwatch::start();
    (0..task.n).step_by(PER_PASS as usize).for_each(pass);
    Report { done: Some(task.n), ..watch.stop() }
}

/// How often a task of growth is done anew, so that there is enough to measure.
pub fn repeats(task: Task) -> u64 {
    // The processor's time in user mode is counted in ticks.
    let all = if task.what == What::GrowRules { 1_000_000 } else { 20_000_000 };
    all / task.n.min(all)
}

fn grow(task: Task) -> Report {
    let repeats = repeats(task);
    let watch = Stopwatch::start();
    for _ in 0..repeats {
        black_box(wire::transaction(task.n, task.what == What::GrowRules));
    }
    Report { done: Some(task.n * repeats), ..watch.stop() }
}
