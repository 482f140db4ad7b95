//! The floor: what the kernel alone takes for bytes that were built beforehand, and what a plain writer takes.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, bail};
use nftlink::Batch;
use peers_work::{BUFFER, PER_MESSAGE, PER_PASS, Report, SET, Socket, Stopwatch, Task, What, values};

use super::nftlink::add_to;
use crate::by_hand;
use crate::wire::{self, DUMP, GETRULE, GETSETELEM, HEADERS};

pub fn run(task: Task) -> Result<Report> {
    match task.what {
        What::Rules | What::Elements | What::Sized => {
            let mut bytes = Vec::new();
            wire::transaction(&mut bytes, task.n, task.what == What::Rules);
            send(&bytes)
        }
        What::Intervals | What::Concatenation | What::VerdictMap => send(&built(task)),
        What::Split => split(task.n),
        What::Loaded | What::LoadedSized => bail!("the floor has no loader"),
        What::ListRules => list(&wire::request(GETRULE, DUMP, SET)),
        What::ListElements => list(&wire::request(GETSETELEM, DUMP, SET)),
        What::AddOne => add_one(task.n),
        What::EncodeRules | What::EncodeElements => Ok(encode(task)),
        What::DecodeRules => Ok(decode(task)),
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

fn list(request: &[u8]) -> Result<Report> {
    let (socket, mut buffer) = (Socket::open()?, vec![0; BUFFER]);
    let mut bytes = 0;
    let watch = Stopwatch::start();
    socket.dump(request, &mut buffer, |datagram| bytes += datagram.len() as u64)?;
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
                let names = black_box((&b"fw\0"[..], &b"input\0"[..]));
                by_hand::rule(&mut out, n as u32, names, values::address(n), values::port(n));
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

/// A reader that trusts what it reads.
fn decode(task: Task) -> Report {
    let rules: Vec<Vec<u8>> = (0..PER_PASS)
        .map(|n| {
            let mut message = Vec::new();
            wire::nth_rule(&mut message, n);
            message
        })
        .collect();
    let exprs = |rule: &Vec<u8>| by_hand::exprs(black_box(&rule[HEADERS..])).map(black_box).count();
    let watch = Stopwatch::start();
    for _ in (0..task.n).step_by(PER_PASS as usize) {
        black_box(rules.iter().map(exprs).sum::<usize>());
    }
    Report { done: Some(task.n), ..watch.stop() }
}

/// How often a task of growth is done anew, so that there is enough to measure.
pub fn repeats(task: Task) -> u64 {
    let all = if task.what == What::GrowRules { 1_000_000 } else { 20_000_000 };
    all / task.n.min(all)
}

fn grow(task: Task) -> Report {
    let (repeats, mut out) = (repeats(task), Vec::new());
    let mut pass = || {
        out.clear();
        wire::transaction(&mut out, task.n, task.what == What::GrowRules);
        black_box(&out);
    };
    pass();
    let watch = Stopwatch::start();
    (0..repeats).for_each(|_| pass());
    Report { done: Some(task.n * repeats), ..watch.stop() }
}
