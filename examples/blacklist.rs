//! A blacklist: packets from the addresses in two sets, of IPv4 and of IPv6, are dropped and counted. See `--help`.

mod lab;
#[path = "lab/show.rs"]
mod show;

use std::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use clap::{Parser, Subcommand};
use lab::{Answer, Client, Server};
use nftlink::datum::ParseIntervalError;
use nftlink::field::{ip, ip6};
use nftlink::{Batch, Chain, Conn, Element, Hook, Hooked, Interval, Priority, Rule, Set, Table, object};

/// Blocks addresses: what they send is dropped and counted.
///
/// Without arguments it shows how, with real packets, in a network namespace of its own: it needs no privileges, and
/// the machine's firewall stays as it is. With --host a command acts on the firewall of the namespace it is run in.
#[derive(Parser)]
#[command(name = "blacklist")]
struct Cli {
    /// Acts on the firewall here; needs root
    #[arg(long, global = true)]
    host: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Blocks addresses; those that are blocked already get the new timeout
    Add {
        /// ADDRESS, ADDRESS/LENGTH or FIRST-LAST, of IPv4 or IPv6
        #[arg(value_parser = parse)]
        addresses: Addresses,
        /// Lifts the block after so long: seconds, or as in 10m, 12h, 7d
        #[arg(long, value_name = "TIME", value_parser = show::parse_duration)]
        timeout: Option<Duration>,
    },
    /// Lifts a block, given as it was added
    Remove {
        /// ADDRESS, ADDRESS/LENGTH or FIRST-LAST, of IPv4 or IPv6
        #[arg(value_parser = parse)]
        addresses: Addresses,
    },
    /// Lists what is blocked, for how long still, and how much has been dropped
    List,
    /// Removes the blacklist and all that it has set up
    Undo,
}

#[derive(Clone, Copy)]
enum Addresses {
    V4(Interval<Ipv4Addr>),
    V6(Interval<Ipv6Addr>),
}

fn parse(text: &str) -> Result<Addresses, ParseIntervalError> {
    text.parse().map(Addresses::V4).or_else(|_| text.parse().map(Addresses::V6))
}

/// The firewall, as a description. Nothing is done before a batch is committed.
struct Blacklist {
    table: Table,
    ipv4: Set<Interval<Ipv4Addr>>,
    ipv6: Set<Interval<Ipv6Addr>>,
    dropped: object::Named<object::Counter>,
    chain: Chain<Hooked>,
}

impl Blacklist {
    fn new() -> Self {
        let table = Table::inet("nftlink-blacklist").comment("made by nftlink's example blacklist");
        Self {
            ipv4: Set::new(&table, "ipv4").timeouts(),
            ipv6: Set::new(&table, "ipv6").timeouts(),
            dropped: object::Counter::named(&table, "dropped"),
            // Before connection tracking and routing: cheap, and true also for what is forwarded to containers.
            chain: table.chain("prerouting").filter(Hook::PREROUTING, Priority::RAW),
            table,
        }
    }

    /// Sets the firewall up. What is there stays, but for the rules, which are made anew in the same atomic step.
    fn set_up(&self, batch: &mut Batch) {
        batch.add(&self.table).add(&self.ipv4).add(&self.ipv6).add(&self.dropped).add(&self.chain);
        batch.flush(&self.chain);
        let (from4, from6) = (ip::saddr().in_set(&self.ipv4), ip6::saddr().in_set(&self.ipv6));
        batch.append(&self.chain, Rule::new().when(from4).object(&self.dropped).drop().comment("from @ipv4"));
        batch.append(&self.chain, Rule::new().when(from6).object(&self.dropped).drop().comment("from @ipv6"));
    }

    fn block(&self, conn: &mut Conn, addresses: Addresses, timeout: Option<Duration>) -> Result<(), nftlink::Error> {
        // To an element zero means never, in a set that has timeouts.
        let timeout = timeout.unwrap_or_default();
        let mut batch = Batch::new();
        self.set_up(&mut batch);
        match addresses {
            Addresses::V4(addresses) => batch.refresh_elements(&self.ipv4, [Element::new(addresses).timeout(timeout)]),
            Addresses::V6(addresses) => batch.refresh_elements(&self.ipv6, [Element::new(addresses).timeout(timeout)]),
        };
        conn.commit(&batch)
    }

