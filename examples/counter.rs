//! Named counters: rules count packets in them, and programs read them, without a rule being touched.
//!
//! Without arguments it shows itself, in a network namespace of its own, on real packets. With `--host` it counts
//! packets where it is run, and reads the named counters of any table there.

mod lab;
#[path = "lab/show.rs"]
mod show;

use std::error::Error;
use std::io::{Write as _, stdout};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use lab::{Client, Server};
use nftlink::field::{tcp, udp};
use nftlink::object::{Counter, Named, ObjectInfo, ObjectKind};
use nftlink::{Batch, Chain, Conn, Hook, Hooked, Priority, Rule, Table};

/// Counts packets in named counters, and reads them.
///
/// Without arguments it shows how, with real packets, in a network namespace of its own: it needs no privileges, and
/// the machine's firewall stays as it is. With --host a command acts on the firewall of the namespace it is run in.
#[derive(Parser)]
#[command(name = "counter")]
struct Cli {
    /// Acts on the firewall here; needs root
    #[arg(long, global = true)]
    host: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Counts the packets that come in for a port, in a counter called NAME
    Count {
        /// The counter's name, which must be new
        name: String,
        protocol: Protocol,
        /// The destination port
        port: u16,
    },
    /// Prints the counters called NAME, in whatever table they are, or all counters
    Show {
        /// A counter's name; without one, all are meant
        name: Option<String>,
        /// Sets them to zero; none of their packets is lost, and none counted twice
        #[arg(long)]
        reset: bool,
    },
    /// Prints the counters called NAME again and again, with what came since
    Watch {
        /// A counter's name
        name: String,
        /// Waits so long between: seconds, or as in 10m
        #[arg(long, value_name = "TIME", default_value = "1s", value_parser = show::parse_duration)]
        every: Duration,
    },
    /// Removes what `count` has set up
    Undo,
}

#[derive(Clone, Copy, ValueEnum)]
enum Protocol {
    Tcp,
    Udp,
}

/// The table and chain in which packets are counted.
struct Counting {
    table: Table,
    chain: Chain<Hooked>,
}

impl Counting {
    fn new() -> Self {
        let table = Table::inet("nftlink-counter").comment("made by nftlink's example counter");
        // After the filters, so that only what they let through is counted.
        let chain = table.chain("input").filter(Hook::INPUT, Priority::FILTER + 10);
        Self { table, chain }
    }

    /// Adds a counter, with a rule that counts the packets for a port; whatever is there already stays.
    fn count(&self, conn: &mut Conn, name: &str, protocol: Protocol, port: u16) -> Result<(), nftlink::Error> {
        let counter = Counter::named(&self.table, name);
        let to_port = match protocol {
            Protocol::Tcp => tcp::dport().eq(port),
            Protocol::Udp => udp::dport().eq(port),
        };
        let mut batch = Batch::new();
        // `create` refuses a counter that is there already: its packets would be counted twice.
        batch.add(&self.table).add(&self.chain).create(&counter);
        batch.append(&self.chain, Rule::new().when(to_port).object(&counter));
        conn.commit(&batch)
    }
}

/// Lists the counters of all tables, or those called `name`.
fn counters(conn: &mut Conn, name: Option<&str>) -> Result<Vec<ObjectInfo>, Box<dyn Error>> {
    let mut counters = conn.objects(..)?;
    counters.retain(|object| object.kind() == ObjectKind::COUNTER && name.is_none_or(|name| *object.name() == *name));
    match name {
        Some(name) if counters.is_empty() => Err(format!("no table here has a counter called {name}").into()),
        _ => Ok(counters),
    }
}

fn show_counters(conn: &mut Conn, name: Option<&str>, reset: bool) -> Result<(), Box<dyn Error>> {
    for info in counters(conn, name)? {
        let counter: Named<Counter> = Counter::named(info.table(), info.name());
        let value = if reset { conn.reset_counter(&counter)? } else { conn.counter(&counter)? };
        println!("{}: {}", info.at(), show::counter(&value));
    }
    Ok(())
}

fn watch(conn: &mut Conn, name: &str, every: Duration) -> Result<(), Box<dyn Error>> {
    let watched: Vec<_> = counters(conn, Some(name))?.iter().map(|c| Counter::named(c.table(), c.name())).collect();
    let mut before = vec![None; watched.len()];
    loop {
        for (counter, before) in watched.iter().zip(&mut before) {
            let now = conn.counter(counter)?;
            // Somebody may have set it to zero meanwhile.
            let since =
                before.replace(now).map(|before| now.packets.checked_sub(before.packets).unwrap_or(now.packets));
            let since = since.map(|packets| format!(", {packets} of them new")).unwrap_or_default();
            // Unlike `println!` it does not panic when its reader, as `head`, goes away.
            writeln!(stdout(), "{}: {}{since}", counter.at(), show::counter(&now))?;
        }
        sleep(every);
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    show::exit(match show::command::<Cli, _>(cli.host, cli.command) {
        Some(command) => on_host(&command),
        None => demonstrate(),
    })
}

fn on_host(command: &Command) -> Result<(), Box<dyn Error>> {
    let (mut conn, counting) = (Conn::open()?, Counting::new());
    match command {
        Command::Show { name, reset } => show_counters(&mut conn, name.as_deref(), *reset),
        Command::Watch { name, every } => watch(&mut conn, name, *every),
        Command::Count { name, protocol, port } => match counting.count(&mut conn, name, *protocol, *port) {
            Err(error) if error.is_exists() => Err(format!("there is a counter called {name} already").into()),
            result => Ok(result?),
        },
        Command::Undo => match conn.commit(Batch::new().delete(&counting.table)) {
            Err(error) if error.is_not_found() => Err("nothing is counted here".into()),
            result => Ok(result?),
        },
    }
}

/// A client asks a server, which counts the questions.
fn demonstrate() -> Result<(), Box<dyn Error>> {
    let stage = show::stage()?;
    let (mut conn, counting) = (Conn::open()?, Counting::new());
    println!("Questions over UDP to port 53 are counted as `dns`, packets over TCP to port 80 as `web`.");
    counting.count(&mut conn, "dns", Protocol::Udp, 53)?;
    counting.count(&mut conn, "web", Protocol::Tcp, 80)?;
    let dns = Counter::named(&counting.table, "dns");

    let mut packets = 0;
    for (client, server) in stage.client_addresses.into_iter().zip(stage.server_addresses) {
        let (dns_server, web) = (Server::udp(&stage.server, (server, 53))?, Server::tcp(&stage.server, (server, 80))?);
        let dns_client = Client::udp(&stage.client, (client, 0))?;
        for _ in 0..2 {
            let answer = dns_client.ask(dns_server.address());
            packets += 1;
            show::packet(format_args!("UDP to {}", dns_server.address()), answer, answer.passed())?;
            let counted = conn.counter(&dns)?;
            println!("        dns: {}", show::counter(&counted));
        }
        let answer = Client::tcp(&stage.client, (client, 0)).ask(web.address());
        show::packet(format_args!("TCP to {}", web.address()), answer, answer.passed())?;
    }
    println!("The ruleset that did it:");
    show::ruleset(&mut conn)?;
    println!("Read and set to zero in one step, then read again:");
    let (last, again) = (conn.reset_counter(&dns)?, conn.counter(&dns)?);
    println!("    dns: {}; then {}", show::counter(&last), show::counter(&again));
    let right = last.packets == packets && again.packets == 0;
    if right { Ok(()) } else { Err(format!("there were {packets} packets").into()) }
}
