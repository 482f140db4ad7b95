use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::CtState;
use nftlink::field::{ct, ip, udp};
use nftlink::{Batch, Chain, Conn, Element, Error, Hook, Hooked, Priority, Rule, Set, Table};

/// Whoever replaces a table replaces all that is in it: take a name that nobody else takes.
pub fn table() -> Table {
    Table::ip("shop")
}

/// Bans end by themselves, so they have to outlive the rules.
pub fn banned() -> Set<Ipv4Addr> {
    Set::new(table(), "banned").timeouts()
}

pub fn input() -> Chain<Hooked> {
    table().chain("input").filter(Hook::INPUT, Priority::FILTER)
}

/// Writes the whole table as it is to be, whatever was there before.
pub fn describe(batch: &mut Batch, ports: &[u16]) {
    // What is there already stays, all rules go, the new ones come: one step for every packet.
    batch.add(&table()).add(&banned()).add(&input()).flush(&table());

    batch.append(input(), Rule::new().when(ip::saddr().in_set(&banned())).counter().drop());
    batch.append(input(), Rule::new().when(ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)).accept());
    for &port in ports {
        batch.append(input(), Rule::new().when(udp::dport().eq(port)).accept());
    }
    batch.append(input(), Rule::new().drop());
}

/// Replaces the rules. Bans stay, counters of rules start anew.
pub fn replace(conn: &mut Conn, ports: &[u16]) -> Result<(), Error> {
    let mut batch = Batch::new();
    describe(&mut batch, ports);
    conn.commit(&batch)
}

pub fn ban(conn: &mut Conn, address: Ipv4Addr, time: Duration) -> Result<(), Error> {
    conn.commit(Batch::new().refresh_elements(&banned(), [Element::new(address).timeout(time)]))
}

/// Deletes the table and makes it anew: for a new version of the program, of which a chain has
/// another priority, which the kernel does not change, or which has no use for a chain any more.
pub fn rebuild(conn: &mut Conn, ports: &[u16]) -> Result<(), Error> {
    loop {
        let generation = conn.generation()?;
        let bans = match conn.elements(&banned()) {
            Err(error) if error.is_not_found() => Vec::new(), // the first time
            read => read?,
        };
        let mut batch = Batch::new();
        batch.reset(&table());
        describe(&mut batch, ports);
        // What was read is put back with what is left of its time, comments and counters.
        batch.add_elements(&banned(), bans);
        match conn.commit_at(generation, &batch) {
            // Somebody committed since: a ban may be missing from what was read.
            Err(error) if error.is_stale() => continue,
            done => return done,
        }
    }
}
