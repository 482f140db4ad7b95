//! A monitor: what is changed in the ruleset, commit by commit, and which process did it.
//!
//! Without arguments it shows itself, in a network namespace of its own. With `--host` it tells what becomes of the
//! firewall where it is run, as `nft monitor` does. It only listens, for which it needs `CAP_NET_ADMIN`.

mod lab;
#[path = "monitor/lines.rs"]
mod lines;
#[path = "lab/show.rs"]
mod show;

use std::error::Error;
use std::io::{Write as _, stdout};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use lines::Lines;
use nftlink::field::{ip, tcp};
use nftlink::monitor::{EventFilter, EventKinds, Monitor, Notice};
use nftlink::object::{Counter, Named};
use nftlink::{
    Batch, Chain, Conn, ConnOptions, Element, Family, Hook, Hooked, Interval, Policy, Priority, Rule, Set, Table,
    TableRef,
};

/// Tells what is changed in the ruleset, commit by commit, and which process did it.
///
/// Without --host it shows how, in a network namespace of its own: it needs no privileges. With --host it tells what
/// becomes of the firewall of the namespace in which it is run, until it is stopped; it changes nothing.
#[derive(Parser)]
#[command(name = "monitor")]
struct Cli {
    /// Listens here; needs CAP_NET_ADMIN
    #[arg(long)]
    host: bool,
    /// Tells of tables of this family: inet, ip, ip6, arp, bridge or netdev; may be said again
    #[arg(long, value_parser = show::parse_family)]
    family: Vec<Family>,
    /// Tells of this table; may be said again
    #[arg(long, num_args = 2, value_names = ["FAMILY", "NAME"])]
    table: Vec<String>,
    /// Tells of things of this kind; may be said again
    #[arg(long)]
    kind: Vec<Kind>,
    /// Tells of what is made or changed
    #[arg(long, conflicts_with = "deleted")]
    new: bool,
    /// Tells of what is deleted
    #[arg(long)]
    deleted: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Table,
    Chain,
    Rule,
    Set,
    Element,
    Object,
    Flowtable,
}

impl From<Kind> for EventKinds {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Table => Self::TABLE,
            Kind::Chain => Self::CHAIN,
            Kind::Rule => Self::RULE,
            Kind::Set => Self::SET,
            Kind::Element => Self::ELEMENT,
            Kind::Object => Self::OBJECT,
            Kind::Flowtable => Self::FLOWTABLE,
        }
    }
}

impl Cli {
    fn filter(&self) -> Result<EventFilter, String> {
        let mut filter = self.family.iter().fold(EventFilter::new(), |filter, family| filter.family(*family));
        for table in self.table.chunks_exact(2) {
            filter = filter.table(TableRef::new(show::parse_family(&table[0])?, &*table[1]));
        }
        filter = self.kind.iter().fold(filter, |filter, kind| filter.kinds((*kind).into()));
        Ok(match (self.new, self.deleted) {
            (true, _) => filter.only_new(),
            (_, true) => filter.only_deleted(),
            _ => filter,
        })
    }
}

/// Room for what comes while a terminal scrolls; an ordinary user gets less.
const BUFFER: usize = 16 << 20;

fn main() -> ExitCode {
    let cli = Cli::parse();
    show::exit(cli.filter().map_err(Into::into).and_then(|filter| match cli.host {
        true => on_host(filter),
        false => demonstrate(filter),
    }))
}

fn on_host(filter: EventFilter) -> Result<(), Box<dyn Error>> {
    let mut monitor = ConnOptions::new().receive_buffer(BUFFER).monitor()?.filter(filter);
    let mut lines = Lines::new(Conn::open()?);
    let mut conn = Conn::open()?;
    let mut resync = |monitor: &mut Monitor, lines: &mut Lines| -> Result<(), Box<dyn Error>> {
        let (ruleset, generation) = monitor.resync(&mut conn, |conn| conn.ruleset(..))?;
        lines.learn(&ruleset);
        let rules: usize = ruleset.tables().iter().map(|table| table.rules().len()).sum();
        let tables = ruleset.tables().len();
        Ok(writeln!(stdout(), "# at generation {generation} there are {tables} tables with {rules} rules")?)
    };
    resync(&mut monitor, &mut lines)?;
    loop {
        let notice = monitor.receive()?;
        stdout().write_all(lines.of(&notice)?.as_bytes())?;
        if let Notice::Overrun(_) = notice {
            resync(&mut monitor, &mut lines)?;
        }
    }
}

/// Another thread sets a firewall up, changes it and takes it away.
fn demonstrate(filter: EventFilter) -> Result<(), Box<dyn Error>> {
    lab::enter()?;
    let mut monitor = Monitor::open()?.filter(filter);
    let mut lines = Lines::new(Conn::open()?);
    for step in [set_up, block, tighten, tear_down] {
        // The kernel tells its name.
        let administrator = thread::Builder::new().name("administrator".to_owned());
        let done = administrator.spawn(move || step(&mut Conn::open()?, &Firewall::new()))?;
        done.join().map_err(|_| "the administrator has panicked")??;
        // When a commit returns, the monitor's socket has all that is told of it.
        while let Some(notice) = monitor.try_receive()? {
            stdout().write_all(lines.of(&notice)?.as_bytes())?;
        }
    }
    Ok(())
}

struct Firewall {
    table: Table,
    input: Chain<Hooked>,
    blocked: Set<Interval<Ipv4Addr>>,
    web: Named<Counter>,
}

impl Firewall {
    fn new() -> Self {
        let table = Table::inet("fw");
        Self {
            input: table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::ACCEPT),
            blocked: Set::new(&table, "blocked").timeouts(),
            web: Counter::named(&table, "web"),
            table,
        }
    }
}

fn set_up(conn: &mut Conn, firewall: &Firewall) -> Result<(), nftlink::Error> {
    let Firewall { table, input, blocked, web } = firewall;
    let mut batch = Batch::new();
    batch.add(table).add(blocked).add(web).add(input);
    batch.append(input, Rule::new().when(ip::saddr().in_set(blocked)).drop().comment("blocked"));
    batch.append(input, Rule::new().when(tcp::dport().eq(80)).object(web).accept());
    conn.commit(&batch)
}

fn block(conn: &mut Conn, firewall: &Firewall) -> Result<(), nftlink::Error> {
    let mut batch = Batch::new();
    batch.add_elements(&firewall.blocked, [Element::new(network(100)).timeout(Duration::from_secs(3600))]);
    batch.add_elements(&firewall.blocked, [network(104)]);
    conn.commit(&batch)
}

fn tighten(conn: &mut Conn, firewall: &Firewall) -> Result<(), nftlink::Error> {
    let rules = conn.rules(&firewall.input)?;
    let mut batch = Batch::new();
    batch.add(&firewall.input.clone().policy(Policy::DROP)).delete_elements(&firewall.blocked, [network(104)]);
    if let Some(last) = rules.last() {
        batch.insert(&firewall.input, Rule::new().when(tcp::dport().eq(22)).accept()).delete(last);
    }
    conn.commit(&batch)
}

fn tear_down(conn: &mut Conn, firewall: &Firewall) -> Result<(), nftlink::Error> {
    conn.commit(Batch::new().delete(&firewall.table))
}

fn network(third: u8) -> Interval<Ipv4Addr> {
    Interval::prefix(Ipv4Addr::new(198, 51, third, 0), 24)
}
