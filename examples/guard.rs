//! A guard: keeps a table as it is, says who changes it, and puts it back.
//!
//! Without arguments it shows itself, in a network namespace of its own, on real packets. With `--host` it guards a
//! table of the firewall where it is run. It needs `CAP_NET_ADMIN` and nothing else.

#[path = "guard/kept.rs"]
mod kept;
mod lab;
#[path = "lab/show.rs"]
mod show;
#[path = "guard/watch.rs"]
mod watch;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use lab::{Answer, Client, Server};
use nftlink::datum::L4Proto;
use nftlink::field::{ip, meta, udp};
use nftlink::{Batch, Chain, Conn, Family, Hook, Hooked, Name, Policy, Priority, Rule, Set, Table, TableRef};
use watch::{Guard, Outcome};

/// Keeps a table as it is: whoever changes it is named, and the table put back, in one step.
///
/// Without arguments it shows how, with real packets, in a network namespace of its own: it needs no privileges, and
/// the machine's firewall stays as it is. With --host it guards a table of the firewall of the namespace in which it
/// is run, until it is stopped: who means to change the table stops it first.
///
/// What is counted makes no difference, nor do elements whose time is up, nor those that packets put into sets. Where
/// the table is put back, counters and quotas go on; limits begin anew.
#[derive(Parser)]
#[command(name = "guard")]
struct Cli {
    /// Guards a table here; needs CAP_NET_ADMIN
    #[arg(long, requires = "table")]
    host: bool,
    /// inet, ip, ip6, arp, bridge or netdev
    #[arg(value_parser = show::parse_family, requires_all = ["host", "table"])]
    family: Option<Family>,
    /// The table to be kept as it is now
    table: Option<String>,
    /// A set or map of the table whose elements are for others to change; may be said again
    #[arg(long, value_name = "SET", requires = "host")]
    theirs: Vec<String>,
    /// Looks so often even if nothing is told: seconds, or as in 10m
    #[arg(long, value_name = "TIME", value_parser = show::parse_duration, default_value = "1m", requires = "host")]
    every: Duration,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    show::exit(match (cli.family, cli.table) {
        (Some(family), Some(table)) => on_host(&TableRef::new(family, table), cli.theirs, cli.every),
        _ => demonstrate(),
    })
}

fn on_host(table: &TableRef, theirs: Vec<String>, every: Duration) -> Result<(), Box<dyn Error>> {
    let mut guard = Guard::open(table, theirs.into_iter().map(Name::from))?.every(every);
    println!("table {table} is to stay as it is");
    loop {
        if let Some(report) = guard.next(None)? {
            println!("{report}");
        }
    }
}

/// A firewall that somebody takes apart again and again.
struct Firewall {
    table: Table,
    input: Chain<Hooked>,
    blocked: Set<Ipv4Addr>,
}

impl Firewall {
    fn new() -> Self {
        let table = Table::inet("fw").comment("made by nftlink's example guard");
        let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
        Self { blocked: Set::new(&table, "blocked").timeouts(), input, table }
    }

    fn set_up(&self, conn: &mut Conn) -> Result<(), nftlink::Error> {
        let mut batch = Batch::new();
        batch.add(&self.table).add(&self.blocked).add(&self.input);
        batch.append(&self.input, Rule::new().when(ip::saddr().in_set(&self.blocked)).drop().comment("blocked"));
        // Without it nobody finds an IPv6 neighbour.
        batch.append(&self.input, Rule::new().when(meta::l4proto().eq(L4Proto::ICMPV6)).accept().comment("neighbours"));
        batch.append(&self.input, Rule::new().when(udp::dport().eq(53)).counter().accept().comment("questions"));
        conn.commit(&batch)
    }
}

/// How long the guard may take in the demonstration.
const PATIENCE: Duration = Duration::from_secs(10);

