//! What is in the kernel before a worker begins, and what it is expected to have afterwards.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use nftlink::datum::Port;
use nftlink::expr::Verdict;
use nftlink::{Batch, Conn, Hook, Interval, Map, Priority, Set, Table};
use peers_work::{BUFFER, CHAIN, PER_MESSAGE, SET, Socket, TABLE, Task, What};

use crate::wire;

pub fn table() -> Table {
    Table::ip(TABLE)
}

pub fn addresses() -> Set<Ipv4Addr> {
    Set::new(table(), SET)
}

pub fn intervals() -> Set<Interval<Ipv4Addr>> {
    Set::new(table(), SET)
}

pub fn concatenation() -> Set<(Ipv4Addr, Port)> {
    Set::new(table(), SET)
}

pub fn verdict_map() -> Map<Ipv4Addr, Verdict> {
    Map::new(table(), SET)
}

/// Makes the table, the chain and the set; fills them for listings.
pub fn set_up(task: Task) -> Result<()> {
    let mut conn = Conn::open()?;
    let mut batch = Batch::new();
    batch.add(&table()).add(&table().chain(CHAIN).filter(Hook::INPUT, Priority::FILTER));
    match task.what {
        What::Sized | What::ListElements => batch.add(&addresses().size(task.n as u32)),
        What::Intervals => batch.add(&intervals()),
        What::Concatenation => batch.add(&concatenation()),
        What::VerdictMap => batch.add(&verdict_map()),
        What::Elements | What::Split | What::AddOne => batch.add(&addresses()),
        _ => &mut batch,
    };
    conn.commit(&batch).context("the set-up")?;
    if task.what.is_listing() {
        fill(task)?;
    }
    Ok(())
}

/// In parts, which work where the send buffer cannot be raised, too.
fn fill(task: Task) -> Result<()> {
    let socket = Socket::open()?;
    let mut buffer = vec![0; BUFFER];
    let mut bytes = Vec::new();
    for from in (0..task.n).step_by(PER_MESSAGE as usize) {
        let to = task.n.min(from + PER_MESSAGE);
        bytes.clear();
        if task.what.is_of_rules() {
            wire::begin(&mut bytes);
            (from..to).for_each(|n| wire::nth_rule(&mut bytes, n));
            wire::end(&mut bytes, to as u32 + 1);
        } else {
            wire::small_transaction(&mut bytes, from, to);
        }
        socket.reserve(bytes.len());
        socket.commit(&bytes, &mut buffer).context("filling")?;
    }
    Ok(())
}

/// How many entries the kernel is to have, if `done` rules or elements were added or listed.
pub fn expected(what: What, done: u64) -> u64 {
    // An interval is two entries: its begin, and what follows its end.
    if what == What::Intervals { 2 * done } else { done }
}
