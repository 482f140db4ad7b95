use std::net::Ipv4Addr;

use nftlink::field::{ip, udp};
use nftlink::{Batch, ChainInfo, Conn, Error, Family, Hook, Priority, Rule, Set, Table};

/// A table of our own: no table of others is ever written to.
pub fn table() -> Table {
    Table::inet("myapp").comment("made by myapp")
}

fn blocked() -> Set<Ipv4Addr> {
    Set::new(table(), "blocked")
}

/// Drops what comes from `addresses`, and counts what others leave of the packets to `port`.
pub fn set_up(conn: &mut Conn, addresses: &[Ipv4Addr], port: u16) -> Result<(), Error> {
    // Before all others. What is dropped here they never see, whatever they would accept.
    let early = table().chain("early").filter(Hook::PREROUTING, Priority::RAW);
    // Before iptables-nft, which is at filter. What is accepted here only passes this chain: theirs come next.
    let input = table().chain("input").filter(Hook::INPUT, Priority::FILTER - 10);
    // After firewalld, which is at filter + 10. Only what they let through comes here.
    let late = table().chain("late").filter(Hook::INPUT, Priority::SECURITY - 10);

    let mut batch = Batch::new();
    batch.add(&table()).add(&blocked()).add(&early).add(&input).add(&late);
    // Empties this table, and nothing else: `flush_ruleset` would take Docker's network down.
    batch.flush(&table()).flush(&blocked()).add_elements(&blocked(), addresses);
    batch.append(&early, Rule::new().when(ip::saddr().in_set(&blocked())).counter().drop());
    batch.append(&input, Rule::new().when(udp::dport().eq(port)).counter().accept());
    batch.append(&late, Rule::new().when(udp::dport().eq(port)).counter());
    conn.commit(&batch)
}

/// Removes the table: the others' stay as they are.
pub fn remove(conn: &mut Conn) -> Result<(), Error> {
    conn.commit(Batch::new().delete(&table()))
}

/// Tells which chains see an IPv4 packet at a hook, in their order: who else is here?
pub fn who_is_at(conn: &mut Conn, hook: Hook) -> Result<Vec<String>, Error> {
    let mut chains = conn.chains(..)?;
    chains.retain(|chain| chain.hook() == Some(hook) && [Family::IP, Family::INET].contains(&chain.table().family()));
    chains.sort_by_key(|chain| chain.priority());
    let line = |chain: &ChainInfo| Some(format!("{}: {}", chain.named_priority()?, chain.at()));
    Ok(chains.iter().filter_map(line).collect())
}
