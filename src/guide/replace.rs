use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::CtState;
use nftlink::field::{ct, ip, udp};
use nftlink::{Batch, Chain, Conn, Element, Error, Hook, Hooked, Priority, Rule, Set, Table};

/// Whoever replaces a table replaces all that is in it: take a name that nobody else takes.
pub fn table() -> Table {
    Table::ip("shop")
}

/// Stands in for the table while that is made anew.
fn guard() -> Table {
    Table::ip("shop-guard")
}

/// Bans end by themselves, so they have to outlive the rules.
pub fn banned(table: &Table) -> Set<Ipv4Addr> {
    Set::new(table, "banned").timeouts()
}

pub fn input(table: &Table) -> Chain<Hooked> {
    table.chain("input").filter(Hook::INPUT, Priority::FILTER)
}

/// Writes the whole table as it is to be, whatever was there before.
pub fn describe(batch: &mut Batch, table: &Table, ports: &[u16]) {
    let (banned, input) = (banned(table), input(table));
    // What is there already stays, all rules go, the new ones come: one step for every packet.
    batch.add(table).add(&banned).add(&input).flush(table);

    batch.append(&input, Rule::new().when(ip::saddr().in_set(&banned)).counter().drop());
    batch.append(&input, Rule::new().when(ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)).accept());
    for &port in ports {
        batch.append(&input, Rule::new().when(udp::dport().eq(port)).accept());
    }
    batch.append(&input, Rule::new().drop());
}

/// Replaces the rules. Bans stay, counters of rules start anew.
pub fn replace(conn: &mut Conn, ports: &[u16]) -> Result<(), Error> {
    let mut batch = Batch::new();
    describe(&mut batch, &table(), ports);
    // A rebuild that was killed may have left it.
    batch.add(&guard()).delete(&guard());
    conn.commit(&batch)
}

pub fn ban(conn: &mut Conn, address: Ipv4Addr, time: Duration) -> Result<(), Error> {
    conn.commit(Batch::new().refresh_elements(&banned(&table()), [Element::new(address).timeout(time)]))
}

/// Deletes the table and makes it anew: for a new version of the program, of which a chain has
/// another priority, which the kernel does not change, or which has no use for a chain any more.
pub fn rebuild(conn: &mut Conn, ports: &[u16]) -> Result<(), Error> {
    // At every moment one of the two is there as a whole, for every packet.
    let made = make_anew(conn, &guard(), ports).and_then(|()| make_anew(conn, &table(), ports));
    // If one was refused, the old table stays, alone.
    let mut batch = Batch::new();
    batch.add(&guard()).delete(&guard());
    let removed = conn.check(&batch).and_then(|()| conn.commit(&batch));
    made.and(removed)
}

fn make_anew(conn: &mut Conn, made: &Table, ports: &[u16]) -> Result<(), Error> {
    loop {
        let generation = conn.generation()?;
        let bans = match conn.elements(&banned(&table())) {
            Err(error) if error.is_not_found() => Vec::new(), // the first time
            read => read?,
        };
        let mut batch = Batch::new();
        batch.reset(made);
        describe(&mut batch, made, ports);
        // What was read is put back with what is left of its time, comments and counters.
        batch.add_elements(&banned(made), bans);
        // This takes the kernel until no packet is on its way that came before the other table was there.
        conn.check(&batch)?;
        match conn.commit_at(generation, &batch) {
            // Somebody committed since: a ban may be missing from what was read.
            Err(error) if error.is_stale() => continue,
            done => return done,
        }
    }
}
