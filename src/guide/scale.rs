use std::net::Ipv4Addr;

use nftlink::expr::{Counter, Verdict};
use nftlink::field::{ip, udp};
use nftlink::{Batch, Chain, Conn, Error, Hook, Hooked, Loader, Map, Priority, Rule, RuleHandle, Set, Table, object};

/// One of very many who have an address of this host.
#[derive(Debug, Clone)]
pub struct Customer {
    pub number: u32,
    pub address: Ipv4Addr,
    pub ports: Vec<u16>,
}

fn table() -> Table {
    Table::ip("hosting")
}

fn input() -> Chain<Hooked> {
    table().chain("input").filter(Hook::INPUT, Priority::FILTER)
}

/// The chain that decides for an address: one lookup, instead of a rule for each that every packet has to pass.
fn doors() -> Map<Ipv4Addr, Verdict> {
    Map::new(table(), "doors")
}

/// What is shut out: filled beside the set that is in use, and put in its place in one step.
fn blocked() -> Loader<'static, Ipv4Addr> {
    Loader::new(&Set::new(table(), "blocked"))
}

impl Customer {
    fn chain(&self) -> Chain {
        table().chain(format!("customer{}", self.number))
    }

    /// Counts by itself: it is read by its name, without a listing of rules.
    fn received(&self) -> object::Named<object::Counter> {
        object::Counter::named(table(), format!("received{}", self.number))
    }

    fn add_to(&self, batch: &mut Batch) {
        let (chain, received) = (self.chain(), self.received());
        batch.add(&chain).add(&received);
        // One rule with a set of its own, instead of a rule for each port.
        let ports = udp::dport().one_of(self.ports.iter().copied());
        batch.append(&chain, Rule::new().when(ports).object(&received).accept());
        batch.append(&chain, Rule::new().drop());
        batch.create_elements(&doors(), [(self.address, Verdict::jump(&chain))]);
    }
}

/// Commits a change for each of many things: all in one batch if it fits the send buffer, else in as few as it takes.
/// Each thing is done as a whole, or not at all.
pub fn in_parts<T>(conn: &mut Conn, things: &[T], change: &impl Fn(&T, &mut Batch)) -> Result<(), Error> {
    let mut batch = Batch::new();
    things.iter().for_each(|thing| change(thing, &mut batch));
    match conn.commit(&batch) {
        Err(Error::TooLarge { .. }) if things.len() > 1 => {
            drop(batch);
            let (some, others) = things.split_at(things.len() / 2);
            in_parts(conn, some, change)?;
            in_parts(conn, others, change)
        }
        done => done,
    }
}

pub struct Hosting {
    conn: Conn,
    blocked: Set<Ipv4Addr>,
}

impl Hosting {
    /// Begins anew, without customers.
    pub fn open() -> Result<Self, Error> {
        let mut conn = Conn::open()?;
        let mut batch = Batch::new();
        batch.reset(&table()).add(&input()).add(&doors());
        conn.commit(&batch)?;
        let blocked = blocked().load(&mut conn, [Ipv4Addr::UNSPECIFIED; 0])?;
        batch.clear();
        batch.append(input(), Rule::new().when(ip::saddr().in_set(&blocked)).drop());
        batch.append(input(), Rule::new().vmap(ip::daddr(), &doors()));
        conn.commit(&batch)?;
        Ok(Self { conn, blocked })
    }

    /// Adds customers. A thousand in one batch cost the kernel little more than one: it looks over the table once.
    pub fn add(&mut self, customers: &[Customer]) -> Result<(), Error> {
        in_parts(&mut self.conn, customers, &Customer::add_to)
    }

    /// Removes a customer, by names that are known: nothing has to be listed or found.
    pub fn remove(&mut self, customer: &Customer) -> Result<(), Error> {
        let (chain, mut batch) = (customer.chain(), Batch::new());
        batch.delete_keys(&doors(), [customer.address]);
        batch.flush(&chain).delete(&chain).delete(&customer.received());
        self.conn.commit(&batch)
    }

    pub fn received(&mut self, customer: &Customer) -> Result<Counter, Error> {
        self.conn.counter(customer.received())
    }

    /// Shuts out these addresses, however many, and lets in all others that were shut out before.
    pub fn block(&mut self, addresses: impl IntoIterator<Item = Ipv4Addr>) -> Result<(), Error> {
        self.blocked = blocked().load(&mut self.conn, addresses)?;
        Ok(())
    }

    /// Reads one element, not the set.
    pub fn is_blocked(&mut self, address: Ipv4Addr) -> Result<bool, Error> {
        match self.conn.element(&self.blocked, address) {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets nobody in. Whoever keeps the handle need not look for the rule.
    pub fn close(&mut self) -> Result<RuleHandle, Error> {
        let mut batch = Batch::new();
        let rule = batch.insert(input(), Rule::new().drop()).last();
        let applied = self.conn.commit_with_handles(&batch)?;
        Ok(applied.rule(rule).expect("one handle fits every receive buffer"))
    }

    pub fn open_again(&mut self, closed: RuleHandle) -> Result<(), Error> {
        self.conn.commit(Batch::new().delete_rule(input(), closed))
    }
}
