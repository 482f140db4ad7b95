//! A firewall without privileges to spare: all are given up but the one that it takes, before anything else is done.
//!
//! Without arguments it shows itself, in a network namespace of its own, on real packets. With `--host` it sets up a
//! firewall where it is run.

mod lab;
#[path = "unprivileged/privileges.rs"]
mod privileges;
#[path = "lab/show.rs"]
mod show;

use std::env;
use std::error::Error;
use std::process::{Command as Process, ExitCode};

use clap::{Parser, Subcommand};
use lab::{Client, Server};
use nftlink::datum::{CtState, Icmpv6Type};
use nftlink::field::{ct, icmpv6, meta, tcp};
use nftlink::{Batch, Conn, Hook, Policy, Priority, Rule, Table};
use privileges::FORBIDDEN;

/// Sets up a firewall with CAP_NET_ADMIN and no other privilege.
///
/// Without arguments it shows how, with real packets, in a network namespace of its own, and the machine's firewall
/// stays as it is. With --host a command acts on the firewall of the namespace it is run in.
#[derive(Parser)]
#[command(name = "unprivileged")]
struct Cli {
    /// Acts on the firewall here; needs root, or a program that has CAP_NET_ADMIN
    #[arg(long, global = true)]
    host: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Lets in TCP connections for PORTS, answers to what this machine asks, and nothing else
    Allow {
        /// Destination ports
        #[arg(required = true)]
        ports: Vec<u16>,
        /// Fails if the kernel lets it do anything that takes another privilege
        #[arg(long)]
        prove: bool,
    },
    /// Removes what `allow` has set up
    Undo,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    show::exit(match show::command::<Cli, _>(cli.host, cli.command) {
        Some(command) => on_host(&command),
        None => demonstrate(),
    })
}

fn on_host(command: &Command) -> Result<(), Box<dyn Error>> {
    privileges::drop_all_but_net_admin()?;
    let (mut conn, table) = (Conn::open()?, Table::inet("nftlink-unprivileged"));
    match command {
        Command::Allow { ports, prove } => {
            allow(&mut conn, &table, ports)?;
            if *prove { prove_it() } else { Ok(()) }
        }
        Command::Undo => match conn.commit(Batch::new().delete(&table)) {
            Err(error) if error.is_not_found() => Err("there is no firewall here".into()),
            result => Ok(result?),
        },
    }
}

/// Sets up the firewall, in place of the one that may be there.
fn allow(conn: &mut Conn, table: &Table, ports: &[u16]) -> Result<(), nftlink::Error> {
    let input = table.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
    // Without neighbour discovery nobody finds the machine's IPv6 addresses.
    let neighbours = [Icmpv6Type::ND_NEIGHBOR_SOLICIT, Icmpv6Type::ND_NEIGHBOR_ADVERT];
    let mut batch = Batch::new();
    batch.reset(table).add(&input);
    batch.append(&input, Rule::new().when(ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)).accept());
    batch.append(&input, Rule::new().when(meta::iifname().eq("lo")).accept());
    batch.append(&input, Rule::new().when(icmpv6::icmpv6_type().one_of(neighbours)).accept());
    batch.append(&input, Rule::new().when(tcp::dport().one_of(ports.iter().copied())).accept());
    conn.commit(&batch)
}

/// Tries what takes another privilege.
fn prove_it() -> Result<(), Box<dyn Error>> {
    println!("The process that set it up:");
    for line in privileges::held()?.lines() {
        println!("    {line}");
    }
    for forbidden in &FORBIDDEN {
        let refused = forbidden.is_refused();
        println!("    {:<50} {}", forbidden.what, if refused { "refused" } else { "NOT REFUSED" });
        if !refused {
            return Err(format!("{}: it should have been refused", forbidden.what).into());
        }
    }
    Ok(())
}

/// A client asks a server, whose firewall another process has set up that can do nothing else.
fn demonstrate() -> Result<(), Box<dyn Error>> {
    let stage = show::stage()?;
    let (open, closed) = (80, 8080);
    println!("TCP port {open} is open, and nothing else.");
    // A process of its own, since making namespaces takes more than it is to have.
    let arguments = ["--host", "allow", "--prove", &open.to_string()].map(str::to_owned);
    let status = Process::new(env::current_exe()?).args(arguments).status()?;
    if !status.success() {
        return Err(format!("the process that was to set up the firewall: {status}").into());
    }
    for (client, server) in stage.client_addresses.into_iter().zip(stage.server_addresses) {
        for (port, is_open) in [(open, true), (closed, false)] {
            let server = Server::tcp(&stage.server, (server, port))?;
            let answer = Client::tcp(&stage.client, (client, 0)).ask(server.address());
            show::packet(format_args!("TCP to {}", server.address()), answer, answer.passed() == is_open)?;
        }
    }
    println!("The ruleset that did it:");
    Ok(show::ruleset(&mut Conn::open()?)?)
}
