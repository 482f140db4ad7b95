use std::collections::HashSet;
use std::io::{self, BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use nftlink::field::ip;
use nftlink::{Batch, Conn, Error, Hook, Priority, Rule, Set, Table, Writer, WriterHandle};

/// Whom the gate lets in.
pub fn admitted() -> Set<Ipv4Addr> {
    Set::new(Table::inet("gate"), "admitted")
}

/// Sets up the gate. Those who were let in by an earlier run stay in.
pub fn set_up(conn: &mut Conn) -> Result<(), Error> {
    let (table, admitted) = (Table::inet("gate"), admitted());
    let chain = table.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&table).add(&admitted).add(&chain).flush(&chain);
    batch.append(&chain, Rule::new().when(ip::saddr().in_set(&admitted)).accept());
    batch.append(&chain, Rule::new().when(ip::saddr().in_prefix(Ipv4Addr::new(10, 0, 0, 0), 8)).drop());
    conn.commit(&batch)
}

/// One source of events: a connection and a batch that are kept. Each event is one commit, in microseconds.
pub struct Gate {
    conn: Conn,
    batch: Batch,
    admitted: Set<Ipv4Addr>,
}

impl Gate {
    pub fn open() -> Result<Self, Error> {
        let mut conn = Conn::open()?;
        set_up(&mut conn)?;
        Ok(Self { conn, batch: Batch::new(), admitted: admitted() })
    }

    /// Lets somebody in. Once the batch has been filled, this allocates nothing.
    pub fn admit(&mut self, who: Ipv4Addr) -> Result<(), Error> {
        self.batch.clear();
        self.batch.add_elements(&self.admitted, [who]);
        self.conn.commit(&self.batch)
    }

    /// Lets somebody in no longer.
    pub fn expel(&mut self, who: Ipv4Addr) -> Result<(), Error> {
        self.batch.clear();
        self.batch.delete_elements(&self.admitted, [who]);
        self.conn.commit(&self.batch)
    }

    /// Makes the set what it should be, by what differs: after the start, or after an error of which nobody knows
    /// what became of the event.
    pub fn make_it(&mut self, wanted: &HashSet<Ipv4Addr>) -> Result<(), Error> {
        let elements = self.conn.elements(&self.admitted)?;
        let there: HashSet<Ipv4Addr> = elements.iter().filter_map(|element| element.key().copied()).collect();
        self.batch.clear();
        self.batch.add_elements(&self.admitted, wanted.difference(&there).copied());
        self.batch.delete_elements(&self.admitted, there.difference(wanted).copied());
        self.conn.commit(&self.batch)
    }
}

/// Many sources of events: each client of this service, on a thread of its own, says `admit ADDRESS` or
/// `expel ADDRESS`, and hears what became of it. What several ask for at a time is one commit.
pub fn serve(listener: TcpListener, mut conn: Conn) -> Result<(), Error> {
    set_up(&mut conn)?;
    let writer = Writer::start(conn)?;
    for client in listener.incoming().flatten() {
        let handle = writer.handle();
        thread::spawn(move || attend(&client, &handle));
    }
    // Whatever was handed over by now is committed.
    writer.finish();
    Ok(())
}

fn attend(client: &TcpStream, handle: &WriterHandle) -> io::Result<()> {
    for line in BufReader::new(client).lines() {
        let answer = match obey(&line?, handle) {
            Some(Ok(())) => "done\n".to_owned(),
            // This one was refused; others that were committed with it do not notice.
            Some(Err(error)) if error.is_not_found() => "not there\n".to_owned(),
            Some(Err(error)) => format!("failed: {error}\n"),
            None => "admit ADDRESS, or expel ADDRESS\n".to_owned(),
        };
        io::Write::write_all(&mut &*client, answer.as_bytes())?;
    }
    Ok(())
}

fn obey(line: &str, handle: &WriterHandle) -> Option<Result<(), Error>> {
    let (verb, who) = line.split_once(' ')?;
    let who: Ipv4Addr = who.parse().ok()?;
    // An event takes what it needs with it: it may be called more than once, and elsewhere.
    Some(match verb {
        "admit" => handle.submit_and_wait(move |batch| _ = batch.add_elements(&admitted(), [who])),
        "expel" => handle.submit_and_wait(move |batch| _ = batch.delete_elements(&admitted(), [who])),
        _ => return None,
    })
}