    fn unblock(&self, conn: &mut Conn, addresses: Addresses) -> Result<(), nftlink::Error> {
        let mut batch = Batch::new();
        match addresses {
            Addresses::V4(addresses) => batch.delete_elements(&self.ipv4, [addresses]),
            Addresses::V6(addresses) => batch.delete_elements(&self.ipv6, [addresses]),
        };
        conn.commit(&batch)
    }

    fn list(&self, conn: &mut Conn) -> Result<(), nftlink::Error> {
        conn.elements(&self.ipv4)?.iter().map(show::element).for_each(|line| println!("{line}"));
        conn.elements(&self.ipv6)?.iter().map(show::element).for_each(|line| println!("{line}"));
        println!("dropped: {}", show::counter(&conn.counter(&self.dropped)?));
        Ok(())
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    show::exit(match show::command::<Cli, _>(cli.host, cli.command) {
        Some(command) => on_host(command),
        None => demonstrate(),
    })
}

fn on_host(command: Command) -> Result<(), Box<dyn Error>> {
    let (mut conn, blacklist) = (Conn::open()?, Blacklist::new());
    let done = match command {
        Command::Add { addresses, timeout } => blacklist.block(&mut conn, addresses, timeout),
        Command::Remove { addresses } => blacklist.unblock(&mut conn, addresses),
        Command::List => blacklist.list(&mut conn),
        Command::Undo => conn.commit(Batch::new().delete(&blacklist.table)),
    };
    done.map_err(|error| match command {
        Command::Add { .. } if error.is_exists() => {
            "a part of these addresses is blocked already, by an entry that `list` shows: remove that first".into()
        }
        Command::Remove { .. } if error.is_not_found() => {
            "these addresses are not blocked; `list` shows what is, and only a whole entry can be removed".into()
        }
        Command::List | Command::Undo if error.is_not_found() => "there is no blacklist here".into(),
        _ => error.into(),
    })
}

/// A client that has an IPv4 and an IPv6 address asks the server that has the blacklist.
fn demonstrate() -> Result<(), Box<dyn Error>> {
    let stage = show::stage()?;
    let (mut clients, mut servers) = (Vec::new(), Vec::new());
    for (client, server) in stage.client_addresses.into_iter().zip(stage.server_addresses) {
        clients.push(Client::udp(&stage.client, (client, 0))?);
        servers.push(Server::udp(&stage.server, (server, 53))?);
    }
    let mut drops = 0;
    let mut ask = |passes: [bool; 2]| -> Result<(), String> {
        for ((client, server), passes) in clients.iter().zip(&servers).zip(passes) {
            let answer = client.ask(server.address());
            drops += u64::from(!passes);
            let as_promised = if passes { answer.passed() } else { answer == Answer::Dropped };
            show::packet(format_args!("a question to {}", server.address()), answer, as_promised)?;
        }
        Ok(())
    };

    let (mut conn, blacklist) = (Conn::open()?, Blacklist::new());
    println!("Nothing is blocked:");
    ask([true, true])?;

    println!("192.0.2.1 is blocked for half an hour, 2001:db8::/126 for good:");
    blacklist.block(&mut conn, parse("192.0.2.1")?, Some(Duration::from_secs(1800)))?;
    blacklist.block(&mut conn, parse("2001:db8::/126")?, None)?;
    ask([false, false])?;
    println!("The ruleset that did it:");
    show::ruleset(&mut conn)?;

    println!("Both blocks are lifted:");
    blacklist.unblock(&mut conn, parse("192.0.2.1")?)?;
    blacklist.unblock(&mut conn, parse("2001:db8::/126")?)?;
    ask([true, true])?;

    println!("192.0.2.0/24 is blocked for a second:");
    blacklist.block(&mut conn, parse("192.0.2.0/24")?, Some(Duration::from_secs(1)))?;
    ask([false, true])?;
    println!("A second later:");
    sleep(Duration::from_secs(1));
    ask([true, true])?;

    let dropped = conn.counter(&blacklist.dropped)?;
    println!("Dropped in all: {}.", show::counter(&dropped));
    // It may be more than the questions: who is blocked cannot ask for IPv6 neighbours either.
    if dropped.packets >= drops { Ok(()) } else { Err(format!("but {drops} questions had no answer").into()) }
}