fn demonstrate() -> Result<(), Box<dyn Error>> {
    let stage = show::stage()?;
    let (mut conn, firewall) = (Conn::open()?, Firewall::new());
    firewall.set_up(&mut conn)?;
    let (mut clients, mut servers) = (Vec::new(), Vec::new());
    for (client, server) in stage.client_addresses.into_iter().zip(stage.server_addresses) {
        clients.push(Client::udp(&stage.client, (client, 0))?);
        servers.push([53, 5353].map(|port| Server::udp(&stage.server, (server, port))));
    }
    let servers: Vec<[Server; 2]> =
        servers.into_iter().map(|[open, closed]| Ok([open?, closed?])).collect::<Result<_, lab::LabError>>()?;
    let ask = |is_whole: bool| -> Result<(), String> {
        for (client, servers) in clients.iter().zip(&servers) {
            for (server, passes) in servers.iter().zip([true, !is_whole]) {
                let answer = client.ask(server.address());
                let as_promised = if passes { answer.passed() } else { answer == Answer::Dropped };
                show::packet(format_args!("a question to {}", server.address()), answer, as_promised)?;
            }
        }
        Ok(())
    };

    println!("A firewall lets questions to port 53 in, and nothing else:");
    ask(true)?;
    let mut guard = Guard::open(&firewall.table, [firewall.blocked.at().name().clone()])?;

    println!("An intruder deletes the whole ruleset, while the guard sleeps:");
    intrude(|batch, _| {
        batch.flush_ruleset();
        Ok(())
    })?;
    ask(false)?;
    println!("The guard wakes up:");
    mended(&mut guard)?;
    ask(true)?;

    println!("The intruder lets everything in, by a rule before all others:");
    intrude(|batch, _| {
        batch.insert(&firewall.input, Rule::new().accept());
        Ok(())
    })?;
    mended(&mut guard)?;
    ask(true)?;

    println!("The intruder deletes a rule, and changes the policy:");
    intrude(|batch, conn| {
        let rules = conn.rules(&firewall.input)?;
        rules.iter().filter(|rule| rule.comment() == Some("questions")).for_each(|rule| _ = batch.delete(rule));
        batch.add(&firewall.input.clone().policy(Policy::ACCEPT));
        Ok(())
    })?;
    mended(&mut guard)?;
    ask(true)?;

    println!("Somebody blocks an address, in the set that is for others to fill:");
    intrude(|batch, _| {
        let IpAddr::V4(address) = stage.client_addresses[0] else { return Ok(()) };
        batch.add_elements(&firewall.blocked, [address]);
        Ok(())
    })?;
    // As long as it takes to read what is in the set.
    match guard.next(Some(Instant::now() + Duration::from_secs(2)))? {
        None => println!("    the guard has nothing against it"),
        Some(report) => return Err(format!("the guard should have nothing against it: {report}").into()),
    }
    let answer = clients[0].ask(servers[0][0].address());
    show::packet(format_args!("a question to {}", servers[0][0].address()), answer, answer == Answer::Dropped)?;

    println!("The intruder deletes the whole ruleset again; the block is put back, too:");
    intrude(|batch, _| {
        batch.flush_ruleset();
        Ok(())
    })?;
    mended(&mut guard)?;
    let answer = clients[0].ask(servers[0][0].address());
    Ok(show::packet(format_args!("a question to {}", servers[0][0].address()), answer, answer == Answer::Dropped)?)
}

/// Commits something by a thread of its own, whose name the kernel tells.
fn intrude(
    fill: impl FnOnce(&mut Batch, &mut Conn) -> Result<(), nftlink::Error> + Send,
) -> Result<(), Box<dyn Error>> {
    let commit = || {
        let (mut conn, mut batch) = (Conn::open()?, Batch::new());
        fill(&mut batch, &mut conn)?;
        conn.commit(&batch)
    };
    let done = thread::scope(|scope| {
        let intruder = thread::Builder::new().name("intruder".to_owned()).spawn_scoped(scope, commit)?;
        Ok::<_, std::io::Error>(intruder.join())
    })?;
    Ok(done.map_err(|_| "the intruder has panicked")??)
}

/// Waits until the guard has put something back, and prints what it tells.
fn mended(guard: &mut Guard) -> Result<(), Box<dyn Error>> {
    let report = guard.next(Some(Instant::now() + PATIENCE))?.ok_or("the guard has noticed nothing")?;
    report.to_string().lines().for_each(|line| println!("    {line}"));
    if matches!(report.outcome, Outcome::PutBack) { Ok(()) } else { Err("the guard should have put it back".into()) }
}
